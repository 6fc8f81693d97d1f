/* Crash-safe files on the real file system; what happens when its calls fail: fault/file_faults.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "secureev/fs.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sev_fs_note note;

/* A folder of its own for each test, and paths in it. */
struct fixture {
    struct sev_fs fs;
    char dir[256];
};

static struct fixture in_a_folder(void)
{
    static int count;
    struct fixture f = {.fs = sev_fs_posix(&note)};
    snprintf(f.dir, sizeof f.dir, "%s/file-%d", sev_test_dir(), count++);
    CHECK_EQ(mkdir(f.dir, 0700), 0);
    return f;
}

static const char *in(const struct fixture *f, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, 512, "%s/%s", f->dir, name);
    return path;
}

static bool count_temporary(void *context, const char *name)
{
    *(size_t *)context += sev_file_is_temporary(name);
    return true;
}

static size_t temporaries_in(const struct fixture *f)
{
    size_t count = 0;
    CHECK_EQ(f->fs.list(NULL, f->dir, count_temporary, &count), 0);
    return count;
}

static void check_content(const struct fixture *f, const char *name, const char *text)
{
    struct sev_bytes b = {0};
    CHECK_OK(sev_file_read(&f->fs, in(f, name), 4096, 0, &b));
    CHECK_SLICE(sev_bytes_slice(&b), sev_slice_of(text, strlen(text)));
    CHECK_EQ(b.ptr[b.len], 0);
    sev_bytes_free(&f->fs, &b);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    CHECK_EQ(lstat(path, &st), 0);
    return st.st_mode & 07777u;
}

TEST(file__read__gives_all_bytes_up_to_the_bound_and_no_more)
{
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    sev_test_write(in(&f, "x"), SEV_LIT("12345"));
    CHECK_OK(sev_file_read(&f.fs, in(&f, "x"), 5, 0, &b));
    CHECK_TEXT(sev_bytes_slice(&b), "12345");
    sev_bytes_free(&f.fs, &b);
    b.len = 77;
    CHECK_ERR(sev_file_read(&f.fs, in(&f, "x"), 4, 0, &b), SEV_E_TOO_LONG);
    CHECK(b.ptr == NULL && b.len == 77);
    sev_test_write(in(&f, "empty"), SEV_LIT(""));
    check_content(&f, "empty", "");
}

TEST(file__read_of_a_file_without_a_size__gives_all_bytes)
{
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    if (access("/proc/self/status", R_OK) != 0)
        SKIP("no /proc here");
    CHECK_OK(sev_file_read(&f.fs, "/proc/self/status", 65536, 0, &b));
    CHECK(b.len > 200 && strlen((char *)b.ptr) == b.len);
    sev_bytes_free(&f.fs, &b);
    CHECK_ERR(sev_file_read(&f.fs, "/proc/self/status", 100, 0, &b), SEV_E_TOO_LONG);
}

TEST(file__read_of_nothing__is_not_found)
{
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    CHECK_ERR(sev_file_read(&f.fs, in(&f, "none"), 9, 0, &b), SEV_E_NOT_FOUND);
    assert_string_equal(note.call, "open");
    assert_string_equal(note.path, in(&f, "none"));
    CHECK_ERR(sev_file_read(&f.fs, in(&f, "none/below"), 9, 0, &b), SEV_E_NOT_FOUND);
}

TEST(file__read_of_what_is_no_regular_file__is_refused_and_does_not_hang)
{
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    CHECK_ERR(sev_file_read(&f.fs, f.dir, 9, 0, &b), SEV_E_UNSAFE_FILE);
    CHECK_EQ(mkfifo(in(&f, "fifo"), 0600), 0);
    CHECK_ERR(sev_file_read(&f.fs, in(&f, "fifo"), 9, 0, &b), SEV_E_UNSAFE_FILE);
    CHECK_ERR(sev_file_read(&f.fs, "/dev/null", 9, 0, &b), SEV_E_UNSAFE_FILE);
    assert_string_equal(note.why, "is not a regular file");
}

