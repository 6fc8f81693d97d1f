/* scan - finding the bytes that matter, many at a time. scan_portable.c or scan_x86.c, chosen by
 * the build; both give the same answers. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_JSON_SCAN_H
#define SEV_CORE_JSON_SCAN_H

#include <stdint.h>

/** The first byte of [p, end) that is not plain text inside a string: a quote, a backslash, a
 *  control character or a byte above 0x7F. `end` when there is none. */
const uint8_t *sev_scan_plain(const uint8_t *p, const uint8_t *end);
/** The first quote or backslash of [p, end), or `end`. */
const uint8_t *sev_scan_quote(const uint8_t *p, const uint8_t *end);

#endif
