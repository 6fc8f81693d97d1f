/* director - a vehicle of two ECUs speaks with its Director: what is taken, what is answered, and
 * each thing that is refused with nothing kept.  SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdlib.h>

#include "secureev/crypto_hosted.h"
#include "secureev/director.h"
#include "secureev/fs.h"

#define NOW ((sev_time)1800000000)
#define VEHICLE SEV_LIT("did:secureev:v1")
#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ROOT_1 SEV_LIT("{\"root\":1}")
#define ROOT_2 SEV_LIT("{\"root\":2}")

enum { PRIMARY, BRAKE, STRANGER, ONLINE, KEYS };

static struct fixture {
    struct sev_store store;
    struct sev_signer signer;
    struct sev_signer_key online;
    struct sev_sign sign;
    struct sev_director d;
    sev_slice roots[2];
    struct sev_arena arena;
    struct sev_director_call call;
    sev_event_id last;
    int alarms;
    bool signer_down;
    /* what the vehicle knows */
    int64_t counter, report_counter[2];
    struct sev_held held;
    struct sev_status_answer answer;
    struct sev_status_reply reply;
} f;

static struct sev_privkey *keys[KEYS];
static uint8_t memory[SEV_DIRECTOR_ARENA_BYTES], vehicle_memory[8u << 20];
static uint8_t answer_room[SEV_STATUS_ANSWER_BYTES_MAX];
static struct sev_arena vehicle_arena;

/* ------------------------------------------------------------------ fixture */

static void note_event(void *self, const struct sev_event *event)
{
    (void)self;
    f.last = event->id;
    f.alarms += sev_event_level(event->id) == SEV_LEVEL_ALARM;
}

static sev_err sign_here(void *self, const char *key, sev_slice body, char *out_keyid, sev_buf *sig)
{
    static uint8_t request[SEV_SIGNER_REQUEST_BYTES_MAX], answer[SEV_SIGNER_ANSWER_BYTES_MAX];
    sev_buf q = sev_buf_of(request, sizeof request), a = sev_buf_of(answer, sizeof answer);
    if (f.signer_down)
        return SEV_E_UNREACHABLE;
    sev_err e = sev_signer_request_sign(key, body, &q);
    if (e != SEV_OK)
        return e;
    sev_signer_answer(self, 1, sev_buf_slice(&q), f.call.now, (int64_t)f.call.now * 1000, &a);
    return sev_signer_read_signature(sev_buf_slice(&a), out_keyid, sig);
}

static struct sev_director_call *call(void)
{
    f.arena = sev_arena_of(memory, sizeof memory);
    return &f.call;
}

static sev_slice key_object(int key)
{
    sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 2048), 2048);
    CHECK_OK(sev_key_object(sev_privkey_public(keys[key]), SEV_PROFILE_NATIVE, &b));
    return sev_buf_slice(&b);
}

static sev_slice form(const char *serial, const char *hardware, int brake_key, const char *primary)
{
    char *text = (char *)sev_arena_take(&vehicle_arena, 8192);
    sev_slice a = key_object(PRIMARY), b = key_object(brake_key);
    int n = snprintf(text, 8192,
                     "{\"ecus\":[{\"clientKey\":%.*s,\"ecu_serial\":\"tcu-1\","
                     "\"hardware_identifier\":\"tcu\"},{\"clientKey\":%.*s,\"ecu_serial\":\"%s\","
                     "\"hardware_identifier\":\"%s\"}],\"primary_ecu_serial\":\"%s\"}",
                     (int)a.len, (const char *)a.ptr, (int)b.len, (const char *)b.ptr, serial,
                     hardware, primary);
    return sev_slice_of(text, (size_t)n);
}

static void begin_unregistered(void)
{
    static int count;
    char path[300];
    for (int i = 0; i < KEYS && keys[i] == NULL; i++)
        CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &keys[i]));
    if (f.store.self != NULL)
        sev_store_close(&f.store);
    memset(&f, 0, sizeof f);
    vehicle_arena = sev_arena_of(vehicle_memory, sizeof vehicle_memory);
    snprintf(path, sizeof path, "%s/director-%d.db", sev_test_dir(), count++);
    CHECK_OK(sev_store_open(path, &f.store));
    f.online = (struct sev_signer_key){.name = "online",
                                       .key = keys[ONLINE],
                                       .repository = SEV_SIGNER_DIRECTOR,
                                       .documents =
                                           1u << SEV_SIGNER_TIMESTAMP | 1u << SEV_SIGNER_SNAPSHOT |
                                           1u << SEV_SIGNER_TARGETS | 1u << SEV_SIGNER_STATUS_REPLY,
                                       .life_max = 15 * 86400,
                                       .per_minute = 100000,
                                       .users = {1},
                                       .user_count = 1};
    f.signer = (struct sev_signer){.keys = &f.online, .count = 1, .events = {NULL, note_event}};
    CHECK_OK(sev_signer_init(&f.signer, 0));
    f.sign = (struct sev_sign){&f.signer, sign_here};
    f.roots[0] = ROOT_1;
    f.roots[1] = ROOT_2;
    f.d = (struct sev_director){.store = &f.store,
                                .sign = &f.sign,
                                .events = {NULL, note_event},
                                .keys = {"online", "online", "online", ""},
                                .roots = f.roots,
                                .root_count = 1,
                                .lives = SEV_DIRECTOR_LIVES,
                                .poll_interval_s = 3600,
                                .poll_jitter_s = 60};
    f.call = (struct sev_director_call){&f.arena, NULL, NOW};
    struct sev_vehicle v = {.id = VEHICLE, .model = SEV_LIT("m"), .profile = SEV_PROFILE_NATIVE};
    struct sev_decision why = {NOW, SEV_LIT("op"), SEV_LIT("add"), SEV_LIT("{}")};
    CHECK_OK(f.store.vehicle_add(f.store.self, &v, &why));
}

