/* audit - the audit log: what is a leaf, how leaves come into the log and under a checkpoint, and
 * what a witness looks at. Over store, signer and time; no socket, no clock. DESIGN 9.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_AUDIT_H
#define SECUREEV_AUDIT_H

#include "secureev/event.h"
#include "secureev/signer.h"
#include "secureev/store_log.h"
#include "secureev/tlog.h"

/* --------------------------------------------------------------------- leaves */

/* A leaf is one canonical JSON object:
 *   {"actor":"<pseudonym>","reason":"<commitment>","sequence":7,"source":"director",
 *    "subject":"<pseudonym>","time":"2026-03-01T10:20:30Z","what":"assign"}
 * A pseudonym is HMAC-SHA-256 by the shipper's salt, 16 bytes of it: the same for the same vehicle,
 * and nothing to whoever lacks the salt. `reason` is SHA-256 over 32 bytes that nobody can guess,
 * which the salt gives for this leaf alone, and the decision's reason: showing both opens one leaf
 * and no other. No member has room for a VIN, a DID or a remark. */

#define SEV_AUDIT_SALT_BYTES_MIN 32u
#define SEV_AUDIT_SALT_BYTES_MAX 64u
#define SEV_AUDIT_PSEUDONYM_CHARS 32u
#define SEV_AUDIT_WORD_CHARS_MAX 64u /* of `what` and of `source` */
#define SEV_AUDIT_LEAF_BYTES_MAX 512u

struct sev_audit_leaf {
    char actor[SEV_AUDIT_PSEUDONYM_CHARS], subject[SEV_AUDIT_PSEUDONYM_CHARS];
    uint8_t reason[SEV_SHA256_BYTES];
    int64_t sequence;
    sev_slice source, what;
    sev_time time;
};

void sev_audit_pseudonym(sev_slice salt, sev_slice of, char out[SEV_AUDIT_PSEUDONYM_CHARS]);
/** What is hashed before the reason of that leaf. */
void sev_audit_blind(sev_slice salt, sev_slice source, int64_t sequence,
                     uint8_t out[SEV_SHA256_BYTES]);
/** The leaf of a decision; `what` is made a word if it is none. @retval SEV_E_MALFORMED, _MEMORY */
SEV_MUST_USE sev_err sev_audit_leaf_write(sev_slice salt, sev_slice source,
                                          const struct sev_shipment *shipment, sev_buf *out);
/** @retval SEV_E_MALFORMED, SEV_E_NOT_CANONICAL, SEV_E_TOO_LONG, SEV_E_JSON_... */
SEV_MUST_USE sev_err sev_audit_leaf_parse(sev_slice bytes, struct sev_audit_leaf *out);

/* ------------------------------------------------------------------- shipping */

#define SEV_AUDIT_BODY_BYTES_MAX (SEV_STORE_LEAVES_MAX * (SEV_AUDIT_LEAF_BYTES_MAX + 1) + 64u)

/**
 * Write what is not shipped yet, {"leaves":[...]}, oldest first. Whoever gets it into the log then
 * calls the store's shipped(); after a crash the same comes again and changes nothing there.
 *
 * @param out_last   sequence of the last one
 * @param out_count  0: there is nothing
 */
SEV_MUST_USE sev_err sev_audit_ship(const struct sev_store *store, sev_slice salt, sev_slice source,
                                    uint32_t count_max, struct sev_arena *arena, sev_buf *body,
                                    int64_t *out_last, uint32_t *out_count);

/* ------------------------------------------------------------------------ log */

#define SEV_AUDIT_LOG_KEYS_MAX 4u
#define SEV_AUDIT_WITNESSES_MAX 8u

struct sev_audit_log {
    const struct sev_store *store;
    sev_slice origin;
    struct sev_events events;
};

