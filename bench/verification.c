/* verification - what a full verification costs beside the signature checks and hashes that it
 * cannot do without, and what looking one image up among very many costs.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "bench.h"
#include "secureev/client.h"
#include "secureev/crypto_hosted.h"
#include "secureev/signing.h"
#include "secureev/spki.h"

#define NOW ((sev_time)1772323200) /* 2026-03-01 */
#define EXPIRES "2030-01-01T00:00:00Z"
#define ROLES 200
#define TARGETS_PER_ROLE 500
#define ARENA_BYTES (64u << 20)

/* ------------------------------------------------------------------- text */

struct text {
    char *ptr;
    size_t len, cap;
};

static void put(struct text *t, const char *format, ...)
{
    for (;;) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(t->ptr + t->len, t->cap - t->len, format, args);
        va_end(args);
        bench_check(n >= 0, "vsnprintf");
        if (t->len + (size_t)n < t->cap) {
            t->len += (size_t)n;
            return;
        }
        t->cap = 2 * t->cap + (size_t)n + 64;
        t->ptr = realloc(t->ptr, t->cap);
        bench_check(t->ptr != NULL, "memory");
    }
}

static void put_hex(struct text *t, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put(t, "%02x", bytes[i]);
}

/* ------------------------------------------------------------ repositories */

/* One key per role is enough here; what it signs is remembered for the bare crypto. */
struct signing_key {
    struct sev_privkey *key;
    char id[SEV_KEY_ID_CHARS + 1];
    char object[SEV_KEY_OBJECT_BYTES_MAX];
    EVP_PKEY *decoded;
};

struct file {
    char url[128];
    struct text bytes;
    sev_slice body;
    const struct signing_key *key;
    uint8_t sig[SEV_SIG_BYTES_MAX];
    size_t sig_len;
    bool listed; /* its digest stands in another file, so it is hashed once more */
};

struct repository {
    struct file *files;
    size_t count;
};

static EVP_PKEY *decode(const struct sev_pubkey *key)
{
    uint8_t der[640];
    sev_buf b = sev_buf_of(der, sizeof der);
    bench_check(sev_spki_encode(key, &b) == SEV_OK, "encode a key");
    const unsigned char *p = der;
    EVP_PKEY *decoded = d2i_PUBKEY(NULL, &p, (long)b.len);
    bench_check(decoded != NULL, "decode a key");
    return decoded;
}

static struct signing_key *new_key(void)
{
    struct signing_key *k = calloc(1, sizeof *k);
    bench_check(k != NULL && sev_privkey_generate(SEV_KEY_P256, 0, &k->key) == SEV_OK, "a key");
    const struct sev_pubkey *public = sev_privkey_public(k->key);
    sev_buf b = sev_buf_of(k->object, sizeof k->object - 1);
    bench_check(sev_key_object(public, SEV_PROFILE_NATIVE, &b) == SEV_OK &&
                    sev_key_id(public, SEV_PROFILE_NATIVE, k->id) == SEV_OK,
                "a key object");
    k->decoded = decode(public);
    return k;
}

/* The canonical form of a body whose only escapes are the line feeds of PEM keys. */
static void olpc(const struct text *body, struct text *out)
{
    for (size_t i = 0; i < body->len; i++) {
        if (body->ptr[i] == '\\' && body->ptr[i + 1] == 'n') {
            put(out, "\n");
            i++;
        } else {
            put(out, "%c", body->ptr[i]);
        }
    }
}

