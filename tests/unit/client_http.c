/* client_http - our client against our server, and against one that lies, hangs and babbles.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "secureev/client_http.h"
#include "served.h"
#include "test.h"

/* ------------------------------------------------------------------ fixture */

static uint8_t body_room[1 << 21];
static sev_buf room;

static sev_slice pem(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

static struct sev_http_client_config config_for(const struct served *s, uint16_t port)
{
    static char url[64];
    static struct credential *vehicle;
    if (vehicle == NULL)
        vehicle = credential_new(s->ca, "vehicle-1", "did:secureev:1", DAYS(20));
    snprintf(url, sizeof url, "https://127.0.0.1:%u", port);
    struct sev_http_client_config config = {.url = url,
                                            .ca = pem(s->ca->certificate_pem),
                                            .certificate = pem(vehicle->certificate_pem),
                                            .key = pem(vehicle->key_pem),
                                            .limits = sev_http_client_defaults};
    config.limits.first_ms = 5000;
    return config;
}

static struct sev_http_client *asking(const struct sev_http_client_config *config)
{
    struct sev_http_client *c = NULL;
    CHECK_OK(sev_http_client_new(config, &c));
    return c;
}

static struct sev_http_client *started(struct served *s)
{
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    return asking(&config);
}

static void ended(struct served *s, struct sev_http_client *c)
{
    sev_http_client_free(c);
    served_stop(s, 5000);
}

static struct sev_http_ask get(const char *target)
{
    room = sev_buf_of(body_room, sizeof body_room);
    return (struct sev_http_ask){.method = SEV_HTTP_GET, .target = target, .room = &room};
}

static struct sev_http_ask post(const char *target, const void *bytes, size_t len)
{
    struct sev_http_ask ask = get(target);
    ask.method = SEV_HTTP_POST;
    ask.type = "text/plain";
    ask.body = sev_slice_of(bytes, len);
    return ask;
}

static sev_err ask_get(struct sev_http_client *c, const char *target, struct sev_http_answer *out)
{
    struct sev_http_ask ask = get(target);
    return sev_http_client_ask(c, &ask, out);
}

/* What asking ends with under this configuration. */
static sev_err asked(const struct sev_http_client_config *config)
{
    struct sev_http_client *c = asking(config);
    struct sev_http_answer a = {.status = 77};
    sev_err e = ask_get(c, "/hello", &a);
    if (e != SEV_OK) {
        CHECK_EQ(a.status, 77);
        CHECK(sev_http_client_detail(c)[0] != '\0');
    }
    sev_http_client_free(c);
    return e;
}

/* --------------------------------------------------------------- our server */

TEST(client_http__requests__answered_over_one_connection)
{
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    sev_slice value = SEV_EMPTY;
    CHECK_OK(ask_get(c, "/hello", &a));
    CHECK_EQ(a.status, 200);
    CHECK_TEXT(a.body, "hello\n");
    CHECK_OK(ask_get(c, "/who", &a));
    CHECK_TEXT(a.body, "vehicle-1 did:secureev:1 full\n");
    CHECK_OK(ask_get(c, "/field", &a));
    CHECK_EQ(a.status, 204);
    CHECK(sev_http_field_get(&a.fields, SEV_LIT("X-Own"), &value));
    CHECK_TEXT(value, "yes");
    CHECK_ERR(sev_http_answer_err(&a), SEV_OK);
    struct sev_http_ask head = get("/page");
    head.method = SEV_HTTP_HEAD;
    CHECK_OK(sev_http_client_ask(c, &head, &a));
    CHECK_EQ(a.body.len, 0);
    CHECK_OK(ask_get(c, "/file", &a) == SEV_E_TOO_LONG ? SEV_OK : SEV_E_BUG); /* 3 MB into 2 */
    CHECK_EQ(sev_http_client_count(c).connections, 1);
    ended(s, c);
}

TEST(client_http__refusal__comes_back_as_the_error_that_it_was)
{
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    CHECK_OK(ask_get(c, "/missing", &a));
    CHECK_EQ(a.status, 404);
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_NOT_FOUND);
    struct sev_http_ask ask = post("/picky", "what!", 5);
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_SIGNATURE);
    ended(s, c);
}

