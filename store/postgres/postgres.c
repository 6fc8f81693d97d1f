/* postgres - the driver of PostgreSQL: one process writes at a time, as with a file, so that what
 * an operation read cannot change under it. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_MAX 60 /* savepoints: beyond 64 in a transaction PostgreSQL makes readers slow */
#define RESOLVE_MS 10000

/* ------------------------------------------------------------- connections */

static void close_db(struct sev_db *db)
{
    struct connection *c = db->connection;
    if (c == NULL)
        return;
    sev_pg_disconnect(c);
    memset(c->place, 0, sizeof c->place); /* there may be a password in it */
    free(c);
    db->connection = NULL;
}

static sev_err new_connection(const char *place, bool writer, struct connection **out)
{
    char *complaint = NULL;
    PQconninfoOption *options = PQconninfoParse(place, &complaint);
    PQfreemem(complaint);
    if (options == NULL)
        return SEV_E_CONFIG;
    PQconninfoFree(options);
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SEV_E_MEMORY;
    c->writer = writer;
    snprintf(c->place, sizeof c->place, "%s", place);
    *out = c;
    return SEV_OK;
}

static sev_err open_reader(const char *place, struct sev_db *out)
{
    struct connection *c = NULL;
    sev_err e = new_connection(place, false, &c);
    if (e == SEV_OK)
        *out = (struct sev_db){&sev_driver_postgres, c};
    return e; /* it connects when it is used */
}

static sev_err open_writer(const char *text, struct sev_db *out, char out_place[SEV_DB_PLACE_MAX])
{
    struct connection *c = NULL;
    if (strlen(text) >= SEV_DB_PLACE_MAX)
        return SEV_E_BAD_NAME;
    sev_err e = new_connection(text, true, &c);
    if (e != SEV_OK)
        return e;
    e = sev_pg_connect(c);
    if (e == SEV_OK)
        e = sev_pg_migrate(c);
    if (e == SEV_OK)
        e = sev_pg_prepare_all(c);
    struct sev_db db = {&sev_driver_postgres, c};
    if (e != SEV_OK) {
        close_db(&db);
        return e;
    }
    snprintf(out_place, SEV_DB_PLACE_MAX, "%s", text);
    *out = db;
    return SEV_OK;
}

/* ------------------------------------------------------------ transactions */

