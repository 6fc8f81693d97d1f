/* stores - the providers of store.h, for tests that must hold for each of them.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_STORES_H
#define SEV_TEST_STORES_H

#include "secureev/store.h"

struct store_provider {
    const char *name;
    const char *(*place)(void); /**< where nothing is yet, for sev_store_open. Static storage */
};
extern const struct store_provider store_providers[];
extern const uint32_t store_provider_count;

/** Run the block with a new, empty store of each provider. */
#define EACH_STORE(s)                                                                              \
    struct sev_store s = {0};                                                                      \
    for (uint32_t provider = 0; store_next(&provider, &s);)
bool store_next(uint32_t *provider, struct sev_store *s);
/** The first provider's: a path in the test's folder. */
const char *store_path(void);

/* Things that are accepted; tests then break one of them. */
sev_slice store_text(const char *s);
struct sev_vehicle store_vehicle(const char *id);
/** The key is derived from `key_seed`. */
struct sev_ecu store_ecu(const char *serial, uint8_t key_seed);
struct sev_decision store_decision(const char *what);
/** Counter `counter`, after the one below it; one report of `serial` likewise, in `ecu`. */
struct sev_status_news store_status(const char *vehicle, const char *serial, int64_t counter,
                                    struct sev_ecu_news *ecu);
struct sev_assignment store_assignment(const char *vehicle, int64_t version);
/** All three roles of that version. */
struct sev_issued store_issued(int64_t version);

/** Add a vehicle with ECUs "primary" and "secondary", or fail the test. */
void store_register(const struct sev_store *s, const char *id);
struct sev_vehicle store_get(const struct sev_store *s, const char *id);
uint32_t store_count_decisions(const struct sev_store *s, const char *id);
/** Memory that is given anew with each call. */
struct sev_arena *store_arena(void);

#endif
