/* pem - see tls.h. SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "secureev/tls.h"

static int no_passphrase(char *out, int len, int writing, void *context)
{
    (void)writing, (void)context;
    if (len > 0)
        out[0] = '\0';
    return -1; /* never ask at a terminal */
}

/* Every certificate of a PEM text to `take`; false if there is none, or something else. */
static bool each_certificate(sev_slice pem, bool (*take)(SSL_CTX *, X509 *, unsigned), SSL_CTX *tls)
{
    BIO *in = pem.len > 0 && pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    unsigned count = 0;
    bool good = in != NULL;
    ERR_clear_error();
    while (good) {
        X509 *x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
        if (x == NULL) {
            good = count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            break;
        }
        /* Its extensions are understood now: OpenSSL would do so at the first handshake, and a want
         * of memory just then would make the certificate an invalid one for ever. */
        good = X509_check_purpose(x, -1, 0) == 1 && take(tls, x, count++);
        X509_free(x);
    }
    BIO_free(in);
    ERR_clear_error();
    return good;
}

static bool take_ours(SSL_CTX *tls, X509 *x, unsigned count)
{
    return count == 0 ? SSL_CTX_use_certificate(tls, x) == 1 : SSL_CTX_add1_chain_cert(tls, x) == 1;
}

static bool take_ca(SSL_CTX *tls, X509 *x, unsigned count)
{
    (void)count;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), x) == 1;
}

static bool take_ca_to_ask_for(SSL_CTX *tls, X509 *x, unsigned count)
{
    return take_ca(tls, x, count) && SSL_CTX_add_client_CA(tls, x) == 1;
}

bool sev_tls_be(struct ssl_ctx_st *tls, sev_slice certificates, sev_slice key)
{
    if (!each_certificate(certificates, take_ours, tls))
        return false;
    BIO *in = key.len > 0 && key.len <= INT32_MAX ? BIO_new_mem_buf(key.ptr, (int)key.len) : NULL;
    EVP_PKEY *pkey = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
    bool good = pkey != NULL && SSL_CTX_use_PrivateKey(tls, pkey) == 1 &&
                SSL_CTX_check_private_key(tls) == 1;
    EVP_PKEY_free(pkey);
    BIO_free(in);
    ERR_clear_error();
    return good;
}

bool sev_tls_trust(struct ssl_ctx_st *tls, sev_slice certificates, bool ask_for)
{
    return each_certificate(certificates, ask_for ? take_ca_to_ask_for : take_ca, tls);
}
