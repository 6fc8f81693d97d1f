/* The log's part of the store, of every provider: appended once and in order, read as it was put,
 * nothing taken back.  SPDX-License-Identifier: MIT */
#include "secureev/store_log.h"

#include "stores.h"
#include "test.h"

struct seen {
    uint32_t count;
    int64_t last;
    char what[16][24], vehicle[16][24];
};

static bool see(void *context, const struct sev_shipment *s)
{
    struct seen *seen = context;
    CHECK(s->sequence > seen->last);
    CHECK(seen->count < 16 && s->decision.what.len < 24 && s->vehicle.len < 24);
    seen->last = s->sequence;
    memset(seen->what[seen->count], 0, 24);
    memset(seen->vehicle[seen->count], 0, 24);
    memcpy(seen->what[seen->count], s->decision.what.ptr, s->decision.what.len);
    if (s->vehicle.len != 0) /* a decision may be of no vehicle */
        memcpy(seen->vehicle[seen->count], s->vehicle.ptr, s->vehicle.len);
    seen->count++;
    return true;
}

static struct seen unshipped(const struct sev_store *s, uint32_t count_max)
{
    struct seen seen = {.count = 0};
    CHECK_OK(s->log->unshipped(s->self, count_max, store_arena(), see, &seen));
    return seen;
}

TEST(store_log__decisions__shipped_in_their_order_and_once)
{
    EACH_STORE(s)
    {
        struct sev_vehicle a = store_vehicle("car-a"), b = store_vehicle("car-b");
        struct sev_decision one = store_decision("one"), two = store_decision("two"),
                            three = store_decision("three");
        CHECK_EQ(unshipped(&s, 10).count, 0);
        CHECK_OK(s.vehicle_add(s.self, &a, &one));
        CHECK_OK(s.vehicle_add(s.self, &b, NULL)); /* no row explains it: nothing to ship */
        CHECK_OK(s.decision_add(s.self, b.id, &two));
        CHECK_OK(s.decision_add(s.self, a.id, &three));
        struct seen seen = unshipped(&s, 10);
        CHECK_EQ(seen.count, 3);
        CHECK(strcmp(seen.what[0], "one") == 0 && strcmp(seen.vehicle[0], "car-a") == 0);
        CHECK(strcmp(seen.what[1], "two") == 0 && strcmp(seen.vehicle[1], "car-b") == 0);
        CHECK(strcmp(seen.what[2], "three") == 0);
        struct seen first = unshipped(&s, 2);
        CHECK_EQ(first.count, 2);
        CHECK_OK(s.log->shipped(s.self, first.last));
        CHECK_EQ(unshipped(&s, 10).count, 1);
        CHECK_OK(s.log->shipped(s.self, seen.last));
        CHECK_OK(s.log->shipped(s.self, first.last)); /* late: it does not go back */
        CHECK_EQ(unshipped(&s, 10).count, 0);
        CHECK_OK(s.decision_add(s.self, a.id, &three));
        CHECK_EQ(unshipped(&s, 10).count, 1);
        CHECK_ERR(s.log->shipped(s.self, -1), SEV_E_MALFORMED);
    }
}

TEST(store_log__little_memory__told)
{
    EACH_STORE(s)
    {
        uint8_t room[64];
        struct sev_arena little = sev_arena_of(room, sizeof room);
        struct seen seen = {.count = 0};
        struct sev_vehicle a = store_vehicle("car-a");
        struct sev_decision one = store_decision("one");
        CHECK_OK(s.vehicle_add(s.self, &a, &one));
        CHECK_ERR(s.log->unshipped(s.self, 10, &little, see, &seen), SEV_E_MEMORY);
        CHECK_EQ(seen.count, 0);
        CHECK_EQ(little.used, 0);
    }
}

/* --------------------------------------------------------------------- counts */

struct counts {
    uint32_t count;
    struct sev_key_count rows[4];
};

static bool see_count(void *context, const struct sev_key_count *c)
{
    struct counts *counts = context;
    CHECK(counts->count < 4);
    counts->rows[counts->count++] = *c;
    return true;
}

static struct counts untold(const struct sev_store *s)
{
    struct counts counts = {.count = 0};
    CHECK_OK(s->log->untold(s->self, store_arena(), see_count, &counts));
    return counts;
}

