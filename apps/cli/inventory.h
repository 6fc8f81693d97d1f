/* inventory - what the commands of `secureev inventory` have in common.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_INVENTORY_H
#define SEV_CLI_INVENTORY_H

#include "remote.h"
#include "secureev/store.h"

struct desk {
    struct sev_store store;
    void *memory;
    struct sev_arena arena;
};

/** False: `code` is the exit code. inventory_close() it in any case. Only `make` makes a database:
 * a slip in its name is told, and does not become an empty inventory. */
bool inventory_open(struct cli *c, struct desk *d, bool make, int *code);
void inventory_close(struct desk *d);
/** Who does it, for the row that explains it. */
sev_slice inventory_actor(void);

int inventory_token(struct cli *c);
int inventory_revoke(struct cli *c);
int inventory_told(struct cli *c);

/* The same through the admin API. */
int inventory_remote_add(struct cli *c);
int inventory_remote_list(struct cli *c);
int inventory_remote_show(struct cli *c);
int inventory_remote_assign(struct cli *c, sev_slice wish);

#endif
