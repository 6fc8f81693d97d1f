/* check - is this exactly one JSON value as we accept it, and is it canonical already? One pass,
 * no recursion. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/utf8.h"
#include "json/rune.h"
#include "json/scan.h"

#define ALL_FORMS (SEV_CANON_OLPC | SEV_CANON_ASCII | SEV_CANON_JCS)
#define JSON_FORMS (SEV_CANON_ASCII | SEV_CANON_JCS)
#define INTEGER_DIGITS_MAX 16 /* of 2^53-1 */

/* One open container. */
struct level {
    sev_json_str name; /* the last one */
    size_t open;       /* where its bracket stands */
    size_t base;       /* its first slot, once names are collected */
    bool object;
    bool has_name;
    bool simple;     /* the last name is plain ASCII */
    bool collecting; /* a name came out of order: all names are in the slots */
};

struct checker {
    sev_slice doc;
    const uint8_t *p;
    const uint8_t *end;
    struct sev_json_scratch scratch;
    size_t slots_used;
    unsigned canonical;
    uint32_t members;
    unsigned depth;
    struct level levels[SEV_JSON_DEPTH_MAX];
};

enum state { VALUE, NAME, AFTER, DONE };

/* The next byte, blanks passed over; 0 at the end, which is legal nowhere. */
static uint8_t next_byte(struct checker *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t')) {
        c->canonical = 0;
        c->p++;
    }
    return c->p < c->end ? *c->p : 0;
}

static bool has_upper_hex(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] >= 'A' && p[i] <= 'F')
            return true;
    return false;
}

/* The canonical forms that spell `code` with the escape at `p`. */
static unsigned forms_with_escape(const uint8_t *p, size_t len, uint32_t code)
{
    bool short_exists =
        code == '\b' || code == '\t' || code == '\n' || code == '\f' || code == '\r';
    if (p[1] != 'u')
        return code == '"' || code == '\\' ? ALL_FORMS : short_exists ? JSON_FORMS : 0;
    if (has_upper_hex(p, len) || short_exists)
        return 0;
    return code < 0x20 ? JSON_FORMS : code < 0x80 ? 0 : SEV_CANON_ASCII;
}

/* Whole but not a code point: then it is a surrogate without its other half. */
static bool is_unicode_escape(const uint8_t *p, size_t len)
{
    uint32_t code;
    uint8_t other[6];
    if (len < sizeof other)
        return false;
    memcpy(other, p, sizeof other);
    other[2] = '0';
    return sev_rune_decode(other, sizeof other, &code) != 0;
}

static sev_err check_escape(struct checker *c)
{
    uint32_t code;
    size_t rest = (size_t)(c->end - c->p);
    size_t n = sev_rune_decode(c->p, rest, &code);
    if (n == 0)
        return is_unicode_escape(c->p, rest) ? SEV_E_JSON_UTF8 : SEV_E_JSON_SYNTAX;
    c->canonical &= forms_with_escape(c->p, n, code);
    c->p += n;
    return SEV_OK;
}

/* From the opening quote to behind the closing one. */
static sev_err check_string(struct checker *c, sev_json_str *out, bool *out_simple)
{
    const uint8_t *start = ++c->p;
    uint32_t code;
    bool escaped = false, simple = true;
    for (;;) {
        c->p = sev_scan_plain(c->p, c->end);
        if (c->p == c->end)
            return SEV_E_JSON_SYNTAX;
        if (*c->p == '"')
            break;
        simple = false;
        if (*c->p == '\\') {
            escaped = true;
            sev_err e = check_escape(c);
            if (e != SEV_OK)
                return e;
            continue;
        }
        if (SEV_REFUSE_IF(*c->p < 0x20))
            return SEV_E_JSON_SYNTAX;
        size_t n = sev_utf8_decode(c->p, (size_t)(c->end - c->p), &code);
        if (n == 0)
            return SEV_E_JSON_UTF8;
        c->canonical &= ~(unsigned)SEV_CANON_ASCII;
        c->p += n;
    }
    *out = (sev_json_str){{start, (size_t)(c->p - start)}, escaped};
    *out_simple = simple;
    c->p++;
    return SEV_OK;
}

