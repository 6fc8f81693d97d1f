/* rows - rows of requirements/uptane.md whose refusal the other programs show only in the walk, or
 * beside what is accepted: here through the client, with what is kept. Each test breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

/* ------------------------------------------------------------- map and time */

/* REQ-VER-01 REQ-MET-29 REQ-ALG-1.0: with such a map nothing begins. */
TEST(ver_01__map_that_needs_fewer_than_both__no_cycle)
{
    static const char *const repositories[] = {"\"director\"", "\"images\""};
    for (int i = 0; i < 2; i++) {
        struct world *w = world_accepted();
        w->map = world_name("{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[%s],\"threshold\":"
                            "1}],\"repositories\":{\"director\":[\"http://d\"],\"images\":["
                            "\"http://i\"]}}",
                            repositories[i]);
        w->no_mending = true;
        WORLD_REFUSED(w, MAP, NONE, "", "");
        CHECK_EQ(w->result.requests, 0);
        w->map = NULL;
        WORLD_ACCEPTED(w);
    }
}

/* REQ-VER-02 REQ-ATK-15 REQ-ALG-9.1: "no time" must not read as "nothing has expired". */
TEST(ver_02__no_time_at_all__freeze_in_every_mode)
{
    static const sev_mode modes[] = {SEV_MODE_PRIMARY, SEV_MODE_FULL, SEV_MODE_PARTIAL};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_begin();
        w->mode = modes[i];
        world_settle(w);
        w->time = 0;
        w->no_mending = true;
        WORLD_REFUSED(w, NO_TIME, FREEZE, "", "");
        CHECK_EQ(w->result.requests, 0);
        w->time = WORLD_TIME;
        WORLD_ACCEPTED(w);
    }
}

/* ------------------------------------------------------------ nothing is new */

/* REQ-VER-04 REQ-ALG-1.5: the name of an installed image does not make other bytes installed. */
TEST(ver_04__installed_image_with_another_length__not_taken_for_nothing_new)
{
    struct world *w = world_accepted();
    world_stage(w, 1);
    size_t n = world_image(w, "acme/brake-1.bin")->bytes.len;
    world_edit(w, DIRECTOR, "targets", world_text("\"length\":%zu", n),
               world_text("\"length\":%zu", n + 1));
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* REQ-VER-05: nothing is fetched from Images, and what is stored is matched all the same. */
TEST(ver_05__images_has_no_news_and_its_stored_files_disagree__mix_and_match)
{
    struct world *w = world_begin();
    w->has_regulator = false;
    world_settle(w);
    struct world_image next = *world_image(w, BRAKE);
    next.name = "acme/brake-3.bin";
    next.release_counter = 3;
    next.bytes = SEV_LIT("the third one");
    next.ecu = next.at[DIRECTOR] = -1;
    w->now.images[w->now.image_count++] = next;
    WORLD_ACCEPTED(w);
    w->now.images[0].ecu = w->now.images[0].at[DIRECTOR] = -1;
    w->now.images[2].ecu = 0;
    w->now.images[2].at[DIRECTOR] = SEV_ROLE_TARGETS;
    world_break(w);
    world_edit(w, DIRECTOR, "targets", "\"releaseCounter\":3", "\"releaseCounter\":4");
    w->no_mending = true;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    CHECK(strstr(w->trace, "images load snapshot.json\n") != NULL);
    CHECK(strstr(w->trace, "images get 6.") == NULL && strstr(w->trace, "images get 7.") == NULL);
    world_mend(w);
    WORLD_ACCEPTED(w);
}

/* REQ-ALG-6.11: refused for what it assigns, the Director's file is a floor all the same. */
TEST(alg_6__targets_whose_images_disagreed__older_ones_are_a_rollback)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":2", "\"releaseCounter\":3");
    w->no_mending = true;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    CHECK_SLICE(world_stored(w, DIRECTOR, "targets.json"),
                world_role(w, DIRECTOR, "targets")->file);
    world_mend(w);
    world_break(w);
    w->no_mending = false;
    world_role(w, DIRECTOR, "targets")->force_version = 5; /* that of the last good cycle */
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "snapshot");
}

