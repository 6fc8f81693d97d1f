/* clock - for deadlines; not what time it is. SPDX-License-Identifier: MIT */
#ifndef SEV_NET_CLIENT_CLOCK_H
#define SEV_NET_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t client_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
