/* cmd_key - `secureev key`: make, keep and move signing keys. SPDX-License-Identifier: MIT */
#include "cli.h"
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secureev/spki.h"

#define PEM_FILE_BYTES_MAX 65536u

/* ------------------------------------------------------------- printing */

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

/* What is said of a key; in canonical order of members, so callers may add some in between. */
struct shown {
    const struct sev_key_entry *entry;
    const char *keystore;
    sev_slice pem;    /* or empty */
    sev_slice object; /* or empty */
};

static void emit_key(sev_json_writer *w, const void *context)
{
    const struct shown *s = context;
    const struct sev_key_entry *e = s->entry;
    sev_json_w_object(w);
    if (e->damage != SEV_OK)
        sev_json_w_string_member(w, "error", text(sev_err_id(e->damage)));
    sev_json_w_string_member(w, "id", text(e->id));
    if (s->object.len != 0) {
        sev_json_w_name(w, SEV_LIT("key"));
        sev_json_w_raw(w, s->object);
    }
    if (s->keystore != NULL)
        cli_json_member(w, "keystore", s->keystore);
    if (e->damage == SEV_OK)
        sev_json_w_string_member(w, "name", text(e->name));
    if (s->pem.len != 0)
        sev_json_w_string_member(w, "pem", s->pem);
    if (e->damage == SEV_OK)
        sev_json_w_string_member(w, "type", text(cli_key_type(&e->key)));
    sev_json_w_object_end(w);
}

static void emit_list(sev_json_writer *w, const void *context)
{
    const struct sev_key_entries *list = context;
    sev_json_w_array(w);
    for (size_t i = 0; i < list->count; i++)
        emit_key(w, &(struct shown){.entry = &list->entries[i]});
    sev_json_w_array_end(w);
}

/* One line on a key that was made, brought in or changed. */
static int report_key(struct cli *c, const struct sev_keystore *ks,
                      const struct sev_key_entry *entry, const char *what)
{
    if (cli_json(c))
        return cli_print_json(c, emit_key, &(struct shown){.entry = entry, .keystore = ks->dir});
    cli_print(c, "%s %s%s%s %s\n", what, cli_key_type(&entry->key),
              entry->name[0] != '\0' ? " " : "", entry->name, entry->id);
    return 0;
}

/* --------------------------------------------------- generate and import */

/* Into the keystore under a new passphrase. */
static int keep(struct cli *c, const struct sev_keystore *ks, const struct sev_privkey *key,
                const char *what)
{
    struct cli_secret secret = {0};
    struct sev_key_entry entry = {0};
    const char *name = cli_opt(c, "name");
    int code = cli_passphrase(c, "", "Passphrase of the new key", CLI_ASK_TWICE, &secret);
    if (code != 0)
        return code;
    sev_err err = sev_keystore_add(ks, name != NULL ? name : "", key, cli_secret_slice(&secret),
                                   SEV_KEYSTORE_COST, &entry);
    cli_secret_wipe(&secret);
    if (err != SEV_OK)
        return cli_key_fail(c, err, "the key was not kept");
    return report_key(c, ks, &entry, what);
}

static int check_name(struct cli *c)
{
    const char *name = cli_opt(c, "name");
    if (name == NULL || sev_key_label_ok(name))
        return 0;
    return cli_usage(c,
                     "--name cannot be \"%s\"; it has at most %u letters, digits and . _ - @ +, "
                     "begins with a letter or digit, and is not all hexadecimal like an id",
                     name, SEV_KEY_LABEL_CHARS_MAX);
}

static const struct {
    const char *name;
    sev_key_type type;
    unsigned bits;
} types[] = {
    {"p256", SEV_KEY_P256, 0},      {"ed25519", SEV_KEY_ED25519, 0},
    {"rsa2048", SEV_KEY_RSA, 2048}, {"rsa3072", SEV_KEY_RSA, 3072},
    {"rsa4096", SEV_KEY_RSA, 4096}, {"secp256k1", SEV_KEY_SECP256K1, 0},
    {"x25519", SEV_KEY_X25519, 0},
};

static int run_generate(struct cli *c)
{
    struct sev_keystore ks;
    struct sev_privkey *key = NULL;
    size_t i = 0;
    while (strcmp(types[i].name, cli_opt(c, "type")) != 0)
        i++; /* the parser let only these through */
    int code = check_name(c);
    if (code == 0)
        code = cli_keystore(c, true, &ks);
    if (code != 0)
        return code;
    sev_err err = sev_privkey_generate(types[i].type, types[i].bits, &key);
    if (err != SEV_OK)
        return cli_key_fail(c, err, "no key was made");
    code = keep(c, &ks, key, "made");
    sev_privkey_free(key);
    return code;
}

