/* What a repository lists and whom it trusts: everything that must be refused is, by name, and
 * leaves the folder as it was. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"

#include "secureev/messages.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void new_of(struct desk *d, sev_repository_kind kind)
{
    struct desk_plan p;
    desk_new(d);
    desk_plan_of(&p, kind);
    CHECK_OK(desk_init(d, &p));
}

static void empty_images(struct desk *d)
{
    new_of(d, SEV_REPOSITORY_IMAGES);
}

static uint8_t *state_of(struct desk *d, size_t *out_len)
{
    return sev_test_read(desk_path(d, "repository.json"), out_len);
}

/* ------------------------------------------------------------------- images */

static const char *const hw[] = {"hw"};

static struct sev_repository_image good_image(struct desk *d)
{
    static char file[800];
    (void)snprintf(file, sizeof file, "%s.bytes", d->dir);
    sev_test_write(file, SEV_LIT("some bytes"));
    return (struct sev_repository_image){.name = "oem/x.img",
                                         .file = file,
                                         .hardware_ids = {hw, 1},
                                         .release_counter = 3,
                                         .version = "3.0"};
}

static void refuse_image(struct desk *d, const struct sev_repository_image *image, sev_err expected)
{
    size_t before_len, after_len;
    uint8_t *before = state_of(d, &before_len);
    struct sev_repository *r = desk_open(d);
    CHECK_ERR(sev_repository_add_image(r, image), expected);
    CHECK(d->note.text[0] != '\0');
    sev_repository_close(r);
    uint8_t *after = state_of(d, &after_len);
    CHECK_SLICE(sev_slice_of(after, after_len), sev_slice_of(before, before_len));
    free(before);
    free(after);
}

TEST(repository_content__a_good_image__listed_with_everything_that_was_said)
{
    struct desk d;
    empty_images(&d);
    struct sev_repository_image image = good_image(&d);
    static const char *const needs[] = {"oem/boot.img"}, *const against[] = {"oem/old.img"};
    struct sev_public p;
    struct sev_target t;
    image.min_release_counter = 2;
    image.format = "raw";
    image.group = "g";
    image.depends = (struct sev_texts){needs, 1};
    image.conflicts = (struct sev_texts){against, 1};
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_add_image(r, &image));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &p));
    const struct sev_targets *targets = &sev_public_find(&p, "targets")->targets;
    CHECK_OK(sev_targets_find(targets, SEV_PROFILE_NATIVE, SEV_LIT("oem/x.img"), &t));
    CHECK_EQ(t.length, 10);
    CHECK(t.hashes.has_sha256 && t.hashes.has_sha512);
    CHECK_TEXT(t.hardware_ids, "[\"hw\"]");
    CHECK_TEXT(t.match, "{\"conflicts\":[\"oem/old.img\"],\"depends\":[\"oem/boot.img\"],"
                        "\"format\":\"raw\",\"group\":\"g\",\"hardwareIds\":[\"hw\"],"
                        "\"minReleaseCounter\":2,\"releaseCounter\":3,\"version\":\"3.0\"}");
    sev_public_close(&p);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

