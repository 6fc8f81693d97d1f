/* ver_delegations - VER-30, VER-36 to VER-42, ALG-7, ALG-8, MET-17 to MET-24, ATK-17: the search
 * for an image. Each test breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"
#define F "f/x.bin" /* the image that the forest is searched for */

/* ------------------------------------------- through the client, all three */

/* `bolt`, of lower priority, may sign for acme's images too, and lists the same brake. */
static struct world *with_a_second_supplier(void)
{
    struct world *w = world_begin();
    world_delegate(w, IMAGES, "targets", "bolt", "[\"acme/*\"]");
    world_settle(w);
    struct world_image *m = world_image(w, BRAKE);
    m->at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    world_publish(w);
    return w;
}

/* REQ-VER-36 */
TEST(ver_36__image_listed_by_a_delegated_role_alone__found)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images get 6.acme.json\n") != NULL);
    CHECK(strstr(w->trace, "images get 6.bolt.json\n") != NULL);
}

/* REQ-VER-36 REQ-MET-25 */
TEST(ver_36__role_is_not_listed_in_snapshot__role_missing)
{
    struct world *w = world_accepted();
    world_add_role(w, IMAGES, "carbo");
    world_delegate(w, IMAGES, "targets", "carbo", "[\"carbo/*\"]");
    w->now.images[0].name = "carbo/brake-2.bin";
    w->now.images[0].at[IMAGES] = world_role_index(w, IMAGES, "carbo");
    world_edit(w, IMAGES, "snapshot", "\"carbo.json\":", "\"carbon.json\":");
    w->no_mending = true; /* that snapshot was accepted: carbon may not vanish again */
    WORLD_REFUSED(w, ROLE_MISSING, MIX_AND_MATCH, "images", "carbo");
    CHECK(strstr(w->trace, "carbo.json") == NULL);
}

/* REQ-VER-37: what is wrong with the first role ends the search; the second is not asked. */
static void first_role_fails(void (*make)(struct world *), sev_err err)
{
    struct world *w = with_a_second_supplier();
    world_break(w);
    make(w);
    world_check_refused(w, err, sev_err_attack(err), "images", "acme", __FILE__, __LINE__);
}

static void expired(struct world *w)
{
    world_role(w, IMAGES, "acme")->expires = w->time;
}

static void signed_by_a_stranger(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_sign_also(world_role(w, IMAGES, "acme"), world_new_key(w));
}

static void absent(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_fails(w, IMAGES, "acme", SEV_E_ABSENT);
}

static void unreachable(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_fails(w, IMAGES, "acme", SEV_E_UNREACHABLE);
}

static void not_those_bytes(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_edit_served(w, IMAGES, "acme", "\"1.0.31\"", "\"1.0.32\"");
}

static void longer_than_announced(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_publish(w);
    sev_slice file = world_role(w, IMAGES, "acme")->file;
    world_serves(w, IMAGES, "acme",
                 world_slice(world_text("%.*s ", (int)file.len, (const char *)file.ptr)));
}

static void of_another_type(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_edit(w, IMAGES, "acme", "\"_type\":\"targets\"", "\"_type\":\"snapshot\"");
}

static void not_json(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_edit(w, IMAGES, "acme", "\"_type\":\"targets\"", "\"_type\":'targets'");
}

static void without_signatures(struct world *w)
{
    world_role(w, IMAGES, "acme")->sign_again = true;
    world_edit_file(w, IMAGES, "acme", "\"signatures\":", "\"signature\":");
}

/* REQ-VER-37 REQ-ALG-7.1 */
TEST(ver_37__role_of_higher_priority_expired__freeze_and_not_the_next_role)
{
    first_role_fails(expired, SEV_E_EXPIRED);
}

TEST(ver_37__role_of_higher_priority_signed_by_a_stranger__signature)
{
    first_role_fails(signed_by_a_stranger, SEV_E_SIGNATURE);
}

TEST(ver_37__role_of_higher_priority_absent__retry)
{
    first_role_fails(absent, SEV_E_ABSENT);
}

TEST(ver_37__role_of_higher_priority_unreachable__retry)
{
    first_role_fails(unreachable, SEV_E_UNREACHABLE);
}

TEST(ver_37__role_of_higher_priority_has_other_bytes__mix_and_match)
{
    first_role_fails(not_those_bytes, SEV_E_META_MISMATCH);
}

