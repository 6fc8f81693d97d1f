/* Private keys and what protects them: every failure names its reason and writes nothing.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "secureev/crypto_hosted.h"
#include "secureev/limits.h"
#include "secureev/signing.h"
#include "secureev/spki.h"
#include "secureev/text.h"

static const struct kind {
    sev_key_type type;
    unsigned rsa_bits;
} kinds[] = {{SEV_KEY_P256, 0},   {SEV_KEY_ED25519, 0}, {SEV_KEY_SECP256K1, 0},
             {SEV_KEY_X25519, 0}, {SEV_KEY_RSA, 2048},  {SEV_KEY_RSA, 3072}};
#define KINDS (sizeof kinds / sizeof kinds[0])

static struct sev_privkey *generate(const struct kind *kind)
{
    struct sev_privkey *key = NULL;
    CHECK_OK(sev_privkey_generate(kind->type, kind->rsa_bits, &key));
    return key;
}

static struct sev_privkey *p256(void)
{
    return generate(&kinds[0]);
}

static sev_err verify(const struct sev_pubkey *key, sev_slice msg, sev_slice sig)
{
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_sha256(msg, sha256);
    return sev_crypto_verify(NULL, key, msg, sha256, sig);
}

static void check_same_key(const struct sev_privkey *a, const struct sev_privkey *b)
{
    const struct sev_pubkey *x = sev_privkey_public(a), *y = sev_privkey_public(b);
    CHECK_EQ(x->type, y->type);
    CHECK_SLICE(sev_slice_of(x->material, x->len), sev_slice_of(y->material, y->len));
}

/* ---------------------------------------------------------------- generation */

TEST(signing__every_type__signs_what_verifies) /* REQ-A06 */
{
    for (size_t i = 0; i < KINDS; i++) {
        struct sev_privkey *key = generate(&kinds[i]);
        uint8_t room[SEV_SIG_BYTES_MAX];
        sev_buf sig = sev_buf_of(room, sizeof room);
        sev_err e = sev_privkey_sign(key, SEV_LIT("message"), &sig);
        CHECK_EQ(sev_privkey_public(key)->type, kinds[i].type);
        if (kinds[i].type == SEV_KEY_X25519) {
            CHECK_ERR(e, SEV_E_UNSUPPORTED);
            CHECK_EQ(sig.len, 0);
        } else {
            CHECK_OK(e);
            CHECK_OK(verify(sev_privkey_public(key), SEV_LIT("message"), sev_buf_slice(&sig)));
            CHECK_ERR(verify(sev_privkey_public(key), SEV_LIT("messagE"), sev_buf_slice(&sig)),
                      SEV_E_SIGNATURE);
        }
        sev_privkey_free(key);
    }
}

TEST(signing__empty_message__signs_what_verifies)
{
    for (size_t i = 0; i < KINDS; i++) {
        uint8_t room[SEV_SIG_BYTES_MAX];
        sev_buf sig = sev_buf_of(room, sizeof room);
        if (kinds[i].type == SEV_KEY_X25519)
            continue;
        struct sev_privkey *key = generate(&kinds[i]);
        CHECK_OK(sev_privkey_sign(key, SEV_EMPTY, &sig));
        CHECK_OK(verify(sev_privkey_public(key), SEV_EMPTY, sev_buf_slice(&sig)));
        sev_privkey_free(key);
    }
}

TEST(signing__two_generations__differ)
{
    struct sev_privkey *a = p256(), *b = p256();
    CHECK(memcmp(sev_privkey_public(a)->material, sev_privkey_public(b)->material, 65) != 0);
    sev_privkey_free(a);
    sev_privkey_free(b);
}

TEST(signing__rsa_4096__fits_all_bounds)
{
    static const struct kind rsa = {SEV_KEY_RSA, 4096};
    static uint8_t room[SEV_PRIVKEY_BYTES_MAX], sig_room[SEV_SIG_BYTES_MAX];
    struct sev_privkey *key = generate(&rsa);
    sev_buf out = sev_buf_of(room, sizeof room), sig = sev_buf_of(sig_room, sizeof sig_room);
    CHECK_OK(sev_privkey_to_pem(key, SEV_LIT("a passphrase"), &out));
    CHECK_OK(sev_privkey_sign(key, SEV_LIT("m"), &sig));
    CHECK_EQ(sig.len, 512);
    CHECK_OK(verify(sev_privkey_public(key), SEV_LIT("m"), sev_buf_slice(&sig)));
    sev_privkey_free(key);
}

