/* Heads of responses: in pieces as in one, and accepted again when they are written anew. The first
 * byte chooses flags and pieces. SPDX-License-Identifier: MIT */
#include "http.h"

/* fuzz: -max_len=10000 */

static void written_anew(const struct sev_http_response *r, unsigned flags)
{
    static uint8_t memory[4 * SEV_HTTP_HEAD_BYTES_MAX];
    sev_buf out = sev_buf_of(memory, sizeof memory);
    struct sev_http_response again;
    struct sev_http_scan scan = {0, 0};
    size_t bytes = 0;
    sev_http_put_status(&out, r->status);
    for (uint32_t i = 0; i < r->fields.count; i++)
        sev_http_put_field(&out, r->fields.at[i].name, r->fields.at[i].value);
    sev_http_put_end(&out);
    must(!out.overflow);
    if (out.len > SEV_HTTP_HEAD_BYTES_MAX)
        return;
    must(sev_http_response_read(&scan, sev_buf_slice(&out), flags, &again, &bytes) == SEV_OK);
    must(bytes == out.len && again.status == r->status && again.chunked == r->chunked);
    must(again.keep_alive == r->keep_alive && again.body_bytes == r->body_bytes);
    must_same_fields(&again.fields, &r->fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static struct sev_http_response whole, pieces;
    struct sev_http_scan scan = {0, 0}, second = {0, 0};
    unsigned flags = data[0] & 1u ? SEV_HTTP_TO_HEAD : 0;
    sev_slice text = sev_slice_of(data + 1, size - 1);
    size_t bytes = 0, piecewise = 0, fed = 0;
    sev_err e = sev_http_response_read(&scan, text, flags, &whole, &bytes), p = SEV_OK;
    for (size_t n = 0; fed < text.len && p == SEV_OK && piecewise == 0; n++) {
        fed += http_piece(data[0], n);
        fed = fed < text.len ? fed : text.len;
        p = sev_http_response_read(&second, sev_slice_of(text.ptr, fed), flags, &pieces,
                                   &piecewise);
    }
    must(e == p && bytes == piecewise);
    if (e != SEV_OK || bytes == 0)
        return 0;
    must(bytes <= text.len && whole.status >= 100 && whole.status < 600);
    must(!whole.chunked || whole.body_bytes == 0);
    must(pieces.status == whole.status && pieces.body_bytes == whole.body_bytes);
    must_same_fields(&pieces.fields, &whole.fields);
    written_anew(&whole, flags);
    if (whole.chunked)
        http_chunks(sev_slice_sub(text, bytes, text.len), data[0]);
    return 0;
}
