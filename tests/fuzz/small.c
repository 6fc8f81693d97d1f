/* Fuzz: streamed documents in pieces that the input chooses. What a small ECU accepts, whoever
 * holds the whole document accepts too and reads alike; and the other way round but for what small
 * ECUs say that they do not take. SPDX-License-Identifier: MIT */
/* fuzz: -max_len=4096 */
#include <stdlib.h>

#include "secureev/pin.h"
#include "secureev/signing.h"
#include "secureev/small.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* The input is three bytes of choices and a text in which @n is the id of key n, #n its object and
 * ~n its signature over the member "signed". Ids rise with n, so that seeds are in order. */
#define KEYS 6
enum { ROOT_KEY, TARGETS_KEY, SUPPLIER_KEY, SUCCESSOR_KEY }; /* 4 and 5 are strangers */

static struct {
    struct sev_privkey *private_key;
    char id[SEV_KEY_ID_CHARS];
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    size_t object_len;
} keys[KEYS];

static struct sev_small_trust first_trust;
static struct sev_small_pin small_pin;
static struct sev_small_identity identity = {
    .serial = {(const uint8_t *)"e-1", 3},
    .hardware_id = {(const uint8_t *)"hw", 2},
    .vehicle = {(const uint8_t *)"v-1", 3},
    .pin = &small_pin,
};
#define NOW ((sev_time)1800000000)

static uint8_t document[1u << 18], assignment[1u << 14];
static size_t assignment_len;
static uint32_t memory[1u << 18];

/* ------------------------------------------------------------------ set-up */

static int by_id(const void *a, const void *b)
{
    const struct sev_privkey *const *x = a, *const *y = b;
    char left[SEV_KEY_ID_CHARS], right[SEV_KEY_ID_CHARS];
    MUST(sev_key_id(sev_privkey_public(*x), SEV_PROFILE_NATIVE, left) == SEV_OK);
    MUST(sev_key_id(sev_privkey_public(*y), SEV_PROFILE_NATIVE, right) == SEV_OK);
    return memcmp(left, right, sizeof left);
}

static void make_keys(void)
{
    struct sev_privkey *made[KEYS];
    for (int i = 0; i < KEYS; i++)
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &made[i]) == SEV_OK);
    qsort(made, KEYS, sizeof made[0], by_id);
    for (int i = 0; i < KEYS; i++) {
        keys[i].private_key = made[i];
        const struct sev_pubkey *public_key = sev_privkey_public(made[i]);
        sev_buf b = sev_buf_of(keys[i].object, sizeof keys[i].object);
        MUST(sev_key_id(public_key, SEV_PROFILE_NATIVE, keys[i].id) == SEV_OK);
        MUST(sev_key_object(public_key, SEV_PROFILE_NATIVE, &b) == SEV_OK);
        keys[i].object_len = b.len;
    }
}

static void take_key(struct sev_small_key *out, int key)
{
    sev_buf id = sev_buf_of(out->id, sizeof out->id);
    MUST(sev_hex_decode(sev_slice_of(keys[key].id, sizeof keys[key].id), &id) == SEV_OK);
    memcpy(out->point, sev_privkey_public(keys[key].private_key)->material + 1, 64);
}

/* ---------------------------------------------------------------- documents */

static void put_signature(sev_buf *out, int key, sev_slice body)
{
    static uint8_t canonical[1u << 18];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room), b = sev_buf_of(canonical, sizeof canonical);
    struct sev_json_scratch scratch = {memory, sizeof memory / sizeof memory[0]};
    if (sev_json_canonical(body, SEV_CANON_OLPC, scratch, &b) == SEV_OK)
        body = sev_buf_slice(&b); /* keys have line feeds, which are signed as they are */
    MUST(sev_privkey_sign(keys[key].private_key, body, &sig) == SEV_OK);
    sev_hex_encode(sev_buf_slice(&sig), out);
}

