/* msg_status - where freshness lives: the vehicle's status and the Director's reply to it.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

/* ------------------------------------------------------------------- status */

static const struct msg_field held_fields[] = {
    MSG_INTEGER(struct sev_held, "root", root, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
    MSG_INTEGER(struct sev_held, "statusVersion", status_version, MSG_REQUIRED, 0,
                SEV_JSON_INT_MAX),
    MSG_INTEGER(struct sev_held, "timestamp", timestamp, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
static const struct msg_table held_table = MSG_TABLE(held_fields, NULL);

static const struct msg_field status_fields[] = {
    MSG_BYTES(struct sev_status, "base", base, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_INTEGER(struct sev_status, "counter", counter, MSG_REQUIRED, 1, SEV_JSON_INT_MAX),
    MSG_OBJECT("held", MSG_AT(struct sev_status, held, struct sev_held), MSG_REQUIRED, held_table),
    MSG_BYTES(struct sev_status, "nonce", nonce, MSG_REQUIRED, SEV_NONCE_BYTES),
    MSG_ID(struct sev_status, "primary", primary),
    MSG_LIST(struct sev_status, "reports", reports, MSG_BY_VALUE, 1, SEV_ECUS_MAX, msg_document),
    MSG_TIME(struct sev_status, "time", time),
    MSG_ID(struct sev_status, "vehicle", vehicle),
};
static const struct msg_table status_table = MSG_TABLE(status_fields, NULL);

sev_err sev_status_decode(const struct sev_doc *doc, struct sev_status *out)
{
    struct sev_status m = {.counter = 0};
    sev_err e = msg_decode_body(doc, "status", &status_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_status_encode(const struct sev_status *m, sev_buf *out)
{
    return msg_encode("status", &status_table, MSG_NATIVE, m, out);
}

/* Is any version of `a` above that of `b`? */
static bool holds_more(const struct sev_held *a, const struct sev_held *b)
{
    if (SEV_REFUSE_IF(a->root > b->root))
        return true;
    if (SEV_REFUSE_IF(a->timestamp > b->timestamp))
        return true;
    if (SEV_REFUSE_IF(a->status_version > b->status_version))
        return true;
    return false;
}

sev_err sev_status_check(struct sev_crypto *crypto, const struct sev_pubkey *key,
                         const struct sev_doc *doc, const struct sev_status_expected *expected,
                         struct sev_status *out)
{
    struct sev_status m;
    sev_err e = sev_status_decode(doc, &m);
    if (e == SEV_OK)
        e = sev_message_signed_by(crypto, key, doc);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.vehicle, expected->vehicle)))
        return SEV_E_WRONG_VEHICLE;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.primary, expected->primary)))
        return SEV_E_WRONG_SUBJECT;
    if (SEV_REFUSE_IF(m.counter <= expected->counter))
        return SEV_E_REPLAYED;
    /* REQ-D26: the vehicle is never newer than the Director, unless our database was restored or
     * somebody else has our keys. */
    if (holds_more(&m.held, &expected->issued))
        return SEV_E_VERSION_ROLLBACK;
    *out = m;
    return SEV_OK;
}

/* -------------------------------------------------------------------- reply */

static const struct msg_field poll_fields[] = {
    MSG_INTEGER(struct sev_status_reply, "interval", poll.interval_s, MSG_REQUIRED, 1,
                SEV_POLL_SECONDS_MAX),
    MSG_INTEGER(struct sev_status_reply, "jitter", poll.jitter_s, MSG_REQUIRED, 0,
                SEV_POLL_SECONDS_MAX),
};
static const struct msg_table poll_table = MSG_TABLE(poll_fields, NULL);

