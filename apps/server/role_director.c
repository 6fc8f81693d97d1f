/* role_director - the Director's URLs and what stands behind them. The connection says which
 * vehicle asks; no URL does. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pool.h"
#include "roots.h"
#include "secureev/crypto_hosted.h"
#include "secureev/director.h"
#include "secureev/signer_client.h"
#include "server_app.h"

#define WAITING_MAX 1024 /* requests; what waits longer than a peer's patience helps nobody */

/* What a thread of the pool has of its own. */
struct desk {
    uint8_t *memory;
    struct sev_crypto *crypto;
    struct sev_signer_client signer;
    struct sev_sign sign;
};

struct director {
    struct app *app;
    const struct sev_config_block *block;
    struct sev_store store;
    bool store_open;
    struct sev_server *server;
    struct pool *pool;
    struct desk *desks;
    unsigned desk_count;
    pthread_rwlock_t roots_lock;
    struct roots roots;
};

/* ------------------------------------------------------------------- routes */

enum route { ROUTE_NONE, ROUTE_STATUS, ROUTE_ECUS, ROUTE_FILE };

/* "12.targets.json" -> 12 and "targets.json"; "timestamp.json" -> 0. */
static sev_slice split_version(sev_slice name, uint64_t *out)
{
    size_t digits = 0;
    *out = 0;
    while (digits < name.len && name.ptr[digits] >= '0' && name.ptr[digits] <= '9')
        digits++;
    if (digits == 0 || digits == name.len || name.ptr[digits] != '.' ||
        sev_decimal_parse(sev_slice_sub(name, 0, digits), out) != SEV_OK || *out == 0)
        return digits == 0 ? name : SEV_EMPTY;
    return sev_slice_sub(name, digits + 1, name.len);
}

static enum route route_of(const struct sev_http_request *r)
{
    bool post = r->method == SEV_HTTP_POST;
    bool get = r->method == SEV_HTTP_GET || r->method == SEV_HTTP_HEAD;
    if (post && sev_slice_eq(r->path, SEV_LIT("/status")))
        return ROUTE_STATUS;
    if (post && sev_slice_eq(r->path, SEV_LIT("/ecus")))
        return ROUTE_ECUS;
    return get ? ROUTE_FILE : ROUTE_NONE;
}

static sev_err admit(void *context, const struct sev_server_peer *peer,
                     const struct sev_http_request *request)
{
    (void)context;
    (void)request;
    return peer->authenticated && app_identity(peer).len != 0 ? SEV_OK : SEV_E_WRONG_SUBJECT;
}

static sev_err head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    (void)context;
    switch (route_of(sev_exchange_request(x))) {
    case ROUTE_STATUS:
        *out = (struct sev_body_plan){SEV_BODY_GATHER, SEV_MESSAGE_BYTES_MAX, false};
        return SEV_OK;
    case ROUTE_ECUS:
        *out = (struct sev_body_plan){SEV_BODY_GATHER, 4 * SEV_MESSAGE_BYTES_MAX, false};
        return SEV_OK;
    case ROUTE_FILE:
        return SEV_OK;
    case ROUTE_NONE:
        break;
    }
    return SEV_E_NOT_FOUND;
}

static void whole(void *context, struct sev_exchange *x)
{
    struct director *r = context;
    pool_give(r->pool, x);
}

/* --------------------------------------------------------------------- work */

static struct sev_director director_of(struct director *r, struct desk *desk)
{
    return (struct sev_director){.store = &r->store,
                                 .sign = &desk->sign,
                                 .events = r->app->events,
                                 .keys = {sev_config_text(r->block, "targets_key"),
                                          sev_config_text(r->block, "snapshot_key"),
                                          sev_config_text(r->block, "timestamp_key")},
                                 .roots = r->roots.files,
                                 .root_count = r->roots.count,
                                 .lives = SEV_DIRECTOR_LIVES,
                                 .poll_interval_s = sev_config_number(r->block, "poll_interval"),
                                 .poll_jitter_s = sev_config_number(r->block, "poll_jitter")};
}

