/* campaign_faults - the runner's call N to the store fails, or is carried out and fails to say so
 * as when somebody is killed after it: then it goes on, and nobody was given anything twice, nobody
 * is forgotten, and the counts add up. For each N. SPDX-License-Identifier: MIT */
#include "fleet.h"

#include <stdlib.h>

static const struct sev_campaign_ops *real;
static struct sev_store real_store;
static int calls, fail_at;
static bool carried_out;

#define GATE(call)                                                                                 \
    do {                                                                                           \
        if (++calls != fail_at)                                                                    \
            return call;                                                                           \
        if (carried_out) {                                                                         \
            sev_err ignored = call;                                                                \
            (void)ignored;                                                                         \
        }                                                                                          \
        return SEV_E_IO;                                                                           \
    } while (0)

static sev_err get(void *s, sev_slice n, struct sev_arena *a, struct sev_campaign *out)
{
    GATE(real->get(s, n, a, out));
}

static sev_err list(void *s, sev_slice after, uint32_t most, struct sev_arena *a,
                    sev_campaign_visit *v, void *c)
{
    GATE(real->list(s, after, most, a, v, c));
}

static sev_err move(void *s, sev_slice n, const struct sev_campaign_move *m,
                    const struct sev_decision *d)
{
    GATE(real->move(s, n, m, d));
}

static sev_err lease(void *s, sev_slice n, sev_slice owner, sev_time now, sev_time until)
{
    GATE(real->lease(s, n, owner, now, until));
}

static sev_err counts(void *s, sev_slice n, struct sev_campaign_counts *out)
{
    GATE(real->counts(s, n, out));
}

static sev_err fleet_page(void *s, int64_t after, uint32_t most, struct sev_arena *a,
                          sev_fleet_visit *v, void *c)
{
    GATE(real->fleet(s, after, most, a, v, c));
}

static sev_err plan(void *s, sev_slice n, int64_t expected, int64_t sweep, sev_time swept,
                    const struct sev_member *m, uint32_t count)
{
    GATE(real->plan(s, n, expected, sweep, swept, m, count));
}

static sev_err members(void *s, sev_slice n, enum sev_member_state state,
                       const struct sev_member_cursor *after, uint32_t most, struct sev_arena *a,
                       sev_member_visit *v, void *c)
{
    GATE(real->members(s, n, state, after, most, a, v, c));
}

static sev_err step(void *s, sev_slice n, const struct sev_member_bounds *b,
                    const struct sev_member_step *steps, uint32_t count, sev_err *out)
{
    GATE(real->step(s, n, b, steps, count, out));
}

static sev_err invalidations(void *s, struct sev_arena *a, sev_invalidation_visit *v, void *c)
{
    GATE(real->invalidations(s, a, v, c));
}

static sev_err swept(void *s, const uint8_t sha256[SEV_SHA256_BYTES], int64_t sweep, sev_time at)
{
    GATE(real->invalidation_swept(s, sha256, sweep, at));
}

static sev_err assigned(void *s, int64_t after, uint32_t most, struct sev_arena *a,
                        sev_assigned_visit *v, void *c)
{
    GATE(real->assigned(s, after, most, a, v, c));
}

static sev_err assign(void *s, const struct sev_assignment *a, const struct sev_decision *d)
{
    GATE(real_store.assign(s, a, d));
}

static sev_err ecus_get(void *s, sev_slice v, struct sev_arena *a, struct sev_ecu *out, uint32_t *n)
{
    GATE(real_store.ecus_get(s, v, a, out, n));
}

static sev_err assignment_get(void *s, sev_slice v, struct sev_arena *a, struct sev_assignment *out)
{
    GATE(real_store.assignment_get(s, v, a, out));
}

static struct sev_campaign_ops faulty_ops;

/* The runner alone sees the store that fails. */
static struct sev_store faulty;
static struct sev_director faulty_director;

