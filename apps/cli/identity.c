/* identity - see identity.h.  SPDX-License-Identifier: MIT */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "secureev/messages.h"

#define LOG_FILE "did.jsonl"
#define PEM_BYTES_MAX 65536u

/* ------------------------------------------------------------------- folder */

static sev_slice first_line(sev_slice log)
{
    const uint8_t *end = log.len == 0 ? NULL : memchr(log.ptr, '\n', log.len);
    return end == NULL ? SEV_EMPTY : sev_slice_of(log.ptr, (size_t)(end - log.ptr));
}

/* Of a log that names nobody beforehand: whoever its first entry makes. */
static sev_err check_log(sev_slice log, struct sev_did_state *out)
{
    struct sev_did_state first = {.created = 0};
    sev_err e = sev_did_follow(NULL, first_line(log), &first);
    return e == SEV_OK ? sev_did_log_check(NULL, sev_did_id(&first.newest.document), log, 0, out)
                       : e;
}

static sev_err read_log(struct identity *id, bool make)
{
    char path[SEV_FS_PATH_MAX];
    sev_err e = sev_path_join(id->dir, LOG_FILE, path);
    if (e == SEV_OK)
        e = sev_file_read(cli_fs(id->cli), path, IDENTITY_LOG_BYTES_MAX, SEV_FILE_PRIVATE,
                          &id->log);
    if (e == SEV_E_NOT_FOUND && make)
        return SEV_OK;
    return e == SEV_OK ? check_log(sev_bytes_slice(&id->log), &id->state) : e;
}

int identity_open(struct cli *c, bool make, struct identity *out)
{
    *out = (struct identity){.cli = c, .dir = cli_opt(c, "dir")};
    struct sev_fs_stat st;
    sev_err e = make ? SEV_OK : sev_file_stat(cli_fs(c), out->dir, &st);
    if (e == SEV_OK)
        e = sev_dir_ensure(cli_fs(c), out->dir, 0700, SEV_FILE_PRIVATE);
    if (e == SEV_OK)
        e = sev_dir_lock(cli_fs(c), out->dir, SEV_KEYSTORE_LOCK_MS, &out->lock);
    if (e != SEV_OK)
        return cli_fail(c, e, "it is made by `secureev identity create`, closed to others", "%s",
                        out->dir);
    e = read_log(out, make);
    return e == SEV_OK ? 0 : cli_fail(c, e, NULL, "%s/" LOG_FILE, out->dir);
}

void identity_close(struct identity *id)
{
    sev_bytes_free(cli_fs(id->cli), &id->log);
    sev_dir_unlock(&id->lock);
}

/* --------------------------------------------------------------------- keys */

void identity_key_file(const char *what, int64_t version, char out[40])
{
    snprintf(out, 40, "%s-%lld.pem", what, (long long)version);
}

static sev_err make_key(const struct sev_fs *fs, const char *path, struct sev_privkey **out)
{
    uint8_t pem[SEV_PRIVKEY_BYTES_MAX];
    sev_buf b = sev_buf_of(pem, sizeof pem);
    sev_err e = sev_privkey_generate(SEV_KEY_P256, 0, out);
    if (e == SEV_OK)
        e = sev_privkey_to_pem(*out, SEV_EMPTY, &b);
    if (e == SEV_OK)
        e = sev_file_create(fs, path, sev_buf_slice(&b), 0600);
    sev_wipe(pem, sizeof pem);
    return e;
}

int identity_key(struct identity *id, const char *file, bool make, struct sev_privkey **out)
{
    struct sev_bytes pem = {NULL, 0};
    struct sev_privkey *key = NULL;
    char path[SEV_FS_PATH_MAX];
    sev_err e = sev_path_join(id->dir, file, path);
    if (e == SEV_OK)
        e = sev_file_read(cli_fs(id->cli), path, PEM_BYTES_MAX, SEV_FILE_PRIVATE, &pem);
    if (e == SEV_OK)
        e = sev_privkey_from_pem(sev_bytes_slice(&pem), SEV_EMPTY, &key);
    else if (e == SEV_E_NOT_FOUND && make)
        e = make_key(cli_fs(id->cli), path, &key);
    sev_bytes_wipe(cli_fs(id->cli), &pem);
    if (e == SEV_OK && sev_privkey_public(key)->type != SEV_KEY_P256)
        e = SEV_E_UNSUPPORTED;
    if (e == SEV_OK)
        *out = key;
    else
        sev_privkey_free(key);
    return e == SEV_OK ? 0 : cli_fail(id->cli, e, NULL, "key %s/%s", id->dir, file);
}

