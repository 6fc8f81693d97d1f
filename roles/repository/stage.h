/* stage - what stage.c and stage_listing.c share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_REPOSITORY_STAGE_H
#define SEV_ROLES_REPOSITORY_STAGE_H

#include "internal.h"

struct staging {
    struct sev_repository *r;
    sev_time now;
    bool aging;
    enum sev_repository_publish_how how;
};

/** Does this file change? Then it gets a version and bytes to be signed. */
sev_err sev_repo_stage_one(struct staging *s, struct sev_repo_making *m, uint32_t days);
/** Are all files that the snapshot would list signed? */
sev_err sev_repo_all_signed(struct staging *s, int profile, bool *out);
sev_err sev_repo_stage_snapshot(struct staging *s, int profile);
sev_err sev_repo_stage_timestamp(struct staging *s, int profile);

#endif
