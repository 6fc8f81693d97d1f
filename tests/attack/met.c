/* met - MET-01 to MET-06, MET-08, MET-31, MET-32, and what every document must be: JSON without
 * tricks, keys, thresholds. Each test breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static const char *const names[] = {"director", "images", "regulator"};
static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};

/* Every role of every repository, or a chosen file, with one edit of the signed body. */
static void edited(int repository, const char *role, const char *find, const char *replace,
                   sev_err err)
{
    static int count;
    struct world *w = world_accepted();
    world_role(w, repository, role)->sign_again = true;
    world_edit(w, repository, role, find, replace);
    w->no_mending = count++ % 5 != 0; /* it costs as much as all the rest */
    world_check_refused(w, err, sev_err_attack(err), names[repository], role, __FILE__, __LINE__);
}

static void edited_everywhere(const char *find, const char *replace, sev_err err)
{
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        edited(i % 2 == 0 ? DIRECTOR : IMAGES, roles[i], find, replace, err);
    edited(IMAGES, "acme", find, replace, err);
    edited(REGULATOR, "withdrawals", find, replace, err);
}

/* ------------------------------------------------------------ the envelope */

/* REQ-MET-02 REQ-H11 */
TEST(met_02__no_signatures__signature_in_every_role)
{
    static const char *const find = "\"signatures\":";
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < SEV_TOP_ROLES; i++) {
            struct world *w = world_accepted();
            world_role(w, r, roles[i])->sign_again = true;
            world_edit_file(w, r, roles[i], find, "\"sig\":");
            WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], roles[i]);
            w = world_accepted();
            world_role(w, r, roles[i])->sign_again = true;
            world_role(w, r, roles[i])->signature_count = 0;
            WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, names[r], roles[i]);
        }
    }
}

TEST(met_02__envelope_of_another_shape__refused)
{
    static const char *const find[] = {
        "\"signed\":", "\"signed\":{", "\"signatures\":[", "\"signatures\":[",
        "\"keyid\":",  "\"keyid\":",   "\"sig\":"};
    static const char *const replace[] = {
        "\"sighed\":", "\"signed\":[],\"x\":{", "\"signatures\":{},\"x\":[", "\"signatures\":[7,",
        "\"keyids\":", "\"keyid\":7,\"k\":",    "\"sig\":7,\"s\":"};
    static const sev_err errors[] = {SEV_E_MALFORMED, SEV_E_MALFORMED, SEV_E_SIGNATURE,
                                     SEV_E_MALFORMED, SEV_E_MALFORMED, SEV_E_MALFORMED,
                                     SEV_E_MALFORMED};
    for (int i = 0; i < 7; i++) {
        struct world *w = world_accepted();
        world_edit_file(w, DIRECTOR, "timestamp", find[i], replace[i]);
        world_check_refused(w, errors[i], sev_err_attack(errors[i]), "director", "timestamp",
                            __FILE__, __LINE__);
    }
}

/* What is unknown is covered by the signature and otherwise without weight. */
TEST(met_02__unknown_members_everywhere__accepted)
{
    struct world *w = world_accepted();
    world_edit_file(w, DIRECTOR, "timestamp", "{\"signatures\":[{",
                    "{\"x\":{},\"signatures\":[{\"y\":[1],");
    world_edit(w, DIRECTOR, "targets", "\"expires\"",
               "\"anything\":{\"at\":[\"all\"]},\"expires\"");
    world_edit(w, DIRECTOR, "snapshot", "\"custom\":{", "\"custom\":{\"more\":null,");
    world_edit(w, IMAGES, "acme", "\"custom\":{", "\"custom\":{\"more\":-5,");
    WORLD_ACCEPTED(w);
}

/* Verification is over the canonical form: blanks, order and escapes are free. */
TEST(alg_0__blanks_order_and_escapes_differ_from_what_was_signed__accepted)
{
    struct world *w = world_accepted();
    world_edit_file(w, DIRECTOR, "timestamp",
                    ",\"spec_version\":", " ,\n\t\"spec\\u005fversion\" : ");
    world_edit_file(w, IMAGES, "snapshot",
                    "\"_type\":\"snapshot\",\"expires\":\"2026-03-31T00:00:00Z\"",
                    "\"expires\":\"2026-03-31T00:00:00Z\",\"_type\":\"snapsho\\u0074\"");
    WORLD_ACCEPTED(w);
}

