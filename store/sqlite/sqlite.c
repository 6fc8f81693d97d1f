/* db - a database file: opened, hardened, brought up to date; and its statements. The driver of
 * SQLite: WAL mode, one writer, FULL. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "../sql/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x53455631 /* "SEV1" */
#define CHECKPOINT_PAGES 4096     /* of the log, 16 MiB: then they go into the database */
#define GROUP_MAX 256

static const char *const step_texts[] = {
    [SEV_STEP_BEGIN] = "BEGIN IMMEDIATE",     [SEV_STEP_COMMIT] = "COMMIT",
    [SEV_STEP_ROLLBACK] = "ROLLBACK",         [SEV_STEP_SAVEPOINT] = "SAVEPOINT operation",
    [SEV_STEP_RELEASE] = "RELEASE operation", [SEV_STEP_UNDO] = "ROLLBACK TO operation",
};

struct connection {
    sqlite3 *handle;
    int log_pages;
    sqlite3_stmt *steps[SEV_STEP_COUNT];
    sqlite3_stmt *statements[SEV_SQL_COUNT];
};

static sev_err err_of(int rc)
{
    switch (rc & 0xff) { /* extended codes have the plain one in their low byte */
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SEV_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SEV_E_BUSY;
    case SQLITE_NOMEM:
        return SEV_E_MEMORY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return SEV_E_IO;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return SEV_E_BUG;
    default:
        return SEV_E_STORE;
    }
}

/* ------------------------------------------------------------- connections */

static int harden(sqlite3 *handle)
{
    static const struct {
        int option, value;
    } config[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    };
    for (size_t i = 0; i < sizeof config / sizeof config[0]; i++) {
        int rc = sqlite3_db_config(handle, config[i].option, config[i].value, NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    (void)sqlite3_extended_result_codes(handle, 1);
    (void)sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, SEV_DB_CELL_BYTES_MAX);
    (void)sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0);
    int rc = sqlite3_busy_timeout(handle, SEV_DB_BUSY_MS);
    if (rc != SQLITE_OK)
        return rc;
    /* No memory map: a page that cannot be read must be an error, not a signal. */
    return sqlite3_exec(handle,
                        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
                        "PRAGMA temp_store = MEMORY;",
                        NULL, NULL, NULL);
}

static void close_db(struct sev_db *db)
{
    struct connection *c = db->connection;
    if (c == NULL)
        return;
    for (int i = 0; i < SEV_STEP_COUNT; i++)
        (void)sqlite3_finalize(c->steps[i]);
    for (int i = 0; i < SEV_SQL_COUNT; i++)
        (void)sqlite3_finalize(c->statements[i]);
    (void)sqlite3_close(c->handle);
    free(c);
    db->connection = NULL;
}

