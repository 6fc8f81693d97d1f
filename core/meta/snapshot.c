/* snapshot - timestamp and snapshot: which versions belong together.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

static sev_err parse_fileinfo(sev_slice value, struct sev_fileinfo *out)
{
    struct sev_fileinfo f = {.version = -1, .length = -1};
    sev_slice hashes = SEV_EMPTY;
    sev_json j = sev_json_at(value);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "version"))
            sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &f.version);
        else if (sev_json_str_is(name, "length"))
            sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &f.length);
        else if (sev_json_str_is(name, "hashes"))
            sev_json_skip(&j, &hashes);
        else
            sev_json_skip(&j, NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(f.version < 0))
        return SEV_E_MALFORMED;
    f.has_length = f.length >= 0;
    if (hashes.len != 0) {
        sev_err e = sev_hashes_parse(hashes, &f.hashes);
        if (e != SEV_OK)
            return e;
        f.has_hashes = true;
    }
    *out = f;
    return SEV_OK;
}

/* Native files always say how long a file is and what its digests are: a version alone lets a
 * leaked targets key work without the snapshot key. DESIGN 3.1, REQ-MET-27 REQ-MET-28 */
static sev_err check_complete(const struct sev_fileinfo *f, sev_profile profile)
{
    if (profile != SEV_PROFILE_NATIVE)
        return SEV_OK;
    if (SEV_REFUSE_IF(!f->has_length))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!f->has_hashes))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(f->hashes.has_unknown))
        return SEV_E_MALFORMED;
    return SEV_OK;
}

sev_err sev_timestamp_parse(const struct sev_doc *doc, struct sev_timestamp *out)
{
    struct sev_timestamp t;
    sev_err e = sev_common_parse(doc, "timestamp", &t.common);
    if (e != SEV_OK)
        return e;
    uint32_t entries = 0;
    sev_slice snapshot = SEV_EMPTY;
    sev_json j = sev_json_at(doc->members[SEV_BODY_META]);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        entries++;
        sev_json_skip(&j, sev_json_str_is(name, "snapshot.json") ? &snapshot : NULL);
    }
    if (j.err != SEV_OK)
        return j.err;
    bool exact = doc->profile == SEV_PROFILE_NATIVE; /* ALG-3.5 */
    if (SEV_REFUSE_IF(exact && entries != 1))
        return SEV_E_MALFORMED;
    e = parse_fileinfo(snapshot, &t.snapshot);
    if (e == SEV_OK)
        e = check_complete(&t.snapshot, doc->profile);
    if (e == SEV_OK)
        *out = t;
    return e;
}

sev_err sev_snapshot_parse(const struct sev_doc *doc, struct sev_snapshot *out)
{
    struct sev_snapshot s;
    sev_err e = sev_common_parse(doc, "snapshot", &s.common);
    if (e != SEV_OK)
        return e;
    s.meta = doc->members[SEV_BODY_META];
    /* In order, whatever order it came in: comparing two lists in different orders takes the square
     * of their length, minutes for 2 MiB. */
    if (doc->message.ptr != doc->body.ptr)
        s.meta = sev_json_get(doc->message, "meta");
    sev_json j = sev_json_at(s.meta);
    sev_json_str name;
    bool has_targets = false;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        struct sev_fileinfo f;
        sev_slice value = SEV_EMPTY;
        bool is_root = sev_json_str_is(name, "root.json"); /* no weight: REQ-MET-26 */
        sev_json_skip(&j, &value);
        if (j.err != SEV_OK)
            break;
        if (is_root)
            continue;
        e = parse_fileinfo(value, &f);
        if (e == SEV_OK)
            e = check_complete(&f, doc->profile);
        if (e != SEV_OK)
            return e;
        has_targets = has_targets || sev_json_str_is(name, "targets.json");
    }
    if (j.err != SEV_OK)
        return j.err;
    if (SEV_REFUSE_IF(!has_targets)) /* ALG-4.8 */
        return SEV_E_MALFORMED;
    *out = s;
    return SEV_OK;
}

/* Is `name` "ROLE.json"? */
static bool names_role(sev_json_str name, sev_slice role)
{
    static const char suffix[] = ".json";
    uint8_t plain[SEV_ROLE_NAME_BYTES_MAX + sizeof suffix];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    if (sev_json_str_copy(name, &b) != SEV_OK || b.len != role.len + sizeof suffix - 1)
        return false;
    return memcmp(plain, role.ptr, role.len) == 0 &&
           memcmp(plain + role.len, suffix, sizeof suffix - 1) == 0;
}

sev_err sev_snapshot_find(const struct sev_snapshot *s, sev_slice role, struct sev_fileinfo *out)
{
    sev_json j = sev_json_at(s->meta);
    sev_json_str name;
    sev_slice value = SEV_EMPTY;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        bool found = names_role(name, role);
        sev_json_skip(&j, &value);
        if (found && j.err == SEV_OK)
            return parse_fileinfo(value, out);
    }
    return j.err != SEV_OK ? j.err : SEV_E_NOT_FOUND;
}

/* The entry `name`, looked for from `j` on and then once from the start: lists in the same order,
 * which sev_snapshot_parse sees to, are compared in one pass. */
static sev_slice find_from(sev_json *j, sev_slice meta, sev_json_str wanted)
{
    for (int round = 0; round < 2; round++) {
        sev_json_str name;
        while (sev_json_member(j, &name)) {
            sev_slice value = SEV_EMPTY;
            sev_json_skip(j, &value);
            if (j->err == SEV_OK && sev_json_str_eq(name, wanted))
                return value;
        }
        *j = sev_json_at(meta);
        sev_json_object(j);
    }
    return SEV_EMPTY;
}

static sev_err entry_follows(const struct sev_fileinfo *old, const struct sev_fileinfo *new,
                             sev_profile profile)
{
    if (SEV_REFUSE_IF(new->version < old->version)) /* REQ-VER-25 */
        return SEV_E_VERSION_ROLLBACK;
    bool comparable = profile != SEV_PROFILE_TUF && old->has_hashes && new->has_hashes;
    if (comparable && new->version == old->version) {
        bool same = sev_hashes_eq(&old->hashes, &new->hashes) && old->length == new->length;
        if (SEV_REFUSE_IF(!same)) /* ATK-14 */
            return SEV_E_EQUIVOCATION;
    }
    return SEV_OK;
}

sev_err sev_snapshot_follows(const struct sev_snapshot *stored, const struct sev_snapshot *next,
                             sev_profile profile)
{
    sev_json old = sev_json_at(stored->meta), new = sev_json_at(next->meta);
    sev_json_str name;
    sev_json_object(&old);
    sev_json_object(&new);
    while (sev_json_member(&old, &name)) {
        struct sev_fileinfo before, after;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&old, &value);
        if (old.err != SEV_OK)
            break;
        if (sev_json_str_is(name, "root.json"))
            continue;
        sev_slice found = find_from(&new, next->meta, name);
        if (SEV_REFUSE_IF(found.len == 0)) /* REQ-VER-26 */
            return SEV_E_ROLE_VANISHED;
        if (parse_fileinfo(value, &before) != SEV_OK || parse_fileinfo(found, &after) != SEV_OK)
            return SEV_E_MALFORMED;
        sev_err e = entry_follows(&before, &after, profile);
        if (e != SEV_OK)
            return e;
    }
    return old.err;
}
