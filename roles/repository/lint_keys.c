/* lint_keys - who may sign: thresholds against the guide (uptane.md part 3.1), keys in two roles,
 * roles that are missing. SPDX-License-Identifier: MIT */
#include "lint.h"

struct guide {
    const char *role;
    uint32_t threshold, keys;
};

/* Root 5 of 8, targets 3 of 4, snapshot and timestamp 1 of 2; online at the Director one each.
 * REQ-KEY-01 REQ-KEY-04 */
static struct guide guide_for(const struct lint *l, const char *role)
{
    static const struct guide guides[] = {{"root", 5, 8}, {"targets", 3, 4}};
    bool director = l->config->kind == SEV_REPOSITORY_DIRECTOR;
    for (size_t i = 0; i < sizeof guides / sizeof guides[0]; i++)
        if (strcmp(guides[i].role, role) == 0 && (i == 0 || !director))
            return guides[i];
    return (struct guide){role, 1, director ? 1 : 2};
}

static void check_threshold(struct lint *l, const char *role, const struct sev_role *r)
{
    struct guide g = guide_for(l, role);
    uint32_t keys = sev_repo_count(r->keyids);
    if (r->threshold < g.threshold || keys < g.keys)
        sev_lint_say(l, false, "threshold_low", role, "",
                     "%lld of %u keys; the guide says %u of %u", (long long)r->threshold, keys,
                     g.threshold, g.keys);
}

/* Every use of a key, to find those in two roles. */
struct use {
    const char *role;
    uint8_t fingerprint[SEV_SHA256_BYTES];
    char id[SEV_KEY_ID_CHARS + 1];
};
struct uses {
    struct use *items;
    uint32_t count, cap;
};

static void check_type(struct lint *l, const char *role, const struct sev_pubkey *key,
                       const char *id)
{
    bool aktualizr = !sev_lint_native(l);
    if (aktualizr && key->type != SEV_KEY_ED25519 && key->type != SEV_KEY_RSA)
        sev_lint_say(l, true, "key_not_for_aktualizr", role, id,
                     "a key that aktualizr does not know refuses the whole root");
    if (aktualizr && key->type == SEV_KEY_RSA)
        sev_lint_say(l, false, "rsa_key", role, id,
                     "line feeds in its PEM are written differently by the canonical forms");
    if (key->type == SEV_KEY_UNKNOWN && !aktualizr)
        sev_lint_say(l, false, "unknown_key", role, id, "no client of ours can use it");
}

/* All that a root lists, whether a role has it or not: aktualizr refuses it for an unknown one. */
static void check_types(struct lint *l, sev_slice keys)
{
    sev_json j = sev_json_at(keys);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        char id[SEV_KEY_ID_CHARS + 1] = {0};
        struct sev_pubkey key;
        sev_slice object = SEV_EMPTY;
        sev_json_skip(&j, &object);
        if (j.err != SEV_OK || sev_key_parse(object, l->config->profile, &key) != SEV_OK)
            continue;
        memcpy(id, name.raw.ptr, name.raw.len < sizeof id - 1 ? name.raw.len : sizeof id - 1);
        check_type(l, "root", &key, id);
    }
}

static sev_err note_use(struct lint *l, struct uses *u, const char *role, sev_json_str id,
                        sev_slice object)
{
    struct sev_pubkey key;
    struct use now = {.role = role};
    if (object.len == 0 || sev_key_parse(object, l->config->profile, &key) != SEV_OK)
        return SEV_OK; /* sev_role_check says so where it matters */
    size_t n = id.raw.len < SEV_KEY_ID_CHARS ? id.raw.len : SEV_KEY_ID_CHARS;
    memcpy(now.id, id.raw.ptr, n);
    if (!sev_repo_is_top_role(role)) /* those were all seen */
        check_type(l, role, &key, now.id);
    if (key.type == SEV_KEY_UNKNOWN)
        return SEV_OK;
    sev_pubkey_fingerprint(&key, now.fingerprint);
    /* One people's reviewers hold both: DESIGN 2 */
    bool reviewer = strcmp(role, "withdrawals") == 0 || strcmp(role, "attestations") == 0;
    for (uint32_t i = 0; i < u->count; i++) {
        bool same = memcmp(u->items[i].fingerprint, now.fingerprint, SEV_SHA256_BYTES) == 0;
        if (same && strcmp(u->items[i].role, role) != 0 &&
            !(reviewer && l->config->kind == SEV_REPOSITORY_REGULATOR))
            sev_lint_say(l, false, "key_shared", role, now.id, "role %s has this key, too",
                         u->items[i].role); /* REQ-KEY-05 */
    }
    sev_err e = sev_repo_grow(&l->pool, (void **)&u->items, u->count, &u->cap, sizeof now);
    if (e == SEV_OK)
        u->items[u->count++] = now;
    return e;
}

