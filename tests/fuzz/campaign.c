/* Fuzz: definitions of campaigns, in any form of JSON. One that is taken is taken again as it was
 * made canonical, puts every vehicle into one group and always the same, never starts faster than
 * it says, and what it wants of a vehicle is canonical and names that vehicle's ECUs.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include <stdlib.h>

#include "../../roles/campaign/internal.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static uint8_t memory[8u << 20];

static void check_groups(const struct sev_campaign_definition *d)
{
    uint32_t group = 0, again = 0;
    int64_t turn = 0, turn_again = 0;
    bool percent = false;
    for (uint32_t i = 0; i < d->group_count; i++)
        percent = percent || d->groups[i].percent != 0;
    for (uint8_t c = 'a'; c < 'k'; c++) {
        sev_slice id = sev_slice_of(&c, 1);
        bool in = sev_campaign_group_of(d, id, &group, &turn);
        MUST(in == sev_campaign_group_of(d, id, &again, &turn_again));
        MUST(in || !percent);
        MUST(!in || (group == again && turn == turn_again && group < d->group_count && turn >= 0));
    }
}

static void check_pace(const struct sev_campaign_definition *d)
{
    int64_t before = 0;
    for (sev_time t = 0; t < 6000000; t += 59999) {
        int64_t rate = sev_campaign_rate(d, 0, t);
        MUST(rate >= before && rate >= d->per_minute && rate <= d->per_minute_max);
        before = rate;
        MUST(!sev_campaign_may_start(d, t) ||
             (t >= d->not_before && (d->not_after == 0 || t < d->not_after)));
    }
    MUST(sev_campaign_rate(d, 0, SEV_TIME_MAX) <= d->per_minute_max);
}

static void check_wish(const struct sev_campaign_definition *d, struct sev_arena *arena,
                       sev_profile profile)
{
    struct sev_ecu ecus[2] = {{.serial = SEV_LIT("a"), .hardware_id = d->images[0].hardware_id},
                              {.serial = SEV_LIT("b"), .hardware_id = SEV_LIT("brake-7")}};
    struct sev_assignment none = {.version = 0};
    struct campaign_wish v = {.profile = profile, .ecus = ecus, .ecu_count = 2, .present = &none};
    struct sev_json_info info;
    sev_slice targets, marks;
    /* Other members of `hashes` and `match` may be what cannot be written again in ASCII. */
    if (campaign_wish(d, &v, arena, &targets, &marks) != SEV_OK)
        return;
    MUST(sev_json_check(targets, sev_arena_scratch(arena), &info, NULL) == SEV_OK);
    MUST((info.canonical & SEV_CANON_OLPC) != 0);
    MUST(sev_json_check(marks, sev_arena_scratch(arena), &info, NULL) == SEV_OK);
    none = (struct sev_assignment){.version = 1, .targets = targets};
    const uint8_t(*digest)[SEV_SHA256_BYTES] =
        (const uint8_t(*)[SEV_SHA256_BYTES])d->images[0].sha256;
    sev_err e = campaign_unwish(digest, 1, &v, arena, &targets);
    if (e == SEV_OK)
        MUST(sev_json_check(targets, sev_arena_scratch(arena), &info, NULL) == SEV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sev_campaign_definition d;
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    const char *where = NULL;
    sev_buf form = sev_buf_of(sev_arena_take(&arena, 3 * size + 1), 3 * size + 1);
    if (sev_json_canonical(sev_slice_of(data, size), SEV_CANON_OLPC, sev_arena_scratch(&arena),
                           &form) != SEV_OK)
        return 0;
    if (sev_campaign_parse(sev_buf_slice(&form), &arena, &d, &where) != SEV_OK) {
        MUST(where != NULL);
        return 0;
    }
    MUST(sev_campaign_parse(sev_buf_slice(&form), &arena, &d, &where) == SEV_OK);
    MUST(d.group_count > 0 && d.image_count > 0 && d.concurrency > 0);
    check_groups(&d);
    check_pace(&d);
    check_wish(&d, &arena, SEV_PROFILE_NATIVE);
    check_wish(&d, &arena, SEV_PROFILE_AKTUALIZR);
    return 0;
}
