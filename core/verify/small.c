/* small - partial verification in pieces. Where a token stands decides what it means; what counts
 * is judged at the end, when the signatures are. SPDX-License-Identifier: MIT */
#include "secureev/small.h"

#include "base/check.h"
#include "base/literal.h"
#include "secureev/spki.h"

/* Names that mean something somewhere. */
enum {
    N_OTHER,
    N_SIGNATURES,
    N_SIGNED,
    N_KEYID,
    N_SIG,
    N_TYPE,
    N_EXPIRES,
    N_VERSION,
    N_KEYS,
    N_KEYTYPE,
    N_KEYVAL,
    N_PUBLIC,
    N_SCHEME,
    N_ROLES,
    N_ROOT,
    N_TARGETS,
    N_KEYIDS,
    N_THRESHOLD,
    N_CUSTOM,
    N_VEHICLE,
    N_SUBSCRIBER,
    N_CRITICAL,
    N_ECUS,
    N_HARDWARE_ID,
    N_HARDWARE_IDS,
    N_HASHES,
    N_SHA256,
    N_LENGTH,
    N_MATCH,
    N_RELEASE,
    N_PLAINTEXT,
    N_ENCRYPTION,
    N_DELEGATIONS,
    N_COUNT,
};
static const char *const words[N_COUNT] = {
    "",           "signatures", "signed",         "keyid",      "sig",
    "_type",      "expires",    "version",        "keys",       "keytype",
    "keyval",     "public",     "scheme",         "roles",      "root",
    "targets",    "keyids",     "threshold",      "custom",     "vehicle",
    "subscriber", "critical",   "ecuIdentifiers", "hardwareId", "hardwareIds",
    "hashes",     "sha256",     "length",         "match",      "releaseCounter",
    "plaintext",  "encryption", "delegations",
};

static uint8_t code_of(sev_slice name)
{
    for (uint8_t i = 1; i < N_COUNT; i++)
        if (sev_slice_eq(name, sev_literal(words[i])))
            return i;
    return N_OTHER;
}

/* Is the path from the top: a, b, c...? */
static bool at2(const struct sev_small *s, uint8_t a, uint8_t b)
{
    return s->where[1] == a && s->where[2] == b;
}

static bool is_text(const struct sev_json_stream_token *t, const char *text)
{
    return !t->cut && sev_slice_eq(t->text, sev_literal(text));
}

static bool hex32(const struct sev_json_stream_token *t, uint8_t out[32])
{
    sev_buf b = sev_buf_of(out, 32);
    return !t->cut && sev_hex_decode(t->text, &b) == SEV_OK && b.len == 32;
}

/* --------------------------------------------------------------- signatures */

static sev_err on_signatures(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_OBJECT && t->depth == 2) {
        if (s->sig_count < SEV_SMALL_SIGS_MAX)
            memset(&s->sigs[s->sig_count], 0, sizeof s->sigs[0]);
        return SEV_OK;
    }
    if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 2) {
        if (s->sig_count < SEV_SMALL_SIGS_MAX && s->sigs[s->sig_count].len != 0)
            s->sig_count++; /* others are not kept: they could not be checked */
        return SEV_OK;
    }
    if (t->event != SEV_JSON_EV_STRING || t->depth != 3 || s->sig_count == SEV_SMALL_SIGS_MAX)
        return SEV_OK;
    struct sev_small_sig *sig = &s->sigs[s->sig_count];
    if (s->where[3] == N_KEYID) {
        if (!hex32(t, sig->key_id))
            memset(sig->key_id, 0, sizeof sig->key_id);
        for (uint8_t i = 0; i < s->sig_count; i++)
            if (SEV_REFUSE_IF(memcmp(s->sigs[i].key_id, sig->key_id, 32) == 0))
                return SEV_E_DUPLICATE_SIGNATURE;
    } else if (s->where[3] == N_SIG) {
        sev_buf b = sev_buf_of(sig->bytes, sizeof sig->bytes);
        sig->len = !t->cut && sev_hex_decode(t->text, &b) == SEV_OK ? (uint8_t)b.len : 0;
    }
    return SEV_OK;
}