TEST(ver_37__role_of_higher_priority_too_long__endless_data)
{
    first_role_fails(longer_than_announced, SEV_E_TOO_LONG);
}

TEST(ver_37__role_of_higher_priority_is_no_targets_file__wrong_type)
{
    first_role_fails(of_another_type, SEV_E_WRONG_TYPE);
}

TEST(ver_37__role_of_higher_priority_is_no_json__syntax)
{
    first_role_fails(not_json, SEV_E_JSON_SYNTAX);
}

TEST(ver_37__role_of_higher_priority_is_unsigned__signature)
{
    first_role_fails(without_signatures, SEV_E_SIGNATURE);
}

/* The stored file is judged no more gently than a fetched one. */
TEST(ver_37__stored_role_of_higher_priority_expired_since__freeze)
{
    struct world *w = with_a_second_supplier();
    world_role(w, IMAGES, "acme")->expires = w->time + WORLD_DAY;
    world_fails(w, IMAGES, BRAKE, SEV_E_ABSENT);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
    world_heal(w);
    w->time += WORLD_DAY;
    w->no_mending = true;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "images", "acme");
    CHECK(strstr(w->trace, "images get 6.acme.json") == NULL);
}

/* Version in the file against snapshot, with the right bytes. */
TEST(ver_37__role_version_differs_from_snapshot__mix_and_match)
{
    struct world *w = world_accepted();
    world_publish(w);
    world_serves(w, IMAGES, "acme", world_role(w, IMAGES, "acme")->file);
    world_role(w, IMAGES, "snapshot")->sign_again = true;
    world_edit(w, IMAGES, "snapshot", "\"version\":6},\"bolt", "\"version\":7},\"bolt");
    w->honest.repositories[IMAGES].roles[world_role_index(w, IMAGES, "acme")].version = 9;
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "acme");
}

TEST(ver_37__stored_role_damaged__fetched_again)
{
    struct world *w = world_accepted();
    const struct world_stored *f = world_stored_role(&w->store, IMAGES, "acme");
    world_put_stored(w, IMAGES, f->name, SEV_LIT("not even JSON"));
    WORLD_ACCEPTED(w);
}

/* What is stored and listed is used without a request, each time verified by its delegator. */
TEST(ver_37__stored_roles_are_the_listed_ones__no_request_for_them)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_ABSENT);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
    world_heal(w);
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images load acme.json\n") != NULL);
    CHECK(strstr(w->trace, "images get 6.acme.json") == NULL);
    CHECK(strstr(w->trace, "images store") == NULL);
}

/* REQ-VER-30 REQ-ATK-17: a supplier's key is good for that supplier's file alone. REQ-ALG-6.3 */
TEST(ver_30__supplier_b_signs_the_file_of_supplier_a__signature)
{
    struct world *w = world_accepted();
    world_sign_also(world_role(w, IMAGES, "acme"), world_role(w, IMAGES, "bolt")->keys.ids[0]);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "acme");
}

TEST(ver_30__supplier_file_one_signature_short__signature)
{
    struct world *w = world_begin();
    struct world_role *acme = world_role(w, IMAGES, "acme");
    acme->keys = world_new_keys(w, 3, 2);
    world_settle(w);
    world_sign_with(acme, &acme->keys, 1);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "acme");
}

/* REQ-ATK-17 REQ-ALG-7.4.1 */
TEST(atk_17__supplier_lists_an_image_of_another_supplier__not_consulted)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* Part 5.6: a delegator that changes the keys: the stored file is not trusted under the new ones,
 * though snapshot lists its very bytes. */
TEST(part_5_6__delegator_revokes_the_suppliers_key__stored_file_is_not_used)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_ABSENT);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
    world_heal(w);
    world_delegation(w, IMAGES, "acme")->keys[0] = world_new_keys(w, 1, 1);
    w->no_mending = true;
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "acme");
}

/* ----------------------------------------------------- a forest, by the walk */

static struct world *forest(void)
{
    struct world *w = world_begin();
    w->now.image_count = 0;
    return w;
}

