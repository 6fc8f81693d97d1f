/* small - partial verification in pieces: what was read (small_read.c) is judged at the end, when
 * the signatures are. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "verify/small_internal.h"

/* Is it among those of `keys` whose bit in `set` is set? By its point: one key under two ids is one
 * key. */
static bool holds(const struct sev_small_key *keys, uint8_t count, uint8_t set,
                  const uint8_t point[64])
{
    for (uint8_t i = 0; i < count; i++)
        if ((set >> i & 1u) != 0 && memcmp(keys[i].point, point, 64) == 0)
            return true;
    return false;
}

/* Did enough different keys sign? */
static bool quorum(const struct sev_small *s, const struct sev_small_key *keys, uint8_t key_count,
                   struct sev_small_role role, const uint8_t digest[SEV_SHA256_BYTES])
{
    uint8_t counted = 0, have_signed = 0;
    for (uint8_t i = 0; i < s->sig_count; i++) {
        const struct sev_small_sig *sig = &s->sigs[i];
        for (uint8_t k = 0; k < key_count; k++) {
            if ((role.keys >> k & 1u) == 0 ||
                memcmp(keys[k].id, sig->key_id, sizeof sig->key_id) != 0)
                continue;
            if (SEV_REFUSE_IF(holds(keys, key_count, have_signed, keys[k].point)))
                continue; /* REQ-VER-12 */
            sev_err e =
                sev_crypto_verify_p256(keys[k].point, digest, sev_slice_of(sig->bytes, sig->len));
            if (SEV_REFUSE_IF(e != SEV_OK))
                continue;
            have_signed = (uint8_t)(have_signed | 1u << k);
            counted++;
        }
    }
    return !SEV_REFUSE_IF(role.threshold == 0 || counted < role.threshold);
}

void sev_small_begin(struct sev_small *s, sev_small_kind kind, const struct sev_small_trust *trust,
                     const struct sev_small_identity *identity, sev_time now)
{
    struct sev_small_image assigned = {.present = false};
    if (kind == SEV_SMALL_ROLE && s->assigned.present)
        assigned = s->assigned;
    memset(s, 0, sizeof *s);
    s->assigned = assigned;
    s->kind = kind;
    s->trust = trust;
    s->identity = identity;
    s->now = now;
    s->version = -1;
    sev_sha256_init(&s->body);
    sev_json_stream_init(&s->json, s->text, sizeof s->text, s->names, sizeof s->names,
                         sev_small_on_token, sev_small_on_bytes, s);
}

static uint64_t bytes_max(const struct sev_small *s)
{
    return s->kind == SEV_SMALL_ROOT      ? SEV_ROOT_BYTES_MAX
           : s->kind == SEV_SMALL_TARGETS ? SEV_DIRECTOR_TARGETS_BYTES_MAX
                                          : SEV_MESSAGE_BYTES_MAX;
}

sev_err sev_small_feed(struct sev_small *s, sev_slice bytes)
{
    s->fed += bytes.len;
    if (SEV_REFUSE_IF(s->fed > bytes_max(s)))
        return s->json.err = SEV_E_TOO_LONG;
    return sev_json_stream_feed(&s->json, bytes);
}

/* ------------------------------------------------------------------ verdict */

static sev_err check_floor(const struct sev_small_floor *floor, int64_t version,
                           const uint8_t digest[SEV_SHA256_BYTES])
{
    if (SEV_REFUSE_IF(version < floor->version))
        return SEV_E_VERSION_ROLLBACK;
    bool other = version == floor->version && memcmp(digest, floor->sha256, 32) != 0;
    return SEV_REFUSE_IF(other) ? SEV_E_EQUIVOCATION : SEV_OK;
}

/* Is the targets role what it was? Other keys of the root are no reason to forget what it signed:
 * that would open a window for rollback at every rotation. */
static bool same_targets_role(const struct sev_small_root *a, const struct sev_small_new_root *b)
{
    bool same = a->targets.threshold == b->targets.threshold;
    for (uint8_t i = 0; i < a->key_count; i++)
        if ((a->targets.keys >> i & 1u) != 0)
            same = same && holds(b->keys, b->key_count, b->targets.keys, a->keys[i].point);
    for (uint8_t i = 0; i < b->key_count; i++)
        if ((b->targets.keys >> i & 1u) != 0)
            same = same && holds(a->keys, a->key_count, a->targets.keys, b->keys[i].point);
    return same;
}

