/* Fuzz: delegations. Accepted: one to eight roles with names that can be files, an agreement that
 * can be reached; what it covers does not grow with the hardware asked for.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include "meta.h"

static void check_name(sev_json_str name, sev_profile profile)
{
    static const char *const reserved[] = {"root", "timestamp", "snapshot", "targets"};
    char plain[SEV_ROLE_NAME_BYTES_MAX];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    MUST(sev_json_str_copy(name, &b) == SEV_OK && b.len > 0);
    for (int i = 0; i < 4; i++)
        MUST(!sev_json_str_is(name, reserved[i]));
    if (profile == SEV_PROFILE_TUF)
        return;
    for (size_t i = 0; i < b.len; i++)
        MUST(plain[i] != '/' && plain[i] != '\\' && plain[i] != '\0');
    MUST(!(b.len == 1 && plain[0] == '.') && !(b.len == 2 && memcmp(plain, "..", 2) == 0));
}

static void check(const struct sev_delegation *d, sev_profile profile)
{
    static const char *const images[] = {"acme/brake.bin", "x", "a/b/c", ""};
    MUST(d->role_count >= 1 && d->role_count <= SEV_MULTI_ROLES_MAX);
    MUST(d->min_roles >= 1 && d->min_roles <= (int64_t)d->role_count);
    for (uint32_t i = 0; i < d->role_count; i++)
        check_name(d->roles[i].name, profile);
    for (int i = 0; i < 4; i++) {
        sev_slice image = sev_slice_of(images[i], strlen(images[i]));
        bool any = sev_delegation_covers(d, image, SEV_EMPTY);
        MUST(any || !sev_delegation_covers(d, image, SEV_LIT("hw-brake")));
        MUST(!any || d->paths.len != 0 || d->hash_prefixes.len != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sev_arena arena = sev_arena_of(fuzz_memory[0], sizeof fuzz_memory[0]);
    if (size == 0)
        return 0;
    sev_profile profile = (sev_profile)(data[0] % 3);
    sev_slice list = sev_slice_of(data + 1, size - 1);
    if (sev_json_check(list, sev_arena_scratch(&arena), NULL, NULL) != SEV_OK)
        return 0;
    sev_json j = sev_json_at(list);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        sev_err e = sev_delegation_parse(&j, SEV_LIT("{}"), profile, &d);
        if (e != SEV_OK)
            break;
        check(&d, profile);
    }
    (void)fuzz_document;
    (void)fuzz_check_common;
    return 0;
}
