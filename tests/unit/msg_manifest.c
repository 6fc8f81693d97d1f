/* The vehicle manifest in aktualizr's form: our own, and the recorded ones of real vehicles.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

static uint8_t arena_memory[1u << 20], memory[1u << 18], body_memory[1u << 18];

static sev_slice text(const char *s)
{
    return sev_slice_of(s, strlen(s));
}

static struct sev_arena arena(void)
{
    return sev_arena_of(arena_memory, sizeof arena_memory);
}

/* ------------------------------------------------------------ recorded ones */

/* The body of a recorded request; NULL and SKIP where the recordings are not at hand. */
static sev_slice recorded(const char *name, uint8_t **out_file)
{
    char path[256];
    size_t len = 0;
    snprintf(path, sizeof path, "../contracts/aktualizr-samples/%s", name);
    uint8_t *file = sev_test_read(sev_test_vectors(path), &len);
    *out_file = file;
    for (size_t i = 0; i + 4 <= len; i++)
        if (memcmp(file + i, "\r\n\r\n", 4) == 0)
            return sev_slice_of(file + i + 4, len - i - 4);
    fail_msg("no body in %s", path);
    return SEV_EMPTY;
}

/* The key that an ECU registered (contracts/aktualizr.md 5.3). */
static void registered_key(sev_slice registration, sev_slice serial, struct sev_pubkey *out)
{
    sev_json it = sev_json_at(sev_json_get(registration, "ecus"));
    sev_json_array(&it);
    while (sev_json_element(&it)) {
        sev_slice ecu;
        sev_json_skip(&it, &ecu);
        sev_json j = sev_json_at(sev_json_get(ecu, "ecu_serial"));
        sev_json_str s;
        sev_json_string(&j, &s);
        CHECK_OK(j.err);
        if (!sev_json_str_eq_slice(s, serial))
            continue;
        CHECK_OK(sev_key_parse(sev_json_get(ecu, "clientKey"), SEV_PROFILE_AKTUALIZR, out));
        return;
    }
    fail_msg("not registered: %.*s", (int)serial.len, (const char *)serial.ptr);
}

static uint32_t check_recorded(const char *registration_name, const char *manifest_name)
{
    uint8_t *first, *second;
    sev_slice registration = recorded(registration_name, &first);
    sev_slice bytes = recorded(manifest_name, &second);
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_manifest m;
    struct sev_pubkey key;
    CHECK_OK(sev_manifest_open(&doc, bytes, &a));
    CHECK_OK(sev_manifest_decode(&doc, &a, &m));
    registered_key(registration, m.primary, &key);
    CHECK_OK(sev_message_signed_by(NULL, &key, &doc));

    sev_buf out = sev_buf_of(memory, sizeof memory);
    CHECK_OK(sev_manifest_encode(&m, &a, &out));
    CHECK_SLICE(sev_buf_slice(&out), doc.body);

    uint32_t count = 0;
    sev_slice serial, one;
    sev_json it = sev_json_at(m.reports);
    sev_json_object(&it);
    while (sev_manifest_next(&it, &a, &serial, &one)) {
        struct sev_report r;
        registered_key(registration, serial, &key);
        CHECK_OK(sev_manifest_open(&doc, one, &a));
        CHECK_OK(sev_manifest_report_check(NULL, &key, serial, &doc, &a, &r));
        CHECK_SLICE(r.ecu, serial);
        out.len = 0;
        CHECK_OK(sev_report_encode_aktualizr(&r, &a, &out));
        CHECK_SLICE(sev_buf_slice(&out), doc.body);
        count++;
    }
    CHECK_OK(it.err);
    free(first);
    free(second);
    return count;
}

TEST(msg_manifest__recorded_from_a_vehicle_with_three_ecus__verified_and_encoded_alike)
{
    CHECK_EQ(check_recorded("ed25519-three-ecus/001.req", "ed25519-three-ecus/005.req"), 3);
    CHECK_EQ(check_recorded("ed25519-three-ecus/001.req", "ed25519-three-ecus/026.req"), 3);
    CHECK_EQ(check_recorded("ed25519-three-ecus/001.req", "ed25519-three-ecus/027.req"), 3);
}

