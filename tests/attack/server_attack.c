/* server_attack - strangers and vehicles that do not behave, against the real server: each attack
 * is refused by its name, and who behaves is served meanwhile. REQ-B03 SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "served.h"
#include "test.h"

static struct credential *named(const struct served *s, unsigned n)
{
    static struct credential *known[8];
    char name[32];
    snprintf(name, sizeof name, "vehicle-%u", n);
    if (known[n] == NULL)
        known[n] = credential_new(s->ca, name, NULL, DAYS(20));
    return known[n];
}

static struct client *join(const struct served *s)
{
    struct client *c = client_new(s, s->plain ? NULL : named(s, 1), NULL);
    CHECK(c != NULL);
    return c;
}

/* Somebody who behaves. */
static void is_served(const struct served *s)
{
    struct client *c = join(s);
    CHECK_EQ(client_get(c, "/hello"), 200);
    client_free(c);
}

static void all_gone(struct served *s)
{
    uint64_t until = clock_ms() + 10000;
    while (served_counters(s).open_connections > 0 && clock_ms() < until)
        sleep_ms(10);
    CHECK_EQ(served_counters(s).open_connections, 0);
    CHECK_EQ(served_counters(s).open_handshakes, 0);
    CHECK_EQ(served_counters(s).unsent_bytes, 0);
    CHECK_EQ(served_counters(s).gathered_bytes, 0);
    served_stop(s, 1000);
}

/* --------------------------------------------------------------- slow ones */

static void trickle(struct served *s, const char *begin, unsigned bytes, unsigned each_ms,
                    const char *phase)
{
    served_start(s);
    struct client *c = join(s);
    uint64_t before = clock_ms();
    CHECK(client_send_text(c, begin));
    for (unsigned i = 0; i < bytes && served_events(s, SEV_SERVER_CUT_OFF, SEV_E_TOO_SLOW) == 0;
         i++) {
        (void)client_send_text(c, "a");
        sleep_ms(each_ms);
    }
    served_expect(s, SEV_SERVER_CUT_OFF, SEV_E_TOO_SLOW, 1);
    CHECK(clock_ms() - before < 5000);
    CHECK(strcmp(s->events[0].phase, phase) == 0);
    CHECK(client_is_closed(c));
    client_free(c);
    is_served(s);
    all_gone(s);
}