static bool in_transaction(const struct sev_db *db)
{
    const struct connection *c = db->connection;
    PGTransactionStatusType status = PQtransactionStatus(c->pg);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

/* The lock is held until the end of the transaction, after others can see what it did. The number
 * is for the case that the connection is lost before COMMIT is answered. */
static sev_err begin_once(struct connection *c)
{
    PGresult *result = NULL;
    sev_err e = sev_pg_connect(c);
    if (e == SEV_OK)
        e = sev_pg_send(c, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if (e == SEV_OK)
        e = sev_pg_send(c, SEV_PG_LOCK);
    if (e == SEV_OK)
        e = sev_pg_send(c, "SELECT pg_current_xact_id()::text");
    if (e == SEV_OK)
        e = sev_pg_answers(c, &result);
    if (e == SEV_OK && PQntuples(result) == 1)
        c->transaction = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return e;
}

/* The server may have been started anew since the last time: nothing was asked of it yet. */
static sev_err begin(struct connection *c)
{
    bool had = c->pg != NULL;
    sev_err e = begin_once(c);
    return e != SEV_OK && had && c->pg == NULL ? begin_once(c) : e;
}

static sev_err outcome(struct connection *c, uint64_t transaction, bool *out_known)
{
    char text[80];
    PGresult *result = NULL;
    snprintf(text, sizeof text, "SELECT pg_xact_status('%llu'::xid8)",
             (unsigned long long)transaction);
    sev_err e = sev_pg_connect(c);
    if (e == SEV_OK)
        e = sev_pg_send(c, text);
    if (e == SEV_OK)
        e = sev_pg_answers(c, &result);
    if (e != SEV_OK)
        return e;
    bool done = strcmp(PQgetvalue(result, 0, 0), "committed") == 0;
    *out_known = strcmp(PQgetvalue(result, 0, 0), "in progress") != 0;
    PQclear(result);
    return done ? SEV_OK : SEV_E_IO;
}

/* The connection was lost while COMMIT was on its way: ask what became of it. Only when nobody can
 * say for RESOLVE_MS is SEV_E_IO said of something that may have happened. */
static sev_err resolve(struct connection *c, uint64_t transaction)
{
    int64_t until = sev_pg_now_ms() + RESOLVE_MS;
    bool known = false;
    sev_err e = SEV_E_IO;
    while (!known && sev_pg_now_ms() < until) {
        e = outcome(c, transaction, &known);
        if (!known)
            (void)nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return e == SEV_OK ? SEV_OK : SEV_E_IO;
}

static sev_err commit(struct connection *c)
{
    PGresult *result = NULL;
    uint64_t transaction = c->transaction;
    sev_err e = sev_pg_send(c, "COMMIT");
    if (e != SEV_OK)
        return e; /* never sent */
    e = sev_pg_answers(c, &result);
    /* COMMIT of a transaction that failed is answered by ROLLBACK. */
    bool done = e == SEV_OK && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    if (e != SEV_OK && c->pg == NULL)
        return resolve(c, transaction);
    return e != SEV_OK ? e : done ? SEV_OK : SEV_E_STORE;
}

static sev_err say(struct connection *c, const char *text)
{
    sev_err e = sev_pg_send(c, text);
    return e != SEV_OK ? e : sev_pg_answers(c, NULL);
}

/* What was put off belongs to the operation that is undone, and may have failed. */
static sev_err undo(struct connection *c)
{
    if (c->pending != 0) {
        sev_err ignored = sev_pg_answers(c, NULL);
        (void)ignored;
    }
    return say(c, "ROLLBACK TO SAVEPOINT operation");
}

static sev_err step(struct sev_db *db, enum sev_step which)
{
    struct connection *c = db->connection;
    switch (which) {
    case SEV_STEP_BEGIN:
        return begin(c);
    case SEV_STEP_COMMIT:
        return commit(c);
    case SEV_STEP_ROLLBACK:
        return say(c, "ROLLBACK");
    case SEV_STEP_SAVEPOINT:
        return sev_pg_send(c, "SAVEPOINT operation"); /* goes out with the first question */
    case SEV_STEP_RELEASE:
        return say(c, "RELEASE SAVEPOINT operation");
    case SEV_STEP_UNDO:
        return undo(c);
    case SEV_STEP_COUNT:
        break;
    }
    return SEV_E_BUG;
}

static void tidy(struct sev_db *db)
{
    (void)db;
}

/* ----------------------------------------------------------------- queries */

static void query_begin(struct sev_query *q)
{
    ((struct connection *)q->db->connection)->count = 0;
}

static void put_value(struct sev_query *q, const void *value, size_t len)
{
    struct connection *c = q->db->connection;
    if (c->count == PARAMETERS_MAX || len > SEV_DB_CELL_BYTES_MAX) {
        q->error = SEV_E_BUG;
        return;
    }
    c->values[c->count] = value;
    c->lengths[c->count++] = (int)len;
}

static void put(struct sev_query *q, sev_slice bytes)
{
    put_value(q, bytes.len == 0 ? "" : (const void *)bytes.ptr, bytes.len);
}

static void put_int(struct sev_query *q, int64_t number)
{
    struct connection *c = q->db->connection;
    uint8_t *out = c->numbers[c->count % PARAMETERS_MAX];
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    put_value(q, out, 8);
}

static void put_null(struct sev_query *q)
{
    put_value(q, NULL, 0);
}

/* A writer's statement without rows goes out with the next one that has some, or at the end of the
 * operation: what comes of it is seen there. */
static sev_err execute(struct sev_query *q)
{
    struct connection *c = q->db->connection;
    PGresult *result = NULL;
    sev_err e = c->writer ? SEV_OK : sev_pg_connect(c);
    if (e == SEV_OK)
        e = sev_pg_send_prepared(c, q->which);
    if (e == SEV_OK && (!c->writer || c->has_rows[q->which] || c->pending >= BATCH_MAX))
        e = sev_pg_answers(c, &result);
    q->result = result;
    return e;
}

static bool row(struct sev_query *q)
{
    struct connection *c = q->db->connection;
    if (q->row == 0) {
        bool had = c->pg != NULL;
        q->error = execute(q);
        /* A reader whose server was started anew asks the new one. */
        if (q->error != SEV_OK && !c->writer && had && c->pg == NULL)
            q->error = execute(q);
    }
    return q->error == SEV_OK && q->result != NULL && q->row++ < PQntuples(q->result);
}

static bool is_null(const struct sev_query *q)
{
    return PQgetisnull(q->result, q->row - 1, q->next) != 0;
}

static sev_slice get(struct sev_query *q)
{
    int len = PQgetlength(q->result, q->row - 1, q->next);
    return len == 0 ? SEV_EMPTY
                    : sev_slice_of((const uint8_t *)PQgetvalue(q->result, q->row - 1, q->next),
                                   (size_t)len);
}

static int64_t get_int(struct sev_query *q)
{
    sev_slice bytes = get(q);
    if (bytes.len == 0)
        return 0; /* NULL */
    /* Of four bytes or eight; the first has the sign. */
    uint64_t number = bytes.ptr[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | bytes.ptr[i];
    return (int64_t)number;
}

static void query_end(struct sev_query *q)
{
    PQclear(q->result);
    q->result = NULL;
}

const struct sev_driver sev_driver_postgres = {
    .group_max = GROUP_MAX,
    .open_writer = open_writer,
    .open_reader = open_reader,
    .close = close_db,
    .step = step,
    .in_transaction = in_transaction,
    .tidy = tidy,
    .begin = query_begin,
    .put = put,
    .put_int = put_int,
    .put_null = put_null,
    .row = row,
    .is_null = is_null,
    .get = get,
    .get_int = get_int,
    .end = query_end,
};
