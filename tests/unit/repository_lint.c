/* Lint: an honest repository has no errors, and each fault is called by its code. What the tool
 * itself would never write is forged with the right keys. REQ-KEY-04 REQ-KEY-05 REQ-REP-04
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"
#include "secureev/small.h"

#include <stdlib.h>
#include <unistd.h>

#define IMAGES SEV_REPOSITORY_IMAGES
#define DIRECTOR SEV_REPOSITORY_DIRECTOR
#define REGULATOR SEV_REPOSITORY_REGULATOR

static const struct desk *images(void)
{
    static struct desk d;
    static bool made;
    if (!made)
        desk_images(&d);
    made = true;
    return &d;
}

static struct sev_repository_source from_images(void)
{
    static char folder[800];
    (void)snprintf(folder, sizeof folder, "%s/public", images()->dir);
    return (struct sev_repository_source){.folder = folder, .now = DESK_NOW};
}

/* A Director that assigns both images. */
static const struct desk *director(void)
{
    static struct desk d;
    static bool made;
    static const char *const names[] = {"oem/a.img", "sup/b.img"};
    static const char *const serials[] = {"P1", "S1"}, *const hardware[] = {"hw"};
    struct desk_plan p;
    if (made)
        return &d;
    made = true;
    desk_new(&d);
    desk_plan_of(&p, DIRECTOR);
    desk_role(&p, "time", false, 1, (enum desk_key[]){TIME}, 1);
    CHECK_OK(desk_init(&d, &p));
    struct sev_repository_source from = from_images();
    struct sev_repository *r = desk_open(&d);
    for (int i = 0; i < 2; i++)
        CHECK_OK(sev_repository_assign(
            r, &from,
            &(struct sev_repository_assignment){
                .name = names[i], .serials = {&serials[i], 1}, .hardware_ids = {hardware, 1}}));
    static const char *const groups[] = {"P1", "S1"};
    CHECK_OK(sev_repository_set_bundle(
        r, &(struct sev_repository_bundle){.id = "b", .version = 1, .groups = {groups, 2}}));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    return &d;
}

static const struct desk *regulator(void)
{
    static struct desk d;
    static bool made;
    struct desk_plan p;
    if (made)
        return &d;
    made = true;
    desk_new(&d);
    desk_plan_of(&p, REGULATOR);
    CHECK_OK(desk_init(&d, &p));
    struct sev_repository_source from = from_images();
    struct sev_repository_review review = {.regulator = NULL};
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_attest(r, &from, "oem/a.img", &review));
    CHECK_OK(sev_repository_attest(r, &from, "sup/b.img", &review));
    CHECK_OK(sev_repository_withdraw(r, "sup/b.img", DESK_NOW, &review));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    return &d;
}

static const struct desk *of_kind(sev_repository_kind kind)
{
    return kind == DIRECTOR ? director() : kind == REGULATOR ? regulator() : images();
}

TEST(repository_lint__honest_repositories__no_errors)
{
    for (int k = 0; k < SEV_REPOSITORY_KINDS; k++) {
        struct desk d;
        desk_copy(&d, of_kind((sev_repository_kind)k));
        CHECK_EQ(desk_lint_errors(&d, (sev_repository_kind)k, NULL), 0);
    }
}

