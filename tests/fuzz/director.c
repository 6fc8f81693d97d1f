/* Fuzz: what a Director is sent beside status and manifest: who a vehicle's ECUs are, in either
 * dialect and in seed 001's words, what aktualizr's tell unasked, and wishes of operators. What
 * reaches the store is within its bounds; the first byte says which. SPDX-License-Identifier: MIT
 */
/* fuzz: -max_len=16384 */
#include <stdlib.h>
#include <string.h>

#include "secureev/director.h"
#include "secureev/store_told.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static struct sev_vehicle vehicle = {.id = {(const uint8_t *)"car", 3}};

static sev_err vehicle_get(void *self, sev_slice id, struct sev_arena *arena,
                           struct sev_vehicle *out)
{
    (void)self, (void)id, (void)arena;
    *out = vehicle;
    return SEV_OK;
}

static void check_id(sev_slice id)
{
    MUST(id.len > 0 && id.len <= SEV_ID_BYTES_MAX);
    for (size_t i = 0; i < id.len; i++)
        MUST(id.ptr[i] >= ' ' && id.ptr[i] <= '~');
}

static sev_err ecus_register(void *self, sev_slice id, sev_slice primary,
                             const struct sev_ecu *ecus, uint32_t count,
                             const struct sev_decision *decision)
{
    bool found = false;
    (void)self, (void)id;
    MUST(count > 0 && count <= SEV_STORE_ECUS_MAX && decision->reason.len > 0);
    for (uint32_t i = 0; i < count; i++) {
        sev_key_type type = ecus[i].key.type;
        check_id(ecus[i].serial);
        check_id(ecus[i].hardware_id);
        MUST(type == SEV_KEY_ED25519 ||
             type == (vehicle.profile == SEV_PROFILE_NATIVE ? SEV_KEY_P256 : SEV_KEY_RSA));
        MUST(type != SEV_KEY_RSA || ecus[i].key.len > 256); /* 2048 bits and their frame */
        found = found || sev_slice_eq(ecus[i].serial, primary);
        for (uint32_t j = 0; j < i; j++)
            MUST(!sev_slice_eq(ecus[i].serial, ecus[j].serial) &&
                 !sev_pubkey_eq(&ecus[i].key, &ecus[j].key));
    }
    MUST(found);
    return SEV_OK;
}

static const struct sev_ecu known[2] = {
    {.serial = {(const uint8_t *)"a", 1}, .hardware_id = {(const uint8_t *)"hw", 2}},
    {.serial = {(const uint8_t *)"b", 1}, .hardware_id = {(const uint8_t *)"hw", 2}}};

static sev_err ecus_get(void *self, sev_slice id, struct sev_arena *arena, struct sev_ecu *out,
                        uint32_t *out_count)
{
    (void)self, (void)id, (void)arena;
    memcpy(out, known, sizeof known);
    *out_count = 2;
    return SEV_OK;
}

static sev_err assignment_get(void *self, sev_slice id, struct sev_arena *arena,
                              struct sev_assignment *out)
{
    (void)self, (void)arena;
    *out = (struct sev_assignment){.vehicle = id, .version = 7};
    return SEV_OK;
}

static void check_canonical(sev_slice text)
{
    static uint32_t slots[16384];
    struct sev_json_info info = {.canonical = 0};
    MUST(sev_json_check(text, (struct sev_json_scratch){slots, 16384}, &info, NULL) == SEV_OK);
    MUST((info.canonical & SEV_CANON_OLPC) != 0 && (info.canonical & SEV_CANON_ASCII) != 0);
}

/* Each image is for ECUs of this vehicle, none of which gets two. */
static sev_err assign(void *self, const struct sev_assignment *a,
                      const struct sev_decision *decision)
{
    unsigned given[2] = {0, 0};
    sev_json_str name, serial;
    sev_json j = sev_json_at(a->targets);
    (void)self;
    MUST(a->version == 8 && decision->reason.len > 0);
    check_canonical(a->targets);
    if (a->groups.len != 0)
        check_canonical(a->groups);
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        MUST(sev_name_is_clean(name.raw));
        sev_json k = sev_json_at(sev_json_get(sev_json_get(value, "custom"), "ecuIdentifiers"));
        sev_json_object(&k);
        while (sev_json_member(&k, &serial)) {
            sev_json_skip(&k, NULL);
            bool first = sev_json_str_is(serial, "a");
            MUST(first || sev_json_str_is(serial, "b"));
            MUST(given[first]++ == 0);
        }
        MUST(k.err == SEV_OK);
    }
    MUST(j.err == SEV_OK);
    return SEV_OK;
}

