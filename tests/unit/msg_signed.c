/* Messages with their signatures: every test starts from one that is accepted and breaks exactly
 * one thing. What is refused leaves the outputs as they were. SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

static uint8_t memory[1u << 18], flipped[1u << 18];
static struct sev_doc doc;

static sev_slice body_of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* A message by one P-256 key, opened. */
static void opened_by(struct signer *s, const char *body)
{
    CHECK_OK(sev_message_open(
        &doc, signed_by(SEV_PROFILE_NATIVE, body_of(body), &s, 1, memory, sizeof memory)));
}

static void bytes_of(const char *hex, uint8_t *out, size_t n)
{
    sev_buf b = sev_buf_of(out, n);
    CHECK_OK(sev_hex_decode(body_of(hex), &b));
    CHECK_EQ(b.len, n);
}

/* Runs one check on `doc`; true when it left its outputs as they were. */
typedef sev_err check_fn(bool *untouched);

/* Every bit of the envelope flipped, one at a time. */
static void expect_no_flip_accepted(sev_slice message, check_fn *check)
{
    bool untouched = true;
    for (size_t bit = 0; bit < message.len * 8; bit++) {
        memcpy(flipped, message.ptr, message.len);
        flipped[bit / 8] = (uint8_t)(flipped[bit / 8] ^ (1u << bit % 8));
        if (sev_message_open(&doc, sev_slice_of(flipped, message.len)) != SEV_OK)
            continue;
        if (check(&untouched) == SEV_OK)
            print_error("bit %zu: %.*s\n", bit, (int)message.len, (char *)flipped);
        CHECK(check(&untouched) != SEV_OK);
        CHECK(untouched);
    }
}

/* ------------------------------------------------------------------ envelope */

#define SIGS "\"signatures\":[{\"keyid\":\"" H32 "\",\"sig\":\"00\"}]"

static void expect_open(const char *text, sev_err wanted)
{
    struct sev_doc before, d;
    memset(&d, 0x5A, sizeof d);
    before = d;
    CHECK_ERR(sev_message_open(&d, body_of(text)), wanted);
    if (wanted != SEV_OK)
        CHECK(memcmp(&d, &before, sizeof d) == 0);
}

TEST(msg_envelope__canonical_message__opens_without_memory)
{
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\"}}", SEV_OK);
}

TEST(msg_envelope__message_that_is_not_canonical__refused)
{
    expect_open("{" SIGS ", \"signed\":{\"_type\":\"x\"}}", SEV_E_NOT_CANONICAL);
    expect_open("{\"signed\":{\"_type\":\"x\"}," SIGS "}", SEV_E_NOT_CANONICAL);
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"\\u0078\"}}", SEV_E_NOT_CANONICAL);
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\"}}\n", SEV_E_NOT_CANONICAL);
}

TEST(msg_envelope__member_twice__refused)
{
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\",\"_type\":\"x\"}}", SEV_E_JSON_DUPLICATE);
}

/* REQ-MET-02 REQ-H11 */
TEST(msg_envelope__no_signature__refused)
{
    expect_open("{\"signed\":{\"_type\":\"x\"}}", SEV_E_SIGNATURE);
    expect_open("{\"signatures\":[],\"signed\":{\"_type\":\"x\"}}", SEV_E_SIGNATURE);
    expect_open("{\"signatures\":{},\"signed\":{\"_type\":\"x\"}}", SEV_E_MALFORMED);
}

TEST(msg_envelope__anything_else_beside_the_two_parts__refused)
{
    expect_open("{\"extra\":1," SIGS ",\"signed\":{\"_type\":\"x\"}}", SEV_E_MALFORMED);
    expect_open("{" SIGS "}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":[]}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":{}}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":{\"_type\":1}}", SEV_E_MALFORMED);
    expect_open("[]", SEV_E_MALFORMED);
}

#define ENTRY(entry) "{\"signatures\":[" entry "],\"signed\":{\"_type\":\"x\"}}"

TEST(msg_envelope__signature_entry_of_another_form__refused)
{
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"00\"}"), SEV_OK);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"method\":\"a\",\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "00\",\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H16 "00112233445566778899AABBCCDDEEFF\",\"sig\":\"00\"}"),
                SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"0\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"0A\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":0}"), SEV_E_MALFORMED);
    expect_open(ENTRY("7"), SEV_E_MALFORMED);
}

