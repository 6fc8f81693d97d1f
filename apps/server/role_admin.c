/* role_admin - the admin API: who asks, whether that operator may, whether it was asked before;
 * then the operation. Each refusal has a name and an event. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "api.h"
#include "feed.h"
#include "secureev/limiter.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define ARENA_BYTES (SEV_DIRECTOR_ARENA_BYTES + (4u << 20))
#define ADDRESSES 65536 /* whose failures are counted apart */
/* Of failed attempts of one address. Guessing is hopeless anyhow: this keeps log and disk quiet. A
 * good token is taken all the same, or a stranger beside an operator could lock him out. */
#define FAILURES ((struct sev_limiter_rate){.per_second = 1, .burst = 20})

static void answer(struct app_call *call);

const struct api_route api_routes[] = {
#define X(method, path, role, flags, body, name)                                                   \
    {{SEV_HTTP_##method, "/api/v1" path, 0, body, NULL, NULL},                                     \
     SEV_OPERATOR_##role,                                                                          \
     flags,                                                                                        \
     #name,                                                                                        \
     &api_doc_##name,                                                                              \
     api_##name},
    API_ROUTES(X)
#undef X
        {.name = NULL}};

static const struct app_route routes[] = {
#define X(method, path, role, flags, body, name)                                                   \
    {SEV_HTTP_##method, "/api/v1" path, APP_STRANGERS, body, answer, NULL},
    API_ROUTES(X)
#undef X
};

static sev_slice slice(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* ---------------------------------------------------------------- who asks */

static bool field(const struct app_call *c, const char *name, sev_slice *out)
{
    return sev_http_field_get(&c->request->fields, slice(name), out);
}

static void tell_of(const struct app_call *c, sev_slice who, sev_event_id id, sev_err why)
{
    struct sev_event event = {.id = id, .err = why};
    if (who.len != 0)
        sev_event_text(&event, "operator", who);
    sev_event_text(&event, "address", slice(c->peer->address));
    sev_event_text(&event, "operation", slice(api_routes[c->route - routes].name));
    sev_event_text(&event, "path", c->request->path);
    c->instance->app->events.emit(c->instance->app->events.self, &event);
}

static void tell(const struct api_call *c, sev_event_id id, sev_err why)
{
    tell_of(c->app, c->who.name, id, why);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static sev_err failed(const struct app_call *c, sev_err e)
{
    struct api *api = c->instance->own;
    uint32_t wait_ms = 0;
    uint64_t key = sev_limiter_key(api->secret, c->peer->address, strlen(c->peer->address));
    sev_err limited = sev_limiter_take(api->failures, key, now_ms(), &wait_ms);
    if (limited == SEV_OK)
        tell_of(c, SEV_EMPTY, SEV_EVENT_API_STRANGER, e);
    return limited == SEV_OK ? e : limited;
}

static sev_slice token_of(const struct app_call *c)
{
    static const char scheme[] = "Bearer ";
    size_t skip = sizeof scheme - 1;
    sev_slice value;
    if (!field(c, "Authorization", &value) || value.len <= skip ||
        !sev_http_name_is(sev_slice_sub(value, 0, skip), slice(scheme)))
        return SEV_EMPTY;
    return sev_slice_sub(value, skip, value.len);
}

static bool is_open(const struct app_call *c)
{
    return (api_routes[c->route - routes].flags & API_OPEN) != 0;
}

static void add(const struct app_call *c, const char *name, sev_slice value)
{
    sev_exchange_add_field(c->x, slice(name), value);
}

/* Fields that stand in every answer: nobody keeps it, nobody takes it for something else. */
static void add_always(const struct app_call *c)
{
    add(c, "Cache-Control", SEV_LIT("no-store"));
    add(c, "X-Content-Type-Options", SEV_LIT("nosniff"));
}

static void add_why(const struct app_call *c, sev_err e)
{
    if (e == SEV_E_BEARER)
        add(c, "WWW-Authenticate", SEV_LIT("Bearer"));
    if (e == SEV_E_RATE_LIMITED)
        add(c, "Retry-After", SEV_LIT("1"));
}

/* Whoever has nothing that looks like a token does not get to send a body, nor costs a look into
 * the database. */
static sev_err first(struct app_call *call)
{
    if (is_open(call) || sev_admin_token_is_one(token_of(call)))
        return SEV_OK;
    sev_err e = failed(call, SEV_E_BEARER);
    add_always(call);
    add_why(call, e);
    return e;
}

static sev_err authenticate(struct api_call *c)
{
    if (is_open(c->app))
        return SEV_OK;
    sev_err e = sev_admin_authenticate(c->admin.store, c->admin.arena, c->admin.now,
                                       token_of(c->app), &c->who);
    if (e == SEV_E_BEARER)
        return failed(c->app, e);
    c->admin.actor = c->who.name;
    return e == SEV_OK ? sev_operator_may(c->who.role, c->route->role) : e;
}

/* ------------------------------------------------------------ what is asked */

static bool is_known(const struct api_doc *doc, sev_slice name)
{
    for (const struct api_param *p = doc->query; p->name != NULL; p++)
        if (sev_slice_eq(name, slice(p->name)))
            return true;
    return false;
}

/* A filter that is misspelt would list what nobody wanted. */
static sev_err check_query(const struct api_call *c)
{
    sev_slice left = c->app->request->query;
    while (left.len != 0) {
        const uint8_t *end = memchr(left.ptr, '&', left.len);
        size_t n = end == NULL ? left.len : (size_t)(end - left.ptr);
        const uint8_t *equals = memchr(left.ptr, '=', n);
        size_t name = equals == NULL ? n : (size_t)(equals - left.ptr);
        if (!is_known(c->route->doc, sev_slice_sub(left, 0, name)))
            return SEV_E_UNKNOWN_MEMBER;
        left = sev_slice_sub(left, n + 1, left.len);
    }
    return SEV_OK;
}

static sev_err check_type(const struct api_call *c)
{
    static const char json[] = "application/json";
    sev_slice type = SEV_EMPTY;
    if (c->app->body.len == 0 && c->route->doc->body == NULL)
        return SEV_OK;
    (void)field(c->app, "Content-Type", &type);
    sev_slice rest = sev_slice_sub(type, sizeof json - 1, type.len);
    bool ends = rest.len == 0 || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
    return ends && sev_http_name_is(sev_slice_sub(type, 0, sizeof json - 1), slice(json))
               ? SEV_OK
               : SEV_E_MEDIA_TYPE;
}

static sev_err check_version(struct api_call *c)
{
    sev_slice tag;
    if ((c->route->flags & API_VERSIONED) == 0)
        return SEV_OK;
    if (!field(c->app, "If-Match", &tag))
        return SEV_E_PRECONDITION;
    if (tag.len < 3 || tag.ptr[0] != '"' || tag.ptr[tag.len - 1] != '"')
        return SEV_E_STALE; /* a weak tag, or several: they match nothing of ours */
    c->expected = sev_slice_sub(tag, 1, tag.len - 2);
    return SEV_OK;
}

/* ----------------------------------------------------------------- answers */

static void refuse(struct api_call *c, sev_err e)
{
    add_why(c->app, e);
    if (e != SEV_E_BEARER)
        tell(c, SEV_EVENT_API_REFUSED, e); /* of those failed() has told */
    sev_exchange_refuse(c->app->x, e);
}

static void give(struct api_call *c, unsigned status, sev_slice body)
{
    char tag[sizeof c->tag + 2];
    if (c->tag[0] != '\0') {
        sev_buf b = sev_buf_of(tag, sizeof tag);
        sev_buf_put_byte(&b, '"');
        sev_buf_put_slice(&b, slice(c->tag));
        sev_buf_put_byte(&b, '"');
        add(c->app, "ETag", sev_buf_slice(&b));
    }
    if (c->location.len != 0)
        add(c->app, "Location", c->location);
    app_answer(c->app, status, body);
}

static sev_err run(struct api_call *c)
{
    *c->w = sev_json_writer_to(c->out);
    sev_err e = c->route->run(c);
    if (e == SEV_OK && (c->route->flags & API_STREAM) == 0)
        e = sev_json_w_end(c->w);
    /* An answer that does not fit is ours to see to, and no fault of what was asked. */
    e = sev_arena_want(e);
    return e == SEV_E_CONFLICT && c->expected.len != 0 ? SEV_E_STALE : e;
}

/* Everything that makes this request what it is. */
static void digest_of(const struct api_call *c, uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    const sev_slice parts[] = {slice(c->route->name), c->app->request->target, c->expected,
                               c->app->body};
    sev_sha256_init(&h);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint64_t len = parts[i].len;
        sev_sha256_update(&h, &len, sizeof len);
        sev_sha256_update(&h, parts[i].ptr, parts[i].len);
    }
    sev_sha256_final(&h, out);
}

/* What is kept of an answer with a token is the answer without it. */
static sev_slice without_token(struct api_call *c, sev_slice body)
{
    sev_slice token = sev_json_get(body, "token");
    static const char name[] = "\"token\":";
    if ((c->route->flags & API_SECRET) == 0 || token.len == 0)
        return body;
    size_t from = (size_t)(token.ptr - body.ptr) - (sizeof name - 1);
    size_t to = (size_t)(token.ptr - body.ptr) + token.len;
    if (body.ptr[to] == ',')
        to++;
    else if (body.ptr[from - 1] == ',')
        from--;
    uint8_t *room = sev_arena_take(c->admin.arena, body.len);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : body.len);
    sev_buf_put(&b, body.ptr, from);
    sev_buf_put(&b, body.ptr + to, body.len - to);
    return sev_buf_slice(&b);
}

/* The same again: answered as then. */
static void answer_again(struct api_call *c, const struct sev_kept_answer *before)
{
    size_t n = before->tag.len < sizeof c->tag ? before->tag.len : 0;
    if (n != 0)
        memcpy(c->tag, before->tag.ptr, n);
    c->tag[n] = '\0';
    add(c->app, "Idempotency-Replayed", SEV_LIT("true"));
    give(c, (unsigned)before->status, before->body);
}

static void changed(const struct api_call *c)
{
    tell(c, SEV_EVENT_API_CHANGED, SEV_OK);
    feed_wake(c->api->feed);
}

static void run_once(struct api_call *c, sev_slice key)
{
    struct sev_kept_answer before;
    uint8_t digest[SEV_SHA256_BYTES];
    digest_of(c, digest);
    sev_err e = sev_admin_once_begin(&c->admin, key, digest, &before);
    if (e == SEV_E_EXISTS) {
        answer_again(c, &before);
        return;
    }
    if (e != SEV_OK) {
        refuse(c, e);
        return;
    }
    e = run(c);
    sev_slice body = e == SEV_OK ? sev_buf_slice(c->out) : SEV_EMPTY;
    unsigned status = e == SEV_OK ? c->route->doc->status : 0;
    sev_slice kept = e == SEV_OK ? without_token(c, body) : SEV_EMPTY;
    /* It is done, or not: a key that could not be kept is told to nobody but the log. */
    sev_err kept_well = sev_admin_once_end(&c->admin, key, digest, status, kept, slice(c->tag));
    if (kept_well != SEV_OK)
        tell(c, SEV_EVENT_API_REFUSED, kept_well);
    if (e != SEV_OK) {
        refuse(c, e);
        return;
    }
    changed(c);
    give(c, status, body);
}

static void run_plainly(struct api_call *c)
{
    sev_err e = run(c);
    if (e != SEV_OK) {
        refuse(c, e);
        return;
    }
    if (c->route->route.method != SEV_HTTP_GET)
        changed(c);
    if ((c->route->flags & API_STREAM) == 0)
        give(c, c->route->doc->status, sev_buf_slice(c->out));
}

static void answer(struct app_call *call)
{
    struct api *api = call->instance->own;
    struct api_call c = {.app = call, .api = api, .route = &api_routes[call->route - routes]};
    sev_buf out = sev_buf_of(malloc(ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    sev_json_writer w;
    sev_slice key;
    c.w = &w;
    c.admin = (struct sev_admin_call){&api->store, call->arena, (sev_time)time(NULL), SEV_EMPTY};
    c.out = &out;
    add_always(call);
    sev_err e = out.ptr == NULL ? SEV_E_MEMORY : authenticate(&c);
    if (e == SEV_OK)
        e = check_query(&c);
    if (e == SEV_OK)
        e = check_type(&c);
    if (e == SEV_OK)
        e = check_version(&c);
    if (e != SEV_OK)
        refuse(&c, e);
    else if (call->request->method == SEV_HTTP_POST && field(call, "Idempotency-Key", &key))
        run_once(&c, key);
    else
        run_plainly(&c);
    if (out.ptr != NULL && (c.route->flags & API_SECRET) != 0)
        sev_wipe(out.ptr, out.len);
    free(out.ptr);
}

/* ------------------------------------------------------ for the operations */

sev_err api_query(const struct api_call *call, const char *name, sev_slice *out)
{
    uint8_t *room = sev_arena_take(call->admin.arena, SEV_URL_BYTES_MAX);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : SEV_URL_BYTES_MAX);
    sev_err e = sev_http_query_value(call->app->request->query, slice(name), &b);
    *out = e == SEV_OK ? sev_buf_slice(&b) : SEV_EMPTY;
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

sev_err api_limit(const struct api_call *call, uint32_t *out)
{
    sev_slice text;
    uint64_t n = 100;
    sev_err e = api_query(call, "limit", &text);
    if (e == SEV_OK && text.len != 0 &&
        (sev_decimal_parse(text, &n) != SEV_OK || n == 0 || n > SEV_ADMIN_PAGE_MAX))
        e = SEV_E_MALFORMED;
    if (e == SEV_OK)
        *out = (uint32_t)n;
    return e;
}

bool api_room(const struct api_call *call)
{
    return call->out->len < ANSWER_BYTES_MAX / 2;
}

void api_set_version(struct api_call *call, int64_t version)
{
    sev_buf b = sev_buf_of(call->tag, sizeof call->tag - 1);
    sev_decimal_format((uint64_t)version, &b);
    call->tag[b.len] = '\0';
}

sev_err api_expected(const struct api_call *call, int64_t *out)
{
    uint64_t n = 0;
    if (sev_decimal_parse(call->expected, &n) != SEV_OK)
        return SEV_E_STALE;
    *out = (int64_t)n;
    return SEV_OK;
}

sev_err api_random(uint8_t *out, size_t bytes)
{
    return getrandom(out, bytes, 0) == (ssize_t)bytes ? SEV_OK : SEV_E_RANDOM;
}

void api_w_id(sev_json_writer *w, const char *name, sev_slice id)
{
    uint8_t copy[SEV_ID_BYTES_MAX];
    if (!sev_utf8_valid(id)) {
        size_t n = id.len < sizeof copy ? id.len : sizeof copy;
        for (size_t i = 0; i < n; i++)
            copy[i] = id.ptr[i] < 0x80 ? id.ptr[i] : '?';
        id = sev_slice_of(copy, n);
    }
    sev_json_w_string_member(w, name, id);
}

void api_w_time(sev_json_writer *w, const char *name, sev_time t)
{
    char text[24];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_json_w_name(w, slice(name));
    if (t == 0) {
        sev_json_w_null(w);
        return;
    }
    sev_time_format(t, &b);
    sev_json_w_string(w, sev_buf_slice(&b));
}

/* ------------------------------------------------------------ start and end */

static sev_err make_document(struct api *api)
{
    char *text = NULL, tag[2 * 8 + 2];
    size_t bytes = 0;
    uint8_t digest[SEV_SHA256_BYTES];
    sev_err e = api_document(&text, &bytes);
    if (e != SEV_OK)
        return e;
    sev_buf b = sev_buf_of(tag, sizeof tag);
    sev_sha256(sev_slice_of(text, bytes), digest);
    sev_buf_put_byte(&b, '"');
    sev_hex_encode(sev_slice_of(digest, 8), &b);
    sev_buf_put_byte(&b, '"');
    e = sev_page_new("application/json", sev_buf_slice(&b), sev_slice_of(text, bytes),
                     &api->document);
    free(text);
    return e;
}

static void close_admin(struct app_instance *i)
{
    struct api *api = i->own;
    feed_stop(api->feed);
    app_store_close(i, &api->store);
    sev_limiter_free(api->failures);
    sev_page_free(api->document);
    sev_channel_free(api->channel);
    pthread_mutex_destroy(&api->replacing);
    free(api);
}

static sev_err open_admin(struct app_instance *i)
{
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "admin");
    i->own = api;
    pthread_mutex_init(&api->replacing, NULL);
    api->started = (sev_time)time(NULL);
    sev_err e = app_store_open(i, &api->store);
    if (e != SEV_OK)
        return e;
    e = api_random(api->secret, sizeof api->secret);
    if (e == SEV_OK)
        e = sev_limiter_new(FAILURES, ADDRESSES, &api->failures);
    if (e == SEV_OK)
        e = sev_channel_new(&api->channel);
    if (e == SEV_OK)
        e = make_document(api);
    if (e == SEV_OK)
        e = feed_start(&api->store, api->channel, &api->feed);
    return e == SEV_OK ? e : app_fail(i->app, e, sev_err_sentence(e), "admin");
}

const struct app_role role_admin = {.section = "admin",
                                    .routes = routes,
                                    .route_count = sizeof routes / sizeof routes[0],
                                    .arena_bytes = ARENA_BYTES,
                                    .first = first,
                                    .open = open_admin,
                                    .close = close_admin};
