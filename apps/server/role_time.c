/* role_time - the time service over HTTP: POST /time. Those who ask within a moment of each other
 * share a signature. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "secureev/signer_client.h"
#include "secureev/timesrv.h"
#include "server_app.h"

#define WAITING_MAX 4096u
#define GATHER_NS 2000000 /* how long the first of a batch waits for others */

struct time_role {
    struct app *app;
    const struct sev_config_block *block;
    struct sev_server *server;
    struct sev_signer_client signer;
    struct sev_sign sign;
    struct sev_timesrv service;
    uint8_t *memory;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool ending, running;
    struct sev_exchange *waiting[WAITING_MAX];
    uint32_t count;
    pthread_t thread;
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME,
                  &t); /* goes on while the machine sleeps, as the wall clock does */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ batches */

static uint32_t take(struct time_role *r, struct sev_exchange *out[SEV_TIMESRV_REQUESTS_MAX])
{
    struct timespec moment = {0, GATHER_NS};
    pthread_mutex_lock(&r->lock);
    while (r->count == 0 && !r->ending)
        pthread_cond_wait(&r->more, &r->lock);
    if (r->count < SEV_TIMESRV_REQUESTS_MAX && !r->ending) {
        pthread_mutex_unlock(&r->lock);
        nanosleep(&moment, NULL);
        pthread_mutex_lock(&r->lock);
    }
    uint32_t n = r->count < SEV_TIMESRV_REQUESTS_MAX ? r->count : SEV_TIMESRV_REQUESTS_MAX;
    for (uint32_t i = 0; i < n; i++)
        out[i] = r->waiting[i];
    for (uint32_t i = n; i < r->count; i++)
        r->waiting[i - n] = r->waiting[i];
    r->count -= n;
    pthread_mutex_unlock(&r->lock);
    return n;
}

static void answer_batch(struct time_role *r, struct sev_exchange **batch, uint32_t count)
{
    struct sev_timesrv_request requests[SEV_TIMESRV_REQUESTS_MAX];
    struct sev_arena arena = sev_arena_of(r->memory, SEV_TIMESRV_ARENA_BYTES);
    for (uint32_t i = 0; i < count; i++)
        requests[i] = (struct sev_timesrv_request){.bytes = sev_exchange_body(batch[i])};
    sev_err e = sev_timesrv_answer(&r->service, &arena, (sev_time)time(NULL), monotonic_ms(),
                                   requests, count);
    for (uint32_t i = 0; i < count; i++) {
        sev_err mine = e != SEV_OK ? e : requests[i].err;
        if (mine == SEV_OK)
            sev_exchange_answer(batch[i], 200, "application/json", requests[i].answer);
        else
            sev_exchange_refuse(batch[i], mine);
    }
}

static void *work(void *context)
{
    struct sev_exchange *batch[SEV_TIMESRV_REQUESTS_MAX];
    uint32_t count;
    while ((count = take(context, batch)) != 0)
        answer_batch(context, batch, count);
    return NULL;
}

/* ----------------------------------------------------------------- requests */

static sev_err admit(void *context, const struct sev_server_peer *peer,
                     const struct sev_http_request *request)
{
    (void)context;
    (void)request;
    return peer->authenticated ? SEV_OK : SEV_E_WRONG_SUBJECT;
}

static sev_err head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    (void)context;
    const struct sev_http_request *r = sev_exchange_request(x);
    if (r->method != SEV_HTTP_POST || !sev_slice_eq(r->path, SEV_LIT("/time")))
        return SEV_E_NOT_FOUND;
    *out = (struct sev_body_plan){SEV_BODY_GATHER, SEV_MESSAGE_BYTES_MAX, false};
    return SEV_OK;
}

static void whole(void *context, struct sev_exchange *x)
{
    struct time_role *r = context;
    pthread_mutex_lock(&r->lock);
    bool room = r->count < WAITING_MAX && !r->ending;
    if (room) {
        sev_exchange_later(x);
        r->waiting[r->count++] = x;
        pthread_cond_signal(&r->more);
    }
    pthread_mutex_unlock(&r->lock);
    if (!room)
        sev_exchange_refuse(x, SEV_E_OVERLOADED);
}

static void event(void *context, const struct sev_server_event *e)
{
    app_server_event(((struct time_role *)context)->app, e);
}

/* ------------------------------------------------------------ start and end */

static void stop(struct app *app, void *instance)
{
    struct time_role *r = instance;
    sev_server_stop(r->server, app->drain_ms);
    if (r->running) {
        pthread_mutex_lock(&r->lock);
        r->ending = true;
        pthread_cond_signal(&r->more);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    sev_signer_client_close(&r->signer);
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    free(r->memory);
    free(r);
}

static sev_err prepare(struct time_role *r)
{
    const char *socket = sev_config_text(r->block, "signer");
    sev_err e = sev_signer_client_init(&r->signer, socket);
    if (e != SEV_OK)
        return app_fail(r->app, e, sev_err_sentence(e), socket);
    r->sign = sev_signer_client_sign(&r->signer);
    r->service = (struct sev_timesrv){
        .sign = &r->sign, .key = sev_config_text(r->block, "key"), .events = r->app->events};
    sev_timesrv_init(&r->service, (sev_time)time(NULL), monotonic_ms());
    r->memory = malloc(SEV_TIMESRV_ARENA_BYTES);
    r->running = r->memory != NULL && pthread_create(&r->thread, NULL, work, r) == 0;
    return r->running ? SEV_OK
                      : app_fail(r->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "time");
}

static sev_err start(struct app *app, const struct sev_config_block *block, void **out_instance)
{
    struct time_role *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "time");
    r->app = app;
    r->block = block;
    r->signer.fd = -1;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    sev_err e = prepare(r);
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

static sev_err reload(struct app *app, void *instance)
{
    struct time_role *r = instance;
    return app_reload_tls(app, r->block, r->server);
}

static uint16_t port(const void *instance)
{
    return sev_server_port(((const struct time_role *)instance)->server);
}

const struct app_role role_time = {"time", start, reload, stop, port};
