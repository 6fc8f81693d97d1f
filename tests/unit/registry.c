/* registry - a vehicle comes to its identity and certificates, and everybody who should not does
 * not: each refusal by name, with nothing kept. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "identity.h"
#include "test.h"

#include "secureev/registry.h"
#include "stores.h"

#define NOW (IDENTITY_TIME + 1000)
#define LIFE 86400
#define IDENTITY p256(1)
#define FIRST p256(2)
#define SECOND p256(3)
#define TLS p256(4)
#define OTHER p256(5)

static struct {
    struct sev_store store;
    struct sev_signer_key ca;
    struct sev_signer signer;
    struct sev_certify certify;
    struct sev_registry r;
    struct sev_registry_call call;
    struct sev_arena arena;
    sev_event_id last;
    bool signer_down;
    struct sev_did_entry first;
    uint8_t first_room[SEV_DID_ENTRY_BYTES_MAX];
    sev_slice first_bytes;
    char did[SEV_DID_CHARS];
    char token[2 * SEV_ENROLMENT_TOKEN_BYTES];
    uint8_t answer_room[SEV_REGISTRY_ANSWER_BYTES_MAX];
    sev_buf answer;
} f;
static uint8_t memory[SEV_REGISTRY_ARENA_BYTES], ca_pem[4096];

static void note_event(void *self, const struct sev_event *event)
{
    (void)self;
    f.last = event->id;
}

static sev_err certify_here(void *self, const char *key, const struct sev_certificate_plan *plan,
                            sev_buf *der)
{
    static uint8_t answer[SEV_SIGNER_ANSWER_BYTES_MAX];
    uint8_t request[SEV_SIGNER_CERTIFICATE_REQUEST_BYTES];
    sev_buf q = sev_buf_of(request, sizeof request), a = sev_buf_of(answer, sizeof answer);
    if (f.signer_down)
        return SEV_E_UNREACHABLE;
    sev_err e = sev_signer_request_certificate(key, plan, &q);
    if (e != SEV_OK)
        return e;
    sev_signer_answer(self, 1, sev_buf_slice(&q), plan->not_before, 0, &a);
    return sev_signer_read_certificate(sev_buf_slice(&a), der);
}

static void begin_ca(void)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    struct signer *key = p256(9);
    sev_buf b = sev_buf_of(der, sizeof der), pem = sev_buf_of(ca_pem, sizeof ca_pem);
    struct sev_certificate_plan plan = {SEV_CERTIFICATE_CA, SEV_LIT("Fleet"), key->public,
                                        NOW - 100, NOW + 1000 * LIFE};
    CHECK_OK(sev_certificate_make(key->key, NULL, &plan, &b));
    sev_pem_encode(sev_buf_slice(&b), "CERTIFICATE", &pem);
    f.ca = (struct sev_signer_key){.name = "ca",
                                   .key = key->key,
                                   .certificates = true,
                                   .any_name = true,
                                   .life_max = LIFE,
                                   .per_minute = 1000,
                                   .users = {1},
                                   .user_count = 1};
    CHECK_OK(sev_issuer_read(sev_buf_slice(&pem), &f.ca.issuer));
    f.signer = (struct sev_signer){.keys = &f.ca, .count = 1, .events = {NULL, note_event}};
    CHECK_OK(sev_signer_init(&f.signer, 0));
    f.certify = (struct sev_certify){&f.signer, certify_here};
    f.r.ca = f.r.server_ca = sev_buf_slice(&pem);
}

static const struct sev_registry_call *call(void)
{
    f.arena = sev_arena_of(memory, sizeof memory);
    return &f.call;
}

static void list(const char *id, sev_profile profile)
{
    struct sev_vehicle v = store_vehicle(id);
    v.profile = profile;
    CHECK_OK(f.store.vehicle_add(f.store.self, &v, NULL));
}

static void give_token(const char *vehicle, bool again)
{
    CHECK_OK(
        sev_registry_token(&f.store, store_text(vehicle), NOW, 600, again, SEV_LIT("op"), f.token));
}

/* car-1 is listed and has a token; the identity is made and nobody has met it. */
static void begin(void)
{
    if (f.store.self != NULL)
        sev_store_close(&f.store);
    memset(&f, 0, sizeof f);
    CHECK_OK(sev_store_open(store_path(), &f.store));
    f.r = (struct sev_registry){.store = &f.store,
                                .events = {NULL, note_event},
                                .key = "ca",
                                .certificate_life_s = LIFE,
                                .built = 1000};
    begin_ca();
    f.call = (struct sev_registry_call){&f.arena, NULL, &f.certify, NOW};
    f.first = first_entry(IDENTITY, FIRST, SECOND);
    f.first_bytes = signed_entry(&f.first, FIRST, f.first_room, sizeof f.first_room);
    memcpy(f.did, f.first.document.id, sizeof f.did);
    list("car-1", SEV_PROFILE_NATIVE);
    give_token("car-1", false);
}

