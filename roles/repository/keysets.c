/* keysets - whose signatures a file needs. SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

sev_err sev_repo_open_in(struct sev_repo_pool *p, int profile, sev_slice bytes, struct sev_doc *out)
{
    /* Most need nothing. Those with PEM keys are copied once, those out of order are sorted. */
    size_t rooms[2] = {4096, bytes.len * 4 + 65536};
    sev_err e = SEV_E_MEMORY;
    for (int i = 0; i < 2 && (e == SEV_E_MEMORY || e == SEV_E_JSON_LIMIT); i++) {
        uint8_t *memory = sev_repo_take(p, rooms[i]);
        if (memory == NULL)
            return SEV_E_MEMORY;
        struct sev_arena arena = sev_arena_of(memory, rooms[i]);
        e = sev_doc_open(out, bytes, (sev_profile)profile, &arena);
    }
    return e;
}

sev_err sev_repo_open_doc(struct sev_repository *r, int profile, sev_slice bytes,
                          struct sev_doc *out)
{
    return sev_repo_open_in(&r->pool, profile, bytes, out);
}

static const char *native_id(const struct sev_repository *r, int profile, sev_slice id)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        const struct sev_repo_key *k = &r->keys[i];
        const char *own = profile == SEV_PROFILE_AKTUALIZR ? k->aktualizr_id : k->id;
        if (sev_slice_eq(sev_repo_slice(own), id))
            return k->id;
    }
    return NULL;
}

static sev_err set_of(const struct sev_repository *r, int profile, const struct sev_role *role,
                      struct sev_repo_keyset *out)
{
    struct sev_repo_keyset set = {.threshold = (uint32_t)role->threshold};
    sev_json j = sev_json_at(role->keyids);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str id;
        sev_json_string(&j, &id);
        const char *known = j.err == SEV_OK ? native_id(r, profile, id.raw) : NULL;
        if (known == NULL || set.count == SEV_ROLE_KEYS_MAX)
            return SEV_E_STORE;
        set.ids[set.count++] = known;
    }
    *out = set;
    return j.err;
}

/* What the published root says of a role. */
static sev_err published_set(struct sev_repository *r, int profile, const char *role,
                             struct sev_repo_keyset *out)
{
    const struct sev_repo_doc *d = sev_repo_find_doc(r, profile, "root");
    struct sev_doc doc;
    struct sev_root root;
    sev_slice bytes;
    if (d == NULL || d->published.version == 0)
        return SEV_E_NOT_FOUND;
    sev_err e = sev_repo_read_published(r, d, &bytes);
    if (e == SEV_OK)
        e = sev_repo_open_doc(r, profile, bytes, &doc);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &root);
    for (int i = 0; e == SEV_OK && i < SEV_TOP_ROLES; i++)
        if (strcmp(sev_repo_top_roles[i], role) == 0)
            return set_of(r, profile, &root.roles[i], out);
    return e != SEV_OK ? e : SEV_E_NOT_FOUND;
}

static sev_err delegated_sets(struct sev_repository *r, const char *role,
                              struct sev_repo_required *out)
{
    for (uint32_t i = 0; i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        for (uint32_t k = 0; !f->retired && k < f->delegation_count; k++) {
            const struct sev_repo_delegation *d = &f->delegations[k];
            for (uint32_t n = 0; n < d->role_count; n++) {
                if (strcmp(d->roles[n].name, role) != 0)
                    continue;
                if (out->count == REQUIRED_MAX)
                    return sev_repo_fail(r->note, SEV_E_DELEGATION_LIMIT,
                                         "more than %d delegations name role %.128s", REQUIRED_MAX,
                                         role);
                out->sets[out->count++] = d->roles[n].set;
            }
        }
    }
    return out->count != 0 ? SEV_OK : SEV_E_NOT_FOUND;
}

static bool same_set(const struct sev_repo_keyset *a, const struct sev_repo_keyset *b)
{
    bool same = a->count == b->count && a->threshold == b->threshold;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = sev_repo_set_has(b, a->ids[i]);
    return same;
}

sev_err sev_repo_required(struct sev_repository *r, int profile, const char *role, bool published,
                          struct sev_repo_required *out)
{
    struct sev_repo_keyset before;
    memset(out, 0, sizeof *out);
    if (!sev_repo_is_top_role(role))
        return delegated_sets(r, role, out);
    const struct sev_repo_role *wanted = sev_repo_find_role(r, profile, role);
    sev_err e = published_set(r, profile, role, &before);
    if (e != SEV_OK && (e != SEV_E_NOT_FOUND || published))
        return e;
    bool has_before = e == SEV_OK;
    out->sets[out->count++] = published ? before : wanted->set;
    if (published || !has_before || same_set(&before, &wanted->set))
        return SEV_OK;
    if (strcmp(role, "root") == 0) { /* a root needs both, always. REQ-KEY-10 */
        out->sets[out->count++] = before;
    } else {
        out->has_old = true;
        out->old = before;
    }
    return SEV_OK;
}

