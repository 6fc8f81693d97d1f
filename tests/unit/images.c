/* Uploads to the Image repository: what is taken, what is refused by name, what becomes visible.
 * REQ-IMG-04 REQ-IMG-05 REQ-IMG-07 REQ-IMG-10  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uploads.h"

static struct uploads u;
static struct desk s;
static struct reader r;

/* A served repository, a supplier with something new, and a client that knows what was before. */
static void begin(void)
{
    uploads_new(&u);
    supplier_desk(&s, &u);
    reader_new(&r, &u.served);
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
}

static void unchanged(void)
{
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    CHECK(client_sees(&u, &r, "sup/b.img"));
    CHECK_EQ(desk_version(&u.served, "supplier"), 1);
    CHECK_EQ(desk_version(&u.served, "snapshot"), 1);
    reader_free(&r);
}

static int files_in(const char *kind)
{
    char path[500];
    struct sev_names names = {0};
    (void)snprintf(path, sizeof path, "%s/%s", u.work, kind);
    CHECK_OK(sev_dir_list(&u.served.real, path, 1000, &names));
    int count = (int)names.count;
    sev_names_free(&u.served.real, &names);
    return count;
}

/* ------------------------------------------------------------------- honest */

TEST(images__file_and_its_image__become_visible_together)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK(!u.result.published);
    CHECK_EQ(u.result.missing, 1);
    CHECK_EQ(u.missed.length, strlen(NEW_TEXT));
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    CHECK_EQ(desk_version(&u.served, "supplier"), 1);
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    CHECK(client_sees(&u, &r, "oem/a.img"));
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_ACCEPTED], 1);
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_PUBLISHED], 1);
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_REFUSED], 0);
    CHECK_EQ(files_in("roles") + files_in("images") + files_in("parts"), 0);
    CHECK_EQ(desk_lint_errors(&u.served, SEV_REPOSITORY_IMAGES, NULL), 0);
    reader_free(&r);
}

TEST(images__the_same_again__is_fine_and_changes_nothing)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_EQ(u.result.missing, 1);
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK_ERR(put_image(&u, &supplier, u.missed.path, NEW_TEXT), SEV_E_EXISTS);
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK(u.result.published);
    CHECK_EQ(desk_version(&u.served, "snapshot"), 2);
    reader_free(&r);
}

TEST(images__bytes_that_are_there__are_not_asked_for)
{
    begin();
    CHECK_OK(desk_add(&s, "sup/same.img", "the supplier's image", "supplier"));
    CHECK_OK(desk_add(&s, "sup/again.img", NEW_TEXT, "supplier"));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_ONLINE));
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_EQ(u.result.missing, 3); /* under another name they are not */
    CHECK_OK(put_image(&u, &supplier, u.missed.path, "the supplier's image"));
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_EQ(u.result.missing, 2);
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT)); /* one, under two names */
    CHECK(client_sees(&u, &r, "sup/same.img"));
    CHECK(client_sees(&u, &r, "sup/again.img"));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__interrupted_upload__goes_on_where_it_was)
{
    struct sev_images_part p, other;
    bool published = false;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    sev_slice path = sev_slice_of(u.missed.path, strlen(u.missed.path)), text = SEV_LIT(NEW_TEXT);
    CHECK_OK(sev_images_part_open(&u.im, &supplier, path, (int64_t)text.len, 0, &p));
    CHECK_ERR(sev_images_part_open(&u.im, &supplier, path, (int64_t)text.len, 0, &other),
              SEV_E_CONFLICT); /* one at a time */
    CHECK_OK(sev_images_part_append(&p, sev_slice_sub(text, 0, 9)));
    sev_images_part_close(&p);
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_EQ(u.missed.have, 9);
    CHECK_ERR(sev_images_part_open(&u.im, &supplier, path, (int64_t)text.len, 8, &p),
              SEV_E_CONFLICT);
    CHECK_OK(sev_images_part_open(&u.im, &supplier, path, (int64_t)text.len, 9, &p));
    CHECK_OK(sev_images_part_append(&p, sev_slice_sub(text, 9, text.len)));
    CHECK_ERR(sev_images_part_append(&p, SEV_LIT("x")), SEV_E_TOO_LONG);
    CHECK_OK(sev_images_part_finish(&u.im, &p));
    CHECK_OK(sev_images_release(&u.im, &u.call, &published));
    CHECK(published);
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__begun_anew_over_leftovers__is_whole)
{
    struct sev_images_part p;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    sev_slice path = sev_slice_of(u.missed.path, strlen(u.missed.path));
    CHECK_OK(sev_images_part_open(&u.im, &supplier, path, (int64_t)strlen(NEW_TEXT), 0, &p));
    CHECK_OK(sev_images_part_append(&p, SEV_LIT("something else")));
    sev_images_part_close(&p);
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

/* ------------------------------------------------------------ files refused */

TEST(images__role_of_somebody_else__refused)
{
    static const struct sev_images_supplier stranger = {"stranger", "suppl supplier2 upplier"};
    begin();
    CHECK_ERR(put_file(&u, &stranger, &s, "supplier"), SEV_E_WRONG_SUBJECT);
    CHECK_ERR(put_file(&u, &supplier, &s, "targets"), SEV_E_WRONG_SUBJECT);
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_REFUSED], 2);
    unchanged();
}

