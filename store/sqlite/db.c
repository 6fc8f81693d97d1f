/* db - one connection to the database file. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const texts[] = {
#define X(name, text) text,
    SEV_SQL_TABLE(X)
#undef X
};

sev_err sev_db_err(int rc)
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

static sev_err connect(const char *path, int flags, struct sev_db *db)
{
    /* "file:..." and ":memory:" mean something to SQLite, "./file:..." does not. */
    char plain[SEV_DB_PATH_MAX];
    int n = snprintf(plain, sizeof plain, "%s%s", path[0] == '/' ? "" : "./", path);
    if (n < 0 || (size_t)n >= sizeof plain)
        return SEV_E_BAD_NAME;
    memset(db, 0, sizeof *db);
    int rc = sqlite3_open_v2(plain, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = harden(db->handle);
    if (rc != SQLITE_OK)
        sev_db_close(db);
    return sev_db_err(rc);
}

void sev_db_close(struct sev_db *db)
{
    for (int i = 0; i < SEV_SQL_COUNT; i++)
        (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->handle);
    memset(db, 0, sizeof *db);
}

sev_err sev_db_open_reader(const char *path, struct sev_db *out)
{
    return connect(path, SQLITE_OPEN_READONLY, out);
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
        return (rc & 0xff) == SQLITE_NOTADB ? SEV_E_CONFIG : sev_db_err(rc);
    bool empty = found.application_id == 0 && found.version == 0 && found.objects == 0;
    if (!empty && found.application_id != SEV_DB_APPLICATION_ID)
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
        return sev_db_err(rc);
    sev_err e = judge(handle, version);
    if (e == SEV_OK && *version < sev_migration_count) {
        rc = sqlite3_exec(handle, sev_migrations[*version].sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
        int64_t before = *version;
        e = rc == SQLITE_OK ? judge(handle, version) : sev_db_err(rc);
        if (e == SEV_OK && *version != before + 1)
            e = SEV_E_BUG; /* a migration says which number it has */
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
    e = sev_db_err(rc);
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

sev_err sev_db_open_writer(const char *path, struct sev_db *out, char out_path[SEV_DB_PATH_MAX])
{
    sev_err e = make_file(path);
    if (e == SEV_OK)
        e = connect(path, SQLITE_OPEN_READWRITE, out);
    if (e != SEV_OK)
        return e;
    e = prepare_file(out->handle);
    const char *absolute = sqlite3_db_filename(out->handle, "main");
    int n = snprintf(out_path, SEV_DB_PATH_MAX, "%s", absolute == NULL ? "" : absolute);
    if (e == SEV_OK && (n <= 0 || n >= SEV_DB_PATH_MAX))
        e = SEV_E_BAD_NAME;
    /* All statements, now: they may need memory that is not there when something has to be rolled
     * back, and a file that is not as the migrations left it is found at once. */
    for (int i = 0; e == SEV_OK && i < SEV_SQL_COUNT; i++) {
        struct sev_query q;
        sev_query_begin(&q, out, (enum sev_sql)i);
        e = sev_db_err(q.rc);
    }
    if (e != SEV_OK)
        sev_db_close(out);
    return e;
}

/* ----------------------------------------------------------------- queries */

void sev_query_begin(struct sev_query *q, struct sev_db *db, enum sev_sql which)
{
    *q = (struct sev_query){NULL, SQLITE_OK, 1};
    if (db->statements[which] == NULL)
        q->rc = sqlite3_prepare_v3(db->handle, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                   &db->statements[which], NULL);
    q->stmt = db->statements[which];
}

void sev_query_put(struct sev_query *q, sev_slice bytes)
{
    /* A NULL pointer would be SQL's NULL. */
    const void *ptr = bytes.len == 0 ? "" : (const void *)bytes.ptr;
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_blob64(q->stmt, q->next++, ptr, bytes.len, SQLITE_STATIC);
}

void sev_query_put_int(struct sev_query *q, int64_t number)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_int64(q->stmt, q->next++, number);
}

void sev_query_put_null(struct sev_query *q)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_null(q->stmt, q->next++);
}

bool sev_query_row(struct sev_query *q)
{
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW)
        return false;
    q->next = 0;
    q->rc = sqlite3_step(q->stmt);
    return q->rc == SQLITE_ROW;
}

bool sev_query_is_null(const struct sev_query *q)
{
    return sqlite3_column_type(q->stmt, q->next) == SQLITE_NULL;
}

sev_slice sev_query_get(struct sev_query *q)
{
    const void *ptr = sqlite3_column_blob(q->stmt, q->next);
    int len = sqlite3_column_bytes(q->stmt, q->next++);
    return ptr == NULL ? SEV_EMPTY : sev_slice_of(ptr, (size_t)len);
}

int64_t sev_query_get_int(struct sev_query *q)
{
    return sqlite3_column_int64(q->stmt, q->next++);
}

void sev_query_get_exactly(struct sev_query *q, uint8_t *out, size_t len)
{
    sev_slice found = sev_query_get(q);
    if (found.ptr == NULL || found.len != len)
        q->rc = SQLITE_CORRUPT;
    else
        memcpy(out, found.ptr, len);
}

sev_err sev_query_end(struct sev_query *q)
{
    if (q->stmt != NULL) {
        (void)sqlite3_reset(q->stmt); /* repeats the error of the last step, which we have */
        (void)sqlite3_clear_bindings(q->stmt);
    }
    return sev_db_err(q->rc);
}

sev_err sev_query_run(struct sev_query *q)
{
    (void)sev_query_row(q);
    return sev_query_end(q);
}

sev_err sev_db_run(struct sev_db *db, enum sev_sql which)
{
    struct sev_query q;
    sev_query_begin(&q, db, which);
    return sev_query_run(&q);
}
