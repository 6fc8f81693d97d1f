/* memory - comparing and wiping secrets. SPDX-License-Identifier: MIT */
#include "secureev/crypto.h"

bool sev_equal_ct(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b; /* volatile: no early end can be derived */
    uint8_t differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

void sev_wipe(void *bytes, size_t len)
{
    volatile uint8_t *p = bytes; /* volatile: a store that nobody reads is still made */
    while (len > 0)
        p[--len] = 0;
}