/* One name per digest, the same bytes under both. REQ-REP-07 */
TEST(repository_content__two_digests__two_names_with_the_same_bytes)
{
    struct desk d;
    empty_images(&d);
    char command[1600];
    CHECK_OK(desk_add(&d, "oem/x.img", "some bytes", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    (void)snprintf(command, sizeof command,
                   "cd '%s/public/targets/oem' && test $(ls | wc -l) = 2 && "
                   "for f in *; do test \"$(cat $f)\" = 'some bytes' || exit 1; done && "
                   "test -f $(printf 'some bytes' | sha256sum | cut -c1-64).x.img && "
                   "test -f $(printf 'some bytes' | sha512sum | cut -c1-128).x.img",
                   d.dir);
    CHECK_EQ(system(command), 0);
    CHECK(!desk_has(&d, "public/targets/oem/x.img"));
    (void)snprintf(command, sizeof command, "test -z \"$(ls '%s/pool')\"", d.dir);
    CHECK_EQ(system(command), 0); /* nothing is kept twice */
}

TEST(repository_content__names_that_leave_or_confuse__refused)
{
    static const char *const names[] = {"",     "/x",   "../x", "a/../x", "a//x",        "x/",
                                        "a\\b", "C:x",  "a\nb", "\x7f",   "caf\xc3\xa9", "a\"b",
                                        ".",    "a/./b"};
    struct desk d;
    empty_images(&d);
    struct sev_repository_image image = good_image(&d);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        image.name = names[i];
        refuse_image(&d, &image, SEV_E_BAD_NAME);
    }
    char longest[SEV_NAME_BYTES_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    image.name = longest;
    refuse_image(&d, &image, SEV_E_BAD_NAME);
}

/* The file is called DIGEST.NAME. */
TEST(repository_content__the_longest_name_of_a_file__published_and_no_longer_one)
{
    struct desk d;
    empty_images(&d);
    char name[300];
    struct sev_repository_image image = good_image(&d);
    memset(name, 'x', sizeof name);
    memcpy(name + 255, "/y", 3);
    CHECK_OK(desk_add(&d, name, "some bytes", NULL));
    name[126] = '\0';
    CHECK_OK(desk_add(&d, name, "some bytes", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    name[126] = 'x';
    name[127] = '\0';
    image.name = name;
    refuse_image(&d, &image, SEV_E_BAD_NAME);
    memset(name, 'x', 256);
    memcpy(name + 256, "/y", 3);
    refuse_image(&d, &image, SEV_E_BAD_NAME);
}

TEST(repository_content__an_image_without_what_it_needs__refused)
{
    static const char *const twice[] = {"hw", "hw"}, *const empty[] = {""};
    struct desk d;
    empty_images(&d);
    struct sev_repository_image image = good_image(&d);
    image.hardware_ids.count = 0;
    refuse_image(&d, &image, SEV_E_USAGE);
    image.hardware_ids = (struct sev_texts){twice, 2};
    refuse_image(&d, &image, SEV_E_USAGE);
    image.hardware_ids = (struct sev_texts){empty, 1};
    refuse_image(&d, &image, SEV_E_BAD_NAME);
    image = good_image(&d);
    image.min_release_counter = 4; /* nobody could ever install it */
    refuse_image(&d, &image, SEV_E_USAGE);
    image = good_image(&d);
    image.release_counter = -1;
    refuse_image(&d, &image, SEV_E_USAGE);
    image = good_image(&d);
    image.version = "";
    refuse_image(&d, &image, SEV_E_BAD_NAME);
    image = good_image(&d);
    image.file = "/nowhere/at/all";
    refuse_image(&d, &image, SEV_E_NOT_FOUND);
    image.file = d.dir;
    refuse_image(&d, &image, SEV_E_UNSAFE_FILE);
}

TEST(repository_content__roles_that_are_not_there_or_not_trusted__refused)
{
    struct desk d;
    empty_images(&d);
    struct sev_repository_image image = good_image(&d);
    image.role = "nobody";
    refuse_image(&d, &image, SEV_E_NOT_FOUND);
    CHECK_OK(desk_delegate(&d, "supplier", SUPPLIER, "sup/*", NULL));
    image.role = "supplier";
    refuse_image(&d, &image, SEV_E_DELEGATION); /* oem/x.img */
    image.name = "sup/deep/x.img";              /* a star stays within its folder */
    refuse_image(&d, &image, SEV_E_DELEGATION);
    image.name = "sup/x.img";
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_add_image(r, &image));
    sev_repository_close(r);
}

TEST(repository_content__a_name_that_stands_for_other_bytes__refused)
{
    struct desk d;
    empty_images(&d);
    CHECK_OK(desk_add(&d, "oem/x.img", "first bytes", NULL));
    struct sev_repository_image image = good_image(&d);
    refuse_image(&d, &image, SEV_E_EXISTS);
    CHECK_OK(desk_add(&d, "oem/x.img", "first bytes", NULL)); /* the same: fine */
}

TEST(repository_content__bytes_that_change_in_the_pool__never_published)
{
    struct desk d;
    empty_images(&d);
    char command[900];
    CHECK_OK(desk_add(&d, "oem/x.img", "first bytes", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    (void)snprintf(command, sizeof command,
                   "for f in '%s'/pool/*; do printf 'other bytes' >$f; done", d.dir);
    CHECK_EQ(system(command), 0);
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_IMAGE_HASH);
    CHECK(!desk_has(&d, "public/timestamp.json"));
    CHECK(!desk_has(&d, "public/1.root.json"));
    /* And it is not too late: the right bytes, and all is well. */
    CHECK_OK(desk_add(&d, "oem/x.img", "first bytes", NULL));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(desk_has(&d, "public/timestamp.json"));
}

TEST(repository_content__removing__by_name_and_by_role)
{
    struct desk d;
    empty_images(&d);
    CHECK_OK(desk_delegate(&d, "supplier", SUPPLIER, "oem/*", NULL));
    CHECK_OK(desk_add(&d, "oem/x.img", "x", NULL));
    CHECK_OK(desk_add(&d, "oem/x.img", "x", "supplier"));
    struct sev_repository *r = desk_open(&d);
    CHECK_ERR(sev_repository_remove_image(r, "oem/y.img", NULL), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_repository_remove_image(r, "oem/x.img", NULL), SEV_E_AMBIGUOUS);
    CHECK_OK(sev_repository_remove_image(r, "oem/x.img", "supplier"));
    CHECK_OK(sev_repository_remove_image(r, "oem/x.img", NULL));
    CHECK_ERR(sev_repository_remove_image(r, "oem/x.img", NULL), SEV_E_NOT_FOUND);
    sev_repository_close(r);
}

/* ----------------------------------------------------------- Director, Regulator */

static const struct desk *source(void)
{
    static struct desk d;
    static bool made;
    if (!made)
        desk_images(&d);
    made = true;
    return &d;
}

static struct sev_repository_source from_source(void)
{
    static char folder[800];
    (void)snprintf(folder, sizeof folder, "%s/public", source()->dir);
    return (struct sev_repository_source){.folder = folder, .now = DESK_NOW};
}

static sev_err assign_from(struct desk *d, const struct sev_repository_source *from,
                           const char *name, const char *serial, const char *hardware,
                           const char *encryption)
{
    struct sev_repository_assignment a = {
        .name = name, .serials = {&serial, 1}, .hardware_ids = {&hardware, 1}};
    if (encryption != NULL)
        a.encryption = sev_slice_of(encryption, strlen(encryption));
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_assign(r, from, &a);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

static sev_err assign(struct desk *d, const char *name, const char *serial, const char *hardware)
{
    struct sev_repository_source from = from_source();
    return assign_from(d, &from, name, serial, hardware, NULL);
}

TEST(repository_content__assignments_that_a_vehicle_would_refuse__refused_here)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_DIRECTOR);
    struct sev_repository_source from = from_source();
    CHECK_ERR(assign(&d, "oem/none.img", "P1", "hw"), SEV_E_NOT_FOUND);
    CHECK_ERR(assign(&d, "oem/a.img", "P1", "other"), SEV_E_WRONG_HARDWARE);
    CHECK_ERR(assign(&d, "oem/a.img", "", "hw"), SEV_E_BAD_NAME);
    CHECK_ERR(assign_from(&d, &from, "oem/a.img", "P1", "hw", "{}"), SEV_E_DOWNGRADE);
    from.now += 40 * 86400; /* Images' timestamp lives seven days */
    CHECK_ERR(assign_from(&d, &from, "oem/a.img", "P1", "hw", NULL), SEV_E_EXPIRED);
    from.folder = "/nowhere";
    struct desk other;
    new_of(&other, SEV_REPOSITORY_DIRECTOR);
    CHECK_ERR(assign_from(&other, &from, "oem/a.img", "P1", "hw", NULL), SEV_E_NOT_FOUND);
    struct desk images;
    empty_images(&images);
    from = from_source();
    CHECK_ERR(assign_from(&images, &from, "oem/a.img", "P1", "hw", NULL), SEV_E_CONFIG);
}

TEST(repository_content__an_ecu_gets_another_image__the_old_one_gives_way)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_DIRECTOR);
    CHECK_OK(assign(&d, "oem/a.img", "P1", "hw"));
    CHECK_OK(assign(&d, "sup/b.img", "P1", "hw"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_DIRECTOR, NULL), 0);
    struct sev_public p;
    struct sev_target t;
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &p));
    const struct sev_targets *targets = &sev_public_find(&p, "targets")->targets;
    CHECK_ERR(sev_targets_find(targets, SEV_PROFILE_NATIVE, SEV_LIT("oem/a.img"), &t),
              SEV_E_NOT_FOUND);
    CHECK_OK(sev_targets_find(targets, SEV_PROFILE_NATIVE, SEV_LIT("sup/b.img"), &t));
    CHECK_TEXT(t.ecu_identifiers, "{\"P1\":{\"hardwareId\":\"hw\"}}");
    CHECK_EQ(targets->delegations.len, 0);
    sev_public_close(&p);
}

