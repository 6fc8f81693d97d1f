/* stream - bytes to and from one server, with an end to every wait. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"

/* ------------------------------------------------------------------ waiting */

static sev_err out_of_patience(struct sev_http_client *c)
{
    snprintf(c->detail, sizeof c->detail, c->patience.rate ? "too slow" : "no answer in time");
    return c->patience.rate ? SEV_E_TOO_SLOW : SEV_E_UNREACHABLE;
}

/* Enough came in the window that ends: another one begins. */
static bool another_window(struct sev_http_client *c)
{
    struct patience *p = &c->patience;
    uint64_t enough = (uint64_t)c->limits.rate_min * c->limits.window_ms / 1000;
    if (!p->rate || p->bytes < enough)
        return false;
    p->bytes = 0;
    p->left_ms = c->limits.window_ms;
    return true;
}

/* `out_ready` may be NULL. */
static sev_err wait_for(struct sev_http_client *c, short events, short *out_ready)
{
    for (;;) {
        int64_t began = client_clock_ms(), most = c->patience.left_ms;
        if (c->ends_ms != 0 && c->ends_ms - began < most)
            most = c->ends_ms - began;
        struct pollfd p = {.fd = c->fd, .events = events};
        int n = most <= 0 ? 0 : poll(&p, 1, (int)most);
        int64_t now = client_clock_ms();
        c->patience.left_ms -= now - began;
        if (c->ends_ms != 0 && now >= c->ends_ms)
            return out_of_patience(c);
        if (c->patience.left_ms <= 0 && !another_window(c))
            return out_of_patience(c);
        if (n > 0) {
            if (out_ready != NULL)
                *out_ready = p.revents;
            return SEV_OK;
        }
        if (n < 0 && errno != EINTR)
            return SEV_E_IO;
    }
}

/* ---------------------------------------------------------------- connecting */

static sev_err connect_one(struct sev_http_client *c, const struct addrinfo *a)
{
    const int on = 1;
    int error = 0;
    socklen_t len = sizeof error;
    c->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (c->fd < 0)
        return SEV_E_IO;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, a->ai_addr, a->ai_addrlen) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        sev_err e = wait_for(c, POLLOUT, NULL);
        if (e != SEV_OK)
            return e;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
    }
    if (error == 0)
        return SEV_OK;
    snprintf(c->detail, sizeof c->detail, "cannot connect (errno %d)", error);
    return SEV_E_UNREACHABLE;
}

static sev_err connect_tcp(struct sev_http_client *c)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    sev_err e = SEV_E_UNREACHABLE;
    if (getaddrinfo(c->host, c->port, &hints, &list) != 0) {
        snprintf(c->detail, sizeof c->detail, "no address for %s", c->host);
        return e;
    }
    c->patience = (struct patience){.left_ms = c->limits.connect_ms};
    for (const struct addrinfo *a = list; a != NULL && e != SEV_OK && c->patience.left_ms > 0;
         a = a->ai_next) {
        client_disconnect(c);
        e = connect_one(c, a);
    }
    freeaddrinfo(list);
    return e;
}

/* What an SSL function that did not succeed is waiting for; or why it never will. */
static sev_err wait_or_why(struct sev_http_client *c, int result, short *out_ready)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(c, POLLIN, out_ready);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(c, POLLOUT | POLLIN, out_ready);
    default:
        return client_tls_why(c);
    }
}

static sev_err handshake(struct sev_http_client *c)
{
    c->patience = (struct patience){.left_ms = c->limits.handshake_ms};
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(c->ssl);
        if (result == 1)
            return SEV_OK;
        int wants = SSL_get_error(c->ssl, result);
        sev_err e = wants == SSL_ERROR_WANT_WRITE ? wait_for(c, POLLOUT, NULL)
                                                  : wait_or_why(c, result, NULL);
        if (e != SEV_OK)
            return e;
    }
}

sev_err client_connect(struct sev_http_client *c)
{
    client_disconnect(c);
    sev_err e = connect_tcp(c);
    if (e == SEV_OK)
        e = client_tls_begin(c);
    if (e == SEV_OK)
        e = handshake(c);
    if (e != SEV_OK) {
        client_disconnect(c);
        return e;
    }
    c->counters.connections++;
    c->counters.resumed += SSL_session_reused(c->ssl) == 1;
    return SEV_OK;
}

void client_disconnect(struct sev_http_client *c)
{
    if (c->ssl != NULL) {
        ERR_clear_error();
        if (SSL_is_init_finished(c->ssl) && !c->closed)
            (void)SSL_shutdown(c->ssl);
        /* Else the session would be thought of as a bad one. */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(c->ssl);
        c->ssl = NULL;
        ERR_clear_error();
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->closed = c->broken = false;
}

/* ------------------------------------------------------------ bytes in, out */

bool client_is_idle(struct sev_http_client *c)
{
    uint8_t byte;
    size_t n = 0;
    if (c->ssl == NULL)
        return false;
    ERR_clear_error();
    int result = SSL_peek_ex(c->ssl, &byte, 1, &n);
    return result != 1 && SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_READ;
}

sev_err client_read(struct sev_http_client *c, void *out, size_t room, size_t *out_n)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_read_ex(c->ssl, out, room, out_n);
        if (result == 1) {
            c->patience.bytes += *out_n;
            return SEV_OK;
        }
        *out_n = 0;
        if (SSL_get_error(c->ssl, result) == SSL_ERROR_ZERO_RETURN) {
            c->closed = true;
            return SEV_OK;
        }
        sev_err e = wait_or_why(c, result, NULL);
        if (e != SEV_OK)
            return e;
    }
}

sev_err client_write(struct sev_http_client *c, const void *bytes, size_t len, bool *out_early)
{
    size_t at = 0, n = 0;
    *out_early = false;
    while (at < len) {
        ERR_clear_error();
        int result = SSL_write_ex(c->ssl, (const uint8_t *)bytes + at, len - at, &n);
        if (result == 1) {
            at += n;
            c->patience.bytes += n;
            continue;
        }
        int wants = SSL_get_error(c->ssl, result);
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) {
            *out_early = c->broken = true; /* what it had to say may have arrived all the same */
            return SEV_OK;
        }
        short ready = 0;
        sev_err e = wait_or_why(c, result, &ready);
        if (e != SEV_OK)
            return e;
        if ((ready & POLLIN) != 0 && !client_is_idle(c)) {
            *out_early = true;
            return SEV_OK;
        }
    }
    return SEV_OK;
}