TEST(msg_envelope__too_many_signatures__refused)
{
    static char text[SEV_SIGS_MAX * 128 + 256];
    for (int n = SEV_SIGS_MAX; n <= SEV_SIGS_MAX + 1; n++) {
        int at = snprintf(text, sizeof text, "{\"signatures\":[");
        for (int i = 0; i < n; i++)
            at += snprintf(text + at, sizeof text - (size_t)at,
                           "%s{\"keyid\":\"%064x\",\"sig\":\"00\"}", i ? "," : "", i);
        snprintf(text + at, sizeof text - (size_t)at, "],\"signed\":{\"_type\":\"x\"}}");
        expect_open(text, n > SEV_SIGS_MAX ? SEV_E_MALFORMED : SEV_OK);
    }
}

/* REQ-H18 */
TEST(msg_envelope__over_64_KiB__refused_before_it_is_read)
{
    const char *head = "{" SIGS ",\"signed\":{\"_type\":\"x\",\"y\":\"";
    size_t fill = SEV_MESSAGE_BYTES_MAX - strlen(head) - 3;
    for (size_t more = 0; more < 2; more++) {
        sev_buf b = sev_buf_of(memory, sizeof memory);
        sev_buf_put_slice(&b, body_of(head));
        memset(b.ptr + b.len, 'a', fill + more);
        b.len += fill + more;
        sev_buf_put(&b, "\"}}", 3);
        CHECK_ERR(sev_message_open(&doc, sev_buf_slice(&b)), more ? SEV_E_TOO_LONG : SEV_OK);
    }
}

TEST(msg_envelope__writing__refuses_what_could_not_be_read)
{
    uint8_t sig[SEV_SIG_BYTES_MAX + 1] = {0};
    struct sev_message_sig s = {SEV_LIT(H32), sev_slice_of(sig, 70), SEV_LIT("ed25519")};
    static uint8_t big[SEV_MANIFEST_BYTES_MAX];
    sev_slice body = SEV_LIT("{\"_type\":\"x\"}");
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_buf small = sev_buf_of(memory, 100);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 0, &out), SEV_E_MALFORMED);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, SEV_SIGS_MAX + 1, &out),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, &small), SEV_E_MEMORY);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, SEV_LIT("{\"b\":1,\"a\":2}"), &s, 1, &out),
              SEV_E_JSON_LIMIT);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, SEV_LIT("{\"a\": 2}"), &s, 1, &out),
              SEV_E_NOT_CANONICAL);
    s.sig = sev_slice_of(sig, sizeof sig);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, &out), SEV_E_MALFORMED);
    s.sig = SEV_EMPTY;
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, &out), SEV_E_MALFORMED);
    s.sig = sev_slice_of(sig, 70);
    memset(big, 'a', sizeof big);
    big[0] = big[SEV_MESSAGE_BYTES_MAX - 1] = '"';
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, sev_slice_of(big, SEV_MESSAGE_BYTES_MAX), &s,
                                 1, &out),
              SEV_E_TOO_LONG);
    CHECK_OK(sev_envelope_write(SEV_PROFILE_AKTUALIZR, sev_slice_of(big, SEV_MESSAGE_BYTES_MAX), &s,
                                1, &out));
    out.len = 0;
    CHECK_OK(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, &out));
    CHECK_OK(sev_message_open(&doc, sev_buf_slice(&out)));
    CHECK_SLICE(doc.message, body);
}

TEST(msg_signed_by__each_type_of_key__accepted)
{
    static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_RSA};
    for (size_t i = 0; i < 3; i++) {
        struct signer *s = signer_of(types[i], SEV_PROFILE_NATIVE, 1);
        opened_by(s, GRANT);
        CHECK_OK(sev_message_signed_by(NULL, s->public, &doc));
    }
}

