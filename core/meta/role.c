/* role - who may sign, and did enough of them? Pure: no allocation, no clock. Work is bounded by
 * SEV_SIGS_MAX, so a hostile file cannot buy more than that much of it.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/meta.h"

static sev_slice find_key(sev_slice keys, sev_json_str id)
{
    sev_json j = sev_json_at(keys);
    sev_json_str name;
    sev_slice value = SEV_EMPTY;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        if (sev_json_str_eq(name, id)) {
            sev_json_skip(&j, &value);
            return j.err == SEV_OK ? value : SEV_EMPTY;
        }
        sev_json_skip(&j, NULL);
    }
    return SEV_EMPTY;
}

/* REQ-MET-01: with a free choice of ids, one key could be listed under many. */
static sev_err check_id(sev_slice object, sev_json_str id)
{
    char hash[SEV_KEY_ID_CHARS];
    sev_err e = sev_key_id_of(object, hash);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(!sev_json_str_eq_slice(id, sev_slice_of(hash, sizeof hash))))
        return SEV_E_KEY_ID;
    return SEV_OK;
}

/* Unescaped: another spelling of the file is no rotation. */
static sev_err hash_id(sev_json_str id, uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t room[SEV_NAME_BYTES_MAX];
    sev_buf text = sev_buf_of(room, sizeof room);
    if (sev_json_str_copy(id, &text) != SEV_OK)
        return SEV_E_KEY; /* nobody's id is that long */
    sev_sha256(sev_buf_slice(&text), out);
    return SEV_OK;
}

/* The identity of a key for counting: its material, or its id where we cannot read it. `with_id`:
 * the id is checked, too. */
static sev_err identity(sev_slice object, sev_json_str id, sev_profile profile, bool with_id,
                        uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_pubkey key;
    sev_err e = sev_key_parse(object, profile, &key);
    if (e != SEV_OK)
        return e;
    if (key.type == SEV_KEY_UNKNOWN)
        return hash_id(id, out);
    sev_pubkey_fingerprint(&key, out);
    return with_id ? check_id(object, id) : SEV_OK;
}

struct key_set {
    uint32_t count; /**< different keys */
    uint8_t ids[SEV_ROLE_KEYS_MAX][SEV_SHA256_BYTES];
};

static bool set_add(struct key_set *set, const uint8_t id[SEV_SHA256_BYTES])
{
    for (uint32_t i = 0; i < set->count; i++)
        if (memcmp(set->ids[i], id, SEV_SHA256_BYTES) == 0)
            return false;
    memcpy(set->ids[set->count++], id, SEV_SHA256_BYTES);
    return true;
}

static sev_err collect(const struct sev_role *role, sev_profile profile, bool with_ids,
                       struct key_set *set)
{
    bool strict = profile == SEV_PROFILE_NATIVE;
    uint32_t listed = 0;
    sev_json j = sev_json_at(role->keyids);
    set->count = 0;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str id;
        uint8_t key_identity[SEV_SHA256_BYTES];
        sev_json_string(&j, &id);
        if (j.err != SEV_OK)
            break;
        if (SEV_REFUSE_IF(++listed > SEV_ROLE_KEYS_MAX))
            return SEV_E_JSON_LIMIT;
        sev_slice object = find_key(role->keys, id);
        if (object.len == 0) {
            /* REQ-MET-06 REQ-MET-18 */
            if (SEV_REFUSE_IF(strict))
                return SEV_E_KEY;
            continue;
        }
        sev_err e = identity(object, id, profile, strict && with_ids, key_identity);
        if (e != SEV_OK && strict)
            return e;
        if (e == SEV_OK)
            set_add(set, key_identity);
    }
    return j.err;
}

sev_err sev_role_check(const struct sev_role *role, sev_profile profile)
{
    struct key_set set;
    sev_err e = collect(role, profile, true, &set);
    if (e != SEV_OK)
        return e;
    if (SEV_REFUSE_IF(role->threshold < 1))
        return SEV_E_THRESHOLD;
    /* A plain TUF file may list a role that nobody can satisfy: that role then fails by itself. */
    bool unreachable = role->threshold > (int64_t)set.count && profile != SEV_PROFILE_TUF;
    if (SEV_REFUSE_IF(unreachable))
        return SEV_E_THRESHOLD;
    return SEV_OK;
}

sev_err sev_role_digest(const struct sev_role *role, sev_profile profile,
                        uint8_t out[SEV_SHA256_BYTES])
{
    struct key_set set;
    sev_err e = collect(role, profile, false, &set);
    if (e != SEV_OK)
        return e;
    struct sev_sha256 h;
    uint8_t threshold[2] = {(uint8_t)(role->threshold >> 8), (uint8_t)role->threshold};
    sev_sha256_init(&h);
    sev_sha256_update(&h, threshold, sizeof threshold);
    /* In ascending order, by repeated selection: at most SEV_ROLE_KEYS_MAX squared steps. */
    for (uint32_t done = 0; done < set.count; done++) {
        uint32_t least = done;
        for (uint32_t i = done + 1; i < set.count; i++)
            if (memcmp(set.ids[i], set.ids[least], SEV_SHA256_BYTES) < 0)
                least = i;
        sev_sha256_update(&h, set.ids[least], SEV_SHA256_BYTES);
        memmove(set.ids[least], set.ids[done], SEV_SHA256_BYTES);
    }
    sev_sha256_final(&h, out);
    return SEV_OK;
}

/* ------------------------------------------------------------------ quorum */

struct entry {
    sev_json_str keyid, sig, method;
};

