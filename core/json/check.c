/* check - is this exactly one JSON value as we accept it, and is it canonical already? One pass,
 * no recursion. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/bits.h"
#include "base/utf8.h"
#include "json/canonical.h"
#include "json/rune.h"
#include "json/scan.h"

#define ALL_FORMS (SEV_CANON_OLPC | SEV_CANON_ASCII | SEV_CANON_JCS)
#define JSON_FORMS (SEV_CANON_ASCII | SEV_CANON_JCS)
#define ORDERED 0x100u        /* beside them: see sev_json_check_ordered */
#define INTEGER_DIGITS_MAX 16 /* of 2^53-1 */

/* One open container, or, at the bottom, the document itself. */
struct level {
    uint64_t key;        /* the first bytes of the last name, as a number */
    const uint8_t *name; /* the last name, or NULL */
    size_t name_len;
    const uint8_t *open; /* its bracket */
    size_t base;         /* its first slot, once names are collected */
    uint8_t close;       /* the bracket that ends it */
    bool simple;         /* the last name is plain ASCII */
    bool collecting;     /* a name came out of order: all names are in the slots */
};

struct checker {
    sev_slice doc;
    struct sev_json_scratch scratch;
    size_t slots_used;
    unsigned canonical;
    uint32_t members;
    sev_err err;
    const uint8_t *err_at;
    struct level levels[SEV_JSON_DEPTH_MAX + 1];
};

/* What the loop needs at every byte. Its address goes to inlined functions alone, so that it
 * lives in registers; all else is in struct checker. */
struct place {
    const uint8_t *p;
    const uint8_t *end;
    const uint8_t *block; /* `specials` speaks of the 64 bytes from here on */
    uint64_t specials;
    struct level *at;
};

enum state { VALUE, NAME, AFTER, DONE, FAILED };

static enum state fail(struct checker *c, sev_err e, const uint8_t *at)
{
    c->err = e;
    c->err_at = at;
    return FAILED;
}

/* -------------------------------------------------------------- slow paths */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const uint8_t *skip_blanks(struct checker *c, const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_blank(*p)) {
        c->canonical = 0;
        p++;
    }
    return p;
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

/* Behind the escape at `p`, or NULL. */
static const uint8_t *check_escape(struct checker *c, const uint8_t *p, const uint8_t *end)
{
    uint32_t code;
    size_t rest = (size_t)(end - p);
    size_t n = sev_rune_decode(p, rest, &code);
    if (n == 0) {
        fail(c, is_unicode_escape(p, rest) ? SEV_E_JSON_UTF8 : SEV_E_JSON_SYNTAX, p);
        return NULL;
    }
    c->canonical &= ORDERED | forms_with_escape(p, n, code);
    return p + n;
}

/* A string goes on at `p` with something that is not plain text: to its closing quote, or NULL. */
static const uint8_t *check_specials(struct checker *c, const uint8_t *p, const uint8_t *end)
{
    uint32_t code;
    while (p < end && *p != '"') {
        if (*p == '\\') {
            p = check_escape(c, p, end);
            if (p == NULL)
                return NULL;
        } else {
            size_t n = sev_utf8_decode(p, (size_t)(end - p), &code);
            bool control = *p < 0x20;
            if (SEV_REFUSE_IF(control) || n == 0) {
                fail(c, control ? SEV_E_JSON_SYNTAX : SEV_E_JSON_UTF8, p);
                return NULL;
            }
            c->canonical &= ~(unsigned)SEV_CANON_ASCII;
            p += n;
        }
        p = sev_scan_plain(p, end);
    }
    if (p == end) {
        fail(c, SEV_E_JSON_SYNTAX, p);
        return NULL;
    }
    return p;
}

static sev_json_str last_name(const struct level *at)
{
    return (sev_json_str){{at->name, at->name_len}, !at->simple};
}

