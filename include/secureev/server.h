/* server - HTTP/1.1 over TLS 1.3 with client certificates: worker threads with a loop each, bounds
 * on everything a stranger can make us keep, and a handler that answers now or later.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SERVER_H
#define SECUREEV_SERVER_H

#include "secureev/http.h"
#include "secureev/limiter.h"

/* --------------------------------------------------------------- who asks */

#define SEV_SERVER_URIS_MAX 4
#define SEV_SERVER_ADDRESS_BYTES 48

struct sev_server_peer {
    bool authenticated; /**< with a certificate of a CA of ours */
    bool resumed; /**< the session was: nobody looked at the certificate since its first use */
    bool expired; /**< the certificate; only with `admit_expired` */
    uint8_t certificate_sha256[32]; /**< of its DER */
    uint8_t key_sha256[32];         /**< of its SubjectPublicKeyInfo */
    sev_slice common_name; /**< of the subject; empty unless there is exactly one, printable */
    uint32_t uri_count;    /**< of the subject's alternative names */
    sev_slice uris[SEV_SERVER_URIS_MAX];
    /** Whom it names: the first did: among the URIs, else the common name, which is often whatever
     *  was asked for and so may be no DID; else empty: nobody. */
    sev_slice identity;
    sev_time not_after;
    char address[SEV_SERVER_ADDRESS_BYTES]; /**< "127.0.0.1", "::1" */
};

/* ----------------------------------------------------------------- events */

/* X(kind, sentence). What `why`, `peer` and the other members mean stands beside them. */
#define SEV_SERVER_EVENTS(X)                                                                       \
    X(CONNECTION_REFUSED, "a connection was closed before its first byte")                         \
    X(HANDSHAKE_FAILED, "a TLS handshake failed or took too long")                                 \
    X(REQUEST_REFUSED, "a request was refused by the server or its handler")                       \
    X(ANSWERED, "an answer was sent")                                                              \
    X(CUT_OFF, "a connection was cut: too slow, gone, or too much kept for it")                    \
    X(LOAD, "the shares of strangers and peers have changed with the load")                        \
    X(TROUBLE, "this machine lacks descriptors or memory for more")
enum sev_server_event_kind {
#define X(name, sentence) SEV_SERVER_##name,
    SEV_SERVER_EVENTS(X)
#undef X
};

struct sev_server_event {
    enum sev_server_event_kind kind;
    sev_err why;                        /**< SEV_OK with ANSWERED and LOAD */
    const char *phase;                  /**< "handshake", "head", "body", "answer", ... */
    const struct sev_server_peer *peer; /**< address only before the handshake ends; never NULL */
    const struct sev_http_request *request; /**< NULL when there is none */
    unsigned status;                        /**< of the answer, 0 when there is none */
    uint64_t bytes;                         /**< of the answer's body */
    uint64_t microseconds;                  /**< from the whole head to the last byte handed over */
    int system_error;                       /**< errno with TROUBLE */
    unsigned stranger_share, peer_share;    /**< sixteenths, with LOAD */
};

/* ---------------------------------------------------------------- answers */

/** A request while it is being answered. */
struct sev_exchange;

const struct sev_http_request *sev_exchange_request(const struct sev_exchange *x);
const struct sev_server_peer *sev_exchange_peer(const struct sev_exchange *x);
/** The gathered body; empty unless the handler asked for SEV_BODY_GATHER. */
sev_slice sev_exchange_body(const struct sev_exchange *x);
/** Something of the handler's own; NULL at first. `gone` is where it is freed. */
void sev_exchange_set_own(struct sev_exchange *x, void *own);
void *sev_exchange_own(const struct sev_exchange *x);

/**
 * "I shall answer later." Called in `whole`; then the exchange, with request, peer and body,
 * belongs to the caller until it calls one of the functions below, once, from any thread. When the
 * peer leaves, or `answer_ms` have passed, that answer goes nowhere; it has to be given all the
 * same.
 */
void sev_exchange_later(struct sev_exchange *x);

