/* The scanner that this program is linked with against one that looks at a byte at a time. Built
 * twice: test_json_scan has the one for this machine, test_json_scan_portable the other.
 * SPDX-License-Identifier: MIT */
#include "../../core/base/bits.h"
#include "../../core/json/scan.h"

#include <stdlib.h>

#include "random_json.h"
#include "test.h"

static bool special(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20 || c > 0x7F;
}

static void compare(const uint8_t block[SEV_SCAN_BYTES])
{
    uint64_t specials = 0;
    struct sev_scan_brackets want = {0, 0, 0, 0}, got = {1, 1, 1, 1};
    for (unsigned i = 0; i < SEV_SCAN_BYTES; i++) {
        uint64_t bit = (uint64_t)1 << i;
        uint8_t c = block[i];
        specials |= special(c) ? bit : 0;
        want.quotes |= c == '"' ? bit : 0;
        want.backslashes |= c == '\\' ? bit : 0;
        want.opening |= c == '{' || c == '[' ? bit : 0;
        want.closing |= c == '}' || c == ']' ? bit : 0;
    }
    sev_scan_brackets(block, &got);
    CHECK(sev_scan_specials(block) == specials);
    CHECK(got.quotes == want.quotes);
    CHECK(got.backslashes == want.backslashes);
    CHECK(got.opening == want.opening);
    CHECK(got.closing == want.closing);
}

TEST(json_scan__every_byte_at_every_place__as_seen_one_by_one)
{
    static const uint8_t around[] = {'a', 0x00, 0xFF, '"', 0x80, 0x7F};
    uint8_t block[SEV_SCAN_BYTES];
    for (size_t k = 0; k < sizeof around; k++)
        for (unsigned i = 0; i < SEV_SCAN_BYTES; i++)
            for (unsigned c = 0; c < 256; c++) {
                memset(block, around[k], sizeof block);
                block[i] = (uint8_t)c;
                compare(block);
            }
}

/* Neighbours that differ in one bit from what is looked for: where a carry would show. */
static uint8_t near_byte(uint64_t *r)
{
    static const uint8_t bytes[] = {'"', '\\', '{', '[', '}', ']', 0x1F, 0x20, 0x7F, 0x80, 0x00};
    uint32_t c = bytes[rj_random(r, sizeof bytes)];
    return (uint8_t)(rj_random(r, 3) == 0 ? c : c ^ 1u << rj_random(r, 8));
}

TEST(json_scan__random_blocks__as_seen_one_by_one)
{
    uint8_t block[SEV_SCAN_BYTES];
    uint64_t r = 7;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = round % 2 ? near_byte(&r) : (uint8_t)rj_random(&r, 256);
        compare(block);
    }
}

TEST(json_scan__runs_of_every_length__end_at_the_first_special_byte)
{
    uint64_t r = 9;
    for (size_t len = 0; len < 80; len++)
        for (size_t at = 0; at <= len; at++) {
            /* exact memory, so that the sanitizer sees one byte too many */
            uint8_t *text = malloc(len == 0 ? 1 : len);
            memset(text, 'x', len);
            for (size_t i = at; i < len; i++)
                text[i] = near_byte(&r);
            size_t plain = 0, quote = 0, escape = 0;
            while (plain < len && !special(text[plain]))
                plain++;
            while (quote < len && text[quote] != '"' && text[quote] != '\\')
                quote++;
            while (escape < len && text[escape] != '\\' && text[escape] < 0x80)
                escape++;
            bool plain_same = sev_scan_plain(text, text + len) == text + plain;
            bool quote_same = sev_scan_quote(text, text + len) == text + quote;
            bool escape_same = sev_scan_escape(text, text + len) == text + escape;
            free(text);
            CHECK(plain_same);
            CHECK(quote_same);
            CHECK(escape_same);
        }
}

TEST(bits__without_instructions_of_the_machine__same_answers)
{
    uint64_t r = 11;
    for (unsigned i = 0; i < 64; i++)
        for (int round = 0; round < 100; round++) {
            uint64_t high = ((uint64_t)rj_random(&r, UINT32_MAX) << 32 | rj_random(&r, UINT32_MAX));
            uint64_t w = (high << 1 | 1) << i;
            unsigned ones = 0;
            for (unsigned k = 0; k < 64; k++)
                ones += (unsigned)(w >> k & 1);
            CHECK_EQ(sev_trailing_zeros(w), i);
            CHECK_EQ(sev_trailing_zeros_slow(w), i);
            CHECK_EQ(sev_ones(w), ones);
        }
    CHECK_EQ(sev_ones(0), 0);
    CHECK_EQ(sev_ones(UINT64_MAX), 64);
}
