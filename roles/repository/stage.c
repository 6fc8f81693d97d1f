/* stage - decide which files change, claim their versions, write the bytes to be signed.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

#define STAGED_FILES_MAX 4096u

struct staging {
    struct sev_repository *r;
    sev_time now;
    bool aging, refresh;
    uint32_t count, cap;
    struct write {
        struct sev_repo_doc *d;
        sev_slice message;
    } * writes;
};

/* Roles whose keys lie on the server: nobody carries files for them. DESIGN 2 */
bool sev_repo_is_online(const struct sev_repository *r, const char *role)
{
    return strcmp(role, "timestamp") == 0 || strcmp(role, "snapshot") == 0 ||
           (r->kind == SEV_REPOSITORY_DIRECTOR && strcmp(role, "targets") == 0);
}

bool sev_repo_has_doc(const struct sev_repository *r, int profile, const char *role)
{
    if (!r->profiles[profile].on)
        return false;
    if (profile == SEV_PROFILE_NATIVE)
        return true;
    if (!sev_repo_is_top_role(role))
        return false; /* suppliers' entries are copied to the top */
    bool listing = strcmp(role, "timestamp") == 0 || strcmp(role, "snapshot") == 0;
    return !(listing && r->kind == SEV_REPOSITORY_DIRECTOR); /* nobody asks for them there */
}

/* ------------------------------------------------------------------ content */

/* Digest of all that matters: another version or expiry alone is no change, other keys are. */
static sev_err content_of(const struct sev_repo_making *making,
                          const struct sev_repo_required *required, char out[HEX_CHARS + 1])
{
    struct sev_repo_making m = *making;
    struct sev_sha256 h;
    uint8_t digest[SEV_SHA256_BYTES];
    sev_slice body;
    m.version = 1;
    m.expires = 0;
    sev_err e = sev_repo_body(&m, &body);
    if (e != SEV_OK)
        return e;
    sev_sha256_init(&h);
    sev_sha256_update(&h, body.ptr, body.len);
    uint32_t sets = strcmp(m.role, "root") == 0 ? 0 : required->count; /* it lists its own */
    for (uint32_t i = 0; i < sets; i++) {
        const struct sev_repo_keyset *s = &required->sets[i];
        uint8_t threshold = (uint8_t)s->threshold;
        sev_sha256_update(&h, &threshold, 1);
        for (uint32_t k = 0; k < s->count; k++)
            sev_sha256_update(&h, s->ids[k], SEV_KEY_ID_CHARS);
    }
    sev_sha256_final(&h, digest);
    sev_repo_hex(digest, out);
    return SEV_OK;
}

/* Online files are re-signed at half their life; so is what people sign when they are asked to. */
static bool is_aging(const struct staging *s, sev_time expires, uint32_t days)
{
    return expires - s->now < (sev_time)days * DAY / 2;
}

size_t sev_repo_bytes_max(const struct sev_repository *r, const char *role)
{
    if (strcmp(role, "root") == 0)
        return SEV_ROOT_BYTES_MAX;
    if (strcmp(role, "timestamp") == 0)
        return SEV_TIMESTAMP_BYTES_MAX;
    if (strcmp(role, "snapshot") == 0)
        return SEV_SNAPSHOT_BYTES_MAX;
    return r->kind == SEV_REPOSITORY_DIRECTOR ? SEV_DIRECTOR_TARGETS_BYTES_MAX
                                              : SEV_TARGETS_BYTES_MAX;
}

/* ------------------------------------------------------------------- staging */

static void drop_staged(struct sev_repo_doc *d)
{
    memset(&d->staged, 0, sizeof d->staged);
}

/* The body, and whether clients would read what it makes. */
static sev_err make(struct staging *s, struct sev_repo_making *m, sev_slice *out_body,
                    char out_sha256[HEX_CHARS + 1])
{
    struct sev_tbs tbs;
    sev_slice message;
    sev_err e = sev_repo_body(m, out_body);
    if (e == SEV_OK)
        e = sev_repo_message(s->r, m->profile, *out_body, &message);
    if (e != SEV_OK)
        return e;
    if (out_body->len > sev_repo_bytes_max(s->r, m->role))
        return sev_repo_fail(s->r->note, SEV_E_TOO_LONG,
                             "the file of role %.128s would have %zu bytes: no client reads it",
                             m->role, out_body->len);
    sev_repo_digest(message, out_sha256);
    return sev_tbs_check(s->r->fs, message, &tbs, s->r->note);
}

