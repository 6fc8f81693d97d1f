/* Download grants at those who serve: every test starts from one that is taken. DESIGN 3.5 REQ-D21
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "desk.h"
#include "faulty_fs.h"
#include "secureev/grants.h"

#define NOW DESK_NOW

static const uint8_t mine[SEV_SHA256_BYTES] = {1}, others[SEV_SHA256_BYTES] = {2};
static const uint8_t image[SEV_SHA256_BYTES] = {0x11}, image_2[SEV_SHA256_BYTES] = {0x22};
static struct desk d;
static struct faulty_fs faulty;
static struct sev_grants *g;

static void begin(void)
{
    struct desk_plan p;
    desk_new(&d);
    desk_plan_of(&p, SEV_REPOSITORY_DIRECTOR);
    desk_role(&p, "publish", false, 1, (enum desk_key[]){SPARE_1}, 1);
    CHECK_OK(desk_init(&d, &p));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
    faulty_fs_init(&faulty);
    CHECK_OK(sev_grants_new(&faulty.fs, desk_path(&d, "public"), "oem-1", 4, &g));
}

static void end(void)
{
    sev_grants_free(g);
    CHECK_EQ(faulty.live_blocks, 0);
    CHECK_EQ(faulty.open_files, 0);
}

/* A root of the Director that gives `publish` to another key. */
static void rotate(enum desk_key to)
{
    CHECK_OK(desk_rotate(&d, "publish", to));
    CHECK_OK(desk_ceremony(&d, DESK_EVERYBODY));
    CHECK_OK(desk_publish(&d, DESK_EVERYBODY));
}

static sev_slice grant_by(enum desk_key key, const uint8_t *subject, const char *oem,
                          sev_time issued)
{
    static uint8_t body[4096], whole[8192];
    static char list[200];
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body), w = sev_buf_of(whole, sizeof whole);
    sev_buf l = sev_buf_of(list, sizeof list), sig = sev_buf_of(raw, sizeof raw);
    struct sev_repository_signer signer = desk_signer(1ul << key);
    sev_buf_put(&l, "[\"", 2);
    sev_hex_encode(sev_slice_of(image, sizeof image), &l);
    sev_buf_put(&l, "\"]", 2);
    struct sev_grant grant = {.id = {9},
                              .oem = sev_slice_of(oem, strlen(oem)),
                              .bundle = {SEV_LIT("spring"), 3},
                              .images = sev_buf_slice(&l),
                              .issued = issued,
                              .expires = issued + 86400};
    memcpy(grant.subject, subject, sizeof grant.subject);
    CHECK_OK(sev_grant_encode(&grant, &b));
    CHECK_OK(signer.sign(signer.context, desk_id(key), sev_buf_slice(&b), &sig));
    struct sev_message_sig one = {.keyid = sev_slice_of(desk_id(key), SEV_KEY_ID_CHARS),
                                  .sig = sev_buf_slice(&sig)};
    CHECK_OK(sev_envelope_write(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &one, 1,
                                SEV_MESSAGE_BYTES_MAX, &w));
    return sev_buf_slice(&w);
}

static sev_err take(sev_slice grant)
{
    return sev_grants_take(g, NULL, mine, grant, NOW);
}

TEST(grants__for_this_key_and_image__until_it_is_over)
{
    begin();
    CHECK_ERR(sev_grants_may(g, mine, image, NOW), SEV_E_NO_GRANT);
    CHECK_OK(take(grant_by(SPARE_1, mine, "oem-1", NOW)));
    CHECK_OK(sev_grants_may(g, mine, image, NOW));
    CHECK_OK(sev_grants_may(g, mine, image, NOW + 86399));
    CHECK_ERR(sev_grants_may(g, mine, image, NOW + 86400), SEV_E_EXPIRED);
    CHECK_ERR(sev_grants_may(g, mine, image_2, NOW), SEV_E_NO_GRANT);
    CHECK_ERR(sev_grants_may(g, others, image, NOW), SEV_E_NO_GRANT);
    end();
}

