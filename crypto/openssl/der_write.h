/* der_write - DER from the inside out: the little that requests and certificates need.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_OPENSSL_DER_WRITE_H
#define SEV_CRYPTO_OPENSSL_DER_WRITE_H

#include "secureev/slice.h"

/* Contents below 65536 bytes. */
static inline size_t der_head(uint8_t tag, size_t len, uint8_t out[4])
{
    size_t n = 1;
    out[0] = tag;
    if (len >= 0x80)
        out[n++] = len < 0x100 ? 0x81 : 0x82;
    if (len >= 0x100)
        out[n++] = (uint8_t)(len >> 8);
    out[n++] = (uint8_t)len;
    return n;
}

/* Make what was written since `from` the contents of an element. */
static inline void der_wrap(sev_buf *out, size_t from, uint8_t tag)
{
    uint8_t head[4];
    size_t len = out->len - from, n = der_head(tag, len, head);
    sev_buf_put(out, head, n); /* room for it, or the overflow */
    if (out->overflow)
        return;
    memmove(out->ptr + from + n, out->ptr + from, len);
    memcpy(out->ptr + from, head, n);
}

static inline void der_put(sev_buf *out, uint8_t tag, sev_slice contents)
{
    size_t from = out->len;
    sev_buf_put_slice(out, contents);
    der_wrap(out, from, tag);
}

#endif
