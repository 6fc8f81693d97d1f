/* SHA-2, HMAC and HKDF: published vectors, and OpenSSL's EVP as the oracle for everything between.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/evp.h>

#include "secureev/crypto.h"
#include "secureev/kdf.h"
#include "secureev/text.h"
#include "wycheproof.h"

static void check_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[2 * SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_hex_encode(sev_slice_of(bytes, len), &b);
    CHECK_SLICE(sev_buf_slice(&b), sev_slice_of(hex, strlen(hex)));
}

static void check_sha256(sev_slice msg, const char *hex)
{
    uint8_t out[SEV_SHA256_BYTES];
    sev_sha256(msg, out);
    check_hex(out, sizeof out, hex);
}

static void check_sha512(sev_slice msg, const char *hex)
{
    uint8_t out[SEV_SHA512_BYTES];
    sev_sha512(msg, out);
    check_hex(out, sizeof out, hex);
}

/* The examples of FIPS 180. REQ-A05 */
TEST(hashes__fips_180_examples__sha256)
{
    check_sha256(SEV_EMPTY, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256(SEV_LIT("abc"),
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256(SEV_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(hashes__fips_180_examples__sha512)
{
    check_sha512(SEV_LIT("abc"),
                 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    check_sha512(SEV_LIT("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
                 "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
                 "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

TEST(hashes__a_million_times_a__as_fips_180_says)
{
    struct sev_sha256 h;
    struct sev_sha512 h5;
    uint8_t out[SEV_SHA512_BYTES], chunk[1000];
    memset(chunk, 'a', sizeof chunk);
    sev_sha256_init(&h);
    sev_sha512_init(&h5);
    for (int i = 0; i < 1000; i++) {
        sev_sha256_update(&h, chunk, sizeof chunk);
        sev_sha512_update(&h5, chunk, sizeof chunk);
    }
    sev_sha256_final(&h, out);
    check_hex(out, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sev_sha512_final(&h5, out);
    check_hex(out, 64,
              "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
              "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
}

static void fill(uint8_t *bytes, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}

TEST(hashes__every_length_over_three_blocks__as_openssl)
{
    uint8_t msg[400], out[64], expected[64];
    fill(msg, sizeof msg);
    for (size_t len = 0; len <= sizeof msg; len++) {
        sev_sha256(sev_slice_of(msg, len), out);
        CHECK_EQ(EVP_Digest(msg, len, expected, NULL, EVP_sha256(), NULL), 1);
        CHECK_SLICE(sev_slice_of(out, 32), sev_slice_of(expected, 32));
        sev_sha512(sev_slice_of(msg, len), out);
        CHECK_EQ(EVP_Digest(msg, len, expected, NULL, EVP_sha512(), NULL), 1);
        CHECK_SLICE(sev_slice_of(out, 64), sev_slice_of(expected, 64));
    }
}

/* The states may be moved and copied while in use: nothing in them points anywhere. */
TEST(hashes__in_pieces_and_in_a_copied_state__as_in_one)
{
    uint8_t msg[300], out[64], expected[64];
    fill(msg, sizeof msg);
    for (size_t cut = 0; cut <= sizeof msg; cut++) {
        struct sev_sha256 a, b;
        sev_sha256_init(&a);
        sev_sha256_update(&a, msg, cut);
        sev_sha256_update(&a, NULL, 0);
        b = a;
        memset(&a, 0xa5, sizeof a);
        sev_sha256_update(&b, msg + cut, sizeof msg - cut);
        sev_sha256_final(&b, out);
        sev_sha256(sev_slice_of(msg, sizeof msg), expected);
        CHECK_SLICE(sev_slice_of(out, 32), sev_slice_of(expected, 32));
        struct sev_sha512 c, d;
        sev_sha512_init(&c);
        sev_sha512_update(&c, msg, cut);
        sev_sha512_update(&c, NULL, 0);
        d = c;
        memset(&c, 0xa5, sizeof c);
        sev_sha512_update(&d, msg + cut, sizeof msg - cut);
        sev_sha512_final(&d, out);
        sev_sha512(sev_slice_of(msg, sizeof msg), expected);
        CHECK_SLICE(sev_slice_of(out, 64), sev_slice_of(expected, 64));
    }
}

/* ------------------------------------------------------------ HMAC and HKDF */

static bool mac_accepts(const struct wycheproof_test *t)
{
    uint8_t mac[SEV_SHA256_BYTES];
    sev_slice tag = wycheproof_hex(t->test, "tag");
    size_t bytes = (size_t)wycheproof_int(t->group, "tagSize") / 8;
    sev_hmac_sha256(wycheproof_hex(t->test, "key"), wycheproof_hex(t->test, "msg"), mac);
    return tag.len == bytes && sev_equal_ct(mac, tag.ptr, bytes);
}

TEST(vectors__wycheproof_hmac_sha256__all_as_announced)
{
    wycheproof_run("hmac_sha256", mac_accepts, NULL);
}

static bool hkdf_accepts(const struct wycheproof_test *t)
{
    static uint8_t okm[1 << 16];
    uint8_t prk[SEV_SHA256_BYTES];
    size_t size = (size_t)wycheproof_int(t->test, "size");
    CHECK(size <= sizeof okm);
    sev_hkdf_sha256_extract(wycheproof_hex(t->test, "salt"), wycheproof_hex(t->test, "ikm"), prk);
    sev_err e = sev_hkdf_sha256_expand(prk, wycheproof_hex(t->test, "info"), okm, size);
    if (e != SEV_OK) {
        CHECK_ERR(e, SEV_E_BUG);
        CHECK(size > SEV_HKDF_BYTES_MAX);
        return false;
    }
    return sev_slice_eq(sev_slice_of(okm, size), wycheproof_hex(t->test, "okm"));
}

TEST(vectors__wycheproof_hkdf_sha256__all_as_announced)
{
    wycheproof_run("hkdf_sha256", hkdf_accepts, NULL);
}

TEST(hkdf__more_than_255_blocks__refused_and_nothing_written)
{
    static uint8_t okm[SEV_HKDF_BYTES_MAX + 1];
    uint8_t prk[SEV_SHA256_BYTES] = {1};
    CHECK_OK(sev_hkdf_sha256_expand(prk, SEV_EMPTY, okm, SEV_HKDF_BYTES_MAX));
    memset(okm, 0x77, sizeof okm);
    CHECK_ERR(sev_hkdf_sha256_expand(prk, SEV_EMPTY, okm, sizeof okm), SEV_E_BUG);
    for (size_t i = 0; i < sizeof okm; i++)
        CHECK_EQ(okm[i], 0x77);
}

/* -------------------------------------------------------- compare and wipe */

TEST(equal_ct__any_bit_differs__not_equal)
{
    uint8_t a[40], b[40];
    fill(a, sizeof a);
    memcpy(b, a, sizeof b);
    CHECK(sev_equal_ct(a, b, sizeof a));
    CHECK(sev_equal_ct(NULL, NULL, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!sev_equal_ct(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(wipe__some_bytes__those_and_no_others_are_zero)
{
    uint8_t a[40];
    memset(a, 0xff, sizeof a);
    sev_wipe(a + 1, 38);
    sev_wipe(NULL, 0);
    CHECK_EQ(a[0], 0xff);
    CHECK_EQ(a[39], 0xff);
    for (size_t i = 1; i < 39; i++)
        CHECK_EQ(a[i], 0);
}
