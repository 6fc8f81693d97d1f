/* api - the admin API /api/v1: each resource is a file with its functions, their documentation and
 * the schemas of what they read and write; the table below makes routes and OpenAPI of them.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_SERVER_API_H
#define SEV_SERVER_API_H

#include <pthread.h>

#include "frame.h"
#include "secureev/admin.h"
#include "secureev/director.h"

/* To add a resource `thing`:
 *
 *  1. apps/server/api_thing.c: for each operation
 *         const struct api_doc api_doc_thing_list = {.summary = "List things", ...};
 *         sev_err api_thing_list(struct api_call *call) { ... write one value to call->w ... }
 *     and `const struct api_schema api_schemas_thing[] = {{"Thing", JSON({...})}, {NULL, NULL}};`
 *  2. lines below, and X(thing) among the resources;
 *  3. `secureevd --openapi | python3 -m json.tool --indent 1 > docs/openapi.json`;
 *  4. tests/e2e/test_api asks every operation what can be asked of all of them (tokens, roles,
 *     versions, bodies that are none); what is special to it has a test of its own there.
 *
 * X(method, path below /api/v1, role, flags, longest body, name) */
/* clang-format off */
#define API_ROUTES(X)                                                                              \
    X(GET, "/openapi.json", VIEWER, API_OPEN | API_STREAM, 0, openapi)                              \
    X(GET, "/status", VIEWER, 0, 0, status)                                                        \
    X(GET, "/self", VIEWER, 0, 0, self)                                                            \
    X(POST, "/self/rotate", VIEWER, API_SECRET, 0, self_rotate)                                    \
    X(GET, "/events", VIEWER, API_STREAM, 0, events)                                               \
    X(GET, "/decisions", VIEWER, 0, 0, decision_list)                                              \
    X(GET, "/vehicles", VIEWER, 0, 0, vehicle_list)                                                \
    X(POST, "/vehicles", ADMIN, 0, 4096, vehicle_add)                                              \
    X(GET, "/vehicles/{vehicle}", VIEWER, 0, 0, vehicle_get)                                       \
    X(GET, "/vehicles/{vehicle}/decisions", VIEWER, 0, 0, vehicle_decisions)                       \
    X(GET, "/vehicles/{vehicle}/told", VIEWER, 0, 0, vehicle_told)                                 \
    X(GET, "/vehicles/{vehicle}/ecus", VIEWER, 0, 0, ecus_get)                                     \
    X(PUT, "/vehicles/{vehicle}/ecus", ADMIN, API_VERSIONED, SEV_MANIFEST_BYTES_MAX, ecus_replace) \
    X(GET, "/vehicles/{vehicle}/assignment", VIEWER, 0, 0, assignment_get)                         \
    X(PUT, "/vehicles/{vehicle}/assignment", PUBLISHER, API_VERSIONED,                             \
      2 * SEV_DIRECTOR_TARGETS_BYTES_MAX, assignment_put)                                          \
    X(POST, "/vehicles/{vehicle}/enrolment-token", ADMIN, API_SECRET, 1024, enrolment_token)       \
    X(POST, "/vehicles/{vehicle}/revoke", ADMIN, 0, 4096, enrolment_revoke)                        \
    X(GET, "/operators", ADMIN, 0, 0, operator_list)                                               \
    X(POST, "/operators", ADMIN, API_SECRET, 4096, operator_add)                                   \
    X(GET, "/operators/{operator}", ADMIN, 0, 0, operator_get)                                     \
    X(PATCH, "/operators/{operator}", ADMIN, API_VERSIONED, 4096, operator_change)                 \
    X(POST, "/operators/{operator}/rotate", ADMIN, API_SECRET, 0, operator_rotate)                 \
    X(GET, "/vehicles/{vehicle}/tags", VIEWER, 0, 0, tags_get)                                     \
    X(PUT, "/vehicles/{vehicle}/tags", PUBLISHER, 0, 32768, tags_set)                              \
    X(GET, "/campaigns", VIEWER, 0, 0, campaign_list)                                              \
    X(POST, "/campaigns", PUBLISHER, 0, SEV_CAMPAIGN_BYTES_MAX, campaign_create)                   \
    X(GET, "/campaigns/{campaign}", VIEWER, 0, 0, campaign_get)                                    \
    X(GET, "/campaigns/{campaign}/members", VIEWER, 0, 0, campaign_members)                        \
    X(GET, "/campaigns/{campaign}/progress", VIEWER, 0, 0, campaign_progress)                      \
    X(POST, "/campaigns/{campaign}/submit", PUBLISHER, 0, 4096, campaign_submit)                   \
    X(POST, "/campaigns/{campaign}/approve", APPROVER, 0, 4096, campaign_approve)                  \
    X(POST, "/campaigns/{campaign}/reject", APPROVER, 0, 4096, campaign_reject)                    \
    X(POST, "/campaigns/{campaign}/pause", PUBLISHER, 0, 4096, campaign_pause)                     \
    X(POST, "/campaigns/{campaign}/resume", PUBLISHER, 0, 4096, campaign_resume)                   \
    X(POST, "/campaigns/{campaign}/retry", PUBLISHER, 0, 4096, campaign_retry)                     \
    X(POST, "/campaigns/{campaign}/abort", ADMIN, 0, 4096, campaign_abort)                         \
    X(GET, "/releases/invalidated", VIEWER, 0, 0, release_invalidated)                             \
    X(POST, "/releases/invalidate", ADMIN, 0, 4096, release_invalidate)