static uint8_t bits(uint8_t set)
{
    uint8_t n = 0;
    for (; set != 0; set = (uint8_t)(set & (set - 1)))
        n++;
    return n;
}

/* A root by itself: thresholds that its keys can meet, and its own signatures. REQ-MET-06 */
static sev_err check_own_root(struct sev_small *s, const uint8_t digest[SEV_SHA256_BYTES])
{
    const struct sev_small_new_root *next = &s->u.root;
    bool legal = bits(next->root.keys) >= next->root.threshold &&
                 bits(next->targets.keys) >= next->targets.threshold && next->root.threshold != 0 &&
                 next->targets.threshold != 0;
    if (SEV_REFUSE_IF(!legal))
        return SEV_E_THRESHOLD;
    if (SEV_REFUSE_IF(bits(next->root.keys | next->targets.keys) > SEV_SMALL_KEYS_MAX))
        return SEV_E_JSON_LIMIT;
    return quorum(s, next->keys, next->key_count, next->root, digest) ? SEV_OK : SEV_E_SIGNATURE;
}

/* What is trusted from now on: the keys of the two roles, closed up. */
static void take_over_root(const struct sev_small *s, struct sev_small_root *out)
{
    const struct sev_small_new_root *next = &s->u.root;
    memset(out, 0, sizeof *out);
    out->version = s->version;
    out->expires = s->expires;
    out->root.threshold = next->root.threshold;
    out->targets.threshold = next->targets.threshold;
    for (uint8_t i = 0; i < next->key_count; i++) {
        bool root = (next->root.keys >> i & 1u) != 0, targets = (next->targets.keys >> i & 1u) != 0;
        if (!root && !targets)
            continue;
        uint8_t place = out->key_count++;
        out->keys[place] = next->keys[i];
        out->root.keys = (uint8_t)(out->root.keys | (root ? 1u : 0u) << place);
        out->targets.keys = (uint8_t)(out->targets.keys | (targets ? 1u : 0u) << place);
    }
}

/* All is judged: `trust` becomes what it was and what changed. A copy on the stack would be most of
 * the stack. */
static void carry_over(const struct sev_small *s, struct sev_small_trust *trust)
{
    if (trust != s->trust)
        *trust = *s->trust;
}

static sev_err end_root(struct sev_small *s, const uint8_t digest[SEV_SHA256_BYTES],
                        struct sev_small_trust *trust)
{
    const struct sev_small_root *old = &s->trust->root;
    sev_err e = check_own_root(s, digest);
    if (e != SEV_OK)
        return e;
    if (!quorum(s, old->keys, old->key_count, old->root, digest)) /* REQ-VER-12 */
        return SEV_E_SIGNATURE;
    if (SEV_REFUSE_IF(s->version != old->version + 1)) /* REQ-VER-13 */
        return SEV_E_ROOT_VERSION;
    bool keep_floor = same_targets_role(old, &s->u.root); /* P-c */
    carry_over(s, trust);
    take_over_root(s, &trust->root);
    if (!keep_floor)
        memset(&trust->targets, 0, sizeof trust->targets);
    return SEV_OK;
}

static sev_err end_targets(struct sev_small *s, const uint8_t digest[SEV_SHA256_BYTES],
                           struct sev_small_trust *trust)
{
    const struct sev_small_root *root = &s->trust->root;
    if (!quorum(s, root->keys, root->key_count, root->targets, digest))
        return SEV_E_SIGNATURE;
    if (SEV_REFUSE_IF(!s->vehicle_ok)) /* REQ-MET-32 REQ-SPV-06 */
        return SEV_E_WRONG_VEHICLE;
    sev_err e = check_floor(&s->trust->targets, s->version, digest);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(s->now >= s->expires || s->now >= root->expires))
        return SEV_E_EXPIRED;
    carry_over(s, trust);
    trust->targets.version = s->version;
    memcpy(trust->targets.sha256, digest, 32);
    s->assigned.present = s->has_own;
    return SEV_OK;
}

