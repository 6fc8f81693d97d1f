/* Each call to the system fails in turn, and then all that follow, while an upload comes in and is
 * published: a client sees the state before or the one after, whole, and the next run gets there.
 * REQ-REP-12  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty_fs.h"
#include "uploads.h"

static struct faulty_fs faulty;
static struct uploads start; /* with a file that waits for one image */
static struct desk s;
static char missing_path[SEV_FS_PATH_MAX];

static void prepare(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    uploads_new(&start);
    supplier_desk(&s, &start);
    CHECK_OK(put_file(&start, &supplier, &s, "supplier"));
    memcpy(missing_path, start.missed.path, sizeof missing_path);
}

/* A copy to be broken. */
static void copy(struct uploads *u, bool with_file)
{
    char command[700];
    prepare();
    *u = start;
    desk_copy(&u->served, &start.served);
    uploads_of(u);
    u->call.sign = &u->sign;
    faulty_fs_init(&faulty);
    u->im.fs = &faulty.fs;
    if (!with_file) {
        (void)snprintf(command, sizeof command, "rm '%s/roles/supplier.json'", u->work);
        CHECK_EQ(system(command), 0);
    }
}

static void drop(struct uploads *u)
{
    char command[600];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", u->served.dir);
    CHECK_EQ(system(command), 0);
}

/* By a client that was here before and one from the factory: both see the same, whole. */
static bool all_see_new(struct uploads *u, struct reader *r)
{
    struct reader fresh;
    CHECK(client_sees(u, r, "oem/a.img"));
    CHECK(client_sees(u, r, "sup/b.img"));
    bool seen = client_sees(u, r, NEW_IMAGE);
    reader_new(&fresh, &u->served);
    CHECK_EQ(client_sees(u, &fresh, NEW_IMAGE), seen);
    reader_free(&fresh);
    return seen;
}

/* Whatever was left: upkeep, and the supplier tries again until it is told that it is public. */
static void recover(struct uploads *u, struct reader *r, bool had_seen)
{
    faulty_fs_arm(&faulty, 0);
    CHECK_EQ(faulty.open_files, 0);
    CHECK_EQ(faulty.live_blocks, 0);
    CHECK(all_see_new(u, r) || !had_seen);
    CHECK_OK(sev_images_upkeep(&u->im, &u->call));
    CHECK(all_see_new(u, r) || !had_seen);
    CHECK_OK(put_file(u, &supplier, &s, "supplier"));
    if (!u->result.published) {
        sev_err e = put_image(u, &supplier, missing_path, NEW_TEXT);
        CHECK(e == SEV_OK || e == SEV_E_EXISTS);
        CHECK_OK(put_file(u, &supplier, &s, "supplier"));
    }
    CHECK(u->result.published);
    CHECK(all_see_new(u, r));
}

enum act { BRING_FILE, BRING_IMAGE, SIGN_ANEW };

static sev_err act_on(struct uploads *u, enum act act)
{
    switch (act) {
    case BRING_FILE:
        return put_file(u, &supplier, &s, "supplier");
    case BRING_IMAGE:
        return put_image(u, &supplier, missing_path, NEW_TEXT);
    case SIGN_ANEW:
        u->call.now += SEV_IMAGES_LIFE_SECONDS / 2 + 1;
        return sev_images_upkeep(&u->im, &u->call);
    }
    return SEV_E_BUG;
}

/* Some of them; each at night. */
static void every_call(enum act act, unsigned kinds, bool from_then_on, enum faulty_how how)
{
    uint32_t step = act == BRING_IMAGE && from_then_on ? 2 : 5;
    step = getenv("SEV_NIGHTLY") != NULL ? 1 : step;
    bool fired = true;
    for (uint32_t n = 1; fired; n += step) {
        struct uploads u;
        struct reader r;
        copy(&u, act != BRING_FILE);
        reader_new(&r, &u.served);
        CHECK(!all_see_new(&u, &r));
        faulty.kinds = kinds;
        faulty.from_then_on = from_then_on;
        faulty.how = how;
        faulty_fs_arm(&faulty, n);
        sev_err e = act_on(&u, act);
        fired = faulty.fired;
        CHECK(fired || e == SEV_OK);
        bool seen = all_see_new(&u, &r);
        recover(&u, &r, seen);
        reader_free(&r);
        drop(&u);
    }
}

#define DISK (FAULTY_ALL & ~FAULTY_MEMORY & ~FAULTY_LOCK)

TEST(images_faults__file_comes__each_call_fails)
{
    every_call(BRING_FILE, DISK, false, FAULTY_ERROR);
}

TEST(images_faults__image_comes_and_all_is_published__each_call_fails)
{
    every_call(BRING_IMAGE, DISK, false, FAULTY_ERROR);
}

/* As if the power had gone at that call. */
TEST(images_faults__image_comes_and_all_is_published__stopped_at_each_call)
{
    every_call(BRING_IMAGE, DISK, true, FAULTY_TEAR);
}

TEST(images_faults__signed_anew__stopped_at_each_call)
{
    every_call(SIGN_ANEW, DISK, true, FAULTY_TEAR);
}

TEST(images_faults__memory__each_allocation_fails)
{
    every_call(BRING_FILE, FAULTY_MEMORY, false, FAULTY_ERROR);
    every_call(BRING_IMAGE, FAULTY_MEMORY, false, FAULTY_ERROR);
}

/* A process of its own, killed at that call: nothing is undone by anybody. */
TEST(images_faults__killed_at_each_write_and_rename__next_run_gets_there)
{
    for (uint32_t n = 1;; n++) {
        struct uploads u;
        struct reader r;
        int status = 0;
        copy(&u, true);
        reader_new(&r, &u.served);
        CHECK(!all_see_new(&u, &r));
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            faulty.kinds = FAULTY_WRITE | FAULTY_RENAME | FAULTY_SYNC | FAULTY_UNLINK;
            faulty.how = FAULTY_KILL;
            faulty_fs_arm(&faulty, n);
            _exit(act_on(&u, BRING_IMAGE) == SEV_OK ? 0 : 1);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        bool killed = WIFSIGNALED(status);
        CHECK(killed || WEXITSTATUS(status) == 0);
        recover(&u, &r, all_see_new(&u, &r));
        reader_free(&r);
        drop(&u);
        if (!killed)
            break;
    }
}