TEST(msg_signed_by__another_key_or_another_keys_name__refused)
{
    opened_by(p256(1), GRANT);
    CHECK_ERR(sev_message_signed_by(NULL, p256(2)->public, &doc), SEV_E_SIGNATURE);
    struct signer posing = *p256(2);
    memcpy(posing.id, p256(1)->id, sizeof posing.id); /* 2 signs and says it is 1 */
    opened_by(&posing, GRANT);
    CHECK_ERR(sev_message_signed_by(NULL, p256(1)->public, &doc), SEV_E_SIGNATURE);
    CHECK_ERR(sev_message_signed_by(NULL, p256(2)->public, &doc), SEV_E_SIGNATURE);
}

TEST(msg_signed_by__second_of_two_signatures__accepted)
{
    struct signer *both[] = {p256(1), p256(2)};
    CHECK_OK(sev_message_open(
        &doc, signed_by(SEV_PROFILE_NATIVE, body_of(GRANT), both, 2, memory, sizeof memory)));
    CHECK_OK(sev_message_signed_by(NULL, p256(1)->public, &doc));
    CHECK_OK(sev_message_signed_by(NULL, p256(2)->public, &doc));
}

/* -------------------------------------------------------------------- status */

static struct sev_status_expected expected_status(void)
{
    return (struct sev_status_expected){
        SEV_LIT("did:secureev:v1"), SEV_LIT("tcu-1"), 40, {1, 12, 3}};
}

static sev_err run_status(const struct sev_status_expected *x, bool *untouched)
{
    struct sev_status m, before;
    memset(&m, 0x5A, sizeof m);
    before = m;
    sev_err e = sev_status_check(NULL, p256(1)->public, &doc, x, &m);
    *untouched = memcmp(&m, &before, sizeof m) == 0;
    return e;
}

static sev_err run_status_honest(bool *untouched)
{
    struct sev_status_expected x = expected_status();
    return run_status(&x, untouched);
}