/* Edited, and signed rightly again: only one thing is wrong. */
static void refused(const char *find, const char *replace, sev_err why)
{
    begin();
    desk_forge(&s, "supplier", find, replace);
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), why);
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_REFUSED], 1);
    CHECK_EQ(files_in("roles"), 0);
    unchanged();
}

TEST(images__path_of_somebody_else__refused)
{
    refused("\"sup/new.img\"", "\"sup2/new.img\"", SEV_E_DELEGATION);
    CHECK(strstr(u.result.detail, "sup2/new.img") != NULL);
    refused("\"sup/new.img\"", "\"sup/x/new.img\"", SEV_E_DELEGATION);
    refused("\"sup/new.img\"", "\"t/a.img\"", SEV_E_DELEGATION);
}

TEST(images__name_that_leaves_the_folder__refused)
{
    refused("\"sup/new.img\"", "\"sup/../x\"", SEV_E_BAD_NAME);
    refused("\"sup/new.img\"", "\"sup/.new\"", SEV_E_BAD_NAME);
    refused("\"sup/new.img\"", "\"sup//new\"", SEV_E_BAD_NAME);
}

TEST(images__entry_that_no_client_takes__refused)
{
    refused("\"hardwareIds\":[\"hw\"],\"match\"", "\"hardwareIds\":[\"hx\"],\"match\"",
            SEV_E_DISAGREE);
    refused("\"releaseCounter\":1", "\"releaseCounter\":-1", SEV_E_MALFORMED);
}

TEST(images__expired_or_good_for_ever__refused)
{
    begin();
    s.now = u.served.now;
    u.call.now += 181ll * 86400; /* a delegated file lives 180 days */
    u.served.now = u.call.now;
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), SEV_E_EXPIRED);
    reader_free(&r);
    refused("\"expires\":\"2030", "\"expires\":\"2035", SEV_E_MALFORMED);
}

