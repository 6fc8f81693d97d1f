/* store - check-ins per second on an inventory of 100,000 vehicles (5 ECUs each): one caller, 64
 * callers; and, in the same folder, what SQLite does with a commit for each row and nobody waiting.
 * Wall time, since that is what waiting for the disk costs. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "secureev/store.h"

#define VEHICLES 100000
#define FEW_VEHICLES 1000
#define ECUS 5
#define CALLERS 64
#define ROUNDS 7 /* of all ways, since the disk has moods */
#define SECONDS 0.7

static char folder[64] = "/tmp/sev-bench-store-XXXXXX";
struct bed {
    struct sev_store store;
    int vehicles;
};
static struct bed few, many;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void vehicle_id(int i, char out[64])
{
    /* As DIDs are: the beginning is the same for all, the end looks random. */
    snprintf(out, 64, "did:secureev:%08x%08x%08x", (unsigned)i * 2654435761u, (unsigned)i * 40503u,
             (unsigned)i);
}

static const char *const serials[ECUS] = {"primary", "brake", "battery", "gateway", "display"};

static void add_vehicle(const struct sev_store *s, int i)
{
    char id[64];
    vehicle_id(i, id);
    struct sev_vehicle v = {.id = sev_slice_of(id, strlen(id)),
                            .vin = SEV_LIT("WVWZZZ1KZAW000001"),
                            .model = SEV_LIT("model-e")};
    struct sev_ecu ecus[ECUS];
    memset(ecus, 0, sizeof ecus);
    for (int k = 0; k < ECUS; k++) {
        ecus[k].serial = sev_slice_of(serials[k], strlen(serials[k]));
        ecus[k].hardware_id = SEV_LIT("hardware-2");
        ecus[k].key.type = SEV_KEY_P256;
        ecus[k].key.len = 65;
        memset(ecus[k].key.material, i, 65);
    }
    bench_check(s->vehicle_add(s->self, &v, NULL) == SEV_OK, "vehicle_add");
    bench_check(s->ecus_register(s->self, v.id, ecus[0].serial, ecus, ECUS, NULL) == SEV_OK,
                "ecus_register");
}

/* What the Director does for an accepted status with a report of each ECU: look the vehicle and
 * its ECUs up, then accept. */
static void check_in(const struct sev_store *s, int i, struct sev_arena *arena)
{
    static uint8_t report[1024];
    static const struct sev_decision decision = {1700000000,
                                                 {(const uint8_t *)"director", 8},
                                                 {(const uint8_t *)"status", 6},
                                                 {(const uint8_t *)"{\"accepted\":true}", 17}};
    char id[64];
    struct sev_vehicle v;
    struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    struct sev_ecu_news news[ECUS];
    uint32_t count = 0;
    vehicle_id(i, id);
    sev_slice vehicle = sev_slice_of(id, strlen(id));
    sev_arena_back(arena, 0);
    bench_check(s->vehicle_get(s->self, vehicle, arena, &v) == SEV_OK, "vehicle_get");
    bench_check(s->ecus_get(s->self, vehicle, arena, ecus, &count) == SEV_OK, "ecus_get");
    memset(news, 0, sizeof news);
    for (uint32_t k = 0; k < count; k++) {
        news[k].serial = ecus[k].serial;
        news[k].expected_counter = ecus[k].report_counter;
        news[k].counter = ecus[k].report_counter + 1;
        news[k].installed.name = SEV_LIT("brake/firmware-7.bin");
        news[k].report = sev_slice_of(report, 900);
    }
    struct sev_status_news status = {.vehicle = vehicle,
                                     .expected_counter = v.status_counter,
                                     .counter = v.status_counter + 1,
                                     .has_base = true,
                                     .seen = 1700000000 + v.status_counter,
                                     .ecus = news,
                                     .ecu_count = count,
                                     .decision = &decision};
    bench_check(s->status_accept(s->self, &status) == SEV_OK, "status_accept");
}

/* ------------------------------------------------------------------- callers */

struct caller {
    pthread_t thread;
    const struct bed *bed;
    int index, count; /* of `count` callers */
    uint32_t seed;
    double until; /* 0: load the inventory */
    long done;
};

static void *call(void *self)
{
    struct caller *c = self;
    uint8_t *memory = malloc(1 << 16);
    bench_check(memory != NULL, "memory");
    struct sev_arena arena = sev_arena_of(memory, 1 << 16);
    for (int i = c->index; c->until == 0 && i < c->bed->vehicles; i += c->count) {
        add_vehicle(&c->bed->store, i);
        check_in(&c->bed->store, i, &arena); /* rows have the size that they keep */
    }
    /* Vehicles come in no order, and no two callers have the same. */
    uint32_t random = c->seed * 2654435761u;
    while (now() < c->until) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        int slot = (int)(random % (uint32_t)(c->bed->vehicles / c->count));
        check_in(&c->bed->store, slot * c->count + c->index, &arena);
        c->done++;
    }
    free(memory);
    return NULL;
}

