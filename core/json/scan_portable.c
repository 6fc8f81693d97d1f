/* scan - eight bytes at a time in one 64-bit word, any machine. SPDX-License-Identifier: MIT */
#include "json/scan.h"

#include <string.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* High bit of each byte of `w` that is zero. Exact up to and including the lowest such byte, which
 * is all that "is there one?" needs. */
static uint64_t zero_bytes(uint64_t w)
{
    return (w - ONES) & ~w & HIGHS;
}

static uint64_t quote_or_backslash(uint64_t w)
{
    return zero_bytes(w ^ ONES * '"') | zero_bytes(w ^ ONES * '\\');
}

const uint8_t *sev_scan_plain(const uint8_t *p, const uint8_t *end)
{
    uint64_t w;
    while ((size_t)(end - p) >= sizeof w) {
        memcpy(&w, p, sizeof w);
        if ((quote_or_backslash(w) | ((w - ONES * 0x20) & HIGHS) | (w & HIGHS)) != 0)
            break;
        p += sizeof w;
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    return p;
}

const uint8_t *sev_scan_quote(const uint8_t *p, const uint8_t *end)
{
    uint64_t w;
    while ((size_t)(end - p) >= sizeof w) {
        memcpy(&w, p, sizeof w);
        if (quote_or_backslash(w) != 0)
            break;
        p += sizeof w;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}
