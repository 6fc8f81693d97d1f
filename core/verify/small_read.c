/* small_read - what a document says, token by token. Where a token stands decides what it means.
 * Nothing of it counts before small.c has judged the whole. SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "base/literal.h"
#include "base/spec_version.h"
#include "secureev/spki.h"
#include "verify/small_internal.h"

/* Names that mean something somewhere. */
enum {
    N_OTHER,
    N_SIGNATURES,
    N_SIGNED,
    N_KEYID,
    N_METHOD,
    N_SIG,
    N_TYPE,
    N_EXPIRES,
    N_SPEC_VERSION,
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
    N_SHA512,
    N_LENGTH,
    N_MATCH,
    N_RELEASE,
    N_MIN_RELEASE,
    N_PLAINTEXT,
    N_ENCRYPTION,
    N_DELEGATIONS,
    N_COUNT,
};
static const char *const words[N_COUNT] = {
    "",
    "signatures",
    "signed",
    "keyid",
    "method",
    "sig",
    "_type",
    "expires",
    "spec_version",
    "version",
    "keys",
    "keytype",
    "keyval",
    "public",
    "scheme",
    "roles",
    "root",
    "targets",
    "keyids",
    "threshold",
    "custom",
    "vehicle",
    "subscriber",
    "critical",
    "ecuIdentifiers",
    "hardwareId",
    "hardwareIds",
    "hashes",
    "sha256",
    "sha512",
    "length",
    "match",
    "releaseCounter",
    "minReleaseCounter",
    "plaintext",
    "encryption",
    "delegations",
};

static uint8_t code_of(sev_slice name)
{
    for (uint8_t i = 1; i < N_COUNT; i++) // NOLINT(bugprone-too-small-loop-variable) some 40 words
        if (sev_slice_eq(name, sev_literal(words[i])))
            return i;
    return N_OTHER;
}

static bool is_text(const struct sev_json_stream_token *t, const char *text)
{
    return !t->cut && sev_slice_eq(t->text, sev_literal(text));
}

static bool hex_bytes(const struct sev_json_stream_token *t, uint8_t *out, size_t bytes)
{
    sev_buf b = sev_buf_of(out, bytes);
    return !t->cut && t->text.len == 2 * bytes && sev_hex_decode(t->text, &b) == SEV_OK;
}

/* A key id is text: written with capitals, it would be another one. */
static bool key_id(const struct sev_json_stream_token *t, uint8_t out[SEV_SHA256_BYTES])
{
    for (size_t i = 0; i < t->text.len; i++)
        if (t->text.ptr[i] >= 'A' && t->text.ptr[i] <= 'F')
            return false;
    return hex_bytes(t, out, SEV_SHA256_BYTES);
}

/* ------------------------------------------------------------------- shapes */

static bool is_root(const struct sev_small *s)
{
    return s->kind == SEV_SMALL_ROOT;
}

/* What must stand there; SEV_JSON_EV_NAME: anything. */
static sev_json_event shape_in_root(const struct sev_small *s, uint32_t depth)
{
    uint8_t part = s->where[2], name = s->where[4];
    if (depth == 3 && (part == N_KEYS || s->where[3] == N_ROOT || s->where[3] == N_TARGETS))
        return SEV_JSON_EV_OBJECT;
    if (depth == 4 && part == N_KEYS && (name == N_KEYTYPE || name == N_SCHEME))
        return SEV_JSON_EV_STRING;
    if (depth == 4 && part == N_ROLES && name == N_KEYIDS)
        return SEV_JSON_EV_ARRAY;
    return SEV_JSON_EV_NAME;
}

