/* campaign - what may be asked for, who is next and when it is too much: the parts that need no
 * database. SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdlib.h>

#include "../../roles/campaign/internal.h"

#define SHA_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SHA_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define MATCH "{\"hardwareIds\":[\"brake\",\"tcu\"],\"releaseCounter\":2}"
#define IMAGE(name, sha)                                                                           \
    "{\"hashes\":{\"sha256\":\"" sha "\"},\"length\":7,\"match\":" MATCH ",\"name\":\"" name "\"}"
#define FILTER "{}"
#define GROUPS                                                                                     \
    "[{\"errorPercent\":0,\"successPercent\":100,\"vehicles\":[\"v2\",\"v1\"]},"                   \
    "{\"errorPercent\":10,\"percent\":20,\"successPercent\":90},"                                  \
    "{\"errorPercent\":10,\"percent\":80,\"successPercent\":50}]"
#define RATE "{\"perMinute\":10,\"perMinuteMax\":25,\"rise\":4}"
#define TARGETS "{\"brake\":" IMAGE("brake/2", SHA_A) "}"

static uint8_t memory[2u << 20];
static struct sev_arena arena;
static struct sev_campaign_definition def;
static const char *where;

/* A definition that is accepted, with one member more, or in place of, what it has. */
static const char *members[][2] = {{"concurrency", "100"}, {"filter", FILTER},
                                   {"groups", GROUPS},     {"name", "\"c-1\""},
                                   {"rate", RATE},         {"targets", TARGETS}};

static sev_slice text_with(const char *name, const char *value)
{
    static char text[16384];
    size_t n = 0;
    bool put = false;
    for (size_t i = 0; i <= sizeof members / sizeof members[0]; i++) {
        const char *m = i < 6 ? members[i][0] : "~";
        if (name != NULL && !put && strcmp(name, m) <= 0) {
            put = true;
            if (value != NULL)
                n += (size_t)snprintf(text + n, sizeof text - n, "%c\"%s\":%s", n == 0 ? '{' : ',',
                                      name, value);
            if (strcmp(name, m) == 0)
                continue;
        }
        if (i < 6)
            n += (size_t)snprintf(text + n, sizeof text - n, "%c\"%s\":%s", n == 0 ? '{' : ',', m,
                                  members[i][1]);
    }
    text[n++] = '}';
    return sev_slice_of(text, n);
}

static sev_err parse_with(const char *name, const char *value)
{
    arena = sev_arena_of(memory, sizeof memory);
    where = "";
    memset(&def, 0, sizeof def);
    return sev_campaign_parse(text_with(name, value), &arena, &def, &where);
}

#define REFUSED(name, value, err, member)                                                          \
    do {                                                                                           \
        CHECK_ERR(parse_with(name, value), err);                                                   \
        CHECK_SLICE(campaign_text(where), campaign_text(member));                                  \
        CHECK_EQ(def.group_count, 0);                                                              \
    } while (0)

/* -------------------------------------------------------------- definition */

TEST(campaign__smallest_definition__has_its_defaults)
{
    CHECK_OK(parse_with(NULL, NULL));
    CHECK_TEXT(def.name, "c-1");
    CHECK_TEXT(def.correlation_id, "c-1");
    CHECK_EQ(def.concurrency, 100);
    CHECK_EQ(def.group_count, 3);
    CHECK_TEXT(def.groups[0].list.items[0], "v1");
    CHECK_EQ(def.timeout_s, 7 * 86400);
    CHECK_EQ(def.tries, 3);
    CHECK_EQ(def.image_count, 1);
    CHECK_EQ(def.images[0].sha256[1], 0x11);
    CHECK(!def.late_joiners);
}

TEST(campaign__each_member__is_read)
{
    CHECK_OK(parse_with("windows", "[{\"from\":\"22:00\",\"to\":\"05:30\"}]"));
    CHECK_EQ(def.windows[0].from, 1320);
    CHECK_EQ(def.windows[0].to, 330);
    CHECK_OK(parse_with("notBefore", "\"2027-01-01T00:00:00Z\""));
    CHECK_EQ(def.not_before, 1798761600);
    CHECK_OK(parse_with("lateJoiners", "true"));
    CHECK(def.late_joiners);
    CHECK_OK(parse_with("timeout", "3600"));
    CHECK_EQ(def.timeout_s, 3600);
    CHECK_OK(parse_with("tries", "1"));
    CHECK_OK(parse_with("correlationId", "\"urn:x\""));
    CHECK_TEXT(def.correlation_id, "urn:x");
    CHECK_OK(parse_with("rate", "{\"perMinute\":3}"));
    CHECK_EQ(def.per_minute_max, 3);
    CHECK_OK(parse_with("filter",
                        "{\"hardwareIds\":[\"brake\"],\"installed\":{\"hardwareId\":\"brake\","
                        "\"name\":\"brake/1\",\"releaseCounterMax\":1,\"releaseCounterMin\":1},"
                        "\"models\":[\"m\"],\"vehicles\":[\"v1\"],\"vinPrefixes\":[\"WV\"]}"));
    CHECK(def.filter.has_installed);
}

