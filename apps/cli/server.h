/* server - how a command reaches a server of ours: from its options to a connection, and from what
 * went wrong to a sentence. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_SERVER_H
#define SEV_CLI_SERVER_H

#include "cli.h"
#include "secureev/client_http.h"

/** Values of a command's options; NULL: not given. The files are read anew, once. */
struct server_access {
    const char *url;         /**< --server */
    const char *ca;          /**< --ca */
    const char *certificate; /**< --certificate, and with it */
    const char *key;         /**< --key */
    const char *token_file;  /**< --token-file: one line */
    bool dates_unchecked;    /**< see struct sev_http_client_config */
};

/** 0, or the exit code of what was reported. Free with sev_http_client_free. */
SEV_MUST_USE int server_open(struct cli *c, const struct server_access *access,
                             struct sev_http_client **out);
/** Report that asking `url` ended with `e`. */
int server_fail(struct cli *c, const struct sev_http_client *client, const char *url, sev_err e);
/** Report a refusal, as the server told it. */
int server_refused(struct cli *c, const struct sev_http_answer *answer, const char *url);

/* The first rows of a command's options. */
#define SERVER_OPTIONS                                                                             \
    {.name = "server",                                                                             \
     .value = "URL",                                                                               \
     .flags = CLI_REQUIRED,                                                                        \
     .help = "the server, as https://HOST:PORT"},                                                  \
        {.name = "ca",                                                                             \
         .value = "FILE",                                                                          \
         .flags = CLI_REQUIRED,                                                                    \
         .help = "CA that its certificate must lead to (PEM)"},                                    \
        {.name = "certificate", .value = "FILE", .help = "our own certificate (PEM)"},             \
    {                                                                                              \
        .name = "key", .value = "FILE", .help = "key of --certificate (PEM)"                       \
    }

#endif
