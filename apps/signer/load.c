/* load - see load.h.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "load.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "secureev/keystore.h"

#define PASSPHRASE_BYTES_MAX 1024u
#define ISSUER_BYTES_MAX 65536u

static sev_err wrong(struct sev_config_note *note, sev_err e, const char *what, const char *about)
{
    note->line = 0;
    snprintf(note->text, sizeof note->text, "%.120s: %s", about, what);
    return e;
}

void load_free(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->signer.count; i++)
        sev_privkey_free(loaded->keys[i].key);
    loaded->signer.count = 0;
    for (size_t i = 0; i < loaded->token_count; i++)
        sev_token_close(loaded->tokens[i]);
    loaded->token_count = 0;
}

/* "secureev" or "1000". */
static sev_err find_user(const char *text, size_t len, uint32_t *out)
{
    char name[64];
    uint64_t number;
    if (len >= sizeof name)
        return SEV_E_NOT_FOUND;
    memcpy(name, text, len);
    name[len] = '\0';
    if (sev_decimal_parse(sev_slice_of(name, len), &number) == SEV_OK && number < UINT32_MAX) {
        *out = (uint32_t)number;
        return SEV_OK;
    }
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL)
        return SEV_E_NOT_FOUND;
    *out = entry->pw_uid;
    return SEV_OK;
}

static sev_err take_users(const char *words, struct sev_signer_key *key,
                          struct sev_config_note *note)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " \t");
        if (key->user_count == sizeof key->users / sizeof key->users[0])
            return wrong(note, SEV_E_CONFIG, "more than four users of one key", key->name);
        if (find_user(words, len, &key->users[key->user_count++]) != SEV_OK)
            return wrong(note, SEV_E_CONFIG,
                         "'users' names somebody whom this machine does not know", key->name);
        words += len;
        words += strspn(words, " \t");
    }
    return SEV_OK;
}

/* Whose checkpoints, and as whom. */
static sev_err take_notes(const struct sev_config_block *block, struct sev_signer_key *key,
                          struct sev_config_note *note)
{
    const char *words = sev_config_text(block, "origins"), *name = sev_config_text(block, "name");
    bool log = sev_config_has_word(block, "sign", "checkpoint");
    bool witness = sev_config_has_word(block, "sign", "cosignature");
    if (log && witness)
        return wrong(note, SEV_E_CONFIG, "a key is a log's or a witness's", key->name);
    key->notes = log ? SEV_SIGNER_LOG : witness ? SEV_SIGNER_WITNESS : SEV_SIGNER_NO_NOTES;
    if (strlen(name) >= sizeof key->note_name)
        return wrong(note, SEV_E_CONFIG, "'name' is too long", key->name);
    memcpy(key->note_name, name, strlen(name));
    while (*words != '\0') {
        size_t len = strcspn(words, " \t");
        if (key->log_count == SEV_SIGNER_LOGS_MAX || len > SEV_NOTE_NAME_BYTES_MAX)
            return wrong(note, SEV_E_CONFIG, "more than eight origins, or too long a one",
                         key->name);
        memcpy(key->logs[key->log_count++].origin, words, len);
        words += len;
        words += strspn(words, " \t");
    }
    return SEV_OK;
}

static sev_err take_issuer(const struct sev_fs *fs, const struct sev_config_block *block,
                           struct sev_issuer *out, struct sev_config_note *note)
{
    struct sev_bytes file = {NULL, 0};
    const char *path = sev_config_text(block, "issuer");
    if (*path == '\0')
        return wrong(note, SEV_E_CONFIG, "a key for certificates needs an 'issuer'", block->name);
    sev_err e = sev_file_read(fs, path, ISSUER_BYTES_MAX, 0, &file);
    if (e == SEV_OK)
        e = sev_issuer_read(sev_slice_of(file.ptr, file.len), out);
    sev_bytes_free(fs, &file);
    return e == SEV_OK ? e : wrong(note, e, "not the certificate of a P-256 CA", path);
}

/* --------------------------------------------------------------------- where */

/* Where keys come from. The keystore is opened when the first key wants it. */
struct sources {
    const struct sev_fs *fs;
    const struct sev_config *config;
    const struct sev_config_block *signer;
    bool open;
    struct sev_keystore store;
    struct sev_bytes passphrase_file;
};