TEST(signing__type_or_size_that_we_do_not_make__unsupported)
{
    struct sev_privkey *key = NULL;
    CHECK_ERR(sev_privkey_generate(SEV_KEY_UNKNOWN, 0, &key), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_generate((sev_key_type)77, 0, &key), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_generate(SEV_KEY_RSA, 0, &key), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_generate(SEV_KEY_RSA, 1024, &key), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_generate(SEV_KEY_RSA, 2560, &key), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_privkey_generate(SEV_KEY_P256, 2048, &key), SEV_E_UNSUPPORTED);
    CHECK(key == NULL);
    sev_privkey_free(NULL);
}

TEST(signing__signature_that_does_not_fit__nothing_written)
{
    struct sev_privkey *key = p256();
    uint8_t room[68];
    sev_buf sig = sev_buf_of(room, 60);
    memset(room, 0x33, sizeof room);
    CHECK_ERR(sev_privkey_sign(key, SEV_LIT("m"), &sig), SEV_E_MEMORY);
    CHECK_EQ(sig.len, 0);
    for (size_t i = 0; i < sizeof room; i++)
        CHECK_EQ(room[i], 0x33);
    sev_privkey_free(key);
}

/* -------------------------------------------------------------------- PKCS#8 */

TEST(signing__pkcs8_there_and_back__same_key_for_every_type)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct sev_privkey *key = generate(&kinds[i]), *back = NULL;
        uint8_t room[SEV_PRIVKEY_BYTES_MAX];
        sev_buf der = sev_buf_of(room, sizeof room);
        CHECK_OK(sev_privkey_to_pkcs8(key, &der));
        CHECK_OK(sev_privkey_from_pkcs8(sev_buf_slice(&der), &back));
        check_same_key(key, back);
        sev_privkey_free(key);
        sev_privkey_free(back);
    }
}

TEST(signing__pkcs8_cut_extended_or_damaged__refused)
{
    struct sev_privkey *key = p256(), *back = NULL;
    uint8_t room[SEV_PRIVKEY_BYTES_MAX];
    sev_buf der = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_privkey_to_pkcs8(key, &der));
    for (size_t len = 0; len < der.len; len++)
        CHECK_ERR(sev_privkey_from_pkcs8(sev_slice_of(room, len), &back), SEV_E_KEY);
    room[der.len] = 0;
    CHECK_ERR(sev_privkey_from_pkcs8(sev_slice_of(room, der.len + 1), &back), SEV_E_KEY);
    CHECK(back == NULL);
    sev_privkey_free(key);
}

/* The public half inside belongs to another key, or is none: then a signature helps nobody. */
TEST(signing__pkcs8_with_a_foreign_public_half__refused)
{
    struct sev_privkey *key = p256(), *other = p256(), *back = NULL;
    uint8_t room[SEV_PRIVKEY_BYTES_MAX];
    sev_buf der = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_privkey_to_pkcs8(key, &der));
    uint8_t *public_half = room + der.len - 65; /* the last element of ECPrivateKey */
    CHECK_SLICE(sev_slice_of(public_half, 65), sev_slice_of(sev_privkey_public(key)->material, 65));
    memcpy(public_half, sev_privkey_public(other)->material, 65);
    CHECK_ERR(sev_privkey_from_pkcs8(sev_buf_slice(&der), &back), SEV_E_KEY);
    public_half[1] ^= 1;
    CHECK_ERR(sev_privkey_from_pkcs8(sev_buf_slice(&der), &back), SEV_E_KEY);
    sev_privkey_free(key);
    sev_privkey_free(other);
}

static sev_err import_openssl_key(EVP_PKEY *pkey)
{
    struct sev_privkey *back = NULL;
    uint8_t *der = NULL;
    CHECK(pkey != NULL);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    sev_err e = sev_privkey_from_pkcs8(sev_slice_of(der, (size_t)len), &back);
    sev_privkey_free(back);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
    return e;
}

