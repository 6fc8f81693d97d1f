/* internal - the parts of the store among themselves. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQL_INTERNAL_H
#define SEV_STORE_SQL_INTERNAL_H

#include "driver.h"
#include "secureev/limits.h"
#include "secureev/store_operator.h"
#include "writer.h"

/* What the database keeps of enumerations are their numbers: they are never given to others. */
_Static_assert(SEV_PROFILE_NATIVE == 0 && SEV_PROFILE_AKTUALIZR == 1 && SEV_PROFILE_TUF == 2, "");
_Static_assert(SEV_KEY_UNKNOWN == 0 && SEV_KEY_P256 == 1 && SEV_KEY_ED25519 == 2 &&
                   SEV_KEY_RSA == 3 && SEV_KEY_SECP256K1 == 4 && SEV_KEY_X25519 == 5,
               "");
_Static_assert(SEV_STORE_TARGETS == 0 && SEV_STORE_SNAPSHOT == 1 && SEV_STORE_TIMESTAMP == 2, "");
_Static_assert(SEV_ATTACK_ARBITRARY_SOFTWARE == 1 && SEV_ATTACK_ROLLBACK == 2 &&
                   SEV_ATTACK_FREEZE == 3 && SEV_ATTACK_MIX_AND_MATCH == 4 &&
                   SEV_ATTACK_ENDLESS_DATA == 5 && SEV_ATTACK_SLOW_RETRIEVAL == 6 &&
                   SEV_ATTACK_REPLAY == 7 && SEV_ATTACK_EQUIVOCATION == 8 &&
                   SEV_ATTACK_WRONG_HARDWARE == 9,
               "");

_Static_assert(SEV_STORE_ECUS_MAX == 256, "0001 numbers them so");

/* Connections; reads take microseconds, more would wait for cores. */
#define SEV_STORE_READERS_MAX 8

struct sev_sql_store {
    const struct sev_driver *driver;
    struct sev_writer writer;
    char place[SEV_DB_PLACE_MAX]; /**< for readers that are opened later */
    pthread_mutex_t lock;         /* of the readers that nobody uses now */
    pthread_cond_t returned;
    struct sev_db readers[SEV_STORE_READERS_MAX];
    struct sev_db *idle[SEV_STORE_READERS_MAX];
    uint32_t idle_count;
};

/**
 * Operations that only look: one statement, hence one moment of the database. Rows are copied to
 * the caller's arena before anybody is shown one, so that a visitor may use the store. What goes
 * wrong first stays, and the arena is given back.
 *
 *     sev_read_begin(&r, self, arena, WHICH);
 *     sev_query_put(&r.q, parameter);
 *     while (sev_read_row(&r)) { ... sev_read_text(&r) ... }
 *     sev_err e = sev_read_end(&r);
 */
struct sev_read {
    struct sev_sql_store *store;
    struct sev_db *db;
    struct sev_query q;
    struct sev_arena *arena;
    size_t mark;
    sev_err error; /**< ours: what was read will not do */
};
void sev_read_begin(struct sev_read *r, void *self, struct sev_arena *arena, int which);
bool sev_read_row(struct sev_read *r);
SEV_MUST_USE sev_err sev_read_end(struct sev_read *r);
void *sev_read_take(struct sev_read *r, size_t bytes);
/* The next column. */
sev_slice sev_read_text(struct sev_read *r);
int64_t sev_read_number(struct sev_read *r);
void sev_read_digest(struct sev_read *r, uint8_t out[SEV_SHA256_BYTES]);

/** A row of these columns. */
#define SEV_SQL_VEHICLE_COLUMNS                                                                    \
    "id, vin, model, profile, primary_serial, status_counter, status_version, base, seen"
void sev_sql_read_vehicle(struct sev_read *r, struct sev_vehicle *out);

/** Run an operation that writes, in a transaction: see sev_writer_do. */
static inline sev_err sev_sql_write(void *self, sev_operation *run, const void *arguments)
{
    return sev_writer_do(&((struct sev_sql_store *)self)->writer, run, arguments);
}

/* Are the arguments within limits.h, present, and in range? SEV_E_MALFORMED otherwise. */
sev_err sev_store_check_id(sev_slice id);
sev_err sev_store_check_decision(const struct sev_decision *d); /**< may be NULL */
sev_err sev_store_check_vehicle(const struct sev_vehicle *v);
sev_err sev_store_check_ecus(sev_slice primary, const struct sev_ecu *ecus, uint32_t count);
sev_err sev_store_check_status(const struct sev_status_news *n);
sev_err sev_store_check_assignment(const struct sev_assignment *a);
sev_err sev_store_check_files(const int64_t expected[SEV_STORE_ROLES], const struct sev_issued *f,
                              int64_t status_version);

/** What the operations that write look at first. */
struct sev_found {
    int64_t key;
    int64_t status_counter, status_version;
    bool has_primary;
    bool primary_same; /**< as the one that was asked for */
};
/** @retval SEV_E_NOT_FOUND */
sev_err sev_sql_find(struct sev_db *db, sev_slice id, sev_slice primary, struct sev_found *out);
/** The row that explains; none for NULL. @param vehicle  its key, 0: it is about none */
sev_err sev_sql_explain(struct sev_db *db, int64_t vehicle, const struct sev_decision *d);

/** Claims by version and invalidations; SEV_E_CONFLICT wrote nothing. */
sev_err sev_sql_assign_now(struct sev_db *db, const struct sev_assignment *a,
                           const struct sev_decision *decision);

extern const struct sev_campaign_ops sev_sql_campaign_ops;
extern const struct sev_operator_ops sev_sql_operator_ops;

/* The members of struct sev_store. */
sev_err sev_sql_vehicle_add(void *self, const struct sev_vehicle *vehicle,
                            const struct sev_decision *decision);
sev_err sev_sql_vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                            struct sev_vehicle *out);
sev_err sev_sql_vehicle_list(void *self, sev_slice after, uint32_t count_max,
                             struct sev_arena *arena, sev_vehicle_visit *visit, void *context);
sev_err sev_sql_ecus_register(void *self, sev_slice vehicle, sev_slice primary,
                              const struct sev_ecu *ecus, uint32_t count,
                              const struct sev_decision *decision);
sev_err sev_sql_ecus_replace(void *self, sev_slice vehicle, sev_slice primary,
                             const struct sev_ecu *ecus, uint32_t count,
                             const struct sev_decision *decision);
sev_err sev_sql_ecus_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                         struct sev_ecu *out, uint32_t *out_count);
sev_err sev_sql_status_accept(void *self, const struct sev_status_news *news);
sev_err sev_sql_assign(void *self, const struct sev_assignment *assignment,
                       const struct sev_decision *decision);
sev_err sev_sql_assignment_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                               struct sev_assignment *out);
sev_err sev_sql_files_put(void *self, sev_slice vehicle, const int64_t expected[SEV_STORE_ROLES],
                          const struct sev_issued *files, int64_t status_version,
                          const struct sev_decision *decision);
sev_err sev_sql_files_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                          struct sev_issued *out);
sev_err sev_sql_decision_add(void *self, sev_slice vehicle, const struct sev_decision *decision);
sev_err sev_sql_decisions(void *self, sev_slice vehicle, uint32_t count_max,
                          struct sev_arena *arena, sev_decision_visit *visit, void *context);
extern const struct sev_identity_ops sev_sql_identity_ops;
extern const struct sev_log_ops sev_sql_log_ops;
extern const struct sev_hint_ops sev_sql_hint_ops;
extern const struct sev_told_ops sev_sql_told_ops;

#endif
