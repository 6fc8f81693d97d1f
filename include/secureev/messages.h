/* messages - what vehicle, Director, regulator, brokers and stations say to each other beside
 * metadata. docs/POUF.md describes each for people; the tables in core/meta/msg_*.c are the
 * formats. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_MESSAGES_H
#define SECUREEV_MESSAGES_H

#include "secureev/merkle.h"
#include "secureev/meta.h"

/* A message is a signed envelope {"signatures": [{keyid, sig}], "signed": {_type, ...}} in
 * canonical form, at most SEV_MESSAGE_BYTES_MAX. Reading: sev_message_open, then the decoder of
 * the type, or a *_check which decodes and verifies. Writing: an encoder makes the body, somebody
 * signs it, sev_envelope_write puts both together.
 *
 * Structs borrow from the document. Text is plain: printable ASCII without quote and backslash
 * (image names: any clean name without quote). Binary values are lower-case hex in the document.
 * An optional member that is absent is a NULL slice, a zero integer or a false has_... flag.
 * Unknown members are ignored unless signed.custom.critical names them.
 *
 * Unless said otherwise: decoders, SEV_E_MALFORMED for a member that is missing, of another type
 * or outside its bounds, SEV_E_WRONG_TYPE for another message, SEV_E_CRITICAL; encoders,
 * SEV_E_MALFORMED for what the decoder would refuse, SEV_E_MEMORY. Outputs are untouched unless
 * SEV_OK. */

/* ---------------------------------------------------------------- envelope */

/**
 * Open a native message. No memory is needed, because only canonical bytes are accepted.
 * Signatures are not checked yet, but each entry is exactly {keyid, sig} in lower-case hex.
 *
 * @retval SEV_E_TOO_LONG       over SEV_MESSAGE_BYTES_MAX
 * @retval SEV_E_NOT_CANONICAL  rightly so refused: nobody needs a second spelling
 * @retval SEV_E_SIGNATURE      no signature entry at all
 * @retval SEV_E_MALFORMED      anything else that is not this envelope
 */
SEV_MUST_USE sev_err sev_message_open(struct sev_doc *doc, sev_slice bytes);

/** Open a manifest or an ECU's report in aktualizr's form (contracts/aktualizr.md 7.3, 10), which
 *  has no type; a copy in `arena` is made where the bytes are not canonical.
 *  @retval SEV_E_TOO_LONG  over SEV_MANIFEST_BYTES_MAX */
SEV_MUST_USE sev_err sev_manifest_open(struct sev_doc *doc, sev_slice bytes,
                                       struct sev_arena *arena);

/** A signature to be attached. */
struct sev_message_sig {
    sev_slice keyid;
    sev_slice sig;    /**< bytes */
    sev_slice method; /**< aktualizr alone: "ed25519" or "rsassa-pss" */
};

/** Put a canonical body and its signatures together: a message, or metadata. Profile: native, or
 *  aktualizr's.
 *  @param bytes_max  SEV_MESSAGE_BYTES_MAX, or what that kind of file may have
 *  @retval SEV_E_TOO_LONG  over bytes_max
 *  @retval SEV_E_MEMORY    `out` is too small; untouched */
SEV_MUST_USE sev_err sev_envelope_write(sev_profile profile, sev_slice body,
                                        const struct sev_message_sig *sigs, uint32_t count,
                                        size_t bytes_max, sev_buf *out);

/** Did this one key sign the document? For ECUs, whose key an inventory knows.
 *  @retval SEV_E_SIGNATURE  no */
SEV_MUST_USE sev_err sev_message_signed_by(struct sev_crypto *crypto, const struct sev_pubkey *key,
                                           const struct sev_doc *doc);

/* Arrays in messages stay in the document. `array` may be empty (absent: no elements).
 *     sev_json it = sev_list(m.reports);
 *     while (sev_list_next(&it, &report)) ...
 * To encode one, write it with a sev_json_writer and point the member at the bytes. */
sev_json sev_list(sev_slice array);
/** The next element's bytes: a document or object as it stands, a string without its quotes. */
bool sev_list_next(sev_json *it, sev_slice *out);

/* ------------------------------------------------------------------- parts */

/** An image as reports name it: {"fileinfo": {"hashes", "length"}, "filepath"}. */
struct sev_image_info {
    sev_slice name;
    int64_t length;
    struct sev_hashes hashes;
};

/** A bundle: {"id", "version"}. */
struct sev_bundle_ref {
    sev_slice id;
    int64_t version;
};