static sev_slice did(void)
{
    return sev_slice_of(f.did, sizeof f.did);
}

/* What a request says; NULL and empty leave things out. */
struct wish {
    sev_slice did, csr_name, entry;
    const char *token;
    struct signer *by, *tls;
};

static struct wish good_wish(void)
{
    return (struct wish){did(), did(), f.first_bytes, f.token, IDENTITY, TLS};
}

static sev_slice request_of(const struct wish *w)
{
    static uint8_t room[3 * SEV_DID_ENTRY_BYTES_MAX];
    uint8_t der[SEV_CSR_BYTES_MAX], text[SEV_CSR_TEXT_BYTES_MAX], body[2 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf d = sev_buf_of(der, sizeof der), t = sev_buf_of(text, sizeof text),
            b = sev_buf_of(body, sizeof body);
    struct sev_certificate_request m = {.did = w->did, .entry = w->entry};
    CHECK_OK(sev_csr_write(w->tls->key, w->csr_name, &d));
    sev_base64_encode(sev_buf_slice(&d), &t);
    m.csr = sev_buf_slice(&t);
    m.has_token = w->token != NULL;
    if (m.has_token) {
        sev_buf out = sev_buf_of(m.token, sizeof m.token);
        CHECK_OK(sev_hex_decode(sev_slice_of(w->token, 2 * sizeof m.token), &out));
    }
    CHECK_OK(sev_certificate_request_encode(&m, &b));
    struct signer *by = w->by;
    return signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &by, 1, room, sizeof room);
}

static sev_buf *answer(void)
{
    f.answer = sev_buf_of(f.answer_room, sizeof f.answer_room);
    return &f.answer;
}

static sev_err enrol(const struct wish *w)
{
    return sev_registry_enrol(&f.r, call(), request_of(w), answer());
}

/* The certificate of the last answer, DER in `room`. */
static sev_slice certificate(uint8_t *room, size_t bytes)
{
    uint8_t pem[4096];
    sev_buf text = sev_buf_of(pem, sizeof pem), der = sev_buf_of(room, bytes);
    sev_json j = sev_json_at(sev_json_get(sev_buf_slice(&f.answer), "certificate"));
    sev_json_str s;
    sev_json_string(&j, &s);
    CHECK_OK(j.err);
    CHECK_OK(sev_json_str_copy(s, &text));
    CHECK_OK(sev_pem_decode(sev_buf_slice(&text), "CERTIFICATE", &der));
    return sev_buf_slice(&der);
}

static sev_err admit(sev_slice identity, sev_slice der, sev_time now, bool to_renew)
{
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_sha256(der, sha256);
    return sev_registry_admit(&f.store, call()->arena, identity, sha256, now, f.r.built, to_renew);
}

static void check_refused(sev_err e, sev_err expected)
{
    CHECK_ERR(e, expected);
    CHECK_EQ(f.answer.len, 0);
    CHECK_EQ(f.last, SEV_EVENT_ENROL_REFUSED);
}

/* ----------------------------------------------------------------- enrolment */

