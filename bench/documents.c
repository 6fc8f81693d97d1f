/* documents - honest repositories for the benchmarks. SPDX-License-Identifier: MIT */
#include "documents.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "bench.h"

#define EXPIRES "\"expires\":\"2030-01-01T00:00:00Z\""
#define VERSION "\"spec_version\":\"1.0.31\""
#define VEHICLE "\"custom\":{\"vehicle\":\"" DOCUMENTS_VEHICLE "\"},"

const uint8_t document_image[1024] = {7};

const char documents_map[] =
    "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[\"director\",\"images\"],"
    "\"terminating\":true,\"threshold\":2}],\"repositories\":{\"director\":[],\"images\":[]}}";

/* ------------------------------------------------------------------- text */

static void put_bytes(struct text *t, const void *bytes, size_t len)
{
    if (t->cap - t->len < len) {
        t->cap = 2 * t->cap + len + 64;
        t->ptr = realloc(t->ptr, t->cap);
        bench_check(t->ptr != NULL, "memory");
    }
    memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
}

/* All of these texts, up to a NULL. */
static void put(struct text *t, ...)
{
    va_list args;
    va_start(args, t);
    for (const char *s; (s = va_arg(args, const char *)) != NULL;)
        put_bytes(t, s, strlen(s));
    va_end(args);
}

static void put_number(struct text *t, uint64_t n)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    put(t, digits, NULL);
}

static void put_hex(struct text *t, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]};
        put_bytes(t, pair, 2);
    }
}

void documents_sha256(const void *bytes, size_t len, uint8_t out[SEV_SHA256_BYTES])
{
    bench_check(EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, out, NULL) == 1, "SHA-256");
}

/* What is signed: the text with its only escapes, the line feeds of PEM keys, undone. */
static struct text message_of(const struct text *body)
{
    struct text out = {0};
    for (size_t i = 0; i < body->len; i++) {
        bool escape = body->ptr[i] == '\\';
        put_bytes(&out, escape ? "\n" : &body->ptr[i], 1);
        i += escape;
    }
    return out;
}

/* ------------------------------------------------------------------- keys */

static struct signing_key *new_key(void)
{
    struct signing_key *k = calloc(1, sizeof *k);
    bench_check(k != NULL, "memory");
    k->key = EVP_EC_gen("P-256");
    BIO *pem = BIO_new(BIO_s_mem());
    char *p = NULL;
    bench_check(k->key != NULL && pem != NULL && PEM_write_bio_PUBKEY(pem, k->key) == 1, "a key");
    long pem_len = BIO_get_mem_data(pem, &p);
    struct text t = {0};
    put(&t, "{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\"", NULL);
    for (long i = 0; i < pem_len; i++)
        put_bytes(&t, p[i] == '\n' ? "\\n" : &p[i], p[i] == '\n' ? 2 : 1);
    put(&t, "\"},\"scheme\":\"ecdsa-sha2-nistp256\"}", NULL);
    BIO_free(pem);
    bench_check(t.len < sizeof k->object, "a key object");
    memcpy(k->object, t.ptr, t.len);
    struct text canonical = message_of(&t), id = {0};
    uint8_t digest[SEV_SHA256_BYTES];
    documents_sha256(canonical.ptr, canonical.len, digest);
    put_hex(&id, digest, sizeof digest);
    memcpy(k->id, id.ptr, SEV_KEY_ID_CHARS);
    return k;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct signing_key *const *)a)->id, (*(struct signing_key *const *)b)->id);
}

/* "keys":{id: key object...}, in order of ids */
static void put_keys(struct text *t, struct signing_key *const *keys, size_t count)
{
    struct signing_key *sorted[DOCUMENTS_ROLES];
    memcpy(sorted, keys, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], by_id);
    put(t, "\"keys\":{", NULL);
    for (size_t i = 0; i < count; i++)
        put(t, i > 0 ? ",\"" : "\"", sorted[i]->id, "\":", sorted[i]->object, NULL);
    put(t, "}", NULL);
}

static void put_keyids(struct text *t, const struct signing_key *key)
{
    put(t, "\"keyids\":[\"", key->id, "\"]", NULL);
}

/* ------------------------------------------------------------------ files */

static void sign(struct file *f)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    f->sig_len = sizeof f->sig;
    bench_check(ctx != NULL &&
                    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, f->key->key) == 1 &&
                    EVP_DigestSign(ctx, f->sig, &f->sig_len, f->message.ptr, f->message.len) == 1,
                "sign");
    EVP_MD_CTX_free(ctx);
}