TEST(repository_content__a_bundle_whose_groups_do_not_fit__not_staged)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_DIRECTOR);
    static const char *const wrong[] = {"P1,S9"}, *const twice[] = {"P1", "P1"},
                             *const right[] = {"P1"};
    const struct {
        const char *const *groups;
        size_t count;
        sev_err expected;
    } rows[] = {{wrong, 1, SEV_E_BUNDLE}, {twice, 2, SEV_E_BUNDLE}, {right, 1, SEV_OK}};
    CHECK_OK(assign(&d, "oem/a.img", "P1", "hw"));
    for (size_t i = 0; i < 3; i++) {
        struct sev_repository_bundle b = {
            .id = "b", .version = 1, .groups = {rows[i].groups, rows[i].count}};
        struct sev_repository *r = desk_open(&d);
        CHECK_OK(sev_repository_set_bundle(r, &b));
        CHECK_ERR(sev_repository_stage(r, d.now, false), rows[i].expected);
        sev_repository_close(r);
    }
}

/* What was trusted of Images once sets a floor. REQ-VER-25 */
TEST(repository_content__the_source_goes_back_in_time__refused)
{
    struct desk images, d;
    new_of(&d, SEV_REPOSITORY_DIRECTOR);
    struct desk before;
    desk_copy(&before, source());
    desk_copy(&images, source());
    CHECK_OK(desk_add(&images, "oem/c.img", "c", NULL));
    CHECK_OK(desk_ceremony(&images, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&images, DESK_ONLINE));
    char newer[800], older[800];
    (void)snprintf(newer, sizeof newer, "%s/public", images.dir);
    (void)snprintf(older, sizeof older, "%s/public", before.dir);
    struct sev_repository_source from = {.folder = newer, .now = DESK_NOW};
    CHECK_OK(assign_from(&d, &from, "oem/c.img", "P1", "hw", NULL));
    from.folder = older;
    CHECK_ERR(assign_from(&d, &from, "oem/a.img", "P1", "hw", NULL), SEV_E_VERSION_ROLLBACK);
}

