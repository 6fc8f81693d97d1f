/* targets - which images a repository lists, and what it says of each.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

static bool is_object(sev_slice value)
{
    return value.len != 0 && value.ptr[0] == '{';
}

static bool is_array(sev_slice value)
{
    return value.len != 0 && value.ptr[0] == '[';
}

static sev_err parse_delegations(sev_slice value, struct sev_targets *t)
{
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "keys"))
            sev_json_skip(&j, &t->delegation_keys);
        else if (sev_json_str_is(name, "roles"))
            sev_json_skip(&j, &t->delegation_roles);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    bool has_both = is_object(t->delegation_keys) && is_array(t->delegation_roles);
    /* An ordered list, never a map. REQ-MET-17 */
    return SEV_REFUSE_IF(!has_both && value.len != 2) ? SEV_E_MALFORMED : SEV_OK;
}

sev_err sev_targets_parse(const struct sev_doc *doc, struct sev_targets *out)
{
    struct sev_targets t = {.targets = doc->members[SEV_BODY_TARGETS],
                            .delegations = doc->members[SEV_BODY_DELEGATIONS]};
    sev_err e = sev_common_parse(doc, "targets", &t.common);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!is_object(t.targets)))
        return SEV_E_MALFORMED;
    if (t.delegations.len != 0) {
        e = parse_delegations(t.delegations, &t);
        if (e != SEV_OK)
            return e;
    }
    *out = t;
    return SEV_OK;
}

static sev_err parse_custom(sev_slice custom, struct sev_target *t)
{
    sev_json j = sev_json_at(custom);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "ecuIdentifiers"))
            sev_json_skip(&j, &t->ecu_identifiers);
        else if (sev_json_str_is(name, "hardwareIds"))
            sev_json_skip(&j, &t->hardware_ids);
        else if (sev_json_str_is(name, "match"))
            sev_json_skip(&j, &t->match);
        else if (sev_json_str_is(name, "encryption"))
            sev_json_skip(&j, &t->encryption);

        else
            sev_json_skip(&j, NULL);
    }
    return j.err;
}

sev_err sev_target_parse(sev_json_str name, sev_slice value, sev_profile profile,
                         struct sev_target *out)
{
    struct sev_target t = {.name = name, .length = -1};
    sev_slice hashes = SEV_EMPTY;
    sev_json j = sev_json_at(value);
    sev_json_str member;
    sev_json_object(&j);
    while (sev_json_member(&j, &member)) {
        if (sev_json_str_is(member, "length"))
            sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &t.length);
        else if (sev_json_str_is(member, "hashes"))
            sev_json_skip(&j, &hashes);
        else if (sev_json_str_is(member, "custom"))
            sev_json_skip(&j, &t.custom);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(t.length < 0)) /* REQ-MET-07 */
        return SEV_E_MALFORMED;
    sev_err e = sev_hashes_parse(hashes, &t.hashes);
    if (e != SEV_OK)
        return e;
    /* A digest that we cannot compute is one that we cannot check. REQ-ECU-23 */
    bool all_known = profile != SEV_PROFILE_NATIVE || !t.hashes.has_unknown;
    if (SEV_REFUSE_IF(!all_known))
        return SEV_E_MALFORMED;
    if (is_object(t.custom)) {
        e = parse_custom(t.custom, &t);
        if (e != SEV_OK)
            return e;
    }
    *out = t;
    return SEV_OK;
}

sev_err sev_targets_find(const struct sev_targets *t, sev_profile profile, sev_slice name,
                         struct sev_target *out)
{
    sev_json j = sev_json_at(t->targets);
    sev_json_str member;
    sev_json_object(&j);
    while (sev_json_member(&j, &member)) {
        if (!sev_json_str_eq_slice(member, name)) {
            sev_json_skip(&j, NULL);
            continue;
        }
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        return j.err != SEV_OK ? j.err : sev_target_parse(member, value, profile, out);
    }
    return j.err != SEV_OK ? j.err : SEV_E_NOT_FOUND;
}

sev_err sev_match_parse(sev_slice match, struct sev_match *out)
{
    struct sev_match m = {.release_counter = -1};
    sev_json j = sev_json_at(match);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "releaseCounter"))
            sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &m.release_counter);
        else if (sev_json_str_is(name, "minReleaseCounter"))
            sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &m.min_release_counter);
        else if (sev_json_str_is(name, "hardwareIds"))
            sev_json_skip(&j, &m.hardware_ids);
        else if (sev_json_str_is(name, "plaintext"))
            sev_json_skip(&j, &m.plaintext);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    /* REQ-MET-09 REQ-MET-10 */
    if (SEV_REFUSE_IF(m.release_counter < 0))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!is_array(m.hardware_ids)))
        return SEV_E_MALFORMED;
    *out = m;
    return SEV_OK;
}

bool sev_strings_contain(sev_slice array, sev_slice plain)
{
    sev_json j = sev_json_at(array);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str s;
        sev_json_string(&j, &s);
        if (j.err == SEV_OK && sev_json_str_eq_slice(s, plain))
            return true;
    }
    return false;
}

/* Is every string of `a` in `b`? Both bounded by SEV_HARDWARE_IDS_MAX. */
static bool is_subset(sev_slice a, sev_slice b)
{
    sev_json i = sev_json_at(a);
    uint32_t count = 0;
    sev_json_array(&i);
    while (sev_json_element(&i)) {
        sev_json_str wanted, s;
        bool found = false;
        sev_json_string(&i, &wanted);
        if (i.err != SEV_OK || ++count > SEV_HARDWARE_IDS_MAX)
            return false;
        sev_json j = sev_json_at(b);
        sev_json_array(&j);
        while (!found && sev_json_element(&j)) {
            sev_json_string(&j, &s);
            found = j.err == SEV_OK && sev_json_str_eq(wanted, s);
        }
        if (!found)
            return false;
    }
    return i.err == SEV_OK;
}

bool sev_strings_same_set(sev_slice a, sev_slice b)
{
    return is_array(a) && is_array(b) && is_subset(a, b) && is_subset(b, a);
}
