/* What happens to repositories: folders that were not copied, files that are gone, clocks, years of
 * neglect, names that no file can have. Each is refused before anything is decided, says what to do
 * next, and that helps. REQ-REP-12 SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"

#include <stdlib.h>
#include <unistd.h>

#define BIT(key) (1ul << (key))
#define DAY 86400
#define PART_MAX 126 /* with a SHA-512 in hex and a dot before it: 255 */

/* In the repository's folder. */
static void run(const struct desk *d, const char *what)
{
    char command[700];
    (void)snprintf(command, sizeof command, "cd '%s' && %s", d->dir, what);
    CHECK_EQ(system(command), 0);
}

static void check_good(struct desk *d)
{
    CHECK_EQ(desk_lint_errors(d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

static sev_err refresh(struct desk *d)
{
    return desk_publish_as(d, DESK_ONLINE, SEV_PUBLISH_REFRESH);
}

/* ---------------------------------------------------------------- not copied */

TEST(repository_mishaps__empty_folders_were_not_copied__made_again)
{
    struct desk d;
    desk_images(&d);
    run(&d, "rm -r staged && rm -rf pool trust");
    CHECK_OK(desk_add(&d, "sup/c.img", "c", "supplier"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    run(&d, "rm -r staged");
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    check_good(&d);
}

/* Of what was staged some files are missing, and one is another's. */
TEST(repository_mishaps__half_of_staged_was_copied__stage_writes_it_again_and_signatures_stay)
{
    struct desk d;
    desk_images(&d);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_OK(desk_add(&d, "sup/c.img", "c", "supplier"));
    CHECK_OK(desk_ceremony(&d, BIT(SUPPLIER)));
    run(&d, "rm staged/native.*.supplier.tbs && echo x >staged/native.3.targets.tbs");
    CHECK_OK(desk_ceremony(&d, BIT(TARGETS)));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    check_good(&d);
}

TEST(repository_mishaps__a_staged_file_is_gone_when_its_signature_comes__stage_helps)
{
    struct desk d;
    struct sev_repository_staged s;
    uint8_t bytes[SEV_SIGNATURE_FILE_BYTES_MAX];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    desk_images(&d);
    CHECK_OK(desk_add(&d, "sup/c.img", "c", "supplier"));
    CHECK_OK(desk_ceremony(&d, 0));
    struct sev_repository *r = desk_open(&d);
    CHECK(sev_repository_staged_at(r, 0, &s) && strcmp(s.role, "supplier") == 0);
    desk_sign(&d, s.file, SEV_EMPTY, SUPPLIER, &b);
    sev_slice file = sev_buf_slice(&b);
    CHECK_EQ(unlink(s.file), 0);
    CHECK_ERR(sev_repository_assemble(r, &file, 1, false), SEV_E_NOT_FOUND);
    CHECK(strstr(d.note.text, "\nsecureev repo stage writes it again") != NULL);
    sev_repository_close(r);
    CHECK_OK(desk_ceremony(&d, 0));
    r = desk_open(&d);
    CHECK_OK(sev_repository_assemble(r, &file, 1, false)); /* the same bytes, so it still holds */
    sev_repository_close(r);
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    check_good(&d);
}

TEST(repository_mishaps__the_public_folder_is_gone__said_even_when_nothing_is_to_do)
{
    struct desk d;
    desk_images(&d);
    run(&d, "mv public elsewhere");
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_STORE);
    CHECK(strstr(d.note.text, "1.root.json was published and is gone\nput it back") != NULL);
    CHECK_ERR(refresh(&d), SEV_E_STORE);
    run(&d, "mv elsewhere public");
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    check_good(&d);
}

/* Found out before the decision: otherwise it could neither go forward nor be edited. */
TEST(repository_mishaps__an_images_bytes_are_gone__not_published_and_added_again)
{
    struct desk d;
    desk_images(&d);
    CHECK_OK(desk_add(&d, "sup/c.img", "these are gone", "supplier"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    run(&d, "rm pool/*");
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_NOT_FOUND);
    CHECK(strstr(d.note.text, "sup/c.img are gone\nsecureev repo add") != NULL);
    CHECK_EQ(desk_version(&d, "supplier"), 1);
    CHECK_OK(desk_add(&d, "sup/c.img", "these are gone", "supplier"));
    CHECK_OK(desk_publish(&d, DESK_ONLINE)); /* the signatures still hold */
    CHECK_EQ(desk_version(&d, "supplier"), 2);
    check_good(&d);
}

/* --------------------------------------------------------------------- names */

TEST(repository_mishaps__a_name_that_no_file_can_have__refused_when_it_is_given)
{
    struct desk d;
    char name[300];
    bool found = false;
    struct reader reader;
    desk_images(&d);
    (void)snprintf(name, sizeof name, "oem/%0*d", PART_MAX + 1, 7);
    CHECK_ERR(desk_add(&d, name, "x", NULL), SEV_E_BAD_NAME);
    (void)snprintf(name, sizeof name, "%0256d/a", 7);
    CHECK_ERR(desk_add(&d, name, "x", NULL), SEV_E_BAD_NAME);
    (void)snprintf(name, sizeof name, "oem/%0*d", PART_MAX, 7);
    CHECK_OK(desk_add(&d, name, "x", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    CHECK_OK(reader_find(&reader, name, &found));
    CHECK(found);
    reader_free(&reader);
}

/* ---------------------------------------------------------------------- time */

/* Nobody looked after it for a year: without a root that is fresh no vehicle updates. */
TEST(repository_mishaps__the_root_has_expired__stage_makes_it_anew)
{
    struct desk d;
    struct reader reader;
    desk_images(&d);
    reader_new(&reader, &d);
    d.now += 400 * (sev_time)DAY;
    CHECK_ERR(refresh(&d), SEV_E_EXPIRED);
    CHECK(strstr(d.note.text, "root") != NULL); /* who, not which file was looked for last */
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "root"), 2);
    reader.now = d.now;
    CHECK_OK(reader_refresh(&reader));
    CHECK_EQ(reader.walk.root.common.version, 2);
    reader_free(&reader);
}

/* One supplier's neglect is not in the others' way. */
TEST(repository_mishaps__a_suppliers_file_has_expired__the_others_go_on)
{
    struct desk d;
    desk_images(&d);
    d.now += 200 * (sev_time)DAY; /* targets, too */
    CHECK_OK(desk_ceremony(&d, BIT(TARGETS)));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "targets"), 3);
    CHECK_EQ(desk_version(&d, "supplier"), 1);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, "expired"), 2); /* the file, the search */
}

TEST(repository_mishaps__a_clock_at_the_end_of_time__refused_and_said)
{
    struct desk d;
    desk_images(&d);
    sev_time now = d.now;
    d.now = SEV_TIME_MAX;
    CHECK_ERR(refresh(&d), SEV_E_CONFIG);
    CHECK(strstr(d.note.text, "clock") != NULL);
    d.now = now + 6 * (sev_time)DAY;
    CHECK_OK(refresh(&d));
    check_good(&d);
}

TEST(repository_mishaps__when_it_was_changed_last__is_known)
{
    struct desk d;
    desk_images(&d);
    struct sev_repository *r = desk_open(&d);
    CHECK_EQ(sev_repository_latest(r), d.now);
    sev_repository_close(r);
    d.now += DAY;
    CHECK_OK(desk_ceremony(&d, 0));
    r = desk_open(&d);
    CHECK_EQ(sev_repository_latest(r), d.now);
    sev_repository_close(r);
    d.now += DAY;
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    r = desk_open(&d);
    CHECK_EQ(sev_repository_latest(r), d.now);
    sev_repository_close(r);
}

/* ------------------------------------------------------------------- and says */

TEST(repository_mishaps__too_few_signatures__whose_are_missing)
{
    struct desk d;
    char expected[80];
    desk_images(&d);
    CHECK_OK(desk_add(&d, "sup/c.img", "c", "supplier"));
    CHECK_OK(desk_ceremony(&d, 0));
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_SIGNATURE);
    (void)snprintf(expected, sizeof expected, "it needs 1 more, of the keys %.12s",
                   desk_id(SUPPLIER));
    CHECK(strstr(d.note.text, expected) != NULL);
}
