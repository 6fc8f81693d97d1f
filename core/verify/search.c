/* search - find an image's entry through the delegations of one repository. REQ-ALG-7 REQ-ALG-8
 * Top down, in listed order, every role verified by the keys of the delegator on this very path.
 * The path is a bounded stack of frames, not recursion. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/walk.h"
#include "verify/walk_internal.h"

static struct sev_walk_frame *top(struct sev_walk *w)
{
    return &w->frames[w->depth - 1];
}

static sev_slice name_of(const struct sev_walk_frame *f)
{
    return sev_slice_of(f->role, f->role_len);
}

static bool is_tuf(const struct sev_walk *w)
{
    return w->config.profile == SEV_PROFILE_TUF;
}

/* ---------------------------------------------------------------- listings */

static sev_err digest_of_match(sev_slice match, struct sev_arena *arena,
                               uint8_t out[SEV_SHA256_BYTES])
{
    size_t mark = arena->used;
    uint8_t *copy = sev_arena_take(arena, match.len);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, match.len);
    sev_err e = sev_json_canonical(match, SEV_CANON_OLPC, sev_arena_scratch(arena), &b);
    if (e == SEV_OK)
        sev_sha256(sev_buf_slice(&b), out);
    sev_arena_back(arena, mark);
    return sev_arena_want(e);
}

sev_err sev_listing_of(const struct sev_target *t, sev_slice role, sev_slice hardware_id,
                       struct sev_arena *arena, struct sev_listing *out)
{
    struct sev_listing l = {.length = t->length, .hashes = t->hashes};
    if (role.len > sizeof l.role)
        return SEV_E_BAD_NAME;
    if (role.len != 0)
        memcpy(l.role, role.ptr, role.len);
    l.role_len = (uint32_t)role.len;
    l.has_hardware_ids = t->hardware_ids.len != 0;
    l.names_hardware = l.has_hardware_ids && sev_strings_contain(t->hardware_ids, hardware_id);
    if (t->match.len != 0) {
        struct sev_match m;
        sev_err e = sev_match_parse(t->match, &m);
        if (e == SEV_OK)
            e = digest_of_match(t->match, arena, l.match_sha256);
        if (e != SEV_OK)
            return e;
        l.has_match = true;
        l.hardware_ids_fit =
            l.has_hardware_ids && sev_strings_same_set(t->hardware_ids, m.hardware_ids);
    }
    *out = l;
    return SEV_OK;
}

static bool same_listing(const struct sev_listing *a, const struct sev_listing *b)
{
    return a->length == b->length && sev_hashes_eq(&a->hashes, &b->hashes) &&
           a->has_match == b->has_match &&
           (!a->has_match || memcmp(a->match_sha256, b->match_sha256, SEV_SHA256_BYTES) == 0);
}

bool sev_listing_agrees(const struct sev_listing *director, const struct sev_listing *other)
{
    if (SEV_REFUSE_IF(director->length != other->length)) /* REQ-VER-07 */
        return false;
    if (SEV_REFUSE_IF(!sev_hashes_eq(&director->hashes, &other->hashes)))
        return false;
    /* REQ-MET-11 REQ-VER-08: the signed, compared part, as a whole. */
    bool same = director->has_match && other->has_match &&
                memcmp(director->match_sha256, other->match_sha256, SEV_SHA256_BYTES) == 0;
    if (SEV_REFUSE_IF(!same))
        return false;
    return !SEV_REFUSE_IF(!other->hardware_ids_fit);
}

/* ------------------------------------------------------------------ frames */

static void end_search(struct sev_walk *w, bool found)
{
    w->found = found;
    sev_arena_back(w->arena, w->frames[0].mark);
    w->depth = 0;
    w->state = STATE_OVER;
}

/* The role on top gives its answer to the one that delegated to it. */
static void leave(struct sev_walk *w, const struct sev_listing *listing)
{
    if (listing != NULL)
        w->listing = *listing;
    for (;;) {
        if (w->depth == 1) {
            end_search(w, listing != NULL);
            return;
        }
        sev_arena_back(w->arena, top(w)->mark);
        w->depth--;
        struct sev_walk_frame *parent = top(w);
        if (parent->delegation.role_count > 1) {
            uint32_t i = parent->next_role - 1;
            parent->found[i] = listing != NULL;
            if (listing != NULL) {
                parent->listings[i] = w->listing;
                parent->found_count++;
            }
            return;
        }
        if (listing == NULL)
            return;
    }
}

/* ALG-8: roles that list the same image form a group; groups below the minimum fall; of those
 * left, the one with the earliest role wins. REQ-MET-24 */