/* Standard input to its end. */
static sev_err read_stdin(const struct sev_fs *fs, struct sev_bytes *out)
{
    struct sev_bytes b = {0};
    sev_err err = sev_bytes_new(fs, PEM_FILE_BYTES_MAX, &b);
    size_t len = 0;
    while (err == SEV_OK) {
        ssize_t n = read(STDIN_FILENO, b.ptr + len, b.len - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
        err = n < 0 ? SEV_E_IO : len == b.len ? SEV_E_TOO_LONG : SEV_OK;
    }
    if (err != SEV_OK) {
        sev_bytes_wipe(fs, &b);
        return err;
    }
    b.ptr[len] = 0;
    b.len = len;
    *out = b;
    return SEV_OK;
}

static int run_import(struct cli *c)
{
    const struct sev_fs *fs = cli_fs(c);
    const char *path = cli_arg(c, 0);
    struct sev_keystore ks;
    struct sev_bytes pem = {0};
    struct cli_secret secret = {0};
    struct sev_privkey *key = NULL;
    int code = check_name(c);
    if (code == 0)
        code = cli_keystore(c, true, &ks);
    if (code != 0)
        return code;
    bool standard_input = strcmp(path, "-") == 0;
    sev_err err = standard_input ? read_stdin(fs, &pem)
                                 : sev_file_read(fs, path, PEM_FILE_BYTES_MAX, 0, &pem);
    if (err != SEV_OK)
        return standard_input ? cli_fail(c, err, NULL, "cannot read standard input")
                              : cli_fail_fs(c, err, NULL);
    err = sev_privkey_from_pem(sev_bytes_slice(&pem), SEV_EMPTY, &key);
    if (err == SEV_E_PASSPHRASE) { /* it is encrypted */
        code = cli_passphrase(c, "import-", "Passphrase of the file", CLI_ASK_ONCE, &secret);
        if (code == 0)
            err = sev_privkey_from_pem(sev_bytes_slice(&pem), cli_secret_slice(&secret), &key);
    }
    if (code == 0 && err == SEV_E_PASSPHRASE)
        code = cli_fail(c, err, "give the one that the file was encrypted with", "%s", path);
    else if (code == 0 && err != SEV_OK)
        code = cli_fail(c, err == SEV_E_KEY ? SEV_E_PRIVATE_KEY : err,
                        "it takes PKCS#8 in PEM, as openssl genpkey writes it: P-256, Ed25519, "
                        "RSA of 2048 to 4096 bits, secp256k1 or X25519",
                        "%s", standard_input ? "standard input" : path);
    cli_secret_wipe(&secret);
    sev_bytes_wipe(fs, &pem);
    if (code == 0)
        code = keep(c, &ks, key, "imported");
    sev_privkey_free(key);
    return code;
}

/* --------------------------------------------------------- list and show */

static int run_list(struct cli *c)
{
    struct sev_keystore ks;
    struct sev_key_entries list = {0};
    int code = cli_keystore(c, false, &ks);
    if (code != 0)
        return code;
    sev_err err = sev_keystore_list(&ks, &list);
    if (err != SEV_OK)
        return cli_fail_fs(c, err, NULL);
    if (cli_json(c))
        code = cli_print_json(c, emit_list, &list);
    for (size_t i = 0; !cli_json(c) && i < list.count; i++) {
        const struct sev_key_entry *e = &list.entries[i];
        cli_print(c, "%s  %-9s  %s\n", e->id,
                  e->damage != SEV_OK ? "damaged" : cli_key_type(&e->key), e->name);
    }
    sev_key_entries_free(&ks, &list);
    return code;
}

static int run_show(struct cli *c)
{
    struct sev_keystore ks;
    struct sev_key_entry e;
    uint8_t bytes[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf object = sev_buf_of(bytes, sizeof bytes);
    int code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, cli_arg(c, 0), &e);
    if (code != 0)
        return code;
    sev_err err = sev_key_object(&e.key, SEV_PROFILE_NATIVE, &object);
    if (err != SEV_OK)
        return cli_key_fail(c, err, "the public key cannot be written");
    if (cli_json(c))
        return cli_print_json(
            c, emit_key,
            &(struct shown){.entry = &e, .keystore = ks.dir, .object = sev_buf_slice(&object)});
    cli_print(c, "name    %s\nid      %s\ntype    %s\nfile    %s/%s.key\n",
              e.name[0] != '\0' ? e.name : "(none)", e.id, cli_key_type(&e.key), ks.dir, e.id);
    cli_print(c, "scrypt  n=%llu r=%u p=%u\npublic  ", (unsigned long long)e.cost.n, e.cost.r,
              e.cost.p);
    cli_print_bytes(c, sev_buf_slice(&object));
    cli_print(c, "\n");
    return 0;
}

/* --------------------------------------------------------------- export */

/* To standard output or into the new file of --out. */
static int put_out(struct cli *c, const struct shown *s, sev_slice plain, unsigned mode)
{
    const char *path = cli_opt(c, "out");
    if (path != NULL) {
        sev_err err = sev_file_create(cli_fs(c), path, plain, mode);
        if (err != SEV_OK)
            return cli_fail_fs(c, err, NULL);
    }
    if (cli_json(c))
        return cli_print_json(c, emit_key, path == NULL ? s : &(struct shown){.entry = s->entry});
    if (path == NULL)
        cli_print_bytes(c, plain);
    else
        cli_note(c, "wrote %s", path);
    return 0;
}

static sev_err public_pem(const struct sev_pubkey *key, sev_buf *out)
{
    uint8_t bytes[SEV_PUBKEY_BYTES_MAX];
    sev_buf der = sev_buf_of(bytes, sizeof bytes);
    sev_err err = sev_spki_encode(key, &der);
    if (err == SEV_OK)
        sev_pem_encode(sev_buf_slice(&der), "PUBLIC KEY", out);
    return err != SEV_OK ? err : out->overflow ? SEV_E_BUG : SEV_OK;
}

static int export_public(struct cli *c, const struct sev_key_entry *e)
{
    uint8_t bytes[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    struct shown s = {.entry = e};
    bool pem = cli_flag(c, "pem");
    sev_err err = pem ? public_pem(&e->key, &b) : sev_key_object(&e->key, SEV_PROFILE_NATIVE, &b);
    if (err != SEV_OK)
        return cli_key_fail(c, err, "the public key cannot be written");
    *(pem ? &s.pem : &s.object) = sev_buf_slice(&b);
    if (!pem)
        sev_buf_put_byte(&b, '\n');
    return put_out(c, &s, sev_buf_slice(&b), 0644);
}

static int export_private(struct cli *c, const struct sev_keystore *ks,
                          const struct sev_key_entry *e)
{
    uint8_t bytes[SEV_PRIVKEY_BYTES_MAX];
    sev_buf pem = sev_buf_of(bytes, sizeof bytes);
    struct cli_secret secret = {0};
    struct sev_privkey *key = NULL;
    int code = cli_key_open(c, ks, e, "", &key);
    if (code == 0 && !cli_flag(c, "plain"))
        code =
            cli_passphrase(c, "export-", "Passphrase of the exported key", CLI_ASK_TWICE, &secret);
    if (code == 0) {
        /* Without --plain an empty passphrase is refused twice: nothing leaves in the clear.
         * REQ-H34 */
        sev_slice passphrase = cli_flag(c, "plain") ? SEV_EMPTY : cli_secret_slice(&secret);
        sev_err err = sev_privkey_to_pem(key, passphrase, &pem);
        if (err != SEV_OK)
            code = cli_key_fail(c, err, "the key cannot be written");
    }
    cli_secret_wipe(&secret);
    sev_privkey_free(key);
    if (code == 0)
        code = put_out(c, &(struct shown){.entry = e, .pem = sev_buf_slice(&pem)},
                       sev_buf_slice(&pem), 0600);
    sev_wipe(bytes, sizeof bytes);
    return code;
}

static int run_export(struct cli *c)
{
    struct sev_keystore ks;
    struct sev_key_entry e;
    bool public = cli_flag(c, "public");
    if (public && cli_flag(c, "plain"))
        return cli_usage(c, "--plain is about private keys, --public gives the public one");
    if (!public && cli_flag(c, "pem"))
        return cli_usage(c, "--pem goes with --public; a private key is PEM in any case");
    int code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, cli_arg(c, 0), &e);
    if (code != 0)
        return code;
    return public ? export_public(c, &e) : export_private(c, &ks, &e);
}

/* --------------------------------------------------------------- passwd */

static int run_passwd(struct cli *c)
{
    struct sev_keystore ks;
    struct sev_key_entry e;
    struct cli_secret old = {0}, new = {0};
    int code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, cli_arg(c, 0), &e);
    if (code == 0)
        code = cli_passphrase(c, "", "Present passphrase", CLI_ASK_ONCE, &old);
    if (code == 0)
        code = cli_passphrase(c, "new-", "New passphrase", CLI_ASK_TWICE, &new);
    if (code == 0) {
        sev_err err = sev_keystore_passwd(&ks, e.id, cli_secret_slice(&old), cli_secret_slice(&new),
                                          SEV_KEYSTORE_COST);
        if (err != SEV_OK)
            code = cli_key_fail(c, err, "the passphrase is as it was");
    }
    cli_secret_wipe(&old);
    cli_secret_wipe(&new);
    return code != 0 ? code : report_key(c, &ks, &e, "changed the passphrase of");
}

