/* timesrv - see timesrv.h.  SPDX-License-Identifier: MIT */
#include "secureev/timesrv.h"

#define LEVELS_MAX 16u /* 64 requests of 256 nonces have 2^14 leaves */
#define PROOF_BYTES (LEVELS_MAX * (2u * SEV_SHA256_BYTES + 3u) + 64u)

#define DRIFT_MS_MAX 3600000 /* an idle night is no credit for a jump, either */

typedef uint8_t digest[SEV_SHA256_BYTES];

/* Every level of the tree, so that all paths together cost what one does. A node without a sibling
 * moves up as it is: that is the tree of RFC 6962. */
struct tree {
    digest *levels[LEVELS_MAX];
    uint32_t counts[LEVELS_MAX], height;
};

struct batch {
    struct sev_timesrv *service;
    struct sev_arena *arena;
    struct sev_timesrv_request *requests;
    uint32_t count;
    sev_slice nonces[SEV_TIMESRV_REQUESTS_MAX];
    uint32_t nonce_counts[SEV_TIMESRV_REQUESTS_MAX], total, good;
    struct tree tree;
};

void sev_timesrv_init(struct sev_timesrv *service, sev_time wall, int64_t monotonic_ms)
{
    service->wall_at = service->last = wall;
    service->monotonic_at_ms = service->off_at_ms = monotonic_ms;
    service->off_ms = 0;
    service->jumped = false;
}

/* -------------------------------------------------------------------- clock */

/* The monotonic clock cannot be set. What it and the wall clock disagree about is either the slow
 * drift of a quartz that NTP corrects, or somebody's hand. The drift is followed from minute to
 * minute: one that was not used up is no credit for a jump. */
static bool has_jumped(struct sev_timesrv *s, sev_time wall, int64_t monotonic_ms)
{
    int64_t passed_ms = monotonic_ms - s->off_at_ms;
    int64_t off_ms = (wall - s->wall_at) * 1000 - (monotonic_ms - s->monotonic_at_ms);
    int64_t news_ms = off_ms - s->off_ms;
    int64_t drifted_ms = passed_ms < DRIFT_MS_MAX ? passed_ms : DRIFT_MS_MAX;
    int64_t drift_ms = drifted_ms / 1000 * SEV_TIMESRV_DRIFT_PPM / 1000;
    int64_t allowed_ms = SEV_TIMESRV_JUMP_SECONDS * 1000 + drift_ms;
    if (passed_ms < 0 || news_ms > allowed_ms || news_ms < -allowed_ms)
        return true;
    if (passed_ms >= 60000) {
        s->off_ms += news_ms > drift_ms ? drift_ms : news_ms < -drift_ms ? -drift_ms : news_ms;
        s->off_at_ms = monotonic_ms;
    }
    return false;
}

sev_err sev_timesrv_look(struct sev_timesrv *s, sev_time wall, int64_t monotonic_ms)
{
    bool jumped = has_jumped(s, wall, monotonic_ms);
    if (jumped != s->jumped) {
        struct sev_event event = {.id = jumped ? SEV_EVENT_CLOCK_JUMPED : SEV_EVENT_CLOCK_BACK,
                                  .err = jumped ? SEV_E_NO_TIME : SEV_OK};
        sev_event_number(&event, "seconds", wall - s->wall_at);
        sev_event_number(&event, "monotonic", (monotonic_ms - s->monotonic_at_ms) / 1000);
        s->jumped = jumped;
        s->events.emit(s->events.self, &event);
    }
    return jumped ? SEV_E_NO_TIME : SEV_OK;
}

/* --------------------------------------------------------------------- tree */

static void read_requests(struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct sev_timesrv_request *r = &b->requests[i];
        r->answer = SEV_EMPTY;
        r->err = sev_time_request_decode(r->bytes, &b->nonces[i]);
        b->nonce_counts[i] = 0;
        sev_json it = sev_list(b->nonces[i]);
        sev_slice nonce;
        while (r->err == SEV_OK && sev_list_next(&it, &nonce))
            b->nonce_counts[i]++;
        b->total += b->nonce_counts[i];
        b->good += r->err == SEV_OK;
    }
}

static sev_err make_leaves(struct batch *b)
{
    uint32_t at = 0;
    b->tree.counts[0] = b->total;
    b->tree.levels[0] = (digest *)(void *)sev_arena_take(b->arena, b->total * sizeof(digest));
    if (b->tree.levels[0] == NULL)
        return SEV_E_MEMORY;
    for (uint32_t i = 0; i < b->count; i++) {
        sev_json it = sev_list(b->nonces[i]);
        sev_slice hex;
        while (b->requests[i].err == SEV_OK && sev_list_next(&it, &hex)) {
            uint8_t nonce[SEV_NONCE_BYTES];
            sev_buf out = sev_buf_of(nonce, sizeof nonce);
            if (sev_hex_decode(hex, &out) != SEV_OK)
                return SEV_E_BUG; /* the decoder looked at it */
            sev_merkle_leaf(sev_slice_of(nonce, sizeof nonce), b->tree.levels[0][at++]);
        }
    }
    return SEV_OK;
}

