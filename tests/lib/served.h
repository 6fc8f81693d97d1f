/* served - a server of ours on the loopback with a small handler, and clients that behave and that
 * do not. Keys and certificates are made anew in each run. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVED_H
#define SEV_SERVED_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "secureev/server.h"

/* ------------------------------------------------------------ certificates */

struct credential {
    X509 *certificate;
    EVP_PKEY *key;
    char certificate_pem[4096], key_pem[1024];
};

/** Issued by `ca`, or by itself when that is NULL (then it is a CA). `uri` may be NULL. Valid from
 * a day ago to `days` from now, which may be negative. */
struct credential *credential_new(const struct credential *ca, const char *common_name,
                                  const char *uri, long seconds);
#define DAYS(n) (86400L * (n))
void credential_free(struct credential *c);

/* ------------------------------------------------------------------ server */

#define SERVED_EVENTS_MAX 4096

/**
 * What it answers:
 *   GET /hello           "hello\n"
 *   GET /who             common name, first URI, "full" or "resumed"
 *   GET /page            SERVED_PAGE_BYTES letters, tag "p"
 *   GET /file            `file_bytes` bytes, tag "f"; byte n is n % 251
 *   GET /field           a field X-Own
 *   GET /later           "later\n", by another thread after `later_ms`
 *   GET /never           never, until served_stop
 *   GET /slow            "slow\n", after the handler has blocked its worker for 60 ms, as it must
 * not GET /nothing         the handler forgets to answer GET /events          what served.channel
 * brings POST /echo           the body, up to `gather_max` POST /count          length of the body
 * in decimal, streamed, up to 1 GiB, chunked or not POST /picky          as count, but refuses
 * (SEV_E_SIGNATURE) what has a '!' in it Anything else is 404.
 */
#define SERVED_PAGE_BYTES 1000

struct served {
    struct sev_server_config config; /* change before served_start */
    struct sev_server_tls tls;
    bool plain;
    struct credential *ca, *server_credential;
    uint64_t gather_max, file_bytes;
    unsigned later_ms;
    const char *revoked; /* this common name is refused by `admit`; may change while it runs */

    struct sev_server *server;
    uint16_t port;
    struct sev_page *page;
    struct sev_channel *channel;
    int file;
    pthread_mutex_t lock;
    struct sev_exchange *never[64];
    unsigned never_count;
    unsigned announced, gone; /* calls of `head` that passed, and of `gone` */
    pthread_t threads[64];
    unsigned thread_count;
    struct served_event {
        enum sev_server_event_kind kind;
        sev_err why;
        unsigned status, strangers, peers;
        char phase[16];
    } events[SERVED_EVENTS_MAX];
    unsigned event_count;
};

/** One for the whole program (fixtures are large); ready to be changed, then started. */
struct served *served_new(void);
/** As served_new, plain TCP. */
struct served *served_plain(void);
void served_start(struct served *s);
/** Drains; checks that every announced exchange is gone. Fine twice. */
void served_stop(struct served *s, uint32_t drain_ms);
/** Wait, 10 s at most, for so many such events, and fail the test when they do not come. */
void served_expect(struct served *s, enum sev_server_event_kind kind, sev_err why, unsigned count);
unsigned served_events(struct served *s, enum sev_server_event_kind kind, sev_err why);
struct sev_server_counters served_counters(const struct served *s);
/** Requests for /later so far. */
unsigned served_later(struct served *s);

/* ------------------------------------------------------------------ client */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;   /* NULL: plain */
    size_t len; /* received, not yet taken */
    uint8_t in[1 << 16];
    struct sev_http_response head; /* of the last answer; points into `raw` */
    uint8_t raw[SEV_HTTP_HEAD_BYTES_MAX];
    uint8_t *body;
    size_t body_bytes;
};

/** Connected, with TLS unless the server is plain. `who` may be NULL. `session` is resumed when not
 *  NULL. NULL when the server refuses. */
struct client *client_new(const struct served *s, const struct credential *who,
                          SSL_SESSION *session);
/** As it came to be: TLS context of clients, for those that want to be strange. */
SSL_CTX *client_context(const struct served *s, const struct credential *who);
struct client *client_over(const struct served *s, SSL_CTX *context, SSL_SESSION *session);
/** Just the TCP connection. */
int client_connect(const struct served *s);
void client_free(struct client *c);
/** The session, once an answer has come (with it the ticket). Free it. */
SSL_SESSION *client_session(struct client *c);
bool client_send(struct client *c, const void *bytes, size_t len);
bool client_send_text(struct client *c, const char *text);
/** Some bytes, 0 at the end, -1 broken or nothing for 10 s. */
long client_receive(struct client *c, void *out, size_t most);
/** The next answer, whole (interim ones left out): its status; 0 when the connection ended instead.
 *  `head_only`: it answers HEAD. */
unsigned client_answer(struct client *c, bool head_only);
/** Send "GET path" and take the answer. */
unsigned client_get(struct client *c, const char *path);
/** The value of a field of the last answer, or an empty slice. */
sev_slice client_field(const struct client *c, const char *name);
sev_slice client_body(const struct client *c);
/** Has the server closed (nothing more comes)? Waits up to 10 s. */
bool client_is_closed(struct client *c);

void sleep_ms(unsigned ms);
uint64_t clock_ms(void);

#endif
