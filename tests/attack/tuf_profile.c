/* tuf_profile - the walk as a plain TUF client, contracts/tuf-client-cli.md section 6: where it is
 * more lenient than Uptane, and where it is not. Each test breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define F "f/x.bin"

static struct world *begin(void)
{
    struct world *w = world_begin_as(SEV_PROFILE_TUF, SEV_KEY_P256);
    w->now.image_count = 0;
    return w;
}

static sev_err walk(struct world *w, const char *image)
{
    world_publish(w);
    if (world_stored(w, IMAGES, "root.json").ptr == NULL)
        world_provision(w);
    return world_walk(w, IMAGES, image, "");
}

static struct world *accepted(void)
{
    struct world *w = begin();
    CHECK_OK(walk(w, NULL));
    world_break(w);
    return w;
}

static bool kept(struct world *w, const struct world_store *before, const char *file)
{
    for (int i = 0; i < before->count; i++)
        if (before->files[i].place == IMAGES && strcmp(before->files[i].name, file) == 0)
            return sev_slice_eq(before->files[i].bytes, world_stored(w, IMAGES, file));
    return world_stored(w, IMAGES, file).ptr == NULL;
}

/* Refused, the file at fault not stored, and an honest repository is accepted afterwards. */
#define REFUSED(w, err, role_)                                                                     \
    do {                                                                                           \
        struct world_store before_ = (w)->store;                                                   \
        CHECK_ERR(walk((w), NULL), SEV_E_##err);                                                   \
        CHECK_SLICE(world_slice((w)->walk.role), world_slice(role_));                              \
        CHECK(kept((w), &before_, role_ ".json"));                                                 \
        world_mend(w);                                                                             \
        CHECK_OK(walk((w), NULL));                                                                 \
    } while (0)

TEST(tuf__first_refresh__four_requests_and_no_tag)
{
    struct world *w = begin();
    CHECK_OK(walk(w, NULL));
    WORLD_TRACE(w, "images load root.json\n"
                   "images get 2.root.json: absent\n"
                   "images load timestamp.json: none\n"
                   "images get timestamp.json\n"
                   "images store timestamp.json\n"
                   "images load snapshot.json: none\n"
                   "images get 5.snapshot.json\n"
                   "images store snapshot.json\n"
                   "images load targets.json: none\n"
                   "images get 5.targets.json\n"
                   "images store targets.json\n");
}

TEST(tuf__nothing_new__two_requests_and_nothing_stored)
{
    struct world *w = accepted();
    CHECK_OK(walk(w, NULL));
    CHECK_EQ(w->result.requests, 2);
    CHECK(strstr(w->trace, "store") == NULL);
}

/* 6.4: equal version: the old one is kept, the new content not looked at. */
TEST(tuf__timestamp_of_the_same_version_differs__old_one_used)
{
    struct world *w = accepted();
    struct world_store before = w->store;
    world_role(w, IMAGES, "targets")->sign_again = true;
    world_role(w, IMAGES, "timestamp")->force_version = 5;
    CHECK_OK(walk(w, NULL));
    CHECK_EQ(w->result.requests, 2);
    CHECK(world_store_eq(&before, &w->store));
}

TEST(tuf__timestamp_of_the_same_version_and_the_stored_one_expired__freeze)
{
    struct world *w = accepted();
    w->time += 31 * WORLD_DAY;
    CHECK_ERR(walk(w, NULL), SEV_E_EXPIRED);
    CHECK(strcmp(w->walk.role, "timestamp") == 0);
    CHECK(strstr(w->trace, "store") == NULL);
}

TEST(tuf__timestamp_older__rollback)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "timestamp")->force_version = 4;
    REFUSED(w, VERSION_ROLLBACK, "timestamp");
}

TEST(tuf__timestamp_names_an_older_snapshot__rollback)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "snapshot")->force_version = 4;
    REFUSED(w, VERSION_ROLLBACK, "timestamp");
}

