/* file - whole files read with a bound, and written so that a crash leaves the old or the new.
 * SPDX-License-Identifier: MIT */
#include "secureev/fs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "note.h"

/* ---------------------------------------------------------------- notes */

static void note(const struct sev_fs *fs, const char *call, const char *path, int system_error,
                 const char *why)
{
    if (fs->note == NULL)
        return;
    fs->note->call = call;
    fs->note->system_error = system_error;
    fs->note->why = why;
    (void)snprintf(fs->note->path, sizeof fs->note->path, "%s", path);
}

sev_err sev_fs_failed(const struct sev_fs *fs, const char *call, const char *path, int result)
{
    note(fs, call, path, -result, "");
    switch (result) {
    case -ENOENT:
    case -ENOTDIR:
        return SEV_E_NOT_FOUND;
    case -EEXIST:
        return SEV_E_EXISTS;
    case -ELOOP: /* O_NOFOLLOW met a link */
        return SEV_E_UNSAFE_FILE;
    case -ENAMETOOLONG:
        return SEV_E_BAD_NAME;
    case -ENOMEM:
        return SEV_E_MEMORY;
    default:
        return SEV_E_IO;
    }
}

sev_err sev_fs_refused(const struct sev_fs *fs, const char *path, const char *why, sev_err err)
{
    note(fs, "check", path, 0, why);
    return err;
}

/* --------------------------------------------------------------- memory */

sev_err sev_bytes_new(const struct sev_fs *fs, size_t len, struct sev_bytes *out)
{
    uint8_t *ptr = len < SIZE_MAX ? fs->realloc(fs->self, NULL, len + 1) : NULL;
    if (ptr == NULL) {
        note(fs, "memory", "", ENOMEM, "");
        return SEV_E_MEMORY;
    }
    ptr[len] = 0;
    *out = (struct sev_bytes){ptr, len};
    return SEV_OK;
}

void sev_bytes_free(const struct sev_fs *fs, struct sev_bytes *bytes)
{
    if (bytes->ptr != NULL)
        fs->free(fs->self, bytes->ptr);
    *bytes = (struct sev_bytes){NULL, 0};
}

void sev_bytes_wipe(const struct sev_fs *fs, struct sev_bytes *bytes)
{
    volatile uint8_t *p = bytes->ptr;
    for (size_t i = 0; p != NULL && i < bytes->len; i++)
        p[i] = 0;
    sev_bytes_free(fs, bytes);
}

sev_err sev_fs_random(const struct sev_fs *fs, void *out, size_t bytes)
{
    int result = fs->random(fs->self, out, bytes);
    if (result >= 0)
        return SEV_OK;
    note(fs, "random", "", -result, "");
    return SEV_E_RANDOM;
}

/* -------------------------------------------------------------- reading */

static sev_err check_kind(const struct sev_fs *fs, const char *path, const struct sev_fs_stat *st,
                          unsigned how)
{
    if (st->kind == SEV_FS_LINK)
        return sev_fs_refused(fs, path, "is a symbolic link", SEV_E_UNSAFE_FILE);
    if (st->kind != SEV_FS_REGULAR)
        return sev_fs_refused(fs, path, "is not a regular file", SEV_E_UNSAFE_FILE);
    if ((how & SEV_FILE_PRIVATE) != 0 && !st->mine)
        return sev_fs_refused(fs, path, "belongs to another user", SEV_E_UNSAFE_FILE);
    if ((how & SEV_FILE_PRIVATE) != 0 && (st->mode & 077u) != 0)
        return sev_fs_refused(fs, path, "is open to group or others (chmod 600 closes it)",
                              SEV_E_UNSAFE_FILE);
    return SEV_OK;
}

/* Reads what is there now: the file may grow or shrink meanwhile, so the size is a first guess. */
static sev_err read_rest(const struct sev_fs *fs, const char *path, int fd, size_t bytes_max,
                         struct sev_bytes *b)
{
    size_t cap = b->len;
    b->len = 0;
    for (;;) {
        if (b->len == cap) {
            uint8_t extra = 0;
            ptrdiff_t more = fs->read(fs->self, fd, &extra, 1);
            if (more < 0)
                return sev_fs_failed(fs, "read", path, (int)more);
            if (more == 0)
                break;
            if (cap >= bytes_max)
                return sev_fs_refused(fs, path, "is longer than it may be", SEV_E_TOO_LONG);
            size_t grown = cap < bytes_max / 2 ? cap * 2 + 64 : bytes_max;
            grown = grown > bytes_max ? bytes_max : grown;
            uint8_t *ptr = fs->realloc(fs->self, b->ptr, grown + 1);
            if (ptr == NULL) {
                note(fs, "memory", path, ENOMEM, "");
                return SEV_E_MEMORY;
            }
            b->ptr = ptr;
            b->ptr[b->len++] = extra;
            cap = grown;
            continue;
        }
        ptrdiff_t n = fs->read(fs->self, fd, b->ptr + b->len, cap - b->len);
        if (n < 0)
            return sev_fs_failed(fs, "read", path, (int)n);
        if (n == 0)
            break;
        b->len += (size_t)n;
    }
    b->ptr[b->len] = 0;
    return SEV_OK;
}