TEST(file__read_through_a_link__is_refused_where_asked)
{
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    sev_test_write(in(&f, "x"), SEV_LIT("1"));
    CHECK_EQ(symlink("x", in(&f, "link")), 0);
    check_content(&f, "link", "1");
    CHECK_ERR(sev_file_read(&f.fs, in(&f, "link"), 9, SEV_FILE_NO_LINK, &b), SEV_E_UNSAFE_FILE);
}

TEST(file__read_of_a_private_file_that_others_may_touch__is_refused)
{
    static const mode_t open_to_others[] = {0640, 0604, 0620, 0602, 0610, 0601};
    struct fixture f = in_a_folder();
    struct sev_bytes b = {0};
    sev_test_write(in(&f, "x"), SEV_LIT("1"));
    for (size_t i = 0; i < sizeof open_to_others / sizeof open_to_others[0]; i++) {
        CHECK_EQ(chmod(in(&f, "x"), open_to_others[i]), 0);
        CHECK_ERR(sev_file_read(&f.fs, in(&f, "x"), 9, SEV_FILE_PRIVATE, &b), SEV_E_UNSAFE_FILE);
    }
    CHECK_EQ(chmod(in(&f, "x"), 0400), 0);
    CHECK_OK(sev_file_read(&f.fs, in(&f, "x"), 9, SEV_FILE_PRIVATE, &b));
    sev_bytes_wipe(&f.fs, &b);
    CHECK(b.ptr == NULL && b.len == 0);
}

TEST(file__replace__has_the_mode_asked_for_whatever_the_umask)
{
    struct fixture f = in_a_folder();
    mode_t old = umask(077);
    CHECK_OK(sev_file_replace(&f.fs, in(&f, "open"), SEV_LIT("1"), 0644));
    umask(0);
    CHECK_OK(sev_file_replace(&f.fs, in(&f, "closed"), SEV_LIT("1"), 0600));
    umask(old);
    CHECK_EQ(mode_of(in(&f, "open")), 0644);
    CHECK_EQ(mode_of(in(&f, "closed")), 0600);
}

TEST(file__replace__puts_the_new_bytes_in_place_and_leaves_no_temporary)
{
    struct fixture f = in_a_folder();
    CHECK_OK(sev_file_replace(&f.fs, in(&f, "x"), SEV_LIT("old"), 0600));
    CHECK_OK(sev_file_replace(&f.fs, in(&f, "x"), SEV_LIT("newer"), 0600));
    check_content(&f, "x", "newer");
    CHECK_EQ(temporaries_in(&f), 0);
}

TEST(file__replace_of_a_link__replaces_the_link_and_not_what_it_names)
{
    struct fixture f = in_a_folder();
    sev_test_write(in(&f, "victim"), SEV_LIT("mine"));
    CHECK_EQ(symlink("victim", in(&f, "x")), 0);
    CHECK_OK(sev_file_replace(&f.fs, in(&f, "x"), SEV_LIT("new"), 0600));
    check_content(&f, "victim", "mine");
    check_content(&f, "x", "new");
}

TEST(file__replace_by_a_bare_name__works_in_the_current_folder)
{
    struct fixture f = in_a_folder();
    char back[512];
    CHECK(getcwd(back, sizeof back) != NULL);
    CHECK_EQ(chdir(f.dir), 0);
    sev_err err = sev_file_replace(&f.fs, "bare", SEV_LIT("1"), 0600);
    CHECK_EQ(chdir(back), 0);
    CHECK_OK(err);
    check_content(&f, "bare", "1");
}

