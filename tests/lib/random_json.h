/* random_json - random values as trees, printed in many spellings, and, written apart from the
 * product, in each canonical form: the oracle of the property tests. SPDX-License-Identifier: MIT
 */
#ifndef SEV_RANDOM_JSON_H
#define SEV_RANDOM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RJ_NODES_MAX 400
#define RJ_RUNES_MAX 24
#define RJ_CHILDREN_MAX 12
#define RJ_TEXT_MAX (256 * 1024)

enum rj_kind { RJ_OBJECT, RJ_ARRAY, RJ_STRING, RJ_INTEGER, RJ_TRUE, RJ_FALSE, RJ_NULL };
enum rj_form { RJ_OLPC = 1, RJ_ASCII = 2, RJ_JCS = 4, RJ_WRITER = 8 };

struct rj_text {
    uint32_t runes[RJ_RUNES_MAX];
    unsigned count;
};

struct rj_node {
    enum rj_kind kind;
    int64_t number;
    struct rj_text text; /* of a string */
    struct rj_text name; /* of a member */
    unsigned children[RJ_CHILDREN_MAX];
    unsigned count;
};

struct rj_tree {
    struct rj_node nodes[RJ_NODES_MAX];
    unsigned used;
    unsigned members;
    bool ascii_only;
};

struct rj_out {
    char *text;
    size_t len;
};

/* xorshift: the seed is printed on failure, so that a run can be repeated */
static inline uint32_t rj_random(uint64_t *state, uint32_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 16) % below);
}

static inline uint32_t rj_rune(uint64_t *r, bool ascii_only)
{
    static const uint32_t odd[] = {0x00,   0x01,   0x08,    0x09,    0x0A,    0x0B,    0x0C,
                                   0x0D,   0x1F,   0x7F,    0x80,    0xA0,    0xE9,    0x7FF,
                                   0x800,  0x2028, 0x2029,  0xD7FF,  0xE000,  0xFB33,  0xFEFF,
                                   0xFFFD, 0xFFFF, 0x10000, 0x1D11E, 0x1FFFF, 0x10FFFF};
    static const char ascii[] = "abcdefghijklmnopqrstuvwxyz0123456789 /.:{}[],-_~#";
    if (ascii_only)
        return (uint8_t)ascii[rj_random(r, sizeof ascii - 1)];
    switch (rj_random(r, 6)) {
    case 0:
        return odd[rj_random(r, sizeof odd / sizeof odd[0])];
    case 1:
        return (uint32_t) "\"\\/\"\\"[rj_random(r, 5)];
    default:
        return 0x20 + rj_random(r, 0x5F);
    }
}

static inline struct rj_text rj_text_random(uint64_t *r, bool ascii_only, uint32_t longest)
{
    struct rj_text t = {{0}, rj_random(r, longest + 1)};
    for (unsigned i = 0; i < t.count; i++)
        t.runes[i] = rj_rune(r, ascii_only);
    return t;
}

static inline bool rj_text_eq(const struct rj_text *a, const struct rj_text *b)
{
    return a->count == b->count && memcmp(a->runes, b->runes, a->count * sizeof a->runes[0]) == 0;
}

/* Ends when the nodes do; containers below the 16th level are never made. */
static inline unsigned rj_grow(struct rj_tree *t, uint64_t *r, unsigned depth)
{
    unsigned me = t->used++;
    struct rj_node *n = &t->nodes[me];
    memset(n, 0, sizeof *n);
    bool leaf = depth >= 16 || t->used + RJ_CHILDREN_MAX * 2 >= RJ_NODES_MAX;
    n->kind = (enum rj_kind)(leaf ? RJ_STRING + rj_random(r, 5) : rj_random(r, 7));
    if (depth < 2 && rj_random(r, 3) != 0)
        n->kind = RJ_OBJECT;
    n->text = rj_text_random(r, t->ascii_only, RJ_RUNES_MAX - 1);
    switch (rj_random(r, 4)) {
    case 0:
        n->number = 9007199254740991 - (int64_t)rj_random(r, 3);
        break;
    case 1:
        n->number = rj_random(r, 3);
        break;
    default:
        n->number = (int64_t)rj_random(r, 1u << 30) * (int64_t)rj_random(r, 1u << 22);
    }
    if (rj_random(r, 2) != 0)
        n->number = -n->number;
    if (n->kind != RJ_OBJECT && n->kind != RJ_ARRAY)
        return me;
    n->count = rj_random(r, RJ_CHILDREN_MAX + 1);
    for (unsigned i = 0; i < n->count; i++) {
        if (t->used + RJ_CHILDREN_MAX >= RJ_NODES_MAX) {
            n->count = i;
            break;
        }
        unsigned child = rj_grow(t, r, depth + 1);
        n->children[i] = child;
        if (n->kind == RJ_ARRAY)
            continue;
        t->members++;
        for (bool again = true; again;) {
            again = false;
            t->nodes[child].name = rj_text_random(r, t->ascii_only, 1 + rj_random(r, 16));
            for (unsigned k = 0; k < i; k++)
                again |= rj_text_eq(&t->nodes[child].name, &t->nodes[n->children[k]].name);
        }
    }
    return me;
}

