/* campaign - a release for many vehicles: what is wanted, who allowed it, who is next, and when it
 * stops by itself. Plain functions over a Director and its store; no clock, no socket, no thread.
 * DESIGN 9, docs/campaigns.md. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CAMPAIGN_H
#define SECUREEV_CAMPAIGN_H

#include "secureev/director.h"
#include "secureev/store_campaign.h"

/* -------------------------------------------------------------- definition */

struct sev_campaign_list {
    sev_slice *items; /**< in order of bytes, none twice */
    uint32_t count;
};

/** An image for ECUs of one hardware id. */
struct sev_campaign_image {
    sev_slice hardware_id, name;
    int64_t length;
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_slice hashes, match; /**< canonical; `match` is empty where no native vehicle is meant */
};

struct sev_campaign_group {
    int64_t percent; /**< of the vehicles in no list; 0: the list is the group */
    struct sev_campaign_list list;
    int64_t success_percent; /**< of its vehicles, before the next group begins */
    int64_t error_percent;   /**< the campaign pauses when more than that failed */
};

/** What an operator asks for. Lists are unions; what a filter does not name is not looked at. */
struct sev_campaign_definition {
    sev_slice name, correlation_id;
    struct {
        struct sev_campaign_list models, vin_prefixes, vehicles, hardware_ids, tags;
        bool
            has_installed; /**< some ECU of that hardware id runs that image, within the counters */
        struct {
            sev_slice hardware_id, name; /**< name empty: any */
            int64_t release_min, release_max;
        } installed;
    } filter;
    struct sev_campaign_image images[SEV_CAMPAIGN_TARGETS_MAX]; /**< in order of names */
    uint32_t image_count;
    struct sev_campaign_group groups[SEV_CAMPAIGN_GROUPS_MAX];
    uint32_t group_count;
    int64_t concurrency; /**< vehicles that have their images and have not finished */
    int64_t per_minute, rise, per_minute_max; /**< starts; more by `rise` with each minute */
    int64_t timeout_s;                        /**< nothing heard for so long: overdue */
    int64_t tries;                            /**< at most, of one vehicle */
    sev_time not_before, not_after;           /**< 0: none */
    struct {
        int64_t from, to; /**< minutes of the day, UTC; over midnight where from > to */
    } windows[SEV_CAMPAIGN_WINDOWS_MAX];
    uint32_t window_count;
    bool late_joiners;
};

/**
 * Read a definition. Everything in it is known, within limits.h, and makes sense.
 *
 * @param text       canonical JSON; `out` borrows from it
 * @param out_where  the member that was refused; untouched when SEV_OK
 * @retval SEV_E_MALFORMED, SEV_E_JSON_..., SEV_E_BAD_NAME, SEV_E_WRONG_HARDWARE (`match` does not
 *         list the hardware id), SEV_E_UNSUPPORTED (encrypted images), SEV_E_DUPLICATE_ECU (a
 *         vehicle stands in two groups), SEV_E_EXISTS (one name for two images), SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_campaign_parse(sev_slice text, struct sev_arena *arena,
                                        struct sev_campaign_definition *out,
                                        const char **out_where);

/** Does the filter take this vehicle, and is there an image for one of its ECUs? */
bool sev_campaign_matches(const struct sev_campaign_definition *d,
                          const struct sev_fleet_vehicle *vehicle);
/** Its group, and its position there: of name and id alone, so that asking again changes nothing.
 *  False: it is in none. */
bool sev_campaign_group_of(const struct sev_campaign_definition *d, sev_slice vehicle,
                           uint32_t *out_group, int64_t *out_position);

/* ------------------------------------------------------------------ states */

/* X(EVENT, word). */
#define SEV_CAMPAIGN_EVENTS(X)                                                                     \
    X(SUBMIT, "submit")                                                                            \
    X(REJECT, "reject")                                                                            \
    X(APPROVE, "approve")                                                                          \
    X(PLANNED, "planned") /* its vehicles are known */                                             \
    X(BEGIN, "begin")     /* its time has come */                                                  \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(FINISH, "finish")                                                                            \
    X(REOPEN, "retry")                                                                             \
    X(ABORT, "abort")
enum sev_campaign_event {
#define X(name, word) SEV_CAMPAIGN_ON_##name,
    SEV_CAMPAIGN_EVENTS(X)
#undef X
        SEV_CAMPAIGN_EVENT_COUNT
};
/** @retval SEV_E_WRONG_STATE  not possible in this state; `out` is untouched */
SEV_MUST_USE sev_err sev_campaign_next(enum sev_campaign_state state, enum sev_campaign_event event,
                                       enum sev_campaign_state *out);
const char *sev_campaign_state_word(enum sev_campaign_state state);
const char *sev_campaign_event_word(enum sev_campaign_event event);
const char *sev_member_state_word(enum sev_member_state state);
/** @retval the ..._COUNT for a word that is none */
enum sev_member_state sev_member_state_of(sev_slice word);

/* -------------------------------------------------------------------- pace */

/** May somebody be given the images at this time of the schedule and of the day? */
bool sev_campaign_may_start(const struct sev_campaign_definition *d, sev_time now);
/** Starts in this minute. */
int64_t sev_campaign_rate(const struct sev_campaign_definition *d, sev_time running_since,
                          sev_time now);