TEST(repository_content__a_forged_source__refused)
{
    struct desk images, d;
    new_of(&d, SEV_REPOSITORY_DIRECTOR);
    size_t len;
    desk_copy(&images, source());
    char folder[800], root[800];
    (void)snprintf(folder, sizeof folder, "%s/public", images.dir);
    (void)snprintf(root, sizeof root, "%s/public/1.root.json", images.dir);
    uint8_t *text = sev_test_read(desk_path(&images, "public/timestamp.json"), &len);
    char *version = strstr((char *)text, "\"version\":");
    CHECK(version != NULL);
    version[10] = '9';
    sev_test_write(desk_path(&images, "public/timestamp.json"), sev_slice_of(text, len));
    free(text);
    struct sev_repository_source from = {.folder = folder, .root = root, .now = DESK_NOW};
    CHECK_ERR(assign_from(&d, &from, "oem/a.img", "P1", "hw", NULL), SEV_E_SIGNATURE);
}

static sev_err attest(struct desk *d, const char *name, const struct sev_repository_review *review)
{
    struct sev_repository_source from = from_source();
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_attest(r, &from, name, review);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

static sev_err withdraw(struct desk *d, const char *name,
                        const struct sev_repository_review *review)
{
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_withdraw(r, name, d->now, review);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

/* Where the search finds the image, and what the entry says of the decision. */
static void check_decision(struct desk *d, const char *name, const char *role,
                           sev_review_decision decision, int64_t counter)
{
    struct sev_public p;
    struct sev_target t;
    struct sev_attestation a;
    struct reader reader;
    bool found = false;
    CHECK_OK(desk_ceremony(d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(d, DESK_ONLINE));
    reader_new(&reader, d);
    CHECK_OK(reader_refresh(&reader));
    (void)reader_find(&reader, name, &found); /* a Regulator has no bytes */
    CHECK(found);
    CHECK_SLICE(sev_slice_of(reader.walk.listing.role, reader.walk.listing.role_len),
                sev_slice_of(role, strlen(role)));
    CHECK_EQ(reader.walk.listing.has_match, decision == SEV_DECISION_ATTESTED);
    reader_free(&reader);
    CHECK_OK(sev_public_open(&d->real, desk_path(d, "public"), SEV_PROFILE_NATIVE, NULL, &p));
    CHECK_OK(sev_targets_find(&sev_public_find(&p, role)->targets, SEV_PROFILE_NATIVE,
                              sev_slice_of(name, strlen(name)), &t));
    sev_slice said = sev_json_get(t.custom, "attestation");
    CHECK_EQ(said.len != 0, counter != 0);
    if (counter != 0) {
        CHECK_OK(sev_attestation_decode(said, &a));
        CHECK_EQ(a.decision, decision);
        CHECK_EQ(a.counter, counter);
    }
    sev_public_close(&p);
    CHECK_EQ(desk_lint_errors(d, SEV_REPOSITORY_REGULATOR, NULL), 0);
}

TEST(repository_content__attested_withdrawn_and_granted_again__found_where_it_belongs)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_REGULATOR);
    static const char *const scanners[] = {"trivy=0.50", "ours=2"};
    char report[800];
    (void)snprintf(report, sizeof report, "%s.report", d.dir);
    sev_test_write(report, SEV_LIT("no findings"));
    struct sev_repository_review review = {
        .regulator = "eu", .report = report, .scanners = {scanners, 2}};
    CHECK_OK(attest(&d, "oem/a.img", &review));
    check_decision(&d, "oem/a.img", "attestations", SEV_DECISION_ATTESTED, 1);
    CHECK_OK(withdraw(&d, "oem/a.img", &review));
    check_decision(&d, "oem/a.img", "withdrawals", SEV_DECISION_WITHDRAWN, 2);
    CHECK_OK(attest(&d, "oem/a.img", &review));
    check_decision(&d, "oem/a.img", "attestations", SEV_DECISION_ATTESTED, 3);
    review.refused = true;
    CHECK_OK(attest(&d, "sup/b.img", &review));
    check_decision(&d, "sup/b.img", "withdrawals", SEV_DECISION_REFUSED, 1);
}

TEST(repository_content__reviews_that_are_not_whole__refused)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_REGULATOR);
    static const char *const scanner[] = {"trivy=0.50"}, *const bad[] = {"trivy"};
    char report[800];
    (void)snprintf(report, sizeof report, "%s.report", d.dir);
    sev_test_write(report, SEV_LIT("no findings"));
    struct sev_repository_review review = {.regulator = "eu", .scanners = {scanner, 1}};
    CHECK_ERR(attest(&d, "oem/a.img", &review), SEV_E_USAGE); /* no report */
    review = (struct sev_repository_review){.regulator = "eu", .report = report};
    CHECK_ERR(attest(&d, "oem/a.img", &review), SEV_E_USAGE); /* no scanner */
    review.scanners = (struct sev_texts){bad, 1};
    CHECK_ERR(attest(&d, "oem/a.img", &review), SEV_E_USAGE);
    review = (struct sev_repository_review){.regulator = NULL};
    CHECK_ERR(attest(&d, "oem/none.img", &review), SEV_E_NOT_FOUND);
    CHECK_ERR(withdraw(&d, "oem/a.img", &review), SEV_E_NOT_FOUND);
    struct desk images;
    empty_images(&images);
    CHECK_ERR(attest(&images, "oem/a.img", &review), SEV_E_CONFIG);
    CHECK_OK(attest(&d, "oem/a.img", &review)); /* nothing said is fine */
    check_decision(&d, "oem/a.img", "attestations", SEV_DECISION_ATTESTED, 0);
}

