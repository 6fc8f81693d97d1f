/* registry - who is who: identities and their logs, enrolment of vehicles, their certificates, and
 * who may still use one. Plain functions over a store, a signer and a time; no socket, no clock.
 * DESIGN 6. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_REGISTRY_H
#define SECUREEV_REGISTRY_H

#include "secureev/event.h"
#include "secureev/messages.h"
#include "secureev/signer.h"
#include "secureev/store_identity.h"

/** Shared by all threads and not changed while they run. */
struct sev_registry {
    const struct sev_store *store;
    struct sev_events events;
    const char *key;            /**< of its CA, at the signer */
    int64_t certificate_life_s; /**< of the certificates that it gives */
    sev_slice ca;               /**< PEM: what stands above those, for whoever gets one */
    sev_slice server_ca;        /**< PEM: of this server, for aktualizr */
    sev_time built;             /**< of this program: no time before it is believed */
    bool has_shared;            /**< aktualizr's shared credential is accepted */
    uint8_t shared_sha256[SEV_SHA256_BYTES]; /**< of its certificate */
};

/** What one call works with. */
struct sev_registry_call {
    struct sev_arena *arena; /**< SEV_REGISTRY_ARENA_BYTES are always enough */
    struct sev_crypto *crypto;
    const struct sev_certify *certify; /**< for those that give certificates */
    sev_time now;
};
#define SEV_REGISTRY_ARENA_BYTES (8u << 20)
#define SEV_REGISTRY_ANSWER_BYTES_MAX 32768u

/* --------------------------------------------------------------- identities */

/**
 * Take the next entry of an identity. Whoever brings it does not matter, but for first ones.
 *
 * @param may_create  is this somebody who may leave new identities here?
 * @retval SEV_E_NOT_FOUND   a first entry by somebody who may not
 * @retval SEV_E_EXISTS      a first entry of an identity that is known; another than the known one
 * @retval SEV_E_CONFLICT    somebody else was faster
 * @retval SEV_E_DID_CHAIN   `time` is ahead of ours; others as sev_did_follow
 */
SEV_MUST_USE sev_err sev_registry_append(const struct sev_registry *r,
                                         const struct sev_registry_call *call, sev_slice entry,
                                         bool may_create, int64_t *out_version);

/** Its log, for whoever wants to check it himself. In the arena. */
SEV_MUST_USE sev_err sev_registry_log(const struct sev_registry *r,
                                      const struct sev_registry_call *call, sev_slice did,
                                      sev_slice *out);

/**
 * Append a DID resolution result: document, its metadata, and how the resolution went.
 *
 * @param version  0: the newest
 * @return the HTTP status: 200; 400 with invalidDid, 404 with notFound, 410 for one that was given
 *         up; 500 with internalError
 */
unsigned sev_registry_resolve(const struct sev_registry *r, const struct sev_registry_call *call,
                              sev_slice did, int64_t version, sev_buf *out);

/* ---------------------------------------------------------------- enrolment */

/** 64 hex digits of a token; only its hash is kept.
 *
 * @param again  for a vehicle that has enrolled before
 * @retval SEV_E_EXISTS  it has, and `again` is not set; SEV_E_NOT_FOUND, SEV_E_RANDOM */
SEV_MUST_USE sev_err sev_registry_token(const struct sev_store *store, sev_slice vehicle,
                                        sev_time now, int64_t life_s, bool again, sev_slice actor,
                                        char out[2 * SEV_ENROLMENT_TOKEN_BYTES]);

/**
 * A vehicle becomes an identity and gets its first certificate. Who asks again, for the same
 * key, gets the same certificate again while the token lasts, since answers are lost.
 *
 * @param request  a certificate-request with a token
 * @param out      {"ca": PEM, "certificate": PEM} is appended; untouched unless SEV_OK
 * @retval SEV_E_ENROLMENT_TOKEN  no such token, expired, spent, or replaced by a newer one
 * @retval SEV_E_EXISTS           the vehicle has enrolled before: an operator decides
 * @retval SEV_E_WRONG_SUBJECT    the inventory lists another identity for this token
 * @retval SEV_E_UNSUPPORTED      it is listed for aktualizr's dialect, which knows no identities
 * @retval SEV_E_SIGNATURE        not signed by an authentication key of the identity
 * @retval SEV_E_CSR, SEV_E_DID_..., SEV_E_NOT_FOUND (no first entry), SEV_E_UNREACHABLE
 */