/* `body` is used up. */
static struct file *add_file(struct repository *r, const char *url, struct text body,
                             const struct signing_key *key)
{
    r->files = realloc(r->files, (r->count + 1) * sizeof *r->files);
    bench_check(r->files != NULL, "memory");
    struct file *f = &r->files[r->count++];
    memset(f, 0, sizeof *f);
    snprintf(f->url, sizeof f->url, "%s", url);
    f->key = key;
    struct text message = message_of(&body);
    f->message = sev_slice_of(message.ptr, message.len);
    sign(f);
    put(&f->bytes, "{\"signatures\":[{\"keyid\":\"", key->id, "\",\"sig\":\"", NULL);
    put_hex(&f->bytes, f->sig, f->sig_len);
    put(&f->bytes, "\"}],\"signed\":", NULL);
    put_bytes(&f->bytes, body.ptr, body.len);
    put(&f->bytes, "}", NULL);
    free(body.ptr);
    return f;
}

static void put_end(struct text *t, int version)
{
    put(t, ",\"version\":", NULL);
    put_number(t, (uint64_t)version);
    put(t, "}", NULL);
}

static struct file *add_root(struct repository *r, const char *url, int version)
{
    static const struct {
        const char *name;
        enum sev_top_role role;
    } roles[] = {{"root", SEV_ROLE_ROOT},
                 {"snapshot", SEV_ROLE_SNAPSHOT},
                 {"targets", SEV_ROLE_TARGETS},
                 {"timestamp", SEV_ROLE_TIMESTAMP}};
    struct text t = {0};
    put(&t, "{\"_type\":\"root\",\"consistent_snapshot\":true," EXPIRES ",", NULL);
    put_keys(&t, r->keys, 4);
    put(&t, ",\"roles\":{", NULL);
    for (size_t i = 0; i < 4; i++) {
        put(&t, i > 0 ? ",\"" : "\"", roles[i].name, "\":{", NULL);
        put_keyids(&t, r->keys[roles[i].role]);
        put(&t, ",\"threshold\":1}", NULL);
    }
    put(&t, "}," VERSION, NULL);
    put_end(&t, version);
    return add_file(r, url, t, r->keys[SEV_ROLE_ROOT]);
}

static void put_fileinfo(struct text *t, const char *name, struct file *f)
{
    uint8_t digest[SEV_SHA256_BYTES];
    f->listed = true;
    documents_sha256(f->bytes.ptr, f->bytes.len, digest);
    put(t, "\"", name, "\":{\"hashes\":{\"sha256\":\"", NULL);
    put_hex(t, digest, sizeof digest);
    put(t, "\"},\"length\":", NULL);
    put_number(t, f->bytes.len);
    put_end(t, 1);
}

/* Of all files from `first` on, which stand in the order of their names. */
static void add_snapshot_and_timestamp(struct repository *r, const char *custom, size_t first)
{
    struct text s = {0}, t = {0};
    put(&s, "{\"_type\":\"snapshot\",", custom, EXPIRES ",\"meta\":{", NULL);
    for (size_t i = first; i < r->count; i++) {
        put(&s, i > first ? "," : "", NULL);
        put_fileinfo(&s, strchr(r->files[i].url, '.') + 1, &r->files[i]);
    }
    put(&s, "}," VERSION, NULL);
    put_end(&s, 1);
    struct file *snapshot = add_file(r, "1.snapshot.json", s, r->keys[SEV_ROLE_SNAPSHOT]);
    put(&t, "{\"_type\":\"timestamp\",", custom, EXPIRES ",\"meta\":{", NULL);
    put_fileinfo(&t, "snapshot.json", snapshot);
    put(&t, "}," VERSION, NULL);
    put_end(&t, 1);
    add_file(r, "timestamp.json", t, r->keys[SEV_ROLE_TIMESTAMP]);
}

/* One entry; `number` makes images differ. */
static void put_target(struct text *t, const char *name, bool director, int number)
{
    static uint8_t image_digest[SEV_SHA256_BYTES];
    if (image_digest[0] == 0)
        documents_sha256(document_image, sizeof document_image, image_digest);
    uint8_t digest[SEV_SHA256_BYTES];
    memcpy(digest, image_digest, sizeof digest);
    digest[0] = (uint8_t)(digest[0] + number);
    digest[1] = (uint8_t)(digest[1] + (number >> 8));
    put(t, "\"", name, "\":{\"custom\":{",
        director ? "\"ecuIdentifiers\":{\"" DOCUMENTS_ECU "\":{\"hardwareId\":\"" DOCUMENTS_HARDWARE
                   "\"}},"
                 : "\"hardwareIds\":[\"" DOCUMENTS_HARDWARE "\"],",
        "\"match\":{\"hardwareIds\":[\"" DOCUMENTS_HARDWARE "\"],\"releaseCounter\":3,"
        "\"version\":\"1.0\"}},\"hashes\":{\"sha256\":\"",
        NULL);
    put_hex(t, digest, sizeof digest);
    put(t, "\"},\"length\":", NULL);
    put_number(t, sizeof document_image);
    put(t, "}", NULL);
}

