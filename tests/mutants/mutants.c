/* mutants - which check is switched off: number N of the section, from SEV_MUTANT.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

extern const struct sev_mutant __start_sev_mutants[] __attribute__((weak));
extern const struct sev_mutant __stop_sev_mutants[] __attribute__((weak));

bool sev_mutant_active(const struct sev_mutant *m)
{
    static long active = -2;
    if (active == -2) {
        const char *text = getenv("SEV_MUTANT");
        active = text != NULL ? atol(text) : -1;
    }
    return active >= 0 && m == &__start_sev_mutants[active];
}

/* SEV_MUTANT=list: one line per mutant, then out, before any test runs. */
__attribute__((constructor)) static void list(void)
{
    const char *text = getenv("SEV_MUTANT");
    if (text == NULL || text[0] != 'l')
        return;
    long count = __stop_sev_mutants - __start_sev_mutants;
    for (long i = 0; i < count; i++)
        printf("%ld %s:%d %s\n", i, __start_sev_mutants[i].file, __start_sev_mutants[i].line,
               __start_sev_mutants[i].condition);
    exit(0);
}
