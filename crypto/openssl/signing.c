/* signing - private keys: made, used, read and written; and public keys in every form.
 * SPDX-License-Identifier: MIT */
#include "secureev/signing.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "keys.h"
#include "secureev/limits.h"

struct sev_privkey {
    EVP_PKEY *pkey; /* NULL: it is held elsewhere */
    struct sev_pubkey public_key;
    struct sev_privkey_holder holder;
};

/* -------------------------------------------------------- normal public keys */

static sev_err ec_type(EVP_PKEY *pkey, sev_key_type *out)
{
    char group[32];
    int from_explicit = 0;
    size_t n = 0;
    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) != 1)
        return SEV_E_UNSUPPORTED;
    /* Parameters spelt out, even those of a curve with a name: nobody honest writes that. */
    if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &from_explicit) == 1 &&
        from_explicit != 0)
        return SEV_E_KEY;
    if (strcmp(group, "prime256v1") == 0)
        *out = SEV_KEY_P256;
    else if (strcmp(group, "secp256k1") == 0)
        *out = SEV_KEY_SECP256K1;
    else
        return SEV_E_UNSUPPORTED;
    return SEV_OK;
}

/* From the coordinates, because the encoding that OpenSSL keeps may be the compressed one. */
static sev_err ec_public(EVP_PKEY *pkey, struct sev_pubkey *key)
{
    BIGNUM *x = NULL, *y = NULL;
    sev_err e = ec_type(pkey, &key->type);
    if (e != SEV_OK)
        return e;
    key->len = 65;
    key->material[0] = 0x04;
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
        BN_bn2binpad(x, key->material + 1, 32) != 32 ||
        BN_bn2binpad(y, key->material + 33, 32) != 32)
        e = sev_openssl_failure(SEV_E_KEY);
    BN_free(x);
    BN_free(y);
    return e;
}

static sev_err raw_public(EVP_PKEY *pkey, sev_key_type type, struct sev_pubkey *key)
{
    size_t len = 32;
    key->type = type;
    if (EVP_PKEY_get_raw_public_key(pkey, key->material, &len) != 1)
        return sev_openssl_failure(SEV_E_KEY);
    key->len = (uint16_t)len;
    return SEV_OK;
}

static sev_err rsa_public(EVP_PKEY *pkey, struct sev_pubkey *key)
{
    key->type = SEV_KEY_RSA;
    int len = i2d_PublicKey(pkey, NULL);
    if (len <= 0)
        return sev_openssl_failure(SEV_E_KEY);
    if ((size_t)len > sizeof key->material)
        return SEV_E_KEY;
    uint8_t *p = key->material;
    key->len = (uint16_t)i2d_PublicKey(pkey, &p);
    return SEV_OK;
}

/* Normal form, and every check that the key will meet when it is used. */
static sev_err public_of(EVP_PKEY *pkey, struct sev_pubkey *out)
{
    struct sev_pubkey key = {.type = SEV_KEY_UNKNOWN};
    sev_err e = SEV_E_UNSUPPORTED;
    if (EVP_PKEY_is_a(pkey, "EC"))
        e = ec_public(pkey, &key);
    else if (EVP_PKEY_is_a(pkey, "ED25519"))
        e = raw_public(pkey, SEV_KEY_ED25519, &key);
    else if (EVP_PKEY_is_a(pkey, "X25519"))
        e = raw_public(pkey, SEV_KEY_X25519, &key);
    else if (EVP_PKEY_is_a(pkey, "RSA"))
        e = rsa_public(pkey, &key);
    if (e != SEV_OK)
        return e;
    EVP_PKEY *usable = NULL;
    e = sev_openssl_key(&key, &usable);
    EVP_PKEY_free(usable);
    if (e == SEV_OK)
        *out = key;
    return e;
}

sev_err sev_pubkey_from_pem(sev_slice pem, struct sev_pubkey *out)
{
    if (pem.len > INT_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    sev_err e = pkey != NULL ? public_of(pkey, out) : sev_openssl_failure(SEV_E_KEY);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_clear_error();
    return e;
}

sev_err sev_pubkey_from_der(sev_slice spki, struct sev_pubkey *out)
{
    const uint8_t *p = spki.ptr;
    if (spki.len > LONG_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)spki.len);
    sev_err e = pkey == NULL               ? sev_openssl_failure(SEV_E_KEY)
                : p != spki.ptr + spki.len ? SEV_E_KEY
                                           : public_of(pkey, out);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return e;
}

/* -------------------------------------------------------------- private keys */

void sev_privkey_free(struct sev_privkey *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey); /* OpenSSL wipes private numbers */
    if (key->holder.free != NULL)
        key->holder.free(key->holder.self);
    sev_wipe(key, sizeof *key);
    free(key);
}

const struct sev_pubkey *sev_privkey_public(const struct sev_privkey *key)
{
    return &key->public_key;
}

static const char pair_text[] = "secureev: does this private key belong to its public key?";

