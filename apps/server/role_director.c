/* role_director - the Director's URLs and what stands behind them. The connection says which
 * vehicle asks; no URL does. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "campaigner.h"
#include "enrolled.h"
#include "hints.h"
#include "roots.h"
#include "secureev/director.h"
#include "shipping.h"

struct director {
    struct sev_store store;
    struct roots_shelf *roots;
    struct campaigner *campaigner;
    struct shipping *shipping;
    struct hints *hints;
};

/* What an answer works with; begun by begin(), ended by end(). */
struct job {
    struct director *own;
    struct roots *roots;
    struct sev_director director;
    struct sev_director_call call;
    sev_slice vehicle; /* whom the connection proved */
};

static void begin(struct app_call *c, struct job *out)
{
    struct app_instance *i = c->instance;
    const struct sev_config_block *b = i->block;
    out->own = i->own;
    out->roots = roots_hold(out->own->roots);
    out->call = (struct sev_director_call){c->arena, c->desk->crypto, (sev_time)time(NULL)};
    out->vehicle = c->peer->identity;
    out->director = (struct sev_director){
        .store = &out->own->store,
        .sign = &c->desk->sign,
        .events = i->app->events,
        .keys = {sev_config_text(b, "targets_key"), sev_config_text(b, "snapshot_key"),
                 sev_config_text(b, "timestamp_key"), sev_config_text(b, "aktualizr_key")},
        .roots = out->roots->native.files,
        .root_count = out->roots->native.count,
        .lives = SEV_DIRECTOR_LIVES,
        .poll_interval_s = sev_config_number(b, "poll_interval"),
        .poll_jitter_s = sev_config_number(b, "poll_jitter"),
        .grants = {sev_config_text(b, "publish_key"), sev_config_text(b, "oem"),
                   sev_config_number(b, "grant_life"), c->peer->key_sha256}};
}

/* `e` is how it went; the bytes lie in the arena, the roots or a constant. */
static void end(struct app_call *c, struct job *job, unsigned status, sev_err e, sev_slice bytes)
{
    if (e == SEV_OK)
        app_answer(c, status, bytes);
    else
        app_refuse(c, e);
    roots_release(job->own->roots, job->roots);
}

/* Each dialect has URLs of its own, and nobody gets anything under those of the other: what one
 * leaves out is no way round what the other demands. Who is not listed is refused later. */
static bool is_of_other_dialect(const struct job *job, sev_profile profile)
{
    const struct sev_store *store = job->director.store;
    struct sev_vehicle row;
    size_t mark = job->call.arena->used;
    sev_err e = store->vehicle_get(store->self, job->vehicle, job->call.arena, &row);
    sev_arena_back(job->call.arena, mark);
    return e == SEV_OK &&
           (row.profile == SEV_PROFILE_AKTUALIZR) != (profile == SEV_PROFILE_AKTUALIZR);
}

/* -------------------------------------------------------------------- files */

/* "12.targets.json" -> 12 and "targets.json"; "timestamp.json" -> 0. */
static sev_slice split_version(sev_slice name, uint64_t *out)
{
    size_t digits = 0;
    *out = 0;
    while (digits < name.len && name.ptr[digits] >= '0' && name.ptr[digits] <= '9')
        digits++;
    if (digits == 0 || digits == name.len || name.ptr[digits] != '.' ||
        sev_decimal_parse(sev_slice_sub(name, 0, digits), out) != SEV_OK || *out == 0)
        return digits == 0 ? name : SEV_EMPTY;
    return sev_slice_sub(name, digits + 1, name.len);
}

static sev_err find_root(const struct roots_chain *roots, uint64_t version, sev_slice *out)
{
    if (version == 0 || version > roots->count)
        return SEV_E_NOT_FOUND;
    *out = roots->files[version - 1];
    return SEV_OK;
}

