/* root - the keys and roles of a repository. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

static const char *const role_names[SEV_TOP_ROLES] = {"root", "timestamp", "snapshot", "targets"};

static sev_err parse_role(sev_slice value, sev_slice keys, struct sev_role *out)
{
    struct sev_role r = {.keys = keys, .threshold = 0};
    bool has_threshold = false;
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "keyids")) {
            sev_json_skip(&j, &r.keyids);
        } else if (sev_json_str_is(name, "threshold")) {
            sev_json_integer_in(&j, -SEV_JSON_INT_MAX, SEV_JSON_INT_MAX, &r.threshold);
            has_threshold = true;
        } else {
            sev_json_skip(&j, NULL);
        }
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(r.keyids.len == 0 || r.keyids.ptr[0] != '[' || !has_threshold))
        return SEV_E_MALFORMED;
    *out = r;
    return SEV_OK;
}

static sev_err count_keys(sev_slice keys)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(keys);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (SEV_REFUSE_IF(++count > SEV_KEYS_MAX))
            return SEV_E_JSON_LIMIT;
        if (sev_json_peek(&j) != SEV_JSON_OBJECT)
            return SEV_E_MALFORMED;
        sev_json_skip(&j, NULL);
    }
    return j.err;
}

sev_err sev_root_parse(const struct sev_doc *doc, struct sev_root *out)
{
    struct sev_root r = {.keys = SEV_EMPTY};
    sev_err e = sev_common_parse(doc, "root", &r.common);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(r.common.version < 1))
        return SEV_E_MALFORMED;
    r.keys = doc->members[SEV_BODY_KEYS];
    r.roles_object = doc->members[SEV_BODY_ROLES];
    if (r.keys.len == 0 || r.roles_object.len == 0)
        return SEV_E_MALFORMED;
    e = count_keys(r.keys);
    for (int i = 0; e == SEV_OK && i < SEV_TOP_ROLES; i++) {
        /* All four must be there. REQ-MET-05 REQ-MET-06 */
        e = parse_role(sev_json_get(r.roles_object, role_names[i]), r.keys, &r.roles[i]);
        if (e == SEV_OK)
            e = sev_role_check(&r.roles[i], doc->profile);
    }
    if (e == SEV_OK)
        *out = r;
    return e;
}

sev_err sev_root_extra(const struct sev_root *root, sev_profile profile, const char *name,
                       struct sev_role *out)
{
    sev_slice value = sev_json_get(root->roles_object, name);
    if (value.len == 0)
        return SEV_E_NOT_FOUND;
    struct sev_role r;
    sev_err e = parse_role(value, root->keys, &r);
    if (e == SEV_OK)
        e = sev_role_check(&r, profile);
    if (e == SEV_OK)
        *out = r;
    return e;
}
