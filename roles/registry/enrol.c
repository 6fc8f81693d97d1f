/* enrol - how a vehicle comes to its certificates. What it asks is checked from the cheap to the
 * dear, and nothing is given out that the store does not know. SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/certificate.h"

#define ACTOR SEV_LIT("registry")

struct request {
    struct sev_doc doc;
    struct sev_certificate_request is;
    struct sev_did_state identity;
    bool known; /* the store has the identity's log */
    struct sev_pubkey key;
};

static sev_err read_request(sev_slice bytes, struct request *out)
{
    sev_err e = sev_message_open(&out->doc, bytes);
    if (e == SEV_OK)
        e = sev_certificate_request_decode(&out->doc, &out->is);
    return e == SEV_OK && !sev_did_is(out->is.did) ? SEV_E_MALFORMED : e;
}

/* As the registry knows it, or as its first entry introduces it: nobody registers another's id.
 * REQ-A29
 */
static sev_err meet(const struct sev_registry *r, const struct sev_registry_call *call,
                    struct request *q)
{
    sev_err e = registry_state(r, call, q->is.did, 0, &q->identity);
    q->known = e == SEV_OK;
    if (e == SEV_E_NOT_FOUND && q->is.entry.len != 0) {
        q->identity = (struct sev_did_state){.created = 0};
        e = sev_did_follow(call->crypto, q->is.entry, &q->identity);
        if (e == SEV_OK && !sev_slice_eq(sev_did_id(&q->identity.newest.document), q->is.did))
            e = SEV_E_DID_MISMATCH;
        if (e == SEV_OK)
            e = registry_check_time(r, call, &q->identity.newest);
    }
    return e == SEV_OK && q->identity.newest.deactivated ? SEV_E_DID_DEACTIVATED : e;
}

static sev_err check_proofs(const struct sev_registry *r, const struct sev_registry_call *call,
                            struct request *q)
{
    uint8_t der[SEV_CSR_TEXT_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der);
    sev_err e = meet(r, call, q);
    if (e == SEV_OK)
        e = sev_did_signed(call->crypto, &q->identity.newest.document, &q->doc);
    if (e != SEV_OK)
        return e;
    if (sev_base64_decode(q->is.csr, &b) != SEV_OK)
        return SEV_E_CSR;
    return sev_csr_read(sev_buf_slice(&b), q->is.did, &q->key);
}

static sev_err make_certificate(const struct sev_registry *r, const struct sev_registry_call *call,
                                sev_slice name, const struct sev_pubkey *key, struct sev_given *out)
{
    sev_time now = registry_now(r, call);
    uint8_t *room = sev_arena_take(call->arena, SEV_CERTIFICATE_BYTES_MAX);
    sev_buf der = sev_buf_of(room, SEV_CERTIFICATE_BYTES_MAX);
    struct sev_certificate_plan plan = {SEV_CERTIFICATE_CLIENT, name, key, now,
                                        now + r->certificate_life_s};
    if (room == NULL)
        return SEV_E_MEMORY;
    sev_err e = call->certify->certify(call->certify->self, r->key, &plan, &der);
    if (e == SEV_OK)
        *out = (struct sev_given){sev_buf_slice(&der), plan.not_after};
    return e;
}

/* {"ca": PEM, "certificate": PEM} */
static sev_err answer(const struct sev_registry *r, sev_slice der, sev_buf *out)
{
    uint8_t room[2 * SEV_CERTIFICATE_BYTES_MAX];
    sev_buf pem = sev_buf_of(room, sizeof room), to = *out;
    sev_pem_encode(der, "CERTIFICATE", &pem);
    sev_json_writer w = sev_json_writer_to(&to);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "ca", r->ca);
    sev_json_w_string_member(&w, "certificate", sev_buf_slice(&pem));
    sev_json_w_object_end(&w);
    sev_err e = pem.overflow ? SEV_E_MEMORY : sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *out = to;
    return e;
}