TEST(registry__enrolment__gives_a_certificate_that_names_the_identity)
{
    begin();
    struct wish w = good_wish();
    uint8_t der_room[2048];
    struct sev_certificate c;
    CHECK_OK(enrol(&w));
    CHECK_EQ(f.last, SEV_EVENT_ENROLLED);
    sev_slice der = certificate(der_room, sizeof der_room);
    CHECK_OK(sev_certificate_read(der, &c));
    CHECK_SLICE(sev_slice_of(c.name, strlen(c.name)), did());
    CHECK(sev_pubkey_eq(&c.key, TLS->public));
    CHECK_EQ(c.not_after, NOW + LIFE);
    CHECK_OK(admit(did(), der, NOW, false));
    struct sev_vehicle v;
    CHECK_OK(f.store.vehicle_get(f.store.self, did(), call()->arena, &v));
    CHECK_ERR(f.store.vehicle_get(f.store.self, SEV_LIT("car-1"), call()->arena, &v),
              SEV_E_NOT_FOUND);
    sev_slice log;
    CHECK_OK(sev_registry_log(&f.r, call(), did(), &log));
    CHECK_EQ(log.len, f.first_bytes.len + 1);
}

/* The answer was lost. Whoever heard the request cannot use what it gives. */
TEST(registry__same_request_again_for_the_same_key__gets_the_same_certificate)
{
    begin();
    struct wish w = good_wish();
    uint8_t first[2048], second[2048];
    CHECK_OK(enrol(&w));
    sev_slice a = certificate(first, sizeof first);
    CHECK_OK(enrol(&w));
    CHECK_SLICE(certificate(second, sizeof second), a);
    f.call.now += 601;
    check_refused(enrol(&w), SEV_E_ENROLMENT_TOKEN);
}