TEST(campaign__what_is_missing__is_named)
{
    REFUSED("concurrency", NULL, SEV_E_MALFORMED, "concurrency");
    REFUSED("groups", NULL, SEV_E_MALFORMED, "groups");
    REFUSED("name", NULL, SEV_E_BAD_NAME, "name");
    REFUSED("rate", NULL, SEV_E_MALFORMED, "rate");
    REFUSED("targets", NULL, SEV_E_MALFORMED, "targets");
}

TEST(campaign__what_nobody_knows__is_refused_everywhere)
{
    REFUSED("colour", "1", SEV_E_MALFORMED, "an unknown member");
    REFUSED("filter", "{\"colour\":1}", SEV_E_MALFORMED, "filter: an unknown member");
    REFUSED("filter", "{\"installed\":{\"colour\":1}}", SEV_E_MALFORMED,
            "filter.installed: an unknown member");
    REFUSED("groups", "[{\"colour\":1}]", SEV_E_MALFORMED, "groups: an unknown member");
    REFUSED("rate", "{\"colour\":1}", SEV_E_MALFORMED, "rate: an unknown member");
    REFUSED("targets", "{\"brake\":{\"colour\":1}}", SEV_E_MALFORMED, "targets: an unknown member");
    REFUSED("windows", "[{\"colour\":1}]", SEV_E_MALFORMED, "windows: an unknown member");
}

TEST(campaign__wrong_kinds__are_refused)
{
    REFUSED("concurrency", "\"100\"", SEV_E_MALFORMED, "concurrency");
    REFUSED("filter", "[]", SEV_E_MALFORMED, "a member of the wrong kind");
    REFUSED("lateJoiners", "1", SEV_E_MALFORMED, "a member of the wrong kind");
    REFUSED("name", "{}", SEV_E_MALFORMED, "name");
    arena = sev_arena_of(memory, sizeof memory);
    CHECK_ERR(sev_campaign_parse(SEV_LIT("[]"), &arena, &def, &where), SEV_E_MALFORMED);
    CHECK_ERR(sev_campaign_parse(SEV_LIT("{\"b\":1,\"a\":1}"), &arena, &def, &where),
              SEV_E_NOT_CANONICAL);
    CHECK_ERR(sev_campaign_parse(SEV_LIT("{"), &arena, &def, &where), SEV_E_JSON_SYNTAX);
}

TEST(campaign__out_of_bounds__is_refused_by_name)
{
    REFUSED("concurrency", "0", SEV_E_MALFORMED, "concurrency");
    REFUSED("concurrency", "100000001", SEV_E_MALFORMED, "concurrency");
    REFUSED("rate", "{\"perMinute\":0}", SEV_E_MALFORMED, "rate.perMinute");
    REFUSED("rate", "{\"perMinute\":9,\"perMinuteMax\":8}", SEV_E_MALFORMED, "rate.perMinuteMax");
    REFUSED("rate", "{\"perMinute\":9,\"rise\":1}", SEV_E_MALFORMED, "rate.perMinuteMax");
    REFUSED("timeout", "59", SEV_E_MALFORMED, "timeout");
    REFUSED("tries", "11", SEV_E_MALFORMED, "tries");
    REFUSED("notAfter", "\"2027-02-30T00:00:00Z\"", SEV_E_MALFORMED, "notAfter");
    REFUSED("name", "\"../c\"", SEV_E_BAD_NAME, "name");
    REFUSED("name", "\"a b\"", SEV_E_BAD_NAME, "name");
    REFUSED("windows", "[{\"from\":\"24:00\",\"to\":\"05:00\"}]", SEV_E_MALFORMED, "windows.from");
    REFUSED("windows", "[{\"from\":\"1:000\",\"to\":\"05:00\"}]", SEV_E_MALFORMED, "windows.from");
    REFUSED("windows", "[{\"from\":\"05:00\",\"to\":\"05:00\"}]", SEV_E_MALFORMED, "windows");
    REFUSED("windows", "[{\"from\":\"05:00\"}]", SEV_E_MALFORMED, "windows");
    REFUSED("filter", "{\"models\":[]}", SEV_E_MALFORMED, "filter.models");
    REFUSED("filter", "{\"models\":[\"a\",\"a\"]}", SEV_E_JSON_DUPLICATE, "filter.models");
    REFUSED("filter", "{\"installed\":{\"name\":\"x\"}}", SEV_E_MALFORMED,
            "filter.installed.hardwareId");
    REFUSED("filter",
            "{\"installed\":{\"hardwareId\":\"x\",\"releaseCounterMax\":1,"
            "\"releaseCounterMin\":2}}",
            SEV_E_MALFORMED, "filter.installed.releaseCounterMin");
}

