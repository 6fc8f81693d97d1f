/* hints - vehicles that were given something are told to look, as the configuration's [mqtt] says:
 * read from the store, so that it does not matter who assigned. SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_HINTS_H
#define SEV_SERVER_HINTS_H

#include "frame.h"
#include "secureev/store.h"

#define HINTS_PERIOD_MS 500

struct hints;
/** From now on. `*out` is NULL when the file has no [mqtt]. */
SEV_MUST_USE sev_err hints_start(struct app *app, const struct sev_store *store,
                                 struct hints **out);
/** NULL is fine, here as below. */
void hints_stop(struct hints *h);
/** Is there a broker? `why` says what is lacking: it is no reason not to serve. */
void hints_ready(struct hints *h, char why[100]);
void hints_measure(struct hints *h, struct app_measures *m);

#endif
