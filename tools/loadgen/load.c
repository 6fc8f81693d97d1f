/* load - connections that ask and measure. An open loop keeps to its schedule: latency counts from
 * the moment at which the request should have been sent, so that a server that stalls cannot hide
 * it. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "secureev/http.h"

#define EVENTS_MAX 256
#define IN_BYTES 65536

enum state { CLOSED, CONNECTING, SHAKING, IDLE, SENDING, HEAD, BODY };

struct connection {
    int fd;
    enum state state;
    SSL *ssl;
    SSL_SESSION *session;
    size_t sent;     /* of the request */
    unsigned status; /* of the answer */
    uint64_t due_us; /* when the request should begin */
    struct sev_http_scan scan;
    struct sev_http_chunked chunked;
    bool is_chunked, keep_alive;
    uint64_t body_left;
    size_t len, at; /* of `in` */
    uint8_t *in;
};

struct run {
    const struct load_plan *plan;
    struct load_report *report;
    struct connection *connections;
    int epoll;
    uint8_t *request;
    size_t request_len;
    uint64_t start_us, measure_us, end_us;
    uint64_t scheduled, interval_ns;
    struct sockaddr_storage to;
    socklen_t to_len;
    unsigned *idle;
    unsigned idle_count;
    uint64_t tried; /* connections, for sources in turn */
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --------------------------------------------------------------- measuring */

static unsigned bucket_of(uint64_t us)
{
    unsigned doubling = 0;
    while (us >> doubling >= 2 * LOAD_STEPS)
        doubling++;
    unsigned bucket = doubling * LOAD_STEPS + (unsigned)(us >> doubling);
    return bucket < LOAD_BUCKETS ? bucket : LOAD_BUCKETS - 1;
}

uint64_t load_percentile(const struct load_report *r, double share)
{
    uint64_t all = 0, seen = 0;
    for (unsigned i = 0; i < LOAD_BUCKETS; i++)
        all += r->histogram[i];
    for (unsigned i = 0; i < LOAD_BUCKETS; i++) {
        seen += r->histogram[i];
        if (all > 0 && (double)seen >= share * (double)all) {
            unsigned doubling = i < 2 * LOAD_STEPS ? 0 : i / LOAD_STEPS - 1;
            return (uint64_t)(i - doubling * LOAD_STEPS + 1) << doubling;
        }
    }
    return 0;
}

static double own_cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* Time on a CPU of all threads, in nanoseconds exactly, where rusage would count in ticks. */
static double cpu_of(int pid)
{
    char path[300], text[128];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", pid, e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f == NULL)
            continue;
        if (fgets(text, sizeof text, f) != NULL)
            sum += (double)strtoull(text, NULL, 10) * 1e-9;
        fclose(f);
    }
    if (d != NULL)
        closedir(d);
    return sum;
}

static double servers_cpu(const struct load_plan *plan)
{
    double sum = 0;
    for (unsigned i = 0; i < plan->server_pid_count; i++)
        sum += cpu_of(plan->server_pids[i]);
    return sum;
}

static bool measuring(const struct run *r, uint64_t us)
{
    return us >= r->measure_us && us < r->end_us;
}

/* ------------------------------------------------------------- connections */