static void begin(void)
{
    begin_unregistered();
    CHECK_OK(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "brake", BRAKE, "tcu-1")));
    CHECK_EQ(f.last, SEV_EVENT_REGISTERED);
}

/* ---------------------------------------------------------------- the vehicle */

static sev_slice envelope(sev_slice body, int key)
{
    char id[SEV_KEY_ID_CHARS];
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    sev_buf out = sev_buf_of(sev_arena_take(&vehicle_arena, body.len + 1024), body.len + 1024);
    CHECK_OK(sev_key_id(sev_privkey_public(keys[key]), SEV_PROFILE_NATIVE, id));
    CHECK_OK(sev_privkey_sign(keys[key], body, &sig));
    struct sev_message_sig entry = {.keyid = sev_slice_of(id, sizeof id),
                                    .sig = sev_buf_slice(&sig)};
    CHECK_OK(sev_envelope_write(SEV_PROFILE_NATIVE, body, &entry, 1, SEV_MESSAGE_BYTES_MAX, &out));
    return sev_buf_slice(&out);
}

static struct sev_report report_of(int ecu, const char *image, int64_t release)
{
    struct sev_report r = {.vehicle = VEHICLE,
                           .ecu = ecu == PRIMARY ? SEV_LIT("tcu-1") : SEV_LIT("brake-1"),
                           .counter = ++f.report_counter[ecu],
                           .time = f.call.now,
                           .attested = f.call.now,
                           .attested_before = f.call.now,
                           .image = {.name = sev_slice_of(image, strlen(image)), .length = 7},
                           .release_counter = release,
                           .boot_count = 1,
                           .attacks = SEV_LIT("")};
    r.image.hashes.has_sha256 = true;
    memset(r.image.hashes.sha256, (int)release, sizeof r.image.hashes.sha256);
    return r;
}

static sev_slice signed_report(const struct sev_report *r, int key)
{
    sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 8192), 8192);
    CHECK_OK(sev_report_encode(r, &b));
    return envelope(sev_buf_slice(&b), key);
}

static sev_slice array_of(const sev_slice *items, int count)
{
    sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 60000), 60000);
    sev_buf_put_byte(&b, '[');
    for (int i = 0; i < count; i++) {
        if (i != 0)
            sev_buf_put_byte(&b, ',');
        sev_buf_put_slice(&b, items[i]);
    }
    sev_buf_put_byte(&b, ']');
    CHECK(!b.overflow);
    return sev_buf_slice(&b);
}

static void base_of(int64_t tcu, int64_t brake, uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_report a = report_of(PRIMARY, "tcu/a", tcu), b = report_of(BRAKE, "brake/a", brake);
    struct sev_base_entry set[2] = {{a.ecu, a.image, tcu}, {b.ecu, b.image, brake}};
    f.report_counter[PRIMARY]--;
    f.report_counter[BRAKE]--;
    CHECK_OK(sev_base_digest(set, 2, out));
}

static struct sev_status status_with(sev_slice reports)
{
    struct sev_status s = {.vehicle = VEHICLE,
                           .primary = SEV_LIT("tcu-1"),
                           .counter = ++f.counter,
                           .time = f.call.now,
                           .held = f.held,
                           .reports = reports};
    memset(s.nonce, (int)f.counter, sizeof s.nonce);
    base_of(1, 1, s.base);
    return s;
}

static sev_err send_bytes(sev_slice bytes)
{
    sev_buf out = sev_buf_of(answer_room, sizeof answer_room);
    sev_err e = sev_director_status(&f.d, call(), VEHICLE, bytes, &out);
    if (e != SEV_OK) {
        CHECK_EQ(out.len, 0);
        return e;
    }
    struct sev_doc doc;
    CHECK_OK(sev_status_answer_decode(sev_buf_slice(&out), &vehicle_arena, &f.answer));
    CHECK_OK(sev_message_open(&doc, f.answer.reply));
    CHECK_OK(sev_message_signed_by(NULL, sev_privkey_public(keys[ONLINE]), &doc));
    CHECK_OK(sev_status_reply_decode(&doc, &f.reply));
    return e;
}

static sev_err send(const struct sev_status *s)
{
    sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 65536), 65536);
    CHECK_OK(sev_status_encode(s, &b));
    return send_bytes(envelope(sev_buf_slice(&b), PRIMARY));
}

/* Both ECUs report release 1, and it holds what it is given. */
static void settle(void)
{
    struct sev_report a = report_of(PRIMARY, "tcu/a", 1), b = report_of(BRAKE, "brake/a", 1);
    sev_slice both[] = {signed_report(&a, PRIMARY), signed_report(&b, BRAKE)};
    struct sev_status s = status_with(array_of(both, 2));
    CHECK_OK(send(&s));
    f.held = (struct sev_held){f.reply.root, f.reply.timestamp.version, f.reply.status_version};
}

