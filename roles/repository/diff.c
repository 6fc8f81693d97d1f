/* diff - what changed between two published states, file by file. SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

struct comparing {
    struct sev_repo_pool pool;
    sev_public_report *report;
    void *context;
    const char *role;
};

static void say(struct comparing *c, const char *change, const char *what, const char *subject,
                sev_slice before, sev_slice after)
{
    struct sev_public_change one = {change, c->role, what, subject, before, after};
    c->report(c->context, &one);
}

static void say_values(struct comparing *c, const char *what, const char *subject, sev_slice before,
                       sev_slice after)
{
    if (sev_json_equal(before, after))
        return;
    const char *change = before.len == 0 ? "added" : after.len == 0 ? "removed" : "changed";
    say(c, change, what, subject, before, after);
}

/* Members of two objects, by name. */
static sev_err compare_objects(struct comparing *c, const char *what, sev_slice a, sev_slice b)
{
    for (int round = 0; round < 2; round++) {
        sev_slice from = round == 0 ? a : b, other = round == 0 ? b : a;
        sev_json j = sev_json_at(from);
        sev_json_str name, theirs;
        if (from.len == 0)
            continue;
        sev_json_object(&j);
        while (sev_json_member(&j, &name)) {
            sev_slice value = SEV_EMPTY, match = SEV_EMPTY, plain;
            sev_json_skip(&j, &value);
            sev_json k = sev_json_at(other);
            if (other.len != 0)
                sev_json_object(&k);
            while (match.len == 0 && other.len != 0 && sev_json_member(&k, &theirs))
                sev_json_skip(&k, sev_json_str_eq(name, theirs) ? &match : NULL);
            sev_err e = sev_repo_plain(&c->pool, name, &plain);
            if (e != SEV_OK)
                return e;
            if (round == 0)
                say_values(c, what, (const char *)plain.ptr, value, match);
            else if (match.len == 0)
                say_values(c, what, (const char *)plain.ptr, SEV_EMPTY, value);
        }
    }
    return SEV_OK;
}

/* ----------------------------------------------------------------- the root */

static sev_err compare_roots(struct comparing *c, const struct sev_public_file *a,
                             const struct sev_public_file *b)
{
    return compare_objects(c, "keys", a->root.roles_object, b->root.roles_object);
}

/* -------------------------------------------------------------- delegations */

/* "name", or the names of the roles that must agree, and its place. */
static sev_err name_of(struct comparing *c, sev_slice entry, const char **out)
{
    sev_json j = sev_json_at(sev_json_get(entry, "name"));
    sev_json_str name = {SEV_EMPTY, false};
    sev_json_string(&j, &name);
    if (j.err == SEV_OK)
        return sev_repo_text(&c->pool, name.raw, out);
    return sev_repo_text(&c->pool, sev_json_get(entry, "roles"), out);
}

static sev_slice find_entry(struct comparing *c, sev_slice list, const char *wanted, uint32_t *at)
{
    sev_json j = sev_json_at(list);
    *at = 0;
    if (list.len == 0)
        return SEV_EMPTY;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_slice entry = SEV_EMPTY;
        const char *name;
        sev_json_skip(&j, &entry);
        ++*at;
        if (j.err == SEV_OK && name_of(c, entry, &name) == SEV_OK && strcmp(name, wanted) == 0)
            return entry;
    }
    return SEV_EMPTY;
}

static void say_place(struct comparing *c, const char *name, uint32_t before, uint32_t after)
{
    char texts[2][32];
    int n = snprintf(texts[0], sizeof texts[0], "place %u", before);
    int m = snprintf(texts[1], sizeof texts[1], "place %u", after);
    say(c, "changed", "delegation", name, sev_slice_of(texts[0], (size_t)n),
        sev_slice_of(texts[1], (size_t)m));
}

static sev_err compare_delegations(struct comparing *c, sev_slice a, sev_slice b)
{
    for (int round = 0; round < 2; round++) {
        sev_slice from = round == 0 ? a : b, other = round == 0 ? b : a;
        sev_json j = sev_json_at(from);
        uint32_t at = 0, there;
        if (from.len == 0)
            continue;
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_slice entry = SEV_EMPTY;
            const char *name;
            sev_json_skip(&j, &entry);
            at++;
            sev_err e = name_of(c, entry, &name);
            if (e != SEV_OK)
                return e;
            sev_slice match = find_entry(c, other, name, &there);
            if (round == 0)
                say_values(c, "delegation", name, entry, match);
            else if (match.len == 0)
                say_values(c, "delegation", name, SEV_EMPTY, entry);
            if (round == 0 && match.len != 0 && at != there)
                say_place(c, name, at, there);
        }
    }
    return SEV_OK;
}

/* -------------------------------------------------------------------- files */

static sev_slice version_text(const struct sev_public_file *f, char out[48])
{
    int n = f->err != SEV_OK ? snprintf(out, 48, "%s", sev_err_id(f->err))
                             : snprintf(out, 48, "version %lld", (long long)f->common.version);
    return sev_slice_of(out, (size_t)n);
}

static sev_slice time_text(sev_time t, char out[48])
{
    sev_buf b = sev_buf_of(out, 48);
    sev_time_format(t, &b);
    return sev_buf_slice(&b);
}

static sev_err compare_files(struct comparing *c, const struct sev_public_file *a,
                             const struct sev_public_file *b)
{
    char before[48], after[48];
    if (sev_slice_eq(a->bytes, b->bytes) && a->err == b->err)
        return SEV_OK;
    say(c, "changed", "file", "", version_text(a, before), version_text(b, after));
    if (a->err != SEV_OK || b->err != SEV_OK)
        return SEV_OK;
    if (a->common.expires != b->common.expires)
        say(c, "changed", "expiry", "", time_text(a->common.expires, before),
            time_text(b->common.expires, after));
    sev_err e = compare_objects(c, "custom", a->common.custom, b->common.custom);
    if (e == SEV_OK && strcmp(a->role, "root") == 0)
        e = compare_roots(c, a, b);
    if (e == SEV_OK && a->targets.targets.len != 0)
        e = compare_objects(c, "image", a->targets.targets, b->targets.targets);
    if (e == SEV_OK)
        e = compare_delegations(c, a->targets.delegation_roles, b->targets.delegation_roles);
    return e;
}

sev_err sev_public_diff(const struct sev_fs *fs, const struct sev_public *a,
                        const struct sev_public *b, sev_public_report *report, void *context)
{
    struct comparing c = {.pool = {fs, NULL}, .report = report, .context = context};
    char text[48];
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < a->count; i++) {
        const struct sev_public_file *other = sev_public_find(b, a->files[i].role);
        c.role = a->files[i].role;
        if (other != NULL)
            e = compare_files(&c, &a->files[i], other);
        else
            say(&c, "removed", "file", "", version_text(&a->files[i], text), SEV_EMPTY);
    }
    for (uint32_t i = 0; e == SEV_OK && i < b->count; i++) {
        c.role = b->files[i].role;
        if (sev_public_find(a, c.role) == NULL)
            say(&c, "added", "file", "", SEV_EMPTY, version_text(&b->files[i], text));
    }
    sev_repo_pool_free(&c.pool);
    return e;
}
