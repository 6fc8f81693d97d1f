/* key - key objects and key ids: read, written, told apart. SPDX-License-Identifier: MIT */
#include "secureev/key.h"

#include "secureev/signing.h"
#include "secureev/text.h"
#include "test.h"

#define HEX32 "b98897582d382ea50cf640bd2e4ad66ee50bf333319ce9076e129a1908c90089"
#define HEX32_CAPITALS "B98897582D382EA50CF640BD2E4AD66EE50BF333319CE9076E129A1908C90089"

static sev_err parse(const char *object, sev_profile profile, struct sev_pubkey *out)
{
    memset(out, 0xee, sizeof *out);
    return sev_key_parse(sev_slice_of(object, strlen(object)), profile, out);
}

static struct sev_pubkey made(sev_key_type type)
{
    struct sev_privkey *key = NULL;
    CHECK_OK(sev_privkey_generate(type, type == SEV_KEY_RSA ? 2048 : 0, &key));
    struct sev_pubkey public_key = *sev_privkey_public(key);
    sev_privkey_free(key);
    return public_key;
}

static bool untouched(const struct sev_pubkey *key)
{
    const uint8_t *p = (const uint8_t *)key;
    for (size_t i = 0; i < sizeof *key; i++)
        if (p[i] != 0xee)
            return false;
    return true;
}

TEST(key__written_and_read__the_same_in_every_profile_that_has_it)
{
    static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_RSA,
                                         SEV_KEY_X25519};
    for (int i = 0; i < 4; i++) {
        struct sev_pubkey key = made(types[i]), back;
        for (int p = 0; p < 3; p++) {
            char text[SEV_KEY_OBJECT_BYTES_MAX];
            sev_buf b = sev_buf_of(text, sizeof text);
            bool has = p != SEV_PROFILE_AKTUALIZR || types[i] == SEV_KEY_ED25519 ||
                       types[i] == SEV_KEY_RSA;
            sev_err e = sev_key_object(&key, (sev_profile)p, &b);
            CHECK_ERR(e, has ? SEV_OK : SEV_E_UNSUPPORTED);
            if (!has)
                continue;
            CHECK_OK(sev_key_parse(sev_buf_slice(&b), (sev_profile)p, &back));
            CHECK(sev_pubkey_eq(&key, &back));
        }
    }
}

TEST(key__secp256k1__written_and_read_as_an_unknown_scheme)
{
    struct sev_pubkey key = made(SEV_KEY_SECP256K1), back;
    char text[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    CHECK_OK(sev_key_object(&key, SEV_PROFILE_NATIVE, &b));
    CHECK_OK(sev_key_parse(sev_buf_slice(&b), SEV_PROFILE_NATIVE, &back));
    CHECK_EQ(back.type, SEV_KEY_UNKNOWN);
}

TEST(key__without_type__malformed_and_output_untouched)
{
    struct sev_pubkey key;
    CHECK_ERR(parse("{\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
                    SEV_PROFILE_NATIVE, &key),
              SEV_E_MALFORMED);
    CHECK(untouched(&key));
}

TEST(key__without_material__malformed)
{
    struct sev_pubkey key;
    static const char *const texts[] = {
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":7}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":\"" HEX32 "\"}",
        "{\"keytype\":7,\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
        "[]",
    };
    for (int i = 0; i < 6; i++) {
        CHECK_ERR(parse(texts[i], SEV_PROFILE_NATIVE, &key), SEV_E_MALFORMED);
        CHECK(untouched(&key));
    }
}

/* ALG-0.3: kept, and never counts; its material is not even looked at. */
TEST(key__type_scheme_or_pair_from_the_future__unknown)
{
    struct sev_pubkey key;
    static const char *const texts[] = {
        "{\"keytype\":\"ml-dsa\",\"scheme\":\"ml-dsa-65\",\"keyval\":{\"public\":\"00\"}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519ph\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
        "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
        "{\"keytype\":\"rsa\",\"scheme\":\"rsassa-pkcs1v15-sha256\",\"keyval\":{}}",
        "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp384\"}",
        "{\"keytype\":\"ecdsa\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
        "{\"keytype\":\"ED25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" HEX32 "\"}}",
    };
    for (int i = 0; i < 7; i++) {
        CHECK_OK(parse(texts[i], SEV_PROFILE_NATIVE, &key));
        CHECK_EQ(key.type, SEV_KEY_UNKNOWN);
    }
    CHECK_OK(parse("{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\"x\"}}", SEV_PROFILE_AKTUALIZR,
                   &key));
    CHECK_EQ(key.type, SEV_KEY_UNKNOWN);
}

TEST(key__hex_of_another_length_or_alphabet__bad_key)
{
    struct sev_pubkey key;
    static const char *const values[] = {"", "00", (HEX32 "00"), "zz", ("\\u0062" HEX32)};
    for (int i = 0; i < 5; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"%s\"}}",
                 values[i]);
        CHECK_ERR(parse(text, SEV_PROFILE_NATIVE, &key), SEV_E_KEY);
        CHECK(untouched(&key));
    }
}

