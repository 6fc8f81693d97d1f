/* What only the OpenSSL provider does: Ed25519, RSA-PSS, secp256k1, and the cache of decoded keys.
 * The vectors that both providers must pass are in tests/vectors/. SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "secureev/crypto.h"
#include "secureev/crypto_hosted.h"

/* A key pair, a message and a good signature: each test breaks one of them. */
struct signed_message {
    EVP_PKEY *pkey;
    struct sev_pubkey key;
    uint8_t msg[32];
    uint8_t sha256[32];
    uint8_t sig[512];
    size_t sig_len;
};

static void public_of(EVP_PKEY *pkey, sev_key_type type, struct sev_pubkey *out)
{
    size_t len = sizeof out->material;
    out->type = type;
    if (type == SEV_KEY_ED25519) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, out->material, &len), 1);
    } else if (type == SEV_KEY_RSA) {
        uint8_t *p = out->material;
        len = (size_t)i2d_PublicKey(pkey, &p);
    } else {
        assert_int_equal(EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY,
                                                         out->material, len, &len),
                         1);
    }
    out->len = (uint16_t)len;
}

static EVP_PKEY *generate(sev_key_type type)
{
    switch (type) {
    case SEV_KEY_P256:
        return EVP_EC_gen("P-256");
    case SEV_KEY_SECP256K1:
        return EVP_EC_gen("secp256k1");
    case SEV_KEY_RSA:
        return EVP_RSA_gen(2048);
    default:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
}

static void sign(struct signed_message *s, int salt_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    const EVP_MD *md = s->key.type == SEV_KEY_ED25519 ? NULL : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(ctx, &pctx, md, NULL, s->pkey), 1);
    if (s->key.type == SEV_KEY_RSA) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len), 1);
    }
    s->sig_len = sizeof s->sig;
    assert_int_equal(EVP_DigestSign(ctx, s->sig, &s->sig_len, s->msg, sizeof s->msg), 1);
    EVP_MD_CTX_free(ctx);
}

static struct signed_message signed_by(sev_key_type type)
{
    struct signed_message s = {.pkey = generate(type)};
    assert_non_null(s.pkey);
    memset(s.msg, 0x5e, sizeof s.msg);
    sev_sha256(sev_slice_of(s.msg, sizeof s.msg), s.sha256);
    public_of(s.pkey, type, &s.key);
    sign(&s, 32);
    return s;
}

static sev_err verify(struct sev_crypto *crypto, const struct signed_message *s)
{
    return sev_crypto_verify(crypto, &s->key, sev_slice_of(s->msg, sizeof s->msg), s->sha256,
                             sev_slice_of(s->sig, s->sig_len));
}

static const sev_key_type all[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_RSA, SEV_KEY_SECP256K1};
#define EACH_TYPE(i) for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)

TEST(crypto_openssl__good_signature__verifies_with_and_without_state)
{
    struct sev_crypto *crypto = sev_crypto_new();
    EACH_TYPE(i)
    {
        struct signed_message s = signed_by(all[i]);
        CHECK_OK(verify(NULL, &s));
        CHECK_OK(verify(crypto, &s));
        CHECK_OK(verify(crypto, &s));
        EVP_PKEY_free(s.pkey);
    }
    sev_crypto_free(crypto);
}

