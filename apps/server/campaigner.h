/* campaigner - the thread of a Director that moves campaigns on. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_CAMPAIGNER_H
#define SEV_SERVER_CAMPAIGNER_H

#include "frame.h"
#include "secureev/store.h"

struct campaigner;

/** @param store  outlives it */
SEV_MUST_USE sev_err campaigner_start(const struct sev_store *store, struct sev_events events,
                                      struct campaigner **out);
/** Waits for the step that is on its way; NULL is fine. */
void campaigner_stop(struct campaigner *c);

#endif
