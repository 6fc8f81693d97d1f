/* http_request - heads of requests: each test begins with one that is accepted and breaks one
 * thing. REQ-B03: what is refused costs one look at each byte. SPDX-License-Identifier: MIT */
#include "secureev/http.h"
#include "test.h"

#define HEAD "GET /a/b?c=d HTTP/1.1\r\nHost: ev.example:8000\r\nAccept: */*\r\n\r\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct sev_http_request got;
static size_t head_bytes;

static sev_err read_with(const char *text, size_t len, unsigned flags)
{
    struct sev_http_scan scan = {0, 0};
    head_bytes = 99;
    return sev_http_request_read(&scan, sev_slice_of(text, len), flags, &got, &head_bytes);
}

static sev_err read_text(const char *text)
{
    return read_with(text, strlen(text), 0);
}

/* A line more in a GET. */
static sev_err with_line(const char *line)
{
    char text[9000];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", line);
    return read_text(text);
}

static sev_err post_with(const char *line)
{
    char text[512];
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", line);
    return read_text(text);
}

static sev_err with_target(const char *target)
{
    char text[9000];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    return read_text(text);
}

static sev_err with_host(const char *host)
{
    char text[512];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    return read_text(text);
}

static sev_err with_first_line(const char *line)
{
    char text[512];
    snprintf(text, sizeof text, "%s\r\nHost: x\r\n\r\n", line);
    return read_text(text);
}

#define ALL(function, expected, ...)                                                               \
    do {                                                                                           \
        static const char *const texts[] = {__VA_ARGS__};                                          \
        for (size_t i_ = 0; i_ < COUNT(texts); i_++) {                                             \
            sev_err e_ = function(texts[i_]);                                                      \
            if (e_ != (expected))                                                                  \
                print_message("%s: got %s\n", texts[i_], sev_err_id(e_));                          \
            CHECK_ERR(e_, expected);                                                               \
        }                                                                                          \
    } while (0)

/* ---------------------------------------------------------------- accepted */

TEST(http_request__plain_get__all_parts)
{
    CHECK_OK(read_text(HEAD "the next"));
    CHECK_EQ(head_bytes, strlen(HEAD));
    CHECK_EQ(got.method, SEV_HTTP_GET);
    CHECK_TEXT(got.target, "/a/b?c=d");
    CHECK_TEXT(got.path, "/a/b");
    CHECK_TEXT(got.query, "c=d");
    CHECK_TEXT(got.host, "ev.example:8000");
    CHECK(got.keep_alive && !got.expect_continue && !got.chunked && !got.has_length);
    CHECK_EQ(got.body_bytes, 0);
    CHECK_EQ(got.fields.count, 2);
    CHECK_TEXT(got.fields.at[1].name, "Accept");
    CHECK_TEXT(got.fields.at[1].value, "*/*");
}

TEST(http_request__every_method__by_its_name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char line[64];
        snprintf(line, sizeof line, "%s /x HTTP/1.1", names[i]);
        CHECK_OK(with_first_line(line));
        CHECK_EQ(got.method, i);
        CHECK(strcmp(sev_http_method_name(got.method), names[i]) == 0);
    }
}

TEST(http_request__body_and_expectation__told)
{
    CHECK_OK(
        post_with("Content-Length: 12\r\nexpect: 100-Continue\r\nCONNECTION: keep-alive, Close"));
    CHECK_EQ(got.body_bytes, 12);
    CHECK(got.has_length && got.expect_continue && !got.keep_alive && !got.chunked);
}

TEST(http_request__chunked__only_where_allowed)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
    CHECK_ERR(read_text(text), SEV_E_HTTP_LENGTH);
    CHECK_OK(read_with(text, strlen(text), SEV_HTTP_ALLOW_CHUNKED));
    CHECK(got.chunked && !got.has_length);
    CHECK_EQ(got.body_bytes, 0);
}

TEST(http_request__values__trimmed_and_may_be_empty)
{
    CHECK_OK(with_line("A:\r\nB:   \r\nC:  x  y "));
    CHECK_TEXT(got.fields.at[1].value, "");
    CHECK_TEXT(got.fields.at[2].value, "");
    CHECK_TEXT(got.fields.at[3].value, "x  y");
}

