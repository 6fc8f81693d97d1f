/* utf8 - strict decoding, and the test for text that is certainly in Unicode form NFC.
 * SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include "base/check.h"
#include "base/nfc_table.h"
#include "secureev/text.h"

#define HIGH_BITS 0x8080808080808080u

/* The second byte carries the rules: it alone tells overlong forms, surrogates and what lies
 * beyond U+10FFFF from the rest (Unicode table 3-7). */
static bool second_is_legal(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return second >= 0x80 && second <= 0xBF;
    }
}

size_t sev_utf8_decode(const uint8_t *p, size_t len, uint32_t *out_code)
{
    if (len == 0)
        return 0;
    if (p[0] < 0x80) {
        *out_code = p[0];
        return 1;
    }
    if (SEV_REFUSE_IF(p[0] < 0xC2 || p[0] > 0xF4))
        return 0;
    size_t n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (len < n)
        return 0;
    if (SEV_REFUSE_IF(!second_is_legal(p[0], p[1])))
        return 0;
    uint32_t code = p[0] & (0xFFu >> (n + 1));
    code = code << 6 | (p[1] & 0x3Fu);
    for (size_t i = 2; i < n; i++) {
        if (SEV_REFUSE_IF((p[i] & 0xC0) != 0x80))
            return 0;
        code = code << 6 | (p[i] & 0x3Fu);
    }
    *out_code = code;
    return n;
}

size_t sev_utf8_encode(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* Bytes of ASCII at the start of `text` that can be passed over eight at a time. */
static size_t ascii_words(sev_slice text, size_t at)
{
    uint64_t word;
    size_t i = at;
    for (; text.len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text.ptr + i, sizeof word);
        if ((word & HIGH_BITS) != 0)
            break;
    }
    return i - at;
}

bool sev_utf8_valid(sev_slice text)
{
    uint32_t code;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = ascii_words(text, i);
        if (n == 0)
            n = sev_utf8_decode(text.ptr + i, text.len - i, &code);
        if (n == 0)
            return false;
    }
    return true;
}

/* Combining class of `code`, or SEV_NFC_REFUSE where NFC_Quick_Check is not Yes. */
static uint8_t nfc_class(uint32_t code)
{
    if (code < SEV_NFC_FIRST(sev_nfc_ranges[0]))
        return 0;
    size_t low = 0, high = sizeof sev_nfc_ranges / sizeof sev_nfc_ranges[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (SEV_NFC_FIRST(sev_nfc_ranges[middle]) <= code)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t range = sev_nfc_ranges[low - 1];
    if (code - SEV_NFC_FIRST(range) > SEV_NFC_SPAN(range))
        return 0;
    return sev_nfc_classes[SEV_NFC_CLASS(range)];
}

bool sev_utf8_is_nfc(sev_slice text)
{
    uint32_t code;
    uint8_t last = 0;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = ascii_words(text, i);
        if (n != 0) { /* nothing in ASCII combines */
            last = 0;
            continue;
        }
        n = sev_utf8_decode(text.ptr + i, text.len - i, &code);
        if (n == 0)
            return false;
        uint8_t now = nfc_class(code);
        if (SEV_REFUSE_IF(now == SEV_NFC_REFUSE))
            return false;
        if (SEV_REFUSE_IF(now != 0 && now < last))
            return false;
        last = now;
    }
    return true;
}