/* REQ-ALG-0.2: bounded work, whatever is sent. */
TEST(alg_0__more_signatures_than_are_looked_at__limit)
{
    struct world *w = world_accepted();
    struct world_role *t = world_role(w, DIRECTOR, "timestamp");
    for (int i = 0; i < SEV_SIGS_MAX; i++) {
        world_sign_also(t, t->keys.ids[0]);
        t->signatures[i].keyid = world_text("%064d", i);
        t->signatures[i].sig = "00";
    }
    world_sign_also(t, t->keys.ids[0]);
    WORLD_REFUSED(w, JSON_LIMIT, NONE, "director", "timestamp");
    w = world_accepted();
    t = world_role(w, DIRECTOR, "timestamp");
    for (int i = 0; i < SEV_SIGS_MAX - 1; i++) {
        world_sign_also(t, t->keys.ids[0]);
        t->signatures[i].keyid = world_text("%064d", i);
        t->signatures[i].sig = "00";
    }
    world_sign_also(t, t->keys.ids[0]);
    WORLD_ACCEPTED(w);
}

/* -------------------------------------------------------------------- JSON */

TEST(json__member_twice__refused_before_anything_is_believed)
{
    edited_everywhere(
        "\"expires\":", "\"expires\":\"2030-01-01T00:00:00Z\",\"expires\":", SEV_E_JSON_DUPLICATE);
    edited(DIRECTOR, "targets", "\"expires\":",
           "\"expir\\u0065s\":\"2030-01-01T00:00:00Z\",\"expires\":", SEV_E_JSON_DUPLICATE);
}

TEST(json__text_after_the_document__refused)
{
    struct world *w = world_accepted();
    world_publish(w);
    sev_slice file = world_role(w, DIRECTOR, "timestamp")->file;
    world_serves(w, DIRECTOR, "timestamp",
                 world_slice(world_text("%.*s{}", (int)file.len, (const char *)file.ptr)));
    WORLD_REFUSED(w, JSON_SYNTAX, NONE, "director", "timestamp");
}

TEST(json__nothing_at_all__refused)
{
    static const char *const texts[] = {"", " ", "null", "[]", "\"\"", "{", "<html>404</html>"};
    static const sev_err errors[] = {SEV_E_JSON_SYNTAX, SEV_E_JSON_SYNTAX, SEV_E_MALFORMED,
                                     SEV_E_MALFORMED,   SEV_E_MALFORMED,   SEV_E_JSON_SYNTAX,
                                     SEV_E_JSON_SYNTAX};
    for (int i = 0; i < 7; i++) {
        struct world *w = world_accepted();
        world_serves(w, IMAGES, "timestamp", world_slice(texts[i]));
        world_check_refused(w, errors[i], SEV_ATTACK_NONE, "images", "timestamp", __FILE__,
                            __LINE__);
    }
}

/* Numbers that readers disagree about. */
TEST(json__version_that_is_no_exact_integer__refused)
{
    static const char *const bad[] = {"9007199254740992", "6.0", "6e0", "06", "-0"};
    for (int i = 0; i < 5; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "timestamp", "\"1.0.31\",\"version\":6",
                   world_text("\"1.0.31\",\"version\":%s", bad[i]));
        WORLD_REFUSED(w, JSON_NUMBER, NONE, "director", "timestamp");
    }
}

TEST(json__nested_too_deeply__refused)
{
    edited(IMAGES, "timestamp", "\"expires\"", "\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],\"expires\"",
           SEV_E_JSON_DEPTH);
}

TEST(json__string_that_is_no_utf8__refused)
{
    edited(IMAGES, "timestamp", "\"expires\"", "\"x\":\"\xc0\x80\",\"expires\"", SEV_E_JSON_UTF8);
}

/* --------------------------------------------------------- common members */

/* REQ-MET-03 */
TEST(met_03__no_type__malformed)
{
    edited_everywhere("\"_type\":", "\"_kind\":", SEV_E_MALFORMED);
}

