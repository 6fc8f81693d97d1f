/* client_internal - what client.c, plan.c and state.c share. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_CLIENT_INTERNAL_H
#define SEV_CORE_CLIENT_INTERNAL_H

#include "secureev/client.h"

/* What the vehicle's state says is installed on an ECU. */
struct sev_installed {
    bool present;
    sev_json_str name;
    int64_t length;
    struct sev_hashes hashes;
    int64_t release_counter;
    int64_t mark; /* the highest release counter ever installed; it never falls. REQ-ECU-33 */
};

/* state.c */
SEV_MUST_USE sev_err sev_state_check(sev_slice state, struct sev_arena *arena);
SEV_MUST_USE sev_err sev_state_vehicle(sev_slice state, sev_buf *out);
SEV_MUST_USE sev_err sev_state_installed(sev_slice state, sev_slice serial,
                                         struct sev_installed *out);
/* The state after this cycle; `success`: the assignments count as installed. */
SEV_MUST_USE sev_err sev_state_write(const struct sev_client *c, bool success, sev_buf *out);

/* plan.c: the hooks for the Director's files, and what its targets mean for this vehicle. */
sev_err sev_plan_before_version(void *context, enum sev_top_role role, const struct sev_doc *doc,
                                const struct sev_common *common);
sev_err sev_plan_targets(void *context, const struct sev_doc *doc, const struct sev_targets *t);
/* Other repositories' top-level targets: what they say of our images can be used. */
sev_err sev_plan_listed(void *context, const struct sev_doc *doc, const struct sev_targets *t);
SEV_MUST_USE sev_err sev_plan_make(struct sev_client *c);
/* Note what repository `r` says of image `i`, after the search. */
void sev_plan_judge(struct sev_client *c, uint32_t r, struct sev_image *image,
                    const struct sev_walk *w);
SEV_MUST_USE sev_err sev_plan_verdict(struct sev_client *c);

#endif
