/* did - see did.h. An entry is read, written anew from what was understood, and must then be the
 * same bytes: so nothing that we did not understand is ever accepted. SPDX-License-Identifier: MIT
 */
#include "secureev/did.h"

#include "base/check.h"
#include "base/literal.h"
#include "secureev/messages.h"

#define HASH_CHARS SEV_DID_HASH_CHARS
#define METHOD_CHARS (SEV_DID_CHARS + 1 + HASH_CHARS) /* did#hash */

/* ----------------------------------------------------------------- 32 bytes */

static void text_of(const uint8_t bytes[32], char out[HASH_CHARS])
{
    uint8_t padded[HASH_CHARS + 1];
    sev_buf b = sev_buf_of(padded, sizeof padded);
    sev_base64_encode(sev_slice_of(bytes, 32), &b);
    for (size_t i = 0; i < HASH_CHARS; i++)
        out[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : (char)padded[i];
}

/* Zeros where it is not such a text; whoever writes it again will see. */
static void read_text(sev_slice value, uint8_t out[32])
{
    uint8_t padded[HASH_CHARS + 1];
    sev_buf b = sev_buf_of(out, 32);
    sev_slice text = sev_slice_sub(value, 1, value.len - 2);
    memset(out, 0, 32);
    if (value.len != HASH_CHARS + 2)
        return;
    for (size_t i = 0; i < HASH_CHARS; i++)
        padded[i] = text.ptr[i] == '-' ? '+' : text.ptr[i] == '_' ? '/' : text.ptr[i];
    padded[HASH_CHARS] = '=';
    if (sev_base64_decode(sev_slice_of(padded, sizeof padded), &b) != SEV_OK)
        memset(out, 0, 32);
}

bool sev_did_is(sev_slice text)
{
    static const sev_slice prefix = {(const uint8_t *)SEV_DID_PREFIX, sizeof SEV_DID_PREFIX - 1};
    if (SEV_REFUSE_IF(text.len != SEV_DID_CHARS))
        return false;
    if (SEV_REFUSE_IF(!sev_slice_eq(sev_slice_sub(text, 0, prefix.len), prefix)))
        return false;
    for (size_t i = prefix.len; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool ours = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '_';
        if (SEV_REFUSE_IF(!ours))
            return false;
    }
    return true;
}

void sev_did_hash_text(const uint8_t hash[SEV_SHA256_BYTES], char out[HASH_CHARS])
{
    text_of(hash, out);
}

/* ------------------------------------------------------------------ writing */

static void put_text(sev_json_writer *w, const char *name, const uint8_t bytes[32])
{
    char text[HASH_CHARS];
    text_of(bytes, text);
    sev_json_w_string_member(w, name, sev_slice_of(text, sizeof text));
}

static void put_p256(sev_json_writer *w, const uint8_t *point)
{
    sev_json_w_object(w);
    sev_json_w_string_member(w, "crv", SEV_LIT("P-256"));
    sev_json_w_string_member(w, "kty", SEV_LIT("EC"));
    put_text(w, "x", point);
    put_text(w, "y", point + 32);
    sev_json_w_object_end(w);
}

static void put_x25519(sev_json_writer *w, const uint8_t *bytes)
{
    sev_json_w_object(w);
    sev_json_w_string_member(w, "crv", SEV_LIT("X25519"));
    sev_json_w_string_member(w, "kty", SEV_LIT("OKP"));
    put_text(w, "x", bytes);
    sev_json_w_object_end(w);
}

typedef void put_jwk(sev_json_writer *w, const uint8_t *key);

static void hash_jwk(put_jwk *put, const uint8_t *key, uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t jwk[160]; /* the longer kind has 129 */
    sev_buf b = sev_buf_of(jwk, sizeof jwk);
    sev_json_writer w = sev_json_writer_to(&b);
    put(&w, key);
    sev_sha256(sev_buf_slice(&b), out);
}

void sev_did_key_hash(const uint8_t point[SEV_DID_POINT_BYTES], uint8_t out[SEV_SHA256_BYTES])
{
    hash_jwk(put_p256, point, out);
}

/* did#hash of the key */
static sev_slice method_id(const struct sev_did_document *d, put_jwk *put, const uint8_t *key,
                           char out[METHOD_CHARS])
{
    uint8_t hash[SEV_SHA256_BYTES];
    hash_jwk(put, key, hash);
    memcpy(out, d->id, SEV_DID_CHARS);
    out[SEV_DID_CHARS] = '#';
    text_of(hash, out + SEV_DID_CHARS + 1);
    return sev_slice_of(out, METHOD_CHARS);
}

static void put_relation(sev_json_writer *w, const char *name, const struct sev_did_document *d,
                         put_jwk *put, const uint8_t *keys, size_t key_bytes, uint32_t count)
{
    char id[METHOD_CHARS];
    if (count == 0)
        return;
    sev_json_w_name(w, sev_literal(name));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < count; i++)
        sev_json_w_string(w, method_id(d, put, keys + i * key_bytes, id));
    sev_json_w_array_end(w);
}