static void expect_status(const struct sev_status_expected *x, sev_err wanted)
{
    bool untouched;
    CHECK_ERR(run_status(x, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

TEST(msg_status__honest__accepted_and_its_reports_are_at_hand)
{
    struct sev_status m;
    struct sev_status_expected x = expected_status();
    sev_slice report;
    struct sev_doc inner;
    opened_by(p256(1), STATUS);
    CHECK_OK(sev_status_check(NULL, p256(1)->public, &doc, &x, &m));
    CHECK_EQ(m.counter, 41);
    CHECK_EQ(m.held.timestamp, 12);
    CHECK_EQ(m.held.status_version, 3);
    sev_json it = sev_list(m.reports);
    CHECK(sev_list_next(&it, &report));
    CHECK_OK(sev_message_open(&inner, report));
    CHECK_TEXT(inner.message, REPORT);
    CHECK(!sev_list_next(&it, &report));
    CHECK_OK(it.err);
}

/* REQ-DIR-10 */
TEST(msg_status__signed_by_another_key__refused)
{
    struct sev_status_expected x = expected_status();
    opened_by(p256(2), STATUS);
    expect_status(&x, SEV_E_SIGNATURE);
}

/* REQ-DIR-05 REQ-A14 */
TEST(msg_status__of_another_vehicle_or_primary__refused)
{
    struct sev_status_expected x = expected_status();
    opened_by(p256(1), STATUS);
    x.vehicle = SEV_LIT("did:secureev:v2");
    expect_status(&x, SEV_E_WRONG_VEHICLE);
    x = expected_status();
    x.primary = SEV_LIT("tcu-2");
    expect_status(&x, SEV_E_WRONG_SUBJECT);
}

/* REQ-DIR-13 REQ-D26 */
TEST(msg_status__counter_not_above_the_last__refused)
{
    struct sev_status_expected x = expected_status();
    opened_by(p256(1), STATUS);
    x.counter = 41;
    expect_status(&x, SEV_E_REPLAYED);
    x.counter = 42;
    expect_status(&x, SEV_E_REPLAYED);
}

/* REQ-D26: a restored database, or somebody with our keys. */
TEST(msg_status__vehicle_holds_more_than_was_issued__refused)
{
    struct sev_status_expected x = expected_status();
    opened_by(p256(1), STATUS);
    expect_status(&x, SEV_OK);
    x.issued.root = 0;
    expect_status(&x, SEV_E_VERSION_ROLLBACK);
    x = expected_status();
    x.issued.timestamp = 11;
    expect_status(&x, SEV_E_VERSION_ROLLBACK);
    x = expected_status();
    x.issued.status_version = 2;
    expect_status(&x, SEV_E_VERSION_ROLLBACK);
}

TEST(msg_status__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    const char *body =
        "{\"_type\":\"status\",\"base\":\"" H32 "\",\"counter\":41,"
        "\"held\":{\"root\":1,\"statusVersion\":3,\"timestamp\":12},\"nonce\":\"" H16
        "\",\"primary\":\"tcu-1\",\"time\":\"" WHEN "\",\"vehicle\":\"did:secureev:v1\"}";
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(body), &s, 1, message, sizeof message),
        run_status_honest);
}

/* --------------------------------------------------------------------- reply */

static struct sev_status_reply_expected expected_reply(void)
{
    struct sev_status_reply_expected x = {.vehicle = SEV_LIT("did:secureev:v1"),
                                          .held = {1, 12, 3}};
    bytes_of(H16, x.nonce, sizeof x.nonce);
    CHECK_OK(sev_time_parse(SEV_LIT(WHEN), &x.last));
    return x;
}

static sev_err run_reply(const struct sev_status_reply_expected *x, int64_t threshold,
                         bool *untouched)
{
    struct signer *both[] = {p256(1), p256(2)};
    struct sev_role role = role_of(both, 2, threshold);
    struct sev_status_reply m, before;
    memset(&m, 0x5A, sizeof m);
    before = m;
    sev_err e = sev_status_reply_check(NULL, &role, &doc, x, &m);
    *untouched = memcmp(&m, &before, sizeof m) == 0;
    return e;
}

static sev_err run_reply_honest(bool *untouched)
{
    struct sev_status_reply_expected x = expected_reply();
    return run_reply(&x, 1, untouched);
}

static void expect_reply(const struct sev_status_reply_expected *x, sev_err wanted)
{
    bool untouched;
    CHECK_ERR(run_reply(x, 1, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

/* REQ-D28 */
TEST(msg_reply__honest__accepted)
{
    struct sev_status_reply_expected x = expected_reply();
    opened_by(p256(2), REPLY);
    expect_reply(&x, SEV_OK);
}

TEST(msg_reply__signed_by_a_stranger_or_too_few__refused)
{
    struct sev_status_reply_expected x = expected_reply();
    bool untouched;
    opened_by(p256(3), REPLY);
    expect_reply(&x, SEV_E_SIGNATURE);
    opened_by(p256(1), REPLY);
    CHECK_ERR(run_reply(&x, 2, &untouched), SEV_E_SIGNATURE);
    CHECK(untouched);
}

TEST(msg_reply__for_another_vehicle__refused)
{
    struct sev_status_reply_expected x = expected_reply();
    opened_by(p256(1), REPLY);
    x.vehicle = SEV_LIT("did:secureev:v2");
    expect_reply(&x, SEV_E_WRONG_VEHICLE);
}

/* REQ-H09 */
TEST(msg_reply__to_another_nonce__refused)
{
    struct sev_status_reply_expected x = expected_reply();
    opened_by(p256(1), REPLY);
    x.nonce[15] ^= 1;
    expect_reply(&x, SEV_E_REPLAYED);
}

TEST(msg_reply__older_than_the_last__refused)
{
    struct sev_status_reply_expected x = expected_reply();
    opened_by(p256(1), REPLY);
    x.last += 1;
    expect_reply(&x, SEV_E_REPLAYED);
}

TEST(msg_reply__below_what_is_held__refused)
{
    struct sev_status_reply_expected x = expected_reply();
    opened_by(p256(1), REPLY);
    x.held.root = 2;
    expect_reply(&x, SEV_E_VERSION_ROLLBACK);
    x = expected_reply();
    x.held.timestamp = 13;
    expect_reply(&x, SEV_E_VERSION_ROLLBACK);
    x = expected_reply();
    x.held.status_version = 4;
    expect_reply(&x, SEV_E_VERSION_ROLLBACK);
}

TEST(msg_reply__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(REPLY), &s, 1, message, sizeof message),
        run_reply_honest);
}

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
    sev_err e = sev_report_check(NULL, p256(1)->public, &doc, x, &m, &news);
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
    CHECK_OK(sev_report_check(NULL, p256(1)->public, &doc, &x, &m, &news));
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

TEST(msg_report__the_very_last_one_again__no_news)
{
    struct sev_report_expected x = expected_report();
    bool news, untouched;
    opened_by(p256(1), REPORT);
    x.counter = 9;
    memcpy(x.sha256, doc.sha256, sizeof x.sha256);
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

/* ---------------------------------------------------------------------- time */

static sev_time when(void)
{
    sev_time t = 0;
    CHECK_OK(sev_time_parse(SEV_LIT(WHEN), &t));
    return t;
}

/* The clock of an ECU that trusts keys 1 and 2 and has an attested time of `before`. */
static struct sev_clock clock_at(struct sev_role *role, sev_time before)
{
    struct signer *both[] = {p256(1), p256(2)};
    *role = role_of(both, 2, 1);
    struct sev_clock c = {.floor = when() - 1000, .time = when() - 1000};
    CHECK_OK(sev_clock_follow(&c, role));
    c.time = before;
    return c;
}

static sev_err run_time(const struct sev_role *role, const uint8_t *nonce,
                        const struct sev_time_proof *proof, struct sev_clock *clock)
{
    struct sev_clock before = *clock;
    sev_err e = sev_time_attestation_check(NULL, role, &doc, nonce, proof, clock);
    if (e != SEV_OK)
        CHECK(memcmp(&before, clock, sizeof before) == 0);
    else
        CHECK_EQ(clock->time, when());
    return e;
}

/* REQ-TIM-06 REQ-TIM-09 */
TEST(msg_time__with_own_nonce_in_its_list__sets_the_clock)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when());
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(1), TIME_LIST);
    CHECK_OK(run_time(&role, nonce, NULL, &c));
}

