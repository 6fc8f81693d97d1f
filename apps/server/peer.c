/* peer - see peer.h.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "peer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "secureev/built.h"

#define PEM_BYTES_MAX (1u << 20)
#define PATIENCE_MAX 64u /* periods between two attempts when nothing goes well */

sev_err peer_open(const struct sev_config_block *block, const struct sev_http_client_limits *limits,
                  struct sev_http_client **out)
{
    static const char *const keys[] = {"ca", "certificate", "certificate_key"};
    struct sev_fs fs = sev_fs_posix(NULL);
    struct sev_bytes files[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    sev_err e = SEV_OK;
    for (int i = 0; e == SEV_OK && i < 3; i++)
        e = sev_file_read(&fs, sev_config_text(block, keys[i]), PEM_BYTES_MAX, 0, &files[i]);
    if (e == SEV_OK) {
        struct sev_http_client_config config = {.url = sev_config_text(block, "server"),
                                                .ca = sev_bytes_slice(&files[0]),
                                                .certificate = sev_bytes_slice(&files[1]),
                                                .key = sev_bytes_slice(&files[2]),
                                                .built = sev_built(),
                                                .limits = *limits};
        e = sev_http_client_new(&config, out);
    }
    for (int i = 0; i < 3; i++)
        sev_bytes_wipe(&fs, &files[i]);
    return e;
}

/* -------------------------------------------------------------------- threads */

struct ticker {
    uint32_t period_ms;
    ticker_round *round;
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, ending;
};

/* True: there is to be another round. */
static bool wait_for_turn(struct ticker *t, uint32_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&t->lock);
    while (!t->woken && !t->ending && pthread_cond_timedwait(&t->wake, &t->lock, &until) == 0)
        continue;
    t->woken = false;
    bool more = !t->ending;
    pthread_mutex_unlock(&t->lock);
    return more;
}

static void *run(void *context)
{
    struct ticker *t = context;
    uint32_t patience = 1;
    do {
        patience = t->round(t->context) ? 1 : patience < PATIENCE_MAX ? patience * 2 : patience;
    } while (wait_for_turn(t, t->period_ms * patience));
    return NULL;
}

sev_err ticker_start(uint32_t period_ms, ticker_round *round, void *context, struct ticker **out)
{
    pthread_condattr_t attributes;
    struct ticker *t = calloc(1, sizeof *t);
    if (t == NULL)
        return SEV_E_MEMORY;
    t->period_ms = period_ms;
    t->round = round;
    t->context = context;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&t->thread, NULL, run, t) != 0) {
        pthread_cond_destroy(&t->wake);
        pthread_mutex_destroy(&t->lock);
        free(t);
        return SEV_E_IO;
    }
    *out = t;
    return SEV_OK;
}

void ticker_wake(struct ticker *t)
{
    pthread_mutex_lock(&t->lock);
    t->woken = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void ticker_stop(struct ticker *t)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
