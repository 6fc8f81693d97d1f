/* differential PORT SEEDS - requests made from seeds by small changes: what our parser accepts,
 * both http-parser and an nginx on that port must accept and understand alike, to the last byte of
 * the body: whatever they could take otherwise is how requests are smuggled.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <dirent.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "secureev/http.h"

#define BYTES_MAX 12000
#define CASES 20000
#define ASKED_MAX 4000 /* of nginx, a connection each */
#define MARKER "GET /marker HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n"

static int failures;
static uint16_t port;

static void fail(const char *what, sev_slice text)
{
    printf("FAIL: %s: ", what);
    for (size_t i = 0; i < text.len && i < 400; i++) {
        uint8_t c = text.ptr[i];
        printf(c >= 0x20 && c < 0x7F && c != '\\' ? "%c" : "\\x%02x", c);
    }
    putchar('\n');
    failures++;
}

/* ---------------------------------------------------------------- our side */

static sev_err ours(sev_slice text, struct sev_http_request *out, size_t *out_bytes)
{
    struct sev_http_scan scan = {0, 0};
    *out_bytes = 0;
    return sev_http_request_read(&scan, text, SEV_HTTP_ALLOW_CHUNKED, out, out_bytes);
}

/* The head and a body as it announces. */
static sev_slice with_body(const struct sev_http_request *r, sev_slice head)
{
    static uint8_t memory[2 * BYTES_MAX];
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_buf_put_slice(&out, head);
    if (r->chunked)
        sev_buf_put_slice(&out, SEV_LIT("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"));
    for (uint64_t i = 0; i < r->body_bytes; i++)
        sev_buf_put_byte(&out, 'x');
    return out.overflow ? SEV_EMPTY : sev_buf_slice(&out);
}

/* ------------------------------------------------------------- http-parser */

struct seen {
    sev_slice url;
    uint64_t body;
    bool whole;
};

static int on_url(http_parser *p, const char *at, size_t len)
{
    ((struct seen *)p->data)->url = sev_slice_of(at, len);
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
    (void)at;
    ((struct seen *)p->data)->body += len;
    return 0;
}

static int on_complete(http_parser *p)
{
    ((struct seen *)p->data)->whole = true;
    return 0;
}

/* http-parser 2.9.4 takes Transfer-EncodingX for Transfer-Encoding: a fault of its own. */
static bool parser_is_wrong(const struct sev_http_request *r)
{
    const sev_slice name = SEV_LIT("transfer-encoding");
    for (uint32_t i = 0; i < r->fields.count; i++)
        if (r->fields.at[i].name.len > name.len &&
            sev_http_name_is(sev_slice_sub(r->fields.at[i].name, 0, name.len), name))
            return true;
    return false;
}

/* NULL, or what http-parser thinks else. */
static const char *parser_differs(const struct sev_http_request *r, sev_slice text)
{
    http_parser p;
    http_parser_settings settings;
    struct seen seen = {SEV_EMPTY, 0, false};
    http_parser_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &seen;
    size_t used = http_parser_execute(&p, &settings, (const char *)text.ptr, text.len);
    if (parser_is_wrong(r))
        return NULL;
    if (HTTP_PARSER_ERRNO(&p) != HPE_OK)
        return http_errno_name(HTTP_PARSER_ERRNO(&p));
    if (!p.upgrade && (used != text.len || !seen.whole))
        return "http-parser sees another end";
    if (!sev_slice_eq(seen.url, r->target))
        return "http-parser sees another target";
    if (!p.upgrade && seen.body != (r->chunked ? 13 : r->body_bytes))
        return "http-parser sees another body";
    if (strcmp(http_method_str(p.method), sev_http_method_name(r->method)) != 0)
        return "http-parser sees another method";
    return NULL;
}

/* ------------------------------------------------------------------- nginx */