TEST(tuf__timestamp_signed_by_a_stranger__signature)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "timestamp")->sign_again = true;
    world_sign_also(world_role(w, IMAGES, "timestamp"), world_new_key(w));
    REFUSED(w, SIGNATURE, "timestamp");
}

TEST(tuf__expired_roles__freeze_and_not_stored)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "timestamp")->expires = w->time;
    REFUSED(w, EXPIRED, "timestamp");
    world_break(w);
    world_role(w, IMAGES, "snapshot")->expires = w->time;
    REFUSED(w, EXPIRED, "snapshot");
    world_break(w);
    world_role(w, IMAGES, "targets")->expires = w->time;
    REFUSED(w, EXPIRED, "targets");
}

TEST(tuf__snapshot_or_targets_version_differs_from_what_is_listed__mix_and_match)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "snapshot")->sign_again = true;
    world_edit(w, IMAGES, "timestamp", "\"version\":6}},", "\"version\":7}},");
    world_publish(w);
    world_serves(w, IMAGES, "snapshot", world_role(w, IMAGES, "snapshot")->file);
    REFUSED(w, META_MISMATCH, "snapshot");
    world_break(w);
    world_role(w, IMAGES, "targets")->sign_again = true;
    world_publish(w);
    world_serves(w, IMAGES, "targets", world_role(w, IMAGES, "targets")->file);
    world_role(w, IMAGES, "snapshot")->sign_again = true;
    world_edit(w, IMAGES, "snapshot",
               "\"targets.json\":{\"version\":", "\"targets.json\":{\"version\":1");
    w->honest.repositories[IMAGES].roles[SEV_ROLE_TARGETS].version = 1000;
    REFUSED(w, META_MISMATCH, "targets");
}

TEST(tuf__listed_length_and_hashes__enforced)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "snapshot")->sign_again = true;
    world_edit(w, IMAGES, "timestamp", "\"snapshot.json\":{",
               world_text("\"snapshot.json\":{\"hashes\":{\"sha256\":\"%064d\"},", 0));
    REFUSED(w, META_MISMATCH, "snapshot");
    world_break(w);
    world_role(w, IMAGES, "snapshot")->sign_again = true;
    world_edit(w, IMAGES, "timestamp", "\"snapshot.json\":{", "\"snapshot.json\":{\"length\":9,");
    REFUSED(w, TOO_LONG, "snapshot");
}

/* 6.6 */
TEST(tuf__file_in_snapshot_older_or_vanished__rollback)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "acme")->force_version = 4;
    REFUSED(w, VERSION_ROLLBACK, "snapshot");
    world_break(w);
    world_edit(w, IMAGES, "snapshot", "\"acme.json\"", "\"acmf.json\"");
    REFUSED(w, ROLE_VANISHED, "snapshot");
}

TEST(tuf__snapshot_older_though_the_timestamp_is_lost__rollback)
{
    struct world *w = accepted();
    world_remove_stored(w, IMAGES, "timestamp.json");
    world_role(w, IMAGES, "snapshot")->force_version = 4;
    REFUSED(w, VERSION_ROLLBACK, "snapshot");
}

TEST(tuf__snapshot_of_the_same_version_differs__stored_one_used)
{
    struct world *w = accepted();
    world_remove_stored(w, IMAGES, "timestamp.json");
    world_role(w, IMAGES, "targets")->sign_again = true;
    world_role(w, IMAGES, "snapshot")->force_version = 5;
    CHECK_OK(walk(w, NULL));
    CHECK_EQ(w->result.requests,
             2); /* the version is all that timestamp says: it is the stored one */
}

/* 6.7: targets rollback is judged by way of snapshot alone. */
TEST(tuf__snapshot_keys_rotated_and_targets_older__accepted)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "targets")->force_version = 100;
    CHECK_OK(walk(w, NULL));
    world_role(w, IMAGES, "snapshot")->keys = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "targets")->force_version = 1;
    CHECK_OK(walk(w, NULL));
    CHECK_SLICE(world_stored(w, IMAGES, "targets.json"), world_role(w, IMAGES, "targets")->file);
}

