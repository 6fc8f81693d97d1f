/* served - see served.h: the server's side. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "served.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0)
        ;
}

uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------ certificates */

static void add_extension(X509 *x, X509V3_CTX *v3, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, v3, nid, value);
    CHECK(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void to_pem(struct credential *c)
{
    BIO *b = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(b, c->certificate) == 1);
    CHECK(BIO_read(b, c->certificate_pem, sizeof c->certificate_pem - 1) > 0);
    CHECK(PEM_write_bio_PrivateKey(b, c->key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(BIO_read(b, c->key_pem, sizeof c->key_pem - 1) > 0);
    BIO_free(b);
}

struct credential *credential_new(const struct credential *ca, const char *common_name,
                                  const char *uri, long seconds)
{
    static long serial = 1;
    struct credential *c = calloc(1, sizeof *c);
    char names[600];
    X509V3_CTX v3;
    CHECK(c != NULL);
    c->key = EVP_EC_gen("P-256");
    X509 *x = c->certificate = X509_new();
    CHECK(c->key != NULL && x != NULL && X509_set_version(x, 2) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x), -30L * 86400) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(x), seconds) != NULL);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)common_name, -1, -1, 0) == 1);
    const X509 *issuer = ca != NULL ? ca->certificate : x;
    CHECK(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
    CHECK(X509_set_pubkey(x, c->key) == 1);
    X509V3_set_ctx(&v3, (X509 *)(uintptr_t)issuer, x, NULL, NULL, 0);
    add_extension(x, &v3, NID_basic_constraints, ca == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    snprintf(names, sizeof names, "IP:127.0.0.1%s%s", uri != NULL ? ",URI:" : "",
             uri != NULL ? uri : "");
    if (ca != NULL)
        add_extension(x, &v3, NID_subject_alt_name, names);
    CHECK(X509_sign(x, ca != NULL ? ca->key : c->key, EVP_sha256()) > 0);
    to_pem(c);
    return c;
}

void credential_free(struct credential *c)
{
    if (c == NULL)
        return;
    X509_free(c->certificate);
    EVP_PKEY_free(c->key);
    free(c);
}

/* ----------------------------------------------------------------- handler */

static bool path_is(const struct sev_exchange *x, const char *path)
{
    return sev_slice_eq(sev_exchange_request(x)->path, sev_slice_of(path, strlen(path)));
}

static sev_err on_admit(void *context, const struct sev_server_peer *peer,
                        const struct sev_http_request *request)
{
    struct served *s = context;
    (void)request;
    pthread_mutex_lock(&s->lock);
    const char *revoked = s->revoked;
    pthread_mutex_unlock(&s->lock);
    bool is =
        revoked != NULL && sev_slice_eq(peer->common_name, sev_slice_of(revoked, strlen(revoked)));
    return is ? SEV_E_WRONG_SUBJECT : SEV_OK;
}

static sev_err on_head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    struct served *s = context;
    static const char *const paths[] = {"/hello", "/who",   "/page",    "/file",   "/field",
                                        "/later", "/never", "/nothing", "/events", "/echo",
                                        "/slow",  "/count", "/picky"};
    pthread_mutex_lock(&s->lock);
    s->announced++;
    pthread_mutex_unlock(&s->lock);
    if (path_is(x, "/echo"))
        *out = (struct sev_body_plan){SEV_BODY_GATHER, s->gather_max, true};
    if (path_is(x, "/count") || path_is(x, "/picky"))
        *out = (struct sev_body_plan){SEV_BODY_STREAM, 1u << 30, true};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (path_is(x, paths[i]))
            return SEV_OK;
    return SEV_E_NOT_FOUND;
}

static sev_err on_piece(void *context, struct sev_exchange *x, sev_slice bytes)
{
    (void)context;
    sev_exchange_set_own(x, (void *)((uintptr_t)sev_exchange_own(x) + bytes.len));
    if (path_is(x, "/picky") && memchr(bytes.ptr, '!', bytes.len) != NULL)
        return SEV_E_SIGNATURE;
    return SEV_OK;
}

struct late {
    struct sev_exchange *x;
    unsigned ms;
};

static void *answer_late(void *context)
{
    struct late *l = context;
    sleep_ms(l->ms);
    sev_exchange_answer(l->x, 200, "text/plain", SEV_LIT("later\n"));
    free(l);
    return NULL;
}