/* The same bytes again, in case that a crash came between the claim and the file. */
static sev_err make_again(struct staging *s, struct sev_repo_making *m, struct sev_repo_doc *d)
{
    char digest[HEX_CHARS + 1];
    sev_slice body;
    if (d->staged.body.len != 0)
        return SEV_OK;
    m->version = d->staged.version;
    m->expires = d->staged.expires;
    sev_err e = make(s, m, &body, digest);
    if (e != SEV_OK)
        return e;
    if (strcmp(digest, d->staged.sha256) == 0)
        d->staged.body = body;
    else
        drop_staged(d); /* a newer program writes it otherwise: a version of its own */
    return SEV_OK;
}

static sev_err take_version(struct staging *s, struct sev_repo_making *m, struct sev_repo_doc *d,
                            uint32_t days, const char *content)
{
    char digest[HEX_CHARS + 1];
    sev_slice body;
    /* A root must be the successor of the published one, so its version may be offered again: the
     * two offers have other bytes and need the same people. All others never reuse a version. */
    bool root = strcmp(d->role, "root") == 0;
    int64_t version = (root ? d->published.version : d->claimed) + 1;
    int64_t most = d->profile == SEV_PROFILE_AKTUALIZR ? INT32_MAX : SEV_JSON_INT_MAX;
    if (version > most)
        return sev_repo_fail(s->r->note, SEV_E_JSON_NUMBER, "role %.128s has no versions left",
                             d->role);
    m->version = version;
    m->expires = s->now + (sev_time)days * DAY;
    sev_err e = make(s, m, &body, digest);
    if (e != SEV_OK)
        return e;
    drop_staged(d);
    d->staged.version = version;
    d->staged.expires = m->expires;
    d->staged.body = body;
    memcpy(d->staged.sha256, digest, sizeof digest);
    memcpy(d->staged.content, content, HEX_CHARS + 1);
    if (d->claimed < version)
        d->claimed = version;
    return SEV_OK;
}

static sev_err stage_one(struct staging *s, struct sev_repo_making *m, uint32_t days)
{
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    struct sev_repo_doc *d = NULL;
    char content[HEX_CHARS + 1];
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_need_doc(s->r, m->profile, m->role, &d);
    if (e == SEV_OK)
        e = sev_repo_required(s->r, m->profile, m->role, s->refresh, required);
    if (e == SEV_OK)
        e = content_of(m, required, content);
    if (e != SEV_OK)
        return e;
    m->role = d->role;
    bool may_age = s->aging || sev_repo_is_online(s->r, m->role);
    if (d->staged.version != 0) {
        bool same = strcmp(d->staged.content, content) == 0;
        bool usable = may_age ? !is_aging(s, d->staged.expires, days) : d->staged.expires > s->now;
        if (same && usable) {
            e = make_again(s, m, d);
            if (e != SEV_OK || d->staged.version != 0)
                return e;
        }
    }
    bool same = d->published.version != 0 && strcmp(d->published.content, content) == 0;
    if (s->refresh && !same && strcmp(m->role, "targets") == 0)
        return SEV_OK; /* somebody's edits; only `publish` takes them */
    if (same && !(may_age && is_aging(s, d->published.expires, days))) {
        drop_staged(d);
        return SEV_OK;
    }
    return take_version(s, m, d, days, content);
}

/* ---------------------------------------------------------- snapshot's entries */

/* What the snapshot says of a role: of the file that is complete and on its way, or of the public
 * one. SEV_E_NOT_FOUND: neither. */
static sev_err list_one(struct staging *s, int profile, const struct sev_repo_file *f,
                        struct sev_repo_listed *out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, f->name);
    if (d == NULL)
        return SEV_E_NOT_FOUND;
    bool staged = d->staged.version != 0 && f->retired == 0 &&
                  (!s->refresh || sev_repo_is_online(s->r, f->name));
    if (!staged) {
        *out = (struct sev_repo_listed){d->role, d->published.version, d->published.length,
                                        d->published.sha256};
        return d->published.version != 0 ? SEV_OK : SEV_E_NOT_FOUND;
    }
    sev_slice bytes;
    char digest[HEX_CHARS + 1];
    sev_err e = sev_repo_staged_bytes(s->r, d, &bytes);
    if (e != SEV_OK)
        return e;
    sev_repo_digest(bytes, digest);
    *out = (struct sev_repo_listed){d->role, d->staged.version, (int64_t)bytes.len, NULL};
    return sev_repo_text(&s->r->pool, sev_slice_of(digest, HEX_CHARS), &out->sha256);
}

