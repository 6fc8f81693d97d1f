/* aktualizr - what the top-level targets of that profile list: entries of ours and, since its
 * Secondaries do not follow delegations, those of suppliers, taken from files that are signed.
 * contracts/aktualizr.md 8. SPDX-License-Identifier: MIT */
#include "internal.h"

/* Copies of entries on their way into the one list. */
struct gathering {
    struct sev_repository *r;
    struct sev_repo_file *out;
    uint32_t ended_count; /* terminating delegations that were passed: their names are settled */
    sev_slice ended[SEV_ROLES_VISITED_MAX];
    uint32_t depth;
    uint32_t visited;
};

struct entry {
    const struct sev_repository *r;
    struct sev_target target;
    sev_slice hashes;
};

static void put_entry(sev_json_writer *w, const void *context)
{
    const struct entry *e = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    if (e->r->kind == SEV_REPOSITORY_DIRECTOR) {
        sev_json_w_name(w, SEV_LIT("ecuIdentifiers"));
        sev_json_w_raw(w, e->target.ecu_identifiers);
    } else {
        sev_json_w_name(w, SEV_LIT("hardwareIds"));
        sev_json_w_raw(w, e->target.hardware_ids);
    }
    sev_json_w_string_member(w, "targetFormat", SEV_LIT("BINARY"));
    sev_json_w_object_end(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_raw(w, e->hashes);
    sev_json_w_integer_member(w, "length", e->target.length);
    sev_json_w_object_end(w);
}

static bool is_settled(const struct gathering *g, sev_slice name)
{
    if (sev_repo_find_entry(g->out, name) != NULL)
        return true; /* the first one wins. REQ-VER-39 */
    for (uint32_t i = 0; i < g->ended_count; i++) {
        struct sev_delegation view = {.paths = g->ended[i]};
        if (sev_delegation_covers(&view, name, SEV_EMPTY))
            return true;
    }
    return false;
}

static sev_err take_entry(struct gathering *g, sev_slice name, sev_slice value)
{
    struct entry e = {.r = g->r, .hashes = sev_json_get(value, "hashes")};
    sev_json_str plain = {name, false};
    sev_err err = sev_target_parse(plain, value, SEV_PROFILE_NATIVE, &e.target);
    if (err != SEV_OK)
        return err;
    /* An encrypted image is of no use to a client that cannot decrypt. DESIGN 4 */
    if (sev_json_get(e.target.match, "plaintext").len != 0 || is_settled(g, name))
        return SEV_OK;
    sev_slice made;
    err = sev_repo_json(&g->r->pool, put_entry, &e, &made);
    return err == SEV_OK ? sev_repo_put_entry(g->r, g->out, name, made) : err;
}

/* The bytes of a role's file that are signed: those on their way when complete, else those that
 * are public. SEV_E_NOT_FOUND: neither. */
static sev_err signed_bytes(struct sev_repository *r, const char *role, sev_slice *out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(r, SEV_PROFILE_NATIVE, role);
    struct sev_repo_required required;
    if (d == NULL)
        return SEV_E_NOT_FOUND;
    sev_err e = sev_repo_required(r, SEV_PROFILE_NATIVE, role, false, &required);
    if (e == SEV_OK && d->staged.version != 0 && sev_repo_complete(d, &required))
        return sev_repo_staged_bytes(r, d, out);
    return d->published.version != 0 ? sev_repo_read_published(r, d, out) : SEV_E_NOT_FOUND;
}

static sev_err open_role(struct gathering *g, const char *role, const struct sev_role *keys,
                         struct sev_targets *out)
{
    struct sev_doc doc;
    sev_slice bytes;
    sev_err e = signed_bytes(g->r, role, &bytes);
    if (e == SEV_OK)
        e = sev_repo_open_doc(g->r, SEV_PROFILE_NATIVE, bytes, &doc);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, out);
    if (e == SEV_OK)
        e = sev_quorum_check(NULL, keys, &doc, NULL);
    return e;
}

static bool covers(const struct sev_delegation *d, sev_slice name)
{
    return sev_delegation_covers(d, name, SEV_EMPTY);
}

/* Does at least `min_roles` of the delegation's files say exactly this of the name? TAP 3 */
static bool agreed(const struct sev_targets *files, const bool *there, uint32_t count,
                   int64_t min_roles, sev_slice name, sev_slice value)
{
    int64_t same = 0;
    for (uint32_t i = 0; i < count; i++) {
        sev_json j = sev_json_at(files[i].targets);
        sev_json_str other;
        if (!there[i])
            continue;
        sev_json_object(&j);
        while (sev_json_member(&j, &other)) {
            sev_slice bytes = SEV_EMPTY;
            sev_json_skip(&j, &bytes);
            same += sev_slice_eq(other.raw, name) && sev_slice_eq(bytes, value);
        }
    }
    return same >= min_roles;
}

