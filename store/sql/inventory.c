/* inventory - the operations that change vehicles and their ECUs. SPDX-License-Identifier: MIT */
#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(VEHICLE_FIND, "SELECT key, primary_serial, status_counter, status_version FROM vehicle " \
        "WHERE id = $1") \
    X(VEHICLE_ADD, "INSERT INTO vehicle (id, vin, model, profile) VALUES ($1, $2, $3, $4) " \
        "RETURNING key") \
    X(VEHICLE_STATUS, "UPDATE vehicle SET status_counter = $1, base = $2, seen = $3 WHERE key = $4") \
    X(VEHICLE_PRIMARY, "UPDATE vehicle SET primary_serial = $1, status_counter = $2 WHERE key = $3") \
    X(ECU_SET, "SELECT key, serial, hardware_id, key_type, key_material FROM ecu " \
        "WHERE key BETWEEN $1 AND $2") \
    X(ECU_COUNTERS, "SELECT key, serial, report_counter FROM ecu WHERE key BETWEEN $1 AND $2") \
    X(ECU_ADD, "INSERT INTO ecu (key, serial, hardware_id, key_type, key_material) " \
        "VALUES ($1, $2, $3, $4, $5)") \
    X(ECU_HARDWARE, "UPDATE ecu SET hardware_id = $1 WHERE key = $2") \
    X(ECU_REMOVE, "DELETE FROM ecu WHERE key = $1") \
    X(ECU_REPORT, "UPDATE ecu SET report_counter = $1, report_sha256 = $2, installed_name = $3, " \
        "installed_length = $4, installed_sha256 = $5, release_counter = $6, boot_count = $7, " \
        "attacks = $8, report = $9 WHERE key = $10") \
    X(DECISION_ADD, "INSERT INTO decision (vehicle, previous, time, actor, what, reason) " \
        "SELECT key, last_decision, $1, $2, $3, $4 FROM vehicle WHERE key = $5") \
    X(DECISION_ALONE, "INSERT INTO decision (vehicle, previous, time, actor, what, reason) " \
        "VALUES (NULL, 0, $1, $2, $3, $4)") \
    /* The newest is the one just added: one process writes at a time, keys rise. */ \
    X(DECISION_LAST, "UPDATE vehicle SET last_decision = (SELECT max(key) FROM decision) " \
        "WHERE key = $1")
/* clang-format on */
SEV_SQL_STATEMENTS(inventory, TABLE);

sev_err sev_sql_find(struct sev_db *db, sev_slice id, sev_slice primary, struct sev_found *out)
{
    struct sev_query q;
    sev_query_begin(&q, db, VEHICLE_FIND);
    sev_query_put(&q, id);
    bool found = sev_query_row(&q);
    if (found) {
        out->key = sev_query_get_int(&q);
        sev_slice stored = sev_query_get(&q);
        out->has_primary = stored.len != 0;
        out->primary_same = sev_slice_eq(stored, primary);
        out->status_counter = sev_query_get_int(&q);
        out->status_version = sev_query_get_int(&q);
    }
    sev_err e = sev_query_end(&q);
    if (e != SEV_OK || !found)
        return e != SEV_OK ? e : SEV_E_NOT_FOUND;
    /* From a damaged file it could be anything; ECUs have keys of 256 times that. */
    return out->key > 0 && out->key < INT64_MAX / SEV_STORE_ECUS_MAX - 1 ? SEV_OK : SEV_E_STORE;
}

sev_err sev_sql_explain(struct sev_db *db, int64_t vehicle, const struct sev_decision *d)
{
    if (d == NULL)
        return SEV_OK;
    struct sev_query q;
    sev_query_begin(&q, db, vehicle == 0 ? DECISION_ALONE : DECISION_ADD);
    sev_query_put_int(&q, d->time);
    sev_query_put(&q, d->actor);
    sev_query_put(&q, d->what);
    sev_query_put(&q, d->reason);
    if (vehicle != 0)
        sev_query_put_int(&q, vehicle);
    sev_err e = sev_query_run(&q);
    if (e != SEV_OK || vehicle == 0)
        return e;
    sev_query_begin(&q, db, DECISION_LAST);
    sev_query_put_int(&q, vehicle);
    return sev_query_run(&q);
}

/* ----------------------------------------------------------------- vehicles */

struct vehicle_add {
    const struct sev_vehicle *vehicle;
    const struct sev_decision *decision;
};

