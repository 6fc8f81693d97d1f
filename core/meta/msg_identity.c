/* msg_identity - what a vehicle says to the registry. SPDX-License-Identifier: MIT */
#include "meta/msg.h"

static const struct msg_field request_fields[] = {
    MSG_TEXT(struct sev_certificate_request, "csr", csr, MSG_REQUIRED, 1, SEV_CSR_TEXT_BYTES_MAX),
    MSG_ID(struct sev_certificate_request, "did", did),
    MSG_RAW(struct sev_certificate_request, "entry", entry, MSG_BY_VALUE, SEV_DID_ENTRY_BYTES_MAX),
    MSG_BYTES(struct sev_certificate_request, "token", token,
              MSG_HAS(struct sev_certificate_request, has_token), SEV_ENROLMENT_TOKEN_BYTES),
};
static const struct msg_table request_table = MSG_TABLE(request_fields, NULL);

sev_err sev_certificate_request_decode(const struct sev_doc *doc,
                                       struct sev_certificate_request *out)
{
    struct sev_certificate_request m = {.csr = SEV_EMPTY};
    sev_err e = msg_decode_body(doc, "certificate-request", &request_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_certificate_request_encode(const struct sev_certificate_request *m, sev_buf *out)
{
    return msg_encode("certificate-request", &request_table, MSG_NATIVE, m, out);
}

static const struct msg_field answer_fields[] = {
    MSG_BYTES(struct sev_challenge_answer, "challenge", challenge, MSG_REQUIRED,
              SEV_CHALLENGE_BYTES),
    MSG_ID(struct sev_challenge_answer, "did", did),
};
static const struct msg_table answer_table = MSG_TABLE(answer_fields, NULL);

sev_err sev_challenge_answer_decode(const struct sev_doc *doc, struct sev_challenge_answer *out)
{
    struct sev_challenge_answer m = {.did = SEV_EMPTY};
    sev_err e = msg_decode_body(doc, "challenge-answer", &answer_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_challenge_answer_encode(const struct sev_challenge_answer *m, sev_buf *out)
{
    return msg_encode("challenge-answer", &answer_table, MSG_NATIVE, m, out);
}
