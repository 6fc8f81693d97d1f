/* channel - one ring of events for all readers. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

#define WATCHERS_MAX 256 /* workers of all servers that use it */

struct sev_channel {
    pthread_mutex_t lock;
    uint64_t end; /* number of the next event */
    struct {
        uint8_t *bytes;
        size_t len;
    } ring[SEV_CHANNEL_EVENTS];
    struct watcher {
        int wake;
        unsigned readers;
    } watchers[WATCHERS_MAX];
    unsigned watcher_count;
};

sev_err sev_channel_new(struct sev_channel **out)
{
    struct sev_channel *ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return SEV_E_MEMORY;
    if (pthread_mutex_init(&ch->lock, NULL) != 0) {
        free(ch);
        return SEV_E_MEMORY;
    }
    *out = ch;
    return SEV_OK;
}

void sev_channel_free(struct sev_channel *ch)
{
    if (ch == NULL)
        return;
    for (size_t i = 0; i < SEV_CHANNEL_EVENTS; i++)
        free(ch->ring[i].bytes);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static void wake_all(struct sev_channel *ch)
{
    const uint64_t one = 1;
    for (unsigned i = 0; i < ch->watcher_count; i++)
        (void)!write(ch->watchers[i].wake, &one, sizeof one);
}

void sev_channel_cut(struct sev_channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    ch->end += SEV_CHANNEL_EVENTS + 1; /* nobody may read what was never there */
    wake_all(ch);
    pthread_mutex_unlock(&ch->lock);
}

sev_err sev_channel_publish(struct sev_channel *ch, sev_slice event)
{
    if (event.len == 0 || event.len > SEV_CHANNEL_EVENT_BYTES_MAX)
        return SEV_E_TOO_LONG;
    uint8_t *copy = malloc(event.len);
    if (copy == NULL)
        return SEV_E_MEMORY;
    memcpy(copy, event.ptr, event.len);
    pthread_mutex_lock(&ch->lock);
    size_t at = ch->end++ % SEV_CHANNEL_EVENTS;
    free(ch->ring[at].bytes);
    ch->ring[at].bytes = copy;
    ch->ring[at].len = event.len;
    wake_all(ch);
    pthread_mutex_unlock(&ch->lock);
    return SEV_OK;
}

ssize_t sev_channel_read(struct sev_channel *ch, uint64_t cursor, uint8_t *out)
{
    ssize_t n = 0;
    pthread_mutex_lock(&ch->lock);
    if (ch->end - cursor > SEV_CHANNEL_EVENTS) {
        n = -1;
    } else if (cursor < ch->end) {
        size_t at = cursor % SEV_CHANNEL_EVENTS;
        memcpy(out, ch->ring[at].bytes, ch->ring[at].len);
        n = (ssize_t)ch->ring[at].len;
    }
    pthread_mutex_unlock(&ch->lock);
    return n;
}

uint64_t sev_channel_end(struct sev_channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    uint64_t end = ch->end;
    pthread_mutex_unlock(&ch->lock);
    return end;
}

void sev_channel_watch(struct sev_channel *ch, int wake)
{
    pthread_mutex_lock(&ch->lock);
    unsigned i = 0;
    while (i < ch->watcher_count && ch->watchers[i].wake != wake)
        i++;
    if (i < WATCHERS_MAX) {
        if (i == ch->watcher_count)
            ch->watchers[ch->watcher_count++] = (struct watcher){wake, 0};
        ch->watchers[i].readers++;
    }
    pthread_mutex_unlock(&ch->lock);
}

void sev_channel_unwatch(struct sev_channel *ch, int wake)
{
    pthread_mutex_lock(&ch->lock);
    for (unsigned i = 0; i < ch->watcher_count; i++)
        if (ch->watchers[i].wake == wake && --ch->watchers[i].readers == 0)
            ch->watchers[i--] = ch->watchers[--ch->watcher_count];
    pthread_mutex_unlock(&ch->lock);
}
