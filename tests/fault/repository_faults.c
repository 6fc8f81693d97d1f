/* Each call to the system fails in turn while a repository is made, signed and published: readers
 * see the old files or the new ones, and the next run gets there. REQ-REP-12
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"
#include "faulty_fs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEW_IMAGE "sup/new.img"

static void drop(struct desk *d)
{
    char command[600];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", d->dir);
    CHECK_EQ(system(command), 0);
}

/* Old: the new image is not listed. New: it is, with its bytes, and so is everything else. */
static bool sees_new(struct desk *d, struct reader *r)
{
    bool old_one = false, new_one = false;
    (void)d;
    CHECK_OK(reader_refresh(r));
    CHECK_OK(reader_find(r, "oem/a.img", &old_one));
    CHECK(old_one);
    CHECK_OK(reader_find(r, NEW_IMAGE, &new_one));
    return new_one;
}

/* A repository with an image that is signed and not yet published. `rotated`: and a root that gives
 * every role of it other keys; the old ones sign, too. */
static void about_to_publish(struct desk *d, bool rotated)
{
    desk_images(d);
    CHECK_OK(desk_add(d, NEW_IMAGE, "an image that is new", "supplier"));
    if (rotated) {
        CHECK_OK(desk_rotate(d, "targets", SPARE_1));
        CHECK_OK(desk_rotate(d, "snapshot", SPARE_2));
        CHECK_OK(desk_rotate(d, "timestamp", SPARE_3));
    }
    CHECK_OK(desk_ceremony(d, DESK_EVERYBODY));
}

/* And one of our own that nobody has signed: it stays behind. */
static void about_to_publish_in_part(struct desk *d)
{
    about_to_publish(d, false);
    CHECK_OK(desk_add(d, "oem/unsigned.img", "not yet", NULL));
}

enum { OFFERS = 8 }; /* versions of targets that people may be asked to sign */

static const char *offer_path(const struct desk *d, int version)
{
    char name[64];
    (void)snprintf(name, sizeof name, "staged/native.%d.targets.tbs", version);
    return desk_has(d, name) ? desk_path(d, name) : NULL;
}

/* Whatever happened: what somebody may have signed is never offered again with other bytes. */
static void check_offers(struct desk *d)
{
    uint8_t *offers[OFFERS];
    size_t len[OFFERS];
    for (int v = 0; v < OFFERS; v++) {
        const char *path = offer_path(d, v);
        offers[v] = path != NULL ? sev_test_read(path, &len[v]) : NULL;
    }
    sev_err e = desk_add(d, "oem/another.img", "another", NULL);
    if (e != SEV_E_CONFLICT) { /* else it is being published, and nothing changes before that */
        CHECK_OK(e);
        CHECK_OK(desk_ceremony(d, 0));
    }
    for (int v = 0; v < OFFERS; v++) {
        const char *path = offer_path(d, v);
        if (path != NULL && offers[v] != NULL) {
            size_t now_len = 0;
            uint8_t *now = sev_test_read(path, &now_len);
            CHECK(sev_slice_eq(sev_slice_of(now, now_len), sev_slice_of(offers[v], len[v])));
            free(now);
        }
        free(offers[v]);
    }
}

enum trial { FAILED, SUCCEEDED, NOT_REACHED };

static enum trial try_publish(const struct desk *start, struct faulty_fs *f, uint32_t n,
                              enum sev_repository_publish_how as)
{
    struct desk d;
    struct reader r;
    desk_copy(&d, start);
    reader_new(&r, &d);
    CHECK(!sees_new(&d, &r));
    faulty_fs_arm(f, n);
    d.fs = &f->fs;
    sev_err e = desk_publish_as(&d, DESK_ONLINE, as);
    CHECK_EQ(f->live_blocks, 0);
    CHECK_EQ(f->open_files, 0);
    bool fired = f->fired;
    bool visible = sees_new(&d, &r);
    if (e == SEV_OK)
        CHECK(visible);
    d.fs = &d.real;
    if (as == SEV_PUBLISH_READY)
        check_offers(&d);
    CHECK_OK(desk_publish_as(&d, DESK_ONLINE, as)); /* the next run gets there */
    CHECK(sees_new(&d, &r));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    reader_free(&r);
    drop(&d);
    return !fired ? NOT_REACHED : e == SEV_OK ? SUCCEEDED : FAILED;
}