static void later(struct served *s, struct sev_exchange *x)
{
    struct late *l = malloc(sizeof *l);
    if (l == NULL) {
        sev_exchange_refuse(x, SEV_E_MEMORY);
        return;
    }
    *l = (struct late){x, s->later_ms};
    sev_exchange_later(x);
    pthread_mutex_lock(&s->lock);
    CHECK(s->thread_count < 64);
    CHECK(pthread_create(&s->threads[s->thread_count++], NULL, answer_late, l) == 0);
    pthread_mutex_unlock(&s->lock);
}

static void who(struct sev_exchange *x)
{
    const struct sev_server_peer *p = sev_exchange_peer(x);
    char text[700];
    sev_slice uri = p->uri_count > 0 ? p->uris[0] : SEV_LIT("-");
    int len = snprintf(text, sizeof text, "%.*s %.*s %s%s\n", (int)p->common_name.len,
                       p->common_name.len > 0 ? (const char *)p->common_name.ptr : "", (int)uri.len,
                       (const char *)uri.ptr, p->resumed ? "resumed" : "full",
                       p->expired ? " expired" : "");
    sev_exchange_answer(x, 200, "text/plain", sev_slice_of(text, (size_t)len));
}

static void on_whole(void *context, struct sev_exchange *x)
{
    struct served *s = context;
    if (path_is(x, "/hello")) {
        sev_exchange_answer(x, 200, "text/plain", SEV_LIT("hello\n"));
    } else if (path_is(x, "/slow")) {
        sleep_ms(60);
        sev_exchange_answer(x, 200, "text/plain", SEV_LIT("slow\n"));
    } else if (path_is(x, "/who")) {
        who(x);
    } else if (path_is(x, "/page")) {
        sev_exchange_answer_page(x, sev_page_ref(s->page));
    } else if (path_is(x, "/file")) {
        sev_exchange_answer_file(x, "application/octet-stream", SEV_LIT("\"f\""), dup(s->file),
                                 s->file_bytes);
    } else if (path_is(x, "/field")) {
        sev_exchange_add_field(x, SEV_LIT("X-Own"), SEV_LIT("yes"));
        sev_exchange_add_field(x, SEV_LIT("X-Bad"), SEV_LIT("a\r\nX-Evil: b"));
        sev_exchange_answer(x, 204, NULL, SEV_EMPTY);
    } else if (path_is(x, "/later")) {
        later(s, x);
    } else if (path_is(x, "/never")) {
        sev_exchange_later(x);
        pthread_mutex_lock(&s->lock);
        s->never[s->never_count++ % 64] = x;
        pthread_mutex_unlock(&s->lock);
    } else if (path_is(x, "/events")) {
        sev_exchange_answer_channel(x, s->channel);
    } else if (path_is(x, "/echo")) {
        sev_exchange_answer(x, 200, "application/octet-stream", sev_exchange_body(x));
    } else if (path_is(x, "/count") || path_is(x, "/picky")) {
        char text[32];
        int len = snprintf(text, sizeof text, "%zu", (size_t)(uintptr_t)sev_exchange_own(x));
        sev_exchange_answer(x, 200, "text/plain", sev_slice_of(text, (size_t)len));
    }
}

static void on_gone(void *context, struct sev_exchange *x)
{
    struct served *s = context;
    (void)x;
    pthread_mutex_lock(&s->lock);
    s->gone++;
    pthread_mutex_unlock(&s->lock);
}

static void on_event(void *context, const struct sev_server_event *event)
{
    struct served *s = context;
    CHECK(event->peer != NULL && event->phase != NULL);
    pthread_mutex_lock(&s->lock);
    struct served_event *e = &s->events[s->event_count % SERVED_EVENTS_MAX];
    s->event_count++;
    *e = (struct served_event){.kind = event->kind,
                               .why = event->why,
                               .status = event->status,
                               .strangers = event->stranger_share,
                               .peers = event->peer_share};
    memcpy(e->phase, event->phase, strnlen(event->phase, sizeof e->phase - 1));
    pthread_mutex_unlock(&s->lock);
}

/* ------------------------------------------------------------------ server */