/* Let a role list an image; entries with the same tag are the same image. */
static void lists(struct world *w, const char *role, const char *image, char tag)
{
    struct world_role *r = world_role(w, IMAGES, role);
    char digest[65];
    memset(digest, tag, 64);
    digest[64] = '\0';
    r->targets = world_text("%s%s\"%s\":{\"custom\":{\"hardwareIds\":[\"hw-brake\"],\"match\":{"
                            "\"hardwareIds\":[\"hw-brake\"],\"releaseCounter\":2,\"version\":\"2\""
                            "}},\"hashes\":{\"sha256\":\"%s\"},\"length\":9}",
                            r->targets ? r->targets : "", r->targets ? "," : "", image, digest);
}

/* A new role under `from`, that may sign for everything below f/. */
static struct world_delegation *grow(struct world *w, const char *from, const char *to)
{
    world_add_role(w, IMAGES, to);
    return world_delegate(w, IMAGES, from, to, "[\"f/*\"]");
}

static sev_err search(struct world *w, const char *image, const char *hardware_id)
{
    world_publish(w);
    if (world_stored(w, IMAGES, "root.json").ptr == NULL)
        world_provision(w);
    return world_walk(w, IMAGES, image, hardware_id);
}

#define FOUND_IN(w, role_, tag)                                                                    \
    do {                                                                                           \
        CHECK_OK(search((w), F, "hw-brake"));                                                      \
        CHECK((w)->walk.found);                                                                    \
        CHECK_SLICE(sev_slice_of((w)->walk.listing.role, (w)->walk.listing.role_len),              \
                    world_slice(role_));                                                           \
        CHECK_EQ((w)->walk.listing.hashes.sha256[0], (tag)*17);                                    \
    } while (0)
#define NOT_FOUND(w)                                                                               \
    do {                                                                                           \
        CHECK_OK(search((w), F, "hw-brake"));                                                      \
        CHECK(!(w)->walk.found);                                                                   \
    } while (0)
#define SEARCH_ENDS(w, err, role_)                                                                 \
    do {                                                                                           \
        CHECK_ERR(search((w), F, "hw-brake"), SEV_E_##err);                                        \
        CHECK(!(w)->walk.found);                                                                   \
        CHECK_SLICE(world_slice((w)->walk.role), world_slice(role_));                              \
    } while (0)

TEST(ver_36__nobody_lists_it__not_found)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    NOT_FOUND(w);
}

TEST(ver_39__top_level_lists_it_too__top_level_wins)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    lists(w, "a", F, '1');
    lists(w, "targets", F, '2');
    FOUND_IN(w, "targets", 2);
    CHECK(strstr(w->trace, "a.json") == NULL);
}

/* REQ-MET-21 */
TEST(met_21__chain_of_four__resolved)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    grow(w, "a", "b");
    grow(w, "b", "c");
    grow(w, "c", "d");
    lists(w, "d", F, '4');
    FOUND_IN(w, "d", 4);
}

/* REQ-VER-39 REQ-MET-17 REQ-MET-22: listed order, which is not the alphabet's. */
TEST(ver_39__two_roles_list_it__the_first_in_listed_order)
{
    struct world *w = forest();
    grow(w, "targets", "zulu");
    grow(w, "targets", "alfa");
    lists(w, "zulu", F, '1');
    lists(w, "alfa", F, '2');
    FOUND_IN(w, "zulu", 1);
}

TEST(ver_39__depth_comes_before_breadth__the_first_ones_child)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    grow(w, "targets", "b");
    grow(w, "a", "a1");
    lists(w, "a1", F, '3');
    lists(w, "b", F, '2');
    FOUND_IN(w, "a1", 3);
}

TEST(ver_39__first_role_lacks_it__the_next_is_asked)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    grow(w, "targets", "b");
    grow(w, "a", "a1");
    lists(w, "b", F, '2');
    FOUND_IN(w, "b", 2);
}

/* REQ-VER-38 REQ-MET-23 */
TEST(ver_38__terminating_role_lacks_it__not_found_though_the_next_has_it)
{
    struct world *w = forest();
    grow(w, "targets", "a")->terminating = true;
    grow(w, "targets", "b");
    lists(w, "b", F, '2');
    NOT_FOUND(w);
    CHECK(strstr(w->trace, "b.json") == NULL);
}

TEST(ver_38__terminating_role_has_it__found)
{
    struct world *w = forest();
    grow(w, "targets", "a")->terminating = true;
    lists(w, "a", F, '1');
    FOUND_IN(w, "a", 1);
}