static struct sev_decision decided(const struct sev_registry *r,
                                   const struct sev_registry_call *call, sev_slice actor,
                                   sev_slice what, const struct sev_given *given, uint8_t room[256])
{
    uint8_t sha256[SEV_SHA256_BYTES], hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(room, 256), h = sev_buf_of(hex, sizeof hex);
    sev_sha256(given->der, sha256);
    sev_hex_encode(sev_slice_of(sha256, sizeof sha256), &h);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "certificate", sev_buf_slice(&h));
    sev_json_w_object_end(&w);
    return (struct sev_decision){registry_now(r, call), actor, what, sev_buf_slice(&b)};
}

/* ----------------------------------------------------------------- enrolment */

static bool is_did(sev_slice id)
{
    return id.len > 4 && memcmp(id.ptr, "did:", 4) == 0;
}

static sev_err check_token(const struct sev_registry *r, const struct sev_registry_call *call,
                           const struct request *q, struct sev_enrolment_token *t)
{
    uint8_t sha256[SEV_SHA256_BYTES];
    if (!q->is.has_token)
        return SEV_E_ENROLMENT_TOKEN;
    sev_sha256(sev_slice_of(q->is.token, sizeof q->is.token), sha256);
    sev_err e = r->store->identity->token_get(r->store->self, sha256, call->arena, t);
    if (e == SEV_E_NOT_FOUND)
        return SEV_E_ENROLMENT_TOKEN;
    if (e != SEV_OK)
        return e;
    if (t->expires < registry_now(r, call))
        return SEV_E_ENROLMENT_TOKEN;
    if (t->spent)
        return SEV_OK; /* perhaps the answer was lost: spent_on() */
    if (t->profile != SEV_PROFILE_NATIVE)
        return SEV_E_UNSUPPORTED;
    if (t->enrolled && !t->again)
        return SEV_E_EXISTS;
    if (is_did(t->vehicle) && !t->again && !sev_slice_eq(t->vehicle, q->is.did))
        return SEV_E_WRONG_SUBJECT;
    return SEV_OK;
}

/* What a token is spent on: that key for that identity. */
static void spent_on(const struct request *q, uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, q->is.did.ptr, q->is.did.len);
    sev_sha256_update(&h, q->key.material, q->key.len);
    sev_sha256_final(&h, out);
}

static sev_err enrol(const struct sev_registry *r, const struct sev_registry_call *call,
                     struct request *q, const struct sev_enrolment_token *t, struct sev_given *out)
{
    uint8_t room[256];
    struct sev_enrolment n = {.vehicle = t->vehicle, .now = registry_now(r, call)};
    sev_err e = check_proofs(r, call, q);
    if (e != SEV_OK)
        return e;
    spent_on(q, n.request_sha256);
    if (t->spent) { /* the same again, to the same key, is what was given */
        *out = (struct sev_given){t->certificate, 0};
        return memcmp(t->spent_on, n.request_sha256, sizeof t->spent_on) == 0
                   ? SEV_OK
                   : SEV_E_ENROLMENT_TOKEN;
    }
    e = make_certificate(r, call, q->is.did, &q->key, out);
    if (e != SEV_OK)
        return e;
    sev_sha256(sev_slice_of(q->is.token, sizeof q->is.token), n.token_sha256);
    uint8_t entry_room[160];
    struct sev_decision met = {n.now, q->is.did, SEV_LIT("identity"),
                               registry_entry_reason(&q->identity, entry_room, sizeof entry_room)};
    n.first = (struct sev_did_news){q->is.did, 0, false, q->known ? SEV_EMPTY : q->is.entry, &met};
    n.certificate = *out;
    struct sev_decision why = decided(r, call, ACTOR, SEV_LIT("enrol"), out, room);
    return r->store->identity->enrol(r->store->self, &n, &why);
}

sev_err sev_registry_enrol(const struct sev_registry *r, const struct sev_registry_call *call,
                           sev_slice request, sev_buf *out)
{
    struct request q = {.known = false};
    struct sev_enrolment_token t;
    struct sev_given given = {.not_after = 0};
    sev_err e = read_request(request, &q);
    sev_slice did = e == SEV_OK ? q.is.did : SEV_EMPTY;
    if (e == SEV_OK)
        e = check_token(r, call, &q, &t);
    if (e == SEV_OK)
        e = enrol(r, call, &q, &t, &given);
    if (e == SEV_OK)
        e = answer(r, given.der, out);
    return registry_tell(r, e == SEV_OK ? SEV_EVENT_ENROLLED : SEV_EVENT_ENROL_REFUSED, e, did);
}

