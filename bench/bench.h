/* bench - time several ways of doing something against each other within one run.
 * A bench/<name>.c is a program of its own; it prints one JSON object per line, tools/bench makes
 * the table. SPDX-License-Identifier: MIT */
#ifndef SEV_BENCH_H
#define SEV_BENCH_H

#include <stddef.h>
#include <stdint.h>

/** One contestant. `run` does the work once; what it needs stands in `state`. */
struct bench_way {
    const char *name;
    void (*run)(void *state);
    void *state;
};

/**
 * Median CPU time of this process for one run of each way, in seconds.
 *
 * All ways run once per round, beginning with another one each time, so that a slow moment of the
 * machine hits all alike. Rounds go on until `seconds` have passed, but never fewer than 9 or more
 * than BENCH_ROUNDS_MAX.
 */
void bench_time(const struct bench_way *ways, size_t count, double seconds, double *out_medians);
#define BENCH_ROUNDS_MAX 1001
#define BENCH_WAYS_MAX 16

/** Print a figure that is only reported. */
void bench_value(const char *name, double value, const char *unit);
/** Print a ratio with its goal. Missing it makes bench_end() return 1. */
void bench_at_most(const char *name, double value, double goal, const char *unit);
void bench_at_least(const char *name, double value, double goal, const char *unit);

/** A name for the lines of this program. Call first. */
void bench_begin(const char *name);
/** What main() returns. */
int bench_end(void);

/** End the program with a message: the bench itself is broken. */
void bench_check(int ok, const char *what);

#endif
