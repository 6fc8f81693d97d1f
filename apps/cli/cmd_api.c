/* cmd_api - `secureev api`: any operation of the admin API, as its document describes it.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "remote.h"

#define BODY_BYTES_MAX (2u << 20)

static bool method_of(const char *word, enum sev_http_method *out)
{
#define X(name)                                                                                    \
    if (strcmp(word, #name) == 0) {                                                                \
        *out = SEV_HTTP_##name;                                                                    \
        return true;                                                                               \
    }
    SEV_HTTP_METHODS(X)
#undef X
    return false;
}

static int run(struct cli *c)
{
    struct remote r;
    struct sev_bytes body = {NULL, 0};
    const char *path = cli_arg(c, 1), *file = cli_arg(c, 2);
    struct remote_ask ask = {.if_match = cli_opt(c, "if-match"),
                             .key = cli_opt(c, "idempotency-key")};
    if (!method_of(cli_arg(c, 0), &ask.method))
        return cli_usage(c, "%s is no method", cli_arg(c, 0));
    if (strncmp(path, "/api/v1/", 8) == 0)
        path += 7;
    if (path[0] != '/')
        return cli_usage(c, "a path begins with a slash, such as /vehicles");
    ask.path = path;
    if (file != NULL) {
        sev_err e = sev_file_read(cli_fs(c), file, BODY_BYTES_MAX, 0, &body);
        if (e != SEV_OK)
            return cli_fail_fs(c, e, NULL);
        ask.body = sev_bytes_slice(&body);
    }
    int code = remote_open(c, &r);
    if (code == 0)
        code = remote_ask(&r, &ask);
    if (code == 0)
        remote_print(&r);
    remote_close(&r);
    sev_bytes_free(cli_fs(c), &body);
    return code;
}

static const struct cli_option options[] = {
    REMOTE_OPTIONS,
    {.name = "if-match", .value = "TAG", .help = "version that is to be changed, without quotes"},
    {.name = "idempotency-key",
     .value = "KEY",
     .help = "the same request again is answered and not done; else each has a key of its own"},
    {0}};
static const struct cli_positional positionals[] = {
    {"METHOD", "GET, POST, PUT, PATCH or DELETE", CLI_REQUIRED},
    {"PATH", "below /api/v1, with its query", CLI_REQUIRED},
    {"FILE", "the body, JSON", 0},
    {0}};
static const struct cli_example examples[] = {
    {"Vehicles that were not seen this year",
     "secureev api GET '/vehicles?seen_before=2026-01-01T00:00:00Z' \\\n"
     "  --server https://admin.example:8010 --ca ca.pem --token-file token"},
    {0}};

const struct cli_command cmd_api = {
    .name = "api",
    .summary = "Ask the admin API",
    .details = "The answer is printed as it comes. What there is to ask: GET /openapi.json, and "
               "docs/openapi.json.",
    .options = options,
    .positionals = positionals,
    .examples = examples,
    .run = run};
