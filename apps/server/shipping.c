/* shipping - see shipping.h.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shipping.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peer.h"
#include "secureev/audit.h"

#define ARENA_BYTES                                                                                \
    (SEV_STORE_LEAVES_MAX * (SEV_MESSAGE_BYTES_MAX + 2048u)) /* untouched mostly                   \
                                                              */
#define ANSWER_BYTES (16u << 10)

struct shipping {
    struct app *app;
    const struct sev_store *store;
    const struct sev_config_block *block;
    struct sev_http_client *client; /* NULL: to be opened (anew) */
    struct ticker *ticker;
    struct sev_bytes salt;
    uint8_t *memory, *body, *answer;
    atomic_bool behind; /* it does not go well, which was told */
    struct sev_signer_client signer;
    int64_t asked_at, period_told; /* wall clock; number of the period that was told last */
};

#define ASK_SECONDS 60 /* a signer that dies takes so much of its counts along */

/* --------------------------------------------------------------------- counts */

static sev_err ask_counts(struct shipping *s)
{
    struct sev_signer_counts counts;
    sev_slice answer;
    sev_err e = sev_signer_client_ask(&s->signer, SEV_LIT("{\"ask\":\"counts\"}"), &answer);
    if (e == SEV_OK)
        e = sev_signer_read_counts(answer, &counts);
    for (uint32_t i = 0; e == SEV_OK && i < counts.count; i++)
        if (counts.keys[i].made != 0)
            e = s->store->log->counted(s->store->self, counts.keys[i].key, counts.run,
                                       counts.keys[i].made);
    return e;
}

/* One decision for each key: what it signed since it was last said. */
static bool tell_count(void *context, const struct sev_key_count *c)
{
    struct shipping *s = context;
    uint8_t room[512];
    const char *source = sev_config_text(s->block, "source");
    struct sev_decision d = {(sev_time)time(NULL), sev_slice_of(source, strlen(source)),
                             SEV_LIT("signatures"), SEV_EMPTY};
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_integer_member(&w, "count", c->made - c->told);
    sev_json_w_string_member(&w, "key", c->key);
    sev_json_w_object_end(&w);
    if (sev_json_w_end(&w) == SEV_OK) {
        d.reason = sev_buf_slice(&b);
        /* Somebody else's word is as good; and what failed is told in the next period. */
        (void)s->store->log->tell(s->store->self, c, &d);
    }
    return true;
}

/* Timestamps, replies and grants have no decision each: there are too many. */
static void count(struct shipping *s)
{
    struct sev_arena arena = sev_arena_of(s->memory, ARENA_BYTES);
    int64_t now = (int64_t)time(NULL), length = sev_config_number(s->block, "count_period");
    bool over = now / length != s->period_told;
    if (!over && now - s->asked_at < ASK_SECONDS && now >= s->asked_at)
        return;
    s->asked_at = now;
    if (ask_counts(s) == SEV_OK && over) {
        if (s->period_told != 0) /* the first is not whole */
            (void)s->store->log->untold(s->store->self, &arena, tell_count, s);
        s->period_told = now / length;
    }
}

/* ------------------------------------------------------------------- shipping */

static sev_err post(struct shipping *s, sev_slice body)
{
    struct sev_http_client_limits limits = sev_http_client_defaults;
    struct sev_http_answer answer;
    sev_buf room = sev_buf_of(s->answer, ANSWER_BYTES);
    limits.whole_ms = 30000;
    sev_err e = s->client != NULL ? SEV_OK : peer_open(s->block, &limits, &s->client);
    if (e != SEV_OK)
        return e;
    struct sev_http_ask ask = {.method = SEV_HTTP_POST,
                               .target = "/add",
                               .type = "application/json",
                               .body = body,
                               .repeatable = true, /* the log knows each leaf by its number */
                               .room = &room};
    e = sev_http_client_ask(s->client, &ask, &answer);
    return e == SEV_OK ? sev_http_answer_err(&answer) : e;
}