static void put_method(sev_json_writer *w, const struct sev_did_document *d, put_jwk *put,
                       const uint8_t *key)
{
    char id[METHOD_CHARS];
    sev_json_w_object(w);
    sev_json_w_string_member(w, "controller", sev_did_id(d));
    sev_json_w_string_member(w, "id", method_id(d, put, key, id));
    sev_json_w_name(w, SEV_LIT("publicKeyJwk"));
    put(w, key);
    sev_json_w_string_member(w, "type", SEV_LIT("JsonWebKey"));
    sev_json_w_object_end(w);
}

static void put_document(sev_json_writer *w, const struct sev_did_document *d)
{
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("@context"));
    sev_json_w_array(w);
    sev_json_w_string(w, SEV_LIT("https://www.w3.org/ns/did/v1"));
    sev_json_w_string(w, SEV_LIT("https://w3id.org/security/jwk/v1"));
    sev_json_w_array_end(w);
    put_relation(w, "authentication", d, put_p256, d->authentication[0], SEV_DID_POINT_BYTES,
                 d->authentication_count);
    sev_json_w_string_member(w, "id", sev_did_id(d));
    put_relation(w, "keyAgreement", d, put_x25519, d->agreement[0], SEV_DID_X25519_BYTES,
                 d->agreement_count);
    if (d->authentication_count + d->agreement_count != 0) {
        sev_json_w_name(w, SEV_LIT("verificationMethod"));
        sev_json_w_array(w);
        for (uint32_t i = 0; i < d->authentication_count; i++)
            put_method(w, d, put_p256, d->authentication[i]);
        for (uint32_t i = 0; i < d->agreement_count; i++)
            put_method(w, d, put_x25519, d->agreement[i]);
        sev_json_w_array_end(w);
    }
    sev_json_w_object_end(w);
}

sev_err sev_did_document_write(const struct sev_did_document *document, sev_buf *out)
{
    sev_json_writer w = sev_json_writer_to(out);
    put_document(&w, document);
    return sev_arena_want(sev_json_w_end(&w));
}

static void put_next(sev_json_writer *w, const struct sev_did_entry *e)
{
    sev_json_w_name(w, SEV_LIT("next"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < e->next_count; i++) {
        char text[HASH_CHARS];
        text_of(e->next[i], text);
        sev_json_w_string(w, sev_slice_of(text, sizeof text));
    }
    sev_json_w_array_end(w);
}

sev_err sev_did_entry_write(const struct sev_did_entry *entry, sev_buf *out)
{
    const struct sev_did_document *d = &entry->document;
    uint8_t time[20];
    sev_buf t = sev_buf_of(time, sizeof time);
    sev_time_format(entry->time, &t);
    if (t.overflow || entry->next_count > SEV_DID_NEXT_MAX ||
        d->authentication_count > SEV_DID_AUTHENTICATION_MAX ||
        d->agreement_count > SEV_DID_AGREEMENT_MAX)
        return SEV_E_MALFORMED;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "_type", SEV_LIT("did-entry"));
    sev_json_w_bool_member(&w, "deactivated", entry->deactivated);
    sev_json_w_name(&w, SEV_LIT("document"));
    put_document(&w, d);
    put_next(&w, entry);
    if (entry->version != 1)
        put_text(&w, "previous", entry->previous);
    sev_json_w_string_member(&w, "time", sev_buf_slice(&t));
    sev_json_w_name(&w, SEV_LIT("updateKey"));
    put_p256(&w, entry->update_key);
    sev_json_w_integer_member(&w, "version", entry->version);
    sev_json_w_object_end(&w);
    return sev_arena_want(sev_json_w_end(&w));
}

