/* ask - requests to the signer and what its answers say.  SPDX-License-Identifier: MIT */
#include "secureev/json.h"
#include "secureev/signer.h"

sev_err sev_signer_request_sign(const char *key, sev_slice body, sev_buf *out)
{
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "ask", SEV_LIT("sign"));
    sev_json_w_string_member(&w, "key", sev_slice_of(key, strlen(key)));
    sev_json_w_name(&w, SEV_LIT("signed"));
    sev_json_w_raw(&w, body);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

static sev_err read_refusal(sev_slice answer)
{
    sev_json j = sev_json_at(sev_json_get(answer, "error"));
    sev_json_str id;
    sev_json_string(&j, &id);
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    sev_err e = sev_err_of_id(id.raw.ptr, id.raw.len);
    return e == SEV_OK ? SEV_E_MALFORMED : e;
}

sev_err sev_signer_read_signature(sev_slice answer, char *out_keyid, sev_buf *sig)
{
    if (answer.len > SEV_SIGNER_ANSWER_BYTES_MAX ||
        sev_json_check(answer, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return SEV_E_MALFORMED;
    sev_json keyid_at = sev_json_at(sev_json_get(answer, "keyid"));
    sev_json sig_at = sev_json_at(sev_json_get(answer, "sig"));
    sev_json_str keyid, hex;
    sev_json_string(&keyid_at, &keyid);
    sev_json_string(&sig_at, &hex);
    if (keyid_at.err != SEV_OK || sig_at.err != SEV_OK)
        return read_refusal(answer);
    sev_buf before = *sig;
    if (keyid.raw.len != SEV_KEY_ID_CHARS || sev_hex_decode(hex.raw, sig) != SEV_OK ||
        sig->len == before.len) {
        *sig = before;
        return SEV_E_MALFORMED;
    }
    memcpy(out_keyid, keyid.raw.ptr, SEV_KEY_ID_CHARS);
    return SEV_OK;
}

static void put_time(sev_json_writer *w, const char *name, sev_time t)
{
    uint8_t text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(t, &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

sev_err sev_signer_request_certificate(const char *key, const struct sev_certificate_plan *plan,
                                       sev_buf *out)
{
    uint8_t hex[130];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    if (plan->key->type != SEV_KEY_P256)
        return SEV_E_UNSUPPORTED;
    sev_hex_encode(sev_slice_of(plan->key->material, plan->key->len), &b);
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "ask", SEV_LIT("certificate"));
    sev_json_w_string_member(&w, "key", sev_slice_of(key, strlen(key)));
    sev_json_w_string_member(&w, "name", plan->name);
    put_time(&w, "not_after", plan->not_after);
    put_time(&w, "not_before", plan->not_before);
    sev_json_w_string_member(&w, "public", sev_buf_slice(&b));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

sev_err sev_signer_read_certificate(sev_slice answer, sev_buf *der)
{
    if (answer.len > SEV_SIGNER_ANSWER_BYTES_MAX ||
        sev_json_check(answer, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return SEV_E_MALFORMED;
    sev_json j = sev_json_at(sev_json_get(answer, "certificate"));
    sev_json_str hex;
    sev_json_string(&j, &hex);
    if (j.err != SEV_OK)
        return read_refusal(answer);
    sev_buf before = *der;
    if (hex.raw.len == 0 || sev_hex_decode(hex.raw, der) != SEV_OK) {
        *der = before;
        return SEV_E_MALFORMED;
    }
    return SEV_OK;
}

sev_err sev_signer_request_checkpoint(const char *key, const struct sev_checkpoint *checkpoint,
                                      sev_buf *out)
{
    char room[2 * SEV_SHA256_BYTES];
    sev_buf hex = sev_buf_of(room, sizeof room);
    sev_hex_encode(sev_slice_of(checkpoint->root, SEV_SHA256_BYTES), &hex);
    sev_json_writer w = sev_json_writer_to(out);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "ask", SEV_LIT("checkpoint"));
    sev_json_w_string_member(&w, "key", sev_slice_of(key, strlen(key)));
    sev_json_w_string_member(&w, "origin", checkpoint->origin);
    sev_json_w_string_member(&w, "root", sev_buf_slice(&hex));
    sev_json_w_integer_member(&w, "size", (int64_t)checkpoint->size);
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}

sev_err sev_signer_read_line(sev_slice answer, sev_buf *line)
{
    if (answer.len > SEV_SIGNER_ANSWER_BYTES_MAX ||
        sev_json_check(answer, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return SEV_E_MALFORMED;
    sev_json j = sev_json_at(sev_json_get(answer, "line"));
    sev_json_str text;
    sev_json_string(&j, &text);
    if (j.err != SEV_OK)
        return read_refusal(answer);
    sev_buf before = *line;
    if (sev_json_str_copy(text, line) != SEV_OK) {
        *line = before;
        return SEV_E_MALFORMED;
    }
    return SEV_OK;
}

sev_err sev_signer_read_counts(sev_slice answer, struct sev_signer_counts *out)
{
    if (answer.len > SEV_SIGNER_ANSWER_BYTES_MAX ||
        sev_json_check(answer, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return SEV_E_MALFORMED;
    struct sev_signer_counts made = {.count = 0};
    sev_json run_at = sev_json_at(sev_json_get(answer, "run"));
    sev_json list = sev_json_at(sev_json_get(answer, "counts"));
    sev_json_integer_in(&run_at, 0, SEV_JSON_INT_MAX, &made.run);
    if (run_at.err != SEV_OK)
        return read_refusal(answer);
    sev_json_array(&list);
    while (sev_json_element(&list)) {
        sev_slice object = SEV_EMPTY;
        sev_json_str name = {SEV_EMPTY, false};
        sev_json_skip(&list, &object);
        sev_json key_at = sev_json_at(sev_json_get(object, "key"));
        sev_json made_at = sev_json_at(sev_json_get(object, "signed"));
        if (made.count == SEV_SIGNER_KEYS_MAX)
            return SEV_E_MALFORMED;
        struct sev_signer_count *c = &made.keys[made.count++];
        sev_json_string(&key_at, &name);
        sev_json_integer_in(&made_at, 0, SEV_JSON_INT_MAX, &c->made);
        if (key_at.err != SEV_OK || made_at.err != SEV_OK || name.escaped)
            return SEV_E_MALFORMED;
        c->key = name.raw;
    }
    if (list.err != SEV_OK)
        return SEV_E_MALFORMED;
    *out = made;
    return SEV_OK;
}

/* How aktualizr's dialect names the algorithm; the key decides, as everywhere. */
static sev_slice method_of(const sev_buf *sig)
{
    return sig->len == 64 ? SEV_LIT("ed25519") : SEV_LIT("rsassa-pss-sha256");
}

sev_err sev_sign_document(const struct sev_sign *sign, sev_profile profile, const char *key,
                          sev_slice body, size_t bytes_max, sev_buf *out)
{
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    sev_err e = sign->sign(sign->self, key, body, keyid, &sig);
    if (e != SEV_OK)
        return e;
    struct sev_message_sig entry = {.keyid = sev_slice_of(keyid, sizeof keyid),
                                    .sig = sev_buf_slice(&sig),
                                    .method = method_of(&sig)};
    return sev_envelope_write(profile, body, &entry, 1, bytes_max, out);
}

/* -------------------------------------------------------------------- frames */

void sev_signer_put_head(uint8_t out[SEV_SIGNER_HEAD_BYTES], size_t len)
{
    for (unsigned i = 0; i < SEV_SIGNER_HEAD_BYTES; i++)
        out[i] = (uint8_t)(len >> (24 - 8 * i));
}

size_t sev_signer_read_head(const uint8_t head[SEV_SIGNER_HEAD_BYTES])
{
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}