/* One reviewer stops an image, two are needed to let it in. DESIGN 2 */
TEST(repository_content__one_reviewer__may_withdraw_and_not_attest)
{
    struct desk d;
    new_of(&d, SEV_REPOSITORY_REGULATOR);
    struct sev_repository_review review = {.regulator = NULL};
    CHECK_OK(attest(&d, "oem/a.img", &review));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(withdraw(&d, "oem/a.img", &review));
    CHECK_ERR(withdraw(&d, "oem/a.img", &review), SEV_E_EXISTS);
    CHECK_OK(desk_ceremony(&d, 1ul << REVIEWER_2));
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_SIGNATURE); /* attestations without it */
    CHECK_OK(desk_publish_as(&d, DESK_ONLINE, SEV_PUBLISH_READY));
    CHECK_EQ(desk_version(&d, "withdrawals"), 2);
    CHECK_EQ(desk_version(&d, "attestations"), 2);
    struct reader reader;
    bool found = false;
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    (void)reader_find(&reader, "oem/a.img", &found);
    CHECK(found && !reader.walk.listing.has_match);
    reader_free(&reader);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_REGULATOR, NULL), 0);
    CHECK_OK(desk_ceremony(&d, 1ul << REVIEWER_1)); /* later the other signs, too */
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "attestations"), 3);
    CHECK_OK(attest(&d, "sup/b.img", &review));
    CHECK_OK(desk_ceremony(&d, 1ul << REVIEWER_2));
    CHECK_OK(desk_publish_as(&d, DESK_ONLINE, SEV_PUBLISH_READY));
    CHECK_EQ(desk_version(&d, "attestations"), 3); /* one alone lets nothing in */
}

