/* store_told - what vehicles tell unsigned, of every provider.  SPDX-License-Identifier: MIT */
#include "secureev/store_told.h"

#include <stdio.h>

#include "stores.h"
#include "test.h"

#define CAR SEV_LIT("car-a")

static struct sev_told told(const char *id, int64_t when)
{
    return (struct sev_told){.id = store_text(id),
                             .type = SEV_LIT("EcuDownloadCompleted"),
                             .ecu = SEV_LIT("ecu-1"),
                             .correlation_id = SEV_LIT("urn:1"),
                             .outcome = SEV_TOLD_DONE,
                             .when = when,
                             .heard = 1700000000};
}

struct seen {
    uint32_t count, most;
    char ids[SEV_TOLD_KEPT + 1][8];
    struct sev_told last;
};

static bool see(void *context, const struct sev_told *t)
{
    struct seen *s = context;
    CHECK(s->count <= SEV_TOLD_KEPT && t->id.len < 8);
    memset(s->ids[s->count], 0, 8);
    memcpy(s->ids[s->count++], t->id.ptr, t->id.len);
    s->last = *t;
    return s->count != s->most;
}

static struct seen list(const struct sev_store *s, const char *vehicle, uint32_t count_max)
{
    static struct seen seen;
    memset(&seen, 0, sizeof seen);
    CHECK_OK(s->told->list(s->self, store_text(vehicle), count_max, store_arena(), see, &seen));
    return seen;
}

TEST(store_told__told_twice__kept_once_as_it_was_first)
{
    EACH_STORE(s)
    {
        store_register(&s, "car-a");
        store_register(&s, "car-b");
        CHECK_EQ(list(&s, "car-a", 10).count, 0);
        struct sev_told both[] = {told("1", 5), told("2", 0)};
        both[1].ecu = both[1].correlation_id = SEV_EMPTY;
        both[1].outcome = SEV_TOLD_OPEN;
        CHECK_OK(s.told->put(s.self, CAR, both, 2));
        struct sev_told again[] = {told("2", 9), told("1", 9), told("3", 9), told("3", 10)};
        CHECK_OK(s.told->put(s.self, CAR, again, 4));
        CHECK_OK(s.told->put(s.self, CAR, NULL, 0));
        struct seen seen = list(&s, "car-a", 10);
        CHECK_EQ(seen.count, 3);
        CHECK(strcmp(seen.ids[0], "3") == 0 && strcmp(seen.ids[1], "2") == 0);
        CHECK_SLICE(seen.last.id, both[0].id);
        CHECK_SLICE(seen.last.type, both[0].type);
        CHECK_SLICE(seen.last.ecu, both[0].ecu);
        CHECK_SLICE(seen.last.correlation_id, both[0].correlation_id);
        CHECK_EQ(seen.last.outcome, SEV_TOLD_DONE);
        CHECK_EQ(seen.last.when, 5);
        CHECK_EQ(seen.last.heard, 1700000000);
        seen = list(&s, "car-a", 2);
        CHECK_EQ(seen.count, 2);
        CHECK_EQ(seen.last.outcome, SEV_TOLD_OPEN);
        CHECK_EQ(seen.last.ecu.len, 0);
        CHECK_EQ(list(&s, "car-b", 10).count, 0);
        CHECK_OK(s.told->put(s.self, SEV_LIT("car-b"), both, 1)); /* ids are each vehicle's own */
        CHECK_EQ(list(&s, "car-b", 10).count, 1);
    }
}

TEST(store_told__more_than_is_kept__the_oldest_give_way)
{
    EACH_STORE(s)
    {
        static struct sev_told many[SEV_TOLD_KEPT];
        static char ids[2 * SEV_TOLD_KEPT][8];
        store_register(&s, "car-a");
        for (uint32_t half = 0; half < 2; half++) {
            for (uint32_t i = 0; i < SEV_TOLD_KEPT; i++) {
                char *id = ids[half * SEV_TOLD_KEPT + i];
                snprintf(id, sizeof ids[0], "%u", half * 200 + i);
                many[i] = told(id, 1);
            }
            CHECK_OK(s.told->put(s.self, CAR, many, SEV_TOLD_KEPT));
        }
        struct seen seen = list(&s, "car-a", 1000);
        CHECK_EQ(seen.count, SEV_TOLD_KEPT);
        CHECK(strcmp(seen.ids[0], "455") == 0);
        CHECK(strcmp(seen.ids[SEV_TOLD_KEPT - 1], "200") == 0);
    }
}

TEST(store_told__what_does_not_fit__refused_with_nothing_kept)
{
    static const char text[SEV_ID_BYTES_MAX + 1] = {0};
    EACH_STORE(s)
    {
        store_register(&s, "car-a");
        struct sev_told wrong[8];
        for (int i = 0; i < 8; i++)
            wrong[i] = told("1", 1);
        wrong[0].id = SEV_EMPTY;
        wrong[1].id = sev_slice_of(text, SEV_TOLD_TEXT_BYTES_MAX + 1);
        wrong[2].type = SEV_EMPTY;
        wrong[3].type = sev_slice_of(text, SEV_TOLD_TEXT_BYTES_MAX + 1);
        wrong[4].ecu = sev_slice_of(text, SEV_ID_BYTES_MAX + 1);
        wrong[5].correlation_id = sev_slice_of(text, SEV_ID_BYTES_MAX + 1);
        wrong[6].when = -1;
        wrong[7].heard = -1;
        for (int i = 0; i < 8; i++) {
            struct sev_told two[] = {told("0", 1), wrong[i]};
            CHECK_ERR(s.told->put(s.self, CAR, two, 2), SEV_E_MALFORMED);
        }
        CHECK_ERR(s.told->put(s.self, CAR, wrong, SEV_TOLD_KEPT + 1), SEV_E_MALFORMED);
        CHECK_EQ(list(&s, "car-a", 10).count, 0);
        struct sev_told one = told("1", 1);
        CHECK_ERR(s.told->put(s.self, SEV_LIT("nobody"), &one, 1), SEV_E_NOT_FOUND);
        struct seen seen = {.most = 0};
        CHECK_ERR(s.told->list(s.self, SEV_LIT("nobody"), 10, store_arena(), see, &seen),
                  SEV_E_NOT_FOUND);
    }
}
