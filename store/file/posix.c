/* posix - the real sev_fs. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* renameat2 */
#include "secureev/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static void *real_realloc(void *self, void *old, size_t bytes)
{
    (void)self;
    return realloc(old, bytes);
}

static void real_free(void *self, void *memory)
{
    (void)self;
    free(memory);
}

static int real_random(void *self, void *out, size_t bytes)
{
    (void)self;
    for (size_t done = 0; done < bytes;) {
        ssize_t n = getrandom((uint8_t *)out + done, bytes - done, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int real_open(void *self, const char *path, unsigned how, unsigned mode)
{
    (void)self;
    int flags = O_CLOEXEC | O_NOCTTY;
    if ((how & SEV_FS_NEW) != 0)
        flags |= O_WRONLY | O_CREAT | O_EXCL;
    else if ((how & SEV_FS_LOCKABLE) != 0)
        flags |= O_RDWR | O_CREAT | ((how & SEV_FS_APPEND) != 0 ? O_APPEND : 0);
    else
        flags |= O_RDONLY | O_NONBLOCK; /* a FIFO put in place of a file must not hang us */
    if ((how & SEV_FS_NO_FOLLOW) != 0)
        flags |= O_NOFOLLOW;
    int fd;
    do
        fd = open(path, flags, (mode_t)mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    /* The mode that was asked for, whatever the umask. */
    if ((how & SEV_FS_NEW) != 0 && fchmod(fd, (mode_t)mode) != 0) {
        int error = errno;
        (void)close(fd);
        (void)unlink(path);
        return -error;
    }
    return fd;
}

static void real_close(void *self, int fd)
{
    (void)self;
    (void)close(fd);
}

static ptrdiff_t real_read(void *self, int fd, void *out, size_t bytes)
{
    (void)self;
    ssize_t n;
    do
        n = read(fd, out, bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ptrdiff_t real_write(void *self, int fd, const void *in, size_t bytes)
{
    (void)self;
    ssize_t n;
    do
        n = write(fd, in, bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int real_fsync(void *self, int fd)
{
    (void)self;
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result != 0 ? -errno : 0;
}

static int real_sync_folder(void *self, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = real_fsync(self, fd);
    (void)close(fd);
    return result;
}

static void stat_out(const struct stat *st, struct sev_fs_stat *out)
{
    *out = (struct sev_fs_stat){
        .kind = S_ISREG(st->st_mode)   ? SEV_FS_REGULAR
                : S_ISDIR(st->st_mode) ? SEV_FS_FOLDER
                : S_ISLNK(st->st_mode) ? SEV_FS_LINK
                                       : SEV_FS_OTHER,
        .mode = (unsigned)st->st_mode & 07777u,
        .mine = st->st_uid == geteuid(),
        .bytes = st->st_size > 0 ? (uint64_t)st->st_size : 0,
        .modified = st->st_mtime,
        .number = st->st_ino,
    };
}

static int real_fstat(void *self, int fd, struct sev_fs_stat *out)
{
    (void)self;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    stat_out(&st, out);
    return 0;
}

static int real_lstat(void *self, const char *path, struct sev_fs_stat *out)
{
    (void)self;
    struct stat st;
    if (lstat(path, &st) != 0)
        return -errno;
    stat_out(&st, out);
    return 0;
}

static int real_stat(void *self, const char *path, struct sev_fs_stat *out)
{
    (void)self;
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    stat_out(&st, out);
    return 0;
}

static int real_rename(void *self, const char *from, const char *to)
{
    (void)self;
    return rename(from, to) != 0 ? -errno : 0;
}

/* Where the file system cannot refuse to replace (NFS), a second name and then the first away:
 * killed in between, the temporary stays and the next run removes it. */
static int real_rename_new(void *self, const char *from, const char *to)
{
    (void)self;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (link(from, to) != 0)
        return -errno;
    (void)unlink(from);
    return 0;
}

static int real_link(void *self, const char *from, const char *to)
{
    (void)self;
    return link(from, to) != 0 ? -errno : 0;
}

static int real_unlink(void *self, const char *path)
{
    (void)self;
    return unlink(path) != 0 ? -errno : 0;
}

static int real_rmdir(void *self, const char *path)
{
    (void)self;
    return rmdir(path) != 0 ? -errno : 0;
}

static int real_mkdir(void *self, const char *path, unsigned mode)
{
    (void)self;
    if (mkdir(path, (mode_t)mode) != 0)
        return -errno;
    return chmod(path, (mode_t)mode) != 0 ? -errno : 0;
}

static int real_list(void *self, const char *path, sev_fs_visit *visit, void *context)
{
    (void)self;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -errno;
    int error = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            error = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!visit(context, entry->d_name))
            break;
    }
    (void)closedir(folder);
    return -error;
}

static int real_try_lock(void *self, int fd)
{
    (void)self;
    return flock(fd, LOCK_EX | LOCK_NB) != 0 ? -errno : 0;
}

static int64_t real_free_bytes(void *self, const char *path)
{
    struct statvfs s;
    (void)self;
    if (statvfs(path, &s) != 0)
        return -errno;
    uint64_t bytes = (uint64_t)s.f_bavail * s.f_frsize;
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

static void real_sleep_ms(void *self, unsigned ms)
{
    (void)self;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};
    (void)nanosleep(&pause, NULL);
}

struct sev_fs sev_fs_posix(struct sev_fs_note *note)
{
    if (note != NULL)
        *note = (struct sev_fs_note){.call = "", .why = ""};
    return (struct sev_fs){
        .note = note,
        .realloc = real_realloc,
        .free = real_free,
        .random = real_random,
        .open = real_open,
        .close = real_close,
        .read = real_read,
        .write = real_write,
        .fsync = real_fsync,
        .sync_folder = real_sync_folder,
        .fstat = real_fstat,
        .lstat = real_lstat,
        .stat = real_stat,
        .rename = real_rename,
        .rename_new = real_rename_new,
        .link = real_link,
        .unlink = real_unlink,
        .rmdir = real_rmdir,
        .mkdir = real_mkdir,
        .list = real_list,
        .try_lock = real_try_lock,
        .free_bytes = real_free_bytes,
        .sleep_ms = real_sleep_ms,
    };
}