/* Any root, or the newest of the other files under its exact name. */
static sev_err find_file(struct job *job, sev_slice file, sev_slice *out)
{
    struct sev_issued files;
    uint64_t version;
    sev_slice name = split_version(file, &version);
    if (sev_slice_eq(name, SEV_LIT("root.json")))
        return find_root(&job->roots->native, version, out);
    int role = sev_slice_eq(name, SEV_LIT("timestamp.json"))  ? SEV_STORE_TIMESTAMP
               : sev_slice_eq(name, SEV_LIT("snapshot.json")) ? SEV_STORE_SNAPSHOT
               : sev_slice_eq(name, SEV_LIT("targets.json"))  ? SEV_STORE_TARGETS
                                                              : SEV_STORE_ROLES;
    if (role == SEV_STORE_ROLES || (version == 0) != (role == SEV_STORE_TIMESTAMP) ||
        is_of_other_dialect(job, SEV_PROFILE_NATIVE))
        return SEV_E_NOT_FOUND;
    sev_err e = sev_director_issue(&job->director, &job->call, job->vehicle, &files);
    if (e != SEV_OK)
        return e;
    if (files.files[role].version == 0 ||
        (version != 0 && files.files[role].version != (int64_t)version))
        return SEV_E_NOT_FOUND;
    *out = files.files[role].bytes;
    return SEV_OK;
}

/* N.root.json, exactly that one, and targets.json: there is nothing else in that dialect. */
static sev_err find_aktualizr(struct job *job, sev_slice file, sev_slice *out)
{
    struct sev_issued files;
    uint64_t version;
    sev_slice name = split_version(file, &version);
    if (is_of_other_dialect(job, SEV_PROFILE_AKTUALIZR))
        return SEV_E_NOT_FOUND;
    if (sev_slice_eq(name, SEV_LIT("root.json")))
        return find_root(&job->roots->aktualizr, version, out);
    if (!sev_slice_eq(name, SEV_LIT("targets.json")) || version != 0)
        return SEV_E_NOT_FOUND;
    sev_err e = sev_director_issue(&job->director, &job->call, job->vehicle, &files);
    if (e == SEV_OK)
        *out = files.files[SEV_STORE_TARGETS].bytes;
    return e;
}

static void answer_file(struct app_call *c)
{
    struct job job;
    sev_slice bytes = SEV_EMPTY;
    begin(c, &job);
    sev_err e = find_file(&job, c->params[0], &bytes);
    end(c, &job, 200, e, bytes);
}

static void answer_aktualizr_file(struct app_call *c)
{
    struct job job;
    sev_slice bytes = SEV_EMPTY;
    begin(c, &job);
    sev_err e = find_aktualizr(&job, c->params[0], &bytes);
    end(c, &job, 200, e, bytes);
}

/* ----------------------------------------------------------------- messages */

static void answer_status(struct app_call *c)
{
    struct job job;
    sev_buf out = sev_buf_of(malloc(SEV_STATUS_ANSWER_BYTES_MAX), SEV_STATUS_ANSWER_BYTES_MAX);
    begin(c, &job);
    sev_err e = out.ptr == NULL
                    ? SEV_E_MEMORY
                    : sev_director_status(&job.director, &job.call, job.vehicle, c->body, &out);
    end(c, &job, 200, e, sev_buf_slice(&out));
    free(out.ptr);
}

static void register_ecus(struct app_call *c, sev_profile profile)
{
    struct job job;
    begin(c, &job);
    sev_err e = is_of_other_dialect(&job, profile)
                    ? SEV_E_NOT_FOUND
                    : sev_director_register(&job.director, &job.call, job.vehicle, c->body);
    end(c, &job, 201, e, SEV_LIT("{}"));
}

static void answer_ecus(struct app_call *c)
{
    register_ecus(c, SEV_PROFILE_NATIVE);
}

static void answer_aktualizr_ecus(struct app_call *c)
{
    register_ecus(c, SEV_PROFILE_AKTUALIZR);
}

static void answer_manifest(struct app_call *c)
{
    struct job job;
    begin(c, &job);
    sev_err e = is_of_other_dialect(&job, SEV_PROFILE_AKTUALIZR)
                    ? SEV_E_NOT_FOUND
                    : sev_director_manifest(&job.director, &job.call, job.vehicle, c->body);
    end(c, &job, 200, e, SEV_LIT("{}"));
}

/* ------------------------------------------------ seed 001's. REQ-B12, DESIGN 6 */

static void answer_hello(struct app_call *c)
{
    struct job job;
    uint8_t room[4096];
    sev_buf out = sev_buf_of(room, sizeof room);
    begin(c, &job);
    const struct roots_chain *chain = &job.roots->native;
    sev_err e = sev_director_seed_hello(chain->files[chain->count - 1], "SecureEV-OTA Director",
                                        c->arena, &out);
    end(c, &job, 200, e, sev_buf_slice(&out));
}

