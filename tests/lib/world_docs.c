/* world_docs - memory, keys and the text of documents for world.h. SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

/* ------------------------------------------------------------------ memory */

#define POOL_BYTES ((size_t)160 << 20) /* touched only as far as it is used */
static uint8_t pool[POOL_BYTES];
static size_t pool_used;

uint8_t *world_take(size_t bytes)
{
    size_t start = (pool_used + 15u) & ~(size_t)15u;
    if (bytes > POOL_BYTES - start)
        world_failed("the pool is used up", "");
    pool_used = start + bytes;
    return pool + start;
}

size_t world_pool_mark(void)
{
    return pool_used;
}

void world_pool_reset(size_t mark)
{
    pool_used = mark;
}

sev_slice world_keep(sev_slice bytes)
{
    uint8_t *copy = world_take(bytes.len + 1);
    if (bytes.len != 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = 0;
    return sev_slice_of(copy, bytes.len);
}

/* Texts that tests make for a moment: they outlive any reset of the pool, until the ring is full.
 */
static char ring[(size_t)64 << 20];
static size_t ring_used;

static char *ring_take(size_t bytes)
{
    if (bytes > sizeof ring)
        world_failed("the text is too long", "");
    if (bytes > sizeof ring - ring_used)
        ring_used = 0;
    char *p = ring + ring_used;
    ring_used += bytes;
    return p;
}

sev_slice world_filled(size_t bytes, char with)
{
    char *p = ring_take(bytes + 1);
    memset(p, with, bytes);
    p[bytes] = '\0';
    return sev_slice_of(p, bytes);
}

static const char *format_into(char *(*take)(size_t), const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *p = take((size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, format, args);
    return p;
}

static char *pool_take(size_t bytes)
{
    return (char *)world_take(bytes);
}

const char *world_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_into(ring_take, format, args);
    va_end(args);
    return text;
}

const char *world_name(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_into(pool_take, format, args);
    va_end(args);
    return text;
}

/* -------------------------------------------------------------------- keys */

#define KEYS_PER_TYPE 4096
struct made_key {
    struct sev_privkey *key;
    uint64_t seed;
    char ids[3][SEV_KEY_ID_CHARS + 1]; /* by profile */
    char *objects[3];
};
static struct made_key made[3][KEYS_PER_TYPE];

static int table_of(sev_key_type type)
{
    return type == SEV_KEY_P256 ? 0 : type == SEV_KEY_ED25519 ? 1 : 2;
}

/* PKCS#8 of an Ed25519 key: a fixed head and 32 bytes. The same seed makes the same key, and its
 * signatures are the same too: a run can be repeated byte for byte. */
static struct sev_privkey *seeded(uint64_t seed, int number)
{
    static const uint8_t head[16] = {0x30, 0x2e, 2,    1,    0,    0x30, 5,    6,
                                     3,    0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    uint8_t der[48];
    char name[64];
    int n = snprintf(name, sizeof name, "world key %llu %d", (unsigned long long)seed, number);
    memcpy(der, head, sizeof head);
    sev_sha256(sev_slice_of(name, (size_t)n), der + sizeof head);
    struct sev_privkey *key = NULL;
    if (sev_privkey_from_pkcs8(sev_slice_of(der, sizeof der), &key) != SEV_OK)
        world_failed("no Ed25519 key", name);
    return key;
}

static void free_keys(void)
{
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < KEYS_PER_TYPE; i++) {
            sev_privkey_free(made[t][i].key);
            for (int p = 0; p < 3; p++)
                free(made[t][i].objects[p]);
            made[t][i] = (struct made_key){.key = NULL};
        }
    }
}

