/* The writer: canonical by construction, and our own mistakes are found.
 * SPDX-License-Identifier: MIT */
#include "secureev/json.h"
#include "test.h"

static uint8_t memory[4096];

TEST(json_writer__nested_value__is_canonical)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("a"));
    sev_json_w_array(&w);
    sev_json_w_integer(&w, -5);
    sev_json_w_null(&w);
    sev_json_w_raw(&w, SEV_LIT("{\"x\":1}"));
    sev_json_w_object(&w);
    sev_json_w_object_end(&w);
    sev_json_w_array_end(&w);
    sev_json_w_bool_member(&w, "b", true);
    sev_json_w_integer_member(&w, "c", 7);
    sev_json_w_string_member(&w, "d", SEV_LIT("x\n\"\\"));
    sev_json_w_object_end(&w);
    CHECK_OK(sev_json_w_end(&w));
    CHECK_TEXT(sev_buf_slice(&out),
               "{\"a\":[-5,null,{\"x\":1},{}],\"b\":true,\"c\":7,\"d\":\"x\\n\\\"\\\\\"}");
}

TEST(json_writer__members_out_of_order__our_bug)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_object(&w);
    sev_json_w_bool_member(&w, "b", true);
    sev_json_w_bool_member(&w, "a", true);
    sev_json_w_object_end(&w);
    CHECK_ERR(sev_json_w_end(&w), SEV_E_BUG);
}

/* Each letter is one call; the value of the name is what follows it. */
static sev_err play(const char *calls, sev_slice *out_written)
{
    static sev_buf out;
    out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    for (const char *c = calls; *c != '\0'; c++) {
        if (*c == '{')
            sev_json_w_object(&w);
        else if (*c == '}')
            sev_json_w_object_end(&w);
        else if (*c == '[')
            sev_json_w_array(&w);
        else if (*c == ']')
            sev_json_w_array_end(&w);
        else if (*c >= 'a' && *c <= 'z')
            sev_json_w_name(&w, sev_slice_of(c, 1));
        else if (*c == 'N')
            sev_json_w_null(&w);
        else if (*c == 'T')
            sev_json_w_bool(&w, true);
        else if (*c == 'S')
            sev_json_w_string(&w, SEV_LIT("s"));
        else if (*c == 'R')
            sev_json_w_raw(&w, SEV_LIT("[1]"));
        else
            sev_json_w_integer(&w, *c - '0');
    }
    sev_err e = sev_json_w_end(&w);
    *out_written = sev_buf_slice(&out);
    return e;
}

TEST(json_writer__calls_in_order__one_value)
{
    static const char *const good[][2] = {
        {"1", "1"},
        {"N", "null"},
        {"S", "\"s\""},
        {"R", "[1]"},
        {"{}", "{}"},
        {"[]", "[]"},
        {"[1[]2{}T]", "[1,[],2,{},true]"},
        {"{a1b{}c[]dR}", "{\"a\":1,\"b\":{},\"c\":[],\"d\":[1]}"},
        {"{a{b1}c{a1}}", "{\"a\":{\"b\":1},\"c\":{\"a\":1}}"},
        {"[{b1}{a1}]", "[{\"b\":1},{\"a\":1}]"},
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        sev_slice written;
        CHECK_OK(play(good[i][0], &written));
        CHECK_SLICE(written, sev_slice_of(good[i][1], strlen(good[i][1])));
    }
}

TEST(json_writer__calls_that_make_no_value__our_bug)
{
    static const char *const bad[] = {
        "",    "{",    "[",       "{a",  "{a}",   "}",       "]",      "{]",     "[}",   "11",
        "{}1", "a",    "[a]",     "{1}", "{ab1}", "{a1a1}",  "{b1a1}", "1{}",    "[1]]", "{a11}",
        "{}}", "{[}]", "{b{}a1}", "{a1", "[[]",   "{c1b{}}", "NN",     "{a[b]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sev_slice written;
        if (play(bad[i], &written) != SEV_E_BUG)
            fail_msg("%s", bad[i]);
    }
}