TEST(client_http__problem_of_a_stranger__judged_by_its_status)
{
    struct sev_http_answer a = {.status = 404, .body = SEV_LIT("{\"code\":\"ok\"}")};
    a.fields.count = 1;
    a.fields.at[0] =
        (struct sev_http_field){SEV_LIT("content-type"), SEV_LIT("application/problem+json")};
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_ABSENT); /* "ok" is no way to refuse */
    a.body = SEV_LIT("{\"code\":\"io\"}");
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_IO);
    a.body = SEV_LIT("{\"code\":\"nonsense\"}");
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_ABSENT);
    a.body = SEV_LIT("{\"code\":");
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_ABSENT);
    a.body = SEV_LIT("{\"code\":\"io\"}");
    a.fields.at[0].value = SEV_LIT("text/html");
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_ABSENT);
    static const struct {
        unsigned status;
        sev_err err;
    } rows[] = {{401, SEV_E_WRONG_SUBJECT}, {403, SEV_E_WRONG_SUBJECT}, {410, SEV_E_ABSENT},
                {409, SEV_E_CONFLICT},      {429, SEV_E_RATE_LIMITED},  {503, SEV_E_OVERLOADED},
                {500, SEV_E_UNREACHABLE},   {301, SEV_E_UNREACHABLE},   {200, SEV_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        a.status = rows[i].status;
        CHECK_ERR(sev_http_answer_err(&a), rows[i].err);
    }
}

TEST(client_http__bodies__of_any_length_from_memory)
{
    static const size_t sizes[] = {0, 1, 7900, 8192, 16384, 16385, 100000, 1 << 20};
    static uint8_t bytes[1 << 20];
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sev_http_ask ask = post("/echo", bytes, sizes[i]);
        CHECK_OK(sev_http_client_ask(c, &ask, &a));
        CHECK_SLICE(a.body, sev_slice_of(bytes, sizes[i]));
    }
    CHECK_EQ(sev_http_client_count(c).connections, 1);
    ended(s, c);
}

struct spring {
    uint64_t given, fails_at;
    uint8_t byte;
};

static sev_err from_spring(void *context, uint8_t *out, size_t most, size_t *out_len)
{
    struct spring *w = context;
    size_t n = most > 5000 ? 5000 : most;
    if (w->fails_at != 0 && w->given >= w->fails_at)
        return SEV_E_IO;
    memset(out, w->byte, n);
    w->given += n;
    *out_len = n;
    return SEV_OK;
}

static sev_err into_count(void *context, sev_slice bytes)
{
    uint64_t *at = context;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] != (*at + i) % 251)
            return SEV_E_IMAGE_HASH;
    *at += bytes.len;
    return SEV_OK;
}

static struct sev_http_ask upload(const char *target, struct spring *w, uint64_t bytes)
{
    struct sev_http_ask ask = post(target, NULL, 0);
    ask.source = from_spring;
    ask.source_bytes = bytes;
    ask.source_context = w;
    return ask;
}

