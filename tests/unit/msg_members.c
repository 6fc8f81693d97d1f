/* Every message, member by member: from an example that is accepted, one value is removed, replaced
 * or flipped, and nothing else. REQ-MAN-02 REQ-MAN-03 REQ-MAN-04 REQ-C06
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "test.h"

#define VALUES_MAX 128
#define PATH_MAX_CHARS 160

/* A value inside the example. */
struct value {
    char path[PATH_MAX_CHARS]; /* members and positions, joined by slashes */
    size_t member;             /* where its name begins; the value itself in arrays */
    size_t start, end;
    bool in_array;
};

struct values {
    sev_slice body;
    const char *opaque;
    uint32_t count;
    struct value all[VALUES_MAX];
};

static bool listed(const char *list, const char *path)
{
    size_t n = strlen(path);
    for (const char *p = list; (p = strstr(p, path)) != NULL; p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static void visit(struct values *v, sev_json *j, const char *prefix)
{
    bool object = sev_json_peek(j) == SEV_JSON_OBJECT;
    sev_json_str name = {SEV_EMPTY, false};
    for (unsigned i = 0;; i++) {
        if (i == 0)
            object ? sev_json_object(j) : sev_json_array(j);
        if (object ? !sev_json_member(j, &name) : !sev_json_element(j))
            break;
        CHECK(v->count < VALUES_MAX);
        struct value *at = &v->all[v->count++];
        sev_slice bytes;
        if (object)
            snprintf(at->path, sizeof at->path, "%s%s%.*s", prefix, *prefix ? "/" : "",
                     (int)name.raw.len, (const char *)name.raw.ptr);
        else
            snprintf(at->path, sizeof at->path, "%s%s%u", prefix, *prefix ? "/" : "", i);
        sev_json inside = *j;
        sev_json_kind kind = sev_json_peek(j);
        sev_json_skip(j, &bytes);
        at->start = (size_t)(bytes.ptr - v->body.ptr);
        at->end = at->start + bytes.len;
        at->in_array = !object;
        at->member = object ? (size_t)(name.raw.ptr - v->body.ptr) - 1 : at->start;
        if ((kind == SEV_JSON_OBJECT || kind == SEV_JSON_ARRAY) && !listed(v->opaque, at->path)) {
            char path[PATH_MAX_CHARS];
            memcpy(path, at->path, sizeof path);
            visit(v, &inside, path);
        }
    }
    CHECK_OK(j->err);
}

static struct values *values_of(const struct message_case *c)
{
    static struct values v;
    memset(&v, 0, sizeof v);
    v.body = sev_slice_of(c->body, strlen(c->body));
    v.opaque = c->opaque;
    sev_json j = sev_json_at(v.body);
    visit(&v, &j, "");
    return &v;
}

static uint8_t edited_memory[1u << 17], doc_memory[1u << 18], encoded_memory[1u << 18];

static sev_slice edited(sev_slice body, size_t from, size_t to, sev_slice with)
{
    sev_buf b = sev_buf_of(edited_memory, sizeof edited_memory);
    sev_buf_put(&b, body.ptr, from);
    sev_buf_put_slice(&b, with);
    sev_buf_put(&b, body.ptr + to, body.len - to);
    CHECK(!b.overflow);
    return sev_buf_slice(&b);
}

/* A member, or an element, with the comma that goes with it. */
static sev_slice removed(sev_slice body, const struct value *v)
{
    size_t from = v->member, to = v->end;
    if (body.ptr[to] == ',')
        to++;
    else if (body.ptr[from - 1] == ',')
        from--;
    return edited(body, from, to, SEV_EMPTY);
}

static sev_err decode_text(const struct message_case *c, sev_slice body, union any_message *out)
{
    sev_buf memory = sev_buf_of(doc_memory, sizeof doc_memory);
    return decode_body(c, body, &memory, out);
}

/* What is accepted says exactly what its encoding says. */
static void check_says_the_same(const struct message_case *c, const union any_message *m,
                                sev_slice body)
{
    sev_buf out = sev_buf_of(encoded_memory, sizeof encoded_memory);
    sev_err e = c->encode(m, &out);
    if (e != SEV_OK)
        print_error("%s: %.*s\n", c->name, (int)body.len, (const char *)body.ptr);
    CHECK_OK(e);
    CHECK_SLICE(sev_buf_slice(&out), body);
}

TEST(msg_members__every_example__decodes_and_encodes_to_the_same_bytes)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        union any_message m;
        sev_slice body = sev_slice_of(c->body, strlen(c->body));
        sev_err e = decode_text(c, body, &m);
        if (e != SEV_OK)
            print_error("%s\n", c->name);
        CHECK_OK(e);
        check_says_the_same(c, &m, body);
    }
}