static int64_t stored_counter(void)
{
    struct sev_vehicle v;
    CHECK_OK(f.store.vehicle_get(f.store.self, VEHICLE, &vehicle_arena, &v));
    return v.status_counter;
}

static void check_refused(sev_err actual, sev_err expected, sev_event_id told)
{
    CHECK_ERR(actual, expected);
    CHECK_EQ(f.last, told);
}

/* -------------------------------------------------------------- registration */

TEST(director__ecus_registered__the_same_again_is_fine)
{
    begin();
    CHECK_OK(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "brake", BRAKE, "tcu-1")));
    CHECK_EQ(f.alarms, 0);
}

TEST(director__registration_otherwise_than_before__an_operator_decides)
{
    begin();
    check_refused(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "brake", STRANGER, "tcu-1")),
        SEV_E_EXISTS, SEV_EVENT_REGISTER_REFUSED);
    check_refused(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "airbag", BRAKE, "tcu-1")),
        SEV_E_EXISTS, SEV_EVENT_REGISTER_REFUSED);
    check_refused(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-2", "brake", BRAKE, "tcu-1")),
        SEV_E_EXISTS, SEV_EVENT_REGISTER_REFUSED);
    check_refused(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "brake", BRAKE, "brake-1")),
        SEV_E_EXISTS, SEV_EVENT_REGISTER_REFUSED);
    CHECK_EQ(f.alarms, 4);
}

TEST(director__registration_that_is_none__refused)
{
    begin_unregistered();
    const sev_slice wrongs[] = {form("tcu-1", "brake", BRAKE, "tcu-1"),
                                form("brake-1", "brake", PRIMARY, "tcu-1"),
                                form("brake-1", "brake", BRAKE, "other"),
                                form("brake-1", "", BRAKE, "tcu-1"),
                                form("brake\\n1", "brake", BRAKE, "tcu-1"),
                                SEV_LIT("{}"),
                                SEV_LIT("[]"),
                                SEV_LIT("{\"ecus\":[],\"primary_ecu_serial\":\"tcu-1\"}"),
                                SEV_LIT("{\"ecus\":{},\"primary_ecu_serial\":\"tcu-1\"}"),
                                SEV_LIT("{\"ecus\":[7],\"primary_ecu_serial\":\"tcu-1\"}"),
                                SEV_LIT("not JSON")};
    const sev_err expected[] = {SEV_E_DUPLICATE_ECU, SEV_E_KEY,        SEV_E_MALFORMED,
                                SEV_E_MALFORMED,     SEV_E_MALFORMED,  SEV_E_MALFORMED,
                                SEV_E_MALFORMED,     SEV_E_MALFORMED,  SEV_E_MALFORMED,
                                SEV_E_MALFORMED,     SEV_E_JSON_SYNTAX};
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        check_refused(sev_director_register(&f.d, call(), VEHICLE, wrongs[i]), expected[i],
                      SEV_EVENT_REGISTER_REFUSED);
    check_refused(sev_director_register(&f.d, call(), SEV_LIT("did:secureev:other"),
                                        form("brake-1", "brake", BRAKE, "tcu-1")),
                  SEV_E_NOT_FOUND, SEV_EVENT_REGISTER_REFUSED);
    CHECK_ERR(send_bytes(SEV_LIT("{}")), SEV_E_NOT_FOUND); /* nothing was registered */
}

/* -------------------------------------------------------------------- status */

TEST(director__first_status__answered_with_everything)
{
    begin();
    settle();
    CHECK_EQ(f.reply.root, 1);
    CHECK_EQ(f.reply.timestamp.version, 1);
    CHECK_EQ(f.reply.status_version, 0);
    CHECK(f.reply.has_base);
    CHECK_EQ(f.reply.poll.interval_s, 3600);
    CHECK_SLICE(f.answer.roots, SEV_LIT("[{\"root\":1}]"));
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(f.answer.timestamp, digest);
    CHECK(memcmp(digest, f.reply.timestamp.sha256, sizeof digest) == 0);
    CHECK(f.answer.snapshot.len != 0 && f.answer.targets.len != 0);
}

TEST(director__status_without_news__costs_one_signature_and_brings_no_files)
{
    begin();
    settle();
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK(f.reply.has_base && f.answer.timestamp.len == 0 && f.answer.roots.len == 0);
    CHECK_EQ(f.reply.timestamp.version, 1);
    CHECK_EQ(stored_counter(), 2);
}

TEST(director__base_that_reports_do_not_add_up_to__not_acknowledged)
{
    begin();
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s)); /* nobody has reported yet */
    CHECK(!f.reply.has_base);
    settle();
    s = status_with(SEV_EMPTY);
    base_of(1, 2, s.base);
    CHECK_OK(send(&s));
    CHECK(!f.reply.has_base);
}

TEST(director__new_root__is_in_the_answer)
{
    begin();
    settle();
    f.d.root_count = 2;
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.reply.root, 2);
    CHECK_SLICE(f.answer.roots, SEV_LIT("[{\"root\":2}]"));
}

