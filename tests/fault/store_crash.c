/* The SQLite store among killed processes, full disks and files that are not what they should be.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* setresuid */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stores.h"

static char path[400];
static void new_path(void)
{
    snprintf(path, sizeof path, "%s", store_path());
}

/* A child's checks: its exit status is the line that failed. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 250 + 1);                                                             \
    } while (0)

static void check_child(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("child: status 0x%x, about line %d", (unsigned)status, WEXITSTATUS(status) - 1);
}

/* --------------------------------------------------------- killed under load */

#define WORKERS 6
#define KILLS 30

/* What a worker was told is done: written to the pipe after the operation returned. */
struct told {
    int worker;
    int64_t status, files;
};

struct worker {
    const struct sev_store *store;
    int index, pipe;
    pthread_t thread;
};

/* Status, then files, then a status again..., from where the database is. */
static void *work(void *self)
{
    struct worker *w = self;
    const struct sev_store *s = w->store;
    char id[16];
    uint8_t memory[8192];
    struct sev_vehicle v;
    struct sev_issued issued;
    struct sev_decision d = store_decision("status");
    snprintf(id, sizeof id, "v%d", w->index);
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    CHILD_CHECK(s->vehicle_get(s->self, store_text(id), &arena, &v) == SEV_OK);
    CHILD_CHECK(s->files_get(s->self, store_text(id), &arena, &issued) == SEV_OK);
    struct told told = {w->index, v.status_counter, issued.files[0].version};
    for (;;) {
        struct sev_ecu_news reports[2];
        struct sev_status_news news = store_status(id, "primary", told.status + 1, &reports[0]);
        (void)store_status(id, "secondary", told.status + 1, &reports[1]);
        news.ecus = reports;
        news.ecu_count = 2;
        news.decision = &d;
        CHILD_CHECK(s->status_accept(s->self, &news) == SEV_OK);
        told.status++;
        CHILD_CHECK(write(w->pipe, &told, sizeof told) == sizeof told);
        int64_t expected[SEV_STORE_ROLES] = {told.files, told.files, told.files};
        struct sev_issued files = store_issued(told.files + 1);
        CHILD_CHECK(s->files_put(s->self, store_text(id), expected, &files, told.files + 1, &d) ==
                    SEV_OK);
        told.files++;
        CHILD_CHECK(write(w->pipe, &told, sizeof told) == sizeof told);
    }
    return NULL;
}

static void be_killed(int pipe)
{
    struct sev_store s;
    struct worker workers[WORKERS];
    CHILD_CHECK(sev_store_sqlite_open(path, &s) == SEV_OK);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.store = &s, .index = i, .pipe = pipe};
        CHILD_CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (;;)
        (void)pause();
}

/* All that was told is there, and at most the one operation that was on its way beside it; of each
 * operation all parts are there or none. `told` becomes what is there. */
static void check_survivors(struct told *told)
{
    struct sev_store s;
    CHECK_OK(sev_store_sqlite_open(path, &s));
    for (int i = 0; i < WORKERS; i++) {
        char id[16];
        struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
        struct sev_issued issued;
        uint32_t count = 0;
        snprintf(id, sizeof id, "v%d", i);
        struct sev_vehicle v = store_get(&s, id);
        int64_t status = v.status_counter;
        CHECK_OK(s.files_get(s.self, store_text(id), store_arena(), &issued));
        int64_t files = issued.files[0].version;
        CHECK(status >= told[i].status && files >= told[i].files);
        CHECK(status + files <= told[i].status + told[i].files + 1);
        CHECK_EQ(issued.files[1].version, files);
        CHECK_EQ(issued.files[2].version, files);
        CHECK_EQ(v.status_version, files);
        CHECK_EQ(store_count_decisions(&s, id), status + files);
        CHECK_OK(s.ecus_get(s.self, store_text(id), store_arena(), ecus, &count));
        CHECK_EQ(count, 2);
        CHECK_EQ(ecus[0].report_counter, status);
        CHECK_EQ(ecus[1].report_counter, status);
        told[i] = (struct told){i, status, files};
    }
    sev_store_sqlite_close(&s);
}

