/* grants - who may download which image just now: grants that a Director signed, checked against
 * the connection and against the Director's chain of roots. No socket, no clock, no lock: one
 * thread at a time. DESIGN 3.5  SPDX-License-Identifier: MIT */
#ifndef SECUREEV_GRANTS_H
#define SECUREEV_GRANTS_H

#include "secureev/fs.h"
#include "secureev/messages.h"

#define SEV_GRANTS_MAX 65536u                      /* of as many TLS keys */
#define SEV_GRANTS_BYTES_MAX (64u * 1024u * 1024u) /* of the digests that they list */

struct sev_grants;
/**
 * @param folder  with the Director's 1.root.json, which is trusted, and those that followed it
 * @param oem     whose Director it is
 * @param most    grants at one time; SEV_GRANTS_MAX but in tests
 * @retval SEV_E_NOT_PROVISIONED  there is no root, or none with a role `publish`
 * @retval SEV_E_SIGNATURE, ...   the chain does not hold
 */
SEV_MUST_USE sev_err sev_grants_new(const struct sev_fs *fs, const char *folder, const char *oem,
                                    uint32_t most, struct sev_grants **out);
void sev_grants_free(struct sev_grants *g); /**< NULL is fine */

/** Is there a next root? What was granted under the one before is asked for again. A root that does
 *  not follow changes nothing. */
SEV_MUST_USE sev_err sev_grants_follow(struct sev_grants *g, struct sev_crypto *crypto);

/**
 * Take the grant that a connection brings; it replaces the one that this key had.
 *
 * @param subject  SHA-256 of the connection's TLS key
 * @retval SEV_E_SIGNATURE      not by the present keys of `publish`
 * @retval SEV_E_WRONG_SUBJECT  issued to another key, or by another OEM
 * @retval SEV_E_EXPIRED        it, or the Director's root
 */
SEV_MUST_USE sev_err sev_grants_take(struct sev_grants *g, struct sev_crypto *crypto,
                                     const uint8_t subject[SEV_SHA256_BYTES], sev_slice grant,
                                     sev_time now);
/** @retval SEV_E_NO_GRANT  none for this key, or not for this image
 *  @retval SEV_E_EXPIRED */
SEV_MUST_USE sev_err sev_grants_may(const struct sev_grants *g,
                                    const uint8_t subject[SEV_SHA256_BYTES],
                                    const uint8_t image[SEV_SHA256_BYTES], sev_time now);

#endif