TEST(client_http__streams__out_from_a_source_and_in_to_a_sink)
{
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    struct spring w = {.byte = 'b'};
    struct sev_http_ask ask = upload("/count", &w, 40000000);
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    CHECK_TEXT(a.body, "40000000");
    uint64_t got = 0;
    ask = get("/file");
    ask.sink = into_count;
    ask.sink_context = &got;
    ask.sink_bytes_max = s->file_bytes;
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    CHECK_EQ(got, s->file_bytes);
    CHECK_EQ(a.body.len, 0);
    ask.sink_bytes_max = s->file_bytes - 1;
    got = 0;
    CHECK_ERR(sev_http_client_ask(c, &ask, &a), SEV_E_TOO_LONG);
    CHECK_EQ(got, 0); /* it was announced: nothing of it was taken */
    got = 1;
    ask.sink_bytes_max = s->file_bytes;
    CHECK_ERR(sev_http_client_ask(c, &ask, &a), SEV_E_IMAGE_HASH); /* the sink's own word */
    ask.target = "/missing";
    CHECK_OK(sev_http_client_ask(c, &ask, &a)); /* a refusal does not go to the sink */
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_NOT_FOUND);
    w = (struct spring){.byte = 'b', .fails_at = 1000000};
    ask = upload("/count", &w, 40000000);
    CHECK_ERR(sev_http_client_ask(c, &ask, &a), SEV_E_IO);
    CHECK_OK(ask_get(c, "/hello", &a));
    CHECK_TEXT(a.body, "hello\n"); /* of a new connection: half a body stood in the old one */
    ended(s, c);
}

TEST(client_http__refused_in_the_middle_of_an_upload__heard)
{
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    struct spring w = {.byte = '!'};
    struct sev_http_ask ask = upload("/picky", &w, 1u << 30);
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_SIGNATURE);
    CHECK(w.given < 1u << 29); /* and the rest was not sent */
    CHECK_OK(ask_get(c, "/hello", &a));
    CHECK_TEXT(a.body, "hello\n");
    ended(s, c);
}

TEST(client_http__connection_that_was_closed_while_idle__made_anew_and_resumed)
{
    struct served *s = served_new();
    s->config.limits.idle_ms = 100;
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    for (unsigned i = 1; i <= 3; i++) {
        struct sev_http_ask ask = post("/echo", "once", 4); /* nothing was sent: so POST, too */
        CHECK_OK(sev_http_client_ask(c, &ask, &a));
        CHECK_TEXT(a.body, "once");
        CHECK_EQ(sev_http_client_count(c).connections, i);
        CHECK_EQ(sev_http_client_count(c).resumed, i - 1);
        sleep_ms(400);
    }
    ended(s, c);
}

TEST(client_http__senseless_configuration__named)
{
    static const char *const urls[] = {"http://127.0.0.1",   "https://",        "https://a:0",
                                       "https://a:70000",    "https://a:1x",    "https://a/x",
                                       "https://a b",        "https://u@a",     "https://[::1",
                                       "https://[::1]x",     "https://a:",      "https://a?b",
                                       "https://a:443/path", "ftp://127.0.0.1/"};
    struct served *s = served_new();
    struct sev_http_client_config good = config_for(s, 1), bad = good;
    struct sev_http_client *c = NULL;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        bad.url = urls[i];
        CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_CONFIG);
    }
    static const char *const fine[] = {"https://a.example/", "https://a:443/", "https://[::1]",
                                       "https://[::1]:8000/", "https://127.0.0.1:65535"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        bad.url = fine[i];
        sev_http_client_free(asking(&bad));
    }
    bad = good;
    bad.limits.first_ms = 0;
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_CONFIG);
    bad = good;
    bad.server_name = "";
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_CONFIG);
    bad = good;
    bad.ca = SEV_EMPTY; /* would trust nobody; the system's list is never used */
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_KEY);
    bad = good;
    bad.ca = SEV_LIT("no certificate");
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_KEY);
    bad = good;
    bad.key = SEV_EMPTY;
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_KEY);
    bad = good;
    bad.key = pem(s->server_credential->key_pem); /* somebody else's */
    CHECK_ERR(sev_http_client_new(&bad, &c), SEV_E_KEY);
    CHECK(c == NULL);
    sev_http_client_free(NULL);
}

