/* driver - queries, whatever the database is. SPDX-License-Identifier: MIT */
#include "driver.h"

const char *sev_sql_text(int which)
{
    static const struct sev_sql_set *const sets[] = {
#define X(set) &sev_sql_set_##set,
        SEV_SQL_SETS(X)
#undef X
    };
    const struct sev_sql_set *set = sets[which / SEV_SQL_SET_MAX];
    int index = which % SEV_SQL_SET_MAX;
    return index < set->count ? set->texts[index] : NULL;
}

void sev_db_close(struct sev_db *db)
{
    if (db->driver != NULL)
        db->driver->close(db);
}

void sev_query_begin(struct sev_query *q, struct sev_db *db, int which)
{
    *q = (struct sev_query){.db = db, .which = which};
    db->driver->begin(q);
}

void sev_query_put(struct sev_query *q, sev_slice bytes)
{
    if (q->error == SEV_OK)
        q->db->driver->put(q, bytes);
    q->next++;
}

void sev_query_put_int(struct sev_query *q, int64_t number)
{
    if (q->error == SEV_OK)
        q->db->driver->put_int(q, number);
    q->next++;
}

void sev_query_put_null(struct sev_query *q)
{
    if (q->error == SEV_OK)
        q->db->driver->put_null(q);
    q->next++;
}

bool sev_query_row(struct sev_query *q)
{
    if (q->error != SEV_OK || q->over)
        return false;
    q->next = 0;
    bool row = q->db->driver->row(q);
    q->over = !row;
    return row;
}

bool sev_query_is_null(const struct sev_query *q)
{
    return q->db->driver->is_null(q);
}

sev_slice sev_query_get(struct sev_query *q)
{
    sev_slice bytes = q->db->driver->get(q);
    q->next++;
    return bytes;
}

int64_t sev_query_get_int(struct sev_query *q)
{
    int64_t number = q->db->driver->get_int(q);
    q->next++;
    return number;
}

void sev_query_get_exactly(struct sev_query *q, uint8_t *out, size_t len)
{
    sev_slice found = sev_query_get(q);
    if (found.ptr == NULL || found.len != len)
        q->error = SEV_E_STORE;
    else
        memcpy(out, found.ptr, len);
}

sev_err sev_query_end(struct sev_query *q)
{
    if (q->db != NULL)
        q->db->driver->end(q);
    return q->error;
}

sev_err sev_query_run(struct sev_query *q)
{
    (void)sev_query_row(q);
    return sev_query_end(q);
}

sev_err sev_query_number(struct sev_query *q, int64_t *out)
{
    int64_t number = sev_query_row(q) ? sev_query_get_int(q) : 0;
    sev_err e = sev_query_end(q);
    if (e == SEV_OK)
        *out = number;
    return e;
}
