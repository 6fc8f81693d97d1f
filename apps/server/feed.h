/* feed - what is decided anywhere, to the operators who watch: read from the store, so that it does
 * not matter which process decided. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_FEED_H
#define SEV_SERVER_FEED_H

#include "secureev/server.h"
#include "secureev/store_operator.h"

#define FEED_PERIOD_MS 500

struct feed;
/** Decisions that are made from now on are published. When an operator is changed, all who watch
 *  are cut off and come in again, or do not. @retval SEV_E_MEMORY, SEV_E_IO */
SEV_MUST_USE sev_err feed_start(const struct sev_store *store, struct sev_channel *channel,
                                struct feed **out);
/** Nobody watches beyond this time without coming in again: some token has expired then. */
void feed_end_by(struct feed *feed, sev_time expires);
/** Something was decided here: look now. */
void feed_wake(struct feed *feed);
/** NULL is fine. */
void feed_stop(struct feed *feed);

#endif
