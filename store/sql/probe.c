/* probe - can the database be written to? Seen by writing. SPDX-License-Identifier: MIT */
#include "internal.h"

/* clang-format off */
#define TABLE(X) \
    X(PROBE, "INSERT INTO probe (key, times) VALUES (1, 1) " \
        "ON CONFLICT (key) DO UPDATE SET times = probe.times + 1")
/* clang-format on */
SEV_SQL_STATEMENTS(probe, TABLE);

static sev_err run_probe(struct sev_db *db, const void *arguments)
{
    struct sev_query q;
    (void)arguments;
    sev_query_begin(&q, db, PROBE);
    return sev_query_run(&q);
}

sev_err sev_store_probe(const struct sev_store *store)
{
    return sev_sql_write(store->self, run_probe, NULL);
}
