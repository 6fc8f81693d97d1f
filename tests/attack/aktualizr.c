/* aktualizr - the dialect of contracts/aktualizr.md: what it leaves out is left out, and nothing of
 * its laxness goes further than that. Each test breaks one thing. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"

static struct world *begin(void)
{
    return world_begin_as(SEV_PROFILE_AKTUALIZR, SEV_KEY_ED25519);
}

static struct world *accepted(void)
{
    struct world *w = begin();
    world_settle(w);
    return w;
}

TEST(aktualizr__honest_cycle__its_urls_and_no_directors_timestamp)
{
    struct world *w = accepted();
    WORLD_ACCEPTED(w);
    WORLD_TRACE(w, "vehicle load vehicle.state\n"
                   "director load root.json\n"
                   "director load trust.tag\n"
                   "director get 2.root.json: absent\n"
                   "director load targets.json\n"
                   "director get targets.json\n"
                   "director store targets.json\n"
                   "images load root.json\n"
                   "images load trust.tag\n"
                   "images get 2.root.json: absent\n"
                   "images load timestamp.json\n"
                   "images get timestamp.json\n"
                   "images store timestamp.json\n"
                   "images load snapshot.json\n"
                   "images get snapshot.json\n"
                   "images store snapshot.json\n"
                   "images load targets.json\n"
                   "images load acme.json\n"
                   "images get delegations/acme.json\n"
                   "images store acme.json\n"
                   "images load bolt.json\n"
                   "images get delegations/bolt.json\n"
                   "images store bolt.json\n"
                   "images image acme/brake-2.bin\n"
                   "images image bolt/door-2.bin\n"
                   "release 2\n"
                   "vehicle store vehicle.state\n");
}

TEST(aktualizr__nothing_new__images_is_not_asked)
{
    struct world *w = accepted();
    world_stage(w, 1);
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images") == NULL);
    CHECK_EQ(w->result.image_requests, 0);
}

/* RSA is what its vehicles have by default. */
TEST(aktualizr__repositories_signed_with_rsa__accepted)
{
    struct world *w = begin();
    world_role(w, DIRECTOR, "targets")->keys =
        (struct world_keys){{world_new_key_of(w, SEV_KEY_RSA)}, 1, 1};
    world_settle(w);
}

/* ----------------------------------------------- the Director's single file */

TEST(aktualizr__directors_targets_older__rollback)
{
    struct world *w = accepted();
    world_role(w, DIRECTOR, "targets")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "director", "targets");
}

/* contract 8.3: there a livelock; here refused by name. */
TEST(aktualizr__directors_targets_of_the_same_version_differ__equivocation)
{
    struct world *w = accepted();
    world_role(w, DIRECTOR, "targets")->force_version = 5;
    WORLD_REFUSED(w, EQUIVOCATION, EQUIVOCATION, "director", "targets");
}

TEST(aktualizr__directors_targets_expired__freeze)
{
    struct world *w = accepted();
    world_role(w, DIRECTOR, "targets")->expires = w->time;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "director", "targets");
}

TEST(aktualizr__directors_targets_signed_by_a_stranger__signature)
{
    struct world *w = accepted();
    world_sign_also(world_role(w, DIRECTOR, "targets"), world_new_key(w));
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(aktualizr__directors_targets_too_long__endless_data)
{
    struct world *w = accepted();
    world_serves(w, DIRECTOR, "targets", world_filled(SEV_DIRECTOR_TARGETS_BYTES_MAX + 1, ' '));
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, "director", "targets");
}

TEST(aktualizr__version_zero__accepted_but_not_for_a_root)
{
    struct world *w = begin();
    world_edit(w, DIRECTOR, "targets", "\"version\":5}", "\"version\":0}");
    world_settle(w);
    w = begin();
    world_edit(w, DIRECTOR, "root", "\"version\":1}", "\"version\":0}");
    world_publish(w);
    world_provision(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_MALFORMED);
}