TEST(client_http__request_that_cannot_be_sent__refused_before_it_is)
{
    struct served *s = served_new();
    struct sev_http_client *c = started(s);
    struct sev_http_answer a;
    struct sev_http_field evil = {SEV_LIT("X-Own"), SEV_LIT("a\r\nX-Evil: b")};
    struct sev_http_ask ask = get("/hello");
    ask.fields = &evil;
    ask.field_count = 1;
    CHECK_ERR(sev_http_client_ask(c, &ask, &a), SEV_E_CONFIG);
    ask = get("/hello HTTP/1.1\r\nX: y\r\n\r\n");
    CHECK_ERR(sev_http_client_ask(c, &ask, &a), SEV_E_CONFIG);
    CHECK_EQ(served_counters(s).requests, 0);
    ended(s, c);
}

/* -------------------------------------------------------------- certificates */

TEST(client_http__wrong_ca__refused)
{
    struct served *s = served_new();
    struct credential *other = credential_new(NULL, "test CA", NULL, DAYS(30));
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    CHECK_OK(asked(&config));
    config.ca = pem(other->certificate_pem); /* of the same name */
    CHECK_ERR(asked(&config), SEV_E_TLS);
    credential_free(other);
    served_stop(s, 1000);
}

TEST(client_http__wrong_name__refused)
{
    struct served *s = served_new();
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    config.server_name = "127.0.0.1";
    CHECK_OK(asked(&config));
    config.server_name = "127.0.0.2";
    CHECK_ERR(asked(&config), SEV_E_TLS);
    config.server_name = "localhost";
    CHECK_ERR(asked(&config), SEV_E_TLS);
    config.server_name = "test server"; /* its common name, which is no name of a server */
    CHECK_ERR(asked(&config), SEV_E_TLS);
    served_stop(s, 1000);
}

TEST(client_http__expired__refused_unless_dates_are_not_checked)
{
    struct served *s = served_new();
    struct credential *old = credential_new(s->ca, "old server", NULL, -10);
    s->tls.certificates = pem(old->certificate_pem);
    s->tls.key = pem(old->key_pem);
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    CHECK_ERR(asked(&config), SEV_E_TLS);
    config.dates_unchecked = true;
    CHECK_OK(asked(&config));
    config.server_name = "127.0.0.2"; /* nothing else is let pass with it */
    CHECK_ERR(asked(&config), SEV_E_TLS);
    served_stop(s, 1000);
    credential_free(old);
}

TEST(client_http__expired_by_the_date_of_the_program__whatever_the_clock_says)
{
    struct served *s = served_new();
    struct credential *brief = credential_new(s->ca, "test server", NULL, DAYS(20));
    s->tls.certificates = pem(brief->certificate_pem);
    s->tls.key = pem(brief->key_pem);
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    config.built = (sev_time)time(NULL) + DAYS(15);
    CHECK_OK(asked(&config));
    config.built = (sev_time)time(NULL) + DAYS(25);
    CHECK_ERR(asked(&config), SEV_E_TLS);
    served_stop(s, 1000);
    credential_free(brief);
}

TEST(client_http__our_certificate_refused__told_as_such)
{
    struct served *s = served_new();
    struct credential *stranger = credential_new(NULL, "stranger", NULL, DAYS(3));
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    config.certificate = pem(stranger->certificate_pem);
    config.key = pem(stranger->key_pem);
    CHECK_ERR(asked(&config), SEV_E_TLS);
    config.certificate = config.key = SEV_EMPTY;
    CHECK_ERR(asked(&config), SEV_E_TLS);
    served_stop(s, 1000);
    credential_free(stranger);
}

TEST(client_http__nobody_there__unreachable)
{
    struct served *s = served_new();
    served_start(s);
    struct sev_http_client_config config = config_for(s, s->port);
    served_stop(s, 1000);
    CHECK_ERR(asked(&config), SEV_E_UNREACHABLE);
    config.url = "https://nobody.invalid";
    CHECK_ERR(asked(&config), SEV_E_UNREACHABLE);
}

/* ---------------------------------------------------------- a server that lies */