SEV_MUST_USE sev_err sev_registry_enrol(const struct sev_registry *r,
                                        const struct sev_registry_call *call, sev_slice request,
                                        sev_buf *out);
/** The next certificate, for one that was admitted.
 *  @param vehicle  whom the connection proved @param request  one without a token
 *  @retval SEV_E_WRONG_SUBJECT  for another than `vehicle`; others as sev_registry_enrol */
SEV_MUST_USE sev_err sev_registry_renew(const struct sev_registry *r,
                                        const struct sev_registry_call *call, sev_slice vehicle,
                                        sev_slice request, sev_buf *out);
/**
 * aktualizr's shared credential (contract 5.2) claims a vehicle that the inventory lists for that
 * dialect and that never had a certificate.
 *
 * @param credential  SHA-256 of the certificate that asks
 * @param out         PKCS#12 is appended
 * @retval SEV_E_CLAIM  in every other case: whoever has that credential learns nothing of others
 */
SEV_MUST_USE sev_err sev_registry_claim(const struct sev_registry *r,
                                        const struct sev_registry_call *call,
                                        const uint8_t credential[SEV_SHA256_BYTES], sev_slice body,
                                        sev_buf *out);

/** No certificate of this vehicle is admitted any more, from the next request on.
 *  @param out_count  of those that were good */
SEV_MUST_USE sev_err sev_registry_revoke(const struct sev_store *store, sev_slice vehicle,
                                         sev_time now, sev_slice actor, sev_slice remark,
                                         int64_t *out_count);

/**
 * May whoever has this certificate ask now? To be called for each request: a resumed session is not
 * verified again. REQ-H34
 *
 * @param identity    whom the connection proved
 * @param to_renew    then it may have expired
 * @retval SEV_E_NOT_ENROLLED, SEV_E_REVOKED, SEV_E_DID_DEACTIVATED, SEV_E_EXPIRED
 */
SEV_MUST_USE sev_err sev_registry_admit(const struct sev_store *store, struct sev_arena *arena,
                                        sev_slice identity,
                                        const uint8_t certificate_sha256[SEV_SHA256_BYTES],
                                        sev_time now, sev_time built, bool to_renew);

/* --------------------------------------------------------------- challenges */

#define SEV_CHALLENGES_MAX                                                                         \
    4096u /* answered ones that are not too old yet: strangers fill nothing */
#define SEV_CHALLENGE_SECONDS 60

/** Of one process; whoever uses it from several threads has a lock. */
struct sev_challenges {
    uint8_t secret[SEV_SHA256_BYTES];
    struct {
        uint8_t nonce[SEV_NONCE_BYTES];
        sev_time expires;
    } used[SEV_CHALLENGES_MAX];
};
/** @retval SEV_E_RANDOM */
SEV_MUST_USE sev_err sev_challenges_init(struct sev_challenges *c);
/** A challenge to whoever says that he is `did`. Nothing is kept for it. @retval SEV_E_RANDOM */
SEV_MUST_USE sev_err sev_challenge_make(const struct sev_challenges *c, sev_slice did, sev_time now,
                                        uint8_t out[SEV_CHALLENGE_BYTES]);
/**
 * Who answered? REQ-A14
 *
 * @param message    a challenge-answer
 * @retval SEV_E_CHALLENGE   in every case but want of room: other, old or used challenge, unknown
 *                           or given up identity, another's key
 * @retval SEV_E_OVERLOADED  too many were answered just now
 */
SEV_MUST_USE sev_err sev_challenge_check(struct sev_challenges *c, const struct sev_registry *r,
                                         const struct sev_registry_call *call, sev_slice message,
                                         char out_did[SEV_DID_CHARS]);

#endif
