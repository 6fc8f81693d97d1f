/* keystore - private keys of people in a folder, one file each, encrypted under a passphrase.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_KEYSTORE_H
#define SECUREEV_KEYSTORE_H

#include "secureev/fs.h"
#include "secureev/key.h"
#include "secureev/signing.h"

/* DIR (0700) holds ID.key (0600), canonical JSON and a line feed:
 *   {"ciphertext": base64 of AES-256-GCM(PKCS#8) and its tag,
 *    "header": {"cipher": "aes-256-gcm", "kdf": {"n", "name": "scrypt", "p", "r", "salt"}, "keyid",
 *               "name", "nonce", "public": base64 of SubjectPublicKeyInfo, "version": 1}}
 * The key is scrypt(passphrase, salt); the header's bytes are the additional data. Files are
 * written whole or not at all, and a key is never overwritten by another. */

#define SEV_KEYSTORE_KEYS_MAX 4096u   /* a desk has dozens */
#define SEV_KEY_FILE_BYTES_MAX 16384u /* RSA-4096 needs 5 KiB */
#define SEV_KEY_LABEL_CHARS_MAX 64u
#define SEV_KEYSTORE_LOCK_MS 10000u /* others write for milliseconds */
#define SEV_KEY_PREFIX_CHARS_MIN 8u /* of an id that stands for the whole */

/** What guessing one passphrase costs: 128 n r bytes of memory, p times. */
struct sev_scrypt_cost {
    uint64_t n; /**< power of two */
    uint32_t r;
    uint32_t p;
};
/** 128 MiB and about half a second; tests give less. */
#define SEV_KEYSTORE_COST ((struct sev_scrypt_cost){UINT64_C(1) << 17, 8, 1})
/** A file that asks for more is refused: it buys memory with one line of text. */
#define SEV_SCRYPT_BYTES_MAX (UINT64_C(1) << 30)
#define SEV_SCRYPT_P_MAX 16u

/** What is known of a key without its passphrase. */
struct sev_key_entry {
    char id[SEV_KEY_ID_CHARS + 1];          /**< TUF's key id of `key` */
    char name[SEV_KEY_LABEL_CHARS_MAX + 1]; /**< "" when it has none */
    struct sev_pubkey key;
    struct sev_scrypt_cost cost;
    sev_err damage; /**< in lists: why the file is not usable; then only `id` is known */
};

struct sev_keystore {
    const struct sev_fs *fs;
    char dir[SEV_FS_PATH_MAX];
};

/**
 * Use the keystore in `dir`.
 *
 * @param make  make the folder, 0700, where absent; otherwise SEV_E_NOT_FOUND
 * @retval SEV_E_UNSAFE_FILE  not a folder, not ours, or open to group or others
 */
SEV_MUST_USE sev_err sev_keystore_open(const struct sev_fs *fs, const char *dir, bool make,
                                       struct sev_keystore *out);

struct sev_key_entries {
    struct sev_key_entry *entries; /**< by name, then by id */
    size_t count;
};
/** All keys, damaged ones too: one bad file hides no other. */
SEV_MUST_USE sev_err sev_keystore_list(const struct sev_keystore *ks, struct sev_key_entries *out);
void sev_key_entries_free(const struct sev_keystore *ks, struct sev_key_entries *entries);

/**
 * The key that is called `text`: its name, or at least SEV_KEY_PREFIX_CHARS_MIN characters from
 * the start of its id.
 *
 * @retval SEV_E_NOT_FOUND, SEV_E_AMBIGUOUS
 * @retval SEV_E_STORE, SEV_E_UNSAFE_FILE  it is there and not usable
 */
SEV_MUST_USE sev_err sev_keystore_find(const struct sev_keystore *ks, const char *text,
                                       struct sev_key_entry *out);

/** May a key be called so? Letters, digits and . _ - @ + of ASCII, beginning with a letter or
 * digit; not something that could be the start of an id. "" is fine: no name. */
bool sev_key_label_ok(const char *name);

/**
 * Keep a key.
 *
 * @retval SEV_E_EXISTS      this key, or another of that name, is there; it is untouched
 * @retval SEV_E_BAD_NAME    see sev_key_label_ok
 * @retval SEV_E_PASSPHRASE  an empty one
 * @retval SEV_E_BUSY, SEV_E_IO, SEV_E_RANDOM, SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_keystore_add(const struct sev_keystore *ks, const char *name,
                                      const struct sev_privkey *key, sev_slice passphrase,
                                      struct sev_scrypt_cost cost, struct sev_key_entry *out);

/**
 * Open a key. Free it with sev_privkey_free.
 *
 * @param id  of an entry: all of its characters
 * @retval SEV_E_PASSPHRASE   wrong passphrase, or the file was changed: the two look alike
 * @retval SEV_E_STORE        the file is damaged
 * @retval SEV_E_UNSAFE_FILE  a link, not ours, or open to group or others
 */
SEV_MUST_USE sev_err sev_keystore_load(const struct sev_keystore *ks, const char *id,
                                       sev_slice passphrase, struct sev_privkey **out);

/** Encrypt a key anew: under another passphrase, or at another cost. The old file gives way to the
 *  new one in one step. As sev_keystore_load. */
SEV_MUST_USE sev_err sev_keystore_passwd(const struct sev_keystore *ks, const char *id,
                                         sev_slice old_passphrase, sev_slice new_passphrase,
                                         struct sev_scrypt_cost cost);

#endif
