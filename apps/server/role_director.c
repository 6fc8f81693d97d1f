/* role_director - the Director's URLs and what stands behind them. The connection says which
 * vehicle asks; no URL does. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
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
    struct roots roots, aktualizr_roots;
};

/* ------------------------------------------------------------------- routes */

enum route {
    ROUTE_NONE,
    ROUTE_STATUS,
    ROUTE_ECUS,
    ROUTE_FILE,
    ROUTE_MANIFEST,
    ROUTE_AKTUALIZR_FILE,
    ROUTE_HEARD, /**< aktualizr tells what nobody asked for: taken and forgotten */
};

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

/* X(method, path, route). In the second half the URLs of aktualizr, contract 6. */
#define ROUTES(X)                                                                                  \
    X(POST, "/status", STATUS)                                                                     \
    X(POST, "/ecus", ECUS)                                                                         \
    X(POST, "/director/ecus", ECUS)                                                                \
    X(PUT, "/director/manifest", MANIFEST)                                                         \
    X(POST, "/events", HEARD)                                                                      \
    X(PUT, "/system_info", HEARD)                                                                  \
    X(PUT, "/system_info/network", HEARD)                                                          \
    X(POST, "/system_info/config", HEARD)                                                          \
    X(PUT, "/core/installed", HEARD)

static bool begins(sev_slice text, sev_slice with)
{
    return text.len > with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

static enum route route_of(const struct sev_http_request *r)
{
#define X(verb, text, route)                                                                       \
    if (r->method == SEV_HTTP_##verb && sev_slice_eq(r->path, SEV_LIT(text)))                      \
        return ROUTE_##route;
    ROUTES(X)
#undef X
    if (r->method != SEV_HTTP_GET && r->method != SEV_HTTP_HEAD)
        return ROUTE_NONE;
    return begins(r->path, SEV_LIT("/director/")) ? ROUTE_AKTUALIZR_FILE : ROUTE_FILE;
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
    case ROUTE_MANIFEST:
    case ROUTE_HEARD:
        *out = (struct sev_body_plan){SEV_BODY_GATHER, SEV_MANIFEST_BYTES_MAX, false};
        return SEV_OK;
    case ROUTE_FILE:
    case ROUTE_AKTUALIZR_FILE:
        return SEV_OK;
    case ROUTE_NONE:
        break;
    }
    return SEV_E_NOT_FOUND;
}

static void whole(void *context, struct sev_exchange *x)
{
    struct director *r = context;
    if (route_of(sev_exchange_request(x)) == ROUTE_HEARD)
        sev_exchange_answer(x, 200, "application/json", SEV_LIT("{}"));
    else
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
                                          sev_config_text(r->block, "timestamp_key"),
                                          sev_config_text(r->block, "aktualizr_key")},
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

static sev_err find_root(const struct roots *roots, uint64_t version, sev_slice *out)
{
    if (version == 0 || version > roots->count)
        return SEV_E_NOT_FOUND;
    *out = roots->files[version - 1];
    return SEV_OK;
}

/* Any root, or the newest of the other files under its exact name. */
static sev_err find_file(const struct director *r, const struct sev_director *d,
                         const struct sev_director_call *call, sev_slice vehicle, sev_slice path,
                         sev_slice *out)
{
    struct sev_issued files;
    uint64_t version;
    sev_slice name = split_version(sev_slice_sub(path, 1, path.len), &version);
    if (sev_slice_eq(name, SEV_LIT("root.json")))
        return find_root(&r->roots, version, out);
    int role = sev_slice_eq(name, SEV_LIT("timestamp.json"))  ? SEV_STORE_TIMESTAMP
               : sev_slice_eq(name, SEV_LIT("snapshot.json")) ? SEV_STORE_SNAPSHOT
               : sev_slice_eq(name, SEV_LIT("targets.json"))  ? SEV_STORE_TARGETS
                                                              : SEV_STORE_ROLES;
    if (role == SEV_STORE_ROLES || (version == 0) != (role == SEV_STORE_TIMESTAMP))
        return SEV_E_NOT_FOUND;
    sev_err e = sev_director_issue(d, call, vehicle, &files);
    if (e != SEV_OK)
        return e;
    if (files.files[role].version == 0 ||
        (version != 0 && files.files[role].version != (int64_t)version))
        return SEV_E_NOT_FOUND;
    *out = files.files[role].bytes;
    return SEV_OK;
}

/* N.root.json, exactly that one, and targets.json: there is nothing else in that dialect, and a
 * vehicle of the native profile does not get to speak it. */
static sev_err find_aktualizr(const struct director *r, const struct sev_director *d,
                              const struct sev_director_call *call, sev_slice vehicle,
                              sev_slice path, sev_slice *out)
{
    struct sev_issued files;
    struct sev_vehicle row;
    uint64_t version;
    sev_slice name =
        split_version(sev_slice_sub(path, sizeof "/director/" - 1, path.len), &version);
    if (sev_slice_eq(name, SEV_LIT("root.json")))
        return find_root(&r->aktualizr_roots, version, out);
    if (!sev_slice_eq(name, SEV_LIT("targets.json")) || version != 0)
        return SEV_E_NOT_FOUND;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK && row.profile != SEV_PROFILE_AKTUALIZR)
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK)
        e = sev_director_issue(d, call, vehicle, &files);
    if (e == SEV_OK)
        *out = files.files[SEV_STORE_TARGETS].bytes;
    return e;
}

