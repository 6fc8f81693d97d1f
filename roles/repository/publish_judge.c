/* publish_judge - which staged files are published now, and whether a client would take them.
 * SPDX-License-Identifier: MIT */
#include "publish.h"

/* Decided once, when everything is signed that can be. */
sev_err sev_repo_choose(struct publishing *p)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < p->r->doc_count; i++)
        e = sev_repo_counts(p->r, p->r->docs[i], p->how, &p->r->docs[i]->staged.chosen);
    return e;
}

/* ------------------------------------------------------------------- judging */

static sev_err check_one(struct publishing *p, struct sev_repo_doc *d)
{
    struct sev_repo_required *required = sev_repo_take(&p->r->pool, sizeof *required);
    if (required == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_repo_needed(p->r, d->profile, d->role, p->how, required);
    if (e != SEV_OK)
        return e;
    if (!sev_repo_complete(d, required))
        return sev_repo_fail_unsigned(p->r, d, required);
    sev_slice bytes;
    e = sev_repo_staged_bytes(p->r, d, &bytes);
    if (e != SEV_OK)
        return e;
    if (bytes.len > sev_repo_bytes_max(p->r, d->role))
        return sev_repo_fail(p->r->note, SEV_E_TOO_LONG,
                             "the file of role %.128s has %zu bytes: no client reads it", d->role,
                             bytes.len);
    bool names_none = p->r->kind == SEV_REPOSITORY_DIRECTOR && p->r->vehicle == NULL &&
                      d->profile == SEV_PROFILE_NATIVE && strcmp(d->role, "root") != 0;
    if (names_none) /* DESIGN 3.4: checked by every vehicle before anything is stored */
        return sev_repo_fail(
            p->r->note, SEV_E_NO_VEHICLE,
            "made without a vehicle's id (init --vehicle): vehicles refuse its files");
    if (d->staged.expires <= p->now)
        return sev_repo_fail(p->r->note, SEV_E_EXPIRED,
                             "%s %.128s version %lld expired before it was published: stage again",
                             sev_repo_profile_name(d->profile), d->role,
                             (long long)d->staged.version);
    return SEV_OK;
}

static sev_err check_all(struct publishing *p, uint32_t *out_count)
{
    *out_count = 0;
    for (uint32_t i = 0; i < p->r->doc_count; i++) {
        if (!p->r->docs[i]->staged.chosen)
            continue;
        sev_err e = check_one(p, p->r->docs[i]);
        if (e != SEV_OK)
            return e;
        ++*out_count;
    }
    return SEV_OK;
}

static sev_err make_overlays(struct publishing *p, int profile, struct sev_repo_overlay *out,
                             uint32_t *out_count)
{
    const char *prefix = profile == SEV_PROFILE_AKTUALIZR ? "aktualizr/" : "";
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->r->doc_count; i++) {
        struct sev_repo_doc *d = p->r->docs[i];
        char name[SEV_FS_PATH_MAX];
        if (!d->staged.chosen || d->profile != profile)
            continue;
        sev_err e = sev_repo_public_name(profile, d->role, d->staged.version, name);
        if (e == SEV_OK)
            e = sev_repo_text(&p->r->pool, sev_repo_slice(name + strlen(prefix)), &out[count].name);
        if (e == SEV_OK)
            e = sev_repo_staged_bytes(p->r, d, &out[count].bytes);
        if (e != SEV_OK)
            return e;
        count++;
    }
    *out_count = count;
    return SEV_OK;
}

/* The root that a client trusts before: the published one, or else the very first. */
static sev_err trusted_root(struct publishing *p, int profile, sev_slice *out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(p->r, profile, "root");
    if (d != NULL && d->published.version != 0)
        return sev_repo_read_published(p->r, d, out);
    return d != NULL ? sev_repo_staged_bytes(p->r, d, out) : SEV_E_NOT_FOUND;
}

static uint64_t metadata_bytes(const struct publishing *p)
{
    uint64_t bytes = 65536; /* signatures */
    for (uint32_t i = 0; i < p->r->doc_count; i++)
        bytes += (uint64_t)p->r->docs[i]->published.length + p->r->docs[i]->staged.body.len;
    return bytes;
}