/* With the signatures left out while `body` is not known yet. */
static void expand(sev_slice text, const sev_slice *body, sev_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        int key = i + 1 < text.len ? text.ptr[i + 1] - '0' : -1;
        bool is_one = key >= 0 && key < KEYS && (c == '@' || c == '#' || c == '~');
        if (!is_one) {
            sev_buf_put_byte(out, c);
            continue;
        }
        i++;
        if (c == '@')
            sev_buf_put(out, keys[key].id, sizeof keys[key].id);
        else if (c == '#')
            sev_buf_put(out, keys[key].object, keys[key].object_len);
        else if (body != NULL)
            put_signature(out, key, *body);
    }
}

static sev_slice make_document(sev_slice text, uint8_t *room, size_t bytes)
{
    static uint8_t draft[1u << 18];
    static const char name[] = "\"signed\":";
    sev_buf out = sev_buf_of(draft, sizeof draft);
    expand(text, NULL, &out);
    sev_slice whole = sev_buf_slice(&out), body = SEV_EMPTY;
    for (size_t i = 0; body.ptr == NULL && i + sizeof name <= whole.len; i++)
        if (memcmp(whole.ptr + i, name, sizeof name - 1) == 0)
            body = sev_slice_sub(whole, i + sizeof name - 1, whole.len - i - sizeof name);
    out = sev_buf_of(room, bytes);
    expand(text, &body, &out);
    return sev_buf_slice(&out);
}

/* ------------------------------------------------------------ the small ECU */

struct outcome {
    sev_err err;
    struct sev_small_image assigned;
    bool vouched;
    struct sev_small_trust trust;
};

static struct sev_small small;

static sev_err read_document(sev_small_kind kind, sev_slice file, size_t piece,
                             struct sev_small_trust *trust)
{
    sev_small_begin(&small, kind, trust, &identity, NOW);
    for (size_t i = 0; i < file.len; i += piece) {
        sev_err e = sev_small_feed(&small, sev_slice_sub(file, i, piece));
        if (e != SEV_OK) {
            MUST(sev_small_end(&small, trust) != SEV_OK);
            return e;
        }
    }
    return sev_small_end(&small, trust);
}

static struct outcome run_small(sev_small_kind kind, sev_slice file, size_t piece,
                                const struct sev_small_trust *from)
{
    struct outcome o = {.trust = *from};
    memset(&small, 0, sizeof small);
    if (kind == SEV_SMALL_ROLE)
        MUST(read_document(SEV_SMALL_TARGETS, sev_slice_of(assignment, assignment_len), 1000,
                           &o.trust) == SEV_OK);
    struct sev_small_trust before = o.trust;
    o.err = read_document(kind, file, piece, &o.trust);
    o.assigned = small.assigned;
    o.vouched = small.vouched;
    if (o.err != SEV_OK)
        MUST(memcmp(&before, &o.trust, sizeof before) == 0);
    bool installable = sev_small_installable(&small) == SEV_OK;
    MUST(!installable || (o.err == SEV_OK && kind == SEV_SMALL_ROLE && o.vouched));
    MUST(o.err == SEV_OK || kind != SEV_SMALL_TARGETS || !o.assigned.present);
    return o;
}

/* ---------------------------------------------------- the whole document */

static struct sev_role role_of(int key)
{
    static char texts[KEYS][2][2048];
    sev_buf k = sev_buf_of(texts[key][0], sizeof texts[key][0]);
    sev_buf ids = sev_buf_of(texts[key][1], sizeof texts[key][1]);
    sev_buf_put(&k, "{\"", 2);
    sev_buf_put(&k, keys[key].id, sizeof keys[key].id);
    sev_buf_put(&k, "\":", 2);
    sev_buf_put(&k, keys[key].object, keys[key].object_len);
    sev_buf_put_byte(&k, '}');
    sev_buf_put(&ids, "[\"", 2);
    sev_buf_put(&ids, keys[key].id, sizeof keys[key].id);
    sev_buf_put(&ids, "\"]", 2);
    return (struct sev_role){sev_buf_slice(&k), sev_buf_slice(&ids), 1};
}

