/* stack - painted stacks. SPDX-License-Identifier: MIT */
#include "stack.h"

#define COLOUR 0xA5
#define OWN 192 /* bytes that stack_paint may need itself, which it must not paint over */

void stack_paint(struct stack_meter *m)
{
    /* Above the frame pointer of this function stand its caller's frame pointer, the return address
     * and then its caller's frame. */
    m->top = (uint8_t *)__builtin_frame_address(0) + 2 * sizeof(void *);
    volatile uint8_t *p = m->top - STACK_PAINTED;
    while (p < m->top - OWN)
        *p++ = COLOUR;
}

void stack_look(struct stack_meter *m, const char *call)
{
    volatile uint8_t *p = m->top - STACK_PAINTED;
    while (p < m->top && *p == COLOUR)
        p++;
    size_t depth = (size_t)(m->top - p);
    if (depth > m->deepest) {
        m->deepest = depth;
        m->call = call;
    }
}
