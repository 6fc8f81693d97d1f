/* campaign_run - a campaign over a fleet, step by step: who is given what, what counts as success,
 * and everything that holds it up. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fleet.h"

#include <pthread.h>

static int count_assigned(void)
{
    int n = 0;
    for (int i = 0; i < fleet.count; i++)
        n += fleet_version(i) != 0;
    return n;
}

static void start(int count, const char *concurrency, const char *groups, const char *more)
{
    fleet_begin(count);
    CHECK_OK(fleet_create(concurrency, groups, "1000", more));
    fleet_approve();
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING);
}

/* ------------------------------------------------------------------ the road */

static void canary_first(void)
{
    start(20, "5", FLEET_CANARY, "");
    CHECK_EQ(count_assigned(), 2);
    CHECK_EQ(fleet_version(1), 1);
    CHECK_EQ(fleet_version(3), 1);
    fleet_run(); /* again: nothing changes */
    CHECK_EQ(count_assigned(), 2);
    fleet_succeed(1);
    fleet_run();
    CHECK_EQ(count_assigned(), 2); /* one of the two canaries is not enough */
    CHECK_EQ(fleet_member("c", 1).state, SEV_MEMBER_SUCCEEDED);
    fleet_succeed(3);
    fleet_run();
    CHECK_EQ(count_assigned(), 2 + 5); /* the cap */
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < fleet.count; i++)
            if (fleet_member("c", i).state == SEV_MEMBER_ASSIGNED)
                fleet_succeed(i);
        fleet_run();
        CHECK(fleet_count("c", 1, SEV_MEMBER_ASSIGNED) <= 5);
    }
    CHECK_EQ(count_assigned(), 20);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
    CHECK_TEXT(fleet_get("c").reason, "all_finished");
    CHECK_EQ(fleet_count("c", 1, SEV_MEMBER_SUCCEEDED), 18);
    for (int i = 0; i < fleet.count; i++)
        CHECK_EQ(fleet_version(i), 1); /* nobody twice */
    CHECK_EQ(fleet.alarms, 0);
}

TEST(campaign_run__canary_first_then_the_rest__until_all_have_it)
{
    for (fleet_provider = 0; fleet_provider < store_provider_count; fleet_provider++)
        canary_first();
    fleet_provider = 0;
}

TEST(campaign_run__what_is_assigned__is_what_the_director_checks_and_explains)
{
    struct sev_assignment a;
    start(1, "5", FLEET_ALL, "\"correlationId\":\"urn:x\",");
    (void)fleet_call();
    CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(0), &fleet.arena, &a));
    CHECK_TEXT(a.bundle_id, "c");
    CHECK_TEXT(a.correlation_id, "urn:x");
    CHECK_TEXT(a.targets,
               "{\"brake/2\":{\"custom\":{\"ecuIdentifiers\":{\"b\":{\"hardwareId\":\"brake\"}},"
               "\"match\":{\"hardwareIds\":[\"brake\"],\"releaseCounter\":2}},\"hashes\":{"
               "\"sha256\":\"" FLEET_SHA "\"},\"length\":7}}");
    CHECK_EQ(store_count_decisions(&fleet.store, "v000"), 1);
}

/* ------------------------------------------------------ what counts as success */

/* DESIGN 3.4: a report after the assignment, of a boot after that, with the image. */
TEST(campaign_run__downloaded_or_not_booted__does_not_count)
{
    start(1, "5", FLEET_ALL, "");
    fleet_report(0, false, false, "c", true); /* it says "OK", and still runs the old image */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, false, true, NULL, true); /* the new one, without a boot */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, true, false, NULL, true); /* a boot, into the old one */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, true, true, NULL, true);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_SUCCEEDED);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
}

TEST(campaign_run__who_falls_back_after_success__has_failed)
{
    start(4, "5", "[{\"errorPercent\":0,\"percent\":100,\"successPercent\":100}]", "");
    fleet_succeed(0);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_SUCCEEDED);
    fleet_report(0, true, true, NULL, false); /* still well */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_SUCCEEDED);
    fleet_report(0, true, false, NULL, false); /* the image before */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
    CHECK_TEXT(fleet_member("c", 0).reason, "rolled_back");
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_PAUSED);
}