TEST(signing__pkcs8_of_other_curves_types_and_sizes__refused)
{
    CHECK_OK(import_openssl_key(EVP_EC_gen("P-256")));
    CHECK_ERR(import_openssl_key(EVP_EC_gen("P-384")), SEV_E_UNSUPPORTED);
    CHECK_ERR(import_openssl_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED448")), SEV_E_UNSUPPORTED);
    CHECK_ERR(import_openssl_key(EVP_RSA_gen(1024)), SEV_E_KEY);
}

TEST(signing__pkcs8_that_does_not_fit__nothing_written)
{
    struct sev_privkey *key = p256();
    uint8_t room[100];
    sev_buf out = sev_buf_of(room, sizeof room);
    memset(room, 0x33, sizeof room);
    CHECK_ERR(sev_privkey_to_pkcs8(key, &out), SEV_E_MEMORY);
    CHECK_ERR(sev_privkey_to_pem(key, SEV_EMPTY, &out), SEV_E_MEMORY);
    CHECK_EQ(out.len, 0);
    for (size_t i = 0; i < sizeof room; i++)
        CHECK_EQ(room[i], 0x33);
    sev_privkey_free(key);
}

/* ----------------------------------------------------------------------- PEM */

static sev_slice pem_of(const struct sev_privkey *key, sev_slice passphrase)
{
    static uint8_t room[SEV_PRIVKEY_BYTES_MAX];
    sev_buf out = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_privkey_to_pem(key, passphrase, &out));
    return sev_buf_slice(&out);
}

static bool contains(sev_slice text, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.ptr + i, part, n) == 0)
            return true;
    return false;
}

TEST(signing__pem_there_and_back__same_key_for_every_type)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct sev_privkey *key = generate(&kinds[i]), *back = NULL;
        sev_slice pem = pem_of(key, SEV_EMPTY);
        CHECK(contains(pem, "-----BEGIN PRIVATE KEY-----\n"));
        CHECK_OK(sev_privkey_from_pem(pem, SEV_EMPTY, &back));
        check_same_key(key, back);
        sev_privkey_free(back);
        pem = pem_of(key, SEV_LIT("correct horse"));
        CHECK(contains(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        CHECK_OK(sev_privkey_from_pem(pem, SEV_LIT("correct horse"), &back));
        check_same_key(key, back);
        sev_privkey_free(back);
        sev_privkey_free(key);
    }
}

TEST(signing__pem_with_a_wrong_or_missing_passphrase__named)
{
    struct sev_privkey *key = p256(), *back = NULL;
    sev_slice pem = pem_of(key, SEV_LIT("correct horse"));
    CHECK_ERR(sev_privkey_from_pem(pem, SEV_LIT("correct hors"), &back), SEV_E_PASSPHRASE);
    CHECK_ERR(sev_privkey_from_pem(pem, SEV_LIT("correct horse "), &back), SEV_E_PASSPHRASE);
    CHECK_ERR(sev_privkey_from_pem(pem, SEV_LIT(""), &back), SEV_E_PASSPHRASE);
    CHECK_ERR(sev_privkey_from_pem(pem, SEV_EMPTY, &back), SEV_E_PASSPHRASE);
    CHECK(back == NULL);
    sev_privkey_free(key);
}

TEST(signing__empty_passphrase_for_encryption__refused)
{
    struct sev_privkey *key = p256();
    uint8_t room[SEV_PRIVKEY_BYTES_MAX];
    sev_buf out = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_privkey_to_pem(key, SEV_LIT(""), &out), SEV_E_PASSPHRASE);
    CHECK_EQ(out.len, 0);
    sev_privkey_free(key);
}

TEST(signing__pem_of_something_else__bad_key)
{
    struct sev_privkey *back = NULL;
    CHECK_ERR(sev_privkey_from_pem(SEV_EMPTY, SEV_EMPTY, &back), SEV_E_KEY);
    CHECK_ERR(sev_privkey_from_pem(SEV_LIT("hello\n"), SEV_EMPTY, &back), SEV_E_KEY);
    CHECK_ERR(sev_privkey_from_pem(SEV_LIT("-----BEGIN PRIVATE KEY-----\nMIIB\n"
                                           "-----END PRIVATE KEY-----\n"),
                                   SEV_EMPTY, &back),
              SEV_E_KEY);
    CHECK(back == NULL);
}