TEST(ver_38__terminating_role_does_not_match__the_next_is_asked)
{
    struct world *w = forest();
    grow(w, "targets", "a")->paths = "[\"g/*\"]";
    world_delegation(w, IMAGES, "a")->terminating = true;
    grow(w, "targets", "b");
    lists(w, "b", F, '2');
    FOUND_IN(w, "b", 2);
}

/* DESIGN 4: Uptane's step 3 to the letter: before the terminating role's own delegations. */
TEST(ver_38__terminating_role_delegates__its_delegations_are_not_searched)
{
    struct world *w = forest();
    grow(w, "targets", "a")->terminating = true;
    grow(w, "a", "a1");
    lists(w, "a1", F, '3');
    NOT_FOUND(w);
}

/* It ends the whole search, not only its parent's loop (part 5.6). */
TEST(ver_38__terminating_role_two_levels_down_lacks_it__nobody_else_is_asked)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    grow(w, "a", "a1")->terminating = true;
    grow(w, "a", "a2");
    grow(w, "targets", "b");
    lists(w, "a2", F, '3');
    lists(w, "b", F, '2');
    NOT_FOUND(w);
}

/* REQ-VER-40 REQ-MET-20 */
TEST(ver_40__path_matches_and_hardware_does_not__skipped)
{
    struct world *w = forest();
    grow(w, "targets", "a")->hardware_ids = "[\"hw-truck\",\"hw-bus\"]";
    lists(w, "a", F, '1');
    NOT_FOUND(w);
    CHECK(strstr(w->trace, "a.json") == NULL);
    grow(w, "targets", "b")->hardware_ids = "[\"hw-truck\",\"hw-brake\"]";
    lists(w, "b", F, '2');
    FOUND_IN(w, "b", 2);
}

TEST(met_20__empty_list_of_hardware__matches_none)
{
    struct world *w = forest();
    grow(w, "targets", "a")->hardware_ids = "[]";
    lists(w, "a", F, '1');
    NOT_FOUND(w);
}

TEST(met_20__hardware_ids_are_not_a_list__matches_none)
{
    struct world *w = forest();
    grow(w, "targets", "a")->hardware_ids = "\"hw-brake\"";
    lists(w, "a", F, '1');
    NOT_FOUND(w);
}

static void path(const char *paths, bool matches)
{
    struct world *w = forest();
    grow(w, "targets", "a")->paths = paths;
    lists(w, "a", F, '1');
    if (matches)
        FOUND_IN(w, "a", 1);
    else
        NOT_FOUND(w);
}

TEST(ver_40__patterns__as_in_tuf)
{
    path("[\"f/x.bin\"]", true);
    path("[\"nothing\",\"f/?.bin\"]", true);
    path("[\"*/x.*\"]", true);
    path("[\"f\\/*\"]", true);
    path("[\"*\"]", false); /* does not cross '/' */
    path("[\"F/*\"]", false);
    path("[\"f/x.bi\"]", false);
    path("[\"f/?x.bin\"]", false);
    path("[]", false);
    path(NULL, false);
    path("\"f/*\"", false);
    path("[7]", false);
}

