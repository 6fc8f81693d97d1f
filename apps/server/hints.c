/* hints - see hints.h.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "hints.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "secureev/mqtt.h"
#include "secureev/store_hint.h"

#define AT_ONCE 256u
#define ARENA_BYTES (256u << 10)

struct hints {
    const struct sev_store *store;
    struct sev_mqtt *mqtt;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ending; /* under the lock */
    /* of the thread */
    uint8_t *memory;
    bool primed; /* `last` is known: assignments of before the start are not told */
    int64_t last;
    uint32_t found;
};

/* What does not fit waits in the store: nothing is lost while the broker is away. */
static bool give(void *context, int64_t key, sev_slice vehicle)
{
    struct hints *h = context;
    h->found++;
    if (sev_mqtt_look(h->mqtt, vehicle) == SEV_E_OVERLOADED)
        return false;
    h->last = key;
    return true;
}

/* True: there may be more at once. */
static bool look(struct hints *h)
{
    struct sev_arena arena = sev_arena_of(h->memory, ARENA_BYTES);
    int64_t newest = 0;
    if (h->primed && sev_mqtt_state(h->mqtt).waiting == SEV_MQTT_WAITING_MAX)
        return false; /* nothing fits: do not read all that was decided meanwhile again and again */
    sev_err e = h->store->hints->newest(h->store->self, &newest);
    if (e != SEV_OK || !h->primed) {
        h->primed = h->primed || e == SEV_OK;
        h->last = newest > h->last ? newest : h->last;
        return false;
    }
    h->found = 0;
    int64_t before = h->last;
    e = h->store->hints->assigned(h->store->self, h->last, newest, AT_ONCE, &arena, give, h);
    if (e == SEV_OK && h->found == 0)
        h->last = newest;
    return e == SEV_OK && h->found == AT_ONCE && h->last != before;
}

static void *run(void *context)
{
    struct hints *h = context;
    pthread_mutex_lock(&h->lock);
    while (!h->ending) {
        pthread_mutex_unlock(&h->lock);
        bool more = look(h);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += HINTS_PERIOD_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&h->lock);
        if (!h->ending && !more)
            pthread_cond_timedwait(&h->wake, &h->lock, &until);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ------------------------------------------------------------ start and end */

static sev_err begin(struct hints *h)
{
    pthread_condattr_t kind;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &kind);
    pthread_condattr_destroy(&kind);
    (void)look(h); /* what was decided before is known before anybody is served */
    if (pthread_create(&h->thread, NULL, run, h) == 0)
        return SEV_OK;
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    return SEV_E_IO;
}

sev_err hints_start(struct app *app, const struct sev_store *store, struct hints **out)
{
    const struct sev_config_block *b = sev_config_next(app->config, "mqtt", NULL);
    *out = NULL;
    if (b == NULL)
        return SEV_OK;
    struct hints *h = calloc(1, sizeof *h);
    if (h == NULL || (h->memory = malloc(ARENA_BYTES)) == NULL) {
        free(h);
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "mqtt");
    }
    h->store = store;
    struct sev_mqtt_config config = {.broker = sev_config_text(b, "broker"),
                                     .ca = sev_config_text(b, "ca"),
                                     .certificate = sev_config_text(b, "certificate"),
                                     .key = sev_config_text(b, "certificate_key"),
                                     .events = app->events};
    sev_err e = sev_mqtt_start(&config, &h->mqtt);
    if (e == SEV_OK)
        e = begin(h);
    if (e == SEV_OK) {
        *out = h;
        return SEV_OK;
    }
    sev_mqtt_stop(h->mqtt);
    free(h->memory);
    free(h);
    return app_fail(app, e,
                    e == SEV_E_CONFIG ? "not HOST:PORT, or one of its files is not there"
                                      : sev_err_sentence(e),
                    "mqtt");
}

void hints_stop(struct hints *h)
{
    if (h == NULL)
        return;
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    sev_mqtt_stop(h->mqtt);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h->memory);
    free(h);
}

/* ------------------------------------------------------------------- health */

void hints_ready(struct hints *h, char why[100])
{
    if (h != NULL && !sev_mqtt_state(h->mqtt).connected)
        snprintf(why, 100, "the broker of hints");
}

void hints_measure(struct hints *h, struct app_measures *m)
{
    if (h == NULL)
        return;
    struct sev_mqtt_state s = sev_mqtt_state(h->mqtt);
    app_measure(m, "broker_connected", "Is the broker of hints there?", s.connected);
    app_measure(m, "hints_waiting", "Hints that the broker has not taken yet.", s.waiting);
    app_measure(m, "hints_sent", "Hints that the broker took since the start.",
                (int64_t)s.acknowledged);
}
