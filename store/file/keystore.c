/* keystore - a folder of key files. SPDX-License-Identifier: MIT */
#include "secureev/keystore.h"

#include <stdio.h>
#include <stdlib.h>

#include "key_file.h"
#include "note.h"

#define SUFFIX ".key"

/* ---------------------------------------------------------------- names */

static bool is_hex(const char *text)
{
    return text[strspn(text, "0123456789abcdef")] == '\0';
}

bool sev_key_label_ok(const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char rest[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+";
    size_t n = strlen(name);
    if (n == 0)
        return true;
    if (n > SEV_KEY_LABEL_CHARS_MAX || strspn(name, first) == 0 || strspn(name, rest) != n)
        return false;
    return !(n >= SEV_KEY_PREFIX_CHARS_MIN && is_hex(name));
}

/* The id that a file name stands for, or false: other files are none of our business. */
static bool id_of_file(const char *file, char out_id[SEV_KEY_ID_CHARS + 1])
{
    if (strlen(file) != SEV_KEY_ID_CHARS + sizeof SUFFIX - 1 ||
        strcmp(file + SEV_KEY_ID_CHARS, SUFFIX) != 0)
        return false;
    memcpy(out_id, file, SEV_KEY_ID_CHARS);
    out_id[SEV_KEY_ID_CHARS] = '\0';
    return is_hex(out_id);
}

/* An id comes from our lists, but a path is made of it: nothing but an id gets through. */
static sev_err path_of(const struct sev_keystore *ks, const char *id, char out[SEV_FS_PATH_MAX])
{
    char file[SEV_KEY_ID_CHARS + sizeof SUFFIX];
    if (strlen(id) != SEV_KEY_ID_CHARS || !is_hex(id))
        return sev_fs_refused(ks->fs, id, "is no key id", SEV_E_BAD_NAME);
    (void)snprintf(file, sizeof file, "%s" SUFFIX, id);
    return sev_path_join(ks->dir, file, out);
}

/* -------------------------------------------------------------- reading */

static sev_err read_key(const struct sev_keystore *ks, const char *id, struct key_file *out)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes bytes = {0};
    sev_err err = path_of(ks, id, path);
    if (err == SEV_OK)
        err = sev_file_read(ks->fs, path, SEV_KEY_FILE_BYTES_MAX,
                            SEV_FILE_NO_LINK | SEV_FILE_PRIVATE, &bytes);
    if (err != SEV_OK)
        return err == SEV_E_TOO_LONG ? SEV_E_STORE : err;
    err = sev_key_file_decode(sev_bytes_slice(&bytes), id, out);
    if (err != SEV_OK)
        (void)sev_fs_refused(ks->fs, path, "is not a key file as we write it", err);
    sev_bytes_free(ks->fs, &bytes);
    return err;
}

sev_err sev_keystore_open(const struct sev_fs *fs, const char *dir, bool make,
                          struct sev_keystore *out)
{
    struct sev_fs_stat st;
    if (strlen(dir) >= sizeof out->dir)
        return sev_fs_refused(fs, dir, "is too long a path", SEV_E_BAD_NAME);
    sev_err err = make ? SEV_OK : sev_file_stat(fs, dir, &st);
    if (err == SEV_OK)
        err = sev_dir_ensure(fs, dir, 0700, SEV_FILE_PRIVATE);
    if (err != SEV_OK)
        return err;
    out->fs = fs;
    memcpy(out->dir, dir, strlen(dir) + 1);
    return SEV_OK;
}

