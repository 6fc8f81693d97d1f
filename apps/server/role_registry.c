/* role_registry - the registry's URLs: identities for whoever asks, certificates for vehicles.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "enrolled.h"
#include "secureev/built.h"
#include "secureev/registry.h"

#define PEM_BYTES_MAX 65536u
#define ADDRESSES_MAX 65536u /* of strangers, told apart at one time */

struct registry {
    struct sev_store store;
    struct sev_bytes ca, server_ca;
    struct sev_registry is;
    struct sev_limiter *strangers; /* by address */
    uint8_t secret[16];
    pthread_mutex_t lock; /* of the challenges */
    struct sev_challenges challenges;
};

/* What an answer works with. */
struct job {
    struct registry *own;
    struct sev_certify certify;
    struct sev_registry_call call;
};

static const struct sev_registry_call *begin(struct app_call *c, struct job *out)
{
    out->own = c->instance->own;
    out->certify = sev_signer_client_certify(&c->desk->signer);
    out->call =
        (struct sev_registry_call){c->arena, c->desk->crypto, &out->certify, (sev_time)time(NULL)};
    return &out->call;
}

static sev_buf room_of(struct app_call *c, size_t bytes)
{
    return sev_buf_of(sev_arena_take(c->arena, bytes), bytes);
}

static void end(struct app_call *c, unsigned status, sev_err e, sev_slice json)
{
    if (e == SEV_OK)
        app_answer(c, status, json);
    else
        app_refuse(c, e);
}

/* --------------------------------------------------------------- identities */

/* "versionId=2". 0: the newest; -1: no version. */
static int64_t wanted_version(const struct sev_http_request *request)
{
    uint8_t room[32];
    uint64_t version;
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_err e = sev_http_query_value(request->query, SEV_LIT("versionId"), &b);
    if (e == SEV_E_NOT_FOUND)
        return 0;
    if (e != SEV_OK || sev_decimal_parse(sev_buf_slice(&b), &version) != SEV_OK || version == 0)
        return -1;
    return (int64_t)version;
}

static void answer_resolve(struct app_call *c)
{
    struct job job;
    const struct sev_registry_call *call = begin(c, &job);
    sev_buf out = room_of(c, SEV_REGISTRY_ANSWER_BYTES_MAX);
    unsigned status =
        sev_registry_resolve(&job.own->is, call, c->params[0], wanted_version(c->request), &out);
    sev_exchange_answer(c->x, status, "application/did-resolution", sev_buf_slice(&out));
}

static void answer_log(struct app_call *c)
{
    struct job job;
    sev_slice log;
    const struct sev_registry_call *call = begin(c, &job);
    sev_err e = sev_registry_log(&job.own->is, call, c->params[0], &log);
    if (e == SEV_OK)
        sev_exchange_answer(c->x, 200, "text/jsonl", log);
    else
        app_refuse(c, e);
}

/* Entries prove themselves; new identities may be left here by vehicles that are enrolled, since
 * strangers could leave any number of them. */
static void answer_append(struct app_call *c)
{
    struct job job;
    uint8_t text[64];
    int64_t version = 0;
    sev_buf b = sev_buf_of(text, sizeof text);
    const struct sev_registry_call *call = begin(c, &job);
    bool known =
        c->peer->authenticated && !c->peer->expired && app_enrolled(c, &job.own->store) == SEV_OK;
    sev_err e = sev_registry_append(&job.own->is, call, c->body, known, &version);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_integer_member(&w, "version", version);
    sev_json_w_object_end(&w);
    end(c, 201, e != SEV_OK ? e : sev_json_w_end(&w), sev_buf_slice(&b));
}

/* ------------------------------------------------------------- certificates */

static void answer_enrol(struct app_call *c)
{
    struct job job;
    const struct sev_registry_call *call = begin(c, &job);
    sev_buf out = room_of(c, SEV_REGISTRY_ANSWER_BYTES_MAX);
    sev_err e = sev_registry_enrol(&job.own->is, call, c->body, &out);
    end(c, 201, e, sev_buf_slice(&out));
}

