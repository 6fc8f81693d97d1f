/* object - what lies on a token: found, read. SPDX-License-Identifier: MIT */
#include "token.h"

#include "secureev/text.h"

sev_err token_name(const char *text, struct object_name *out)
{
    bool by_id = strncmp(text, "id:", 3) == 0;
    sev_slice given = sev_slice_of(text, strlen(text));
    sev_buf b = sev_buf_of(out->bytes, sizeof out->bytes);
    out->type = by_id ? CKA_ID : CKA_LABEL;
    if (by_id && sev_hex_decode(sev_slice_sub(given, 3, given.len), &b) != SEV_OK)
        return SEV_E_BAD_NAME;
    if (!by_id)
        sev_buf_put_slice(&b, given);
    if (b.overflow || b.len == 0)
        return SEV_E_BAD_NAME;
    out->len = (CK_ULONG)b.len;
    return SEV_OK;
}

sev_err token_find(struct sev_token *t, CK_OBJECT_CLASS class_, struct object_name *name,
                   CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class_, sizeof class_},
        {name->type, name->bytes, name->len},
    };
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    CK_RV rv = t->f->C_FindObjectsInit(t->session, wanted, 2);
    if (rv == CKR_OK) {
        rv = t->f->C_FindObjects(t->session, found, 2, &count);
        (void)t->f->C_FindObjectsFinal(t->session);
    }
    if (rv != CKR_OK) {
        (void)token_is_lost(t, rv);
        return SEV_E_TOKEN_GONE;
    }
    if (count != 1)
        return count == 0 ? SEV_E_NOT_FOUND : SEV_E_AMBIGUOUS;
    *out = found[0];
    return SEV_OK;
}

sev_err token_bytes(struct sev_token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                    size_t cap, size_t *out_len)
{
    CK_ATTRIBUTE a = {type, out, (CK_ULONG)cap};
    CK_RV rv = t->f->C_GetAttributeValue(t->session, object, &a, 1);
    if (rv != CKR_OK || a.ulValueLen > cap) {
        (void)token_is_lost(t, rv);
        return SEV_E_TOKEN_GONE;
    }
    *out_len = a.ulValueLen;
    return SEV_OK;
}

bool token_flag(struct sev_token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                bool otherwise)
{
    CK_BBOOL value = CK_FALSE;
    size_t len = 0;
    sev_err e = token_bytes(t, object, type, &value, sizeof value, &len);
    return e == SEV_OK && len == sizeof value ? value != CK_FALSE : otherwise;
}

sev_key_type token_key_type(struct sev_token *t, CK_OBJECT_HANDLE object)
{
    static const uint8_t p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    CK_KEY_TYPE type = 0;
    uint8_t curve[64];
    size_t len = 0;
    if (token_bytes(t, object, CKA_KEY_TYPE, &type, sizeof type, &len) != SEV_OK)
        return SEV_KEY_UNKNOWN;
    if (type == CKK_RSA)
        return SEV_KEY_RSA;
    if (type == CKK_EC_EDWARDS)
        return SEV_KEY_ED25519; /* Ed448 has a longer point, and is refused there */
    if (type == CKK_EC &&
        token_bytes(t, object, CKA_EC_PARAMS, curve, sizeof curve, &len) == SEV_OK &&
        sev_slice_eq(sev_slice_of(curve, len), sev_slice_of(p256, sizeof p256)))
        return SEV_KEY_P256;
    return SEV_KEY_UNKNOWN;
}
