/* connection - a PostgreSQL connection. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "connection.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define INT8 20 /* PostgreSQL's numbers of types */
#define INT4 23
#define BYTEA 17

int64_t sev_pg_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* By class, or where the class says too little by the whole code. */
sev_err sev_pg_err(const PGresult *result)
{
    static const struct {
        const char *begin;
        sev_err error;
    } table[] = {
        {"40", SEV_E_BUSY},      /* somebody else's transaction */
        {"55P03", SEV_E_BUSY},   /* a lock was not to be had in time */
        {"57014", SEV_E_BUSY},   /* neither was an answer */
        {"53300", SEV_E_BUSY},   /* too many connections */
        {"53200", SEV_E_MEMORY}, /* the server's */
        {"08", SEV_E_IO},        /* the connection */
        {"25", SEV_E_IO},        /* a standby; or a transaction that was ended */
        {"28", SEV_E_IO},        /* who are you? */
        {"3D", SEV_E_IO},        /* no such database */
        {"42501", SEV_E_IO},     /* not allowed */
        {"53", SEV_E_IO},        /* the disk is full */
        {"55000", SEV_E_IO},     /* a standby */
        {"57", SEV_E_IO},        /* shut down */
        {"58", SEV_E_IO},        /* its system failed it */
        {"22", SEV_E_BUG},       {"23", SEV_E_BUG},
    };
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_SYNC:
        return SEV_OK;
    default:
        break;
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL)
        return SEV_E_IO; /* libpq's own: the connection */
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(state, table[i].begin, strlen(table[i].begin)) == 0)
            return table[i].error;
    return SEV_E_STORE;
}

/* ----------------------------------------------------------------- sessions */

void sev_pg_disconnect(struct connection *c)
{
    PQfinish(c->pg);
    c->pg = NULL;
    c->pending = 0;
    c->transaction = 0;
    c->names = c->names_good = 0;
    memset(c->prepared, 0, sizeof c->prepared);
}

/* What is told to be done is on the disk, also where the server's default says otherwise. The
 * time-outs are the server's, so that a process that hangs gives up what others wait for. */
static sev_err settle(PGconn *pg)
{
    static const char text[] = "SELECT set_config('synchronous_commit', 'on', false) "
                               "WHERE current_setting('synchronous_commit') = 'off';"
                               "SET lock_timeout = 5000; SET statement_timeout = 10000;"
                               "SET idle_in_transaction_session_timeout = 10000; SET jit = off;"
                               "SET client_min_messages = warning";
    PGresult *result = PQexec(pg, text);
    sev_err e = sev_pg_err(result);
    PQclear(result);
    return e;
}

