/* source - an image's entry in another repository, verified as a client would verify it.
 * What is trusted of that repository is kept in trust/, so its versions can only rise.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

static sev_err trust_first(struct sev_repository *r, const struct sev_repository_source *from,
                           const char *store)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    sev_slice root;
    sev_err e = sev_repo_fail_fs(r, sev_dir_ensure(r->fs, store, 0755, 0));
    if (e == SEV_OK)
        e = sev_path_join(store, "root.json", path);
    if (e != SEV_OK)
        return e;
    e = sev_file_stat(r->fs, path, &st);
    if (e != SEV_E_NOT_FOUND)
        return sev_repo_fail_fs(r, e);
    char first[SEV_FS_PATH_MAX];
    const char *source = from->root;
    if (source == NULL) {
        e = sev_path_join(from->folder, "1.root.json", first);
        if (e != SEV_OK)
            return e;
        source = first;
    }
    e = sev_repo_read_file(r, source, SEV_ROOT_BYTES_MAX, &root);
    return e == SEV_OK ? sev_repo_fail_fs(r, sev_file_replace(r->fs, path, root, 0644)) : e;
}

static sev_err take_found(struct sev_repository *r, const struct sev_target *target,
                          struct sev_repo_found *out)
{
    struct sev_match match;
    if (target->match.len == 0)
        return sev_repo_fail(r->note, SEV_E_DISAGREE, "the entry there has no match section");
    sev_err e = sev_match_parse(target->match, &match);
    if (e == SEV_OK)
        e = sev_repo_canonical(&r->pool, target->match, &out->match);
    if (e == SEV_OK)
        e = sev_repo_canonical(&r->pool, match.hardware_ids, &out->hardware_ids);
    out->length = target->length;
    out->hashes = target->hashes;
    out->encrypted = match.plaintext.len != 0;
    return e;
}

/* The search tells what the entry says in digests; its bytes stand in the role's file, which the
 * verified snapshot lists with length and digest. */
static sev_err read_entry(struct sev_repo_view *v, struct sev_repository *r, sev_slice image,
                          struct sev_repo_found *out)
{
    const struct sev_listing *l = &v->walk->listing;
    char name[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_fileinfo info;
    struct sev_doc doc;
    struct sev_targets t;
    struct sev_target target;
    const char *role;
    sev_slice bytes;
    sev_err e = sev_repo_text(&r->pool, sev_slice_of(l->role, l->role_len), &role);
    if (e == SEV_OK)
        e = sev_snapshot_find(&v->walk->snapshot, sev_repo_slice(role), &info);
    if (e == SEV_OK)
        e = sev_repo_public_name(SEV_PROFILE_NATIVE, role, info.version, name);
    if (e == SEV_OK)
        e = sev_path_join(v->folder, name, path);
    if (e == SEV_OK)
        e = sev_repo_read_file(r, path, SEV_TARGETS_BYTES_MAX, &bytes);
    if (e == SEV_OK && !(info.has_hashes && sev_hashes_fit(&info.hashes, bytes)))
        e = sev_repo_fail(r->note, SEV_E_META_MISMATCH, "%.300s is not what snapshot lists", path);
    if (e == SEV_OK)
        e = sev_doc_open(&doc, bytes, SEV_PROFILE_NATIVE, &v->arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e == SEV_OK)
        e = sev_targets_find(&t, SEV_PROFILE_NATIVE, image, &target);
    return e == SEV_OK ? take_found(r, &target, out) : e;
}

sev_err sev_repo_find_in_source(struct sev_repository *r, const struct sev_repository_source *from,
                                const char *name, struct sev_repo_found *out)
{
    char store[SEV_FS_PATH_MAX];
    struct sev_repo_view v = {
        .fs = r->fs, .pool = &r->pool, .folder = from->folder, .store = store};
    struct sev_walk_config config = {.profile = SEV_PROFILE_NATIVE, .now = from->now};
    struct sev_repo_found found = {.length = 0};
    sev_slice image = sev_repo_slice(name);
    sev_err e = sev_repo_path(r, "trust/images", store);
    if (e == SEV_OK)
        e = trust_first(r, from, store);
    if (e == SEV_OK)
        e = sev_repo_view_open(&v, 0);
    if (e == SEV_OK) {
        e = sev_repo_view_refresh(&v, &config);
        if (e == SEV_OK)
            e = sev_repo_view_search(&v, image, SEV_EMPTY);
        if (e != SEV_OK)
            (void)sev_repo_fail(
                r->note, e,
                "%.200s: %.64s: %s\nits owner should look with secureev repo lint; or is it not "
                "the folder meant, or the time?",
                from->folder, v.walk->role, sev_err_sentence(e));
        else if (!v.walk->found)
            e = sev_repo_fail(r->note, SEV_E_NOT_FOUND,
                              "%.200s lists no image %.128s\nwhat it lists, says: secureev repo "
                              "show --public DIR",
                              from->folder, name);
    }
    if (e == SEV_OK)
        e = read_entry(&v, r, image, &found);
    sev_repo_view_close(&v);
    if (e == SEV_OK)
        *out = found;
    return e;
}
