/* utf8 - one code point at a time, strict. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_UTF8_H
#define SEV_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/** Bytes of the code point that stands at `p`, 1 to 4, or 0 when it is cut short, overlong, a
 *  surrogate or beyond U+10FFFF. `*out_code` is untouched then. */
size_t sev_utf8_decode(const uint8_t *p, size_t len, uint32_t *out_code);
/** Writes 1 to 4 bytes; `code` is a code point that is not a surrogate. */
size_t sev_utf8_encode(uint32_t code, uint8_t out[4]);

#endif
