/* server - what a client that behaves gets, over real sockets and real TLS: requests, answers,
 * parts, later answers, events, resumption, reload, an orderly end. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "served.h"
#include "test.h"

static struct credential *vehicle(const struct served *s)
{
    static struct credential *c;
    if (c == NULL)
        c = credential_new(s->ca, "vehicle-1", "did:secureev:1", DAYS(20));
    return c;
}

static struct client *started(struct served *s)
{
    served_start(s);
    struct client *c = client_new(s, s->plain ? NULL : vehicle(s), NULL);
    CHECK(c != NULL);
    return c;
}

static void ended(struct served *s, struct client *c)
{
    client_free(c);
    served_stop(s, 5000);
}

/* -------------------------------------------------------------- plain, TLS */

static void simple_requests(struct served *s)
{
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/hello"), 200);
    CHECK_TEXT(client_body(c), "hello\n");
    CHECK_TEXT(client_field(c, "content-type"), "text/plain");
    CHECK_EQ(client_field(c, "date").len, 29);
    CHECK(c->head.keep_alive);
    CHECK_EQ(client_get(c, "/missing"), 404);
    CHECK_TEXT(client_field(c, "content-type"), "application/problem+json");
    CHECK_TEXT(client_body(c), "{\"code\":\"not_found\",\"detail\":\"there is no such thing\","
                               "\"status\":404,\"title\":\"Not Found\"}");
    CHECK_EQ(client_get(c, "/field"), 204);
    CHECK_TEXT(client_field(c, "x-own"), "yes");
    CHECK_EQ(client_field(c, "x-evil").len, 0);
    CHECK_EQ(client_get(c, "/nothing"), 500);
    CHECK_EQ(client_get(c, "/hello"), 200);
    served_expect(s, SEV_SERVER_ANSWERED, SEV_OK, 5);
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_NOT_FOUND, 1);
    CHECK_EQ(served_counters(s).accepted, 1);
    CHECK_EQ(served_counters(s).requests, 5);
    ended(s, c);
}

TEST(server__simple_requests__plain)
{
    simple_requests(served_plain());
}

TEST(server__simple_requests__tls)
{
    simple_requests(served_new());
}

TEST(server__peer__is_named_by_its_certificate)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/who"), 200);
    CHECK_TEXT(client_body(c), "vehicle-1 did:secureev:1 full\n");
    ended(s, c);
}

