/* What store.h promises, of every provider in the table of tests/lib/stores.c, through struct
 * sev_store alone. SPDX-License-Identifier: MIT */
#include "test.h"

#include "secureev/limits.h"
#include "stores.h"

#define CALL(s, operation, ...) (s).operation((s).self, __VA_ARGS__)

static char long_text[SEV_ID_BYTES_MAX + 2];
static const char *too_long(void)
{
    memset(long_text, 'x', SEV_ID_BYTES_MAX + 1);
    return long_text;
}

/* ----------------------------------------------------------------- vehicles */

TEST(store__vehicle_added__is_read_back_and_explained)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("did:a"), got;
        struct sev_decision d = store_decision("register");
        v.status_counter = 7; /* not the caller's to say */
        v.primary = SEV_LIT("x");
        CHECK_OK(CALL(s, vehicle_add, &v, &d));
        got = store_get(&s, "did:a");
        CHECK_TEXT(got.id, "did:a");
        CHECK_SLICE(got.vin, v.vin);
        CHECK_SLICE(got.model, v.model);
        CHECK_EQ(got.profile, SEV_PROFILE_AKTUALIZR);
        CHECK_EQ(got.primary.len, 0);
        CHECK_EQ(got.status_counter, 0);
        CHECK_EQ(got.status_version, 0);
        CHECK_EQ(got.seen, 0);
        CHECK(!got.has_base);
        CHECK_EQ(store_count_decisions(&s, "did:a"), 1);
    }
}

TEST(store__vehicle_added_twice__exists_and_nothing_is_changed)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("did:a");
        struct sev_decision d = store_decision("register");
        CHECK_OK(CALL(s, vehicle_add, &v, &d));
        v.model = SEV_LIT("another");
        CHECK_ERR(CALL(s, vehicle_add, &v, &d), SEV_E_EXISTS);
        CHECK_TEXT(store_get(&s, "did:a").model, "model-e");
        CHECK_EQ(store_count_decisions(&s, "did:a"), 1);
    }
}

TEST(store__vehicle_out_of_bounds__malformed)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("");
        CHECK_ERR(CALL(s, vehicle_add, &v, NULL), SEV_E_MALFORMED);
        v = store_vehicle(too_long());
        CHECK_ERR(CALL(s, vehicle_add, &v, NULL), SEV_E_MALFORMED);
        v = store_vehicle("a");
        v.vin = store_text(too_long());
        CHECK_ERR(CALL(s, vehicle_add, &v, NULL), SEV_E_MALFORMED);
        v = store_vehicle("a");
        v.model = store_text(too_long());
        CHECK_ERR(CALL(s, vehicle_add, &v, NULL), SEV_E_MALFORMED);
        v = store_vehicle("a");
        v.profile = (sev_profile)3;
        CHECK_ERR(CALL(s, vehicle_add, &v, NULL), SEV_E_MALFORMED);
        v = store_vehicle(too_long() + 1); /* as long as it may be */
        CHECK_OK(CALL(s, vehicle_add, &v, NULL));
    }
}

static bool keep_decision(void *context, const struct sev_decision *decision)
{
    *(struct sev_decision *)context = *decision;
    return true;
}

TEST(store__decision_out_of_bounds__malformed)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("a");
        struct sev_decision d = store_decision("");
        CHECK_ERR(CALL(s, vehicle_add, &v, &d), SEV_E_MALFORMED);
        d = store_decision("x");
        d.actor = store_text(too_long());
        CHECK_ERR(CALL(s, vehicle_add, &v, &d), SEV_E_MALFORMED);
        d = store_decision("x");
        d.time = -1;
        CHECK_ERR(CALL(s, vehicle_add, &v, &d), SEV_E_MALFORMED);
        d = store_decision("x");
        d.reason.len = SEV_MESSAGE_BYTES_MAX + 1; /* never looked at */
        CHECK_ERR(CALL(s, vehicle_add, &v, &d), SEV_E_MALFORMED);
        struct sev_vehicle got;
        CHECK_ERR(CALL(s, vehicle_get, v.id, store_arena(), &got), SEV_E_NOT_FOUND);
    }
}