static void each_call_of_publish(enum faulty_how how, unsigned kinds, int error,
                                 enum sev_repository_publish_how as)
{
    struct desk start;
    struct faulty_fs f;
    uint32_t n = 1, failed = 0;
    if (as == SEV_PUBLISH_READY)
        about_to_publish_in_part(&start);
    else
        about_to_publish(&start, false);
    faulty_fs_init(&f);
    f.how = how;
    f.kinds = kinds;
    f.error = error;
    f.from_then_on = how == FAULTY_TEAR; /* the disk stays full */
    for (enum trial t = FAILED; t != NOT_REACHED; n++) {
        t = try_publish(&start, &f, n, as);
        failed += t == FAILED;
    }
    print_message("publish makes %u calls; %u failures were reported\n", n - 2, failed);
    CHECK(n > 20);
    CHECK(how == FAULTY_SHORT ? failed == 0 : failed > 20);
}

TEST(repository_faults__each_call_of_publish_fails__old_or_new_and_the_next_run_gets_there)
{
    each_call_of_publish(FAULTY_ERROR, FAULTY_ALL, EIO, SEV_PUBLISH_ALL);
}

TEST(repository_faults__each_call_of_a_partial_publish_fails__old_or_new_and_the_rest_stays)
{
    each_call_of_publish(FAULTY_ERROR, FAULTY_ALL, EIO, SEV_PUBLISH_READY);
}

TEST(repository_faults__a_disk_that_fills_up_in_publish__old_or_new)
{
    each_call_of_publish(FAULTY_TEAR, FAULTY_WRITE | FAULTY_OPEN | FAULTY_MKDIR | FAULTY_SYNC,
                         ENOSPC, SEV_PUBLISH_ALL);
}

TEST(repository_faults__reads_and_writes_of_publish_come_up_short__nobody_notices)
{
    each_call_of_publish(FAULTY_SHORT, FAULTY_READ | FAULTY_WRITE, EIO, SEV_PUBLISH_ALL);
}

/* ----------------------------------------------------------------- kill -9 */

static void kill_at_each_call(struct desk start, enum sev_repository_publish_how as)
{
    bool killed = true;
    uint32_t n = 1, as_before = 0, as_after = 0;
    for (; killed; n++) {
        struct desk d;
        struct reader r;
        desk_copy(&d, &start);
        reader_new(&r, &d);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            struct faulty_fs f;
            faulty_fs_init(&f);
            f.how = FAULTY_KILL;
            /* Between two calls that change something, one moment is as good as another. */
            f.kinds = FAULTY_WRITE | FAULTY_SYNC | FAULTY_RENAME | FAULTY_UNLINK | FAULTY_MKDIR;
            faulty_fs_arm(&f, n);
            d.fs = &f.fs;
            _exit(desk_publish_as(&d, DESK_EVERYBODY, as) == SEV_OK ? 0 : 1);
        }
        int status = 0;
        CHECK_EQ(waitpid(child, &status, 0), child);
        killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        if (!killed)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        bool visible = sees_new(&d, &r);
        as_before += killed && !visible;
        as_after += killed && visible;
        if (as == SEV_PUBLISH_READY)
            check_offers(&d);
        CHECK_OK(desk_publish_as(&d, DESK_EVERYBODY, as));
        CHECK(sees_new(&d, &r));
        CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
        reader_free(&r);
        drop(&d);
    }
    print_message("killed at %u calls: %u times the old state, %u times the new\n", n - 2,
                  as_before, as_after);
    CHECK(as_before > 20 && as_after > 1);
}

TEST(repository_faults__killed_at_each_call_of_publish__old_or_new_and_the_next_run_gets_there)
{
    struct desk start;
    about_to_publish(&start, false);
    kill_at_each_call(start, SEV_PUBLISH_ALL);
}

TEST(repository_faults__killed_at_each_call_of_a_partial_publish__no_version_with_other_bytes)
{
    struct desk start;
    about_to_publish_in_part(&start);
    kill_at_each_call(start, SEV_PUBLISH_READY);
}

/* The root comes last where both key sets signed: nobody notices the change. */
TEST(repository_faults__killed_at_each_call_while_all_keys_change__readers_never_notice)
{
    struct desk start;
    about_to_publish(&start, true);
    kill_at_each_call(start, SEV_PUBLISH_ALL);
}

/* A publisher that is killed again and again, and a reader that never stops verifying. */
static void publish_for_ever(struct desk *d)
{
    for (int i = 0;; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "oem/%d-%d.img", (int)getpid(), i);
        sev_err e = desk_publish(d, DESK_EVERYBODY); /* what the one before left */
        if (e == SEV_OK || e == SEV_E_SIGNATURE)
            e = desk_add(d, name, name, NULL);
        if (e == SEV_OK && i % 2 == 1) /* and now and then the keys change */
            e = desk_rotate(d, "timestamp", i % 4 == 1 ? SPARE_3 : TIMESTAMP);
        if (e == SEV_OK)
            e = desk_ceremony(d, DESK_EVERYBODY);
        if (e == SEV_OK)
            e = desk_publish(d, DESK_EVERYBODY);
        if (e != SEV_OK && e != SEV_E_SIGNATURE) {
            (void)fprintf(stderr, "publisher: %s: %s\n", sev_err_id(e), d->note.text);
            _exit(1);
        }
    }
}

