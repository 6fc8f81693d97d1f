/* client_flow - VER-03 to VER-05, ALG-1, P-a to P-d: what is asked for and stored, in which order,
 * and what a failed cycle leaves behind for the next. A right result for a wrong reason fails here.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

static const char *const names[] = {"director", "images", "regulator"};

#define DIRECTOR_IS_OLD                                                                            \
    "vehicle load vehicle.state\n"                                                                 \
    "director load root.json\n"                                                                    \
    "director load trust.tag\n"                                                                    \
    "director get 2.root.json: absent\n"                                                           \
    "director load timestamp.json\n"                                                               \
    "director get timestamp.json\n"                                                                \
    "director load snapshot.json\n"                                                                \
    "director load targets.json\n"

TEST(alg_1__first_cycle__every_visit_in_order_and_stored_before_the_next)
{
    struct world *w = world_begin();
    world_settle(w);
    WORLD_TRACE(w, "vehicle load vehicle.state: none\n"
                   "director load root.json\n"
                   "director load trust.tag: none\n"
                   "director store trust.tag\n"
                   "director get 2.root.json: absent\n"
                   "director load timestamp.json: none\n"
                   "director get timestamp.json\n"
                   "vehicle store vehicle.state\n"
                   "director store timestamp.json\n"
                   "director load snapshot.json: none\n"
                   "director get 5.snapshot.json\n"
                   "director store snapshot.json\n"
                   "director load targets.json: none\n"
                   "director get 5.targets.json\n"
                   "director store targets.json\n"
                   "regulator load root.json\n"
                   "regulator load trust.tag: none\n"
                   "regulator store trust.tag\n"
                   "regulator get 2.root.json: absent\n"
                   "regulator load timestamp.json: none\n"
                   "regulator get timestamp.json\n"
                   "regulator store timestamp.json\n"
                   "regulator load snapshot.json: none\n"
                   "regulator get 5.snapshot.json\n"
                   "regulator store snapshot.json\n"
                   "regulator load targets.json: none\n"
                   "regulator get 5.targets.json\n"
                   "regulator store targets.json\n"
                   "regulator load withdrawals.json: none\n"
                   "regulator get 5.withdrawals.json\n"
                   "regulator store withdrawals.json\n"
                   "regulator load attestations.json: none\n"
                   "regulator get 5.attestations.json\n"
                   "regulator store attestations.json\n"
                   "regulator load withdrawals.json\n"
                   "regulator load attestations.json\n"
                   "images load root.json\n"
                   "images load trust.tag: none\n"
                   "images store trust.tag\n"
                   "images get 2.root.json: absent\n"
                   "images load timestamp.json: none\n"
                   "images get timestamp.json\n"
                   "images store timestamp.json\n"
                   "images load snapshot.json: none\n"
                   "images get 5.snapshot.json\n"
                   "images store snapshot.json\n"
                   "images load targets.json: none\n"
                   "images get 5.targets.json\n"
                   "images store targets.json\n"
                   "images load acme.json: none\n"
                   "images get 5.acme.json\n"
                   "images store acme.json\n"
                   "images load bolt.json: none\n"
                   "images get 5.bolt.json\n"
                   "images store bolt.json\n"
                   "images image acme/brake-1.bin\n"
                   "images image bolt/door-1.bin\n"
                   "release 2\n"
                   "vehicle store vehicle.state\n");
}

/* REQ-VER-03: two requests, and everybody else is left alone. */
TEST(ver_03__nothing_new__root_and_timestamp_asked_and_nothing_stored)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    WORLD_ACCEPTED(w);
    WORLD_TRACE(w, DIRECTOR_IS_OLD "release 0\n");
    CHECK_EQ(w->result.requests, 2);
}

/* REQ-VER-04: a new Director file that assigns nothing new. */
TEST(ver_04__new_targets_assign_what_is_installed__other_repositories_not_asked)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    world_role(w, DIRECTOR, "targets")->sign_again = true;
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "director store targets.json\n") != NULL);
    CHECK(strstr(w->trace, "images") == NULL);
    CHECK(strstr(w->trace, "regulator") == NULL);
    CHECK_EQ(w->result.image_requests, 0);
}

/* REQ-VER-05: Images has no news: the match is made on what is stored. */
TEST(ver_05__only_the_director_has_news__stored_files_of_the_others_are_matched)
{
    struct world *w = world_accepted();
    struct world_image next = *world_image(w, BRAKE);
    next.name = "acme/brake-3.bin";
    next.release_counter = 3;
    next.bytes = SEV_LIT("the third one");
    next.ecu = -1; /* listed and attested, and not yet assigned */
    next.at[DIRECTOR] = -1;
    w->now.images[w->now.image_count++] = next;
    WORLD_ACCEPTED(w);
    w->now.images[0].ecu = w->now.images[0].at[DIRECTOR] = -1;
    w->now.images[2].ecu = 0;
    w->now.images[2].at[DIRECTOR] = SEV_ROLE_TARGETS;
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images get timestamp.json\n") != NULL);
    CHECK(strstr(w->trace, "images get 6") == NULL);
    CHECK(strstr(w->trace, "images store") == NULL);
    CHECK(strstr(w->trace, "regulator store") == NULL);
    CHECK_EQ(w->result.image_requests, 1);
}

