/* UTF-8, NFC, names of images, path patterns. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "random_json.h"
#include "secureev/text.h"
#include "test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static sev_slice of(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* ----------------------------------------------------------------------------------- UTF-8 */

/* The whole space of up to three bytes and the corners of four, against the definition: it is the
 * shortest encoding of a code point that is not a surrogate. */
static bool defined(const uint8_t *p, size_t len)
{
    char text[8];
    uint32_t code = 0;
    if (len == 1)
        return p[0] < 0x80;
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if ((p[0] & (0xF8 >> (4 - len) & 0xFF)) != marks[len] && len == 4)
        return false;
    code = p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return false;
        code = code * 64 + p[i] % 64;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return false;
    struct rj_out o = {text, 0};
    rj_put_utf8(&o, code);
    return o.len == len && memcmp(text, p, len) == 0;
}

TEST(utf8__every_sequence_of_two_and_three_bytes__as_defined)
{
    uint8_t p[3];
    for (unsigned n = 0x80 << 8; n < 0x10000; n++) {
        p[0] = (uint8_t)(n >> 8);
        p[1] = (uint8_t)n;
        CHECK_EQ(sev_utf8_valid(sev_slice_of(p, 2)), defined(p, 2));
    }
    for (unsigned n = 0xE00000; n < 0x1000000; n++) {
        p[0] = (uint8_t)(n >> 16);
        p[1] = (uint8_t)(n >> 8);
        p[2] = (uint8_t)n;
        if (sev_utf8_valid(sev_slice_of(p, 3)) != defined(p, 3))
            fail_msg("%06x", n);
    }
}

TEST(utf8__four_bytes__as_defined)
{
    static const uint8_t corners[] = {0x00, 0x22, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F,
                                      0xA0, 0xBE, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xFF};
    for (unsigned first = 0xF0; first < 0x100; first++)
        for (unsigned n = 0; n < 16 * 16 * 16; n++) {
            uint8_t p[4] = {(uint8_t)first, corners[n / 256], corners[n / 16 % 16],
                            corners[n % 16]};
            CHECK_EQ(sev_utf8_valid(sev_slice_of(p, 4)), defined(p, 4));
        }
}

TEST(utf8__anywhere_in_a_long_text__seen)
{
    uint8_t text[64];
    for (size_t len = 1; len < sizeof text; len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof text);
            text[at] = 0xC3;
            CHECK(!sev_utf8_valid(sev_slice_of(text, len)));
            if (at + 1 < len) {
                text[at + 1] = 0xA9;
                CHECK(sev_utf8_valid(sev_slice_of(text, len)));
                text[at] = 0xC1;
                CHECK(!sev_utf8_valid(sev_slice_of(text, len)));
            }
        }
    CHECK(sev_utf8_valid(SEV_EMPTY));
}

TEST(nfc__certain__accepted)
{
    static const char *const good[] = {
        "",
        "fw-1.bin",
        "caf\xc3\xa9",              /* e with acute, one code point */
        "\xed\x95\x9c\xea\xb8\x80", /* Hangul syllables */
        "\xe6\xbc\xa2\xe5\xad\x97", /* Han */
        "a\xcc\x96\xcc\x9a",        /* marks of class 220, 232 */
        "\xf0\x9f\x9a\x97",         /* a car */
        "a\xcc\x96 b\xcc\x96",      /* a class begins anew after a letter */
        "\xf4\x8f\xbf\xbf",         /* U+10FFFF */
    };
    for (size_t i = 0; i < COUNT(good); i++)
        CHECK(sev_utf8_is_nfc(of(good[i])));
}

TEST(nfc__not_certain__refused)
{
    static const char *const bad[] = {
        "cafe\xcc\x81",             /* e, then an acute accent: Maybe */
        "\xe2\x84\xab",             /* ANGSTROM SIGN: No */
        "\xcc\x80",                 /* an accent alone */
        "\xef\xa4\x80",             /* compatibility ideograph: No */
        "\xf0\xaf\xa0\x80",         /* another, beyond U+FFFF */
        "\xf0\xaf\xa8\x9d",         /* the last of them */
        "\xe1\x84\x80\xe1\x85\xa1", /* Hangul letters that form a syllable */
        "a\xcc\x9a\xcc\x96",        /* marks in the wrong order: 232, 220 */
        "\xf0\x9d\x85\x9e",         /* MUSICAL SYMBOL HALF NOTE: No */
        "\xff",                     /* not UTF-8 */
        "caf\xc3",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (sev_utf8_is_nfc(of(bad[i])))
            fail_msg("%s", bad[i]);
    }
}

/* ----------------------------------------------------------------------------------- names */

