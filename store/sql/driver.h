/* driver - what the operations need of a database: connections, transactions, prepared statements.
 * Drivers: store/sqlite, store/postgres. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQL_DRIVER_H
#define SEV_STORE_SQL_DRIVER_H

#include "secureev/err.h"
#include "secureev/fs.h"
#include "secureev/slice.h"
#include "sql.h"

#define SEV_DB_PLACE_MAX SEV_FS_PATH_MAX        /* a path, or how to reach a server */
#define SEV_DB_CELL_BYTES_MAX (4 * 1024 * 1024) /* a row: the largest file, and room */
#define SEV_DB_BUSY_MS 5000                     /* another process writes for milliseconds */

/** One file store/sql/NNNN_name.sql, in the words of one driver; embedded by migrations.cmake. */
struct sev_migration {
    const char *name;
    const char *sha256; /**< of the text, in hex */
    const char *sql;
};
extern const struct sev_migration sev_migrations_sqlite[];
extern const struct sev_migration sev_migrations_postgres[];
extern const int sev_migration_count;

/** A connection: used by one thread at a time. */
struct sev_db {
    const struct sev_driver *driver;
    void *connection; /**< the driver's; NULL while closed */
};

/**
 * A statement that runs: parameters in order, then rows, each column in order, then the end, which
 * says whether all that went well. After a failure the steps between do nothing. A connection has
 * one query at a time.
 */
struct sev_query {
    struct sev_db *db;
    sev_err error;
    bool over; /**< there are no more rows */
    int next;  /**< parameter or column */
    /* the driver's */
    void *statement, *result;
    int which, row;
};

enum sev_step {
    SEV_STEP_BEGIN, /**< a transaction that writes: of one process at a time */
    SEV_STEP_COMMIT,
    SEV_STEP_ROLLBACK,
    SEV_STEP_SAVEPOINT, /**< an operation begins */
    SEV_STEP_RELEASE,   /**< it ended well */
    SEV_STEP_UNDO,      /**< it did not: as before it; RELEASE comes next */
    SEV_STEP_COUNT
};

struct sev_driver {
    uint32_t group_max; /**< operations in one commit */
    /** The one that writes: the schema is made where absent, and brought up to date; all statements
     *  are good. @param out_place  for open_reader, wherever the process goes
     *  @retval SEV_E_CONFIG  not ours, or from a newer version */
    sev_err (*open_writer)(const char *text, struct sev_db *out, char out_place[SEV_DB_PLACE_MAX]);
    sev_err (*open_reader)(const char *place, struct sev_db *out);
    void (*close)(struct sev_db *db); /**< fine when it is closed */
    sev_err (*step)(struct sev_db *db, enum sev_step step);
    /** A database gives up a transaction as a whole when memory, disk or network fail it. */
    bool (*in_transaction)(const struct sev_db *db);
    /** After the answers, so that nobody waits for it who need not. */
    void (*tidy)(struct sev_db *db);

    /* Of queries: called only where the query is well so far. Failures go into q->error. */
    void (*begin)(struct sev_query *q);
    void (*put)(struct sev_query *q, sev_slice bytes);
    void (*put_int)(struct sev_query *q, int64_t number);
    void (*put_null)(struct sev_query *q);
    bool (*row)(struct sev_query *q);
    bool (*is_null)(const struct sev_query *q);
    sev_slice (*get)(struct sev_query *q);
    int64_t (*get_int)(struct sev_query *q);
    void (*end)(struct sev_query *q); /**< always called, if begin was */
};
extern const struct sev_driver sev_driver_sqlite, sev_driver_postgres;

void sev_db_close(struct sev_db *db);

void sev_query_begin(struct sev_query *q, struct sev_db *db, int which);
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
/** The one integer that a query gives, 0 if it gives no row; and end. */
SEV_MUST_USE sev_err sev_query_number(struct sev_query *q, int64_t *out);

#endif
