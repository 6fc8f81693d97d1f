/* msg_codec - reads and writes what a table describes. Nesting is that of the tables, which are
 * constants of at most five levels: that bounds the recursion. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "meta/msg.h"

static const char *const decision_words[SEV_DECISIONS] = {"attested", "refused", "withdrawn"};

/* Any element of an array, while it is only looked at. */
union element {
    uint8_t bytes[SEV_SHA256_BYTES];
    sev_slice slice;
    struct sev_scanner scanner;
    struct sev_time_proof proof;
    struct msg_item item;
};

static void *at(void *base, size_t offset)
{
    return (uint8_t *)base + offset;
}

static const void *at_const(const void *base, size_t offset)
{
    return (const uint8_t *)base + offset;
}

/* ------------------------------------------------------------ what is allowed */

/* Printable ASCII that no JSON writer has to escape: so a message has one spelling in every
 * canonical form. */
static bool is_plain(sev_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static bool is_plain_name(sev_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '"')
            return false;
    return sev_name_is_clean(name);
}

bool msg_is_hex(sev_slice text, size_t bytes)
{
    if (text.len != 2 * bytes)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/* Lengths are compared as int64_t: no document reaches its limits. */
static bool slice_allowed(const struct msg_field *f, struct msg_dialect d, sev_slice s)
{
    int64_t len = f->kind == MSG_K_HEX ? (int64_t)(s.len / 2) : (int64_t)s.len;
    if (SEV_REFUSE_IF(len < f->min))
        return false;
    if (SEV_REFUSE_IF(len > f->max))
        return false;
    if (f->kind == MSG_K_HEX && SEV_REFUSE_IF(!msg_is_hex(s, s.len / 2)))
        return false;
    if (f->kind == MSG_K_RAW && SEV_REFUSE_IF(s.ptr[0] != '{'))
        return false;
    if (f->kind == MSG_K_TEXT && SEV_REFUSE_IF(!d.foreign && !is_plain(s)))
        return false;
    if (f->kind == MSG_K_NAME && SEV_REFUSE_IF(!d.foreign && !is_plain_name(s)))
        return false;
    return true;
}

static bool list_allowed(const struct msg_field *f, struct msg_dialect d, sev_slice array)
{
    int64_t count = 0;
    sev_slice last = SEV_EMPTY;
    sev_json j = sev_json_at(array);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        union element e = {.bytes = {0}};
        size_t start = j.pos;
        if (SEV_REFUSE_IF(++count > f->max))
            return false;
        msg_read_value(&j, f->element, (struct msg_dialect){d.foreign, NULL}, &e);
        sev_slice now = sev_slice_sub(array, start, j.pos - start);
        if (f->ascending && count > 1 && SEV_REFUSE_IF(sev_slice_cmp(last, now) >= 0))
            return false;
        last = now;
    }
    if (SEV_REFUSE_IF(count < f->min))
        return false;
    return j.err == SEV_OK;
}

static bool integer_allowed(const struct msg_field *f, int64_t v)
{
    if (SEV_REFUSE_IF(v < f->min))
        return false;
    if (SEV_REFUSE_IF(v > f->max))
        return false;
    return true;
}

/* One rule for what is read and what is written. */
static bool allowed(const struct msg_field *f, struct msg_dialect d, const void *value)
{
    switch (f->kind) {
    case MSG_K_INTEGER:
    case MSG_K_DECIMAL:
        return integer_allowed(f, *(const int64_t *)value);
    case MSG_K_TEXT:
    case MSG_K_NAME:
    case MSG_K_HEX:
    case MSG_K_RAW:
        return slice_allowed(f, d, *(const sev_slice *)value);
    case MSG_K_LIST:
        return list_allowed(f, d, *(const sev_slice *)value);
    case MSG_K_OBJECT:
        return f->table->consistent == NULL || d.foreign || f->table->consistent(value);
    case MSG_K_DECISION:
        return *(const sev_review_decision *)value < SEV_DECISIONS;
    case MSG_K_TIME:
    case MSG_K_BYTES:
    case MSG_K_BOOL:
        break;
    }
    return true;
}

