/* certificate - the signer as a CA: what may be asked of it, and what it never makes.
 * SPDX-License-Identifier: MIT */
#include "internal.h"
#include "secureev/json.h"

static bool read_time(sev_slice value, sev_time *out)
{
    sev_json_str text;
    return signer_read_text(value, &text) && sev_time_parse(text.raw, out) == SEV_OK;
}

static bool read_key(sev_slice value, struct sev_pubkey *out)
{
    sev_json_str text;
    sev_buf b = sev_buf_of(out->material, 65);
    if (!signer_read_text(value, &text) || sev_hex_decode(text.raw, &b) != SEV_OK || b.len != 65)
        return false;
    out->type = SEV_KEY_P256;
    out->len = 65;
    return true;
}

static bool read_plan(sev_slice request, struct sev_pubkey *key, struct sev_certificate_plan *out)
{
    sev_json_str name;
    *out = (struct sev_certificate_plan){.kind = SEV_CERTIFICATE_CLIENT, .key = key};
    if (!signer_read_text(sev_json_get(request, "name"), &name) ||
        !read_time(sev_json_get(request, "not_after"), &out->not_after) ||
        !read_time(sev_json_get(request, "not_before"), &out->not_before) ||
        !read_key(sev_json_get(request, "public"), key))
        return false;
    out->name = name.raw;
    return true;
}

static bool is_did(sev_slice name)
{
    return name.len > 4 && memcmp(name.ptr, "did:", 4) == 0;
}

/* Only for vehicles, whose names are DIDs: a registry that was broken into cannot make a supplier's
 * certificate, or the Director's. Neither for longer than the policy says, nor from a time that is
 * long past: a server that was broken into cannot stock up on either. */
static sev_err judge(const struct sev_signer_key *k, const struct sev_certificate_plan *plan,
                     sev_time now)
{
    if (!k->certificates || (!k->any_name && !is_did(plan->name)))
        return SEV_E_POLICY;
    if (plan->not_after - now > k->life_max)
        return SEV_E_POLICY;
    if (plan->not_before < now - SEV_CLOCK_SKEW_SECONDS_MAX ||
        plan->not_before > now + SEV_CLOCK_SKEW_SECONDS_MAX)
        return SEV_E_POLICY;
    return SEV_OK;
}

sev_err signer_certify(struct sev_signer *signer, uint32_t user, struct sev_signer_key *k,
                       sev_slice request, sev_time now, int64_t now_ms, sev_buf *answer)
{
    uint8_t room[SEV_CERTIFICATE_BYTES_MAX];
    char hex[2 * SEV_CERTIFICATE_BYTES_MAX];
    struct sev_pubkey key;
    struct sev_certificate_plan plan;
    sev_buf der = sev_buf_of(room, sizeof room), text = sev_buf_of(hex, sizeof hex);
    sev_err e = read_plan(request, &key, &plan) ? judge(k, &plan, now) : SEV_E_MALFORMED;
    if (e == SEV_OK && !signer_may_sign(k, now_ms))
        e = SEV_E_RATE_LIMITED;
    if (e == SEV_OK)
        e = sev_certificate_make(k->key, &k->issuer, &plan, &der);
    if (e != SEV_OK)
        return e;
    signer_took_one(k);
    signer_tell(signer, user, k, "certificate", plan.name, sev_buf_slice(&der));
    sev_hex_encode(sev_buf_slice(&der), &text);
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "certificate", sev_buf_slice(&text));
    sev_json_w_object_end(&w);
    return sev_json_w_end(&w);
}
