/* request - heads and bodies as they come in, and the handler's say about them.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server.h"

#define BODY_BYTES_FIRST 16384u

static enum step refuse_as(struct worker *w, struct conn *c, unsigned status, sev_err why,
                           uint32_t wait_ms)
{
    struct sev_exchange *x = c->x;
    COUNT_ADD(w->counters.requests_refused, 1);
    server_event(w, c,
                 (struct sev_server_event){.kind = SEV_SERVER_REQUEST_REFUSED,
                                           .why = why,
                                           .phase = c->phase == REQUEST ? "head" : "body",
                                           .request = x->parsed ? &x->request : NULL,
                                           .status = status});
    if (wait_ms > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", (unsigned)(wait_ms + 999) / 1000);
        sev_exchange_add_field(x, SEV_LIT("Retry-After"), sev_slice_of(seconds, strlen(seconds)));
    }
    server_exchange_refuse(x, status, why);
    server_answer_begin(w, c);
    return AGAIN;
}

enum step server_refuse(struct worker *w, struct conn *c, sev_err why, uint32_t wait_ms)
{
    return refuse_as(w, c, sev_http_status(why), why, wait_ms);
}

static void begin_window(struct worker *w, struct conn *c)
{
    c->window_start = c->received;
    server_timer_set(w, c, w->now_ms + w->server->limits.window_ms);
}

/* The last byte is there: ask for the answer. */
static enum step whole(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    x->body_state = BODY_WHOLE;
    w->server->handler.whole(w->server->handler.context, x);
    if (x->later) { /* from here on it is somebody else's */
        c->phase = WAITING;
        server_timer_set(w, c, w->now_ms + w->server->limits.answer_ms);
        return BLOCKED;
    }
    if (!x->answer.given)
        return server_refuse(w, c, SEV_E_BUG, 0);
    server_answer_begin(w, c);
    return AGAIN;
}

/* May this peer ask this? */
static sev_err admit(struct worker *w, struct conn *c, uint32_t *out_wait_ms)
{
    struct sev_server *s = w->server;
    if (c->peer->is.authenticated) {
        sev_time now = w->wall > s->built ? w->wall : s->built;
        c->peer->is.expired = now > c->peer->is.not_after;
        if (c->peer->is.expired &&
            !atomic_load(&s->admit_expired)) /* it has expired since the handshake */
            return SEV_E_EXPIRED;
        sev_err e = sev_limiter_take(s->requests, c->peer->key, w->now_ms, out_wait_ms);
        if (e != SEV_OK)
            return e;
    }
    return s->handler.admit == NULL
               ? SEV_OK
               : s->handler.admit(s->handler.context, &c->peer->is, &c->x->request);
}

static sev_err judge_plan(const struct sev_http_request *r, const struct sev_body_plan *plan)
{
    if (!r->chunked && r->body_bytes == 0)
        return SEV_OK;
    if (r->chunked && plan->how != SEV_BODY_NONE && !plan->chunked)
        return SEV_E_HTTP_LENGTH;
    return plan->how == SEV_BODY_NONE || r->body_bytes > plan->bytes_max ? SEV_E_HTTP_BODY_LIMIT
                                                                         : SEV_OK;
}

