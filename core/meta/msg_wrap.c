/* msg_wrap - documents that carry a content key, or a key to wrap one to. No cryptography here
 * but hashes and signatures: HPKE comes with the image format. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "meta/msg.h"

sev_err sev_wrap_decode(sev_slice object, struct sev_wrap *out)
{
    struct sev_wrap m = {.enc = SEV_EMPTY};
    sev_err e = msg_decode(object, &msg_wrap_table, MSG_NATIVE, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_wrap_encode(const struct sev_wrap *m, sev_buf *out)
{
    return msg_encode(NULL, &msg_wrap_table, MSG_NATIVE, m, out);
}

/* ------------------------------------------------------------- key envelope */

static const struct msg_field blob_fields[] = {
    MSG_OBJECT("hashes", MSG_AT(struct sev_key_envelope, blob, struct sev_hashes), MSG_REQUIRED,
               msg_hashes_table),
    MSG_INTEGER(struct sev_key_envelope, "length", blob_length, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
static const struct msg_table blob_table = MSG_TABLE(blob_fields, NULL);

static const struct msg_field envelope_fields[] = {
    MSG_OBJECT("blob", 0, MSG_REQUIRED, blob_table),
    MSG_NAME(struct sev_key_envelope, "name", name),
    MSG_ID(struct sev_key_envelope, "oem", oem),
    MSG_TIME(struct sev_key_envelope, "time", time),
    MSG_OBJECT("wrap", MSG_AT(struct sev_key_envelope, wrap, struct sev_wrap), MSG_REQUIRED,
               msg_wrap_table),
};
static const struct msg_table envelope_table = MSG_TABLE(envelope_fields, NULL);

sev_err sev_key_envelope_decode(const struct sev_doc *doc, struct sev_key_envelope *out)
{
    struct sev_key_envelope m = {.time = 0};
    sev_err e = msg_decode_body(doc, "key-envelope", &envelope_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_key_envelope_encode(const struct sev_key_envelope *m, sev_buf *out)
{
    return msg_encode("key-envelope", &envelope_table, MSG_NATIVE, m, out);
}

/* ------------------------------------------------------------------- prekey */

static const struct msg_field prekey_fields[] = {
    MSG_INTEGER(struct sev_prekey, "counter", counter, MSG_REQUIRED, 1, SEV_JSON_INT_MAX),
    MSG_ID(struct sev_prekey, "ecu", ecu),
    MSG_RAW(struct sev_prekey, "key", key, MSG_REQUIRED, SEV_KEY_OBJECT_BYTES_MAX),
    MSG_TIME(struct sev_prekey, "time", time),
    MSG_ID(struct sev_prekey, "vehicle", vehicle),
};
static const struct msg_table prekey_table = MSG_TABLE(prekey_fields, NULL);

sev_err sev_prekey_decode(const struct sev_doc *doc, struct sev_prekey *out)
{
    struct sev_prekey m = {.time = 0};
    sev_err e = msg_decode_body(doc, "prekey", &prekey_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_prekey_encode(const struct sev_prekey *m, sev_buf *out)
{
    return msg_encode("prekey", &prekey_table, MSG_NATIVE, m, out);
}

sev_err sev_prekey_check(struct sev_crypto *crypto, const struct sev_pubkey *identity,
                         const struct sev_doc *doc, sev_slice vehicle, sev_slice ecu,
                         struct sev_prekey *out, struct sev_pubkey *out_key)
{
    struct sev_prekey m;
    struct sev_pubkey key;
    sev_err e = sev_prekey_decode(doc, &m);
    /* Wrapping to a key that nobody vouches for gives the image away. REQ-H04 REQ-H30 */
    if (e == SEV_OK)
        e = sev_message_signed_by(crypto, identity, doc);
    if (e == SEV_OK)
        e = sev_key_parse(m.key, SEV_PROFILE_NATIVE, &key);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.vehicle, vehicle)))
        return SEV_E_WRONG_VEHICLE;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.ecu, ecu)))
        return SEV_E_WRONG_SUBJECT;
    /* An identity key must never decrypt. REQ-ECU-09 */
    if (SEV_REFUSE_IF(key.type != SEV_KEY_X25519))
        return SEV_E_KEY;
    *out = m;
    *out_key = key;
    return SEV_OK;
}

/* --------------------------------------------------------------- HPKE `info` */

struct info {
    sev_slice purpose;
    struct sev_wrap_info m;
};
static const struct msg_field install_fields[] = {
    MSG_BYTES(struct info, "blob", m.blob, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_OBJECT("bundle", MSG_AT(struct info, m.bundle, struct sev_bundle_ref), MSG_REQUIRED,
               msg_bundle_table),
    MSG_ID(struct info, "ecu", m.ecu),
    MSG_BYTES(struct info, "prekey", m.prekey, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_ID(struct info, "purpose", purpose),
    MSG_ID(struct info, "vehicle", m.vehicle),
};
static const struct msg_table install_table = MSG_TABLE(install_fields, NULL);

static const struct msg_field oem_fields[] = {
    MSG_BYTES(struct info, "blob", m.blob, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_ID(struct info, "oem", m.oem),
    MSG_ID(struct info, "purpose", purpose),
};
static const struct msg_table oem_table = MSG_TABLE(oem_fields, NULL);

sev_err sev_wrap_info_encode(const struct sev_wrap_info *m, sev_buf *out)
{
    static const char *const purposes[SEV_WRAP_PURPOSES] = {"envelope", "install", "review"};
    if (m->purpose >= SEV_WRAP_PURPOSES)
        return SEV_E_MALFORMED;
    struct info info = {sev_literal(purposes[m->purpose]), *m};
    const struct msg_table *t = m->purpose == SEV_WRAP_INSTALL ? &install_table : &oem_table;
    return msg_encode(NULL, t, MSG_NATIVE, &info, out);
}
