/* read - the operations that only look. Each is one statement, hence one moment of the database;
 * rows are copied to the caller's arena before anybody is shown one, so that a visitor may call
 * the store again. SPDX-License-Identifier: MIT */
#include "internal.h"

/* clang-format off */
#define VEHICLE "SELECT " SEV_SQL_VEHICLE_COLUMNS " FROM vehicle "

/* The vehicle is the first table, so that an unknown vehicle gives no row at all and one that has
 * nothing gives a row of NULLs. */
#define TABLE(X) \
    X(VEHICLE_GET, VEHICLE "WHERE id = $1") \
    X(VEHICLE_LIST, VEHICLE "WHERE id > $1 ORDER BY id LIMIT $2") \
    X(ECU_LIST, "SELECT e.key, v.id, e.serial, e.hardware_id, e.key_type, e.key_material, " \
        "e.report_counter, e.report_sha256, e.installed_name, e.installed_length, " \
        "e.installed_sha256, e.release_counter, e.boot_count, e.attacks, e.report " \
        "FROM vehicle v LEFT JOIN ecu e " \
        "ON e.key BETWEEN v.key * 256 AND v.key * 256 + 255 WHERE v.id = $1") \
    X(ASSIGNMENT_GET, "SELECT v.id, a.version, a.bundle_id, a.correlation_id, a.targets, " \
        "a.groups FROM vehicle v LEFT JOIN assignment a ON a.vehicle = v.key WHERE v.id = $1") \
    X(FILES_GET, "SELECT f.key, f.role, f.version, f.expires, f.bundle_version, f.bytes " \
        "FROM vehicle v LEFT JOIN file f ON f.vehicle = v.key WHERE v.id = $1") \
    X(DECISION_LIST, "WITH RECURSIVE chain (number, key, previous, time, actor, what, reason) AS (" \
        "SELECT 1, coalesce(d.key, 0), coalesce(d.previous, 0), d.time, d.actor, d.what, d.reason " \
        "FROM vehicle v LEFT JOIN decision d ON d.key = v.last_decision WHERE v.id = $1 " \
        "UNION ALL SELECT number + 1, d.key, d.previous, d.time, d.actor, d.what, d.reason " \
        "FROM chain JOIN decision d ON d.key = chain.previous AND d.key < chain.key " \
        "WHERE number < CAST($2 AS bigint)) " \
        "SELECT key, time, actor, what, reason FROM chain ORDER BY number")
/* clang-format on */
SEV_SQL_STATEMENTS(read, TABLE);

/* ----------------------------------------------------------------- vehicles */

void sev_sql_read_vehicle(struct sev_read *r, struct sev_vehicle *v)
{
    memset(v, 0, sizeof *v);
    v->id = sev_read_text(r);
    v->vin = sev_read_text(r);
    v->model = sev_read_text(r);
    v->profile = (sev_profile)sev_read_number(r);
    v->primary = sev_read_text(r);
    v->status_counter = sev_read_number(r);
    v->status_version = sev_read_number(r);
    v->has_base = !sev_query_is_null(&r->q);
    if (v->has_base)
        sev_read_digest(r, v->base);
    else
        (void)sev_query_get(&r->q);
    v->seen = sev_read_number(r);
}

sev_err sev_sql_vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                            struct sev_vehicle *out)
{
    struct sev_read r;
    struct sev_vehicle v;
    sev_read_begin(&r, self, arena, VEHICLE_GET);
    sev_query_put(&r.q, id);
    bool found = sev_read_row(&r);
    if (found)
        sev_sql_read_vehicle(&r, &v);
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = v;
    return SEV_OK;
}

struct vehicle_row {
    struct vehicle_row *next;
    struct sev_vehicle vehicle;
};

sev_err sev_sql_vehicle_list(void *self, sev_slice after, uint32_t count_max,
                             struct sev_arena *arena, sev_vehicle_visit *visit, void *context)
{
    struct sev_read r;
    struct vehicle_row *first = NULL, **last = &first, *v;
    sev_read_begin(&r, self, arena, VEHICLE_LIST);
    sev_query_put(&r.q, after);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (v = sev_read_take(&r, sizeof *v)) != NULL) {
        v->next = NULL;
        sev_sql_read_vehicle(&r, &v->vehicle);
        *last = v;
        last = &v->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (v = first; v != NULL && visit(context, &v->vehicle);)
        v = v->next;
    return SEV_OK;
}

/* --------------------------------------------------------------------- ECUs */

