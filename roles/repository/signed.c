/* signed - what is signed by enough people, published here or not: to be brought to a server.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

sev_err sev_repository_signed(struct sev_repository *r, const char *role, int64_t *out_version,
                              sev_slice *out_bytes)
{
    struct sev_repo_required *required = sev_repo_take(&r->pool, sizeof *required);
    struct sev_repo_doc *d = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, role);
    if (required == NULL)
        return SEV_E_MEMORY;
    if (d == NULL || sev_repo_is_online(r, role))
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "no role %.128s that people sign", role);
    if (d->staged.version != 0) {
        sev_err e = sev_repo_required(r, SEV_PROFILE_NATIVE, role, false, required);
        if (e != SEV_OK)
            return e;
        if (sev_repo_complete(d, required)) {
            *out_version = d->staged.version;
            return sev_repo_staged_bytes(r, d, out_bytes);
        }
    }
    if (d->published.version == 0)
        return sev_repo_fail(
            r->note, SEV_E_NOT_FOUND,
            "nothing of role %.128s is signed\nsecureev repo stage; sign; assemble", role);
    *out_version = d->published.version;
    return sev_repo_read_published(r, d, out_bytes);
}

sev_err sev_repository_image_file(struct sev_repository *r, const char *path,
                                  char out[SEV_FS_PATH_MAX])
{
    char name[HEX_CHARS + 8];
    struct sev_fs_stat st;
    const char *file = strrchr(path, '/');
    sev_err e = sev_repo_public_path(r, path, out);
    if (e == SEV_OK && sev_file_stat(r->fs, out, &st) == SEV_OK)
        return SEV_OK;
    (void)snprintf(name, sizeof name, "pool/%.*s", (int)HEX_CHARS, file != NULL ? file + 1 : path);
    if (e == SEV_OK)
        e = sev_repo_path(r, name, out);
    if (e == SEV_OK && sev_file_stat(r->fs, out, &st) != SEV_OK)
        e = sev_repo_fail(
            r->note, SEV_E_NOT_FOUND,
            "the bytes of %.300s are not here\nsecureev repo add, with the same file, brings them "
            "back",
            path);
    return e;
}
