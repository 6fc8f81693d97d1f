/* bits - counting in 64-bit words, without the instructions that not every machine has.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_BITS_H
#define SEV_CORE_BITS_H

#include <stdint.h>

/* Elsewhere the compiler would call a function of its library. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define SEV_TRAILING_ZEROS(w) ((unsigned)__builtin_ctzll(w))
#else
#define SEV_TRAILING_ZEROS(w) sev_trailing_zeros_slow(w)
#endif

/** Bits that are one. */
static inline unsigned sev_ones(uint64_t w)
{
    w -= w >> 1 & 0x5555555555555555u;
    w = (w & 0x3333333333333333u) + (w >> 2 & 0x3333333333333333u);
    w = (w + (w >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (unsigned)(w * 0x0101010101010101u >> 56);
}

static inline unsigned sev_trailing_zeros_slow(uint64_t w)
{
    return sev_ones((w & (0 - w)) - 1);
}

/** Zero bits below the lowest one. `w` is not zero. */
static inline unsigned sev_trailing_zeros(uint64_t w)
{
    return SEV_TRAILING_ZEROS(w);
}

#endif