TEST(images__version__must_rise_and_be_the_one_that_is_said)
{
    begin();
    CHECK_ERR(put_version(&u, &supplier, &s, "supplier", 1), SEV_OK);
    CHECK(u.result.published); /* that very file */
    size_t len;
    uint8_t *bytes = sev_test_read(desk_path(&s, "public/2.supplier.json"), &len);
    CHECK_ERR(put_bytes(&u, &supplier, "supplier", 3, sev_slice_of(bytes, len)),
              SEV_E_META_MISMATCH);
    CHECK_OK(put_bytes(&u, &supplier, "supplier", 2, sev_slice_of(bytes, len)));
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    desk_forge(&s, "supplier", "\"version\":2", "\"version\":1");
    free(bytes);
    bytes = sev_test_read(desk_path(&s, "public/2.supplier.json"), &len);
    CHECK_ERR(put_bytes(&u, &supplier, "supplier", 1, sev_slice_of(bytes, len)),
              SEV_E_VERSION_ROLLBACK);
    free(bytes);
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__same_version_with_other_bytes__refused)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    desk_forge(&s, "supplier", "\"version\":\"1.0\"", "\"version\":\"1.1\"");
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), SEV_E_EQUIVOCATION); /* while it waits */
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), SEV_E_EQUIVOCATION); /* and published */
    reader_free(&r);
}

TEST(images__newer_file_while_one_waits__takes_its_place)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_OK(desk_add(&s, "sup/newer.img", "newer", "supplier"));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_ONLINE));
    CHECK_OK(put_version(&u, &supplier, &s, "supplier", 3));
    CHECK_EQ(u.result.missing, 2);
    CHECK_ERR(put_version(&u, &supplier, &s, "supplier", 2), SEV_E_CONFLICT);
    CHECK_OK(put_version(&u, &supplier, &s, "supplier", 3));
    CHECK_OK(put_image(&u, &supplier, u.missed.path, u.missed.length == 5 ? "newer" : NEW_TEXT));
    CHECK_OK(put_version(&u, &supplier, &s, "supplier", 3));
    CHECK_OK(put_image(&u, &supplier, u.missed.path, u.missed.length == 5 ? "newer" : NEW_TEXT));
    CHECK(client_sees(&u, &r, "sup/newer.img"));
    CHECK_EQ(desk_version(&u.served, "supplier"), 3);
    reader_free(&r);
}

/* Signed by too few, by another, or by nobody. */
static void refused_signed(const char *signatures, sev_err why)
{
    size_t len;
    begin();
    char *bytes = (char *)sev_test_read(desk_path(&s, "public/2.supplier.json"), &len);
    char *body = strstr(bytes, "\"signed\":");
    static char made[65536];
    CHECK(body != NULL);
    int n = snprintf(made, sizeof made, "{\"signatures\":[%s],%s", signatures, body);
    CHECK_ERR(put_bytes(&u, &supplier, "supplier", 2, sev_slice_of(made, (size_t)n)), why);
    free(bytes);
    unchanged();
}

TEST(images__without_the_signatures_that_are_needed__refused)
{
    refused_signed("", SEV_E_SIGNATURE);
    char other[300];
    (void)snprintf(other, sizeof other, "{\"keyid\":\"%s\",\"sig\":\"3006020101020101\"}",
                   desk_id(SUPPLIER));
    refused_signed(other, SEV_E_SIGNATURE);
}

TEST(images__garbage__refused)
{
    begin();
    CHECK_ERR(put_bytes(&u, &supplier, "supplier", 2, SEV_LIT("")), SEV_E_JSON_SYNTAX);
    CHECK_ERR(put_bytes(&u, &supplier, "supplier", 2, SEV_LIT("{}")), SEV_E_SIGNATURE);
    CHECK_ERR(put_bytes(&u, &desk_itself, "targets", 2, SEV_LIT("[1]")), SEV_E_MALFORMED);
    unchanged();
}

TEST(images__role_that_nobody_delegates_to__refused)
{
    begin();
    CHECK_OK(desk_delegate(&s, "tier", TIER, "sup/*", "supplier"));
    CHECK_OK(desk_add(&s, "sup/t.img", "tier's", "tier"));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_ONLINE));
    CHECK_ERR(put_file(&u, &supplier, &s, "tier"), SEV_E_DELEGATION);
    unchanged();
}

