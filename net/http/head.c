/* head - lines, fields and framing of HTTP heads. SPDX-License-Identifier: MIT */
#include "head.h"

/* clang-format off */
#define T HTTP_TEXT
#define P (HTTP_TEXT | HTTP_PATH)              /* - . _ ~ ! $ & ' ( ) * + , ; = : @ */
#define N (HTTP_TEXT | HTTP_PATH | HTTP_NAME)
#define D (HTTP_TEXT | HTTP_PATH | HTTP_NAME | HTTP_DIGIT | HTTP_HEX)
#define X (HTTP_TEXT | HTTP_PATH | HTTP_NAME | HTTP_HEX)
/* RFC 3986 for paths. Values have no tabs, which some trim and others keep. Names of fields have no '_', though RFC 9110 allows it: some readers take
 * it for '-', so that what is one field here is another there. */
const uint8_t http_kind[256] = {
    [' '] = T, ['!'] = P, ['"'] = T, ['#'] = T, ['$'] = P, ['%'] = T, ['&'] = P, ['\''] = P,
    ['('] = P, [')'] = P, ['*'] = P, ['+'] = P, [','] = P, ['-'] = N, ['.'] = P, ['/'] = T,
    ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D,
    ['8'] = D, ['9'] = D, [':'] = P, [';'] = P, ['<'] = T, ['='] = P, ['>'] = T, ['?'] = T,
    ['@'] = P, ['A'] = X, ['B'] = X, ['C'] = X, ['D'] = X, ['E'] = X, ['F'] = X, ['G'] = N,
    ['H'] = N, ['I'] = N, ['J'] = N, ['K'] = N, ['L'] = N, ['M'] = N, ['N'] = N, ['O'] = N,
    ['P'] = N, ['Q'] = N, ['R'] = N, ['S'] = N, ['T'] = N, ['U'] = N, ['V'] = N, ['W'] = N,
    ['X'] = N, ['Y'] = N, ['Z'] = N, ['['] = T, ['\\'] = T, [']'] = T, ['^'] = T, ['_'] = P,
    ['`'] = T, ['a'] = X, ['b'] = X, ['c'] = X, ['d'] = X, ['e'] = X, ['f'] = X, ['g'] = N,
    ['h'] = N, ['i'] = N, ['j'] = N, ['k'] = N, ['l'] = N, ['m'] = N, ['n'] = N, ['o'] = N,
    ['p'] = N, ['q'] = N, ['r'] = N, ['s'] = N, ['t'] = N, ['u'] = N, ['v'] = N, ['w'] = N,
    ['x'] = N, ['y'] = N, ['z'] = N, ['{'] = T, ['|'] = T, ['}'] = T, ['~'] = P,
};
#undef T
#undef P
#undef N
#undef D
#undef X
/* clang-format on */

/* ------------------------------------------------------------------- lines */

enum { START, IN_LINE, AFTER_CR, LINE_START, LAST_CR };

/* One step per byte, so that where the input was cut cannot matter. A bare LF, a CR elsewhere than
 * before LF and a folded line are what smuggling is made of. */
static sev_err step(unsigned *state, uint8_t c)
{
    switch (*state) {
    case AFTER_CR:
    case LAST_CR:
        if (c != '\n')
            return SEV_E_HTTP_SYNTAX;
        *state = *state == AFTER_CR ? LINE_START : START; /* START: the end */
        return SEV_OK;
    case START:
        if (!http_is(c, HTTP_NAME)) /* garbage, such as TLS sent to a plain port, ends here */
            return SEV_E_HTTP_SYNTAX;
        *state = IN_LINE;
        return SEV_OK;
    case LINE_START:
        if (c != '\r' && !http_is(c, HTTP_NAME))
            return SEV_E_HTTP_SYNTAX;
        *state = c == '\r' ? LAST_CR : IN_LINE;
        return SEV_OK;
    default:
        if (c == '\r')
            *state = AFTER_CR;
        else if (!http_is(c, HTTP_TEXT))
            return SEV_E_HTTP_SYNTAX;
        return SEV_OK;
    }
}

sev_err http_scan(struct sev_http_scan *scan, sev_slice so_far, size_t *out_head_bytes)
{
    size_t end = so_far.len < SEV_HTTP_HEAD_BYTES_MAX ? so_far.len : SEV_HTTP_HEAD_BYTES_MAX;
    while (scan->seen < end) {
        bool last = scan->state == LAST_CR;
        sev_err e = step(&scan->state, so_far.ptr[scan->seen]);
        if (e != SEV_OK)
            return e;
        scan->seen++;
        if (last) {
            *out_head_bytes = scan->seen;
            return SEV_OK;
        }
    }
    if (scan->seen == SEV_HTTP_HEAD_BYTES_MAX)
        return SEV_E_HTTP_HEAD_LIMIT;
    *out_head_bytes = 0;
    return SEV_OK;
}