TEST(aktualizr__director_delegates__refused_unless_the_list_is_empty)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"expires\"",
               "\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\"");
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_stage(w, 3);
    world_break(w);
    world_edit(w, DIRECTOR, "targets", "\"expires\"", "\"delegations\":{},\"expires\"");
    WORLD_ACCEPTED(w);
    world_heal(w);
    world_stage(w, 4);
    world_break(w);
    world_edit(w, DIRECTOR, "targets", "\"expires\"",
               "\"delegations\":{\"keys\":{},\"roles\":[7]},\"expires\"");
    WORLD_REFUSED(w, DELEGATION, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(aktualizr__foreign_or_repeated_ecu__refused)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"ecu-9\":{\"hardwareId\":\"hw-door\"},\"ecu-2\":");
    WORLD_REFUSED(w, FOREIGN_ECU, ARBITRARY_SOFTWARE, "director", "targets");
    world_stage(w, 3);
    world_break(w);
    world_edit(w, DIRECTOR, "targets", "\"ecuIdentifiers\":{\"ecu-2\":",
               "\"ecuIdentifiers\":{\"ecu-1\":{\"hardwareId\":\"hw-brake\"},\"ecu-2\":");
    WORLD_REFUSED(w, DUPLICATE_ECU, ARBITRARY_SOFTWARE, "director", "targets");
    world_stage(w, 4);
    world_break(w);
    world_edit(w, DIRECTOR, "targets", "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
               "{\"ecu-1\":{\"hardwareId\":\"hw-truck\"}}");
    WORLD_REFUSED(w, WRONG_HARDWARE, WRONG_HARDWARE, "director", "targets");
}

TEST(aktualizr__image_name_that_is_not_clean__bad_name)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"" BRAKE "\"", "\"../brake-2.bin\"");
    WORLD_REFUSED(w, BAD_NAME, ARBITRARY_SOFTWARE, "director", "targets");
}

/* contract 8.3: without ecuIdentifiers it is for nobody. */
TEST(aktualizr__entry_without_ecus__ignored)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"targets\":{",
               world_text("\"targets\":{\"free.bin\":{\"length\":1,\"hashes\":{\"sha256\":\"%064d\""
                          "}},",
                          0));
    WORLD_ACCEPTED(w);
}

/* --------------------------------------------------------------- Images */

TEST(aktualizr__timestamp_older__rollback)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "timestamp")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "timestamp");
}

TEST(aktualizr__snapshot_bytes_differ_from_timestamp__mix_and_match)
{
    struct world *w = accepted();
    world_edit_served(w, IMAGES, "snapshot", "\"1.0.31\"", "\"1.0.32\"");
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "snapshot");
}

TEST(aktualizr__snapshot_longer_than_announced__cut)
{
    struct world *w = accepted();
    world_publish(w);
    sev_slice file = world_role(w, IMAGES, "snapshot")->file;
    world_serves(w, IMAGES, "snapshot",
                 world_slice(world_text("%.*s ", (int)file.len, (const char *)file.ptr)));
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, "images", "snapshot");
}

/* contract 7.1: length may be more than is served. */
TEST(aktualizr__snapshot_shorter_than_announced__accepted)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, "timestamp", "\"length\":", "\"length\":1");
    WORLD_ACCEPTED(w);
}

TEST(aktualizr__delegated_version_lower__rollback)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "acme")->force_version = 4;
    WORLD_REFUSED(w, VERSION_ROLLBACK, ROLLBACK, "images", "snapshot");
}

/* Its snapshots have no digests: the stored file is the floor. ALG-6.4 */
TEST(aktualizr__delegated_file_replayed_under_a_higher_listed_version__mix_and_match)
{
    struct world *w = accepted();
    sev_slice old = world_role(w, IMAGES, "acme")->file;
    world_serves(w, IMAGES, "acme", old);
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "acme");
}

TEST(aktualizr__targets_replayed_under_a_higher_listed_version__mix_and_match)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "targets")->sign_again = true;
    world_serves(w, IMAGES, "targets", world_role(w, IMAGES, "targets")->file);
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "targets");
}

