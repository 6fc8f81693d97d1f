/* The strict reader: the verdict of a slow reader written apart (json_reference.h), exact flags,
 * and whatever is accepted can be walked to its end. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "json_reference.h"
#include "secureev/json.h"
#include "secureev/text.h"

/* fuzz: -max_len=4096 */
#define BYTES_MAX 4096

static uint32_t slots[BYTES_MAX];
static const struct sev_json_scratch scratch = {slots, BYTES_MAX};
static const struct sev_json_scratch none = {NULL, 0};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void walk_string(sev_json_str s)
{
    static uint8_t plain[BYTES_MAX];
    sev_buf out = sev_buf_of(plain, sizeof plain);
    must(sev_json_str_copy(s, &out) == SEV_OK);
    must(out.len == sev_json_str_len(s));
    must(sev_utf8_valid(sev_buf_slice(&out)));
    must(sev_json_str_eq_slice(s, sev_buf_slice(&out)));
    must(sev_json_str_eq(s, s));
}

/* One value, with the calls of its kind; recursion ends with the depth that was checked. */
static void walk(sev_json *j)
{
    sev_json_str s = {SEV_EMPTY, false};
    sev_json before = *j;
    sev_slice bytes = SEV_EMPTY;
    int64_t v = INT64_MIN;
    bool b;
    switch (sev_json_peek(j)) {
    case SEV_JSON_OBJECT:
        sev_json_object(j);
        while (sev_json_member(j, &s)) {
            walk_string(s);
            walk(j);
        }
        break;
    case SEV_JSON_ARRAY:
        sev_json_array(j);
        while (sev_json_element(j))
            walk(j);
        break;
    case SEV_JSON_STRING:
        sev_json_string(j, &s);
        walk_string(s);
        break;
    case SEV_JSON_INTEGER:
        sev_json_integer(j, &v);
        must(v >= -SEV_JSON_INT_MAX && v <= SEV_JSON_INT_MAX);
        break;
    case SEV_JSON_BOOL:
        sev_json_bool(j, &b);
        break;
    default:
        sev_json_skip(j, &bytes);
        must(sev_slice_eq(bytes, SEV_LIT("null")));
    }
    must(j->err == SEV_OK);
    sev_json_skip(&before, &bytes);
    must(before.err == SEV_OK && before.pos == j->pos);
}

/* Unchecked bytes: any answer will do, but it must come, and from inside the bytes. */
static void stumble(sev_slice doc)
{
    sev_json j = sev_json_at(doc);
    sev_json_str s = {SEV_EMPTY, false};
    int64_t v;
    bool b;
    for (int i = 0; i < 200 && j.err == SEV_OK; i++) {
        sev_json_kind kind = sev_json_peek(&j);
        if (kind == SEV_JSON_OBJECT)
            sev_json_object(&j);
        else if (kind == SEV_JSON_ARRAY)
            sev_json_array(&j);
        else if (kind == SEV_JSON_INTEGER)
            sev_json_integer(&j, &v);
        else if (kind == SEV_JSON_BOOL)
            sev_json_bool(&j, &b);
        else if (i % 3 == 0)
            sev_json_member(&j, &s);
        else if (i % 3 == 1)
            sev_json_element(&j);
        else
            sev_json_skip(&j, NULL);
    }
    (void)sev_json_str_len(s);
    (void)sev_json_get(doc, "a");
    (void)sev_json_equal(doc, doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sev_json_info info = {99, 99}, again = {99, 99};
    size_t offset = size + 1;
    sev_slice doc = sev_slice_of(data, size);
    if (size > BYTES_MAX)
        return 0;
    stumble(doc);
    sev_err e = sev_json_check(doc, scratch, &info, &offset);
    sev_err poor = sev_json_check(doc, none, &again, NULL);
    must((e == SEV_OK) == reference_accepts(data, size));
    if (e != SEV_OK) {
        must(offset <= size && sev_err_class(e) == SEV_CLASS_REFUSE);
        must(info.canonical == 99 && info.members == 99 && poor != SEV_OK);
        return 0;
    }
    must(poor == SEV_E_JSON_LIMIT ||
         (poor == SEV_OK && again.canonical == info.canonical && again.members == info.members));
    sev_json j = sev_json_at(doc);
    walk(&j);
    must(sev_json_peek(&j) == SEV_JSON_NONE && j.pos == size);
    must(sev_json_equal(doc, doc));
    return 0;
}
