/* fleet - what a check-in costs a Director with 1,000 vehicles, and with a hundred or (SEV_NIGHTLY)
 * a thousand times as many, of 5 ECUs each, in SQLite: signatures checked and made, files issued,
 * rows written; no network. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "secureev/crypto_hosted.h"
#include "secureev/director.h"

#define FEW 1000
#define ECUS 5
#define CALLERS 32
#define ROUNDS 5
#define NOW ((sev_time)1800000000)

static char folder[64] = "/tmp/sev-bench-fleet-XXXXXX";
static struct sev_privkey *vehicle_key, *online_key;
static char vehicle_keyid[SEV_KEY_ID_CHARS];
static const char *const serials[ECUS] = {"primary", "brake", "battery", "gateway", "display"};

static double clock_of(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

static sev_slice vehicle_id(int i, char out[64])
{
    /* As DIDs are: the beginning is the same for all, the end looks random. */
    snprintf(out, 64, "did:secureev:%08x%08x%08x", (unsigned)i * 2654435761u, (unsigned)i * 40503u,
             (unsigned)i);
    return text(out);
}

/* ------------------------------------------------------------------ inventory */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    bench_check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "fill: prepare");
    return statement;
}

static void run(sqlite3_stmt *statement)
{
    bench_check(sqlite3_step(statement) == SQLITE_DONE, "fill: step");
    (void)sqlite3_reset(statement);
}

/* Rows as registration and earlier check-ins would leave them; beside the store, since a million
 * durable transactions are not what is measured here. All ECUs have one key. */
static void fill(const char *path, int vehicles)
{
    static const uint8_t report[900];
    const struct sev_pubkey *key = sev_privkey_public(vehicle_key);
    sqlite3 *db = NULL;
    bench_check(sqlite3_open(path, &db) == SQLITE_OK, "fill: open");
    bench_check(sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL) == SQLITE_OK,
                "fill: begin");
    sqlite3_stmt *vehicle = prepare(
        db, "INSERT INTO vehicle (key, id, vin, model, profile, primary_serial, base, seen) VALUES "
            "(?1, ?2, CAST('WVWZZZ1KZAW000001' AS BLOB), CAST('model-e' AS BLOB), 0, "
            "CAST('primary' AS BLOB), zeroblob(32), 1700000000)");
    sqlite3_stmt *ecu = prepare(
        db, "INSERT INTO ecu (key, serial, hardware_id, key_type, key_material, installed_name, "
            "report) VALUES (?1, ?2, CAST('hardware-2' AS BLOB), 1, ?3, "
            "CAST('brake/firmware-7.bin' AS BLOB), ?4)");
    for (int i = 0; i < vehicles; i++) {
        char id[64];
        sev_slice name = vehicle_id(i, id);
        (void)sqlite3_bind_int(vehicle, 1, i + 1);
        (void)sqlite3_bind_blob(vehicle, 2, id, (int)name.len, SQLITE_STATIC);
        run(vehicle);
        for (int k = 0; k < ECUS; k++) {
            (void)sqlite3_bind_int64(ecu, 1, ((int64_t)i + 1) * SEV_STORE_ECUS_MAX + k);
            (void)sqlite3_bind_blob(ecu, 2, serials[k], (int)strlen(serials[k]), SQLITE_STATIC);
            (void)sqlite3_bind_blob(ecu, 3, key->material, key->len, SQLITE_STATIC);
            (void)sqlite3_bind_blob(ecu, 4, report, sizeof report, SQLITE_STATIC);
            run(ecu);
        }
        if (i % 20000 == 19999)
            (void)sqlite3_exec(db, "COMMIT; BEGIN", NULL, NULL, NULL);
    }
    bench_check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "fill: commit");
    (void)sqlite3_finalize(vehicle);
    (void)sqlite3_finalize(ecu);
    (void)sqlite3_close(db);
}

struct bed {
    struct sev_store store;
    struct sev_director director;
    char path[128];
    int vehicles;
    int next; /* of the permutation: who has not checked in yet */
};

static sev_err sign_here(void *self, const char *key, sev_slice body, char *out_keyid, sev_buf *sig)
{
    (void)self;
    (void)key;
    sev_err e = sev_key_id(sev_privkey_public(online_key), SEV_PROFILE_NATIVE, out_keyid);
    return e != SEV_OK ? e : sev_privkey_sign(online_key, body, sig);
}

static void ignore(void *self, const struct sev_event *event)
{
    (void)self;
    (void)event;
}

