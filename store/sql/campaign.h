/* campaign - the parts of the store that keep campaigns. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQL_CAMPAIGN_H
#define SEV_STORE_SQL_CAMPAIGN_H

#include "internal.h"
#include "secureev/store_campaign.h"

#define SEV_PLACE_MAX (INT64_C(1) << 40) /* of 0004: a member's key */

_Static_assert(SEV_CAMPAIGN_GROUPS_MAX == 16 && SEV_MEMBER_STATE_COUNT <= 16, "0004 counts so");
_Static_assert(SEV_CAMPAIGN_DRAFT == 0 && SEV_CAMPAIGN_SUBMITTED == 1 &&
                   SEV_CAMPAIGN_APPROVED == 2 && SEV_CAMPAIGN_SCHEDULED == 3 &&
                   SEV_CAMPAIGN_RUNNING == 4 && SEV_CAMPAIGN_PAUSED == 5 &&
                   SEV_CAMPAIGN_DONE == 6 && SEV_CAMPAIGN_ABORTED == 7,
               "");
_Static_assert(SEV_MEMBER_WAITING == 0 && SEV_MEMBER_ASSIGNED == 1 && SEV_MEMBER_OVERDUE == 2 &&
                   SEV_MEMBER_SUCCEEDED == 3 && SEV_MEMBER_FAILED == 4 && SEV_MEMBER_SKIPPED == 5 &&
                   SEV_MEMBER_WITHDRAWN == 6,
               "");

/** Counts that change with a transaction. */
struct sev_count_change {
    int64_t of[SEV_CAMPAIGN_GROUPS_MAX][SEV_MEMBER_STATE_COUNT];
};

/** What the operations that write look at first. */
struct sev_campaign_found {
    int64_t key, state, revision, sweep, minute, minute_starts;
};
/** @retval SEV_E_NOT_FOUND */
sev_err sev_sql_campaign_find(struct sev_db *db, sev_slice name, struct sev_campaign_found *out);
/** Add them to those of the campaign. */
sev_err sev_sql_count(struct sev_db *db, int64_t campaign, const struct sev_count_change *change);
/** ASSIGNED and OVERDUE. */
sev_err sev_sql_count_open(struct sev_db *db, int64_t campaign, int64_t *out);
bool sev_store_text_fits(sev_slice text, size_t min, size_t max);
bool sev_store_number_fits(int64_t n);

/* member.c */
sev_err sev_sql_plan(void *self, sev_slice name, int64_t expected, int64_t sweep, sev_time swept,
                     const struct sev_member *members, uint32_t count);
sev_err sev_sql_members(void *self, sev_slice name, enum sev_member_state state,
                        const struct sev_member_cursor *after, uint32_t count_max,
                        struct sev_arena *arena, sev_member_visit *visit, void *context);
sev_err sev_sql_member(void *self, sev_slice name, sev_slice vehicle, struct sev_arena *arena,
                       struct sev_member *out);
sev_err sev_sql_member_step(void *self, sev_slice name, const struct sev_member_bounds *bounds,
                            const struct sev_member_step *steps, uint32_t count,
                            sev_err *out_results);
sev_err sev_sql_retry(void *self, sev_slice name, int64_t tries_max, sev_time now,
                      const struct sev_decision *decision, int64_t *out_count);

/* release.c */
sev_err sev_sql_tags_get(void *self, sev_slice vehicle, struct sev_arena *arena, sev_slice *out);
sev_err sev_sql_tags_set(void *self, sev_slice vehicle, sev_slice tags,
                         const struct sev_decision *decision);
sev_err sev_sql_fleet(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                      sev_fleet_visit *visit, void *context);
sev_err sev_sql_installation_put(void *self, sev_slice vehicle, const struct sev_installation *i);
sev_err sev_sql_installation_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                                 struct sev_installation *out);
sev_err sev_sql_invalidate(void *self, const struct sev_invalidation *i,
                           const struct sev_decision *decision);
sev_err sev_sql_invalidations(void *self, struct sev_arena *arena, sev_invalidation_visit *visit,
                              void *context);
sev_err sev_sql_invalidation_swept(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                                   int64_t sweep, sev_time swept);
sev_err sev_sql_assigned(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                         sev_assigned_visit *visit, void *context);

#endif
