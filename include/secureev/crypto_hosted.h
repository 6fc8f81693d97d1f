/* crypto_hosted - provider state where there is a heap. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CRYPTO_HOSTED_H
#define SECUREEV_CRYPTO_HOSTED_H

#include "secureev/crypto.h"

/**
 * State for sev_crypto_verify: remembers decoded keys (the last SEV_CRYPTO_KEYS_MAX used), so that
 * a key is decoded and checked once. One thread at a time may use it.
 * NULL when there is no memory; every function here and in crypto.h accepts that.
 */
struct sev_crypto *sev_crypto_new(void);
void sev_crypto_free(struct sev_crypto *crypto);

#define SEV_CRYPTO_KEYS_MAX                                                                        \
    64 /* two full roots of keys; a linear search costs nothing beside a check */

#endif