/* Takes connections one by one, reads a request to its blank line, and says `says`. */
struct liar {
    const char *says;
    size_t says_bytes;    /* 0: its length */
    unsigned drip_ms;     /* between its bytes; 0: all at once */
    bool mute;            /* takes connections and does not even shake hands */
    bool plain;           /* does not speak TLS at all */
    bool stays;           /* open after it has spoken, until the client leaves */
    unsigned served_once; /* requests it answers before it drops the connection unanswered */
    unsigned requests;    /* that it has seen */
    char heard[2048];     /* of the last one, its head */
    const struct served *s;
    int fd;
    uint16_t port;
    pthread_t thread;
};

static bool liar_hears(struct liar *l, SSL *ssl)
{
    size_t len = 0, n = 0;
    memset(l->heard, 0, sizeof l->heard);
    while (len < 4 || memcmp(l->heard + len - 4, "\r\n\r\n", 4) != 0) {
        if (len + 1 >= sizeof l->heard || SSL_read_ex(ssl, l->heard + len, 1, &n) != 1)
            return false;
        len++;
    }
    return true;
}

static void liar_speaks(const struct liar *l, SSL *ssl)
{
    size_t len = l->says_bytes != 0 ? l->says_bytes : strlen(l->says), n = 0;
    size_t step = l->drip_ms != 0 ? 1 : len;
    for (size_t at = 0; at < len; at += step) {
        if (SSL_write_ex(ssl, l->says + at, step, &n) != 1)
            return;
        if (l->drip_ms != 0)
            sleep_ms(l->drip_ms);
    }
}

static void liar_serves(struct liar *l, SSL_CTX *tls, int fd)
{
    SSL *ssl = SSL_new(tls);
    char byte;
    size_t n;
    CHECK(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
    if (!l->mute && SSL_accept(ssl) == 1)
        while (liar_hears(l, ssl)) {
            __atomic_add_fetch(&l->requests, 1, __ATOMIC_SEQ_CST);
            if (l->served_once != 0 && l->requests > 1 && l->requests <= 1 + l->served_once)
                break;
            liar_speaks(l, ssl);
            if (!l->stays && l->served_once == 0)
                break;
        }
    if (l->mute)
        (void)recv(fd, &byte, 1, 0);
    while (l->stays && SSL_read_ex(ssl, &byte, 1, &n) == 1)
        ;
    SSL_free(ssl);
}

static void *liar_runs(void *context)
{
    struct liar *l = context;
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate(tls, l->s->server_credential->certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(tls, l->s->server_credential->key) == 1);
    for (;;) {
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0)
            break;
        if (l->plain)
            CHECK(send(fd, l->says, strlen(l->says), MSG_NOSIGNAL) > 0);
        else
            liar_serves(l, tls, fd);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    SSL_CTX_free(tls);
    return NULL;
}

static struct sev_http_client_config liar_start(struct liar *l)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    l->s = served_new();
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(l->fd, (const struct sockaddr *)&at, len) == 0 && listen(l->fd, 8) == 0);
    CHECK(getsockname(l->fd, (struct sockaddr *)&at, &len) == 0);
    l->port = ntohs(at.sin_port);
    CHECK(pthread_create(&l->thread, NULL, liar_runs, l) == 0);
    return config_for(l->s, l->port);
}

static void liar_stop(struct liar *l)
{
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->fd);
}

static sev_err lied_to(struct liar l)
{
    struct sev_http_client_config config = liar_start(&l);
    config.limits.handshake_ms = config.limits.first_ms = config.limits.window_ms = 300;
    sev_err e = asked(&config);
    liar_stop(&l);
    return e;
}

#define HEAD "HTTP/1.1 200 OK\r\n"