/* ------------------------------------------------------------------- reasons */

/* REQ-VER-10: what is refused for different reasons says so. */
TEST(ver_10__ten_ways_to_break_a_timestamp__ten_reasons)
{
    static const struct {
        const char *find, *replace;
        sev_err err;
    } ways[] = {
        {"\"version\":6}}", "\"version\":1}}", SEV_E_VERSION_ROLLBACK},
        {"did:secureev:car-1", "did:secureev:car-2", SEV_E_WRONG_VEHICLE},
        {"\"vehicle\"", "\"vehicles\"", SEV_E_NO_VEHICLE},
        {"2026-03-31", "2026-02-01", SEV_E_EXPIRED},
        {"\"_type\":\"timestamp\"", "\"_type\":\"snapshot\"", SEV_E_WRONG_TYPE},
        {"\"1.0.31\"", "\"2.0\"", SEV_E_SPEC_VERSION},
        {"\"meta\":{", "\"meta\":{},\"beta\":{", SEV_E_MALFORMED},
        {"\"custom\":{", "\"custom\":{\"critical\":[\"x\"],", SEV_E_CRITICAL},
        {"\"expires\":", "\"expires\":7,\"expires\":", SEV_E_JSON_DUPLICATE},
        {"\"expires\":", "\"x\":1.5,\"expires\":", SEV_E_JSON_NUMBER},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "timestamp", ways[i].find, ways[i].replace);
        world_check_refused(w, ways[i].err, sev_err_attack(ways[i].err), "director", "timestamp",
                            __FILE__, __LINE__);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(sev_err_id(ways[i].err), sev_err_id(ways[k].err)) != 0);
    }
}

/* --------------------------------------------------------- what has no weight */

/* REQ-MET-26: a root that snapshot lists is not vouched for by snapshot's key. */
TEST(met_26__snapshot_lists_a_root_that_the_last_one_did_not_sign__signature)
{
    struct world *w = world_accepted();
    struct world_role *root = world_role(w, IMAGES, "root");
    root->keys = world_new_keys(w, 1, 1);
    world_sign_with(root, &root->keys, 1);
    world_edit(w, IMAGES, "snapshot", "\"meta\":{", "\"meta\":{\"root.json\":{\"version\":2},");
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "root");
}

/* REQ-MET-15: wherever an entry says that the bytes are, they must be those. */
TEST(met_15__entry_has_a_uri_and_other_bytes_come__arbitrary_software)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->uri = "http://elsewhere.example/brake.bin";
    world_serves(w, IMAGES, BRAKE, world_filled(world_image(w, BRAKE)->bytes.len, 'x'));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* REQ-MET-13: an encrypted image is described like any other, by what is fetched. */
TEST(met_13__encrypted_image_without_length_or_hashes__malformed)
{
    for (int i = 0; i < 2; i++) {
        struct world *w = world_accepted();
        struct world_image *m = world_image(w, BRAKE);
        m->more_match = "\"plaintext\":{\"hashes\":{\"sha256\":"
                        "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"},"
                        "\"length\":9}";
        m->encryption = "{\"keyid\":\"k\",\"ct\":\"00\",\"enc\":\"00\"}";
        uint8_t digest[SEV_SHA256_BYTES], hex[64];
        sev_buf b = sev_buf_of(hex, sizeof hex);
        sev_sha256(m->bytes, digest);
        sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
        const char *was = i == 0 ? world_text("\"length\":%zu},\"bolt", m->bytes.len)
                                 : world_text("\"hashes\":{\"sha256\":\"%.8s", (const char *)hex);
        world_edit(w, DIRECTOR, "targets", was, world_text("\"x-%s", was + 1));
        WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
    }
}

/* --------------------------------------------------------------- delegations */

/* REQ-VER-39 REQ-MET-17 REQ-MET-22 REQ-ALG-7.4: the first result is the result, though `bolt`, who
 * comes later, may sign for it too and lists what the Director assigned. */
