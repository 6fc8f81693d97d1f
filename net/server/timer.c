/* timer - a wheel of deadlines. A deadline that moves away, as it does with every request, leaves
 * its connection where it hangs: that is looked at when the wheel comes by.
 * SPDX-License-Identifier: MIT
 */
#include "server.h"

static void hang(struct worker *w, struct conn *c)
{
    uint64_t horizon = w->wheel_ms + (uint64_t)(WHEEL_SLOTS - 2) * WHEEL_MS;
    uint64_t at = c->deadline_ms < horizon ? c->deadline_ms : horizon;
    at = at > w->wheel_ms ? at : w->wheel_ms;
    struct conn **slot = &w->wheel[at / WHEEL_MS % WHEEL_SLOTS];
    c->slot_ms = at;
    c->timer_next = *slot;
    c->timer_link = slot;
    if (c->timer_next != NULL)
        c->timer_next->timer_link = &c->timer_next;
    *slot = c;
}

void server_timer_clear(struct conn *c)
{
    if (c->timer_link == NULL)
        return;
    *c->timer_link = c->timer_next;
    if (c->timer_next != NULL)
        c->timer_next->timer_link = c->timer_link;
    c->timer_link = NULL;
    c->timer_next = NULL;
}

void server_timer_set(struct worker *w, struct conn *c, uint64_t deadline_ms)
{
    c->deadline_ms = deadline_ms;
    if (c->timer_link != NULL && c->slot_ms <= deadline_ms)
        return;
    server_timer_clear(c);
    hang(w, c);
}

struct conn *server_timer_next(struct worker *w)
{
    while (w->wheel_ms + WHEEL_MS <= w->now_ms) {
        struct conn **slot = &w->wheel[w->wheel_ms / WHEEL_MS % WHEEL_SLOTS];
        while (*slot != NULL) {
            struct conn *c = *slot;
            server_timer_clear(c);
            if (c->deadline_ms <= w->now_ms)
                return c;
            /* Later, maybe a turn of the wheel away: never in this slot again, or this would not
             * end. */
            uint64_t here = w->wheel_ms;
            w->wheel_ms += WHEEL_MS;
            hang(w, c);
            w->wheel_ms = here;
        }
        w->wheel_ms += WHEEL_MS;
    }
    return NULL;
}
