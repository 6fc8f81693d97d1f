/* walk - root chain, timestamp, snapshot, targets of one repository. ALG-2, 3, 4, 6.
 * A table of states; each check before each change. SPDX-License-Identifier: MIT */
#include "secureev/walk.h"

#include "base/check.h"
#include "base/literal.h"
#include "verify/walk_internal.h"

#define TAG_FILE "trust.tag"

static const struct sev_fileinfo nothing_said = {.version = -1};

/* ------------------------------------------------------------- small steps */

bool sev_walk_refuse(struct sev_walk *w, sev_err e)
{
    w->err = e;
    w->state = STATE_OVER;
    return false;
}

bool sev_walk_refuse_numbers(struct sev_walk *w, sev_err e, int64_t expected, int64_t actual)
{
    w->expected = expected;
    w->actual = actual;
    w->has_numbers = true;
    return sev_walk_refuse(w, e);
}

bool sev_walk_cannot_tell(struct sev_walk *w, sev_err e)
{
    bool ours = e == SEV_E_MEMORY || e == SEV_E_CRYPTO;
    if (!SEV_REFUSE_IF(ours))
        return false;
    sev_walk_refuse(w, e);
    return true;
}

void sev_walk_about(struct sev_walk *w, sev_slice role)
{
    size_t n = role.len < sizeof w->role - 1 ? role.len : sizeof w->role - 1;
    memcpy(w->role, role.ptr, n);
    w->role[n] = '\0';
}

static void put_text(char *out, size_t cap, const char *text)
{
    size_t n = sev_literal(text).len;
    if (n >= cap)
        n = cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

bool sev_walk_want_bytes(struct sev_walk *w, struct sev_want *out, sev_want_kind kind, size_t max)
{
    w->mark = w->arena->used;
    size_t left = sev_arena_free(w->arena);
    left = left > 16 ? left - 16 : 0; /* alignment */
    w->dest_max = max < left ? max : left;
    w->short_of_memory = left < max;
    w->dest = sev_arena_take(w->arena, w->dest_max);
    if (w->dest == NULL || (w->short_of_memory && w->dest_max == 0))
        return sev_walk_refuse(w, SEV_E_MEMORY);
    w->loading = kind == SEV_WANT_LOAD;
    out->kind = kind;
    out->dest = w->dest;
    out->max = w->dest_max;
    return true;
}

bool sev_walk_want_store(struct sev_walk *w, struct sev_want *out, sev_slice bytes)
{
    w->loading = false;
    out->kind = SEV_WANT_STORE;
    out->bytes = bytes;
    return true;
}

static bool want_load(struct sev_walk *w, struct sev_want *out, const char *file, size_t max)
{
    put_text(out->file, sizeof out->file, file);
    return sev_walk_want_bytes(w, out, SEV_WANT_LOAD, max);
}

/* A delegated file's floor falls with the snapshot keys (P-d): so its stored name carries their
 * digest, and what was accepted under other keys is simply not found. */
void sev_walk_file_of(const struct sev_walk *w, sev_slice role, char out[SEV_FILE_NAME_MAX + 1])
{
    sev_buf b = sev_buf_of(out, SEV_FILE_NAME_MAX);
    sev_percent_encode(role, false, &b);
    if (w->config.profile != SEV_PROFILE_TUF) {
        sev_buf_put_byte(&b, '.');
        sev_hex_encode(sev_slice_of(w->trusted_under[1], 8), &b);
    }
    sev_buf_put(&b, ".json", 5);
    out[b.len] = '\0';
}

void sev_walk_url_of(const struct sev_walk *w, sev_slice role, int64_t version,
                     char out[SEV_FILE_URL_MAX + 1])
{
    sev_buf b = sev_buf_of(out, SEV_FILE_URL_MAX);
    bool aktualizr = w->config.profile == SEV_PROFILE_AKTUALIZR;
    bool is_root = sev_slice_eq(role, SEV_LIT("root"));
    if (version >= 0 && (!aktualizr || is_root)) {
        sev_decimal_format((uint64_t)version, &b);
        sev_buf_put_byte(&b, '.');
    }
    bool delegated = w->depth > 0;
    if (aktualizr && delegated) { /* contract 6 and 4: a folder of their own, names as they are */
        sev_buf_put(&b, "delegations/", 12);
        sev_buf_put_slice(&b, role);
    } else {
        sev_percent_encode(role, false, &b);
    }
    sev_buf_put(&b, ".json", 5);
    out[b.len] = '\0';
}

static bool want_fetch(struct sev_walk *w, struct sev_want *out, const char *role, int64_t version,
                       size_t max)
{
    sev_walk_url_of(w, sev_literal(role), version, out->url);
    return sev_walk_want_bytes(w, out, SEV_WANT_FETCH, max);
}

/* aktualizr's servers hash the canonical text, whatever bytes they serve (contract 7.1). */
static sev_err check_canonical(struct sev_walk *w, const struct sev_hashes *hashes, sev_slice bytes)
{
    size_t mark = w->arena->used;
    size_t cap = sev_arena_free(w->arena) / 2; /* the other half sorts the members */
    if (cap > 3 * bytes.len)
        cap = 3 * bytes.len;
    uint8_t *copy = sev_arena_take(w->arena, cap);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, cap);
    sev_err e =
        sev_arena_want(sev_json_canonical(bytes, SEV_CANON_ASCII, sev_arena_scratch(w->arena), &b));
    bool fit = e == SEV_OK && sev_hashes_fit(hashes, sev_buf_slice(&b));
    sev_arena_back(w->arena, mark);
    if (fit)
        return SEV_OK;
    return e == SEV_E_MEMORY ? e : SEV_E_META_MISMATCH;
}

