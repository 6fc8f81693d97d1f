/* tls - one context for all workers, and who a peer is. SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "secureev/tls.h"
#include "server.h"

#define PEER_TEXT_BYTES_MAX 256 /* of a common name or a URI */

/* ------------------------------------------------------------------ context */

/* The leaf's end of life is a matter for `admit`: who is too late may still renew. DESIGN 6 */
static int leaf_may_be_expired(int good, X509_STORE_CTX *store)
{
    if (good || X509_STORE_CTX_get_error(store) != X509_V_ERR_CERT_HAS_EXPIRED ||
        X509_STORE_CTX_get_error_depth(store) != 0)
        return good;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* A client that names protocols and not ours wanted another server. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned int in_len, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)context;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_up(SSL_CTX *tls, const struct sev_server_limits *limits)
{
    /* Sessions stay here, by number: a resumed one keeps its parsed certificate, and none can be
     * brought to another server. Early data would be replayable: there is none. */
    SSL_CTX_set_options(tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(tls, limits->sessions_max == 0
                                            ? SSL_SESS_CACHE_OFF
                                            : SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_cache_size(tls, (long)limits->sessions_max);
    SSL_CTX_set_timeout(tls, (long)limits->session_seconds);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_early_data(tls, 0) == 1 && SSL_CTX_set_num_tickets(tls, 1) == 1 &&
           SSL_CTX_set1_groups_list(tls, "X25519:P-256") == 1 &&
           SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                         "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set_session_id_context(tls, (const unsigned char *)"secureev", 8) == 1;
}

sev_err server_tls_new(const struct sev_server_tls *config, const struct sev_server_limits *limits,
                       SSL_CTX **out)
{
    if (config->clients.len == 0 && !config->admit_without)
        return SEV_E_CONFIG;
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || !set_up(tls, limits)) {
        SSL_CTX_free(tls);
        return SEV_E_MEMORY;
    }
    bool good = sev_tls_be(tls, config->certificates, config->key);
    if (good && config->clients.len > 0) {
        good = sev_tls_trust(tls, config->clients, true);
        /* What is in the list is trusted, root or not: one signature to check less. */
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls), X509_V_FLAG_PARTIAL_CHAIN);
        SSL_CTX_set_verify(
            tls, SSL_VERIFY_PEER | (config->admit_without ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
            config->admit_expired ? leaf_may_be_expired : NULL);
        SSL_CTX_set_verify_depth(tls, 3);
    }
    if (!good) {
        SSL_CTX_free(tls);
        return SEV_E_KEY;
    }
    *out = tls;
    return SEV_OK;
}

/* -------------------------------------------------------------------- peers */

/* Printable text to the end of `p->text`; empty if it is not, or is too long. */
static sev_slice keep(struct peer *p, size_t *used, const unsigned char *text, int len)
{
    if (text == NULL || len <= 0 || len > PEER_TEXT_BYTES_MAX)
        return SEV_EMPTY;
    for (int i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return SEV_EMPTY;
    memcpy(p->text + *used, text, (size_t)len);
    sev_slice kept = sev_slice_of(p->text + *used, (size_t)len);
    *used += (size_t)len;
    return kept;
}

static void keep_names(struct peer *p, X509 *x)
{
    size_t used = 0;
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0) {
        unsigned char *text = NULL;
        int len =
            ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        p->is.common_name = keep(p, &used, text, len);
        OPENSSL_free(text);
    }
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && p->is.uri_count < SEV_SERVER_URIS_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        sev_slice kept = keep(p, &used, ASN1_STRING_get0_data(uri), ASN1_STRING_length(uri));
        if (kept.len > 0)
            p->is.uris[p->is.uri_count++] = kept;
    }
    GENERAL_NAMES_free(names);
}

static bool is_did(sev_slice name)
{
    return name.len > 4 && memcmp(name.ptr, "did:", 4) == 0;
}

static sev_slice identity_of(const struct sev_server_peer *peer)
{
    for (uint32_t i = 0; i < peer->uri_count; i++)
        if (is_did(peer->uris[i]))
            return peer->uris[i];
    return is_did(peer->common_name) ? SEV_EMPTY : peer->common_name;
}

static sev_time time_of(const ASN1_TIME *t)
{
    struct tm tm;
    char text[80];
    sev_time out = 0;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return sev_time_parse(sev_slice_of(text, strlen(text)), &out) == SEV_OK ? out : 0;
}

static bool hash_key(X509 *x, uint8_t out[32])
{
    uint8_t *der = NULL;
    unsigned int len = 0;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool done = n > 0 && EVP_Digest(der, (size_t)n, out, &len, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done;
}

sev_err server_peer_new(const struct sev_server *s, SSL *ssl, const char *address,
                        struct peer **out)
{
    X509 *x = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
    size_t room = x != NULL ? (1 + SEV_SERVER_URIS_MAX) * PEER_TEXT_BYTES_MAX : 0;
    struct peer *p = calloc(1, sizeof *p + room);
    unsigned int len = 0;
    if (p == NULL)
        return SEV_E_MEMORY;
    p->references = 1;
    memcpy(p->is.address, address, strnlen(address, sizeof p->is.address - 1));
    sev_slice share = sev_slice_of(p->is.address, strlen(p->is.address)); /* who is limited */
    if (x != NULL) {
        p->is.authenticated = true;
        p->is.resumed = SSL_session_reused(ssl) == 1;
        p->is.not_after = time_of(X509_get0_notAfter(x));
        keep_names(p, x);
        if (X509_digest(x, EVP_sha256(), p->is.certificate_sha256, &len) != 1 ||
            !hash_key(x, p->is.key_sha256)) {
            free(p);
            return SEV_E_MEMORY;
        }
        p->is.identity = identity_of(&p->is);
        share =
            p->is.identity.len > 0 ? p->is.identity : sev_slice_of(p->is.certificate_sha256, 32);
    }
    p->key = sev_limiter_key(s->secret, share.ptr, share.len);
    *out = p;
    return SEV_OK;
}

void server_peer_release(struct peer *p)
{
    if (p != NULL && --p->references == 0)
        free(p);
}
