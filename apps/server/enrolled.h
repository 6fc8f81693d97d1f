/* enrolled - is the certificate that somebody asks with one that the registry gave, and good still?
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_ENROLLED_H
#define SEV_SERVER_ENROLLED_H

#include "frame.h"
#include "secureev/store.h"

/** To be called for each request, by a role's `check`. Routes with APP_EXPIRED admit those whose
 *  certificate has expired. REQ-H34
 *  @retval as sev_registry_admit */
SEV_MUST_USE sev_err app_enrolled(const struct app_call *call, const struct sev_store *store);
/** Does the section say `enrolment = required`? */
bool app_enrolment_required(const struct app_instance *i);

#endif