TEST(campaign__groups_that_leave_out_or_share_vehicles__are_refused)
{
    REFUSED("groups", "[]", SEV_E_MALFORMED, "groups");
    REFUSED("groups", "[{\"errorPercent\":1,\"percent\":99,\"successPercent\":1}]", SEV_E_MALFORMED,
            "groups.percent");
    REFUSED("groups", "[{\"errorPercent\":1,\"successPercent\":1}]", SEV_E_MALFORMED,
            "groups: either percent or vehicles");
    REFUSED("groups",
            "[{\"errorPercent\":1,\"percent\":100,\"successPercent\":1,\"vehicles\":[\"a\"]}]",
            SEV_E_MALFORMED, "groups: either percent or vehicles");
    REFUSED("groups", "[{\"errorPercent\":1,\"percent\":100}]", SEV_E_MALFORMED,
            "groups.successPercent");
    REFUSED("groups", "[{\"percent\":100,\"successPercent\":1}]", SEV_E_MALFORMED,
            "groups.errorPercent");
    REFUSED("groups",
            "[{\"errorPercent\":1,\"successPercent\":1,\"vehicles\":[\"a\"]},"
            "{\"errorPercent\":1,\"successPercent\":1,\"vehicles\":[\"b\",\"a\"]}]",
            SEV_E_DUPLICATE_ECU, "groups.vehicles");
}