/* Are all files that the snapshot would list signed? */
static sev_err all_signed(struct staging *s, int profile, bool *out)
{
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    *out = true;
    if (required == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; *out && i < s->r->file_count; i++) {
        const struct sev_repo_file *f = s->r->files[i];
        const struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, f->name);
        if (f->retired != 0 || !sev_repo_has_doc(s->r, profile, f->name))
            continue;
        bool staged = d != NULL && d->staged.version != 0 &&
                      (!s->refresh || sev_repo_is_online(s->r, f->name));
        if (!staged) {
            *out = d != NULL && d->published.version != 0;
            continue;
        }
        sev_err e = sev_repo_required(s->r, profile, f->name, s->refresh, required);
        if (e != SEV_OK)
            return e;
        *out = sev_repo_complete(d, required);
    }
    return SEV_OK;
}

static sev_err root_digests(struct sev_repository *r, int profile, int64_t version,
                            uint8_t out[2][SEV_SHA256_BYTES])
{
    char name[SEV_FS_PATH_MAX], folder[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_doc doc;
    struct sev_root root;
    sev_slice bytes;
    sev_err e = sev_repo_public_name(profile, "root", version, name);
    if (e == SEV_OK)
        e = sev_repo_path(r, "public", folder);
    if (e == SEV_OK)
        e = sev_path_join(folder, name, path);
    if (e == SEV_OK)
        e = sev_repo_read_file(r, path, SEV_ROOT_BYTES_MAX, &bytes);
    if (e == SEV_OK)
        e = sev_repo_open_doc(r, profile, bytes, &doc);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &root);
    if (e == SEV_OK)
        e = sev_role_digest(&root.roles[SEV_ROLE_TIMESTAMP], (sev_profile)profile, out[0]);
    if (e == SEV_OK)
        e = sev_role_digest(&root.roles[SEV_ROLE_SNAPSHOT], (sev_profile)profile, out[1]);
    return e;
}

/* A revoked role's name may go when both keys that clients remember it under are others. */
static sev_err may_forget(struct sev_repository *r, const struct sev_repo_file *f, bool *out)
{
    const struct sev_repo_doc *root = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, "root");
    uint8_t then[2][SEV_SHA256_BYTES], now[2][SEV_SHA256_BYTES];
    *out = false;
    if (root == NULL || root->published.version <= f->retired)
        return SEV_OK;
    sev_err e = root_digests(r, SEV_PROFILE_NATIVE, f->retired, then);
    if (e == SEV_OK)
        e = root_digests(r, SEV_PROFILE_NATIVE, root->published.version, now);
    if (e == SEV_OK)
        *out = memcmp(then[0], now[0], SEV_SHA256_BYTES) != 0 &&
               memcmp(then[1], now[1], SEV_SHA256_BYTES) != 0;
    return e;
}

static void sort_listed(struct sev_repo_listed *l, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sev_repo_listed x = l[i];
        uint32_t k = i;
        char a[SEV_ROLE_NAME_BYTES_MAX + 8], b[SEV_ROLE_NAME_BYTES_MAX + 8];
        (void)snprintf(a, sizeof a, "%s.json", x.role); /* the order of the names as written */
        for (; k > 0; k--) {
            (void)snprintf(b, sizeof b, "%s.json", l[k - 1].role);
            if (strcmp(b, a) <= 0)
                break;
            l[k] = l[k - 1];
        }
        l[k] = x;
    }
}

