/* Identities, tokens and certificates in the store, of every provider: spent once, revoked for
 * good, all or nothing. SPDX-License-Identifier: MIT */
#include "secureev/store_identity.h"

#include "stores.h"
#include "test.h"

#define NOW ((sev_time)1800000000)
#define DID_A "did:secureev:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DID_B "did:secureev:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const uint8_t token_1[SEV_SHA256_BYTES] = {1}, token_2[SEV_SHA256_BYTES] = {2};

static struct sev_did_news first(const char *did)
{
    return (struct sev_did_news){store_text(did), 0, false, SEV_LIT("{\"first\":1}"), NULL};
}

static struct sev_enrolment enrolment(const char *vehicle, const char *did, const uint8_t *token,
                                      const char *der)
{
    struct sev_enrolment n = {.request_sha256 = {9},
                              .vehicle = store_text(vehicle),
                              .now = NOW,
                              .first = first(did),
                              .certificate = {store_text(der), NOW + 1000}};
    memcpy(n.token_sha256, token, sizeof n.token_sha256);
    return n;
}

static sev_err find(const struct sev_store *s, const char *der, struct sev_admission *out)
{
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_sha256(store_text(der), sha256);
    return s->identity->certificate_find(s->self, sha256, store_arena(), out);
}

static void add(const struct sev_store *s, const char *id)
{
    struct sev_vehicle v = store_vehicle(id);
    CHECK_OK(s->vehicle_add(s->self, &v, NULL));
}

static void token(const struct sev_store *s, const char *id, const uint8_t *sha256, bool again)
{
    struct sev_decision why = store_decision("token");
    CHECK_OK(s->identity->token_put(s->self, store_text(id), sha256, NOW + 60, again, &why));
}

TEST(store_identity__log_of_an_identity__is_appended_in_order_and_read_whole)
{
    EACH_STORE(s)
    {
        struct sev_did_news n = first(DID_A);
        sev_slice log = SEV_LIT("untouched");
        CHECK_ERR(s.identity->did_log(s.self, n.did, store_arena(), &log), SEV_E_NOT_FOUND);
        n.expected = 1;
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_NOT_FOUND);
        n.expected = 0;
        CHECK_OK(s.identity->did_append(s.self, &n));
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_EXISTS);
        n.expected = 2;
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_CONFLICT);
        n.expected = 1;
        n.entry = SEV_LIT("{\"second\":2}");
        CHECK_OK(s.identity->did_append(s.self, &n));
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_CONFLICT);
        n = first(DID_B);
        CHECK_OK(s.identity->did_append(s.self, &n));
        CHECK_OK(s.identity->did_log(s.self, store_text(DID_A), store_arena(), &log));
        CHECK_TEXT(log, "{\"first\":1}\n{\"second\":2}\n");
        struct sev_arena small = sev_arena_of(NULL, 0);
        CHECK_ERR(s.identity->did_log(s.self, store_text(DID_A), &small, &log), SEV_E_MEMORY);
        n.expected = SEV_DID_ENTRIES_MAX;
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_MALFORMED);
        n = first("short");
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_MALFORMED);
        n = first(DID_B);
        n.entry = SEV_EMPTY;
        CHECK_ERR(s.identity->did_append(s.self, &n), SEV_E_MALFORMED);
    }
}

TEST(store_identity__longest_log__is_read_whole)
{
    EACH_STORE(s)
    {
        static uint8_t entry[200];
        memset(entry, 'e', sizeof entry);
        struct sev_did_news n = {store_text(DID_A), 0, false, sev_slice_of(entry, sizeof entry),
                                 NULL};
        for (; n.expected < SEV_DID_ENTRIES_MAX; n.expected++)
            CHECK_OK(s.identity->did_append(s.self, &n));
        sev_slice log;
        CHECK_OK(s.identity->did_log(s.self, n.did, store_arena(), &log));
        CHECK_EQ(log.len, SEV_DID_ENTRIES_MAX * (sizeof entry + 1));
    }
}