TEST(client_http__garbage__refused_by_name)
{
    CHECK_OK(lied_to((struct liar){.says = HEAD "Content-Length: 2\r\n\r\nhi"}));
    CHECK_OK(
        lied_to((struct liar){.says = "HTTP/1.1 100 Continue\r\n\r\n" HEAD
                                      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"}));
    CHECK_ERR(lied_to((struct liar){.says = "what?\r\n\r\n"}), SEV_E_HTTP_SYNTAX);
    CHECK_ERR(lied_to((struct liar){.says = "HTTP/1.0 200 OK\r\n\r\n"}), SEV_E_HTTP_VERSION);
    CHECK_ERR(lied_to((struct liar){.says = HEAD "\r\nto the end"}), SEV_E_HTTP_FRAMING);
    CHECK_ERR(lied_to((struct liar){.says = HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n"}),
              SEV_E_HTTP_FRAMING);
    CHECK_ERR(lied_to((struct liar){.says = HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}),
              SEV_E_HTTP_FRAMING);
    CHECK_ERR(lied_to((struct liar){.says = "HTTP/1.1 101 Switching\r\n\r\n"}), SEV_E_HTTP_SYNTAX);
    static char interim[9 * 30];
    for (unsigned i = 0; i < 9; i++)
        memcpy(interim + 25 * i, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    CHECK_ERR(lied_to((struct liar){.says = interim}), SEV_E_HTTP_SYNTAX);
    static char endless[20000];
    memcpy(endless, HEAD, sizeof HEAD);
    memset(endless + sizeof HEAD - 1, 'a', sizeof endless - sizeof HEAD);
    CHECK_ERR(lied_to((struct liar){.says = endless}), SEV_E_HTTP_HEAD_LIMIT);
    CHECK_ERR(lied_to((struct liar){.says = "220 mail.example.org ESMTP\r\n", .plain = true}),
              SEV_E_TLS);
}

TEST(client_http__too_long__refused)
{
    CHECK_ERR(lied_to((struct liar){.says = HEAD "Content-Length: 99999999999\r\n\r\nhi"}),
              SEV_E_TOO_LONG);
    CHECK_ERR(
        lied_to((struct liar){.says = HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\nhi"}),
        SEV_E_TOO_LONG);
}

TEST(client_http__refusal_without_room__status_alone)
{
    struct liar l = {.says = "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nso sorry."};
    struct sev_http_client_config config = liar_start(&l);
    struct sev_http_client *c = asking(&config);
    struct sev_http_answer a;
    uint8_t small[8];
    sev_buf b = sev_buf_of(small, sizeof small);
    struct sev_http_ask ask = get("/x");
    ask.room = &b;
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    CHECK_EQ(a.status, 503);
    CHECK_EQ(a.body.len, 0);
    CHECK_ERR(sev_http_answer_err(&a), SEV_E_OVERLOADED);
    sev_http_client_free(c);
    liar_stop(&l);
}

TEST(client_http__closed_in_the_middle__never_taken_for_the_whole)
{
    CHECK_ERR(lied_to((struct liar){.says = ""}), SEV_E_UNREACHABLE);
    CHECK_ERR(lied_to((struct liar){.says = "HTTP/1.1 20"}), SEV_E_UNREACHABLE);
    CHECK_ERR(lied_to((struct liar){.says = HEAD "Content-Length: 3\r\n\r\nhi"}),
              SEV_E_UNREACHABLE);
    CHECK_ERR(lied_to((struct liar){.says = HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhi"}),
              SEV_E_UNREACHABLE);
}

TEST(client_http__slow__cut_off)
{
    static char body[600] = HEAD "Content-Length: 500\r\n\r\n";
    memset(body + strlen(body), 'x', 500);
    CHECK_ERR(lied_to((struct liar){.mute = true}), SEV_E_UNREACHABLE);
    CHECK_ERR(lied_to((struct liar){.says = "", .stays = true}), SEV_E_UNREACHABLE);
    CHECK_ERR(lied_to((struct liar){.says = "HTTP", .stays = true}), SEV_E_TOO_SLOW);
    CHECK_ERR(lied_to((struct liar){.says = body, .drip_ms = 10}), SEV_E_TOO_SLOW);
    CHECK_OK(lied_to((struct liar){.says = body, .drip_ms = 1}));
}

TEST(client_http__whole_deadline__ends_what_is_fast_enough_but_too_long)
{
    static char body[2600] = HEAD "Content-Length: 2500\r\n\r\n";
    memset(body + strlen(body), 'x', 2500);
    struct liar l = {.says = body, .drip_ms = 1};
    struct sev_http_client_config config = liar_start(&l);
    config.limits.whole_ms = 500;
    uint64_t before = clock_ms();
    CHECK_ERR(asked(&config), SEV_E_TOO_SLOW);
    CHECK(clock_ms() - before < 1500);
    liar_stop(&l);
}

TEST(client_http__bytes_behind_the_answer__end_the_connection)
{
    struct liar l = {.says =
                         HEAD "Content-Length: 2\r\n\r\nhi" HEAD "Content-Length: 4\r\n\r\nevil",
                     .stays = true};
    struct sev_http_client_config config = liar_start(&l);
    struct sev_http_client *c = asking(&config);
    struct sev_http_answer a;
    for (unsigned i = 1; i <= 2; i++) {
        CHECK_OK(ask_get(c, "/a", &a));
        CHECK_TEXT(a.body, "hi");
        CHECK_EQ(sev_http_client_count(c).connections, i);
    }
    sev_http_client_free(c);
    liar_stop(&l);
}

TEST(client_http__what_is_sent__one_plain_request_with_the_token)
{
    struct liar l = {.says = HEAD "Content-Length: 2\r\n\r\nhi"};
    struct sev_http_client_config config = liar_start(&l);
    char wanted[300];
    config.bearer = "s3cret";
    CHECK_OK(asked(&config));
    liar_stop(&l);
    snprintf(wanted, sizeof wanted,
             "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer s3cret\r\n\r\n",
             l.port);
    CHECK_SLICE(pem(l.heard), pem(wanted));
    struct sev_http_client *c = NULL;
    config.bearer = "a\r\nX: y";
    CHECK_ERR(sev_http_client_new(&config, &c), SEV_E_CONFIG);
    config.bearer = "";
    CHECK_ERR(sev_http_client_new(&config, &c), SEV_E_CONFIG);
    CHECK(c == NULL);
}

/* A connection that dies as we ask: what harms nothing is asked again, once; the rest is told. */
static sev_err dropped(enum sev_http_method method, bool repeatable, unsigned times,
                       unsigned *out_requests)
{
    struct liar l = {.says = HEAD "Content-Length: 2\r\n\r\nhi", .served_once = times};
    struct sev_http_client_config config = liar_start(&l);
    struct sev_http_client *c = asking(&config);
    struct sev_http_answer a;
    struct sev_http_ask ask = get("/a");
    CHECK_OK(sev_http_client_ask(c, &ask, &a));
    ask.method = method;
    ask.repeatable = repeatable;
    sev_err e = sev_http_client_ask(c, &ask, &a);
    sev_http_client_free(c);
    liar_stop(&l);
    *out_requests = l.requests;
    return e;
}

TEST(client_http__connection_that_dies_as_we_ask__asked_again_once_if_that_harms_nothing)
{
    unsigned requests = 0;
    CHECK_OK(dropped(SEV_HTTP_GET, false, 1, &requests));
    CHECK_EQ(requests, 3);
    CHECK_ERR(dropped(SEV_HTTP_GET, false, 2, &requests), SEV_E_UNREACHABLE);
    CHECK_EQ(requests, 3);
    CHECK_ERR(dropped(SEV_HTTP_POST, false, 1, &requests), SEV_E_UNREACHABLE);
    CHECK_EQ(requests, 2);
    CHECK_OK(dropped(SEV_HTTP_POST, true, 1, &requests));
    CHECK_EQ(requests, 3);
}