/* REQ-MET-03 */
TEST(met_03__no_expiry__malformed)
{
    edited_everywhere("\"expires\":", "\"expired\":", SEV_E_MALFORMED);
}

/* REQ-MET-03 */
TEST(met_03__no_version__malformed)
{
    static const char *const find[] = {"\"1.0.31\",\"version\":2}", "\"1.0.31\",\"version\":6}",
                                       "\"1.0.31\",\"version\":6}", "},\"version\":6}"};
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        for (int i = 0; i < SEV_TOP_ROLES; i++)
            edited(r, roles[i], find[i], world_text("%.*s}", (int)strlen(find[i]) - 13, find[i]),
                   SEV_E_MALFORMED);
}

TEST(met_03__version_zero_negative_or_text__malformed)
{
    static const char *const bad[] = {"0", "-1", "\"6\"", "null", "[6]"};
    for (int i = 0; i < 5; i++) {
        struct world *w = world_accepted();
        world_edit(w, DIRECTOR, "timestamp", "\"1.0.31\",\"version\":6",
                   world_text("\"1.0.31\",\"version\":%s", bad[i]));
        WORLD_REFUSED(w, MALFORMED, NONE, "director", "timestamp");
    }
}

TEST(met_03__expiry_that_is_no_time__malformed)
{
    static const char *const bad[] = {"2026-02-30T00:00:00Z",
                                      "2030-01-01T00:00:00",
                                      "2030-01-01 00:00:00Z",
                                      "2030-01-01T00:00:60Z",
                                      "tomorrow",
                                      "2030-01-01T00:00:00+00:00",
                                      "2030-01-01T00:00:00.0Z"};
    for (int i = 0; i < 7; i++) {
        struct world *w = world_accepted();
        world_edit(w, REGULATOR, "timestamp", "2026-03-31T00:00:00Z", bad[i]);
        WORLD_REFUSED(w, MALFORMED, NONE, "regulator", "timestamp");
    }
    edited(REGULATOR, "timestamp", "\"expires\":\"2026-03-31T00:00:00Z\"", "\"expires\":1800000000",
           SEV_E_MALFORMED);
    edited(REGULATOR, "timestamp", "2026-03-31T00:00:00Z", "2026-03-31T00:00:00\\u005a",
           SEV_E_MALFORMED);
}

/* REQ-MET-04: rightly signed, listed and served in another role's place. */
TEST(met_04__every_role_served_as_every_other__wrong_type)
{
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < SEV_TOP_ROLES; i++) {
            for (int k = 0; k < SEV_TOP_ROLES; k++) {
                if (i == k || (r != DIRECTOR && k != (i + 1) % SEV_TOP_ROLES))
                    continue;
                edited(r, roles[i], world_text("\"_type\":\"%s\"", roles[i]),
                       world_text("\"_type\":\"%s\"", roles[k]), SEV_E_WRONG_TYPE);
            }
        }
    }
}

TEST(met_04__type_in_capitals_or_unknown__wrong_type)
{
    edited(DIRECTOR, "timestamp", "\"_type\":\"timestamp\"", "\"_type\":\"Timestamp\"",
           SEV_E_WRONG_TYPE);
    edited(DIRECTOR, "timestamp", "\"_type\":\"timestamp\"", "\"_type\":\"\"", SEV_E_WRONG_TYPE);
    edited(IMAGES, "targets", "\"_type\":\"targets\"", "\"_type\":\"status-reply\"",
           SEV_E_WRONG_TYPE);
}

/* REQ-MET-31 */
TEST(met_31__format_of_another_major_version__refused)
{
    edited_everywhere("\"1.0.31\"", "\"99.0\"", SEV_E_SPEC_VERSION);
    static const char *const bad[] = {
        "2.0.0", "1", "", "1.", "1.x", "0.9", "1.0.0.0.0.0.0.0.0.0", "01.0", "1\\u002e0"};
    for (int i = 0; i < 9; i++)
        edited(IMAGES, "timestamp", "\"1.0.31\"", world_text("\"%s\"", bad[i]), SEV_E_SPEC_VERSION);
    edited(IMAGES, "timestamp", "\"1.0.31\"", "1", SEV_E_MALFORMED);
}

