/* publish - what publish.c and publish_judge.c share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_REPOSITORY_PUBLISH_H
#define SEV_ROLES_REPOSITORY_PUBLISH_H

#include "internal.h"

struct publishing {
    struct sev_repository *r;
    sev_time now;
    enum sev_repository_publish_how how;
    const struct sev_repository_signer *signer;
};

/** Which staged files are to be published now. */
sev_err sev_repo_choose(struct publishing *p);
/** Does every role that will be trusted have a file that satisfies whoever trusts it?
 *  @param out_culprit  a chosen file without which the answer might be yes; NULL: there is none */
sev_err sev_repo_check_trust(struct publishing *p, struct sev_repo_doc **out_culprit);
/** All that a client would refuse in what was chosen. */
sev_err sev_repo_judge(struct publishing *p, uint32_t *out_count);

#endif
