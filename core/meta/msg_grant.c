/* msg_grant - leave to download certain blobs for some days. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

static const struct msg_field grant_fields[] = {
    MSG_OBJECT("bundle", MSG_AT(struct sev_grant, bundle, struct sev_bundle_ref), MSG_REQUIRED,
               msg_bundle_table),
    MSG_TIME(struct sev_grant, "expires", expires),
    MSG_BYTES(struct sev_grant, "id", id, MSG_REQUIRED, SEV_NONCE_BYTES),
    {MSG_FIELD("images", MSG_K_LIST, MSG_AT(struct sev_grant, images, sev_slice), MSG_REQUIRED, 1,
               SEV_GRANT_IMAGES_MAX),
     .element = &msg_digest, .ascending = true},
    MSG_TIME(struct sev_grant, "issued", issued),
    MSG_ID(struct sev_grant, "oem", oem),
    MSG_BYTES(struct sev_grant, "subject", subject, MSG_REQUIRED, SEV_SHA256_BYTES),
};

/* Offline, a stolen `publish` key is bounded by this alone. DESIGN 3.5 */
static bool grant_consistent(const void *value)
{
    const struct sev_grant *m = value;
    if (SEV_REFUSE_IF(m->expires <= m->issued))
        return false;
    if (SEV_REFUSE_IF(m->expires - m->issued > SEV_GRANT_SECONDS_MAX))
        return false;
    return true;
}
static const struct msg_table grant_table = MSG_TABLE(grant_fields, grant_consistent);

sev_err sev_grant_decode(const struct sev_doc *doc, struct sev_grant *out)
{
    struct sev_grant m = {.issued = 0};
    sev_err e = msg_decode_body(doc, "grant", &grant_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_grant_encode(const struct sev_grant *m, sev_buf *out)
{
    return msg_encode("grant", &grant_table, MSG_NATIVE, m, out);
}

sev_err sev_grant_check(struct sev_crypto *crypto, const struct sev_role *role,
                        const struct sev_doc *doc, const uint8_t subject[SEV_SHA256_BYTES],
                        sev_time now, struct sev_grant *out)
{
    struct sev_grant m;
    sev_err e = sev_grant_decode(doc, &m);
    if (e == SEV_OK)
        e = sev_quorum_check(crypto, role, doc, NULL);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(memcmp(m.subject, subject, SEV_SHA256_BYTES) != 0))
        return SEV_E_WRONG_SUBJECT;
    if (SEV_REFUSE_IF(now >= m.expires))
        return SEV_E_EXPIRED;
    /* Issued in the future, it would last longer than seven days. */
    if (SEV_REFUSE_IF(m.issued - now > SEV_CLOCK_SKEW_SECONDS_MAX))
        return SEV_E_EXPIRED;
    *out = m;
    return SEV_OK;
}

bool sev_grant_covers(const struct sev_grant *grant, const uint8_t sha256[SEV_SHA256_BYTES])
{
    sev_json it = sev_list(grant->images);
    while (sev_json_element(&it)) {
        uint8_t image[SEV_SHA256_BYTES] = {0};
        msg_read_value(&it, &msg_digest, MSG_NATIVE, image);
        if (it.err == SEV_OK && memcmp(image, sha256, sizeof image) == 0)
            return true;
    }
    return false;
}