/** Versions of a Director's files that somebody holds; 0 = none. */
struct sev_held {
    int64_t root, timestamp;
    int64_t status_version; /**< of the newest status reply */
};

/** A content key wrapped by HPKE: {"ct", "enc", "keyid"}. The suite follows from the key. */
struct sev_wrap {
    uint8_t keyid[SEV_SHA256_BYTES]; /**< of the recipient's KEM key, or its prekey */
    sev_slice enc;                   /**< hex: 32 bytes X25519, 65 bytes P-256 */
    sev_slice ct;                    /**< hex: content key and tag */
};
/** From and to its JSON object, wherever it stands. */
SEV_MUST_USE sev_err sev_wrap_decode(sev_slice object, struct sev_wrap *out);
SEV_MUST_USE sev_err sev_wrap_encode(const struct sev_wrap *m, sev_buf *out);

/* -------------------------------------------------------- report of an ECU */

/** What came of the last installation that was tried. Codes: contracts/aktualizr.md 10, and
 *  "prekey_unknown". */
struct sev_outcome {
    bool success;
    sev_slice code;
    sev_slice description;    /**< may be empty */
    sev_slice correlation_id; /**< optional */
};

/** ECU version report, signed by the ECU. REQ-MAN-03 REQ-MAN-04 REQ-MAN-06 */
struct sev_report {
    sev_slice vehicle;           /**< native alone */
    sev_slice ecu;               /**< ecu_serial */
    int64_t counter;             /**< strictly rising; aktualizr: report_counter, 0 = none */
    sev_time time;               /**< native: when it was made, by the ECU's trusted clock */
    sev_time attested;           /**< timeserver_time: the last attested time */
    sev_time attested_before;    /**< previous_timeserver_time */
    struct sev_image_info image; /**< installed_image, measured after the boot */
    int64_t release_counter;     /**< native: of that image */
    int64_t boot_count;          /**< native */
    sev_slice attacks;           /**< attacks_detected; native: see sev_attacks_parse */
    bool has_previous;
    struct {
        struct sev_image_info image;
        int64_t release_counter;
    } previous; /**< native, optional: the image before, which a fall-back would run */
    bool has_held;
    struct {
        int64_t root, targets;
    } held; /**< native, optional: Director files that this ECU verified */
    bool has_result;
    struct sev_outcome result; /**< native, optional */
    sev_slice prekeys;         /**< native, optional: array of prekey documents, newest first */
};
SEV_MUST_USE sev_err sev_report_decode(const struct sev_doc *doc, struct sev_report *out);
SEV_MUST_USE sev_err sev_report_encode(const struct sev_report *m, sev_buf *out);

/** aktualizr's form; text with escapes is unfolded into `arena`. */
SEV_MUST_USE sev_err sev_report_decode_aktualizr(const struct sev_doc *doc, struct sev_arena *arena,
                                                 struct sev_report *out);
/** `arena` lends room for the text before it is folded to ASCII; given back. */
SEV_MUST_USE sev_err sev_report_encode_aktualizr(const struct sev_report *m,
                                                 struct sev_arena *arena, sev_buf *out);

/** Bits of attacks_detected: 1 << sev_attack. */
#define SEV_ATTACKS_OTHER 0x80000000u /**< a name that this build does not know */
/** attacks_detected: names of DESIGN 4, comma-separated, "" for none. */
SEV_MUST_USE sev_err sev_attacks_parse(sev_slice text, uint32_t *out_set);
void sev_attacks_write(uint32_t set, sev_buf *out);

/** What the Director knows before a report comes. */
struct sev_report_expected {
    sev_slice vehicle, ecu;
    int64_t counter;                  /**< of the last accepted report, 0 = none */
    uint8_t sha256[SEV_SHA256_BYTES]; /**< of its signed message (sev_doc.sha256) */
};
/**
 * Is this a report of that ECU, and news? REQ-DIR-11 REQ-DIR-13 REQ-MAN-05 REQ-ATK-12
 *
 * @param key       the ECU's identity key, from the inventory
 * @param out_news  false: the very report that was accepted last, again
 * @retval SEV_E_WRONG_VEHICLE, SEV_E_WRONG_SUBJECT  of another vehicle, another ECU
 * @retval SEV_E_REPLAYED   its counter is not above the last one
 * @retval SEV_E_SIGNATURE  not signed by that key
 */