TEST(director__half_of_a_life_over__files_are_made_anew)
{
    begin();
    settle();
    f.call.now += 86400 / 2 + 1;
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.reply.timestamp.version, 2);
    CHECK_EQ(f.reply.status_version, 0); /* nothing was assigned: fresh is not new */
    struct sev_issued files;
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    CHECK_EQ(files.files[SEV_STORE_TARGETS].version, 1);
    CHECK_EQ(files.files[SEV_STORE_SNAPSHOT].version, 2);
    f.call.now += 7 * 86400;
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    CHECK_EQ(files.files[SEV_STORE_TARGETS].version, 2);
}

/* A clock that was years ahead: what was signed then is not served for years. REQ-A25 */
TEST(director__clock_was_ahead__files_are_made_anew)
{
    struct sev_issued files;
    begin();
    f.call.now += 3 * 365 * 86400;
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    f.call.now = NOW;
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    for (int role = 0; role < SEV_STORE_ROLES; role++) {
        CHECK_EQ(files.files[role].version, 2);
        CHECK(files.files[role].expires <= NOW + f.d.lives.targets);
    }
    f.call.now -= 2; /* seconds are no reason: threads and NTP differ by them */
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    CHECK_EQ(files.files[SEV_STORE_TIMESTAMP].version, 2);
}

/* Each breaks one thing in a status that would be taken. REQ-DIR-05 REQ-DIR-08 REQ-DIR-10
 * REQ-DIR-11 REQ-DIR-13 REQ-D26 */
TEST(director__status_of_somebody_or_something_else__refused_and_nothing_kept)
{
    begin();
    settle();
    for (int i = 0; i < 9; i++) {
        struct sev_report r = report_of(BRAKE, "brake/b", 2);
        struct sev_status s = status_with(SEV_EMPTY);
        sev_slice reports[2];
        int count = 1, key = BRAKE, primary = PRIMARY;
        sev_err expected = SEV_E_BUG;
        sev_event_id told = SEV_EVENT_STATUS_REFUSED;
        switch (i) {
        case 0:
            s.vehicle = SEV_LIT("did:secureev:v2");
            expected = SEV_E_WRONG_VEHICLE;
            break;
        case 1:
            s.counter = 1;
            expected = SEV_E_REPLAYED;
            break;
        case 2:
            primary = BRAKE;
            expected = SEV_E_SIGNATURE;
            break;
        case 3:
            s.held.timestamp = 2;
            expected = SEV_E_VERSION_ROLLBACK;
            told = SEV_EVENT_VEHICLE_AHEAD;
            break;
        case 4:
            key = PRIMARY; /* the Primary makes up what its Secondary says */
            expected = SEV_E_SIGNATURE;
            break;
        case 5:
            r.counter = 1;
            expected = SEV_E_REPLAYED;
            break;
        case 6:
            r.ecu = SEV_LIT("airbag-1");
            expected = SEV_E_FOREIGN_ECU;
            break;
        case 7:
            r.vehicle = SEV_LIT("did:secureev:v2");
            expected = SEV_E_WRONG_VEHICLE;
            break;
        case 8:
            count = 2;
            expected = SEV_E_DUPLICATE_ECU;
            break;
        }
        reports[0] = signed_report(&r, key);
        r.counter++;
        reports[1] = signed_report(&r, key);
        s.reports = array_of(reports, count);
        sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 65536), 65536);
        CHECK_OK(sev_status_encode(&s, &b));
        check_refused(send_bytes(envelope(sev_buf_slice(&b), primary)), expected, told);
        CHECK_EQ(stored_counter(), 1);
    }
    struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    uint32_t count;
    CHECK_OK(f.store.ecus_get(f.store.self, VEHICLE, &vehicle_arena, ecus, &count));
    CHECK_EQ(ecus[0].report_counter, 1); /* in order of serials: brake-1 */
    CHECK_SLICE(ecus[0].installed.name, SEV_LIT("brake/a"));
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s)); /* and the next honest one is taken */
}

TEST(director__same_report_again__no_news_and_no_harm)
{
    begin();
    struct sev_report r = report_of(BRAKE, "brake/a", 1);
    sev_slice again = signed_report(&r, BRAKE);
    for (int i = 0; i < 2; i++) {
        struct sev_status s = status_with(array_of(&again, 1));
        CHECK_OK(send(&s));
    }
    CHECK_EQ(f.alarms, 0);
}

TEST(director__attack_told_by_an_ecu__kept_and_told)
{
    begin();
    settle();
    struct sev_report r = report_of(BRAKE, "brake/a", 1);
    r.attacks = SEV_LIT("rollback,freeze");
    sev_slice one = signed_report(&r, BRAKE);
    struct sev_status s = status_with(array_of(&one, 1));
    CHECK_OK(send(&s));
    CHECK_EQ(f.alarms, 1);
    struct sev_ecu ecus[SEV_STORE_ECUS_MAX];
    uint32_t count;
    CHECK_OK(f.store.ecus_get(f.store.self, VEHICLE, &vehicle_arena, ecus, &count));
    CHECK_EQ(ecus[0].attacks, 1u << SEV_ATTACK_ROLLBACK | 1u << SEV_ATTACK_FREEZE);
}

