/* built - when this program was made. Its clock may be wrong, but it is not earlier than this: no
 * certificate is judged by a time before it. DESIGN 6. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_BUILT_H
#define SECUREEV_BUILT_H

#include "secureev/text.h"

/** As the build was configured; $SOURCE_DATE_EPOCH where that is set. */
sev_time sev_built(void);

#endif
