/* ver_targets - VER-28 to VER-35, ALG-6, MET-07, MET-08, MET-12, MET-16: top-level targets.
 * Each test starts from an accepted world and breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *const names[] = {"director", "images", "regulator"};

#define FOR_EACH(r, w)                                                                             \
    for (int r = 0; r < WORLD_REPOSITORIES; r++)                                                   \
        for (struct world *w = world_accepted(); w != NULL; w = NULL)

#define BRAKE "acme/brake-2.bin"

static struct world *partial(void)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    return w;
}

/* So that every repository has new top-level targets too. */
static struct world *news_everywhere(void)
{
    struct world *w = world_accepted();
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        world_role(w, r, "targets")->sign_again = true;
    return w;
}

/* REQ-VER-28 REQ-ALG-6.1 */
TEST(ver_28__targets_longer_than_announced__cut_and_old_one_kept)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = news_everywhere();
        world_publish(w);
        sev_slice file = world_role(w, r, "targets")->file;
        world_serves(w, r, "targets",
                     world_slice(world_text("%.*s ", (int)file.len, (const char *)file.ptr)));
        WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, names[r], "targets");
    }
}

static void longer_than_any_may_be(int repository, size_t max)
{
    struct world *w = news_everywhere();
    sev_slice blanks = world_filled(max, ' ');
    world_edit_file(w, repository, "targets", "],\"signed\":",
                    world_text("]%.*s,\"signed\":", (int)blanks.len, (const char *)blanks.ptr));
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, names[repository], "targets");
}

TEST(ver_28__directors_targets_longer_than_any_may_be__cut_though_announced)
{
    longer_than_any_may_be(DIRECTOR, SEV_DIRECTOR_TARGETS_BYTES_MAX);
}

TEST(ver_28__images_targets_longer_than_any_may_be__cut_though_announced)
{
    longer_than_any_may_be(IMAGES, SEV_TARGETS_BYTES_MAX);
}

TEST(atk_02__targets_absent_unreachable_slow__named_and_nothing_kept)
{
    static const sev_err errors[] = {SEV_E_ABSENT, SEV_E_UNREACHABLE, SEV_E_TOO_SLOW};
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < 3; i++) {
            struct world *w = news_everywhere();
            world_fails(w, r, "targets", errors[i]);
            world_check_refused(w, errors[i], sev_err_attack(errors[i]), names[r], "targets",
                                __FILE__, __LINE__);
        }
    }
}

/* DESIGN 3.1: the snapshot lists the digest, so that a leaked targets key needs the snapshot's. */
TEST(ver_29__targets_bytes_differ_from_snapshot__mix_and_match)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = news_everywhere();
        world_edit_served(w, r, "targets", "\"1.0.31\"", "\"1.0.32\"");
        WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, names[r], "targets");
    }
}

TEST(ver_29__targets_rightly_signed_but_not_those_of_the_snapshot__mix_and_match)
{
    struct world *w = world_accepted();
    world_publish(w);
    const struct world_role *t = world_role(w, DIRECTOR, "targets");
    const char *other =
        world_text("%.*s", (int)t->body.len - 1, (const char *)t->body.ptr); /* one more member */
    world_serves(
        w, DIRECTOR, "targets",
        world_signed(w, DIRECTOR, "targets", world_slice(world_text("%s,\"x\":1}", other))));
    w->honest = w->now;
    w->honest.fault_count = 0;
    /* Longer than announced, or of another digest: either way not what was announced. */
    world_cycle(w);
    CHECK(w->result.err == SEV_E_TOO_LONG || w->result.err == SEV_E_META_MISMATCH);
    CHECK(!sev_slice_eq(world_stored(w, DIRECTOR, "targets.json"), w->now.faults[0].bytes));
}

/* REQ-VER-29: the bytes are those of the snapshot, the version is not. */
static void versions_differ(int64_t of_the_file, int64_t in_the_snapshot)
{
    static const char *const after[] = {"}},\"spec", "}},\"spec", "},\"withdrawals"};
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = news_everywhere();
        world_role(w, r, "targets")->force_version = of_the_file;
        world_publish(w);
        world_serves(w, r, "targets", world_role(w, r, "targets")->file);
        world_role(w, r, "snapshot")->sign_again = true;
        world_edit(w, r, "snapshot",
                   world_text("\"version\":%lld%s", (long long)of_the_file, after[r]),
                   world_text("\"version\":%lld%s", (long long)in_the_snapshot, after[r]));
        w->honest.repositories[r].roles[SEV_ROLE_TARGETS].version = 9; /* above both */
        WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, names[r], "targets");
    }
}

