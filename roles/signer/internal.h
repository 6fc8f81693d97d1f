/* internal - what the parts of the signer share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_SIGNER_INTERNAL_H
#define SEV_ROLES_SIGNER_INTERNAL_H

#include "secureev/signer.h"

/** A string without escapes. */
bool signer_read_text(sev_slice value, sev_json_str *out);
/** Is there a signature left of this minute's? signer_took_one() takes it. */
bool signer_may_sign(struct sev_signer_key *k, int64_t now_ms);
void signer_took_one(struct sev_signer_key *k);
/** The event of a signature over, or a certificate of, `bytes`. */
void signer_tell(struct sev_signer *signer, uint32_t user, const struct sev_signer_key *k,
                 const char *type, sev_slice name, sev_slice bytes);

/** Make a certificate as the request says. */
SEV_MUST_USE sev_err signer_certify(struct sev_signer *signer, uint32_t user,
                                    struct sev_signer_key *k, sev_slice request, sev_time now,
                                    int64_t now_ms, sev_buf *answer);

/** Is this key fit to sign checkpoints, if it is to sign any? @retval SEV_E_CONFIG, SEV_E_KEY */
SEV_MUST_USE sev_err signer_notes_fit(const struct sev_signer_key *k);
/** Sign a checkpoint as the request says. */
SEV_MUST_USE sev_err signer_sign_checkpoint(struct sev_signer *signer, uint32_t user,
                                            struct sev_signer_key *k, sev_slice request,
                                            sev_time now, int64_t now_ms, sev_buf *answer);

#endif
