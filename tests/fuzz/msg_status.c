/* Fuzz: statuses, replies and the answer that carries them, as envelopes and as bodies.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sev_slice input = sev_slice_of(data, size);
    fuzz_envelope(input);
    fuzz_named("status", input);
    return 0;
}
