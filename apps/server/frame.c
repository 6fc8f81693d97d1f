/* frame - see frame.h.  SPDX-License-Identifier: MIT */
#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "measure.h"
#include "pool.h"
#include "secureev/crypto_hosted.h"

#define WAITING_MAX 1024 /* requests; what waits longer than a peer's patience helps nobody */

/* ------------------------------------------------------------------ answers */

void app_answer(struct app_call *call, unsigned status, sev_slice json)
{
    sev_exchange_answer(call->x, status, "application/json", json);
}

static bool wants_no_body(const struct app_call *call)
{
    const struct app_role *role = call->instance->role;
    return (call->route != NULL && (call->route->flags & APP_REFUSE_EMPTY) != 0) ||
           (role->wants_no_body != NULL && role->wants_no_body(call));
}

void app_refuse(struct app_call *call, sev_err why)
{
    struct sev_event event = {.id = SEV_EVENT_HTTP_REFUSED, .err = why};
    const struct sev_server_peer *peer = call->peer;
    sev_event_text(&event, "address", sev_slice_of(peer->address, strlen(peer->address)));
    if (peer->authenticated)
        sev_event_text(&event, "peer", peer->identity);
    sev_event_text(&event, "path", call->request->path);
    call->instance->app->events.emit(call->instance->app->events.self, &event);
    if (wants_no_body(call))
        app_answer(call, sev_http_status(why), SEV_EMPTY);
    else
        sev_exchange_refuse(call->x, why);
}

static void refuse(void *context, struct sev_exchange *x, sev_err why)
{
    struct app_call call;
    sev_err e = app_route_find(context, x, &call);
    app_refuse(&call, e == SEV_OK ? why : e);
}

static void work(void *context, unsigned thread, struct sev_exchange *const *batch, uint32_t count)
{
    struct app_instance *i = context;
    struct app_call calls[POOL_BATCH_MAX];
    struct sev_arena arena = sev_arena_of(i->desks[thread].memory, i->role->arena_bytes);
    uint32_t good = 0;
    for (uint32_t n = 0; n < count; n++) {
        struct app_call *call = &calls[good];
        sev_err e = app_route_find(i, batch[n], call);
        call->body = sev_exchange_body(batch[n]);
        call->desk = &i->desks[thread];
        call->arena = &arena;
        if (e == SEV_OK && i->role->check != NULL)
            e = i->role->check(call);
        if (e == SEV_OK)
            good++;
        else
            app_refuse(call, e);
    }
    if (good == 0)
        return;
    if (i->role->answer_together != NULL)
        i->role->answer_together(calls, good);
    else
        calls[0].route->answer(&calls[0]);
}

/* ------------------------------------------------------------ the handler's */

static sev_err may_ask(const struct app_call *call)
{
    unsigned flags = call->route->flags;
    if ((flags & APP_STRANGERS) != 0)
        return SEV_OK;
    if (!call->peer->authenticated || call->peer->identity.len == 0)
        return SEV_E_WRONG_SUBJECT;
    return call->peer->expired && (flags & APP_EXPIRED) == 0 ? SEV_E_EXPIRED : SEV_OK;
}

/* RFC 9110 15.5.6 */
static void add_allow(struct app_instance *i, struct sev_exchange *x)
{
    char text[80];
    size_t len = 0;
    for (unsigned m = SEV_HTTP_GET; m <= SEV_HTTP_OPTIONS; m++) {
        struct app_call call;
        struct sev_http_request other = *sev_exchange_request(x);
        other.method = (enum sev_http_method)m;
        if (app_route_of(i, &other, &call) == SEV_OK)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len == 0 ? "" : ", ",
                                    sev_http_method_name(other.method));
    }
    sev_exchange_add_field(x, SEV_LIT("Allow"), sev_slice_of(text, len));
}

static sev_err head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    struct app_instance *i = context;
    struct app_call call;
    sev_err e = app_route_find(i, x, &call);
    if (e == SEV_OK)
        e = may_ask(&call);
    if (e == SEV_OK && i->role->first != NULL)
        e = i->role->first(&call);
    if (e == SEV_OK && call.route->stream != NULL)
        e = call.route->stream->begin(&call, out);
    else if (e == SEV_OK && call.route->body_max != 0)
        *out = (struct sev_body_plan){SEV_BODY_GATHER, call.route->body_max, false};
    if (e == SEV_E_HTTP_NOT_ALLOWED)
        add_allow(i, x);
    if (e == SEV_OK || !wants_no_body(&call))
        return e;
    app_refuse(&call, e);
    return SEV_OK;
}

