/* signer - what the key service signs, for whom, how often, and each thing that it refuses.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "test.h"

#include "secureev/crypto.h"
#include "secureev/json.h"
#include "secureev/signer.h"

#define NOW ((sev_time)1800000000) /* 2027-01-15T08:00:00Z */
#define US 1000u
#define STRANGER 1001u
#define DIRECTOR_BODY                                                                              \
    "{\"_type\":\"timestamp\",\"custom\":{\"vehicle\":\"v-1\"},\"expires\":"                       \
    "\"2027-01-16T08:00:00Z\",\"version\":1}"
#define IMAGES_BODY "{\"_type\":\"timestamp\",\"expires\":\"2027-01-16T08:00:00Z\",\"version\":1}"

static struct {
    struct sev_signer_key keys[3];
    struct sev_signer signer;
    struct sev_event last; /* borrowed texts: only id, err and count are looked at later */
    int events;
    uint8_t answer_room[SEV_SIGNER_ANSWER_BYTES_MAX];
    sev_buf answer;
} f;

static void remember(void *self, const struct sev_event *event)
{
    (void)self;
    f.last = *event;
    f.events++;
}

static struct sev_privkey *make(sev_key_type type)
{
    struct sev_privkey *key;
    CHECK_OK(sev_privkey_generate(type, 0, &key));
    return key;
}

/* A Director's key, one of Images and one in aktualizr's dialect; made once. */
static void begin(void)
{
    static struct sev_privkey *keys[3];
    for (int i = 0; i < 3 && keys[i] == NULL; i++)
        keys[i] = make(i == 2 ? SEV_KEY_ED25519 : SEV_KEY_P256);
    memset(&f, 0, sizeof f);
    f.keys[0] = (struct sev_signer_key){.name = "director",
                                        .key = keys[0],
                                        .repository = SEV_SIGNER_DIRECTOR,
                                        .documents = 1u << SEV_SIGNER_TIMESTAMP |
                                                     1u << SEV_SIGNER_STATUS_REPLY,
                                        .life_max = 86400,
                                        .per_minute = 3,
                                        .users = {US},
                                        .user_count = 1};
    f.keys[1] = f.keys[0];
    memcpy(f.keys[1].name, "images", 7);
    f.keys[1].key = keys[1];
    f.keys[1].repository = SEV_SIGNER_OTHER;
    f.keys[2] = f.keys[0];
    memcpy(f.keys[2].name, "old-fleet", 10);
    f.keys[2].key = keys[2];
    f.keys[2].profile = SEV_PROFILE_AKTUALIZR;
    f.signer = (struct sev_signer){.keys = f.keys, .count = 3, .events = {NULL, remember}};
    CHECK_OK(sev_signer_init(&f.signer, 0));
}

static sev_slice ask(uint32_t user, sev_slice request, int64_t now_ms)
{
    f.answer = sev_buf_of(f.answer_room, sizeof f.answer_room);
    sev_signer_answer(&f.signer, user, request, NOW, now_ms, &f.answer);
    return sev_buf_slice(&f.answer);
}

static sev_slice ask_to_sign(uint32_t user, const char *key, const char *body, int64_t now_ms)
{
    static uint8_t room[4096];
    sev_buf b = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_signer_request_sign(key, sev_slice_of(body, strlen(body)), &b));
    return ask(user, sev_buf_slice(&b), now_ms);
}

static void check_refusal(sev_slice answer, sev_err expected)
{
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_signer_read_signature(answer, keyid, &sig), expected);
    CHECK_EQ(sig.len, 0);
    CHECK_EQ(f.last.id, SEV_EVENT_SIGN_REFUSED);
    CHECK_ERR(f.last.err, expected);
}

