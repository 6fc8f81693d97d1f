/* pkcs12 - a key, its certificate and CAs in the one file that aktualizr takes.
 * SPDX-License-Identifier: MIT */
#include "secureev/certificate.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "keys.h"

#define ROUNDS 2048 /* an empty passphrase is not made stronger by more */

static EVP_PKEY *private_of(const struct sev_privkey *key)
{
    uint8_t der[SEV_PRIVKEY_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der);
    EVP_PKEY *out = NULL;
    if (sev_privkey_to_pkcs8(key, &b) == SEV_OK) {
        const uint8_t *p = der;
        out = d2i_AutoPrivateKey(NULL, &p, (long)b.len);
    }
    sev_wipe(der, sizeof der);
    return out;
}

static STACK_OF(X509) * certificates_of(sev_slice pem)
{
    BIO *in = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    STACK_OF(X509) *all = sk_X509_new_null();
    X509 *x;
    while (in != NULL && all != NULL &&
           (x = PEM_read_bio_X509(in, NULL, sev_openssl_no_passphrase, NULL)) != NULL)
        if (sk_X509_push(all, x) <= 0)
            X509_free(x);
    BIO_free(in);
    return all;
}

sev_err sev_pkcs12_write(const struct sev_privkey *key, sev_slice certificate_der, sev_slice ca_pem,
                         sev_buf *out)
{
    const uint8_t *p = certificate_der.ptr;
    uint8_t *der = NULL;
    ERR_clear_error();
    EVP_PKEY *pkey = private_of(key);
    X509 *own = d2i_X509(NULL, &p, (long)certificate_der.len);
    STACK_OF(X509) *cas = certificates_of(ca_pem);
    PKCS12 *p12 = NULL;
    if (pkey != NULL && own != NULL && cas != NULL && sk_X509_num(cas) > 0)
        p12 = PKCS12_create("", NULL, pkey, own, cas, NID_aes_256_cbc, NID_aes_256_cbc, ROUNDS,
                            ROUNDS, 0);
    int len = p12 != NULL ? i2d_PKCS12(p12, &der) : 0;
    sev_err e = len > 0 ? SEV_OK : sev_openssl_failure(SEV_E_KEY);
    if (e == SEV_OK && (size_t)len > out->cap - out->len)
        e = SEV_E_MEMORY;
    if (e == SEV_OK)
        sev_buf_put(out, der, (size_t)len);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS12_free(p12);
    sk_X509_pop_free(cas, X509_free);
    X509_free(own);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return e;
}