TEST(msg_members__one_member_removed__refused_unless_optional)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        struct values *v = values_of(c);
        for (uint32_t k = 0; k < v->count; k++) {
            sev_slice body = removed(v->body, &v->all[k]);
            union any_message m;
            memset(&m, 0x5A, sizeof m);
            union any_message before = m;
            sev_err e = decode_text(c, body, &m);
            bool optional = listed(c->optional, v->all[k].path);
            if ((e == SEV_OK) != optional)
                print_error("%s without %s: %s\n", c->name, v->all[k].path, sev_err_id(e));
            CHECK_ERR(e, optional ? SEV_OK : SEV_E_MALFORMED);
            if (e != SEV_OK)
                CHECK(memcmp(&m, &before, sizeof m) == 0);
            else
                check_says_the_same(c, &m, body);
        }
    }
}

static const char *const replacements[] = {"null", "true", "7",  "-1",     "\"x\"",
                                           "\"\"", "[]",   "{}", "[null]", "9007199254740991"};

static sev_json_kind kind_at(sev_slice body, size_t at)
{
    sev_json j = sev_json_at(sev_slice_sub(body, at, body.len));
    return sev_json_peek(&j);
}

TEST(msg_members__one_value_of_another_type__refused)
{
    uint32_t refused = 0;
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        struct values *v = values_of(c);
        for (uint32_t k = 0; k < v->count; k++) {
            for (size_t r = 0; r < sizeof replacements / sizeof replacements[0]; r++) {
                sev_slice with = sev_slice_of(replacements[r], strlen(replacements[r]));
                sev_slice body = edited(v->body, v->all[k].start, v->all[k].end, with);
                union any_message m;
                sev_err e = decode_text(c, body, &m);
                bool same_kind = kind_at(v->body, v->all[k].start) == kind_at(with, 0);
                bool type = strcmp(v->all[k].path, "_type") == 0;
                if (!same_kind || e != SEV_OK) {
                    if (e == SEV_OK)
                        print_error("%s: %s = %s\n", c->name, v->all[k].path, replacements[r]);
                    CHECK_ERR(e, type && same_kind ? SEV_E_WRONG_TYPE : SEV_E_MALFORMED);
                    refused++;
                } else if (!c->foreign) {
                    check_says_the_same(c, &m, body);
                }
            }
        }
    }
    CHECK(refused > 1000);
}

TEST(msg_members__any_text_of_20000_characters__refused)
{
    static char text[20003];
    memset(text, 'a', sizeof text);
    text[0] = text[20001] = '"';
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        struct values *v = values_of(c);
        for (uint32_t k = 0; k < v->count; k++) {
            if (kind_at(v->body, v->all[k].start) != SEV_JSON_STRING ||
                strcmp(v->all[k].path, "_type") == 0)
                continue;
            sev_slice body =
                edited(v->body, v->all[k].start, v->all[k].end, sev_slice_of(text, 20002));
            union any_message m;
            sev_err e = decode_text(c, body, &m);
            if (e != SEV_E_MALFORMED)
                print_error("%s: %s\n", c->name, v->all[k].path);
            CHECK_ERR(e, SEV_E_MALFORMED);
        }
    }
}