sev_err sev_walk_check_bytes(struct sev_walk *w, const struct sev_fileinfo *info, sev_slice bytes)
{
    bool exact = w->config.profile != SEV_PROFILE_AKTUALIZR;
    if (info->has_length) {
        bool length_fits =
            exact ? (int64_t)bytes.len == info->length : (int64_t)bytes.len <= info->length;
        if (SEV_REFUSE_IF(!length_fits))
            return SEV_E_META_MISMATCH;
    }
    if (!info->has_hashes || sev_hashes_fit(&info->hashes, bytes))
        return SEV_OK;
    sev_err e = exact ? SEV_E_META_MISMATCH : check_canonical(w, &info->hashes, bytes);
    return SEV_REFUSE_IF(e != SEV_OK) ? e : SEV_OK;
}

bool sev_walk_expired(const struct sev_walk *w, const struct sev_common *common)
{
    return w->config.now >= common->expires; /* REQ-VER-20 REQ-ATK-04: now == expires is expired */
}

static struct sev_baseline baseline_of(const struct sev_doc *doc, int64_t version)
{
    struct sev_baseline b = {.present = true, .version = version};
    memcpy(b.sha256, doc->sha256, sizeof b.sha256);
    return b;
}

/* What is compared is what was signed: the same statement under another signature or with other
 * blanks is the same file, or whoever can touch the bytes in transit could wedge a vehicle. */
static bool is_stored_one(const struct sev_baseline *stored, const struct sev_doc *doc)
{
    return stored->present && memcmp(doc->sha256, stored->sha256, sizeof stored->sha256) == 0;
}

sev_err sev_walk_check_floor(const struct sev_baseline *stored, int64_t version,
                             const struct sev_doc *doc)
{
    if (!stored->present)
        return SEV_OK;
    if (SEV_REFUSE_IF(version < stored->version))
        return SEV_E_VERSION_ROLLBACK;
    if (SEV_REFUSE_IF(version == stored->version && !is_stored_one(stored, doc)))
        return SEV_E_EQUIVOCATION;
    return SEV_OK;
}

static sev_err call_before_version(struct sev_walk *w, enum sev_top_role role,
                                   const struct sev_doc *doc, const struct sev_common *common)
{
    const struct sev_walk_hooks *h = &w->config.hooks;
    return h->before_version != NULL ? h->before_version(h->context, role, doc, common) : SEV_OK;
}

static sev_err quorum(struct sev_walk *w, enum sev_top_role role, const struct sev_doc *doc)
{
    return sev_quorum_check(w->config.crypto, &w->root.roles[role], doc, NULL);
}

static size_t targets_max(const struct sev_walk *w)
{
    return w->config.director ? SEV_DIRECTOR_TARGETS_BYTES_MAX : SEV_TARGETS_BYTES_MAX;
}

