/* migrate - whose database it is, and up to which migration. SPDX-License-Identifier: MIT */
#include "connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sev_err run(PGconn *pg, const char *text)
{
    PGresult *result = PQexec(pg, text);
    sev_err e = sev_pg_err(result);
    PQclear(result);
    return e;
}

/* What the database says is done must be what we would have done, in our order and no more. */
static sev_err judge(const PGresult *done)
{
    if (PQntuples(done) > sev_migration_count)
        return SEV_E_CONFIG;
    for (int i = 0; i < PQntuples(done); i++)
        if (strtol(PQgetvalue(done, i, 0), NULL, 10) != i + 1 ||
            strcmp(PQgetvalue(done, i, 1), sev_migrations_postgres[i].sha256) != 0)
            return SEV_E_CONFIG;
    return SEV_OK;
}

/* A schema in which something is, but not our table, belongs to another program. */
static sev_err look(PGconn *pg, bool *out_begun)
{
    PGresult *found =
        PQexec(pg, "SELECT (to_regclass('secureev_migration') IS NOT NULL)::int, (SELECT count(*) "
                   "FROM pg_class WHERE relnamespace = current_schema()::regnamespace), "
                   "(current_schema() IS NULL)::int");
    sev_err e = sev_pg_err(found);
    if (e == SEV_OK) {
        *out_begun = strcmp(PQgetvalue(found, 0, 0), "1") == 0;
        bool empty = strcmp(PQgetvalue(found, 0, 1), "0") == 0;
        bool nowhere = strcmp(PQgetvalue(found, 0, 2), "1") == 0;
        if (nowhere || (!*out_begun && !empty))
            e = SEV_E_CONFIG;
    }
    PQclear(found);
    return e;
}

static sev_err find_done(PGconn *pg, int *out_count)
{
    bool begun = false;
    sev_err e = look(pg, &begun);
    if (e != SEV_OK || !begun) {
        *out_count = 0;
        return e;
    }
    PGresult *done = PQexec(pg, "SELECT number, sha256 FROM secureev_migration ORDER BY number");
    e = PQresultStatus(done) == PGRES_TUPLES_OK ? judge(done) : sev_pg_err(done);
    *out_count = PQntuples(done);
    PQclear(done);
    return e == SEV_E_STORE ? SEV_E_CONFIG : e; /* a table of that name that is not ours */
}

static sev_err apply(PGconn *pg, int index)
{
    const struct sev_migration *m = &sev_migrations_postgres[index];
    char row[300];
    sev_err e = run(pg, m->sql);
    snprintf(row, sizeof row,
             "INSERT INTO secureev_migration (number, name, sha256) VALUES (%d, '%s', '%s')",
             index + 1, m->name, m->sha256);
    return e != SEV_OK ? e : run(pg, row);
}

static sev_err migrate(PGconn *pg)
{
    int count = 0;
    sev_err e = run(pg, SEV_PG_LOCK);
    if (e == SEV_OK)
        e = find_done(pg, &count);
    if (e == SEV_OK && count < sev_migration_count)
        e = run(pg, "SET LOCAL statement_timeout = 0;"
                    "CREATE TABLE IF NOT EXISTS secureev_migration (number integer PRIMARY KEY, "
                    "name text NOT NULL, sha256 text NOT NULL, "
                    "applied_at timestamptz NOT NULL DEFAULT now())");
    for (; e == SEV_OK && count < sev_migration_count; count++)
        e = apply(pg, count);
    return e;
}

sev_err sev_pg_migrate(struct connection *c)
{
    sev_err e = run(c->pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if (e != SEV_OK)
        return e;
    e = migrate(c->pg);
    sev_err end = run(c->pg, e == SEV_OK ? "COMMIT" : "ROLLBACK");
    return e != SEV_OK ? e : end;
}