static bool is_digit(const uint8_t *p, const uint8_t *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static sev_err check_number(struct checker *c)
{
    bool negative = *c->p == '-';
    const uint8_t *p = c->p + negative;
    const uint8_t *first = p;
    uint64_t v = 0;
    while (is_digit(p, c->end) && p - first < INTEGER_DIGITS_MAX)
        v = v * 10 + (uint64_t)(*p++ - '0');
    if (SEV_REFUSE_IF(p - first > 1 && *first == '0'))
        return SEV_E_JSON_NUMBER;
    if (SEV_REFUSE_IF(v > (uint64_t)SEV_JSON_INT_MAX || is_digit(p, c->end)))
        return SEV_E_JSON_NUMBER;
    /* -0, and a sign without digits */
    if (SEV_REFUSE_IF(negative && v == 0))
        return SEV_E_JSON_NUMBER;
    if (SEV_REFUSE_IF(p < c->end && (*p == '.' || *p == 'e' || *p == 'E')))
        return SEV_E_JSON_NUMBER;
    c->p = p;
    return SEV_OK;
}

static sev_err check_word(struct checker *c, sev_slice word)
{
    if (SEV_REFUSE_IF(!sev_slice_eq(
            sev_slice_sub(sev_slice_of(c->p, (size_t)(c->end - c->p)), 0, word.len), word)))
        return SEV_E_JSON_SYNTAX;
    c->p += word.len;
    return SEV_OK;
}

static sev_err push_name(struct checker *c, const uint8_t *name)
{
    if (c->slots_used == c->scratch.count)
        return SEV_E_JSON_LIMIT;
    c->scratch.slots[c->slots_used++] = (uint32_t)(name - c->doc.ptr);
    return SEV_OK;
}

/* Names are out of order from here on: put all names before this one into slots. */
static sev_err begin_collecting(struct checker *c, struct level *at, const uint8_t *name)
{
    sev_json j = sev_json_at(sev_slice_of(c->doc.ptr, (size_t)(name - c->doc.ptr)));
    sev_json_str earlier;
    j.pos = at->open + 1;
    at->base = c->slots_used;
    at->collecting = true;
    while (sev_json_member(&j, &earlier)) {
        sev_err e = push_name(c, earlier.raw.ptr);
        if (e != SEV_OK)
            return e;
        sev_json_skip(&j, NULL);
    }
    return SEV_OK;
}

static sev_err check_order(struct checker *c, struct level *at, sev_json_str name, bool simple)
{
    int order = sev_name_cmp_utf8(at->name, name);
    if (SEV_REFUSE_IF(order == 0))
        return SEV_E_JSON_DUPLICATE;
    if ((c->canonical & SEV_CANON_JCS) != 0) {
        bool same_order = at->simple && simple;
        if ((same_order ? order : sev_name_cmp_utf16(at->name, name)) >= 0)
            c->canonical &= ~(unsigned)SEV_CANON_JCS;
    }
    if (order < 0)
        return SEV_OK;
    c->canonical &= SEV_CANON_JCS;
    return at->collecting ? SEV_OK : begin_collecting(c, at, name.raw.ptr);
}

static sev_err check_name(struct checker *c, enum state *state)
{
    struct level *at = &c->levels[c->depth - 1];
    sev_json_str name;
    bool simple;
    if (SEV_REFUSE_IF(next_byte(c) != '"'))
        return SEV_E_JSON_SYNTAX;
    const uint8_t *quote = c->p;
    sev_err e = check_string(c, &name, &simple);
    if (e == SEV_OK && at->has_name)
        e = check_order(c, at, name, simple);
    if (e == SEV_OK && at->collecting)
        e = push_name(c, name.raw.ptr);
    if (e == SEV_E_JSON_DUPLICATE || e == SEV_E_JSON_LIMIT)
        c->p = quote;
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(next_byte(c) != ':'))
        return SEV_E_JSON_SYNTAX;
    c->p++;
    at->name = name;
    at->simple = simple;
    at->has_name = true;
    c->members++;
    *state = VALUE;
    return SEV_OK;
}