sev_err sev_repo_drops_names(struct sev_repository *r, bool *out)
{
    static const char *const roles[] = {"timestamp", "snapshot"};
    bool any = false;
    for (uint32_t i = 0; i < r->file_count; i++)
        any = any || r->files[i]->retired;
    *out = any;
    for (int i = 0; *out && i < 2; i++) {
        struct sev_repo_required required;
        sev_err e = sev_repo_required(r, SEV_PROFILE_NATIVE, roles[i], false, &required);
        if (e != SEV_OK)
            return e;
        *out = required.has_old;
    }
    return SEV_OK;
}

sev_err sev_repo_old_root(struct sev_repository *r, int profile,
                          enum sev_repository_publish_how how, bool *out)
{
    const struct sev_repo_doc *root = sev_repo_find_doc(r, profile, "root");
    bool goes_out = true;
    *out = how == SEV_PUBLISH_REFRESH;
    if (how != SEV_PUBLISH_READY || root == NULL || root->staged.version == 0)
        return SEV_OK;
    sev_err e = sev_repo_counts(r, root, how, &goes_out);
    *out = !goes_out;
    return e;
}

sev_err sev_repo_needed(struct sev_repository *r, int profile, const char *role,
                        enum sev_repository_publish_how how, struct sev_repo_required *out)
{
    bool old_root = false;
    bool below = sev_repo_is_top_role(role) && strcmp(role, "root") != 0;
    sev_err e = below ? sev_repo_old_root(r, profile, how, &old_root) : SEV_OK;
    if (e == SEV_OK)
        e = sev_repo_required(r, profile, role, old_root && sev_repo_is_online(r, role), out);
    /* What people sign once must do before the next root and after it. */
    if (e == SEV_OK && old_root && out->has_old) {
        out->sets[out->count++] = out->old;
        out->has_old = false;
    }
    return e;
}

sev_err sev_repo_counts(struct sev_repository *r, const struct sev_repo_doc *d,
                        enum sev_repository_publish_how how, bool *out)
{
    struct sev_repo_required required;
    bool online = sev_repo_is_online(r, d->role);
    *out = d->staged.version != 0 && (how != SEV_PUBLISH_REFRESH || online);
    if (!*out || how != SEV_PUBLISH_READY || online)
        return SEV_OK;
    sev_err e = sev_repo_needed(r, d->profile, d->role, how, &required);
    *out = e == SEV_OK && d->staged.waits == NULL && sev_repo_complete(d, &required);
    return e;
}

bool sev_repo_has_signed(const struct sev_repo_doc *d, const char *keyid)
{
    for (uint32_t i = 0; i < d->staged.sig_count; i++)
        if (strcmp(d->staged.sigs[i].keyid, keyid) == 0)
            return true;
    return false;
}

bool sev_repo_set_met(const struct sev_repo_doc *d, const struct sev_repo_keyset *set)
{
    uint32_t count = 0; /* every key id stands once, and is the hash of its key */
    for (uint32_t i = 0; i < d->staged.sig_count; i++)
        count += sev_repo_set_has(set, d->staged.sigs[i].keyid);
    return count >= set->threshold;
}

bool sev_repo_complete(const struct sev_repo_doc *d, const struct sev_repo_required *required)
{
    bool met = required->count != 0;
    for (uint32_t i = 0; met && i < required->count; i++)
        met = sev_repo_set_met(d, &required->sets[i]);
    return met;
}

sev_err sev_repo_fail_unsigned(struct sev_repository *r, const struct sev_repo_doc *d,
                               const struct sev_repo_required *required)
{
    char ids[256] = "";
    size_t len = 0;
    uint32_t missing = 0;
    for (uint32_t i = 0; missing == 0 && i < required->count; i++) {
        const struct sev_repo_keyset *set = &required->sets[i];
        if (sev_repo_set_met(d, set))
            continue;
        missing = set->threshold;
        for (uint32_t k = 0; k < set->count; k++) {
            if (sev_repo_has_signed(d, set->ids[k]))
                missing--;
            else if (len + 16 < sizeof ids)
                len += (size_t)snprintf(ids + len, sizeof ids - len, " %.12s", set->ids[k]);
        }
    }
    return sev_repo_fail(r->note, SEV_E_SIGNATURE,
                         "%s %.128s version %lld has too few signatures: it needs %u more, of the "
                         "keys%s",
                         sev_repo_profile_name(d->profile), d->role, (long long)d->staged.version,
                         missing, ids);
}
