/* Fuzz: repository maps. Accepted: whatever image, Director and Images must agree on it, and every
 * repository of the entry. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include "meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const images[] = {"acme/brake.bin", "x", "a/b/c"};
    struct sev_arena arena = sev_arena_of(fuzz_memory[0], sizeof fuzz_memory[0]);
    struct sev_map map;
    (void)fuzz_document;
    (void)fuzz_check_common;
    if (sev_map_parse(sev_slice_of(data, size), &arena, &map) != SEV_OK)
        return 0;
    MUST(map.count >= 2 && map.count <= SEV_REPOSITORIES_MAX);
    MUST(sev_slice_eq(map.repositories[0].name, SEV_LIT("director")));
    uint32_t of_images = 0;
    for (uint32_t i = 0; i < map.count; i++) {
        sev_slice name = map.repositories[i].name;
        MUST(name.len >= 1 && name.len <= 31);
        for (size_t k = 0; k < name.len; k++)
            MUST(name.ptr[k] != '/' && name.ptr[k] != '.');
        for (uint32_t k = 0; k < i; k++)
            MUST(!sev_slice_eq(name, map.repositories[k].name));
        if (sev_slice_eq(name, SEV_LIT("images")))
            of_images = 1u << i;
    }
    MUST(of_images != 0);
    for (int i = 0; i < 3; i++) {
        uint32_t mask = 0;
        sev_err e = sev_map_needs(&map, sev_slice_of(images[i], strlen(images[i])), &mask);
        MUST(e == SEV_OK || e == SEV_E_DISAGREE);
        MUST(e != SEV_OK || ((mask & 1u) != 0 && (mask & of_images) != 0));
        MUST(mask < 1u << map.count);
    }
    return 0;
}