static sev_err note_role(struct lint *l, struct uses *u, const char *role, const struct sev_role *r)
{
    sev_json j = sev_json_at(r->keyids);
    sev_err e = SEV_OK;
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        sev_json_str id, name;
        sev_slice object = SEV_EMPTY;
        sev_json_string(&j, &id);
        if (j.err != SEV_OK)
            break;
        sev_json k = sev_json_at(r->keys);
        sev_json_object(&k);
        while (object.len == 0 && sev_json_member(&k, &name))
            sev_json_skip(&k, sev_json_str_eq(name, id) ? &object : NULL);
        e = note_use(l, u, role, id, object);
    }
    return e;
}

static sev_err check_root(struct lint *l, struct uses *u, const struct sev_public_file *f)
{
    static const char *const names[] = {"root",    "timestamp", "snapshot", "targets",
                                        "publish", "time",      "kem"};
    sev_err e = SEV_OK;
    for (int i = 0; e == SEV_OK && i < 7; i++) {
        struct sev_role extra;
        const struct sev_role *r = &extra;
        if (i < SEV_TOP_ROLES) {
            r = &f->root.roles[i];
        } else {
            sev_err found = sev_root_extra(&f->root, l->config->profile, names[i], &extra);
            bool time = strcmp(names[i], "time") == 0 && sev_lint_native(l) &&
                        l->config->kind == SEV_REPOSITORY_DIRECTOR;
            if (found == SEV_E_NOT_FOUND && time)
                sev_lint_say(l, false, "time_key_missing", "root", "",
                             "no role `time`: ECUs without a clock of their own accept no time");
            else if (found != SEV_OK && found != SEV_E_NOT_FOUND)
                sev_lint_say(l, true, sev_err_id(found), names[i], "", "%s",
                             sev_err_sentence(found));
            if (found != SEV_OK)
                continue;
        }
        if (i < SEV_TOP_ROLES)
            check_threshold(l, names[i], r);
        e = note_role(l, u, names[i], r);
    }
    return e;
}

static sev_err check_delegating(struct lint *l, struct uses *u, const struct sev_public_file *f)
{
    sev_json j = sev_json_at(f->targets.delegation_roles);
    sev_err e = SEV_OK;
    if (f->targets.delegation_roles.len == 0)
        return SEV_OK;
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        struct sev_delegation d;
        if (sev_delegation_parse(&j, f->targets.delegation_keys, l->config->profile, &d) != SEV_OK)
            break; /* said elsewhere */
        for (uint32_t i = 0; e == SEV_OK && i < d.role_count; i++) {
            const char *name;
            e = sev_repo_text(&l->pool, d.roles[i].name.raw, &name);
            if (e == SEV_OK)
                check_threshold(l, name, &d.roles[i].role);
            if (e == SEV_OK)
                e = note_role(l, u, name, &d.roles[i].role);
        }
    }
    return e;
}

sev_err sev_lint_keys(struct lint *l)
{
    struct uses u = {NULL, 0, 0};
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < l->public.count; i++) {
        const struct sev_public_file *f = &l->public.files[i];
        if (f->err != SEV_OK || !l->trusted[i])
            continue;
        if (strcmp(f->role, "root") == 0) {
            check_types(l, f->root.keys);
            e = check_root(l, &u, f);
        } else
            e = check_delegating(l, &u, f);
    }
    return e;
}