static enum step begin(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    const struct sev_http_request *r = &x->request;
    uint32_t wait_ms = 0;
    clock_gettime(CLOCK_MONOTONIC, &x->began);
    COUNT_ADD(w->counters.requests, 1);
    c->served++;
    w->turn_requests++;
    x->parsed = true;
    x->body_state = r->chunked || r->body_bytes > 0 ? BODY_COMING : BODY_WHOLE;
    sev_err e = admit(w, c, &wait_ms);
    if (e != SEV_OK) /* what is wrong is the peer, not what it sent */
        return refuse_as(w, c, sev_err_class(e) == SEV_CLASS_REFUSE ? 403 : sev_http_status(e), e,
                         wait_ms);
    x->announced = true;
    e = w->server->handler.head(w->server->handler.context, x, &x->plan);
    if (e == SEV_OK && x->answer.given) {
        server_answer_begin(w, c);
        return AGAIN;
    }
    if (e == SEV_OK)
        e = judge_plan(r, &x->plan);
    if (e != SEV_OK)
        return server_refuse(w, c, e, 0);
    if (x->body_state == BODY_WHOLE)
        return whole(w, c);
    sev_http_chunked_init(&x->chunked, x->plan.bytes_max);
    x->body_left = r->body_bytes;
    c->phase = BODY;
    begin_window(w, c);
    if (r->expect_continue && x->in_at == x->in_len &&
        !server_write(w, c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return server_cut(w, c, SEV_E_IO, "body");
    return AGAIN;
}

enum step server_request_step(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x != NULL ? c->x : server_exchange_take(w, c);
    if (x == NULL)
        return server_cut(w, c, SEV_E_MEMORY, "head");
    if (w->turn_requests >= TURN_REQUESTS_MAX)
        return YIELD;
    for (;;) {
        size_t head = 0;
        if (x->in_len > x->scan.seen) {
            sev_err e = sev_http_request_read(&x->scan, sev_slice_of(x->in, x->in_len),
                                              SEV_HTTP_ALLOW_CHUNKED, &x->request, &head);
            if (e != SEV_OK)
                return server_refuse(w, c, e, 0);
        }
        if (head > 0) {
            x->in_at = head;
            return begin(w, c);
        }
        ssize_t n = server_read(c, x->in + x->in_len, sizeof x->in - x->in_len);
        if (n > 0) {
            if (x->in_len == 0)
                server_timer_set(w, c, w->now_ms + w->server->limits.head_ms);
            x->in_len += (size_t)n;
            continue;
        }
        if (n != -1)
            return x->in_len == 0 ? CLOSE : server_cut(w, c, SEV_E_UNREACHABLE, "head");
        if (x->in_len > 0)
            return BLOCKED;
        c->x = NULL; /* nobody asks: what is idle keeps no buffer */
        server_exchange_free(w, x);
        return w->draining && c->served > 0 ? CLOSE : BLOCKED;
    }
}

/* -------------------------------------------------------------------- body */

/* Room for more of a gathered body: it grows with what has come, not with what was announced. */
static sev_err make_room(struct worker *w, struct sev_exchange *x, size_t more)
{
    if (more <= x->body_cap - x->body_len)
        return SEV_OK;
    size_t cap = x->body_cap > 0 ? x->body_cap * 2 : BODY_BYTES_FIRST;
    size_t most = x->request.chunked ? (size_t)x->plan.bytes_max : (size_t)x->request.body_bytes;
    cap = cap > x->body_len + more ? cap : x->body_len + more;
    cap = cap < most ? cap : most;
    if (COUNT_GET(w->counters.gathered_bytes) + (cap - x->body_cap) >
        w->server->limits.body_bytes_max)
        return SEV_E_OVERLOADED;
    uint8_t *grown = realloc(x->body, cap);
    if (grown == NULL)
        return SEV_E_MEMORY;
    COUNT_ADD(w->counters.gathered_bytes, cap - x->body_cap);
    x->body = grown;
    x->body_cap = cap;
    return SEV_OK;
}

static sev_err take(struct worker *w, struct sev_exchange *x, sev_slice bytes)
{
    if (x->plan.how == SEV_BODY_STREAM)
        return w->server->handler.piece(w->server->handler.context, x, bytes);
    sev_err e = make_room(w, x, bytes.len);
    if (e != SEV_OK)
        return e;
    memcpy(x->body + x->body_len, bytes.ptr, bytes.len);
    x->body_len += bytes.len;
    return SEV_OK;
}

/* What lies in `in`; BODY_WHOLE when the end was in it. */
static sev_err take_buffered(struct worker *w, struct sev_exchange *x)
{
    sev_slice in = sev_slice_of(x->in + x->in_at, x->in_len - x->in_at), data = SEV_EMPTY;
    bool done = false;
    size_t used = 0;
    if (x->request.chunked) {
        sev_err e = sev_http_chunked_read(&x->chunked, in, &used, &data, &done);
        if (e != SEV_OK)
            return e;
    } else {
        data = sev_slice_sub(in, 0, x->body_left < in.len ? (size_t)x->body_left : in.len);
        used = data.len;
        x->body_left -= used;
        done = x->body_left == 0;
    }
    x->in_at += used;
    if (done)
        x->body_state = BODY_WHOLE;
    return data.len > 0 ? take(w, x, data) : SEV_OK;
}

/* More of a body of known length, past `in`, and never a byte that is not its own. */
static ssize_t read_plain(struct worker *w, struct conn *c, sev_err *out_why)
{
    struct sev_exchange *x = c->x;
    size_t most = x->body_left < sizeof w->scratch ? (size_t)x->body_left : sizeof w->scratch;
    ssize_t n = server_read(c, w->scratch, most);
    if (n > 0) {
        x->body_left -= (uint64_t)n;
        if (x->body_left == 0)
            x->body_state = BODY_WHOLE;
        *out_why = take(w, x, sev_slice_of(w->scratch, (size_t)n));
    }
    return n;
}

static ssize_t read_chunked(struct conn *c)
{
    struct sev_exchange *x = c->x;
    x->in_at = x->in_len = x->scan.seen; /* the head stays: slices point into it */
    ssize_t n = server_read(c, x->in + x->in_len, sizeof x->in - x->in_len);
    if (n > 0)
        x->in_len += (size_t)n;
    return n;
}

enum step server_body_step(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    for (size_t turn = 0; x->body_state != BODY_WHOLE;) {
        sev_err e = SEV_OK;
        size_t before = x->in_at;
        if (turn >= TURN_BYTES_MAX)
            return YIELD;
        if (x->in_at < x->in_len) {
            e = take_buffered(w, x);
            turn += x->in_at - before;
        } else {
            ssize_t n = x->request.chunked ? read_chunked(c) : read_plain(w, c, &e);
            if (n == -1)
                return BLOCKED;
            if (n <= 0)
                return server_cut(w, c, SEV_E_UNREACHABLE, "body");
            c->received += (uint64_t)n;
            COUNT_ADD(w->counters.body_bytes, n);
            turn += (size_t)n;
        }
        if (e != SEV_OK) {
            x->body_state = BODY_COMING; /* the stream is not worth reading on */
            return server_refuse(w, c, e, 0);
        }
    }
    return whole(w, c);
}