TEST(campaign__more_than_limits_allow__is_refused)
{
    static char text[16384];
    size_t n = 0;
    for (int i = 0; i <= SEV_CAMPAIGN_GROUPS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%c{\"errorPercent\":1,\"successPercent\":1,\"vehicles\":[\"v%d\"]}",
                              i == 0 ? '[' : ',', i);
    snprintf(text + n, sizeof text - n, "]");
    REFUSED("groups", text, SEV_E_JSON_LIMIT, "groups");
    n = 0;
    for (int i = 0; i <= SEV_CAMPAIGN_WINDOWS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%c{\"from\":\"00:00\",\"to\":\"01:00\"}",
                              i == 0 ? '[' : ',');
    snprintf(text + n, sizeof text - n, "]");
    REFUSED("windows", text, SEV_E_JSON_LIMIT, "windows");
    n = 0;
    for (int i = 0; i <= SEV_CAMPAIGN_TARGETS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%c\"h%03d\":{\"hashes\":{\"sha256\":\"" SHA_A
                              "\"},\"length\":7,\"name\":\"n%03d\"}",
                              i == 0 ? '{' : ',', i, i);
    snprintf(text + n, sizeof text - n, "}");
    REFUSED("targets", text, SEV_E_JSON_LIMIT, "targets");
    static uint8_t big[SEV_CAMPAIGN_BYTES_MAX + 1];
    memset(big, ' ', sizeof big);
    arena = sev_arena_of(memory, sizeof memory);
    CHECK_ERR(sev_campaign_parse(sev_slice_of(big, sizeof big), &arena, &def, &where),
              SEV_E_TOO_LONG);
}

TEST(campaign__images_that_are_not_for_it__are_refused)
{
    REFUSED("targets", "{\"seat\":" IMAGE("seat/2", SHA_A) "}", SEV_E_WRONG_HARDWARE,
            "targets.match");
    REFUSED("targets", "{\"brake\":" IMAGE("x", SHA_A) ",\"tcu\":" IMAGE("x", SHA_B) "}",
            SEV_E_EXISTS, "targets.name");
    CHECK_OK(
        parse_with("targets", "{\"brake\":" IMAGE("x", SHA_A) ",\"tcu\":" IMAGE("x", SHA_A) "}"));
    REFUSED("targets", "{\"brake\":" IMAGE("../x", SHA_A) "}", SEV_E_BAD_NAME, "targets.name");
    REFUSED("targets", "{\"brake\":" IMAGE("x", "00") "}", SEV_E_MALFORMED, "targets.hashes");
    REFUSED("targets", "{\"brake\":{\"hashes\":{\"sha256\":\"" SHA_A "\"},\"name\":\"x\"}}",
            SEV_E_MALFORMED, "targets.length");
    REFUSED("targets",
            "{\"brake\":{\"hashes\":{\"sha256\":\"" SHA_A "\"},\"length\":7,\"match\":"
            "{\"hardwareIds\":[\"brake\"],\"plaintext\":{\"hashes\":{\"sha256\":\"" SHA_B
            "\"},\"length\":3},\"releaseCounter\":2},\"name\":\"x\"}}",
            SEV_E_UNSUPPORTED, "targets.match");
}

TEST(campaign__time_that_ends_before_it_begins__is_refused)
{
    REFUSED("notAfter", "\"2027-01-01T00:00:00Z\",\"notBefore\":\"2027-01-01T00:00:00Z\"",
            SEV_E_MALFORMED, "notAfter");
    CHECK_OK(
        parse_with("notAfter", "\"2027-01-01T00:00:01Z\",\"notBefore\":\"2027-01-01T00:00:00Z\""));
}

TEST(campaign__too_little_memory__is_ours_and_no_fault_of_the_definition)
{
    sev_slice text = text_with(NULL, NULL);
    for (size_t bytes = 0; bytes < 40000; bytes += 64) {
        arena = sev_arena_of(memory, bytes);
        sev_err e = sev_campaign_parse(text, &arena, &def, &where);
        if (e == SEV_OK)
            return;
        CHECK_ERR(e, SEV_E_MEMORY);
    }
    CHECK(false);
}

/* ------------------------------------------------------------------ filter */

static struct sev_ecu ecus[2];

static struct sev_fleet_vehicle vehicle(void)
{
    ecus[0] = (struct sev_ecu){.serial = SEV_LIT("b"), .hardware_id = SEV_LIT("brake")};
    ecus[0].installed.name = SEV_LIT("brake/1");
    ecus[0].installed.release_counter = 1;
    ecus[1] = (struct sev_ecu){.serial = SEV_LIT("t"), .hardware_id = SEV_LIT("tcu")};
    return (struct sev_fleet_vehicle){.place = 1,
                                      .id = SEV_LIT("v1"),
                                      .vin = SEV_LIT("WVW1"),
                                      .model = SEV_LIT("m"),
                                      .tags = SEV_LIT("[\"blue\",\"taxi\"]"),
                                      .ecus = ecus,
                                      .ecu_count = 2};
}

static bool filtered(const char *filter)
{
    struct sev_fleet_vehicle v = vehicle();
    CHECK_OK(parse_with("filter", filter));
    return sev_campaign_matches(&def, &v);
}

TEST(campaign__filter__takes_who_is_meant)
{
    CHECK(filtered("{}"));
    CHECK(filtered("{\"models\":[\"k\",\"m\"]}"));
    CHECK(!filtered("{\"models\":[\"k\"]}"));
    CHECK(filtered("{\"vinPrefixes\":[\"X\",\"WV\"]}"));
    CHECK(!filtered("{\"vinPrefixes\":[\"WVW12\"]}"));
    CHECK(filtered("{\"vehicles\":[\"v0\",\"v1\",\"v2\"]}"));
    CHECK(!filtered("{\"vehicles\":[\"v0\"]}"));
    CHECK(filtered("{\"hardwareIds\":[\"seat\",\"tcu\"]}"));
    CHECK(!filtered("{\"hardwareIds\":[\"seat\"]}"));
    CHECK(filtered("{\"installed\":{\"hardwareId\":\"brake\",\"name\":\"brake/1\"}}"));
    CHECK(!filtered("{\"installed\":{\"hardwareId\":\"brake\",\"name\":\"brake/0\"}}"));
    CHECK(!filtered("{\"installed\":{\"hardwareId\":\"tcu\"}}")); /* it never reported */
    CHECK(filtered("{\"installed\":{\"hardwareId\":\"brake\",\"releaseCounterMax\":1}}"));
    CHECK(!filtered("{\"installed\":{\"hardwareId\":\"brake\",\"releaseCounterMin\":2}}"));
    CHECK(!filtered("{\"models\":[\"m\"],\"vehicles\":[\"v0\"]}"));
    CHECK(filtered("{\"tags\":[\"depot-7\",\"taxi\"]}"));
    CHECK(!filtered("{\"tags\":[\"depot\"]}"));
}

TEST(campaign__vehicle_without_an_ecu_for_the_images__is_not_taken)
{
    struct sev_fleet_vehicle v = vehicle();
    CHECK_OK(parse_with(NULL, NULL));
    CHECK(sev_campaign_matches(&def, &v));
    v.ecus = ecus + 1;
    v.ecu_count = 1;
    CHECK(!sev_campaign_matches(&def, &v));
    v = vehicle();
    v.profile = SEV_PROFILE_TUF;
    CHECK(!sev_campaign_matches(&def, &v));
}

TEST(campaign__groups__are_the_same_whenever_asked_and_as_large_as_told)
{
    uint32_t sizes[3] = {0, 0, 0}, group = 9, again = 9;
    int64_t position = -1, position_again = -2;
    CHECK_OK(parse_with(NULL, NULL));
    for (int i = 0; i < 10000; i++) {
        char id[32];
        int n = snprintf(id, sizeof id, "v%d", i);
        CHECK(sev_campaign_group_of(&def, sev_slice_of(id, (size_t)n), &group, &position));
        CHECK(sev_campaign_group_of(&def, sev_slice_of(id, (size_t)n), &again, &position_again));
        CHECK(group == again && position == position_again && position >= 0);
        CHECK_EQ(group == 0, i == 1 || i == 2);
        sizes[group]++;
    }
    CHECK_EQ(sizes[0], 2);
    CHECK(sizes[1] > 1800 && sizes[1] < 2200);
    CHECK_EQ(sizes[1] + sizes[2], 9998);
    CHECK_OK(
        parse_with("groups", "[{\"errorPercent\":0,\"successPercent\":9,\"vehicles\":[\"a\"]}]"));
    CHECK(!sev_campaign_group_of(&def, SEV_LIT("b"), &group, &position));
}

/* ------------------------------------------------------------------ states */

TEST(campaign__states__change_as_the_table_says_and_in_no_other_way)
{
    static const char *const can[SEV_CAMPAIGN_STATE_COUNT] = {
        "submit abort ",       "reject approve abort ", "planned abort ", "begin abort ",
        "pause finish abort ", "resume abort ",         "retry ",         ""};
    for (int s = 0; s < SEV_CAMPAIGN_STATE_COUNT; s++) {
        char text[100] = "";
        for (int e = 0; e < SEV_CAMPAIGN_EVENT_COUNT; e++) {
            enum sev_campaign_state next = SEV_CAMPAIGN_STATE_COUNT;
            sev_err err =
                sev_campaign_next((enum sev_campaign_state)s, (enum sev_campaign_event)e, &next);
            if (err == SEV_OK) {
                strcat(text, sev_campaign_event_word((enum sev_campaign_event)e));
                strcat(text, " ");
                CHECK(next < SEV_CAMPAIGN_STATE_COUNT);
            } else {
                CHECK_ERR(err, SEV_E_WRONG_STATE);
                CHECK_EQ(next, SEV_CAMPAIGN_STATE_COUNT);
            }
        }
        CHECK_SLICE(campaign_text(text), campaign_text(can[s]));
    }
}

TEST(campaign__member_states__are_found_by_their_words)
{
    for (int s = 0; s < SEV_MEMBER_STATE_COUNT; s++)
        CHECK_EQ(
            sev_member_state_of(campaign_text(sev_member_state_word((enum sev_member_state)s))), s);
    CHECK_EQ(sev_member_state_of(SEV_LIT("happy")), SEV_MEMBER_STATE_COUNT);
}

/* -------------------------------------------------------------------- pace */

TEST(campaign__rate__rises_each_minute_to_its_highest)
{
    CHECK_OK(parse_with(NULL, NULL)); /* 10, by 4, at most 25 */
    CHECK_EQ(sev_campaign_rate(&def, 1000, 1000), 10);
    CHECK_EQ(sev_campaign_rate(&def, 1000, 1059), 10);
    CHECK_EQ(sev_campaign_rate(&def, 1000, 1060), 14);
    CHECK_EQ(sev_campaign_rate(&def, 1000, 1000 + 3 * 60), 22);
    CHECK_EQ(sev_campaign_rate(&def, 1000, 1000 + 4 * 60), 25);
    CHECK_EQ(sev_campaign_rate(&def, 0, SEV_TIME_MAX), 25);
    CHECK_EQ(sev_campaign_rate(&def, 1000, 500), 10); /* a clock that went back */
}

TEST(campaign__schedule_and_windows__are_kept_to_the_second)
{
    CHECK_OK(
        parse_with("notAfter", "\"1970-01-03T00:00:00Z\",\"notBefore\":\"1970-01-02T00:00:00Z\""));
    CHECK(!sev_campaign_may_start(&def, 86399));
    CHECK(sev_campaign_may_start(&def, 86400));
    CHECK(sev_campaign_may_start(&def, 2 * 86400 - 1));
    CHECK(!sev_campaign_may_start(&def, 2 * 86400));
    CHECK_OK(parse_with("windows", "[{\"from\":\"22:00\",\"to\":\"05:00\"},"
                                   "{\"from\":\"12:00\",\"to\":\"12:01\"}]"));
    const int64_t day = 100 * 86400;
    CHECK(!sev_campaign_may_start(&def, day + 22 * 3600 - 1));
    CHECK(sev_campaign_may_start(&def, day + 22 * 3600));
    CHECK(sev_campaign_may_start(&def, day + 5 * 3600 - 1));
    CHECK(!sev_campaign_may_start(&def, day + 5 * 3600));
    CHECK(!sev_campaign_may_start(&def, day + 12 * 3600 - 1));
    CHECK(sev_campaign_may_start(&def, day + 12 * 3600 + 59));
    CHECK(!sev_campaign_may_start(&def, day + 12 * 3600 + 60));
}

static struct sev_campaign_judgement judged(const struct sev_campaign_counts *c)
{
    return sev_campaign_judge(&def, c);
}

#define JUDGED(c, v, g)                                                                            \
    do {                                                                                           \
        CHECK_EQ(judged(c).verdict, v);                                                            \
        CHECK_EQ(judged(c).group, g);                                                              \
    } while (0)

TEST(campaign__groups__begin_when_the_one_before_has_succeeded)
{
    struct sev_campaign_counts c = {{{0}}};
    CHECK_OK(parse_with(NULL, NULL)); /* 100 % of 2, 90 % of 20, 50 % of 80 */
    c.of[0][SEV_MEMBER_WAITING] = 2;
    c.of[1][SEV_MEMBER_WAITING] = 20;
    c.of[2][SEV_MEMBER_WAITING] = 80;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 0);
    c.of[0][SEV_MEMBER_WAITING] = 0;
    c.of[0][SEV_MEMBER_SUCCEEDED] = 1;
    c.of[0][SEV_MEMBER_OVERDUE] = 1; /* nobody knows: not finished, and no success */
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 0);
    c.of[0][SEV_MEMBER_OVERDUE] = 0;
    c.of[0][SEV_MEMBER_SKIPPED] = 1; /* does not count */
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 1);
    c.of[1][SEV_MEMBER_WAITING] = 3;
    c.of[1][SEV_MEMBER_SUCCEEDED] = 17;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 1);
    c.of[1][SEV_MEMBER_WAITING] = 2;
    c.of[1][SEV_MEMBER_SUCCEEDED] = 18;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 2);
    c.of[1][SEV_MEMBER_WAITING] = 0;
    c.of[1][SEV_MEMBER_FAILED] = 2;
    c.of[2][SEV_MEMBER_WAITING] = 0;
    c.of[2][SEV_MEMBER_SUCCEEDED] = 80;
    JUDGED(&c, SEV_CAMPAIGN_OVER, 2);
    c.of[2][SEV_MEMBER_SUCCEEDED] = 79;
    c.of[2][SEV_MEMBER_OVERDUE] = 1;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 2);
}

