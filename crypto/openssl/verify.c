/* verify - sev_crypto_verify by OpenSSL, with a cache of decoded keys.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "keys.h"
#include "secureev/crypto_hosted.h"

/* A key ready for use. The context keeps what verify_init had to look up (2 of 60 us); Ed25519 has
 * none: its one-shot contexts may not be used twice in later OpenSSL versions. */
struct decoded {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *verify;
};

struct entry {
    struct sev_pubkey key;
    struct decoded decoded;
    uint64_t used; /* value of `clock` at the last use; 0 = free */
};

struct sev_crypto {
    uint64_t clock;
    struct entry entries[SEV_CRYPTO_KEYS_MAX];
};

static void drop(struct decoded *d)
{
    EVP_PKEY_CTX_free(d->verify);
    EVP_PKEY_free(d->pkey);
    *d = (struct decoded){0};
}

struct sev_crypto *sev_crypto_new(void)
{
    return calloc(1, sizeof(struct sev_crypto));
}

void sev_crypto_free(struct sev_crypto *crypto)
{
    if (crypto == NULL)
        return;
    for (size_t i = 0; i < SEV_CRYPTO_KEYS_MAX; i++)
        drop(&crypto->entries[i].decoded);
    free(crypto);
}

/* The scheme is fixed here, by the key's type alone. REQ-A06 */
static bool set_scheme(EVP_PKEY_CTX *ctx, sev_key_type type)
{
    if (EVP_PKEY_verify_init(ctx) <= 0)
        return false;
    if (type == SEV_KEY_RSA && (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
                                EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) <= 0 ||
                                EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) <= 0))
        return false;
    return EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0;
}

static sev_err decode(const struct sev_pubkey *key, struct decoded *out)
{
    struct decoded d = {0};
    sev_err e = sev_openssl_key(key, &d.pkey);
    if (e != SEV_OK)
        return e;
    if (key->type != SEV_KEY_ED25519) {
        d.verify = EVP_PKEY_CTX_new_from_pkey(NULL, d.pkey, NULL);
        if (d.verify == NULL || !set_scheme(d.verify, key->type)) {
            drop(&d);
            return sev_openssl_failure(SEV_E_CRYPTO);
        }
    }
    *out = d;
    return SEV_OK;
}

static bool same_key(const struct sev_pubkey *a, const struct sev_pubkey *b)
{
    return a->type == b->type && a->len == b->len && memcmp(a->material, b->material, a->len) == 0;
}

/* The cached form of `key`; decoded now, in place of the one not used for longest, if need be. */
static sev_err lookup(struct sev_crypto *crypto, const struct sev_pubkey *key, struct decoded **out)
{
    struct entry *oldest = &crypto->entries[0];
    for (size_t i = 0; i < SEV_CRYPTO_KEYS_MAX; i++) {
        struct entry *entry = &crypto->entries[i];
        if (entry->used != 0 && same_key(&entry->key, key)) {
            entry->used = ++crypto->clock;
            *out = &entry->decoded;
            return SEV_OK;
        }
        if (entry->used < oldest->used)
            oldest = entry;
    }
    struct decoded d;
    sev_err e = decode(key, &d);
    if (e != SEV_OK)
        return e;
    drop(&oldest->decoded);
    oldest->key = *key;
    oldest->decoded = d;
    oldest->used = ++crypto->clock;
    *out = &oldest->decoded;
    return SEV_OK;
}

static sev_err verify_ed25519(EVP_PKEY *pkey, sev_slice msg, sev_slice sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) != 1) {
        EVP_MD_CTX_free(ctx);
        return sev_openssl_failure(SEV_E_CRYPTO);
    }
    int good = EVP_DigestVerify(ctx, sig.ptr, sig.len, msg.ptr, msg.len);
    EVP_MD_CTX_free(ctx);
    return good == 1 ? SEV_OK : sev_openssl_failure(SEV_E_SIGNATURE);
}

/* An empty `msg` is either the empty message or one of which the caller has only the hash; the
 * hash tells. Ed25519 signs the message itself, so the second cannot be answered. */
static bool only_hash_is_known(sev_slice msg, const uint8_t sha256[SEV_SHA256_BYTES])
{
    uint8_t of_nothing[SEV_SHA256_BYTES];
    if (msg.len != 0)
        return false;
    sev_sha256(SEV_EMPTY, of_nothing);
    return memcmp(of_nothing, sha256, sizeof of_nothing) != 0;
}

static sev_err check(struct decoded *d, sev_key_type type, sev_slice msg,
                     const uint8_t sha256[SEV_SHA256_BYTES], sev_slice sig)
{
    if (type == SEV_KEY_ED25519) {
        if (only_hash_is_known(msg, sha256))
            return SEV_E_UNSUPPORTED;
        return verify_ed25519(d->pkey, msg, sig);
    }
    /* ECDSA_verify inside decodes the signature, encodes it again and compares: strict DER. */
    int good = EVP_PKEY_verify(d->verify, sig.ptr, sig.len, sha256, SEV_SHA256_BYTES);
    return good == 1 ? SEV_OK : sev_openssl_failure(SEV_E_SIGNATURE);
}

sev_err sev_crypto_verify(struct sev_crypto *crypto, const struct sev_pubkey *key, sev_slice msg,
                          const uint8_t sha256[SEV_SHA256_BYTES], sev_slice sig)
{
    if (key->type == SEV_KEY_X25519)
        return SEV_E_UNSUPPORTED;
    struct decoded own = {0}, *d = &own;
    ERR_clear_error();
    sev_err e = crypto != NULL ? lookup(crypto, key, &d) : decode(key, &own);
    if (e == SEV_OK)
        e = sig.len == 0 ? SEV_E_SIGNATURE : check(d, key->type, msg, sha256, sig);
    drop(&own);
    ERR_clear_error();
    return e;
}

sev_err sev_crypto_verify_p256(const uint8_t point[64], const uint8_t sha256[SEV_SHA256_BYTES],
                               sev_slice sig)
{
    struct sev_pubkey key = {.type = SEV_KEY_P256, .len = 65};
    key.material[0] = 0x04;
    memcpy(key.material + 1, point, 64);
    return sev_crypto_verify(NULL, &key, SEV_EMPTY, sha256, sig);
}