/* Each row breaks one thing of an honest repository; all else is in order and signed. */
static const struct {
    sev_repository_kind kind;
    bool is_error;
    const char *code, *role, *find, *replace;
} forged[] = {
    {IMAGES, true, "expired", "supplier", "\"expires\":\"2030-", "\"expires\":\"2029-"},
    {IMAGES, true, "expired", "root", "\"expires\":\"2031-", "\"expires\":\"2029-"},
    {IMAGES, false, "expires_soon", "supplier", "\"expires\":\"2030-06-30",
     "\"expires\":\"2030-01-02"},
    {IMAGES, false, "expires_late", "supplier", "\"expires\":\"2030-", "\"expires\":\"2035-"},
    {IMAGES, false, "not_portable", "supplier", "\"_type\":\"targets\"", "\"_type\": \"targets\""},
    {IMAGES, true, "wrong_type", "supplier", "\"targets\",\"expires\"", "\"snapshot\",\"expires\""},
    {IMAGES, true, "spec_version", "targets", "1.0.31", "3.0.31"},
    {IMAGES, true, "malformed", "snapshot", "\"length\":", "\"size\":"},
    {IMAGES, false, "unknown_key", "root", "\"keys\":{",
     "\"keys\":{\"00\":{\"keytype\":\"later\",\"keyval\":{\"public\":\"\"},\"scheme\":\"x\"},"},
    {IMAGES, true, "illegal_threshold", "targets", "\"threshold\":1", "\"threshold\":2"},
    {IMAGES, true, "role_missing", "targets", "\"name\":\"supplier\"", "\"name\":\"nobody\""},
    {IMAGES, false, "terminating", "targets", "\"terminating\":false", "\"terminating\":true"},
    {IMAGES, false, "no_paths", "targets", "[\"sup/*\"]", "[]"},
    {IMAGES, true, "unreachable", "targets", "[\"sup/*\"]", "[\"other/*\"]"},
    {IMAGES, false, "no_hardware", "targets", "\"name\":\"supplier\"",
     "\"hardwareIds\":[],\"name\":\"supplier\""},
    {IMAGES, true, "unreachable", "targets", "\"name\":\"supplier\"",
     "\"hardwareIds\":[\"other\"],\"name\":\"supplier\""},
    {IMAGES, false, "shadowed", "supplier", "sup/b.img", "oem/a.img"},
    {IMAGES, true, "bad_name", "supplier", "sup/b.img", "sup/../b"},
    {IMAGES, false, "name_not_ascii", "supplier", "sup/b.img", "sup/\xc3\xa9.img"},
    {IMAGES, true, "image_absent", "supplier", "sup/b.img", "sup/c.img"},
    {IMAGES, true, "malformed", "supplier", "\"hardwareIds\":[\"hw\"],\"match\"", "\"match\""},
    {IMAGES, true, "repositories_disagree", "supplier", "\"hardwareIds\":[\"hw\"],\"match\"",
     "\"hardwareIds\":[\"hx\"],\"match\""},
    {IMAGES, true, "repositories_disagree", "supplier", "\"match\"", "\"patch\""},
    {IMAGES, true, "malformed", "supplier", "\"releaseCounter\"", "\"counter\""},
    {IMAGES, true, "malformed", "supplier", "\"sha256\":\"", "\"sha256\":\"0"},
    {DIRECTOR, true, "no_vehicle", "targets", "\"vehicle\"", "\"car\""},
    {DIRECTOR, true, "no_vehicle", "snapshot", "\"vehicle\"", "\"car\""},
    {DIRECTOR, false, "vehicle_in_root", "root", "\"consistent_snapshot\":true",
     "\"consistent_snapshot\":true,\"custom\":{\"vehicle\":\"x\"}"},
    {DIRECTOR, false, "time_key_missing", "root", "\"time\"", "\"tame\""},
    {DIRECTOR, true, "delegation_refused", "targets", "\"expires\"",
     "\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\""},
    {DIRECTOR, true, "malformed", "targets", "\"ecuIdentifiers\":{\"P1\":{\"hardwareId\":\"hw\"}}",
     "\"ecuIdentifiers\":{}"},
    {DIRECTOR, true, "malformed", "targets", "\"match\"", "\"hardwareIds\":[\"hw\"],\"match\""},
    {DIRECTOR, true, "wrong_hardware", "targets", "\"hardwareId\":\"hw\"", "\"hardwareId\":\"hx\""},
    {DIRECTOR, true, "duplicate_ecu", "targets", "\"P1\":{", "\"S1\":{"},
    {DIRECTOR, true, "bundle_mixed", "targets", "[[\"P1\"],[\"S1\"]]", "[[\"P1\"],[\"S2\"]]"},
    {DIRECTOR, true, "bundle_mixed", "targets", "[[\"P1\"],[\"S1\"]]", "[[\"P1\"],[\"P1\"]]"},
    {DIRECTOR, true, "plaintext_downgrade", "targets", "\"match\"", "\"encryption\":{},\"match\""},
    {REGULATOR, true, "withdrawal_matches", "withdrawals", "\"hardwareIds\":[\"hw\"]",
     "\"hardwareIds\":[\"hw\"],\"match\":{\"hardwareIds\":[\"hw\"],\"releaseCounter\":1,"
     "\"version\":\"1\"}"},
};