static sev_err open_container(struct checker *c, enum state *state)
{
    if (SEV_REFUSE_IF(c->depth == SEV_JSON_DEPTH_MAX))
        return SEV_E_JSON_DEPTH;
    bool object = *c->p == '{';
    c->levels[c->depth++] = (struct level){.open = (size_t)(c->p - c->doc.ptr), .object = object};
    c->p++;
    uint8_t first = next_byte(c);
    *state = first == (object ? '}' : ']') ? AFTER : object ? NAME : VALUE;
    return SEV_OK;
}

static sev_err close_container(struct checker *c)
{
    struct level *at = &c->levels[--c->depth];
    if (!at->collecting)
        return SEV_OK;
    uint32_t *names = c->scratch.slots + at->base;
    size_t count = c->slots_used - at->base;
    sev_names_sort(c->doc, sev_name_cmp_utf8, names, count);
    for (size_t i = 1; i < count; i++) {
        sev_json_str a = sev_string_at(c->doc, names[i - 1]), b = sev_string_at(c->doc, names[i]);
        if (SEV_REFUSE_IF(sev_name_cmp_utf8(a, b) == 0)) {
            c->p = a.raw.ptr > b.raw.ptr ? a.raw.ptr - 1 : b.raw.ptr - 1;
            return SEV_E_JSON_DUPLICATE;
        }
    }
    c->slots_used = at->base;
    return SEV_OK;
}

static sev_err check_value(struct checker *c, enum state *state)
{
    sev_json_str s;
    bool simple;
    *state = AFTER;
    switch (next_byte(c)) {
    case '{':
    case '[':
        return open_container(c, state);
    case '"':
        return check_string(c, &s, &simple);
    case 't':
        return check_word(c, SEV_LIT("true"));
    case 'f':
        return check_word(c, SEV_LIT("false"));
    case 'n':
        return check_word(c, SEV_LIT("null"));
    default:
        if (SEV_REFUSE_IF(c->p == c->end || (*c->p != '-' && !is_digit(c->p, c->end))))
            return SEV_E_JSON_SYNTAX;
        return check_number(c);
    }
}

static sev_err check_after(struct checker *c, enum state *state)
{
    if (c->depth == 0) {
        *state = DONE;
        next_byte(c);
        return SEV_REFUSE_IF(c->p != c->end) ? SEV_E_JSON_SYNTAX : SEV_OK;
    }
    bool object = c->levels[c->depth - 1].object;
    uint8_t byte = next_byte(c);
    if (byte == ',') {
        c->p++;
        *state = object ? NAME : VALUE;
        return SEV_OK;
    }
    if (SEV_REFUSE_IF(byte != (object ? '}' : ']')))
        return SEV_E_JSON_SYNTAX;
    sev_err e = close_container(c);
    if (e == SEV_OK)
        c->p++;
    return e;
}

sev_err sev_json_check(sev_slice doc, struct sev_json_scratch scratch,
                       struct sev_json_info *out_info, size_t *out_offset)
{
    struct checker c = {.doc = doc, .p = doc.ptr, .end = doc.ptr, .scratch = scratch};
    enum state state = VALUE;
    sev_err e = SEV_OK;
    c.canonical = ALL_FORMS;
    if (SEV_REFUSE_IF((uint64_t)doc.len > UINT32_MAX))
        e = SEV_E_JSON_LIMIT;
    else if (doc.len != 0)
        c.end = doc.ptr + doc.len;
    while (e == SEV_OK && state != DONE) {
        if (state == VALUE)
            e = check_value(&c, &state);
        else if (state == NAME)
            e = check_name(&c, &state);
        else
            e = check_after(&c, &state);
    }
    if (e != SEV_OK && out_offset != NULL)
        *out_offset = (size_t)(c.p - doc.ptr);
    if (e == SEV_OK && out_info != NULL)
        *out_info = (struct sev_json_info){c.canonical, c.members};
    return e;
}
