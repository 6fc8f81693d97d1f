/* SubjectPublicKeyInfo: OpenSSL says what is right, and each test breaks one thing of it.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "secureev/signing.h"
#include "secureev/spki.h"
#include "secureev/text.h"

static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_SECP256K1, SEV_KEY_ED25519,
                                     SEV_KEY_X25519, SEV_KEY_RSA};
#define TYPES (sizeof types / sizeof types[0])

static struct sev_pubkey key_of(sev_key_type type)
{
    struct sev_privkey *key = NULL;
    CHECK_OK(sev_privkey_generate(type, type == SEV_KEY_RSA ? 2048 : 0, &key));
    struct sev_pubkey public_key = *sev_privkey_public(key);
    sev_privkey_free(key);
    return public_key;
}

/* The reader for P-256 alone accepts what the general one calls such a key, and nothing else. */
static void decode_p256(sev_slice der, bool is_one, const struct sev_pubkey *key)
{
    uint8_t point[64], before[64];
    memset(point, 0xa3, sizeof point);
    memcpy(before, point, sizeof point);
    CHECK_ERR(sev_spki_decode_p256(der, point), is_one ? SEV_OK : SEV_E_KEY);
    assert_memory_equal(point, is_one ? key->material + 1 : before, sizeof point);
}

/* A decoded key must come with SEV_OK, and any other answer leave the output as it was. */
static sev_err decode(sev_slice der, struct sev_pubkey *out)
{
    struct sev_pubkey key;
    memset(&key, 0x5c, sizeof key);
    struct sev_pubkey before = key;
    sev_err e = sev_spki_decode(der, &key);
    if (e != SEV_OK)
        assert_memory_equal(&key, &before, sizeof key);
    else if (out != NULL)
        *out = key;
    decode_p256(der, e == SEV_OK && key.type == SEV_KEY_P256, &key);
    return e;
}

/* ------------------------------------------------------- pieces of broken DER */

/* Bytes follow the piece in memory: a reader that goes too far finds something to read. */
struct der {
    uint8_t bytes[1400];
    size_t len;
};

static struct der empty(void)
{
    struct der d = {.len = 0};
    memset(d.bytes, 0x02, sizeof d.bytes);
    return d;
}

static struct der hex(const char *text)
{
    struct der d = empty();
    sev_buf b = sev_buf_of(d.bytes, sizeof d.bytes);
    CHECK_OK(sev_hex_decode(sev_slice_of(text, strlen(text)), &b));
    d.len = b.len;
    return d;
}

static struct der join(struct der a, struct der b)
{
    CHECK(a.len + b.len <= sizeof a.bytes);
    memcpy(a.bytes + a.len, b.bytes, b.len);
    a.len += b.len;
    return a;
}

static struct der wrap(uint8_t tag, struct der inner)
{
    struct der d = empty();
    d.bytes[d.len++] = tag;
    if (inner.len >= 0x100) {
        d.bytes[d.len++] = 0x82;
        d.bytes[d.len++] = (uint8_t)(inner.len >> 8);
    } else if (inner.len >= 0x80) {
        d.bytes[d.len++] = 0x81;
    }
    d.bytes[d.len++] = (uint8_t)inner.len;
    return join(d, inner);
}

static struct der material(const struct sev_pubkey *key)
{
    struct der d = empty();
    d.bytes[0] = 0; /* no unused bits */
    memcpy(d.bytes + 1, key->material, key->len);
    d.len = key->len + 1u;
    return d;
}

static struct der spki(struct der algorithm, struct der bits)
{
    return wrap(0x30, join(wrap(0x30, algorithm), wrap(0x03, bits)));
}

static sev_err verdict(struct der d, struct sev_pubkey *out)
{
    return decode(sev_slice_of(d.bytes, d.len), out);
}

#define OID_EC "06072a8648ce3d0201"
#define OID_P256 "06082a8648ce3d030107"
#define OID_SECP256K1 "06052b8104000a"
#define OID_P384 "06052b81040022"
#define OID_RSA "06092a864886f70d010101"
#define OID_RSASSA_PSS "06092a864886f70d01010a"
#define OID_ED25519 "06032b6570"
#define OID_X25519 "06032b656e"
#define OID_ML_DSA_44 "0609608648016503040311"

