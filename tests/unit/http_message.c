/* http_message - responses, paths, queries, ranges, chunks, and what we write.
 * SPDX-License-Identifier: MIT */
#include "secureev/http.h"
#include "test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t memory[4096];

static sev_slice of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* --------------------------------------------------------------- responses */

static struct sev_http_response got;

static sev_err response(const char *text, unsigned flags)
{
    struct sev_http_scan scan = {0, 0};
    size_t bytes = 0;
    sev_err e = sev_http_response_read(&scan, of(text), flags, &got, &bytes);
    if (e == SEV_OK)
        CHECK(bytes > 0);
    return e;
}

TEST(http_response__with_length__all_parts)
{
    CHECK_OK(
        response("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", 0));
    CHECK_EQ(got.status, 404);
    CHECK_EQ(got.body_bytes, 3);
    CHECK(!got.keep_alive && !got.chunked);
    CHECK_EQ(got.fields.count, 2);
}

TEST(http_response__bodies__as_status_and_request_say)
{
    CHECK_OK(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0));
    CHECK(got.chunked);
    CHECK_OK(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", SEV_HTTP_TO_HEAD));
    CHECK(!got.chunked);
    CHECK_OK(response("HTTP/1.1 200\r\nContent-Length: 9\r\n\r\n", SEV_HTTP_TO_HEAD));
    CHECK_EQ(got.body_bytes, 0);
    CHECK_OK(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 0));
    CHECK_EQ(got.body_bytes, 0);
    CHECK_OK(response("HTTP/1.1 204 No Content\r\n\r\n", 0));
    CHECK_OK(response("HTTP/1.1 100 Continue\r\n\r\n", 0));
    CHECK_EQ(got.status, 100);
}