static const struct app_stream *stream_of(void *context, struct sev_exchange *x)
{
    struct app_call call;
    return app_route_find(context, x, &call) == SEV_OK ? call.route->stream : NULL;
}

static sev_err piece(void *context, struct sev_exchange *x, sev_slice bytes)
{
    return stream_of(context, x)->piece(context, x, bytes);
}

static void gone(void *context, struct sev_exchange *x)
{
    const struct app_stream *stream = stream_of(context, x);
    if (stream != NULL)
        stream->gone(context, x);
}

static void whole(void *context, struct sev_exchange *x)
{
    struct app_instance *i = context;
    struct app_call call;
    if (app_route_find(i, x, &call) != SEV_OK) {
        sev_exchange_refuse(x, SEV_E_BUG); /* `head` found it */
        return;
    }
    bool waits = (call.route->flags & APP_QUERY_WAITS) != 0 && call.request->query.len != 0;
    if ((call.route->flags & APP_AT_ONCE) == 0 || waits) {
        pool_give(i->pool, x);
        return;
    }
    call.body = sev_exchange_body(x);
    call.route->answer(&call);
}

static void event(void *context, const struct sev_server_event *e)
{
    struct app_instance *i = context;
    app_count(i, e);
    app_server_event(i->app, e);
}

/* ------------------------------------------------------------ start and end */

static sev_err no_memory(struct app_instance *i)
{
    return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), i->role->section);
}

static sev_err prepare_desk(struct app_instance *i, struct app_desk *d)
{
    d->signer.fd = -1;
    d->memory = malloc(i->role->arena_bytes);
    d->crypto = sev_crypto_new();
    if (d->memory == NULL || d->crypto == NULL)
        return no_memory(i);
    if (!i->role->signs)
        return SEV_OK;
    const char *socket = sev_config_text(i->block, "signer");
    sev_err e = sev_signer_client_init(&d->signer, socket);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), socket);
    d->sign = sev_signer_client_sign(&d->signer);
    return SEV_OK;
}

static sev_err start_pool(struct app_instance *i)
{
    unsigned threads = i->role->threads;
    if (threads == 0)
        threads = (unsigned)sev_config_number(i->block, "threads");
    i->desks = calloc(threads, sizeof *i->desks);
    if (i->desks == NULL)
        return no_memory(i);
    while (i->desk_count < threads) {
        sev_err e = prepare_desk(i, &i->desks[i->desk_count++]);
        if (e != SEV_OK)
            return e;
    }
    struct pool_config config = {.threads = threads,
                                 .waiting_max = WAITING_MAX,
                                 .batch_max = i->role->batch_max == 0 ? 1 : i->role->batch_max,
                                 .gather_us = i->role->gather_us,
                                 .work = work,
                                 .refuse = refuse,
                                 .context = i};
    sev_err e = pool_new(&config, &i->pool);
    return e == SEV_OK ? e : app_fail(i->app, e, sev_err_sentence(e), i->role->section);
}

static sev_err start(struct app_instance *i)
{
    i->counts = app_counts_new(i->role);
    if (i->counts == NULL)
        return no_memory(i);
    sev_err e = i->role->open(i);
    if (e == SEV_OK && i->role->arena_bytes != 0)
        e = start_pool(i);
    struct sev_server_handler handler = {
        .context = i, .head = head, .piece = piece, .whole = whole, .gone = gone, .event = event};
    return e == SEV_OK ? app_listen(i, &handler) : e;
}

void app_stop(struct app_instance *i)
{
    sev_server_stop(i->server, i->app->drain_ms); /* the pool still answers meanwhile */
    pool_free(i->pool);
    for (unsigned n = 0; n < i->desk_count; n++) {
        if (i->role->signs)
            sev_signer_client_close(&i->desks[n].signer);
        sev_crypto_free(i->desks[n].crypto);
        free(i->desks[n].memory);
    }
    free(i->desks);
    if (i->own != NULL)
        i->role->close(i);
    free(i->counts);
    free(i);
}

sev_err app_start(struct app *app, const struct app_role *role,
                  const struct sev_config_block *block, struct app_instance **out)
{
    struct app_instance *i = calloc(1, sizeof *i);
    if (i == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), role->section);
    i->app = app;
    i->role = role;
    i->block = block;
    sev_err e = start(i);
    if (e == SEV_OK)
        *out = i;
    else
        app_stop(i);
    return e;
}

sev_err app_reload(struct app_instance *i)
{
    sev_err e = app_reload_tls(i);
    return e == SEV_OK && i->role->reload != NULL ? i->role->reload(i) : e;
}

uint16_t app_port(const struct app_instance *i)
{
    return sev_server_port(i->server);
}
