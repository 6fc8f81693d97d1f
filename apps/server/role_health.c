/* role_health - /metrics, /healthz and /readyz of the process, for its keepers: plain HTTP, so it
 * belongs on the loopback or a network of theirs. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define WHY_BYTES 100u

struct health {
    struct sev_signer_client signers[APP_ROLES_MAX]; /* of the instances that sign; one thread */
    bool signs[APP_ROLES_MAX];
};

static void answer_metrics(struct app_call *call)
{
    char *room = malloc(APP_METRICS_BYTES_MAX);
    sev_buf out = sev_buf_of(room, room == NULL ? 0 : APP_METRICS_BYTES_MAX);
    sev_err e = room == NULL ? SEV_E_MEMORY : app_metrics(call->instance->app, &out);
    if (e == SEV_OK)
        sev_exchange_answer(call->x, 200,
                            "application/openmetrics-text; version=1.0.0; charset=utf-8",
                            sev_buf_slice(&out));
    else
        app_refuse(call, e);
    free(room);
}

static void answer_alive(struct app_call *call)
{
    app_answer(call, 200, SEV_LIT("{\"alive\":true}\n"));
}

/* Is there a signer, and does it answer? */
static sev_err ask_signer(struct health *h, unsigned number, const struct app_instance *i,
                          char *why)
{
    sev_slice answer;
    if (!i->role->signs || sev_config_text(i->block, "signer")[0] == '\0')
        return SEV_OK;
    if (!h->signs[number]) {
        sev_err e =
            sev_signer_client_init(&h->signers[number], sev_config_text(i->block, "signer"));
        if (e != SEV_OK)
            return e;
        h->signs[number] = true;
    }
    sev_err e = sev_signer_client_ask(&h->signers[number], SEV_LIT("{\"ask\":\"keys\"}"), &answer);
    if (e != SEV_OK)
        snprintf(why, WHY_BYTES, "the signer");
    return e;
}

static sev_err is_ready(struct health *h, unsigned number, struct app_instance *i, char *why)
{
    sev_err e = ask_signer(h, number, i, why);
    if (e == SEV_OK && i->store != NULL) {
        e = sev_store_probe(i->store);
        if (e != SEV_OK)
            snprintf(why, WHY_BYTES, "the database");
    }
    return e == SEV_OK && i->role->ready != NULL ? i->role->ready(i, why) : e;
}

/* {"ready":false,"roles":{"director":{"error":"unreachable","lacks":"the signer"},...}} */
static void answer_ready(struct app_call *call)
{
    const struct app *app = call->instance->app;
    char roles[4096];
    sev_buf out = sev_buf_of(roles, sizeof roles);
    bool all = true;
    for (unsigned n = 0; n < app->instance_count; n++) {
        struct app_instance *i = app->instances[n];
        char why[WHY_BYTES] = "", line[256];
        if (i == NULL)
            continue;
        sev_err e = is_ready(call->instance->own, n, i, why);
        all = all && e == SEV_OK;
        int len = snprintf(line, sizeof line, "%s\"%s\":{\"error\":\"%s\",\"lacks\":\"%s\"}",
                           out.len == 0 ? "" : ",", i->role->section,
                           e == SEV_OK ? "" : sev_err_id(e), why);
        sev_buf_put(&out, line, (size_t)len);
    }
    char text[4200];
    int len = snprintf(text, sizeof text, "{\"ready\":%s,\"roles\":{%.*s}}\n",
                       all ? "true" : "false", (int)out.len, roles);
    app_answer(call, all ? 200 : 503, sev_slice_of(text, (size_t)len));
}

static const struct app_route routes[] = {
    {SEV_HTTP_GET, "/metrics", APP_AT_ONCE | APP_STRANGERS, 0, answer_metrics, NULL},
    {SEV_HTTP_GET, "/healthz", APP_AT_ONCE | APP_STRANGERS, 0, answer_alive, NULL},
    {SEV_HTTP_GET, "/readyz", APP_STRANGERS, 0, answer_ready, NULL},
};

static sev_err open_role(struct app_instance *i)
{
    i->own = calloc(1, sizeof(struct health));
    return i->own != NULL
               ? SEV_OK
               : app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "health");
}

static void close_role(struct app_instance *i)
{
    struct health *h = i->own;
    for (unsigned n = 0; n < APP_ROLES_MAX; n++)
        if (h->signs[n])
            sev_signer_client_close(&h->signers[n]);
    free(h);
}

/* One thread: what is asked of signer and database is asked one at a time. */
const struct app_role role_health = {.section = "health",
                                     .routes = routes,
                                     .route_count = sizeof routes / sizeof routes[0],
                                     .threads = 1,
                                     .arena_bytes = 4096,
                                     .plain = true,
                                     .open = open_role,
                                     .close = close_role};