/* Did enough different keys sign? By their points: one key under two ids is one key. */
static bool quorum(struct sev_small *s, const struct sev_small_key *keys, uint8_t key_count,
                   struct sev_small_role role, const uint8_t digest[SEV_SHA256_BYTES])
{
    uint8_t counted = 0, signed_by = 0;
    for (uint8_t i = 0; i < s->sig_count; i++) {
        for (uint8_t k = 0; k < key_count; k++) {
            if ((role.keys >> k & 1u) == 0 || memcmp(keys[k].id, s->sigs[i].key_id, 32) != 0)
                continue;
            bool again = false;
            for (uint8_t o = 0; o < k; o++)
                again = again || ((signed_by >> o & 1u) != 0 &&
                                  memcmp(keys[o].point, keys[k].point, 64) == 0);
            for (uint8_t o = (uint8_t)(k + 1); o < key_count; o++)
                again = again || ((signed_by >> o & 1u) != 0 &&
                                  memcmp(keys[o].point, keys[k].point, 64) == 0);
            if (SEV_REFUSE_IF(again || (signed_by >> k & 1u) != 0))
                continue;
            sev_err e = sev_crypto_verify_p256(keys[k].point, digest,
                                               sev_slice_of(s->sigs[i].bytes, s->sigs[i].len));
            if (SEV_REFUSE_IF(e != SEV_OK))
                continue;
            signed_by = (uint8_t)(signed_by | 1u << k);
            counted++;
        }
    }
    return !SEV_REFUSE_IF(role.threshold == 0 || counted < role.threshold);
}

/* --------------------------------------------------------------------- root */

static sev_err end_of_key(struct sev_small *s)
{
    uint8_t id[SEV_SHA256_BYTES];
    sev_sha256_final(&s->part, id);
    s->in_part = false;
    struct sev_small_root *next = &s->u.root.next;
    if (!s->u.root.known)
        return SEV_OK; /* a key from the future is kept by others and never counts here */
    if (SEV_REFUSE_IF(!s->u.root.usable))
        return SEV_E_KEY;
    if (SEV_REFUSE_IF(memcmp(id, s->u.root.key.id, sizeof id) != 0)) /* REQ-MET-01 */
        return SEV_E_KEY_ID;
    if (SEV_REFUSE_IF(next->key_count == SEV_SMALL_KEYS_MAX))
        return SEV_E_JSON_LIMIT;
    next->keys[next->key_count++] = s->u.root.key;
    return SEV_OK;
}

static void read_point(struct sev_small *s, const struct sev_json_stream_token *t)
{
    uint8_t der[96];
    sev_buf b = sev_buf_of(der, sizeof der);
    s->u.root.usable = !t->cut && sev_pem_decode(t->text, "PUBLIC KEY", &b) == SEV_OK &&
                       sev_spki_decode_p256(sev_buf_slice(&b), s->u.root.key.point) == SEV_OK;
}

static sev_err on_keys(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_NAME && t->depth == 3) {
        s->u.root.known = false;
        s->u.root.usable = false;
        if (!hex32(t, s->u.root.key.id))
            memset(s->u.root.key.id, 0, 32);
    } else if (t->event == SEV_JSON_EV_OBJECT && t->depth == 3) {
        sev_sha256_init(&s->part);
        sev_sha256_update(&s->part, "{", 1);
        s->in_part = true;
    } else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 3) {
        return end_of_key(s);
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 4 && s->where[4] == N_SCHEME) {
        s->u.root.known = is_text(t, "ecdsa-sha2-nistp256");
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 5 && s->where[4] == N_KEYVAL &&
               s->where[5] == N_PUBLIC) {
        read_point(s, t);
    }
    return SEV_OK;
}

static sev_err on_roles(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_root *next = &s->u.root.next;
    if (t->event == SEV_JSON_EV_NAME && t->depth == 3) {
        s->u.root.role = s->where[3] == N_ROOT      ? &next->root
                         : s->where[3] == N_TARGETS ? &next->targets
                                                    : NULL;
    } else if (s->u.root.role == NULL) {
        return SEV_OK;
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 5 && s->where[4] == N_KEYIDS) {
        uint8_t id[32];
        for (uint8_t i = 0; hex32(t, id) && i < next->key_count; i++)
            if (memcmp(next->keys[i].id, id, 32) == 0)
                s->u.root.role->keys = (uint8_t)(s->u.root.role->keys | 1u << i);
    } else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 4 && s->where[4] == N_THRESHOLD) {
        bool legal = t->integer >= 1 && t->integer <= SEV_SMALL_KEYS_MAX;
        if (SEV_REFUSE_IF(!legal)) /* REQ-MET-06 */
            return SEV_E_THRESHOLD;
        s->u.root.role->threshold = (uint8_t)t->integer;
    }
    return SEV_OK;
}

