/* reader - the connections that read, and a read on its way. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

/* Borrow a connection; waits for one. */
static sev_err borrow(struct sev_sql_store *s, struct sev_db **out)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->idle_count == 0)
        (void)pthread_cond_wait(&s->returned, &s->lock);
    struct sev_db *db = s->idle[--s->idle_count]; /* the last one used: its cache is warm */
    (void)pthread_mutex_unlock(&s->lock);
    *out = db;
    return db->connection != NULL ? SEV_OK : s->driver->open_reader(s->place, db);
}

static void give_back(struct sev_sql_store *s, struct sev_db *db)
{
    (void)pthread_mutex_lock(&s->lock);
    s->idle[s->idle_count++] = db;
    (void)pthread_cond_signal(&s->returned);
    (void)pthread_mutex_unlock(&s->lock);
}

void sev_read_begin(struct sev_read *r, void *self, struct sev_arena *arena, int which)
{
    *r = (struct sev_read){.store = self, .arena = arena, .mark = arena->used};
    r->q.error = borrow(r->store, &r->db);
    if (r->q.error == SEV_OK)
        sev_query_begin(&r->q, r->db, which);
}

bool sev_read_row(struct sev_read *r)
{
    return r->error == SEV_OK && sev_query_row(&r->q);
}

sev_err sev_read_end(struct sev_read *r)
{
    sev_err e = sev_query_end(&r->q);
    give_back(r->store, r->db);
    if (r->error == SEV_OK)
        r->error = e;
    if (r->error != SEV_OK)
        sev_arena_back(r->arena, r->mark);
    return r->error;
}

void *sev_read_take(struct sev_read *r, size_t bytes)
{
    void *memory = sev_arena_take(r->arena, bytes);
    if (memory == NULL)
        r->error = SEV_E_MEMORY;
    return memory;
}

sev_slice sev_read_text(struct sev_read *r)
{
    sev_slice found = sev_query_get(&r->q);
    uint8_t *copy =
        found.len == 0 || r->error != SEV_OK ? NULL : (uint8_t *)sev_read_take(r, found.len);
    if (copy == NULL)
        return SEV_EMPTY;
    memcpy(copy, found.ptr, found.len);
    return sev_slice_of(copy, found.len);
}

int64_t sev_read_number(struct sev_read *r)
{
    return sev_query_get_int(&r->q);
}

void sev_read_digest(struct sev_read *r, uint8_t out[SEV_SHA256_BYTES])
{
    sev_query_get_exactly(&r->q, out, SEV_SHA256_BYTES);
}