static int by_name_then_id(const void *a, const void *b)
{
    const struct sev_key_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* A damaged file is an entry that says so; memory that is short is no damage of a file. */
static sev_err read_entry(const struct sev_keystore *ks, const char *id, struct sev_key_entry *out)
{
    struct key_file f = {0};
    sev_err err = read_key(ks, id, &f);
    if (err == SEV_E_MEMORY || err == SEV_E_IO)
        return err;
    *out = f.entry;
    if (err != SEV_OK) {
        *out = (struct sev_key_entry){.damage = err};
        memcpy(out->id, id, SEV_KEY_ID_CHARS + 1);
    }
    return SEV_OK;
}

sev_err sev_keystore_list(const struct sev_keystore *ks, struct sev_key_entries *out)
{
    const struct sev_fs *fs = ks->fs;
    struct sev_names names = {0};
    struct sev_key_entries list = {0};
    sev_err err = sev_dir_list(fs, ks->dir, SEV_KEYSTORE_KEYS_MAX, &names);
    if (err == SEV_OK && names.count != 0) {
        list.entries = fs->realloc(fs->self, NULL, names.count * sizeof *list.entries);
        err = list.entries == NULL ? SEV_E_MEMORY : SEV_OK;
    }
    for (size_t i = 0; err == SEV_OK && i < names.count; i++) {
        char id[SEV_KEY_ID_CHARS + 1];
        if (!id_of_file(names.names[i], id))
            continue;
        err = read_entry(ks, id, &list.entries[list.count]);
        list.count += err == SEV_OK;
    }
    sev_names_free(fs, &names);
    if (err != SEV_OK) {
        sev_key_entries_free(ks, &list);
        return err;
    }
    if (list.count > 1)
        qsort(list.entries, list.count, sizeof *list.entries, by_name_then_id);
    *out = list;
    return SEV_OK;
}

void sev_key_entries_free(const struct sev_keystore *ks, struct sev_key_entries *entries)
{
    if (entries->entries != NULL)
        ks->fs->free(ks->fs->self, entries->entries);
    *entries = (struct sev_key_entries){0};
}

static bool is_called(const struct sev_key_entry *e, const char *text)
{
    size_t n = strlen(text);
    if (n >= SEV_KEY_PREFIX_CHARS_MIN && n <= SEV_KEY_ID_CHARS && strncmp(e->id, text, n) == 0)
        return true;
    return e->damage == SEV_OK && e->name[0] != '\0' && strcmp(e->name, text) == 0;
}

sev_err sev_keystore_find(const struct sev_keystore *ks, const char *text,
                          struct sev_key_entry *out)
{
    struct sev_key_entries list = {0};
    struct sev_key_entry found = {0};
    size_t count = 0;
    sev_err err = sev_keystore_list(ks, &list);
    if (err != SEV_OK)
        return err;
    for (size_t i = 0; i < list.count; i++) {
        if (!is_called(&list.entries[i], text))
            continue;
        found = list.entries[i];
        count++;
    }
    sev_key_entries_free(ks, &list);
    if (count == 0)
        return sev_fs_refused(ks->fs, ks->dir, "has no such key", SEV_E_NOT_FOUND);
    if (count > 1)
        return sev_fs_refused(ks->fs, ks->dir, "has several such keys", SEV_E_AMBIGUOUS);
    if (found.damage != SEV_OK)
        return sev_fs_refused(ks->fs, ks->dir, "has that key in a file that is not usable",
                              found.damage);
    *out = found;
    return SEV_OK;
}

/* --------------------------------------------------------- locking a key */

/* The secret of AES-256 from the passphrase. */
static sev_err derive(const struct key_file *f, sev_slice passphrase,
                      uint8_t out[SEV_AES256_KEY_BYTES])
{
    struct sev_scrypt_cost c = f->entry.cost;
    return sev_scrypt(passphrase, sev_slice_of(f->salt, sizeof f->salt), c.n, c.r, c.p, out,
                      SEV_AES256_KEY_BYTES);
}

static sev_err seal(const struct sev_keystore *ks, const struct sev_privkey *key,
                    sev_slice passphrase, struct key_file *f)
{
    uint8_t secret[SEV_AES256_KEY_BYTES], plain[KEY_FILE_PLAIN_BYTES_MAX];
    uint8_t header[KEY_FILE_HEADER_BYTES_MAX];
    sev_buf pkcs8 = sev_buf_of(plain, sizeof plain), aad = sev_buf_of(header, sizeof header);
    sev_buf sealed = sev_buf_of(f->sealed, sizeof f->sealed);
    if (passphrase.len == 0)
        return SEV_E_PASSPHRASE;
    if (!sev_scrypt_cost_ok(f->entry.cost))
        return SEV_E_BUG;
    sev_err err = sev_fs_random(ks->fs, f->salt, sizeof f->salt);
    if (err == SEV_OK)
        err = sev_fs_random(ks->fs, f->nonce, sizeof f->nonce);
    if (err == SEV_OK)
        err = sev_key_file_header(f, &aad);
    if (err == SEV_OK)
        err = sev_privkey_to_pkcs8(key, &pkcs8);
    if (err == SEV_OK)
        err = derive(f, passphrase, secret);
    if (err == SEV_OK)
        err = sev_aes256gcm_seal(secret, f->nonce, sev_buf_slice(&aad), sev_buf_slice(&pkcs8),
                                 &sealed);
    sev_wipe(secret, sizeof secret);
    sev_wipe(plain, sizeof plain);
    f->sealed_len = sealed.len;
    return err;
}

static sev_err unseal(const struct sev_keystore *ks, const struct key_file *f, sev_slice passphrase,
                      struct sev_privkey **out)
{
    uint8_t secret[SEV_AES256_KEY_BYTES], plain[KEY_FILE_PLAIN_BYTES_MAX];
    uint8_t header[KEY_FILE_HEADER_BYTES_MAX];
    sev_buf pkcs8 = sev_buf_of(plain, sizeof plain), aad = sev_buf_of(header, sizeof header);
    struct sev_privkey *key = NULL;
    sev_err err = sev_key_file_header(f, &aad);
    if (err == SEV_OK)
        err = derive(f, passphrase, secret);
    if (err == SEV_OK &&
        sev_aes256gcm_open(secret, f->nonce, sev_buf_slice(&aad),
                           sev_slice_of(f->sealed, f->sealed_len), &pkcs8) != SEV_OK)
        err = sev_fs_refused(ks->fs, f->entry.id, "does not open with this passphrase",
                             SEV_E_PASSPHRASE);
    sev_wipe(secret, sizeof secret);
    if (err == SEV_OK)
        err = sev_privkey_from_pkcs8(sev_buf_slice(&pkcs8), &key);
    sev_wipe(plain, sizeof plain);
    /* Only whoever knew the passphrase could put another key in; signing with one that is not the
     * one that is shown would still be our fault. */
    if (err == SEV_OK && !sev_pubkey_eq(sev_privkey_public(key), &f->entry.key))
        err = SEV_E_STORE;
    if (err != SEV_OK)
        sev_privkey_free(key);
    else
        *out = key;
    return err;
}

static sev_err write_key(const struct sev_keystore *ks, const struct key_file *f, bool replace)
{
    char path[SEV_FS_PATH_MAX];
    uint8_t bytes[SEV_KEY_FILE_BYTES_MAX];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    sev_err err = sev_key_file_encode(f, &b);
    if (err == SEV_OK)
        err = path_of(ks, f->entry.id, path);
    if (err != SEV_OK)
        return err;
    return replace ? sev_file_replace(ks->fs, path, sev_buf_slice(&b), 0600)
                   : sev_file_create(ks->fs, path, sev_buf_slice(&b), 0600);
}

/* ------------------------------------------------------------- changing */

/* A name stands for one key: find() must never have to guess. */
static sev_err is_new(const struct sev_keystore *ks, const struct sev_key_entry *entry)
{
    struct sev_key_entries list = {0};
    sev_err err = sev_keystore_list(ks, &list);
    for (size_t i = 0; err == SEV_OK && i < list.count; i++) {
        const struct sev_key_entry *e = &list.entries[i];
        if (strcmp(e->id, entry->id) == 0)
            err = sev_fs_refused(ks->fs, ks->dir, "has this key already", SEV_E_EXISTS);
        else if (entry->name[0] != '\0' && strcmp(e->name, entry->name) == 0)
            err = sev_fs_refused(ks->fs, ks->dir, "has a key of that name", SEV_E_EXISTS);
    }
    if (err == SEV_OK && list.count >= SEV_KEYSTORE_KEYS_MAX)
        err = sev_fs_refused(ks->fs, ks->dir, "holds as many keys as it may", SEV_E_TOO_LONG);
    sev_key_entries_free(ks, &list);
    return err;
}

sev_err sev_keystore_add(const struct sev_keystore *ks, const char *name,
                         const struct sev_privkey *key, sev_slice passphrase,
                         struct sev_scrypt_cost cost, struct sev_key_entry *out)
{
    struct key_file f = {.entry.cost = cost};
    struct sev_dir_lock lock = {0};
    if (!sev_key_label_ok(name))
        return sev_fs_refused(ks->fs, name, "is not a name for a key", SEV_E_BAD_NAME);
    memcpy(f.entry.name, name, strlen(name) + 1);
    f.entry.key = *sev_privkey_public(key);
    sev_err err = sev_key_id(&f.entry.key, SEV_PROFILE_NATIVE, f.entry.id);
    if (err == SEV_OK)
        err = seal(ks, key, passphrase, &f);
    if (err == SEV_OK)
        err = sev_dir_lock(ks->fs, ks->dir, SEV_KEYSTORE_LOCK_MS, &lock);
    if (err == SEV_OK)
        err = sev_dir_clean(ks->fs, ks->dir);
    if (err == SEV_OK)
        err = is_new(ks, &f.entry);
    if (err == SEV_OK)
        err = write_key(ks, &f, false);
    sev_dir_unlock(&lock);
    if (err == SEV_OK)
        *out = f.entry;
    return err;
}

sev_err sev_keystore_load(const struct sev_keystore *ks, const char *id, sev_slice passphrase,
                          struct sev_privkey **out)
{
    struct key_file f;
    sev_err err = read_key(ks, id, &f);
    return err != SEV_OK ? err : unseal(ks, &f, passphrase, out);
}

sev_err sev_keystore_passwd(const struct sev_keystore *ks, const char *id, sev_slice old_passphrase,
                            sev_slice new_passphrase, struct sev_scrypt_cost cost)
{
    struct key_file f;
    struct sev_privkey *key = NULL;
    struct sev_dir_lock lock = {0};
    /* Under the lock from reading to writing: two at once must not bring back the older one. */
    sev_err err = sev_dir_lock(ks->fs, ks->dir, SEV_KEYSTORE_LOCK_MS, &lock);
    if (err == SEV_OK)
        err = sev_dir_clean(ks->fs, ks->dir);
    if (err == SEV_OK)
        err = read_key(ks, id, &f);
    if (err == SEV_OK)
        err = unseal(ks, &f, old_passphrase, &key);
    if (err == SEV_OK) {
        f.entry.cost = cost;
        err = seal(ks, key, new_passphrase, &f);
    }
    sev_privkey_free(key);
    if (err == SEV_OK)
        err = write_key(ks, &f, true);
    sev_dir_unlock(&lock);
    return err;
}