/* ------------------------------------------------------------------- reading */

static void read_text(sev_json *j, struct msg_dialect d, sev_slice *out)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(j, &s);
    if (j->err != SEV_OK)
        return;
    if (!s.escaped || !d.foreign) {
        *out = s.raw; /* ours has no escapes: the backslash is refused with the other bytes */
        return;
    }
    size_t len = sev_json_str_len(s);
    if (d.arena == NULL) {
        *out = sev_slice_of(s.raw.ptr, len); /* only its length is looked at */
        return;
    }
    uint8_t *copy = sev_arena_take(d.arena, len);
    sev_buf b = sev_buf_of(copy, copy != NULL ? len : 0);
    if (copy == NULL || sev_json_str_copy(s, &b) != SEV_OK)
        sev_json_fail(j, SEV_E_MEMORY);
    else
        *out = sev_buf_slice(&b);
}

/* Text of a form that has no escapes: hex, time, a number. */
static sev_slice read_word(sev_json *j)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(j, &s);
    return s.escaped ? SEV_EMPTY : s.raw;
}

/* @return false when a foreign digest is there but empty, which means absent */
static bool read_bytes(sev_json *j, const struct msg_field *f, struct msg_dialect d, void *value)
{
    sev_slice text = read_word(j);
    sev_buf b = sev_buf_of(value, (size_t)f->max);
    if (j->err != SEV_OK || (d.foreign && text.len == 0))
        return false;
    if (SEV_REFUSE_IF(!d.foreign && !msg_is_hex(text, (size_t)f->max)) ||
        sev_hex_decode(text, &b) != SEV_OK || b.len != (size_t)f->max)
        sev_json_fail(j, SEV_E_MALFORMED);
    return true;
}

static void read_decision(sev_json *j, sev_review_decision *out)
{
    sev_slice word = read_word(j);
    for (int i = 0; i < SEV_DECISIONS; i++) {
        if (sev_json_str_is((sev_json_str){word, false}, decision_words[i])) {
            *out = (sev_review_decision)i;
            return;
        }
    }
    sev_json_fail(j, SEV_E_MALFORMED);
}

static const struct msg_field *field_named(const struct msg_table *t, sev_json_str name)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (sev_json_str_is(name, t->fields[i].name))
            return &t->fields[i];
    return NULL;
}

static void read_object(sev_json *j, const struct msg_table *t, struct msg_dialect d, void *base)
{
    uint32_t seen = 0; /* bit i set = field i was there */
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        const struct msg_field *f = field_named(t, name);
        if (f == NULL) {
            sev_json_skip(j, NULL);
            continue;
        }
        seen |= (uint32_t)1 << (f - t->fields);
        msg_read_value(j, f, d, base);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        bool absent = (seen >> i & 1) == 0;
        if (SEV_REFUSE_IF(absent && t->fields[i].has_at == MSG_REQUIRED))
            sev_json_fail(j, SEV_E_MALFORMED);
    }
}

void msg_read_value(sev_json *j, const struct msg_field *f, struct msg_dialect d, void *base)
{
    void *value = at(base, f->at);
    bool present = true;
    uint64_t number = 0;
    switch (f->kind) {
    case MSG_K_INTEGER:
        sev_json_integer(j, value);
        break;
    case MSG_K_DECIMAL:
        if (sev_decimal_parse(read_word(j), &number) != SEV_OK)
            sev_json_fail(j, SEV_E_MALFORMED);
        *(int64_t *)value = (int64_t)number;
        break;
    case MSG_K_TIME:
        if (sev_time_parse(read_word(j), value) != SEV_OK)
            sev_json_fail(j, SEV_E_MALFORMED);
        break;
    case MSG_K_TEXT:
    case MSG_K_NAME:
    case MSG_K_HEX:
        read_text(j, d, value);
        break;
    case MSG_K_BYTES:
        present = read_bytes(j, f, d, value);
        break;
    case MSG_K_BOOL:
        sev_json_bool(j, value);
        break;
    case MSG_K_DECISION:
        read_decision(j, value);
        break;
    case MSG_K_OBJECT:
        read_object(j, f->table, d, value);
        break;
    case MSG_K_RAW:
    case MSG_K_LIST:
        sev_json_skip(j, value);
        break;
    }
    if (j->err == SEV_OK && !allowed(f, d, value))
        sev_json_fail(j, SEV_E_MALFORMED);
    if (f->has_at < MSG_BY_VALUE)
        *(bool *)at(base, f->has_at) = present;
}

