/* rune - code points of strings, and the orders of names. SPDX-License-Identifier: MIT */
#include "json/rune.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "json/scan.h"

#define ESCAPE_BYTES 6 /* \uXXXX */

/* The value of \uXXXX at `p`, or -1. */
static int32_t unit_at(const uint8_t *p, size_t len)
{
    int32_t v = 0;
    if (len < ESCAPE_BYTES || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (size_t i = 2; i < ESCAPE_BYTES; i++) {
        int digit = sev_hex_digit(p[i]);
        if (SEV_REFUSE_IF(digit < 0))
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static size_t unicode_escape(const uint8_t *p, size_t len, uint32_t *out_code)
{
    int32_t high = unit_at(p, len);
    if (high < 0)
        return 0;
    if (high < 0xD800 || high > 0xDFFF) {
        *out_code = (uint32_t)high;
        return ESCAPE_BYTES;
    }
    int32_t low = unit_at(p + ESCAPE_BYTES, len - ESCAPE_BYTES);
    if (SEV_REFUSE_IF(high > 0xDBFF) || SEV_REFUSE_IF(low < 0xDC00 || low > 0xDFFF))
        return 0;
    *out_code = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return 2 * ESCAPE_BYTES;
}

static size_t escape(const uint8_t *p, size_t len, uint32_t *out_code)
{
    static const uint8_t letters[] = "\"\\/bfnrt";
    static const uint8_t meanings[] = "\"\\/\b\f\n\r\t";
    if (len < 2)
        return 0;
    if (p[1] == 'u')
        return unicode_escape(p, len, out_code);
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        if (p[1] == letters[i]) {
            *out_code = meanings[i];
            return 2;
        }
    }
    return 0;
}

size_t sev_rune_decode(const uint8_t *p, size_t len, uint32_t *out_code)
{
    if (len != 0 && p[0] == '\\')
        return escape(p, len, out_code);
    return sev_utf8_decode(p, len, out_code);
}

/* The next code point of `s`, which moves on, or -1 at its end. What is not a code point counts
 * as one of its own per byte, so that unchecked bytes end, too. */
static int64_t next_rune(sev_slice *s)
{
    uint32_t code;
    if (s->len == 0)
        return -1;
    size_t n = sev_rune_decode(s->ptr, s->len, &code);
    if (n == 0) {
        code = 0x110000u + s->ptr[0];
        n = 1;
    }
    s->ptr += n;
    s->len -= n;
    return code;
}

int sev_name_cmp_utf8(sev_json_str a, sev_json_str b)
{
    if (!a.escaped && !b.escaped)
        return sev_slice_cmp(a.raw, b.raw);
    for (;;) {
        int64_t x = next_rune(&a.raw);
        int64_t y = next_rune(&b.raw);
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

/* In UTF-16, code points beyond U+FFFF begin with a surrogate, so they come before U+E000. */
static int64_t utf16_rank(int64_t code)
{
    return code >= 0xE000 && code <= 0xFFFF ? code + 0x200000 : code;
}

int sev_name_cmp_utf16(sev_json_str a, sev_json_str b)
{
    for (;;) {
        int64_t x = next_rune(&a.raw);
        int64_t y = next_rune(&b.raw);
        if (x != y)
            return utf16_rank(x) < utf16_rank(y) ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

sev_json_str sev_string_at(sev_slice doc, size_t at)
{
    const uint8_t *start = doc.ptr + at, *end = doc.ptr + doc.len;
    const uint8_t *p = sev_scan_quote(start, end);
    bool escaped = false;
    while (p < end && *p == '\\') {
        escaped = true;
        p = end - p > 2 ? sev_scan_quote(p + 2, end) : end;
    }
    return (sev_json_str){{start, (size_t)(p - start)}, escaped};
}

static bool in_order(sev_slice doc, sev_name_order *order, uint32_t a, uint32_t b)
{
    return order(sev_string_at(doc, a), sev_string_at(doc, b)) <= 0;
}

/* Let the name at `root` sink until both names below it are smaller. */
static void sink(sev_slice doc, sev_name_order *order, uint32_t *names, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && in_order(doc, order, names[child], names[child + 1]))
            child++;
        if (in_order(doc, order, names[child], names[root]))
            return;
        uint32_t swap = names[root];
        names[root] = names[child];
        names[child] = swap;
        root = child;
    }
}

/* Heap sort: no recursion, no memory, and no input on which it is slow. */
void sev_names_sort(sev_slice doc, sev_name_order *order, uint32_t *names, size_t count)
{
    for (size_t root = count / 2; root > 0; root--)
        sink(doc, order, names, root - 1, count);
    for (size_t last = count; last > 1; last--) {
        uint32_t swap = names[0];
        names[0] = names[last - 1];
        names[last - 1] = swap;
        sink(doc, order, names, 0, last - 1);
    }
}
