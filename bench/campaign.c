/* campaign - how long it takes to find out which of 1,000,000 vehicles (5 ECUs each) take part in a
 * campaign, in SQLite, and then to give the images to some of them; and with how much memory.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "secureev/campaign.h"

#define VEHICLES 1000000
#define NOW ((sev_time)1800000000)
#define STARTS 5000
#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char folder[64] = "/tmp/sev-bench-campaign-XXXXXX", path[128];
static struct sev_store store;
static struct sev_arena arena;

static double seconds(void)
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

static void ignore(void *self, const struct sev_event *event)
{
    (void)self;
    (void)event;
}

static void remove_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

/* Rows as registration and check-ins would leave them; beside the store, since a million durable
 * transactions are not what is measured here. */
static void fill(void)
{
    sqlite3 *db = NULL;
    char sql[2048];
    bench_check(sqlite3_open(path, &db) == SQLITE_OK, "open");
    snprintf(
        sql, sizeof sql,
        "PRAGMA synchronous = OFF; BEGIN;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO vehicle (key, id, vin, model, profile, primary_serial, seen) "
        "SELECT i, CAST(printf('did:secureev:%%08x%%08x', i * 2654435761 %% 4294967296, i) AS "
        "BLOB), CAST(printf('WVWZZZ1KZAW%%06d', i %% 1000000) AS BLOB), "
        "CAST('model-' || (i %% 4) AS BLOB), 0, CAST('ecu-0' AS BLOB), 1700000000 FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4) "
        "INSERT INTO ecu (key, serial, hardware_id, key_type, key_material, report_counter, "
        "installed_name, installed_length, release_counter, boot_count) "
        "SELECT v.key * 256 + i, CAST('ecu-' || i AS BLOB), CAST('hardware-' || i AS BLOB), 1, "
        "zeroblob(65), 1, CAST('firmware/' || i || '-7.bin' AS BLOB), 4096, 1, 3 "
        "FROM vehicle v, n ORDER BY 1; COMMIT;",
        VEHICLES);
    bench_check(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "fill");
    (void)sqlite3_close(db);
}

static const char definition[] =
    "{\"name\":\"all\",\"concurrency\":100000000,\"filter\":{\"models\":[\"model-0\",\"model-1\","
    "\"model-2\",\"model-3\"]},\"groups\":[{\"percent\":1,\"successPercent\":90,"
    "\"errorPercent\":1},{\"percent\":99,\"successPercent\":90,\"errorPercent\":1}],"
    "\"rate\":{\"perMinute\":5000},\"targets\":{\"hardware-3\":{\"name\":\"firmware/3-8.bin\","
    "\"length\":4096,\"hashes\":{\"sha256\":\"" SHA "\"},\"match\":{\"hardwareIds\":"
    "[\"hardware-3\"],\"releaseCounter\":2}}}}";

static const struct sev_director_call *call(void)
{
    static uint8_t *memory;
    static struct sev_director_call c = {&arena, NULL, NOW};
    if (memory == NULL)
        memory = malloc(SEV_DIRECTOR_ARENA_BYTES);
    bench_check(memory != NULL, "memory");
    arena = sev_arena_of(memory, SEV_DIRECTOR_ARENA_BYTES);
    return &c;
}

static int64_t count(enum sev_member_state state)
{
    struct sev_campaign_counts c;
    bench_check(store.campaigns->counts(store.self, SEV_LIT("all"), &c) == SEV_OK, "counts");
    int64_t n = 0;
    for (int i = 0; i < SEV_CAMPAIGN_GROUPS_MAX; i++)
        n += c.of[i][state];
    return n;
}

static enum sev_campaign_state state_of(void)
{
    struct sev_campaign c;
    (void)call();
    bench_check(store.campaigns->get(store.self, SEV_LIT("all"), &arena, &c) == SEV_OK, "get");
    return c.state;
}

/* Until the campaign is in that state; the longest step comes out. */
static double run_until(struct sev_campaign_runner *r, enum sev_campaign_state wanted)
{
    double longest = 0;
    bool more;
    while (state_of() != wanted) {
        double start = seconds();
        bench_check(sev_campaigns_run(r, call(), &more) == SEV_OK, "run");
        double took = seconds() - start;
        longest = took > longest ? took : longest;
    }
    return longest;
}

int main(void)
{
    static uint8_t keep[SEV_CAMPAIGN_KEEP_BYTES];
    struct sev_director d = {.store = &store, .events = {NULL, ignore}};
    struct sev_campaign_runner r = {
        .director = &d, .owner = SEV_LIT("bench"), .keep = {keep, sizeof keep, 0, 0}};
    const struct sev_campaign_actor anna = {SEV_LIT("anna"), SEV_LIT("x")},
                                    bert = {SEV_LIT("bert"), SEV_LIT("x")};
    const char *where;
    sev_slice name;
    bench_begin("campaign");
    bench_check(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/director.db", folder);
    (void)atexit(remove_files);
    bench_check(sev_store_open(path, &store) == SEV_OK, "store");
    sev_store_close(&store);
    fill();
    bench_check(sev_store_open(path, &store) == SEV_OK, "store");
    bench_check(sev_campaign_create(&d, call(), &anna,
                                    sev_slice_of(definition, sizeof definition - 1), &name,
                                    &where) == SEV_OK,
                "create");
    bench_check(sev_campaign_act(&d, call(), name = SEV_LIT("all"), SEV_CAMPAIGN_ON_SUBMIT, &anna,
                                 false) == SEV_OK,
                "submit");
    bench_check(sev_campaign_act(&d, call(), name, SEV_CAMPAIGN_ON_APPROVE, &bert, false) == SEV_OK,
                "approve");
    double start = seconds(), cpu_start = cpu();
    double longest = run_until(&r, SEV_CAMPAIGN_SCHEDULED);
    double planned = seconds() - start, cpu_planned = cpu() - cpu_start;
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    bench_check(count(SEV_MEMBER_WAITING) == VEHICLES, "all are in it");
    bench_at_most("a campaign over 1,000,000 vehicles planned", planned, 60, "s");
    bench_value("CPU time of it", cpu_planned, "s");
    bench_value("longest step of it", longest * 1e3, "ms");
    bench_at_most("largest resident memory", (double)usage.ru_maxrss / 1024, 128, "MiB");
    run_until(&r, SEV_CAMPAIGN_RUNNING);
    start = seconds();
    while (count(SEV_MEMBER_ASSIGNED) < STARTS) {
        bool more;
        bench_check(sev_campaigns_run(&r, call(), &more) == SEV_OK, "assign");
    }
    bench_value("vehicles assigned, each checked by the Director", STARTS / (seconds() - start),
                "/s");
    sev_store_close(&store);
    return bench_end();
}
