/* msg_review - what the Director asks of a regulator, and what its entry says of the answer.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

/* --------------------------------------------------------------- submission */

static const struct msg_field submission_fields[] = {
    MSG_BYTES(struct sev_submission, "id", id, MSG_REQUIRED, SEV_NONCE_BYTES),
    MSG_NAME(struct sev_submission, "name", name),
    MSG_ID(struct sev_submission, "oem", oem),
    MSG_TEXT(struct sev_submission, "role", role, MSG_BY_VALUE, 1, SEV_ROLE_NAME_BYTES_MAX),
    MSG_RAW(struct sev_submission, "target", target, MSG_REQUIRED, SEV_MESSAGE_BYTES_MAX),
    MSG_TIME(struct sev_submission, "time", time),
    MSG_OBJECT("wrap", MSG_AT(struct sev_submission, wrap, struct sev_wrap),
               MSG_HAS(struct sev_submission, has_wrap), msg_wrap_table),
};
static const struct msg_table submission_table = MSG_TABLE(submission_fields, NULL);

sev_err sev_submission_decode(const struct sev_doc *doc, struct sev_submission *out)
{
    struct sev_submission m = {.time = 0};
    sev_err e = msg_decode_body(doc, "submission", &submission_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_submission_encode(const struct sev_submission *m, sev_buf *out)
{
    return msg_encode("submission", &submission_table, MSG_NATIVE, m, out);
}

/* -------------------------------------------------------------- attestation */

static const struct msg_field scanner_fields[] = {
    MSG_TEXT(struct sev_scanner, "name", name, MSG_REQUIRED, 1, SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_TEXT(struct sev_scanner, "rules", rules, MSG_BY_VALUE, 1, SEV_MESSAGE_TEXT_BYTES_MAX),
    MSG_TEXT(struct sev_scanner, "version", version, MSG_REQUIRED, 1, SEV_MESSAGE_TEXT_BYTES_MAX),
};
static const struct msg_table scanner_table = MSG_TABLE(scanner_fields, NULL);
static const struct msg_field scanner = MSG_OBJECT("", 0, MSG_REQUIRED, scanner_table);

static const struct msg_field report_fields[] = {
    MSG_OBJECT("hashes", MSG_AT(struct sev_attestation, report, struct sev_hashes), MSG_REQUIRED,
               msg_hashes_table),
    MSG_INTEGER(struct sev_attestation, "length", report_length, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
};
static const struct msg_table report_table = MSG_TABLE(report_fields, NULL);

static const struct msg_field attestation_fields[] = {
    MSG_INTEGER(struct sev_attestation, "counter", counter, MSG_REQUIRED, 1, SEV_JSON_INT_MAX),
    {MSG_FIELD("decision", MSG_K_DECISION,
               MSG_AT(struct sev_attestation, decision, sev_review_decision), MSG_REQUIRED, 0, 0)},
    MSG_ID(struct sev_attestation, "regulator", regulator),
    MSG_OBJECT("report", 0, MSG_REQUIRED, report_table),
    MSG_TIME(struct sev_attestation, "reviewed", reviewed),
    MSG_LIST(struct sev_attestation, "scanners", scanners, MSG_REQUIRED, 1, SEV_SCANNERS_MAX,
             scanner),
    MSG_BYTES(struct sev_attestation, "submission", submission,
              MSG_HAS(struct sev_attestation, has_submission), SEV_NONCE_BYTES),
};
static const struct msg_table attestation_table = MSG_TABLE(attestation_fields, NULL);

sev_err sev_attestation_decode(sev_slice object, struct sev_attestation *out)
{
    struct sev_attestation m = {.counter = 0};
    sev_err e = msg_decode(object, &attestation_table, MSG_NATIVE, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_attestation_encode(const struct sev_attestation *m, sev_buf *out)
{
    return msg_encode(NULL, &attestation_table, MSG_NATIVE, m, out);
}

bool sev_scanner_next(sev_json *it, struct sev_scanner *out)
{
    struct sev_scanner m = {.name = SEV_EMPTY};
    if (!sev_json_element(it))
        return false;
    msg_read_value(it, &scanner, MSG_NATIVE, &m);
    if (it->err != SEV_OK)
        return false;
    *out = m;
    return true;
}
