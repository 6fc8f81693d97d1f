/* publish - sign what is signed online, look at the result as a client would, and bring it out in
 * an order in which every moment is consistent. REQ-REP-12 SPDX-License-Identifier: MIT */
#include "publish.h"

#define ROUNDS_MAX 8 /* targets, snapshot, timestamp each need what comes before; and some air */

/* ------------------------------------------------------------------- signing */

static sev_err sign_with(struct publishing *p, struct sev_repo_doc *d,
                         const struct sev_repo_required *required, const char *keyid)
{
    uint8_t bytes[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(bytes, sizeof bytes);
    sev_slice message;
    sev_err e = sev_repo_staged_message(p->r, d, &message);
    if (e == SEV_OK)
        e = p->signer->sign(p->signer->context, keyid, message, &sig);
    if (e != SEV_OK)
        return e;
    return sev_repo_add_signature(p->r, d, required, keyid, sev_buf_slice(&sig));
}

/* With the keys that are here, until the set is satisfied. */
static sev_err sign_set(struct publishing *p, struct sev_repo_doc *d,
                        const struct sev_repo_required *required, const struct sev_repo_keyset *set,
                        bool *progress)
{
    for (uint32_t i = 0; i < set->count && !sev_repo_set_met(d, set); i++) {
        if (sev_repo_has_signed(d, set->ids[i]))
            continue;
        sev_err e = sign_with(p, d, required, set->ids[i]);
        if (e == SEV_E_NOT_FOUND)
            continue;
        if (e != SEV_OK)
            return e;
        *progress = true;
    }
    return SEV_OK;
}

static sev_err sign_online(struct publishing *p, bool *progress)
{
    struct sev_repository *r = p->r;
    struct sev_repo_required *required = sev_repo_take(&r->pool, sizeof *required);
    bool drops = false;
    *progress = false;
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err failed = sev_repo_drops_names(r, &drops);
    if (failed != SEV_OK)
        return failed;
    for (uint32_t i = 0; p->signer != NULL && i < r->doc_count; i++) {
        struct sev_repo_doc *d = r->docs[i];
        if (d->staged.version == 0 || !sev_repo_is_online(r, d->role))
            continue;
        sev_err e = sev_repo_needed(r, d->profile, d->role, p->how, required);
        for (uint32_t k = 0; e == SEV_OK && k < required->count; k++)
            e = sign_set(p, d, required, &required->sets[k], progress);
        /* A reader that still has the old root must not take a snapshot that lacks names. */
        if (e == SEV_OK && required->has_old && !drops)
            e = sign_set(p, d, required, &required->old, progress);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

/* ------------------------------------------------------------------ bringing out */

static int place_of(const struct sev_repo_doc *d, bool root_first)
{
    if (strcmp(d->role, "root") == 0)
        return root_first ? 0 : 5;
    if (strcmp(d->role, "targets") == 0)
        return 2;
    if (strcmp(d->role, "snapshot") == 0)
        return 3;
    return strcmp(d->role, "timestamp") == 0 ? 4 : 1;
}

/* Where new keys and old ones have signed all that a root's readers look at, the root comes last
 * and nobody notices the change. Where the old ones are gone, it comes first: a reader in between
 * is refused, and comes again. */
static sev_err must_come_first(struct sev_repository *r, int profile, bool *out)
{
    const struct sev_repo_doc *root = sev_repo_find_doc(r, profile, "root");
    static const char *const roles[] = {"timestamp", "snapshot", "targets"};
    *out = root == NULL || root->published.version == 0;
    if (!*out) {
        sev_err e = sev_repo_drops_names(r, out);
        if (e != SEV_OK)
            return e;
    }
    for (int i = 0; !*out && i < 3; i++) {
        struct sev_repo_required required;
        const struct sev_repo_doc *d = sev_repo_find_doc(r, profile, roles[i]);
        if (d == NULL)
            continue;
        sev_err e = sev_repo_required(r, profile, roles[i], false, &required);
        if (e != SEV_OK)
            return e;
        *out = required.has_old && !sev_repo_set_met(d, &required.old);
    }
    return SEV_OK;
}

/* A version that was published is never written with other bytes. DESIGN 3.4 */
static sev_err bring_out(struct sev_repository *r, struct sev_repo_doc *d)
{
    char name[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    sev_slice bytes, there;
    sev_err e = sev_repo_public_name(d->profile, d->role, d->staged.version, name);
    if (e == SEV_OK)
        e = sev_repo_public_path(r, name, path);
    if (e == SEV_OK)
        e = sev_repo_staged_bytes(r, d, &bytes);
    if (e != SEV_OK)
        return e;
    const char *file = strrchr(name, '/');
    file = file != NULL ? file + 1 : name;
    bool versioned = file[0] >= '0' && file[0] <= '9' && strcmp(file, "timestamp.json") != 0;
    if (!versioned)
        return sev_repo_fail_fs(r, sev_file_replace(r->fs, path, bytes, 0644));
    e = sev_file_create(r->fs, path, bytes, 0644);
    if (e != SEV_E_EXISTS)
        return sev_repo_fail_fs(r, e);
    e = sev_repo_read_file(r, path, SEV_TARGETS_BYTES_MAX, &there);
    if (e == SEV_OK && !sev_slice_eq(there, bytes))
        e = sev_repo_fail(r->note, SEV_E_EQUIVOCATION,
                          "public/%.200s exists with other bytes: it is never overwritten", name);
    return e;
}

static sev_err bring_out_images(struct sev_repository *r)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < r->doc_count; i++) {
        struct sev_repo_doc *d = r->docs[i];
        int place = place_of(d, true);
        sev_slice bytes;
        if (!(d->staged.chosen || d->staged.releasing) || (place != 1 && place != 2) ||
            r->kind != SEV_REPOSITORY_IMAGES)
            continue;
        e = sev_repo_staged_bytes(r, d, &bytes);
        if (e == SEV_OK)
            e = sev_repo_publish_images(r, d->profile, bytes);
    }
    return e;
}

static sev_err bring_out_profile(struct sev_repository *r, int profile)
{
    bool root_first = true;
    sev_err e = must_come_first(r, profile, &root_first);
    for (int place = 0; e == SEV_OK && place <= 5; place++)
        for (uint32_t i = 0; e == SEV_OK && i < r->doc_count; i++) {
            struct sev_repo_doc *d = r->docs[i];
            if (d->staged.releasing && d->profile == profile && place_of(d, root_first) == place)
                e = bring_out(r, d);
        }
    return e;
}

/* Roles that the snapshot does not name any more. Their versions stay claimed. */
static void forget_dropped(struct sev_repository *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->file_count; i++)
        if (!r->files[i]->retired)
            r->files[kept++] = r->files[i];
    r->file_count = kept;
}

static sev_err count_as_published(struct sev_repository *r)
{
    const struct sev_repo_doc *root = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, "root");
    bool drops = false;
    sev_err failed = sev_repo_drops_names(r, &drops);
    if (failed != SEV_OK)
        return failed;
    if (drops && root != NULL && root->staged.releasing)
        forget_dropped(r);
    for (uint32_t i = 0; i < r->doc_count; i++) {
        struct sev_repo_doc *d = r->docs[i];
        sev_slice bytes;
        if (!d->staged.releasing)
            continue;
        sev_err e = sev_repo_staged_bytes(r, d, &bytes);
        if (e != SEV_OK)
            return e;
        d->published.version = d->staged.version;
        d->published.length = (int64_t)bytes.len;
        d->published.expires = d->staged.expires;
        sev_repo_digest(bytes, d->published.sha256);
        memcpy(d->published.content, d->staged.content, sizeof d->published.content);
        memset(&d->staged, 0, sizeof d->staged);
    }
    return sev_repo_save(r);
}