/* ------------------------------------------------------------------ targets */

static void begin_entry(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_image *e = &s->u.entry;
    memset(e, 0, sizeof *e);
    e->length = -1;
    e->release_counter = -1;
    s->entry_mine = s->entry_hardware = s->entry_has_match = s->entry_has_hash = false;
    s->entry_plaintext = s->entry_encrypted = false;
    s->entry_fits = t->text.len <= sizeof e->name;
    if (s->entry_fits) {
        memcpy(e->name, t->text.ptr, t->text.len);
        e->name_len = (uint8_t)t->text.len;
    }
}

static bool is_assigned_name(const struct sev_small *s)
{
    const struct sev_small_image *a = &s->assigned, *e = &s->u.entry;
    return s->entry_fits && a->name_len == e->name_len &&
           memcmp(a->name, e->name, a->name_len) == 0;
}

static sev_err check_mine(const struct sev_small *s)
{
    const struct sev_small_image *e = &s->u.entry;
    if (SEV_REFUSE_IF(e->length < 0 || !s->entry_has_hash))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!s->entry_fits || !sev_name_is_clean(sev_slice_of(e->name, e->name_len))))
        return SEV_E_BAD_NAME;
    if (SEV_REFUSE_IF(!s->entry_has_match || e->release_counter < 0))
        return SEV_E_DISAGREE;
    if (SEV_REFUSE_IF(!s->entry_hardware)) /* REQ-ECU-19 */
        return SEV_E_WRONG_HARDWARE;
    return SEV_OK;
}

static sev_err end_entry(struct sev_small *s)
{
    struct sev_small_image *e = &s->u.entry;
    if (s->kind == SEV_SMALL_TARGETS) {
        if (!s->entry_mine)
            return SEV_OK;
        if (SEV_REFUSE_IF(s->assigned.present)) /* REQ-VER-34 */
            return SEV_E_DUPLICATE_ECU;
        if (SEV_REFUSE_IF(s->entry_plaintext != s->entry_encrypted))
            return SEV_E_DOWNGRADE;
        sev_err err = check_mine(s);
        if (err != SEV_OK)
            return err;
        s->assigned = *e;
        s->assigned.present = true;
        return SEV_OK;
    }
    if (!is_assigned_name(s))
        return SEV_OK;
    sev_err err = check_mine(s);
    if (err != SEV_OK)
        return err;
    bool same = e->length == s->assigned.length &&
                memcmp(e->sha256, s->assigned.sha256, sizeof e->sha256) == 0;
    if (SEV_REFUSE_IF(!same))
        return SEV_E_DISAGREE;
    same = memcmp(e->match_sha256, s->assigned.match_sha256, sizeof e->match_sha256) == 0;
    if (SEV_REFUSE_IF(!same))
        return SEV_E_DISAGREE;
    s->vouched = true;
    return SEV_OK;
}

static sev_err on_match(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_OBJECT && t->depth == 5) {
        sev_sha256_init(&s->part);
        sev_sha256_update(&s->part, "{", 1);
        s->in_part = true;
    } else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 5) {
        sev_sha256_final(&s->part, s->u.entry.match_sha256);
        s->in_part = false;
        s->entry_has_match = true;
    } else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 6 && s->where[6] == N_RELEASE) {
        s->u.entry.release_counter = t->integer;
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 7 && s->where[6] == N_HARDWARE_IDS) {
        if (!t->cut && sev_slice_eq(t->text, s->identity->hardware_id))
            s->entry_hardware = true;
    } else if (t->event == SEV_JSON_EV_NAME && t->depth == 6 && s->where[6] == N_PLAINTEXT) {
        s->entry_plaintext = true;
    }
    return SEV_OK;
}