#define API_RESOURCES(X) X(server) X(inventory) X(enrolment) X(operators) X(campaigns) X(told)
/* clang-format on */

enum {
    API_OPEN = 1,      /**< without a token */
    API_VERSIONED = 2, /**< If-Match has to say what is changed */
    API_SECRET = 4,    /**< "token" in the answer is kept nowhere, for no key */
    API_STREAM = 8,    /**< the function gives the answer itself */
};

/** Text of JSON as it stands there. */
#define JSON(...) #__VA_ARGS__

struct api_param {
    const char *name, *schema, *about;
};
struct api_schema {
    const char *name, *json; /**< names begin with a capital */
};
/** What OpenAPI says of an operation beside what its route says. */
struct api_doc {
    const char *summary, *about; /**< `about` may be NULL */
    struct api_param query[7];
    const char *body; /**< name of a schema; NULL: it has none */
    unsigned status;  /**< when all went well */
    const char *answer;
    bool tagged;          /**< the answer has an ETag */
    const char *refusals; /**< ids of what it may say beside what all may, separated by blanks */
};

struct api;
struct api_call;
struct api_route {
    struct app_route route;
    enum sev_operator_role role;
    unsigned flags;
    const char *name;
    const struct api_doc *doc;
    sev_err (*run)(struct api_call *call);
};

/** A request of an operator who may make it. */
struct api_call {
    struct app_call *app;
    struct api *api;
    const struct api_route *route;
    struct sev_operator who;
    struct sev_admin_call admin; /**< store, arena, time, and who as actor */
    sev_slice expected;          /**< of If-Match, without quotes; empty: not given */
    sev_json_writer *w;          /**< for the one value that is the answer */
    sev_buf *out;                /**< ... and where it goes */
    /* of the answer, for the function to set */
    char tag[72];         /**< of what was read or is now there, without quotes */
    sev_slice location;   /**< with 201 */
    sev_slice body_later; /**< instead of w: canonical JSON */
};

/** The routes, for tests and OpenAPI; ends with a NULL name. */
extern const struct api_route api_routes[];

/* ------------------------------------------------------ for the operations */

/** A parameter of the query, decoded, in the arena; empty when it is not there.
 *  @retval SEV_E_HTTP_TARGET, SEV_E_TOO_LONG */
SEV_MUST_USE sev_err api_query(const struct api_call *call, const char *name, sev_slice *out);
/** "limit": 1 to SEV_ADMIN_PAGE_MAX, 100 when not given. @retval SEV_E_MALFORMED */
SEV_MUST_USE sev_err api_limit(const struct api_call *call, uint32_t *out);
/** "yes" if there is room for another entry of a list; a page that is full ends early. */
bool api_room(const struct api_call *call);
void api_set_version(struct api_call *call, int64_t version);
/** The version that the caller expects. @retval SEV_E_STALE  what stands there was never one */
SEV_MUST_USE sev_err api_expected(const struct api_call *call, int64_t *out);
/** Random bytes. @retval SEV_E_RANDOM */
SEV_MUST_USE sev_err api_random(uint8_t *out, size_t bytes);

/** An id of ours, at most SEV_ID_BYTES_MAX: what is not UTF-8 in it becomes '?', since a common
 * name may be anything. */
void api_w_id(sev_json_writer *w, const char *name, sev_slice id);
/** RFC 3339, or null for 0. */
void api_w_time(sev_json_writer *w, const char *name, sev_time t);
void api_w_decision(sev_json_writer *w, const struct sev_listed_decision *d);

/** Parameters that several operations have. */
#define API_LIMIT                                                                                  \
    {                                                                                              \
        "limit", JSON({"type" : "integer", "minimum" : 1, "maximum" : 1000, "default" : 100}),     \
            "At most so many entries."                                                             \
    }

/* ---------------------------------------------------------- of role_admin */

/** The document. `out` is malloc'ed. */
SEV_MUST_USE sev_err api_document(char **out, size_t *out_bytes);

#define X(method, path, role, flags, body, name)                                                   \
    sev_err api_##name(struct api_call *call);                                                     \
    extern const struct api_doc api_doc_##name;
API_ROUTES(X)
#undef X
#define X(name) extern const struct api_schema api_schemas_##name[];
API_RESOURCES(X)
#undef X

/** What the role keeps. */
struct api {
    struct sev_store store;
    struct sev_limiter *failures; /**< of authentication, by address */
    uint8_t secret[16];
    struct sev_channel *channel;
    struct sev_page *document;
    struct feed *feed;
    sev_time started;
    pthread_mutex_t replacing; /**< of ECUs: their ETag is compared and they are changed */
};

#endif
