/* Ceremonies: what may be made, staged, signed, assembled and published, and what must not.
 * REQ-KEY-10 REQ-REP-02 REQ-REP-10 SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "desk.h"

#include <stdlib.h>
#include <unistd.h>

/* ---------------------------------------------------------------------- init */

static struct desk_plan good_plan(sev_repository_kind kind)
{
    struct desk_plan p;
    desk_plan_of(&p, kind);
    return p;
}

static struct sev_repository_role *role_in(struct desk_plan *p, const char *name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->roles[i].name, name) == 0)
            return &p->roles[i];
    fail_msg("no role %s", name);
    return NULL;
}

static void refuse_init(const struct desk_plan *p, sev_err expected)
{
    struct desk d;
    desk_new(&d);
    CHECK_ERR(desk_init(&d, p), expected);
    CHECK(d.note.text[0] != '\0');
    CHECK(access(d.dir, F_OK) != 0); /* nothing was made */
}

TEST(repository_ceremony__init__the_first_root_is_staged_and_nothing_is_public)
{
    for (int k = 0; k < SEV_REPOSITORY_KINDS; k++) {
        struct desk_plan p = good_plan((sev_repository_kind)k);
        struct sev_repository_staged s;
        struct desk d;
        desk_new(&d);
        CHECK_OK(desk_init(&d, &p));
        struct sev_repository *r = desk_open(&d);
        CHECK(sev_repository_staged_at(r, 0, &s));
        CHECK(strcmp(s.role, "root") == 0 && s.version == 1 && s.threshold == 2);
        CHECK(!s.complete && s.signatures == 0);
        CHECK_EQ(s.expires, d.now + 365 * 86400);
        sev_repository_close(r);
        CHECK_EQ(desk_version(&d, "root"), 0);
    }
}

TEST(repository_ceremony__init_twice__refused_and_untouched)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_IMAGES);
    struct desk d;
    size_t before_len, after_len;
    desk_new(&d);
    CHECK_OK(desk_init(&d, &p));
    uint8_t *before = sev_test_read(desk_path(&d, "repository.json"), &before_len);
    CHECK_ERR(desk_init(&d, &p), SEV_E_EXISTS);
    uint8_t *after = sev_test_read(desk_path(&d, "repository.json"), &after_len);
    CHECK_SLICE(sev_slice_of(after, after_len), sev_slice_of(before, before_len));
    free(before);
    free(after);
}

TEST(repository_ceremony__init_with_a_wrong_plan__refused_by_name)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_IMAGES);
    role_in(&p, "snapshot")->name = "time"; /* a Director's */
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    p.count--; /* no timestamp */
    p.plan.role_count--;
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_REGULATOR);
    p.count--; /* nobody reviews */
    p.plan.role_count--;
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    p.plan.vehicle = "car";
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_DIRECTOR);
    p.plan.vehicle = "";
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    desk_role(&p, "targets", false, 1, (enum desk_key[]){SPARE_1}, 1);
    refuse_init(&p, SEV_E_CONFIG); /* twice */

    p = good_plan(SEV_REPOSITORY_IMAGES);
    role_in(&p, "root")->days = SEV_REPOSITORY_DAYS_MAX + 1;
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_REGULATOR);
    p.plan.with_aktualizr = true;
    refuse_init(&p, SEV_E_CONFIG);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    desk_role(&p, "root", true, 1, (enum desk_key[]){ROOT_A}, 1);
    refuse_init(&p, SEV_E_CONFIG); /* that profile was not asked for */
}

