/* err - the one table of errors: stable id, class, the attack it stops, a sentence for people.
 * The id reaches events, reports, the command line and the documents unchanged.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_ERR_H
#define SECUREEV_ERR_H

#include <stddef.h>
#include <stdint.h>

/** Every result of this type must be looked at. */
#if defined(__GNUC__)
#define SEV_MUST_USE __attribute__((warn_unused_result))
#else
#define SEV_MUST_USE
#endif

typedef enum sev_class {
    SEV_CLASS_OK,
    SEV_CLASS_INPUT,  /**< what the caller or operator gave is wrong: mend it, then try again */
    SEV_CLASS_REFUSE, /**< bytes from outside were refused; nothing of them was kept */
    SEV_CLASS_RETRY,  /**< no attack seen, not possible now: try again later */
    SEV_CLASS_BUG,    /**< ours */
} sev_class;

typedef enum sev_attack {
    SEV_ATTACK_NONE,
    SEV_ATTACK_ARBITRARY_SOFTWARE,
    SEV_ATTACK_ROLLBACK,
    SEV_ATTACK_FREEZE,
    SEV_ATTACK_MIX_AND_MATCH,
    SEV_ATTACK_ENDLESS_DATA,
    SEV_ATTACK_SLOW_RETRIEVAL,
    SEV_ATTACK_REPLAY,
    SEV_ATTACK_EQUIVOCATION,
    SEV_ATTACK_WRONG_HARDWARE,
} sev_attack;