TEST(http_request__lists__may_come_in_several_lines)
{
    CHECK_OK(with_line("Accept: a\r\naccept: b\r\nX-Forwarded-For: a\r\nx-forwarded-for: b"));
    CHECK_EQ(got.fields.count, 5);
    sev_slice value;
    CHECK(sev_http_field_get(&got.fields, SEV_LIT("ACCEPT"), &value));
    CHECK_TEXT(value, "a");
    CHECK(!sev_http_field_get(&got.fields, SEV_LIT("accep"), &value));
}

TEST(http_request__hosts__names_and_addresses)
{
    ALL(with_host, SEV_OK, "x", "a.b-c.de", "a_b", "127.0.0.1", "127.0.0.1:1", "x:65535", "[::1]",
        "[::1]:80", "[::ffff:127.0.0.1]:8000");
}

/* ------------------------------------------------------- fed in any pieces */

TEST(http_request__byte_by_byte__the_same_and_each_byte_seen_once)
{
    struct sev_http_scan scan = {0, 0};
    size_t len = strlen(HEAD);
    for (size_t n = 0; n < len; n++) {
        got.body_bytes = 77;
        head_bytes = 99;
        CHECK_OK(sev_http_request_read(&scan, sev_slice_of(HEAD, n), 0, &got, &head_bytes));
        CHECK_EQ(head_bytes, 0);
        CHECK_EQ(got.body_bytes, 77); /* untouched */
        CHECK_EQ(scan.seen, n);
    }
    CHECK_OK(sev_http_request_read(&scan, sev_slice_of(HEAD, len), 0, &got, &head_bytes));
    CHECK_EQ(head_bytes, len);
    CHECK_TEXT(got.path, "/a/b");
}

TEST(http_request__refused__outputs_untouched)
{
    memset(&got, 0x5A, sizeof got);
    CHECK_ERR(with_target("/../x"), SEV_E_HTTP_TARGET);
    CHECK_EQ(head_bytes, 99);
    for (size_t i = 0; i < sizeof got; i++)
        CHECK_EQ(((const uint8_t *)&got)[i], 0x5A);
}

/* ------------------------------------------------------------------ syntax */

TEST(http_request__not_lines_as_we_know_them__http_syntax)
{
    ALL(read_text, SEV_E_HTTP_SYNTAX, "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\rHost: x\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\rX", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", "\x16\x03\x01");
}

TEST(http_request__control_bytes_anywhere__http_syntax)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b@d\r\n\r\n";
        bool fine = c >= 0x20 && c < 0x7F;
        text[strlen("GET / HTTP/1.1\r\nHost: x\r\nA: b")] = (char)c;
        CHECK_ERR(read_with(text, sizeof text - 1, 0), fine ? SEV_OK : SEV_E_HTTP_SYNTAX);
    }
}

TEST(http_request__refused_as_soon_as_seen__not_at_the_end)
{
    CHECK_ERR(read_text("GET / HTTP/1.1\r\nHost: x\r\nA: \x01"), SEV_E_HTTP_SYNTAX);
    CHECK_ERR(read_text("GET / HTTP/1.1\n"), SEV_E_HTTP_SYNTAX);
}

TEST(http_request__folded_line__http_syntax)
{
    ALL(with_line, SEV_E_HTTP_SYNTAX, "A: b\r\n c", "A: b\r\n\tc", " A: b", "A: b\r\n ");
}

TEST(http_request__names_of_fields__letters_digits_and_hyphens)
{
    for (unsigned c = 1; c < 128; c++) {
        char line[] = "A@: b";
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == ':';
        line[1] = (char)c;
        CHECK_ERR(with_line(line), fine ? SEV_OK : SEV_E_HTTP_SYNTAX);
    }
    ALL(with_line, SEV_E_HTTP_SYNTAX, ": b", "A", "A : b", "A b", "A\t: b");
}

TEST(http_request__other_fields_twice__http_syntax)
{
    ALL(with_line, SEV_E_HTTP_SYNTAX, "Range: bytes=0-1\r\nrange: bytes=0-2",
        "Authorization: a\r\nAuthorization: a", "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"",
        "X-Anything: 1\r\nX-Else: 2\r\nx-anything: 1", "Connection: close\r\nConnection: close");
}

