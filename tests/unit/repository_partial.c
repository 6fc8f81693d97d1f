/* publish --partial: what is complete goes out and needs nothing that is not; what is not stays
 * staged, with its signatures; at no moment does a reader find anything wrong. REQ-REP-12
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "desk.h"

#define BIT(key) (1ul << (key))

static sev_err publish_ready(struct desk *d)
{
    return desk_publish_as(d, DESK_ONLINE | BIT(SPARE_1) | BIT(SPARE_2), SEV_PUBLISH_READY);
}

static sev_err publish_all(struct desk *d)
{
    return desk_publish(d, DESK_ONLINE | BIT(SPARE_1) | BIT(SPARE_2));
}

static void sign(struct desk *d, unsigned long keys)
{
    CHECK_OK(desk_ceremony(d, keys));
}

static void check_good(struct desk *d)
{
    CHECK_EQ(desk_lint_errors(d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

/* What is staged of a role; version 0: nothing. */
static struct sev_repository_staged staged(struct desk *d, const char *role)
{
    struct sev_repository *r = desk_open(d);
    struct sev_repository_staged s;
    for (size_t i = 0; sev_repository_staged_at(r, i, &s); i++)
        if (strcmp(s.role, role) == 0) {
            sev_repository_close(r);
            s.role = s.waits = NULL; /* they went with the repository */
            return s;
        }
    sev_repository_close(r);
    memset(&s, 0, sizeof s);
    return s;
}

/* What the repository says is public; 0: nothing. */
static int64_t published(struct desk *d, const char *role)
{
    struct sev_repository *r = desk_open(d);
    struct sev_repository_published p;
    int64_t version = 0;
    for (size_t i = 0; sev_repository_published_at(r, i, &p); i++)
        if (strcmp(p.role, role) == 0)
            version = p.version;
    sev_repository_close(r);
    return version;
}

/* publish --partial, and what it says of a role that could not go out. */
static void publish_ready_and_say(struct desk *d, const char *role, const char *why)
{
    struct sev_repository_signer signer = desk_signer(DESK_ONLINE | BIT(SPARE_1) | BIT(SPARE_2));
    struct sev_repository *r = desk_open(d);
    struct sev_repository_staged s;
    bool said = false;
    CHECK_OK(sev_repository_publish(r, d->now, SEV_PUBLISH_READY, &signer));
    CHECK_EQ(d->note.text[0], '\0');
    for (size_t i = 0; sev_repository_staged_at(r, i, &s); i++) {
        if (s.waits != NULL)
            CHECK(s.complete);
        if (strcmp(s.role, role) == 0 && s.waits != NULL)
            said = strstr(s.waits, why) != NULL;
    }
    sev_repository_close(r);
    if (!said)
        fail_msg("%s does not wait for \"%s\"", role, why);
}

/* A second supplier, whose news must go out whatever the others are at. */
static void with_two_suppliers(struct desk *d)
{
    desk_images(d);
    CHECK_OK(desk_delegate(d, "other", SPARE_3, "other/*", NULL));
    CHECK_OK(desk_add(d, "other/a.img", "of the other supplier", "other"));
    sign(d, DESK_EVERYBODY);
    CHECK_OK(publish_all(d));
    CHECK_OK(desk_add(d, "other/urgent.img", "cannot wait", "other"));
}

static void check_urgent(struct desk *d)
{
    struct reader r;
    bool found = false;
    reader_new(&r, d);
    CHECK_OK(reader_refresh(&r));
    CHECK_OK(reader_find(&r, "other/urgent.img", &found));
    CHECK(found);
    reader_free(&r);
    check_good(d);
}

TEST(repository_partial__first_publication_without_everything__not_published)
{
    struct desk_plan p;
    struct desk d;
    desk_new(&d);
    desk_plan_of(&p, SEV_REPOSITORY_IMAGES);
    CHECK_OK(desk_init(&d, &p));
    sign(&d, BIT(TARGETS));
    CHECK_ERR(publish_ready(&d), SEV_E_SIGNATURE);
    CHECK(strstr(d.note.text, "root") != NULL);
    CHECK_EQ(desk_version(&d, "targets"), 0);
    sign(&d, BIT(ROOT_1) | BIT(ROOT_2));
    CHECK_OK(publish_ready(&d));
    check_good(&d);
}