static void answer_status(const struct sev_director *d, const struct sev_director_call *call,
                          sev_slice vehicle, struct sev_exchange *x)
{
    sev_buf out = sev_buf_of(malloc(SEV_STATUS_ANSWER_BYTES_MAX), SEV_STATUS_ANSWER_BYTES_MAX);
    sev_err e = out.ptr == NULL ? SEV_E_MEMORY
                                : sev_director_status(d, call, vehicle, sev_exchange_body(x), &out);
    if (e == SEV_OK)
        sev_exchange_answer(x, 200, "application/json", sev_buf_slice(&out));
    else
        sev_exchange_refuse(x, e);
    free(out.ptr);
}

/* The version that is asked for must be the newest; a root may be any. */
static sev_err find_file(const struct sev_director *d, const struct sev_director_call *call,
                         sev_slice vehicle, sev_slice path, sev_slice *out)
{
    struct sev_issued files;
    uint64_t version;
    sev_slice name = split_version(sev_slice_sub(path, 1, path.len), &version);
    if (sev_slice_eq(name, SEV_LIT("root.json")) && version != 0) {
        if (version > d->root_count)
            return SEV_E_NOT_FOUND;
        *out = d->roots[version - 1];
        return SEV_OK;
    }
    int role = sev_slice_eq(name, SEV_LIT("timestamp.json"))  ? SEV_STORE_TIMESTAMP
               : sev_slice_eq(name, SEV_LIT("snapshot.json")) ? SEV_STORE_SNAPSHOT
               : sev_slice_eq(name, SEV_LIT("targets.json"))  ? SEV_STORE_TARGETS
                                                              : SEV_STORE_ROLES;
    if (role == SEV_STORE_ROLES || (version == 0) != (role == SEV_STORE_TIMESTAMP))
        return SEV_E_NOT_FOUND;
    struct sev_vehicle row;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK)
        e = sev_director_issue(d, call, vehicle, &files);
    if (e != SEV_OK)
        return e;
    if (version != 0 && files.files[role].version != (int64_t)version)
        return SEV_E_NOT_FOUND;
    *out = files.files[role].bytes;
    return SEV_OK;
}

static void answer_file(const struct sev_director *d, const struct sev_director_call *call,
                        sev_slice vehicle, struct sev_exchange *x)
{
    sev_slice bytes = SEV_EMPTY;
    sev_err e = find_file(d, call, vehicle, sev_exchange_request(x)->path, &bytes);
    if (e == SEV_OK)
        sev_exchange_answer(x, 200, "application/json", bytes);
    else
        sev_exchange_refuse(x, e);
}

static void work(void *context, unsigned thread, struct sev_exchange *x)
{
    struct director *r = context;
    struct desk *desk = &r->desks[thread];
    struct sev_arena arena = sev_arena_of(desk->memory, SEV_DIRECTOR_ARENA_BYTES);
    struct sev_director_call call = {&arena, desk->crypto, (sev_time)time(NULL)};
    sev_slice vehicle = app_identity(sev_exchange_peer(x));
    pthread_rwlock_rdlock(&r->roots_lock);
    struct sev_director d = director_of(r, desk);
    enum route route = route_of(sev_exchange_request(x));
    if (route == ROUTE_STATUS) {
        answer_status(&d, &call, vehicle, x);
    } else if (route == ROUTE_ECUS) {
        sev_err e = sev_director_register(&d, &call, vehicle, sev_exchange_body(x));
        if (e == SEV_OK)
            sev_exchange_answer(x, 201, "application/json", SEV_LIT("{}"));
        else
            sev_exchange_refuse(x, e);
    } else {
        answer_file(&d, &call, vehicle, x);
    }
    pthread_rwlock_unlock(&r->roots_lock);
}

static void event(void *context, const struct sev_server_event *e)
{
    app_server_event(((struct director *)context)->app, e);
}

/* ------------------------------------------------------------ start and end */

