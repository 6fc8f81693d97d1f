/* The push tokenizer: however the document is cut into pieces, the verdict, the tokens and the
 * canonical bytes of the whole-document reader. The first two bytes are sizes of pieces.
 * SPDX-License-Identifier: MIT */
#include "../lib/json_stream_same.h"

/* fuzz: -max_len=2048 */
#define BYTES_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct same_log whole, cut;
    if (size < 2 || size > BYTES_MAX)
        return 0;
    sev_slice doc = sev_slice_of(data + 2, size - 2);
    size_t all[] = {SIZE_MAX}, pieces[] = {data[0], 1, data[1], 3};
    sev_err e = same_feed(doc, all, 1, &whole);
    const char *why = same_verdict(doc, e, &whole);
    if (why != NULL) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    if (same_feed(doc, pieces, 4, &cut) != e || cut.len != whole.len ||
        memcmp(cut.text, whole.text, whole.len) != 0)
        abort();
    if (e == SEV_OK && (cut.canonical_len != whole.canonical_len ||
                        memcmp(cut.canonical, whole.canonical, whole.canonical_len) != 0))
        abort();
    return 0;
}
