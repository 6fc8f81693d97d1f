/* Grants: every test starts from one that is accepted and breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

static sev_err run_grant(const char *subject, sev_time now, bool *untouched)
{
    struct signer *one[] = {p256(1)};
    struct sev_role role = role_of(one, 1, 1);
    struct sev_grant m, before;
    uint8_t bytes[SEV_SHA256_BYTES];
    bytes_of(subject, bytes, sizeof bytes);
    memset(&m, 0x5A, sizeof m);
    before = m;
    sev_err e = sev_grant_check(NULL, &role, &opened, bytes, now, &m);
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
    CHECK_OK(sev_grant_decode(&opened, &m));
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