static struct file *add_file(struct repository *r, const char *url, struct text body,
                             const struct signing_key *key)
{
    r->files = realloc(r->files, (r->count + 1) * sizeof *r->files);
    bench_check(r->files != NULL, "memory");
    struct file *f = &r->files[r->count++];
    memset(f, 0, sizeof *f);
    snprintf(f->url, sizeof f->url, "%s", url);
    f->key = key;
    struct text message = {0};
    olpc(&body, &message);
    sev_buf sig = sev_buf_of(f->sig, sizeof f->sig);
    f->body = sev_slice_of(message.ptr, message.len);
    bench_check(sev_privkey_sign(key->key, f->body, &sig) == SEV_OK, "sign");
    f->sig_len = sig.len;
    put(&f->bytes, "{\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"", key->id);
    put_hex(&f->bytes, f->sig, f->sig_len);
    put(&f->bytes, "\"}],\"signed\":%.*s}", (int)body.len, body.ptr);
    free(body.ptr);
    return f;
}

static void put_fileinfo(struct text *t, const char *name, struct file *f)
{
    uint8_t digest[SEV_SHA256_BYTES];
    f->listed = true;
    sev_sha256(sev_slice_of(f->bytes.ptr, f->bytes.len), digest);
    put(t, "\"%s\":{\"hashes\":{\"sha256\":\"", name);
    put_hex(t, digest, sizeof digest);
    put(t, "\"},\"length\":%zu,\"version\":1}", f->bytes.len);
}

static void add_root(struct repository *r, struct signing_key *const keys[4])
{
    static const char *const roles[4] = {"root", "snapshot", "targets", "timestamp"};
    struct text t = {0};
    int order[4] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++) /* key ids in order */
        for (int j = i + 1; j < 4; j++)
            if (strcmp(keys[order[j]]->id, keys[order[i]]->id) < 0) {
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
    put(&t,
        "{\"_type\":\"root\",\"consistent_snapshot\":true,\"expires\":\"" EXPIRES "\",\"keys\":{");
    for (int i = 0; i < 4; i++)
        put(&t, "%s\"%s\":%s", i ? "," : "", keys[order[i]]->id, keys[order[i]]->object);
    put(&t, "},\"roles\":{");
    for (int i = 0; i < 4; i++)
        put(&t, "%s\"%s\":{\"keyids\":[\"%s\"],\"threshold\":1}", i ? "," : "", roles[i],
            keys[i]->id);
    put(&t, "},\"spec_version\":\"1.0.31\",\"version\":1}");
    add_file(r, "root.json", t, keys[0]);
}

/* targets is the last file, `extra` more targets files stand before it. */
static void add_snapshot_and_timestamp(struct repository *r, struct signing_key *const keys[4],
                                       const char *custom, size_t first_targets)
{
    struct text s = {0}, t = {0};
    put(&s, "{\"_type\":\"snapshot\",%s\"expires\":\"" EXPIRES "\",\"meta\":{", custom);
    for (size_t i = first_targets; i < r->count; i++) {
        put(&s, "%s", i > first_targets ? "," : "");
        put_fileinfo(&s, strchr(r->files[i].url, '.') + 1, &r->files[i]);
    }
    put(&s, "},\"spec_version\":\"1.0.31\",\"version\":1}");
    struct file *snapshot = add_file(r, "1.snapshot.json", s, keys[1]);
    put(&t, "{\"_type\":\"timestamp\",%s\"expires\":\"" EXPIRES "\",\"meta\":{", custom);
    put_fileinfo(&t, "snapshot.json", snapshot);
    put(&t, "},\"spec_version\":\"1.0.31\",\"version\":1}");
    add_file(r, "timestamp.json", t, keys[3]);
}

static const uint8_t image_bytes[1024] = {7};

static void put_target(struct text *t, const char *name, bool director, int number)
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(sev_slice_of(image_bytes, sizeof image_bytes), digest);
    digest[0] = (uint8_t)(digest[0] + number);
    digest[1] = (uint8_t)(digest[1] + (number >> 8));
    put(t, "\"%s\":{\"custom\":{", name);
    if (director)
        put(t, "\"ecuIdentifiers\":{\"P1\":{\"hardwareId\":\"hw-1\"}},");
    else
        put(t, "\"hardwareIds\":[\"hw-1\"],");
    put(t, "\"match\":{\"hardwareIds\":[\"hw-1\"],\"releaseCounter\":3,\"version\":\"1.0\"}},"
           "\"hashes\":{\"sha256\":\"");
    put_hex(t, digest, sizeof digest);
    put(t, "\"},\"length\":%zu}", sizeof image_bytes);
}

#define VEHICLE "\"custom\":{\"vehicle\":\"did:secureev:car-1\"},"

static struct repository make_small(bool director)
{
    struct repository r = {0};
    struct signing_key *keys[4] = {new_key(), new_key(), new_key(), new_key()};
    const char *custom = director ? VEHICLE : "";
    struct text t = {0};
    add_root(&r, keys);
    put(&t,
        "{\"_type\":\"targets\",%s\"expires\":\"" EXPIRES
        "\",\"spec_version\":\"1.0.31\",\"targets\":{",
        custom);
    put_target(&t, "supplier/fw.bin", director, 0);
    put(&t, "},\"version\":1}");
    add_file(&r, "1.targets.json", t, keys[2]);
    add_snapshot_and_timestamp(&r, keys, custom, 1);
    return r;
}

