/* world_run - the vehicle's store, and the driver of client and walk; see world.h.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "world.h"

#define STEPS_MAX 200000 /* a machine that asks for more does not end */
#define PIECE 7u         /* images come in pieces */

static uint8_t arena_memory[(size_t)48 << 20];

/* Behind the arena that a test grants, nothing may be touched: seen under AddressSanitizer. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(p, n) ((void)(p), (void)(n))
#define __asan_unpoison_memory_region(p, n) ((void)(p), (void)(n))
#endif

static struct sev_arena grant(size_t bytes)
{
    size_t guard = sizeof arena_memory - bytes < 4096 ? sizeof arena_memory - bytes : 4096;
    __asan_unpoison_memory_region(arena_memory, sizeof arena_memory);
    __asan_poison_memory_region(arena_memory + bytes, guard);
    return sev_arena_of(arena_memory, bytes);
}

/* What was fetched in this cycle: what is stored must be among it. */
static struct world_stored fetched[4096];
static int fetched_count;

/* ------------------------------------------------------------------- store */

static struct world_stored *find_stored(struct world_store *s, int place, const char *file)
{
    for (int i = 0; i < s->count; i++)
        if (s->files[i].place == place && strcmp(s->files[i].name, file) == 0)
            return &s->files[i];
    return NULL;
}

sev_slice world_stored(const struct world *w, int place, const char *file)
{
    for (int i = 0; i < w->store.count; i++)
        if (w->store.files[i].place == place && strcmp(w->store.files[i].name, file) == 0)
            return w->store.files[i].bytes;
    return SEV_EMPTY;
}

const struct world_stored *world_stored_role(const struct world_store *s, int place,
                                             const char *role)
{
    char name[SEV_FILE_NAME_MAX + 1];
    sev_buf b = sev_buf_of(name, sizeof name - 1);
    sev_percent_encode(world_slice(role), false, &b);
    for (int i = 0; i < s->count; i++) {
        const struct world_stored *f = &s->files[i];
        if (f->place == place && world_role_part(f->name) == b.len &&
            memcmp(f->name, name, b.len) == 0)
            return f;
    }
    return NULL;
}

void world_put_stored(struct world *w, int place, const char *file, sev_slice bytes)
{
    struct world_stored *f = find_stored(&w->store, place, file);
    if (f == NULL) {
        if (w->store.count == (int)(sizeof w->store.files / sizeof w->store.files[0]))
            world_failed("too many stored files", file);
        f = &w->store.files[w->store.count++];
        *f = (struct world_stored){place, world_name("%s", file), SEV_EMPTY};
    }
    f->bytes = world_keep(bytes);
}

void world_remove_stored(struct world *w, int place, const char *file)
{
    struct world_stored *f = find_stored(&w->store, place, file);
    if (f != NULL)
        *f = w->store.files[--w->store.count];
}

static bool contains(const struct world_store *s, const struct world_stored *f)
{
    for (int i = 0; i < s->count; i++)
        if (s->files[i].place == f->place && strcmp(s->files[i].name, f->name) == 0)
            return sev_slice_eq(s->files[i].bytes, f->bytes);
    return false;
}

bool world_store_eq(const struct world_store *a, const struct world_store *b)
{
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++)
        same = contains(b, &a->files[i]);
    return same;
}

/* ------------------------------------------------------------------- trace */

void world_trace(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->trace + w->trace_len, sizeof w->trace - w->trace_len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof w->trace - w->trace_len)
        w->trace_len += (size_t)n;
    w->trace[w->trace_len] = '\0';
}

static const char *place_name(int place)
{
    static const char *const names[] = {"director", "images", "regulator", "vehicle"};
    return names[place];
}

/* ------------------------------------------------------------------ wants */

struct answer {
    sev_err err;
    size_t len;
};

/* Without the digest: it is another in every run. */
static const char *traced(const char *file)
{
    size_t n = strlen(file);
    return n > 5 && strcmp(file + n - 5, ".json") == 0
               ? world_name("%.*s.json", (int)world_role_part(file), file)
               : file;
}