static sev_slice first_line(const struct sev_bytes *file)
{
    const uint8_t *end = memchr(file->ptr, '\n', file->len);
    return sev_slice_of(file->ptr, end == NULL ? file->len : (size_t)(end - file->ptr));
}

static sev_err read_secret(const struct sev_fs *fs, const char *path, struct sev_bytes *out,
                           struct sev_config_note *note)
{
    sev_err e =
        sev_file_read(fs, path, PASSPHRASE_BYTES_MAX, SEV_FILE_PRIVATE | SEV_FILE_NO_LINK, out);
    return e == SEV_OK ? e : wrong(note, e, sev_err_sentence(e), path);
}

static sev_err open_keystore(struct sources *from, struct sev_config_note *note)
{
    const char *dir = sev_config_text(from->signer, "keystore");
    const char *path = sev_config_text(from->signer, "passphrase_file");
    if (from->open)
        return SEV_OK;
    if (*dir == '\0' || *path == '\0')
        return wrong(note, SEV_E_CONFIG,
                     "a key without 'token' needs 'keystore' and 'passphrase_file'", "signer");
    sev_err e = sev_keystore_open(from->fs, dir, false, &from->store);
    if (e != SEV_OK)
        return wrong(note, e, sev_err_sentence(e), dir);
    e = read_secret(from->fs, path, &from->passphrase_file, note);
    from->open = e == SEV_OK;
    return e;
}

static sev_err take_token(const struct sev_fs *fs, const struct sev_config_block *block,
                          struct sev_token **out, struct sev_config_note *note)
{
    struct sev_bytes pin = {NULL, 0};
    struct sev_token_note why;
    sev_err e = read_secret(fs, sev_config_text(block, "pin_file"), &pin, note);
    if (e != SEV_OK)
        return e;
    const char *label = sev_config_text(block, "label");
    struct sev_token_config config = {.module = sev_config_text(block, "module"),
                                      .label = *label == '\0' ? block->name : label,
                                      .pin = first_line(&pin)};
    e = sev_token_open(&config, &why, out);
    sev_bytes_wipe(fs, &pin);
    return e == SEV_OK ? e : wrong(note, e, why.text, block->name);
}

static sev_err take_tokens(const struct sources *from, struct loaded *out,
                           struct sev_config_note *note)
{
    sev_err e = SEV_OK;
    const struct sev_config_block *b = NULL;
    while (e == SEV_OK && (b = sev_config_next(from->config, "token", b)) != NULL) {
        if (out->token_count == LOAD_TOKENS_MAX)
            return wrong(note, SEV_E_CONFIG, "more than four tokens", b->name);
        e = take_token(from->fs, b, &out->tokens[out->token_count], note);
        out->token_count += e == SEV_OK;
    }
    return e;
}

/* ---------------------------------------------------------------------- keys */

static sev_err open_stored(struct sources *from, const char *name, struct sev_privkey **out,
                           struct sev_config_note *note)
{
    struct sev_key_entry entry;
    sev_err e = open_keystore(from, note);
    if (e != SEV_OK)
        return e;
    e = sev_keystore_find(&from->store, name, &entry);
    if (e != SEV_OK)
        return wrong(note, e, "no usable key of that name in the keystore", name);
    e = sev_keystore_load(&from->store, entry.id, first_line(&from->passphrase_file), out);
    return e == SEV_OK ? e : wrong(note, e, sev_err_sentence(e), name);
}

static sev_err open_held(const struct sources *from, const struct loaded *loaded, const char *token,
                         const char *name, struct sev_privkey **out, struct sev_config_note *note)
{
    struct sev_token_note why;
    unsigned flags = sev_config_switch(from->signer, "evaluation") ? SEV_TOKEN_EXTRACTABLE_TOO : 0;
    const struct sev_config_block *b = sev_config_next(from->config, "token", NULL);
    size_t i = 0;
    for (; b != NULL && strcmp(b->name, token) != 0; i++)
        b = sev_config_next(from->config, "token", b);
    if (b == NULL)
        return wrong(note, SEV_E_CONFIG, "there is no section [token] of that name", token);
    sev_err e = sev_token_key(loaded->tokens[i], name, flags, &why, out);
    return e == SEV_OK ? e : wrong(note, e, why.text, token);
}

