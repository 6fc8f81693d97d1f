/* internal - what the parts of the registry share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_REGISTRY_INTERNAL_H
#define SEV_ROLES_REGISTRY_INTERNAL_H

#include "secureev/json.h"
#include "secureev/registry.h"

/** The later of the given time and the program's own date: a clock that was set back makes nothing
 *  good again. DESIGN 6 */
static inline sev_time registry_now(const struct sev_registry *r,
                                    const struct sev_registry_call *call)
{
    return call->now > r->built ? call->now : r->built;
}

/** Tell, and give `e` back. `did` may be empty. */
sev_err registry_tell(const struct sev_registry *r, sev_event_id id, sev_err e, sev_slice did);

/** Where a known identity stands. @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err registry_state(const struct sev_registry *r,
                                    const struct sev_registry_call *call, sev_slice did,
                                    int64_t version, struct sev_did_state *out);

/** {"entry": hash, "version"}: why an identity is now as it is. */
sev_slice registry_entry_reason(const struct sev_did_state *s, uint8_t *room, size_t bytes);

/** Check an entry that is ahead of our clock, or is not. */
SEV_MUST_USE sev_err registry_check_time(const struct sev_registry *r,
                                         const struct sev_registry_call *call,
                                         const struct sev_did_entry *entry);

#endif