TEST(repository_lint__each_fault__is_called_by_its_code)
{
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct desk d;
        desk_copy(&d, of_kind(forged[i].kind));
        desk_forge(&d, forged[i].role, forged[i].find, forged[i].replace);
        if (!desk_lint_says(&d, forged[i].kind, forged[i].is_error, forged[i].code)) {
            (void)desk_lint_errors(&d, forged[i].kind, NULL);
            fail_msg("row %zu: lint does not say %s", i, forged[i].code);
        }
    }
}

/* Without the edit, lint says none of it: else the rows above would prove nothing. */
TEST(repository_lint__no_fault__is_not_called_so)
{
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct desk d = *of_kind(forged[i].kind);
        if (desk_lint_says(&d, forged[i].kind, forged[i].is_error, forged[i].code))
            fail_msg("row %zu: lint says %s of an honest repository", i, forged[i].code);
    }
}

TEST(repository_lint__a_name_longer_than_a_small_ecu_takes__warned_of_where_it_is_assigned)
{
    for (int length = SEV_SMALL_NAME_MAX; length <= SEV_SMALL_NAME_MAX + 1; length++) {
        char name[128];
        struct desk d;
        (void)snprintf(name, sizeof name, "oem/%0*d", length - 4, 7);
        desk_copy(&d, director());
        desk_forge(&d, "targets", "oem/a.img", name);
        CHECK_EQ(desk_lint_says(&d, DIRECTOR, false, "partial_name_long"),
                 length > SEV_SMALL_NAME_MAX);
        desk_copy(&d, images()); /* there it is every ECU's, and most read more */
        desk_forge(&d, "targets", "oem/a.img", name);
        CHECK(!desk_lint_says(&d, IMAGES, false, "partial_name_long"));
    }
}

/* -------------------------------------------------------------- on the disk */

TEST(repository_lint__files_missing_changed_or_left_over__called_by_their_codes)
{
    struct desk d;
    char command[1200];
    desk_copy(&d, images());
    CHECK_EQ(unlink(desk_path(&d, "public/1.supplier.json")), 0);
    CHECK(desk_lint_says(&d, IMAGES, true, "absent"));

    desk_copy(&d, images());
    CHECK_EQ(unlink(desk_path(&d, "public/1.root.json")), 0);
    struct sev_lint_config config = {.folder = desk_path(&d, "public"), .kind = IMAGES};
    CHECK_ERR(sev_repository_lint(&d.real, &config, NULL, NULL, &d.note), SEV_E_NOT_FOUND);

    desk_copy(&d, images());
    sev_test_write(desk_path(&d, "public/1.supplier.json"),
                   SEV_LIT("{\"signatures\":[],\"signed\":{}}"));
    CHECK(desk_lint_says(&d, IMAGES, true, "malformed"));

    desk_copy(&d, images());
    (void)snprintf(command, sizeof command,
                   "for f in '%s'/public/targets/sup/*; do echo x >$f; done", d.dir);
    CHECK_EQ(system(command), 0);
    CHECK(desk_lint_says(&d, IMAGES, true, "image_hash"));

    desk_copy(&d, images());
    CHECK(!desk_lint_says(&d, IMAGES, false, "stray_file"));
    sev_test_write(desk_path(&d, "public/.secureev-tmp-0123456789abcdef"), SEV_LIT("x"));
    sev_test_write(desk_path(&d, "public/.hidden"), SEV_LIT("x"));
    CHECK(desk_lint_says(&d, IMAGES, false, "stray_file"));
}