/* Nothing that differs in a bit is read as the same message. */
TEST(msg_members__any_bit_flipped__refused_or_another_message)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        sev_slice body = sev_slice_of(c->body, strlen(c->body));
        uint32_t accepted = 0;
        for (size_t bit = 0; bit < body.len * 8; bit++) {
            uint8_t byte = (uint8_t)(body.ptr[bit / 8] ^ (1u << bit % 8));
            sev_slice other = edited(body, bit / 8, bit / 8 + 1, sev_slice_of(&byte, 1));
            union any_message m;
            if (decode_text(c, other, &m) != SEV_OK)
                continue;
            sev_buf out = sev_buf_of(encoded_memory, sizeof encoded_memory);
            accepted++;
            /* Inside documents that are only carried: found out when these are opened. */
            if (c->encode(&m, &out) != SEV_OK)
                continue;
            bool hex_case = c->foreign && byte >= 'A' && byte <= 'F';
            if (!hex_case)
                CHECK(!sev_slice_eq(sev_buf_slice(&out), body));
            if (!c->foreign)
                CHECK_OK(decode_text(c, sev_buf_slice(&out), &m));
        }
        CHECK(accepted < body.len * 8);
    }
}

/* ------------------------------------------------------------------- bounds */

struct bound {
    const char *message, *path;
    int64_t min, max; /* of an integer, of the bytes of a text, of the elements of an array */
};
static const struct bound integers[] = {
    {"status", "counter", 1, SEV_JSON_INT_MAX},
    {"status", "held/root", 0, SEV_JSON_INT_MAX},
    {"status", "held/statusVersion", 0, SEV_JSON_INT_MAX},
    {"status", "held/timestamp", 0, SEV_JSON_INT_MAX},
    {"status-reply", "poll/interval", 1, SEV_POLL_SECONDS_MAX},
    {"status-reply", "poll/jitter", 0, SEV_POLL_SECONDS_MAX},
    {"status-reply", "root", 1, SEV_JSON_INT_MAX},
    {"status-reply", "statusVersion", 0, SEV_JSON_INT_MAX},
    {"status-reply", "timestamp/version", 1, SEV_JSON_INT_MAX},
    {"report", "bootCount", 0, SEV_JSON_INT_MAX},
    {"report", "counter", 1, SEV_JSON_INT_MAX},
    {"report", "held/root", 0, SEV_JSON_INT_MAX},
    {"report", "held/targets", 0, SEV_JSON_INT_MAX},
    {"report", "installed_image/fileinfo/length", 0, SEV_JSON_INT_MAX},
    {"report", "previous/releaseCounter", 0, SEV_JSON_INT_MAX},
    {"report", "releaseCounter", 0, SEV_JSON_INT_MAX},
    {"grant", "bundle/version", 0, SEV_JSON_INT_MAX},
    {"time, batch", "batch/size", 1, (int64_t)1 << SEV_MERKLE_PATH_MAX},
    {"key-envelope", "blob/length", 0, SEV_JSON_INT_MAX},
    {"prekey", "counter", 1, SEV_JSON_INT_MAX},
    {"attestation", "counter", 1, SEV_JSON_INT_MAX},
    {"attestation", "report/length", 0, SEV_JSON_INT_MAX},
    {"time-proof", "index", 0, SEV_JSON_INT_MAX},
};
static const struct bound texts[] = {
    {"status", "primary", 1, SEV_ID_BYTES_MAX},
    {"status", "vehicle", 1, SEV_ID_BYTES_MAX},
    {"status-reply", "vehicle", 1, SEV_ID_BYTES_MAX},
    {"status-reply", "want/0", 1, SEV_ID_BYTES_MAX},
    {"report", "attacks_detected", 0, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"report", "ecu_serial", 1, SEV_ID_BYTES_MAX},
    {"report", "vehicle", 1, SEV_ID_BYTES_MAX},
    {"report", "installed_image/filepath", 1, SEV_NAME_BYTES_MAX},
    {"report", "previous/filepath", 1, SEV_NAME_BYTES_MAX},
    {"report", "result/code", 1, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"report", "result/correlationId", 1, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"report", "result/description", 0, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"grant", "bundle/id", 1, SEV_ID_BYTES_MAX},
    {"grant", "oem", 1, SEV_ID_BYTES_MAX},
    {"submission", "name", 1, SEV_NAME_BYTES_MAX},
    {"submission", "oem", 1, SEV_ID_BYTES_MAX},
    {"submission", "role", 1, SEV_ROLE_NAME_BYTES_MAX},
    {"key-envelope", "name", 1, SEV_NAME_BYTES_MAX},
    {"key-envelope", "oem", 1, SEV_ID_BYTES_MAX},
    {"prekey", "ecu", 1, SEV_ID_BYTES_MAX},
    {"prekey", "vehicle", 1, SEV_ID_BYTES_MAX},
    {"attestation", "regulator", 1, SEV_ID_BYTES_MAX},
    {"attestation", "scanners/0/name", 1, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"attestation", "scanners/0/rules", 1, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"attestation", "scanners/0/version", 1, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"wrap", "ct", 16 * 2, SEV_WRAP_CT_BYTES_MAX * 2},
    {"wrap", "enc", 32 * 2, SEV_WRAP_ENC_BYTES_MAX * 2},
    {"report, aktualizr", "attacks_detected", 0, SEV_FOREIGN_TEXT_BYTES_MAX},
    {"report, aktualizr", "ecu_serial", 1, SEV_ID_BYTES_MAX},
    {"report, aktualizr", "installed_image/filepath", 1, SEV_NAME_BYTES_MAX},
    {"manifest, aktualizr", "primary_ecu_serial", 1, SEV_ID_BYTES_MAX},
    {"manifest, aktualizr", "installation_report/content_type", 0, SEV_MESSAGE_TEXT_BYTES_MAX},
    {"manifest, aktualizr", "installation_report/report/raw_report", 0, SEV_FOREIGN_TEXT_BYTES_MAX},
    {"manifest, aktualizr", "installation_report/report/result/code", 0,
     SEV_FOREIGN_TEXT_BYTES_MAX},
};
static const struct bound arrays[] = {
    {"status", "reports", 1, SEV_ECUS_MAX},
    {"status-reply", "want", 1, SEV_ECUS_MAX},
    {"report", "prekeys", 1, SEV_PREKEYS_MAX},
    {"time, listed", "nonces", 1, SEV_TIME_NONCES_MAX},
    {"attestation", "scanners", 1, SEV_SCANNERS_MAX},
    {"time-proof", "path", 0, SEV_MERKLE_PATH_MAX},
    {"time-request", "nonces", 1, SEV_TIME_NONCES_MAX},
    {"time-answer", "proofs", 1, SEV_TIME_NONCES_MAX},
    {"manifest, aktualizr", "installation_report/report/items", 0, SEV_ECUS_MAX},
};