TEST(repository_ceremony__init_with_thresholds_or_keys_that_cannot_be__refused_by_name)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_IMAGES);
    role_in(&p, "root")->keys.threshold = 0;
    refuse_init(&p, SEV_E_THRESHOLD);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    role_in(&p, "root")->keys.threshold = 4;
    refuse_init(&p, SEV_E_THRESHOLD);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    p.keys[0][1] = p.keys[0][0]; /* one key twice is no second person */
    refuse_init(&p, SEV_E_KEY);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    p.keys[1][0] = *desk_public(KEM); /* cannot sign */
    refuse_init(&p, SEV_E_KEY);

    p = good_plan(SEV_REPOSITORY_DIRECTOR);
    desk_role(&p, "kem", false, 1, (enum desk_key[]){SPARE_1}, 1); /* cannot receive */
    refuse_init(&p, SEV_E_KEY);

    p = good_plan(SEV_REPOSITORY_IMAGES);
    p.plan.with_aktualizr = true;
    static const char *const names[] = {"root", "targets", "snapshot", "timestamp"};
    for (int i = 0; i < 4; i++)
        desk_role(&p, names[i], true, 1, (enum desk_key[]){i == 3 ? SPARE_1 : ROOT_A}, 1);
    refuse_init(&p, SEV_E_KEY); /* contract 7.2: an ECDSA key rejects the whole root */
}

TEST(repository_ceremony__director_with_time_publish_and_kem__root_lists_them)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_DIRECTOR);
    struct desk d;
    struct sev_public public;
    struct sev_role role;
    desk_role(&p, "time", false, 1, (enum desk_key[]){TIME}, 1);
    desk_role(&p, "publish", false, 1, (enum desk_key[]){SPARE_1}, 1);
    desk_role(&p, "kem", false, 1, (enum desk_key[]){KEM}, 1);
    desk_new(&d);
    CHECK_OK(desk_init(&d, &p));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_DIRECTOR, NULL), 0);
    CHECK_OK(sev_public_open(&d.real, desk_path(&d, "public"), SEV_PROFILE_NATIVE, NULL, &public));
    const struct sev_root *root = &sev_public_find(&public, "root")->root;
    CHECK_OK(sev_root_extra(root, SEV_PROFILE_NATIVE, "time", &role));
    CHECK_OK(sev_root_extra(root, SEV_PROFILE_NATIVE, "publish", &role));
    CHECK_OK(sev_root_extra(root, SEV_PROFILE_NATIVE, "kem", &role));
    sev_slice vehicle =
        sev_json_get(sev_public_find(&public, "snapshot")->common.custom, "vehicle");
    CHECK_TEXT(vehicle, "\"did:secureev:car\"");
    CHECK_EQ(sev_public_find(&public, "root")->common.custom.len, 0);
    sev_public_close(&public);
}

/* ----------------------------------------------------------- bytes to be signed */

/* The staged targets of a repository with an image, with one text replaced. */
static sev_err check_edited(const char *role, const char *find, const char *replace)
{
    static struct desk d;
    static bool made;
    struct sev_repository_staged s;
    struct sev_tbs tbs;
    size_t len;
    if (!made) {
        desk_images(&d);
        CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
        CHECK_OK(desk_rotate(&d, "timestamp", SPARE_1));
        struct sev_repository *r = desk_open(&d);
        CHECK_OK(sev_repository_stage(r, d.now, false));
        sev_repository_close(r);
        made = true;
    }
    struct sev_repository *r = desk_open(&d);
    size_t i = 0;
    while (sev_repository_staged_at(r, i, &s) && strcmp(s.role, role) != 0)
        i++;
    sev_repository_close(r);
    char *text = (char *)sev_test_read(s.file, &len);
    char edited[16384];
    char *at = find[0] != '\0' ? strstr(text, find) : text + len;
    CHECK(at != NULL && len + strlen(replace) < sizeof edited);
    int n = snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - text), text, replace,
                     at + strlen(find));
    free(text);
    struct sev_repository_note note = {""};
    sev_err e = sev_tbs_check(&d.real, sev_slice_of(edited, (size_t)n), &tbs, &note);
    CHECK((e == SEV_OK) == (note.text[0] == '\0'));
    return e;
}

