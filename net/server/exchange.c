/* exchange - one request and its answer, from the handler's side. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

/* ---------------------------------------------------------------- lifetime */

struct sev_exchange *server_exchange_take(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = w->free_exchanges;
    if (x != NULL)
        w->free_exchanges = x->next;
    else if ((x = malloc(sizeof *x)) == NULL)
        return NULL;
    memset(x, 0, offsetof(struct sev_exchange, request));
    x->in_len = x->in_at = 0;
    x->body_state = BODY_NOT_YET;
    x->plan = (struct sev_body_plan){SEV_BODY_NONE, 0, false};
    x->body = NULL;
    x->body_len = x->body_cap = 0;
    memset(&x->answer, 0, offsetof(struct answer, head));
    x->answer.fd = -1;
    x->fields_len = 0;
    x->worker = w;
    x->conn = c;
    x->peer = c->peer;
    x->peer->references++;
    c->x = x;
    return x;
}

static void drop_answer(struct worker *w, struct answer *a)
{
    free(a->memory);
    sev_page_free(a->page);
    if (a->fd >= 0)
        close(a->fd);
    if (a->reading) {
        w->readers--;
        sev_channel_unwatch(a->channel, w->wake);
    }
}

void server_exchange_over(struct worker *w, struct sev_exchange *x)
{
    if (x->announced && w->server->handler.gone != NULL)
        w->server->handler.gone(w->server->handler.context, x);
    drop_answer(w, &x->answer);
    COUNT_ADD(w->counters.gathered_bytes, -(int64_t)x->body_cap);
    free(x->body);
    struct conn *c = x->conn;
    struct peer *peer = x->peer;
    size_t at = x->in_at, left = x->in_len - x->in_at;
    if (c == NULL || left == 0) {
        if (c != NULL)
            c->x = NULL;
        server_peer_release(peer);
        x->next = w->free_exchanges;
        w->free_exchanges = x;
        return;
    }
    /* The next request has begun to come: into the same buffer, at its beginning. */
    memmove(x->in, x->in + at, left);
    x->next = w->free_exchanges;
    w->free_exchanges = x;
    x = server_exchange_take(w, c); /* this very one */
    server_peer_release(peer);
    x->in_len = left;
}

void server_exchange_free(struct worker *w, struct sev_exchange *x)
{
    x->in_at = x->in_len;
    server_exchange_over(w, x);
}

/* ------------------------------------------------------------- what it says */

const struct sev_http_request *sev_exchange_request(const struct sev_exchange *x)
{
    return &x->request;
}

const struct sev_server_peer *sev_exchange_peer(const struct sev_exchange *x)
{
    return &x->peer->is;
}

sev_slice sev_exchange_body(const struct sev_exchange *x)
{
    return sev_slice_of(x->body, x->body_len);
}

void sev_exchange_set_own(struct sev_exchange *x, void *own)
{
    x->own = own;
}

void *sev_exchange_own(const struct sev_exchange *x)
{
    return x->own;
}

/* ----------------------------------------------------------------- answers */

void sev_exchange_later(struct sev_exchange *x)
{
    x->later = true;
    x->worker->outside++;
}

void sev_exchange_add_field(struct sev_exchange *x, sev_slice name, sev_slice value)
{
    sev_buf out = sev_buf_of(x->fields, sizeof x->fields);
    out.len = x->fields_len;
    sev_http_put_field(&out, name, value);
    if (!out.overflow)
        x->fields_len = out.len;
}

/* The only place where an exchange goes back to its worker from another thread. */
static void given(struct sev_exchange *x, unsigned status, const char *type, enum source source)
{
    struct worker *w = x->worker;
    x->answer.given = true;
    x->answer.status = status;
    x->answer.type = type;
    x->answer.source = source;
    if (!x->later)
        return;
    pthread_mutex_lock(&w->lock);
    x->next = w->returned;
    w->returned = x;
    server_worker_wake(w); /* inside: afterwards the worker may be gone */
    pthread_mutex_unlock(&w->lock);
}

void sev_exchange_answer_owned(struct sev_exchange *x, unsigned status, const char *type,
                               void *body, size_t body_bytes)
{
    x->answer.memory = body;
    x->answer.total = body_bytes;
    given(x, status, type, body_bytes > 0 ? FROM_MEMORY : FROM_NOTHING);
}

void sev_exchange_answer(struct sev_exchange *x, unsigned status, const char *type, sev_slice body)
{
    void *copy = body.len > 0 ? malloc(body.len) : NULL;
    if (copy == NULL && body.len > 0) {
        given(x, 503, NULL, FROM_NOTHING);
        return;
    }
    if (body.len > 0)
        memcpy(copy, body.ptr, body.len);
    sev_exchange_answer_owned(x, status, type, copy, body.len);
}

void server_exchange_refuse(struct sev_exchange *x, unsigned status, sev_err why)
{
    char text[512];
    int len = snprintf(text, sizeof text,
                       "{\"code\":\"%s\",\"detail\":\"%s\",\"status\":%u,\"title\":\"%s\"}",
                       sev_err_id(why), sev_err_sentence(why), status, sev_http_reason(status));
    sev_exchange_answer(x, status, "application/problem+json", sev_slice_of(text, (size_t)len));
}

void sev_exchange_refuse(struct sev_exchange *x, sev_err why)
{
    server_exchange_refuse(x, sev_http_status(why), why);
}

static void keep_etag(char out[84], sev_slice etag)
{
    size_t len = etag.len < 84 ? etag.len : 0;
    if (len > 0)
        memcpy(out, etag.ptr, len);
    out[len] = '\0';
}

void sev_exchange_answer_page(struct sev_exchange *x, struct sev_page *page)
{
    x->answer.page = page;
    x->answer.total = page->body_bytes;
    memcpy(x->answer.etag, page->etag, sizeof page->etag);
    given(x, 200, page->type, FROM_PAGE);
}

void sev_exchange_answer_file(struct sev_exchange *x, const char *type, sev_slice etag, int fd,
                              uint64_t bytes)
{
    x->answer.fd = fd;
    x->answer.total = bytes;
    keep_etag(x->answer.etag, etag);
    given(x, 200, type, FROM_FILE);
}

void sev_exchange_answer_channel(struct sev_exchange *x, struct sev_channel *channel)
{
    x->answer.channel = channel;
    given(x, 200, "text/event-stream", FROM_CHANNEL);
}

/* ------------------------------------------------------------------- pages */

sev_err sev_page_new(const char *type, sev_slice etag, sev_slice body, struct sev_page **out)
{
    struct sev_page *page = malloc(sizeof *page + body.len);
    if (page == NULL)
        return SEV_E_MEMORY;
    atomic_init(&page->references, 1);
    page->type = type;
    page->body_bytes = body.len;
    keep_etag(page->etag, etag);
    if (body.len > 0)
        memcpy(page->body, body.ptr, body.len);
    *out = page;
    return SEV_OK;
}

struct sev_page *sev_page_ref(struct sev_page *page)
{
    atomic_fetch_add(&page->references, 1);
    return page;
}

void sev_page_free(struct sev_page *page)
{
    if (page != NULL && atomic_fetch_sub(&page->references, 1) == 1)
        free(page);
}