TEST(met_31__later_minor_version__accepted)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "timestamp", "\"1.0.31\"", "\"1.7\"");
    WORLD_ACCEPTED(w);
}

/* DESIGN 4: `critical` */
TEST(met_31__critical_member_that_is_not_known__refused)
{
    edited(DIRECTOR, "targets", "\"custom\":{\"bundle\"",
           "\"custom\":{\"critical\":[\"vehicle\",\"geofence\"],\"bundle\"", SEV_E_CRITICAL);
    edited(DIRECTOR, "timestamp", "\"custom\":{", "\"custom\":{\"critical\":[\"geofence\"],",
           SEV_E_CRITICAL);
    edited(IMAGES, "acme", "\"expires\"", "\"custom\":{\"critical\":[\"geofence\"]},\"expires\"",
           SEV_E_CRITICAL);
    edited(REGULATOR, "root", "\"expires\"", "\"custom\":{\"critical\":[\"x\"]},\"expires\"",
           SEV_E_CRITICAL);
}

TEST(met_31__critical_members_that_are_known__accepted)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"custom\":{\"bundle\"",
               "\"custom\":{\"critical\":[\"vehicle\",\"bundle\",\"match\",\"ecuIdentifiers\","
               "\"expires\",\"encryption\"],\"bundle\"");
    world_edit(w, DIRECTOR, "timestamp", "\"custom\":{", "\"custom\":{\"critical\":[],");
    WORLD_ACCEPTED(w);
}

TEST(met_31__critical_is_no_list_of_names__malformed)
{
    edited(DIRECTOR, "timestamp", "\"custom\":{", "\"custom\":{\"critical\":\"vehicle\",",
           SEV_E_MALFORMED);
    edited(DIRECTOR, "timestamp", "\"custom\":{", "\"custom\":{\"critical\":[1],", SEV_E_MALFORMED);
}

TEST(met_03__custom_is_no_object__malformed)
{
    edited(IMAGES, "timestamp", "\"expires\"", "\"custom\":[],\"expires\"", SEV_E_MALFORMED);
}

/* ---------------------------------------------------- keys and thresholds */

/* REQ-MET-01 REQ-ALG-0.5 */
TEST(met_01__key_under_another_id_than_its_hash__key_id)
{
    struct world *w = world_accepted();
    world_key key = world_new_key(w);
    world_role(w, DIRECTOR, "targets")->keys = (struct world_keys){{key}, 1, 1};
    world_edit_all(w, DIRECTOR, "root", world_key_id(w, key), world_text("%064d", 1));
    WORLD_REFUSED(w, KEY_ID, ARBITRARY_SOFTWARE, "director", "root");
}

/* Scheme and every other member are in the hash. REQ-MET-01 */
TEST(met_01__scheme_changed_under_the_same_id__key_id_or_no_such_key)
{
    struct world *w = world_accepted();
    struct world_keys keys = {{world_new_key_of(w, SEV_KEY_ED25519)}, 1, 1};
    world_role(w, DIRECTOR, "targets")->keys = keys;
    world_edit(w, DIRECTOR, "root", "\"scheme\":\"ed25519\"",
               "\"more\":\"member\",\"scheme\":\"ed25519\"");
    WORLD_REFUSED(w, KEY_ID, ARBITRARY_SOFTWARE, "director", "root");
}

/* A scheme from the future is kept and does not count: here nobody can sign.
 * REQ-ALG-0.3 */
