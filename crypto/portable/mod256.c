/* mod256 - arithmetic modulo 256-bit primes. SPDX-License-Identifier: MIT */
#include "mod256.h"

#include <string.h>

uint32_t sev_words_add(uint32_t *r, const uint32_t *a, const uint32_t *b)
{
    uint64_t sum = 0;
    for (int i = 0; i < SEV_WORDS; i++) {
        sum += (uint64_t)a[i] + b[i];
        r[i] = (uint32_t)sum;
        sum >>= 32;
    }
    return (uint32_t)sum;
}

uint32_t sev_words_sub(uint32_t *r, const uint32_t *a, const uint32_t *b)
{
    uint64_t diff = 0; /* its upper half is 0 or all ones: the borrow */
    for (int i = 0; i < SEV_WORDS; i++) {
        diff = (uint64_t)a[i] - b[i] - (diff >> 63);
        r[i] = (uint32_t)diff;
    }
    return (uint32_t)(diff >> 63);
}

bool sev_words_less(const uint32_t *a, const uint32_t *b)
{
    int i = SEV_WORDS - 1;
    while (i > 0 && a[i] == b[i])
        i--;
    return a[i] < b[i];
}

bool sev_words_equal(const uint32_t *a, const uint32_t *b)
{
    return memcmp(a, b, SEV_WORDS * sizeof *a) == 0;
}

bool sev_words_zero(const uint32_t *a)
{
    uint32_t any = 0;
    for (int i = 0; i < SEV_WORDS; i++)
        any |= a[i];
    return any == 0;
}

void sev_words_load(uint32_t *r, const uint8_t *bytes, size_t len)
{
    memset(r, 0, SEV_WORDS * sizeof *r);
    for (size_t i = 0; i < len; i++)
        r[i / 4] |= (uint32_t)bytes[len - 1 - i] << 8 * (i % 4);
}

void sev_mod_add(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m)
{
    uint32_t carry = sev_words_add(r, a, b);
    if (carry != 0 || !sev_words_less(r, m->m))
        sev_words_sub(r, r, m->m);
}

void sev_mod_sub(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m)
{
    if (sev_words_sub(r, a, b) != 0)
        sev_words_add(r, r, m->m);
}

/* Montgomery multiplication, one word of `a` at a time: t = (t + a[i] b + q m) / 2^32, where q
 * makes the division exact. Both products run in one loop, so that t is read and written once. t
 * stays below b + m < 2^257, eight words and `top`, and ends below 2m if a or b is below m. */
void sev_mod_mul(uint32_t *r, const uint32_t *a, const uint32_t *b, const struct sev_modulus *m)
{
    uint32_t t[SEV_WORDS] = {0}, top = 0;
    for (int i = 0; i < SEV_WORDS; i++) {
        uint64_t x = (uint64_t)a[i] * b[0] + t[0];
        uint32_t q = (uint32_t)x * m->m0;
        uint64_t y = (uint64_t)q * m->m[0] + (uint32_t)x;
        for (int j = 1; j < SEV_WORDS; j++) {
            x = (uint64_t)a[i] * b[j] + t[j] + (x >> 32);
            y = (uint64_t)q * m->m[j] + (uint32_t)x + (y >> 32);
            t[j - 1] = (uint32_t)y;
        }
        x = (x >> 32) + (y >> 32) + top;
        t[SEV_WORDS - 1] = (uint32_t)x;
        top = (uint32_t)(x >> 32);
    }
    if (top != 0 || !sev_words_less(t, m->m))
        sev_words_sub(t, t, m->m);
    memcpy(r, t, sizeof t);
}

/* a^(m-2), by Fermat: needs nothing but multiplication. */
void sev_mod_inverse(uint32_t *r, const uint32_t *a, const struct sev_modulus *m)
{
    static const uint32_t two[SEV_WORDS] = {2};
    uint32_t e[SEV_WORDS], x[SEV_WORDS];
    sev_words_sub(e, m->m, two);
    memcpy(x, a, sizeof x); /* the top bit of m - 2 is set */
    for (int i = 254; i >= 0; i--) {
        sev_mod_mul(x, x, x, m);
        if (e[i / 32] >> i % 32 & 1)
            sev_mod_mul(x, x, a, m);
    }
    memcpy(r, x, sizeof x);
}