static sev_err end_role(struct sev_small *s, const uint8_t digest[SEV_SHA256_BYTES],
                        struct sev_small_trust *trust)
{
    const struct sev_small_pin *pin = s->identity->pin;
    sev_slice name = sev_slice_of(s->assigned.name, s->assigned.name_len);
    if (pin == NULL || !s->assigned.present)
        return SEV_E_BUG;
    if (SEV_REFUSE_IF(!sev_pattern_match(pin->path, name)))
        return SEV_E_DELEGATION;
    bool by_successor = quorum(s, pin->keys, pin->key_count, pin->successor, digest);
    if (!by_successor && !quorum(s, pin->keys, pin->key_count, pin->supplier, digest))
        return SEV_E_SIGNATURE;
    /* What a stolen supplier key pushed ahead must not keep its successor out for ever. P-d */
    bool recovers = by_successor && s->version > s->trust->successor_version;
    sev_err e = check_floor(&s->trust->role, s->version, digest);
    if (e != SEV_OK && !recovers)
        return e;
    if (SEV_REFUSE_IF(s->now >= s->expires))
        return SEV_E_EXPIRED;
    if (SEV_REFUSE_IF(!s->listed))
        return SEV_E_DISAGREE;
    carry_over(s, trust);
    trust->role.version = s->version;
    memcpy(trust->role.sha256, digest, 32);
    if (recovers)
        trust->successor_version = s->version;
    s->vouched = true;
    return SEV_OK;
}

static sev_err finish(struct sev_small *s, uint8_t digest[SEV_SHA256_BYTES])
{
    sev_err e = sev_json_stream_end(&s->json);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!s->type_ok))
        return SEV_E_WRONG_TYPE;
    if (SEV_REFUSE_IF(!s->has_expires || s->version < 1))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(s->kind != SEV_SMALL_ROOT && !s->has_targets))
        return SEV_E_MALFORMED;
    sev_sha256_final(&s->body, digest);
    return SEV_OK;
}

sev_err sev_small_provision(struct sev_small *s, struct sev_small_trust *trust)
{
    uint8_t digest[SEV_SHA256_BYTES];
    if (s->kind != SEV_SMALL_ROOT)
        return SEV_E_BUG;
    sev_err e = finish(s, digest);
    if (e == SEV_OK)
        e = check_own_root(s, digest);
    if (e != SEV_OK)
        return e;
    memset(trust, 0, sizeof *trust);
    take_over_root(s, &trust->root);
    return SEV_OK;
}

static sev_err judge(struct sev_small *s, struct sev_small_trust *trust)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_err e = finish(s, digest);
    if (e != SEV_OK)
        return e;
    switch (s->kind) {
    case SEV_SMALL_ROOT:
        return end_root(s, digest, trust);
    case SEV_SMALL_TARGETS:
        return end_targets(s, digest, trust);
    case SEV_SMALL_ROLE:
        return end_role(s, digest, trust);
    }
    return SEV_E_BUG;
}

sev_err sev_small_end(struct sev_small *s, struct sev_small_trust *trust)
{
    sev_err e = judge(s, trust);
    if (e != SEV_OK && s->kind == SEV_SMALL_TARGETS) /* nothing of it may be acted upon */
        memset(&s->assigned, 0, sizeof s->assigned);
    return e;
}

sev_err sev_small_installable(const struct sev_small *s)
{
    if (!s->assigned.present)
        return SEV_E_NOT_FOUND;
    if (SEV_REFUSE_IF(s->identity->pin != NULL && !s->vouched))
        return SEV_E_SIGNATURE;
    if (SEV_REFUSE_IF(s->assigned.release_counter < s->trust->release_mark)) /* REQ-ECU-33 */
        return SEV_E_RELEASE_ROLLBACK;
    bool too_far =
        s->trust->release_mark > 0 && s->trust->release_mark < s->assigned.min_release_counter;
    return SEV_REFUSE_IF(too_far) ? SEV_E_STEPPING_STONE : SEV_OK;
}