TEST(store__killed_under_load_thirty_times__all_that_was_told_is_there_and_nothing_half)
{
    struct told told[WORKERS] = {{0, 0, 0}};
    struct sev_store s;
    uint32_t random = 2463534242u, acknowledged = 0;
    new_path();
    CHECK_OK(sev_store_sqlite_open(path, &s));
    for (int i = 0; i < WORKERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        store_register(&s, id);
    }
    sev_store_sqlite_close(&s);
    for (int kills = 0; kills < KILLS; kills++) {
        int ends[2], status;
        CHECK_EQ(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            be_killed(ends[1]);
        (void)close(ends[1]);
        struct told one;
        CHECK_EQ(read(ends[0], &one, sizeof one), sizeof one); /* it works */
        told[one.worker] = one;
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        struct timespec pause_for = {0, (long)(random % 30000) * 1000};
        (void)nanosleep(&pause_for, NULL);
        CHECK_EQ(kill(child, SIGKILL), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status)); /* and did not give up before */
        for (; read(ends[0], &one, sizeof one) == sizeof one; acknowledged++)
            told[one.worker] = one;
        (void)close(ends[0]);
        check_survivors(told);
    }
    CHECK(acknowledged > KILLS);
}

/* ------------------------------------------------------------- disks and modes */

/* In a process of its own, since the limit is the process's: about 256 KiB more, then no more. */
static void fill_the_disk(void)
{
    static char bytes[65536];
    struct sev_store s;
    struct sev_assignment a = store_assignment("v", 0), got;
    struct rlimit limit;
    struct stat st;
    char log[420];
    sev_err e = SEV_OK;
    CHILD_CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHILD_CHECK(sev_store_sqlite_open(path, &s) == SEV_OK);
    snprintf(log, sizeof log, "%s-wal", path);
    a.version = 1;
    CHILD_CHECK(s.assign(s.self, &a, NULL) == SEV_OK);
    CHILD_CHECK(stat(log, &st) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = (rlim_t)st.st_size + 262144;
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    a.targets = sev_slice_of(bytes, sizeof bytes);
    while (e == SEV_OK && a.version < 20) {
        a.version++;
        memset(bytes, (int)a.version, sizeof bytes); /* the same bytes would not be written again */
        e = s.assign(s.self, &a, NULL);
    }
    CHILD_CHECK(e == SEV_E_IO);
    CHILD_CHECK(s.assign(s.self, &a, NULL) == SEV_E_IO); /* still */
    CHILD_CHECK(s.assignment_get(s.self, SEV_LIT("v"), store_arena(), &got) == SEV_OK);
    CHILD_CHECK(got.version == a.version - 1 && got.version > 1);
    limit.rlim_cur = limit.rlim_max;
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHILD_CHECK(s.assign(s.self, &a, NULL) == SEV_OK); /* without a hand */
    sev_store_sqlite_close(&s);
    CHILD_CHECK(sev_store_sqlite_open(path, &s) == SEV_OK);
    CHILD_CHECK(s.assignment_get(s.self, SEV_LIT("v"), store_arena(), &got) == SEV_OK);
    CHILD_CHECK(got.version == a.version && sev_slice_eq(got.targets, a.targets));
    sev_store_sqlite_close(&s);
    _exit(0);
}

TEST(store__disk_full__io_reads_go_on_and_it_recovers_by_itself)
{
    struct sev_store s;
    new_path();
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    sev_store_sqlite_close(&s);
    pid_t child = fork();
    if (child == 0)
        fill_the_disk();
    check_child(child);
}

static void open_where_nothing_may_be_written(const char *absent)
{
    struct sev_store s = {.self = path};
    if (geteuid() == 0) /* modes do not concern root */
        CHILD_CHECK(setresuid(65534, 65534, 65534) == 0);
    CHILD_CHECK(sev_store_sqlite_open(absent, &s) == SEV_E_IO);
    CHILD_CHECK(sev_store_sqlite_open(path, &s) == SEV_E_IO);
    CHILD_CHECK(s.self == path);
    _exit(0);
}

TEST(store__read_only_folder__io)
{
    struct sev_store s;
    char folder[300], absent[400];
    snprintf(folder, sizeof folder, "%s/read-only", sev_test_dir());
    snprintf(path, sizeof path, "%s/a.db", folder);
    snprintf(absent, sizeof absent, "%s/b.db", folder);
    CHECK_EQ(mkdir(folder, 0700), 0);
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    sev_store_sqlite_close(&s);
    CHECK_EQ(chmod(path, 0444) | chmod(folder, 0555) | chmod(sev_test_dir(), 0755), 0);
    pid_t child = fork();
    if (child == 0)
        open_where_nothing_may_be_written(absent);
    check_child(child);
    CHECK_EQ(chmod(folder, 0700) | chmod(path, 0600), 0);
    CHECK_OK(sev_store_sqlite_open(path, &s));
    sev_store_sqlite_close(&s);
}

TEST(store__paths_that_will_not_do__are_refused_by_name)
{
    struct sev_store s;
    char link[420], name[5000];
    new_path();
    CHECK_ERR(sev_store_sqlite_open(sev_test_dir(), &s), SEV_E_UNSAFE_FILE);
    snprintf(link, sizeof link, "%s-link", path);
    CHECK_EQ(symlink(path, link), 0);
    CHECK_ERR(sev_store_sqlite_open(link, &s), SEV_E_UNSAFE_FILE);
    snprintf(name, sizeof name, "%s/no/such/folder.db", sev_test_dir());
    CHECK_ERR(sev_store_sqlite_open(name, &s), SEV_E_IO);
    CHECK_ERR(sev_store_sqlite_open("", &s), SEV_E_IO);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_ERR(sev_store_sqlite_open(name, &s), SEV_E_BAD_NAME);
}

TEST(store__names_that_sqlite_would_interpret__are_files)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory"};
    struct sev_store s;
    struct stat st;
    char before[300];
    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK_EQ(chdir(sev_test_dir()), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(sev_store_sqlite_open(names[i], &s));
        store_register(&s, "v");
        sev_store_sqlite_close(&s);
        CHECK_EQ(stat(names[i], &st), 0);
        CHECK(st.st_size > 4096);
    }
    CHECK_EQ(chdir(before), 0);
}