SEV_MUST_USE sev_err sev_report_check(struct sev_crypto *crypto, const struct sev_pubkey *key,
                                      const struct sev_doc *doc,
                                      const struct sev_report_expected *expected,
                                      struct sev_report *out, bool *out_news);

/** One ECU in the set that `base` stands for. */
struct sev_base_entry {
    sev_slice ecu;
    struct sev_image_info image;
    int64_t release_counter;
};
/** SHA-256 of [[ECU, name, length, hashes, releaseCounter], ...] in canonical form, ordered by
 *  ECU whatever the order of `set`.
 *  @retval SEV_E_DUPLICATE_ECU  one ECU stands there twice
 *  @retval SEV_E_MALFORMED      over SEV_ECUS_MAX, no digest, or text that is not UTF-8 */
SEV_MUST_USE sev_err sev_base_digest(const struct sev_base_entry *set, uint32_t count,
                                     uint8_t out[SEV_SHA256_BYTES]);

/* --------------------------------------------------------- status and reply */

/** The native vehicle version manifest, signed by the Primary. REQ-MAN-01 REQ-MAN-02 REQ-D24 */
struct sev_status {
    sev_slice vehicle;
    sev_slice primary; /**< serial of the Primary */
    int64_t counter;   /**< strictly rising, stored before it is used */
    sev_time time;
    uint8_t nonce[SEV_NONCE_BYTES];
    uint8_t base[SEV_SHA256_BYTES];
    struct sev_held held;
    sev_slice reports; /**< optional: array of report documents */
};
SEV_MUST_USE sev_err sev_status_decode(const struct sev_doc *doc, struct sev_status *out);
SEV_MUST_USE sev_err sev_status_encode(const struct sev_status *m, sev_buf *out);

struct sev_status_expected {
    sev_slice vehicle, primary;
    int64_t counter;        /**< of the last accepted status, 0 = none */
    struct sev_held issued; /**< the newest that the Director ever issued for the vehicle */
};
/**
 * The Director's check. REQ-DIR-10 REQ-D26
 * @retval SEV_E_VERSION_ROLLBACK  the vehicle holds more than was ever issued: raise the alarm
 * @retval SEV_E_WRONG_VEHICLE, SEV_E_WRONG_SUBJECT, SEV_E_REPLAYED, SEV_E_SIGNATURE  as in
 *         sev_report_check
 */
SEV_MUST_USE sev_err sev_status_check(struct sev_crypto *crypto, const struct sev_pubkey *key,
                                      const struct sev_doc *doc,
                                      const struct sev_status_expected *expected,
                                      struct sev_status *out);

/** The answer, signed by the Director's timestamp key. REQ-D27 */
struct sev_status_reply {
    sev_slice vehicle;
    uint8_t nonce[SEV_NONCE_BYTES]; /**< of the status */
    sev_time time;
    int64_t status_version;
    int64_t root;
    struct {
        int64_t version;
        uint8_t sha256[SEV_SHA256_BYTES]; /**< of timestamp.json */
    } timestamp;
    bool has_base;
    uint8_t base[SEV_SHA256_BYTES]; /**< acknowledged; absent or not one's own: send all reports */
    struct {
        int64_t interval_s, jitter_s;
    } poll;
    sev_slice want; /**< optional: array of ECU serials whose reports are to be sent */
};
SEV_MUST_USE sev_err sev_status_reply_decode(const struct sev_doc *doc,
                                             struct sev_status_reply *out);
SEV_MUST_USE sev_err sev_status_reply_encode(const struct sev_status_reply *m, sev_buf *out);

struct sev_status_reply_expected {
    sev_slice vehicle;
    uint8_t nonce[SEV_NONCE_BYTES];
    struct sev_held held;
    sev_time last; /**< `time` of the last accepted reply, 0 = none */
};
/**
 * The vehicle's check, under the Director's timestamp role. REQ-D28
 * @retval SEV_E_REPLAYED          another nonce, or older than the last accepted reply
 * @retval SEV_E_VERSION_ROLLBACK  it names a version below what is held
 */
SEV_MUST_USE sev_err sev_status_reply_check(struct sev_crypto *crypto, const struct sev_role *role,
                                            const struct sev_doc *doc,
                                            const struct sev_status_reply_expected *expected,
                                            struct sev_status_reply *out);

/** The body of the HTTP answer to a status; not signed itself, its parts are. Metadata files stand
 *  in it byte for byte; what is not newer than held is absent. */