static const struct message_case *case_named(const char *name)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++)
        if (strcmp(message_cases[i].name, name) == 0)
            return &message_cases[i];
    fail_msg("no message %s", name);
    return NULL;
}

static const struct value *value_named(const struct values *v, const char *path)
{
    for (uint32_t k = 0; k < v->count; k++)
        if (strcmp(v->all[k].path, path) == 0)
            return &v->all[k];
    fail_msg("no value %s", path);
    return NULL;
}

static void expect_with(const struct bound *b, sev_slice with, bool accepted)
{
    const struct message_case *c = case_named(b->message);
    struct values *v = values_of(c);
    const struct value *at = value_named(v, b->path);
    sev_slice body = edited(v->body, at->start, at->end, with);
    union any_message m;
    sev_err e = decode_text(c, body, &m);
    if ((e == SEV_OK) != accepted)
        print_error("%s: %s, %zu bytes\n", b->message, b->path, with.len);
    CHECK_ERR(e, accepted ? SEV_OK : SEV_E_MALFORMED);
    if (accepted)
        check_says_the_same(c, &m, body);
}

static void expect_integer(const struct bound *b, int64_t n, bool accepted)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    expect_with(b, sev_slice_of(text, (size_t)len), accepted);
}

TEST(msg_members__integer_at_and_beyond_its_bounds)
{
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        const struct bound *b = &integers[i];
        expect_integer(b, b->min, true);
        expect_integer(b, b->max, true);
        expect_integer(b, b->min - 1, false);
        if (b->max < SEV_JSON_INT_MAX)
            expect_integer(b, b->max + 1, false);
    }
}