static bool push_name(struct checker *c, const uint8_t *name)
{
    if (c->slots_used == c->scratch.count) {
        fail(c, SEV_E_JSON_LIMIT, name - 1);
        return false;
    }
    c->scratch.slots[c->slots_used++] = (uint32_t)(name - c->doc.ptr);
    return true;
}

/* Names are out of order from here on: put all names before this one into slots. */
static bool begin_collecting(struct checker *c, struct level *at, const uint8_t *name)
{
    sev_json j = sev_json_at(sev_slice_of(c->doc.ptr, (size_t)(name - c->doc.ptr)));
    sev_json_str earlier;
    j.pos = (size_t)(at->open - c->doc.ptr) + 1;
    at->base = c->slots_used;
    at->collecting = true;
    while (sev_json_member(&j, &earlier)) {
        if (!push_name(c, earlier.raw.ptr))
            return false;
        sev_json_skip(&j, NULL);
    }
    return true;
}

/* The comparison of eight bytes did not settle it. `simple`: the name is plain ASCII. */
static bool check_order(struct checker *c, struct level *at, sev_slice raw, bool simple)
{
    sev_json_str name = {raw, !simple};
    int order = sev_name_cmp_utf8(last_name(at), name);
    if (SEV_REFUSE_IF(order == 0)) {
        fail(c, SEV_E_JSON_DUPLICATE, raw.ptr - 1);
        return false;
    }
    if ((c->canonical & SEV_CANON_JCS) != 0) {
        bool same_order = at->simple && simple;
        if ((same_order ? order : sev_name_cmp_utf16(last_name(at), name)) >= 0)
            c->canonical &= ~(unsigned)SEV_CANON_JCS;
    }
    if (order < 0)
        return true;
    c->canonical &= SEV_CANON_JCS;
    return at->collecting || begin_collecting(c, at, raw.ptr);
}

/* The object ends: are two of the names in its slots the same? */
static bool check_collected(struct checker *c, const struct level *at)
{
    uint32_t *names = c->scratch.slots + at->base;
    size_t count = c->slots_used - at->base;
    sev_names_sort(c->doc, sev_name_cmp_utf8, names, count);
    for (size_t i = 1; i < count; i++) {
        sev_json_str a = sev_string_at(c->doc, names[i - 1]), b = sev_string_at(c->doc, names[i]);
        if (SEV_REFUSE_IF(sev_name_cmp_utf8(a, b) == 0)) {
            fail(c, SEV_E_JSON_DUPLICATE, (a.raw.ptr > b.raw.ptr ? a : b).raw.ptr - 1);
            return false;
        }
    }
    c->slots_used = at->base;
    return true;
}