static sev_err connect_file(const char *path, int flags, struct sev_db *out)
{
    /* "file:..." and ":memory:" mean something to SQLite, "./file:..." does not. */
    char plain[SEV_DB_PLACE_MAX];
    int n = snprintf(plain, sizeof plain, "%s%s", path[0] == '/' ? "" : "./", path);
    if (n < 0 || (size_t)n >= sizeof plain)
        return SEV_E_BAD_NAME;
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SEV_E_MEMORY;
    struct sev_db db = {&sev_driver_sqlite, c};
    int rc = sqlite3_open_v2(plain, &c->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = harden(c->handle);
    if (rc == SQLITE_OK)
        *out = db;
    else
        close_db(&db);
    return err_of(rc);
}

static sev_err open_reader(const char *path, struct sev_db *out)
{
    return connect_file(path, SQLITE_OPEN_READONLY, out);
}

/* ---------------------------------------------------------- whose file is it */

struct identity {
    int64_t application_id, version, objects;
};

static int ask(sqlite3 *handle, struct identity *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(handle,
                                "SELECT application_id, user_version, "
                                "(SELECT count(*) FROM sqlite_schema) "
                                "FROM pragma_application_id, pragma_user_version",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = (struct identity){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                                 sqlite3_column_int64(stmt, 2)};
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? end : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

/* An empty database is one that we, or a predecessor who was killed, began to make. */
static sev_err judge(sqlite3 *handle, int64_t *out_version)
{
    struct identity found = {0, 0, 0};
    int rc = ask(handle, &found);
    if (rc != SQLITE_OK)
        return (rc & 0xff) == SQLITE_NOTADB ? SEV_E_CONFIG : err_of(rc);
    bool empty = found.application_id == 0 && found.version == 0 && found.objects == 0;
    if (!empty && found.application_id != APPLICATION_ID)
        return SEV_E_CONFIG;
    if (found.version < 0 || found.version > sev_migration_count)
        return SEV_E_CONFIG;
    *out_version = found.version;
    return SEV_OK;
}

/* One migration, in the transaction that somebody else may have been faster with. */
static sev_err migrate_once(sqlite3 *handle, int64_t *version)
{
    int rc = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return err_of(rc);
    sev_err e = judge(handle, version);
    if (e == SEV_OK && *version < sev_migration_count) {
        char number[80];
        snprintf(number, sizeof number, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 APPLICATION_ID, (int)*version + 1);
        rc = sqlite3_exec(handle, sev_migrations_sqlite[*version].sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(handle, number, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
        int64_t before = *version;
        e = rc == SQLITE_OK ? judge(handle, version) : err_of(rc);
        if (e == SEV_OK && *version != before + 1)
            e = SEV_E_BUG; /* it went into another file? */
    }
    if (!sqlite3_get_autocommit(handle))
        (void)sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

static int journal_is_wal(void *context, int count, char **values, char **names)
{
    (void)names;
    *(bool *)context = count == 1 && values[0] != NULL && sqlite3_stricmp(values[0], "wal") == 0;
    return 0;
}

static sev_err prepare_file(sqlite3 *handle)
{
    int64_t version = 0;
    sev_err e = judge(handle, &version);
    if (e != SEV_OK)
        return e; /* before anything was written to it */
    if (sqlite3_db_readonly(handle, "main") != 0)
        return SEV_E_IO; /* opened all the same, to read */
    bool wal = false;
    int rc = sqlite3_exec(handle, "PRAGMA journal_mode = WAL", journal_is_wal, &wal, NULL);
    if (rc == SQLITE_OK && !wal)
        return SEV_E_IO; /* a file system without shared memory */
    /* The cache, 64 MiB at most, is worth it: nobody else writes, so it stays valid. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;", NULL,
                          NULL, NULL);
    e = err_of(rc);
    while (e == SEV_OK && version < sev_migration_count)
        e = migrate_once(handle, &version);
    return e;
}

/* SQLite would make the file as the umask says, and takes its mode for the files beside it. The
 * last component may not be a link: it could lead to where others can write. One that is there is
 * not opened: closing it would give up the locks that this process may have on it already. */
static sev_err make_file(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return S_ISREG(st.st_mode) ? SEV_OK : SEV_E_UNSAFE_FILE;
    if (errno != ENOENT)
        return errno == ENAMETOOLONG ? SEV_E_BAD_NAME : SEV_E_IO;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? SEV_E_BUSY : SEV_E_IO;
    (void)close(fd);
    return SEV_OK;
}

static int count_pages(void *connection, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((struct connection *)connection)->log_pages = pages;
    return SQLITE_OK;
}

static int prepare(struct connection *c, const char *text, sqlite3_stmt **out)
{
    return *out != NULL
               ? SQLITE_OK
               : sqlite3_prepare_v3(c->handle, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

/* $1, $2, ... are names to SQLite: they get their numbers as they come along. */
static bool parameters_in_order(sqlite3_stmt *statement)
{
    char name[16];
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
        const char *found = sqlite3_bind_parameter_name(statement, i);
        snprintf(name, sizeof name, "$%d", i);
        if (found == NULL || strcmp(found, name) != 0)
            return false;
    }
    return true;
}

/* All statements, now: they may need memory that is not there when something has to be rolled back,
 * and a file that is not as the migrations left it is found at once. */
static sev_err prepare_all(struct connection *c)
{
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < SEV_STEP_COUNT; i++)
        rc = prepare(c, step_texts[i], &c->steps[i]);
    for (int i = 0; rc == SQLITE_OK && i < SEV_SQL_COUNT; i++) {
        if (sev_sql_text(i) == NULL)
            continue;
        rc = prepare(c, sev_sql_text(i), &c->statements[i]);
        if (rc == SQLITE_OK && !parameters_in_order(c->statements[i]))
            return SEV_E_BUG;
    }
    return err_of(rc);
}

static sev_err open_writer(const char *path, struct sev_db *out, char out_path[SEV_DB_PLACE_MAX])
{
    struct sev_db db = {0};
    sev_err e = make_file(path);
    if (e == SEV_OK)
        e = connect_file(path, SQLITE_OPEN_READWRITE, &db);
    if (e != SEV_OK)
        return e;
    struct connection *c = db.connection;
    e = prepare_file(c->handle);
    const char *absolute = sqlite3_db_filename(c->handle, "main");
    int n = snprintf(out_path, SEV_DB_PLACE_MAX, "%s", absolute == NULL ? "" : absolute);
    if (e == SEV_OK && (n <= 0 || n >= SEV_DB_PLACE_MAX))
        e = SEV_E_BAD_NAME;
    if (e == SEV_OK)
        e = prepare_all(c);
    if (e != SEV_OK) {
        close_db(&db);
        return e;
    }
    (void)sqlite3_wal_hook(c->handle, count_pages, c);
    *out = db;
    return SEV_OK;
}

/* ------------------------------------------------------------ transactions */

static sev_err run_step(struct sev_db *db, enum sev_step step)
{
    struct connection *c = db->connection;
    int rc = sqlite3_step(c->steps[step]);
    (void)sqlite3_reset(c->steps[step]); /* repeats the error, which we have */
    return err_of(rc);
}

static bool in_transaction(const struct sev_db *db)
{
    return !sqlite3_get_autocommit(((struct connection *)db->connection)->handle);
}

/* When the checkpoint fails, everything is still in the log; it is tried again after the next
 * commit. */
static void tidy(struct sev_db *db)
{
    struct connection *c = db->connection;
    if (c->log_pages < CHECKPOINT_PAGES)
        return;
    (void)sqlite3_wal_checkpoint_v2(c->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    c->log_pages = 0;
}

/* ----------------------------------------------------------------- queries */

static void begin(struct sev_query *q)
{
    struct connection *c = q->db->connection;
    q->error = err_of(prepare(c, sev_sql_text(q->which), &c->statements[q->which]));
    q->statement = c->statements[q->which];
}

static void put(struct sev_query *q, sev_slice bytes)
{
    /* A NULL pointer would be SQL's NULL. */
    const void *ptr = bytes.len == 0 ? "" : (const void *)bytes.ptr;
    q->error =
        err_of(sqlite3_bind_blob64(q->statement, q->next + 1, ptr, bytes.len, SQLITE_STATIC));
}

static void put_int(struct sev_query *q, int64_t number)
{
    q->error = err_of(sqlite3_bind_int64(q->statement, q->next + 1, number));
}

static void put_null(struct sev_query *q)
{
    q->error = err_of(sqlite3_bind_null(q->statement, q->next + 1));
}

static bool row(struct sev_query *q)
{
    int rc = sqlite3_step(q->statement);
    q->error = err_of(rc);
    return rc == SQLITE_ROW;
}

static bool is_null(const struct sev_query *q)
{
    return sqlite3_column_type(q->statement, q->next) == SQLITE_NULL;
}

static sev_slice get(struct sev_query *q)
{
    const void *ptr = sqlite3_column_blob(q->statement, q->next);
    int len = sqlite3_column_bytes(q->statement, q->next);
    return ptr == NULL ? SEV_EMPTY : sev_slice_of(ptr, (size_t)len);
}

static int64_t get_int(struct sev_query *q)
{
    return sqlite3_column_int64(q->statement, q->next);
}

static void end(struct sev_query *q)
{
    if (q->statement == NULL)
        return;
    (void)sqlite3_reset(q->statement); /* repeats the error of the last step, which we have */
    (void)sqlite3_clear_bindings(q->statement);
}

const struct sev_driver sev_driver_sqlite = {
    .group_max = GROUP_MAX,
    .open_writer = open_writer,
    .open_reader = open_reader,
    .close = close_db,
    .step = run_step,
    .in_transaction = in_transaction,
    .tidy = tidy,
    .begin = begin,
    .put = put,
    .put_int = put_int,
    .put_null = put_null,
    .row = row,
    .is_null = is_null,
    .get = get,
    .get_int = get_int,
    .end = end,
};
