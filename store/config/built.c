/* built - see built.h.  SPDX-License-Identifier: MIT */
#include "secureev/built.h"

sev_time sev_built(void)
{
    return SEV_BUILT;
}