static const struct msg_field timestamp_fields[] = {
    MSG_BYTES(struct sev_status_reply, "sha256", timestamp.sha256, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_INTEGER(struct sev_status_reply, "version", timestamp.version, MSG_REQUIRED, 1,
                SEV_JSON_INT_MAX),
};
static const struct msg_table timestamp_table = MSG_TABLE(timestamp_fields, NULL);

static const struct msg_field reply_fields[] = {
    MSG_BYTES(struct sev_status_reply, "base", base, MSG_HAS(struct sev_status_reply, has_base),
              SEV_SHA256_BYTES),
    MSG_BYTES(struct sev_status_reply, "nonce", nonce, MSG_REQUIRED, SEV_NONCE_BYTES),
    MSG_OBJECT("poll", 0, MSG_REQUIRED, poll_table),
    MSG_INTEGER(struct sev_status_reply, "root", root, MSG_REQUIRED, 1, SEV_JSON_INT_MAX),
    MSG_INTEGER(struct sev_status_reply, "statusVersion", status_version, MSG_REQUIRED, 0,
                SEV_JSON_INT_MAX),
    MSG_TIME(struct sev_status_reply, "time", time),
    MSG_OBJECT("timestamp", 0, MSG_REQUIRED, timestamp_table),
    MSG_ID(struct sev_status_reply, "vehicle", vehicle),
    MSG_LIST(struct sev_status_reply, "want", want, MSG_BY_VALUE, 1, SEV_ECUS_MAX, msg_serial),
};
static const struct msg_table reply_table = MSG_TABLE(reply_fields, NULL);

sev_err sev_status_reply_decode(const struct sev_doc *doc, struct sev_status_reply *out)
{
    struct sev_status_reply m = {.root = 0};
    sev_err e = msg_decode_body(doc, "status-reply", &reply_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_status_reply_encode(const struct sev_status_reply *m, sev_buf *out)
{
    return msg_encode("status-reply", &reply_table, MSG_NATIVE, m, out);
}

sev_err sev_status_reply_check(struct sev_crypto *crypto, const struct sev_role *role,
                               const struct sev_doc *doc,
                               const struct sev_status_reply_expected *expected,
                               struct sev_status_reply *out)
{
    struct sev_status_reply m;
    sev_err e = sev_status_reply_decode(doc, &m);
    if (e == SEV_OK)
        e = sev_quorum_check(crypto, role, doc, NULL);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.vehicle, expected->vehicle)))
        return SEV_E_WRONG_VEHICLE;
    if (SEV_REFUSE_IF(memcmp(m.nonce, expected->nonce, SEV_NONCE_BYTES) != 0))
        return SEV_E_REPLAYED;
    if (SEV_REFUSE_IF(m.time < expected->last))
        return SEV_E_REPLAYED;
    struct sev_held named = {m.root, m.timestamp.version, m.status_version};
    if (holds_more(&expected->held, &named))
        return SEV_E_VERSION_ROLLBACK;
    *out = m;
    return SEV_OK;
}

/* -------------------------------------------------------- the answer by HTTP */

static const struct msg_field root_file = {
    MSG_FIELD("", MSG_K_RAW, 0, MSG_REQUIRED, 2, SEV_ROOT_BYTES_MAX)};

static const struct msg_field metadata_fields[] = {
    MSG_LIST(struct sev_status_answer, "root", roots, MSG_BY_VALUE, 1, SEV_ROOT_ROTATIONS_MAX,
             root_file),
    MSG_RAW(struct sev_status_answer, "snapshot", snapshot, MSG_BY_VALUE, SEV_SNAPSHOT_BYTES_MAX),
    MSG_RAW(struct sev_status_answer, "targets", targets, MSG_BY_VALUE,
            SEV_DIRECTOR_TARGETS_BYTES_MAX),
    MSG_RAW(struct sev_status_answer, "timestamp", timestamp, MSG_BY_VALUE,
            SEV_TIMESTAMP_BYTES_MAX),
};
static const struct msg_table metadata_table = MSG_TABLE(metadata_fields, NULL);

static const struct msg_field answer_fields[] = {
    MSG_RAW(struct sev_status_answer, "grant", grant, MSG_BY_VALUE, SEV_MESSAGE_BYTES_MAX),
    MSG_OBJECT("metadata", 0, MSG_REQUIRED, metadata_table),
    MSG_RAW(struct sev_status_answer, "reply", reply, MSG_REQUIRED, SEV_MESSAGE_BYTES_MAX),
};
static const struct msg_table answer_table = MSG_TABLE(answer_fields, NULL);

/* Metadata stands in it as published, in whatever spelling: so this is the one message that need
 * not be canonical, and its files are copied without a look inside. */
static const struct msg_dialect as_published = {true, NULL};

sev_err sev_status_answer_decode(sev_slice bytes, struct sev_arena *arena,
                                 struct sev_status_answer *out)
{
    struct sev_status_answer m = {.reply = SEV_EMPTY};
    if (SEV_REFUSE_IF(bytes.len > SEV_STATUS_ANSWER_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err e = sev_arena_want(sev_json_check(bytes, sev_arena_scratch(arena), NULL, NULL));
    if (e == SEV_OK)
        e = msg_decode(bytes, &answer_table, as_published, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_status_answer_encode(const struct sev_status_answer *m, sev_buf *out)
{
    sev_buf to = *out;
    sev_err e = msg_encode(NULL, &answer_table, as_published, m, &to);
    if (e == SEV_OK && to.len - out->len > SEV_STATUS_ANSWER_BYTES_MAX)
        return SEV_E_TOO_LONG;
    if (e == SEV_OK)
        *out = to;
    return e;
}
