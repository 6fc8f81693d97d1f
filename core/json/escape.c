/* escape - how each form writes a code point inside a string. SPDX-License-Identifier: MIT */
#include "json/escape.h"

#include "base/utf8.h"

static const char digits[] = "0123456789abcdef";

static void put_unit(uint32_t unit, sev_buf *out)
{
    uint8_t text[6] = {'\\', 'u'};
    for (unsigned i = 0; i < 4; i++)
        text[5 - i] = (uint8_t)digits[unit >> 4 * i & 15];
    sev_buf_put(out, text, sizeof text);
}

static uint8_t short_escape(uint32_t code)
{
    switch (code) {
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

void sev_escape_put(uint32_t code, unsigned form, sev_buf *out)
{
    uint8_t pair[2] = {'\\', (uint8_t)code};
    uint8_t bytes[4];
    if (code == '"' || code == '\\') {
        sev_buf_put(out, pair, sizeof pair);
    } else if (code < 0x20 && form != SEV_CANON_OLPC) {
        pair[1] = short_escape(code);
        if (pair[1] != 0)
            sev_buf_put(out, pair, sizeof pair);
        else
            put_unit(code, out);
    } else if (code >= 0x80 && form == SEV_CANON_ASCII) {
        if (code >= 0x10000) {
            put_unit(0xD800 + ((code - 0x10000) >> 10), out);
            code = 0xDC00 + (code & 0x3FF);
        }
        put_unit(code, out);
    } else {
        sev_buf_put(out, bytes, sev_utf8_encode(code, bytes));
    }
}
