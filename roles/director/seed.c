/* seed - what the first sketch of this system asked of a Director (REQ-B12), answered from the
 * inventory. It is a view: nothing is decided and nobody verified by it.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define POINT_BYTES 65u

struct form {
    sev_slice vehicle, ecu, hardware;
    struct sev_pubkey key;
};

static sev_err read_plain(sev_slice body, const char *name, sev_slice *out)
{
    sev_json_str text = {SEV_EMPTY, false};
    sev_json j = sev_json_at(sev_json_get(body, name));
    sev_json_string(&j, &text);
    if (j.err != SEV_OK || text.escaped || text.raw.len == 0 || text.raw.len > SEV_ID_BYTES_MAX)
        return SEV_E_MALFORMED;
    for (size_t i = 0; i < text.raw.len; i++)
        if (text.raw.ptr[i] < ' ' || text.raw.ptr[i] > '~')
            return SEV_E_MALFORMED;
    *out = text.raw;
    return SEV_OK;
}

/* 04 X Y in hex, and a point of the curve: the provider looks at it before it looks at anything
 * else. REQ-H05 REQ-H33 */
static sev_err read_point(struct sev_crypto *crypto, sev_slice hex, struct sev_pubkey *out)
{
    static const uint8_t digest[SEV_SHA256_BYTES] = {1}, nothing[8] = {0x30, 6, 2, 1, 1, 2, 1, 1};
    *out = (struct sev_pubkey){.type = SEV_KEY_P256, .len = POINT_BYTES};
    sev_buf b = sev_buf_of(out->material, POINT_BYTES);
    if (hex.len != 2 * POINT_BYTES || sev_hex_decode(hex, &b) != SEV_OK || out->material[0] != 4)
        return SEV_E_KEY;
    sev_err e =
        sev_crypto_verify(crypto, out, SEV_EMPTY, digest, sev_slice_of(nothing, sizeof nothing));
    return e == SEV_E_SIGNATURE ? SEV_OK : e == SEV_OK ? SEV_E_KEY : e;
}

static sev_err read_form(const struct sev_director_call *call, sev_slice body, struct form *out)
{
    sev_slice hex;
    if (body.len > SEV_MESSAGE_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_check(body, sev_arena_scratch(call->arena), NULL, NULL);
    if (e == SEV_OK)
        e = read_plain(body, "vehicle_id", &out->vehicle);
    if (e == SEV_OK)
        e = read_plain(body, "hardware_id", &out->hardware);
    out->ecu = SEV_LIT("primary"); /* its own client left the member out */
    if (e == SEV_OK && sev_json_get(body, "ecu_id").len != 0)
        e = read_plain(body, "ecu_id", &out->ecu);
    if (e == SEV_OK)
        e = read_plain(body, "public_key", &hex);
    return e == SEV_OK ? read_point(call->crypto, hex, &out->key) : e;
}

sev_err sev_director_seed_register(const struct sev_director *d,
                                   const struct sev_director_call *call, sev_slice vehicle,
                                   sev_slice body)
{
    static const char *const names[] = {"primary", NULL};
    struct sev_decision decision = {call->now, vehicle, SEV_LIT("register"), SEV_EMPTY};
    struct sev_vehicle row;
    struct form f;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e == SEV_OK && row.profile != SEV_PROFILE_NATIVE)
        e = SEV_E_NOT_FOUND; /* that dialect has no such keys */
    if (e == SEV_OK)
        e = read_form(call, body, &f);
    /* Whom the connection proved, and nobody else: or anybody could take a victim's place. */
    if (e == SEV_OK && !sev_slice_eq(f.vehicle, vehicle))
        e = SEV_E_WRONG_VEHICLE;
    struct sev_ecu ecu = {.vehicle = vehicle};
    if (e == SEV_OK) {
        ecu.serial = f.ecu;
        ecu.hardware_id = f.hardware;
        ecu.key = f.key;
        e = director_reason(call, &decision.reason, names, &f.ecu);
    }
    if (e == SEV_OK)
        e = d->store->ecus_register(d->store->self, vehicle, ecu.serial, &ecu, 1, &decision);
    if (e == SEV_OK)
        director_tell(d, SEV_EVENT_REGISTERED, e, vehicle, SEV_EMPTY);
    else
        director_refused(d, call, vehicle, "register-refused", SEV_EVENT_REGISTER_REFUSED, e);
    return e;
}

/* ----------------------------------------------------------------- manifest */