static struct repository make_large(void)
{
    struct repository r = {0};
    struct signing_key *keys[4] = {new_key(), new_key(), new_key(), new_key()};
    struct signing_key *suppliers[ROLES];
    add_root(&r, keys);
    for (int i = 0; i < ROLES; i++) {
        struct text t = {0};
        char url[64], name[64];
        suppliers[i] = new_key();
        put(&t, "{\"_type\":\"targets\",\"expires\":\"" EXPIRES
                "\",\"spec_version\":\"1.0.31\",\"targets\":{");
        for (int j = 0; j < TARGETS_PER_ROLE; j++) {
            put(&t, "%s", j ? "," : "");
            snprintf(name, sizeof name, "supplier-%03d/fw-%05d.bin", i, j);
            put_target(&t, name, false, i * TARGETS_PER_ROLE + j);
        }
        put(&t, "},\"version\":1}");
        snprintf(url, sizeof url, "1.supplier-%03d.json", i);
        add_file(&r, url, t, suppliers[i]);
    }
    struct text t = {0};
    int order[ROLES];
    for (int i = 0; i < ROLES; i++)
        order[i] = i;
    for (int i = 0; i < ROLES; i++)
        for (int j = i + 1; j < ROLES; j++)
            if (strcmp(suppliers[order[j]]->id, suppliers[order[i]]->id) < 0) {
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
    put(&t, "{\"_type\":\"targets\",\"delegations\":{\"keys\":{");
    for (int i = 0; i < ROLES; i++)
        put(&t, "%s\"%s\":%s", i ? "," : "", suppliers[order[i]]->id, suppliers[order[i]]->object);
    put(&t, "},\"roles\":[");
    for (int i = 0; i < ROLES; i++)
        put(&t,
            "%s{\"keyids\":[\"%s\"],\"name\":\"supplier-%03d\",\"paths\":[\"supplier-%03d/*\"],"
            "\"terminating\":false,\"threshold\":1}",
            i ? "," : "", suppliers[i]->id, i, i);
    put(&t,
        "]},\"expires\":\"" EXPIRES "\",\"spec_version\":\"1.0.31\",\"targets\":{},\"version\":1}");
    add_file(&r, "1.targets.json", t, keys[2]);
    add_snapshot_and_timestamp(&r, keys, "", 1);
    return r;
}

/* ------------------------------------------------------------------ driver */

static struct file *find(struct repository *r, const char *url)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->files[i].url, url) == 0)
            return &r->files[i];
    return NULL;
}

/* A vehicle that holds the roots and nothing else: every document is verified. */
static struct file *serve(struct repository *r, const struct sev_want *want)
{
    if (want->kind == SEV_WANT_LOAD && strcmp(want->file, "root.json") != 0)
        return NULL;
    return find(r, want->kind == SEV_WANT_LOAD ? want->file : want->url);
}

struct update {
    struct repository repositories[2];
    struct sev_crypto *crypto;
    struct sev_map map;
    struct sev_client *client;
    uint8_t *memory;
};

static void run_cycle(void *state)
{
    struct update *u = state;
    struct sev_ecu ecu = {SEV_LIT("P1"), SEV_LIT("hw-1")};
    struct sev_arena arena = sev_arena_of(u->memory, ARENA_BYTES);
    struct sev_client_config config = {
        .now = NOW, .ecus = &ecu, .ecu_count = 1, .map = &u->map, .crypto = u->crypto};
    struct sev_client_want want;
    bool released = false;
    sev_client_init(u->client, &config, &arena);
    for (;;) {
        sev_client_next(u->client, &want);
        if (want.kind == SEV_CLIENT_OVER)
            break;
        if (want.kind == SEV_CLIENT_IMAGE) {
            sev_err e =
                sev_client_image_data(u->client, sev_slice_of(image_bytes, sizeof image_bytes));
            bench_check(e == SEV_OK, "the image");
            sev_client_image_end(u->client);
        } else if (want.kind == SEV_CLIENT_RELEASE) {
            released = true;
            sev_client_released(u->client, SEV_OK);
        } else if (want.want.kind == SEV_WANT_STORE) {
            sev_client_got(u->client, 0);
        } else {
            struct file *f = want.kind == SEV_CLIENT_WALK
                                 ? serve(&u->repositories[want.repository], &want.want)
                                 : NULL;
            if (f == NULL) {
                sev_client_absent(u->client);
                continue;
            }
            memcpy(want.want.dest, f->bytes.ptr, f->bytes.len);
            sev_client_got(u->client, f->bytes.len);
        }
    }
    bench_check(u->client->err == SEV_OK && released, sev_err_id(u->client->err));
}

static void check_signature(const struct file *f)
{
    uint8_t digest[SEV_SHA256_BYTES];
    EVP_Q_digest(NULL, "SHA256", NULL, f->body.ptr, f->body.len, digest, NULL);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f->key->decoded, NULL);
    int good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               EVP_PKEY_verify(ctx, f->sig, f->sig_len, digest, sizeof digest) == 1;
    EVP_PKEY_CTX_free(ctx);
    bench_check(good, "bare signature check");
}

static void check_file(const struct file *f)
{
    uint8_t digest[SEV_SHA256_BYTES];
    check_signature(f);
    if (f->listed)
        EVP_Q_digest(NULL, "SHA256", NULL, f->bytes.ptr, f->bytes.len, digest, NULL);
}

