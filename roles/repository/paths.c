/* paths - where things lie in the folder, and reading them back. SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

sev_err sev_repo_fail(struct sev_repository_note *note, sev_err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (note != NULL)
        (void)vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    return e;
}

sev_err sev_repo_fail_fs(struct sev_repository *r, sev_err e)
{
    const struct sev_fs_note *n = r->fs->note;
    if (e == SEV_OK || n == NULL || n->call[0] == '\0')
        return e;
    const char *why = n->system_error != 0 ? strerror(n->system_error) : n->why;
    return sev_repo_fail(r->note, e, "%s %.400s%s%s", n->call, n->path, why[0] != '\0' ? ": " : "",
                         why);
}

const char *sev_repo_profile_name(int profile)
{
    return profile == SEV_PROFILE_AKTUALIZR ? "aktualizr" : "native";
}

sev_err sev_repo_path(struct sev_repository *r, const char *relative, char out[SEV_FS_PATH_MAX])
{
    return sev_path_join(r->dir, relative, out);
}

sev_err sev_repo_staged_path(struct sev_repository *r, const struct sev_repo_doc *d,
                             const char *suffix, char out[SEV_FS_PATH_MAX])
{
    char name[2 * SEV_ROLE_NAME_BYTES_MAX + 64];
    int n = snprintf(name, sizeof name, "staged/%s.%lld.%s%s", sev_repo_profile_name(d->profile),
                     (long long)d->staged.version, d->role, suffix);
    if (n < 0 || (size_t)n >= sizeof name)
        return SEV_E_BAD_NAME;
    return sev_repo_path(r, name, out);
}

sev_err sev_repo_public_name(int profile, const char *role, int64_t version,
                             char out[SEV_FS_PATH_MAX])
{
    bool aktualizr = profile == SEV_PROFILE_AKTUALIZR;
    bool root = strcmp(role, "root") == 0;
    bool versioned = aktualizr ? root : strcmp(role, "timestamp") != 0;
    const char *folder = aktualizr ? "aktualizr/" : "";
    int n = versioned
                ? snprintf(out, SEV_FS_PATH_MAX, "%s%lld.%s.json", folder, (long long)version, role)
                : snprintf(out, SEV_FS_PATH_MAX, "%s%s.json", folder, role);
    return n > 0 && n < SEV_FS_PATH_MAX ? SEV_OK : SEV_E_BAD_NAME;
}

const char *sev_repo_public_folder(int profile)
{
    return profile == SEV_PROFILE_AKTUALIZR ? "public/aktualizr" : "public";
}

sev_err sev_repo_public_path(struct sev_repository *r, const char *name, char out[SEV_FS_PATH_MAX])
{
    char folder[SEV_FS_PATH_MAX];
    sev_err e = sev_repo_path(r, "public", folder);
    return e == SEV_OK ? sev_path_join(folder, name, out) : e;
}

sev_err sev_repo_read_file(struct sev_repository *r, const char *path, size_t bytes_max,
                           sev_slice *out)
{
    struct sev_bytes b = {0};
    sev_err e = sev_file_read(r->fs, path, bytes_max, 0, &b);
    if (e != SEV_OK)
        return sev_repo_fail_fs(r, e);
    e = sev_repo_copy(&r->pool, sev_bytes_slice(&b), out);
    sev_bytes_free(r->fs, &b);
    return e;
}

void sev_repo_hex(const uint8_t digest[SEV_SHA256_BYTES], char out[HEX_CHARS + 1])
{
    sev_buf b = sev_buf_of(out, HEX_CHARS);
    sev_hex_encode(sev_slice_of(digest, SEV_SHA256_BYTES), &b);
    out[HEX_CHARS] = '\0';
}

void sev_repo_digest(sev_slice bytes, char out[HEX_CHARS + 1])
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(bytes, digest);
    sev_repo_hex(digest, out);
}

sev_err sev_repo_read_published(struct sev_repository *r, const struct sev_repo_doc *d,
                                sev_slice *out)
{
    char name[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    char digest[HEX_CHARS + 1];
    sev_slice bytes;
    sev_err e = sev_repo_public_name(d->profile, d->role, d->published.version, name);
    if (e == SEV_OK)
        e = sev_repo_public_path(r, name, path);
    if (e == SEV_OK)
        e = sev_repo_read_file(r, path, SEV_TARGETS_BYTES_MAX, &bytes);
    if (e == SEV_E_NOT_FOUND)
        return sev_repo_fail(
            r->note, SEV_E_STORE,
            "public/%.200s was published and is gone\nput it back from a backup, or "
            "from where it is served: signatures cannot be made up",
            name);
    if (e != SEV_OK)
        return e;
    sev_repo_digest(bytes, digest);
    if (strcmp(digest, d->published.sha256) != 0) /* somebody else wrote there */
        return sev_repo_fail(
            r->note, SEV_E_STORE,
            "public/%.200s is not what was published\nput it back from a backup, or "
            "from where it is served; and find out who wrote there",
            name);
    *out = bytes;
    return SEV_OK;
}