static sev_slice text_of_length(int64_t n)
{
    static char text[SEV_FOREIGN_TEXT_BYTES_MAX + 16];
    memset(text, 'a', sizeof text);
    text[0] = text[n + 1] = '"';
    return sev_slice_of(text, (size_t)n + 2);
}

TEST(msg_members__text_at_and_beyond_its_bounds)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct bound *b = &texts[i];
        bool hex = strcmp(b->message, "wrap") == 0;
        expect_with(b, text_of_length(b->min), true);
        expect_with(b, text_of_length(b->max), true);
        expect_with(b, text_of_length(b->max + (hex ? 2 : 1)), false);
        if (hex)
            expect_with(b, text_of_length(b->max - 1), false); /* odd */
        if (b->min > 0)
            expect_with(b, text_of_length(b->min - (hex ? 2 : 1)), false);
    }
}

/* An array of `n` times its first element. */
static sev_slice array_of_length(const struct bound *b, int64_t n)
{
    static uint8_t memory[1u << 17];
    const struct message_case *c = case_named(b->message);
    struct values *v = values_of(c);
    const struct value *at = value_named(v, b->path);
    char path[PATH_MAX_CHARS];
    snprintf(path, sizeof path, "%s/0", b->path);
    const struct value *first = value_named(v, path);
    sev_slice element = sev_slice_sub(v->body, first->start, first->end - first->start);
    bool small = element.len * (size_t)n < 40000; /* else the message were too long */
    if (!small)
        element = SEV_LIT("{}");
    sev_buf out = sev_buf_of(memory, sizeof memory);
    sev_buf_put_byte(&out, '[');
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            sev_buf_put_byte(&out, ',');
        sev_buf_put_slice(&out, element);
    }
    sev_buf_put_byte(&out, ']');
    CHECK(!out.overflow && at->end > 0);
    return sev_buf_slice(&out);
}

TEST(msg_members__array_at_and_beyond_its_bounds)
{
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        const struct bound *b = &arrays[i];
        expect_with(b, array_of_length(b, b->min), true);
        if (strcmp(b->message, "time-answer") != 0)
            expect_with(b, array_of_length(b, b->max), true);
        expect_with(b, array_of_length(b, b->max + 1), false);
        if (b->min > 0)
            expect_with(b, array_of_length(b, b->min - 1), false);
    }
}

/* ------------------------------------------------------------ kinds of text */

static void expect_text(const char *message, const char *path, const char *with, bool accepted)
{
    struct bound b = {message, path, 0, 0};
    char text[600];
    int len = snprintf(text, sizeof text, "\"%s\"", with);
    expect_with(&b, sev_slice_of(text, (size_t)len), accepted);
}

TEST(msg_members__text_that_some_form_would_escape__refused)
{
    expect_text("status", "vehicle", "a b~!", true);
    expect_text("status", "vehicle", "a\\\"b", false);
    expect_text("status", "vehicle", "a\\\\b", false);
    expect_text("status", "vehicle", "a\xC3\xA9", false);
    expect_text("status", "vehicle", "a\x7F", false);
}

TEST(msg_members__image_name_that_could_leave_its_folder__refused)
{
    expect_text("report", "installed_image/filepath", "a/\xC3\xA9.bin", true);
    expect_text("report", "installed_image/filepath", "../a", false);
    expect_text("report", "installed_image/filepath", "/a", false);
    expect_text("report", "installed_image/filepath", "a\\\"b", false);
    expect_text("key-envelope", "name", "a//b", false);
    expect_text("submission", "name", "a/", false);
}