static void read_key(struct sev_read *r, struct sev_pubkey *key)
{
    int64_t type = sev_read_number(r);
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

static void read_ecu(struct sev_read *r, struct sev_ecu *ecu)
{
    memset(ecu, 0, sizeof *ecu);
    ecu->vehicle = sev_read_text(r);
    ecu->serial = sev_read_text(r);
    ecu->hardware_id = sev_read_text(r);
    read_key(r, &ecu->key);
    ecu->report_counter = sev_read_number(r);
    sev_read_digest(r, ecu->report_sha256);
    ecu->installed.name = sev_read_text(r);
    ecu->installed.length = sev_read_number(r);
    sev_read_digest(r, ecu->installed.sha256);
    ecu->installed.release_counter = sev_read_number(r);
    ecu->boot_count = sev_read_number(r);
    ecu->attacks = (uint32_t)sev_read_number(r);
    ecu->report = sev_read_text(r);
}

struct ecu_row {
    struct ecu_row *next;
    struct sev_ecu ecu;
};

sev_err sev_sql_ecus_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                         struct sev_ecu *out, uint32_t *out_count)
{
    struct sev_read r;
    struct ecu_row *first = NULL, **place, *ecu;
    bool found = false;
    uint32_t count = 0;
    sev_read_begin(&r, self, arena, ECU_LIST);
    sev_query_put(&r.q, vehicle);
    while (sev_read_row(&r)) {
        found = true;
        bool none = sev_query_is_null(&r.q);
        (void)sev_read_number(&r);
        if (none || (ecu = sev_read_take(&r, sizeof *ecu)) == NULL)
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
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    for (ecu = first; ecu != NULL; ecu = ecu->next)
        *out++ = ecu->ecu;
    *out_count = count;
    return SEV_OK;
}

/* ---------------------------------------------------- assignments and files */

sev_err sev_sql_assignment_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                               struct sev_assignment *out)
{
    struct sev_read r;
    struct sev_assignment a = {.version = 0};
    sev_read_begin(&r, self, arena, ASSIGNMENT_GET);
    sev_query_put(&r.q, vehicle);
    bool found = sev_read_row(&r);
    if (found) { /* NULLs read as 0 and empty */
        a.vehicle = sev_read_text(&r);
        a.version = sev_read_number(&r);
        a.bundle_id = sev_read_text(&r);
        a.correlation_id = sev_read_text(&r);
        a.targets = sev_read_text(&r);
        a.groups = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = a;
    return SEV_OK;
}

sev_err sev_sql_files_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                          struct sev_issued *out)
{
    struct sev_read r;
    struct sev_issued issued;
    bool found = false;
    memset(&issued, 0, sizeof issued);
    sev_read_begin(&r, self, arena, FILES_GET);
    sev_query_put(&r.q, vehicle);
    while (sev_read_row(&r)) {
        found = true;
        bool none = sev_query_is_null(&r.q);
        (void)sev_read_number(&r);
        int64_t role = sev_read_number(&r);
        if (none)
            continue;
        if (role < 0 || role >= SEV_STORE_ROLES) {
            r.error = SEV_E_STORE;
            continue;
        }
        struct sev_stored_file *file = &issued.files[role];
        file->version = sev_read_number(&r);
        file->expires = sev_read_number(&r);
        file->bundle_version = sev_read_number(&r);
        file->bytes = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
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

sev_err sev_sql_decisions(void *self, sev_slice vehicle, uint32_t count_max,
                          struct sev_arena *arena, sev_decision_visit *visit, void *context)
{
    struct sev_read r;
    struct decision_row *first = NULL, **last = &first, *d;
    bool found = false;
    sev_read_begin(&r, self, arena, DECISION_LIST);
    sev_query_put(&r.q, vehicle);
    sev_query_put_int(&r.q, count_max == 0 ? 1 : count_max); /* is the vehicle there at all? */
    while (sev_read_row(&r)) {
        found = true;
        bool none = sev_read_number(&r) == 0;
        if (none || (d = sev_read_take(&r, sizeof *d)) == NULL)
            continue;
        d->next = NULL;
        d->decision.time = sev_read_number(&r);
        d->decision.actor = sev_read_text(&r);
        d->decision.what = sev_read_text(&r);
        d->decision.reason = sev_read_text(&r);
        *last = d;
        last = &d->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    for (d = first; d != NULL && count_max != 0 && visit(context, &d->decision);)
        d = d->next;
    return SEV_OK;
}
