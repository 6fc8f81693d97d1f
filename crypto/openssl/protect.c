/* protect - randomness, scrypt and AES-256-GCM, for secrets at rest. SPDX-License-Identifier: MIT
 */
#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "keys.h"
#include "secureev/signing.h"

sev_err sev_random(void *out, size_t len)
{
    if (len > INT_MAX)
        return SEV_E_RANDOM;
    ERR_clear_error();
    int good = RAND_bytes(out, (int)len);
    ERR_clear_error();
    return good == 1 ? SEV_OK : SEV_E_RANDOM;
}

/* RFC 7914: p at most (2^32 - 1) 32 / (128 r), and n below 2^(16 r). */
static bool cost_is_defined(uint64_t n, uint32_t r, uint32_t p)
{
    if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0)
        return false;
    if (p > (1u << 30) / r)
        return false;
    return r >= 4 || n >> (16 * r) == 0;
}

sev_err sev_scrypt(sev_slice passphrase, sev_slice salt, uint64_t n, uint32_t r, uint32_t p,
                   uint8_t *out, size_t len)
{
    if (!cost_is_defined(n, r, p))
        return SEV_E_MALFORMED;
    if (n > UINT64_MAX / 256 / r)
        return SEV_E_MEMORY;
    /* OpenSSL has a bound of its own, 32 MiB unless told otherwise: the caller has set one. */
    uint64_t bytes = 128 * (uint64_t)r * (n + p + 2) + 4096;
    ERR_clear_error();
    int good = EVP_PBE_scrypt((const char *)passphrase.ptr, passphrase.len, salt.ptr, salt.len, n,
                              r, p, bytes, out, len);
    sev_err e = good == 1 ? SEV_OK : sev_openssl_failure(SEV_E_CRYPTO);
    ERR_clear_error();
    return e;
}

/* ------------------------------------------------------------------- AES-GCM */

struct gcm {
    const uint8_t *key, *nonce;
    sev_slice aad, in;
    uint8_t *out;
};

/* Longer than an int counts is longer than anything that is kept here. */
static bool lengths_fit(sev_slice aad, sev_slice in)
{
    return aad.len <= INT_MAX && in.len <= INT_MAX - SEV_GCM_TAG_BYTES;
}

static bool update(EVP_CIPHER_CTX *ctx, uint8_t *out, sev_slice in, bool encrypt)
{
    int n = 0;
    if (in.len == 0)
        return true;
    int good = encrypt ? EVP_EncryptUpdate(ctx, out, &n, in.ptr, (int)in.len)
                       : EVP_DecryptUpdate(ctx, out, &n, in.ptr, (int)in.len);
    return good == 1 && (size_t)n == in.len;
}

static bool seal_with(EVP_CIPHER_CTX *ctx, const struct gcm *g, uint8_t *tag)
{
    uint8_t none[16];
    int n = 0;
    return EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), g->key, g->nonce, NULL) == 1 &&
           update(ctx, NULL, g->aad, true) && update(ctx, g->out, g->in, true) &&
           EVP_EncryptFinal_ex(ctx, none, &n) == 1 && n == 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEV_GCM_TAG_BYTES, tag) == 1;
}

static sev_err open_with(EVP_CIPHER_CTX *ctx, const struct gcm *g, const uint8_t *tag)
{
    uint8_t none[16], copy[SEV_GCM_TAG_BYTES];
    int n = 0;
    memcpy(copy, tag, sizeof copy); /* the interface of OpenSSL is not const */
    if (EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), g->key, g->nonce, NULL) != 1 ||
        !update(ctx, NULL, g->aad, false) || !update(ctx, g->out, g->in, false) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEV_GCM_TAG_BYTES, copy) != 1)
        return sev_openssl_failure(SEV_E_CRYPTO);
    return EVP_DecryptFinal_ex(ctx, none, &n) == 1 && n == 0 ? SEV_OK : SEV_E_MALFORMED;
}

sev_err sev_aes256gcm_seal(const uint8_t key[SEV_AES256_KEY_BYTES],
                           const uint8_t nonce[SEV_GCM_NONCE_BYTES], sev_slice aad, sev_slice plain,
                           sev_buf *out)
{
    if (!lengths_fit(aad, plain) || out->overflow ||
        plain.len + SEV_GCM_TAG_BYTES > out->cap - out->len)
        return SEV_E_MEMORY;
    struct gcm g = {key, nonce, aad, plain, out->ptr + out->len};
    ERR_clear_error();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    sev_err e = ctx == NULL                             ? SEV_E_MEMORY
                : seal_with(ctx, &g, g.out + plain.len) ? SEV_OK
                                                        : sev_openssl_failure(SEV_E_CRYPTO);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (e == SEV_OK)
        out->len += plain.len + SEV_GCM_TAG_BYTES;
    return e;
}

sev_err sev_aes256gcm_open(const uint8_t key[SEV_AES256_KEY_BYTES],
                           const uint8_t nonce[SEV_GCM_NONCE_BYTES], sev_slice aad,
                           sev_slice sealed, sev_buf *out)
{
    if (sealed.len < SEV_GCM_TAG_BYTES)
        return SEV_E_MALFORMED;
    sev_slice in = sev_slice_of(sealed.ptr, sealed.len - SEV_GCM_TAG_BYTES);
    if (!lengths_fit(aad, in) || out->overflow || in.len > out->cap - out->len)
        return SEV_E_MEMORY;
    struct gcm g = {key, nonce, aad, in, out->ptr + out->len};
    ERR_clear_error();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    sev_err e = ctx == NULL ? SEV_E_MEMORY : open_with(ctx, &g, sealed.ptr + in.len);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (e == SEV_OK)
        out->len += in.len;
    else
        sev_wipe(g.out, in.len); /* decrypted, but not authentic: nobody may use it */
    return e;
}
