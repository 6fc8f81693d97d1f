/* stage - decide which files change, claim their versions, write the bytes to be signed.
 * SPDX-License-Identifier: MIT */
#include "stage.h"

#include <stdio.h>

#define STAGED_FILES_MAX 4096u

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
    bool assigns = s->r->kind == SEV_REPOSITORY_DIRECTOR && m->file != NULL &&
                   m->profile == SEV_PROFILE_NATIVE;
    if (assigns)
        e = sev_repo_check_director(s->r->note, sev_json_get(*out_body, "targets"),
                                    sev_json_get(m->file->custom, "bundle"));
    return e == SEV_OK ? sev_tbs_check(s->r->fs, message, &tbs, s->r->note) : e;
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
    if (s->now > SEV_TIME_MAX - (sev_time)days * DAY)
        return sev_repo_fail(s->r->note, SEV_E_CONFIG,
                             "role %.128s would expire after the year 9999: is the clock right?",
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

sev_err sev_repo_stage_one(struct staging *s, struct sev_repo_making *m, uint32_t days)
{
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    struct sev_repo_doc *d = NULL;
    char content[HEX_CHARS + 1];
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_need_doc(s->r, m->profile, m->role, &d);
    /* What is signed online is made anew for whatever root is to be published. What people sign is
     * made once, for the keys that are wanted. */
    enum sev_repository_publish_how how =
        sev_repo_is_online(s->r, m->role) ? s->how : SEV_PUBLISH_ALL;
    if (e == SEV_OK)
        e = sev_repo_needed(s->r, m->profile, m->role, how, required);
    if (e == SEV_OK)
        e = content_of(m, required, content);
    if (e != SEV_OK)
        return e;
    m->role = d->role;
    /* What has expired ends everybody's update, and nobody signs it anew unless it is staged. */
    bool over = d->published.version != 0 && d->published.expires <= s->now &&
                sev_repo_is_top_role(m->role);
    bool may_age = s->aging || over || sev_repo_is_online(s->r, m->role);
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
    if (s->how == SEV_PUBLISH_REFRESH && !same && strcmp(m->role, "targets") == 0)
        return SEV_OK; /* somebody's edits; only `publish` takes them */
    if (same && !(may_age && is_aging(s, d->published.expires, days))) {
        drop_staged(d);
        return SEV_OK;
    }
    return take_version(s, m, d, days, content);
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
        if (f->retired && d != NULL)
            drop_staged(d);
        bool asked = s->how != SEV_PUBLISH_REFRESH || sev_repo_is_online(r, f->name);
        if (f->retired || !sev_repo_has_doc(r, profile, f->name) || !asked)
            continue;
        if (profile == SEV_PROFILE_AKTUALIZR) {
            e = sev_repo_aktualizr_file(r, &derived);
            f = &derived;
        }
        struct sev_repo_making m = {.r = r, .profile = profile, .role = f->name, .file = f};
        uint32_t days =
            i == 0 ? sev_repo_find_role(r, profile, "targets")->days : r->files[i]->days;
        if (e == SEV_OK)
            e = sev_repo_stage_one(s, &m, days);
    }
    return e;
}

static sev_err stage_profile(struct staging *s, int profile)
{
    struct sev_repository *r = s->r;
    struct sev_repo_making root = {.r = r, .profile = profile, .role = "root"};
    bool ready = false;
    sev_err e = SEV_OK;
    if (s->how != SEV_PUBLISH_REFRESH)
        e = sev_repo_stage_one(s, &root, sev_repo_find_role(r, profile, "root")->days);
    if (e == SEV_OK)
        e = stage_files(s, profile);
    if (e == SEV_OK)
        e = sev_repo_all_signed(s, profile, &ready);
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
    e = sev_repo_stage_snapshot(s, profile);
    return e == SEV_OK ? sev_repo_stage_timestamp(s, profile) : e;
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
    char folder[SEV_FS_PATH_MAX];
    sev_err e = sev_repo_path(r, "staged", folder);
    if (e == SEV_OK) /* whoever copies a repository may leave an empty folder behind */
        e = sev_repo_fail_fs(r, sev_dir_ensure(r->fs, folder, 0755, 0));
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

sev_err sev_repo_stage_plan(struct sev_repository *r, sev_time now, bool aging,
                            enum sev_repository_publish_how how)
{
    struct staging s = {.r = r, .now = now, .aging = aging, .how = how};
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
    r->latest = now;
    sev_err e = sev_repo_stage_plan(r, now, aging, SEV_PUBLISH_ALL);
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
        out->waits = d->staged.waits;
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
