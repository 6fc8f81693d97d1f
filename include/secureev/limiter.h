/* limiter - token buckets, one per identity, in one table of fixed size. A bucket that is full
 * again is as good as none, so it gives way first: strangers cannot fill the table. Safe from any
 * thread. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_LIMITER_H
#define SECUREEV_LIMITER_H

#include "secureev/err.h"

struct sev_limiter_rate {
    uint32_t per_second; /**< 0: no limit */
    uint32_t burst;      /**< what a bucket holds, and what it holds at first; at least 1 */
};

struct sev_limiter;
/** @param entries  identities that are told apart at one time; 24 bytes each. @retval SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_limiter_new(struct sev_limiter_rate rate, uint32_t entries,
                                     struct sev_limiter **out);
void sev_limiter_free(struct sev_limiter *l);

/**
 * Take one token of `key`, which should be a keyed hash of an authenticated identity. Exact: after
 * n milliseconds n * per_second / 1000 tokens have come back.
 *
 * @param out_wait_ms  when there will be one, if there is none now; untouched unless refused
 * @retval SEV_E_RATE_LIMITED
 */
SEV_MUST_USE sev_err sev_limiter_take(struct sev_limiter *l, uint64_t key, uint64_t now_ms,
                                      uint32_t *out_wait_ms);

/** How much of the rate is given, in sixteenths, 1..16: less under load. It begins with 16. */
void sev_limiter_set_share(struct sev_limiter *l, unsigned sixteenths);
unsigned sev_limiter_share(struct sev_limiter *l);

/** A keyed hash for keys (SipHash-2-4): nobody can choose names that meet in the table. */
uint64_t sev_limiter_key(const uint8_t secret[16], const void *bytes, size_t len);

#endif
