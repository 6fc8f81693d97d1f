/* enrolled - see enrolled.h.  SPDX-License-Identifier: MIT */
#include "enrolled.h"

#include <string.h>
#include <time.h>

#include "secureev/built.h"
#include "secureev/registry.h"

sev_err app_enrolled(const struct app_call *call, const struct sev_store *store)
{
    const struct sev_server_peer *peer = call->peer;
    return sev_registry_admit(store, call->arena, peer->identity, peer->certificate_sha256,
                              (sev_time)time(NULL), sev_built(),
                              (call->route->flags & APP_EXPIRED) != 0);
}

bool app_enrolment_required(const struct app_instance *i)
{
    return strcmp(sev_config_text(i->block, "enrolment"), "required") == 0;
}