static sev_err own_entry(const struct sev_targets *t, struct sev_target *out, bool *has_one)
{
    sev_json j = sev_json_at(t->targets), ecu;
    sev_json_str name, serial;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        sev_slice ecus = sev_json_get(sev_json_get(value, "custom"), "ecuIdentifiers");
        ecu = sev_json_at(ecus);
        sev_json_object(&ecu);
        while (sev_json_member(&ecu, &serial)) {
            sev_slice entry = SEV_EMPTY;
            sev_json_str hardware = {SEV_EMPTY, false};
            sev_json_skip(&ecu, &entry);
            if (!sev_json_str_eq_slice(serial, identity.serial))
                continue;
            if (*has_one)
                return SEV_E_DUPLICATE_ECU;
            *has_one = true;
            sev_json h = sev_json_at(sev_json_get(entry, "hardwareId"));
            sev_json_string(&h, &hardware);
            if (h.err != SEV_OK)
                return SEV_E_MALFORMED;
            if (!sev_json_str_eq_slice(hardware, identity.hardware_id))
                return SEV_E_WRONG_HARDWARE;
            sev_err e = sev_target_parse(name, value, SEV_PROFILE_NATIVE, out);
            if (e != SEV_OK)
                return e;
        }
    }
    return j.err;
}

/* What a partially verifying client with memory makes of the own entry: plan.c, pin.c. */
static sev_err judge_entry(const struct sev_target *t, struct sev_listing *out)
{
    struct sev_arena arena = sev_arena_of(memory + (1u << 17), sizeof memory / 2);
    struct sev_match match;
    if (t->name.escaped || !sev_name_is_clean(t->name.raw))
        return SEV_E_BAD_NAME;
    if (t->hardware_ids.len != 0)
        return SEV_E_MALFORMED;
    if (t->match.len == 0)
        return SEV_E_DISAGREE;
    sev_err e = sev_match_parse(t->match, &match);
    if (e != SEV_OK)
        return e;
    if ((t->encryption.len != 0) != (match.plaintext.len != 0))
        return SEV_E_DOWNGRADE;
    if (!sev_strings_contain(match.hardware_ids, identity.hardware_id))
        return SEV_E_WRONG_HARDWARE;
    return sev_listing_of(t, SEV_EMPTY, SEV_EMPTY, &arena, out);
}

static sev_err judge_targets(sev_slice file, const struct sev_small_trust *trust, bool *has_one,
                             struct sev_listing *out, struct sev_target *own)
{
    struct sev_arena arena = sev_arena_of(memory, sizeof memory / 2);
    struct sev_doc doc;
    struct sev_targets t;
    struct sev_role role = role_of(TARGETS_KEY);
    sev_json_str vehicle = {SEV_EMPTY, false};
    sev_err e = sev_doc_open(&doc, file, SEV_PROFILE_NATIVE, &arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e == SEV_OK)
        e = sev_quorum_check(NULL, &role, &doc, NULL);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(sev_json_get(t.common.custom, "vehicle"));
    sev_json_string(&j, &vehicle);
    if (j.err != SEV_OK || !sev_json_str_eq_slice(vehicle, identity.vehicle) ||
        sev_json_get(t.common.custom, "subscriber").len != 0)
        return SEV_E_WRONG_VEHICLE;
    if (t.common.version < trust->targets.version)
        return SEV_E_VERSION_ROLLBACK;
    if (t.common.version == trust->targets.version) /* no file has the digest of that floor */
        return SEV_E_EQUIVOCATION;
    if (NOW >= t.common.expires)
        return SEV_E_EXPIRED;
    if (t.delegations.len != 0)
        return SEV_E_DELEGATION;
    e = own_entry(&t, own, has_one);
    return e == SEV_OK && *has_one ? judge_entry(own, out) : e;
}