TEST(store_log__counts_of_keys__told_once_each)
{
    EACH_STORE(s)
    {
        struct sev_decision why = store_decision("signatures");
        CHECK_EQ(untold(&s).count, 0);
        CHECK_OK(s.log->counted(s.self, SEV_LIT("timestamp"), 5, 3));
        CHECK_OK(s.log->counted(s.self, SEV_LIT("timestamp"), 5, 9));
        CHECK_OK(s.log->counted(s.self, SEV_LIT("timestamp"), 5, 7)); /* late */
        CHECK_OK(s.log->counted(s.self, SEV_LIT("timestamp"), 6, 1)); /* started anew */
        struct counts c = untold(&s);
        CHECK_EQ(c.count, 2);
        CHECK_TEXT(c.rows[0].key, "timestamp");
        CHECK_EQ(c.rows[0].made, 9);
        CHECK_EQ(c.rows[0].told, 0);
        CHECK_EQ(c.rows[1].run, 6);
        struct sev_key_count first = c.rows[0];
        first.key = SEV_LIT("timestamp"); /* the arena is begun anew */
        CHECK_OK(s.log->tell(s.self, &first, &why));
        CHECK_ERR(s.log->tell(s.self, &first, &why), SEV_E_CONFLICT);
        CHECK_EQ(untold(&s).count, 1);
        struct seen seen = unshipped(&s, 10);
        CHECK_EQ(seen.count, 1);
        CHECK(strcmp(seen.what[0], "signatures") == 0 && strcmp(seen.vehicle[0], "") == 0);
        CHECK_OK(s.log->counted(s.self, SEV_LIT("timestamp"), 5, 12));
        c = untold(&s);
        CHECK_EQ(c.count, 2);
        CHECK_EQ(c.rows[0].told, 9);
        first.run = 99;
        CHECK_ERR(s.log->tell(s.self, &first, &why), SEV_E_CONFLICT);
        CHECK_ERR(s.log->tell(s.self, &first, NULL), SEV_E_MALFORMED);
        CHECK_ERR(s.log->counted(s.self, SEV_EMPTY, 5, 12), SEV_E_MALFORMED);
        CHECK_ERR(s.log->counted(s.self, SEV_LIT("x"), 5, -1), SEV_E_MALFORMED);
    }
}

/* ------------------------------------------------------------------------- log */

static struct sev_log_leaf leaf(int64_t sequence)
{
    struct sev_log_leaf l = {
        .source = SEV_LIT("director"), .sequence = sequence, .bytes = SEV_LIT("{leaf}")};
    memset(l.hash, (int)sequence, sizeof l.hash);
    return l;
}

static struct sev_log_head head_of(const struct sev_store *s)
{
    struct sev_log_head h = {.size = 99};
    CHECK_OK(s->log->head(s->self, store_arena(), &h));
    return h;
}

static sev_err append(const struct sev_store *s, int64_t expected, int64_t first, uint32_t count)
{
    struct sev_log_leaf leaves[8];
    for (uint32_t i = 0; i < count; i++)
        leaves[i] = leaf(first + i);
    struct sev_log_append a = {
        .expected_size = expected, .leaves = leaves, .leaf_count = count, .edge = SEV_LIT("edge")};
    return s->log->append(s->self, &a);
}

