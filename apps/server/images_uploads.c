/* images_uploads - PUT of signed files and of images, by suppliers whom the configuration names;
 * and a thread that signs anew what grows old. REQ-H01 REQ-H02 REQ-H28
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "role_images.h"
#include "secureev/crypto_hosted.h"
#include "secureev/images.h"

#define SUPPLIERS_MAX SEV_CONFIG_BLOCKS_MAX
#define LISTED_MAX 256u /* images that one answer names as missing */
#define RETRY_SECONDS 5

struct one_supplier {
    struct sev_images_supplier who;
    sev_slice identity;
    atomic_uint open; /* uploads under way */
};

struct images_uploads {
    struct sev_fs fs; /* without a note: threads share it */
    struct sev_images images;
    unsigned open_max;
    unsigned count;
    struct one_supplier suppliers[SUPPLIERS_MAX];
    pthread_mutex_t working; /* one call at a time, but for bytes on their way */
    /* The thread that looks after things. */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t ending_now;
    bool ending;
    atomic_int last; /* how it ended last */
    struct sev_signer_client signer;
    struct sev_sign sign;
    struct sev_crypto *crypto;
};

static struct images_uploads *of(const struct app_instance *i)
{
    return ((const struct images_role *)i->own)->uploads;
}

static sev_slice text_of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

static struct one_supplier *find_supplier(struct images_uploads *u, sev_slice identity)
{
    for (unsigned n = 0; u != NULL && n < u->count; n++)
        if (sev_slice_eq(u->suppliers[n].identity, identity))
            return &u->suppliers[n];
    return NULL;
}

/* ------------------------------------------------------------------- files */

sev_err images_upload_may(struct app_call *call)
{
    char role[SEV_ROLE_NAME_BYTES_MAX + 1];
    int64_t version;
    struct one_supplier *s = find_supplier(of(call->instance), call->peer->identity);
    if (s == NULL)
        return SEV_E_WRONG_SUBJECT;
    if (call->route->answer != images_upload_file)
        return SEV_OK; /* bytes: as they begin */
    if (!sev_images_is_metadata(sev_slice_sub(call->path, 1, call->path.len), &version, role))
        return SEV_E_NOT_FOUND;
    return sev_images_may(&s->who, role) ? SEV_OK : SEV_E_WRONG_SUBJECT;
}

struct listing {
    sev_json_writer *w;
    uint32_t count;
};

static void list_missing(void *context, const struct sev_images_missing *m)
{
    struct listing *l = context;
    if (l->count++ >= LISTED_MAX)
        return;
    sev_json_w_object(l->w);
    sev_json_w_integer_member(l->w, "have", m->have);
    sev_json_w_integer_member(l->w, "length", m->length);
    sev_json_w_string_member(l->w, "path", text_of(m->path));
    sev_json_w_object_end(l->w);
}

/* As the server's own refusals, and why: the file is the asker's own. */
static void refuse_with(struct app_call *call, sev_err why, const char *detail)
{
    char room[1024];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_json_writer w = sev_json_writer_to(&b);
    unsigned status = sev_http_status(why);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "code", text_of(sev_err_id(why)));
    sev_json_w_string_member(&w, "detail", text_of(detail));
    sev_json_w_integer_member(&w, "status", (int64_t)status);
    sev_json_w_string_member(&w, "title", text_of(sev_http_reason(status)));
    sev_json_w_object_end(&w);
    if (detail[0] == '\0' || sev_json_w_end(&w) != SEV_OK)
        app_refuse(call, why);
    else
        sev_exchange_answer(call->x, status, "application/problem+json", sev_buf_slice(&b));
}

static void put_result(sev_json_writer *w, const struct sev_images_result *result)
{
    sev_json_w_array_end(w);
    sev_json_w_integer_member(w, "missingCount", (int64_t)result->missing);
    sev_json_w_bool_member(w, "published", result->published);
    if (result->why != SEV_OK) {
        sev_json_w_string_member(w, "waits", text_of(sev_err_id(result->why)));
        sev_json_w_string_member(w, "why", text_of(result->detail));
    }
    sev_json_w_object_end(w);
}

