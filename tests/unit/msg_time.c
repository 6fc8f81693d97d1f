/* Attested time: every test starts from an attestation that sets the clock and breaks one thing.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

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
    sev_err e = sev_time_attestation_check(NULL, role, &opened, nonce, proof, clock);
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

/* REQ-ALG-11 REQ-TIM-09 */
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

/* REQ-TIM-07 REQ-ALG-11 REQ-ATK-15 */
TEST(msg_time__earlier_than_the_clock__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() + 1);
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(1), TIME_LIST);
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

/* Part 5, 12: standard issues 31 and 267, the reference Secondary. REQ-ATK-15 REQ-ALG-11 */
TEST(mistake_12__attested_time_goes_back_under_the_same_key__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1);
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(1), TIME_LIST);
    CHECK_OK(run_time(&role, nonce, NULL, &c));
    opened_by(p256(1),
              "{\"_type\":\"time\",\"nonces\":[\"" H16 "\"],\"time\":\"2026-03-01T10:20:29Z\"}");
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

/* A dropped answer and an old one in its place: the nonce is another by now. */
TEST(mistake_12__attestation_of_an_earlier_cycle_again__refused)
{
    struct sev_role role;
    struct sev_clock c = clock_at(&role, when() - 1);
    uint8_t nonce[SEV_NONCE_BYTES];
    bytes_of(H16, nonce, sizeof nonce);
    opened_by(p256(1), TIME_LIST);
    CHECK_OK(run_time(&role, nonce, NULL, &c));
    nonce[0] ^= 1;
    CHECK_ERR(run_time(&role, nonce, NULL, &c), SEV_E_TIME_ATTESTATION);
}

/* REQ-TIM-07: the old time key said 2099, then it was revoked. REQ-ALG-2.5 */
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
    CHECK_OK(sev_message_open(&opened, signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &s, 1,
                                                 opened_memory, sizeof opened_memory)));
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
    sev_err e = sev_time_attestation_check(NULL, &role, &opened, nonce, NULL, &c);
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