TEST(file__replace_where_nothing_can_be__is_an_error_and_changes_nothing)
{
    struct fixture f = in_a_folder();
    char deep[SEV_FS_PATH_MAX + 8];
    CHECK_ERR(sev_file_replace(&f.fs, in(&f, "no/x"), SEV_LIT("1"), 0600), SEV_E_NOT_FOUND);
    CHECK_EQ(mkdir(in(&f, "folder"), 0700), 0);
    CHECK_ERR(sev_file_replace(&f.fs, in(&f, "folder"), SEV_LIT("1"), 0600), SEV_E_IO);
    CHECK_EQ(temporaries_in(&f), 0);
    memset(deep, 'x', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    CHECK_ERR(sev_file_replace(&f.fs, deep, SEV_LIT("1"), 0600), SEV_E_BAD_NAME);
    deep[SEV_FS_PATH_MAX - 1] = '\0';
    CHECK_ERR(sev_file_replace(&f.fs, deep, SEV_LIT("1"), 0600), SEV_E_BAD_NAME);
}

TEST(file__create_over_something__leaves_it_as_it_is)
{
    struct fixture f = in_a_folder();
    CHECK_OK(sev_file_create(&f.fs, in(&f, "x"), SEV_LIT("first"), 0600));
    CHECK_ERR(sev_file_create(&f.fs, in(&f, "x"), SEV_LIT("second"), 0600), SEV_E_EXISTS);
    check_content(&f, "x", "first");
    CHECK_EQ(symlink("nowhere", in(&f, "dangling")), 0);
    CHECK_ERR(sev_file_create(&f.fs, in(&f, "dangling"), SEV_LIT("1"), 0600), SEV_E_EXISTS);
    CHECK(access(in(&f, "nowhere"), F_OK) != 0);
    CHECK_EQ(temporaries_in(&f), 0);
}

TEST(file__a_writer__shows_its_file_only_when_committed)
{
    struct fixture f = in_a_folder();
    struct sev_file_writer w;
    CHECK_OK(sev_file_open_new(&f.fs, in(&f, "x"), 0600, &w));
    CHECK_OK(sev_file_append(&w, SEV_LIT("one ")));
    CHECK_OK(sev_file_append(&w, SEV_EMPTY));
    CHECK_OK(sev_file_append(&w, SEV_LIT("two")));
    CHECK(access(in(&f, "x"), F_OK) != 0);
    CHECK_OK(sev_file_commit(&w, true));
    sev_file_abort(&w);
    check_content(&f, "x", "one two");
}

TEST(file__an_aborted_writer__leaves_nothing)
{
    struct fixture f = in_a_folder();
    struct sev_file_writer w;
    CHECK_OK(sev_file_open_new(&f.fs, in(&f, "x"), 0600, &w));
    CHECK_OK(sev_file_append(&w, SEV_LIT("one")));
    CHECK_EQ(temporaries_in(&f), 1);
    sev_file_abort(&w);
    sev_file_abort(&w);
    CHECK_EQ(temporaries_in(&f), 0);
    CHECK(access(in(&f, "x"), F_OK) != 0);
}

TEST(file__more_writers_than_the_table_of_temporaries__all_work)
{
    struct fixture f = in_a_folder();
    static struct sev_file_writer w[12];
    char name[8];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "x%d", i);
        CHECK_OK(sev_file_open_new(&f.fs, in(&f, name), 0600, &w[i]));
    }
    for (int i = 0; i < 12; i++)
        CHECK_OK(sev_file_commit(&w[i], false));
    CHECK_EQ(temporaries_in(&f), 0);
}

static void on_term(int number)
{
    (void)number;
    sev_fs_remove_temporaries_on_signal();
    _exit(7);
}

