/* Each call to the system fails in turn: what a crash-safe file promises must hold all the same.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "faulty_fs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Long enough that a torn write is neither the old content nor the new. */
static const char old_text[] = "the old content of the file, all of it";
static const char new_text[] = "the NEW content of this file, every byte";

struct world {
    struct faulty_fs f;
    struct sev_fs real;
    char dir[256];
    char path[320];
};

static void world_init(struct world *w)
{
    static int count;
    faulty_fs_init(&w->f);
    w->real = sev_fs_posix(NULL);
    snprintf(w->dir, sizeof w->dir, "%s/fault-%d", sev_test_dir(), count++);
    snprintf(w->path, sizeof w->path, "%s/x", w->dir);
    CHECK_EQ(mkdir(w->dir, 0700), 0);
}

static bool any_temporary(void *context, const char *name)
{
    *(bool *)context = *(bool *)context || sev_file_is_temporary(name);
    return true;
}

static bool has_temporary(const struct world *w)
{
    bool found = false;
    CHECK_EQ(w->real.list(NULL, w->dir, any_temporary, &found), 0);
    return found;
}

/* 0: no file; 1: the old; 2: the new. Anything else fails the test. */
static int state_of(const struct world *w)
{
    struct sev_bytes b = {0};
    sev_err err = sev_file_read(&w->real, w->path, 4096, 0, &b);
    if (err == SEV_E_NOT_FOUND)
        return 0;
    CHECK_OK(err);
    int state = strcmp((char *)b.ptr, old_text) == 0   ? 1
                : strcmp((char *)b.ptr, new_text) == 0 ? 2
                                                       : 3;
    sev_bytes_free(&w->real, &b);
    CHECK(state != 3);
    return state;
}

static sev_err replace(struct world *w)
{
    return sev_file_replace(&w->f.fs, w->path, sev_slice_of(new_text, sizeof new_text - 1), 0600);
}

static sev_err create(struct world *w)
{
    return sev_file_create(&w->f.fs, w->path, sev_slice_of(new_text, sizeof new_text - 1), 0600);
}

static void set_old(struct world *w, bool present)
{
    (void)unlink(w->path);
    if (present)
        sev_test_write(w->path, sev_slice_of(old_text, sizeof old_text - 1));
}

/* Fail call 1, 2, 3, ... until the operation no longer makes so many; returns how many it made. */
static uint32_t each_call(struct world *w, sev_err (*op)(struct world *), bool old_present)
{
    for (uint32_t n = 1;; n++) {
        set_old(w, old_present);
        faulty_fs_arm(&w->f, n);
        sev_err err = op(w);
        CHECK_EQ(w->f.live_blocks, 0);
        CHECK_EQ(w->f.open_files, 0);
        CHECK(!has_temporary(w));
        if (!w->f.fired) {
            CHECK_OK(err);
            CHECK_EQ(state_of(w), 2);
            return n - 1;
        }
        if (w->f.how != FAULTY_SHORT)
            CHECK(err == SEV_E_IO || err == SEV_E_RANDOM);
        /* The new file is there before its folder is synced, and only then. */
        bool last_sync = strcmp(w->f.note.path, w->dir) == 0;
        CHECK_EQ(state_of(w), err == SEV_OK || last_sync ? 2 : old_present);
    }
}

TEST(file_faults__each_call_of_replace_fails__old_or_new_and_no_temporary)
{
    struct world w;
    world_init(&w);
    static const enum faulty_how hows[] = {FAULTY_ERROR, FAULTY_TEAR, FAULTY_SHORT};
    for (size_t i = 0; i < 3; i++) {
        w.f.how = hows[i];
        w.f.error = i == 0 ? EIO : ENOSPC;
        /* random, open, write, fsync, rename, fsync of the folder */
        CHECK(each_call(&w, replace, true) >= 6);
        CHECK(each_call(&w, replace, false) >= 6);
    }
}

TEST(file_faults__each_call_of_create_fails__absent_or_new_and_no_temporary)
{
    struct world w;
    world_init(&w);
    for (int how = FAULTY_ERROR; how <= FAULTY_SHORT; how++) {
        w.f.how = (enum faulty_how)how;
        CHECK(each_call(&w, create, false) >= 6);
    }
}

TEST(file_faults__a_disk_that_is_gone_for_good__old_state_and_the_leftover_is_cleaned_later)
{
    struct world w;
    world_init(&w);
    w.f.from_then_on = true;
    for (uint32_t n = 1;; n++) {
        set_old(&w, true);
        faulty_fs_arm(&w.f, n);
        sev_err err = replace(&w);
        CHECK_EQ(w.f.open_files, 0);
        (void)state_of(&w);
        CHECK_OK(sev_dir_clean(&w.real, w.dir));
        CHECK(!has_temporary(&w));
        if (!w.f.fired)
            break;
        CHECK(err != SEV_OK);
    }
}

