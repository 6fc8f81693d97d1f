/* mod256 - arithmetic modulo 256-bit primes, in 32-bit words, least significant first.
 * For verification only: what it computes is public, so its time may depend on it.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CRYPTO_PORTABLE_MOD256_H
#define SEV_CRYPTO_PORTABLE_MOD256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEV_WORDS 8

/** An odd prime m with 2^255 < m < 2^256. */
struct sev_modulus {
    uint32_t m[SEV_WORDS];
    uint32_t r2[SEV_WORDS]; /**< 2^512 mod m: takes a number into Montgomery form */
    uint32_t m0;            /**< -1 / m mod 2^32 */
};

/* Numbers are below the modulus, before and after; `r` may be the same as any input. */

/** r = a b / 2^256 mod m; one of a and b (not both) may be any 256-bit number. */
void sev_mod_mul(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m);
/** r = 2^512 / a mod m: the inverse of a number in Montgomery form, in that form; 0 gives 0. */
void sev_mod_inverse(uint32_t *r, const uint32_t *a, const struct sev_modulus *m);
void sev_mod_add(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m);
void sev_mod_sub(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m);

/** a < b? */
bool sev_words_less(const uint32_t *a, const uint32_t *b);
bool sev_words_zero(const uint32_t *a);
bool sev_words_equal(const uint32_t *a, const uint32_t *b);
/** r = a + b; the carry out. */
uint32_t sev_words_add(uint32_t *r, const uint32_t *a, const uint32_t *b);
/** r = a - b; the borrow out. */
uint32_t sev_words_sub(uint32_t *r, const uint32_t *a, const uint32_t *b);
/** From at most 32 bytes, most significant first. */
void sev_words_load(uint32_t *r, const uint8_t *bytes, size_t len);

#endif