TEST(ver_40__hash_prefixes__as_in_tuf)
{
    /* SHA-256 of "f/x.bin" */
    char hex[65] = {0};
    uint8_t digest[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, 64);
    sev_sha256(SEV_LIT(F), digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    static const int lengths[] = {1, 4, 64};
    for (int i = 0; i < 3; i++) {
        struct world *w = forest();
        struct world_delegation *d = grow(w, "targets", "a");
        d->paths = NULL;
        d->hash_prefixes = world_text("[\"zz\",\"%.*s\"]", lengths[i], hex);
        lists(w, "a", F, '1');
        FOUND_IN(w, "a", 1);
    }
    struct world *w = forest();
    struct world_delegation *d = grow(w, "targets", "a");
    d->paths = NULL;
    d->hash_prefixes = world_text("[\"%.*s\",\"%s0\"]", 3, hex + 1, hex);
    lists(w, "a", F, '1');
    NOT_FOUND(w);
}

/* ------------------------------------------------------- several must agree */

static struct world *several(int count, int min_roles, const char *tags)
{
    static const char *const names[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"};
    struct world *w = forest();
    struct world_delegation *d = grow(w, "targets", names[0]);
    for (int i = 1; i < count; i++)
        d->to[i] = world_add_role(w, IMAGES, names[i]);
    d->to_count = count;
    d->min_roles = min_roles;
    for (int i = 0; i < count; i++)
        if (tags[i] != '-')
            lists(w, names[i], F, tags[i]);
    return w;
}

/* REQ-VER-42 REQ-MET-24 */
TEST(ver_42__two_of_three_agree__theirs)
{
    struct world *w = several(3, 2, "112");
    FOUND_IN(w, "m0", 1);
    w = several(3, 2, "211");
    FOUND_IN(w, "m1", 1);
    w = several(3, 2, "121");
    FOUND_IN(w, "m0", 1);
    w = several(3, 2, "-11");
    FOUND_IN(w, "m1", 1);
    w = several(3, 3, "111");
    FOUND_IN(w, "m0", 1);
}

TEST(ver_42__all_differ__not_found)
{
    struct world *w = several(3, 2, "123");
    NOT_FOUND(w);
    w = several(3, 2, "1--");
    NOT_FOUND(w);
    w = several(3, 3, "112");
    NOT_FOUND(w);
    w = several(2, 2, "--");
    NOT_FOUND(w);
}

TEST(ver_42__two_groups__the_one_with_the_earliest_role)
{
    struct world *w = several(5, 2, "32121");
    FOUND_IN(w, "m1", 2);
    w = several(3, 1, "312");
    FOUND_IN(w, "m0", 3);
}

TEST(ver_42__only_match_differs__no_agreement)
{
    struct world *w = several(2, 2, "11");
    world_edit(w, IMAGES, "m1", "\"version\":\"2\"", "\"version\":\"3\"");
    NOT_FOUND(w);
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "m1", "\"match\":", "\"mismatch\":");
    NOT_FOUND(w);
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "m1", "\"length\":9", "\"length\":8");
    NOT_FOUND(w);
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "m1", "\"hashes\":{",
               world_text("\"hashes\":{\"sha512\":\"%0128d\",", 0));
    NOT_FOUND(w);
}

TEST(ver_42__the_roles_may_delegate__found_below_them)
{
    struct world *w = several(2, 2, "-1");
    grow(w, "m0", "deep");
    lists(w, "deep", F, '1');
    FOUND_IN(w, "deep", 1);
}

/* Part 5, 1: one role named twice would agree with itself. */
TEST(ver_42__one_role_named_twice__does_not_agree_with_itself)
{
    struct world *w = several(2, 2, "1-");
    struct world_delegation *d = world_delegation(w, IMAGES, "m0");
    NOT_FOUND(w);
    d->to[1] = d->to[0];
    SEARCH_ENDS(w, MALFORMED, "targets");
}

TEST(ver_42__no_agreement__the_next_delegation_is_asked)
{
    struct world *w = several(2, 2, "12");
    grow(w, "targets", "b");
    lists(w, "b", F, '4');
    FOUND_IN(w, "b", 4);
}

/* REQ-VER-41 */
TEST(ver_41__terminating_and_no_agreement__not_found_though_the_next_has_it)
{
    struct world *w = several(3, 2, "123");
    world_delegation(w, IMAGES, "m0")->terminating = true;
    grow(w, "targets", "b");
    lists(w, "b", F, '4');
    NOT_FOUND(w);
    CHECK(strstr(w->trace, "b.json") == NULL);
}

TEST(ver_41__terminating_and_agreement__found)
{
    struct world *w = several(3, 2, "1-1");
    world_delegation(w, IMAGES, "m0")->terminating = true;
    FOUND_IN(w, "m0", 1);
}

TEST(ver_42__one_of_them_is_badly_signed__signature)
{
    struct world *w = several(3, 2, "111");
    world_sign_also(world_role(w, IMAGES, "m2"), world_new_key(w));
    SEARCH_ENDS(w, SIGNATURE, "m2");
}

