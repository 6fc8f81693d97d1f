/* worker - a thread with its loop: accept, events, turns, deadlines. SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define EVENTS_MAX 64
#define ACCEPTS_MAX 64 /* in a row, before those that are here already */
#define TAG_LISTENER UINT64_MAX
#define TAG_WAKE (UINT64_MAX - 1)
#define UNSENT_BYTES_MAX (256 * 1024) /* in the kernel, not on the wire */
#define NO_DESCRIPTORS_MS 100

static void look_at_clocks(struct worker *w)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    w->now_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec == w->wall && w->date[0] != '\0')
        return;
    sev_buf date = sev_buf_of(w->date, sizeof w->date - 1);
    w->wall = t.tv_sec;
    sev_http_put_date(&date, w->wall);
    w->date[date.len] = '\0';
}

void server_worker_wake(const struct worker *w)
{
    const uint64_t one = 1;
    (void)!write(w->wake, &one, sizeof one);
}

void server_queue(struct worker *w, struct conn *c)
{
    if (c->queued)
        return;
    c->queued = true;
    w->queue[w->queue_len++] = c;
}

/* ------------------------------------------------------------------ accept */

static uint64_t network_key(const struct sev_server *s, const struct sockaddr_storage *from)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;
        return sev_limiter_key(s->secret, &v4->sin_addr, 3);
    }
    const struct sockaddr_in6 *v6 = (const void *)from;
    const uint8_t *bytes = v6->sin6_addr.s6_addr;
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) accept filled it in
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) /* else all of IPv4 were one network */
        return sev_limiter_key(s->secret, bytes + 12, 3);
    return sev_limiter_key(s->secret, bytes, 7);
}

static struct peer *stranger(const struct sockaddr_storage *from)
{
    struct peer *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    const void *address =
        from->ss_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)from)->sin_addr
            : &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    p->references = 1;
    (void)inet_ntop(from->ss_family, address, p->is.address, sizeof p->is.address);
    return p;
}

