/* The strict reader: what it accepts, what it refuses and why, and walks over what it accepted.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/json.h"
#include "test.h"

static uint32_t slots[64];
static const struct sev_json_scratch scratch = {slots, 64};
static const struct sev_json_scratch none = {NULL, 0};

static sev_err check(const char *text)
{
    return sev_json_check(sev_slice_of(text, strlen(text)), scratch, NULL, NULL);
}

static unsigned forms(const char *text)
{
    struct sev_json_info info = {99, 99};
    CHECK_OK(sev_json_check(sev_slice_of(text, strlen(text)), scratch, &info, NULL));
    return info.canonical;
}

TEST(json_check__whole_values__accepted)
{
    static const char *const good[] = {
        "{}",
        "[]",
        "\"\"",
        "0",
        "-1",
        "true",
        "false",
        "null",
        " [ 1 , 2 ] \n",
        "{\"a\":1,\"b\":[{\"c\":null}]}",
        "{\"b\":1,\"a\":2}",
        "9007199254740991",
        "-9007199254740991",
        "\"\\u00e9\\ud834\\udd1e\\n\\/\"",
        "\"\xc3\xa9\xf0\x9d\x84\x9e\"",
        "\"\\u0000\"",
        "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK_OK(check(good[i]));
}

TEST(json_check__what_we_refuse__is_refused_for_its_reason)
{
    static const struct {
        const char *text;
        sev_err why;
    } bad[] = {
        {"", SEV_E_JSON_SYNTAX},
        {" ", SEV_E_JSON_SYNTAX},
        {"{", SEV_E_JSON_SYNTAX},
        {"[1", SEV_E_JSON_SYNTAX},
        {"[1,]", SEV_E_JSON_SYNTAX},
        {"{\"a\":1,}", SEV_E_JSON_SYNTAX},
        {"{\"a\" 1}", SEV_E_JSON_SYNTAX},
        {"{\"a\"}", SEV_E_JSON_SYNTAX},
        {"{a:1}", SEV_E_JSON_SYNTAX},
        {"[}", SEV_E_JSON_SYNTAX},
        {"{]", SEV_E_JSON_SYNTAX},
        {"[1}", SEV_E_JSON_SYNTAX},
        {"{\"a\":1]", SEV_E_JSON_SYNTAX},
        {"[1 2]", SEV_E_JSON_SYNTAX},
        {"1 2", SEV_E_JSON_SYNTAX},
        {"{}x", SEV_E_JSON_SYNTAX},
        {"tru", SEV_E_JSON_SYNTAX},
        {"trux", SEV_E_JSON_SYNTAX},
        {"+1", SEV_E_JSON_SYNTAX},
        {"\xef\xbb\xbf{}", SEV_E_JSON_SYNTAX},
        {"\"", SEV_E_JSON_SYNTAX},
        {"\"a", SEV_E_JSON_SYNTAX},
        {"\"\n\"", SEV_E_JSON_SYNTAX},
        {"\"\\x\"", SEV_E_JSON_SYNTAX},
        {"\"\\u12g4\"", SEV_E_JSON_SYNTAX},
        {"\"\\u123", SEV_E_JSON_SYNTAX},
        {"\"\\\"", SEV_E_JSON_SYNTAX},
        {"\"\\ud800\"", SEV_E_JSON_UTF8},
        {"\"\\udc00\"", SEV_E_JSON_UTF8},
        {"\"\\ud800\\u0041\"", SEV_E_JSON_UTF8},
        {"\"\\udc00\\udc00\"", SEV_E_JSON_UTF8},
        {"\"\xff\"", SEV_E_JSON_UTF8},
        {"\"\xc0\x80\"", SEV_E_JSON_UTF8},
        {"\"\xed\xa0\x80\"", SEV_E_JSON_UTF8},
        {"\"\xf4\x90\x80\x80\"", SEV_E_JSON_UTF8},
        {"\"\xe2\x82\"", SEV_E_JSON_UTF8},
        {"-", SEV_E_JSON_NUMBER},
        {"-0", SEV_E_JSON_NUMBER},
        {"01", SEV_E_JSON_NUMBER},
        {"00", SEV_E_JSON_NUMBER},
        {"1.0", SEV_E_JSON_NUMBER},
        {"1e3", SEV_E_JSON_NUMBER},
        {"1E3", SEV_E_JSON_NUMBER},
        {"9007199254740992", SEV_E_JSON_NUMBER},
        {"-9007199254740992", SEV_E_JSON_NUMBER},
        {"10000000000000000", SEV_E_JSON_NUMBER},
        {"18446744073709551617", SEV_E_JSON_NUMBER},
        {"{\"a\":1,\"a\":2}", SEV_E_JSON_DUPLICATE},
        {"{\"a\":1,\"\\u0061\":2}", SEV_E_JSON_DUPLICATE},
        {"{\"a\":1,\"b\":1,\"a\":2}", SEV_E_JSON_DUPLICATE},
        {"{\"b\":{\"x\":1,\"a\":{}},\"a\":1,\"c\":1,\"b\":2}", SEV_E_JSON_DUPLICATE},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", SEV_E_JSON_DEPTH},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (check(bad[i].text) != bad[i].why)
            print_error("%s\n", bad[i].text);
        CHECK_ERR(check(bad[i].text), bad[i].why);
    }
}

TEST(json_check__flags__name_the_forms_that_hold)
{
    enum { O = SEV_CANON_OLPC, A = SEV_CANON_ASCII, J = SEV_CANON_JCS };
    CHECK_EQ(forms("{\"a\":[1,true,\"x\\\\\\\"\"],\"b\":{}}"), O | A | J);
    CHECK_EQ(forms("{\"b\":1,\"a\":2}"), 0);
    CHECK_EQ(forms("{\"a\": 1}"), 0);
    CHECK_EQ(forms("1 "), 0);
    CHECK_EQ(forms("\"\\n\""), A | J);
    CHECK_EQ(forms("\"\\u0001\""), A | J);
    CHECK_EQ(forms("\"\\u000a\""), 0);
    CHECK_EQ(forms("\"\\u001F\""), 0);
    CHECK_EQ(forms("\"\\u0041\""), 0);
    CHECK_EQ(forms("\"\\u007f\""), 0);
    CHECK_EQ(forms("\"\x7f/\""), O | A | J);
    CHECK_EQ(forms("\"\\/\""), 0);
    CHECK_EQ(forms("\"\xc3\xa9\""), O | J);
    CHECK_EQ(forms("\"\\u00e9\""), A);
    CHECK_EQ(forms("\"\\u00E9\""), 0);
    CHECK_EQ(forms("\"\\ud834\\udd1e\""), A);
    /* U+10000 comes after U+E000 as UTF-8, before it as UTF-16 */
    CHECK_EQ(forms("{\"\xee\x80\x80\":1,\"\xf0\x90\x80\x80\":2}"), O);
    CHECK_EQ(forms("{\"\xf0\x90\x80\x80\":1,\"\xee\x80\x80\":2}"), J);
}

