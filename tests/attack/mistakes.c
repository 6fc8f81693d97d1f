/* mistakes - part 5 of requirements/uptane.md: what public implementations got wrong, one test per
 * row by its number; more of 12 in tests/unit/msg_time.c, and 13 in tests/unit/msg_report.c.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

/* 1: a key counts once: by signature, by id, by material; for the new root's own keys and for
 * delegated roles too. python-tuf GHSA-pwqf-9h7j-7mv8, go-tuf PR 733 */
TEST(mistake_01__one_key_counted_several_times__in_every_kind_of_role)
{
    static const char *const roles[] = {"timestamp", "snapshot", "targets", "acme"};
    for (int i = 0; i < 4; i++) {
        struct world *w = world_begin();
        struct world_role *role = world_role(w, IMAGES, roles[i]);
        role->keys = world_new_keys(w, 3, 2);
        world_settle(w);
        role->sign_again = true;
        world_sign_also(role, role->keys.ids[0]);
        world_sign_also(role, role->keys.ids[0]);
        WORLD_REFUSED(w, DUPLICATE_SIGNATURE, ARBITRARY_SOFTWARE, "images", roles[i]);
    }
}

TEST(mistake_01__one_key_under_two_ids__not_listed_and_not_counted)
{
    struct world *w = world_begin();
    struct world_role *role = world_role(w, IMAGES, "acme");
    role->keys = world_new_keys(w, 3, 2);
    world_settle(w);
    role->sign_again = true;
    world_sign_also(role, role->keys.ids[0]);
    world_sign_also(role, role->keys.ids[0]);
    role->signatures[1].keyid = world_key_id(w, role->keys.ids[1]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "acme");
}

/* The same key in another encoding: compressed, or with other line breaks, has another id.
 * REQ-ALG-0.4 */
TEST(mistake_01__one_key_in_two_encodings__reaches_no_threshold_of_two)
{
    struct world *w = world_accepted();
    world_key key = world_new_key(w), other = world_new_key(w);
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    t->keys = (struct world_keys){{key, other}, 2, 2};
    const char *object = world_key_object(w, key), *at = strstr(object, "-----END");
    const char *twin = world_text("%.*s\\n%s", (int)(at - object), object, at);
    char id[SEV_KEY_ID_CHARS + 1] = {0};
    CHECK_OK(sev_key_id_of(world_slice(twin), id));
    world_edit(w, DIRECTOR, "root",
               world_text("\"%s\":%s", world_key_id(w, other), world_key_object(w, other)),
               world_text("\"%s\":%s", id, twin));
    world_edit_all(w, DIRECTOR, "root", world_text("\"%s\"", world_key_id(w, other)),
                   world_text("\"%s\"", id));
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "director", "root");
}

/* 2: go-tuf GHSA-fphv-w9fq-2525 */
TEST(mistake_02__threshold_zero__in_root_and_in_a_delegation)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "snapshot")->keys.threshold = 0;
    world_role(w, IMAGES, "snapshot")->signature_count = 0;
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "images", "root");
    world_stage(w, 3);
    world_break(w);
    world_role(w, IMAGES, "acme")->keys.threshold = 0;
    world_role(w, IMAGES, "acme")->signature_count = 0;
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "images", "acme");
}

/* 3: python-tuf CVE-2020-15163, tough CVE-2025-2885 */
TEST(mistake_03__new_root_not_signed_by_its_own_keys__not_stored)
{
    struct world *w = world_accepted();
    struct world_role *root = world_role(w, IMAGES, "root");
    struct world_keys old = root->keys;
    root->keys = world_new_keys(w, 2, 2);
    world_sign_with(root, &old, 1);
    world_sign_also(root, root->keys.ids[0]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "root");
}

/* 4: go-tuf CVE-2022-29173, tough CVE-2025-2887: every file in snapshot, the delegated ones too. */
TEST(mistake_04__one_delegated_file_rolled_back_among_news__rollback)
{
    struct world *w = world_begin();
    for (int i = 0; i < 20; i++)
        world_add_role(w, IMAGES, world_name("role-%02d", i));
    world_settle(w);
    for (int i = 0; i < 20; i++)
        world_role(w, IMAGES, world_text("role-%02d", i))->sign_again = true;
    world_role(w, IMAGES, "role-13")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "snapshot");
}

/* 5: tough CVE-2025-2888: nothing is stored before all checks; here every one after the first.
 * REQ-ALG-3.6 */
TEST(mistake_05__timestamp_good_but_for_its_snapshot_version__not_stored)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "snapshot")->force_version = 3;
    world_role(w, DIRECTOR, "timestamp")->force_version = SEV_JSON_INT_MAX;
    w->no_mending = true;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "timestamp");
    w->now = w->honest;
    WORLD_ACCEPTED(w); /* its version did not become a floor */
}