sev_err msg_decode(sev_slice value, const struct msg_table *t, struct msg_dialect d, void *out)
{
    struct msg_field whole = {MSG_FIELD("", MSG_K_OBJECT, 0, MSG_REQUIRED, 0, 0), .table = t};
    sev_json j = sev_json_at(value);
    msg_read_value(&j, &whole, d, out);
    return j.err;
}

/* A writer may say that a message must not be used by whoever does not know a member. DESIGN 4 */
static sev_err check_critical(sev_slice body, const struct msg_table *t)
{
    sev_slice custom = sev_json_get(body, "custom");
    if (custom.len == 0)
        return SEV_OK;
    if (SEV_REFUSE_IF(custom.ptr[0] != '{'))
        return SEV_E_MALFORMED;
    sev_slice critical = sev_json_get(custom, "critical");
    if (critical.len == 0)
        return SEV_OK;
    sev_json j = sev_json_at(critical);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str name;
        sev_json_string(&j, &name);
        if (j.err != SEV_OK)
            break;
        bool known = field_named(t, name) != NULL || sev_json_str_is(name, "_type") ||
                     sev_json_str_is(name, "critical") || sev_json_str_is(name, "custom");
        if (SEV_REFUSE_IF(!known))
            return SEV_E_CRITICAL;
    }
    return j.err;
}

sev_err msg_decode_body(const struct sev_doc *doc, const char *type, const struct msg_table *t,
                        void *out)
{
    /* A grant is not a status reply, though one server signs both. REQ-MET-04 */
    if (SEV_REFUSE_IF(!sev_json_str_is(doc->type, type)))
        return SEV_E_WRONG_TYPE;
    sev_err e = check_critical(doc->body, t);
    return e == SEV_OK ? msg_decode(doc->body, t, MSG_NATIVE, out) : e;
}

/* ------------------------------------------------------------------- writing */

static bool is_present(const struct msg_field *f, const void *base)
{
    const void *value = at_const(base, f->at);
    if (f->has_at == MSG_REQUIRED)
        return true;
    if (f->has_at != MSG_BY_VALUE)
        return *(const bool *)at_const(base, f->has_at);
    if (f->kind == MSG_K_INTEGER || f->kind == MSG_K_DECIMAL)
        return *(const int64_t *)value != 0;
    return ((const sev_slice *)value)->ptr != NULL;
}

static void write_fail(sev_json_writer *w, sev_err e)
{
    if (w->err == SEV_OK)
        w->err = e;
}

