/* head - what heads of requests and responses have in common. SPDX-License-Identifier: MIT */
#ifndef SEV_NET_HTTP_HEAD_H
#define SEV_NET_HTTP_HEAD_H

#include "secureev/http.h"

/* Kinds of bytes, as bits of http_kind[]. */
enum {
    HTTP_TEXT = 1, /* of values: printable ASCII and blanks */
    HTTP_NAME = 2, /* of names of fields */
    HTTP_PATH = 4, /* of paths, but '%' and '/' */
    HTTP_DIGIT = 8,
    HTTP_HEX = 16,
};
extern const uint8_t http_kind[256];

static inline bool http_is(uint8_t byte, unsigned kinds)
{
    return (http_kind[byte] & kinds) != 0;
}

static inline bool http_all(sev_slice s, unsigned kinds)
{
    for (size_t i = 0; i < s.len; i++)
        if (!http_is(s.ptr[i], kinds))
            return false;
    return true;
}

/** Without blanks at its ends. */
sev_slice http_trim(sev_slice s);

/** Goes through `so_far` from where it stopped; as sev_http_request_read. What it has let pass is
 *  lines of HTTP_TEXT that end in CR LF, none of them folded, and one empty line at the end. */
SEV_MUST_USE sev_err http_scan(struct sev_http_scan *scan, sev_slice so_far,
                               size_t *out_head_bytes);
/** The first line, without its end; `rest` begins behind that. */
sev_slice http_line(sev_slice *rest);
/** The lines after the first; `lines` ends with the empty one. */
SEV_MUST_USE sev_err http_fields(sev_slice lines, struct sev_http_fields *out);

/** What the fields say about connection and body, of either side. */
struct http_framing {
    bool keep_alive, has_length, chunked;
    uint64_t length;
};
SEV_MUST_USE sev_err http_framing(const struct sev_http_fields *fields, struct http_framing *out);

/** Value of a hexadecimal digit. */
static inline unsigned http_hex(uint8_t c)
{
    return c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u;
}

#endif