struct sev_status_answer {
    sev_slice reply;
    sev_slice grant;     /**< optional */
    sev_slice roots;     /**< optional: array, ascending versions */
    sev_slice timestamp; /**< optional, as the next two */
    sev_slice snapshot;
    sev_slice targets;
};
SEV_MUST_USE sev_err sev_status_answer_decode(sev_slice bytes, struct sev_arena *arena,
                                              struct sev_status_answer *out);
SEV_MUST_USE sev_err sev_status_answer_encode(const struct sev_status_answer *m, sev_buf *out);

/* ---------------------------------------------------------------- identity */

/** A vehicle to the registry, signed by an authentication key of its identity (did.h): the first
 *  time with a token, later to renew. */
struct sev_certificate_request {
    sev_slice csr; /**< base64 of PKCS#10 */
    sev_slice did; /**< whom the certificate is to name */
    sev_slice
        entry; /**< optional: the identity's first entry, for a registry that has not met it */
    bool has_token;
    uint8_t token[SEV_ENROLMENT_TOKEN_BYTES];
};
SEV_MUST_USE sev_err sev_certificate_request_decode(const struct sev_doc *doc,
                                                    struct sev_certificate_request *out);
SEV_MUST_USE sev_err sev_certificate_request_encode(const struct sev_certificate_request *m,
                                                    sev_buf *out);

/** Likewise: "it is me, and I am here now". */
struct sev_challenge_answer {
    uint8_t challenge[SEV_CHALLENGE_BYTES];
    sev_slice did;
};
SEV_MUST_USE sev_err sev_challenge_answer_decode(const struct sev_doc *doc,
                                                 struct sev_challenge_answer *out);
SEV_MUST_USE sev_err sev_challenge_answer_encode(const struct sev_challenge_answer *m,
                                                 sev_buf *out);

/* ------------------------------------------------------ aktualizr's manifest */

/** The body of PUT /manifest. contracts/aktualizr.md 10 */
struct sev_manifest {
    sev_slice primary; /**< primary_ecu_serial */
    sev_slice reports; /**< ecu_version_manifests: object serial -> document */
    bool has_installation;
    struct {
        sev_slice content_type, correlation_id, raw_report;
        struct sev_outcome result; /**< without correlation_id */
        sev_slice items;           /**< array of {ecu, result} */
    } installation;
};
SEV_MUST_USE sev_err sev_manifest_decode(const struct sev_doc *doc, struct sev_arena *arena,
                                         struct sev_manifest *out);
SEV_MUST_USE sev_err sev_manifest_encode(const struct sev_manifest *m, struct sev_arena *arena,
                                         sev_buf *out);

/** Walk over `reports` with a cursor from sev_json_at + sev_json_object, over `items` with one from
 *  sev_list. False at the end; `it->err` says whether it was the end. */
bool sev_manifest_next(sev_json *it, struct sev_arena *arena, sev_slice *out_serial,
                       sev_slice *out_document);
bool sev_manifest_next_item(sev_json *it, struct sev_arena *arena, sev_slice *out_serial,
                            struct sev_outcome *out);
/** The report that stands under `serial`, signed by `key`.
 *  @retval SEV_E_WRONG_SUBJECT  it is another ECU's */
SEV_MUST_USE sev_err sev_manifest_report_check(struct sev_crypto *crypto,
                                               const struct sev_pubkey *key, sev_slice serial,
                                               const struct sev_doc *doc, struct sev_arena *arena,
                                               struct sev_report *out);

/* -------------------------------------------------------------------- time */

/** What is asked of a time service; not signed: {"_type": "time-request", "nonces": [...]}. */
SEV_MUST_USE sev_err sev_time_request_decode(sev_slice bytes, sev_slice *out_nonces);
SEV_MUST_USE sev_err sev_time_request_encode(sev_slice nonces, sev_buf *out);

/** Signed by the `time` role of the Director's root. ALG-11, REQ-TIM-09 */
struct sev_time_attestation {
    sev_time time;
    sev_slice nonces; /**< array of hex, or absent and then: */
    bool has_batch;
    struct {
        uint8_t root[SEV_SHA256_BYTES]; /**< over the leaf hashes of the nonces */
        int64_t size;
    } batch;
};
SEV_MUST_USE sev_err sev_time_attestation_decode(const struct sev_doc *doc,
                                                 struct sev_time_attestation *out);
SEV_MUST_USE sev_err sev_time_attestation_encode(const struct sev_time_attestation *m,
                                                 sev_buf *out);