/* -------------------------------------------------------------------- root */

static bool want_root_load(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("root"));
    return want_load(w, out, "root.json", SEV_ROOT_BYTES_MAX);
}

static sev_err open_root(struct sev_walk *w, sev_slice bytes, struct sev_doc *doc,
                         struct sev_root *root)
{
    sev_err e = sev_doc_open(doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_root_parse(doc, root);
    /* A root vouches for itself, the stored one too. REQ-VER-12 REQ-H11 */
    if (e == SEV_OK)
        e = SEV_HEED(sev_quorum_check(w->config.crypto, &root->roles[SEV_ROLE_ROOT], doc, NULL));
    return e;
}

static sev_err digest_roles(struct sev_walk *w)
{
    static const enum sev_top_role roles[3] = {SEV_ROLE_TIMESTAMP, SEV_ROLE_SNAPSHOT,
                                               SEV_ROLE_TARGETS};
    for (int i = 0; i < 3; i++) {
        sev_err e =
            sev_role_digest(&w->root.roles[roles[i]], w->config.profile, w->trusted_under[i]);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

static void got_root_load(struct sev_walk *w, sev_slice bytes)
{
    sev_err e = open_root(w, bytes, &w->root_doc, &w->root);
    if (e == SEV_OK)
        e = digest_roles(w);
    if (e != SEV_OK)
        sev_walk_refuse(w, e);
    else
        w->state = w->config.profile == SEV_PROFILE_TUF ? STATE_ROOT_FETCH : STATE_TAG_LOAD;
}

static void no_root(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_walk_refuse(w, SEV_E_NOT_PROVISIONED);
}

/* The tag remembers under which role keys the stored files were accepted, so that a crash between
 * a new root and what follows from it loses nothing; and which stored files set no floor any more.
 * ALG-2.4 */
static bool want_tag_load(struct sev_walk *w, struct sev_want *out)
{
    return want_load(w, out, TAG_FILE, sizeof w->tag);
}

static void got_tag_load(struct sev_walk *w, sev_slice bytes)
{
    if (bytes.len == sizeof w->tag) {
        memcpy(&w->tag, bytes.ptr, sizeof w->tag);
        w->state = STATE_ROOT_FETCH;
    } else {
        w->state = STATE_TAG_FIRST;
    }
    sev_arena_back(w->arena, w->mark);
}

static void no_tag(struct sev_walk *w, sev_slice nothing)
{
    got_tag_load(w, nothing);
}

static bool want_tag_store(struct sev_walk *w, struct sev_want *out)
{
    memcpy(w->tag.keys, w->trusted_under, sizeof w->tag.keys);
    put_text(out->file, sizeof out->file, TAG_FILE);
    return sev_walk_want_store(w, out, sev_slice_of(&w->tag, sizeof w->tag));
}

static void got_tag_first(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    w->state = STATE_ROOT_FETCH;
}

/* By its versioned name and bounded: REQ-VER-11 REQ-ALG-2 */
static bool want_root_fetch(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("root"));
    if (SEV_REFUSE_IF(w->rotations >= SEV_ROOT_ROTATIONS_MAX))
        return sev_walk_refuse(w, SEV_E_ROOT_ROTATIONS);
    return want_fetch(w, out, "root", w->root.common.version + 1, SEV_ROOT_BYTES_MAX);
}

static void got_root_fetch(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_root next;
    sev_err e = open_root(w, bytes, &doc, &next);
    if (e == SEV_OK) /* by the keys of N as well */
        e = SEV_HEED(quorum(w, SEV_ROLE_ROOT, &doc));
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    /* Exactly N+1, each step of the chain. REQ-VER-13 REQ-VER-14 */
    if (SEV_REFUSE_IF(next.common.version != w->root.common.version + 1)) {
        sev_walk_refuse_numbers(w, SEV_E_ROOT_VERSION, w->root.common.version + 1,
                                next.common.version);
        return;
    }
    w->incoming = bytes;
    w->state = STATE_ROOT_STORE;
}

static void no_more_roots(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_ROOT_DONE;
}

static bool want_root_store(struct sev_walk *w, struct sev_want *out)
{
    put_text(out->file, sizeof out->file, "root.json");
    return sev_walk_want_store(w, out, w->incoming);
}

/* The new root takes the old one's place in the arena: a chain of any length needs room for two. */
static void got_root_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_slice bytes = w->incoming;
    uint8_t *place = w->arena->ptr + (w->root_doc.bytes.ptr - w->arena->ptr);
    memmove(place, bytes.ptr, bytes.len);
    w->arena->used = (size_t)(place - w->arena->ptr) + bytes.len;
    w->incoming = SEV_EMPTY;
    sev_err e = open_root(w, sev_slice_of(place, bytes.len), &w->root_doc, &w->root);
    if (e == SEV_OK)
        e = digest_roles(w);
    w->rotations++;
    if (e != SEV_OK)
        sev_walk_refuse(w, e);
    else
        w->state = STATE_ROOT_FETCH;
}

static bool changed(const struct sev_walk *w, int i)
{
    return memcmp(w->trusted_under[i], w->tag.keys[i], SEV_SHA256_BYTES) != 0;
}

static bool judge_root(struct sev_walk *w, struct sev_want *out)
{
    (void)out;
    sev_walk_about(w, SEV_LIT("root"));
    /* Only the last root must be fresh; it stays stored either way. REQ-VER-15 */
    if (SEV_REFUSE_IF(sev_walk_expired(w, &w->root.common)))
        return sev_walk_refuse(w, SEV_E_EXPIRED);
    bool rotated =
        w->config.profile != SEV_PROFILE_TUF && (changed(w, 0) || changed(w, 1) || changed(w, 2));
    w->state = rotated ? STATE_FORGET_TIMESTAMP : STATE_TIMESTAMP_LOAD;
    return false;
}

/* Fast-forward recovery: what keys that are gone have signed sets no floor any more. Only what
 * those keys signed, or a rotation would open a window for rollback. The file itself stays until
 * a good one takes its place. REQ-VER-16 REQ-ATK-11, P-c */
static bool want_forgotten(struct sev_walk *w, struct sev_want *out, bool forget, const char *file,
                           size_t max, int next)
{
    if (forget)
        return want_load(w, out, file, max);
    w->state = next;
    return false;
}

static void forget(struct sev_walk *w, sev_slice bytes, int i, int next)
{
    struct sev_doc doc;
    sev_err e = SEV_E_ABSENT;
    if (bytes.len != 0)
        e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (sev_walk_cannot_tell(w, e))
        return;
    memset(w->tag.forgotten[i], 0, SEV_SHA256_BYTES);
    if (e == SEV_OK)
        memcpy(w->tag.forgotten[i], doc.sha256, SEV_SHA256_BYTES);
    sev_arena_back(w->arena, w->mark);
    w->state = next;
}

static bool is_forgotten(const struct sev_walk *w, int i, const struct sev_doc *doc)
{
    return memcmp(w->tag.forgotten[i], doc->sha256, SEV_SHA256_BYTES) == 0;
}

static bool want_forget_timestamp(struct sev_walk *w, struct sev_want *out)
{
    return want_forgotten(w, out, changed(w, 0) || changed(w, 1), "timestamp.json",
                          SEV_TIMESTAMP_BYTES_MAX, STATE_FORGET_SNAPSHOT);
}

static void got_forget_timestamp(struct sev_walk *w, sev_slice bytes)
{
    forget(w, bytes, 0, STATE_FORGET_SNAPSHOT);
}

static bool want_forget_snapshot(struct sev_walk *w, struct sev_want *out)
{
    return want_forgotten(w, out, changed(w, 0) || changed(w, 1), "snapshot.json",
                          SEV_SNAPSHOT_BYTES_MAX, STATE_FORGET_TARGETS);
}

static void got_forget_snapshot(struct sev_walk *w, sev_slice bytes)
{
    forget(w, bytes, 1, STATE_FORGET_TARGETS);
}

static bool want_forget_targets(struct sev_walk *w, struct sev_want *out)
{
    return want_forgotten(w, out, changed(w, 1) || changed(w, 2), "targets.json", targets_max(w),
                          STATE_TAG_STORE);
}

static void got_forget_targets(struct sev_walk *w, sev_slice bytes)
{
    forget(w, bytes, 2, STATE_TAG_STORE);
}

static void got_tag_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    w->state = STATE_TIMESTAMP_LOAD;
}

