/* release - the inventory as filters see it, what vehicles of aktualizr's dialect said of an
 * installation, and releases that nobody gets any more. SPDX-License-Identifier: MIT */
#include "campaign.h"

/* clang-format off */
#define TABLE(X) \
    X(TAGS_GET, "SELECT tags FROM vehicle WHERE id = $1") \
    X(TAGS_SET, "UPDATE vehicle SET tags = $1 WHERE key = $2") \
    X(FLEET, "SELECT v.key, v.id, v.vin, v.model, v.profile, v.tags, e.key, e.serial, e.hardware_id, " \
        "e.installed_name, e.installed_length, e.installed_sha256, e.release_counter, " \
        "e.report_counter, e.boot_count FROM vehicle v LEFT JOIN ecu e " \
        "ON e.key BETWEEN v.key * 256 AND v.key * 256 + 255 WHERE v.key > $1 AND v.key <= " \
        "(SELECT max(key) FROM (SELECT key FROM vehicle WHERE key > $1 ORDER BY key LIMIT $2) " \
        "AS page) ORDER BY v.key, e.key") \
    X(INSTALLATION_PUT, "INSERT INTO installation (vehicle, counter, success, code, " \
        "correlation_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (vehicle) DO UPDATE SET " \
        "counter = excluded.counter, success = excluded.success, code = excluded.code, " \
        "correlation_id = excluded.correlation_id") \
    X(INSTALLATION_GET, "SELECT v.key, i.counter, i.success, i.code, i.correlation_id " \
        "FROM vehicle v LEFT JOIN installation i ON i.vehicle = v.key WHERE v.id = $1") \
    X(INVALID_FIND, "SELECT key FROM invalidation WHERE sha256 = $1") \
    X(INVALID_ADD, "INSERT INTO invalidation (sha256, time, actor, remark) " \
        "VALUES ($1, $2, $3, $4)") \
    X(INVALID_LIST, "SELECT sha256, time, actor, remark, sweep, swept FROM invalidation " \
        "ORDER BY sha256") \
    X(INVALID_SWEPT, "UPDATE invalidation SET sweep = $1, swept = $2 WHERE sha256 = $3") \
    X(ASSIGNED, "SELECT a.vehicle, v.id, a.version, a.bundle_id, a.correlation_id, a.targets, " \
        "a.groups FROM assignment a JOIN vehicle v ON v.key = a.vehicle WHERE a.vehicle > $1 " \
        "ORDER BY a.vehicle LIMIT $2")
/* clang-format on */
SEV_SQL_STATEMENTS(release, TABLE);

/* ----------------------------------------------------------------- inventory */

struct fleet_ecu {
    struct fleet_ecu *next;
    struct sev_ecu ecu;
};
struct fleet_row {
    struct fleet_row *next;
    struct fleet_ecu *ecus, **last;
    struct sev_fleet_vehicle vehicle;
};

static struct fleet_row *begin_vehicle(struct sev_read *r, int64_t place)
{
    struct fleet_row *v = sev_read_take(r, sizeof *v);
    if (v == NULL)
        return NULL;
    memset(v, 0, sizeof *v);
    v->last = &v->ecus;
    v->vehicle.place = place;
    v->vehicle.id = sev_read_text(r);
    v->vehicle.vin = sev_read_text(r);
    v->vehicle.model = sev_read_text(r);
    v->vehicle.profile = (sev_profile)sev_read_number(r);
    v->vehicle.tags = sev_read_text(r);
    return v;
}

static void skip_vehicle(struct sev_read *r)
{
    for (int i = 0; i < 3; i++)
        (void)sev_query_get(&r->q);
    (void)sev_read_number(r);
    (void)sev_query_get(&r->q);
}

static void read_ecu(struct sev_read *r, struct fleet_row *v)
{
    bool none = sev_query_is_null(&r->q);
    (void)sev_read_number(r);
    struct fleet_ecu *e = none ? NULL : sev_read_take(r, sizeof *e);
    if (e == NULL)
        return;
    memset(e, 0, sizeof *e);
    e->ecu.serial = sev_read_text(r);
    e->ecu.hardware_id = sev_read_text(r);
    e->ecu.installed.name = sev_read_text(r);
    e->ecu.installed.length = sev_read_number(r);
    sev_read_digest(r, e->ecu.installed.sha256);
    e->ecu.installed.release_counter = sev_read_number(r);
    e->ecu.report_counter = sev_read_number(r);
    e->ecu.boot_count = sev_read_number(r);
    *v->last = e;
    v->last = &e->next;
    v->vehicle.ecu_count++;
}