TEST(campaign__more_failures_than_allowed__stop_it)
{
    struct sev_campaign_counts c = {{{0}}};
    CHECK_OK(parse_with(NULL, NULL));
    c.of[0][SEV_MEMBER_SUCCEEDED] = 2;
    c.of[1][SEV_MEMBER_WAITING] = 18;
    c.of[1][SEV_MEMBER_FAILED] = 2;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 1); /* 10 % of 20 are 2 */
    c.of[1][SEV_MEMBER_WAITING] = 17;
    c.of[1][SEV_MEMBER_FAILED] = 3;
    JUDGED(&c, SEV_CAMPAIGN_ERRORS, 1);
    c.of[1][SEV_MEMBER_FAILED] = 0;
    c.of[0][SEV_MEMBER_SUCCEEDED] = 99;
    c.of[0][SEV_MEMBER_FAILED] = 1; /* of a group that allows none */
    JUDGED(&c, SEV_CAMPAIGN_ERRORS, 0);
}

TEST(campaign__group_that_can_not_succeed_any_more__stops_it)
{
    struct sev_campaign_counts c = {{{0}}};
    CHECK_OK(parse_with("groups", "[{\"errorPercent\":100,\"percent\":50,\"successPercent\":60},"
                                  "{\"errorPercent\":100,\"percent\":50,\"successPercent\":60}]"));
    c.of[1][SEV_MEMBER_WAITING] = 10;
    c.of[0][SEV_MEMBER_SUCCEEDED] = 5;
    c.of[0][SEV_MEMBER_FAILED] = 4;
    c.of[0][SEV_MEMBER_WAITING] = 1;
    JUDGED(&c, SEV_CAMPAIGN_GOES_ON, 0);
    c.of[0][SEV_MEMBER_FAILED] = 5;
    c.of[0][SEV_MEMBER_WAITING] = 0;
    JUDGED(&c, SEV_CAMPAIGN_UNREACHED, 0);
}