static void say_nothing(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

/* What stands in the text comes last, and wins. */
static PGconn *dial(const char *text)
{
    const char *const names[] = {"fallback_application_name", "connect_timeout", "tcp_user_timeout",
                                 "dbname", NULL};
    const char *const values[] = {"secureev", CONNECT_SECONDS, "10000", text, NULL};
    return PQconnectdbParams(names, values, 1);
}

sev_err sev_pg_connect(struct connection *c)
{
    if (c->pg != NULL)
        return SEV_OK;
    if (sev_pg_now_ms() < c->again_ms)
        return SEV_E_IO;
    PGconn *pg = dial(c->place);
    if (pg == NULL)
        return SEV_E_MEMORY;
    sev_err e = PQstatus(pg) == CONNECTION_OK ? SEV_OK : SEV_E_IO;
    (void)PQsetNoticeReceiver(pg, say_nothing, NULL);
    if (e == SEV_OK)
        e = settle(pg);
    if (e != SEV_OK) {
        PQfinish(pg);
        c->again_ms = sev_pg_now_ms() + AGAIN_MS;
        return e;
    }
    c->pg = pg;
    return SEV_OK;
}

/* ------------------------------------------------------------------ batches */

static sev_err lost(struct connection *c)
{
    sev_pg_disconnect(c);
    return SEV_E_IO;
}

/* Everything after the first statement is sent and received without waiting in libpq. */
static bool ready(struct connection *c)
{
    return PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF ||
           (PQsetnonblocking(c->pg, 1) == 0 && PQenterPipelineMode(c->pg) == 1);
}

sev_err sev_pg_send(struct connection *c, const char *text)
{
    if (c->pg == NULL)
        return SEV_E_IO;
    if (!ready(c) || PQsendQueryParams(c->pg, text, 0, NULL, NULL, NULL, NULL, 1) != 1)
        return lost(c);
    c->pending++;
    return SEV_OK;
}

/* Where it fails, nobody knows whether the server has the statement: the next try has another
 * name. */
static sev_err send_prepare(struct connection *c, int which)
{
    char name[16];
    snprintf(name, sizeof name, "s%u", (unsigned)c->names + 1);
    if (PQsendPrepare(c->pg, name, sev_sql_text(which), 0, NULL) != 1)
        return lost(c);
    c->prepared[which] = ++c->names;
    c->pending++;
    return SEV_OK;
}

static void forget_doubtful(struct connection *c)
{
    for (int i = 0; i < SEV_SQL_COUNT; i++)
        if (c->prepared[i] > c->names_good)
            c->prepared[i] = 0;
}

sev_err sev_pg_send_prepared(struct connection *c, int which)
{
    static const int binary[PARAMETERS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    char name[16];
    if (c->pg == NULL)
        return SEV_E_IO;
    if (!ready(c))
        return lost(c);
    sev_err e = c->prepared[which] != 0 ? SEV_OK : send_prepare(c, which);
    if (e != SEV_OK)
        return e;
    snprintf(name, sizeof name, "s%u", (unsigned)c->prepared[which]);
    if (PQsendQueryPrepared(c->pg, name, c->count, c->values, c->lengths, binary, 1) != 1)
        return lost(c);
    c->pending++;
    return SEV_OK;
}

/* Wait until something can be done, at most until the deadline. */
static bool await(PGconn *pg, bool to_write, int64_t deadline)
{
    struct pollfd p = {.fd = PQsocket(pg), .events = POLLIN};
    int64_t left = deadline - sev_pg_now_ms();
    if (to_write)
        p.events |= POLLOUT;
    return p.fd >= 0 && left > 0 && (poll(&p, 1, (int)left) >= 0 || PQstatus(pg) == CONNECTION_OK);
}

/* The next answer, or NULL between two; false when the connection is lost. */
static bool next_answer(PGconn *pg, int64_t deadline, PGresult **out)
{
    int unsent;
    while ((unsent = PQflush(pg)) != 0 || PQisBusy(pg)) {
        if (unsent < 0 || !await(pg, unsent > 0, deadline) || PQconsumeInput(pg) != 1)
            return false;
    }
    *out = PQgetResult(pg);
    return PQstatus(pg) == CONNECTION_OK;
}

sev_err sev_pg_answers(struct connection *c, PGresult **out_last)
{
    PGresult *result = NULL, *last = NULL;
    sev_err e = SEV_OK;
    int64_t deadline = sev_pg_now_ms() + ANSWER_MS;
    if (out_last != NULL)
        *out_last = NULL;
    if (c->pg == NULL)
        return SEV_E_IO;
    if (!ready(c) || PQpipelineSync(c->pg) != 1)
        return lost(c);
    for (bool over = false; !over;) {
        if (!next_answer(c->pg, deadline, &result)) {
            PQclear(result);
            PQclear(last);
            /* The server may have said why before it hung up. */
            sev_err gone = lost(c);
            return e != SEV_OK ? e : gone;
        }
        over = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (e == SEV_OK && result != NULL)
            e = sev_pg_err(result);
        if (result != NULL && !over) {
            PQclear(last);
            last = result;
        } else {
            PQclear(result);
        }
    }
    c->pending = 0;
    if (e != SEV_OK)
        forget_doubtful(c);
    c->names_good = c->names;
    if (e == SEV_OK && out_last != NULL)
        *out_last = last;
    else
        PQclear(last);
    return e;
}

/* --------------------------------------------------------------- statements */

/* Every parameter and column is one of the two types that operations know. */
static sev_err judge(const PGresult *description)
{
    for (int i = 0; i < PQnparams(description); i++)
        if (PQparamtype(description, i) != INT8 && PQparamtype(description, i) != BYTEA)
            return SEV_E_BUG;
    for (int i = 0; i < PQnfields(description); i++)
        if (PQftype(description, i) != INT8 && PQftype(description, i) != INT4 &&
            PQftype(description, i) != BYTEA)
            return SEV_E_BUG;
    return PQnparams(description) <= PARAMETERS_MAX ? SEV_OK : SEV_E_BUG;
}

static int next_statement(int which)
{
    while (which < SEV_SQL_COUNT && sev_sql_text(which) == NULL)
        which++;
    return which;
}

static sev_err send_descriptions(struct connection *c)
{
    sev_err e = ready(c) ? SEV_OK : lost(c);
    for (int i = next_statement(0); e == SEV_OK && i < SEV_SQL_COUNT; i = next_statement(i + 1)) {
        char name[16];
        e = send_prepare(c, i);
        snprintf(name, sizeof name, "s%u", (unsigned)c->names);
        if (e == SEV_OK && PQsendDescribePrepared(c->pg, name) != 1)
            e = lost(c);
    }
    if (e == SEV_OK && PQpipelineSync(c->pg) != 1)
        e = lost(c);
    return e;
}

sev_err sev_pg_prepare_all(struct connection *c)
{
    int64_t deadline = sev_pg_now_ms() + ANSWER_MS;
    PGresult *result = NULL;
    sev_err e = send_descriptions(c);
    if (e != SEV_OK)
        return e;
    int which = next_statement(0);
    bool described = false; /* of each statement two answers */
    for (bool over = false; !over; PQclear(result)) {
        if (!next_answer(c->pg, deadline, &result)) {
            PQclear(result);
            return lost(c);
        }
        over = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result == NULL || over)
            continue;
        if (e == SEV_OK)
            e = sev_pg_err(result);
        if (e == SEV_OK && described) {
            e = judge(result);
            c->has_rows[which] = PQnfields(result) > 0;
        }
        if (described)
            which = next_statement(which + 1);
        described = !described;
    }
    c->pending = 0;
    c->names_good = c->names;
    return e;
}