void images_upload_file(struct app_call *call)
{
    struct images_uploads *u = of(call->instance);
    struct one_supplier *s = find_supplier(u, call->peer->identity);
    char role[SEV_ROLE_NAME_BYTES_MAX + 1];
    struct sev_images_result result;
    int64_t version;
    sev_buf room = sev_buf_of(call->desk->memory, call->instance->role->arena_bytes);
    sev_json_writer w = sev_json_writer_to(&room);
    struct listing listing = {&w, 0};
    struct sev_images_call work = {&call->desk->sign, call->desk->crypto, (sev_time)time(NULL)};
    if (s == NULL ||
        !sev_images_is_metadata(sev_slice_sub(call->path, 1, call->path.len), &version, role)) {
        app_refuse(call, SEV_E_WRONG_SUBJECT);
        return;
    }
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("missing"));
    sev_json_w_array(&w);
    pthread_mutex_lock(&u->working);
    sev_err e = sev_images_put(&u->images, &work, &s->who, role, version, call->body, list_missing,
                               &listing, &result);
    pthread_mutex_unlock(&u->working);
    if (e != SEV_OK) {
        refuse_with(call, e, result.detail);
        return;
    }
    put_result(&w, &result);
    e = sev_json_w_end(&w);
    if (e == SEV_OK)
        app_answer(call, result.published ? 200 : 202, sev_buf_slice(&room));
    else
        app_refuse(call, e == SEV_E_JSON_LIMIT ? SEV_E_MEMORY : e);
}

/* ------------------------------------------------------------------- bytes */

/* An upload under way; belongs to the exchange. */
struct upload {
    struct one_supplier *supplier;
    struct sev_images_part part;
};

static bool take_number(sev_slice *text, char end, int64_t *out)
{
    size_t n = 0;
    uint64_t value;
    while (n < text->len && text->ptr[n] != (uint8_t)end)
        n++;
    bool there = end == '\0' ? n == text->len : n < text->len;
    if (!there || sev_decimal_parse(sev_slice_sub(*text, 0, n), &value) != SEV_OK)
        return false;
    *text = sev_slice_sub(*text, n + 1, text->len);
    *out = (int64_t)value;
    return true;
}

/* Where the body belongs: all of it, or as Content-Range says, from some byte to the last. */
static sev_err range_of(const struct sev_http_request *r, int64_t *out_from, int64_t *out_length)
{
    sev_slice text, unit = SEV_LIT("bytes ");
    int64_t from, last, length;
    if (!r->has_length || r->body_bytes > INT64_MAX)
        return SEV_E_HTTP_LENGTH;
    *out_from = 0;
    *out_length = (int64_t)r->body_bytes;
    if (!sev_http_field_get(&r->fields, SEV_LIT("content-range"), &text))
        return SEV_OK;
    if (!sev_slice_eq(sev_slice_sub(text, 0, unit.len), unit))
        return SEV_E_HTTP_RANGE;
    text = sev_slice_sub(text, unit.len, text.len);
    if (!take_number(&text, '-', &from) || !take_number(&text, '/', &last) ||
        !take_number(&text, '\0', &length) || last + 1 != length || from > last ||
        length - from != *out_length)
        return SEV_E_HTTP_RANGE;
    *out_from = from;
    *out_length = length;
    return SEV_OK;
}

static void drop_upload(struct upload *up)
{
    sev_images_part_close(&up->part);
    atomic_fetch_sub(&up->supplier->open, 1);
    free(up);
}

