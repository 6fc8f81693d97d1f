/* client - see client_http.h: a request out, an answer in. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"

#define LAST_WORDS_MS 1000 /* of a server to which nothing can be said any more */
#define INTERIM_MAX 8      /* answers such as 100 before the real one */

const struct sev_http_client_limits sev_http_client_defaults = {
    .connect_ms = 10000,
    .handshake_ms = 10000,
    .first_ms = 30000,
    .rate_min = 512,
    .window_ms = 10000,
};

/* --------------------------------------------------------------------- open */

static bool is_host_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '-' || ch == '.';
}

static bool take_port(struct sev_http_client *c, const char *p)
{
    size_t n = strspn(p, "0123456789");
    if (n == 0 || n > 5 || (p[n] != '\0' && strcmp(p + n, "/") != 0))
        return false;
    memcpy(c->port, p, n);
    long port = strtol(c->port, NULL, 10);
    return port > 0 && port <= 65535;
}

/* "https://host[:port][/]" */
static bool take_url(struct sev_http_client *c, const char *url)
{
    static const char scheme[] = "https://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *p = url + sizeof scheme - 1, *host = p;
    bool bracketed = *p == '[';
    size_t n = 0;
    if (bracketed) {
        n = strspn(++host, "0123456789abcdefABCDEF:.");
        p = host + n;
        if (*p++ != ']')
            return false;
    } else {
        while (is_host_char(host[n]))
            n++;
        p = host + n;
    }
    if (n == 0 || n >= sizeof c->host)
        return false;
    memcpy(c->host, host, n);
    if (*p == ':' && !take_port(c, p + 1))
        return false;
    if (*p != ':' && *p != '\0' && strcmp(p, "/") != 0)
        return false;
    if (*p != ':')
        memcpy(c->port, "443", 4);
    snprintf(c->authority, sizeof c->authority, "%s%s%s%s%s", bracketed ? "[" : "", c->host,
             bracketed ? "]" : "", *p == ':' ? ":" : "", *p == ':' ? c->port : "");
    return true;
}