TEST(repository_partial__nothing_is_complete__fine_and_nothing_changes)
{
    struct desk d;
    desk_images(&d);
    int64_t timestamp = staged(&d, "timestamp").version;
    CHECK_OK(desk_add(&d, "sup/c.img", "c", "supplier"));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "supplier"), 1);
    CHECK_EQ(desk_version(&d, "snapshot"), 1);
    CHECK_EQ(timestamp, 0);
    CHECK_EQ(staged(&d, "supplier").version, 2);
    check_good(&d);
}

TEST(repository_partial__a_root_is_waiting__what_is_complete_goes_out_under_the_old_one)
{
    struct desk d;
    with_two_suppliers(&d);
    CHECK_OK(desk_rotate(&d, "timestamp", SPARE_1));
    sign(&d, BIT(ROOT_1) | BIT(SPARE_3));
    CHECK_ERR(publish_all(&d), SEV_E_SIGNATURE);
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "root"), 1);
    check_urgent(&d);
    sign(&d, BIT(ROOT_2)); /* the first signature was kept */
    CHECK_OK(publish_all(&d));
    CHECK_EQ(desk_version(&d, "root"), 2);
    check_good(&d);
}

/* What people signed for the next root must not get lost when something goes out before it. */
TEST(repository_partial__signed_for_the_next_root__stays_with_its_signatures)
{
    struct desk d;
    with_two_suppliers(&d);
    int64_t before = desk_version(&d, "targets");
    CHECK_OK(desk_rotate(&d, "targets", SPARE_1));
    sign(&d, BIT(ROOT_1) | BIT(SPARE_1) | BIT(SPARE_3)); /* targets: by the new key alone */
    CHECK_EQ(staged(&d, "targets").signatures, 1);
    CHECK_OK(publish_ready(&d));
    check_urgent(&d);
    CHECK_EQ(desk_version(&d, "targets"), before);
    CHECK_EQ(staged(&d, "targets").version, before + 1);
    CHECK_EQ(staged(&d, "targets").signatures, 1);
    sign(&d, BIT(ROOT_2));
    CHECK_OK(publish_all(&d));
    CHECK_EQ(desk_version(&d, "targets"), before + 1);
    check_good(&d);
}

TEST(repository_partial__signed_for_both_roots__goes_out_before_the_next_one)
{
    struct desk d;
    desk_images(&d);
    int64_t before = desk_version(&d, "targets");
    CHECK_OK(desk_rotate(&d, "targets", SPARE_1));
    sign(&d, BIT(ROOT_1) | BIT(SPARE_1) | BIT(TARGETS));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "targets"), before + 1);
    CHECK_EQ(desk_version(&d, "root"), 1);
    check_good(&d);
    sign(&d, BIT(ROOT_2));
    CHECK_OK(publish_all(&d));
    CHECK_EQ(desk_version(&d, "targets"), before + 1);
    CHECK_EQ(desk_version(&d, "root"), 2);
    check_good(&d);
}

/* Signed by the old holder alone it would do today, and be in the next root's way. */
TEST(repository_partial__signed_for_the_old_root_alone__stays)
{
    struct desk d;
    desk_images(&d);
    int64_t before = desk_version(&d, "targets");
    CHECK_OK(desk_rotate(&d, "targets", SPARE_1));
    CHECK_OK(desk_add(&d, "oem/new.img", "new", NULL));
    sign(&d, BIT(TARGETS));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "targets"), before);
    check_good(&d);
    sign(&d, BIT(ROOT_1) | BIT(ROOT_2) | BIT(SPARE_1));
    CHECK_OK(publish_all(&d));
    CHECK_EQ(desk_version(&d, "targets"), before + 1);
    check_good(&d);
}

TEST(repository_partial__the_root_is_signed_and_targets_are_not__it_waits_for_them)
{
    struct desk d;
    with_two_suppliers(&d);
    CHECK_OK(desk_rotate(&d, "targets", SPARE_1));
    sign(&d, BIT(ROOT_1) | BIT(ROOT_2) | BIT(SPARE_3));
    publish_ready_and_say(&d, "root", "targets");
    CHECK_EQ(desk_version(&d, "root"), 1);
    check_urgent(&d);
    sign(&d, BIT(SPARE_1));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "root"), 2);
    check_good(&d);
}

/* Names leave the snapshot with a root that changes the online keys; the targets that are public
 * would still send readers there. */
TEST(repository_partial__a_root_that_lets_names_go__waits_for_the_revocation)
{
    struct desk d;
    with_two_suppliers(&d);
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_undelegate(r, "supplier", NULL));
    desk_done(r);
    CHECK_OK(desk_rotate(&d, "snapshot", SPARE_1));
    CHECK_OK(desk_rotate(&d, "timestamp", SPARE_2));
    sign(&d, BIT(ROOT_1) | BIT(ROOT_2) | BIT(SPARE_3));
    publish_ready_and_say(&d, "root", "targets is not ready");
    CHECK_EQ(desk_version(&d, "root"), 1);
    check_urgent(&d);
    sign(&d, BIT(TARGETS));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "root"), 2);
    check_good(&d);
}