static struct made_key *key_of(const struct world *w, world_key key)
{
    static bool registered;
    struct made_key *k = &made[key / KEYS_PER_TYPE][key % KEYS_PER_TYPE];
    bool ed25519 = key / KEYS_PER_TYPE == 1;
    if (!registered) {
        registered = true;
        atexit(free_keys);
    }
    if (k->key != NULL && ed25519 && k->seed != w->key_seed) {
        sev_privkey_free(k->key);
        for (int p = 0; p < 3; p++)
            free(k->objects[p]);
        *k = (struct made_key){.key = NULL};
    }
    if (k->key != NULL)
        return k;
    k->seed = w->key_seed;
    if (ed25519)
        k->key = seeded(w->key_seed, key);
    else if (sev_privkey_generate(key / KEYS_PER_TYPE == 0 ? SEV_KEY_P256 : SEV_KEY_RSA,
                                  key / KEYS_PER_TYPE == 0 ? 0 : 2048, &k->key) != SEV_OK)
        world_failed("no key", "");
    return k;
}

static struct made_key *described(const struct world *w, world_key key)
{
    struct made_key *k = key_of(w, key);
    int p = (int)w->profile;
    if (k->objects[p] != NULL)
        return k;
    char object[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(object, sizeof object);
    const struct sev_pubkey *public_key = sev_privkey_public(k->key);
    if (sev_key_object(public_key, w->profile, &b) != SEV_OK ||
        sev_key_id(public_key, w->profile, k->ids[p]) != SEV_OK)
        world_failed("the profile has no such keys", "");
    k->ids[p][SEV_KEY_ID_CHARS] = '\0';
    k->objects[p] = malloc(b.len + 1);
    if (k->objects[p] == NULL)
        world_failed("no memory", "");
    memcpy(k->objects[p], object, b.len);
    k->objects[p][b.len] = '\0';
    return k;
}

const struct sev_privkey *world_private(const struct world *w, world_key key)
{
    return key_of(w, key)->key;
}

const char *world_key_id(const struct world *w, world_key key)
{
    return described(w, key)->ids[(int)w->profile];
}

const char *world_key_object(const struct world *w, world_key key)
{
    return described(w, key)->objects[(int)w->profile];
}

world_key world_new_key_of(struct world *w, sev_key_type type)
{
    if (w->next_key >= KEYS_PER_TYPE)
        world_failed("too many keys", "");
    return table_of(type) * KEYS_PER_TYPE + w->next_key++;
}

world_key world_new_key(struct world *w)
{
    return world_new_key_of(w, w->key_type);
}

struct world_keys world_new_keys(struct world *w, int count, int64_t threshold)
{
    struct world_keys k = {.count = count, .threshold = threshold};
    for (int i = 0; i < count; i++)
        k.ids[i] = world_new_key(w);
    return k;
}

/* -------------------------------------------------------------------- text */

static char buffer[24u << 20];
static size_t buffer_len;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(buffer + buffer_len, sizeof buffer - buffer_len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof buffer - buffer_len)
        world_failed("a document is too long", "");
    buffer_len += (size_t)n;
}

static void put_hex(sev_slice bytes)
{
    sev_buf b = sev_buf_of(buffer + buffer_len, sizeof buffer - buffer_len);
    sev_hex_encode(bytes, &b);
    buffer_len += b.len;
}

static void put_hashes(sev_slice bytes, bool sha512_too)
{
    uint8_t digest[SEV_SHA512_BYTES];
    sev_sha256(bytes, digest);
    put("\"hashes\":{\"sha256\":\"");
    put_hex(sev_slice_of(digest, SEV_SHA256_BYTES));
    if (sha512_too) {
        sev_sha512(bytes, digest);
        put("\",\"sha512\":\"");
        put_hex(sev_slice_of(digest, SEV_SHA512_BYTES));
    }
    put("\"}");
}

/* "key id": object, ... - each key once. */
static void put_keys(struct world *w, const struct world_keys *const *sets, int count)
{
    bool first = true;
    for (int s = 0; s < count; s++) {
        for (int i = 0; i < sets[s]->count; i++) {
            bool seen = false;
            for (int t = 0; t <= s && !seen; t++)
                for (int j = 0; j < sets[t]->count && !(t == s && j >= i) && !seen; j++)
                    seen = sets[t]->ids[j] == sets[s]->ids[i];
            if (seen)
                continue;
            put("%s\"%s\":%s", first ? "" : ",", world_key_id(w, sets[s]->ids[i]),
                world_key_object(w, sets[s]->ids[i]));
            first = false;
        }
    }
}