TEST(store__decision_by_itself__is_the_newest_and_changes_nothing_else)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("a"), before, after;
        struct sev_decision d = store_decision("refused");
        CHECK_ERR(CALL(s, decision_add, v.id, &d), SEV_E_NOT_FOUND);
        CHECK_OK(CALL(s, vehicle_add, &v, NULL));
        CHECK_ERR(CALL(s, decision_add, v.id, NULL), SEV_E_MALFORMED);
        CHECK_ERR(CALL(s, decision_add, SEV_EMPTY, &d), SEV_E_MALFORMED);
        struct sev_arena *arena = store_arena();
        CHECK_OK(CALL(s, vehicle_get, v.id, arena, &before));
        CHECK_OK(CALL(s, decision_add, v.id, &d));
        CHECK_OK(CALL(s, vehicle_get, v.id, arena, &after));
        CHECK_EQ(after.status_counter, before.status_counter);
        CHECK_EQ(after.seen, before.seen);
        struct sev_decision newest = {.time = 0};
        CHECK_OK(CALL(s, decisions, v.id, 1, arena, keep_decision, &newest));
        CHECK_SLICE(newest.what, SEV_LIT("refused"));
    }
}

TEST(store__id_of_any_bytes__is_itself_and_no_other)
{
    EACH_STORE(s)
    {
        static const uint8_t ids[][3] = {{'a', 0, 'b'}, {'a', 0, 0}, {0xff, 0xc0, 0x80}};
        for (size_t i = 0; i < 3; i++) {
            struct sev_vehicle v = store_vehicle("a"), got;
            v.id = sev_slice_of(ids[i], 3);
            CHECK_ERR(CALL(s, vehicle_get, v.id, store_arena(), &got), SEV_E_NOT_FOUND);
            CHECK_OK(CALL(s, vehicle_add, &v, NULL));
            CHECK_OK(CALL(s, vehicle_get, v.id, store_arena(), &got));
            CHECK_SLICE(got.id, v.id);
        }
        struct sev_vehicle got;
        sev_slice sql = SEV_LIT("a' OR '1'='1");
        CHECK_ERR(CALL(s, vehicle_get, sql, store_arena(), &got), SEV_E_NOT_FOUND);
    }
}

struct seen {
    char ids[16];
    uint32_t count, stop_at;
    const struct sev_store *again;
};

static bool see(void *context, const struct sev_vehicle *v)
{
    struct seen *seen = context;
    seen->ids[seen->count++] = (char)v->id.ptr[0];
    if (seen->again != NULL) { /* a visitor may use the store */
        struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
        uint32_t count = 9;
        uint8_t memory[4096];
        struct sev_arena arena = sev_arena_of(memory, sizeof memory);
        CHECK_OK(seen->again->ecus_get(seen->again->self, v->id, &arena, ecus, &count));
        CHECK_EQ(count, 0);
    }
    return seen->count != seen->stop_at;
}

TEST(store__vehicle_list__is_in_order_and_pages)
{
    EACH_STORE(s)
    {
        static const char *const ids[] = {"c", "a", "e", "b", "d"};
        for (int i = 0; i < 5; i++) {
            struct sev_vehicle v = store_vehicle(ids[i]);
            CHECK_OK(CALL(s, vehicle_add, &v, NULL));
        }
        struct seen all = {.again = &s}, page = {0}, stopped = {.stop_at = 2}, none = {0};
        CHECK_OK(CALL(s, vehicle_list, SEV_EMPTY, 100, store_arena(), see, &all));
        CHECK(strcmp(all.ids, "abcde") == 0);
        CHECK_OK(CALL(s, vehicle_list, SEV_LIT("b"), 2, store_arena(), see, &page));
        CHECK(strcmp(page.ids, "cd") == 0);
        CHECK_OK(CALL(s, vehicle_list, SEV_EMPTY, 100, store_arena(), see, &stopped));
        CHECK(strcmp(stopped.ids, "ab") == 0);
        CHECK_OK(CALL(s, vehicle_list, SEV_LIT("e"), 100, store_arena(), see, &none));
        CHECK_OK(CALL(s, vehicle_list, SEV_EMPTY, 0, store_arena(), see, &none));
        CHECK_EQ(none.count, 0);
    }
}

