/* The envelope of messages: every test starts from one that opens and breaks exactly one thing.
 * SPDX-License-Identifier: MIT */
#include "messages.h"
#include "signer.h"
#include "test.h"

/* ------------------------------------------------------------------ envelope */

#define SIGS "\"signatures\":[{\"keyid\":\"" H32 "\",\"sig\":\"00\"}]"

static void expect_open(const char *text, sev_err wanted)
{
    struct sev_doc before, d;
    memset(&d, 0x5A, sizeof d);
    before = d;
    CHECK_ERR(sev_message_open(&d, body_of(text)), wanted);
    if (wanted != SEV_OK)
        CHECK(memcmp(&d, &before, sizeof d) == 0);
}

TEST(msg_envelope__canonical_message__opens_without_memory)
{
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\"}}", SEV_OK);
}

TEST(msg_envelope__message_that_is_not_canonical__refused)
{
    expect_open("{" SIGS ", \"signed\":{\"_type\":\"x\"}}", SEV_E_NOT_CANONICAL);
    expect_open("{\"signed\":{\"_type\":\"x\"}," SIGS "}", SEV_E_NOT_CANONICAL);
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"\\u0078\"}}", SEV_E_NOT_CANONICAL);
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\"}}\n", SEV_E_NOT_CANONICAL);
}

TEST(msg_envelope__member_twice__refused)
{
    expect_open("{" SIGS ",\"signed\":{\"_type\":\"x\",\"_type\":\"x\"}}", SEV_E_JSON_DUPLICATE);
}

/* REQ-MET-02 REQ-H11 */
TEST(msg_envelope__no_signature__refused)
{
    expect_open("{\"signed\":{\"_type\":\"x\"}}", SEV_E_SIGNATURE);
    expect_open("{\"signatures\":[],\"signed\":{\"_type\":\"x\"}}", SEV_E_SIGNATURE);
    expect_open("{\"signatures\":{},\"signed\":{\"_type\":\"x\"}}", SEV_E_MALFORMED);
}

TEST(msg_envelope__anything_else_beside_the_two_parts__refused)
{
    expect_open("{\"extra\":1," SIGS ",\"signed\":{\"_type\":\"x\"}}", SEV_E_MALFORMED);
    expect_open("{" SIGS "}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":[]}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":{}}", SEV_E_MALFORMED);
    expect_open("{" SIGS ",\"signed\":{\"_type\":1}}", SEV_E_MALFORMED);
    expect_open("[]", SEV_E_MALFORMED);
}

#define ENTRY(entry) "{\"signatures\":[" entry "],\"signed\":{\"_type\":\"x\"}}"

TEST(msg_envelope__signature_entry_of_another_form__refused)
{
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"00\"}"), SEV_OK);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"method\":\"a\",\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "00\",\"sig\":\"00\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H16 "00112233445566778899AABBCCDDEEFF\",\"sig\":\"00\"}"),
                SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"0\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":\"0A\"}"), SEV_E_MALFORMED);
    expect_open(ENTRY("{\"keyid\":\"" H32 "\",\"sig\":0}"), SEV_E_MALFORMED);
    expect_open(ENTRY("7"), SEV_E_MALFORMED);
}

TEST(msg_envelope__too_many_signatures__refused)
{
    static char text[SEV_SIGS_MAX * 128 + 256];
    for (int n = SEV_SIGS_MAX; n <= SEV_SIGS_MAX + 1; n++) {
        int at = snprintf(text, sizeof text, "{\"signatures\":[");
        for (int i = 0; i < n; i++)
            at += snprintf(text + at, sizeof text - (size_t)at,
                           "%s{\"keyid\":\"%064x\",\"sig\":\"00\"}", i ? "," : "", i);
        snprintf(text + at, sizeof text - (size_t)at, "],\"signed\":{\"_type\":\"x\"}}");
        expect_open(text, n > SEV_SIGS_MAX ? SEV_E_MALFORMED : SEV_OK);
    }
}

/* REQ-H18 */
TEST(msg_envelope__over_64_KiB__refused_before_it_is_read)
{
    const char *head = "{" SIGS ",\"signed\":{\"_type\":\"x\",\"y\":\"";
    size_t fill = SEV_MESSAGE_BYTES_MAX - strlen(head) - 3;
    for (size_t more = 0; more < 2; more++) {
        sev_buf b = sev_buf_of(opened_memory, sizeof opened_memory);
        sev_buf_put_slice(&b, body_of(head));
        memset(b.ptr + b.len, 'a', fill + more);
        b.len += fill + more;
        sev_buf_put(&b, "\"}}", 3);
        CHECK_ERR(sev_message_open(&opened, sev_buf_slice(&b)), more ? SEV_E_TOO_LONG : SEV_OK);
    }
}

#define MAX SEV_MESSAGE_BYTES_MAX

