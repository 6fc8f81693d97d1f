/* hex, base64, PEM, time, decimal, percent: both ways, and every other spelling refused.
 * SPDX-License-Identifier: MIT */
#include "secureev/text.h"
#include "test.h"

static uint8_t memory[4096];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static sev_buf fresh(void)
{
    return sev_buf_of(memory, sizeof memory);
}

static sev_slice of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* ------------------------------------------------------------------------------------- hex */

TEST(hex__every_byte__both_ways)
{
    uint8_t bytes[256];
    char expected[513];
    sev_buf out = fresh(), back = sev_buf_of(memory + 1000, 256);
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
        snprintf(expected + 2 * i, 3, "%02x", i);
    }
    sev_hex_encode(sev_slice_of(bytes, 256), &out);
    CHECK_SLICE(sev_buf_slice(&out), of(expected));
    CHECK_OK(sev_hex_decode(sev_buf_slice(&out), &back));
    CHECK_SLICE(sev_buf_slice(&back), sev_slice_of(bytes, 256));
}

TEST(hex__either_case__decoded_and_appended)
{
    sev_buf out = fresh();
    CHECK_OK(sev_hex_decode(SEV_LIT("0aFf"), &out));
    CHECK_OK(sev_hex_decode(SEV_LIT("c0"), &out));
    CHECK_OK(sev_hex_decode(SEV_EMPTY, &out));
    CHECK_SLICE(sev_buf_slice(&out), sev_slice_of("\x0a\xff\xc0", 3));
}

TEST(hex__odd_or_foreign__refused_and_output_untouched)
{
    static const char *const bad[] = {"0", "abc", "0g", "g0", "0x", " 0", "-1", "0\xff", "00:1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        sev_buf out = fresh();
        CHECK_ERR(sev_hex_decode(of(bad[i]), &out), SEV_E_MALFORMED);
        CHECK_EQ(out.len, 0);
        CHECK(!out.overflow);
    }
}

TEST(hex__no_room__nothing_written)
{
    sev_buf out = sev_buf_of(memory, 3);
    CHECK_ERR(sev_hex_decode(SEV_LIT("00112233"), &out), SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    sev_hex_encode(SEV_LIT("ab"), &out);
    CHECK(out.overflow);
    CHECK_EQ(out.len, 0);
    sev_hex_encode(SEV_LIT("a"), &out);
    CHECK_EQ(out.len, 0); /* it sticks */
    CHECK_ERR(sev_hex_decode(SEV_LIT("00"), &out), SEV_E_JSON_LIMIT);
}

/* ---------------------------------------------------------------------------------- base64 */

TEST(base64__rfc4648_examples__both_ways)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < COUNT(plain); i++) {
        sev_buf out = fresh();
        sev_base64_encode(of(plain[i]), &out);
        CHECK_SLICE(sev_buf_slice(&out), of(coded[i]));
        out = fresh();
        CHECK_OK(sev_base64_decode(of(coded[i]), &out));
        CHECK_SLICE(sev_buf_slice(&out), of(plain[i]));
    }
}

TEST(base64__every_character__both_ways)
{
    const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    sev_buf out = fresh(), back = sev_buf_of(memory + 1000, 1000);
    CHECK_OK(sev_base64_decode(of(all), &out));
    CHECK_EQ(out.len, 48);
    CHECK_EQ(out.ptr[0], 0x00);
    CHECK_EQ(out.ptr[1], 0x10);
    CHECK_EQ(out.ptr[47], 0xBF);
    sev_base64_encode(sev_buf_slice(&out), &back);
    CHECK_SLICE(sev_buf_slice(&back), of(all));
}

TEST(base64__another_spelling__refused_and_output_untouched)
{
    static const char *const bad[] = {"Z",        "Zg",    "Zg=",    "Zh==",     "Zm9=",  "Zm9v\n",
                                      "====",     "Z===",  "=Zg=",   "Zg==Zg==", "Zm9v=", "Zm-_",
                                      "Zg=a",     "Zg==a", " Zg==",  "Zm9vZg==", "Zm9vZ", "Zg==\n",
                                      "Zm9v====", "Z=g=",  "Zm\xff="};
    for (size_t i = 0; i < COUNT(bad); i++) {
        sev_buf out = fresh();
        sev_buf_put_byte(&out, 'x');
        sev_err e = sev_base64_decode(of(bad[i]), &out);
        if (strcmp(bad[i], "Zm9vZg==") == 0) { /* the one good among them */
            CHECK_OK(e);
            CHECK_TEXT(sev_buf_slice(&out), "xfoof");
            continue;
        }
        CHECK_ERR(e, SEV_E_MALFORMED);
        CHECK_TEXT(sev_buf_slice(&out), "x");
    }
}

