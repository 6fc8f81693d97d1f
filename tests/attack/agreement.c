/* agreement - VER-06 to VER-08, ALG-1 step 10, ALG-10, MET-09 to MET-11, ATK-08 to ATK-10: all
 * repositories list the same image, and its bytes are those. Each test breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

#define BRAKE "acme/brake-2.bin"
#define DOOR "bolt/door-2.bin"
#define MATCH "\"match\":{\"hardwareIds\":[\"hw-brake\"],\"releaseCounter\":2,\"version\":\"2\"}"

/* One edit of an honest role's file; the image is then refused on behalf of that repository. */
static void disagrees(int repository, const char *role, const char *find, const char *replace)
{
    static const char *const names[] = {"director", "images", "regulator"};
    struct world *w = world_accepted();
    world_edit(w, repository, role, find, replace);
    world_check_refused(w, SEV_E_DISAGREE, SEV_ATTACK_MIX_AND_MATCH, names[repository], "targets",
                        __FILE__, __LINE__);
}

/* The same text stands in the supplier's file and in the attestations. */
static void disagrees_anywhere(const char *find, const char *replace)
{
    disagrees(IMAGES, "acme", find, replace);
    disagrees(REGULATOR, "attestations", find, replace);
}

/* ---------------------------------------------------------------- the name */

/* REQ-VER-06 REQ-ALG-1.10.1 */
TEST(ver_06__image_listed_under_a_name_in_other_case__mix_and_match)
{
    disagrees(IMAGES, "acme", "\"acme/brake-2.bin\"", "\"acme/Brake-2.bin\"");
}

/* REQ-ALG-7.5 */
TEST(ver_06__image_not_listed__mix_and_match_and_no_image_asked)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[IMAGES] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(ver_06__same_name_written_with_escapes__the_same)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "acme", "\"acme/brake-2.bin\"", "\"acme\\/br\\u0061ke-2.bin\"");
    WORLD_ACCEPTED(w);
}

/* REQ-H14: the Director alone, with all its online keys, installs nothing. */
TEST(h14__director_assigns_what_nobody_else_knows__mix_and_match)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[IMAGES] = -1;
    world_image(w, BRAKE)->at[REGULATOR] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* ------------------------------------------------------- length and digests */

/* REQ-VER-07 */
TEST(ver_07__length_differs_by_one__mix_and_match)
{
    size_t n = world_image(world_accepted(), BRAKE)->bytes.len;
    disagrees(IMAGES, "acme", world_text("\"length\":%zu", n), world_text("\"length\":%zu", n + 1));
    disagrees(IMAGES, "acme", world_text("\"length\":%zu", n), world_text("\"length\":%zu", n - 1));
    disagrees(REGULATOR, "attestations", world_text("\"length\":%zu},\"bolt", n),
              world_text("\"length\":%zu},\"bolt", n + 1));
}

/* REQ-VER-07 */
TEST(ver_07__digest_differs__mix_and_match)
{
    for (int i = 0; i < 2; i++) {
        struct world *w = world_accepted();
        struct world_image other = *world_image(w, BRAKE);
        uint8_t digest[SEV_SHA256_BYTES], hex[64];
        sev_buf b = sev_buf_of(hex, sizeof hex);
        sev_sha256(other.bytes, digest);
        sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
        world_edit(w, i == 0 ? IMAGES : REGULATOR, i == 0 ? "acme" : "attestations",
                   world_text("%.64s", (const char *)hex),
                   world_text("%.63s%c", (const char *)hex, hex[63] == '0' ? '1' : '0'));
        WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, i == 0 ? "images" : "regulator", "targets");
    }
}

