/* stage_listing - snapshot and timestamp: what is listed with which version, length and digest.
 * SPDX-License-Identifier: MIT */
#include "stage.h"

#include <stdio.h>

/* What the snapshot says of a role: of the file that is complete and on its way, or of the public
 * one. SEV_E_NOT_FOUND: neither. */
static sev_err list_one(struct staging *s, int profile, const struct sev_repo_file *f,
                        struct sev_repo_listed *out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, f->name);
    if (d == NULL)
        return SEV_E_NOT_FOUND;
    bool staged = false;
    sev_err e = f->retired ? SEV_OK : sev_repo_counts(s->r, d, s->how, &staged);
    if (e != SEV_OK)
        return e;
    if (!staged) {
        *out = (struct sev_repo_listed){d->role, d->published.version, d->published.length,
                                        d->published.sha256};
        return d->published.version != 0 ? SEV_OK : SEV_E_NOT_FOUND;
    }
    sev_slice bytes;
    char digest[HEX_CHARS + 1];
    e = sev_repo_staged_bytes(s->r, d, &bytes);
    if (e != SEV_OK)
        return e;
    sev_repo_digest(bytes, digest);
    *out = (struct sev_repo_listed){d->role, d->staged.version, (int64_t)bytes.len, NULL};
    return sev_repo_text(&s->r->pool, sev_slice_of(digest, HEX_CHARS), &out->sha256);
}

static sev_err is_signed(struct staging *s, int profile, const struct sev_repo_file *f, bool *out)
{
    const struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, f->name);
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    bool counts = false;
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = d == NULL ? SEV_OK : sev_repo_counts(s->r, d, s->how, &counts);
    if (e != SEV_OK)
        return e;
    if (!counts) { /* a new role whose file is not ready: nobody must trust it yet, see publish.c */
        bool top = sev_repo_is_top_role(f->name);
        *out = (d != NULL && d->published.version != 0) || (s->how == SEV_PUBLISH_READY && !top);
        return SEV_OK;
    }
    e = sev_repo_needed(s->r, profile, f->name, s->how, required);
    if (e == SEV_OK)
        *out = sev_repo_complete(d, required);
    return e;
}

/* Are all files that the snapshot would list signed? */
sev_err sev_repo_all_signed(struct staging *s, int profile, bool *out)
{
    sev_err e = SEV_OK;
    *out = true;
    for (uint32_t i = 0; e == SEV_OK && *out && i < s->r->file_count; i++) {
        const struct sev_repo_file *f = s->r->files[i];
        if (!f->retired && sev_repo_has_doc(s->r, profile, f->name))
            e = is_signed(s, profile, f, out);
    }
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

sev_err sev_repo_stage_snapshot(struct staging *s, int profile)
{
    struct sev_repository *r = s->r;
    struct sev_repo_listed *listed = sev_repo_take(&r->pool, (r->file_count + 1) * sizeof *listed);
    uint32_t count = 0;
    bool drops = false, old_root = false;
    if (listed == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_old_root(r, profile, s->how, &old_root);
    if (e == SEV_OK && !old_root)
        e = sev_repo_drops_names(r, &drops);
    for (uint32_t i = 0; e == SEV_OK && i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        if (!sev_repo_has_doc(r, profile, f->name) || (f->retired && drops))
            continue;
        e = list_one(s, profile, f, &listed[count]);
        count += e == SEV_OK;
        if (e == SEV_E_NOT_FOUND && (f->retired || s->how == SEV_PUBLISH_READY))
            e = SEV_OK; /* nobody ever saw it */
    }
    if (e != SEV_OK)
        return e;
    sort_listed(listed, count);
    struct sev_repo_making m = {
        .r = r, .profile = profile, .role = "snapshot", .listed = listed, .listed_count = count};
    return sev_repo_stage_one(s, &m, sev_repo_find_role(r, profile, "snapshot")->days);
}

sev_err sev_repo_stage_timestamp(struct staging *s, int profile)
{
    struct sev_repo_required *required = sev_repo_take(&s->r->pool, sizeof *required);
    const struct sev_repo_doc *d = sev_repo_find_doc(s->r, profile, "snapshot");
    struct sev_repo_file snapshot = {.name = "snapshot"};
    struct sev_repo_listed listed;
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_needed(s->r, profile, "snapshot", s->how, required);
    if (e != SEV_OK)
        return e;
    if (d->staged.version != 0 && !sev_repo_complete(d, required))
        return SEV_OK; /* it is not known yet what there is to list */
    e = list_one(s, profile, &snapshot, &listed);
    struct sev_repo_making m = {
        .r = s->r, .profile = profile, .role = "timestamp", .listed = &listed, .listed_count = 1};
    return e == SEV_OK
               ? sev_repo_stage_one(s, &m, sev_repo_find_role(s->r, profile, "timestamp")->days)
               : e;
}