/* --------------------------------------------------------------- timestamp */

static bool want_timestamp_load(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("timestamp"));
    if (w->config.profile == SEV_PROFILE_AKTUALIZR && w->config.director) {
        w->targets_info = nothing_said;
        w->state = STATE_TARGETS_LOAD;
        return false;
    }
    if (w->config.partial) {
        w->state = STATE_TIMESTAMP_FETCH;
        return false;
    }
    return want_load(w, out, "timestamp.json", SEV_TIMESTAMP_BYTES_MAX);
}

/* A stored file that does not verify (any more) is no baseline; it is replaced by the next. */
static void got_timestamp_load(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_timestamp t;
    sev_err e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_timestamp_parse(&doc, &t);
    if (e == SEV_OK)
        e = quorum(w, SEV_ROLE_TIMESTAMP, &doc);
    if (sev_walk_cannot_tell(w, e))
        return;
    if (e == SEV_OK && !is_forgotten(w, 0, &doc)) {
        w->stored_timestamp = baseline_of(&doc, t.common.version);
        w->stored_timestamp_info = t.snapshot;
        w->stored_timestamp_expires = t.common.expires;
    }
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_TIMESTAMP_FETCH;
}

static void no_timestamp(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_TIMESTAMP_FETCH;
}

/* By its fixed name and bounded: REQ-VER-17 */
static bool want_timestamp_fetch(struct sev_walk *w, struct sev_want *out)
{
    return want_fetch(w, out, "timestamp", -1, SEV_TIMESTAMP_BYTES_MAX);
}

