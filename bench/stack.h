/* stack - how deep do calls go? What lies below the caller's frame is painted before a call and
 * looked at after it. SPDX-License-Identifier: MIT */
#ifndef SEV_BENCH_STACK_H
#define SEV_BENCH_STACK_H

#include <stddef.h>
#include <stdint.h>

#define STACK_PAINTED (64u * 1024u)

struct stack_meter {
    uint8_t *top;     /**< the caller's frame ends here */
    size_t deepest;   /**< bytes below it, of the deepest call yet; never less than about 200 */
    const char *call; /**< which call that was */
};

void stack_paint(struct stack_meter *m);
/** From the same function as stack_paint, right after the call. */
void stack_look(struct stack_meter *m, const char *call);

/** Run a call and measure it, unless `meter` is NULL. */
#define STACK_METERED(meter, call)                                                                 \
    do {                                                                                           \
        if ((meter) != NULL)                                                                       \
            stack_paint(meter);                                                                    \
        call;                                                                                      \
        if ((meter) != NULL)                                                                       \
            stack_look(meter, #call);                                                              \
    } while (0)

#endif