/* Does each ECU have what is assigned to it, by its own signed report? */
static sev_err is_up_to_date(const struct sev_director *d, const struct sev_director_call *call,
                             sev_slice vehicle, sev_slice targets, bool *out)
{
    struct director_ecus ecus;
    sev_json_str name, serial;
    sev_err e = director_ecus(d, call, vehicle, &ecus);
    sev_json j = sev_json_at(targets);
    *out = true;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY, plain;
        struct sev_hashes hashes;
        sev_json_skip(&j, &value);
        sev_slice custom = sev_json_get(value, "custom");
        plain = sev_json_get(sev_json_get(custom, "match"), "plaintext");
        e = sev_hashes_parse(sev_json_get(plain.len != 0 ? plain : value, "hashes"), &hashes);
        sev_json k = sev_json_at(sev_json_get(custom, "ecuIdentifiers"));
        sev_json_object(&k);
        while (e == SEV_OK && sev_json_member(&k, &serial)) {
            sev_json_skip(&k, NULL);
            const struct sev_ecu *ecu = director_find_ecu(&ecus, serial.raw);
            *out = *out && ecu != NULL && ecu->installed.name.len != 0 && hashes.has_sha256 &&
                   memcmp(ecu->installed.sha256, hashes.sha256, sizeof hashes.sha256) == 0;
        }
    }
    return e;
}

sev_err sev_director_seed_manifest(const struct sev_director *d,
                                   const struct sev_director_call *call, sev_slice vehicle,
                                   sev_slice asked, sev_buf *answer)
{
    struct sev_issued files;
    bool same = true;
    if (!sev_slice_eq(asked, vehicle))
        return SEV_E_NOT_FOUND; /* whether there is such a vehicle is nobody's business. H06 */
    sev_err e = sev_director_issue(d, call, vehicle, &files);
    if (e != SEV_OK)
        return e;
    const struct sev_stored_file *file = &files.files[SEV_STORE_TARGETS];
    sev_slice signed_part = sev_json_get(file->bytes, "signed");
    e = is_up_to_date(d, call, vehicle, sev_json_get(signed_part, "targets"), &same);
    if (e != SEV_OK)
        return e;
    size_t mark = answer->len;
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "message",
                             same ? SEV_LIT("every ECU reported what it is to have")
                                  : SEV_LIT("there is something to install"));
    sev_json_w_name(&w, SEV_LIT("signatures"));
    sev_json_w_raw(&w, sev_json_get(file->bytes, "signatures"));
    sev_json_w_name(&w, SEV_LIT("signed"));
    sev_json_w_raw(&w, signed_part);
    sev_json_w_string_member(&w, "status", same ? SEV_LIT("up_to_date") : SEV_LIT("update"));
    sev_json_w_integer_member(&w, "statusVersion", file->bundle_version);
    sev_json_w_string_member(&w, "vehicle_id", vehicle);
    sev_json_w_object_end(&w);
    e = sev_arena_want(sev_json_w_end(&w));
    if (e != SEV_OK)
        answer->len = mark;
    return e;
}

/* --------------------------------------------------------------------- hello */

sev_err sev_director_seed_hello(sev_slice root, const char *service, struct sev_arena *arena,
                                sev_buf *answer)
{
    struct sev_doc doc;
    struct sev_root r;
    struct sev_pubkey key;
    sev_slice keyid = SEV_EMPTY;
    uint8_t room[2 * sizeof key.material];
    sev_buf hex = sev_buf_of(room, sizeof room);
    sev_err e = sev_doc_open(&doc, root, SEV_PROFILE_NATIVE, arena);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &r);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(r.roles[SEV_ROLE_TARGETS].keyids);
    sev_json_str id;
    sev_json_array(&j);
    if (!sev_json_element(&j))
        return SEV_E_MALFORMED;
    sev_json_string(&j, &id);
    sev_json k = sev_json_at(r.keys);
    sev_json_str name;
    sev_json_object(&k);
    while (keyid.len == 0 && sev_json_member(&k, &name)) {
        sev_slice object = SEV_EMPTY;
        sev_json_skip(&k, &object);
        if (sev_json_str_eq(name, id))
            keyid = object;
    }
    e = keyid.len == 0 ? SEV_E_MALFORMED : sev_key_parse(keyid, SEV_PROFILE_NATIVE, &key);
    if (e != SEV_OK)
        return e;
    sev_hex_encode(sev_slice_of(key.material, key.len), &hex);
    sev_json_writer w = sev_json_writer_to(answer);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "public_key", sev_buf_slice(&hex));
    sev_json_w_string_member(&w, "service", director_text(service));
    sev_json_w_string_member(&w, "status", SEV_LIT("online"));
    sev_json_w_object_end(&w);
    return sev_arena_want(sev_json_w_end(&w));
}