/* TUF's contract: the same version is not news, and is not looked at further. */
static bool is_old_news(const struct sev_walk *w, int64_t version)
{
    return w->config.profile == SEV_PROFILE_TUF && w->stored_timestamp.present &&
           version == w->stored_timestamp.version;
}

/* REQ-VER-19 REQ-VER-20; who signed was seen to: REQ-VER-18. REQ-ALG-3 */
static sev_err judge_timestamp(struct sev_walk *w, const struct sev_doc *doc,
                               const struct sev_timestamp *t)
{
    sev_err e = SEV_HEED(call_before_version(w, SEV_ROLE_TIMESTAMP, doc, &t->common));
    if (e != SEV_OK)
        return e;
    w->expected = w->stored_timestamp.version;
    w->actual = t->common.version;
    w->has_numbers = w->stored_timestamp.present;
    e = SEV_HEED(sev_walk_check_floor(&w->stored_timestamp, t->common.version, doc));
    if (e != SEV_OK)
        return e;
    w->expected = w->stored_timestamp_info.version;
    w->actual = t->snapshot.version;
    bool older =
        w->stored_timestamp.present && t->snapshot.version < w->stored_timestamp_info.version;
    if (SEV_REFUSE_IF(older)) /* ALG-3.3b */
        return SEV_E_VERSION_ROLLBACK;
    w->has_numbers = false;
    if (SEV_REFUSE_IF(sev_walk_expired(w, &t->common)))
        return SEV_E_EXPIRED;
    return SEV_OK;
}

static void got_timestamp_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_SNAPSHOT_LOAD;
}

static void got_timestamp_fetch(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_timestamp t;
    sev_err e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_timestamp_parse(&doc, &t);
    if (e == SEV_OK && !w->config.partial)
        e = SEV_HEED(quorum(w, SEV_ROLE_TIMESTAMP, &doc));
    if (e == SEV_OK && is_old_news(w, t.common.version)) {
        /* It is the stored one that is used, so the stored one must be fresh: otherwise the same
         * timestamp could be replayed for ever. REQ-VER-20 */
        if (SEV_REFUSE_IF(w->config.now >= w->stored_timestamp_expires)) {
            sev_walk_refuse(w, SEV_E_EXPIRED);
            return;
        }
        w->snapshot_info = w->stored_timestamp_info;
        sev_arena_back(w->arena, w->mark);
        w->state = STATE_SNAPSHOT_LOAD;
        return;
    }
    if (e == SEV_OK && !w->config.partial)
        e = judge_timestamp(w, &doc, &t);
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    w->snapshot_info = t.snapshot;
    w->incoming = bytes;
    if (is_stored_one(&w->stored_timestamp, &doc))
        got_timestamp_store(w, SEV_EMPTY);
    else
        w->state = w->config.partial ? STATE_SNAPSHOT_FETCH : STATE_TIMESTAMP_STORE;
}