static inline void rj_make(struct rj_tree *t, uint64_t *r)
{
    t->used = 0;
    t->members = 0;
    t->ascii_only = rj_random(r, 3) == 0;
    rj_grow(t, r, 0);
}

static inline void rj_put(struct rj_out *o, const char *text)
{
    size_t n = strlen(text);
    if (o->len + n + 1 > RJ_TEXT_MAX)
        abort();
    memcpy(o->text + o->len, text, n + 1);
    o->len += n;
}

static inline void rj_put_byte(struct rj_out *o, uint32_t byte)
{
    if (o->len + 2 > RJ_TEXT_MAX)
        abort();
    o->text[o->len++] = (char)byte;
    o->text[o->len] = '\0';
}

static inline void rj_put_utf8(struct rj_out *o, uint32_t c)
{
    if (c < 0x80) {
        rj_put_byte(o, c);
    } else if (c < 0x800) {
        rj_put_byte(o, 0xC0 + c / 64);
        rj_put_byte(o, 0x80 + c % 64);
    } else if (c < 0x10000) {
        rj_put_byte(o, 0xE0 + c / 4096);
        rj_put_byte(o, 0x80 + c / 64 % 64);
        rj_put_byte(o, 0x80 + c % 64);
    } else {
        rj_put_byte(o, 0xF0 + c / 262144);
        rj_put_byte(o, 0x80 + c / 4096 % 64);
        rj_put_byte(o, 0x80 + c / 64 % 64);
        rj_put_byte(o, 0x80 + c % 64);
    }
}

static inline void rj_put_u(struct rj_out *o, uint32_t c, bool upper)
{
    char text[16];
    if (c >= 0x10000) {
        rj_put_u(o, 0xD800 + (c - 0x10000) / 1024, upper);
        c = 0xDC00 + c % 1024;
    }
    snprintf(text, sizeof text, upper ? "\\u%04X" : "\\u%04x", (unsigned)c);
    rj_put(o, text);
}

static inline const char *rj_short_escape(uint32_t c)
{
    static const char *const table[128] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };
    return c < 128 ? table[c] : NULL;
}

static inline void rj_put_canonical_rune(struct rj_out *o, uint32_t c, unsigned form)
{
    if (c == '"' || c == '\\')
        rj_put(o, rj_short_escape(c));
    else if (form == RJ_OLPC)
        rj_put_utf8(o, c);
    else if (rj_short_escape(c) != NULL)
        rj_put(o, rj_short_escape(c));
    else if (c < 0x20 || (c > 0x7F && form == RJ_ASCII))
        rj_put_u(o, c, false);
    else
        rj_put_utf8(o, c);
}

static inline void rj_put_any_rune(struct rj_out *o, uint32_t c, uint64_t *r)
{
    if (rj_random(r, 12) == 0)
        rj_put_u(o, c, rj_random(r, 2) != 0);
    else if (c == '/' && rj_random(r, 2) != 0)
        rj_put(o, "\\/");
    else if (rj_short_escape(c) != NULL)
        rj_put(o, rj_short_escape(c));
    else if (c < 0x20)
        rj_put_u(o, c, rj_random(r, 2) != 0);
    else
        rj_put_utf8(o, c);
}

/* form 0: any spelling. */
static inline void rj_put_text(struct rj_out *o, const struct rj_text *t, unsigned form,
                               uint64_t *r)
{
    rj_put_byte(o, '"');
    for (unsigned i = 0; i < t->count; i++)
        if (form != 0)
            rj_put_canonical_rune(o, t->runes[i], form);
        else
            rj_put_any_rune(o, t->runes[i], r);
    rj_put_byte(o, '"');
}

