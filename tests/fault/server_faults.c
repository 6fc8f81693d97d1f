/* server_faults - call N fails: memory, sockets, epoll, and OpenSSL's memory. Whatever it was, the
 * next client is served, every exchange ends, nothing is left behind (ASan looks for leaks).
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "served.h"
#include "test.h"

/* ------------------------------------------------------------------- faults */

enum kind { MEMORY, SEND, RECEIVE, ACCEPT, EPOLL, KINDS };

static _Atomic int calls[KINDS], fail_at[KINDS]; /* 0: none */
static _Atomic bool fired, here_too;             /* also in the thread of the test */
static pthread_t tester;
static int error_of_send = ECONNRESET;

static bool fails(enum kind kind)
{
    if (fail_at[kind] == 0 || (!here_too && pthread_equal(pthread_self(), tester)))
        return false;
    if (atomic_fetch_add(&calls[kind], 1) + 1 != fail_at[kind])
        return false;
    fired = true;
    return true;
}

static void arm(enum kind kind, int at)
{
    for (int k = 0; k < KINDS; k++)
        fail_at[k] = calls[k] = 0;
    fired = false;
    fail_at[kind] = at;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_recv(int fd, void *out, size_t most, int flags);
int __real_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *out, size_t most, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

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

/* Besides failing, every send of the server's is short: a third of what it gives. */
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    if (fails(SEND)) {
        errno = error_of_send;
        return -1;
    }
    bool server = fail_at[SEND] != 0 && !pthread_equal(pthread_self(), tester);
    return __real_send(fd, bytes, server && len > 3 ? len / 3 : len, flags);
}

ssize_t __wrap_recv(int fd, void *out, size_t most, int flags)
{
    if (fails(RECEIVE)) {
        errno = ECONNRESET;
        return -1;
    }
    return __real_recv(fd, out, most, flags);
}

int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags)
{
    if (fails(ACCEPT)) {
        errno = EMFILE;
        return -1;
    }
    return __real_accept4(fd, from, len, flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (fails(EPOLL)) {
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(epoll, op, fd, event);
}

/* ---------------------------------------------------------------- a session */

static struct credential *vehicle(const struct served *s)
{
    static struct credential *c;
    if (c == NULL)
        c = credential_new(s->ca, "vehicle-1", "did:secureev:1", DAYS(20));
    return c;
}

/* Everything that a client can do; it may be cut short anywhere. */
static void use(const struct served *s)
{
    static const char *const texts[] = {
        "GET /who HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /later HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    struct client *c = client_new(s, s->plain ? NULL : vehicle(s), NULL);
    for (size_t i = 0; c != NULL && i < sizeof texts / sizeof texts[0]; i++) {
        if (!client_send_text(c, texts[i]) || client_answer(c, false) == 0)
            break;
        CHECK(c->head.status == 200 || c->head.status == 503);
        if (!c->head.keep_alive)
            break;
    }
    client_free(c);
}

/* A client whose server fails at call `at`, then one that must be served. Did it come so far? */
static bool failed_at(struct served *s, enum kind kind, int at)
{
    served_start(s);
    arm(kind, at);
    use(s);
    bool was = fired;
    arm(kind, 0);
    struct client *c = client_new(s, s->plain ? NULL : vehicle(s), NULL);
    CHECK(c != NULL);
    CHECK_EQ(client_get(c, "/hello"), 200);
    client_free(c);
    served_stop(s, 2000);
    return was;
}

static void each(bool plain, enum kind kind, int least)
{
    int at = 1;
    for (;; at++) {
        struct served *s = plain ? served_plain() : served_new();
        s->config.workers = 1;
        s->file_bytes = 300000;
        s->later_ms = 0;
        if (!failed_at(s, kind, at))
            break;
    }
    print_message("%d calls failed\n", at - 1);
    CHECK(at > least);
}

TEST(server_faults__memory__each_allocation_plain)
{
    each(true, MEMORY, 5);
}

TEST(server_faults__memory__each_allocation_tls)
{
    each(false, MEMORY, 6);
}

TEST(server_faults__send__each_short_and_one_broken)
{
    error_of_send = ECONNRESET;
    each(false, SEND, 8);
}

TEST(server_faults__send__interrupted)
{
    error_of_send = EINTR;
    each(true, SEND, 8);
}

TEST(server_faults__receive__each_call)
{
    each(true, RECEIVE, 5);
    each(false, RECEIVE, 5);
}

TEST(server_faults__no_descriptor_left__accepts_again_later)
{
    each(true, ACCEPT, 1);
}

TEST(server_faults__connection_that_cannot_be_watched__turned_away)
{
    each(false, EPOLL, 1);
}

TEST(server_faults__start__each_allocation_and_call)
{
    const enum kind kinds[] = {MEMORY, EPOLL};
    for (size_t k = 0; k < 2; k++) {
        struct served *s = served_new();
        sev_err e = SEV_OK;
        int at = 1;
        s->config.tls = &s->tls;
        do {
            struct sev_server *server = NULL;
            arm(kinds[k], at++);
            here_too = true;
            e = sev_server_start(&s->config, &server);
            here_too = false;
            bool was = fired;
            arm(kinds[k], 0);
            CHECK(!was || e == SEV_E_MEMORY || e == SEV_E_IO || e == SEV_OK);
            CHECK((e == SEV_OK) == (server != NULL));
            sev_server_stop(server, 1000);
            if (!was)
                break;
        } while (at < 200);
        CHECK_OK(e);
        CHECK(at > 3);
    }
}

/* ------------------------------------------------------- OpenSSL's own memory */

static _Atomic long ssl_calls, ssl_fail_at;

static bool ssl_fails(void)
{
    return ssl_fail_at != 0 && !pthread_equal(pthread_self(), tester) &&
           atomic_fetch_add(&ssl_calls, 1) + 1 == ssl_fail_at;
}

static void *ssl_malloc(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return ssl_fails() ? NULL : __real_malloc(bytes);
}

static void *ssl_realloc(void *old, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return ssl_fails() ? NULL : __real_realloc(old, bytes);
}

static void ssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

__attribute__((constructor(101))) static void before_openssl(void)
{
    tester = pthread_self();
    (void)CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}

/* Every 97th allocation of a session; each at night. */
TEST(server_faults__openssl_without_memory__that_connection_only)
{
    long each_one = getenv("SEV_NIGHTLY") != NULL ? 1 : 97, n = 0;
    struct served *s = served_new();
    s->config.workers = 1;
    s->file_bytes = 300000;
    served_start(s);
    for (long at = 1;; at += each_one, n++) {
        ssl_calls = 0;
        ssl_fail_at = at;
        struct client *c = client_new(s, vehicle(s), NULL);
        if (c != NULL)
            (void)client_get(c, "/file");
        client_free(c);
        bool was = ssl_calls >= at;
        ssl_fail_at = 0;
        c = client_new(s, vehicle(s), NULL);
        CHECK(c != NULL && client_get(c, "/hello") == 200);
        client_free(c);
        if (!was)
            break;
    }
    print_message("%ld allocations of OpenSSL failed\n", n);
    CHECK(n >= 10);
    served_stop(s, 2000);
}