static void stop(struct app *app, void *instance)
{
    struct director *r = instance;
    sev_server_stop(r->server, app->drain_ms); /* the pool still answers meanwhile */
    pool_free(r->pool);
    for (unsigned i = 0; i < r->desk_count; i++) {
        sev_signer_client_close(&r->desks[i].signer);
        sev_crypto_free(r->desks[i].crypto);
        free(r->desks[i].memory);
    }
    free(r->desks);
    if (r->store_open)
        sev_store_sqlite_close(&r->store);
    roots_free(app, &r->roots);
    pthread_rwlock_destroy(&r->roots_lock);
    free(r);
}

static sev_err make_desks(struct director *r)
{
    const char *socket = sev_config_text(r->block, "signer");
    unsigned count = (unsigned)sev_config_number(r->block, "threads");
    r->desks = calloc(count, sizeof *r->desks);
    if (r->desks == NULL)
        return app_fail(r->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "director");
    for (; r->desk_count < count; r->desk_count++) {
        struct desk *d = &r->desks[r->desk_count];
        sev_err e = sev_signer_client_init(&d->signer, socket);
        if (e != SEV_OK)
            return app_fail(r->app, e, sev_err_sentence(e), socket);
        d->sign = sev_signer_client_sign(&d->signer);
        d->crypto = sev_crypto_new();
        d->memory = malloc(SEV_DIRECTOR_ARENA_BYTES);
        if (d->memory == NULL) {
            sev_signer_client_close(&d->signer);
            sev_crypto_free(d->crypto);
            return app_fail(r->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "director");
        }
    }
    return SEV_OK;
}

static sev_err open_store(struct director *r)
{
    const char *path = sev_config_text(r->block, "database");
    sev_err e = sev_store_sqlite_open(path, &r->store);
    r->store_open = e == SEV_OK;
    return e == SEV_OK ? e : app_fail(r->app, e, sev_err_sentence(e), path);
}

static sev_err start(struct app *app, const struct sev_config_block *block, void **out_instance)
{
    struct director *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "director");
    *r = (struct director){.app = app, .block = block};
    pthread_rwlock_init(&r->roots_lock, NULL);
    sev_err e = roots_load(app, sev_config_text(block, "metadata"), &r->roots);
    if (e == SEV_OK)
        e = open_store(r);
    if (e == SEV_OK)
        e = make_desks(r);
    if (e == SEV_OK && (e = pool_new(r->desk_count, WAITING_MAX, work, r, &r->pool)) != SEV_OK)
        (void)app_fail(app, e, sev_err_sentence(e), "director");
    struct sev_server_handler handler = {
        .context = r, .admit = admit, .head = head, .whole = whole, .event = event};
    if (e == SEV_OK)
        e = app_listen(app, block, &handler, &r->server);
    if (e == SEV_OK)
        *out_instance = r;
    else
        stop(app, r);
    return e;
}

/* A root that was published since: served from the next request on. Fewer than before is no
 * publication but a loss. */
static sev_err reload(struct app *app, void *instance)
{
    struct director *r = instance;
    struct roots next;
    const char *folder = sev_config_text(r->block, "metadata");
    sev_err e = roots_load(app, folder, &next);
    if (e != SEV_OK)
        return e;
    if (next.count < r->roots.count)
        e = app_fail(app, SEV_E_ROOT_VERSION, "there are fewer roots than before", folder);
    if (e == SEV_OK)
        e = app_reload_tls(app, r->block, r->server);
    if (e != SEV_OK) {
        roots_free(app, &next);
        return e;
    }
    pthread_rwlock_wrlock(&r->roots_lock);
    struct roots before = r->roots;
    r->roots = next;
    pthread_rwlock_unlock(&r->roots_lock);
    roots_free(app, &before);
    return SEV_OK;
}

static uint16_t port(const void *instance)
{
    return sev_server_port(((const struct director *)instance)->server);
}

const struct app_role role_director = {"director", start, reload, stop, port};
