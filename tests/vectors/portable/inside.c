/* The parts inside the portable provider that its interface reaches only with luck.
 * SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "test.h"

#include <openssl/bn.h>

#include <openssl/sha.h>

#include "../../../crypto/portable/mod256.h"
#include "secureev/crypto.h"

/* --------------------------------------------------- arithmetic, by BIGNUM */

static const char *const primes[] = {
    "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF43", /* 2^256 - 189 */
    /* 2^255 + 95: here half of all products must be reduced without a carry that says so */
    "800000000000000000000000000000000000000000000000000000000000005F",
};

static void to_words(uint32_t *out, const BIGNUM *v)
{
    uint8_t bytes[32];
    assert_int_equal(BN_bn2binpad(v, bytes, 32), 32);
    sev_words_load(out, bytes, 32);
}

static void check_words(const uint32_t *actual, const BIGNUM *expected)
{
    uint32_t words[SEV_WORDS];
    to_words(words, expected);
    assert_memory_equal(actual, words, sizeof words);
}

/* 0, 1, 2, 3, m - 4 .. m - 1, all ones in some words, then random. */
static void pick(BIGNUM *out, int i, const BIGNUM *m, BN_CTX *ctx)
{
    if (i < 4) {
        BN_set_word(out, (BN_ULONG)i);
    } else if (i < 8) {
        BN_copy(out, m);
        BN_sub_word(out, (BN_ULONG)(i - 3));
    } else if (i < 16) {
        BN_set_word(out, 1);
        BN_lshift(out, out, 32 * (i - 8) + 32);
        BN_sub_word(out, 1);
        BN_mod(out, out, m, ctx);
    } else {
        BN_rand_range(out, m);
    }
}

struct numbers {
    BN_CTX *ctx;
    BIGNUM *m, *r, *r_inverse, *a, *b, *expected;
    struct sev_modulus modulus;
};

static struct numbers numbers_modulo(const char *prime)
{
    struct numbers n = {.ctx = BN_CTX_new(), .r = BN_new(), .a = BN_new(), .b = BN_new()};
    n.expected = BN_new();
    BN_hex2bn(&n.m, prime);
    BN_set_word(n.r, 1);
    BN_lshift(n.r, n.r, 256);
    n.r_inverse = BN_mod_inverse(NULL, n.r, n.m, n.ctx);
    to_words(n.modulus.m, n.m);
    BN_mod_sqr(n.expected, n.r, n.m, n.ctx);
    to_words(n.modulus.r2, n.expected);
    uint32_t inverse = 1; /* Newton: each step doubles the bits of 1/m that are right */
    for (int i = 0; i < 5; i++)
        inverse *= 2 - n.modulus.m[0] * inverse;
    n.modulus.m0 = 0 - inverse;
    return n;
}

static void free_numbers(struct numbers *n)
{
    BIGNUM *all[] = {n->m, n->r, n->r_inverse, n->a, n->b, n->expected};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        BN_free(all[i]);
    BN_CTX_free(n->ctx);
}

static void check_pair(struct numbers *n)
{
    uint32_t a[SEV_WORDS], b[SEV_WORDS], out[SEV_WORDS];
    to_words(a, n->a);
    to_words(b, n->b);
    sev_mod_add(out, a, b, &n->modulus);
    BN_mod_add(n->expected, n->a, n->b, n->m, n->ctx);
    check_words(out, n->expected);
    sev_mod_sub(out, a, b, &n->modulus);
    BN_mod_sub(n->expected, n->a, n->b, n->m, n->ctx);
    check_words(out, n->expected);
    sev_mod_mul(out, a, b, &n->modulus);
    BN_mod_mul(n->expected, n->a, n->b, n->m, n->ctx);
    BN_mod_mul(n->expected, n->expected, n->r_inverse, n->m, n->ctx);
    check_words(out, n->expected);
    sev_mod_mul(a, a, b, &n->modulus); /* in place */
    check_words(a, n->expected);
    memset(b, 0xff, sizeof b); /* one factor need not be below m */
    sev_mod_mul(a, a, b, &n->modulus);
    BN_sub(n->b, n->r, BN_value_one());
    BN_mod_mul(n->expected, n->expected, n->b, n->m, n->ctx);
    BN_mod_mul(n->expected, n->expected, n->r_inverse, n->m, n->ctx);
    check_words(a, n->expected);
    sev_mod_mul(out, b, out, &n->modulus);
    check_words(out, n->expected);
}

