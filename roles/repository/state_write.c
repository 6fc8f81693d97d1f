/* state_write - repository.json: everything that is wanted and known, to bytes.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

static void put_text(sev_json_writer *w, const char *name, const char *value)
{
    sev_json_w_string_member(w, name, sev_repo_slice(value));
}

static void put_ids(sev_json_writer *w, const struct sev_repo_keyset *set)
{
    sev_json_w_name(w, SEV_LIT("keyids"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < set->count; i++)
        sev_json_w_string(w, sev_repo_slice(set->ids[i]));
    sev_json_w_array_end(w);
}

static void put_role(sev_json_writer *w, const struct sev_repo_role *role)
{
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "days", role->days);
    put_ids(w, &role->set);
    put_text(w, "name", role->name);
    sev_json_w_integer_member(w, "threshold", role->set.threshold);
    sev_json_w_object_end(w);
}

static void put_profile(sev_json_writer *w, const struct sev_repo_profile *p)
{
    sev_json_w_array(w);
    for (uint32_t i = 0; i < p->role_count; i++)
        put_role(w, &p->roles[i]);
    sev_json_w_array_end(w);
}

static void put_time(sev_json_writer *w, const char *name, sev_time t)
{
    uint8_t text[32];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(t, &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

static void put_published(sev_json_writer *w, const struct sev_repo_doc *d)
{
    sev_json_w_object(w);
    put_text(w, "content", d->published.content);
    put_time(w, "expires", d->published.expires);
    sev_json_w_integer_member(w, "length", d->published.length);
    put_text(w, "sha256", d->published.sha256);
    sev_json_w_integer_member(w, "version", d->published.version);
    sev_json_w_object_end(w);
}

static void put_staged(sev_json_writer *w, const struct sev_repo_doc *d)
{
    sev_json_w_object(w);
    put_text(w, "content", d->staged.content);
    put_time(w, "expires", d->staged.expires);
    sev_json_w_bool_member(w, "releasing", d->staged.releasing);
    put_text(w, "sha256", d->staged.sha256);
    sev_json_w_name(w, SEV_LIT("signatures"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < d->staged.sig_count; i++) {
        sev_json_w_object(w);
        put_text(w, "keyid", d->staged.sigs[i].keyid);
        put_text(w, "sig", d->staged.sigs[i].sig);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_integer_member(w, "version", d->staged.version);
    sev_json_w_object_end(w);
}

static void put_doc(sev_json_writer *w, const struct sev_repo_doc *d)
{
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "claimed", d->claimed);
    put_text(w, "profile", sev_repo_profile_name(d->profile));
    if (d->published.version != 0) {
        sev_json_w_name(w, SEV_LIT("published"));
        put_published(w, d);
    }
    put_text(w, "role", d->role);
    if (d->staged.version != 0) {
        sev_json_w_name(w, SEV_LIT("staged"));
        put_staged(w, d);
    }
    sev_json_w_object_end(w);
}

static void put_delegation(sev_json_writer *w, const struct sev_repo_delegation *d)
{
    sev_json_w_object(w);
    if (d->hardware_ids.len != 0) {
        sev_json_w_name(w, SEV_LIT("hardwareIds"));
        sev_json_w_raw(w, d->hardware_ids);
    }
    sev_json_w_integer_member(w, "minRoles", d->min_roles);
    sev_json_w_name(w, SEV_LIT("paths"));
    sev_json_w_raw(w, d->paths);
    sev_json_w_name(w, SEV_LIT("roles"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < d->role_count; i++) {
        sev_json_w_object(w);
        put_ids(w, &d->roles[i].set);
        put_text(w, "name", d->roles[i].name);
        sev_json_w_integer_member(w, "threshold", d->roles[i].set.threshold);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_bool_member(w, "terminating", d->terminating);
    sev_json_w_object_end(w);
}

static void put_file(sev_json_writer *w, const struct sev_repo_file *f)
{
    sev_json_w_object(w);
    if (f->custom.len != 0) {
        sev_json_w_name(w, SEV_LIT("custom"));
        sev_json_w_raw(w, f->custom);
    }
    sev_json_w_integer_member(w, "days", f->days);
    sev_json_w_name(w, SEV_LIT("delegations"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < f->delegation_count; i++)
        put_delegation(w, &f->delegations[i]);
    sev_json_w_array_end(w);
    put_text(w, "name", f->name);
    sev_json_w_bool_member(w, "retired", f->retired);
    sev_json_w_name(w, SEV_LIT("targets"));
    sev_json_w_object(w);
    for (uint32_t i = 0; i < f->entry_count; i++) {
        sev_json_w_name(w, f->entries[i].name);
        sev_json_w_raw(w, f->entries[i].value);
    }
    sev_json_w_object_end(w);
    sev_json_w_object_end(w);
}

static void put_state(sev_json_writer *w, const void *context)
{
    const struct sev_repository *r = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("documents"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < r->doc_count; i++)
        put_doc(w, r->docs[i]);
    sev_json_w_array_end(w);
    sev_json_w_name(w, SEV_LIT("files"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < r->file_count; i++)
        put_file(w, r->files[i]);
    sev_json_w_array_end(w);
    sev_json_w_integer_member(w, "format", SEV_REPO_FORMAT);
    sev_json_w_name(w, SEV_LIT("keys"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < r->key_count; i++)
        sev_json_w_raw(w, r->keys[i].object);
    sev_json_w_array_end(w);
    put_text(w, "kind", sev_repository_kind_name(r->kind));
    if (r->latest != 0)
        put_time(w, "latest", r->latest);
    sev_json_w_name(w, SEV_LIT("profiles"));
    sev_json_w_object(w);
    if (r->profiles[SEV_PROFILE_AKTUALIZR].on) {
        sev_json_w_name(w, SEV_LIT("aktualizr"));
        put_profile(w, &r->profiles[SEV_PROFILE_AKTUALIZR]);
    }
    sev_json_w_name(w, SEV_LIT("native"));
    put_profile(w, &r->profiles[SEV_PROFILE_NATIVE]);
    sev_json_w_object_end(w);
    if (r->vehicle != NULL)
        put_text(w, "vehicle", r->vehicle);
    sev_json_w_object_end(w);
}

sev_err sev_repo_state_emit(struct sev_repository *r, sev_slice *out)
{
    return sev_repo_json(&r->pool, put_state, r, out);
}
