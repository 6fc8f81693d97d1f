/* key - a private key of a token: checked once, then signing. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/limits.h"
#include "token.h"

#define POINT_BYTES_MAX 80
#define RSA_NUMBER_BYTES_MAX 520

struct held {
    struct sev_token *token;
    struct object_name name;
    struct sev_pubkey public_key;
    CK_OBJECT_HANDLE object;
    unsigned generation; /* in which `object` means something */
};

/* ----------------------------------------------------------------------- DER */

/* An unsigned number, big-endian; shorter than 64 KiB. */
static void put_integer(sev_slice n, sev_buf *out)
{
    while (n.len > 1 && n.ptr[0] == 0)
        n = sev_slice_sub(n, 1, n.len);
    size_t len = n.len + (n.len == 0 || n.ptr[0] >= 0x80);
    sev_buf_put_byte(out, 0x02);
    if (len >= 0x100)
        sev_buf_put_byte(out, 0x82);
    else if (len >= 0x80)
        sev_buf_put_byte(out, 0x81);
    if (len >= 0x100)
        sev_buf_put_byte(out, (uint8_t)(len >> 8));
    sev_buf_put_byte(out, (uint8_t)len);
    if (len > n.len)
        sev_buf_put_byte(out, 0);
    sev_buf_put_slice(out, n);
}

static void put_pair(sev_slice a, sev_slice b, sev_buf *out)
{
    uint8_t inner[2 * RSA_NUMBER_BYTES_MAX];
    sev_buf in = sev_buf_of(inner, sizeof inner);
    put_integer(a, &in);
    put_integer(b, &in);
    sev_buf_put_byte(out, 0x30);
    if (in.len >= 0x100)
        sev_buf_put_byte(out, 0x82);
    else if (in.len >= 0x80)
        sev_buf_put_byte(out, 0x81);
    if (in.len >= 0x100)
        sev_buf_put_byte(out, (uint8_t)(in.len >> 8));
    sev_buf_put_byte(out, (uint8_t)in.len);
    sev_buf_put_slice(out, sev_buf_slice(&in));
    out->overflow = out->overflow || in.overflow;
}

/* ---------------------------------------------------------------- public half */

/* The standard has it in an OCTET STRING, some tokens as it is. */
static sev_err read_point(struct sev_token *t, CK_OBJECT_HANDLE object, size_t bytes,
                          struct sev_pubkey *out)
{
    uint8_t point[POINT_BYTES_MAX];
    size_t len = 0;
    sev_err e = token_bytes(t, object, CKA_EC_POINT, point, sizeof point, &len);
    if (e != SEV_OK)
        return e;
    size_t head = len == bytes + 2 && point[0] == 0x04 && point[1] == bytes ? 2 : 0;
    if (len - head != bytes)
        return SEV_E_KEY;
    memcpy(out->material, point + head, bytes);
    out->len = (uint16_t)bytes;
    return SEV_OK;
}

static sev_err read_rsa(struct sev_token *t, CK_OBJECT_HANDLE object, struct sev_pubkey *out)
{
    uint8_t n[RSA_NUMBER_BYTES_MAX], exponent[RSA_NUMBER_BYTES_MAX];
    size_t n_len = 0, exponent_len = 0;
    sev_buf b = sev_buf_of(out->material, sizeof out->material);
    sev_err e = token_bytes(t, object, CKA_MODULUS, n, sizeof n, &n_len);
    if (e == SEV_OK)
        e = token_bytes(t, object, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent, &exponent_len);
    if (e != SEV_OK)
        return e;
    put_pair(sev_slice_of(n, n_len), sev_slice_of(exponent, exponent_len), &b);
    out->len = (uint16_t)b.len;
    return b.overflow ? SEV_E_KEY : SEV_OK;
}

/* The public key object of the same CKA_ID; where there is none, of the same label. */
static sev_err find_public(struct sev_token *t, CK_OBJECT_HANDLE private_key,
                           struct object_name *name, CK_OBJECT_HANDLE *out)
{
    struct object_name id = {.type = CKA_ID};
    size_t len = 0;
    if (token_bytes(t, private_key, CKA_ID, id.bytes, sizeof id.bytes, &len) != SEV_OK || len == 0)
        return token_find(t, CKO_PUBLIC_KEY, name, out);
    id.len = (CK_ULONG)len;
    return token_find(t, CKO_PUBLIC_KEY, &id, out);
}

static sev_err read_public(struct sev_token *t, CK_OBJECT_HANDLE private_key,
                           struct object_name *name, struct sev_pubkey *out)
{
    CK_OBJECT_HANDLE object = 0;
    out->type = token_key_type(t, private_key);
    sev_err e = out->type == SEV_KEY_UNKNOWN ? SEV_E_UNSUPPORTED
                                             : find_public(t, private_key, name, &object);
    if (e != SEV_OK)
        return e;
    switch (out->type) {
    case SEV_KEY_P256:
        return read_point(t, object, 65, out);
    case SEV_KEY_ED25519:
        return read_point(t, object, 32, out);
    default:
        return read_rsa(t, object, out);
    }
}