static void answer_renew(struct app_call *c)
{
    struct job job;
    const struct sev_registry_call *call = begin(c, &job);
    sev_buf out = room_of(c, SEV_REGISTRY_ANSWER_BYTES_MAX);
    sev_err e = sev_registry_renew(&job.own->is, call, c->peer->identity, c->body, &out);
    end(c, 201, e, sev_buf_slice(&out));
}

/* aktualizr's, contract 5.2. */
static void answer_devices(struct app_call *c)
{
    struct job job;
    const struct sev_registry_call *call = begin(c, &job);
    sev_buf out = room_of(c, SEV_REGISTRY_ANSWER_BYTES_MAX);
    sev_err e = sev_registry_claim(&job.own->is, call, c->peer->certificate_sha256, c->body, &out);
    if (e == SEV_OK)
        sev_exchange_answer(c->x, 200, "application/x-pkcs12", sev_buf_slice(&out));
    else
        app_refuse(c, e);
    if (out.ptr != NULL)
        sev_wipe(out.ptr, out.len);
}

/* --------------------------------------------------------------- challenges */

static void answer_challenge(struct app_call *c)
{
    struct job job;
    uint8_t challenge[SEV_CHALLENGE_BYTES], hex[2 * SEV_CHALLENGE_BYTES], text[256];
    sev_buf h = sev_buf_of(hex, sizeof hex), b = sev_buf_of(text, sizeof text);
    sev_err e = sev_json_check(c->body, sev_arena_scratch(c->arena), NULL, NULL);
    sev_json j = sev_json_at(sev_json_get(c->body, "did"));
    sev_json_str did = {SEV_EMPTY, false};
    begin(c, &job);
    if (e == SEV_OK)
        sev_json_string(&j, &did);
    if (e == SEV_OK)
        e = j.err;
    if (e == SEV_OK)
        e = sev_challenge_make(&job.own->challenges, did.raw, job.call.now, challenge);
    if (e == SEV_OK)
        sev_hex_encode(sev_slice_of(challenge, sizeof challenge), &h);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "challenge", sev_buf_slice(&h));
    sev_json_w_object_end(&w);
    end(c, 200, e != SEV_OK ? e : sev_json_w_end(&w), sev_buf_slice(&b));
}

static void answer_authenticate(struct app_call *c)
{
    struct job job;
    char did[SEV_DID_CHARS] = {0};
    uint8_t text[128];
    sev_buf b = sev_buf_of(text, sizeof text);
    const struct sev_registry_call *call = begin(c, &job);
    pthread_mutex_lock(&job.own->lock);
    sev_err e = sev_challenge_check(&job.own->challenges, &job.own->is, call, c->body, did);
    pthread_mutex_unlock(&job.own->lock);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "did", sev_slice_of(did, sizeof did));
    sev_json_w_object_end(&w);
    end(c, 200, e != SEV_OK ? e : sev_json_w_end(&w), sev_buf_slice(&b));
}

/* Behind the routes that want no certificate stand proofs of their own. */
static const struct app_route routes[] = {
    {SEV_HTTP_GET, "/1.0/identifiers/{did}", APP_STRANGERS, 0, answer_resolve, NULL},
    {SEV_HTTP_GET, "/1.0/identifiers/{did}/log", APP_STRANGERS, 0, answer_log, NULL},
    {SEV_HTTP_POST, "/1.0/identifiers", APP_STRANGERS, SEV_DID_ENTRY_BYTES_MAX, answer_append,
     NULL},
    {SEV_HTTP_POST, "/enrol", APP_STRANGERS, SEV_MESSAGE_BYTES_MAX, answer_enrol, NULL},
    {SEV_HTTP_POST, "/renew", APP_EXPIRED, SEV_MESSAGE_BYTES_MAX, answer_renew, NULL},
    {SEV_HTTP_POST, "/devices", 0, 4096, answer_devices, NULL},
    {SEV_HTTP_POST, "/challenge", APP_STRANGERS, 1024, answer_challenge, NULL},
    {SEV_HTTP_POST, "/authenticate", APP_STRANGERS, SEV_MESSAGE_BYTES_MAX, answer_authenticate,
     NULL},
};