/**
 * Take leaves of `source`, as sev_audit_ship wrote them; those that the log has are fine.
 *
 * @param answer  {"indices":[...],"size":N} is appended
 * @retval SEV_E_WRONG_SUBJECT  a leaf of another source
 * @retval SEV_E_EQUIVOCATION   another leaf of that number is in the log: nothing was taken
 * @retval SEV_E_MALFORMED, SEV_E_NOT_CANONICAL, SEV_E_TOO_LONG, SEV_E_CONFLICT (again, please)
 */
SEV_MUST_USE sev_err sev_audit_add(const struct sev_audit_log *log, struct sev_arena *arena,
                                   sev_slice source, sev_slice body, sev_buf *answer);
#define SEV_AUDIT_ARENA_BYTES (4u << 20)

/**
 * Sign a checkpoint if the log grew, and keep it. First it is seen that it goes on from the last
 * one; where it does not the log is damaged or was tampered with, and nothing is signed any more.
 *
 * @param keys  names at the signer
 * @param out_size  of the newest checkpoint; 0: none
 * @retval SEV_E_LOG_FORK  told as an alarm
 */
SEV_MUST_USE sev_err sev_audit_sign(const struct sev_audit_log *log,
                                    const struct sev_sign_note *sign, const char *const *keys,
                                    uint32_t key_count, struct sev_arena *arena, int64_t *out_size);

/** The newest checkpoint with its signatures. @retval SEV_E_NOT_FOUND  none yet */
SEV_MUST_USE sev_err sev_audit_checkpoint(const struct sev_audit_log *log, struct sev_arena *arena,
                                          sev_slice *out);
/** A tile or bundle, as far as the newest checkpoint vouches for it. @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err sev_audit_tile(const struct sev_audit_log *log,
                                    const struct sev_tlog_tile *tile, struct sev_arena *arena,
                                    sev_slice *out);

/** What to ask a witness that cosigned `old_size` leaves last. @retval SEV_E_NOT_FOUND  there is no
 *  checkpoint, or it is smaller */
SEV_MUST_USE sev_err sev_audit_ask_witness(const struct sev_audit_log *log, uint64_t old_size,
                                           struct sev_arena *arena, sev_slice *out);
/**
 * Put a witness's lines under the newest checkpoint, if they are that witness's and verify.
 *
 * @param asked  the body that it was asked with
 * @retval SEV_E_SIGNATURE, SEV_E_NOTE; SEV_E_CONFLICT  the checkpoint is another by now
 */
SEV_MUST_USE sev_err sev_audit_cosigned(const struct sev_audit_log *log, struct sev_crypto *crypto,
                                        const struct sev_note_key *witness, sev_slice asked,
                                        sev_slice lines, struct sev_arena *arena);

/* -------------------------------------------------------------------- witness */

struct sev_audit_witnessed {
    sev_slice origin;
    struct sev_note_key keys[SEV_AUDIT_LOG_KEYS_MAX]; /**< any of them will do */
    uint32_t key_count;
};

struct sev_audit_witness {
    const struct sev_store *store;
    const char *key; /**< its name at the signer */
    const struct sev_audit_witnessed *logs;
    uint32_t log_count;
    struct sev_events events;
};

/**
 * Cosign a checkpoint that goes on from the last one, which is kept before the answer is given.
 *
 * @param out_size  of the last one, where the result is SEV_E_CONFLICT: the asker starts from it
 * @retval SEV_E_NOT_FOUND      no log that is witnessed here
 * @retval SEV_E_SIGNATURE      by none of its keys
 * @retval SEV_E_NOTE           not such a request, or of a smaller log than the old size
 * @retval SEV_E_CONFLICT       the old size is not that of the last one
 * @retval SEV_E_EQUIVOCATION   the same size with another root: a fork, told as an alarm
 * @retval SEV_E_LOG_FORK       the proof does not lead from the last one to it: likewise
 */
SEV_MUST_USE sev_err sev_audit_cosign(const struct sev_audit_witness *witness,
                                      struct sev_crypto *crypto, const struct sev_sign_note *sign,
                                      sev_slice request, sev_buf *answer, uint64_t *out_size);

#endif
