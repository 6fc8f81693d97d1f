/* The canonical forms, equality and the writer: accepted implies identical re-encoding.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/json.h"

/* fuzz: -max_len=4096 */
#define BYTES_MAX 4096

static uint32_t slots[BYTES_MAX];
static const struct sev_json_scratch scratch = {slots, BYTES_MAX};
static uint8_t memory[8][6 * BYTES_MAX];

static void must(bool condition)
{
    if (!condition)
        abort();
}

static sev_slice canonical(sev_slice value, unsigned form, unsigned where)
{
    sev_buf out = sev_buf_of(memory[where], sizeof memory[where]);
    must(sev_json_canonical(value, form, scratch, &out) == SEV_OK);
    return sev_buf_slice(&out);
}

static struct sev_json_info check(sev_slice doc)
{
    struct sev_json_info info = {0, 0};
    must(sev_json_check(doc, scratch, &info, NULL) == SEV_OK);
    return info;
}

/* Members stand in order in `j`: that is what the writer wants. */
static void rewrite(sev_json *j, sev_json_writer *w)
{
    static uint8_t plain[6 * BYTES_MAX];
    sev_buf out = sev_buf_of(plain, sizeof plain);
    sev_json_str s = {SEV_EMPTY, false};
    int64_t v = 0;
    bool b = false;
    switch (sev_json_peek(j)) {
    case SEV_JSON_OBJECT:
        sev_json_object(j);
        sev_json_w_object(w);
        while (sev_json_member(j, &s)) {
            out.len = 0;
            must(sev_json_str_copy(s, &out) == SEV_OK);
            sev_json_w_name(w, sev_buf_slice(&out));
            rewrite(j, w);
        }
        sev_json_w_object_end(w);
        break;
    case SEV_JSON_ARRAY:
        sev_json_array(j);
        sev_json_w_array(w);
        while (sev_json_element(j))
            rewrite(j, w);
        sev_json_w_array_end(w);
        break;
    case SEV_JSON_STRING:
        sev_json_string(j, &s);
        must(sev_json_str_copy(s, &out) == SEV_OK);
        sev_json_w_string(w, sev_buf_slice(&out));
        break;
    case SEV_JSON_INTEGER:
        sev_json_integer(j, &v);
        sev_json_w_integer(w, v);
        break;
    case SEV_JSON_BOOL:
        sev_json_bool(j, &b);
        sev_json_w_bool(w, b);
        break;
    default:
        sev_json_skip(j, NULL);
        sev_json_w_null(w);
    }
}

static void written_again(sev_slice doc, sev_slice ascii, sev_slice olpc)
{
    sev_buf out = sev_buf_of(memory[6], sizeof memory[6]);
    sev_json_writer w = sev_json_writer_to(&out);
    sev_json j = sev_json_at(ascii);
    rewrite(&j, &w);
    must(j.err == SEV_OK && sev_json_w_end(&w) == SEV_OK);
    sev_slice written = sev_buf_slice(&out);
    must(sev_json_equal(written, doc));
    must(sev_slice_eq(canonical(written, SEV_CANON_OLPC, 7), olpc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned forms[3] = {SEV_CANON_OLPC, SEV_CANON_ASCII, SEV_CANON_JCS};
    struct sev_json_info info;
    sev_slice doc = sev_slice_of(data, size), once[3];
    if (size > BYTES_MAX || sev_json_check(doc, scratch, &info, NULL) != SEV_OK)
        return 0;
    for (unsigned i = 0; i < 3; i++) {
        once[i] = canonical(doc, forms[i], i);
        must(sev_slice_eq(once[i], doc) == ((info.canonical & forms[i]) != 0));
    }
    must(once[0].len <= size && once[1].len <= 3 * size && once[2].len <= 3 * size);
    for (size_t i = 0; i < once[1].len; i++)
        must(once[1].ptr[i] >= 0x20 && once[1].ptr[i] < 0x80);
    for (unsigned i = 1; i < 3; i++) { /* these two are JSON */
        struct sev_json_info again = check(once[i]);
        must((again.canonical & forms[i]) != 0 && again.members == info.members);
        must(sev_json_equal(once[i], doc) && sev_json_equal(doc, once[i]));
        for (unsigned k = 0; k < 3; k++) {
            sev_slice twice = canonical(once[i], forms[k], 5);
            must(sev_slice_eq(twice, once[k]));
            must(sev_slice_eq(once[i], once[k]) == ((again.canonical & forms[k]) != 0));
        }
    }
    written_again(doc, once[1], once[0]);
    return 0;
}