/* ----------------------------------------------------------- who is trusted */

/* A role's file as it will be public. SEV_E_NOT_FOUND: there will be none. */
static sev_err effective(struct publishing *p, int profile, const char *role, struct sev_doc *out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(p->r, profile, role);
    sev_slice bytes;
    if (d == NULL || (!d->staged.chosen && d->published.version == 0))
        return SEV_E_NOT_FOUND;
    sev_err e = d->staged.chosen ? sev_repo_staged_bytes(p->r, d, &bytes)
                                 : sev_repo_read_published(p->r, d, &bytes);
    return e == SEV_OK ? sev_repo_open_doc(p->r, profile, bytes, out) : e;
}

static bool is_chosen(const struct sev_repo_doc *d)
{
    return d != NULL && d->staged.chosen;
}

/* `parent` trusts `role` with these keys: has it such a file? The parent could wait, or, where that
 * is public already, the role's own. */
static sev_err check_trusted(struct publishing *p, int profile, const char *parent,
                             const char *role, const struct sev_role *keys,
                             struct sev_repo_doc **out_culprit)
{
    struct sev_doc doc;
    struct sev_repo_doc *above = sev_repo_find_doc(p->r, profile, parent);
    struct sev_repo_doc *own = sev_repo_find_doc(p->r, profile, role);
    sev_err e = effective(p, profile, role, &doc);
    if (e == SEV_E_NOT_FOUND)
        e = sev_repo_fail(p->r->note, SEV_E_ROLE_MISSING,
                          "%.64s would trust role %.128s, whose file is not there", parent, role);
    else if (e == SEV_OK)
        e = sev_quorum_check(NULL, keys, &doc, NULL);
    if (e == SEV_E_SIGNATURE)
        (void)sev_repo_fail(p->r->note, e, "role %.128s is not signed as %.64s wants it", role,
                            parent);
    if (e == SEV_E_SIGNATURE || e == SEV_E_ROLE_MISSING)
        *out_culprit = is_chosen(above) ? above : is_chosen(own) ? own : NULL;
    return e;
}

static sev_err check_delegations(struct publishing *p, const char *parent,
                                 struct sev_repo_doc **out_culprit)
{
    struct sev_doc doc;
    struct sev_targets t;
    sev_err e = effective(p, SEV_PROFILE_NATIVE, parent, &doc);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e != SEV_OK || t.delegation_roles.len == 0)
        return e == SEV_E_NOT_FOUND ? SEV_OK : e;
    sev_json j = sev_json_at(t.delegation_roles);
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        struct sev_delegation d;
        e = sev_delegation_parse(&j, t.delegation_keys, SEV_PROFILE_NATIVE, &d);
        for (uint32_t k = 0; e == SEV_OK && k < d.role_count; k++) {
            const char *role;
            e = sev_repo_text(&p->r->pool, d.roles[k].name.raw, &role);
            if (e == SEV_OK)
                e = check_trusted(p, SEV_PROFILE_NATIVE, parent, role, &d.roles[k].role,
                                  out_culprit);
        }
    }
    return e == SEV_OK ? j.err : e;
}

/* A root that lets names of revoked roles go takes along all that is staged: what is public might
 * still name them. */
static sev_err check_dropped(struct publishing *p, struct sev_repo_doc *root,
                             struct sev_repo_doc **out_culprit)
{
    bool drops = false;
    sev_err e = sev_repo_drops_names(p->r, &drops);
    for (uint32_t i = 0; e == SEV_OK && drops && i < p->r->doc_count; i++) {
        const struct sev_repo_doc *d = p->r->docs[i];
        if (d->profile != root->profile || d->staged.version == 0 || d->staged.chosen)
            continue;
        *out_culprit = root;
        return sev_repo_fail(p->r->note, SEV_E_SIGNATURE,
                             "the root lets names of revoked roles go, and %.128s is not ready",
                             d->role);
    }
    return e;
}