static sev_err ship_some(struct shipping *s, uint32_t *out_count)
{
    struct sev_arena arena = sev_arena_of(s->memory, ARENA_BYTES);
    sev_buf body = sev_buf_of(s->body, SEV_AUDIT_BODY_BYTES_MAX);
    const char *source = sev_config_text(s->block, "source");
    int64_t last = 0;
    sev_err e =
        sev_audit_ship(s->store, sev_bytes_slice(&s->salt), sev_slice_of(source, strlen(source)),
                       SEV_STORE_LEAVES_MAX, &arena, &body, &last, out_count);
    if (e == SEV_OK && *out_count != 0)
        e = post(s, sev_buf_slice(&body));
    if (e == SEV_OK && *out_count != 0)
        e = s->store->log->shipped(s->store->self, last);
    return e;
}

static bool ship(void *context)
{
    struct shipping *s = context;
    uint32_t shipped = 0;
    sev_err e;
    count(s);
    do {
        e = ship_some(s, &shipped);
    } while (e == SEV_OK && shipped == SEV_STORE_LEAVES_MAX);
    if (e != SEV_OK) {
        struct sev_event event = {.id = SEV_EVENT_LOG_NOT_SHIPPED, .err = e};
        const char *detail = s->client == NULL ? "" : sev_http_client_detail(s->client);
        sev_event_text(&event, "detail", sev_slice_of(detail, strlen(detail)));
        if (!atomic_load(&s->behind))
            s->app->events.emit(s->app->events.self, &event);
        sev_http_client_free(s->client); /* its certificate may be a new one by now */
        s->client = NULL;
    }
    atomic_store(&s->behind, e != SEV_OK);
    return e == SEV_OK;
}

static sev_err prepare(struct shipping *s)
{
    const char *path = sev_config_text(s->block, "salt_file");
    sev_err e = sev_file_read(s->app->fs, path, SEV_AUDIT_SALT_BYTES_MAX,
                              SEV_FILE_PRIVATE | SEV_FILE_NO_LINK, &s->salt);
    if (e != SEV_OK)
        return app_fail(s->app, e, sev_err_sentence(e), path);
    if (s->salt.len < SEV_AUDIT_SALT_BYTES_MIN)
        return app_fail(s->app, SEV_E_CONFIG, "a salt has 32 bytes or more, of /dev/urandom", path);
    s->memory = malloc(ARENA_BYTES);
    s->body = malloc(SEV_AUDIT_BODY_BYTES_MAX);
    s->answer = malloc(ANSWER_BYTES);
    if (s->memory == NULL || s->body == NULL || s->answer == NULL)
        return app_fail(s->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "audit");
    return SEV_OK;
}

void shipping_measure(struct shipping *s, struct app_measures *m)
{
    if (s != NULL)
        app_measure(m, "audit_behind", "1 while the audit log does not take decisions.",
                    atomic_load(&s->behind));
}

void shipping_stop(struct shipping *s)
{
    if (s == NULL)
        return;
    ticker_stop(s->ticker);
    sev_http_client_free(s->client);
    sev_signer_client_close(&s->signer);
    sev_bytes_wipe(s->app->fs, &s->salt);
    free(s->memory);
    free(s->body);
    free(s->answer);
    free(s);
}

sev_err shipping_start(struct app *app, const struct sev_store *store, const char *signer,
                       struct shipping **out)
{
    const struct sev_config_block *block = sev_config_next(app->config, "audit", NULL);
    *out = NULL;
    if (block == NULL)
        return SEV_OK;
    struct shipping *s = calloc(1, sizeof *s);
    if (s == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), "audit");
    s->app = app;
    s->store = store;
    s->block = block;
    s->signer.fd = -1;
    sev_err e = sev_signer_client_init(&s->signer, signer);
    e = e == SEV_OK ? prepare(s) : app_fail(app, e, sev_err_sentence(e), signer);
    if (e == SEV_OK) {
        e = ticker_start((uint32_t)sev_config_number(block, "period") * 1000, ship, s, &s->ticker);
        if (e != SEV_OK)
            (void)app_fail(app, e, sev_err_sentence(e), "audit");
    }
    if (e == SEV_OK)
        *out = s;
    else
        shipping_stop(s);
    return e;
}
