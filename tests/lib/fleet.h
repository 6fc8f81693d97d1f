/* fleet - vehicles of one ECU in a store, which report what they please, and a runner of campaigns.
 * For tests. SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_FLEET_H
#define SEV_TEST_FLEET_H

#include <stdio.h>

#include "secureev/campaign.h"
#include "stores.h"
#include "test.h"

#define FLEET_MAX 400
#define FLEET_START ((sev_time)1800000000)
#define FLEET_SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FLEET_IMAGE                                                                                \
    "{\"brake\":{\"hashes\":{\"sha256\":\"" FLEET_SHA "\"},\"length\":7,\"match\":"                \
    "{\"hardwareIds\":[\"brake\"],\"releaseCounter\":2},\"name\":\"brake/2\"}}"

struct fleet_car {
    int64_t counter, boots;
    bool has_image; /* runs the new one */
};

static struct fleet {
    struct sev_store store;
    struct sev_director d;
    struct sev_campaign_runner runner;
    struct sev_arena arena;
    struct sev_director_call call;
    struct fleet_car cars[FLEET_MAX];
    int count;
    _Atomic int last, alarms, troubles; /* events */
} fleet;

static uint32_t fleet_provider; /* of the stores that are opened */
static uint8_t fleet_memory[SEV_DIRECTOR_ARENA_BYTES], fleet_keep[SEV_CAMPAIGN_KEEP_BYTES];
static const struct sev_campaign_actor fleet_anna = {{(const uint8_t *)"anna", 4},
                                                     {(const uint8_t *)"because", 7}};
static const struct sev_campaign_actor fleet_bert = {{(const uint8_t *)"bert", 4},
                                                     {(const uint8_t *)"looked at", 9}};

static inline void fleet_note(void *self, const struct sev_event *event)
{
    (void)self;
    fleet.last = (int)event->id;
    fleet.alarms += sev_event_level(event->id) == SEV_LEVEL_ALARM;
    fleet.troubles += event->id == SEV_EVENT_CAMPAIGN_TROUBLE;
}

static inline const struct sev_director_call *fleet_call(void)
{
    fleet.arena = sev_arena_of(fleet_memory, sizeof fleet_memory);
    return &fleet.call;
}

static inline sev_slice fleet_id(int i)
{
    static char ids[4][24]; /* some are alive at once */
    static unsigned next;
    char *id = ids[next++ % 4];
    return sev_slice_of(id, (size_t)snprintf(id, sizeof ids[0], "v%03d", i));
}

static inline void fleet_add(sev_profile profile)
{
    struct sev_ecu ecu = store_ecu("b", 1);
    struct sev_vehicle v = {.id = fleet_id(fleet.count),
                            .vin = SEV_LIT("WVW1"),
                            .model = SEV_LIT("m"),
                            .profile = profile};
    ecu.hardware_id = SEV_LIT("brake");
    CHECK_OK(fleet.store.vehicle_add(fleet.store.self, &v, NULL));
    CHECK_OK(fleet.store.ecus_register(fleet.store.self, v.id, ecu.serial, &ecu, 1, NULL));
    fleet.cars[fleet.count++] = (struct fleet_car){.counter = 0};
}

/* A new store with so many native vehicles. */
static inline void fleet_begin(int count)
{
    if (fleet.store.self != NULL)
        sev_store_close(&fleet.store);
    memset(&fleet, 0, sizeof fleet);
    CHECK_OK(sev_store_open(store_providers[fleet_provider].place(), &fleet.store));
    fleet.d = (struct sev_director){.store = &fleet.store, .events = {NULL, fleet_note}};
    fleet.call = (struct sev_director_call){&fleet.arena, NULL, FLEET_START};
    fleet.runner = (struct sev_campaign_runner){.director = &fleet.d,
                                                .owner = SEV_LIT("runner"),
                                                .keep = {fleet_keep, sizeof fleet_keep, 0, 0}};
    for (int i = 0; i < count; i++)
        fleet_add(SEV_PROFILE_NATIVE);
}

/* What an ECU says, accepted as after all checks; `outcome` NULL: nothing of an installation. */
static inline void fleet_report(int i, bool boots, bool new_image, const char *correlation,
                                bool success)
{
    static char text[4096];
    struct fleet_car *car = &fleet.cars[i];
    struct sev_ecu_news news = {.serial = SEV_LIT("b"),
                                .expected_counter = car->counter,
                                .counter = car->counter + 1,
                                .installed = {.name = SEV_LIT("brake/1"), .length = 7},
                                .boot_count = car->boots + boots};
    struct sev_report report = {.vehicle = fleet_id(i),
                                .ecu = news.serial,
                                .counter = news.counter,
                                .time = 1,
                                .attested = 1,
                                .attested_before = 1,
                                .image = {.name = SEV_LIT("brake/1"), .length = 7},
                                .boot_count = news.boot_count,
                                .attacks = SEV_LIT("")};
    struct sev_status_news status = {.vehicle = report.vehicle,
                                     .expected_counter = car->counter,
                                     .counter = car->counter + 1,
                                     .seen = fleet.call.now,
                                     .ecus = &news,
                                     .ecu_count = 1};
    report.image.hashes.has_sha256 = true;
    if (new_image) {
        sev_buf b = sev_buf_of(news.installed.sha256, SEV_SHA256_BYTES);
        CHECK_OK(sev_hex_decode(SEV_LIT(FLEET_SHA), &b));
        news.installed.name = SEV_LIT("brake/2");
        news.installed.release_counter = 2;
    }
    if (correlation != NULL) {
        report.has_result = true;
        report.result =
            (struct sev_outcome){success, success ? SEV_LIT("OK") : SEV_LIT("INSTALL_FAILED"),
                                 SEV_EMPTY, store_text(correlation)};
    }
    sev_buf body = sev_buf_of(text, sizeof text);
    CHECK_OK(sev_report_encode(&report, &body));
    static char envelope[8192];
    sev_buf out = sev_buf_of(envelope, sizeof envelope);
    struct sev_message_sig sig = {.keyid = SEV_LIT(FLEET_SHA), .sig = SEV_LIT("signature")};
    CHECK_OK(sev_envelope_write(SEV_PROFILE_NATIVE, sev_buf_slice(&body), &sig, 1,
                                SEV_MESSAGE_BYTES_MAX, &out));
    news.report = sev_buf_slice(&out);
    CHECK_OK(fleet.store.status_accept(fleet.store.self, &status));
    car->counter++;
    car->boots += boots;
    car->has_image = new_image;
}