/* The reports of 256 ECUs are read whenever their vehicle comes: not one may be of any length. */
TEST(director__report_that_is_long__refused_before_256_of_them_fill_the_memory)
{
    static char padding[40000];
    memset(padding, 'x', sizeof padding);
    for (int len = 30000; len <= 40000; len += 10000) {
        begin();
        struct sev_report r = report_of(PRIMARY, "tcu/a", 1);
        sev_buf b = sev_buf_of(sev_arena_take(&vehicle_arena, 65536), 65536);
        CHECK_OK(sev_report_encode(&r, &b));
        b.len--; /* a member of a later version, behind the others */
        sev_buf_put(&b, ",\"zzz\":\"", 8);
        sev_buf_put(&b, padding, (size_t)len);
        sev_buf_put(&b, "\"}", 2);
        sev_slice one = envelope(sev_buf_slice(&b), PRIMARY);
        struct sev_status s = status_with(array_of(&one, 1));
        CHECK_ERR(send(&s), len == 30000 ? SEV_OK : SEV_E_TOO_LONG);
        CHECK_EQ(stored_counter(), len == 30000 ? 1 : 0);
    }
}

TEST(director__signer_down__the_status_is_kept_and_the_next_one_is_answered)
{
    begin();
    f.signer_down = true;
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_ERR(send(&s), SEV_E_UNREACHABLE);
    CHECK_EQ(f.last, SEV_EVENT_NOT_ANSWERED);
    CHECK_EQ(stored_counter(), 1);
    f.signer_down = false;
    s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.reply.timestamp.version, 1);
}

/* ---------------------------------------------------------------- assignment */

#define TARGET(ecu, hardware, match_hardware, release, more)                                       \
    "{\"custom\":{\"ecuIdentifiers\":{\"" ecu "\":{\"hardwareId\":\"" hardware "\"}}" more         \
    ",\"match\":{\"hardwareIds\":[\"" match_hardware "\"],\"releaseCounter\":" release             \
    "}},\"hashes\":{\"sha256\":\"" HEX32 "\"},\"length\":7}"
#define LARGE_TARGET TARGET("brake-1", "brake", "brake", "2", ",\"future\":\"%.*s\"")
#define BRAKE_TARGET TARGET("brake-1", "brake", "brake", "2", "")

static sev_err assign(const char *targets, const char *groups, int64_t *version)
{
    struct sev_director_wish w = {.vehicle = VEHICLE,
                                  .actor = SEV_LIT("op"),
                                  .bundle_id = SEV_LIT("b-1"),
                                  .correlation_id = SEV_LIT("urn:c:1"),
                                  .targets = sev_slice_of(targets, strlen(targets)),
                                  .groups = sev_slice_of(groups, strlen(groups))};
    return sev_director_assign(&f.d, call(), &w, version);
}

TEST(director__assignment__stands_in_files_that_verify_and_agree)
{
    begin();
    settle();
    int64_t version = 0;
    CHECK_OK(assign("{\"brake/b\":" BRAKE_TARGET "}", "[[\"brake-1\"]]", &version));
    CHECK_EQ(version, 1);
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.reply.status_version, 1);
    CHECK_EQ(f.reply.timestamp.version, 2);
    struct sev_doc ts, sn, tg;
    struct sev_timestamp timestamp;
    struct sev_snapshot snapshot;
    struct sev_targets targets;
    struct sev_fileinfo info;
    struct sev_target target;
    const struct sev_pubkey *key = sev_privkey_public(keys[ONLINE]);
    CHECK_OK(sev_doc_open(&ts, f.answer.timestamp, SEV_PROFILE_NATIVE, &vehicle_arena));
    CHECK_OK(sev_doc_open(&sn, f.answer.snapshot, SEV_PROFILE_NATIVE, &vehicle_arena));
    CHECK_OK(sev_doc_open(&tg, f.answer.targets, SEV_PROFILE_NATIVE, &vehicle_arena));
    CHECK_OK(sev_message_signed_by(NULL, key, &ts));
    CHECK_OK(sev_message_signed_by(NULL, key, &sn));
    CHECK_OK(sev_message_signed_by(NULL, key, &tg));
    CHECK_OK(sev_timestamp_parse(&ts, &timestamp));
    CHECK_OK(sev_snapshot_parse(&sn, &snapshot));
    CHECK_OK(sev_targets_parse(&tg, &targets));
    CHECK(sev_hashes_fit(&timestamp.snapshot.hashes, f.answer.snapshot));
    CHECK_EQ(timestamp.snapshot.length, f.answer.snapshot.len);
    CHECK_OK(sev_snapshot_find(&snapshot, SEV_LIT("targets"), &info));
    CHECK(sev_hashes_fit(&info.hashes, f.answer.targets));
    CHECK_EQ(info.version, targets.common.version);
    CHECK_OK(sev_targets_find(&targets, SEV_PROFILE_NATIVE, SEV_LIT("brake/b"), &target));
    CHECK_EQ(target.length, 7);
    CHECK_TEXT(sev_json_get(targets.common.custom, "vehicle"), "\"did:secureev:v1\"");
    CHECK_TEXT(sev_json_get(timestamp.common.custom, "vehicle"), "\"did:secureev:v1\"");
    CHECK_TEXT(sev_json_get(snapshot.common.custom, "vehicle"), "\"did:secureev:v1\"");
    CHECK_TEXT(sev_json_get(targets.common.custom, "bundle"),
               "{\"groups\":[[\"brake-1\"]],\"id\":\"b-1\",\"version\":1}");
    /* Asked again, the same bytes: a version is never signed twice. */
    struct sev_issued files;
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    CHECK_SLICE(files.files[SEV_STORE_TARGETS].bytes, f.answer.targets);
    CHECK_SLICE(files.files[SEV_STORE_TIMESTAMP].bytes, f.answer.timestamp);
}

