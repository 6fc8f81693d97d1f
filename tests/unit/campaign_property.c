/* campaign_property - random fleets that do random things, two runners, operators who interfere:
 * what a campaign promises holds after every step. SPDX-License-Identifier: MIT */
#include "fleet.h"

#include <stdlib.h>

static uint32_t state;

static uint32_t below(uint32_t n)
{
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state % n;
}

static const char *const groups =
    "[{\"errorPercent\":50,\"successPercent\":100,\"vehicles\":[\"v001\",\"v003\"]},"
    "{\"errorPercent\":40,\"percent\":30,\"successPercent\":50},"
    "{\"errorPercent\":40,\"percent\":70,\"successPercent\":50}]";
#define CONCURRENCY 4
#define PER_MINUTE 6

/* As the definition's thresholds. */
static bool has_passed(int group)
{
    int64_t total = 0;
    for (int s = 0; s <= SEV_MEMBER_FAILED; s++)
        total += fleet_count("c", group, (enum sev_member_state)s);
    return fleet_count("c", group, SEV_MEMBER_SUCCEEDED) * 100 >= (group == 0 ? 100 : 50) * total;
}

/* A vehicle does what it likes, but nothing that it was not given. */
static void vehicle_acts(int i)
{
    char correlation[16] = "c";
    struct sev_member m = fleet_member("c", i);
    if (m.state == SEV_MEMBER_STATE_COUNT || m.tries == 0)
        return;
    if (m.tries > 1)
        snprintf(correlation, sizeof correlation, "c:%d", (int)m.tries);
    switch (below(6)) {
    case 0:
    case 1:
        fleet_report(i, true, true, correlation, true);
        break;
    case 2:
        fleet_report(i, false, fleet.cars[i].has_image, correlation, false);
        break;
    case 3:
        fleet_report(i, true, fleet.cars[i].has_image, NULL, false); /* just boots */
        break;
    default:
        break; /* stands in the cellar */
    }
}

static void somebody_interferes(void)
{
    int64_t count;
    sev_err e = SEV_OK;
    switch (below(12)) {
    case 0:
        e = fleet_act(SEV_CAMPAIGN_ON_PAUSE, &fleet_anna);
        break;
    case 1:
    case 2:
    case 3:
        e = fleet_act(SEV_CAMPAIGN_ON_RESUME, &fleet_anna);
        break;
    case 4:
    case 5:
        e = sev_campaign_retry(&fleet.d, fleet_call(), SEV_LIT("c"), &fleet_anna, &count);
        break;
    case 6:
        if (fleet.count < 60)
            fleet_add(SEV_PROFILE_NATIVE);
        break;
    default:
        break;
    }
    if (e != SEV_OK)
        CHECK_ERR(e, SEV_E_WRONG_STATE);
}

static int64_t starts(void)
{
    int64_t n = 0;
    for (int i = 0; i < fleet.count; i++)
        n += fleet_version(i);
    return n;
}

/* One of two runners moves it on, and what must hold of that is looked at. */
static void move_on(struct sev_campaign_runner *other)
{
    static bool before_passed[3];
    int64_t before[2] = {0, 0}, before_starts = starts();
    bool more, stopped = fleet_state("c") == SEV_CAMPAIGN_PAUSED;
    for (int g = 0; g < 3; g++)
        before_passed[g] = has_passed(g);
    for (int g = 1; g < 3; g++)
        before[g - 1] = fleet_count("c", g, SEV_MEMBER_WAITING);
    CHECK_OK(sev_campaigns_run(below(2) ? other : &fleet.runner, fleet_call(), &more));
    fleet_check("c", CONCURRENCY);
    CHECK(starts() - before_starts <= PER_MINUTE);
    if (stopped)
        CHECK_EQ(starts(), before_starts);
    /* Who was waiting in a group may only have begun if those before it have passed by now: what
     * was counted in this step came first. */
    for (int g = 1; g < 3; g++)
        if (fleet_count("c", g, SEV_MEMBER_WAITING) < before[g - 1] && !before_passed[g - 1])
            CHECK(has_passed(g - 1));
}

static void one_life(uint32_t seed)
{
    static uint8_t keep[SEV_CAMPAIGN_KEEP_BYTES];
    struct sev_campaign_runner other = {
        .director = &fleet.d, .owner = SEV_LIT("other"), .keep = {keep, sizeof keep, 0, 0}};
    char rate[8];
    state = seed * 2654435761u | 1;
    snprintf(rate, sizeof rate, "%d", PER_MINUTE);
    fleet_begin((int)(5 + below(20)));
    CHECK_OK(fleet_create("4", groups, rate,
                          below(2) ? "\"lateJoiners\":true,\"timeout\":600,\"tries\":5,"
                                   : "\"timeout\":600,\"tries\":5,"));
    fleet_approve();
    fleet_run();
    for (int round = 0; round < 60 && fleet_state("c") != SEV_CAMPAIGN_DONE; round++) {
        fleet.call.now += 20 + below(120);
        for (int i = 0; i < fleet.count; i++)
            vehicle_acts(i);
        somebody_interferes();
        move_on(&other);
    }
    for (int i = 0; i < fleet.count; i++) { /* success was told by the vehicle, and nobody else */
        struct sev_member m = fleet_member("c", i);
        if (m.state == SEV_MEMBER_SUCCEEDED)
            CHECK(m.tries > 0);
        CHECK(m.tries <= 5);
    }
}

TEST(campaign_property__random_fleets__keep_every_promise)
{
    const char *given = getenv("SEED");
    uint32_t count = getenv("SEV_NIGHTLY") != NULL ? 500 : 5;
    if (given != NULL) {
        one_life((uint32_t)strtoul(given, NULL, 10));
        return;
    }
    for (uint32_t seed = 1; seed <= count; seed++) {
        printf("SEED=%u\n", seed);
        one_life(seed);
    }
}
