/* note - checkpoints of logs and cosignatures of witnesses. The text is made here, of origin, size
 * and root: nothing else can get under such a key.  SPDX-License-Identifier: MIT */
#include "internal.h"
#include "secureev/json.h"

static sev_slice text_of(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

static sev_err note_key(const struct sev_signer_key *k, const struct sev_signer_log *log,
                        struct sev_note_key *out)
{
    const struct sev_pubkey *key = sev_privkey_public(k->key);
    sev_note_type type = key->type == SEV_KEY_P256 ? SEV_NOTE_ECDSA : SEV_NOTE_ED25519;
    if (k->notes == SEV_SIGNER_WITNESS)
        return sev_note_key_init(text_of(k->note_name), SEV_NOTE_COSIGNATURE, key, out);
    return sev_note_key_init(text_of(log->origin), type, key, out);
}

sev_err signer_notes_fit(const struct sev_signer_key *k)
{
    struct sev_note_key key;
    if (k->notes == SEV_SIGNER_NO_NOTES)
        return k->log_count == 0 && k->note_name[0] == '\0' ? SEV_OK : SEV_E_CONFIG;
    /* One purpose each: what a witness says is not what a log says, and a file is neither. */
    if (k->documents != 0 || k->log_count == 0)
        return SEV_E_CONFIG;
    if (k->notes == SEV_SIGNER_LOG && (k->log_count != 1 || k->note_name[0] != '\0'))
        return SEV_E_CONFIG;
    for (unsigned i = 0; i < k->log_count; i++) {
        sev_err e = sev_note_name_ok(text_of(k->logs[i].origin)) ? note_key(k, &k->logs[i], &key)
                                                                 : SEV_E_CONFIG;
        if (e != SEV_OK)
            return e == SEV_E_UNSUPPORTED ? SEV_E_KEY : SEV_E_CONFIG;
    }
    return SEV_OK;
}

void sev_signer_keep_logs(const struct sev_signer *old, struct sev_signer *now)
{
    if (old->count != 0)
        now->run = old->run;
    for (size_t i = 0; i < now->count; i++)
        for (size_t j = 0; j < old->count; j++)
            if (strcmp(now->keys[i].name, old->keys[j].name) == 0)
                now->keys[i].made = old->keys[j].made;
    for (size_t i = 0; i < now->count; i++)
        for (size_t j = 0; j < old->count; j++)
            for (unsigned a = 0; a < now->keys[i].log_count; a++)
                for (unsigned b = 0; b < old->keys[j].log_count; b++)
                    if (strcmp(now->keys[i].name, old->keys[j].name) == 0 &&
                        strcmp(now->keys[i].logs[a].origin, old->keys[j].logs[b].origin) == 0)
                        now->keys[i].logs[a] = old->keys[j].logs[b];
}

/* ------------------------------------------------------------------- requests */

struct asked {
    struct sev_signer_log *log; /* of the key */
    struct sev_checkpoint checkpoint;
};

static sev_err read_request(struct sev_signer_key *k, sev_slice request, struct asked *out)
{
    sev_json size_at = sev_json_at(sev_json_get(request, "size"));
    sev_json_str origin, hex;
    int64_t size = 0;
    *out = (struct asked){.log = NULL};
    sev_buf root = sev_buf_of(out->checkpoint.root, SEV_SHA256_BYTES);
    sev_json_integer_in(&size_at, 0, SEV_JSON_INT_MAX, &size);
    if (size_at.err != SEV_OK || !signer_read_text(sev_json_get(request, "origin"), &origin) ||
        !signer_read_text(sev_json_get(request, "root"), &hex) ||
        sev_hex_decode(hex.raw, &root) != SEV_OK || root.len != SEV_SHA256_BYTES)
        return SEV_E_MALFORMED;
    for (unsigned i = 0; i < k->log_count && out->log == NULL; i++)
        if (sev_json_str_is(origin, k->logs[i].origin))
            out->log = &k->logs[i];
    if (k->notes == SEV_SIGNER_NO_NOTES || out->log == NULL)
        return SEV_E_POLICY;
    out->checkpoint.origin = text_of(out->log->origin);
    out->checkpoint.size = (uint64_t)size;
    return SEV_OK;
}

/* Whether it goes on from the last is for witnesses to see, who are shown a proof; what is plainly
 * a step back or a second history is refused here already. */
static sev_err judge(const struct asked *a)
{
    if (!a->log->signed_once || a->checkpoint.size > a->log->size)
        return SEV_OK;
    if (a->checkpoint.size < a->log->size)
        return SEV_E_VERSION_ROLLBACK;
    return memcmp(a->checkpoint.root, a->log->root, sizeof a->log->root) == 0 ? SEV_OK
                                                                              : SEV_E_EQUIVOCATION;
}

static sev_err sign(struct sev_signer_key *k, const struct asked *a, sev_time now, sev_buf *text,
                    sev_buf *line)
{
    uint8_t message_room[SEV_NOTE_MESSAGE_BYTES_MAX], sig_room[SEV_SIG_BYTES_MAX];
    sev_buf message = sev_buf_of(message_room, sizeof message_room);
    sev_buf sig = sev_buf_of(sig_room, sizeof sig_room);
    struct sev_note_key key;
    sev_checkpoint_write(&a->checkpoint, text);
    sev_err e = text->overflow || now < 0 ? SEV_E_BUG : note_key(k, a->log, &key);
    if (e == SEV_OK)
        e = sev_note_message(key.type, (uint64_t)now, sev_buf_slice(text), &message);
    if (e == SEV_OK)
        e = sev_privkey_sign(k->key, sev_buf_slice(&message), &sig);
    if (e == SEV_OK)
        e = sev_note_put_line(&key, (uint64_t)now, sev_buf_slice(&sig), line);
    return e;
}

sev_err signer_sign_checkpoint(struct sev_signer *signer, uint32_t user, struct sev_signer_key *k,
                               sev_slice request, sev_time now, int64_t now_ms, sev_buf *answer)
{
    uint8_t text_room[SEV_CHECKPOINT_BYTES_MAX], line_room[SEV_CHECKPOINT_BYTES_MAX];
    sev_buf text = sev_buf_of(text_room, sizeof text_room);
    sev_buf line = sev_buf_of(line_room, sizeof line_room);
    struct asked a;
    sev_err e = read_request(k, request, &a);
    if (e == SEV_OK)
        e = judge(&a);
    if (e == SEV_OK && !signer_may_sign(k, now_ms))
        e = SEV_E_RATE_LIMITED;
    if (e == SEV_OK)
        e = sign(k, &a, now, &text, &line);
    if (e != SEV_OK)
        return e;
    signer_took_one(k);
    a.log->signed_once = true;
    a.log->size = a.checkpoint.size;
    memcpy(a.log->root, a.checkpoint.root, sizeof a.log->root);
    signer_tell(signer, user, k, k->notes == SEV_SIGNER_LOG ? "checkpoint" : "cosignature",
                a.checkpoint.origin, sev_buf_slice(&text));
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "line", sev_buf_slice(&line));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}
