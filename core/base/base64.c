/* base64 - RFC 4648 section 4, strict, and PEM around it. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "secureev/text.h"

#define PEM_LINE_BYTES 48 /* 64 characters */

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

void sev_base64_encode(sev_slice bytes, sev_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t groups = bytes.len / 3 + (bytes.len % 3 != 0);
    if (out->overflow || groups > (out->cap - out->len) / 4) {
        out->overflow = true;
        return;
    }
    uint8_t *to = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i += 3, to += 4) {
        size_t have = bytes.len - i;
        uint32_t v = (uint32_t)bytes.ptr[i] << 16;
        v |= have > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        v |= have > 2 ? (uint32_t)bytes.ptr[i + 2] : 0;
        to[0] = (uint8_t)digits[v >> 18];
        to[1] = (uint8_t)digits[v >> 12 & 63];
        to[2] = (uint8_t)(have > 1 ? digits[v >> 6 & 63] : '=');
        to[3] = (uint8_t)(have > 2 ? digits[v & 63] : '=');
    }
    out->len += 4 * groups;
}

/* Characters arrive one by one, so that PEM can leave its line breaks out. */
struct decoder {
    sev_buf *out;
    uint32_t bits;
    unsigned have;    /* characters of the open group, padding included */
    unsigned padding; /* of them */
    sev_err err;
};

static void end_group(struct decoder *d)
{
    /* Unused bits that are not zero would give one value two spellings. */
    uint32_t unused = d->padding == 2 ? 0xFFFF : d->padding == 1 ? 0xFF : 0;
    if (SEV_REFUSE_IF((d->bits & unused) != 0)) {
        d->err = SEV_E_MALFORMED;
        return;
    }
    uint8_t bytes[3] = {(uint8_t)(d->bits >> 16), (uint8_t)(d->bits >> 8), (uint8_t)d->bits};
    sev_buf_put(d->out, bytes, 3 - d->padding);
    if (d->out->overflow)
        d->err = SEV_E_JSON_LIMIT;
    d->bits = 0;
    d->have = 0;
}

static void decode_char(struct decoder *d, uint8_t c)
{
    if (d->err != SEV_OK)
        return;
    int v = value_of(c);
    bool pads = c == '=' && d->have >= 2;
    bool closed = d->padding != 0 && !pads;
    if (SEV_REFUSE_IF((v < 0 && !pads) || closed)) {
        d->err = SEV_E_MALFORMED;
        return;
    }
    d->padding += pads;
    d->bits = d->bits << 6 | (uint32_t)(pads ? 0 : v);
    d->have++;
    if (d->have == 4)
        end_group(d);
}

/* The verdict; on failure `out` is as it was. */
static sev_err decode_end(struct decoder *d, sev_buf before)
{
    if (d->err == SEV_OK && SEV_REFUSE_IF(d->have != 0))
        d->err = SEV_E_MALFORMED;
    if (d->err != SEV_OK)
        *d->out = before;
    return d->err;
}

sev_err sev_base64_decode(sev_slice text, sev_buf *out)
{
    struct decoder d = {out, 0, 0, 0, SEV_OK};
    sev_buf before = *out;
    for (size_t i = 0; i < text.len && d.err == SEV_OK; i++)
        decode_char(&d, text.ptr[i]);
    return decode_end(&d, before);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line of `rest` without the blanks around it; `rest` moves behind it. */
static sev_slice next_line(sev_slice *rest)
{
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '\n')
        end++;
    sev_slice line = {rest->ptr, end};
    *rest = sev_slice_sub(*rest, end + 1, rest->len);
    while (line.len > 0 && is_blank(line.ptr[0]))
        line = sev_slice_sub(line, 1, line.len);
    while (line.len > 0 && is_blank(line.ptr[line.len - 1]))
        line.len--;
    return line;
}

static sev_slice next_line_with_text(sev_slice *rest)
{
    sev_slice line = SEV_EMPTY;
    while (line.len == 0 && rest->len > 0)
        line = next_line(rest);
    return line;
}

static bool is_boundary(sev_slice line, sev_slice word, sev_slice label)
{
    static const sev_slice dashes = {(const uint8_t *)"-----", 5};
    if (line.len != word.len + label.len + dashes.len)
        return false;
    return sev_slice_eq(sev_slice_sub(line, 0, word.len), word) &&
           sev_slice_eq(sev_slice_sub(line, word.len, label.len), label) &&
           sev_slice_eq(sev_slice_sub(line, word.len + label.len, dashes.len), dashes);
}

sev_err sev_pem_decode(sev_slice text, const char *label, sev_buf *out)
{
    struct decoder d = {out, 0, 0, 0, SEV_OK};
    sev_buf before = *out;
    sev_slice name = sev_literal(label);
    sev_slice line = next_line_with_text(&text);
    if (SEV_REFUSE_IF(!is_boundary(line, SEV_LIT("-----BEGIN "), name)))
        return SEV_E_MALFORMED;
    for (;;) {
        line = next_line_with_text(&text);
        if (line.len == 0 || line.ptr[0] == '-')
            break;
        for (size_t i = 0; i < line.len; i++)
            decode_char(&d, line.ptr[i]);
    }
    if (SEV_REFUSE_IF(!is_boundary(line, SEV_LIT("-----END "), name)))
        d.err = SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(next_line_with_text(&text).len != 0))
        d.err = SEV_E_MALFORMED;
    return decode_end(&d, before);
}

static void put_boundary(sev_buf *out, sev_slice word, sev_slice label)
{
    sev_buf_put_slice(out, word);
    sev_buf_put_slice(out, label);
    sev_buf_put_slice(out, SEV_LIT("-----\n"));
}

void sev_pem_encode(sev_slice der, const char *label, sev_buf *out)
{
    sev_slice name = sev_literal(label);
    put_boundary(out, SEV_LIT("-----BEGIN "), name);
    for (size_t i = 0; i < der.len; i += PEM_LINE_BYTES) {
        sev_base64_encode(sev_slice_sub(der, i, PEM_LINE_BYTES), out);
        sev_buf_put_byte(out, '\n');
    }
    put_boundary(out, SEV_LIT("-----END "), name);
}