/* One array per vehicle, now that it is known how long. */
static sev_err line_up(struct sev_arena *arena, struct fleet_row *first)
{
    for (struct fleet_row *v = first; v != NULL; v = v->next) {
        struct sev_ecu *ecus = (struct sev_ecu *)(void *)sev_arena_take(
            arena, (v->vehicle.ecu_count + 1) * sizeof *ecus);
        if (ecus == NULL)
            return SEV_E_MEMORY;
        v->vehicle.ecus = ecus;
        for (struct fleet_ecu *e = v->ecus; e != NULL; e = e->next)
            *ecus++ = e->ecu;
    }
    return SEV_OK;
}

sev_err sev_sql_fleet(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                      sev_fleet_visit *visit, void *context)
{
    struct sev_read r;
    struct fleet_row *first = NULL, **last = &first, *v = NULL;
    size_t mark = arena->used;
    sev_read_begin(&r, self, arena, FLEET);
    sev_query_put_int(&r.q, after);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r)) {
        int64_t place = sev_read_number(&r);
        if (v != NULL && v->vehicle.place == place) {
            skip_vehicle(&r);
        } else if ((v = begin_vehicle(&r, place)) != NULL) {
            *last = v;
            last = &v->next;
        }
        if (v != NULL)
            read_ecu(&r, v);
    }
    sev_err e = sev_read_end(&r);
    if (e == SEV_OK)
        e = line_up(arena, first);
    if (e != SEV_OK) {
        sev_arena_back(arena, mark);
        return e;
    }
    for (v = first; v != NULL && visit(context, &v->vehicle);)
        v = v->next;
    return SEV_OK;
}

/* ---------------------------------------------------------------------- tags */

struct tagging {
    sev_slice vehicle, tags;
    const struct sev_decision *decision;
};

static sev_err run_tags_set(struct sev_db *db, const void *arguments)
{
    const struct tagging *a = arguments;
    struct sev_found found;
    struct sev_query q;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TAGS_SET);
    sev_query_put(&q, a->tags);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, found.key, a->decision) : e;
}

sev_err sev_sql_tags_set(void *self, sev_slice vehicle, sev_slice tags,
                         const struct sev_decision *decision)
{
    struct tagging a = {vehicle, tags, decision};
    bool fits = sev_store_text_fits(tags, 0, SEV_TAGS_MAX * (6 * SEV_TAG_BYTES_MAX + 3) + 2);
    sev_err e = fits ? sev_store_check_id(vehicle) : SEV_E_MALFORMED;
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    return e == SEV_OK ? sev_sql_write(self, run_tags_set, &a) : e;
}

sev_err sev_sql_tags_get(void *self, sev_slice vehicle, struct sev_arena *arena, sev_slice *out)
{
    struct sev_read r;
    sev_slice tags = SEV_EMPTY;
    sev_read_begin(&r, self, arena, TAGS_GET);
    sev_query_put(&r.q, vehicle);
    bool found = sev_read_row(&r);
    if (found)
        tags = sev_read_text(&r);
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = tags;
    return SEV_OK;
}

/* -------------------------------------------------------------- installations */

struct told {
    sev_slice vehicle;
    const struct sev_installation *what;
};

static sev_err run_installation_put(struct sev_db *db, const void *arguments)
{
    const struct told *a = arguments;
    struct sev_found found;
    struct sev_query q;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, INSTALLATION_PUT);
    sev_query_put_int(&q, found.key);
    sev_query_put_int(&q, a->what->counter);
    sev_query_put_int(&q, a->what->success);
    sev_query_put(&q, a->what->code);
    sev_query_put(&q, a->what->correlation_id);
    return sev_query_run(&q);
}

sev_err sev_sql_installation_put(void *self, sev_slice vehicle, const struct sev_installation *i)
{
    struct told a = {vehicle, i};
    bool fits = sev_store_number_fits(i->counter) &&
                sev_store_text_fits(i->code, 0, SEV_MESSAGE_TEXT_BYTES_MAX) &&
                sev_store_text_fits(i->correlation_id, 0, SEV_FOREIGN_TEXT_BYTES_MAX);
    sev_err e = fits ? sev_store_check_id(vehicle) : SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_installation_put, &a) : e;
}