static struct answer give(sev_slice bytes, const struct sev_want *want)
{
    if (bytes.len > want->max)
        return (struct answer){SEV_E_TOO_LONG, 0};
    if (bytes.len != 0)
        memcpy(want->dest, bytes.ptr, bytes.len);
    return (struct answer){SEV_OK, bytes.len};
}

static struct answer load(struct world *w, int place, const struct sev_want *want)
{
    sev_slice bytes = world_stored(w, place, want->file);
    if (w->load_fails != NULL && strcmp(want->file, w->load_fails) == 0)
        return (struct answer){SEV_E_IO, 0};
    world_trace(w, "%s load %s%s\n", place_name(place), traced(want->file),
                bytes.ptr == NULL ? ": none" : "");
    return bytes.ptr == NULL ? (struct answer){SEV_E_ABSENT, 0} : give(bytes, want);
}

/* What the wire brings. */
static sev_err ask(struct world *w, int place, const char *url, sev_slice *out)
{
    int number = w->result.requests + w->result.image_requests + 1;
    if (number == w->request_fails_at)
        return SEV_E_UNREACHABLE;
    return w->wire != NULL ? w->wire(w, place, url, out) : world_get(w, place, url, out);
}

static struct answer fetch(struct world *w, int place, const struct sev_want *want)
{
    sev_slice bytes = SEV_EMPTY;
    sev_err e = ask(w, place, want->url, &bytes);
    struct answer a = e == SEV_OK ? give(bytes, want) : (struct answer){e, 0};
    w->result.requests++;
    if (a.err == SEV_OK && fetched_count < (int)(sizeof fetched / sizeof fetched[0]))
        fetched[fetched_count++] =
            (struct world_stored){place, world_name("%s", want->url), world_keep(bytes)};
    world_trace(w, "%s get %s%s%s\n", place_name(place), want->url, a.err == SEV_OK ? "" : ": ",
                a.err == SEV_OK ? "" : sev_err_id(a.err));
    return a;
}

/* A delegated role's stored name carries a digest of the keys under which it was accepted:
 * "acme.0123456789abcdef.json". What stands before it. */
size_t world_role_part(const char *file)
{
    size_t n = strlen(file) - 5; /* ".json" */
    return n > 17 && file[n - 17] == '.' ? n - 17 : n;
}

/* Is what it wants to store, byte for byte, something that it fetched for that role? */
static bool was_fetched(int place, const char *file, sev_slice bytes)
{
    size_t n = world_role_part(file);
    for (int i = 0; i < fetched_count; i++) {
        const char *url = fetched[i].name, *slash = strrchr(url, '/');
        url = slash != NULL ? slash + 1 : url;
        size_t m = strlen(url) - 5;
        if (fetched[i].place == place && m >= n && memcmp(url + m - n, file, n) == 0 &&
            sev_slice_eq(fetched[i].bytes, bytes))
            return true;
    }
    return false;
}

static bool power_goes(struct world *w)
{
    w->result.cut = w->power == 0;
    if (w->power > 0)
        w->power--;
    if (!w->result.cut)
        w->result.operations++;
    return w->result.cut;
}

static struct answer change(struct world *w, int place, const struct sev_want *want)
{
    if (power_goes(w))
        return (struct answer){SEV_OK, 0};
    if (w->store_fails_at == w->result.operations)
        return (struct answer){SEV_E_IO, 0};
    world_trace(w, "%s store %s\n", place_name(place), traced(want->file));
    bool ours = place == VEHICLE || strcmp(want->file, "trust.tag") == 0;
    if (!ours && !w->unrestricted && !was_fetched(place, want->file, want->bytes))
        world_failed("it stores what nobody served", want->file);
    if (w->stored != NULL)
        w->stored(w, place, want->file, want->bytes);
    world_put_stored(w, place, want->file, want->bytes);
    return (struct answer){SEV_OK, 0};
}

static struct answer answer(struct world *w, int place, const struct sev_want *want)
{
    switch (want->kind) {
    case SEV_WANT_LOAD:
        return load(w, place, want);
    case SEV_WANT_FETCH:
        return fetch(w, place, want);
    case SEV_WANT_STORE:
        return change(w, place, want);
    case SEV_WANT_NOTHING:
        break;
    }
    world_failed("a want of no kind", "");
}

