/* internal - shared by the parts of the Director.  SPDX-License-Identifier: MIT */
#ifndef SEV_DIRECTOR_INTERNAL_H
#define SEV_DIRECTOR_INTERNAL_H

#include "secureev/director.h"

static inline sev_slice director_text(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/** A buffer of `bytes` in the arena; its cap is 0 when there is no room. */
static inline sev_buf director_buf(const struct sev_director_call *call, size_t bytes)
{
    uint8_t *room = sev_arena_take(call->arena, bytes);
    return sev_buf_of(room, room == NULL ? 0 : bytes);
}

/** Have a body signed: the whole document, in the arena. `bytes_max` of what it may become. */
SEV_MUST_USE sev_err director_signed(const struct sev_director *d,
                                     const struct sev_director_call *call, sev_profile profile,
                                     const char *key, sev_slice body, size_t bytes_max,
                                     sev_slice *out);

/** Of one ECU's report: those of all, which are read with the inventory, take half of the arena. */
#define DIRECTOR_REPORT_BYTES_MAX (SEV_DIRECTOR_ARENA_BYTES / 2 / SEV_STORE_ECUS_MAX)

/** The inventory's ECUs of a vehicle, in the arena. */
struct director_ecus {
    struct sev_ecu *ecus;
    uint32_t count;
};
SEV_MUST_USE sev_err director_ecus(const struct sev_director *d,
                                   const struct sev_director_call *call, sev_slice vehicle,
                                   struct director_ecus *out);
struct sev_ecu *director_find_ecu(const struct director_ecus *ecus, sev_slice serial);

/** An event about a vehicle, and one of its ECUs unless that is empty. */
void director_tell(const struct sev_director *d, sev_event_id id, sev_err err, sev_slice vehicle,
                   sev_slice ecu);

/**
 * Tell of a refusal and leave a row that explains it. The same refusal again within
 * DIRECTOR_REPEAT_SECONDS leaves none: a vehicle that is refused all day does not fill the disk.
 * What went wrong here (memory, store, signer) is told only. REQ-DIR-08 REQ-DIR-24
 */
void director_refused(const struct sev_director *d, const struct sev_director_call *call,
                      sev_slice vehicle, const char *what, sev_event_id id, sev_err why);
#define DIRECTOR_REPEAT_SECONDS 600

/** Reasons are canonical objects of texts, named in their order: pairs until a NULL name. */
SEV_MUST_USE sev_err director_reason(const struct sev_director_call *call, sev_slice *out,
                                     const char *const names[], const sev_slice values[]);

/**
 * Do `depends` and `conflicts` hold over all that the vehicle may have afterwards? Of images that
 * stay, as far as the assignment before says them. Native profile. REQ-DIR-14 REQ-DIR-25
 * @retval SEV_E_DEPENDENCY, SEV_E_INCOMPATIBLE
 */
SEV_MUST_USE sev_err director_check_together(const struct sev_director_call *call,
                                             const struct director_ecus *ecus, sev_slice before,
                                             sev_slice wish);

/** A grant for what `vehicle` has still to download; `out` is left as it is where there is nothing,
 *  or grants are not issued here. @param nonce  of its status */
SEV_MUST_USE sev_err director_grant(const struct sev_director *d,
                                    const struct sev_director_call *call, sev_slice vehicle,
                                    const struct director_ecus *ecus, const uint8_t *nonce,
                                    sev_slice *out);

#endif
