/* pace - who belongs to which group, who may be next, and when it is too much. All of it is
 * computed of the definition, the counts and the time. SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/crypto.h"

#define DAY_MINUTES 1440

/* Within a group vehicles come in so many turns, at random, so that those who were registered
 * together, and stand in one depot, do not begin together. Each turn is a place where the
 * database's index grows: with one for each vehicle planning a million of them wrote 20 times as
 * much. */
#define TURNS 32

bool sev_campaign_may_start(const struct sev_campaign_definition *d, sev_time now)
{
    if (now < d->not_before || (d->not_after != 0 && now >= d->not_after))
        return false;
    int64_t minute = now / 60 % DAY_MINUTES;
    for (uint32_t i = 0; i < d->window_count; i++) {
        int64_t from = d->windows[i].from, to = d->windows[i].to;
        if (from < to ? minute >= from && minute < to : minute >= from || minute < to)
            return true;
    }
    return d->window_count == 0;
}

int64_t sev_campaign_rate(const struct sev_campaign_definition *d, sev_time running_since,
                          sev_time now)
{
    int64_t minutes = now > running_since ? (now - running_since) / 60 : 0;
    /* What would overflow was at its highest long before. */
    if (d->rise != 0 && minutes > (d->per_minute_max - d->per_minute) / d->rise)
        return d->per_minute_max;
    return d->per_minute + minutes * d->rise;
}

/* ------------------------------------------------------------------- groups */

static uint64_t number_of(const uint8_t *bytes, int count)
{
    uint64_t n = 0;
    for (int i = 0; i < count; i++)
        n = n << 8 | bytes[i];
    return n;
}

bool sev_campaign_group_of(const struct sev_campaign_definition *d, sev_slice vehicle,
                           uint32_t *out_group, int64_t *out_position)
{
    uint8_t text[SEV_CAMPAIGN_NAME_BYTES_MAX + 1 + SEV_ID_BYTES_MAX], digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_buf_put_slice(&b, d->name);
    sev_buf_put_byte(&b, 0);
    sev_buf_put_slice(&b, vehicle);
    if (b.overflow)
        return false;
    sev_sha256(sev_buf_slice(&b), digest);
    int64_t share = (int64_t)(number_of(digest + 8, 8) % 100), sum = 0;
    uint32_t found = d->group_count;
    for (uint32_t i = 0; i < d->group_count && found == d->group_count; i++)
        if (campaign_list_has(&d->groups[i].list, vehicle))
            found = i;
    for (uint32_t i = 0; i < d->group_count && found == d->group_count; i++) {
        sum += d->groups[i].percent;
        if (share < sum)
            found = i;
    }
    if (found == d->group_count)
        return false;
    *out_group = found;
    *out_position = (int64_t)(number_of(digest, 8) % TURNS);
    return true;
}

/* ---------------------------------------------------------------- judgement */

struct sev_campaign_judgement sev_campaign_judge(const struct sev_campaign_definition *d,
                                                 const struct sev_campaign_counts *counts)
{
    struct sev_campaign_judgement j = {SEV_CAMPAIGN_GOES_ON, d->group_count};
    bool all_finished = true;
    for (uint32_t i = 0; i < d->group_count; i++) {
        const int64_t *of = counts->of[i];
        const struct sev_campaign_group *group = &d->groups[i];
        int64_t unfinished =
            of[SEV_MEMBER_WAITING] + of[SEV_MEMBER_ASSIGNED] + of[SEV_MEMBER_OVERDUE];
        int64_t total = unfinished + of[SEV_MEMBER_SUCCEEDED] + of[SEV_MEMBER_FAILED];
        bool reached = of[SEV_MEMBER_SUCCEEDED] * 100 >= group->success_percent * total;
        if (of[SEV_MEMBER_FAILED] * 100 > group->error_percent * total)
            return (struct sev_campaign_judgement){SEV_CAMPAIGN_ERRORS, i};
        all_finished = all_finished && unfinished == 0;
        if (reached || j.group != d->group_count)
            continue;
        if (unfinished == 0)
            return (struct sev_campaign_judgement){SEV_CAMPAIGN_UNREACHED, i};
        j.group = i; /* those behind it wait */
    }
    if (j.group == d->group_count)
        j.group = d->group_count - 1;
    if (all_finished)
        j.verdict = SEV_CAMPAIGN_OVER;
    return j;
}