TEST(grants__stolen_foreign_or_old__refused_and_nothing_kept)
{
    begin();
    CHECK_ERR(take(grant_by(SPARE_1, others, "oem-1", NOW)), SEV_E_WRONG_SUBJECT);
    CHECK_ERR(take(grant_by(SPARE_1, mine, "oem-2", NOW)), SEV_E_WRONG_SUBJECT);
    CHECK_ERR(take(grant_by(SPARE_1, mine, "oem-1", NOW - 86400)), SEV_E_EXPIRED);
    CHECK_ERR(take(grant_by(SPARE_1, mine, "oem-1", NOW + 3600)), SEV_E_EXPIRED);
    CHECK_ERR(take(grant_by(SPARE_2, mine, "oem-1", NOW)), SEV_E_SIGNATURE);
    CHECK_ERR(take(grant_by(TIMESTAMP, mine, "oem-1", NOW)), SEV_E_SIGNATURE);
    CHECK_ERR(take(SEV_LIT("{}")), SEV_E_MALFORMED);
    CHECK_ERR(sev_grants_may(g, mine, image, NOW), SEV_E_NO_GRANT);
    end();
}

/* REQ-D21: revoking `publish` stops what it granted. */
TEST(grants__next_root_gives_publish_to_others__what_was_granted_ends)
{
    begin();
    CHECK_OK(take(grant_by(SPARE_1, mine, "oem-1", NOW)));
    rotate(SPARE_2);
    CHECK_OK(sev_grants_may(g, mine, image, NOW)); /* nobody has looked yet */
    CHECK_OK(sev_grants_follow(g, NULL));
    CHECK_ERR(sev_grants_may(g, mine, image, NOW), SEV_E_NO_GRANT);
    CHECK_ERR(take(grant_by(SPARE_1, mine, "oem-1", NOW)), SEV_E_SIGNATURE);
    CHECK_OK(take(grant_by(SPARE_2, mine, "oem-1", NOW)));
    CHECK_OK(sev_grants_may(g, mine, image, NOW));
    end();
}

TEST(grants__root_that_does_not_follow__changes_nothing)
{
    begin();
    CHECK_OK(take(grant_by(SPARE_1, mine, "oem-1", NOW)));
    sev_test_write(desk_path(&d, "public/2.root.json"), SEV_LIT("{}"));
    CHECK(sev_grants_follow(g, NULL) != SEV_OK);
    CHECK_OK(sev_grants_may(g, mine, image, NOW));
    CHECK_OK(take(grant_by(SPARE_1, mine, "oem-1", NOW)));
    end();
}

TEST(grants__expired_root__grants_nothing)
{
    sev_time later = NOW + 366ll * 86400;
    begin();
    CHECK_OK(take(grant_by(SPARE_1, mine, "oem-1", NOW)));
    CHECK_ERR(sev_grants_take(g, NULL, mine, grant_by(SPARE_1, mine, "oem-1", later), later),
              SEV_E_EXPIRED);
    end();
}

TEST(grants__more_keys_than_there_is_room_for__what_is_over_goes_then_what_ends_first)
{
    uint8_t subject[SEV_SHA256_BYTES] = {3};
    begin(); /* with room for four */
    for (uint8_t i = 0; i < 6; i++) {
        subject[1] = (uint8_t)(i * 37);
        sev_slice grant = grant_by(SPARE_1, subject, "oem-1", NOW - 100 * (i == 2) + i);
        CHECK_OK(sev_grants_take(g, NULL, subject, grant, NOW));
        CHECK_OK(sev_grants_may(g, subject, image, NOW));
    }
    for (uint8_t i = 0; i < 6; i++) { /* the third ends first, then the first */
        subject[1] = (uint8_t)(i * 37);
        CHECK_ERR(sev_grants_may(g, subject, image, NOW),
                  i == 2 || i == 0 ? SEV_E_NO_GRANT : SEV_OK);
    }
    sev_time later = NOW + 86402; /* two of the four are over, and make room for one */
    subject[1] = 1;
    CHECK_OK(sev_grants_take(g, NULL, subject, grant_by(SPARE_1, subject, "oem-1", later), later));
    subject[1] = 5 * 37;
    CHECK_OK(sev_grants_may(g, subject, image, later));
    end();
}

TEST(grants__without_a_root_or_publish__not_provisioned)
{
    struct desk other;
    begin();
    end();
    CHECK_ERR(sev_grants_new(&faulty.fs, sev_test_dir(), "oem-1", 4, &g), SEV_E_NOT_PROVISIONED);
    desk_images(&other);
    CHECK_ERR(sev_grants_new(&faulty.fs, desk_path(&other, "public"), "oem-1", 4, &g),
              SEV_E_NOT_PROVISIONED);
    CHECK_EQ(faulty.live_blocks, 0);
}