TEST(http_response__end_unknown_or_told_twice__http_framing)
{
    CHECK_ERR(response("HTTP/1.1 200 OK\r\n\r\n", 0), SEV_E_HTTP_FRAMING);
    CHECK_ERR(response("HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n", 0), SEV_E_HTTP_FRAMING);
    CHECK_ERR(response("HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
              SEV_E_HTTP_FRAMING);
    CHECK_ERR(
        response("HTTP/1.1 200 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
        SEV_E_HTTP_FRAMING);
    CHECK_ERR(response("HTTP/1.1 200 x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 0),
              SEV_E_HTTP_FRAMING);
}

TEST(http_response__first_line__strict)
{
    static const char *const bad[] = {"HTTP/1.1 20",     "HTTP/1.1 2x0 OK", "HTTP/1.1 099 OK",
                                      "HTTP/1.1 600 OK", "HTTP/1.1 200OK",  "HTTP/1.1  200 OK",
                                      "XTTP/1.1 200 OK", "HTTP/1.1"};
    char text[64];
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(text, sizeof text, "%s\r\nContent-Length: 0\r\n\r\n", bad[i]);
        CHECK_ERR(response(text, 0), SEV_E_HTTP_SYNTAX);
    }
    CHECK_ERR(response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0), SEV_E_HTTP_VERSION);
    CHECK_ERR(response("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0), SEV_E_HTTP_VERSION);
    CHECK_ERR(response("HTTP/1.1 200 OK\nContent-Length: 0\n\n", 0), SEV_E_HTTP_SYNTAX);
}

/* ------------------------------------------------------- paths and queries */

TEST(http_path__decoded_once)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    CHECK_OK(sev_http_path_decode(SEV_LIT("/a%20b/%2541/%C3%A9/"), &out));
    CHECK_TEXT(sev_buf_slice(&out), "/a b/%41/\xc3\xa9/");
}

TEST(http_path__refused_or_no_room__nothing_written)
{
    static const char *const bad[] = {"", "a", "/%2f", "/%00", "/..", "/%2e./x", "//", "/a\\"};
    sev_buf out = sev_buf_of(memory, 3);
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_ERR(sev_http_path_decode(of(bad[i]), &out), SEV_E_HTTP_TARGET);
        CHECK_EQ(out.len, 0);
    }
    CHECK_ERR(sev_http_path_decode(SEV_LIT("/abc"), &out), SEV_E_TOO_LONG);
    CHECK(out.len == 0 && !out.overflow);
    CHECK_OK(sev_http_path_decode(SEV_LIT("/a%62"), &out));
    memset(memory, '/', SEV_URL_BYTES_MAX + 1);
    CHECK_ERR(sev_http_path_decode(sev_slice_of(memory, SEV_URL_BYTES_MAX + 1), &out),
              SEV_E_TOO_LONG);
}

static sev_err value_of(const char *query, const char *name, sev_buf *out)
{
    *out = sev_buf_of(memory, 16);
    return sev_http_query_value(of(query), of(name), out);
}

TEST(http_query__one_value__decoded)
{
    sev_buf out;
    CHECK_OK(value_of("a=1&b=x+y%2B%26z&c", "b", &out));
    CHECK_TEXT(sev_buf_slice(&out), "x y+&z");
    CHECK_OK(value_of("a=1&c", "c", &out));
    CHECK_EQ(out.len, 0);
    CHECK_OK(value_of("%61=a=b", "a", &out));
    CHECK_TEXT(sev_buf_slice(&out), "a=b");
}

TEST(http_query__none_two_or_broken__refused)
{
    sev_buf out;
    CHECK_ERR(value_of("", "a", &out), SEV_E_NOT_FOUND);
    CHECK_ERR(value_of("aa=1&b", "a", &out), SEV_E_NOT_FOUND);
    CHECK_ERR(value_of("a=1&a=1", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("a=1&%61=2", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("a=%0a", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("a=%ff", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("%ff=1&a=1", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("a=%4", "a", &out), SEV_E_HTTP_TARGET);
    CHECK_ERR(value_of("a=12345678901234567", "a", &out), SEV_E_TOO_LONG);
    CHECK_EQ(out.len, 0);
    memset(memory, 'a', sizeof memory);
    CHECK_ERR(sev_http_query_value(sev_slice_of(memory, SEV_URL_BYTES_MAX + 1), SEV_LIT("a"), &out),
              SEV_E_TOO_LONG);
}

/* ----------------------------------------------------- ranges, validators */

static struct sev_http_fields fields_of(const char *range, const char *if_range, const char *none)
{
    struct sev_http_fields f = {0};
    const char *const names[] = {"Range", "If-Range", "If-None-Match"};
    const char *const values[] = {range, if_range, none};
    for (size_t i = 0; i < 3; i++)
        if (values[i] != NULL)
            f.at[f.count++] = (struct sev_http_field){of(names[i]), of(values[i])};
    return f;
}

#define TAG SEV_LIT("\"t\"")

TEST(http_range__of_a_file_of_10__as_rfc_9110_says)
{
    static const struct {
        const char *range;
        int partial; /* -1: 416 */
        unsigned from, bytes;
    } cases[] = {
        {"bytes=0-0", 1, 0, 1},
        {"bytes=0-9", 1, 0, 10},
        {"bytes=3-", 1, 3, 7},
        {"bytes=9-99", 1, 9, 1},
        {"bytes=-3", 1, 7, 3},
        {"bytes=-99", 1, 0, 10},
        {"Bytes=2-3", 1, 2, 2},
        {"bytes=10-", -1, 0, 0},
        {"bytes=10-11", -1, 0, 0},
        {"bytes=-0", -1, 0, 0},
        {"bytes=3-2", 0, 0, 10},
        {"bytes=0-1,3-4", 0, 0, 10},
        {"bytes=", 0, 0, 10},
        {"bytes=-", 0, 0, 10},
        {"bytes=a-", 0, 0, 10},
        {"bytes=1-a", 0, 0, 10},
        {"bytes= 1-2", 0, 0, 10},
        {"items=0-1", 0, 0, 10},
        {"bytes", 0, 0, 10},
        {"bytes=5", 0, 0, 10},
        {"", 0, 0, 10},
        {"bytes=1-99999999999999999999999", 1, 1, 9},
        {"bytes=99999999999999999999999-", -1, 0, 0},
        {"bytes=18446744073709551616-", -1, 0, 0},
        {"bytes=-18446744073709551616", 1, 0, 10},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sev_http_fields f = fields_of(cases[i].range, NULL, NULL);
        struct sev_http_range r;
        sev_err e = sev_http_range_of(&f, TAG, 10, &r);
        CHECK_ERR(e, cases[i].partial < 0 ? SEV_E_HTTP_RANGE : SEV_OK);
        if (e != SEV_OK)
            continue;
        CHECK_EQ(r.partial, cases[i].partial);
        CHECK_EQ(r.from, cases[i].from);
        CHECK_EQ(r.bytes, cases[i].bytes);
    }
}

TEST(http_range__of_nothing__unsatisfiable)
{
    struct sev_http_fields f = fields_of("bytes=-1", NULL, NULL);
    struct sev_http_range r;
    CHECK_ERR(sev_http_range_of(&f, TAG, 0, &r), SEV_E_HTTP_RANGE);
    f = fields_of("bytes=0-", NULL, NULL);
    CHECK_ERR(sev_http_range_of(&f, TAG, 0, &r), SEV_E_HTTP_RANGE);
    f = fields_of(NULL, NULL, NULL);
    CHECK_OK(sev_http_range_of(&f, TAG, 0, &r));
    CHECK(!r.partial && r.bytes == 0);
}

TEST(http_range__if_range__only_the_same_strong_tag)
{
    static const char *const others[] = {"\"u\"", "W/\"t\"", "t",
                                         "",      "\"T\"",   "Sun, 06 Nov 1994 08:49:37 GMT"};
    struct sev_http_range r;
    struct sev_http_fields f = fields_of("bytes=1-2", "\"t\"", NULL);
    CHECK_OK(sev_http_range_of(&f, TAG, 10, &r));
    CHECK(r.partial);
    CHECK_OK(sev_http_range_of(&f, SEV_EMPTY, 10, &r));
    CHECK(!r.partial);
    for (size_t i = 0; i < COUNT(others); i++) {
        f = fields_of("bytes=1-2", others[i], NULL);
        CHECK_OK(sev_http_range_of(&f, TAG, 10, &r));
        CHECK(!r.partial && r.from == 0 && r.bytes == 10);
    }
    f = fields_of("bytes=1-2", "", NULL);
    CHECK_OK(sev_http_range_of(&f, SEV_EMPTY, 10, &r));
    CHECK(!r.partial);
}

TEST(http_not_modified__if_none_match_names_the_tag)
{
    static const char *const yes[] = {"\"t\"", "W/\"t\"", "*", "\"a\", \"t\"",
                                      "\"a\",W/\"t\" ,\"b\""};
    static const char *const no[] = {"\"a\"", "t", "", ",", "\"t", "\"a\" \"t\"", "*, \"a\""};
    for (size_t i = 0; i < COUNT(yes); i++) {
        struct sev_http_fields f = fields_of(NULL, NULL, yes[i]);
        CHECK(sev_http_not_modified(&f, TAG));
        CHECK(!sev_http_not_modified(&f, SEV_EMPTY));
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        struct sev_http_fields f = fields_of(NULL, NULL, no[i]);
        CHECK(!sev_http_not_modified(&f, TAG));
    }
}

/* ----------------------------------------------------------------- writing */

TEST(http_write__a_response_head__byte_for_byte)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    struct sev_http_range range = {true, 5, 5};
    sev_http_put_status(&out, 206);
    sev_http_put_field(&out, SEV_LIT("ETag"), TAG);
    sev_http_put_number(&out, SEV_LIT("Content-Length"), 5);
    sev_http_put_content_range(&out, &range, 10);
    sev_http_put_end(&out);
    CHECK(!out.overflow);
    CHECK_TEXT(sev_buf_slice(&out), "HTTP/1.1 206 Partial Content\r\nETag: \"t\"\r\n"
                                    "Content-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\n");
}

TEST(http_write__a_request__is_one_that_we_read)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    struct sev_http_request r;
    struct sev_http_scan scan = {0, 0};
    size_t bytes = 0;
    sev_http_put_request(&out, SEV_HTTP_PUT, SEV_LIT("/a?b"), SEV_LIT("h:1"));
    sev_http_put_end(&out);
    CHECK_TEXT(sev_buf_slice(&out), "PUT /a?b HTTP/1.1\r\nHost: h:1\r\n\r\n");
    CHECK_OK(sev_http_request_read(&scan, sev_buf_slice(&out), 0, &r, &bytes));
}

TEST(http_write__lines_from_outside__cannot_be_smuggled_in)
{
    static const char *const bad[] = {"a\r\nB: c", "a\n", "a\r", "\x7f", "\xc3\xa9", "\x01"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        sev_buf out = sev_buf_of(memory, sizeof memory);
        sev_http_put_field(&out, SEV_LIT("A"), of(bad[i]));
        CHECK(out.overflow && out.len == 0);
        out = sev_buf_of(memory, sizeof memory);
        sev_http_put_field(&out, of(bad[i]), SEV_LIT("a"));
        CHECK(out.overflow && out.len == 0);
        out = sev_buf_of(memory, sizeof memory);
        sev_http_put_request(&out, SEV_HTTP_GET, of(bad[i]), SEV_LIT("h"));
        CHECK(out.overflow && out.len == 0);
    }
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_http_put_field(&out, SEV_EMPTY, SEV_LIT("a"));
    CHECK(out.overflow);
    out = sev_buf_of(memory, sizeof memory);
    sev_http_put_request(&out, SEV_HTTP_GET, SEV_LIT("/a b"), SEV_LIT("h"));
    CHECK(out.overflow);
}

TEST(http_write__dates__of_all_days_and_months)
{
    static const struct {
        sev_time t;
        const char *text;
    } cases[] = {{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
                 {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
                 {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
                 {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
                 {1798761599, "Thu, 31 Dec 2026 23:59:59 GMT"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sev_buf out = sev_buf_of(memory, sizeof memory);
        sev_http_put_date(&out, cases[i].t);
        CHECK_SLICE(sev_buf_slice(&out), of(cases[i].text));
    }
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_http_put_date(&out, -1);
    CHECK(out.overflow && out.len == 0);
}

/* ------------------------------------------------------------------ chunks */

/* Feed `text` in pieces of `piece` bytes; the body goes to memory, the unread rest is returned. */
static sev_err dechunk(const char *text, size_t piece, uint64_t most, sev_buf *body, size_t *rest)
{
    struct sev_http_chunked c;
    size_t len = strlen(text), at = 0;
    bool done = false;
    sev_http_chunked_init(&c, most);
    *body = sev_buf_of(memory, sizeof memory);
    while (at < len && !done) {
        size_t used = 0;
        sev_slice data;
        sev_slice in = sev_slice_of(text + at, piece < len - at ? piece : len - at);
        sev_err e = sev_http_chunked_read(&c, in, &used, &data, &done);
        if (e != SEV_OK)
            return e;
        CHECK(used > 0 && used <= in.len);
        sev_buf_put_slice(body, data);
        at += used;
    }
    *rest = len - at;
    return done ? SEV_OK : SEV_E_ABSENT;
}

TEST(http_chunked__in_any_pieces__the_same_body_and_end)
{
    static const char text[] = "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET ";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        sev_buf body;
        size_t rest = 0;
        CHECK_OK(dechunk(text, piece, 13, &body, &rest));
        CHECK_TEXT(sev_buf_slice(&body), "abc0123456789");
        CHECK_EQ(rest, 4);
    }
}

TEST(http_chunked__anything_but_chunks__http_framing)
{
    static const char *const bad[] = {"\r\n",          "x\r\n",           "3;a=b\r\nabc\r\n",
                                      "3 \r\nabc\r\n", " 3\r\nabc\r\n",   "3\nabc\r\n",
                                      "3\r\nabcd",     "3\r\nabc\n",      "3\r\nabc\rx",
                                      "3\rx",          "000000000\r\n",   "0\r\nA: b\r\n\r\n",
                                      "0\r\n\rx",      "-1\r\n",          "0x3\r\nabc\r\n",
                                      "fffffffff\r\n", "3\r\nabc\r\n\r\n"};
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t piece = 1; piece < 4; piece++) {
            sev_buf body;
            size_t rest = 0;
            CHECK_ERR(dechunk(bad[i], piece, UINT64_MAX, &body, &rest), SEV_E_HTTP_FRAMING);
        }
}

TEST(http_chunked__more_than_allowed__told_before_it_comes)
{
    sev_buf body;
    size_t rest = 0;
    CHECK_ERR(dechunk("4\r", 2, 3, &body, &rest), SEV_E_HTTP_BODY_LIMIT);
    CHECK_ERR(dechunk("3\r\nabc\r\n1\r", 2, 3, &body, &rest), SEV_E_HTTP_BODY_LIMIT);
    CHECK_TEXT(sev_buf_slice(&body), "abc");
    CHECK_ERR(dechunk("ffffffff\r", 1, 3, &body, &rest), SEV_E_HTTP_BODY_LIMIT);
    CHECK_OK(dechunk("0\r\n\r\n", 9, 0, &body, &rest));
}
