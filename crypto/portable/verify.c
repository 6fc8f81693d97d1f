/* verify - sev_crypto_verify for small devices: ECDSA P-256 and nothing else.
 * SPDX-License-Identifier: MIT */
#include "p256.h"
#include "secureev/crypto.h"

sev_err sev_crypto_verify(struct sev_crypto *crypto, const struct sev_pubkey *key, sev_slice msg,
                          const uint8_t sha256[SEV_SHA256_BYTES], sev_slice sig)
{
    (void)crypto;
    (void)msg;
    if (key->type != SEV_KEY_P256)
        return SEV_E_UNSUPPORTED;
    return key->len == 65 ? sev_p256_verify(key->material, sha256, sig) : SEV_E_KEY;
}
