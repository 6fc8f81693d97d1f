/* tls - whom we believe to be the server, and what we say of ourselves.
 * SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "client.h"
#include "secureev/tls.h"

/* ------------------------------------------------------------------ context */

/* Keeps the newest: a ticket is used once. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct sev_http_client *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1;
}

static bool expect_name(SSL_CTX *tls, const char *name)
{
    X509_VERIFY_PARAM *p = SSL_CTX_get0_param(tls);
    uint8_t address[16];
    /* Common names mean nothing here, and '*' is a whole label or nothing. */
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(p, address, 4) == 1;
    if (inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(p, address, 16) == 1;
    return X509_VERIFY_PARAM_set1_host(p, name, 0) == 1;
}

static bool set_up(SSL_CTX *tls, const struct sev_http_client_config *config, const char *name)
{
    static const uint8_t protocol[] = "\x08http/1.1";
    unsigned long flags =
        X509_V_FLAG_PARTIAL_CHAIN; /* what is in the list is trusted, root or not */
    if (config->dates_unchecked)
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, keep_session);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(tls, 3);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls), flags);
    return SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set1_groups_list(tls, "X25519:P-256") == 1 &&
           SSL_CTX_set_alpn_protos(tls, protocol, sizeof protocol - 1) == 0 &&
           expect_name(tls, name);
}

/* ---------------------------------------------------------------------- BIO */

/* OpenSSL's own socket BIO writes with write(), which raises SIGPIPE in whoever links us. */
static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *out_written)
{
    const struct sev_http_client *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_retry_write(bio);
    if (n <= 0)
        return 0;
    *out_written = (size_t)n;
    return 1;
}

static int bio_read(BIO *bio, char *out, size_t room, size_t *out_read)
{
    const struct sev_http_client *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = recv(c->fd, out, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_retry_read(bio);
    if (n <= 0)
        return 0;
    *out_read = (size_t)n;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "client");
    if (m != NULL && BIO_meth_set_write_ex(m, bio_write) == 1 &&
        BIO_meth_set_read_ex(m, bio_read) == 1 && BIO_meth_set_ctrl(m, bio_control) == 1)
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* ------------------------------------------------------------------- handle */

sev_err client_tls_new(struct sev_http_client *c, const struct sev_http_client_config *config)
{
    const char *name = config->server_name != NULL ? config->server_name : c->host;
    if (name[0] == '\0' || strlen(name) >= CLIENT_HOST_BYTES)
        return SEV_E_CONFIG;
    c->tls = SSL_CTX_new(TLS_client_method());
    c->method = bio_method();
    if (c->tls == NULL || c->method == NULL || !set_up(c->tls, config, name))
        return SEV_E_MEMORY;
    bool good = sev_tls_trust(c->tls, config->ca, false);
    if (good && (config->certificate.len > 0 || config->key.len > 0))
        good = sev_tls_be(c->tls, config->certificate, config->key);
    return good ? SEV_OK : SEV_E_KEY;
}

sev_err client_tls_begin(struct sev_http_client *c)
{
    uint8_t address[16];
    c->ssl = SSL_new(c->tls);
    BIO *bio = BIO_new(c->method);
    if (c->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return SEV_E_MEMORY;
    }
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    if (SSL_set_app_data(c->ssl, c) != 1)
        return SEV_E_MEMORY;
    /* A clock that was set back makes no certificate good again. */
    if (time(NULL) < c->built)
        X509_VERIFY_PARAM_set_time(SSL_get0_param(c->ssl), c->built);
    bool numeric =
        inet_pton(AF_INET, c->host, address) == 1 || inet_pton(AF_INET6, c->host, address) == 1;
    if (!numeric && SSL_set_tlsext_host_name(c->ssl, c->host) != 1)
        return SEV_E_MEMORY;
    if (c->session != NULL && SSL_set_session(c->ssl, c->session) != 1)
        return SEV_E_MEMORY;
    SSL_set_connect_state(c->ssl);
    return SEV_OK;
}

sev_err client_tls_why(struct sev_http_client *c)
{
    unsigned long last = ERR_peek_last_error();
    long verdict = SSL_get_verify_result(c->ssl);
    if (verdict != X509_V_OK) {
        snprintf(c->detail, sizeof c->detail, "the server's certificate: %s",
                 X509_verify_cert_error_string(verdict));
        return SEV_E_TLS;
    }
    c->closed = true;
    int reason = ERR_GET_REASON(last);
    if (last == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        snprintf(c->detail, sizeof c->detail, "the connection broke");
        return SEV_E_UNREACHABLE;
    }
    const char *text = ERR_reason_error_string(last);
    snprintf(c->detail, sizeof c->detail, "TLS: %s", text != NULL ? text : "an error");
    return SEV_E_TLS;
}
