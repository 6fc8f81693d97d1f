/* Each allocation of SQLite, and each of its calls to the system, fails in turn: once, or from then
 * on. What was told to be done is there, nothing is half, and the next try works.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stores.h"

/* ------------------------------------------------------------ what can fail */

enum kind { MEMORY, SYSTEM };

/* The writer's thread and the test's take turns, but the compiler cannot know. */
static atomic_uint calls, fail_at;
static atomic_int armed = -1; /* a kind */
static atomic_bool from_then_on, fired;
static atomic_int error;

static void arm(int kind, unsigned at, bool for_ever, int system_error)
{
    armed = -1;
    calls = 0;
    fail_at = at;
    from_then_on = for_ever;
    fired = false;
    error = system_error;
    armed = kind;
}

static bool fails(int kind)
{
    if (armed != kind)
        return false;
    unsigned call = ++calls;
    if (call != fail_at && !(from_then_on && call > fail_at))
        return false;
    fired = true;
    errno = error;
    return true;
}

static sqlite3_mem_methods heap;
static void *faulty_malloc(int bytes)
{
    return fails(MEMORY) ? NULL : heap.xMalloc(bytes);
}
static void *faulty_realloc(void *old, int bytes)
{
    return fails(MEMORY) ? NULL : heap.xRealloc(old, bytes);
}

/* SQLite calls these two by their names; the program's own come before the library's. Nobody pulls
 * the plug here, so nothing waits for the disk. */
int fdatasync(int fd)
{
    (void)fd;
    return fails(SYSTEM) ? -1 : 0;
}
int fsync(int fd)
{
    (void)fd;
    return fails(SYSTEM) ? -1 : 0;
}

/* And these through a table. */
static struct {
    int (*open)(const char *, int, int);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pread)(int, void *, size_t, off_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*ftruncate)(int, off_t);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
} real;

static int faulty_open(const char *path, int flags, int mode)
{
    return fails(SYSTEM) ? -1 : real.open(path, flags, mode);
}
static ssize_t faulty_read(int fd, void *out, size_t bytes)
{
    return fails(SYSTEM) ? -1 : real.read(fd, out, bytes);
}
/* A write that fails puts down half. */
static ssize_t faulty_write(int fd, const void *in, size_t bytes)
{
    if (!fails(SYSTEM))
        return real.write(fd, in, bytes);
    (void)!real.write(fd, in, bytes / 2);
    errno = error;
    return -1;
}
static ssize_t faulty_pread(int fd, void *out, size_t bytes, off_t at)
{
    return fails(SYSTEM) ? -1 : real.pread(fd, out, bytes, at);
}
static ssize_t faulty_pwrite(int fd, const void *in, size_t bytes, off_t at)
{
    if (!fails(SYSTEM))
        return real.pwrite(fd, in, bytes, at);
    (void)!real.pwrite(fd, in, bytes / 2, at);
    errno = error;
    return -1;
}
static int faulty_ftruncate(int fd, off_t bytes)
{
    return fails(SYSTEM) ? -1 : real.ftruncate(fd, bytes);
}
static void *faulty_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t from)
{
    return fails(SYSTEM) ? MAP_FAILED : real.mmap(at, bytes, prot, flags, fd, from);
}

#define REPLACE(vfs, name, member, function)                                                       \
    do {                                                                                           \
        sqlite3_syscall_ptr was = (vfs)->xGetSystemCall((vfs), name);                              \
        if (was != NULL) {                                                                         \
            memcpy(&real.member, &was, sizeof was);                                                \
            (vfs)->xSetSystemCall((vfs), name, (sqlite3_syscall_ptr)(function));                   \
        }                                                                                          \
    } while (0)

/* Before SQLite is used for the first time. */
static void put_faults_in_place(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    CHECK_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap), SQLITE_OK);
    sqlite3_mem_methods faulty = heap;
    faulty.xMalloc = faulty_malloc;
    faulty.xRealloc = faulty_realloc;
    CHECK_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty), SQLITE_OK);
    CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    CHECK(vfs != NULL && vfs->iVersion >= 3);
    REPLACE(vfs, "open", open, faulty_open);
    REPLACE(vfs, "read", read, faulty_read);
    REPLACE(vfs, "write", write, faulty_write);
    REPLACE(vfs, "pread", pread, faulty_pread);
    REPLACE(vfs, "pwrite", pwrite, faulty_pwrite);
    REPLACE(vfs, "pread64", pread, faulty_pread);
    REPLACE(vfs, "pwrite64", pwrite, faulty_pwrite);
    REPLACE(vfs, "ftruncate", ftruncate, faulty_ftruncate);
    REPLACE(vfs, "mmap", mmap, faulty_mmap);
}

/* -------------------------------------------------------------- what is done */

struct results {
    sev_err open, status, files, read;
};

static sev_err accept_status(const struct sev_store *s)
{
    struct sev_ecu_news reports[2];
    struct sev_status_news news = store_status("v", "primary", 1, &reports[0]);
    struct sev_decision d = store_decision("status");
    (void)store_status("v", "secondary", 1, &reports[1]);
    news.ecus = reports;
    news.ecu_count = 2;
    news.decision = &d;
    return s->status_accept(s->self, &news);
}

