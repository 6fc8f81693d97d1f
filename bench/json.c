/* json - the strict reader against SHA-256 of the same bytes and against Jansson's parse, on a
 * canonical targets file of 1 MB. SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "secureev/crypto.h"
#include "secureev/json.h"

#define BYTES (1024u * 1024u)

static unsigned char text[BYTES + 4096];
static sev_slice document;

static void hex64(sev_buf *out, uint32_t *state)
{
    for (int i = 0; i < 64; i++) {
        *state = *state * 1664525u + 1013904223u;
        sev_buf_put_byte(out, (uint8_t) "0123456789abcdef"[*state >> 28]);
    }
}

static void put(sev_buf *out, const char *s)
{
    sev_buf_put(out, s, strlen(s));
}

/* The shape that `secureev repo` writes: one entry per image, members in order, no blanks. */
static void generate(void)
{
    sev_buf out = sev_buf_of(text, sizeof text);
    uint32_t state = 1;
    put(&out, "{\"_type\":\"targets\",\"expires\":\"2027-01-01T00:00:00Z\",\"spec_version\":"
              "\"1.0.0\",\"targets\":{");
    for (unsigned i = 0; out.len < BYTES; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "%s\"supplier/brake/image-%08u.bin\":{\"custom\":{\"hardwareIds\":[\"brake-2\"],"
                 "\"match\":{\"hardwareIds\":[\"brake-2\"],\"releaseCounter\":%u,\"version\":"
                 "\"1.%u.0\"}},\"hashes\":{\"sha256\":\"",
                 i == 0 ? "" : ",", i, i + 1, i);
        put(&out, line);
        hex64(&out, &state);
        snprintf(line, sizeof line, "\"},\"length\":%u}", 4096u + i * 16u);
        put(&out, line);
    }
    put(&out, "},\"version\":7}");
    bench_check(!out.overflow, "the generated file does not fit");
    document = sev_buf_slice(&out);
}

static void check_and_look(bool hash)
{
    struct sev_json_info info = {0, 0};
    uint8_t digest[SEV_SHA256_BYTES];
    sev_err e = sev_json_check(document, (struct sev_json_scratch){NULL, 0}, &info, NULL);
    bench_check(e == SEV_OK && (info.canonical & SEV_CANON_OLPC) != 0, "refused its own file");
    if (hash)
        sev_sha256(document, digest);
}

static void run_check(void *state)
{
    (void)state;
    check_and_look(false);
}

static void run_check_and_hash(void *state)
{
    (void)state;
    check_and_look(true);
}

static void run_hash(void *state)
{
    uint8_t digest[SEV_SHA256_BYTES];
    (void)state;
    sev_sha256(document, digest);
}

static void run_jansson(void *state)
{
    (void)state;
    json_t *root =
        json_loadb((const char *)document.ptr, document.len, JSON_REJECT_DUPLICATES, NULL);
    bench_check(root != NULL, "Jansson refused the file");
    json_decref(root);
}

int main(void)
{
    static const struct bench_way ways[] = {
        {"check", run_check, NULL},
        {"check and hash", run_check_and_hash, NULL},
        {"hash", run_hash, NULL},
        {"jansson", run_jansson, NULL},
    };
    double seconds[4];
    bench_begin("json");
    generate();
    bench_time(ways, 4, 5, seconds);
    double megabytes = (double)document.len / 1e6;
    bench_value("strict reader", megabytes / seconds[0], "MB/s");
    bench_value("SHA-256 (OpenSSL)", megabytes / seconds[2], "MB/s");
    bench_value("Jansson json_loadb", megabytes / seconds[3], "MB/s");
    bench_at_least("strict reader : SHA-256, byte rates", seconds[2] / seconds[0], 0.7, "x");
    bench_at_least("strict reader : Jansson, byte rates", seconds[3] / seconds[0], 15, "x");
    bench_at_most("check and hash : hash, CPU time", seconds[1] / seconds[2], 2.5, "x");
    return bench_end();
}