/* REQ-A29 REQ-H05 */
TEST(registry__token_that_is_not_for_this__refused)
{
    for (int what = 0; what < 8; what++) {
        begin();
        struct wish w = good_wish();
        char other[2 * SEV_ENROLMENT_TOKEN_BYTES];
        sev_err expected = SEV_E_ENROLMENT_TOKEN;
        switch (what) {
        case 0:
            w.token = NULL;
            break;
        case 1: /* nobody's */
            memcpy(other, f.token, sizeof other);
            other[0] = other[0] == 'a' ? 'b' : 'a';
            w.token = other;
            break;
        case 2:
            f.call.now += 601;
            break;
        case 3:
            f.r.built = NOW + 601;
            break; /* a clock that was set back */
        case 4:    /* a newer one was made */
            memcpy(other, f.token, sizeof other);
            give_token("car-1", false);
            w.token = other;
            break;
        case 5: /* spent, by another request */
            CHECK_OK(enrol(&w));
            w.tls = OTHER;
            break;
        case 6: /* for somebody else */
            list("did:secureev:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", SEV_PROFILE_NATIVE);
            give_token("did:secureev:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false);
            expected = SEV_E_WRONG_SUBJECT;
            break;
        default:
            list("old-1", SEV_PROFILE_AKTUALIZR);
            give_token("old-1", false);
            expected = SEV_E_UNSUPPORTED;
        }
        check_refused(enrol(&w), expected);
    }
}

TEST(registry__request_without_its_proofs__refused_and_nothing_kept)
{
    for (int what = 0; what < 9; what++) {
        begin();
        struct wish w = good_wish();
        sev_err expected = SEV_E_SIGNATURE;
        uint8_t room[SEV_DID_ENTRY_BYTES_MAX];
        struct sev_did_entry e;
        switch (what) {
        case 0:
            w.by = OTHER;
            break;
        case 1:
            w.by = FIRST;
            break; /* the key for updates is not the one that authenticates */
        case 2:
            w.csr_name = SEV_LIT("car-1"), expected = SEV_E_CSR;
            break;
        case 3:
            w.entry = SEV_EMPTY, expected = SEV_E_NOT_FOUND;
            break;
        case 4: /* somebody else's identity */
            w.did = w.csr_name =
                SEV_LIT("did:secureev:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
            expected = SEV_E_DID_MISMATCH;
            break;
        case 5:
            w.did = SEV_LIT("did:web:x"), expected = SEV_E_MALFORMED;
            break;
        case 6: /* made tomorrow */
            e = f.first;
            e.time = NOW + SEV_CLOCK_SKEW_SECONDS_MAX + 1;
            CHECK_OK(sev_did_name(&e));
            w.entry = signed_entry(&e, FIRST, room, sizeof room);
            w.did = w.csr_name = sev_did_id(&e.document);
            expected = SEV_E_DID_CHAIN;
            break;
        case 7:
            f.signer_down = true, expected = SEV_E_UNREACHABLE;
            break;
        default:
            w.entry = SEV_LIT("{\"a\":1}"), expected = SEV_E_MALFORMED;
        }
        check_refused(enrol(&w), expected);
        struct sev_vehicle v;
        sev_slice log;
        CHECK_OK(f.store.vehicle_get(f.store.self, SEV_LIT("car-1"), call()->arena, &v));
        CHECK_ERR(sev_registry_log(&f.r, call(), did(), &log), SEV_E_NOT_FOUND);
        f.signer_down = false;
        w = good_wish();
        CHECK_OK(enrol(&w)); /* the token is not spent */
    }
    begin();
    check_refused(sev_registry_enrol(&f.r, call(), SEV_LIT("{}"), answer()), SEV_E_MALFORMED);
    struct wish w = good_wish();
    sev_buf small = sev_buf_of(f.answer_room, 100);
    CHECK_ERR(sev_registry_enrol(&f.r, call(), request_of(&w), &small), SEV_E_MEMORY);
    CHECK_EQ(small.len, 0);
}

TEST(registry__csr_that_is_no_base64__refused)
{
    begin();
    uint8_t body[512], room[4096];
    sev_buf b = sev_buf_of(body, sizeof body);
    struct sev_certificate_request m = {
        .csr = SEV_LIT("????"), .did = did(), .has_token = true, .entry = SEV_EMPTY};
    sev_buf out = sev_buf_of(m.token, sizeof m.token);
    CHECK_OK(sev_hex_decode(sev_slice_of(f.token, sizeof f.token), &out));
    int64_t version;
    CHECK_OK(sev_registry_append(&f.r, call(), f.first_bytes, true, &version));
    CHECK_OK(sev_certificate_request_encode(&m, &b));
    struct signer *by = IDENTITY;
    sev_slice request = signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &by, 1, room, sizeof room);
    check_refused(sev_registry_enrol(&f.r, call(), request, answer()), SEV_E_CSR);
}

TEST(registry__second_enrolment__is_an_operators_decision)
{
    begin();
    struct wish w = good_wish();
    uint8_t first[2048], second[2048];
    char id[SEV_DID_CHARS + 1] = {0};
    CHECK_OK(enrol(&w));
    sev_slice a = certificate(first, sizeof first);
    memcpy(id, f.did, SEV_DID_CHARS);
    CHECK_ERR(sev_registry_token(&f.store, did(), NOW, 600, false, SEV_LIT("op"), f.token),
              SEV_E_EXISTS);
    give_token(id, true);
    w.token = f.token;
    w.tls = OTHER;
    CHECK_OK(enrol(&w));
    sev_slice b = certificate(second, sizeof second);
    CHECK_ERR(admit(did(), a, NOW, false), SEV_E_REVOKED);
    CHECK_ERR(admit(did(), a, NOW, true), SEV_E_REVOKED);
    CHECK_OK(admit(did(), b, NOW, false));

    /* The unit was replaced: another identity. */
    give_token(id, true);
    struct sev_did_entry e = first_entry(OTHER, FIRST, SECOND);
    uint8_t room[SEV_DID_ENTRY_BYTES_MAX];
    w = (struct wish){sev_did_id(&e.document),
                      sev_did_id(&e.document),
                      signed_entry(&e, FIRST, room, sizeof room),
                      f.token,
                      OTHER,
                      TLS};
    CHECK_OK(enrol(&w));
    CHECK_ERR(admit(did(), b, NOW, false), SEV_E_REVOKED);
    CHECK_OK(admit(w.did, certificate(first, sizeof first), NOW, false));
}

/* ------------------------------------------------------ renewal, revocation */

static sev_err renew(const struct wish *w)
{
    return sev_registry_renew(&f.r, call(), did(), request_of(w), answer());
}

TEST(registry__renewal__by_the_identity_itself)
{
    begin();
    struct wish w = good_wish();
    uint8_t first[2048], second[2048];
    CHECK_OK(enrol(&w));
    sev_slice a = certificate(first, sizeof first);
    f.call.now += LIFE + 1;
    CHECK_ERR(admit(did(), a, f.call.now, false), SEV_E_EXPIRED);
    CHECK_OK(admit(did(), a, f.call.now, true));
    w.token = NULL;
    w.entry = SEV_EMPTY;
    w.tls = OTHER;
    CHECK_OK(renew(&w));
    CHECK_EQ(f.last, SEV_EVENT_RENEWED);
    CHECK_OK(admit(did(), certificate(second, sizeof second), f.call.now, false));
    CHECK_ERR(admit(did(), a, NOW, false), SEV_OK); /* the old one until its own end */
    f.r.built = f.call.now + LIFE + 1;              /* a clock that was set back makes none good */
    CHECK_ERR(admit(did(), a, NOW, false), SEV_E_EXPIRED);
}

TEST(registry__renewal_for_another_or_by_another__refused)
{
    begin();
    struct wish w = good_wish();
    CHECK_OK(enrol(&w));
    check_refused(renew(&w), SEV_E_ENROLMENT_TOKEN);
    w.token = NULL;
    w.by = TLS; /* the key of the connection is not enough */
    check_refused(renew(&w), SEV_E_SIGNATURE);
    w.by = IDENTITY;
    w.csr_name = SEV_LIT("x");
    check_refused(renew(&w), SEV_E_CSR);
    w.csr_name = w.did;
    f.signer_down = true;
    check_refused(renew(&w), SEV_E_UNREACHABLE);
    f.signer_down = false;
    answer();
    check_refused(sev_registry_renew(&f.r, call(), SEV_LIT("did:x"), request_of(&w), &f.answer),
                  SEV_E_WRONG_SUBJECT);
}

/* REQ-A13 REQ-H34 */
TEST(registry__revoked_given_up_or_foreign__is_not_admitted)
{
    begin();
    struct wish w = good_wish();
    uint8_t room[2048];
    int64_t count = 0, version;
    CHECK_OK(enrol(&w));
    sev_slice der = certificate(room, sizeof room);
    CHECK_ERR(admit(did(), SEV_LIT("another"), NOW, false), SEV_E_NOT_ENROLLED);
    CHECK_ERR(admit(SEV_LIT("car-1"), der, NOW, false), SEV_E_NOT_ENROLLED);
    CHECK_ERR(sev_registry_revoke(&f.store, SEV_LIT("car-2"), NOW, SEV_LIT("op"), SEV_LIT("lost"),
                                  &count),
              SEV_E_NOT_FOUND);
    uint8_t long_remark[1024];
    memset(long_remark, 'x', sizeof long_remark);
    CHECK_ERR(sev_registry_revoke(&f.store, did(), NOW, SEV_LIT("op"),
                                  sev_slice_of(long_remark, sizeof long_remark), &count),
              SEV_E_MALFORMED);
    CHECK_OK(sev_registry_revoke(&f.store, did(), NOW, SEV_LIT("op"), SEV_LIT("stolen"), &count));
    CHECK_EQ(count, 1);
    CHECK_ERR(admit(did(), der, NOW, false), SEV_E_REVOKED);
    CHECK_ERR(admit(did(), der, NOW, true), SEV_E_REVOKED);

    begin();
    w = good_wish();
    CHECK_OK(enrol(&w));
    der = certificate(room, sizeof room);
    struct sev_did_state s = {.created = 0};
    CHECK_OK(sev_did_follow(NULL, f.first_bytes, &s));
    struct sev_did_entry end = next_entry(&s, SECOND, NULL);
    uint8_t entry[SEV_DID_ENTRY_BYTES_MAX];
    CHECK_OK(sev_registry_append(&f.r, call(), signed_entry(&end, SECOND, entry, sizeof entry),
                                 false, &version));
    CHECK_ERR(admit(did(), der, NOW, false), SEV_E_DID_DEACTIVATED);
    w.token = NULL;
    check_refused(renew(&w), SEV_E_DID_DEACTIVATED);
}

/* -------------------------------------------------- aktualizr's credential */

static sev_err claim(const char *body)
{
    const uint8_t credential[SEV_SHA256_BYTES] = {7};
    return sev_registry_claim(&f.r, call(), credential, store_text(body), answer());
}

#define CLAIM "{\"deviceId\":\"old-1\",\"ttl\":\"36000\"}"

TEST(registry__shared_credential__claims_what_is_listed_and_never_enrolled_once)
{
    begin();
    list("old-1", SEV_PROFILE_AKTUALIZR);
    check_refused(claim(CLAIM), SEV_E_CLAIM); /* off */
    f.r.has_shared = true;
    check_refused(claim(CLAIM), SEV_E_CLAIM); /* another's certificate */
    f.r.shared_sha256[0] = 7;
    f.signer_down = true;
    check_refused(claim(CLAIM), SEV_E_UNREACHABLE);
    f.signer_down = false;
    CHECK_OK(claim(CLAIM));
    CHECK_EQ(f.last, SEV_EVENT_CLAIMED);
    CHECK(f.answer.len > 500);
    check_refused(claim(CLAIM), SEV_E_CLAIM);                      /* enrolled */
    check_refused(claim("{\"deviceId\":\"old-2\"}"), SEV_E_CLAIM); /* not listed */
    check_refused(claim("{\"deviceId\":\"car-1\"}"), SEV_E_CLAIM); /* native */
    check_refused(claim("{\"deviceId\":\"did:web:x\"}"), SEV_E_MALFORMED);
    check_refused(claim("{\"deviceId\":\"\"}"), SEV_E_MALFORMED);
    check_refused(claim("{\"deviceId\":7}"), SEV_E_MALFORMED);
    check_refused(claim("{}"), SEV_E_MALFORMED);
    check_refused(claim("{"), SEV_E_JSON_SYNTAX);
}

/* ----------------------------------------------------------------- resolver */

static unsigned resolve(sev_slice id, int64_t version)
{
    return sev_registry_resolve(&f.r, call(), id, version, answer());
}

static bool answer_has(const char *text)
{
    return memmem(f.answer.ptr, f.answer.len, text, strlen(text)) != NULL;
}

/* REQ-A13 */
TEST(registry__identity__is_created_changed_resolved_and_given_up)
{
    begin();
    int64_t version = 0;
    uint8_t room[SEV_DID_ENTRY_BYTES_MAX];
    CHECK_EQ(resolve(did(), 0), 404);
    CHECK(answer_has("\"error\":\"notFound\"") && answer_has("\"didDocument\":null"));
    CHECK_EQ(resolve(SEV_LIT("did:web:x"), 0), 400);
    CHECK(answer_has("\"error\":\"invalidDid\""));
    CHECK_ERR(sev_registry_append(&f.r, call(), f.first_bytes, false, &version), SEV_E_NOT_FOUND);
    CHECK_EQ(f.last, SEV_EVENT_DID_REFUSED);
    CHECK_OK(sev_registry_append(&f.r, call(), f.first_bytes, true, &version));
    CHECK_EQ(f.last, SEV_EVENT_DID_CHANGED);
    CHECK_EQ(version, 1);
    CHECK_ERR(sev_registry_append(&f.r, call(), f.first_bytes, true, &version), SEV_E_DID_CHAIN);
    CHECK_EQ(resolve(did(), 0), 200);
    CHECK(answer_has("\"created\":\"2027-01-15T08:00:00Z\",\"deactivated\":false,\"updated\":"
                     "\"2027-01-15T08:00:00Z\",\"versionId\":\"1\""));
    CHECK(answer_has("\"contentType\":\"application/did+ld+json\""));
    CHECK(answer_has("\"type\":\"JsonWebKey\""));
    struct sev_did_state s = {.created = 0};
    CHECK_OK(sev_did_follow(NULL, f.first_bytes, &s));
    struct sev_did_entry e = next_entry(&s, SECOND, p256(6));
    sev_slice bytes = signed_entry(&e, SECOND, room, sizeof room);
    CHECK_OK(sev_registry_append(&f.r, call(), bytes, false, &version));
    CHECK_EQ(version, 2);
    CHECK_OK(sev_did_follow(NULL, bytes, &s));
    CHECK_EQ(resolve(did(), 1), 200);
    CHECK(answer_has("\"versionId\":\"1\""));
    CHECK_EQ(resolve(did(), 3), 404);
    e = next_entry(&s, FIRST, SECOND); /* a thief with the first key */
    CHECK_ERR(sev_registry_append(&f.r, call(), signed_entry(&e, FIRST, room, sizeof room), true,
                                  &version),
              SEV_E_DID_KEY);
    e = next_entry(&s, p256(6), NULL);
    e.time = NOW + SEV_CLOCK_SKEW_SECONDS_MAX + 1;
    CHECK_ERR(sev_registry_append(&f.r, call(), signed_entry(&e, p256(6), room, sizeof room), true,
                                  &version),
              SEV_E_DID_CHAIN);
    e.time = NOW;
    CHECK_OK(sev_registry_append(&f.r, call(), signed_entry(&e, p256(6), room, sizeof room), true,
                                 &version));
    CHECK_EQ(resolve(did(), 0), 410);
    CHECK(answer_has("\"deactivated\":true"));
    CHECK_EQ(resolve(did(), 1), 410);
    CHECK_ERR(sev_registry_append(&f.r, call(), SEV_LIT("{}"), true, &version), SEV_E_MALFORMED);
    static uint8_t long_one[SEV_DID_ENTRY_BYTES_MAX + 1];
    CHECK_ERR(
        sev_registry_append(&f.r, call(), sev_slice_of(long_one, sizeof long_one), true, &version),
        SEV_E_TOO_LONG);
}

/* The database is another's: what it says of an identity proves nothing. */
TEST(registry__log_that_was_tampered_with__is_not_told)
{
    begin();
    struct sev_did_news n = {did(), 0, false, SEV_LIT("{\"forged\":1}"), NULL};
    CHECK_OK(f.store.identity->did_append(f.store.self, &n));
    CHECK_EQ(resolve(did(), 0), 500);
    CHECK(answer_has("internalError"));
    int64_t version;
    CHECK(sev_registry_append(&f.r, call(), f.first_bytes, true, &version) != SEV_OK);
}

/* --------------------------------------------------------------- challenges */

static struct sev_challenges challenges;

static sev_slice answer_to(const uint8_t challenge[SEV_CHALLENGE_BYTES], sev_slice id,
                           struct signer *by)
{
    static uint8_t room[4096];
    uint8_t body[512];
    sev_buf b = sev_buf_of(body, sizeof body);
    struct sev_challenge_answer m = {.did = id};
    memcpy(m.challenge, challenge, sizeof m.challenge);
    CHECK_OK(sev_challenge_answer_encode(&m, &b));
    return signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), &by, 1, room, sizeof room);
}