TEST(server__close_asked__answered_and_closed)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK(client_send_text(c, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK(!c->head.keep_alive);
    CHECK(client_is_closed(c));
    ended(s, c);
}

/* ------------------------------------------------------------ pages, files */

TEST(server__page__whole_part_unchanged_and_head)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/page"), 200);
    CHECK_EQ(c->body_bytes, SERVED_PAGE_BYTES);
    CHECK_TEXT(client_field(c, "etag"), "\"p\"");
    CHECK_TEXT(client_field(c, "accept-ranges"), "bytes");
    CHECK(client_send_text(c, "GET /page HTTP/1.1\r\nHost: x\r\nRange: bytes=26-28\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 206);
    CHECK_TEXT(client_body(c), "abc");
    CHECK_TEXT(client_field(c, "content-range"), "bytes 26-28/1000");
    CHECK(client_send_text(c, "GET /page HTTP/1.1\r\nHost: x\r\nRange: bytes=1000-\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 416);
    CHECK_TEXT(client_field(c, "content-range"), "bytes */1000");
    CHECK(client_send_text(c, "GET /page HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"p\"\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 304);
    CHECK(client_send_text(c, "HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_EQ(client_answer(c, true), 200);
    CHECK_TEXT(client_field(c, "content-length"), "1000");
    CHECK_EQ(client_get(c, "/hello"), 200); /* nothing was left over in the stream */
    CHECK_TEXT(client_body(c), "hello\n");
    ended(s, c);
}

static void check_file(const struct client *c, uint64_t from, uint64_t bytes)
{
    CHECK_EQ(c->body_bytes, bytes);
    for (uint64_t i = 0; i < bytes; i++)
        if (c->body[i] != (from + i) % 251)
            CHECK_EQ(i, UINT64_MAX);
}

static void file_requests(struct served *s)
{
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/file"), 200);
    check_file(c, 0, s->file_bytes);
    CHECK(client_send_text(c, "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=1000001-\r\n"
                              "If-Range: \"f\"\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 206);
    check_file(c, 1000001, s->file_bytes - 1000001);
    CHECK(client_send_text(c, "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n"
                              "If-Range: \"g\"\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 200); /* another file: the whole of it */
    check_file(c, 0, s->file_bytes);
    ended(s, c);
}

TEST(server__file__whole_and_resumed_plain)
{
    file_requests(served_plain());
}

TEST(server__file__whole_and_resumed_tls)
{
    file_requests(served_new());
}

TEST(server__empty_file__empty_answer)
{
    struct served *s = served_plain();
    s->file_bytes = 0;
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/file"), 200);
    CHECK_EQ(c->body_bytes, 0);
    CHECK(client_send_text(c, "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 416);
    ended(s, c);
}

TEST(server__file_that_shrinks__cut_not_padded)
{
    struct served *s = served_plain();
    struct client *c = started(s);
    CHECK(ftruncate(s->file, 100000) == 0);
    CHECK_EQ(client_get(c, "/file"), 0);
    served_expect(s, SEV_SERVER_CUT_OFF, SEV_E_IO, 1);
    ended(s, c);
}

/* ------------------------------------------------------------------ bodies */

static void post(struct client *c, const char *path, const char *lines, size_t bytes)
{
    char head[256];
    uint8_t *body = malloc(bytes + 1);
    CHECK(body != NULL);
    memset(body, 'b', bytes);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n",
             path, bytes, lines);
    CHECK(client_send_text(c, head));
    CHECK(client_send(c, body, bytes));
    free(body);
}

static void body_requests(struct served *s)
{
    static const size_t sizes[] = {0, 1, 8000, 8192, 16384, 16385, 100000, 1 << 20};
    struct client *c = started(s);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        post(c, "/echo", "", sizes[i]);
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_EQ(c->body_bytes, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            CHECK(c->body[k] == 'b');
    }
    post(c, "/count", "", 3000000);
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "3000000");
    CHECK_EQ(served_counters(s).gathered_bytes, 0);
    ended(s, c);
}

TEST(server__bodies_of_any_length__plain)
{
    body_requests(served_plain());
}

TEST(server__bodies_of_any_length__tls)
{
    body_requests(served_new());
}

TEST(server__chunked_bodies__gathered_and_streamed_and_the_next_request_found)
{
    struct served *s = served_new();
    struct client *c = started(s);
    char chunk[4096];
    CHECK(client_send_text(c, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: x"));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "abcdefg");
    CHECK(client_send_text(c, "\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "hello\n");
    CHECK(client_send_text(
        c, "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (unsigned i = 0; i < 100; i++) {
        memset(chunk, 'x', sizeof chunk);
        memcpy(chunk, "FF0\r\n", 5);
        memcpy(chunk + 5 + 0xFF0, "\r\n", 2);
        CHECK(client_send(c, chunk, 5 + 0xFF0 + 2));
    }
    CHECK(client_send_text(c, "0\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "408000");
    ended(s, c);
}

TEST(server__expectation__continue_before_the_body_only_where_it_is_wanted)
{
    struct served *s = served_plain();
    struct client *c = started(s);
    char interim[25];
    CHECK(client_send_text(c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                              "Expect: 100-continue\r\n\r\n"));
    for (size_t n = 0; n < sizeof interim;) {
        long got = client_receive(c, interim + n, sizeof interim - n);
        CHECK(got > 0);
        n += (size_t)got;
    }
    CHECK_SLICE(sev_slice_of(interim, sizeof interim), SEV_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    CHECK(client_send_text(c, "abc"));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "abc");
    CHECK(client_send_text(c, "POST /missing HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                              "Expect: 100-continue\r\n\r\n"));
    CHECK_EQ(client_answer(c, false), 404);
    CHECK(!c->head.keep_alive); /* the body may come or not: who knows */
    CHECK(client_is_closed(c));
    ended(s, c);
}

/* -------------------------------------------------------------- pipelining */

TEST(server__pipelined_requests__answered_in_order)
{
    struct served *s = served_new();
    struct client *c = started(s);
    static char text[200 * 64];
    size_t len = 0;
    s->later_ms = 0;
    for (unsigned i = 0; i < 200; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n",
                             i % 20 == 7  ? "later"
                             : i % 2 == 0 ? "hello"
                                          : "page");
    CHECK(client_send(c, text, len));
    for (unsigned i = 0; i < 200; i++) {
        CHECK_EQ(client_answer(c, false), 200);
        if (i % 20 == 7)
            CHECK_TEXT(client_body(c), "later\n");
        else
            CHECK_EQ(c->body_bytes, i % 2 == 0 ? 6 : SERVED_PAGE_BYTES);
    }
    ended(s, c);
}

/* ----------------------------------------------------------- later answers */

TEST(server__later_answer__from_another_thread)
{
    struct served *s = served_new();
    struct client *c = started(s);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(client_get(c, "/later"), 200);
        CHECK_TEXT(client_body(c), "later\n");
    }
    ended(s, c);
}

TEST(server__later_answer_to_a_peer_that_left__goes_nowhere)
{
    struct served *s = served_new();
    s->later_ms = 300;
    struct client *c = started(s);
    CHECK(client_send_text(c, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (served_later(s) == 0)
        sleep_ms(5);
    ended(s, c); /* checks that the exchange is gone */
}

TEST(server__later_answer_that_does_not_come__503_and_closed)
{
    struct served *s = served_new();
    s->config.limits.answer_ms = 200;
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/never"), 503);
    CHECK_TEXT(client_field(c, "retry-after"), "1");
    CHECK(client_is_closed(c));
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_OVERLOADED, 1);
    ended(s, c);
}

/* ------------------------------------------------------------------ events */

TEST(server__channel__every_reader_gets_every_event)
{
    struct served *s = served_new();
    struct client *c = started(s), *d = client_new(s, vehicle(s), NULL);
    struct client *readers[] = {c, d};
    char text[64], got[64];
    for (size_t r = 0; r < 2; r++)
        CHECK(client_send_text(readers[r], "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (size_t r = 0; r < 2; r++) { /* the head, which ends with the connection */
        size_t n = 0;
        char head[1024];
        while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
            CHECK(n < sizeof head && client_receive(readers[r], head + n++, 1) == 1);
        CHECK(memmem(head, n, "text/event-stream", 17) != NULL);
    }
    for (unsigned i = 0; i < 50; i++) {
        int len = snprintf(text, sizeof text, "data: %u\n\n", i);
        CHECK_OK(sev_channel_publish(s->channel, sev_slice_of(text, (size_t)len)));
        for (size_t r = 0; r < 2; r++) {
            for (int n = 0; n < len;) {
                long one = client_receive(readers[r], got + n, (size_t)(len - n));
                CHECK(one > 0);
                n += (int)one;
            }
            CHECK(memcmp(text, got, (size_t)len) == 0);
        }
    }
    client_free(d);
    ended(s, c);
}

/* -------------------------------------------------------------- resumption */

TEST(server__sessions__resumed_with_the_peer_known_and_asked_again)
{
    struct served *s = served_new();
    struct client *c = started(s);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(client_get(c, "/who"), 200);
        SSL_SESSION *session = client_session(c);
        client_free(c);
        c = client_new(s, vehicle(s), session);
        SSL_SESSION_free(session);
        CHECK(c != NULL);
        CHECK_EQ(SSL_session_reused(c->ssl), 1);
        CHECK_EQ(client_get(c, "/who"), 200);
        CHECK_TEXT(client_body(c), "vehicle-1 did:secureev:1 resumed\n");
    }
    CHECK_EQ(served_counters(s).handshakes_full, 1);
    CHECK_EQ(served_counters(s).handshakes_resumed, 5);
    ended(s, c);
}

TEST(server__session_of_a_connection_that_was_just_dropped__still_resumed)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/who"), 200);
    SSL_SESSION *session = client_session(c);
    SSL_set_quiet_shutdown(c->ssl, 1); /* as a vehicle that loses its network */
    client_free(c);
    c = client_new(s, vehicle(s), session);
    SSL_SESSION_free(session);
    CHECK(c != NULL && SSL_session_reused(c->ssl) == 1);
    ended(s, c);
}

/* ------------------------------------------------------------- reload, end */

TEST(server__reload__open_connections_stay_new_ones_see_the_new_certificate)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK_EQ(client_get(c, "/who"), 200);
    SSL_SESSION *session = client_session(c);
    struct credential *other = credential_new(s->ca, "next server", NULL, DAYS(30));
    struct sev_server_tls tls = s->tls;
    tls.certificates = sev_slice_of(other->certificate_pem, strlen(other->certificate_pem));
    CHECK_ERR(sev_server_reload(s->server, &tls), SEV_E_KEY); /* another's key: all is as before */
    tls.key = sev_slice_of(other->key_pem, strlen(other->key_pem));
    CHECK_OK(sev_server_reload(s->server, &tls));
    CHECK_EQ(client_get(c, "/hello"), 200);
    struct client *d = NULL;
    char name[64] = "";
    for (unsigned i = 0; i < 100 && strcmp(name, "next server") != 0; i++) {
        client_free(d);
        sleep_ms(10);
        CHECK((d = client_new(s, vehicle(s), NULL)) != NULL);
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(d->ssl)),
                                  NID_commonName, name, sizeof name);
    }
    CHECK(strcmp(name, "next server") == 0);
    client_free(d);
    d = client_new(s, vehicle(s), session); /* the CAs may be others: no session of before */
    CHECK(d != NULL && SSL_session_reused(d->ssl) == 0);
    client_free(d);
    SSL_SESSION_free(session);
    credential_free(other);
    ended(s, c);
}

static void *stop_it(void *context)
{
    served_stop(context, 5000);
    return NULL;
}

TEST(server__stop__what_was_begun_is_finished)
{
    struct served *s = served_new();
    s->later_ms = 400;
    struct client *c = started(s), *idle = client_new(s, vehicle(s), NULL);
    struct client *half = client_new(s, vehicle(s), NULL);
    pthread_t stopper;
    CHECK_EQ(client_get(idle, "/hello"), 200);
    CHECK(client_send_text(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"));
    CHECK(client_send_text(c, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (served_later(s) == 0 || served_counters(s).requests < 3)
        sleep_ms(5);
    CHECK(pthread_create(&stopper, NULL, stop_it, s) == 0);
    CHECK(client_is_closed(idle));
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "later\n");
    CHECK(!c->head.keep_alive);
    CHECK(client_send_text(half, "def"));
    CHECK_EQ(client_answer(half, false), 200);
    CHECK_TEXT(client_body(half), "abcdef");
    client_free(half);
    client_free(idle);
    client_free(c);
    pthread_join(stopper, NULL);
}

TEST(server__stop__does_not_wait_for_ever)
{
    struct served *s = served_new();
    struct client *c = started(s);
    CHECK(client_send_text(c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"));
    while (served_counters(s).requests < 1)
        sleep_ms(5);
    uint64_t before = clock_ms();
    served_stop(s, 300);
    CHECK(clock_ms() - before < 3000);
    CHECK(client_is_closed(c));
    client_free(c);
}

/* ------------------------------------------------------------ configuration */

TEST(server__senseless_configuration__named)
{
    struct served *s = served_new();
    struct sev_server_config good = s->config, bad = good;
    struct sev_server *server = NULL;
    struct sev_server_tls tls = s->tls;
    bad.address = "localhost";
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_CONFIG);
    bad = good;
    bad.workers = 0;
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_CONFIG);
    bad = good;
    bad.limits.connections_max = 0;
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_CONFIG);
    bad = good;
    bad.address = "192.0.2.1"; /* not ours. RFC 5737 */
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_UNREACHABLE);
    bad = good;
    bad.tls = &tls;
    tls.key = SEV_LIT("no key");
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_KEY);
    tls = s->tls;
    tls.certificates = SEV_LIT("");
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_KEY);
    tls = s->tls;
    tls.clients = SEV_EMPTY; /* would admit everybody, which must be said */
    CHECK_ERR(sev_server_start(&bad, &server), SEV_E_CONFIG);
    CHECK(server == NULL);
    sev_server_stop(NULL, 0);
}
