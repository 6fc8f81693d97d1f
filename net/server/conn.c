/* conn - one connection: its phases, its turns, its end. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "server.h"

#define HEARTBEAT_MS 15000u

void server_event(struct worker *w, const struct conn *c, struct sev_server_event event)
{
    if (w->server->handler.event == NULL)
        return;
    event.peer = &c->peer->is;
    w->server->handler.event(w->server->handler.context, &event);
}

enum step server_cut(struct worker *w, struct conn *c, sev_err why, const char *phase)
{
    struct sev_exchange *x = c->x;
    COUNT_ADD(w->counters.cut_off, 1);
    server_event(w, c,
                 (struct sev_server_event){.kind = SEV_SERVER_CUT_OFF,
                                           .why = why,
                                           .phase = phase,
                                           .request = x != NULL && x->parsed ? &x->request : NULL});
    return CLOSE;
}

/* --------------------------------------------------------------- handshake */

static enum step handshake_failed(struct worker *w, struct conn *c, sev_err why)
{
    COUNT_ADD(w->counters.handshakes_failed, 1);
    server_event(w, c,
                 (struct sev_server_event){
                     .kind = SEV_SERVER_HANDSHAKE_FAILED, .why = why, .phase = "handshake"});
    c->broken = true;
    return CLOSE;
}

static enum step handshake_step(struct worker *w, struct conn *c)
{
    struct peer *known = NULL;
    ERR_clear_error();
    int done = SSL_do_handshake(c->ssl);
    if (done != 1 && SSL_get_error(c->ssl, done) == SSL_ERROR_WANT_READ)
        return BLOCKED;
    if (done != 1)
        return handshake_failed(w, c, SEV_E_TLS);
    if (server_peer_new(w->server, c->ssl, c->peer->is.address, &known) != SEV_OK)
        return handshake_failed(w, c, SEV_E_MEMORY);
    server_peer_release(c->peer);
    c->peer = known;
    COUNT_ADD(w->counters.open_handshakes, -1);
    if (SSL_session_reused(c->ssl) == 1)
        COUNT_ADD(w->counters.handshakes_resumed, 1);
    else
        COUNT_ADD(w->counters.handshakes_full, 1);
    c->phase = REQUEST;
    server_timer_set(w, c, w->now_ms + w->server->limits.head_ms);
    return AGAIN;
}

/* --------------------------------------------------------------------- end */

/* After the last answer: say that this is the end, but read on until the peer has seen it, for a
 * socket closed on unread bytes takes the answer with it. */