TEST(msg_members__hex_in_capitals_or_of_another_length__refused)
{
    expect_text("status", "nonce", H16, true);
    expect_text("status", "nonce", "00112233445566778899AABBCCDDEEFF", false);
    expect_text("status", "nonce", "0g112233445566778899aabbccddeeff", false);
    expect_text("status", "nonce", H16 "00", false);
    expect_text("status", "nonce", "00", false);
    expect_text("status", "base", H16, false);
    expect_text("wrap", "enc", "00112233445566778899AABBCCDDEEFF" H16, false);
    expect_text("grant", "images/0", "", false);
}

TEST(msg_members__time_of_another_form__refused)
{
    expect_text("status", "time", "1970-01-01T00:00:00Z", true);
    expect_text("status", "time", "2026-02-30T00:00:00Z", false);
    expect_text("status", "time", "2026-03-01T10:20:30+00:00", false);
    expect_text("status", "time", "2026-03-01T10:20:30.5Z", false);
}

TEST(msg_members__decision__one_of_three)
{
    expect_text("attestation", "decision", "attested", true);
    expect_text("attestation", "decision", "refused", true);
    expect_text("attestation", "decision", "withdrawn", true);
    expect_text("attestation", "decision", "pending", false);
}

TEST(msg_members__attacks__names_and_commas)
{
    expect_text("report", "attacks_detected", "", true);
    expect_text("report", "attacks_detected", "freeze", true);
    expect_text("report", "attacks_detected", "freeze,some-later-one", true);
    expect_text("report", "attacks_detected", "freeze,", false);
    expect_text("report", "attacks_detected", ",freeze", false);
    expect_text("report", "attacks_detected", "freeze, rollback", false);
    expect_text("report", "attacks_detected", "Freeze", false);
}

/* -------------------------------------------------- rules that span members */

static void expect_body(const char *message, const char *body, sev_err wanted)
{
    union any_message m;
    CHECK_ERR(decode_text(case_named(message), sev_slice_of(body, strlen(body)), &m), wanted);
}

TEST(msg_members__hashes_without_a_digest_that_we_know__refused)
{
    expect_body("key-envelope",
                "{\"_type\":\"key-envelope\",\"blob\":{\"hashes\":{\"md5\":\"00\"},\"length\":1},"
                "\"name\":\"a\",\"oem\":\"o\",\"time\":\"" WHEN "\",\"wrap\":" WRAP "}",
                SEV_E_MALFORMED);
}

TEST(msg_members__time_with_both_nonces_and_batch_or_neither__refused)
{
    expect_body("time, listed",
                "{\"_type\":\"time\",\"batch\":{\"root\":\"" H32 "\",\"size\":3},"
                "\"nonces\":[\"" H16 "\"],\"time\":\"" WHEN "\"}",
                SEV_E_MALFORMED);
    expect_body("time, listed", "{\"_type\":\"time\",\"time\":\"" WHEN "\"}", SEV_E_MALFORMED);
}

#define GRANT_WITH(expires, issued, images)                                                        \
    "{\"_type\":\"grant\",\"bundle\":{\"id\":\"b\",\"version\":1},\"expires\":\"" expires          \
    "\",\"id\":\"" H16 "\",\"images\":[" images "],\"issued\":\"" issued                           \
    "\",\"oem\":\"o\",\"subject\":\"" H32 "\"}"

TEST(msg_members__grant_over_seven_days_or_backwards__refused)
{
    expect_body("grant", GRANT_WITH("2026-03-08T00:00:00Z", "2026-03-01T00:00:00Z", "\"" H32 "\""),
                SEV_OK);
    expect_body("grant", GRANT_WITH("2026-03-08T00:00:01Z", "2026-03-01T00:00:00Z", "\"" H32 "\""),
                SEV_E_MALFORMED);
    expect_body("grant", GRANT_WITH("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "\"" H32 "\""),
                SEV_E_MALFORMED);
}

