/* bench - clock, medians and lines of the benchmarks. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *bench_name = "?";
static bool missed;

static double clock_now(clockid_t id)
{
    struct timespec t;
    bench_check(clock_gettime(id, &t) == 0, "clock_gettime");
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_time(const struct bench_way *ways, size_t count, double seconds, double *out_medians)
{
    bench_check(count > 0 && count <= BENCH_WAYS_MAX, "number of ways");
    double(*times)[BENCH_ROUNDS_MAX] = malloc(count * sizeof *times);
    bench_check(times != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        ways[i].run(ways[i].state); /* warm: page faults, caches and tables are not the subject */
    size_t rounds = 0;
    double end = clock_now(CLOCK_MONOTONIC) + seconds;
    while (rounds < BENCH_ROUNDS_MAX && (rounds < 9 || clock_now(CLOCK_MONOTONIC) < end)) {
        for (size_t k = 0; k < count; k++) {
            size_t i = (rounds + k) % count;
            double before = clock_now(CLOCK_PROCESS_CPUTIME_ID);
            ways[i].run(ways[i].state);
            times[i][rounds] = clock_now(CLOCK_PROCESS_CPUTIME_ID) - before;
        }
        rounds++;
    }
    for (size_t i = 0; i < count; i++) {
        qsort(times[i], rounds, sizeof times[i][0], by_value);
        out_medians[i] = times[i][rounds / 2];
    }
    free(times);
}

void bench_begin(const char *name)
{
    bench_name = name;
}

static void line(const char *name, double value, const char *unit)
{
    printf("{\"bench\":\"%s\",\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"", bench_name, name,
           value, unit);
}

void bench_value(const char *name, double value, const char *unit)
{
    line(name, value, unit);
    printf("}\n");
}

static void judged(const char *sense, double goal, bool pass)
{
    printf(",\"%s\":%.6g,\"pass\":%s}\n", sense, goal, pass ? "true" : "false");
    missed = missed || !pass;
}

void bench_at_most(const char *name, double value, double goal, const char *unit)
{
    line(name, value, unit);
    judged("at_most", goal, value <= goal);
}

void bench_at_least(const char *name, double value, double goal, const char *unit)
{
    line(name, value, unit);
    judged("at_least", goal, value >= goal);
}

int bench_end(void)
{
    return missed ? 1 : 0;
}

void bench_check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench %s: %s\n", bench_name, what);
    exit(2);
}