static sev_err begin(struct app_call *call, struct sev_body_plan *out)
{
    struct images_uploads *u = of(call->instance);
    struct one_supplier *s = find_supplier(u, call->peer->identity);
    struct upload *up;
    int64_t from, length;
    if (s == NULL)
        return SEV_E_WRONG_SUBJECT;
    sev_err e = range_of(call->request, &from, &length);
    if (e != SEV_OK)
        return e;
    if (atomic_fetch_add(&s->open, 1) >= u->open_max || (up = malloc(sizeof *up)) == NULL) {
        atomic_fetch_sub(&s->open, 1);
        return SEV_E_RATE_LIMITED;
    }
    up->supplier = s;
    e = sev_images_part_open(&u->images, &s->who, sev_slice_sub(call->path, 1, call->path.len),
                             length, from, &up->part);
    if (e != SEV_OK) {
        drop_upload(up);
        return e;
    }
    sev_exchange_set_own(call->x, up);
    *out = (struct sev_body_plan){SEV_BODY_STREAM, call->request->body_bytes, false};
    return SEV_OK;
}

static sev_err piece(struct app_instance *i, struct sev_exchange *x, sev_slice bytes)
{
    struct upload *up = sev_exchange_own(x);
    (void)i;
    return sev_images_part_append(&up->part, bytes);
}

static void gone(struct app_instance *i, struct sev_exchange *x)
{
    struct upload *up = sev_exchange_own(x);
    (void)i;
    if (up != NULL)
        drop_upload(up);
}

const struct app_stream images_stream = {begin, piece, gone};

void images_upload_image(struct app_call *call)
{
    struct images_uploads *u = of(call->instance);
    struct upload *up = sev_exchange_own(call->x);
    struct sev_images_call work = {&call->desk->sign, call->desk->crypto, (sev_time)time(NULL)};
    bool published = false;
    sev_err e = up == NULL ? SEV_E_HTTP_LENGTH : sev_images_part_finish(&u->images, &up->part);
    if (e == SEV_OK) {
        pthread_mutex_lock(&u->working);
        /* The bytes are kept, and that is the answer; what hinders the rest is told as an event. */
        if (sev_images_release(&u->images, &work, &published) != SEV_OK)
            published = false;
        pthread_mutex_unlock(&u->working);
    }
    if (e == SEV_OK)
        app_answer(call, 201,
                   published ? SEV_LIT("{\"published\":true}") : SEV_LIT("{\"published\":false}"));
    else
        app_refuse(call, e);
}

/* ------------------------------------------------------------------ upkeep */

static sev_err look_after(struct images_uploads *u)
{
    struct sev_images_call work = {&u->sign, u->crypto, (sev_time)time(NULL)};
    pthread_mutex_lock(&u->working);
    sev_err e = sev_images_upkeep(&u->images, &work);
    pthread_mutex_unlock(&u->working);
    atomic_store(&u->last, (int)e);
    return e;
}

static void *run(void *context)
{
    struct images_uploads *u = context;
    int64_t often = u->images.life_s / 16 < 1 ? 1 : u->images.life_s / 16;
    pthread_mutex_lock(&u->lock);
    while (!u->ending) {
        struct timespec until;
        bool well = atomic_load(&u->last) == (int)SEV_OK;
        int64_t wait = !well && often > RETRY_SECONDS ? RETRY_SECONDS : often > 600 ? 600 : often;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += wait;
        if (pthread_cond_timedwait(&u->ending_now, &u->lock, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&u->lock);
        (void)look_after(u);
        pthread_mutex_lock(&u->lock);
    }
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

sev_err images_uploads_ready(struct images_uploads *u, char *why)
{
    sev_err e = u == NULL ? SEV_OK : (sev_err)atomic_load(&u->last);
    if (e != SEV_OK)
        (void)snprintf(why, 100, "snapshot and timestamp: %s", sev_err_sentence(e));
    return e;
}

/* ----------------------------------------------------------- start and end */

/* Links join the two folders, and what waits must not be served. */
static sev_err check_folders(struct app_instance *i, const struct images_uploads *u)
{
    char served[SEV_FS_PATH_MAX], waiting[SEV_FS_PATH_MAX];
    struct stat a, b;
    sev_err e = sev_dir_ensure(&u->fs, u->images.uploads, 0700, SEV_FILE_PRIVATE);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), u->images.uploads);
    if (realpath(u->images.folder, served) == NULL ||
        realpath(u->images.uploads, waiting) == NULL || stat(served, &a) != 0 ||
        stat(waiting, &b) != 0)
        return app_fail(i->app, SEV_E_IO, strerror(errno), u->images.uploads);
    size_t n = strlen(served);
    if (strncmp(waiting, served, n) == 0 && (waiting[n] == '/' || waiting[n] == '\0'))
        return app_fail(i->app, SEV_E_CONFIG, "uploads may not wait in the served folder", waiting);
    if (a.st_dev != b.st_dev)
        return app_fail(i->app, SEV_E_CONFIG, "must be on the file system of the served folder",
                        waiting);
    return SEV_OK;
}