TEST(images__more_to_wait_for_than_allowed__refused)
{
    begin();
    u.im.pending_bytes_max = (int64_t)strlen(NEW_TEXT) - 1;
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), SEV_E_TOO_LONG);
    u.im.pending_bytes_max++;
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    unchanged();
}

/* ------------------------------------------------------------ bytes refused */

static sev_err open_part(const char *path, int64_t length, struct sev_images_part *p)
{
    return sev_images_part_open(&u.im, &supplier, sev_slice_of(path, strlen(path)), length, 0, p);
}

TEST(images__bytes_that_nobody_listed__refused)
{
    static const struct sev_images_supplier other = {"other", "tier"};
    struct sev_images_part p;
    char path[SEV_FS_PATH_MAX];
    int64_t length = (int64_t)strlen(NEW_TEXT);
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_ERR(open_part(u.missed.path, length + 1, &p), SEV_E_TOO_LONG);
    CHECK_ERR(open_part(u.missed.path, length - 1, &p), SEV_E_TOO_LONG);
    CHECK_ERR(put_image(&u, &other, u.missed.path, NEW_TEXT), SEV_E_NOT_FOUND);
    memcpy(path, u.missed.path, sizeof path);
    char *digest = strstr(path, "sup/") + 4;
    digest[0] = digest[0] == '0' ? '1' : '0';
    CHECK_ERR(open_part(path, length, &p), SEV_E_NOT_FOUND);
    memcpy(path, u.missed.path, sizeof path);
    memcpy(strstr(path, "new.img"), "nex", 3);
    CHECK_ERR(open_part(path, length, &p), SEV_E_NOT_FOUND);
    unchanged();
}

/* REQ-H02: no path leads out of the folder, and none has a second spelling. */
TEST(images__paths_that_are_not_an_images__refused)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const forms[] = {
        "",
        "targets",
        "targets/",
        "targets/%s",
        "%s.x",
        "x/%s.x",
        "targets/%s.",
        "targets//%s.x",
        "targets/../%s.x",
        "targets/a/../%s.x",
        "../%s.x",
        "/targets/%s.x",
        "targets/./%s.x",
        "targets/.a/%s.x",
        "targets/a/0%s.x",
        "timestamp.json",
        "targets/a/%s..x",
        "targets/a/%s.x/",
        "targets/a\\%s.x",
    };
    struct sev_images_part p;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char path[400];
        const char *at = strstr(forms[i], "%s");
        (void)snprintf(path, sizeof path, "%.*s%s%s",
                       (int)(at != NULL ? at - forms[i] : (long)strlen(forms[i])), forms[i],
                       at != NULL ? zeros : "", at != NULL ? at + 2 : "");
        sev_err e = open_part(path, 3, &p);
        CHECK(e == SEV_E_NOT_FOUND || e == SEV_E_BAD_NAME);
    }
    char upper[SEV_FS_PATH_MAX];
    memcpy(upper, u.missed.path, sizeof upper);
    for (char *c = strstr(upper, "sup/") + 4; *c != '.'; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    CHECK_ERR(open_part(upper, (int64_t)strlen(NEW_TEXT), &p), SEV_E_BAD_NAME);
    unchanged();
}

TEST(images__other_bytes_of_that_length__refused_and_not_kept)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_ERR(put_image(&u, &supplier, u.missed.path, "an image that is nev"), SEV_E_IMAGE_HASH);
    CHECK_EQ(files_in("parts") + files_in("images"), 0);
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__other_bytes_in_two_goes__refused_and_not_kept)
{
    struct sev_images_part p;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    int64_t length = (int64_t)strlen(NEW_TEXT);
    CHECK_OK(open_part(u.missed.path, length, &p));
    CHECK_OK(sev_images_part_append(&p, SEV_LIT("AN IMAGE")));
    sev_images_part_close(&p);
    CHECK_OK(sev_images_part_open(
        &u.im, &supplier, sev_slice_of(u.missed.path, strlen(u.missed.path)), length, 8, &p));
    CHECK_OK(sev_images_part_append(&p, sev_slice_sub(SEV_LIT(NEW_TEXT), 8, 99)));
    CHECK_ERR(sev_images_part_finish(&u.im, &p), SEV_E_IMAGE_HASH);
    CHECK_EQ(files_in("parts") + files_in("images"), 0);
    unchanged();
}