static int make_file(uint64_t bytes)
{
    int fd = memfd_create("served", MFD_CLOEXEC);
    uint8_t block[251 * 64];
    CHECK(fd >= 0);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i % 251);
    for (uint64_t at = 0; at < bytes; at += sizeof block)
        CHECK(write(fd, block, bytes - at < sizeof block ? (size_t)(bytes - at) : sizeof block) >
              0);
    return fd;
}

struct served *served_new(void)
{
    static struct served s;
    static struct credential *ca, *own;
    if (ca == NULL) {
        ca = credential_new(NULL, "test CA", NULL, DAYS(30));
        own = credential_new(ca, "test server", NULL, DAYS(30));
    }
    (void)signal(SIGPIPE, SIG_IGN); /* of the clients here: OpenSSL's own sockets */
    served_stop(&s, 0);
    memset(&s, 0, sizeof s);
    CHECK(pthread_mutex_init(&s.lock, NULL) == 0);
    s.ca = ca;
    s.server_credential = own;
    s.tls.certificates = sev_slice_of(own->certificate_pem, strlen(own->certificate_pem));
    s.tls.key = sev_slice_of(own->key_pem, strlen(own->key_pem));
    s.tls.clients = sev_slice_of(ca->certificate_pem, strlen(ca->certificate_pem));
    s.config = (struct sev_server_config){.address = "127.0.0.1",
                                          .workers = 2,
                                          .limits = sev_server_defaults,
                                          .handler = {.context = &s,
                                                      .admit = on_admit,
                                                      .head = on_head,
                                                      .piece = on_piece,
                                                      .whole = on_whole,
                                                      .gone = on_gone,
                                                      .event = on_event}};
    s.config.limits.connections_max = 512;
    s.config.limits.requests = s.config.limits.connections = (struct sev_limiter_rate){0, 1};
    s.gather_max = 1 << 20;
    s.file_bytes = 3000000;
    s.later_ms = 50;
    s.file = -1;
    return &s;
}

struct served *served_plain(void)
{
    struct served *s = served_new();
    s->plain = true;
    return s;
}

void served_start(struct served *s)
{
    char letters[SERVED_PAGE_BYTES];
    for (size_t i = 0; i < sizeof letters; i++)
        letters[i] = (char)('a' + i % 26);
    CHECK_OK(sev_page_new("text/plain", SEV_LIT("\"p\""), sev_slice_of(letters, sizeof letters),
                          &s->page));
    CHECK_OK(sev_channel_new(&s->channel));
    s->file = make_file(s->file_bytes);
    s->config.tls = s->plain ? NULL : &s->tls;
    CHECK_OK(sev_server_start(&s->config, &s->server));
    s->port = sev_server_port(s->server);
}

void served_stop(struct served *s, uint32_t drain_ms)
{
    if (s->server == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->never_count; i++)
        sev_exchange_refuse(s->never[i], SEV_E_BUG);
    s->never_count = 0;
    pthread_mutex_unlock(&s->lock);
    sev_server_stop(s->server, drain_ms);
    s->server = NULL;
    for (unsigned i = 0; i < s->thread_count; i++)
        pthread_join(s->threads[i], NULL);
    sev_page_free(s->page);
    sev_channel_free(s->channel);
    close(s->file);
    pthread_mutex_destroy(&s->lock);
    CHECK_EQ(s->gone, s->announced);
}

unsigned served_events(struct served *s, enum sev_server_event_kind kind, sev_err why)
{
    unsigned n = 0;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->event_count && i < SERVED_EVENTS_MAX; i++)
        n += s->events[i].kind == kind && s->events[i].why == why;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void served_expect(struct served *s, enum sev_server_event_kind kind, sev_err why, unsigned count)
{
    uint64_t until = clock_ms() + 10000;
    while (served_events(s, kind, why) < count && clock_ms() < until)
        sleep_ms(5);
    if (served_events(s, kind, why) != count) {
        for (unsigned i = 0; i < s->event_count && i < 20; i++)
            print_message("event %d %s %s %u\n", (int)s->events[i].kind,
                          sev_err_id(s->events[i].why), s->events[i].phase, s->events[i].status);
        CHECK_EQ(served_events(s, kind, why), count);
    }
}

struct sev_server_counters served_counters(const struct served *s)
{
    struct sev_server_counters c;
    sev_server_count(s->server, &c);
    return c;
}

unsigned served_later(struct served *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned n = s->thread_count;
    pthread_mutex_unlock(&s->lock);
    return n;
}
