/* role_witness - cosigns checkpoints of logs that go on from what it saw before (C2SP
 * tlog-witness). SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "secureev/audit.h"

#define LOGS_MAX SEV_SIGNER_LOGS_MAX

struct witness_role {
    struct sev_store store;
    struct sev_audit_witnessed logs[LOGS_MAX];
    struct sev_audit_witness witness;
};

/* The statuses are the specification's; the errors' own would be others. */
static void refuse(struct app_call *c, sev_err e, uint64_t size)
{
    char text[24];
    sev_buf b = sev_buf_of(text, sizeof text);
    if (e == SEV_E_CONFLICT) {
        sev_decimal_format(size, &b);
        sev_buf_put_byte(&b, '\n');
        sev_exchange_answer(c->x, 409, "text/x.tlog.size", sev_buf_slice(&b));
        return;
    }
    unsigned status = e == SEV_E_SIGNATURE      ? 403
                      : e == SEV_E_NOTE         ? 400
                      : e == SEV_E_EQUIVOCATION ? 409
                                                : 0;
    if (status == 0)
        app_refuse(c, e);
    else
        sev_exchange_answer(c->x, status, "text/plain",
                            sev_slice_of(sev_err_id(e), strlen(sev_err_id(e))));
}

static void answer(struct app_call *c)
{
    struct witness_role *r = c->instance->own;
    struct sev_sign_note sign = sev_signer_client_notes(&c->desk->signer);
    uint8_t room[2048];
    sev_buf lines = sev_buf_of(room, sizeof room);
    uint64_t size = 0;
    sev_err e = sev_audit_cosign(&r->witness, c->desk->crypto, &sign, c->body, &lines, &size);
    if (e == SEV_OK)
        sev_exchange_answer(c->x, 200, "text/plain; charset=utf-8", sev_buf_slice(&lines));
    else
        refuse(c, e, size);
}

static const struct app_route routes[] = {
    {SEV_HTTP_POST, "/add-checkpoint", 0, SEV_NOTE_BYTES_MAX + SEV_TLOG_UPDATE_BYTES_MAX, answer,
     NULL},
};

/* -------------------------------------------------------------- start and end */

static sev_err take_log(struct app *app, const struct sev_config_block *b,
                        struct sev_audit_witnessed *out)
{
    const char *origin = sev_config_text(b, "origin"), *words = sev_config_text(b, "keys");
    out->origin = sev_slice_of(origin, strlen(origin));
    while (*words != '\0') {
        size_t len = strcspn(words, " \t");
        if (out->key_count == SEV_AUDIT_LOG_KEYS_MAX)
            return app_fail(app, SEV_E_CONFIG, "more than four keys", b->name);
        struct sev_note_key *key = &out->keys[out->key_count++];
        sev_err e = sev_note_key_parse(sev_slice_of(words, len), key);
        if (e == SEV_OK && key->type == SEV_NOTE_COSIGNATURE)
            e = SEV_E_KEY;
        if (e != SEV_OK)
            return app_fail(app, e, "not a log's verifier key", b->name);
        words += len;
        words += strspn(words, " \t");
    }
    return SEV_OK;
}

static sev_err open_role(struct app_instance *i)
{
    const struct sev_config_block *b = NULL;
    struct witness_role *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "witness");
    i->own = r;
    r->witness = (struct sev_audit_witness){.store = &r->store,
                                            .key = sev_config_text(i->block, "key"),
                                            .logs = r->logs,
                                            .events = i->app->events};
    while ((b = sev_config_next(i->app->config, "witnessed", b)) != NULL) {
        if (r->witness.log_count == LOGS_MAX)
            return app_fail(i->app, SEV_E_CONFIG, "more than eight logs", b->name);
        sev_err e = take_log(i->app, b, &r->logs[r->witness.log_count++]);
        if (e != SEV_OK)
            return e;
    }
    if (r->witness.log_count == 0)
        return app_fail(i->app, SEV_E_CONFIG, "there is no [witnessed NAME] to cosign", "witness");
    return app_store_open(i, &r->store);
}

static void close_role(struct app_instance *i)
{
    struct witness_role *r = i->own;
    app_store_close(i, &r->store);
    free(r);
}

const struct app_role role_witness = {.section = "witness",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof routes[0],
                                      .threads = 2,
                                      .arena_bytes = 4096,
                                      .signs = true,
                                      .open = open_role,
                                      .close = close_role};