TEST(campaign_run__who_runs_it_already__is_skipped_and_gets_nothing)
{
    fleet_begin(2);
    fleet_succeed(0);
    CHECK_OK(fleet_create("5", FLEET_ALL, "10", ""));
    fleet_approve();
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_SKIPPED);
    CHECK_TEXT(fleet_member("c", 0).reason, "installed");
    CHECK_EQ(fleet_version(0), 0);
    CHECK_EQ(fleet_version(1), 1);
}

TEST(campaign_run__who_is_ahead__is_skipped_by_the_directors_own_check)
{
    start(1, "5", FLEET_ALL, "");
    fleet_begin(2);
    struct sev_ecu_news news = {
        .serial = SEV_LIT("b"), .counter = 1, .installed = {SEV_LIT("brake/3"), 7, {3}, 3}};
    struct sev_status_news status = {
        .vehicle = fleet_id(0), .counter = 1, .seen = 1, .ecus = &news, .ecu_count = 1};
    CHECK_OK(fleet.store.status_accept(fleet.store.self, &status));
    CHECK_OK(fleet_create("5", FLEET_ALL, "10", ""));
    fleet_approve();
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_SKIPPED);
    CHECK_TEXT(fleet_member("c", 0).reason, "release_counter_rollback");
    CHECK_EQ(fleet_version(0), 0);
}

TEST(campaign_run__silence__is_overdue_and_neither_success_nor_failure)
{
    start(2, "1", "[{\"errorPercent\":0,\"percent\":100,\"successPercent\":100}]",
          "\"timeout\":3600,");
    int first = fleet_version(0) != 0 ? 0 : 1;
    fleet.call.now += 3599;
    fleet_run();
    CHECK_EQ(fleet_member("c", first).state, SEV_MEMBER_ASSIGNED);
    fleet.call.now++;
    fleet_run();
    CHECK_EQ(fleet_member("c", first).state, SEV_MEMBER_OVERDUE);
    CHECK_EQ(count_assigned(), 1); /* it may be broken: nobody takes its place */
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING);
    fleet.call.now += 86400;
    fleet_succeed(first); /* it comes back after all */
    fleet_run();
    CHECK_EQ(fleet_member("c", first).state, SEV_MEMBER_SUCCEEDED);
    CHECK_EQ(count_assigned(), 2);
}

/* ------------------------------------------------------------------- failures */

static int first_assigned(void)
{
    int i = 0;
    while (fleet_member("c", i).state != SEV_MEMBER_ASSIGNED)
        i++;
    return i;
}

TEST(campaign_run__one_failure_too_many__pauses_with_an_alarm)
{
    start(20, "20", FLEET_ALL, "");
    CHECK_EQ(count_assigned(), 20);
    for (int i = 0; i < 2; i++)
        fleet_report(i, false, false, "c", false);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
    CHECK_TEXT(fleet_member("c", 0).reason, "INSTALL_FAILED");
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING); /* 10 % of 20 may */
    fleet_report(2, false, false, "c", false);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_PAUSED);
    CHECK_TEXT(fleet_get("c").reason, "error_threshold");
    CHECK_EQ(fleet.last, SEV_EVENT_CAMPAIGN_PAUSED);
    CHECK_EQ(fleet.alarms, 1);
    fleet_succeed(3); /* results still count */
    fleet_run();
    CHECK_EQ(fleet_member("c", 3).state, SEV_MEMBER_SUCCEEDED);
}

TEST(campaign_run__failure_of_another_campaign_or_an_older_try__is_not_this_ones)
{
    int64_t count = 0;
    start(1, "5", "[{\"errorPercent\":100,\"percent\":100,\"successPercent\":1}]", "");
    fleet_report(0, false, false, "other", false);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, false, false, "c", false);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_PAUSED);
    CHECK_TEXT(fleet_get("c").reason, "success_threshold");
    CHECK_OK(sev_campaign_retry(&fleet.d, fleet_call(), SEV_LIT("c"), &fleet_anna, &count));
    CHECK_EQ(count, 1);
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_RESUME, &fleet_anna));
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    CHECK_EQ(fleet_member("c", 0).tries, 2);
    CHECK_EQ(fleet_version(0), 2);
    fleet_report(0, false, false, "c", false); /* still of the first try */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, false, false, "c:2", false);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
}