/* ALG-1 10.2a: the sets of digests, not "at least one". Part 5.10 REQ-ALG-1.10.2a */
TEST(ver_07__a_digest_more_on_one_side__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "acme", "\"hashes\":{",
               world_text("\"hashes\":{\"sha512\":\"%0128d\",", 0));
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(ver_07__one_of_two_digests_differs__mix_and_match)
{
    struct world *w = world_accepted();
    world_publish(w);
    const char *body = (const char *)world_role(w, IMAGES, "bolt")->body.ptr;
    const char *at = strstr(body, "\"sha512\":\"") + 10;
    world_edit(w, IMAGES, "bolt", world_text("%.8s", at), "00112233");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(ver_07__digest_in_capitals__the_same)
{
    struct world *w = world_accepted();
    world_publish(w);
    const char *body = (const char *)world_role(w, IMAGES, "acme")->body.ptr;
    const char *at = strstr(body, "\"sha256\":\"") + 10;
    char *capitals = (char *)(uintptr_t)world_text("%.64s", at);
    for (char *c = capitals; *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c;
    world_edit(w, IMAGES, "acme", world_text("%.64s", at), capitals);
    WORLD_ACCEPTED(w);
}

/* -------------------------------------------------------------------- match */

/* REQ-VER-08 REQ-MET-11: as a whole, member by member. REQ-ALG-1.10.2b */
TEST(ver_08__match_has_a_member_more__mix_and_match)
{
    disagrees_anywhere(MATCH, "\"match\":{\"hardwareIds\":[\"hw-brake\"],\"releaseCounter\":2,"
                              "\"version\":\"2\",\"zone\":1}");
}

TEST(ver_08__match_differs_in_value__mix_and_match)
{
    disagrees(IMAGES, "acme", "\"version\":\"2\"", "\"version\":\"3\"");
    disagrees(IMAGES, "acme", "\"version\":\"2\"", "\"version\":2");
    disagrees(IMAGES, "acme", "\"releaseCounter\":2", "\"releaseCounter\":3");
}

TEST(ver_08__match_lacks_a_member__mix_and_match)
{
    disagrees(IMAGES, "acme", ",\"version\":\"2\"}", "}");
}

TEST(ver_08__director_says_more_in_match_than_the_others__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"hardwareIds\":[\"hw-brake\"],\"releaseCounter\":2,",
               "\"depends\":[],\"hardwareIds\":[\"hw-brake\"],\"releaseCounter\":2,");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

TEST(ver_08__match_in_another_order_and_with_escapes__the_same)
{
    struct world *w = world_accepted();
    world_edit(w, IMAGES, "acme", MATCH,
               "\"match\":{ \"version\":\"\\u0032\",\"releaseCounter\" : 2,"
               "\"hardwareIds\":[\"hw\\u002dbrake\"]}");
    WORLD_ACCEPTED(w);
}

/* Lists are ordered: another order is another list. */
TEST(ver_08__list_in_match_in_another_order__mix_and_match)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->more_match = "\"depends\":[\"a\",\"b\"]";
    world_edit(w, IMAGES, "acme", "\"depends\":[\"a\",\"b\"]", "\"depends\":[\"b\",\"a\"]");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

/* DESIGN 4: absent on a side is a mismatch. */
TEST(met_11__match_absent_at_images__mix_and_match)
{
    disagrees(IMAGES, "acme", "\"match\":", "\"mismatch\":");
}

TEST(met_11__match_absent_at_the_director__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", MATCH, "\"m\":0");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "director", "targets");
}

TEST(met_11__match_absent_everywhere__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", MATCH, "\"m\":0");
    world_edit(w, IMAGES, "acme", MATCH, "\"m\":0");
    world_edit(w, REGULATOR, "attestations", MATCH, "\"m\":0");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "director", "targets");
}

/* REQ-MET-09 REQ-MET-10 */
TEST(met_09__match_without_release_counter__malformed)
{
    struct world *w = world_accepted();
    world_edit_all(w, DIRECTOR, "targets", "\"releaseCounter\":", "\"counter\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
    w = world_accepted();
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":", "\"counter\":");
    WORLD_REFUSED(w, MALFORMED, NONE, "images", "acme");
}

TEST(met_09__release_counter_negative_or_text__malformed)
{
    static const char *const bad[] = {"-1", "\"2\"", "null"};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_accepted();
        world_edit_all(w, DIRECTOR, "targets", "\"releaseCounter\":2",
                       world_text("\"releaseCounter\":%s", bad[i]));
        WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
    }
}

TEST(met_10__match_without_hardware_ids__malformed)
{
    struct world *w = world_accepted();
    world_edit(w, DIRECTOR, "targets", "\"match\":{\"hardwareIds\":[\"hw-brake\"],", "\"match\":{");
    WORLD_REFUSED(w, MALFORMED, NONE, "director", "targets");
}

