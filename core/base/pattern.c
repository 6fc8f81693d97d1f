/* pattern - TUF path patterns. Going back to the last '*' alone is enough, so work is at most
 * the product of the two lengths, and no hostile pattern explodes. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/text.h"

/* One code point further: continuation bytes belong to the one before. */
static size_t step(sev_slice s, size_t i)
{
    i++;
    while (i < s.len && (s.ptr[i] & 0xC0) == 0x80)
        i++;
    return i;
}

static bool component_matches(sev_slice pattern, sev_slice name)
{
    size_t p = 0, n = 0;
    size_t star = 0, taken = 0; /* behind the last '*'; where what it takes ends */
    bool starred = false;
    while (n < name.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            starred = true;
            star = ++p;
            taken = n;
        } else if (p < pattern.len && pattern.ptr[p] == '?') {
            p++;
            n = step(name, n);
        } else if (p < pattern.len && pattern.ptr[p] == name.ptr[n]) {
            p++;
            n++;
        } else if (starred) {
            taken = step(name, taken);
            p = star;
            n = taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

/* Up to the next '/' or the end, from `start`. */
static sev_slice component_at(sev_slice s, size_t start)
{
    size_t end = start;
    while (end < s.len && s.ptr[end] != '/')
        end++;
    return sev_slice_of(s.ptr + start, end - start);
}

bool sev_pattern_match(sev_slice pattern, sev_slice name)
{
    size_t p = 0, n = 0;
    if (pattern.len == 0 || name.len == 0) /* "*" does not name what has no name */
        return pattern.len == name.len;
    for (;;) {
        sev_slice want = component_at(pattern, p);
        sev_slice have = component_at(name, n);
        if (SEV_REFUSE_IF(!component_matches(want, have)))
            return false;
        p += want.len;
        n += have.len;
        bool last = p == pattern.len;
        if (SEV_REFUSE_IF(last != (n == name.len)))
            return false;
        if (last || n == name.len)
            return true;
        p++;
        n++;
    }
}
