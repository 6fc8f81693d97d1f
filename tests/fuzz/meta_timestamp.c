/* Fuzz: timestamps. Accepted: one snapshot is named, completely so in the native profile.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include "meta.h"

static sev_err judge(const struct sev_doc *doc, const struct sev_doc *first)
{
    struct sev_timestamp t;
    static struct sev_timestamp before;
    sev_err e = sev_timestamp_parse(doc, &t);
    if (e != SEV_OK)
        return e;
    fuzz_check_common(doc, &t.common);
    MUST(t.snapshot.version >= 0);
    MUST(!t.snapshot.has_length || t.snapshot.length >= 0);
    MUST(!t.snapshot.has_hashes || t.snapshot.hashes.has_sha256 || t.snapshot.hashes.has_sha512);
    if (doc->profile == SEV_PROFILE_NATIVE) {
        MUST(t.snapshot.has_length && t.snapshot.has_hashes);
        MUST(!t.snapshot.hashes.has_unknown);
    }
    if (first != NULL) {
        MUST(t.common.version == before.common.version);
        MUST(t.common.expires == before.common.expires);
        MUST(t.snapshot.version == before.snapshot.version);
        MUST(t.snapshot.length == before.snapshot.length);
        MUST(!t.snapshot.has_hashes || sev_hashes_eq(&t.snapshot.hashes, &before.snapshot.hashes));
    }
    before = t;
    return SEV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_document(data, size, judge);
    return 0;
}
