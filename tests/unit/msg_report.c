/* ECU reports, signed, and the digest of what is installed.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

/* -------------------------------------------------------------------- report */

static struct sev_report_expected expected_report(void)
{
    return (struct sev_report_expected){SEV_LIT("did:secureev:v1"), SEV_LIT("brake-1"), 8, {0}};
}

static sev_err run_report(const struct sev_report_expected *x, bool *out_news, bool *untouched)
{
    struct sev_report m, before;
    bool news = false;
    memset(&m, 0x5A, sizeof m);
    before = m;
    sev_err e = sev_report_check(NULL, p256(1)->public, &opened, x, &m, &news);
    *untouched = memcmp(&m, &before, sizeof m) == 0 && !news;
    *out_news = news;
    return e;
}

static void expect_report(const struct sev_report_expected *x, sev_err wanted)
{
    bool untouched, news;
    CHECK_ERR(run_report(x, &news, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

/* REQ-DIR-11 REQ-MAN-04 */
TEST(msg_report__honest__accepted_and_complete)
{
    struct sev_report_expected x = expected_report();
    struct sev_report m;
    struct sev_prekey prekey;
    struct sev_doc inner;
    sev_slice one;
    uint32_t attacks;
    bool news;
    opened_by(p256(1), REPORT);
    CHECK_OK(sev_report_check(NULL, p256(1)->public, &opened, &x, &m, &news));
    CHECK(news);
    CHECK_TEXT(m.image.name, "acme/brake-2.bin");
    CHECK_EQ(m.image.length, 4096);
    CHECK(m.image.hashes.has_sha256 && m.image.hashes.has_sha512);
    CHECK_TEXT(m.previous.image.name, "acme/brake-1.bin");
    CHECK_EQ(m.previous.release_counter, 6);
    CHECK_EQ(m.release_counter, 7);
    CHECK_EQ(m.boot_count, 17);
    CHECK(m.has_result && m.result.success);
    CHECK(m.attested - m.attested_before == 86400);
    CHECK_OK(sev_attacks_parse(m.attacks, &attacks));
    CHECK_EQ(attacks, 1u << SEV_ATTACK_ROLLBACK | 1u << SEV_ATTACK_FREEZE);
    sev_json it = sev_list(m.prekeys);
    CHECK(sev_list_next(&it, &one));
    CHECK_OK(sev_message_open(&inner, one));
    CHECK_OK(sev_prekey_decode(&inner, &prekey));
    CHECK_EQ(prekey.counter, 4);
}

TEST(msg_report__by_another_ecus_key__refused)
{
    struct sev_report_expected x = expected_report();
    opened_by(p256(2), REPORT);
    expect_report(&x, SEV_E_SIGNATURE);
}

TEST(msg_report__of_another_vehicle_or_ecu__refused)
{
    struct sev_report_expected x = expected_report();
    opened_by(p256(1), REPORT);
    x.vehicle = SEV_LIT("did:secureev:v2");
    expect_report(&x, SEV_E_WRONG_VEHICLE);
    x = expected_report();
    x.ecu = SEV_LIT("brake-2");
    expect_report(&x, SEV_E_WRONG_SUBJECT);
}

/* REQ-DIR-13 REQ-MAN-05 REQ-ATK-12 */
TEST(msg_report__counter_not_above_the_last__refused)
{
    struct sev_report_expected x = expected_report();
    opened_by(p256(1), REPORT);
    x.counter = 9;
    expect_report(&x, SEV_E_REPLAYED);
    x.counter = 10;
    expect_report(&x, SEV_E_REPLAYED);
}

/* Part 5, 13: aktualizr hard-codes an empty indicator and may leave the counter out; the reference
 * Director looks at neither. */
TEST(mistake_13__report_without_attack_indicator_or_counter__refused)
{
    static const char *const members[] = {"\"attacks_detected\":", "\"counter\":"};
    for (int i = 0; i < 2; i++) {
        struct sev_report_expected x = expected_report();
        char body[] = REPORT;
        *(strstr(body, members[i]) + strlen(members[i]) - 3) = 's'; /* another name, same order */
        opened_by(p256(1), body);
        expect_report(&x, SEV_E_MALFORMED);
    }
}

TEST(mistake_13__counter_that_was_seen_before__refused)
{
    struct sev_report_expected x = expected_report();
    opened_by(p256(1), REPORT);
    for (x.counter = 9; x.counter < 12; x.counter++)
        expect_report(&x, SEV_E_REPLAYED);
}

/* What ended a cycle reaches the Director under its name, slow retrieval too. */
TEST(mistake_13__every_attack_that_a_cycle_can_name__is_in_the_report)
{
    for (int e = 0; e < SEV_ERR_COUNT; e++) {
        sev_attack attack = sev_err_attack((sev_err)e);
        char text[64];
        sev_buf b = sev_buf_of(text, sizeof text);
        uint32_t set = 0;
        if (attack == SEV_ATTACK_NONE)
            continue;
        sev_attacks_write(1u << attack, &b);
        CHECK_SLICE(sev_buf_slice(&b), body_of(sev_attack_name(attack)));
        CHECK_OK(sev_attacks_parse(sev_buf_slice(&b), &set));
        CHECK_EQ(set, 1u << attack);
    }
    CHECK_EQ(sev_err_attack(SEV_E_TOO_SLOW), SEV_ATTACK_SLOW_RETRIEVAL);
}

TEST(msg_report__the_very_last_one_again__no_news)
{
    struct sev_report_expected x = expected_report();
    bool news, untouched;
    opened_by(p256(1), REPORT);
    x.counter = 9;
    memcpy(x.sha256, opened.sha256, sizeof x.sha256);
    CHECK_OK(run_report(&x, &news, &untouched));
    CHECK(!news);
    x.counter = 0; /* nothing was accepted yet: the digest means nothing */
    CHECK_OK(run_report(&x, &news, &untouched));
    CHECK(news);
}

static sev_err run_report_honest(bool *untouched)
{
    struct sev_report_expected x = expected_report();
    bool news;
    return run_report(&x, &news, untouched);
}

TEST(msg_report__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(REPORT), &s, 1, message, sizeof message),
        run_report_honest);
}

TEST(msg_attacks__written_and_parsed__the_same_set)
{
    char text[256];
    uint32_t set = 0, all = 0;
    for (int a = SEV_ATTACK_ARBITRARY_SOFTWARE; a <= SEV_ATTACK_WRONG_HARDWARE; a++)
        all |= 1u << a;
    for (uint32_t wanted = 0; wanted <= all; wanted += 2) {
        sev_buf b = sev_buf_of(text, sizeof text);
        sev_attacks_write(wanted, &b);
        CHECK(!b.overflow);
        CHECK_OK(sev_attacks_parse(sev_buf_slice(&b), &set));
        CHECK_EQ(set, wanted);
    }
    CHECK_OK(sev_attacks_parse(SEV_LIT("freeze,unheard-of"), &set));
    CHECK_EQ(set, 1u << SEV_ATTACK_FREEZE | SEV_ATTACKS_OTHER);
}

/* ---------------------------------------------------------------------- base */

static struct sev_base_entry installed(const char *ecu, const char *name, int64_t counter)
{
    struct sev_base_entry i = {.ecu = body_of(ecu),
                               .image = {.name = body_of(name), .length = 7},
                               .release_counter = counter};
    i.image.hashes.has_sha256 = true;
    bytes_of(H32, i.image.hashes.sha256, SEV_SHA256_BYTES);
    return i;
}

TEST(msg_base__any_order__digest_of_the_canonical_set)
{
    struct sev_base_entry set[] = {installed("b", "y", 2), installed("a", "x", 1),
                                   installed("b/trust", "z", 3)};
    sev_slice text = SEV_LIT("[[\"a\",\"x\",7,{\"sha256\":\"" H32 "\"},1],"
                             "[\"b\",\"y\",7,{\"sha256\":\"" H32 "\"},2],"
                             "[\"b/trust\",\"z\",7,{\"sha256\":\"" H32 "\"},3]]");
    uint8_t got[SEV_SHA256_BYTES], wanted[SEV_SHA256_BYTES];
    sev_sha256(text, wanted);
    CHECK_OK(sev_base_digest(set, 3, got));
    CHECK(memcmp(got, wanted, sizeof got) == 0);
    struct sev_base_entry first = set[0];
    set[0] = set[2];
    set[2] = first;
    CHECK_OK(sev_base_digest(set, 3, got));
    CHECK(memcmp(got, wanted, sizeof got) == 0);
    sev_sha256(SEV_LIT("[]"), wanted);
    CHECK_OK(sev_base_digest(NULL, 0, got));
    CHECK(memcmp(got, wanted, sizeof got) == 0);
}

TEST(msg_base__one_ecu_twice_or_too_many__refused)
{
    static struct sev_base_entry many[SEV_ECUS_MAX + 1];
    static char names[SEV_ECUS_MAX + 1][8];
    uint8_t got[SEV_SHA256_BYTES], before[SEV_SHA256_BYTES];
    memset(got, 0x5A, sizeof got);
    memcpy(before, got, sizeof before);
    struct sev_base_entry set[] = {installed("a", "y", 2), installed("a", "x", 1)};
    CHECK_ERR(sev_base_digest(set, 2, got), SEV_E_DUPLICATE_ECU);
    set[1].ecu = SEV_LIT("b");
    set[1].image.hashes.has_sha256 = false;
    CHECK_ERR(sev_base_digest(set, 2, got), SEV_E_MALFORMED);
    for (int i = 0; i <= SEV_ECUS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        many[i] = installed(names[i], "x", 1);
    }
    CHECK_ERR(sev_base_digest(many, SEV_ECUS_MAX + 1, got), SEV_E_MALFORMED);
    CHECK(memcmp(got, before, sizeof got) == 0);
    CHECK_OK(sev_base_digest(many, SEV_ECUS_MAX, got));
}