/* 6.3: dropped because it no longer verifies, even without a tag. */
TEST(tuf__timestamp_key_rotated_after_fast_forward__recovered)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "timestamp")->force_version = 1000000;
    CHECK_OK(walk(w, NULL));
    world_role(w, IMAGES, "timestamp")->keys = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "timestamp")->force_version = 7;
    CHECK_OK(walk(w, NULL));
}

TEST(tuf__root_next_but_one_or_badly_signed__refused)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "root")->sign_again = true;
    world_edit(w, IMAGES, "root", "\"version\":2}", "\"version\":3}");
    REFUSED(w, ROOT_VERSION, "root");
    world_break(w);
    world_sign_also(world_role(w, IMAGES, "root"), world_new_key(w));
    world_role(w, IMAGES, "root")->sign_again = true;
    REFUSED(w, SIGNATURE, "root");
}

/* ----------------------------------------- what is more lenient than native */

TEST(tuf__key_ids_that_are_not_hashes__the_file_stands)
{
    struct world *w = begin();
    world_key key = world_new_key(w);
    struct world_role *t = world_role(w, IMAGES, "targets");
    t->keys = (struct world_keys){{key}, 1, 1};
    world_edit_all(w, IMAGES, "root", world_key_id(w, key), "some-id");
    world_sign_also(t, key);
    t->signatures[0].keyid = "some-id";
    CHECK_OK(walk(w, NULL));
}

TEST(tuf__role_that_nobody_can_satisfy__fails_by_itself)
{
    struct world *w = accepted();
    struct world_role *root = world_role(w, IMAGES, "root");
    world_sign_also(root, root->keys.ids[0]);
    world_role(w, IMAGES, "targets")->keys.threshold = 2;
    world_role(w, IMAGES, "targets")->sign_again = true;
    CHECK_ERR(walk(w, NULL), SEV_E_SIGNATURE);
    CHECK(strcmp(w->walk.role, "targets") == 0);
}

TEST(tuf__threshold_zero__refused)
{
    struct world *w = accepted();
    struct world_role *root = world_role(w, IMAGES, "root");
    world_sign_also(root, root->keys.ids[0]);
    world_role(w, IMAGES, "targets")->keys.threshold = 0;
    REFUSED(w, THRESHOLD, "root");
}

/* Part 5.1: counted by material. */
TEST(tuf__one_key_under_two_ids__counts_once)
{
    struct world *w = begin();
    world_key key = world_new_key(w), other = world_new_key(w);
    struct world_role *t = world_role(w, IMAGES, "targets");
    t->keys = (struct world_keys){{key, other}, 2, 2};
    world_edit(w, IMAGES, "root",
               world_text("\"%s\":%s", world_key_id(w, other), world_key_object(w, other)),
               world_text("\"%s\":%s", world_key_id(w, other), world_key_object(w, key)));
    world_sign_also(t, key);
    world_sign_also(t, key);
    t->signatures[1].keyid = world_key_id(w, other);
    CHECK_ERR(walk(w, NULL), SEV_E_SIGNATURE);
    CHECK(strcmp(w->walk.role, "targets") == 0);
}

TEST(tuf__key_id_without_key_and_key_without_use__ignored)
{
    struct world *w = begin();
    struct world_role *t = world_role(w, IMAGES, "targets");
    t->keys = world_new_keys(w, 2, 1);
    world_edit(w, IMAGES, "root", world_text("\"%s\":{", world_key_id(w, t->keys.ids[1])),
               "\"other\":{");
    CHECK_OK(walk(w, NULL));
}