TEST(repository_partial__trusted_and_not_there_yet__who_trusts_it_waits)
{
    struct desk d;
    with_two_suppliers(&d);
    int64_t targets = desk_version(&d, "targets");
    CHECK_OK(desk_delegate(&d, "tier", TIER, "t/*", NULL));
    sign(&d, BIT(TARGETS) | BIT(SPARE_3));
    publish_ready_and_say(&d, "targets", "tier, whose file is not there");
    CHECK_EQ(desk_version(&d, "targets"), targets);
    check_urgent(&d);
    sign(&d, BIT(TIER));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "targets"), targets + 1);
    check_good(&d);
}

/* Of a chain of new roles the last is not signed: all above it wait, one because of the other. */
TEST(repository_partial__a_chain_whose_end_is_missing__waits_up_to_the_top)
{
    struct desk d;
    with_two_suppliers(&d);
    int64_t targets = desk_version(&d, "targets");
    CHECK_OK(desk_delegate(&d, "tier", TIER, "t/*", NULL));
    CHECK_OK(desk_delegate(&d, "tier-2", REVIEWER_1, "t/*", "tier"));
    sign(&d, BIT(TARGETS) | BIT(TIER) | BIT(SPARE_3));
    publish_ready_and_say(&d, "tier", "tier-2, whose file is not there");
    CHECK_EQ(desk_version(&d, "targets"), targets);
    CHECK_EQ(desk_version(&d, "tier"), 0);
    check_urgent(&d);
    sign(&d, BIT(REVIEWER_1));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "tier-2"), 1);
    check_good(&d);
}

TEST(repository_partial__there_and_not_trusted_yet__no_harm)
{
    struct desk d;
    desk_images(&d);
    int64_t targets = desk_version(&d, "targets");
    CHECK_OK(desk_delegate(&d, "tier", TIER, "t/*", NULL));
    sign(&d, BIT(TIER));
    CHECK_OK(publish_ready(&d));
    CHECK_EQ(desk_version(&d, "targets"), targets);
    CHECK_EQ(desk_version(&d, "tier"), 1);
    check_good(&d);
    sign(&d, BIT(TARGETS));
    CHECK_OK(publish_all(&d));
    check_good(&d);
}

TEST(repository_partial__a_supplier_changes_keys__both_files_or_none)
{
    for (int side = 0; side < 2; side++) {
        struct desk d;
        with_two_suppliers(&d);
        int64_t targets = desk_version(&d, "targets"), supplier = desk_version(&d, "supplier");
        CHECK_OK(desk_rotate(&d, "supplier", TIER));
        sign(&d, BIT(SPARE_3) | (side == 0 ? BIT(TARGETS) : BIT(TIER)));
        publish_ready_and_say(&d, side == 0 ? "targets" : "supplier", "is not signed as targets");
        CHECK_EQ(desk_version(&d, "targets"), targets);
        CHECK_EQ(desk_version(&d, "supplier"), supplier);
        check_urgent(&d);
        sign(&d, side == 0 ? BIT(TIER) : BIT(TARGETS));
        CHECK_OK(publish_ready(&d));
        CHECK_EQ(desk_version(&d, "targets"), targets + 1);
        CHECK_EQ(desk_version(&d, "supplier"), supplier + 1);
        check_good(&d);
    }
}

/* A refresh must keep the others fresh where one supplier's public file was damaged. */
TEST(repository_partial__a_public_file_was_damaged__a_refresh_goes_on_and_a_publication_stops)
{
    struct desk d;
    with_two_suppliers(&d);
    struct sev_repository_signer signer = desk_signer(DESK_ONLINE);
    int64_t before = published(&d, "timestamp");
    sev_test_write(desk_path(&d, "public/1.supplier.json"), SEV_LIT("{}"));
    d.now += 5 * 86400;
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_publish(r, d.now, SEV_PUBLISH_REFRESH, &signer));
    sev_repository_close(r);
    CHECK_EQ(published(&d, "timestamp"), before + 1);
    sign(&d, BIT(SPARE_3));
    CHECK_ERR(publish_ready(&d), SEV_E_STORE);
    CHECK_EQ(published(&d, "other"), 1);
}