sev_err sev_sql_installation_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                                 struct sev_installation *out)
{
    struct sev_read r;
    struct sev_installation i = {.counter = 0};
    sev_read_begin(&r, self, arena, INSTALLATION_GET);
    sev_query_put(&r.q, vehicle);
    bool found = sev_read_row(&r);
    if (found) { /* NULLs read as 0 and empty */
        (void)sev_read_number(&r);
        i.counter = sev_read_number(&r);
        i.success = sev_read_number(&r) != 0;
        i.code = sev_read_text(&r);
        i.correlation_id = sev_read_text(&r);
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    *out = i;
    return SEV_OK;
}

/* ------------------------------------------------------------- invalid releases */

struct invalidating {
    const struct sev_invalidation *what;
    const struct sev_decision *decision;
};

static sev_err run_invalidate(struct sev_db *db, const void *arguments)
{
    const struct invalidating *a = arguments;
    sev_slice digest = sev_slice_of(a->what->sha256, SEV_SHA256_BYTES);
    struct sev_query q;
    int64_t key = 0;
    sev_query_begin(&q, db, INVALID_FIND);
    sev_query_put(&q, digest);
    sev_err e = sev_query_number(&q, &key);
    if (e != SEV_OK || key != 0)
        return e != SEV_OK ? e : SEV_E_EXISTS;
    sev_query_begin(&q, db, INVALID_ADD);
    sev_query_put(&q, digest);
    sev_query_put_int(&q, a->what->time);
    sev_query_put(&q, a->what->actor);
    sev_query_put(&q, a->what->remark);
    e = sev_query_run(&q);
    return e == SEV_OK ? sev_sql_explain(db, 0, a->decision) : e;
}

sev_err sev_sql_invalidate(void *self, const struct sev_invalidation *i,
                           const struct sev_decision *decision)
{
    struct invalidating a = {i, decision};
    bool fits = sev_store_number_fits(i->time) &&
                sev_store_text_fits(i->actor, 1, SEV_ID_BYTES_MAX) &&
                sev_store_text_fits(i->remark, 0, SEV_CAMPAIGN_REMARK_BYTES_MAX);
    sev_err e = fits ? sev_store_check_decision(decision) : SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_invalidate, &a) : e;
}

struct invalid_row {
    struct invalid_row *next;
    struct sev_invalidation invalidation;
};

sev_err sev_sql_invalidations(void *self, struct sev_arena *arena, sev_invalidation_visit *visit,
                              void *context)
{
    struct sev_read r;
    struct invalid_row *first = NULL, **last = &first, *i;
    sev_read_begin(&r, self, arena, INVALID_LIST);
    while (sev_read_row(&r) && (i = sev_read_take(&r, sizeof *i)) != NULL) {
        memset(i, 0, sizeof *i);
        sev_read_digest(&r, i->invalidation.sha256);
        i->invalidation.time = sev_read_number(&r);
        i->invalidation.actor = sev_read_text(&r);
        i->invalidation.remark = sev_read_text(&r);
        i->invalidation.sweep = sev_read_number(&r);
        i->invalidation.swept = sev_read_number(&r);
        *last = i;
        last = &i->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (i = first; i != NULL && visit(context, &i->invalidation);)
        i = i->next;
    return SEV_OK;
}

struct swept {
    const uint8_t *sha256;
    int64_t sweep;
    sev_time swept;
};

static sev_err run_swept(struct sev_db *db, const void *arguments)
{
    const struct swept *a = arguments;
    struct sev_query q;
    sev_query_begin(&q, db, INVALID_SWEPT);
    sev_query_put_int(&q, a->sweep);
    sev_query_put_int(&q, a->swept);
    sev_query_put(&q, sev_slice_of(a->sha256, SEV_SHA256_BYTES));
    return sev_query_run(&q);
}

sev_err sev_sql_invalidation_swept(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                                   int64_t sweep, sev_time swept)
{
    struct swept a = {sha256, sweep, swept};
    bool fits = sev_store_number_fits(sweep) && sev_store_number_fits(swept);
    return fits ? sev_sql_write(self, run_swept, &a) : SEV_E_MALFORMED;
}

struct assigned_row {
    struct assigned_row *next;
    int64_t place;
    struct sev_assignment assignment;
};

sev_err sev_sql_assigned(void *self, int64_t after, uint32_t count_max, struct sev_arena *arena,
                         sev_assigned_visit *visit, void *context)
{
    struct sev_read r;
    struct assigned_row *first = NULL, **last = &first, *a;
    sev_read_begin(&r, self, arena, ASSIGNED);
    sev_query_put_int(&r.q, after);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (a = sev_read_take(&r, sizeof *a)) != NULL) {
        memset(a, 0, sizeof *a);
        a->place = sev_read_number(&r);
        a->assignment.vehicle = sev_read_text(&r);
        a->assignment.version = sev_read_number(&r);
        a->assignment.bundle_id = sev_read_text(&r);
        a->assignment.correlation_id = sev_read_text(&r);
        a->assignment.targets = sev_read_text(&r);
        a->assignment.groups = sev_read_text(&r);
        *last = a;
        last = &a->next;
    }
    sev_err e = sev_read_end(&r);
    if (e != SEV_OK)
        return e;
    for (a = first; a != NULL && visit(context, a->place, &a->assignment);)
        a = a->next;
    return SEV_OK;
}
