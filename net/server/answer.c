/* answer - heads and bodies as they go out: in records of 16 KiB, a bounded number of them before
 * others have their turn. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

/* Which part of a page or file is wanted. */
static void choose_part(const struct sev_exchange *x, struct answer *a,
                        struct sev_http_range *out_range)
{
    sev_slice etag = sev_slice_of(a->etag, strlen(a->etag));
    *out_range = (struct sev_http_range){false, 0, a->total};
    if (x->request.method != SEV_HTTP_GET && x->request.method != SEV_HTTP_HEAD)
        return;
    if (sev_http_not_modified(&x->request.fields, etag)) {
        a->status = 304;
        return;
    }
    if (sev_http_range_of(&x->request.fields, etag, a->total, out_range) != SEV_OK)
        a->status = 416;
    else if (out_range->partial)
        a->status = 206;
}

static void put(sev_buf *out, const char *name, const char *value)
{
    sev_http_put_field(out, sev_slice_of(name, strlen(name)), sev_slice_of(value, strlen(value)));
}

static void put_head(const struct worker *w, const struct conn *c, struct sev_exchange *x,
                     const struct sev_http_range *range)
{
    struct answer *a = &x->answer;
    bool parts = a->source == FROM_PAGE || a->source == FROM_FILE;
    sev_buf out = sev_buf_of(a->head, sizeof a->head);
    sev_http_put_status(&out, a->status);
    put(&out, "Date", w->date);
    if (a->type != NULL && a->status != 304 && a->status != 416)
        put(&out, "Content-Type", a->type);
    if (a->etag[0] != '\0')
        put(&out, "ETag", a->etag);
    if (parts && a->status < 300)
        put(&out, "Accept-Ranges", "bytes");
    if (a->status == 206) {
        sev_http_put_content_range(&out, range, a->total);
    } else if (a->status == 416) {
        char text[48];
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)a->total);
        put(&out, "Content-Range", text);
    }
    if (a->source == FROM_CHANNEL)
        put(&out, "Cache-Control", "no-store");
    else if (a->status != 304 && a->status != 204)
        sev_http_put_number(&out, SEV_LIT("Content-Length"), a->left);
    sev_buf_put(&out, x->fields, x->fields_len);
    if (c->close_after)
        put(&out, "Connection", "close");
    sev_http_put_end(&out);
    a->head_len = out.overflow ? 0 : out.len;
}

void server_answer_begin(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    struct answer *a = &x->answer;
    struct sev_http_range range = {false, 0, a->total};
    if (a->source == FROM_PAGE || a->source == FROM_FILE)
        choose_part(x, a, &range);
    a->at = range.from;
    a->left = a->status == 304 || a->status == 416 || a->status == 204 ? 0 : range.bytes;
    if (x->body_state != BODY_WHOLE || w->draining || !x->request.keep_alive ||
        a->source == FROM_CHANNEL)
        c->close_after = true;
    put_head(w, c, x, &range);
    if (a->head_len == 0) { /* not reached: fields and types are bounded */
        c->close_after = true;
        a->left = 0;
    }
    if (x->parsed && x->request.method == SEV_HTTP_HEAD) {
        a->left = 0;
        if (a->source == FROM_CHANNEL)
            a->source = FROM_NOTHING;
    }
    if (a->source == FROM_CHANNEL) {
        a->reading = true;
        w->readers++;
        a->cursor = sev_channel_end(a->channel);
        sev_channel_watch(a->channel, w->wake);
    }
    c->phase = ANSWER;
    c->window_start = c->sent;
    server_timer_set(w, c, w->now_ms + w->server->limits.window_ms);
}

/* All of it is in `out`: on to the next request, or to the end. */
static enum step finish(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (now.tv_sec - x->began.tv_sec) * 1000000000 + (now.tv_nsec - x->began.tv_nsec);
    COUNT_ADD(w->counters.answers, 1);
    server_event(w, c,
                 (struct sev_server_event){.kind = SEV_SERVER_ANSWERED,
                                           .phase = "answer",
                                           .request = x->parsed ? &x->request : NULL,
                                           .status = x->answer.status,
                                           .bytes = x->answer.total,
                                           .microseconds = x->parsed ? (uint64_t)ns / 1000 : 0});
    if (c->close_after) {
        x->in_at = x->in_len; /* what else was sent is not answered */
        server_exchange_over(w, x);
        if (c->ssl != NULL && SSL_shutdown(c->ssl) < 0)
            return CLOSE;
        c->phase = LINGER;
        return AGAIN;
    }
    server_exchange_over(w, x);
    c->phase = REQUEST;
    server_timer_set(
        w, c, w->now_ms + (c->x != NULL ? w->server->limits.head_ms : w->server->limits.idle_ms));
    return AGAIN;
}

/* The next piece of the body into `scratch` behind `used` bytes, `most` with these, or where it
 * lies. NULL: the file is shorter than it was. */
static const uint8_t *piece(struct worker *w, struct answer *a, size_t used, size_t most,
                            size_t *out_bytes)
{
    size_t n = a->left < most - used ? (size_t)a->left : most - used;
    const uint8_t *from = a->source == FROM_PAGE ? a->page->body : a->memory;
    *out_bytes = n;
    if (a->source == FROM_FILE) {
        for (size_t got = 0; got < n;) {
            ssize_t r = pread(a->fd, w->scratch + used + got, n - got, (off_t)(a->at + got));
            if (r == 0 || (r < 0 && errno != EINTR))
                return NULL;
            got += r > 0 ? (size_t)r : 0;
        }
        return w->scratch;
    }
    if (used == 0 && n > 0)
        return from + a->at;
    if (n > 0)
        memcpy(w->scratch + used, from + a->at, n);
    return w->scratch;
}

static enum step channel_step(struct worker *w, struct conn *c)
{
    struct answer *a = &c->x->answer;
    for (;;) {
        if (!server_room(w) || w->out_len >= c->turn_bytes)
            return YIELD;
        ssize_t n = sev_channel_read(a->channel, a->cursor, w->scratch);
        if (n < 0)
            return server_cut(w, c, SEV_E_TOO_SLOW, "events");
        if (n == 0)
            break;
        a->cursor++;
        if (!server_write(w, c, w->scratch, (size_t)n))
            return server_cut(w, c, SEV_E_IO, "events");
        a->total += (uint64_t)n;
    }
    ssize_t n = server_read(c, w->scratch, sizeof w->scratch);
    return n == -1 ? BLOCKED : CLOSE; /* the reader left, or says what nobody asked */
}

enum step server_answer_step(struct worker *w, struct conn *c)
{
    struct answer *a = &c->x->answer;
    while (a->head_at < a->head_len || a->left > 0) {
        size_t used = a->head_len - a->head_at, bytes = 0;
        if (!server_room(w) || w->out_len >= c->turn_bytes)
            return YIELD;
        size_t most = c->turn_bytes - w->out_len;
        most = most < RECORD_BYTES ? RECORD_BYTES : most < PIECE_BYTES ? most : PIECE_BYTES;
        memcpy(w->scratch, a->head + a->head_at, used);
        const uint8_t *from = piece(w, a, used, most, &bytes);
        if (from == NULL)
            return server_cut(w, c, SEV_E_IO, "file");
        if (!server_write(w, c, from, used + bytes))
            return server_cut(w, c, SEV_E_IO, "answer");
        a->head_at = a->head_len;
        a->at += bytes;
        a->left -= bytes;
        COUNT_ADD(w->counters.answer_bytes, bytes);
    }
    return a->reading ? channel_step(w, c) : finish(w, c);
}