static const struct sev_listing *agreement(const struct sev_walk_frame *f)
{
    const struct sev_delegation *d = &f->delegation;
    for (uint32_t i = 0; i < d->role_count; i++) {
        int64_t size = 0;
        for (uint32_t j = 0; f->found[i] && j < d->role_count; j++)
            size += f->found[j] && same_listing(&f->listings[i], &f->listings[j]);
        if (f->found[i] && !SEV_REFUSE_IF(size < d->min_roles)) /* REQ-VER-42 */
            return &f->listings[i];
    }
    return NULL;
}

/* A terminating delegation without a result ends everything. REQ-VER-38 REQ-VER-41 */
static void nothing_found(struct sev_walk *w, bool terminating)
{
    if (SEV_REFUSE_IF(terminating))
        end_search(w, false);
    else
        w->state = STATE_SEARCH;
}

/* ---------------------------------------------------------------- visiting */

static void short_digest(sev_slice role, uint8_t out[16])
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(role, digest);
    memcpy(out, digest, 16);
}

static bool was_seen(const struct sev_walk *w, sev_slice role)
{
    uint8_t id[16];
    short_digest(role, id);
    for (uint32_t i = 0; i < w->visited; i++)
        if (memcmp(w->seen[i], id, sizeof id) == 0)
            return true;
    return false;
}

static bool was_fetched(const struct sev_walk *w, sev_slice role)
{
    uint8_t id[16];
    short_digest(role, id);
    for (uint32_t i = 0; i < w->fetched_count; i++)
        if (memcmp(w->fetched[i], id, sizeof id) == 0)
            return true;
    return false;
}

/* Is the delegation from `from` to `role` on the present path already? Then it is a cycle. */
static bool is_cycle(const struct sev_walk *w, sev_slice from, sev_slice role)
{
    if (is_tuf(w))
        return was_seen(w, role); /* there each role is visited once in a search */
    for (uint32_t i = 1; i < w->depth; i++)
        if (sev_slice_eq(name_of(&w->frames[i - 1]), from) &&
            sev_slice_eq(name_of(&w->frames[i]), role))
            return true;
    return false;
}

/* Go down into the next role of the delegation on top; false: it is skipped as a cycle. */
static bool enter(struct sev_walk *w)
{
    struct sev_walk_frame *parent = top(w);
    uint32_t i = parent->next_role++;
    char role[SEV_ROLE_NAME_BYTES_MAX];
    sev_buf b = sev_buf_of(role, sizeof role);
    if (sev_json_str_copy(parent->delegation.roles[i].name, &b) != SEV_OK)
        return sev_walk_refuse(w, SEV_E_BAD_NAME);
    if (SEV_REFUSE_IF(is_cycle(w, name_of(parent), sev_buf_slice(&b))))
        return false;
    if (SEV_REFUSE_IF(w->visited >= SEV_ROLES_VISITED_MAX))
        return sev_walk_refuse(w, SEV_E_DELEGATION_LIMIT);
    if (SEV_REFUSE_IF(w->depth > SEV_DELEGATION_DEPTH_MAX))
        return sev_walk_refuse(w, SEV_E_DELEGATION_LIMIT);
    short_digest(sev_buf_slice(&b), w->seen[w->visited++]);
    memset(&w->stored_role, 0, sizeof w->stored_role);
    struct sev_walk_frame *f = &w->frames[w->depth];
    memset(f, 0, sizeof *f);
    memcpy(f->role, role, b.len);
    f->role_len = (uint32_t)b.len;
    f->terminating = parent->delegation.terminating && parent->delegation.role_count == 1;
    f->mark = w->arena->used;
    w->depth++;
    sev_walk_about(w, name_of(f));
    sev_err e = sev_snapshot_find(&w->snapshot, name_of(f), &w->role_info);
    /* Not in snapshot: no role at all. REQ-MET-25 REQ-VER-36 REQ-VER-37 */
    if (SEV_REFUSE_IF(e != SEV_OK))
        return sev_walk_refuse(w, e == SEV_E_NOT_FOUND ? SEV_E_ROLE_MISSING : e);
    w->state = STATE_ROLE_LOAD;
    return true;
}

/* The entry that is being looked for, before the file is stored: an entry that cannot be used
 * refuses its file. REQ-MET-07 */
