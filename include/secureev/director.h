/* director - what a Director does for its vehicles: it knows them, hears their status, decides what
 * each is to have and issues files that say so. Plain functions over a store, a signer and a time;
 * no socket, no clock. DESIGN 3.4, 9. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_DIRECTOR_H
#define SECUREEV_DIRECTOR_H

#include "secureev/event.h"
#include "secureev/messages.h"
#include "secureev/signer.h"
#include "secureev/store.h"

/** How long what it signs is good. DESIGN 3.7; files are made anew at half their life. */
struct sev_director_lives {
    int64_t timestamp, snapshot, targets; /* seconds */
};
#define SEV_DIRECTOR_LIVES ((struct sev_director_lives){86400, 86400, 14 * 86400})

/** Shared by all threads and not changed while they run. */
struct sev_director {
    const struct sev_store *store;
    const struct sev_sign *sign;
    struct sev_events events;
    struct {
        const char *targets, *snapshot, *timestamp; /**< names of keys at the signer */
        const char *aktualizr; /**< of targets in that dialect; "": it is not spoken */
    } keys;
    const sev_slice *roots; /**< 1.root.json, 2.root.json, ...: of the native profile */
    uint32_t root_count;
    struct sev_director_lives lives;
    int64_t poll_interval_s, poll_jitter_s;
    struct {
        const char *key; /**< of `publish` at the signer; NULL or "": no grants are issued */
        const char *oem;
        int64_t life_s;         /**< SEV_GRANT_SECONDS_MAX at most */
        const uint8_t *subject; /**< SHA-256 of the asker's TLS key; NULL: not known */
    } grants;
};

/** What one call works with. */
struct sev_director_call {
    struct sev_arena *arena; /**< SEV_DIRECTOR_ARENA_BYTES are always enough */
    struct sev_crypto *crypto;
    sev_time now;
};
#define SEV_DIRECTOR_SKEW_SECONDS 600 /* an ECU's clock may be ahead of ours by so much */
#define SEV_DIRECTOR_ARENA_BYTES (16u << 20)

/**
 * Register the ECUs of a vehicle. The body is aktualizr's (contract 5.3); in the native profile its
 * keys are TUF's key objects of P-256 or Ed25519.
 *
 * @param vehicle  whom the connection proved
 * @retval SEV_E_NOT_FOUND  not in the inventory
 * @retval SEV_E_EXISTS     with another key, hardware or set: an operator decides
 * @retval SEV_E_DUPLICATE_ECU, SEV_E_KEY, SEV_E_MALFORMED, SEV_E_JSON_...
 */
SEV_MUST_USE sev_err sev_director_register(const struct sev_director *d,
                                           const struct sev_director_call *call, sev_slice vehicle,
                                           sev_slice body);

/**
 * Take a vehicle's status and answer it: reply, and files that are newer than what it holds.
 *
 * @param vehicle  whom the connection proved; the status must be this vehicle's. REQ-DIR-05
 * @param answer   the body for the vehicle is appended; untouched unless SEV_OK
 * @retval SEV_E_NOT_FOUND  not in the inventory, or its ECUs were never registered
 * @retval others           as sev_status_check and sev_report_check; nothing was kept and the
 *                          refusal is an event. REQ-DIR-08
 */
SEV_MUST_USE sev_err sev_director_status(const struct sev_director *d,
                                         const struct sev_director_call *call, sev_slice vehicle,
                                         sev_slice status, sev_buf *answer);

/**
 * Take a manifest of a vehicle that speaks aktualizr's dialect (contract 10). Each report must be
 * its ECU's; ECUs that are not in it are left as they are. The counter of the Primary's report must
 * rise; the very manifest that was accepted last is fine, since it is sent again when an answer was
 * lost.
 *
 * @retval as sev_director_status
 */
SEV_MUST_USE sev_err sev_director_manifest(const struct sev_director *d,
                                           const struct sev_director_call *call, sev_slice vehicle,
                                           sev_slice manifest);

/**
 * Take what such a vehicle tells unasked (contract 11): unsigned, so it is kept for people alone.
 * What is no list of events is taken and forgotten, since the vehicle would repeat it for ever.
 *
 * @retval SEV_E_NOT_FOUND  not in the inventory, or of another dialect
 */
SEV_MUST_USE sev_err sev_director_told(const struct sev_director *d,
                                       const struct sev_director_call *call, sev_slice vehicle,
                                       sev_slice events);

