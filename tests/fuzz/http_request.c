/* Heads of requests: in pieces as in one; what is accepted is accepted again when it is written
 * anew, and its path stays in its folder. The first byte chooses flags and pieces.
 * SPDX-License-Identifier: MIT */
#include "http.h"

/* fuzz: -max_len=10000 */

static void decoded_path_is_clean(sev_slice path)
{
    static uint8_t memory[SEV_URL_BYTES_MAX];
    sev_buf out = sev_buf_of(memory, sizeof memory);
    must(sev_http_path_decode(path, &out) == SEV_OK && out.len > 0 && memory[0] == '/');
    must(sev_utf8_valid(sev_buf_slice(&out)));
    for (size_t i = 0; i < out.len; i++) {
        size_t left = out.len - i;
        must(memory[i] >= 0x20 && memory[i] != 0x7F && memory[i] != '\\');
        if (memory[i] != '/')
            continue;
        must(left < 2 || memory[i + 1] != '/');
        must(left < 2 || memory[i + 1] != '.' || (left > 2 && memory[i + 2] != '/'));
        must(left < 3 || memcmp(memory + i, "/..", 3) != 0 || (left > 3 && memory[i + 3] != '/'));
    }
}

static void written_anew(const struct sev_http_request *r, unsigned flags)
{
    static uint8_t memory[4 * SEV_HTTP_HEAD_BYTES_MAX];
    sev_buf out = sev_buf_of(memory, sizeof memory);
    struct sev_http_request again;
    struct sev_http_scan scan = {0, 0};
    size_t bytes = 0;
    sev_http_put_request(&out, r->method, r->target, r->host);
    uint32_t host = 0;
    while (!sev_http_name_is(r->fields.at[host].name, SEV_LIT("host")))
        host++;
    struct sev_http_fields wanted = r->fields;
    wanted.at[0] = (struct sev_http_field){SEV_LIT("Host"), r->host};
    for (uint32_t i = 0, n = 1; i < r->fields.count; i++)
        if (i != host) {
            sev_http_put_field(&out, r->fields.at[i].name, r->fields.at[i].value);
            wanted.at[n++] = r->fields.at[i];
        }
    sev_http_put_end(&out);
    must(!out.overflow);
    if (out.len > SEV_HTTP_HEAD_BYTES_MAX)
        return; /* "a:b" became "a: b" */
    must(sev_http_request_read(&scan, sev_buf_slice(&out), flags, &again, &bytes) == SEV_OK);
    must(bytes == out.len && again.method == r->method && again.chunked == r->chunked);
    must(again.keep_alive == r->keep_alive && again.expect_continue == r->expect_continue);
    must(again.has_length == r->has_length && again.body_bytes == r->body_bytes);
    must(sev_slice_eq(again.target, r->target) && sev_slice_eq(again.path, r->path));
    must(sev_slice_eq(again.query, r->query));
    must_same_fields(&again.fields, &wanted);
}

static void helpers(const struct sev_http_request *r)
{
    static uint8_t memory[SEV_URL_BYTES_MAX];
    sev_buf out = sev_buf_of(memory, sizeof memory);
    struct sev_http_range range;
    const uint64_t totals[] = {0, 1, 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++)
        if (sev_http_range_of(&r->fields, SEV_LIT("\"t\""), totals[i], &range) == SEV_OK)
            must(range.bytes <= totals[i] && range.from <= totals[i] - range.bytes);
    (void)sev_http_not_modified(&r->fields, SEV_LIT("\"t\""));
    sev_err e = sev_http_query_value(r->query, SEV_LIT("a"), &out);
    must(e == SEV_OK ? sev_utf8_valid(sev_buf_slice(&out)) : out.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static struct sev_http_request whole, pieces;
    struct sev_http_scan scan = {0, 0}, second = {0, 0};
    unsigned flags = data[0] & 1u ? SEV_HTTP_ALLOW_CHUNKED : 0;
    sev_slice text = sev_slice_of(data + 1, size - 1);
    size_t bytes = 0, piecewise = 0, fed = 0;
    sev_err e = sev_http_request_read(&scan, text, flags, &whole, &bytes), p = SEV_OK;
    for (size_t n = 0; fed < text.len && p == SEV_OK && piecewise == 0; n++) {
        fed += http_piece(data[0], n);
        fed = fed < text.len ? fed : text.len;
        p = sev_http_request_read(&second, sev_slice_of(text.ptr, fed), flags, &pieces, &piecewise);
    }
    must(e == p && bytes == piecewise);
    if (e != SEV_OK) {
        must(sev_err_class(e) == SEV_CLASS_INPUT && sev_http_status(e) >= 400);
        return 0;
    }
    if (bytes == 0)
        return 0;
    must(bytes <= text.len && bytes <= SEV_HTTP_HEAD_BYTES_MAX);
    must(pieces.body_bytes == whole.body_bytes && pieces.chunked == whole.chunked);
    must_same_fields(&pieces.fields, &whole.fields);
    decoded_path_is_clean(whole.path);
    written_anew(&whole, flags);
    helpers(&whole);
    if (whole.chunked)
        http_chunks(sev_slice_sub(text, bytes, text.len), data[0]);
    return 0;
}
