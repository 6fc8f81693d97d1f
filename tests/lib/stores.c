/* stores - the providers of store.h, and what tests put into them. SPDX-License-Identifier: MIT */
#include "stores.h"

#include "postgres.h"
#include "test.h"

const struct store_provider store_providers[] = {
    {"sqlite", store_path},
    {"postgres", test_pg_place},
};
const uint32_t store_provider_count = sizeof store_providers / sizeof store_providers[0];

const char *store_path(void)
{
    static char path[300];
    static int count;
    snprintf(path, sizeof path, "%s/store-%d.db", sev_test_dir(), count++);
    return path;
}

bool store_next(uint32_t *provider, struct sev_store *s)
{
    if (*provider > 0)
        sev_store_close(s);
    if (*provider == store_provider_count)
        return false;
    CHECK_OK(sev_store_open(store_providers[(*provider)++].place(), s));
    return true;
}

struct sev_arena *store_arena(void)
{
    static uint8_t memory[8u << 20];
    static struct sev_arena arena;
    arena = sev_arena_of(memory, sizeof memory);
    return &arena;
}

sev_slice store_text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

struct sev_vehicle store_vehicle(const char *id)
{
    return (struct sev_vehicle){
        .id = store_text(id),
        .vin = SEV_LIT("WVWZZZ1KZAW000001"),
        .model = SEV_LIT("model-e"),
        .profile = SEV_PROFILE_AKTUALIZR,
    };
}

struct sev_ecu store_ecu(const char *serial, uint8_t key_seed)
{
    struct sev_ecu ecu = {
        .serial = store_text(serial),
        .hardware_id = SEV_LIT("brake-2"),
        .key = {.type = SEV_KEY_P256, .len = 65},
    };
    memset(ecu.key.material, key_seed, 65);
    return ecu;
}

struct sev_decision store_decision(const char *what)
{
    return (struct sev_decision){1700000000, SEV_LIT("anna"), store_text(what),
                                 SEV_LIT("{\"because\":\"test\"}")};
}

struct sev_status_news store_status(const char *vehicle, const char *serial, int64_t counter,
                                    struct sev_ecu_news *ecu)
{
    *ecu = (struct sev_ecu_news){
        .serial = store_text(serial),
        .expected_counter = counter - 1,
        .counter = counter,
        .installed = {SEV_LIT("brake/firmware-7.bin"), 4096, {0}, 7},
        .boot_count = 100 + counter,
        .attacks = 1u << SEV_ATTACK_ROLLBACK | 0x80000000u,
        .report = SEV_LIT("{\"signatures\":[],\"signed\":{}}"),
    };
    memset(ecu->sha256, (int)(counter & 0x7f), sizeof ecu->sha256);
    memset(ecu->installed.sha256, 0x77, sizeof ecu->installed.sha256);
    struct sev_status_news news = {
        .vehicle = store_text(vehicle),
        .expected_counter = counter - 1,
        .counter = counter,
        .has_base = true,
        .seen = 1700000000 + counter,
        .ecus = ecu,
        .ecu_count = 1,
    };
    memset(news.base, 0xba, sizeof news.base);
    return news;
}

struct sev_assignment store_assignment(const char *vehicle, int64_t version)
{
    return (struct sev_assignment){
        .vehicle = store_text(vehicle),
        .version = version,
        .bundle_id = SEV_LIT("bundle-1"),
        .correlation_id = SEV_LIT("campaign-9"),
        .targets = SEV_LIT("{\"brake/firmware-7.bin\":{\"length\":4096}}"),
        .groups = SEV_LIT("[[\"primary\"]]"),
    };
}

struct sev_issued store_issued(int64_t version)
{
    struct sev_issued issued;
    for (int role = 0; role < SEV_STORE_ROLES; role++)
        issued.files[role] = (struct sev_stored_file){
            .version = version,
            .expires = 1800000000 + role,
            .bundle_version = 3,
            .bytes = role == SEV_STORE_TARGETS    ? SEV_LIT("the targets")
                     : role == SEV_STORE_SNAPSHOT ? SEV_LIT("the snapshot")
                                                  : SEV_LIT("the timestamp"),
        };
    return issued;
}

void store_register(const struct sev_store *s, const char *id)
{
    struct sev_vehicle v = store_vehicle(id);
    struct sev_ecu ecus[] = {store_ecu("primary", 1), store_ecu("secondary", 2)};
    CHECK_OK(s->vehicle_add(s->self, &v, NULL));
    CHECK_OK(s->ecus_register(s->self, v.id, SEV_LIT("primary"), ecus, 2, NULL));
}

struct sev_vehicle store_get(const struct sev_store *s, const char *id)
{
    struct sev_vehicle v = {0};
    CHECK_OK(s->vehicle_get(s->self, store_text(id), store_arena(), &v));
    return v;
}

static bool count_one(void *context, const struct sev_decision *decision)
{
    (void)decision;
    ++*(uint32_t *)context;
    return true;
}

uint32_t store_count_decisions(const struct sev_store *s, const char *id)
{
    uint32_t count = 0;
    CHECK_OK(s->decisions(s->self, store_text(id), 1000, store_arena(), count_one, &count));
    return count;
}
