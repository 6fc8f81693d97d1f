/* listen - what the roles' listeners have in common: certificates, events, who is there.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "listen.h"
#include "secureev/built.h"

#define PEM_BYTES_MAX (256u << 10)

/* TLS as [section] says: PEM files, read anew each time. */
struct pem {
    struct sev_bytes certificate, key, clients;
};

sev_err app_fail(struct app *app, sev_err e, const char *what, const char *about)
{
    snprintf(app->note.text, sizeof app->note.text, "%.150s: %s", about, what);
    return e;
}

static sev_err read_pem(struct app *app, const struct sev_config_block *block, const char *key,
                        unsigned how, struct sev_bytes *out)
{
    const char *path = sev_config_text(block, key);
    sev_err e = sev_file_read(app->fs, path, PEM_BYTES_MAX, how, out);
    return e == SEV_OK ? e : app_fail(app, e, sev_err_sentence(e), path);
}

static void pem_free(struct app *app, struct pem *pem)
{
    sev_bytes_free(app->fs, &pem->certificate);
    sev_bytes_wipe(app->fs, &pem->key);
    sev_bytes_free(app->fs, &pem->clients);
}

/* Free `pem` whatever came of it. */
static sev_err load(struct app_instance *i, struct pem *pem, struct sev_server_tls *out)
{
    *pem = (struct pem){.key = {.len = 0}};
    sev_err e = read_pem(i->app, i->block, "certificate", 0, &pem->certificate);
    if (e == SEV_OK)
        e = read_pem(i->app, i->block, "certificate_key", SEV_FILE_PRIVATE, &pem->key);
    bool named = sev_config_text(i->block, "clients")[0] != '\0';
    if (e == SEV_OK && named)
        e = read_pem(i->app, i->block, "clients", 0, &pem->clients);
    *out = (struct sev_server_tls){.certificates = sev_bytes_slice(&pem->certificate),
                                   .key = sev_bytes_slice(&pem->key),
                                   .clients = sev_bytes_slice(&pem->clients),
                                   .admit_without = i->role->admits_strangers || !named,
                                   .admit_expired = i->role->admits_expired};
    return e;
}

static void take_limits(const struct sev_config_block *b, struct sev_server_limits *out)
{
    uint32_t network = (uint32_t)sev_config_number(b, "network_rate");
    uint32_t peer = (uint32_t)sev_config_number(b, "peer_rate");
    out->connections_max = (uint32_t)sev_config_number(b, "connections");
    out->connections = (struct sev_limiter_rate){network, 3 * network};
    out->requests = (struct sev_limiter_rate){peer, 10 * peer};
}

sev_err app_listen(struct app_instance *i, const struct sev_server_handler *handler)
{
    struct pem pem = {.key = {.len = 0}};
    struct sev_server_tls tls;
    struct sev_config_address at = sev_config_address(i->block, "listen");
    sev_err e = i->role->plain ? SEV_OK : load(i, &pem, &tls);
    struct sev_server_config config = {.address = at.host,
                                       .port = at.port,
                                       .workers = (unsigned)sev_config_number(i->block, "workers"),
                                       .tls = i->role->plain ? NULL : &tls,
                                       .limits = sev_server_defaults,
                                       .handler = *handler,
                                       .built = sev_built()};
    if (!i->role->plain)
        take_limits(i->block, &config.limits);
    if (e == SEV_OK) {
        e = sev_server_start(&config, &i->server);
        int error = errno;
        if (e == SEV_E_UNREACHABLE)
            (void)app_fail(i->app, e, strerror(error), sev_config_text(i->block, "listen"));
        else if (e != SEV_OK)
            (void)app_fail(i->app, e, sev_err_sentence(e),
                           i->role->plain ? i->role->section
                                          : sev_config_text(i->block, "certificate"));
    }
    pem_free(i->app, &pem);
    return e;
}

sev_err app_reload_tls(struct app_instance *i)
{
    struct pem pem;
    struct sev_server_tls tls;
    if (i->role->plain)
        return SEV_OK;
    sev_err e = load(i, &pem, &tls);
    if (e == SEV_OK && (e = sev_server_reload(i->server, &tls)) != SEV_OK)
        (void)app_fail(i->app, e, sev_err_sentence(e), sev_config_text(i->block, "certificate"));
    pem_free(i->app, &pem);
    return e;
}

static sev_event_id id_of(enum sev_server_event_kind kind)
{
    switch (kind) {
    case SEV_SERVER_CONNECTION_REFUSED:
    case SEV_SERVER_HANDSHAKE_FAILED:
        return SEV_EVENT_HTTP_STRANGER;
    case SEV_SERVER_REQUEST_REFUSED:
        return SEV_EVENT_HTTP_REFUSED;
    case SEV_SERVER_ANSWERED:
        return SEV_EVENT_HTTP_ANSWERED;
    case SEV_SERVER_CUT_OFF:
        return SEV_EVENT_HTTP_CUT_OFF;
    case SEV_SERVER_LOAD:
        return SEV_EVENT_HTTP_LOAD;
    case SEV_SERVER_TROUBLE:
        break;
    }
    return SEV_EVENT_HTTP_TROUBLE;
}

void app_server_event(struct app *app, const struct sev_server_event *e)
{
    struct sev_event event = {.id = id_of(e->kind), .err = e->why};
    if (e->kind == SEV_SERVER_ANSWERED && !app->access_log)
        return;
    sev_event_text(&event, "address", sev_slice_of(e->peer->address, strlen(e->peer->address)));
    if (e->peer->authenticated)
        sev_event_text(&event, "peer", e->peer->identity);
    if (e->phase != NULL)
        sev_event_text(&event, "phase", sev_slice_of(e->phase, strlen(e->phase)));
    if (e->request != NULL)
        sev_event_text(&event, "path", e->request->path);
    if (e->status != 0)
        sev_event_number(&event, "status", e->status);
    if (e->kind == SEV_SERVER_ANSWERED) {
        sev_event_number(&event, "bytes", (int64_t)e->bytes);
        sev_event_number(&event, "us", (int64_t)e->microseconds);
    }
    app->events.emit(app->events.self, &event);
}
