/* pool - see pool.h.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct thread {
    struct pool *pool;
    unsigned number;
    pthread_t id;
};
struct pool {
    pool_work *work;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool ending;
    struct sev_exchange **waiting; /* a ring */
    uint32_t first, count, max;
    unsigned thread_count;
    struct thread threads[];
};

static struct sev_exchange *take(struct pool *p)
{
    struct sev_exchange *x = NULL;
    pthread_mutex_lock(&p->lock);
    while (p->count == 0 && !p->ending)
        pthread_cond_wait(&p->more, &p->lock);
    if (p->count != 0) {
        x = p->waiting[p->first];
        p->first = (p->first + 1) % p->max;
        p->count--;
    }
    pthread_mutex_unlock(&p->lock);
    return x;
}

static void *run(void *context)
{
    struct thread *t = context;
    struct sev_exchange *x;
    while ((x = take(t->pool)) != NULL)
        t->pool->work(t->pool->context, t->number, x);
    return NULL;
}

void pool_give(struct pool *p, struct sev_exchange *x)
{
    pthread_mutex_lock(&p->lock);
    bool full = p->count == p->max || p->ending;
    if (!full) {
        sev_exchange_later(x);
        p->waiting[(p->first + p->count++) % p->max] = x;
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (full)
        sev_exchange_refuse(x, SEV_E_OVERLOADED);
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
    free(p->waiting);
    free(p);
}

sev_err pool_new(unsigned threads, uint32_t waiting_max, pool_work *work, void *context,
                 struct pool **out)
{
    struct pool *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    if (p == NULL)
        return SEV_E_MEMORY;
    p->work = work;
    p->context = context;
    p->max = waiting_max;
    p->waiting = calloc(waiting_max, sizeof(struct sev_exchange *));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    sev_err e = p->waiting == NULL ? SEV_E_MEMORY : SEV_OK;
    for (unsigned i = 0; e == SEV_OK && i < threads; i++) {
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