TEST(msg_envelope__writing__refuses_what_could_not_be_read)
{
    uint8_t sig[SEV_SIG_BYTES_MAX + 1] = {0};
    struct sev_message_sig s = {SEV_LIT(H32), sev_slice_of(sig, 70), SEV_LIT("ed25519")};
    static uint8_t big[SEV_MANIFEST_BYTES_MAX];
    sev_slice body = SEV_LIT("{\"_type\":\"x\"}");
    sev_buf out = sev_buf_of(opened_memory, sizeof opened_memory);
    sev_buf small = sev_buf_of(opened_memory, 100);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 0, MAX, &out), SEV_E_MALFORMED);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, SEV_SIGS_MAX + 1, MAX, &out),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, MAX, &small), SEV_E_MEMORY);
    CHECK_ERR(
        sev_envelope_write(SEV_PROFILE_NATIVE, SEV_LIT("{\"b\":1,\"a\":2}"), &s, 1, MAX, &out),
        SEV_E_JSON_LIMIT);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, SEV_LIT("{\"a\": 2}"), &s, 1, MAX, &out),
              SEV_E_NOT_CANONICAL);
    s.sig = sev_slice_of(sig, sizeof sig);
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, MAX, &out), SEV_E_MALFORMED);
    s.sig = SEV_EMPTY;
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, MAX, &out), SEV_E_MALFORMED);
    s.sig = sev_slice_of(sig, 70);
    memset(big, 'a', sizeof big);
    big[0] = big[SEV_MESSAGE_BYTES_MAX - 1] = '"';
    CHECK_ERR(sev_envelope_write(SEV_PROFILE_NATIVE, sev_slice_of(big, SEV_MESSAGE_BYTES_MAX), &s,
                                 1, MAX, &out),
              SEV_E_TOO_LONG);
    CHECK_OK(sev_envelope_write(SEV_PROFILE_AKTUALIZR, sev_slice_of(big, SEV_MESSAGE_BYTES_MAX), &s,
                                1, SEV_MANIFEST_BYTES_MAX, &out));
    out.len = 0;
    CHECK_OK(sev_envelope_write(SEV_PROFILE_NATIVE, body, &s, 1, MAX, &out));
    CHECK_OK(sev_message_open(&opened, sev_buf_slice(&out)));
    CHECK_SLICE(opened.message, body);
}

TEST(msg_signed_by__each_type_of_key__accepted)
{
    static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_RSA};
    for (size_t i = 0; i < 3; i++) {
        struct signer *s = signer_of(types[i], SEV_PROFILE_NATIVE, 1);
        opened_by(s, GRANT);
        CHECK_OK(sev_message_signed_by(NULL, s->public, &opened));
    }
}

TEST(msg_signed_by__another_key_or_another_keys_name__refused)
{
    opened_by(p256(1), GRANT);
    CHECK_ERR(sev_message_signed_by(NULL, p256(2)->public, &opened), SEV_E_SIGNATURE);
    struct signer posing = *p256(2);
    memcpy(posing.id, p256(1)->id, sizeof posing.id); /* 2 signs and says it is 1 */
    opened_by(&posing, GRANT);
    CHECK_ERR(sev_message_signed_by(NULL, p256(1)->public, &opened), SEV_E_SIGNATURE);
    CHECK_ERR(sev_message_signed_by(NULL, p256(2)->public, &opened), SEV_E_SIGNATURE);
}

TEST(msg_signed_by__second_of_two_signatures__accepted)
{
    struct signer *both[] = {p256(1), p256(2)};
    CHECK_OK(sev_message_open(&opened, signed_by(SEV_PROFILE_NATIVE, body_of(GRANT), both, 2,
                                                 opened_memory, sizeof opened_memory)));
    CHECK_OK(sev_message_signed_by(NULL, p256(1)->public, &opened));
    CHECK_OK(sev_message_signed_by(NULL, p256(2)->public, &opened));
}

/* --------------------------------------------------------------------- lists */

TEST(msg_list__absent_array__no_elements)
{
    sev_slice out = SEV_EMPTY;
    sev_json it = sev_list(SEV_EMPTY);
    CHECK(!sev_list_next(&it, &out));
    CHECK_OK(it.err);
}

TEST(msg_list__strings__without_their_quotes)
{
    sev_slice out = SEV_EMPTY;
    sev_json it = sev_list(SEV_LIT("[\"a\",\"\"]"));
    CHECK(sev_list_next(&it, &out));
    CHECK_TEXT(out, "a");
    CHECK(sev_list_next(&it, &out));
    CHECK_TEXT(out, "");
    CHECK(!sev_list_next(&it, &out));
}

TEST(msg_scanners__one_by_one__as_written)
{
    struct sev_scanner s;
    sev_json it = sev_list(SEV_LIT("[" SCANNER ",{\"name\":\"b\",\"version\":\"2\"}]"));
    CHECK(sev_scanner_next(&it, &s));
    CHECK_TEXT(s.rules, "2026-02");
    CHECK(sev_scanner_next(&it, &s));
    CHECK_TEXT(s.name, "b");
    CHECK(s.rules.ptr == NULL);
    CHECK(!sev_scanner_next(&it, &s));
    it = sev_list(SEV_LIT("[{}]"));
    CHECK(!sev_scanner_next(&it, &s));
    CHECK_ERR(it.err, SEV_E_MALFORMED);
}
