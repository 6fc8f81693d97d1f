/* pool - threads that may wait for disk and signer, so that those which wait for connections need
 * not. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_POOL_H
#define SEV_SERVER_POOL_H

#include "secureev/server.h"

#define POOL_BATCH_MAX 64u
#define POOL_PATIENCE_MS 5000 /* what waited longer is refused: nobody waits for its answer */

struct pool_config {
    unsigned threads;
    uint32_t waiting_max; /**< requests; more are refused */
    uint32_t batch_max;   /**< requests for one call of `work`, up to POOL_BATCH_MAX */
    uint32_t gather_us;   /**< how long the first of a batch waits for others */
    /** On thread number `thread`; it answers each of them. */
    void (*work)(void *context, unsigned thread, struct sev_exchange *const *batch, uint32_t count);
    /** Answers one that is refused: SEV_E_OVERLOADED. From any thread. */
    void (*refuse)(void *context, struct sev_exchange *x, sev_err why);
    void *context;
};

struct pool;
/** @retval SEV_E_MEMORY, SEV_E_IO */
SEV_MUST_USE sev_err pool_new(const struct pool_config *config, struct pool **out);
/** In a handler's `whole`: answered later by a thread of the pool, or refused as overloaded. */
void pool_give(struct pool *p, struct sev_exchange *x);
uint32_t pool_waiting(struct pool *p);
/** Finish what waits, but for what waited too long; then end. NULL is fine. Nothing may be given
 *  any more. */
void pool_free(struct pool *p);

#endif
