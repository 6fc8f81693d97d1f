/* signer - the logic of the key service: which key may sign what, for whom, how often. Holds the
 * online keys; has no socket, file or clock. DESIGN 9. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SIGNER_H
#define SECUREEV_SIGNER_H

#include "secureev/certificate.h"
#include "secureev/event.h"
#include "secureev/key.h"
#include "secureev/messages.h"
#include "secureev/note.h"
#include "secureev/signing.h"

/* A request is one canonical JSON object, its answer one whose members stand in order:
 *   {"ask":"sign","key":"director-timestamp","signed":{"_type":"timestamp",...}}
 *     -> {"keyid":"...","sig":"<hex>"}
 *   {"ask":"keys"}
 *     -> {"keys":[{"key":<TUF key
 * object>,"keyid":"...","name":"...","sign":["timestamp",...]},...]}
 *   {"ask":"certificate","key":"registry-ca","name":"did:...","not_after":"...","not_before":"...",
 *    "public":"<hex of the point>"}
 *     -> {"certificate":"<hex of its DER>"}
 *   {"ask":"checkpoint","key":"log","origin":"log.example/ev","root":"<hex>","size":7}
 *     -> {"line":"<signature line of a log under its checkpoint, or of a witness>"}
 *   {"ask":"counts"}
 *     -> {"counts":[{"key":"...","signed":7},...],"run":<another one after each start>}
 *   -> {"detail":"...","error":"signer_policy"} where it is refused
 * Keys that the asking user may not use do not exist for it. What is signed is checked: it is
 * canonical, of a type that this key signs, made for this key's repository, and expires no later
 * than the policy says. No policy can allow root: no online key signs who is trusted.
 * A key that makes certificates signs nothing else, and makes those of clients alone, from the
 * signer's own template: whoever asks chooses name, key and dates within the policy.
 * A key of a log or a witness signs checkpoints alone, of the origins in its policy, whose text the
 * signer makes itself; while it runs never one that is smaller than the last of that origin, nor of
 * the same size with another root. */

#define SEV_SIGNER_REQUEST_BYTES_MAX (1u << 20) /* targets of 256 ECUs have half of it */
#define SEV_SIGNER_ANSWER_BYTES_MAX 65536u
#define SEV_SIGNER_KEYS_MAX 32u
#define SEV_SIGNER_NAME_CHARS_MAX 64u

/* X(NAME, "_type", does it expire?) */
#define SEV_SIGNER_DOCUMENTS(X)                                                                    \
    X(TIMESTAMP, "timestamp", true)                                                                \
    X(SNAPSHOT, "snapshot", true)                                                                  \
    X(TARGETS, "targets", true)                                                                    \
    X(STATUS_REPLY, "status-reply", false)                                                         \
    X(GRANT, "grant", true)                                                                        \
    X(SUBMISSION, "submission", false)                                                             \
    X(TIME, "time", false)

enum sev_signer_document {
#define X(name, type, expires) SEV_SIGNER_##name,
    SEV_SIGNER_DOCUMENTS(X)
#undef X
        SEV_SIGNER_DOCUMENT_COUNT
};
/** The "_type" of a document that a signer may sign. */
const char *sev_signer_type(enum sev_signer_document document);

/** What makes a file this repository's: the Director's name a vehicle or a subscriber (but in
 *  aktualizr's dialect, which has no place for it), those of Images and Regulator name neither. */
typedef enum sev_signer_repository { SEV_SIGNER_DIRECTOR, SEV_SIGNER_OTHER } sev_signer_repository;

#define SEV_SIGNER_LOGS_MAX 8u /* that a witness cosigns; a log is one */

/** Whose signature lines a key makes. */
typedef enum sev_signer_notes {
    SEV_SIGNER_NO_NOTES,
    SEV_SIGNER_LOG,
    SEV_SIGNER_WITNESS
} sev_signer_notes;

struct sev_signer_log {
    char origin[SEV_NOTE_NAME_BYTES_MAX + 1];
    /* of its last checkpoint; false: there was none yet */
    bool signed_once;
    uint64_t size;
    uint8_t root[SEV_SHA256_BYTES];
};

struct sev_signer_key {
    char name[SEV_SIGNER_NAME_CHARS_MAX + 1];
    struct sev_privkey *key; /**< whoever fills this in frees it */
    sev_profile profile;     /**< of its key id and of what it signs: native or aktualizr */
    sev_signer_repository repository;
    unsigned documents;       /**< 1u << SEV_SIGNER_TIMESTAMP, ... */
    int64_t life_max;         /**< seconds from now until what it signs may expire */
    int64_t per_minute;       /**< signatures; as many at once */
    uint32_t users[4];        /**< user ids that may ask */
    unsigned user_count;      /**< nobody may where it is 0 */
    bool certificates;        /**< it makes them; then `documents` is 0 */
    bool any_name;            /**< also for names that are no DIDs */
    struct sev_issuer issuer; /**< as whom */
    sev_signer_notes notes;   /**< likewise of checkpoints */
    char note_name[SEV_NOTE_NAME_BYTES_MAX + 1]; /**< the witness's; a log's is its origin */
    struct sev_signer_log logs[SEV_SIGNER_LOGS_MAX];
    unsigned log_count;
    /* by sev_signer_init */
    char id[SEV_KEY_ID_CHARS];
    int64_t made;                /**< signatures and certificates since the start */
    int64_t tokens, refilled_ms; /* sixty-thousandths of a signature, so that nothing is rounded */
};

