/* err - names and classes of SEV_ERR_TABLE. SPDX-License-Identifier: MIT */
#include "secureev/err.h"

#include <string.h>

static const struct {
    const char *id;
    const char *sentence;
    sev_class err_class;
    sev_attack attack;
} table[SEV_ERR_COUNT] = {
#define X(name, id_, class_, attack_, sentence_)                                                   \
    [SEV_E_##name] = {id_, sentence_, SEV_CLASS_##class_, SEV_ATTACK_##attack_},
    SEV_ERR_TABLE(X)
#undef X
};

static size_t row(sev_err e)
{
    return (unsigned)e < SEV_ERR_COUNT ? (size_t)e : (size_t)SEV_E_BUG;
}

const char *sev_err_id(sev_err e)
{
    return table[row(e)].id;
}

sev_err sev_err_of_id(const void *id, size_t len)
{
    for (size_t i = 0; i < SEV_ERR_COUNT; i++) {
        size_t n = 0;
        while (n < len && table[i].id[n] != '\0')
            n++;
        if (n == len && table[i].id[n] == '\0' && memcmp(table[i].id, id, len) == 0)
            return (sev_err)i;
    }
    return SEV_E_BUG;
}

const char *sev_err_sentence(sev_err e)
{
    return table[row(e)].sentence;
}

sev_class sev_err_class(sev_err e)
{
    return table[row(e)].err_class;
}

sev_attack sev_err_attack(sev_err e)
{
    return table[row(e)].attack;
}

const char *sev_class_name(sev_class c)
{
    static const char *const names[] = {"OK", "INPUT", "REFUSE", "RETRY", "BUG"};
    return names[(unsigned)c <= SEV_CLASS_BUG ? c : SEV_CLASS_BUG];
}

const char *sev_attack_name(sev_attack a)
{
    static const char *const names[] = {
        NULL,           "arbitrary-software", "rollback", "freeze",       "mix-and-match",
        "endless-data", "slow-retrieval",     "replay",   "equivocation", "wrong-hardware",
    };
    return (unsigned)a < sizeof names / sizeof names[0] ? names[a] : NULL;
}
