/* delegations - who is trusted with what below the top, and changing keys. DESIGN 4
 * SPDX-License-Identifier: MIT */
#include "internal.h"

static void put_strings(sev_json_writer *w, const void *context)
{
    const struct sev_texts *texts = context;
    sev_json_w_array(w);
    for (size_t i = 0; i < texts->count; i++)
        sev_json_w_string(w, sev_repo_slice(texts->items[i]));
    sev_json_w_array_end(w);
}

static sev_err strings(struct sev_repository *r, const struct sev_texts *texts, sev_slice *out)
{
    return sev_repo_json(&r->pool, put_strings, texts, out);
}

static int names_role(const struct sev_repo_delegation *d, const char *role)
{
    for (uint32_t i = 0; i < d->role_count; i++)
        if (strcmp(d->roles[i].name, role) == 0)
            return (int)i;
    return -1;
}

/* ------------------------------------------------------------------- checks */

static bool same_char(uint8_t a, uint8_t b)
{
    return a == b || a == '?' || b == '?';
}

/* Is there a text that both match? From the end: row[k] says it of what follows i in a, k in b. */
static bool components_meet(sev_slice a, sev_slice b)
{
    bool row[SEV_PATTERN_BYTES_MAX + 2] = {false}, below[SEV_PATTERN_BYTES_MAX + 2];
    if (a.len > SEV_PATTERN_BYTES_MAX || b.len > SEV_PATTERN_BYTES_MAX)
        return true;
    for (size_t i = a.len + 1; i-- > 0;) {
        memcpy(below, row, sizeof row);
        for (size_t k = b.len + 1; k-- > 0;) {
            bool star_a = i < a.len && a.ptr[i] == '*', star_b = k < b.len && b.ptr[k] == '*';
            if (i == a.len && k == b.len)
                row[k] = true;
            else if (star_a || star_b) /* a star takes nothing, or one more from the other */
                row[k] = (i < a.len && below[k]) || (k < b.len && row[k + 1]);
            else
                row[k] = i < a.len && k < b.len && same_char(a.ptr[i], b.ptr[k]) && below[k + 1];
        }
    }
    return row[0];
}

/* * and ? stay within a component, so components meet one by one. */
static bool may_overlap(sev_slice a, sev_slice b)
{
    for (;;) {
        const uint8_t *slash_a = a.len != 0 ? memchr(a.ptr, '/', a.len) : NULL;
        const uint8_t *slash_b = b.len != 0 ? memchr(b.ptr, '/', b.len) : NULL;
        size_t n = slash_a != NULL ? (size_t)(slash_a - a.ptr) : a.len;
        size_t m = slash_b != NULL ? (size_t)(slash_b - b.ptr) : b.len;
        if (!components_meet(sev_slice_sub(a, 0, n), sev_slice_sub(b, 0, m)))
            return false;
        if (slash_a == NULL || slash_b == NULL)
            return slash_a == slash_b;
        a = sev_slice_sub(a, n + 1, a.len);
        b = sev_slice_sub(b, m + 1, b.len);
    }
}

bool sev_repo_paths_overlap(sev_slice paths_a, sev_slice paths_b)
{
    sev_json i = sev_json_at(paths_a);
    sev_json_str a, b;
    sev_json_array(&i);
    while (sev_json_element(&i)) {
        sev_json_string(&i, &a);
        sev_json k = sev_json_at(paths_b);
        sev_json_array(&k);
        while (sev_json_element(&k)) {
            sev_json_string(&k, &b);
            if (i.err == SEV_OK && k.err == SEV_OK && may_overlap(a.raw, b.raw))
                return true;
        }
    }
    return false;
}

/* A terminating role that lacks the image ends the search before its own delegations are looked
 * at: then those are never reached, by anybody. */
static bool hides_delegations(struct sev_repository *r, const struct sev_repo_delegation *d,
                              const char **out_role)
{
    for (uint32_t i = 0; d->terminating && i < d->role_count; i++) {
        const struct sev_repo_file *f = sev_repo_find_file(r, d->roles[i].name);
        for (uint32_t k = 0; f != NULL && k < f->delegation_count; k++) {
            if (sev_repo_paths_overlap(d->paths, f->delegations[k].paths)) {
                *out_role = f->name;
                return true;
            }
        }
    }
    return false;
}

