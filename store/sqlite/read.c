/* read - the operations that only look. Each is one statement, hence one moment of the database;
 * rows are copied to the caller's arena before anybody is shown one, so that a visitor may call
 * the store again. SPDX-License-Identifier: MIT */
#include "internal.h"

/* A read on its way: what goes wrong first stays in `error`, and the arena is given back. */
struct read {
    struct sev_sqlite *store;
    struct sev_db *db;
    struct sev_query q;
    struct sev_arena *arena;
    size_t mark;
    sev_err error;
};

static bool begin(struct read *r, void *self, sev_slice id, struct sev_arena *arena,
                  enum sev_sql which)
{
    *r = (struct read){.store = self, .arena = arena, .mark = arena->used};
    r->error = sev_sqlite_reader(r->store, &r->db);
    if (r->error != SEV_OK)
        return false;
    sev_query_begin(&r->q, r->db, which);
    sev_query_put(&r->q, id);
    return true;
}

static bool row(struct read *r)
{
    return r->error == SEV_OK && sev_query_row(&r->q);
}

static sev_err end(struct read *r)
{
    sev_err e = sev_query_end(&r->q);
    sev_sqlite_return(r->store, r->db);
    if (r->error == SEV_OK)
        r->error = e;
    if (r->error != SEV_OK)
        sev_arena_back(r->arena, r->mark);
    return r->error;
}

static void *take(struct read *r, size_t bytes)
{
    void *memory = sev_arena_take(r->arena, bytes);
    if (memory == NULL)
        r->error = SEV_E_MEMORY;
    return memory;
}

/* The next column, copied. */
static sev_slice text(struct read *r)
{
    sev_slice found = sev_query_get(&r->q);
    uint8_t *copy = found.len == 0 || r->error != SEV_OK ? NULL : take(r, found.len);
    if (copy == NULL)
        return SEV_EMPTY;
    memcpy(copy, found.ptr, found.len);
    return sev_slice_of(copy, found.len);
}

static int64_t number(struct read *r)
{
    return sev_query_get_int(&r->q);
}

static void digest(struct read *r, uint8_t out[SEV_SHA256_BYTES])
{
    sev_query_get_exactly(&r->q, out, SEV_SHA256_BYTES);
}

/* ----------------------------------------------------------------- vehicles */

static void read_vehicle(struct read *r, struct sev_vehicle *v)
{
    memset(v, 0, sizeof *v);
    v->id = text(r);
    v->vin = text(r);
    v->model = text(r);
    v->profile = (sev_profile)number(r);
    v->primary = text(r);
    v->status_counter = number(r);
    v->status_version = number(r);
    v->has_base = !sev_query_is_null(&r->q);
    if (v->has_base)
        digest(r, v->base);
    else
        (void)sev_query_get(&r->q);
    v->seen = number(r);
}

sev_err sev_sqlite_vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                               struct sev_vehicle *out)
{
    struct read r;
    struct sev_vehicle v;
    if (!begin(&r, self, id, arena, SEV_SQL_VEHICLE_GET))
        return r.error;
    bool found = row(&r);
    if (found)
        read_vehicle(&r, &v);
    sev_err e = end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = v;
    return SEV_OK;
}

struct vehicle_row {
    struct vehicle_row *next;
    struct sev_vehicle vehicle;
};

sev_err sev_sqlite_vehicle_list(void *self, sev_slice after, uint32_t count_max,
                                struct sev_arena *arena, sev_vehicle_visit *visit, void *context)
{
    struct read r;
    struct vehicle_row *first = NULL, **last = &first, *v;
    if (!begin(&r, self, after, arena, SEV_SQL_VEHICLE_LIST))
        return r.error;
    sev_query_put_int(&r.q, count_max);
    while (row(&r) && (v = take(&r, sizeof *v)) != NULL) {
        v->next = NULL;
        read_vehicle(&r, &v->vehicle);
        *last = v;
        last = &v->next;
    }
    sev_err e = end(&r);
    if (e != SEV_OK)
        return e;
    for (v = first; v != NULL && visit(context, &v->vehicle);)
        v = v->next;
    return SEV_OK;
}

/* --------------------------------------------------------------------- ECUs */

static void read_key(struct read *r, struct sev_pubkey *key)
{
    int64_t type = number(r);
    sev_slice material = sev_query_get(&r->q);
    if (type < SEV_KEY_UNKNOWN || type > SEV_KEY_X25519 || material.len > sizeof key->material) {
        r->error = SEV_E_STORE;
        return;
    }
    key->type = (sev_key_type)type;
    key->len = (uint16_t)material.len;
    if (material.len != 0)
        memcpy(key->material, material.ptr, material.len);
}

