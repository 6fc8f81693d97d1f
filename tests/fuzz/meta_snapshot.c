/* Fuzz: snapshots. Accepted: lists targets; each entry is found under its name and follows itself;
 * the canonical form follows and is followed. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include "meta.h"

static void check_entries(const struct sev_doc *doc, const struct sev_snapshot *s)
{
    sev_json j = sev_json_at(s->meta);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        char plain[SEV_ROLE_NAME_BYTES_MAX + 8];
        sev_buf b = sev_buf_of(plain, sizeof plain);
        struct sev_fileinfo info;
        sev_json_skip(&j, NULL);
        if (sev_json_str_copy(name, &b) != SEV_OK || b.len < 5 || b.len > sizeof plain - 3 ||
            memcmp(plain + b.len - 5, ".json", 5) != 0 || sev_json_str_is(name, "root.json"))
            continue;
        MUST(sev_snapshot_find(s, sev_slice_of(plain, b.len - 5), &info) == SEV_OK);
        MUST(info.version >= 0);
        MUST(doc->profile != SEV_PROFILE_NATIVE || (info.has_length && info.has_hashes));
    }
    MUST(j.err == SEV_OK);
}

static sev_err judge(const struct sev_doc *doc, const struct sev_doc *first)
{
    struct sev_snapshot s, before;
    struct sev_fileinfo info;
    sev_err e = sev_snapshot_parse(doc, &s);
    if (e != SEV_OK)
        return e;
    fuzz_check_common(doc, &s.common);
    MUST(sev_snapshot_find(&s, SEV_LIT("targets"), &info) == SEV_OK);
    MUST(sev_snapshot_find(&s, SEV_LIT(""), &info) != SEV_E_MALFORMED);
    MUST(sev_snapshot_follows(&s, &s, doc->profile) == SEV_OK);
    check_entries(doc, &s);
    if (first != NULL) {
        MUST(sev_snapshot_parse(first, &before) == SEV_OK);
        MUST(sev_snapshot_follows(&before, &s, doc->profile) == SEV_OK);
        MUST(sev_snapshot_follows(&s, &before, doc->profile) == SEV_OK);
    }
    return SEV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_document(data, size, judge);
    return 0;
}