/* A key whose halves do not belong together would sign what nobody can verify, or worse: with a
 * forged public half a deterministic signature gives the private one away. */
static sev_err check_pair(const struct sev_privkey *key)
{
    uint8_t sig[SEV_SIG_BYTES_MAX], sha256[SEV_SHA256_BYTES];
    sev_buf out = sev_buf_of(sig, sizeof sig);
    sev_slice msg = sev_slice_of(pair_text, sizeof pair_text - 1);
    if (key->public_key.type == SEV_KEY_X25519)
        return SEV_OK; /* its public half is always computed, never read */
    sev_err e = sev_privkey_sign(key, msg, &out);
    if (e != SEV_OK)
        return e;
    sev_sha256(msg, sha256);
    e = sev_crypto_verify(NULL, &key->public_key, msg, sha256, sev_buf_slice(&out));
    return e == SEV_E_SIGNATURE ? SEV_E_KEY : e;
}

/* Takes `pkey` over, whatever happens. */
static sev_err adopt(EVP_PKEY *pkey, struct sev_privkey **out)
{
    struct sev_privkey *key = calloc(1, sizeof *key);
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return SEV_E_MEMORY;
    }
    key->pkey = pkey;
    sev_err e = public_of(pkey, &key->public_key);
    if (e == SEV_OK)
        e = check_pair(key);
    if (e != SEV_OK)
        sev_privkey_free(key);
    else
        *out = key;
    return e;
}

static EVP_PKEY *make(sev_key_type type, unsigned rsa_bits)
{
    switch (type) {
    case SEV_KEY_P256:
        return EVP_EC_gen("P-256");
    case SEV_KEY_SECP256K1:
        return EVP_EC_gen("secp256k1");
    case SEV_KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case SEV_KEY_X25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    case SEV_KEY_RSA:
        return EVP_RSA_gen(rsa_bits);
    case SEV_KEY_UNKNOWN:
        break;
    }
    return NULL;
}

sev_err sev_privkey_generate(sev_key_type type, unsigned rsa_bits, struct sev_privkey **out)
{
    bool size_ok = type == SEV_KEY_RSA ? rsa_bits == 2048 || rsa_bits == 3072 || rsa_bits == 4096
                                       : rsa_bits == 0;
    if (type == SEV_KEY_UNKNOWN || type > SEV_KEY_X25519 || !size_ok)
        return SEV_E_UNSUPPORTED;
    ERR_clear_error();
    EVP_PKEY *pkey = make(type, rsa_bits);
    /* Nothing but randomness (or memory) can be missing. */
    sev_err e = pkey != NULL ? adopt(pkey, out) : sev_openssl_failure(SEV_E_RANDOM);
    ERR_clear_error();
    return e;
}

static bool set_pss(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, SEV_SHA256_BYTES) > 0;
}

static bool sign(EVP_MD_CTX *ctx, const struct sev_privkey *key, sev_slice msg, uint8_t *sig,
                 size_t *len)
{
    EVP_PKEY_CTX *pctx = NULL; /* owned by ctx */
    sev_key_type type = key->public_key.type;
    const EVP_MD *md = type == SEV_KEY_ED25519 ? NULL : EVP_sha256();
    return EVP_DigestSignInit(ctx, &pctx, md, NULL, key->pkey) == 1 &&
           (type != SEV_KEY_RSA || set_pss(pctx)) &&
           EVP_DigestSign(ctx, sig, len, msg.ptr, msg.len) == 1;
}

/* Whoever holds the key may be broken or be somebody else's: nobody sees what does not verify. */
static sev_err sign_held(const struct sev_privkey *key, sev_slice msg, sev_buf *sig)
{
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_err e = key->holder.sign(key->holder.self, msg, sig);
    if (e != SEV_OK)
        return e;
    sev_sha256(msg, sha256);
    return sev_crypto_verify(NULL, &key->public_key, msg, sha256, sev_buf_slice(sig));
}

static sev_err sign_here(const struct sev_privkey *key, sev_slice msg, sev_buf *sig)
{
    size_t len = sig->cap;
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    sev_err e = ctx == NULL                           ? SEV_E_MEMORY
                : sign(ctx, key, msg, sig->ptr, &len) ? SEV_OK
                                                      : sev_openssl_failure(SEV_E_CRYPTO);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    sig->len = e == SEV_OK ? len : 0;
    return e;
}

sev_err sev_privkey_sign(const struct sev_privkey *key, sev_slice msg, sev_buf *out)
{
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    if (key->public_key.type == SEV_KEY_X25519)
        return SEV_E_UNSUPPORTED;
    sev_err e = key->pkey != NULL ? sign_here(key, msg, &sig) : sign_held(key, msg, &sig);
    if (e != SEV_OK)
        return e == SEV_E_SIGNATURE ? SEV_E_TOKEN_GONE : e;
    if (out->overflow || sig.len > out->cap - out->len)
        return SEV_E_MEMORY;
    sev_buf_put_slice(out, sev_buf_slice(&sig));
    return SEV_OK;
}

