/* token - a session with a token, and the objects in it; for crypto/pkcs11 alone.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_PKCS11_TOKEN_H
#define SEV_CRYPTO_PKCS11_TOKEN_H

#include <p11-kit/pkcs11.h>

#include "secureev/token.h"

struct sev_token {
    struct module *module;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    bool open;           /* there is a session, and we are logged in */
    bool lost;           /* and have told so */
    bool pin_refused;    /* never tried again */
    unsigned generation; /* of sessions: handles of objects mean nothing in another */
    char label[SEV_TOKEN_LABEL_CHARS + 1];
    uint8_t pin[256];
    size_t pin_len;
    struct sev_events events;
};

/* Log in when we are not. As sev_token_open. */
sev_err token_ready(struct sev_token *t, struct sev_token_note *note);
/* After a function failed: is it that the session or the token is gone? Then it is given up. */
bool token_is_lost(struct sev_token *t, CK_RV rv);

/* "id:0A0B" or a label, as a template asks for it. */
struct object_name {
    CK_ATTRIBUTE_TYPE type;
    uint8_t bytes[SEV_TOKEN_NAME_CHARS_MAX];
    CK_ULONG len;
};
sev_err token_name(const char *text, struct object_name *out);
/* The one object of that class and name. SEV_E_NOT_FOUND, SEV_E_AMBIGUOUS, SEV_E_TOKEN_GONE */
sev_err token_find(struct sev_token *t, CK_OBJECT_CLASS class_, struct object_name *name,
                   CK_OBJECT_HANDLE *out);
/* An attribute's value; SEV_E_TOKEN_GONE when it has none or it is longer. */
sev_err token_bytes(struct sev_token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                    size_t cap, size_t *out_len);
bool token_flag(struct sev_token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                bool otherwise);
sev_key_type token_key_type(struct sev_token *t, CK_OBJECT_HANDLE object);

sev_err token_wrong(struct sev_token_note *note, sev_err e, const char *what, const char *about);

#endif