/* --------------------------------------------------------------------- ECUs */

TEST(store__ecus_registered__are_read_back_in_order_of_serials)
{
    EACH_STORE(s)
    {
        struct sev_vehicle v = store_vehicle("v");
        struct sev_ecu in[] = {store_ecu("z", 1), store_ecu("a", 2)}, out[SEV_STORE_ECUS_MAX];
        struct sev_decision d = store_decision("register");
        uint32_t count = 99;
        CHECK_OK(CALL(s, vehicle_add, &v, NULL));
        CHECK_OK(CALL(s, ecus_get, v.id, store_arena(), out, &count));
        CHECK_EQ(count, 0);
        CHECK_OK(CALL(s, ecus_register, v.id, SEV_LIT("z"), in, 2, &d));
        CHECK_OK(CALL(s, ecus_get, v.id, store_arena(), out, &count));
        CHECK_EQ(count, 2);
        CHECK_TEXT(out[0].serial, "a");
        CHECK_TEXT(out[1].serial, "z");
        CHECK_TEXT(out[0].vehicle, "v");
        CHECK_TEXT(out[0].hardware_id, "brake-2");
        CHECK(sev_slice_eq(sev_slice_of(out[0].key.material, out[0].key.len),
                           sev_slice_of(in[1].key.material, 65)));
        CHECK_EQ(out[0].key.type, SEV_KEY_P256);
        CHECK_EQ(out[0].report_counter, 0);
        CHECK_EQ(out[0].installed.name.len, 0);
        CHECK_EQ(out[0].report.len, 0);
        CHECK_TEXT(store_get(&s, "v").primary, "z");
        CHECK_EQ(store_count_decisions(&s, "v"), 1);
    }
}

TEST(store__same_set_registered_again__fine_and_nothing_written)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_ecu same[] = {store_ecu("secondary", 2), store_ecu("primary", 1)};
        struct sev_decision d = store_decision("register");
        CHECK_OK(CALL(s, ecus_register, SEV_LIT("v"), SEV_LIT("primary"), same, 2, &d));
        CHECK_EQ(store_count_decisions(&s, "v"), 0);
    }
}

TEST(store__other_set_registered__exists_and_nothing_is_changed)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_decision d = store_decision("register");
        struct sev_ecu ecus[] = {store_ecu("primary", 1), store_ecu("secondary", 2),
                                 store_ecu("third", 3)};
        sev_slice v = SEV_LIT("v"), primary = SEV_LIT("primary");
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 3, &d), SEV_E_EXISTS);
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 1, &d), SEV_E_EXISTS);
        CHECK_ERR(CALL(s, ecus_register, v, SEV_LIT("secondary"), ecus, 2, &d), SEV_E_EXISTS);
        ecus[1].hardware_id = SEV_LIT("brake-3");
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 2, &d), SEV_E_EXISTS);
        ecus[1] = store_ecu("secondary", 9);
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 2, &d), SEV_E_EXISTS);
        ecus[1] = store_ecu("secondary", 2);
        ecus[1].key.type = SEV_KEY_SECP256K1;
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 2, &d), SEV_E_EXISTS);
        ecus[1] = store_ecu("secundary", 2);
        CHECK_ERR(CALL(s, ecus_register, v, primary, ecus, 2, &d), SEV_E_EXISTS);
        ecus[1] = store_ecu("secondary", 2);
        CHECK_OK(CALL(s, ecus_register, v, primary, ecus, 2, &d));
        CHECK_EQ(store_count_decisions(&s, "v"), 0);
    }
}