enum sev_campaign_verdict {
    SEV_CAMPAIGN_GOES_ON,
    SEV_CAMPAIGN_ERRORS,    /**< more failed in a group than its threshold allows */
    SEV_CAMPAIGN_UNREACHED, /**< all of a group have finished, and too few succeeded */
    SEV_CAMPAIGN_OVER,      /**< everybody has finished */
};
struct sev_campaign_judgement {
    enum sev_campaign_verdict verdict;
    uint32_t group; /**< that the verdict is about; GOES_ON: the last one that may begin */
};
struct sev_campaign_judgement sev_campaign_judge(const struct sev_campaign_definition *d,
                                                 const struct sev_campaign_counts *counts);

/* --------------------------------------------------------------- operators */

/** Who acts, and why. */
struct sev_campaign_actor {
    sev_slice name;
    sev_slice remark;
};

/** @param out_where  as sev_campaign_parse
 *  @retval SEV_E_EXISTS, SEV_E_INVALIDATED, and those of sev_campaign_parse */
SEV_MUST_USE sev_err sev_campaign_create(const struct sev_director *d,
                                         const struct sev_director_call *call,
                                         const struct sev_campaign_actor *actor,
                                         sev_slice definition, sev_slice *out_name,
                                         const char **out_where);
/**
 * SUBMIT, REJECT, APPROVE, PAUSE, RESUME or ABORT.
 *
 * @param withdraw  with ABORT: what was assigned and is not installed is taken back
 * @retval SEV_E_FOUR_EYES    who submitted it, or wrote it, cannot approve it
 * @retval SEV_E_MALFORMED    an approval, rejection, or abort needs a remark
 * @retval SEV_E_INVALIDATED  one of its releases is not given to anybody any more
 * @retval SEV_E_WRONG_STATE, SEV_E_NOT_FOUND, SEV_E_CONFLICT
 */
SEV_MUST_USE sev_err sev_campaign_act(const struct sev_director *d,
                                      const struct sev_director_call *call, sev_slice name,
                                      enum sev_campaign_event event,
                                      const struct sev_campaign_actor *actor, bool withdraw);
/** Those that failed, and have tries left, wait again. A campaign that was DONE runs again.
 *  @retval SEV_E_WRONG_STATE  it is not RUNNING, PAUSED or DONE */
SEV_MUST_USE sev_err sev_campaign_retry(const struct sev_director *d,
                                        const struct sev_director_call *call, sev_slice name,
                                        const struct sev_campaign_actor *actor, int64_t *out_count);
/**
 * Put a vehicle into groups that filters know.
 *
 * @param tags  array of texts of SEV_TAG_BYTES_MAX, none twice; in any form of JSON
 * @retval SEV_E_MALFORMED, SEV_E_JSON_..., SEV_E_NOT_FOUND
 */
SEV_MUST_USE sev_err sev_vehicle_tag(const struct sev_director *d,
                                     const struct sev_director_call *call, sev_slice vehicle,
                                     sev_slice tags, const struct sev_campaign_actor *actor);
/** Nobody gets the release with this digest any more, by no campaign and no operator; where it is
 *  assigned and not installed it is taken back, by sev_campaigns_run.
 *  @retval SEV_E_EXISTS  it was invalidated before */
SEV_MUST_USE sev_err sev_release_invalidate(const struct sev_director *d,
                                            const struct sev_director_call *call,
                                            const uint8_t sha256[SEV_SHA256_BYTES],
                                            const struct sev_campaign_actor *actor);

/* ------------------------------------------------------------------ runner */

/** A thread's, or a process's. */
struct sev_campaign_runner {
    const struct sev_director *director;
    sev_slice owner;       /**< tells runners of one database apart */
    struct sev_arena keep; /**< of SEV_CAMPAIGN_KEEP_BYTES: what is put together of many vehicles */
    /* Its own, zero at first: how far it is in looking after those that have succeeded. */
    char back_name[SEV_CAMPAIGN_NAME_BYTES_MAX];
    size_t back_name_len;
    struct sev_member_cursor back;
};
#define SEV_CAMPAIGN_KEEP_BYTES (4u << 20)
#define SEV_CAMPAIGN_LEASE_SECONDS 10
#define SEV_CAMPAIGN_SWEEP_SECONDS 300 /* late joiners: the inventory is looked through anew */

/**
 * One bounded step of a campaign: look vehicles up, count what they reported, judge, assign to
 * those whose turn it is. Any number of runners may do so at any time, and may be killed at any
 * moment: what they change is claimed by what they read.
 *
 * @param out_more  there is more to be done now
 */
SEV_MUST_USE sev_err sev_campaign_step(struct sev_campaign_runner *r,
                                       const struct sev_director_call *call, sev_slice name,
                                       bool *out_more);
/** A step of each campaign, and of each invalidation. What fails is an event; the others go on.
 *  @retval  the last failure */
SEV_MUST_USE sev_err sev_campaigns_run(struct sev_campaign_runner *r,
                                       const struct sev_director_call *call, bool *out_more);

#endif