TEST(msg_time__without_own_nonce__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1);
    uint8_t nonce[SEV_NONCE_BYTES] = {1};
    opened_by(p256(1), TIME_LIST);
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

TEST(msg_time__by_a_key_that_is_no_time_key__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1);
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(3), TIME_LIST);
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_SIGNATURE);
}

/* REQ-TIM-07 */
TEST(msg_time__earlier_than_the_clock__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() + 1);
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(1), TIME_LIST);
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

/* REQ-TIM-07: the old time key said 2099, then it was revoked. */
TEST(msg_time__by_new_time_keys__may_be_earlier_but_not_than_the_floor)
{
    struct sev_role old, role;
    struct sev_clock c = clock_at(&old, when() + 1000000);
    struct signer *third[] = {p256(3)};
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    role = role_of(third, 1, 1);
    opened_by(p256(3), TIME_LIST);
    CHECK_OK(run_time(&role, nonce, NULL, &c));

    c = clock_at(&old, when() + 1000000);
    c.floor = when() + 1;
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

TEST(msg_clock__follows_the_time_role__back_to_its_floor_only_when_keys_change)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when());
    struct signer *swapped[] = {p256(2), p256(1)}, *other[] = {p256(1)};
    struct sev_role same = role_of(swapped, 2, 1), changed = role_of(other, 1, 1);
    CHECK_OK(sev_clock_follow(&c, &same));
    CHECK_EQ(c.time, when());
    CHECK_OK(sev_clock_follow(&c, &changed));
    CHECK_EQ(c.time, c.floor);
    struct sev_role none = {SEV_LIT("{}"), SEV_LIT("[\"x\"]"), 1};
    CHECK_ERR(sev_clock_follow(&c, &none), SEV_E_KEY);
}

#define BATCH 5
static uint8_t nonces[BATCH][SEV_NONCE_BYTES];
static uint8_t leaves[BATCH][SEV_SHA256_BYTES];

/* An attestation for a batch of five, signed by key 1 and opened. */
static void open_batch(void)
{
    struct sev_merkle t;
    struct sev_time_attestation a = {.time = when(), .has_batch = true, .batch = {.size = BATCH}};
    static uint8_t body[1024];
    struct signer *s = p256(1);
    sev_buf b = sev_buf_of(body, sizeof body);
    sev_merkle_init(&t);
    for (int i = 0; i < BATCH; i++) {
        memset(nonces[i], i + 1, sizeof nonces[i]);
        sev_merkle_leaf(sev_slice_of(nonces[i], sizeof nonces[i]), leaves[i]);
        sev_merkle_add(&t, leaves[i]);
    }
    sev_merkle_root(&t, a.batch.root);
    CHECK_OK(sev_time_attestation_encode(&a, &b));
    CHECK_OK(sev_message_open(
        &doc, signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &s, 1, memory, sizeof memory)));
}