static inline void rj_put_blanks(struct rj_out *o, unsigned form, uint64_t *r)
{
    while (form == 0 && rj_random(r, 6) == 0)
        rj_put_byte(o, (uint32_t) " \t\r\n"[rj_random(r, 4)]);
}

/* Compare as the arrays of units that the form's rule speaks of. */
static inline int rj_name_cmp(const struct rj_text *a, const struct rj_text *b, unsigned form)
{
    uint32_t units[2][2 * RJ_RUNES_MAX];
    unsigned counts[2] = {0, 0};
    const struct rj_text *both[2] = {a, b};
    for (unsigned s = 0; s < 2; s++)
        for (unsigned i = 0; i < both[s]->count; i++) {
            uint32_t c = both[s]->runes[i];
            if (form == RJ_JCS && c >= 0x10000) {
                units[s][counts[s]++] = 0xD800 + (c - 0x10000) / 1024;
                c = 0xDC00 + c % 1024;
            }
            units[s][counts[s]++] = c;
        }
    for (unsigned i = 0; i < counts[0] && i < counts[1]; i++)
        if (units[0][i] != units[1][i])
            return units[0][i] < units[1][i] ? -1 : 1;
    return counts[0] < counts[1] ? -1 : counts[0] > counts[1];
}

static inline void rj_order(const struct rj_tree *t, unsigned *list, unsigned count, unsigned form,
                            uint64_t *r)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned k = i; k > 0; k--) {
            const struct rj_text *a = &t->nodes[list[k - 1]].name, *b = &t->nodes[list[k]].name;
            if (form != 0 ? rj_name_cmp(a, b, form) <= 0 : rj_random(r, 2) != 0)
                break;
            unsigned swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
}

static inline void rj_print(const struct rj_tree *t, unsigned node, unsigned form, uint64_t *r,
                            struct rj_out *o)
{
    const struct rj_node *n = &t->nodes[node];
    unsigned list[RJ_CHILDREN_MAX];
    char number[32];
    bool object = n->kind == RJ_OBJECT;
    rj_put_blanks(o, form, r);
    switch (n->kind) {
    case RJ_STRING:
        rj_put_text(o, &n->text, form, r);
        break;
    case RJ_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)n->number);
        rj_put(o, number);
        break;
    case RJ_TRUE:
        rj_put(o, "true");
        break;
    case RJ_FALSE:
        rj_put(o, "false");
        break;
    case RJ_NULL:
        rj_put(o, "null");
        break;
    default:
        memcpy(list, n->children, sizeof list);
        if (object)
            rj_order(t, list, n->count, form, r);
        rj_put(o, object ? "{" : "[");
        for (unsigned i = 0; i < n->count; i++) {
            if (i > 0)
                rj_put(o, ",");
            rj_put_blanks(o, form, r);
            if (object) {
                rj_put_text(o, &t->nodes[list[i]].name, form, r);
                rj_put_blanks(o, form, r);
                rj_put(o, ":");
            }
            rj_print(t, list[i], form, r, o);
        }
        rj_put_blanks(o, form, r);
        rj_put(o, object ? "}" : "]");
    }
    rj_put_blanks(o, form, r);
}

/* Change one byte of the text, or one more, or one less, or cut it off. */
static inline void rj_mutate(char *text, size_t *len, uint64_t *r)
{
    static const char bytes[] = "{}[],:\"\\u0-19eE.+tfn \x01\x7f\x80\xc3\xa9\xed\xf4\xff";
    size_t at = rj_random(r, (uint32_t)*len);
    uint32_t with =
        rj_random(r, 3) == 0 ? rj_random(r, 256) : (uint8_t)bytes[rj_random(r, sizeof bytes - 1)];
    switch (rj_random(r, 4)) {
    case 0: /* insert */
        memmove(text + at + 1, text + at, *len - at);
        text[at] = (char)with;
        ++*len;
        break;
    case 1: /* remove */
        memmove(text + at, text + at + 1, *len - at - 1);
        --*len;
        break;
    case 2:
        *len = at + 1; /* cut off */
        break;
    default:
        text[at] = (char)with;
    }
}

#endif
