/* hex - bytes as hexadecimal text and back. SPDX-License-Identifier: MIT */
#include "base/hex.h"

#include "base/check.h"
#include "secureev/text.h"

void sev_hex_encode(sev_slice bytes, sev_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    if (out->overflow || bytes.len > (out->cap - out->len) / 2) {
        out->overflow = true;
        return;
    }
    uint8_t *to = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[bytes.ptr[i] & 15];
    }
    out->len += 2 * bytes.len;
}

int sev_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

sev_err sev_hex_decode(sev_slice text, sev_buf *out)
{
    size_t count = text.len / 2;
    if (SEV_REFUSE_IF(text.len % 2 != 0))
        return SEV_E_MALFORMED;
    if (out->overflow || count > out->cap - out->len)
        return SEV_E_JSON_LIMIT;
    uint8_t *to = out->ptr + out->len;
    for (size_t i = 0; i < count; i++) {
        int high = sev_hex_digit(text.ptr[2 * i]);
        int low = sev_hex_digit(text.ptr[2 * i + 1]);
        if (SEV_REFUSE_IF(high < 0 || low < 0))
            return SEV_E_MALFORMED;
        to[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    out->len += count;
    return SEV_OK;
}