TEST(msg_members__grant_with_images_out_of_order_or_twice__refused)
{
    const char *e =
        GRANT_WITH("2026-03-08T00:00:00Z", "2026-03-01T00:00:00Z", "\"" H32B "\",\"" H32 "\"");
    expect_body("grant", e, SEV_E_MALFORMED);
    e = GRANT_WITH("2026-03-08T00:00:00Z", "2026-03-01T00:00:00Z", "\"" H32 "\",\"" H32 "\"");
    expect_body("grant", e, SEV_E_MALFORMED);
}

/* The arrays above are too big for one literal. */
TEST(msg_members__grant_with_too_many_images__refused)
{
    static char body[SEV_GRANT_IMAGES_MAX * 70 + 4096];
    for (int n = SEV_GRANT_IMAGES_MAX; n <= SEV_GRANT_IMAGES_MAX + 1; n++) {
        int at = snprintf(body, sizeof body,
                          "{\"_type\":\"grant\",\"bundle\":{\"id\":\"b\","
                          "\"version\":1},\"expires\":\"2026-03-02T00:00:00Z\","
                          "\"id\":\"" H16 "\",\"images\":[");
        for (int i = 0; i < n; i++)
            at += snprintf(body + at, sizeof body - (size_t)at, "%s\"%064x\"", i ? "," : "", i);
        snprintf(body + at, sizeof body - (size_t)at,
                 "],\"issued\":\"" WHEN "\",\"oem\":\"o\",\"subject\":\"" H32 "\"}");
        expect_body("grant", body, n > SEV_GRANT_IMAGES_MAX ? SEV_E_MALFORMED : SEV_OK);
    }
}

/* --------------------------------------------------------------- extensions */

#define WRAP_WITH(custom)                                                                          \
    "{\"_type\":\"prekey\",\"counter\":4," custom "\"ecu\":\"brake-1\",\"key\":" PREKEY_KEY        \
    ",\"time\":\"" WHEN "\",\"vehicle\":\"v\"}"

TEST(msg_members__unknown_member__ignored)
{
    expect_body("prekey", WRAP_WITH("\"custom\":{\"x\":[1]},\"dd\":{\"deep\":[]},"), SEV_OK);
}

TEST(msg_members__unknown_critical_member__refused)
{
    expect_body("prekey", WRAP_WITH("\"custom\":{\"critical\":[\"dd\"]},\"dd\":1,"),
                SEV_E_CRITICAL);
    expect_body("prekey",
                WRAP_WITH("\"custom\":{\"critical\":[\"key\",\"custom\",\"critical\","
                          "\"_type\"]},"),
                SEV_OK);
    expect_body("prekey", WRAP_WITH("\"custom\":{\"critical\":[]},"), SEV_OK);
}

TEST(msg_members__custom_or_critical_of_another_type__refused)
{
    expect_body("prekey", WRAP_WITH("\"custom\":[],"), SEV_E_MALFORMED);
    expect_body("prekey", WRAP_WITH("\"custom\":{\"critical\":{}},"), SEV_E_MALFORMED);
    expect_body("prekey", WRAP_WITH("\"custom\":{\"critical\":[1]},"), SEV_E_MALFORMED);
}

TEST(msg_members__body_of_another_message__wrong_type)
{
    expect_body("prekey", GRANT, SEV_E_WRONG_TYPE);
    expect_body("status", REPLY, SEV_E_WRONG_TYPE);
    expect_body("time-request", "{\"_type\":\"time\",\"nonces\":[\"" H16 "\"]}", SEV_E_WRONG_TYPE);
}

/* ----------------------------------------------------------------- encoding */

TEST(msg_members__encoding_into_too_little_memory__nothing_written)
{
    for (size_t i = 0; i < MESSAGE_CASES; i++) {
        const struct message_case *c = &message_cases[i];
        union any_message m;
        sev_slice body = sev_slice_of(c->body, strlen(c->body));
        CHECK_OK(decode_text(c, body, &m));
        for (size_t room = 0; room < body.len; room += 7) {
            sev_buf out = sev_buf_of(encoded_memory, room);
            CHECK_ERR(c->encode(&m, &out), SEV_E_MEMORY);
            CHECK(out.len == 0 && !out.overflow);
        }
    }
}