/* REQ-DIR-21 REQ-DIR-04: what vehicles would refuse is not issued. */
TEST(director__wish_against_the_inventory__refused_and_nothing_assigned)
{
    static const struct {
        const char *targets, *groups;
        sev_err expected;
    } wrongs[] = {
        {"{\"b\":" TARGET("airbag-1", "brake", "brake", "2", "") "}", "", SEV_E_FOREIGN_ECU},
        {"{\"b\":" TARGET("brake-1", "tcu", "tcu", "2", "") "}", "", SEV_E_WRONG_HARDWARE},
        {"{\"b\":" TARGET("brake-1", "brake", "tcu", "2", "") "}", "", SEV_E_WRONG_HARDWARE},
        {"{\"b\":" BRAKE_TARGET ",\"c\":" BRAKE_TARGET "}", "", SEV_E_DUPLICATE_ECU},
        {"{\"b\":" TARGET("brake-1", "brake", "brake", "0", "") "}", "", SEV_E_RELEASE_ROLLBACK},
        {"{\"b\":" TARGET("brake-1", "brake", "brake", "2", ",\"encryption\":{\"x\":1}") "}", "",
         SEV_E_DOWNGRADE},
        {"{\"b\":" TARGET("brake-1", "brake", "brake", "2", ",\"hardwareIds\":[\"brake\"]") "}", "",
         SEV_E_MALFORMED},
        {"{\"../b\":" BRAKE_TARGET "}", "", SEV_E_BAD_NAME},
        {"{\"b\": " BRAKE_TARGET "}", "", SEV_E_NOT_CANONICAL},
        {"{\"b\":{}}", "", SEV_E_MALFORMED},
        {"{\"b\":{\"custom\":{\"ecuIdentifiers\":{},\"match\":{\"hardwareIds\":[\"brake\"],"
         "\"releaseCounter\":2}},\"hashes\":{\"sha256\":\"" HEX32 "\"},\"length\":7}}",
         "", SEV_E_MALFORMED},
        {"[]", "", SEV_E_MALFORMED},
        {"{\"b\":" BRAKE_TARGET "}", "[[\"tcu-1\"]]", SEV_E_BUNDLE},
        {"{\"b\":" BRAKE_TARGET "}", "[[\"brake-1\"],[\"brake-1\"]]", SEV_E_BUNDLE},
        {"{\"b\":" BRAKE_TARGET "}", "[\"brake-1\"]", SEV_E_MALFORMED},
        {"{\"b\":" BRAKE_TARGET "}", "[[7]]", SEV_E_MALFORMED},
    };
    begin();
    settle();
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        int64_t version = 99;
        CHECK_ERR(assign(wrongs[i].targets, wrongs[i].groups, &version), wrongs[i].expected);
        CHECK_EQ(version, 99);
    }
    struct sev_assignment a;
    CHECK_OK(f.store.assignment_get(f.store.self, VEHICLE, &vehicle_arena, &a));
    CHECK_EQ(a.version, 0);
}

/* An image for an ECU that says more of others. */
#define WITH(ecu, hardware, release, says)                                                         \
    "{\"custom\":{\"ecuIdentifiers\":{\"" ecu "\":{\"hardwareId\":\"" hardware                     \
    "\"}},\"match\":{" says "\"hardwareIds\":[\"" hardware "\"],\"releaseCounter\":" release       \
    "}},\"hashes\":{\"sha256\":\"" HEX32 "\"},\"length\":7}"
#define BRAKE_WITH(says) "{\"brake/b\":" WITH("brake-1", "brake", "2", says) "}"
#define BOTH(brake_says, tcu_says)                                                                 \
    "{\"brake/b\":" WITH("brake-1", "brake", "2",                                                  \
                         brake_says) ",\"tcu/b\":" WITH("tcu-1", "tcu", "5", tcu_says) "}"