TEST(store__new_database__is_its_owners_alone)
{
    struct sev_store s;
    struct stat st;
    static const char *const ends[] = {"", "-wal", "-shm"};
    mode_t before = umask(0);
    new_path();
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    for (int i = 0; i < 3; i++) {
        char name[420];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        CHECK_EQ(stat(name, &st), 0);
        CHECK_EQ(st.st_mode & 0777, 0600);
    }
    (void)umask(before);
    sev_store_sqlite_close(&s);
}

/* ------------------------------------------------------------- other's files */

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static void check_refused_untouched(sev_err wanted)
{
    struct sev_store s = {.self = path};
    size_t before_len, after_len;
    uint8_t *before = sev_test_read(path, &before_len);
    CHECK_ERR(sev_store_sqlite_open(path, &s), wanted);
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
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    sev_store_sqlite_close(&s);
    sql("PRAGMA user_version = 1000");
    check_refused_untouched(SEV_E_CONFIG);
    sql("PRAGMA user_version = -1");
    check_refused_untouched(SEV_E_CONFIG);
    sql("PRAGMA user_version = 1");
    CHECK_OK(sev_store_sqlite_open(path, &s));
    CHECK_TEXT(store_get(&s, "v").primary, "primary");
    sev_store_sqlite_close(&s);
}

/* Killed after the file was made, or after it became a database: the next one goes on. */
TEST(store__file_that_was_only_begun__is_ours)
{
    struct sev_store s;
    new_path();
    sev_test_write(path, SEV_LIT(""));
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    sev_store_sqlite_close(&s);
    new_path();
    sql("PRAGMA journal_mode = WAL");
    CHECK_OK(sev_store_sqlite_open(path, &s));
    store_register(&s, "v");
    sev_store_sqlite_close(&s);
}

/* Another process that writes for a moment is waited for; claims hold between processes too. */
TEST(store__opened_twice__each_sees_what_the_other_did)
{
    struct sev_store a, b;
    struct sev_ecu_news report;
    struct sev_status_news news = store_status("v", "primary", 1, &report);
    new_path();
    CHECK_OK(sev_store_sqlite_open(path, &a));
    CHECK_OK(sev_store_sqlite_open(path, &b));
    store_register(&a, "v");
    CHECK_OK(b.status_accept(b.self, &news));
    CHECK_ERR(a.status_accept(a.self, &news), SEV_E_CONFLICT);
    CHECK_EQ(store_get(&a, "v").status_counter, 1);
    sev_store_sqlite_close(&a);
    CHECK_EQ(store_get(&b, "v").status_counter, 1);
    sev_store_sqlite_close(&b);
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
    sev_err e = sev_store_sqlite_open(path, &s);
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
    sev_store_sqlite_close(&s);
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
    CHECK_OK(sev_store_sqlite_open(path, &s));
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
    sev_store_sqlite_close(&s);
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
    CHECK(told > rounds / 4); /* the others hit nothing that was looked at */
}
