/* scan - finding the bytes that matter, many at a time. scan.c for any machine, x86/scan.c in its
 * place for x86-64: the build chooses, both give the same answers. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_JSON_SCAN_H
#define SEV_CORE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define SEV_SCAN_BYTES 64 /* looked at together: bit i of a mask speaks of byte i */

struct sev_scan_brackets {
    uint64_t quotes;
    uint64_t backslashes;
    uint64_t opening; /* { [ */
    uint64_t closing; /* } ] */
};

/** Which of 64 bytes are not plain text inside a string: a quote, a backslash, a control character
 *  or a byte above 0x7F. */
uint64_t sev_scan_specials(const uint8_t p[SEV_SCAN_BYTES]);
/** Where the structure of containers stands in 64 bytes. */
void sev_scan_brackets(const uint8_t p[SEV_SCAN_BYTES], struct sev_scan_brackets *out);

/** The first byte of [p, end) that is special as above, or `end`. */
const uint8_t *sev_scan_plain(const uint8_t *p, const uint8_t *end);
/** The first quote or backslash of [p, end), or `end`. */
const uint8_t *sev_scan_quote(const uint8_t *p, const uint8_t *end);
/** The first backslash or byte above 0x7F of [p, end), or `end`. */
const uint8_t *sev_scan_escape(const uint8_t *p, const uint8_t *end);

#endif