/* From the moment that the state says "releasing" there is only one way: forward, as often as it
 * takes. Everything needed is on disk. */
static sev_err finish(struct sev_repository *r, bool *out_any)
{
    char folder[SEV_FS_PATH_MAX];
    sev_err e = SEV_OK;
    *out_any = false;
    for (uint32_t i = 0; i < r->doc_count; i++)
        *out_any = *out_any || r->docs[i]->staged.releasing;
    if (!*out_any)
        return SEV_OK;
    e = bring_out_images(r); /* again, should somebody have taken one away */
    for (int p = 0; e == SEV_OK && p < PROFILES; p++) {
        if (!r->profiles[p].on)
            continue;
        e = sev_repo_path(r, sev_repo_public_folder(p), folder);
        if (e == SEV_OK)
            e = sev_repo_fail_fs(r, sev_dir_clean(r->fs, folder));
        if (e == SEV_OK)
            e = bring_out_profile(r, p);
    }
    return e == SEV_OK ? count_as_published(r) : e;
}

/* What lies about afterwards. */
static sev_err tidy(struct sev_repository *r, enum sev_repository_publish_how how)
{
    bool waiting = how == SEV_PUBLISH_REFRESH; /* what was edited may not be staged yet */
    for (uint32_t i = 0; i < r->doc_count; i++)
        waiting = waiting || r->docs[i]->staged.version != 0;
    sev_err e = sev_repo_sweep(r);
    return e == SEV_OK && !waiting ? sev_repo_empty_pool(r) : e;
}