static sev_err renew(const struct sev_registry *r, const struct sev_registry_call *call,
                     sev_slice vehicle, sev_slice request, sev_buf *out)
{
    uint8_t room[256];
    struct request q = {.known = false};
    struct sev_given given;
    sev_err e = read_request(request, &q);
    if (e == SEV_OK && q.is.has_token)
        e = SEV_E_ENROLMENT_TOKEN;
    if (e == SEV_OK && !sev_slice_eq(q.is.did, vehicle))
        e = SEV_E_WRONG_SUBJECT;
    if (e == SEV_OK)
        e = check_proofs(r, call, &q);
    if (e == SEV_OK)
        e = make_certificate(r, call, vehicle, &q.key, &given);
    if (e != SEV_OK)
        return e;
    struct sev_decision why = decided(r, call, vehicle, SEV_LIT("renew"), &given, room);
    e = r->store->identity->certificate_add(r->store->self, vehicle, &given, false, &why);
    return e == SEV_OK ? answer(r, given.der, out) : e;
}

sev_err sev_registry_renew(const struct sev_registry *r, const struct sev_registry_call *call,
                           sev_slice vehicle, sev_slice request, sev_buf *out)
{
    sev_err e = renew(r, call, vehicle, request, out);
    return registry_tell(r, e == SEV_OK ? SEV_EVENT_RENEWED : SEV_EVENT_ENROL_REFUSED, e, vehicle);
}

/* -------------------------------------------------- aktualizr's credential */

static sev_err read_device(const struct sev_registry_call *call, sev_slice body, sev_slice *out)
{
    sev_json_str id;
    sev_err e = sev_json_check(body, sev_arena_scratch(call->arena), NULL, NULL);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(body, "deviceId"));
    sev_json_string(&j, &id);
    if (j.err != SEV_OK || id.escaped || !sev_certificate_name_ok(id.raw) || is_did(id.raw))
        return SEV_E_MALFORMED;
    *out = id.raw;
    return SEV_OK;
}

static sev_err claim(const struct sev_registry *r, const struct sev_registry_call *call,
                     sev_slice device, sev_buf *out)
{
    uint8_t room[256];
    struct sev_vehicle row;
    struct sev_privkey *key = NULL;
    struct sev_given given;
    sev_buf p12 = *out;
    sev_err e = r->store->vehicle_get(r->store->self, device, call->arena, &row);
    if (e == SEV_OK && row.profile != SEV_PROFILE_AKTUALIZR)
        e = SEV_E_CLAIM;
    if (e == SEV_OK)
        e = sev_privkey_generate(SEV_KEY_P256, 0, &key);
    if (e == SEV_OK)
        e = make_certificate(r, call, device, sev_privkey_public(key), &given);
    if (e == SEV_OK)
        e = sev_pkcs12_write(key, given.der, r->server_ca, &p12);
    sev_privkey_free(key);
    if (e != SEV_OK)
        return e;
    struct sev_decision why = decided(r, call, ACTOR, SEV_LIT("claim"), &given, room);
    e = r->store->identity->certificate_add(r->store->self, device, &given, true, &why);
    if (e == SEV_OK)
        *out = p12;
    else
        sev_wipe(out->ptr + out->len, p12.len - out->len);
    return e;
}

sev_err sev_registry_claim(const struct sev_registry *r, const struct sev_registry_call *call,
                           const uint8_t credential[SEV_SHA256_BYTES], sev_slice body, sev_buf *out)
{
    sev_slice device = SEV_EMPTY;
    bool ours = r->has_shared && memcmp(credential, r->shared_sha256, SEV_SHA256_BYTES) == 0;
    sev_err e = ours ? read_device(call, body, &device) : SEV_E_CLAIM;
    if (e == SEV_OK)
        e = claim(r, call, device, out);
    registry_tell(r, e == SEV_OK ? SEV_EVENT_CLAIMED : SEV_EVENT_ENROL_REFUSED, e, device);
    bool of_another = e == SEV_E_NOT_FOUND || e == SEV_E_EXISTS;
    return of_another ? SEV_E_CLAIM : e;
}
