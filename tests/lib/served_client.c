/* served_client - see served.h: the client's side, which blocks. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "served.h"
#include "test.h"

int client_connect(const struct served *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    const struct timeval patience = {10, 0};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

SSL_CTX *client_context(const struct served *s, const struct credential *who)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    CHECK(context != NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), s->ca->certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (who != NULL) {
        CHECK(SSL_CTX_use_certificate(context, who->certificate) == 1);
        CHECK(SSL_CTX_use_PrivateKey(context, who->key) == 1);
    }
    return context;
}

struct client *client_over(const struct served *s, SSL_CTX *context, SSL_SESSION *session)
{
    struct client *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->fd = client_connect(s);
    c->context = context;
    if (context == NULL)
        return c;
    c->ssl = SSL_new(context);
    CHECK(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
    if (session != NULL)
        CHECK(SSL_set_session(c->ssl, session) == 1);
    ERR_clear_error();
    if (SSL_connect(c->ssl) == 1)
        return c;
    client_free(c);
    return NULL;
}

struct client *client_new(const struct served *s, const struct credential *who,
                          SSL_SESSION *session)
{
    return client_over(s, s->plain ? NULL : client_context(s, who), session);
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    if (c->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
    }
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->fd);
    free(c->body);
    free(c);
}

SSL_SESSION *client_session(struct client *c)
{
    SSL_SESSION *session = SSL_get1_session(c->ssl);
    CHECK(session != NULL && SSL_SESSION_is_resumable(session) == 1);
    return session;
}

bool client_send(struct client *c, const void *bytes, size_t len)
{
    size_t n = 0;
    ERR_clear_error();
    if (c->ssl != NULL)
        return SSL_write_ex(c->ssl, bytes, len, &n) == 1 && n == len;
    for (size_t at = 0; at < len;) {
        ssize_t sent = send(c->fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

bool client_send_text(struct client *c, const char *text)
{
    return client_send(c, text, strlen(text));
}

long client_receive(struct client *c, void *out, size_t most)
{
    size_t n = 0;
    if (c->ssl == NULL)
        return (long)recv(c->fd, out, most, 0);
    ERR_clear_error();
    if (SSL_read_ex(c->ssl, out, most, &n) == 1)
        return (long)n;
    return SSL_get_error(c->ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* More behind what is there; false at the end. */
static bool more(struct client *c)
{
    long n = client_receive(c, c->in + c->len, sizeof c->in - c->len);
    if (n > 0)
        c->len += (size_t)n;
    return n > 0;
}

static void take(struct client *c, size_t len)
{
    memmove(c->in, c->in + len, c->len - len);
    c->len -= len;
}

static bool read_head(struct client *c, bool head_only)
{
    struct sev_http_scan scan = {0, 0};
    for (;;) {
        size_t bytes = 0;
        unsigned flags = head_only ? SEV_HTTP_TO_HEAD : 0;
        sev_slice so_far = sev_slice_of(c->in, c->len);
        if (c->len > 0)
            CHECK_OK(sev_http_response_read(&scan, so_far, flags, &c->head, &bytes));
        if (bytes > 0) {
            struct sev_http_scan again = {0, 0};
            memcpy(c->raw, c->in, bytes);
            CHECK_OK(sev_http_response_read(&again, sev_slice_of(c->raw, bytes), flags, &c->head,
                                            &bytes));
            take(c, bytes);
            return true;
        }
        if (!more(c))
            return false;
    }
}

unsigned client_answer(struct client *c, bool head_only)
{
    do
        if (!read_head(c, head_only))
            return 0;
    while (c->head.status < 200);
    free(c->body);
    c->body_bytes = 0;
    c->body = malloc(c->head.body_bytes > 0 ? (size_t)c->head.body_bytes : 1);
    CHECK(c->body != NULL && !c->head.chunked);
    while (c->body_bytes < c->head.body_bytes) {
        if (c->len == 0 && !more(c))
            return 0;
        size_t n = (size_t)c->head.body_bytes - c->body_bytes;
        n = n < c->len ? n : c->len;
        memcpy(c->body + c->body_bytes, c->in, n);
        c->body_bytes += n;
        take(c, n);
    }
    return c->head.status;
}

unsigned client_get(struct client *c, const char *path)
{
    char text[4096];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    return client_send_text(c, text) ? client_answer(c, false) : 0;
}

sev_slice client_field(const struct client *c, const char *name)
{
    sev_slice value = SEV_EMPTY;
    (void)sev_http_field_get(&c->head.fields, sev_slice_of(name, strlen(name)), &value);
    return value;
}

sev_slice client_body(const struct client *c)
{
    return sev_slice_of(c->body, c->body_bytes);
}

bool client_is_closed(struct client *c)
{
    uint8_t byte;
    uint64_t before = clock_ms();
    return client_receive(c, &byte, 1) <= 0 && clock_ms() - before < 9500;
}