/* Send all, receive until the end; what came is in static storage. */
static sev_slice ask(sev_slice text)
{
    static uint8_t memory[65536];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timeval patience = {5, 0};
    size_t len = 0;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        perror("nginx");
        exit(2);
    }
    for (size_t at = 0; at < text.len;) {
        ssize_t n = send(fd, text.ptr + at, text.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    for (ssize_t n = 1; n > 0 && len<sizeof memory; len += n> 0 ? (size_t)n : 0)
        n = recv(fd, memory + len, sizeof memory - len, 0);
    close(fd);
    return sev_slice_of(memory, len);
}

/* The next final response in `in`, which it is taken from. */
static unsigned next_response(sev_slice *in, unsigned flags, sev_slice *out_body)
{
    static struct sev_http_response r;
    for (;;) {
        struct sev_http_scan scan = {0, 0};
        size_t bytes = 0;
        if (sev_http_response_read(&scan, *in, flags, &r, &bytes) != SEV_OK || bytes == 0 ||
            in->len - bytes < r.body_bytes)
            return 0;
        *out_body = sev_slice_sub(*in, bytes, (size_t)r.body_bytes);
        *in = sev_slice_sub(*in, bytes + (size_t)r.body_bytes, in->len);
        if (r.status >= 200)
            return r.status;
    }
}

/* NULL, or what nginx thinks else: it must answer this request and then the marker. */
static const char *nginx_differs(const struct sev_http_request *r, sev_slice text)
{
    static uint8_t memory[3 * BYTES_MAX], wanted_memory[BYTES_MAX];
    sev_buf both = sev_buf_of(memory, sizeof memory);
    sev_buf wanted = sev_buf_of(wanted_memory, sizeof wanted_memory);
    const char *method = sev_http_method_name(r->method);
    sev_slice body = SEV_EMPTY;
    sev_buf_put_slice(&both, text);
    sev_buf_put_slice(&both, SEV_LIT(MARKER));
    sev_slice answer = ask(sev_buf_slice(&both));
    bool head = r->method == SEV_HTTP_HEAD;
    unsigned status = next_response(&answer, head ? SEV_HTTP_TO_HEAD : 0, &body);
    if (status != 200)
        return status == 0 ? "nginx does not answer" : "nginx refuses";
    sev_buf_put(&wanted, method, strlen(method));
    sev_buf_put_byte(&wanted, ' ');
    sev_buf_put_slice(&wanted, r->target);
    if (!head && !sev_slice_eq(body, sev_buf_slice(&wanted)))
        return "nginx sees another method or target";
    if (!r->keep_alive)
        return answer.len == 0 ? NULL : "nginx answers after close";
    if (next_response(&answer, 0, &body) != 200 || !sev_slice_eq(body, SEV_LIT("GET /marker")))
        return "nginx sees another end of the body";
    return NULL;
}

/* ---------------------------------------------------------------- requests */

static uint64_t random_state = 1;

static uint32_t chance(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static const char *const pieces[] = {
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\r\n ",
    ":",
    ",",
    ";",
    "/",
    "/../",
    "/./",
    "//",
    "%2e",
    "%2F",
    "%00",
    "%41",
    "?",
    "#",
    "*",
    "http://h/",
    "\r\nContent-Length: 3",
    "\r\nContent-Length: 0",
    "\r\nTransfer-Encoding: chunked",
    "\r\nTransfer-Encoding: identity",
    "\r\nHost: y",
    "\r\nConnection: close",
    "\r\nConnection: keep-alive",
    "\r\nConnection: upgrade",
    "\r\nUpgrade: x",
    "\r\nExpect: 100-continue",
    "\r\nX_Y: z",
    "\r\nX-Y: z",
    "\r\n: z",
    "\r\nKeep-Alive: 1",
    "\r\nRange: bytes=0-1",

    "chunked",
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "DELETE",
    "PATCH",
    "PUT",
    "TRACE",
    "HTTP/1.0",
    "HTTP/1.1",
    "HTTP/1.2",
    "0",
    "1",
    "+1",
    "-",
    ".",
    "_",
    "\x7f",
    "\x80",
    "\x01",
    "\"",
    "<",
    "\\",
    "|",
    "[",
    "@",
    "a",
    "B",
};

/* Replace a few bytes somewhere by a piece, or by nothing. */
static void change(sev_buf *b)
{
    uint8_t rest[BYTES_MAX];
    size_t at = chance((uint32_t)b->len + 1);
    size_t gone = chance(3) == 0 ? chance(12) : chance(2);
    const char *piece = chance(4) == 0 ? "" : pieces[chance(sizeof pieces / sizeof pieces[0])];
    if (strncmp(piece, "\r\n", 2) == 0 && piece[2] > ' ') { /* a line: after another one */
        while (at < b->len && b->ptr[at] != '\r')
            at++;
        gone = 0;
    }
    gone = gone < b->len - at ? gone : b->len - at;
    size_t after = b->len - at - gone;
    memcpy(rest, b->ptr + at + gone, after);
    b->len = at;
    sev_buf_put(b, piece, strlen(piece));
    sev_buf_put(b, rest, after);
}

/* What all three refuse: if nginx answered these, it would not be much of a judge. */
static const char *const refused[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA\x01: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "GET /../x HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
    "chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "get / HTTP/1.1\r\nHost: x\r\n\r\n",
};

static void refused_by_all(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        static struct sev_http_request r;
        size_t bytes = 0;
        sev_slice text = sev_slice_of(refused[i], strlen(refused[i])), body;
        if (ours(text, &r, &bytes) == SEV_OK)
            fail("accepted here", text);
        sev_slice answer = ask(text);
        unsigned status = next_response(&answer, 0, &body);
        if (status != 0 && status < 400)
            fail("accepted by nginx", text);
    }
    if (failures == 0)
        printf("PASS: what nginx refuses is refused here: %zu known ones\n",
               sizeof refused / sizeof refused[0]);
}

/* ------------------------------------------------------------------- seeds */

static struct {
    uint8_t bytes[BYTES_MAX];
    size_t len;
} seeds[512];
static size_t seed_count;

static void load(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    char path[4096];
    while (d != NULL && (entry = readdir(d)) != NULL && seed_count < 512) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (f == NULL)
            continue;
        (void)fgetc(f); /* the fuzz target's flags */
        seeds[seed_count].len = fread(seeds[seed_count].bytes, 1, BYTES_MAX / 2, f);
        seed_count++;
        fclose(f);
    }
    if (d == NULL || seed_count == 0) {
        fprintf(stderr, "no seeds in %s\n", folder);
        exit(2);
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    static uint8_t memory[BYTES_MAX];
    static struct sev_http_request r;
    unsigned accepted = 0, asked = 0;
    if (argc != 3)
        return 2;
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    load(argv[2]);
    refused_by_all();
    for (unsigned n = 0; n < CASES && failures < 20; n++) {
        sev_buf b = sev_buf_of(memory, sizeof memory);
        size_t s = n % seed_count, bytes = 0;
        sev_buf_put(&b, seeds[s].bytes, seeds[s].len);
        for (uint32_t changes = n < seed_count ? 0 : 1 + chance(3); changes > 0; changes--)
            change(&b);
        if (ours(sev_buf_slice(&b), &r, &bytes) != SEV_OK || bytes == 0)
            continue;
        accepted++;
        sev_slice text = with_body(&r, sev_slice_of(memory, bytes));
        if (text.len == 0)
            continue;
        const char *other = parser_differs(&r, text);
        if (other == NULL && asked < ASKED_MAX) {
            asked++;
            other = nginx_differs(&r, text);
        }
        if (other != NULL)
            fail(other, text);
    }
    if (failures == 0 && asked >= 200)
        printf("PASS: %u accepted of %d, http-parser agrees on all, nginx on the %u it was asked\n",
               accepted, CASES, asked);
    else if (failures == 0)
        printf("FAIL: only %u accepted: too few to say anything\n", accepted);
    return failures > 0 || asked < 200;
}
