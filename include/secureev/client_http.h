/* client_http - HTTP/1.1 over TLS 1.3, asking: what one role needs of another and the command line
 * of both. Blocks; one handle per thread. No redirects, no proxies, no compression, no cookies.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CLIENT_HTTP_H
#define SECUREEV_CLIENT_HTTP_H

#include "secureev/http.h"

struct sev_http_client_limits {
    uint32_t connect_ms; /**< TCP, all addresses of the name together; looking it up is not in it */
    uint32_t handshake_ms; /**< waiting for the peer in it */
    uint32_t first_ms;     /**< from the last byte of the request to the first of the answer */
    uint32_t whole_ms;     /**< of a request; 0: only the rate counts */
    uint32_t rate_min;     /**< bytes per second of bodies, in either direction ... */
    uint32_t window_ms;    /**< ... over so much time spent waiting for the peer */
};
/** 10 s to connect, 10 s for the handshake, 30 s to the first byte, 512 B/s over 10 s. */
extern const struct sev_http_client_limits sev_http_client_defaults;

struct sev_http_client_config {
    const char *url;         /**< "https://host", "https://host:8000", "https://[::1]:8000" */
    sev_slice ca;            /**< PEM: whom the server's certificate must lead to */
    sev_slice certificate;   /**< PEM, with what stands between it and the root; empty: none */
    sev_slice key;           /**< PEM, of `certificate` */
    const char *bearer;      /**< sent with every request; NULL: none */
    const char *server_name; /**< the certificate's, a name or an address; NULL: the URL's host */
    /** The certificate may have expired, or not be valid yet. Only for answers that prove their own
     * freshness, such as the time service's: who asks what time it is cannot judge dates. DESIGN 6
     */
    bool dates_unchecked;
    sev_time built; /**< of the program: dates are judged by no time before it. DESIGN 6 */
    struct sev_http_client_limits limits;
};

/** A server, and at most one connection to it, made when it is needed and kept. */
struct sev_http_client;
/**
 * Nothing of `config` is kept but copies; nothing is connected yet.
 *
 * @retval SEV_E_CONFIG  the URL, the name or the token is not one that we understand
 * @retval SEV_E_KEY     CA, certificate or key are not usable, or do not belong together
 * @retval SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_http_client_new(const struct sev_http_client_config *config,
                                         struct sev_http_client **out);
void sev_http_client_free(struct sev_http_client *c); /**< NULL is fine */

/** Some of the body, in order: 1 to `room` bytes. An error ends the request and is its result. */
typedef sev_err sev_http_source(void *context, uint8_t *out, size_t room, size_t *out_len);
/** The body of a 2xx answer, piece by piece; an error likewise. */
typedef sev_err sev_http_sink(void *context, sev_slice bytes);

struct sev_http_ask {
    enum sev_http_method method;
    const char *target;                  /**< path, encoded, and "?query" */
    const char *type;                    /**< Content-Type of the body; NULL: there is no body */
    const struct sev_http_field *fields; /**< more of them; a bad one is SEV_E_CONFIG */
    size_t field_count;
    sev_slice body;          /**< or, when `source` is set, */
    sev_http_source *source; /**< from here, */
    uint64_t source_bytes;   /**< so many */
    void *source_context;
    /** Asking twice does no more than asking once: true of GET, HEAD, PUT, DELETE and OPTIONS in
     * any case, of a POST that carries an idempotency key when this says so. */
    bool repeatable;

    sev_buf *room;       /**< the answer's body; emptied first. Of a `sink`: refusals only */
    sev_http_sink *sink; /**< NULL: everything goes to `room` */
    uint64_t sink_bytes_max;
    void *sink_context;
};

struct sev_http_answer {
    unsigned status;               /**< 200..599 */
    sev_slice body;                /**< in `room` */
    struct sev_http_fields fields; /**< valid until the handle is used again */
};

/**
 * Ask and wait for the whole answer, whatever its status. A connection that the server has closed
 * while it was idle is made anew silently; when it broke as we asked, before a byte of the answer
 * came, only what is repeatable and not from a source is asked a second time.
 *
 * The answer may come before the body is sent whole (a refusal): it is taken, the rest is not sent.
 * Of a refusal (4xx, 5xx) longer than `room` the body is left out.
 *
 * @retval SEV_E_UNREACHABLE  no connection, none in time, no answer in time, or cut in the middle
 * @retval SEV_E_TLS          the server's certificate was refused by us, or ours by it
 * @retval SEV_E_TOO_SLOW     a body moved too slowly, or the whole took too long
 * @retval SEV_E_TOO_LONG     the answer has more than there is room for
 * @retval SEV_E_HTTP_*       not an answer as we accept it
 * @retval SEV_E_CONFIG       target or fields cannot be sent
 */
SEV_MUST_USE sev_err sev_http_client_ask(struct sev_http_client *c, const struct sev_http_ask *ask,
                                         struct sev_http_answer *out);
/** SEV_OK for 2xx. Of a refusal that is one of ours (application/problem+json) its error, else one
 *  that fits the status, SEV_E_UNREACHABLE when none does. */
sev_err sev_http_answer_err(const struct sev_http_answer *answer);
/** What happened last, for people. */
const char *sev_http_client_detail(const struct sev_http_client *c);

/** Connections so far, and how many of them went on with an earlier session. */
struct sev_http_client_counters {
    uint32_t connections, resumed;
};
struct sev_http_client_counters sev_http_client_count(const struct sev_http_client *c);

#endif