/* Is `role` reached by terminating delegations for paths that it is about to delegate? */
static bool is_hidden(struct sev_repository *r, const char *role, sev_slice paths)
{
    for (uint32_t i = 0; i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        for (uint32_t k = 0; !f->retired && k < f->delegation_count; k++) {
            const struct sev_repo_delegation *d = &f->delegations[k];
            if (d->terminating && names_role(d, role) >= 0 &&
                sev_repo_paths_overlap(d->paths, paths))
                return true;
        }
    }
    return false;
}

static sev_err check_texts(struct sev_repository *r, const char *what, const struct sev_texts *t,
                           size_t bytes_max)
{
    for (size_t i = 0; i < t->count; i++) {
        const char *text = t->items[i];
        size_t n = strlen(text);
        bool plain = sev_repo_printable(text) && strpbrk(text, "\"\\") == NULL;
        if (n == 0 || n > bytes_max || !plain)
            return sev_repo_fail(r->note, SEV_E_USAGE, "%s: 1 to %zu printable ASCII characters",
                                 what, bytes_max);
    }
    return SEV_OK;
}

static sev_err check_delegate(struct sev_repository *r, const struct sev_repository_delegate *d,
                              const char *parent)
{
    if (r->kind == SEV_REPOSITORY_DIRECTOR)
        return sev_repo_fail(r->note, SEV_E_DELEGATION, "a Director never delegates"); /* MET-16 */
    if (d->role_count == 0 || d->role_count > SEV_MULTI_ROLES_MAX)
        return sev_repo_fail(r->note, SEV_E_USAGE, "a delegation names 1 to %d roles",
                             SEV_MULTI_ROLES_MAX);
    bool many = d->role_count > 1;
    /* Above half: two groups that disagree can never both be large enough. ALG-8 */
    if (many && (d->min_roles * 2 <= d->role_count || d->min_roles > d->role_count))
        return sev_repo_fail(r->note, SEV_E_DELEGATION, "of %u roles, more than half must agree",
                             d->role_count);
    if (d->paths.count == 0)
        return sev_repo_fail(r->note, SEV_E_USAGE, "a delegation without paths trusts nobody");
    for (uint32_t i = 0; i < d->role_count; i++) {
        const char *name = d->roles[i].name;
        if (!sev_repo_role_name_ok(name))
            return sev_repo_fail(r->note, SEV_E_BAD_NAME,
                                 "a role cannot be called %.128s: letters, digits and . _ -", name);
        if (strcmp(name, parent) == 0)
            return sev_repo_fail(r->note, SEV_E_DELEGATION, "role %.128s would delegate to itself",
                                 name);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(d->roles[k].name, name) == 0)
                return sev_repo_fail(r->note, SEV_E_USAGE, "role %.128s is given twice", name);
    }
    sev_err e = check_texts(r, "path", &d->paths, SEV_PATTERN_BYTES_MAX);
    return e == SEV_OK ? check_texts(r, "hardware id", &d->hardware_ids, SEV_ID_BYTES_MAX) : e;
}

/* ---------------------------------------------------------------- delegating */

static sev_err make_delegation(struct sev_repository *r, const struct sev_repository_delegate *d,
                               struct sev_repo_delegation *out)
{
    memset(out, 0, sizeof *out);
    out->terminating = d->terminating;
    out->min_roles = d->role_count > 1 ? d->min_roles : 1;
    out->role_count = d->role_count;
    sev_err e = strings(r, &d->paths, &out->paths);
    if (e == SEV_OK && d->has_hardware_ids)
        e = strings(r, &d->hardware_ids, &out->hardware_ids);
    for (uint32_t i = 0; e == SEV_OK && i < d->role_count; i++) {
        e = sev_repo_text(&r->pool, sev_repo_slice(d->roles[i].name), &out->roles[i].name);
        if (e == SEV_OK)
            e = sev_repo_add_keyset(r, &d->roles[i].keys, d->roles[i].name, false,
                                    &out->roles[i].set);
    }
    return e;
}

static sev_err insert(struct sev_repository *r, struct sev_repo_file *f, uint32_t at,
                      const struct sev_repo_delegation *d)
{
    sev_err e = sev_repo_grow(&r->pool, (void **)&f->delegations, f->delegation_count,
                              &f->delegation_cap, sizeof *d);
    if (e != SEV_OK)
        return e;
    memmove(&f->delegations[at + 1], &f->delegations[at], (f->delegation_count - at) * sizeof *d);
    f->delegations[at] = *d;
    f->delegation_count++;
    return SEV_OK;
}

