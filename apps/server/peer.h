/* peer - other servers that a role asks, as a section of the configuration names them: `server`,
 * `ca`, `certificate`, `certificate_key`.  SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_PEER_H
#define SEV_SERVER_PEER_H

#include "secureev/client_http.h"
#include "secureev/config.h"

/** The files are read now. @retval as sev_http_client_new and sev_file_read */
SEV_MUST_USE sev_err peer_open(const struct sev_config_block *block,
                               const struct sev_http_client_limits *limits,
                               struct sev_http_client **out);

/** A thread that does something every now and then, or when it is woken, until it is to end. */
struct ticker;
/** Once a round; false while it does not go well: then it is tried again later and later. */
typedef bool ticker_round(void *context);
/** @retval SEV_E_MEMORY, SEV_E_IO */
SEV_MUST_USE sev_err ticker_start(uint32_t period_ms, ticker_round *round, void *context,
                                  struct ticker **out);
void ticker_wake(struct ticker *t);
/** Waits for the round that runs. NULL is fine. */
void ticker_stop(struct ticker *t);

#endif
