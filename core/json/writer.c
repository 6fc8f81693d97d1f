/* writer - one value in canonical order by construction. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "base/utf8.h"
#include "json/escape.h"
#include "json/rune.h"
#include "json/scan.h"

sev_json_writer sev_json_writer_to(sev_buf *out)
{
    return (sev_json_writer){.out = out, .first = 1};
}

static void fail(sev_json_writer *w, sev_err e)
{
    if (w->err == SEV_OK)
        w->err = e;
}

/* May a value stand here? Then its comma is written, and the place is taken. */
static bool begin_value(sev_json_writer *w)
{
    uint32_t bit = (uint32_t)1 << w->depth;
    bool in_object = (w->in_object & bit) != 0;
    bool again = w->depth == 0 && (w->first & bit) == 0;
    if (in_object != w->after_name || again)
        fail(w, SEV_E_BUG);
    if (w->err != SEV_OK)
        return false;
    if (!in_object && (w->first & bit) == 0)
        sev_buf_put_byte(w->out, ',');
    w->first &= ~bit;
    w->after_name = false;
    return true;
}

static void open_container(sev_json_writer *w, bool object)
{
    if (w->depth == SEV_JSON_DEPTH_MAX)
        fail(w, SEV_E_JSON_DEPTH);
    if (!begin_value(w))
        return;
    uint32_t bit = (uint32_t)1 << ++w->depth;
    w->first |= bit;
    w->in_object = object ? w->in_object | bit : w->in_object & ~bit;
    w->last_name[w->depth - 1] = SEV_EMPTY;
    sev_buf_put_byte(w->out, object ? '{' : '[');
}

static void close_container(sev_json_writer *w, bool object)
{
    bool in_object = (w->in_object >> w->depth & 1) != 0;
    if (w->depth == 0 || in_object != object || w->after_name)
        fail(w, SEV_E_BUG);
    if (w->err != SEV_OK)
        return;
    w->first &= ~((uint32_t)1 << w->depth);
    w->depth--;
    sev_buf_put_byte(w->out, object ? '}' : ']');
}

void sev_json_w_object(sev_json_writer *w)
{
    open_container(w, true);
}

void sev_json_w_object_end(sev_json_writer *w)
{
    close_container(w, true);
}

void sev_json_w_array(sev_json_writer *w)
{
    open_container(w, false);
}

void sev_json_w_array_end(sev_json_writer *w)
{
    close_container(w, false);
}

static void put_string(sev_json_writer *w, sev_slice text)
{
    const uint8_t *p = text.ptr, *end = text.len != 0 ? p + text.len : p;
    uint32_t code;
    sev_buf_put_byte(w->out, '"');
    while (p < end) {
        const uint8_t *stop = sev_scan_plain(p, end);
        sev_buf_put(w->out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            break;
        size_t n = sev_utf8_decode(p, (size_t)(end - p), &code);
        if (n == 0) {
            fail(w, SEV_E_JSON_UTF8);
            return;
        }
        sev_escape_put(code, SEV_CANON_JCS, w->out);
        p += n;
    }
    sev_buf_put_byte(w->out, '"');
}

void sev_json_w_name(sev_json_writer *w, sev_slice name)
{
    uint32_t bit = (uint32_t)1 << w->depth;
    if ((w->in_object & bit) == 0 || w->after_name)
        fail(w, SEV_E_BUG);
    if (w->err != SEV_OK)
        return;
    sev_json_str last = {w->last_name[w->depth - 1], true};
    bool first = (w->first & bit) != 0;
    if (!first)
        sev_buf_put_byte(w->out, ',');
    size_t start = w->out->len + 1;
    put_string(w, name);
    if (w->out->overflow)
        fail(w, SEV_E_JSON_LIMIT);
    if (w->err != SEV_OK)
        return;
    sev_json_str now = {sev_slice_of(w->out->ptr + start, w->out->len - start - 1), true};
    if (!first && sev_name_cmp_utf8(last, now) >= 0)
        fail(w, SEV_E_BUG);
    sev_buf_put_byte(w->out, ':');
    w->last_name[w->depth - 1] = now.raw;
    w->first &= ~bit;
    w->after_name = true;
}

void sev_json_w_string(sev_json_writer *w, sev_slice text)
{
    if (begin_value(w))
        put_string(w, text);
}

void sev_json_w_integer(sev_json_writer *w, int64_t value)
{
    uint8_t text[20];
    size_t at = sizeof text;
    if (SEV_REFUSE_IF(value > SEV_JSON_INT_MAX || value < -SEV_JSON_INT_MAX))
        fail(w, SEV_E_JSON_NUMBER);
    if (!begin_value(w))
        return;
    uint64_t v = value < 0 ? (uint64_t)-value : (uint64_t)value;
    do {
        text[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (value < 0)
        text[--at] = '-';
    sev_buf_put(w->out, text + at, sizeof text - at);
}

void sev_json_w_bool(sev_json_writer *w, bool value)
{
    if (begin_value(w))
        sev_buf_put_slice(w->out, value ? SEV_LIT("true") : SEV_LIT("false"));
}

void sev_json_w_null(sev_json_writer *w)
{
    if (begin_value(w))
        sev_buf_put_slice(w->out, SEV_LIT("null"));
}

void sev_json_w_raw(sev_json_writer *w, sev_slice canonical_value)
{
    struct sev_json_info info;
    sev_err e = sev_json_check(canonical_value, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    if (e != SEV_OK)
        fail(w, e);
    else if (SEV_REFUSE_IF(info.canonical == 0))
        fail(w, SEV_E_NOT_CANONICAL);
    if (begin_value(w))
        sev_buf_put_slice(w->out, canonical_value);
}

sev_err sev_json_w_end(sev_json_writer *w)
{
    if (w->depth != 0 || w->first != 0)
        fail(w, SEV_E_BUG);
    if (w->out->overflow)
        fail(w, SEV_E_JSON_LIMIT);
    return w->err;
}

void sev_json_w_string_member(sev_json_writer *w, const char *name, sev_slice text)
{
    sev_json_w_name(w, sev_literal(name));
    sev_json_w_string(w, text);
}

void sev_json_w_integer_member(sev_json_writer *w, const char *name, int64_t value)
{
    sev_json_w_name(w, sev_literal(name));
    sev_json_w_integer(w, value);
}

void sev_json_w_bool_member(sev_json_writer *w, const char *name, bool value)
{
    sev_json_w_name(w, sev_literal(name));
    sev_json_w_bool(w, value);
}
