/* store - open and close. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Everything but the writer. */
static struct sev_sql_store *allocate(void)
{
    struct sev_sql_store *s = calloc(1, sizeof *s);
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

static void release(struct sev_sql_store *s)
{
    (void)pthread_cond_destroy(&s->returned);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void sev_store_name(const char *text, char out[SEV_STORE_NAME_MAX])
{
    if (!sev_store_on_server(text)) {
        snprintf(out, SEV_STORE_NAME_MAX, "%s", text);
        return;
    }
    /* The host begins after the last @, and the options after the first ?, unless a password has
     * one of these: then nothing is told. */
    const char *at = strrchr(text, '@'), *options = strchr(text, '?');
    const char *host = at != NULL ? at + 1 : strstr(text, "://") + 3;
    int len = options == NULL ? (int)strlen(host) : options > host ? (int)(options - host) : 0;
    snprintf(out, SEV_STORE_NAME_MAX, "postgresql://%.*s", len, host);
}

sev_err sev_store_open(const char *text, struct sev_store *out)
{
    struct sev_sql_store *s = allocate();
    if (s == NULL)
        return SEV_E_MEMORY;
    s->driver = sev_store_on_server(text) ? &sev_driver_postgres : &sev_driver_sqlite;
    struct sev_db db;
    sev_err e = s->driver->open_writer(text, &db, s->place);
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
        .operators = &sev_sql_operator_ops,
        .vehicle_add = sev_sql_vehicle_add,
        .vehicle_get = sev_sql_vehicle_get,
        .vehicle_list = sev_sql_vehicle_list,
        .ecus_register = sev_sql_ecus_register,
        .ecus_replace = sev_sql_ecus_replace,
        .ecus_get = sev_sql_ecus_get,
        .status_accept = sev_sql_status_accept,
        .assign = sev_sql_assign,
        .assignment_get = sev_sql_assignment_get,
        .files_put = sev_sql_files_put,
        .files_get = sev_sql_files_get,
        .decision_add = sev_sql_decision_add,
        .decisions = sev_sql_decisions,
        .identity = &sev_sql_identity_ops,
        .log = &sev_sql_log_ops,
        .campaigns = &sev_sql_campaign_ops,
        .hints = &sev_sql_hint_ops,
        .told = &sev_sql_told_ops,
    };
    return SEV_OK;
}

void sev_store_close(struct sev_store *store)
{
    struct sev_sql_store *s = store->self;
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < SEV_STORE_READERS_MAX; i++)
        sev_db_close(&s->readers[i]);
    sev_writer_stop(&s->writer); /* last: it takes the log into the database */
    release(s);
    memset(store, 0, sizeof *store);
}
