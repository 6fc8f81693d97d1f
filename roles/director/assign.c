/* assign - an operator's wish for a vehicle, checked against what the vehicle is and has.
 * REQ-DIR-14 REQ-DIR-21 REQ-DIR-24. SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/store_campaign.h"

struct wish {
    const struct sev_director_wish *asked;
    sev_profile profile;
    struct director_ecus ecus;
    uint8_t given[SEV_STORE_ECUS_MAX];   /* has an image in this wish */
    uint8_t grouped[SEV_STORE_ECUS_MAX]; /* stands in a group */
};

/* In every form: what is signed is then the same text in both dialects. */
static sev_err check_canonical(const struct sev_director_call *call, sev_slice text)
{
    struct sev_json_info info = {.canonical = 0};
    unsigned wanted = SEV_CANON_OLPC | SEV_CANON_ASCII;
    sev_err e = sev_json_check(text, sev_arena_scratch(call->arena), &info, NULL);
    if (e == SEV_OK && (info.canonical & wanted) != wanted)
        e = SEV_E_NOT_CANONICAL;
    return e;
}

/* What release counters and hardware lists say, which aktualizr's dialect does not have. */
static sev_err check_match(const struct sev_ecu *ecu, const struct sev_match *match)
{
    if (!sev_strings_contain(match->hardware_ids, ecu->hardware_id))
        return SEV_E_WRONG_HARDWARE;
    if (match->release_counter < ecu->installed.release_counter)
        return SEV_E_RELEASE_ROLLBACK;
    if (ecu->installed.name.len != 0 && match->min_release_counter > ecu->installed.release_counter)
        return SEV_E_STEPPING_STONE;
    return SEV_OK;
}

/* Its vehicles know an image by its name: other bytes under the name of what is installed would
 * end every cycle. Contract 8.3 */
static sev_err check_name_is_new(const struct sev_ecu *ecu, const struct sev_target *t)
{
    bool same_name = sev_slice_eq(ecu->installed.name, t->name.raw);
    bool same_bytes = ecu->installed.length == t->length &&
                      memcmp(ecu->installed.sha256, t->hashes.sha256, sizeof t->hashes.sha256) == 0;
    return same_name && !same_bytes ? SEV_E_EXISTS : SEV_OK;
}

/* Its vehicles tell a plain image from a tree by its format and take a URL as it stands. No image
 * comes in the clear. Contract 4, 8.3 */
static sev_err check_foreign(const struct sev_target *t)
{
    sev_json_str format, uri;
    sev_slice member = sev_json_get(t->custom, "uri");
    sev_json j = sev_json_at(sev_json_get(t->custom, "targetFormat"));
    sev_json_string(&j, &format);
    if (t->match.len != 0 || t->encryption.len != 0 || j.err != SEV_OK ||
        !sev_json_str_is(format, "BINARY"))
        return SEV_E_MALFORMED;
    if (member.len == 0)
        return SEV_OK;
    j = sev_json_at(member);
    sev_json_string(&j, &uri);
    bool absolute = j.err == SEV_OK && !uri.escaped && uri.raw.len > 8 &&
                    uri.raw.len <= SEV_URL_BYTES_MAX && memcmp(uri.raw.ptr, "https://", 8) == 0;
    return absolute ? SEV_OK : SEV_E_MALFORMED;
}

static sev_err check_ecu(struct wish *w, sev_json_str serial, sev_slice entry,
                         const struct sev_target *t, const struct sev_match *match)
{
    sev_json_str hardware;
    sev_json j = sev_json_at(sev_json_get(entry, "hardwareId"));
    sev_json_string(&j, &hardware);
    struct sev_ecu *ecu = serial.escaped ? NULL : director_find_ecu(&w->ecus, serial.raw);
    if (ecu == NULL)
        return SEV_E_FOREIGN_ECU;
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    /* The inventory knows what it is; neither the wish nor the image may say otherwise. */
    if (!sev_json_str_eq_slice(hardware, ecu->hardware_id))
        return SEV_E_WRONG_HARDWARE;
    sev_err e =
        w->profile == SEV_PROFILE_NATIVE ? check_match(ecu, match) : check_name_is_new(ecu, t);
    if (e != SEV_OK)
        return e;
    size_t i = (size_t)(ecu - w->ecus.ecus);
    if (w->given[i])
        return SEV_E_DUPLICATE_ECU;
    w->given[i] = 1;
    return SEV_OK;
}

