/* http - HTTP/1.1 as we accept and write it: a strict subset of RFC 9112, in the caller's memory,
 * without sockets. Whatever two readers could understand differently is refused.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_HTTP_H
#define SECUREEV_HTTP_H

#include "secureev/err.h"
#include "secureev/limits.h"
#include "secureev/slice.h"
#include "secureev/text.h"

/* ------------------------------------------------------------------ status */

/* X(error, status): what a refusal is on the wire. Errors that are not here go by their class:
 * INPUT 400, REFUSE 422, RETRY 503, BUG 500. */
#define SEV_HTTP_STATUS_TABLE(X)                                                                   \
    X(OK, 200)                                                                                     \
    X(HTTP_SYNTAX, 400)                                                                            \
    X(HTTP_TARGET, 400)                                                                            \
    X(HTTP_HOST, 400)                                                                              \
    X(HTTP_FRAMING, 400)                                                                           \
    X(CHALLENGE, 401)                                                                              \
    X(BEARER, 401)                                                                                 \
    X(ROLE, 403)                                                                                   \
    X(NO_GRANT, 403)                                                                               \
    X(WRONG_SUBJECT, 403)                                                                          \
    X(ENROLMENT_TOKEN, 403)                                                                        \
    X(NOT_ENROLLED, 403)                                                                           \
    X(REVOKED, 403)                                                                                \
    X(DID_DEACTIVATED, 403)                                                                        \
    X(CLAIM, 403)                                                                                  \
    X(FOUR_EYES, 403)                                                                              \
    X(NOT_FOUND, 404)                                                                              \
    X(ABSENT, 404)                                                                                 \
    X(TOO_SLOW, 408)                                                                               \
    X(HTTP_NOT_ALLOWED, 405)                                                                       \
    X(EXISTS, 409)                                                                                 \
    X(CONFLICT, 409)                                                                               \
    X(LAST_ADMIN, 409)                                                                             \
    X(WRONG_STATE, 409)                                                                            \
    X(INVALIDATED, 409)                                                                            \
    X(IN_PROGRESS, 409)                                                                            \
    X(STALE, 412)                                                                                  \
    X(MEDIA_TYPE, 415)                                                                             \
    X(KEY_REUSED, 422)                                                                             \
    X(PRECONDITION, 428)                                                                           \
    X(HTTP_LENGTH, 411)                                                                            \
    X(HTTP_BODY_LIMIT, 413)                                                                        \
    X(TOO_LONG, 413)                                                                               \
    X(HTTP_RANGE, 416)                                                                             \
    X(HTTP_EXPECT, 417)                                                                            \
    X(RATE_LIMITED, 429)                                                                           \
    X(HTTP_HEAD_LIMIT, 431)                                                                        \
    X(HTTP_METHOD, 501)                                                                            \
    X(OVERLOADED, 503)                                                                             \
    X(HTTP_VERSION, 505)

unsigned sev_http_status(sev_err e);
/** "Not Found"; "Status" for a number we have no words for. Never NULL. */
const char *sev_http_reason(unsigned status);

/* ------------------------------------------------------------------- heads */

struct sev_http_field {
    sev_slice name;  /**< letters, digits and '-' */
    sev_slice value; /**< printable ASCII and blanks; none at its ends */
};

/** In the order received. No name is there twice but those of lists, such as Accept and Cookie. */
struct sev_http_fields {
    uint32_t count;
    struct sev_http_field at[SEV_HTTP_FIELDS_MAX];
};

/** Are these the same name of a field? Case does not count. */
bool sev_http_name_is(sev_slice a, sev_slice b);
/** The value of the first field of that name, or false. */
bool sev_http_field_get(const struct sev_http_fields *fields, sev_slice name, sev_slice *out);

/* X(method) */
#define SEV_HTTP_METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)
enum sev_http_method {
#define X(name) SEV_HTTP_##name,
    SEV_HTTP_METHODS(X)
#undef X
};
/** "GET", ... */
const char *sev_http_method_name(enum sev_http_method m);

/** All slices lie in the bytes that were read: keep them as long. */
struct sev_http_request {
    enum sev_http_method method;
    sev_slice target; /**< path, and "?query" if there was one */
    sev_slice path;   /**< encoded; begins with '/', certainly decodes (sev_http_path_decode) */
    sev_slice query;  /**< encoded, without '?'; empty when there is none */
    sev_slice host;
    bool keep_alive;      /**< the client did not ask to close */
    bool expect_continue; /**< it waits for "100 Continue" before it sends the body */
    bool has_length;
    bool chunked;
    uint64_t body_bytes; /**< Content-Length; 0 when there is none */
    struct sev_http_fields fields;
};

struct sev_http_response {
    unsigned status; /**< 100..599 */
    bool keep_alive;
    bool chunked;
    uint64_t body_bytes; /**< 0 for those that have none: 1xx, 204, 304, answers to HEAD */
    struct sev_http_fields fields;
};

/** How far a head was looked through; zero-initialise for each head. */
struct sev_http_scan {
    size_t seen;
    unsigned state;
};

enum {
    SEV_HTTP_ALLOW_CHUNKED = 1, /**< of requests: else SEV_E_HTTP_LENGTH */
    SEV_HTTP_TO_HEAD = 2,       /**< of responses: the request was HEAD */
};