static sev_json_event shape_at(const struct sev_small *s, uint32_t depth)
{
    if (s->where[1] == N_SIGNATURES) {
        bool text = s->where[3] == N_KEYID || s->where[3] == N_METHOD || s->where[3] == N_SIG;
        return depth == 1           ? SEV_JSON_EV_ARRAY
               : depth == 2         ? SEV_JSON_EV_OBJECT
               : depth == 3 && text ? SEV_JSON_EV_STRING
                                    : SEV_JSON_EV_NAME;
    }
    if (depth == 1)
        return SEV_JSON_EV_OBJECT;
    if (depth != 2)
        return is_root(s) && (s->where[2] == N_KEYS || s->where[2] == N_ROLES)
                   ? shape_in_root(s, depth)
                   : SEV_JSON_EV_NAME;
    switch (s->where[2]) {
    case N_TYPE:
    case N_EXPIRES:
    case N_SPEC_VERSION:
        return SEV_JSON_EV_STRING;
    case N_CUSTOM:
        return SEV_JSON_EV_OBJECT;
    case N_KEYS:
    case N_ROLES:
        return is_root(s) ? SEV_JSON_EV_OBJECT : SEV_JSON_EV_NAME;
    case N_TARGETS:
        return is_root(s) ? SEV_JSON_EV_NAME : SEV_JSON_EV_OBJECT;
    default:
        return SEV_JSON_EV_NAME;
    }
}

/* A list where an object belongs, or the other way round, would be read as something else by
 * whoever holds the whole document. */
static sev_err check_shape(const struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_NAME || t->event == SEV_JSON_EV_OBJECT_END ||
        t->event == SEV_JSON_EV_ARRAY_END)
        return SEV_OK;
    sev_json_event wanted = shape_at(s, t->depth);
    if (SEV_REFUSE_IF(wanted != SEV_JSON_EV_NAME && wanted != t->event))
        return s->where[1] == N_SIGNATURES && t->depth == 1 ? SEV_E_SIGNATURE : SEV_E_MALFORMED;
    return SEV_OK;
}

/* --------------------------------------------------------------- signatures */

/* Only what can be checked later is kept. The keys of a new root are not known yet. */
static bool is_of_interest(const struct sev_small *s, const struct sev_small_sig *sig)
{
    const struct sev_small_pin *pin = s->identity->pin;
    const struct sev_small_key *keys = s->trust->root.keys;
    uint8_t count = s->trust->root.key_count;
    if (is_root(s))
        return true;
    if (s->kind == SEV_SMALL_ROLE) {
        keys = pin != NULL ? pin->keys : NULL;
        count = pin != NULL ? pin->key_count : 0;
    }
    for (uint8_t i = 0; i < count; i++)
        if (memcmp(keys[i].id, sig->key_id, sizeof sig->key_id) == 0)
            return true;
    return false;
}

/* It stands in the place behind those that are kept, and stays there if it is worth it. */
static sev_err end_signature(struct sev_small *s)
{
    const struct sev_small_sig *sig = &s->sigs[s->sig_count];
    if (SEV_REFUSE_IF(!s->sig_named))
        return SEV_E_MALFORMED;
    if (s->sig_count == SEV_SMALL_SIGS_MAX || !s->sig_usable || sig->len == 0 ||
        !is_of_interest(s, sig))
        return SEV_OK;
    for (uint8_t i = 0; i < s->sig_count; i++)
        if (SEV_REFUSE_IF(memcmp(s->sigs[i].key_id, sig->key_id, sizeof sig->key_id) == 0))
            return SEV_E_DUPLICATE_SIGNATURE;
    s->sig_count++;
    return SEV_OK;
}

static sev_err on_signatures(struct sev_small *s, const struct sev_json_stream_token *t)
{
    bool room = s->sig_count < SEV_SMALL_SIGS_MAX;
    struct sev_small_sig *sig = &s->sigs[room ? s->sig_count : 0];
    if (t->event == SEV_JSON_EV_OBJECT && t->depth == 2) {
        s->sig_named = s->sig_usable = false;
        if (room)
            memset(sig, 0, sizeof *sig);
        return SEV_REFUSE_IF(++s->sigs_seen > SEV_SIGS_MAX) ? SEV_E_JSON_LIMIT : SEV_OK;
    }
    if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 2)
        return end_signature(s);
    if (t->event != SEV_JSON_EV_STRING || t->depth != 3)
        return SEV_OK;
    if (s->where[3] == N_KEYID) {
        uint8_t id[SEV_SHA256_BYTES];
        s->sig_named = true;
        s->sig_usable = key_id(t, id);
        if (room && s->sig_usable)
            memcpy(sig->key_id, id, sizeof sig->key_id);
    } else if (s->where[3] == N_SIG) {
        bool plausible = !t->cut && t->text.len <= 2 * SEV_SMALL_SIG_BYTES;
        /* Which ones count would depend on their order. */
        if (SEV_REFUSE_IF(!room && plausible && is_root(s)))
            return SEV_E_JSON_LIMIT;
        sev_buf b = sev_buf_of(sig->bytes, sizeof sig->bytes);
        if (room)
            sig->len = plausible && sev_hex_decode(t->text, &b) == SEV_OK ? (uint8_t)b.len : 0;
    }
    return SEV_OK;
}

