/* upkeep - what is to be done from time to time, and what a run that was stopped left behind.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"

#define SKEW_SECONDS 600
#define NAMES_MAX 100000u

/* One that is good for longer than what is made now was made by a clock that was ahead. */
static bool half_over(sev_time expires, int64_t life, sev_time now)
{
    return expires - now < life / 2 || expires - now > life + SKEW_SECONDS;
}

static sev_err refresh(struct images_work *w)
{
    struct sev_fileinfo info;
    int64_t life = w->im->life_s;
    if (sev_snapshot_find(&w->snapshot, SEV_LIT("targets"), &info) != SEV_OK)
        return SEV_OK; /* nothing was published yet */
    if (!half_over(w->timestamp_expires, life, w->call->now) &&
        !half_over(w->snapshot_expires, life, w->call->now))
        return SEV_OK;
    sev_err e = images_publish(w, NULL, 0);
    if (e != SEV_OK)
        images_tell(w->im, SEV_EVENT_IMAGES_NOT_PUBLISHED, e, "timestamp", w->timestamp_version + 1,
                    NULL, w->detail);
    else
        images_tell(w->im, SEV_EVENT_IMAGES_PUBLISHED, SEV_OK, "timestamp",
                    w->timestamp_version + 1, NULL, NULL);
    return e == SEV_OK ? images_reload(w) : e;
}

/* ----------------------------------------------------------------- leftovers */

static bool is_old(const struct images_work *w, const char *path)
{
    struct sev_fs_stat st;
    return sev_file_stat(w->im->fs, path, &st) == SEV_OK &&
           w->call->now - st.modified > w->im->leftover_s;
}

/* Not one that somebody is writing right now. */
static void drop_part(struct images_work *w, const char *path)
{
    const struct sev_fs *fs = w->im->fs;
    int fd = fs->open(fs->self, path, SEV_FS_LOCKABLE | SEV_FS_NO_FOLLOW, 0600);
    if (fd < 0)
        return;
    if (fs->try_lock(fs->self, fd) == 0)
        (void)fs->unlink(fs->self, path);
    fs->close(fs->self, fd);
}

typedef void each_old(struct images_work *w, const char *name, const char *path);

static void drop_role(struct images_work *w, const char *name, const char *path)
{
    char role[SEV_ROLE_NAME_BYTES_MAX + 1];
    (void)snprintf(role, sizeof role, "%.*s", (int)(strlen(name) > 5 ? strlen(name) - 5 : 0), name);
    if (sev_file_remove(w->im->fs, path) == SEV_OK)
        images_tell(w->im, SEV_EVENT_IMAGES_DROPPED, SEV_OK, role, 0, NULL, NULL);
}

static void drop_bytes(struct images_work *w, const char *name, const char *path)
{
    (void)name;
    drop_part(w, path);
}

static sev_err drop_old(struct images_work *w, const char *kind, each_old *drop)
{
    char folder[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_names names = {0};
    sev_err e = sev_path_join(w->im->uploads, kind, folder);
    if (e == SEV_OK)
        e = sev_dir_list(w->im->fs, folder, NAMES_MAX, &names);
    for (size_t i = 0; e == SEV_OK && i < names.count; i++) {
        e = sev_path_join(folder, names.names[i], path);
        if (e == SEV_OK && is_old(w, path))
            drop(w, names.names[i], path);
    }
    sev_names_free(w->im->fs, &names);
    return e;
}

/* Temporary files of runs that were killed; what waited too long. Bytes that are whole go when they
 * are as old: a file that still waited for them has gone before. */
static sev_err clean(struct images_work *w)
{
    char roles[SEV_FS_PATH_MAX];
    sev_err e = sev_dir_clean(w->im->fs, w->im->folder);
    if (e == SEV_OK)
        e = sev_dir_clean(w->im->fs, w->im->uploads);
    if (e == SEV_OK)
        e = sev_path_join(w->im->uploads, "roles", roles);
    if (e == SEV_OK)
        e = sev_dir_clean(w->im->fs, roles);
    if (e == SEV_OK)
        e = drop_old(w, "roles", drop_role);
    if (e == SEV_OK)
        e = drop_old(w, "images", drop_bytes);
    if (e == SEV_OK)
        e = drop_old(w, "parts", drop_bytes);
    return e;
}

sev_err sev_images_upkeep(const struct sev_images *im, const struct sev_images_call *call)
{
    struct images_work w;
    sev_err why = SEV_OK;
    sev_err e = images_begin(&w, im, call);
    if (e == SEV_OK)
        e = clean(&w);
    sev_err released = e == SEV_OK ? images_release(&w, &why) : SEV_OK;
    if (e == SEV_OK)
        e = images_reload(&w);
    if (e == SEV_OK)
        e = refresh(&w);
    images_end(&w);
    return e == SEV_OK ? released : e;
}
