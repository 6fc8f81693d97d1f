/* key - public keys as metadata writes them: key objects and key ids.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_KEY_H
#define SECUREEV_KEY_H

#include "secureev/crypto.h"
#include "secureev/json.h"

/** Which dialect a document is written in; chosen by configuration, never by the document. */
typedef enum sev_profile {
    SEV_PROFILE_NATIVE,
    SEV_PROFILE_AKTUALIZR, /**< contracts/aktualizr.md */
    SEV_PROFILE_TUF,       /**< contracts/tuf-client-cli.md */
} sev_profile;

#define SEV_KEY_OBJECT_BYTES_MAX 2048
#define SEV_KEY_ID_CHARS 64

/**
 * Decode a checked key object. A type, scheme or curve that we do not know gives
 * SEV_KEY_UNKNOWN and SEV_OK: such a key is kept and never counts (REQ-VER-12, ALG-0.3).
 *
 * @retval SEV_E_MALFORMED  no keytype or no keyval.public
 * @retval SEV_E_KEY        a known type with unusable material
 */
SEV_MUST_USE sev_err sev_key_parse(sev_slice object, sev_profile profile, struct sev_pubkey *out);

/** The key id that a checked key object has: SHA-256 of its OLPC form, in lower-case hex. */
SEV_MUST_USE sev_err sev_key_id_of(sev_slice object, char out[SEV_KEY_ID_CHARS]);

/** Write the key object of a key: canonical members, PEM for EC and RSA, hex for the others. */
SEV_MUST_USE sev_err sev_key_object(const struct sev_pubkey *key, sev_profile profile,
                                    sev_buf *out);

/** The key id of a key that we emit: TUF's in native, contracts/aktualizr.md 7.2 there. */
SEV_MUST_USE sev_err sev_key_id(const struct sev_pubkey *key, sev_profile profile,
                                char out[SEV_KEY_ID_CHARS]);

bool sev_pubkey_eq(const struct sev_pubkey *a, const struct sev_pubkey *b);
/** SHA-256 over type and material: the identity of a key, however it is written. */
void sev_pubkey_fingerprint(const struct sev_pubkey *key, uint8_t out[SEV_SHA256_BYTES]);

#endif