TEST(met_01__key_of_an_unknown_scheme__signs_nothing)
{
    struct world *w = world_accepted();
    struct world_keys keys = {{world_new_key_of(w, SEV_KEY_ED25519)}, 1, 1};
    world_role(w, DIRECTOR, "targets")->keys = keys;
    world_edit(w, DIRECTOR, "root", "\"scheme\":\"ed25519\"", "\"scheme\":\"ed25520\"");
    world_edit_all(w, DIRECTOR, "root", world_key_id(w, keys.ids[0]), world_text("%064d", 5));
    w->no_mending = true; /* that root was accepted */
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

/* REQ-MET-05 */
TEST(met_05__two_keys_under_one_id__json_duplicate)
{
    struct world *w = world_accepted();
    struct world_role *root = world_role(w, DIRECTOR, "root");
    const char *id = world_key_id(w, root->keys.ids[0]);
    root->sign_again = true;
    world_edit(w, DIRECTOR, "root", world_text("\"%s\":{", id),
               world_text("\"%s\":%s,\"%s\":{", id, world_key_object(w, world_new_key(w)), id));
    WORLD_REFUSED(w, JSON_DUPLICATE, NONE, "director", "root");
}

/* REQ-MET-06 */
TEST(met_06__root_without_one_of_the_four_roles__malformed)
{
    static const char *const find[] = {"\"root\":{", "\"snapshot\":{", "\"targets\":{",
                                       "\"timestamp\":{"};
    for (int i = 0; i < 4; i++) {
        struct world *w = world_accepted();
        world_role(w, IMAGES, "root")->sign_again = true;
        world_edit(w, IMAGES, "root", find[i], world_text("\"x-%s", find[i] + 1));
        WORLD_REFUSED(w, MALFORMED, NONE, "images", "root");
    }
}

/* REQ-ALG-0.1 REQ-MET-06 */
TEST(met_06__threshold_zero_negative_or_out_of_reach__threshold)
{
    static const int64_t bad[] = {0, -1, 2, 1000000};
    for (int r = 0; r < WORLD_REPOSITORIES; r++) {
        for (int i = 0; i < SEV_TOP_ROLES; i++) {
            struct world *w = world_accepted();
            struct world_role *root = world_role(w, r, "root");
            world_sign_also(root, root->keys.ids[0]);
            world_role(w, r, roles[i])->keys.threshold = bad[(r + i) % 4];
            WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, names[r], "root");
        }
    }
}

TEST(met_06__role_in_root_is_ill_formed__malformed)
{
    static const char *const find[] = {"\"threshold\":1},\"targets\"",
                                       "\"threshold\":1},\"targets\"",
                                       "\"snapshot\":{\"keyids\":[",
                                       "\"snapshot\":{\"keyids\":[",
                                       "\"snapshot\":{\"keyids\":[",
                                       "\"keys\":{",
                                       "\"roles\":{",
                                       "\"snapshot\":{\"keyids\":["};
    static const char *const replace[] = {"\"threshold\":\"1\"},\"targets\"",
                                          "\"thresholds\":1},\"targets\"",
                                          "\"snapshot\":{\"keyid\":[",
                                          "\"snapshot\":{\"keyids\":{},\"k\":[",
                                          "\"snapshot\":{\"keyids\":[7,",
                                          "\"keyz\":{",
                                          "\"rolls\":{",
                                          "\"snapshot\":[],\"s\":{\"keyids\":["};
    for (int i = 0; i < 8; i++)
        edited(IMAGES, "root", find[i], replace[i], SEV_E_MALFORMED);
}

/* REQ-MET-06 */
TEST(met_06__key_id_that_root_does_not_hold__key)
{
    struct world *w = world_accepted();
    struct world_keys keys = world_new_keys(w, 2, 1);
    world_role(w, IMAGES, "snapshot")->keys = keys;
    world_edit(w, IMAGES, "root", world_text("\"%s\":{", world_key_id(w, keys.ids[1])),
               world_text("\"%064d\":{", 5));
    WORLD_REFUSED(w, KEY, ARBITRARY_SOFTWARE, "images", "root");
}

TEST(met_06__one_key_listed_twice_for_a_threshold_of_two__threshold)
{
    struct world *w = world_accepted();
    struct world_role *t = world_role(w, IMAGES, "targets");
    t->keys = (struct world_keys){{t->keys.ids[0], t->keys.ids[0]}, 2, 2};
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "images", "root");
}

TEST(met_06__more_keys_than_a_role_may_have__limit)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "targets")->keys = world_new_keys(w, SEV_ROLE_KEYS_MAX, 1);
    WORLD_ACCEPTED(w);
    world_stage(w, 3);
    world_break(w);
    world_role(w, IMAGES, "targets")->keys = world_new_keys(w, SEV_ROLE_KEYS_MAX + 1, 1);
    WORLD_REFUSED(w, JSON_LIMIT, NONE, "images", "root");
}