static sev_err stage_snapshot(struct staging *s, int profile)
{
    struct sev_repository *r = s->r;
    struct sev_repo_listed *listed = sev_repo_take(&r->pool, (r->file_count + 1) * sizeof *listed);
    uint32_t count = 0;
    if (listed == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        bool forget = false;
        if (!sev_repo_has_doc(r, profile, f->name))
            continue;
        sev_err e = f->retired != 0 ? may_forget(r, f, &forget) : SEV_OK;
        if (e == SEV_OK && !forget)
            e = list_one(s, profile, f, &listed[count]);
        if (e == SEV_E_NOT_FOUND && f->retired != 0)
            continue; /* revoked before anybody saw it */
        if (e != SEV_OK)
            return e;
        count += !forget;
    }
    sort_listed(listed, count);
    struct sev_repo_making m = {
        .r = r, .profile = profile, .role = "snapshot", .listed = listed, .listed_count = count};
    return stage_one(s, &m, sev_repo_find_role(r, profile, "snapshot")->days);
}

static sev_err stage_timestamp(struct staging *s, int profile)
{
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    const struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, "snapshot");
    struct sev_repo_file snapshot = {.name = "snapshot"};
    struct sev_repo_listed listed;
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_required(s->r, profile, "snapshot", s->refresh, required);
    if (e != SEV_OK)
        return e;
    if (d->staged.version != 0 && !sev_repo_complete(d, required))
        return SEV_OK; /* it is not known yet what there is to list */
    e = list_one(s, profile, &snapshot, &listed);
    struct sev_repo_making m = {
        .r = s->r, .profile = profile, .role = "timestamp", .listed = &listed, .listed_count = 1};
    return e == SEV_OK ? stage_one(s, &m, sev_repo_find_role(s->r, profile, "timestamp")->days) : e;
}

/* ------------------------------------------------------------------- all of it */

static sev_err stage_files(struct staging *s, int profile)
{
    struct sev_repository *r = s->r;
    struct sev_repo_file derived;
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        struct sev_repo_doc *d = sev_repo_find_doc(r, profile, f->name);
        if (f->retired != 0 && d != NULL)
            drop_staged(d);
        bool asked = !s->refresh || sev_repo_is_online(r, f->name);
        if (f->retired != 0 || !sev_repo_has_doc(r, profile, f->name) || !asked)
            continue;
        if (profile == SEV_PROFILE_AKTUALIZR) {
            e = sev_repo_aktualizr_file(r, &derived);
            f = &derived;
        }
        struct sev_repo_making m = {.r = r, .profile = profile, .role = f->name, .file = f};
        uint32_t days =
            i == 0 ? sev_repo_find_role(r, profile, "targets")->days : r->files[i]->days;
        if (e == SEV_OK)
            e = stage_one(s, &m, days);
    }
    return e;
}

static sev_err stage_profile(struct staging *s, int profile)
{
    struct sev_repository *r = s->r;
    struct sev_repo_making root = {.r = r, .profile = profile, .role = "root"};
    bool ready = false;
    sev_err e = SEV_OK;
    if (!s->refresh)
        e = stage_one(s, &root, sev_repo_find_role(r, profile, "root")->days);
    if (e == SEV_OK)
        e = stage_files(s, profile);
    if (e == SEV_OK)
        e = all_signed(s, profile, &ready);
    if (e != SEV_OK || !sev_repo_has_doc(r, profile, "snapshot"))
        return e;
    if (!ready) { /* what they would list is not signed yet */
        struct sev_repo_doc *stale = sev_repo_find_doc(r, profile, "snapshot");
        if (stale != NULL)
            drop_staged(stale);
        stale = sev_repo_find_doc(r, profile, "timestamp");
        if (stale != NULL)
            drop_staged(stale);
        return SEV_OK;
    }
    e = stage_snapshot(s, profile);
    return e == SEV_OK ? stage_timestamp(s, profile) : e;
}

static sev_err write_one(struct sev_repository *r, struct sev_repo_doc *d)
{
    char path[SEV_FS_PATH_MAX];
    sev_slice message, there;
    struct sev_bytes summary = {0};
    sev_err e = sev_repo_staged_message(r, d, &message);
    if (e == SEV_OK)
        e = sev_repo_staged_path(r, d, ".tbs", path);
    if (e != SEV_OK)
        return e;
    e = sev_repo_read_file(r, path, SEV_TARGETS_BYTES_MAX, &there);
    if (e == SEV_OK && sev_slice_eq(there, message)) {
        d->staged.on_disk = true;
        return SEV_OK;
    }
    if (e != SEV_OK && e != SEV_E_NOT_FOUND)
        return e;
    e = sev_repo_fail_fs(r, sev_file_replace(r->fs, path, message, 0644));
    if (e == SEV_OK && !sev_repo_is_online(r, d->role)) { /* people read it */
        e = sev_tbs_describe(r->fs, message, &summary);
        if (e == SEV_OK)
            e = sev_repo_staged_path(r, d, ".txt", path);
        if (e == SEV_OK)
            e = sev_repo_fail_fs(r, sev_file_replace(r->fs, path, sev_bytes_slice(&summary), 0644));
        sev_bytes_free(r->fs, &summary);
    }
    d->staged.on_disk = e == SEV_OK;
    return e;
}

