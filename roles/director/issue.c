/* issue - the three files of a vehicle: written, signed, and kept before anybody is served them.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define ATTEMPTS_MAX 4 /* others may issue for the same vehicle at the same time */

struct making {
    const struct sev_director *d;
    const struct sev_director_call *call;
    const struct sev_vehicle *vehicle;
    struct sev_assignment assignment;
    struct sev_issued files; /* as stored, then as they will be */
    bool anew[SEV_STORE_ROLES];
};

/* ------------------------------------------------------------------- bodies */

static void put_expires(sev_json_writer *w, sev_time expires)
{
    char text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(expires, &b);
    sev_json_w_string_member(w, "expires", sev_buf_slice(&b));
}

static void put_bundle(sev_json_writer *w, const struct sev_assignment *a)
{
    sev_json_w_name(w, SEV_LIT("bundle"));
    sev_json_w_object(w);
    if (a->groups.len != 0) {
        sev_json_w_name(w, SEV_LIT("groups"));
        sev_json_w_raw(w, a->groups);
    }
    sev_json_w_string_member(w, "id", a->bundle_id);
    sev_json_w_integer_member(w, "version", a->version);
    sev_json_w_object_end(w);
}

/* The vehicle's name is in each of its files: no other vehicle takes them. REQ-MET-32 REQ-DIR-27 */
static void put_custom(sev_json_writer *w, const struct making *m, bool targets)
{
    char issued[20];
    sev_buf b = sev_buf_of(issued, sizeof issued);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    if (targets && m->assignment.version != 0)
        put_bundle(w, &m->assignment);
    if (targets && m->assignment.correlation_id.len != 0)
        sev_json_w_string_member(w, "correlationId", m->assignment.correlation_id);
    if (targets) {
        sev_time_format(m->call->now, &b);
        sev_json_w_string_member(w, "issued", sev_buf_slice(&b));
    }
    sev_json_w_string_member(w, "vehicle", m->vehicle->id);
    sev_json_w_object_end(w);
}

static void put_targets(sev_json_writer *w, const struct making *m)
{
    const struct sev_stored_file *f = &m->files.files[SEV_STORE_TARGETS];
    sev_json_w_object(w);
    sev_json_w_string_member(w, "_type", SEV_LIT("targets"));
    put_custom(w, m, true);
    put_expires(w, f->expires);
    sev_json_w_string_member(w, "spec_version", SEV_LIT("1.0.31"));
    sev_json_w_name(w, SEV_LIT("targets"));
    sev_json_w_raw(w, m->assignment.version == 0 ? SEV_LIT("{}") : m->assignment.targets);
    sev_json_w_integer_member(w, "version", f->version);
    sev_json_w_object_end(w);
}

/* Names no vehicle, for there is no place for it; contract 8.3. Without a correlation id its
 * vehicles do not tell what failed. */
static void put_aktualizr(sev_json_writer *w, const struct making *m)
{
    const struct sev_stored_file *f = &m->files.files[SEV_STORE_TARGETS];
    sev_json_w_object(w);
    sev_json_w_string_member(w, "_type", SEV_LIT("Targets"));
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    sev_json_w_string_member(w, "correlationId",
                             m->assignment.version == 0 ? SEV_LIT("none")
                                                        : m->assignment.correlation_id);
    sev_json_w_object_end(w);
    put_expires(w, f->expires);
    sev_json_w_name(w, SEV_LIT("targets"));
    sev_json_w_raw(w, m->assignment.version == 0 ? SEV_LIT("{}") : m->assignment.targets);
    sev_json_w_integer_member(w, "version", f->version);
    sev_json_w_object_end(w);
}

/* Snapshot lists targets, timestamp lists snapshot: with length and digest. DESIGN 3.1 */
static void put_listing(sev_json_writer *w, const struct making *m, enum sev_store_role role)
{
    const struct sev_stored_file *f = &m->files.files[role];
    bool snapshot = role == SEV_STORE_SNAPSHOT;
    const struct sev_stored_file *listed =
        &m->files.files[snapshot ? SEV_STORE_TARGETS : SEV_STORE_SNAPSHOT];
    uint8_t digest[SEV_SHA256_BYTES];
    char hex[2 * sizeof digest];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(listed->bytes, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "_type", snapshot ? SEV_LIT("snapshot") : SEV_LIT("timestamp"));
    put_custom(w, m, false);
    put_expires(w, f->expires);
    sev_json_w_name(w, SEV_LIT("meta"));
    sev_json_w_object(w);
    sev_json_w_name(w, snapshot ? SEV_LIT("targets.json") : SEV_LIT("snapshot.json"));
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_object(w);
    sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
    sev_json_w_object_end(w);
    sev_json_w_integer_member(w, "length", (int64_t)listed->bytes.len);
    sev_json_w_integer_member(w, "version", listed->version);
    sev_json_w_object_end(w);
    sev_json_w_object_end(w);
    sev_json_w_string_member(w, "spec_version", SEV_LIT("1.0.31"));
    sev_json_w_integer_member(w, "version", f->version);
    sev_json_w_object_end(w);
}

/* ------------------------------------------------------------------ signing */

sev_err director_signed(const struct sev_director *d, const struct sev_director_call *call,
                        sev_profile profile, const char *key, sev_slice body, size_t bytes_max,
                        sev_slice *out)
{
    sev_buf room = director_buf(call, body.len + SEV_SIGN_OVERHEAD_BYTES);
    sev_err e = sev_sign_document(d->sign, profile, key, body, bytes_max, &room);
    if (e == SEV_OK)
        *out = sev_buf_slice(&room);
    return e;
}

