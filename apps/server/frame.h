/* frame - secureevd: what all roles have in common. A role is a table of routes and a few
 * functions; the frame listens, knows who asks, gives the work to threads, and tells what happened.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_FRAME_H
#define SEV_SERVER_FRAME_H

#include "secureev/arena.h"
#include "secureev/config.h"
#include "secureev/crypto.h"
#include "secureev/event.h"
#include "secureev/server.h"
#include "secureev/signer_client.h"
#include "secureev/store.h"

#define APP_ROLES_MAX 16u

struct app_store {
    const char *text; /**< of the configuration */
    struct sev_store store;
    unsigned users; /**< roles; 0: not open */
};

/** The process. */
struct app {
    const struct sev_fs *fs;
    struct sev_events events;
    bool access_log;
    uint32_t drain_ms;
    sev_time started;
    const struct sev_config *config; /**< all of it */
    struct sev_config_note note;     /**< why something could not be: for the main thread alone */
    unsigned instance_count; /**< not changed once [health] runs */
    struct app_instance *instances[APP_ROLES_MAX]; /**< NULL: that role does not run */
    struct app_store stores[APP_ROLES_MAX];
};

/** Say why, for the person who starts the server. Returns `e`. */
sev_err app_fail(struct app *app, sev_err e, const char *what, const char *about);

/** One role of the process with its listener. */
struct app_instance {
    struct app *app;
    const struct app_role *role;
    const struct sev_config_block *block;
    void *own;                     /**< the role's */
    const struct sev_store *store; /**< what app_store_open() opened; NULL */
    /* of the frame */
    struct sev_server *server;
    struct pool *pool;
    struct app_desk *desks;
    unsigned desk_count;
    struct app_counts *counts;
};

/** What a thread of the pool has of its own. */
struct app_desk {
    uint8_t *memory; /**< of `arena_bytes` */
    struct sev_crypto *crypto;
    struct sev_signer_client signer; /**< where `signs` */
    struct sev_sign sign;
};

/** The store of the role's `database`, shared with others of the process. */
SEV_MUST_USE sev_err app_store_open(struct app_instance *i, struct sev_store *out);
/** Fine for one that is not open. */
void app_store_close(struct app_instance *i, struct sev_store *store);

/* ----------------------------------------------------------------- requests */

#define APP_PARAMS_MAX 3u
#define APP_PATH_BYTES_MAX 2048u

/** One request that is to be answered. */
struct app_call {
    struct app_instance *instance;
    const struct app_route *route;
    struct sev_exchange *x;
    const struct sev_http_request *request;
    const struct sev_server_peer *peer;
    sev_slice params[APP_PARAMS_MAX]; /**< what "{...}" in the route's path stands for, decoded */
    sev_slice body;
    struct app_desk *desk;   /**< NULL when answered at once */
    struct sev_arena *arena; /**< the desk's, empty at first */
    sev_slice path;          /**< all of it, decoded */
    uint8_t room[APP_PATH_BYTES_MAX];
};

enum {
    APP_AT_ONCE = 1,      /**< answered on the connections' thread: must not wait for anything */
    APP_QUERY_WAITS = 16, /**< ... but by the pool when there is a query */
    APP_STRANGERS = 2,    /**< also for clients that proved no identity */
    APP_REFUSE_EMPTY = 4, /**< refusals without a body */
    APP_EXPIRED = 8,      /**< also for identities whose certificate has expired */
};

/** A body that is taken as it comes; on the connections' thread. */
struct app_stream {
    /** The head is there. What it needs of `call` it keeps by sev_exchange_set_own(). */
    sev_err (*begin)(struct app_call *call, struct sev_body_plan *out);
    sev_err (*piece)(struct app_instance *i, struct sev_exchange *x, sev_slice bytes);
    void (*gone)(struct app_instance *i, struct sev_exchange *x); /**< the last call for it */
};

struct app_route {
    enum sev_http_method method; /**< GET answers HEAD too */
    const char *path; /**< "{name}" stands for a component, "{name...}" at its end for the rest */
    unsigned flags;
    uint64_t body_max; /**< 0: a request with a body is refused */
    void (*answer)(struct app_call *call);
    const struct app_stream *stream; /**< NULL: the body is gathered in memory */
};

/** The first route for it. @param out  everything but body and desk
 *  @retval SEV_E_NOT_FOUND, SEV_E_HTTP_NOT_ALLOWED */
SEV_MUST_USE sev_err app_route_find(struct app_instance *i, struct sev_exchange *x,
                                    struct app_call *out);
/** Likewise, of a request alone. */
SEV_MUST_USE sev_err app_route_of(struct app_instance *i, const struct sev_http_request *request,
                                  struct app_call *out);

/** Give the answer: JSON, or the refusal as the route wants it. */
void app_answer(struct app_call *call, unsigned status, sev_slice json);
void app_refuse(struct app_call *call, sev_err why);

/* -------------------------------------------------------------------- roles */

/** Measured values, see measure.h. */
struct app_measures;
/** A value of the role beside those that the frame counts: "secureev_NAME{role=...} value". */
void app_measure(struct app_measures *m, const char *name, const char *help, int64_t value);

struct app_role {
    const char *section;
    const struct app_route *routes;
    unsigned route_count;
    unsigned threads;      /**< of its pool; 0: as the section's `threads` says */
    size_t arena_bytes;    /**< of each thread; 0: it has no pool */
    bool signs;            /**< the section names a `signer` */
    bool plain;            /**< no TLS: for the process's keepers */
    bool admits_strangers; /**< clients need no certificate */
    bool admits_expired;   /**< ... or may have one that has expired: for routes with APP_EXPIRED */
    /** A refusal of it has no body, whatever its route says (`call->route` may be NULL). May be
     *  NULL. */
    bool (*wants_no_body)(const struct app_call *call);
    uint32_t batch_max; /**< 0: one by one */
    uint32_t gather_us;
    /** In place of the routes' `answer`, for requests that are answered together. */
    void (*answer_together)(struct app_call *calls, uint32_t count);
    /** Sets i->own. @retval SEV_OK, or app->note says why not; then close() is called all the same
     *  if i->own is set */
    sev_err (*open)(struct app_instance *i);
    /** Files anew (certificates are the frame's); on failure all stays as it was. May be NULL. */
    sev_err (*reload)(struct app_instance *i);
    void (*close)(struct app_instance *i); /**< nobody uses i->own any more */
    /** The head is there: is its body worth waiting for? On the connections' thread. May be NULL.
     */
    sev_err (*first)(struct app_call *call);
    /** Before each answer in the pool: may this peer ask (still)? May be NULL. REQ-H34 */
    sev_err (*check)(struct app_call *call);
    /** Can it do its work just now? Says in `why`, of 100 bytes, what it lacks. May be NULL. */
    sev_err (*ready)(struct app_instance *i, char *why);
    void (*measure)(struct app_instance *i, struct app_measures *m); /**< may be NULL */
};
extern const struct app_role role_director, role_images, role_time, role_admin, role_health,
    role_registry, role_log, role_witness;

SEV_MUST_USE sev_err app_start(struct app *app, const struct app_role *role,
                               const struct sev_config_block *block, struct app_instance **out);
sev_err app_reload(struct app_instance *i);
void app_stop(struct app_instance *i);
uint16_t app_port(const struct app_instance *i);

#endif