static void check_order(struct numbers *n)
{
    uint32_t a[SEV_WORDS], b[SEV_WORDS];
    to_words(a, n->a);
    to_words(b, n->b);
    CHECK_EQ(sev_words_less(a, b), BN_cmp(n->a, n->b) < 0);
    CHECK_EQ(sev_words_equal(a, b), BN_cmp(n->a, n->b) == 0);
    CHECK_EQ(sev_words_zero(b), BN_is_zero(n->b));
}

TEST(mod256__edges_and_random_numbers__as_bignum)
{
    for (size_t p = 0; p < sizeof primes / sizeof primes[0]; p++) {
        struct numbers n = numbers_modulo(primes[p]);
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 40; j++) {
                pick(n.a, i, n.m, n.ctx);
                pick(n.b, j, n.m, n.ctx);
                check_order(&n);
                check_pair(&n); /* uses n.b up */
            }
        }
        free_numbers(&n);
    }
}

TEST(mod256__inverse__as_bignum_and_zero_of_zero)
{
    for (size_t p = 0; p < sizeof primes / sizeof primes[0]; p++) {
        struct numbers n = numbers_modulo(primes[p]);
        uint32_t a[SEV_WORDS];
        memset(a, 0, sizeof a);
        sev_mod_inverse(a, a, &n.modulus);
        CHECK(sev_words_zero(a));
        for (int i = 1; i < 60; i++) {
            pick(n.a, i, n.m, n.ctx);
            to_words(a, n.a);
            sev_mod_inverse(a, a, &n.modulus);
            BN_mod_inverse(n.expected, n.a, n.m, n.ctx); /* times 2^512 */
            BN_mod_mul(n.expected, n.expected, n.r, n.m, n.ctx);
            BN_mod_mul(n.expected, n.expected, n.r, n.m, n.ctx);
            check_words(a, n.expected);
        }
        free_numbers(&n);
    }
}

/* ------------------------------------------------------- counters of SHA-2 */

/* As if so many bytes had been hashed before: OpenSSL's counters and ours are set alike. */
TEST(hashes__more_bits_than_fit_in_32__counted)
{
    uint8_t out[32], expected[32], msg[100] = {7};
    struct sev_sha256 h;
    SHA256_CTX ctx;
    uint64_t before = (1ull << 32) + (1ull << 29) + 64;
    sev_sha256_init(&h);
    SHA256_Init(&ctx);
    h.opaque[0] = before;
    ctx.Nl = (SHA_LONG)(before * 8);
    ctx.Nh = (SHA_LONG)(before * 8 >> 32);
    sev_sha256_update(&h, msg, sizeof msg);
    SHA256_Update(&ctx, msg, sizeof msg);
    sev_sha256_final(&h, out);
    SHA256_Final(expected, &ctx);
    CHECK_SLICE(sev_slice_of(out, 32), sev_slice_of(expected, 32));
}

TEST(hashes__more_bits_than_fit_in_64__counted_by_sha512)
{
    uint8_t out[64], expected[64], msg[100] = {7};
    struct sev_sha512 h;
    SHA512_CTX ctx;
    uint64_t before = (1ull << 63) + (1ull << 61) + 128;
    sev_sha512_init(&h);
    SHA512_Init(&ctx);
    h.opaque[0] = before;
    ctx.Nl = before << 3;
    ctx.Nh = before >> 61;
    sev_sha512_update(&h, msg, sizeof msg);
    SHA512_Update(&ctx, msg, sizeof msg);
    sev_sha512_final(&h, out);
    SHA512_Final(expected, &ctx);
    CHECK_SLICE(sev_slice_of(out, 64), sev_slice_of(expected, 64));
}