static sev_err run_vehicle_add(struct sev_db *db, const void *arguments)
{
    const struct vehicle_add *a = arguments;
    struct sev_found found;
    sev_err e = sev_sql_find(db, a->vehicle->id, SEV_EMPTY, &found);
    if (e != SEV_E_NOT_FOUND)
        return e == SEV_OK ? SEV_E_EXISTS : e;
    struct sev_query q;
    sev_query_begin(&q, db, VEHICLE_ADD);
    sev_query_put(&q, a->vehicle->id);
    sev_query_put(&q, a->vehicle->vin);
    sev_query_put(&q, a->vehicle->model);
    sev_query_put_int(&q, (int64_t)a->vehicle->profile);
    int64_t key = 0;
    e = sev_query_number(&q, &key);
    return e != SEV_OK ? e : sev_sql_explain(db, key, a->decision);
}

sev_err sev_sql_vehicle_add(void *self, const struct sev_vehicle *vehicle,
                            const struct sev_decision *decision)
{
    sev_err e = sev_store_check_vehicle(vehicle);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    if (e != SEV_OK)
        return e;
    struct vehicle_add a = {vehicle, decision};
    return sev_sql_write(self, run_vehicle_add, &a);
}

/* --------------------------------------------------------------------- ECUs */

struct ecu_set {
    sev_slice vehicle, primary;
    const struct sev_ecu *ecus;
    uint32_t count;
    const struct sev_decision *decision;
};

/* Parameters: the first and the last key that an ECU of the vehicle may have. */
static void put_range(struct sev_query *q, int64_t vehicle)
{
    sev_query_put_int(q, vehicle * SEV_STORE_ECUS_MAX);
    sev_query_put_int(q, vehicle * SEV_STORE_ECUS_MAX + SEV_STORE_ECUS_MAX - 1);
}

/* An ECU that is registered, beside the one of the same serial that was asked for. */
struct pair {
    int64_t key;
    uint32_t index; /* `count` if none was */
    bool same_key, same_hardware;
};

struct pairs {
    struct pair rows[SEV_STORE_ECUS_MAX];
    uint32_t count;
    uint32_t same; /* in every respect */
};

static void compare(struct sev_query *q, const struct ecu_set *a, struct pair *out)
{
    out->key = sev_query_get_int(q);
    sev_slice serial = sev_query_get(q), hardware_id = sev_query_get(q);
    int64_t type = sev_query_get_int(q);
    sev_slice material = sev_query_get(q);
    out->same_key = out->same_hardware = false;
    for (out->index = 0; out->index < a->count; out->index++) {
        const struct sev_ecu *ecu = &a->ecus[out->index];
        if (!sev_slice_eq(serial, ecu->serial))
            continue;
        out->same_key = type == (int64_t)ecu->key.type &&
                        sev_slice_eq(material, sev_slice_of(ecu->key.material, ecu->key.len));
        out->same_hardware = sev_slice_eq(hardware_id, ecu->hardware_id);
        return;
    }
}

static sev_err pair_up(struct sev_db *db, int64_t vehicle, const struct ecu_set *a,
                       struct pairs *out)
{
    struct sev_query q;
    out->count = out->same = 0;
    sev_query_begin(&q, db, ECU_SET);
    put_range(&q, vehicle);
    while (out->count < SEV_STORE_ECUS_MAX && sev_query_row(&q)) {
        struct pair *pair = &out->rows[out->count++];
        compare(&q, a, pair);
        out->same += pair->same_key && pair->same_hardware;
    }
    return sev_query_end(&q);
}

static sev_err add_ecu(struct sev_db *db, int64_t key, const struct sev_ecu *ecu)
{
    struct sev_query q;
    sev_query_begin(&q, db, ECU_ADD);
    sev_query_put_int(&q, key);
    sev_query_put(&q, ecu->serial);
    sev_query_put(&q, ecu->hardware_id);
    sev_query_put_int(&q, (int64_t)ecu->key.type);
    sev_query_put(&q, sev_slice_of(ecu->key.material, ecu->key.len));
    return sev_query_run(&q);
}

static sev_err set_primary(struct sev_db *db, int64_t vehicle, sev_slice serial, int64_t counter)
{
    struct sev_query q;
    sev_query_begin(&q, db, VEHICLE_PRIMARY);
    sev_query_put(&q, serial);
    sev_query_put_int(&q, counter);
    sev_query_put_int(&q, vehicle);
    return sev_query_run(&q);
}