static void check_signed(sev_slice answer, const struct sev_signer_key *k, const char *body)
{
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_signer_read_signature(answer, keyid, &sig));
    CHECK(memcmp(keyid, k->id, sizeof keyid) == 0);
    sev_slice message = sev_slice_of(body, strlen(body));
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(message, digest);
    CHECK_OK(
        sev_crypto_verify(NULL, sev_privkey_public(k->key), message, digest, sev_buf_slice(&sig)));
    CHECK_EQ(f.last.id, SEV_EVENT_SIGNED);
    CHECK_OK(f.last.err);
}

TEST(signer__what_the_policy_allows__is_signed_over_exactly_these_bytes)
{
    begin();
    check_signed(ask_to_sign(US, "director", DIRECTOR_BODY, 0), &f.keys[0], DIRECTOR_BODY);
    check_signed(ask_to_sign(US, "images", IMAGES_BODY, 0), &f.keys[1], IMAGES_BODY);
    static const char reply[] = "{\"_type\":\"status-reply\",\"vehicle\":\"v-1\"}";
    check_signed(ask_to_sign(US, "director", reply, 0), &f.keys[0], reply);
    static const char capital[] =
        "{\"_type\":\"Timestamp\",\"expires\":\"2027-01-16T08:00:00Z\",\"version\":1}";
    check_signed(ask_to_sign(US, "old-fleet", capital, 0), &f.keys[2], capital);
    CHECK_EQ(f.events, 4);
}

