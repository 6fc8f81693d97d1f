/* store_told - what vehicles of aktualizr's dialect tell of their downloads and installations, each
 * thing once. Unsigned: for people to look at, and nothing is decided by it. Beside store.h's
 * operations, with the same rules. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_TOLD_H
#define SECUREEV_STORE_TOLD_H

#include "secureev/store.h"

/** Numbers stand in the database. */
enum sev_told_outcome { SEV_TOLD_OPEN, SEV_TOLD_FAILED, SEV_TOLD_DONE };

struct sev_told {
    sev_slice id;                  /**< the vehicle's own; SEV_TOLD_TEXT_BYTES_MAX */
    sev_slice type;                /**< likewise: "EcuDownloadStarted", ... */
    sev_slice ecu, correlation_id; /**< may be empty */
    enum sev_told_outcome outcome; /**< OPEN where it says neither */
    sev_time when;                 /**< by the vehicle's clock; 0: it did not say */
    sev_time heard;
};
#define SEV_TOLD_TEXT_BYTES_MAX 64
#define SEV_TOLD_KEPT 256u /**< of a vehicle; the oldest give way */

/** False ends the walk. */
typedef bool sev_told_visit(void *context, const struct sev_told *told);

struct sev_told_ops {
    /** What was told before stays as it is. @param count  at most SEV_TOLD_KEPT */
    sev_err (*put)(void *self, sev_slice vehicle, const struct sev_told *told, uint32_t count);
    /** As heard last, first. */
    sev_err (*list)(void *self, sev_slice vehicle, uint32_t count_max, struct sev_arena *arena,
                    sev_told_visit *visit, void *context);
};

#endif
