/* The SQLite store on files that are another program's, from a newer version, or damaged.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "stores.h"

static char path[400];
static void new_path(void)
{
    snprintf(path, sizeof path, "%s", store_path());
}

/* ------------------------------------------------------------- other's files */

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static int take_number(void *out, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(int *)out = atoi(values[0]);
    return 0;
}

/* Of the schema, which rises with each migration. */
static int version(void)
{
    sqlite3 *db = NULL;
    int found = 0;
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, "PRAGMA user_version", take_number, &found, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return found;
}

static void check_refused_untouched(sev_err wanted)
{
    struct sev_store s = {.self = path};
    size_t before_len, after_len;
    uint8_t *before = sev_test_read(path, &before_len);
    CHECK_ERR(sev_store_open(path, &s), wanted);
    CHECK(s.self == path);
    uint8_t *after = sev_test_read(path, &after_len);
    CHECK(before_len == after_len && memcmp(before, after, before_len) == 0);
    free(before);
    free(after);
}

TEST(store__database_of_another_program__config_and_untouched)
{
    new_path();
    sql("CREATE TABLE theirs (x)");
    check_refused_untouched(SEV_E_CONFIG);
    new_path();
    sql("PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)");
    check_refused_untouched(SEV_E_CONFIG);
    new_path();
    sql("PRAGMA application_id = 7");
    check_refused_untouched(SEV_E_CONFIG);
    new_path();
    sql("PRAGMA user_version = 1"); /* a version of what? */
    check_refused_untouched(SEV_E_CONFIG);
    new_path();
    sev_test_write(path, SEV_LIT("these are not the bytes of a database at all, are they?"));
    check_refused_untouched(SEV_E_CONFIG);
}

TEST(store__newer_schema__config_and_untouched)
{
    struct sev_store s;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
    char ours[64];
    snprintf(ours, sizeof ours, "PRAGMA user_version = %d", version());
    sql("PRAGMA user_version = 1000");
    check_refused_untouched(SEV_E_CONFIG);
    sql("PRAGMA user_version = -1");
    check_refused_untouched(SEV_E_CONFIG);
    sql(ours);
    CHECK_OK(sev_store_open(path, &s));
    CHECK_TEXT(store_get(&s, "v").primary, "primary");
    sev_store_close(&s);
}

TEST(store__table_that_is_not_there__found_when_opened)
{
    struct sev_store s;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    sev_store_close(&s);
    sql("DROP TABLE assignment");
    CHECK_ERR(sev_store_open(path, &s), SEV_E_STORE);
}

/* Killed after the file was made, or after it became a database: the next one goes on. */
TEST(store__file_that_was_only_begun__is_ours)
{
    struct sev_store s;
    new_path();
    sev_test_write(path, SEV_LIT(""));
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
    new_path();
    sql("PRAGMA journal_mode = WAL");
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
}

/* -------------------------------------------------------------------- damage */

static bool any_vehicle(void *context, const struct sev_vehicle *v)
{
    (void)context;
    return v->id.len != 0;
}

static bool any_decision(void *context, const struct sev_decision *d)
{
    (void)context;
    return d->time != 0;
}

static bool named(sev_err e)
{
    return e == SEV_OK || e == SEV_E_STORE || e == SEV_E_IO || e == SEV_E_NOT_FOUND ||
           e == SEV_E_CONFLICT || e == SEV_E_EXISTS || e == SEV_E_BUG;
}