struct sev_signer {
    struct sev_signer_key *keys;
    size_t count;
    struct sev_events events;
    int64_t run; /**< by sev_signer_init: which start this is */
};

/** @retval SEV_E_KEY      of a type that signs no metadata, or not that of its issuer or notes
 *  @retval SEV_E_CONFIG   two keys of one name, one for certificates or checkpoints and documents,
 *                         origins or names of notes that will not do, or more than
 *                         SEV_SIGNER_KEYS_MAX */
SEV_MUST_USE sev_err sev_signer_init(struct sev_signer *signer, int64_t now_ms);
/** After keys and policies were read anew: what was signed of logs stays known, and how much. */
void sev_signer_keep_logs(const struct sev_signer *old, struct sev_signer *now);

/**
 * Answer one request. There is always an answer.
 *
 * @param user    of the process that asks, from the kernel
 * @param now     wall clock, for expiries
 * @param now_ms  monotonic clock, for rates
 * @param answer  empty, SEV_SIGNER_ANSWER_BYTES_MAX of room
 */
void sev_signer_answer(struct sev_signer *signer, uint32_t user, sev_slice request, sev_time now,
                       int64_t now_ms, sev_buf *answer);

/* ------------------------------------------------------- the asking side */

/** Whoever needs signatures has one of these: a socket to secureev-signer, or in tests the signer
 *  itself. */
struct sev_sign {
    void *self;
    /** @param out_keyid  SEV_KEY_ID_CHARS; @param sig bytes are appended
     *  @retval SEV_E_UNREACHABLE  the signer does not answer */
    sev_err (*sign)(void *self, const char *key, sev_slice body, char *out_keyid, sev_buf *sig);
};

/**
 * Have `body` signed and append the whole document.
 *
 * @param bytes_max  that it may have
 * @retval SEV_E_TOO_LONG, SEV_E_MEMORY (`out` is too small); others as sign()
 */
SEV_MUST_USE sev_err sev_sign_document(const struct sev_sign *sign, sev_profile profile,
                                       const char *key, sev_slice body, size_t bytes_max,
                                       sev_buf *out);
/** What a signature adds to a body, at most. */
#define SEV_SIGN_OVERHEAD_BYTES 2048u

/** Likewise for certificates. */
struct sev_certify {
    void *self;
    /** Append the DER. @param plan  its kind is not asked for: it is a client's
     *  @retval SEV_E_UNREACHABLE, SEV_E_POLICY, ... */
    sev_err (*certify)(void *self, const char *key, const struct sev_certificate_plan *plan,
                       sev_buf *der);
};

/** Likewise for signature lines of checkpoints. */
struct sev_sign_note {
    void *self;
    /** Append the line. @retval SEV_E_UNREACHABLE, SEV_E_POLICY, SEV_E_VERSION_ROLLBACK, ... */
    sev_err (*sign)(void *self, const char *key, const struct sev_checkpoint *checkpoint,
                    sev_buf *line);
};

/* On the socket each request and each answer comes behind four bytes of its length. */
#define SEV_SIGNER_HEAD_BYTES 4u
void sev_signer_put_head(uint8_t out[SEV_SIGNER_HEAD_BYTES], size_t len);
size_t sev_signer_read_head(const uint8_t head[SEV_SIGNER_HEAD_BYTES]);

/** Write a request to sign; canonical `body`. */
SEV_MUST_USE sev_err sev_signer_request_sign(const char *key, sev_slice body, sev_buf *out);
/** Read the answer to it. @retval the refusal that it tells; SEV_E_MALFORMED */
SEV_MUST_USE sev_err sev_signer_read_signature(sev_slice answer, char *out_keyid, sev_buf *sig);

/** Likewise for a certificate. */
SEV_MUST_USE sev_err sev_signer_request_certificate(const char *key,
                                                    const struct sev_certificate_plan *plan,
                                                    sev_buf *out);
SEV_MUST_USE sev_err sev_signer_read_certificate(sev_slice answer, sev_buf *der);
#define SEV_SIGNER_CERTIFICATE_REQUEST_BYTES 512u /* of a request for one, at most */

/** Likewise for a signature line. */
SEV_MUST_USE sev_err sev_signer_request_checkpoint(const char *key,
                                                   const struct sev_checkpoint *checkpoint,
                                                   sev_buf *out);
SEV_MUST_USE sev_err sev_signer_read_line(sev_slice answer, sev_buf *line);

/** How much each key signed, of those that the asker may use. */
struct sev_signer_counts {
    int64_t run;
    uint32_t count;
    struct sev_signer_count {
        sev_slice key; /**< in the answer */
        int64_t made;
    } keys[SEV_SIGNER_KEYS_MAX];
};
SEV_MUST_USE sev_err sev_signer_read_counts(sev_slice answer, struct sev_signer_counts *out);

#endif