static void shut(struct run *r, struct connection *c)
{
    if (c->state == CLOSED)
        return;
    if (c->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    close(c->fd);
    c->state = CLOSED;
    r->report->open--;
}

static void lost(struct run *r, struct connection *c)
{
    if (measuring(r, now_us()))
        r->report->failed++;
    SSL_SESSION_free(c->session);
    c->session = NULL;
    shut(r, c);
}

static bool bind_source(const struct run *r, int fd)
{
    const struct load_plan *plan = r->plan;
    const int late = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    if (plan->source_count == 0)
        return true;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
    return inet_pton(AF_INET, plan->sources[r->tried % plan->source_count], &from.sin_addr) == 1 &&
           bind(fd, (const struct sockaddr *)&from, sizeof from) == 0;
}

static bool begin_connection(struct run *r, struct connection *c)
{
    const int yes = 1;
    unsigned which = (unsigned)(c - r->connections);
    c->fd = socket(r->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = which};
    bool bound = bind_source(r, c->fd);
    r->tried++;
    if (!bound ||
        (connect(c->fd, (const struct sockaddr *)&r->to, r->to_len) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        close(c->fd);
        return false;
    }
    c->state = CONNECTING;
    c->len = c->at = 0;
    r->report->open++;
    if (!r->plan->tls)
        return true;
    c->ssl = SSL_new(r->plan->identities[which % r->plan->identity_count]);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
        shut(r, c);
        return false;
    }
    SSL_set_app_data(c->ssl, c);
    SSL_set_connect_state(c->ssl);
    if (c->session != NULL && r->plan->resume)
        (void)SSL_set_session(c->ssl, c->session);
    return true;
}

/* A ticket has come: for this slot's next connection. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1;
}

static void become_idle(struct run *r, struct connection *c)
{
    c->state = IDLE;
    r->idle[r->idle_count++] = (unsigned)(c - r->connections);
}

/* > 0, 0 not now, -1 lost. */
static long put(struct connection *c, const uint8_t *bytes, size_t len)
{
    size_t n = 0;
    if (c->ssl == NULL) {
        ssize_t sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
        return sent > 0 ? (long)sent : errno == EAGAIN ? 0 : -1;
    }
    ERR_clear_error();
    if (SSL_write_ex(c->ssl, bytes, len, &n) == 1)
        return (long)n;
    int why = SSL_get_error(c->ssl, 0);
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static long get(struct connection *c, uint8_t *out, size_t most)
{
    size_t n = 0;
    if (c->ssl == NULL) {
        ssize_t got = recv(c->fd, out, most, 0);
        return got > 0 ? (long)got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    ERR_clear_error();
    if (SSL_read_ex(c->ssl, out, most, &n) == 1)
        return (long)n;
    int why = SSL_get_error(c->ssl, 0);
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* ----------------------------------------------------------------- answers */

static void answered(struct run *r, struct connection *c, unsigned status)
{
    uint64_t now = now_us();
    if (measuring(r, now)) {
        uint64_t took = now > c->due_us ? now - c->due_us : 0;
        r->report->status[status / 100 < 6 ? status / 100 : 0]++;
        r->report->histogram[bucket_of(took)]++;
        r->report->slowest = took > r->report->slowest ? took : r->report->slowest;
        if (status >= 200 && status < 400)
            r->report->requests++;
        else
            r->report->refused++;
    }
    if (r->plan->close_each || !c->keep_alive)
        shut(r, c);
    else
        become_idle(r, c);
}

/* -> false: not a whole head yet; or the connection is lost (its state says so). */
static bool read_head(struct run *r, struct connection *c, unsigned *out_status)
{
    static struct sev_http_response head;
    size_t bytes = 0;
    unsigned flags = strcmp(r->plan->method, "HEAD") == 0 ? SEV_HTTP_TO_HEAD : 0;
    if (sev_http_response_read(&c->scan, sev_slice_of(c->in, c->len), flags, &head, &bytes) !=
        SEV_OK) {
        lost(r, c);
        return false;
    }
    if (bytes == 0)
        return false;
    c->at = bytes;
    c->scan = (struct sev_http_scan){0, 0};
    c->is_chunked = head.chunked;
    c->keep_alive = head.keep_alive;
    c->body_left = head.body_bytes;
    *out_status = head.status;
    if (head.chunked)
        sev_http_chunked_init(&c->chunked, UINT64_MAX);
    return true;
}

/* Bytes of a body that lie in `in`: counted and forgotten. -> is the body whole? */
static bool eat_body(struct run *r, struct connection *c)
{
    uint64_t got = 0;
    bool done = false;
    if (c->is_chunked) {
        while (c->at < c->len && !done) {
            size_t used = 0;
            sev_slice data = SEV_EMPTY;
            if (sev_http_chunked_read(&c->chunked, sev_slice_of(c->in + c->at, c->len - c->at),
                                      &used, &data, &done) != SEV_OK) {
                lost(r, c);
                return false;
            }
            c->at += used;
            got += data.len;
        }
    } else {
        got = c->len - c->at < c->body_left ? c->len - c->at : c->body_left;
        c->at += (size_t)got;
        c->body_left -= got;
        done = c->body_left == 0;
    }
    if (measuring(r, now_us()))
        r->report->bytes += got;
    c->len = c->at = 0;
    return done;
}

static void receive(struct run *r, struct connection *c)
{
    static unsigned
        status; /* of the answer whose body comes; per connection it is not needed later */
    while (c->state == HEAD || c->state == BODY) {
        long n = get(c, c->in + c->len, IN_BYTES - c->len);
        if (n < 0)
            lost(r, c);
        if (n <= 0)
            return;
        c->len += (size_t)n;
        if (c->state == HEAD) {
            if (!read_head(r, c, &status))
                continue;
            c->status = status;
            c->state = BODY;
        }
        if (eat_body(r, c))
            answered(r, c, c->status);
    }
}

static void send_request(struct run *r, struct connection *c)
{
    while (c->state == SENDING) {
        long n = put(c, r->request + c->sent, r->request_len - c->sent);
        if (n < 0)
            lost(r, c);
        if (n <= 0)
            return;
        c->sent += (size_t)n;
        if (c->sent == r->request_len) {
            c->state = HEAD;
            c->len = c->at = 0;
            c->scan = (struct sev_http_scan){0, 0};
        }
    }
}

static void shake(struct run *r, struct connection *c)
{
    ERR_clear_error();
    int done = SSL_do_handshake(c->ssl);
    if (done != 1) {
        int why = SSL_get_error(c->ssl, done);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            lost(r, c);
        return;
    }
    if (measuring(r, now_us())) {
        bool resumed = SSL_session_reused(c->ssl) == 1;
        r->report->resumed += resumed;
        r->report->full += !resumed;
    }
    c->state = SENDING;
}

static void advance(struct run *r, struct connection *c)
{
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t len = sizeof error;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
            lost(r, c);
            return;
        }
        if (measuring(r, now_us()))
            r->report->connections++;
        c->state = c->ssl != NULL ? SHAKING : SENDING;
        c->sent = 0;
    }
    if (c->state == SHAKING)
        shake(r, c);
    if (c->state == SENDING && r->plan->hold)
        c->state = HEAD; /* never asks: an end of the connection will be seen */
    if (c->state == SENDING)
        send_request(r, c);
    if (c->state == HEAD || c->state == BODY)
        receive(r, c);
    else if (c->state == IDLE) { /* nothing may come: it is the end */
        uint8_t byte;
        if (get(c, &byte, 1) < 0)
            shut(r, c);
    }
}

/* ---------------------------------------------------------------- schedule */

static void begin_request(struct run *r, struct connection *c, uint64_t due_us)
{
    c->due_us = due_us;
    c->sent = 0;
    if (c->state == CLOSED && !begin_connection(r, c)) {
        if (measuring(r, now_us()))
            r->report->failed++;
        return;
    }
    if (c->state == IDLE) {
        c->state = SENDING;
        advance(r, c);
    }
}

/* A connection for the next request: an idle one, else one that is closed. */
static struct connection *free_connection(struct run *r, unsigned *closed_at)
{
    while (r->idle_count > 0) {
        struct connection *c = &r->connections[r->idle[--r->idle_count]];
        if (c->state == IDLE)
            return c;
    }
    for (; *closed_at < r->plan->connections; (*closed_at)++)
        if (r->connections[*closed_at].state == CLOSED)
            return &r->connections[(*closed_at)++];
    return NULL;
}

/* How many are due now? In a closed loop as many as there are free connections. */
static void give_work(struct run *r, uint64_t now)
{
    unsigned closed_at = 0;
    if (now >= r->end_us)
        return;
    for (;;) {
        uint64_t due = now;
        if (r->plan->rate > 0) {
            due = r->start_us + r->scheduled * r->interval_ns / 1000;
            if (due > now)
                return;
        }
        struct connection *c = free_connection(r, &closed_at);
        if (c == NULL)
            break;
        r->scheduled++;
        begin_request(r, c, due);
    }
}

static bool prepare(struct run *r)
{
    const struct load_plan *plan = r->plan;
    struct sockaddr_in *v4 = (void *)&r->to;
    struct sockaddr_in6 *v6 = (void *)&r->to;
    r->to_len = sizeof *v4;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(plan->port);
    if (inet_pton(AF_INET, plan->host, &v4->sin_addr) != 1) {
        memset(&r->to, 0, sizeof r->to);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(plan->port);
        r->to_len = sizeof *v6;
        if (inet_pton(AF_INET6, plan->host, &v6->sin6_addr) != 1) {
            errno = EINVAL;
            return false;
        }
    }
    r->request = malloc(8192 + plan->body_bytes);
    r->connections = calloc(plan->connections, sizeof *r->connections);
    r->idle = calloc(plan->connections, sizeof *r->idle);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->request == NULL || r->connections == NULL || r->idle == NULL || r->epoll < 0)
        return false;
    for (unsigned i = 0; i < plan->connections; i++)
        if ((r->connections[i].in = malloc(plan->hold ? 1024 : IN_BYTES)) == NULL)
            return false;
    int head = snprintf((char *)r->request, 8192, "%s %s HTTP/1.1\r\nHost: %s\r\n", plan->method,
                        plan->path, plan->host);
    if (head <= 0 || head > 8000)
        return false;
    r->request_len = (size_t)head;
    if (plan->body_bytes > 0)
        r->request_len += (size_t)snprintf((char *)r->request + r->request_len, 64,
                                           "Content-Length: %zu\r\n", plan->body_bytes);
    memcpy(r->request + r->request_len, "\r\n", 2);
    r->request_len += 2;
    memset(r->request + r->request_len, 'x', plan->body_bytes);
    r->request_len += plan->body_bytes;
    for (unsigned i = 0; i < plan->identity_count; i++)
        SSL_CTX_sess_set_new_cb(plan->identities[i], keep_session);
    return true;
}

static void clean_up(struct run *r)
{
    for (unsigned i = 0; r->connections != NULL && i < r->plan->connections; i++) {
        struct connection *c = &r->connections[i];
        uint64_t open = r->report->open;
        shut(r, c);
        r->report->open = open; /* what it was at the end */
        SSL_SESSION_free(c->session);
        free(c->in);
    }
    free(r->connections);
    free(r->idle);
    free(r->request);
    if (r->epoll >= 0)
        close(r->epoll);
}

static void loop(struct run *r)
{
    struct epoll_event events[EVENTS_MAX];
    double own = 0, servers = 0;
    bool begun = false;
    for (;;) {
        uint64_t now = now_us();
        if (!begun && now >= r->measure_us) {
            begun = true;
            own = own_cpu();
            servers = servers_cpu(r->plan);
        }
        if (now >= r->end_us)
            break;
        give_work(r, now);
        int n = epoll_wait(r->epoll, events, EVENTS_MAX, r->plan->rate > 0 ? 1 : 20);
        for (int i = 0; i < n; i++)
            advance(r, &r->connections[events[i].data.u32]);
    }
    r->report->own_cpu = own_cpu() - own;
    r->report->server_cpu = servers_cpu(r->plan) - servers;
    r->report->seconds = (double)(now_us() - r->measure_us) * 1e-6;
    if (r->plan->rate > 0) {
        uint64_t due = (r->end_us - r->start_us) * 1000 / r->interval_ns;
        r->report->late = due > r->scheduled ? due - r->scheduled : 0;
    }
}

bool load_run(const struct load_plan *plan, struct load_report *out)
{
    struct run r = {.plan = plan, .report = out, .epoll = -1};
    memset(out, 0, sizeof *out);
    bool good = prepare(&r);
    if (good) {
        r.start_us = now_us();
        r.measure_us = r.start_us + (uint64_t)(plan->warm_seconds * 1e6);
        r.end_us = r.measure_us + (uint64_t)(plan->seconds * 1e6);
        r.interval_ns = plan->rate > 0 ? (uint64_t)(1e9 / plan->rate) : 1;
        loop(&r);
    }
    clean_up(&r);
    return good;
}