/** A field more for the answer, before it is given; bounded, silently left out when it does not fit
 *  or is no field. */
void sev_exchange_add_field(struct sev_exchange *x, sev_slice name, sev_slice value);

/** The status of `why`, and application/problem+json that says no more than its id and sentence. */
void sev_exchange_refuse(struct sev_exchange *x, sev_err why);
/** Bytes that are copied. `type` must live as long as the server (a literal). */
void sev_exchange_answer(struct sev_exchange *x, unsigned status, const char *type, sev_slice body);
/** Bytes from malloc, taken over. */
void sev_exchange_answer_owned(struct sev_exchange *x, unsigned status, const char *type,
                               void *body, size_t body_bytes);

/** Immutable bytes that many answers share: what is asked for often. */
struct sev_page;
/** @param etag  quoted; empty: none. `type` as above. @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_page_new(const char *type, sev_slice etag, sev_slice body,
                                  struct sev_page **out);
struct sev_page *sev_page_ref(struct sev_page *page);
void sev_page_free(struct sev_page *page); /**< gives one reference back; NULL is fine */
/** 200, 206, 304 or 416, as Range, If-Range and If-None-Match ask. Takes over one reference. */
void sev_exchange_answer_page(struct sev_exchange *x, struct sev_page *page);

/** A regular file of `bytes` bytes, likewise. Takes the descriptor over. It must not shrink; if it
 *  does the connection ends in the middle. @param etag  quoted; copied, at most 80 bytes */
void sev_exchange_answer_file(struct sev_exchange *x, const char *type, sev_slice etag, int fd,
                              uint64_t bytes);

/** Events to many readers (text/event-stream). */
struct sev_channel;
SEV_MUST_USE sev_err sev_channel_new(struct sev_channel **out);
void sev_channel_free(struct sev_channel *channel); /**< after the servers that use it */
/**
 * From any thread: one event, rendered by the caller ("event: x\ndata: y\n\n"). A reader that is
 * more than SEV_CHANNEL_EVENTS events behind is cut off.
 *
 * @retval SEV_E_MEMORY, SEV_E_TOO_LONG
 */
SEV_MUST_USE sev_err sev_channel_publish(struct sev_channel *channel, sev_slice event);
/** Whoever reads it now is cut off, as if too far behind: for when it is not certain any more that
 *  each of them may. Those that come later read what comes later. */
void sev_channel_cut(struct sev_channel *channel);
#define SEV_CHANNEL_EVENTS 256
#define SEV_CHANNEL_EVENT_BYTES_MAX 16384
/** Everything that is published from now on, until the reader leaves. */
void sev_exchange_answer_channel(struct sev_exchange *x, struct sev_channel *channel);

/* ---------------------------------------------------------------- handler */

enum sev_body {
    SEV_BODY_NONE,   /**< a request with a body is refused */
    SEV_BODY_GATHER, /**< in memory, for `whole` */
    SEV_BODY_STREAM, /**< to `piece`, as it comes */
};

struct sev_body_plan {
    enum sev_body how; /**< NONE at first */
    uint64_t bytes_max;
    bool chunked; /**< may it come without a length? */
};

/** What the application is to the server. All are called on worker threads and must not block;
 *  `admit` and `gone` may be NULL. */
struct sev_server_handler {
    void *context;
    /** Each request, before anything else: is this peer still one of ours? A resumed session was
     * not verified again, so revocation is seen here or nowhere. REQ-H34 */
    sev_err (*admit)(void *context, const struct sev_server_peer *peer,
                     const struct sev_http_request *request);
    /** The head is there: plan the body. An error refuses the request, and the body is not read. */
    sev_err (*head)(void *context, struct sev_exchange *x, struct sev_body_plan *out);
    /** A piece of a streamed body; an error refuses. */
    sev_err (*piece)(void *context, struct sev_exchange *x, sev_slice bytes);
    /** All is there: answer, or sev_exchange_later(). Neither is answered 500. */
    void (*whole)(void *context, struct sev_exchange *x);
    /** The exchange is about to go: after its answer, or because the peer is gone. Last call for
     * it. */
    void (*gone)(void *context, struct sev_exchange *x);
    /** Must be quick. May be NULL. */
    void (*event)(void *context, const struct sev_server_event *event);
};

