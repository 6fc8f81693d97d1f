/* The small encodings: what is accepted is the one spelling of its value, and names that are clean
 * stay in their folder. The first byte chooses. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/text.h"

/* fuzz: -max_len=1024 */
#define BYTES_MAX 1024

static uint8_t memory[2][4 * BYTES_MAX];

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void hex(sev_slice text)
{
    sev_buf bytes = sev_buf_of(memory[0], sizeof memory[0]);
    sev_buf again = sev_buf_of(memory[1], sizeof memory[1]);
    if (sev_hex_decode(text, &bytes) != SEV_OK) {
        must(bytes.len == 0 && !bytes.overflow);
        return;
    }
    sev_hex_encode(sev_buf_slice(&bytes), &again);
    must(again.len == text.len);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        must(again.ptr[i] == (c >= 'A' && c <= 'F' ? c + 32 : c));
    }
}

static void base64(sev_slice text)
{
    sev_buf bytes = sev_buf_of(memory[0], sizeof memory[0]);
    sev_buf again = sev_buf_of(memory[1], sizeof memory[1]);
    if (sev_base64_decode(text, &bytes) != SEV_OK) {
        must(bytes.len == 0 && !bytes.overflow);
        sev_base64_encode(text, &again);
        must(sev_base64_decode(sev_buf_slice(&again), &bytes) == SEV_OK);
        must(sev_slice_eq(sev_buf_slice(&bytes), text));
        return;
    }
    sev_base64_encode(sev_buf_slice(&bytes), &again);
    must(sev_slice_eq(sev_buf_slice(&again), text));
}

static void pem(sev_slice text)
{
    static uint8_t third[4 * BYTES_MAX];
    sev_buf der = sev_buf_of(memory[0], sizeof memory[0]);
    sev_buf again = sev_buf_of(memory[1], sizeof memory[1]);
    sev_buf back = sev_buf_of(third, sizeof third);
    sev_err e = sev_pem_decode(text, "PUBLIC KEY", &der);
    must(e == SEV_OK || (der.len == 0 && !der.overflow));
    sev_slice value = e == SEV_OK ? sev_buf_slice(&der) : text;
    sev_pem_encode(value, "PUBLIC KEY", &again);
    must(sev_pem_decode(sev_buf_slice(&again), "PUBLIC KEY", &back) == SEV_OK);
    must(sev_slice_eq(sev_buf_slice(&back), value));
    must(sev_pem_decode(sev_buf_slice(&again), "PRIVATE KEY", &back) == SEV_E_MALFORMED);
}

static void numbers(sev_slice text)
{
    sev_buf again = sev_buf_of(memory[0], sizeof memory[0]);
    sev_time t = -1;
    uint64_t v = UINT64_MAX;
    if (sev_time_parse(text, &t) == SEV_OK) {
        must(t >= 0);
        sev_time_format(t, &again);
        must(sev_slice_eq(sev_buf_slice(&again), text));
    } else {
        must(t == -1);
    }
    again.len = 0;
    if (sev_decimal_parse(text, &v) == SEV_OK) {
        must(v <= 9007199254740991u);
        sev_decimal_format(v, &again);
        must(sev_slice_eq(sev_buf_slice(&again), text));
    } else {
        must(v == UINT64_MAX);
    }
    if (text.len >= sizeof t) {
        memcpy(&t, text.ptr, sizeof t);
        again.len = 0;
        sev_time_format(t, &again);
        sev_time back = -1;
        if (!again.overflow)
            must(sev_time_parse(sev_buf_slice(&again), &back) == SEV_OK && back == t);
    }
}

static void name(sev_slice text)
{
    sev_buf encoded = sev_buf_of(memory[0], sizeof memory[0]);
    bool clean = sev_name_is_clean(text);
    bool nfc = sev_utf8_is_nfc(text);
    must(!clean || nfc);
    must(!nfc || sev_utf8_valid(text));
    sev_percent_encode(text, true, &encoded);
    size_t n = 0;
    for (size_t i = 0; i < encoded.len; i++, n++) {
        uint8_t c = encoded.ptr[i];
        if (c == '%') {
            sev_buf byte = sev_buf_of(&c, 1);
            must(sev_hex_decode(sev_slice_sub(sev_buf_slice(&encoded), i + 1, 2), &byte) == SEV_OK);
            i += 2;
        }
        must(n < text.len && c == text.ptr[n]);
    }
    must(n == text.len);
    if (!clean)
        return;
    must(text.len > 0 && text.ptr[0] != '/' && text.ptr[text.len - 1] != '/');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : '/';
        bool begins = i == 0 || text.ptr[i - 1] == '/';
        must(c >= 0x20 && c != 0x7F && c != '\\');
        must(!begins || c != '.' || next != '/');
        must(!begins || c != '.' || next != '.' || (i + 2 < text.len && text.ptr[i + 2] != '/'));
        must(!begins || c != '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(sev_slice) = {hex, base64, pem, numbers, name};
    if (size == 0 || size > BYTES_MAX)
        return 0;
    tries[data[0] % 5](sev_slice_of(data + 1, size - 1));
    return 0;
}
