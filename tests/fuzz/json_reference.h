/* json_reference - is it JSON as json.h says? Slow, recursive, and nothing shared with the product:
 * it reads code points and compares every name with every other. SPDX-License-Identifier: MIT */
#ifndef SEV_JSON_REFERENCE_H
#define SEV_JSON_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reference {
    const uint8_t *p;
    const uint8_t *end;
    unsigned depth;
};

struct reference_text {
    uint32_t *runes;
    size_t count;
};

static bool reference_value(struct reference *r);

static bool reference_take(struct reference *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

static void reference_blanks(struct reference *r)
{
    while (r->p < r->end && memchr(" \t\r\n", *r->p, 4) != NULL)
        r->p++;
}

static int64_t reference_hex4(struct reference *r)
{
    int64_t v = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *at = r->p < r->end && *r->p != 0 ? strchr(digits, *r->p) : NULL;
        if (at == NULL)
            return -1;
        v = v * 16 + (at - digits) % 16;
        r->p++;
    }
    return v;
}

static int64_t reference_escape(struct reference *r)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return -1;
    uint8_t c = *r->p++;
    if (c != 'u') {
        const char *at = c != 0 ? strchr(letters, c) : NULL;
        return at != NULL ? meanings[at - letters] : -1;
    }
    int64_t high = reference_hex4(r);
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || !reference_take(r, "\\u"))
        return -1;
    int64_t low = reference_hex4(r);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    return 0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00);
}

/* One code point of UTF-8, from the table of RFC 3629 section 4. */
static int64_t reference_utf8(struct reference *r)
{
    static const struct {
        uint8_t low[4], high[4];
        size_t len;
        uint8_t bits;
    } rows[] = {
        {{0x20}, {0x7F}, 1, 0x7F},
        {{0xC2, 0x80}, {0xDF, 0xBF}, 2, 0x1F},
        {{0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}, 3, 0x0F},
        {{0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}, 3, 0x0F},
        {{0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}, 3, 0x0F},
        {{0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}, 3, 0x0F},
        {{0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}, 4, 0x07},
        {{0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}, 4, 0x07},
        {{0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}, 4, 0x07},
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        bool fits = (size_t)(r->end - r->p) >= rows[k].len;
        for (size_t i = 0; fits && i < rows[k].len; i++)
            fits = r->p[i] >= rows[k].low[i] && r->p[i] <= rows[k].high[i];
        if (!fits)
            continue;
        int64_t code = r->p[0] & rows[k].bits;
        for (size_t i = 1; i < rows[k].len; i++)
            code = code * 64 + r->p[i] % 64;
        r->p += rows[k].len;
        return code;
    }
    return -1;
}

/* The caller frees the runes, in either case. */
static bool reference_string(struct reference *r, struct reference_text *out)
{
    out->count = 0;
    out->runes = malloc(((size_t)(r->end - r->p) + 1) * sizeof *out->runes);
    if (out->runes == NULL || !reference_take(r, "\""))
        return false;
    while (!reference_take(r, "\"")) {
        int64_t code = reference_take(r, "\\") ? reference_escape(r) : reference_utf8(r);
        if (code < 0)
            return false;
        out->runes[out->count++] = (uint32_t)code;
    }
    return true;
}

static bool reference_number(struct reference *r)
{
    char text[20] = "";
    size_t n = 0;
    bool negative = reference_take(r, "-");
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && n < 17)
        text[n++] = (char)*r->p++;
    if (n == 0 || n > 16 || (n > 1 && text[0] == '0') || (negative && text[0] == '0'))
        return false;
    return strtoll(text, NULL, 10) <= 9007199254740991;
}

static bool reference_names_differ(const struct reference_text *names, size_t count)
{
    const struct reference_text *last = &names[count - 1];
    for (size_t i = 0; i + 1 < count; i++)
        if (names[i].count == last->count &&
            memcmp(names[i].runes, last->runes, last->count * sizeof last->runes[0]) == 0)
            return false;
    return true;
}

static bool reference_members(struct reference *r)
{
    size_t count = 0;
    struct reference_text *names = calloc((size_t)(r->end - r->p) + 1, sizeof *names);
    bool good = names != NULL, more = true;
    while (good && more) {
        reference_blanks(r);
        good = reference_string(r, &names[count++]) && reference_names_differ(names, count);
        reference_blanks(r);
        good = good && reference_take(r, ":") && reference_value(r);
        more = good && reference_take(r, ",");
    }
    for (size_t i = 0; i < count; i++)
        free(names[i].runes);
    free(names);
    return good && reference_take(r, "}");
}

static bool reference_elements(struct reference *r)
{
    do {
        if (!reference_value(r))
            return false;
    } while (reference_take(r, ","));
    return reference_take(r, "]");
}

/* With the blanks around it. */
static bool reference_value(struct reference *r)
{
    struct reference_text text = {NULL, 0};
    bool good;
    reference_blanks(r);
    if (r->p == r->end)
        return false;
    uint8_t c = *r->p;
    if (c == '{' || c == '[') {
        if (++r->depth > 16)
            return false;
        r->p++;
        reference_blanks(r);
        if (c == '{')
            good = reference_take(r, "}") || reference_members(r);
        else
            good = reference_take(r, "]") || reference_elements(r);
        r->depth--;
    } else if (c == '"') {
        good = reference_string(r, &text);
        free(text.runes);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        good = reference_number(r);
    } else {
        good = reference_take(r, "true") || reference_take(r, "false") || reference_take(r, "null");
    }
    reference_blanks(r);
    return good;
}

static bool reference_accepts(const uint8_t *bytes, size_t len)
{
    struct reference r = {bytes, len != 0 ? bytes + len : bytes, 0};
    return reference_value(&r) && r.p == r.end;
}

#endif
