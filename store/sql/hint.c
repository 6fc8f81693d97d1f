/* hint - what hints are made from.  SPDX-License-Identifier: MIT */
#include "secureev/store_hint.h"

#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(NEWEST, "SELECT coalesce(max(key), 0) FROM decision") \
    X(ASSIGNED, "SELECT d.key, v.id FROM decision d JOIN vehicle v ON v.key = d.vehicle " \
        "WHERE d.key > $1 AND d.key <= $2 AND d.what = $3 ORDER BY d.key LIMIT $4")
/* clang-format on */
SEV_SQL_STATEMENTS(hint, TABLE);

static sev_err newest(void *self, int64_t *out)
{
    struct sev_read r;
    uint8_t room[64];
    struct sev_arena arena = sev_arena_of(room, sizeof room);
    int64_t key = 0;
    sev_read_begin(&r, self, &arena, NEWEST);
    if (sev_read_row(&r))
        key = sev_read_number(&r);
    sev_err e = sev_read_end(&r);
    if (e == SEV_OK)
        *out = key;
    return e;
}

struct hint_row {
    struct hint_row *next;
    int64_t key;
    sev_slice vehicle;
};

static sev_err assigned(void *self, int64_t after, int64_t upto, uint32_t count_max,
                        struct sev_arena *arena, sev_hint_visit *visit, void *context)
{
    struct sev_read r;
    struct hint_row *first = NULL, **last = &first, *row;
    sev_read_begin(&r, self, arena, ASSIGNED);
    sev_query_put_int(&r.q, after);
    sev_query_put_int(&r.q, upto);
    sev_query_put(&r.q, SEV_LIT("assign"));
    sev_query_put_int(&r.q, count_max);
    while (sev_read_row(&r) && (row = sev_read_take(&r, sizeof *row)) != NULL) {
        *row = (struct hint_row){.key = sev_read_number(&r)};
        row->vehicle = sev_read_text(&r);
        *last = row;
        last = &row->next;
    }
    sev_err e = sev_read_end(&r);
    for (row = first; e == SEV_OK && row != NULL && visit(context, row->key, row->vehicle);)
        row = row->next;
    return e;
}

const struct sev_hint_ops sev_sql_hint_ops = {.newest = newest, .assigned = assigned};