static sev_err take_key(struct sources *from, const struct loaded *loaded,
                        const struct sev_config_block *block, struct sev_signer_key *out,
                        struct sev_config_note *note)
{
    *out = (struct sev_signer_key){.life_max = sev_config_number(block, "life_max"),
                                   .per_minute = sev_config_number(block, "per_minute")};
    memcpy(out->name, block->name, strlen(block->name) + 1);
    if (strcmp(sev_config_text(block, "profile"), "aktualizr") == 0)
        out->profile = SEV_PROFILE_AKTUALIZR;
    if (strcmp(sev_config_text(block, "repository"), "director") != 0)
        out->repository = SEV_SIGNER_OTHER;
    for (unsigned i = 0; i < SEV_SIGNER_DOCUMENT_COUNT; i++)
        if (sev_config_has_word(block, "sign", sev_signer_type((enum sev_signer_document)i)))
            out->documents |= 1u << i;
    out->certificates = sev_config_has_word(block, "sign", "certificate");
    out->any_name = strcmp(sev_config_text(block, "names"), "any") == 0;
    sev_err e = take_users(sev_config_text(block, "users"), out, note);
    if (e == SEV_OK && out->certificates)
        e = take_issuer(from->fs, block, &out->issuer, note);
    if (e == SEV_OK)
        e = take_notes(block, out, note);
    if (e != SEV_OK)
        return e;
    const char *name = sev_config_text(block, "key"), *token = sev_config_text(block, "token");
    name = *name == '\0' ? block->name : name;
    return *token == '\0' ? open_stored(from, name, &out->key, note)
                          : open_held(from, loaded, token, name, &out->key, note);
}

static sev_err take_keys(const struct sev_fs *fs, const struct sev_config *config,
                         const struct sev_config_block *signer, struct loaded *out,
                         struct sev_config_note *note)
{
    struct sources from = {.fs = fs, .config = config, .signer = signer};
    sev_err e = take_tokens(&from, out, note);
    const struct sev_config_block *b = NULL;
    while (e == SEV_OK && (b = sev_config_next(config, "key", b)) != NULL) {
        if (out->signer.count == SEV_SIGNER_KEYS_MAX)
            e = wrong(note, SEV_E_CONFIG, "more than 32 keys", b->name);
        else
            e = take_key(&from, out, b, &out->keys[out->signer.count], note);
        if (e == SEV_OK)
            out->signer.count++;
    }
    sev_bytes_wipe(fs, &from.passphrase_file);
    if (e == SEV_OK && out->signer.count == 0)
        e = wrong(note, SEV_E_CONFIG, "there is no [key NAME] to sign with", "signer");
    return e;
}

sev_err load(const struct sev_fs *fs, const char *config_path, int64_t now_ms, struct loaded *out,
             struct sev_config_note *note)
{
    struct sev_config config;
    sev_err e = sev_config_load_ours(fs, config_path, &config, note);
    if (e != SEV_OK)
        return e;
    struct loaded *made = calloc(1, sizeof *made);
    const struct sev_config_block *signer = sev_config_next(&config, "signer", NULL);
    if (made == NULL)
        e = wrong(note, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), config_path);
    else if (signer == NULL)
        e = wrong(note, SEV_E_CONFIG, "there is no section [signer]", config_path);
    else
        e = take_keys(fs, &config, signer, made, note);
    if (e == SEV_OK) {
        made->signer.keys = made->keys;
        e = sev_signer_init(&made->signer, now_ms);
        if (e != SEV_OK)
            e = wrong(note, e, sev_err_sentence(e), config_path);
    }
    if (e == SEV_OK) {
        snprintf(made->socket, sizeof made->socket, "%s", sev_config_text(signer, "socket"));
        made->json_log = strcmp(sev_config_text(signer, "log"), "json") == 0;
        sev_signer_keep_logs(&out->signer, &made->signer);
        load_free(out);
        *out = *made;
        out->signer.keys = out->keys;
    } else if (made != NULL) {
        load_free(made);
    }
    if (made != NULL)
        sev_wipe(made, sizeof *made);
    free(made);
    sev_config_free(fs, &config);
    return e;
}