/* REQ-VER-29 REQ-ALG-6.2 */
TEST(ver_29__targets_version_lower_than_in_snapshot__mix_and_match)
{
    versions_differ(7, 8);
}

/* REQ-VER-29 */
TEST(ver_29__targets_version_higher_than_in_snapshot__mix_and_match)
{
    versions_differ(8, 7);
}

/* REQ-VER-30 REQ-ALG-1.9 */
TEST(ver_30__targets_signed_by_a_stranger__signature)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = news_everywhere();
        world_sign_also(world_role(w, r, "targets"), world_new_key(w));
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "targets");
    }
}

/* REQ-H10 */
TEST(ver_30__targets_signed_by_the_online_keys__signature)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = news_everywhere();
        world_sign_also(world_role(w, r, "targets"), world_role(w, r, "snapshot")->keys.ids[0]);
        world_sign_also(world_role(w, r, "targets"), world_role(w, r, "timestamp")->keys.ids[0]);
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "targets");
    }
}

TEST(ver_30__targets_two_of_three_with_one__signature)
{
    struct world *w = world_begin();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    t->keys = world_new_keys(w, 3, 2);
    world_settle(w);
    world_sign_with(t, &t->keys, 1);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

/* REQ-VER-31: where no snapshot stands before it: partial verification. REQ-SPV-03 REQ-ALG-6.4 */
TEST(ver_31__partial_targets_version_lower__rollback_and_nothing_kept)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "targets");
}

TEST(ver_31__partial_targets_of_the_same_version_say_something_else__equivocation)
{
    struct world *w = partial();
    world_role(w, DIRECTOR, "targets")->force_version = 5;
    WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, "director", "targets");
}

TEST(ver_31__numbers_for_people__floor_and_offered)
{
    struct world *w = partial();
    w->no_mending = true;
    world_role(w, DIRECTOR, "targets")->force_version = 2;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "targets");
    CHECK(w->result.has_numbers);
    CHECK_EQ(w->result.expected, 5);
    CHECK_EQ(w->result.actual, 2);
}

/* The stored targets are a floor by themselves, though timestamp and snapshot are lost. */
TEST(ver_31__stored_snapshot_lost_and_targets_version_lower__rollback)
{
    FOR_EACH(r, w)
    {
        world_remove_stored(w, r, "timestamp.json");
        world_remove_stored(w, r, "snapshot.json");
        world_role(w, r, "targets")->sign_again = true;
        world_role(w, r, "targets")->force_version = 4;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "targets");
    }
}

TEST(atk_14__stored_snapshot_lost_and_targets_of_the_same_version_differ__equivocation)
{
    FOR_EACH(r, w)
    {
        world_remove_stored(w, r, "timestamp.json");
        world_remove_stored(w, r, "snapshot.json");
        world_role(w, r, "targets")->force_version = 5;
        world_edit(w, r, "targets", "\"1.0.31\"", "\"1.0.32\"");
        WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, names[r], "targets");
    }
}

/* REQ-VER-32 REQ-ALG-6.5 */
TEST(ver_32__targets_expire_now__freeze)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "targets")->expires = w->time;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "targets");
    }
}

TEST(ver_32__targets_expire_in_a_second__accepted)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "targets")->expires = w->time + 1;
        WORLD_ACCEPTED(w);
    }
}

/* P-a P-b: stored, listed, unchanged, and expired since. */
TEST(ver_32__stored_targets_expired_and_still_the_ones__freeze)
{
    FOR_EACH(r, w)
    {
        world_role(w, r, "targets")->expires = w->time + WORLD_DAY;
        world_fails(w, IMAGES, BRAKE, SEV_E_ABSENT);
        world_publish(w);
        CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
        world_heal(w);
        w->time += WORLD_DAY;
        w->no_mending = true;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "targets");
        CHECK(strstr(w->trace, world_text("%s get 6.targets.json", names[r])) == NULL);
    }
}

