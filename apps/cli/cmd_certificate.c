/* cmd_certificate - `secureev certificate`: a small certification authority for those who have
 * none: its key stays in a keystore, offline. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "secureev/certificate.h"

#define PEM_FILE_BYTES_MAX 65536u
#define PEM_BYTES_MAX (2u * SEV_CERTIFICATE_BYTES_MAX)
#define DAY 86400
#define BACKDATED 3600 /* whoever reads it may have a clock that is behind */

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

/* ------------------------------------------------------------------- making */

/* The CA's private key, from the keystore. */
static int open_ca_key(struct cli *c, struct sev_privkey **out)
{
    struct sev_keystore ks;
    struct sev_key_entry entry;
    int code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, cli_opt(c, "ca-key"), &entry);
    return code == 0 ? cli_key_open(c, &ks, &entry, "", out) : code;
}

static int write_certificate(struct cli *c, const struct sev_privkey *ca,
                             const struct sev_issuer *issuer,
                             const struct sev_certificate_plan *plan)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX], pem[PEM_BYTES_MAX];
    sev_buf out = sev_buf_of(der, sizeof der), written = sev_buf_of(pem, sizeof pem);
    sev_err e = sev_certificate_make(ca, issuer, plan, &out);
    if (e != SEV_OK)
        return cli_fail(
            c, e, e == SEV_E_MALFORMED ? "it must end before its CA does: give fewer --days" : NULL,
            "a certificate for %s", cli_arg(c, 0));
    sev_pem_encode(sev_buf_slice(&out), "CERTIFICATE", &written);
    e = sev_file_create(cli_fs(c), cli_opt(c, "out"), sev_buf_slice(&written), 0644);
    return e == SEV_OK ? 0 : cli_fail_fs(c, e, "it is never overwritten: give another --out");
}

static int make_plan(struct cli *c, struct sev_certificate_plan *out)
{
    uint64_t days;
    sev_time now;
    int code = cli_opt_integer(c, "days", 1, 36500, &days);
    if (code == 0)
        code = cli_opt_time(c, "now", &now);
    if (code != 0)
        return code;
    if (!sev_certificate_name_ok(text(cli_arg(c, 0))))
        return cli_usage(c, "a certificate's name has 1 to 64 printable characters");
    out->name = text(cli_arg(c, 0));
    out->not_before = now - BACKDATED;
    out->not_after = now + (int64_t)days * DAY;
    return 0;
}

static void emit_made(sev_json_writer *w, const void *context)
{
    struct cli *c = (struct cli *)context;
    sev_json_w_object(w);
    cli_json_member(w, "certificate", cli_opt(c, "out"));
    if (cli_opt(c, "key-out") != NULL)
        cli_json_member(w, "key", cli_opt(c, "key-out"));
    cli_json_member(w, "name", cli_arg(c, 0));
    sev_json_w_object_end(w);
}

static int say_made(struct cli *c)
{
    if (cli_json(c))
        return cli_print_json(c, emit_made, c);
    cli_print(c, "%s is in %s\n", cli_arg(c, 0), cli_opt(c, "out"));
    return 0;
}

static int run_ca(struct cli *c)
{
    struct sev_certificate_plan plan = {.kind = SEV_CERTIFICATE_ROOT};
    struct sev_privkey *key = NULL;
    int code = make_plan(c, &plan);
    if (code == 0)
        code = open_ca_key(c, &key);
    if (code == 0) {
        plan.key = sev_privkey_public(key);
        code = write_certificate(c, key, NULL, &plan);
    }
    sev_privkey_free(key);
    return code == 0 ? say_made(c) : code;
}

/* ------------------------------------------------------------------ issuing */

static int read_issuer(struct cli *c, struct sev_issuer *out)
{
    struct sev_bytes pem;
    sev_err e = sev_file_read(cli_fs(c), cli_opt(c, "ca"), PEM_FILE_BYTES_MAX, 0, &pem);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    e = sev_issuer_read(sev_bytes_slice(&pem), out);
    sev_bytes_free(cli_fs(c), &pem);
    return e == SEV_OK
               ? 0
               : cli_fail(c, e, "it is made by `secureev certificate ca`", "%s", cli_opt(c, "ca"));
}

static int read_public(struct cli *c, const char *path, struct sev_pubkey *out)
{
    struct sev_bytes pem;
    sev_err e = sev_file_read(cli_fs(c), path, PEM_FILE_BYTES_MAX, 0, &pem);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    e = sev_pubkey_from_pem(sev_bytes_slice(&pem), out);
    sev_bytes_free(cli_fs(c), &pem);
    return e == SEV_OK
               ? 0
               : cli_fail(c, e, "`secureev key export --public --pem` writes one", "%s", path);
}

