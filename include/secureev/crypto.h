/* crypto - what the core asks of a cryptographic provider, chosen at link time.
 * Providers: crypto/openssl (everything), crypto/portable (microcontrollers: SHA-2, P-256 verify).
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CRYPTO_H
#define SECUREEV_CRYPTO_H

#include "secureev/err.h"
#include "secureev/slice.h"

#define SEV_SHA256_BYTES 32
#define SEV_SHA512_BYTES 64

/** Incremental hashes in the caller's memory; nothing to free. */
struct sev_sha256 {
    uint64_t opaque[14];
};
struct sev_sha512 {
    uint64_t opaque[28];
};
void sev_sha256_init(struct sev_sha256 *h);
void sev_sha256_update(struct sev_sha256 *h, const void *bytes, size_t len);
void sev_sha256_final(struct sev_sha256 *h, uint8_t out[SEV_SHA256_BYTES]);
void sev_sha256(sev_slice bytes, uint8_t out[SEV_SHA256_BYTES]);
void sev_sha512_init(struct sev_sha512 *h);
void sev_sha512_update(struct sev_sha512 *h, const void *bytes, size_t len);
void sev_sha512_final(struct sev_sha512 *h, uint8_t out[SEV_SHA512_BYTES]);
void sev_sha512(sev_slice bytes, uint8_t out[SEV_SHA512_BYTES]);

typedef enum sev_key_type {
    SEV_KEY_UNKNOWN, /**< kept, never counts: TUF files may carry keys from the future */
    SEV_KEY_P256,    /**< ECDSA with SHA-256, signature in DER */
    SEV_KEY_ED25519,
    SEV_KEY_RSA,       /**< RSASSA-PSS, SHA-256, MGF1-SHA-256, any salt length; 2048 to 4096 bits */
    SEV_KEY_SECP256K1, /**< key service and tools only, with OpenSSL only; never in metadata */
    SEV_KEY_X25519,    /**< HPKE recipients (`kem`); never verifies */
} sev_key_type;

/**
 * A public key, decoded from its document.
 * P256, SECP256K1: 65 bytes 04||X||Y, checked to lie on the curve by the provider before use.
 * ED25519, X25519: 32 bytes. RSA: the DER of RSAPublicKey {n, e}.
 * Two keys are the same key exactly if type and material are equal: encodings do not matter.
 */
struct sev_pubkey {
    sev_key_type type;
    uint16_t len;
    uint8_t material[544];
};

/** Provider state of one thread (caches of decoded keys); NULL is allowed with every provider. */
struct sev_crypto;

/**
 * Does `sig` by `key` cover `msg`? The scheme is fixed by the key, never by the signature.
 *
 * @param msg     the signed bytes; may be empty when only `sha256` is known (streaming): then
 *                Ed25519 answers SEV_E_UNSUPPORTED
 * @param sha256  SHA-256 of the signed bytes
 * @retval SEV_E_SIGNATURE    no (malformed, out of range, wrong key: all alike)
 * @retval SEV_E_KEY          the key is not usable (not on its curve, too short, even exponent...)
 * @retval SEV_E_UNSUPPORTED  this provider cannot verify this type
 */
SEV_MUST_USE sev_err sev_crypto_verify(struct sev_crypto *crypto, const struct sev_pubkey *key,
                                       sev_slice msg, const uint8_t sha256[SEV_SHA256_BYTES],
                                       sev_slice sig);

/** The same for a P-256 key alone, X || Y: without the room that a key of any type takes, for ECUs
 *  that count their stack in hundreds of bytes. */
SEV_MUST_USE sev_err sev_crypto_verify_p256(const uint8_t point[64],
                                            const uint8_t sha256[SEV_SHA256_BYTES], sev_slice sig);

/** Equal? In time that depends on `len` alone. */
bool sev_equal_ct(const void *a, const void *b, size_t len);
/** Overwrite a secret so that the compiler cannot leave it out. */
void sev_wipe(void *bytes, size_t len);

#endif
