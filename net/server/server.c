/* server - starting, reloading, stopping, counting. SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define WORKERS_MAX 64
#define BACKLOG 4096
#define CONNECTION_NETWORKS 16384 /* that are told apart; as many peers */
#define TAG_WAKE (UINT64_MAX - 1)

const struct sev_server_limits sev_server_defaults = {
    .connections_max = 8192,
    .handshakes_max = 1024,
    .body_bytes_max = 64u << 20,
    .unsent_bytes_max = 64u << 20,
    .handshake_ms = 10000,
    .head_ms = 10000,
    .idle_ms = 60000,
    .answer_ms = 30000,
    .rate_min = 512,
    .window_ms = 10000,
    .connections = {100, 300},
    .requests = {20, 200},
    .lag_ms = 100,
    .sessions_max = 20000,
    .session_seconds = 3600,
};

/* ----------------------------------------------------------------- sockets */

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *out,
                          socklen_t *out_len)
{
    struct sockaddr_in *v4 = (void *)out;
    struct sockaddr_in6 *v6 = (void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *out_len = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *out_len = sizeof *v6;
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

/* One listener for each worker: the kernel spreads connections among them. */
static sev_err listen_at(struct sev_server *s, const char *address, uint16_t port, int *out_fd)
{
    const int yes = 1;
    struct sockaddr_storage at;
    socklen_t len = 0;
    if (!parse_address(address, port, &at, &len))
        return SEV_E_CONFIG;
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *out_fd = fd;
    if (fd < 0)
        return SEV_E_IO;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&at, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return SEV_E_UNREACHABLE;
    s->port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&at)->sin_port
                                            : ((struct sockaddr_in6 *)(void *)&at)->sin6_port);
    return SEV_OK;
}

/* ----------------------------------------------------------------- workers */

static void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    while (w->free_exchanges != NULL) {
        struct sev_exchange *x = w->free_exchanges;
        w->free_exchanges = x->next;
        free(x);
    }
    int fds[] = {w->epoll, w->listener, w->wake};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    SSL_CTX_free(w->tls);
    SSL_CTX_free(w->new_tls);
    pthread_mutex_destroy(&w->lock);
    free(w->conns);
    free(w->free_slots);
    free(w->queue);
    free(w);
}

static sev_err worker_new(struct sev_server *s, const struct sev_server_config *config,
                          SSL_CTX *tls, struct worker **out)
{
    uint32_t count = s->limits.connections_max;
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return SEV_E_MEMORY;
    if (pthread_mutex_init(&w->lock, NULL) != 0) {
        free(w);
        return SEV_E_MEMORY;
    }
    w->server = s;
    w->epoll = w->listener = w->wake = -1;
    *out = w;
    w->conns = calloc(count, sizeof *w->conns);
    w->free_slots = calloc(count, sizeof *w->free_slots);
    w->queue = calloc(count, sizeof(struct conn *));
    if (w->conns == NULL || w->free_slots == NULL || w->queue == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        w->conns[i].fd = -1;
        w->free_slots[w->free_count++] = count - 1 - i;
    }
    if (tls != NULL && SSL_CTX_up_ref(tls) == 1)
        w->tls = tls;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG_WAKE};
    if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &event) != 0)
        return SEV_E_IO;
    return listen_at(s, config->address, s->port != 0 ? s->port : config->port, &w->listener);
}

/* ------------------------------------------------------------------ server */

static void server_free(struct sev_server *s)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        worker_free(s->workers[i]);
    free(s->workers);
    BIO_meth_free(s->bio);
    sev_limiter_free(s->connections);
    sev_limiter_free(s->requests);
    pthread_mutex_destroy(&s->load_lock);
    free(s);
}

static bool sensible(const struct sev_server_config *c)
{
    const struct sev_server_limits *l = &c->limits;
    return c->address != NULL && c->workers >= 1 && c->workers <= WORKERS_MAX &&
           l->connections_max >= 1 && l->connections_max <= 1u << 20 && l->handshakes_max >= 1 &&
           l->handshake_ms >= 1 && l->head_ms >= 1 && l->idle_ms >= 1 && l->answer_ms >= 1 &&
           l->window_ms >= 1 && c->handler.head != NULL && c->handler.whole != NULL;
}

