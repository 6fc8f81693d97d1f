/* msg_parts - what several messages have in common. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

/* Elements of arrays. */
const struct msg_field msg_document = {
    MSG_FIELD("", MSG_K_RAW, 0, MSG_REQUIRED, 2, SEV_MESSAGE_BYTES_MAX)};
const struct msg_field msg_serial = {
    MSG_FIELD("", MSG_K_TEXT, 0, MSG_REQUIRED, 1, SEV_ID_BYTES_MAX)};
const struct msg_field msg_nonce = {
    MSG_FIELD("", MSG_K_BYTES, 0, MSG_REQUIRED, SEV_NONCE_BYTES, SEV_NONCE_BYTES)};
const struct msg_field msg_digest = {
    MSG_FIELD("", MSG_K_BYTES, 0, MSG_REQUIRED, SEV_SHA256_BYTES, SEV_SHA256_BYTES)};

static bool hashes_consistent(const void *value)
{
    const struct sev_hashes *h = value;
    if (SEV_REFUSE_IF(!h->has_sha256 && !h->has_sha512))
        return false;
    return true;
}

static const struct msg_field hashes_fields[] = {
    MSG_BYTES(struct sev_hashes, "sha256", sha256, MSG_HAS(struct sev_hashes, has_sha256),
              SEV_SHA256_BYTES),
    MSG_BYTES(struct sev_hashes, "sha512", sha512, MSG_HAS(struct sev_hashes, has_sha512),
              SEV_SHA512_BYTES),
};
const struct msg_table msg_hashes_table = MSG_TABLE(hashes_fields, hashes_consistent);

static const struct msg_field fileinfo_fields[] = {
    MSG_OBJECT("hashes", MSG_AT(struct sev_image_info, hashes, struct sev_hashes), MSG_REQUIRED,
               msg_hashes_table),
    MSG_INTEGER(struct sev_image_info, "length", length, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
const struct msg_table msg_fileinfo_table = MSG_TABLE(fileinfo_fields, NULL);

static const struct msg_field image_fields[] = {
    MSG_OBJECT("fileinfo", 0, MSG_REQUIRED, msg_fileinfo_table),
    MSG_NAME(struct sev_image_info, "filepath", name),
};
const struct msg_table msg_image_table = MSG_TABLE(image_fields, NULL);

static const struct msg_field bundle_fields[] = {
    MSG_ID(struct sev_bundle_ref, "id", id),
    MSG_INTEGER(struct sev_bundle_ref, "version", version, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
const struct msg_table msg_bundle_table = MSG_TABLE(bundle_fields, NULL);

static const struct msg_field wrap_fields[] = {
    MSG_HEX(struct sev_wrap, "ct", ct, 16, SEV_WRAP_CT_BYTES_MAX),
    MSG_HEX(struct sev_wrap, "enc", enc, 32, SEV_WRAP_ENC_BYTES_MAX),
    MSG_BYTES(struct sev_wrap, "keyid", keyid, MSG_REQUIRED, SEV_SHA256_BYTES),
};
const struct msg_table msg_wrap_table = MSG_TABLE(wrap_fields, NULL);
