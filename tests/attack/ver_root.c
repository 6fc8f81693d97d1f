/* ver_root - VER-11 to VER-16, ALG-0, ALG-2: the chain of roots of each repository.
 * Each test starts from an accepted world and breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *const names[] = {"director", "images", "regulator"};

/* A world in which every root has `count` keys, `threshold` of which must sign. */
static struct world *with_roots(int count, int64_t threshold)
{
    struct world *w = world_begin();
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        world_role(w, r, "root")->keys = world_new_keys(w, count, threshold);
    world_settle(w);
    return w;
}

/* The next root of `repository` gets other root keys. */
static struct world_role *rotate(struct world *w, int repository, int count, int64_t threshold)
{
    struct world_role *root = world_role(w, repository, "root");
    root->keys = world_new_keys(w, count, threshold);
    return root;
}

/* REQ-VER-11: only so many bytes, whoever sends more. REQ-ALG-2.2.1 */
TEST(ver_11__root_one_byte_too_long__cut_and_old_root_kept)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        world_serves(w, r, "root", world_filled(SEV_ROOT_BYTES_MAX + 1, ' '));
        WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, names[r], "root");
    }
}

TEST(ver_11__root_of_exactly_the_limit__accepted)
{
    struct world *w = world_accepted();
    rotate(w, IMAGES, 1, 1);
    world_publish(w);
    size_t len = world_role(w, IMAGES, "root")->file.len;
    w->now = w->honest;
    rotate(w, IMAGES, 1, 1);
    sev_slice blanks = world_filled(SEV_ROOT_BYTES_MAX - len - 64, ' ');
    world_edit_file(w, IMAGES, "root", "],\"signed\":",
                    world_text("]%.*s,\"signed\":", (int)blanks.len, (const char *)blanks.ptr));
    WORLD_ACCEPTED(w);
    CHECK_EQ(world_stored(w, IMAGES, "root.json").len, world_role(w, IMAGES, "root")->file.len);
    CHECK(world_stored(w, IMAGES, "root.json").len > SEV_ROOT_BYTES_MAX - 128);
}

/* REQ-VER-11: by its versioned name; only a definite "absent" says that there is none. */
TEST(ver_11__no_next_root__the_stored_one_is_the_latest)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "director get 2.root.json: absent\n") != NULL);
    CHECK(strstr(w->trace, "images get 2.root.json: absent\n") != NULL);
    CHECK(strstr(w->trace, "get 3.root.json") == NULL);
}

/* ALG-2.1: whoever can make a transfer fail could as well say "absent"; noted, not fatal. */
TEST(ver_11__next_root_unreachable__goes_on_with_the_stored_one)
{
    struct world *w = world_accepted();
    world_fails(w, DIRECTOR, "root", SEV_E_UNREACHABLE);
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "director get 2.root.json: unreachable\n") != NULL);
    CHECK_ERR(world_walk(w, DIRECTOR, NULL, NULL), SEV_OK);
    CHECK_ERR(w->walk.root_fetch, SEV_E_UNREACHABLE);
}

/* REQ-ATK-03 REQ-ECU-04 */
TEST(atk_03__root_too_slow__slow_retrieval)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, "root", SEV_E_TOO_SLOW);
    WORLD_REFUSED(w, TOO_SLOW, SLOW_RETRIEVAL, "images", "root");
}

/* REQ-VER-12: enough different keys of N and of N+1. REQ-ALG-1.1 REQ-ALG-1.6 REQ-ALG-2.2.2 */
TEST(ver_12__signed_by_old_root_only__signature)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        struct world_keys old = world_role(w, r, "root")->keys;
        world_sign_with(rotate(w, r, 1, 1), &old, 1);
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "root");
    }
}

/* REQ-VER-12 */
TEST(ver_12__signed_by_new_root_only__signature)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        struct world_role *root = rotate(w, r, 1, 1);
        world_sign_with(root, &root->keys, 1);
        WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], "root");
    }
}

