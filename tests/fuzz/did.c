/* Fuzz: bodies of entries, signed by keys at hand, on a log that has begun; the first byte chooses
 * the key. Taken is only what is written again as the same bytes, by the announced key, as the next
 * one. ~0 stands for the JWK of key 0, ^0 for its hash, $ for the id, % for the hash of the entry
 * before. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=3072 */
#include <stdlib.h>

#include "secureev/did.h"
#include "secureev/messages.h"
#include "secureev/signing.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define KEYS 3

static struct sev_privkey *keys[KEYS];
static struct sev_did_state begun;

static const uint8_t *point_of(unsigned i)
{
    return sev_privkey_public(keys[i])->material + 1;
}

static sev_slice sign_body(sev_slice body, unsigned by, uint8_t *room, size_t bytes)
{
    char id[SEV_KEY_ID_CHARS];
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw), out = sev_buf_of(room, bytes);
    MUST(sev_key_id(sev_privkey_public(keys[by]), SEV_PROFILE_NATIVE, id) == SEV_OK);
    MUST(sev_privkey_sign(keys[by], body, &sig) == SEV_OK);
    struct sev_message_sig entry = {.keyid = sev_slice_of(id, sizeof id),
                                    .sig = sev_buf_slice(&sig)};
    if (sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, bytes, &out) != SEV_OK)
        return SEV_EMPTY;
    return sev_buf_slice(&out);
}

static void set_up(void)
{
    uint8_t body[SEV_DID_ENTRY_BYTES_MAX], room[2 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body);
    struct sev_did_entry e = {.version = 1, .time = 1800000000, .next_count = 1};
    for (unsigned i = 0; i < KEYS; i++)
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i]) == SEV_OK);
    e.document.authentication_count = 1;
    memcpy(e.document.authentication[0], point_of(2), SEV_DID_POINT_BYTES);
    memcpy(e.update_key, point_of(0), SEV_DID_POINT_BYTES);
    sev_did_key_hash(point_of(1), e.next[0]);
    MUST(sev_did_name(&e) == SEV_OK && sev_did_entry_write(&e, &b) == SEV_OK);
    sev_slice entry = sign_body(sev_buf_slice(&b), 0, room, sizeof room);
    MUST(sev_did_follow(NULL, entry, &begun) == SEV_OK);
}

static void put_hash(const uint8_t hash[SEV_SHA256_BYTES], sev_buf *out)
{
    char text[SEV_DID_HASH_CHARS];
    sev_did_hash_text(hash, text);
    sev_buf_put(out, text, sizeof text);
}

static void put_key(unsigned i, sev_buf *out)
{
    sev_buf_put_slice(out, SEV_LIT("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));
    put_hash(point_of(i), out);
    sev_buf_put_slice(out, SEV_LIT("\",\"y\":\""));
    put_hash(point_of(i) + 32, out);
    sev_buf_put_slice(out, SEV_LIT("\"}"));
}

static sev_slice expand(const uint8_t *data, size_t size, sev_buf *b)
{
    uint8_t hash[SEV_SHA256_BYTES];
    for (size_t i = 0; i < size; i++) {
        unsigned key = i + 1 < size ? data[i + 1] % KEYS : 0;
        if (data[i] == '~' && ++i) {
            put_key(key, b);
        } else if (data[i] == '^' && ++i) {
            sev_did_key_hash(point_of(key), hash);
            put_hash(hash, b);
        } else if (data[i] == '$') {
            sev_buf_put_slice(b, sev_did_id(&begun.newest.document));
        } else if (data[i] == '%') {
            put_hash(begun.hash, b);
        } else {
            sev_buf_put_byte(b, data[i]);
        }
    }
    return sev_buf_slice(b);
}

static void check_taken(const struct sev_did_state *s, sev_slice body)
{
    static uint8_t again[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(again, sizeof again);
    MUST(sev_did_entry_write(&s->newest, &b) == SEV_OK);
    MUST(sev_slice_eq(sev_buf_slice(&b), body));
    MUST(s->newest.version == 2 && s->newest.time >= begun.newest.time);
    MUST(memcmp(s->newest.update_key, point_of(1), SEV_DID_POINT_BYTES) == 0);
    MUST(sev_slice_eq(sev_did_id(&s->newest.document), sev_did_id(&begun.newest.document)));
    MUST(s->newest.deactivated == (s->newest.next_count == 0));
    MUST(s->created == begun.created);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[65536], room[3 * 65536];
    struct sev_did_state s, before;
    sev_buf b = sev_buf_of(text, sizeof text);
    if (keys[0] == NULL)
        set_up();
    if (size == 0)
        return 0;
    s = before = begun;
    unsigned by = data[0] % KEYS;
    sev_slice body = expand(data + 1, size - 1, &b);
    sev_slice entry = sign_body(body, by, room, sizeof room);
    /* What is no envelope goes in as it came: so are whole logs. */
    if (entry.len == 0) {
        struct sev_did_state none = {.created = 0};
        MUST(sev_did_log_check(NULL, sev_did_id(&begun.newest.document), body, 0, &none) != SEV_OK);
        entry = body;
    }
    if (sev_did_follow(NULL, entry, &s) != SEV_OK) {
        MUST(memcmp(&s, &before, sizeof s) == 0);
        return 0;
    }
    MUST(by == 1);
    check_taken(&s, body);
    return 0;
}