/* ---------------------------------------------------------------- table */

static const struct cli_option key_options[] = {CLI_KEYSTORE_OPTION, {0}};

static const struct cli_option generate_options[] = {
    {.name = "type",
     .value = "TYPE",
     .help = "kind of key",
     .choices = "p256 ed25519 rsa2048 rsa3072 rsa4096 secp256k1 x25519",
     .fallback = "p256"},
    {.name = "name", .value = "NAME", .help = "what to call the key"},
    CLI_PASSPHRASE_OPTIONS("", " of the new key"),
    {0}};
static const struct cli_option import_options[] = {
    {.name = "name", .value = "NAME", .help = "what to call the key"},
    CLI_PASSPHRASE_OPTIONS("", " that the key will have in the keystore"),
    CLI_PASSPHRASE_OPTIONS("import-", " that the file has"),
    {0}};
static const struct cli_option export_options[] = {
    {.name = "public", .help = "the public key, as a TUF key object (JSON)"},
    {.name = "pem", .help = "with --public: as SubjectPublicKeyInfo in PEM instead"},
    {.name = "plain", .help = "the private key without encryption: whoever reads it has it"},
    {.name = "out", .value = "FILE", .help = "write there; must not exist yet"},
    CLI_PASSPHRASE_OPTIONS("", " of the key"),
    CLI_PASSPHRASE_OPTIONS("export-", " that the exported key will have"),
    {0}};
