/* release_counter - VER-09, ECU-21, ECU-33, H08: what was installed once sets a mark that nothing
 * lowers but us. Each test breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

/* ALG-6.11: the file is a floor from here on, what it assigns is refused. */
#define REFUSED(w, err, attack)                                                                    \
    do {                                                                                           \
        (w)->file_is_good = true;                                                                  \
        WORLD_REFUSED(w, err, attack, "director", "targets");                                      \
    } while (0)

/* Offer both images of generation `n` with this counter for the brake. */
static void offer(struct world *w, int n, int64_t counter)
{
    world_stage(w, n);
    w->now.images[0].release_counter = counter;
    world_break(w);
}

/* REQ-VER-09 REQ-ECU-21 REQ-ALG-1.10.2c REQ-ALG-10 */
TEST(ver_09__release_counter_below_the_installed_one__rollback)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    offer(w, 3, 9);
    w->now.images[0].release_counter = 8;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* REQ-H08 */
TEST(h08__version_3_after_version_9__rollback_and_numbers)
{
    struct world *w = world_accepted();
    offer(w, 9, 9);
    WORLD_ACCEPTED(w);
    offer(w, 3, 3);
    w->no_mending = true;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
    CHECK(w->result.has_numbers);
    CHECK_EQ(w->result.expected, 9);
    CHECK_EQ(w->result.actual, 3);
}

TEST(ver_09__equal_release_counter__accepted)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    offer(w, 3, 9);
    WORLD_ACCEPTED(w);
}

/* REQ-ECU-33: an assignment without images, or without this ECU, does not erase it. */
TEST(ecu_33__empty_assignment_in_between__mark_survives)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    w->now.image_count = 0;
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
    offer(w, 3, 9);
    w->now.images[0].release_counter = 3;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

TEST(ecu_33__mark_is_the_highest_ever_though_the_image_in_between_is_older)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    offer(w, 3, 12);
    WORLD_ACCEPTED(w);
    offer(w, 4, 12);
    w->now.images[0].release_counter = 11;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

TEST(ecu_33__one_ecu_is_left_out_of_a_bundle__its_mark_survives)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    w->now.images[0] = w->now.images[1];
    w->now.image_count = 1;
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
    offer(w, 4, 9);
    w->now.images[0].release_counter = 8;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* Each ECU has its own. */
TEST(ecu_33__marks_are_per_ecu__a_lower_counter_on_the_other_is_fine)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    offer(w, 3, 9); /* the door has 3 */
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->now.images[1].release_counter, 3);
}

