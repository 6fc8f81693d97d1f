/* cmd_token - `secureev token`: signing keys on PKCS#11 tokens, for secureev-signer.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "keys.h"
#include "secureev/token.h"

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

/* Logged in, or `code` is the exit code of what was reported. */
static struct sev_token *open_token(struct cli *c, int *code)
{
    struct cli_secret pin = {0};
    struct sev_token_note note;
    struct sev_token *token = NULL;
    *code = cli_passphrase(c, "", "PIN of the token", CLI_ASK_ONCE, &pin);
    if (*code != 0)
        return NULL;
    struct sev_token_config config = {cli_opt(c, "module"), cli_opt(c, "token"),
                                      cli_secret_slice(&pin)};
    sev_err e = sev_token_open(&config, &note, &token);
    cli_secret_wipe(&pin);
    if (e == SEV_OK)
        return token;
    *code =
        cli_fail(c, e, e == SEV_E_PASSPHRASE ? "a few wrong PINs lock a token: look first" : NULL,
                 "%s", note.text);
    return NULL;
}

/* ------------------------------------------------------------- generate, show */

struct shown {
    const char *name;
    char id[SEV_KEY_ID_CHARS];
    sev_slice object;
    const struct sev_pubkey *key;
};

static void emit_shown(sev_json_writer *w, const void *context)
{
    const struct shown *s = context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "id", sev_slice_of(s->id, sizeof s->id));
    sev_json_w_name(w, SEV_LIT("key"));
    sev_json_w_raw(w, s->object);
    sev_json_w_string_member(w, "name", text(s->name));
    sev_json_w_string_member(w, "type", text(cli_key_type(s->key)));
    sev_json_w_object_end(w);
}