/* 6: tough CVE-2025-2886, CVE-2026-6967, go-tuf CVE-2024-47534 REQ-VER-38 REQ-ALG-7.3 */
TEST(mistake_06__terminating_role_lacks_the_image__sibling_of_the_parent_is_not_asked)
{
    struct world *w = world_begin();
    world_add_role(w, IMAGES, "acme-brakes");
    world_delegate(w, IMAGES, "acme", "acme-brakes", "[\"acme/brake-*\"]")->terminating = true;
    world_delegate(w, IMAGES, "targets", "bolt", "[\"acme/*\"]");
    world_settle(w);
    world_image(w, BRAKE)->at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(mistake_06__delegated_roles_in_a_circle__ends_without_the_image)
{
    struct world *w = world_begin();
    world_add_role(w, IMAGES, "round");
    world_delegate(w, IMAGES, "acme", "round", "[\"acme/*\"]");
    world_delegate(w, IMAGES, "round", "acme", "[\"acme/*\"]");
    world_settle(w);
    world_image(w, BRAKE)->at[IMAGES] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* 7: standard issues 29, 33, 187 REQ-VER-40 REQ-ALG-7.4.1 */
TEST(mistake_07__delegation_for_other_hardware__not_followed)
{
    struct world *w = world_begin();
    world_delegation(w, IMAGES, "acme")->hardware_ids = "[\"hw-brake\"]";
    world_settle(w);
    world_delegation(w, IMAGES, "acme")->hardware_ids = "[\"hw-truck\"]";
    w->file_is_good = true;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(mistake_07__full_secondary__follows_delegations_for_its_own_image)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_FULL;
    world_settle(w);
    world_edit(w, IMAGES, "bolt", "\"releaseCounter\":2", "\"releaseCounter\":3"); /* not its own */
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_stage(w, 3);
    world_break(w);
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":3", "\"releaseCounter\":4");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* 8: a Director's targets key alone, without its snapshot's and timestamp's. */
TEST(mistake_08__directors_targets_served_without_its_timestamp_and_snapshot__refused)
{
    struct world *w = world_accepted();
    sev_slice timestamp = world_role(w, DIRECTOR, "timestamp")->file;
    world_publish(w);
    world_serves(w, DIRECTOR, "timestamp", timestamp);
    (void)world_cycle(w);
    CHECK_OK(w->result.err);
    CHECK_EQ(w->result.image_requests, 0); /* the old ones are still the ones */
    world_heal(w);
    WORLD_ACCEPTED(w);
}

/* 9: Standard issue 95 REQ-MET-09 */
TEST(mistake_09__only_release_counter_in_match_differs__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit_all(w, DIRECTOR, "targets", "\"releaseCounter\":2", "\"releaseCounter\":8");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* 10: aktualizr MatchTarget, verifySnapshot */
TEST(mistake_10__one_of_two_digests_agrees__mix_and_match)
{
    struct world *w = world_accepted();
    world_publish(w);
    const char *body = (const char *)world_role(w, REGULATOR, "attestations")->body.ptr;
    const char *at = strstr(body, "\"sha512\":\"") + 10;
    world_edit(w, REGULATOR, "attestations", world_text("%.16s", at), "0123456789abcdef");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* The digests in timestamp and snapshot are of the bytes, not of what they mean. */
TEST(mistake_10__snapshot_with_other_blanks_than_were_hashed__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"length\":", "\"length\":1");
    world_edit_served(w, IMAGES, "snapshot", "],\"signed\":", "], \"signed\":");
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "snapshot");
}

/* 11: standard issue 202 */
TEST(mistake_11__empty_targets_of_another_vehicle__replay_and_nothing_stored)
{
    struct world *w = world_accepted();
    w->now.image_count = 0;
    w->now.bundle = NULL;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    world_edit(w, DIRECTOR, "snapshot", "car-1", "car-2");
    world_edit(w, DIRECTOR, "targets", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "timestamp");
}

TEST(mistake_11__empty_targets_accepted__its_version_is_the_floor)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    w->now.image_count = 0;
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
    world_stage(w, 2);
    world_break(w);
    world_role(w, DIRECTOR, "targets")->force_version = 5;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "targets");
}

/* 12: aktualizr has no time and reports 1970; what is never judged never expires. */
TEST(mistake_12__vehicle_that_was_told_no_time__freeze_and_nothing_asked)
{
    struct world *w = world_accepted();
    w->time = 0;
    w->no_mending = true;
    WORLD_REFUSED(w, NO_TIME, FREEZE, "", "");
    CHECK_EQ(w->result.requests, 0);
    w->time = WORLD_TIME;
    WORLD_ACCEPTED(w);
}

/* 14: aktualizr issue 1185: what is stored and expired must not block what is served and good. */
TEST(mistake_14__everything_stored_has_expired__fresh_files_are_accepted)
{
    struct world *w = world_accepted();
    w->time += 400 * WORLD_DAY;
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < w->now.repositories[r].role_count; i++)
            w->now.repositories[r].roles[i].expires = w->time + WORLD_DAY;
    WORLD_ACCEPTED(w);
}

TEST(mistake_14__snapshot_unchanged_and_installation_failed__tried_again)
{
    struct world *w = world_accepted();
    w->release_fails = SEV_E_IO;
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_IO);
    w->release_fails = SEV_OK;
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->result.image_requests, 2);
}