TEST(repository_ceremony__bytes_that_nobody_should_sign__refused_by_name)
{
    CHECK_OK(check_edited("root", "", ""));
    CHECK_OK(check_edited("targets", "", ""));
    CHECK_ERR(check_edited("root", "{\"_type\"", "{ \"_type\""), SEV_E_NOT_CANONICAL);
    CHECK_ERR(check_edited("root", "", "\n"), SEV_E_JSON_SYNTAX);
    CHECK_ERR(check_edited("root", "", "}"), SEV_E_JSON_SYNTAX);
    CHECK_ERR(check_edited("root", "\"_type\":\"root\",", ""), SEV_E_WRONG_TYPE);
    CHECK_ERR(check_edited("root", "\"root\"", "\"status\""), SEV_E_WRONG_TYPE);
    CHECK_ERR(check_edited("root", "\"threshold\":2", "\"threshold\":0"), SEV_E_THRESHOLD);
    CHECK_ERR(check_edited("root", "\"threshold\":2", "\"threshold\":4"), SEV_E_THRESHOLD);
    CHECK_ERR(check_edited("root", "\"version\":2", "\"version\":0"), SEV_E_MALFORMED);
    CHECK_ERR(check_edited("root", "1.0.31", "2.0.31"), SEV_E_SPEC_VERSION);
    CHECK_ERR(check_edited("root", "1.0.31", "1.0.31\xc3\xa9"), SEV_E_NOT_CANONICAL);
    CHECK_ERR(check_edited("targets", "oem/c.img", "oem/c/.."), SEV_E_BAD_NAME);
    CHECK_ERR(check_edited("targets", "\"releaseCounter\":1", "\"releaseCounter\":-1"),
              SEV_E_MALFORMED);
    CHECK_ERR(check_edited("targets", "\"name\":\"supplier\"", "\"name\":\"snapshot\""),
              SEV_E_BAD_NAME);
    CHECK_ERR(check_edited("targets", "\"threshold\":1", "\"threshold\":2"), SEV_E_THRESHOLD);
}

TEST(repository_ceremony__what_is_shown__names_roles_images_and_delegations)
{
    struct desk d;
    struct sev_bytes text = {0}, tbs = {0};
    desk_images(&d);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    struct sev_repository *r = desk_open(&d);
    struct sev_repository_staged s;
    CHECK_OK(sev_repository_stage(r, d.now, false));
    CHECK(sev_repository_staged_at(r, 0, &s));
    CHECK_OK(sev_file_read(&d.real, s.file, 65536, 0, &tbs));
    CHECK_OK(sev_tbs_describe(&d.real, sev_bytes_slice(&tbs), &text));
    CHECK(strstr((char *)text.ptr, "targets, version 3, profile native") != NULL);
    CHECK(strstr((char *)text.ptr, "image oem/c.img") != NULL);
    CHECK(strstr((char *)text.ptr, "delegates to paths sup/*") != NULL);
    CHECK(strstr((char *)text.ptr, desk_id(SUPPLIER)) != NULL);
    sev_bytes_free(&d.real, &text);
    sev_bytes_free(&d.real, &tbs);
    sev_repository_close(r);
}

/* ------------------------------------------------------------------- assemble */

struct signing_desk {
    struct desk d;
    struct sev_repository_staged root;
    uint8_t bytes[4][SEV_SIGNATURE_FILE_BYTES_MAX];
    sev_slice files[4];
};

static void about_to_assemble(struct signing_desk *s)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_IMAGES);
    static const enum desk_key keys[] = {ROOT_1, ROOT_2, ROOT_3, SPARE_1};
    desk_new(&s->d);
    CHECK_OK(desk_init(&s->d, &p));
    struct sev_repository *r = desk_open(&s->d);
    CHECK(sev_repository_staged_at(r, 0, &s->root));
    sev_repository_close(r);
    for (int i = 0; i < 4; i++) {
        sev_buf b = sev_buf_of(s->bytes[i], sizeof s->bytes[i]);
        desk_sign(&s->d, s->root.file, SEV_EMPTY, keys[i], &b);
        s->files[i] = sev_buf_slice(&b);
    }
}

