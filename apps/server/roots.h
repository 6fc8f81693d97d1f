/* roots - the Director's chains of roots, as they were published offline. Requests go on with those
 * that they began with while others are read.  SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_ROOTS_H
#define SEV_SERVER_ROOTS_H

#include "frame.h"
#include "secureev/key.h"

struct roots_chain {
    uint32_t count;
    sev_slice *files; /* files[n - 1] is n.root.json */
    struct sev_bytes *owned;
};

/** Those of one moment. */
struct roots {
    unsigned references;
    struct roots_chain native, aktualizr;
};

struct roots_shelf;

/** Every n.root.json from 1 on below `folder`, and below folder/aktualizr if that dialect is
 *  spoken. Each must be a root of its version; nobody checks signatures here: vehicles do.
 *  @retval SEV_E_..., said in app->note */
SEV_MUST_USE sev_err roots_open(struct app *app, const char *folder, bool aktualizr,
                                struct roots_shelf **out);
/** Those that were published since. @retval SEV_E_ROOT_VERSION  there are fewer than before
 *  @retval SEV_E_EQUIVOCATION  one that was there is another now; all stays as it was */
SEV_MUST_USE sev_err roots_reload(struct roots_shelf *shelf);
struct roots *roots_hold(struct roots_shelf *shelf);
void roots_release(struct roots_shelf *shelf, struct roots *roots);
void roots_close(struct roots_shelf *shelf); /**< nobody holds any; NULL is fine */

#endif