sev_err sev_walk_check_entry(struct sev_walk *w, const struct sev_targets *t, sev_slice image)
{
    struct sev_target entry;
    struct sev_listing listing;
    sev_err e = sev_targets_find(t, w->config.profile, image, &entry);
    if (e == SEV_OK)
        e = sev_listing_of(&entry, SEV_EMPTY, SEV_EMPTY, w->arena, &listing);
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

/* What the role on top lists. */
static sev_err find_listing(struct sev_walk *w, struct sev_listing *out)
{
    const struct sev_walk_frame *f = top(w);
    struct sev_target entry;
    sev_err e = sev_targets_find(&f->targets, w->config.profile, w->image, &entry);
    return e == SEV_OK ? sev_listing_of(&entry, name_of(f), w->hardware_id, w->arena, out) : e;
}

/* `e` and `listing` are what find_listing said. */
static void judge_listing(struct sev_walk *w, sev_err e, const struct sev_listing *listing)
{
    struct sev_walk_frame *f = top(w);
    if (e == SEV_OK) {
        w->state = STATE_SEARCH;
        leave(w, listing); /* the first in listed order wins. REQ-VER-39 */
        return;
    }
    if (e != SEV_E_NOT_FOUND) {
        sev_walk_refuse(w, e);
        return;
    }
    /* Uptane stops here, before the terminating role's own delegations; TUF does not. */
    if (f->terminating && !is_tuf(w)) {
        nothing_found(w, true);
        return;
    }
    f->roles = sev_json_at(f->targets.delegation_roles);
    if (f->targets.delegation_roles.len != 0)
        sev_json_array(&f->roles);
    w->state = STATE_SEARCH;
}

static void look_here(struct sev_walk *w)
{
    struct sev_listing listing;
    sev_err e = find_listing(w, &listing);
    judge_listing(w, e, &listing);
}

/* The delegations of the role on top are used up. */
static void exhausted(struct sev_walk *w)
{
    bool terminating = top(w)->terminating && is_tuf(w);
    leave(w, NULL);
    if (terminating && w->state != STATE_OVER)
        nothing_found(w, true);
}

static bool next_delegation(struct sev_walk *w)
{
    struct sev_walk_frame *f = top(w);
    if (f->targets.delegation_roles.len == 0 || !sev_json_element(&f->roles)) {
        exhausted(w);
        return false;
    }
    sev_err e = sev_delegation_parse(&f->roles, f->targets.delegation_keys, w->config.profile,
                                     &f->delegation);
    if (e != SEV_OK) {
        sev_walk_about(w, name_of(f));
        return sev_walk_refuse(w, e);
    }
    f->next_role = 0;
    f->found_count = 0;
    memset(f->found, 0, sizeof f->found);
    if (!sev_delegation_covers(&f->delegation, w->image, w->hardware_id)) {
        f->next_role = f->delegation.role_count; /* nothing of it is visited */
        f->delegation.role_count = 0;
    }
    return true;
}

/* One step: the next role of the delegation at hand, its verdict, or the next delegation. */
bool sev_search_step(struct sev_walk *w, struct sev_want *out)
{
    (void)out;
    struct sev_walk_frame *f = top(w);
    bool following = f->delegation.role_count > 0;
    if (following && f->next_role < f->delegation.role_count) {
        /* Not visited again, a terminating role has no result, and ends it all the same. */
        if (!enter(w) && w->state != STATE_OVER && f->delegation.role_count == 1)
            nothing_found(w, f->delegation.terminating);
        return false;
    }
    if (following && f->delegation.role_count > 1) {
        const struct sev_listing *agreed = agreement(f);
        bool terminating = f->delegation.terminating;
        f->delegation.role_count = 0;
        if (agreed != NULL) {
            struct sev_listing copy = *agreed;
            leave(w, &copy);
        } else {
            nothing_found(w, terminating);
        }
        return false;
    }
    f->delegation.role_count = 0;
    next_delegation(w);
    return false;
}

/* ------------------------------------------------------------ a role's file */

static const struct sev_role *keys_of_top(const struct sev_walk *w)
{
    const struct sev_walk_frame *parent = &w->frames[w->depth - 2];
    return &parent->delegation.roles[parent->next_role - 1].role;
}

/* By the keys of the delegator on this path, each time: verified once is not verified for ever.
 * REQ-VER-30 */
static sev_err judge_role(struct sev_walk *w, const struct sev_doc *doc,
                          const struct sev_targets *t)
{
    const struct sev_role *role = keys_of_top(w);
    sev_err e = SEV_HEED(sev_role_check(role, w->config.profile));
    if (e == SEV_OK)
        e = SEV_HEED(sev_quorum_check(w->config.crypto, role, doc, NULL));
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(t->common.version != w->role_info.version))
        return SEV_E_META_MISMATCH;
    e = SEV_HEED(sev_walk_check_floor(&w->stored_role, t->common.version, doc));
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(sev_walk_expired(w, &t->common)))
        return SEV_E_EXPIRED;
    return SEV_OK;
}

bool sev_search_want_load(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_file_of(w, name_of(top(w)), out->file);
    return sev_walk_want_bytes(w, out, SEV_WANT_LOAD, SEV_TARGETS_BYTES_MAX);
}

