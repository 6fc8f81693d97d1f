/* grant - leave to download what is assigned and not installed yet, for the TLS key of the vehicle
 * that asks. DESIGN 3.5 REQ-D21  SPDX-License-Identifier: MIT */
#include "internal.h"

struct wanted {
    const struct director_ecus *ecus;
    uint32_t count;
    uint8_t digests[SEV_GRANT_IMAGES_MAX][SEV_SHA256_BYTES]; /* ascending */
};

/* ECUs name the plaintext that they run; what is downloaded is the blob. */
static bool is_installed(const struct sev_ecu *ecu, const struct sev_target *t)
{
    struct sev_match match;
    struct sev_hashes plain;
    if (ecu == NULL)
        return true; /* gone from the vehicle: nobody needs it */
    if (memcmp(ecu->installed.sha256, t->hashes.sha256, SEV_SHA256_BYTES) == 0)
        return true;
    return t->match.len != 0 && sev_match_parse(t->match, &match) == SEV_OK &&
           match.plaintext.len != 0 &&
           sev_hashes_parse(sev_json_get(match.plaintext, "hashes"), &plain) == SEV_OK &&
           plain.has_sha256 && memcmp(ecu->installed.sha256, plain.sha256, SEV_SHA256_BYTES) == 0;
}

static void add(struct wanted *w, const uint8_t digest[SEV_SHA256_BYTES])
{
    uint32_t k = 0;
    while (k < w->count && memcmp(w->digests[k], digest, SEV_SHA256_BYTES) < 0)
        k++;
    bool there = k < w->count && memcmp(w->digests[k], digest, SEV_SHA256_BYTES) == 0;
    if (there || w->count == SEV_GRANT_IMAGES_MAX)
        return;
    memmove(w->digests[k + 1], w->digests[k], (w->count - k) * sizeof w->digests[0]);
    memcpy(w->digests[k], digest, SEV_SHA256_BYTES);
    w->count++;
}

static sev_err gather(struct wanted *w, sev_slice targets)
{
    sev_json j = sev_json_at(targets);
    sev_json_str name, serial;
    sev_err e = SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target t;
        sev_slice value = SEV_EMPTY;
        bool needed = false;
        sev_json_skip(&j, &value);
        e = sev_target_parse(name, value, SEV_PROFILE_NATIVE, &t);
        sev_json k = sev_json_at(e == SEV_OK ? t.ecu_identifiers : SEV_LIT("{}"));
        sev_json_object(&k);
        while (sev_json_member(&k, &serial)) {
            sev_json_skip(&k, NULL);
            needed = needed || !is_installed(director_find_ecu(w->ecus, serial.raw), &t);
        }
        if (e == SEV_OK && needed)
            add(w, t.hashes.sha256);
    }
    return e == SEV_OK ? j.err : e;
}

static sev_slice list_of(const struct wanted *w, sev_buf *out)
{
    sev_buf_put_byte(out, '[');
    for (uint32_t i = 0; i < w->count; i++) {
        sev_buf_put(out, i == 0 ? "\"" : ",\"", i == 0 ? 1 : 2);
        sev_hex_encode(sev_slice_of(w->digests[i], SEV_SHA256_BYTES), out);
        sev_buf_put_byte(out, '"');
    }
    sev_buf_put_byte(out, ']');
    return sev_buf_slice(out);
}

/* One for each status: its nonce is no other's. */
static void id_of(const struct sev_director *d, sev_slice vehicle, const uint8_t *nonce,
                  uint8_t out[SEV_NONCE_BYTES])
{
    uint8_t digest[SEV_SHA256_BYTES];
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, nonce, SEV_NONCE_BYTES);
    sev_sha256_update(&h, d->grants.subject, SEV_SHA256_BYTES);
    sev_sha256_update(&h, vehicle.ptr, vehicle.len);
    sev_sha256_final(&h, digest);
    memcpy(out, digest, SEV_NONCE_BYTES);
}

static sev_err sign_grant(const struct sev_director *d, const struct sev_director_call *call,
                          const struct sev_assignment *a, const uint8_t *nonce,
                          const struct wanted *w, sev_slice *out)
{
    sev_buf list = director_buf(call, 4 + (size_t)w->count * (2 * SEV_SHA256_BYTES + 3));
    sev_buf body = director_buf(call, SEV_MESSAGE_BYTES_MAX);
    struct sev_grant grant = {.oem = director_text(d->grants.oem),
                              .bundle = {a->bundle_id, a->version},
                              .images = list_of(w, &list),
                              .issued = call->now,
                              .expires = call->now + d->grants.life_s};
    if (list.overflow)
        return SEV_E_MEMORY;
    memcpy(grant.subject, d->grants.subject, sizeof grant.subject);
    id_of(d, a->vehicle, nonce, grant.id);
    sev_err e = sev_grant_encode(&grant, &body);
    return e == SEV_OK ? director_signed(d, call, SEV_PROFILE_NATIVE, d->grants.key,
                                         sev_buf_slice(&body), SEV_MESSAGE_BYTES_MAX, out)
                       : e;
}

sev_err director_grant(const struct sev_director *d, const struct sev_director_call *call,
                       sev_slice vehicle, const struct director_ecus *ecus, const uint8_t *nonce,
                       sev_slice *out)
{
    struct sev_assignment a;
    if (d->grants.key == NULL || d->grants.key[0] == '\0' || d->grants.subject == NULL)
        return SEV_OK;
    struct wanted *w = (struct wanted *)(void *)sev_arena_take(call->arena, sizeof *w);
    if (w == NULL)
        return SEV_E_MEMORY;
    w->count = 0;
    w->ecus = ecus;
    sev_err e = d->store->assignment_get(d->store->self, vehicle, call->arena, &a);
    if (e == SEV_OK && a.version != 0)
        e = gather(w, a.targets);
    if (e != SEV_OK || a.version == 0 || w->count == 0)
        return e;
    a.vehicle = vehicle;
    return sign_grant(d, call, &a, nonce, w, out);
}