int identity_authentication_key(struct identity *id, struct sev_privkey **out)
{
    const struct sev_did_document *d = &id->state.newest.document;
    char file[40], path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    int64_t version = id->state.newest.version;
    for (; version > 1; version--) {
        identity_key_file("identity", version, file);
        if (sev_path_join(id->dir, file, path) == SEV_OK &&
            sev_file_stat(cli_fs(id->cli), path, &st) == SEV_OK)
            break;
    }
    identity_key_file("identity", version, file);
    int code = identity_key(id, file, false, out);
    if (code != 0)
        return code;
    if (d->authentication_count != 0 && memcmp(sev_privkey_public(*out)->material + 1,
                                               d->authentication[0], SEV_DID_POINT_BYTES) == 0)
        return 0;
    sev_privkey_free(*out);
    *out = NULL;
    return cli_fail(id->cli, SEV_E_KEY, NULL, "%s/%s is not the key that %s has", id->dir, file,
                    LOG_FILE);
}

/* ------------------------------------------------------------------ entries */

sev_err identity_sign(const struct sev_privkey *key, sev_slice body, sev_buf *out)
{
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    sev_err e = sev_key_id(sev_privkey_public(key), SEV_PROFILE_NATIVE, keyid);
    if (e == SEV_OK)
        e = sev_privkey_sign(key, body, &sig);
    if (e != SEV_OK)
        return e;
    struct sev_message_sig entry = {.keyid = sev_slice_of(keyid, sizeof keyid),
                                    .sig = sev_buf_slice(&sig)};
    return sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, SEV_MESSAGE_BYTES_MAX, out);
}

static sev_err keep_log(struct identity *id, sev_slice entry)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes longer;
    sev_err e = sev_path_join(id->dir, LOG_FILE, path);
    if (e == SEV_OK)
        e = sev_bytes_new(cli_fs(id->cli), id->log.len + entry.len + 1, &longer);
    if (e != SEV_OK)
        return e;
    if (id->log.len != 0)
        memcpy(longer.ptr, id->log.ptr, id->log.len);
    memcpy(longer.ptr + id->log.len, entry.ptr, entry.len);
    longer.ptr[id->log.len + entry.len] = '\n';
    e = sev_file_replace(cli_fs(id->cli), path, sev_bytes_slice(&longer), 0600);
    sev_bytes_free(cli_fs(id->cli), &id->log);
    id->log = longer;
    return e;
}

int identity_append(struct identity *id, const struct sev_did_entry *entry,
                    const struct sev_privkey *key)
{
    uint8_t body[SEV_DID_ENTRY_BYTES_MAX], bytes[2 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body), out = sev_buf_of(bytes, sizeof bytes);
    sev_err e = sev_did_entry_write(entry, &b);
    if (e == SEV_OK)
        e = identity_sign(key, sev_buf_slice(&b), &out);
    /* As everybody else will look at it. */
    if (e == SEV_OK)
        e = sev_did_follow(NULL, sev_buf_slice(&out), &id->state);
    if (e == SEV_OK)
        e = keep_log(id, sev_buf_slice(&out));
    const char *hint = NULL;
    if (e == SEV_E_DID_KEY)
        hint = "an entry is signed by a key that the one before announced";
    return e == SEV_OK ? 0 : cli_fail(id->cli, e, hint, "the next entry of %s", id->dir);
}

int identity_announce(struct identity *id, const char *const *files, size_t count,
                      struct sev_did_entry *entry)
{
    for (size_t i = 0; i < count; i++) {
        struct sev_bytes pem = {NULL, 0};
        struct sev_pubkey key = {.type = SEV_KEY_UNKNOWN};
        if (entry->next_count == SEV_DID_NEXT_MAX)
            return cli_usage(id->cli, "an entry announces at most %d keys", SEV_DID_NEXT_MAX);
        sev_err e = sev_file_read(cli_fs(id->cli), files[i], PEM_BYTES_MAX, 0, &pem);
        if (e == SEV_OK)
            e = sev_pubkey_from_pem(sev_bytes_slice(&pem), &key);
        sev_bytes_free(cli_fs(id->cli), &pem);
        if (e == SEV_OK && key.type != SEV_KEY_P256)
            e = SEV_E_UNSUPPORTED;
        if (e != SEV_OK)
            return cli_fail(id->cli, e, "a public key (P-256) in PEM", "%s", files[i]);
        sev_did_key_hash(key.material + 1, entry->next[entry->next_count++]);
    }
    return 0;
}

static void take_point(const struct sev_privkey *key, uint8_t out[SEV_DID_POINT_BYTES])
{
    memcpy(out, sev_privkey_public(key)->material + 1, SEV_DID_POINT_BYTES);
}

