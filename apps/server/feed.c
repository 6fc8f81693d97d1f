/* feed - see feed.h.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"

#define AT_ONCE 256u
#define ARENA_BYTES (AT_ONCE * (SEV_MESSAGE_BYTES_MAX + 2048u))
#define QUIET_MS 15000 /* then a comment, so that whoever is gone is noticed */

struct feed {
    const struct sev_store *store;
    struct sev_channel *channel;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool ending, woken;
    sev_time end_by; /* 0: nobody's token expires */
    /* of the thread */
    uint8_t *memory;
    int64_t last;
    bool primed;
    uint32_t quiet_ms;
};

/* ------------------------------------------------------------------ reading */

struct batch {
    const struct sev_listed_decision *found[AT_ONCE]; /* newest first */
    uint32_t count;
    int64_t after;
    struct sev_listed_decision rows[AT_ONCE];
};

static bool collect(void *context, const struct sev_listed_decision *d)
{
    struct batch *b = context;
    if (d->key <= b->after || b->count == AT_ONCE)
        return false;
    b->rows[b->count] = *d;
    b->found[b->count] = &b->rows[b->count];
    b->count++;
    return true;
}

static bool concerns_operators(sev_slice what)
{
    static const char word[] = "operator-";
    return sev_slice_eq(sev_slice_sub(what, 0, sizeof word - 1), SEV_LIT("operator-"));
}

static void publish(struct feed *f, const struct sev_listed_decision *d)
{
    static uint8_t room[SEV_CHANNEL_EVENT_BYTES_MAX];
    for (int with_reason = 1; with_reason >= 0; with_reason--) {
        struct sev_listed_decision shown = *d;
        sev_buf b = sev_buf_of(room, sizeof room);
        if (!with_reason)
            shown.decision.reason = SEV_EMPTY;
        sev_buf_put_slice(&b, SEV_LIT("id: "));
        sev_decimal_format((uint64_t)d->key, &b);
        sev_buf_put_slice(&b, SEV_LIT("\nevent: decision\ndata: "));
        sev_json_writer w = sev_json_writer_to(&b);
        api_w_decision(&w, &shown);
        sev_err e = sev_json_w_end(&w);
        sev_buf_put_slice(&b, SEV_LIT("\n\n"));
        if (e != SEV_OK || b.overflow)
            continue; /* without its reason, which is where it was kept */
        if (sev_channel_publish(f->channel, sev_buf_slice(&b)) == SEV_OK)
            f->quiet_ms = 0;
        return;
    }
}

static void look(struct feed *f)
{
    static struct batch b;
    struct sev_arena arena = sev_arena_of(f->memory, ARENA_BYTES);
    bool cut = false;
    b.count = 0;
    b.after = f->last;
    sev_err e = f->store->operators->decisions(f->store->self, SEV_EMPTY, 0,
                                               f->primed ? AT_ONCE : 1, &arena, collect, &b);
    if (e != SEV_OK)
        return; /* the next look will find what this one did not */
    if (b.count != 0)
        f->last = b.rows[0].key;
    for (uint32_t i = f->primed ? b.count : 0; i-- > 0;) {
        publish(f, b.found[i]);
        cut = cut || concerns_operators(b.found[i]->decision.what);
    }
    if (f->primed && b.count == AT_ONCE) /* and there may be more that nobody looked at */
        cut = true;
    f->primed = true;
    if (cut)
        sev_channel_cut(f->channel);
}

static void *run(void *context)
{
    struct feed *f = context;
    pthread_mutex_lock(&f->lock);
    while (!f->ending) {
        bool cut = f->end_by != 0 && (sev_time)time(NULL) >= f->end_by;
        if (cut)
            f->end_by = 0;
        pthread_mutex_unlock(&f->lock);
        if (cut)
            sev_channel_cut(f->channel);
        look(f);
        f->quiet_ms += FEED_PERIOD_MS;
        if (f->quiet_ms >= QUIET_MS) {
            (void)!sev_channel_publish(f->channel, SEV_LIT(": nothing new\n\n"));
            f->quiet_ms = 0;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += FEED_PERIOD_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&f->lock);
        if (!f->ending && !f->woken)
            pthread_cond_timedwait(&f->wake, &f->lock, &until);
        f->woken = false;
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ------------------------------------------------------------ start and end */

void feed_end_by(struct feed *feed, sev_time expires)
{
    pthread_mutex_lock(&feed->lock);
    if (expires != 0 && (feed->end_by == 0 || expires < feed->end_by))
        feed->end_by = expires;
    pthread_mutex_unlock(&feed->lock);
}

void feed_wake(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->woken = true;
    pthread_cond_signal(&feed->wake);
    pthread_mutex_unlock(&feed->lock);
}

sev_err feed_start(const struct sev_store *store, struct sev_channel *channel, struct feed **out)
{
    struct feed *f = calloc(1, sizeof *f);
    pthread_condattr_t kind;
    if (f == NULL || (f->memory = malloc(ARENA_BYTES)) == NULL) {
        free(f);
        return SEV_E_MEMORY;
    }
    f->store = store;
    f->channel = channel;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &kind);
    pthread_condattr_destroy(&kind);
    if (pthread_create(&f->thread, NULL, run, f) != 0) {
        pthread_cond_destroy(&f->wake);
        pthread_mutex_destroy(&f->lock);
        free(f->memory);
        free(f);
        return SEV_E_IO;
    }
    *out = f;
    return SEV_OK;
}

void feed_stop(struct feed *feed)
{
    if (feed == NULL)
        return;
    pthread_mutex_lock(&feed->lock);
    feed->ending = true;
    pthread_cond_signal(&feed->wake);
    pthread_mutex_unlock(&feed->lock);
    pthread_join(feed->thread, NULL);
    pthread_cond_destroy(&feed->wake);
    pthread_mutex_destroy(&feed->lock);
    free(feed->memory);
    free(feed);
}
