/* listen - a role's listener: certificates as its section says, and its events as ours.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_LISTEN_H
#define SEV_SERVER_LISTEN_H

#include "frame.h"

SEV_MUST_USE sev_err app_listen(struct app_instance *i, const struct sev_server_handler *handler);
/** Certificates anew, for connections to come. */
SEV_MUST_USE sev_err app_reload_tls(struct app_instance *i);
void app_server_event(struct app *app, const struct sev_server_event *event);

#endif
