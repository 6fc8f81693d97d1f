/* store_identity - what a registry remembers: identities and their logs, enrolment tokens, and the
 * certificates that were given out. Called with `self` of struct sev_store, whose common results
 * apply. DESIGN 6. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_IDENTITY_H
#define SECUREEV_STORE_IDENTITY_H

#include "secureev/certificate.h"
#include "secureev/did.h"
#include "secureev/store.h"

/** Of a vehicle, whether good or not: with more the oldest are forgotten, and not admitted then. */
#define SEV_STORE_CERTIFICATES_MAX 16

/** The next entry of an identity, checked by the caller. */
struct sev_did_news {
    sev_slice did;
    int64_t expected; /**< version of the newest entry, 0: it is the first */
    bool deactivated;
    sev_slice entry;
    const struct sev_decision *decision; /**< of the vehicle, if one is called so */
};

/** What stands for a token in the store; of each vehicle there is one, the last that was made. */
struct sev_enrolment_token {
    sev_slice vehicle; /**< as the inventory calls it now */
    sev_profile profile;
    sev_time expires;
    bool again;    /**< for a vehicle that has enrolled before: an operator said so */
    bool enrolled; /**< it has, whatever became of its certificates */
    bool spent;
    uint8_t spent_on[SEV_SHA256_BYTES]; /**< whatever the registry says that it was */
    sev_slice certificate;              /**< DER that was given for it */
};

struct sev_given {
    sev_slice der;
    sev_time not_after;
};

/** A vehicle becomes an identity, by a token. */
struct sev_enrolment {
    uint8_t token_sha256[SEV_SHA256_BYTES];
    uint8_t request_sha256[SEV_SHA256_BYTES];
    sev_slice vehicle; /**< what the inventory calls it; from now on it is called `did` */
    sev_time now;
    struct sev_did_news first; /**< `entry` empty: it is known already */
    struct sev_given certificate;
};

/** Whose certificate it is. */
struct sev_admission {
    sev_slice vehicle;
    sev_time not_after;
    bool revoked;
    bool deactivated; /**< the identity that the vehicle is called by */
};

struct sev_identity_ops {
    /** @retval SEV_E_EXISTS, SEV_E_NOT_FOUND  there is one, or none
     *  @retval SEV_E_CONFLICT  its newest entry is not the expected one */
    sev_err (*did_append)(void *self, const struct sev_did_news *news);
    /** Its log, as sev_did_log_check reads it. */
    sev_err (*did_log)(void *self, sev_slice did, struct sev_arena *arena, sev_slice *out);

    /** A new token for a vehicle; the one before is good for nothing any more.
     *  @retval SEV_E_EXISTS  the vehicle has enrolled and it is not for `again` */
    sev_err (*token_put)(void *self, sev_slice vehicle,
                         const uint8_t token_sha256[SEV_SHA256_BYTES], sev_time expires, bool again,
                         const struct sev_decision *decision);
    sev_err (*token_get)(void *self, const uint8_t token_sha256[SEV_SHA256_BYTES],
                         struct sev_arena *arena, struct sev_enrolment_token *out);

    /**
     * All at once: the token is spent, the vehicle is called by its identity, the identity's first
     * entry and the certificate are kept; with a token for `again` its earlier certificates are
     * revoked. What was issued to it under another name is issued anew.
     *
     * @retval SEV_E_CONFLICT  the token was spent, has expired or is another's; or the vehicle has
     *                         another name by now
     * @retval SEV_E_EXISTS    it has enrolled before; or the identity is another vehicle's, or
     *                         known though it should not be
     */
    sev_err (*enrol)(void *self, const struct sev_enrolment *enrolment,
                     const struct sev_decision *decision);
    /** Another certificate for a vehicle. @param first  only if it never had one: else
     *  SEV_E_EXISTS; otherwise it must have one that is not revoked: else SEV_E_REVOKED */
    sev_err (*certificate_add)(void *self, sev_slice vehicle, const struct sev_given *certificate,
                               bool first, const struct sev_decision *decision);
    /** @retval SEV_E_NOT_FOUND  it was not given out here, or long ago */
    sev_err (*certificate_find)(void *self, const uint8_t sha256[SEV_SHA256_BYTES],
                                struct sev_arena *arena, struct sev_admission *out);
    /** All certificates of the vehicle, and its token.
     *  @param out_count  of those that were good; may be 0 */
    sev_err (*revoke)(void *self, sev_slice vehicle, sev_time now,
                      const struct sev_decision *decision, int64_t *out_count);
};

#endif