/* What a decoder would refuse, an encoder does not write. */
TEST(msg_members__encoding_what_would_be_refused__refused)
{
    union any_message m;
    sev_buf out = sev_buf_of(encoded_memory, sizeof encoded_memory);
    CHECK_OK(decode_text(case_named("status"), SEV_LIT(STATUS), &m));
    struct sev_status s = m.status;
    s.counter = 0;
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_MALFORMED);
    s = m.status;
    s.vehicle = SEV_LIT("a\"b");
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_MALFORMED);
    s = m.status;
    s.reports = SEV_LIT("[]");
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_MALFORMED);
    s = m.status;
    s.reports = SEV_LIT("[{},");
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_JSON_SYNTAX);
    s = m.status;
    s.reports = SEV_LIT("[{\"a\":\"\\n\"}]"); /* canonical elsewhere, not in OLPC */
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_NOT_CANONICAL);
    s.reports = SEV_LIT("[{\"b\":1,\"a\":2}]");
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_NOT_CANONICAL);
    s = m.status;
    s.time = 253402300800; /* the year 10000 */
    CHECK_ERR(sev_status_encode(&s, &out), SEV_E_MALFORMED);

    CHECK_OK(decode_text(case_named("time, listed"), SEV_LIT(TIME_LIST), &m));
    struct sev_time_attestation t = m.time;
    t.nonces = SEV_EMPTY;
    CHECK_ERR(sev_time_attestation_encode(&t, &out), SEV_E_MALFORMED);

    CHECK_OK(decode_text(
        case_named("attestation"),
        sev_slice_of(case_named("attestation")->body, strlen(case_named("attestation")->body)),
        &m));
    struct sev_attestation a = m.attestation;
    a.decision = SEV_DECISIONS;
    CHECK_ERR(sev_attestation_encode(&a, &out), SEV_E_MALFORMED);
    CHECK_EQ(out.len, 0);
}

static uint8_t big[SEV_STATUS_ANSWER_BYTES_MAX + 1], big_out[SEV_STATUS_ANSWER_BYTES_MAX + 4096];

static sev_slice object_of(size_t bytes)
{
    sev_buf b = sev_buf_of(big, sizeof big);
    sev_buf_put(&b, "{\"a\":\"", 6);
    memset(b.ptr + b.len, 'a', bytes - 8);
    b.len += bytes - 8;
    sev_buf_put(&b, "\"}", 2);
    return sev_buf_slice(&b);
}

TEST(msg_members__answer_over_its_limit__refused_both_ways)
{
    static uint32_t slots[64];
    struct sev_arena a = sev_arena_of(slots, sizeof slots);
    struct sev_status_answer m = {.reply = SEV_LIT("{}")}, back;
    sev_buf out = sev_buf_of(big_out, sizeof big_out);
    m.targets = object_of(SEV_DIRECTOR_TARGETS_BYTES_MAX + 1);
    CHECK_ERR(sev_status_answer_encode(&m, &out), SEV_E_MALFORMED);
    m.targets = SEV_EMPTY;
    const size_t frame = strlen("{\"metadata\":{\"snapshot\":},\"reply\":{}}");
    m.snapshot = object_of(SEV_STATUS_ANSWER_BYTES_MAX - frame + 1);
    CHECK_ERR(sev_status_answer_encode(&m, &out), SEV_E_TOO_LONG);
    m.snapshot = object_of(SEV_STATUS_ANSWER_BYTES_MAX - frame);
    CHECK_OK(sev_status_answer_encode(&m, &out));
    CHECK_EQ(out.len, SEV_STATUS_ANSWER_BYTES_MAX);
    CHECK_OK(sev_status_answer_decode(sev_buf_slice(&out), &a, &back));
    sev_buf_put_byte(&out, ' ');
    CHECK_ERR(sev_status_answer_decode(sev_buf_slice(&out), &a, &back), SEV_E_TOO_LONG);
}
