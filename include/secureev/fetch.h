/* fetch - bounded downloads over HTTP: what a vehicle and the diagnosing command line need.
 * No redirects, no compression, no proxy, URLs taken as they are. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_FETCH_H
#define SECUREEV_FETCH_H

#include "secureev/err.h"
#include "secureev/slice.h"

struct sev_fetch_limits {
    unsigned connect_ms;
    unsigned rate_min;    /**< bytes per second ... */
    unsigned rate_window; /**< ... averaged over so many seconds; below: SEV_E_TOO_SLOW */
};
/** 10 s to connect, 512 B/s over 10 s. */
extern const struct sev_fetch_limits sev_fetch_defaults;

/** One connection's worth of state; requests to one server reuse its connection. */
struct sev_fetch;
SEV_MUST_USE sev_err sev_fetch_new(const struct sev_fetch_limits *limits, struct sev_fetch **out);
void sev_fetch_free(struct sev_fetch *f);

/** Takes the body piece by piece; an error ends the transfer and is its result. */
typedef sev_err sev_fetch_sink(void *context, sev_slice bytes);

/**
 * GET `url`. The sink sees bytes of a 200 answer only, and never more than `bytes_max`.
 *
 * @param seconds_max  for the whole transfer; 0: only the rate counts
 * @retval SEV_E_ABSENT       404, 403 or 410: it certainly is not there
 * @retval SEV_E_TOO_LONG     longer than `bytes_max`
 * @retval SEV_E_TOO_SLOW     bytes arrive, but too slowly
 * @retval SEV_E_UNREACHABLE  anything else that ended it
 */
SEV_MUST_USE sev_err sev_fetch_get(struct sev_fetch *f, const char *url, uint64_t bytes_max,
                                   unsigned seconds_max, sev_fetch_sink *sink, void *context);
/** What happened last, for people. */
const char *sev_fetch_detail(const struct sev_fetch *f);

#endif
