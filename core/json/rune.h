/* rune - one code point of a string as it stands in a document, raw or escaped.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_JSON_RUNE_H
#define SEV_CORE_JSON_RUNE_H

#include "secureev/json.h"

/** Bytes that the code point at `p` takes in the document (1 to 12), or 0 when it is not one:
 *  bad UTF-8, an unknown escape, half a surrogate pair. A quote is a code point like any other. */
size_t sev_rune_decode(const uint8_t *p, size_t len, uint32_t *out_code);

/** How names are ordered: by code point, which is the order of UTF-8 bytes, or by UTF-16 units. */
typedef int sev_name_order(sev_json_str a, sev_json_str b);
sev_name_order sev_name_cmp_utf8;
sev_name_order sev_name_cmp_utf16;

/** The string whose opening quote stands right before `at`: checked bytes only. */
sev_json_str sev_string_at(sev_slice doc, size_t at);

/** Sort `count` names, given by where they start in `doc`. */
void sev_names_sort(sev_slice doc, sev_name_order *order, uint32_t *names, size_t count);

#endif