sev_err sev_file_read(const struct sev_fs *fs, const char *path, size_t bytes_max, unsigned how,
                      struct sev_bytes *out)
{
    unsigned open_how = SEV_FS_READ;
    if ((how & SEV_FILE_NO_LINK) != 0)
        open_how |= SEV_FS_NO_FOLLOW;
    int fd = fs->open(fs->self, path, open_how, 0);
    if (fd < 0)
        return sev_fs_failed(fs, "open", path, fd);
    struct sev_fs_stat st = {0};
    struct sev_bytes b = {0};
    int result = fs->fstat(fs->self, fd, &st);
    sev_err err =
        result < 0 ? sev_fs_failed(fs, "stat", path, result) : check_kind(fs, path, &st, how);
    if (err == SEV_OK && st.bytes > bytes_max)
        err = sev_fs_refused(fs, path, "is longer than it may be", SEV_E_TOO_LONG);
    if (err == SEV_OK)
        err = sev_bytes_new(fs, (size_t)st.bytes, &b);
    if (err == SEV_OK)
        err = read_rest(fs, path, fd, bytes_max, &b);
    fs->close(fs->self, fd);
    if (err != SEV_OK)
        sev_bytes_wipe(fs, &b);
    else
        *out = b;
    return err;
}

sev_err sev_file_stat(const struct sev_fs *fs, const char *path, struct sev_fs_stat *out)
{
    struct sev_fs_stat st;
    int result = fs->lstat(fs->self, path, &st);
    if (result < 0)
        return sev_fs_failed(fs, "stat", path, result);
    *out = st;
    return SEV_OK;
}

/* ---------------------------------------------------------- temporaries */

#define TEMPORARY_PREFIX ".secureev-tmp-"
#define TEMPORARY_HEX 16u

bool sev_file_is_temporary(const char *name)
{
    size_t prefix = sizeof TEMPORARY_PREFIX - 1;
    return strncmp(name, TEMPORARY_PREFIX, prefix) == 0 && strlen(name + prefix) == TEMPORARY_HEX &&
           strspn(name + prefix, "0123456789abcdef") == TEMPORARY_HEX;
}

/* What a signal has to remove: the one global of this library, because a signal handler gets no
 * argument. A name is in place before `used` is set, and `used` is cleared before it changes. */
#define TEMPORARIES_MAX 8

static struct {
    volatile sig_atomic_t used;
    char path[SEV_FS_PATH_MAX];
} temporaries[TEMPORARIES_MAX];

static int remember(const char *path)
{
    for (int i = 0; i < TEMPORARIES_MAX; i++) {
        if (temporaries[i].used)
            continue;
        memcpy(temporaries[i].path, path, strlen(path) + 1);
        temporaries[i].used = 1;
        return i;
    }
    return -1; /* the next run's sev_dir_clean() has to do */
}

static void forget(int slot)
{
    if (slot >= 0)
        temporaries[slot].used = 0;
}

void sev_fs_remove_temporaries_on_signal(void)
{
    for (int i = 0; i < TEMPORARIES_MAX; i++)
        if (temporaries[i].used)
            (void)unlink(temporaries[i].path);
}

/* -------------------------------------------------------------- writing */

sev_err sev_path_join(const char *a, const char *b, char out[SEV_FS_PATH_MAX])
{
    size_t n = strlen(a), m = strlen(b);
    bool slash = n == 0 || a[n - 1] != '/';
    if (n + slash + m >= SEV_FS_PATH_MAX)
        return SEV_E_BAD_NAME;
    memmove(out, a, n); // NOLINT(bugprone-not-null-terminated-result) that comes below
    if (slash)
        out[n++] = '/';
    memcpy(out + n, b, m + 1);
    return SEV_OK;
}

