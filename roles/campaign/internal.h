/* internal - the parts of campaigns among themselves. SPDX-License-Identifier: MIT */
#ifndef SEV_CAMPAIGN_INTERNAL_H
#define SEV_CAMPAIGN_INTERNAL_H

#include "secureev/campaign.h"

static inline sev_slice campaign_text(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

static inline const struct sev_campaign_ops *campaign_ops(const struct sev_director *d)
{
    return d->store->campaigns;
}

/** A buffer of `bytes` in the arena; its cap is 0 when there is no room. */
static inline sev_buf campaign_buf(struct sev_arena *arena, size_t bytes)
{
    uint8_t *room = sev_arena_take(arena, bytes);
    return sev_buf_of(room, room == NULL ? 0 : bytes);
}

/** A copy in the arena. @retval SEV_E_MEMORY */
SEV_MUST_USE sev_err campaign_copy(struct sev_arena *arena, sev_slice text, sev_slice *out);

/** Is it in the list? */
bool campaign_list_has(const struct sev_campaign_list *list, sev_slice text);

/** A campaign with its definition, as the parts of the runner hand it on. */
struct campaign_run {
    struct sev_campaign_runner *runner;
    const struct sev_director *d;
    const struct sev_director_call *call;
    struct sev_campaign row;
    struct sev_campaign_definition def;
    struct sev_campaign_counts counts;
    bool more;
};

/** Read the row and its definition. */
SEV_MUST_USE sev_err campaign_load(const struct sev_director *d,
                                   const struct sev_director_call *call, sev_slice name,
                                   struct sev_campaign *out_row,
                                   struct sev_campaign_definition *out_def);
/** Is one of its releases invalidated? @retval SEV_E_INVALIDATED */
SEV_MUST_USE sev_err campaign_check_releases(const struct sev_director *d,
                                             const struct sev_director_call *call,
                                             const struct sev_campaign_definition *def);
/** Move it, with a decision and an event. */
SEV_MUST_USE sev_err campaign_move(const struct sev_director *d,
                                   const struct sev_director_call *call,
                                   const struct sev_campaign *row, enum sev_campaign_event event,
                                   const struct sev_campaign_move *move, sev_slice actor);

/** Is there anything that a runner could do for it? */
bool campaign_has_work(const struct sev_campaign *c);

/* ------------------------------------------------------------------- wishes */

/** A vehicle that is to get something. */
struct campaign_wish {
    sev_profile profile;
    const struct sev_ecu *ecus; /* in order of serials */
    uint32_t ecu_count;
    const struct sev_assignment *present;
    int64_t status_counter;
};

/**
 * What the vehicle is to have then: what it was assigned already, for other ECUs, and the
 * campaign's images. @param out_targets, out_marks  in the arena
 * @retval SEV_E_EXISTS  another image of the same name stays assigned
 * @retval SEV_E_NOT_FOUND  all its ECUs have the images
 * @retval SEV_E_MALFORMED  it is native, and the images have no `match`
 */
SEV_MUST_USE sev_err campaign_wish(const struct sev_campaign_definition *def,
                                   const struct campaign_wish *v, struct sev_arena *arena,
                                   sev_slice *out_targets, sev_slice *out_marks);
/**
 * What it is to have without some releases: those digests, where they are not installed. A vehicle
 * of aktualizr's dialect is given what it runs instead, since it ignores an empty list.
 *
 * @retval SEV_E_NOT_FOUND  nothing of it has to be taken back
 * @retval SEV_E_UNSUPPORTED  ... and what it runs is not known
 */
SEV_MUST_USE sev_err campaign_unwish(const uint8_t (*digests)[SEV_SHA256_BYTES], uint32_t count,
                                     const struct campaign_wish *v, struct sev_arena *arena,
                                     sev_slice *out_targets);

/* --------------------------------------------------------------------- look */

struct campaign_finding {
    enum sev_member_state state;
    sev_slice reason;
};
/** What the reports of a vehicle say of what it was assigned. */
SEV_MUST_USE sev_err campaign_look(struct campaign_run *run, const struct sev_member *member,
                                   struct campaign_finding *out);
/** "name", "name:2", ...: so that what is said of one try is not taken for another. */
SEV_MUST_USE sev_err campaign_correlation(const struct sev_campaign_definition *def, int64_t tries,
                                          struct sev_arena *arena, sev_slice *out);

#endif