/* Cheap: no farewell, no state left in the kernel. */
static void turn_away(struct worker *w, int fd, const struct sockaddr_storage *from, sev_err why)
{
    const struct linger now = {1, 0};
    COUNT_ADD(w->counters.refused, 1);
    if (w->server->handler.event != NULL) {
        struct peer *p = stranger(from);
        struct sev_server_event event = {
            .kind = SEV_SERVER_CONNECTION_REFUSED, .why = why, .phase = "accept"};
        struct sev_server_peer nobody = {0};
        event.peer = p != NULL ? &p->is : &nobody;
        w->server->handler.event(w->server->handler.context, &event);
        server_peer_release(p);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static bool begin_tls(struct worker *w, struct conn *c)
{
    if (w->tls == NULL)
        return true;
    BIO *bio = BIO_new(w->server->bio);
    c->ssl = SSL_new(w->tls);
    if (bio == NULL || c->ssl == NULL) {
        BIO_free(bio);
        SSL_free(c->ssl);
        c->ssl = NULL;
        return false;
    }
    /* A clock that was set back makes no certificate good again. */
    if (w->wall < w->server->built)
        X509_VERIFY_PARAM_set_time(SSL_get0_param(c->ssl), w->server->built);
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    SSL_set_accept_state(c->ssl);
    return true;
}

static bool watch(struct worker *w, struct conn *c)
{
    const int yes = 1, unsent = UNSENT_BYTES_MAX;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    event.data.u64 = (uint64_t)c->generation << 32 | (uint64_t)(c - w->conns);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static void take_in(struct worker *w, int fd, const struct sockaddr_storage *from)
{
    uint32_t wait_ms = 0, slot = w->free_slots[w->free_count - 1];
    struct conn *c = &w->conns[slot];
    struct peer *p = NULL;
    sev_err e =
        sev_limiter_take(w->server->connections, network_key(w->server, from), w->now_ms, &wait_ms);
    if (e == SEV_OK && (p = stranger(from)) == NULL)
        e = SEV_E_MEMORY;
    if (e != SEV_OK) {
        turn_away(w, fd, from, e);
        return;
    }
    *c = (struct conn){.worker = w, .fd = fd, .generation = c->generation, .peer = p};
    if (!begin_tls(w, c) || !watch(w, c)) {
        SSL_free(c->ssl);
        c->ssl = NULL;
        c->fd = -1;
        c->peer = NULL;
        server_peer_release(p);
        turn_away(w, fd, from, SEV_E_MEMORY);
        return;
    }
    w->free_count--;
    COUNT_ADD(w->counters.accepted, 1);
    COUNT_ADD(w->counters.open_connections, 1);
    if (c->ssl != NULL)
        COUNT_ADD(w->counters.open_handshakes, 1);
    server_conn_open(w, c);
}

static bool has_place(const struct worker *w)
{
    return w->free_count > 0 &&
           COUNT_GET(w->counters.open_handshakes) < w->server->limits.handshakes_max;
}

/* Whom we have no place for waits in the kernel's queue. */
static void set_listening(struct worker *w, bool listening)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG_LISTENER};
    if (w->listener < 0 || w->listening == listening)
        return;
    if (epoll_ctl(w->epoll, listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->listener, &event) == 0)
        w->listening = listening;
}

static void accept_some(struct worker *w)
{
    for (unsigned n = 0; n < ACCEPTS_MAX && has_place(w); n++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd = accept4(w->listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_in(w, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct sev_server_peer nobody = {0};
            struct sev_server_event event = {.kind = SEV_SERVER_TROUBLE,
                                             .why = SEV_E_IO,
                                             .phase = "accept",
                                             .peer = &nobody,
                                             .system_error = errno};
            if (w->server->handler.event != NULL)
                w->server->handler.event(w->server->handler.context, &event);
            w->paused_until = w->now_ms + NO_DESCRIPTORS_MS;
            break;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } /* else that one has gone again: the next */
    }
}

/* -------------------------------------------------------------------- load */

/* How long did the last of a batch wait? Strangers pay first, and get back last. REQ-B03 */
static void look_at_load(struct worker *w)
{
    struct sev_server *s = w->server;
    if (s->limits.lag_ms == 0 || w->now_ms < w->load_look_ms)
        return;
    bool slow = w->waited_ms > s->limits.lag_ms;
    w->load_look_ms = w->now_ms + 1000;
    w->waited_ms = 0;
    pthread_mutex_lock(&s->load_lock);
    unsigned strangers = sev_limiter_share(s->connections), peers = sev_limiter_share(s->requests);
    unsigned strangers_before = strangers, peers_before = peers;
    if (slow && strangers > 1)
        strangers /= 2;
    else if (slow)
        peers = peers > 1 ? peers / 2 : 1;
    else if (peers < 16)
        peers++;
    else if (strangers < 16)
        strangers++;
    sev_limiter_set_share(s->connections, strangers);
    sev_limiter_set_share(s->requests, peers);
    pthread_mutex_unlock(&s->load_lock);
    if ((strangers != strangers_before || peers != peers_before) && s->handler.event != NULL) {
        struct sev_server_peer nobody = {0};
        struct sev_server_event event = {.kind = SEV_SERVER_LOAD,
                                         .phase = "load",
                                         .peer = &nobody,
                                         .stranger_share = strangers,
                                         .peer_share = peers};
        s->handler.event(s->handler.context, &event);
    }
}

/* -------------------------------------------------------------------- wake */

static void answers_returned(struct worker *w, struct sev_exchange *x)
{
    while (x != NULL) {
        struct sev_exchange *next = x->next;
        struct conn *c = x->conn;
        x->later = false;
        w->outside--;
        if (c != NULL) {
            server_answer_begin(w, c);
            server_conn_turn(w, c);
        } else {
            server_exchange_free(w, x);
        }
        x = next;
    }
}

static void begin_draining(struct worker *w, uint32_t drain_ms)
{
    w->draining = true;
    w->drain_until = w->now_ms + drain_ms;
    if (w->listener >= 0) {
        accept_some(w); /* they have connected already */
        set_listening(w, false);
        close(w->listener);
        w->listener = -1;
    }
    for (uint32_t i = 0; i < w->server->limits.connections_max; i++) {
        struct conn *c = &w->conns[i];
        if (c->fd >= 0 && c->phase == REQUEST && c->pending == NULL)
            server_conn_turn(w, c); /* idle ones go; a request that has come is answered */
    }
}

static void wake(struct worker *w)
{
    uint64_t count = 0;
    (void)!read(w->wake, &count, sizeof count);
    pthread_mutex_lock(&w->lock);
    struct sev_exchange *returned = w->returned;
    w->returned = NULL;
    SSL_CTX *tls = w->new_tls;
    w->new_tls = NULL;
    bool stop = w->stop;
    uint32_t drain_ms = w->drain_ms;
    pthread_mutex_unlock(&w->lock);
    if (tls != NULL) {
        SSL_CTX_free(w->tls);
        w->tls = tls;
    }
    answers_returned(w, returned);
    if (stop && !w->draining)
        begin_draining(w, drain_ms);
    for (uint32_t i = 0; w->readers > 0 && i < w->server->limits.connections_max; i++) {
        struct conn *c = &w->conns[i];
        if (c->fd >= 0 && c->x != NULL && c->phase == ANSWER && c->x->answer.reading)
            server_conn_turn(w, c);
    }
}

/* -------------------------------------------------------------------- loop */

static void connection_event(struct worker *w, uint64_t tag, uint32_t events)
{
    struct conn *c = &w->conns[(uint32_t)tag];
    if (c->fd < 0 || c->generation != (uint32_t)(tag >> 32))
        return; /* of a connection that was closed in this very batch */
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        c->readable = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        c->read_closed = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        c->writable = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && c->phase == WAITING) {
        (void)server_cut(w, c, SEV_E_UNREACHABLE, "waiting");
        server_conn_close(w, c);
        return;
    }
    server_conn_turn(w, c);
}

static void run_queue(struct worker *w)
{
    uint32_t len = w->queue_len;
    for (uint32_t i = 0; i < len; i++) {
        struct conn *c = w->queue[i];
        c->queued = false;
        if (c->fd >= 0)
            server_conn_turn(w, c);
        else
            w->free_slots[w->free_count++] = (uint32_t)(c - w->conns);
    }
    w->queue_len -= len;
    memmove(w->queue, w->queue + len, w->queue_len * sizeof(struct conn *));
}

static int patience(const struct worker *w)
{
    if (w->queue_len > 0)
        return 0;
    if (COUNT_GET(w->counters.open_connections) > 0 || w->draining)
        return WHEEL_MS;
    return w->listening ? -1 : NO_DESCRIPTORS_MS;
}

static bool over(struct worker *w)
{
    if (!w->draining)
        return false;
    if (w->now_ms >= w->drain_until)
        for (uint32_t i = 0; i < w->server->limits.connections_max; i++)
            if (w->conns[i].fd >= 0)
                server_conn_close(w, &w->conns[i]);
    run_queue(w);
    return COUNT_GET(w->counters.open_connections) == 0 && w->outside == 0;
}

void *server_worker_run(void *worker)
{
    struct worker *w = worker;
    struct epoll_event events[EVENTS_MAX];
    look_at_clocks(w);
    w->wheel_ms = w->now_ms / WHEEL_MS * WHEEL_MS;
    while (!over(w)) {
        set_listening(w, has_place(w) && w->now_ms >= w->paused_until);
        int n = epoll_wait(w->epoll, events, EVENTS_MAX, patience(w));
        look_at_clocks(w);
        uint64_t began = w->now_ms;
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TAG_LISTENER)
                accept_some(w);
            else if (events[i].data.u64 == TAG_WAKE)
                wake(w);
            else
                connection_event(w, events[i].data.u64, events[i].events);
        }
        run_queue(w);
        for (struct conn *c = server_timer_next(w); c != NULL; c = server_timer_next(w))
            server_conn_expired(w, c);
        look_at_clocks(w);
        w->waited_ms = w->now_ms - began > w->waited_ms ? w->now_ms - began : w->waited_ms;
        look_at_load(w);
    }
    return NULL;
}