/* What a field's value may hold, without a blank. */
static bool take_bearer(struct sev_http_client *c, const char *token)
{
    if (token == NULL)
        return true;
    for (const char *p = token; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    int n = token[0] != '\0' ? asprintf(&c->bearer, "Bearer %s", token) : -1;
    if (n < 0)
        c->bearer = NULL;
    return n > 0 && n < SEV_HTTP_HEAD_BYTES_MAX / 2;
}

sev_err sev_http_client_new(const struct sev_http_client_config *config,
                            struct sev_http_client **out)
{
    struct sev_http_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SEV_E_MEMORY;
    c->fd = -1;
    c->limits = config->limits;
    c->built = config->built;
    bool good = take_url(c, config->url) && take_bearer(c, config->bearer) &&
                config->limits.connect_ms > 0 && config->limits.handshake_ms > 0 &&
                config->limits.first_ms > 0 && config->limits.window_ms > 0;
    sev_err e = good ? client_tls_new(c, config) : SEV_E_CONFIG;
    if (e == SEV_OK)
        *out = c;
    else
        sev_http_client_free(c);
    return e;
}

void sev_http_client_free(struct sev_http_client *c)
{
    if (c == NULL)
        return;
    client_disconnect(c);
    SSL_SESSION_free(c->session);
    SSL_CTX_free(c->tls);
    BIO_meth_free(c->method);
    if (c->bearer != NULL)
        explicit_bzero(c->bearer, strlen(c->bearer));
    free(c->bearer);
    explicit_bzero(c->out, sizeof c->out); /* the token was in it */
    free(c);
}

/* ------------------------------------------------------------------ sending */

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

static bool put_head(struct sev_http_client *c, const struct sev_http_ask *ask, uint64_t bytes,
                     sev_buf *out)
{
    bool has_body = ask->type != NULL;
    sev_http_put_request(out, ask->method, text(ask->target), text(c->authority));
    if (c->bearer != NULL)
        sev_http_put_field(out, SEV_LIT("Authorization"), text(c->bearer));
    if (has_body) {
        sev_http_put_field(out, SEV_LIT("Content-Type"), text(ask->type));
        sev_http_put_number(out, SEV_LIT("Content-Length"), bytes);
    }
    for (size_t i = 0; i < ask->field_count; i++)
        sev_http_put_field(out, ask->fields[i].name, ask->fields[i].value);
    sev_http_put_end(out);
    return !out->overflow && (has_body || bytes == 0);
}

/* Fill `out` with what of the body comes next; `*at` says how much of it was taken. */
static sev_err fill(const struct sev_http_ask *ask, uint64_t bytes, uint64_t *at, sev_buf *out)
{
    while (*at < bytes && out->len < out->cap) {
        size_t n = out->cap - out->len, got = 0;
        if (n > bytes - *at)
            n = (size_t)(bytes - *at);
        if (ask->source == NULL) {
            memcpy(out->ptr + out->len, ask->body.ptr + *at, n);
            got = n;
        } else {
            sev_err e = ask->source(ask->source_context, out->ptr + out->len, n, &got);
            if (e != SEV_OK)
                return e;
            if (got == 0 || got > n)
                return SEV_E_BUG;
        }
        out->len += got;
        *at += got;
    }
    return SEV_OK;
}

static sev_err send_request(struct sev_http_client *c, const struct sev_http_ask *ask,
                            bool *out_whole)
{
    uint64_t bytes = ask->source != NULL ? ask->source_bytes : ask->body.len, at = 0;
    sev_buf out = sev_buf_of(c->out, SEV_HTTP_HEAD_BYTES_MAX);
    bool early = false;
    if (!put_head(c, ask, bytes, &out)) {
        snprintf(c->detail, sizeof c->detail, "a request that cannot be sent");
        return SEV_E_CONFIG;
    }
    out.cap = sizeof c->out;
    c->patience = (struct patience){.left_ms = c->limits.window_ms, .rate = true};
    do {
        sev_err e = fill(ask, bytes, &at, &out);
        if (e == SEV_OK)
            e = client_write(c, out.ptr, out.len, &early);
        if (e != SEV_OK)
            return e;
        out.len = 0;
        /* An answer to half a request is a refusal: it is not to be lost in a reset. */
        early = early || (at < bytes && !client_is_idle(c));
    } while (at < bytes && !early);
    *out_whole = !early;
    return SEV_OK;
}

/* ---------------------------------------------------------------- receiving */

/* More behind what is there. */
static sev_err more(struct sev_http_client *c, size_t room)
{
    size_t n = 0;
    sev_err e = client_read(c, c->in + c->in_len, room, &n);
    c->in_len += n;
    if (e == SEV_OK && n == 0) {
        snprintf(c->detail, sizeof c->detail, "the server closed the connection");
        return SEV_E_UNREACHABLE;
    }
    return e;
}

static sev_err read_head(struct sev_http_client *c, unsigned flags, struct sev_http_response *out,
                         size_t *out_bytes)
{
    struct sev_http_scan scan = {0, 0};
    *out_bytes = 0;
    for (;;) {
        if (c->in_len > 0) {
            sev_err e = sev_http_response_read(&scan, sev_slice_of(c->in, c->in_len), flags, out,
                                               out_bytes);
            if (e != SEV_OK || *out_bytes > 0)
                return e;
        }
        sev_err e = more(c, SEV_HTTP_HEAD_BYTES_MAX + CLIENT_PIECE_BYTES - c->in_len);
        if (e != SEV_OK)
            return e;
        if (!c->patience.rate)
            c->patience = (struct patience){.left_ms = c->limits.window_ms, .rate = true};
    }
}

/* Where the pieces of a body go. */
struct intake {
    sev_buf *room;
    sev_http_sink *sink; /* of a 2xx answer, when there is one */
    void *sink_context;
    uint64_t bytes_max, bytes;
    bool refusal, left_out; /* a refusal's body, and there was no room for it */
};

static sev_err take(struct intake *in, sev_slice piece)
{
    in->bytes += piece.len;
    if (in->sink != NULL)
        return in->sink(in->sink_context, piece);
    sev_buf_put_slice(in->room, piece);
    return SEV_OK;
}

/* As announced. */
static sev_err read_plain(struct sev_http_client *c, uint64_t bytes, size_t from, struct intake *in)
{
    if (bytes > in->bytes_max)
        return SEV_E_TOO_LONG;
    for (uint64_t at = 0; at < bytes;) {
        if (c->in_len == from) {
            sev_err e = more(c, CLIENT_PIECE_BYTES);
            if (e != SEV_OK)
                return e;
        }
        size_t n = c->in_len - from;
        if (n > bytes - at)
            n = (size_t)(bytes - at);
        sev_err e = take(in, sev_slice_of(c->in + from, n));
        if (e != SEV_OK)
            return e;
        at += n;
        memmove(c->in + from, c->in + from + n, c->in_len - from - n);
        c->in_len -= n;
    }
    return SEV_OK;
}

static sev_err read_chunked(struct sev_http_client *c, size_t from, struct intake *in)
{
    struct sev_http_chunked chunked;
    bool done = false;
    sev_http_chunked_init(&chunked, in->bytes_max);
    while (!done) {
        size_t used = 0;
        sev_slice piece = SEV_EMPTY, all = sev_slice_of(c->in + from, c->in_len - from);
        sev_err e = all.len == 0 ? more(c, CLIENT_PIECE_BYTES)
                                 : sev_http_chunked_read(&chunked, all, &used, &piece, &done);
        if (e == SEV_OK && piece.len > 0)
            e = take(in, piece);
        if (e != SEV_OK)
            return e == SEV_E_HTTP_BODY_LIMIT ? SEV_E_TOO_LONG : e;
        memmove(c->in + from, c->in + from + used, c->in_len - from - used);
        c->in_len -= used;
    }
    return SEV_OK;
}

static sev_err read_answer(struct sev_http_client *c, const struct sev_http_ask *ask,
                           struct sev_http_answer *out, bool *out_keep)
{
    unsigned flags = ask->method == SEV_HTTP_HEAD ? SEV_HTTP_TO_HEAD : 0, interim = 0;
    struct sev_http_response head;
    size_t head_bytes = 0;
    c->patience = (struct patience){.left_ms = c->broken ? LAST_WORDS_MS : c->limits.first_ms};
    sev_err e = read_head(c, flags, &head, &head_bytes);
    for (; e == SEV_OK && head.status < 200; e = read_head(c, flags, &head, &head_bytes)) {
        if (head.status == 101 || ++interim > INTERIM_MAX)
            return SEV_E_HTTP_SYNTAX;
        memmove(c->in, c->in + head_bytes, c->in_len - head_bytes);
        c->in_len -= head_bytes;
    }
    if (e != SEV_OK)
        return e;
    bool good = head.status < 300, sunk = good && ask->sink != NULL;
    struct intake in = {.room = ask->room, .refusal = head.status >= 400};
    in.bytes_max = sunk ? ask->sink_bytes_max : ask->room->cap;
    in.sink = sunk ? ask->sink : NULL;
    in.sink_context = ask->sink_context;
    e = head.chunked ? read_chunked(c, head_bytes, &in)
                     : read_plain(c, head.body_bytes, head_bytes, &in);
    bool left_out = e == SEV_E_TOO_LONG && in.refusal;
    if (e != SEV_OK && !left_out)
        return e;
    if (left_out)
        in.room->len = 0;
    /* Bytes that nobody asked for: who knows what they would answer. */
    *out_keep = head.keep_alive && !left_out && c->in_len == head_bytes;
    *out = (struct sev_http_answer){
        .status = head.status, .body = sev_buf_slice(in.room), .fields = head.fields};
    return SEV_OK;
}

/* ------------------------------------------------------------------- asking */

static sev_err exchange(struct sev_http_client *c, const struct sev_http_ask *ask,
                        struct sev_http_answer *out, bool *out_keep)
{
    bool whole = false, keep = false;
    c->in_len = 0;
    *ask->room = sev_buf_of(ask->room->ptr, ask->room->cap);
    sev_err e = send_request(c, ask, &whole);
    if (e == SEV_OK)
        e = read_answer(c, ask, out, &keep);
    if (e != SEV_OK && c->detail[0] == '\0')
        snprintf(c->detail, sizeof c->detail, "%s", sev_err_sentence(e));
    *out_keep = e == SEV_OK && whole && keep;
    return e;
}

sev_err sev_http_client_ask(struct sev_http_client *c, const struct sev_http_ask *ask,
                            struct sev_http_answer *out)
{
    bool again = ask->repeatable || ask->method == SEV_HTTP_GET || ask->method == SEV_HTTP_HEAD ||
                 ask->method == SEV_HTTP_PUT || ask->method == SEV_HTTP_DELETE ||
                 ask->method == SEV_HTTP_OPTIONS;
    c->detail[0] = '\0';
    c->ends_ms = c->limits.whole_ms != 0 ? client_clock_ms() + c->limits.whole_ms : 0;
    again = again && ask->source == NULL;
    bool kept = client_is_idle(c), keep = false;
    sev_err e = kept ? SEV_OK : client_connect(c);
    if (e == SEV_OK)
        e = exchange(c, ask, out, &keep);
    /* It had been idle, and was closed as we wrote: the server has seen nothing, or what it may see
     * twice. */
    if (e != SEV_OK && kept && again && c->closed && c->in_len == 0) {
        c->detail[0] = '\0';
        e = client_connect(c);
        if (e == SEV_OK)
            e = exchange(c, ask, out, &keep);
    }
    if (!keep)
        client_disconnect(c);
    return e;
}

const char *sev_http_client_detail(const struct sev_http_client *c)
{
    return c->detail;
}

struct sev_http_client_counters sev_http_client_count(const struct sev_http_client *c)
{
    return c->counters;
}