TEST(met_06__more_keys_than_a_root_may_have__limit)
{
    struct world *w = world_accepted();
    world_role(w, IMAGES, "root")->keys = world_new_keys(w, SEV_ROLE_KEYS_MAX, 1);
    world_role(w, IMAGES, "targets")->keys = world_new_keys(w, SEV_ROLE_KEYS_MAX - 1, 1);
    WORLD_REFUSED(w, JSON_LIMIT, NONE, "images", "root"); /* with two online keys: 65 */
}

/* REQ-H33 REQ-A06: a key that is not what it says. */
TEST(met_01__key_material_that_is_not_of_its_type__key)
{
    struct world *w = world_accepted();
    struct world_keys keys = {{world_new_key_of(w, SEV_KEY_ED25519)}, 1, 1};
    world_role(w, DIRECTOR, "targets")->keys = keys;
    const char *object = world_key_object(w, keys.ids[0]);
    const char *hex = strstr(object, "\"public\":\"") + 10;
    world_edit(w, DIRECTOR, "root", world_text("%.64s", hex), world_text("%.62s", hex));
    WORLD_REFUSED(w, KEY, ARBITRARY_SOFTWARE, "director", "root");
}

TEST(met_01__point_that_is_not_on_the_curve__key)
{
    struct world *w = world_accepted();
    world_key key = world_new_key(w);
    world_role(w, DIRECTOR, "targets")->keys = (struct world_keys){{key}, 1, 1};
    /* One character inside Y of the PEM; the id is made right again, so that the curve decides. */
    const char *object = world_key_object(w, key), *line = strstr(object, "==\\n");
    char *broken = (char *)(uintptr_t)world_text("%s", object);
    char *c = broken + (line - object) - 4;
    *c = *c == 'A' ? 'B' : 'A';
    char id[SEV_KEY_ID_CHARS + 1] = {0};
    CHECK_OK(sev_key_id_of(world_slice(broken), id));
    world_edit(w, DIRECTOR, "root", world_text("\"%s\":%s", world_key_id(w, key), object),
               world_text("\"%s\":%s", id, broken));
    world_edit(w, DIRECTOR, "root", world_text("\"%s\"]", world_key_id(w, key)),
               world_text("\"%s\"]", id));
    w->no_mending = true;
    world_publish(w);
    (void)world_cycle(w);
    /* Refused with the root, or as soon as a signature by it would have to count. */
    CHECK(w->result.err == SEV_E_KEY || w->result.err == SEV_E_SIGNATURE);
    CHECK_EQ(sev_err_attack(w->result.err), SEV_ATTACK_ARBITRARY_SOFTWARE);
    CHECK_EQ(w->result.image_requests, 0);
}

/* The other two algorithms, by the key alone. ALG-0.5 */
TEST(met_01__roles_signed_with_ed25519_and_rsa__accepted)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "targets")->keys =
        (struct world_keys){{world_new_key_of(w, SEV_KEY_ED25519)}, 1, 1};
    world_role(w, IMAGES, "snapshot")->keys =
        (struct world_keys){{world_new_key_of(w, SEV_KEY_RSA)}, 1, 1};
    WORLD_ACCEPTED(w);
}

TEST(met_06__further_roles_in_root__kept_and_without_weight)
{
    struct world *w = world_accepted();
    w->now.repositories[DIRECTOR].more_root_roles =
        "\"kem\":{\"keyids\":[],\"threshold\":0},\"mirrors\":7";
    WORLD_ACCEPTED(w);
}

/* ------------------------------------------------------- the vehicle's name */

/* REQ-MET-08 REQ-MET-32 REQ-H07 REQ-ATK-13: every Director file, before it is stored. */
TEST(met_32__director_file_for_another_vehicle__replay)
{
    for (int i = SEV_ROLE_TIMESTAMP; i < SEV_TOP_ROLES; i++)
        edited(DIRECTOR, roles[i], "\"vehicle\":\"" WORLD_VEHICLE "\"",
               "\"vehicle\":\"did:secureev:car-2\"", SEV_E_WRONG_VEHICLE);
    CHECK_EQ(sev_err_attack(SEV_E_WRONG_VEHICLE), SEV_ATTACK_REPLAY);
}

