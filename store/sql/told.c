/* told - what vehicles tell unsigned, each thing once and not more than a bound of it.
 * SPDX-License-Identifier: MIT */
#include "secureev/store_told.h"

#include "campaign.h"

/* clang-format off */
#define TABLE(X) \
    X(TOLD_ADD, "INSERT INTO told (vehicle, id, type, ecu, correlation_id, outcome, told, heard) " \
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (vehicle, id) DO NOTHING") \
    X(TOLD_CROWDED, "DELETE FROM told WHERE vehicle = $1 AND key <= (" \
        "SELECT key FROM told WHERE vehicle = $1 ORDER BY key DESC " \
        "LIMIT 1 OFFSET CAST($2 AS bigint))") \
    X(TOLD_LIST, "SELECT v.key, t.id, t.type, t.ecu, t.correlation_id, t.outcome, t.told, t.heard " \
        "FROM vehicle v LEFT JOIN told t ON t.vehicle = v.key WHERE v.id = $1 " \
        "ORDER BY t.key DESC LIMIT $2")
/* clang-format on */
SEV_SQL_STATEMENTS(told, TABLE);

_Static_assert(SEV_TOLD_OPEN == 0 && SEV_TOLD_FAILED == 1 && SEV_TOLD_DONE == 2,
               "0006 has them so");

static bool fits(const struct sev_told *t)
{
    return sev_store_text_fits(t->id, 1, SEV_TOLD_TEXT_BYTES_MAX) &&
           sev_store_text_fits(t->type, 1, SEV_TOLD_TEXT_BYTES_MAX) &&
           sev_store_text_fits(t->ecu, 0, SEV_ID_BYTES_MAX) &&
           sev_store_text_fits(t->correlation_id, 0, SEV_ID_BYTES_MAX) &&
           t->outcome <= SEV_TOLD_DONE && sev_store_number_fits(t->when) &&
           sev_store_number_fits(t->heard);
}

struct putting {
    sev_slice vehicle;
    const struct sev_told *told;
    uint32_t count;
};

static sev_err add(struct sev_db *db, int64_t vehicle, const struct sev_told *t)
{
    struct sev_query q;
    sev_query_begin(&q, db, TOLD_ADD);
    sev_query_put_int(&q, vehicle);
    sev_query_put(&q, t->id);
    sev_query_put(&q, t->type);
    sev_query_put(&q, t->ecu);
    sev_query_put(&q, t->correlation_id);
    sev_query_put_int(&q, (int64_t)t->outcome);
    sev_query_put_int(&q, t->when);
    sev_query_put_int(&q, t->heard);
    return sev_query_run(&q);
}

static sev_err run_put(struct sev_db *db, const void *arguments)
{
    const struct putting *p = arguments;
    struct sev_found found;
    struct sev_query q;
    sev_err e = sev_sql_find(db, p->vehicle, SEV_EMPTY, &found);
    for (uint32_t i = 0; e == SEV_OK && i < p->count; i++)
        e = add(db, found.key, &p->told[i]);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, TOLD_CROWDED);
    sev_query_put_int(&q, found.key);
    sev_query_put_int(&q, SEV_TOLD_KEPT);
    return sev_query_run(&q);
}

static sev_err put(void *self, sev_slice vehicle, const struct sev_told *told, uint32_t count)
{
    struct putting p = {vehicle, told, count};
    sev_err e = count <= SEV_TOLD_KEPT ? sev_store_check_id(vehicle) : SEV_E_MALFORMED;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        e = fits(&told[i]) ? SEV_OK : SEV_E_MALFORMED;
    return e == SEV_OK ? sev_sql_write(self, run_put, &p) : e;
}

struct told_row {
    struct told_row *next;
    struct sev_told is;
};

static void read_told(struct sev_read *r, struct sev_told *t)
{
    memset(t, 0, sizeof *t);
    t->id = sev_read_text(r);
    t->type = sev_read_text(r);
    t->ecu = sev_read_text(r);
    t->correlation_id = sev_read_text(r);
    int64_t outcome = sev_read_number(r);
    t->when = sev_read_number(r);
    t->heard = sev_read_number(r);
    if (outcome < 0 || outcome > SEV_TOLD_DONE)
        r->error = SEV_E_STORE;
    else
        t->outcome = (enum sev_told_outcome)outcome;
}

static sev_err list(void *self, sev_slice vehicle, uint32_t count_max, struct sev_arena *arena,
                    sev_told_visit *visit, void *context)
{
    struct sev_read r;
    struct told_row *first = NULL, **last = &first, *row;
    bool found = false;
    sev_read_begin(&r, self, arena, TOLD_LIST);
    sev_query_put(&r.q, vehicle);
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r)) {
        found = true;
        (void)sev_read_number(&r);
        if (sev_query_is_null(&r.q) || (row = sev_read_take(&r, sizeof *row)) == NULL)
            break; /* it told nothing */
        row->next = NULL;
        read_told(&r, &row->is);
        *last = row;
        last = &row->next;
    }
    sev_err e = sev_read_end(&r);
    if (e == SEV_OK && !found && count_max != 0)
        e = SEV_E_NOT_FOUND;
    for (row = first; e == SEV_OK && row != NULL && visit(context, &row->is);)
        row = row->next;
    return e;
}

const struct sev_told_ops sev_sql_told_ops = {.put = put, .list = list};