/* 15: uptane/aktualizr PR 50 */
TEST(mistake_15__many_roots_behind__all_of_them_are_asked_for)
{
    struct world *w = world_accepted();
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < SEV_TOP_ROLES; k++)
            w->now.repositories[IMAGES].roles[k].keys = world_new_keys(w, 1, 1);
        world_publish(w);
    }
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images get 13.root.json\n") != NULL);
}

/* 16: go-tuf GHSA-jqc5-w2xx-5vq4, tough CVE-2026-6968 REQ-ALG-6.10 */
TEST(mistake_16__role_name_that_leaves_the_folder__nothing_is_asked_or_stored_there)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "targets", "\"name\":\"acme\"", "\"name\":\"../director/targets\"");
    WORLD_REFUSED(w, BAD_NAME, ARBITRARY_SOFTWARE, "images", NULL);
}

/* python-tuf GHSA-qp9x-wp8f-qgjj; aktualizr: flags of fnmatch */
TEST(mistake_16__pattern_that_another_matcher_would_match__not_followed)
{
    static const char *const paths[] = {"[\"*\"]",  "[\"ACME/*\"]",    "[\"acme/[a-z]*\"]",
                                        "[\"**\"]", "[\"acme/**/x\"]", "[\"acme\\\\/*\"]"};
    for (int i = 0; i < 6; i++) {
        struct world *w = world_accepted();
        world_delegation(w, IMAGES, "acme")->paths = paths[i];
        w->file_is_good = true;
        WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    }
}

/* 17: standard issue 268 */
TEST(mistake_17__same_version_other_content__equivocation_in_every_role)
{
    static const char *const roles[] = {"timestamp", "snapshot"};
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < 2; i++) {
            static const char *const names[] = {"director", "images", "regulator"};
            struct world *w = world_accepted();
            world_role(w, r, roles[i])->force_version = 5;
            WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, names[r], roles[i]);
        }
    }
}

/* 18: aktualizr clears everything on every new root: a window for rollback. REQ-ALG-2.4 */
TEST(mistake_18__new_root_without_new_keys__every_floor_stays)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        static const char *const names[] = {"director", "images", "regulator"};
        struct world *w = world_accepted();
        world_role(w, r, "root")->sign_again = true;
        world_publish(w);
        world_break(w);
        world_role(w, r, "timestamp")->force_version = 4;
        world_role(w, r, "timestamp")->sign_again = true;
        WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, names[r], "timestamp");
    }
}

/* The same keys in another order, or listed twice, are no rotation. */
TEST(mistake_18__keys_of_a_role_listed_in_another_order__floors_stay)
{
    struct world *w = world_begin();
    struct world_role *t = world_role(w, DIRECTOR, "timestamp");
    t->keys = world_new_keys(w, 3, 1);
    world_settle(w);
    world_key first = t->keys.ids[0];
    t->keys.ids[0] = t->keys.ids[2];
    t->keys.ids[2] = first;
    world_publish(w);
    world_break(w);
    t->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "timestamp");
}

TEST(mistake_18__threshold_alone_changed__that_is_a_rotation)
{
    struct world *w = world_begin();
    struct world_role *t = world_role(w, DIRECTOR, "timestamp");
    t->keys = world_new_keys(w, 3, 1);
    world_settle(w);
    t->keys.threshold = 2;
    t->force_version = 4;
    WORLD_ACCEPTED(w);
}

/* 19: the reference Primary skipped the bad one and went on. */
TEST(mistake_19__one_bad_image_of_two__the_good_one_is_not_installed_either)
{
    struct world *w = world_accepted();
    world_serves(w, IMAGES, "bolt/door-2.bin", SEV_LIT("not this"));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* 19b: "light" verification that reads Images alone. */
TEST(mistake_19b__partial_verification_without_the_director__refused)
{
    struct world *w = world_begin();
    w->mode = SEV_MODE_PARTIAL;
    world_settle(w);
    world_fails(w, DIRECTOR, "targets", SEV_E_ABSENT);
    WORLD_REFUSED(w, ABSENT, NONE, "director", "targets");
}

/* 20: UnpackSignedObject throws */
TEST(mistake_20__one_more_signature_of_an_unknown_scheme__ignored)
{
    struct world *w = world_accepted();
    struct world_role *root = world_role(w, IMAGES, "root");
    world_key future = world_new_key_of(w, SEV_KEY_ED25519);
    root->keys.ids[root->keys.count++] = future;
    world_edit(w, IMAGES, "root", world_text("\"%s\":{", world_key_id(w, future)), "\"future\":{");
    world_edit(w, IMAGES, "root", "\"scheme\":\"ed25519\"", "\"scheme\":\"ml-dsa-65\"");
    world_edit(w, IMAGES, "root", world_text("\"%s\"]", world_key_id(w, future)), "\"future\"]");
    world_sign_also(root, root->keys.ids[0]);
    world_sign_also(root, future);
    root->signatures[1].keyid = "future";
    WORLD_ACCEPTED(w);
    world_heal(w);
}
