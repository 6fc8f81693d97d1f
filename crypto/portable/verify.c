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
    bool uncompressed = key->len == 65 && key->material[0] == 0x04;
    return uncompressed ? sev_p256_verify(key->material + 1, sha256, sig) : SEV_E_KEY;
}

sev_err sev_crypto_verify_p256(const uint8_t point[64], const uint8_t sha256[SEV_SHA256_BYTES],
                               sev_slice sig)
{
    return sev_p256_verify(point, sha256, sig);
}