static inline void fleet_succeed(int i)
{
    fleet_report(i, true, true, NULL, false);
}

static inline int64_t fleet_version(int i)
{
    struct sev_assignment a;
    (void)fleet_call();
    CHECK_OK(fleet.store.assignment_get(fleet.store.self, fleet_id(i), &fleet.arena, &a));
    return a.version;
}

static inline struct sev_member fleet_member(const char *name, int i)
{
    struct sev_member m = {.place = 0};
    (void)fleet_call();
    sev_err e = fleet.store.campaigns->member(fleet.store.self, store_text(name), fleet_id(i),
                                              &fleet.arena, &m);
    if (e == SEV_E_NOT_FOUND)
        m.state = SEV_MEMBER_STATE_COUNT;
    else
        CHECK_OK(e);
    return m;
}

static inline int64_t fleet_count(const char *name, int group, enum sev_member_state state)
{
    struct sev_campaign_counts c;
    CHECK_OK(fleet.store.campaigns->counts(fleet.store.self, store_text(name), &c));
    return c.of[group][state];
}

static inline struct sev_campaign fleet_get(const char *name)
{
    struct sev_campaign c = {.state = SEV_CAMPAIGN_STATE_COUNT};
    (void)fleet_call();
    CHECK_OK(fleet.store.campaigns->get(fleet.store.self, store_text(name), &fleet.arena, &c));
    return c;
}

static inline enum sev_campaign_state fleet_state(const char *name)
{
    return fleet_get(name).state;
}

/* "c", for all vehicles; `more` ends with a comma. */
static inline sev_err fleet_create(const char *concurrency, const char *groups,
                                   const char *per_minute, const char *more)
{
    static char text[32768];
    const char *where = "";
    sev_slice name;
    int n = snprintf(text, sizeof text,
                     "{%s\"name\":\"c\",\"concurrency\":%s,\"filter\":{},\"groups\":%s,"
                     "\"rate\":{\"perMinute\":%s},\"targets\":" FLEET_IMAGE "}",
                     more, concurrency, groups, per_minute);
    sev_err e = sev_campaign_create(&fleet.d, fleet_call(), &fleet_anna,
                                    sev_slice_of(text, (size_t)n), &name, &where);
    if (e == SEV_OK)
        CHECK_TEXT(name, "c");
    return e;
}

static inline sev_err fleet_act(enum sev_campaign_event event,
                                const struct sev_campaign_actor *actor)
{
    return sev_campaign_act(&fleet.d, fleet_call(), SEV_LIT("c"), event, actor, false);
}

/* Until nothing more can be done now. */
static inline void fleet_run(void)
{
    bool more = true;
    for (int i = 0; more && i < 1000; i++)
        CHECK_OK(sev_campaigns_run(&fleet.runner, fleet_call(), &more));
    CHECK(!more);
}

struct fleet_tally {
    struct sev_campaign_counts counts;
    int members, open;
};

static inline bool fleet_tally_one(void *context, const struct sev_member *m)
{
    struct fleet_tally *t = context;
    t->counts.of[m->group][m->state]++;
    t->members++;
    t->open += m->state == SEV_MEMBER_ASSIGNED || m->state == SEV_MEMBER_OVERDUE;
    return true;
}

/* What holds at any moment: counts are those of the members, nobody was given more than was written
 * down, no more are on their way than may be. */
static inline void fleet_check(const char *name, int64_t concurrency)
{
    static const struct sev_member_cursor first = {0, 0, 0};
    struct fleet_tally t = {.members = 0};
    struct sev_campaign_counts counts;
    const struct sev_campaign_ops *ops = fleet.store.campaigns;
    (void)fleet_call();
    CHECK_OK(ops->members(fleet.store.self, store_text(name), SEV_MEMBER_STATE_COUNT, &first, 1000,
                          &fleet.arena, fleet_tally_one, &t));
    CHECK_OK(ops->counts(fleet.store.self, store_text(name), &counts));
    CHECK_EQ(memcmp(&counts, &t.counts, sizeof counts), 0);
    CHECK(t.open <= concurrency);
    for (int i = 0; i < fleet.count; i++) {
        struct sev_member m = fleet_member(name, i);
        if (m.state != SEV_MEMBER_STATE_COUNT)
            CHECK_EQ(fleet_version(i), m.tries); /* of one campaign alone: each is an assignment */
    }
}

#define FLEET_ALL "[{\"errorPercent\":10,\"percent\":100,\"successPercent\":90}]"
#define FLEET_CANARY                                                                               \
    "[{\"errorPercent\":0,\"successPercent\":100,\"vehicles\":[\"v001\",\"v003\"]},"               \
    "{\"errorPercent\":10,\"percent\":100,\"successPercent\":90}]"

static inline void fleet_approve(void)
{
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_SUBMIT, &fleet_anna));
    CHECK_OK(fleet_act(SEV_CAMPAIGN_ON_APPROVE, &fleet_bert));
}

#endif