TEST(ver_39__first_role_lists_other_bytes_than_the_second__the_second_is_not_believed)
{
    struct world *w = world_begin();
    world_delegate(w, IMAGES, "targets", "bolt", "[\"acme/*\"]");
    world_settle(w);
    world_image(w, BRAKE)->also = world_role_index(w, IMAGES, "bolt");
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":2", "\"releaseCounter\":3");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* acme delegates to a1 and so on; the last one lists the brake. */
static struct world *chain(int length)
{
    struct world *w = world_begin();
    const char *last = "acme";
    for (int i = 1; i < length; i++) {
        const char *role = world_name("a%d", i);
        world_add_role(w, IMAGES, role);
        world_delegate(w, IMAGES, last, role, "[\"acme/*\"]");
        last = role;
    }
    world_settle(w);
    world_image(w, BRAKE)->at[IMAGES] = world_role_index(w, IMAGES, last);
    world_publish(w);
    world_break(w);
    return w;
}

/* REQ-MET-21 REQ-ALG-7.1: every link of a chain counts, not only the one that lists the image. */
TEST(met_21__link_in_a_chain_of_four_expired_or_badly_signed__refused)
{
    for (int i = 0; i < 2; i++) {
        struct world *w = chain(4);
        struct world_role *link = world_role(w, IMAGES, "a2");
        if (i == 0) {
            link->expires = w->time;
            WORLD_REFUSED(w, EXPIRED, FREEZE, "images", "a2");
        } else {
            link->sign_again = true;
            world_sign_also(link, world_role(w, IMAGES, "a1")->keys.ids[0]);
            WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "a2");
        }
    }
}

TEST(alg_7__chain_longer_than_any_is_followed__delegation_limit)
{
    struct world *w = chain(SEV_DELEGATION_DEPTH_MAX + 1);
    w->file_is_good = w->no_mending = true; /* what goes too far is not the fault of one file */
    WORLD_REFUSED(w, DELEGATION_LIMIT, MIX_AND_MATCH, "images",
                  world_text("a%d", SEV_DELEGATION_DEPTH_MAX - 1));
}

/* One edit of the list of delegations at Images. */
static void delegations(const char *find, const char *replace, sev_err err, const char *role)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "targets", find, replace);
    world_check_refused(w, err, sev_err_attack(err), "images", role, __FILE__, __LINE__);
}

/* REQ-MET-17: an ordered list, never a map. */
TEST(met_17__delegated_roles_are_a_map__malformed_and_not_stored)
{
    delegations("\"roles\":[", "\"roles\":{},\"x\":[", SEV_E_MALFORMED, "targets");
}

#define ACME "\"name\":\"acme\",\"paths\":[\"acme/*\"],\"terminating\":false,\"threshold\":1"

/* REQ-MET-20 */
TEST(met_20__delegation_without_a_name_or_with_a_threshold_of_text__refused_and_not_stored)
{
    delegations("\"name\":\"acme\",", "", SEV_E_BAD_NAME, "targets");
    delegations(ACME,
                "\"name\":\"acme\",\"paths\":[\"acme/*\"],\"terminating\":false,"
                "\"threshold\":\"1\"",
                SEV_E_MALFORMED, "targets");
}

/* Not only in the top-level file, and although the image is found without it. */
TEST(met_20__delegation_by_a_supplier_has_a_threshold_of_text__refused_and_not_stored)
{
    struct world *w = world_begin();
    world_add_role(w, IMAGES, "below");
    world_delegate(w, IMAGES, "acme", "below", "[\"acme/b/*\"]");
    world_settle(w);
    world_edit(w, IMAGES, "acme", "\"threshold\":1", "\"threshold\":\"1\"");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "acme");
}

/* REQ-MET-23: whatever is not plainly true or false ends it: it is neither guess. */
TEST(met_23__terminating_is_neither_true_nor_false__malformed)
{
    static const char *const bad[] = {"0", "\"false\"", "null", "[]"};
    for (int i = 0; i < 4; i++)
        delegations(ACME,
                    world_text("\"name\":\"acme\",\"paths\":[\"acme/*\"],\"terminating\":%s,"
                               "\"threshold\":1",
                               bad[i]),
                    SEV_E_MALFORMED, "targets");
}

