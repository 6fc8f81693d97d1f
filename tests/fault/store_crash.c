/* The SQLite store among killed processes, full disks and others who write.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* setresuid */
#include "test.h"

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
    CHILD_CHECK(sev_store_open(path, &s) == SEV_OK);
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
    CHECK_OK(sev_store_open(path, &s));
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
    sev_store_close(&s);
}

static void kill_under_load(struct told told[WORKERS], uint32_t *random, uint32_t *acknowledged)
{
    int ends[2], status;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        be_killed(ends[1]);
    (void)close(ends[1]);
    struct told one;
    CHECK_EQ(read(ends[0], &one, sizeof one), sizeof one); /* it works */
    told[one.worker] = one;
    *random ^= *random << 13, *random ^= *random >> 17, *random ^= *random << 5;
    struct timespec pause_for = {0, (long)(*random % 30000) * 1000};
    (void)nanosleep(&pause_for, NULL);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status)); /* and did not give up before */
    for (; read(ends[0], &one, sizeof one) == sizeof one; ++*acknowledged)
        told[one.worker] = one;
    (void)close(ends[0]);
}

TEST(store__killed_under_load_thirty_times__all_that_was_told_is_there_and_nothing_half)
{
    for (uint32_t p = 0; p < store_provider_count; p++) {
        struct told told[WORKERS] = {{0, 0, 0}};
        struct sev_store s;
        uint32_t random = 2463534242u, acknowledged = 0;
        snprintf(path, sizeof path, "%s", store_providers[p].place());
        CHECK_OK(sev_store_open(path, &s));
        for (int i = 0; i < WORKERS; i++) {
            char id[16];
            snprintf(id, sizeof id, "v%d", i);
            store_register(&s, id);
        }
        sev_store_close(&s);
        for (int kills = 0; kills < KILLS; kills++) {
            kill_under_load(told, &random, &acknowledged);
            check_survivors(told);
        }
        CHECK(acknowledged > KILLS);
    }
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
    CHILD_CHECK(sev_store_open(path, &s) == SEV_OK);
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
    while (sev_store_probe(&s) == SEV_OK) /* a page may have found room where many did not */
        continue;
    CHILD_CHECK(s.assignment_get(s.self, SEV_LIT("v"), store_arena(), &got) == SEV_OK);
    CHILD_CHECK(got.version == a.version - 1 && got.version > 1);
    limit.rlim_cur = limit.rlim_max;
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHILD_CHECK(s.assign(s.self, &a, NULL) == SEV_OK); /* without a hand */
    sev_store_close(&s);
    CHILD_CHECK(sev_store_open(path, &s) == SEV_OK);
    CHILD_CHECK(s.assignment_get(s.self, SEV_LIT("v"), store_arena(), &got) == SEV_OK);
    CHILD_CHECK(got.version == a.version && sev_slice_eq(got.targets, a.targets));
    sev_store_close(&s);
    _exit(0);
}

TEST(store__disk_full__io_reads_go_on_and_it_recovers_by_itself)
{
    struct sev_store s;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
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
    CHILD_CHECK(sev_store_open(absent, &s) == SEV_E_IO);
    CHILD_CHECK(sev_store_open(path, &s) == SEV_E_IO);
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
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
    CHECK_EQ(chmod(path, 0444) | chmod(folder, 0555) | chmod(sev_test_dir(), 0755), 0);
    pid_t child = fork();
    if (child == 0)
        open_where_nothing_may_be_written(absent);
    check_child(child);
    CHECK_EQ(chmod(folder, 0700) | chmod(path, 0600), 0);
    CHECK_OK(sev_store_open(path, &s));
    sev_store_close(&s);
}

TEST(store__paths_that_will_not_do__are_refused_by_name)
{
    struct sev_store s;
    char link[420], name[5000];
    new_path();
    CHECK_ERR(sev_store_open(sev_test_dir(), &s), SEV_E_UNSAFE_FILE);
    snprintf(link, sizeof link, "%s-link", path);
    CHECK_EQ(symlink(path, link), 0);
    CHECK_ERR(sev_store_open(link, &s), SEV_E_UNSAFE_FILE);
    snprintf(name, sizeof name, "%s/no/such/folder.db", sev_test_dir());
    CHECK_ERR(sev_store_open(name, &s), SEV_E_IO);
    CHECK_ERR(sev_store_open("", &s), SEV_E_IO);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_ERR(sev_store_open(name, &s), SEV_E_BAD_NAME);
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
        CHECK_OK(sev_store_open(names[i], &s));
        store_register(&s, "v");
        sev_store_close(&s);
        CHECK_EQ(stat(names[i], &st), 0);
        CHECK(st.st_size > 4096);
    }
    CHECK_EQ(chdir(before), 0);
}