TEST(msg_manifest__recorded_from_a_vehicle_with_an_rsa_key__verified_and_encoded_alike)
{
    CHECK_EQ(check_recorded("rsa-first-update/001.req", "rsa-first-update/005.req"), 1);
    CHECK_EQ(check_recorded("rsa-first-update/001.req", "rsa-first-update/019.req"), 1);
}

/* ------------------------------------------------------------------ our own */

static struct signer *ed25519(int number)
{
    return signer_of(SEV_KEY_ED25519, SEV_PROFILE_AKTUALIZR, number);
}

/* A report of ECU `serial` by key `number`, as a document in `where`. */
static sev_slice report_of(const char *serial, int number, uint8_t *where, size_t cap)
{
    struct sev_arena a = arena();
    struct signer *s = ed25519(number);
    struct sev_report r = {.ecu = text(serial),
                           .counter = 5,
                           .image = {.name = text("fw \xC3\xA9.bin"), .length = 3},
                           .attacks = SEV_LIT("")};
    r.image.hashes.has_sha256 = true;
    sev_buf b = sev_buf_of(body_memory, sizeof body_memory);
    CHECK_OK(sev_report_encode_aktualizr(&r, &a, &b));
    return signed_by(SEV_PROFILE_AKTUALIZR, sev_buf_slice(&b), &s, 1, where, cap);
}

TEST(msg_manifest__report_by_its_ecu__accepted_with_its_text_unfolded)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_report r;
    sev_slice bytes = report_of("e1", 1, memory, sizeof memory);
    CHECK_OK(sev_manifest_open(&doc, bytes, &a));
    CHECK_OK(sev_manifest_report_check(NULL, ed25519(1)->public, SEV_LIT("e1"), &doc, &a, &r));
    CHECK_TEXT(r.image.name, "fw \xC3\xA9.bin");
    CHECK_EQ(r.counter, 5);
    CHECK(!r.image.hashes.has_sha512);
}

/* REQ-DIR-11 */
TEST(msg_manifest__report_under_another_serial_or_by_another_key__refused)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_report r, before;
    memset(&r, 0x5A, sizeof r);
    before = r;
    CHECK_OK(sev_manifest_open(&doc, report_of("e1", 1, memory, sizeof memory), &a));
    size_t used = a.used;
    CHECK_ERR(sev_manifest_report_check(NULL, ed25519(1)->public, SEV_LIT("e2"), &doc, &a, &r),
              SEV_E_WRONG_SUBJECT);
    CHECK_ERR(sev_manifest_report_check(NULL, ed25519(2)->public, SEV_LIT("e1"), &doc, &a, &r),
              SEV_E_SIGNATURE);
    CHECK(memcmp(&r, &before, sizeof r) == 0);
    CHECK_EQ(a.used, used);
}

TEST(msg_manifest__not_canonical__verified_over_its_canonical_form)
{
    struct sev_arena a = arena();
    struct sev_doc doc, again;
    struct sev_report r;
    static uint8_t spaced[1u << 16];
    sev_slice bytes = report_of("e1", 1, memory, sizeof memory);
    CHECK_OK(sev_manifest_open(&doc, bytes, &a));
    sev_buf b = sev_buf_of(spaced, sizeof spaced);
    sev_slice before = sev_slice_sub(bytes, 0, (size_t)(doc.body.ptr - bytes.ptr));
    sev_buf_put_slice(&b, before);
    sev_buf_put(&b, " { ", 3);
    /* the escape in the name as UTF-8, and a blank before the end */
    static const char escape[] = "\\u00e9";
    for (size_t i = 1; i < doc.body.len - 1; i++) {
        if (memcmp(doc.body.ptr + i, escape, 6) == 0) {
            sev_buf_put(&b, "\xC3\xA9", 2);
            i += 5;
        } else {
            sev_buf_put_byte(&b, doc.body.ptr[i]);
        }
    }
    sev_buf_put(&b, "\t}}", 3);
    CHECK_OK(sev_manifest_open(&again, sev_buf_slice(&b), &a));
    CHECK_SLICE(again.message, doc.message);
    CHECK_OK(sev_manifest_report_check(NULL, ed25519(1)->public, SEV_LIT("e1"), &again, &a, &r));
    for (size_t room = 0; room < 512; room += 64) {
        struct sev_arena little = sev_arena_of(arena_memory, room);
        CHECK_ERR(sev_manifest_open(&again, sev_buf_slice(&b), &little), SEV_E_MEMORY);
        CHECK_EQ(little.used, 0);
    }
}

