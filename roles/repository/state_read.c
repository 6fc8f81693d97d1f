/* state_read - repository.json: everything that is wanted and known, from bytes.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

/* Reads one object: members are taken by name, each at most once, none but these. */
struct reader {
    struct sev_repository *r;
    sev_json *j;
    sev_err err; /* memory, or something that is not a matter of syntax */
};

/* How many members of an object were read that must be there. */
static void check_count(struct reader *in, uint32_t count, uint32_t expected)
{
    if (in->j->err == SEV_OK && in->err == SEV_OK && count != expected)
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static bool good(const struct reader *in)
{
    return in->j->err == SEV_OK && in->err == SEV_OK;
}

static void read_text(struct reader *in, const char **out)
{
    sev_json_str s;
    sev_slice plain;
    sev_json_string(in->j, &s);
    if (!good(in))
        return;
    in->err = sev_repo_plain(&in->r->pool, s, &plain);
    if (in->err == SEV_OK)
        *out = (const char *)plain.ptr;
}

static void read_hex(struct reader *in, char out[HEX_CHARS + 1])
{
    sev_json_str s;
    sev_json_string(in->j, &s);
    if (!good(in))
        return;
    if (s.escaped || s.raw.len != HEX_CHARS)
        sev_json_fail(in->j, SEV_E_MALFORMED);
    else
        memcpy(out, s.raw.ptr, HEX_CHARS);
}

static void read_u32(struct reader *in, uint32_t max, uint32_t *out)
{
    int64_t v = 0;
    sev_json_integer_in(in->j, 0, max, &v);
    *out = (uint32_t)v;
}

static void read_version(struct reader *in, int64_t *out)
{
    sev_json_integer_in(in->j, 0, SEV_JSON_INT_MAX, out);
}

static void read_time(struct reader *in, sev_time *out)
{
    sev_json_str s;
    sev_json_string(in->j, &s);
    if (good(in) && sev_time_parse(s.raw, out) != SEV_OK)
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_raw(struct reader *in, char opens_with, sev_slice *out)
{
    sev_json_skip(in->j, out);
    if (good(in) && out->ptr[0] != (uint8_t)opens_with)
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

/* Only ids of keys that the state holds. */
static const char *read_keyid(struct reader *in)
{
    const char *id = NULL;
    read_text(in, &id);
    if (!good(in))
        return NULL;
    const struct sev_repo_key *k = sev_repo_find_key(in->r, id);
    if (k == NULL)
        sev_json_fail(in->j, SEV_E_MALFORMED);
    return k != NULL ? k->id : NULL;
}

static void read_ids(struct reader *in, struct sev_repo_keyset *set)
{
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        const char *id = read_keyid(in);
        if (id == NULL || set->count == SEV_ROLE_KEYS_MAX)
            sev_json_fail(in->j, SEV_E_MALFORMED);
        else
            set->ids[set->count++] = id;
    }
}

static void check_set(struct reader *in, const struct sev_repo_keyset *set)
{
    if (good(in) && (set->threshold < 1 || set->threshold > set->count))
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_role(struct reader *in, struct sev_repo_role *role)
{
    sev_json_str name;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count++;
        if (sev_json_str_is(name, "days"))
            read_u32(in, SEV_REPOSITORY_DAYS_MAX, &role->days);
        else if (sev_json_str_is(name, "keyids"))
            read_ids(in, &role->set);
        else if (sev_json_str_is(name, "name"))
            read_text(in, &role->name);
        else if (sev_json_str_is(name, "threshold"))
            read_u32(in, SEV_ROLE_KEYS_MAX, &role->set.threshold);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 4);
    check_set(in, &role->set);
    if (good(in) && role->name == NULL)
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_profile(struct reader *in, struct sev_repo_profile *p)
{
    p->on = true;
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        if (p->role_count == SEV_REPOSITORY_ROLES_MAX)
            sev_json_fail(in->j, SEV_E_MALFORMED);
        else
            read_role(in, &p->roles[p->role_count++]);
    }
}

static void read_profiles(struct reader *in)
{
    sev_json_str name;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        if (sev_json_str_is(name, "native"))
            read_profile(in, &in->r->profiles[SEV_PROFILE_NATIVE]);
        else if (sev_json_str_is(name, "aktualizr"))
            read_profile(in, &in->r->profiles[SEV_PROFILE_AKTUALIZR]);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
}

static void read_keys(struct reader *in)
{
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        sev_slice object = SEV_EMPTY;
        struct sev_pubkey key;
        const char *id;
        read_raw(in, '{', &object);
        if (!good(in))
            return;
        if (sev_key_parse(object, SEV_PROFILE_NATIVE, &key) != SEV_OK ||
            key.type == SEV_KEY_UNKNOWN)
            sev_json_fail(in->j, SEV_E_MALFORMED);
        else
            in->err = sev_repo_add_key(in->r, &key, &id);
    }
}

static void read_delegated(struct reader *in, struct sev_repo_delegated *role)
{
    sev_json_str name;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count++;
        if (sev_json_str_is(name, "keyids"))
            read_ids(in, &role->set);
        else if (sev_json_str_is(name, "name"))
            read_text(in, &role->name);
        else if (sev_json_str_is(name, "threshold"))
            read_u32(in, SEV_ROLE_KEYS_MAX, &role->set.threshold);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 3);
    check_set(in, &role->set);
    if (good(in) && (role->name == NULL || !sev_repo_role_name_ok(role->name)))
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_delegated_list(struct reader *in, struct sev_repo_delegation *d)
{
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        if (d->role_count == SEV_MULTI_ROLES_MAX)
            sev_json_fail(in->j, SEV_E_MALFORMED);
        else
            read_delegated(in, &d->roles[d->role_count++]);
    }
}