TEST(ver_12__signed_by_nobody__signature)
{
    struct world *w = world_accepted();
    struct world_role *root = rotate(w, DIRECTOR, 1, 1);
    root->signature_count = 0;
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

/* REQ-VER-12 */
TEST(ver_12__old_threshold_missed_by_one__signature)
{
    struct world *w = with_roots(3, 2);
    struct world_keys old = world_role(w, DIRECTOR, "root")->keys;
    struct world_role *root = rotate(w, DIRECTOR, 3, 2);
    world_sign_with(root, &root->keys, 2);
    world_sign_also(root, old.ids[2]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

/* REQ-VER-12 */
TEST(ver_12__new_threshold_missed_by_one__signature)
{
    struct world *w = with_roots(3, 2);
    struct world_keys old = world_role(w, DIRECTOR, "root")->keys;
    struct world_role *root = rotate(w, DIRECTOR, 3, 2);
    world_sign_with(root, &old, 3);
    world_sign_also(root, root->keys.ids[1]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

/* REQ-A11 REQ-ALG-0.3: a repeated key id refuses the file, enough signatures or not. REQ-VER-12 */
TEST(ver_12__one_key_signs_twice__duplicate_signature)
{
    struct world *w = with_roots(3, 2);
    struct world_keys old = world_role(w, DIRECTOR, "root")->keys;
    struct world_role *root = rotate(w, DIRECTOR, 3, 2);
    world_sign_with(root, &old, 1);
    world_sign_also(root, old.ids[0]);
    world_sign_also(root, root->keys.ids[0]);
    world_sign_also(root, root->keys.ids[1]);
    WORLD_REFUSED(w, DUPLICATE_SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

TEST(ver_12__any_two_of_three_old_and_new__accepted)
{
    struct world *w = with_roots(3, 2);
    struct world_keys old = world_role(w, DIRECTOR, "root")->keys;
    struct world_role *root = rotate(w, DIRECTOR, 3, 2);
    world_sign_also(root, old.ids[2]);
    world_sign_also(root, root->keys.ids[2]);
    world_sign_also(root, root->keys.ids[0]);
    world_sign_also(root, old.ids[1]);
    WORLD_ACCEPTED(w);
    CHECK_SLICE(world_stored(w, DIRECTOR, "root.json"), root->file);
}

/* ALG-0.3: what does not count harms nothing: rotation leaves such signatures in honest files. */
TEST(ver_12__extra_signatures_by_strangers_and_broken_ones__ignored)
{
    struct world *w = world_accepted();
    struct world_keys old = world_role(w, IMAGES, "root")->keys;
    struct world_role *root = rotate(w, IMAGES, 2, 1);
    world_sign_also(root, world_new_key(w));
    world_sign_also(root, old.ids[0]);
    world_sign_also(root, root->keys.ids[1]);
    world_sign_also(root, root->keys.ids[0]);
    root->signatures[3].sig = "00"; /* REQ-H20 */
    world_sign_also(root, root->keys.ids[0]);
    root->signatures[4].keyid = "no key id at all";
    root->signatures[4].sig = "not hex";
    WORLD_ACCEPTED(w);
}

TEST(ver_12__signature_bytes_flipped__signature)
{
    struct world *w = world_accepted();
    struct world_role *root = rotate(w, DIRECTOR, 1, 1);
    root->signature_count = 0;
    world_sign_also(root, world_role(w, DIRECTOR, "root")->keys.ids[0]);
    root->signatures[0].sig = "3006020100020100";
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
}

/* REQ-ALG-0.7: one changed byte of the body after signing. */
TEST(ver_12__body_changed_after_signing__signature)
{
    struct world *w = world_accepted();
    rotate(w, REGULATOR, 1, 1);
    world_edit_file(w, REGULATOR, "root", "\"consistent_snapshot\":true",
                    "\"consistent_snapshot\":null");
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "regulator", "root");
}

/* REQ-VER-13: exactly N+1, rightly signed or not. */
static void other_version(int64_t version, const char *find)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        world_role(w, r, "root")->sign_again = true;
        WORLD_ACCEPTED(w); /* version 2 is stored now */
        world_stage(w, 3);
        world_break(w);
        world_role(w, r, "root")->sign_again = true;
        world_edit(w, r, "root", find, world_text("\"version\":%lld}", (long long)version));
        WORLD_REFUSED(w, ROOT_VERSION, ROLLBACK, names[r], "root");
    }
}

/* REQ-VER-13 REQ-ALG-2.2.3 */
TEST(ver_13__root_n_plus_2_served_as_n_plus_1__rollback)
{
    other_version(4, "\"version\":3}");
}

/* REQ-VER-13 */
TEST(ver_13__root_n_served_as_n_plus_1__rollback)
{
    other_version(2, "\"version\":3}");
}

/* REQ-VER-13 */
TEST(ver_13__root_n_minus_1_served_as_n_plus_1__rollback)
{
    other_version(1, "\"version\":3}");
}

TEST(ver_13__numbers_for_people__expected_and_offered)
{
    struct world *w = world_accepted();
    w->no_mending = true;
    world_role(w, IMAGES, "root")->sign_again = true;
    world_edit(w, IMAGES, "root", "\"version\":2}", "\"version\":7}");
    WORLD_REFUSED(w, ROOT_VERSION, ROLLBACK, "images", "root");
    CHECK(w->result.has_numbers);
    CHECK_EQ(w->result.expected, 2);
    CHECK_EQ(w->result.actual, 7);
}

/* REQ-VER-14: every step, each by the keys of the one before. */
static void rotations(struct world *w, int repository, int count)
{
    for (int i = 0; i < count; i++) {
        rotate(w, repository, 2, 2);
        world_publish(w);
    }
}

TEST(ver_14__four_rotations_since__all_walked)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        rotations(w, r, 4);
        WORLD_ACCEPTED(w);
        CHECK_SLICE(world_stored(w, r, "root.json"), world_role(w, r, "root")->file);
        CHECK(strstr(w->trace, "get 6.root.json: absent") != NULL);
    }
}

TEST(ver_14__a_root_in_between_is_missing__stops_before_it)
{
    struct world *w = world_accepted();
    rotations(w, DIRECTOR, 1);
    sev_slice second = world_role(w, DIRECTOR, "root")->file;
    rotations(w, DIRECTOR, 3);
    for (int i = 0; i < w->now.file_count[DIRECTOR]; i++)
        if (strcmp(w->now.files[DIRECTOR][i].name, "3.root.json") == 0)
            w->now.files[DIRECTOR][i].name = "lost";
    WORLD_ACCEPTED(w);
    CHECK_SLICE(world_stored(w, DIRECTOR, "root.json"), second);
}

/* REQ-VER-14 REQ-ALG-2.2.5 */
TEST(ver_14__a_root_in_between_is_signed_by_strangers__stops_before_it_and_refuses)
{
    struct world *w = world_accepted();
    rotations(w, DIRECTOR, 1);
    world_break(w);
    sev_slice second = world_role(w, DIRECTOR, "root")->file;
    struct world_role *root = rotate(w, DIRECTOR, 1, 1);
    world_sign_with(root, &root->keys, 1);
    world_publish(w);
    rotations(w, DIRECTOR, 1);
    w->no_mending = true;
    w->file_is_good = true; /* root 2 was accepted on the way and stays: only root 3 is at fault */
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "root");
    CHECK_SLICE(world_stored(w, DIRECTOR, "root.json"), second);
    world_mend(w);
    WORLD_ACCEPTED(w);
}

/* REQ-VER-14: a cycle walks so many and no more; the next goes on. REQ-ALG-2.2 */
TEST(ver_14__more_rotations_than_one_cycle_walks__retry_then_done)
{
    struct world *w = world_accepted();
    for (int i = 0; i < SEV_ROOT_ROTATIONS_MAX; i++) {
        world_role(w, DIRECTOR, "root")->sign_again = true;
        world_publish(w);
    }
    w->no_mending = w->file_is_good = true; /* all that was walked is kept */
    WORLD_REFUSED(w, ROOT_ROTATIONS, NONE, "director", "root");
    CHECK_EQ(sev_err_class(SEV_E_ROOT_ROTATIONS), SEV_CLASS_RETRY);
    CHECK_SLICE(world_stored(w, DIRECTOR, "root.json"), world_role(w, DIRECTOR, "root")->file);
    WORLD_ACCEPTED(w);
}

/* REQ-VER-15: only the last one must be fresh; it stays stored either way. */
TEST(ver_15__intermediate_root_expired__accepted)
{
    struct world *w = world_accepted();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    root->expires = w->time - WORLD_DAY;
    world_publish(w);
    root->expires = w->time + WORLD_DAY;
    WORLD_ACCEPTED(w);
    CHECK_EQ(root->version, 3);
}

/* REQ-VER-15 REQ-ALG-2.3 */
TEST(ver_15__last_root_expired__freeze_and_that_root_alone_is_kept)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        struct world_role *root = world_role(w, r, "root");
        root->expires = w->time; /* now == expires is expired */
        w->no_mending = w->file_is_good = true;
        WORLD_REFUSED(w, EXPIRED, FREEZE, names[r], "root");
        CHECK_SLICE(world_stored(w, r, "root.json"), root->file);
        CHECK(strstr(w->trace, world_text("%s get timestamp.json", names[r])) == NULL);
        root->expires = w->time + 1; /* its successor is taken */
        WORLD_ACCEPTED(w);
    }
}

