/* images_grants - images for those alone whom the Director lets download: POST /grant, then GET on
 * any connection with the same key.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "role_images.h"
#include "secureev/grants.h"

struct images_private {
    struct sev_fs fs; /* without a note: threads share it */
    pthread_mutex_t lock;
    struct sev_grants *grants;
    sev_time looked; /* for the next root */
    const char *folder;
};

/* Once a second at most: a root that revokes `publish` counts from then on. */
static void follow(struct images_private *p, struct app_instance *i, sev_time now)
{
    if (p->looked == now)
        return;
    p->looked = now;
    sev_err e = sev_grants_follow(p->grants, NULL);
    if (e == SEV_OK)
        return;
    struct sev_event event = {.id = SEV_EVENT_GRANT_ROOT, .err = e};
    sev_event_text(&event, "folder", sev_slice_of(p->folder, strlen(p->folder)));
    i->app->events.emit(i->app->events.self, &event);
}

void images_take_grant(struct app_call *call)
{
    struct images_private *p = ((struct images_role *)call->instance->own)->private_images;
    sev_time now = (sev_time)time(NULL);
    sev_err e = SEV_E_NOT_FOUND;
    if (p != NULL) {
        pthread_mutex_lock(&p->lock);
        follow(p, call->instance, now);
        e = sev_grants_take(p->grants, call->desk->crypto, call->peer->key_sha256, call->body, now);
        pthread_mutex_unlock(&p->lock);
    }
    if (e == SEV_OK)
        app_answer(call, 200, SEV_LIT("{}"));
    else
        app_refuse(call, e);
}

/* "targets/DIR/SHA256.FILE": its digest. Under another digest's name nothing is granted. */
static bool digest_of(sev_slice name, uint8_t out[SEV_SHA256_BYTES])
{
    sev_buf b = sev_buf_of(out, SEV_SHA256_BYTES);
    size_t last = name.len;
    while (last > 0 && name.ptr[last - 1] != '/')
        last--;
    sev_slice file = sev_slice_sub(name, last, name.len);
    return file.len > 2 * SEV_SHA256_BYTES && file.ptr[2 * SEV_SHA256_BYTES] == '.' &&
           sev_hex_decode(sev_slice_sub(file, 0, 2 * SEV_SHA256_BYTES), &b) == SEV_OK;
}

sev_err images_may_download(struct app_call *call, sev_slice name)
{
    struct images_private *p = ((struct images_role *)call->instance->own)->private_images;
    sev_slice folder = SEV_LIT("targets/");
    uint8_t image[SEV_SHA256_BYTES];
    sev_time now = (sev_time)time(NULL);
    if (p == NULL || !sev_slice_eq(sev_slice_sub(name, 0, folder.len), folder))
        return SEV_OK;
    if (!digest_of(name, image))
        return SEV_E_NO_GRANT;
    pthread_mutex_lock(&p->lock);
    follow(p, call->instance, now);
    sev_err e = sev_grants_may(p->grants, call->peer->key_sha256, image, now);
    pthread_mutex_unlock(&p->lock);
    return e;
}

sev_err images_private_open(struct app_instance *i, struct images_private **out)
{
    const char *folder = sev_config_text(i->block, "director_roots");
    struct images_private *p = calloc(1, sizeof *p);
    if (p == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "images");
    *out = p;
    p->fs = sev_fs_posix(NULL);
    p->folder = folder;
    pthread_mutex_init(&p->lock, NULL);
    if (folder[0] == '\0')
        return app_fail(i->app, SEV_E_CONFIG, "'private' needs 'director_roots'", "images");
    sev_err e = sev_grants_new(&p->fs, folder, sev_config_text(i->block, "oem"), SEV_GRANTS_MAX,
                               &p->grants);
    return e == SEV_OK ? e : app_fail(i->app, e, sev_err_sentence(e), folder);
}

void images_private_close(struct images_private *p)
{
    if (p == NULL)
        return;
    sev_grants_free(p->grants);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
