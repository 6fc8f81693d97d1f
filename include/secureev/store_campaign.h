/* store_campaign - what a server remembers of campaigns: what was asked for and who allowed it,
 * which vehicles take part and how far each is, and which releases nobody gets any more. Tables of
 * their own beside store.h's, with the same rules for every operation. SPDX-License-Identifier: MIT
 */
#ifndef SECUREEV_STORE_CAMPAIGN_H
#define SECUREEV_STORE_CAMPAIGN_H

#include "secureev/store.h"

/* --------------------------------------------------------------- campaigns */

/* X(STATE, word, may its vehicles be given images?). The numbers stand in the database and are
 * never given to others; docs/campaigns.md draws them. */
#define SEV_CAMPAIGN_STATES(X)                                                                     \
    X(DRAFT, "draft")         /* an operator writes it */                                          \
    X(SUBMITTED, "submitted") /* waits for another operator */                                     \
    X(APPROVED, "approved")   /* its vehicles are looked up */                                     \
    X(SCHEDULED, "scheduled") /* waits for its time */                                             \
    X(RUNNING, "running")                                                                          \
    X(PAUSED, "paused") /* nobody is given anything; results are still counted */                  \
    X(DONE, "done")                                                                                \
    X(ABORTED, "aborted")
enum sev_campaign_state {
#define X(name, word) SEV_CAMPAIGN_##name,
    SEV_CAMPAIGN_STATES(X)
#undef X
        SEV_CAMPAIGN_STATE_COUNT
};

/* X(STATE, word): of one vehicle in a campaign. Likewise. */
#define SEV_MEMBER_STATES(X)                                                                       \
    X(WAITING, "waiting")                                                                          \
    X(ASSIGNED, "assigned") /* was given the images, and has not finished */                       \
    X(OVERDUE, "overdue")   /* likewise, and nothing was heard in time: nobody knows */            \
    X(SUCCEEDED, "succeeded")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(SKIPPED, "skipped")     /* has them already, or they are not for it */                       \
    X(WITHDRAWN, "withdrawn") /* taken back, or something else was assigned */
enum sev_member_state {
#define X(name, word) SEV_MEMBER_##name,
    SEV_MEMBER_STATES(X)
#undef X
        SEV_MEMBER_STATE_COUNT
};

struct sev_campaign {
    sev_slice name;
    sev_slice definition; /**< canonical JSON; never changes */
    enum sev_campaign_state state;
    int64_t revision; /**< rises by one with each `move`, from 1 */
    sev_slice author, submitter, approver;
    sev_slice reason; /**< why it is in that state: a person's remark, or a stable word */
    sev_time created, changed;
    sev_time running_since;        /**< the last time that it began, or went on, to run */
    bool withdrawing;              /**< aborted, and what is not installed is taken back */
    int64_t sweep;                 /**< vehicles up to this place of the inventory were looked at */
    sev_time swept;                /**< when that came to its end last; 0: not yet */
    int64_t minute, minute_starts; /**< assigned to so many in that minute since 1970 */
};

struct sev_campaign_counts {
    int64_t of[SEV_CAMPAIGN_GROUPS_MAX][SEV_MEMBER_STATE_COUNT];
};

/** What `move` changes; who wrote it and when stay. */
struct sev_campaign_move {
    int64_t revision; /**< as read; else SEV_E_CONFLICT */
    enum sev_campaign_state state;
    sev_slice submitter, approver, reason;
    sev_time changed, running_since;
    bool withdrawing;
};

/* ----------------------------------------------------------------- members */

struct sev_member {
    int64_t place;     /**< of its vehicle in the inventory; rises with later vehicles */
    sev_slice vehicle; /**< read only */
    uint32_t group;
    int64_t position; /**< in the group: who comes first */
    enum sev_member_state state;
    int64_t tries;    /**< assignments that it got from this campaign */
    int64_t version;  /**< of the last one */
    sev_time since;   /**< in this state */
    sev_slice reason; /**< stable word, or what the vehicle said */
    sev_slice marks;  /**< what is awaited of its ECUs; empty but for ASSIGNED, OVERDUE */
    /* of the vehicle, read only */
    sev_profile profile;
    sev_time seen;
    int64_t status_counter;
    int64_t assigned; /**< version of its assignment */
};

/** After whom a listing goes on; zero-initialised: from the first. */
struct sev_member_cursor {
    int64_t group, position, place;
};

/** One vehicle's next step. */
struct sev_member_step {
    int64_t place;
    enum sev_member_state expected_state; /**< and `expected_tries`, as read */
    int64_t expected_tries;
    enum sev_member_state state;
    sev_time since;
    sev_slice reason, marks;
    const struct sev_assignment *assignment; /**< or NULL */
    const struct sev_decision *decision;     /**< of the assignment */
};

/** What holds for all steps of one transaction. */
struct sev_member_bounds {
    int64_t revision;                  /**< of the campaign, as read */
    int64_t minute, minute_starts_max; /**< of those who are assigned to */
    int64_t open_max;                  /**< ASSIGNED and OVERDUE together */
};

/* -------------------------------------------------------------- inventory */

/** A vehicle as a filter sees it. The ECUs have no key and no report. */
struct sev_fleet_vehicle {
    int64_t place;
    sev_slice id, vin, model;
    sev_profile profile;
    sev_slice tags; /**< canonical array of strings; empty: none */
    const struct sev_ecu *ecus;
    uint32_t ecu_count;
};