static struct file *add_targets(struct repository *r, const char *url, bool director,
                                const struct signing_key *key)
{
    struct text t = {0};
    put(&t, "{\"_type\":\"targets\",", director ? VEHICLE : "", EXPIRES "," VERSION, NULL);
    put(&t, ",\"targets\":{", NULL);
    put_target(&t, "supplier/fw.bin", director, 0);
    put(&t, "}", NULL);
    put_end(&t, 1);
    return add_file(r, url, t, key);
}

/* ----------------------------------------------------------- repositories */

static struct repository new_repository(void)
{
    struct repository r = {0};
    for (int i = 0; i < 4; i++)
        r.keys[i] = new_key();
    add_root(&r, "root.json", 1);
    return r;
}

struct repository documents_small(bool director)
{
    struct repository r = new_repository();
    add_targets(&r, "1.targets.json", director, r.keys[SEV_ROLE_TARGETS]);
    add_snapshot_and_timestamp(&r, director ? VEHICLE : "", 1);
    return r;
}

static void add_supplier(struct repository *r, int number, const struct signing_key *key)
{
    struct text t = {0};
    char name[64];
    put(&t, "{\"_type\":\"targets\"," EXPIRES "," VERSION ",\"targets\":{", NULL);
    for (int i = 0; i < DOCUMENTS_TARGETS_PER_ROLE; i++) {
        put(&t, i > 0 ? "," : "", NULL);
        snprintf(name, sizeof name, "supplier-%03d/fw-%05d.bin", number, i);
        put_target(&t, name, false, number * DOCUMENTS_TARGETS_PER_ROLE + i);
    }
    put(&t, "}", NULL);
    put_end(&t, 1);
    snprintf(name, sizeof name, "1.supplier-%03d.json", number);
    add_file(r, name, t, key);
}

struct repository documents_large(void)
{
    struct repository r = new_repository();
    struct signing_key *suppliers[DOCUMENTS_ROLES];
    struct text t = {0};
    for (int i = 0; i < DOCUMENTS_ROLES; i++) {
        suppliers[i] = new_key();
        add_supplier(&r, i, suppliers[i]);
    }
    put(&t, "{\"_type\":\"targets\",\"delegations\":{", NULL);
    put_keys(&t, suppliers, DOCUMENTS_ROLES);
    put(&t, ",\"roles\":[", NULL);
    for (int i = 0; i < DOCUMENTS_ROLES; i++) {
        char names[96];
        put(&t, i > 0 ? ",{" : "{", NULL);
        put_keyids(&t, suppliers[i]);
        snprintf(names, sizeof names, ",\"name\":\"supplier-%03d\",\"paths\":[\"supplier-%03d/*\"]",
                 i, i);
        put(&t, names, ",\"terminating\":false,\"threshold\":1}", NULL);
    }
    put(&t, "]}," EXPIRES "," VERSION ",\"targets\":{}", NULL);
    put_end(&t, 1);
    add_file(&r, "1.targets.json", t, r.keys[SEV_ROLE_TARGETS]);
    add_snapshot_and_timestamp(&r, "", 1);
    return r;
}

static void pin_key(struct sev_small_key *out, const struct signing_key *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->key, &der);
    struct text canonical = {0};
    put(&canonical, key->object, NULL);
    canonical = message_of(&canonical);
    documents_sha256(canonical.ptr, canonical.len, out->id);
    bench_check(len > (int)sizeof out->point, "the DER of a key");
    memcpy(out->point, der + len - sizeof out->point, sizeof out->point); /* it ends with X and Y */
    OPENSSL_free(der);
}

void documents_for_small(struct small_documents *out)
{
    struct repository r = new_repository();
    const struct signing_key *supplier = new_key(), *successor = new_key();
    add_root(&r, "2.root.json", 2);
    add_targets(&r, "1.targets.json", true, r.keys[SEV_ROLE_TARGETS]);
    add_targets(&r, "1.supplier.json", false, supplier);
    *out = (struct small_documents){.first_root = &r.files[0],
                                    .next_root = &r.files[1],
                                    .targets = &r.files[2],
                                    .role = &r.files[3]};
    out->pin.path = SEV_LIT("supplier/*");
    out->pin.key_count = 2;
    out->pin.supplier = (struct sev_small_role){1, 1};
    out->pin.successor = (struct sev_small_role){2, 1};
    pin_key(&out->pin.keys[0], supplier);
    pin_key(&out->pin.keys[1], successor);
}

struct file *documents_find(const struct repository *r, const char *url)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->files[i].url, url) == 0)
            return &r->files[i];
    return NULL;
}