static struct sev_time_proof proof_of(uint64_t index)
{
    static char text[SEV_MERKLE_PATH_MAX * 70];
    uint8_t path[SEV_MERKLE_PATH_MAX][SEV_SHA256_BYTES];
    uint32_t n = sev_merkle_path((const uint8_t(*)[SEV_SHA256_BYTES])leaves, BATCH, index, path);
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_buf_put_byte(&b, '[');
    for (uint32_t i = 0; i < n; i++) {
        sev_buf_put(&b, i ? ",\"" : "\"", i ? 2 : 1);
        sev_hex_encode(sev_slice_of(path[i], sizeof path[i]), &b);
        sev_buf_put_byte(&b, '"');
    }
    sev_buf_put_byte(&b, ']');
    return (struct sev_time_proof){(int64_t)index, sev_buf_slice(&b)};
}

TEST(msg_time__own_nonce_in_a_batch__sets_the_clock)
{
    open_batch();
    for (uint64_t i = 0; i < BATCH; i++) {
        struct sev_role role;
        struct sev_clock c = clock_at(&role, when() - 1);
        struct sev_time_proof p = proof_of(i);
        CHECK_OK(run_time(&role, nonces[i], &p, &c));
    }
}

TEST(msg_time__own_nonce_not_proved_to_be_in_the_batch__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1);
    struct sev_time_proof p = proof_of(1);
    open_batch();
    p = proof_of(1);
    CHECK_ERR(run_time(&role, nonces[2], &p, &c), SEV_E_TIME_ATTESTATION);
    CHECK_ERR(run_time(&role, nonces[1], NULL, &c), SEV_E_TIME_ATTESTATION);
    p.index = 2;
    CHECK_ERR(run_time(&role, nonces[1], &p, &c), SEV_E_TIME_ATTESTATION);
    p = proof_of(1);
    p.path = SEV_LIT("[]");
    CHECK_ERR(run_time(&role, nonces[1], &p, &c), SEV_E_TIME_ATTESTATION);
    p.path = SEV_LIT("[\"zz\"]");
    CHECK_ERR(run_time(&role, nonces[1], &p, &c), SEV_E_TIME_ATTESTATION);
}

static sev_err run_time_honest(bool *untouched)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1), before = c;
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    sev_err e = sev_time_attestation_check(NULL, &role, &doc, nonce, NULL, &c);
    *untouched = memcmp(&c, &before, sizeof c) == 0;
    return e;
}

TEST(msg_time__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(TIME_LIST), &s, 1, message, sizeof message),
        run_time_honest);
}

/* --------------------------------------------------------------------- grant */

static sev_err run_grant(const char *subject, sev_time now, bool *untouched)
{
    struct signer *one[] = {p256(1)};
    struct sev_role role = role_of(one, 1, 1);
    struct sev_grant m, before;
    uint8_t bytes[SEV_SHA256_BYTES];
    bytes_of(subject, bytes, sizeof bytes);
    memset(&m, 0x5A, sizeof m);
    before = m;
    sev_err e = sev_grant_check(NULL, &role, &doc, bytes, now, &m);
    *untouched = memcmp(&m, &before, sizeof m) == 0;
    return e;
}

