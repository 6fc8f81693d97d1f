/* register - which ECUs a vehicle has, as it says itself the first time. REQ-DIR-19 REQ-DIR-20
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include "base/der.h"

struct form {
    struct sev_ecu *ecus;
    uint32_t count;
    sev_slice primary;
};

static sev_err read_text(sev_slice value, size_t max, sev_slice *out)
{
    sev_json j = sev_json_at(value);
    sev_json_str text;
    sev_json_string(&j, &text);
    if (j.err != SEV_OK || text.escaped || text.raw.len == 0 || text.raw.len > max)
        return SEV_E_MALFORMED;
    for (size_t i = 0; i < text.raw.len; i++)
        if (text.raw.ptr[i] < ' ' || text.raw.ptr[i] > '~')
            return SEV_E_MALFORMED;
    *out = text.raw;
    return SEV_OK;
}

/* Of another length the key could be registered and its signatures never be verified. Contract 7.2
 */
static bool is_usual_rsa(const struct sev_pubkey *key)
{
    sev_slice n, e;
    return key->type == SEV_KEY_RSA &&
           sev_der_rsa_public(sev_slice_of(key->material, key->len), &n, &e) &&
           (n.len == 256 || n.len == 384 || n.len == 512) && n.ptr[0] >= 0x80;
}

static sev_err read_ecu(const struct sev_vehicle *vehicle, sev_slice object, struct sev_ecu *out)
{
    *out = (struct sev_ecu){.vehicle = vehicle->id};
    sev_err e = read_text(sev_json_get(object, "ecu_serial"), SEV_ID_BYTES_MAX, &out->serial);
    if (e == SEV_OK)
        e = read_text(sev_json_get(object, "hardware_identifier"), SEV_ID_BYTES_MAX,
                      &out->hardware_id);
    if (e == SEV_OK && sev_json_get(object, "clientKey").len == 0)
        e = SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_key_parse(sev_json_get(object, "clientKey"), vehicle->profile, &out->key);
    if (e != SEV_OK)
        return e;
    bool native = out->key.type == SEV_KEY_P256 || out->key.type == SEV_KEY_ED25519;
    bool old = is_usual_rsa(&out->key) || out->key.type == SEV_KEY_ED25519;
    return (vehicle->profile == SEV_PROFILE_NATIVE ? native : old) ? SEV_OK : SEV_E_KEY;
}

/* No serial twice, no key twice: a key stands for one ECU. */
static sev_err check_form(const struct form *f)
{
    bool primary = false;
    for (uint32_t i = 0; i < f->count; i++) {
        primary = primary || sev_slice_eq(f->ecus[i].serial, f->primary);
        for (uint32_t j = 0; j < i; j++) {
            if (sev_slice_eq(f->ecus[i].serial, f->ecus[j].serial))
                return SEV_E_DUPLICATE_ECU;
            if (sev_pubkey_eq(&f->ecus[i].key, &f->ecus[j].key))
                return SEV_E_KEY;
        }
    }
    return primary ? SEV_OK : SEV_E_MALFORMED;
}

static sev_err read_form(const struct sev_director_call *call, const struct sev_vehicle *vehicle,
                         sev_slice body, struct form *out)
{
    struct form f = {.count = 0};
    sev_err e = sev_json_check(body, sev_arena_scratch(call->arena), NULL, NULL);
    if (e == SEV_OK)
        e = read_text(sev_json_get(body, "primary_ecu_serial"), SEV_ID_BYTES_MAX, &f.primary);
    if (e != SEV_OK)
        return e;
    f.ecus =
        (struct sev_ecu *)(void *)sev_arena_take(call->arena, SEV_STORE_ECUS_MAX * sizeof *f.ecus);
    if (f.ecus == NULL)
        return SEV_E_MEMORY;
    sev_json j = sev_json_at(sev_json_get(body, "ecus"));
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        sev_slice object = SEV_EMPTY;
        sev_json_skip(&j, &object);
        e = f.count == SEV_STORE_ECUS_MAX ? SEV_E_TOO_LONG
                                          : read_ecu(vehicle, object, &f.ecus[f.count]);
        f.count += e == SEV_OK;
    }
    if (e == SEV_OK)
        e = j.err;
    if (e == SEV_OK)
        e = check_form(&f);
    if (e == SEV_OK)
        *out = f;
    return e;
}

sev_err sev_director_register(const struct sev_director *d, const struct sev_director_call *call,
                              sev_slice vehicle, sev_slice body)
{
    static const char *const names[] = {"primary", NULL};
    struct sev_decision decision = {call->now, vehicle, SEV_LIT("register"), SEV_EMPTY};
    struct sev_vehicle row;
    struct form f;
    if (body.len > SEV_MESSAGE_BYTES_MAX * 4)
        return SEV_E_TOO_LONG;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK)
        e = read_form(call, &row, body, &f);
    if (e == SEV_OK)
        e = director_reason(call, &decision.reason, names, &f.primary);
    if (e == SEV_OK)
        e = d->store->ecus_register(d->store->self, vehicle, f.primary, f.ecus, f.count, &decision);
    if (e == SEV_OK)
        director_tell(d, SEV_EVENT_REGISTERED, e, vehicle, SEV_EMPTY);
    else
        director_refused(d, call, vehicle, "register-refused", SEV_EVENT_REGISTER_REFUSED, e);
    return e;
}

sev_err sev_director_replace(const struct sev_director *d, const struct sev_director_call *call,
                             sev_slice vehicle, sev_slice actor, sev_slice remark, sev_slice body)
{
    static const char *const names[] = {"primary", "remark", NULL};
    struct sev_decision decision = {call->now, actor, SEV_LIT("replace-ecus"), SEV_EMPTY};
    struct sev_vehicle row;
    struct form f;
    if (body.len > SEV_MESSAGE_BYTES_MAX * 4)
        return SEV_E_TOO_LONG;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK)
        e = read_form(call, &row, body, &f);
    if (e == SEV_OK)
        e = director_reason(call, &decision.reason, names, (const sev_slice[]){f.primary, remark});
    if (e == SEV_OK)
        e = d->store->ecus_replace(d->store->self, vehicle, f.primary, f.ecus, f.count, &decision);
    if (e == SEV_OK)
        director_tell(d, SEV_EVENT_REGISTERED, e, vehicle, SEV_EMPTY);
    return e;
}
