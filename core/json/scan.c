/* scan - eight bytes at a time in one 64-bit word, any machine. SPDX-License-Identifier: MIT */
#include "json/scan.h"

#include <string.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u
#define LOWS 0x7F7F7F7F7F7F7F7Fu

/* The byte at the lowest address becomes the lowest, whatever the machine's order: the compiler
 * makes one load of it where that is the same. */
static uint64_t load(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* High bit of each byte of `w` that is `byte`, which is ASCII: the sum has it clear where the seven
 * low bits are all the same. No carry crosses a byte. */
static uint64_t equal(uint64_t w, uint8_t byte)
{
    return ~((((w & LOWS) ^ ONES * byte) + LOWS) | w) & HIGHS;
}

static uint64_t quote_or_backslash(uint64_t w)
{
    return equal(w, '"') | equal(w, '\\');
}

/* As above, for less: bytes above 0x7F are special anyway, so their high bits may be left out.
 * Adding 0x60 takes seven bits over 0x7F unless they are below 0x20. */
static uint64_t specials(uint64_t w)
{
    uint64_t low = w & LOWS;
    uint64_t plain = (low + ONES * 0x60) & ((low ^ ONES * '"') + LOWS);
    return ~(plain & ((low ^ ONES * '\\') + LOWS) & ~w) & HIGHS;
}

/* The eight high bits, gathered: bit i speaks of byte i. */
static uint64_t gather(uint64_t highs)
{
    return (highs >> 7) * 0x0102040810204080u >> 56;
}

uint64_t sev_scan_specials(const uint8_t p[SEV_SCAN_BYTES])
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < SEV_SCAN_BYTES; i += 8)
        mask |= gather(specials(load(p + i))) << i;
    return mask;
}

void sev_scan_brackets(const uint8_t p[SEV_SCAN_BYTES], struct sev_scan_brackets *out)
{
    struct sev_scan_brackets b = {0, 0, 0, 0};
    for (unsigned i = 0; i < SEV_SCAN_BYTES; i += 8) {
        uint64_t w = load(p + i);
        uint64_t folded = w | ONES * 0x20; /* [ and { differ in this bit alone, as do ] and } */
        b.quotes |= gather(equal(w, '"')) << i;
        b.backslashes |= gather(equal(w, '\\')) << i;
        b.opening |= gather(equal(folded, '{')) << i;
        b.closing |= gather(equal(folded, '}')) << i;
    }
    *out = b;
}

const uint8_t *sev_scan_plain(const uint8_t *p, const uint8_t *end)
{
    while ((size_t)(end - p) >= 8 && specials(load(p)) == 0)
        p += 8;
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    return p;
}

const uint8_t *sev_scan_quote(const uint8_t *p, const uint8_t *end)
{
    while ((size_t)(end - p) >= 8 && quote_or_backslash(load(p)) == 0)
        p += 8;
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

const uint8_t *sev_scan_escape(const uint8_t *p, const uint8_t *end)
{
    while ((size_t)(end - p) >= 8 && ((equal(load(p), '\\') | load(p)) & HIGHS) == 0)
        p += 8;
    while (p < end && *p != '\\' && *p < 0x80)
        p++;
    return p;
}