/* What `openssl ecparam -genkey` writes: parameters first, then the old form. */
TEST(signing__pem_in_the_old_form_of_openssl__read)
{
    struct sev_privkey *back = NULL;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK_EQ(BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                           "-----END EC PARAMETERS-----\n") > 0,
             1);
    CHECK_EQ(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    CHECK(contains(sev_slice_of(text, (size_t)len), "BEGIN EC PRIVATE KEY"));
    CHECK_OK(sev_privkey_from_pem(sev_slice_of(text, (size_t)len), SEV_EMPTY, &back));
    CHECK_EQ(sev_privkey_public(back)->type, SEV_KEY_P256);
    sev_privkey_free(back);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

/* --------------------------------------------------------------- public keys */

static sev_slice openssl_spki(EVP_PKEY *pkey, bool compressed)
{
    static uint8_t room[1024];
    uint8_t *p = room;
    if (compressed)
        CHECK_EQ(EVP_PKEY_set_utf8_string_param(pkey, "point-format", "compressed"), 1);
    int len = i2d_PUBKEY(pkey, &p);
    CHECK(len > 0 && (size_t)len <= sizeof room);
    return sev_slice_of(room, (size_t)len);
}

TEST(signing__public_key_from_der__as_the_core_reads_it)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct sev_privkey *key = generate(&kinds[i]);
        struct sev_pubkey a, b;
        uint8_t room[640];
        sev_buf der = sev_buf_of(room, sizeof room);
        CHECK_OK(sev_spki_encode(sev_privkey_public(key), &der));
        CHECK_OK(sev_pubkey_from_der(sev_buf_slice(&der), &a));
        CHECK_OK(sev_spki_decode(sev_buf_slice(&der), &b));
        CHECK_EQ(a.type, b.type);
        CHECK_SLICE(sev_slice_of(a.material, a.len), sev_slice_of(b.material, b.len));
        room[der.len] = 0;
        CHECK_ERR(sev_pubkey_from_der(sev_slice_of(room, der.len + 1), &a), SEV_E_KEY);
        CHECK_ERR(sev_pubkey_from_der(sev_slice_of(room, der.len - 1), &a), SEV_E_KEY);
        sev_privkey_free(key);
    }
}

TEST(signing__compressed_point__becomes_normal_form)
{
    static const char *const curves[] = {"P-256", "secp256k1"};
    for (int i = 0; i < 10; i++) {
        EVP_PKEY *pkey = EVP_EC_gen(curves[i % 2]);
        struct sev_pubkey plain, expanded, core;
        CHECK_OK(sev_pubkey_from_der(openssl_spki(pkey, false), &plain));
        sev_slice small = openssl_spki(pkey, true);
        CHECK(small.len < 60);
        CHECK_OK(sev_pubkey_from_der(small, &expanded));
        CHECK_SLICE(sev_slice_of(plain.material, plain.len),
                    sev_slice_of(expanded.material, expanded.len));
        CHECK_ERR(sev_spki_decode(small, &core), SEV_E_UNSUPPORTED);
        EVP_PKEY_free(pkey);
    }
}

/* One line of base64, short lines, CRLF, text before and after. */
TEST(signing__pem_of_public_key_with_odd_lines__read)
{
    struct sev_privkey *key = p256();
    uint8_t room[200], pem[1000];
    static const size_t widths[] = {1, 16, 64, 76, 1000};
    sev_buf der = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_spki_encode(sev_privkey_public(key), &der));
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        uint8_t line[400];
        sev_buf text = sev_buf_of(line, sizeof line), out = sev_buf_of(pem, sizeof pem);
        sev_base64_encode(sev_buf_slice(&der), &text);
        sev_buf_put_slice(&out, SEV_LIT("a comment\n-----BEGIN PUBLIC KEY-----\r\n"));
        for (size_t at = 0; at < text.len; at += widths[i]) {
            sev_buf_put_slice(&out, sev_slice_sub(sev_buf_slice(&text), at, widths[i]));
            sev_buf_put_slice(&out, SEV_LIT("\r\n"));
        }
        sev_buf_put_slice(&out, SEV_LIT("-----END PUBLIC KEY-----\r\n"));
        CHECK(!out.overflow);
        struct sev_pubkey back;
        CHECK_OK(sev_pubkey_from_pem(sev_buf_slice(&out), &back));
        CHECK_SLICE(sev_slice_of(back.material, back.len),
                    sev_slice_of(sev_privkey_public(key)->material, 65));
    }
    sev_privkey_free(key);
}