/* ------------------------------------------------------------------- wishes */

#define ENTRY(name, sha, serial, hw)                                                               \
    "\"" name "\":{\"custom\":{\"ecuIdentifiers\":{\"" serial "\":{\"hardwareId\":\"" hw           \
    "\"}},\"match\":" MATCH "},\"hashes\":{\"sha256\":\"" sha "\"},\"length\":7}"

static struct sev_assignment present;
static struct campaign_wish wished;

static void begin_wish(const char *targets)
{
    (void)vehicle();
    present = (struct sev_assignment){.version = 1, .targets = campaign_text(targets)};
    wished = (struct campaign_wish){.profile = SEV_PROFILE_NATIVE,
                                    .ecus = ecus,
                                    .ecu_count = 2,
                                    .present = &present,
                                    .status_counter = 4};
}

TEST(campaign_wish__nothing_assigned_yet__is_the_image_and_what_is_awaited)
{
    sev_slice targets = SEV_EMPTY, marks = SEV_EMPTY;
    CHECK_OK(parse_with(NULL, NULL));
    begin_wish("");
    present.version = 0;
    ecus[0].boot_count = 5;
    ecus[0].report_counter = 6;
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets, "{" ENTRY("brake/2", SHA_A, "b", "brake") "}");
    CHECK_TEXT(marks, "{\"ecus\":[{\"before\":\"00000000000000000000000000000000000000000000000000"
                      "00000000000000\",\"boots\":5,\"counter\":6,\"ecu\":\"b\",\"sha256\":\"" SHA_A
                      "\"}],\"status\":4}");
}

