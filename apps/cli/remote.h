/* remote - the admin API, as commands ask it: --server, --ca, --token-file, or the environment.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_REMOTE_H
#define SEV_CLI_REMOTE_H

#include "server.h"

/** The first rows of the options of a command that works through the API alone ... */
#define REMOTE_API_OPTIONS                                                                         \
    {.name = "server",                                                                             \
     .value = "URL",                                                                               \
     .help = "the admin API, as https://HOST:PORT",                                                \
     .shown = "$SECUREEV_SERVER"},                                                                 \
        {.name = "ca",                                                                             \
         .value = "FILE",                                                                          \
         .help = "CA that its certificate must lead to (PEM)",                                     \
         .shown = "$SECUREEV_CA"},                                                                 \
    {                                                                                              \
        .name = "token-file", .value = "FILE",                                                     \
        .help = "your token, as `secureev operator add` told it", .shown = "$SECUREEV_TOKEN_FILE"  \
    }
/** ... or on a database. */
#define REMOTE_OPTIONS                                                                             \
    {.name = "database", .value = "FILE", .help = "the Director's database, on its machine; or"},  \
        REMOTE_API_OPTIONS

#define REMOTE_ANSWER_BYTES_MAX (4u << 20)

struct remote {
    struct cli *cli;
    const char *url;
    struct sev_http_client *client;
    sev_buf room;
    struct sev_http_answer answer; /**< the last one */
};

/** Is it the API that is to be asked? --database says no, whatever the environment says. */
bool remote_is_meant(struct cli *c);
/** 0, or the exit code of what was reported. remote_close() it in any case. */
SEV_MUST_USE int remote_open(struct cli *c, struct remote *out);
void remote_close(struct remote *r);

/** One request. */
struct remote_ask {
    enum sev_http_method method;
    const char *path;     /**< below /api/v1, encoded */
    sev_slice body;       /**< JSON; empty: none */
    const char *if_match; /**< without quotes; NULL: none */
    const char *key;      /**< Idempotency-Key; NULL: one of its own for each POST */
};
/** 0 and r->answer, or the exit code of what was reported: a refusal is a failure. */
SEV_MUST_USE int remote_ask(struct remote *r, const struct remote_ask *ask);
/** ETag of the last answer, without quotes; empty when there was none. */
sev_slice remote_tag(const struct remote *r);
/** The last answer to standard output, as it came. */
void remote_print(struct remote *r);

/** Append `text`, percent-encoded. */
void remote_put_encoded(struct cli_text *out, const char *text);
/** A string member of an object; empty when it is not there or no string. */
sev_slice remote_text(sev_slice object, const char *name);

#endif