/* Kill a child at call 1, 2, 3, ... of `op`; returns how many calls it made. */
static uint32_t kill_at_each_call(struct world *w, sev_err (*op)(struct world *), bool old_present)
{
    w->f.how = FAULTY_KILL;
    for (uint32_t n = 1;; n++) {
        set_old(w, old_present);
        faulty_fs_arm(&w->f, n);
        pid_t child = fork();
        if (child == 0)
            _exit(op(w) == SEV_OK ? 0 : 1);
        int status = 0;
        CHECK_EQ(waitpid(child, &status, 0), child);
        int state = state_of(w);
        if (WIFEXITED(status)) {
            CHECK_EQ(WEXITSTATUS(status), 0);
            CHECK_EQ(state, 2);
            return n - 1;
        }
        CHECK_EQ(WTERMSIG(status), SIGKILL);
        CHECK(state == old_present || state == 2);
        struct sev_dir_lock lock = {0};
        CHECK_OK(sev_dir_lock(&w->real, w->dir, 0, &lock));
        CHECK_OK(sev_dir_clean(&w->real, w->dir));
        sev_dir_unlock(&lock);
        CHECK(!has_temporary(w));
    }
}

TEST(file_faults__killed_at_each_call__old_or_new_and_the_leftover_is_recognised)
{
    struct world w;
    world_init(&w);
    CHECK(kill_at_each_call(&w, replace, true) >= 6);
    CHECK(kill_at_each_call(&w, create, false) >= 6);
}

TEST(file_faults__each_call_of_read_fails__output_untouched_and_nothing_held)
{
    struct world w;
    world_init(&w);
    set_old(&w, true);
    for (int how = FAULTY_ERROR; how <= FAULTY_SHORT; how += 2) {
        w.f.how = (enum faulty_how)how;
        for (uint32_t n = 1;; n++) {
            struct sev_bytes b = {NULL, 99};
            faulty_fs_arm(&w.f, n);
            sev_err err = sev_file_read(&w.f.fs, w.path, 4096, 0, &b);
            CHECK_EQ(w.f.open_files, 0);
            if (err == SEV_OK) {
                CHECK_SLICE(sev_bytes_slice(&b), sev_slice_of(old_text, sizeof old_text - 1));
                sev_bytes_free(&w.f.fs, &b);
            } else {
                CHECK(w.f.fired && b.ptr == NULL && b.len == 99);
                CHECK(err == SEV_E_IO || err == SEV_E_MEMORY);
            }
            CHECK_EQ(w.f.live_blocks, 0);
            if (!w.f.fired)
                break;
        }
    }
}

TEST(file_faults__each_call_of_folder_functions_fails__an_error_and_nothing_held)
{
    struct world w;
    world_init(&w);
    char deep[400];
    set_old(&w, true);
    for (uint32_t n = 1, step = 0; step < 4; n++) {
        struct sev_names names = {0};
        struct sev_dir_lock lock = {0};
        sev_err err = SEV_OK;
        snprintf(deep, sizeof deep, "%s/a%u/b", w.dir, n);
        faulty_fs_arm(&w.f, n);
        if (step == 0)
            err = sev_dir_ensure(&w.f.fs, deep, 0700, SEV_FILE_PRIVATE);
        else if (step == 1)
            err = sev_dir_list(&w.f.fs, w.dir, 100, &names);
        else if (step == 2)
            err = sev_dir_lock(&w.f.fs, w.dir, 0, &lock);
        else
            err = sev_file_remove(&w.f.fs, w.path);
        CHECK_EQ(err == SEV_OK, !w.f.fired);
        sev_names_free(&w.f.fs, &names);
        sev_dir_unlock(&lock);
        CHECK_EQ(w.f.live_blocks, 0);
        CHECK_EQ(w.f.open_files, 0);
        if (!w.f.fired) {
            CHECK(n > 2);
            step++;
            n = 0;
        }
        set_old(&w, true);
    }
}

TEST(file_faults__a_lock_held_by_another__is_waited_for_and_then_had)
{
    struct world w;
    world_init(&w);
    struct sev_dir_lock lock = {0};
    w.f.kinds = FAULTY_LOCK;
    w.f.error = EWOULDBLOCK;
    faulty_fs_arm(&w.f, 1);
    CHECK_OK(sev_dir_lock(&w.f.fs, w.dir, 1000, &lock));
    CHECK_EQ(w.f.calls, 2);
    sev_dir_unlock(&lock);
    CHECK_EQ(w.f.open_files, 0);
}
