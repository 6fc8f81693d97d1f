/* doc - the signed envelope, and what every role of a repository says of itself.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "base/spec_version.h"
#include "secureev/meta.h"
#include "json/canonical.h"

static sev_err make_message(struct sev_doc *doc, unsigned canonical, bool ordered,
                            struct sev_arena *arena)
{
    unsigned form = doc->profile == SEV_PROFILE_AKTUALIZR ? SEV_CANON_ASCII : SEV_CANON_OLPC;
    if ((canonical & form) != 0) {
        doc->message = doc->body;
        return SEV_OK;
    }
    /* The ASCII form may be longer than the text: a two-byte character becomes six. The copy is
     * written into what is left of the arena, its second half sorts the members. */
    size_t mark = arena->used;
    size_t want = form == SEV_CANON_ASCII ? doc->body.len * 3 : doc->body.len;
    size_t left = sev_arena_free(arena);
    if (want > left)
        want = left;
    uint8_t *copy = sev_arena_take(arena, want);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf out = sev_buf_of(copy, want);
    sev_err e = sev_json_write_canonical(doc->body, ordered, form, sev_arena_scratch(arena), &out);
    if (e != SEV_OK) {
        sev_arena_back(arena, mark);
        return sev_arena_want(e);
    }
    doc->message = sev_buf_slice(&out);
    arena->used = (size_t)(copy - arena->ptr) + out.len;
    return SEV_OK;
}

/* The body is walked once, here: a large one takes as long to pass over as to hash. */
static void find_members(sev_json *j, sev_slice members[SEV_BODY_MEMBERS])
{
    static const char *const names[SEV_BODY_MEMBERS] = {
        [SEV_BODY_TYPE] = "_type",
        [SEV_BODY_CUSTOM] = "custom",
        [SEV_BODY_DELEGATIONS] = "delegations",
        [SEV_BODY_EXPIRES] = "expires",
        [SEV_BODY_KEYS] = "keys",
        [SEV_BODY_META] = "meta",
        [SEV_BODY_ROLES] = "roles",
        [SEV_BODY_SPEC_VERSION] = "spec_version",
        [SEV_BODY_TARGETS] = "targets",
        [SEV_BODY_VERSION] = "version",
    };
    sev_json_str name;
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        int i = 0;
        while (i < SEV_BODY_MEMBERS && !sev_json_str_is(name, names[i]))
            i++;
        sev_json_skip(j, i < SEV_BODY_MEMBERS ? &members[i] : NULL);
    }
}

static sev_err find_parts(struct sev_doc *d)
{
    sev_json j = sev_json_at(d->bytes);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "signatures")) {
            sev_json_skip(&j, &d->signatures);
        } else if (sev_json_str_is(name, "signed") && sev_json_peek(&j) == SEV_JSON_OBJECT) {
            size_t start = j.pos;
            find_members(&j, d->members);
            d->body = sev_slice_of(d->bytes.ptr + start, j.pos - start);
        } else {
            sev_json_skip(&j, NULL);
        }
    }
    return j.err;
}