static uint32_t signatures_kept(struct signing_desk *s)
{
    struct sev_repository_staged now;
    struct sev_repository *r = desk_open(&s->d);
    CHECK(sev_repository_staged_at(r, 0, &now));
    sev_repository_close(r);
    return now.signatures;
}

static sev_err assemble(struct signing_desk *s, const sev_slice *files, size_t count, bool partial)
{
    struct sev_repository *r = desk_open(&s->d);
    sev_err e = sev_repository_assemble(r, files, count, partial);
    sev_repository_close(r);
    return e;
}

TEST(repository_ceremony__threshold_met__kept_and_complete)
{
    struct signing_desk s;
    about_to_assemble(&s);
    CHECK_OK(assemble(&s, s.files, 2, false));
    CHECK_EQ(signatures_kept(&s), 2);
    CHECK_OK(assemble(&s, &s.files[2], 1, false)); /* complete already: nothing is added */
    CHECK_EQ(signatures_kept(&s), 2);
}

TEST(repository_ceremony__all_three_at_once__all_are_kept)
{
    struct signing_desk s;
    about_to_assemble(&s);
    CHECK_OK(assemble(&s, s.files, 3, false));
    CHECK_EQ(signatures_kept(&s), 3);
}

TEST(repository_ceremony__one_below_the_threshold__refused_and_nothing_kept)
{
    struct signing_desk s;
    about_to_assemble(&s);
    CHECK_ERR(assemble(&s, s.files, 1, false), SEV_E_SIGNATURE);
    CHECK_EQ(signatures_kept(&s), 0);
    sev_slice twice[2] = {s.files[0], s.files[0]};
    CHECK_ERR(assemble(&s, twice, 2, false), SEV_E_SIGNATURE);
    CHECK_EQ(signatures_kept(&s), 0);
    CHECK_OK(assemble(&s, s.files, 1, true)); /* on purpose */
    CHECK_EQ(signatures_kept(&s), 1);
    CHECK_ERR(desk_publish(&s.d, DESK_EVERYBODY), SEV_E_SIGNATURE);
    CHECK_EQ(desk_version(&s.d, "root"), 0);
}

TEST(repository_ceremony__a_key_of_nobody__refused_and_nothing_kept)
{
    struct signing_desk s;
    about_to_assemble(&s);
    CHECK_ERR(assemble(&s, &s.files[2], 2, false), SEV_E_KEY);
    CHECK_EQ(signatures_kept(&s), 0);
}

static size_t replace(sev_slice in, const char *find, const char *with, uint8_t *out)
{
    char text[SEV_SIGNATURE_FILE_BYTES_MAX + 1];
    memcpy(text, in.ptr, in.len);
    text[in.len] = '\0';
    char *at = strstr(text, find);
    CHECK(at != NULL);
    return (size_t)snprintf((char *)out, SEV_SIGNATURE_FILE_BYTES_MAX, "%.*s%s%s", (int)(at - text),
                            text, with, at + strlen(find));
}

TEST(repository_ceremony__a_signature_file_that_was_changed__refused_by_name)
{
    struct signing_desk s;
    uint8_t bytes[SEV_SIGNATURE_FILE_BYTES_MAX];
    char id[SEV_KEY_ID_CHARS + 1];
    about_to_assemble(&s);
    memcpy(id, desk_id(ROOT_2), sizeof id);

    /* another key's id over the same signature */
    sev_slice two[2] = {s.files[0],
                        sev_slice_of(bytes, replace(s.files[2], desk_id(ROOT_3), id, bytes))};
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_SIGNATURE);

    two[1] = sev_slice_of(bytes, replace(s.files[1], "\"sha256\":\"", "\"sha256\":\"0", bytes));
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_MALFORMED);

    two[1] = sev_slice_of(bytes, replace(s.files[1], "secureev-signature", "another", bytes));
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_MALFORMED);

    two[1] = sev_slice_of(bytes, replace(s.files[1], "\"version\":1", "\"version\":2", bytes));
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_MALFORMED);

    two[1] = sev_slice_of(bytes, replace(s.files[1], "{", "{\"a\":1,", bytes));
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_MALFORMED);
    CHECK_EQ(signatures_kept(&s), 0);
}