TEST(repository_lint__a_file_was_changed_after_it_was_listed__metadata_mismatch)
{
    struct desk d;
    size_t len;
    desk_copy(&d, images());
    uint8_t *text = sev_test_read(desk_path(&d, "public/1.supplier.json"), &len);
    text[len] = ' ';
    sev_test_write(desk_path(&d, "public/1.supplier.json"), sev_slice_of(text, len + 1));
    free(text);
    CHECK(desk_lint_says(&d, IMAGES, true, "metadata_mismatch"));
}

/* -------------------------------------------------------------------- keys */

TEST(repository_lint__few_keys_or_one_key_in_two_roles__warned_of)
{
    struct desk d;
    desk_copy(&d, images());
    CHECK(desk_lint_says(&d, IMAGES, false, "threshold_low"));
    CHECK(!desk_lint_says(&d, IMAGES, false, "key_shared"));
    CHECK_OK(desk_rotate(&d, "timestamp", SNAPSHOT));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK(desk_lint_says(&d, IMAGES, false, "key_shared"));
}

/* ------------------------------------------------------------- delegations */

TEST(repository_lint__a_supplier_signed_by_strangers__signature_threshold)
{
    struct desk d;
    char find[80], replace[80];
    desk_copy(&d, images());
    (void)snprintf(find, sizeof find, "%s", desk_id(SUPPLIER));
    (void)snprintf(replace, sizeof replace, "%s", desk_id(SUPPLIER));
    replace[0] = replace[0] == '0' ? '1' : '0';
    desk_forge(&d, "targets", find, replace); /* an id that is not the hash of its key */
    CHECK(desk_lint_says(&d, IMAGES, true, "key_id_mismatch"));
}

TEST(repository_lint__terminating_to_a_role_that_delegates__hidden)
{
    struct desk d;
    desk_copy(&d, images());
    CHECK_OK(desk_delegate(&d, "tier", TIER, "sup/t/*", "supplier"));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(!desk_lint_says(&d, IMAGES, true, "terminating_hides"));
    desk_forge(&d, "targets", "\"terminating\":false", "\"terminating\":true");
    CHECK(!desk_lint_says(&d, IMAGES, true, "terminating_hides")); /* other paths: * and / */
    desk_forge(&d, "targets", "[\"sup/*\"]", "[\"sup/*\",\"sup/t/x\"]");
    CHECK(desk_lint_says(&d, IMAGES, true, "terminating_hides"));
}

TEST(repository_lint__revoked_role__not_trusted_and_no_error)
{
    struct desk d;
    desk_copy(&d, images());
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_undelegate(r, "supplier", NULL));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(desk_lint_says(&d, IMAGES, false, "not_trusted"));
    CHECK_EQ(desk_lint_errors(&d, IMAGES, NULL), 0);
}

TEST(repository_lint__what_partial_verification_cannot_use__warned_of)
{
    struct desk d;
    desk_copy(&d, images());
    CHECK(!desk_lint_says(&d, IMAGES, false, "partial_key_type"));
    struct sev_repository *r = desk_open(&d);
    struct sev_repository_role to = {
        .name = "supplier", .keys = {.keys = desk_public(ROOT_A), .count = 1, .threshold = 1}};
    CHECK_OK(sev_repository_rotate(r, &to, NULL));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(desk_lint_says(&d, IMAGES, false, "partial_key_type"));

    desk_copy(&d, images());
    CHECK(!desk_lint_says(&d, IMAGES, false, "partial_too_long"));
    char *filler = malloc(70001);
    CHECK(filler != NULL);
    memset(filler, 'x', 70000);
    filler[70000] = '\0';
    char *member = malloc(70100);
    CHECK(member != NULL);
    (void)snprintf(member, 70100, "\"custom\":{\"x\":\"%s\"},\"expires\"", filler);
    desk_forge(&d, "supplier", "\"expires\"", member);
    CHECK(desk_lint_says(&d, IMAGES, false, "partial_too_long"));
    free(filler);
    free(member);
}