static void open_bodied(const char *body, struct sev_doc *doc, struct sev_arena *a)
{
    struct signer *s = ed25519(1);
    CHECK_OK(sev_manifest_open(
        doc, signed_by(SEV_PROFILE_AKTUALIZR, text(body), &s, 1, memory, sizeof memory), a));
}

static void expect_manifest(const char *body, sev_err wanted)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_manifest m, before;
    memset(&m, 0x5A, sizeof m);
    before = m;
    open_bodied(body, &doc, &a);
    size_t used = a.used;
    CHECK_ERR(sev_manifest_decode(&doc, &a, &m), wanted);
    if (wanted != SEV_OK) {
        CHECK(memcmp(&m, &before, sizeof m) == 0);
        CHECK_EQ(a.used, used);
    }
}

/* REQ-MAN-02 */
TEST(msg_manifest__without_a_report_or_with_something_else__refused)
{
    expect_manifest("{\"ecu_version_manifests\":{\"e\":{}},\"primary_ecu_serial\":\"e\"}", SEV_OK);
    expect_manifest("{\"ecu_version_manifests\":{},\"primary_ecu_serial\":\"e\"}", SEV_E_MALFORMED);
    expect_manifest("{\"ecu_version_manifests\":{\"e\":7},\"primary_ecu_serial\":\"e\"}",
                    SEV_E_MALFORMED);
    expect_manifest("{\"ecu_version_manifests\":[],\"primary_ecu_serial\":\"e\"}", SEV_E_MALFORMED);
}

TEST(msg_manifest__more_reports_than_a_vehicle_has_ecus__refused)
{
    static char body[SEV_ECUS_MAX * 16 + 256];
    for (int n = SEV_ECUS_MAX; n <= SEV_ECUS_MAX + 1; n++) {
        int at = snprintf(body, sizeof body, "{\"ecu_version_manifests\":{");
        for (int i = 0; i < n; i++)
            at += snprintf(body + at, sizeof body - (size_t)at, "%s\"%03d\":{}", i ? "," : "", i);
        snprintf(body + at, sizeof body - (size_t)at, "},\"primary_ecu_serial\":\"e\"}");
        expect_manifest(body, n > SEV_ECUS_MAX ? SEV_E_MALFORMED : SEV_OK);
    }
}

TEST(msg_manifest__over_its_limit__refused_before_it_is_read)
{
    static uint8_t big[SEV_MANIFEST_BYTES_MAX + 1];
    struct sev_arena a = arena();
    struct sev_doc doc;
    memset(big, ' ', sizeof big);
    CHECK_ERR(sev_manifest_open(&doc, sev_slice_of(big, sizeof big), &a), SEV_E_TOO_LONG);
    CHECK_ERR(sev_manifest_open(&doc, sev_slice_of(big, sizeof big - 1), &a), SEV_E_JSON_SYNTAX);
}

TEST(msg_manifest__without_signatures__refused)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    CHECK_ERR(sev_manifest_open(&doc, SEV_LIT("{\"signed\":{}}"), &a), SEV_E_SIGNATURE);
    CHECK_ERR(sev_manifest_open(&doc, SEV_LIT("{\"signatures\":[],\"signed\":7}"), &a),
              SEV_E_MALFORMED);
    CHECK_OK(sev_manifest_open(&doc, SEV_LIT("{\"signatures\":[],\"signed\":{}}"), &a));
    CHECK_ERR(sev_message_signed_by(NULL, ed25519(1)->public, &doc), SEV_E_SIGNATURE);
}

