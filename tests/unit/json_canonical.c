/* Canonical forms and equality. */
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