/* Those that are not among the kept ones of `old`, at numbers that nobody has. */
static sev_err add_new(struct sev_db *db, int64_t vehicle, const struct ecu_set *a,
                       const struct pairs *old)
{
    bool kept[SEV_STORE_ECUS_MAX] = {false}, taken[SEV_STORE_ECUS_MAX] = {false};
    uint32_t number = 0;
    for (uint32_t i = 0; i < old->count; i++)
        if (old->rows[i].same_key) {
            kept[old->rows[i].index] = true;
            taken[(uint64_t)old->rows[i].key % SEV_STORE_ECUS_MAX] = true;
        }
    for (uint32_t i = 0; i < a->count; i++) {
        if (kept[i])
            continue;
        while (taken[number]) /* there are as many numbers as there may be ECUs */
            number++;
        sev_err e = add_ecu(db, vehicle * SEV_STORE_ECUS_MAX + number++, &a->ecus[i]);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

static sev_err run_ecus_register(struct sev_db *db, const void *arguments)
{
    const struct ecu_set *a = arguments;
    struct sev_found found;
    struct pairs old;
    sev_err e = sev_sql_find(db, a->vehicle, a->primary, &found);
    if (e == SEV_OK)
        e = pair_up(db, found.key, a, &old);
    if (e != SEV_OK)
        return e;
    if (old.count != 0 || found.has_primary) {
        bool same = old.count == a->count && old.same == a->count && found.primary_same;
        return same ? SEV_OK : SEV_E_EXISTS;
    }
    e = add_new(db, found.key, a, &old);
    if (e == SEV_OK)
        e = set_primary(db, found.key, a->primary, found.status_counter);
    return e != SEV_OK ? e : sev_sql_explain(db, found.key, a->decision);
}

/* Take away what has to go: another key under the same serial is another ECU. */
static sev_err remove_old(struct sev_db *db, const struct ecu_set *a, const struct pairs *old)
{
    for (uint32_t i = 0; i < old->count; i++) {
        const struct pair *pair = &old->rows[i];
        if (pair->same_key && pair->same_hardware)
            continue;
        struct sev_query q;
        sev_query_begin(&q, db, pair->same_key ? ECU_HARDWARE : ECU_REMOVE);
        if (pair->same_key)
            sev_query_put(&q, a->ecus[pair->index].hardware_id);
        sev_query_put_int(&q, pair->key);
        sev_err e = sev_query_run(&q);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

static bool primary_stays(const struct ecu_set *a, const struct pairs *old)
{
    for (uint32_t i = 0; i < old->count; i++)
        if (old->rows[i].same_key && sev_slice_eq(a->ecus[old->rows[i].index].serial, a->primary))
            return true;
    return false;
}

static sev_err run_ecus_replace(struct sev_db *db, const void *arguments)
{
    const struct ecu_set *a = arguments;
    struct sev_found found;
    struct pairs old;
    sev_err e = sev_sql_find(db, a->vehicle, a->primary, &found);
    if (e == SEV_OK)
        e = pair_up(db, found.key, a, &old);
    if (e == SEV_OK)
        e = remove_old(db, a, &old);
    if (e == SEV_OK)
        e = add_new(db, found.key, a, &old);
    if (e != SEV_OK)
        return e;
    /* Statuses are counted by the Primary: another one begins anew, and what the old one signed
     * is not believed any more. */
    bool same = found.primary_same && primary_stays(a, &old);
    e = set_primary(db, found.key, a->primary, same ? found.status_counter : 0);
    return e != SEV_OK ? e : sev_sql_explain(db, found.key, a->decision);
}

static sev_err change_ecus(void *self, sev_operation *run, const struct ecu_set *a)
{
    sev_err e = sev_store_check_id(a->vehicle);
    if (e == SEV_OK)
        e = sev_store_check_ecus(a->primary, a->ecus, a->count);
    if (e == SEV_OK)
        e = sev_store_check_decision(a->decision);
    return e != SEV_OK ? e : sev_sql_write(self, run, a);
}

sev_err sev_sql_ecus_register(void *self, sev_slice vehicle, sev_slice primary,
                              const struct sev_ecu *ecus, uint32_t count,
                              const struct sev_decision *decision)
{
    struct ecu_set a = {vehicle, primary, ecus, count, decision};
    return change_ecus(self, run_ecus_register, &a);
}

sev_err sev_sql_ecus_replace(void *self, sev_slice vehicle, sev_slice primary,
                             const struct sev_ecu *ecus, uint32_t count,
                             const struct sev_decision *decision)
{
    struct ecu_set a = {vehicle, primary, ecus, count, decision};
    return change_ecus(self, run_ecus_replace, &a);
}

/* ------------------------------------------------------------------- status */

/* Where the ECUs of the news are (`keys` is zero before), if each is there and its counter as
 * expected. REQ-DIR-11 */
static sev_err find_ecus(struct sev_db *db, int64_t vehicle, const struct sev_status_news *n,
                         int64_t keys[SEV_STORE_ECUS_MAX])
{
    struct sev_query q;
    bool as_expected = true;
    sev_query_begin(&q, db, ECU_COUNTERS);
    put_range(&q, vehicle);
    while (sev_query_row(&q)) {
        int64_t key = sev_query_get_int(&q);
        sev_slice serial = sev_query_get(&q);
        int64_t counter = sev_query_get_int(&q);
        for (uint32_t i = 0; i < n->ecu_count; i++)
            if (sev_slice_eq(n->ecus[i].serial, serial)) {
                keys[i] = key;
                as_expected = as_expected && counter == n->ecus[i].expected_counter;
            }
    }
    sev_err e = sev_query_end(&q);
    for (uint32_t i = 0; e == SEV_OK && i < n->ecu_count; i++)
        e = keys[i] != 0 ? SEV_OK : SEV_E_NOT_FOUND;
    return e != SEV_OK ? e : as_expected ? SEV_OK : SEV_E_CONFLICT;
}

static sev_err accept_report(struct sev_db *db, int64_t key, const struct sev_ecu_news *n)
{
    struct sev_query q;
    sev_query_begin(&q, db, ECU_REPORT);
    sev_query_put_int(&q, n->counter);
    sev_query_put(&q, sev_slice_of(n->sha256, sizeof n->sha256));
    sev_query_put(&q, n->installed.name);
    sev_query_put_int(&q, n->installed.length);
    sev_query_put(&q, sev_slice_of(n->installed.sha256, sizeof n->installed.sha256));
    sev_query_put_int(&q, n->installed.release_counter);
    sev_query_put_int(&q, n->boot_count);
    sev_query_put_int(&q, (int64_t)n->attacks);
    sev_query_put(&q, n->report);
    sev_query_put_int(&q, key);
    return sev_query_run(&q);
}

static sev_err run_status_accept(struct sev_db *db, const void *arguments)
{
    const struct sev_status_news *n = arguments;
    struct sev_found found;
    sev_err e = sev_sql_find(db, n->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    if (found.status_counter != n->expected_counter)
        return SEV_E_CONFLICT;
    int64_t keys[SEV_STORE_ECUS_MAX] = {0};
    e = n->ecu_count == 0 ? SEV_OK : find_ecus(db, found.key, n, keys);
    if (e != SEV_OK)
        return e;
    struct sev_query q;
    sev_query_begin(&q, db, VEHICLE_STATUS);
    sev_query_put_int(&q, n->counter);
    if (n->has_base)
        sev_query_put(&q, sev_slice_of(n->base, sizeof n->base));
    else
        sev_query_put_null(&q);
    sev_query_put_int(&q, n->seen);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    for (uint32_t i = 0; e == SEV_OK && i < n->ecu_count; i++)
        e = accept_report(db, keys[i], &n->ecus[i]);
    return e != SEV_OK ? e : sev_sql_explain(db, found.key, n->decision);
}

sev_err sev_sql_status_accept(void *self, const struct sev_status_news *news)
{
    sev_err e = sev_store_check_status(news);
    if (e == SEV_OK)
        e = sev_store_check_decision(news->decision);
    if (e != SEV_OK)
        return e;
    return sev_sql_write(self, run_status_accept, news);
}

/* --------------------------------------------------------------- decisions */

struct refusal {
    sev_slice vehicle;
    const struct sev_decision *decision;
};

static sev_err run_decision_add(struct sev_db *db, const void *arguments)
{
    const struct refusal *r = arguments;
    struct sev_found found;
    sev_err e = sev_sql_find(db, r->vehicle, SEV_EMPTY, &found);
    return e != SEV_OK ? e : sev_sql_explain(db, found.key, r->decision);
}

sev_err sev_sql_decision_add(void *self, sev_slice vehicle, const struct sev_decision *decision)
{
    sev_err e = decision == NULL ? SEV_E_MALFORMED : sev_store_check_decision(decision);
    if (e == SEV_OK)
        e = sev_store_check_id(vehicle);
    struct refusal r = {vehicle, decision};
    return e != SEV_OK ? e : sev_sql_write(self, run_decision_add, &r);
}
