/* slice - borrowed bytes, and a bounded place to write bytes to.
 * Nothing here owns memory. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SLICE_H
#define SECUREEV_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Bytes that somebody else owns. `len == 0` allows `ptr == NULL`. */
typedef struct sev_slice {
    const uint8_t *ptr;
    size_t len;
} sev_slice;

#define SEV_EMPTY ((sev_slice){NULL, 0})
/** A slice of a string literal, without its NUL. */
#define SEV_LIT(s) ((sev_slice){(const uint8_t *)("" s), sizeof(s) - 1})

static inline sev_slice sev_slice_of(const void *ptr, size_t len)
{
    return (sev_slice){(const uint8_t *)ptr, len};
}

static inline bool sev_slice_eq(sev_slice a, sev_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** Order of raw bytes; a prefix comes first. Negative, zero or positive. */
static inline int sev_slice_cmp(sev_slice a, sev_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    if (c != 0)
        return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

/** `s` without its first `from` bytes, at most `len` of them; never reaches outside `s`. */
static inline sev_slice sev_slice_sub(sev_slice s, size_t from, size_t len)
{
    if (from >= s.len)
        return SEV_EMPTY;
    size_t rest = s.len - from;
    return sev_slice_of(s.ptr + from, len < rest ? len : rest);
}

/**
 * A bounded writer with a sticky error: what does not fit is not written and
 * `overflow` stays set, so a caller checks once, at the end.
 */
typedef struct sev_buf {
    uint8_t *ptr;
    size_t len; /**< bytes written */
    size_t cap;
    bool overflow;
} sev_buf;

static inline sev_buf sev_buf_of(void *ptr, size_t cap)
{
    return (sev_buf){(uint8_t *)ptr, 0, cap, false};
}

static inline void sev_buf_put(sev_buf *b, const void *bytes, size_t len)
{
    if (b->overflow || len > b->cap - b->len) {
        b->overflow = true;
        return;
    }
    if (len != 0)
        memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
}

static inline void sev_buf_put_slice(sev_buf *b, sev_slice s)
{
    sev_buf_put(b, s.ptr, s.len);
}

static inline void sev_buf_put_byte(sev_buf *b, uint8_t byte)
{
    sev_buf_put(b, &byte, 1);
}

/** What was written so far. */
static inline sev_slice sev_buf_slice(const sev_buf *b)
{
    return sev_slice_of(b->ptr, b->len);
}

#endif