TEST(met_32__director_file_without_vehicle__replay)
{
    for (int i = SEV_ROLE_TIMESTAMP; i < SEV_TOP_ROLES; i++) {
        edited(DIRECTOR, roles[i], "\"vehicle\":", "\"vehicles\":", SEV_E_NO_VEHICLE);
        edited(DIRECTOR, roles[i], "\"vehicle\":\"" WORLD_VEHICLE "\"", "\"vehicle\":\"\"",
               SEV_E_NO_VEHICLE);
        edited(DIRECTOR, roles[i], "\"vehicle\":\"" WORLD_VEHICLE "\"", "\"vehicle\":7",
               SEV_E_NO_VEHICLE);
    }
}

/* Versions of another vehicle's files mean nothing here: the name is judged first. */
TEST(met_32__timestamp_of_another_vehicle_with_a_version_far_ahead__replay_and_floor_unmoved)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "timestamp")->force_version = 1000;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    w->no_mending = true;
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "timestamp");
    w->now = w->honest;
    world_role(w, DIRECTOR, "timestamp")->version = 5;
    WORLD_ACCEPTED(w);
}

TEST(met_32__timestamp_of_another_vehicle_with_a_lower_version__replay_not_rollback)
{
    struct world *w = world_accepted();
    world_role(w, DIRECTOR, "timestamp")->force_version = 1;
    world_edit(w, DIRECTOR, "timestamp", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "timestamp");
}

TEST(met_32__vehicle_id_that_only_begins_alike__replay)
{
    edited(DIRECTOR, "targets", "\"vehicle\":\"" WORLD_VEHICLE "\"",
           "\"vehicle\":\"" WORLD_VEHICLE "0\"", SEV_E_WRONG_VEHICLE);
    edited(DIRECTOR, "targets", "\"vehicle\":\"" WORLD_VEHICLE "\"",
           "\"vehicle\":\"did:secureev:car-\"", SEV_E_WRONG_VEHICLE);
}

TEST(met_32__vehicle_id_longer_than_any_may_be__replay)
{
    sev_slice long_id = world_filled(SEV_ID_BYTES_MAX + 1, 'v');
    edited(DIRECTOR, "timestamp", "\"vehicle\":\"" WORLD_VEHICLE "\"",
           world_text("\"vehicle\":\"%.*s\"", (int)long_id.len, (const char *)long_id.ptr),
           SEV_E_NO_VEHICLE);
}

/* DESIGN 3.5: a broker's files are none of ours. */
TEST(met_32__file_for_a_broker__replay)
{
    for (int i = SEV_ROLE_TIMESTAMP; i < SEV_TOP_ROLES; i++)
        edited(DIRECTOR, roles[i],
               "\"vehicle\":", "\"subscriber\":\"b\",\"vehicle\":", SEV_E_WRONG_VEHICLE);
}

/* REQ-MET-08 REQ-ALG-6.9 */
TEST(met_08__empty_targets_without_vehicle__replay_and_old_targets_kept)
{
    struct world *w = world_accepted();
    w->now.image_count = 0;
    w->now.bundle = NULL;
    world_edit(w, DIRECTOR, "targets", "\"vehicle\":", "\"vehicles\":");
    WORLD_REFUSED(w, NO_VEHICLE, REPLAY, "director", "targets");
}

/* REQ-MET-08 REQ-ATK-13 REQ-ALG-1.4 */
TEST(met_08__empty_targets_of_another_vehicle__replay_and_old_targets_kept)
{
    struct world *w = world_accepted();
    w->now.image_count = 0;
    w->now.bundle = NULL;
    world_edit(w, DIRECTOR, "targets", "car-1", "car-2");
    WORLD_REFUSED(w, WRONG_VEHICLE, REPLAY, "director", "targets");
}

TEST(met_08__empty_targets_of_this_vehicle__accepted_and_the_floor_rises)
{
    struct world *w = world_accepted();
    sev_slice old = world_stored(w, DIRECTOR, "targets.json");
    w->now.image_count = 0;
    w->now.bundle = NULL;
    WORLD_ACCEPTED(w);
    CHECK(!sev_slice_eq(old, world_stored(w, DIRECTOR, "targets.json")));
    CHECK_SLICE(world_stored(w, DIRECTOR, "targets.json"),
                world_role(w, DIRECTOR, "targets")->file);
}
