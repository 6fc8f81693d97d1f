/* internal - the parts of the SQLite store among themselves. SPDX-License-Identifier: MIT */
#ifndef SEV_STORE_SQLITE_INTERNAL_H
#define SEV_STORE_SQLITE_INTERNAL_H

#include "db.h"
#include "secureev/limits.h"
#include "secureev/store.h"
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

#define SEV_STORE_READERS_MAX                                                                      \
    8 /* connections; reads take microseconds, more would wait for cores */

struct sev_sqlite {
    struct sev_writer writer;
    char path[SEV_DB_PATH_MAX]; /**< absolute */
    pthread_mutex_t lock;       /* of the readers that nobody uses now */
    pthread_cond_t returned;
    struct sev_db readers[SEV_STORE_READERS_MAX];
    struct sev_db *idle[SEV_STORE_READERS_MAX];
    uint32_t idle_count;
};

/** Borrow a connection to read with; waits for one. Give it back whatever came of it. */
SEV_MUST_USE sev_err sev_sqlite_reader(struct sev_sqlite *s, struct sev_db **out);
void sev_sqlite_return(struct sev_sqlite *s, struct sev_db *db);

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
sev_err sev_sqlite_find(struct sev_db *db, sev_slice id, sev_slice primary, struct sev_found *out);
/** The row that explains; none for NULL. */
sev_err sev_sqlite_explain(struct sev_db *db, int64_t vehicle, const struct sev_decision *d);

/* The members of struct sev_store. */
sev_err sev_sqlite_vehicle_add(void *self, const struct sev_vehicle *vehicle,
                               const struct sev_decision *decision);
sev_err sev_sqlite_vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                               struct sev_vehicle *out);
sev_err sev_sqlite_vehicle_list(void *self, sev_slice after, uint32_t count_max,
                                struct sev_arena *arena, sev_vehicle_visit *visit, void *context);
sev_err sev_sqlite_ecus_register(void *self, sev_slice vehicle, sev_slice primary,
                                 const struct sev_ecu *ecus, uint32_t count,
                                 const struct sev_decision *decision);
sev_err sev_sqlite_ecus_replace(void *self, sev_slice vehicle, sev_slice primary,
                                const struct sev_ecu *ecus, uint32_t count,
                                const struct sev_decision *decision);
sev_err sev_sqlite_ecus_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                            struct sev_ecu *out, uint32_t *out_count);
sev_err sev_sqlite_status_accept(void *self, const struct sev_status_news *news);
sev_err sev_sqlite_assign(void *self, const struct sev_assignment *assignment,
                          const struct sev_decision *decision);
sev_err sev_sqlite_assignment_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                                  struct sev_assignment *out);
sev_err sev_sqlite_files_put(void *self, sev_slice vehicle, const int64_t expected[SEV_STORE_ROLES],
                             const struct sev_issued *files, int64_t status_version,
                             const struct sev_decision *decision);
sev_err sev_sqlite_files_get(void *self, sev_slice vehicle, struct sev_arena *arena,
                             struct sev_issued *out);
sev_err sev_sqlite_decision_add(void *self, sev_slice vehicle, const struct sev_decision *decision);
sev_err sev_sqlite_decisions(void *self, sev_slice vehicle, uint32_t count_max,
                             struct sev_arena *arena, sev_decision_visit *visit, void *context);

#endif
