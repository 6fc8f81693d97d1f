/* role_log - the audit log: takes leaves of those who may ship them, signs checkpoints, has them
 * cosigned, serves tiles as files that never change (C2SP tlog-tiles).
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "peer.h"
#include "secureev/audit.h"
#include "secureev/crypto_hosted.h"

#define WITNESS_PERIODS_LOST 10u /* rounds that one who did not answer is left out */
#define LINES_BYTES_MAX 8192u

struct cosigner {
    const struct sev_config_block *block;
    struct sev_note_key key;
    struct sev_http_client *client; /* NULL: to be opened (anew) */
    uint64_t size;                  /* that it cosigned last, as far as we know */
    uint64_t done;                  /* of the checkpoint that has its line */
    uint32_t left_out;
    sev_err trouble; /* told last */
};

struct log_role {
    struct app_instance *instance;
    struct sev_store store;
    struct sev_audit_log log;
    const char *keys[SEV_AUDIT_LOG_KEYS_MAX];
    char key_names[256];
    uint32_t key_count;
    struct cosigner cosigners[SEV_AUDIT_WITNESSES_MAX];
    uint32_t cosigner_count;
    pthread_mutex_t adding; /* one after the other: they would only meet as conflicts */
    struct ticker *ticker;
    struct sev_channel *channel;
    /* of the ticker */
    struct sev_signer_client signer;
    struct sev_crypto *crypto;
    uint8_t *memory, *answer;
    sev_err trouble;       /* told last */
    pthread_mutex_t lock;  /* of what follows */
    struct sev_page *page; /* the checkpoint as it is served; NULL: none yet */
    uint64_t served;
    sev_err health;
};

static void tell(struct log_role *r, sev_event_id id, sev_err err, const char *witness,
                 int64_t size)
{
    struct sev_event event = {.id = id, .err = err};
    if (witness != NULL)
        sev_event_text(&event, "witness", sev_slice_of(witness, strlen(witness)));
    sev_event_number(&event, "size", size);
    r->instance->app->events.emit(r->instance->app->events.self, &event);
}

/* ------------------------------------------------------------------ witnesses */

/* One exchange. @return the status, 0 where none came */
static unsigned ask_once(struct log_role *r, struct cosigner *w, sev_slice body, sev_slice *out,
                         sev_err *why)
{
    struct sev_http_client_limits limits = sev_http_client_defaults;
    struct sev_http_answer answer;
    sev_buf room = sev_buf_of(r->answer, LINES_BYTES_MAX);
    limits.connect_ms = limits.handshake_ms = limits.first_ms = 2000;
    limits.whole_ms = 5000;
    *why = w->client != NULL ? SEV_OK : peer_open(w->block, &limits, &w->client);
    struct sev_http_ask ask = {.method = SEV_HTTP_POST,
                               .target = "/add-checkpoint",
                               .type = "text/plain",
                               .body = body,
                               .repeatable = true,
                               .room = &room};
    if (*why == SEV_OK)
        *why = sev_http_client_ask(w->client, &ask, &answer);
    if (*why != SEV_OK)
        return 0;
    *out = answer.body;
    *why = sev_http_answer_err(&answer);
    return answer.status;
}

/* "123\n", what it cosigned last. */
static bool read_size(sev_slice body, uint64_t *out)
{
    return body.len > 1 && body.ptr[body.len - 1] == '\n' &&
           sev_decimal_parse(sev_slice_sub(body, 0, body.len - 1), out) == SEV_OK;
}

static sev_err ask_witness(struct log_role *r, struct cosigner *w, uint64_t size)
{
    struct sev_arena arena = sev_arena_of(r->memory, SEV_AUDIT_ARENA_BYTES);
    sev_slice body, answer = SEV_EMPTY;
    sev_err e = SEV_E_CONFLICT;
    for (int i = 0; i < 2 && e == SEV_E_CONFLICT; i++) {
        uint64_t its = 0;
        arena.used = 0;
        e = sev_audit_ask_witness(&r->log, w->size, &arena, &body);
        if (e == SEV_E_NOT_FOUND)
            e = SEV_E_LOG_FORK; /* it has seen more of this log than there is */
        if (e != SEV_OK)
            return e;
        unsigned status = ask_once(r, w, body, &answer, &e);
        if (status == 200)
            e = sev_audit_cosigned(&r->log, r->crypto, &w->key, body, answer, &arena);
        else if (status == 409 && read_size(answer, &its) && its != w->size)
            w->size = its, e = SEV_E_CONFLICT;
        else if (status == 409)
            e = SEV_E_EQUIVOCATION;
        else if (e == SEV_OK)
            e = SEV_E_UNREACHABLE;
    }
    if (e == SEV_OK)
        w->size = w->done = size;
    return e;
}

