/* msg_time - attested time (ALG-11): a signature over the time and nonces, or over the time and
 * the root of a tree of nonces. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "meta/msg.h"

/* --------------------------------------------------------- request and answer */

struct request {
    sev_slice type;
    sev_slice nonces;
};
static const struct msg_field request_fields[] = {
    MSG_TEXT(struct request, "_type", type, MSG_REQUIRED, 0, SEV_ID_BYTES_MAX),
    MSG_LIST(struct request, "nonces", nonces, MSG_REQUIRED, 1, SEV_TIME_NONCES_MAX, msg_nonce),
};
static const struct msg_table request_table = MSG_TABLE(request_fields, NULL);

sev_err sev_time_request_decode(sev_slice bytes, sev_slice *out_nonces)
{
    struct request m = {SEV_EMPTY, SEV_EMPTY};
    sev_err e = msg_check_unsigned(bytes, SEV_MESSAGE_BYTES_MAX);
    if (e == SEV_OK)
        e = msg_decode(bytes, &request_table, MSG_NATIVE, &m);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_slice_eq(m.type, SEV_LIT("time-request"))))
        return SEV_E_WRONG_TYPE;
    *out_nonces = m.nonces;
    return SEV_OK;
}

sev_err sev_time_request_encode(sev_slice nonces, sev_buf *out)
{
    struct request m = {SEV_LIT("time-request"), nonces};
    return msg_encode(NULL, &request_table, MSG_NATIVE, &m, out);
}

static const struct msg_field proof_fields[] = {
    MSG_INTEGER(struct sev_time_proof, "index", index, MSG_REQUIRED, 0, SEV_JSON_INT_MAX),
    MSG_LIST(struct sev_time_proof, "path", path, MSG_REQUIRED, 0, SEV_MERKLE_PATH_MAX, msg_digest),
};
static const struct msg_table proof_table = MSG_TABLE(proof_fields, NULL);
static const struct msg_field proof = MSG_OBJECT("", 0, MSG_REQUIRED, proof_table);