TEST(ver_15__stored_root_expired__its_successor_is_still_asked_for)
{
    struct world *w = world_accepted();
    w->time += 364 * WORLD_DAY;
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world_repository *repository = &w->now.repositories[r];
        for (int i = 0; i < repository->role_count; i++)
            repository->roles[i].expires = w->time + 400 * WORLD_DAY;
    }
    w->time += 300 * WORLD_DAY;
    WORLD_ACCEPTED(w);
}

/* REQ-VER-16 REQ-ATK-11: fast-forwarded by leaked keys, recovered by rotating them. */
static void fast_forward(const char *role, bool rotated, sev_err err)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        struct world *w = world_accepted();
        world_role(w, r, "timestamp")->force_version = SEV_JSON_INT_MAX;
        world_publish(w);
        CHECK_OK(world_cycle(w)->err);
        (void)world_wrong_release(w);
        if (rotated)
            world_role(w, r, role)->keys = world_new_keys(w, 1, 1);
        world_role(w, r, "timestamp")->force_version = 9;
        world_stage(w, 3);
        if (err == SEV_OK) {
            WORLD_ACCEPTED(w);
            continue;
        }
        w->no_mending = true;
        world_check_refused(w, err, sev_err_attack(err), names[r], "timestamp", __FILE__, __LINE__);
    }
}

