/* server.h - inside of the server: workers, connections, exchanges. One worker thread owns all of
 * its connections; what other threads may touch is marked. SPDX-License-Identifier: MIT */
#ifndef SEV_NET_SERVER_H
#define SEV_NET_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "secureev/server.h"

#define RECORD_BYTES 16384u
#define TURN_BYTES_MAX (8u * RECORD_BYTES)   /* of one answer, before others have their turn */
#define TURN_BYTES_FIRST (2u * RECORD_BYTES) /* of a peer that has not shown how fast it reads */
#define PIECE_BYTES (4u * RECORD_BYTES)      /* read and encrypted in one go */
#define OUT_BYTES (TURN_BYTES_MAX + PIECE_BYTES + RECORD_BYTES)
#define TURN_REQUESTS_MAX 16u
#define TURN_IN_BYTES_MAX (512u * 1024u) /* received in one turn, whatever TLS makes of it */
#define ANSWER_HEAD_BYTES_MAX 4096u
#define IN_BYTES (2u * SEV_HTTP_HEAD_BYTES_MAX) /* a head, and what came behind it */
#define LINGER_MS 2000u
#define LINGER_BYTES_MAX (256u * 1024u)

struct worker;
struct conn;

/* Who is at the other end; outlives the connection when an exchange does. */
struct peer {
    unsigned references; /* of the worker's thread alone */
    uint64_t key;        /* for the limiter */
    struct sev_server_peer is;
    char text[]; /* what the slices point to */
};

/* ------------------------------------------------------------------ answer */

enum source { FROM_NOTHING, FROM_MEMORY, FROM_PAGE, FROM_FILE, FROM_CHANNEL };

struct answer {
    bool given;
    unsigned status;
    const char *type;
    enum source source;
    uint8_t *memory; /* owned */
    struct sev_page *page;
    struct sev_channel *channel;
    int fd;
    uint64_t total; /* bytes of the whole thing */
    char etag[84];
    /* While it is sent. */
    uint64_t at, left;
    bool reading; /* the channel, from `cursor` on */
    uint64_t cursor;
    size_t head_len, head_at;
    uint8_t head[ANSWER_HEAD_BYTES_MAX];
};

enum body_state { BODY_NOT_YET, BODY_COMING, BODY_WHOLE };

struct sev_exchange {
    struct worker *worker;
    struct conn *conn; /* NULL: the peer is gone */
    struct peer *peer;
    struct sev_exchange *next; /* free list, or returned answers */
    void *own;
    bool later, parsed, announced; /* `head` was called, so `gone` must be */
    struct timespec began;

    struct sev_http_scan scan;
    struct sev_http_request request;
    size_t in_len, in_at; /* bytes there, and of them dealt with */

    enum body_state body_state;
    struct sev_body_plan plan;
    struct sev_http_chunked chunked;
    uint64_t body_left;
    uint8_t *body;
    size_t body_len, body_cap;

    struct answer answer;
    size_t fields_len;
    uint8_t fields[1024];
    uint8_t in[IN_BYTES];
};

/* -------------------------------------------------------------- connection */

enum phase { HANDSHAKE, REQUEST, BODY, WAITING, ANSWER, LINGER };

struct conn {
    struct worker *worker;
    int fd; /* -1: unused slot */
    uint32_t generation;
    enum phase phase;
    SSL *ssl; /* NULL: plain */
    struct peer *peer;
    struct sev_exchange *x;
    bool readable, writable, read_closed, broken;
    bool held_back;   /* there is more to read, but it was enough for one turn */
    bool queued;      /* for another turn */
    bool close_after; /* the answer */
    bool fin_sent;
    uint32_t served; /* requests */
    uint32_t turn_bytes;
    uint8_t *pending; /* encrypted, not taken by the kernel yet */
    size_t pending_len, pending_at;
    uint64_t sent;         /* given to the kernel so far */
    uint64_t received;     /* of bodies, so far */
    uint64_t window_start; /* `sent` less what was not acknowledged, or `received`, then */
    size_t lingered;
    /* timer: deadline, and the place in the wheel, which may be an earlier one */
    uint64_t deadline_ms, slot_ms;
    struct conn *timer_next, **timer_link;
};

/* ------------------------------------------------------------------ worker */

#define WHEEL_SLOTS 512u
#define WHEEL_MS 128u

struct counters {
    _Atomic uint64_t accepted, refused, handshakes_full, handshakes_resumed, handshakes_failed;
    _Atomic uint64_t requests, requests_refused, answers, cut_off, body_bytes, answer_bytes;
    _Atomic uint64_t open_connections, open_handshakes, unsent_bytes, gathered_bytes;
};
/* Only the worker writes; others may look. */
#define COUNT_ADD(counter, n)                                                                      \
    atomic_store_explicit(&(counter),                                                              \
                          atomic_load_explicit(&(counter), memory_order_relaxed) + (uint64_t)(n),  \
                          memory_order_relaxed)
#define COUNT_GET(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

struct worker {
    struct sev_server *server;
    pthread_t thread;
    bool started;
    int epoll, listener, wake; /* `wake`: an eventfd, written by any thread */
    SSL_CTX *tls;              /* what new connections get */

