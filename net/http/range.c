/* range - parts of a file, and whether the client has it already. SPDX-License-Identifier: MIT */
#include "head.h"

/* Digits at the beginning of `s`, which are taken off; what is too large becomes the largest. */
static bool take_number(sev_slice *s, uint64_t *out)
{
    uint64_t v = 0;
    size_t n = 0;
    for (; n < s->len && http_is(s->ptr[n], HTTP_DIGIT); n++) {
        unsigned digit = s->ptr[n] - (unsigned)'0';
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    *s = sev_slice_sub(*s, n, s->len);
    *out = v;
    return n > 0;
}

sev_err sev_http_range_of(const struct sev_http_fields *fields, sev_slice etag, uint64_t total,
                          struct sev_http_range *out)
{
    const struct sev_http_range whole = {false, 0, total};
    sev_slice range, if_range;
    uint64_t first = 0, last = UINT64_MAX;
    *out = whole;
    if (!sev_http_field_get(fields, SEV_LIT("range"), &range) || range.len < 6 ||
        !sev_http_name_is(sev_slice_sub(range, 0, 6), SEV_LIT("bytes=")))
        return SEV_OK;
    if (sev_http_field_get(fields, SEV_LIT("if-range"), &if_range) &&
        (etag.len == 0 || !sev_slice_eq(if_range, etag)))
        return SEV_OK;
    range = sev_slice_sub(range, 6, range.len);
    bool has_first = take_number(&range, &first);
    if (range.len == 0 || range.ptr[0] != '-')
        return SEV_OK;
    range = sev_slice_sub(range, 1, range.len);
    bool has_last = take_number(&range, &last);
    if (range.len > 0 || !(has_first || has_last) || (has_first && has_last && last < first))
        return SEV_OK;
    if (!has_first) { /* the last so many */
        if (last == 0 || total == 0)
            return SEV_E_HTTP_RANGE;
        first = last < total ? total - last : 0;
        last = total - 1;
    } else if (first >= total) {
        return SEV_E_HTTP_RANGE;
    } else if (!has_last || last >= total) {
        last = total - 1;
    }
    *out = (struct sev_http_range){true, first, last - first + 1};
    return SEV_OK;
}

bool sev_http_not_modified(const struct sev_http_fields *fields, sev_slice etag)
{
    sev_slice list;
    if (etag.len == 0 || !sev_http_field_get(fields, SEV_LIT("if-none-match"), &list))
        return false;
    if (sev_slice_eq(list, SEV_LIT("*")))
        return true;
    while (list.len > 0) {
        list = http_trim(list);
        if (list.len >= 2 && memcmp(list.ptr, "W/", 2) == 0) /* weak comparison. RFC 9110 13.1.2 */
            list = sev_slice_sub(list, 2, list.len);
        size_t len = 0;
        while (len < list.len && list.ptr[len] != ',')
            len++;
        if (sev_slice_eq(http_trim(sev_slice_of(list.ptr, len)), etag))
            return true;
        list = sev_slice_sub(list, len + 1, list.len);
    }
    return false;
}
