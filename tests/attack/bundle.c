/* bundle - PRI-15, ATK-05, MET-13, DESIGN 4 and 5: one mismatch rejects the whole bundle, groups
 * are whole, encryption is announced on both sides or on none. Each test breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"
#define DOOR "bolt/door-2.bin"

/* REQ-PRI-15 part 5.19: two images, the second one does not agree. REQ-ALG-1.11 */
TEST(pri_15__one_of_two_images_disagrees__neither_is_asked_for)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "bolt", "\"releaseCounter\":2", "\"releaseCounter\":1");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(pri_15__the_first_of_two_images_disagrees__neither_is_asked_for)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[IMAGES] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* One is installed already and one is new: both are matched. */
TEST(pri_15__an_installed_image_is_no_longer_listed__the_new_one_is_not_installed_either)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    struct world_image door = *world_image(w, "bolt/door-1.bin");
    world_stage(w, 2);
    w->now.images[1] = door;
    world_break(w);
    w->now.images[1].at[IMAGES] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    CHECK_EQ(w->result.image_requests, 1); /* honest: only what is new is fetched */
}

/* REQ-ATK-05: the bytes of one image do not come: nothing of the other is handed over either.
 * REQ-ALG-1.11 REQ-ATK-05 */
TEST(atk_05__the_second_image_is_withheld__nothing_is_released)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, DOOR, SEV_E_ABSENT);
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, ABSENT, NONE, "images", "");
}

TEST(atk_05__the_second_image_is_corrupt__nothing_is_released)
{
    struct world *w = world_accepted();
    world_serves(w, IMAGES, DOOR, world_filled(world_image(w, DOOR)->bytes.len, '?'));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* Could not be handed over: then the marks do not move. */
TEST(atk_05__handing_over_fails__the_images_do_not_count_as_installed)
{
    struct world *w = world_accepted();
    w->release_fails = SEV_E_IO;
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IO, NONE, "images", "");
}

/* ------------------------------------------------------------------ groups */

static void groups(const char *text, sev_err err)
{
    struct world *w = world_accepted();
    w->now.bundle = world_text("{\"groups\":%s,\"id\":\"b-2\",\"version\":2}", text);
    if (err == SEV_OK)
        WORLD_ACCEPTED(w);
    else
        world_check_refused(w, err, sev_err_attack(err), "director", "targets", __FILE__, __LINE__);
}

TEST(atk_05__groups_of_the_bundle_are_whole__accepted)
{
    groups("[[\"ecu-1\"],[\"ecu-2\"]]", SEV_OK);
    groups("[[\"ecu-2\",\"ecu-1\"]]", SEV_OK);
    groups("[]", SEV_OK);
}

TEST(atk_05__group_names_an_ecu_that_gets_nothing__mix_and_match)
{
    groups("[[\"ecu-1\",\"ecu-2\",\"ecu-3\"]]", SEV_E_BUNDLE);
    CHECK_EQ(sev_err_attack(SEV_E_BUNDLE), SEV_ATTACK_MIX_AND_MATCH);
}

TEST(atk_05__an_image_was_left_out_of_the_bundle__mix_and_match)
{
    struct world *w = world_accepted();
    w->now.image_count = 1;
    WORLD_REFUSED(w, BUNDLE, MIX_AND_MATCH, "director", "targets");
}

TEST(atk_05__groups_name_an_ecu_twice__mix_and_match)
{
    groups("[[\"ecu-1\",\"ecu-2\"],[\"ecu-1\"]]", SEV_E_BUNDLE);
    groups("[[\"ecu-1\",\"ecu-1\",\"ecu-2\"]]", SEV_E_BUNDLE);
}

TEST(atk_05__the_bundle_is_no_object__mix_and_match)
{
    struct world *w = world_accepted();
    w->now.bundle = "7";
    WORLD_REFUSED(w, BUNDLE, MIX_AND_MATCH, "director", "targets");
}

TEST(atk_05__groups_are_ill_formed__malformed)
{
    groups("{}", SEV_E_MALFORMED);
    groups("[\"ecu-1\"]", SEV_E_MALFORMED);
    groups("[[7]]", SEV_E_MALFORMED);
}

TEST(atk_05__more_group_members_than_a_vehicle_has_ecus__limit)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_FULL; /* so that strangers are no fault */
    world_settle(w);
    const char *names = "\"ecu-1\"", *more = "";
    for (int i = 0; i < SEV_ECUS_MAX - 1; i++) {
        names = world_text("%s,\"x-%d\"", names, i);
        more = world_text("%s\"x-%d\":{\"hardwareId\":\"h\"},", more, i);
    }
    w->now.image_count = 1;
    w->now.bundle = world_text("{\"groups\":[[%s]],\"id\":\"b\",\"version\":2}", names);
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-1\":",
               world_text("\"ecuIdentifiers\":{%s\"ecu-1\":", more));
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_break(w);
    w->now.bundle = world_text("{\"groups\":[[%s,\"ecu-1\"]],\"id\":\"b\",\"version\":3}", names);
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-1\":",
               world_text("\"ecuIdentifiers\":{%s\"ecu-1\":", more));
    w->no_mending = true;
    world_publish(w);
    (void)world_cycle(w);
    CHECK(w->result.err == SEV_E_BUNDLE || w->result.err == SEV_E_JSON_LIMIT);
}

TEST(atk_05__bundle_and_correlation_id_absent__accepted)
{
    struct world *w = world_accepted();
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
}

/* -------------------------------------------------------------- encryption */

#define PLAINTEXT                                                                                  \
    "\"plaintext\":{\"hashes\":{\"sha256\":"                                                       \
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"},\"length\":9}"

static struct world *encrypted(void)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->more_match = PLAINTEXT;
    world_image(w, BRAKE)->encryption = "{\"keyid\":\"k\",\"ct\":\"00\",\"enc\":\"00\"}";
    return w;
}

/* REQ-MET-13 */
TEST(met_13__encrypted_image_described_on_both_sides__accepted)
{
    struct world *w = encrypted();
    WORLD_ACCEPTED(w);
}

/* REQ-H13: the Director says nothing of the encryption that the supplier signed. REQ-MET-13 */
TEST(h13__encryption_block_removed__plaintext_downgrade)
{
    struct world *w = encrypted();
    world_image(w, BRAKE)->encryption = NULL;
    WORLD_REFUSED(w, DOWNGRADE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(h13__encryption_of_nothing_that_is_described__plaintext_downgrade)
{
    struct world *w = encrypted();
    world_image(w, BRAKE)->more_match = NULL;
    WORLD_REFUSED(w, DOWNGRADE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(h13__director_drops_both_halves__mix_and_match)
{
    struct world *w = encrypted();
    world_edit(w, DIRECTOR, "targets", PLAINTEXT ",", "");
    world_image(w, BRAKE)->encryption = NULL;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* DESIGN 5: the wrap is bound to the bundle: without one there is nothing to bind it to. */
TEST(met_14__encryption_without_bundle__mix_and_match)
{
    struct world *w = encrypted();
    w->now.bundle = NULL;
    WORLD_REFUSED(w, BUNDLE, MIX_AND_MATCH, "director", "targets");
}

/* REQ-ENC-07: to the client the ciphertext is an ordinary blob; plaintext in its place is not. */
TEST(enc_07__plaintext_served_for_the_listed_ciphertext__arbitrary_software)
{
    struct world *w = encrypted();
    world_serves(w, IMAGES, BRAKE, SEV_LIT("plaintext"));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}