static void put_role_keys(struct world *w, const struct world_keys *keys)
{
    put("\"keyids\":[");
    for (int i = 0; i < keys->count; i++)
        put("%s\"%s\"", i ? "," : "", world_key_id(w, keys->ids[i]));
    put("],\"threshold\":%lld", (long long)keys->threshold);
}

static void put_head(struct world *w, const char *type, const struct world_role *role,
                     int64_t version)
{
    char when[21] = {0};
    sev_buf b = sev_buf_of(when, 20);
    sev_time_format(role->expires, &b);
    bool capital = w->profile == SEV_PROFILE_AKTUALIZR;
    put("{\"_type\":\"%c%s\",\"expires\":\"%s\",\"spec_version\":\"1.0.31\",\"version\":%lld",
        capital ? type[0] - 'a' + 'A' : type[0], type + 1, when, (long long)version);
}

/* ------------------------------------------------------------------ bodies */

static void put_root(struct world *w, struct world_repository *r)
{
    const struct world_keys *sets[SEV_TOP_ROLES];
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        sets[i] = &r->roles[i].keys;
    put(",\"consistent_snapshot\":true,\"keys\":{");
    put_keys(w, sets, SEV_TOP_ROLES);
    put("},\"roles\":{");
    for (int i = 0; i < SEV_TOP_ROLES; i++) {
        put("%s\"%s\":{", i ? "," : "", r->roles[i].name);
        put_role_keys(w, sets[i]);
        put("}");
    }
    if (r->more_root_roles != NULL)
        put(",%s", r->more_root_roles);
    put("}");
}

static void put_vehicle(struct world *w, int repository, const char *more)
{
    if (w->profile != SEV_PROFILE_NATIVE || repository != DIRECTOR)
        return;
    if (w->now.custom != NULL)
        put(",\"custom\":%s", w->now.custom);
    else
        put(",\"custom\":{\"vehicle\":\"" WORLD_VEHICLE "\"%s}", more);
}

static void put_fileinfo(const struct world_role *role, bool with_hashes)
{
    put("\"%s.json\":{", role->name);
    if (with_hashes) {
        put_hashes(role->file, false);
        put(",\"length\":%zu,", role->file.len);
    }
    put("\"version\":%lld}", (long long)role->version);
}

static void put_meta(struct world *w, struct world_repository *r, int role)
{
    put(",\"meta\":{");
    if (role == SEV_ROLE_TIMESTAMP) {
        put_fileinfo(&r->roles[SEV_ROLE_SNAPSHOT], w->profile != SEV_PROFILE_TUF);
    } else {
        for (int i = SEV_ROLE_TARGETS; i < r->role_count; i++) {
            put("%s", i > SEV_ROLE_TARGETS ? "," : "");
            put_fileinfo(&r->roles[i], w->profile == SEV_PROFILE_NATIVE);
        }
    }
    put("}");
}

static void put_string(sev_slice text)
{
    put("\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            put("\\%c", c);
        else if (c < 0x20)
            put("\\u%04x", c);
        else
            put("%c", c);
    }
    put("\"");
}

static void put_entry(struct world *w, int repository, const struct world_image *m)
{
    bool native = w->profile == SEV_PROFILE_NATIVE;
    put("\"%s\":{\"custom\":{", m->name);
    if (repository == DIRECTOR) {
        put("\"ecuIdentifiers\":{");
        put_string(w->ecus[m->ecu].serial);
        put(":{\"hardwareId\":");
        put_string(w->ecus[m->ecu].hardware_id);
        put("}}");
    } else {
        put("\"hardwareIds\":[\"%s\"]", m->hardware_id);
    }
    if (native)
        put(",\"match\":{\"hardwareIds\":[\"%s\"],\"releaseCounter\":%lld,\"version\":\"%lld\"%s%"
            "s}",
            m->hardware_id, (long long)m->release_counter, (long long)m->release_counter,
            m->more_match ? "," : "", m->more_match ? m->more_match : "");
    if (repository == DIRECTOR && m->encryption != NULL)
        put(",\"encryption\":%s", m->encryption);
    if (repository == IMAGES && m->uri != NULL)
        put(",\"uri\":\"%s\"", m->uri);
    if (repository == REGULATOR)
        put(",\"attestation\":{\"decision\":\"granted\"}");
    put("},");
    put_hashes(m->bytes, m->sha512_too);
    put(",\"length\":%zu}", m->bytes.len);
}