TEST(store__ecus_that_make_no_sense__are_refused)
{
    EACH_STORE(s)
    {
        static struct sev_ecu ecus[SEV_STORE_ECUS_MAX + 1];
        struct sev_vehicle v = store_vehicle("v");
        sev_slice a = SEV_LIT("a");
        CHECK_OK(CALL(s, vehicle_add, &v, NULL));
        ecus[0] = store_ecu("a", 1);
        CHECK_ERR(CALL(s, ecus_register, SEV_LIT("w"), a, ecus, 1, NULL), SEV_E_NOT_FOUND);
        CHECK_ERR(CALL(s, ecus_replace, SEV_LIT("w"), a, ecus, 1, NULL), SEV_E_NOT_FOUND);
        CHECK_ERR(CALL(s, ecus_register, SEV_EMPTY, a, ecus, 1, NULL), SEV_E_MALFORMED);
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 0, NULL), SEV_E_MALFORMED);
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, SEV_STORE_ECUS_MAX + 1, NULL),
                  SEV_E_MALFORMED);
        CHECK_ERR(CALL(s, ecus_register, v.id, SEV_LIT("b"), ecus, 1, NULL), SEV_E_FOREIGN_ECU);
        ecus[1] = store_ecu("a", 2);
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_DUPLICATE_ECU);
        ecus[1] = store_ecu("", 2);
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_MALFORMED);
        ecus[1] = store_ecu(too_long(), 2);
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_MALFORMED);
        ecus[1] = store_ecu("b", 2);
        ecus[1].hardware_id = store_text(too_long());
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_MALFORMED);
        ecus[1] = store_ecu("b", 2);
        ecus[1].key.len = sizeof ecus[1].key.material + 1;
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_MALFORMED);
        ecus[1] = store_ecu("b", 2);
        ecus[1].key.type = (sev_key_type)6;
        CHECK_ERR(CALL(s, ecus_register, v.id, a, ecus, 2, NULL), SEV_E_MALFORMED);
        struct sev_ecu out[SEV_STORE_ECUS_MAX];
        uint32_t count = 99;
        CHECK_OK(CALL(s, ecus_get, v.id, store_arena(), out, &count));
        CHECK_EQ(count, 0);
    }
}

TEST(store__as_many_ecus_as_there_may_be__all_are_kept)
{
    EACH_STORE(s)
    {
        static struct sev_ecu ecus[SEV_STORE_ECUS_MAX], out[SEV_STORE_ECUS_MAX];
        static char names[SEV_STORE_ECUS_MAX][8];
        struct sev_vehicle v = store_vehicle("v");
        uint32_t count = 0;
        CHECK_OK(CALL(s, vehicle_add, &v, NULL));
        for (uint32_t i = 0; i < SEV_STORE_ECUS_MAX; i++) {
            snprintf(names[i], sizeof names[i], "e%03u", SEV_STORE_ECUS_MAX - 1 - i);
            ecus[i] = store_ecu(names[i], (uint8_t)i);
            ecus[i].key.type = SEV_KEY_RSA;
            ecus[i].key.len = sizeof ecus[i].key.material;
        }
        CHECK_OK(CALL(s, ecus_register, v.id, SEV_LIT("e007"), ecus, SEV_STORE_ECUS_MAX, NULL));
        CHECK_OK(CALL(s, ecus_register, v.id, SEV_LIT("e007"), ecus, SEV_STORE_ECUS_MAX, NULL));
        CHECK_OK(CALL(s, ecus_get, v.id, store_arena(), out, &count));
        CHECK_EQ(count, SEV_STORE_ECUS_MAX);
        for (uint32_t i = 0; i < count; i++)
            CHECK(sev_pubkey_eq(&out[i].key, &ecus[SEV_STORE_ECUS_MAX - 1 - i].key));
    }
}

static struct sev_ecu ecu_of(const struct sev_store *s, const char *vehicle, const char *serial)
{
    static struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    uint32_t count = 0;
    CHECK_OK(s->ecus_get(s->self, store_text(vehicle), store_arena(), ecus, &count));
    for (uint32_t i = 0; i < count; i++)
        if (sev_slice_eq(ecus[i].serial, store_text(serial)))
            return ecus[i];
    fail_msg("no ECU %s", serial);
    return ecus[0];
}

