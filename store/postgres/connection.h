/* connection - a PostgreSQL connection: statements go out in batches, results come back with a
 * deadline. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_POSTGRES_CONNECTION_H
#define SEV_STORE_POSTGRES_CONNECTION_H

#include <libpq-fe.h>

#include "../sql/driver.h"

#define PARAMETERS_MAX 24
#define BATCH_MAX 64        /* statements that wait for an answer; more would fill both buffers */
#define ANSWER_MS 15000     /* beyond the server's own time-outs: it, or the road to it, is gone */
#define CONNECT_SECONDS "5" /* where the text does not say */
#define AGAIN_MS 200        /* after an attempt to connect failed, the next one waits so long */

struct connection {
    PGconn *pg; /**< NULL while there is none */
    char place[SEV_DB_PLACE_MAX];
    int64_t again_ms; /**< no attempt before */
    bool writer;
    uint32_t pending; /**< statements that went out since the last answer */
    uint64_t transaction;
    uint32_t prepared[SEV_SQL_COUNT]; /**< their names are numbers; 0: not yet */
    uint32_t names, names_good;       /**< given; and of them known to be good */
    bool has_rows[SEV_SQL_COUNT];     /**< of the writer's statements */
    /* of the query in progress */
    const char *values[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX];
    uint8_t numbers[PARAMETERS_MAX][8];
    int count;
};

/** Our error for what the server said; SEV_OK for a result that is none. */
sev_err sev_pg_err(const PGresult *result);

/** Connect, unless connected: settings of the session are made, statements are not.
 *  @retval SEV_E_CONFIG  no conninfo  @retval SEV_E_IO, SEV_E_BUSY, SEV_E_MEMORY */
SEV_MUST_USE sev_err sev_pg_connect(struct connection *c);
void sev_pg_disconnect(struct connection *c);
int64_t sev_pg_now_ms(void);

/** Put a statement without parameters into the batch. */
SEV_MUST_USE sev_err sev_pg_send(struct connection *c, const char *text);
/** Put a prepared one into it, with the parameters of `c`. */
SEV_MUST_USE sev_err sev_pg_send_prepared(struct connection *c, int which);
/**
 * Send the batch and wait for all its answers. What fails first is returned, and those after it
 * have not been done. A connection that is lost is closed.
 *
 * @param out_last  the last answer, for PQclear; may be NULL. NULL unless SEV_OK
 */
SEV_MUST_USE sev_err sev_pg_answers(struct connection *c, PGresult **out_last);

/** Prepare every statement, and see that it is what operations take it for. */
SEV_MUST_USE sev_err sev_pg_prepare_all(struct connection *c);

/** Make the schema, or bring it up to date, in one transaction; before anything else is sent.
 *  @retval SEV_E_CONFIG  not ours, changed, or from a newer version; nothing was done to it */
SEV_MUST_USE sev_err sev_pg_migrate(struct connection *c);

/** What one process at a time holds while it writes or migrates, for the schema in use. */
#define SEV_PG_LOCK "SELECT pg_advisory_xact_lock(1397053745, hashtext(current_schema()))"

#endif
