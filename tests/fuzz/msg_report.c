/* Fuzz: ECU reports in both forms, and the list of attacks in them. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sev_slice input = sev_slice_of(data, size);
    uint32_t set, again;
    char text[512];
    fuzz_named("report", input);
    if (sev_attacks_parse(input, &set) == SEV_OK) {
        sev_buf b = sev_buf_of(text, sizeof text);
        sev_attacks_write(set, &b);
        if (b.overflow || sev_attacks_parse(sev_buf_slice(&b), &again) != SEV_OK ||
            again != (set & ~SEV_ATTACKS_OTHER))
            abort();
    }
    return 0;
}
