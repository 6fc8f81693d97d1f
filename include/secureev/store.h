/* store - what a server remembers: a narrow interface of the domain's own operations, written once
 * (store/sql) over drivers (store/sqlite, store/postgres). One suite tests them all.
 * DESIGN 9. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_H
#define SECUREEV_STORE_H

#include "secureev/arena.h"
#include "secureev/err.h"
#include "secureev/key.h"
#include "secureev/text.h"

/* Each operation is one transaction: all of it happens, durably, before it returns, or nothing.
 * What must not be lost or taken twice is claimed by expected values: SEV_E_CONFLICT says that
 * somebody was faster; read again. Operations may be called from any thread and may wait for the
 * disk. What is read lies in the caller's arena, all of it before the first visit: a visitor may
 * use the store. A decision may be NULL: then no row explains the change.
 *
 * Common results: SEV_E_NOT_FOUND, SEV_E_EXISTS, SEV_E_CONFLICT, SEV_E_MALFORMED (longer than
 * limits.h says, negative, or missing: such an argument reaches no database), SEV_E_MEMORY (arena
 * too small), SEV_E_STORE (the database is damaged), SEV_E_IO (the disk is full, not writable or
 * gone), SEV_E_BUSY (not now). Outputs are untouched unless SEV_OK. Nobody sees an operation that
 * failed with SEV_E_IO; a loss of power just then, or of a database server that does not come back
 * within seconds to be asked, may make it appear: expected values tell. */

/* --------------------------------------------------------------- inventory */

struct sev_vehicle {
    sev_slice id;    /**< DID, or the certificate's CN in aktualizr's profile */
    sev_slice vin;   /**< optional */
    sev_slice model; /**< optional */
    sev_profile profile;
    sev_slice primary; /**< serial of its Primary; empty before it registered */
    /* written by status_accept and files_put alone */
    int64_t status_counter; /**< of the last accepted status or manifest */
    int64_t status_version; /**< moves only when the bundle changes */
    bool has_base;
    uint8_t base[SEV_SHA256_BYTES]; /**< acknowledged */
    sev_time seen;                  /**< last accepted status; 0 = never */
};

struct sev_installed {
    sev_slice name; /**< empty: never reported */
    int64_t length;
    uint8_t sha256[SEV_SHA256_BYTES];
    int64_t release_counter;
};

struct sev_ecu {
    sev_slice vehicle, serial, hardware_id;
    struct sev_pubkey key;
    /* written by status_accept alone */
    int64_t report_counter;
    uint8_t report_sha256[SEV_SHA256_BYTES]; /**< of the signed message of the last report */
    struct sev_installed installed;
    int64_t boot_count;
    uint32_t attacks; /**< of the last report, as sev_attacks_parse */
    sev_slice report; /**< the last one, byte for byte; empty before the first */
};
#define SEV_STORE_ECUS_MAX SEV_ECUS_MAX

/** Why something was decided, for the row that explains it. */
struct sev_decision {
    sev_time time;
    sev_slice actor;  /**< operator, vehicle, or "director" */
    sev_slice what;   /**< stable word: "register", "assign", "status", ... */
    sev_slice reason; /**< canonical JSON object */
};

/** What was accepted of one ECU in a status. */
struct sev_ecu_news {
    sev_slice serial;
    int64_t expected_counter, counter;
    uint8_t sha256[SEV_SHA256_BYTES];
    struct sev_installed installed;
    int64_t boot_count;
    uint32_t attacks;
    sev_slice report;
};
struct sev_status_news {
    sev_slice vehicle;
    int64_t expected_counter, counter; /**< the same where there is none, in aktualizr's profile */
    bool has_base;                     /**< false: none from now on */
    uint8_t base[SEV_SHA256_BYTES];
    sev_time seen;
    const struct sev_ecu_news *ecus;
    uint32_t ecu_count;
    const struct sev_decision *decision;
};

/* -------------------------------------------------- assignments and files */

/** What a vehicle is to have: the members of "targets" and the bundle block of its Director file,
 *  in canonical form, as an operator or a campaign decided. */
struct sev_assignment {
    sev_slice vehicle;
    int64_t version; /**< bundle version; rises by one with each change, 0 = nothing assigned */
    sev_slice bundle_id;
    sev_slice correlation_id;
    sev_slice targets; /**< canonical object: name -> target */
    sev_slice groups;  /**< canonical array; may be empty */
    /** How many releases were invalidated when it was checked; written only. `assign` claims by it:
     *  SEV_E_CONFLICT where there are more by now. */
    int64_t invalidations;
};

enum sev_store_role { SEV_STORE_TARGETS, SEV_STORE_SNAPSHOT, SEV_STORE_TIMESTAMP, SEV_STORE_ROLES };
struct sev_stored_file {
    int64_t version; /**< 0: none */
    sev_time expires;
    int64_t bundle_version; /**< of the assignment that it was made for */
    sev_slice bytes;
};
/** The files that a vehicle's Director last issued; served are these bytes and no others. */
struct sev_issued {
    struct sev_stored_file files[SEV_STORE_ROLES];
};

/* --------------------------------------------------------------- interface */

/** Called for each row; false ends the walk. */
typedef bool sev_vehicle_visit(void *context, const struct sev_vehicle *vehicle);
typedef bool sev_decision_visit(void *context, const struct sev_decision *decision);

struct sev_identity_ops; /* store_identity.h */
struct sev_log_ops;      /* store_log.h */
struct sev_campaign_ops; /* store_campaign.h */
struct sev_operator_ops; /* store_operator.h */
struct sev_hint_ops;     /* store_hint.h */
struct sev_told_ops;     /* store_told.h */

