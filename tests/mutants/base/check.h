/* check (tests' build only) - as core/base/check.h, but each use is a mutant: while it is the
 * active one, its refusal never happens. SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_CHECK_H
#define SEV_CORE_CHECK_H

#include <stdbool.h>

struct sev_mutant {
    const char *file;
    int line;
    const char *condition;
};

/** Called when a check is about to refuse: is it the one that the environment switches off? */
bool sev_mutant_active(const struct sev_mutant *m);
/** A test case begins; the name must stay. */
void sev_mutant_case(const char *name);

#define SEV_REFUSE_IF(bad)                                                                         \
    (__extension__({                                                                               \
        static const struct sev_mutant sev_mutant_here                                             \
            __attribute__((section("sev_mutants"), used, aligned(8))) = {__FILE__, __LINE__,       \
                                                                         #bad};                    \
        bool sev_mutant_bad = (bad);                                                               \
        sev_mutant_bad && !sev_mutant_active(&sev_mutant_here);                                    \
    }))

#define SEV_HEED(result)                                                                           \
    (__extension__({                                                                               \
        sev_err sev_mutant_result = (result);                                                      \
        SEV_REFUSE_IF(sev_mutant_result != SEV_OK) ? sev_mutant_result : SEV_OK;                   \
    }))

#endif