TEST(ver_42__minimum_of_agreement_cannot_be_met__threshold)
{
    struct world *w = several(2, 3, "11");
    SEARCH_ENDS(w, THRESHOLD, "targets");
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "targets", "\"min_roles_in_agreement\":2",
               "\"min_roles_in_agreement\":0");
    SEARCH_ENDS(w, THRESHOLD, "targets");
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "targets", "\"min_roles_in_agreement\":2", "\"min_roles\":2");
    SEARCH_ENDS(w, THRESHOLD, "targets");
    w = several(2, 2, "11");
    world_edit(w, IMAGES, "targets", "\"min_roles_in_agreement\":2",
               "\"min_roles_in_agreement\":-1");
    SEARCH_ENDS(w, THRESHOLD, "targets");
}

TEST(ver_42__more_roles_than_a_delegation_may_have__limit)
{
    struct world *w = several(SEV_MULTI_ROLES_MAX, SEV_MULTI_ROLES_MAX, "1111111111");
    FOUND_IN(w, "m0", 1);
    w = several(SEV_MULTI_ROLES_MAX + 1, 2, "1111111111");
    SEARCH_ENDS(w, DELEGATION_LIMIT, "targets");
}

TEST(ver_42__list_of_roles_is_ill_formed__malformed)
{
    static const char *const find[] = {"\"min_roles_in_agreement\":2", "\"name\":\"m0\",",
                                       "\"name\":\"m1\","};
    static const char *const replace[] = {"\"min_roles_in_agreement\":\"2\"", "\"name\":7,", ""};
    static const sev_err errors[] = {SEV_E_MALFORMED, SEV_E_MALFORMED, SEV_E_BAD_NAME};
    for (int i = 0; i < 3; i++) {
        struct world *w = several(2, 2, "11");
        world_edit(w, IMAGES, "targets", find[i], replace[i]);
        CHECK_ERR(search(w, F, "hw-brake"), errors[i]);
    }
}

/* ------------------------------------------------------------------- bounds */

/* ALG-7: a role that was met by the same delegation on this path is not entered again. */
TEST(alg_7__delegations_in_a_circle__skipped_and_the_search_goes_on)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    grow(w, "a", "b");
    world_delegate(w, IMAGES, "b", "a", "[\"f/*\"]");
    grow(w, "targets", "c");
    lists(w, "c", F, '3');
    FOUND_IN(w, "c", 3);
}

TEST(alg_7__role_delegates_to_itself__skipped_and_the_search_goes_on)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    world_delegate(w, IMAGES, "a", "a", "[\"f/*\"]");
    grow(w, "targets", "c");
    lists(w, "c", F, '3');
    FOUND_IN(w, "c", 3);
}

static struct world *chain(int depth)
{
    struct world *w = forest();
    const char *last = "targets";
    for (int i = 1; i <= depth; i++) {
        const char *role = world_text("r%d", i);
        grow(w, last, role);
        last = role;
    }
    lists(w, last, F, '1');
    return w;
}

TEST(alg_7__deepest_chain__found)
{
    struct world *w = chain(SEV_DELEGATION_DEPTH_MAX);
    FOUND_IN(w, "r8", 1);
}

TEST(alg_7__one_deeper__delegation_limit)
{
    struct world *w = chain(SEV_DELEGATION_DEPTH_MAX + 1);
    SEARCH_ENDS(w, DELEGATION_LIMIT, "r8");
    CHECK_EQ(sev_err_attack(SEV_E_DELEGATION_LIMIT), SEV_ATTACK_MIX_AND_MATCH);
}

static struct world *row(int count)
{
    struct world *w = forest();
    for (int i = 1; i <= count; i++)
        grow(w, "targets", world_text("s%d", i));
    lists(w, world_text("s%d", count), F, '1');
    return w;
}

TEST(alg_7__as_many_roles_as_a_search_visits__found)
{
    struct world *w = row(SEV_ROLES_VISITED_MAX - 1); /* top-level targets counts */
    FOUND_IN(w, "s63", 1);
}

TEST(alg_7__one_role_more__delegation_limit)
{
    struct world *w = row(SEV_ROLES_VISITED_MAX);
    SEARCH_ENDS(w, DELEGATION_LIMIT, "s63");
}

