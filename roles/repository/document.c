/* document - the bytes to be signed of each role in each profile, and the signed file.
 * In canonical order by construction; printable ASCII but for line feeds in PEM. DESIGN 4
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define SPEC_VERSION "1.0.31"

static void put_text(sev_json_writer *w, const char *name, const char *value)
{
    sev_json_w_string_member(w, name, sev_repo_slice(value));
}

static void put_type(sev_json_writer *w, const struct sev_repo_making *m, const char *native,
                     const char *aktualizr)
{
    put_text(w, "_type", m->profile == SEV_PROFILE_AKTUALIZR ? aktualizr : native);
}

static void put_expires(sev_json_writer *w, const struct sev_repo_making *m)
{
    uint8_t text[32];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(m->expires, &b);
    sev_json_w_string_member(w, "expires", sev_buf_slice(&b));
}

static void put_spec_version(sev_json_writer *w, const struct sev_repo_making *m)
{
    if (m->profile != SEV_PROFILE_AKTUALIZR) /* it does not know it */
        put_text(w, "spec_version", SPEC_VERSION);
}

/* --------------------------------------------------------------------- keys */

static const char *id_in(const struct sev_repo_making *m, const char *native_id)
{
    const struct sev_repo_key *k = sev_repo_find_key(m->r, native_id);
    if (k == NULL)
        return "";
    return m->profile == SEV_PROFILE_AKTUALIZR ? k->aktualizr_id : k->id;
}

