/* Fuzz: targets. Accepted: each image is found under its name or refused as a whole; what it says
 * does not depend on the spelling. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=8192 */
#include "meta.h"
#include "secureev/walk.h"

static uint8_t listing_memory[1u << 18];

static sev_err listing_of(const struct sev_targets *t, sev_profile profile, sev_slice name,
                          struct sev_listing *out)
{
    struct sev_arena arena = sev_arena_of(listing_memory, sizeof listing_memory);
    struct sev_target entry;
    sev_err e = sev_targets_find(t, profile, name, &entry);
    if (e != SEV_OK)
        return e;
    MUST(entry.length >= 0);
    MUST(entry.hashes.has_sha256 || entry.hashes.has_sha512);
    MUST(profile != SEV_PROFILE_NATIVE || !entry.hashes.has_unknown);
    MUST(sev_json_str_eq_slice(entry.name, name));
    return sev_listing_of(&entry, SEV_LIT("role"), SEV_LIT("hw"), &arena, out);
}

static sev_err judge(const struct sev_doc *doc, const struct sev_doc *first)
{
    struct sev_targets t, before;
    sev_err e = sev_targets_parse(doc, &t);
    if (e != SEV_OK)
        return e;
    fuzz_check_common(doc, &t.common);
    if (first != NULL)
        MUST(sev_targets_parse(first, &before) == SEV_OK);
    sev_json j = sev_json_at(t.targets);
    sev_json_str name;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        char plain[SEV_NAME_BYTES_MAX];
        sev_buf b = sev_buf_of(plain, sizeof plain);
        struct sev_listing l, m;
        sev_json_skip(&j, NULL);
        if (sev_json_str_copy(name, &b) != SEV_OK)
            continue;
        e = listing_of(&t, doc->profile, sev_buf_slice(&b), &l);
        MUST(e != SEV_E_NOT_FOUND);
        if (first == NULL)
            continue;
        MUST(listing_of(&before, doc->profile, sev_buf_slice(&b), &m) == e);
        MUST(e != SEV_OK || (l.length == m.length && sev_hashes_eq(&l.hashes, &m.hashes) &&
                             l.has_match == m.has_match && l.names_hardware == m.names_hardware &&
                             memcmp(l.match_sha256, m.match_sha256, sizeof l.match_sha256) == 0));
    }
    MUST(j.err == SEV_OK);
    return SEV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_document(data, size, judge);
    return 0;
}
