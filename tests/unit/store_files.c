/* What store.h promises of assignments, issued files, decisions and callers' memory, of every
 * provider. SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdlib.h>

#include "secureev/limits.h"
#include "stores.h"

#define CALL(s, operation, ...) (s).operation((s).self, __VA_ARGS__)

static const int64_t none[SEV_STORE_ROLES];

/* -------------------------------------------------------------- assignments */

TEST(store__nothing_assigned__version_zero)
{
    EACH_STORE(s)
    {
        struct sev_assignment a = store_assignment("x", 9);
        CHECK_ERR(CALL(s, assignment_get, SEV_LIT("v"), store_arena(), &a), SEV_E_NOT_FOUND);
        CHECK_EQ(a.version, 9);
        store_register(&s, "v");
        CHECK_OK(CALL(s, assignment_get, SEV_LIT("v"), store_arena(), &a));
        CHECK_TEXT(a.vehicle, "v");
        CHECK_EQ(a.version, 0);
        CHECK_EQ(a.bundle_id.len + a.correlation_id.len + a.targets.len + a.groups.len, 0);
    }
}

TEST(store__assigned__is_read_back_and_explained)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_assignment in = store_assignment("v", 1), out;
        struct sev_decision d = store_decision("assign");
        CHECK_OK(CALL(s, assign, &in, &d));
        in = store_assignment("v", 2);
        in.targets = SEV_LIT("{}");
        in.groups = SEV_EMPTY;
        CHECK_OK(CALL(s, assign, &in, &d));
        CHECK_OK(CALL(s, assignment_get, SEV_LIT("v"), store_arena(), &out));
        CHECK_EQ(out.version, 2);
        CHECK_SLICE(out.bundle_id, in.bundle_id);
        CHECK_SLICE(out.correlation_id, in.correlation_id);
        CHECK_TEXT(out.targets, "{}");
        CHECK_EQ(out.groups.len, 0);
        CHECK_EQ(store_count_decisions(&s, "v"), 2);
    }
}

TEST(store__assignment_of_another_version__conflict)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_assignment a = store_assignment("v", 2), out;
        struct sev_decision d = store_decision("assign");
        CHECK_ERR(CALL(s, assign, &a, &d), SEV_E_CONFLICT);
        a.version = 1;
        CHECK_OK(CALL(s, assign, &a, NULL));
        a.targets = SEV_LIT("{\"other\":{}}");
        CHECK_ERR(CALL(s, assign, &a, &d), SEV_E_CONFLICT);
        a.version = 3;
        CHECK_ERR(CALL(s, assign, &a, &d), SEV_E_CONFLICT);
        a.version = 2;
        a.vehicle = SEV_LIT("w");
        CHECK_ERR(CALL(s, assign, &a, &d), SEV_E_NOT_FOUND);
        CHECK_OK(CALL(s, assignment_get, SEV_LIT("v"), store_arena(), &out));
        CHECK_EQ(out.version, 1);
        CHECK_SLICE(out.targets, store_assignment("v", 1).targets);
        CHECK_EQ(store_count_decisions(&s, "v"), 0);
    }
}

TEST(store__assignment_out_of_bounds__malformed)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_assignment a;
#define REFUSED(change)                                                                            \
    a = store_assignment("v", 1);                                                                  \
    change;                                                                                        \
    CHECK_ERR(CALL(s, assign, &a, NULL), SEV_E_MALFORMED)
        REFUSED(a.vehicle = SEV_EMPTY);
        REFUSED(a.version = 0);
        REFUSED(a.version = -1);
        REFUSED(a.version = SEV_JSON_INT_MAX + 1);
        REFUSED(a.bundle_id.len = SEV_ID_BYTES_MAX + 1);
        REFUSED(a.correlation_id.len = SEV_ID_BYTES_MAX + 1);
        REFUSED(a.targets.len = SEV_DIRECTOR_TARGETS_BYTES_MAX + 1);
        REFUSED(a.groups.len = SEV_DIRECTOR_TARGETS_BYTES_MAX + 1);
#undef REFUSED
    }
}

/* -------------------------------------------------------------------- files */