TEST(aktualizr__role_vanished__rollback)
{
    struct world *w = begin();
    world_add_role(w, IMAGES, "former");
    world_settle(w);
    world_edit(w, IMAGES, "snapshot", "\"former.json\":", "\"newer.json\":");
    WORLD_REFUSED(w, ROLE_VANISHED, ROLLBACK, "images", "snapshot");
}

TEST(aktualizr__expired_delegation__not_skipped)
{
    struct world *w = accepted();
    world_role(w, IMAGES, "acme")->expires = w->time;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "images", "acme");
}

/* It is signed by keys that the delegator replaced since; without digests it may have been signed
 * anew, so it is asked for once more. */
TEST(aktualizr__stored_delegated_file_is_signed_by_revoked_keys__asked_for_again)
{
    struct world *w = accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_ABSENT);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_ABSENT);
    world_heal(w);
    world_role(w, IMAGES, "acme")->keys = world_new_keys(w, 1, 1);
    /* Signed by the new key under the same version: the statement is the same. */
    struct world_role *acme = world_role(w, IMAGES, "acme");
    acme->force_version = acme->version;
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "images get delegations/acme.json\n") != NULL);
}

/* ------------------------------------------------------------------ agreement */

static void disagrees(const char *role, const char *find, const char *replace)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, role, find, replace);
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(aktualizr__length_differs__mix_and_match)
{
    disagrees("acme", "\"length\":", "\"length\":1");
}

TEST(aktualizr__hardware_not_listed_at_images__mix_and_match)
{
    disagrees("acme", "\"hardwareIds\":[\"hw-brake\"]", "\"hardwareIds\":[\"hw-truck\"]");
    disagrees("acme", "\"hardwareIds\":", "\"hardware\":");
}

TEST(aktualizr__one_of_two_shared_digests_differs__mix_and_match)
{
    for (int i = 0; i < 2; i++) {
        struct world *w = accepted();
        world_publish(w);
        const char *body = (const char *)world_role(w, IMAGES, "bolt")->body.ptr;
        const char *at = strstr(body, i == 0 ? "\"sha512\":\"" : "\"sha256\":\"") + 10;
        world_edit(w, IMAGES, "bolt", world_text("%.16s", at), "0011223344556677");
        WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
    }
}

/* contract 8.5: what both list must agree, and they must share one. */
TEST(aktualizr__one_digest_shared__accepted)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, "acme", "\"hashes\":{",
               world_text("\"hashes\":{\"md5\":\"x\",\"sha512\":\"%0128d\",", 0));
    WORLD_ACCEPTED(w);
}

TEST(aktualizr__no_digest_shared__mix_and_match)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, "acme", "\"sha256\":\"",
               world_text("\"sha512\":\"%064d", 0)); /* its SHA-256, lengthened */
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* Counters are not its custom: the mark of a native past stays as it is. */
TEST(aktualizr__release_counters__neither_read_nor_moved)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
               "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}},\"match\":{\"hardwareIds\":[],"
               "\"releaseCounter\":7}");
    w->honest = w->now;
    WORLD_ACCEPTED(w);
}

/* -------------------------------------------------------- keys, signatures */

TEST(aktualizr__types_in_either_case__accepted)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"_type\":\"Targets\"", "\"_type\":\"targets\"");
    WORLD_ACCEPTED(w);
}

TEST(aktualizr__another_type__wrong_type)
{
    static const char *const bad[] = {"Snapshot", "TARGETS", "Target", "T\\u0061rgets", ""};
    for (int i = 0; i < 5; i++) {
        struct world *w = accepted();
        world_edit(w, DIRECTOR, "targets", "\"_type\":\"Targets\"",
                   world_text("\"_type\":\"%s\"", bad[i]));
        WORLD_REFUSED(w, WRONG_TYPE, NONE, "director", "targets");
    }
}