TEST(json_writer__too_deep__refused)
{
    sev_slice written;
    CHECK_ERR(play("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", &written), SEV_E_JSON_DEPTH);
}

/* What comes from outside must not become an unreadable document of ours. */
TEST(json_writer__values_that_are_not_json__refused)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_string(&w, SEV_LIT("a\xff"));
    CHECK_ERR(sev_json_w_end(&w), SEV_E_JSON_UTF8);

    static const int64_t numbers[] = {9007199254740992, -9007199254740992, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        out = sev_buf_of(memory, sizeof memory);
        w = sev_json_writer_to(&out);
        sev_json_w_integer(&w, numbers[i]);
        CHECK_ERR(sev_json_w_end(&w), SEV_E_JSON_NUMBER);
    }

    static const struct {
        const char *text;
        sev_err why;
    } raw[] = {{"", SEV_E_JSON_SYNTAX},
               {"[1", SEV_E_JSON_SYNTAX},
               {" 1", SEV_E_NOT_CANONICAL},
               {"{\"b\":1,\"a\":1}", SEV_E_JSON_LIMIT},
               {"\"\\/\"", SEV_E_NOT_CANONICAL}};
    for (size_t i = 0; i < 5; i++) {
        out = sev_buf_of(memory, sizeof memory);
        w = sev_json_writer_to(&out);
        sev_json_w_raw(&w, sev_slice_of(raw[i].text, strlen(raw[i].text)));
        CHECK_ERR(sev_json_w_end(&w), raw[i].why);
        CHECK_EQ(out.len, 0);
    }
}

TEST(json_writer__extreme_integers__written)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_array(&w);
    sev_json_w_integer(&w, 9007199254740991);
    sev_json_w_integer(&w, -9007199254740991);
    sev_json_w_integer(&w, 0);
    sev_json_w_array_end(&w);
    CHECK_OK(sev_json_w_end(&w));
    CHECK_TEXT(sev_buf_slice(&out), "[9007199254740991,-9007199254740991,0]");
}

TEST(json_writer__names_with_escapes__ordered_by_meaning)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_object(&w);
    sev_json_w_name(&w, SEV_LIT("\n"));
    sev_json_w_null(&w);
    sev_json_w_name(&w, SEV_LIT("\""));
    sev_json_w_null(&w);
    sev_json_w_name(&w, SEV_LIT("\\"));
    sev_json_w_null(&w);
    sev_json_w_name(&w, SEV_LIT("a"));
    sev_json_w_null(&w);
    sev_json_w_object_end(&w);
    CHECK_OK(sev_json_w_end(&w));
    CHECK_TEXT(sev_buf_slice(&out), "{\"\\n\":null,\"\\\"\":null,\"\\\\\":null,\"a\":null}");
}

TEST(json_writer__no_room__limit_and_the_first_error_stays)
{
    for (size_t room = 0; room < 14; room++) {
        sev_buf out = sev_buf_of(memory, room);
        sev_json_writer w = sev_json_writer_to(&out);
        sev_json_w_object(&w);
        sev_json_w_string_member(&w, "a", SEV_LIT("\n"));
        sev_json_w_integer_member(&w, "b", 1);
        sev_json_w_object_end(&w);
        CHECK_ERR(sev_json_w_end(&w), SEV_E_JSON_LIMIT);
    }
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_integer(&w, INT64_MAX);
    sev_json_w_object_end(&w);
    CHECK_ERR(sev_json_w_end(&w), SEV_E_JSON_NUMBER);
}

TEST(json_writer__after_something_else__appends)
{
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_buf_put_byte(&out, 'x');
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json_w_object(&w);
    sev_json_w_bool_member(&w, "a", false);
    sev_json_w_bool_member(&w, "b", true);
    sev_json_w_object_end(&w);
    CHECK_OK(sev_json_w_end(&w));
    CHECK_TEXT(sev_buf_slice(&out), "x{\"a\":false,\"b\":true}");
}
