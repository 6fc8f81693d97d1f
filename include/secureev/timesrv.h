/* timesrv - the time service: signs what time it is, together with the nonces of those who ask, and
 * nothing at all while its own clock is not to be trusted. ALG-11, REQ-TIM-01.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_TIMESRV_H
#define SECUREEV_TIMESRV_H

#include "secureev/event.h"
#include "secureev/messages.h"
#include "secureev/signer.h"

#define SEV_TIMESRV_REQUESTS_MAX 64u /* under one signature */
#define SEV_TIMESRV_DRIFT_PPM 500    /* between the wall clock and the monotonic one */
#define SEV_TIMESRV_JUMP_SECONDS 2   /* more than this and the drift is a jump */

struct sev_timesrv {
    const struct sev_sign *sign;
    const char *key;          /**< its name at the signer */
    struct sev_events events; /**< told when the clock jumps, and when it is back */
    /* by sev_timesrv_init */
    sev_time wall_at, last; /* when it began; the newest that was signed */
    int64_t monotonic_at_ms;
    int64_t off_ms, off_at_ms; /* what the clocks disagree about by drift, and when that was seen */
    bool jumped;
};

/** Both clocks as they are when the service begins: an operator has looked at them. */
void sev_timesrv_init(struct sev_timesrv *service, sev_time wall, int64_t monotonic_ms);

/**
 * Look at the clocks now. One that was set and is back where the monotonic one says is believed
 * again; both moments are events.
 *
 * @retval SEV_E_NO_TIME  the wall clock jumped against the monotonic one
 */
SEV_MUST_USE sev_err sev_timesrv_look(struct sev_timesrv *service, sev_time wall,
                                      int64_t monotonic_ms);

struct sev_timesrv_request {
    sev_slice bytes;  /**< a time-request */
    sev_err err;      /**< out: why this one is refused */
    sev_slice answer; /**< out: in the arena */
};
/**
 * Answer up to SEV_TIMESRV_REQUESTS_MAX requests with one signature; a lone one gets its nonces
 * listed, more of them a tree and each its paths. A bad request spoils its own answer only.
 *
 * @param arena  SEV_TIMESRV_ARENA_BYTES are always enough
 * @retval SEV_E_NO_TIME  as sev_timesrv_look: nothing is signed until the clock is right again, or
 *                        somebody has looked and the service was started anew
 * @retval SEV_E_UNREACHABLE, ...  of the signer: nobody was answered
 */
SEV_MUST_USE sev_err sev_timesrv_answer(struct sev_timesrv *service, struct sev_arena *arena,
                                        sev_time wall, int64_t monotonic_ms,
                                        struct sev_timesrv_request *requests, uint32_t count);
#define SEV_TIMESRV_ARENA_BYTES (48u << 20)

#endif
