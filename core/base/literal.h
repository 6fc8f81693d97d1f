/* literal - our own C strings as slices. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_LITERAL_H
#define SEV_CORE_LITERAL_H

#include "secureev/limits.h"
#include "secureev/slice.h"

/** `text` without its NUL; at most SEV_NAME_BYTES_MAX bytes. The bound also keeps compilers from
 *  seeing strlen in the loop, which the core cannot call. */
static inline sev_slice sev_literal(const char *text)
{
    size_t n = 0;
    // cppcheck-suppress arrayIndexOutOfBoundsCond ; the NUL ends it before
    while (n < SEV_NAME_BYTES_MAX && text[n] != '\0')
        n++;
    return sev_slice_of(text, n);
}

#endif
