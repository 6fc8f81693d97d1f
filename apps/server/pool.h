/* pool - threads that may wait for disk and signer, so that those which wait for connections need
 * not. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_POOL_H
#define SEV_SERVER_POOL_H

#include "secureev/server.h"

struct pool;
/** One request, on thread number `thread`. It answers `x`. */
typedef void pool_work(void *context, unsigned thread, struct sev_exchange *x);

/** @retval SEV_E_MEMORY, SEV_E_IO */
SEV_MUST_USE sev_err pool_new(unsigned threads, uint32_t waiting_max, pool_work *work,
                              void *context, struct pool **out);
/** In a handler's `whole`: answered later by a thread of the pool, or refused as overloaded. */
void pool_give(struct pool *p, struct sev_exchange *x);
/** Finish what waits; then end. NULL is fine. Nothing may be given any more. */
void pool_free(struct pool *p);

#endif