/* --------------------------------------------------------------------- root */

/* The key being read stands behind those that were kept; NULL when there is no room. */
static struct sev_small_key *place_of_key(struct sev_small *s)
{
    struct sev_small_new_root *r = &s->u.root;
    return r->key_count < SEV_SMALL_ROOT_KEYS_MAX ? &r->keys[r->key_count] : NULL;
}

static sev_err end_of_key(struct sev_small *s)
{
    uint8_t id[SEV_SHA256_BYTES];
    struct sev_small_key *key = place_of_key(s);
    sev_sha256_final(&s->part, id);
    s->in_part = false;
    if (!s->u.root.known_type || !s->u.root.known_scheme)
        return SEV_OK; /* a key from the future is kept by others and never counts here */
    if (SEV_REFUSE_IF(key == NULL))
        return SEV_E_JSON_LIMIT;
    if (SEV_REFUSE_IF(!s->u.root.usable))
        return SEV_E_KEY;
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) NULL was refused above
    if (SEV_REFUSE_IF(memcmp(id, key->id, sizeof id) != 0)) /* REQ-MET-01 */
        return SEV_E_KEY_ID;
    s->u.root.key_count++;
    return SEV_OK;
}

static void read_point(struct sev_small *s, const struct sev_json_stream_token *t)
{
    uint8_t der[96];
    sev_buf b = sev_buf_of(der, sizeof der);
    struct sev_small_key *key = place_of_key(s);
    s->u.root.usable = key != NULL && !t->cut &&
                       sev_pem_decode(t->text, "PUBLIC KEY", &b) == SEV_OK &&
                       sev_spki_decode_p256(sev_buf_slice(&b), key->point) == SEV_OK;
}

static void begin_key(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_key *key = place_of_key(s);
    s->u.root.known_type = s->u.root.known_scheme = s->u.root.usable = false;
    if (key != NULL && !key_id(t, key->id))
        memset(key->id, 0, sizeof key->id);
}

static sev_err on_keys(struct sev_small *s, const struct sev_json_stream_token *t)
{
    bool text = t->event == SEV_JSON_EV_STRING;
    if (t->event == SEV_JSON_EV_NAME && t->depth == 3) {
        begin_key(s, t);
    } else if (t->event == SEV_JSON_EV_OBJECT && t->depth == 3) {
        sev_sha256_init(&s->part);
        sev_sha256_update(&s->part, "{", 1);
        s->in_part = true;
    } else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 3) {
        return end_of_key(s);
    } else if (text && t->depth == 4 && s->where[4] == N_KEYTYPE) {
        s->u.root.known_type = is_text(t, "ecdsa") || is_text(t, "ecdsa-sha2-nistp256");
    } else if (text && t->depth == 4 && s->where[4] == N_SCHEME) {
        s->u.root.known_scheme = is_text(t, "ecdsa-sha2-nistp256");
    } else if (text && t->depth == 5 && s->where[4] == N_KEYVAL && s->where[5] == N_PUBLIC) {
        read_point(s, t);
    }
    return SEV_OK;
}

static sev_err on_roles(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_new_root *r = &s->u.root;
    if (t->event == SEV_JSON_EV_NAME && t->depth == 3) {
        r->role = s->where[3] == N_ROOT ? &r->root : s->where[3] == N_TARGETS ? &r->targets : NULL;
    } else if (r->role == NULL) {
        return SEV_OK;
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 5 && s->where[4] == N_KEYIDS) {
        uint8_t id[SEV_SHA256_BYTES];
        for (uint8_t i = 0; key_id(t, id) && i < r->key_count; i++)
            if (memcmp(r->keys[i].id, id, sizeof id) == 0)
                r->role->keys = (uint8_t)(r->role->keys | 1u << i);
    } else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 4 && s->where[4] == N_THRESHOLD) {
        bool legal = t->integer >= 1 && t->integer <= SEV_SMALL_ROOT_KEYS_MAX;
        if (SEV_REFUSE_IF(!legal)) /* REQ-MET-06 */
            return SEV_E_THRESHOLD;
        r->role->threshold = (uint8_t)t->integer;
    }
    return SEV_OK;
}