static sev_err prove(sev_slice message)
{
    char who[SEV_DID_CHARS] = {0};
    sev_err e = sev_challenge_check(&challenges, &f.r, call(), message, who);
    CHECK_SLICE(sev_slice_of(who, e == SEV_OK ? sizeof who : 0), e == SEV_OK ? did() : SEV_EMPTY);
    if (e != SEV_OK)
        CHECK_EQ(f.last, SEV_EVENT_CHALLENGE_REFUSED);
    return e;
}

static void begin_challenge(uint8_t out[SEV_CHALLENGE_BYTES])
{
    int64_t version;
    begin();
    CHECK_OK(sev_registry_append(&f.r, call(), f.first_bytes, true, &version));
    CHECK_OK(sev_challenges_init(&challenges));
    CHECK_OK(sev_challenge_make(&challenges, did(), NOW, out));
}

/* REQ-A14 REQ-H06 */
TEST(challenge__answered_once_in_time_by_its_identity__and_not_otherwise)
{
    uint8_t c[SEV_CHALLENGE_BYTES], other[SEV_CHALLENGE_BYTES];
    begin_challenge(c);
    CHECK_OK(prove(answer_to(c, did(), IDENTITY)));
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_CHALLENGE); /* replayed */
    CHECK_OK(sev_challenge_make(&challenges, did(), NOW, other));
    CHECK_ERR(prove(answer_to(other, did(), OTHER)), SEV_E_CHALLENGE); /* another's key */
    CHECK_OK(prove(answer_to(other, did(), IDENTITY)));                /* which spent nothing */

    CHECK_OK(sev_challenge_make(&challenges, did(), NOW, c));
    for (size_t i = 0; i < SEV_CHALLENGE_BYTES; i++) {
        memcpy(other, c, sizeof other);
        other[i] ^= 1; /* another nonce, a later end, a forged tag */
        CHECK_ERR(prove(answer_to(other, did(), IDENTITY)), SEV_E_CHALLENGE);
    }
    CHECK_OK(prove(answer_to(c, did(), IDENTITY)));
    begin_challenge(c);
    f.call.now += SEV_CHALLENGE_SECONDS + 1;
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_CHALLENGE); /* stale */
    begin_challenge(c);
    CHECK_OK(sev_challenges_init(&challenges)); /* given before the restart */
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_CHALLENGE);
    begin_challenge(c);
    struct sev_did_entry e = first_entry(OTHER, FIRST, SECOND); /* to another; unregistered */
    CHECK_ERR(prove(answer_to(c, sev_did_id(&e.document), OTHER)), SEV_E_CHALLENGE);
    CHECK_OK(sev_challenge_make(&challenges, sev_did_id(&e.document), NOW, other));
    CHECK_ERR(prove(answer_to(other, sev_did_id(&e.document), OTHER)), SEV_E_CHALLENGE);
    CHECK_ERR(prove(answer_to(c, SEV_LIT("x"), IDENTITY)), SEV_E_CHALLENGE);
    CHECK_ERR(prove(SEV_LIT("{}")), SEV_E_CHALLENGE);
    CHECK_ERR(sev_challenge_make(&challenges, SEV_LIT("x"), NOW, other), SEV_E_MALFORMED);
}