TEST(ver_16__timestamp_keys_rotated_after_fast_forward__recovered)
{
    fast_forward("timestamp", true, SEV_OK);
}

TEST(ver_16__snapshot_keys_rotated_after_fast_forward__recovered)
{
    fast_forward("snapshot", true, SEV_OK);
}

/* REQ-VER-16 REQ-ATK-11 */
TEST(ver_16__other_keys_rotated__still_a_rollback)
{
    fast_forward("root", true, SEV_E_VERSION_ROLLBACK);
    fast_forward("targets", true, SEV_E_VERSION_ROLLBACK);
}

/* REQ-VER-16 REQ-ATK-11 */
TEST(ver_16__nothing_rotated__rollback)
{
    fast_forward("root", false, SEV_E_VERSION_ROLLBACK);
}

/* ----------------------------------------------------------- provisioning */

TEST(ecu_07__no_trusted_root__not_provisioned_and_nothing_asked)
{
    struct world *w = world_accepted();
    world_remove_stored(w, DIRECTOR, "root.json");
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_NOT_PROVISIONED);
    CHECK_EQ(sev_err_class(SEV_E_NOT_PROVISIONED), SEV_CLASS_INPUT);
    CHECK_EQ(w->result.requests, 0);
}

/* REQ-H11: a root without signatures vouches for nothing, though it lies in the store. */
TEST(h11__stored_root_without_signatures__refused_before_any_request)
{
    struct world *w = world_begin();
    world_role(w, DIRECTOR, "root")->signature_count = 0;
    world_publish(w);
    world_provision(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_SIGNATURE);
    CHECK_EQ(w->result.requests, 0);
}

TEST(h11__stored_root_signed_by_a_stranger__refused_before_any_request)
{
    struct world *w = world_begin();
    world_sign_also(world_role(w, IMAGES, "root"), world_new_key(w));
    world_publish(w);
    world_provision(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_SIGNATURE);
    CHECK(strstr(w->trace, "images get") == NULL);
}

TEST(ver_12__stored_root_is_another_document__wrong_type)
{
    struct world *w = world_accepted();
    world_put_stored(w, DIRECTOR, "root.json", world_stored(w, DIRECTOR, "targets.json"));
    CHECK_ERR(world_cycle(w)->err, SEV_E_WRONG_TYPE);
    CHECK_EQ(w->result.requests, 0);
}
