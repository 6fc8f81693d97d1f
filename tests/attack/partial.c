/* partial - ALG-9, VER-43, SPV-01 to SPV-06: the Standard's minimum: the Director's root chain and
 * targets, and nothing else. Each test breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

static struct world *partial(void)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    return w;
}

/* REQ-VER-43: what it asks for, in order. */
TEST(ver_43__partial_cycle__directors_files_and_the_own_image_alone)
{
    struct world *w = partial();
    WORLD_ACCEPTED(w);
    WORLD_TRACE(w, "vehicle load vehicle.state\n"
                   "director load root.json\n"
                   "director load trust.tag\n"
                   "director get 2.root.json: absent\n"
                   "director get timestamp.json\n"
                   "director get 6.snapshot.json\n"
                   "director load targets.json\n"
                   "director get 6.targets.json\n"
                   "director store targets.json\n"
                   "images image acme/brake-2.bin\n"
                   "release 1\n"
                   "vehicle store vehicle.state\n");
}

/* Timestamp and snapshot only say where targets is: nothing of them is believed. */
TEST(ver_43__timestamp_and_snapshot_signed_by_strangers_and_expired__no_matter)
{
    struct world *w = partial();
    world_sign_also(world_role(w, DIRECTOR, "timestamp"), world_new_key(w));
    world_sign_also(world_role(w, DIRECTOR, "snapshot"), world_new_key(w));
    world_role(w, DIRECTOR, "timestamp")->expires = 0;
    world_role(w, DIRECTOR, "snapshot")->expires = 0;
    world_role(w, DIRECTOR, "timestamp")->force_version = 1;
    world_role(w, DIRECTOR, "snapshot")->force_version = 1;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    world_edit_served(w, DIRECTOR, "snapshot", "\"1.0.31\"", "\"1.0.32\"");
    WORLD_ACCEPTED(w);
    CHECK(world_stored(w, DIRECTOR, "timestamp.json").ptr == NULL);
    CHECK(world_stored(w, DIRECTOR, "snapshot.json").ptr == NULL);
}

/* But bounds hold, and they must be what they say. */
TEST(ver_43__timestamp_too_long__endless_data)
{
    struct world *w = partial();
    world_serves(w, DIRECTOR, "timestamp", world_filled(SEV_TIMESTAMP_BYTES_MAX + 1, ' '));
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, "director", "timestamp");
}

TEST(ver_43__snapshot_served_as_timestamp__wrong_type)
{
    struct world *w = partial();
    world_publish(w);
    world_serves(w, DIRECTOR, "timestamp", world_role(w, DIRECTOR, "snapshot")->file);
    WORLD_REFUSED(w, WRONG_TYPE, NONE, "director", "timestamp");
}

TEST(ver_43__snapshot_without_targets__malformed)
{
    struct world *w = partial();
    world_edit(w, DIRECTOR, "snapshot", "\"targets.json\"", "\"targetz.json\"");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "snapshot");
}

/* Images' and Regulator's metadata is not read. */
TEST(ver_43__other_repositories_are_gone__no_matter)
{
    struct world *w = partial();
    world_fails(w, IMAGES, "timestamp", SEV_E_UNREACHABLE);
    world_fails(w, REGULATOR, "timestamp", SEV_E_UNREACHABLE);
    w->now.images[0].at[IMAGES] = -1;
    w->now.images[0].at[REGULATOR] = -1;
    WORLD_ACCEPTED(w);
}

/* REQ-SPV-03 REQ-VER-43 REQ-ALG-9.3 */
TEST(spv_03__targets_signed_by_a_stranger__signature)
{
    struct world *w = partial();
    world_sign_also(world_role(w, DIRECTOR, "targets"), world_new_key(w));
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(spv_03__targets_signed_by_timestamp_and_snapshot_keys__signature)
{
    struct world *w = partial();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    world_sign_also(t, world_role(w, DIRECTOR, "timestamp")->keys.ids[0]);
    world_sign_also(t, world_role(w, DIRECTOR, "snapshot")->keys.ids[0]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(spv_03__targets_expired__freeze)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->expires = w->time;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "director", "targets");
}

TEST(spv_03__stored_targets_served_again_after_their_expiry__freeze)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->expires = w->time + WORLD_DAY;
    WORLD_ACCEPTED(w);
    w->time += WORLD_DAY;
    w->no_mending = true;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "director", "targets");
}

TEST(spv_03__one_ecu_on_two_images__refused)
{
    struct world *w = partial();
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"ecu-1\":{\"hardwareId\":\"hw-brake\"},\"ecu-2\":");
    WORLD_REFUSED(w, DUPLICATE_ECU, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(spv_03__targets_served_are_those_of_before__nothing_new)
{
    struct world *w = partial();
    world_stage(w, 1);
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->result.image_requests, 0);
    CHECK(strstr(w->trace, "director get 5.targets.json\n") != NULL);
    CHECK(strstr(w->trace, "director store") == NULL);
}

/* REQ-SPV-04 */
TEST(spv_04__targets_key_rotated_by_a_new_root__accepted)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 2, 2);
    WORLD_ACCEPTED(w);
}

/* REQ-VER-43 REQ-ALG-9.2 */
TEST(spv_04__root_signed_by_a_stranger__signature)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 1, 1);
    world_sign_also(world_role(w, DIRECTOR, "root"), world_new_key(w));
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

/* REQ-SPV-06 REQ-VER-43 REQ-ALG-9.4 */
TEST(spv_06__targets_of_another_vehicle__replay)
{
    struct world *w = partial();
    world_edit(w, DIRECTOR, "targets", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "targets");
}

/* REQ-ALG-9.4 */
TEST(spv_06__release_counter_below_the_mark__rollback)
{
    struct world *w = partial();
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    w->now.images[0].release_counter = 1;
    w->file_is_good = true;
    WORLD_REFUSED(w, RELEASE_ROLLBACK, ROLLBACK, "director", "targets");
}

/* REQ-ALG-9.4 */
TEST(spv_06__image_for_other_hardware__wrong_hardware)
{
    struct world *w = partial();
    world_image(w, BRAKE)->hardware_id = "hw-truck";
    WORLD_REFUSED(w, WRONG_HARDWARE, WRONG_HARDWARE, "director", "targets");
}

TEST(alg_9__no_entry_for_this_ecu__nothing_new_and_the_floor_rises)
{
    struct world *w = partial();
    w->now.images[0] = w->now.images[1];
    w->now.image_count = 1;
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->result.image_requests, 0);
    CHECK_SLICE(world_stored(w, DIRECTOR, "targets.json"),
                world_role(w, DIRECTOR, "targets")->file);
}

/* REQ-ALG-9.6 REQ-ALG-10 */
TEST(alg_10__image_has_other_bytes__arbitrary_software)
{
    struct world *w = partial();
    world_serves(w, IMAGES, BRAKE, world_filled(world_image(w, BRAKE)->bytes.len, 'x'));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* REQ-VER-16 P-c: without a snapshot, the floor of targets falls with the targets keys. */
TEST(p_c__targets_fast_forwarded_then_keys_rotated__recovered)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "targets")->force_version = 7;
    WORLD_ACCEPTED(w);
}

/* The state of a partially verifying ECU binds the vehicle before its first targets is stored. */
TEST(alg_9__first_targets_bind_the_vehicle__state_before_targets)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    w->vehicle = "";
    world_settle(w);
    CHECK(strstr(w->trace, "vehicle store vehicle.state\ndirector store targets.json\n") != NULL);
    world_edit(w, DIRECTOR, "targets", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "targets");
}
