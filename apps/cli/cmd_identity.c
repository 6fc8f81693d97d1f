/* cmd_identity - `secureev identity`: make an identity, change it, give it up, and look at those of
 * others without believing the registry. SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "identity.h"

#define LOG_BYTES_MAX IDENTITY_LOG_BYTES_MAX

static void emit_state(sev_json_writer *w, const void *context)
{
    identity_emit(w, context, false);
}

static void emit_document(sev_json_writer *w, const void *context)
{
    identity_emit(w, context, true);
}

static int say(struct cli *c, const struct sev_did_state *s)
{
    if (cli_json(c))
        return cli_print_json(c, emit_state, s);
    cli_print_text(c, sev_did_id(&s->newest.document));
    cli_print(c, "  version %lld%s\n", (long long)s->newest.version,
              s->newest.deactivated ? ", given up" : "");
    return 0;
}

static int say_document(struct cli *c, const struct sev_did_state *s)
{
    return cli_json(c) ? cli_print_json(c, emit_document, s) : say(c, s);
}

static int connect_to(struct cli *c, struct sev_http_client **out)
{
    struct server_access access = {.url = cli_opt(c, "server"),
                                   .ca = cli_opt(c, "ca"),
                                   .certificate = cli_opt(c, "certificate"),
                                   .key = cli_opt(c, "key")};
    if (access.ca == NULL)
        return cli_usage(c, "--server needs --ca");
    return server_open(c, &access, out);
}

/* The registry, when one was named. */
static int publish(struct cli *c, struct identity *id)
{
    struct sev_http_client *client = NULL;
    if (cli_opt(c, "server") == NULL)
        return 0;
    int code = connect_to(c, &client);
    if (code == 0)
        code = identity_publish(id, cli_opt(c, "server"), client);
    sev_http_client_free(client);
    return code;
}

/* ------------------------------------------------------------------- create */

static int run_create(struct cli *c)
{
    struct identity id;
    size_t count;
    const char *const *recovery = cli_opt_all(c, "recovery", &count);
    int code = identity_open(c, true, &id);
    if (code == 0 && id.log.len != 0)
        code = cli_fail(c, SEV_E_EXISTS, NULL, "%s has an identity", id.dir);
    if (code == 0)
        code = identity_begin(&id, recovery, count);
    if (code == 0)
        code = publish(c, &id);
    if (code == 0)
        code = say(c, &id.state);
    identity_close(&id);
    return code;
}

/* ----------------------------------------------------- update and deactivate */

/* The folder's own key, or one that was set aside, of a keystore. */
static int signing_key(struct cli *c, struct identity *id, struct sev_privkey **out)
{
    struct sev_keystore ks;
    struct sev_key_entry entry;
    char file[40];
    const char *name = cli_opt(c, "signed-with");
    if (name == NULL) {
        identity_key_file("update", id->state.newest.version + 1, file);
        return identity_key(id, file, false, out);
    }
    int code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, name, &entry);
    if (code == 0 && entry.key.type != SEV_KEY_P256)
        code = cli_fail(c, SEV_E_UNSUPPORTED, "identities have keys of type p256", "key %s", name);
    return code == 0 ? cli_key_open(c, &ks, &entry, "", out) : code;
}

static void follow(const struct identity *id, const struct sev_privkey *key,
                   struct sev_did_entry *e)
{
    *e = id->state.newest;
    e->version++;
    e->time = (sev_time)time(NULL);
    if (e->time < id->state.newest.time)
        e->time = id->state.newest.time; /* a clock that was set back */
    memcpy(e->previous, id->state.hash, sizeof e->previous);
    memcpy(e->update_key, sev_privkey_public(key)->material + 1, SEV_DID_POINT_BYTES);
    e->next_count = 0;
}

/* What was announced and not used stays announced; but whoever needs a key that was set aside does
 * not trust the others any more. */
static void carry_on(const struct identity *id, bool with_recovery, struct sev_did_entry *e)
{
    uint8_t used[SEV_SHA256_BYTES];
    sev_did_key_hash(e->update_key, used);
    for (uint32_t i = 0; i < id->state.newest.next_count && !with_recovery; i++)
        if (memcmp(id->state.newest.next[i], used, sizeof used) != 0)
            memcpy(e->next[e->next_count++], id->state.newest.next[i], SEV_SHA256_BYTES);
}