/* P-a: a lost download is tried again, although no file is new. */
TEST(p_a__image_did_not_come__next_cycle_asks_again_and_needs_no_file)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    world_heal(w);
    WORLD_ACCEPTED(w);
    WORLD_TRACE(w, DIRECTOR_IS_OLD "regulator load root.json\n"
                                   "regulator load trust.tag\n"
                                   "regulator get 2.root.json: absent\n"
                                   "regulator load timestamp.json\n"
                                   "regulator get timestamp.json\n"
                                   "regulator load snapshot.json\n"
                                   "regulator load targets.json\n"
                                   "regulator load withdrawals.json\n"
                                   "regulator load attestations.json\n"
                                   "regulator load withdrawals.json\n"
                                   "regulator load attestations.json\n"
                                   "images load root.json\n"
                                   "images load trust.tag\n"
                                   "images get 2.root.json: absent\n"
                                   "images load timestamp.json\n"
                                   "images get timestamp.json\n"
                                   "images load snapshot.json\n"
                                   "images load targets.json\n"
                                   "images load acme.json\n"
                                   "images load bolt.json\n"
                                   "images image acme/brake-2.bin\n"
                                   "images image bolt/door-2.bin\n"
                                   "release 2\n"
                                   "vehicle store vehicle.state\n");
}

TEST(p_a__other_repository_failed__next_cycle_goes_on_with_it)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, "timestamp", SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    world_heal(w);
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->result.image_requests, 2);
}

/* P-b: the targets key was revoked; what it signed is not used from the store. */
TEST(p_b__directors_targets_key_revoked_while_an_image_is_pending__asked_for_anew)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    world_heal(w);
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 1, 1);
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "director get 7.targets.json\n") != NULL);
}

TEST(p_b__key_revoked_and_the_old_file_still_listed__refused)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    world_heal(w);
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    world_sign_with(t, &t->keys, 1); /* keeps the file as it is */
    t->keys = world_new_keys(w, 1, 1);
    w->no_mending = true;
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

/* P-c: an inflated version of targets blocks nobody for ever. */
static void inflated(int repository, const char *rotated)
{
    struct world *w = world_accepted();
    world_role(w, repository, "targets")->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_role(w, repository, rotated)->keys = world_new_keys(w, 1, 1);
    world_role(w, repository, "targets")->force_version = 9;
    WORLD_ACCEPTED(w);
    CHECK_SLICE(world_stored(w, repository, "targets.json"),
                world_role(w, repository, "targets")->file);
}

TEST(p_c__targets_fast_forwarded_then_snapshot_keys_rotated__recovered)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        inflated(r, "snapshot");
}

/* Rotating the targets key alone leaves snapshot's word for it: an honest repository then goes on
 * from the inflated version or rotates snapshot too. The floor of the file itself falls. */
TEST(p_c__targets_fast_forwarded_then_targets_and_timestamp_keys_rotated__recovered)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "targets")->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_role(w, DIRECTOR, "targets")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "targets")->force_version = 9;
    WORLD_ACCEPTED(w);
}

/* What was not signed by rotated keys keeps its floor: a rotation is no window for rollback. */
TEST(p_c__timestamp_keys_rotated__floor_of_targets_stays)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        world_role(w, r, "timestamp")->keys = world_new_keys(w, 1, 1);
        world_role(w, r, "targets")->sign_again = true;
        world_role(w, r, "targets")->force_version = 4;
        w->no_mending = true;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "targets");
    }
}

TEST(p_c__rotation_seen_in_an_interrupted_cycle__floors_fall_in_the_next)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "timestamp")->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "timestamp")->force_version = 9;
    world_publish(w);
    w->power = 1; /* the root is stored, and the power goes */
    (void)world_cycle(w);
    CHECK(w->result.cut);
    CHECK_SLICE(world_stored(w, DIRECTOR, "root.json"), world_role(w, DIRECTOR, "root")->file);
    w->power = -1;
    WORLD_ACCEPTED(w);
}

/* And only once: the new files are floors again. */
TEST(p_c__after_the_recovery__new_files_are_floors)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, DIRECTOR, "timestamp")->force_version = 3;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    world_role(w, DIRECTOR, "timestamp")->force_version = 2;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "timestamp");
}

