/* writer - the one thread that writes: operations queue up, run each within a savepoint, and are
 * committed in groups, since waiting for the disk costs more than anything else.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQL_WRITER_H
#define SEV_STORE_SQL_WRITER_H

#include <pthread.h>

#include "driver.h"

#define SEV_WRITER_QUEUE_MAX 1024 /* callers that wait: more than a server has threads */
#define SEV_WRITER_LINGER_MS 5    /* the most that the first of a group waits for others */

/** Runs in the writer's thread, in a transaction. What it did is undone unless it says SEV_OK. */
typedef sev_err sev_operation(struct sev_db *db, const void *arguments);

struct sev_job;
struct sev_writer {
    struct sev_db db;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;
    struct sev_job *first, *last;
    uint32_t queued, wanted; /**< the writer sleeps until so many are there */
    bool stopping;
    uint32_t expected; /* operations in the last group: of the thread alone */
};

/** Takes over `db` if it succeeds. `out` stays where it is until sev_writer_stop. */
SEV_MUST_USE sev_err sev_writer_start(struct sev_db *db, struct sev_writer *out);
/** Finish what is queued; then close the connection. */
void sev_writer_stop(struct sev_writer *w);

/**
 * Run an operation and wait until it is on the disk, or refused.
 *
 * @retval SEV_E_BUSY  the queue is full, or another process writes for too long
 */
SEV_MUST_USE sev_err sev_writer_do(struct sev_writer *w, sev_operation *run, const void *arguments);

#endif
