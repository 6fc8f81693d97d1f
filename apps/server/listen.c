/* listen - what the roles' listeners have in common: certificates, events, who is there.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server_app.h"

#define PEM_BYTES_MAX (256u << 10)

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

void app_tls_free(struct app *app, struct app_tls *tls)
{
    sev_bytes_free(app->fs, &tls->certificate);
    sev_bytes_wipe(app->fs, &tls->key);
    sev_bytes_free(app->fs, &tls->clients);
}

sev_err app_tls_load(struct app *app, const struct sev_config_block *block, struct app_tls *out)
{
    struct app_tls t = {.tls = {.admit_without = false}};
    sev_err e = read_pem(app, block, "certificate", 0, &t.certificate);
    if (e == SEV_OK)
        e = read_pem(app, block, "certificate_key", SEV_FILE_PRIVATE, &t.key);
    if (e == SEV_OK)
        e = read_pem(app, block, "clients", 0, &t.clients);
    if (e != SEV_OK) {
        app_tls_free(app, &t);
        return e;
    }
    t.tls.certificates = sev_bytes_slice(&t.certificate);
    t.tls.key = sev_bytes_slice(&t.key);
    t.tls.clients = sev_bytes_slice(&t.clients);
    *out = t;
    return SEV_OK;
}

sev_err app_listen(struct app *app, const struct sev_config_block *block,
                   const struct sev_server_handler *handler, struct sev_server **out)
{
    struct app_tls tls;
    struct sev_config_address at = sev_config_address(block, "listen");
    sev_err e = app_tls_load(app, block, &tls);
    if (e != SEV_OK)
        return e;
    struct sev_server_config config = {.address = at.host,
                                       .port = at.port,
                                       .workers = (unsigned)sev_config_number(block, "workers"),
                                       .tls = &tls.tls,
                                       .limits = sev_server_defaults,
                                       .handler = *handler};
    e = sev_server_start(&config, out);
    int error = errno;
    app_tls_free(app, &tls);
    if (e == SEV_E_UNREACHABLE)
        return app_fail(app, e, strerror(error), sev_config_text(block, "listen"));
    if (e != SEV_OK)
        return app_fail(app, e, sev_err_sentence(e), sev_config_text(block, "certificate"));
    return SEV_OK;
}

sev_err app_reload_tls(struct app *app, const struct sev_config_block *block,
                       struct sev_server *server)
{
    struct app_tls tls;
    sev_err e = app_tls_load(app, block, &tls);
    if (e != SEV_OK)
        return e;
    e = sev_server_reload(server, &tls.tls);
    app_tls_free(app, &tls);
    return e == SEV_OK
               ? e
               : app_fail(app, e, sev_err_sentence(e), sev_config_text(block, "certificate"));
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
        sev_event_text(&event, "peer", app_identity(e->peer));
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

static bool is_did(sev_slice name)
{
    return name.len > 4 && memcmp(name.ptr, "did:", 4) == 0;
}

/* A common name is often whatever was asked for: nobody becomes a DID by one. */
sev_slice app_identity(const struct sev_server_peer *peer)
{
    for (uint32_t i = 0; i < peer->uri_count; i++)
        if (is_did(peer->uris[i]))
            return peer->uris[i];
    return is_did(peer->common_name) ? SEV_EMPTY : peer->common_name;
}