static void read_ecu(struct read *r, struct sev_ecu *ecu)
{
    memset(ecu, 0, sizeof *ecu);
    ecu->vehicle = text(r);
    ecu->serial = text(r);
    ecu->hardware_id = text(r);
    read_key(r, &ecu->key);
    ecu->report_counter = number(r);
    digest(r, ecu->report_sha256);
    ecu->installed.name = text(r);
    ecu->installed.length = number(r);
    digest(r, ecu->installed.sha256);
    ecu->installed.release_counter = number(r);
    ecu->boot_count = number(r);
    ecu->attacks = (uint32_t)number(r);
    ecu->report = text(r);
}

struct ecu_row {
    struct ecu_row *next;
    struct sev_ecu ecu;
};

sev_err sev_sqlite_ecus_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                            struct sev_ecu *out, uint32_t *out_count)
{
    struct read r;
    struct ecu_row *first = NULL, **place, *ecu;
    bool found = false;
    uint32_t count = 0;
    if (!begin(&r, self, vehicle, arena, SEV_SQL_ECU_LIST))
        return r.error;
    while (row(&r)) {
        found = true;
        bool none = sev_query_is_null(&r.q);
        (void)number(&r);
        if (none || (ecu = take(&r, sizeof *ecu)) == NULL)
            continue;
        if (count++ == SEV_STORE_ECUS_MAX)
            r.error = SEV_E_STORE;
        read_ecu(&r, &ecu->ecu);
        place = &first;
        while (*place != NULL && sev_slice_cmp((*place)->ecu.serial, ecu->ecu.serial) < 0)
            place = &(*place)->next;
        ecu->next = *place;
        *place = ecu;
    }
    sev_err e = end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    for (ecu = first; ecu != NULL; ecu = ecu->next)
        *out++ = ecu->ecu;
    *out_count = count;
    return SEV_OK;
}

/* ---------------------------------------------------- assignments and files */

sev_err sev_sqlite_assignment_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                                  struct sev_assignment *out)
{
    struct read r;
    struct sev_assignment a;
    if (!begin(&r, self, vehicle, arena, SEV_SQL_ASSIGNMENT_GET))
        return r.error;
    bool found = row(&r);
    if (found) { /* NULLs read as 0 and empty */
        a.vehicle = text(&r);
        a.version = number(&r);
        a.bundle_id = text(&r);
        a.correlation_id = text(&r);
        a.targets = text(&r);
        a.groups = text(&r);
    }
    sev_err e = end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = a;
    return SEV_OK;
}

sev_err sev_sqlite_files_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                             struct sev_issued *out)
{
    struct read r;
    struct sev_issued issued;
    bool found = false;
    memset(&issued, 0, sizeof issued);
    if (!begin(&r, self, vehicle, arena, SEV_SQL_FILES_GET))
        return r.error;
    while (row(&r)) {
        found = true;
        bool none = sev_query_is_null(&r.q);
        (void)number(&r);
        int64_t role = number(&r);
        if (none)
            continue;
        if (role < 0 || role >= SEV_STORE_ROLES) {
            r.error = SEV_E_STORE;
            continue;
        }
        struct sev_stored_file *file = &issued.files[role];
        file->version = number(&r);
        file->expires = number(&r);
        file->bundle_version = number(&r);
        file->bytes = text(&r);
    }
    sev_err e = end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = issued;
    return SEV_OK;
}

/* ---------------------------------------------------------------- decisions */

struct decision_row {
    struct decision_row *next;
    struct sev_decision decision;
};

sev_err sev_sqlite_decisions(void *self, sev_slice vehicle, uint32_t count_max,
                             struct sev_arena *arena, sev_decision_visit *visit, void *context)
{
    struct read r;
    struct decision_row *first = NULL, **last = &first, *d;
    bool found = false;
    if (!begin(&r, self, vehicle, arena, SEV_SQL_DECISION_LIST))
        return r.error;
    sev_query_put_int(&r.q, count_max == 0 ? 1 : count_max); /* is the vehicle there at all? */
    while (row(&r)) {
        found = true;
        bool none = number(&r) == 0;
        if (none || (d = take(&r, sizeof *d)) == NULL)
            continue;
        d->next = NULL;
        d->decision.time = number(&r);
        d->decision.actor = text(&r);
        d->decision.what = text(&r);
        d->decision.reason = text(&r);
        *last = d;
        last = &d->next;
    }
    sev_err e = end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    for (d = first; d != NULL && count_max != 0 && visit(context, &d->decision);)
        d = d->next;
    return SEV_OK;
}
