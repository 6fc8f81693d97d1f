/* Status and reply, signed: every test starts from one that is accepted and breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

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
    sev_err e = sev_status_check(NULL, p256(1)->public, &opened, x, &m);
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
    CHECK_OK(sev_status_check(NULL, p256(1)->public, &opened, &x, &m));
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
    sev_err e = sev_status_reply_check(NULL, &role, &opened, x, &m);
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
