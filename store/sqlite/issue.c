/* issue - the operations that say what a vehicle is to have, and what it was given.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

/* The one integer that a query gives, 0 if it gives no row. Ends the query. */
static sev_err only_number(struct sev_query *q, int64_t *out)
{
    *out = sev_query_row(q) ? sev_query_get_int(q) : 0;
    return sev_query_end(q);
}

struct assign {
    const struct sev_assignment *assignment;
    const struct sev_decision *decision;
};

static sev_err run_assign(struct sev_db *db, const void *arguments)
{
    const struct sev_assignment *a = ((const struct assign *)arguments)->assignment;
    struct sev_found found;
    struct sev_query q;
    int64_t version = 0;
    sev_err e = sev_sqlite_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, SEV_SQL_ASSIGNMENT_VERSION);
    sev_query_put_int(&q, found.key);
    e = only_number(&q, &version);
    if (e != SEV_OK || a->version != version + 1)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    sev_query_begin(&q, db, SEV_SQL_ASSIGN);
    sev_query_put_int(&q, found.key);
    sev_query_put_int(&q, a->version);
    sev_query_put(&q, a->bundle_id);
    sev_query_put(&q, a->correlation_id);
    sev_query_put(&q, a->targets);
    sev_query_put(&q, a->groups);
    e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    return sev_sqlite_explain(db, found.key, ((const struct assign *)arguments)->decision);
}

sev_err sev_sqlite_assign(void *self, const struct sev_assignment *assignment,
                          const struct sev_decision *decision)
{
    sev_err e = sev_store_check_assignment(assignment);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    if (e != SEV_OK)
        return e;
    struct assign a = {assignment, decision};
    return sev_writer_do(&((struct sev_sqlite *)self)->writer, run_assign, &a);
}

struct files_put {
    sev_slice vehicle;
    const int64_t *expected;
    const struct sev_issued *files;
    int64_t status_version;
    const struct sev_decision *decision;
};

static sev_err put_file(struct sev_db *db, int64_t vehicle, int role,
                        const struct sev_stored_file *file, int64_t expected)
{
    struct sev_query q;
    int64_t version = 0;
    sev_query_begin(&q, db, SEV_SQL_FILE_VERSION);
    sev_query_put_int(&q, vehicle);
    sev_query_put_int(&q, role);
    sev_err e = only_number(&q, &version);
    if (e != SEV_OK || version != expected)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    if (file->version == 0)
        return SEV_OK;
    sev_query_begin(&q, db, SEV_SQL_FILE_PUT);
    sev_query_put_int(&q, vehicle);
    sev_query_put_int(&q, role);
    sev_query_put_int(&q, file->version);
    sev_query_put_int(&q, file->expires);
    sev_query_put_int(&q, file->bundle_version);
    sev_query_put(&q, file->bytes);
    return sev_query_run(&q);
}

static sev_err run_files_put(struct sev_db *db, const void *arguments)
{
    const struct files_put *a = arguments;
    struct sev_found found;
    struct sev_query q;
    sev_err e = sev_sqlite_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    if (a->status_version < found.status_version)
        return SEV_E_CONFLICT;
    for (int role = 0; e == SEV_OK && role < SEV_STORE_ROLES; role++)
        e = put_file(db, found.key, role, &a->files->files[role], a->expected[role]);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, SEV_SQL_VEHICLE_VERSION);
    sev_query_put_int(&q, a->status_version);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    return e != SEV_OK ? e : sev_sqlite_explain(db, found.key, a->decision);
}

sev_err sev_sqlite_files_put(void *self, sev_slice vehicle, const int64_t expected[SEV_STORE_ROLES],
                             const struct sev_issued *files, int64_t status_version,
                             const struct sev_decision *decision)
{
    sev_err e = sev_store_check_id(vehicle);
    if (e == SEV_OK)
        e = sev_store_check_files(expected, files, status_version);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    if (e != SEV_OK)
        return e;
    struct files_put a = {vehicle, expected, files, status_version, decision};
    return sev_writer_do(&((struct sev_sqlite *)self)->writer, run_files_put, &a);
}