/* Not the one that is listed: a floor, as long as the delegator has not changed its keys. ALG-6.4,
 * P-d */
static void keep_as_floor(struct sev_walk *w, const struct sev_doc *doc, int64_t version)
{
    sev_err e = SEV_E_SIGNATURE; /* plain TUF has the floors of the snapshot alone */
    if (!is_tuf(w))
        e = sev_quorum_check(w->config.crypto, keys_of_top(w), doc, NULL);
    if (sev_walk_cannot_tell(w, e))
        return;
    w->stored_role.present = e == SEV_OK;
    w->stored_role.version = version;
    memcpy(w->stored_role.sha256, doc->sha256, sizeof doc->sha256);
    sev_arena_back(w->arena, w->mark);
}

void sev_search_got_load(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_walk_frame *f = top(w);
    w->state = STATE_ROLE_FETCH;
    sev_err e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &f->targets);
    if (sev_walk_cannot_tell(w, e))
        return;
    if (e != SEV_OK) {
        sev_arena_back(w->arena, w->mark);
        return;
    }
    e = f->targets.common.version == w->role_info.version
            ? sev_walk_check_bytes(w, &w->role_info, bytes)
            : SEV_E_META_MISMATCH;
    if (e == SEV_E_META_MISMATCH) {
        keep_as_floor(w, &doc, f->targets.common.version);
        return;
    }
    if (e == SEV_OK)
        e = judge_role(w, &doc, &f->targets);
    if (e == SEV_OK) {
        look_here(w);
        return;
    }
    if (sev_walk_cannot_tell(w, e))
        return;
    /* Asked for in this very cycle, or exactly what snapshot lists: another request would bring
     * the same bytes. Otherwise it may have been signed anew. */
    bool final = w->role_info.has_hashes || was_fetched(w, name_of(f)) || e == SEV_E_EXPIRED;
    if (final)
        sev_walk_refuse(w, e);
    else
        sev_arena_back(w->arena, w->mark);
}

void sev_search_no_load(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    w->state = STATE_ROLE_FETCH;
}

bool sev_search_want_fetch(struct sev_walk *w, struct sev_want *out)
{
    sev_slice role = name_of(top(w));
    if (w->fetched_count < SEV_ROLES_VISITED_MAX)
        short_digest(role, w->fetched[w->fetched_count++]);
    size_t max = SEV_TARGETS_BYTES_MAX;
    if (w->role_info.has_length && w->role_info.length < (int64_t)max)
        max = (size_t)w->role_info.length;
    sev_walk_url_of(w, role, w->role_info.version, out->url);
    return sev_walk_want_bytes(w, out, SEV_WANT_FETCH, max);
}

void sev_search_got_fetch(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_walk_frame *f = top(w);
    sev_err e = sev_walk_check_bytes(w, &w->role_info, bytes);
    if (e == SEV_OK)
        e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &f->targets);
    if (e == SEV_OK)
        e = judge_role(w, &doc, &f->targets);
    /* Before the file is stored: a delegation or an entry that cannot be used refuses it.
     * REQ-MET-20 REQ-MET-07 */
    if (e == SEV_OK && w->config.profile == SEV_PROFILE_NATIVE)
        e = SEV_HEED(sev_delegations_check(&f->targets, w->config.profile));
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    w->fetched_result = find_listing(w, &w->fetched_listing);
    if (w->fetched_result != SEV_OK && w->fetched_result != SEV_E_NOT_FOUND) {
        sev_walk_refuse(w, w->fetched_result);
        return;
    }
    w->incoming = bytes;
    w->state = STATE_ROLE_STORE;
}

bool sev_search_want_store(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_file_of(w, name_of(top(w)), out->file);
    return sev_walk_want_store(w, out, w->incoming);
}

void sev_search_got_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    judge_listing(w, w->fetched_result, &w->fetched_listing);
}

void sev_walk_search(struct sev_walk *w, sev_slice image, sev_slice hardware_id)
{
    w->image = image;
    w->hardware_id = hardware_id;
    w->found = false;
    w->visited = 0;
    struct sev_walk_frame *f = &w->frames[0];
    memset(f, 0, sizeof *f);
    memcpy(f->role, "targets", 7);
    f->role_len = 7;
    f->targets = w->targets;
    f->mark = w->arena->used;
    w->depth = 1;
    sev_walk_about(w, name_of(f));
    if (!w->refreshed || w->err != SEV_OK) {
        sev_walk_refuse(w, SEV_E_BUG);
        return;
    }
    short_digest(name_of(f), w->seen[w->visited++]);
    look_here(w);
}