static void ask_witnesses(struct log_role *r, uint64_t size)
{
    for (uint32_t i = 0; i < r->cosigner_count; i++) {
        struct cosigner *w = &r->cosigners[i];
        if (w->done == size)
            continue;
        if (w->left_out != 0) {
            w->left_out--;
            continue;
        }
        sev_err e = ask_witness(r, w, size);
        if (e == SEV_OK || e != w->trouble) /* not the same again and again */
            tell(r, e == SEV_OK ? SEV_EVENT_LOG_COSIGNED : SEV_EVENT_LOG_NOT_COSIGNED, e,
                 w->block->name, (int64_t)size);
        w->trouble = e;
        if (e != SEV_OK) {
            sev_http_client_free(w->client);
            w->client = NULL;
            w->left_out = WITNESS_PERIODS_LOST;
        }
    }
}

/* ---------------------------------------------------------------- checkpoints */

/* What is in the store is what is served from now on. */
static sev_err publish(struct log_role *r, uint64_t size)
{
    struct sev_arena arena = sev_arena_of(r->memory, SEV_AUDIT_ARENA_BYTES);
    char text[96];
    sev_slice note;
    struct sev_page *page;
    sev_err e = sev_audit_checkpoint(&r->log, &arena, &note);
    if (e == SEV_E_NOT_FOUND)
        return SEV_OK;
    if (e == SEV_OK)
        e = sev_page_new("text/plain; charset=utf-8", SEV_EMPTY, note, &page);
    if (e != SEV_OK)
        return e;
    pthread_mutex_lock(&r->lock);
    struct sev_page *old = r->page;
    bool grew = size != r->served;
    r->page = page;
    r->served = size;
    pthread_mutex_unlock(&r->lock);
    sev_page_free(old);
    int n = snprintf(text, sizeof text, "event: checkpoint\ndata: {\"size\":%llu}\n\n",
                     (unsigned long long)size);
    return grew ? sev_channel_publish(r->channel, sev_slice_of(text, (size_t)n)) : SEV_OK;
}

static bool round_of(void *context)
{
    struct log_role *r = context;
    struct sev_arena arena = sev_arena_of(r->memory, SEV_AUDIT_ARENA_BYTES);
    struct sev_sign_note sign = sev_signer_client_notes(&r->signer);
    int64_t size = 0;
    sev_err e = sev_audit_sign(&r->log, &sign, r->keys, r->key_count, &arena, &size);
    if (e == SEV_OK && size != 0)
        ask_witnesses(r, (uint64_t)size);
    if (e == SEV_OK)
        e = publish(r, (uint64_t)size);
    if (e != SEV_OK && e != SEV_E_CONFLICT && e != r->trouble)
        tell(r, SEV_EVENT_LOG_NOT_SIGNED, e, NULL, size);
    r->trouble = e;
    pthread_mutex_lock(&r->lock);
    r->health = e == SEV_E_CONFLICT ? SEV_OK : e;
    pthread_mutex_unlock(&r->lock);
    return e == SEV_OK;
}

/* ------------------------------------------------------------------- requests */

static bool may_ship(const struct app_call *c)
{
    char name[SEV_AUDIT_WORD_CHARS_MAX + 1] = "";
    sev_slice who = c->peer->identity;
    if (who.len == 0 || who.len >= sizeof name)
        return false;
    memcpy(name, who.ptr, who.len);
    return sev_config_has_word(c->instance->block, "shippers", name);
}