/* ------------------------------------------------------------------ targets */

static void begin_entry(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_image *e = &s->u.entry;
    memset(e, 0, sizeof *e);
    memset(&s->seen, 0, sizeof s->seen);
    e->length = -1;
    e->release_counter = -1;
    s->seen.name_fits = t->text.len <= sizeof e->name;
    if (s->seen.name_fits) {
        memcpy(e->name, t->text.ptr, t->text.len);
        e->name_len = (uint8_t)t->text.len;
    }
}

static bool is_assigned_name(const struct sev_small *s)
{
    const struct sev_small_image *a = &s->assigned, *e = &s->u.entry;
    return s->seen.name_fits && a->name_len == e->name_len &&
           memcmp(a->name, e->name, a->name_len) == 0;
}

/* An entry that concerns this ECU: its own, or the one that is to vouch for it. */
static sev_err check_entry(const struct sev_small *s)
{
    const struct sev_small_image *e = &s->u.entry;
    bool whole = e->length >= 0 && s->seen.sha256 && !s->seen.odd;
    if (SEV_REFUSE_IF(!whole)) /* REQ-MET-07 REQ-ECU-23 */
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!s->seen.name_fits || !sev_name_is_clean(sev_slice_of(e->name, e->name_len))))
        return SEV_E_BAD_NAME;
    if (SEV_REFUSE_IF(!s->seen.match))
        return SEV_E_DISAGREE;
    if (SEV_REFUSE_IF(e->release_counter < 0)) /* REQ-MET-09 */
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(!s->seen.match_hardware)) /* REQ-ECU-19 */
        return SEV_E_WRONG_HARDWARE;
    return SEV_OK;
}

static sev_err end_own_entry(struct sev_small *s)
{
    if (!s->seen.mine)
        return SEV_OK;
    if (SEV_REFUSE_IF(s->has_own)) /* REQ-VER-34 */
        return SEV_E_DUPLICATE_ECU;
    if (SEV_REFUSE_IF(s->seen.plaintext != s->seen.encrypted))
        return SEV_E_DOWNGRADE;
    if (SEV_REFUSE_IF(!s->seen.own_hardware)) /* {serial: {hardwareId}}, always */
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(s->seen.hardware_ids)) /* not the Director's word to give */
        return SEV_E_MALFORMED;
    sev_err e = check_entry(s);
    if (e != SEV_OK)
        return e;
    s->assigned = s->u.entry; /* `present` once the whole file is judged */
    s->has_own = true;
    return SEV_OK;
}

static sev_err end_vouching_entry(struct sev_small *s)
{
    const struct sev_small_image *a = &s->assigned, *e = &s->u.entry;
    if (!is_assigned_name(s))
        return SEV_OK;
    sev_err err = check_entry(s);
    if (err != SEV_OK)
        return err;
    if (SEV_REFUSE_IF(!s->seen.listed_hardware))
        return SEV_E_WRONG_HARDWARE;
    bool same = e->length == a->length && memcmp(e->sha256, a->sha256, sizeof e->sha256) == 0 &&
                e->has_sha512 == a->has_sha512 &&
                memcmp(e->sha512, a->sha512, sizeof e->sha512) == 0;
    if (SEV_REFUSE_IF(!same)) /* REQ-VER-07 */
        return SEV_E_DISAGREE;
    same = memcmp(e->match_sha256, a->match_sha256, sizeof e->match_sha256) == 0;
    if (SEV_REFUSE_IF(!same)) /* REQ-VER-08 */
        return SEV_E_DISAGREE;
    s->listed = true;
    return SEV_OK;
}

