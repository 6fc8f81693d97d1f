/* postgres - a PostgreSQL server for the test program: tests/lib/postgres runs it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "postgres.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct {
    pid_t owner, child;
    FILE *in, *out;
    char host[200];
    int port;
} server;

/* Whoever is forked from the test program must not end it. */
static void end(void)
{
    if (server.child == 0 || getpid() != server.owner)
        return;
    (void)fclose(server.in);
    (void)waitpid(server.child, NULL, 0);
}

static void start(void)
{
    int to[2], from[2];
    if (server.child != 0)
        return;
    CHECK_EQ(pipe(to) | pipe(from), 0);
    server.owner = getpid();
    server.child = fork();
    if (server.child == 0) {
        (void)dup2(to[0], 0);
        (void)dup2(from[1], 1);
        (void)close(to[0]), (void)close(to[1]), (void)close(from[0]), (void)close(from[1]);
        (void)setpgid(0, 0);
        (void)execl(SEV_SOURCE_DIR "/tests/lib/postgres", "postgres", (char *)NULL);
        _exit(127);
    }
    CHECK(server.child > 0);
    (void)close(to[0]), (void)close(from[1]);
    server.in = fdopen(to[1], "w");
    server.out = fdopen(from[0], "r");
    CHECK(server.in != NULL && server.out != NULL);
    (void)atexit(end);
    char line[240] = "";
    if (fgets(line, sizeof line, server.out) == NULL ||
        sscanf(line, "%199s %d", server.host, &server.port) != 2)
        fail_msg("tests/lib/postgres did not start: is PostgreSQL installed (tools/bootstrap)?");
}

static void command(const char *word)
{
    char answer[16];
    start();
    CHECK(fprintf(server.in, "%s\n", word) > 0 && fflush(server.in) == 0);
    CHECK(fgets(answer, sizeof answer, server.out) != NULL && strcmp(answer, "ok\n") == 0);
}

void test_pg_restart(void)
{
    command("restart");
}

void test_pg_stop(void)
{
    command("stop");
}

void test_pg_start(void)
{
    command("start");
}

static const char *value_of(PGresult *result)
{
    static char value[1000];
    snprintf(value, sizeof value, "%s",
             PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    return value;
}

const char *test_pg_sql(const char *place, const char *sql)
{
    start();
    PGconn *pg = PQconnectdb(place);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", place, PQerrorMessage(pg));
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    const char *value = value_of(result);
    PQclear(result);
    PQfinish(pg);
    return value;
}

static const char *place_on(const char *host)
{
    static char place[400];
    static int count;
    char sql[80];
    snprintf(place, sizeof place, "postgresql://secureev@/postgres?host=%s&port=%d", host,
             server.port);
    snprintf(sql, sizeof sql, "CREATE SCHEMA s%d", ++count);
    (void)test_pg_sql(place, sql);
    snprintf(place, sizeof place,
             "postgresql://secureev@/postgres?host=%s&port=%d&options=-csearch_path%%3Ds%d", host,
             server.port, count);
    return place;
}

const char *test_pg_place(void)
{
    start();
    return place_on(server.host);
}

const char *test_pg_place_tcp(void)
{
    start();
    return place_on("127.0.0.1");
}
