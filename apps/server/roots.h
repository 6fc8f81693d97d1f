/* roots - the Director's chain of roots, as it was published offline.  SPDX-License-Identifier: MIT
 */
#ifndef SEV_SERVER_ROOTS_H
#define SEV_SERVER_ROOTS_H

#include "secureev/key.h"
#include "server_app.h"

struct roots {
    uint32_t count;
    sev_slice *files; /* files[n - 1] is n.root.json */
    struct sev_bytes *owned;
};

/** Every n.root.json from 1 on. Each must be a root of its version; nobody checks signatures here:
 *  vehicles do. @retval SEV_E_..., said in app->note */
SEV_MUST_USE sev_err roots_load(struct app *app, const char *folder, sev_profile profile,
                                struct roots *out);
void roots_free(struct app *app, struct roots *roots);

#endif