/* Rotated keys and then a cycle that fails: the old files stay until good ones take their place. */
TEST(p_c__rotation_and_no_good_file_yet__stored_files_stay)
{
    struct world *w = world_accepted();
    sev_slice t = world_stored(w, DIRECTOR, "timestamp.json");
    world_role(w, DIRECTOR, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_fails(w, DIRECTOR, "timestamp", SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    CHECK_SLICE(world_stored(w, DIRECTOR, "timestamp.json"), t);
    world_heal(w);
    WORLD_ACCEPTED(w);
}

/* P-d: a delegated file's floor is its own. */
static struct world *lost_snapshot(void)
{
    struct world *w = world_accepted();
    world_remove_stored(w, IMAGES, "timestamp.json");
    world_remove_stored(w, IMAGES, "snapshot.json");
    return w;
}

TEST(p_d__delegated_file_older_than_the_stored_one__rollback)
{
    struct world *w = lost_snapshot();
    world_role(w, IMAGES, "acme")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "acme");
}

TEST(p_d__delegated_file_of_the_same_version_differs__equivocation)
{
    struct world *w = lost_snapshot();
    world_role(w, IMAGES, "acme")->force_version = 5;
    WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, "images", "acme");
}

TEST(p_d__delegator_changes_the_keys__floor_of_the_delegated_file_falls)
{
    struct world *w = lost_snapshot();
    world_role(w, IMAGES, "acme")->keys = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "acme")->force_version = 4;
    WORLD_ACCEPTED(w);
}

TEST(p_d__snapshot_keys_rotated__floor_of_the_delegated_file_falls)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "acme")->force_version = SEV_JSON_INT_MAX;
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_role(w, IMAGES, "snapshot")->keys = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "acme")->force_version = 9;
    WORLD_ACCEPTED(w);
}

/* ------------------------------------------------------------- the vehicle */

/* The first accepted Director file binds, durably, before that file is stored. */
TEST(met_32__vehicle_not_configured__the_first_file_binds_it)
{
    struct world *w = world_begin();
    w->vehicle = "";
    world_settle(w);
    CHECK(strstr(w->trace, "vehicle store vehicle.state\ndirector store timestamp.json\n") != NULL);
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "timestamp");
}

TEST(met_32__first_file_is_refused__nothing_is_bound)
{
    struct world *w = world_begin();
    w->vehicle = "";
    world_role(w, DIRECTOR, "timestamp")->expires = w->time;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    world_publish(w);
    world_provision(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_EXPIRED);
    CHECK(world_stored(w, VEHICLE, "vehicle.state").ptr == NULL);
    world_heal(w);
    world_role(w, DIRECTOR, "timestamp")->expires = w->time + WORLD_DAY;
    WORLD_ACCEPTED(w);
}

TEST(met_32__vehicle_not_configured_and_no_file_names_one__replay)
{
    struct world *w = world_begin();
    w->vehicle = "";
    world_edit(w, DIRECTOR, "timestamp", "\"vehicle\":", "\"vehicles\":");
    world_publish(w);
    world_provision(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_NO_VEHICLE);
}

/* Power goes between binding and the file that bound: the same file binds again. */
TEST(met_32__power_goes_after_the_binding__still_bound)
{
    struct world *w = world_begin();
    w->vehicle = "";
    world_publish(w);
    world_provision(w);
    w->power = 2; /* tag and state */
    (void)world_cycle(w);
    CHECK(w->result.cut);
    CHECK(world_stored(w, VEHICLE, "vehicle.state").ptr != NULL);
    CHECK(world_stored(w, DIRECTOR, "timestamp.json").ptr == NULL);
    w->power = -1;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    world_role(w, DIRECTOR, "timestamp")->sign_again = true;
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_WRONG_VEHICLE);
    world_heal(w);
    WORLD_ACCEPTED(w);
}

/* ---------------------------------------------------------- what is written fails */

/* A store that fails ends the cycle with the host's reason; the next goes on. */
TEST(ver_44__any_file_cannot_be_stored__io_and_the_next_cycle_succeeds)
{
    struct world *w = world_accepted();
    world_publish(w);
    world_break(w);
    for (int n = 0;; n++) {
        struct world_store before = w->store;
        w->store_fails_at = n + 1;
        const struct world_result *r = world_cycle(w);
        if (r->err == SEV_OK)
            break;
        CHECK_ERR(r->err, SEV_E_IO);
        CHECK_EQ(r->released_count, 0);
        w->store = before;
        CHECK(n < 100);
    }
    CHECK(w->store_fails_at > 10);
    CHECK(world_wrong_release(w) == NULL);
}