static void on_match(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_image *e = &s->u.entry;
    if (t->event == SEV_JSON_EV_OBJECT && t->depth == 5) {
        sev_sha256_init(&s->part);
        sev_sha256_update(&s->part, "{", 1);
        s->in_part = true;
    } else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 5) {
        sev_sha256_final(&s->part, e->match_sha256);
        s->in_part = false;
        s->seen.match = true;
    } else if (t->event == SEV_JSON_EV_NAME) {
        s->seen.plaintext = s->seen.plaintext || (t->depth == 6 && s->where[6] == N_PLAINTEXT);
    } else if (t->depth == 6 && s->where[6] == N_RELEASE) {
        e->release_counter = t->event == SEV_JSON_EV_INTEGER ? t->integer : -1;
    } else if (t->depth == 6 && s->where[6] == N_MIN_RELEASE) {
        s->seen.odd = s->seen.odd || t->event != SEV_JSON_EV_INTEGER || t->integer < 0;
        e->min_release_counter = t->integer;
    } else if (t->depth == 6 && s->where[6] == N_HARDWARE_IDS) {
        bool list = t->event == SEV_JSON_EV_ARRAY || t->event == SEV_JSON_EV_ARRAY_END;
        s->seen.odd = s->seen.odd || !list;
    } else if (t->depth == 7 && s->where[6] == N_HARDWARE_IDS) {
        s->seen.match_list_ended = s->seen.match_list_ended || t->event != SEV_JSON_EV_STRING;
        bool ours = !t->cut && sev_slice_eq(t->text, s->identity->hardware_id);
        s->seen.match_hardware = s->seen.match_hardware || (ours && !s->seen.match_list_ended);
    }
}

static sev_err on_ecus(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_NAME && t->depth == 6 && s->kind == SEV_SMALL_TARGETS) {
        bool ours = sev_slice_eq(t->text, s->identity->serial);
        s->where[6] = ours ? N_ECUS : N_OTHER;
        s->seen.mine = s->seen.mine || ours;
    } else if (t->event == SEV_JSON_EV_STRING && t->depth == 7 && s->where[6] == N_ECUS &&
               s->where[7] == N_HARDWARE_ID) {
        s->seen.own_hardware = true;
        bool ours = !t->cut && sev_slice_eq(t->text, s->identity->hardware_id);
        if (SEV_REFUSE_IF(!ours)) /* REQ-H12 */
            return SEV_E_WRONG_HARDWARE;
    }
    return SEV_OK;
}

static sev_err on_custom(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (s->where[5] == N_MATCH) {
        on_match(s, t);
    } else if (s->where[5] == N_ECUS) {
        return on_ecus(s, t);
    } else if (s->where[5] == N_HARDWARE_IDS) {
        s->seen.hardware_ids = true;
        if (t->event == SEV_JSON_EV_STRING && t->depth == 6 && !t->cut)
            s->seen.listed_hardware =
                s->seen.listed_hardware || sev_slice_eq(t->text, s->identity->hardware_id);
    } else if (s->where[5] == N_ENCRYPTION) {
        s->seen.encrypted = true;
    }
    return SEV_OK;
}

/* Every digest that is listed must be one that is compared, and later computed. */
static void on_hash(struct sev_small *s, const struct sev_json_stream_token *t)
{
    struct sev_small_image *e = &s->u.entry;
    bool good = t->event == SEV_JSON_EV_STRING;
    if (t->event == SEV_JSON_EV_NAME)
        good = s->where[5] == N_SHA256 || s->where[5] == N_SHA512;
    else if (good && s->where[5] == N_SHA256)
        good = s->seen.sha256 = hex_bytes(t, e->sha256, sizeof e->sha256);
    else if (good)
        good = e->has_sha512 = hex_bytes(t, e->sha512, sizeof e->sha512);
    s->seen.odd = s->seen.odd || !good;
}

static sev_err on_targets(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event == SEV_JSON_EV_OBJECT && t->depth == 2)
        s->has_targets = true;
    else if (t->event == SEV_JSON_EV_NAME && t->depth == 3)
        begin_entry(s, t);
    else if (t->event == SEV_JSON_EV_OBJECT_END && t->depth == 3)
        return s->kind == SEV_SMALL_TARGETS ? end_own_entry(s) : end_vouching_entry(s);
    else if (t->depth >= 5 && s->where[4] == N_CUSTOM)
        return on_custom(s, t);
    else if (t->depth == 5 && s->where[4] == N_HASHES)
        on_hash(s, t);
    else if (t->event == SEV_JSON_EV_INTEGER && t->depth == 4 && s->where[4] == N_LENGTH)
        s->u.entry.length = t->integer;
    return SEV_OK;
}

