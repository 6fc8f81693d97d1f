/* The strict reader: what it accepts, what it refuses and why, and walks over what it accepted. */
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