/* REQ-A29 */
TEST(store_identity__enrolment__spends_the_token_and_names_the_vehicle)
{
    EACH_STORE(s)
    {
        struct sev_decision why = store_decision("enrol");
        struct sev_admission a;
        struct sev_enrolment_token t;
        add(&s, "car-1");
        CHECK_ERR(s.identity->token_get(s.self, token_1, store_arena(), &t), SEV_E_NOT_FOUND);
        token(&s, "car-1", token_1, false);
        CHECK_OK(s.identity->token_get(s.self, token_1, store_arena(), &t));
        CHECK_TEXT(t.vehicle, "car-1");
        CHECK(!t.spent && !t.again && !t.enrolled && t.expires == NOW + 60);
        struct sev_enrolment n = enrolment("car-1", DID_A, token_1, "der-1");
        CHECK_OK(s.identity->enrol(s.self, &n, &why));
        CHECK_OK(s.identity->token_get(s.self, token_1, store_arena(), &t));
        CHECK(t.spent && t.enrolled && t.spent_on[0] == 9);
        CHECK_TEXT(t.certificate, "der-1");
        CHECK_TEXT(t.vehicle, DID_A);
        CHECK_OK(find(&s, "der-1", &a));
        CHECK_TEXT(a.vehicle, DID_A);
        CHECK(!a.revoked && !a.deactivated && a.not_after == NOW + 1000);
        CHECK_EQ(store_count_decisions(&s, DID_A), 2);
        sev_slice log;
        CHECK_OK(s.identity->did_log(s.self, n.first.did, store_arena(), &log));
        n = enrolment(DID_A, DID_A, token_1, "der-2");
        CHECK_ERR(s.identity->enrol(s.self, &n, &why), SEV_E_CONFLICT);
        CHECK_ERR(find(&s, "der-2", &a), SEV_E_NOT_FOUND);
        CHECK_ERR(s.identity->token_put(s.self, store_text(DID_A), token_2, NOW, false, &why),
                  SEV_E_EXISTS);
    }
}

TEST(store_identity__enrolment_that_is_refused__leaves_nothing)
{
    EACH_STORE(s)
    {
        struct sev_admission a;
        sev_slice log;
        add(&s, "car-1");
        add(&s, "car-2");
        token(&s, "car-1", token_1, false);
        struct sev_enrolment n = enrolment("car-2", DID_A, token_1, "der-1");
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_CONFLICT); /* another's token */
        n = enrolment("car-1", DID_A, token_2, "der-1");
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_CONFLICT); /* nobody's */
        n = enrolment("car-1", DID_A, token_1, "der-1");
        n.now = NOW + 61;
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_CONFLICT); /* too late */
        n.now = NOW;
        n.certificate.der = SEV_EMPTY;
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_MALFORMED);
        n = enrolment("car-1", "x", token_1, "der-1");
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_MALFORMED);
        add(&s, DID_B); /* listed by the identity that it will have */
        n = enrolment("car-1", DID_B, token_1, "der-1");
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_EXISTS);
        struct sev_did_news known = first(DID_A);
        CHECK_OK(s.identity->did_append(s.self, &known));
        n = enrolment("car-1", DID_A, token_1, "der-1");
        CHECK_ERR(s.identity->enrol(s.self, &n, NULL), SEV_E_EXISTS);
        CHECK_ERR(find(&s, "der-1", &a), SEV_E_NOT_FOUND);
        CHECK_ERR(s.identity->did_log(s.self, store_text(DID_B), store_arena(), &log),
                  SEV_E_NOT_FOUND);
        CHECK_TEXT(store_get(&s, "car-1").id, "car-1");
        n.first.entry = SEV_EMPTY; /* it is known already */
        CHECK_OK(s.identity->enrol(s.self, &n, NULL));
    }
}

TEST(store_identity__second_enrolment__needs_a_token_for_it_and_revokes_the_first)
{
    EACH_STORE(s)
    {
        struct sev_admission a;
        add(&s, "car-1");
        token(&s, "car-1", token_1, false);
        struct sev_enrolment n = enrolment("car-1", DID_A, token_1, "der-1");
        CHECK_OK(s.identity->enrol(s.self, &n, NULL));
        struct sev_issued files = store_issued(1);
        const int64_t none[SEV_STORE_ROLES] = {0};
        CHECK_OK(s.files_put(s.self, store_text(DID_A), none, &files, 1, NULL));
        token(&s, DID_A, token_2, true);
        n = enrolment(DID_A, DID_B, token_2, "der-2");
        CHECK_OK(s.identity->enrol(s.self, &n, NULL));
        CHECK_OK(find(&s, "der-1", &a));
        CHECK(a.revoked);
        CHECK_TEXT(a.vehicle, DID_B);
        CHECK_OK(find(&s, "der-2", &a));
        CHECK(!a.revoked);
        CHECK_OK(s.files_get(s.self, store_text(DID_B), store_arena(), &files));
        CHECK(files.files[0].version == 1 && files.files[0].expires == 0); /* made anew, above it */
    }
}