/* --------------------------------------------------------------- confidential */

TEST(repository_lint__one_plaintext_encrypted_here_and_open_there__error)
{
    static const char *const hardware[] = {"hw"};
    struct desk d;
    desk_copy(&d, images());
    char plain[800], cipher[800];
    (void)snprintf(plain, sizeof plain, "%s.plain", d.dir);
    (void)snprintf(cipher, sizeof cipher, "%s.cipher", d.dir);
    sev_test_write(plain, SEV_LIT("an image of our own")); /* as oem/a.img */
    sev_test_write(cipher, SEV_LIT("who knows"));
    struct sev_repository_image image = {.name = "oem/secret.enc",
                                         .file = cipher,
                                         .plaintext = plain,
                                         .hardware_ids = {hardware, 1},
                                         .release_counter = 1,
                                         .version = "1"};
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_add_image(r, &image));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(desk_lint_says(&d, IMAGES, true, "secret_is_open"));
}

struct searched {
    uint32_t some, errors;
};

static void count_searched(void *context, const struct sev_lint_finding *f)
{
    struct searched *s = context;
    s->some += strcmp(f->code, "searched_some") == 0;
    s->errors += f->is_error;
}

TEST(repository_lint__more_to_hash_than_allowed__says_that_it_looked_for_some)
{
    struct desk d;
    char folder[800];
    desk_copy(&d, images());
    (void)snprintf(folder, sizeof folder, "%s/public", d.dir);
    for (int i = 0; i < 20; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "oem/%d.img", i);
        CHECK_OK(desk_add(&d, name, name, NULL));
    }
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK(!desk_lint_says(&d, IMAGES, false, "searched_some"));
    struct searched s = {0, 0};
    struct sev_lint_config config = {
        .folder = folder, .kind = IMAGES, .now = d.now, .bytes_max = 100000};
    CHECK_OK(sev_repository_lint(&d.real, &config, count_searched, &s, &d.note));
    CHECK_EQ(s.some, 1);
    CHECK_EQ(s.errors, 0);
}

/* ------------------------------------------------------------------------ diff */

struct changes {
    uint32_t count;
    char lines[64][256];
};

static void keep_change(void *context, const struct sev_public_change *c)
{
    struct changes *all = context;
    if (all->count < 64)
        (void)snprintf(all->lines[all->count++], 256, "%s %s %s %s", c->change, c->role, c->what,
                       c->subject);
}

static bool has_change(const struct changes *all, const char *line)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(all->lines[i], line) == 0)
            return true;
    return false;
}

TEST(repository_lint__diff__says_what_changed_and_nothing_else)
{
    struct desk d;
    struct sev_public a, b;
    static struct changes none, some;
    desk_copy(&d, images());
    CHECK_OK(sev_public_open(&d.real, desk_path(images(), "public"), SEV_PROFILE_NATIVE, NULL, &a));
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &b));
    CHECK_OK(sev_public_diff(&d.real, &a, &b, keep_change, &none));
    CHECK_EQ(none.count, 0);
    sev_public_close(&b);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_OK(desk_delegate(&d, "tier", TIER, "t/*", NULL));
    CHECK_OK(desk_rotate(&d, "snapshot", SPARE_1));
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_remove_image(r, "oem/a.img", NULL));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &b));
    CHECK_OK(sev_public_diff(&d.real, &a, &b, keep_change, &some));
    CHECK(has_change(&some, "added targets image oem/c.img"));
    CHECK(has_change(&some, "removed targets image oem/a.img"));
    CHECK(has_change(&some, "added targets delegation tier"));
    CHECK(has_change(&some, "added tier file "));
    CHECK(has_change(&some, "changed root keys snapshot"));
    CHECK(!has_change(&some, "changed root keys targets"));
    CHECK(!has_change(&some, "changed supplier file "));
    sev_public_close(&a);
    sev_public_close(&b);
}