static sev_err set_up(struct sev_server *s, const struct sev_server_config *config, SSL_CTX *tls)
{
    s->workers = calloc(config->workers, sizeof(struct worker *));
    if (s->workers == NULL || (s->bio = server_bio_method()) == NULL)
        return SEV_E_MEMORY;
    if (getrandom(s->secret, sizeof s->secret, 0) != (ssize_t)sizeof s->secret)
        return SEV_E_RANDOM;
    sev_err e = sev_limiter_new(s->limits.connections, CONNECTION_NETWORKS, &s->connections);
    if (e == SEV_OK)
        e = sev_limiter_new(s->limits.requests, CONNECTION_NETWORKS, &s->requests);
    while (e == SEV_OK && s->worker_count < config->workers) {
        e = worker_new(s, config, tls, &s->workers[s->worker_count]);
        if (s->workers[s->worker_count] != NULL)
            s->worker_count++;
    }
    return e;
}

static void stop_workers(struct sev_server *s, uint32_t drain_ms)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct worker *w = s->workers[i];
        if (!w->started)
            continue;
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        w->drain_ms = drain_ms;
        pthread_mutex_unlock(&w->lock);
        server_worker_wake(w);
    }
    for (unsigned i = 0; i < s->worker_count; i++)
        if (s->workers[i]->started)
            pthread_join(s->workers[i]->thread, NULL);
}

sev_err sev_server_start(const struct sev_server_config *config, struct sev_server **out)
{
    SSL_CTX *tls = NULL;
    if (!sensible(config))
        return SEV_E_CONFIG;
    struct sev_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SEV_E_MEMORY;
    if (pthread_mutex_init(&s->load_lock, NULL) != 0) {
        free(s);
        return SEV_E_MEMORY;
    }
    s->limits = config->limits;
    s->handler = config->handler;
    s->built = config->built;
    atomic_init(&s->admit_expired, config->tls != NULL && config->tls->admit_expired);
    sev_err e = config->tls != NULL ? server_tls_new(config->tls, &s->limits, &tls) : SEV_OK;
    if (e == SEV_OK)
        e = set_up(s, config, tls);
    for (unsigned i = 0; e == SEV_OK && i < s->worker_count; i++) {
        struct worker *w = s->workers[i];
        w->started = pthread_create(&w->thread, NULL, server_worker_run, w) == 0;
        if (!w->started)
            e = SEV_E_MEMORY;
    }
    SSL_CTX_free(tls);
    if (e != SEV_OK) {
        int system_error = errno;
        stop_workers(s, 0);
        server_free(s);
        errno = system_error;
        return e;
    }
    *out = s;
    return SEV_OK;
}

uint16_t sev_server_port(const struct sev_server *s)
{
    return s->port;
}

sev_err sev_server_reload(struct sev_server *s, const struct sev_server_tls *tls)
{
    SSL_CTX *fresh = NULL;
    sev_err e = server_tls_new(tls, &s->limits, &fresh);
    if (e != SEV_OK)
        return e;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct worker *w = s->workers[i];
        if (SSL_CTX_up_ref(fresh) != 1)
            continue;
        pthread_mutex_lock(&w->lock);
        SSL_CTX_free(w->new_tls);
        w->new_tls = fresh;
        pthread_mutex_unlock(&w->lock);
        server_worker_wake(w);
    }
    atomic_store(&s->admit_expired, tls->admit_expired);
    SSL_CTX_free(fresh);
    return SEV_OK;
}

void sev_server_stop(struct sev_server *s, uint32_t drain_ms)
{
    if (s == NULL)
        return;
    stop_workers(s, drain_ms);
    server_free(s);
}

void sev_server_count(const struct sev_server *s, struct sev_server_counters *out)
{
    struct sev_server_counters sum = {0};
    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct counters *c = &s->workers[i]->counters;
#define X(name) sum.name += COUNT_GET(c->name);
        X(accepted)
        X(refused)
        X(handshakes_full)
        X(handshakes_resumed)
        X(handshakes_failed)
        X(requests)
        X(requests_refused)
        X(answers)
        X(cut_off)
        X(body_bytes)
        X(answer_bytes)
        X(open_connections)
        X(open_handshakes)
        X(unsent_bytes)
        X(gathered_bytes)
#undef X
    }
    *out = sum;
}
