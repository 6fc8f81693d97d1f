/* vehicle - a sans-IO client with its files in memory. SPDX-License-Identifier: MIT */
#include "vehicle.h"

#include <stdlib.h>

#include "bench.h"

#define MAP_BYTES 4096

void vehicle_init(struct vehicle *v, struct sev_crypto *crypto, size_t memory_bytes)
{
    *v = (struct vehicle){.repositories = {documents_small(true), documents_small(false)},
                          .crypto = crypto,
                          .memory_bytes = memory_bytes};
    v->client = malloc(sizeof *v->client);
    v->memory = malloc(memory_bytes);
    bench_check(v->client != NULL && v->memory != NULL, "memory");
    struct sev_arena arena = sev_arena_of(malloc(MAP_BYTES), MAP_BYTES);
    sev_slice map = sev_slice_of(documents_map, strlen(documents_map));
    bench_check(arena.ptr != NULL && sev_map_parse(map, &arena, &v->map) == SEV_OK, "the map");
}

const struct file *vehicle_serve(const struct repository *r, const struct sev_want *want)
{
    if (want->kind == SEV_WANT_LOAD && strcmp(want->file, "root.json") != 0)
        return NULL;
    return documents_find(r, want->kind == SEV_WANT_LOAD ? want->file : want->url);
}

static void answer(struct vehicle *v, const struct sev_client_want *want)
{
    const struct file *f = want->kind == SEV_CLIENT_WALK
                               ? vehicle_serve(&v->repositories[want->repository], &want->want)
                               : NULL;
    if (want->want.kind == SEV_WANT_STORE) {
        STACK_METERED(v->meter, sev_client_got(v->client, 0));
    } else if (f == NULL) {
        STACK_METERED(v->meter, sev_client_absent(v->client));
    } else {
        bench_check(f->bytes.len <= want->want.max, "a file is larger than what is wanted");
        memcpy(want->want.dest, f->bytes.ptr, f->bytes.len);
        STACK_METERED(v->meter, sev_client_got(v->client, f->bytes.len));
    }
}

static void give_image(struct vehicle *v)
{
    sev_slice image = sev_slice_of(document_image, sizeof document_image);
    sev_err e;
    STACK_METERED(v->meter, e = sev_client_image_data(v->client, image));
    bench_check(e == SEV_OK, "the image");
    STACK_METERED(v->meter, sev_client_image_end(v->client));
}

void vehicle_cycle(struct vehicle *v)
{
    struct sev_ecu ecu = {SEV_LIT(DOCUMENTS_ECU), SEV_LIT(DOCUMENTS_HARDWARE)};
    struct sev_arena arena = sev_arena_of(v->memory, v->memory_bytes);
    struct sev_client_config config = {
        .now = DOCUMENTS_NOW, .ecus = &ecu, .ecu_count = 1, .map = &v->map, .crypto = v->crypto};
    struct sev_client_want want;
    bool released = false;
    STACK_METERED(v->meter, sev_client_init(v->client, &config, &arena));
    for (;;) {
        STACK_METERED(v->meter, sev_client_next(v->client, &want));
        if (want.kind == SEV_CLIENT_OVER)
            break;
        if (want.kind == SEV_CLIENT_IMAGE) {
            give_image(v);
        } else if (want.kind == SEV_CLIENT_RELEASE) {
            released = true;
            STACK_METERED(v->meter, sev_client_released(v->client, SEV_OK));
        } else {
            answer(v, &want);
        }
    }
    bench_check(v->client->err == SEV_OK && released, sev_err_id(v->client->err));
}
