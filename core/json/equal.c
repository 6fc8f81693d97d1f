/* equal - two values side by side, without memory. SPDX-License-Identifier: MIT */
#include "json/rune.h"

/* One pair of open containers. */
struct level {
    size_t b_open;  /* where the object in b begins */
    size_t members; /* met in a */
    bool object;
    bool jumped; /* a member of b was not where it was in a */
};

struct pair {
    sev_json a;
    sev_json b;
    unsigned depth;
    struct level levels[SEV_JSON_DEPTH_MAX];
};

static bool scalars_equal(struct pair *p, sev_json_kind kind)
{
    sev_json_str s, t;
    sev_slice x = SEV_EMPTY, y = SEV_EMPTY;
    if (kind == SEV_JSON_STRING) {
        sev_json_string(&p->a, &s);
        sev_json_string(&p->b, &t);
        return p->a.err == SEV_OK && p->b.err == SEV_OK && sev_json_str_eq(s, t);
    }
    sev_json_skip(&p->a, &x);
    sev_json_skip(&p->b, &y);
    /* An integer has one spelling only, since -0 and leading zeros were refused. */
    return sev_slice_eq(x, y);
}

static bool enter(struct pair *p, bool object)
{
    if (p->depth == SEV_JSON_DEPTH_MAX)
        return false;
    p->levels[p->depth++] = (struct level){p->b.pos, 0, object, false};
    if (object) {
        sev_json_object(&p->a);
        sev_json_object(&p->b);
    } else {
        sev_json_array(&p->a);
        sev_json_array(&p->b);
    }
    return true;
}

/* Let b stand at the value of its member `name`. */
static bool find_in_b(struct pair *p, struct level *at, sev_json_str name)
{
    sev_json_str other;
    sev_json next = p->b;
    if (sev_json_member(&next, &other) && sev_json_str_eq(name, other)) {
        p->b = next;
        return true;
    }
    at->jumped = true;
    p->b.pos = at->b_open;
    sev_json_object(&p->b);
    while (sev_json_member(&p->b, &other)) {
        if (sev_json_str_eq(name, other))
            return true;
        sev_json_skip(&p->b, NULL);
    }
    return false;
}

/* a has no member left: has b as many? Then b is left behind, too. */
static bool b_has_as_many(struct pair *p, const struct level *at)
{
    sev_json_str name;
    size_t members = 0;
    if (!at->jumped)
        return !sev_json_member(&p->b, &name);
    p->b.pos = at->b_open;
    sev_json_object(&p->b);
    while (sev_json_member(&p->b, &name)) {
        members++;
        sev_json_skip(&p->b, NULL);
    }
    return members == at->members;
}

/* Go to the next pair of values, over all containers that end here; false on a difference. */
static bool advance(struct pair *p)
{
    sev_json_str name;
    while (p->depth > 0) {
        struct level *at = &p->levels[p->depth - 1];
        bool more;
        if (at->object) {
            more = sev_json_member(&p->a, &name);
            if (more ? !find_in_b(p, at, name) : !b_has_as_many(p, at))
                return false;
            at->members++;
        } else {
            more = sev_json_element(&p->a);
            if (more != sev_json_element(&p->b))
                return false;
        }
        if (p->a.err != SEV_OK || p->b.err != SEV_OK)
            return false;
        if (more)
            return true;
        p->depth--;
    }
    return true;
}

bool sev_json_equal(sev_slice a, sev_slice b)
{
    struct pair p = {.a = sev_json_at(a), .b = sev_json_at(b)};
    if (a.len == 0 || b.len == 0)
        return a.len == b.len;
    do {
        sev_json_kind kind = sev_json_peek(&p.a);
        if (kind == SEV_JSON_NONE || kind != sev_json_peek(&p.b))
            return false;
        bool container = kind == SEV_JSON_OBJECT || kind == SEV_JSON_ARRAY;
        if (container ? !enter(&p, kind == SEV_JSON_OBJECT) : !scalars_equal(&p, kind))
            return false;
        if (!advance(&p))
            return false;
    } while (p.depth > 0);
    return true;
}