TEST(store_log__appended__read_again)
{
    EACH_STORE(s)
    {
        uint8_t hashes[4][SEV_SHA256_BYTES];
        sev_slice bytes[4];
        int64_t index = -1;
        CHECK_EQ(head_of(&s).size, 0);
        CHECK_EQ(head_of(&s).checkpoint.len, 0);
        CHECK_OK(append(&s, 0, 10, 2));
        CHECK_OK(append(&s, 2, 20, 2));
        CHECK_EQ(head_of(&s).size, 4);
        CHECK_TEXT(head_of(&s).edge, "edge");
        CHECK_OK(s.log->hashes(s.self, 0, 1, 3, hashes));
        CHECK_EQ(hashes[0][5], 11);
        CHECK_EQ(hashes[1][5], 20);
        CHECK_EQ(hashes[2][5], 21);
        CHECK_OK(s.log->entries(s.self, 0, 4, store_arena(), bytes));
        CHECK_TEXT(bytes[3], "{leaf}");
        CHECK_OK(s.log->find(s.self, SEV_LIT("director"), 20, &index, hashes[0]));
        CHECK_EQ(index, 2);
        CHECK_EQ(hashes[0][0], 20);
        CHECK_ERR(s.log->find(s.self, SEV_LIT("images"), 20, &index, hashes[0]), SEV_E_NOT_FOUND);
        CHECK_ERR(s.log->find(s.self, SEV_LIT("director"), 12, &index, hashes[0]), SEV_E_NOT_FOUND);
        CHECK_ERR(s.log->hashes(s.self, 0, 2, 3, hashes), SEV_E_NOT_FOUND);
        CHECK_ERR(s.log->entries(s.self, 4, 1, store_arena(), bytes), SEV_E_NOT_FOUND);
    }
}

TEST(store_log__another_size_or_a_leaf_twice__all_or_nothing)
{
    EACH_STORE(s)
    {
        CHECK_ERR(append(&s, 1, 10, 2), SEV_E_CONFLICT);
        CHECK_OK(append(&s, 0, 10, 2));
        CHECK_ERR(append(&s, 0, 20, 2), SEV_E_CONFLICT);
        CHECK_ERR(append(&s, 2, 9, 2), SEV_E_CONFLICT); /* 10 is there */
        CHECK_EQ(head_of(&s).size, 2);
        CHECK_OK(append(&s, 2, 8, 2)); /* 9 was not kept */
    }
}

TEST(store_log__nodes__of_each_level)
{
    EACH_STORE(s)
    {
        struct sev_log_leaf l = leaf(1);
        struct sev_log_node nodes[] = {{.level = 1, .index = 0}, {.level = 2, .index = 0}};
        uint8_t hash[1][SEV_SHA256_BYTES];
        memset(nodes[0].hash, 0x11, SEV_SHA256_BYTES);
        memset(nodes[1].hash, 0x22, SEV_SHA256_BYTES);
        struct sev_log_append a = {.leaves = &l, .leaf_count = 1, .nodes = nodes, .node_count = 2};
        CHECK_OK(s.log->append(s.self, &a));
        CHECK_OK(s.log->hashes(s.self, 1, 0, 1, hash));
        CHECK_EQ(hash[0][0], 0x11);
        CHECK_OK(s.log->hashes(s.self, 2, 0, 1, hash));
        CHECK_EQ(hash[0][0], 0x22);
        CHECK_ERR(s.log->hashes(s.self, 1, 1, 1, hash), SEV_E_NOT_FOUND);
    }
}

TEST(store_log__what_does_not_fit__reaches_no_database)
{
    EACH_STORE(s)
    {
        static uint8_t big[65536];
        struct sev_log_leaf l = leaf(1);
        struct sev_log_node n = {.level = 0};
        struct sev_log_append good = {.leaves = &l, .leaf_count = 1}, a = good;
#define BAD CHECK_ERR(s.log->append(s.self, &a), SEV_E_MALFORMED), l = leaf(1), a = good
        a.leaf_count = 0;
        BAD;
        a.leaf_count = SEV_STORE_LEAVES_MAX + 1;
        BAD;
        a.expected_size = -1;
        BAD;
        a.nodes = &n;
        a.node_count = 1;
        BAD;
        a.edge = sev_slice_of(big, SEV_STORE_EDGE_BYTES_MAX + 1);
        BAD;
        l.bytes = SEV_EMPTY;
        BAD;
        l.bytes = sev_slice_of(big, sizeof big);
        BAD;
        l.sequence = -1;
        BAD;
        l.source = SEV_EMPTY;
        BAD;
        CHECK_OK(s.log->append(s.self, &a));
        uint8_t hash[1][SEV_SHA256_BYTES];
        sev_slice bytes;
        CHECK_ERR(s.log->hashes(s.self, 8, 0, 1, hash), SEV_E_MALFORMED);
        CHECK_ERR(s.log->hashes(s.self, 0, -1, 1, hash), SEV_E_MALFORMED);
        CHECK_ERR(s.log->hashes(s.self, 0, 0, SEV_STORE_LEAVES_MAX + 1, hash), SEV_E_MALFORMED);
        CHECK_ERR(s.log->entries(s.self, -1, 1, store_arena(), &bytes), SEV_E_MALFORMED);
        CHECK_ERR(s.log->entries(s.self, 0, SEV_STORE_LEAVES_MAX + 1, store_arena(), &bytes),
                  SEV_E_MALFORMED);
    }
}

