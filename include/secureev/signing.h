/* signing - private keys and what protects them at rest: hosted programs with OpenSSL only.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SIGNING_H
#define SECUREEV_SIGNING_H

#include "secureev/crypto.h"

/* ------------------------------------------------------------ private keys */

/** A private key with its public half. It is wiped when it is freed. */
struct sev_privkey;

/**
 * A new key.
 *
 * @param rsa_bits  2048, 3072 or 4096 for SEV_KEY_RSA, 0 for all others
 * @retval SEV_E_UNSUPPORTED  not a type, or a size, that we make
 * @retval SEV_E_RANDOM       no randomness
 */
SEV_MUST_USE sev_err sev_privkey_generate(sev_key_type type, unsigned rsa_bits,
                                          struct sev_privkey **out);
/** NULL is fine. */
void sev_privkey_free(struct sev_privkey *key);

/** Borrowed from `key`. Normal form, so equal keys are equal bytes; sev_spki_encode writes it. */
const struct sev_pubkey *sev_privkey_public(const struct sev_privkey *key);

/**
 * Append a signature over `msg` that sev_crypto_verify accepts (RSA-PSS: salt of 32 bytes).
 *
 * @param out  room for SEV_SIG_BYTES_MAX is always enough; untouched unless SEV_OK
 * @retval SEV_E_UNSUPPORTED  X25519
 * @retval SEV_E_MEMORY       does not fit
 */
SEV_MUST_USE sev_err sev_privkey_sign(const struct sev_privkey *key, sev_slice msg, sev_buf *out);

/** Who has a key that is not in our memory, such as a token (token.h). */
struct sev_privkey_holder {
    void *self;
    sev_err (*sign)(void *self, sev_slice msg, sev_buf *out); /**< as sev_privkey_sign */
    void (*free)(void *self);                                 /**< with the key */
};
/**
 * A key like any other, but that it cannot be written (SEV_E_UNSUPPORTED). It signs once here, and
 * each of its signatures is verified before anybody sees it.
 *
 * @param holder  copied; still the caller's unless SEV_OK
 * @retval SEV_E_KEY  `public_key` is not usable, or not that of the holder's key
 */
SEV_MUST_USE sev_err sev_privkey_held(const struct sev_pubkey *public_key,
                                      const struct sev_privkey_holder *holder,
                                      struct sev_privkey **out);

/** Append DER of PKCS#8, not encrypted: wipe it. @retval SEV_E_MEMORY does not fit */
SEV_MUST_USE sev_err sev_privkey_to_pkcs8(const struct sev_privkey *key, sev_buf *out);
/**
 * @retval SEV_E_KEY          not one whole PKCS#8 key, or the two halves do not belong together
 * @retval SEV_E_UNSUPPORTED  a key of another type, curve or size than sev_privkey_generate makes
 */
SEV_MUST_USE sev_err sev_privkey_from_pkcs8(sev_slice der, struct sev_privkey **out);

/**
 * Append PEM: "ENCRYPTED PRIVATE KEY" (PBES2 with scrypt N=16384 r=8 p=1, which every OpenSSL can
 * read, and AES-256-CBC), or "PRIVATE KEY" when passphrase.ptr is NULL.
 *
 * @retval SEV_E_PASSPHRASE  an empty one
 */
SEV_MUST_USE sev_err sev_privkey_to_pem(const struct sev_privkey *key, sev_slice passphrase,
                                        sev_buf *out);
/**
 * Read the first private key of a PEM text; the older forms of OpenSSL ("EC PRIVATE KEY") too.
 *
 * @param passphrase  ptr NULL: none
 * @retval SEV_E_PASSPHRASE  encrypted, and `passphrase` is missing or does not open it
 * @retval SEV_E_KEY, SEV_E_UNSUPPORTED  as sev_privkey_from_pkcs8
 */
SEV_MUST_USE sev_err sev_privkey_from_pem(sev_slice pem, sev_slice passphrase,
                                          struct sev_privkey **out);

/** Room for any of the above. */
#define SEV_PRIVKEY_BYTES_MAX 8192

/* ------------------------------------------------------------- public keys */

/**
 * Read a public key of which sev_spki_decode is too strict a reader: compressed points, any line
 * length, text around the block. The result is normal form. Every check of use is made.
 *
 * @retval SEV_E_KEY          not a key, or not a usable one
 * @retval SEV_E_UNSUPPORTED  another algorithm or curve than ours
 */
SEV_MUST_USE sev_err sev_pubkey_from_pem(sev_slice pem, struct sev_pubkey *out);
SEV_MUST_USE sev_err sev_pubkey_from_der(sev_slice spki, struct sev_pubkey *out);

/* ------------------------------------------------------ for secrets at rest */

/** @retval SEV_E_RANDOM no randomness; `out` is not usable */
SEV_MUST_USE sev_err sev_random(void *out, size_t len);

/**
 * scrypt (RFC 7914). Needs 128 r (n + p) bytes of memory: bound them before you ask.
 *
 * @retval SEV_E_MALFORMED  n is not a power of two above 1, or r or p is 0 or absurd
 * @retval SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_scrypt(sev_slice passphrase, sev_slice salt, uint64_t n, uint32_t r,
                                uint32_t p, uint8_t *out, size_t len);

#define SEV_AES256_KEY_BYTES 32
#define SEV_GCM_NONCE_BYTES 12
#define SEV_GCM_TAG_BYTES 16

/** Append ciphertext and tag. A nonce must never meet the same key twice.
 *  @retval SEV_E_MEMORY does not fit */
SEV_MUST_USE sev_err sev_aes256gcm_seal(const uint8_t key[SEV_AES256_KEY_BYTES],
                                        const uint8_t nonce[SEV_GCM_NONCE_BYTES], sev_slice aad,
                                        sev_slice plain, sev_buf *out);
/** Append the plaintext. @retval SEV_E_MALFORMED not authentic: nothing of it remains in `out` */
SEV_MUST_USE sev_err sev_aes256gcm_open(const uint8_t key[SEV_AES256_KEY_BYTES],
                                        const uint8_t nonce[SEV_GCM_NONCE_BYTES], sev_slice aad,
                                        sev_slice sealed, sev_buf *out);

#endif