TEST(store__no_files__versions_are_zero)
{
    EACH_STORE(s)
    {
        struct sev_issued got = store_issued(4);
        CHECK_ERR(CALL(s, files_get, SEV_LIT("v"), store_arena(), &got), SEV_E_NOT_FOUND);
        CHECK_EQ(got.files[0].version, 4);
        store_register(&s, "v");
        CHECK_OK(CALL(s, files_get, SEV_LIT("v"), store_arena(), &got));
        for (int role = 0; role < SEV_STORE_ROLES; role++)
            CHECK_EQ(got.files[role].version, 0);
    }
}

TEST(store__files_put__these_bytes_are_read_back)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_issued in = store_issued(1), got;
        struct sev_decision d = store_decision("issue");
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), none, &in, 5, &d));
        CHECK_EQ(store_get(&s, "v").status_version, 5);
        /* The timestamp alone is renewed. */
        int64_t expected[SEV_STORE_ROLES] = {1, 1, 1};
        struct sev_issued next = {0};
        next.files[SEV_STORE_TIMESTAMP] = store_issued(4).files[SEV_STORE_TIMESTAMP];
        next.files[SEV_STORE_TIMESTAMP].bytes = SEV_LIT("renewed");
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), expected, &next, 5, &d));
        CHECK_OK(CALL(s, files_get, SEV_LIT("v"), store_arena(), &got));
        CHECK_EQ(got.files[SEV_STORE_TARGETS].version, 1);
        CHECK_TEXT(got.files[SEV_STORE_TARGETS].bytes, "the targets");
        CHECK_TEXT(got.files[SEV_STORE_SNAPSHOT].bytes, "the snapshot");
        CHECK_EQ(got.files[SEV_STORE_SNAPSHOT].expires, 1800000000 + SEV_STORE_SNAPSHOT);
        CHECK_EQ(got.files[SEV_STORE_TARGETS].bundle_version, 3);
        CHECK_EQ(got.files[SEV_STORE_TIMESTAMP].version, 4);
        CHECK_TEXT(got.files[SEV_STORE_TIMESTAMP].bytes, "renewed");
        CHECK_EQ(store_count_decisions(&s, "v"), 2);
    }
}

TEST(store__largest_files__are_kept_whole)
{
    EACH_STORE(s)
    {
        static const size_t sizes[SEV_STORE_ROLES] = {
            SEV_DIRECTOR_TARGETS_BYTES_MAX, SEV_SNAPSHOT_BYTES_MAX, SEV_TIMESTAMP_BYTES_MAX};
        uint8_t *bytes = malloc(SEV_SNAPSHOT_BYTES_MAX + 1);
        CHECK(bytes != NULL);
        for (size_t i = 0; i <= SEV_SNAPSHOT_BYTES_MAX; i++)
            bytes[i] = (uint8_t)(i * 31 >> 3);
        store_register(&s, "v");
        struct sev_issued in = store_issued(1), got;
        for (int role = 0; role < SEV_STORE_ROLES; role++) {
            in.files[role].bytes = sev_slice_of(bytes, sizes[role] + 1);
            CHECK_ERR(CALL(s, files_put, SEV_LIT("v"), none, &in, 0, NULL), SEV_E_MALFORMED);
            in.files[role].bytes.len--;
        }
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), none, &in, 0, NULL));
        CHECK_OK(CALL(s, files_get, SEV_LIT("v"), store_arena(), &got));
        for (int role = 0; role < SEV_STORE_ROLES; role++)
            CHECK(sev_slice_eq(got.files[role].bytes, in.files[role].bytes));
        free(bytes);
    }
}

