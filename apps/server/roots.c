/* roots - see roots.h.  SPDX-License-Identifier: MIT */
#include "roots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secureev/meta.h"

struct roots_shelf {
    struct app *app;
    const char *folder;
    bool aktualizr;
    pthread_mutex_t lock;
    struct roots *now;
};

/* ------------------------------------------------------------------ a chain */

static void free_chain(struct app *app, struct roots_chain *roots)
{
    for (uint32_t i = 0; i < roots->count; i++)
        sev_bytes_free(app->fs, &roots->owned[i]);
    free(roots->owned);
    free(roots->files);
    *roots = (struct roots_chain){.count = 0};
}

static sev_err check_root(sev_slice bytes, sev_profile profile, int64_t version)
{
    size_t room = 2u << 20;
    struct sev_doc doc;
    struct sev_root root;
    uint8_t *memory = malloc(room);
    if (memory == NULL)
        return SEV_E_MEMORY;
    struct sev_arena arena = sev_arena_of(memory, room);
    sev_err e = sev_doc_open(&doc, bytes, profile, &arena);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &root);
    if (e == SEV_OK && root.common.version != version)
        e = SEV_E_ROOT_VERSION;
    free(memory);
    return e;
}

static sev_err add(struct app *app, const char *path, sev_profile profile,
                   struct roots_chain *roots)
{
    sev_slice *files = realloc(roots->files, (roots->count + 1) * sizeof *files);
    if (files != NULL)
        roots->files = files;
    struct sev_bytes *owned = realloc(roots->owned, (roots->count + 1) * sizeof *owned);
    if (owned != NULL)
        roots->owned = owned;
    if (files == NULL || owned == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), path);
    struct sev_bytes *bytes = &owned[roots->count];
    sev_err e = sev_file_read(app->fs, path, SEV_ROOT_BYTES_MAX, 0, bytes);
    if (e == SEV_E_NOT_FOUND)
        return e;
    if (e == SEV_OK) {
        e = check_root(sev_bytes_slice(bytes), profile, (int64_t)roots->count + 1);
        if (e != SEV_OK)
            sev_bytes_free(app->fs, bytes);
    }
    if (e != SEV_OK)
        return app_fail(app, e, sev_err_sentence(e), path);
    roots->files[roots->count++] = sev_bytes_slice(bytes);
    return SEV_OK;
}

static sev_err load_chain(struct app *app, const char *folder, sev_profile profile,
                          struct roots_chain *out)
{
    struct roots_chain made = {.count = 0};
    char path[SEV_FS_PATH_MAX];
    sev_err e = SEV_OK;
    while (e == SEV_OK) {
        int n = snprintf(path, sizeof path, "%s/%u.root.json", folder, made.count + 1);
        e = n < 0 || (size_t)n >= sizeof path
                ? app_fail(app, SEV_E_BAD_NAME, "the path is too long", folder)
                : add(app, path, profile, &made);
    }
    if (e == SEV_E_NOT_FOUND)
        e = made.count == 0
                ? app_fail(app, e, "there is no 1.root.json; `secureev repo publish`", folder)
                : SEV_OK;
    if (e == SEV_OK)
        *out = made;
    else
        free_chain(app, &made);
    return e;
}

/* The same as before, and perhaps more. */
static sev_err continues(struct app *app, const struct roots_chain *before,
                         const struct roots_chain *after, const char *folder)
{
    if (after->count < before->count)
        return app_fail(app, SEV_E_ROOT_VERSION, "there are fewer roots than before", folder);
    for (uint32_t i = 0; i < before->count; i++)
        if (!sev_slice_eq(before->files[i], after->files[i]))
            return app_fail(app, SEV_E_EQUIVOCATION, "a root that was served is another now",
                            folder);
    return SEV_OK;
}

/* ---------------------------------------------------------------- the shelf */

static void free_roots(struct app *app, struct roots *roots)
{
    free_chain(app, &roots->native);
    free_chain(app, &roots->aktualizr);
    free(roots);
}

static sev_err load(const struct roots_shelf *shelf, struct roots **out)
{
    char path[SEV_FS_PATH_MAX];
    struct roots *roots = calloc(1, sizeof *roots);
    if (roots == NULL)
        return app_fail(shelf->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), shelf->folder);
    roots->references = 1;
    sev_err e = load_chain(shelf->app, shelf->folder, SEV_PROFILE_NATIVE, &roots->native);
    if (e == SEV_OK && shelf->aktualizr) {
        int n = snprintf(path, sizeof path, "%s/aktualizr", shelf->folder);
        e = n < 0 || (size_t)n >= sizeof path
                ? app_fail(shelf->app, SEV_E_BAD_NAME, "the path is too long", shelf->folder)
                : load_chain(shelf->app, path, SEV_PROFILE_AKTUALIZR, &roots->aktualizr);
    }
    if (e == SEV_OK)
        *out = roots;
    else
        free_roots(shelf->app, roots);
    return e;
}

struct roots *roots_hold(struct roots_shelf *shelf)
{
    pthread_mutex_lock(&shelf->lock);
    struct roots *roots = shelf->now;
    roots->references++;
    pthread_mutex_unlock(&shelf->lock);
    return roots;
}

void roots_release(struct roots_shelf *shelf, struct roots *roots)
{
    pthread_mutex_lock(&shelf->lock);
    bool last = --roots->references == 0;
    pthread_mutex_unlock(&shelf->lock);
    if (last)
        free_roots(shelf->app, roots);
}

sev_err roots_reload(struct roots_shelf *shelf)
{
    struct roots *next, *before = shelf->now; /* this thread alone changes it */
    sev_err e = load(shelf, &next);
    if (e != SEV_OK)
        return e;
    e = continues(shelf->app, &before->native, &next->native, shelf->folder);
    if (e == SEV_OK)
        e = continues(shelf->app, &before->aktualizr, &next->aktualizr, shelf->folder);
    if (e != SEV_OK) {
        free_roots(shelf->app, next);
        return e;
    }
    pthread_mutex_lock(&shelf->lock);
    shelf->now = next;
    pthread_mutex_unlock(&shelf->lock);
    roots_release(shelf, before);
    return SEV_OK;
}

void roots_close(struct roots_shelf *shelf)
{
    if (shelf == NULL)
        return;
    if (shelf->now != NULL)
        free_roots(shelf->app, shelf->now);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

sev_err roots_open(struct app *app, const char *folder, bool aktualizr, struct roots_shelf **out)
{
    struct roots_shelf *shelf = calloc(1, sizeof *shelf);
    if (shelf == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), folder);
    *shelf = (struct roots_shelf){.app = app, .folder = folder, .aktualizr = aktualizr};
    pthread_mutex_init(&shelf->lock, NULL);
    sev_err e = load(shelf, &shelf->now);
    if (e == SEV_OK)
        *out = shelf;
    else
        roots_close(shelf);
    return e;
}