TEST(store__ecus_replaced__counters_stay_with_their_keys)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_ecu_news reports[2];
        struct sev_status_news news = store_status("v", "primary", 1, &reports[0]);
        (void)store_status("v", "secondary", 1, &reports[1]);
        news.ecus = reports;
        news.ecu_count = 2;
        CHECK_OK(CALL(s, status_accept, &news));
        struct sev_ecu set[] = {store_ecu("primary", 1), store_ecu("secondary", 8),
                                store_ecu("third", 3)};
        struct sev_decision d = store_decision("replace");
        set[0].hardware_id = SEV_LIT("brake-9");
        CHECK_OK(CALL(s, ecus_replace, SEV_LIT("v"), SEV_LIT("primary"), set, 3, &d));
        struct sev_ecu primary = ecu_of(&s, "v", "primary");
        CHECK_TEXT(primary.hardware_id, "brake-9");
        CHECK_EQ(primary.report_counter, 1);
        CHECK_SLICE(primary.report, reports[0].report);
        struct sev_ecu secondary = ecu_of(&s, "v", "secondary"); /* another key */
        CHECK_EQ(secondary.report_counter, 0);
        CHECK_EQ(secondary.report.len, 0);
        CHECK(sev_pubkey_eq(&secondary.key, &set[1].key));
        CHECK_EQ(ecu_of(&s, "v", "third").report_counter, 0);
        CHECK_EQ(store_get(&s, "v").status_counter, 1);
        CHECK_EQ(store_count_decisions(&s, "v"), 1);
        CHECK_OK(CALL(s, ecus_replace, SEV_LIT("v"), SEV_LIT("primary"), set, 1, &d));
        struct sev_ecu out[SEV_STORE_ECUS_MAX];
        uint32_t count = 0;
        CHECK_OK(CALL(s, ecus_get, SEV_LIT("v"), store_arena(), out, &count));
        CHECK_EQ(count, 1);
    }
}

TEST(store__primary_replaced__its_statuses_are_counted_anew)
{
    EACH_STORE(s)
    {
        struct sev_ecu_news report;
        struct sev_status_news news = store_status("v", "secondary", 1, &report);
        struct sev_ecu set[] = {store_ecu("primary", 7), store_ecu("secondary", 2)};
        sev_slice v = SEV_LIT("v");
        store_register(&s, "v");
        CHECK_OK(CALL(s, status_accept, &news));
        CHECK_OK(CALL(s, ecus_replace, v, SEV_LIT("primary"), set, 2, NULL)); /* its key */
        CHECK_EQ(store_get(&s, "v").status_counter, 0);
        news.ecu_count = 0;
        CHECK_OK(CALL(s, status_accept, &news));
        CHECK_OK(CALL(s, ecus_replace, v, SEV_LIT("secondary"), set, 2, NULL)); /* its place */
        CHECK_EQ(store_get(&s, "v").status_counter, 0);
        CHECK_TEXT(store_get(&s, "v").primary, "secondary");
        CHECK_EQ(ecu_of(&s, "v", "secondary").report_counter, 1);
    }
}

/* ------------------------------------------------------------------- status */

TEST(store__status_accepted__all_of_it_is_read_back)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_ecu_news report;
        struct sev_status_news news = store_status("v", "secondary", 1, &report);
        struct sev_decision d = store_decision("status");
        news.decision = &d;
        CHECK_OK(CALL(s, status_accept, &news));
        struct sev_vehicle v = store_get(&s, "v");
        CHECK_EQ(v.status_counter, 1);
        CHECK_EQ(v.seen, news.seen);
        CHECK(v.has_base && memcmp(v.base, news.base, sizeof v.base) == 0);
        CHECK_EQ(v.status_version, 0);
        struct sev_ecu ecu = ecu_of(&s, "v", "secondary");
        CHECK_EQ(ecu.report_counter, 1);
        CHECK(memcmp(ecu.report_sha256, report.sha256, sizeof report.sha256) == 0);
        CHECK_SLICE(ecu.installed.name, report.installed.name);
        CHECK_EQ(ecu.installed.length, 4096);
        CHECK(memcmp(ecu.installed.sha256, report.installed.sha256, SEV_SHA256_BYTES) == 0);
        CHECK_EQ(ecu.installed.release_counter, 7);
        CHECK_EQ(ecu.boot_count, 101);
        CHECK_EQ(ecu.attacks, report.attacks);
        CHECK_SLICE(ecu.report, report.report);
        CHECK_EQ(ecu_of(&s, "v", "primary").report_counter, 0);
        CHECK_EQ(store_count_decisions(&s, "v"), 1);
        news = store_status("v", "secondary", 2, &report);
        news.has_base = false;
        CHECK_OK(CALL(s, status_accept, &news));
        CHECK(!store_get(&s, "v").has_base);
    }
}