TEST(images__fewer_bytes__are_no_image)
{
    struct sev_images_part p;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_OK(open_part(u.missed.path, (int64_t)strlen(NEW_TEXT), &p));
    CHECK_OK(sev_images_part_append(&p, SEV_LIT("an image")));
    CHECK_ERR(sev_images_part_finish(&u.im, &p), SEV_E_TOO_LONG);
    unchanged();
}

/* Somebody who may write there puts a link in the place of what we write: it is not followed. */
TEST(images__link_in_the_place_of_a_part__not_followed)
{
    struct sev_images_part p;
    char link[600], hex[65];
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    memcpy(hex, strstr(u.missed.path, "sup/") + 4, 64);
    hex[64] = '\0';
    (void)snprintf(link, sizeof link, "%s/parts/%s", u.work, hex);
    CHECK_EQ(symlink(desk_path(&u.served, "repository.json"), link), 0);
    CHECK_ERR(open_part(u.missed.path, (int64_t)strlen(NEW_TEXT), &p), SEV_E_IO);
    unchanged();
}

/* REQ-H02: a link below the served folder leads nowhere. */
TEST(images__link_in_the_served_folder__nothing_goes_through_it)
{
    char command[1400];
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    (void)snprintf(command, sizeof command,
                   "cd '%s' && mv public/targets/sup elsewhere && ln -s ../../elsewhere "
                   "public/targets/sup && ls elsewhere | wc -l > before",
                   u.served.dir);
    CHECK_EQ(system(command), 0);
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_NOT_PUBLISHED], 1);
    (void)snprintf(command, sizeof command,
                   "cd '%s' && test $(ls elsewhere | wc -l) = $(cat before)", u.served.dir);
    CHECK_EQ(system(command), 0);
    CHECK_EQ(desk_version(&u.served, "supplier"), 1);
    (void)snprintf(command, sizeof command,
                   "cd '%s' && rm public/targets/sup && mv elsewhere public/targets/sup",
                   u.served.dir);
    CHECK_EQ(system(command), 0);
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

/* ------------------------------------------------------- the desk's own files */

TEST(images__new_delegation_and_its_first_file__come_out_together)
{
    static const struct sev_images_supplier tier = {"tier", "tier"};
    begin();
    int64_t before = desk_version(&u.served, "targets");
    CHECK_OK(desk_delegate(&s, "tier", TIER, "tier/*", NULL));
    CHECK_OK(desk_add(&s, "tier/t.img", "tier's", "tier"));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_ONLINE));
    CHECK_ERR(put_file(&u, &tier, &s, "tier"), SEV_E_DELEGATION);
    CHECK_OK(put_file(&u, &desk_itself, &s, "targets"));
    CHECK(!u.result.published);
    CHECK_ERR(u.result.why, SEV_E_ROLE_MISSING);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    CHECK_OK(put_file(&u, &tier, &s, "tier"));
    CHECK_EQ(u.result.missing, 1);
    CHECK_EQ(desk_version(&u.served, "targets"), before);
    CHECK_OK(put_image(&u, &tier, u.missed.path, "tier's"));
    CHECK(desk_version(&u.served, "targets") > before);
    CHECK(client_sees(&u, &r, "tier/t.img"));
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__targets_by_the_wrong_people__refused)
{
    begin();
    CHECK_OK(desk_rotate(&s, "targets", SPARE_1)); /* without the root that says so */
    CHECK_OK(desk_add(&s, "oem/c.img", "c", NULL));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY & ~(1ul << TARGETS)));
    CHECK_OK(desk_publish(&s, DESK_ONLINE));
    CHECK_ERR(put_file(&u, &desk_itself, &s, "targets"), SEV_E_SIGNATURE);
    CHECK_OK(put_file(&u, &desk_itself, &s, "root")); /* it waits for targets by those */
    CHECK(!u.result.published);
    CHECK_OK(put_file(&u, &desk_itself, &s, "targets"));
    CHECK_OK(put_image(&u, &desk_itself, u.missed.path, "c"));
    CHECK_EQ(desk_version(&u.served, "root"), 2);
    CHECK(client_sees(&u, &r, "oem/c.img"));
    reader_free(&r);
}