static void answer_register(struct app_call *c)
{
    struct job job;
    begin(c, &job);
    sev_err e = is_of_other_dialect(&job, SEV_PROFILE_NATIVE)
                    ? SEV_E_NOT_FOUND
                    : sev_director_seed_register(&job.director, &job.call, job.vehicle, c->body);
    end(c, &job, 200, e, SEV_LIT("{\"message\":\"the ECU is registered\",\"status\":\"success\"}"));
}

static void answer_view(struct app_call *c, sev_slice asked)
{
    struct job job;
    sev_buf out = sev_buf_of(malloc(SEV_STATUS_ANSWER_BYTES_MAX), SEV_STATUS_ANSWER_BYTES_MAX);
    begin(c, &job);
    sev_err e = out.ptr == NULL ? SEV_E_MEMORY : SEV_OK;
    if (e == SEV_OK && is_of_other_dialect(&job, SEV_PROFILE_NATIVE))
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK)
        e = sev_director_seed_manifest(&job.director, &job.call, job.vehicle, asked, &out);
    end(c, &job, 200, e, sev_buf_slice(&out));
    free(out.ptr);
}

static void answer_seed_manifest(struct app_call *c)
{
    answer_view(c, c->params[0]);
}

static void answer_check_updates(struct app_call *c)
{
    uint8_t room[SEV_ID_BYTES_MAX];
    sev_buf asked = sev_buf_of(room, sizeof room);
    sev_err e = sev_http_query_value(c->request->query, SEV_LIT("vehicle_id"), &asked);
    if (e == SEV_OK)
        answer_view(c, sev_buf_slice(&asked));
    else
        app_refuse(c, e == SEV_E_NOT_FOUND ? SEV_E_MALFORMED : e);
}

/* aktualizr tells what nobody asked for: taken and forgotten. */
static void answer_heard(struct app_call *c)
{
    struct job job;
    begin(c, &job);
    sev_err e = is_of_other_dialect(&job, SEV_PROFILE_AKTUALIZR) ? SEV_E_NOT_FOUND : SEV_OK;
    end(c, &job, 200, e, SEV_LIT("{}"));
}

static void answer_events(struct app_call *c)
{
    struct job job;
    begin(c, &job);
    sev_err e = sev_director_told(&job.director, &job.call, job.vehicle, c->body);
    end(c, &job, 200, e, SEV_LIT("{}"));
}

/* Its vehicles look for Images and registry beside the Director unless they are told otherwise.
 * They follow, and prove themselves there with the same certificate. False: nothing is set up for
 * it, or the name is longer than any that is there. */
static bool add_location(struct app_call *c, const char *key, sev_slice rest)
{
    const char *base = sev_config_text(c->instance->block, key);
    char location[900]; /* what sev_exchange_add_field has room for */
    sev_buf b = sev_buf_of(location, sizeof location);
    sev_buf_put_slice(&b, sev_slice_of(base, strlen(base)));
    sev_buf_put_slice(&b, rest);
    if (base[0] == '\0' || b.overflow)
        return false;
    sev_exchange_add_field(c->x, SEV_LIT("Location"), sev_buf_slice(&b));
    return true;
}

static void answer_repo(struct app_call *c)
{
    sev_slice rest = sev_slice_sub(c->request->path, sizeof "/repo" - 1, c->request->path.len);
    struct job job;
    begin(c, &job);
    bool there = !is_of_other_dialect(&job, SEV_PROFILE_AKTUALIZR) &&
                 add_location(c, "aktualizr_images", rest);
    end(c, &job, 302, there ? SEV_OK : SEV_E_NOT_FOUND, SEV_EMPTY);
}

/* Whoever has the shared credential is no vehicle yet. 301 alone keeps the method there. Contract 4
 */
static void answer_devices(struct app_call *c)
{
    if (add_location(c, "aktualizr_registry", SEV_LIT("/devices")))
        app_answer(c, 301, SEV_EMPTY);
    else
        app_refuse(c, SEV_E_NOT_FOUND);
}

/* In the middle those of seed 001. The last part is aktualizr's, contract 6: where it wants a file
 * it writes whatever comes, so its refusals have no body (contract 4). */
