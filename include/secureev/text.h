/* text - hex, base64, PEM and RFC 3339 time: the small encodings that metadata is made of.
 * Decoders append to `out`, SEV_E_JSON_LIMIT when it does not fit; encoders overflow it as usual.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_TEXT_H
#define SECUREEV_TEXT_H

#include "secureev/err.h"
#include "secureev/slice.h"

/** Lower-case hex of `bytes`; sticky overflow in `out`. */
void sev_hex_encode(sev_slice bytes, sev_buf *out);
/** Either case; an odd length or another character is SEV_E_MALFORMED. */
SEV_MUST_USE sev_err sev_hex_decode(sev_slice text, sev_buf *out);

/** RFC 4648 section 4, padded, no line breaks. */
void sev_base64_encode(sev_slice bytes, sev_buf *out);
/** Strict: padding required, no blanks, unused bits zero. */
SEV_MUST_USE sev_err sev_base64_decode(sev_slice text, sev_buf *out);

/** The DER inside the one "-----BEGIN label-----" block that `text` is: line breaks and blanks
 *  around lines allowed, nothing before, after or between. */
SEV_MUST_USE sev_err sev_pem_decode(sev_slice text, const char *label, sev_buf *out);
void sev_pem_encode(sev_slice der, const char *label, sev_buf *out);

/** Seconds since 1970-01-01T00:00:00Z. */
typedef int64_t sev_time;

#define SEV_TIME_MAX 253402300799 /* 9999-12-31T23:59:59Z */
/** Exactly YYYY-MM-DDTHH:MM:SSZ, year 1970 to 9999, a date that exists; leap second 60 refused. */
SEV_MUST_USE sev_err sev_time_parse(sev_slice text, sev_time *out);
/** Twenty characters. `t` outside 1970..9999 overflows `out`. */
void sev_time_format(sev_time t, sev_buf *out);

/** Decimal, no sign, no leading zero; at most 2^53-1. */
SEV_MUST_USE sev_err sev_decimal_parse(sev_slice text, uint64_t *out);
void sev_decimal_format(uint64_t v, sev_buf *out);

/** Valid UTF-8 without surrogates? */
bool sev_utf8_valid(sev_slice text);
/** Valid UTF-8 in which every code point is certainly NFC (NFC_Quick_Check=Yes and in order). */
bool sev_utf8_is_nfc(sev_slice text);
/** May this name an image, that is: can it never leave its folder, is it NFC, not empty, without
 *  control characters, backslash, empty, "." or ".." component, leading or trailing slash, drive?
 *  Its length is the caller's business. */
bool sev_name_is_clean(sev_slice name);

/** Percent-encode all but A-Z a-z 0-9 _ . - ~ (and, if `keep_slash`, '/'); upper-case hex. */
void sev_percent_encode(sev_slice text, bool keep_slash, sev_buf *out);

/** TUF path pattern: '*' matches any code points and '?' one, both within one component between
 *  slashes; nothing else is special. Case and bytes count. Both are UTF-8, as checked documents
 *  are; on other bytes a match may be missed. Work is bounded by the product of the lengths. */
bool sev_pattern_match(sev_slice pattern, sev_slice name);

#endif