/* What only small ECUs refuse, and say so in small.h and json_stream.h. */
static bool is_narrow(sev_err e)
{
    return e == SEV_E_NOT_CANONICAL || e == SEV_E_JSON_LIMIT || e == SEV_E_CRITICAL;
}

static bool same_image(const struct sev_small_image *a, const struct sev_listing *b)
{
    return a->length == b->length && b->hashes.has_sha256 &&
           a->has_sha512 == b->hashes.has_sha512 &&
           memcmp(a->sha256, b->hashes.sha256, sizeof a->sha256) == 0 &&
           (!a->has_sha512 || memcmp(a->sha512, b->hashes.sha512, sizeof a->sha512) == 0) &&
           memcmp(a->match_sha256, b->match_sha256, sizeof a->match_sha256) == 0;
}

static void compare_targets(sev_slice file, const struct sev_small_trust *trust,
                            const struct outcome *o)
{
    struct sev_listing listing;
    struct sev_target own = {.length = 0};
    bool has_one = false;
    memset(&listing, 0, sizeof listing);
    sev_err e = judge_targets(file, trust, &has_one, &listing, &own);
    if (e == SEV_E_MEMORY)
        return;
    if (o->err == SEV_OK) {
        /* Ids that mean nothing here are not remembered, so not met again either. */
        MUST(e == SEV_OK || e == SEV_E_DUPLICATE_SIGNATURE);
        MUST(e != SEV_OK || o->assigned.present == has_one);
        MUST(e != SEV_OK || !has_one || same_image(&o->assigned, &listing));
    } else if (e == SEV_OK) {
        bool long_name = has_one && own.name.raw.len > SEV_SMALL_NAME_MAX;
        bool no_sha256 = has_one && !listing.hashes.has_sha256;
        MUST(is_narrow(o->err) || (long_name && o->err == SEV_E_BAD_NAME) ||
             (no_sha256 && o->err == SEV_E_MALFORMED));
    }
}

static void compare_role(sev_slice file, const struct outcome *o)
{
    static uint32_t pin_memory[8192];
    static char pin_text[SEV_PIN_BYTES_MAX];
    static const char text[] = "{\"keys\":{\"@2\":#2,\"@3\":#3},\"path\":\"a/*\",\"successor\":{"
                               "\"keyids\":[\"@3\"],\"threshold\":1},\"supplier\":{\"keyids\":["
                               "\"@2\"],\"threshold\":1}}";
    struct sev_arena arena = sev_arena_of(memory, sizeof memory / 2);
    struct sev_arena pin_arena = sev_arena_of(pin_memory, sizeof pin_memory);
    struct sev_pin_floor floor = {.successor_version = 0};
    struct sev_doc doc;
    struct sev_targets t;
    struct sev_target assigned;
    struct sev_pin pin;
    sev_buf b = sev_buf_of(pin_text, sizeof pin_text);
    expand(sev_slice_of(text, sizeof text - 1), NULL, &b);
    MUST(sev_pin_parse(sev_buf_slice(&b), &pin_arena, &pin) == SEV_OK);
    MUST(sev_doc_open(&doc, sev_slice_of(assignment, assignment_len), SEV_PROFILE_NATIVE,
                      &pin_arena) == SEV_OK);
    MUST(sev_targets_parse(&doc, &t) == SEV_OK);
    MUST(sev_targets_find(&t, SEV_PROFILE_NATIVE, SEV_LIT("a/x"), &assigned) == SEV_OK);
    sev_err e =
        sev_pin_check(NULL, &pin, file, &assigned, identity.hardware_id, NOW, &arena, &floor);
    if (e == SEV_E_MEMORY)
        return;
    if (e == SEV_OK)
        MUST(o->err == SEV_OK || is_narrow(o->err));
    /* Whether its list of hardware is that of match, and what it delegates, small ECUs do not look
     * at: both sides sign the same match. */
    if (o->err == SEV_OK)
        MUST(e == SEV_OK || e == SEV_E_DUPLICATE_SIGNATURE || e == SEV_E_DISAGREE ||
             e == SEV_E_MALFORMED);
}