/* REQ-A06 REQ-H33: announced as one thing, and another inside. */
TEST(key__pem_of_another_type_than_announced__bad_key)
{
    static const sev_key_type inside[] = {SEV_KEY_SECP256K1, SEV_KEY_RSA, SEV_KEY_P256};
    static const char *const announced[] = {
        "\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\"",
        "\"keytype\":\"rsa\",\"scheme\":\"rsassa-pss-sha256\""};
    static const bool right[3][2] = {{false, false}, {false, true}, {true, false}};
    for (int i = 0; i < 3; i++) {
        struct sev_pubkey made_key = made(inside[i]), key;
        char text[SEV_KEY_OBJECT_BYTES_MAX + 1] = {0}, other[SEV_KEY_OBJECT_BYTES_MAX + 64];
        sev_buf b = sev_buf_of(text, SEV_KEY_OBJECT_BYTES_MAX);
        CHECK_OK(sev_key_object(&made_key, SEV_PROFILE_NATIVE, &b));
        const char *value = strstr(text, "\"keyval\":"), *end = strchr(value, '}');
        for (int k = 0; k < 2; k++) {
            snprintf(other, sizeof other, "{%.*s},%s}", (int)(end - value), value, announced[k]);
            CHECK_ERR(parse(other, SEV_PROFILE_NATIVE, &key), right[i][k] ? SEV_OK : SEV_E_KEY);
            CHECK(right[i][k] || untouched(&key));
        }
    }
}

TEST(key__pem_that_is_none__bad_key)
{
    struct sev_pubkey key;
    static const char *const values[] = {"", "-----BEGIN PUBLIC KEY-----",
                                         ("-----BEGIN PUBLIC KEY-----\\nAAAA\\n"
                                          "-----END PUBLIC KEY-----\\n")};
    for (int i = 0; i < 3; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":"
                 "\"%s\"}}",
                 values[i]);
        CHECK_ERR(parse(text, SEV_PROFILE_NATIVE, &key), SEV_E_KEY);
    }
}

/* ---------------------------------------------------------------------- ids */

TEST(key__id__hash_of_the_canonical_object)
{
    char a[SEV_KEY_ID_CHARS], b[SEV_KEY_ID_CHARS];
    CHECK_OK(sev_key_id_of(SEV_LIT("{\"a\":\"b\",\"c\":{\"d\":1}}"), a));
    CHECK_OK(sev_key_id_of(SEV_LIT(" { \"c\" : {\"d\":1}, \"a\":\"\\u0062\" } "), b));
    CHECK(memcmp(a, b, sizeof a) == 0);
    uint8_t digest[SEV_SHA256_BYTES], hex[64];
    sev_buf out = sev_buf_of(hex, sizeof hex);
    sev_sha256(SEV_LIT("{\"a\":\"b\",\"c\":{\"d\":1}}"), digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &out);
    CHECK(memcmp(a, hex, sizeof a) == 0);
    CHECK_OK(sev_key_id_of(SEV_LIT("{\"a\":\"b\",\"c\":{\"d\":2}}"), b));
    CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(key__object_too_large_for_an_id__bad_key)
{
    static char text[SEV_KEY_OBJECT_BYTES_MAX + 64];
    char id[SEV_KEY_ID_CHARS];
    int n = snprintf(text, sizeof text, "{\"a\":\"%0*d\"}", SEV_KEY_OBJECT_BYTES_MAX, 0);
    CHECK_ERR(sev_key_id_of(sev_slice_of(text, (size_t)n), id), SEV_E_KEY);
}

/* contracts/aktualizr.md 7.2 has a value seen on the wire. */
TEST(key__aktualizr_id__hash_of_the_public_text_in_capitals)
{
    struct sev_pubkey key;
    char id[SEV_KEY_ID_CHARS];
    CHECK_OK(parse("{\"keytype\":\"ED25519\",\"keyval\":{\"public\":\"" HEX32_CAPITALS "\"}}",
                   SEV_PROFILE_AKTUALIZR, &key));
    CHECK_OK(sev_key_id(&key, SEV_PROFILE_AKTUALIZR, id));
    CHECK_TEXT(sev_slice_of(id, sizeof id),
               "d6509880e64a3ac28a517d960068c3d0d1e0e006ad640cdb60193d8739c6ad3d");
    struct sev_pubkey rsa = made(SEV_KEY_RSA);
    CHECK_OK(sev_key_id(&rsa, SEV_PROFILE_AKTUALIZR, id));
    struct sev_pubkey none = {.type = SEV_KEY_UNKNOWN};
    CHECK_ERR(sev_key_id(&none, SEV_PROFILE_NATIVE, id), SEV_E_UNSUPPORTED);
}

TEST(key__equality_and_fingerprint__type_and_material)
{
    struct sev_pubkey a = made(SEV_KEY_ED25519), b = a;
    uint8_t x[SEV_SHA256_BYTES], y[SEV_SHA256_BYTES];
    CHECK(sev_pubkey_eq(&a, &b));
    b.type = SEV_KEY_X25519;
    CHECK(!sev_pubkey_eq(&a, &b));
    sev_pubkey_fingerprint(&a, x);
    sev_pubkey_fingerprint(&b, y);
    CHECK(memcmp(x, y, sizeof x) != 0);
    b = a;
    b.material[31] ^= 1;
    CHECK(!sev_pubkey_eq(&a, &b));
    b = a;
    b.len = 31;
    CHECK(!sev_pubkey_eq(&a, &b));
}

TEST(key__object_does_not_fit__memory)
{
    struct sev_pubkey key = made(SEV_KEY_P256);
    char text[64];
    sev_buf b = sev_buf_of(text, sizeof text);
    CHECK(sev_key_object(&key, SEV_PROFILE_NATIVE, &b) != SEV_OK);
}