TEST(file__a_signal_in_the_middle_of_writing__leaves_no_temporary)
{
    struct fixture f = in_a_folder();
    pid_t child = fork();
    if (child == 0) {
        struct sev_file_writer w;
        (void)signal(SIGTERM, on_term);
        if (sev_file_open_new(&f.fs, in(&f, "x"), 0600, &w) != SEV_OK ||
            sev_file_append(&w, SEV_LIT("half")) != SEV_OK)
            _exit(1);
        (void)raise(SIGTERM);
        _exit(2);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK_EQ(temporaries_in(&f), 0);
    CHECK(access(in(&f, "x"), F_OK) != 0);
}

TEST(file__remove__removes_or_says_that_there_is_nothing)
{
    struct fixture f = in_a_folder();
    sev_test_write(in(&f, "x"), SEV_LIT("1"));
    CHECK_OK(sev_file_remove(&f.fs, in(&f, "x")));
    CHECK_ERR(sev_file_remove(&f.fs, in(&f, "x")), SEV_E_NOT_FOUND);
}

TEST(file__stat__does_not_follow_links)
{
    struct fixture f = in_a_folder();
    struct sev_fs_stat st = {0};
    CHECK_EQ(symlink("x", in(&f, "link")), 0);
    CHECK_OK(sev_file_stat(&f.fs, in(&f, "link"), &st));
    CHECK_EQ(st.kind, SEV_FS_LINK);
    CHECK_ERR(sev_file_stat(&f.fs, in(&f, "x"), &st), SEV_E_NOT_FOUND);
}

TEST(file__ensure_a_folder__makes_those_above_it_too)
{
    struct fixture f = in_a_folder();
    CHECK_OK(sev_dir_ensure(&f.fs, in(&f, "a/b//c/"), 0700, SEV_FILE_PRIVATE));
    CHECK_EQ(mode_of(in(&f, "a/b/c")), 0700);
    CHECK_OK(sev_dir_ensure(&f.fs, in(&f, "a/b/c"), 0700, SEV_FILE_PRIVATE));
    CHECK_OK(sev_dir_ensure(&f.fs, "/", 0700, 0));
    CHECK_ERR(sev_dir_ensure(&f.fs, "", 0700, 0), SEV_E_BAD_NAME);
}

TEST(file__ensure_a_folder_where_a_file_or_an_open_folder_is__is_refused)
{
    struct fixture f = in_a_folder();
    sev_test_write(in(&f, "x"), SEV_LIT("1"));
    CHECK_ERR(sev_dir_ensure(&f.fs, in(&f, "x"), 0700, 0), SEV_E_UNSAFE_FILE);
    CHECK_ERR(sev_dir_ensure(&f.fs, in(&f, "x/y"), 0700, 0), SEV_E_NOT_FOUND);
    CHECK_EQ(mkdir(in(&f, "open"), 0700), 0);
    CHECK_EQ(chmod(in(&f, "open"), 0750), 0);
    CHECK_OK(sev_dir_ensure(&f.fs, in(&f, "open"), 0700, 0));
    CHECK_ERR(sev_dir_ensure(&f.fs, in(&f, "open"), 0700, SEV_FILE_PRIVATE), SEV_E_UNSAFE_FILE);
    CHECK_EQ(mkdir(in(&f, "shut"), 0700), 0);
    CHECK_EQ(symlink("shut", in(&f, "link")), 0);
    CHECK_OK(sev_dir_ensure(&f.fs, in(&f, "link"), 0700, 0));
    CHECK_ERR(sev_dir_ensure(&f.fs, in(&f, "link"), 0700, SEV_FILE_PRIVATE), SEV_E_UNSAFE_FILE);
}

TEST(file__a_listing__is_sorted_bounded_and_without_temporaries)
{
    struct fixture f = in_a_folder();
    struct sev_names names = {0};
    static const char *const made[] = {"b", "a", "B", ".secureev-tmp-0123456789abcdef", "ab"};
    for (size_t i = 0; i < 5; i++)
        sev_test_write(in(&f, made[i]), SEV_LIT(""));
    CHECK_OK(sev_dir_list(&f.fs, f.dir, 4, &names));
    CHECK_EQ(names.count, 4);
    assert_string_equal(names.names[0], "B");
    assert_string_equal(names.names[1], "a");
    assert_string_equal(names.names[2], "ab");
    assert_string_equal(names.names[3], "b");
    sev_names_free(&f.fs, &names);
    CHECK_ERR(sev_dir_list(&f.fs, f.dir, 3, &names), SEV_E_TOO_LONG);
    CHECK(names.names == NULL);
    CHECK_ERR(sev_dir_list(&f.fs, in(&f, "none"), 3, &names), SEV_E_NOT_FOUND);
}

TEST(file__clean__removes_leftovers_of_ours_and_nothing_else)
{
    struct fixture f = in_a_folder();
    struct sev_names names = {0};
    static const char *const kept[] = {
        "0123456789abcdef", ".secureev-tmp-0123456789abcde", ".secureev-tmp-0123456789abcdeF",
        ".secureev-tmp-0123456789abcdef0", "x.secureev-tmp-0123456789abcdef"};
    for (size_t i = 0; i < 5; i++)
        sev_test_write(in(&f, kept[i]), SEV_LIT(""));
    sev_test_write(in(&f, ".secureev-tmp-0123456789abcdef"), SEV_LIT(""));
    CHECK_EQ(temporaries_in(&f), 1);
    CHECK_OK(sev_dir_clean(&f.fs, f.dir));
    CHECK_EQ(temporaries_in(&f), 0);
    CHECK_OK(sev_dir_list(&f.fs, f.dir, 9, &names));
    CHECK_EQ(names.count, 5);
    sev_names_free(&f.fs, &names);
}

TEST(file__a_locked_folder__is_busy_for_the_next_until_unlocked)
{
    struct fixture f = in_a_folder();
    struct sev_dir_lock first = {0}, second = {0};
    CHECK_OK(sev_dir_lock(&f.fs, f.dir, 0, &first));
    CHECK_ERR(sev_dir_lock(&f.fs, f.dir, 60, &second), SEV_E_BUSY);
    assert_string_equal(note.path, f.dir);
    assert_string_equal(note.why, "another secureev is working there");
    sev_dir_unlock(&first);
    sev_dir_unlock(&first);
    CHECK_OK(sev_dir_lock(&f.fs, f.dir, 0, &second));
    sev_dir_unlock(&second);
    sev_dir_unlock(&(struct sev_dir_lock){0});
}

TEST(file__the_lock_of_a_killed_process__is_free)
{
    struct fixture f = in_a_folder();
    struct sev_dir_lock lock = {0};
    int ready[2];
    CHECK_EQ(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char ok = sev_dir_lock(&f.fs, f.dir, 0, &lock) == SEV_OK ? 'y' : 'n';
        if (write(ready[1], &ok, 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    char ok = 'n';
    CHECK_EQ(read(ready[0], &ok, 1), 1);
    CHECK_EQ(ok, 'y');
    CHECK_ERR(sev_dir_lock(&f.fs, f.dir, 0, &lock), SEV_E_BUSY);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_OK(sev_dir_lock(&f.fs, f.dir, 0, &lock));
    sev_dir_unlock(&lock);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

TEST(file__a_lock_that_is_a_link__is_not_followed)
{
    struct fixture f = in_a_folder();
    struct sev_dir_lock lock = {0};
    CHECK_EQ(symlink("elsewhere", in(&f, SEV_DIR_LOCK_NAME)), 0);
    CHECK_ERR(sev_dir_lock(&f.fs, f.dir, 0, &lock), SEV_E_UNSAFE_FILE);
    CHECK(access(in(&f, "elsewhere"), F_OK) != 0);
}

TEST(file__join__puts_one_slash_between_and_refuses_what_does_not_fit)
{
    char out[SEV_FS_PATH_MAX];
    static char deep[SEV_FS_PATH_MAX];
    CHECK_OK(sev_path_join("a", "b", out));
    assert_string_equal(out, "a/b");
    CHECK_OK(sev_path_join("/", "b", out));
    assert_string_equal(out, "/b");
    memset(deep, 'x', sizeof deep - 1);
    CHECK_ERR(sev_path_join(deep, "b", out), SEV_E_BAD_NAME);
    deep[SEV_FS_PATH_MAX - 3] = '\0';
    CHECK_OK(sev_path_join(deep, "b", out));
    CHECK_ERR(sev_path_join(deep, "bb", out), SEV_E_BAD_NAME);
}
