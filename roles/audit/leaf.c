/* leaf - what stands in the log, and what whoever reads it cannot learn.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/json.h"
#include "secureev/kdf.h"

#define PSEUDONYM_BYTES (SEV_AUDIT_PSEUDONYM_CHARS / 2)

/* Two uses of one salt, told apart by their first words. */
static void keyed(sev_slice salt, const char *use, sev_slice of, uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t digest[SEV_SHA256_BYTES], message[64 + SEV_SHA256_BYTES];
    sev_buf m = sev_buf_of(message, sizeof message);
    sev_sha256(of, digest); /* so that the message has one length */
    sev_buf_put(&m, use, strlen(use));
    sev_buf_put(&m, digest, sizeof digest);
    sev_hmac_sha256(salt, sev_buf_slice(&m), out);
}

void sev_audit_pseudonym(sev_slice salt, sev_slice of, char out[SEV_AUDIT_PSEUDONYM_CHARS])
{
    uint8_t mac[SEV_SHA256_BYTES];
    sev_buf text = sev_buf_of(out, SEV_AUDIT_PSEUDONYM_CHARS);
    keyed(salt, "secureev audit pseudonym\n", of, mac);
    sev_hex_encode(sev_slice_of(mac, PSEUDONYM_BYTES), &text);
}

void sev_audit_blind(sev_slice salt, sev_slice source, int64_t sequence,
                     uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t room[SEV_AUDIT_WORD_CHARS_MAX + 32];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_decimal_format((uint64_t)sequence, &b);
    sev_buf_put_byte(&b, ' ');
    sev_buf_put_slice(&b, source);
    keyed(salt, "secureev audit reason\n", sev_buf_slice(&b), out);
}

/* -------------------------------------------------------------------- writing */

static bool word_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static bool is_word(sev_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!word_char(s.ptr[i]))
            return false;
    return s.len != 0 && s.len <= SEV_AUDIT_WORD_CHARS_MAX;
}

/* A decision with another word would never get into the log, nor any after it. */
static sev_slice word_of(sev_slice s, uint8_t room[SEV_AUDIT_WORD_CHARS_MAX])
{
    size_t n = s.len < SEV_AUDIT_WORD_CHARS_MAX ? s.len : SEV_AUDIT_WORD_CHARS_MAX;
    for (size_t i = 0; i < n; i++)
        room[i] = word_char(s.ptr[i]) ? s.ptr[i] : '_';
    return n == 0 ? SEV_LIT("_") : sev_slice_of(room, n);
}

static void put_hex(sev_json_writer *w, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 * SEV_SHA256_BYTES];
    sev_buf hex = sev_buf_of(text, sizeof text);
    sev_hex_encode(sev_slice_of(bytes, len), &hex);
    sev_json_w_string_member(w, name, sev_buf_slice(&hex));
}

sev_err sev_audit_leaf_write(sev_slice salt, sev_slice source, const struct sev_shipment *shipment,
                             sev_buf *out)
{
    const struct sev_decision *d = &shipment->decision;
    char actor[SEV_AUDIT_PSEUDONYM_CHARS], subject[SEV_AUDIT_PSEUDONYM_CHARS], when[20];
    uint8_t reason[SEV_SHA256_BYTES], word[SEV_AUDIT_WORD_CHARS_MAX];
    sev_buf made = *out, time = sev_buf_of(when, sizeof when);
    struct sev_sha256 h;
    if (!is_word(source) || shipment->sequence < 0 || salt.len < SEV_AUDIT_SALT_BYTES_MIN)
        return SEV_E_MALFORMED;
    sev_audit_pseudonym(salt, d->actor, actor);
    sev_audit_pseudonym(salt, shipment->vehicle, subject);
    sev_audit_blind(salt, source, shipment->sequence, reason);
    sev_sha256_init(&h);
    sev_sha256_update(&h, reason, sizeof reason);
    sev_sha256_update(&h, d->reason.ptr, d->reason.len);
    sev_sha256_final(&h, reason);
    /* A clock that is far off is the decision's own matter; it must not stop those after it. */
    sev_time_format(d->time < 0 ? 0 : d->time > SEV_TIME_MAX ? SEV_TIME_MAX : d->time, &time);
    sev_json_writer w = sev_json_writer_to(&made);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "actor", sev_slice_of(actor, sizeof actor));
    put_hex(&w, "reason", reason, sizeof reason);
    sev_json_w_integer_member(&w, "sequence", shipment->sequence);
    sev_json_w_string_member(&w, "source", source);
    sev_json_w_string_member(&w, "subject", sev_slice_of(subject, sizeof subject));
    sev_json_w_string_member(&w, "time", sev_buf_slice(&time));
    sev_json_w_string_member(&w, "what", word_of(d->what, word));
    sev_json_w_object_end(&w);
    sev_err e = sev_json_w_end(&w);
    if (e != SEV_OK)
        return e == SEV_E_JSON_LIMIT ? SEV_E_MEMORY : SEV_E_MALFORMED;
    *out = made;
    return SEV_OK;
}

