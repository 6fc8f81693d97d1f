/* server_app - secureevd: its roles, what they share, and how they start and end.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_APP_H
#define SEV_SERVER_APP_H

#include "secureev/config.h"
#include "secureev/event.h"
#include "secureev/server.h"

/** What a role needs of the process. */
struct app {
    const struct sev_fs *fs;
    struct sev_events events;
    bool access_log;
    uint32_t drain_ms;
    struct sev_config_note note; /**< why something could not be */
};

/** One role of the process; an instance has its own listener. */
struct app_role {
    const char *section; /**< of the configuration */
    /** @retval SEV_OK and *out_instance, or app->note says why not */
    sev_err (*start)(struct app *app, const struct sev_config_block *block, void **out_instance);
    /** Certificates, roots and the like anew; on failure all stays as it was. */
    sev_err (*reload)(struct app *app, void *instance);
    void (*stop)(struct app *app, void *instance);
    uint16_t (*port)(const void *instance);
};
extern const struct app_role role_director, role_images, role_time;

/** Say why, for the person who starts the server. Returns `e`. */
sev_err app_fail(struct app *app, sev_err e, const char *what, const char *about);

/** TLS as [section] says: PEM files, read anew each time. Free with app_tls_free. */
struct app_tls {
    struct sev_bytes certificate, key, clients;
    struct sev_server_tls tls;
};
SEV_MUST_USE sev_err app_tls_load(struct app *app, const struct sev_config_block *block,
                                  struct app_tls *out);
void app_tls_free(struct app *app, struct app_tls *tls);
/** Start a listener as the block says, with this handler. */
SEV_MUST_USE sev_err app_listen(struct app *app, const struct sev_config_block *block,
                                const struct sev_server_handler *handler, struct sev_server **out);
sev_err app_reload_tls(struct app *app, const struct sev_config_block *block,
                       struct sev_server *server);
/** The server's events, as ours. `context` is the app. */
void app_server_event(struct app *app, const struct sev_server_event *event);

/** Whom the connection proved to be: the first did: among the certificate's URIs, else its CN,
 *  which is no DID; else empty: nobody. */
sev_slice app_identity(const struct sev_server_peer *peer);

#endif