static sev_err take_delegations(struct gathering *g, const struct sev_targets *t);

static sev_err take_targets(struct gathering *g, const struct sev_delegation *d,
                            const struct sev_targets *files, const bool *there, uint32_t which)
{
    sev_json j = sev_json_at(files[which].targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        bool ours = j.err == SEV_OK && !name.escaped && covers(d, name.raw);
        if (ours && agreed(files, there, d->role_count, d->min_roles, name.raw, value))
            e = take_entry(g, name.raw, value);
    }
    return e != SEV_OK ? e : j.err;
}

static sev_err take_delegation(struct gathering *g, const struct sev_delegation *d)
{
    struct sev_targets files[SEV_MULTI_ROLES_MAX];
    bool there[SEV_MULTI_ROLES_MAX] = {false};
    for (uint32_t i = 0; i < d->role_count; i++) {
        const char *name;
        sev_err e = sev_repo_text(&g->r->pool, d->roles[i].name.raw, &name);
        if (e == SEV_OK)
            e = open_role(g, name, &d->roles[i].role, &files[i]);
        if (e == SEV_E_MEMORY || e == SEV_E_IO)
            return e;
        there[i] = e == SEV_OK; /* not signed yet, or not by these keys: it says nothing */
    }
    for (uint32_t i = 0; i < d->role_count; i++) {
        sev_err e = there[i] ? take_targets(g, d, files, there, i) : SEV_OK;
        bool deeper = there[i] && d->role_count == 1 && !d->terminating;
        if (e == SEV_OK && deeper)
            e = take_delegations(g, &files[i]);
        if (e != SEV_OK)
            return e;
    }
    if (d->terminating && g->ended_count < SEV_ROLES_VISITED_MAX)
        g->ended[g->ended_count++] = d->paths;
    return SEV_OK;
}

/* Bounded: SEV_DELEGATION_DEPTH_MAX deep, SEV_ROLES_VISITED_MAX delegations in all. */
static sev_err take_delegations(struct gathering *g, const struct sev_targets *t)
{
    sev_err e = SEV_OK;
    if (t->delegation_roles.len == 0 || g->depth == SEV_DELEGATION_DEPTH_MAX)
        return SEV_OK;
    g->depth++;
    sev_json j = sev_json_at(t->delegation_roles);
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        struct sev_delegation d;
        if (g->visited++ == SEV_ROLES_VISITED_MAX)
            e = SEV_E_DELEGATION_LIMIT;
        else
            e = sev_delegation_parse(&j, t->delegation_keys, SEV_PROFILE_NATIVE, &d);
        if (e == SEV_OK)
            e = take_delegation(g, &d);
    }
    g->depth--;
    return e;
}

static void put_custom(sev_json_writer *w, const void *context)
{
    const struct sev_repo_file *top = context;
    sev_slice id = sev_json_get(top->custom, "correlationId");
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("correlationId")); /* without one, failures go unreported: 8.3 */
    if (id.len != 0)
        sev_json_w_raw(w, id);
    else
        sev_json_w_string(w, SEV_LIT("urn:secureev:assignment"));
    sev_json_w_object_end(w);
}

/* The delegations of the top-level file as it is about to be signed. */
static sev_err top_delegations(struct sev_repository *r, const struct sev_repo_file *top,
                               struct sev_targets *out)
{
    struct sev_repo_making m = {.r = r, .role = "targets", .file = top, .version = 1};
    sev_slice body;
    sev_err e = sev_repo_body(&m, &body);
    if (e != SEV_OK)
        return e;
    sev_slice delegations = sev_json_get(body, "delegations");
    memset(out, 0, sizeof *out);
    if (delegations.len != 0) {
        out->delegation_keys = sev_json_get(delegations, "keys");
        out->delegation_roles = sev_json_get(delegations, "roles");
    }
    return SEV_OK;
}

sev_err sev_repo_aktualizr_file(struct sev_repository *r, struct sev_repo_file *out)
{
    const struct sev_repo_file *top = r->files[0];
    struct gathering *g = sev_repo_take(&r->pool, sizeof *g);
    struct sev_targets t;
    sev_err e = g == NULL ? SEV_E_MEMORY : SEV_OK;
    memset(out, 0, sizeof *out);
    out->name = "targets";
    out->days = top->days;
    if (e != SEV_OK)
        return e;
    g->r = r;
    g->out = out;
    for (uint32_t i = 0; e == SEV_OK && i < top->entry_count; i++)
        e = take_entry(g, top->entries[i].name, top->entries[i].value);
    if (e == SEV_OK && r->kind == SEV_REPOSITORY_DIRECTOR)
        return sev_repo_json(&r->pool, put_custom, top, &out->custom);
    if (e == SEV_OK)
        e = top_delegations(r, top, &t);
    return e == SEV_OK ? take_delegations(g, &t) : e;
}