static sev_err make_file(struct making *m, enum sev_store_role role)
{
    static const size_t bytes_max[SEV_STORE_ROLES] = {
        [SEV_STORE_TARGETS] = SEV_DIRECTOR_TARGETS_BYTES_MAX,
        [SEV_STORE_SNAPSHOT] = SEV_TIMESTAMP_BYTES_MAX, /* it lists one file */
        [SEV_STORE_TIMESTAMP] = SEV_TIMESTAMP_BYTES_MAX,
    };
    const struct sev_director *d = m->d;
    bool foreign = m->vehicle->profile == SEV_PROFILE_AKTUALIZR;
    const char *key = foreign                      ? d->keys.aktualizr
                      : role == SEV_STORE_TARGETS  ? d->keys.targets
                      : role == SEV_STORE_SNAPSHOT ? d->keys.snapshot
                                                   : d->keys.timestamp;
    int64_t life = role == SEV_STORE_TARGETS    ? d->lives.targets
                   : role == SEV_STORE_SNAPSHOT ? d->lives.snapshot
                                                : d->lives.timestamp;
    struct sev_stored_file *f = &m->files.files[role];
    f->version++;
    f->expires = m->call->now + life;
    f->bundle_version = m->assignment.version;
    size_t most = foreign ? SEV_AKTUALIZR_DIRECTOR_BYTES_MAX : bytes_max[role];
    sev_buf body = director_buf(m->call, most + m->assignment.targets.len);
    sev_json_writer w = sev_json_writer_to(&body);
    if (foreign)
        put_aktualizr(&w, m);
    else if (role == SEV_STORE_TARGETS)
        put_targets(&w, m);
    else
        put_listing(&w, m, role);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        e = director_signed(d, m->call, m->vehicle->profile, key, sev_buf_slice(&body), most,
                            &f->bytes);
    return e;
}

/* -------------------------------------------------------------------- issue */

/* One that is good for longer than what is made now was made by a clock that was ahead. */
static bool half_over(const struct sev_stored_file *f, int64_t life, sev_time now)
{
    int64_t left = f->expires - now;
    return f->version == 0 || left < life / 2 || left > life + SEV_DIRECTOR_SKEW_SECONDS;
}

static void plan(struct making *m)
{
    const struct sev_director_lives *lives = &m->d->lives;
    const struct sev_stored_file *f = m->files.files;
    sev_time now = m->call->now;
    m->anew[SEV_STORE_TARGETS] = half_over(&f[SEV_STORE_TARGETS], lives->targets, now) ||
                                 f[SEV_STORE_TARGETS].bundle_version != m->assignment.version;
    if (m->vehicle->profile == SEV_PROFILE_AKTUALIZR)
        return; /* that dialect's Director has no other file */
    m->anew[SEV_STORE_SNAPSHOT] =
        m->anew[SEV_STORE_TARGETS] || half_over(&f[SEV_STORE_SNAPSHOT], lives->snapshot, now);
    m->anew[SEV_STORE_TIMESTAMP] =
        m->anew[SEV_STORE_SNAPSHOT] || half_over(&f[SEV_STORE_TIMESTAMP], lives->timestamp, now);
}

static sev_err keep(struct making *m, const int64_t expected[SEV_STORE_ROLES])
{
    static const char *const names[] = {"bundle", "correlation", NULL};
    const sev_slice values[] = {m->assignment.bundle_id, m->assignment.correlation_id};
    struct sev_decision decision = {m->call->now, SEV_LIT("director"), SEV_LIT("issue"), SEV_EMPTY};
    struct sev_issued changed = m->files;
    for (int role = 0; role < SEV_STORE_ROLES; role++)
        if (!m->anew[role])
            changed.files[role] = (struct sev_stored_file){.version = 0};
    sev_err e = director_reason(m->call, &decision.reason, names, values);
    if (e != SEV_OK)
        return e;
    return m->d->store->files_put(m->d->store->self, m->vehicle->id, expected, &changed,
                                  m->assignment.version, &decision);
}

static sev_err issue_once(struct making *m)
{
    const struct sev_store *s = m->d->store;
    int64_t expected[SEV_STORE_ROLES];
    sev_err e = s->assignment_get(s->self, m->vehicle->id, m->call->arena, &m->assignment);
    if (e == SEV_OK)
        e = s->files_get(s->self, m->vehicle->id, m->call->arena, &m->files);
    if (e != SEV_OK)
        return e;
    plan(m);
    if (!m->anew[SEV_STORE_TIMESTAMP] && !m->anew[SEV_STORE_TARGETS])
        return SEV_OK;
    for (int role = 0; role < SEV_STORE_ROLES; role++)
        expected[role] = m->files.files[role].version;
    for (int role = 0; e == SEV_OK && role < SEV_STORE_ROLES; role++)
        if (m->anew[role])
            e = make_file(m, (enum sev_store_role)role);
    return e == SEV_OK ? keep(m, expected) : e;
}

sev_err sev_director_issue(const struct sev_director *d, const struct sev_director_call *call,
                           sev_slice vehicle, struct sev_issued *out)
{
    struct sev_vehicle row;
    sev_err e = d->store->vehicle_get(d->store->self, vehicle, call->arena, &row);
    if (e != SEV_OK)
        return e;
    if (row.profile == SEV_PROFILE_AKTUALIZR && d->keys.aktualizr[0] == '\0')
        return SEV_E_UNSUPPORTED;
    size_t mark = call->arena->used;
    e = SEV_E_CONFLICT;
    for (int attempt = 0; e == SEV_E_CONFLICT && attempt < ATTEMPTS_MAX; attempt++) {
        struct making m = {.d = d, .call = call, .vehicle = &row};
        sev_arena_back(call->arena, mark);
        e = issue_once(&m);
        if (e == SEV_OK)
            *out = m.files;
    }
    return e;
}
