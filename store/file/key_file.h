/* key_file - the bytes of one file of the keystore; no I/O, no cryptography but hashing.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_KEY_FILE_H
#define SEV_KEY_FILE_H

#include "secureev/keystore.h"

#define KEY_FILE_SALT_BYTES 32u
#define KEY_FILE_PLAIN_BYTES_MAX 4096u /* PKCS#8 of RSA-4096 is 2,376 */
#define KEY_FILE_HEADER_BYTES_MAX 2048u

struct key_file {
    struct sev_key_entry entry;
    uint8_t salt[KEY_FILE_SALT_BYTES];
    uint8_t nonce[SEV_GCM_NONCE_BYTES];
    uint8_t sealed[KEY_FILE_PLAIN_BYTES_MAX + SEV_GCM_TAG_BYTES];
    size_t sealed_len;
};

/** The canonical header: the additional data of the encryption. */
SEV_MUST_USE sev_err sev_key_file_header(const struct key_file *f, sev_buf *out);
SEV_MUST_USE sev_err sev_key_file_encode(const struct key_file *f, sev_buf *out);
/**
 * Exactly what sev_key_file_encode writes, for the key `id`; not one byte may differ.
 * @retval SEV_E_STORE
 */
SEV_MUST_USE sev_err sev_key_file_decode(sev_slice bytes, const char *id, struct key_file *out);

bool sev_scrypt_cost_ok(struct sev_scrypt_cost cost);

#endif