TEST(repository_ceremony__other_bytes_were_signed__refused_even_if_the_file_says_these)
{
    struct signing_desk s;
    struct sev_bytes staged = {0};
    uint8_t tampered[16384], bytes[SEV_SIGNATURE_FILE_BYTES_MAX], forged[sizeof bytes];
    char was[2 * SEV_SHA256_BYTES + 1], is[sizeof was];
    about_to_assemble(&s);
    CHECK_OK(sev_file_read(&s.d.real, s.root.file, sizeof tampered, 0, &staged));
    memcpy(tampered, staged.ptr, staged.len);
    uint8_t *version = (uint8_t *)strstr((char *)tampered, "\"version\":1}");
    CHECK(version != NULL);
    version[10] = '7';
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    desk_sign(&s.d, NULL, sev_slice_of(tampered, staged.len), ROOT_2, &b);
    sev_slice two[2] = {s.files[0], sev_buf_slice(&b)};
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_META_MISMATCH);

    struct sev_tbs a, other;
    CHECK_OK(sev_tbs_check(&s.d.real, sev_bytes_slice(&staged), &a, NULL));
    CHECK_OK(sev_tbs_check(&s.d.real, sev_slice_of(tampered, staged.len), &other, NULL));
    memcpy(is, a.sha256, sizeof is);
    memcpy(was, other.sha256, sizeof was);
    two[1] = sev_slice_of(forged, replace(sev_buf_slice(&b), was, is, forged));
    CHECK_ERR(assemble(&s, two, 2, false), SEV_E_SIGNATURE);
    CHECK_EQ(signatures_kept(&s), 0);
    sev_bytes_free(&s.d.real, &staged);
}

/* Two roles that list nothing have the same bytes: each wants its own people. */
TEST(repository_ceremony__two_documents_of_the_same_bytes__each_by_its_own_people)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_REGULATOR);
    struct desk d;
    desk_new(&d);
    CHECK_OK(desk_init(&d, &p));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY & ~(1ul << REVIEWER_2)));
    CHECK_ERR(desk_publish(&d, DESK_EVERYBODY), SEV_E_SIGNATURE); /* attestations: one of two */
    CHECK_OK(desk_ceremony(&d, 1ul << REVIEWER_2));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_REGULATOR, NULL), 0);
}

/* ------------------------------------------------------------------- versions */

static int64_t staged_version(struct desk *d, const char *role)
{
    struct sev_repository_staged s;
    struct sev_repository *r = desk_open(d);
    int64_t version = 0;
    CHECK_OK(sev_repository_stage(r, d->now, false));
    for (size_t i = 0; sev_repository_staged_at(r, i, &s); i++)
        if (strcmp(s.role, role) == 0 && s.profile == SEV_PROFILE_NATIVE)
            version = s.version;
    sev_repository_close(r);
    return version;
}

TEST(repository_ceremony__bytes_change_while_staged__another_version_and_never_the_same_again)
{
    struct desk d;
    desk_images(&d);
    int64_t public = desk_version(&d, "targets");
    CHECK_EQ(staged_version(&d, "targets"), 0);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_EQ(staged_version(&d, "targets"), public + 1);
    CHECK_EQ(staged_version(&d, "targets"), public + 1); /* nothing changed */
    CHECK_OK(desk_add(&d, "oem/d.img", "d", NULL));
    CHECK_EQ(staged_version(&d, "targets"), public + 2);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "targets"), public + 2);
    CHECK(!desk_has(&d, "public/2.supplier.json") || desk_version(&d, "supplier") >= 1);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_ceremony__nothing_changed__nothing_is_published_anew)
{
    struct desk d;
    desk_images(&d);
    int64_t snapshot = desk_version(&d, "snapshot");
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "snapshot"), snapshot);
    CHECK_EQ(staged_version(&d, "timestamp"), 0);
}

