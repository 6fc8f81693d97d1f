/* keys - public keys as OpenSSL wants them. SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_OPENSSL_KEYS_H
#define SEV_CRYPTO_OPENSSL_KEYS_H

#include <openssl/evp.h>

#include "secureev/crypto.h"

/** The RSA exponent may have this many bits: OpenSSL's own bound for large moduli, here for all, so
 *  that a hostile key cannot make one check as dear as a private-key operation. */
#define SEV_RSA_EXPONENT_BITS_MAX 64

/**
 * Decode and check a public key; the caller frees `*out` with EVP_PKEY_free.
 *
 * @retval SEV_E_KEY          not a key of its type: wrong length, not on the curve, of small order,
 *                            RSA outside 2048..4096 bits or with an unusable exponent
 * @retval SEV_E_UNSUPPORTED  not a type that we know
 * @retval SEV_E_MEMORY       no memory
 */
SEV_MUST_USE sev_err sev_openssl_key(const struct sev_pubkey *key, EVP_PKEY **out);

/** Why did OpenSSL fail: want of memory, or `otherwise`? Want of memory is no attack and must not
 * be reported as one. Takes the errors from this thread's queue, which the functions of this folder
 *  empty when they begin (so that all errors are theirs) and when they end. */
sev_err sev_openssl_failure(sev_err otherwise);

/** For OpenSSL's readers of PEM: never ask at a terminal. */
int sev_openssl_no_passphrase(char *out, int len, int writing, void *context);

#endif