static int read_agreement(struct cli *c, struct sev_did_document *d)
{
    struct sev_bytes pem = {NULL, 0};
    struct sev_pubkey key = {.type = SEV_KEY_UNKNOWN};
    const char *path = cli_opt(c, "agreement");
    if (path == NULL)
        return 0;
    sev_err e = sev_file_read(cli_fs(c), path, 65536, 0, &pem);
    if (e == SEV_OK)
        e = sev_pubkey_from_pem(sev_bytes_slice(&pem), &key);
    sev_bytes_free(cli_fs(c), &pem);
    if (e == SEV_OK && key.type != SEV_KEY_X25519)
        e = SEV_E_UNSUPPORTED;
    if (e != SEV_OK)
        return cli_fail(c, e, "a public key (X25519) in PEM", "%s", path);
    d->agreement_count = 1;
    memcpy(d->agreement[0], key.material, SEV_DID_X25519_BYTES);
    return 0;
}

static int change(struct cli *c, struct identity *id, const struct sev_privkey *key,
                  struct sev_did_entry *e)
{
    struct sev_privkey *next = NULL, *own = NULL;
    char file[40];
    size_t count;
    const char *const *recovery = cli_opt_all(c, "recovery", &count);
    follow(id, key, e);
    identity_key_file("update", e->version + 1, file);
    int code = identity_key(id, file, true, &next);
    if (code == 0) {
        sev_did_key_hash(sev_privkey_public(next)->material + 1, e->next[e->next_count++]);
        carry_on(id, cli_opt(c, "signed-with") != NULL, e);
        code = identity_announce(id, recovery, count, e);
    }
    identity_key_file("identity", e->version, file);
    if (code == 0 && cli_flag(c, "new-key"))
        code = identity_key(id, file, true, &own);
    if (code == 0 && own != NULL) {
        e->document.authentication_count = 1;
        memcpy(e->document.authentication[0], sev_privkey_public(own)->material + 1,
               SEV_DID_POINT_BYTES);
    }
    if (code == 0)
        code = read_agreement(c, &e->document);
    sev_privkey_free(next);
    sev_privkey_free(own);
    return code;
}

static int run_change(struct cli *c, bool end)
{
    struct identity id;
    struct sev_privkey *key = NULL;
    struct sev_did_entry e;
    int code = identity_open(c, false, &id);
    if (code == 0 && id.state.newest.deactivated)
        code = cli_fail(c, SEV_E_DID_DEACTIVATED, NULL, "%s", id.dir);
    if (code == 0)
        code = signing_key(c, &id, &key);
    if (code == 0 && end) {
        follow(&id, key, &e);
        e.deactivated = true;
        e.document.authentication_count = e.document.agreement_count = 0;
    } else if (code == 0) {
        code = change(c, &id, key, &e);
    }
    if (code == 0)
        code = identity_append(&id, &e, key);
    if (code == 0)
        code = publish(c, &id);
    if (code == 0)
        code = say(c, &id.state);
    sev_privkey_free(key);
    identity_close(&id);
    return code;
}

static int run_update(struct cli *c)
{
    return run_change(c, false);
}

static int run_deactivate(struct cli *c)
{
    return run_change(c, true);
}

static int run_publish(struct cli *c)
{
    struct identity id;
    int code = identity_open(c, false, &id);
    if (code == 0)
        code = publish(c, &id);
    if (code == 0)
        code = say(c, &id.state);
    identity_close(&id);
    return code;
}

/* ---------------------------------------------------------- show and resolve */

static int run_show(struct cli *c)
{
    struct identity id;
    int code = identity_open(c, false, &id);
    if (code == 0)
        code = say_document(c, &id.state);
    identity_close(&id);
    return code;
}

static int run_resolve(struct cli *c)
{
    struct sev_http_client *client = NULL;
    struct sev_bytes log = {NULL, 0};
    struct sev_did_state state;
    const char *did = cli_arg(c, 0), *out = cli_opt(c, "out");
    uint64_t version = 0;
    int code = cli_opt_integer(c, "version", 1, SEV_DID_ENTRIES_MAX, &version);
    if (code == 0)
        code = connect_to(c, &client);
    if (code == 0)
        code = identity_fetch(c, cli_opt(c, "server"), client, sev_slice_of(did, strlen(did)),
                              (int64_t)version, &log, &state);
    if (code == 0 && out != NULL) {
        sev_err e = sev_file_create(cli_fs(c), out, sev_bytes_slice(&log), 0644);
        code = e == SEV_OK ? 0 : cli_fail_fs(c, e, "it is never overwritten: give another --out");
    }
    if (code == 0)
        code = say_document(c, &state);
    sev_bytes_free(cli_fs(c), &log);
    sev_http_client_free(client);
    return code;
}