static const char *algorithm_of(sev_key_type type)
{
    switch (type) {
    case SEV_KEY_P256:
        return OID_EC OID_P256;
    case SEV_KEY_SECP256K1:
        return OID_EC OID_SECP256K1;
    case SEV_KEY_ED25519:
        return OID_ED25519;
    case SEV_KEY_X25519:
        return OID_X25519;
    default:
        return OID_RSA "0500";
    }
}

static struct der good(const struct sev_pubkey *key)
{
    return spki(hex(algorithm_of(key->type)), material(key));
}

/* -------------------------------------------------------------------- honest */

TEST(spki__keys_of_openssl__decoded_and_encoded_alike)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct sev_pubkey key = key_of(types[i]), back;
        uint8_t ours[700], *theirs = NULL;
        sev_buf out = sev_buf_of(ours, sizeof ours);
        CHECK_OK(sev_spki_encode(&key, &out));
        const uint8_t *p = ours;
        EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)out.len);
        CHECK(pkey != NULL && p == ours + out.len);
        int len = i2d_PUBKEY(pkey, &theirs);
        CHECK_SLICE(sev_buf_slice(&out), sev_slice_of(theirs, (size_t)len));
        CHECK_OK(decode(sev_slice_of(theirs, (size_t)len), &back));
        CHECK_EQ(back.type, types[i]);
        CHECK_SLICE(sev_slice_of(back.material, back.len), sev_slice_of(key.material, key.len));
        OPENSSL_free(theirs);
        EVP_PKEY_free(pkey);
    }
}

/* The builder of the tests below builds what OpenSSL would. */
TEST(spki__pieces_put_together__decoded)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct sev_pubkey key = key_of(types[i]), back;
        CHECK_OK(verdict(good(&key), &back));
        CHECK_EQ(back.type, types[i]);
    }
}

TEST(spki__algorithm_or_curve_from_the_future__unknown_and_no_error)
{
    static const char *const strangers[] = {OID_ML_DSA_44, OID_EC OID_P384, "06012a0500",
                                            "06032b6571"};
    struct sev_pubkey key = key_of(SEV_KEY_P256), back;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        CHECK_OK(verdict(spki(hex(strangers[i]), material(&key)), &back));
        CHECK_EQ(back.type, SEV_KEY_UNKNOWN);
        CHECK_EQ(back.len, 0);
    }
}

/* ------------------------------------------------------------------ refusals */

TEST(spki__cut_anywhere__bad_key)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct sev_pubkey key = key_of(types[i]);
        struct der d = good(&key);
        for (size_t len = 0; len < d.len; len++)
            CHECK_ERR(decode(sev_slice_of(d.bytes, len), NULL), SEV_E_KEY);
    }
}

TEST(spki__bytes_after_the_key__bad_key)
{
    struct sev_pubkey key = key_of(SEV_KEY_P256);
    CHECK_ERR(verdict(join(good(&key), hex("00")), NULL), SEV_E_KEY);
    struct der algorithm = wrap(0x30, hex(algorithm_of(SEV_KEY_P256)));
    struct der bits = wrap(0x03, material(&key));
    CHECK_ERR(verdict(wrap(0x30, join(algorithm, join(bits, hex("0500")))), NULL), SEV_E_KEY);
}

TEST(spki__other_tags__bad_key)
{
    struct sev_pubkey key = key_of(SEV_KEY_ED25519);
    struct der d = good(&key);
    static const size_t tags_at[] = {0, 2, 4, 9};
    for (size_t i = 0; i < sizeof tags_at / sizeof tags_at[0]; i++) {
        d.bytes[tags_at[i]] ^= 0x01;
        CHECK_ERR(verdict(d, NULL), SEV_E_KEY);
        d.bytes[tags_at[i]] ^= 0x01;
    }
    CHECK_OK(verdict(d, NULL));
}