static sev_err check_root(struct publishing *p, int profile, struct sev_repo_doc **out_culprit)
{
    struct sev_repo_doc *d = sev_repo_find_doc(p->r, profile, "root");
    struct sev_doc doc;
    struct sev_root root;
    if (!is_chosen(d))
        return SEV_OK;
    sev_err e = effective(p, profile, "root", &doc);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &root);
    if (e == SEV_OK)
        e = check_trusted(p, profile, "root", "targets", &root.roles[SEV_ROLE_TARGETS],
                          out_culprit);
    return e == SEV_OK && profile == SEV_PROFILE_NATIVE ? check_dropped(p, d, out_culprit) : e;
}

/* What is published and not chosen was judged under other keys than those that come next. */
sev_err sev_repo_check_trust(struct publishing *p, struct sev_repo_doc **out_culprit)
{
    sev_err e = SEV_OK;
    *out_culprit = NULL;
    for (int i = 0; e == SEV_OK && i < PROFILES; i++)
        if (p->r->profiles[i].on)
            e = check_root(p, i, out_culprit);
    for (uint32_t i = 0; e == SEV_OK && i < p->r->file_count; i++)
        if (!p->r->files[i]->retired)
            e = check_delegations(p, p->r->files[i]->name, out_culprit);
    return e;
}

/* Whatever a client would refuse is not published. */
static sev_err look(struct publishing *p, int profile)
{
    struct sev_repository *r = p->r;
    struct sev_repo_overlay *overlays =
        sev_repo_take(&r->pool, (r->doc_count + 1) * sizeof *overlays);
    struct sev_repo_view v = {.fs = r->fs, .pool = &r->pool, .overlays = overlays};
    struct sev_walk_config config = {.profile = (sev_profile)profile,
                                     .director = r->kind == SEV_REPOSITORY_DIRECTOR,
                                     .now = p->now};
    char folder[SEV_FS_PATH_MAX];
    sev_slice root;
    if (overlays == NULL)
        return SEV_E_MEMORY;
    sev_err e = make_overlays(p, profile, overlays, &v.overlay_count);
    if (e == SEV_OK)
        e = sev_repo_path(r, sev_repo_public_folder(profile), folder);
    if (e == SEV_OK)
        e = trusted_root(p, profile, &root);
    v.folder = folder;
    if (e == SEV_OK)
        e = sev_repo_view_open(&v, metadata_bytes(p));
    if (e == SEV_OK)
        e = sev_repo_view_keep(&v, "root.json", root);
    if (e == SEV_OK) {
        e = sev_repo_view_refresh(&v, &config);
        if (e != SEV_OK)
            (void)sev_repo_fail(r->note, e, "a client would refuse it (%s %.128s): %s",
                                sev_repo_profile_name(profile), v.walk->role, sev_err_sentence(e));
    }
    sev_repo_view_close(&v);
    return e;
}

/* Nothing to do is fine, unless nothing was ever done; and what is there is looked at anyway. */
static sev_err check_published(struct sev_repository *r)
{
    const struct sev_repo_doc *d = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, "timestamp");
    if (d == NULL || d->published.version == 0)
        return sev_repo_fail(
            r->note, SEV_E_NOT_FOUND,
            "nothing was published yet\nsecureev repo stage; sign; assemble; then publish");
    return SEV_OK;
}

sev_err sev_repo_judge(struct publishing *p, uint32_t *out_count)
{
    struct sev_repo_doc *culprit;
    sev_err e = sev_repo_choose(p);
    if (e == SEV_OK)
        e = check_all(p, out_count);
    if (e == SEV_OK && *out_count == 0)
        e = check_published(p->r);
    for (int i = 0; e == SEV_OK && i < PROFILES; i++)
        if (p->r->profiles[i].on)
            e = look(p, i);
    /* A refresh leaves everybody's trust as it was; it must not fail where one supplier's file was
     * damaged, or the others' would grow stale, too. */
    if (e == SEV_OK && p->how != SEV_PUBLISH_REFRESH)
        e = sev_repo_check_trust(p, &culprit);
    return e;
}