sev_slice http_line(sev_slice *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != '\r')
        len++;
    sev_slice line = sev_slice_of(rest->ptr, len);
    *rest = sev_slice_sub(*rest, len + 2, rest->len);
    return line;
}

sev_slice http_trim(sev_slice s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = sev_slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* ------------------------------------------------------------------ fields */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool sev_http_name_is(sev_slice a, sev_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool sev_http_field_get(const struct sev_http_fields *fields, sev_slice name, sev_slice *out)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        if (sev_http_name_is(fields->at[i].name, name)) {
            *out = fields->at[i].value;
            return true;
        }
    }
    return false;
}

/* Only lists may come in several lines. Of anything else one reader takes the first, another the
 * last, so that two would decide by different values. */
static bool may_repeat(sev_slice name)
{
    static const char *const lists[] = {
        "accept", "accept-encoding", "accept-language", "cache-control",
        "cookie", "forwarded",       "set-cookie",      "vary",
        "via",    "x-forwarded-for"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (sev_http_name_is(name, sev_slice_of(lists[i], strlen(lists[i]))))
            return true;
    return false;
}

sev_err http_fields(sev_slice lines, struct sev_http_fields *out)
{
    out->count = 0;
    for (;;) {
        sev_slice line = http_line(&lines);
        if (line.len == 0)
            return SEV_OK;
        size_t colon = 0;
        while (colon < line.len && http_is(line.ptr[colon], HTTP_NAME))
            colon++;
        if (colon == 0 || colon == line.len || line.ptr[colon] != ':')
            return SEV_E_HTTP_SYNTAX;
        if (out->count == SEV_HTTP_FIELDS_MAX)
            return SEV_E_HTTP_HEAD_LIMIT;
        sev_slice name = sev_slice_of(line.ptr, colon), earlier;
        if (sev_http_field_get(out, name, &earlier) && !may_repeat(name)) {
            bool host = sev_http_name_is(name, SEV_LIT("host"));
            bool body = sev_http_name_is(name, SEV_LIT("content-length")) ||
                        sev_http_name_is(name, SEV_LIT("transfer-encoding"));
            return host ? SEV_E_HTTP_HOST : body ? SEV_E_HTTP_FRAMING : SEV_E_HTTP_SYNTAX;
        }
        out->at[out->count].name = name;
        out->at[out->count++].value = http_trim(sev_slice_sub(line, colon + 1, line.len));
    }
}

/* What may be asked for in Connection. A name of a field would have a proxy drop that field, so
 * that it sees another request than we; and some look for "close" anywhere in the line. */
static sev_err connection(sev_slice list, bool *out_keep_alive)
{
    static const char *const known[] = {"keep-alive", "te", "upgrade", "http2-settings"};
    *out_keep_alive = true;
    while (list.len > 0) {
        size_t len = 0;
        while (len < list.len && list.ptr[len] != ',')
            len++;
        sev_slice token = http_trim(sev_slice_of(list.ptr, len));
        bool close = sev_http_name_is(token, SEV_LIT("close")), fine = close;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            fine = fine || sev_http_name_is(token, sev_slice_of(known[i], strlen(known[i])));
        if (!fine)
            return SEV_E_HTTP_SYNTAX;
        if (close)
            *out_keep_alive = false;
        list = sev_slice_sub(list, len + 1, list.len);
    }
    return SEV_OK;
}

sev_err http_framing(const struct sev_http_fields *fields, struct http_framing *out)
{
    sev_slice value;
    struct http_framing f = {true, false, false, 0};
    if (sev_http_field_get(fields, SEV_LIT("connection"), &value)) {
        sev_err e = connection(value, &f.keep_alive);
        if (e != SEV_OK)
            return e;
    }
    if (sev_http_field_get(fields, SEV_LIT("content-length"), &value)) {
        f.has_length = true;
        if (sev_decimal_parse(value, &f.length) != SEV_OK)
            return SEV_E_HTTP_FRAMING;
    }
    if (sev_http_field_get(fields, SEV_LIT("transfer-encoding"), &value)) {
        f.chunked = true;
        if (f.has_length || !sev_http_name_is(value, SEV_LIT("chunked")))
            return SEV_E_HTTP_FRAMING;
    }
    *out = f;
    return SEV_OK;
}
