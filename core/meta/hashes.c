/* hashes - the digests that metadata lists for files and images. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

static bool read_digest(sev_json *j, uint8_t *out, size_t bytes)
{
    sev_json_str text = {SEV_EMPTY, false};
    uint8_t digest[SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(digest, bytes);
    sev_json_string(j, &text);
    if (j->err != SEV_OK || text.escaped || text.raw.len != 2 * bytes ||
        sev_hex_decode(text.raw, &b) != SEV_OK || b.len != bytes)
        return false;
    memcpy(out, digest, bytes);
    return true;
}

sev_err sev_hashes_parse(sev_slice object, struct sev_hashes *out)
{
    struct sev_hashes h = {.has_sha256 = false};
    bool well_formed = true;
    sev_json j = sev_json_at(object);
    sev_json_str name;
    sev_json_object(&j);
    while (well_formed && sev_json_member(&j, &name)) {
        if (sev_json_str_is(name, "sha256")) {
            h.has_sha256 = well_formed = read_digest(&j, h.sha256, SEV_SHA256_BYTES);
        } else if (sev_json_str_is(name, "sha512")) {
            h.has_sha512 = well_formed = read_digest(&j, h.sha512, SEV_SHA512_BYTES);
        } else {
            h.has_unknown = true;
            sev_json_skip(&j, NULL);
        }
    }
    if (!well_formed || j.err != SEV_OK)
        return SEV_E_MALFORMED;
    /* REQ-MET-07 REQ-MET-27 */
    if (SEV_REFUSE_IF(!h.has_sha256 && !h.has_sha512))
        return SEV_E_MALFORMED;
    *out = h;
    return SEV_OK;
}

bool sev_hashes_eq(const struct sev_hashes *a, const struct sev_hashes *b)
{
    if (a->has_sha256 != b->has_sha256 || a->has_sha512 != b->has_sha512)
        return false;
    if (a->has_sha256 && memcmp(a->sha256, b->sha256, SEV_SHA256_BYTES) != 0)
        return false;
    return !a->has_sha512 || memcmp(a->sha512, b->sha512, SEV_SHA512_BYTES) == 0;
}

bool sev_hashes_fit(const struct sev_hashes *h, sev_slice bytes)
{
    uint8_t digest[SEV_SHA512_BYTES];
    if (h->has_sha256) {
        sev_sha256(bytes, digest);
        if (memcmp(digest, h->sha256, SEV_SHA256_BYTES) != 0)
            return false;
    }
    if (h->has_sha512) {
        sev_sha512(bytes, digest);
        if (memcmp(digest, h->sha512, SEV_SHA512_BYTES) != 0)
            return false;
    }
    return h->has_sha256 || h->has_sha512;
}