TEST(store__version_that_is_not_expected__conflict_and_no_file_is_changed)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_issued first = store_issued(3), next = store_issued(4), got;
        struct sev_decision d = store_decision("issue");
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), none, &first, 5, NULL));
        for (int role = 0; role < SEV_STORE_ROLES; role++) {
            int64_t expected[SEV_STORE_ROLES] = {3, 3, 3};
            expected[role] = 2;
            CHECK_ERR(CALL(s, files_put, SEV_LIT("v"), expected, &next, 6, &d), SEV_E_CONFLICT);
            next.files[role].version = 0; /* also of one that is to stay */
            CHECK_ERR(CALL(s, files_put, SEV_LIT("v"), expected, &next, 6, &d), SEV_E_CONFLICT);
            next.files[role].version = 4;
        }
        int64_t expected[SEV_STORE_ROLES] = {3, 3, 3};
        CHECK_ERR(CALL(s, files_put, SEV_LIT("v"), expected, &next, 4, &d), SEV_E_CONFLICT);
        CHECK_ERR(CALL(s, files_put, SEV_LIT("w"), none, &next, 4, &d), SEV_E_NOT_FOUND);
        CHECK_OK(CALL(s, files_get, SEV_LIT("v"), store_arena(), &got));
        for (int role = 0; role < SEV_STORE_ROLES; role++)
            CHECK_EQ(got.files[role].version, 3);
        CHECK_EQ(store_get(&s, "v").status_version, 5);
        CHECK_EQ(store_count_decisions(&s, "v"), 0);
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), expected, &next, 5, &d));
    }
}

/* A version that does not rise is refused before anything is asked: nobody sees two files of one
 * version, and none goes back. */
TEST(store__files_out_of_bounds__malformed)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_issued in;
        int64_t expected[SEV_STORE_ROLES];
        int64_t status_version;
        sev_slice vehicle;
#define REFUSED(change)                                                                            \
    in = store_issued(3);                                                                          \
    status_version = 0;                                                                            \
    vehicle = SEV_LIT("v");                                                                        \
    memset(expected, 0, sizeof expected);                                                          \
    change;                                                                                        \
    CHECK_ERR(CALL(s, files_put, vehicle, expected, &in, status_version, NULL), SEV_E_MALFORMED)
        REFUSED(vehicle = SEV_EMPTY);
        REFUSED(expected[1] = 3);
        REFUSED(expected[2] = 4);
        REFUSED(expected[0] = -1);
        REFUSED(status_version = -1);
        REFUSED(in.files[0].version = -1);
        REFUSED(in.files[0].version = SEV_JSON_INT_MAX + 1);
        REFUSED(in.files[0].expires = -1);
        REFUSED(in.files[0].bundle_version = -1);
#undef REFUSED
    }
}

/* ---------------------------------------------------------------- decisions */

struct told {
    char what[8];
    uint32_t count, stop_at;
};

static bool tell(void *context, const struct sev_decision *d)
{
    struct told *told = context;
    CHECK_EQ(d->time, 1700000000);
    CHECK_TEXT(d->actor, "anna");
    CHECK_TEXT(d->reason, "{\"because\":\"test\"}");
    told->what[told->count++] = (char)d->what.ptr[0];
    return told->count != told->stop_at;
}

TEST(store__decisions__newest_first_of_this_vehicle)
{
    EACH_STORE(s)
    {
        static const char *const what[] = {"a", "b", "c", "d"};
        struct told all = {0}, two = {0}, stopped = {.stop_at = 1}, nothing = {0};
        store_register(&s, "w");
        store_register(&s, "v");
        for (int i = 0; i < 4; i++) {
            struct sev_assignment a = store_assignment(i == 2 ? "w" : "v", i < 2    ? i + 1
                                                                           : i == 2 ? 1
                                                                                    : 3);
            struct sev_decision d = store_decision(what[i]);
            CHECK_OK(CALL(s, assign, &a, &d));
        }
        CHECK_OK(CALL(s, decisions, SEV_LIT("v"), 100, store_arena(), tell, &all));
        CHECK(strcmp(all.what, "dba") == 0);
        CHECK_OK(CALL(s, decisions, SEV_LIT("v"), 2, store_arena(), tell, &two));
        CHECK(strcmp(two.what, "db") == 0);
        CHECK_OK(CALL(s, decisions, SEV_LIT("v"), 100, store_arena(), tell, &stopped));
        CHECK(strcmp(stopped.what, "d") == 0);
        CHECK_ERR(CALL(s, decisions, SEV_LIT("x"), 9, store_arena(), tell, &nothing),
                  SEV_E_NOT_FOUND);
        CHECK_OK(CALL(s, decisions, SEV_LIT("v"), 0, store_arena(), tell, &nothing));
        store_register(&s, "y");
        CHECK_OK(CALL(s, decisions, SEV_LIT("y"), 9, store_arena(), tell, &nothing));
        CHECK_EQ(nothing.count, 0);
    }
}