TEST(repository_ceremony__a_root_that_was_offered_and_given_up__the_same_version_with_other_bytes)
{
    struct desk d;
    desk_images(&d);
    CHECK_OK(desk_rotate(&d, "targets", SPARE_1));
    CHECK_EQ(staged_version(&d, "root"), 2);
    CHECK_OK(desk_rotate(&d, "targets", SPARE_2));
    CHECK_EQ(staged_version(&d, "root"), 2); /* clients accept no other */
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_EQ(desk_version(&d, "root"), 2);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_ceremony__something_else_lies_under_the_next_name__never_overwritten)
{
    struct desk d;
    size_t len;
    desk_images(&d);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    int64_t version = staged_version(&d, "targets");
    char name[64];
    (void)snprintf(name, sizeof name, "public/%lld.targets.json", (long long)version);
    sev_test_write(desk_path(&d, name), SEV_LIT("{}"));
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_EQUIVOCATION);
    uint8_t *there = sev_test_read(desk_path(&d, name), &len);
    CHECK_TEXT(sev_slice_of(there, len), "{}");
    free(there);
    /* It is decided and half done: nothing else happens until it is finished. */
    CHECK_ERR(desk_add(&d, "oem/e.img", "e", NULL), SEV_E_CONFLICT);
    struct sev_repository *r = desk_open(&d);
    CHECK_ERR(sev_repository_stage(r, d.now, false), SEV_E_CONFLICT);
    sev_repository_close(r);
    CHECK_EQ(unlink(desk_path(&d, name)), 0);
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "targets"), version);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_ceremony__a_published_file_was_changed_by_somebody__noticed)
{
    struct desk d;
    char name[64];
    desk_images(&d);
    (void)snprintf(name, sizeof name, "public/%lld.root.json", 1ll);
    sev_test_write(desk_path(&d, name), SEV_LIT("{}"));
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_STORE);
}

TEST(repository_ceremony__staged_so_long_ago_that_it_expired__not_published)
{
    struct desk d;
    desk_images(&d);
    CHECK_OK(desk_add(&d, "oem/c.img", "c", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    d.now += 181 * 86400; /* targets live 180 days; staged again, they need their people again */
    CHECK_ERR(desk_publish(&d, DESK_EVERYBODY), SEV_E_SIGNATURE);
}

/* -------------------------------------------------------------------- refresh */

static sev_err refresh(struct desk *d, unsigned long keys)
{
    struct sev_repository_signer signer = desk_signer(keys);
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_publish(r, d->now, SEV_PUBLISH_REFRESH, &signer);
    sev_repository_close(r);
    return e;
}

TEST(repository_ceremony__director_of_no_vehicle__not_published)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_DIRECTOR);
    struct desk d;
    p.plan.vehicle = NULL;
    desk_new(&d);
    CHECK_OK(desk_init(&d, &p));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_ERR(desk_publish(&d, DESK_EVERYBODY), SEV_E_NO_VEHICLE);
    CHECK(!desk_has(&d, "public/1.root.json"));
}