/* The folder that a path's last component lies in. */
static void folder_of(const char *path, char out[SEV_FS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(out, slash == NULL ? "." : path, n);
    out[n] = '\0';
}

static sev_err temporary_beside(const struct sev_fs *fs, const char *path,
                                char out[SEV_FS_PATH_MAX])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t random[TEMPORARY_HEX / 2];
    char name[sizeof TEMPORARY_PREFIX + TEMPORARY_HEX] = TEMPORARY_PREFIX;
    char folder[SEV_FS_PATH_MAX];
    if (strlen(path) >= SEV_FS_PATH_MAX)
        return sev_fs_refused(fs, path, "is too long a path", SEV_E_BAD_NAME);
    sev_err err = sev_fs_random(fs, random, sizeof random);
    if (err != SEV_OK)
        return err;
    for (size_t i = 0; i < TEMPORARY_HEX; i++)
        name[sizeof TEMPORARY_PREFIX - 1 + i] = hex[random[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    folder_of(path, folder);
    return sev_path_join(folder, name, out) != SEV_OK
               ? sev_fs_refused(fs, path, "is too long a path", SEV_E_BAD_NAME)
               : SEV_OK;
}

sev_err sev_file_open_new(const struct sev_fs *fs, const char *path, unsigned mode,
                          struct sev_file_writer *out)
{
    out->fs = NULL;
    sev_err err = temporary_beside(fs, path, out->temporary);
    if (err != SEV_OK)
        return err;
    memcpy(out->path, path, strlen(path) + 1);
    out->slot = remember(out->temporary);
    out->fd = fs->open(fs->self, out->temporary, SEV_FS_NEW | SEV_FS_NO_FOLLOW, mode);
    if (out->fd < 0) {
        forget(out->slot);
        return sev_fs_failed(fs, "create", out->temporary, out->fd);
    }
    out->fs = fs;
    return SEV_OK;
}

sev_err sev_file_append(struct sev_file_writer *w, sev_slice bytes)
{
    while (bytes.len != 0) {
        ptrdiff_t n = w->fs->write(w->fs->self, w->fd, bytes.ptr, bytes.len);
        if (n <= 0)
            return sev_fs_failed(w->fs, "write", w->temporary, n < 0 ? (int)n : -ENOSPC);
        bytes = sev_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return SEV_OK;
}

/* Closes, and removes the temporary if it is still there. */
static void end(struct sev_file_writer *w, bool remove_temporary)
{
    const struct sev_fs *fs = w->fs;
    fs->close(fs->self, w->fd);
    if (remove_temporary)
        (void)fs->unlink(fs->self, w->temporary);
    forget(w->slot);
    w->fs = NULL;
}

sev_err sev_file_commit(struct sev_file_writer *w, bool replace)
{
    const struct sev_fs *fs = w->fs;
    char folder[SEV_FS_PATH_MAX];
    int result = fs->fsync(fs->self, w->fd);
    if (result < 0) {
        end(w, true);
        return sev_fs_failed(fs, "fsync", w->path, result);
    }
    result = replace ? fs->rename(fs->self, w->temporary, w->path)
                     : fs->rename_new(fs->self, w->temporary, w->path);
    end(w, result < 0);
    if (result < 0)
        return sev_fs_failed(fs, "rename to", w->path, result);
    folder_of(w->path, folder);
    result = fs->sync_folder(fs->self, folder);
    return result < 0 ? sev_fs_failed(fs, "fsync", folder, result) : SEV_OK;
}

void sev_file_abort(struct sev_file_writer *w)
{
    if (w->fs != NULL)
        end(w, true);
}

static sev_err write_whole(const struct sev_fs *fs, const char *path, sev_slice bytes,
                           unsigned mode, bool replace)
{
    struct sev_file_writer w;
    sev_err err = sev_file_open_new(fs, path, mode, &w);
    if (err != SEV_OK)
        return err;
    err = sev_file_append(&w, bytes);
    if (err == SEV_OK)
        return sev_file_commit(&w, replace);
    sev_file_abort(&w);
    return err;
}

sev_err sev_file_replace(const struct sev_fs *fs, const char *path, sev_slice bytes, unsigned mode)
{
    return write_whole(fs, path, bytes, mode, true);
}

sev_err sev_file_create(const struct sev_fs *fs, const char *path, sev_slice bytes, unsigned mode)
{
    return write_whole(fs, path, bytes, mode, false);
}

sev_err sev_file_remove(const struct sev_fs *fs, const char *path)
{
    char folder[SEV_FS_PATH_MAX];
    if (strlen(path) >= SEV_FS_PATH_MAX)
        return sev_fs_refused(fs, path, "is too long a path", SEV_E_BAD_NAME);
    int result = fs->unlink(fs->self, path);
    if (result < 0)
        return sev_fs_failed(fs, "remove", path, result);
    folder_of(path, folder);
    result = fs->sync_folder(fs->self, folder);
    return result < 0 ? sev_fs_failed(fs, "fsync", folder, result) : SEV_OK;
}
