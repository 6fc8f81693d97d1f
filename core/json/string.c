/* string - comparing and copying strings where they stand. SPDX-License-Identifier: MIT */
#include "base/literal.h"
#include "base/utf8.h"
#include "json/rune.h"
#include "json/scan.h"

/* Unescaped bytes of the code point at `*s`, which moves on; 0 at the end. A byte that is no code
 * point stands for itself: that happens to unchecked bytes only. */
static size_t next_bytes(sev_slice *s, uint8_t out[4])
{
    uint32_t code;
    if (s->len == 0)
        return 0;
    size_t n = sev_rune_decode(s->ptr, s->len, &code);
    size_t written = 1;
    if (n == 0) {
        n = 1;
        out[0] = s->ptr[0];
    } else {
        written = sev_utf8_encode(code, out);
    }
    s->ptr += n;
    s->len -= n;
    return written;
}

bool sev_json_str_eq_slice(sev_json_str s, sev_slice plain)
{
    uint8_t bytes[4];
    if (!s.escaped)
        return sev_slice_eq(s.raw, plain);
    for (size_t n; (n = next_bytes(&s.raw, bytes)) != 0;) {
        if (n > plain.len || memcmp(bytes, plain.ptr, n) != 0)
            return false;
        plain.ptr += n;
        plain.len -= n;
    }
    return plain.len == 0;
}

bool sev_json_str_is(sev_json_str s, const char *text)
{
    if (s.escaped)
        return sev_json_str_eq_slice(s, sev_literal(text));
    size_t i = 0;
    for (; i < s.raw.len; i++)
        if (text[i] == '\0' || (uint8_t)text[i] != s.raw.ptr[i])
            return false;
    return text[i] == '\0';
}

int sev_json_str_cmp(sev_json_str a, sev_json_str b)
{
    return sev_name_cmp_utf8(a, b);
}

bool sev_json_str_eq(sev_json_str a, sev_json_str b)
{
    return sev_name_cmp_utf8(a, b) == 0;
}

size_t sev_json_str_len(sev_json_str s)
{
    uint8_t bytes[4];
    size_t len = 0;
    if (!s.escaped)
        return s.raw.len;
    for (size_t n; (n = next_bytes(&s.raw, bytes)) != 0;)
        len += n;
    return len;
}

sev_err sev_json_str_copy(sev_json_str s, sev_buf *out)
{
    uint8_t bytes[4];
    sev_buf to = *out;
    if (!s.escaped)
        sev_buf_put_slice(&to, s.raw);
    while (s.escaped && s.raw.len != 0) {
        const uint8_t *stop = sev_scan_escape(s.raw.ptr, s.raw.ptr + s.raw.len);
        size_t plain = (size_t)(stop - s.raw.ptr);
        sev_buf_put(&to, s.raw.ptr, plain);
        s.raw = sev_slice_of(stop, s.raw.len - plain);
        sev_buf_put(&to, bytes, next_bytes(&s.raw, bytes));
    }
    if (to.overflow)
        return SEV_E_JSON_LIMIT;
    *out = to;
    return SEV_OK;
}