/* REQ-VER-33 REQ-MET-16 REQ-DIR-04 REQ-ALG-6.6 */
TEST(ver_33__director_delegates__refused_and_nothing_kept)
{
    struct world *w = world_accepted();
    world_add_role(w, DIRECTOR, "deputy");
    world_delegate(w, DIRECTOR, "targets", "deputy", "[\"*/*\"]");
    w->no_mending = true; /* its snapshot was accepted: the deputy may not vanish again */
    WORLD_REFUSED(w, DELEGATION, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(ver_33__director_mentions_delegations_and_lists_none__refused)
{
    static const char *const forms[] = {"{\"keys\":{},\"roles\":[]}", "{}"};
    for (int i = 0; i < 2; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "targets", "\"expires\"",
                   world_text("\"delegations\":%s,\"expires\"", forms[i]));
        WORLD_REFUSED(w, DELEGATION, ARBITRARY_SOFTWARE, "director", "targets");
    }
}

TEST(ver_33__partial_director_delegates__refused)
{
    struct world *w = partial();
    world_edit(w, DIRECTOR, "targets", "\"expires\"",
               "\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\"");
    WORLD_REFUSED(w, DELEGATION, ARBITRARY_SOFTWARE, "director", "targets");
}

/* REQ-VER-34 REQ-ALG-6.7 */
TEST(ver_34__one_ecu_on_two_images__refused_and_nothing_kept)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"ecu-1\":{\"hardwareId\":\"hw-brake\"},\"ecu-2\":");
    WORLD_REFUSED(w, DUPLICATE_ECU, ARBITRARY_SOFTWARE, "director", "targets");
}

/* Escapes do not make another name of it. */
TEST(ver_34__one_ecu_on_two_images_spelt_differently__refused)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"\\u0065cu-1\":{\"hardwareId\":\"hw-brake\"},\"ecu-2\":");
    WORLD_REFUSED(w, DUPLICATE_ECU, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(ver_34__full_secondary_sees_a_strangers_ecu_twice__refused)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_FULL;
    world_settle(w);
    world_edit_all(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{",
                   "\"ecuIdentifiers\":{\"ecu-9\":{\"hardwareId\":\"hw-9\"},");
    WORLD_REFUSED(w, DUPLICATE_ECU, ARBITRARY_SOFTWARE, "director", "targets");
}

/* REQ-VER-35 REQ-PRI-16 REQ-ALG-6.8 */
TEST(ver_35__primary_meets_a_foreign_ecu__refused_and_nothing_kept)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"ecu-9\":{\"hardwareId\":\"hw-door\"},\"ecu-2\":");
    WORLD_REFUSED(w, FOREIGN_ECU, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(ver_35__secondary_meets_a_foreign_ecu__no_fault)
{
    static const sev_mode modes[] = {SEV_MODE_FULL, SEV_MODE_PARTIAL};
    for (int i = 0; i < 2; i++) {
        struct world *w = world_begin();
        w->mode = modes[i];
        world_settle(w);
        world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
                   "\"ecuIdentifiers\":{\"ecu-9\":{\"hardwareId\":\"hw-9\"},\"ecu-2\":");
        WORLD_ACCEPTED(w);
    }
}

/* REQ-ECU-19 REQ-H12 REQ-ATK-16 REQ-ALG-1.10.3 */
TEST(ecu_19__director_names_other_hardware_for_an_ecu__wrong_hardware)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
               "{\"ecu-1\":{\"hardwareId\":\"hw-brake2\"}}");
    WORLD_REFUSED(w, WRONG_HARDWARE, WRONG_HARDWARE, "director", "targets");
}

/* REQ-ATK-16: all three repositories agree on an image for other hardware. REQ-MET-10 */
TEST(atk_16__image_for_other_hardware_assigned__wrong_hardware)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->hardware_id = "hw-truck";
    WORLD_REFUSED(w, WRONG_HARDWARE, WRONG_HARDWARE, "director", "targets");
}

TEST(atk_16__image_for_no_hardware_at_all_assigned__wrong_hardware)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"hardwareIds\":[\"hw-brake\"]", "\"hardwareIds\":[]");
    WORLD_REFUSED(w, WRONG_HARDWARE, WRONG_HARDWARE, "director", "targets");
}

/* REQ-MET-12 */
TEST(met_12__image_without_ecu__malformed)
{
    static const char *const with[] = {
        "\"ecuIdentifiers\":{}", "\"ecuIdentifiers\":[]", "\"noEcuIdentifiers\":{}",
        "\"ecuIdentifiers\":{\"ecu-1\":{}}", "\"ecuIdentifiers\":{\"ecu-1\":\"hw-brake\"}"};
    for (int i = 0; i < 5; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "targets",
                   "\"ecuIdentifiers\":{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}", with[i]);
        WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
    }
}

