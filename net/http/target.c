/* target - paths and queries: one way to write each, none that leaves its folder. REQ-H02
 * SPDX-License-Identifier: MIT */
#include "target.h"

#include "head.h"

/* One byte, decoded, from *at on. `also` are those beside HTTP_PATH that may stand for
 * themselves.*/
static sev_err next(sev_slice s, size_t *at, const char *also, uint8_t *out)
{
    uint8_t c = s.ptr[*at];
    if (c == '%') {
        if (s.len - *at < 3 || !http_is(s.ptr[*at + 1], HTTP_HEX) ||
            !http_is(s.ptr[*at + 2], HTTP_HEX))
            return SEV_E_HTTP_TARGET;
        c = (uint8_t)(http_hex(s.ptr[*at + 1]) << 4 | http_hex(s.ptr[*at + 2]));
        if (c < 0x20 || c == 0x7F)
            return SEV_E_HTTP_TARGET;
        *at += 3;
    } else if (http_is(c, HTTP_PATH) || (c != '\0' && strchr(also, c) != NULL)) {
        *at += 1;
    } else {
        return SEV_E_HTTP_TARGET;
    }
    *out = c;
    return SEV_OK;
}

/* "." and ".." however they were written, and nothing at all. */
static bool is_dots(sev_slice component)
{
    return component.len == 0 || (component.len <= 2 && component.ptr[0] == '.' &&
                                  component.ptr[component.len - 1] == '.');
}

sev_err sev_http_path_decode(sev_slice path, sev_buf *out)
{
    uint8_t memory[SEV_URL_BYTES_MAX];
    size_t len = 0, component = 1;
    if (path.len == 0 || path.ptr[0] != '/')
        return SEV_E_HTTP_TARGET;
    if (path.len > sizeof memory)
        return SEV_E_TOO_LONG;
    for (size_t at = 0; at < path.len;) {
        bool slash = path.ptr[at] == '/';
        uint8_t c = 0;
        sev_err e = next(path, &at, "/", &c);
        if (e != SEV_OK)
            return e;
        if (c == '\\' || (c == '/' && !slash))
            return SEV_E_HTTP_TARGET;
        if (slash && len > 0) {
            if (is_dots(sev_slice_of(memory + component, len - component)))
                return SEV_E_HTTP_TARGET;
            component = len + 1;
        }
        memory[len++] = c;
    }
    sev_slice last = sev_slice_of(memory + component, len - component);
    sev_slice decoded = sev_slice_of(memory, len);
    if ((last.len > 0 && is_dots(last)) || !sev_utf8_valid(decoded))
        return SEV_E_HTTP_TARGET;
    if (out->overflow || len > out->cap - out->len)
        return SEV_E_TOO_LONG;
    sev_buf_put_slice(out, decoded);
    return SEV_OK;
}

sev_err http_target(sev_slice target, sev_slice *out_path, sev_slice *out_query)
{
    uint8_t memory[SEV_URL_BYTES_MAX];
    sev_buf decoded = sev_buf_of(memory, sizeof memory);
    if (target.len > SEV_URL_BYTES_MAX)
        return SEV_E_HTTP_HEAD_LIMIT;
    size_t end = 0;
    while (end < target.len && target.ptr[end] != '?')
        end++;
    sev_slice path = sev_slice_of(target.ptr, end);
    sev_slice query = sev_slice_sub(target, end + 1, target.len);
    sev_err e = sev_http_path_decode(path, &decoded);
    for (size_t at = 0; e == SEV_OK && at < query.len;)
        e = next(query, &at, "/?", memory);
    if (e != SEV_OK)
        return e;
    *out_path = path;
    *out_query = query;
    return SEV_OK;
}

static sev_err query_decode(sev_slice text, uint8_t *memory, sev_slice *out)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        bool plus = text.ptr[at] == '+';
        sev_err e = next(text, &at, "/?", memory + len);
        if (e != SEV_OK)
            return e;
        if (plus)
            memory[len] = ' ';
        len++;
    }
    *out = sev_slice_of(memory, len);
    return sev_utf8_valid(*out) ? SEV_OK : SEV_E_HTTP_TARGET;
}

sev_err sev_http_query_value(sev_slice query, sev_slice name, sev_buf *out)
{
    uint8_t memory[SEV_URL_BYTES_MAX];
    sev_slice found = SEV_EMPTY, key;
    bool any = false;
    if (query.len > sizeof memory)
        return SEV_E_TOO_LONG;
    while (query.len > 0) {
        size_t end = 0, equals = 0;
        while (end < query.len && query.ptr[end] != '&')
            end++;
        while (equals < end && query.ptr[equals] != '=')
            equals++;
        sev_err e = query_decode(sev_slice_of(query.ptr, equals), memory, &key);
        if (e != SEV_OK)
            return e;
        if (sev_slice_eq(key, name)) {
            if (any)
                return SEV_E_HTTP_TARGET;
            any = true;
            found =
                equals < end ? sev_slice_of(query.ptr + equals + 1, end - equals - 1) : SEV_EMPTY;
        }
        query = sev_slice_sub(query, end + 1, query.len);
    }
    if (!any)
        return SEV_E_NOT_FOUND;
    sev_err e = query_decode(found, memory, &found);
    if (e != SEV_OK)
        return e;
    if (out->overflow || found.len > out->cap - out->len)
        return SEV_E_TOO_LONG;
    sev_buf_put_slice(out, found);
    return SEV_OK;
}