static bool want_timestamp_store(struct sev_walk *w, struct sev_want *out)
{
    put_text(out->file, sizeof out->file, "timestamp.json");
    return sev_walk_want_store(w, out, w->incoming);
}

/* ---------------------------------------------------------------- snapshot */

static bool want_snapshot_load(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("snapshot"));
    return want_load(w, out, "snapshot.json", SEV_SNAPSHOT_BYTES_MAX);
}

static bool find_targets_info(struct sev_walk *w)
{
    sev_err e = sev_snapshot_find(&w->snapshot, SEV_LIT("targets"), &w->targets_info);
    if (e != SEV_OK)
        return sev_walk_refuse(w, e);
    w->state = STATE_TARGETS_LOAD;
    return true;
}

static void got_snapshot_load(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_snapshot s;
    sev_err e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_snapshot_parse(&doc, &s);
    if (e == SEV_OK)
        e = quorum(w, SEV_ROLE_SNAPSHOT, &doc);
    if (sev_walk_cannot_tell(w, e))
        return;
    if (e != SEV_OK) {
        sev_arena_back(w->arena, w->mark);
        w->state = STATE_SNAPSHOT_FETCH;
        return;
    }
    w->stored_snapshot_doc = doc;
    w->stored_snapshot = s;
    w->has_stored_snapshot = !is_forgotten(w, 1, &doc);
    e = s.common.version == w->snapshot_info.version
            ? sev_walk_check_bytes(w, &w->snapshot_info, bytes)
            : SEV_E_META_MISMATCH;
    if (sev_walk_cannot_tell(w, e))
        return;
    if (e != SEV_OK) { /* it is not the one */
        w->state = STATE_SNAPSHOT_FETCH;
        return;
    }
    /* Used without a request, but only while it is still good. REQ-VER-03 REQ-VER-05 P-a, P-b */
    if (SEV_REFUSE_IF(sev_walk_expired(w, &s.common))) {
        sev_walk_refuse(w, SEV_E_EXPIRED);
        return;
    }
    w->snapshot = s;
    find_targets_info(w);
}

static void no_snapshot(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_SNAPSHOT_FETCH;
}

static size_t announced(const struct sev_fileinfo *info, size_t max)
{
    return info->has_length && info->length < (int64_t)max ? (size_t)info->length : max;
}

/* As long as the timestamp says at most: REQ-VER-21 */
static bool want_snapshot_fetch(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("snapshot"));
    return want_fetch(w, out, "snapshot", w->snapshot_info.version,
                      announced(&w->snapshot_info, SEV_SNAPSHOT_BYTES_MAX));
}

/* REQ-VER-23 REQ-VER-24 REQ-VER-25 REQ-VER-26 REQ-VER-27 REQ-ALG-4 */
static sev_err judge_snapshot(struct sev_walk *w, const struct sev_doc *doc,
                              const struct sev_snapshot *s)
{
    sev_err e = SEV_HEED(quorum(w, SEV_ROLE_SNAPSHOT, doc));
    if (e == SEV_OK)
        e = SEV_HEED(call_before_version(w, SEV_ROLE_SNAPSHOT, doc, &s->common));
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(s->common.version != w->snapshot_info.version))
        return SEV_E_META_MISMATCH;
    if (w->has_stored_snapshot) {
        struct sev_baseline stored =
            baseline_of(&w->stored_snapshot_doc, w->stored_snapshot.common.version);
        stored.present = w->config.profile != SEV_PROFILE_TUF || s->common.version < stored.version;
        e = SEV_HEED(sev_walk_check_floor(&stored, s->common.version, doc));
        if (e == SEV_OK)
            e = SEV_HEED(sev_snapshot_follows(&w->stored_snapshot, s, w->config.profile));
        if (e != SEV_OK)
            return e;
    }
    if (SEV_REFUSE_IF(sev_walk_expired(w, &s->common)))
        return SEV_E_EXPIRED;
    return SEV_OK;
}