TEST(spki__lengths_in_ber__bad_key)
{
    struct sev_pubkey key = key_of(SEV_KEY_P256);
    struct der d = good(&key), body = empty();
    body.len = d.len - 2;
    memcpy(body.bytes, d.bytes + 2, body.len);
    CHECK_EQ(body.len, 0x59);
    CHECK_OK(verdict(join(hex("3059"), body), NULL));
    CHECK_ERR(verdict(join(hex("308159"), body), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(hex("30820059"), body), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(hex("3083000059"), body), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(hex("308400000059"), body), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(join(hex("3080"), body), hex("0000")), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(hex("30ff"), body), NULL), SEV_E_KEY);
}

/* 0x80 announces the indefinite form, not 128 bytes: read as a number it would be another way to
 * write the key. Likewise 0x82 00 nn. */
TEST(spki__length_byte_0x80_before_128_bytes__bad_key)
{
    struct der filler = empty();
    filler.bytes[0] = 0;
    filler.len = 128 - 7 - 2;
    struct der body = join(wrap(0x30, hex(OID_ED25519)), wrap(0x03, filler));
    body.bytes[6] ^= 0x01; /* an algorithm from the future, so that its size is free */
    CHECK_EQ(body.len, 128);
    CHECK_OK(verdict(join(hex("308180"), body), NULL));
    CHECK_ERR(verdict(join(hex("3080"), body), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(join(hex("30820080"), body), NULL), SEV_E_KEY);
}

/* The OID's header is all that the algorithm has, or its contents go on outside. What follows in
 * memory would complete it. */
TEST(spki__algorithm_cut_inside_its_oid__bad_key)
{
    static const char *const cut[] = {"", "06", "0602", "06022a", "06822a", "0681"};
    struct sev_pubkey key = key_of(SEV_KEY_ED25519);
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        CHECK_ERR(verdict(spki(hex(cut[i]), material(&key)), NULL), SEV_E_KEY);
}

TEST(spki__bit_string_empty_or_with_unused_bits__bad_key)
{
    struct sev_pubkey key = key_of(SEV_KEY_ED25519);
    struct der bits = material(&key);
    bits.bytes[0] = 1;
    CHECK_ERR(verdict(spki(hex(OID_ED25519), bits), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_ML_DSA_44), bits), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_ML_DSA_44), empty()), NULL), SEV_E_KEY);
}

/* Whoever may choose the generator has a private key for anybody's point. */
TEST(spki__curve_spelt_out_instead_of_named__bad_key)
{
    struct sev_pubkey key = key_of(SEV_KEY_P256);
    CHECK_ERR(verdict(spki(hex(OID_EC "3003020101"), material(&key)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_EC "0500"), material(&key)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_EC), material(&key)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_EC OID_P256 "0500"), material(&key)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_EC OID_P384 OID_P384), material(&key)), NULL), SEV_E_KEY);
}

TEST(spki__parameters_that_the_algorithm_forbids_or_lacks__bad_key)
{
    struct sev_pubkey ed = key_of(SEV_KEY_ED25519), x = key_of(SEV_KEY_X25519);
    struct sev_pubkey rsa = key_of(SEV_KEY_RSA);
    CHECK_ERR(verdict(spki(hex(OID_ED25519 "0500"), material(&ed)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_X25519 "0500"), material(&x)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_RSA), material(&rsa)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_RSA "3000"), material(&rsa)), NULL), SEV_E_KEY);
}

TEST(spki__rsassa_pss_key__bad_key)
{
    struct sev_pubkey rsa = key_of(SEV_KEY_RSA);
    CHECK_ERR(verdict(spki(hex(OID_RSASSA_PSS), material(&rsa)), NULL), SEV_E_KEY);
    CHECK_ERR(verdict(spki(hex(OID_RSASSA_PSS "3000"), material(&rsa)), NULL), SEV_E_KEY);
}

TEST(spki__compressed_point__unsupported_and_named_so)
{
    struct sev_pubkey key = key_of(SEV_KEY_P256);
    key.len = 33;
    for (uint8_t lead = 0; lead < 8; lead++) {
        key.material[0] = lead;
        sev_err e = lead == 2 || lead == 3 ? SEV_E_UNSUPPORTED : SEV_E_KEY;
        CHECK_ERR(verdict(good(&key), NULL), e);
    }
}