/* Whoever has a certificate has a rate already; whoever has none has one by the address. */
static sev_err take_turn(struct registry *r, const struct sev_server_peer *peer)
{
    struct timespec t;
    uint32_t wait_ms;
    if (peer->authenticated)
        return SEV_OK;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t key = sev_limiter_key(r->secret, peer->address, strlen(peer->address));
    return sev_limiter_take(r->strangers, key,
                            (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000, &wait_ms);
}

/* The shared credential is nobody's certificate; whether it is the right one is seen later. */
static sev_err check(struct app_call *c)
{
    struct registry *r = c->instance->own;
    if ((c->route->flags & APP_STRANGERS) != 0)
        return take_turn(r, c->peer);
    return c->route->answer == answer_devices ? SEV_OK : app_enrolled(c, &r->store);
}

/* ------------------------------------------------------------ start and end */

static sev_err read_pem(struct app_instance *i, const char *key, struct sev_bytes *out)
{
    const char *path = sev_config_text(i->block, key);
    sev_err e = sev_file_read(i->app->fs, path, PEM_BYTES_MAX, 0, out);
    return e == SEV_OK ? e : app_fail(i->app, e, sev_err_sentence(e), path);
}

static sev_err read_shared(struct app_instance *i, struct sev_registry *out)
{
    struct sev_bytes pem = {NULL, 0};
    uint8_t der[4096];
    sev_buf b = sev_buf_of(der, sizeof der);
    const char *path = sev_config_text(i->block, "shared_credential");
    if (*path == '\0')
        return SEV_OK;
    sev_err e = read_pem(i, "shared_credential", &pem);
    if (e != SEV_OK)
        return e;
    e = sev_pem_decode(sev_bytes_slice(&pem), "CERTIFICATE", &b);
    sev_bytes_free(i->app->fs, &pem);
    if (e != SEV_OK)
        return app_fail(i->app, e, "not one certificate in PEM", path);
    sev_sha256(sev_buf_slice(&b), out->shared_sha256);
    out->has_shared = true;
    return SEV_OK;
}

static sev_err open_role(struct app_instance *i)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "registry");
    i->own = r;
    pthread_mutex_init(&r->lock, NULL);
    r->is =
        (struct sev_registry){.store = &r->store,
                              .events = i->app->events,
                              .key = sev_config_text(i->block, "key"),
                              .certificate_life_s = sev_config_number(i->block, "certificate_life"),
                              .built = sev_built()};
    /* Behind a balancer all strangers seem to be one. */
    bool apart = sev_config_number(i->block, "network_rate") != 0;
    uint32_t rate = apart ? (uint32_t)sev_config_number(i->block, "peer_rate") : 0;
    sev_err e = sev_challenges_init(&r->challenges);
    if (e == SEV_OK)
        e = sev_random(r->secret, sizeof r->secret);
    if (e == SEV_OK)
        e = sev_limiter_new((struct sev_limiter_rate){rate, rate == 0 ? 1 : 10 * rate},
                            ADDRESSES_MAX, &r->strangers);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), "registry");
    e = read_pem(i, "issuer", &r->ca);
    if (e == SEV_OK)
        e = read_pem(i, "server_ca", &r->server_ca);
    if (e == SEV_OK)
        e = read_shared(i, &r->is);
    if (e != SEV_OK)
        return e;
    r->is.ca = sev_bytes_slice(&r->ca);
    r->is.server_ca = sev_bytes_slice(&r->server_ca);
    return app_store_open(i, &r->store);
}

static void close_role(struct app_instance *i)
{
    struct registry *r = i->own;
    app_store_close(i, &r->store);
    sev_limiter_free(r->strangers);
    sev_bytes_free(i->app->fs, &r->ca);
    sev_bytes_free(i->app->fs, &r->server_ca);
    pthread_mutex_destroy(&r->lock);
    sev_wipe(r, sizeof *r);
    free(r);
}

const struct app_role role_registry = {.section = "registry",
                                       .routes = routes,
                                       .route_count = sizeof routes / sizeof routes[0],
                                       .arena_bytes = SEV_REGISTRY_ARENA_BYTES,
                                       .signs = true,
                                       .admits_strangers = true,
                                       .admits_expired = true,
                                       .open = open_role,
                                       .close = close_role,
                                       .check = check};