#define HEARD APP_REFUSE_EMPTY, SEV_MANIFEST_BYTES_MAX, answer_heard, NULL
static const struct app_route routes[] = {
    {SEV_HTTP_POST, "/status", 0, SEV_MESSAGE_BYTES_MAX, answer_status, NULL},
    {SEV_HTTP_POST, "/ecus", 0, SEV_MANIFEST_BYTES_MAX, answer_ecus, NULL},
    {SEV_HTTP_GET, "/{file}", 0, 0, answer_file, NULL},

    {SEV_HTTP_GET, "/", 0, 0, answer_hello, NULL},
    {SEV_HTTP_POST, "/register", 0, SEV_MESSAGE_BYTES_MAX, answer_register, NULL},
    {SEV_HTTP_GET, "/manifest/{vehicle}", 0, 0, answer_seed_manifest, NULL},
    {SEV_HTTP_POST, "/check_updates", 0, SEV_MESSAGE_BYTES_MAX, answer_check_updates, NULL},

    {SEV_HTTP_POST, "/director/ecus", 0, SEV_MANIFEST_BYTES_MAX, answer_aktualizr_ecus, NULL},
    {SEV_HTTP_PUT, "/director/manifest", APP_REFUSE_EMPTY, SEV_MANIFEST_BYTES_MAX, answer_manifest,
     NULL},
    {SEV_HTTP_GET, "/director/{file}", APP_REFUSE_EMPTY, 0, answer_aktualizr_file, NULL},
    {SEV_HTTP_GET, "/repo/{path...}", APP_REFUSE_EMPTY, 0, answer_repo, NULL},
    {SEV_HTTP_POST, "/devices", APP_AT_ONCE | APP_REFUSE_EMPTY, 4096, answer_devices, NULL},
    {SEV_HTTP_POST, "/events", APP_REFUSE_EMPTY, SEV_FOREIGN_EVENTS_BYTES_MAX, answer_events, NULL},
    {SEV_HTTP_PUT, "/system_info", HEARD},
    {SEV_HTTP_PUT, "/system_info/network", HEARD},
    {SEV_HTTP_POST, "/system_info/config", HEARD},
    {SEV_HTTP_PUT, "/core/installed", HEARD},
};

/* Where a CA calls somebody by a common name alone it speaks aktualizr's dialect, for the others
 * have DIDs: what is not there is refused without a body too. */
static bool wants_no_body(const struct app_call *c)
{
    static const char did[] = "did:";
    const struct sev_server_peer *peer = c->peer;
    bool foreign = peer->authenticated && (peer->identity.len < sizeof did - 1 ||
                                           memcmp(peer->identity.ptr, did, sizeof did - 1) != 0);
    return foreign && (c->route == NULL || c->route->method == SEV_HTTP_GET);
}

/* ------------------------------------------------------------ start and end */

static sev_err open_role(struct app_instance *i)
{
    struct director *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "director");
    i->own = r;
    sev_err e = roots_open(i->app, sev_config_text(i->block, "metadata"),
                           sev_config_text(i->block, "aktualizr_key")[0] != '\0', &r->roots);
    if (e != SEV_OK)
        return e;
    e = app_store_open(i, &r->store);
    if (e != SEV_OK)
        return e;
    if (sev_config_switch(i->block, "campaigns"))
        e = campaigner_start(&r->store, i->app->events, &r->campaigner);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), "campaigns");
    e = shipping_start(i->app, &r->store, sev_config_text(i->block, "signer"), &r->shipping);
    return e == SEV_OK ? hints_start(i->app, &r->store, &r->hints) : e;
}

static sev_err reload(struct app_instance *i)
{
    return roots_reload(((struct director *)i->own)->roots);
}

static void close_role(struct app_instance *i)
{
    struct director *r = i->own;
    campaigner_stop(r->campaigner);
    shipping_stop(r->shipping);
    hints_stop(r->hints);
    app_store_close(i, &r->store);
    roots_close(r->roots);
    free(r);
}

static sev_err check(struct app_call *c)
{
    struct director *r = c->instance->own;
    return app_enrolment_required(c->instance) ? app_enrolled(c, &r->store) : SEV_OK;
}

static sev_err ready(struct app_instance *i, char *why)
{
    hints_ready(((struct director *)i->own)->hints, why);
    return SEV_OK;
}

static void measure(struct app_instance *i, struct app_measures *m)
{
    hints_measure(((struct director *)i->own)->hints, m);
    shipping_measure(((struct director *)i->own)->shipping, m);
}

const struct app_role role_director = {.section = "director",
                                       .routes = routes,
                                       .route_count = sizeof routes / sizeof routes[0],
                                       .arena_bytes = SEV_DIRECTOR_ARENA_BYTES,
                                       .signs = true,
                                       .wants_no_body = wants_no_body,
                                       .open = open_role,
                                       .reload = reload,
                                       .close = close_role,
                                       .check = check,
                                       .ready = ready,
                                       .measure = measure};
