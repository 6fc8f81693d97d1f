/* request - the head of a request. SPDX-License-Identifier: MIT */
#include "head.h"
#include "target.h"

static const char *const method_names[] = {
#define X(name) #name,
    SEV_HTTP_METHODS(X)
#undef X
};

const char *sev_http_method_name(enum sev_http_method m)
{
    return method_names[m];
}

static sev_err parse_method(sev_slice text, enum sev_http_method *out)
{
    for (size_t i = 0; i < sizeof method_names / sizeof method_names[0]; i++) {
        if (sev_slice_eq(text, sev_slice_of(method_names[i], strlen(method_names[i])))) {
            *out = (enum sev_http_method)i;
            return SEV_OK;
        }
    }
    return http_all(text, HTTP_NAME) ? SEV_E_HTTP_METHOD : SEV_E_HTTP_SYNTAX;
}

/* Up to the next blank, exactly one of which separates words. */
static sev_slice word(sev_slice *line)
{
    size_t len = 0;
    while (len < line->len && line->ptr[len] != ' ')
        len++;
    sev_slice w = sev_slice_of(line->ptr, len);
    *line = sev_slice_sub(*line, len + 1, line->len);
    return w;
}

static sev_err parse_version(sev_slice text)
{
    if (sev_slice_eq(text, SEV_LIT("HTTP/1.1")))
        return SEV_OK;
    bool other = text.len == 8 && memcmp(text.ptr, "HTTP/", 5) == 0 &&
                 http_is(text.ptr[5], HTTP_DIGIT) && text.ptr[6] == '.' &&
                 http_is(text.ptr[7], HTTP_DIGIT);
    return other ? SEV_E_HTTP_VERSION : SEV_E_HTTP_SYNTAX;
}

static sev_err parse_line(sev_slice line, struct sev_http_request *r)
{
    sev_slice method = word(&line);
    r->target = word(&line);
    if (method.len == 0 || r->target.len == 0)
        return SEV_E_HTTP_SYNTAX;
    sev_err e = parse_version(line);
    if (e == SEV_OK)
        e = parse_method(method, &r->method);
    return e == SEV_OK ? http_target(r->target, &r->path, &r->query) : e;
}

/* name[:port] or [v6][:port]. What it says decides nothing here; but other readers log it, compare
 * it or build URLs from it. */
static bool is_host(sev_slice host)
{
    size_t i = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        for (i = 1; i < host.len &&
                    (http_is(host.ptr[i], HTTP_HEX) || host.ptr[i] == ':' || host.ptr[i] == '.');)
            i++;
        if (i < 4 || i == host.len || host.ptr[i++] != ']')
            return false;
    } else {
        bool dot = true; /* a label must begin here */
        for (; i < host.len && host.ptr[i] != ':'; i++) {
            bool is_dot = host.ptr[i] == '.';
            bool fine = is_dot ? !dot : http_is(host.ptr[i], HTTP_NAME) || host.ptr[i] == '_';
            if (!fine)
                return false;
            dot = is_dot;
        }
        if (dot)
            return false;
    }
    if (i == host.len)
        return true;
    sev_slice port = sev_slice_sub(host, i + 1, host.len);
    uint64_t number = 0;
    return host.ptr[i] == ':' && sev_decimal_parse(port, &number) == SEV_OK && number > 0 &&
           number <= 65535;
}

static sev_err parse_body(unsigned flags, struct sev_http_request *r)
{
    struct http_framing f;
    sev_slice value;
    sev_err e = http_framing(&r->fields, &f);
    if (e != SEV_OK)
        return e;
    if (f.chunked && (flags & SEV_HTTP_ALLOW_CHUNKED) == 0)
        return SEV_E_HTTP_LENGTH;
    /* A body that GET must not mind is read by some and taken for a request by others. */
    if ((r->method == SEV_HTTP_GET || r->method == SEV_HTTP_HEAD) && (f.chunked || f.length > 0))
        return SEV_E_HTTP_FRAMING;
    r->keep_alive = f.keep_alive;
    r->has_length = f.has_length;
    r->chunked = f.chunked;
    r->body_bytes = f.length;
    r->expect_continue = sev_http_field_get(&r->fields, SEV_LIT("expect"), &value);
    if (r->expect_continue && !sev_http_name_is(value, SEV_LIT("100-continue")))
        return SEV_E_HTTP_EXPECT;
    return SEV_OK;
}

sev_err sev_http_request_read(struct sev_http_scan *scan, sev_slice so_far, unsigned flags,
                              struct sev_http_request *out, size_t *out_head_bytes)
{
    size_t bytes = 0;
    sev_err e = http_scan(scan, so_far, &bytes);
    if (e != SEV_OK || bytes == 0) {
        if (e == SEV_OK)
            *out_head_bytes = 0;
        return e;
    }
    struct sev_http_request r;
    sev_slice rest = sev_slice_of(so_far.ptr, bytes);
    e = parse_line(http_line(&rest), &r);
    if (e == SEV_OK)
        e = http_fields(rest, &r.fields);
    if (e == SEV_OK &&
        (!sev_http_field_get(&r.fields, SEV_LIT("host"), &r.host) || !is_host(r.host)))
        e = SEV_E_HTTP_HOST;
    if (e == SEV_OK)
        e = parse_body(flags, &r);
    if (e != SEV_OK)
        return e;
    *out = r;
    *out_head_bytes = bytes;
    return SEV_OK;
}