TEST(ecu_33__one_rollback_refuses_the_bundle)
{
    struct world *w = world_accepted();
    offer(w, 5, 5);
    WORLD_ACCEPTED(w);
    offer(w, 6, 6);
    w->now.images[1].release_counter = 4; /* the second */
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* The mark rises with success and with nothing else. */
TEST(ecu_33__cycle_that_fails_at_the_image__mark_does_not_rise)
{
    struct world *w = world_accepted();
    offer(w, 2, 100);
    world_fails(w, IMAGES, "bolt/door-2.bin", SEV_E_ABSENT);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
    world_heal(w);
    offer(w, 3, 3);
    WORLD_ACCEPTED(w);
}

TEST(ecu_33__root_and_all_keys_rotated__mark_survives)
{
    struct world *w = world_accepted();
    offer(w, 2, 9);
    WORLD_ACCEPTED(w);
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        w->now.repositories[DIRECTOR].roles[i].keys = world_new_keys(w, 1, 1);
    offer(w, 3, 9);
    w->now.images[0].release_counter = 8;
    w->no_mending = true; /* the rotated root was accepted */
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

TEST(ecu_33__largest_counter__accepted_and_final)
{
    struct world *w = world_accepted();
    offer(w, 2, SEV_JSON_INT_MAX);
    WORLD_ACCEPTED(w);
    offer(w, 3, SEV_JSON_INT_MAX - 1);
    w->no_mending = true;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* Counters are the image's, whatever version number the file has. */
TEST(ver_09__newer_targets_with_an_older_image__rollback)
{
    struct world *w = world_accepted();
    offer(w, 2, 2);
    WORLD_ACCEPTED(w);
    world_stage(w, 1);
    world_role(w, DIRECTOR, "targets")->force_version = 1000;
    w->no_mending = true;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* The same image under another counter is news, or a lower one would go unnoticed. */
TEST(ver_09__installed_image_offered_with_a_higher_counter__installed_again)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    w->now.images[0].release_counter = 2;
    world_publish(w);
    CHECK_OK(world_cycle(w)->err);
    CHECK_EQ(w->result.image_requests, 1);
    w->now.images[0].release_counter = 1;
    world_break(w);
    w->no_mending = true;
    REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
}

/* ------------------------------------------------------ the stepping stone */

TEST(stepping_stone__installed_release_too_old_for_this_one__mix_and_match)
{
    struct world *w = world_accepted();
    world_stage(w, 5);
    w->now.images[0].more_match = "\"minReleaseCounter\":3";
    REFUSED(w, STEPPING_STONE, MIX_AND_MATCH);
}

TEST(stepping_stone__installed_release_new_enough__accepted)
{
    struct world *w = world_accepted();
    world_stage(w, 5);
    w->now.images[0].more_match = "\"minReleaseCounter\":1";
    WORLD_ACCEPTED(w);
}

TEST(stepping_stone__nothing_known_to_be_installed__accepted)
{
    struct world *w = world_begin();
    w->now.images[0].more_match = "\"minReleaseCounter\":3";
    world_settle(w);
}

TEST(stepping_stone__ill_formed__malformed)
{
    struct world *w = world_accepted();
    w->now.images[0].more_match = "\"minReleaseCounter\":\"3\"";
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
}

/* -------------------------------------------------------- what is remembered */

TEST(state__damaged__store_damaged_and_nothing_asked)
{
    static const char *const bad[] = {"{", "[]", "7", "{\"ecus\":{},\"ecus\":{}}",
                                      "{\"ecus\":{},\"vehicle\":7}"};
    for (int i = 0; i < 5; i++) {
        struct world *w = world_accepted();
        world_put_stored(w, VEHICLE, "vehicle.state", world_slice(bad[i]));
        world_publish(w);
        CHECK_ERR(world_cycle(w)->err, SEV_E_STORE);
        CHECK_EQ(sev_err_class(SEV_E_STORE), SEV_CLASS_RETRY);
        CHECK_EQ(w->result.requests, 0);
        CHECK_SLICE(world_stored(w, VEHICLE, "vehicle.state"), world_slice(bad[i]));
    }
}

/* A mark that cannot be read is not a mark of zero. */
TEST(state__record_of_an_ecu_damaged__store_damaged_and_no_image_asked)
{
    static const char *const bad[] = {
        "[]",
        "{\"ecu-1\":[]}",
        "{\"ecu-1\":{}}",
        "{\"ecu-1\":{\"hashes\":{},\"mark\":9}}",
        "{\"ecu-1\":{\"hashes\":{\"sha256\":\"00\"},\"mark\":9}}",
        ("{\"ecu-1\":{\"hashes\":{\"sha256\":\"0000000000000000000000000000000000000000000000000000"
         "000000000000\"},\"mark\":\"9\"}}"),
    };
    for (int i = 0; i < 6; i++) {
        struct world *w = world_accepted();
        const char *state = world_text("{\"ecus\":%s,\"vehicle\":\"" WORLD_VEHICLE "\"}", bad[i]);
        world_put_stored(w, VEHICLE, "vehicle.state", world_slice(state));
        world_publish(w);
        CHECK_ERR(world_cycle(w)->err, SEV_E_STORE);
        CHECK_EQ(w->result.image_requests, 0);
        CHECK_SLICE(world_stored(w, VEHICLE, "vehicle.state"), world_slice(state));
    }
}

TEST(state__lost__bound_and_installed_anew_and_written)
{
    struct world *w = world_accepted();
    sev_slice before = world_stored(w, VEHICLE, "vehicle.state");
    world_remove_stored(w, VEHICLE, "vehicle.state");
    world_stage(w, 1);
    world_publish(w);
    CHECK_OK(world_cycle(w)->err);
    CHECK_EQ(w->result.image_requests, 2);
    CHECK_SLICE(world_stored(w, VEHICLE, "vehicle.state"), before);
}

TEST(state__belongs_to_another_vehicle_than_configured__config_and_nothing_asked)
{
    struct world *w = world_accepted();
    w->vehicle = "did:secureev:car-2";
    CHECK_ERR(world_cycle(w)->err, SEV_E_CONFIG);
    CHECK_EQ(w->result.requests, 0);
}

/* An ECU that is not configured today keeps its record, in canonical order. */
TEST(state__records_of_other_ecus__kept)
{
    struct world *w = world_accepted();
    sev_slice old = world_stored(w, VEHICLE, "vehicle.state");
    const char *text = world_text("%.*s", (int)old.len, (const char *)old.ptr);
    const char *record = "{\"hashes\":{\"sha256\":\"00112233445566778899aabbccddeeff"
                         "00112233445566778899aabbccddeeff\"},\"length\":1,\"mark\":77,\"name\":"
                         "\"x/\\u00e4.bin\",\"releaseCounter\":70}";
    const char *mixed = world_text("{\"ecus\":{\"zz\":%s,\"aa\":%s,\"ecu-1\\u0041\":%s,%s", record,
                                   record, record, text + strlen("{\"ecus\":{"));
    world_put_stored(w, VEHICLE, "vehicle.state", world_slice(mixed));
    WORLD_ACCEPTED(w);
    sev_slice now = world_stored(w, VEHICLE, "vehicle.state");
    const char *got = world_text("%.*s", (int)now.len, (const char *)now.ptr);
    const char *aa = strstr(got, "\"aa\":{"), *one = strstr(got, "\"ecu-1\":{"),
               *one_a = strstr(got, "\"ecu-1A\":{"), *zz = strstr(got, "\"zz\":{");
    CHECK(aa != NULL && one != NULL && one_a != NULL && zz != NULL);
    CHECK(aa < one && one < one_a && one_a < zz);
    CHECK(strstr(aa, "\"mark\":77") != NULL && strstr(zz, "\"mark\":77") != NULL);
    CHECK(strstr(zz, "\"releaseCounter\":70") != NULL);
}

/* Whatever a serial is made of, its mark is kept. */
TEST(state__serials_with_quotes_controls_and_foreign_letters__kept)
{
    static const char *const serials[] = {"a\"b", "a\\b", "a\xc3\xa4", "a\n", "\xf0\x9f\x9a\x97"};
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 5; k++) {
            if (i == k)
                continue;
            struct world *w = world_begin();
            w->ecus[0].serial = world_slice(serials[i]);
            w->ecus[1].serial = world_slice(serials[k]);
            w->now.bundle = NULL;
            world_settle(w);
            w->now.images[0].release_counter = 0;
            REFUSED(w, RELEASE_ROLLBACK, ROLLBACK);
        }
    }
}