static void expect_grant(const char *subject, sev_time now, sev_err wanted)
{
    bool untouched;
    CHECK_ERR(run_grant(subject, now, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

/* REQ-D21 */
TEST(msg_grant__for_this_connection_within_its_time__accepted)
{
    opened_by(p256(1), GRANT);
    expect_grant(H32, when(), SEV_OK);
    expect_grant(H32, when() + 7 * 86400 - 1, SEV_OK);
    expect_grant(H32, when() - SEV_CLOCK_SKEW_SECONDS_MAX, SEV_OK);
}

TEST(msg_grant__signed_by_a_stranger__refused)
{
    opened_by(p256(2), GRANT);
    expect_grant(H32, when(), SEV_E_SIGNATURE);
}

TEST(msg_grant__issued_to_another_key__refused)
{
    opened_by(p256(1), GRANT);
    expect_grant(H32B, when(), SEV_E_WRONG_SUBJECT);
}

TEST(msg_grant__over_or_from_the_future__refused)
{
    opened_by(p256(1), GRANT);
    expect_grant(H32, when() + 7 * 86400, SEV_E_EXPIRED);
    expect_grant(H32, when() - SEV_CLOCK_SKEW_SECONDS_MAX - 1, SEV_E_EXPIRED);
}

TEST(msg_grant__covers_what_it_lists__nothing_else)
{
    struct sev_grant m;
    uint8_t image[SEV_SHA256_BYTES];
    opened_by(p256(1), GRANT);
    CHECK_OK(sev_grant_decode(&doc, &m));
    bytes_of(H32, image, sizeof image);
    CHECK(sev_grant_covers(&m, image));
    bytes_of(H32B, image, sizeof image);
    CHECK(sev_grant_covers(&m, image));
    image[31] ^= 1;
    CHECK(!sev_grant_covers(&m, image));
}

static sev_err run_grant_honest(bool *untouched)
{
    return run_grant(H32, when(), untouched);
}

TEST(msg_grant__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(GRANT), &s, 1, message, sizeof message),
        run_grant_honest);
}

/* -------------------------------------------------------------------- prekey */

static sev_err run_prekey(const char *vehicle, const char *ecu, bool *untouched)
{
    struct sev_prekey m, before;
    struct sev_pubkey key, key_before;
    memset(&m, 0x5A, sizeof m);
    memset(&key, 0x5A, sizeof key);
    before = m;
    key_before = key;
    sev_err e =
        sev_prekey_check(NULL, p256(1)->public, &doc, body_of(vehicle), body_of(ecu), &m, &key);
    *untouched = memcmp(&m, &before, sizeof m) == 0 && memcmp(&key, &key_before, sizeof key) == 0;
    return e;
}

static void expect_prekey(const char *vehicle, const char *ecu, sev_err wanted)
{
    bool untouched;
    CHECK_ERR(run_prekey(vehicle, ecu, &untouched), wanted);
    CHECK_EQ(untouched, wanted != SEV_OK);
}

TEST(msg_prekey__of_this_ecu__accepted_and_its_id_is_that_of_its_key)
{
    struct sev_prekey m;
    struct sev_pubkey key;
    char of_object[SEV_KEY_ID_CHARS], of_key[SEV_KEY_ID_CHARS];
    opened_by(p256(1), PREKEY);
    CHECK_OK(sev_prekey_check(NULL, p256(1)->public, &doc, SEV_LIT("did:secureev:v1"),
                              SEV_LIT("brake-1"), &m, &key));
    CHECK_EQ(key.type, SEV_KEY_X25519);
    CHECK_OK(sev_key_id_of(m.key, of_object));
    CHECK_OK(sev_key_id(&key, SEV_PROFILE_NATIVE, of_key));
    CHECK(memcmp(of_object, of_key, sizeof of_key) == 0);
}

/* REQ-H04 REQ-H30: otherwise whoever carries the message chooses who can read the image. */
TEST(msg_prekey__signed_by_a_stranger__refused)
{
    opened_by(p256(2), PREKEY);
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_SIGNATURE);
}

TEST(msg_prekey__of_another_vehicle_or_ecu__refused)
{
    opened_by(p256(1), PREKEY);
    expect_prekey("did:secureev:v2", "brake-1", SEV_E_WRONG_VEHICLE);
    expect_prekey("did:secureev:v1", "brake-2", SEV_E_WRONG_SUBJECT);
}

/* REQ-ECU-09 */
TEST(msg_prekey__that_is_no_key_to_wrap_to__refused)
{
    static char body[4096];
    snprintf(body, sizeof body,
             "{\"_type\":\"prekey\",\"counter\":4,\"ecu\":\"brake-1\",\"key\":%.*s,\"time\":\"" WHEN
             "\",\"vehicle\":\"did:secureev:v1\"}",
             (int)signer_of(SEV_KEY_ED25519, SEV_PROFILE_NATIVE, 1)->object_len,
             (const char *)signer_of(SEV_KEY_ED25519, SEV_PROFILE_NATIVE, 1)->object);
    opened_by(p256(1), body);
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_KEY);
    opened_by(p256(1), "{\"_type\":\"prekey\",\"counter\":4,\"ecu\":\"brake-1\",\"key\":{},"
                       "\"time\":\"" WHEN "\",\"vehicle\":\"did:secureev:v1\"}");
    expect_prekey("did:secureev:v1", "brake-1", SEV_E_MALFORMED);
}