TEST(campaign_run__retry__ends_when_the_tries_are_used_up)
{
    int64_t count = 0;
    start(2, "5", "[{\"errorPercent\":100,\"percent\":100,\"successPercent\":1}]", "\"tries\":2,");
    fleet_succeed(1);
    fleet_report(0, false, false, "c", false);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
    CHECK_OK(sev_campaign_retry(&fleet.d, fleet_call(), SEV_LIT("c"), &fleet_anna, &count));
    CHECK_EQ(count, 1);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING); /* it was done */
    fleet_run();
    fleet_report(0, false, false, "c:2", false);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
    CHECK_OK(sev_campaign_retry(&fleet.d, fleet_call(), SEV_LIT("c"), &fleet_anna, &count));
    CHECK_EQ(count, 0);
}

/* -------------------------------------------------------------- how fast, when */

TEST(campaign_run__starts__rise_minute_by_minute)
{
    static const int wanted[] = {4, 4 + 6, 4 + 6 + 8, 4 + 6 + 8 + 8};
    const char *where;
    sev_slice name;
    fleet_begin(100);
    CHECK_OK(sev_campaign_create(
        &fleet.d, fleet_call(), &fleet_anna,
        SEV_LIT("{\"name\":\"c\",\"concurrency\":100,\"filter\":{},\"groups\":" FLEET_ALL
                ",\"rate\":{\"perMinute\":4,\"rise\":2,\"perMinuteMax\":8},\"targets\":" FLEET_IMAGE
                "}"),
        &name, &where));
    fleet.call.now = FLEET_START / 60 * 60;
    fleet_approve();
    for (int minute = 0; minute < 4; minute++) {
        for (int second = 0; second < 60; second += 20, fleet.call.now += 20) {
            fleet_run();
            CHECK_EQ(count_assigned(), wanted[minute]);
        }
    }
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_PAUSE, &fleet_anna));
    fleet.call.now += 3600;
    fleet_run();
    CHECK_EQ(count_assigned(), wanted[3]);
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_RESUME, &fleet_anna));
    fleet_run(); /* carefully, as in the beginning; what was not used is not made up for */
    CHECK_EQ(count_assigned(), wanted[3] + 4);
}

TEST(campaign_run__schedule_and_windows__hold_starts_back)
{
    const sev_time midnight = FLEET_START / 86400 * 86400;
    fleet_begin(4);
    fleet.call.now = midnight;
    CHECK_OK(fleet_create("4", FLEET_ALL, "1",
                          "\"notBefore\":\"2027-01-15T10:00:00Z\",\"windows\":[{\"from\":\"11:00\","
                          "\"to\":\"11:02\"}],"));
    fleet_approve();
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_SCHEDULED);
    fleet.call.now = midnight + 10 * 3600;
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING);
    CHECK_EQ(count_assigned(), 0);
    fleet.call.now = midnight + 11 * 3600;
    fleet_run();
    CHECK_EQ(count_assigned(), 1);
    fleet.call.now += 60;
    fleet_run();
    CHECK_EQ(count_assigned(), 2);
    fleet.call.now += 60;
    fleet_run();
    CHECK_EQ(count_assigned(), 2); /* until tomorrow */
    fleet.call.now += 86400 - 120;
    fleet_run();
    CHECK_EQ(count_assigned(), 3);
}

TEST(campaign_run__its_time_is_over__it_ends_when_nobody_is_on_the_way)
{
    start(3, "1", FLEET_ALL, "\"notAfter\":\"2027-01-16T00:00:00Z\",");
    int first = first_assigned();
    fleet.call.now += 2 * 86400;
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING);
    fleet_succeed(first);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
    CHECK_TEXT(fleet_get("c").reason, "not_after");
    CHECK_EQ(count_assigned(), 1);
}

TEST(campaign_run__late_joiners__join_where_wanted)
{
    start(2, "10", FLEET_ALL, "\"lateJoiners\":true,");
    fleet_add(SEV_PROFILE_NATIVE);
    fleet_run();
    CHECK_EQ(fleet_member("c", 2).state, SEV_MEMBER_STATE_COUNT);
    fleet.call.now += SEV_CAMPAIGN_SWEEP_SECONDS;
    fleet_run();
    CHECK_EQ(fleet_member("c", 2).state, SEV_MEMBER_ASSIGNED);
    for (int i = 0; i < 3; i++)
        fleet_succeed(i);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_RUNNING); /* others may come */
    start(2, "10", FLEET_ALL, "");
    fleet_add(SEV_PROFILE_NATIVE);
    fleet.call.now += 10 * SEV_CAMPAIGN_SWEEP_SECONDS;
    fleet_run();
    CHECK_EQ(fleet_member("c", 2).state, SEV_MEMBER_STATE_COUNT);
}

