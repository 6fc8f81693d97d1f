/* overlay - files in memory before those of a file system: a state that is not public yet, looked
 * at by code that reads folders. Only what readers call.  SPDX-License-Identifier: MIT */
#include <errno.h>

#include "internal.h"

#define FIRST_FD 0x40000000 /* no descriptor of the system is so high */

static struct images_overlay *find(struct images_overlays *o, const char *path)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (strcmp(o->items[i].path, path) == 0)
            return &o->items[i];
    return NULL;
}

static struct images_overlay *of_fd(struct images_overlays *o, int fd)
{
    return fd >= FIRST_FD ? &o->items[fd - FIRST_FD] : NULL;
}

static int over_open(void *self, const char *path, unsigned how, unsigned mode)
{
    struct images_overlays *o = self;
    struct images_overlay *i = find(o, path);
    if (i == NULL)
        return o->under->open(o->under->self, path, how, mode);
    if (i->bytes.ptr == NULL)
        return -ENOENT;
    if (i->open)
        return -EBUSY; /* no reader of ours has a file open twice */
    i->open = true;
    i->at = 0;
    return FIRST_FD + (int)(i - o->items);
}

static void over_close(void *self, int fd)
{
    struct images_overlays *o = self;
    if (of_fd(o, fd) != NULL)
        of_fd(o, fd)->open = false;
    else
        o->under->close(o->under->self, fd);
}

static ptrdiff_t over_read(void *self, int fd, void *out, size_t bytes)
{
    struct images_overlays *o = self;
    struct images_overlay *i = of_fd(o, fd);
    if (i == NULL)
        return o->under->read(o->under->self, fd, out, bytes);
    sev_slice rest = sev_slice_sub(i->bytes, i->at, bytes);
    if (rest.len != 0)
        memcpy(out, rest.ptr, rest.len);
    i->at += rest.len;
    return (ptrdiff_t)rest.len;
}

static int describe(const struct images_overlay *i, struct sev_fs_stat *out)
{
    if (i->bytes.ptr == NULL)
        return -ENOENT;
    *out = (struct sev_fs_stat){
        .kind = SEV_FS_REGULAR, .mode = 0644, .mine = true, .bytes = i->bytes.len};
    return 0;
}

static int over_fstat(void *self, int fd, struct sev_fs_stat *out)
{
    struct images_overlays *o = self;
    struct images_overlay *i = of_fd(o, fd);
    return i != NULL ? describe(i, out) : o->under->fstat(o->under->self, fd, out);
}

static int over_lstat(void *self, const char *path, struct sev_fs_stat *out)
{
    struct images_overlays *o = self;
    struct images_overlay *i = find(o, path);
    return i != NULL ? describe(i, out) : o->under->lstat(o->under->self, path, out);
}

static int over_stat(void *self, const char *path, struct sev_fs_stat *out)
{
    struct images_overlays *o = self;
    struct images_overlay *i = find(o, path);
    return i != NULL ? describe(i, out) : o->under->stat(o->under->self, path, out);
}

static void *over_realloc(void *self, void *old, size_t bytes)
{
    const struct sev_fs *u = ((struct images_overlays *)self)->under;
    return u->realloc(u->self, old, bytes);
}

static void over_free(void *self, void *memory)
{
    const struct sev_fs *u = ((struct images_overlays *)self)->under;
    u->free(u->self, memory);
}

static int over_list(void *self, const char *path, sev_fs_visit *visit, void *context)
{
    const struct sev_fs *u = ((struct images_overlays *)self)->under;
    return u->list(u->self, path, visit, context);
}

void images_overlays_init(struct images_overlays *o, const struct sev_fs *under)
{
    o->count = 0;
    o->under = under;
    o->fs = (struct sev_fs){.self = o,
                            .realloc = over_realloc,
                            .free = over_free,
                            .open = over_open,
                            .close = over_close,
                            .read = over_read,
                            .fstat = over_fstat,
                            .lstat = over_lstat,
                            .stat = over_stat,
                            .list = over_list};
}

sev_err images_overlays_add(struct images_overlays *o, const char *folder, const char *name,
                            sev_slice bytes)
{
    if (o->count == IMAGES_OVERLAYS_MAX)
        return SEV_E_BUG;
    struct images_overlay *i = &o->items[o->count];
    sev_err e = sev_path_join(folder, name, i->path);
    if (e != SEV_OK)
        return e;
    i->bytes = bytes;
    i->open = false;
    o->count++;
    return SEV_OK;
}
