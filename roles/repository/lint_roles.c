/* lint_roles - delegations: who is trusted, whether the files are there and signed by the right
 * people, and what can never be reached. SPDX-License-Identifier: MIT */
#include "lint.h"

/* A terminating role's own delegations for the same paths are never looked at. */
static void check_terminating(struct lint *l, const char *parent, const struct sev_delegation *d,
                              const struct sev_public_file *child)
{
    if (!d->terminating)
        return;
    sev_lint_say(l, false, "terminating", child->role, parent,
                 "where it lacks an image of its paths nobody else is asked; is that wanted?");
    if (d->role_count > 1 || child->err != SEV_OK || child->targets.delegation_roles.len == 0)
        return;
    sev_json j = sev_json_at(child->targets.delegation_roles);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation below;
        if (sev_delegation_parse(&j, child->targets.delegation_keys, l->config->profile, &below) !=
            SEV_OK)
            return;
        if (sev_repo_paths_overlap(d->paths, below.paths)) {
            sev_lint_say(l, true, "terminating_hides", child->role, parent,
                         "reached by a terminating delegation, and delegates for the same paths: "
                         "clients never get there");
            return;
        }
    }
}

/* What an ECU that verifies only the Director and one supplier role can use. DESIGN 3.6 */
static void check_for_partial(struct lint *l, const char *name, const struct sev_role *role,
                              const struct sev_public_file *child)
{
    sev_json j = sev_json_at(role->keys);
    sev_json_str id;
    bool images = l->config->kind == SEV_REPOSITORY_IMAGES && sev_lint_native(l);
    if (!images)
        return;
    if (child->bytes.len > 65536)
        sev_lint_say(l, false, "partial_too_long", name, child->name,
                     "%zu bytes: ECUs that verify partially read 65536", child->bytes.len);
    sev_json_object(&j);
    while (sev_json_member(&j, &id)) {
        struct sev_pubkey key;
        sev_slice object = SEV_EMPTY;
        sev_json_skip(&j, &object);
        bool listed = j.err == SEV_OK && sev_strings_contain(role->keyids, id.raw);
        if (listed && sev_key_parse(object, l->config->profile, &key) == SEV_OK &&
            key.type != SEV_KEY_P256) {
            sev_lint_say(l, false, "partial_key_type", name, "",
                         "ECUs that verify partially know P-256 keys only");
            return;
        }
    }
}

static void check_role(struct lint *l, const char *parent, const struct sev_delegation *d,
                       uint32_t i, const char *name)
{
    const struct sev_role *role = &d->roles[i].role;
    const struct sev_public_file *child = sev_public_find(&l->public, name);
    sev_err e = sev_role_check(role, l->config->profile);
    if (e != SEV_OK)
        sev_lint_say(l, true, sev_err_id(e), name, parent, "%s", sev_err_sentence(e));
    if (child == NULL) {
        sev_lint_say(l, true, "role_missing", name, parent,
                     "is trusted and is not in the snapshot"); /* REQ-MET-25 */
        return;
    }
    if (child->err == SEV_OK) {
        e = sev_quorum_check(NULL, role, &child->doc, NULL);
        if (e != SEV_OK)
            sev_lint_say(l, true, sev_err_id(e), name, parent, "%s", sev_err_sentence(e));
    }
    check_terminating(l, parent, d, child);
    check_for_partial(l, name, role, child);
}

static void check_delegation(struct lint *l, const char *parent, const struct sev_delegation *d)
{
    if (d->paths.len == 2)
        sev_lint_say(l, false, "no_paths", parent, "", "a delegation without paths");
    if (d->has_hardware_ids && d->hardware_ids.len == 2)
        sev_lint_say(l, false, "no_hardware", parent, "", "a delegation for no hardware at all");
    if (d->role_count > 1 && d->min_roles * 2 <= (int64_t)d->role_count)
        sev_lint_say(l, false, "min_roles_low", parent, "",
                     "%lld of %u roles: two groups that disagree can both be large enough",
                     (long long)d->min_roles, d->role_count);
}

/* Mark what `f` delegates to; true when that was news. */
static bool mark(struct lint *l, const struct sev_public_file *f)
{
    sev_json j = sev_json_at(f->targets.delegation_roles);
    bool news = false;
    if (f->err != SEV_OK || f->targets.delegation_roles.len == 0)
        return false;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        if (sev_delegation_parse(&j, f->targets.delegation_keys, l->config->profile, &d) != SEV_OK)
            return news;
        for (uint32_t i = 0; i < d.role_count; i++) {
            for (uint32_t k = 0; k < l->public.count; k++) {
                bool named = sev_json_str_is(d.roles[i].name, l->public.files[k].role);
                news = news || (named && !l->trusted[k]);
                l->trusted[k] = l->trusted[k] || named;
            }
        }
    }
    return news;
}

/* Roles that were revoked stay in the snapshot for a while: nobody looks at their files. */
sev_err sev_lint_trust(struct lint *l)
{
    bool more = true;
    l->trusted = sev_repo_take(&l->pool, l->public.count + 1);
    if (l->trusted == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < l->public.count; i++)
        l->trusted[i] = sev_repo_is_top_role(l->public.files[i].role);
    while (more) {
        more = false;
        for (uint32_t i = 0; i < l->public.count; i++)
            if (l->trusted[i] && mark(l, &l->public.files[i]))
                more = true;
    }
    for (uint32_t i = 0; i < l->public.count; i++)
        if (!l->trusted[i])
            sev_lint_say(l, false, "not_trusted", l->public.files[i].role, l->public.files[i].name,
                         "nobody delegates to it; its name can go when snapshot and timestamp "
                         "have other keys");
    return SEV_OK;
}

static sev_err check_file(struct lint *l, const struct sev_public_file *f)
{
    sev_json j = sev_json_at(f->targets.delegation_roles);
    sev_err e = SEV_OK;
    if (f->targets.delegations.len != 0 && l->config->kind == SEV_REPOSITORY_DIRECTOR &&
        sev_lint_native(l))
        sev_lint_say(l, true, "delegation_refused", f->role, f->name,
                     "a Director's file mentions delegations"); /* REQ-MET-16 */
    if (f->targets.delegation_roles.len == 0)
        return SEV_OK;
    if (!sev_lint_native(l))
        sev_lint_say(l, false, "aktualizr_delegations", f->role, f->name,
                     "its Secondaries reject a bundle whose images are not at the top");
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        struct sev_delegation d;
        sev_err bad = sev_delegation_parse(&j, f->targets.delegation_keys, l->config->profile, &d);
        if (bad != SEV_OK) {
            sev_lint_say(l, true, sev_err_id(bad), f->role, f->name, "a delegation: %s",
                         sev_err_sentence(bad));
            break;
        }
        check_delegation(l, f->role, &d);
        for (uint32_t i = 0; e == SEV_OK && i < d.role_count; i++) {
            const char *name;
            e = sev_repo_text(&l->pool, d.roles[i].name.raw, &name);
            if (e == SEV_OK && (sev_lint_wants(l, f->role) || sev_lint_wants(l, name)))
                check_role(l, f->role, &d, i, name);
        }
    }
    return e;
}

sev_err sev_lint_delegations(struct lint *l)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < l->public.count; i++)
        if (l->public.files[i].err == SEV_OK && l->trusted[i])
            e = check_file(l, &l->public.files[i]);
    return e;
}