/* ------------------------------------------------------------------ operators */

TEST(campaign_run__four_eyes__nobody_approves_what_is_his_own)
{
    struct sev_campaign_actor silent = {SEV_LIT("carl"), SEV_EMPTY};
    fleet_begin(1);
    CHECK_OK(fleet_create("1", FLEET_ALL, "1", ""));
    CHECK_ERR(fleet_create("1", FLEET_ALL, "1", ""), SEV_E_EXISTS);
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_bert), SEV_E_WRONG_STATE);
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_SUBMIT, &fleet_bert));
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_bert), SEV_E_FOUR_EYES); /* submitted */
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_anna), SEV_E_FOUR_EYES); /* wrote */
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &silent), SEV_E_MALFORMED);     /* no remark */
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_BEGIN, &fleet_bert), SEV_E_MALFORMED);
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_PLANNED, &fleet_bert), SEV_E_MALFORMED);
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_SUBMITTED);
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_REJECT, &fleet_anna));
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DRAFT);
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_SUBMIT, &fleet_anna));
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_bert));
    CHECK_TEXT(fleet_get("c").approver, "bert");
    CHECK_TEXT(fleet_get("c").reason, "looked at");
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_bert), SEV_E_WRONG_STATE);
    CHECK_ERR(sev_campaign_act(&fleet.d, fleet_call(), SEV_LIT("d"), SEV_CAMPAIGN_ON_PAUSE,
                               &fleet_anna, false),
              SEV_E_NOT_FOUND);
}

TEST(campaign_run__two_operators_at_once__one_of_them_is_told)
{
    fleet_begin(1);
    CHECK_OK(fleet_create("1", FLEET_ALL, "1", ""));
    struct sev_campaign_move m = {.revision = 1, .state = SEV_CAMPAIGN_SUBMITTED, .changed = 1};
    const struct sev_campaign_ops *ops = fleet.store.campaigns;
    CHECK_OK(ops->move(fleet.store.self, SEV_LIT("c"), &m, NULL));
    CHECK_ERR(ops->move(fleet.store.self, SEV_LIT("c"), &m, NULL), SEV_E_CONFLICT);
}

TEST(campaign_run__abort__stops_and_takes_back_what_is_not_installed)
{
    start(3, "2", FLEET_ALL, "");
    int has = first_assigned();
    fleet_succeed(has); /* heard of, not looked at yet */
    CHECK_OK(sev_campaign_act(&fleet.d, fleet_call(), SEV_LIT("c"), SEV_CAMPAIGN_ON_ABORT,
                              &fleet_bert, true));
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_ABORTED);
    CHECK_EQ(count_assigned(), 2);
    CHECK_EQ(fleet_member("c", has).state, SEV_MEMBER_SUCCEEDED);
    for (int i = 0; i < 3; i++) {
        struct sev_assignment a;
        if (i == has || fleet_version(i) == 0)
            continue;
        CHECK_EQ(fleet_member("c", i).state, SEV_MEMBER_WITHDRAWN);
        (void)fleet_call();
        CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(i), &fleet.arena, &a));
        CHECK_EQ(a.version, 2);
        CHECK_TEXT(a.targets, "{}");
    }
    start(3, "2", FLEET_ALL, ""); /* without taking back */
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_ABORT, &fleet_bert));
    fleet_run();
    CHECK_EQ(fleet_version(first_assigned()), 1);
}

TEST(campaign_run__another_assignment__ends_the_members_part)
{
    start(1, "1", FLEET_ALL, "");
    struct sev_assignment a = store_assignment("v000", 2);
    CHECK_OK(fleet.store.assign(fleet.store.self, &a, NULL));
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_WITHDRAWN);
    CHECK_TEXT(fleet_member("c", 0).reason, "superseded");
}

TEST(campaign_run__another_assignment_that_lists_it_still__changes_only_what_is_reported)
{
    struct sev_assignment a;
    start(1, "1", "[{\"errorPercent\":100,\"percent\":100,\"successPercent\":1}]", "");
    (void)fleet_call();
    CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(0), &fleet.arena, &a));
    a.version = 2;
    a.correlation_id = SEV_LIT("another");
    CHECK_OK(fleet.store.assign(fleet.store.self, &a, NULL));
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    fleet_report(0, false, false, "another", false);
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
}

/* ----------------------------------------------------------- invalid releases */