sev_err sev_time_proof_decode(sev_slice object, struct sev_time_proof *out)
{
    struct sev_time_proof m = {.index = 0};
    sev_err e = msg_decode(object, &proof_table, MSG_NATIVE, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_time_proof_encode(const struct sev_time_proof *m, sev_buf *out)
{
    return msg_encode(NULL, &proof_table, MSG_NATIVE, m, out);
}

static const struct msg_field answer_fields[] = {
    MSG_RAW(struct sev_time_answer, "attestation", attestation, MSG_REQUIRED,
            SEV_MESSAGE_BYTES_MAX),
    MSG_LIST(struct sev_time_answer, "proofs", proofs, MSG_BY_VALUE, 1, SEV_TIME_NONCES_MAX, proof),
};
static const struct msg_table answer_table = MSG_TABLE(answer_fields, NULL);

/* 256 proofs of 32 steps would be 560 KiB; a batch of 2^16 nonces has 16 steps. */
sev_err sev_time_answer_decode(sev_slice bytes, struct sev_time_answer *out)
{
    struct sev_time_answer m = {.attestation = SEV_EMPTY};
    sev_err e = msg_check_unsigned(bytes, SEV_STATUS_ANSWER_BYTES_MAX);
    if (e == SEV_OK)
        e = msg_decode(bytes, &answer_table, MSG_NATIVE, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_time_answer_encode(const struct sev_time_answer *m, sev_buf *out)
{
    return msg_encode(NULL, &answer_table, MSG_NATIVE, m, out);
}

/* -------------------------------------------------------------- attestation */

static const struct msg_field batch_fields[] = {
    MSG_BYTES(struct sev_time_attestation, "root", batch.root, MSG_REQUIRED, SEV_SHA256_BYTES),
    MSG_INTEGER(struct sev_time_attestation, "size", batch.size, MSG_REQUIRED, 1,
                (int64_t)1 << SEV_MERKLE_PATH_MAX),
};
static const struct msg_table batch_table = MSG_TABLE(batch_fields, NULL);

static const struct msg_field attestation_fields[] = {
    MSG_OBJECT("batch", 0, MSG_HAS(struct sev_time_attestation, has_batch), batch_table),
    MSG_LIST(struct sev_time_attestation, "nonces", nonces, MSG_BY_VALUE, 1, SEV_TIME_NONCES_MAX,
             msg_nonce),
    MSG_TIME(struct sev_time_attestation, "time", time),
};

static bool attestation_consistent(const void *value)
{
    const struct sev_time_attestation *m = value;
    if (SEV_REFUSE_IF(m->has_batch == (m->nonces.ptr != NULL)))
        return false;
    return true;
}
static const struct msg_table attestation_table =
    MSG_TABLE(attestation_fields, attestation_consistent);

sev_err sev_time_attestation_decode(const struct sev_doc *doc, struct sev_time_attestation *out)
{
    struct sev_time_attestation m = {.time = 0};
    sev_err e = msg_decode_body(doc, "time", &attestation_table, &m);
    if (e == SEV_OK)
        *out = m;
    return e;
}

sev_err sev_time_attestation_encode(const struct sev_time_attestation *m, sev_buf *out)
{
    return msg_encode("time", &attestation_table, MSG_NATIVE, m, out);
}

static bool list_has(sev_slice nonces, const uint8_t nonce[SEV_NONCE_BYTES])
{
    sev_json it = sev_list(nonces);
    while (sev_json_element(&it)) {
        uint8_t other[SEV_NONCE_BYTES] = {0};
        msg_read_value(&it, &msg_nonce, MSG_NATIVE, other);
        if (it.err == SEV_OK && memcmp(other, nonce, SEV_NONCE_BYTES) == 0)
            return true;
    }
    return false;
}

static bool batch_has(const struct sev_time_attestation *m, const uint8_t nonce[SEV_NONCE_BYTES],
                      const struct sev_time_proof *where)
{
    uint8_t hash[SEV_SHA256_BYTES];
    struct sev_merkle_proof p;
    if (SEV_REFUSE_IF(where == NULL))
        return false;
    sev_merkle_leaf(sev_slice_of(nonce, SEV_NONCE_BYTES), hash);
    sev_merkle_proof_init(&p, hash, (uint64_t)where->index, (uint64_t)m->batch.size);
    sev_json it = sev_list(where->path);
    while (sev_json_element(&it)) {
        msg_read_value(&it, &msg_digest, MSG_NATIVE, hash);
        if (it.err == SEV_OK)
            sev_merkle_proof_step(&p, hash);
    }
    return it.err == SEV_OK && sev_merkle_proof_ends_at(&p, m->batch.root);
}

sev_err sev_clock_follow(struct sev_clock *clock, const struct sev_role *role)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_err e = sev_role_digest(role, SEV_PROFILE_NATIVE, digest);
    if (e != SEV_OK || memcmp(digest, clock->role, sizeof digest) == 0)
        return e;
    memcpy(clock->role, digest, sizeof digest);
    clock->time = clock->floor;
    return SEV_OK;
}

sev_err sev_time_attestation_check(struct sev_crypto *crypto, const struct sev_role *role,
                                   const struct sev_doc *doc, const uint8_t nonce[SEV_NONCE_BYTES],
                                   const struct sev_time_proof *where, struct sev_clock *clock)
{
    struct sev_time_attestation m;
    struct sev_clock next = *clock;
    sev_err e = sev_time_attestation_decode(doc, &m);
    if (e == SEV_OK)
        e = sev_quorum_check(crypto, role, doc, NULL);
    /* REQ-TIM-07: new time keys do not have to agree with what the old ones said. */
    if (e == SEV_OK)
        e = sev_clock_follow(&next, role);
    if (e != SEV_OK)
        return e;
    bool mine = m.has_batch ? batch_has(&m, nonce, where) : list_has(m.nonces, nonce);
    /* REQ-TIM-09: without one's own nonce it may be of any age. */
    if (SEV_REFUSE_IF(!mine))
        return SEV_E_TIME_ATTESTATION;
    if (SEV_REFUSE_IF(m.time < next.time))
        return SEV_E_TIME_ATTESTATION;
    next.time = m.time;
    *clock = next;
    return SEV_OK;
}