/* -------------------------------------------------------------------- table */

#define REGISTRY_OPTIONS                                                                           \
    {.name = "server",                                                                             \
     .value = "URL",                                                                               \
     .help = "bring it to this registry at once, as https://HOST:PORT"},                           \
        {.name = "ca", .value = "FILE", .help = "CA of that server's certificate (PEM)"},          \
        {.name = "certificate", .value = "FILE", .help = "our own certificate (PEM)"},             \
    {                                                                                              \
        .name = "key", .value = "FILE", .help = "key of --certificate (PEM)"                       \
    }
#define RECOVERY_OPTION                                                                            \
    {                                                                                              \
        .name = "recovery", .value = "FILE", .flags = CLI_REPEATED,                                \
        .help = "public key (P-256, PEM) that is set aside and may sign the next entry, too"       \
    }
#define SIGNING_OPTIONS                                                                            \
    {.name = "signed-with",                                                                        \
     .value = "KEY",                                                                               \
     .help = "key of the keystore that was set aside, in place of the folder's own"},              \
        CLI_KEYSTORE_OPTION, CLI_PASSPHRASE_OPTIONS("", "")

static const struct cli_option create_options[] = {
    IDENTITY_DIR_OPTION, RECOVERY_OPTION, REGISTRY_OPTIONS, {0}};
static const struct cli_option show_options[] = {IDENTITY_DIR_OPTION, {0}};
static const struct cli_option publish_options[] = {IDENTITY_DIR_OPTION, REGISTRY_OPTIONS, {0}};
static const struct cli_option update_options[] = {
    IDENTITY_DIR_OPTION,
    {.name = "new-key", .help = "another key to authenticate by"},
    {.name = "agreement", .value = "FILE", .help = "public key (X25519, PEM) to agree keys by"},
    RECOVERY_OPTION,
    SIGNING_OPTIONS,
    REGISTRY_OPTIONS,
    {0}};
static const struct cli_option deactivate_options[] = {
    IDENTITY_DIR_OPTION, SIGNING_OPTIONS, REGISTRY_OPTIONS, {0}};
static const struct cli_option resolve_options[] = {
    SERVER_OPTIONS,
    {.name = "version", .value = "N", .help = "as of that entry", .shown = "the newest"},
    {.name = "out", .value = "FILE", .help = "keep the log there, for others to check"},
    {0}};
static const struct cli_positional did_argument[] = {{"DID", "did:secureev:...", CLI_REQUIRED},
                                                     {0}};

static const struct cli_command subcommands[] = {
    {.name = "create",
     .summary = "Make an identity and its keys",
     .options = create_options,
     .run = run_create},
    {.name = "show",
     .summary = "Check and show the identity of a folder",
     .options = show_options,
     .run = run_show},
    {.name = "resolve",
     .summary = "Ask a registry for an identity and check all that it says",
     .options = resolve_options,
     .positionals = did_argument,
     .run = run_resolve},
    {.name = "update",
     .summary = "Change keys; the key that signs is one that was announced before",
     .options = update_options,
     .run = run_update},
    {.name = "deactivate",
     .summary = "Give an identity up for good",
     .options = deactivate_options,
     .run = run_deactivate},
    {.name = "publish",
     .summary = "Bring a registry what it does not have",
     .options = publish_options,
     .run = run_publish},
    {0}};

static const struct cli_example examples[] = {
    {"Make one, with a key set aside", "secureev identity create --dir car --recovery safe.pem"},
    {"Look at somebody's",
     "secureev identity resolve DID --server https://registry:8004 --ca ca.pem --json"},
    {0}};

const struct cli_command cmd_identity = {
    .name = "identity",
    .summary = "Identities that certify themselves (did:secureev)",
    .details = "An identity is the hash of its first entry; each later entry is signed by a key "
               "that the one before announced. Whoever has the log can check it.",
    .examples = examples,
    .subcommands = subcommands};
