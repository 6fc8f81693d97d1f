/* pin - the supplier's signature on what a partially verifying ECU is told to install.
 * SPDX-License-Identifier: MIT */
#include "secureev/pin.h"

#include "base/check.h"
#include "verify/walk_internal.h"

static sev_err parse_role(sev_slice value, sev_slice keys, struct sev_role *out)
{
    struct sev_role r = {.keys = keys, .threshold = 0};
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "keyids"))
            sev_json_skip(&j, &r.keyids);
        else if (sev_json_str_is(name, "threshold"))
            sev_json_integer(&j, &r.threshold);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    sev_err e = SEV_HEED(sev_role_check(&r, SEV_PROFILE_NATIVE));
    if (e == SEV_OK)
        *out = r;
    return e;
}

/* What the smallest ECU cannot check must not be what an ECU relies on. */
static sev_err check_key_types(sev_slice keys)
{
    sev_json j = sev_json_at(keys);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_pubkey key;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (j.err != SEV_OK)
            break;
        sev_err e = sev_key_parse(value, SEV_PROFILE_NATIVE, &key);
        if (e != SEV_OK)
            return e;
        if (SEV_REFUSE_IF(key.type != SEV_KEY_P256))
            return SEV_E_KEY;
    }
    return j.err;
}

sev_err sev_pin_parse(sev_slice bytes, struct sev_arena *arena, struct sev_pin *out)
{
    struct sev_pin pin;
    if (SEV_REFUSE_IF(bytes.len > SEV_PIN_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err e = sev_arena_want(sev_json_check(bytes, sev_arena_scratch(arena), NULL, NULL));
    if (e != SEV_OK)
        return e;
    sev_slice keys = sev_json_get(bytes, "keys");
    sev_json j = sev_json_at(sev_json_get(bytes, "path"));
    sev_json_string(&j, &pin.path);
    if (j.err != SEV_OK || pin.path.escaped)
        return SEV_E_MALFORMED;
    e = check_key_types(keys);
    if (e == SEV_OK)
        e = parse_role(sev_json_get(bytes, "supplier"), keys, &pin.supplier);
    if (e == SEV_OK)
        e = parse_role(sev_json_get(bytes, "successor"), keys, &pin.successor);
    if (e == SEV_OK)
        *out = pin;
    return e;
}

static sev_err check_listing(const struct sev_targets *t, const struct sev_target *assigned,
                             sev_slice name, sev_slice hardware_id, struct sev_arena *arena)
{
    struct sev_target entry;
    struct sev_listing ours, theirs;
    sev_err e = sev_targets_find(t, SEV_PROFILE_NATIVE, name, &entry);
    if (e != SEV_OK)
        return e == SEV_E_NOT_FOUND ? SEV_E_DISAGREE : e;
    e = sev_listing_of(assigned, SEV_EMPTY, hardware_id, arena, &ours);
    if (e == SEV_OK)
        e = sev_listing_of(&entry, SEV_EMPTY, hardware_id, arena, &theirs);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_listing_agrees(&ours, &theirs)))
        return SEV_E_DISAGREE;
    if (SEV_REFUSE_IF(!theirs.names_hardware))
        return SEV_E_WRONG_HARDWARE;
    return SEV_OK;
}

static sev_err check_signatures(struct sev_crypto *crypto, const struct sev_pin *pin,
                                const struct sev_doc *doc, bool *out_by_successor)
{
    sev_err e = sev_quorum_check(crypto, &pin->successor, doc, NULL);
    *out_by_successor = e == SEV_OK;
    if (e == SEV_E_SIGNATURE)
        e = SEV_HEED(sev_quorum_check(crypto, &pin->supplier, doc, NULL));
    return e;
}

sev_err sev_pin_check(struct sev_crypto *crypto, const struct sev_pin *pin, sev_slice role_file,
                      const struct sev_target *assigned, sev_slice hardware_id, sev_time now,
                      struct sev_arena *arena, struct sev_pin_floor *floor)
{
    char plain[SEV_NAME_BYTES_MAX];
    sev_buf name = sev_buf_of(plain, sizeof plain);
    struct sev_doc doc;
    struct sev_targets t;
    bool by_successor;
    if (SEV_REFUSE_IF(role_file.len > SEV_MESSAGE_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err e = sev_json_str_copy(assigned->name, &name);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_pattern_match(pin->path.raw, sev_buf_slice(&name)))) /* REQ-ECU-20 */
        return SEV_E_DELEGATION;
    e = sev_doc_open(&doc, role_file, SEV_PROFILE_NATIVE, arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e != SEV_OK)
        return e;
    e = check_signatures(crypto, pin, &doc, &by_successor);
    if (e != SEV_OK)
        return e;
    bool recovers = by_successor && t.common.version > floor->successor_version; /* P-d */
    e = sev_walk_check_floor(&floor->last, t.common.version, &doc);
    if (SEV_REFUSE_IF(e != SEV_OK && !recovers))
        return e;
    if (SEV_REFUSE_IF(now >= t.common.expires))
        return SEV_E_EXPIRED;
    e = check_listing(&t, assigned, sev_buf_slice(&name), hardware_id, arena);
    if (e != SEV_OK)
        return e;
    floor->last = (struct sev_baseline){.present = true, .version = t.common.version};
    memcpy(floor->last.sha256, doc.sha256, sizeof floor->last.sha256);
    if (recovers)
        floor->successor_version = t.common.version;
    return SEV_OK;
}