TEST(images__root_by_too_few__refused)
{
    size_t len;
    begin();
    CHECK_OK(desk_rotate(&s, "timestamp", SPARE_1));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_EVERYBODY));
    char *bytes = (char *)sev_test_read(desk_path(&s, "public/2.root.json"), &len);
    CHECK_ERR(put_bytes(&u, &desk_itself, "root", 3, sev_slice_of(bytes, len)),
              SEV_E_META_MISMATCH);
    char *body = strstr(bytes, "\"signed\":");
    static char made[65536];
    int n = snprintf(made, sizeof made, "{\"signatures\":[],%s", body);
    CHECK_ERR(put_bytes(&u, &desk_itself, "root", 2, sev_slice_of(made, (size_t)n)),
              SEV_E_SIGNATURE);
    free(bytes);
    unchanged();
}

/* The signer has the new key by then, or the root waits until it has. */
TEST(images__root_with_another_online_key__takes_effect_when_the_signer_has_it)
{
    begin();
    CHECK_OK(desk_rotate(&s, "timestamp", SPARE_1));
    CHECK_OK(desk_rotate(&s, "snapshot", SPARE_2));
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_EVERYBODY));
    CHECK_OK(put_file(&u, &desk_itself, &s, "root"));
    CHECK(!u.result.published);
    CHECK_ERR(u.result.why, SEV_E_SIGNATURE);
    CHECK_EQ(desk_version(&u.served, "root"), 1);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    u.timestamp = SPARE_1;
    u.snapshot = SPARE_2;
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_EQ(desk_version(&u.served, "root"), 2);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    reader_free(&r);
}

/* Whoever made a root that cannot take effect may mend it, as long as it waits. */
TEST(images__root_that_waits__may_be_mended)
{
    struct desk other;
    begin();
    desk_copy(&other, &u.served);
    CHECK_OK(desk_rotate(&s, "targets", SPARE_1)); /* nobody signs targets with that */
    CHECK_OK(desk_ceremony(&s, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&s, DESK_EVERYBODY));
    CHECK_OK(put_file(&u, &desk_itself, &s, "root"));
    CHECK(!u.result.published);
    CHECK_OK(desk_rotate(&other, "root", ROOT_1));
    CHECK_OK(desk_ceremony(&other, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&other, DESK_EVERYBODY));
    CHECK_OK(put_file(&u, &desk_itself, &other, "root"));
    CHECK(u.result.published);
    CHECK_ERR(put_version(&u, &desk_itself, &s, "root", 2), SEV_E_EQUIVOCATION);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    reader_free(&r);
}