static void open_bed(struct bed *b, const char *name, int vehicles)
{
    static const struct sev_sign sign = {NULL, sign_here};
    static const sev_slice root = {(const uint8_t *)"{\"root\":1}", 10};
    memset(b, 0, sizeof *b);
    snprintf(b->path, sizeof b->path, "%s/%s", folder, name);
    b->vehicles = vehicles;
    bench_check(sev_store_open(b->path, &b->store) == SEV_OK, "open");
    sev_store_close(&b->store);
    fill(b->path, vehicles);
    bench_check(sev_store_open(b->path, &b->store) == SEV_OK, "open");
    b->director = (struct sev_director){.store = &b->store,
                                        .sign = &sign,
                                        .events = {NULL, ignore},
                                        .keys = {"online", "online", "online", ""},
                                        .roots = &root,
                                        .root_count = 1,
                                        .lives = SEV_DIRECTOR_LIVES,
                                        .poll_interval_s = 3600,
                                        .poll_jitter_s = 60};
}

static void close_bed(struct bed *b)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    sev_store_close(&b->store);
    for (int i = 0; i < 3; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", b->path, ends[i]);
        (void)unlink(path);
    }
}

/* ------------------------------------------------------------------- vehicles */

/* What each of them will send: made before the clock runs. */
struct message {
    int vehicle;
    uint8_t *full, *unchanged;
    size_t full_len, unchanged_len;
};
static struct message messages[FEW];

static sev_slice envelope(sev_slice body, sev_buf *out)
{
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    bench_check(sev_privkey_sign(vehicle_key, body, &sig) == SEV_OK, "sign");
    struct sev_message_sig entry = {.keyid = sev_slice_of(vehicle_keyid, sizeof vehicle_keyid),
                                    .sig = sev_buf_slice(&sig)};
    size_t before = out->len;
    bench_check(sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, SEV_MESSAGE_BYTES_MAX,
                                   out) == SEV_OK,
                "envelope");
    return sev_slice_of(out->ptr + before, out->len - before);
}

static struct sev_report report_of(sev_slice vehicle, int ecu)
{
    struct sev_report r = {.vehicle = vehicle,
                           .ecu = text(serials[ecu]),
                           .counter = 1,
                           .time = NOW,
                           .attested = NOW,
                           .attested_before = NOW,
                           .image = {.name = SEV_LIT("brake/firmware-7.bin"), .length = 4096},
                           .release_counter = 7,
                           .boot_count = 1,
                           .attacks = SEV_LIT("")};
    r.image.hashes.has_sha256 = true;
    memset(r.image.hashes.sha256, 7, sizeof r.image.hashes.sha256);
    return r;
}

static sev_slice reports_of(sev_slice vehicle, sev_buf *out)
{
    size_t before = out->len;
    sev_buf_put_byte(out, '[');
    for (int k = 0; k < ECUS; k++) {
        uint8_t room[4096];
        sev_buf body = sev_buf_of(room, sizeof room);
        struct sev_report r = report_of(vehicle, k);
        bench_check(sev_report_encode(&r, &body) == SEV_OK, "report");
        if (k != 0)
            sev_buf_put_byte(out, ',');
        (void)envelope(sev_buf_slice(&body), out);
    }
    sev_buf_put_byte(out, ']');
    return sev_slice_of(out->ptr + before, out->len - before);
}

static uint8_t *status_of(sev_slice vehicle, int64_t counter, sev_slice reports, size_t *out_len)
{
    static uint8_t room[65536], whole[65536];
    struct sev_base_entry set[ECUS];
    for (int k = 0; k < ECUS; k++) {
        struct sev_report r = report_of(vehicle, k);
        set[k] = (struct sev_base_entry){r.ecu, r.image, r.release_counter};
    }
    struct sev_status s = {.vehicle = vehicle,
                           .primary = text(serials[0]),
                           .counter = counter,
                           .time = NOW,
                           .held = {.root = 1, .timestamp = counter - 1},
                           .reports = reports};
    bench_check(sev_base_digest(set, ECUS, s.base) == SEV_OK, "base");
    sev_buf body = sev_buf_of(room, sizeof room), out = sev_buf_of(whole, sizeof whole);
    bench_check(sev_status_encode(&s, &body) == SEV_OK, "status");
    sev_slice bytes = envelope(sev_buf_slice(&body), &out);
    uint8_t *copy = malloc(bytes.len);
    bench_check(copy != NULL, "memory");
    memcpy(copy, bytes.ptr, bytes.len);
    *out_len = bytes.len;
    return copy;
}

/* Vehicles of all corners of the inventory, none twice. */
static void make_messages(struct bed *b)
{
    static uint8_t room[65536];
    for (int i = 0; i < FEW; i++) {
        struct message *m = &messages[i];
        char id[64];
        free(m->full);
        free(m->unchanged);
        m->vehicle = (int)((int64_t)b->next++ * 7919 % b->vehicles); /* a prime */
        sev_slice vehicle = vehicle_id(m->vehicle, id);
        sev_buf reports = sev_buf_of(room, sizeof room);
        m->full = status_of(vehicle, 1, reports_of(vehicle, &reports), &m->full_len);
        m->unchanged = status_of(vehicle, 2, SEV_EMPTY, &m->unchanged_len);
    }
}