static void put_delegation(struct world *w, struct world_repository *r,
                           const struct world_delegation *d)
{
    put("{");
    if (d->paths != NULL)
        put("\"paths\":%s,", d->paths);
    if (d->hash_prefixes != NULL)
        put("\"path_hash_prefixes\":%s,", d->hash_prefixes);
    if (d->hardware_ids != NULL)
        put("\"hardwareIds\":%s,", d->hardware_ids);
    put("\"terminating\":%s,", d->terminating ? "true" : "false");
    if (d->min_roles > 0)
        put("\"min_roles_in_agreement\":%d,\"roles\":[", d->min_roles);
    for (int i = 0; i < d->to_count; i++) {
        const struct world_role *to = &r->roles[d->to[i]];
        put("%s%s\"name\":\"%s\",", i ? "," : "", d->min_roles > 0 ? "{" : "", to->name);
        put_role_keys(w, d->keys[i].count > 0 ? &d->keys[i] : &to->keys);
        put("%s", d->min_roles > 0 ? "}" : "");
    }
    put("%s}", d->min_roles > 0 ? "]" : "");
}

static void put_delegations(struct world *w, struct world_repository *r, int role)
{
    const struct world_keys *sets[WORLD_DELEGATIONS_MAX * 4];
    int count = 0, first = 1;
    for (int i = 0; i < r->delegation_count; i++) {
        const struct world_delegation *d = &r->delegations[i];
        for (int k = 0; d->from == role && k < d->to_count; k++)
            sets[count++] = d->keys[k].count > 0 ? &d->keys[k] : &r->roles[d->to[k]].keys;
    }
    if (count == 0)
        return;
    put(",\"delegations\":{\"keys\":{");
    put_keys(w, sets, count);
    put("},\"roles\":[");
    for (int i = 0; i < r->delegation_count; i++) {
        if (r->delegations[i].from != role)
            continue;
        put("%s", first ? "" : ",");
        put_delegation(w, r, &r->delegations[i]);
        first = 0;
    }
    put("]}");
}

static void put_targets(struct world *w, int repository, int role)
{
    struct world_repository *r = &w->now.repositories[repository];
    const struct world_role *self = &r->roles[role];
    bool first = true;
    put_delegations(w, r, role);
    put(",\"targets\":{");
    for (int i = 0; i < w->now.image_count; i++) {
        const struct world_image *m = &w->now.images[i];
        bool also = repository == IMAGES && m->also != 0 && m->also == role;
        if (m->at[repository] != role && !also)
            continue;
        put("%s", first ? "" : ",");
        put_entry(w, repository, m);
        first = false;
    }
    if (self->targets != NULL)
        put("%s%s", first ? "" : ",", self->targets);
    put("}");
}

static sev_slice canonical(sev_slice value, unsigned form, bool *ok)
{
    static uint32_t slots[1u << 20];
    struct sev_json_scratch scratch = {slots, sizeof slots / sizeof slots[0]};
    size_t room = value.len * 3 + 16;
    sev_buf out = sev_buf_of(world_take(room), room);
    *ok = sev_json_check(value, scratch, NULL, NULL) == SEV_OK &&
          sev_json_canonical(value, form, scratch, &out) == SEV_OK;
    return *ok ? sev_buf_slice(&out) : value;
}

