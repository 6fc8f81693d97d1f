/* Fuzz: all other messages; the first byte chooses which. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    sev_slice body = sev_slice_of(data + 1, size - 1);
    fuzz_body(&message_cases[data[0] % MESSAGE_CASES], body);
    return 0;
}
