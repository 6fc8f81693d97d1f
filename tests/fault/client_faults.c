/* client_faults - call N of our HTTP client fails: memory, ours and OpenSSL's, and sockets. It says
 * so, the answer is untouched, and the next request on the same handle is answered.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "secureev/client_http.h"
#include "served.h"
#include "test.h"

/* ------------------------------------------------------------------- faults */

enum kind { MEMORY, SSL_MEMORY, SEND, RECEIVE, KINDS };

static long calls[KINDS], fail_at[KINDS]; /* 0: none */
static bool fired;
static _Thread_local bool here; /* only what this thread does */
static bool dribble;            /* sockets take and give a few bytes at a time */

static bool fails(enum kind kind)
{
    if (!here || fail_at[kind] == 0 || ++calls[kind] != fail_at[kind])
        return false;
    fired = true;
    return true;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_recv(int fd, void *out, size_t most, int flags);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *out, size_t most, int flags);

void *__wrap_malloc(size_t bytes)
{
    return fails(MEMORY) ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails(MEMORY) ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails(MEMORY) ? NULL : __real_realloc(old, bytes);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    if (fails(SEND)) {
        errno = EPIPE;
        return -1;
    }
    return __real_send(fd, bytes, here && dribble && len > 1500 ? 1500 : len, flags);
}

ssize_t __wrap_recv(int fd, void *out, size_t most, int flags)
{
    if (fails(RECEIVE)) {
        errno = ECONNRESET;
        return -1;
    }
    return __real_recv(fd, out, here && dribble && most > 300 ? 300 : most, flags);
}

static void *ssl_malloc(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return fails(SSL_MEMORY) ? NULL : __real_malloc(bytes);
}

static void *ssl_realloc(void *old, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return fails(SSL_MEMORY) ? NULL : __real_realloc(old, bytes);
}

static void ssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

__attribute__((constructor)) static void before_openssl(void)
{
    (void)CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}

/* ------------------------------------------------------------------ a session */

static uint8_t body_room[1 << 17];

static sev_err ask(struct sev_http_client *c, const char *target, sev_slice body)
{
    sev_buf room = sev_buf_of(body_room, sizeof body_room);
    struct sev_http_answer a = {.status = 77};
    struct sev_http_ask q = {.method = body.len != 0 ? SEV_HTTP_POST : SEV_HTTP_GET,
                             .target = target,
                             .type = body.len != 0 ? "text/plain" : NULL,
                             .body = body,
                             .room = &room};
    sev_err e = sev_http_client_ask(c, &q, &a);
    if (e != SEV_OK) {
        CHECK_EQ(a.status, 77);
    } else {
        CHECK_EQ(a.status, 200);
        CHECK(body.len == 0 || sev_slice_eq(a.body, body));
    }
    return e;
}

/* Made, used twice, freed; `kind` fails at call `at`. Nothing may be lost (ASan), and whoever
 * failed may be asked again. */
static void one_try(const struct sev_http_client_config *config, enum kind kind, long at)
{
    static uint8_t body[5000];
    struct sev_http_client *c = NULL;
    memset(fail_at, 0, sizeof fail_at);
    memset(calls, 0, sizeof calls);
    fail_at[kind] = at;
    fired = false;
    here = true;
    sev_err e = sev_http_client_new(config, &c);
    bool crippled = fired && e == SEV_OK;
    if (e == SEV_OK)
        e = ask(c, "/echo", sev_slice_of(body, sizeof body));
    if (e == SEV_OK)
        e = ask(c, "/hello", SEV_EMPTY);
    fail_at[kind] = 0;
    if (crippled && e == SEV_E_TLS) {
        /* OpenSSL leaves out a cipher that it found no memory for, and does not say so. */
        sev_http_client_free(c);
        c = NULL;
        CHECK_OK(sev_http_client_new(config, &c));
    }
    if (c != NULL) /* the fault is over */
        CHECK_OK(ask(c, "/hello", SEV_EMPTY));
    sev_http_client_free(c);
    here = false;
    CHECK(fired || e == SEV_OK);
    CHECK(e == SEV_OK || e == SEV_E_MEMORY || e == SEV_E_KEY || e == SEV_E_TLS ||
          e == SEV_E_UNREACHABLE || e == SEV_E_CONFIG);
}

static void each_call(enum kind kind, long step)
{
    struct served *s = served_new();
    char url[64];
    s->config.workers = 1;
    served_start(s);
    struct credential *vehicle = credential_new(s->ca, "vehicle-1", NULL, DAYS(20));
    snprintf(url, sizeof url, "https://127.0.0.1:%u", s->port);
    struct sev_http_client_config config = {
        .url = url,
        .ca = sev_slice_of(s->ca->certificate_pem, strlen(s->ca->certificate_pem)),
        .certificate = sev_slice_of(vehicle->certificate_pem, strlen(vehicle->certificate_pem)),
        .key = sev_slice_of(vehicle->key_pem, strlen(vehicle->key_pem)),
        .bearer = "token",
        .limits = sev_http_client_defaults};
    long at = 1;
    do
        one_try(&config, kind, at);
    while (fired && (at += step) < 100000);
    CHECK(at > 1);
    credential_free(vehicle);
    served_stop(s, 5000);
}

TEST(client_faults__memory__each_allocation)
{
    each_call(MEMORY, 1);
}

TEST(client_faults__openssl_without_memory__named_and_over)
{
    each_call(SSL_MEMORY, getenv("SEV_NIGHTLY") != NULL ? 1 : 61);
}

TEST(client_faults__send__each_call)
{
    dribble = true;
    each_call(SEND, 1);
    dribble = false;
}

TEST(client_faults__receive__each_call)
{
    dribble = true;
    each_call(RECEIVE, 1);
    dribble = false;
}
