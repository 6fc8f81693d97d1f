/* measure - what is counted of each role, and how it is written down in OpenMetrics form.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_MEASURE_H
#define SEV_SERVER_MEASURE_H

#include "frame.h"

#define APP_METRICS_BYTES_MAX (256u << 10)

/** Free it with free(). NULL: no memory. */
struct app_counts *app_counts_new(const struct app_role *role);
/** Every event of the instance's listener; from any thread. */
void app_count(struct app_instance *i, const struct sev_server_event *e);

/** All of it: of roles, routes, connections and the process. Labels are names of our own tables,
 *  never something a peer chose. @retval SEV_E_TOO_LONG */
SEV_MUST_USE sev_err app_metrics(const struct app *app, sev_buf *out);

#endif