/* ----------------------------------------------------------------- document */

static sev_err on_signed_custom(struct sev_small *s, const struct sev_json_stream_token *t)
{
    bool name = t->event == SEV_JSON_EV_NAME;
    /* What must be understood cannot be: this ECU knows nothing beyond this file. */
    if (SEV_REFUSE_IF(name && s->where[3] == N_CRITICAL))
        return SEV_E_CRITICAL;
    if (s->kind != SEV_SMALL_TARGETS)
        return SEV_OK;
    if (SEV_REFUSE_IF(name && s->where[3] == N_SUBSCRIBER)) /* a broker's file */
        return SEV_E_WRONG_VEHICLE;
    if (t->event == SEV_JSON_EV_STRING && s->where[3] == N_VEHICLE)
        s->vehicle_ok = !t->cut && sev_slice_eq(t->text, s->identity->vehicle);
    return SEV_OK;
}

static sev_err on_common(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->depth == 3 && s->where[2] == N_CUSTOM)
        return on_signed_custom(s, t);
    if (t->depth != 2)
        return SEV_OK;
    bool text = t->event == SEV_JSON_EV_STRING;
    if (text && s->where[2] == N_TYPE)
        s->type_ok = is_text(t, is_root(s) ? "root" : "targets");
    else if (text && s->where[2] == N_EXPIRES)
        s->has_expires = !t->cut && sev_time_parse(t->text, &s->expires) == SEV_OK;
    else if (SEV_REFUSE_IF(text && s->where[2] == N_SPEC_VERSION &&
                           (t->cut || !sev_spec_version_known(t->text)))) /* REQ-MET-31 */
        return SEV_E_SPEC_VERSION;
    else if (t->event == SEV_JSON_EV_INTEGER && s->where[2] == N_VERSION)
        s->version = t->integer;
    else if (SEV_REFUSE_IF(t->event == SEV_JSON_EV_NAME && s->where[2] == N_DELEGATIONS &&
                           s->kind == SEV_SMALL_TARGETS)) /* REQ-VER-33 */
        return SEV_E_DELEGATION;
    return SEV_OK;
}

static void remember_where(struct sev_small *s, const struct sev_json_stream_token *t)
{
    if (t->event != SEV_JSON_EV_NAME || t->depth >= sizeof s->where)
        return;
    s->where[t->depth] = code_of(t->text);
    memset(s->where + t->depth + 1, 0, sizeof s->where - t->depth - 1);
}

sev_err sev_small_on_token(void *context, const struct sev_json_stream_token *t)
{
    struct sev_small *s = context;
    remember_where(s, t);
    if (s->where[1] != N_SIGNATURES && s->where[1] != N_SIGNED)
        return SEV_OK;
    sev_err e = check_shape(s, t);
    if (e != SEV_OK)
        return e;
    if (s->where[1] == N_SIGNATURES)
        return on_signatures(s, t);
    if (t->depth == 1 && t->event == SEV_JSON_EV_OBJECT) {
        s->in_body = true; /* its brace was told before */
        sev_sha256_update(&s->body, "{", 1);
        return SEV_OK;
    }
    if (t->depth == 1 && t->event == SEV_JSON_EV_OBJECT_END) {
        s->in_body = false;
        return SEV_OK;
    }
    e = on_common(s, t);
    if (e != SEV_OK)
        return e;
    if (is_root(s) && s->where[2] == N_KEYS)
        return on_keys(s, t);
    if (is_root(s) && s->where[2] == N_ROLES)
        return on_roles(s, t);
    if (!is_root(s) && s->where[2] == N_TARGETS)
        return on_targets(s, t);
    return SEV_OK;
}

void sev_small_on_bytes(void *context, sev_slice canonical)
{
    struct sev_small *s = context;
    if (s->in_body)
        sev_sha256_update(&s->body, canonical.ptr, canonical.len);
    if (s->in_part)
        sev_sha256_update(&s->part, canonical.ptr, canonical.len);
}
