/* delegation - whom a targets file trusts with which images. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

/* What file systems take as a name, less what is put around a role's: version, keys, ".json". */
#define ENCODED_NAME_MAX 200

/* A role's name becomes a file's name; the four top-level names would replace those files. */
static bool role_name_is_clean(sev_json_str name, sev_profile profile)
{
    static const char *const reserved[] = {"root", "targets", "snapshot", "timestamp"};
    uint8_t plain[SEV_ROLE_NAME_BYTES_MAX];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    if (name.raw.len == 0 || sev_json_str_copy(name, &b) != SEV_OK)
        return false;
    uint8_t encoded[ENCODED_NAME_MAX];
    sev_buf e = sev_buf_of(encoded, sizeof encoded);
    sev_percent_encode(sev_buf_slice(&b), false, &e);
    if (e.overflow)
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (sev_json_str_is(name, reserved[i]))
            return false;
    if (profile == SEV_PROFILE_TUF) /* there it is percent-encoded wherever it names a file */
        return true;
    /* aktualizr's URLs carry the name as it is, so a slash would reach into other folders. */
    for (size_t i = 0; i < b.len; i++)
        if (plain[i] == '/')
            return false;
    return sev_name_is_clean(sev_buf_slice(&b));
}

/* The members that make a role, as they stand: in an entry of its own or, for a multi-role
 * delegation, in each of several. */
struct role_text {
    sev_slice name, keyids, threshold;
};

/* Where this member's value belongs; NULL: it is none of them. */
static sev_slice *role_member(struct role_text *t, sev_json_str member)
{
    if (sev_json_str_is(member, "name"))
        return &t->name;
    if (sev_json_str_is(member, "keyids"))
        return &t->keyids;
    return sev_json_str_is(member, "threshold") ? &t->threshold : NULL;
}

static sev_err add_role(const struct role_text *t, sev_slice keys, sev_profile profile,
                        struct sev_delegation *d)
{
    if (SEV_REFUSE_IF(d->role_count >= SEV_MULTI_ROLES_MAX))
        return SEV_E_DELEGATION_LIMIT;
    struct sev_role role = {.keys = keys, .keyids = t->keyids, .threshold = 0};
    sev_json_str name = {SEV_EMPTY, false};
    sev_json at_name = sev_json_at(t->name), at_threshold = sev_json_at(t->threshold);
    if (t->name.len != 0)
        sev_json_string(&at_name, &name);
    if (t->threshold.len != 0)
        sev_json_integer(&at_threshold, &role.threshold);
    if (at_name.err != SEV_OK || at_threshold.err != SEV_OK)
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!role_name_is_clean(name, profile)))
        return SEV_E_BAD_NAME;
    if (SEV_REFUSE_IF(role.keyids.len == 0))
        return SEV_E_MALFORMED;
    for (uint32_t i = 0; i < d->role_count; i++)
        if (SEV_REFUSE_IF(sev_json_str_eq(d->roles[i].name, name))) /* nobody agrees with itself */
            return SEV_E_MALFORMED;
    d->roles[d->role_count].name = name;
    d->roles[d->role_count].role = role;
    d->role_count++;
    return SEV_OK;
}

static sev_err parse_multi(sev_slice list, sev_slice keys, sev_profile profile,
                           struct sev_delegation *d)
{
    sev_json j = sev_json_at(list);
    sev_json_str member;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct role_text role = {SEV_EMPTY, SEV_EMPTY, SEV_EMPTY};
        sev_json_object(&j);
        while (sev_json_member(&j, &member))
            sev_json_skip(&j, role_member(&role, member));
        if (j.err != SEV_OK)
            break;
        sev_err e = add_role(&role, keys, profile, d);
        if (e != SEV_OK)
            return e;
    }
    if (j.err != SEV_OK)
        return j.err;
    bool reachable = d->min_roles >= 1 && d->min_roles <= (int64_t)d->role_count;
    return SEV_REFUSE_IF(!reachable) ? SEV_E_THRESHOLD : SEV_OK;
}