/* A revoked supplier's uploads end with the targets that revoke it, those that wait too. */
TEST(images__supplier_that_was_revoked__brings_nothing_more)
{
    struct desk oem;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    desk_copy(&oem, &u.served);
    struct sev_repository *repository = desk_open(&oem);
    CHECK_OK(sev_repository_undelegate(repository, "supplier", NULL));
    desk_done(repository);
    CHECK_OK(desk_ceremony(&oem, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&oem, DESK_ONLINE));
    CHECK_OK(put_file(&u, &desk_itself, &oem, "targets"));
    CHECK(u.result.published);
    sev_err e = put_image(&u, &supplier, u.missed.path, NEW_TEXT);
    CHECK(e == SEV_OK || e == SEV_E_NOT_FOUND);
    CHECK_EQ(desk_version(&u.served, "supplier"), 1);
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

/* ------------------------------------------------------------------- upkeep */

TEST(images__online_files__made_anew_at_half_their_life)
{
    begin();
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    int64_t first = desk_version(&u.served, "snapshot");
    u.call.now += SEV_IMAGES_LIFE_SECONDS / 2 + 1;
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_EQ(desk_version(&u.served, "snapshot"), first + 1);
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_EQ(desk_version(&u.served, "snapshot"), first + 1);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    u.call.now += SEV_IMAGES_LIFE_SECONDS * 3; /* switched off for weeks */
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK(client_sees(&u, &r, "oem/a.img"));
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    reader_free(&r);
}

TEST(images__dead_signer__what_is_complete_waits_and_comes_out_later)
{
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    u.signer_is_dead = true;
    CHECK_OK(put_image(&u, &supplier, u.missed.path, NEW_TEXT));
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_NOT_PUBLISHED], 1);
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK(!u.result.published);
    CHECK_ERR(u.result.why, SEV_E_UNREACHABLE);
    CHECK(!client_sees(&u, &r, NEW_IMAGE));
    u.signer_is_dead = false;
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK(client_sees(&u, &r, NEW_IMAGE));
    reader_free(&r);
}

TEST(images__what_waited_too_long__goes)
{
    struct sev_images_part p;
    begin();
    CHECK_OK(put_file(&u, &supplier, &s, "supplier"));
    CHECK_OK(open_part(u.missed.path, (int64_t)strlen(NEW_TEXT), &p));
    CHECK_OK(sev_images_part_append(&p, SEV_LIT("an")));
    u.im.leftover_s = 1; /* the disk's clock is years behind */
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_EQ(files_in("roles"), 0);
    CHECK_EQ(files_in("parts"), 1); /* somebody is writing it */
    sev_images_part_close(&p);
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_EQ(files_in("parts"), 0);
    CHECK_EQ(u.events[SEV_EVENT_IMAGES_DROPPED], 1);
    unchanged();
}

TEST(images__root_chain_that_is_broken__nothing_is_done)
{
    begin();
    CHECK_EQ(unlink(desk_path(&u.served, "public/1.root.json")), 0);
    CHECK_ERR(sev_images_upkeep(&u.im, &u.call), SEV_E_NOT_PROVISIONED);
    CHECK_ERR(put_file(&u, &supplier, &s, "supplier"), SEV_E_NOT_PROVISIONED);
    reader_free(&r);
}

/* Begins with a root that was copied there: everything else is brought. */
TEST(images__folder_with_a_root_alone__is_filled_by_uploads)
{
    char command[1400];
    begin();
    (void)snprintf(command, sizeof command,
                   "cd '%s' && mv public old && mkdir public && cp old/1.root.json public",
                   u.served.dir);
    CHECK_EQ(system(command), 0);
    CHECK_OK(sev_images_upkeep(&u.im, &u.call));
    CHECK_OK(put_file(&u, &desk_itself, &s, "targets"));
    CHECK_EQ(u.result.missing, 1);
    CHECK_OK(put_image(&u, &desk_itself, u.missed.path, "an image of our own"));
    CHECK_OK(put_file(&u, &desk_itself, &s, "targets"));
    CHECK_ERR(u.result.why, SEV_E_ROLE_MISSING);
    CHECK_OK(put_version(&u, &supplier, &s, "supplier", 1));
    CHECK_OK(put_image(&u, &supplier, u.missed.path, "the supplier's image"));
    reader_free(&r);
    reader_new(&r, &u.served);
    CHECK(client_sees(&u, &r, "oem/a.img"));
    CHECK(client_sees(&u, &r, "sup/b.img"));
    reader_free(&r);
}