TEST(challenge__of_one_that_was_given_up__refused)
{
    uint8_t c[SEV_CHALLENGE_BYTES], room[SEV_DID_ENTRY_BYTES_MAX];
    int64_t version;
    begin_challenge(c);
    struct sev_did_state s = {.created = 0};
    CHECK_OK(sev_did_follow(NULL, f.first_bytes, &s));
    struct sev_did_entry end = next_entry(&s, SECOND, NULL);
    CHECK_OK(sev_registry_append(&f.r, call(), signed_entry(&end, SECOND, room, sizeof room), false,
                                 &version));
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_CHALLENGE);
}

TEST(challenge__more_answers_than_there_is_room_for__wait_until_the_old_are_stale)
{
    uint8_t c[SEV_CHALLENGE_BYTES];
    begin_challenge(c);
    for (size_t i = 0; i < SEV_CHALLENGES_MAX; i++) {
        challenges.used[i].expires = NOW + 1;
        challenges.used[i].nonce[0] = (uint8_t)(c[0] + 1);
    }
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_OVERLOADED);
    f.call.now += 2;
    CHECK_OK(prove(answer_to(c, did(), IDENTITY)));
    CHECK_ERR(prove(answer_to(c, did(), IDENTITY)), SEV_E_CHALLENGE);
}