/* -------------------------------------------------------------------- reading */

/* A string without escapes: the canonical form needs none for what may stand here. */
static sev_slice text_of(sev_json *j)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(j, &s);
    if (s.escaped)
        sev_json_fail(j, SEV_E_MALFORMED);
    return s.raw;
}

static void read_hex(sev_json *j, uint8_t *out, size_t len)
{
    uint8_t room[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(room, len);
    sev_slice text = text_of(j);
    if (j->err == SEV_OK && (sev_hex_decode(text, &b) != SEV_OK || b.len != len))
        sev_json_fail(j, SEV_E_MALFORMED);
    for (size_t i = 0; i < text.len; i++) /* capitals would be another leaf of the same meaning */
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            sev_json_fail(j, SEV_E_MALFORMED);
    if (j->err == SEV_OK)
        memcpy(out, room, len);
}

static void read_pseudonym(sev_json *j, char out[SEV_AUDIT_PSEUDONYM_CHARS])
{
    uint8_t bytes[PSEUDONYM_BYTES];
    sev_buf text = sev_buf_of(out, SEV_AUDIT_PSEUDONYM_CHARS);
    read_hex(j, bytes, sizeof bytes);
    if (j->err == SEV_OK)
        sev_hex_encode(sev_slice_of(bytes, sizeof bytes), &text);
}

static sev_slice read_word(sev_json *j)
{
    sev_slice word = text_of(j);
    if (j->err == SEV_OK && !is_word(word))
        sev_json_fail(j, SEV_E_MALFORMED);
    return word;
}

static void read_member(sev_json *j, unsigned n, struct sev_audit_leaf *l)
{
    switch (n) {
    case 0:
        read_pseudonym(j, l->actor);
        break;
    case 1:
        read_hex(j, l->reason, sizeof l->reason);
        break;
    case 2:
        sev_json_integer_in(j, 0, SEV_JSON_INT_MAX, &l->sequence);
        break;
    case 3:
        l->source = read_word(j);
        break;
    case 4:
        read_pseudonym(j, l->subject);
        break;
    case 5:
        if (sev_time_parse(text_of(j), &l->time) != SEV_OK)
            sev_json_fail(j, SEV_E_MALFORMED);
        break;
    default:
        l->what = read_word(j);
        break;
    }
}

sev_err sev_audit_leaf_parse(sev_slice bytes, struct sev_audit_leaf *out)
{
    static const char *const names[] = {"actor",   "reason", "sequence", "source",
                                        "subject", "time",   "what"};
    struct sev_json_info info = {.canonical = 0};
    struct sev_audit_leaf leaf;
    sev_json_str name;
    unsigned n = 0;
    if (bytes.len > SEV_AUDIT_LEAF_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(bytes, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    if (e == SEV_E_JSON_LIMIT || (e == SEV_OK && (info.canonical & SEV_CANON_OLPC) == 0))
        e = SEV_E_NOT_CANONICAL;
    if (e != SEV_OK)
        return e;
    /* Exactly these members: in another one something could be told that must not be. */
    sev_json j = sev_json_at(bytes);
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (n == sizeof names / sizeof names[0] || !sev_json_str_is(name, names[n]))
            return SEV_E_MALFORMED;
        read_member(&j, n++, &leaf);
    }
    if (j.err != SEV_OK || n != sizeof names / sizeof names[0])
        return j.err != SEV_OK ? j.err : SEV_E_MALFORMED;
    *out = leaf;
    return SEV_OK;
}

/* ------------------------------------------------------------------- shipping */

struct shipping {
    sev_slice salt, source;
    sev_buf *body;
    int64_t last;
    uint32_t count;
    sev_err err;
};

static bool put_shipment(void *context, const struct sev_shipment *shipment)
{
    struct shipping *s = context;
    sev_buf_put_slice(s->body, s->count == 0 ? SEV_LIT("{\"leaves\":[") : SEV_LIT(","));
    s->err = sev_audit_leaf_write(s->salt, s->source, shipment, s->body);
    if (s->err != SEV_OK)
        return false;
    s->last = shipment->sequence;
    s->count++;
    return true;
}

sev_err sev_audit_ship(const struct sev_store *store, sev_slice salt, sev_slice source,
                       uint32_t count_max, struct sev_arena *arena, sev_buf *body,
                       int64_t *out_last, uint32_t *out_count)
{
    sev_buf made = *body;
    struct shipping s = {.salt = salt, .source = source, .body = &made};
    if (count_max > SEV_STORE_LEAVES_MAX)
        count_max = SEV_STORE_LEAVES_MAX;
    sev_err e = store->log->unshipped(store->self, count_max, arena, put_shipment, &s);
    if (e == SEV_OK)
        e = s.err;
    sev_buf_put_slice(&made, s.count == 0 ? SEV_EMPTY : SEV_LIT("]}"));
    if (e == SEV_OK && made.overflow)
        e = SEV_E_MEMORY;
    if (e != SEV_OK)
        return e;
    *body = made;
    *out_last = s.last;
    *out_count = s.count;
    return SEV_OK;
}
