/* store_hint - which vehicles were given something since somebody looked, for hints (mqtt.h).
 * Beside store.h's operations, with the same rules. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_HINT_H
#define SECUREEV_STORE_HINT_H

#include "secureev/store.h"

/** False ends the walk. @param key  of the decision; they rise */
typedef bool sev_hint_visit(void *context, int64_t key, sev_slice vehicle);

struct sev_hint_ops {
    /** The key of the newest decision; 0 when there is none. */
    sev_err (*newest)(void *self, int64_t *out);
    /** Assignments after `after`, up to and with `upto`, oldest first; whoever made them. With
     *  several writers a row may appear below a key that was seen: it is missed, as a hint may be.
     */
    sev_err (*assigned)(void *self, int64_t after, int64_t upto, uint32_t count_max,
                        struct sev_arena *arena, sev_hint_visit *visit, void *context);
};

#endif