TEST(msg_manifest__installation_report__its_items_one_by_one)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_manifest m;
    struct sev_outcome o;
    sev_slice serial;
    open_bodied(MANIFEST, &doc, &a);
    CHECK_OK(sev_manifest_decode(&doc, &a, &m));
    CHECK(m.has_installation);
    CHECK_TEXT(m.installation.correlation_id, "urn:1");
    CHECK_TEXT(m.installation.result.description, "all \"well\"\n");
    sev_json it = sev_list(m.installation.items);
    CHECK(sev_manifest_next_item(&it, &a, &serial, &o));
    CHECK_TEXT(serial, "brake-1");
    CHECK(o.success);
    CHECK_TEXT(o.description, "all \"well\"\n");
    CHECK(!sev_manifest_next_item(&it, &a, &serial, &o));
    CHECK_OK(it.err);

    it = sev_list(m.installation.items);
    struct sev_arena none = sev_arena_of(NULL, 0);
    CHECK(!sev_manifest_next_item(&it, &none, &serial, &o));
    CHECK_ERR(it.err, SEV_E_MEMORY);
}

TEST(msg_manifest__escaped_serial__unfolded)
{
    struct sev_arena a = arena(), none = sev_arena_of(NULL, 0);
    sev_slice serial, one;
    sev_slice reports = SEV_LIT("{\"a\\u00e9\":{}}");
    sev_json it = sev_json_at(reports);
    sev_json_object(&it);
    CHECK(sev_manifest_next(&it, &a, &serial, &one));
    CHECK_TEXT(serial, "a\xC3\xA9");
    CHECK_TEXT(one, "{}");
    CHECK(!sev_manifest_next(&it, &a, &serial, &one));
    it = sev_json_at(reports);
    sev_json_object(&it);
    CHECK(!sev_manifest_next(&it, &none, &serial, &one));
    CHECK_ERR(it.err, SEV_E_MEMORY);
}

/* contracts/aktualizr.md 8.5: with only sha512 the client reports an empty sha256. */
TEST(msg_manifest__empty_digest__absent)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_report r;
    open_bodied("{\"attacks_detected\":\"\",\"ecu_serial\":\"e\",\"installed_image\":{\"fileinfo\":"
                "{\"hashes\":{\"sha256\":\"\"},\"length\":0},\"filepath\":\"unknown\"},"
                "\"previous_timeserver_time\":\"1970-01-01T00:00:00Z\","
                "\"timeserver_time\":\"1970-01-01T00:00:00Z\"}",
                &doc, &a);
    CHECK_OK(sev_report_decode_aktualizr(&doc, &a, &r));
    CHECK(!r.image.hashes.has_sha256);
    CHECK_EQ(r.counter, 0);
}

static void expect_counter(const char *counter, sev_err wanted)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_report r;
    char body[1024];
    snprintf(body, sizeof body,
             "{\"attacks_detected\":\"\",\"ecu_serial\":\"e\",\"installed_image\":{\"fileinfo\":"
             "{\"hashes\":{},\"length\":0},\"filepath\":\"x\"},"
             "\"previous_timeserver_time\":\"1970-01-01T00:00:00Z\",\"report_counter\":\"%s\","
             "\"timeserver_time\":\"1970-01-01T00:00:00Z\"}",
             counter);
    open_bodied(body, &doc, &a);
    CHECK_ERR(sev_report_decode_aktualizr(&doc, &a, &r), wanted);
}

TEST(msg_manifest__counter_that_is_no_plain_number__refused)
{
    expect_counter("9007199254740991", SEV_OK);
    expect_counter("9007199254740992", SEV_E_MALFORMED);
    expect_counter("-1", SEV_E_MALFORMED);
    expect_counter("01", SEV_E_MALFORMED);
    expect_counter("", SEV_E_MALFORMED);
    expect_counter("1a", SEV_E_MALFORMED);
}

TEST(msg_manifest__too_little_memory_for_escaped_text__nothing_kept)
{
    struct sev_arena a = arena();
    struct sev_doc doc;
    struct sev_report r;
    open_bodied(FOREIGN_REPORT, &doc, &a);
    struct sev_arena little = sev_arena_of(arena_memory, 4);
    CHECK_ERR(sev_report_decode_aktualizr(&doc, &little, &r), SEV_E_MEMORY);
    CHECK_EQ(little.used, 0);
}
