/* key - public keys as metadata writes them, and key ids. SPDX-License-Identifier: MIT */
#include "secureev/key.h"

#include "base/check.h"
#include "base/literal.h"
#include "secureev/spki.h"
#include "secureev/text.h"

/* The largest DER of a public key that we read: RSA-4096 in SubjectPublicKeyInfo is 550 bytes. */
#define SPKI_BYTES_MAX 640

struct key_text {
    sev_json_str type, scheme, value;
};

static bool is_any(sev_json_str s, const char *a, const char *b)
{
    return sev_json_str_is(s, a) || sev_json_str_is(s, b);
}

/* "keyval": {"public": "..."} */
static void parse_keyval(sev_json *j, sev_json_str *value)
{
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "public"))
            sev_json_string(j, value);
        else
            sev_json_skip(j, NULL);
    }
}

static sev_err parse_key_text(sev_slice object, struct key_text *out)
{
    struct key_text t = {{SEV_EMPTY, false}, {SEV_EMPTY, false}, {SEV_EMPTY, false}};
    sev_json j = sev_json_at(object);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "keytype"))
            sev_json_string(&j, &t.type);
        else if (sev_json_str_is(name, "scheme"))
            sev_json_string(&j, &t.scheme);
        else if (sev_json_str_is(name, "keyval"))
            parse_keyval(&j, &t.value);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(t.type.raw.ptr == NULL))
        return SEV_E_MALFORMED;
    *out = t;
    return SEV_OK;
}

static sev_err decode_pem(sev_json_str text, struct sev_pubkey *out)
{
    uint8_t plain[SEV_PUBKEY_BYTES_MAX], der[SPKI_BYTES_MAX];
    sev_buf p = sev_buf_of(plain, sizeof plain), d = sev_buf_of(der, sizeof der);
    if (sev_json_str_copy(text, &p) != SEV_OK ||
        sev_pem_decode(sev_buf_slice(&p), "PUBLIC KEY", &d) != SEV_OK)
        return SEV_E_KEY;
    return sev_spki_decode(sev_buf_slice(&d), out) == SEV_OK ? SEV_OK : SEV_E_KEY;
}

static sev_err decode_hex(sev_json_str text, sev_key_type type, struct sev_pubkey *out)
{
    struct sev_pubkey key = {.type = type, .len = 32};
    sev_buf b = sev_buf_of(key.material, 32);
    if (text.escaped || sev_hex_decode(text.raw, &b) != SEV_OK || b.len != 32)
        return SEV_E_KEY;
    *out = key;
    return SEV_OK;
}

/* What keytype and scheme announce together; the material must then be of that type. */
static sev_key_type announced_type(const struct key_text *t, sev_profile profile)
{
    if (profile == SEV_PROFILE_AKTUALIZR) {
        if (is_any(t->type, "ed25519", "ED25519"))
            return SEV_KEY_ED25519;
        return is_any(t->type, "rsa", "RSA") ? SEV_KEY_RSA : SEV_KEY_UNKNOWN;
    }
    if (is_any(t->type, "ecdsa", "ecdsa-sha2-nistp256") &&
        sev_json_str_is(t->scheme, "ecdsa-sha2-nistp256"))
        return SEV_KEY_P256;
    if (sev_json_str_is(t->type, "ed25519") && sev_json_str_is(t->scheme, "ed25519"))
        return SEV_KEY_ED25519;
    if (sev_json_str_is(t->type, "rsa") && sev_json_str_is(t->scheme, "rsassa-pss-sha256"))
        return SEV_KEY_RSA;
    if (sev_json_str_is(t->type, "x25519") && sev_json_str_is(t->scheme, "hpke-x25519"))
        return SEV_KEY_X25519;
    return SEV_KEY_UNKNOWN;
}

sev_err sev_key_parse(sev_slice object, sev_profile profile, struct sev_pubkey *out)
{
    struct key_text t;
    sev_err e = parse_key_text(object, &t);
    if (e != SEV_OK)
        return e;
    struct sev_pubkey key = {.type = announced_type(&t, profile)};
    if (key.type == SEV_KEY_UNKNOWN) {
        *out = key;
        return SEV_OK;
    }
    if (SEV_REFUSE_IF(t.value.raw.ptr == NULL))
        return SEV_E_MALFORMED;
    sev_key_type announced = key.type;
    if (announced == SEV_KEY_ED25519 || announced == SEV_KEY_X25519)
        e = decode_hex(t.value, announced, &key);
    else
        e = decode_pem(t.value, &key);
    if (e != SEV_OK)
        return e;
    /* A PEM of another curve or algorithm than announced is a confusion. REQ-A06 */
    if (SEV_REFUSE_IF(key.type != announced))
        return SEV_E_KEY;
    *out = key;
    return SEV_OK;
}

static void hex_digest(sev_slice bytes, char out[SEV_KEY_ID_CHARS])
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(bytes, digest);
    sev_buf b = sev_buf_of(out, SEV_KEY_ID_CHARS);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
}