static sev_err invalidate(void)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(digest, sizeof digest);
    CHECK_OK(sev_hex_decode(SEV_LIT(FLEET_SHA), &b));
    return sev_release_invalidate(&fleet.d, fleet_call(), digest, &fleet_bert);
}

TEST(campaign_run__invalidated_release__is_taken_back_and_given_to_nobody)
{
    int64_t version;
    struct sev_assignment a;
    start(20, "10", FLEET_ALL, "");
    CHECK_EQ(count_assigned(), 10);
    int has = first_assigned();
    fleet_succeed(has);
    fleet_run();
    CHECK_EQ(count_assigned(), 11);
    (void)fleet_call();
    CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(has), &fleet.arena, &a));
    static uint8_t targets[1024];
    memcpy(targets, a.targets.ptr, a.targets.len);
    struct sev_director_wish same = {.vehicle = fleet_id(has),
                                     .actor = SEV_LIT("op"),
                                     .bundle_id = SEV_LIT("b"),
                                     .targets = sev_slice_of(targets, a.targets.len)};
    CHECK_OK(invalidate());
    CHECK_ERR(invalidate(), SEV_E_EXISTS);
    CHECK_ERR(sev_director_assign(&fleet.d, fleet_call(), &same, &version), SEV_E_INVALIDATED);
    fleet_run();
    CHECK_EQ(fleet_version(has), 1); /* it is installed there: nothing to take back */
    for (int i = 0; i < 20; i++) {
        if (i == has || fleet_version(i) == 0)
            continue;
        (void)fleet_call();
        CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(i), &fleet.arena, &a));
        CHECK_EQ(a.version, 2);
        CHECK_TEXT(a.targets, "{}");
    }
    CHECK_EQ(count_assigned(), 11);
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_PAUSED);
    CHECK_TEXT(fleet_get("c").reason, "release_invalidated");
    CHECK_ERR(fleet_act(SEV_CAMPAIGN_ON_RESUME, &fleet_anna), SEV_E_INVALIDATED);
    CHECK_ERR(fleet_create("1", FLEET_ALL, "1", ""), SEV_E_INVALIDATED);
}

/* What an operator assigns while the release is being invalidated is claimed by how many there
 * were: whoever looked before does not write after. */
TEST(campaign_run__assignment_checked_before_the_invalidation__is_not_written_after_it)
{
    fleet_begin(1);
    struct sev_assignment a = store_assignment("v000", 1);
    CHECK_OK(invalidate());
    CHECK_ERR(fleet.store.assign(fleet.store.self, &a, NULL), SEV_E_CONFLICT);
    a.invalidations = 1;
    CHECK_OK(fleet.store.assign(fleet.store.self, &a, NULL));
}

/* --------------------------------------------------------- aktualizr's dialect */

TEST(campaign_run__aktualizr__is_told_apart_by_its_primarys_counter_and_installation_report)
{
    fleet_begin(0);
    fleet_add(SEV_PROFILE_AKTUALIZR);
    fleet_add(SEV_PROFILE_AKTUALIZR);
    CHECK_OK(fleet_create("5", "[{\"errorPercent\":100,\"percent\":100,\"successPercent\":1}]", "9",
                          ""));
    fleet_approve();
    fleet_run();
    CHECK_EQ(count_assigned(), 2);
    struct sev_installation old = {0, false, SEV_LIT("X"), SEV_LIT("c")};
    struct sev_installation now = {1, false, SEV_LIT("INSTALL_FAILED"), SEV_LIT("c")};
    CHECK_OK(fleet.store.campaigns->installation_put(fleet.store.self, fleet_id(0), &old));
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    CHECK_OK(fleet.store.campaigns->installation_put(fleet.store.self, fleet_id(0), &now));
    fleet_report(0, false, false, NULL, false);
    fleet_report(1, false, true, NULL, false); /* no boots there */
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_FAILED);
    CHECK_TEXT(fleet_member("c", 0).reason, "INSTALL_FAILED");
    CHECK_EQ(fleet_member("c", 1).state, SEV_MEMBER_SUCCEEDED);
}