TEST(name__clean__accepted)
{
    static const char *const good[] = {
        "fw",      "supplier/fw-00017.bin",
        "a/b/c/d", "a.b",
        "..a",     "a..",
        "...",     ".hidden",
        "a b",     "caf\xc3\xa9",
        "1:2",     ":a",
        "ab:c",    "a/C:",
        "~",       "\xc2\xa0",
        "a\"b",    "%2e%2e",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        if (!sev_name_is_clean(of(good[i])))
            fail_msg("%s", good[i]);
}

/* REQ-REP-08 REQ-REP-09 */
TEST(name__that_could_leave_its_folder_or_is_not_clean__refused)
{
    static const char *const bad[] = {
        "",           "/",        "/a",       "a/",        "a//b",  ".",    "..",
        "../a",       "a/..",     "a/../b",   "a/./b",     "./a",   "a\\b", "\\",
        "C:",         "c:/a",     "z:a",      "a\nb",      "a\x7f", "\x01", "a\xff",
        "a\xc2\x85z", "\xc2\x80", "\xc2\x9f", "e\xcc\x81", "a\xc2", "//",   "..\\a",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (sev_name_is_clean(of(bad[i])))
            fail_msg("%s", bad[i]);
    CHECK(!sev_name_is_clean(sev_slice_of("a\0b", 3)));
}

/* -------------------------------------------------------------------------------- patterns */

TEST(pattern__matches)
{
    static const char *const good[][2] = {
        {"a", "a"},
        {"*", "a"},
        {"*", "abc"},
        {"a*", "a"},
        {"a*", "abc"},
        {"*c", "abc"},
        {"a*c", "ac"},
        {"a*c", "abbc"},
        {"?", "a"},
        {"?", "\xc3\xa9"},
        {"a?c", "abc"},
        {"*/*", "a/b"},
        {"a/*.bin", "a/x.bin"},
        {"a/?/c", "a/b/c"},
        {"**", "a"},
        {"*a*b*", "xaxbx"},
        {"*ab", "aab"},
        {"*aab", "aaaab"},
        {"a*b*c", "abcbc"},
        {"[ab]", "[ab]"},
        {"\\*", "\\x"},
        {"", ""},
        {"*?", "\xc3\xa9"},
        {"a/b/", "a/b/"},
        {"???", "abc"},
        {"*.*", "a.b.c"},
    };
    for (size_t i = 0; i < COUNT(good); i++)
        if (!sev_pattern_match(of(good[i][0]), of(good[i][1])))
            fail_msg("%s %s", good[i][0], good[i][1]);
}

TEST(pattern__does_not_match)
{
    static const char *const bad[][2] = {
        {"a", "b"},         {"a", "ab"},           {"ab", "a"},      {"*", "a/b"},
        {"a/*", "a"},       {"a*", "a/b"},         {"*b", "a/b"},    {"?", "/"},
        {"a?b", "a/b"},     {"?", "ab"},           {"?", ""},        {"*", ""},
        {"", "a"},          {"a/b", "a"},          {"a", "a/b"},     {"**", "a/b"},
        {"a/**", "a/b/c"},  {"[ab]", "a"},         {"\\a", "a"},     {"a/b", "b/b"},
        {"*/b", "a/c"},     {"a*c", "abd"},        {"a/*/c", "a/c"}, {"A", "a"},
        {"??", "\xc3\xa9"}, {"a/", "a"},           {"a", "a/"},      {"/a", "a"},
        {"*a*b", "xaxbx"},  {"*\xa9", "\xc3\xa9"}, /* no half of a code point */
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (sev_pattern_match(of(bad[i][0]), of(bad[i][1])))
            fail_msg("%s %s", bad[i][0], bad[i][1]);
}

/* Slow and obviously right: try everything. */
static bool reference(const char *p, const char *n)
{
    if (*p == '\0')
        return *n == '\0';
    if (*p == '*')
        return reference(p + 1, n) || (*n != '\0' && *n != '/' && reference(p, n + 1));
    if (*n == '\0' || (*n == '/') != (*p == '/'))
        return false;
    return (*p == '?' || *p == *n) && reference(p + 1, n + 1);
}

TEST(pattern__random__as_the_slow_one_that_tries_everything)
{
    uint64_t r = 20;
    size_t matches = 0;
    for (unsigned i = 0; i < 200000; i++) {
        char p[12] = {0}, n[12] = {0};
        for (uint32_t k = 1 + rj_random(&r, 8); k > 0; k--)
            p[k - 1] = "ab*?/a*"[rj_random(&r, 7)];
        for (uint32_t k = 1 + rj_random(&r, 8); k > 0; k--)
            n[k - 1] = "abab/"[rj_random(&r, 5)];
        bool got = sev_pattern_match(of(p), of(n));
        if (got != reference(p, n))
            fail_msg("%s %s: %d", p, n, got);
        matches += got;
    }
    CHECK(matches > 1000);
}

/* Stars that explode in a matcher that backtracks over all of them. */
TEST(pattern__many_stars__work_stays_bounded)
{
    static char pattern[512], name[512];
    for (size_t i = 0; i + 1 < sizeof pattern; i++)
        pattern[i] = "a*"[i % 2];
    memset(name, 'a', sizeof name - 1);
    pattern[sizeof pattern - 2] = 'b';
    for (int i = 0; i < 1000; i++)
        CHECK(!sev_pattern_match(of(pattern), of(name)));
}
