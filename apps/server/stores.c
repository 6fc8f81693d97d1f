/* stores - one store for all roles of the process on the same database: writers of their own would
 * wait for each other. For the main thread. SPDX-License-Identifier: MIT */
#include <string.h>

#include "frame.h"

static struct app_store *find(struct app *app, const char *text)
{
    struct app_store *unused = NULL;
    for (unsigned k = 0; k < APP_ROLES_MAX; k++) {
        struct app_store *s = &app->stores[k];
        if (s->users == 0)
            unused = s;
        else if (strcmp(s->text, text) == 0)
            return s;
    }
    return unused; /* there are as many as roles */
}

sev_err app_store_open(struct app_instance *i, struct sev_store *out)
{
    const char *text = sev_config_text(i->block, "database");
    struct app_store *s = find(i->app, text);
    char name[SEV_STORE_NAME_MAX];
    sev_err e = s->users != 0 ? SEV_OK : sev_store_open(text, &s->store);
    if (e != SEV_OK) {
        sev_store_name(text, name);
        return app_fail(i->app, e, sev_err_sentence(e), name);
    }
    s->text = text;
    s->users++;
    i->store = &s->store;
    *out = s->store;
    return SEV_OK;
}

void app_store_close(struct app_instance *i, struct sev_store *store)
{
    struct app_store *s =
        store->self == NULL ? NULL : find(i->app, sev_config_text(i->block, "database"));
    i->store = NULL;
    if (s != NULL && --s->users == 0)
        sev_store_close(&s->store);
    memset(store, 0, sizeof *store);
}
