/* spki - SubjectPublicKeyInfo (RFC 5280, 5480, 8410), the inside of "BEGIN PUBLIC KEY", to
 * sev_pubkey and back. Strict: what is accepted has exactly one encoding.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SPKI_H
#define SECUREEV_SPKI_H

#include "secureev/crypto.h"

/**
 * Read the DER of one public key. Structure only: whether a point lies on its curve or an RSA
 * modulus is long enough, the provider says when the key is used (SEV_E_KEY).
 *
 * An algorithm or named curve that we do not know gives SEV_KEY_UNKNOWN (no material) and SEV_OK.
 *
 * @param out  untouched unless SEV_OK
 * @retval SEV_E_KEY          not DER, bytes after it, parameters that the algorithm forbids
 * (explicit curves, RSASSA-PSS key restrictions), or not the shape of such a key
 * @retval SEV_E_UNSUPPORTED  a compressed point: a square root is more than the core computes;
 *                            hosted programs read it with sev_pubkey_from_pem (signing.h)
 */
SEV_MUST_USE sev_err sev_spki_decode(sev_slice der, struct sev_pubkey *out);

/** The same for one P-256 key, which has exactly one encoding: X || Y of its point.
 *  @retval SEV_E_KEY  anything else; `out_point` is untouched */
SEV_MUST_USE sev_err sev_spki_decode_p256(sev_slice der, uint8_t out_point[64]);

/**
 * Append the DER of `key`; decode gives it back, and decode followed by encode the same bytes.
 *
 * @retval SEV_E_UNSUPPORTED  SEV_KEY_UNKNOWN
 * @retval SEV_E_KEY          the material has not the shape of its type
 * @retval SEV_E_MEMORY       does not fit: nothing usable was written
 */
SEV_MUST_USE sev_err sev_spki_encode(const struct sev_pubkey *key, sev_buf *out);

#endif