TEST(json_check__too_little_scratch__limit)
{
    sev_slice doc = SEV_LIT("{\"b\":1,\"a\":2,\"c\":3}");
    CHECK_ERR(sev_json_check(doc, none, NULL, NULL), SEV_E_JSON_LIMIT);
    CHECK_ERR(sev_json_check(doc, (struct sev_json_scratch){slots, 2}, NULL, NULL),
              SEV_E_JSON_LIMIT);
    CHECK_OK(sev_json_check(doc, (struct sev_json_scratch){slots, 3}, NULL, NULL));
}

TEST(json_check__blanks_everywhere__accepted)
{
    struct sev_json_info info = {99, 99};
    sev_slice doc = SEV_LIT("\t{ \"a\"\n:\r1\t,\n\"b\" : [ ] , \"c\":[\n1 ,\r2 ] } \n");
    CHECK_OK(sev_json_check(doc, none, &info, NULL));
    CHECK_EQ(info.canonical, 0);
    CHECK_EQ(info.members, 3);
    CHECK_ERR(check("\v1"), SEV_E_JSON_SYNTAX);
    CHECK_ERR(check("1\xc2\xa0"), SEV_E_JSON_SYNTAX);
}

/* A string ends, or goes wrong, at every distance from the start and from the end of the bytes:
 * whatever number of bytes the scanner looks at together, this crosses its edges. */