/* REQ-DIR-14: over what is installed (tcu/a and brake/a, release 1 both) and what comes. */
TEST(director__images_that_need_or_exclude_others__judged_over_all_that_the_vehicle_would_have)
{
    static const struct {
        const char *targets;
        sev_err expected;
    } wishes[] = {
        {BRAKE_WITH("\"depends\":[\"tcu/a\"],"), SEV_OK},
        {BRAKE_WITH("\"depends\":[\"tcu/*\"],"), SEV_OK},
        {BRAKE_WITH("\"depends\":[\"tcu/? >=1\"],"), SEV_OK},
        {BRAKE_WITH("\"depends\":[\"tcu/a >=1 <2\"],"), SEV_OK},
        {BRAKE_WITH("\"depends\":[\"tcu/a =1\"],"), SEV_OK},
        {BRAKE_WITH("\"depends\":[\"tcu/b\"],"), SEV_E_DEPENDENCY},
        {BRAKE_WITH("\"depends\":[\"tcu/a >1\"],"), SEV_E_DEPENDENCY},
        {BRAKE_WITH("\"depends\":[\"tcu/a <=0\"],"), SEV_E_DEPENDENCY},
        {BRAKE_WITH("\"depends\":[\"tcu/a >=x\"],"), SEV_E_DEPENDENCY}, /* a name, then */
        {BRAKE_WITH("\"depends\":[\"tcu/a\",\"radio/a\"],"), SEV_E_DEPENDENCY},
        {BRAKE_WITH("\"depends\":[\"brake/b\"],"), SEV_E_DEPENDENCY}, /* nobody helps himself */
        {BRAKE_WITH("\"depends\":\"tcu/a\","), SEV_E_MALFORMED},
        {BRAKE_WITH("\"depends\":[7],"), SEV_E_MALFORMED},
        {BRAKE_WITH("\"conflicts\":[\"tcu/b\"],"), SEV_OK},
        {BRAKE_WITH("\"conflicts\":[\"tcu/* >1\"],"), SEV_OK},
        {BRAKE_WITH("\"conflicts\":[\"brake/*\"],"), SEV_OK}, /* what it takes the place of */
        {BRAKE_WITH("\"conflicts\":[\"tcu/a\"],"), SEV_E_INCOMPATIBLE},
        {BRAKE_WITH("\"conflicts\":[\"radio/a\",\"tcu/* <9\"],"), SEV_E_INCOMPATIBLE},
        {BOTH("\"depends\":[\"tcu/b >=5\"],", "\"depends\":[\"brake/b\"],"), SEV_OK}, /* a cycle */
        {BOTH("\"depends\":[\"tcu/a\"],", ""), SEV_E_DEPENDENCY}, /* it is about to go */
        {BOTH("\"conflicts\":[\"tcu/a\"],", ""), SEV_OK},
        {BOTH("", "\"conflicts\":[\"brake/b\"],"), SEV_E_INCOMPATIBLE},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        int64_t version = 99;
        begin();
        settle();
        CHECK_ERR(assign(wishes[i].targets, "", &version), wishes[i].expected);
        CHECK_EQ(version, wishes[i].expected == SEV_OK ? 1 : 99);
    }
}

/* REQ-DIR-25: what was assigned before may be installed, though nobody has said so yet. */
TEST(director__assigned_before_and_not_reported__may_be_there_or_not)
{
    int64_t version = 0;
    begin();
    settle();
    CHECK_OK(assign(BRAKE_WITH(""), "", &version));
    static const char tcu[] = "{\"tcu/b\":" WITH("tcu-1", "tcu", "5", "%s") "}";
    static const struct {
        const char *says;
        sev_err expected;
    } wishes[] = {
        {"\"depends\":[\"brake/b\"],", SEV_E_DEPENDENCY}, /* it may still be brake/a */
        {"\"depends\":[\"brake/a\"],", SEV_E_DEPENDENCY}, /* or not any more */
        {"\"conflicts\":[\"brake/b\"],", SEV_E_INCOMPATIBLE},
        {"\"conflicts\":[\"brake/a\"],", SEV_E_INCOMPATIBLE},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        char text[1000];
        (void)snprintf(text, sizeof text, tcu, wishes[i].says);
        CHECK_ERR(assign(text, "", &version), wishes[i].expected);
    }
    CHECK_OK(assign("{\"tcu/b\":" WITH("tcu-1", "tcu", "5", "\"depends\":[\"brake/? <3\"],") "}",
                    "", &version)); /* either will do */
    /* What stays is asked, too: tcu/b, should it be there, would lose what it needs. */
    CHECK_ERR(assign("{\"brake/c\":" WITH("brake-1", "brake", "3", "") "}", "", &version),
              SEV_E_DEPENDENCY);
    CHECK_OK(assign("{}", "", &version)); /* taking it back changes nothing that is there */
    CHECK_EQ(version, 3);
}

/* DESIGN 3.5, REQ-D21: with the answer, for the key of this connection, for what is not there yet.
 */
TEST(director__grant__for_what_is_assigned_and_not_installed)
{
    static const uint8_t subject[SEV_SHA256_BYTES] = {7, 8, 9};
    uint8_t image[SEV_SHA256_BYTES];
    sev_buf b = sev_buf_of(image, sizeof image);
    struct sev_grant grant;
    struct sev_doc doc;
    int64_t version = 0;
    begin();
    settle();
    f.online.documents |= 1u << SEV_SIGNER_GRANT;
    f.d.grants.key = "online";
    f.d.grants.oem = "oem-1";
    f.d.grants.life_s = SEV_GRANT_SECONDS_MAX;
    f.d.grants.subject = subject;
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.answer.grant.len, 0); /* nothing is assigned */
    CHECK_OK(assign("{\"brake/b\":" BRAKE_TARGET "}", "", &version));
    s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_OK(sev_message_open(&doc, f.answer.grant));
    CHECK_OK(sev_message_signed_by(NULL, sev_privkey_public(keys[ONLINE]), &doc));
    CHECK_OK(sev_grant_decode(&doc, &grant));
    CHECK(memcmp(grant.subject, subject, sizeof subject) == 0);
    CHECK_TEXT(grant.oem, "oem-1");
    CHECK_TEXT(grant.bundle.id, "b-1");
    CHECK_EQ(grant.bundle.version, 1);
    CHECK_EQ(grant.expires - grant.issued, SEV_GRANT_SECONDS_MAX);
    CHECK_OK(sev_hex_decode(SEV_LIT(HEX32), &b));
    CHECK(sev_grant_covers(&grant, image));
    uint8_t first[SEV_NONCE_BYTES];
    memcpy(first, grant.id, sizeof first);
    s = status_with(SEV_EMPTY);
    s.nonce[0] ^= 1;
    CHECK_OK(send(&s));
    CHECK_OK(sev_message_open(&doc, f.answer.grant));
    CHECK_OK(sev_grant_decode(&doc, &grant));
    CHECK(memcmp(grant.id, first, sizeof first) != 0);
    /* The ECU has it: there is nothing more to be had. */
    struct sev_report report = report_of(BRAKE, "brake/b", 2);
    report.release_counter = 2;
    memcpy(report.image.hashes.sha256, image, sizeof image);
    sev_slice one = signed_report(&report, BRAKE);
    s = status_with(array_of(&one, 1));
    CHECK_OK(send(&s));
    CHECK_EQ(f.answer.grant.len, 0);
    CHECK_OK(
        assign("{\"brake/c\":" TARGET("brake-1", "brake", "brake", "3", "") "}", "", &version));
    f.d.grants.subject = NULL; /* a connection without a key */
    s = status_with(SEV_EMPTY);
    CHECK_OK(send(&s));
    CHECK_EQ(f.answer.grant.len, 0);
}

