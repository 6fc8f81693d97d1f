/* ECDSA P-256: hostile keys and signatures, one named test each, and random keys signed by OpenSSL.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "secureev/crypto.h"
#include "secureev/text.h"

/* A key, a digest and a good signature: each test breaks one of them. */
struct fixture {
    EVP_PKEY *pkey;
    struct sev_pubkey key;
    uint8_t digest[32];
    uint8_t sig[80];
    size_t sig_len;
};

static void sign(struct fixture *f)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f->pkey, NULL);
    f->sig_len = sizeof f->sig;
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, f->sig, &f->sig_len, f->digest, 32), 1);
    EVP_PKEY_CTX_free(ctx);
}

static struct fixture signed_with(EVP_PKEY *pkey)
{
    struct fixture f = {.pkey = pkey, .key = {.type = SEV_KEY_P256, .len = 65}};
    size_t len;
    assert_non_null(pkey);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, f.key.material, 65, &len),
        1);
    sev_sha256(sev_slice_of(f.key.material, 65), f.digest);
    sign(&f);
    return f;
}

static struct fixture signed_once(void)
{
    return signed_with(EVP_EC_gen("P-256"));
}

static sev_err verify(const struct fixture *f)
{
    sev_slice sig = sev_slice_of(f->sig, f->sig_len);
    sev_err e = sev_crypto_verify(NULL, &f->key, SEV_EMPTY, f->digest, sig);
    if (f->key.type == SEV_KEY_P256 && f->key.len == 65 && f->key.material[0] == 0x04)
        assert_int_equal(sev_crypto_verify_p256(f->key.material + 1, f->digest, sig), e);
    return e;
}

static void done(struct fixture *f)
{
    EVP_PKEY_free(f->pkey);
}

/* The group's order, as a number and as OpenSSL's group. */
static BIGNUM *order(void)
{
    BIGNUM *n = NULL;
    BN_hex2bn(&n, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    return n;
}

static BIGNUM *prime(void)
{
    BIGNUM *p = NULL;
    BN_hex2bn(&p, "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF");
    return p;
}

/* The key pair whose private key is d. */
static EVP_PKEY *key_of(const BIGNUM *d)
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *q = EC_POINT_new(g);
    uint8_t pub[65];
    assert_int_equal(EC_POINT_mul(g, q, d, NULL, NULL, NULL), 1);
    assert_int_equal(EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, pub, 65, NULL), 65);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, pub, 65);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    return pkey;
}

/* Replace the signature by the DER of these numbers; NULL keeps the one that is there. */
static void set_numbers(struct fixture *f, const BIGNUM *r, const BIGNUM *s)
{
    const uint8_t *in = f->sig;
    ECDSA_SIG *old = d2i_ECDSA_SIG(NULL, &in, (long)f->sig_len), *new = ECDSA_SIG_new();
    assert_non_null(old);
    assert_int_equal(ECDSA_SIG_set0(new, BN_dup(r ? r : ECDSA_SIG_get0_r(old)),
                                    BN_dup(s ? s : ECDSA_SIG_get0_s(old))),
                     1);
    uint8_t *out = f->sig;
    f->sig_len = (size_t)i2d_ECDSA_SIG(new, &out);
    ECDSA_SIG_free(old);
    ECDSA_SIG_free(new);
}

static BIGNUM *number(const struct fixture *f, bool want_s)
{
    const uint8_t *in = f->sig;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &in, (long)f->sig_len);
    BIGNUM *v = BN_dup(want_s ? ECDSA_SIG_get0_s(sig) : ECDSA_SIG_get0_r(sig));
    ECDSA_SIG_free(sig);
    return v;
}