/**
 * Read the head of a request from a buffer that grows. Each byte is looked at twice, however many
 * calls it takes, and the result does not depend on how the bytes were cut.
 *
 * @param so_far          everything received from the first byte of the head on
 * @param out_head_bytes  its length when it is complete, 0 while more is needed (then `out` is
 *                        untouched)
 * @retval SEV_E_HTTP_*   refused: answer sev_http_status(e) and close, for what follows in the
 *                        stream means nothing any more
 */
SEV_MUST_USE sev_err sev_http_request_read(struct sev_http_scan *scan, sev_slice so_far,
                                           unsigned flags, struct sev_http_request *out,
                                           size_t *out_head_bytes);
/** As sev_http_request_read, for the other side. Answers that end with the connection only are
 *  refused (SEV_E_HTTP_FRAMING): nobody could tell a cut one from a whole one. */
SEV_MUST_USE sev_err sev_http_response_read(struct sev_http_scan *scan, sev_slice so_far,
                                            unsigned flags, struct sev_http_response *out,
                                            size_t *out_head_bytes);

/* ----------------------------------------------------------------- targets */

/**
 * Percent-decode a path, once. '/' separates components and stays.
 *
 * @retval SEV_E_HTTP_TARGET  not beginning with '/'; a character that must be encoded and is not;
 *                            an encoded '/', NUL or other control byte; a backslash; an empty, "."
 *                            or ".." component (a '/' at the end is fine); not UTF-8
 * @retval SEV_E_TOO_LONG     `out` is too small; nothing was written
 */
SEV_MUST_USE sev_err sev_http_path_decode(sev_slice path, sev_buf *out);

/**
 * The decoded value of one parameter of "a=b&c=d". '+' means a blank.
 *
 * @retval SEV_E_NOT_FOUND    there is none
 * @retval SEV_E_HTTP_TARGET  there are two, or a bad encoding, a control byte or no UTF-8 in it
 * @retval SEV_E_TOO_LONG     `out` is too small; nothing was written
 */
SEV_MUST_USE sev_err sev_http_query_value(sev_slice query, sev_slice name, sev_buf *out);

/* ------------------------------------------------------- ranges, validators */

struct sev_http_range {
    bool partial; /**< answer 206 with Content-Range; else 200 and everything */
    uint64_t from;
    uint64_t bytes;
};

/**
 * What to send of `total` bytes whose entity tag is `etag` (quoted, strong; may be empty). One
 * range is honoured; several, other units and ill-formed ones are ignored, as RFC 9110 allows.
 * If-Range holds only if it is this very tag: then, and only then, the parts fit together.
 *
 * @retval SEV_E_HTTP_RANGE  it begins behind the end: answer 416
 */
SEV_MUST_USE sev_err sev_http_range_of(const struct sev_http_fields *fields, sev_slice etag,
                                       uint64_t total, struct sev_http_range *out);
/** Does If-None-Match name this tag (or "*")? Then answer 304. */
bool sev_http_not_modified(const struct sev_http_fields *fields, sev_slice etag);

/* ----------------------------------------------------------------- writing */

/** "HTTP/1.1 200 OK\r\n" */
void sev_http_put_status(sev_buf *out, unsigned status);
/** "GET /x HTTP/1.1\r\nHost: h\r\n" */
void sev_http_put_request(sev_buf *out, enum sev_http_method method, sev_slice target,
                          sev_slice host);
/** "name: value\r\n". A name or value that we would not accept overflows `out`: nothing that came
 *  from outside can add a line of its own. */
void sev_http_put_field(sev_buf *out, sev_slice name, sev_slice value);
void sev_http_put_number(sev_buf *out, sev_slice name, uint64_t value);
/** "Content-Range: bytes 0-1/2\r\n" */
void sev_http_put_content_range(sev_buf *out, const struct sev_http_range *range, uint64_t total);
/** "Sun, 06 Nov 1994 08:49:37 GMT"; outside the years 1970..9999 overflows `out`. */
void sev_http_put_date(sev_buf *out, sev_time t);
/** The empty line. */
void sev_http_put_end(sev_buf *out);

/* ---------------------------------------------------------- chunked bodies */

/** Extensions and trailers are refused: nobody needs them, and readers differ about them. */
struct sev_http_chunked {
    uint64_t left;  /**< of the body, that may still come */
    uint64_t chunk; /**< of the present chunk */
    unsigned state, digits;
};

void sev_http_chunked_init(struct sev_http_chunked *c, uint64_t body_bytes_max);
/**
 * Take some of `in`. Call again with the rest of it until all is used or the body is done.
 *
 * @param out_used  bytes of `in` that are dealt with
 * @param out_data  a piece of the body, in `in`; may be empty
 * @param out_done  the body's end was met: what is left of `in` belongs to what follows
 * @retval SEV_E_HTTP_FRAMING     not a chunked body as we accept it
 * @retval SEV_E_HTTP_BODY_LIMIT  more than `body_bytes_max`; told before that chunk's bytes come
 */
SEV_MUST_USE sev_err sev_http_chunked_read(struct sev_http_chunked *c, sev_slice in,
                                           size_t *out_used, sev_slice *out_data, bool *out_done);

#endif