static void wish(const struct sev_director *d, const struct sev_director_call *call, sev_slice body)
{
    static uint32_t slots[16384];
    struct sev_json_scratch scratch = {slots, 16384};
    int64_t version = 0;
    if (sev_json_check(body, scratch, NULL, NULL) != SEV_OK)
        return;
    struct sev_director_wish w = {.vehicle = vehicle.id,
                                  .actor = SEV_LIT("anna"),
                                  .bundle_id = SEV_LIT("bundle"),
                                  .correlation_id = SEV_LIT("urn:1"),
                                  .targets = sev_json_get(body, "targets"),
                                  .groups = sev_json_get(body, "groups")};
    if (sev_director_assign(d, call, &w, &version) == SEV_OK)
        MUST(version == 8);
}

static sev_err put(void *self, sev_slice id, const struct sev_told *told, uint32_t count)
{
    (void)self, (void)id;
    MUST(vehicle.profile == SEV_PROFILE_AKTUALIZR && count > 0 && count <= SEV_TOLD_KEPT);
    for (uint32_t i = 0; i < count; i++) {
        MUST(told[i].id.len > 0 && told[i].id.len <= SEV_TOLD_TEXT_BYTES_MAX);
        MUST(told[i].type.len > 0 && told[i].type.len <= SEV_TOLD_TEXT_BYTES_MAX);
        MUST(told[i].ecu.len <= SEV_ID_BYTES_MAX);
        MUST(told[i].correlation_id.len <= SEV_ID_BYTES_MAX);
        MUST(told[i].when >= 0 && told[i].when <= SEV_JSON_INT_MAX);
    }
    return SEV_OK;
}

static sev_err decisions(void *self, sev_slice id, uint32_t count_max, struct sev_arena *arena,
                         sev_decision_visit *visit, void *context)
{
    (void)self, (void)id, (void)count_max, (void)arena, (void)visit, (void)context;
    return SEV_OK;
}

static sev_err decision_add(void *self, sev_slice id, const struct sev_decision *decision)
{
    (void)self, (void)id, (void)decision;
    return SEV_OK;
}

static void emit(void *self, const struct sev_event *event)
{
    (void)self, (void)event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[4u << 20];
    static const struct sev_told_ops told = {.put = put};
    static const struct sev_store store = {.vehicle_get = vehicle_get,
                                           .ecus_register = ecus_register,
                                           .ecus_replace = ecus_register,
                                           .ecus_get = ecus_get,
                                           .assignment_get = assignment_get,
                                           .assign = assign,
                                           .decisions = decisions,
                                           .decision_add = decision_add,
                                           .told = &told};
    struct sev_director d = {.store = &store, .events = {NULL, emit}};
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_director_call call = {&arena, NULL, 1800000000};
    if (size == 0)
        return 0;
    sev_slice body = sev_slice_of(data + 1, size - 1);
    vehicle.profile = (data[0] & 1) != 0 ? SEV_PROFILE_NATIVE : SEV_PROFILE_AKTUALIZR;
    if ((data[0] & 12) == 4) {
        (void)sev_director_seed_register(&d, &call, vehicle.id, body);
    } else if ((data[0] & 12) == 8) {
        (void)sev_director_replace(&d, &call, vehicle.id, SEV_LIT("anna"), SEV_EMPTY, body);
    } else if ((data[0] & 12) == 12) {
        wish(&d, &call, body);
    } else if ((data[0] & 2) != 0) {
        sev_err e = sev_director_told(&d, &call, vehicle.id, body);
        MUST(e == (vehicle.profile == SEV_PROFILE_NATIVE ? SEV_E_NOT_FOUND : SEV_OK));
    } else {
        (void)sev_director_register(&d, &call, vehicle.id, body);
    }
    return 0;
}