TEST(met_10__hardware_ids_beside_match_are_another_set__mix_and_match)
{
    disagrees(IMAGES, "acme", "{\"hardwareIds\":[\"hw-brake\"],\"match\"",
              "{\"hardwareIds\":[\"hw-brake\",\"hw-truck\"],\"match\"");
    disagrees(IMAGES, "acme", "{\"hardwareIds\":[\"hw-brake\"],\"match\"",
              "{\"hardwareIds\":[],\"match\"");
    disagrees(IMAGES, "acme", "{\"hardwareIds\":[\"hw-brake\"],\"match\"", "{\"match\"");
    disagrees(IMAGES, "acme", "{\"hardwareIds\":[\"hw-brake\"],\"match\"",
              "{\"hardwareIds\":\"hw-brake\",\"match\"");
}

TEST(met_10__hardware_ids_beside_match_in_another_order__the_same)
{
    struct world *w = world_accepted();
    static const char *const one = "\"hardwareIds\":[\"hw-brake\"]";
    static const char *const two = "\"hardwareIds\":[\"hw-brake\",\"hw-other\"]";
    world_edit(w, DIRECTOR, "targets", one, two);
    world_edit(w, IMAGES, "acme", "{\"hardwareIds\":[\"hw-brake\"],\"match\"",
               "{\"hardwareIds\":[\"hw-other\",\"hw-brake\"],\"match\"");
    world_edit(w, IMAGES, "acme", "\"match\":{\"hardwareIds\":[\"hw-brake\"]",
               "\"match\":{\"hardwareIds\":[\"hw-brake\",\"hw-other\"]");
    world_edit(w, REGULATOR, "attestations",
               "{\"decision\":\"granted\"},\"hardwareIds\":[\"hw-brake\"]",
               "{\"decision\":\"granted\"},\"hardwareIds\":[\"hw-brake\",\"hw-other\"]");
    world_edit(w, REGULATOR, "attestations", "\"match\":{\"hardwareIds\":[\"hw-brake\"]",
               "\"match\":{\"hardwareIds\":[\"hw-brake\",\"hw-other\"]");
    WORLD_ACCEPTED(w);
}

TEST(met_10__more_hardware_ids_than_are_compared__mix_and_match)
{
    struct world *w = world_accepted();
    const char *list = "\"hw-brake\"";
    for (int i = 0; i < SEV_HARDWARE_IDS_MAX; i++)
        list = world_text("%s,\"h%d\"", list, i);
    const char *one = "\"hardwareIds\":[\"hw-brake\"]";
    const char *all = world_text("\"hardwareIds\":[%s]", list);
    world_edit(w, DIRECTOR, "targets", one, all);
    world_edit_all(w, IMAGES, "acme", one, all);
    world_edit_all(w, REGULATOR, "attestations", one, all);
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* ------------------------------------------------------------ the regulator */

/* DESIGN 3.1: no attack, nothing downloaded, try again. */
TEST(regulator__has_not_spoken__not_attested)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[REGULATOR] = -1;
    WORLD_REFUSED(w, NOT_ATTESTED, NONE, "regulator", "targets");
    CHECK_EQ(sev_err_class(SEV_E_NOT_ATTESTED), SEV_CLASS_RETRY);
}

