/* campaigner - the thread of a Director that moves campaigns on. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "campaigner.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "secureev/campaign.h"
#include "secureev/crypto_hosted.h"

#define PAUSE_MS 1000         /* between looks, when there was nothing more to do */
#define TROUBLE_PAUSE_MS 5000 /* a database that is gone fills no log meanwhile */

struct campaigner {
    struct sev_director director;
    struct sev_campaign_runner runner;
    struct sev_crypto *crypto;
    uint8_t *memory, *keep;
    char owner[2 * 16 + 1];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* @return whether to end */
static bool pause_for(struct campaigner *c, long ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stopping && ms != 0 && pthread_cond_timedwait(&c->wake, &c->lock, &until) == 0)
        continue;
    bool stopping = c->stopping;
    (void)pthread_mutex_unlock(&c->lock);
    return stopping;
}

static void *run(void *self)
{
    struct campaigner *c = self;
    bool more = false;
    long pause = PAUSE_MS;
    while (!pause_for(c, more ? 0 : pause)) {
        struct sev_arena arena = sev_arena_of(c->memory, SEV_DIRECTOR_ARENA_BYTES);
        struct sev_director_call call = {&arena, c->crypto, (sev_time)time(NULL)};
        /* What failed was told; it is tried again, but not at once. */
        sev_err e = sev_campaigns_run(&c->runner, &call, &more);
        more = more && e == SEV_OK;
        pause = e == SEV_OK ? PAUSE_MS : TROUBLE_PAUSE_MS;
    }
    return NULL;
}

static void release(struct campaigner *c)
{
    sev_crypto_free(c->crypto);
    free(c->memory);
    free(c->keep);
    free(c);
}

/* Signals are the main thread's business. */
static int start_thread(struct campaigner *c)
{
    sigset_t all, before;
    pthread_condattr_t monotonic;
    int error = pthread_condattr_init(&monotonic);
    if (error != 0)
        return error;
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    error = pthread_cond_init(&c->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (error != 0)
        return error;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&c->thread, NULL, run, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        (void)pthread_mutex_destroy(&c->lock);
        (void)pthread_cond_destroy(&c->wake);
    }
    return error;
}

sev_err campaigner_start(const struct sev_store *store, struct sev_events events,
                         struct campaigner **out)
{
    uint8_t id[16];
    struct campaigner *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SEV_E_MEMORY;
    c->memory = malloc(SEV_DIRECTOR_ARENA_BYTES);
    c->keep = malloc(SEV_CAMPAIGN_KEEP_BYTES);
    c->crypto = sev_crypto_new();
    sev_err e = c->memory == NULL || c->keep == NULL || c->crypto == NULL ? SEV_E_MEMORY : SEV_OK;
    if (e == SEV_OK && getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        e = SEV_E_RANDOM;
    if (e != SEV_OK) {
        release(c);
        return e;
    }
    sev_buf owner = sev_buf_of(c->owner, sizeof c->owner);
    sev_hex_encode(sev_slice_of(id, sizeof id), &owner);
    c->director = (struct sev_director){.store = store, .events = events};
    c->runner =
        (struct sev_campaign_runner){.director = &c->director,
                                     .owner = sev_buf_slice(&owner),
                                     .keep = sev_arena_of(c->keep, SEV_CAMPAIGN_KEEP_BYTES)};
    if (start_thread(c) != 0) {
        release(c);
        return SEV_E_MEMORY;
    }
    *out = c;
    return SEV_OK;
}

void campaigner_stop(struct campaigner *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->wake);
    release(c);
}
