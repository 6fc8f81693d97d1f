/* db - one connection to the database file: opened, hardened, brought up to date; and its prepared
 * statements. A connection is used by one thread at a time. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQLITE_DB_H
#define SEV_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "secureev/err.h"
#include "secureev/fs.h"
#include "secureev/slice.h"
#include "sql.h"

#define SEV_DB_APPLICATION_ID 0x53455631 /* "SEV1", as in 0001 */
#define SEV_DB_PATH_MAX SEV_FS_PATH_MAX
#define SEV_DB_CELL_BYTES_MAX (4 * 1024 * 1024) /* a row: the largest file, and room */
#define SEV_DB_BUSY_MS 5000                     /* another process writes for milliseconds */

/** One file store/sqlite/NNNN_name.sql; embedded by migrations.cmake. */
struct sev_migration {
    const char *name;
    const char *sql;
};
extern const struct sev_migration sev_migrations[];
extern const int sev_migration_count;

struct sev_db {
    sqlite3 *handle; /**< NULL while closed */
    sqlite3_stmt *statements[SEV_SQL_COUNT];
};

/** The one that writes: made where absent, migrated.
 *  @param out_path  the absolute one, which holds wherever the process goes
 *  @retval SEV_E_CONFIG  not ours, or from a newer version */
SEV_MUST_USE sev_err sev_db_open_writer(const char *path, struct sev_db *out,
                                        char out_path[SEV_DB_PATH_MAX]);
SEV_MUST_USE sev_err sev_db_open_reader(const char *path, struct sev_db *out);
void sev_db_close(struct sev_db *db);
/** Our error for a result code of SQLite. */
sev_err sev_db_err(int rc);

/**
 * A statement that runs: parameters in order, then rows, each column in order, then the end, which
 * says whether all that went well. After a failure the steps between do nothing.
 */
struct sev_query {
    sqlite3_stmt *stmt;
    int rc;
    int next; /* parameter or column */
};

void sev_query_begin(struct sev_query *q, struct sev_db *db, enum sev_sql which);
/** The bytes must stay until the end of the query. */
void sev_query_put(struct sev_query *q, sev_slice bytes);
void sev_query_put_int(struct sev_query *q, int64_t number);
void sev_query_put_null(struct sev_query *q);
/** Is there another row? */
bool sev_query_row(struct sev_query *q);
bool sev_query_is_null(const struct sev_query *q); /**< the next column */
/** Valid until the next row or the end. */
sev_slice sev_query_get(struct sev_query *q);
int64_t sev_query_get_int(struct sev_query *q);
/** Exactly `len` bytes, or the query fails as damaged. */
void sev_query_get_exactly(struct sev_query *q, uint8_t *out, size_t len);
SEV_MUST_USE sev_err sev_query_end(struct sev_query *q);
/** For statements without rows: run, and end. */
SEV_MUST_USE sev_err sev_query_run(struct sev_query *q);
/** For statements without parameters either. */
SEV_MUST_USE sev_err sev_db_run(struct sev_db *db, enum sev_sql which);

#endif