TEST(crypto_openssl__any_bit_of_message_or_signature_changed__refused)
{
    struct sev_crypto *crypto = sev_crypto_new();
    EACH_TYPE(i)
    {
        struct signed_message s = signed_by(all[i]);
        for (size_t bit = 0; bit < s.sig_len * 8; bit += all[i] == SEV_KEY_RSA ? 7 : 1) {
            s.sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_ERR(verify(crypto, &s), SEV_E_SIGNATURE);
            s.sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        s.msg[7] ^= 1;
        sev_sha256(sev_slice_of(s.msg, sizeof s.msg), s.sha256);
        CHECK_ERR(verify(crypto, &s), SEV_E_SIGNATURE);
        s.msg[7] ^= 1;
        sev_sha256(sev_slice_of(s.msg, sizeof s.msg), s.sha256);
        CHECK_OK(verify(crypto, &s)); /* the context survives its refusals */
        EVP_PKEY_free(s.pkey);
    }
    sev_crypto_free(crypto);
}

TEST(crypto_openssl__signature_cut_extended_or_empty__refused)
{
    EACH_TYPE(i)
    {
        struct signed_message s = signed_by(all[i]);
        size_t len = s.sig_len;
        for (s.sig_len = 0; s.sig_len < len; s.sig_len += len < 100 ? 1 : 17)
            CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
        s.sig_len = len < sizeof s.sig ? len + 1 : len - 1;
        CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
        EVP_PKEY_free(s.pkey);
    }
}

TEST(crypto_openssl__signature_of_another_key__refused)
{
    EACH_TYPE(i)
    {
        struct signed_message a = signed_by(all[i]), b = signed_by(all[i]);
        a.key = b.key;
        CHECK_ERR(verify(NULL, &a), SEV_E_SIGNATURE);
        EVP_PKEY_free(a.pkey);
        EVP_PKEY_free(b.pkey);
    }
}

/* REQ-A06: the same bytes under another type are another key, or none at all. */
TEST(crypto_openssl__material_of_one_type_offered_as_another__refused)
{
    EACH_TYPE(i)
    {
        struct signed_message s = signed_by(all[i]);
        EACH_TYPE(j)
        {
            if (i == j)
                continue;
            s.key.type = all[j];
            CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
        }
        s.key.type = SEV_KEY_X25519;
        CHECK_ERR(verify(NULL, &s), SEV_E_UNSUPPORTED);
        s.key.type = SEV_KEY_UNKNOWN;
        CHECK_ERR(verify(NULL, &s), SEV_E_UNSUPPORTED);
        EVP_PKEY_free(s.pkey);
    }
}

TEST(crypto_openssl__p256_in_cache__is_not_taken_for_secp256k1)
{
    struct sev_crypto *crypto = sev_crypto_new();
    struct signed_message s = signed_by(SEV_KEY_P256);
    CHECK_OK(verify(crypto, &s));
    s.key.type = SEV_KEY_SECP256K1;
    CHECK_ERR(verify(crypto, &s), SEV_E_KEY);
    sev_crypto_free(crypto);
    EVP_PKEY_free(s.pkey);
}

/* More keys than the cache holds, in an order that evicts, with one that stays in use. */
TEST(crypto_openssl__more_keys_than_the_cache_holds__all_verify)
{
    enum { N = SEV_CRYPTO_KEYS_MAX + 9 };
    struct sev_crypto *crypto = sev_crypto_new();
    static struct signed_message s[N];
    for (int i = 0; i < N; i++)
        s[i] = signed_by(SEV_KEY_P256);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            CHECK_OK(verify(crypto, &s[i]));
            CHECK_OK(verify(crypto, &s[0]));
        }
    }
    s[3].key = s[4].key;
    CHECK_ERR(verify(crypto, &s[3]), SEV_E_SIGNATURE);
    for (int i = 0; i < N; i++)
        EVP_PKEY_free(s[i].pkey);
    sev_crypto_free(crypto);
}

TEST(crypto_openssl__no_state__free_accepts_null)
{
    sev_crypto_free(NULL);
}

/* TLS code of the same thread would take a leftover for an error of its own. */
TEST(crypto_openssl__refused_signature__leaves_the_error_queue_empty)
{
    EACH_TYPE(i)
    {
        struct signed_message s = signed_by(all[i]);
        ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
        s.sig[1] ^= 0xff;
        CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
        s.key.material[1] ^= 0xff;
        CHECK(verify(NULL, &s) != SEV_OK);
        CHECK_EQ(ERR_peek_error(), 0);
        EVP_PKEY_free(s.pkey);
    }
}

/* ----------------------------------------------------------------- Ed25519 */

TEST(crypto_openssl__ed25519_of_a_message_known_by_hash_only__unsupported)
{
    struct signed_message s = signed_by(SEV_KEY_ED25519);
    sev_slice sig = sev_slice_of(s.sig, s.sig_len);
    CHECK_ERR(sev_crypto_verify(NULL, &s.key, SEV_EMPTY, s.sha256, sig), SEV_E_UNSUPPORTED);
    EVP_PKEY_free(s.pkey);
}

/* Under a key of small order one made-up signature would fit many messages. */
TEST(crypto_openssl__ed25519_key_of_small_order__refused)
{
    struct signed_message s = signed_by(SEV_KEY_ED25519);
    static const uint8_t y[][2] = {{0x00, 0x00}, {0x01, 0x00}, {0x01, 0x80}, {0x00, 0x80}};
    for (size_t i = 0; i < sizeof y / sizeof y[0]; i++) {
        memset(s.key.material, 0, 32);
        s.key.material[0] = y[i][0];
        s.key.material[31] = y[i][1];
        CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
    }
    EVP_PKEY_free(s.pkey);
}

/* y and y + p would be two keys for a threshold, yet one point. */
TEST(crypto_openssl__ed25519_key_not_reduced__refused)
{
    struct signed_message s = signed_by(SEV_KEY_ED25519);
    for (int low = 0xec; low <= 0xff; low++) {
        memset(s.key.material, 0xff, 32);
        s.key.material[0] = (uint8_t)low;
        CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
        s.key.material[31] = 0x7f;
        CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
    }
    memset(s.key.material, 0xff, 32); /* the largest reduced y that is not p - 1 */
    s.key.material[0] = 0xeb;
    s.key.material[31] = 0x7f;
    CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
    EVP_PKEY_free(s.pkey);
}