TEST(store_log__checkpoints__never_smaller_and_never_of_more_than_there_is)
{
    EACH_STORE(s)
    {
        CHECK_ERR(s.log->checkpoint_put(s.self, 0, 1, SEV_LIT("none")), SEV_E_CONFLICT);
        CHECK_OK(append(&s, 0, 1, 5));
        CHECK_OK(s.log->checkpoint_put(s.self, 0, 3, SEV_LIT("three")));
        CHECK_EQ(head_of(&s).signed_size, 3);
        CHECK_TEXT(head_of(&s).checkpoint, "three");
        CHECK_ERR(s.log->checkpoint_put(s.self, 0, 5, SEV_LIT("late")), SEV_E_CONFLICT);
        CHECK_ERR(s.log->checkpoint_put(s.self, 3, 2, SEV_LIT("less")), SEV_E_CONFLICT);
        CHECK_ERR(s.log->checkpoint_put(s.self, 3, 6, SEV_LIT("more")), SEV_E_CONFLICT);
        CHECK_OK(s.log->checkpoint_put(s.self, 3, 3, SEV_LIT("cosigned")));
        CHECK_OK(s.log->checkpoint_put(s.self, 3, 5, SEV_LIT("five")));
        CHECK_OK(append(&s, 5, 11, 1)); /* which leaves the checkpoint as it is */
        CHECK_TEXT(head_of(&s).checkpoint, "five");
        CHECK_ERR(s.log->checkpoint_put(s.self, 5, 6, SEV_EMPTY), SEV_E_MALFORMED);
        CHECK_ERR(s.log->checkpoint_put(s.self, -1, 6, SEV_LIT("x")), SEV_E_MALFORMED);
    }
}

/* ------------------------------------------------------------------- witnesses */

TEST(store_log__cosigned__goes_on_and_never_back)
{
    EACH_STORE(s)
    {
        uint8_t root[SEV_SHA256_BYTES] = {1}, other[SEV_SHA256_BYTES] = {2}, got[SEV_SHA256_BYTES];
        sev_slice o = SEV_LIT("log.example/ev");
        int64_t size = -1;
        CHECK_ERR(s.log->cosigned_get(s.self, o, &size, got), SEV_E_NOT_FOUND);
        CHECK_EQ(size, -1);
        CHECK_ERR(s.log->cosigned_put(s.self, o, 1, 2, root), SEV_E_CONFLICT);
        CHECK_OK(s.log->cosigned_put(s.self, o, 0, 5, root));
        CHECK_ERR(s.log->cosigned_put(s.self, o, 0, 6, root), SEV_E_CONFLICT);
        CHECK_ERR(s.log->cosigned_put(s.self, o, 5, 4, root), SEV_E_CONFLICT);
        CHECK_ERR(s.log->cosigned_put(s.self, o, 5, 5, other), SEV_E_CONFLICT);
        CHECK_OK(s.log->cosigned_put(s.self, o, 5, 5, root));
        CHECK_OK(s.log->cosigned_put(s.self, o, 5, 9, other));
        CHECK_OK(s.log->cosigned_put(s.self, SEV_LIT("another"), 0, 1, root));
        CHECK_OK(s.log->cosigned_get(s.self, o, &size, got));
        CHECK_EQ(size, 9);
        CHECK(memcmp(got, other, sizeof got) == 0);
        CHECK_ERR(s.log->cosigned_put(s.self, SEV_EMPTY, 0, 1, root), SEV_E_MALFORMED);
        CHECK_ERR(s.log->cosigned_put(s.self, o, 9, 0, root), SEV_E_MALFORMED);
        CHECK_ERR(s.log->cosigned_get(s.self, SEV_EMPTY, &size, got), SEV_E_MALFORMED);
    }
}