struct sev_store {
    void *self;
    /** @retval SEV_E_EXISTS */
    sev_err (*vehicle_add)(void *self, const struct sev_vehicle *vehicle,
                           const struct sev_decision *decision);
    sev_err (*vehicle_get)(void *self, sev_slice id, struct sev_arena *arena,
                           struct sev_vehicle *out);
    /** In order of ids, after `after` (empty: from the first), at most `count_max`. */
    sev_err (*vehicle_list)(void *self, sev_slice after, uint32_t count_max,
                            struct sev_arena *arena, sev_vehicle_visit *visit, void *context);
    /**
     * Register the ECUs of a vehicle and say which is its Primary. The same set again is fine
     * (SEV_OK, nothing written).
     *
     * @retval SEV_E_EXISTS  an ECU is registered with another key or hardware id, or the set or
     *                       the Primary differs: an operator has to decide (ecus_replace)
     * @retval SEV_E_DUPLICATE_ECU, SEV_E_FOREIGN_ECU  a serial twice; a Primary not in the set
     */
    sev_err (*ecus_register)(void *self, sev_slice vehicle, sev_slice primary,
                             const struct sev_ecu *ecus, uint32_t count,
                             const struct sev_decision *decision);
    /** As ecus_register, by an operator: what was there gives way; counters of ECUs whose serial
     *  and key are the same stay. Statuses are counted by the Primary: with another one, or another
     *  key of it, status_counter begins at 0 again. */
    sev_err (*ecus_replace)(void *self, sev_slice vehicle, sev_slice primary,
                            const struct sev_ecu *ecus, uint32_t count,
                            const struct sev_decision *decision);
    /** In order of serials. @param out room for SEV_STORE_ECUS_MAX */
    sev_err (*ecus_get)(void *self, sev_slice vehicle, struct sev_arena *arena, struct sev_ecu *out,
                        uint32_t *out_count);

    /** A status and the reports in it, at once. @retval SEV_E_CONFLICT  a counter is not as
     *  expected: it was accepted before, or another one meanwhile
     *  @retval SEV_E_DUPLICATE_ECU  two reports of one ECU */
    sev_err (*status_accept)(void *self, const struct sev_status_news *news);

    /** @param assignment  its version is one more than the stored one, else SEV_E_CONFLICT */
    sev_err (*assign)(void *self, const struct sev_assignment *assignment,
                      const struct sev_decision *decision);
    /** Version 0 and empty texts when nothing was ever assigned. */
    sev_err (*assignment_get)(void *self, sev_slice vehicle, struct sev_arena *arena,
                              struct sev_assignment *out);

    /**
     * Claim versions and keep the signed bytes in one step, before anybody is served them.
     *
     * @param expected        versions that were read; where one is not as expected: SEV_E_CONFLICT
     * @param files           those with version 0 stay as they are; others rise above `expected`
     * @param status_version  becomes the vehicle's; never lower than before (SEV_E_CONFLICT)
     */
    sev_err (*files_put)(void *self, sev_slice vehicle, const int64_t expected[SEV_STORE_ROLES],
                         const struct sev_issued *files, int64_t status_version,
                         const struct sev_decision *decision);
    sev_err (*files_get)(void *self, sev_slice vehicle, struct sev_arena *arena,
                         struct sev_issued *out);

    /** Something was decided and nothing else changed: a refusal. */
    sev_err (*decision_add)(void *self, sev_slice vehicle, const struct sev_decision *decision);
    /** Newest first. */
    sev_err (*decisions)(void *self, sev_slice vehicle, uint32_t count_max, struct sev_arena *arena,
                         sev_decision_visit *visit, void *context);
    /* Further tables of operations, one per header: `const struct sev_x_ops *x`, whose functions
     * are called with `self`. store/sql/sql.h says how one is added. */
    const struct sev_identity_ops *identity;
    const struct sev_log_ops *log;
    const struct sev_campaign_ops *campaigns;
    const struct sev_operator_ops *operators;
    const struct sev_hint_ops *hints;
    const struct sev_told_ops *told;
};

/**
 * One writer with group commit, and connections to read with.
 *
 * @param text  "postgresql://...", as libpq reads it; several processes may share the database.
 *              Anything else is the path of an SQLite file, made where absent, for its owner alone
 * @retval SEV_E_CONFIG  made by a newer version of this program, or not ours: it is untouched; or
 *                       no text that libpq can read
 * @retval SEV_E_UNSAFE_FILE  a link, or no regular file
 * @retval SEV_E_IO  the file cannot be had, the server not be reached
 * @retval SEV_E_STORE, SEV_E_BUSY, SEV_E_MEMORY, SEV_E_BAD_NAME
 *
 * A server that goes away is SEV_E_IO until it is there again; nothing has to be opened anew.
 */
SEV_MUST_USE sev_err sev_store_open(const char *text, struct sev_store *out);
/** Is it a server's, and no file? */
static inline bool sev_store_on_server(const char *text)
{
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}
#define SEV_STORE_NAME_MAX 256
/** What of the text may be shown and logged: of a server's no user, password or options. */
void sev_store_name(const char *text, char out[SEV_STORE_NAME_MAX]);
/** Can it do its work just now? Something is written, durably. */
SEV_MUST_USE sev_err sev_store_probe(const struct sev_store *store);
/** Nobody uses it any more. Closing one that is closed is fine. */
void sev_store_close(struct sev_store *store);

#endif