static sev_err read_target(const struct wish *w, sev_json_str name, sev_slice value,
                           struct sev_target *t, struct sev_match *match)
{
    if (name.escaped || name.raw.len > SEV_NAME_BYTES_MAX || !sev_name_is_clean(name.raw))
        return SEV_E_BAD_NAME;
    sev_err e = sev_target_parse(name, value, w->profile, t);
    if (e != SEV_OK)
        return e;
    if (t->ecu_identifiers.len == 0 || sev_slice_eq(t->ecu_identifiers, SEV_LIT("{}")) ||
        t->hardware_ids.len != 0 || !t->hashes.has_sha256)
        return SEV_E_MALFORMED;
    if (w->profile != SEV_PROFILE_NATIVE)
        return check_foreign(t);
    if (t->match.len == 0)
        return SEV_E_MALFORMED;
    e = sev_match_parse(t->match, match);
    if (e == SEV_OK && (t->encryption.len != 0) != (match->plaintext.len != 0))
        e = SEV_E_DOWNGRADE;
    return e;
}

static sev_err check_target(struct wish *w, sev_json_str name, sev_slice value)
{
    struct sev_target t;
    struct sev_match match = {.release_counter = 0};
    sev_err e = read_target(w, name, value, &t, &match);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(t.ecu_identifiers);
    sev_json_str serial;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &serial)) {
        sev_slice entry = SEV_EMPTY;
        sev_json_skip(&j, &entry);
        e = check_ecu(w, serial, entry, &t, &match);
    }
    return e == SEV_OK ? j.err : e;
}

static sev_err check_targets(struct wish *w)
{
    sev_json j = sev_json_at(w->asked->targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        e = check_target(w, name, value);
    }
    return e == SEV_OK ? j.err : e;
}

static sev_err check_groups(struct wish *w)
{
    sev_json j = sev_json_at(w->asked->groups);
    if (w->asked->groups.len == 0)
        return SEV_OK;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_json_str serial;
            sev_json_string(&j, &serial);
            const struct sev_ecu *ecu =
                j.err == SEV_OK ? director_find_ecu(&w->ecus, serial.raw) : NULL;
            if (ecu == NULL || !w->given[ecu - w->ecus.ecus] || w->grouped[ecu - w->ecus.ecus]++)
                return j.err != SEV_OK ? j.err : SEV_E_BUNDLE;
        }
    }
    return j.err;
}

static sev_err check(const struct sev_director_call *call, struct wish *w)
{
    const struct sev_director_wish *a = w->asked;
    if (a->bundle_id.len == 0 || a->bundle_id.len > SEV_ID_BYTES_MAX ||
        a->correlation_id.len > SEV_ID_BYTES_MAX)
        return SEV_E_MALFORMED;
    bool foreign = w->profile == SEV_PROFILE_AKTUALIZR;
    size_t most = foreign ? SEV_AKTUALIZR_DIRECTOR_BYTES_MAX : SEV_DIRECTOR_TARGETS_BYTES_MAX;
    /* The rest is for the frame and a signature; a character of an id may become six. What is
     * assigned but too large to be issued would leave the vehicle without an answer. */
    size_t want = a->targets.len + a->groups.len + 6 * (a->bundle_id.len + a->correlation_id.len);
    if (want > most - 4096)
        return SEV_E_TOO_LONG;
    /* An empty list takes nothing back from its vehicles, and without a correlation id they do not
     * tell what failed. Contract 8.3 */
    if (foreign && (a->correlation_id.len == 0 || sev_slice_eq(a->targets, SEV_LIT("{}")) ||
                    a->groups.len != 0))
        return SEV_E_MALFORMED;
    sev_err e = check_canonical(call, a->targets);
    if (e == SEV_OK && a->groups.len != 0)
        e = check_canonical(call, a->groups);
    if (e == SEV_OK)
        e = check_targets(w);
    return e == SEV_OK ? check_groups(w) : e;
}

/* The same name for other bytes than those assigned before: a vehicle may have them already, and
 * what it runs goes by that name. Contract 8.3 */
static sev_err check_names_stay(const struct wish *w, const struct sev_assignment *before)
{
    sev_json j = sev_json_at(w->asked->targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    if (w->profile == SEV_PROFILE_NATIVE || before->version == 0)
        return SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target now, then;
        struct sev_targets old = {.targets = before->targets};
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        e = sev_target_parse(name, value, w->profile, &now);
        if (e != SEV_OK || sev_targets_find(&old, w->profile, name.raw, &then) != SEV_OK)
            continue;
        if (now.length != then.length ||
            memcmp(now.hashes.sha256, then.hashes.sha256, sizeof now.hashes.sha256) != 0)
            e = SEV_E_EXISTS;
    }
    return e == SEV_OK ? j.err : e;
}