/* Every operation once on a damaged file; how many of them said so. */
static int use_damaged(void)
{
    static struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    struct sev_store s;
    sev_err e = sev_store_open(path, &s);
    if (e != SEV_OK) {
        CHECK(e == SEV_E_STORE || e == SEV_E_CONFIG || e == SEV_E_IO);
        return 1;
    }
    sev_slice id = SEV_LIT("v1");
    struct sev_vehicle v = store_vehicle("new");
    struct sev_assignment a = store_assignment("v1", 2);
    struct sev_issued f = store_issued(2);
    struct sev_ecu_news report;
    struct sev_status_news news = store_status("v1", "primary", 2, &report);
    struct sev_ecu set[] = {store_ecu("primary", 1), store_ecu("other", 5)};
    struct sev_decision d = store_decision("x");
    int64_t expected[SEV_STORE_ROLES] = {1, 1, 1};
    uint32_t count;
    sev_err results[] = {
        s.vehicle_get(s.self, id, store_arena(), &v),
        s.vehicle_list(s.self, SEV_EMPTY, 100, store_arena(), any_vehicle, NULL),
        s.ecus_get(s.self, id, store_arena(), ecus, &count),
        s.assignment_get(s.self, id, store_arena(), &a),
        s.files_get(s.self, id, store_arena(), &f),
        s.decisions(s.self, id, 100, store_arena(), any_decision, NULL),
        (v = store_vehicle("new"), s.vehicle_add(s.self, &v, &d)),
        s.status_accept(s.self, &news),
        s.ecus_replace(s.self, id, SEV_LIT("primary"), set, 2, &d),
        (a = store_assignment("v1", 2), s.assign(s.self, &a, &d)),
        (f = store_issued(2), s.files_put(s.self, id, expected, &f, 2, &d)),
    };
    sev_store_close(&s);
    int told = 0;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        if (!named(results[i]))
            fail_msg("operation %zu: %s", i, sev_err_id(results[i]));
        told += results[i] == SEV_E_STORE;
    }
    return told;
}

TEST(store__damaged_pages__named_and_nothing_crashes)
{
    struct sev_store s;
    size_t len;
    int told = 0, rounds = 0;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    for (int i = 0; i < 12; i++) {
        char id[16];
        struct sev_ecu_news report;
        snprintf(id, sizeof id, "v%d", i);
        struct sev_assignment a = store_assignment(id, 1);
        struct sev_issued f = store_issued(1);
        struct sev_status_news news = store_status(id, "primary", 1, &report);
        struct sev_decision d = store_decision("x");
        store_register(&s, id);
        CHECK_OK(s.assign(s.self, &a, &d));
        CHECK_OK(s.files_put(s.self, a.vehicle, (int64_t[]){0, 0, 0}, &f, 1, &d));
        CHECK_OK(s.status_accept(s.self, &news));
    }
    sev_store_close(&s);
    uint8_t *good = sev_test_read(path, &len), *bad = malloc(len);
    CHECK(bad != NULL && len % 4096 == 0);
    uint32_t random = 88172645u;
    /* Each page with noise, zeros, and one changed byte at each of some places in its head. */
    for (size_t page = 0; page < len / 4096; page++)
        for (int how = 0; how < 10; how++, rounds++) {
            memcpy(bad, good, len);
            uint8_t *bytes = bad + page * 4096 + (page == 0 ? 100 : 0);
            size_t count = page == 0 ? 3996 : 4096;
            if (how == 0)
                memset(bytes, 0, count);
            for (size_t i = 0; how == 1 && i < count; i++) {
                random ^= random << 13, random ^= random >> 17, random ^= random << 5;
                bytes[i] = (uint8_t)random;
            }
            if (how > 1) {
                random ^= random << 13, random ^= random >> 17, random ^= random << 5;
                bytes[how < 6 ? (size_t)how - 2 : random % 256] ^= (uint8_t)(1u << random % 8);
            }
            sev_test_write(path, sev_slice_of(bad, len));
            told += use_damaged() != 0;
        }
    for (size_t pages = 1; pages < len / 4096; pages++, rounds++) {
        sev_test_write(path, sev_slice_of(good, pages * 4096));
        told += use_damaged() != 0;
    }
    free(good);
    free(bad);
    CHECK(told > rounds / 8); /* the others hit nothing that was looked at, such as other tables */
}
