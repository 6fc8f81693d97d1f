/* The writer. */
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