/* Every text of four characters of this alphabet: accepted means it is the one spelling. */
TEST(base64__all_short_texts__accepted_means_the_one_spelling)
{
    static const char letters[] = "AQgw/+B=-9";
    size_t accepted = 0;
    for (unsigned n = 0; n < 10000; n++) {
        char text[5] = {letters[n % 10], letters[n / 10 % 10], letters[n / 100 % 10],
                        letters[n / 1000], 0};
        sev_buf out = fresh(), again = sev_buf_of(memory + 100, 100);
        if (sev_base64_decode(of(text), &out) != SEV_OK)
            continue;
        accepted++;
        sev_base64_encode(sev_buf_slice(&out), &again);
        CHECK_SLICE(sev_buf_slice(&again), of(text));
    }
    /* 8 letters are values; of them A Q g w end in four zero bits, and all but B / 9 + in two */
    CHECK_EQ(accepted, 8 * 8 * 8 * 8 + 8 * 8 * 4 + 8 * 4);
}

TEST(base64__no_room__nothing_written)
{
    sev_buf out = sev_buf_of(memory, 3);
    CHECK_ERR(sev_base64_decode(SEV_LIT("Zm9vYg=="), &out), SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    CHECK(!out.overflow);
    sev_base64_encode(SEV_LIT("f"), &out);
    CHECK(out.overflow);
    CHECK_EQ(out.len, 0);
    CHECK_ERR(sev_base64_decode(SEV_LIT("Zm9v"), &out), SEV_E_JSON_LIMIT);
}

/* ------------------------------------------------------------------------------------- PEM */

static const char pem[] = "-----BEGIN PUBLIC KEY-----\nZm9vYmFy\nZm8=\n-----END PUBLIC KEY-----\n";

static sev_err decode_pem(const char *text, const char *label)
{
    sev_buf out = fresh();
    sev_err e = sev_pem_decode(of(text), label, &out);
    if (e == SEV_OK)
        CHECK_TEXT(sev_buf_slice(&out), "foobarfo");
    else
        CHECK_EQ(out.len, 0);
    return e;
}

TEST(pem__every_length__both_ways)
{
    uint8_t der[200];
    memset(der, 0x5A, sizeof der);
    for (size_t n = 0; n <= sizeof der; n++) {
        sev_buf text = fresh(), back = sev_buf_of(memory + 1000, sizeof der);
        sev_pem_encode(sev_slice_of(der, n), "X", &text);
        CHECK(!text.overflow);
        CHECK_OK(sev_pem_decode(sev_buf_slice(&text), "X", &back));
        CHECK_SLICE(sev_buf_slice(&back), sev_slice_of(der, n));
    }
}

TEST(pem__encoded__has_lines_of_64)
{
    uint8_t der[50] = {0};
    sev_buf text = fresh();
    sev_pem_encode(sev_slice_of(der, sizeof der), "KEY", &text);
    CHECK_TEXT(sev_buf_slice(&text),
               "-----BEGIN KEY-----\n"
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
               "AAA=\n-----END KEY-----\n");
}

TEST(pem__line_breaks_and_blanks_around_lines__accepted)
{
    static const char *const good[] = {
        pem,
        "\n \r\n  -----BEGIN PUBLIC KEY-----\r\nZm9v\r\n\tYmFy \n\n Zm8= \n-----END PUBLIC "
        "KEY-----",
        "-----BEGIN PUBLIC KEY-----\nZ\nm9vY\nmFyZm8=\n-----END PUBLIC KEY-----\n\n \t\r\n",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        CHECK_OK(decode_pem(good[i], "PUBLIC KEY"));
}

TEST(pem__anything_else__refused)
{
    static const char two[] = "-----BEGIN PUBLIC KEY-----\nZm9v\n-----END PUBLIC KEY-----\n"
                              "-----BEGIN PUBLIC KEY-----\nZm9v\n-----END PUBLIC KEY-----\n";
    static const char *const bad[] = {
        "",
        "Zm9vYmFyZm8=",
        "x\n-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n-----END PUBLIC KEY-----\nx",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n-----END PUBLIC KEY----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY----\nZm9vYmFyZm8=\n-----END PUBLIC KEY-----\n",
        "----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY----- Zm9vYmFyZm8=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9v YmFyZm8=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm8\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm9vYmFyZm9=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nZm8=Zm8=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nKey: x\n\nZm9vYmFyZm8=\n-----END PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_ERR(decode_pem(bad[i], "PUBLIC KEY"), SEV_E_MALFORMED);
    CHECK_ERR(decode_pem(two, "PUBLIC KEY"), SEV_E_MALFORMED);
    CHECK_ERR(decode_pem(pem, "PRIVATE KEY"), SEV_E_MALFORMED);
    CHECK_ERR(decode_pem(pem, "PUBLIC"), SEV_E_MALFORMED);
    CHECK_ERR(decode_pem(pem, ""), SEV_E_MALFORMED);
}

TEST(pem__no_room__limit_and_output_untouched)
{
    sev_buf out = sev_buf_of(memory, 7);
    CHECK_ERR(sev_pem_decode(of(pem), "PUBLIC KEY", &out), SEV_E_JSON_LIMIT);
    CHECK_EQ(out.len, 0);
    CHECK(!out.overflow);
}

/* ------------------------------------------------------------------------------------ time */

static void check_second(int year, int month, int day, sev_time expected)
{
    char text[64];
    sev_time parsed = 0;
    sev_buf out = fresh();
    snprintf(text, sizeof text, "%04d-%02d-%02dT23:59:58Z", year, month, day);
    CHECK_OK(sev_time_parse(of(text), &parsed));
    CHECK_EQ(parsed, expected);
    sev_time_format(expected, &out);
    CHECK_SLICE(sev_buf_slice(&out), of(text));
}

/* The days are counted, which needs no formula. */
TEST(time__first_and_last_of_every_month_from_1970_to_9999__both_ways)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    sev_time days = 0;
    for (int year = 1970; year <= 9999; year++) {
        bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap);
            check_second(year, month, 1, days * 86400 + 86398);
            days += length;
            check_second(year, month, length, days * 86400 - 2);
        }
    }
    CHECK_EQ(days * 86400, 253402300800); /* the first second that has no spelling */
}