/* ALG-6 step 3, tuf-conformance's diamond: verified once is not verified for ever. */
TEST(alg_6__diamond_whose_sides_name_other_keys__each_path_by_its_own)
{
    struct world *w = forest();
    grow(w, "targets", "left")->paths = "[\"f/*\",\"l/*\"]";
    grow(w, "targets", "right")->paths = "[\"r/*\"]";
    grow(w, "left", "both")->paths = "[\"f/*\"]";
    struct world_delegation *d = world_delegate(w, IMAGES, "right", "both", "[\"r/*\"]");
    lists(w, "both", F, '1');
    lists(w, "both", "r/x.bin", '1');
    FOUND_IN(w, "both", 1);
    CHECK_OK(search(w, "r/x.bin", "hw-brake"));
    CHECK(w->walk.found);
    d->keys[0] = world_new_keys(w, 1, 1);
    CHECK_ERR(search(w, "r/x.bin", "hw-brake"), SEV_E_SIGNATURE);
    CHECK(strstr(w->trace, "both.json") != NULL);
}

/* Both searches in one walk: the file is in memory already. REQ-ALG-6.3 */
TEST(alg_6__second_search_of_a_walk_by_another_path__verified_again)
{
    struct world *w = world_accepted();
    world_add_role(w, IMAGES, "both");
    world_delegate(w, IMAGES, "acme", "both", "[\"acme/*\"]");
    world_delegate(w, IMAGES, "bolt", "both", "[\"bolt/*\"]")->keys[0] = world_new_keys(w, 1, 1);
    world_image(w, BRAKE)->at[IMAGES] = world_role_index(w, IMAGES, "both");
    world_image(w, "bolt/door-2.bin")->at[IMAGES] = world_role_index(w, IMAGES, "both");
    w->file_is_good = w->no_mending = true; /* good by the first path */
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "both");
}

/* --------------------------------------------------- ill-formed delegations */

/* REQ-REP-08 part 5.16: a role's name becomes a file's name. */
TEST(part_5_16__role_name_that_is_not_clean__bad_name)
{
    static const char *const bad[] = {"",           "..",       "../x",    "a/b",      ".",
                                      "a\\\\b",     "root",     "targets", "snapshot", "timestamp",
                                      "\\u0072oot", "a\\u0000", "C:"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world *w = forest();
        grow(w, "targets", "a");
        lists(w, "a", F, '1');
        world_edit(w, IMAGES, "targets", "\"name\":\"a\"", world_text("\"name\":\"%s\"", bad[i]));
        SEARCH_ENDS(w, BAD_NAME, "targets");
        CHECK(strstr(w->trace, "get 5.a.json") == NULL);
    }
}

/* Percent-encoded it would be longer than a file system takes: every cycle would fail. */
TEST(part_5_16__role_name_too_long_for_a_file__bad_name)
{
    struct world *w = forest();
    char name[2 * 34 + 1] = "";
    for (int i = 0; i < 34; i++)
        memcpy(name + 2 * i, "\xc3\xa9", 3);
    grow(w, "targets", world_text("%s", name));
    SEARCH_ENDS(w, BAD_NAME, "targets");
    w = forest();
    name[2 * 33] = '\0';
    grow(w, "targets", world_text("%s", name));
    lists(w, world_text("%s", name), F, '1');
    FOUND_IN(w, world_text("%s", name), 1);
}

TEST(part_5_16__role_name_too_long__bad_name)
{
    struct world *w = forest();
    sev_slice name = world_filled(SEV_ROLE_NAME_BYTES_MAX + 1, 'n');
    grow(w, "targets", world_text("%.*s", (int)name.len, (const char *)name.ptr));
    SEARCH_ENDS(w, BAD_NAME, "targets");
    w = forest();
    const char *longest =
        world_text("%.*s", SEV_ROLE_NAME_BYTES_MAX, (const char *)world_filled(200, 'n').ptr);
    grow(w, "targets", longest);
    lists(w, longest, F, '1');
    FOUND_IN(w, longest, 1);
}

/* REQ-MET-18 REQ-MET-19 */
TEST(met_18__key_id_without_its_key__delegation_is_unusable)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    world_role(w, IMAGES, "a")->keys = world_new_keys(w, 2, 1);
    lists(w, "a", F, '1');
    world_key gone = world_role(w, IMAGES, "a")->keys.ids[1];
    world_edit(w, IMAGES, "targets", world_text("\"%s\":{", world_key_id(w, gone)),
               world_text("\"%064d\":{", 0));
    SEARCH_ENDS(w, KEY, "a");
}