static void answer_add(struct app_call *c)
{
    struct log_role *r = c->instance->own;
    uint8_t room[16u << 10];
    sev_buf answer = sev_buf_of(room, sizeof room);
    sev_err e = may_ship(c) ? SEV_OK : SEV_E_WRONG_SUBJECT;
    if (e == SEV_OK) {
        pthread_mutex_lock(&r->adding);
        e = sev_audit_add(&r->log, c->arena, c->peer->identity, c->body, &answer);
        pthread_mutex_unlock(&r->adding);
    }
    if (e != SEV_OK) {
        app_refuse(c, e);
        return;
    }
    ticker_wake(r->ticker);
    app_answer(c, 200, sev_buf_slice(&answer));
}

static void answer_checkpoint(struct app_call *c)
{
    struct log_role *r = c->instance->own;
    pthread_mutex_lock(&r->lock);
    struct sev_page *page = r->page == NULL ? NULL : sev_page_ref(r->page);
    pthread_mutex_unlock(&r->lock);
    if (page == NULL) {
        app_refuse(c, SEV_E_NOT_FOUND);
        return;
    }
    sev_exchange_add_field(c->x, SEV_LIT("Cache-Control"), SEV_LIT("no-cache"));
    sev_exchange_answer_page(c->x, page);
}

static void answer_tile(struct app_call *c)
{
    struct log_role *r = c->instance->own;
    struct sev_tlog_tile tile;
    sev_slice bytes;
    sev_err e = sev_tlog_path_parse(sev_slice_sub(c->path, 1, c->path.len), &tile);
    if (e == SEV_OK)
        e = sev_audit_tile(&r->log, &tile, c->arena, &bytes);
    if (e != SEV_OK) {
        app_refuse(c, e);
        return;
    }
    /* No tile of that name will ever have other bytes. */
    sev_exchange_add_field(c->x, SEV_LIT("Cache-Control"),
                           SEV_LIT("public, max-age=31536000, immutable"));
    sev_exchange_answer(c->x, 200, "application/octet-stream", bytes);
}

static void answer_tail(struct app_call *c)
{
    sev_exchange_answer_channel(c->x, ((struct log_role *)c->instance->own)->channel);
}

static const struct app_route routes[] = {
    {SEV_HTTP_POST, "/add", 0, SEV_AUDIT_BODY_BYTES_MAX, answer_add, NULL},
    {SEV_HTTP_GET, "/checkpoint", APP_AT_ONCE, 0, answer_checkpoint, NULL},
    {SEV_HTTP_GET, "/tail", APP_AT_ONCE, 0, answer_tail, NULL},
    {SEV_HTTP_GET, "/tile/{path...}", 0, 0, answer_tile, NULL},
};

/* -------------------------------------------------------------- start and end */

static sev_err take_keys(struct log_role *r)
{
    const char *words = sev_config_text(r->instance->block, "keys");
    if (strlen(words) >= sizeof r->key_names)
        return app_fail(r->instance->app, SEV_E_CONFIG, "too long", "keys of [log]");
    memcpy(r->key_names, words, strlen(words) + 1);
    char *rest = NULL;
    for (char *w = strtok_r(r->key_names, " \t", &rest); w != NULL;
         w = strtok_r(NULL, " \t", &rest)) {
        if (r->key_count == SEV_AUDIT_LOG_KEYS_MAX)
            return app_fail(r->instance->app, SEV_E_CONFIG, "more than four", "keys of [log]");
        r->keys[r->key_count++] = w;
    }
    return SEV_OK;
}

static sev_err take_cosigners(struct log_role *r)
{
    struct app *app = r->instance->app;
    const struct sev_config_block *b = NULL;
    while ((b = sev_config_next(app->config, "cosigner", b)) != NULL) {
        const char *key = sev_config_text(b, "key");
        if (r->cosigner_count == SEV_AUDIT_WITNESSES_MAX)
            return app_fail(app, SEV_E_CONFIG, "more than eight witnesses", b->name);
        struct cosigner *w = &r->cosigners[r->cosigner_count];
        w->block = b;
        sev_err e = sev_note_key_parse(sev_slice_of(key, strlen(key)), &w->key);
        if (e == SEV_OK && w->key.type != SEV_NOTE_COSIGNATURE)
            e = SEV_E_KEY;
        if (e != SEV_OK)
            return app_fail(app, e, "not a witness's verifier key", b->name);
        r->cosigner_count++;
    }
    return SEV_OK;
}