static sev_err make_tree(struct batch *b)
{
    struct tree *t = &b->tree;
    sev_err e = make_leaves(b);
    for (t->height = 0; e == SEV_OK && t->counts[t->height] > 1; t->height++) {
        uint32_t count = t->counts[t->height], parents = count / 2 + count % 2;
        digest *below = t->levels[t->height];
        digest *above = (digest *)(void *)sev_arena_take(b->arena, parents * sizeof(digest));
        if (above == NULL || t->height + 1 == LEVELS_MAX)
            return SEV_E_MEMORY;
        for (uint32_t i = 0; i < count / 2; i++)
            sev_merkle_node(below[2 * i], below[2 * i + 1], above[i]);
        if (count % 2 != 0)
            memcpy(above[parents - 1], below[count - 1], sizeof above[0]);
        t->levels[t->height + 1] = above;
        t->counts[t->height + 1] = parents;
    }
    return e;
}

static sev_err put_proof(const struct tree *t, uint32_t index, sev_buf *out)
{
    char room[PROOF_BYTES];
    sev_buf path = sev_buf_of(room, sizeof room);
    uint32_t at = index;
    sev_buf_put_byte(&path, '[');
    for (uint32_t level = 0; level < t->height; level++, at /= 2) {
        uint32_t sibling = at ^ 1u;
        if (sibling >= t->counts[level])
            continue;
        if (path.len != 1)
            sev_buf_put_byte(&path, ',');
        sev_buf_put_byte(&path, '"');
        sev_hex_encode(sev_slice_of(t->levels[level][sibling], sizeof(digest)), &path);
        sev_buf_put_byte(&path, '"');
    }
    sev_buf_put_byte(&path, ']');
    struct sev_time_proof proof = {index, sev_buf_slice(&path)};
    return sev_time_proof_encode(&proof, out);
}

/* ------------------------------------------------------------------ answers */

static sev_err sign(struct batch *b, sev_time now, sev_slice *out)
{
    struct sev_time_attestation m = {.time = now};
    for (uint32_t i = 0; i < b->count; i++)
        if (b->good == 1 && b->requests[i].err == SEV_OK)
            m.nonces = b->nonces[i];
    m.has_batch = b->good != 1;
    m.batch.size = b->total;
    if (m.has_batch)
        memcpy(m.batch.root, b->tree.levels[b->tree.height][0], sizeof m.batch.root);
    uint8_t *room = sev_arena_take(b->arena, 2 * SEV_MESSAGE_BYTES_MAX);
    if (room == NULL)
        return SEV_E_MEMORY;
    sev_buf body = sev_buf_of(room, SEV_MESSAGE_BYTES_MAX);
    sev_buf whole = sev_buf_of(room + SEV_MESSAGE_BYTES_MAX, SEV_MESSAGE_BYTES_MAX);
    sev_err e = sev_time_attestation_encode(&m, &body);
    if (e == SEV_OK)
        e = sev_sign_document(b->service->sign, SEV_PROFILE_NATIVE, b->service->key,
                              sev_buf_slice(&body), SEV_MESSAGE_BYTES_MAX, &whole);
    *out = sev_buf_slice(&whole);
    return e;
}

static sev_err put_answer(struct batch *b, uint32_t i, uint32_t first, sev_slice attestation)
{
    struct sev_time_answer m = {.attestation = attestation};
    size_t proofs_max = (size_t)b->nonce_counts[i] * (PROOF_BYTES + 1) + 2;
    size_t bytes = attestation.len + proofs_max + 64;
    uint8_t *room = sev_arena_take(b->arena, proofs_max + bytes);
    if (room == NULL)
        return SEV_E_MEMORY;
    sev_buf proofs = sev_buf_of(room, proofs_max);
    sev_buf out = sev_buf_of(room + proofs_max, bytes);
    sev_err e = SEV_OK;
    sev_buf_put_byte(&proofs, '[');
    for (uint32_t n = 0; e == SEV_OK && n < b->nonce_counts[i]; n++) {
        if (n != 0)
            sev_buf_put_byte(&proofs, ',');
        e = put_proof(&b->tree, first + n, &proofs);
    }
    sev_buf_put_byte(&proofs, ']');
    if (b->good != 1)
        m.proofs = sev_buf_slice(&proofs);
    if (e == SEV_OK)
        e = sev_time_answer_encode(&m, &out);
    b->requests[i].answer = sev_buf_slice(&out);
    return e;
}

sev_err sev_timesrv_answer(struct sev_timesrv *service, struct sev_arena *arena, sev_time wall,
                           int64_t monotonic_ms, struct sev_timesrv_request *requests,
                           uint32_t count)
{
    struct batch b = {.service = service, .arena = arena, .requests = requests, .count = count};
    sev_slice attestation = SEV_EMPTY;
    uint32_t first = 0;
    if (count > SEV_TIMESRV_REQUESTS_MAX)
        return SEV_E_BUG;
    sev_err e = sev_timesrv_look(service, wall, monotonic_ms);
    if (e != SEV_OK)
        return e;
    read_requests(&b);
    if (b.good == 0)
        return SEV_OK;
    sev_time now = wall > service->last ? wall : service->last; /* NTP may step a second back */
    if (b.good != 1)
        e = make_tree(&b);
    if (e == SEV_OK)
        e = sign(&b, now, &attestation);
    if (e == SEV_OK)
        service->last = now;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        if (requests[i].err == SEV_OK)
            e = put_answer(&b, i, first, attestation);
        first += b.nonce_counts[i];
    }
    return e;
}