static sev_err take_suppliers(struct app_instance *i, struct images_uploads *u)
{
    const struct sev_config_block *b = NULL;
    while ((b = sev_config_next(i->app->config, "supplier", b)) != NULL) {
        struct one_supplier *s = &u->suppliers[u->count];
        sev_slice identity = text_of(sev_config_text(b, "identity"));
        if (find_supplier(u, identity) != NULL)
            return app_fail(i->app, SEV_E_CONFIG, "two suppliers have the same identity", b->name);
        s->who = (struct sev_images_supplier){b->name, sev_config_text(b, "roles")};
        s->identity = identity;
        u->count++;
    }
    return SEV_OK;
}

static sev_err start(struct app_instance *i, struct images_uploads *u)
{
    const char *socket = sev_config_text(i->block, "signer");
    if (socket[0] == '\0')
        return app_fail(i->app, SEV_E_CONFIG, "'uploads' needs 'signer'", "images");
    sev_err e = take_suppliers(i, u);
    if (e == SEV_OK)
        e = check_folders(i, u);
    if (e != SEV_OK)
        return e;
    u->crypto = sev_crypto_new();
    e = sev_signer_client_init(&u->signer, socket);
    if (e != SEV_OK || u->crypto == NULL)
        return app_fail(i->app, e != SEV_OK ? e : SEV_E_MEMORY, "cannot use the signer", socket);
    u->sign = sev_signer_client_sign(&u->signer);
    e = look_after(u);
    /* A signer that comes later is no reason not to serve. */
    if (e == SEV_E_NOT_PROVISIONED || e == SEV_E_STORE)
        return app_fail(i->app, e, sev_err_sentence(e), u->images.folder);
    u->started = pthread_create(&u->thread, NULL, run, u) == 0;
    return u->started ? SEV_OK : app_fail(i->app, SEV_E_IO, "no thread", "images");
}

sev_err images_uploads_open(struct app_instance *i, struct images_uploads **out)
{
    const struct sev_config_block *b = i->block;
    struct images_uploads *u = calloc(1, sizeof *u);
    if (u == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "images");
    *out = u;
    u->fs = sev_fs_posix(NULL);
    u->signer.fd = -1;
    u->open_max = (unsigned)sev_config_number(b, "uploads_open");
    u->images = (struct sev_images){
        .fs = &u->fs,
        .folder = sev_config_text(b, "folder"),
        .uploads = sev_config_text(b, "uploads"),
        .keys = {sev_config_text(b, "snapshot_key"), sev_config_text(b, "timestamp_key")},
        .life_s = sev_config_number(b, "life"),
        .pending_bytes_max = sev_config_number(b, "uploads_bytes"),
        .leftover_s = sev_config_number(b, "uploads_wait"),
        .events = i->app->events};
    pthread_mutex_init(&u->working, NULL);
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_t monotonic; /* it does not wait for a clock that was set back */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&u->ending_now, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return start(i, u);
}

void images_uploads_close(struct images_uploads *u)
{
    if (u == NULL)
        return;
    if (u->started) {
        pthread_mutex_lock(&u->lock);
        u->ending = true;
        pthread_cond_signal(&u->ending_now);
        pthread_mutex_unlock(&u->lock);
        pthread_join(u->thread, NULL);
    }
    sev_signer_client_close(&u->signer);
    sev_crypto_free(u->crypto);
    pthread_cond_destroy(&u->ending_now);
    pthread_mutex_destroy(&u->lock);
    pthread_mutex_destroy(&u->working);
    free(u);
}