/* A byte now and then keeps no head alive. */
TEST(b03__slow_loris_on_the_head__cut_too_slow_tls)
{
    struct served *s = served_new();
    s->config.limits.head_ms = 400;
    trickle(s, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", 200, 20, "head");
}

TEST(b03__slow_loris_on_the_head__cut_too_slow_plain)
{
    struct served *s = served_plain();
    s->config.limits.head_ms = 400;
    trickle(s, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", 200, 20, "head");
}

TEST(b03__slow_loris_on_the_body__cut_too_slow)
{
    struct served *s = served_new();
    s->config.limits.window_ms = 300;
    s->config.limits.rate_min = 1000;
    trickle(s, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", 300, 10, "body");
}

TEST(b03__connected_and_silent__cut_too_slow)
{
    struct served *s = served_plain();
    s->config.limits.head_ms = 300;
    trickle(s, "", 0, 0, "head");
}

TEST(b03__slow_but_above_the_minimum__served)
{
    struct served *s = served_new();
    s->config.limits.window_ms = 200;
    s->config.limits.rate_min = 500;
    served_start(s);
    struct client *c = join(s);
    CHECK(client_send_text(c, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"));
    for (unsigned i = 0; i < 20; i++) {
        CHECK(client_send_text(c, "12345678901234567890123456789012345678901234567890"));
        sleep_ms(40);
    }
    CHECK_EQ(client_answer(c, false), 200);
    CHECK_TEXT(client_body(c), "1000");
    client_free(c);
    all_gone(s);
}

/* REQ-H19: a reader that does not read; what is kept for it is bounded. */
TEST(b03__reader_that_does_not_read__cut_too_slow_and_little_kept)
{
    struct served *s = served_new();
    s->config.limits.window_ms = 500;
    s->file_bytes = 64u << 20;
    served_start(s);
    struct client *c = join(s);
    CHECK(client_send_text(c, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (served_events(s, SEV_SERVER_CUT_OFF, SEV_E_TOO_SLOW) == 0) {
        CHECK(served_counters(s).unsent_bytes <= 256u * 1024u);
        sleep_ms(5);
    }
    is_served(s);
    client_free(c);
    all_gone(s);
}

TEST(b03__reader_slow_but_steady__gets_all)
{
    struct served *s = served_new();
    s->config.limits.window_ms = 300;
    s->file_bytes = 8u << 20;
    served_start(s);
    struct client *c = join(s);
    static uint8_t bytes[65536];
    uint64_t got = 0;
    const int small = 65536;
    CHECK(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(client_send_text(c, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    for (long n = 1; n > 0; got += n > 0 ? (uint64_t)n : 0) {
        n = client_receive(c, bytes, sizeof bytes);
        sleep_ms(4);
    }
    CHECK(got > s->file_bytes);
    CHECK_EQ(served_events(s, SEV_SERVER_CUT_OFF, SEV_E_TOO_SLOW), 0);
    client_free(c);
    all_gone(s);
}

TEST(b03__reader_of_events_that_does_not_read__cut_and_the_others_served)
{
    struct served *s = served_plain();
    served_start(s);
    struct client *c = join(s);
    static char event[SEV_CHANNEL_EVENT_BYTES_MAX];
    const int small = 65536;
    CHECK(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(client_send_text(c, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (served_counters(s).requests == 0)
        sleep_ms(1);
    memset(event, 'e', sizeof event);
    CHECK_ERR(sev_channel_publish(s->channel, sev_slice_of(event, sizeof event + 1)),
              SEV_E_TOO_LONG);
    CHECK_ERR(sev_channel_publish(s->channel, SEV_EMPTY), SEV_E_TOO_LONG);
    for (unsigned i = 0; i < 3000; i++) {
        CHECK_OK(sev_channel_publish(s->channel, sev_slice_of(event, sizeof event)));
        if (i % 64 == 0)
            sleep_ms(1);
    }
    /* It sees the gap when it reads again. */
    static uint8_t bytes[1 << 20];
    while (client_receive(c, bytes, sizeof bytes) > 0)
        ;
    served_expect(s, SEV_SERVER_CUT_OFF, SEV_E_TOO_SLOW, 1);
    is_served(s);
    client_free(c);
    all_gone(s);
}

/* -------------------------------------------------------------- handshakes */

TEST(b03__half_open_handshakes__time_out_and_vehicles_get_in)
{
    struct served *s = served_new();
    s->config.workers = 1;
    s->config.limits.handshakes_max = 4;
    s->config.limits.handshake_ms = 500;
    served_start(s);
    int silent[12];
    for (size_t i = 0; i < 12; i++)
        silent[i] = client_connect(s);
    uint64_t before = clock_ms();
    is_served(s); /* waits its turn */
    CHECK(clock_ms() - before < 5000);
    served_expect(s, SEV_SERVER_HANDSHAKE_FAILED, SEV_E_TOO_SLOW, 12);
    for (size_t i = 0; i < 12; i++)
        close(silent[i]);
    all_gone(s);
}

TEST(b03__garbage_instead_of_tls__refused_and_forgotten)
{
    struct served *s = served_new();
    served_start(s);
    uint8_t junk[300];
    for (unsigned i = 0; i < 300; i++) {
        int fd = client_connect(s);
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)(i * 31 + k * 7 + (k * k >> 3));
        (void)!send(fd, junk, 1 + i % sizeof junk, MSG_NOSIGNAL);
        close(fd);
    }
    is_served(s);
    for (unsigned i = 0; i < 1000 && served_counters(s).handshakes_failed < 300; i++)
        sleep_ms(5);
    CHECK_EQ(served_counters(s).handshakes_failed, 300);
    CHECK_EQ(served_counters(s).requests, 1);
    all_gone(s);
}

TEST(h34__no_certificate_another_ca_expired_or_old_tls__no_handshake)
{
    struct served *s = served_new();
    served_start(s);
    struct credential *other_ca = credential_new(NULL, "test CA", NULL, DAYS(30));
    struct credential *strangers[] = {NULL, credential_new(other_ca, "vehicle-1", NULL, DAYS(20)),
                                      credential_new(s->ca, "vehicle-1", NULL, -5),
                                      credential_new(NULL, "vehicle-1", NULL, DAYS(20))};
    for (size_t i = 0; i < 4; i++) {
        struct client *c = client_new(s, strangers[i], NULL);
        /* In TLS 1.3 a client learns of its refusal with the first answer. */
        CHECK(c == NULL || client_get(c, "/hello") == 0);
        client_free(c);
        served_expect(s, SEV_SERVER_HANDSHAKE_FAILED, SEV_E_TLS, (unsigned)i + 1);
        credential_free(strangers[i]);
    }
    credential_free(other_ca);
    SSL_CTX *old = client_context(s, named(s, 1));
    CHECK(SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION) == 1);
    CHECK(client_over(s, old, NULL) == NULL);
    SSL_CTX *alien = client_context(s, named(s, 1));
    CHECK(SSL_CTX_set_alpn_protos(alien, (const unsigned char *)"\x04smtp", 5) == 0);
    CHECK(client_over(s, alien, NULL) == NULL);
    served_expect(s, SEV_SERVER_HANDSHAKE_FAILED, SEV_E_TLS, 6);
    CHECK_EQ(served_counters(s).requests, 0);
    is_served(s);
    all_gone(s);
}

TEST(h34__where_strangers_and_expired_are_admitted__the_handler_is_told)
{
    struct served *s = served_new();
    s->tls.admit_without = s->tls.admit_expired = true;
    served_start(s);
    struct client *c = client_new(s, NULL, NULL);
    CHECK(c != NULL);
    CHECK_EQ(client_get(c, "/who"), 200);
    CHECK_TEXT(client_body(c), " - full\n");
    client_free(c);
    struct credential *expired = credential_new(s->ca, "vehicle-9", NULL, -5);
    c = client_new(s, expired, NULL);
    CHECK(c != NULL);
    CHECK_EQ(client_get(c, "/who"), 200);
    CHECK_TEXT(client_body(c), "vehicle-9 - full expired\n");
    client_free(c);
    credential_free(expired);
    struct credential *other = credential_new(NULL, "vehicle-9", NULL, DAYS(1));
    c = client_new(s, other, NULL); /* a certificate that is there must be good all the same */
    CHECK(c == NULL || client_get(c, "/hello") == 0);
    client_free(c);
    credential_free(other);
    all_gone(s);
}

/* -------------------------------------------------- who may, each time anew */

/* A resumed session skips verification, so revocation has to be seen here. */
TEST(h34__revoked_between_two_requests__refused_on_open_and_resumed_connections)
{
    struct served *s = served_new();
    served_start(s);
    struct client *c = join(s);
    CHECK_EQ(client_get(c, "/hello"), 200);
    SSL_SESSION *session = client_session(c);
    pthread_mutex_lock(&s->lock);
    s->revoked = "vehicle-1";
    pthread_mutex_unlock(&s->lock);
    CHECK_EQ(client_get(c, "/hello"), 403);
    client_free(c);
    c = client_new(s, named(s, 1), session);
    CHECK(c != NULL && SSL_session_reused(c->ssl) == 1);
    CHECK_EQ(client_get(c, "/hello"), 403);
    client_free(c);
    SSL_SESSION_free(session);
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_WRONG_SUBJECT, 2);
    c = client_new(s, named(s, 2), NULL);
    CHECK(c != NULL && client_get(c, "/hello") == 200);
    client_free(c);
    all_gone(s);
}

TEST(h34__certificate_that_expires_while_connected__refused_from_then_on)
{
    struct served *s = served_new();
    served_start(s);
    struct credential *brief = credential_new(s->ca, "vehicle-8", NULL, 2);
    struct client *c = client_new(s, brief, NULL);
    CHECK(c != NULL);
    CHECK_EQ(client_get(c, "/hello"), 200);
    sleep_ms(3200);
    CHECK_EQ(client_get(c, "/hello"), 403);
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_EXPIRED, 1);
    client_free(c);
    credential_free(brief);
    all_gone(s);
}

/* The machine's clock is 25 days behind the program's own date. */
TEST(h34__expired_by_the_date_of_the_program__whatever_the_clock_says)
{
    for (int admitted = 0; admitted < 2; admitted++) {
        struct served *s = served_new();
        s->config.built = (sev_time)time(NULL) + DAYS(25);
        s->tls.admit_expired = admitted != 0;
        served_start(s);
        struct credential *car = credential_new(s->ca, "vehicle-9", NULL, DAYS(20));
        struct client *c = client_new(s, car, NULL);
        unsigned status = c == NULL ? 0 : client_get(c, "/who");
        CHECK_EQ(status, admitted != 0 ? 200 : 0);
        if (admitted != 0)
            CHECK_TEXT(client_body(c), "vehicle-9 - full expired\n");
        client_free(c);
        credential_free(car);
        all_gone(s);
    }
}

/* ------------------------------------------------------------------ floods */

/* REQ-H25, REQ-H26: by authenticated identity; new connections do not help, others do not pay. */
TEST(b10__more_requests_than_a_peer_may__429_and_only_for_that_peer)
{
    struct served *s = served_new();
    s->config.limits.requests = (struct sev_limiter_rate){2, 5};
    served_start(s);
    struct client *c = join(s);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(client_get(c, "/hello"), 200);
    CHECK_EQ(client_get(c, "/hello"), 429);
    CHECK_TEXT(client_field(c, "retry-after"), "1");
    client_free(c);
    c = join(s);
    CHECK_EQ(client_get(c, "/hello"), 429);
    struct client *d = client_new(s, named(s, 2), NULL);
    CHECK(d != NULL && client_get(d, "/hello") == 200);
    client_free(d);
    sleep_ms(600);
    CHECK_EQ(client_get(c, "/hello"), 200); /* the connection lived on */
    client_free(c);
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_RATE_LIMITED, 2);
    all_gone(s);
}

TEST(b03__more_connections_than_a_network_may_open__turned_away_before_tls)
{
    struct served *s = served_new();
    s->config.limits.connections = (struct sev_limiter_rate){1, 5};
    served_start(s);
    for (unsigned i = 0; i < 5; i++)
        is_served(s);
    CHECK(client_new(s, named(s, 1), NULL) == NULL);
    served_expect(s, SEV_SERVER_CONNECTION_REFUSED, SEV_E_RATE_LIMITED, 1);
    CHECK_EQ(served_counters(s).refused, 1);
    sleep_ms(1100);
    is_served(s);
    all_gone(s);
}

/* DESIGN 9: strangers pay first, peers then; both get back what they had, peers first. */
TEST(b03__worker_that_lags__halves_shares_and_gives_them_back)
{
    struct served *s = served_new();
    s->config.workers = 1;
    s->config.limits.lag_ms = 20;
    s->config.limits.requests = s->config.limits.connections =
        (struct sev_limiter_rate){1000, 1000};
    served_start(s);
    struct client *c = join(s);
    unsigned changes = 0, seen = 0;
    for (unsigned i = 0; i < 200 && (changes = served_events(s, SEV_SERVER_LOAD, SEV_OK)) < 2; i++)
        CHECK_EQ(client_get(c, "/slow"), 200);
    CHECK(changes >= 2);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SEV_SERVER_LOAD) {
            CHECK_EQ(s->events[i].strangers, seen == 0 ? 8 : 4);
            CHECK_EQ(s->events[i].peers, 16);
            seen++;
        }
    pthread_mutex_unlock(&s->lock);
    bool recovered = false; /* quick ones: soon it does; how soon is this machine's affair */
    for (unsigned i = 0; i < 1500 && !recovered; i++) {
        CHECK_EQ(client_get(c, "/hello"), 200);
        sleep_ms(20);
        pthread_mutex_lock(&s->lock);
        unsigned before = 16;
        for (unsigned k = 0; k < s->event_count && k < SERVED_EVENTS_MAX; k++)
            if (s->events[k].kind == SEV_SERVER_LOAD) {
                recovered = recovered || s->events[k].strangers > before;
                before = s->events[k].strangers;
            }
        pthread_mutex_unlock(&s->lock);
    }
    CHECK(recovered);
    client_free(c);
    all_gone(s);
}

/* Is somebody from that address of the loopback served, without TLS? */
static bool served_from(const struct served *s, const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    static const char text[] = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char got[16] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && inet_pton(AF_INET, address, &from.sin_addr) == 1);
    CHECK(bind(fd, (const struct sockaddr *)&from, sizeof from) == 0);
    bool is = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
              send(fd, text, strlen(text), MSG_NOSIGNAL) > 0 &&
              recv(fd, got, 12, MSG_WAITALL) == 12 && memcmp(got, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return is;
}

TEST(b03__one_network_at_its_limit__another_is_served)
{
    static const char *const listen_at[] = {"127.0.0.1", "::"};
    for (size_t i = 0; i < 2; i++) {
        struct served *s = served_plain();
        s->config.address = listen_at[i];
        s->config.limits.connections = (struct sev_limiter_rate){1, 2};
        served_start(s);
        CHECK(served_from(s, "127.0.7.1"));
        CHECK(served_from(s, "127.0.7.2"));
        CHECK(!served_from(s, "127.0.7.3"));
        CHECK(served_from(s, "127.0.8.1"));
        all_gone(s);
    }
}

TEST(b03__more_connections_than_there_are_places__wait_and_are_served)
{
    struct served *s = served_plain();
    s->config.workers = 1;
    s->config.limits.connections_max = 4;
    served_start(s);
    struct client *c[5];
    for (size_t i = 0; i < 5; i++) {
        c[i] = join(s);
        if (i < 4)
            CHECK_EQ(client_get(c[i], "/hello"), 200);
    }
    CHECK_EQ(served_counters(s).open_connections, 4);
    client_free(c[0]);
    CHECK_EQ(client_get(c[4], "/hello"), 200);
    for (size_t i = 1; i < 5; i++)
        client_free(c[i]);
    all_gone(s);
}

/* Answers that nobody takes hold up further reading: nothing piles up. */
TEST(b03__requests_without_end_and_no_answer_read__held_back_then_all_answered)
{
    struct served *s = served_new();
    served_start(s);
    struct client *c = join(s);
    static const char one[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    pid_t sender = fork();
    if (sender == 0) { /* sends while this process does not read */
        for (unsigned i = 0; i < 20000; i++)
            if (!client_send_text(c, one))
                break;
        _exit(0);
    }
    CHECK(sender > 0);
    for (unsigned i = 0; i < 100; i++) {
        CHECK(served_counters(s).unsent_bytes <= 256u * 1024u);
        sleep_ms(5);
    }
    CHECK(served_counters(s).requests < 20000);
    for (unsigned i = 0; i < 20000; i++) {
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_EQ(c->body_bytes, SERVED_PAGE_BYTES);
    }
    CHECK_EQ(served_counters(s).answers, 20000);
    CHECK(waitpid(sender, NULL, 0) == sender);
    SSL_set_quiet_shutdown(c->ssl, 1);
    client_free(c);
    all_gone(s);
}

/* ------------------------------------------------------------------ bodies */

/* REQ-H28: refused by its announcement, before any of it is read. */
TEST(h28__body_longer_than_the_route_takes__413_before_it_comes)
{
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 314572800\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 9007199254740991\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        "POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"};
    struct served *s = served_new();
    served_start(s);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client *c = join(s);
        CHECK(client_send_text(c, heads[i]));
        CHECK_EQ(client_answer(c, false), 413);
        CHECK(!c->head.keep_alive);
        CHECK(client_is_closed(c));
        client_free(c);
    }
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_HTTP_BODY_LIMIT, 5);
    all_gone(s);
}

TEST(h28__many_bodies_at_once__bounded_together)
{
    struct served *s = served_plain();
    s->config.workers = 1;
    s->config.limits.body_bytes_max = 1 << 20;
    served_start(s);
    static uint8_t bytes[500000];
    struct client *c[6];
    unsigned refused = 0;
    for (size_t i = 0; i < 6; i++) {
        c[i] = join(s);
        CHECK(client_send_text(c[i],
                               "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n"));
        (void)client_send(c[i], bytes, sizeof bytes);
        CHECK(served_counters(s).gathered_bytes <= 1 << 20);
    }
    while ((refused = served_events(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_OVERLOADED)) < 3)
        sleep_ms(5);
    CHECK(refused < 6);
    for (size_t i = 0; i < 6; i++)
        client_free(c[i]);
    all_gone(s);
}

TEST(h28__handler_that_refuses_a_piece__answered_at_once)
{
    struct served *s = served_new();
    served_start(s);
    struct client *c = join(s);
    CHECK(client_send_text(
        c, "POST /picky HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nab!"));
    CHECK_EQ(client_answer(c, false), 422);
    CHECK(client_is_closed(c));
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_SIGNATURE, 1);
    client_free(c);
    all_gone(s);
}

/* ------------------------------------------------------------- bad requests */

TEST(b03__malformed_requests__named_answered_and_nothing_after_them_is_read)
{
    static const struct {
        const char *text;
        sev_err why;
        unsigned status;
    } cases[] = {
        {"\x16\x03\x01\x02", SEV_E_HTTP_SYNTAX, 400},
        {"GET / HTTP/1.1\nHost: x\n\n", SEV_E_HTTP_SYNTAX, 400},
        {"GET /../hello HTTP/1.1\r\nHost: x\r\n\r\n", SEV_E_HTTP_TARGET, 400},
        {"GET /hello HTTP/1.1\r\n\r\n", SEV_E_HTTP_HOST, 400},
        {"GET /hello HTTP/1.0\r\nHost: x\r\n\r\n", SEV_E_HTTP_VERSION, 505},
        {"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", SEV_E_HTTP_METHOD, 501},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         SEV_E_HTTP_FRAMING, 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n",
         SEV_E_HTTP_FRAMING, 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nContent-Length: 1\r\n\r\n",
         SEV_E_HTTP_EXPECT, 417},
    };
    struct served *s = served_plain();
    served_start(s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client *c = join(s);
        CHECK(client_send_text(c, cases[i].text));
        (void)client_send_text(c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_EQ(client_answer(c, false), cases[i].status);
        CHECK(!c->head.keep_alive);
        CHECK(client_is_closed(c));
        client_free(c);
        CHECK(served_events(s, SEV_SERVER_REQUEST_REFUSED, cases[i].why) > 0);
    }
    CHECK_EQ(served_counters(s).requests_refused, sizeof cases / sizeof cases[0]);
    is_served(s);
    all_gone(s);
}

TEST(b03__head_without_end__431)
{
    struct served *s = served_new();
    served_start(s);
    struct client *c = join(s);
    static char text[20000];
    memset(text, 'a', sizeof text - 1);
    CHECK(client_send_text(c, "GET /hello HTTP/1.1\r\nHost: x\r\nA: "));
    (void)client_send_text(c, text);
    CHECK_EQ(client_answer(c, false), 431);
    CHECK(client_is_closed(c));
    served_expect(s, SEV_SERVER_REQUEST_REFUSED, SEV_E_HTTP_HEAD_LIMIT, 1);
    client_free(c);
    all_gone(s);
}

/* Ten thousand in `make test`, a hundred thousand at night. */
TEST(b03__garbage_requests_by_the_thousand__memory_and_service_as_before)
{
    struct served *s = served_plain();
    served_start(s);
    unsigned count = getenv("SEV_NIGHTLY") != NULL ? 100000 : 10000;
    uint32_t state = 1;
    for (unsigned i = 0; i < count; i++) {
        char junk[128] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
        size_t len = strlen(junk);
        int fd = client_connect(s);
        for (unsigned k = 0; k < 4; k++) {
            state = state * 1664525u + 1013904223u;
            junk[(state >> 8) % len] = (char)(state >> 24);
        }
        (void)!send(fd, junk, len, MSG_NOSIGNAL);
        const struct linger now = {1, 0};
        if (i % 2 == 0) /* half of them leave with a reset */
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
        if (i % 1000 == 0)
            is_served(s);
    }
    is_served(s);
    all_gone(s);
}

/* ----------------------------------------------------------- in any pieces */

TEST(server__requests_cut_anywhere__answered_alike)
{
    static const char text[] =
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfg\r\n0\r\n\r\n"
        "HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct served *s = served_plain();
    s->later_ms = 0;
    served_start(s);
    for (size_t cut = 1; cut < sizeof text - 1; cut += 7) {
        struct client *c = join(s);
        CHECK(client_send(c, text, cut));
        sleep_ms(1);
        CHECK(client_send(c, text + cut, sizeof text - 1 - cut));
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_TEXT(client_body(c), "abcde");
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_TEXT(client_body(c), "fg");
        CHECK_EQ(client_answer(c, true), 200);
        CHECK_EQ(client_answer(c, false), 200);
        CHECK_TEXT(client_body(c), "later\n");
        CHECK(client_is_closed(c));
        client_free(c);
    }
    all_gone(s);
}
