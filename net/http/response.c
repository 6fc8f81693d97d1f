/* response - the head of a response, read. SPDX-License-Identifier: MIT */
#include "head.h"

/* "HTTP/1.1 200 OK"; the words, and the blank before them, may be missing. */
static sev_err parse_line(sev_slice line, unsigned *out)
{
    if (line.len < 12 || memcmp(line.ptr, "HTTP/", 5) != 0)
        return SEV_E_HTTP_SYNTAX;
    if (memcmp(line.ptr, "HTTP/1.1 ", 9) != 0)
        return SEV_E_HTTP_VERSION;
    unsigned status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (!http_is(line.ptr[i], HTTP_DIGIT))
            return SEV_E_HTTP_SYNTAX;
        status = status * 10 + (line.ptr[i] - (unsigned)'0');
    }
    if (status < 100 || status > 599 || (line.len > 12 && line.ptr[12] != ' '))
        return SEV_E_HTTP_SYNTAX;
    *out = status;
    return SEV_OK;
}

sev_err sev_http_response_read(struct sev_http_scan *scan, sev_slice so_far, unsigned flags,
                               struct sev_http_response *out, size_t *out_head_bytes)
{
    size_t bytes = 0;
    sev_err e = http_scan(scan, so_far, &bytes);
    if (e != SEV_OK || bytes == 0) {
        if (e == SEV_OK)
            *out_head_bytes = 0;
        return e;
    }
    struct sev_http_response r;
    struct http_framing f;
    sev_slice rest = sev_slice_of(so_far.ptr, bytes);
    e = parse_line(http_line(&rest), &r.status);
    if (e == SEV_OK)
        e = http_fields(rest, &r.fields);
    if (e == SEV_OK)
        e = http_framing(&r.fields, &f);
    if (e != SEV_OK)
        return e;
    bool bare = r.status < 200 || r.status == 204;
    bool bodiless = bare || r.status == 304 || (flags & SEV_HTTP_TO_HEAD) != 0;
    if (bare ? f.chunked || f.length > 0 : !bodiless && !f.has_length && !f.chunked)
        return SEV_E_HTTP_FRAMING;
    r.keep_alive = f.keep_alive;
    r.chunked = f.chunked && !bodiless;
    r.body_bytes = bodiless ? 0 : f.length;
    *out = r;
    *out_head_bytes = bytes;
    return SEV_OK;
}