int identity_begin(struct identity *id, const char *const *recovery, size_t count)
{
    struct sev_privkey *own = NULL, *first = NULL, *second = NULL;
    struct sev_did_entry e = {.version = 1, .time = (sev_time)time(NULL), .next_count = 1};
    e.document.authentication_count = 1;
    int code = identity_key(id, "identity-1.pem", true, &own);
    if (code == 0)
        code = identity_key(id, "update-1.pem", true, &first);
    if (code == 0)
        code = identity_key(id, "update-2.pem", true, &second);
    if (code == 0) {
        take_point(own, e.document.authentication[0]);
        take_point(first, e.update_key);
        sev_did_key_hash(sev_privkey_public(second)->material + 1, e.next[0]);
        code = identity_announce(id, recovery, count, &e);
    }
    if (code == 0 && sev_did_name(&e) != SEV_OK)
        code = cli_fail(id->cli, SEV_E_BUG, NULL, "first entry");
    if (code == 0)
        code = identity_append(id, &e, first);
    sev_privkey_free(own);
    sev_privkey_free(first);
    sev_privkey_free(second);
    return code;
}

/* ----------------------------------------------------------------- registry */

static sev_err ask_log(struct cli *c, struct sev_http_client *client, sev_slice did,
                       struct sev_bytes *out, struct sev_http_answer *answer)
{
    char target[128];
    sev_err e = sev_bytes_new(cli_fs(c), IDENTITY_LOG_BYTES_MAX, out);
    if (e != SEV_OK)
        return e;
    snprintf(target, sizeof target, "/1.0/identifiers/%.*s/log", (int)did.len,
             (const char *)did.ptr);
    sev_buf room = sev_buf_of(out->ptr, out->len);
    struct sev_http_ask ask = {.method = SEV_HTTP_GET, .target = target, .room = &room};
    e = sev_http_client_ask(client, &ask, answer);
    out->len = e == SEV_OK ? answer->body.len : 0;
    return e;
}

int identity_fetch(struct cli *c, const char *url, struct sev_http_client *client, sev_slice did,
                   int64_t version, struct sev_bytes *out_log, struct sev_did_state *out)
{
    struct sev_http_answer answer;
    if (!sev_did_is(did))
        return cli_usage(c, "an identity is written did:secureev:... with 43 more characters");
    sev_err e = ask_log(c, client, did, out_log, &answer);
    if (e != SEV_OK)
        return server_fail(c, client, url, e);
    if (answer.status != 200)
        return server_refused(c, &answer, url);
    e = sev_did_log_check(NULL, did, answer.body, version, out);
    return e == SEV_OK ? 0 : cli_fail(c, e, NULL, "what %s says of it", url);
}

static int send_entry(struct identity *id, const char *url, struct sev_http_client *client,
                      sev_slice entry)
{
    uint8_t text[4096];
    sev_buf room = sev_buf_of(text, sizeof text);
    struct sev_http_answer answer;
    struct sev_http_ask ask = {.method = SEV_HTTP_POST,
                               .target = "/1.0/identifiers",
                               .type = "application/json",
                               .body = entry,
                               .room = &room};
    sev_err e = sev_http_client_ask(client, &ask, &answer);
    if (e != SEV_OK)
        return server_fail(id->cli, client, url, e);
    return answer.status / 100 == 2 ? 0 : server_refused(id->cli, &answer, url);
}

int identity_publish(struct identity *id, const char *url, struct sev_http_client *client)
{
    struct sev_bytes theirs = {NULL, 0};
    struct sev_http_answer answer;
    sev_slice did = sev_did_id(&id->state.newest.document), rest = sev_bytes_slice(&id->log);
    sev_err e = ask_log(id->cli, client, did, &theirs, &answer);
    bool known = e == SEV_OK && answer.status == 200;
    int code = 0;
    if (e != SEV_OK)
        code = server_fail(id->cli, client, url, e);
    else if (!known && answer.status != 404)
        code = server_refused(id->cli, &answer, url);
    else if (known && (theirs.len > rest.len || memcmp(theirs.ptr, rest.ptr, theirs.len) != 0))
        code = cli_fail(id->cli, SEV_E_CONFLICT, "another copy of this identity was changed",
                        "%s has another log than %s", url, id->dir);
    if (known)
        rest = sev_slice_sub(rest, theirs.len, rest.len);
    while (code == 0 && rest.len != 0) {
        sev_slice entry = first_line(rest);
        rest = sev_slice_sub(rest, entry.len + 1, rest.len);
        code = send_entry(id, url, client, entry);
    }
    sev_bytes_free(cli_fs(id->cli), &theirs);
    return code;
}

void identity_emit(sev_json_writer *w, const struct sev_did_state *state, bool document)
{
    uint8_t text[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_json_w_object(w);
    sev_json_w_bool_member(w, "deactivated", state->newest.deactivated);
    sev_json_w_string_member(w, "did", sev_did_id(&state->newest.document));
    if (document && sev_did_document_write(&state->newest.document, &b) == SEV_OK) {
        sev_json_w_name(w, SEV_LIT("document"));
        sev_json_w_raw(w, sev_buf_slice(&b));
    }
    sev_json_w_integer_member(w, "version", state->newest.version);
    sev_json_w_object_end(w);
}
