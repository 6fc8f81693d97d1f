/* together - images that need each other, or must not be with each other, over all that a vehicle
 * may have once an assignment is installed. REQ-DIR-14 REQ-DIR-25 SPDX-License-Identifier: MIT */
#include "internal.h"

/* What may be on an ECU afterwards: the image of the wish; or, where it names none, what the ECU
 * reported last, and what was assigned before and may be installed though nobody said so yet. */
struct place {
    uint32_t count;
    struct {
        sev_slice name;
        int64_t counter;
        sev_slice match; /* empty: not known here */
    } may[2];
};

struct together {
    const struct director_ecus *ecus;
    struct place places[SEV_STORE_ECUS_MAX], was[SEV_STORE_ECUS_MAX];
    bool given[SEV_STORE_ECUS_MAX]; /* has an image in the wish */
};

typedef sev_err each_target(struct together *t, const struct sev_target *target);

static sev_err for_each(struct together *t, sev_slice targets, each_target *each)
{
    sev_json j = sev_json_at(targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    if (targets.len == 0)
        return SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target target;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        e = sev_target_parse(name, value, SEV_PROFILE_NATIVE, &target);
        if (e == SEV_OK)
            e = each(t, &target);
    }
    return e == SEV_OK ? j.err : e;
}

/* ------------------------------------------------------------ what there is */

static void may_have(struct place *p, sev_slice name, int64_t counter, sev_slice match)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->may[i].counter == counter && sev_slice_eq(p->may[i].name, name)) {
            if (p->may[i].match.len == 0)
                p->may[i].match = match;
            return;
        }
    if (p->count == 2)
        return;
    p->may[p->count].name = name;
    p->may[p->count].counter = counter;
    p->may[p->count++].match = match;
}

static sev_err place_target(struct together *t, const struct sev_target *target, bool new)
{
    struct sev_match match;
    sev_json j = sev_json_at(target->ecu_identifiers);
    sev_json_str serial;
    if (target->match.len == 0)
        return SEV_OK;
    sev_err e = sev_match_parse(target->match, &match);
    if (e != SEV_OK)
        return e;
    sev_json_object(&j);
    while (sev_json_member(&j, &serial)) {
        const struct sev_ecu *ecu = director_find_ecu(t->ecus, serial.raw);
        sev_json_skip(&j, NULL);
        if (ecu == NULL)
            continue; /* assigned before, and gone from the vehicle */
        struct place *p = &t->places[ecu - t->ecus->ecus];
        if (new) {
            t->was[p - t->places] = *p;
            t->given[p - t->places] = true;
            p->count = 0;
        }
        may_have(p, target->name.raw, match.release_counter, target->match);
    }
    return j.err;
}

static sev_err place_before(struct together *t, const struct sev_target *target)
{
    return place_target(t, target, false);
}

static sev_err place_new(struct together *t, const struct sev_target *target)
{
    return place_target(t, target, true);
}

/* ------------------------------------------------------------- one condition */

/* "PATTERN", or "PATTERN >=2 <5": a range of release counters, which alone have an order. */
struct condition {
    sev_slice pattern;
    int64_t least, most;
};

static bool take_bound(sev_slice word, struct condition *c)
{
    static const struct {
        const char *sign;
        int64_t least, most; /* beside the number; INT64_MAX: no bound on that side */
    } signs[] = {{">=", 0, INT64_MAX},
                 {"<=", INT64_MAX, 0},
                 {">", 1, INT64_MAX},
                 {"<", INT64_MAX, -1},
                 {"=", 0, 0}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t n = strlen(signs[i].sign);
        uint64_t number;
        if (word.len <= n || memcmp(word.ptr, signs[i].sign, n) != 0)
            continue;
        if (sev_decimal_parse(sev_slice_sub(word, n, word.len), &number) != SEV_OK)
            return false;
        int64_t value = (int64_t)number;
        if (signs[i].least != INT64_MAX && value + signs[i].least > c->least)
            c->least = value + signs[i].least;
        if (signs[i].most != INT64_MAX && value + signs[i].most < c->most)
            c->most = value + signs[i].most;
        return true;
    }
    return false;
}