TEST(http_request__connection__known_words_only)
{
    ALL(with_line, SEV_OK, "Connection: keep-alive", "Connection: Upgrade, HTTP2-Settings",
        "Connection: TE,close", "Connection:");
    ALL(with_line, SEV_E_HTTP_SYNTAX, "Connection: host", "Connection: xclose",
        "Connection: close x", "Connection: close,,te", "Connection: close;te",
        "Connection: \"close\"");
    CHECK_OK(with_line("Connection: TE , close"));
    CHECK(!got.keep_alive);
    CHECK_OK(with_line("Connection: upgrade"));
    CHECK(got.keep_alive);
}

TEST(http_request__first_line__three_words_and_single_blanks)
{
    ALL(with_first_line, SEV_E_HTTP_SYNTAX, "GET /", "GET", "GET  / HTTP/1.1", "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ", "GET / HTTP/1.1 x", "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/11",
        "GET / HTTP/1.10", "GET / HTTP/x.1", "GET\t/ HTTP/1.1", "G@T / HTTP/1.1",
        "GET /x y HTTP/1.1");
}

TEST(http_request__other_version__http_version)
{
    ALL(with_first_line, SEV_E_HTTP_VERSION, "GET / HTTP/1.0", "GET / HTTP/2.0", "GET / HTTP/0.9",
        "PRI * HTTP/2.0");
}

TEST(http_request__unknown_method__http_method)
{
    ALL(with_first_line, SEV_E_HTTP_METHOD, "TRACE / HTTP/1.1", "CONNECT / HTTP/1.1",
        "get / HTTP/1.1", "GE / HTTP/1.1", "GETX / HTTP/1.1");
}

/* ------------------------------------------------------------------ target */

/* REQ-H02 */
TEST(http_request__target_that_is_no_clean_path__http_target)
{
    ALL(with_target, SEV_E_HTTP_TARGET, "*", "x", "http://x/", "/..", "/../x", "/a/..", "/a/../b",
        "/./a", "/a/.", "/%2e%2e/x", "/a/%2E", "/.%2e/", "//", "//x", "/a//b", "/a%2Fb", "/a%2fb",
        "/a%00", "/a%0a", "/a%1f", "/a%7F", "/a%", "/a%4", "/a%4g", "/a%g4", "/a\\b", "/a%5Cb",
        "/a\"b", "/a<b", "/a>b", "/a^b", "/a`b", "/a{b", "/a|b", "/a}b", "/a#b", "/a[b", "/%ff",
        "/%c0%af", "/%ed%a0%80", "/?a\"", "/?%0d", "/?%4", "/?a#", "/?a[b", "?a");
}

TEST(http_request__clean_targets__accepted)
{
    ALL(with_target, SEV_OK, "/", "/a/", "/a/b", "/...", "/a/..b", "/.well-known", "/%41%c3%a9",
        "/a%20b", "/%25", "/?", "/?/?a=%ff", "/-._~!$&'()*+,;=:@", "/a?..%2f");
}

TEST(http_request__long_target__http_head_limit)
{
    char target[SEV_URL_BYTES_MAX + 2];
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[SEV_URL_BYTES_MAX] = '\0';
    CHECK_OK(with_target(target));
    target[SEV_URL_BYTES_MAX] = 'a';
    target[SEV_URL_BYTES_MAX + 1] = '\0';
    CHECK_ERR(with_target(target), SEV_E_HTTP_HEAD_LIMIT);
}

/* -------------------------------------------------------------------- host */

TEST(http_request__host_missing_twice_or_strange__http_host)
{
    CHECK_ERR(read_text("GET / HTTP/1.1\r\nA: b\r\n\r\n"), SEV_E_HTTP_HOST);
    CHECK_ERR(read_text("GET / HTTP/1.1\r\n\r\n"), SEV_E_HTTP_HOST);
    CHECK_ERR(with_line("Host: x"), SEV_E_HTTP_HOST);
    CHECK_ERR(with_line("hOST: y"), SEV_E_HTTP_HOST);
    ALL(with_host, SEV_E_HTTP_HOST, "", ".", "a..b", ".a", "a.", "a/b", "a@b", "a b", "a,b",
        "a:", "a:0", "a:65536", "a:1x", "a:080", ":80", "[]", "[::1", "[::1]80", "[::g]",
        "[::1]:", "a%41", "x:1:2");
}