TEST(aktualizr__signature_of_an_unknown_method__does_not_count)
{
    struct world *w = accepted();
    world_edit_file(w, DIRECTOR, "targets", "\"method\":\"ed25519\"", "\"method\":\"ed448\"");
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(aktualizr__signature_that_is_no_base64__does_not_count)
{
    struct world *w = accepted();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    world_sign_also(t, t->keys.ids[0]);
    t->signatures[0].sig = "####";
    WORLD_REFUSED(w, SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

TEST(aktualizr__key_id_twice_in_signatures__duplicate_signature)
{
    struct world *w = accepted();
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    world_sign_also(t, t->keys.ids[0]);
    world_sign_also(t, t->keys.ids[0]);
    WORLD_REFUSED(w, DUPLICATE_SIGNATURE, ARBITRARY_SOFTWARE, "director", "targets");
}

/* Part 5.1: there two ids of one key count twice; here it counts once. */
TEST(aktualizr__one_key_under_two_ids__counts_once)
{
    struct world *w = accepted();
    world_key key = world_new_key(w), other = world_new_key(w);
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    t->keys = (struct world_keys){{key, other}, 2, 2};
    world_edit(w, DIRECTOR, "root",
               world_text("\"%s\":%s", world_key_id(w, other), world_key_object(w, other)),
               world_text("\"%s\":%s", world_key_id(w, other), world_key_object(w, key)));
    WORLD_REFUSED(w, THRESHOLD, ARBITRARY_SOFTWARE, "director", "root");
}

/* contract 7.2: ids are opaque there. */
TEST(aktualizr__key_under_another_id_than_its_hash__accepted)
{
    struct world *w = accepted();
    world_key key = world_new_key(w);
    struct world_role *t = world_role(w, DIRECTOR, "targets");
    t->keys = (struct world_keys){{key}, 1, 1};
    world_edit_all(w, DIRECTOR, "root", world_key_id(w, key), "any-id");
    world_sign_also(t, key);
    t->signatures[0].keyid = "any-id";
    WORLD_ACCEPTED(w);
}

/* contract 7.1: what is signed is the escaped form, whatever bytes are served. */
TEST(aktualizr__served_as_utf8_and_signed_escaped__accepted)
{
    struct world *w = accepted();
    world_edit(w, DIRECTOR, "targets", "\"expires\"",
               "\"note\":\"\xc3\xa4\xf0\x9f\x9a\x97 \\n /\",\"expires\"");
    WORLD_ACCEPTED(w);
}

/* contract 7.1: its digests are of the canonical text. */
TEST(aktualizr__snapshot_served_with_blanks__its_canonical_digest_fits)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, "timestamp", "\"length\":", "\"length\":9");
    world_edit_served(w, IMAGES, "snapshot", "],\"signed\":", "] ,\n \"signed\" : ");
    WORLD_ACCEPTED(w);
}

TEST(aktualizr__target_that_is_no_json_where_a_digest_was_announced__mix_and_match)
{
    struct world *w = accepted();
    world_edit(w, IMAGES, "timestamp", "\"length\":", "\"length\":9");
    world_serves(w, IMAGES, "snapshot", SEV_LIT("{\"a\":1,\"a\":2}"));
    WORLD_REFUSED(w, META_MISMATCH, MIX_AND_MATCH, "images", "snapshot");
}

/* REQ-MET-15: image bytes come from Images, whatever an entry says. */
TEST(met_15__uri_in_the_entries__not_followed)
{
    struct world *w = accepted();
    world_image(w, BRAKE)->uri = "https://cdn.example.org/" BRAKE;
    world_edit(w, DIRECTOR, "targets", "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
               "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}},\"uri\":\"https://d.example.org/x\"");
    WORLD_ACCEPTED(w);
    CHECK(strcmp(w->image_urls, "targets/acme/brake-2.bin\ntargets/bolt/door-2.bin\n") == 0);
}

TEST(aktualizr__name_with_odd_letters__percent_encoded)
{
    struct world *w = begin();
    w->now.images[0].name = "acme/a+b \xc3\xa4.bin";
    world_settle(w);
    CHECK(strncmp(w->image_urls, "targets/acme/a%2Bb%20%C3%A4.bin\n", 32) == 0);
}