static sev_err on_ecus(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_NAME && t->depth == 6 && s->kind == SEV_SMALL_TARGETS) {
        s->where[6] = N_OTHER;
        if (sev_slice_eq(t->text, s->identity->serial)) {
            s->where[6] = N_ECUS; /* ours */
            s->entry_mine = true;
        }
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 7 && s->where[6] == N_ECUS &&
               s->where[7] == N_HARDWARE_ID) {
        bool ours = !t->cut && sev_slice_eq(t->text, s->identity->hardware_id);
        if (SEV_REFUSE_IF(!ours)) /* REQ-H12 */
            return SEV_E_WRONG_HARDWARE;
    }
    return SEV_OK;
}

static sev_err on_targets(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_NAME && t->depth == 3)
        begin_entry(s, t);
    else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 3)
        return end_entry(s);
    else if (t->depth >= 5 && s->where[4] == N_CUSTOM && s->where[5] == N_MATCH)
        return on_match(s, t);
    else if (t->depth >= 5 && s->where[4] == N_CUSTOM && s->where[5] == N_ECUS)
        return on_ecus(s, t);
    else if (t->event == SEV_JSON_EV_NAME && t->depth == 5 && s->where[4] == N_CUSTOM &&
             s->where[5] == N_ENCRYPTION)
        s->entry_encrypted = true;
    else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 4 && s->where[4] == N_LENGTH)
        s->u.entry.length = t->integer;
    else if (t->event == SEV_JSON_EV_STRING && t->depth == 5 && s->where[4] == N_HASHES &&
             s->where[5] == N_SHA256)
        s->entry_has_hash = hex32(t, s->u.entry.sha256);
    return SEV_OK;
}

/* ----------------------------------------------------------------- document */

static sev_err on_common(struct sev_small *s, const struct sev_json_stream_token *t)
{
    bool string = t->event == SEV_JSON_EV_STRING && t->depth == 2;
    if (string && s->where[2] == N_TYPE) {
        s->type_ok = is_text(t, s->kind == SEV_SMALL_ROOT ? "root" : "targets");
    } else if (string && s->where[2] == N_EXPIRES) {
        s->has_expires = !t->cut && sev_time_parse(t->text, &s->expires) == SEV_OK;
    } else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 2 && s->where[2] == N_VERSION) {
        s->version = t->integer;
    } else if (at2(s, N_SIGNED, N_CUSTOM) && t->depth == 3) {
        if (t->event == SEV_JSON_EV_STRING && s->where[3] == N_VEHICLE)
            s->vehicle_ok = !t->cut && sev_slice_eq(t->text, s->identity->vehicle);
        /* What must be understood cannot be: this ECU knows nothing beyond this file. */
        if (SEV_REFUSE_IF(t->event == SEV_JSON_EV_NAME && s->where[3] == N_CRITICAL))
            return SEV_E_CRITICAL;
    } else if (SEV_REFUSE_IF(t->event == SEV_JSON_EV_NAME && s->where[2] == N_DELEGATIONS &&
                             t->depth == 2 && s->kind == SEV_SMALL_TARGETS)) {
        return SEV_E_DELEGATION; /* REQ-VER-33 */
    }
    return SEV_OK;
}

static sev_err on_token(void *context, const struct sev_json_stream_token *t)
{
    struct sev_small *s = context;
    if (t->event == SEV_JSON_EV_NAME && t->depth < sizeof s->where) {
        s->where[t->depth] = code_of(t->text);
        memset(s->where + t->depth + 1, 0, sizeof s->where - t->depth - 1);
    }
    if (s->where[1] == N_SIGNATURES)
        return on_signatures(s, t);
    if (s->where[1] != N_SIGNED)
        return SEV_OK;
    if (t->depth == 1 && t->event == SEV_JSON_EV_OBJECT) {
        s->in_body = true; /* its brace was told before */
        sev_sha256_update(&s->body, "{", 1);
        return SEV_OK;
    }
    if (t->depth == 1 && t->event == SEV_JSON_EV_OBJECT_END) {
        s->in_body = false;
        return SEV_OK;
    }
    sev_err e = on_common(s, t);
    if (e != SEV_OK)
        return e;
    if (s->kind == SEV_SMALL_ROOT && s->where[2] == N_KEYS)
        return on_keys(s, t);
    if (s->kind == SEV_SMALL_ROOT && s->where[2] == N_ROLES)
        return on_roles(s, t);
    if (s->kind != SEV_SMALL_ROOT && s->where[2] == N_TARGETS)
        return on_targets(s, t);
    return SEV_OK;
}