static sev_err find_position(struct sev_repository *r, const struct sev_repo_file *f,
                             const char *before, uint32_t *out)
{
    *out = f->delegation_count;
    for (uint32_t i = 0; before != NULL && i < f->delegation_count; i++) {
        if (names_role(&f->delegations[i], before) >= 0) {
            *out = i;
            return SEV_OK;
        }
    }
    if (before == NULL)
        return SEV_OK;
    return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "%.64s does not delegate to %.128s", f->name,
                         before);
}

sev_err sev_repository_delegate_to(struct sev_repository *r,
                                   const struct sev_repository_delegate *d)
{
    const char *parent = d->parent != NULL ? d->parent : "targets";
    struct sev_repo_file *f = sev_repo_find_file(r, parent);
    struct sev_repo_delegation *made = sev_repo_take(&r->pool, sizeof *made);
    const char *hidden = NULL;
    uint32_t at = 0;
    if (made == NULL)
        return SEV_E_MEMORY;
    if (f == NULL || f->retired)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "there is no role %.128s", parent);
    sev_err e = check_delegate(r, d, parent);
    if (e == SEV_OK)
        e = make_delegation(r, d, made);
    if (e == SEV_OK)
        e = find_position(r, f, d->before, &at);
    if (e != SEV_OK)
        return e;
    if (hides_delegations(r, made, &hidden))
        return sev_repo_fail(r->note, SEV_E_DELEGATION,
                             "terminating, but %.128s delegates for those paths itself: clients "
                             "would never get there",
                             hidden);
    if (is_hidden(r, parent, made->paths))
        return sev_repo_fail(r->note, SEV_E_DELEGATION,
                             "%.128s is reached by a terminating delegation for those paths: "
                             "clients would never get any further",
                             parent);
    e = insert(r, f, at, made);
    for (uint32_t i = 0; e == SEV_OK && i < d->role_count; i++) {
        struct sev_repo_file *child = sev_repo_find_file(r, d->roles[i].name);
        uint32_t days = d->roles[i].days != 0 ? d->roles[i].days
                                              : sev_repo_default_days(r->kind, d->roles[i].name);
        if (child == NULL)
            e = sev_repo_add_file(r, d->roles[i].name, days, &child);
        if (e == SEV_OK)
            child->retired = false;
    }
    return e;
}

static bool anybody_names(const struct sev_repository *r, const char *role)
{
    for (uint32_t i = 0; i < r->file_count; i++)
        for (uint32_t k = 0; !r->files[i]->retired && k < r->files[i]->delegation_count; k++)
            if (names_role(&r->files[i]->delegations[k], role) >= 0)
                return true;
    return false;
}

static void drop_delegation(struct sev_repo_file *f, uint32_t at)
{
    memmove(&f->delegations[at], &f->delegations[at + 1],
            (f->delegation_count - at - 1) * sizeof f->delegations[0]);
    f->delegation_count--;
}

/* Roles that nobody trusts any more, one generation after the other. Who trusts one again begins
 * with an empty file: what a revoked supplier listed does not come back by itself. */
static void retire_orphans(struct sev_repository *r)
{
    bool more = true;
    while (more) {
        more = false;
        for (uint32_t i = 1; i < r->file_count; i++) {
            struct sev_repo_file *f = r->files[i];
            if (f->retired || anybody_names(r, f->name))
                continue;
            f->retired = true;
            f->entry_count = 0;
            f->delegation_count = 0;
            f->custom = SEV_EMPTY;
            more = true;
        }
    }
}

sev_err sev_repository_undelegate(struct sev_repository *r, const char *role, const char *parent)
{
    bool any = false;
    for (uint32_t i = 0; i < r->file_count; i++) {
        struct sev_repo_file *f = r->files[i];
        if (parent != NULL && strcmp(f->name, parent) != 0)
            continue;
        for (uint32_t k = 0; !f->retired && k < f->delegation_count; k++) {
            struct sev_repo_delegation *d = &f->delegations[k];
            if (names_role(d, role) < 0)
                continue;
            if (d->role_count > 1)
                return sev_repo_fail(r->note, SEV_E_DELEGATION,
                                     "%.64s trusts %.128s together with others: undelegate the "
                                     "others, or rotate its keys",
                                     f->name, role);
            drop_delegation(f, k--);
            any = true;
        }
    }
    if (!any)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "nobody delegates to %.128s", role);
    retire_orphans(r);
    return SEV_OK;
}

