/* name - may it name an image, and how it is written in a URL. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/text.h"

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Empty, "." and ".." are the components that walk instead of naming. */
static bool component_walks(sev_slice c)
{
    return c.len == 0 || (c.len == 1 && c.ptr[0] == '.') ||
           (c.len == 2 && c.ptr[0] == '.' && c.ptr[1] == '.');
}

static bool any_component_walks(sev_slice name)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '/')
            continue;
        if (component_walks(sev_slice_of(name.ptr + start, i - start)))
            return true;
        start = i + 1;
    }
    return false;
}

bool sev_name_is_clean(sev_slice name)
{
    /* REQ-REP-08. An empty name, and a slash at either end, have an empty component. */
    if (name.len == 0 || SEV_REFUSE_IF(any_component_walks(name)))
        return false;
    if (SEV_REFUSE_IF(name.len >= 2 && is_letter(name.ptr[0]) && name.ptr[1] == ':'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (SEV_REFUSE_IF(c < 0x20 || c == 0x7F || c == '\\'))
            return false;
        /* U+0080 to U+009F are controls, too */
        if (SEV_REFUSE_IF(c == 0xC2 && i + 1 < name.len && name.ptr[i + 1] < 0xA0))
            return false;
    }
    /* REQ-REP-09: else two spellings of a name look alike and are compared apart. */
    if (SEV_REFUSE_IF(!sev_utf8_is_nfc(name)))
        return false;
    return true;
}

static bool is_unreserved(uint8_t c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '~';
}

void sev_percent_encode(sev_slice text, bool keep_slash, sev_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        uint8_t escape[3] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        if (is_unreserved(c) || (keep_slash && c == '/'))
            sev_buf_put_byte(out, c);
        else
            sev_buf_put(out, escape, sizeof escape);
    }
}
