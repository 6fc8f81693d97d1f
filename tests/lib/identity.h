/* identity - identities made on the spot: first entries, later ones, signed. With signer.h.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_IDENTITY_H
#define SEV_TEST_IDENTITY_H

#include "secureev/did.h"
#include "signer.h"

#define IDENTITY_TIME ((sev_time)1800000000) /* 2027-01-15T08:00:00Z */

SIGNER_UNUSED static const uint8_t *point_of(const struct signer *s)
{
    return s->public->material + 1;
}

/* A first entry by `now`, which announces `next`; `identity` is the authentication key. */
SIGNER_UNUSED static struct sev_did_entry
first_entry(const struct signer *identity, const struct signer *now, const struct signer *next)
{
    struct sev_did_entry e = {.version = 1, .time = IDENTITY_TIME, .next_count = 1};
    e.document.authentication_count = 1;
    memcpy(e.document.authentication[0], point_of(identity), SEV_DID_POINT_BYTES);
    memcpy(e.update_key, point_of(now), SEV_DID_POINT_BYTES);
    sev_did_key_hash(point_of(next), e.next[0]);
    CHECK_OK(sev_did_name(&e));
    return e;
}

/* What may follow on `s`: signed by `now`, announces `next`; NULL gives the identity up. */
SIGNER_UNUSED static struct sev_did_entry
next_entry(const struct sev_did_state *s, const struct signer *now, const struct signer *next)
{
    struct sev_did_entry e = s->newest;
    e.version++;
    e.time++;
    memcpy(e.previous, s->hash, sizeof e.previous);
    memcpy(e.update_key, point_of(now), SEV_DID_POINT_BYTES);
    e.deactivated = next == NULL;
    e.next_count = next == NULL ? 0 : 1;
    if (next != NULL) {
        sev_did_key_hash(point_of(next), e.next[0]);
    } else {
        e.document.authentication_count = 0;
        e.document.agreement_count = 0;
    }
    return e;
}

/* Its bytes in `memory`. */
SIGNER_UNUSED static sev_slice signed_entry(const struct sev_did_entry *e, struct signer *by,
                                            uint8_t *memory, size_t bytes)
{
    static uint8_t body[2 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body);
    CHECK_OK(sev_did_entry_write(e, &b));
    return signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &by, 1, memory, bytes);
}

#endif
