/* bare_crypto - what the cryptography of a check-in costs alone, by OpenSSL and nothing of ours, in
 * microseconds of CPU: the server's half of a resumed mutual handshake, signatures, keys, hashes.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 401 /* medians are of an odd number */
#define BLOCK 4096

static void must(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bare_crypto: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

/* --------------------------------------------------------------- handshakes */

static SSL_CTX *context(const SSL_METHOD *method, const char *certificate, const char *key,
                        const char *ca)
{
    SSL_CTX *c = SSL_CTX_new(method);
    must(c != NULL && SSL_CTX_use_certificate_chain_file(c, certificate) == 1 &&
             SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_load_verify_locations(c, ca, NULL) == 1 &&
             SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set1_groups_list(c, "X25519:P-256") == 1 &&
             SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1,
         "certificates");
    return c;
}

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

/* Microseconds that the server's side took. */
static double handshake(SSL_CTX *server, SSL_CTX *client, int resumed)
{
    SSL *s = SSL_new(server), *c = SSL_new(client);
    BIO *a = NULL, *b = NULL;
    char byte;
    double used = 0;
    must(s != NULL && c != NULL && BIO_new_bio_pair(&a, 65536, &b, 65536) == 1, "memory");
    SSL_set_bio(s, a, a);
    SSL_set_bio(c, b, b);
    SSL_set_accept_state(s);
    SSL_set_connect_state(c);
    if (resumed)
        must(SSL_set_session(c, kept) == 1, "session");
    while (!SSL_is_init_finished(s) || !SSL_is_init_finished(c)) {
        (void)SSL_do_handshake(c);
        double from = cpu_us();
        (void)SSL_do_handshake(s);
        used += cpu_us() - from;
    }
    (void)SSL_read(c, &byte, 1); /* takes the ticket in */
    must(SSL_session_reused(s) == resumed, "resumed as wanted");
    SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    double from = cpu_us();
    SSL_free(s);
    used += cpu_us() - from;
    SSL_free(c);
    return used;
}

static double resumed_handshake(char **files)
{
    static double values[ROUNDS];
    SSL_CTX *server = context(TLS_server_method(), files[0], files[1], files[4]);
    SSL_CTX *client = context(TLS_client_method(), files[2], files[3], files[4]);
    SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_id_context(server, (const unsigned char *)"b", 1);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, keep);
    (void)handshake(server, client, 0);
    for (int i = 0; i < ROUNDS; i++)
        values[i] = handshake(server, client, 1);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return median(values);
}

/* --------------------------------------------------------------- signatures */

static EVP_PKEY *decode(const unsigned char *point, size_t len)
{
    EVP_PKEY *key = NULL;
    char group[] = "prime256v1";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, len),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    must(c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
             EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1,
         "key");
    EVP_PKEY_CTX_free(c);
    return key;
}

static void signatures(double *out_sign, double *out_verify, double *out_decode)
{
    static double sign[ROUNDS], verify[ROUNDS], decoding[ROUNDS];
    unsigned char digest[32] = {1}, sig[128], point[65];
    size_t point_len;
    EVP_PKEY *private = EVP_EC_gen("P-256");
    must(private != NULL && EVP_PKEY_get_octet_string_param(private, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                            sizeof point, &point_len) == 1,
         "key");
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = sizeof sig;
        double from = cpu_us();
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(private, NULL);
        must(EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_sign(c, sig, &len, digest, 32) == 1, "sign");
        EVP_PKEY_CTX_free(c);
        double signed_at = cpu_us();
        EVP_PKEY *public = decode(point, point_len);
        double decoded_at = cpu_us();
        c = EVP_PKEY_CTX_new(public, NULL);
        must(EVP_PKEY_verify_init(c) == 1 && EVP_PKEY_verify(c, sig, len, digest, 32) == 1,
             "verify");
        EVP_PKEY_CTX_free(c);
        double verified_at = cpu_us();
        EVP_PKEY_free(public);
        sign[i] = signed_at - from;
        decoding[i] = decoded_at - signed_at;
        verify[i] = verified_at - decoded_at;
    }
    EVP_PKEY_free(private);
    *out_sign = median(sign);
    *out_verify = median(verify);
    *out_decode = median(decoding);
}

/* ---------------------------------------------------------- hashes and AEAD */

static void bulk(double *out_hash, double *out_seal)
{
    static double hash[ROUNDS], seal[ROUNDS];
    static unsigned char block[BLOCK], out[BLOCK + 16];
    unsigned char digest[32], key[16] = {1}, iv[12] = {2};
    int len;
    for (int i = 0; i < ROUNDS; i++) {
        double from = cpu_us();
        must(EVP_Digest(block, BLOCK, digest, NULL, EVP_sha256(), NULL) == 1, "hash");
        double hashed_at = cpu_us();
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        must(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv) == 1 &&
                 EVP_EncryptUpdate(c, out, &len, block, BLOCK) == 1 &&
                 EVP_EncryptFinal_ex(c, out + len, &len) == 1,
             "seal");
        EVP_CIPHER_CTX_free(c);
        seal[i] = cpu_us() - hashed_at;
        hash[i] = hashed_at - from;
    }
    *out_hash = median(hash);
    *out_seal = median(seal);
}

int main(int argc, char **argv)
{
    double sign, verify, decoding, hash, seal;
    must(argc == 6, "usage: bare_crypto SERVER.pem SERVER.key CLIENT.pem CLIENT.key CA.pem");
    double resumed = resumed_handshake(argv + 1);
    signatures(&sign, &verify, &decoding);
    bulk(&hash, &seal);
    printf("{\"resumed\":%.2f,\"sign\":%.2f,\"verify\":%.2f,\"decode\":%.2f,\"hash_4k\":%.2f,"
           "\"seal_4k\":%.2f}\n",
           resumed, sign, verify, decoding, hash, seal);
    return 0;
}
