/* roots - see roots.h.  SPDX-License-Identifier: MIT */
#include "roots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secureev/meta.h"

void roots_free(struct app *app, struct roots *roots)
{
    for (uint32_t i = 0; i < roots->count; i++)
        sev_bytes_free(app->fs, &roots->owned[i]);
    free(roots->owned);
    free(roots->files);
    *roots = (struct roots){.count = 0};
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

static sev_err add(struct app *app, const char *path, sev_profile profile, struct roots *roots)
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

sev_err roots_load(struct app *app, const char *folder, sev_profile profile, struct roots *out)
{
    struct roots made = {.count = 0};
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
        roots_free(app, &made);
    return e;
}