/* -------------------------------------------------------------------- signing */

/* On the token. P-256: r || s. */
static CK_RV sign_once(struct held *k, sev_slice msg, uint8_t *out, CK_ULONG *len)
{
    CK_FUNCTION_LIST *f = k->token->f;
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, SEV_SHA256_BYTES};
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    uint8_t sha256[SEV_SHA256_BYTES];
    CK_BYTE *bytes = NULL;
    if (k->public_key.type == SEV_KEY_P256) {
        sev_sha256(msg, sha256);
        msg = sev_slice_of(sha256, sizeof sha256);
    } else if (k->public_key.type == SEV_KEY_ED25519) {
        how.mechanism = CKM_EDDSA;
    } else {
        how = (CK_MECHANISM){CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss};
    }
    memcpy(&bytes, &msg.ptr, sizeof bytes); /* which Cryptoki does not write to */
    CK_RV rv = f->C_SignInit(k->token->session, &how, k->object);
    if (rv == CKR_OK)
        rv = f->C_Sign(k->token->session, bytes, (CK_ULONG)msg.len, out, len);
    return rv;
}

/* A session, and the key's handle in it. */
static sev_err at_hand(struct held *k)
{
    struct sev_token_note note;
    sev_err e = token_ready(k->token, &note);
    if (e == SEV_OK && k->generation != k->token->generation) {
        e = token_find(k->token, CKO_PRIVATE_KEY, &k->name, &k->object);
        if (e == SEV_OK)
            k->generation = k->token->generation;
    }
    return e == SEV_OK ? SEV_OK : SEV_E_TOKEN_GONE;
}

static sev_err sign(void *self, sev_slice msg, sev_buf *out)
{
    struct held *k = self;
    uint8_t raw[SEV_SIG_BYTES_MAX];
    CK_ULONG len = 0;
    CK_RV rv = CKR_GENERAL_ERROR;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        sev_err e = at_hand(k);
        if (e != SEV_OK)
            return e;
        len = sizeof raw;
        rv = sign_once(k, msg, raw, &len);
        if (rv == CKR_OK || !token_is_lost(k->token, rv))
            break;
    }
    if (rv != CKR_OK || len > sizeof raw)
        return SEV_E_TOKEN_GONE;
    if (k->public_key.type != SEV_KEY_P256)
        sev_buf_put(out, raw, len);
    else if (len == 64)
        put_pair(sev_slice_of(raw, 32), sev_slice_of(raw + 32, 32), out);
    else
        return SEV_E_TOKEN_GONE;
    return out->overflow ? SEV_E_MEMORY : SEV_OK;
}

/* ----------------------------------------------------------------------- open */

static sev_err check_use(struct sev_token *t, CK_OBJECT_HANDLE object, unsigned flags,
                         const char *name, struct sev_token_note *note)
{
    bool readable = token_flag(t, object, CKA_EXTRACTABLE, true) ||
                    !token_flag(t, object, CKA_SENSITIVE, false);
    if (readable && (flags & SEV_TOKEN_EXTRACTABLE_TOO) == 0)
        return token_wrong(note, SEV_E_PRIVATE_KEY,
                           "could be read out of the token: make one that is sensitive and not "
                           "extractable",
                           name);
    if (!token_flag(t, object, CKA_SIGN, false))
        return token_wrong(note, SEV_E_PRIVATE_KEY, "may not sign", name);
    return SEV_OK;
}

sev_err sev_token_key(struct sev_token *token, const char *name, unsigned flags,
                      struct sev_token_note *note, struct sev_privkey **out)
{
    struct held *k = calloc(1, sizeof *k);
    if (k == NULL)
        return token_wrong(note, SEV_E_MEMORY, "no memory", name);
    k->token = token;
    sev_err e = token_name(name, &k->name);
    if (e == SEV_OK)
        e = token_ready(token, note);
    if (e == SEV_OK)
        e = token_find(token, CKO_PRIVATE_KEY, &k->name, &k->object);
    k->generation = token->generation;
    if (e == SEV_OK) {
        e = check_use(token, k->object, flags, name, note);
        if (e != SEV_OK) {
            free(k);
            return e;
        }
        e = read_public(token, k->object, &k->name, &k->public_key);
    }
    if (e == SEV_OK)
        e = sev_privkey_held(&k->public_key, &(struct sev_privkey_holder){k, sign, free}, out);
    if (e != SEV_OK) {
        free(k);
        return token_wrong(note, e, sev_err_sentence(e), name);
    }
    return SEV_OK;
}