/* Parts that the caller wrote himself must be canonical as the whole must. */
static void write_raw(sev_json_writer *w, const struct msg_field *f, struct msg_dialect d,
                      sev_slice value)
{
    struct sev_json_info info;
    sev_err e = sev_json_check(value, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    if (e == SEV_E_JSON_LIMIT)
        e = SEV_E_NOT_CANONICAL; /* out of order: to compare its names would take memory */
    if (e != SEV_OK)
        write_fail(w, e);
    else if (SEV_REFUSE_IF(!d.foreign && (info.canonical & SEV_CANON_OLPC) == 0))
        write_fail(w, SEV_E_NOT_CANONICAL);
    else if (!allowed(f, d, &value))
        write_fail(w, SEV_E_MALFORMED);
    else
        sev_json_w_raw(w, value);
}

static void write_short(sev_json_writer *w, const struct msg_field *f, const void *value)
{
    uint8_t text[2 * SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(text, sizeof text);
    if (f->kind == MSG_K_TIME)
        sev_time_format(*(const sev_time *)value, &b);
    else if (f->kind == MSG_K_DECIMAL)
        sev_decimal_format((uint64_t) * (const int64_t *)value, &b);
    else
        sev_hex_encode(sev_slice_of(value, (size_t)f->max), &b);
    if (b.overflow)
        write_fail(w, SEV_E_MALFORMED);
    sev_json_w_string(w, sev_buf_slice(&b));
}

static void write_object(sev_json_writer *w, const char *type, const struct msg_table *t,
                         struct msg_dialect d, const void *base);

static void write_value(sev_json_writer *w, const struct msg_field *f, struct msg_dialect d,
                        const void *value)
{
    bool raw = f->kind == MSG_K_RAW || f->kind == MSG_K_LIST;
    if (!raw && !allowed(f, d, value))
        write_fail(w, SEV_E_MALFORMED);
    switch (f->kind) {
    case MSG_K_INTEGER:
        sev_json_w_integer(w, *(const int64_t *)value);
        break;
    case MSG_K_TEXT:
    case MSG_K_NAME:
    case MSG_K_HEX:
        sev_json_w_string(w, *(const sev_slice *)value);
        break;
    case MSG_K_BOOL:
        sev_json_w_bool(w, *(const bool *)value);
        break;
    case MSG_K_DECISION:
        if (w->err == SEV_OK)
            sev_json_w_string(w, sev_literal(decision_words[*(const sev_review_decision *)value]));
        break;
    case MSG_K_OBJECT:
        write_object(w, NULL, f->table, d, value);
        break;
    case MSG_K_RAW:
    case MSG_K_LIST:
        write_raw(w, f, d, *(const sev_slice *)value);
        break;
    case MSG_K_DECIMAL:
    case MSG_K_TIME:
    case MSG_K_BYTES:
        write_short(w, f, value);
        break;
    }
}

static void write_object(sev_json_writer *w, const char *type, const struct msg_table *t,
                         struct msg_dialect d, const void *base)
{
    sev_json_w_object(w);
    if (type != NULL)
        sev_json_w_string_member(w, "_type", sev_literal(type));
    for (uint32_t i = 0; i < t->count; i++) {
        const struct msg_field *f = &t->fields[i];
        if (!is_present(f, base))
            continue;
        sev_json_w_name(w, sev_literal(f->name));
        write_value(w, f, d, at_const(base, f->at));
    }
    sev_json_w_object_end(w);
}

sev_err msg_encode(const char *type, const struct msg_table *t, struct msg_dialect d, const void *m,
                   sev_buf *out)
{
    sev_buf to = *out;
    sev_json_writer w = sev_json_writer_to(&to);
    if (t->consistent != NULL && !d.foreign && !t->consistent(m))
        return SEV_E_MALFORMED;
    write_object(&w, type, t, d, m);
    sev_err e = sev_json_w_end(&w);
    if (to.overflow)
        return SEV_E_MEMORY;
    if (e == SEV_OK)
        *out = to;
    return e;
}

sev_err msg_encode_foreign(const struct msg_table *t, const void *m, struct sev_arena *arena,
                           sev_buf *out)
{
    sev_buf unfolded = sev_buf_of(arena->ptr + arena->used, sev_arena_free(arena));
    sev_buf to = *out;
    sev_err e = msg_encode(NULL, t, (struct msg_dialect){true, NULL}, m, &unfolded);
    if (e == SEV_OK)
        e = sev_json_canonical(sev_buf_slice(&unfolded), SEV_CANON_ASCII,
                               (struct sev_json_scratch){NULL, 0}, &to);
    if (e == SEV_E_JSON_LIMIT)
        return SEV_E_MEMORY;
    if (e == SEV_OK)
        *out = to;
    return e;
}

sev_err msg_check_unsigned(sev_slice bytes, size_t max)
{
    struct sev_json_info info;
    if (SEV_REFUSE_IF(bytes.len > max))
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(bytes, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    /* As above: out of order is not canonical. */
    if (e == SEV_E_JSON_LIMIT ||
        (e == SEV_OK && SEV_REFUSE_IF((info.canonical & SEV_CANON_OLPC) == 0)))
        return SEV_E_NOT_CANONICAL;
    return e;
}