TEST(signer__against_the_policy__refused_and_told)
{
    static const struct {
        const char *key, *body;
        sev_err expected;
    } wrongs[] = {
        /* what no policy can allow */
        {"director", "{\"_type\":\"root\",\"expires\":\"2027-01-16T08:00:00Z\",\"version\":1}",
         SEV_E_POLICY},
        /* a type that this key does not sign; one that nobody knows */
        {"director",
         "{\"_type\":\"targets\",\"custom\":{\"vehicle\":\"v-1\"},\"expires\":"
         "\"2027-01-16T08:00:00Z\"}",
         SEV_E_POLICY},
        {"director", "{\"_type\":\"Timestamp\",\"custom\":{\"vehicle\":\"v-1\"}}", SEV_E_POLICY},
        {"old-fleet", "{\"_type\":\"TIMESTAMP\"}", SEV_E_POLICY},
        {"director", "{\"_type\":\"\"}", SEV_E_POLICY},
        /* one repository's file by another's key */
        {"director", IMAGES_BODY, SEV_E_POLICY},
        {"images", DIRECTOR_BODY, SEV_E_POLICY},
        {"images",
         "{\"_type\":\"timestamp\",\"custom\":{\"subscriber\":\"b\"},\"expires\":"
         "\"2027-01-16T08:00:00Z\"}",
         SEV_E_POLICY},
        {"old-fleet", DIRECTOR_BODY, SEV_E_POLICY},
        /* good for longer than a day */
        {"images", "{\"_type\":\"timestamp\",\"expires\":\"2027-01-16T08:00:01Z\",\"version\":1}",
         SEV_E_POLICY},
        {"images", "{\"_type\":\"timestamp\",\"expires\":\"2027-01-16\",\"version\":1}",
         SEV_E_MALFORMED},
        {"images", "{\"_type\":\"timestamp\",\"version\":1}", SEV_E_MALFORMED},
        {"images", "{\"version\":1}", SEV_E_MALFORMED},
        {"images", "[]", SEV_E_MALFORMED},
        {"nobody", IMAGES_BODY, SEV_E_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        begin();
        check_refusal(ask_to_sign(US, wrongs[i].key, wrongs[i].body, 0), wrongs[i].expected);
        CHECK_EQ(f.events, 1);
    }
}

TEST(signer__somebody_elses_key__does_not_exist_for_a_stranger)
{
    begin();
    check_refusal(ask_to_sign(STRANGER, "director", DIRECTOR_BODY, 0), SEV_E_NOT_FOUND);
    CHECK_SLICE(ask(STRANGER, SEV_LIT("{\"ask\":\"keys\"}"), 0), SEV_LIT("{\"keys\":[]}"));
    f.keys[0].user_count = 0;
    check_refusal(ask_to_sign(US, "director", DIRECTOR_BODY, 0), SEV_E_NOT_FOUND);
}

TEST(signer__requests_that_are_none__refused)
{
    static const struct {
        const char *request;
        sev_err expected;
    } wrongs[] = {
        {"", SEV_E_JSON_SYNTAX},
        {"{\"ask\":\"sign\"}x", SEV_E_JSON_SYNTAX},
        {"{\"ask\":\"keys\",\"ask\":\"keys\"}", SEV_E_JSON_DUPLICATE},
        {"{\"ask\": \"keys\"}", SEV_E_NOT_CANONICAL},
        {"{\"key\":\"images\",\"ask\":\"keys\"}", SEV_E_NOT_CANONICAL},
        {"{\"ask\":1}", SEV_E_MALFORMED},
        {"{}", SEV_E_MALFORMED},
        {"[]", SEV_E_MALFORMED},
        {"{\"ask\":\"export\"}", SEV_E_UNSUPPORTED},
        {"{\"ask\":\"sign\",\"key\":\"images\"}", SEV_E_MALFORMED},
        {"{\"ask\":\"sign\",\"signed\":{}}", SEV_E_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        begin();
        const char *text = wrongs[i].request;
        check_refusal(ask(US, sev_slice_of(text, strlen(text)), 0), wrongs[i].expected);
    }
    static uint8_t long_one[SEV_SIGNER_REQUEST_BYTES_MAX + 1];
    begin();
    check_refusal(ask(US, sev_slice_of(long_one, sizeof long_one), 0), SEV_E_TOO_LONG);
}

TEST(signer__more_than_the_rate__refused_until_time_has_passed)
{
    begin();
    for (int i = 0; i < 3; i++)
        check_signed(ask_to_sign(US, "images", IMAGES_BODY, 0), &f.keys[1], IMAGES_BODY);
    check_refusal(ask_to_sign(US, "images", IMAGES_BODY, 19999), SEV_E_RATE_LIMITED);
    check_signed(ask_to_sign(US, "images", IMAGES_BODY, 20000), &f.keys[1], IMAGES_BODY);
    check_refusal(ask_to_sign(US, "images", IMAGES_BODY, 20001), SEV_E_RATE_LIMITED);
    /* A refused request costs nothing, a clock that steps back gives nothing, and what was not
     * used does not add up beyond a minute's worth. */
    check_refusal(ask_to_sign(US, "images", DIRECTOR_BODY, 40000), SEV_E_POLICY);
    check_signed(ask_to_sign(US, "images", IMAGES_BODY, 40000), &f.keys[1], IMAGES_BODY);
    check_refusal(ask_to_sign(US, "images", IMAGES_BODY, 100), SEV_E_RATE_LIMITED);
    for (int i = 0; i < 3; i++)
        check_signed(ask_to_sign(US, "images", IMAGES_BODY, INT64_C(1) << 50), &f.keys[1],
                     IMAGES_BODY);
    check_refusal(ask_to_sign(US, "images", IMAGES_BODY, INT64_C(1) << 50), SEV_E_RATE_LIMITED);
    check_signed(ask_to_sign(US, "director", DIRECTOR_BODY, 0), &f.keys[0], DIRECTOR_BODY);
}

TEST(signer__list_of_keys__says_what_they_sign)
{
    begin();
    sev_slice answer = ask(US, SEV_LIT("{\"ask\":\"keys\"}"), 0);
    CHECK_OK(sev_json_check(answer, (struct sev_json_scratch){NULL, 0}, NULL, NULL));
    sev_json j = sev_json_at(sev_json_get(answer, "keys"));
    sev_json_array(&j);
    size_t i = 0;
    for (; sev_json_element(&j); i++) {
        sev_slice entry;
        struct sev_pubkey key;
        sev_json_skip(&j, &entry);
        CHECK_OK(sev_key_parse(sev_json_get(entry, "key"), f.keys[i].profile, &key));
        CHECK(sev_pubkey_eq(&key, sev_privkey_public(f.keys[i].key)));
        CHECK_TEXT(sev_json_get(entry, "sign"), "[\"timestamp\",\"status-reply\"]");
    }
    CHECK_EQ(i, 3);
    CHECK_EQ(f.events, 0);
}

/* ------------------------------------------------------------- certificates */

static sev_slice name_of_ca(uint8_t *pem_room, size_t bytes, struct sev_privkey *key)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der), pem = sev_buf_of(pem_room, bytes);
    struct sev_certificate_plan plan = {SEV_CERTIFICATE_CA, SEV_LIT("CA"), sev_privkey_public(key),
                                        NOW, NOW + 30 * 86400};
    CHECK_OK(sev_certificate_make(key, NULL, &plan, &b));
    sev_pem_encode(sev_buf_slice(&b), "CERTIFICATE", &pem);
    return sev_buf_slice(&pem);
}