TEST(p256__random_keys_and_messages__verify_and_not_after_any_bit_of_the_signature_flips)
{
    for (int i = 0; i < 3; i++) {
        struct fixture f = signed_once();
        CHECK_OK(verify(&f));
        for (size_t bit = 0; bit < 8 * f.sig_len; bit++) {
            f.sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
            f.sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        done(&f);
    }
}

TEST(p256__any_bit_of_the_digest_flips__refused)
{
    struct fixture f = signed_once();
    for (size_t bit = 0; bit < 256; bit++) {
        f.digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
        f.digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    done(&f);
}

/* A change of one bit leaves the curve, or (hardly ever) meets another point. */
TEST(p256__any_bit_of_the_key_flips__refused)
{
    struct fixture f = signed_once();
    for (size_t bit = 0; bit < 8 * 65; bit++) {
        f.key.material[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(verify(&f), SEV_E_KEY);
        f.key.material[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    done(&f);
}

TEST(p256__many_random_keys__verify)
{
    for (int i = 0; i < 200; i++) {
        struct fixture f = signed_once();
        CHECK_OK(verify(&f));
        done(&f);
    }
}

/* Digests at and around the group's order: u1 = 0, and reduction of e. */
TEST(p256__digest_zero_or_near_the_order__verifies)
{
    struct fixture f = signed_once();
    BIGNUM *n = order();
    for (int add = -1; add <= 1; add++) {
        BIGNUM *e = BN_dup(n);
        assert_int_equal(add < 0 ? BN_sub_word(e, 1) : BN_add_word(e, (BN_ULONG)add), 1);
        assert_int_equal(BN_bn2binpad(e, f.digest, 32), 32);
        BN_free(e);
        sign(&f);
        CHECK_OK(verify(&f));
    }
    memset(f.digest, 0, 32);
    sign(&f);
    CHECK_OK(verify(&f));
    memset(f.digest, 0xff, 32);
    sign(&f);
    CHECK_OK(verify(&f));
    BN_free(n);
    done(&f);
}

/* Keys for which the additions inside meet equal points, opposite points and infinity. */
TEST(p256__keys_near_the_base_point__verify)
{
    BIGNUM *n = order();
    for (int small = 1; small <= 8; small++) {
        for (int negative = 0; negative < 2; negative++) {
            BIGNUM *d = BN_new();
            BN_set_word(d, (BN_ULONG)small);
            if (negative)
                assert_int_equal(BN_sub(d, n, d), 1);
            EVP_PKEY *pkey = key_of(d);
            for (int i = 0; i < 8; i++) {
                struct fixture f = signed_with(pkey);
                f.digest[31] = (uint8_t)i;
                sign(&f);
                CHECK_OK(verify(&f));
                f.digest[31] ^= 0x80;
                CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
            }
            EVP_PKEY_free(pkey);
            BN_free(d);
        }
    }
    BN_free(n);
}

/* e = -r d makes u1 G + u2 Q the point at infinity, whatever r and s are: it has no x. */
TEST(p256__signature_whose_point_is_infinity__refused)
{
    BIGNUM *n = order(), *d = BN_new(), *r = BN_new(), *s = BN_new(), *e = BN_new();
    BN_CTX *ctx = BN_CTX_new();
    for (int i = 1; i < 20; i++) {
        BN_set_word(d, (BN_ULONG)i);
        BN_set_word(r, (BN_ULONG)i);
        assert_int_equal(BN_rand_range(s, n), 1);
        assert_int_equal(BN_mod_mul(e, r, d, n, ctx), 1);
        assert_int_equal(BN_mod_sub(e, n, e, n, ctx), 1);
        EVP_PKEY *pkey = key_of(d);
        struct fixture f = signed_with(pkey);
        assert_int_equal(BN_bn2binpad(e, f.digest, 32), 32);
        set_numbers(&f, r, s);
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
        done(&f);
    }
    BN_CTX_free(ctx);
    BN_free(n);
    BN_free(d);
    BN_free(r);
    BN_free(s);
    BN_free(e);
}

/* (r, n - s) signs the same: there is no low-s rule in TUF or Uptane. REQ-A02 */
TEST(p256__high_s__accepted_like_low_s)
{
    struct fixture f = signed_once();
    BIGNUM *n = order(), *s = number(&f, true);
    assert_int_equal(BN_sub(s, n, s), 1);
    set_numbers(&f, NULL, s);
    CHECK_OK(verify(&f));
    BN_free(n);
    BN_free(s);
    done(&f);
}

static void check_number_is_refused(bool set_s, int times_n, int add)
{
    struct fixture f = signed_once();
    BIGNUM *n = order(), *v = BN_new();
    BN_set_word(v, 0);
    if (times_n)
        BN_copy(v, n);
    if (add == 1) /* the same residue, or the plain number */
        assert_int_equal(BN_add_word(v, 1), 1);
    set_numbers(&f, set_s ? NULL : v, set_s ? v : NULL);
    CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
    BN_free(n);
    BN_free(v);
    done(&f);
}

TEST(p256__r_is_zero__refused)
{
    check_number_is_refused(false, 0, 0);
}

TEST(p256__s_is_zero__refused)
{
    check_number_is_refused(true, 0, 0);
}

TEST(p256__r_is_the_order_or_above__refused)
{
    check_number_is_refused(false, 1, 0);
    check_number_is_refused(false, 1, 1);
}

TEST(p256__s_is_the_order_or_above__refused)
{
    check_number_is_refused(true, 1, 0);
    check_number_is_refused(true, 1, 1);
}

/* The right residue in another representative: a second signature for those who only reduce. */
TEST(p256__order_added_to_r_or_s__refused)
{
    for (int which = 0; which < 2; which++) {
        struct fixture f = signed_once();
        BIGNUM *n = order(), *v = number(&f, which == 1);
        assert_int_equal(BN_add(v, v, n), 1);
        set_numbers(&f, which == 0 ? v : NULL, which == 1 ? v : NULL);
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
        BN_free(n);
        BN_free(v);
        done(&f);
    }
}

/* ------------------------------------------------------------- DER, not BER */

/* A signature 30 44 02 20 r 02 20 s: both numbers fill 32 bytes and begin with a bit of zero. */
static struct fixture plain_numbers(void)
{
    struct fixture f = signed_once();
    while (f.sig_len != 70 || f.sig[3] != 32 || f.sig[37] != 32)
        sign(&f);
    return f;
}

/* The good signature with `head` in place of its first `drop` bytes, then `tail`. */
static void check_variant(size_t drop, sev_slice head, sev_slice tail)
{
    struct fixture f = plain_numbers(), g = f;
    sev_buf out = sev_buf_of(g.sig, sizeof g.sig);
    CHECK_OK(verify(&f));
    sev_buf_put_slice(&out, head);
    sev_buf_put(&out, f.sig + drop, 70 - drop);
    sev_buf_put_slice(&out, tail);
    CHECK(!out.overflow);
    g.sig_len = out.len;
    CHECK_ERR(verify(&g), SEV_E_SIGNATURE);
    done(&f);
}

TEST(p256__bytes_after_the_signature__refused)
{
    check_variant(0, SEV_EMPTY, SEV_LIT("\x00"));
    check_variant(0, SEV_EMPTY, SEV_LIT("\x30\x00"));
}

TEST(p256__bytes_after_s_inside_the_sequence__refused)
{
    check_variant(2, SEV_LIT("\x30\x45"), SEV_LIT("\x00"));
    check_variant(2, SEV_LIT("\x30\x47"), SEV_LIT("\x02\x01\x01"));
}

TEST(p256__ber_length_in_long_form__refused)
{
    check_variant(2, SEV_LIT("\x30\x81\x44"), SEV_EMPTY);
    check_variant(2, SEV_LIT("\x30\x82\x00\x44"), SEV_EMPTY);
    check_variant(2, SEV_LIT("\x30\x83\x00\x00\x44"), SEV_EMPTY);
    check_variant(4, SEV_LIT("\x30\x45\x02\x81\x20"), SEV_EMPTY);
    check_variant(2, SEV_LIT("\x30\x84\xff\xff\xff\xff"), SEV_EMPTY);
}

TEST(p256__ber_indefinite_length__refused)
{
    check_variant(2, SEV_LIT("\x30\x80"), SEV_LIT("\x00\x00"));
}

TEST(p256__number_padded_with_zero__refused)
{
    check_variant(4, SEV_LIT("\x30\x45\x02\x21\x00"), SEV_EMPTY);
    check_variant(4, SEV_LIT("\x30\x46\x02\x22\x00\x00"), SEV_EMPTY);
}

TEST(p256__negative_number__refused)
{
    for (int which = 0; which < 2; which++) {
        struct fixture f = plain_numbers();
        f.sig[which == 0 ? 4 : 38] |= 0x80;
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
        done(&f);
    }
}

TEST(p256__other_tag_than_sequence_or_integer__refused)
{
    check_variant(1, SEV_LIT("\x31"), SEV_EMPTY);
    check_variant(3, SEV_LIT("\x30\x44\x03"), SEV_EMPTY);
    check_variant(1, SEV_LIT("\x10"), SEV_EMPTY);
}

TEST(p256__empty_sequence_numbers_or_no_der_at_all__refused)
{
    static const char *const texts[] = {"3000", "300402000200", "3003020101", "30", "02"};
    struct fixture f = plain_numbers();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sev_buf out = sev_buf_of(f.sig, sizeof f.sig);
        CHECK_OK(sev_hex_decode(sev_slice_of(texts[i], strlen(texts[i])), &out));
        f.sig_len = out.len;
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
    }
    done(&f);
    f = plain_numbers(); /* r || s, as IEEE P1363 has it */
    memmove(f.sig, f.sig + 4, 32);
    memmove(f.sig + 32, f.sig + 38, 32);
    f.sig_len = 64;
    CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
    done(&f);
}

TEST(p256__signature_cut_anywhere__refused)
{
    struct fixture f = signed_once();
    size_t len = f.sig_len;
    for (f.sig_len = 0; f.sig_len < len; f.sig_len++)
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE);
    done(&f);
}

TEST(p256__number_wider_than_256_bits__refused)
{
    struct fixture f = signed_once();
    BIGNUM *v = BN_new();
    for (int bits = 257; bits < 270; bits++) {
        BN_set_word(v, 1);
        assert_int_equal(BN_lshift(v, v, bits - 1), 1);
        struct fixture g = f;
        set_numbers(&g, v, NULL);
        CHECK_ERR(verify(&g), SEV_E_SIGNATURE);
    }
    BN_free(v);
    done(&f);
}

/* -------------------------------------------------------------- hostile keys */

/* On y^2 = x^3 - 3x + b' for another b' there are points of small order, and under those a
 * signature can be made up. Y is all that must be changed. REQ-A02, REQ-H33 */
TEST(p256__point_not_on_the_curve__bad_key)
{
    struct fixture f = signed_once();
    for (int i = 1; i < 65; i++) {
        f.key.material[i] ^= 0x55;
        CHECK_ERR(verify(&f), SEV_E_KEY);
        f.key.material[i] ^= 0x55;
    }
    memset(f.key.material + 1, 0, 64);
    CHECK_ERR(verify(&f), SEV_E_KEY); /* 0, 0 */
    done(&f);
}

TEST(p256__infinity_compressed_or_hybrid_point__bad_key)
{
    struct fixture f = signed_once();
    struct fixture g = f;
    g.key.len = 1;
    g.key.material[0] = 0x00;
    CHECK_ERR(verify(&g), SEV_E_KEY);
    g = f;
    g.key.len = 33;
    g.key.material[0] = (uint8_t)(0x02 | (f.key.material[64] & 1));
    CHECK_ERR(verify(&g), SEV_E_KEY);
    g = f;
    g.key.material[0] = (uint8_t)(0x06 | (f.key.material[64] & 1));
    CHECK_ERR(verify(&g), SEV_E_KEY);
    done(&f);
}

TEST(p256__key_of_another_length__bad_key)
{
    struct fixture f = signed_once();
    f.key.len = 64;
    CHECK_ERR(verify(&f), SEV_E_KEY);
    f.key.len = 66;
    CHECK_ERR(verify(&f), SEV_E_KEY);
    f.key.len = 0;
    CHECK_ERR(verify(&f), SEV_E_KEY);
    f.key.len = 0xffff;
    CHECK_ERR(verify(&f), SEV_E_KEY);
    done(&f);
}

/* x + p and y + p stand for the same point, but would count as another key. Only a coordinate that
 * is tiny leaves room for p below 2^256. */
TEST(p256__coordinate_not_reduced__bad_key)
{
    struct fixture f = signed_once();
    BIGNUM *p = prime(), *x = BN_new(), *y = BN_new(), *t = BN_new();
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *q = EC_POINT_new(g);
    int found = 0;
    for (BN_ULONG small = 0; small < 20; small++) {
        BN_set_word(x, small);
        if (EC_POINT_set_compressed_coordinates(g, q, x, 0, NULL) != 1)
            continue;
        assert_int_equal(EC_POINT_get_affine_coordinates(g, q, x, y, NULL), 1);
        BN_bn2binpad(x, f.key.material + 1, 32);
        BN_bn2binpad(y, f.key.material + 33, 32);
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE); /* a usable key, only not the signer's */
        assert_int_equal(BN_add(t, x, p), 1);
        BN_bn2binpad(t, f.key.material + 1, 32);
        CHECK_ERR(verify(&f), SEV_E_KEY);
        found++;
    }
    CHECK(found > 3);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    BN_free(p);
    BN_free(x);
    BN_free(y);
    BN_free(t);
    done(&f);
}

/* The same for y: the roots x of x^3 - 3x + b - y^2 for two small y, solved apart from this code.
 */
TEST(p256__y_coordinate_not_reduced__bad_key)
{
    static const struct {
        BN_ULONG y;
        const char *x;
    } points[] = {{1, "6916fac45e568b6b9e2e2ecd611b282e5fcc40a3067d601057f879ce5a8a73cc"},
                  {5, "d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7"}};
    struct fixture f = signed_once();
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        BIGNUM *y = prime();
        sev_buf x = sev_buf_of(f.key.material + 1, 32);
        CHECK_OK(sev_hex_decode(sev_slice_of(points[i].x, 64), &x));
        assert_int_equal(BN_add_word(y, points[i].y), 1);
        BN_bn2binpad(y, f.key.material + 33, 32);
        CHECK_ERR(verify(&f), SEV_E_KEY);
        BN_set_word(y, points[i].y);
        BN_bn2binpad(y, f.key.material + 33, 32);
        CHECK_ERR(verify(&f), SEV_E_SIGNATURE); /* a usable key, only not the signer's */
        BN_free(y);
    }
    done(&f);
}

TEST(p256__no_other_type__is_verified_with_p256_material)
{
    struct fixture f = signed_once();
    f.key.type = SEV_KEY_UNKNOWN;
    CHECK_ERR(verify(&f), SEV_E_UNSUPPORTED);
    f.key.type = SEV_KEY_X25519;
    CHECK_ERR(verify(&f), SEV_E_UNSUPPORTED);
    f.key.type = SEV_KEY_SECP256K1; /* REQ-A06 */
    CHECK_ERR(verify(&f), SEV_PROVIDER_EVERYTHING ? SEV_E_KEY : SEV_E_UNSUPPORTED);
    f.key.type = SEV_KEY_ED25519;
    CHECK_ERR(verify(&f), SEV_PROVIDER_EVERYTHING ? SEV_E_KEY : SEV_E_UNSUPPORTED);
    f.key.type = SEV_KEY_RSA;
    CHECK_ERR(verify(&f), SEV_PROVIDER_EVERYTHING ? SEV_E_KEY : SEV_E_UNSUPPORTED);
    done(&f);
}
