/* Fuzz: what operators send to the admin API, by the members of a form. What is accepted was all
 * looked at, lies within its bounds, and is accepted again in canonical form with the same meaning.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include <stdlib.h>
#include <string.h>

#include "secureev/admin.h"
#include "secureev/text.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

struct form {
    sev_slice id, bundle, targets, remark;
    int64_t count, when, yes;
    bool has_count, has_when, has_yes;
};

static sev_err read_form(sev_slice body, struct sev_arena *arena, struct form *f)
{
    *f = (struct form){.count = 0};
    const struct sev_form_member members[] = {
        {"bundle", SEV_FORM_JSON, false, 512, &f->bundle, NULL, NULL},
        {"count", SEV_FORM_INTEGER, false, 0, NULL, &f->count, &f->has_count},
        {"id", SEV_FORM_TEXT, true, 64, &f->id, NULL, NULL},
        {"remark", SEV_FORM_TEXT, false, 256, &f->remark, NULL, NULL},
        {"targets", SEV_FORM_JSON, false, 1024, &f->targets, NULL, NULL},
        {"when", SEV_FORM_TIME, false, 0, NULL, &f->when, &f->has_when},
        {"yes", SEV_FORM_BOOL, false, 0, NULL, &f->yes, &f->has_yes}};
    return sev_form_read(body, arena, members, 7);
}

static void check_text(sev_slice text, size_t max)
{
    MUST(text.len <= max && sev_utf8_valid(text));
    for (size_t i = 0; i < text.len; i++)
        MUST(text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
}

static void check_json(sev_slice value)
{
    struct sev_json_info info = {.canonical = 0};
    static uint32_t slots[4096];
    struct sev_json_scratch scratch = {slots, sizeof slots / sizeof slots[0]};
    if (value.len == 0)
        return;
    MUST(sev_json_check(value, scratch, &info, NULL) == SEV_OK);
    MUST((info.canonical & SEV_CANON_JCS) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[1u << 17], more[1u << 17], room[1u << 15];
    static uint32_t slots[8192];
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_arena second = sev_arena_of(more, sizeof more);
    struct form f, again;
    sev_slice body = sev_slice_of(data, size);
    (void)sev_admin_token_is_one(body);
    if (sev_operator_name_is_clean(body))
        check_text(body, SEV_OPERATOR_NAME_BYTES_MAX);
    if (read_form(body, &arena, &f) != SEV_OK)
        return 0;
    check_text(f.id, 64);
    check_text(f.remark, 256);
    check_json(f.bundle);
    check_json(f.targets);
    MUST(f.id.len > 0 && f.count >= 0 && (f.yes == 0 || f.yes == 1));
    sev_buf b = sev_buf_of(room, sizeof room);
    MUST(sev_json_canonical(body, SEV_CANON_JCS, (struct sev_json_scratch){slots, 8192}, &b) ==
         SEV_OK);
    MUST(read_form(sev_buf_slice(&b), &second, &again) == SEV_OK);
    MUST(sev_slice_eq(f.id, again.id) && sev_slice_eq(f.remark, again.remark));
    MUST(sev_slice_eq(f.bundle, again.bundle) && sev_slice_eq(f.targets, again.targets));
    MUST(f.count == again.count && f.when == again.when && f.yes == again.yes);
    MUST(f.has_count == again.has_count && f.has_when == again.has_when);
    return 0;
}
