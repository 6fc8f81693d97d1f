/* token - found by its label, logged in to once, and again after it was lost.
 * SPDX-License-Identifier: MIT */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>

#include "module.h"

#define SLOTS_MAX 64u

sev_err token_wrong(struct sev_token_note *note, sev_err e, const char *what, const char *about)
{
    snprintf(note->text, sizeof note->text, "%.40s: %s", about, what);
    return e;
}

/* ------------------------------------------------------------------- finding */

/* Labels are padded with blanks. */
static bool is_called(const CK_TOKEN_INFO *info, const char *label)
{
    size_t len = strlen(label);
    for (size_t i = 0; i < sizeof info->label; i++)
        if (info->label[i] != (i < len ? (unsigned char)label[i] : ' '))
            return false;
    return true;
}

static sev_err find_slot(struct sev_token *t, struct sev_token_note *note, CK_SLOT_ID *out,
                         CK_FLAGS *out_flags)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = 0;
    unsigned found = 0;
    CK_RV rv = t->f->C_GetSlotList(CK_TRUE, NULL, &count); /* which also looks anew */
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED && module_again(t->module) == CKR_OK)
        rv = t->f->C_GetSlotList(CK_TRUE, NULL, &count);
    if (rv == CKR_OK) {
        count = SLOTS_MAX;
        rv = t->f->C_GetSlotList(CK_TRUE, slots, &count);
    }
    if (rv != CKR_OK)
        return token_wrong(note, SEV_E_TOKEN_GONE, "its module does not list tokens", t->label);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (t->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || !is_called(&info, t->label))
            continue;
        *out = slots[i];
        *out_flags = info.flags;
        found++;
    }
    if (found > 1)
        return token_wrong(note, SEV_E_AMBIGUOUS, "two tokens are called so", t->label);
    return found == 1
               ? SEV_OK
               : token_wrong(note, SEV_E_TOKEN_GONE, "no token of that label is there", t->label);
}

/* ------------------------------------------------------------------- session */

static sev_err log_in(struct sev_token *t, CK_FLAGS flags, struct sev_token_note *note)
{
    static const CK_FLAGS last = CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    if (t->pin_refused)
        return token_wrong(note, SEV_E_PASSPHRASE, "the PIN was refused before", t->label);
    if ((flags & last) != 0)
        return token_wrong(note, SEV_E_PASSPHRASE,
                           "the PIN is locked, or the next wrong one locks it: a person must log "
                           "in first",
                           t->label);
    CK_RV rv = t->f->C_Login(t->session, CKU_USER, t->pin, (CK_ULONG)t->pin_len);
    switch (rv) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN: /* by the configuration that this one follows */
        return SEV_OK;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
    case CKR_PIN_LOCKED:
        t->pin_refused = true;
        return token_wrong(note, SEV_E_PASSPHRASE, "the token does not take the PIN", t->label);
    default:
        return token_wrong(note, SEV_E_TOKEN_GONE, "cannot log in to the token", t->label);
    }
}

static void tell(const struct sev_token *t, sev_event_id id, sev_err why)
{
    struct sev_event event = {.id = id, .err = why};
    sev_event_text(&event, "token", sev_slice_of(t->label, strlen(t->label)));
    if (t->events.emit != NULL)
        t->events.emit(t->events.self, &event);
}

sev_err token_ready(struct sev_token *t, struct sev_token_note *note)
{
    CK_SLOT_ID slot = 0;
    CK_FLAGS flags = 0;
    if (t->open)
        return SEV_OK;
    sev_err e = find_slot(t, note, &slot, &flags);
    if (e != SEV_OK)
        return e;
    if (t->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session) !=
            CKR_OK &&
        t->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &t->session) != CKR_OK)
        return token_wrong(note, SEV_E_TOKEN_GONE, "no session with the token", t->label);
    e = log_in(t, flags, note);
    if (e != SEV_OK) {
        (void)t->f->C_CloseSession(t->session);
        return e;
    }
    t->open = true;
    t->generation++;
    if (t->lost)
        tell(t, SEV_EVENT_TOKEN_BACK, SEV_OK);
    t->lost = false;
    return SEV_OK;
}

bool token_is_lost(struct sev_token *t, CK_RV rv)
{
    switch (rv) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
        break;
    default:
        return false;
    }
    if (t->open)
        (void)t->f->C_CloseSession(t->session); /* it may be there still */
    t->open = false;
    if (!t->lost)
        tell(t, SEV_EVENT_TOKEN_LOST, SEV_E_TOKEN_GONE);
    t->lost = true;
    return true;
}

/* --------------------------------------------------------------- open, close */

sev_err sev_token_open(const struct sev_token_config *config, struct sev_token_note *note,
                       struct sev_token **out)
{
    size_t label_len = strlen(config->label);
    const char *why = "";
    struct sev_token *t = calloc(1, sizeof *t);
    if (t == NULL)
        return token_wrong(note, SEV_E_MEMORY, "no memory", config->label);
    if (label_len == 0 || label_len >= sizeof t->label || config->pin.len == 0 ||
        config->pin.len > sizeof t->pin) {
        free(t);
        return token_wrong(note, SEV_E_CONFIG, "not a label, or not a PIN", config->label);
    }
    memcpy(t->label, config->label, label_len);
    memcpy(t->pin, config->pin.ptr, config->pin.len);
    t->pin_len = config->pin.len;
    sev_err e = module_open(config->module, &t->module, &t->f, &why);
    e = e != SEV_OK ? token_wrong(note, e, why, config->module) : token_ready(t, note);
    if (e == SEV_OK)
        *out = t;
    else
        sev_token_close(t);
    return e;
}

void sev_token_close(struct sev_token *token)
{
    if (token == NULL)
        return;
    if (token->open)
        (void)token->f->C_CloseSession(token->session); /* with the last one we are logged out */
    module_close(token->module);
    sev_wipe(token, sizeof *token);
    free(token);
}

void sev_token_tell(struct sev_token *token, struct sev_events events)
{
    token->events = events;
}
