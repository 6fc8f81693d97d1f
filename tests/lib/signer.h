/* signer - keys made on the spot, roles of them, messages signed by them.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_SIGNER_H
#define SEV_TEST_SIGNER_H

#include "secureev/messages.h"
#include "secureev/signing.h"
#include "test.h"

#if defined(__GNUC__)
#define SIGNER_UNUSED __attribute__((unused))
#else
#define SIGNER_UNUSED
#endif

struct signer {
    struct sev_privkey *key;
    const struct sev_pubkey *public;
    char id[SEV_KEY_ID_CHARS];
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    size_t object_len;
};

/* A key of its own for each `number`, made once per program. */
SIGNER_UNUSED static struct signer *signer_of(sev_key_type type, sev_profile profile, int number)
{
    static struct {
        sev_key_type type;
        sev_profile profile;
        int number;
        struct signer s;
    } made[16];
    static int count;
    for (int i = 0; i < count; i++)
        if (made[i].type == type && made[i].profile == profile && made[i].number == number)
            return &made[i].s;
    CHECK(count < 16);
    made[count].type = type;
    made[count].profile = profile;
    made[count].number = number;
    struct signer *s = &made[count++].s;
    CHECK_OK(sev_privkey_generate(type, type == SEV_KEY_RSA ? 2048 : 0, &s->key));
    s->public = sev_privkey_public(s->key);
    CHECK_OK(sev_key_id(s->public, profile, s->id));
    sev_buf b = sev_buf_of(s->object, sizeof s->object);
    CHECK_OK(sev_key_object(s->public, profile, &b));
    s->object_len = b.len;
    return s;
}

SIGNER_UNUSED static struct signer *p256(int number)
{
    return signer_of(SEV_KEY_P256, SEV_PROFILE_NATIVE, number);
}

/* A role of these keys, in memory of its own; at most eight exist at a time. */
SIGNER_UNUSED static struct sev_role role_of(struct signer *const *signers, int count,
                                             int64_t threshold)
{
    static uint8_t memory[8][8192];
    static unsigned next;
    sev_buf b = sev_buf_of(memory[next++ % 8], sizeof memory[0]);
    struct sev_role role = {.threshold = threshold};
    sev_buf_put_byte(&b, '{');
    for (int i = 0; i < count; i++) {
        if (i > 0)
            sev_buf_put_byte(&b, ',');
        sev_buf_put_byte(&b, '"');
        sev_buf_put(&b, signers[i]->id, SEV_KEY_ID_CHARS);
        sev_buf_put(&b, "\":", 2);
        sev_buf_put(&b, signers[i]->object, signers[i]->object_len);
    }
    sev_buf_put_byte(&b, '}');
    role.keys = sev_buf_slice(&b);
    size_t start = b.len;
    sev_buf_put_byte(&b, '[');
    for (int i = 0; i < count; i++) {
        if (i > 0)
            sev_buf_put_byte(&b, ',');
        sev_buf_put_byte(&b, '"');
        sev_buf_put(&b, signers[i]->id, SEV_KEY_ID_CHARS);
        sev_buf_put_byte(&b, '"');
    }
    sev_buf_put_byte(&b, ']');
    CHECK(!b.overflow);
    role.keyids = sev_slice_of(b.ptr + start, b.len - start);
    return role;
}

/* The signed message; `memory` is the caller's. */
SIGNER_UNUSED static sev_slice signed_by(sev_profile profile, sev_slice body,
                                         struct signer *const *signers, int count, uint8_t *memory,
                                         size_t cap)
{
    static uint8_t bytes[8][SEV_SIG_BYTES_MAX];
    struct sev_message_sig sigs[8];
    sev_buf out = sev_buf_of(memory, cap);
    CHECK(count <= 8);
    for (int i = 0; i < count; i++) {
        sev_buf sig = sev_buf_of(bytes[i], sizeof bytes[i]);
        CHECK_OK(sev_privkey_sign(signers[i]->key, body, &sig));
        sigs[i].keyid = sev_slice_of(signers[i]->id, SEV_KEY_ID_CHARS);
        sigs[i].sig = sev_buf_slice(&sig);
        sigs[i].method =
            signers[i]->public->type == SEV_KEY_RSA ? SEV_LIT("rsassa-pss") : SEV_LIT("ed25519");
    }
    CHECK_OK(
        sev_envelope_write(profile, body, sigs, (uint32_t)count, SEV_MANIFEST_BYTES_MAX, &out));
    return sev_buf_slice(&out);
}

/* What the tests of one program share. */
SIGNER_UNUSED static uint8_t opened_memory[1u << 18];
SIGNER_UNUSED static struct sev_doc opened;

SIGNER_UNUSED static sev_slice body_of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* A message by one P-256 key, opened. */
SIGNER_UNUSED static void opened_by(struct signer *s, const char *body)
{
    CHECK_OK(sev_message_open(&opened, signed_by(SEV_PROFILE_NATIVE, body_of(body), &s, 1,
                                                 opened_memory, sizeof opened_memory)));
}

SIGNER_UNUSED static void bytes_of(const char *hex, uint8_t *out, size_t n)
{
    sev_buf b = sev_buf_of(out, n);
    CHECK_OK(sev_hex_decode(body_of(hex), &b));
    CHECK_EQ(b.len, n);
}

/* Runs one check on `opened`; true when it left its outputs as they were. */
typedef sev_err check_fn(bool *untouched);

/* Every bit of the envelope flipped, one at a time. */
SIGNER_UNUSED static void expect_no_flip_accepted(sev_slice message, check_fn *check)
{
    static uint8_t flipped[1u << 16];
    bool untouched = true;
    CHECK(message.len <= sizeof flipped);
    for (size_t bit = 0; bit < message.len * 8; bit++) {
        memcpy(flipped, message.ptr, message.len);
        flipped[bit / 8] = (uint8_t)(flipped[bit / 8] ^ (1u << bit % 8));
        if (sev_message_open(&opened, sev_slice_of(flipped, message.len)) != SEV_OK)
            continue;
        if (check(&untouched) == SEV_OK)
            print_error("bit %zu: %.*s\n", bit, (int)message.len, (char *)flipped);
        CHECK(check(&untouched) != SEV_OK);
        CHECK(untouched);
    }
}

/* The time in the examples. */
SIGNER_UNUSED static sev_time when(void)
{
    sev_time t = 0;
    CHECK_OK(sev_time_parse(SEV_LIT("2026-03-01T10:20:30Z"), &t));
    return t;
}

#endif