static sev_err put_files(const struct sev_store *s)
{
    static uint8_t bytes[100000]; /* pages enough to be written here and there */
    struct sev_issued files = store_issued(1);
    memset(bytes, 'b', sizeof bytes);
    files.files[SEV_STORE_SNAPSHOT].bytes = sev_slice_of(bytes, sizeof bytes);
    return s->files_put(s->self, SEV_LIT("v"), (int64_t[]){0, 0, 0}, &files, 1, NULL);
}

static sev_err read_back(const struct sev_store *s)
{
    struct sev_issued files;
    return s->files_get(s->self, SEV_LIT("v"), store_arena(), &files);
}

/* Failed, and said so by a name that fits. */
static bool failed(int kind, sev_err e)
{
    if (e == SEV_E_IO)
        return true; /* of allocations too: SQLite says so of those that belong to a file */
    /* What the disk cannot read is damaged. */
    return kind == MEMORY ? e == SEV_E_MEMORY : e == SEV_E_STORE && error == EIO;
}

/* Whole or not at all; there when it was told. */
static void check_state(const char *path, bool status_told, bool files_told)
{
    struct sev_store s;
    static struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    struct sev_issued files;
    uint32_t count = 0;
    CHECK_OK(sev_store_open(path, &s));
    struct sev_vehicle v = store_get(&s, "v");
    CHECK_OK(s.ecus_get(s.self, v.id, store_arena(), ecus, &count));
    CHECK_OK(s.files_get(s.self, SEV_LIT("v"), store_arena(), &files));
    CHECK(v.status_counter == 1 || !status_told);
    CHECK_EQ(count, 2);
    CHECK_EQ(ecus[0].report_counter, v.status_counter);
    CHECK_EQ(ecus[1].report_counter, v.status_counter);
    CHECK_EQ(store_count_decisions(&s, "v"), v.status_counter);
    CHECK(v.status_version == 1 || !files_told);
    for (int role = 0; role < SEV_STORE_ROLES; role++)
        CHECK_EQ(files.files[role].version, v.status_version);
    if (v.status_version == 1)
        CHECK_EQ(files.files[SEV_STORE_SNAPSHOT].bytes.len, 100000);
    sev_store_close(&s);
}

/* @return whether call `at` was reached */
static bool run_with(int kind, unsigned at, bool for_ever, int system_error, sev_slice database)
{
    char path[400];
    struct sev_store s;
    snprintf(path, sizeof path, "%s", store_path());
    sev_test_write(path, database);
    arm(kind, at, for_ever, system_error);
    struct results r = {sev_store_open(path, &s), SEV_E_BUG, SEV_E_BUG, SEV_E_BUG};
    bool open = r.open == SEV_OK;
    if (open) {
        r.status = accept_status(&s);
        r.files = put_files(&s);
        r.read = read_back(&s);
    }
    bool reached = fired;
    if (!for_ever)
        armed = -1;
    sev_err all[] = {r.open, r.status, r.files, r.read};
    for (int i = 0; i < (open ? 4 : 1); i++)
        if (all[i] != SEV_OK && !(reached && failed(kind, all[i])))
            fail_msg("kind %d, call %u, step %d: %s", kind, at, i, sev_err_id(all[i]));
    if (open && !for_ever) { /* what failed works now; what did not was not lost */
        CHECK_ERR(accept_status(&s), r.status == SEV_OK ? SEV_E_CONFLICT : SEV_OK);
        CHECK_ERR(put_files(&s), r.files == SEV_OK ? SEV_E_CONFLICT : SEV_OK);
        CHECK_OK(read_back(&s));
    }
    if (open)
        sev_store_close(&s);
    armed = -1;
    bool once = open && !for_ever;
    check_state(path, once || r.status == SEV_OK, once || r.files == SEV_OK);
    CHECK_EQ(sqlite3_memory_used(), 0);
    CHECK_EQ(unlink(path), 0);
    return reached;
}

#define EACH_UP_TO 100
#define STRIDE 7

static void run_all(int kind, unsigned at_least)
{
    bool all = getenv("SEV_NIGHTLY") != NULL;
    put_faults_in_place();
    static const int errors[] = {EIO, ENOSPC};
    struct sev_store s;
    char path[400];
    size_t len;
    snprintf(path, sizeof path, "%s", store_path());
    CHECK_OK(sev_store_open(path, &s));
    store_register(&s, "v");
    sev_store_close(&s);
    uint8_t *database = sev_test_read(path, &len);
    for (int how = 0; how < 4; how++) {
        unsigned at = 1;
        while (run_with(kind, at, how % 2 != 0, errors[how / 2], sev_slice_of(database, len)))
            at += at < EACH_UP_TO || all ? 1 : STRIDE;
        CHECK(at > at_least); /* they were met at all */
        if (kind == MEMORY && how == 1)
            break; /* errno is nothing to an allocation */
    }
    free(database);
}

TEST(store__each_call_to_the_system_fails__named_whole_and_mended_by_the_next_try)
{
    run_all(SYSTEM, 20);
}

TEST(store__each_allocation_fails__named_whole_and_mended_by_the_next_try)
{
    run_all(MEMORY, 100);
}