/* Withdrawn by an entry of the same name, length and hashes, without match. DESIGN 3.3 */
static void withdraw(struct world *w, const char *image)
{
    uint8_t digest[SEV_SHA256_BYTES], hex[64];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_slice bytes = world_image(w, image)->bytes;
    sev_sha256(bytes, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    world_role(w, REGULATOR, "withdrawals")->targets =
        world_text("\"%s\":{\"hashes\":{\"sha256\":\"%.64s\"},\"length\":%zu}", image,
                   (const char *)hex, bytes.len);
}

TEST(regulator__has_withdrawn__not_attested)
{
    struct world *w = world_accepted();
    withdraw(w, BRAKE);
    WORLD_REFUSED(w, NOT_ATTESTED, NONE, "regulator", "targets");
}

/* Whenever the vehicle is online before activation, one more cycle: a withdrawal blocks. */
TEST(regulator__withdraws_between_two_tries__not_attested)
{
    struct world *w = world_accepted();
    world_fails(w, IMAGES, BRAKE, SEV_E_UNREACHABLE);
    world_publish(w);
    CHECK_ERR(world_cycle(w)->err, SEV_E_UNREACHABLE);
    world_heal(w);
    world_break(w);
    withdraw(w, BRAKE);
    WORLD_REFUSED(w, NOT_ATTESTED, NONE, "regulator", "targets");
}

TEST(regulator__withdraws_one_and_another_is_not_listed_at_images__mix_and_match)
{
    struct world *w = world_accepted();
    withdraw(w, BRAKE);
    world_image(w, DOOR)->at[IMAGES] = -1;
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(regulator__silent_and_images_disagrees__mix_and_match)
{
    struct world *w = world_accepted();
    world_image(w, BRAKE)->at[REGULATOR] = -1;
    world_edit(w, IMAGES, "acme", "\"releaseCounter\":2", "\"releaseCounter\":3");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "images", "targets");
}

TEST(regulator__lists_other_bytes__mix_and_match)
{
    struct world *w = world_accepted();
    world_edit_all(w, REGULATOR, "attestations", "\"releaseCounter\":2", "\"releaseCounter\":3");
    WORLD_REFUSED(w, DISAGREE, MIX_AND_MATCH, "regulator", "targets");
}

/* A role that is expired or fails keeps its own name: it is not "not attested". */
TEST(regulator__attestations_expired__freeze)
{
    struct world *w = world_accepted();
    world_role(w, REGULATOR, "attestations")->expires = w->time;
    WORLD_REFUSED(w, EXPIRED, FREEZE, "regulator", "attestations");
}

TEST(regulator__withdrawals_withheld__retry_and_nothing_installed)
{
    struct world *w = world_accepted();
    withdraw(w, BRAKE);
    world_fails(w, REGULATOR, "withdrawals", SEV_E_ABSENT);
    WORLD_REFUSED(w, ABSENT, NONE, "regulator", "withdrawals");
}

/* The withdrawal comes first in the search, and is no attestation at images. */
TEST(regulator__a_role_called_withdrawals_at_images__no_special_meaning)
{
    struct world *w = world_begin();
    world_add_role(w, IMAGES, "withdrawals");
    world_delegate(w, IMAGES, "targets", "withdrawals", "[\"spare/*\"]");
    world_settle(w);
    w->now.images[0].name = "spare/brake-2.bin";
    w->now.images[0].at[IMAGES] = world_role_index(w, IMAGES, "withdrawals");
    WORLD_ACCEPTED(w);
}

TEST(regulator__not_in_the_map__not_asked)
{
    struct world *w = world_begin();
    w->has_regulator = false;
    world_settle(w);
    world_image(w, BRAKE)->at[REGULATOR] = -1;
    WORLD_ACCEPTED(w);
    CHECK(strstr(w->trace, "regulator") == NULL);
}

/* ---------------------------------------------------------------- the bytes */

/* REQ-ECU-23 REQ-ECU-24 REQ-ATK-10 REQ-ALG-10 */
TEST(ecu_23__image_has_other_bytes__arbitrary_software_and_nothing_released)
{
    struct world *w = world_accepted();
    sev_slice bytes = world_image(w, BRAKE)->bytes;
    world_serves(w, IMAGES, BRAKE, world_filled(bytes.len, 'x'));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* REQ-ATK-08 REQ-ECU-14 REQ-H15 REQ-H18 REQ-ALG-10 */
TEST(atk_08__image_longer_than_signed__cut_and_endless_data)
{
    struct world *w = world_accepted();
    sev_slice bytes = world_image(w, BRAKE)->bytes;
    world_serves(w, IMAGES, BRAKE,
                 world_slice(world_text("%.*s+", (int)bytes.len, (const char *)bytes.ptr)));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, TOO_LONG, ENDLESS_DATA, "images", "");
}

TEST(ecu_24__image_shorter_than_signed__arbitrary_software)
{
    struct world *w = world_accepted();
    sev_slice bytes = world_image(w, BRAKE)->bytes;
    world_serves(w, IMAGES, BRAKE, sev_slice_sub(bytes, 0, bytes.len - 1));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* The length counts although the digests are right: all agree on a wrong one. */
TEST(ecu_24__all_agree_on_a_length_that_is_one_too_many__arbitrary_software)
{
    struct world *w = world_accepted();
    size_t n = world_image(w, BRAKE)->bytes.len;
    const char *find = world_text("\"length\":%zu},\"bolt", n);
    const char *replace = world_text("\"length\":%zu},\"bolt", n + 1);
    world_edit(w, DIRECTOR, "targets", find, replace);
    world_edit(w, REGULATOR, "attestations", find, replace);
    world_edit(w, IMAGES, "acme", world_text("\"length\":%zu", n),
               world_text("\"length\":%zu", n + 1));
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

/* REQ-PRI-09: every listed digest; SHA-256, by which it is fetched, is right. */
static void one_digest_wrong(const char *algorithm)
{
    struct world *w = world_accepted();
    world_publish(w);
    const char *body = (const char *)world_role(w, IMAGES, "bolt")->body.ptr;
    const char *at = strstr(body, world_text("\"%s\":\"", algorithm)) + 10;
    const char *was = world_text("%.16s", at);
    world_edit(w, DIRECTOR, "targets", was, "0011223344556677");
    world_edit(w, REGULATOR, "attestations", was, "0011223344556677");
    world_edit(w, IMAGES, "bolt", was, "0011223344556677");
    if (strcmp(algorithm, "sha256") == 0)
        world_serves(w, IMAGES, DOOR, world_image(w, DOOR)->bytes);
    w->images_may_be_asked = true;
    WORLD_REFUSED(w, IMAGE_HASH, ARBITRARY_SOFTWARE, "images", "");
}

TEST(pri_09__sha512_wrong_and_sha256_right__arbitrary_software)
{
    one_digest_wrong("sha512");
}

TEST(pri_09__sha256_wrong_and_sha512_right__arbitrary_software)
{
    one_digest_wrong("sha256");
}

/* REQ-ECU-12: without SHA-256 it lies under its SHA-512. */
TEST(ecu_12__image_with_sha512_alone__found_under_it)
{
    struct world *w = world_accepted();
    world_publish(w);
    const char *body = (const char *)world_role(w, IMAGES, "bolt")->body.ptr;
    const char *at = strstr(body, "\"sha256\":\"");
    const char *was = world_text("%.76s", at);
    world_edit(w, DIRECTOR, "targets", was, "");
    world_edit(w, REGULATOR, "attestations", was, "");
    world_edit(w, IMAGES, "bolt", was, "");
    WORLD_ACCEPTED(w);
}

TEST(atk_02__image_absent_unreachable_slow__named_and_nothing_released)
{
    static const sev_err errors[] = {SEV_E_ABSENT, SEV_E_UNREACHABLE, SEV_E_TOO_SLOW};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_accepted();
        world_fails(w, IMAGES, BRAKE, errors[i]);
        w->images_may_be_asked = true;
        world_check_refused(w, errors[i], sev_err_attack(errors[i]), "images", "", __FILE__,
                            __LINE__);
    }
}

TEST(ver_06__no_image_is_asked_for_before_all_agree__order_of_requests)
{
    struct world *w = world_accepted();
    WORLD_ACCEPTED(w);
    const char *image = strstr(w->trace, "images image "), *last = strstr(image, " get ");
    CHECK(image != NULL);
    CHECK(last == NULL);
    CHECK(strstr(w->trace, "regulator get timestamp.json") <
          strstr(w->trace, "images get timestamp.json"));
}

TEST(ecu_12__image_name_with_odd_letters__percent_encoded)
{
    struct world *w = world_accepted();
    w->now.images[0].name = "acme/b\xc3\xa4 +%41.bin";
    WORLD_ACCEPTED(w);
    CHECK(strncmp(w->image_urls, "targets/acme/", 13) == 0);
    CHECK(strstr(w->image_urls, ".b%C3%A4%20%2B%2541.bin\n") != NULL);
}

/* Two ECUs, one image. */
TEST(met_12__one_image_for_two_ecus__fetched_once)
{
    struct world *w = world_begin();
    w->ecus[1] = (struct sev_ecu){SEV_LIT("ecu-2"), SEV_LIT("hw-brake")};
    world_stage(w, 1);
    world_settle(w);
    w->now.image_count = 1;
    world_edit(w, DIRECTOR, "targets", "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"}}",
               "{\"ecu-1\":{\"hardwareId\":\"hw-brake\"},\"ecu-2\":{\"hardwareId\":\"hw-brake\"}}");
    WORLD_ACCEPTED(w);
    CHECK_EQ(w->result.image_requests, 1);
    CHECK_EQ(w->client.assignment_count, 2);
}