static sev_err prepare(struct log_role *r)
{
    struct app_instance *i = r->instance;
    const char *socket = sev_config_text(i->block, "signer");
    const char *origin = sev_config_text(i->block, "origin");
    r->log = (struct sev_audit_log){.store = &r->store,
                                    .origin = sev_slice_of(origin, strlen(origin)),
                                    .events = i->app->events};
    if (!sev_note_name_ok(r->log.origin))
        return app_fail(i->app, SEV_E_CONFIG, "no name for a log: no blanks, no '+'", origin);
    sev_err e = take_keys(r);
    if (e == SEV_OK)
        e = take_cosigners(r);
    if (e != SEV_OK)
        return e;
    e = sev_signer_client_init(&r->signer, socket);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), socket);
    e = app_store_open(i, &r->store);
    if (e != SEV_OK)
        return e;
    r->crypto = sev_crypto_new();
    r->memory = malloc(SEV_AUDIT_ARENA_BYTES);
    r->answer = malloc(LINES_BYTES_MAX);
    if (r->crypto == NULL || r->memory == NULL || r->answer == NULL ||
        sev_channel_new(&r->channel) != SEV_OK)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "log");
    /* What was served before is served again before anybody is asked to cosign. */
    struct sev_arena arena = sev_arena_of(r->memory, SEV_AUDIT_ARENA_BYTES);
    struct sev_log_head head;
    e = r->store.log->head(r->store.self, &arena, &head);
    if (e == SEV_OK)
        e = publish(r, (uint64_t)head.signed_size);
    if (e != SEV_OK)
        return app_fail(i->app, e, sev_err_sentence(e), "log");
    e = ticker_start((uint32_t)sev_config_number(i->block, "period") * 1000, round_of, r,
                     &r->ticker);
    return e == SEV_OK ? e : app_fail(i->app, e, sev_err_sentence(e), "log");
}

static sev_err open_role(struct app_instance *i)
{
    struct log_role *r = calloc(1, sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "log");
    i->own = r;
    r->instance = i;
    r->signer.fd = -1;
    pthread_mutex_init(&r->adding, NULL);
    pthread_mutex_init(&r->lock, NULL);
    return prepare(r);
}

static void close_role(struct app_instance *i)
{
    struct log_role *r = i->own;
    ticker_stop(r->ticker);
    for (uint32_t n = 0; n < r->cosigner_count; n++)
        sev_http_client_free(r->cosigners[n].client);
    sev_signer_client_close(&r->signer);
    app_store_close(i, &r->store);
    sev_page_free(r->page);
    sev_channel_free(r->channel);
    sev_crypto_free(r->crypto);
    pthread_mutex_destroy(&r->adding);
    pthread_mutex_destroy(&r->lock);
    free(r->memory);
    free(r->answer);
    free(r);
}

static sev_err ready(struct app_instance *i, char *why)
{
    struct log_role *r = i->own;
    pthread_mutex_lock(&r->lock);
    sev_err e = r->health;
    pthread_mutex_unlock(&r->lock);
    if (e != SEV_OK)
        snprintf(why, 100, "no checkpoint is signed: %s", sev_err_id(e));
    return e;
}

static void measure(struct app_instance *i, struct app_measures *m)
{
    struct log_role *r = i->own;
    pthread_mutex_lock(&r->lock);
    uint64_t size = r->served;
    pthread_mutex_unlock(&r->lock);
    app_measure(m, "log_size", "Leaves under the checkpoint that is served.", (int64_t)size);
}

const struct app_role role_log = {.section = "log",
                                  .routes = routes,
                                  .route_count = sizeof routes / sizeof routes[0],
                                  .arena_bytes = SEV_AUDIT_ARENA_BYTES,
                                  .open = open_role,
                                  .close = close_role,
                                  .ready = ready,
                                  .measure = measure};
