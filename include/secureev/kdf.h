/* kdf - HMAC and HKDF with SHA-256 (RFC 2104, RFC 5869), over whichever provider is linked.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_KDF_H
#define SECUREEV_KDF_H

#include "secureev/crypto.h"

#define SEV_HKDF_BYTES_MAX (255 * SEV_SHA256_BYTES)

void sev_hmac_sha256(sev_slice key, sev_slice msg, uint8_t out_mac[SEV_SHA256_BYTES]);

/** The pseudorandom key of `secret`; an empty salt is allowed. */
void sev_hkdf_sha256_extract(sev_slice salt, sev_slice secret, uint8_t out_prk[SEV_SHA256_BYTES]);

/** Fill `out`; @retval SEV_E_BUG more than SEV_HKDF_BYTES_MAX asked for, nothing written. */
SEV_MUST_USE sev_err sev_hkdf_sha256_expand(const uint8_t prk[SEV_SHA256_BYTES], sev_slice info,
                                            uint8_t *out, size_t len);

#endif