TEST(tuf__custom_of_any_kind_and_critical__not_looked_at)
{
    static const char *const forms[] = {"7", "[]", "{\"critical\":[\"geofence\"]}", "null"};
    for (int i = 0; i < 4; i++) {
        struct world *w = begin();
        world_edit(w, IMAGES, "timestamp", "\"expires\"",
                   world_text("\"custom\":%s,\"expires\"", forms[i]));
        CHECK_OK(walk(w, NULL));
    }
}

/* ------------------------------------------------------------- delegations */

static void lists(struct world *w, const char *role, const char *image, char tag)
{
    char digest[65];
    memset(digest, tag, 64);
    digest[64] = '\0';
    world_role(w, IMAGES, role)->targets =
        world_text("\"%s\":{\"hashes\":{\"sha256\":\"%s\"},\"length\":9}", image, digest);
}

static struct world_delegation *grow(struct world *w, const char *from, const char *to)
{
    world_add_role(w, IMAGES, to);
    return world_delegate(w, IMAGES, from, to, "[\"f/*\"]");
}

#define FOUND_IN(w, role_)                                                                         \
    do {                                                                                           \
        CHECK_OK(walk((w), F));                                                                    \
        CHECK((w)->walk.found);                                                                    \
        CHECK_SLICE(sev_slice_of((w)->walk.listing.role, (w)->walk.listing.role_len),              \
                    world_slice(role_));                                                           \
    } while (0)
#define NOT_FOUND(w)                                                                               \
    do {                                                                                           \
        CHECK_OK(walk((w), F));                                                                    \
        CHECK(!(w)->walk.found);                                                                   \
    } while (0)

/* 6.12: a terminating role's own delegations are searched, its siblings not. */
TEST(tuf__terminating_role_delegates__its_descendants_are_searched)
{
    struct world *w = begin();
    grow(w, "targets", "a")->terminating = true;
    grow(w, "a", "a1");
    lists(w, "a1", F, '1');
    FOUND_IN(w, "a1");
}

TEST(tuf__terminating_role_and_its_descendants_lack_it__siblings_are_not_asked)
{
    struct world *w = begin();
    grow(w, "targets", "a")->terminating = true;
    grow(w, "a", "a1");
    grow(w, "targets", "b");
    lists(w, "b", F, '2');
    NOT_FOUND(w);
    CHECK(strstr(w->trace, "b.json") == NULL);
}

/* 6.12: each role once in a search. */
TEST(tuf__diamond__visited_once)
{
    struct world *w = begin();
    grow(w, "targets", "a");
    grow(w, "targets", "b");
    grow(w, "a", "both");
    world_delegate(w, IMAGES, "b", "both", "[\"f/*\"]");
    grow(w, "targets", "c");
    lists(w, "c", F, '3');
    FOUND_IN(w, "c");
    const char *first = strstr(w->trace, "images load both.json");
    CHECK(first != NULL);
    CHECK(strstr(first + 1, "images load both.json") == NULL);
}

/* Visited before on another path, it is not visited again: but it ends the search all the same. */
TEST(tuf__terminating_role_was_visited_already__siblings_are_not_asked)
{
    struct world *w = begin();
    grow(w, "targets", "b");
    grow(w, "b", "a");
    world_delegate(w, IMAGES, "targets", "a", "[\"f/*\"]")->terminating = true;
    grow(w, "targets", "c");
    lists(w, "c", F, '3');
    NOT_FOUND(w);
    CHECK(strstr(w->trace, "c.json") == NULL);
}

TEST(tuf__role_delegates_to_top_level_targets_or_in_a_circle__ends)
{
    struct world *w = begin();
    grow(w, "targets", "a");
    grow(w, "a", "b");
    world_delegate(w, IMAGES, "b", "a", "[\"f/*\"]");
    NOT_FOUND(w);
}

