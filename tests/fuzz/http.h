/* http - what the fuzz targets of heads share. SPDX-License-Identifier: MIT */
#ifndef SEV_FUZZ_HTTP_H
#define SEV_FUZZ_HTTP_H

#include <stdlib.h>

#include "secureev/http.h"

static inline void must(bool condition)
{
    if (!condition)
        abort();
}

static inline void must_same_fields(const struct sev_http_fields *a,
                                    const struct sev_http_fields *b)
{
    must(a->count == b->count && a->count <= SEV_HTTP_FIELDS_MAX);
    for (uint32_t i = 0; i < a->count; i++) {
        must(sev_slice_eq(a->at[i].name, b->at[i].name));
        must(sev_slice_eq(a->at[i].value, b->at[i].value));
    }
}

/** Lengths of pieces, as the first byte of the input chooses: 1 to 32, or two that take turns. */
static inline size_t http_piece(uint8_t choice, size_t n)
{
    return n % 2 == 0 ? 1u + (choice & 7u) : 1u + (choice >> 3);
}

/** A chunked body in pieces is that body whole; what is taken never exceeds its bound. */
static inline void http_chunks(sev_slice body, uint8_t choice)
{
    static uint8_t memory[2][65536];
    enum { MOST = 4096 };
    sev_err result[2] = {SEV_OK, SEV_OK};
    size_t end[2] = {0, 0};
    bool done[2] = {false, false};
    sev_buf out[2];
    for (unsigned way = 0; way < 2; way++) {
        struct sev_http_chunked c;
        sev_http_chunked_init(&c, MOST);
        out[way] = sev_buf_of(memory[way], sizeof memory[way]);
        for (size_t n = 0; end[way] < body.len && !done[way] && result[way] == SEV_OK; n++) {
            size_t used = 0;
            sev_slice data = SEV_EMPTY;
            sev_slice in = sev_slice_sub(body, end[way], way ? http_piece(choice, n) : body.len);
            result[way] = sev_http_chunked_read(&c, in, &used, &data, &done[way]);
            if (result[way] == SEV_OK) {
                must(used > 0 && used <= in.len && data.len <= used);
                sev_buf_put_slice(&out[way], data);
                end[way] += used;
            }
        }
        must(!out[way].overflow && out[way].len <= MOST);
    }
    must(result[0] == result[1] && done[0] == done[1]);
    if (result[0] == SEV_OK)
        must(end[0] == end[1] && sev_slice_eq(sev_buf_slice(&out[0]), sev_buf_slice(&out[1])));
}

#endif