/* The hash is over the entry with dashes where it will stand itself. */
sev_err sev_did_name(struct sev_did_entry *first)
{
    struct sev_did_entry unnamed = *first;
    uint8_t body[SEV_DID_ENTRY_BYTES_MAX], hash[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(body, sizeof body);
    memcpy(unnamed.document.id, SEV_DID_PREFIX, SEV_DID_CHARS - HASH_CHARS);
    memset(unnamed.document.id + SEV_DID_CHARS - HASH_CHARS, '-', HASH_CHARS);
    sev_err e = sev_did_entry_write(&unnamed, &b);
    if (e != SEV_OK)
        return e;
    sev_sha256(sev_buf_slice(&b), hash);
    memcpy(first->document.id, unnamed.document.id, SEV_DID_CHARS - HASH_CHARS);
    text_of(hash, first->document.id + SEV_DID_CHARS - HASH_CHARS);
    return SEV_OK;
}

/* ------------------------------------------------------------------ reading */

/* What is not there or of another kind is left as it is: it shows when the entry is written again,
 * and nothing is used before that. */

static void read_p256(sev_slice jwk, uint8_t out[SEV_DID_POINT_BYTES])
{
    read_text(sev_json_get(jwk, "x"), out);
    read_text(sev_json_get(jwk, "y"), out + 32);
}

static void read_methods(sev_slice array, struct sev_did_document *d)
{
    sev_json j = sev_list(array);
    sev_slice method;
    while (sev_list_next(&j, &method)) {
        sev_slice jwk = sev_json_get(method, "publicKeyJwk");
        if (sev_slice_eq(sev_json_get(jwk, "crv"), SEV_LIT("\"P-256\""))) {
            if (d->authentication_count < SEV_DID_AUTHENTICATION_MAX)
                read_p256(jwk, d->authentication[d->authentication_count++]);
        } else if (d->agreement_count < SEV_DID_AGREEMENT_MAX) {
            read_text(sev_json_get(jwk, "x"), d->agreement[d->agreement_count++]);
        }
    }
}

static void read_next(sev_slice array, struct sev_did_entry *e)
{
    sev_json j = sev_list(array);
    while (e->next_count < SEV_DID_NEXT_MAX && sev_json_element(&j)) {
        sev_slice value;
        sev_json_skip(&j, &value);
        if (j.err == SEV_OK)
            read_text(value, e->next[e->next_count++]);
    }
}

static void read_body(sev_slice body, struct sev_did_entry *e)
{
    sev_slice document = sev_json_get(body, "document");
    sev_slice id = sev_json_get(document, "id"), time = sev_json_get(body, "time");
    sev_json j = sev_json_at(sev_json_get(body, "deactivated"));
    sev_json_bool(&j, &e->deactivated);
    j = sev_json_at(sev_json_get(body, "version"));
    sev_json_integer(&j, &e->version);
    if (id.len == SEV_DID_CHARS + 2)
        memcpy(e->document.id, id.ptr + 1, SEV_DID_CHARS);
    if (sev_time_parse(sev_slice_sub(time, 1, time.len - 2), &e->time) != SEV_OK)
        e->time = 0;
    read_methods(sev_json_get(document, "verificationMethod"), &e->document);
    read_next(sev_json_get(body, "next"), e);
    read_text(sev_json_get(body, "previous"), e->previous);
    read_p256(sev_json_get(body, "updateKey"), e->update_key);
}

/* One who is gone has nothing to prove anything by, and everybody else has something. */
static bool has_its_keys(const struct sev_did_entry *e)
{
    const struct sev_did_document *d = &e->document;
    if (SEV_REFUSE_IF(e->deactivated != (d->authentication_count == 0)))
        return false;
    if (SEV_REFUSE_IF(e->deactivated != (e->next_count == 0)))
        return false;
    if (SEV_REFUSE_IF(e->deactivated && d->agreement_count != 0))
        return false;
    return true;
}

static sev_err read_entry(const struct sev_doc *doc, struct sev_did_entry *out)
{
    struct sev_did_entry e = {.version = 0};
    uint8_t again[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(again, sizeof again);
    if (SEV_REFUSE_IF(!sev_json_str_is(doc->type, "did-entry")))
        return SEV_E_WRONG_TYPE;
    read_body(doc->body, &e);
    bool same = sev_did_entry_write(&e, &b) == SEV_OK && sev_slice_eq(sev_buf_slice(&b), doc->body);
    if (SEV_REFUSE_IF(!same))
        return SEV_E_MALFORMED;
    if (!has_its_keys(&e))
        return SEV_E_MALFORMED;
    *out = e;
    return SEV_OK;
}

/* ------------------------------------------------------------------- a log */

static bool announced(const struct sev_did_entry *before, const uint8_t *point)
{
    uint8_t hash[SEV_SHA256_BYTES];
    sev_did_key_hash(point, hash);
    for (uint32_t i = 0; i < before->next_count; i++)
        if (memcmp(before->next[i], hash, sizeof hash) == 0)
            return true;
    return false;
}

static bool names_itself(const struct sev_did_entry *e)
{
    struct sev_did_entry named = *e;
    return sev_did_name(&named) == SEV_OK &&
           memcmp(named.document.id, e->document.id, SEV_DID_CHARS) == 0;
}

static sev_err check_follows(const struct sev_did_state *s, const struct sev_did_entry *e)
{
    const struct sev_did_entry *before = &s->newest;
    if (SEV_REFUSE_IF(before->deactivated))
        return SEV_E_DID_DEACTIVATED;
    if (SEV_REFUSE_IF(e->version != before->version + 1))
        return SEV_E_DID_CHAIN;
    if (SEV_REFUSE_IF(e->version > SEV_DID_ENTRIES_MAX))
        return SEV_E_TOO_LONG;
    if (before->version == 0) {
        if (SEV_REFUSE_IF(!names_itself(e)))
            return SEV_E_DID_MISMATCH;
        return SEV_OK;
    }
    if (SEV_REFUSE_IF(memcmp(e->document.id, before->document.id, SEV_DID_CHARS) != 0))
        return SEV_E_DID_MISMATCH;
    if (SEV_REFUSE_IF(memcmp(e->previous, s->hash, sizeof s->hash) != 0))
        return SEV_E_DID_CHAIN;
    if (SEV_REFUSE_IF(e->time < before->time))
        return SEV_E_DID_CHAIN;
    /* Pre-rotation: a thief of today's key cannot take the identity away. REQ-A13 */
    if (SEV_REFUSE_IF(!announced(before, e->update_key)))
        return SEV_E_DID_KEY;
    return SEV_OK;
}

static sev_err signed_by_point(struct sev_crypto *crypto, const uint8_t *point,
                               const struct sev_doc *doc)
{
    struct sev_pubkey key = {.type = SEV_KEY_P256, .len = 65};
    key.material[0] = 0x04;
    memcpy(key.material + 1, point, SEV_DID_POINT_BYTES);
    return sev_message_signed_by(crypto, &key, doc);
}

static bool has_one_signature(const struct sev_doc *doc)
{
    sev_json j = sev_list(doc->signatures);
    sev_slice first, second;
    return sev_list_next(&j, &first) && !sev_list_next(&j, &second);
}

sev_err sev_did_follow(struct sev_crypto *crypto, sev_slice entry, struct sev_did_state *state)
{
    struct sev_doc doc;
    struct sev_did_entry e;
    if (SEV_REFUSE_IF(entry.len > SEV_DID_ENTRY_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err err = sev_message_open(&doc, entry);
    if (err == SEV_OK)
        err = read_entry(&doc, &e);
    if (err == SEV_OK && SEV_REFUSE_IF(!has_one_signature(&doc)))
        err = SEV_E_MALFORMED;
    if (err == SEV_OK)
        err = check_follows(state, &e);
    if (err == SEV_OK)
        err = SEV_HEED(signed_by_point(crypto, e.update_key, &doc));
    if (err != SEV_OK)
        return err;
    state->newest = e;
    memcpy(state->hash, doc.sha256, sizeof state->hash);
    if (e.version == 1)
        state->created = e.time;
    return SEV_OK;
}

static sev_slice take_line(sev_slice *rest)
{
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '\n')
        end++;
    sev_slice line = sev_slice_of(rest->ptr, end);
    *rest = sev_slice_sub(*rest, end + 1, rest->len);
    return line;
}

sev_err sev_did_log_check(struct sev_crypto *crypto, sev_slice did, sev_slice log, int64_t version,
                          struct sev_did_state *out)
{
    struct sev_did_state s = {.created = 0}, wanted = s;
    if (SEV_REFUSE_IF(log.len == 0 || log.ptr[log.len - 1] != '\n'))
        return SEV_E_MALFORMED;
    while (log.len != 0) {
        sev_err e = sev_did_follow(crypto, take_line(&log), &s);
        if (e != SEV_OK)
            return e;
        if (version == 0 || s.newest.version == version)
            wanted = s;
    }
    if (SEV_REFUSE_IF(!sev_slice_eq(sev_did_id(&s.newest.document), did)))
        return SEV_E_DID_MISMATCH;
    if (SEV_REFUSE_IF(wanted.newest.version == 0))
        return SEV_E_NOT_FOUND;
    *out = wanted;
    return SEV_OK;
}

sev_err sev_did_signed(struct sev_crypto *crypto, const struct sev_did_document *document,
                       const struct sev_doc *doc)
{
    sev_err e = SEV_E_SIGNATURE;
    for (uint32_t i = 0; i < document->authentication_count && e != SEV_OK; i++) {
        sev_err one = signed_by_point(crypto, document->authentication[i], doc);
        if (one != SEV_E_KEY) /* one that is no point stands in nobody's way */
            e = one;
    }
    return e;
}