/** What a vehicle of aktualizr's dialect said last of an installation; signed by its Primary. */
struct sev_installation {
    int64_t counter; /**< of the manifest that said so; 0: none */
    bool success;
    sev_slice code, correlation_id;
};

/** A release that nobody gets any more, whatever name it has. */
struct sev_invalidation {
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_time time;
    sev_slice actor, remark;
    int64_t sweep;  /**< assignments up to this place were looked at */
    sev_time swept; /**< 0: not all were */
};

/* --------------------------------------------------------------- interface */

typedef bool sev_campaign_visit(void *context, const struct sev_campaign *campaign);
typedef bool sev_member_visit(void *context, const struct sev_member *member);
typedef bool sev_fleet_visit(void *context, const struct sev_fleet_vehicle *vehicle);
typedef bool sev_invalidation_visit(void *context, const struct sev_invalidation *i);
/** An assignment and where its vehicle stands. */
typedef bool sev_assigned_visit(void *context, int64_t place, const struct sev_assignment *a);

struct sev_campaign_ops {
    /** Revision 1, DRAFT. @retval SEV_E_EXISTS */
    sev_err (*add)(void *self, const struct sev_campaign *c, const struct sev_decision *decision);
    sev_err (*get)(void *self, sev_slice name, struct sev_arena *arena, struct sev_campaign *out);
    /** In order of names, after `after`, at most `count_max`; without their definitions. */
    sev_err (*list)(void *self, sev_slice after, uint32_t count_max, struct sev_arena *arena,
                    sev_campaign_visit *visit, void *context);
    sev_err (*move)(void *self, sev_slice name, const struct sev_campaign_move *move,
                    const struct sev_decision *decision);
    /** Who works on it until when. @retval SEV_E_CONFLICT  somebody else does */
    sev_err (*lease)(void *self, sev_slice name, sev_slice owner, sev_time now, sev_time until);
    sev_err (*counts)(void *self, sev_slice name, struct sev_campaign_counts *out);

    /** Words that operators group vehicles by: canonical array, empty for none. */
    sev_err (*tags_get)(void *self, sev_slice vehicle, struct sev_arena *arena, sev_slice *out);
    sev_err (*tags_set)(void *self, sev_slice vehicle, sev_slice tags,
                        const struct sev_decision *decision);
    /** Vehicles in the order of their places, after `after`, with their ECUs. */
    sev_err (*fleet)(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                     sev_fleet_visit *visit, void *context);
    /**
     * Take vehicles in that are not in it yet (WAITING; place, group and position are looked at),
     * and remember how far the inventory was swept. Later vehicles have higher places.
     *
     * @param expected  `sweep` as read, else SEV_E_CONFLICT
     * @param swept     0, or when the sweep came to its end; `sweep` is then 0 again
     */
    sev_err (*plan)(void *self, sev_slice name, int64_t expected, int64_t sweep, sev_time swept,
                    const struct sev_member *members, uint32_t count);

    /** In order of group, position, place; after `after`. @param state  SEV_MEMBER_STATE_COUNT:
     *  any, in order of places alone */
    sev_err (*members)(void *self, sev_slice name, enum sev_member_state state,
                       const struct sev_member_cursor *after, uint32_t count_max,
                       struct sev_arena *arena, sev_member_visit *visit, void *context);
    sev_err (*member)(void *self, sev_slice name, sev_slice vehicle, struct sev_arena *arena,
                      struct sev_member *out);
    /**
     * Steps of many vehicles at once. One that is not as expected, or whose assignment's version
     * is not one more than the stored one, is left as it is: `out_results[i]` is SEV_E_CONFLICT;
     * SEV_E_BUSY where a bound does not leave room for it.
     *
     * @param bounds  NULL: no step assigns for the campaign, and it may be in any state; else
     *                SEV_E_CONFLICT for all where its revision is not as read, or it does not run
     */
    sev_err (*step)(void *self, sev_slice name, const struct sev_member_bounds *bounds,
                    const struct sev_member_step *steps, uint32_t count, sev_err *out_results);
    /** All that FAILED and had fewer than `tries_max` tries wait again. */
    sev_err (*retry)(void *self, sev_slice name, int64_t tries_max, sev_time now,
                     const struct sev_decision *decision, int64_t *out_count);

    sev_err (*installation_put)(void *self, sev_slice vehicle, const struct sev_installation *i);
    /** Counter 0 where it said nothing. */
    sev_err (*installation_get)(void *self, sev_slice vehicle, struct sev_arena *arena,
                                struct sev_installation *out);

    /** @retval SEV_E_EXISTS  it was invalidated before */
    sev_err (*invalidate)(void *self, const struct sev_invalidation *i,
                          const struct sev_decision *decision);
    /** In order of digests. How many there are is what assignments are claimed by. */
    sev_err (*invalidations)(void *self, struct sev_arena *arena, sev_invalidation_visit *visit,
                             void *context);
    sev_err (*invalidation_swept)(void *self, const uint8_t sha256[SEV_SHA256_BYTES], int64_t sweep,
                                  sev_time swept);
    /** In the order of places, after `after`: those that were ever assigned anything. */
    sev_err (*assigned)(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                        sev_assigned_visit *visit, void *context);
};

#endif