TEST(ver_44__state_cannot_be_read__io_and_nothing_asked)
{
    struct world *w = world_accepted();
    w->load_fails = "vehicle.state";
    CHECK_ERR(world_cycle(w)->err, SEV_E_IO);
    CHECK_EQ(w->result.requests, 0);
    w->load_fails = "targets.json";
    CHECK_ERR(world_cycle(w)->err, SEV_E_IO);
    w->load_fails = NULL;
    WORLD_ACCEPTED(w);
}

/* -------------------------------------------------------------------- memory */

/* However little memory is lent: done, or "memory", and never anything in between. */
TEST(memory__any_amount__success_or_memory_and_the_store_is_sound)
{
    struct world *w = world_accepted();
    world_publish(w);
    struct world_store before = w->store;
    const char *installed[2] = {w->installed[0], w->installed[1]};
    size_t needed = 0;
    for (size_t bytes = 0; bytes < w->arena_bytes;
         bytes = bytes < 4096 ? bytes + 512 : bytes * 5 / 4) {
        size_t all = w->arena_bytes;
        w->store = before;
        w->arena_bytes = bytes;
        (void)world_cycle(w);
        w->arena_bytes = all;
        if (w->result.err == SEV_OK) {
            w->installed[0] = installed[0];
            w->installed[1] = installed[1];
            CHECK(world_wrong_release(w) == NULL);
            needed = needed == 0 ? bytes : needed;
            continue;
        }
        CHECK_ERR(w->result.err, SEV_E_MEMORY);
        CHECK_EQ(w->result.released_count, 0);
    }
    CHECK(needed != 0);
    w->store = before;
    w->installed[0] = installed[0];
    w->installed[1] = installed[1];
    WORLD_ACCEPTED(w);
}

TEST(memory__document_that_must_be_copied_to_be_checked__success_or_memory)
{
    struct world *w = world_accepted();
    world_edit_file(w, IMAGES, "targets", "\"spec_version\":", " \"spec_version\":");
    world_edit_file(w, DIRECTOR, "targets", "\"spec_version\":", " \"spec_version\":");
    world_role(w, IMAGES, "targets")->sign_again = true;
    world_publish(w);
    struct world_store before = w->store;
    for (size_t bytes = 20000; bytes < 1u << 20; bytes += 1 + bytes / 16) {
        w->store = before;
        w->arena_bytes = bytes;
        (void)world_cycle(w);
        CHECK(w->result.err == SEV_OK || w->result.err == SEV_E_MEMORY);
    }
}

/* ------------------------------------------------------------ configuration */

TEST(client__configuration_that_cannot_be__config)
{
    struct world *w = world_accepted();
    w->ecu_count = 0;
    CHECK_ERR(world_cycle(w)->err, SEV_E_CONFIG);
    w->ecu_count = SEV_ECUS_MAX + 1;
    CHECK_ERR(world_cycle(w)->err, SEV_E_CONFIG);
    w->ecu_count = 2;
    w->vehicle = (const char *)world_filled(SEV_ID_BYTES_MAX + 1, 'v').ptr;
    CHECK_ERR(world_cycle(w)->err, SEV_E_CONFIG);
    w->vehicle = WORLD_VEHICLE;
    WORLD_ACCEPTED(w);
}

/* REQ-VER-02 REQ-TIM-03 */
TEST(ver_02__no_time__freeze_and_nothing_asked)
{
    struct world *w = world_accepted();
    struct world_store before = w->store;
    w->time = 0;
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_NO_TIME);
    CHECK_EQ(sev_err_attack(SEV_E_NO_TIME), SEV_ATTACK_FREEZE);
    CHECK_EQ(w->result.requests, 0);
    CHECK(world_store_eq(&before, &w->store));
    w->time = WORLD_TIME;
    WORLD_ACCEPTED(w);
}

TEST(client__image_bytes_when_none_were_asked_for__bug)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    CHECK_ERR(sev_client_image_data(&w->client, SEV_LIT("x")), SEV_E_BUG);
    sev_client_image_end(&w->client);
    CHECK_OK(w->client.err);
}

TEST(client__name_of_the_state_for_traces__not_empty)
{
    struct world *w = world_accepted();
    world_publish(w);
    CHECK_OK(world_walk(w, IMAGES, BRAKE, "hw-brake"));
    CHECK(strcmp(sev_walk_state_name(&w->walk), "OVER") == 0);
}

TEST(alg_1__as_many_ecus_as_a_vehicle_may_have__accepted)
{
    struct world *w = world_begin();
    w->ecu_count = SEV_ECUS_MAX;
    for (uint32_t i = 2; i < SEV_ECUS_MAX; i++)
        w->ecus[i] = (struct sev_ecu){world_slice(world_name("ecu-%u", i + 1)), SEV_LIT("hw-x")};
    world_settle(w);
    WORLD_ACCEPTED(w);
}