    struct conn *conns;
    uint32_t *free_slots, free_count;
    struct sev_exchange *free_exchanges;
    uint32_t outside; /* exchanges that are answered later, the peers of some may be gone */
    struct conn *wheel[WHEEL_SLOTS];
    uint64_t wheel_ms; /* slots before this time have been looked at */
    struct conn **queue;
    uint32_t queue_len;

    uint64_t now_ms;
    uint64_t waited_ms; /* longest wait since the last look at the load */
    sev_time wall;
    char date[32];
    bool listening, paused, draining;
    uint64_t paused_until, drain_until, load_look_ms;

    struct conn *turn; /* whose `out` is */
    size_t out_len;
    size_t turn_in;
    unsigned turn_requests;
    uint32_t readers; /* of channels */
    struct counters counters;

    pthread_mutex_t lock; /* for what follows */
    struct sev_exchange *returned;
    SSL_CTX *new_tls;
    bool stop;
    uint32_t drain_ms;

    uint8_t out[OUT_BYTES];
    uint8_t scratch[PIECE_BYTES];
};

struct sev_server {
    struct sev_server_limits limits;
    struct sev_server_handler handler;
    atomic_bool admit_expired;
    sev_time built;
    uint16_t port;
    uint8_t secret[16];
    BIO_METHOD *bio;
    struct sev_limiter *connections, *requests;
    pthread_mutex_t load_lock;
    unsigned worker_count;
    struct worker **workers;
};

/* ------------------------------------------------------------------- pages */

struct sev_page {
    atomic_uint references;
    const char *type;
    size_t body_bytes;
    char etag[84];
    uint8_t body[];
};

/* ---------------------------------------------------------------- channels */

/** The event `cursor`, into `out` of SEV_CHANNEL_EVENT_BYTES_MAX. -1: too far behind, 0: none yet.
 */
ssize_t sev_channel_read(struct sev_channel *channel, uint64_t cursor, uint8_t *out);
uint64_t sev_channel_end(struct sev_channel *channel);
/** Wake this eventfd at each event, until as many calls of the other. */
void sev_channel_watch(struct sev_channel *channel, int wake);
void sev_channel_unwatch(struct sev_channel *channel, int wake);

/* -------------------------------------------------- between the source files */

/* tls.c */
SEV_MUST_USE sev_err server_tls_new(const struct sev_server_tls *config,
                                    const struct sev_server_limits *limits, SSL_CTX **out);
BIO_METHOD *server_bio_method(void);
/** @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err server_peer_new(const struct sev_server *s, SSL *ssl, const char *address,
                                     struct peer **out);
void server_peer_release(struct peer *p);

/* timer.c */
void server_timer_set(struct worker *w, struct conn *c, uint64_t deadline_ms);
void server_timer_clear(struct conn *c);
/** Those whose deadline has passed, one by one; NULL when there is none left. */
struct conn *server_timer_next(struct worker *w);

/* conn.c */
enum step { AGAIN, BLOCKED, YIELD, CLOSE };
void server_conn_open(struct worker *w, struct conn *c);
/** Do what can be done now. Afterwards `c` may be closed. */
void server_conn_turn(struct worker *w, struct conn *c);
void server_conn_expired(struct worker *w, struct conn *c);
void server_conn_close(struct worker *w, struct conn *c);
/** Only with `event` that says why. Returns CLOSE. */
enum step server_cut(struct worker *w, struct conn *c, sev_err why, const char *phase);
void server_event(struct worker *w, const struct conn *c, struct sev_server_event event);

/* transport.c: bytes in and out of one connection */
/** > 0 bytes, 0 the end, -1 not now, -2 broken. */
ssize_t server_read(struct conn *c, void *out, size_t most);
bool server_write(struct worker *w, struct conn *c, const void *bytes, size_t len);
/** Room in `out` for a piece more? */
bool server_room(const struct worker *w);
/** What is in `out` to the kernel; what it does not take is kept. False: cut off. */
bool server_flush(struct worker *w, struct conn *c);
/** What was kept. False: broken. */
void server_keep_none(struct worker *w, struct conn *c);
bool server_flush_pending(struct worker *w, struct conn *c);

/* request.c */
enum step server_request_step(struct worker *w, struct conn *c);
enum step server_body_step(struct worker *w, struct conn *c);
/** The server's own refusal: an answer, after which the connection ends if the body was not read.
 */
enum step server_refuse(struct worker *w, struct conn *c, sev_err why, uint32_t wait_ms);

/* exchange.c */
/** @retval NULL  no memory */
struct sev_exchange *server_exchange_take(struct worker *w, struct conn *c);
/** Its request is over: calls `gone`, gives back what it holds, keeps what came behind the request.
 */
void server_exchange_over(struct worker *w, struct sev_exchange *x);
void server_exchange_free(struct worker *w, struct sev_exchange *x);
void server_exchange_refuse(struct sev_exchange *x, unsigned status, sev_err why);

/* answer.c */
/** An answer was given: make its head and begin to send. */
void server_answer_begin(struct worker *w, struct conn *c);
enum step server_answer_step(struct worker *w, struct conn *c);

/* worker.c */
void *server_worker_run(void *worker);
void server_worker_wake(const struct worker *w);
void server_queue(struct worker *w, struct conn *c);

#endif