/* A daemon goes to another folder after it opened its files; readers come later. */
TEST(store__process_that_changed_its_folder__reads_the_same_file)
{
    struct sev_store s;
    struct stat st;
    char before[300];
    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK_EQ(chdir(sev_test_dir()), 0);
    CHECK_OK(sev_store_open("relative.db", &s));
    CHECK_EQ(stat("relative.db", &st), 0);
    CHECK_EQ(chdir("/"), 0);
    store_register(&s, "v");
    CHECK_TEXT(store_get(&s, "v").primary, "primary");
    CHECK_EQ(chdir(before), 0);
    sev_store_close(&s);
}

TEST(store__new_database__is_its_owners_alone)
{
    struct sev_store s;
    struct stat st;
    static const char *const ends[] = {"", "-wal", "-shm"};
    mode_t before = umask(0);
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    for (int i = 0; i < 3; i++) {
        char name[420];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        CHECK_EQ(stat(name, &st), 0);
        CHECK_EQ(st.st_mode & 0777, 0600);
    }
    (void)umask(before);
    sev_store_close(&s);
}

/* ------------------------------------------------------ somebody else writes */

/* Another process that writes for a moment is waited for; claims hold between processes too. */
TEST(store__opened_twice__each_sees_what_the_other_did)
{
    struct sev_store a, b;
    struct sev_ecu_news report;
    struct sev_status_news news = store_status("v", "primary", 1, &report);
    new_path();
    CHECK_OK(sev_store_open(path, &a));
    CHECK_OK(sev_store_open(path, &b));
    store_register(&a, "v");
    CHECK_OK(b.status_accept(b.self, &news));
    CHECK_ERR(a.status_accept(a.self, &news), SEV_E_CONFLICT);
    CHECK_EQ(store_get(&a, "v").status_counter, 1);
    sev_store_close(&a);
    CHECK_EQ(store_get(&b, "v").status_counter, 1);
    sev_store_close(&b);
}

#define CROWD 1100 /* more than may wait */

struct crowd {
    const struct sev_store *store;
    pthread_mutex_t lock;
    int index, done, busy, other;
};

static void *add_one(void *self)
{
    struct crowd *c = self;
    char id[16];
    (void)pthread_mutex_lock(&c->lock);
    snprintf(id, sizeof id, "v%d", c->index++);
    (void)pthread_mutex_unlock(&c->lock);
    struct sev_vehicle v = store_vehicle(id);
    sev_err e = c->store->vehicle_add(c->store->self, &v, NULL);
    (void)pthread_mutex_lock(&c->lock);
    c->done += e == SEV_OK;
    c->busy += e == SEV_E_BUSY;
    c->other += e != SEV_OK && e != SEV_E_BUSY;
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

static int busy_of(struct crowd *c)
{
    (void)pthread_mutex_lock(&c->lock);
    int busy = c->busy;
    (void)pthread_mutex_unlock(&c->lock);
    return busy;
}

static bool count_vehicle(void *context, const struct sev_vehicle *v)
{
    *(int *)context += v->id.len != 0;
    return true;
}

TEST(store__more_callers_than_may_wait__busy_at_once_and_the_others_are_served)
{
    static pthread_t threads[CROWD];
    struct crowd c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct sev_store s;
    sqlite3 *other = NULL;
    pthread_attr_t small;
    int there = 0;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    c.store = &s;
    CHECK_EQ(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(pthread_attr_init(&small) | pthread_attr_setstacksize(&small, 131072), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(pthread_create(&threads[i], &small, add_one, &c), 0);
    for (int tries = 0; busy_of(&c) == 0 && tries < 400; tries++)
        (void)nanosleep(&(struct timespec){0, 10000000}, NULL);
    CHECK(busy_of(&c) > 0);
    CHECK_EQ(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(other), SQLITE_OK);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    (void)pthread_attr_destroy(&small);
    CHECK_EQ(c.other, 0);
    CHECK(c.done >= 1024 && c.done + c.busy == CROWD);
    CHECK_OK(s.vehicle_list(s.self, SEV_EMPTY, CROWD, store_arena(), count_vehicle, &there));
    CHECK_EQ(there, c.done);
    sev_store_close(&s);
}

TEST(store__another_process_writes_too_long__busy_and_nothing_done)
{
    struct sev_store s;
    struct sev_vehicle v = store_vehicle("v"), got;
    sqlite3 *other = NULL;
    new_path();
    CHECK_OK(sev_store_open(path, &s));
    CHECK_EQ(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_ERR(s.vehicle_add(s.self, &v, NULL), SEV_E_BUSY);
    CHECK_ERR(s.vehicle_get(s.self, v.id, store_arena(), &got), SEV_E_NOT_FOUND);
    CHECK_EQ(sqlite3_close(other), SQLITE_OK);
    CHECK_OK(s.vehicle_add(s.self, &v, NULL));
    sev_store_close(&s);
}