/* How many per second; and CPU seconds of this process for each. */
static double run(const struct bed *bed, int count, double seconds, double *out_cpu)
{
    static struct caller callers[CALLERS];
    static uint32_t seed;
    double start = now(), cpu_start = cpu();
    long done = 0;
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.bed = bed, .index = i, .count = count, .seed = ++seed};
        callers[i].until = seconds == 0 ? 0 : start + seconds;
        bench_check(pthread_create(&callers[i].thread, NULL, call, &callers[i]) == 0, "thread");
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        done += callers[i].done;
    }
    if (seconds == 0)
        done = bed->vehicles;
    *out_cpu = (cpu() - cpu_start) / (double)done;
    return (double)done / (now() - start);
}

/* @return vehicles per second */
static double open_bed(const char *name, int vehicles, struct bed *bed)
{
    char path[128];
    double each;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bed->vehicles = vehicles;
    bench_check(sev_store_open(path, &bed->store) == SEV_OK, "open");
    return run(bed, CALLERS, 0, &each);
}

/* -------------------------------------------------------------------- anchor */

static double anchor(void)
{
    char path[128];
    uint8_t row[1800] = {0}; /* a manifest of stack.md's measurements */
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    long done = 0;
    snprintf(path, sizeof path, "%s/anchor.db", folder);
    bench_check(sqlite3_open(path, &db) == SQLITE_OK, "anchor: open");
    bench_check(sqlite3_exec(db,
                             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                             "CREATE TABLE IF NOT EXISTS t (vehicle INTEGER, manifest BLOB);"
                             "CREATE INDEX IF NOT EXISTS i ON t (vehicle)",
                             NULL, NULL, NULL) == SQLITE_OK,
                "anchor: table");
    bench_check(sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?)", -1, &insert, NULL) ==
                    SQLITE_OK,
                "anchor: insert");
    double start = now();
    while (now() < start + SECONDS) {
        (void)sqlite3_bind_int(insert, 1, (int)(done * 7919 % VEHICLES));
        (void)sqlite3_bind_blob(insert, 2, row, sizeof row, SQLITE_STATIC);
        bench_check(sqlite3_step(insert) == SQLITE_DONE, "anchor: step");
        (void)sqlite3_reset(insert);
        done++;
    }
    double rate = (double)done / (now() - start);
    (void)sqlite3_finalize(insert);
    (void)sqlite3_close(db);
    return rate;
}

static void remove_files(void)
{
    static const char *const names[] = {"few.db", "many.db", "anchor.db"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 9; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s%s", folder, names[i / 3], ends[i % 3]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof values[0], by_value);
    return values[ROUNDS / 2];
}

int main(void)
{
    double bare[ROUNDS], one[ROUNDS], all[ROUNDS], small[ROUNDS], all_cpu[ROUNDS],
        small_cpu[ROUNDS], one_cpu[ROUNDS], to_bare[ROUNDS], one_to_bare[ROUNDS];
    bench_begin("store");
    bench_check(mkdtemp(folder) != NULL, "folder");
    (void)atexit(remove_files);
    (void)open_bed("few.db", FEW_VEHICLES, &few);
    double loaded = open_bed("many.db", VEHICLES, &many);
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = anchor();
        one[i] = run(&many, 1, SECONDS, &one_cpu[i]);
        all[i] = run(&many, CALLERS, SECONDS, &all_cpu[i]);
        small[i] = run(&few, CALLERS, SECONDS, &small_cpu[i]);
        to_bare[i] = all[i] / bare[i];
        one_to_bare[i] = one[i] / bare[i];
    }
    double each = median(all_cpu), each_of_few = median(small_cpu);
    bench_value("vehicles added, 5 ECUs registered, first check-in", loaded, "/s");
    bench_value("SQLite alone, one row of 1.8 KB per commit", median(bare), "/s");
    bench_value("check-ins with 5 reports, 100,000 vehicles, 1 caller", median(one), "/s");
    bench_value("the same, 64 callers", median(all), "/s");
    bench_value("the same, 1,000 vehicles, 64 callers", median(small), "/s");
    bench_value("CPU time of a check-in, 64 callers", each * 1e6, "us");
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    bench_value("largest resident memory, both stores", (double)usage.ru_maxrss / 1024, "MiB");
    sev_store_close(&few.store);
    sev_store_close(&many.store);
    bench_at_least("1 caller : SQLite alone", median(one_to_bare), 0.6, "x");
    bench_at_least("64 callers : SQLite alone", median(to_bare), 6, "x");
    bench_at_most("100,000 vehicles : 1,000 vehicles, CPU time", each / each_of_few, 2, "x");
    return bench_end();
}
