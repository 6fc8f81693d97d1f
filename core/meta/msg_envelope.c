/* msg_envelope - a message's outer form: signatures beside what they sign.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

struct entry {
    sev_slice keyid, sig, method;
    uint32_t members;
};

static sev_slice string_member(sev_json *j)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(j, &s);
    return s.escaped ? SEV_EMPTY : s.raw;
}

static struct entry read_entry(sev_json *j)
{
    struct entry e = {SEV_EMPTY, SEV_EMPTY, SEV_EMPTY, 0};
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        e.members++;
        if (sev_json_str_is(name, "keyid"))
            e.keyid = string_member(j);
        else if (sev_json_str_is(name, "sig"))
            e.sig = string_member(j);
        else if (sev_json_str_is(name, "method"))
            e.method = string_member(j);
        else
            sev_json_skip(j, NULL);
    }
    return e;
}

/* Nothing but what is needed: bytes outside of the signed body that may vary would make two
 * messages of one. */
static bool entry_is_strict(const struct entry *e)
{
    if (SEV_REFUSE_IF(e->members != 2))
        return false;
    if (SEV_REFUSE_IF(!msg_is_hex(e->keyid, SEV_SHA256_BYTES)))
        return false;
    if (SEV_REFUSE_IF(e->sig.len == 0))
        return false;
    if (SEV_REFUSE_IF(!msg_is_hex(e->sig, e->sig.len / 2)))
        return false;
    return true;
}

static sev_err check_signatures(sev_slice signatures)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(signatures);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct entry e = read_entry(&j);
        if (j.err == SEV_OK && !entry_is_strict(&e))
            return SEV_E_MALFORMED;
        if (SEV_REFUSE_IF(++count > SEV_SIGS_MAX))
            return SEV_E_MALFORMED;
    }
    if (j.err == SEV_OK && SEV_REFUSE_IF(count == 0))
        return SEV_E_SIGNATURE; /* REQ-H11 */
    return j.err;
}

static sev_err find_parts(struct sev_doc *d)
{
    uint32_t members = 0;
    sev_json_str name;
    sev_json j = sev_json_at(d->bytes);
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        members++;
        sev_json_skip(&j, &value);
        if (sev_json_str_is(name, "signatures"))
            d->signatures = value;
        else if (sev_json_str_is(name, "signed"))
            d->body = value;
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(d->body.len == 0 || d->body.ptr[0] != '{'))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(d->signatures.len == 0))
        return SEV_E_SIGNATURE; /* REQ-H11 */
    if (d->profile == SEV_PROFILE_NATIVE && SEV_REFUSE_IF(members != 2))
        return SEV_E_MALFORMED;
    return SEV_OK;
}

sev_err sev_message_open(struct sev_doc *doc, sev_slice bytes)
{
    struct sev_doc d = {.profile = SEV_PROFILE_NATIVE, .bytes = bytes};
    sev_err e = msg_check_unsigned(bytes, SEV_MESSAGE_BYTES_MAX);
    if (e == SEV_OK)
        e = find_parts(&d);
    if (e == SEV_OK)
        e = check_signatures(d.signatures);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(d.body, "_type"));
    sev_json_string(&j, &d.type);
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    d.message = d.body;
    sev_sha256(d.message, d.sha256);
    *doc = d;
    return SEV_OK;
}

/* ----------------------------------------------------------------- aktualizr */

/* What was signed is the canonical form of what came (contracts/aktualizr.md 7.1). */
static sev_err fold(struct sev_doc *d, struct sev_arena *arena)
{
    size_t mark = arena->used;
    size_t want = d->body.len * 3; /* two bytes of UTF-8 become six characters */
    uint8_t *copy = sev_arena_take(arena, want < sev_arena_free(arena) ? want : d->body.len);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, (size_t)(arena->ptr + arena->used - copy));
    sev_err e = sev_json_canonical(d->body, SEV_CANON_ASCII, sev_arena_scratch(arena), &b);
    if (e != SEV_OK) {
        sev_arena_back(arena, mark);
        return sev_arena_want(e);
    }
    arena->used = (size_t)(copy - arena->ptr) + b.len;
    d->message = sev_buf_slice(&b);
    return SEV_OK;
}