TEST(campaign_wish__what_others_have__stays_and_what_it_had_gives_way)
{
    sev_slice targets = SEV_EMPTY, marks = SEV_EMPTY;
    CHECK_OK(parse_with(NULL, NULL));
    begin_wish("{" ENTRY("a", SHA_B, "t", "tcu") "," ENTRY("brake/1", SHA_B, "b", "brake") "}");
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets,
               "{" ENTRY("a", SHA_B, "t", "tcu") "," ENTRY("brake/2", SHA_A, "b", "brake") "}");
    begin_wish("{" ENTRY("z", SHA_B, "t", "tcu") "}");
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets,
               "{" ENTRY("brake/2", SHA_A, "b", "brake") "," ENTRY("z", SHA_B, "t", "tcu") "}");
    begin_wish("{" ENTRY("z", SHA_B, "gone", "tcu") "}");
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets, "{" ENTRY("brake/2", SHA_A, "b", "brake") "}");
    begin_wish("{" ENTRY("z", SHA_B, "t", "tcu") "}");
    ecus[1].installed.release_counter = 3; /* beyond what is assigned, which is 2 */
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets, "{" ENTRY("brake/2", SHA_A, "b", "brake") "}");
}

TEST(campaign_wish__one_name__is_one_entry_for_all_its_ecus)
{
    sev_slice targets = SEV_EMPTY, marks = SEV_EMPTY;
    CHECK_OK(
        parse_with("targets", "{\"brake\":" IMAGE("x", SHA_A) ",\"tcu\":" IMAGE("x", SHA_A) "}"));
    begin_wish("{}");
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets, "{\"x\":{\"custom\":{\"ecuIdentifiers\":{\"b\":{\"hardwareId\":\"brake\"},"
                        "\"t\":{\"hardwareId\":\"tcu\"}},\"match\":" MATCH
                        "},\"hashes\":{\"sha256\":\"" SHA_A "\"},\"length\":7}}");
    CHECK_OK(parse_with("targets", "{\"brake\":" IMAGE("x", SHA_A) "}"));
    begin_wish("{" ENTRY("x", SHA_A, "t", "tcu") "}"); /* the same image is another's already */
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK(sev_slice_eq(sev_json_get(sev_json_get(targets, "x"), "length"), SEV_LIT("7")));
    begin_wish("{" ENTRY("x", SHA_B, "t", "tcu") "}");
    CHECK_ERR(campaign_wish(&def, &wished, &arena, &targets, &marks), SEV_E_EXISTS);
}

