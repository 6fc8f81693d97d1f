/* spec_version - is a document's format one that we know? SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_SPEC_VERSION_H
#define SEV_CORE_SPEC_VERSION_H

#include "secureev/slice.h"

/** "1.0", "1.0.31": major version 1 and nothing but digits and dots. REQ-MET-31 */
static inline bool sev_spec_version_known(sev_slice s)
{
    if (s.len < 3 || s.len > 16 || s.ptr[0] != '1' || s.ptr[1] != '.')
        return false;
    for (size_t i = 2; i < s.len; i++)
        if ((s.ptr[i] < '0' || s.ptr[i] > '9') && s.ptr[i] != '.')
            return false;
    return true;
}

#endif