static void begin(int at, bool after)
{
    fleet_begin(6);
    real = fleet.store.campaigns;
    real_store = faulty = fleet.store;
    faulty_ops = *real;
    faulty_ops.get = get;
    faulty_ops.list = list;
    faulty_ops.move = move;
    faulty_ops.lease = lease;
    faulty_ops.counts = counts;
    faulty_ops.fleet = fleet_page;
    faulty_ops.plan = plan;
    faulty_ops.members = members;
    faulty_ops.step = step;
    faulty_ops.invalidations = invalidations;
    faulty_ops.invalidation_swept = swept;
    faulty_ops.assigned = assigned;
    faulty.campaigns = &faulty_ops;
    faulty.assign = assign;
    faulty.ecus_get = ecus_get;
    faulty.assignment_get = assignment_get;
    faulty_director = fleet.d;
    faulty_director.store = &faulty;
    fleet.runner.director = &faulty_director;
    calls = 0;
    fail_at = at;
    carried_out = after;
}

/* Runs until there is nothing more to do, whatever happens on the way. */
static void run(void)
{
    bool more = true;
    for (int i = 0; i < 100 && more; i++) {
        bool said = false;
        sev_err e = sev_campaigns_run(&fleet.runner, fleet_call(), &said);
        if (e != SEV_OK)
            CHECK_ERR(e, SEV_E_IO);
        more = said || e != SEV_OK;
        CHECK(fleet_count("c", 1, SEV_MEMBER_ASSIGNED) == 0 ||
              fleet_count("c", 0, SEV_MEMBER_SUCCEEDED) == 2); /* canaries first */
    }
    CHECK(!more);
    fleet_check("c", 3);
}

static void whole_campaign(void)
{
    CHECK_OK(fleet_create("3", FLEET_CANARY, "100", ""));
    fleet_approve();
    run();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < fleet.count; i++)
            if (fleet_member("c", i).state == SEV_MEMBER_ASSIGNED)
                fleet_succeed(i);
        run();
    }
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
    for (int i = 0; i < fleet.count; i++) {
        CHECK_EQ(fleet_member("c", i).state, SEV_MEMBER_SUCCEEDED);
        CHECK_EQ(fleet_version(i), 1);
    }
}

static void taken_back(void)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(digest, sizeof digest);
    CHECK_OK(sev_hex_decode(SEV_LIT(FLEET_SHA), &b));
    CHECK_OK(fleet_create("3", FLEET_ALL, "100", ""));
    fleet_approve();
    run();
    CHECK_OK(sev_release_invalidate(&fleet.d, fleet_call(), digest, &fleet_bert));
    bool more = true;
    for (int i = 0; i < 100 && more; i++) {
        bool said = false;
        more = sev_campaigns_run(&fleet.runner, fleet_call(), &said) != SEV_OK || said;
    }
    int withdrawn = 0;
    for (int i = 0; i < fleet.count; i++) {
        struct sev_assignment a;
        (void)fleet_call();
        CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(i), &fleet.arena, &a));
        if (a.version == 0)
            continue;
        CHECK_EQ(a.version, 2); /* once, however often it was tried */
        CHECK_TEXT(a.targets, "{}");
        withdrawn++;
    }
    CHECK_EQ(withdrawn, 3);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_PAUSED);
}

static void each_call_fails(void (*scenario)(void), bool after)
{
    int at = 0, stride = getenv("SEV_NIGHTLY") != NULL ? 1 : 5;
    do {
        at += stride;
        begin(at, after);
        scenario();
    } while (calls >= at);
    CHECK(at > 20);
}

TEST(campaign_faults__each_call_of_the_runner_fails__and_all_get_it_once)
{
    each_call_fails(whole_campaign, false);
}

TEST(campaign_faults__each_call_is_carried_out_and_says_that_it_failed__likewise)
{
    each_call_fails(whole_campaign, true);
}

TEST(campaign_faults__each_call_fails_while_a_release_is_taken_back__it_is_from_all)
{
    each_call_fails(taken_back, false);
    each_call_fails(taken_back, true);
}