/* aktualizr writes the body of a refusal where it wants a file: it gets none. Contract 4 */
static void refuse_empty(struct sev_exchange *x, sev_err e)
{
    sev_exchange_answer(x, sev_http_status(e), "application/json", SEV_EMPTY);
}

static void answer(struct sev_exchange *x, enum route route, sev_err e, sev_slice bytes)
{
    bool foreign = route == ROUTE_AKTUALIZR_FILE || route == ROUTE_MANIFEST;
    if (e == SEV_OK)
        sev_exchange_answer(x, route == ROUTE_ECUS ? 201 : 200, "application/json", bytes);
    else if (foreign)
        refuse_empty(x, e);
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
    sev_slice path = sev_exchange_request(x)->path, bytes = SEV_LIT("{}");
    sev_err e = SEV_OK;
    switch (route) {
    case ROUTE_STATUS:
        answer_status(&d, &call, vehicle, x);
        break;
    case ROUTE_ECUS:
        e = sev_director_register(&d, &call, vehicle, sev_exchange_body(x));
        break;
    case ROUTE_MANIFEST:
        e = sev_director_manifest(&d, &call, vehicle, sev_exchange_body(x));
        break;
    case ROUTE_AKTUALIZR_FILE:
        e = find_aktualizr(r, &d, &call, vehicle, path, &bytes);
        break;
    default:
        e = find_file(r, &d, &call, vehicle, path, &bytes);
        break;
    }
    if (route != ROUTE_STATUS)
        answer(x, route, e, bytes);
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
    roots_free(app, &r->aktualizr_roots);
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

/* Those of aktualizr's dialect where it is spoken; they lie where `secureev repo` puts them. */
static sev_err load_roots(struct director *r, struct roots *native, struct roots *foreign)
{
    char folder[SEV_FS_PATH_MAX];
    const char *path = sev_config_text(r->block, "metadata");
    sev_err e = roots_load(r->app, path, SEV_PROFILE_NATIVE, native);
    if (e != SEV_OK || sev_config_text(r->block, "aktualizr_key")[0] == '\0')
        return e;
    int n = snprintf(folder, sizeof folder, "%s/aktualizr", path);
    if (n < 0 || (size_t)n >= sizeof folder)
        return app_fail(r->app, SEV_E_BAD_NAME, "the path is too long", path);
    return roots_load(r->app, folder, SEV_PROFILE_AKTUALIZR, foreign);
}

/* A reload comes before requests that come later: else a busy Director would never reload. */
static void init_roots_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &kind);
    pthread_rwlockattr_destroy(&kind);
}

static sev_err start(struct app *app, const struct sev_config_block *block, void **out_instance)
{
    struct director *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "director");
    *r = (struct director){.app = app, .block = block};
    init_roots_lock(&r->roots_lock);
    sev_err e = load_roots(r, &r->roots, &r->aktualizr_roots);
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
    struct roots next = {.count = 0}, foreign = {.count = 0};
    sev_err e = load_roots(r, &next, &foreign);
    if (e == SEV_OK && (next.count < r->roots.count || foreign.count < r->aktualizr_roots.count))
        e = app_fail(app, SEV_E_ROOT_VERSION, "there are fewer roots than before",
                     sev_config_text(r->block, "metadata"));
    if (e == SEV_OK)
        e = app_reload_tls(app, r->block, r->server);
    if (e == SEV_OK) {
        struct roots before = r->roots, foreign_before = r->aktualizr_roots;
        pthread_rwlock_wrlock(&r->roots_lock);
        r->roots = next;
        r->aktualizr_roots = foreign;
        pthread_rwlock_unlock(&r->roots_lock);
        next = before;
        foreign = foreign_before;
    }
    roots_free(app, &next);
    roots_free(app, &foreign);
    return e;
}

static uint16_t port(const void *instance)
{
    return sev_server_port(((const struct director *)instance)->server);
}

const struct app_role role_director = {"director", start, reload, stop, port};
