/* wycheproof - walks a gzipped Wycheproof file. SPDX-License-Identifier: MIT */
#include "wycheproof.h"

#include <stdlib.h>
#include <zlib.h>

#include "secureev/json.h"
#include "secureev/text.h"
#include "test.h"

#define FILE_BYTES_MAX (4u << 20) /* the largest that we read has 340 kB */

static sev_slice read_gz(const char *path)
{
    uint8_t *bytes = malloc(FILE_BYTES_MAX);
    gzFile f = gzopen(path, "rb");
    assert_non_null(bytes);
    assert_non_null(f);
    int len = gzread(f, bytes, FILE_BYTES_MAX);
    assert_int_equal(gzclose(f), Z_OK);
    assert_true(len > 0 && (unsigned)len < FILE_BYTES_MAX);
    return sev_slice_of(bytes, (size_t)len);
}

sev_slice wycheproof_hex(sev_slice object, const char *name)
{
    static uint8_t rooms[8][1 << 17];
    static unsigned next;
    sev_json j = sev_json_at(sev_json_get(object, name));
    sev_json_str text;
    sev_buf out = sev_buf_of(rooms[next % 8], sizeof rooms[0]);
    next++;
    sev_json_string(&j, &text);
    CHECK_OK(j.err);
    CHECK_OK(sev_hex_decode(text.raw, &out));
    return sev_buf_slice(&out);
}

int wycheproof_int(sev_slice object, const char *name)
{
    sev_json j = sev_json_at(sev_json_get(object, name));
    int64_t v = 0;
    sev_json_integer_in(&j, 0, 1 << 30, &v);
    CHECK_OK(j.err);
    return (int)v;
}

struct walk {
    wycheproof_fn accepts;
    struct wycheproof_decided decided;
    int valid, invalid, wrong, accepted_by_decision;
};

static void run_group(sev_slice group, struct walk *n)
{
    sev_json j = sev_json_at(sev_json_get(group, "tests"));
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct wycheproof_test t = {.group = group};
        sev_json_skip(&j, &t.test);
        sev_slice result = sev_json_get(t.test, "result");
        t.id = wycheproof_int(t.test, "tcId");
        t.valid = sev_slice_eq(result, SEV_LIT("\"valid\""));
        CHECK(t.valid || sev_slice_eq(result, SEV_LIT("\"invalid\"")));
        *(t.valid ? &n->valid : &n->invalid) += 1;
        bool decided = n->decided.first <= t.id && t.id <= n->decided.last;
        CHECK(!(decided && t.valid));
        n->accepted_by_decision += decided;
        if (n->accepts(&t) != (t.valid || decided)) {
            sev_slice comment = sev_json_get(t.test, "comment");
            print_error("test %d %.*s is %s\n", t.id, (int)comment.len, (const char *)comment.ptr,
                        t.valid ? "valid but refused" : "invalid but accepted");
            n->wrong++;
        }
    }
    CHECK_OK(j.err);
}

void wycheproof_run(const char *file, wycheproof_fn accepts,
                    const struct wycheproof_decided *decided)
{
    char relative[128];
    snprintf(relative, sizeof relative, "wycheproof/%s_test.json.gz", file);
    sev_slice doc = read_gz(sev_test_vectors(relative));
    uint32_t slots[256];
    struct sev_json_scratch scratch = {slots, sizeof slots / sizeof slots[0]};
    size_t offset = 0;
    sev_err e = sev_json_check(doc, scratch, NULL, &offset);
    if (e != SEV_OK)
        fail_msg("%s: %s at byte %zu", file, sev_err_id(e), offset);
    struct walk n = {.accepts = accepts};
    if (decided != NULL)
        n.decided = *decided;
    sev_json j = sev_json_at(sev_json_get(doc, "testGroups"));
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_slice group;
        sev_json_skip(&j, &group);
        run_group(group, &n);
    }
    CHECK_OK(j.err);
    CHECK_EQ(n.valid + n.invalid, wycheproof_int(doc, "numberOfTests"));
    print_message("%s: %d valid, %d invalid, %d wrong answers\n", file, n.valid, n.invalid,
                  n.wrong);
    if (decided != NULL)
        print_message("%s: %d invalid ones accepted: %s\n", file, n.accepted_by_decision,
                      decided->why);
    CHECK_EQ(n.wrong, 0);
    free((void *)(uintptr_t)doc.ptr);
}