sev_err sev_doc_open(struct sev_doc *doc, sev_slice bytes, sev_profile profile,
                     struct sev_arena *arena)
{
    struct sev_doc d = {.profile = profile, .bytes = bytes};
    struct sev_json_info info;
    bool ordered;
    sev_err e = sev_json_check_ordered(bytes, sev_arena_scratch(arena), &info, &ordered, NULL);
    if (e != SEV_OK)
        return sev_arena_want(e);
    e = find_parts(&d);
    if (e != SEV_OK)
        return e;
    /* A file without signatures is an unsigned file. REQ-MET-02 REQ-H11 */
    if (SEV_REFUSE_IF(d.signatures.len == 0 || d.signatures.ptr[0] != '['))
        return SEV_E_SIGNATURE;
    sev_json j = sev_json_at(d.members[SEV_BODY_TYPE]); /* nothing, if body is no object */
    sev_json_string(&j, &d.type);
    if (j.err != SEV_OK)
        return SEV_E_MALFORMED;
    e = make_message(&d, info.canonical, ordered, arena);
    if (e != SEV_OK)
        return e;
    sev_sha256(d.message, d.sha256);
    *doc = d;
    return SEV_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* aktualizr spells types with a capital; which spelling it was is inside the signature. */
static bool type_is(const struct sev_doc *doc, const char *type)
{
    if (doc->profile != SEV_PROFILE_AKTUALIZR)
        return sev_json_str_is(doc->type, type);
    size_t n = sev_literal(type).len;
    if (doc->type.escaped || doc->type.raw.len != n)
        return false;
    return lower((char)doc->type.raw.ptr[0]) == type[0] &&
           memcmp(doc->type.raw.ptr + 1, type + 1, n - 1) == 0;
}

/* Members that we know, where `critical` may name them. */
static bool is_known_member(sev_json_str name)
{
    static const char *const known[] = {
        "_type",         "attestation",    "bundle",        "consistent_snapshot",
        "correlationId", "critical",       "custom",        "delegations",
        "delta",         "ecuIdentifiers", "encryption",    "expires",
        "hardwareIds",   "issued",         "keys",          "match",
        "meta",          "models",         "preconditions", "roles",
        "spec_version",  "subscriber",     "targets",       "uri",
        "vehicle",       "version",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sev_json_str_is(name, known[i]))
            return true;
    return false;
}

/* DESIGN 4: a file may say that it must not be used by whoever does not know a member. */
static sev_err check_critical(sev_slice custom)
{
    sev_slice list = sev_json_get(custom, "critical");
    if (list.len == 0)
        return SEV_OK;
    sev_json j = sev_json_at(list);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str name;
        sev_json_string(&j, &name);
        if (j.err == SEV_OK && SEV_REFUSE_IF(!is_known_member(name)))
            return SEV_E_CRITICAL;
    }
    return j.err;
}

sev_err sev_common_parse(const struct sev_doc *doc, const char *type, struct sev_common *out)
{
    /* A snapshot served as targets, rightly signed, is still not targets. REQ-MET-04 */
    if (SEV_REFUSE_IF(!type_is(doc, type)))
        return SEV_E_WRONG_TYPE;
    struct sev_common c = {.custom = doc->members[SEV_BODY_CUSTOM]};
    sev_json_str expires = {SEV_EMPTY, false}, spec = {SEV_EMPTY, false};
    sev_json j = sev_json_at(doc->members[SEV_BODY_VERSION]);
    sev_json_integer_in(&j, 0, SEV_JSON_INT_MAX, &c.version);
    if (j.err == SEV_OK)
        j = sev_json_at(doc->members[SEV_BODY_EXPIRES]);
    sev_json_string(&j, &expires);
    if (j.err == SEV_OK)
        j = sev_json_at(doc->members[SEV_BODY_SPEC_VERSION]);
    if (j.doc.len != 0)
        sev_json_string(&j, &spec);
    if (j.err != SEV_OK)
        return j.err;
    /* REQ-MET-31 */
    bool known = spec.raw.ptr == NULL || (!spec.escaped && sev_spec_version_known(spec.raw));
    if (SEV_REFUSE_IF(!known))
        return SEV_E_SPEC_VERSION;
    int64_t lowest = doc->profile == SEV_PROFILE_AKTUALIZR ? 0 : 1;
    if (SEV_REFUSE_IF(c.version < lowest))
        return SEV_E_MALFORMED;
    bool dated = !expires.escaped && sev_time_parse(expires.raw, &c.expires) == SEV_OK;
    if (SEV_REFUSE_IF(!dated))
        return SEV_E_MALFORMED;
    if (c.custom.len != 0 && c.custom.ptr[0] != '{') {
        /* TUF leaves `custom` open: there it may be anything and is not looked at. */
        if (SEV_REFUSE_IF(doc->profile == SEV_PROFILE_NATIVE))
            return SEV_E_MALFORMED;
        c.custom = SEV_EMPTY;
    }
    if (doc->profile != SEV_PROFILE_TUF) {
        sev_err e = check_critical(c.custom);
        if (e != SEV_OK)
            return e;
    }
    *out = c;
    return SEV_OK;
}
