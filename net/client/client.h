/* client - a handle, its connection, and how long it waits; for net/client alone.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_NET_CLIENT_H
#define SEV_NET_CLIENT_H

#include <openssl/ssl.h>

#include "secureev/client_http.h"

#define CLIENT_HOST_BYTES 256
#define CLIENT_PIECE_BYTES 16384 /* what a TLS record holds */

/* How long the peer may make us wait in this part of the exchange. Only waiting counts: a slow disk
 * behind a sink is not the peer's fault. */
struct patience {
    int64_t left_ms;
    uint64_t bytes; /* moved in this window */
    bool rate;      /* bodies: enough bytes buy another window */
};

struct sev_http_client {
    struct sev_http_client_limits limits;
    sev_time built;
    char host[CLIENT_HOST_BYTES], port[6], authority[CLIENT_HOST_BYTES + 10];
    char *bearer;
    SSL_CTX *tls;
    BIO_METHOD *method;
    SSL_SESSION *session; /* the newest ticket */
    struct sev_http_client_counters counters;

    int fd; /* -1: not connected */
    SSL *ssl;
    struct patience patience;
    int64_t ends_ms; /* of the whole request; 0: never */
    bool closed;     /* the peer closed or reset it */
    bool broken;     /* nothing can be written any more */
    size_t in_len;   /* of the answer, received into `in` */
    uint8_t in[SEV_HTTP_HEAD_BYTES_MAX + CLIENT_PIECE_BYTES];
    uint8_t out[CLIENT_PIECE_BYTES];
    char detail[320];
};

/* tls.c */
sev_err client_tls_new(struct sev_http_client *c, const struct sev_http_client_config *config);
/* Over `fd`, not connected yet. */
sev_err client_tls_begin(struct sev_http_client *c);
/* Why the handshake, or reading, ended: SEV_E_TLS or SEV_E_UNREACHABLE. */
sev_err client_tls_why(struct sev_http_client *c);

/* stream.c. All wait as `patience` says. */
sev_err client_connect(struct sev_http_client *c);
void client_disconnect(struct sev_http_client *c);
/* Nothing came but, perhaps, tickets. */
bool client_is_idle(struct sev_http_client *c);
/* `out_n` is 0 at the end of the stream. */
sev_err client_read(struct sev_http_client *c, void *out, size_t room, size_t *out_n);
/* `out_early`: it was left when bytes of an answer came, or the connection broke. */
sev_err client_write(struct sev_http_client *c, const void *bytes, size_t len, bool *out_early);

#endif