static void got_snapshot_fetch(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    /* The bytes first: they are those that the timestamp announced, or nothing. REQ-VER-22 */
    sev_err e = w->config.partial ? SEV_OK : sev_walk_check_bytes(w, &w->snapshot_info, bytes);
    if (e == SEV_OK)
        e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_snapshot_parse(&doc, &w->snapshot);
    if (e == SEV_OK && !w->config.partial)
        e = judge_snapshot(w, &doc, &w->snapshot);
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    w->incoming = bytes;
    if (w->config.partial)
        find_targets_info(w);
    else
        w->state = STATE_SNAPSHOT_STORE;
}

static bool want_snapshot_store(struct sev_walk *w, struct sev_want *out)
{
    put_text(out->file, sizeof out->file, "snapshot.json");
    return sev_walk_want_store(w, out, w->incoming);
}

static void got_snapshot_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    find_targets_info(w);
}

/* ----------------------------------------------------------------- targets */

static bool want_targets_load(struct sev_walk *w, struct sev_want *out)
{
    sev_walk_about(w, SEV_LIT("targets"));
    return want_load(w, out, "targets.json", targets_max(w));
}

/* Everything that a targets file has to satisfy but for its floor, which a stored one sets.
 * REQ-VER-29 REQ-VER-30 REQ-VER-31 REQ-VER-32 REQ-ALG-6 */
static sev_err judge_targets(struct sev_walk *w, const struct sev_doc *doc,
                             const struct sev_targets *t, bool stored)
{
    sev_err e = SEV_HEED(quorum(w, SEV_ROLE_TARGETS, doc));
    if (e == SEV_OK)
        e = SEV_HEED(call_before_version(w, SEV_ROLE_TARGETS, doc, &t->common));
    if (e != SEV_OK)
        return e;
    bool announced_version = w->config.partial || w->targets_info.version < 0 ||
                             t->common.version == w->targets_info.version;
    if (SEV_REFUSE_IF(!announced_version)) /* REQ-VER-29 */
        return SEV_E_META_MISMATCH;
    if (!stored && w->config.profile != SEV_PROFILE_TUF) {
        w->expected = w->stored_targets.version;
        w->actual = t->common.version;
        w->has_numbers = w->stored_targets.present;
        e = SEV_HEED(sev_walk_check_floor(&w->stored_targets, t->common.version, doc));
        if (e != SEV_OK)
            return e;
        w->has_numbers = false;
    }
    if (SEV_REFUSE_IF(sev_walk_expired(w, &t->common)))
        return SEV_E_EXPIRED;
    const struct sev_walk_hooks *h = &w->config.hooks;
    return h->targets != NULL ? SEV_HEED(h->targets(h->context, doc, t)) : SEV_OK;
}

static void got_targets_load(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    struct sev_targets t;
    w->state = STATE_TARGETS_FETCH;
    sev_err e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e == SEV_OK)
        e = quorum(w, SEV_ROLE_TARGETS, &doc);
    if (e == SEV_OK) {
        w->stored_targets = baseline_of(&doc, t.common.version);
        w->stored_targets.present = !is_forgotten(w, 2, &doc);
        bool announced = !w->config.partial && t.common.version == w->targets_info.version;
        e = announced ? sev_walk_check_bytes(w, &w->targets_info, bytes) : SEV_E_META_MISMATCH;
    }
    if (sev_walk_cannot_tell(w, e))
        return;
    if (e != SEV_OK) {
        /* Not the one; or listed, but signed by keys that are gone: asked for once more. P-b */
        sev_arena_back(w->arena, w->mark);
        return;
    }
    e = judge_targets(w, &doc, &t, true);
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    w->targets_doc = doc;
    w->targets = t;
    w->refreshed = true;
    w->state = STATE_OVER;
}

static void no_targets(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    sev_arena_back(w->arena, w->mark);
    w->state = STATE_TARGETS_FETCH;
}

/* REQ-VER-28 */
static bool want_targets_fetch(struct sev_walk *w, struct sev_want *out)
{
    return want_fetch(w, out, "targets", w->targets_info.version,
                      announced(&w->targets_info, targets_max(w)));
}

static void got_targets_store(struct sev_walk *w, sev_slice nothing)
{
    (void)nothing;
    w->refreshed = true;
    w->state = STATE_OVER;
}