static sev_err read_once(struct reader *r)
{
    static const char *const images[] = {"oem/a.img", "sup/b.img"};
    bool found = true;
    sev_err e = reader_refresh(r);
    for (int i = 0; e == SEV_OK && found && i < 2; i++)
        e = reader_find(r, images[i], &found);
    return found ? e : SEV_E_NOT_FOUND;
}

enum { CYCLES, NEWS, ROOTS, OVERTAKEN, COUNTS };

/* Who looked for a new root before one publication changed the keys, and gets the timestamp of the
 * next one, which the old keys do not sign any more, was overtaken twice: then the next cycle must
 * succeed. Any other fault ends the reader. */
static void read_for_ever(const struct desk *d, int report)
{
    struct reader r;
    int64_t last = 0;
    uint32_t counts[COUNTS] = {0};
    bool overtaken = false;
    reader_new(&r, d);
    for (;;) {
        sev_err e = read_once(&r);
        bool forgiven = e == SEV_E_SIGNATURE && strcmp(r.walk.role, "timestamp") == 0 && !overtaken;
        if (e != SEV_OK && !forgiven) {
            (void)fprintf(stderr, "reader: %s in %s\n", sev_err_id(e), r.walk.role);
            _exit(1);
        }
        overtaken = forgiven;
        counts[OVERTAKEN] += forgiven;
        counts[CYCLES]++;
        if (!forgiven) {
            counts[NEWS] += r.walk.targets.common.version != last;
            last = r.walk.targets.common.version;
            counts[ROOTS] = (uint32_t)r.walk.root.common.version;
        }
        if (pwrite(report, counts, sizeof counts, 0) != (ssize_t)sizeof counts)
            _exit(1);
    }
}

TEST(repository_faults__publisher_killed_again_and_again__a_reader_never_sees_a_fault)
{
    struct desk d;
    uint32_t counts[COUNTS] = {0};
    desk_images(&d);
    (void)desk_public(SPARE_3); /* made here: all processes have it */
    FILE *report = tmpfile();
    CHECK(report != NULL);
    pid_t reader = fork();
    CHECK(reader >= 0);
    if (reader == 0)
        read_for_ever(&d, fileno(report));
    srand(7); /* when the kill comes depends on the machine anyway */
    for (int i = 0; i < 50; i++) {
        pid_t publisher = fork();
        CHECK(publisher >= 0);
        if (publisher == 0)
            publish_for_ever(&d);
        struct timespec pause = {0, 20000000 + rand() % 130 * 1000000L};
        (void)nanosleep(&pause, NULL);
        int status = 0;
        CHECK_EQ(kill(publisher, SIGKILL), 0);
        CHECK_EQ(waitpid(publisher, &status, 0), publisher);
        CHECK(WIFSIGNALED(status)); /* it did not end by itself: no fault of its own */
        CHECK_EQ(waitpid(reader, &status, WNOHANG), 0); /* nor did the reader */
    }
    CHECK_EQ(kill(reader, SIGKILL), 0);
    CHECK_EQ(waitpid(reader, NULL, 0), reader);
    CHECK_EQ(pread(fileno(report), counts, sizeof counts, 0), (ssize_t)sizeof counts);
    (void)fclose(report);
    print_message("reader: %u cycles, %u versions, %u roots seen; overtaken %u times\n",
                  counts[CYCLES], counts[NEWS], counts[ROOTS], counts[OVERTAKEN]);
    CHECK(counts[CYCLES] > 50 && counts[NEWS] > 2);
    CHECK(counts[OVERTAKEN] * 20 <= counts[CYCLES]);
    sev_err e = desk_publish(&d, DESK_EVERYBODY);
    if (e == SEV_E_SIGNATURE) { /* killed in the middle of a ceremony */
        CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
        e = desk_publish(&d, DESK_EVERYBODY);
    }
    CHECK_OK(e);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

/* --------------------------------------------------------- init and assemble */

TEST(repository_faults__each_call_of_init_fails__nothing_or_a_repository_that_can_be_signed)
{
    static const enum faulty_how hows[] = {FAULTY_ERROR, FAULTY_TEAR, FAULTY_SHORT};
    struct desk_plan p;
    struct faulty_fs f;
    desk_plan_of(&p, SEV_REPOSITORY_REGULATOR);
    faulty_fs_init(&f);
    for (int i = 0; i < 3; i++) {
        f.how = hows[i];
        for (uint32_t n = 1;; n++) {
            struct desk d;
            desk_new(&d);
            d.fs = &f.fs;
            faulty_fs_arm(&f, n);
            sev_err e = desk_init(&d, &p);
            CHECK_EQ(f.live_blocks, 0);
            CHECK_EQ(f.open_files, 0);
            bool fired = f.fired;
            d.fs = &d.real;
            if (!desk_has(&d, "repository.json")) {
                CHECK(e != SEV_OK);
                CHECK_OK(desk_init(&d, &p)); /* as if nothing had been */
            }
            CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
            sev_err last = desk_publish(&d, DESK_ONLINE);
            if (last != SEV_OK)
                print_message("call %u: %s\n", n, d.note.text);
            CHECK_OK(last);
            CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_REGULATOR, NULL), 0);
            drop(&d);
            if (!fired) {
                CHECK_OK(e);
                CHECK(n > 20);
                break;
            }
        }
    }
}