/* ------------------------------------------------------------------ images */

static void send_image(struct world *w, const struct sev_client_want *want)
{
    sev_slice bytes = SEV_EMPTY;
    const char *url = want->image_url;
    const char *name =
        world_name("%.*s", (int)want->image_name.len, (const char *)want->image_name.ptr);
    sev_err e = ask(w, IMAGES, url, &bytes);
    w->result.image_requests++;
    size_t used = strlen(w->image_urls);
    snprintf(w->image_urls + used, sizeof w->image_urls - used, "%s\n", url);
    world_trace(w, "images image %s%s%s\n", name, e == SEV_OK ? "" : ": ",
                e == SEV_OK ? "" : sev_err_id(e));
    if (e == SEV_E_ABSENT) {
        sev_client_absent(&w->client);
        return;
    }
    if (e != SEV_OK) {
        sev_client_failed(&w->client, e);
        return;
    }
    for (size_t at = 0; at < bytes.len; at += PIECE) {
        e = sev_client_image_data(&w->client, sev_slice_sub(bytes, at, PIECE));
        if (e != SEV_OK)
            return;
    }
    sev_client_image_end(&w->client);
    if (w->client.err == SEV_OK && w->result.released_count < WORLD_IMAGES_MAX)
        w->result.released[w->result.released_count++] =
            (struct world_released){name, world_keep(bytes)};
}

/* ------------------------------------------------------------------ driver */

static const char *usual_map(const struct world *w)
{
    if (w->map != NULL)
        return w->map;
    return w->has_regulator
               ? "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[\"director\",\"regulator\","
                 "\"images\"],\"terminating\":true,\"threshold\":3}],\"repositories\":{"
                 "\"director\":[],\"images\":[],\"regulator\":[]}}"
               : "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[\"director\",\"images\"],"
                 "\"terminating\":true,\"threshold\":2}],\"repositories\":{\"director\":[],"
                 "\"images\":[]}}";
}

static int place_of(const struct sev_map *map, uint32_t repository)
{
    sev_slice name = map->repositories[repository].name;
    for (int r = 0; r < WORLD_REPOSITORIES; r++)
        if (sev_slice_eq(name, world_slice(place_name(r))))
            return r;
    world_failed("a repository that this world has not", "");
}

static bool release(struct world *w)
{
    if (power_goes(w))
        return false;
    sev_err e = w->store_fails_at == w->result.operations ? SEV_E_IO : w->release_fails;
    if (e == SEV_OK)
        world_trace(w, "release %d\n", w->result.released_count);
    sev_client_released(&w->client, e);
    return true;
}

static void drive(struct world *w, const struct sev_map *map)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        struct sev_client_want want;
        struct answer a;
        sev_client_next(&w->client, &want);
        switch (want.kind) {
        case SEV_CLIENT_OVER:
            return;
        case SEV_CLIENT_WALK:
        case SEV_CLIENT_STATE:
            a = answer(w, want.kind == SEV_CLIENT_STATE ? VEHICLE : place_of(map, want.repository),
                       &want.want);
            if (w->result.cut)
                return;
            if (a.err == SEV_OK)
                sev_client_got(&w->client, a.len);
            else if (a.err == SEV_E_ABSENT)
                sev_client_absent(&w->client);
            else
                sev_client_failed(&w->client, a.err);
            break;
        case SEV_CLIENT_IMAGE:
            send_image(w, &want);
            break;
        case SEV_CLIENT_RELEASE:
            if (!release(w))
                return;
            break;
        }
    }
    world_failed("the cycle does not end", w->trace);
}

static struct sev_crypto *crypto(void)
{
    static struct sev_crypto *c;
    if (c == NULL)
        c = sev_crypto_new();
    return c;
}

static void begin_run(struct world *w)
{
    memset(&w->result, 0, sizeof w->result);
    w->trace_len = 0;
    w->trace[0] = '\0';
    w->image_urls[0] = '\0';
    fetched_count = 0;
}

