/* scan - sixteen bytes at a time with SSE2, which every x86-64 has. SPDX-License-Identifier: MIT */
#include <emmintrin.h>

#include "base/bits.h"
#include "json/scan.h"

static __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static uint64_t bits(__m128i bytes)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(bytes);
}

static uint64_t equal(__m128i v, char byte)
{
    return bits(_mm_cmpeq_epi8(v, _mm_set1_epi8(byte)));
}

static __m128i quote_or_backslash(__m128i v)
{
    return _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                        _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

/* The comparison is signed, so that bytes above 0x7F are below 0x20, too. */
static uint64_t specials(__m128i v)
{
    return bits(_mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), quote_or_backslash(v)));
}

uint64_t sev_scan_specials(const uint8_t p[SEV_SCAN_BYTES])
{
    return specials(load(p)) | specials(load(p + 16)) << 16 | specials(load(p + 32)) << 32 |
           specials(load(p + 48)) << 48;
}

void sev_scan_brackets(const uint8_t p[SEV_SCAN_BYTES], struct sev_scan_brackets *out)
{
    struct sev_scan_brackets b = {0, 0, 0, 0};
    for (unsigned i = 0; i < SEV_SCAN_BYTES; i += 16) {
        __m128i v = load(p + i);
        /* [ and { differ in this bit alone, as do ] and } */
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        b.quotes |= equal(v, '"') << i;
        b.backslashes |= equal(v, '\\') << i;
        b.opening |= equal(folded, '{') << i;
        b.closing |= equal(folded, '}') << i;
    }
    *out = b;
}

const uint8_t *sev_scan_plain(const uint8_t *p, const uint8_t *end)
{
    for (; (size_t)(end - p) >= 16; p += 16) {
        uint64_t found = specials(load(p));
        if (found != 0)
            return p + sev_trailing_zeros(found);
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    return p;
}

const uint8_t *sev_scan_quote(const uint8_t *p, const uint8_t *end)
{
    for (; (size_t)(end - p) >= 16; p += 16) {
        uint64_t found = bits(quote_or_backslash(load(p)));
        if (found != 0)
            return p + sev_trailing_zeros(found);
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

const uint8_t *sev_scan_escape(const uint8_t *p, const uint8_t *end)
{
    for (; (size_t)(end - p) >= 16; p += 16) {
        __m128i v = load(p);
        uint64_t found = bits(v) | equal(v, '\\'); /* bits() are the high ones */
        if (found != 0)
            return p + sev_trailing_zeros(found);
    }
    while (p < end && *p != '\\' && *p < 0x80)
        p++;
    return p;
}