TEST(spki__point_of_another_length_or_form__bad_key)
{
    static const uint16_t lengths[] = {0, 1, 64, 66};
    for (size_t i = 0; i < 2; i++) {
        struct sev_pubkey key = key_of(types[i]);
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            key.len = lengths[j];
            CHECK_ERR(verdict(good(&key), NULL), SEV_E_KEY);
        }
        key.len = 65;
        key.material[0] = 0x06; /* hybrid */
        CHECK_ERR(verdict(good(&key), NULL), SEV_E_KEY);
    }
}

TEST(spki__curve25519_key_of_another_length__bad_key)
{
    static const uint16_t lengths[] = {0, 31, 33, 65};
    for (size_t i = 2; i < 4; i++) {
        struct sev_pubkey key = key_of(types[i]);
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            key.len = lengths[j];
            CHECK_ERR(verdict(good(&key), NULL), SEV_E_KEY);
        }
    }
}

static sev_err rsa_verdict(struct der body)
{
    struct der bits = join(hex("00"), wrap(0x30, body));
    return verdict(spki(hex(OID_RSA "0500"), bits), NULL);
}

TEST(spki__rsa_numbers_not_in_der__bad_key)
{
    CHECK_OK(rsa_verdict(hex("020107"
                             "0203010001")));
    CHECK_ERR(rsa_verdict(hex("020107"
                              "0203010001"
                              "020101")),
              SEV_E_KEY);                             /* a third */
    CHECK_ERR(rsa_verdict(hex("020107")), SEV_E_KEY); /* one */
    CHECK_ERR(rsa_verdict(hex("0200"
                              "0203010001")),
              SEV_E_KEY); /* empty */
    CHECK_ERR(rsa_verdict(hex("020187"
                              "0203010001")),
              SEV_E_KEY); /* negative */
    CHECK_ERR(rsa_verdict(hex("02020007"
                              "0203010001")),
              SEV_E_KEY); /* padded */
    CHECK_ERR(rsa_verdict(hex("020107"
                              "020400010001")),
              SEV_E_KEY);
    CHECK_ERR(rsa_verdict(hex("030107"
                              "0203010001")),
              SEV_E_KEY);
    struct der bits = join(hex("00"), join(wrap(0x30, hex("0201070203010001")), hex("00")));
    CHECK_ERR(verdict(spki(hex(OID_RSA "0500"), bits), NULL), SEV_E_KEY);
}

TEST(spki__rsa_key_longer_than_the_material_holds__bad_key)
{
    const size_t most = sizeof((struct sev_pubkey *)NULL)->material;
    for (size_t n = 520; n < 560; n++) {
        struct der number = empty(); /* 0x02.. in every byte: positive, no padding */
        number.len = n;
        struct der rsa = wrap(0x30, join(wrap(0x02, number), hex("020103")));
        CHECK_ERR(verdict(spki(hex(OID_RSA "0500"), join(hex("00"), rsa)), NULL),
                  rsa.len <= most ? SEV_OK : SEV_E_KEY);
    }
}

/* ------------------------------------------------------------------ encoding */

TEST(spki__encoding_of_an_unknown_or_misshapen_key__refused_and_nothing_written)
{
    uint8_t room[700];
    sev_buf out = sev_buf_of(room, sizeof room);
    struct sev_pubkey key = {.type = SEV_KEY_UNKNOWN};
    CHECK_ERR(sev_spki_encode(&key, &out), SEV_E_UNSUPPORTED);
    for (size_t i = 0; i < TYPES; i++) {
        key = key_of(types[i]);
        key.len--;
        CHECK_ERR(sev_spki_encode(&key, &out), SEV_E_KEY);
        key.len = sizeof key.material + 1;
        CHECK_ERR(sev_spki_encode(&key, &out), SEV_E_KEY);
    }
    CHECK_EQ(out.len, 0);
}

TEST(spki__encoding_without_room__says_so)
{
    struct sev_pubkey key = key_of(SEV_KEY_RSA);
    uint8_t room[294];
    for (size_t cap = 0; cap < sizeof room; cap++) {
        sev_buf out = sev_buf_of(room, cap);
        CHECK_ERR(sev_spki_encode(&key, &out), SEV_E_MEMORY);
    }
    sev_buf out = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_spki_encode(&key, &out));
}
