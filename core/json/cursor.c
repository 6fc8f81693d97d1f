/* cursor - walking over checked bytes without copying them. Unchecked bytes give nonsense or an
 * error, never a read outside of them. SPDX-License-Identifier: MIT */
#include "base/bits.h"
#include "base/check.h"
#include "json/rune.h"
#include "json/scan.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The byte that stands next, blanks passed over; 0 at the end, which begins nothing. */
static uint8_t next_byte(sev_json *j)
{
    while (j->pos < j->doc.len && is_blank(j->doc.ptr[j->pos]))
        j->pos++;
    return j->pos < j->doc.len ? j->doc.ptr[j->pos] : 0;
}

static bool at_word(const sev_json *j, sev_slice word)
{
    return j->doc.len - j->pos >= word.len && memcmp(j->doc.ptr + j->pos, word.ptr, word.len) == 0;
}

void sev_json_fail(sev_json *j, sev_err e)
{
    if (j->err == SEV_OK)
        j->err = e;
}

static sev_json_kind kind_of(uint8_t c)
{
    switch (c) {
    case '{':
        return SEV_JSON_OBJECT;
    case '[':
        return SEV_JSON_ARRAY;
    case '"':
        return SEV_JSON_STRING;
    case 't':
    case 'f':
        return SEV_JSON_BOOL;
    case 'n':
        return SEV_JSON_NULL;
    default:
        return c == '-' || (c >= '0' && c <= '9') ? SEV_JSON_INTEGER : SEV_JSON_NONE;
    }
}

sev_json_kind sev_json_peek(sev_json *j)
{
    return j->err == SEV_OK ? kind_of(next_byte(j)) : SEV_JSON_NONE;
}

/* Is a value of that kind next? If not, that is the error. */
static bool expect(sev_json *j, sev_json_kind kind)
{
    if (j->err != SEV_OK)
        return false;
    if (SEV_REFUSE_IF(sev_json_peek(j) != kind)) {
        j->err = SEV_E_MALFORMED;
        return false;
    }
    return true;
}

void sev_json_object(sev_json *j)
{
    if (expect(j, SEV_JSON_OBJECT))
        j->pos++;
}

void sev_json_array(sev_json *j)
{
    if (expect(j, SEV_JSON_ARRAY))
        j->pos++;
}

/* Pass a comma, if one stands here. False when the container ends here, which is passed, too. */
static bool one_more(sev_json *j, uint8_t close)
{
    if (j->err != SEV_OK)
        return false;
    uint8_t c = next_byte(j);
    if (c == close) {
        j->pos++;
        return false;
    }
    if (c == ',')
        j->pos++;
    return true;
}

bool sev_json_member(sev_json *j, sev_json_str *out_name)
{
    sev_json_str name;
    if (!one_more(j, '}'))
        return false;
    sev_json_string(j, &name);
    if (j->err == SEV_OK && next_byte(j) != ':')
        j->err = SEV_E_MALFORMED;
    if (j->err != SEV_OK)
        return false;
    j->pos++;
    *out_name = name;
    return true;
}

bool sev_json_element(sev_json *j)
{
    if (!one_more(j, ']'))
        return false;
    if (sev_json_peek(j) == SEV_JSON_NONE)
        sev_json_fail(j, SEV_E_MALFORMED);
    return j->err == SEV_OK;
}

void sev_json_string(sev_json *j, sev_json_str *out)
{
    if (!expect(j, SEV_JSON_STRING))
        return;
    sev_json_str s = sev_string_at(j->doc, j->pos + 1);
    size_t close = j->pos + 1 + s.raw.len;
    if (close >= j->doc.len) {
        j->err = SEV_E_MALFORMED;
        return;
    }
    j->pos = close + 1;
    *out = s;
}

void sev_json_integer_in(sev_json *j, int64_t min, int64_t max, int64_t *out)
{
    if (!expect(j, SEV_JSON_INTEGER))
        return;
    size_t at = j->pos;
    bool negative = j->doc.ptr[at] == '-';
    at += negative;
    int64_t v = 0;
    size_t first = at;
    for (; at < j->doc.len && j->doc.ptr[at] >= '0' && j->doc.ptr[at] <= '9'; at++) {
        v = v * 10 + (j->doc.ptr[at] - '0');
        if (v > SEV_JSON_INT_MAX)
            break;
    }
    v = negative ? -v : v;
    bool number = at > first && v <= SEV_JSON_INT_MAX && v >= -SEV_JSON_INT_MAX;
    if (!number || SEV_REFUSE_IF(v < min || v > max)) {
        j->err = SEV_E_MALFORMED;
        return;
    }
    j->pos = at;
    *out = v;
}

void sev_json_integer(sev_json *j, int64_t *out)
{
    sev_json_integer_in(j, -SEV_JSON_INT_MAX, SEV_JSON_INT_MAX, out);
}