static void put_ids(sev_json_writer *w, const struct sev_repo_making *m,
                    const struct sev_repo_keyset *set)
{
    sev_json_w_name(w, SEV_LIT("keyids"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < set->count; i++)
        sev_json_w_string(w, sev_repo_slice(id_in(m, set->ids[i])));
    sev_json_w_array_end(w);
}

static void put_key_object(sev_json_writer *w, const struct sev_repo_making *m,
                           const struct sev_repo_key *k)
{
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(object, sizeof object);
    if (sev_key_object(&k->key, (sev_profile)m->profile, &b) != SEV_OK)
        w->err = w->err != SEV_OK ? w->err : SEV_E_KEY;
    else
        sev_json_w_raw(w, sev_buf_slice(&b));
}

typedef bool uses_key(const void *context, const char *id);

/* The keys that `uses` names, in the order of their ids in this profile. */
static void put_keys(sev_json_writer *w, const struct sev_repo_making *m, uses_key *uses,
                     const void *context)
{
    const char *last = "";
    sev_json_w_name(w, SEV_LIT("keys"));
    sev_json_w_object(w);
    for (;;) {
        const struct sev_repo_key *next = NULL;
        const char *next_id = NULL;
        for (uint32_t i = 0; i < m->r->key_count; i++) {
            const struct sev_repo_key *k = &m->r->keys[i];
            const char *id = id_in(m, k->id);
            bool after = strcmp(id, last) > 0 && (next == NULL || strcmp(id, next_id) < 0);
            if (after && uses(context, k->id)) {
                next = k;
                next_id = id;
            }
        }
        if (next == NULL)
            break;
        sev_json_w_name(w, sev_repo_slice(next_id));
        put_key_object(w, m, next);
        last = next_id;
    }
    sev_json_w_object_end(w);
}

/* --------------------------------------------------------------------- root */

static bool profile_uses(const void *context, const char *id)
{
    const struct sev_repo_profile *p = context;
    for (uint32_t i = 0; i < p->role_count; i++)
        if (sev_repo_set_has(&p->roles[i].set, id))
            return true;
    return false;
}

static void put_root(sev_json_writer *w, const void *context)
{
    const struct sev_repo_making *m = context;
    const struct sev_repo_profile *p = &m->r->profiles[m->profile];
    sev_json_w_object(w);
    put_type(w, m, "root", "Root");
    if (m->profile != SEV_PROFILE_AKTUALIZR)
        sev_json_w_bool_member(w, "consistent_snapshot", true);
    put_expires(w, m);
    put_keys(w, m, profile_uses, p);
    sev_json_w_name(w, SEV_LIT("roles"));
    sev_json_w_object(w);
    for (uint32_t i = 0; i < p->role_count; i++) {
        sev_json_w_name(w, sev_repo_slice(p->roles[i].name));
        sev_json_w_object(w);
        put_ids(w, m, &p->roles[i].set);
        sev_json_w_integer_member(w, "threshold", p->roles[i].set.threshold);
        sev_json_w_object_end(w);
    }
    sev_json_w_object_end(w);
    put_spec_version(w, m);
    sev_json_w_integer_member(w, "version", m->version);
    sev_json_w_object_end(w);
}

/* ------------------------------------------------------------------ targets */

/* The file's own custom members and, in a Director's file, the vehicle: sorted in. */
static void put_custom(sev_json_writer *w, const struct sev_repo_making *m, sev_slice custom)
{
    bool vehicle = m->r->vehicle != NULL && m->profile == SEV_PROFILE_NATIVE;
    if (custom.len == 0 && !vehicle)
        return;
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    sev_json j = sev_json_at(custom);
    sev_json_str name;
    if (custom.len != 0)
        sev_json_object(&j);
    while (custom.len != 0 && sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (vehicle && sev_slice_cmp(name.raw, SEV_LIT("vehicle")) > 0) {
            put_text(w, "vehicle", m->r->vehicle);
            vehicle = false;
        }
        sev_json_w_name(w, name.raw); /* our own names: nothing escaped */
        sev_json_w_raw(w, value);
    }
    if (vehicle)
        put_text(w, "vehicle", m->r->vehicle);
    sev_json_w_object_end(w);
}

static bool file_uses(const void *context, const char *id)
{
    const struct sev_repo_file *f = context;
    for (uint32_t i = 0; i < f->delegation_count; i++)
        for (uint32_t k = 0; k < f->delegations[i].role_count; k++)
            if (sev_repo_set_has(&f->delegations[i].roles[k].set, id))
                return true;
    return false;
}

static void put_delegation(sev_json_writer *w, const struct sev_repo_making *m,
                           const struct sev_repo_delegation *d)
{
    bool multi = d->role_count > 1;
    sev_json_w_object(w);
    if (d->hardware_ids.len != 0) {
        sev_json_w_name(w, SEV_LIT("hardwareIds"));
        sev_json_w_raw(w, d->hardware_ids);
    }
    if (!multi)
        put_ids(w, m, &d->roles[0].set);
    if (multi)
        sev_json_w_integer_member(w, "min_roles_in_agreement", d->min_roles);
    else
        put_text(w, "name", d->roles[0].name);
    sev_json_w_name(w, SEV_LIT("paths"));
    sev_json_w_raw(w, d->paths);
    if (multi) {
        sev_json_w_name(w, SEV_LIT("roles"));
        sev_json_w_array(w);
        for (uint32_t i = 0; i < d->role_count; i++) {
            sev_json_w_object(w);
            put_ids(w, m, &d->roles[i].set);
            put_text(w, "name", d->roles[i].name);
            sev_json_w_integer_member(w, "threshold", d->roles[i].set.threshold);
            sev_json_w_object_end(w);
        }
        sev_json_w_array_end(w);
    }
    sev_json_w_bool_member(w, "terminating", d->terminating);
    if (!multi)
        sev_json_w_integer_member(w, "threshold", d->roles[0].set.threshold);
    sev_json_w_object_end(w);
}

static void put_delegations(sev_json_writer *w, const struct sev_repo_making *m)
{
    const struct sev_repo_file *f = m->file;
    if (f->delegation_count == 0) /* a Director's file must not even mention them. REQ-MET-16 */
        return;
    sev_json_w_name(w, SEV_LIT("delegations"));
    sev_json_w_object(w);
    put_keys(w, m, file_uses, f);
    sev_json_w_name(w, SEV_LIT("roles"));
    sev_json_w_array(w); /* a list: the order is the priority. REQ-MET-17 */
    for (uint32_t i = 0; i < f->delegation_count; i++)
        put_delegation(w, m, &f->delegations[i]);
    sev_json_w_array_end(w);
    sev_json_w_object_end(w);
}

static void put_targets(sev_json_writer *w, const void *context)
{
    const struct sev_repo_making *m = context;
    sev_json_w_object(w);
    put_type(w, m, "targets", "Targets");
    put_custom(w, m, m->file->custom);
    put_delegations(w, m);
    put_expires(w, m);
    put_spec_version(w, m);
    sev_json_w_name(w, SEV_LIT("targets"));
    sev_json_w_object(w);
    for (uint32_t i = 0; i < m->file->entry_count; i++) {
        sev_json_w_name(w, m->file->entries[i].name);
        sev_json_w_raw(w, m->file->entries[i].value);
    }
    sev_json_w_object_end(w);
    sev_json_w_integer_member(w, "version", m->version);
    sev_json_w_object_end(w);
}

/* --------------------------------------------------- snapshot and timestamp */

static void put_listed(sev_json_writer *w, const struct sev_repo_listed *f, bool whole)
{
    char name[SEV_ROLE_NAME_BYTES_MAX + 8];
    sev_buf b = sev_buf_of(name, sizeof name);
    sev_buf_put_slice(&b, sev_repo_slice(f->role));
    sev_buf_put_slice(&b, SEV_LIT(".json"));
    sev_json_w_name(w, sev_buf_slice(&b));
    sev_json_w_object(w);
    if (whole) {
        sev_json_w_name(w, SEV_LIT("hashes"));
        sev_json_w_object(w);
        put_text(w, "sha256", f->sha256);
        sev_json_w_object_end(w);
        sev_json_w_integer_member(w, "length", f->length);
    }
    sev_json_w_integer_member(w, "version", f->version);
    sev_json_w_object_end(w);
}

static void put_listing(sev_json_writer *w, const void *context)
{
    const struct sev_repo_making *m = context;
    bool snapshot = strcmp(m->role, "snapshot") == 0;
    /* aktualizr accepts a rollback of targets when its snapshot has hashes: contract 8.4 */
    bool whole = !snapshot || m->profile == SEV_PROFILE_NATIVE;
    sev_json_w_object(w);
    put_type(w, m, snapshot ? "snapshot" : "timestamp", snapshot ? "Snapshot" : "Timestamp");
    put_custom(w, m, SEV_EMPTY);
    put_expires(w, m);
    sev_json_w_name(w, SEV_LIT("meta"));
    sev_json_w_object(w);
    for (uint32_t i = 0; i < m->listed_count; i++)
        put_listed(w, &m->listed[i], whole);
    sev_json_w_object_end(w);
    put_spec_version(w, m);
    sev_json_w_integer_member(w, "version", m->version);
    sev_json_w_object_end(w);
}

sev_err sev_repo_body(const struct sev_repo_making *m, sev_slice *out)
{
    sev_repo_emit *emit = put_targets;
    if (strcmp(m->role, "root") == 0)
        emit = put_root;
    else if (strcmp(m->role, "snapshot") == 0 || strcmp(m->role, "timestamp") == 0)
        emit = put_listing;
    return sev_repo_json(&m->r->pool, emit, m, out);
}

/* ----------------------------------------------------------------- envelope */

struct envelope {
    struct sev_repository *r;
    const struct sev_repo_doc *d;
    sev_slice body;
};

static const char *method_of(const struct sev_repo_key *k)
{
    return k->key.type == SEV_KEY_ED25519 ? "ed25519" : "rsassa-pss-sha256";
}

static void put_signature(sev_json_writer *w, const struct envelope *e,
                          const struct sev_repo_sig *sig)
{
    const struct sev_repo_key *k = sev_repo_find_key(e->r, sig->keyid);
    uint8_t raw[SEV_SIG_BYTES_MAX], text[2 * SEV_SIG_BYTES_MAX];
    sev_buf r = sev_buf_of(raw, sizeof raw), t = sev_buf_of(text, sizeof text);
    if (k == NULL || sev_hex_decode(sev_repo_slice(sig->sig), &r) != SEV_OK) {
        w->err = w->err != SEV_OK ? w->err : SEV_E_STORE;
        return;
    }
    sev_json_w_object(w);
    if (e->d->profile == SEV_PROFILE_AKTUALIZR) {
        sev_base64_encode(sev_buf_slice(&r), &t);
        put_text(w, "keyid", k->aktualizr_id);
        put_text(w, "method", method_of(k));
    } else {
        sev_hex_encode(sev_buf_slice(&r), &t);
        put_text(w, "keyid", k->id);
    }
    sev_json_w_string_member(w, "sig", sev_buf_slice(&t));
    sev_json_w_object_end(w);
}

static void put_envelope(sev_json_writer *w, const void *context)
{
    const struct envelope *e = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("signatures"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < e->d->staged.sig_count; i++)
        put_signature(w, e, &e->d->staged.sigs[i]);
    sev_json_w_array_end(w);
    sev_json_w_name(w, SEV_LIT("signed"));
    sev_json_w_raw(w, e->body);
    sev_json_w_object_end(w);
}

sev_err sev_repo_envelope(struct sev_repository *r, const struct sev_repo_doc *d, sev_slice body,
                          sev_slice *out)
{
    struct envelope e = {r, d, body};
    return sev_repo_json(&r->pool, put_envelope, &e, out);
}

sev_err sev_repo_message(struct sev_repository *r, int profile, sev_slice body, sev_slice *out)
{
    if (profile == SEV_PROFILE_AKTUALIZR || memchr(body.ptr, '\\', body.len) == NULL) {
        *out = body; /* nothing escaped: all canonical forms are the same */
        return SEV_OK;
    }
    uint8_t *copy = sev_repo_take(&r->pool, body.len);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, body.len);
    sev_err e = sev_json_canonical(body, SEV_CANON_OLPC, (struct sev_json_scratch){NULL, 0}, &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

sev_err sev_repo_unmessage(const struct sev_fs *fs, sev_slice message, struct sev_bytes *out)
{
    size_t feeds = 0, at = 0;
    struct sev_bytes b = {0};
    for (size_t i = 0; i < message.len; i++)
        feeds += message.ptr[i] == '\n';
    sev_err e = sev_bytes_new(fs, message.len + feeds, &b);
    if (e != SEV_OK)
        return e;
    for (size_t i = 0; i < message.len; i++) {
        if (message.ptr[i] == '\n')
            b.ptr[at++] = '\\';
        b.ptr[at++] = message.ptr[i] == '\n' ? 'n' : message.ptr[i];
    }
    *out = b;
    return SEV_OK;
}

sev_err sev_repo_staged_body(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out)
{
    char path[SEV_FS_PATH_MAX], digest[HEX_CHARS + 1];
    struct sev_bytes body = {0};
    sev_slice message;
    if (d->staged.body.len != 0) {
        *out = d->staged.body;
        return SEV_OK;
    }
    sev_err e = sev_repo_staged_path(r, d, ".tbs", path);
    if (e == SEV_OK)
        e = sev_repo_read_file(r, path, SEV_TARGETS_BYTES_MAX, &message);
    if (e == SEV_E_NOT_FOUND)
        return sev_repo_fail(r->note, e, "%.300s is gone\nsecureev repo stage writes it again",
                             path);
    if (e != SEV_OK)
        return e;
    sev_repo_digest(message, digest);
    if (strcmp(digest, d->staged.sha256) != 0) /* REQ-KEY-10 */
        return sev_repo_fail(r->note, SEV_E_STORE,
                             "%.300s is not what was staged\nsecureev repo stage writes it again",
                             path);
    e = sev_repo_unmessage(r->fs, message, &body);
    if (e == SEV_OK)
        e = sev_repo_copy(&r->pool, sev_bytes_slice(&body), &d->staged.body);
    sev_bytes_free(r->fs, &body);
    *out = d->staged.body;
    return e;
}

sev_err sev_repo_staged_message(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out)
{
    sev_slice body;
    sev_err e = sev_repo_staged_body(r, d, &body);
    return e == SEV_OK ? sev_repo_message(r, d->profile, body, out) : e;
}

sev_err sev_repo_staged_bytes(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out)
{
    sev_slice body;
    sev_err e = sev_repo_staged_body(r, d, &body);
    return e == SEV_OK ? sev_repo_envelope(r, d, body, out) : e;
}