static sev_err import_public(EVP_PKEY *pkey)
{
    struct sev_pubkey key;
    sev_err e = sev_pubkey_from_der(openssl_spki(pkey, false), &key);
    EVP_PKEY_free(pkey);
    return e;
}

TEST(signing__public_key_that_is_not_usable__named)
{
    struct sev_pubkey key;
    CHECK_ERR(import_public(EVP_EC_gen("P-384")), SEV_E_UNSUPPORTED);
    CHECK_ERR(import_public(EVP_RSA_gen(1024)), SEV_E_KEY);
    CHECK_ERR(import_public(EVP_PKEY_Q_keygen(NULL, NULL, "ED448")), SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_pubkey_from_pem(SEV_LIT("hello"), &key), SEV_E_KEY);
    CHECK_ERR(sev_pubkey_from_pem(SEV_EMPTY, &key), SEV_E_KEY);
    CHECK_ERR(sev_pubkey_from_der(SEV_EMPTY, &key), SEV_E_KEY);
    EVP_PKEY *pkey = EVP_EC_gen("P-256"); /* its curve spelt out instead of named */
    CHECK_EQ(EVP_PKEY_set_utf8_string_param(pkey, "encoding", "explicit"), 1);
    CHECK_ERR(import_public(pkey), SEV_E_KEY);
}

TEST(signing__failures__leave_the_error_queue_empty)
{
    struct sev_pubkey key;
    struct sev_privkey *back = NULL;
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    CHECK_ERR(sev_pubkey_from_pem(SEV_LIT("hello"), &key), SEV_E_KEY);
    CHECK_ERR(sev_pubkey_from_der(SEV_LIT("0000"), &key), SEV_E_KEY);
    CHECK_ERR(sev_privkey_from_pkcs8(SEV_LIT("0000"), &back), SEV_E_KEY);
    CHECK_ERR(sev_privkey_from_pem(SEV_LIT("0000"), SEV_EMPTY, &back), SEV_E_KEY);
    CHECK_EQ(ERR_peek_error(), 0);
}

/* ---------------------------------------------------------- secrets at rest */

TEST(random__two_draws__differ)
{
    uint8_t a[32] = {0}, b[32] = {0};
    CHECK_OK(sev_random(a, sizeof a));
    CHECK_OK(sev_random(b, sizeof b));
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK_ERR(sev_random(a, (size_t)-1), SEV_E_RANDOM);
}

static void check_scrypt(sev_slice pass, sev_slice salt, uint64_t n, uint32_t r, uint32_t p,
                         const char *hex)
{
    uint8_t out[64], expected[64];
    sev_buf e = sev_buf_of(expected, sizeof expected);
    CHECK_OK(sev_scrypt(pass, salt, n, r, p, out, sizeof out));
    CHECK_OK(sev_hex_decode(sev_slice_of(hex, strlen(hex)), &e));
    CHECK_SLICE(sev_slice_of(out, 64), sev_buf_slice(&e));
}

