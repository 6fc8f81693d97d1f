/* p256 - ECDSA verification on NIST P-256 for small devices. SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_PORTABLE_P256_H
#define SEV_CRYPTO_PORTABLE_P256_H

#include "secureev/err.h"
#include "secureev/slice.h"

/** The magnitudes of r and s in the strict DER of an ECDSA-Sig-Value, without leading zeros, at
 * most 32 bytes each. Structure only. False: not DER, bytes after it, negative or wider numbers;
 * the outputs are untouched then. */
bool sev_ecdsa_sig_decode(sev_slice der, sev_slice *out_r, sev_slice *out_s);

/**
 * @param point  X || Y
 * @retval SEV_E_KEY        not such a point, or not on the curve
 * @retval SEV_E_SIGNATURE  anything else that is not a good signature
 */
SEV_MUST_USE sev_err sev_p256_verify(const uint8_t point[64], const uint8_t digest[32],
                                     sev_slice sig);

#endif