/**
 * The files of a vehicle as they are to be served now: made anew where the assignment changed or
 * half of their life is over, kept before they are returned. In aktualizr's dialect there is only
 * a targets file.
 *
 * @retval SEV_E_UNSUPPORTED  that dialect is not spoken here

 * @param out  bytes lie in the arena
 */
SEV_MUST_USE sev_err sev_director_issue(const struct sev_director *d,
                                        const struct sev_director_call *call, sev_slice vehicle,
                                        struct sev_issued *out);

/**
 * As sev_director_register, by an operator (`actor`), who may decide that the vehicle's ECUs are
 * others from now on: with another key, or exchanged. REQ-DIR-19
 *
 * @param remark  why, for the row that explains it
 */
SEV_MUST_USE sev_err sev_director_replace(const struct sev_director *d,
                                          const struct sev_director_call *call, sev_slice vehicle,
                                          sev_slice actor, sev_slice remark, sev_slice body);

/** An operator's or campaign's wish. */
struct sev_director_wish {
    sev_slice vehicle, actor, remark;
    sev_slice bundle_id, correlation_id;
    sev_slice targets; /**< canonical object name -> target, as in the Director's file */
    sev_slice groups;  /**< canonical array of arrays of serials; empty: one group */
    bool has_expected; /**< false: whatever is assigned now gives way */
    int64_t expected;  /**< version of the assignment that this one is to follow */
};
/**
 * Assign, after checking it against the inventory: every ECU is this vehicle's and of that
 * hardware, none gets two images, each image says `match`, no release counter falls, encryption
 * stands on both sides or none, groups name assigned ECUs once, `depends` and `conflicts` hold over
 * all that the vehicle may have afterwards. REQ-DIR-14 REQ-DIR-21 REQ-DIR-25
 *
 * @retval SEV_E_FOREIGN_ECU, SEV_E_WRONG_HARDWARE, SEV_E_DUPLICATE_ECU, SEV_E_RELEASE_ROLLBACK,
 *         SEV_E_DOWNGRADE, SEV_E_BUNDLE, SEV_E_MALFORMED, SEV_E_NOT_CANONICAL
 * @retval SEV_E_DEPENDENCY, SEV_E_INCOMPATIBLE
 * @retval SEV_E_INVALIDATED  an image of it was invalidated
 * @retval SEV_E_CONFLICT  somebody else assigned meanwhile
 */
SEV_MUST_USE sev_err sev_director_assign(const struct sev_director *d,
                                         const struct sev_director_call *call,
                                         const struct sev_director_wish *wish,
                                         int64_t *out_version);
/** As sev_director_assign, and only says what is to be written: for those who write more with it.
 *  @param out, out_why  borrow from the wish and the arena */
SEV_MUST_USE sev_err sev_director_prepare(const struct sev_director *d,
                                          const struct sev_director_call *call,
                                          const struct sev_director_wish *wish,
                                          struct sev_assignment *out, struct sev_decision *out_why);

/* ------------------------------------------- what seed 001 asked for. REQ-B12 */

/**
 * Register the one ECU of a vehicle in the first sketch's words: {ecu_id?, hardware_id, public_key,
 * vehicle_id}, the key as a P-256 point in hex.
 *
 * @param vehicle  whom the connection proved; `vehicle_id` must be the same
 * @retval SEV_E_WRONG_VEHICLE, SEV_E_KEY, and as sev_director_register
 */
SEV_MUST_USE sev_err sev_director_seed_register(const struct sev_director *d,
                                                const struct sev_director_call *call,
                                                sev_slice vehicle, sev_slice body);
/**
 * The Director's targets of a vehicle with a word about it: {message, signatures, signed, status,
 * statusVersion, vehicle_id}. The signed file stands in it byte for byte, and only that verifies.
 *
 * @param asked  must be `vehicle`, else SEV_E_NOT_FOUND
 */
SEV_MUST_USE sev_err sev_director_seed_manifest(const struct sev_director *d,
                                                const struct sev_director_call *call,
                                                sev_slice vehicle, sev_slice asked,
                                                sev_buf *answer);
/** {public_key, service, status}: the first key of `targets` in that root, in hex. Nobody may trust
 *  it for where it comes from. REQ-H32 */
SEV_MUST_USE sev_err sev_director_seed_hello(sev_slice root, const char *service,
                                             struct sev_arena *arena, sev_buf *answer);

#endif
