/* log - the sink that writes events to a descriptor, a line each. It never waits: what its reader
 * does not take is counted, and told when there is room again. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_LOG_H
#define SECUREEV_LOG_H

#include "secureev/event.h"

/** An event sink for any thread, as long as the process lives: there is one log.
 *  @param json  JSON objects instead of lines for people; may be called again to change it */
struct sev_events sev_log_to(int descriptor, bool json);

/** "READY=1", "RELOADING=1", "STOPPING=1" to the service manager that started us ($NOTIFY_SOCKET);
 *  nothing where there is none. Not from several threads. */
void sev_tell_manager(const char *state);

#endif