/* The key "images" is a CA's here, good for certificates of a day. */
static void begin_ca(void)
{
    uint8_t pem[4096];
    begin();
    f.keys[1].documents = 0;
    f.keys[1].certificates = true;
    CHECK_OK(sev_issuer_read(name_of_ca(pem, sizeof pem, f.keys[1].key), &f.keys[1].issuer));
    CHECK_OK(sev_signer_init(&f.signer, 0));
}

static struct sev_certificate_plan a_plan(void)
{
    static struct sev_privkey *car;
    if (car == NULL)
        car = make(SEV_KEY_P256);
    return (struct sev_certificate_plan){SEV_CERTIFICATE_CLIENT, SEV_LIT("did:secureev:x"),
                                         sev_privkey_public(car), NOW - 600, NOW + 86400};
}

static sev_slice ask_certificate(uint32_t user, const char *key,
                                 const struct sev_certificate_plan *plan)
{
    static uint8_t room[SEV_SIGNER_CERTIFICATE_REQUEST_BYTES];
    sev_buf b = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_signer_request_certificate(key, plan, &b));
    return ask(user, sev_buf_slice(&b), 0);
}

TEST(signer__certificate__is_made_from_the_template_and_told)
{
    begin_ca();
    struct sev_certificate_plan plan = a_plan();
    struct sev_certificate c;
    uint8_t room[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf der = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_signer_read_certificate(ask_certificate(US, "images", &plan), &der));
    CHECK_EQ(f.last.id, SEV_EVENT_SIGNED);
    CHECK_OK(sev_certificate_read(sev_buf_slice(&der), &c));
    CHECK(!c.ca && strcmp(c.name, "did:secureev:x") == 0);
    CHECK_EQ(c.not_after, NOW + 86400);
    CHECK_EQ(c.not_before, NOW - 600);
    CHECK(sev_pubkey_eq(&c.key, plan.key));
    CHECK(memmem(f.answer_room, f.answer.len, "\"keyid\"", 7) == NULL);
    sev_slice keys = ask(US, SEV_LIT("{\"ask\":\"keys\"}"), 0);
    CHECK(memmem(keys.ptr, keys.len, "\"sign\":[\"certificate\"]", 22) != NULL);
}