TEST(met_19__key_id_is_not_the_hash_of_its_key__key_id)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    lists(w, "a", F, '1');
    world_edit_all(w, IMAGES, "targets", world_key_id(w, world_role(w, IMAGES, "a")->keys.ids[0]),
                   world_text("%064d", 7));
    SEARCH_ENDS(w, KEY_ID, "a");
}

TEST(met_19__same_key_id_twice_in_a_role__counts_once)
{
    struct world *w = forest();
    grow(w, "targets", "a");
    struct world_role *a = world_role(w, IMAGES, "a");
    a->keys.ids[1] = a->keys.ids[0];
    a->keys.count = 2;
    a->keys.threshold = 2;
    lists(w, "a", F, '1');
    SEARCH_ENDS(w, THRESHOLD, "a");
}

TEST(met_20__threshold_zero_or_out_of_reach__threshold)
{
    static const int64_t bad[] = {0, -1, 2, SEV_JSON_INT_MAX};
    for (int i = 0; i < 4; i++) {
        struct world *w = forest();
        grow(w, "targets", "a");
        world_role(w, IMAGES, "a")->keys.threshold = bad[i];
        lists(w, "a", F, '1');
        SEARCH_ENDS(w, THRESHOLD, "a");
    }
}

TEST(met_20__delegation_member_missing_or_of_another_kind__malformed)
{
    static const char *const find[] = {
        "\"keyids\":[",    "\"threshold\":1", "\"terminating\":",  "\"name\":\"a\",",
        "\"name\":\"a\",", "\"roles\":[",     "\"delegations\":{", "\"keys\":{"};
    static const char *const replace[] = {
        "\"keyidz\":[", "\"threshold\":\"1\"", "\"terminating\":1,\"t\":",   "",
        "\"name\":[],", "\"rolls\":[",         "\"delegations\":[],\"d\":{", "\"keyz\":{"};
    static const sev_err errors[] = {SEV_E_MALFORMED, SEV_E_MALFORMED, SEV_E_MALFORMED,
                                     SEV_E_BAD_NAME,  SEV_E_MALFORMED, SEV_E_MALFORMED,
                                     SEV_E_MALFORMED, SEV_E_MALFORMED};
    for (size_t i = 0; i < sizeof find / sizeof find[0]; i++) {
        struct world *w = forest();
        w->now.repositories[IMAGES].delegation_count = 0;
        grow(w, "targets", "a");
        lists(w, "a", F, '1');
        world_edit(w, IMAGES, "targets", find[i], replace[i]);
        CHECK_ERR(search(w, F, "hw-brake"), errors[i]);
        CHECK(!w->walk.found);
        CHECK_SLICE(world_slice(w->walk.role), SEV_LIT("targets")); /* the delegator's fault */
    }
}

/* REQ-MET-17: an ordered list, never a map. */
TEST(met_17__delegated_roles_as_a_map__malformed)
{
    struct world *w = forest();
    w->now.repositories[IMAGES].delegation_count = 0;
    world_edit(w, IMAGES, "targets", "\"expires\"",
               "\"delegations\":{\"keys\":{},\"roles\":{}},\"expires\"");
    SEARCH_ENDS(w, MALFORMED, "targets");
}

TEST(met_17__empty_delegations__as_none)
{
    static const char *const forms[] = {"{}", "{\"keys\":{},\"roles\":[]}"};
    for (int i = 0; i < 2; i++) {
        struct world *w = forest();
        w->now.repositories[IMAGES].delegation_count = 0;
        world_edit(w, IMAGES, "targets", "\"expires\"",
                   world_text("\"delegations\":%s,\"expires\"", forms[i]));
        NOT_FOUND(w);
    }
}

/* A search without a refreshed repository is our own mistake. */
TEST(alg_7__search_before_refresh__bug)
{
    static uint8_t memory[4096];
    struct world *w = world_accepted();
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_walk_config config = {.profile = SEV_PROFILE_NATIVE, .now = w->time};
    struct sev_want want;
    sev_walk_init(&w->walk, &config, &arena);
    sev_walk_search(&w->walk, SEV_LIT(F), SEV_EMPTY);
    sev_walk_next(&w->walk, &want);
    CHECK_EQ(want.kind, SEV_WANT_NOTHING);
    CHECK_ERR(w->walk.err, SEV_E_BUG);
}