static sev_err run_prekey_honest(bool *untouched)
{
    return run_prekey("did:secureev:v1", "brake-1", untouched);
}

TEST(msg_prekey__any_bit_flipped__refused)
{
    struct signer *s = p256(1);
    static uint8_t message[1u << 16];
    expect_no_flip_accepted(
        signed_by(SEV_PROFILE_NATIVE, body_of(PREKEY), &s, 1, message, sizeof message),
        run_prekey_honest);
}

/* ----------------------------------------------------------------- HPKE info */

TEST(msg_wrap_info__each_purpose__binds_what_belongs_to_it)
{
    static const char *const wanted[SEV_WRAP_PURPOSES] = {
        "{\"blob\":\"" H32 "\",\"oem\":\"acme\",\"purpose\":\"envelope\"}",
        "{\"blob\":\"" H32 "\",\"bundle\":{\"id\":\"b-7\",\"version\":3},\"ecu\":\"brake-1\","
        "\"prekey\":\"" H32B "\",\"purpose\":\"install\",\"vehicle\":\"v\"}",
        "{\"blob\":\"" H32 "\",\"oem\":\"acme\",\"purpose\":\"review\"}"};
    struct sev_wrap_info m = {.oem = SEV_LIT("acme"),
                              .vehicle = SEV_LIT("v"),
                              .ecu = SEV_LIT("brake-1"),
                              .bundle = {SEV_LIT("b-7"), 3}};
    bytes_of(H32, m.blob, sizeof m.blob);
    bytes_of(H32B, m.prekey, sizeof m.prekey);
    for (int i = 0; i < SEV_WRAP_PURPOSES; i++) {
        sev_buf out = sev_buf_of(memory, sizeof memory);
        m.purpose = (sev_wrap_purpose)i;
        CHECK_OK(sev_wrap_info_encode(&m, &out));
        CHECK_SLICE(sev_buf_slice(&out), body_of(wanted[i]));
    }
    sev_buf out = sev_buf_of(memory, sizeof memory);
    m.purpose = SEV_WRAP_PURPOSES;
    CHECK_ERR(sev_wrap_info_encode(&m, &out), SEV_E_MALFORMED);
    m.purpose = SEV_WRAP_INSTALL;
    m.ecu = SEV_EMPTY;
    CHECK_ERR(sev_wrap_info_encode(&m, &out), SEV_E_MALFORMED);
}

/* --------------------------------------------------------------------- lists */

TEST(msg_list__absent_array__no_elements)
{
    sev_slice out = SEV_EMPTY;
    sev_json it = sev_list(SEV_EMPTY);
    CHECK(!sev_list_next(&it, &out));
    CHECK_OK(it.err);
}

TEST(msg_list__strings__without_their_quotes)
{
    sev_slice out = SEV_EMPTY;
    sev_json it = sev_list(SEV_LIT("[\"a\",\"\"]"));
    CHECK(sev_list_next(&it, &out));
    CHECK_TEXT(out, "a");
    CHECK(sev_list_next(&it, &out));
    CHECK_TEXT(out, "");
    CHECK(!sev_list_next(&it, &out));
}

TEST(msg_scanners__one_by_one__as_written)
{
    struct sev_scanner s;
    sev_json it = sev_list(SEV_LIT("[" SCANNER ",{\"name\":\"b\",\"version\":\"2\"}]"));
    CHECK(sev_scanner_next(&it, &s));
    CHECK_TEXT(s.rules, "2026-02");
    CHECK(sev_scanner_next(&it, &s));
    CHECK_TEXT(s.name, "b");
    CHECK(s.rules.ptr == NULL);
    CHECK(!sev_scanner_next(&it, &s));
    it = sev_list(SEV_LIT("[{}]"));
    CHECK(!sev_scanner_next(&it, &s));
    CHECK_ERR(it.err, SEV_E_MALFORMED);
}
