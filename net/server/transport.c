/* transport - bytes of one connection, plain or through TLS. Everything that a turn produces is
 * gathered in the worker's buffer and leaves by one send(). SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server.h"

/* ----------------------------------------------------------------- kernel */

/* As recv(); a short read means that the kernel has no more until it says so again, unless the end
 * follows, of which it has told already. */
static ssize_t receive(struct conn *c, void *out, size_t most)
{
    ssize_t n = 0;
    if (!c->readable)
        return -1;
    if (c->worker->turn_in >= TURN_IN_BYTES_MAX) {
        /* A fast sender of records that mean nothing would keep SSL_read() here for ever. */
        c->held_back = true;
        return -1;
    }
    do
        n = recv(c->fd, out, most, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        c->readable = false;
        return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
    }
    if (n > 0 && (size_t)n < most && !c->read_closed)
        c->readable = false;
    c->worker->turn_in += (size_t)n;
    return n;
}

/* -> bytes taken, fewer when the kernel has no room; -1 broken. */
static ssize_t give(struct conn *c, const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && c->writable) {
        ssize_t n = send(c->fd, bytes + at, len - at, MSG_NOSIGNAL);
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            c->writable = false;
        else if (errno != EINTR)
            return -1;
    }
    c->sent += at;
    return (ssize_t)at;
}

/* ---------------------------------------------------------------------- BIO */

static bool put(struct worker *w, const void *bytes, size_t len)
{
    if (len > sizeof w->out - w->out_len)
        return false;
    memcpy(w->out + w->out_len, bytes, len);
    w->out_len += len;
    return true;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *out_written)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->worker->turn != c || !put(c->worker, bytes, len))
        return 0;
    *out_written = len;
    return 1;
}

static int bio_read(BIO *bio, char *out, size_t most, size_t *out_read)
{
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = receive(c, out, most);
    if (n > 0) {
        *out_read = (size_t)n;
        return 1;
    }
    if (n == -1)
        BIO_set_retry_read(bio);
    return 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *server_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "worker");
    if (m != NULL && BIO_meth_set_write_ex(m, bio_write) == 1 &&
        BIO_meth_set_read_ex(m, bio_read) == 1 && BIO_meth_set_ctrl(m, bio_control) == 1)
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* ------------------------------------------------------------------ in, out */

ssize_t server_read(struct conn *c, void *out, size_t most)
{
    size_t n = 0;
    if (c->ssl == NULL)
        return receive(c, out, most);
    ERR_clear_error();
    if (SSL_read_ex(c->ssl, out, most, &n) == 1)
        return (ssize_t)n;
    switch (SSL_get_error(c->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        c->broken = true;
        return -2;
    }
}

bool server_write(struct worker *w, struct conn *c, const void *bytes, size_t len)
{
    size_t n = 0;
    if (c->ssl == NULL)
        return put(w, bytes, len);
    ERR_clear_error();
    if (SSL_write_ex(c->ssl, bytes, len, &n) == 1 && n == len)
        return true;
    c->broken = true;
    return false;
}

bool server_room(const struct worker *w)
{
    return sizeof w->out - w->out_len >= PIECE_BYTES + RECORD_BYTES / 2; /* and what TLS adds */
}

void server_keep_none(struct worker *w, struct conn *c)
{
    COUNT_ADD(w->counters.unsent_bytes, -(int64_t)c->pending_len);
    free(c->pending);
    c->pending = NULL;
    c->pending_len = c->pending_at = 0;
}

bool server_flush_pending(struct worker *w, struct conn *c)
{
    if (c->pending == NULL)
        return true;
    ssize_t n = give(c, c->pending + c->pending_at, c->pending_len - c->pending_at);
    if (n < 0)
        return false;
    c->pending_at += (size_t)n;
    if (c->pending_at == c->pending_len)
        server_keep_none(w, c);
    return true;
}

bool server_flush(struct worker *w, struct conn *c)
{
    size_t len = w->out_len;
    w->out_len = 0;
    if (len == 0)
        return true;
    ssize_t n = give(c, w->out, len);
    if (n < 0)
        return false;
    size_t left = len - (size_t)n;
    if (left == 0) { /* a peer that reads gets more at a time */
        if (c->turn_bytes < TURN_BYTES_MAX && len >= c->turn_bytes)
            c->turn_bytes *= 2;
        return true;
    }
    c->turn_bytes = TURN_BYTES_FIRST;
    if (COUNT_GET(w->counters.unsent_bytes) + left > w->server->limits.unsent_bytes_max ||
        (c->pending = malloc(left)) == NULL)
        return false;
    memcpy(c->pending, w->out + n, left);
    c->pending_len = left;
    c->pending_at = 0;
    COUNT_ADD(w->counters.unsent_bytes, left);
    return true;
}