/** Where a nonce stands in a batch: {"index", "path": [hex, ...]}. */
struct sev_time_proof {
    int64_t index;
    sev_slice path; /**< array of hex, nearest sibling first; may have no element */
};
SEV_MUST_USE sev_err sev_time_proof_decode(sev_slice object, struct sev_time_proof *out);
SEV_MUST_USE sev_err sev_time_proof_encode(const struct sev_time_proof *m, sev_buf *out);

/** What a time service sends back: {"attestation", "proofs"}; one proof per nonce asked for, in
 *  their order, and none where the attestation lists the nonces themselves. */
struct sev_time_answer {
    sev_slice attestation;
    sev_slice proofs; /**< optional: array of proofs */
};
SEV_MUST_USE sev_err sev_time_answer_decode(sev_slice bytes, struct sev_time_answer *out);
SEV_MUST_USE sev_err sev_time_answer_encode(const struct sev_time_answer *m, sev_buf *out);

/** Trusted time of an ECU. Starts as {floor, floor, {0}}. */
struct sev_clock {
    sev_time floor;                 /**< newest of provisioning and build time */
    sev_time time;                  /**< the last attested one, or floor */
    uint8_t role[SEV_SHA256_BYTES]; /**< digest of the time role that attested it */
};
/** A verified Director root lists this time role: with other keys than before the clock goes back
 *  to its floor, because the old keys may have lied. REQ-TIM-07, ALG-2 step 5 */
SEV_MUST_USE sev_err sev_clock_follow(struct sev_clock *clock, const struct sev_role *role);
/**
 * Verify an attestation and set the clock. On failure the clock is untouched and the nonce may be
 * used again. ALG-11, REQ-TIM-06 REQ-TIM-07 REQ-TIM-09
 *
 * @param role   `time` of a verified Director root
 * @param nonce  the one that this ECU sent last, not used since
 * @param proof  NULL where the attestation lists its nonces
 * @retval SEV_E_TIME_ATTESTATION  own nonce not in it, or earlier than the clock
 */
SEV_MUST_USE sev_err sev_time_attestation_check(struct sev_crypto *crypto,
                                                const struct sev_role *role,
                                                const struct sev_doc *doc,
                                                const uint8_t nonce[SEV_NONCE_BYTES],
                                                const struct sev_time_proof *proof,
                                                struct sev_clock *clock);

/* ------------------------------------------------------------------- grant */

/** Leave to download, signed by the Director's `publish` role. DESIGN 3.5, REQ-D21 */
struct sev_grant {
    uint8_t id[SEV_NONCE_BYTES];
    sev_slice oem;
    struct sev_bundle_ref bundle;
    uint8_t subject[SEV_SHA256_BYTES]; /**< SHA-256 of the caller's TLS key, SubjectPublicKeyInfo */
    sev_slice images;                  /**< array of SHA-256 of blobs, ascending */
    sev_time issued, expires;          /**< at most SEV_GRANT_SECONDS_MAX apart */
};
SEV_MUST_USE sev_err sev_grant_decode(const struct sev_doc *doc, struct sev_grant *out);
SEV_MUST_USE sev_err sev_grant_encode(const struct sev_grant *m, sev_buf *out);
/**
 * @param role     `publish` of the OEM's verified Director root
 * @param subject  of the connection
 * @retval SEV_E_WRONG_SUBJECT  issued to another key
 * @retval SEV_E_EXPIRED        over, or issued more than SEV_CLOCK_SKEW_SECONDS_MAX in the future
 */
SEV_MUST_USE sev_err sev_grant_check(struct sev_crypto *crypto, const struct sev_role *role,
                                     const struct sev_doc *doc,
                                     const uint8_t subject[SEV_SHA256_BYTES], sev_time now,
                                     struct sev_grant *out);
/** May this blob be fetched with it? */
bool sev_grant_covers(const struct sev_grant *grant, const uint8_t sha256[SEV_SHA256_BYTES]);

/* ------------------------------------------------- submission and attestation */

/** Director to regulator, signed by `publish`. DESIGN 3.3, REQ-C08 */
struct sev_submission {
    uint8_t id[SEV_NONCE_BYTES];
    sev_slice oem;
    sev_time time;
    sev_slice name;   /**< of the image */
    sev_slice role;   /**< optional: the delegated role that lists it */
    sev_slice target; /**< the supplier's entry {length, hashes, custom}, canonical */
    bool has_wrap;
    struct sev_wrap wrap; /**< optional: content key for the regulator */
};
SEV_MUST_USE sev_err sev_submission_decode(const struct sev_doc *doc, struct sev_submission *out);
SEV_MUST_USE sev_err sev_submission_encode(const struct sev_submission *m, sev_buf *out);