/* REQ-DIR-11: accepted once, also when the same bytes come twice at the same moment. */
TEST(store__status_that_is_not_expected__conflict_and_nothing_of_it_is_kept)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_ecu_news reports[2];
        struct sev_status_news news = store_status("v", "primary", 1, &reports[0]);
        struct sev_decision d = store_decision("status");
        CHECK_OK(CALL(s, status_accept, &news));
        CHECK_ERR(CALL(s, status_accept, &news), SEV_E_CONFLICT);
        /* The status fits and the first report does; the second was accepted before. */
        news = store_status("v", "secondary", 1, &reports[0]);
        (void)store_status("v", "primary", 1, &reports[1]);
        news.ecus = reports;
        news.ecu_count = 2;
        news.expected_counter = 1;
        news.counter = 2;
        news.decision = &d;
        CHECK_ERR(CALL(s, status_accept, &news), SEV_E_CONFLICT);
        CHECK_EQ(store_get(&s, "v").status_counter, 1);
        CHECK_EQ(ecu_of(&s, "v", "secondary").report_counter, 0);
        CHECK_EQ(store_count_decisions(&s, "v"), 0);
        (void)store_status("v", "nobody", 1, &reports[1]);
        CHECK_ERR(CALL(s, status_accept, &news), SEV_E_NOT_FOUND);
        CHECK_EQ(store_get(&s, "v").status_counter, 1);
        (void)store_status("v", "secondary", 1, &reports[1]);
        CHECK_ERR(CALL(s, status_accept, &news), SEV_E_DUPLICATE_ECU);
        news.ecu_count = 1;
        news.vehicle = SEV_LIT("w");
        CHECK_ERR(CALL(s, status_accept, &news), SEV_E_NOT_FOUND);
    }
}

TEST(store__status_out_of_bounds__malformed)
{
    EACH_STORE(s)
    {
        store_register(&s, "v");
        struct sev_ecu_news r;
        struct sev_status_news n;
#define REFUSED(change)                                                                            \
    n = store_status("v", "primary", 1, &r);                                                       \
    change;                                                                                        \
    CHECK_ERR(CALL(s, status_accept, &n), SEV_E_MALFORMED)
        REFUSED(n.vehicle = SEV_EMPTY);
        REFUSED(n.expected_counter = -1);
        REFUSED(n.counter = SEV_JSON_INT_MAX + 1);
        REFUSED(n.expected_counter = 2);
        REFUSED(n.seen = -1);
        REFUSED(n.ecu_count = SEV_STORE_ECUS_MAX + 1);
        REFUSED(r.serial = SEV_EMPTY);
        REFUSED(r.expected_counter = -1);
        REFUSED(r.counter = SEV_JSON_INT_MAX + 1);
        REFUSED(r.expected_counter = 2);
        REFUSED(r.installed.name.len = SEV_NAME_BYTES_MAX + 1);
        REFUSED(r.installed.length = -1);
        REFUSED(r.installed.release_counter = -1);
        REFUSED(r.boot_count = -1);
        REFUSED(r.report.len = SEV_MANIFEST_BYTES_MAX + 1);
#undef REFUSED
        n = store_status("v", "primary", SEV_JSON_INT_MAX, &r);
        n.expected_counter = r.expected_counter = 0;
        n.seen = r.boot_count = 1;
        CHECK_OK(CALL(s, status_accept, &n));
        CHECK_EQ(store_get(&s, "v").status_counter, SEV_JSON_INT_MAX);
    }
}

TEST(store__probe__says_whether_writing_is_possible)
{
    EACH_STORE(s)
    {
        CHECK_OK(sev_store_probe(&s));
        CHECK_OK(sev_store_probe(&s));
    }
}