/* ---------------------------------------------------------- invalid releases */

struct invalid {
    sev_slice targets;
    int64_t count;
    bool hit;
};

/* Does an entry of the wish carry these bytes, as they are or once decrypted? */
static bool look_at_invalid(void *context, const struct sev_invalidation *i)
{
    struct invalid *v = context;
    sev_json j = sev_json_at(v->targets);
    sev_json_str name;
    struct sev_target t;
    struct sev_match match;
    struct sev_hashes plain;
    v->count++;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (sev_target_parse(name, value, SEV_PROFILE_TUF, &t) != SEV_OK)
            continue; /* was refused before */
        bool same = memcmp(t.hashes.sha256, i->sha256, sizeof i->sha256) == 0;
        if (t.match.len != 0 && sev_match_parse(t.match, &match) == SEV_OK &&
            match.plaintext.len != 0 &&
            sev_hashes_parse(sev_json_get(match.plaintext, "hashes"), &plain) == SEV_OK)
            same = same || memcmp(plain.sha256, i->sha256, sizeof i->sha256) == 0;
        v->hit = v->hit || same;
    }
    return true;
}

static sev_err check_valid(const struct sev_director *d, const struct sev_director_call *call,
                           sev_slice targets, int64_t *out_count)
{
    struct invalid v = {.targets = targets};
    if (d->store->campaigns == NULL)
        return SEV_OK;
    sev_err e =
        d->store->campaigns->invalidations(d->store->self, call->arena, look_at_invalid, &v);
    if (e == SEV_OK && v.hit)
        e = SEV_E_INVALIDATED;
    if (e == SEV_OK)
        *out_count = v.count;
    return e;
}

/* --------------------------------------------------------------------- whole */

sev_err sev_director_prepare(const struct sev_director *d, const struct sev_director_call *call,
                             const struct sev_director_wish *wish, struct sev_assignment *out,
                             struct sev_decision *out_why)
{
    static const char *const names[] = {"bundle", "correlation", "remark", NULL};
    const sev_slice values[] = {wish->bundle_id, wish->correlation_id, wish->remark};
    struct sev_decision decision = {call->now, wish->actor, SEV_LIT("assign"), SEV_EMPTY};
    struct sev_assignment now;
    struct sev_vehicle row;
    int64_t invalidations = 0;
    struct wish w = {.asked = wish};
    sev_err e = d->store->vehicle_get(d->store->self, wish->vehicle, call->arena, &row);
    if (e != SEV_OK)
        return e;
    w.profile = row.profile;
    e = d->store->assignment_get(d->store->self, wish->vehicle, call->arena, &now);
    if (e == SEV_OK && wish->has_expected && wish->expected != now.version)
        e = SEV_E_CONFLICT;
    if (e == SEV_OK)
        e = director_ecus(d, call, wish->vehicle, &w.ecus);
    if (e == SEV_OK)
        e = check(call, &w);
    if (e == SEV_OK)
        e = check_valid(d, call, wish->targets, &invalidations);
    if (e == SEV_OK)
        e = check_names_stay(&w, &now);
    if (e == SEV_OK && w.profile == SEV_PROFILE_NATIVE)
        e = director_check_together(call, &w.ecus, now.version != 0 ? now.targets : SEV_EMPTY,
                                    wish->targets);
    if (e == SEV_OK)
        e = director_reason(call, &decision.reason, names, values);
    if (e != SEV_OK)
        return e;
    *out = (struct sev_assignment){.vehicle = wish->vehicle,
                                   .version = now.version + 1,
                                   .bundle_id = wish->bundle_id,
                                   .correlation_id = wish->correlation_id,
                                   .targets = wish->targets,
                                   .groups = wish->groups,
                                   .invalidations = invalidations};
    *out_why = decision;
    return SEV_OK;
}

sev_err sev_director_assign(const struct sev_director *d, const struct sev_director_call *call,
                            const struct sev_director_wish *wish, int64_t *out_version)
{
    struct sev_assignment next;
    struct sev_decision why;
    sev_err e = sev_director_prepare(d, call, wish, &next, &why);
    if (e == SEV_OK)
        e = d->store->assign(d->store->self, &next, &why);
    if (e == SEV_OK)
        *out_version = next.version;
    return e;
}