static sev_slice read_state(const struct desk *d, uint8_t **out)
{
    size_t len = 0;
    *out = sev_test_read(desk_path(d, "repository.json"), &len);
    return sev_slice_of(*out, len);
}

TEST(repository_faults__each_call_of_assemble_fails__all_signatures_or_none)
{
    struct desk start;
    struct sev_repository_staged s;
    struct faulty_fs f;
    uint8_t bytes[2][SEV_SIGNATURE_FILE_BYTES_MAX];
    sev_slice files[2];
    struct desk_plan p;
    desk_new(&start);
    desk_plan_of(&p, SEV_REPOSITORY_IMAGES);
    CHECK_OK(desk_init(&start, &p));
    struct sev_repository *r = desk_open(&start);
    CHECK(sev_repository_staged_at(r, 0, &s) && strcmp(s.role, "root") == 0);
    sev_repository_close(r);
    for (int i = 0; i < 2; i++) {
        sev_buf b = sev_buf_of(bytes[i], sizeof bytes[i]);
        desk_sign(&start, s.file, SEV_EMPTY, i == 0 ? ROOT_1 : ROOT_3, &b);
        files[i] = sev_buf_slice(&b);
    }
    uint8_t *before, *after;
    sev_slice old = read_state(&start, &before);
    faulty_fs_init(&f);
    for (uint32_t n = 1;; n++) {
        struct desk d;
        desk_copy(&d, &start);
        faulty_fs_arm(&f, n);
        r = NULL;
        sev_err e = sev_repository_open(&f.fs, d.dir, SEV_REPOSITORY_WRITE, &d.note, &r);
        if (e == SEV_OK)
            e = sev_repository_assemble(r, files, 2, false);
        sev_repository_close(r);
        CHECK_EQ(f.live_blocks, 0);
        CHECK_EQ(f.open_files, 0);
        bool same = sev_slice_eq(read_state(&d, &after), old);
        free(after);
        r = desk_open(&d);
        CHECK(sev_repository_staged_at(r, 0, &s));
        CHECK_EQ(s.complete, !same);
        CHECK_EQ(s.signatures, same ? 0 : 2);
        sev_repository_close(r);
        drop(&d);
        if (e == SEV_OK)
            CHECK(!same);
        if (!f.fired) {
            CHECK_OK(e);
            CHECK(n > 10);
            break;
        }
    }
    free(before);
}

/* Adding an image: the pool may have bytes too many, the list never has an image without bytes. */
TEST(repository_faults__each_call_of_add_fails__listed_with_its_bytes_or_not_at_all)
{
    struct desk start;
    struct faulty_fs f;
    desk_images(&start);
    faulty_fs_init(&f);
    for (uint32_t n = 1;; n++) {
        struct desk d;
        struct reader reader;
        bool found = false;
        desk_copy(&d, &start);
        faulty_fs_arm(&f, n);
        d.fs = &f.fs;
        sev_err e = desk_add(&d, "oem/new.img", "new bytes", NULL);
        CHECK_EQ(f.live_blocks, 0);
        CHECK_EQ(f.open_files, 0);
        bool fired = f.fired;
        d.fs = &d.real;
        CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
        CHECK_OK(desk_publish(&d, DESK_ONLINE));
        reader_new(&reader, &d);
        CHECK_OK(reader_refresh(&reader));
        CHECK_OK(reader_find(&reader, "oem/new.img", &found));
        if (e == SEV_OK)
            CHECK(found);
        reader_free(&reader);
        drop(&d);
        if (!fired) {
            CHECK_OK(e);
            CHECK(n > 20);
            break;
        }
    }
}