TEST(json_check__strings_of_every_length__end_where_they_end)
{
    static const struct {
        const char *text;
        sev_err why;
    } cases[] = {
        {"", SEV_OK},
        {"\\\"", SEV_OK},
        {"\xc3\xa9", SEV_OK},
        {"\xf0\x9d\x84\x9e", SEV_OK},
        {"\\ud834\\udd1e", SEV_OK},
        {"\x1f", SEV_E_JSON_SYNTAX},
        {"\x01", SEV_E_JSON_SYNTAX},
        {"\x80", SEV_E_JSON_UTF8},
        {"\xff", SEV_E_JSON_UTF8},
        {"\xed\xa0\x80", SEV_E_JSON_UTF8},
        {"\\q", SEV_E_JSON_SYNTAX},
        {"\\ud834x", SEV_E_JSON_UTF8},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (size_t before = 0; before < 100; before++)
            for (size_t after = 0; after < 40; after += 1 + after / 9) {
                char text[256];
                size_t n = strlen(cases[k].text), offset = 999;
                memset(text, 'x', sizeof text);
                text[0] = '"';
                memcpy(text + 1 + before, cases[k].text, n);
                text[1 + before + n + after] = '"';
                size_t len = before + n + after + 2;
                uint8_t *exact = malloc(len);
                memcpy(exact, text, len);
                sev_slice doc = sev_slice_of(exact, len);
                sev_err e = sev_json_check(doc, none, NULL, &offset);
                sev_err cut = sev_json_check(sev_slice_sub(doc, 0, len - 1), none, NULL, NULL);
                free(exact);
                CHECK_ERR(e, cases[k].why);
                CHECK_EQ(offset, e == SEV_OK ? 999 : before + 1);
                CHECK(cut != SEV_OK);
            }
}

TEST(json_check__refusal__offset_says_where_and_info_is_untouched)
{
    static const struct {
        const char *text;
        size_t offset;
    } bad[] = {
        {"", 0},
        {"[1,x]", 3},
        {"[1,2", 4},
        {"{\"a\":1}}", 7},
        {"[1.5]", 1},
        {"{\"b\":1,\"a\":2,\"b\":3}", 13},
        {"[\"a\n\"]", 3},
        {"{\"a\":1,\"a\":2}", 7},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 16},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sev_json_info info = {99, 98};
        size_t offset = 77;
        sev_slice doc = sev_slice_of(bad[i].text, strlen(bad[i].text));
        CHECK(sev_json_check(doc, scratch, &info, &offset) != SEV_OK);
        CHECK_EQ(offset, bad[i].offset);
        CHECK_EQ(info.canonical, 99);
        CHECK_EQ(info.members, 98);
    }
}

TEST(json_check__depth_16_of_any_kind__accepted_and_17_refused)
{
    char text[400] = "";
    for (int depth = 1; depth <= 17; depth++) {
        size_t n = 0;
        for (int i = 0; i < depth; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, i % 2 ? "[" : "{\"a\":");
        n += (size_t)snprintf(text + n, sizeof text - n, "1");
        for (int i = depth; i-- > 0;)
            n += (size_t)snprintf(text + n, sizeof text - n, i % 2 ? "]" : "}");
        CHECK_ERR(check(text), depth <= SEV_JSON_DEPTH_MAX ? SEV_OK : SEV_E_JSON_DEPTH);
    }
    CHECK_ERR(check("[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]"), SEV_E_JSON_DEPTH);
    CHECK_ERR(check("[[[[[[[[[[[[[[[[[[[[["), SEV_E_JSON_DEPTH);
}