/* DESIGN 4: hardware is not the Director's word to give. */
TEST(met_10__director_target_with_hardware_ids__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "{\"custom\":{\"ecuIdentifiers\":{\"ecu-1\":",
               "{\"custom\":{\"hardwareIds\":[\"hw-brake\"],\"ecuIdentifiers\":{\"ecu-1\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
}

/* REQ-MET-07 */
TEST(met_07__entry_without_length_or_hashes__malformed)
{
    static const char *const find[] = {"\"length\":", "\"hashes\":"};
    static const char *const replace[] = {"\"lengths\":", "\"hash\":"};
    for (int i = 0; i < 2; i++) {
        struct world *w = world_accepted();
        world_edit_all(w, DIRECTOR, "targets", find[i], replace[i]);
        WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
        world_stage(w, 3);
        world_break(w);
        world_edit(w, IMAGES, "acme", find[i], replace[i]);
        WORLD_REFUSED(w, MALFORMED, NONE, "images", "acme");
        world_stage(w, 4);
        world_image(w, "acme/brake-4.bin")->at[IMAGES] = SEV_ROLE_TARGETS;
        world_break(w);
        world_edit(w, IMAGES, "targets", find[i], replace[i]);
        WORLD_REFUSED(w, MALFORMED, NONE, "images", "targets");
    }
}

TEST(met_07__entry_with_negative_length__malformed)
{
    struct world *w = world_accepted();
    world_edit_all(w, DIRECTOR, "targets", "\"length\":", "\"length\":-");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
}

/* REQ-ECU-23: a digest that we cannot compute is one that we cannot check. */
TEST(ecu_23__entry_with_an_unknown_hash_too__malformed)
{
    struct world *w = world_accepted();
    world_edit_all(w, DIRECTOR, "targets", "\"hashes\":{", "\"hashes\":{\"sha3-256\":\"00\",");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
}

/* REQ-REP-08: names that could leave their folder. */
TEST(rep_08__directors_image_name_is_not_clean__bad_name)
{
    static const char *const bad[] = {"../../etc/x", "/etc/x", "a//b",     "a/./b", "a\\\\b",
                                      "a\\u0000b",   "C:/x",   "e\\u0301", "",      "a/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "targets", "\"" BRAKE "\":", world_text("\"%s\":", bad[i]));
        WORLD_REFUSED(w, BAD_NAME, ARBITRARY_SOFTWARE, "director", "targets");
    }
}

TEST(rep_08__directors_image_name_too_long__bad_name)
{
    struct world *w = world_accepted();
    sev_slice name = world_filled(SEV_NAME_BYTES_MAX + 1, 'n');
    world_edit(w, DIRECTOR, "targets",
               "\"" BRAKE "\":", world_text("\"%.*s\":", (int)name.len, (const char *)name.ptr));
    WORLD_REFUSED(w, BAD_NAME, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(ver_35__more_ecus_than_a_vehicle_has__limit)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_FULL;
    world_settle(w);
    const char *more = "";
    for (int i = 0; i < SEV_ECUS_MAX; i++)
        more = world_text("%s\"x-%d\":{\"hardwareId\":\"h\"},", more, i);
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               world_text("\"ecuIdentifiers\":{%s\"ecu-2\":", more));
    WORLD_REFUSED(w, JSON_LIMIT, NONE, "director", "targets");
}

TEST(ver_44__stored_targets_damaged__replaced)
{
    FOR_EACH(r, w)
    {
        world_put_stored(w, r, "targets.json", SEV_LIT("{}"));
        WORLD_ACCEPTED(w);
        CHECK_SLICE(world_stored(w, r, "targets.json"), world_role(w, r, "targets")->file);
    }
}

/* P-b: the targets key was revoked; the cached file that it signed is used no more, though
 * snapshot still lists it and nothing else changed. REQ-ALG-1.8 */
TEST(p_b__stored_targets_are_signed_by_a_revoked_key__not_used)
{
    for (int r = IMAGES; r <= REGULATOR; r++) {
        struct world *w = world_accepted();
        struct world_role *t = world_role(w, r, "targets");
        struct world_keys gone = t->keys;
        t->keys = world_new_keys(w, 1, 1);
        /* What publishing would sign anew is kept back: the old file stays. */
        t->signature_count = 0;
        world_sign_also(t, gone.ids[0]);
        w->no_mending = true;
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "targets");
    }
}
