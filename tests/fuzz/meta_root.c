/* Fuzz: roots. Accepted: four roles, each of which can be satisfied and none by nobody; the same
 * set of keys whatever the spelling. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=16384 */
#include "meta.h"

static uint8_t digests[SEV_TOP_ROLES][SEV_SHA256_BYTES];

static sev_err judge(const struct sev_doc *doc, const struct sev_doc *first)
{
    struct sev_root root;
    sev_err e = sev_root_parse(doc, &root);
    if (e != SEV_OK)
        return e;
    fuzz_check_common(doc, &root.common);
    MUST(root.common.version >= 1);
    for (int i = 0; i < SEV_TOP_ROLES; i++) {
        uint8_t digest[SEV_SHA256_BYTES];
        MUST(root.roles[i].threshold >= 1);
        MUST(sev_role_check(&root.roles[i], doc->profile) == SEV_OK);
        MUST(sev_role_digest(&root.roles[i], doc->profile, digest) == SEV_OK);
        if (first != NULL)
            MUST(memcmp(digest, digests[i], sizeof digest) == 0);
        memcpy(digests[i], digest, sizeof digest);
        /* Exactly as many as signed reach the threshold. */
        struct sev_role role = root.roles[i];
        uint32_t count = 0;
        if (sev_quorum_check(NULL, &role, doc, &count) == SEV_OK) {
            MUST(count >= role.threshold);
            role.threshold = (int64_t)count + 1;
            MUST(sev_quorum_check(NULL, &role, doc, NULL) == SEV_E_SIGNATURE);
        }
    }
    static const char *const names[] = {"time", "publish", "kem"};
    for (int i = 0; i < 3; i++) {
        struct sev_role extra;
        if (sev_root_extra(&root, doc->profile, names[i], &extra) == SEV_OK)
            MUST(extra.threshold >= 1);
    }
    return SEV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_document(data, size, judge);
    return 0;
}
