/* small_internal - what small.c (judging) takes from small_read.c (reading).
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_SMALL_INTERNAL_H
#define SEV_CORE_SMALL_INTERNAL_H

#include "secureev/small.h"

/** The callbacks of the document's stream; `context` is the struct sev_small. */
sev_err sev_small_on_token(void *context, const struct sev_json_stream_token *t);
void sev_small_on_bytes(void *context, sev_slice canonical);

#endif
