/* spki - SubjectPublicKeyInfo to sev_pubkey and back. SPDX-License-Identifier: MIT */
#include "secureev/spki.h"

#include "base/der.h"

/* The contents of AlgorithmIdentifier. DER has one encoding for each, so comparing bytes is the
 * whole check of algorithm and parameters. */
static const uint8_t alg_p256[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                   0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t alg_secp256k1[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
static const uint8_t alg_rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                  0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
static const uint8_t alg_ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t alg_x25519[] = {0x06, 0x03, 0x2b, 0x65, 0x6e};
/* RSA restricted to PSS with parameters of its own: the scheme comes from us, not from the key. */
static const uint8_t oid_rsassa_pss[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x0a};

static const struct algorithm {
    const uint8_t *bytes;
    uint8_t len;
    uint8_t oid_len; /* of which are the OID; the rest are parameters */
    sev_key_type type;
} algorithms[] = {
    {alg_p256, sizeof alg_p256, 9, SEV_KEY_P256},
    {alg_secp256k1, sizeof alg_secp256k1, 9, SEV_KEY_SECP256K1},
    {alg_rsa, sizeof alg_rsa, 11, SEV_KEY_RSA},
    {alg_ed25519, sizeof alg_ed25519, 5, SEV_KEY_ED25519},
    {alg_x25519, sizeof alg_x25519, 5, SEV_KEY_X25519},
};
#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

static bool starts_with(sev_slice s, const uint8_t *prefix, size_t len)
{
    return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

/* Not one of ours as a whole: from the future, or one of ours with parameters it must not have?
 * Only another *named* curve is from the future; explicit curve parameters let the sender choose
 * the generator, and with it a private key for anybody's point. */
static sev_err judge_stranger(sev_slice contents)
{
    sev_slice rest = contents, oid, curve;
    if (!sev_der_take(&rest, SEV_DER_OID, &oid))
        return SEV_E_KEY;
    if (starts_with(contents, alg_p256, 9)) {
        bool named = sev_der_take(&rest, SEV_DER_OID, &curve) && rest.len == 0;
        return SEV_REFUSE_IF(!named) ? SEV_E_KEY : SEV_OK;
    }
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (SEV_REFUSE_IF(starts_with(contents, algorithms[i].bytes, algorithms[i].oid_len)))
            return SEV_E_KEY;
    if (SEV_REFUSE_IF(starts_with(contents, oid_rsassa_pss, sizeof oid_rsassa_pss)))
        return SEV_E_KEY;
    return SEV_OK;
}

static sev_err identify(sev_slice contents, sev_key_type *out)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (sev_slice_eq(contents, sev_slice_of(algorithms[i].bytes, algorithms[i].len))) {
            *out = algorithms[i].type;
            return SEV_OK;
        }
    }
    sev_err e = judge_stranger(contents);
    if (e == SEV_OK)
        *out = SEV_KEY_UNKNOWN;
    return e;
}

static sev_err check_shape(sev_key_type type, sev_slice m)
{
    sev_slice n, e;
    switch (type) {
    case SEV_KEY_P256:
    case SEV_KEY_SECP256K1:
        if (SEV_REFUSE_IF(m.len == 33 && (m.ptr[0] == 0x02 || m.ptr[0] == 0x03)))
            return SEV_E_UNSUPPORTED;
        return SEV_REFUSE_IF(m.len != 65 || m.ptr[0] != 0x04) ? SEV_E_KEY : SEV_OK;
    case SEV_KEY_ED25519:
    case SEV_KEY_X25519:
        return SEV_REFUSE_IF(m.len != 32) ? SEV_E_KEY : SEV_OK;
    case SEV_KEY_RSA:
        return sev_der_rsa_public(m, &n, &e) ? SEV_OK : SEV_E_KEY;
    case SEV_KEY_UNKNOWN:
        break;
    }
    return SEV_E_UNSUPPORTED;
}

sev_err sev_spki_decode(sev_slice der, struct sev_pubkey *out)
{
    sev_slice spki, algorithm, bits;
    struct sev_pubkey key = {.type = SEV_KEY_UNKNOWN};
    if (!sev_der_take(&der, SEV_DER_SEQUENCE, &spki) ||
        !sev_der_take(&spki, SEV_DER_SEQUENCE, &algorithm) ||
        !sev_der_take(&spki, SEV_DER_BIT_STRING, &bits))
        return SEV_E_KEY;
    if (SEV_REFUSE_IF(der.len != 0) || SEV_REFUSE_IF(spki.len != 0))
        return SEV_E_KEY;
    if (SEV_REFUSE_IF(bits.len == 0 || bits.ptr[0] != 0)) /* whole octets only */
        return SEV_E_KEY;
    sev_err e = identify(algorithm, &key.type);
    if (e != SEV_OK)
        return e;
    if (key.type != SEV_KEY_UNKNOWN) {
        sev_slice material = sev_slice_of(bits.ptr + 1, bits.len - 1);
        e = check_shape(key.type, material);
        if (e != SEV_OK)
            return e;
        if (SEV_REFUSE_IF(material.len > sizeof key.material))
            return SEV_E_KEY;
        memcpy(key.material, material.ptr, material.len);
        key.len = (uint16_t)material.len;
    }
    *out = key;
    return SEV_OK;
}

sev_err sev_spki_decode_p256(sev_slice der, uint8_t out_point[64])
{
    /* Two sequences, alg_p256, and the head of the bit string; 04 begins an uncompressed point. */
    static const uint8_t head[27] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    if (SEV_REFUSE_IF(der.len != sizeof head + 64))
        return SEV_E_KEY;
    if (SEV_REFUSE_IF(memcmp(der.ptr, head, sizeof head) != 0))
        return SEV_E_KEY;
    memcpy(out_point, der.ptr + sizeof head, 64);
    return SEV_OK;
}

/* ---------------------------------------------------------------- encoding */

static void put_head(sev_buf *out, uint8_t tag, size_t len)
{
    sev_buf_put_byte(out, tag);
    if (len >= 0x100) {
        sev_buf_put_byte(out, 0x82);
        sev_buf_put_byte(out, (uint8_t)(len >> 8));
    } else if (len >= 0x80) {
        sev_buf_put_byte(out, 0x81);
    }
    sev_buf_put_byte(out, (uint8_t)len);
}

static size_t head_bytes(size_t len)
{
    return len >= 0x100 ? 4 : len >= 0x80 ? 3 : 2;
}

sev_err sev_spki_encode(const struct sev_pubkey *key, sev_buf *out)
{
    const struct algorithm *a = algorithms;
    while (a < algorithms + ALGORITHMS && a->type != key->type)
        a++;
    if (a == algorithms + ALGORITHMS)
        return SEV_E_UNSUPPORTED;
    if (key->len > sizeof key->material ||
        check_shape(key->type, sev_slice_of(key->material, key->len)) != SEV_OK)
        return SEV_E_KEY;
    size_t bits = key->len + 1u;
    put_head(out, SEV_DER_SEQUENCE, 2u + a->len + head_bytes(bits) + bits);
    put_head(out, SEV_DER_SEQUENCE, a->len);
    sev_buf_put(out, a->bytes, a->len);
    put_head(out, SEV_DER_BIT_STRING, bits);
    sev_buf_put_byte(out, 0);
    sev_buf_put(out, key->material, key->len);
    return out->overflow ? SEV_E_MEMORY : SEV_OK;
}