TEST(store_identity__revoked_or_given_up__is_found_so)
{
    EACH_STORE(s)
    {
        struct sev_decision why = store_decision("revoke");
        struct sev_admission a;
        struct sev_enrolment_token t;
        int64_t count = 7;
        add(&s, "car-1");
        CHECK_ERR(s.identity->revoke(s.self, SEV_LIT("car-2"), NOW, &why, &count), SEV_E_NOT_FOUND);
        CHECK_EQ(count, 7);
        token(&s, "car-1", token_1, false);
        struct sev_enrolment n = enrolment("car-1", DID_A, token_1, "der-1");
        CHECK_OK(s.identity->enrol(s.self, &n, NULL));
        struct sev_given more = {SEV_LIT("der-2"), NOW + 5};
        CHECK_OK(s.identity->certificate_add(s.self, store_text(DID_A), &more, false, &why));
        CHECK_ERR(s.identity->certificate_add(s.self, SEV_LIT("car-1"), &more, false, &why),
                  SEV_E_NOT_FOUND);
        CHECK_OK(s.identity->revoke(s.self, store_text(DID_A), NOW, &why, &count));
        CHECK_EQ(count, 2);
        CHECK_OK(find(&s, "der-1", &a));
        CHECK(a.revoked);
        CHECK_OK(find(&s, "der-2", &a));
        CHECK(a.revoked && a.not_after == NOW + 5);
        CHECK_ERR(s.identity->token_get(s.self, token_1, store_arena(), &t), SEV_E_NOT_FOUND);
        CHECK_OK(s.identity->revoke(s.self, store_text(DID_A), NOW, &why, &count));
        CHECK_EQ(count, 0);
        more.der = SEV_LIT("der-3");
        CHECK_ERR(s.identity->certificate_add(s.self, store_text(DID_A), &more, false, NULL),
                  SEV_E_REVOKED);
        struct sev_did_news end = first(DID_A);
        end.expected = 1;
        end.deactivated = true;
        end.decision = &why;
        uint32_t rows = store_count_decisions(&s, DID_A);
        CHECK_OK(s.identity->did_append(s.self, &end));
        CHECK_EQ(store_count_decisions(&s, DID_A), rows + 1);
        struct sev_did_news other = first(DID_B); /* of no vehicle */
        other.decision = &why;
        CHECK_OK(s.identity->did_append(s.self, &other));
        CHECK_OK(find(&s, "der-2", &a));
        CHECK(a.deactivated && a.revoked);
    }
}

TEST(store_identity__first_certificate__is_given_once_and_old_ones_are_forgotten)
{
    EACH_STORE(s)
    {
        struct sev_admission a;
        add(&s, "device-1");
        struct sev_given g = {SEV_LIT("der-0"), NOW};
        CHECK_OK(s.identity->certificate_add(s.self, SEV_LIT("device-1"), &g, true, NULL));
        for (int i = 1; i <= SEV_STORE_CERTIFICATES_MAX; i++) {
            char der[16];
            snprintf(der, sizeof der, "der-%d", i);
            g.der = store_text(der);
            CHECK_ERR(s.identity->certificate_add(s.self, SEV_LIT("device-1"), &g, true, NULL),
                      SEV_E_EXISTS);
            CHECK_OK(s.identity->certificate_add(s.self, SEV_LIT("device-1"), &g, false, NULL));
        }
        CHECK_ERR(find(&s, "der-0", &a), SEV_E_NOT_FOUND);
        CHECK_OK(find(&s, "der-1", &a));
        g.not_after = -1;
        CHECK_ERR(s.identity->certificate_add(s.self, SEV_LIT("device-1"), &g, false, NULL),
                  SEV_E_MALFORMED);
        int64_t revoked;
        g = (struct sev_given){SEV_LIT("der-late"), NOW};
        CHECK_OK(s.identity->revoke(s.self, SEV_LIT("device-1"), NOW, NULL, &revoked));
        CHECK_ERR(s.identity->certificate_add(s.self, SEV_LIT("device-1"), &g, false, NULL),
                  SEV_E_REVOKED); /* who renews while somebody revokes gets nothing */
        CHECK_ERR(find(&s, "der-late", &a), SEV_E_NOT_FOUND);
    }
}