sev_err sev_manifest_open(struct sev_doc *doc, sev_slice bytes, struct sev_arena *arena)
{
    struct sev_doc d = {.profile = SEV_PROFILE_AKTUALIZR, .bytes = bytes};
    struct sev_json_info info;
    if (SEV_REFUSE_IF(bytes.len > SEV_MANIFEST_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err e = sev_arena_want(sev_json_check(bytes, sev_arena_scratch(arena), &info, NULL));
    if (e == SEV_OK)
        e = find_parts(&d);
    if (e != SEV_OK)
        return e;
    d.message = d.body;
    if ((info.canonical & SEV_CANON_ASCII) == 0)
        e = fold(&d, arena);
    if (e != SEV_OK)
        return e;
    sev_sha256(d.message, d.sha256);
    *doc = d;
    return SEV_OK;
}

/* ------------------------------------------------------------------- writing */

static bool write_sig(sev_json_writer *w, sev_profile profile, const struct sev_message_sig *s)
{
    uint8_t text[2 * SEV_SIG_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    bool foreign = profile == SEV_PROFILE_AKTUALIZR;
    if (foreign)
        sev_base64_encode(s->sig, &b);
    else
        sev_hex_encode(s->sig, &b);
    if (b.overflow || s->sig.len == 0 || s->keyid.len == 0)
        return false;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "keyid", s->keyid);
    if (foreign)
        sev_json_w_string_member(w, "method", s->method);
    sev_json_w_string_member(w, "sig", sev_buf_slice(&b));
    sev_json_w_object_end(w);
    return true;
}

sev_err sev_envelope_write(sev_profile profile, sev_slice body, const struct sev_message_sig *sigs,
                           uint32_t count, size_t bytes_max, sev_buf *out)
{
    sev_buf to = *out;
    size_t start = to.len;
    sev_json_writer w = sev_json_writer_to(&to);
    if (count == 0 || count > SEV_SIGS_MAX)
        return SEV_E_MALFORMED;
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("signatures"));
    sev_json_w_array(&w);
    for (uint32_t i = 0; i < count; i++)
        if (!write_sig(&w, profile, &sigs[i]))
            return SEV_E_MALFORMED;
    sev_json_w_array_end(&w);
    sev_json_w_name(&w, SEV_LIT("signed"));
    sev_json_w_raw(&w, body);
    sev_json_w_object_end(&w);
    sev_err e = sev_json_w_end(&w);
    if (to.overflow)
        return SEV_E_MEMORY;
    if (e != SEV_OK)
        return e;
    if (to.len - start > bytes_max)
        return SEV_E_TOO_LONG;
    *out = to;
    return SEV_OK;
}

/* ---------------------------------------------------------- signature, lists */

static bool decode_sig(const struct entry *e, sev_profile profile, sev_buf *out)
{
    if (profile == SEV_PROFILE_AKTUALIZR)
        return sev_base64_decode(e->sig, out) == SEV_OK;
    return sev_hex_decode(e->sig, out) == SEV_OK;
}

sev_err sev_message_signed_by(struct sev_crypto *crypto, const struct sev_pubkey *key,
                              const struct sev_doc *doc)
{
    char id[SEV_KEY_ID_CHARS];
    sev_err err = sev_key_id(key, doc->profile, id);
    if (err != SEV_OK)
        return err;
    uint32_t looked_at = 0;
    sev_json j = sev_json_at(doc->signatures);
    sev_json_array(&j);
    while (looked_at++ < SEV_SIGS_MAX && sev_json_element(&j)) {
        struct entry e = read_entry(&j);
        uint8_t bytes[SEV_SIG_BYTES_MAX];
        sev_buf sig = sev_buf_of(bytes, sizeof bytes);
        if (SEV_REFUSE_IF(!sev_slice_eq(e.keyid, sev_slice_of(id, sizeof id))))
            continue;
        if (!decode_sig(&e, doc->profile, &sig))
            break;
        err = sev_crypto_verify(crypto, key, doc->message, doc->sha256, sev_buf_slice(&sig));
        return SEV_REFUSE_IF(err != SEV_OK) ? err : SEV_OK;
    }
    return SEV_E_SIGNATURE;
}

sev_json sev_list(sev_slice array)
{
    sev_json j = sev_json_at(array.len != 0 ? array : SEV_LIT("[]"));
    sev_json_array(&j);
    return j;
}

bool sev_list_next(sev_json *it, sev_slice *out)
{
    sev_slice value = SEV_EMPTY;
    if (!sev_json_element(it))
        return false;
    sev_json_skip(it, &value);
    if (it->err != SEV_OK)
        return false;
    if (value.ptr[0] == '"')
        value = sev_slice_sub(value, 1, value.len - 2);
    *out = value;
    return true;
}