/* Whoever has the registry has no CA: nothing longer, earlier, of another kind. REQ-A09 */
TEST(signer__certificate_against_the_policy__refused_and_told)
{
    uint8_t room[SEV_CERTIFICATE_BYTES_MAX];
    for (int what = 0; what < 9; what++) {
        begin_ca();
        struct sev_certificate_plan plan = a_plan();
        struct sev_pubkey off = *plan.key;
        const char *key = "images";
        uint32_t user = US;
        sev_err expected = SEV_E_POLICY;
        sev_buf der = sev_buf_of(room, sizeof room);
        switch (what) {
        case 0:
            plan.not_after++;
            break;
        case 1:
            plan.not_before--;
            break;
        case 2:
            plan.not_before = NOW + 601;
            break;
        case 3:
            key = "director";
            break; /* one of documents */
        case 4:
            user = STRANGER, expected = SEV_E_NOT_FOUND;
            break;
        case 5:
            off.material[64] ^= 1, plan.key = &off, expected = SEV_E_KEY;
            break;
        case 6:
            f.keys[1].any_name = true;
            plan.name = SEV_EMPTY, expected = SEV_E_BAD_NAME;
            break;
        case 7:
            plan.name = SEV_LIT("director"); /* of whom others think much */
            break;
        default:
            f.keys[1].per_minute = 1;
            CHECK_OK(sev_signer_init(&f.signer, 0));
            CHECK_OK(sev_signer_read_certificate(ask_certificate(US, key, &plan), &der));
            der.len = 0;
            expected = SEV_E_RATE_LIMITED;
        }
        CHECK_ERR(sev_signer_read_certificate(ask_certificate(user, key, &plan), &der), expected);
        CHECK_EQ(der.len, 0);
        CHECK_EQ(f.last.id, SEV_EVENT_SIGN_REFUSED);
    }
    begin_ca(); /* a CA's key signs no document, whatever it calls itself */
    check_refusal(ask_to_sign(US, "images", IMAGES_BODY, 0), SEV_E_POLICY);
    check_refusal(ask_to_sign(US, "images", "{\"_type\":\"certificate\"}", 0), SEV_E_POLICY);
    f.keys[1].life_max = 60 * 86400; /* beyond its own end */
    struct sev_certificate_plan plan = a_plan();
    sev_buf der = sev_buf_of(room, sizeof room);
    plan.not_after = NOW + 30 * 86400 + 1;
    CHECK_ERR(sev_signer_read_certificate(ask_certificate(US, "images", &plan), &der),
              SEV_E_MALFORMED);
}

TEST(signer__certificate_requests_that_are_none__refused)
{
    static const char *const wrongs[] = {
        "{\"ask\":\"certificate\",\"key\":\"images\"}",
        "{\"ask\":\"certificate\",\"key\":\"images\",\"name\":\"a\",\"not_after\":"
        "\"2027-01-15T09:00:00Z\",\"not_before\":\"2027-01-15T08:00:00Z\",\"public\":\"04\"}",
        "{\"ask\":\"certificate\",\"key\":\"images\",\"name\":\"a\",\"not_after\":"
        "\"2027-01-15\",\"not_before\":\"2027-01-15T08:00:00Z\",\"public\":\"04\"}",
        "{\"ask\":\"certificate\",\"key\":\"images\",\"name\":7,\"not_after\":"
        "\"2027-01-15T09:00:00Z\",\"not_before\":\"2027-01-15T08:00:00Z\",\"public\":\"04\"}",
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        begin_ca();
        check_refusal(ask(US, sev_slice_of(wrongs[i], strlen(wrongs[i])), 0), SEV_E_MALFORMED);
    }
    uint8_t room[64];
    sev_buf der = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_signer_read_certificate(SEV_LIT("{\"certificate\":\"\"}"), &der),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_signer_read_certificate(SEV_LIT("{\"certificate\":\"0x\"}"), &der),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_signer_read_certificate(SEV_LIT("{\"certificate\":[]}"), &der), SEV_E_MALFORMED);
    CHECK_ERR(sev_signer_read_certificate(SEV_LIT("{"), &der), SEV_E_MALFORMED);
    CHECK_EQ(der.len, 0);
    struct sev_certificate_plan plan = a_plan();
    struct sev_pubkey ed = {.type = SEV_KEY_ED25519, .len = 32};
    plan.key = &ed;
    sev_buf b = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_signer_request_certificate("images", &plan, &b), SEV_E_UNSUPPORTED);
}

