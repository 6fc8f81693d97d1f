/* escape - how each form writes a code point inside a string. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_JSON_ESCAPE_H
#define SEV_CORE_JSON_ESCAPE_H

#include "secureev/json.h"

/** Append `code` as `form` (one SEV_CANON_* flag) writes it. */
void sev_escape_put(uint32_t code, unsigned form, sev_buf *out);

#endif
