/* witness - sees that a log goes on from what it showed before, and says so with its own key. It
 * remembers before it speaks: no two answers of it can stand against each other.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

static const struct sev_audit_witnessed *find_log(const struct sev_audit_witness *w,
                                                  sev_slice origin)
{
    for (uint32_t i = 0; i < w->log_count; i++)
        if (sev_slice_eq(w->logs[i].origin, origin))
            return &w->logs[i];
    return NULL;
}

static sev_err check_signed(const struct sev_audit_witnessed *log, struct sev_crypto *crypto,
                            const struct sev_note *note)
{
    for (uint32_t i = 0; i < log->key_count; i++)
        if (sev_note_verify(crypto, note, &log->keys[i], NULL) == SEV_OK)
            return SEV_OK;
    return SEV_E_SIGNATURE;
}

/* Against what was cosigned last: a log that shows two histories is found out. REQ-A54 */
static sev_err judge(const struct sev_audit_witness *w, const struct sev_tlog_update *update,
                     const struct sev_checkpoint *c, uint64_t *out_size)
{
    uint8_t root[SEV_SHA256_BYTES] = {0};
    int64_t size = 0;
    sev_err e = w->store->log->cosigned_get(w->store->self, c->origin, &size, root);
    if (e != SEV_OK && e != SEV_E_NOT_FOUND)
        return e;
    if (update->old_size != (uint64_t)size) {
        *out_size = (uint64_t)size;
        return SEV_E_CONFLICT;
    }
    if (size != 0 && c->size == (uint64_t)size && memcmp(root, c->root, sizeof root) != 0)
        e = SEV_E_EQUIVOCATION;
    else
        e = sev_tlog_check_growth(&update->proof, update->old_size, root, c);
    if (e != SEV_OK)
        audit_tell(w->events, SEV_EVENT_LOG_FORKED, e, c->origin, (int64_t)c->size);
    return e;
}

sev_err sev_audit_cosign(const struct sev_audit_witness *w, struct sev_crypto *crypto,
                         const struct sev_sign_note *sign, sev_slice request, sev_buf *answer,
                         uint64_t *out_size)
{
    struct sev_tlog_update update;
    struct sev_checkpoint c;
    struct sev_note note;
    sev_err e = sev_tlog_update_parse(request, &update);
    if (e == SEV_OK)
        e = sev_note_parse(update.note, &note);
    if (e == SEV_OK)
        e = sev_checkpoint_parse(note.text, &c);
    if (e != SEV_OK)
        return e;
    const struct sev_audit_witnessed *log = find_log(w, c.origin);
    e = log == NULL ? SEV_E_NOT_FOUND : check_signed(log, crypto, &note);
    /* An empty log is nothing to witness, and what extends a checkpoint is nobody's to vouch for:
     * the signer makes the text of three lines. */
    if (e == SEV_OK && (update.old_size > c.size || c.size == 0 || c.extension.len != 0))
        e = SEV_E_NOTE;
    if (e == SEV_OK)
        e = judge(w, &update, &c, out_size);
    if (e == SEV_OK) {
        e = w->store->log->cosigned_put(w->store->self, c.origin, (int64_t)update.old_size,
                                        (int64_t)c.size, c.root);
        if (e == SEV_E_CONFLICT) /* somebody was faster: now it is told what is there */
            e = judge(w, &update, &c, out_size) == SEV_OK ? SEV_E_BUSY : SEV_E_CONFLICT;
    }
    return e == SEV_OK ? sign->sign(sign->self, w->key, &c, answer) : e;
}