/* ----------------------------------------------------------------- framing */

TEST(http_request__body_told_in_two_ways_or_none__http_framing)
{
    ALL(post_with, SEV_E_HTTP_FRAMING, "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1", "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\nContent-Length: 2", "Content-Length: 1, 1",
        "Content-Length:", "Content-Length: +1", "Content-Length: -1", "Content-Length: 0x1",
        "Content-Length: 01", "Content-Length: 1 ;", "Content-Length: 9007199254740992",
        "Content-Length: 99999999999999999999999", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity",
        "Transfer-Encoding:", "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked");
    CHECK_OK(post_with("Content-Length: 9007199254740991"));
}

TEST(http_request__get_and_head_with_a_body__http_framing)
{
    CHECK_ERR(with_line("Content-Length: 1"), SEV_E_HTTP_FRAMING);
    CHECK_OK(with_line("Content-Length: 0"));
    static const char head[] = "HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK_ERR(read_with(head, strlen(head), SEV_HTTP_ALLOW_CHUNKED), SEV_E_HTTP_FRAMING);
}

TEST(http_request__other_expectation__http_expect)
{
    CHECK_ERR(post_with("Expect: 200-ok"), SEV_E_HTTP_EXPECT);
    CHECK_ERR(post_with("Expect:"), SEV_E_HTTP_EXPECT);
}

/* ------------------------------------------------------------------ limits */

/* REQ-H28 */
TEST(http_request__head_of_8_kib__and_not_a_byte_more)
{
    static char text[SEV_HTTP_HEAD_BYTES_MAX + 2];
    static const char start[] = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
    for (size_t len = SEV_HTTP_HEAD_BYTES_MAX; len <= SEV_HTTP_HEAD_BYTES_MAX + 1; len++) {
        memset(text, 'a', len);
        memcpy(text, start, strlen(start));
        memcpy(text + len - 4, "\r\n\r\n", 4);
        bool fits = len == SEV_HTTP_HEAD_BYTES_MAX;
        CHECK_ERR(read_with(text, len, 0), fits ? SEV_OK : SEV_E_HTTP_HEAD_LIMIT);
        CHECK_ERR(read_with(text, len - 1, 0), fits ? SEV_OK : SEV_E_HTTP_HEAD_LIMIT);
        CHECK_EQ(head_bytes, fits ? 0 : 99);
    }
}

TEST(http_request__64_fields__and_not_one_more)
{
    char text[4096];
    for (unsigned extra = 0; extra < 2; extra++) {
        size_t len = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (unsigned i = 1; i < SEV_HTTP_FIELDS_MAX + extra; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "A%u: b\r\n", i);
        snprintf(text + len, sizeof text - len, "\r\n");
        CHECK_ERR(read_text(text), extra == 0 ? SEV_OK : SEV_E_HTTP_HEAD_LIMIT);
    }
    CHECK_EQ(got.fields.count, SEV_HTTP_FIELDS_MAX);
}

/* ------------------------------------------------------------------ status */

TEST(http_status__every_refusal_of_a_request__4xx_or_5xx_with_words)
{
    for (int i = 1; i < SEV_ERR_COUNT; i++) {
        unsigned status = sev_http_status((sev_err)i);
        CHECK(status >= 400 && status < 600);
        CHECK(strcmp(sev_http_reason(status), "Status") != 0);
    }
    CHECK_EQ(sev_http_status(SEV_OK), 200);
    CHECK_EQ(sev_http_status(SEV_E_HTTP_HEAD_LIMIT), 431);
    CHECK_EQ(sev_http_status(SEV_E_HTTP_VERSION), 505);
    CHECK_EQ(sev_http_status(SEV_E_SIGNATURE), 422);
    CHECK_EQ(sev_http_status(SEV_E_CONFIG), 400);
    CHECK_EQ(sev_http_status(SEV_E_IO), 503);
    CHECK_EQ(sev_http_status(SEV_E_BUG), 500);
    CHECK(strcmp(sev_http_reason(299), "Status") == 0);
}