/* REQ-MET-18 */
TEST(met_18__key_id_without_its_key__role_not_followed)
{
    struct world *w = world_accepted();
    struct world_role *acme = world_role(w, IMAGES, "acme");
    acme->keys = world_new_keys(w, 2, 1);
    world_edit(w, IMAGES, "targets", world_text("\"%s\":{", world_key_id(w, acme->keys.ids[1])),
               world_text("\"%064d\":{", 0));
    WORLD_REFUSED(w, KEY, ARBITRARY_SOFTWARE, "images", "acme");
}

/* REQ-MET-19: neither one key under a made-up id nor one key twice. */
TEST(met_19__key_id_is_not_its_keys_hash_or_stands_twice__role_not_followed)
{
    struct world *w = world_accepted();
    struct world_role *acme = world_role(w, IMAGES, "acme");
    world_edit_all(w, IMAGES, "targets", world_key_id(w, acme->keys.ids[0]),
                   world_text("%064d", 7));
    acme->sign_again = true;
    WORLD_REFUSED(w, KEY_ID, ARBITRARY_SOFTWARE, "images", "acme");
    w = world_accepted();
    acme = world_role(w, IMAGES, "acme");
    acme->keys = (struct world_keys){{acme->keys.ids[0], acme->keys.ids[0]}, 2, 2};
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "images", "acme");
}

/* ---------------------------------------------------------- several must agree */

/* acme and an auditor speak for acme's images together; both list the brakes. */
static struct world *with_an_auditor(int min_roles)
{
    struct world *w = world_begin();
    int auditor = world_add_role(w, IMAGES, "auditor");
    struct world_delegation *d = world_delegation(w, IMAGES, "acme");
    d->to[1] = auditor;
    d->to_count = 2;
    d->min_roles = min_roles;
    world_delegate(w, IMAGES, "targets", "bolt", "[\"acme/*\"]");
    w->now.images[0].also = auditor;
    world_settle(w);
    w->now.images[0].also = auditor;
    world_publish(w);
    world_break(w);
    return w;
}

/* REQ-VER-42 REQ-MET-24 REQ-ALG-8.2 REQ-ALG-8.4: in what is listed, or in `match` alone. */
TEST(ver_42__the_auditor_lists_something_else__mix_and_match)
{
    static const char *const find[] = {"\"releaseCounter\":2", "\"length\":"};
    static const char *const replace[] = {"\"releaseCounter\":3", "\"length\":1"};
    for (int i = 0; i < 2; i++) {
        struct world *w = with_an_auditor(2);
        world_edit(w, IMAGES, "auditor", find[i], replace[i]);
        WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    }
}

/* REQ-VER-42 REQ-ALG-8.3 */
TEST(ver_42__the_auditor_does_not_list_it__mix_and_match)
{
    struct world *w = with_an_auditor(2);
    w->now.images[0].also = 0;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* REQ-VER-42 REQ-ALG-8.1: each of them is verified as by itself. */
TEST(ver_42__the_auditors_file_is_signed_by_the_supplier__signature)
{
    struct world *w = with_an_auditor(2);
    world_role(w, IMAGES, "auditor")->sign_again = true;
    world_sign_with(world_role(w, IMAGES, "auditor"), &world_role(w, IMAGES, "acme")->keys, 1);
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "images", "auditor");
}

/* REQ-ALG-8.6: of two groups the one with the earliest role, though the Director likes the other.
 */
TEST(alg_8__the_earliest_role_lists_something_else__the_later_one_is_not_believed)
{
    struct world *w = with_an_auditor(1);
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":2", "\"releaseCounter\":3");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* REQ-VER-41 REQ-ALG-7.4.2 */
TEST(ver_41__terminating_and_no_agreement__the_next_role_is_not_asked)
{
    struct world *w = with_an_auditor(2);
    w->now.images[0].at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    WORLD_ACCEPTED(w); /* not terminating: bolt is asked */
    w = with_an_auditor(2);
    world_delegation(w, IMAGES, "acme")->terminating = true;
    w->file_is_good = true;
    w->now.images[0].at[IMAGES] = world_role_index(w, IMAGES, "bolt");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}