sev_slice world_body(struct world *w, int repository, int role, int64_t version)
{
    struct world_repository *r = &w->now.repositories[repository];
    const char *type = r->roles[role < SEV_ROLE_TARGETS ? role : SEV_ROLE_TARGETS].name;
    bool ok;
    buffer_len = 0;
    put_head(w, type, &r->roles[role], version);
    if (role == SEV_ROLE_ROOT) {
        put_root(w, r);
    } else {
        bool top = role == SEV_ROLE_TARGETS && w->now.bundle != NULL;
        put_vehicle(w, repository, top ? world_text(",\"bundle\":%s", w->now.bundle) : "");
        if (role < SEV_ROLE_TARGETS)
            put_meta(w, r, role);
        else
            put_targets(w, repository, role);
    }
    put("}");
    /* In canonical order and with JSON's escapes, as the tools of the product emit it. */
    sev_slice body = canonical(world_keep(sev_slice_of(buffer, buffer_len)), SEV_CANON_ASCII, &ok);
    if (!ok)
        world_failed("the fixture's own document is not JSON", buffer);
    return body;
}

/* ----------------------------------------------------------------- signing */

static void put_signature(struct world *w, const struct world_signature *s, sev_slice message,
                          bool first)
{
    const char *names[3] = {"ed25519", "ed25519", "rsassa-pss-sha256"};
    uint8_t bytes[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(bytes, sizeof bytes);
    put("%s{\"keyid\":\"%s\",", first ? "" : ",", s->keyid ? s->keyid : world_key_id(w, s->key));
    if (w->profile == SEV_PROFILE_AKTUALIZR)
        put("\"method\":\"%s\",", names[s->key / KEYS_PER_TYPE]);
    put("\"sig\":\"");
    if (s->sig != NULL) {
        put("%s", s->sig);
    } else {
        if (sev_privkey_sign(world_private(w, s->key), message, &sig) != SEV_OK)
            world_failed("signing failed", "");
        if (w->profile == SEV_PROFILE_AKTUALIZR) {
            sev_buf b = sev_buf_of(buffer + buffer_len, sizeof buffer - buffer_len);
            sev_base64_encode(sev_buf_slice(&sig), &b);
            buffer_len += b.len;
        } else {
            put_hex(sev_buf_slice(&sig));
        }
    }
    put("\"}");
}

static int default_signatures(const struct world_keys *keys, struct world_signature *out, int n)
{
    for (int i = 0; i < keys->count && i < keys->threshold; i++) {
        bool seen = false;
        for (int j = 0; j < n; j++)
            seen = seen || out[j].key == keys->ids[i];
        if (!seen && n < WORLD_SIGNATURES_MAX)
            out[n++] = (struct world_signature){.key = keys->ids[i]};
    }
    return n;
}

sev_slice world_envelope(struct world *w, int repository, int role, sev_slice body)
{
    struct world_repository *r = &w->now.repositories[repository];
    struct world_role *self = &r->roles[role];
    struct world_signature sigs[WORLD_SIGNATURES_MAX];
    int n = 0;
    if (self->signature_count >= 0) {
        n = self->signature_count;
        memcpy(sigs, self->signatures, sizeof sigs);
    } else {
        if (role == SEV_ROLE_ROOT)
            n = default_signatures(&r->signed_by, sigs, n);
        n = default_signatures(&self->keys, sigs, n);
    }
    bool ok;
    unsigned form = w->profile == SEV_PROFILE_AKTUALIZR ? SEV_CANON_ASCII : SEV_CANON_OLPC;
    sev_slice message = canonical(body, form, &ok); /* not JSON: as it is */
    buffer_len = 0;
    put("{\"signatures\":[");
    for (int i = 0; i < n; i++)
        put_signature(w, &sigs[i], message, i == 0);
    put("],\"signed\":");
    if (body.len >= sizeof buffer - buffer_len - 2)
        world_failed("a document is too long", "");
    memcpy(buffer + buffer_len, body.ptr, body.len);
    buffer_len += body.len;
    put("}");
    return world_keep(sev_slice_of(buffer, buffer_len));
}
