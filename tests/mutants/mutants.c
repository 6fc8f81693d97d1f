/* mutants - which check is switched off, by a name that is the same in every program: the place of
 * the check, "core/verify/quorum.c:88". SPDX-License-Identifier: MIT
 *
 *   SEV_MUTANT=list           print all checks of this program, run nothing
 *   SEV_MUTANT=<name>         that check never refuses
 *   SEV_MUTANT_TRACE=<file>   append what happens: "@case <ns>" when a test case begins (case "-":
 *                             the end), "case name" when a check refuses for the first time in it
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define NAME_BYTES 256

extern const struct sev_mutant __start_sev_mutants[] __attribute__((weak));
extern const struct sev_mutant __stop_sev_mutants[] __attribute__((weak));

static FILE *trace;
static const char *current_case = "-";
static unsigned char *seen;             /* per check: already noted in this case */
static const struct sev_mutant *active; /* one of those with the name asked for */

static size_t count(void)
{
    return (size_t)(__stop_sev_mutants - __start_sev_mutants);
}

static bool same_line(const struct sev_mutant *a, const struct sev_mutant *b)
{
    return a->line == b->line && strcmp(a->file, b->file) == 0;
}

/* A check in a header stands in the section once for every file that includes it: one mutant. */
static bool same(const struct sev_mutant *a, const struct sev_mutant *b)
{
    return a == b || (same_line(a, b) && strcmp(a->condition, b->condition) == 0);
}

static bool first_of_its_name(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same(&__start_sev_mutants[i], &__start_sev_mutants[j]))
            return false;
    return true;
}

/* "core/verify/quorum.c:88", and "#1", "#2" for further checks on that line in the order of their
 * text: whatever else is linked, the name stays. */
static void name_of(const struct sev_mutant *m, char out[NAME_BYTES])
{
    unsigned rank = 0;
    for (size_t i = 0; i < count(); i++) {
        const struct sev_mutant *other = &__start_sev_mutants[i];
        if (first_of_its_name(i) && same_line(m, other) &&
            strcmp(other->condition, m->condition) < 0)
            rank++;
    }
    const char *file = m->file;
    for (const char *p = file; (p = strstr(p, "core/")) != NULL; p++)
        if (p == m->file || p[-1] == '/')
            file = p;
    int n = snprintf(out, NAME_BYTES, "%s:%d", file, m->line);
    if (rank > 0 && n > 0 && n < NAME_BYTES)
        snprintf(out + n, (size_t)(NAME_BYTES - n), "#%u", rank);
}

static void list_and_exit(void)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < count(); i++) {
        if (!first_of_its_name(i))
            continue;
        name_of(&__start_sev_mutants[i], name);
        printf("%s\t%s\n", name, __start_sev_mutants[i].condition);
    }
    exit(0);
}

static void mark_time(const char *what)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    fprintf(trace, "@%s\t%lld\n", what, (long long)t.tv_sec * 1000000000LL + t.tv_nsec);
}

static void end_of_trace(void)
{
    mark_time("-");
    fclose(trace);
}

__attribute__((constructor)) static void start(void)
{
    const char *wanted = getenv("SEV_MUTANT");
    if (wanted != NULL && strcmp(wanted, "list") == 0)
        list_and_exit();
    char name[NAME_BYTES];
    for (size_t i = 0; wanted != NULL && i < count() && active == NULL; i++) {
        name_of(&__start_sev_mutants[i], name);
        if (strcmp(name, wanted) == 0)
            active = &__start_sev_mutants[i];
    }
    const char *path = getenv("SEV_MUTANT_TRACE");
    if (path != NULL) {
        trace = fopen(path, "a");
        seen = calloc(count() + 1, 1);
        if (trace == NULL || seen == NULL)
            abort();
        setvbuf(trace, NULL, _IOLBF, 0);
        atexit(end_of_trace);
    }
}

void sev_mutant_case(const char *name)
{
    current_case = name;
    if (trace == NULL)
        return;
    memset(seen, 0, count());
    mark_time(name);
}

bool sev_mutant_active(const struct sev_mutant *m)
{
    if (trace != NULL && !seen[m - __start_sev_mutants]) {
        char name[NAME_BYTES];
        seen[m - __start_sev_mutants] = 1;
        name_of(m, name);
        fprintf(trace, "%s\t%s\n", current_case, name);
    }
    return active != NULL && same(m, active);
}
