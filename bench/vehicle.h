/* vehicle - one update cycle against repositories in memory, on a vehicle that holds their roots
 * and nothing else: every document is fetched and verified. SPDX-License-Identifier: MIT */
#ifndef SEV_BENCH_VEHICLE_H
#define SEV_BENCH_VEHICLE_H

#include "documents.h"
#include "stack.h"

struct vehicle {
    struct repository repositories[2]; /**< Director, Images */
    struct sev_map map;
    struct sev_crypto *crypto;
    struct sev_client *client;
    uint8_t *memory; /**< for the documents */
    size_t memory_bytes;
    struct stack_meter *meter; /**< NULL: the stack is not looked at */
};

/** `memory` must outlive the vehicle: the map lies in its first bytes. */
void vehicle_init(struct vehicle *v, struct sev_crypto *crypto, size_t memory_bytes);
/** Verify everything and take the image; ends the program if that is refused. */
void vehicle_cycle(struct vehicle *v);
/** What a walk of repository `r` asks for; NULL: it is absent. */
const struct file *vehicle_serve(const struct repository *r, const struct sev_want *want);

#endif
