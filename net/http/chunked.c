/* chunked - bodies that come in chunks. SPDX-License-Identifier: MIT */
#include "head.h"

enum { FIRST_DIGIT, DIGITS, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF, DONE };

void sev_http_chunked_init(struct sev_http_chunked *c, uint64_t body_bytes_max)
{
    *c = (struct sev_http_chunked){body_bytes_max, 0, FIRST_DIGIT, 0};
}

/* Everything but data. Extensions and trailers are not there: ';' and letters are refused. */
static sev_err step(struct sev_http_chunked *c, uint8_t byte)
{
    static const uint8_t wanted[] = {
        [SIZE_LF] = '\n', [DATA_CR] = '\r', [DATA_LF] = '\n', [LAST_CR] = '\r', [LAST_LF] = '\n'};
    static const unsigned then[] = {
        [DATA_CR] = DATA_LF, [DATA_LF] = FIRST_DIGIT, [LAST_CR] = LAST_LF, [LAST_LF] = DONE};
    switch (c->state) {
    case FIRST_DIGIT:
        c->digits = 0;
        c->chunk = 0;
        c->state = DIGITS;
        if (byte == '\r')
            return SEV_E_HTTP_FRAMING;
        /* fall through */
    case DIGITS:
        if (byte == '\r') {
            c->state = SIZE_LF;
            return c->chunk > c->left ? SEV_E_HTTP_BODY_LIMIT : SEV_OK;
        }
        if (!http_is(byte, HTTP_HEX) || c->digits++ == SEV_HTTP_CHUNK_DIGITS_MAX)
            return SEV_E_HTTP_FRAMING;
        c->chunk = c->chunk << 4 | http_hex(byte);
        return SEV_OK;
    case SIZE_LF:
        if (byte != '\n')
            return SEV_E_HTTP_FRAMING;
        c->left -= c->chunk;
        c->state = c->chunk > 0 ? DATA : LAST_CR;
        return SEV_OK;
    default:
        if (byte != wanted[c->state])
            return SEV_E_HTTP_FRAMING;
        c->state = then[c->state];
        return SEV_OK;
    }
}

sev_err sev_http_chunked_read(struct sev_http_chunked *c, sev_slice in, size_t *out_used,
                              sev_slice *out_data, bool *out_done)
{
    struct sev_http_chunked now = *c;
    sev_slice data = SEV_EMPTY;
    size_t used = 0;
    while (used < in.len && now.state != DONE && data.len == 0) {
        if (now.state == DATA) {
            data = sev_slice_sub(in, used, now.chunk < in.len ? (size_t)now.chunk : in.len);
            used += data.len;
            now.chunk -= data.len;
            if (now.chunk == 0)
                now.state = DATA_CR;
            continue;
        }
        sev_err e = step(&now, in.ptr[used]);
        if (e != SEV_OK)
            return e;
        used++;
    }
    *c = now;
    *out_used = used;
    *out_data = data;
    *out_done = now.state == DONE;
    return SEV_OK;
}
