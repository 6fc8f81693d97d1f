/* dir - folders: made, listed, cleaned of leftovers, locked. SPDX-License-Identifier: MIT */
#include "secureev/fs.h"

#include <errno.h>
#include <stdlib.h>

#include "note.h"

#define LOCK_STEP_MS 50u

/* ----------------------------------------------------------------- made */

static sev_err check_folder(const struct sev_fs *fs, const char *path, unsigned how)
{
    struct sev_fs_stat st = {0};
    /* A link to a folder is fine as a place, unless it was to be private. */
    int result = (how & (SEV_FILE_NO_LINK | SEV_FILE_PRIVATE)) != 0 ? fs->lstat(fs->self, path, &st)
                                                                    : fs->stat(fs->self, path, &st);
    if (result < 0)
        return sev_fs_failed(fs, "stat", path, result);
    if (st.kind != SEV_FS_FOLDER)
        return sev_fs_refused(fs, path, "is not a folder", SEV_E_UNSAFE_FILE);
    if ((how & SEV_FILE_PRIVATE) != 0 && !st.mine)
        return sev_fs_refused(fs, path, "belongs to another user", SEV_E_UNSAFE_FILE);
    if ((how & SEV_FILE_PRIVATE) != 0 && (st.mode & 077u) != 0)
        return sev_fs_refused(fs, path, "is open to group or others (chmod 700 closes it)",
                              SEV_E_UNSAFE_FILE);
    return SEV_OK;
}

/* Makes one folder and sees to it that its name outlives a loss of power. */
static sev_err make(const struct sev_fs *fs, const char *path, unsigned mode)
{
    char parent[SEV_FS_PATH_MAX];
    int result = fs->mkdir(fs->self, path, mode);
    if (result == -EEXIST)
        return SEV_OK;
    if (result < 0)
        return sev_fs_failed(fs, "mkdir", path, result);
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, slash == NULL ? "." : path, n);
    parent[n] = '\0';
    result = fs->sync_folder(fs->self, parent);
    return result < 0 ? sev_fs_failed(fs, "fsync", parent, result) : SEV_OK;
}

sev_err sev_dir_ensure(const struct sev_fs *fs, const char *path, unsigned mode, unsigned how)
{
    char part[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof part)
        return sev_fs_refused(fs, path, "is not a path that we take", SEV_E_BAD_NAME);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        int result = fs->stat(fs->self, part, &st);
        if (result == -ENOENT) {
            sev_err err = make(fs, part, mode);
            if (err != SEV_OK)
                return err;
        } else if (result < 0) {
            return sev_fs_failed(fs, "stat", part, result);
        }
    }
    memcpy(part, path, n);
    part[n] = '\0';
    return check_folder(fs, part, how);
}

/* --------------------------------------------------------------- listed */

struct listing {
    const struct sev_fs *fs;
    struct sev_names *names;
    size_t count_max;
    bool temporaries; /* collect these instead of all others */
    sev_err err;
};

static bool collect(void *context, const char *name)
{
    struct listing *l = context;
    const struct sev_fs *fs = l->fs;
    struct sev_names *n = l->names;
    if (sev_file_is_temporary(name) != l->temporaries)
        return true;
    if (n->count >= l->count_max) {
        l->err = SEV_E_TOO_LONG;
        return false;
    }
    l->err = SEV_E_MEMORY;
    if (n->count == n->cap) {
        size_t cap = n->cap * 2 + 16;
        char **grown = fs->realloc(fs->self, n->names, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        n->names = grown;
        n->cap = cap;
    }
    char *copy = fs->realloc(fs->self, NULL, strlen(name) + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, strlen(name) + 1);
    n->names[n->count++] = copy;
    l->err = SEV_OK;
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static sev_err list(const struct sev_fs *fs, const char *path, size_t count_max, bool temporaries,
                    struct sev_names *out)
{
    struct sev_names names = {0};
    struct listing l = {fs, &names, count_max, temporaries, SEV_OK};
    int result = fs->list(fs->self, path, collect, &l);
    sev_err err = l.err;
    if (err == SEV_OK && result < 0)
        err = sev_fs_failed(fs, "list", path, result);
    else if (err == SEV_E_TOO_LONG)
        err = sev_fs_refused(fs, path, "holds more files than it may", err);
    else if (err != SEV_OK)
        err = sev_fs_failed(fs, "memory", path, -ENOMEM);
    if (err != SEV_OK) {
        sev_names_free(fs, &names);
        return err;
    }
    if (names.count > 1)
        qsort(names.names, names.count, sizeof *names.names, by_bytes);
    *out = names;
    return SEV_OK;
}

sev_err sev_dir_list(const struct sev_fs *fs, const char *path, size_t count_max,
                     struct sev_names *out)
{
    return list(fs, path, count_max, false, out);
}

void sev_names_free(const struct sev_fs *fs, struct sev_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        fs->free(fs->self, names->names[i]);
    if (names->names != NULL)
        fs->free(fs->self, names->names);
    *names = (struct sev_names){0};
}

sev_err sev_dir_clean(const struct sev_fs *fs, const char *path)
{
    struct sev_names names = {0};
    char leftover[SEV_FS_PATH_MAX];
    sev_err err = list(fs, path, SIZE_MAX, true, &names);
    for (size_t i = 0; err == SEV_OK && i < names.count; i++) {
        err = sev_path_join(path, names.names[i], leftover);
        int result = err == SEV_OK ? fs->unlink(fs->self, leftover) : 0;
        if (result < 0 && result != -ENOENT)
            err = sev_fs_failed(fs, "remove", leftover, result);
    }
    sev_names_free(fs, &names);
    return err;
}

/* --------------------------------------------------------------- locked */

sev_err sev_dir_lock(const struct sev_fs *fs, const char *path, unsigned timeout_ms,
                     struct sev_dir_lock *out)
{
    char name[SEV_FS_PATH_MAX];
    if (sev_path_join(path, SEV_DIR_LOCK_NAME, name) != SEV_OK)
        return sev_fs_refused(fs, path, "is too long a path", SEV_E_BAD_NAME);
    int fd = fs->open(fs->self, name, SEV_FS_LOCKABLE | SEV_FS_NO_FOLLOW, 0600);
    if (fd < 0)
        return sev_fs_failed(fs, "open", name, fd);
    int result = fs->try_lock(fs->self, fd);
    for (unsigned waited = 0; result == -EWOULDBLOCK && waited < timeout_ms;
         waited += LOCK_STEP_MS) {
        fs->sleep_ms(fs->self, LOCK_STEP_MS);
        result = fs->try_lock(fs->self, fd);
    }
    if (result == 0) {
        *out = (struct sev_dir_lock){fs, fd};
        return SEV_OK;
    }
    fs->close(fs->self, fd);
    return result == -EWOULDBLOCK
               ? sev_fs_refused(fs, path, "another secureev is working there", SEV_E_BUSY)
               : sev_fs_failed(fs, "lock", name, result);
}

void sev_dir_unlock(struct sev_dir_lock *lock)
{
    if (lock->fs != NULL)
        lock->fs->close(lock->fs->self, lock->fd);
    lock->fs = NULL;
}
