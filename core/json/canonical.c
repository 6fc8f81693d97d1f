/* canonical - writes a value in one of the canonical forms. Whether the names of an object are in
 * order is found out before its members are written, never by beginning anew: that would double the
 * work at each level. SPDX-License-Identifier: MIT */
#include "json/canonical.h"
#include "json/escape.h"
#include "json/rune.h"
#include "json/scan.h"

/* One open container. Members come from the document, or, once `sorted`, from the slots. */
struct level {
    size_t base;  /* its first slot */
    size_t next;  /* the slot whose member is written next */
    size_t close; /* behind its closing bracket, known when sorted */
    bool object;
    bool sorted;
    bool first; /* nothing was written yet */
};

struct canonizer {
    sev_json j;
    unsigned form;
    sev_name_order *order;
    struct sev_json_scratch scratch;
    size_t slots_used;
    sev_buf out;
    unsigned depth;
    struct level levels[SEV_JSON_DEPTH_MAX];
};

static void put_string(struct canonizer *c, sev_json_str s)
{
    const uint8_t *p = s.raw.ptr, *end = p + s.raw.len;
    uint32_t code;
    sev_buf_put_byte(&c->out, '"');
    while (p < end) {
        const uint8_t *stop = sev_scan_plain(p, end);
        sev_buf_put(&c->out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            break;
        size_t n = sev_rune_decode(p, (size_t)(end - p), &code);
        if (n == 0)
            break; /* the value was checked: cannot happen */
        sev_escape_put(code, c->form, &c->out);
        p += n;
    }
    sev_buf_put_byte(&c->out, '"');
}

/* Do the members that stand next come in the order of the form? Two of the same name cannot. */
static bool in_order(const struct canonizer *c)
{
    sev_json j = c->j;
    sev_json_str name, last = {SEV_EMPTY, false};
    for (bool first = true; sev_json_member(&j, &name); first = false) {
        if (!first && c->order(last, name) > 0)
            return false;
        last = name;
        sev_json_skip(&j, NULL);
    }
    return true;
}

/* Put the names of the members that stand next into slots, in order. */
static sev_err sort_members(struct canonizer *c, struct level *at)
{
    sev_json j = c->j;
    sev_json_str name;
    at->base = at->next = c->slots_used;
    while (sev_json_member(&j, &name)) {
        if (c->slots_used == c->scratch.count)
            return SEV_E_JSON_LIMIT;
        c->scratch.slots[c->slots_used++] = (uint32_t)(name.raw.ptr - j.doc.ptr);
        sev_json_skip(&j, NULL);
    }
    sev_names_sort(j.doc, c->order, c->scratch.slots + at->base, c->slots_used - at->base);
    at->close = j.pos;
    at->sorted = true;
    return SEV_OK;
}

static sev_err enter(struct canonizer *c, bool object)
{
    struct level *at = &c->levels[c->depth++];
    *at = (struct level){.object = object, .first = true};
    sev_buf_put_byte(&c->out, object ? '{' : '[');
    if (!object) {
        sev_json_array(&c->j);
        return SEV_OK;
    }
    sev_json_object(&c->j);
    return in_order(c) ? SEV_OK : sort_members(c, at);
}

static void leave(struct canonizer *c)
{
    struct level *at = &c->levels[--c->depth];
    sev_buf_put_byte(&c->out, at->object ? '}' : ']');
    if (at->sorted) {
        c->slots_used = at->base;
        c->j.pos = at->close;
    }
}

/* The next member in order: its value stands next then. False at the end of the object. */
static bool next_member(struct canonizer *c, struct level *at, sev_json_str *out_name)
{
    if (!at->sorted)
        return sev_json_member(&c->j, out_name);
    if (at->next == c->slots_used)
        return false;
    c->j.pos = c->scratch.slots[at->next++] - 1; /* its opening quote */
    return sev_json_member(&c->j, out_name);
}

static sev_err put_scalar(struct canonizer *c)
{
    sev_json_str s;
    sev_slice bytes = SEV_EMPTY;
    if (sev_json_peek(&c->j) == SEV_JSON_STRING) {
        sev_json_string(&c->j, &s);
        if (c->j.err == SEV_OK)
            put_string(c, s);
    } else {
        sev_json_skip(&c->j, &bytes);
        sev_buf_put_slice(&c->out, bytes);
    }
    return c->j.err;
}

/* Write commas, names and closing brackets until a value stands next or all is written. */
static sev_err advance(struct canonizer *c)
{
    sev_json_str name;
    while (c->depth > 0) {
        struct level *at = &c->levels[c->depth - 1];
        bool more = at->object ? next_member(c, at, &name) : sev_json_element(&c->j);
        if (c->j.err != SEV_OK)
            return c->j.err;
        if (!more) {
            leave(c);
            continue;
        }
        if (!at->first)
            sev_buf_put_byte(&c->out, ',');
        at->first = false;
        if (at->object) {
            put_string(c, name);
            sev_buf_put_byte(&c->out, ':');
        }
        return SEV_OK;
    }
    return SEV_OK;
}

static sev_err put_value(struct canonizer *c)
{
    sev_err e = SEV_OK;
    do {
        sev_json_kind kind = sev_json_peek(&c->j);
        if (kind == SEV_JSON_OBJECT || kind == SEV_JSON_ARRAY)
            e = enter(c, kind == SEV_JSON_OBJECT);
        else
            e = put_scalar(c);
        if (e == SEV_OK)
            e = advance(c);
        if (e == SEV_OK && c->out.overflow)
            e = SEV_E_JSON_LIMIT;
    } while (e == SEV_OK && c->depth > 0);
    return e;
}

/* Only strings change: all else is copied in long pieces. Outside of strings there is no backslash
 * and nothing but ASCII. */
static void respell(sev_slice value, unsigned form, sev_buf *out)
{
    const uint8_t *p = value.ptr, *end = p + value.len;
    uint32_t code;
    for (;;) {
        const uint8_t *stop = sev_scan_escape(p, end);
        sev_buf_put(out, p, (size_t)(stop - p));
        size_t n = sev_rune_decode(stop, (size_t)(end - stop), &code);
        if (n == 0)
            return; /* the end */
        sev_escape_put(code, form, out);
        p = stop + n;
    }
}

sev_err sev_json_write_canonical(sev_slice value, bool ordered, unsigned form,
                                 struct sev_json_scratch scratch, sev_buf *out)
{
    struct canonizer c = {.j = sev_json_at(value), .form = form, .scratch = scratch, .out = *out};
    sev_err e = SEV_OK;
    c.order = form == SEV_CANON_JCS ? sev_name_cmp_utf16 : sev_name_cmp_utf8;
    if (ordered && form != SEV_CANON_JCS)
        respell(value, form, &c.out);
    else
        e = put_value(&c);
    if (e == SEV_OK && c.out.overflow)
        e = SEV_E_JSON_LIMIT;
    if (e == SEV_OK)
        *out = c.out;
    return e;
}

sev_err sev_json_canonical(sev_slice value, unsigned form, struct sev_json_scratch scratch,
                           sev_buf *out)
{
    struct sev_json_info info;
    bool ordered;
    if (form != SEV_CANON_OLPC && form != SEV_CANON_ASCII && form != SEV_CANON_JCS)
        return SEV_E_BUG;
    /* Cheap beside what follows; and nothing below has to expect hostile bytes. */
    sev_err e = sev_json_check_ordered(value, scratch, &info, &ordered, NULL);
    if (e != SEV_OK)
        return e;
    if ((info.canonical & form) == 0)
        return sev_json_write_canonical(value, ordered, form, scratch, out);
    if (out->overflow || value.len > out->cap - out->len)
        return SEV_E_JSON_LIMIT;
    sev_buf_put_slice(out, value);
    return SEV_OK;
}