TEST(campaign_wish__without_match__is_for_aktualizr_alone)
{
    sev_slice targets = SEV_LIT("untouched"), marks = SEV_EMPTY;
    CHECK_OK(parse_with("targets", "{\"brake\":{\"hashes\":{\"sha256\":\"" SHA_A
                                   "\"},\"length\":7,\"name\":\"x\"}}"));
    begin_wish("{}");
    CHECK_ERR(campaign_wish(&def, &wished, &arena, &targets, &marks), SEV_E_MALFORMED);
    CHECK_TEXT(targets, "untouched");
    wished.profile = SEV_PROFILE_AKTUALIZR;
    CHECK_OK(campaign_wish(&def, &wished, &arena, &targets, &marks));
    CHECK_TEXT(targets,
               "{\"x\":{\"custom\":{\"ecuIdentifiers\":{\"b\":{\"hardwareId\":\"brake\"}},"
               "\"targetFormat\":\"BINARY\"},\"hashes\":{\"sha256\":\"" SHA_A "\"},\"length\":7}}");
}

TEST(campaign_wish__has_it_all__wants_nothing)
{
    sev_slice targets = SEV_LIT("untouched"), marks = SEV_EMPTY;
    CHECK_OK(parse_with(NULL, NULL));
    begin_wish("{}");
    memcpy(ecus[0].installed.sha256, def.images[0].sha256, SEV_SHA256_BYTES);
    CHECK_ERR(campaign_wish(&def, &wished, &arena, &targets, &marks), SEV_E_NOT_FOUND);
    CHECK_TEXT(targets, "untouched");
}

TEST(campaign_wish__taking_back__leaves_the_rest)
{
    sev_slice targets = SEV_LIT("untouched");
    const uint8_t(*digest)[SEV_SHA256_BYTES];
    CHECK_OK(parse_with(NULL, NULL));
    digest = (const uint8_t(*)[SEV_SHA256_BYTES])def.images[0].sha256;
    begin_wish("{" ENTRY("a", SHA_B, "t", "tcu") "," ENTRY("x", SHA_A, "b", "brake") "}");
    CHECK_OK(campaign_unwish(digest, 1, &wished, &arena, &targets));
    CHECK_TEXT(targets, "{" ENTRY("a", SHA_B, "t", "tcu") "}");
    begin_wish("{" ENTRY("x", SHA_A, "b", "brake") "}");
    CHECK_OK(campaign_unwish(digest, 1, &wished, &arena, &targets));
    CHECK_TEXT(targets, "{}");
    targets = SEV_LIT("untouched");
    begin_wish("{" ENTRY("a", SHA_B, "t", "tcu") "}"); /* nothing of it */
    CHECK_ERR(campaign_unwish(digest, 1, &wished, &arena, &targets), SEV_E_NOT_FOUND);
    begin_wish("{" ENTRY("x", SHA_A, "b", "brake") "}"); /* it runs there already */
    memcpy(ecus[0].installed.sha256, def.images[0].sha256, SEV_SHA256_BYTES);
    CHECK_ERR(campaign_unwish(digest, 1, &wished, &arena, &targets), SEV_E_NOT_FOUND);
    CHECK_TEXT(targets, "untouched");
}

/* Contract 8.3: an empty list takes nothing back from a vehicle of that dialect. */
TEST(campaign_wish__taking_back_from_aktualizr__assigns_what_it_runs)
{
    sev_slice targets = SEV_LIT("untouched");
    CHECK_OK(parse_with(NULL, NULL));
    const uint8_t(*digest)[SEV_SHA256_BYTES] =
        (const uint8_t(*)[SEV_SHA256_BYTES])def.images[0].sha256;
    begin_wish("{\"x\":{\"custom\":{\"ecuIdentifiers\":{\"b\":{\"hardwareId\":\"brake\"}}},"
               "\"hashes\":{\"sha256\":\"" SHA_A "\"},\"length\":7}}");
    wished.profile = SEV_PROFILE_AKTUALIZR;
    ecus[0].installed.length = 9;
    CHECK_OK(campaign_unwish(digest, 1, &wished, &arena, &targets));
    CHECK_TEXT(targets,
               "{\"brake/1\":{\"custom\":{\"ecuIdentifiers\":{\"b\":{\"hardwareId\":\"brake\"}},"
               "\"targetFormat\":\"BINARY\"},\"hashes\":{\"sha256\":\"00000000000000000000000000000"
               "00000000000000000000000000000000000\"},\"length\":9}}");
    ecus[0].installed.name = SEV_EMPTY;
    CHECK_ERR(campaign_unwish(digest, 1, &wished, &arena, &targets), SEV_E_UNSUPPORTED);
}
