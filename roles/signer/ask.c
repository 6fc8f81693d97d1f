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