TEST(time__other_spellings_and_dates_that_do_not_exist__refused)
{
    static const char *const bad[] = {
        "",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00z",
        "2024-01-01t00:00:00Z",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00Z ",
        " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.0Z",
        "2024-01-01T00:00:00+00:00",
        "2024-1-01T00:00:00Z",
        "2024-01-01T00:00:0aZ",
        "2024/01/01T00:00:00Z",
        "+024-01-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-99-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-01-32T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z",
        "2016-12-31T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        sev_time t = 77;
        CHECK_ERR(sev_time_parse(of(bad[i]), &t), SEV_E_MALFORMED);
        CHECK_EQ(t, 77);
    }
}

TEST(time__leap_days__accepted)
{
    sev_time t = 0;
    CHECK_OK(sev_time_parse(SEV_LIT("2024-02-29T12:34:56Z"), &t));
    CHECK_EQ(t, 1709210096);
    CHECK_OK(sev_time_parse(SEV_LIT("2000-02-29T00:00:00Z"), &t));
    CHECK_OK(sev_time_parse(SEV_LIT("1970-01-01T00:00:00Z"), &t));
    CHECK_EQ(t, 0);
}

TEST(time__outside_1970_to_9999__overflows)
{
    static const sev_time outside[] = {-1, 253402300800, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < COUNT(outside); i++) {
        sev_buf out = fresh();
        sev_time_format(outside[i], &out);
        CHECK(out.overflow);
        CHECK_EQ(out.len, 0);
    }
}

/* --------------------------------------------------------------------------------- decimal */

TEST(decimal__both_ways)
{
    static const uint64_t good[] = {0, 1, 9, 10, 1234567890, 9007199254740991};
    for (size_t i = 0; i < COUNT(good); i++) {
        sev_buf out = fresh();
        uint64_t v = 99;
        sev_decimal_format(good[i], &out);
        CHECK_OK(sev_decimal_parse(sev_buf_slice(&out), &v));
        CHECK_EQ(v, good[i]);
    }
    sev_buf out = fresh();
    sev_decimal_format(UINT64_MAX, &out);
    CHECK_TEXT(sev_buf_slice(&out), "18446744073709551615");
}

TEST(decimal__anything_else__refused)
{
    static const char *const bad[] = {
        "",
        "-1",
        "+1",
        "01",
        "00",
        "1 ",
        " 1",
        "1.0",
        "1e3",
        "0x1",
        "a",
        "1/",
        "1:",
        "9007199254740992",
        "18446744073709551617",
        "99999999999999999999999999",
        "184467440737095516160",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t v = 99;
        CHECK_ERR(sev_decimal_parse(of(bad[i]), &v), SEV_E_MALFORMED);
        CHECK_EQ(v, 99);
    }
}

/* --------------------------------------------------------------------------------- percent */

TEST(percent__reserved_bytes__encoded_in_upper_case)
{
    sev_buf out = fresh();
    sev_percent_encode(SEV_LIT("aZ09_.-~ /%\xc3\xa9+&#?:@"), false, &out);
    CHECK_TEXT(sev_buf_slice(&out), "aZ09_.-~%20%2F%25%C3%A9%2B%26%23%3F%3A%40");
    out = fresh();
    sev_percent_encode(SEV_LIT("a/b c"), true, &out);
    CHECK_TEXT(sev_buf_slice(&out), "a/b%20c");
    out = sev_buf_of(memory, 4);
    sev_percent_encode(SEV_LIT("a b"), true, &out);
    CHECK(out.overflow);
}
