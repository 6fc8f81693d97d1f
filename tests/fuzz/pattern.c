/* Path patterns against a table that tries everything; names that are clean can be encoded.
 * Input: the pattern, a line feed, the name. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/text.h"

/* fuzz: -max_len=256 */
#define BYTES_MAX 256

static void must(bool condition)
{
    if (!condition)
        abort();
}

static size_t step(sev_slice s, size_t i)
{
    i++;
    while (i < s.len && s.ptr[i] >> 6 == 2)
        i++;
    return i;
}

/* match[p][n]: does the pattern from p on match the name from n on? A '*' takes whole code points,
 * never a slash. */
static bool reference(sev_slice pattern, sev_slice name)
{
    static bool match[BYTES_MAX + 1][BYTES_MAX + 1];
    for (size_t p = pattern.len + 1; p-- > 0;)
        for (size_t n = name.len + 1; n-- > 0;) {
            uint8_t c = p < pattern.len ? pattern.ptr[p] : 0;
            bool left = n < name.len, inside = left && name.ptr[n] != '/';
            if (p == pattern.len)
                match[p][n] = !left;
            else if (c == '*')
                match[p][n] = match[p + 1][n] || (inside && match[p][step(name, n)]);
            else if (c == '?')
                match[p][n] = inside && match[p + 1][step(name, n)];
            else
                match[p][n] = left && name.ptr[n] == c && match[p + 1][n + 1];
        }
    return match[0][0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut = 0;
    if (size > BYTES_MAX)
        return 0;
    while (cut < size && data[cut] != '\n')
        cut++;
    sev_slice all = sev_slice_of(data, size);
    sev_slice pattern = sev_slice_sub(all, 0, cut), name = sev_slice_sub(all, cut + 1, size);
    bool got = sev_pattern_match(pattern, name);
    if (pattern.len == 0 || name.len == 0)
        must(got == (pattern.len == name.len));
    else if (sev_utf8_valid(pattern) && sev_utf8_valid(name)) /* else any answer will do */
        must(got == reference(pattern, name));
    bool plain = true;
    for (size_t i = 0; i < pattern.len; i++)
        plain = plain && pattern.ptr[i] != '*' && pattern.ptr[i] != '?';
    if (plain)
        must(got == sev_slice_eq(pattern, name));
    return 0;
}