const struct world_result *world_cycle(struct world *w)
{
    struct sev_arena arena = grant(w->arena_bytes);
    struct sev_map map;
    static uint32_t map_room[16384];
    struct sev_arena map_arena = sev_arena_of(map_room, sizeof map_room);
    begin_run(w);
    w->result.err = sev_map_parse(world_slice(usual_map(w)), &map_arena, &map);
    if (w->result.err != SEV_OK)
        return &w->result;
    struct sev_client_config config = {
        .profile = w->profile,
        .mode = w->mode,
        .now = w->time,
        .ecus = w->ecus,
        .ecu_count = w->mode == SEV_MODE_PRIMARY ? w->ecu_count : 1,
        .vehicle = world_slice(w->vehicle),
        .map = &map,
        .crypto = crypto(),
    };
    sev_client_init(&w->client, &config, &arena);
    drive(w, &map);
    w->result.err = w->client.err;
    w->result.expected = w->client.expected;
    w->result.actual = w->client.actual;
    w->result.has_numbers = w->client.has_numbers;
    memcpy(w->result.repository, w->client.repository, sizeof w->result.repository);
    memcpy(w->result.role, w->client.role, sizeof w->result.role);
    if (w->result.err != SEV_OK)
        w->result.released_count = 0;
    return &w->result;
}

static void drive_walk(struct world *w, int repository)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        struct sev_want want;
        sev_walk_next(&w->walk, &want);
        if (want.kind == SEV_WANT_NOTHING)
            return;
        struct answer a = answer(w, repository, &want);
        if (w->result.cut)
            return;
        if (a.err == SEV_OK)
            sev_walk_got(&w->walk, a.len);
        else if (a.err == SEV_E_ABSENT)
            sev_walk_absent(&w->walk);
        else
            sev_walk_failed(&w->walk, a.err);
    }
    world_failed("the walk does not end", w->trace);
}

sev_err world_walk(struct world *w, int repository, const char *image, const char *hardware_id)
{
    struct sev_arena arena = grant(w->arena_bytes);
    struct sev_walk_config config = {.profile = w->profile,
                                     .director = repository == DIRECTOR,
                                     .partial = w->mode == SEV_MODE_PARTIAL,
                                     .now = w->time,
                                     .crypto = crypto()};
    begin_run(w);
    sev_walk_init(&w->walk, &config, &arena);
    drive_walk(w, repository);
    if (w->walk.err == SEV_OK && image != NULL && !w->result.cut) {
        sev_walk_search(&w->walk, world_slice(image), world_slice(hardware_id));
        drive_walk(w, repository);
    }
    w->result.err = w->walk.err;
    memcpy(w->result.role, w->walk.role, sizeof w->result.role);
    return w->walk.err;
}

/* ---------------------------------------------------------------- judgement */

static bool is_ours(const struct world *w, const struct world_image *m)
{
    return m->ecu >= 0 && (w->mode == SEV_MODE_PRIMARY || m->ecu == 0);
}

static const struct world_released *released_as(const struct world *w, const char *name)
{
    const struct world_released *found = NULL;
    for (int i = 0; i < w->result.released_count; i++) {
        if (strcmp(w->result.released[i].name, name) != 0)
            continue;
        if (found != NULL)
            return NULL; /* twice */
        found = &w->result.released[i];
    }
    return found;
}

/* After a cycle that succeeded: exactly what is assigned and was not installed, byte for byte. */
const char *world_wrong_release(struct world *w)
{
    int wanted = 0;
    for (int i = 0; i < w->now.image_count; i++) {
        const struct world_image *m = &w->now.images[i];
        if (!is_ours(w, m))
            continue;
        if (w->installed[m->ecu] != NULL && strcmp(w->installed[m->ecu], m->name) == 0)
            continue;
        const struct world_released *r = released_as(w, m->name);
        if (r == NULL)
            return world_name("%s did not come, or twice", m->name);
        if (!sev_slice_eq(r->bytes, m->bytes))
            return world_name("%s came with other bytes", m->name);
        wanted++;
    }
    if (wanted != w->result.released_count)
        return "more came than was assigned";
    for (int i = 0; i < w->now.image_count; i++)
        if (is_ours(w, &w->now.images[i]))
            w->installed[w->now.images[i].ecu] = w->now.images[i].name;
    return NULL;
}
