/* manage - keys of a token made and listed. SPDX-License-Identifier: MIT */
#include "secureev/text.h"
#include "token.h"

#define ID_BYTES 16 /* of a new key pair: how its halves find each other */

/* ---------------------------------------------------------------------- make */

static CK_RV make(struct sev_token *t, sev_key_type type, CK_ULONG bits, struct object_name *name,
                  void *id)
{
    static uint8_t p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    static uint8_t ed25519[] = {0x13, 0x0C, 'e', 'd', 'w', 'a', 'r',
                                'd',  's',  '2', '5', '5', '1', '9'};
    static uint8_t exponent[] = {0x01, 0x00, 0x01};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE label = {CKA_LABEL, name->bytes, name->len};
    CK_ATTRIBUTE number = {CKA_ID, id, ID_BYTES};
    CK_ATTRIBUTE public_half[] = {
        label,
        number,
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_EC_PARAMS, type == SEV_KEY_P256 ? p256 : ed25519,
         type == SEV_KEY_P256 ? sizeof p256 : sizeof ed25519},
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}, /* only of RSA, where it stands for ... */
    };
    CK_ATTRIBUTE private_half[] = {
        label,
        number,
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},
    };
    CK_MECHANISM how = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG public_count = 6;
    CK_OBJECT_HANDLE a = 0, b = 0;
    if (type == SEV_KEY_ED25519)
        how.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
    if (type == SEV_KEY_RSA) {
        how.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
        public_half[5] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits}; /* ... the curve */
        public_count = 7;
    }
    return t->f->C_GenerateKeyPair(t->session, &how, public_half, public_count, private_half, 7, &a,
                                   &b);
}

sev_err sev_token_generate(struct sev_token *token, sev_key_type type, unsigned rsa_bits,
                           const char *name, struct sev_token_note *note)
{
    struct object_name label;
    uint8_t id[ID_BYTES];
    CK_OBJECT_HANDLE object = 0;
    bool ours = type == SEV_KEY_P256 || type == SEV_KEY_ED25519 ||
                (type == SEV_KEY_RSA && (rsa_bits == 2048 || rsa_bits == 3072 || rsa_bits == 4096));
    if (!ours)
        return token_wrong(note, SEV_E_UNSUPPORTED, "no type of key that signs metadata", name);
    sev_err e = token_name(name, &label);
    if (e == SEV_OK && label.type != CKA_LABEL)
        e = SEV_E_BAD_NAME;
    if (e == SEV_OK)
        e = token_ready(token, note);
    if (e == SEV_OK)
        e = token_find(token, CKO_PRIVATE_KEY, &label, &object);
    if (e == SEV_OK || e == SEV_E_AMBIGUOUS)
        return token_wrong(note, SEV_E_EXISTS, sev_err_sentence(SEV_E_EXISTS), name);
    if (e == SEV_E_NOT_FOUND)
        e = sev_random(id, sizeof id);
    if (e != SEV_OK)
        return token_wrong(note, e, sev_err_sentence(e), name);
    CK_RV rv = make(token, type, rsa_bits, &label, id);
    if (rv == CKR_OK)
        return SEV_OK;
    if (rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID)
        return token_wrong(note, SEV_E_UNSUPPORTED, "the token does not make such keys", name);
    (void)token_is_lost(token, rv);
    return token_wrong(note, SEV_E_TOKEN_GONE, "the token made no key", name);
}

/* ---------------------------------------------------------------------- list */

static void read_entry(struct sev_token *t, CK_OBJECT_HANDLE object, struct sev_token_entry *out)
{
    uint8_t id[SEV_TOKEN_NAME_CHARS_MAX];
    size_t len = 0;
    *out = (struct sev_token_entry){.type = token_key_type(t, object), .extractable = true};
    out->extractable = token_flag(t, object, CKA_EXTRACTABLE, true) ||
                       !token_flag(t, object, CKA_SENSITIVE, false);
    if (token_bytes(t, object, CKA_LABEL, out->name, SEV_TOKEN_NAME_CHARS_MAX, &len) != SEV_OK)
        len = 0;
    out->name[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (out->name[i] < ' ' || out->name[i] > '~')
            out->name[i] = '?';
    if (token_bytes(t, object, CKA_ID, id, sizeof id, &len) != SEV_OK)
        len = 0;
    sev_buf hex = sev_buf_of(out->id, sizeof out->id - 1);
    sev_hex_encode(sev_slice_of(id, len), &hex);
    out->id[hex.len] = '\0';
}

sev_err sev_token_list(struct sev_token *token,
                       bool (*visit)(void *context, const struct sev_token_entry *), void *context)
{
    static CK_OBJECT_HANDLE found[SEV_TOKEN_KEYS_MAX];
    CK_OBJECT_CLASS class_ = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &class_, sizeof class_};
    CK_ULONG count = 0;
    struct sev_token_note note;
    sev_err e = token_ready(token, &note);
    if (e != SEV_OK)
        return e;
    CK_RV rv = token->f->C_FindObjectsInit(token->session, &wanted, 1);
    if (rv == CKR_OK) {
        rv = token->f->C_FindObjects(token->session, found, SEV_TOKEN_KEYS_MAX, &count);
        (void)token->f->C_FindObjectsFinal(token->session);
    }
    if (rv != CKR_OK) {
        (void)token_is_lost(token, rv);
        return SEV_E_TOKEN_GONE;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        struct sev_token_entry entry;
        read_entry(token, found[i], &entry);
        if (!visit(context, &entry))
            break;
    }
    return SEV_OK;
}
