/* limiter - token buckets in a set-associative table. SPDX-License-Identifier: MIT */
#include "secureev/limiter.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define WAYS 8
#define FULL_SHARE 16u

/* Tokens in thousandths of sixteenths, so that each millisecond gives back a whole number of them:
 * per_second * share. */
#define TOKEN (1000u * FULL_SHARE)

struct bucket {
    uint64_t key; /* 0: unused */
    uint64_t tokens;
    uint64_t at_ms;
};

struct sev_limiter {
    struct sev_limiter_rate rate;
    unsigned share;
    uint64_t sets;
    pthread_mutex_t lock;
    struct bucket buckets[];
};

sev_err sev_limiter_new(struct sev_limiter_rate rate, uint32_t entries, struct sev_limiter **out)
{
    uint64_t sets = 1;
    while (sets * WAYS < entries)
        sets *= 2;
    struct sev_limiter *l = calloc(1, sizeof *l + sets * WAYS * sizeof l->buckets[0]);
    if (l == NULL)
        return SEV_E_MEMORY;
    if (pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return SEV_E_MEMORY;
    }
    l->rate = rate;
    l->rate.burst = rate.burst > 0 ? rate.burst : 1;
    l->share = FULL_SHARE;
    l->sets = sets;
    *out = l;
    return SEV_OK;
}

void sev_limiter_free(struct sev_limiter *l)
{
    if (l == NULL)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void refill(const struct sev_limiter *l, struct bucket *b, uint64_t now_ms)
{
    uint64_t full = (uint64_t)l->rate.burst * TOKEN;
    uint64_t each = (uint64_t)l->rate.per_second * l->share;
    uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    if (b->key == 0 || passed > (full - b->tokens) / each)
        b->tokens = full;
    else
        b->tokens += passed * each;
    b->at_ms = now_ms > b->at_ms ? now_ms : b->at_ms;
}

/* The bucket of this key; else the fullest of its set, which has the least to remember. */
static struct bucket *find(struct sev_limiter *l, uint64_t key, uint64_t now_ms)
{
    struct bucket *set = &l->buckets[(key & (l->sets - 1)) * WAYS], *fullest = set;
    for (unsigned i = 0; i < WAYS; i++) {
        refill(l, &set[i], now_ms);
        if (set[i].key == key)
            return &set[i];
        if (set[i].tokens > fullest->tokens || (set[i].key == 0 && fullest->key != 0))
            fullest = &set[i];
    }
    *fullest = (struct bucket){key, (uint64_t)l->rate.burst * TOKEN, now_ms};
    return fullest;
}

sev_err sev_limiter_take(struct sev_limiter *l, uint64_t key, uint64_t now_ms,
                         uint32_t *out_wait_ms)
{
    sev_err e = SEV_OK;
    if (l->rate.per_second == 0)
        return SEV_OK;
    pthread_mutex_lock(&l->lock);
    struct bucket *b = find(l, key != 0 ? key : UINT64_MAX, now_ms);
    if (b->tokens >= TOKEN) {
        b->tokens -= TOKEN;
    } else {
        uint64_t each = (uint64_t)l->rate.per_second * l->share;
        *out_wait_ms = (uint32_t)((TOKEN - b->tokens + each - 1) / each);
        e = SEV_E_RATE_LIMITED;
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}

void sev_limiter_set_share(struct sev_limiter *l, unsigned sixteenths)
{
    pthread_mutex_lock(&l->lock);
    l->share = sixteenths < 1 ? 1 : sixteenths > FULL_SHARE ? FULL_SHARE : sixteenths;
    pthread_mutex_unlock(&l->lock);
}

unsigned sev_limiter_share(struct sev_limiter *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned share = l->share;
    pthread_mutex_unlock(&l->lock);
    return share;
}

/* ----------------------------------------------------------------- SipHash */

static uint64_t load64(const uint8_t *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

uint64_t sev_limiter_key(const uint8_t secret[16], const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t k0 = load64(secret, 8), k1 = load64(secret + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    for (size_t left = len;; left -= 8, p += 8) {
        bool last = left < 8;
        uint64_t word = load64(p, last ? left : 8) | (last ? (uint64_t)len << 56 : 0);
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
        if (last)
            break;
    }
    v[2] ^= 0xFF;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