sev_err sev_privkey_held(const struct sev_pubkey *public_key,
                         const struct sev_privkey_holder *holder, struct sev_privkey **out)
{
    EVP_PKEY *usable = NULL;
    struct sev_privkey *key = calloc(1, sizeof *key);
    if (key == NULL)
        return SEV_E_MEMORY;
    key->public_key = *public_key;
    key->holder = *holder;
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    sev_err e = sev_openssl_key(public_key, &usable);
    EVP_PKEY_free(usable);
    if (e == SEV_OK)
        e = sign_held(key, sev_slice_of(pair_text, sizeof pair_text - 1), &sig);
    if (e == SEV_E_SIGNATURE)
        e = SEV_E_KEY;
    if (e != SEV_OK) {
        key->holder.free = NULL; /* stays the caller's */
        sev_privkey_free(key);
        return e;
    }
    *out = key;
    return SEV_OK;
}

/* ------------------------------------------------------------ reading, writing */

sev_err sev_privkey_to_pkcs8(const struct sev_privkey *key, sev_buf *out)
{
    uint8_t *der = NULL;
    if (key->pkey == NULL)
        return SEV_E_UNSUPPORTED;
    ERR_clear_error();
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
    sev_err e = len > 0 ? SEV_OK : sev_openssl_failure(SEV_E_CRYPTO);
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    if (e == SEV_OK && (out->overflow || (size_t)len > out->cap - out->len))
        e = SEV_E_MEMORY;
    if (e == SEV_OK)
        sev_buf_put(out, der, (size_t)len);
    if (len > 0)
        OPENSSL_clear_free(der, (size_t)len);
    return e;
}

sev_err sev_privkey_from_pkcs8(sev_slice der, struct sev_privkey **out)
{
    const uint8_t *p = der.ptr;
    if (der.len > LONG_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.len);
    EVP_PKEY *pkey = info != NULL && p == der.ptr + der.len ? EVP_PKCS82PKEY(info) : NULL;
    sev_err e = pkey != NULL ? adopt(pkey, out) : sev_openssl_failure(SEV_E_KEY);
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    return e;
}

static X509_SIG *encrypt(PKCS8_PRIV_KEY_INFO *info, sev_slice passphrase)
{
    X509_ALGOR *pbes2 =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 16, NULL, UINT64_C(1) << 14, 8, 1);
    if (pbes2 == NULL)
        return NULL;
    X509_SIG *sealed =
        PKCS8_set0_pbe((const char *)passphrase.ptr, (int)passphrase.len, info, pbes2);
    if (sealed == NULL)
        X509_ALGOR_free(pbes2);
    return sealed;
}

static bool write_pem(BIO *bio, const struct sev_privkey *key, sev_slice passphrase)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    X509_SIG *sealed = info != NULL && passphrase.ptr != NULL ? encrypt(info, passphrase) : NULL;
    bool good = info != NULL &&
                (passphrase.ptr == NULL ? PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1
                                        : sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1);
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(info);
    return good;
}

sev_err sev_privkey_to_pem(const struct sev_privkey *key, sev_slice passphrase, sev_buf *out)
{
    if (passphrase.ptr != NULL && (passphrase.len == 0 || passphrase.len > INT_MAX))
        return SEV_E_PASSPHRASE;
    if (key->pkey == NULL)
        return SEV_E_UNSUPPORTED;
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = bio != NULL && write_pem(bio, key, passphrase) ? BIO_get_mem_data(bio, &text) : 0;
    sev_err e = len > 0 ? SEV_OK : sev_openssl_failure(SEV_E_CRYPTO);
    if (e == SEV_OK && (out->overflow || (size_t)len > out->cap - out->len))
        e = SEV_E_MEMORY;
    if (e == SEV_OK)
        sev_buf_put(out, text, (size_t)len);
    BIO_free(bio); /* wipes its memory */
    ERR_clear_error();
    return e;
}

struct asked {
    sev_slice passphrase;
    bool yes;
};

/* OpenSSL asks only when the key is encrypted: that is how we know. */
static int give_passphrase(char *room, int size, int writing, void *context)
{
    struct asked *asked = context;
    (void)writing;
    asked->yes = true;
    if (asked->passphrase.ptr == NULL || size < 0 || asked->passphrase.len > (size_t)size)
        return -1;
    memcpy(room, asked->passphrase.ptr, asked->passphrase.len);
    return (int)asked->passphrase.len;
}

sev_err sev_privkey_from_pem(sev_slice pem, sev_slice passphrase, struct sev_privkey **out)
{
    struct asked asked = {passphrase, false};
    if (pem.len > INT_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *pkey =
        bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked) : NULL;
    sev_err e = pkey != NULL ? adopt(pkey, out)
                             : sev_openssl_failure(asked.yes ? SEV_E_PASSPHRASE : SEV_E_KEY);
    BIO_free(bio);
    ERR_clear_error();
    return e;
}