/* Else the first of two equal names would win in one reader and lose in another. */
TEST(json_check__member_twice__found_wherever_it_stands)
{
    static const char *const bad[] = {
        "{\"a\":1,\"a\":1}",
        "{\"c\":1,\"b\":1,\"a\":1,\"c\":1}",
        "{\"b\":1,\"a\":1,\"a\":1}",
        "{\"a\":1,\"c\":1,\"b\":1,\"d\":1,\"e\":1,\"b\":1}",
        "{\"\":1,\"\":1}",
        "{\"a/\":1,\"a\\/\":1}",
        "{\"\xc3\xa9\":1,\"\\u00e9\":1}",
        "{\"\xf0\x9d\x84\x9e\":1,\"\\ud834\\udd1e\":1}",
        "{\"\\u0000\":1,\"\\u0000\":1}",
        "[1,{\"z\":{\"b\":1,\"a\":{\"y\":1,\"x\":1,\"y\":2}}}]",
        "{\"z\":{\"b\":1,\"a\":1},\"y\":{\"d\":1,\"c\":1},\"z\":1}",
        "{\"b\":1,\"a\":{\"d\":1,\"c\":1,\"d\":2},\"c\":1}",
        "{ \"b\" : [ \"a\" , { } ] , \"a\" : \"b\" , \"b\" : null }",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(check(bad[i]), SEV_E_JSON_DUPLICATE);
}

TEST(json_check__member_twice_in_a_row__found_without_scratch)
{
    CHECK_ERR(sev_json_check(SEV_LIT("{\"a\":1,\"a\":2}"), none, NULL, NULL), SEV_E_JSON_DUPLICATE);
}

TEST(json_check__same_name_in_different_objects__accepted)
{
    CHECK_OK(check("{\"b\":{\"b\":1,\"a\":2},\"a\":{\"b\":1,\"a\":2}}"));
    CHECK_OK(check("[{\"b\":1,\"a\":1},{\"b\":1,\"a\":1}]"));
    CHECK_OK(check("{\"a\":1,\"a\\u0000\":2,\"aa\":3}"));
    CHECK_OK(check("{\"b\":1,\"a\":\"b\",\"c\":\"c\"}"));
}

TEST(json_check__four_gibibytes__limit)
{
    size_t offset = 99;
    sev_slice doc = {(const uint8_t *)"x", (size_t)UINT32_MAX + 1}; /* never read so far */
    CHECK_ERR(sev_json_check(doc, scratch, NULL, &offset), SEV_E_JSON_LIMIT);
    CHECK_EQ(offset, 0);
}

/* ------------------------------------------------------------------ cursor */

TEST(json_cursor__walks_an_object)
{
    sev_json j = sev_json_at(
        SEV_LIT(" { \"a\\u0062\" : -12 , \"l\":[true,\"x\"],\"s\":{\"}\":\"\\\"\"} } "));
    sev_json_str name, s;
    int64_t v = 0;
    bool b = false;
    sev_slice bytes;
    sev_json_object(&j);
    CHECK(sev_json_member(&j, &name));
    CHECK(sev_json_str_is(name, "ab"));
    sev_json_integer(&j, &v);
    CHECK_EQ(v, -12);
    CHECK(sev_json_member(&j, &name));
    sev_json_array(&j);
    CHECK(sev_json_element(&j));
    sev_json_bool(&j, &b);
    CHECK(b);
    CHECK(sev_json_element(&j));
    sev_json_string(&j, &s);
    CHECK(sev_json_str_is(s, "x"));
    CHECK(!sev_json_element(&j));
    CHECK(sev_json_member(&j, &name));
    sev_json_skip(&j, &bytes);
    CHECK_TEXT(bytes, "{\"}\":\"\\\"\"}");
    CHECK(!sev_json_member(&j, &name));
    CHECK_OK(j.err);
    CHECK_EQ(sev_json_peek(&j), SEV_JSON_NONE);
}

TEST(json_cursor__another_kind_than_stands_there__sticky_and_output_untouched)
{
    static const char *const values[] = {"{}", "[]", "\"x\"", "7", "true", "null"};
    for (size_t i = 0; i < 6; i++) {
        for (size_t asked = 0; asked < 5; asked++) {
            sev_json j = sev_json_at(sev_slice_of(values[i], strlen(values[i])));
            sev_json_str s = {SEV_LIT("untouched"), false};
            int64_t v = 99;
            bool b = true;
            if (asked == 0)
                sev_json_object(&j);
            else if (asked == 1)
                sev_json_array(&j);
            else if (asked == 2)
                sev_json_string(&j, &s);
            else if (asked == 3)
                sev_json_integer(&j, &v);
            else
                sev_json_bool(&j, &b);
            if (asked == i)
                continue;
            CHECK_ERR(j.err, SEV_E_MALFORMED);
            CHECK_EQ(j.pos, 0);
            CHECK_TEXT(s.raw, "untouched");
            CHECK_EQ(v, 99);
            CHECK(b);
        }
    }
}

TEST(json_cursor__after_an_error__yields_nothing)
{
    sev_json j = sev_json_at(SEV_LIT("[1,{\"a\":true}]"));
    sev_json_str s = {SEV_LIT("untouched"), false};
    sev_slice bytes = SEV_LIT("untouched");
    int64_t v = 99;
    sev_json_fail(&j, SEV_E_EXPIRED);
    sev_json_fail(&j, SEV_E_BUG); /* the first one stays */
    sev_json_array(&j);
    CHECK(!sev_json_element(&j));
    CHECK(!sev_json_member(&j, &s));
    sev_json_integer(&j, &v);
    sev_json_string(&j, &s);
    sev_json_skip(&j, &bytes);
    CHECK_EQ(sev_json_peek(&j), SEV_JSON_NONE);
    CHECK_ERR(j.err, SEV_E_EXPIRED);
    CHECK_EQ(j.pos, 0);
    CHECK_EQ(v, 99);
    CHECK_TEXT(s.raw, "untouched");
    CHECK_TEXT(bytes, "untouched");
}

TEST(json_cursor__integer_outside_the_range_asked_for__malformed)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"0", false}, {"1", true}, {"64", true}, {"65", false}, {"-1", false}};
    for (size_t i = 0; i < 5; i++) {
        sev_json j = sev_json_at(sev_slice_of(cases[i].text, strlen(cases[i].text)));
        int64_t v = 99;
        sev_json_integer_in(&j, 1, 64, &v);
        CHECK_ERR(j.err, cases[i].good ? SEV_OK : SEV_E_MALFORMED);
        CHECK(cases[i].good == (v != 99));
    }
    sev_json j = sev_json_at(SEV_LIT("-9007199254740991"));
    int64_t v = 0;
    sev_json_integer(&j, &v);
    CHECK_OK(j.err);
    CHECK_EQ(v, -9007199254740991);
}

