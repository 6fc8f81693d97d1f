/* did - did:secureev, an identity that certifies itself: the id is the hash of its first entry,
 * every change is an entry signed by a key that the entry before announced. Whoever has the log can
 * check it, offline. docs/POUF.md. DESIGN 6. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_DID_H
#define SECUREEV_DID_H

#include "secureev/crypto.h"
#include "secureev/limits.h"
#include "secureev/meta.h"

/* An entry is a signed envelope (messages.h) with one signature over
 *   {"_type": "did-entry", "deactivated": bool, "document": {...}, "next": [hash, ...],
 *    "previous": hash, "time": ..., "updateKey": JWK, "version": n}
 * and has exactly one spelling. Hashes are SHA-256 in base64url: of a key's JWK (RFC 7638), or of
 * the "signed" bytes of the entry before. `document` is a DID Core document whose verification
 * methods are JsonWebKeys called by their hashes. No member is free: what could tell who somebody
 * is, such as a VIN, has no place. A log is its entries in order, a line feed behind each. */

#define SEV_DID_PREFIX "did:secureev:"
#define SEV_DID_HASH_CHARS 43
#define SEV_DID_CHARS (sizeof SEV_DID_PREFIX - 1 + SEV_DID_HASH_CHARS)
#define SEV_DID_POINT_BYTES 64 /* X || Y of P-256 */
#define SEV_DID_X25519_BYTES 32

struct sev_did_document {
    char id[SEV_DID_CHARS];
    uint8_t authentication[SEV_DID_AUTHENTICATION_MAX][SEV_DID_POINT_BYTES];
    uint32_t authentication_count;
    uint8_t agreement[SEV_DID_AGREEMENT_MAX][SEV_DID_X25519_BYTES];
    uint32_t agreement_count;
};

struct sev_did_entry {
    struct sev_did_document document;
    int64_t version; /**< 1, 2, ... */
    sev_time time;
    bool deactivated;                        /**< the last entry: no keys, nothing follows */
    uint8_t previous[SEV_SHA256_BYTES];      /**< not in the first one */
    uint8_t update_key[SEV_DID_POINT_BYTES]; /**< signs this entry */
    uint8_t next[SEV_DID_NEXT_MAX][SEV_SHA256_BYTES]; /**< hashes of keys, one of which signs the
                                                           next entry */
    uint32_t next_count;
};

/** Where a log stands; all zero before its first entry. */
struct sev_did_state {
    struct sev_did_entry newest;
    uint8_t hash[SEV_SHA256_BYTES]; /**< of the newest entry */
    sev_time created;
};

/** Has `text` the shape of such an id? */
bool sev_did_is(sev_slice text);
static inline sev_slice sev_did_id(const struct sev_did_document *document)
{
    return sev_slice_of(document->id, SEV_DID_CHARS);
}

/** SHA-256 of the key's JWK: what `next` announces. */
void sev_did_key_hash(const uint8_t point[SEV_DID_POINT_BYTES], uint8_t out[SEV_SHA256_BYTES]);
/** The 43 characters that stand for a hash. */
void sev_did_hash_text(const uint8_t hash[SEV_SHA256_BYTES], char out[SEV_DID_HASH_CHARS]);

/** Write a DID Core document. @retval SEV_E_MEMORY  does not fit: nothing usable was written */
SEV_MUST_USE sev_err sev_did_document_write(const struct sev_did_document *document, sev_buf *out);
/** Write what is to be signed. @retval SEV_E_MALFORMED  counts or version out of their bounds
 *  @retval SEV_E_MEMORY  as above */
SEV_MUST_USE sev_err sev_did_entry_write(const struct sev_did_entry *entry, sev_buf *out);
/** Fill in the id that a first entry gets by what else it says. @retval as sev_did_entry_write */
SEV_MUST_USE sev_err sev_did_name(struct sev_did_entry *first);

/**
 * Take the next entry of a log.
 *
 * @param state  moves on; untouched unless SEV_OK
 * @retval SEV_E_TOO_LONG         over SEV_DID_ENTRY_BYTES_MAX, or the log over SEV_DID_ENTRIES_MAX
 * @retval SEV_E_MALFORMED        not an entry in its one spelling; keys in a last one, none before
 * @retval SEV_E_DID_MISMATCH     the id is not that of the first entry
 * @retval SEV_E_DID_CHAIN        not the next one: version, hash, or a time that goes back
 * @retval SEV_E_DID_KEY          its key was not announced
 * @retval SEV_E_DID_DEACTIVATED  nothing may follow
 * @retval SEV_E_SIGNATURE        not signed by its key; others as sev_message_open
 */
SEV_MUST_USE sev_err sev_did_follow(struct sev_crypto *crypto, sev_slice entry,
                                    struct sev_did_state *state);

/**
 * Check a whole log.
 *
 * @param did      whose it must be
 * @param version  of interest, 0: the newest; all is checked in either case
 * @param out      as of that version
 * @retval SEV_E_MALFORMED   no entry, or bytes behind the last line feed
 * @retval SEV_E_NOT_FOUND   there is no such version; others as sev_did_follow
 */
SEV_MUST_USE sev_err sev_did_log_check(struct sev_crypto *crypto, sev_slice did, sev_slice log,
                                       int64_t version, struct sev_did_state *out);

/** Did one of its authentication keys sign the message?
 *  @retval SEV_E_SIGNATURE  no */
SEV_MUST_USE sev_err sev_did_signed(struct sev_crypto *crypto,
                                    const struct sev_did_document *document,
                                    const struct sev_doc *doc);

#endif