void sev_json_bool(sev_json *j, bool *out)
{
    if (!expect(j, SEV_JSON_BOOL))
        return;
    bool yes = at_word(j, SEV_LIT("true"));
    if (!yes && !at_word(j, SEV_LIT("false"))) {
        j->err = SEV_E_MALFORMED;
        return;
    }
    j->pos += yes ? 4 : 5;
    *out = yes;
}

/* Between two blocks of a container that is skipped. */
struct skipper {
    size_t depth;       /* brackets that are still open */
    uint64_t in_string; /* all ones: the next byte is inside a string */
    uint64_t escaped;   /* 1: a backslash stands right before the next byte */
};

/* Bit by bit: is the number of ones up to and including here odd? */
static uint64_t parity_so_far(uint64_t w)
{
    w ^= w << 1;
    w ^= w << 2;
    w ^= w << 4;
    w ^= w << 8;
    w ^= w << 16;
    w ^= w << 32;
    return w;
}

/* The quotes that no backslash takes their meaning from. */
static uint64_t real_quotes(struct skipper *s, const struct sev_scan_brackets *b)
{
    uint64_t escaped = s->escaped;
    uint64_t rest = b->backslashes & ~escaped;
    s->escaped = 0;
    while (rest != 0) {
        uint64_t backslash = rest & (0 - rest);
        escaped |= backslash << 1;
        s->escaped = backslash >> 63;
        rest &= ~(backslash | backslash << 1);
    }
    return b->quotes & ~escaped;
}

/* How many bytes of the block belong to the container: 64 and more when it does not end here. */
static size_t end_in_block(struct skipper *s, const struct sev_scan_brackets *b)
{
    uint64_t quotes = real_quotes(s, b), inside = s->in_string;
    if (quotes != 0) {
        inside ^= parity_so_far(quotes);
        s->in_string = 0 - (inside >> 63);
    }
    uint64_t closing = b->closing & ~inside, brackets = (b->opening | b->closing) & ~inside;
    for (; brackets != 0; brackets &= brackets - 1) {
        unsigned i = sev_trailing_zeros(brackets);
        s->depth = s->depth + 1 - 2 * (size_t)(closing >> i & 1);
        if (s->depth == 0)
            return i + 1;
    }
    return SEV_SCAN_BYTES + 1;
}

/* Behind the container that opens at `pos`, or 0. Its brackets are known to match, so counting
 * them is enough. */
static size_t behind_container(sev_slice doc, size_t pos)
{
    struct skipper s = {0, 0, 0};
    struct sev_scan_brackets b;
    for (; doc.len - pos >= SEV_SCAN_BYTES; pos += SEV_SCAN_BYTES) {
        sev_scan_brackets(doc.ptr + pos, &b);
        size_t n = end_in_block(&s, &b);
        if (n <= SEV_SCAN_BYTES)
            return pos + n;
    }
    uint8_t rest[SEV_SCAN_BYTES] = {0};
    memcpy(rest, doc.ptr + pos, doc.len - pos);
    sev_scan_brackets(rest, &b);
    size_t n = end_in_block(&s, &b);
    return n <= SEV_SCAN_BYTES ? pos + n : 0;
}

static size_t behind_word(sev_slice doc, size_t pos)
{
    while (pos < doc.len && !is_blank(doc.ptr[pos]) && doc.ptr[pos] != ',' && doc.ptr[pos] != ']' &&
           doc.ptr[pos] != '}')
        pos++;
    return pos;
}

void sev_json_skip(sev_json *j, sev_slice *out_bytes)
{
    sev_json_str s;
    sev_json_kind kind = sev_json_peek(j);
    size_t start = j->pos;
    if (kind == SEV_JSON_NONE) {
        sev_json_fail(j, SEV_E_MALFORMED);
    } else if (kind == SEV_JSON_STRING) {
        sev_json_string(j, &s);
    } else if (kind == SEV_JSON_OBJECT || kind == SEV_JSON_ARRAY) {
        size_t end = behind_container(j->doc, start);
        if (end == 0)
            j->err = SEV_E_MALFORMED;
        else
            j->pos = end;
    } else {
        j->pos = behind_word(j->doc, start);
    }
    if (j->err == SEV_OK && out_bytes != NULL)
        *out_bytes = sev_slice_of(j->doc.ptr + start, j->pos - start);
}

sev_slice sev_json_get(sev_slice value, const char *name)
{
    sev_json j = sev_json_at(value);
    sev_json_str member;
    sev_slice found = SEV_EMPTY;
    sev_json_object(&j);
    while (sev_json_member(&j, &member)) {
        if (sev_json_str_is(member, name)) {
            sev_json_skip(&j, &found);
            break;
        }
        sev_json_skip(&j, NULL);
    }
    return found;
}