sev_err sev_delegation_parse(sev_json *cursor, sev_slice keys, sev_profile profile,
                             struct sev_delegation *out)
{
    struct sev_delegation d = {.role_count = 0, .min_roles = 0};
    struct role_text role = {SEV_EMPTY, SEV_EMPTY, SEV_EMPTY};
    sev_slice multi = SEV_EMPTY;
    sev_json_str name;
    sev_json_object(cursor);
    while (sev_json_member(cursor, &name)) {
        if (sev_json_str_is(name, "paths"))
            sev_json_skip(cursor, &d.paths);
        else if (sev_json_str_is(name, "path_hash_prefixes"))
            sev_json_skip(cursor, &d.hash_prefixes);
        else if (sev_json_str_is(name, "hardwareIds"))
            sev_json_skip(cursor, &d.hardware_ids);
        else if (sev_json_str_is(name, "terminating"))
            sev_json_bool(cursor, &d.terminating);
        else if (sev_json_str_is(name, "min_roles_in_agreement"))
            sev_json_integer(cursor, &d.min_roles);
        else if (sev_json_str_is(name, "roles"))
            sev_json_skip(cursor, &multi);
        else
            sev_json_skip(cursor, role_member(&role, name));
    }
    if (cursor->err != SEV_OK)
        return SEV_E_MALFORMED;
    d.has_hardware_ids = d.hardware_ids.len != 0;
    sev_err e;
    if (multi.len != 0) {
        e = parse_multi(multi, keys, profile, &d);
    } else {
        e = add_role(&role, keys, profile, &d);
        d.min_roles = 1;
    }
    if (e == SEV_OK)
        *out = d;
    return e;
}

sev_err sev_delegations_check(const struct sev_targets *t, sev_profile profile)
{
    sev_json j = sev_json_at(t->delegation_roles);
    if (t->delegation_roles.len == 0)
        return SEV_OK;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        sev_err e = sev_delegation_parse(&j, t->delegation_keys, profile, &d);
        if (e != SEV_OK)
            return e;
    }
    return j.err;
}

static bool path_matches(sev_json_str pattern, sev_slice name)
{
    if (!pattern.escaped)
        return pattern.raw.len <= SEV_PATTERN_BYTES_MAX && sev_pattern_match(pattern.raw, name);
    uint8_t plain[SEV_PATTERN_BYTES_MAX];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    return sev_json_str_copy(pattern, &b) == SEV_OK && sev_pattern_match(sev_buf_slice(&b), name);
}

static bool any_path_matches(sev_slice paths, sev_slice name)
{
    sev_json j = sev_json_at(paths);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str pattern;
        sev_json_string(&j, &pattern);
        if (j.err == SEV_OK && path_matches(pattern, name))
            return true;
    }
    return false;
}

/* TUF's hashed bins: the hex of SHA-256 of the name begins with one of the prefixes. */
static bool any_prefix_matches(sev_slice prefixes, sev_slice name)
{
    uint8_t digest[SEV_SHA256_BYTES], hex[2 * SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(name, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    sev_json j = sev_json_at(prefixes);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str prefix;
        sev_json_string(&j, &prefix);
        if (j.err == SEV_OK && !prefix.escaped && prefix.raw.len <= sizeof hex &&
            memcmp(hex, prefix.raw.ptr, prefix.raw.len) == 0)
            return true;
    }
    return false;
}

bool sev_delegation_covers(const struct sev_delegation *d, sev_slice name, sev_slice hardware_id)
{
    bool for_path = (d->paths.len != 0 && any_path_matches(d->paths, name)) ||
                    (d->hash_prefixes.len != 0 && any_prefix_matches(d->hash_prefixes, name));
    if (SEV_REFUSE_IF(!for_path))
        return false;
    /* Absent: any hardware; an empty list: none. REQ-MET-20 REQ-VER-40 REQ-ATK-17 */
    bool for_hardware = !d->has_hardware_ids || hardware_id.len == 0 ||
                        sev_strings_contain(d->hardware_ids, hardware_id);
    return !SEV_REFUSE_IF(!for_hardware);
}