/* Checked bytes never look like this; a cursor on others must stop with an error. */
TEST(json_cursor__unchecked_bytes__error_and_no_read_outside)
{
    static const char *const bad[] = {
        "",          "{",
        "[",         "\"",
        "\"a",       "\"\\",
        "\"\\\"",    "{\"a\"",
        "{\"a",      "{\"a\":",
        "{\"a\"}",   "{a:1}",
        "{1:1}",     "[[",
        "{\"a\":[}", "-",
        "tru",       "fals",
        "{\"a\":{",  "[\"a\",",
        "[1,",       "9007199254740992",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = strlen(bad[i]);
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, bad[i], len);
        uint8_t *tight = realloc(exact, len == 0 ? 1 : len);
        sev_json j = sev_json_at(sev_slice_of(tight, len));
        sev_json_str s;
        int64_t v;
        bool b;
        switch (sev_json_peek(&j)) {
        case SEV_JSON_OBJECT:
            sev_json_object(&j);
            while (sev_json_member(&j, &s))
                sev_json_skip(&j, NULL);
            break;
        case SEV_JSON_ARRAY:
            sev_json_array(&j);
            while (sev_json_element(&j))
                sev_json_skip(&j, NULL);
            break;
        case SEV_JSON_BOOL:
            sev_json_bool(&j, &b);
            break;
        case SEV_JSON_INTEGER:
            sev_json_integer(&j, &v);
            break;
        default:
            sev_json_string(&j, &s);
        }
        sev_err e = j.err;
        free(tight);
        CHECK_ERR(e, SEV_E_MALFORMED);
    }
}

TEST(json_cursor__skip__gives_the_exact_bytes)
{
    static const char *const values[] = {
        "{}",
        "[]",
        "\"\"",
        "0",
        "-12",
        "true",
        "false",
        "null",
        "\"]}\\\"[{\"",
        "[[[]]]",
        "{\"a\":[1,{\"b\":\"}\"}],\"c\":\"\\\\\"}",
        "[\"\\\\\",\"\\\"\",{\"]\":\"[\"}]",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[128];
        sev_slice got = SEV_EMPTY;
        int n = snprintf(text, sizeof text, " [\n%s\t, 5 ] ", values[i]);
        sev_json j = sev_json_at(sev_slice_of(text, (size_t)n));
        sev_json_array(&j);
        CHECK(sev_json_element(&j));
        sev_json_skip(&j, &got);
        CHECK_SLICE(got, sev_slice_of(values[i], strlen(values[i])));
        CHECK(sev_json_element(&j));
        sev_json_skip(&j, &got);
        CHECK_TEXT(got, "5");
        CHECK(!sev_json_element(&j));
        CHECK_OK(j.err);
    }
}

/* A long value, its end at every place of the blocks that the scanner looks at together. */
TEST(json_cursor__skip_over_long_values__ends_at_their_end)
{
    static const char *const pieces[] = {"[\"x]\\\"\"]", "{\"a\":\"\\\\\"}", "\"\\\\\\\"[\"",
                                         "123"};
    for (size_t piece = 0; piece < 4; piece++)
        for (size_t count = 1; count < 60; count++)
            for (size_t pad = 0; pad < 3; pad++) {
                char text[1024] = "[";
                size_t n = 1;
                for (size_t i = 0; i < count; i++)
                    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%.*s", i > 0 ? "," : "",
                                          pieces[piece], (int)pad, "  ");
                text[n++] = ']';
                size_t end = n;
                n += (size_t)snprintf(text + n, sizeof text - n, "]]]}\"\\");
                uint8_t *exact = malloc(n);
                memcpy(exact, text, n);
                sev_json j = sev_json_at(sev_slice_of(exact, n));
                sev_json_skip(&j, NULL);
                sev_json cut = sev_json_at(sev_slice_of(exact, end - 1));
                sev_json_skip(&cut, NULL);
                free(exact);
                CHECK_OK(j.err);
                CHECK_EQ(j.pos, end);
                CHECK_ERR(cut.err, SEV_E_MALFORMED);
            }
}