static void on_bytes(void *context, sev_slice canonical)
{
    struct sev_small *s = context;
    if (s->in_body)
        sev_sha256_update(&s->body, canonical.ptr, canonical.len);
    if (s->in_part)
        sev_sha256_update(&s->part, canonical.ptr, canonical.len);
}

void sev_small_begin(struct sev_small *s, sev_small_kind kind, const struct sev_small_trust *trust,
                     const struct sev_small_identity *identity, sev_time now)
{
    struct sev_small_image assigned = {.present = false};
    if (kind == SEV_SMALL_ROLE)
        assigned = s->assigned;
    memset(s, 0, sizeof *s);
    s->assigned = assigned;
    s->kind = kind;
    s->trust = trust;
    s->identity = identity;
    s->now = now;
    s->version = -1;
    sev_sha256_init(&s->body);
    sev_json_stream_init(&s->json, s->text, sizeof s->text, s->names, sizeof s->names, on_token,
                         on_bytes, s);
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

static bool may_sign_targets(const struct sev_small_root *r, const uint8_t point[64])
{
    for (uint8_t i = 0; i < r->key_count; i++)
        if ((r->targets.keys >> i & 1u) != 0 && memcmp(r->keys[i].point, point, 64) == 0)
            return true;
    return false;
}

static bool all_may_sign(const struct sev_small_root *of, const struct sev_small_root *under)
{
    for (uint8_t i = 0; i < of->key_count; i++)
        if ((of->targets.keys >> i & 1u) != 0 && !may_sign_targets(under, of->keys[i].point))
            return false;
    return true;
}

/* Is the targets role what it was? Other keys of the root are no reason to forget what it signed:
 * that would open a window for rollback at every rotation. */
static bool same_targets_role(const struct sev_small_root *a, const struct sev_small_root *b)
{
    return a->targets.threshold == b->targets.threshold && all_may_sign(a, b) && all_may_sign(b, a);
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
    struct sev_small_root *next = &s->u.root.next;
    next->version = s->version;
    next->expires = s->expires;
    bool legal = bits(next->root.keys) >= next->root.threshold &&
                 bits(next->targets.keys) >= next->targets.threshold && next->root.threshold != 0 &&
                 next->targets.threshold != 0;
    if (SEV_REFUSE_IF(!legal))
        return SEV_E_THRESHOLD;
    return quorum(s, next->keys, next->key_count, next->root, digest) ? SEV_OK : SEV_E_SIGNATURE;
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
    const struct sev_small_root *next = &s->u.root.next;
    sev_err e = check_own_root(s, digest);
    if (e != SEV_OK)
        return e;
    if (!quorum(s, old->keys, old->key_count, old->root, digest)) /* REQ-VER-12 */
        return SEV_E_SIGNATURE;
    if (SEV_REFUSE_IF(s->version != old->version + 1)) /* REQ-VER-13 */
        return SEV_E_ROOT_VERSION;
    bool keep_floor = same_targets_role(old, next); /* P-c */
    carry_over(s, trust);
    trust->root = *next;
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
    if (!quorum(s, pin->keys, pin->key_count, pin->supplier, digest) &&
        !quorum(s, pin->keys, pin->key_count, pin->successor, digest))
        return SEV_E_SIGNATURE;
    sev_err e = check_floor(&s->trust->role, s->version, digest);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(s->now >= s->expires))
        return SEV_E_EXPIRED;
    if (SEV_REFUSE_IF(!s->vouched))
        return SEV_E_DISAGREE;
    carry_over(s, trust);
    trust->role.version = s->version;
    memcpy(trust->role.sha256, digest, 32);
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
    trust->root = s->u.root.next;
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
    if (e != SEV_OK) { /* nothing of a refused document may be acted upon */
        s->vouched = false;
        if (s->kind == SEV_SMALL_TARGETS)
            memset(&s->assigned, 0, sizeof s->assigned);
    }
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
    return SEV_OK;
}