/* The same eight signatures and the same hashes, by OpenSSL alone, keys decoded before. */
static void run_bare(void *state)
{
    struct update *u = state;
    uint8_t digest[SEV_SHA256_BYTES];
    for (int r = 0; r < 2; r++)
        for (size_t i = 0; i < u->repositories[r].count; i++)
            check_file(&u->repositories[r].files[i]);
    EVP_Q_digest(NULL, "SHA256", NULL, image_bytes, sizeof image_bytes, digest, NULL);
}

/* ------------------------------------------------------------------ lookup */

struct lookup {
    struct repository repository;
    struct sev_crypto *crypto;
    struct sev_walk *walk;
    uint8_t *memory;
    size_t documents, peak;
};

static void drive_walk(struct lookup *l)
{
    struct sev_want want;
    for (;;) {
        sev_walk_next(l->walk, &want);
        if (want.kind == SEV_WANT_NOTHING)
            return;
        if (want.kind == SEV_WANT_STORE) {
            sev_walk_got(l->walk, 0);
            continue;
        }
        struct file *f = serve(&l->repository, &want);
        if (f == NULL) {
            sev_walk_absent(l->walk);
            continue;
        }
        memcpy(want.dest, f->bytes.ptr, f->bytes.len);
        l->documents += f->bytes.len;
        sev_walk_got(l->walk, f->bytes.len);
    }
}

#define WANTED_ROLE "1.supplier-150.json"
#define WANTED "supplier-150/fw-00321.bin"

/* How much of the arena is really in use: the buffer lent for a file still to come is not. */
static void run_lookup(void *state)
{
    struct lookup *l = state;
    struct sev_arena arena = sev_arena_of(l->memory, ARENA_BYTES);
    struct sev_walk_config config = {.now = NOW, .crypto = l->crypto};
    l->documents = 0;
    sev_walk_init(l->walk, &config, &arena);
    drive_walk(l);
    bench_check(l->walk->err == SEV_OK, sev_err_id(l->walk->err));
    sev_walk_search(l->walk, SEV_LIT(WANTED), SEV_LIT("hw-1"));
    drive_walk(l);
    bench_check(l->walk->err == SEV_OK && l->walk->found, "the image is found");
    l->peak = arena.peak;
}

static void run_bare_lookup(void *state)
{
    static const char *const read[] = {"root.json", "timestamp.json", "1.snapshot.json",
                                       "1.targets.json", WANTED_ROLE};
    struct lookup *l = state;
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
        check_file(find(&l->repository, read[i]));
}

static void bench_update(void)
{
    static const char map[] =
        "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[\"director\",\"images\"],"
        "\"terminating\":true,\"threshold\":2}],\"repositories\":{\"director\":[],\"images\":[]}}";
    struct update u = {{make_small(true), make_small(false)}, sev_crypto_new(), {0}, NULL, NULL};
    u.client = malloc(sizeof *u.client);
    u.memory = malloc(ARENA_BYTES);
    bench_check(u.crypto != NULL && u.client != NULL && u.memory != NULL, "memory");
    struct sev_arena arena = sev_arena_of(u.memory, 4096);
    bench_check(sev_map_parse(sev_slice_of(map, sizeof map - 1), &arena, &u.map) == SEV_OK, "the map");
    double medians[2];
    const struct bench_way ways[] = {{"full verification", run_cycle, &u},
                                     {"bare crypto", run_bare, &u}};
    bench_time(ways, 2, 3, medians);
    bench_value("two repositories, 8 documents, P-256", medians[0] * 1e6, "us");
    bench_value("their 8 signatures and hashes by OpenSSL", medians[1] * 1e6, "us");
    bench_at_most("full verification / bare crypto", medians[0] / medians[1], 1.25, "x");
}

static void bench_lookup(void)
{
    struct lookup l = {make_large(), sev_crypto_new(), NULL, NULL, 0, 0};
    l.walk = malloc(sizeof *l.walk);
    l.memory = malloc(ARENA_BYTES);
    bench_check(l.crypto != NULL && l.walk != NULL && l.memory != NULL, "memory");
    double medians[2];
    const struct bench_way ways[] = {{"lookup", run_lookup, &l},
                                     {"bare crypto", run_bare_lookup, &l}};
    bench_time(ways, 2, 3, medians);
    bench_value("one image among 100000 in 200 roles", medians[0] * 1e6, "us");
    bench_value("signatures and hashes of the documents read", medians[1] * 1e6, "us");
    bench_value("bytes of the documents read", (double)l.documents, "B");
    bench_at_most("lookup / bare crypto", medians[0] / medians[1], 2, "x");
    bench_at_most("memory beyond the documents", ((double)l.peak - (double)l.documents) / 1048576,
                  8, "MiB");
}

int main(void)
{
    bench_begin("verification");
    bench_update();
    bench_lookup();
    return bench_end();
}