/* The public half, as whoever writes root files wants it. */
static int show(struct cli *c, struct sev_token *token, const char *name)
{
    struct sev_token_note note;
    struct sev_privkey *key = NULL;
    uint8_t bytes[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf object = sev_buf_of(bytes, sizeof bytes);
    struct shown s = {.name = name};
    sev_err e = sev_token_key(token, name, SEV_TOKEN_EXTRACTABLE_TOO, &note, &key);
    if (e != SEV_OK)
        return cli_fail(c, e, NULL, "%s", note.text);
    s.key = sev_privkey_public(key);
    e = sev_key_object(s.key, SEV_PROFILE_NATIVE, &object);
    if (e == SEV_OK)
        e = sev_key_id(s.key, SEV_PROFILE_NATIVE, s.id);
    s.object = sev_buf_slice(&object);
    int code = 0;
    const char *out = cli_opt(c, "out");
    if (e != SEV_OK) {
        code = cli_fail(c, e, NULL, "%s", name);
    } else if (out != NULL) {
        sev_buf_put_byte(&object, '\n');
        e = sev_file_create(cli_fs(c), out, sev_buf_slice(&object), 0644);
        code = e == SEV_OK ? 0 : cli_fail_fs(c, e, NULL);
    }
    if (code == 0 && cli_json(c))
        code = cli_print_json(c, emit_shown, &s);
    else if (code == 0)
        cli_print(c, "%s %s %.*s\n", cli_key_type(s.key), name, (int)sizeof s.id, s.id);
    sev_privkey_free(key);
    return code;
}

static int run_show(struct cli *c)
{
    int code;
    struct sev_token *token = open_token(c, &code);
    if (token != NULL)
        code = show(c, token, cli_arg(c, 0));
    sev_token_close(token);
    return code;
}

static int run_generate(struct cli *c)
{
    static const struct {
        const char *name;
        sev_key_type type;
        unsigned bits;
    } types[] = {{"p256", SEV_KEY_P256, 0},
                 {"ed25519", SEV_KEY_ED25519, 0},
                 {"rsa2048", SEV_KEY_RSA, 2048},
                 {"rsa3072", SEV_KEY_RSA, 3072},
                 {"rsa4096", SEV_KEY_RSA, 4096}};
    struct sev_token_note note;
    size_t i = 0;
    int code;
    while (strcmp(types[i].name, cli_opt(c, "type")) != 0)
        i++; /* the parser let only these through */
    struct sev_token *token = open_token(c, &code);
    if (token == NULL)
        return code;
    sev_err e = sev_token_generate(token, types[i].type, types[i].bits, cli_arg(c, 0), &note);
    code = e == SEV_OK ? show(c, token, cli_arg(c, 0)) : cli_fail(c, e, NULL, "%s", note.text);
    sev_token_close(token);
    return code;
}

/* ----------------------------------------------------------------------- list */

struct listing {
    struct cli *c;
    sev_json_writer *w;
    struct sev_token *token;
};

static const char *type_of(const struct sev_token_entry *e)
{
    switch (e->type) {
    case SEV_KEY_P256:
        return "p256";
    case SEV_KEY_ED25519:
        return "ed25519";
    case SEV_KEY_RSA:
        return "rsa";
    default:
        return "other";
    }
}

static bool list_entry(void *context, const struct sev_token_entry *e)
{
    struct listing *l = context;
    if (l->w == NULL) {
        cli_print(l->c, "%-7s  %s  id:%s%s\n", type_of(e), e->name, e->id,
                  e->extractable ? "  EXTRACTABLE" : "");
        return true;
    }
    sev_json_w_object(l->w);
    sev_json_w_bool_member(l->w, "extractable", e->extractable);
    sev_json_w_string_member(l->w, "id", text(e->id));
    sev_json_w_string_member(l->w, "name", text(e->name));
    sev_json_w_string_member(l->w, "type", text(type_of(e)));
    sev_json_w_object_end(l->w);
    return true;
}

static void emit_list(sev_json_writer *w, const void *context)
{
    struct listing l = *(const struct listing *)context;
    l.w = w;
    sev_json_w_array(w);
    if (sev_token_list(l.token, list_entry, &l) != SEV_OK)
        w->err = SEV_E_TOKEN_GONE;
    sev_json_w_array_end(w);
}

static int run_list(struct cli *c)
{
    int code;
    struct listing l = {c, NULL, open_token(c, &code)};
    if (l.token == NULL)
        return code;
    sev_err e = SEV_OK;
    if (cli_json(c))
        code = cli_print_json(c, emit_list, &l);
    else
        e = sev_token_list(l.token, list_entry, &l);
    if (e != SEV_OK)
        code = cli_fail(c, e, NULL, "%s", cli_opt(c, "token"));
    sev_token_close(l.token);
    return code;
}

/* ---------------------------------------------------------------------- table */

static const struct cli_option options[] = {
    {.name = "module",
     .value = "FILE",
     .flags = CLI_REQUIRED,
     .help = "PKCS#11 library of the token's maker"},
    {.name = "token", .value = "LABEL", .flags = CLI_REQUIRED, .help = "label of the token"},
    CLI_PASSPHRASE_OPTIONS("", ", here the user's PIN"),
    {0}};
static const struct cli_option generate_options[] = {
    {.name = "type",
     .value = "TYPE",
     .help = "kind of key",
     .choices = "p256 ed25519 rsa2048 rsa3072 rsa4096",
     .fallback = "p256"},
    {.name = "out", .value = "FILE", .help = "public key as a TUF key object; must not exist yet"},
    {0}};
static const struct cli_option show_options[] = {
    {.name = "out", .value = "FILE", .help = "public key as a TUF key object; must not exist yet"},
    {0}};
static const struct cli_positional new_key[] = {{"NAME", "label of the new key", CLI_REQUIRED},
                                                {0}};
static const struct cli_positional key_argument[] = {
    {"KEY", "a key's label, or id: and its number in hex", CLI_REQUIRED}, {0}};
static const struct cli_example examples[] = {
    {"A key for the signer, and its public half for the root file",
     "secureev token generate timestamp --module /usr/lib/softhsm/libsofthsm2.so \\\n"
     "  --token online --passphrase-file pin --out timestamp.json"},
    {0}};

static const struct cli_command subcommands[] = {
    {.name = "generate",
     .summary = "Make a key pair on the token",
     .details = "The private key is sensitive and cannot be extracted: nobody can make a copy, and "
                "what the token loses is lost.",
     .options = generate_options,
     .positionals = new_key,
     .run = run_generate},
    {.name = "list", .summary = "List the private keys: type, label, number", .run = run_list},
    {.name = "show",
     .summary = "Show the public half of a key, after a signature to prove the pair",
     .options = show_options,
     .positionals = key_argument,
     .run = run_show},
    {0}};

const struct cli_command cmd_token = {
    .name = "token",
    .summary = "Make and look at signing keys on PKCS#11 tokens",
    .details = "secureev-signer uses them as `token` in its configuration says. A PIN comes from a "
               "file, a descriptor or the terminal. A wrong one is tried once and never again: a "
               "token locks itself after a few; when a single try is left, it is not used up.",
    .options = options,
    .examples = examples,
    .subcommands = subcommands};