static void parse_entry(sev_json *j, struct entry *out)
{
    sev_json_str name;
    *out = (struct entry){{SEV_EMPTY, false}, {SEV_EMPTY, false}, {SEV_EMPTY, false}};
    sev_json_object(j);
    while (sev_json_member(j, &name)) {
        if (sev_json_str_is(name, "keyid"))
            sev_json_string(j, &out->keyid);
        else if (sev_json_str_is(name, "sig"))
            sev_json_string(j, &out->sig);
        else if (sev_json_str_is(name, "method"))
            sev_json_string(j, &out->method);
        else
            sev_json_skip(j, NULL);
    }
}

static bool is_listed(const struct sev_role *role, sev_json_str keyid)
{
    sev_json j = sev_json_at(role->keyids);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_json_str id;
        sev_json_string(&j, &id);
        if (j.err == SEV_OK && sev_json_str_eq(id, keyid))
            return true;
    }
    return false;
}

/* contracts/aktualizr.md 7.3; the key decides the scheme, a method that we do not know just
 * does not count. */
static bool method_known(sev_json_str method)
{
    return sev_json_str_is(method, "ed25519") || sev_json_str_is(method, "ED25519") ||
           sev_json_str_is(method, "rsassa-pss") || sev_json_str_is(method, "RSASSA-PSS") ||
           sev_json_str_is(method, "rsassa-pss-sha256") ||
           sev_json_str_is(method, "RSASSA-PSS-SHA256");
}

static bool decode_signature(const struct entry *s, sev_profile profile, sev_buf *out)
{
    if (s->sig.escaped)
        return false;
    if (profile == SEV_PROFILE_AKTUALIZR)
        return method_known(s->method) && sev_base64_decode(s->sig.raw, out) == SEV_OK;
    return sev_hex_decode(s->sig.raw, out) == SEV_OK;
}

/* Does this entry hold a valid signature by a key of the role? Then which key. If not:
 * SEV_E_SIGNATURE, or why the provider could not tell. */
static sev_err judge_entry(struct sev_crypto *crypto, const struct sev_role *role,
                           const struct sev_doc *doc, const struct entry *s,
                           uint8_t out_identity[SEV_SHA256_BYTES])
{
    if (SEV_REFUSE_IF(!is_listed(role, s->keyid)))
        return SEV_E_SIGNATURE;
    sev_slice object = find_key(role->keys, s->keyid);
    struct sev_pubkey key;
    if (object.len == 0 || sev_key_parse(object, doc->profile, &key) != SEV_OK ||
        key.type == SEV_KEY_UNKNOWN)
        return SEV_E_SIGNATURE;
    uint8_t bytes[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(bytes, sizeof bytes);
    if (!decode_signature(s, doc->profile, &sig))
        return SEV_E_SIGNATURE;
    sev_err e = sev_crypto_verify(crypto, &key, doc->message, doc->sha256, sev_buf_slice(&sig));
    if (SEV_REFUSE_IF(e != SEV_OK))
        return e == SEV_E_MEMORY || e == SEV_E_CRYPTO ? e : SEV_E_SIGNATURE;
    sev_pubkey_fingerprint(&key, out_identity);
    return SEV_OK;
}

/* Both "once only" rules look back over what came before, at most SEV_SIGS_MAX entries. */
static bool keyid_stands_before(const struct sev_doc *doc, uint32_t position, sev_json_str keyid)
{
    sev_json j = sev_json_at(doc->signatures);
    sev_json_array(&j);
    for (uint32_t i = 0; i < position && sev_json_element(&j); i++) {
        struct entry s;
        parse_entry(&j, &s);
        if (j.err == SEV_OK && sev_json_str_eq(s.keyid, keyid))
            return true;
    }
    return false;
}

static sev_err check_entries(const struct sev_doc *doc)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(doc->signatures);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct entry s;
        parse_entry(&j, &s);
        if (j.err != SEV_OK)
            break;
        if (SEV_REFUSE_IF(count >= SEV_SIGS_MAX))
            return SEV_E_JSON_LIMIT;
        if (s.keyid.raw.ptr == NULL)
            return SEV_E_MALFORMED;
        if (SEV_REFUSE_IF(keyid_stands_before(doc, count, s.keyid)))
            return SEV_E_DUPLICATE_SIGNATURE;
        count++;
    }
    return j.err;
}

sev_err sev_quorum_check(struct sev_crypto *crypto, const struct sev_role *role,
                         const struct sev_doc *doc, uint32_t *out_count)
{
    /* REQ-ALG-0.1: a threshold of zero is satisfied by anybody. */
    if (SEV_REFUSE_IF(role->threshold < 1))
        return SEV_E_THRESHOLD;
    sev_err e = check_entries(doc);
    if (e != SEV_OK)
        return e;
    /* Remember keys, not signatures or ids: otherwise one stolen key listed twice would satisfy
     * a threshold of two. REQ-VER-12 REQ-ATK-10 REQ-A11 */
    struct key_set counted = {.count = 0};
    sev_err lacking = SEV_E_SIGNATURE;
    sev_json j = sev_json_at(doc->signatures);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct entry s;
        uint8_t who[SEV_SHA256_BYTES];
        parse_entry(&j, &s);
        if (out_count == NULL && counted.count >= role->threshold)
            break;
        e = judge_entry(crypto, role, doc, &s, who);
        if (e == SEV_OK && counted.count < SEV_ROLE_KEYS_MAX)
            set_add(&counted, who);
        else if (e != SEV_OK && e != SEV_E_SIGNATURE)
            lacking = e;
    }
    if (SEV_REFUSE_IF((int64_t)counted.count < role->threshold))
        return lacking;
    if (out_count != NULL)
        *out_count = counted.count;
    return SEV_OK;
}