static void read_delegation(struct reader *in, struct sev_repo_delegation *d)
{
    sev_json_str name;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count += !sev_json_str_is(name, "hardwareIds");
        if (sev_json_str_is(name, "hardwareIds"))
            read_raw(in, '[', &d->hardware_ids);
        else if (sev_json_str_is(name, "minRoles"))
            read_u32(in, SEV_MULTI_ROLES_MAX, &d->min_roles);
        else if (sev_json_str_is(name, "paths"))
            read_raw(in, '[', &d->paths);
        else if (sev_json_str_is(name, "roles"))
            read_delegated_list(in, d);
        else if (sev_json_str_is(name, "terminating"))
            sev_json_bool(in->j, &d->terminating);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 4);
    if (good(in) && (d->paths.len == 0 || d->role_count == 0))
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_delegations(struct reader *in, struct sev_repo_file *f)
{
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        in->err = sev_repo_grow(&in->r->pool, (void **)&f->delegations, f->delegation_count,
                                &f->delegation_cap, sizeof *f->delegations);
        if (in->err == SEV_OK)
            read_delegation(in, &f->delegations[f->delegation_count++]);
    }
}

static void read_entries(struct reader *in, struct sev_repo_file *f)
{
    sev_json_str name;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        sev_slice plain, value = SEV_EMPTY;
        read_raw(in, '{', &value);
        if (!good(in))
            return;
        in->err = sev_repo_plain(&in->r->pool, name, &plain);
        if (in->err == SEV_OK)
            in->err = sev_repo_put_entry(in->r, f, plain, value);
    }
}

static void read_file(struct reader *in)
{
    struct sev_repo_file *f = NULL;
    sev_json_str name;
    in->err = sev_repo_add_file(in->r, "", 0, &f);
    if (in->err != SEV_OK)
        return;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count += !sev_json_str_is(name, "custom");
        if (sev_json_str_is(name, "custom"))
            read_raw(in, '{', &f->custom);
        else if (sev_json_str_is(name, "days"))
            read_u32(in, SEV_REPOSITORY_DAYS_MAX, &f->days);
        else if (sev_json_str_is(name, "delegations"))
            read_delegations(in, f);
        else if (sev_json_str_is(name, "name"))
            read_text(in, &f->name);
        else if (sev_json_str_is(name, "retired"))
            sev_json_bool(in->j, &f->retired);
        else if (sev_json_str_is(name, "targets"))
            read_entries(in, f);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 5);
    bool top = in->r->file_count == 1;
    if (good(in) && (top ? strcmp(f->name, "targets") != 0 : !sev_repo_role_name_ok(f->name)))
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_published(struct reader *in, struct sev_repo_doc *d)
{
    sev_json_str name;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count++;
        if (sev_json_str_is(name, "content"))
            read_hex(in, d->published.content);
        else if (sev_json_str_is(name, "expires"))
            read_time(in, &d->published.expires);
        else if (sev_json_str_is(name, "length"))
            read_version(in, &d->published.length);
        else if (sev_json_str_is(name, "sha256"))
            read_hex(in, d->published.sha256);
        else if (sev_json_str_is(name, "version"))
            read_version(in, &d->published.version);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 5);
}

static void read_sigs(struct reader *in, struct sev_repo_doc *d)
{
    sev_json_str name;
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j)) {
        struct sev_repo_sig sig = {NULL, NULL};
        sev_json_object(in->j);
        while (good(in) && sev_json_member(in->j, &name)) {
            if (sev_json_str_is(name, "keyid"))
                sig.keyid = read_keyid(in);
            else if (sev_json_str_is(name, "sig"))
                read_text(in, &sig.sig);
            else
                sev_json_fail(in->j, SEV_E_MALFORMED);
        }
        if (sig.keyid == NULL || sig.sig == NULL || d->staged.sig_count == SEV_SIGS_MAX)
            sev_json_fail(in->j, SEV_E_MALFORMED);
        else
            d->staged.sigs[d->staged.sig_count++] = sig;
    }
}

static void read_staged(struct reader *in, struct sev_repo_doc *d)
{
    sev_json_str name;
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count++;
        if (sev_json_str_is(name, "content"))
            read_hex(in, d->staged.content);
        else if (sev_json_str_is(name, "expires"))
            read_time(in, &d->staged.expires);
        else if (sev_json_str_is(name, "releasing"))
            sev_json_bool(in->j, &d->staged.releasing);
        else if (sev_json_str_is(name, "sha256"))
            read_hex(in, d->staged.sha256);
        else if (sev_json_str_is(name, "signatures"))
            read_sigs(in, d);
        else if (sev_json_str_is(name, "version"))
            read_version(in, &d->staged.version);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 6);
}