/* ----------------------------------------------------------------- server */

struct sev_server_limits {
    /* Of each worker. */
    uint32_t connections_max;
    uint32_t handshakes_max;   /**< at one time; more wait in the kernel's queue */
    uint64_t body_bytes_max;   /**< of all gathered bodies */
    uint64_t unsent_bytes_max; /**< of all answers that were encrypted and not yet taken */
    /* Of each connection. */
    uint32_t handshake_ms; /**< from accept to the end of the handshake */
    uint32_t head_ms;      /**< from the first byte of a head to its last */
    uint32_t idle_ms;      /**< between requests */
    uint32_t answer_ms;    /**< from `whole` to a later answer: then 503 */
    uint32_t rate_min;     /**< bytes per second of bodies and answers ... */
    uint32_t window_ms;    /**< ... in each such stretch of time; slower peers are cut off */
    /* Of the whole server. */
    struct sev_limiter_rate connections; /**< of one network (IPv4 /24, IPv6 /56); none behind a
                                              balancer, from where all seem to come */
    struct sev_limiter_rate requests;    /**< of one authenticated peer, by identity */
    uint32_t lag_ms; /**< a longer wait in a worker's queue halves shares; 0: never */
    uint32_t sessions_max, session_seconds;
};
extern const struct sev_server_limits sev_server_defaults;

/** PEM texts; they are not kept. */
struct sev_server_tls {
    sev_slice certificates; /**< ours, then those between it and the root */
    sev_slice key;
    sev_slice clients;  /**< CAs of clients: their certificates must lead to one of these */
    bool admit_without; /**< also clients without a certificate (`authenticated` is false) */
    bool admit_expired; /**< also expired ones (`expired`): `admit` decides what they may do */
};

struct sev_server_config {
    const char *address;              /**< numeric */
    uint16_t port;                    /**< 0: a free one */
    unsigned workers;                 /**< 1..64 */
    const struct sev_server_tls *tls; /**< NULL: plain, for the loopback and for tests */
    struct sev_server_limits limits;
    struct sev_server_handler handler;
    sev_time built; /**< of the program: dates are judged by no time before it. DESIGN 6 */
};

struct sev_server;
/**
 * Listen and start the workers. SIGPIPE need not be ignored.
 *
 * @retval SEV_E_CONFIG       address, workers or limits make no sense
 * @retval SEV_E_KEY          certificates or key are not usable, or do not belong together
 * @retval SEV_E_UNREACHABLE  cannot listen there; errno says why
 * @retval SEV_E_MEMORY, SEV_E_IO, SEV_E_RANDOM
 */
SEV_MUST_USE sev_err sev_server_start(const struct sev_server_config *config,
                                      struct sev_server **out);
uint16_t sev_server_port(const struct sev_server *s);

/** Other certificates for connections to come; those that are open stay. Sessions of before cannot
 * be resumed, since the CAs may be others. On failure all is as before. */
SEV_MUST_USE sev_err sev_server_reload(struct sev_server *s, const struct sev_server_tls *tls);

/** Take no more connections, finish the requests that have begun, answer those already sent, but
 * for `drain_ms` at most; then free everything. Later answers must have been given or be given by
 * other threads meanwhile. NULL is fine. */
void sev_server_stop(struct sev_server *s, uint32_t drain_ms);

struct sev_server_counters {
    uint64_t accepted, refused, handshakes_full, handshakes_resumed, handshakes_failed;
    uint64_t requests, requests_refused, answers, cut_off, body_bytes, answer_bytes;
    uint64_t open_connections, open_handshakes, unsent_bytes, gathered_bytes;
};
void sev_server_count(const struct sev_server *s, struct sev_server_counters *out);

#endif