TEST(crypto_openssl__ed25519_s_plus_group_order__refused)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    struct signed_message s = signed_by(SEV_KEY_ED25519);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)s.sig[32 + i] + order[i];
        s.sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK_EQ(carry, 0);
    CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
    EVP_PKEY_free(s.pkey);
}

/* --------------------------------------------------------------------- RSA */

TEST(crypto_openssl__rsa_pss_with_any_salt_length__verifies)
{
    static const int lengths[] = {0, 1, 20, 32, 222};
    struct signed_message s = signed_by(SEV_KEY_RSA);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        sign(&s, lengths[i]);
        CHECK_OK(verify(NULL, &s));
    }
    EVP_PKEY_free(s.pkey);
}

TEST(crypto_openssl__rsa_pkcs1_v15_signature__refused)
{
    struct signed_message s = signed_by(SEV_KEY_RSA);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK_EQ(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s.pkey), 1);
    CHECK_EQ(EVP_DigestSign(ctx, s.sig, &s.sig_len, s.msg, sizeof s.msg), 1);
    EVP_MD_CTX_free(ctx);
    CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
    EVP_PKEY_free(s.pkey);
}

TEST(crypto_openssl__rsa_pss_with_mgf1_sha1__refused)
{
    struct signed_message s = signed_by(SEV_KEY_RSA);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    CHECK_EQ(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, s.pkey), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha1()), 1);
    CHECK_EQ(EVP_DigestSign(ctx, s.sig, &s.sig_len, s.msg, sizeof s.msg), 1);
    EVP_MD_CTX_free(ctx);
    CHECK_ERR(verify(NULL, &s), SEV_E_SIGNATURE);
    EVP_PKEY_free(s.pkey);
}

/* DER of RSAPublicKey with a modulus of `bits` (all ones but for `low`) and exponent `e`. */
static struct sev_pubkey rsa_shape(size_t bits, uint8_t low, sev_slice e)
{
    struct sev_pubkey key = {.type = SEV_KEY_RSA};
    size_t n = (bits + 7) / 8, pad = bits % 8 == 0;
    size_t body = 4 + n + pad + 2 + e.len;
    uint8_t *p = key.material;
    const uint8_t head[] = {0x30, 0x82, (uint8_t)(body >> 8),      (uint8_t)body,
                            0x02, 0x82, (uint8_t)((n + pad) >> 8), (uint8_t)(n + pad)};
    memcpy(p, head, sizeof head);
    p += sizeof head;
    if (pad)
        *p++ = 0;
    memset(p, 0xff, n);
    if (bits % 8 != 0)
        p[0] = (uint8_t)((1u << bits % 8) - 1);
    p += n;
    p[-1] = low;
    *p++ = 0x02;
    *p++ = (uint8_t)e.len;
    memcpy(p, e.ptr, e.len);
    key.len = (uint16_t)(p + e.len - key.material);
    return key;
}

static sev_err verdict_on_rsa(size_t bits, uint8_t low, sev_slice e)
{
    struct sev_pubkey key = rsa_shape(bits, low, e);
    uint8_t sha256[32] = {0}, sig[512] = {0};
    return sev_crypto_verify(NULL, &key, SEV_EMPTY, sha256, sev_slice_of(sig, (bits + 7) / 8));
}

TEST(crypto_openssl__rsa_size_outside_2048_to_4096_bits__bad_key)
{
    sev_slice e = sev_slice_of((const uint8_t[]){1, 0, 1}, 3);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, e), SEV_E_SIGNATURE); /* the shape itself is fine */
    CHECK_ERR(verdict_on_rsa(4096, 0xff, e), SEV_E_SIGNATURE);
    CHECK_ERR(verdict_on_rsa(2047, 0xff, e), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(1024, 0xff, e), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(4097, 0xff, e), SEV_E_KEY);
}

TEST(crypto_openssl__rsa_even_modulus_or_unusable_exponent__bad_key)
{
    CHECK_ERR(verdict_on_rsa(2048, 0xfe, SEV_LIT("\x03")), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x03")), SEV_E_SIGNATURE);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x00")), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x01")), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x02")), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x01\x00")), SEV_E_KEY);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\xff")), SEV_E_KEY); /* negative */
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x7f\xff\xff\xff\xff\xff\xff\xff")),
              SEV_E_SIGNATURE);
    CHECK_ERR(verdict_on_rsa(2048, 0xff, SEV_LIT("\x01\xff\xff\xff\xff\xff\xff\xff\xff")),
              SEV_E_KEY);
}

TEST(crypto_openssl__rsa_material_with_trailing_or_missing_bytes__bad_key)
{
    struct signed_message s = signed_by(SEV_KEY_RSA);
    s.key.len++;
    CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
    s.key.len = (uint16_t)(s.key.len - 2);
    CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
    s.key.len = sizeof s.key.material + 1;
    CHECK_ERR(verify(NULL, &s), SEV_E_KEY);
    EVP_PKEY_free(s.pkey);
}