TEST(repository_ceremony__refresh__at_half_life_and_only_what_is_signed_online)
{
    struct desk d;
    desk_images(&d);
    int64_t snapshot = desk_version(&d, "snapshot");
    CHECK_OK(desk_add(&d, "oem/unfinished.img", "x", NULL)); /* somebody is at work */
    CHECK_OK(refresh(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "snapshot"), snapshot);
    d.now += 4 * 86400; /* of seven */
    CHECK_OK(refresh(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "snapshot"), snapshot + 1);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_ceremony__refresh_without_the_keys__refused_and_unchanged)
{
    struct desk d;
    desk_images(&d);
    int64_t snapshot = desk_version(&d, "snapshot");
    d.now += 4 * 86400;
    CHECK_ERR(refresh(&d, 1ul << TIMESTAMP), SEV_E_SIGNATURE);
    CHECK_EQ(desk_version(&d, "snapshot"), snapshot);
    CHECK_OK(refresh(&d, DESK_ONLINE));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

TEST(repository_ceremony__refresh_before_anything_was_published__refused)
{
    struct desk_plan p = good_plan(SEV_REPOSITORY_IMAGES);
    struct desk d;
    desk_new(&d);
    CHECK_OK(desk_init(&d, &p));
    CHECK_ERR(refresh(&d, DESK_EVERYBODY), SEV_E_NOT_FOUND);
}

TEST(repository_ceremony__what_people_sign_grows_old__staged_when_asked)
{
    struct desk d;
    struct sev_repository_staged s;
    desk_images(&d);
    d.now += 100 * 86400;
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_stage(r, d.now, true));
    uint32_t targets = 0, root = 0;
    for (size_t i = 0; sev_repository_staged_at(r, i, &s); i++) {
        targets += strcmp(s.role, "targets") == 0;
        root += strcmp(s.role, "root") == 0;
    }
    sev_repository_close(r);
    CHECK_EQ(targets, 1); /* 80 of 180 days left */
    CHECK_EQ(root, 0);    /* 265 of 365 */
}

/* ------------------------------------------------------------------- rotation */

static sev_err rotate(struct desk *d, const char *role, const enum desk_key *keys, uint32_t count,
                      uint32_t threshold)
{
    struct sev_pubkey public[4];
    for (uint32_t i = 0; i < count; i++)
    public[i] = *desk_public(keys[i]);
    struct sev_repository_role to = {
        .name = role, .keys = {.keys = public, .count = count, .threshold = threshold}};
    struct sev_repository *r = desk_open(d);
    sev_err e = sev_repository_rotate(r, &to, NULL);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    sev_repository_close(r);
    return e;
}

TEST(repository_ceremony__a_new_root__needs_the_old_threshold_and_the_new_one)
{
    struct desk d;
    struct reader reader;
    desk_images(&d);
    reader_new(&reader, &d);
    CHECK_OK(rotate(&d, "root", (enum desk_key[]){ROOT_3, SPARE_1, SPARE_2}, 3, 2));
    CHECK_OK(desk_ceremony(&d, 1ul << ROOT_1 | 1ul << ROOT_2)); /* old alone */
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_SIGNATURE);
    CHECK_EQ(desk_version(&d, "root"), 1);
    CHECK_OK(desk_ceremony(&d, 1ul << SPARE_1));
    CHECK_ERR(desk_publish(&d, DESK_ONLINE), SEV_E_SIGNATURE); /* new: one of two */
    CHECK_OK(desk_ceremony(&d, 1ul << SPARE_2));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(reader_refresh(&reader)); /* from root 1 on */
    CHECK_EQ(reader.walk.root.common.version, 2);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    reader_free(&reader);
}

/* A lost key cannot sign what its successor signs: readers in between are refused, never misled. */
TEST(repository_ceremony__the_old_online_keys_are_gone__published_root_first)
{
    struct desk d;
    struct reader reader;
    desk_images(&d);
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    CHECK_OK(desk_rotate(&d, "timestamp", SPARE_1));
    CHECK_OK(desk_ceremony(&d, 1ul << ROOT_1 | 1ul << ROOT_2));
    CHECK_OK(desk_publish(&d, 1ul << SNAPSHOT | 1ul << SPARE_1));
    CHECK_OK(reader_refresh(&reader));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    reader_free(&reader);
}