static const struct cli_option passwd_options[] = {
    CLI_PASSPHRASE_OPTIONS("", " that the key has"),
    CLI_PASSPHRASE_OPTIONS("new-", " that it will have"),
    {0}};

static const struct cli_positional key_argument[] = {
    {"KEY", "a key's name, or at least 8 characters of its id", CLI_REQUIRED}, {0}};
static const struct cli_positional file_argument[] = {
    {"FILE", "a private key as PKCS#8 in PEM, encrypted or not; - is standard input", CLI_REQUIRED},
    {0}};

static const struct cli_example generate_examples[] = {
    {"A key for a root role, passphrase typed twice", "secureev key generate --name root-1"},
    {"In a script", "secureev key generate --type ed25519 --name ci --passphrase-file secret.txt"},
    {NULL, NULL}};
static const struct cli_example import_examples[] = {
    {"A key that OpenSSL made",
     "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem\n"
     "secureev key import k.pem --name old-root"},
    {NULL, NULL}};
static const struct cli_example export_examples[] = {
    {"The public key, for whoever writes the root file",
     "secureev key export root-1 --public --out root-1.json"},
    {"An encrypted copy for the safe", "secureev key export root-1 --out root-1.pem"},
    {NULL, NULL}};

static const struct cli_command subcommands[] = {
    {.name = "generate",
     .summary = "Make a key pair and keep it",
     .details = "Only p256, ed25519 and rsa keys can sign metadata. secp256k1 is for the key "
                "service, x25519 receives content keys (kem).",
     .options = generate_options,
     .examples = generate_examples,
     .run = run_generate},
    {.name = "list", .summary = "List the keys: id, type, name", .run = run_list},
    {.name = "show",
     .summary = "Show what is known of a key without its passphrase",
     .positionals = key_argument,
     .run = run_show},
    {.name = "import",
     .summary = "Take in a private key from elsewhere",
     .details = "The file is left as it is: destroy it when the key was imported.",
     .options = import_options,
     .positionals = file_argument,
     .examples = import_examples,
     .run = run_import},
    {.name = "export",
     .summary = "Give out a key: the private one encrypted, or the public one",
     .options = export_options,
     .positionals = key_argument,
     .examples = export_examples,
     .run = run_export},
    {.name = "passwd",
     .summary = "Change the passphrase of a key",
     .details = "The file is written anew and takes the place of the old one in one step. A "
                "copy of the old file, in a backup for instance, still opens with the old "
                "passphrase.",
     .options = passwd_options,
     .positionals = key_argument,
     .run = run_passwd},
    {0}};

static const struct cli_example key_examples[] = {{"Make, look, give out the public part",
                                                   "secureev key generate --name root-1\n"
                                                   "secureev key list\n"
                                                   "secureev key export root-1 --public"},
                                                  {NULL, NULL}};

const struct cli_command cmd_key = {
    .name = "key",
    .summary = "Make, keep and move signing keys",
    .details = "Keys lie in a folder, one file each, encrypted under a passphrase (scrypt, "
               "AES-256-GCM). The id of a key is that of TUF. Passphrases come from a file, from "
               "a descriptor, or from the terminal; never from an argument or the environment.",
    .options = key_options,
    .examples = key_examples,
    .subcommands = subcommands};