TEST(signer__ca_that_is_none__refused_at_the_start)
{
    begin_ca();
    f.keys[1].documents = 1u << SEV_SIGNER_TIMESTAMP;
    CHECK_ERR(sev_signer_init(&f.signer, 0), SEV_E_CONFIG);
    begin_ca();
    f.keys[1].issuer.key.material[5] ^= 1;
    CHECK_ERR(sev_signer_init(&f.signer, 0), SEV_E_KEY);
}

TEST(signer__keys_that_cannot_serve__refused_at_the_start)
{
    begin();
    memcpy(f.keys[1].name, f.keys[0].name, sizeof f.keys[0].name);
    CHECK_ERR(sev_signer_init(&f.signer, 0), SEV_E_CONFIG);
    begin();
    struct sev_privkey *own = f.keys[1].key;
    f.keys[1].key = make(SEV_KEY_X25519);
    CHECK_ERR(sev_signer_init(&f.signer, 0), SEV_E_KEY);
    sev_privkey_free(f.keys[1].key);
    f.keys[1].key = own;
    f.signer.count = SEV_SIGNER_KEYS_MAX + 1;
    CHECK_ERR(sev_signer_init(&f.signer, 0), SEV_E_CONFIG);
}

TEST(signer__answers_that_are_none__refused_by_the_asking_side)
{
    static const char *const wrongs[] = {
        "",
        "{}",
        "{\"keyid\":\"00\",\"sig\":\"00\"}",
        "{\"error\":\"ok\"}",
        "{\"error\":7}",
        "{\"keyid\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"sig\":\"\"}",
        "{\"keyid\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"sig\":\"0\"}",
    };
    char keyid[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        sev_buf sig = sev_buf_of(room, sizeof room);
        CHECK_ERR(
            sev_signer_read_signature(sev_slice_of(wrongs[i], strlen(wrongs[i])), keyid, &sig),
            SEV_E_MALFORMED);
        CHECK_EQ(sig.len, 0);
    }
    sev_buf sig = sev_buf_of(room, sizeof room);
    CHECK_ERR(sev_signer_read_signature(SEV_LIT("{\"error\":\"unknown thing\"}"), keyid, &sig),
              SEV_E_BUG);
}

TEST(event__line__for_people_and_as_json)
{
    uint8_t room[SEV_EVENT_LINE_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    struct sev_event e = {.id = SEV_EVENT_SIGN_REFUSED, .err = SEV_E_RATE_LIMITED};
    sev_event_text(&e, "key", SEV_LIT("a\n\"b\\\x1b[2J\xff"));
    sev_event_number(&e, "user", -5);
    sev_event_line(&e, NOW, false, &b);
    CHECK_TEXT(sev_buf_slice(&b), "2027-01-15T08:00:00Z alarm signer.refused error=rate_limited "
                                  "key=\"a??b??[2J?\" user=-5\n");
    b = sev_buf_of(room, sizeof room);
    sev_event_line(&e, NOW, true, &b);
    CHECK_TEXT(
        sev_buf_slice(&b),
        "{\"time\":\"2027-01-15T08:00:00Z\",\"level\":\"alarm\",\"event\":"
        "\"signer.refused\",\"error\":\"rate_limited\",\"key\":\"a??b??[2J?\",\"user\":-5}\n");
    static uint8_t many[5000];
    memset(many, 'x', sizeof many);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    for (int i = 0; i < 9; i++)
        sev_event_text(&e, names[i], sev_slice_of(many, sizeof many));
    b = sev_buf_of(room, sizeof room);
    sev_event_line(&e, NOW, true, &b);
    CHECK(!b.overflow);
    uint32_t slots[32];
    CHECK_OK(sev_json_check(sev_buf_slice(&b), (struct sev_json_scratch){slots, 32}, NULL, NULL));
}