sev_err sev_repo_stage_write(struct sev_repository *r)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < r->doc_count; i++) {
        struct sev_repo_doc *d = r->docs[i];
        if (d->staged.version != 0 && d->staged.body.len != 0 && !d->staged.on_disk)
            e = write_one(r, d);
    }
    return e;
}

static bool is_current(struct sev_repository *r, const char *name)
{
    for (uint32_t i = 0; i < r->doc_count; i++) {
        const struct sev_repo_doc *d = r->docs[i];
        char path[SEV_FS_PATH_MAX];
        for (int k = 0; k < 2 && d->staged.version != 0; k++) {
            if (sev_repo_staged_path(r, d, k == 0 ? ".tbs" : ".txt", path) != SEV_OK)
                continue;
            if (strcmp(strrchr(path, '/') + 1, name) == 0)
                return true;
        }
    }
    return false;
}

/* Files of what is not on its way any more. Whatever cannot be removed now goes with the next. */
sev_err sev_repo_sweep(struct sev_repository *r)
{
    char folder[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_names names = {0};
    sev_err e = sev_repo_path(r, "staged", folder);
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_clean(r->fs, folder));
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_list(r->fs, folder, STAGED_FILES_MAX, &names));
    for (size_t i = 0; e == SEV_OK && i < names.count; i++) {
        if (is_current(r, names.names[i]))
            continue;
        e = sev_path_join(folder, names.names[i], path);
        if (e == SEV_OK)
            e = sev_repo_fail_fs(r, sev_file_remove(r->fs, path));
    }
    sev_names_free(r->fs, &names);
    return e;
}

sev_err sev_repo_stage_plan(struct sev_repository *r, sev_time now, bool aging, bool refresh)
{
    struct staging s = {.r = r, .now = now, .aging = aging, .refresh = refresh};
    sev_err e = SEV_OK;
    for (int p = 0; e == SEV_OK && p < PROFILES; p++)
        if (r->profiles[p].on)
            e = stage_profile(&s, p);
    return e;
}

sev_err sev_repository_stage(struct sev_repository *r, sev_time now, bool aging)
{
    for (uint32_t i = 0; i < r->doc_count; i++)
        if (r->docs[i]->staged.releasing)
            return sev_repo_fail(r->note, SEV_E_CONFLICT,
                                 "a publication was interrupted: finish it with publish");
    sev_err e = sev_repo_stage_plan(r, now, aging, false);
    if (e == SEV_OK)
        e = sev_repo_save(r); /* claimed durably, before anybody is shown the bytes. DESIGN 2 */
    if (e == SEV_OK)
        e = sev_repo_stage_write(r);
    return e == SEV_OK ? sev_repo_sweep(r) : e;
}

bool sev_repository_staged_at(struct sev_repository *r, size_t index,
                              struct sev_repository_staged *out)
{
    struct sev_repo_required required;
    for (uint32_t i = 0; i < r->doc_count; i++) {
        const struct sev_repo_doc *d = r->docs[i];
        if (d->staged.version == 0 || index-- != 0)
            continue;
        memset(out, 0, sizeof *out);
        out->profile = (sev_profile)d->profile;
        out->role = d->role;
        out->version = d->staged.version;
        out->expires = d->staged.expires;
        out->signatures = d->staged.sig_count;
        if (sev_repo_staged_path(r, d, ".tbs", out->file) != SEV_OK)
            out->file[0] = '\0';
        if (sev_repo_required(r, d->profile, d->role, false, &required) == SEV_OK) {
            out->complete = sev_repo_complete(d, &required);
            for (uint32_t k = 0; k < required.count; k++)
                if (required.sets[k].threshold > out->threshold)
                    out->threshold = required.sets[k].threshold;
        }
        return true;
    }
    return false;
}
