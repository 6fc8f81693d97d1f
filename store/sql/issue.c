/* issue - the operations that say what a vehicle is to have, and what it was given.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(VEHICLE_VERSION, "UPDATE vehicle SET status_version = $1 WHERE key = $2") \
    X(INVALIDATIONS, "SELECT count(*) FROM invalidation") \
    X(ASSIGNMENT_VERSION, "SELECT version FROM assignment WHERE vehicle = $1") \
    X(ASSIGN, "INSERT INTO assignment (vehicle, version, bundle_id, correlation_id, targets, " \
        "groups) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (vehicle) DO UPDATE SET " \
        "version = excluded.version, bundle_id = excluded.bundle_id, " \
        "correlation_id = excluded.correlation_id, targets = excluded.targets, " \
        "groups = excluded.groups") \
    X(FILE_VERSION, "SELECT version FROM file WHERE vehicle = $1 AND role = $2") \
    X(FILE_PUT, "INSERT INTO file (vehicle, role, version, expires, bundle_version, bytes) " \
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (vehicle, role) DO UPDATE SET " \
        "version = excluded.version, expires = excluded.expires, " \
        "bundle_version = excluded.bundle_version, bytes = excluded.bytes")
/* clang-format on */
SEV_SQL_STATEMENTS(issue, TABLE);

struct assign {
    const struct sev_assignment *assignment;
    const struct sev_decision *decision;
};

sev_err sev_sql_assign_now(struct sev_db *db, const struct sev_assignment *a,
                           const struct sev_decision *decision)
{
    struct sev_found found;
    struct sev_query q;
    int64_t version = 0, invalidations = 0;
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, INVALIDATIONS);
    e = sev_query_number(&q, &invalidations);
    if (e != SEV_OK || a->invalidations != invalidations)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    sev_query_begin(&q, db, ASSIGNMENT_VERSION);
    sev_query_put_int(&q, found.key);
    e = sev_query_number(&q, &version);
    if (e != SEV_OK || a->version != version + 1)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    sev_query_begin(&q, db, ASSIGN);
    sev_query_put_int(&q, found.key);
    sev_query_put_int(&q, a->version);
    sev_query_put(&q, a->bundle_id);
    sev_query_put(&q, a->correlation_id);
    sev_query_put(&q, a->targets);
    sev_query_put(&q, a->groups);
    e = sev_query_run(&q);
    if (e != SEV_OK)
        return e;
    return sev_sql_explain(db, found.key, decision);
}

static sev_err run_assign(struct sev_db *db, const void *arguments)
{
    const struct assign *a = arguments;
    return sev_sql_assign_now(db, a->assignment, a->decision);
}

sev_err sev_sql_assign(void *self, const struct sev_assignment *assignment,
                       const struct sev_decision *decision)
{
    sev_err e = sev_store_check_assignment(assignment);
    if (e == SEV_OK)
        e = sev_store_check_decision(decision);
    if (e != SEV_OK)
        return e;
    struct assign a = {assignment, decision};
    return sev_sql_write(self, run_assign, &a);
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
    sev_query_begin(&q, db, FILE_VERSION);
    sev_query_put_int(&q, vehicle);
    sev_query_put_int(&q, role);
    sev_err e = sev_query_number(&q, &version);
    if (e != SEV_OK || version != expected)
        return e != SEV_OK ? e : SEV_E_CONFLICT;
    if (file->version == 0)
        return SEV_OK;
    sev_query_begin(&q, db, FILE_PUT);
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
    sev_err e = sev_sql_find(db, a->vehicle, SEV_EMPTY, &found);
    if (e != SEV_OK)
        return e;
    if (a->status_version < found.status_version)
        return SEV_E_CONFLICT;
    for (int role = 0; e == SEV_OK && role < SEV_STORE_ROLES; role++)
        e = put_file(db, found.key, role, &a->files->files[role], a->expected[role]);
    if (e != SEV_OK)
        return e;
    sev_query_begin(&q, db, VEHICLE_VERSION);
    sev_query_put_int(&q, a->status_version);
    sev_query_put_int(&q, found.key);
    e = sev_query_run(&q);
    return e != SEV_OK ? e : sev_sql_explain(db, found.key, a->decision);
}

sev_err sev_sql_files_put(void *self, sev_slice vehicle, const int64_t expected[SEV_STORE_ROLES],
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
    return sev_sql_write(self, run_files_put, &a);
}