sev_err sev_key_id_of(sev_slice object, char out[SEV_KEY_ID_CHARS])
{
    uint8_t canonical[SEV_KEY_OBJECT_BYTES_MAX];
    uint32_t slots[32]; /* a key object has three or four members and two levels */
    struct sev_json_scratch scratch = {slots, sizeof slots / sizeof slots[0]};
    sev_buf b = sev_buf_of(canonical, sizeof canonical);
    sev_err e = sev_json_canonical(object, SEV_CANON_OLPC, scratch, &b);
    if (e != SEV_OK)
        return SEV_E_KEY;
    hex_digest(sev_buf_slice(&b), out);
    return SEV_OK;
}

struct names {
    const char *type, *scheme;
};

static bool names_of(sev_key_type type, sev_profile profile, struct names *out)
{
    switch (type) {
    case SEV_KEY_P256:
        *out = (struct names){"ecdsa", "ecdsa-sha2-nistp256"};
        return profile != SEV_PROFILE_AKTUALIZR;
    case SEV_KEY_SECP256K1: /* key service only, never in metadata: read as an unknown scheme */
        *out = (struct names){"ecdsa", "ecdsa-sha2-secp256k1"};
        return profile != SEV_PROFILE_AKTUALIZR;
    case SEV_KEY_X25519:
        *out = (struct names){"x25519", "hpke-x25519"};
        return profile != SEV_PROFILE_AKTUALIZR;
    case SEV_KEY_ED25519:
        *out = (struct names){profile == SEV_PROFILE_AKTUALIZR ? "ED25519" : "ed25519", "ed25519"};
        return true;
    case SEV_KEY_RSA:
        *out =
            (struct names){profile == SEV_PROFILE_AKTUALIZR ? "RSA" : "rsa", "rsassa-pss-sha256"};
        return true;
    case SEV_KEY_UNKNOWN:
        break;
    }
    return false;
}

/* The text under keyval.public. */
static sev_err public_text(const struct sev_pubkey *key, sev_buf *out)
{
    if (key->type == SEV_KEY_ED25519 || key->type == SEV_KEY_X25519) {
        sev_hex_encode(sev_slice_of(key->material, key->len), out);
    } else {
        uint8_t der[SPKI_BYTES_MAX];
        sev_buf d = sev_buf_of(der, sizeof der);
        sev_err e = sev_spki_encode(key, &d);
        if (e != SEV_OK)
            return e;
        sev_pem_encode(sev_buf_slice(&d), "PUBLIC KEY", out);
    }
    return out->overflow ? SEV_E_MEMORY : SEV_OK;
}

sev_err sev_key_object(const struct sev_pubkey *key, sev_profile profile, sev_buf *out)
{
    struct names n;
    if (!names_of(key->type, profile, &n))
        return SEV_E_UNSUPPORTED;
    uint8_t text[SEV_PUBKEY_BYTES_MAX];
    sev_buf t = sev_buf_of(text, sizeof text);
    sev_err e = public_text(key, &t);
    if (e != SEV_OK)
        return e;
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "keytype", sev_literal(n.type));
    sev_json_w_name(&w, SEV_LIT("keyval"));
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "public", sev_buf_slice(&t));
    sev_json_w_object_end(&w);
    if (profile != SEV_PROFILE_AKTUALIZR)
        sev_json_w_string_member(&w, "scheme", sev_literal(n.scheme));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

/* contracts/aktualizr.md 7.2: the JSON string of the public text alone, trailing line feeds off. */
static sev_err aktualizr_key_id(const struct sev_pubkey *key, char out[SEV_KEY_ID_CHARS])
{
    uint8_t text[SEV_PUBKEY_BYTES_MAX], quoted[SEV_PUBKEY_BYTES_MAX + 64];
    sev_buf t = sev_buf_of(text, sizeof text), q = sev_buf_of(quoted, sizeof quoted);
    sev_err e = public_text(key, &t);
    if (e != SEV_OK)
        return e;
    while (t.len > 0 && t.ptr[t.len - 1] == '\n')
        t.len--;
    if (key->type == SEV_KEY_ED25519) /* its hex is upper case there */
        for (size_t i = 0; i < t.len; i++)
            if (t.ptr[i] >= 'a' && t.ptr[i] <= 'f')
                t.ptr[i] = (uint8_t)(t.ptr[i] - 'a' + 'A');
    sev_json_writer w = sev_json_writer_to(&q);
    sev_json_w_string(&w, sev_buf_slice(&t));
    e = sev_json_w_end(&w);
    if (e == SEV_OK)
        hex_digest(sev_buf_slice(&q), out);
    return e;
}

sev_err sev_key_id(const struct sev_pubkey *key, sev_profile profile, char out[SEV_KEY_ID_CHARS])
{
    if (profile == SEV_PROFILE_AKTUALIZR)
        return aktualizr_key_id(key, out);
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(object, sizeof object);
    sev_err e = sev_key_object(key, profile, &b);
    return e == SEV_OK ? sev_key_id_of(sev_buf_slice(&b), out) : e;
}

bool sev_pubkey_eq(const struct sev_pubkey *a, const struct sev_pubkey *b)
{
    return a->type == b->type && a->len == b->len && memcmp(a->material, b->material, a->len) == 0;
}

void sev_pubkey_fingerprint(const struct sev_pubkey *key, uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t type = (uint8_t)key->type;
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, &type, 1);
    sev_sha256_update(&h, key->material, key->len);
    sev_sha256_final(&h, out);
}
