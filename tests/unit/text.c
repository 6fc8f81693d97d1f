/* hex, base64, PEM, time, names, patterns. */
#include "secureev/text.h"
#include "test.h"

static uint8_t memory[4096];

static sev_buf fresh(void)
{
    return sev_buf_of(memory, sizeof memory);
}

TEST(hex__both_ways)
{
    sev_buf out = fresh();
    CHECK_OK(sev_hex_decode(SEV_LIT("00fFa9"), &out));
    CHECK_SLICE(sev_buf_slice(&out), sev_slice_of("\x00\xff\xa9", 3));
    sev_buf text = sev_buf_of(memory + 100, 100);
    sev_hex_encode(sev_buf_slice(&out), &text);
    CHECK_TEXT(sev_buf_slice(&text), "00ffa9");
    CHECK_ERR(sev_hex_decode(SEV_LIT("0"), &out), SEV_E_MALFORMED);
    CHECK_ERR(sev_hex_decode(SEV_LIT("0g"), &out), SEV_E_MALFORMED);
}

TEST(base64__rfc4648_examples__both_ways)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < 7; i++) {
        sev_buf out = fresh();
        sev_base64_encode(sev_slice_of(plain[i], strlen(plain[i])), &out);
        CHECK_SLICE(sev_buf_slice(&out), sev_slice_of(coded[i], strlen(coded[i])));
        out = fresh();
        CHECK_OK(sev_base64_decode(sev_slice_of(coded[i], strlen(coded[i])), &out));
        CHECK_SLICE(sev_buf_slice(&out), sev_slice_of(plain[i], strlen(plain[i])));
    }
}

TEST(base64__another_spelling__refused)
{
    static const char *const bad[] = {"Z",    "Zg",    "Zg=",   "Zh==",     "Zm9=",  "Zm9v\n",
                                      "====", "Z===",  "=Zg=",  "Zg==Zg==", "Zm9v=", "Zm-_",
                                      "Zg=a", "Zg==a", " Zg==", "Zm9vZg==="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sev_buf out = fresh();
        CHECK_ERR(sev_base64_decode(sev_slice_of(bad[i], strlen(bad[i])), &out), SEV_E_MALFORMED);
        CHECK_EQ(out.len, 0);
    }
}

TEST(pem__both_ways)
{
    uint8_t der[100] = {1, 2, 3};
    sev_buf text = fresh();
    sev_buf back = sev_buf_of(memory + 1000, 1000);
    sev_pem_encode(sev_slice_of(der, sizeof der), "PUBLIC KEY", &text);
    CHECK_OK(sev_pem_decode(sev_buf_slice(&text), "PUBLIC KEY", &back));
    CHECK_SLICE(sev_buf_slice(&back), sev_slice_of(der, sizeof der));
    CHECK_ERR(sev_pem_decode(sev_buf_slice(&text), "PRIVATE KEY", &back), SEV_E_MALFORMED);
}

TEST(time__both_ways)
{
    sev_time t = 0;
    sev_buf out = fresh();
    CHECK_OK(sev_time_parse(SEV_LIT("2024-02-29T12:34:56Z"), &t));
    CHECK_EQ(t, 1709210096);
    sev_time_format(t, &out);
    CHECK_TEXT(sev_buf_slice(&out), "2024-02-29T12:34:56Z");
    CHECK_ERR(sev_time_parse(SEV_LIT("2023-02-29T12:34:56Z"), &t), SEV_E_MALFORMED);
    CHECK_ERR(sev_time_parse(SEV_LIT("2024-13-01T12:34:56Z"), &t), SEV_E_MALFORMED);
}

TEST(pattern__stars_stay_inside_a_component)
{
    CHECK(sev_pattern_match(SEV_LIT("a/*.bin"), SEV_LIT("a/fw-1.bin")));
    CHECK(!sev_pattern_match(SEV_LIT("*.bin"), SEV_LIT("a/fw-1.bin")));
    CHECK(!sev_pattern_match(SEV_LIT("a/*"), SEV_LIT("a")));
    CHECK(sev_pattern_match(SEV_LIT("?/fw"), SEV_LIT("a/fw")));
}

TEST(name__that_leaves_its_folder__is_not_clean)
{
    CHECK(sev_name_is_clean(SEV_LIT("supplier/fw-1.bin")));
    CHECK(!sev_name_is_clean(SEV_LIT("../fw")));
    CHECK(!sev_name_is_clean(SEV_LIT("/fw")));
    CHECK(!sev_name_is_clean(SEV_LIT("a//b")));
    CHECK(!sev_name_is_clean(SEV_LIT("C:fw")));
    CHECK(!sev_name_is_clean(SEV_LIT("a\\b")));
}

TEST(utf8__nfc)
{
    CHECK(sev_utf8_is_nfc(SEV_LIT("caf\xc3\xa9")));
    CHECK(!sev_utf8_is_nfc(SEV_LIT("cafe\xcc\x81")));
}