static void got_targets_fetch(struct sev_walk *w, sev_slice bytes)
{
    struct sev_doc doc;
    sev_err e = w->config.partial ? SEV_OK : sev_walk_check_bytes(w, &w->targets_info, bytes);
    if (e == SEV_OK)
        e = sev_doc_open(&doc, bytes, w->config.profile, w->arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &w->targets);
    if (e == SEV_OK)
        e = judge_targets(w, &doc, &w->targets, false);
    if (e != SEV_OK) {
        sev_walk_refuse(w, e);
        return;
    }
    w->targets_doc = doc;
    w->incoming = bytes;
    /* A plain TUF client keeps files as they came, and what was fetched is what the stored one was
     * no longer good for: the same statement signed by new keys replaces it. */
    if (w->config.profile != SEV_PROFILE_TUF && is_stored_one(&w->stored_targets, &doc))
        got_targets_store(w, SEV_EMPTY);
    else
        w->state = STATE_TARGETS_STORE;
}

static bool want_targets_store(struct sev_walk *w, struct sev_want *out)
{
    put_text(out->file, sizeof out->file, "targets.json");
    return sev_walk_want_store(w, out, w->incoming);
}

/* ----------------------------------------------------------------- machine */

static const struct {
    const char *name;
    bool (*prepare)(struct sev_walk *, struct sev_want *);
    void (*got)(struct sev_walk *, sev_slice);
    void (*absent)(struct sev_walk *, sev_slice);
} states[] = {
#define X(state, prepare, got, absent) {#state, prepare, got, absent},
    SEV_WALK_STATES(X)
#undef X
};

void sev_walk_init(struct sev_walk *w, const struct sev_walk_config *config,
                   struct sev_arena *arena)
{
    memset(w, 0, sizeof *w);
    w->config = *config;
    w->arena = arena;
    w->state = STATE_ROOT_LOAD;
}

void sev_walk_next(struct sev_walk *w, struct sev_want *out)
{
    /* A state either asks for something or moves on; every chain of such moves is finite. */
    while (!w->waiting) {
        memset(out, 0, sizeof *out);
        if (w->state == STATE_OVER)
            return;
        w->waiting = states[w->state].prepare(w, out);
    }
}

void sev_walk_got(struct sev_walk *w, size_t len)
{
    w->waiting = false;
    sev_slice bytes = SEV_EMPTY;
    if (w->dest != NULL) {
        if (SEV_REFUSE_IF(len > w->dest_max)) {
            sev_walk_refuse(w, SEV_E_TOO_LONG);
            return;
        }
        bytes = sev_slice_of(w->dest, len);
        w->arena->used = (size_t)(w->dest - w->arena->ptr) + len;
        w->dest = NULL;
    }
    states[w->state].got(w, bytes);
}

void sev_walk_absent(struct sev_walk *w)
{
    w->waiting = false;
    if (w->dest != NULL)
        sev_arena_back(w->arena, w->mark);
    w->dest = NULL;
    if (states[w->state].absent == NULL)
        sev_walk_refuse(w, SEV_E_ABSENT);
    else
        states[w->state].absent(w, SEV_EMPTY);
}

void sev_walk_failed(struct sev_walk *w, sev_err why)
{
    w->waiting = false;
    if (w->dest != NULL)
        sev_arena_back(w->arena, w->mark);
    w->dest = NULL;
    /* Only "absent" ends the root chain for certain. When a transfer fails the walk goes on under
     * the root that it has, since whoever can make it fail could as well say "absent"; the expiry
     * of that root bounds it. ALG-2.1 REQ-ATK-02 */
    if (w->state == STATE_ROOT_FETCH && sev_err_class(why) == SEV_CLASS_RETRY) {
        w->root_fetch = why;
        w->state = STATE_ROOT_DONE;
        return;
    }
    if (why == SEV_E_TOO_LONG && w->short_of_memory)
        why = SEV_E_MEMORY;
    else if (why == SEV_E_TOO_LONG && w->loading)
        why = SEV_E_STORE;
    /* Longer than any may be, a stored file is as good as none: it is replaced. But the root. */
    if (why == SEV_E_STORE && w->loading && w->state != STATE_ROOT_LOAD)
        states[w->state].absent(w, SEV_EMPTY);
    else
        sev_walk_refuse(w, why);
}

const char *sev_walk_state_name(const struct sev_walk *w)
{
    return states[w->state].name;
}