/* -------------------------------------------------------------------- callers */

struct caller {
    pthread_t thread;
    const struct bed *bed;
    int index;
    bool full;
};

static void *call(void *self)
{
    const struct caller *c = self;
    static const size_t answer_bytes = SEV_STATUS_ANSWER_BYTES_MAX;
    uint8_t *memory = malloc(SEV_DIRECTOR_ARENA_BYTES), *answer = malloc(answer_bytes);
    struct sev_crypto *crypto = sev_crypto_new();
    bench_check(memory != NULL && answer != NULL && crypto != NULL, "memory");
    for (int i = c->index; i < FEW; i += CALLERS) {
        const struct message *m = &messages[i];
        struct sev_arena arena = sev_arena_of(memory, SEV_DIRECTOR_ARENA_BYTES);
        struct sev_director_call how = {&arena, crypto, NOW};
        sev_buf out = sev_buf_of(answer, answer_bytes);
        char id[64];
        sev_slice status = c->full ? sev_slice_of(m->full, m->full_len)
                                   : sev_slice_of(m->unchanged, m->unchanged_len);
        sev_err e =
            sev_director_status(&c->bed->director, &how, vehicle_id(m->vehicle, id), status, &out);
        bench_check(e == SEV_OK, sev_err_id(e));
    }
    sev_crypto_free(crypto);
    free(memory);
    free(answer);
    return NULL;
}

/* CPU seconds of a check-in, and how many there are in a second. */
static double measure(const struct bed *bed, bool full, double *out_rate)
{
    struct caller callers[CALLERS];
    double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.bed = bed, .index = i, .full = full};
        bench_check(pthread_create(&callers[i].thread, NULL, call, &callers[i]) == 0, "thread");
    }
    for (int i = 0; i < CALLERS; i++)
        (void)pthread_join(callers[i].thread, NULL);
    *out_rate = FEW / (clock_of(CLOCK_MONOTONIC) - wall);
    return (clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / FEW;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double values[ROUNDS])
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], by_value);
    return sorted[ROUNDS / 2];
}

static struct bed many, few;

static void remove_all(void)
{
    if (many.store.self != NULL)
        close_bed(&many);
    (void)rmdir(folder);
}

int main(void)
{
    /* [full][many] */
    double cpu[2][2][ROUNDS], rate[2][2][ROUNDS], ratio[2][ROUNDS];
    int vehicles = getenv("SEV_NIGHTLY") == NULL ? 100 * FEW : 1000 * FEW;
    bench_begin("fleet");
    bench_check(mkdtemp(folder) != NULL, "folder");
    (void)atexit(remove_all);
    bench_check(sev_privkey_generate(SEV_KEY_P256, 0, &vehicle_key) == SEV_OK &&
                    sev_privkey_generate(SEV_KEY_P256, 0, &online_key) == SEV_OK &&
                    sev_key_id(sev_privkey_public(vehicle_key), SEV_PROFILE_NATIVE,
                               vehicle_keyid) == SEV_OK,
                "keys");
    double before = clock_of(CLOCK_MONOTONIC);
    open_bed(&many, "many.db", vehicles);
    bench_value("vehicles in the larger inventory", vehicles, "");
    bench_value("filled in", clock_of(CLOCK_MONOTONIC) - before, "s");
    for (int i = 0; i < ROUNDS; i++) {
        open_bed(&few, "few.db", FEW);
        make_messages(&few);
        for (int full = 1; full >= 0; full--)
            cpu[full][0][i] = measure(&few, full != 0, &rate[full][0][i]);
        close_bed(&few);
        make_messages(&many);
        for (int full = 1; full >= 0; full--) {
            cpu[full][1][i] = measure(&many, full != 0, &rate[full][1][i]);
            ratio[full][i] = cpu[full][1][i] / cpu[full][0][i];
        }
    }
    static const char *const names[2][2] = {
        {"unchanged, 1,000 vehicles", "unchanged, many"},
        {"5 reports and new files, 1,000 vehicles", "5 reports and new files, many"}};
    for (int full = 1; full >= 0; full--)
        for (int k = 0; k < 2; k++) {
            char name[80];
            snprintf(name, sizeof name, "check-in, %s", names[full][k]);
            bench_value(name, median(rate[full][k]), "/s");
            bench_value(name, median(cpu[full][k]) * 1e6, "us");
        }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    bench_value("largest resident memory", (double)usage.ru_maxrss / 1024, "MiB");
    bench_at_most("many : 1,000, 5 reports and new files, CPU time", median(ratio[1]), 1.15, "x");
    /* The handshake that comes with it would make the ratio smaller: it costs as much again. */
    bench_at_most("many : 1,000, unchanged without TLS, CPU time", median(ratio[0]), 1.3, "x");
    return bench_end();
}