static void compare_root(sev_slice file, const struct outcome *o)
{
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_doc doc;
    struct sev_root root;
    struct sev_role old = role_of(ROOT_KEY);
    sev_err e = sev_doc_open(&doc, file, SEV_PROFILE_NATIVE, &arena);
    MUST(o->err != SEV_OK || e == SEV_OK);
    if (e != SEV_OK || sev_root_parse(&doc, &root) != SEV_OK)
        return; /* roles that small ECUs have no use for are not looked at */
    e = sev_quorum_check(NULL, &root.roles[SEV_ROLE_ROOT], &doc, NULL);
    if (e == SEV_OK)
        e = sev_quorum_check(NULL, &old, &doc, NULL);
    if (o->err != SEV_OK)
        return;
    MUST(e == SEV_OK || e == SEV_E_DUPLICATE_SIGNATURE);
    MUST(root.common.version == o->trust.root.version);
    MUST(root.common.expires == o->trust.root.expires);
    MUST(root.roles[SEV_ROLE_TARGETS].threshold == o->trust.root.targets.threshold);
    MUST(o->trust.root.key_count <= SEV_SMALL_KEYS_MAX);
}

/* ---------------------------------------------------------------- the target */

static void set_up(void)
{
    static const char text[] =
        "{\"signatures\":[{\"keyid\":\"@1\",\"sig\":\"~1\"}],\"signed\":{\"_type\":\"targets\","
        "\"custom\":{\"vehicle\":\"v-1\"},\"expires\":\"2090-01-01T00:00:00Z\",\"targets\":{\"a/"
        "x\":"
        "{\"custom\":{\"ecuIdentifiers\":{\"e-1\":{\"hardwareId\":\"hw\"}},\"match\":{"
        "\"hardwareIds\":[\"hw\"],\"releaseCounter\":1}},\"hashes\":{\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000001\"},\"length\":7}},"
        "\"version\":3}}";
    make_keys();
    take_key(&first_trust.root.keys[0], ROOT_KEY);
    take_key(&first_trust.root.keys[1], TARGETS_KEY);
    first_trust.root.key_count = 2;
    first_trust.root.version = 1;
    first_trust.root.expires = NOW + 1;
    first_trust.root.root = (struct sev_small_role){1, 1};
    first_trust.root.targets = (struct sev_small_role){2, 1};
    small_pin.path = SEV_LIT("a/*");
    small_pin.key_count = 2;
    small_pin.supplier = (struct sev_small_role){1, 1};
    small_pin.successor = (struct sev_small_role){2, 1};
    take_key(&small_pin.keys[0], SUPPLIER_KEY);
    take_key(&small_pin.keys[1], SUCCESSOR_KEY);
    assignment_len =
        make_document(sev_slice_of(text, sizeof text - 1), assignment, sizeof assignment).len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (assignment_len == 0)
        set_up();
    if (size < 3)
        return 0;
    sev_small_kind kind = (sev_small_kind)(data[0] % 3);
    struct sev_small_trust from = first_trust;
    from.targets.version = kind == SEV_SMALL_TARGETS ? data[1] % 8 : 0;
    sev_slice file = make_document(sev_slice_of(data + 3, size - 3), document, sizeof document);
    struct outcome whole = run_small(kind, file, file.len + 1, &from);
    struct outcome pieces = run_small(kind, file, data[2] % 64u + 1u, &from);
    MUST(whole.err == pieces.err && whole.vouched == pieces.vouched);
    MUST(memcmp(&whole.assigned, &pieces.assigned, sizeof whole.assigned) == 0);
    MUST(memcmp(&whole.trust, &pieces.trust, sizeof whole.trust) == 0);
    if (kind == SEV_SMALL_TARGETS)
        compare_targets(file, &from, &whole);
    else if (kind == SEV_SMALL_ROLE)
        compare_role(file, &whole);
    else
        compare_root(file, &whole);
    return 0;
}