static void read_doc(struct reader *in)
{
    struct sev_repo_doc *d = sev_repo_take(&in->r->pool, sizeof *d);
    sev_json_str name;
    const char *profile = "";
    if (d == NULL) {
        in->err = SEV_E_MEMORY;
        return;
    }
    uint32_t count = 0;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count += !sev_json_str_is(name, "published") && !sev_json_str_is(name, "staged");
        if (sev_json_str_is(name, "claimed"))
            read_version(in, &d->claimed);
        else if (sev_json_str_is(name, "profile"))
            read_text(in, &profile);
        else if (sev_json_str_is(name, "published"))
            read_published(in, d);
        else if (sev_json_str_is(name, "role"))
            read_text(in, &d->role);
        else if (sev_json_str_is(name, "staged"))
            read_staged(in, d);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 3);
    d->profile = strcmp(profile, "aktualizr") == 0 ? SEV_PROFILE_AKTUALIZR : SEV_PROFILE_NATIVE;
    bool named = d->role != NULL && (strcmp(profile, "native") == 0 || d->profile != 0) &&
                 (sev_repo_is_top_role(d->role) || sev_repo_role_name_ok(d->role));
    if (good(in) && (!named || d->staged.version > d->claimed || d->published.version > d->claimed))
        sev_json_fail(in->j, SEV_E_MALFORMED);
    struct sev_repository *r = in->r;
    if (good(in))
        in->err = sev_repo_grow(&r->pool, (void **)&r->docs, r->doc_count, &r->doc_cap, sizeof d);
    if (good(in))
        r->docs[r->doc_count++] = d;
}

static void read_list(struct reader *in, void (*one)(struct reader *))
{
    sev_json_array(in->j);
    while (good(in) && sev_json_element(in->j))
        one(in);
}

static void read_kind(struct reader *in)
{
    const char *text = NULL;
    read_text(in, &text);
    if (!good(in))
        return;
    for (int i = 0; i < SEV_REPOSITORY_KINDS; i++) {
        if (strcmp(text, sev_repository_kind_name((sev_repository_kind)i)) == 0) {
            in->r->kind = (sev_repository_kind)i;
            return;
        }
    }
    sev_json_fail(in->j, SEV_E_MALFORMED);
}

static void read_state(struct reader *in)
{
    sev_json_str name;
    int64_t format = 0;
    uint32_t count = 0;
    in->r->kind = SEV_REPOSITORY_KINDS;
    sev_json_object(in->j);
    while (good(in) && sev_json_member(in->j, &name)) {
        count += !sev_json_str_is(name, "vehicle") && !sev_json_str_is(name, "latest");
        if (sev_json_str_is(name, "documents"))
            read_list(in, read_doc);
        else if (sev_json_str_is(name, "files"))
            read_list(in, read_file);
        else if (sev_json_str_is(name, "format"))
            sev_json_integer_in(in->j, SEV_REPO_FORMAT, SEV_REPO_FORMAT, &format);
        else if (sev_json_str_is(name, "keys"))
            sev_json_skip(in->j, NULL); /* read first: the others refer to them */
        else if (sev_json_str_is(name, "kind"))
            read_kind(in);
        else if (sev_json_str_is(name, "latest"))
            read_time(in, &in->r->latest);
        else if (sev_json_str_is(name, "profiles"))
            read_profiles(in);
        else if (sev_json_str_is(name, "vehicle"))
            read_text(in, &in->r->vehicle);
        else
            sev_json_fail(in->j, SEV_E_MALFORMED);
    }
    check_count(in, count, 6);
    bool whole = format == SEV_REPO_FORMAT && in->r->file_count > 0 && in->r->profiles[0].on;
    for (int p = 0; whole && p < PROFILES; p++)
        for (int i = 0; i < SEV_TOP_ROLES && in->r->profiles[p].on; i++)
            whole = whole && sev_repo_find_role(in->r, p, sev_repo_top_roles[i]) != NULL;
    if (good(in) && !whole)
        sev_json_fail(in->j, SEV_E_MALFORMED);
}

/* Everything read borrows from `bytes`, which must stay. */
sev_err sev_repo_state_parse(struct sev_repository *r, sev_slice bytes)
{
    struct sev_json_info info;
    sev_err e = sev_json_check(bytes, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    if (e != SEV_OK)
        return sev_repo_fail(r->note, SEV_E_STORE, "repository.json: %s", sev_err_sentence(e));
    sev_json j = sev_json_at(sev_json_get(bytes, "keys"));
    struct reader in = {r, &j, SEV_OK};
    read_keys(&in);
    if (good(&in)) {
        j = sev_json_at(bytes);
        read_state(&in);
    }
    if (in.err != SEV_OK)
        return in.err;
    if (j.err != SEV_OK)
        return sev_repo_fail(r->note, SEV_E_STORE,
                             "repository.json: an unknown, missing or ill-formed member");
    return SEV_OK;
}