typedef enum sev_review_decision {
    SEV_DECISION_ATTESTED,
    SEV_DECISION_REFUSED,
    SEV_DECISION_WITHDRAWN,
    SEV_DECISIONS,
} sev_review_decision;

/** `custom.attestation` of a Regulator's entry: information for people and audit; what counts is
 *  that the entry stands in a verified file. REQ-C11 REQ-C12 */
struct sev_attestation {
    sev_review_decision decision;
    int64_t counter;     /**< rises with every decision about this name */
    sev_slice regulator; /**< who */
    sev_time reviewed;
    int64_t report_length; /**< report: {hashes, length} */
    struct sev_hashes report;
    sev_slice scanners; /**< array of {name, rules?, version} */
    bool has_submission;
    uint8_t submission[SEV_NONCE_BYTES]; /**< optional: id of what was asked */
};
SEV_MUST_USE sev_err sev_attestation_decode(sev_slice object, struct sev_attestation *out);
SEV_MUST_USE sev_err sev_attestation_encode(const struct sev_attestation *m, sev_buf *out);

struct sev_scanner {
    sev_slice name, version;
    sev_slice rules; /**< optional: version of its database */
};
/** Walk over `scanners` with a cursor from sev_list. */
bool sev_scanner_next(sev_json *it, struct sev_scanner *out);

/* ------------------------------------------------------- envelopes and prekeys */

/** The content key of a blob for one OEM, signed by the supplier. DESIGN 5 */
struct sev_key_envelope {
    sev_slice oem;
    sev_slice name; /**< of the image */
    int64_t blob_length;
    struct sev_hashes blob; /**< blob: {hashes, length} of the ciphertext */
    sev_time time;
    struct sev_wrap wrap;
};
SEV_MUST_USE sev_err sev_key_envelope_decode(const struct sev_doc *doc,
                                             struct sev_key_envelope *out);
SEV_MUST_USE sev_err sev_key_envelope_encode(const struct sev_key_envelope *m, sev_buf *out);

/** A key of an ECU that content keys may be wrapped to, signed by its identity key. */
struct sev_prekey {
    sev_slice vehicle, ecu;
    int64_t counter; /**< rises with every prekey of the ECU */
    sev_time time;
    sev_slice key; /**< key object, canonical; its id is the prekey's id (sev_key_id_of) */
};
SEV_MUST_USE sev_err sev_prekey_decode(const struct sev_doc *doc, struct sev_prekey *out);
SEV_MUST_USE sev_err sev_prekey_encode(const struct sev_prekey *m, sev_buf *out);
/** @param identity  the ECU's identity key
 *  @param out_key   decoded, of a type that HPKE can wrap to
 *  @retval SEV_E_WRONG_VEHICLE, SEV_E_WRONG_SUBJECT, SEV_E_SIGNATURE, SEV_E_KEY */
SEV_MUST_USE sev_err sev_prekey_check(struct sev_crypto *crypto, const struct sev_pubkey *identity,
                                      const struct sev_doc *doc, sev_slice vehicle, sev_slice ecu,
                                      struct sev_prekey *out, struct sev_pubkey *out_key);

typedef enum sev_wrap_purpose {
    SEV_WRAP_ENVELOPE, /**< supplier to OEM: blob, oem */
    SEV_WRAP_INSTALL,  /**< OEM to ECU: blob, bundle, ecu, prekey, vehicle */
    SEV_WRAP_REVIEW,   /**< OEM to regulator: blob, oem */
    SEV_WRAP_PURPOSES,
} sev_wrap_purpose;

/** What a wrap is bound to. */
struct sev_wrap_info {
    sev_wrap_purpose purpose;
    uint8_t blob[SEV_SHA256_BYTES];
    sev_slice oem;
    sev_slice vehicle, ecu;
    uint8_t prekey[SEV_SHA256_BYTES];
    struct sev_bundle_ref bundle;
};
/** HPKE's `info`, in canonical JSON: only what belongs to the purpose is looked at. DESIGN 5 */
SEV_MUST_USE sev_err sev_wrap_info_encode(const struct sev_wrap_info *m, sev_buf *out);

#endif