/* What is assigned can be issued: with groups and ids, too, it fits into a file. */
TEST(director__wish_as_large_as_may_be__can_be_issued)
{
    static char targets[SEV_DIRECTOR_TARGETS_BYTES_MAX + 512], groups[8192];
    static char padding[SEV_DIRECTOR_TARGETS_BYTES_MAX];
    struct sev_issued files;
    size_t len = (size_t)snprintf(groups, sizeof groups, "[[\"brake-1\"]");
    for (; len < 6000; len += 3)
        memcpy(groups + len, ",[]", 3);
    groups[len] = ']';
    memset(padding, 'x', sizeof padding);
    begin();
    settle();
    sev_err e = SEV_OK;
    for (int pad = 0; pad <= 16384; pad += 256) {
        int64_t version;
        snprintf(targets, sizeof targets, "{\"brake/b\":" LARGE_TARGET "}",
                 (int)sizeof padding - pad, padding);
        e = assign(targets, groups, &version);
        if (e != SEV_OK) {
            CHECK_ERR(e, SEV_E_TOO_LONG);
            continue;
        }
        CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
        return;
    }
    CHECK_OK(e);
}

static bool collect(void *context, const struct sev_decision *decision)
{
    sev_buf *b = context;
    sev_buf_put_slice(b, decision->what);
    sev_buf_put_byte(b, ' ');
    return true;
}

/* REQ-DIR-24: newest first. */
TEST(director__every_decision__left_a_row)
{
    begin();
    settle();
    int64_t version;
    char words[200];
    sev_buf b = sev_buf_of(words, sizeof words);
    struct sev_issued files;
    CHECK_OK(assign("{\"brake/b\":" BRAKE_TARGET "}", "", &version));
    CHECK_OK(sev_director_issue(&f.d, call(), VEHICLE, &files));
    CHECK_OK(f.store.decisions(f.store.self, VEHICLE, 100, &vehicle_arena, collect, &b));
    CHECK_TEXT(sev_buf_slice(&b), "issue assign issue status register add ");
}

/* REQ-DIR-08: what was refused is written down, once in ten minutes while it goes on. */
TEST(director__refusal__leaves_a_row_but_not_one_for_each_time)
{
    char words[300];
    sev_buf b = sev_buf_of(words, sizeof words);
    begin();
    settle();
    for (int i = 0; i < 5; i++)
        CHECK_ERR(send_bytes(SEV_LIT("{\"signatures\":[],\"signed\":{}}")), SEV_E_SIGNATURE);
    CHECK_EQ(f.alarms, 5);
    check_refused(
        sev_director_register(&f.d, call(), VEHICLE, form("brake-1", "brake", STRANGER, "tcu-1")),
        SEV_E_EXISTS, SEV_EVENT_REGISTER_REFUSED);
    f.call.now += 601;
    CHECK_ERR(send_bytes(SEV_LIT("{\"signatures\":[],\"signed\":{}}")), SEV_E_SIGNATURE);
    f.signer_down = true; /* ours, not the vehicle's: told, but no judgement of it */
    f.call.now += 86400;
    struct sev_status s = status_with(SEV_EMPTY);
    CHECK_ERR(send(&s), SEV_E_UNREACHABLE);
    CHECK_OK(f.store.decisions(f.store.self, VEHICLE, 100, &vehicle_arena, collect, &b));
    CHECK_TEXT(sev_buf_slice(&b),
               "status-refused register-refused status-refused issue status register add ");
}

/* Nor does one that is refused now for this, now for that. */
TEST(director__refusals_by_turns__leave_a_row_each_and_no_more)
{
    char words[2000];
    sev_buf b = sev_buf_of(words, sizeof words);
    begin();
    for (int i = 0; i < 20; i++) {
        CHECK_ERR(send_bytes(SEV_LIT("{\"signatures\":[],\"signed\":{}}")), SEV_E_SIGNATURE);
        CHECK_ERR(send_bytes(SEV_LIT("{\"signatures\":7,\"signed\":{}}")), SEV_E_MALFORMED);
    }
    CHECK_OK(f.store.decisions(f.store.self, VEHICLE, 100, &vehicle_arena, collect, &b));
    CHECK_TEXT(sev_buf_slice(&b), "status-refused status-refused register add ");
}