static sev_err prepare(struct publishing *p)
{
    bool progress = true;
    for (int round = 0; progress && round < ROUNDS_MAX; round++) {
        sev_err e = sev_repo_stage_plan(p->r, p->now, false, p->how);
        if (e == SEV_OK)
            e = sign_online(p, &progress);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

/* What is complete and yet cannot go out alone waits, and the rest is looked at again without it:
 * new keys of a role that has not signed with them must not keep a withdrawal from its readers. */
static sev_err prepare_ready(struct publishing *p)
{
    for (uint32_t i = 0; i <= p->r->doc_count; i++) {
        struct sev_repo_doc *culprit = NULL;
        sev_err e = prepare(p);
        if (e == SEV_OK)
            e = sev_repo_choose(p);
        if (e != SEV_OK)
            return e;
        e = sev_repo_check_trust(p, &culprit);
        if (e == SEV_OK || culprit == NULL)
            return e;
        e = sev_repo_text(&p->r->pool, sev_repo_slice(p->r->note->text), &culprit->staged.waits);
        if (e != SEV_OK)
            return e;
        p->r->note->text[0] = '\0';
    }
    return SEV_E_BUG;
}

/* The first time, all of it is needed. */
static enum sev_repository_publish_how how_for(struct sev_repository *r,
                                               enum sev_repository_publish_how how)
{
    const struct sev_repo_doc *root = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, "root");
    bool first = root == NULL || root->published.version == 0;
    return how == SEV_PUBLISH_READY && first ? SEV_PUBLISH_ALL : how;
}

/* What cannot be published yet stays staged, with the signatures that it has. Versions are claimed
 * before anybody is shown their bytes. */
static sev_err keep_staged(struct sev_repository *r)
{
    sev_err e = sev_repo_save(r);
    if (e == SEV_OK)
        e = sev_repo_stage_write(r);
    return e == SEV_OK ? sev_repo_sweep(r) : e;
}

sev_err sev_repository_publish(struct sev_repository *r, sev_time now,
                               enum sev_repository_publish_how how,
                               const struct sev_repository_signer *signer)
{
    struct publishing p = {r, now, how, signer};
    uint32_t count = 0;
    bool any = false;
    sev_err e = finish(r, &any);
    p.how = how_for(r, how);
    if (e == SEV_OK)
        e = p.how == SEV_PUBLISH_READY ? prepare_ready(&p) : prepare(&p);
    if (e != SEV_OK)
        return e;
    r->latest = now;
    e = sev_repo_judge(&p, &count);
    if (e == SEV_OK && count != 0) /* an image that cannot be brought out stops nothing for ever */
        e = bring_out_images(r);
    if (e != SEV_OK || count == 0) {
        struct sev_repository_note why = *r->note;
        sev_err kept = keep_staged(r);
        if (e != SEV_OK) /* and not what was looked for in vain meanwhile */
            *r->note = why;
        return e != SEV_OK ? e : kept != SEV_OK ? kept : tidy(r, p.how);
    }
    e = p.how == SEV_PUBLISH_READY ? keep_staged(r) : sev_repo_stage_write(r);
    for (uint32_t i = 0; e == SEV_OK && i < r->doc_count; i++)
        r->docs[i]->staged.releasing = r->docs[i]->staged.chosen;
    if (e == SEV_OK)
        e = sev_repo_save(r); /* claimed, signed, durable: here it is decided */
    if (e == SEV_OK)
        e = finish(r, &any);
    return e == SEV_OK ? tidy(r, p.how) : e;
}

bool sev_repository_published_at(const struct sev_repository *r, size_t index,
                                 struct sev_repository_published *out)
{
    for (uint32_t i = 0; i < r->doc_count; i++) {
        const struct sev_repo_doc *d = r->docs[i];
        if (d->published.version == 0 || index-- != 0)
            continue;
        *out = (struct sev_repository_published){.profile = (sev_profile)d->profile,
                                                 .role = d->role,
                                                 .version = d->published.version,
                                                 .length = d->published.length,
                                                 .expires = d->published.expires};
        return true;
    }
    return false;
}