/* From the end: names of images may have blanks. */
static struct condition read_condition(sev_slice text)
{
    struct condition c = {text, 0, SEV_JSON_INT_MAX};
    for (;;) {
        size_t n = c.pattern.len;
        while (n > 0 && c.pattern.ptr[n - 1] != ' ')
            n--;
        if (n <= 1 || !take_bound(sev_slice_sub(c.pattern, n, c.pattern.len), &c))
            return c;
        c.pattern = sev_slice_sub(c.pattern, 0, n - 1);
    }
}

static bool meets(const struct condition *c, sev_slice name, int64_t counter)
{
    return counter >= c->least && counter <= c->most &&
           (sev_slice_eq(c->pattern, name) || sev_pattern_match(c->pattern, name));
}

/* Whichever of what it may have it has. */
static bool certainly(const struct place *p, const struct condition *c)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (!meets(c, p->may[i].name, p->may[i].counter))
            return false;
    return p->count != 0;
}

static bool possibly(const struct place *p, const struct condition *c, sev_slice but)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (meets(c, p->may[i].name, p->may[i].counter) && !sev_slice_eq(p->may[i].name, but))
            return true;
    return false;
}

/* ------------------------------------------------------------------- judging */

/* An image neither conflicts with itself on another ECU nor helps itself. */
static bool new_one_holds(const struct together *t, uint32_t on, sev_slice image,
                          const struct condition *c, bool depends)
{
    for (uint32_t i = 0; i < t->ecus->count; i++) {
        if (i == on)
            continue;
        if (depends && certainly(&t->places[i], c))
            return true;
        if (!depends && possibly(&t->places[i], c, image))
            return false;
    }
    return !depends;
}

/* Of an image that stays the wish has to answer only for what it changes. */
static bool old_one_holds(const struct together *t, uint32_t on, sev_slice image,
                          const struct condition *c, bool depends)
{
    bool taken = false, there = false;
    for (uint32_t i = 0; i < t->ecus->count; i++) {
        if (i == on)
            continue;
        bool now = possibly(&t->places[i], c, depends ? SEV_EMPTY : image);
        if (!depends && t->given[i] && now)
            return false;
        there = there || now;
        taken = taken || (t->given[i] && possibly(&t->was[i], c, SEV_EMPTY));
    }
    return !depends || there || !taken;
}

static sev_err check_list(const struct together *t, uint32_t on, sev_slice image, sev_slice list,
                          bool depends)
{
    sev_json j = sev_json_at(list);
    sev_json_str text;
    uint32_t count = 0;
    if (list.len == 0)
        return SEV_OK;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_string(&j, &text);
        if (j.err != SEV_OK || text.escaped || ++count > SEV_DEPENDS_MAX)
            return SEV_E_MALFORMED;
        struct condition c = read_condition(text.raw);
        if (!(t->given[on] ? new_one_holds : old_one_holds)(t, on, image, &c, depends))
            return depends ? SEV_E_DEPENDENCY : SEV_E_INCOMPATIBLE;
    }
    return j.err;
}

/* What stays counts like what comes: an image that is there may need what is about to go. */
static sev_err check_all(const struct together *t)
{
    for (uint32_t i = 0; i < t->ecus->count; i++)
        for (uint32_t k = 0; k < t->places[i].count; k++) {
            sev_slice match = t->places[i].may[k].match, name = t->places[i].may[k].name;
            if (match.len == 0)
                continue;
            sev_err e = check_list(t, i, name, sev_json_get(match, "depends"), true);
            if (e == SEV_OK)
                e = check_list(t, i, name, sev_json_get(match, "conflicts"), false);
            if (e != SEV_OK)
                return e;
        }
    return SEV_OK;
}

sev_err director_check_together(const struct sev_director_call *call,
                                const struct director_ecus *ecus, sev_slice before, sev_slice wish)
{
    size_t mark = call->arena->used;
    struct together *t = (struct together *)(void *)sev_arena_take(call->arena, sizeof *t);
    if (t == NULL)
        return SEV_E_MEMORY;
    memset(t, 0, sizeof *t);
    t->ecus = ecus;
    for (uint32_t i = 0; i < ecus->count; i++)
        if (ecus->ecus[i].installed.name.len != 0)
            may_have(&t->places[i], ecus->ecus[i].installed.name,
                     ecus->ecus[i].installed.release_counter, SEV_EMPTY);
    sev_err e = for_each(t, before, place_before);
    if (e == SEV_OK)
        e = for_each(t, wish, place_new);
    if (e == SEV_OK)
        e = check_all(t);
    sev_arena_back(call->arena, mark);
    return e;
}
