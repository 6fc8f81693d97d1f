/* write - heads that we send. SPDX-License-Identifier: MIT */
#include "head.h"

static void put_text(sev_buf *out, const char *text)
{
    sev_buf_put(out, text, strlen(text));
}

void sev_http_put_status(sev_buf *out, unsigned status)
{
    put_text(out, "HTTP/1.1 ");
    sev_decimal_format(status, out);
    sev_buf_put_byte(out, ' ');
    put_text(out, sev_http_reason(status));
    put_text(out, "\r\n");
}

void sev_http_put_request(sev_buf *out, enum sev_http_method method, sev_slice target,
                          sev_slice host)
{
    for (size_t i = 0; i < target.len; i++)
        if (!http_is(target.ptr[i], HTTP_TEXT) || target.ptr[i] == ' ')
            out->overflow = true;
    put_text(out, sev_http_method_name(method));
    sev_buf_put_byte(out, ' ');
    sev_buf_put_slice(out, target);
    put_text(out, " HTTP/1.1\r\n");
    sev_http_put_field(out, SEV_LIT("Host"), host);
}

void sev_http_put_field(sev_buf *out, sev_slice name, sev_slice value)
{
    if (name.len == 0 || !http_all(name, HTTP_NAME) || !http_all(value, HTTP_TEXT))
        out->overflow = true;
    sev_buf_put_slice(out, name);
    put_text(out, ": ");
    sev_buf_put_slice(out, value);
    put_text(out, "\r\n");
}

void sev_http_put_number(sev_buf *out, sev_slice name, uint64_t value)
{
    uint8_t memory[24];
    sev_buf text = sev_buf_of(memory, sizeof memory);
    sev_decimal_format(value, &text);
    sev_http_put_field(out, name, sev_buf_slice(&text));
}

void sev_http_put_content_range(sev_buf *out, const struct sev_http_range *range, uint64_t total)
{
    put_text(out, "Content-Range: bytes ");
    sev_decimal_format(range->from, out);
    sev_buf_put_byte(out, '-');
    sev_decimal_format(range->from + range->bytes - 1, out);
    sev_buf_put_byte(out, '/');
    sev_decimal_format(total, out);
    put_text(out, "\r\n");
}

void sev_http_put_date(sev_buf *out, sev_time t)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint8_t memory[24]; /* YYYY-MM-DDTHH:MM:SSZ */
    sev_buf iso = sev_buf_of(memory, sizeof memory);
    sev_time_format(t, &iso);
    if (iso.overflow) {
        out->overflow = true;
        return;
    }
    unsigned month = (memory[5] - (unsigned)'0') * 10 + (memory[6] - (unsigned)'0');
    sev_buf_put(out, days + t / 86400 % 7 * 3, 3);
    put_text(out, ", ");
    sev_buf_put(out, memory + 8, 2);
    sev_buf_put_byte(out, ' ');
    sev_buf_put(out, months + (size_t)(month - 1) * 3, 3);
    sev_buf_put_byte(out, ' ');
    sev_buf_put(out, memory, 4);
    sev_buf_put_byte(out, ' ');
    sev_buf_put(out, memory + 11, 8);
    put_text(out, " GMT");
}

void sev_http_put_end(sev_buf *out)
{
    put_text(out, "\r\n");
}
