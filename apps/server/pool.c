/* pool - see pool.h.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct thread {
    struct pool *pool;
    unsigned number;
    pthread_t id;
};
struct waiting {
    struct sev_exchange *x;
    int64_t since_ms;
};
struct pool {
    struct pool_config is;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool ending;
    struct waiting *ring;
    uint32_t first, count;
    unsigned thread_count;
    struct thread threads[];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* With the lock held, which is given back meanwhile. */
static void gather(struct pool *p)
{
    struct timespec moment = {0, (long)p->is.gather_us * 1000};
    if (p->is.gather_us == 0 || p->ending || p->count == 0 || p->count >= p->is.batch_max)
        return;
    pthread_mutex_unlock(&p->lock);
    nanosleep(&moment, NULL);
    pthread_mutex_lock(&p->lock);
}

/* How many are in `out`; 0 at the end of all. */
static uint32_t take(struct pool *p, struct waiting out[POOL_BATCH_MAX])
{
    uint32_t n = 0;
    pthread_mutex_lock(&p->lock);
    do { /* again where another thread took them meanwhile */
        while (p->count == 0 && !p->ending)
            pthread_cond_wait(&p->more, &p->lock);
        gather(p);
    } while (p->count == 0 && !p->ending);
    for (; n < p->is.batch_max && p->count != 0; n++) {
        out[n] = p->ring[p->first];
        p->first = (p->first + 1) % p->is.waiting_max;
        p->count--;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

static void *run(void *context)
{
    struct thread *t = context;
    struct pool *p = t->pool;
    struct waiting taken[POOL_BATCH_MAX];
    struct sev_exchange *batch[POOL_BATCH_MAX];
    uint32_t count;
    while ((count = take(p, taken)) != 0) {
        int64_t now = now_ms();
        uint32_t fresh = 0;
        for (uint32_t i = 0; i < count; i++)
            if (now - taken[i].since_ms > POOL_PATIENCE_MS)
                p->is.refuse(p->is.context, taken[i].x, SEV_E_OVERLOADED);
            else
                batch[fresh++] = taken[i].x;
        if (fresh != 0)
            p->is.work(p->is.context, t->number, batch, fresh);
    }
    return NULL;
}

void pool_give(struct pool *p, struct sev_exchange *x)
{
    pthread_mutex_lock(&p->lock);
    bool full = p->count == p->is.waiting_max || p->ending;
    if (!full) {
        sev_exchange_later(x);
        p->ring[(p->first + p->count++) % p->is.waiting_max] = (struct waiting){x, now_ms()};
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (full)
        p->is.refuse(p->is.context, x, SEV_E_OVERLOADED);
}

uint32_t pool_waiting(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t count = p->count;
    pthread_mutex_unlock(&p->lock);
    return count;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i].id, NULL);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p->ring);
    free(p);
}

sev_err pool_new(const struct pool_config *config, struct pool **out)
{
    struct pool *p = calloc(1, sizeof *p + config->threads * sizeof p->threads[0]);
    if (p == NULL)
        return SEV_E_MEMORY;
    p->is = *config;
    p->ring = calloc(config->waiting_max, sizeof *p->ring);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    sev_err e = p->ring == NULL ? SEV_E_MEMORY : SEV_OK;
    for (unsigned i = 0; e == SEV_OK && i < config->threads; i++) {
        p->threads[i] = (struct thread){.pool = p, .number = i};
        if (pthread_create(&p->threads[i].id, NULL, run, &p->threads[i]) != 0)
            e = SEV_E_IO;
        else
            p->thread_count++;
    }
    if (e == SEV_OK)
        *out = p;
    else
        pool_free(p);
    return e;
}
