/* shipping - what a role decides goes to the audit log, in order and without loss: from a mark in
 * the store, which moves when the log has it.  SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_SHIPPING_H
#define SEV_SERVER_SHIPPING_H

#include "frame.h"
#include "secureev/store.h"

struct shipping;
/** As [audit] says; where there is none *out is NULL and all is well.
 *  @param signer  its socket: how much its keys signed is told, too
 *  @retval why, in app->note */
SEV_MUST_USE sev_err shipping_start(struct app *app, const struct sev_store *store,
                                    const char *signer, struct shipping **out);
/** Does the log take what it is given? NULL: nothing is measured. */
void shipping_measure(struct shipping *s, struct app_measures *m);
/** NULL is fine. What is not shipped yet is shipped after the next start. */
void shipping_stop(struct shipping *s);

#endif