/* ------------------------------------------------------- the caller's memory */

static bool count_vehicles(void *context, const struct sev_vehicle *v)
{
    (void)v;
    ++*(int *)context;
    return true;
}

static bool count_decisions(void *context, const struct sev_decision *d)
{
    (void)d;
    ++*(int *)context;
    return true;
}

/* One result for each operation that reads, with an arena of so many bytes; what it puts out is
 * compared with what was there before. */
static sev_err read_with(const struct sev_store *s, int which, struct sev_arena *arena,
                         bool *out_touched)
{
    static struct sev_ecu ecus[SEV_STORE_ECUS_MAX], ecus_before[SEV_STORE_ECUS_MAX];
    struct {
        struct sev_vehicle vehicle;
        struct sev_assignment assignment;
        struct sev_issued issued;
        uint32_t ecu_count;
        int visits;
    } out, before;
    sev_slice v = SEV_LIT("v");
    sev_err e = SEV_E_BUG;
    memset(&out, 0x5a, sizeof out);
    memset(ecus, 0x5a, sizeof ecus);
    memcpy(&before, &out, sizeof out);
    memcpy(ecus_before, ecus, sizeof ecus);
    if (which == 0)
        e = CALL(*s, vehicle_get, v, arena, &out.vehicle);
    else if (which == 1)
        e = CALL(*s, vehicle_list, SEV_EMPTY, 9, arena, count_vehicles, &out.visits);
    else if (which == 2)
        e = CALL(*s, ecus_get, v, arena, ecus, &out.ecu_count);
    else if (which == 3)
        e = CALL(*s, assignment_get, v, arena, &out.assignment);
    else if (which == 4)
        e = CALL(*s, files_get, v, arena, &out.issued);
    else
        e = CALL(*s, decisions, v, 9, arena, count_decisions, &out.visits);
    *out_touched =
        memcmp(&out, &before, sizeof out) != 0 || memcmp(ecus, ecus_before, sizeof ecus) != 0;
    return e;
}

TEST(store__arena_too_small__memory_nothing_put_out_and_nothing_taken)
{
    EACH_STORE(s)
    {
        static uint8_t memory[65536];
        struct sev_assignment a = store_assignment("v", 1);
        struct sev_issued issued = store_issued(1);
        struct sev_decision d = store_decision("assign");
        bool touched;
        store_register(&s, "v");
        CHECK_OK(CALL(s, assign, &a, &d));
        CHECK_OK(CALL(s, files_put, SEV_LIT("v"), none, &issued, 1, &d));
        for (int which = 0; which < 6; which++) {
            struct sev_arena arena = sev_arena_of(memory, sizeof memory);
            CHECK_OK(read_with(&s, which, &arena, &touched));
            CHECK(touched);
            size_t need = arena.used;
            for (size_t bytes = 0; bytes < need; bytes += bytes + 40 < need ? 40 : 1) {
                arena = sev_arena_of(memory, bytes);
                CHECK_ERR(read_with(&s, which, &arena, &touched), SEV_E_MEMORY);
                CHECK(!touched);
                CHECK_EQ(arena.used, 0);
            }
        }
    }
}

TEST(store__closed_and_opened_again__everything_is_there)
{
    for (uint32_t i = 0; i < store_provider_count; i++) {
        struct sev_store s;
        char path[300];
        snprintf(path, sizeof path, "%s", store_providers[i].place());
        CHECK_OK(sev_store_open(path, &s));
        store_register(&s, "v");
        struct sev_assignment a = store_assignment("v", 1);
        CHECK_OK(CALL(s, assign, &a, NULL));
        sev_store_close(&s);
        CHECK(s.self == NULL);
        sev_store_close(&s); /* nothing is open: fine */
        CHECK_OK(sev_store_open(path, &s));
        CHECK_TEXT(store_get(&s, "v").primary, "primary");
        CHECK_ERR(CALL(s, assign, &a, NULL), SEV_E_CONFLICT);
        sev_store_close(&s);
    }
}
