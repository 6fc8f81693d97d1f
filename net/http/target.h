/* target - paths and queries. SPDX-License-Identifier: MIT */
#ifndef SEV_NET_HTTP_TARGET_H
#define SEV_NET_HTTP_TARGET_H

#include "secureev/http.h"

/** Split an origin-form target. @retval SEV_E_HTTP_TARGET, SEV_E_HTTP_HEAD_LIMIT */
SEV_MUST_USE sev_err http_target(sev_slice target, sev_slice *out_path, sev_slice *out_query);

#endif