TEST(json_cursor__get__finds_the_member_or_nothing)
{
    sev_slice doc = SEV_LIT("{\"a\":1,\"b\":{\"c\":2},\"\\u0063\":[3],\"d\":\"\"}");
    CHECK_TEXT(sev_json_get(doc, "a"), "1");
    CHECK_TEXT(sev_json_get(doc, "b"), "{\"c\":2}");
    CHECK_TEXT(sev_json_get(doc, "c"), "[3]");
    CHECK_TEXT(sev_json_get(doc, "d"), "\"\"");
    CHECK_EQ(sev_json_get(doc, "e").len, 0);
    CHECK_EQ(sev_json_get(doc, "").len, 0);
    CHECK_EQ(sev_json_get(SEV_LIT("[1]"), "a").len, 0);
    CHECK_EQ(sev_json_get(SEV_EMPTY, "a").len, 0);
}

/* ----------------------------------------------------------------- strings */

static sev_json_str str(const char *quoted)
{
    sev_json j = sev_json_at(sev_slice_of(quoted, strlen(quoted)));
    sev_json_str s = {SEV_EMPTY, false};
    sev_json_string(&j, &s);
    CHECK_OK(j.err);
    return s;
}

TEST(json_string__escaped_or_not__compared_by_meaning)
{
    CHECK(sev_json_str_is(str("\"abc\""), "abc"));
    CHECK(!sev_json_str_is(str("\"abc\""), "ab"));
    CHECK(!sev_json_str_is(str("\"abc\""), "abcd"));
    CHECK(!sev_json_str_is(str("\"\""), "a"));
    CHECK(sev_json_str_is(str("\"\""), ""));
    CHECK(sev_json_str_is(str("\"\\u0061b\\n\""), "ab\n"));
    CHECK(!sev_json_str_is(str("\"\\u0061b\\n\""), "ab"));
    CHECK(!sev_json_str_is(str("\"\\u0061b\""), "ab\n"));
    CHECK(!sev_json_str_is(str("\"a\\u0000\""), "a"));
    CHECK(sev_json_str_eq_slice(str("\"a\\u0000\""), sev_slice_of("a", 2)));
    CHECK(sev_json_str_eq(str("\"\\ud834\\udd1e\""), str("\"\xf0\x9d\x84\x9e\"")));
    CHECK(!sev_json_str_eq(str("\"a\""), str("\"b\"")));
    CHECK(sev_json_str_cmp(str("\"a\""), str("\"\\u0062\"")) < 0);
    CHECK(sev_json_str_cmp(str("\"\\u0062\""), str("\"a\"")) > 0);
    CHECK(sev_json_str_cmp(str("\"\\u0061\""), str("\"ab\"")) < 0);
    CHECK(sev_json_str_cmp(str("\"ab\""), str("\"\\u0061\"")) > 0);
    CHECK(sev_json_str_cmp(str("\"\\ue000\""), str("\"\\ud800\\udc00\"")) < 0);
}

TEST(json_string__copy__unescapes_or_leaves_the_output_alone)
{
    uint8_t memory[16];
    sev_buf out = sev_buf_of(memory, 9);
    sev_json_str s = str("\"\\b\\f\\n\\r\\t\\/\\\"\\\\x\"");
    CHECK_EQ(sev_json_str_len(s), 9);
    CHECK_OK(sev_json_str_copy(s, &out));
    CHECK_TEXT(sev_buf_slice(&out), "\b\f\n\r\t/\"\\x");
    CHECK_ERR(sev_json_str_copy(str("\"y\""), &out), SEV_E_JSON_LIMIT);
    CHECK_ERR(sev_json_str_copy(str("\"\\u0079\""), &out), SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 9);
    CHECK(!out.overflow);
    out = sev_buf_of(memory, 3);
    CHECK_ERR(sev_json_str_copy(str("\"\\ud834\\udd1e\""), &out), SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    CHECK_EQ(sev_json_str_len(str("\"\\u00e9\\u20ac\\ud834\\udd1e\"")), 9);
}
