/* store_hint - which vehicles were given something, of every provider.
 * SPDX-License-Identifier: MIT */
#include "secureev/store_hint.h"

#include "stores.h"
#include "test.h"

struct seen {
    uint32_t count, most;
    int64_t keys[8];
    char vehicles[8][16];
};

static bool see(void *context, int64_t key, sev_slice vehicle)
{
    struct seen *s = context;
    CHECK(s->count < 8 && vehicle.len < 16);
    CHECK(s->count == 0 || key > s->keys[s->count - 1]);
    s->keys[s->count] = key;
    memset(s->vehicles[s->count], 0, 16);
    memcpy(s->vehicles[s->count++], vehicle.ptr, vehicle.len);
    return s->count != s->most;
}

static struct seen assigned(const struct sev_store *s, int64_t after, int64_t upto,
                            uint32_t count_max, uint32_t most)
{
    struct seen seen = {.most = most};
    CHECK_OK(s->hints->assigned(s->self, after, upto, count_max, store_arena(), see, &seen));
    return seen;
}

static int64_t newest(const struct sev_store *s)
{
    int64_t key = -1;
    CHECK_OK(s->hints->newest(s->self, &key));
    return key;
}

static void assign(const struct sev_store *s, const char *vehicle, int64_t version)
{
    struct sev_assignment a = store_assignment(vehicle, version);
    struct sev_decision why = store_decision("assign");
    CHECK_OK(s->assign(s->self, &a, &why));
}

TEST(store_hint__assignments__and_nothing_else_once_and_in_order)
{
    EACH_STORE(s)
    {
        struct sev_decision other = store_decision("issue");
        CHECK_EQ(newest(&s), 0);
        CHECK_EQ(assigned(&s, 0, 0, 10, 0).count, 0);
        store_register(&s, "car-a");
        store_register(&s, "car-b");
        int64_t begin = newest(&s);
        assign(&s, "car-b", 1);
        CHECK_OK(s.decision_add(s.self, store_text("car-a"), &other));
        assign(&s, "car-a", 1);
        assign(&s, "car-b", 2);
        int64_t end = newest(&s);
        CHECK(end > begin);
        struct seen all = assigned(&s, begin, end, 10, 0);
        CHECK_EQ(all.count, 3);
        CHECK(strcmp(all.vehicles[0], "car-b") == 0 && strcmp(all.vehicles[1], "car-a") == 0 &&
              strcmp(all.vehicles[2], "car-b") == 0);
        CHECK_EQ(all.keys[2], end);
        CHECK_EQ(assigned(&s, begin, end, 2, 0).count, 2);        /* as many as were asked for */
        CHECK_EQ(assigned(&s, begin, end, 10, 1).count, 1);       /* until the visitor has enough */
        CHECK_EQ(assigned(&s, all.keys[1], end, 10, 0).count, 1); /* after, not from */
        CHECK_EQ(assigned(&s, begin, all.keys[1], 10, 0).count, 2);
        CHECK_EQ(assigned(&s, end, INT64_MAX, 10, 0).count, 0);
    }
}