/* RFC 7914, section 12. */
TEST(scrypt__rfc_7914_examples__as_published)
{
    check_scrypt(SEV_LIT(""), SEV_LIT(""), 16, 1, 1,
                 "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                 "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
    check_scrypt(SEV_LIT("password"), SEV_LIT("NaCl"), 1024, 8, 16,
                 "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                 "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    check_scrypt(SEV_LIT("pleaseletmein"), SEV_LIT("SodiumChloride"), 16384, 8, 1,
                 "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                 "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

/* 64 MiB: more than OpenSSL allows unless told. */
TEST(scrypt__cost_above_openssls_own_bound__works)
{
    uint8_t out[32];
    CHECK_OK(sev_scrypt(SEV_LIT("p"), SEV_LIT("s"), 1 << 16, 8, 1, out, sizeof out));
}

TEST(scrypt__cost_that_is_not_defined__malformed)
{
    uint8_t out[32];
    static const struct {
        uint64_t n;
        uint32_t r, p;
    } bad[] = {{0, 8, 1},  {1, 8, 1},       {3, 8, 1},  {16, 0, 1},
               {16, 8, 0}, {1 << 16, 1, 1}, {48, 8, 1}, {16, 8, 1u << 30}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(sev_scrypt(SEV_LIT("p"), SEV_LIT("s"), bad[i].n, bad[i].r, bad[i].p, out, 32),
                  SEV_E_MALFORMED);
    CHECK_ERR(sev_scrypt(SEV_LIT("p"), SEV_LIT("s"), UINT64_C(1) << 62, 8, 1, out, 32),
              SEV_E_MEMORY);
}

struct sealed {
    uint8_t key[32], nonce[12], room[64];
    sev_buf out;
};

static struct sealed sealed_example(void)
{
    struct sealed s = {.key = {1, 2, 3}, .nonce = {4, 5, 6}};
    s.out = sev_buf_of(NULL, 0);
    return s;
}

TEST(aes256gcm__sealed_and_opened__same_bytes_and_any_bit_changed_refused)
{
    struct sealed s = sealed_example();
    uint8_t plain[64];
    s.out = sev_buf_of(s.room, sizeof s.room);
    CHECK_OK(sev_aes256gcm_seal(s.key, s.nonce, SEV_LIT("header"), SEV_LIT("secret"), &s.out));
    CHECK_EQ(s.out.len, 6 + SEV_GCM_TAG_BYTES);
    sev_buf p = sev_buf_of(plain, sizeof plain);
    CHECK_OK(sev_aes256gcm_open(s.key, s.nonce, SEV_LIT("header"), sev_buf_slice(&s.out), &p));
    CHECK_TEXT(sev_buf_slice(&p), "secret");
    for (size_t bit = 0; bit < 8 * s.out.len; bit++) {
        s.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        p.len = 0;
        memset(plain, 0, sizeof plain);
        CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_LIT("header"), sev_buf_slice(&s.out), &p),
                  SEV_E_MALFORMED);
        CHECK_EQ(p.len, 0);
        for (size_t i = 0; i < sizeof plain; i++)
            CHECK_EQ(plain[i], 0);
        s.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_LIT("headeR"), sev_buf_slice(&s.out), &p),
              SEV_E_MALFORMED);
    s.nonce[11] ^= 1;
    CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_LIT("header"), sev_buf_slice(&s.out), &p),
              SEV_E_MALFORMED);
    s.nonce[11] ^= 1;
    s.key[0] ^= 1;
    CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_LIT("header"), sev_buf_slice(&s.out), &p),
              SEV_E_MALFORMED);
}

TEST(aes256gcm__empty_plaintext_or_header__works)
{
    struct sealed s = sealed_example();
    uint8_t plain[8];
    s.out = sev_buf_of(s.room, sizeof s.room);
    sev_buf p = sev_buf_of(plain, sizeof plain);
    CHECK_OK(sev_aes256gcm_seal(s.key, s.nonce, SEV_EMPTY, SEV_EMPTY, &s.out));
    CHECK_EQ(s.out.len, SEV_GCM_TAG_BYTES);
    CHECK_OK(sev_aes256gcm_open(s.key, s.nonce, SEV_EMPTY, sev_buf_slice(&s.out), &p));
    CHECK_EQ(p.len, 0);
}

TEST(aes256gcm__sealed_bytes_too_short_or_no_room__refused)
{
    struct sealed s = sealed_example();
    uint8_t plain[8];
    s.out = sev_buf_of(s.room, 6 + SEV_GCM_TAG_BYTES - 1);
    CHECK_ERR(sev_aes256gcm_seal(s.key, s.nonce, SEV_EMPTY, SEV_LIT("secret"), &s.out),
              SEV_E_MEMORY);
    CHECK_EQ(s.out.len, 0);
    s.out = sev_buf_of(s.room, sizeof s.room);
    CHECK_OK(sev_aes256gcm_seal(s.key, s.nonce, SEV_EMPTY, SEV_LIT("secret"), &s.out));
    sev_buf p = sev_buf_of(plain, 5);
    CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_EMPTY, sev_buf_slice(&s.out), &p),
              SEV_E_MEMORY);
    for (size_t len = 0; len < SEV_GCM_TAG_BYTES; len++)
        CHECK_ERR(sev_aes256gcm_open(s.key, s.nonce, SEV_EMPTY, sev_slice_of(s.room, len), &p),
                  SEV_E_MALFORMED);
}
