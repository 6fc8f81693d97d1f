/* keys - from sev_pubkey to EVP_PKEY, with every check that a public key needs.
 * SPDX-License-Identifier: MIT */
#include "keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/der.h"

sev_err sev_openssl_failure(sev_err otherwise)
{
    sev_err reason = otherwise;
    for (unsigned long e; (e = ERR_get_error()) != 0;)
        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
            reason = SEV_E_MEMORY;
    return reason;
}

int sev_openssl_no_passphrase(char *out, int len, int writing, void *context)
{
    (void)writing, (void)context;
    if (len > 0)
        out[0] = '\0';
    return -1;
}

/* ---------------------------------------------------------- elliptic curves */

/* Measured on OpenSSL 3.0, P-256: through the decoders (d2i_PUBKEY) 109 us, EVP_PKEY_fromdata 17,
 * copying the curve from a key made once and setting the point 4.6; a verification takes 60. */
static CRYPTO_ONCE curves_once = CRYPTO_ONCE_STATIC_INIT;
static EVP_PKEY *curve_p256, *curve_secp256k1; /* domain parameters only; never change again */

static EVP_PKEY *make_curve(const char *group)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_paramgen_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_group_name(ctx, group) <= 0 || EVP_PKEY_paramgen(ctx, &pkey) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static void make_curves(void)
{
    curve_p256 = make_curve("P-256");
    curve_secp256k1 = make_curve("secp256k1");
}

/* Uncompressed only: one key, one encoding. Setting the point checks that it lies on the curve,
 * without which a forged point of small order would verify anything. REQ-A02, REQ-H33 */
static sev_err ec_key(const struct sev_pubkey *key, EVP_PKEY **out)
{
    if (key->len != 65 || key->material[0] != 0x04)
        return SEV_E_KEY;
    if (CRYPTO_THREAD_run_once(&curves_once, make_curves) != 1)
        return SEV_E_CRYPTO;
    EVP_PKEY *curve = key->type == SEV_KEY_P256 ? curve_p256 : curve_secp256k1;
    if (curve == NULL)
        return SEV_E_CRYPTO;
    EVP_PKEY *pkey = EVP_PKEY_new();
    if (pkey == NULL || EVP_PKEY_copy_parameters(pkey, curve) != 1) {
        EVP_PKEY_free(pkey);
        return sev_openssl_failure(SEV_E_CRYPTO);
    }
    if (EVP_PKEY_set1_encoded_public_key(pkey, key->material, key->len) != 1) {
        EVP_PKEY_free(pkey);
        return sev_openssl_failure(SEV_E_KEY);
    }
    *out = pkey;
    return SEV_OK;
}

/* --------------------------------------------------------------- Curve25519 */

/* Points whose order divides 8, by their y (little endian, sign bit clear): under such a "key" one
 * signature fits many messages. 0, 1, p-1 and the two of order 8. */
static const uint8_t small_order[5][32] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* OpenSSL takes y modulo p; only y < p is one encoding per point. */
static bool ed25519_y_is_usable(const uint8_t material[32])
{
    uint8_t y[32];
    memcpy(y, material, 32);
    y[31] &= 0x7f;
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++)
        if (memcmp(y, small_order[i], 32) == 0)
            return false;
    for (size_t i = 31; i > 0; i--)
        if (y[i] != (i == 31 ? 0x7f : 0xff))
            return true;
    return y[0] < 0xed;
}

static sev_err raw_key(const struct sev_pubkey *key, int id, EVP_PKEY **out)
{
    if (key->len != 32)
        return SEV_E_KEY;
    if (id == EVP_PKEY_ED25519 && !ed25519_y_is_usable(key->material))
        return SEV_E_KEY;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(id, NULL, key->material, 32);
    if (pkey == NULL)
        return sev_openssl_failure(SEV_E_KEY);
    *out = pkey;
    return SEV_OK;
}

/* ---------------------------------------------------------------------- RSA */

static bool rsa_numbers_are_usable(sev_slice n, sev_slice e)
{
    if (n.len < 256 || n.len > 512 || e.len == 0 || e.len > SEV_RSA_EXPONENT_BITS_MAX / 8)
        return false;
    if (n.len == 256 && n.ptr[0] < 0x80)
        return false; /* fewer than 2048 bits */
    if ((n.ptr[n.len - 1] & 1) == 0 || (e.ptr[e.len - 1] & 1) == 0)
        return false;
    return e.len > 1 || e.ptr[0] >= 3;
}

static sev_err rsa_key(const struct sev_pubkey *key, EVP_PKEY **out)
{
    sev_slice n, e;
    if (!sev_der_rsa_public(sev_slice_of(key->material, key->len), &n, &e) ||
        !rsa_numbers_are_usable(n, e))
        return SEV_E_KEY;
    /* Checked above to be the one DER form; this is the fastest way in (0.6 us; fromdata 4.4). */
    const uint8_t *der = key->material;
    EVP_PKEY *pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, key->len);
    if (pkey == NULL)
        return sev_openssl_failure(SEV_E_KEY);
    *out = pkey;
    return SEV_OK;
}

sev_err sev_openssl_key(const struct sev_pubkey *key, EVP_PKEY **out)
{
    switch (key->type) {
    case SEV_KEY_P256:
    case SEV_KEY_SECP256K1:
        return ec_key(key, out);
    case SEV_KEY_ED25519:
        return raw_key(key, EVP_PKEY_ED25519, out);
    case SEV_KEY_X25519:
        return raw_key(key, EVP_PKEY_X25519, out);
    case SEV_KEY_RSA:
        return key->len <= sizeof key->material ? rsa_key(key, out) : SEV_E_KEY;
    case SEV_KEY_UNKNOWN:
        break;
    }
    return SEV_E_UNSUPPORTED;
}