static enum step linger_step(struct worker *w, struct conn *c)
{
    if (w->out_len > 0)
        return YIELD;
    if (!c->fin_sent) {
        if (shutdown(c->fd, SHUT_WR) != 0)
            return CLOSE;
        c->fin_sent = true;
        server_timer_set(w, c, w->now_ms + LINGER_MS);
    }
    while (c->readable && c->lingered < LINGER_BYTES_MAX) {
        ssize_t n = recv(c->fd, w->scratch, sizeof w->scratch, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return CLOSE;
        if (n < 0)
            c->readable = errno == EINTR;
        else
            c->lingered += (size_t)n;
    }
    return c->lingered < LINGER_BYTES_MAX ? BLOCKED : CLOSE;
}

static void close_tls(struct worker *w, struct conn *c)
{
    /* Without this OpenSSL holds a session whose connection ended without farewells for bad, and
     * forgets it: resumption would fall to nothing, silently. */
    if (c->phase != HANDSHAKE) {
        bool listens = (SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN) == 0;
        if (listens && !c->broken && c->pending == NULL && c->phase != LINGER) {
            ERR_clear_error();
            w->turn = c;
            if (SSL_shutdown(c->ssl) >= 0)
                (void)server_flush(w, c);
        }
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    } else {
        COUNT_ADD(w->counters.open_handshakes, -1);
    }
    w->out_len = 0;
    w->turn = NULL;
    SSL_free(c->ssl);
    c->ssl = NULL;
}

void server_conn_close(struct worker *w, struct conn *c)
{
    struct sev_exchange *x = c->x;
    c->x = NULL;
    if (x != NULL && x->later) {
        x->conn = NULL; /* until the answer is given */
    } else if (x != NULL) {
        x->conn = NULL;
        server_exchange_free(w, x);
    }
    if (c->ssl != NULL)
        close_tls(w, c);
    server_keep_none(w, c);
    server_timer_clear(c);
    server_peer_release(c->peer);
    c->peer = NULL;
    close(c->fd); /* leaves the epoll set, too */
    c->fd = -1;
    c->generation++;
    COUNT_ADD(w->counters.open_connections, -1);
    if (c->queued)
        return; /* the slot is free when the queue has come by */
    w->free_slots[w->free_count++] = (uint32_t)(c - w->conns);
}

/* ------------------------------------------------------------------- turns */

void server_conn_open(struct worker *w, struct conn *c)
{
    c->turn_bytes = TURN_BYTES_FIRST;
    c->writable = true;
    c->readable = true; /* the first bytes are often there */
    c->phase = c->ssl != NULL ? HANDSHAKE : REQUEST;
    server_timer_set(
        w, c,
        w->now_ms + (c->ssl != NULL ? w->server->limits.handshake_ms : w->server->limits.head_ms));
    server_conn_turn(w, c);
}

static enum step step(struct worker *w, struct conn *c)
{
    switch (c->phase) {
    case HANDSHAKE:
        return handshake_step(w, c);
    case REQUEST:
        return server_request_step(w, c);
    case BODY:
        return server_body_step(w, c);
    case ANSWER:
        return server_answer_step(w, c);
    case LINGER:
        return linger_step(w, c);
    default:
        return BLOCKED; /* WAITING */
    }
}

void server_conn_turn(struct worker *w, struct conn *c)
{
    enum step s = BLOCKED;
    w->turn = c;
    w->out_len = 0;
    w->turn_requests = 0;
    w->turn_in = 0;
    c->held_back = false;
    bool good = server_flush_pending(w, c);
    /* Nothing is read or made while the peer has not taken what was made before. */
    if (good && c->pending == NULL) {
        do
            s = step(w, c);
        while (s == AGAIN && server_room(w));
        good = server_flush(w, c);
    }
    w->turn = NULL;
    if (!good) {
        c->broken = true;
        s = c->phase == HANDSHAKE ? handshake_failed(w, c, SEV_E_TLS)
                                  : server_cut(w, c, SEV_E_UNREACHABLE, "answer");
    }
    if (s == CLOSE)
        server_conn_close(w, c);
    else if ((s == AGAIN || s == YIELD || c->held_back) && c->pending == NULL)
        server_queue(w, c);
}

/* --------------------------------------------------------------- deadlines */

/* Has the peer taken enough since the last look? What counts is what it acknowledged: the kernel's
 * buffers would hide a peer that reads nothing for a long time. REQ-H19 */
static bool reads_too_slowly(const struct worker *w, struct conn *c)
{
    const struct sev_server_limits *limits = &w->server->limits;
    int unacknowledged = 0;
    if (ioctl(c->fd, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged < 0)
        unacknowledged = 0;
    uint64_t taken = c->sent - (uint64_t)unacknowledged;
    uint64_t progress = taken > c->window_start ? taken - c->window_start : 0;
    c->window_start = taken > c->window_start ? taken : c->window_start;
    if (c->pending == NULL && unacknowledged == 0)
        return false;
    return progress < (uint64_t)limits->rate_min * limits->window_ms / 1000;
}

/* The later answer comes too late: it will find nobody, and this peer is told so. */
static void answer_late(struct worker *w, struct conn *c)
{
    c->x->conn = NULL;
    struct sev_exchange *x = server_exchange_take(w, c);
    c->close_after = true;
    if (x == NULL) {
        (void)server_cut(w, c, SEV_E_MEMORY, "waiting");
        server_conn_close(w, c);
        return;
    }
    (void)server_refuse(w, c, SEV_E_OVERLOADED, 1000);
    server_conn_turn(w, c);
}

static void answer_expired(struct worker *w, struct conn *c)
{
    bool idle_reader = c->x != NULL && c->x->answer.reading && c->pending == NULL;
    if (reads_too_slowly(w, c)) {
        (void)server_cut(w, c, SEV_E_TOO_SLOW, "answer");
        server_conn_close(w, c);
        return;
    }
    server_timer_set(w, c, w->now_ms + (idle_reader ? HEARTBEAT_MS : w->server->limits.window_ms));
    if (!idle_reader)
        return;
    w->turn = c;
    w->out_len = 0;
    bool good = server_write(w, c, ":\n\n", 3) && server_flush(w, c);
    w->turn = NULL;
    if (!good)
        server_conn_close(w, c);
}

void server_conn_expired(struct worker *w, struct conn *c)
{
    const struct sev_server_limits *limits = &w->server->limits;
    uint64_t got = 0;
    switch (c->phase) {
    case HANDSHAKE:
        (void)handshake_failed(w, c, SEV_E_TOO_SLOW);
        server_conn_close(w, c);
        break;
    case REQUEST:
        if (c->pending != NULL) { /* the last answer is still going out */
            answer_expired(w, c);
            break;
        }
        if (c->x != NULL || c->served == 0)
            (void)server_cut(w, c, SEV_E_TOO_SLOW, "head");
        server_conn_close(w, c);
        break;
    case BODY:
        got = c->received - c->window_start;
        c->window_start = c->received;
        if (got < (uint64_t)limits->rate_min * limits->window_ms / 1000) {
            (void)server_cut(w, c, SEV_E_TOO_SLOW, "body");
            server_conn_close(w, c);
        } else {
            server_timer_set(w, c, w->now_ms + limits->window_ms);
        }
        break;
    case WAITING:
        answer_late(w, c);
        break;
    case ANSWER:
        answer_expired(w, c);
        break;
    case LINGER:
        if (c->fin_sent)
            server_conn_close(w, c);
        else
            answer_expired(w, c);
        break;
    }
}
