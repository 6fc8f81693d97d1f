/* role_time - the time service over HTTP: POST /time. Those who ask within a moment of each other
 * share a signature. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "frame.h"
#include "secureev/timesrv.h"

struct time_role {
    pthread_mutex_t lock; /* of what follows: a keeper may ask for the clock, too */
    struct sev_timesrv service;
};

static int64_t monotonic_ms(void)
{
    struct timespec t; /* goes on while the machine sleeps, as the wall clock does */
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void answer_together(struct app_call *calls, uint32_t count)
{
    struct time_role *r = calls[0].instance->own;
    struct sev_timesrv_request requests[SEV_TIMESRV_REQUESTS_MAX];
    for (uint32_t n = 0; n < count; n++)
        requests[n] = (struct sev_timesrv_request){.bytes = calls[n].body};
    pthread_mutex_lock(&r->lock);
    r->service.sign = &calls[0].desk->sign;
    sev_err e = sev_timesrv_answer(&r->service, calls[0].arena, (sev_time)time(NULL),
                                   monotonic_ms(), requests, count);
    pthread_mutex_unlock(&r->lock);
    for (uint32_t n = 0; n < count; n++) {
        sev_err mine = e != SEV_OK ? e : requests[n].err;
        if (mine == SEV_OK)
            app_answer(&calls[n], 200, requests[n].answer);
        else
            app_refuse(&calls[n], mine);
    }
}

static const struct app_route routes[] = {
    {SEV_HTTP_POST, "/time", 0, SEV_MESSAGE_BYTES_MAX, NULL, NULL},
};

static sev_err open_role(struct app_instance *i)
{
    struct time_role *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "time");
    r->service =
        (struct sev_timesrv){.key = sev_config_text(i->block, "key"), .events = i->app->events};
    pthread_mutex_init(&r->lock, NULL);
    sev_timesrv_init(&r->service, (sev_time)time(NULL), monotonic_ms());
    i->own = r;
    return SEV_OK;
}

static void close_role(struct app_instance *i)
{
    struct time_role *r = i->own;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static sev_err ready(struct app_instance *i, char *why)
{
    struct time_role *r = i->own;
    (void)why;
    pthread_mutex_lock(&r->lock);
    sev_err e = sev_timesrv_look(&r->service, (sev_time)time(NULL), monotonic_ms());
    pthread_mutex_unlock(&r->lock);
    return e;
}

/* One thread: batches are what makes it fast, and the service remembers what it saw of clocks. */
const struct app_role role_time = {.section = "time",
                                   .routes = routes,
                                   .route_count = sizeof routes / sizeof routes[0],
                                   .threads = 1,
                                   .arena_bytes = SEV_TIMESRV_ARENA_BYTES,
                                   .signs = true,
                                   .batch_max = SEV_TIMESRV_REQUESTS_MAX,
                                   .gather_us = 2000,
                                   .answer_together = answer_together,
                                   .open = open_role,
                                   .close = close_role,
                                   .ready = ready};
