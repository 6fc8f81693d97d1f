/* sqlite - open and close the store; its reading connections. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

#include <stdlib.h>

sev_err sev_sqlite_reader(struct sev_sqlite *s, struct sev_db **out)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->idle_count == 0)
        (void)pthread_cond_wait(&s->returned, &s->lock);
    struct sev_db *db = s->idle[--s->idle_count]; /* the last one used: its cache is warm */
    (void)pthread_mutex_unlock(&s->lock);
    if (db->handle == NULL) {
        sev_err e = sev_db_open_reader(s->path, db);
        if (e != SEV_OK) {
            sev_sqlite_return(s, db);
            return e;
        }
    }
    *out = db;
    return SEV_OK;
}

void sev_sqlite_return(struct sev_sqlite *s, struct sev_db *db)
{
    (void)pthread_mutex_lock(&s->lock);
    s->idle[s->idle_count++] = db;
    (void)pthread_cond_signal(&s->returned);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Everything but the writer. */
static struct sev_sqlite *allocate(void)
{
    struct sev_sqlite *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    if (pthread_cond_init(&s->returned, NULL) != 0) {
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    for (uint32_t i = SEV_STORE_READERS_MAX; i-- > 0;)
        s->idle[s->idle_count++] = &s->readers[i];
    return s;
}

static void release(struct sev_sqlite *s)
{
    (void)pthread_cond_destroy(&s->returned);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

sev_err sev_store_sqlite_open(const char *path, struct sev_store *out)
{
    struct sev_sqlite *s = allocate();
    if (s == NULL)
        return SEV_E_MEMORY;
    struct sev_db db;
    sev_err e = sev_db_open_writer(path, &db, s->path);
    if (e == SEV_OK) {
        e = sev_writer_start(&db, &s->writer);
        if (e != SEV_OK)
            sev_db_close(&db);
    }
    if (e != SEV_OK) {
        release(s);
        return e;
    }
    *out = (struct sev_store){
        .self = s,
        .vehicle_add = sev_sqlite_vehicle_add,
        .vehicle_get = sev_sqlite_vehicle_get,
        .vehicle_list = sev_sqlite_vehicle_list,
        .ecus_register = sev_sqlite_ecus_register,
        .ecus_replace = sev_sqlite_ecus_replace,
        .ecus_get = sev_sqlite_ecus_get,
        .status_accept = sev_sqlite_status_accept,
        .assign = sev_sqlite_assign,
        .assignment_get = sev_sqlite_assignment_get,
        .files_put = sev_sqlite_files_put,
        .files_get = sev_sqlite_files_get,
        .decision_add = sev_sqlite_decision_add,
        .decisions = sev_sqlite_decisions,
    };
    return SEV_OK;
}

void sev_store_sqlite_close(struct sev_store *store)
{
    struct sev_sqlite *s = store->self;
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < SEV_STORE_READERS_MAX; i++)
        sev_db_close(&s->readers[i]);
    sev_writer_stop(&s->writer); /* last: it takes the log into the database */
    release(s);
    memset(store, 0, sizeof *store);
}