/* ---------------------------------------------------------------------- keys */

static sev_err rotate_delegated(struct sev_repository *r, const struct sev_repository_role *role,
                                const char *parent)
{
    struct sev_repo_file *own = sev_repo_find_file(r, role->name);
    struct sev_repo_keyset set;
    bool any = false;
    sev_err e = sev_repo_add_keyset(r, &role->keys, role->name, false, &set);
    for (uint32_t i = 0; e == SEV_OK && i < r->file_count; i++) {
        struct sev_repo_file *f = r->files[i];
        if (f->retired || (parent != NULL && strcmp(f->name, parent) != 0))
            continue;
        for (uint32_t k = 0; k < f->delegation_count; k++) {
            int n = names_role(&f->delegations[k], role->name);
            if (n < 0)
                continue;
            f->delegations[k].roles[n].set = set;
            any = true;
        }
    }
    if (e == SEV_OK && !any)
        e = sev_repo_fail(r->note, SEV_E_NOT_FOUND, "there is no role %.128s", role->name);
    if (e == SEV_OK && role->days != 0 && own != NULL)
        own->days = role->days;
    return e;
}

sev_err sev_repository_rotate(struct sev_repository *r, const struct sev_repository_role *role,
                              const char *parent)
{
    int profile = role->aktualizr ? SEV_PROFILE_AKTUALIZR : SEV_PROFILE_NATIVE;
    struct sev_repo_keyset set;
    if (role->days > SEV_REPOSITORY_DAYS_MAX)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "at most %u days", SEV_REPOSITORY_DAYS_MAX);
    struct sev_repo_role *top = parent == NULL && r->profiles[profile].on
                                    ? sev_repo_find_role(r, profile, role->name)
                                    : NULL;
    if (top == NULL && role->aktualizr)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "profile aktualizr has no role %.128s here",
                             role->name);
    if (top == NULL)
        return rotate_delegated(r, role, parent);
    sev_err e = sev_repo_add_keyset(r, &role->keys, role->name, role->aktualizr, &set);
    if (e != SEV_OK)
        return e;
    top->set = set;
    if (role->days != 0)
        top->days = role->days;
    return SEV_OK;
}

static bool drop_id(struct sev_repo_keyset *set, const char *id)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (strcmp(set->ids[i], id) != 0)
            continue;
        memmove(&set->ids[i], &set->ids[i + 1], (set->count - i - 1) * sizeof set->ids[0]);
        set->count--;
        return true;
    }
    return false;
}

static sev_err revoke_in(struct sev_repository *r, struct sev_repo_keyset *set, const char *role,
                         const char *id, bool *any)
{
    if (!drop_id(set, id))
        return SEV_OK;
    *any = true;
    if (set->count < set->threshold)
        return sev_repo_fail(r->note, SEV_E_THRESHOLD,
                             "role %.128s would have %u keys and needs %u: rotate it first", role,
                             set->count, set->threshold);
    return SEV_OK;
}

sev_err sev_repository_revoke_key(struct sev_repository *r, const char *keyid)
{
    bool any = false;
    sev_err e = SEV_OK;
    for (int p = 0; p < PROFILES; p++)
        for (uint32_t i = 0; e == SEV_OK && i < r->profiles[p].role_count; i++) {
            struct sev_repo_role *role = &r->profiles[p].roles[i];
            e = revoke_in(r, &role->set, role->name, keyid, &any);
        }
    for (uint32_t i = 0; i < r->file_count; i++)
        for (uint32_t k = 0; k < r->files[i]->delegation_count; k++)
            for (uint32_t n = 0; e == SEV_OK && n < r->files[i]->delegations[k].role_count; n++) {
                struct sev_repo_delegated *d = &r->files[i]->delegations[k].roles[n];
                if (!r->files[i]->retired)
                    e = revoke_in(r, &d->set, d->name, keyid, &any);
            }
    if (e == SEV_OK && !any)
        e = sev_repo_fail(r->note, SEV_E_NOT_FOUND, "no role has key %.64s", keyid);
    return e;
}
