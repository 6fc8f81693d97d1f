/* faulty_fs - see the header. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "faulty_fs.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* Is this call the one? */
static bool fires(struct faulty_fs *f, unsigned kind)
{
    if ((f->kinds & kind) == 0)
        return false;
    f->calls++;
    bool now =
        f->fail_at != 0 && (f->calls == f->fail_at || (f->from_then_on && f->calls > f->fail_at));
    f->fired = f->fired || now;
    return now;
}

/* As fires(), for calls without bytes that could be torn. */
static bool fails(struct faulty_fs *f, unsigned kind)
{
    if (!fires(f, kind))
        return false;
    if (f->how == FAULTY_KILL)
        die();
    return f->how != FAULTY_SHORT;
}

static void *faulty_realloc(void *self, void *old, size_t bytes)
{
    struct faulty_fs *f = self;
    if (fails(f, FAULTY_MEMORY))
        return NULL;
    void *memory = f->inner.realloc(f->inner.self, old, bytes);
    if (memory != NULL && old == NULL)
        f->live_blocks++;
    return memory;
}

static void faulty_free(void *self, void *memory)
{
    struct faulty_fs *f = self;
    if (memory != NULL)
        f->live_blocks--;
    f->inner.free(f->inner.self, memory);
}

static int faulty_random(void *self, void *out, size_t bytes)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_RANDOM) ? -f->error : f->inner.random(f->inner.self, out, bytes);
}

static int faulty_open(void *self, const char *path, unsigned how, unsigned mode)
{
    struct faulty_fs *f = self;
    if (fails(f, FAULTY_OPEN))
        return -f->error;
    int fd = f->inner.open(f->inner.self, path, how, mode);
    f->open_files += fd >= 0;
    return fd;
}

static void faulty_close(void *self, int fd)
{
    struct faulty_fs *f = self;
    f->open_files--;
    f->inner.close(f->inner.self, fd);
}

static ptrdiff_t faulty_read(void *self, int fd, void *out, size_t bytes)
{
    struct faulty_fs *f = self;
    if (fires(f, FAULTY_READ)) {
        if (f->how == FAULTY_KILL)
            die();
        if (f->how != FAULTY_SHORT)
            return -f->error;
        bytes = bytes > 1 ? bytes / 2 : bytes;
    }
    return f->inner.read(f->inner.self, fd, out, bytes);
}

static ptrdiff_t faulty_write(void *self, int fd, const void *in, size_t bytes)
{
    struct faulty_fs *f = self;
    if (!fires(f, FAULTY_WRITE))
        return f->inner.write(f->inner.self, fd, in, bytes);
    if (f->how == FAULTY_SHORT)
        return f->inner.write(f->inner.self, fd, in, bytes > 1 ? bytes / 2 : bytes);
    if (f->how != FAULTY_ERROR)
        (void)f->inner.write(f->inner.self, fd, in, bytes / 2);
    if (f->how == FAULTY_KILL)
        die();
    return -f->error;
}

static int faulty_fsync(void *self, int fd)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_SYNC) ? -f->error : f->inner.fsync(f->inner.self, fd);
}

static int faulty_sync_folder(void *self, const char *path)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_SYNC) ? -f->error : f->inner.sync_folder(f->inner.self, path);
}

static int faulty_fstat(void *self, int fd, struct sev_fs_stat *out)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_STAT) ? -f->error : f->inner.fstat(f->inner.self, fd, out);
}

static int faulty_lstat(void *self, const char *path, struct sev_fs_stat *out)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_STAT) ? -f->error : f->inner.lstat(f->inner.self, path, out);
}

static int faulty_stat(void *self, const char *path, struct sev_fs_stat *out)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_STAT) ? -f->error : f->inner.stat(f->inner.self, path, out);
}

static int faulty_rename(void *self, const char *from, const char *to)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_RENAME) ? -f->error : f->inner.rename(f->inner.self, from, to);
}

static int faulty_rename_new(void *self, const char *from, const char *to)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_RENAME) ? -f->error : f->inner.rename_new(f->inner.self, from, to);
}

static int faulty_link(void *self, const char *from, const char *to)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_RENAME) ? -f->error : f->inner.link(f->inner.self, from, to);
}

static int faulty_unlink(void *self, const char *path)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_UNLINK) ? -f->error : f->inner.unlink(f->inner.self, path);
}

static int faulty_rmdir(void *self, const char *path)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_UNLINK) ? -f->error : f->inner.rmdir(f->inner.self, path);
}

static int faulty_mkdir(void *self, const char *path, unsigned mode)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_MKDIR) ? -f->error : f->inner.mkdir(f->inner.self, path, mode);
}

static int faulty_list(void *self, const char *path, sev_fs_visit *visit, void *context)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_LIST) ? -f->error : f->inner.list(f->inner.self, path, visit, context);
}

static int faulty_try_lock(void *self, int fd)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_LOCK) ? -f->error : f->inner.try_lock(f->inner.self, fd);
}

static int64_t faulty_free_bytes(void *self, const char *path)
{
    struct faulty_fs *f = self;
    return fails(f, FAULTY_STAT) ? -f->error : f->inner.free_bytes(f->inner.self, path);
}

/* Time that tests do not have. */
static void faulty_sleep_ms(void *self, unsigned ms)
{
    (void)self;
    (void)ms;
}

void faulty_fs_init(struct faulty_fs *f)
{
    *f = (struct faulty_fs){.kinds = FAULTY_ALL, .error = EIO};
    f->note.call = f->note.why = "";
    f->inner = sev_fs_posix(NULL);
    f->fs = (struct sev_fs){
        .self = f,
        .note = &f->note,
        .realloc = faulty_realloc,
        .free = faulty_free,
        .random = faulty_random,
        .open = faulty_open,
        .close = faulty_close,
        .read = faulty_read,
        .write = faulty_write,
        .fsync = faulty_fsync,
        .sync_folder = faulty_sync_folder,
        .fstat = faulty_fstat,
        .lstat = faulty_lstat,
        .stat = faulty_stat,
        .rename = faulty_rename,
        .rename_new = faulty_rename_new,
        .link = faulty_link,
        .unlink = faulty_unlink,
        .rmdir = faulty_rmdir,
        .mkdir = faulty_mkdir,
        .list = faulty_list,
        .try_lock = faulty_try_lock,
        .free_bytes = faulty_free_bytes,
        .sleep_ms = faulty_sleep_ms,
    };
}

void faulty_fs_arm(struct faulty_fs *f, uint32_t fail_at)
{
    f->calls = 0;
    f->fail_at = fail_at;
    f->fired = false;
}