/* Names are percent-encoded where they become files. Contract 2. */
TEST(tuf__role_with_an_odd_name__found)
{
    static const char *const names[] = {"../a", "?", "a/b", "a b", "."};
    for (int i = 0; i < 5; i++) {
        struct world *w = begin();
        grow(w, "targets", names[i]);
        lists(w, names[i], F, '1');
        FOUND_IN(w, names[i]);
    }
    struct world *w = begin();
    grow(w, "targets", "../a");
    lists(w, "../a", F, '1');
    FOUND_IN(w, "../a");
    CHECK(strstr(w->trace, "images get 5...%2Fa.json\n") != NULL);
    CHECK(world_stored(w, IMAGES, "..%2Fa.json").ptr != NULL);
}

TEST(tuf__role_with_a_reserved_or_empty_name__bad_name)
{
    static const char *const names[] = {"root", "snapshot", "targets", "timestamp", ""};
    for (int i = 0; i < 5; i++) {
        struct world *w = begin();
        grow(w, "targets", "a");
        world_edit(w, IMAGES, "targets", "\"name\":\"a\"", world_text("\"name\":\"%s\"", names[i]));
        CHECK_ERR(walk(w, F), SEV_E_BAD_NAME);
    }
}

TEST(tuf__delegated_role_not_in_snapshot__role_missing)
{
    struct world *w = begin();
    grow(w, "targets", "a");
    lists(w, "a", F, '1');
    world_edit(w, IMAGES, "snapshot", "\"a.json\"", "\"z.json\"");
    CHECK_ERR(walk(w, F), SEV_E_ROLE_MISSING);
    CHECK(strstr(w->trace, "a.json") == NULL || strstr(w->trace, "get 5.a.json") == NULL);
}

TEST(tuf__delegated_role_signed_by_a_stranger__signature)
{
    struct world *w = begin();
    grow(w, "targets", "a");
    lists(w, "a", F, '1');
    world_sign_also(world_role(w, IMAGES, "a"), world_new_key(w));
    CHECK_ERR(walk(w, F), SEV_E_SIGNATURE);
    CHECK(world_stored(w, IMAGES, "a.json").ptr == NULL);
}

/* 6.13: cached for one delegator, verified again for the next; and not asked for twice. */
TEST(tuf__role_cached_in_this_process__verified_by_the_keys_of_this_search)
{
    struct world *w = begin();
    grow(w, "targets", "left");
    grow(w, "targets", "right")->paths = "[\"r/*\"]";
    grow(w, "left", "both");
    world_delegate(w, IMAGES, "right", "both", "[\"r/*\"]")->keys[0] = world_new_keys(w, 1, 1);
    world_role(w, IMAGES, "both")->targets =
        world_text("\"" F "\":{\"hashes\":{\"sha256\":\"%064d\"},\"length\":9},"
                   "\"r/y.bin\":{\"hashes\":{\"sha256\":\"%064d\"},\"length\":9}",
                   1, 2);
    FOUND_IN(w, "both");
    CHECK_ERR(world_walk(w, IMAGES, "r/y.bin", ""), SEV_E_SIGNATURE);
}

TEST(tuf__hardware_ids_in_a_delegation__mean_nothing_without_hardware)
{
    struct world *w = begin();
    grow(w, "targets", "a")->hardware_ids = "[\"hw-truck\"]";
    lists(w, "a", F, '1');
    FOUND_IN(w, "a");
}

TEST(tuf__entry_with_an_unknown_digest_beside_a_known_one__usable)
{
    struct world *w = begin();
    world_role(w, IMAGES, "targets")->targets =
        world_text("\"" F "\":{\"hashes\":{\"md5\":\"x\",\"sha256\":\"%064d\"},\"length\":9}", 1);
    FOUND_IN(w, "targets");
    w = begin();
    world_role(w, IMAGES, "targets")->targets =
        "\"" F "\":{\"hashes\":{\"md5\":\"x\"},\"length\":9}";
    CHECK_ERR(walk(w, F), SEV_E_MALFORMED);
}