/* X(NAME, id, class, attack, sentence). Order is not part of the contract, ids are. */
/* clang-format off */
#define SEV_ERR_TABLE(X)                                                                           \
    X(OK, "ok", OK, NONE, "no error")                                                              \
    /* what the caller gave */                                                                     \
    X(USAGE, "usage", INPUT, NONE, "the command line is not understood")                           \
    X(CONFIG, "config", INPUT, NONE, "the configuration is not usable")                            \
    X(NOT_PROVISIONED, "not_provisioned", INPUT, NONE, "a trusted root is missing or not usable")  \
    X(MAP, "map_refused", INPUT, NONE, "the repository map is not one that we accept")             \
    X(NOT_FOUND, "not_found", INPUT, NONE, "there is no such thing")                               \
    X(AMBIGUOUS, "ambiguous", INPUT, NONE, "more than one thing is called so")                     \
    X(EXISTS, "exists", INPUT, NONE, "it exists already and is never overwritten")                 \
    X(PASSPHRASE, "wrong_passphrase", INPUT, NONE, "the passphrase does not open this key")        \
    X(NO_PASSPHRASE, "passphrase_needed", INPUT, NONE, "no passphrase that will do")        \
    X(PRIVATE_KEY, "bad_private_key", INPUT, NONE, "not a private key that can be used")           \
    X(BEARER, "token_refused", INPUT, NONE, "no token of an operator who may come in now")           \
    X(ROLE, "role_not_allowed", INPUT, NONE, "an operator of this role may not do that")           \
    X(LAST_ADMIN, "last_admin", INPUT, NONE, "no admin would be left")                             \
    X(UNKNOWN_MEMBER, "unknown_member", INPUT, NONE, "a member or parameter that means nothing there") \
    X(PRECONDITION, "precondition_needed", INPUT, NONE, "it must be said which version is to be changed") \
    X(STALE, "version_stale", INPUT, NONE, "it is not the version any more that was to be changed") \
    X(KEY_REUSED, "idempotency_key_reused", INPUT, NONE, "that key stands for another request")    \
    X(IN_PROGRESS, "in_progress", RETRY, NONE, "the same request is being answered just now")      \
    X(MEDIA_TYPE, "media_type", INPUT, NONE, "a body of that type is not understood")               \
    X(CONFLICT, "conflict", INPUT, NONE, "somebody else changed it meanwhile")                     \
    X(FOUR_EYES, "four_eyes", INPUT, NONE, "somebody else than who wrote or submitted it has to decide") \
    X(WRONG_STATE, "wrong_state", INPUT, NONE, "not possible in the state that it is in")          \
    X(INVALIDATED, "release_invalidated", INPUT, NONE, "the release is not given to anybody any more") \
    /* bytes that are not what they must be */                                                     \
    X(JSON_SYNTAX, "json_syntax", REFUSE, NONE, "not JSON as we accept it")                        \
    X(JSON_UTF8, "json_utf8", REFUSE, NONE, "a string is not valid UTF-8")                         \
    X(JSON_NUMBER, "json_number", REFUSE, NONE, "a number is not an integer within 2^53-1")        \
    X(JSON_DUPLICATE, "json_duplicate", REFUSE, NONE, "an object names a member twice")            \
    X(JSON_DEPTH, "json_depth", REFUSE, NONE, "nested too deeply")                                 \
    X(JSON_LIMIT, "json_limit", REFUSE, NONE, "larger or with more members than we accept")        \
    X(NOT_CANONICAL, "not_canonical", REFUSE, NONE, "must be canonical and is not")                \
    X(MALFORMED, "malformed", REFUSE, NONE, "a required member is missing or ill-formed")          \
    X(WRONG_TYPE, "wrong_type", REFUSE, NONE, "the document is of another role's type")            \
    X(SPEC_VERSION, "spec_version", REFUSE, NONE, "the format version is not one we know")         \
    X(CRITICAL, "unknown_critical", REFUSE, NONE, "a member marked critical is not known here")    \
    X(BAD_NAME, "bad_name", REFUSE, ARBITRARY_SOFTWARE, "a name could leave its folder or is not clean") \
    /* keys, signatures, delegation */                                                             \
    X(KEY, "bad_key", REFUSE, ARBITRARY_SOFTWARE, "a public key is not usable")                    \
    X(KEY_ID, "key_id_mismatch", REFUSE, ARBITRARY_SOFTWARE, "a key id is not the hash of its key") \
    X(THRESHOLD, "illegal_threshold", REFUSE, ARBITRARY_SOFTWARE, "a threshold is zero or cannot be met by its keys") \
    X(SIGNATURE, "signature_threshold", REFUSE, ARBITRARY_SOFTWARE, "not enough different keys of the role signed") \
    X(DUPLICATE_SIGNATURE, "duplicate_signature", REFUSE, ARBITRARY_SOFTWARE, "a key id signs twice in one file") \
    X(DELEGATION, "delegation_refused", REFUSE, ARBITRARY_SOFTWARE, "delegated where it must not be, or wrongly") \
    X(DELEGATION_LIMIT, "delegation_limit", REFUSE, MIX_AND_MATCH, "the search met more delegations than we follow") \
    X(ROLE_MISSING, "role_missing", REFUSE, MIX_AND_MATCH, "a delegated role is not listed or not served") \
    /* time, order, identity */                                                                    \
    X(EXPIRED, "expired", REFUSE, FREEZE, "the metadata has expired")                              \
    X(NO_TIME, "no_trusted_time", REFUSE, FREEZE, "there is no fresh trusted time")                \
    X(TIME_ATTESTATION, "time_refused", REFUSE, FREEZE, "the time attestation is not acceptable")  \
    X(VERSION_ROLLBACK, "version_rollback", REFUSE, ROLLBACK, "older than what is trusted already") \
    X(ROOT_VERSION, "root_version", REFUSE, ROLLBACK, "the next root is not the next version")     \
    X(ROLE_VANISHED, "role_vanished", REFUSE, ROLLBACK, "a role that was listed has vanished")     \
    X(RELEASE_ROLLBACK, "release_counter_rollback", REFUSE, ROLLBACK, "the release counter is below the mark") \
    X(STEPPING_STONE, "stepping_stone", REFUSE, MIX_AND_MATCH, "the installed release is too old for this step") \
    X(EQUIVOCATION, "equivocation", REFUSE, EQUIVOCATION, "same version, other bytes")             \
    X(WRONG_VEHICLE, "wrong_vehicle", REFUSE, REPLAY, "the file was made for another vehicle")     \
    X(NO_VEHICLE, "no_vehicle", REFUSE, REPLAY, "the file names no vehicle")                       \
    X(REPLAYED, "replayed", REFUSE, REPLAY, "a counter, nonce or grant was used before")           \
    X(WRONG_SUBJECT, "wrong_subject", REFUSE, REPLAY, "it was issued to somebody else")            \
    /* who somebody is */                                                                           \
    X(DID_MISMATCH, "did_mismatch", REFUSE, NONE, "the identity is not the one that its first entry makes") \
    X(DID_CHAIN, "did_chain", REFUSE, NONE, "an entry does not follow the one before it")          \
    X(DID_KEY, "did_key", REFUSE, NONE, "the entry's key was not announced by the one before it")  \
    X(DID_DEACTIVATED, "did_deactivated", REFUSE, NONE, "the identity was given up for good")      \
    X(CSR, "csr_refused", REFUSE, NONE, "not a request for a certificate as we accept it")         \
    X(ENROLMENT_TOKEN, "enrolment_token", REFUSE, NONE, "not an enrolment token that may be used here and now") \
    X(NOT_ENROLLED, "not_enrolled", REFUSE, NONE, "the certificate is not one that was given out here") \
    X(REVOKED, "certificate_revoked", REFUSE, NONE, "the certificate was revoked")                 \
    X(CLAIM, "claim_refused", REFUSE, NONE, "the shared credential may not claim this vehicle")    \
    X(CHALLENGE, "challenge_refused", REFUSE, REPLAY, "not a fresh challenge of ours, answered once by its identity") \
    X(NO_GRANT, "no_grant", REFUSE, NONE, "there is no grant for this image to this key")         \
    /* agreement */                                                                                \
    X(META_MISMATCH, "metadata_mismatch", REFUSE, MIX_AND_MATCH, "version, length or hash differs from what vouches for the file") \
    X(DISAGREE, "repositories_disagree", REFUSE, MIX_AND_MATCH, "the repositories do not list the same image") \
    X(BUNDLE, "bundle_mixed", REFUSE, MIX_AND_MATCH, "the bundle is not whole or not consistent")  \
    X(DEPENDENCY, "dependency_unmet", REFUSE, MIX_AND_MATCH, "an image needs another that would not be there") \
    X(INCOMPATIBLE, "images_conflict", REFUSE, MIX_AND_MATCH, "images would be together that must not be") \
    X(NOT_ATTESTED, "not_attested", RETRY, NONE, "the regulator has not attested the image")       \
    X(FOREIGN_ECU, "foreign_ecu", REFUSE, ARBITRARY_SOFTWARE, "an ECU is named that is not in this vehicle") \
    X(DUPLICATE_ECU, "duplicate_ecu", REFUSE, ARBITRARY_SOFTWARE, "one ECU is named for two images") \
    X(WRONG_HARDWARE, "wrong_hardware", REFUSE, WRONG_HARDWARE, "the image is for other hardware") \
    X(DOWNGRADE, "plaintext_downgrade", REFUSE, ARBITRARY_SOFTWARE, "encryption is announced on one side only") \
    X(IMAGE_HASH, "image_hash", REFUSE, ARBITRARY_SOFTWARE, "the image's bytes are not those that were signed") \
    /* transparency logs */                                                                        \
    X(NOTE, "note_refused", REFUSE, NONE, "not a signed note or a checkpoint as we accept it")     \
    X(LOG_PROOF, "log_proof", REFUSE, EQUIVOCATION, "the proof does not lead to the log's root")   \
    X(LOG_TILE, "log_tile", REFUSE, EQUIVOCATION, "a tile or an entry is not what the checkpoint vouches for") \
    X(LOG_FORK, "log_fork", REFUSE, EQUIVOCATION, "the log does not go on from what was seen of it before") \
    X(WITNESSES, "witnesses_missing", REFUSE, EQUIVOCATION, "too few witnesses cosigned the checkpoint") \
    /* transfer */                                                                                 \
    X(TOO_LONG, "too_long", REFUSE, ENDLESS_DATA, "more bytes than announced or allowed")          \
    X(TOO_SLOW, "too_slow", REFUSE, SLOW_RETRIEVAL, "bytes arrive too slowly")                     \
    X(ABSENT, "absent", RETRY, NONE, "the repository does not have the file")                      \
    X(UNREACHABLE, "unreachable", RETRY, NONE, "the repository could not be reached")              \
    X(ROOT_ROTATIONS, "root_rotations", RETRY, NONE, "more root rotations than one cycle walks; the next goes on") \
    /* requests over HTTP; http.h has their status */                                               \
    X(HTTP_SYNTAX, "http_syntax", INPUT, NONE, "not HTTP/1.1 as we accept it")                     \
    X(HTTP_VERSION, "http_version", INPUT, NONE, "not version 1.1 of HTTP")                        \
    X(HTTP_METHOD, "http_method", INPUT, NONE, "a method that we do not know")                     \
    X(HTTP_NOT_ALLOWED, "http_not_allowed", INPUT, NONE, "there is something, but not for this method") \
    X(HTTP_TARGET, "http_target", INPUT, NONE, "the target is not a clean path")                   \
    X(HTTP_HOST, "http_host", INPUT, NONE, "not exactly one usable Host")                          \
    X(HTTP_FRAMING, "http_framing", INPUT, NONE, "where the body ends is not told in one plain way") \
    X(HTTP_HEAD_LIMIT, "http_head_limit", INPUT, NONE, "the head is too long or has too many fields") \
    X(HTTP_BODY_LIMIT, "http_body_limit", INPUT, NONE, "the body is longer than allowed there")    \
    X(HTTP_LENGTH, "http_length_required", INPUT, NONE, "a body needs its length announced there") \
    X(HTTP_EXPECT, "http_expect", INPUT, NONE, "an expectation that we cannot meet")               \
    X(HTTP_RANGE, "http_range", INPUT, NONE, "the range begins behind the end")                    \
    X(RATE_LIMITED, "rate_limited", RETRY, NONE, "more than may be asked for now")            \
    X(OVERLOADED, "overloaded", RETRY, NONE, "more work than can be done now")                     \
    X(TLS, "tls_refused", INPUT, NONE, "the TLS handshake failed")                                 \
    X(POLICY, "policy", REFUSE, ARBITRARY_SOFTWARE, "the policy of this key does not allow it")    \
    /* this machine */                                                                             \
    X(MEMORY, "memory", RETRY, NONE, "the memory given is not enough")                             \
    X(IO, "io", RETRY, NONE, "reading or writing failed on this machine")                          \
    X(TOKEN_GONE, "token_gone", RETRY, NONE, "the token of the key is not there or does not work") \
    X(BUSY, "busy", RETRY, NONE, "another secureev is working there")                              \
    X(UNSAFE_FILE, "unsafe_file", INPUT, NONE, "a link, not a regular file, or open to others")    \
    X(STORE, "store_damaged", RETRY, NONE, "a stored file is damaged")                             \
    X(RANDOM, "random", RETRY, NONE, "no randomness from the system")                              \
    X(CRYPTO, "crypto", BUG, NONE, "the cryptographic provider failed")                            \
    X(UNSUPPORTED, "unsupported", INPUT, NONE, "this build does not support it")                   \
    X(BUG, "bug", BUG, NONE, "an internal error; please report it")

/* clang-format on */

typedef enum sev_err {
#define X(name, id, class_, attack, sentence) SEV_E_##name,
    SEV_ERR_TABLE(X)
#undef X
        SEV_ERR_COUNT,
    SEV_OK = SEV_E_OK,
} sev_err;

/** What an error is: see SEV_ERR_TABLE. Constant strings; never NULL. */
const char *sev_err_id(sev_err e);
/** The error of that id, SEV_E_BUG if there is none. */
sev_err sev_err_of_id(const void *id, size_t len);
const char *sev_err_sentence(sev_err e);
sev_class sev_err_class(sev_err e);
sev_attack sev_err_attack(sev_err e);
/** "REFUSE", "RETRY", ... */
const char *sev_class_name(sev_class c);
/** DESIGN 4's spelling, such as "mix-and-match"; NULL for SEV_ATTACK_NONE. */
const char *sev_attack_name(sev_attack a);

#endif