/* ---------------------------------------------------------------- delegations */

struct asked {
    const char *parent, *name;
    const char *paths[2];
    bool terminating;
    const char *with;
    uint32_t min_roles;
    const char *before;
};

static sev_err delegate(struct desk *d, const struct asked *a)
{
    struct sev_repository_role roles[2] = {
        {.name = a->name, .keys = {.keys = desk_public(SUPPLIER), .count = 1, .threshold = 1}},
        {.name = a->with, .keys = {.keys = desk_public(TIER), .count = 1, .threshold = 1}}};
    struct sev_repository_delegate how = {.parent = a->parent,
                                          .roles = roles,
                                          .role_count = a->with != NULL ? 2 : 1,
                                          .min_roles = a->min_roles,
                                          .paths = {a->paths, a->paths[0] == NULL   ? 0
                                                              : a->paths[1] == NULL ? 1
                                                                                    : 2},
                                          .terminating = a->terminating,
                                          .before = a->before};
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_delegate_to(r, &how);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

TEST(repository_content__delegations_that_must_not_be__refused_by_name)
{
    static const struct {
        struct asked asked;
        sev_err expected;
    } rows[] = {
        {{.name = "a/b", .paths = {"x/*"}}, SEV_E_BAD_NAME},
        {{.name = "root", .paths = {"x/*"}}, SEV_E_BAD_NAME},
        {{.name = ".hidden", .paths = {"x/*"}}, SEV_E_BAD_NAME},
        {{.name = "", .paths = {"x/*"}}, SEV_E_BAD_NAME},
        {{.name = "caf\xc3\xa9", .paths = {"x/*"}}, SEV_E_BAD_NAME},
        {{.name = "a", .paths = {NULL}}, SEV_E_USAGE},
        {{.name = "a", .paths = {""}}, SEV_E_USAGE},
        {{.name = "a", .paths = {"x\"/*"}}, SEV_E_USAGE},
        {{.name = "a", .paths = {"x/*"}, .parent = "nobody"}, SEV_E_NOT_FOUND},
        {{.name = "a", .paths = {"x/*"}, .before = "nobody"}, SEV_E_NOT_FOUND},
        {{.name = "a", .paths = {"x/*"}, .with = "a", .min_roles = 2}, SEV_E_USAGE},
        {{.name = "a", .paths = {"x/*"}, .with = "b", .min_roles = 1}, SEV_E_DELEGATION},
        {{.name = "a", .paths = {"x/*"}, .with = "b", .min_roles = 3}, SEV_E_DELEGATION},
    };
    struct desk d;
    empty_images(&d);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_ERR(delegate(&d, &rows[i].asked), rows[i].expected);
    struct desk director;
    new_of(&director, SEV_REPOSITORY_DIRECTOR);
    CHECK_ERR(delegate(&director, &(struct asked){.name = "a", .paths = {"x/*"}}),
              SEV_E_DELEGATION); /* REQ-DIR-04 */
}

/* {what the supplier delegates below, what it is reached by terminating}: do they meet? */
TEST(repository_content__terminating_to_a_role_that_delegates_for_those_paths__refused)
{
    static const struct {
        const char *below, *above;
        bool meet;
    } rows[] = {
        {"sup/*", "sup/*", true},     {"sup/a*", "sup/*b", true}, {"sup/a*", "sup/b*", false},
        {"sup/t/*", "sup/*", false},  {"sup/?x", "sup/a?", true}, {"sup/?x", "sup/ab", false},
        {"sup/*a*", "sup/*b*", true}, {"sup/x", "sup/x", true},   {"sup/x", "sup/xy", false},
        {"*/x", "sup/*", true},       {"*", "sup/x", false},      {"sup/*.img", "sup/*.bin", false},
        {"sup/**", "sup/", true},     {"s?p/x", "sup/x", true},   {"sup/a?c", "sup/a*d", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct asked below = {.parent = "supplier", .name = "tier", .paths = {rows[i].below}};
        struct asked above = {.name = "supplier", .paths = {rows[i].above}, .terminating = true};
        struct asked honest = {.name = "supplier", .paths = {"*", "*/*"}};
        struct desk d;
        empty_images(&d);
        CHECK_OK(delegate(&d, &honest));
        CHECK_OK(delegate(&d, &below));
        CHECK_ERR(delegate(&d, &above), rows[i].meet ? SEV_E_DELEGATION : SEV_OK);
        empty_images(&d); /* and the other way round */
        CHECK_OK(delegate(&d, &above));
        CHECK_ERR(delegate(&d, &below), rows[i].meet ? SEV_E_DELEGATION : SEV_OK);
    }
}

TEST(repository_content__order__is_the_one_that_was_asked_for)
{
    struct desk d;
    empty_images(&d);
    struct sev_public p;
    CHECK_OK(delegate(&d, &(struct asked){.name = "one", .paths = {"x/*"}}));
    CHECK_OK(delegate(&d, &(struct asked){.name = "two", .paths = {"x/*"}}));
    CHECK_OK(delegate(&d, &(struct asked){.name = "first", .paths = {"x/*"}, .before = "one"}));
    CHECK_OK(desk_add(&d, "x/a.img", "a", "two"));
    CHECK_OK(desk_add(&d, "x/a.img", "a", "first"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &p));
    const struct sev_targets *t = &sev_public_find(&p, "targets")->targets;
    static const char *const order[] = {"first", "one", "two"};
    sev_json j = sev_json_at(t->delegation_roles);
    sev_json_array(&j);
    for (int i = 0; i < 3; i++) {
        struct sev_delegation one;
        CHECK(sev_json_element(&j));
        CHECK_OK(sev_delegation_parse(&j, t->delegation_keys, SEV_PROFILE_NATIVE, &one));
        CHECK(sev_json_str_is(one.roles[0].name, order[i]));
    }
    CHECK(!sev_json_element(&j));
    sev_public_close(&p);
    CHECK(desk_lint_says(&d, SEV_REPOSITORY_IMAGES, false, "shadowed"));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_content__two_of_two_roles_must_list_it__clients_want_both)
{
    struct desk d;
    empty_images(&d);
    struct reader reader;
    bool found = true;
    struct asked both = {.name = "one", .with = "two", .min_roles = 2, .paths = {"x/*"}};
    CHECK_OK(delegate(&d, &both));
    CHECK_OK(desk_add(&d, "x/a.img", "a", "one"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    CHECK_OK(reader_find(&reader, "x/a.img", &found));
    CHECK(!found);
    CHECK(desk_lint_says(&d, SEV_REPOSITORY_IMAGES, true, "unreachable"));
    CHECK_OK(desk_add(&d, "x/a.img", "a", "two"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(reader_refresh(&reader));
    CHECK_OK(reader_find(&reader, "x/a.img", &found));
    CHECK(found);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    struct sev_repository *r = desk_open(&d);
    CHECK_ERR(sev_repository_undelegate(r, "one", NULL), SEV_E_DELEGATION);
    CHECK_ERR(sev_repository_undelegate(r, "nobody", NULL), SEV_E_NOT_FOUND);
    sev_repository_close(r);
    reader_free(&reader);
}

/* ----------------------------------------------------------------- the state */

TEST(repository_content__a_damaged_state__refused_and_never_guessed)
{
    static const struct {
        const char *find, *replace;
    } rows[] = {
        {"\"format\":1", "\"format\":2"},
        {"\"format\":1", "\"format\":1,\"future\":1"},
        {"\"kind\":\"images\"", "\"kind\":\"image\""},
        {"\"kind\":\"images\",", ""},
        {"\"claimed\":", "\"claim\":"},
        {"\"name\":\"targets\"", "\"name\":\"tergets\""},
        {"\"threshold\":1", "\"threshold\":9"},
        {"\"releasing\":false", "\"releasing\":0"},
        {"\"profile\":\"native\"", "\"profile\":\"other\""},
        {"\"keys\":[{", "\"keys\":[{\"x\":1,"},
        {"\"retired\":false", "\"retired\":1"},
        {"\"days\":", "\"days\":-"},
        {"\"documents\":[", "\"vehicle\":\"x\",\"documents\":["},
        {"\"expires\":", "\"expire\":"},
        {",\"terminating\":false", ""},
        {"\"minRoles\":1,", ""},
        {"\"retired\":false,", ""},
        {"{\"documents\"", "{ \"documents\""},
    };
    struct desk d;
    size_t len;
    desk_images(&d);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_stage(r, d.now, false));
    sev_repository_close(r);
    char *text = (char *)state_of(&d, &len);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *edited = malloc(len + 100);
        char *at = strstr(text, rows[i].find);
        CHECK(edited != NULL && at != NULL);
        int n = snprintf(edited, len + 100, "%.*s%s%s", (int)(at - text), text, rows[i].replace,
                         at + strlen(rows[i].find));
        sev_test_write(desk_path(&d, "repository.json"), sev_slice_of(edited, (size_t)n));
        sev_err e = sev_repository_open(&d.real, d.dir, 0, &d.note, &r);
        if (i == sizeof rows / sizeof rows[0] - 1) { /* blanks are no damage */
            CHECK_OK(e);
            sev_repository_close(r);
        } else if (e != SEV_E_STORE) {
            fail_msg("row %zu: %s", i, sev_err_id(e));
        }
        free(edited);
    }
    sev_test_write(desk_path(&d, "repository.json"), sev_slice_of(text, len / 2));
    CHECK_ERR(sev_repository_open(&d.real, d.dir, 0, &d.note, &r), SEV_E_STORE);
    free(text);
    CHECK_EQ(unlink(desk_path(&d, "repository.json")), 0);
    CHECK_ERR(sev_repository_open(&d.real, d.dir, 0, &d.note, &r), SEV_E_NOT_FOUND);
}

static void no_time(void *self, unsigned ms)
{
    (void)self;
    (void)ms;
}

TEST(repository_content__two_writers__one_waits_and_then_gives_up)
{
    struct desk d;
    empty_images(&d);
    struct sev_repository *first = desk_open(&d), *second = NULL, *reader = NULL;
    struct sev_fs quick = d.real;
    quick.sleep_ms = no_time;
    CHECK_ERR(sev_repository_open(&quick, d.dir, SEV_REPOSITORY_WRITE, &d.note, &second),
              SEV_E_BUSY);
    CHECK_OK(sev_repository_open(&d.real, d.dir, 0, &d.note, &reader)); /* readers may */
    sev_repository_close(reader);
    sev_repository_close(first);
    second = desk_open(&d);
    sev_repository_close(second);
}
