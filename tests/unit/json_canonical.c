/* Canonical forms and equality. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "secureev/json.h"
#include "test.h"

static uint32_t slots[64];
static const struct sev_json_scratch scratch = {slots, 64};
static uint8_t memory[4096];

static sev_slice canonical(const char *text, unsigned form)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    CHECK_OK(sev_json_canonical(sev_slice_of(text, strlen(text)), form, scratch, &out));
    return sev_buf_slice(&out);
}

TEST(json_canonical__members_out_of_order__sorted_at_every_level)
{
    CHECK_TEXT(
        canonical(" { \"b\" : [ { \"y\":1 , \"x\":2 } , 3 ] , \"a\" : { } } ", SEV_CANON_OLPC),
        "{\"a\":{},\"b\":[{\"x\":2,\"y\":1},3]}");
}

TEST(json_canonical__each_form__has_its_own_escapes)
{
    const char *doc = "[\"\\u00e9\\n\\u0001\\/\\\"\\\\\\ud834\\udd1e\x7f\"]";
    CHECK_TEXT(canonical(doc, SEV_CANON_OLPC), "[\"\xc3\xa9\n\x01/\\\"\\\\\xf0\x9d\x84\x9e\x7f\"]");
    CHECK_TEXT(canonical(doc, SEV_CANON_ASCII),
               "[\"\\u00e9\\n\\u0001/\\\"\\\\\\ud834\\udd1e\x7f\"]");
    CHECK_TEXT(canonical(doc, SEV_CANON_JCS),
               "[\"\xc3\xa9\\n\\u0001/\\\"\\\\\xf0\x9d\x84\x9e\x7f\"]");
}

/* In order and without blanks: only the strings are written anew. */
TEST(json_canonical__in_order_with_other_escapes__names_and_values_respelled)
{
    const char *doc = "{\"\\u0061\":\"\\/x\",\"b\":[-1,true,\"\\u00e9\",{\"\xc3\xa9\":\"\\n\"}]}";
    CHECK_TEXT(canonical(doc, SEV_CANON_OLPC),
               "{\"a\":\"/x\",\"b\":[-1,true,\"\xc3\xa9\",{\"\xc3\xa9\":\"\n\"}]}");
    CHECK_TEXT(canonical(doc, SEV_CANON_ASCII),
               "{\"a\":\"/x\",\"b\":[-1,true,\"\\u00e9\",{\"\\u00e9\":\"\\n\"}]}");
    sev_buf out = sev_buf_of(memory, strlen(doc) - 12); /* one less than it takes */
    CHECK_ERR(sev_json_canonical(sev_slice_of(doc, strlen(doc)), SEV_CANON_OLPC, scratch, &out),
              SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    CHECK(!out.overflow);
}

TEST(json_canonical__too_small__limit_and_output_untouched)
{
    sev_buf out = sev_buf_of(memory, 5);
    CHECK_ERR(sev_json_canonical(SEV_LIT("[1, 2]"), SEV_CANON_OLPC, scratch, &out), SEV_OK);
    out = sev_buf_of(memory, 4);
    CHECK_ERR(sev_json_canonical(SEV_LIT("[1, 2]"), SEV_CANON_OLPC, scratch, &out),
              SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    CHECK(!out.overflow);
}

TEST(json_equal__ignores_order_blanks_and_escapes_and_nothing_else)
{
    CHECK(sev_json_equal(SEV_LIT("{\"a\":[1,{}],\"b\":\"x\"}"),
                         SEV_LIT("{ \"\\u0062\" : \"\\u0078\" , \"a\" : [ 1 , { } ] }")));
    CHECK(!sev_json_equal(SEV_LIT("{\"a\":1,\"b\":2}"), SEV_LIT("{\"b\":2}")));
    CHECK(!sev_json_equal(SEV_LIT("{\"b\":2}"), SEV_LIT("{\"a\":1,\"b\":2}")));
    CHECK(!sev_json_equal(SEV_LIT("[1]"), SEV_LIT("[1,2]")));
    CHECK(!sev_json_equal(SEV_LIT("[1]"), SEV_LIT("{}")));
    CHECK(sev_json_equal(SEV_EMPTY, SEV_EMPTY));
    CHECK(!sev_json_equal(SEV_EMPTY, SEV_LIT("1")));
}

TEST(json_canonical__order_of_names__by_bytes_but_for_jcs)
{
    /* U+E000 and U+10000: UTF-8 puts the first one first, UTF-16 the second */
    const char *doc = "{\"\\ud800\\udc00\":1,\"\\ue000\":2,\"a\":3,\"\":4}";
    CHECK_TEXT(canonical(doc, SEV_CANON_OLPC),
               "{\"\":4,\"a\":3,\"\xee\x80\x80\":2,\"\xf0\x90\x80\x80\":1}");
    CHECK_TEXT(canonical(doc, SEV_CANON_ASCII),
               "{\"\":4,\"a\":3,\"\\ue000\":2,\"\\ud800\\udc00\":1}");
    CHECK_TEXT(canonical(doc, SEV_CANON_JCS),
               "{\"\":4,\"a\":3,\"\xf0\x90\x80\x80\":1,\"\xee\x80\x80\":2}");
}

/* The example of RFC 8785 section 3.2.3, its number as an integer. */
TEST(json_canonical__jcs__sorts_as_rfc_8785_shows)
{
    CHECK_TEXT(canonical("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
                         "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
                         "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
                         "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
                         SEV_CANON_JCS),
               "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
               "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
               "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
               "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

/* contracts/aktualizr.md 7.1: this is what that client hashes and signs. */
TEST(json_canonical__ascii__as_python_writes_it)
{
    CHECK_TEXT(
        canonical("\"\\u0000\\u001f\\u007f\\u0080\\uffff\\udbff\\udfff\\u002f\"", SEV_CANON_ASCII),
        "\"\\u0000\\u001f\x7f\\u0080\\uffff\\udbff\\udfff/\"");
}

/* A PEM key is why the forms differ: OLPC, which TUF signs, has raw line feeds. */
TEST(json_canonical__olpc__line_feeds_stand_raw)
{
    CHECK_TEXT(canonical("{\"public\":\"-----BEGIN\\nA\\n\"}", SEV_CANON_OLPC),
               "{\"public\":\"-----BEGIN\nA\n\"}");
}

TEST(json_canonical__no_such_form__our_bug)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    static const unsigned bad[] = {0, 3, 7, 8};
    for (size_t i = 0; i < 4; i++)
        CHECK_ERR(sev_json_canonical(SEV_LIT("1"), bad[i], scratch, &out), SEV_E_BUG);
}

TEST(json_canonical__unchecked_value__refused_as_the_check_does)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    CHECK_ERR(sev_json_canonical(SEV_LIT("{\"a\":1,\"a\":1}"), SEV_CANON_OLPC, scratch, &out),
              SEV_E_JSON_DUPLICATE);
    CHECK_ERR(sev_json_canonical(SEV_LIT("1.0"), SEV_CANON_OLPC, scratch, &out), SEV_E_JSON_NUMBER);
    CHECK_ERR(sev_json_canonical(SEV_EMPTY, SEV_CANON_OLPC, scratch, &out), SEV_E_JSON_SYNTAX);
    CHECK_EQ(out.len, 0);
}

TEST(json_canonical__room_of_every_size__limit_or_the_whole_and_never_beside_it)
{
    sev_slice doc = SEV_LIT("{ \"b\":[1,\"\\u00e9\\n\"], \"a\":{\"y\":true,\"x\":null} }");
    sev_buf whole = sev_buf_of(memory, sizeof memory);
    CHECK_OK(sev_json_canonical(doc, SEV_CANON_ASCII, scratch, &whole));
    for (size_t room = 0; room <= whole.len + 1; room++) {
        uint8_t *exact = malloc(room + 1);
        sev_buf out = sev_buf_of(exact + 1, room);
        sev_err e = sev_json_canonical(doc, SEV_CANON_ASCII, scratch, &out);
        bool same = sev_slice_eq(sev_buf_slice(&out), sev_buf_slice(&whole));
        size_t len = out.len;
        free(exact);
        CHECK_ERR(e, room < whole.len ? SEV_E_JSON_LIMIT : SEV_OK);
        CHECK(room < whole.len ? len == 0 : same);
    }
}

TEST(json_canonical__output_with_something_in_it__appended)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_buf_put_byte(&out, '>');
    CHECK_OK(sev_json_canonical(SEV_LIT("{\"b\":1,\"a\":2}"), SEV_CANON_OLPC, scratch, &out));
    CHECK_OK(sev_json_canonical(SEV_LIT("3"), SEV_CANON_OLPC, scratch, &out));
    CHECK_TEXT(sev_buf_slice(&out), ">{\"a\":2,\"b\":1}3");
    out.overflow = true;
    CHECK_ERR(sev_json_canonical(SEV_LIT("3"), SEV_CANON_OLPC, scratch, &out), SEV_E_JSON_LIMIT);
}

TEST(json_equal__pairs_that_differ__are_not_equal)
{
    static const char *const pairs[][2] = {
        {"1", "2"},
        {"1", "\"1\""},
        {"true", "false"},
        {"null", "false"},
        {"\"a\"", "\"b\""},
        {"\"a\"", "\"a\\u0000\""},
        {"[]", "{}"},
        {"[1,2]", "[2,1]"},
        {"[1]", "[1,1]"},
        {"[[]]", "[[],[]]"},
        {"{\"a\":1}", "{\"a\":2}"},
        {"{\"a\":1}", "{\"b\":1}"},
        {"{\"a\":1}", "{}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1}"},
        {"{\"a\":1,\"b\":2}", "{\"c\":3,\"b\":2,\"a\":1}"},
        {"{\"a\":{\"x\":[1,{\"y\":1}]},\"b\":1}", "{\"b\":1,\"a\":{\"x\":[1,{\"y\":2}]}}"},
        {"{\"a\":1,\"b\":1}", "{\"b\":1,\"c\":1}"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (size_t turn = 0; turn < 2; turn++) {
            const char *a = pairs[i][turn], *b = pairs[i][1 - turn];
            CHECK(!sev_json_equal(sev_slice_of(a, strlen(a)), sev_slice_of(b, strlen(b))));
            CHECK(sev_json_equal(sev_slice_of(a, strlen(a)), sev_slice_of(a, strlen(a))));
        }
}

TEST(json_equal__nested_and_out_of_order__equal)
{
    CHECK(sev_json_equal(SEV_LIT("{\"a\":{\"x\":1,\"y\":[{\"p\":1,\"q\":2}]},\"b\":3,\"c\":4}"),
                         SEV_LIT("{\"c\":4,\"a\":{\"y\":[{\"q\":2,\"p\":1}],\"x\":1},\"b\":3}")));
}

TEST(json_equal__nested_deeper_than_we_accept__not_equal)
{
    static const char deep[] = "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]";
    CHECK(!sev_json_equal(SEV_LIT("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"),
                          sev_slice_of(deep, sizeof deep - 1)));
    CHECK(sev_json_equal(SEV_LIT("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
                         sev_slice_of(deep + 1, sizeof deep - 3)));
}

/* Each level shows that it is out of order only behind a long value: a reader that begins anew
 * there doubles its work at each level. */
TEST(json_canonical__all_levels_out_of_order_at_their_end__work_stays_bounded)
{
    enum { LONG = 1000000 };
    char *text = malloc(LONG + 1024), *sorted = malloc(LONG + 1024);
    size_t n = 0, m = 0;
    for (int i = 0; i < SEV_JSON_DEPTH_MAX; i++) {
        n += (size_t)snprintf(text + n, 16, "{\"b\":");
        m += (size_t)snprintf(sorted + m, 16, "{\"a\":1,\"b\":");
    }
    text[n] = sorted[m] = '"';
    memset(text + n + 1, 'x', LONG);
    memset(sorted + m + 1, 'x', LONG);
    n += LONG + 1;
    m += LONG + 1;
    text[n++] = sorted[m++] = '"';
    for (int i = 0; i < SEV_JSON_DEPTH_MAX; i++) {
        n += (size_t)snprintf(text + n, 16, ",\"a\":1}");
        sorted[m++] = '}';
    }
    sev_slice doc = sev_slice_of(text, n), wanted = sev_slice_of(sorted, m);
    sev_buf out = sev_buf_of(malloc(LONG + 1024), LONG + 1024);
    clock_t start = clock();
    sev_err checked = sev_json_check(doc, scratch, NULL, NULL);
    sev_err written = sev_json_canonical(doc, SEV_CANON_JCS, scratch, &out);
    bool same = sev_json_equal(doc, wanted) && sev_slice_eq(sev_buf_slice(&out), wanted);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    free(text);
    free(sorted);
    free(out.ptr);
    CHECK_OK(checked);
    CHECK_OK(written);
    CHECK(same);
    CHECK(seconds < 5);
}