TEST(campaign_run__tags__group_vehicles_and_bad_ones_are_refused)
{
    const sev_slice first = SEV_LIT("v000");
    char many[SEV_TAGS_MAX * 8 + 16] = "[";
    for (int i = 0; i <= SEV_TAGS_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"t%d\"", i == 0 ? "" : ",",
                 i);
    strcat(many, "]");
    fleet_begin(2);
    CHECK_OK(
        sev_vehicle_tag(&fleet.d, fleet_call(), first, SEV_LIT(" [ \"taxi\" ] "), &fleet_anna));
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), first, SEV_LIT("[\"a\",\"a\"]"), &fleet_anna),
              SEV_E_JSON_DUPLICATE);
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), first, SEV_LIT("[\"\"]"), &fleet_anna),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), first, SEV_LIT("[1]"), &fleet_anna),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), first, SEV_LIT("{}"), &fleet_anna),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), first, store_text(many), &fleet_anna),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_vehicle_tag(&fleet.d, fleet_call(), SEV_LIT("v9"), SEV_LIT("[]"), &fleet_anna),
              SEV_E_NOT_FOUND);
    const char *where;
    sev_slice name;
    CHECK_OK(sev_campaign_create(
        &fleet.d, fleet_call(), &fleet_anna,
        SEV_LIT("{\"name\":\"c\",\"concurrency\":9,\"filter\":{\"tags\":[\"taxi\"]},"
                "\"groups\":" FLEET_ALL ",\"rate\":{\"perMinute\":9},\"targets\":" FLEET_IMAGE "}"),
        &name, &where));
    fleet_approve();
    fleet_run();
    CHECK_EQ(fleet_member("c", 0).state, SEV_MEMBER_ASSIGNED);
    CHECK_EQ(fleet_member("c", 1).state, SEV_MEMBER_STATE_COUNT);
}

/* --------------------------------------------------------------- two runners */

TEST(campaign_run__two_runners__do_not_get_in_each_others_way)
{
    static uint8_t keep[SEV_CAMPAIGN_KEEP_BYTES];
    struct sev_campaign_runner other = {
        .director = &fleet.d, .owner = SEV_LIT("other"), .keep = {keep, sizeof keep, 0, 0}};
    bool more = true;
    start(20, "5", FLEET_ALL, "");
    fleet_succeed(first_assigned());
    CHECK_OK(sev_campaigns_run(&other, fleet_call(), &more));
    CHECK_EQ(fleet_count("c", 0, SEV_MEMBER_SUCCEEDED), 0); /* the first one has the lease */
    fleet.call.now += SEV_CAMPAIGN_LEASE_SECONDS + 1;       /* and dies */
    CHECK_OK(sev_campaigns_run(&other, fleet_call(), &more));
    CHECK_EQ(fleet_count("c", 0, SEV_MEMBER_SUCCEEDED), 1);
    CHECK_EQ(count_assigned(), 6);
}

/* As two would who both believe that the other one's lease is over: claims alone hold them apart.
 */
static void *run_beside(void *unused)
{
    static uint8_t memory[SEV_DIRECTOR_ARENA_BYTES], keep[SEV_CAMPAIGN_KEEP_BYTES];
    struct sev_campaign_runner r = {
        .director = &fleet.d, .owner = fleet.runner.owner, .keep = {keep, sizeof keep, 0, 0}};
    (void)unused;
    for (int i = 0; i < 40; i++) {
        struct sev_arena arena = sev_arena_of(memory, sizeof memory);
        struct sev_director_call call = {&arena, NULL, FLEET_START};
        bool more;
        if (sev_campaigns_run(&r, &call, &more) != SEV_OK)
            return (void *)1;
    }
    return NULL;
}

static void side_by_side(void)
{
    pthread_t thread;
    void *failed = NULL;
    fleet_begin(60);
    CHECK_OK(fleet_create("25", FLEET_ALL, "1000", ""));
    fleet_approve();
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(pthread_create(&thread, NULL, run_beside, NULL), 0);
        for (int i = 0; i < 40; i++) {
            bool more;
            CHECK_OK(sev_campaigns_run(&fleet.runner, fleet_call(), &more));
        }
        CHECK_EQ(pthread_join(thread, &failed), 0);
        CHECK(failed == NULL);
        fleet_check("c", 25);
        CHECK_EQ(count_assigned(), round < 2 ? 25 * (round + 1) : 60);
        for (int i = 0; i < fleet.count; i++)
            if (fleet_member("c", i).state == SEV_MEMBER_ASSIGNED)
                fleet_succeed(i);
    }
    fleet_run();
    CHECK_EQ(fleet_state("c"), SEV_CAMPAIGN_DONE);
}

TEST(campaign_run__two_runners_at_the_same_time__give_nobody_anything_twice)
{
    for (fleet_provider = 0; fleet_provider < store_provider_count; fleet_provider++)
        side_by_side();
    fleet_provider = 0;
}
