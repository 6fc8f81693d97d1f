/* OpenSSL runs out of memory at its first, second, third... allocation: never a wrong answer, never
 * half an output, and the next try works. SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "secureev/crypto_hosted.h"
#include "secureev/limits.h"
#include "secureev/signing.h"

static long fail_at = -1; /* this allocation from now on fails; -1: none */
static long asked;

static bool fails_now(void)
{
    return asked++ == fail_at;
}

static void *give(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails_now() ? NULL : malloc(len);
}

static void *regive(void *old, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails_now() ? NULL : realloc(old, len);
}

static void take(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

__attribute__((constructor(101))) static void hook(void)
{
    if (CRYPTO_set_mem_functions(give, regive, take) != 1)
        abort();
}

static void arm(long n)
{
    asked = 0;
    fail_at = n;
}

static bool disarm(void)
{
    bool reached = asked > fail_at;
    fail_at = -1;
    return reached;
}

static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_SECP256K1, SEV_KEY_RSA};
#define TYPES (sizeof types / sizeof types[0])

struct example {
    struct sev_privkey *private_key;
    struct sev_pubkey key;
    uint8_t sha256[SEV_SHA256_BYTES], room[SEV_SIG_BYTES_MAX];
    sev_slice msg, good;
    uint8_t bad_room[SEV_SIG_BYTES_MAX];
    sev_slice bad;
};

static void make_example(sev_key_type type, struct example *x)
{
    CHECK_OK(sev_privkey_generate(type, type == SEV_KEY_RSA ? 2048 : 0, &x->private_key));
    x->key = *sev_privkey_public(x->private_key);
    x->msg = SEV_LIT("message");
    sev_sha256(x->msg, x->sha256);
    sev_buf out = sev_buf_of(x->room, sizeof x->room);
    CHECK_OK(sev_privkey_sign(x->private_key, x->msg, &out));
    x->good = sev_buf_slice(&out);
    memcpy(x->bad_room, x->room, out.len);
    x->bad_room[out.len - 1] ^= 1;
    x->bad = sev_slice_of(x->bad_room, out.len);
}

/* Every verdict there is, with and without the cache: a good signature may fail for want of memory
 * (as a refusal or as that), a bad one never passes. */
TEST(crypto_memory__every_allocation_of_a_verification_fails__no_wrong_yes)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct example x;
        make_example(types[i], &x);
        long named = 0, other = 0;
        for (int cached = 0; cached < 2; cached++) {
            bool reached = true;
            for (long n = 0; reached; n++) {
                struct sev_crypto *crypto = cached ? sev_crypto_new() : NULL;
                arm(n);
                sev_err e = sev_crypto_verify(crypto, &x.key, x.msg, x.sha256, x.good);
                reached = disarm();
                CHECK(reached || e == SEV_OK);
                named += e == SEV_E_MEMORY;
                other += e != SEV_OK && e != SEV_E_MEMORY;
                arm(n);
                e = sev_crypto_verify(crypto, &x.key, x.msg, x.sha256, x.bad);
                disarm();
                CHECK(e != SEV_OK);
                CHECK_OK(sev_crypto_verify(crypto, &x.key, x.msg, x.sha256, x.good));
                sev_crypto_free(crypto);
                CHECK(n < 2000);
            }
        }
        CHECK(named > other); /* OpenSSL does not always say that memory was the reason */
        sev_privkey_free(x.private_key);
    }
}

TEST(crypto_memory__every_allocation_of_a_signature_fails__nothing_written_or_it_verifies)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct example x;
        make_example(types[i], &x);
        bool reached = true;
        for (long n = 0; reached; n++) {
            uint8_t room[SEV_SIG_BYTES_MAX];
            sev_buf out = sev_buf_of(room, sizeof room);
            arm(n);
            sev_err e = sev_privkey_sign(x.private_key, x.msg, &out);
            reached = disarm();
            CHECK(reached || e == SEV_OK);
            if (e == SEV_OK)
                CHECK_OK(sev_crypto_verify(NULL, &x.key, x.msg, x.sha256, sev_buf_slice(&out)));
            else
                CHECK_EQ(out.len, 0);
            CHECK(n < 2000);
        }
        sev_privkey_free(x.private_key);
    }
}

TEST(crypto_memory__every_allocation_of_a_generation_fails__a_working_key_or_none)
{
    for (size_t i = 0; i + 1 < TYPES; i++) { /* RSA searches primes: that would take long */
        bool reached = true;
        for (long n = 0; reached; n++) {
            struct sev_privkey *key = NULL;
            arm(n);
            sev_err e = sev_privkey_generate(types[i], 0, &key);
            reached = disarm();
            CHECK(reached || e == SEV_OK);
            CHECK_EQ(e == SEV_OK, key != NULL);
            sev_privkey_free(key);
            CHECK(n < 4000);
        }
    }
}

/* OpenSSL's decoders allocate thousands of times: of the later ones, one in 13 fails. */
TEST(crypto_memory__allocations_of_export_and_import_fail__the_key_or_nothing)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct example x;
        make_example(types[i], &x);
        bool reached = true;
        for (long n = 0; reached; n += n < 300 ? 1 : 13) {
            static uint8_t room[SEV_PRIVKEY_BYTES_MAX];
            sev_buf out = sev_buf_of(room, sizeof room);
            struct sev_privkey *back = NULL;
            arm(n);
            sev_err e = sev_privkey_to_pkcs8(x.private_key, &out);
            if (e == SEV_OK)
                e = sev_privkey_from_pkcs8(sev_buf_slice(&out), &back);
            reached = disarm();
            CHECK(reached || e == SEV_OK);
            CHECK_EQ(e == SEV_OK, back != NULL);
            if (back != NULL)
                assert_memory_equal(sev_privkey_public(back), &x.key, sizeof x.key);
            sev_privkey_free(back);
            CHECK(n < 20000);
        }
        sev_privkey_free(x.private_key);
    }
}

TEST(crypto_memory__every_allocation_of_gcm_and_scrypt_fails__nothing_or_the_right_bytes)
{
    uint8_t key[32] = {1}, nonce[12] = {2}, expected[64], derived[32], first[32];
    sev_buf want = sev_buf_of(expected, sizeof expected);
    CHECK_OK(sev_aes256gcm_seal(key, nonce, SEV_LIT("aad"), SEV_LIT("secret"), &want));
    CHECK_OK(sev_scrypt(SEV_LIT("p"), SEV_LIT("s"), 16, 1, 1, first, sizeof first));
    bool reached = true;
    for (long n = 0; reached; n++) {
        uint8_t sealed[64], plain[64];
        sev_buf out = sev_buf_of(sealed, sizeof sealed), back = sev_buf_of(plain, sizeof plain);
        arm(n);
        sev_err e = sev_aes256gcm_seal(key, nonce, SEV_LIT("aad"), SEV_LIT("secret"), &out);
        if (e == SEV_OK)
            e = sev_aes256gcm_open(key, nonce, SEV_LIT("aad"), sev_buf_slice(&out), &back);
        if (e == SEV_OK)
            e = sev_scrypt(SEV_LIT("p"), SEV_LIT("s"), 16, 1, 1, derived, sizeof derived);
        reached = disarm();
        CHECK(reached || e == SEV_OK);
        CHECK(out.len == 0 || sev_slice_eq(sev_buf_slice(&out), sev_buf_slice(&want)));
        CHECK(back.len == 0 || sev_slice_eq(sev_buf_slice(&back), SEV_LIT("secret")));
        if (e == SEV_OK)
            assert_memory_equal(derived, first, sizeof first);
        CHECK(n < 2000);
    }
}