TEST(repository_ceremony__every_role_rotated_and_every_file_signed_anew__readers_follow)
{
    struct desk d;
    struct reader reader;
    bool found = false;
    desk_images(&d);
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    static const struct {
        const char *role;
        enum desk_key key;
    } changes[] = {
        {"targets", SPARE_1}, {"snapshot", SPARE_2}, {"timestamp", SPARE_3}, {"supplier", TIER}};
    for (int i = 0; i < 4; i++) {
        CHECK_OK(desk_rotate(&d, changes[i].role, changes[i].key));
        CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
        CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
        CHECK_OK(reader_refresh(&reader));
        CHECK_OK(reader_find(&reader, "sup/b.img", &found));
        CHECK(found);
        CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    }
    CHECK_EQ(desk_version(&d, "root"), 4);
    CHECK_EQ(desk_version(&d, "supplier"), 2);
    reader_free(&reader);
}

TEST(repository_ceremony__revoked_key__gone_from_every_role_or_refused)
{
    struct desk d;
    desk_images(&d);
    struct sev_repository *r = desk_open(&d);
    CHECK_ERR(sev_repository_revoke_key(r, desk_id(TARGETS)), SEV_E_THRESHOLD);
    sev_repository_close(r);
    r = desk_open(&d);
    CHECK_ERR(sev_repository_revoke_key(r, desk_id(SPARE_3)), SEV_E_NOT_FOUND);
    CHECK_OK(sev_repository_revoke_key(r, desk_id(ROOT_2)));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, 1ul << ROOT_1 | 1ul << ROOT_3));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    r = desk_open(&d); /* two of two are left */
    CHECK_ERR(sev_repository_revoke_key(r, desk_id(ROOT_1)), SEV_E_THRESHOLD);
    sev_repository_close(r);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}

/* ----------------------------------------------------------------- revocation */

static bool snapshot_lists(struct desk *d, const char *role)
{
    struct sev_public p;
    CHECK_OK(sev_public_open(&d->real, desk_path(d, "public"), SEV_PROFILE_NATIVE, NULL, &p));
    bool listed = sev_public_find(&p, role) != NULL;
    sev_public_close(&p);
    return listed;
}

TEST(repository_ceremony__revoked_role__its_name_stays_until_the_online_keys_are_others)
{
    struct desk d;
    struct reader reader;
    bool found = true;
    desk_images(&d);
    reader_new(&reader, &d);
    CHECK_OK(reader_refresh(&reader));
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_undelegate(r, "supplier", NULL));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(reader_refresh(&reader)); /* or it would have vanished: an attack */
    CHECK_OK(reader_find(&reader, "sup/b.img", &found));
    CHECK(!found);
    CHECK(snapshot_lists(&d, "supplier"));
    /* one after the other is not enough: in between, clients see the name under the new keys */
    CHECK_OK(desk_rotate(&d, "snapshot", SPARE_2));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_OK(reader_refresh(&reader));
    CHECK_OK(desk_rotate(&d, "timestamp", SPARE_3));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_OK(reader_refresh(&reader));
    CHECK(snapshot_lists(&d, "supplier"));
    CHECK_OK(desk_rotate(&d, "snapshot", SNAPSHOT)); /* both at once */
    CHECK_OK(desk_rotate(&d, "timestamp", TIMESTAMP));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK(!snapshot_lists(&d, "supplier"));
    CHECK_OK(reader_refresh(&reader));
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
    CHECK_OK(desk_delegate(&d, "supplier", SUPPLIER, "sup/*", NULL)); /* and back again */
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    CHECK_EQ(desk_version(&d, "supplier"), 2);
    CHECK_OK(reader_refresh(&reader));
    reader_free(&reader);
}

TEST(repository_ceremony__revoked_and_trusted_again__versions_go_on)
{
    struct desk d;
    desk_images(&d);
    struct sev_repository *r = desk_open(&d);
    CHECK_OK(sev_repository_undelegate(r, "supplier", NULL));
    desk_done(r);
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_OK(desk_delegate(&d, "supplier", SPARE_1, "sup/*", NULL));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_ONLINE));
    CHECK_EQ(desk_version(&d, "supplier"), 2);
    CHECK_EQ(desk_lint_errors(&d, SEV_REPOSITORY_IMAGES, NULL), 0);
}