/* A new key, into a file of its own: a server reads it where it starts. */
static int new_key(struct cli *c, const char *path, struct sev_pubkey *out)
{
    struct sev_privkey *key;
    uint8_t pem[SEV_PRIVKEY_BYTES_MAX];
    sev_buf written = sev_buf_of(pem, sizeof pem);
    sev_err e = sev_privkey_generate(SEV_KEY_P256, 0, &key);
    if (e != SEV_OK)
        return cli_fail(c, e, NULL, "a new key");
    *out = *sev_privkey_public(key);
    e = sev_privkey_to_pem(key, SEV_EMPTY, &written);
    sev_privkey_free(key);
    int code = e == SEV_OK ? 0 : cli_fail(c, e, NULL, "a new key");
    if (code == 0 &&
        (e = sev_file_create(cli_fs(c), path, sev_buf_slice(&written), 0600)) != SEV_OK)
        code = cli_fail_fs(c, e, "it is never overwritten: give another --key-out");
    sev_wipe(pem, sizeof pem);
    return code;
}

static const struct {
    const char *name;
    enum sev_certificate_kind kind;
} kinds[] = {{"server", SEV_CERTIFICATE_SERVER},
             {"client", SEV_CERTIFICATE_CLIENT},
             {"ca", SEV_CERTIFICATE_CA}};

static int run_issue(struct cli *c)
{
    struct sev_certificate_plan plan = {.name = SEV_EMPTY};
    struct sev_issuer issuer;
    struct sev_pubkey public;
    struct sev_privkey *ca = NULL;
    const char *key_out = cli_opt(c, "key-out"), *given = cli_opt(c, "public");
    if ((key_out == NULL) == (given == NULL))
        return cli_usage(c,
                         "either --public FILE (a key that exists) or --key-out FILE (a new one)");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(cli_opt(c, "kind"), kinds[i].name) == 0)
            plan.kind = kinds[i].kind;
    int code = make_plan(c, &plan);
    if (code == 0)
        code = read_issuer(c, &issuer);
    if (code == 0)
        code = open_ca_key(c, &ca);
    if (code == 0)
        code = given != NULL ? read_public(c, given, &public) : new_key(c, key_out, &public);
    if (code == 0) {
        plan.key = &public;
        code = write_certificate(c, ca, &issuer, &plan);
    }
    sev_privkey_free(ca);
    return code == 0 ? say_made(c) : code;
}

/* ------------------------------------------------------------------- tables */

#define COMMON_OPTIONS                                                                             \
    CLI_KEYSTORE_OPTION,                                                                           \
        {.name = "ca-key",                                                                         \
         .value = "KEY",                                                                           \
         .flags = CLI_REQUIRED,                                                                    \
         .help = "name or id of the CA's key in the keystore"},                                    \
        CLI_PASSPHRASE_OPTIONS("", " of the CA's key"),                                            \
        {.name = "out",                                                                            \
         .value = "FILE",                                                                          \
         .flags = CLI_REQUIRED,                                                                    \
         .help = "where the certificate goes, as PEM; must not exist"},                            \
    {                                                                                              \
        .name = "now", .value = "TIME", .help = "begin at this time",                              \
        .shown = "the system's clock"                                                              \
    }

static const struct cli_positional name_argument[] = {
    {"NAME", "host, address, DID or name that it is for", CLI_REQUIRED}, {0}};
static const struct cli_option ca_options[] = {
    COMMON_OPTIONS,
    {.name = "days", .value = "N", .fallback = "3650", .help = "how long it is good"},
    {0}};
static const struct cli_option issue_options[] = {
    COMMON_OPTIONS,
    {.name = "ca", .value = "FILE", .flags = CLI_REQUIRED, .help = "the CA's certificate, PEM"},
    {.name = "kind",
     .value = "KIND",
     .choices = "server client ca",
     .fallback = "client",
     .help = "what it may be used for; a ca may issue the other two"},
    {.name = "public", .value = "FILE", .help = "for this public key, PEM"},
    {.name = "key-out",
     .value = "FILE",
     .help = "for a new key, written there, not encrypted, for its owner alone"},
    {.name = "days", .value = "N", .fallback = "365", .help = "how long it is good"},
    {0}};
static const struct cli_example ca_examples[] = {
    {"A CA whose key is in a keystore",
     "secureev key generate --name ca --keystore offline\n"
     "secureev certificate ca \"Example fleet\" --keystore offline --ca-key ca --out ca.pem"},
    {NULL, NULL}};
static const struct cli_example issue_examples[] = {
    {"For a server",
     "secureev certificate issue 127.0.0.1 --kind server --ca ca.pem --ca-key ca \\\n"
     "  --keystore offline --key-out server.key --out server.pem"},
    {NULL, NULL}};

static const struct cli_command subcommands[] = {
    {.name = "ca",
     .summary = "Make a CA: a certificate that its own key signed",
     .positionals = name_argument,
     .options = ca_options,
     .examples = ca_examples,
     .run = run_ca},
    {.name = "issue",
     .summary = "Issue a certificate for a server, a client or a CA below this one",
     .positionals = name_argument,
     .options = issue_options,
     .examples = issue_examples,
     .run = run_issue},
    {0}};

const struct cli_command cmd_certificate = {
    .name = "certificate",
    .summary = "Make certificates for servers and those who ask them",
    .details = "P-256 only. Nothing is ever overwritten. Vehicles get theirs by enrolment.",
    .subcommands = subcommands};
