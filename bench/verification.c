/* verification - what a full verification costs beside the signature checks and hashes that it
 * cannot do without, and what looking one image up among very many costs.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "bench.h"
#include "secureev/crypto_hosted.h"
#include "vehicle.h"

#define MEMORY_BYTES (64u << 20)

/* ------------------------------------------------------------- bare crypto */

static void check_signature(const struct file *f)
{
    uint8_t digest[SEV_SHA256_BYTES];
    documents_sha256(f->message.ptr, f->message.len, digest);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f->key->key, NULL);
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
        documents_sha256(f->bytes.ptr, f->bytes.len, digest);
}

/* ------------------------------------------------------------------ update */

static void run_cycle(void *state)
{
    vehicle_cycle(state);
}

/* The same eight signatures and the same hashes, by OpenSSL alone, keys decoded before. */
static void run_bare(void *state)
{
    const struct vehicle *v = state;
    uint8_t digest[SEV_SHA256_BYTES];
    for (int r = 0; r < 2; r++)
        for (size_t i = 0; i < v->repositories[r].count; i++)
            check_file(&v->repositories[r].files[i]);
    documents_sha256(document_image, sizeof document_image, digest);
}

static void bench_update(void)
{
    struct vehicle v;
    vehicle_init(&v, sev_crypto_new(), MEMORY_BYTES);
    bench_check(v.crypto != NULL, "memory");
    double medians[2];
    const struct bench_way ways[] = {{"full verification", run_cycle, &v},
                                     {"bare crypto", run_bare, &v}};
    bench_time(ways, 2, 3, medians);
    bench_value("two repositories, 8 documents, P-256", medians[0] * 1e6, "us");
    bench_value("their 8 signatures and hashes by OpenSSL", medians[1] * 1e6, "us");
    bench_at_most("full verification : bare crypto, CPU time", medians[0] / medians[1], 1.25, "x");
}

/* ------------------------------------------------------------------ lookup */

struct lookup {
    struct repository repository;
    struct sev_crypto *crypto;
    struct sev_walk *walk;
    uint8_t *memory;
    size_t memory_bytes;
    size_t documents; /* bytes read */
    size_t lent;
};

static sev_err drive_walk(struct lookup *l)
{
    struct sev_want want;
    for (;;) {
        sev_walk_next(l->walk, &want);
        if (want.kind == SEV_WANT_NOTHING)
            return l->walk->err;
        const struct file *f = vehicle_serve(&l->repository, &want);
        if (want.kind == SEV_WANT_STORE) {
            sev_walk_got(l->walk, 0);
        } else if (f == NULL) {
            sev_walk_absent(l->walk);
        } else if (f->bytes.len > want.max) {
            sev_walk_failed(l->walk, SEV_E_TOO_LONG);
        } else {
            memcpy(want.dest, f->bytes.ptr, f->bytes.len);
            l->documents += f->bytes.len;
            sev_walk_got(l->walk, f->bytes.len);
        }
    }
}

static sev_err look_up(struct lookup *l)
{
    struct sev_arena arena = sev_arena_of(l->memory, l->memory_bytes);
    struct sev_walk_config config = {.now = DOCUMENTS_NOW, .crypto = l->crypto};
    l->documents = 0;
    sev_walk_init(l->walk, &config, &arena);
    sev_err e = drive_walk(l);
    if (e != SEV_OK)
        return e;
    sev_walk_search(l->walk, SEV_LIT(DOCUMENTS_WANTED), SEV_LIT(DOCUMENTS_HARDWARE));
    e = drive_walk(l);
    l->lent = arena.peak;
    return e;
}

static void run_lookup(void *state)
{
    struct lookup *l = state;
    sev_err e = look_up(l);
    bench_check(e == SEV_OK && l->walk->found, sev_err_id(e));
}

static void run_bare_lookup(void *state)
{
    static const char *const read[] = {"root.json", "timestamp.json", "1.snapshot.json",
                                       "1.targets.json", DOCUMENTS_WANTED_FILE};
    const struct lookup *l = state;
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
        check_file(documents_find(&l->repository, read[i]));
}

/* The least memory with which the lookup succeeds. Whoever lends more, for stored files that may
 * be as large as their limit, gives more than this case needs. */
static size_t least_memory(struct lookup *l)
{
    size_t too_little = 0, enough = MEMORY_BYTES;
    while (enough - too_little > 1) {
        l->memory_bytes = too_little + (enough - too_little) / 2;
        if (look_up(l) == SEV_OK)
            enough = l->memory_bytes;
        else
            too_little = l->memory_bytes;
    }
    l->memory_bytes = MEMORY_BYTES;
    return enough;
}

static void bench_lookup(void)
{
    struct lookup l = {.repository = documents_large(),
                       .crypto = sev_crypto_new(),
                       .walk = malloc(sizeof *l.walk),
                       .memory = malloc(MEMORY_BYTES),
                       .memory_bytes = MEMORY_BYTES};
    bench_check(l.crypto != NULL && l.walk != NULL && l.memory != NULL, "memory");
    double medians[2];
    const struct bench_way ways[] = {{"lookup", run_lookup, &l},
                                     {"bare crypto", run_bare_lookup, &l}};
    bench_time(ways, 2, 3, medians);
    bench_value("one image among 100,000 in 200 roles", medians[0] * 1e6, "us");
    bench_value("signatures and hashes of the files it read", medians[1] * 1e6, "us");
    bench_value("bytes of the files it read", (double)l.documents, "B");
    bench_at_most("lookup : bare crypto, CPU time", medians[0] / medians[1], 2, "x");
    double mebibyte = 1 << 20;
    bench_value("most memory lent, beyond the files",
                ((double)l.lent - (double)l.documents) / mebibyte, "MiB");
    double least = (double)least_memory(&l) + (double)sizeof *l.walk;
    bench_at_most("least memory that suffices, beyond the files",
                  (least - (double)l.documents) / mebibyte, 8, "MiB");
}

int main(void)
{
    bench_begin("verification");
    bench_update();
    bench_lookup();
    return bench_end();
}