static bool is_digit(const uint8_t *p, const uint8_t *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Behind the number at `p`, or NULL. */
static const uint8_t *check_number(struct checker *c, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *start = p;
    bool negative = *p == '-';
    const uint8_t *first = p += negative;
    uint64_t v = 0;
    while (is_digit(p, end) && p - first < INTEGER_DIGITS_MAX)
        v = v * 10 + (uint64_t)(*p++ - '0');
    if (SEV_REFUSE_IF(p - first > 1 && *first == '0') ||
        SEV_REFUSE_IF(v > (uint64_t)SEV_JSON_INT_MAX || is_digit(p, end)) ||
        SEV_REFUSE_IF(negative && v == 0) || /* -0, and a sign without digits */
        SEV_REFUSE_IF(p < end && (*p == '.' || *p == 'e' || *p == 'E'))) {
        fail(c, SEV_E_JSON_NUMBER, start);
        return NULL;
    }
    return p;
}

/* ---------------------------------------------------------------- the loop */

/* The next byte, blanks passed over; 0 at the end, which is legal nowhere. */
static inline uint8_t next_byte(struct checker *c, struct place *h)
{
    if (h->p<h->end && * h->p> ' ')
        return *h->p;
    h->p = skip_blanks(c, h->p, h->end);
    return h->p < h->end ? *h->p : 0;
}

static uint64_t last_specials(const uint8_t *p, const uint8_t *end)
{
    uint8_t block[SEV_SCAN_BYTES] = {0}; /* zeros are special, so no string goes on in them */
    memcpy(block, p, (size_t)(end - p));
    return sev_scan_specials(block);
}

static inline void look_at(struct place *h, const uint8_t *p)
{
    bool whole = (size_t)(h->end - p) >= SEV_SCAN_BYTES;
    h->specials = whole ? sev_scan_specials(p) : last_specials(p, h->end);
    h->block = p;
}

/* The first byte from `p` on that is not plain text, or the end. */
static inline const uint8_t *plain_end(struct place *h, const uint8_t *p)
{
    for (;;) {
        size_t i = (size_t)(p - h->block);
        if (i >= SEV_SCAN_BYTES) {
            look_at(h, p);
            i = 0;
        }
        uint64_t found = h->specials >> i;
        if (found != 0)
            return p + sev_trailing_zeros(found);
        p = h->block + SEV_SCAN_BYTES;
    }
}

/* The string whose opening quote stands at h->p, which moves behind the closing one. NULL: failed.
 */
static inline const uint8_t *check_string(struct checker *c, struct place *h, bool *out_simple)
{
    const uint8_t *p = plain_end(h, h->p + 1);
    *out_simple = p < h->end && *p == '"';
    if (!*out_simple)
        p = check_specials(c, p, h->end);
    if (p != NULL)
        h->p = p + 1;
    return p;
}

/* Its first eight bytes as a number in the order of names: fewer are filled up with zeros, which
 * plain text does not contain. */
static inline uint64_t key_of(const uint8_t *p, size_t len, const uint8_t *end)
{
    uint64_t key = 0;
    if ((size_t)(end - p) >= 8 && len != 0) {
        key = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
              (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
              (uint64_t)p[6] << 8 | (uint64_t)p[7];
        return len >= 8 ? key : key & ~(UINT64_MAX >> 8 * len);
    }
    for (size_t i = 0; i < len && i < 8; i++)
        key |= (uint64_t)p[i] << (56 - 8 * i);
    return key;
}

static inline enum state on_name(struct checker *c, struct place *h)
{
    struct level *at = h->at;
    bool simple;
    if (SEV_REFUSE_IF(next_byte(c, h) != '"'))
        return fail(c, SEV_E_JSON_SYNTAX, h->p);
    const uint8_t *start = h->p + 1;
    const uint8_t *close = check_string(c, h, &simple);
    if (close == NULL)
        return FAILED;
    size_t len = (size_t)(close - start);
    uint64_t key = simple ? key_of(start, len, h->end) : 0;
    bool settled = at->name == NULL || at->key < key;
    if (!settled && !check_order(c, at, sev_slice_of(start, len), simple))
        return FAILED;
    if (at->collecting && !push_name(c, start))
        return FAILED;
    /* A name that is not simple has the least key, then the greatest: neither settles anything. */
    at->key = simple ? key : UINT64_MAX;
    at->name = start;
    at->name_len = len;
    at->simple = simple;
    c->members++;
    if (SEV_REFUSE_IF(next_byte(c, h) != ':'))
        return fail(c, SEV_E_JSON_SYNTAX, h->p);
    h->p++;
    return VALUE;
}

static inline enum state on_container(struct checker *c, struct place *h, uint8_t bracket)
{
    if (SEV_REFUSE_IF(h->at == c->levels + SEV_JSON_DEPTH_MAX))
        return fail(c, SEV_E_JSON_DEPTH, h->p);
    struct level *at = ++h->at;
    at->open = h->p++;
    at->close = (uint8_t)(bracket + 2); /* in ASCII, ] and } stand two behind [ and { */
    at->name = NULL;
    at->collecting = false;
    return next_byte(c, h) == at->close ? AFTER : bracket == '{' ? NAME : VALUE;
}

static inline enum state on_word(struct checker *c, struct place *h, sev_slice word)
{
    if (SEV_REFUSE_IF((size_t)(h->end - h->p) < word.len || memcmp(h->p, word.ptr, word.len) != 0))
        return fail(c, SEV_E_JSON_SYNTAX, h->p);
    h->p += word.len;
    return AFTER;
}

static inline enum state on_value(struct checker *c, struct place *h)
{
    bool simple;
    uint8_t byte = next_byte(c, h);
    switch (byte) {
    case '"':
        return check_string(c, h, &simple) != NULL ? AFTER : FAILED;
    case '{':
    case '[':
        return on_container(c, h, byte);
    case 't':
        return on_word(c, h, SEV_LIT("true"));
    case 'f':
        return on_word(c, h, SEV_LIT("false"));
    case 'n':
        return on_word(c, h, SEV_LIT("null"));
    default:
        break;
    }
    if (SEV_REFUSE_IF(byte != '-' && (byte < '0' || byte > '9')))
        return fail(c, SEV_E_JSON_SYNTAX, h->p);
    const uint8_t *behind = check_number(c, h->p, h->end);
    h->p = behind;
    return behind != NULL ? AFTER : FAILED;
}

static inline enum state on_after(struct checker *c, struct place *h)
{
    struct level *at = h->at;
    uint8_t byte = next_byte(c, h);
    if (byte == ',' && at->close != 0) {
        h->p++;
        return at->close == '}' ? NAME : VALUE;
    }
    if (at->close == 0)
        return SEV_REFUSE_IF(h->p != h->end) ? fail(c, SEV_E_JSON_SYNTAX, h->p) : DONE;
    if (SEV_REFUSE_IF(byte != at->close))
        return fail(c, SEV_E_JSON_SYNTAX, h->p);
    if (at->collecting && !check_collected(c, at))
        return FAILED;
    h->p++;
    h->at--;
    return AFTER;
}

static void check_document(struct checker *c)
{
    struct place h = {.p = c->doc.ptr, .end = c->doc.ptr + c->doc.len, .at = c->levels};
    enum state state = VALUE;
    c->levels[0].close = 0; /* the document: nothing closes it */
    look_at(&h, h.p);
    for (;;) {
        switch (state) {
        case VALUE:
            state = on_value(c, &h);
            break;
        case NAME:
            state = on_name(c, &h);
            break;
        case AFTER:
            state = on_after(c, &h);
            break;
        default:
            return;
        }
    }
}

sev_err sev_json_check_ordered(sev_slice doc, struct sev_json_scratch scratch,
                               struct sev_json_info *out_info, bool *out_ordered,
                               size_t *out_offset)
{
    struct checker c = {.doc = doc, .scratch = scratch, .canonical = ALL_FORMS | ORDERED};
    if (SEV_REFUSE_IF((uint64_t)doc.len > UINT32_MAX))
        fail(&c, SEV_E_JSON_LIMIT, doc.ptr);
    else if (doc.len == 0) /* perhaps without a pointer */
        fail(&c, SEV_E_JSON_SYNTAX, doc.ptr);
    else
        check_document(&c);
    if (c.err != SEV_OK && out_offset != NULL)
        *out_offset = c.err_at == NULL ? 0 : (size_t)(c.err_at - doc.ptr);
    if (c.err == SEV_OK && out_info != NULL)
        *out_info = (struct sev_json_info){c.canonical & ALL_FORMS, c.members};
    if (c.err == SEV_OK)
        *out_ordered = (c.canonical & ORDERED) != 0;
    return c.err;
}

sev_err sev_json_check(sev_slice doc, struct sev_json_scratch scratch,
                       struct sev_json_info *out_info, size_t *out_offset)
{
    bool ordered;
    return sev_json_check_ordered(doc, scratch, out_info, &ordered, out_offset);
}
