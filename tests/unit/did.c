/* did - identities: what a log must be, one refusal after the other. Every test starts from a log
 * that is accepted and breaks one thing. SPDX-License-Identifier: MIT */
#include "identity.h"
#include "test.h"

#define IDENTITY p256(1)
#define FIRST p256(2)
#define SECOND p256(3)
#define THIRD p256(4)

static uint8_t memory[4][2 * SEV_DID_ENTRY_BYTES_MAX];

static sev_slice bytes_of_entry(const struct sev_did_entry *e, struct signer *by)
{
    static int turn;
    turn = (turn + 1) % 4;
    return signed_entry(e, by, memory[turn], sizeof memory[turn]);
}

/* After its first entry. */
static struct sev_did_state begun(void)
{
    struct sev_did_state s = {.created = 0};
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    CHECK_OK(sev_did_follow(NULL, bytes_of_entry(&e, FIRST), &s));
    return s;
}

static sev_err follow(struct sev_did_state *s, sev_slice entry)
{
    struct sev_did_state before = *s;
    sev_err e = sev_did_follow(NULL, entry, s);
    if (e != SEV_OK)
        CHECK(memcmp(&before, s, sizeof before) == 0);
    return e;
}

static sev_err follow_entry(struct sev_did_state *s, const struct sev_did_entry *e,
                            struct signer *by)
{
    return follow(s, bytes_of_entry(e, by));
}

/* REQ-A13 */
TEST(did__a_life__is_followed_from_its_first_entry_to_its_end)
{
    struct sev_did_state s = begun();
    CHECK_EQ(s.created, IDENTITY_TIME);
    CHECK(sev_did_is(sev_did_id(&s.newest.document)));
    CHECK(SEV_DID_CHARS <= 60); /* fits a common name beside everything that is put before it */
    char id[SEV_DID_CHARS];
    memcpy(id, s.newest.document.id, sizeof id);

    struct sev_did_entry e = next_entry(&s, SECOND, THIRD);
    memcpy(e.document.authentication[0], point_of(p256(5)), SEV_DID_POINT_BYTES);
    e.document.agreement_count = 1;
    memset(e.document.agreement[0], 9, SEV_DID_X25519_BYTES);
    CHECK_OK(follow_entry(&s, &e, SECOND));
    CHECK_EQ(s.newest.version, 2);
    CHECK(memcmp(s.newest.document.authentication[0], point_of(p256(5)), 64) == 0);
    CHECK_EQ(s.newest.document.agreement_count, 1);

    e = next_entry(&s, THIRD, NULL);
    CHECK_OK(follow_entry(&s, &e, THIRD));
    CHECK(s.newest.deactivated);
    CHECK_EQ(s.created, IDENTITY_TIME);
    CHECK(memcmp(id, s.newest.document.id, sizeof id) == 0);
}

TEST(did__document__is_a_did_core_document_with_keys_called_by_their_hashes)
{
    struct sev_did_state s = begun();
    uint8_t text[SEV_DID_ENTRY_BYTES_MAX], hash[SEV_SHA256_BYTES];
    char name[SEV_DID_HASH_CHARS];
    sev_buf b = sev_buf_of(text, sizeof text);
    CHECK_OK(sev_did_document_write(&s.newest.document, &b));
    sev_slice method = sev_json_get(sev_buf_slice(&b), "verificationMethod");
    method = sev_slice_sub(method, 1, method.len - 2);
    CHECK_TEXT(sev_json_get(method, "type"), "\"JsonWebKey\"");
    sev_slice jwk = sev_json_get(method, "publicKeyJwk");
    CHECK_TEXT(sev_json_get(jwk, "kty"), "\"EC\"");
    sev_sha256(jwk, hash); /* RFC 7638: in this order, without blanks */
    sev_did_hash_text(hash, name);
    sev_slice id = sev_json_get(method, "id");
    CHECK_SLICE(sev_slice_sub(id, 1 + SEV_DID_CHARS + 1, SEV_DID_HASH_CHARS),
                sev_slice_of(name, sizeof name));
    CHECK_SLICE(sev_json_get(method, "controller"), sev_json_get(sev_buf_slice(&b), "id"));
    uint8_t announced[SEV_SHA256_BYTES];
    sev_did_key_hash(point_of(IDENTITY), announced);
    CHECK(memcmp(announced, hash, sizeof hash) == 0);
}

TEST(did__id__has_one_shape)
{
    struct sev_did_state s = begun();
    char id[SEV_DID_CHARS + 1];
    memcpy(id, s.newest.document.id, SEV_DID_CHARS);
    id[SEV_DID_CHARS] = 'A';
    CHECK(sev_did_is(sev_slice_of(id, SEV_DID_CHARS)));
    CHECK(!sev_did_is(sev_slice_of(id, SEV_DID_CHARS + 1)));
    CHECK(!sev_did_is(sev_slice_of(id, SEV_DID_CHARS - 1)));
    CHECK(!sev_did_is(SEV_EMPTY));
    id[4] = 'S';
    CHECK(!sev_did_is(sev_slice_of(id, SEV_DID_CHARS)));
    id[4] = 's';
    for (const char *c = "+/=. #%\n"; *c != '\0'; c++) {
        id[SEV_DID_CHARS - 1] = *c;
        CHECK(!sev_did_is(sev_slice_of(id, SEV_DID_CHARS)));
    }
}

TEST(did__with_all_that_it_may_have__fits_its_bounds)
{
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    struct sev_did_state s = {.created = 0};
    e.document.authentication_count = SEV_DID_AUTHENTICATION_MAX;
    e.document.agreement_count = SEV_DID_AGREEMENT_MAX;
    e.next_count = SEV_DID_NEXT_MAX;
    for (uint32_t i = 0; i < SEV_DID_AUTHENTICATION_MAX; i++)
        memset(e.document.authentication[i], (int)i + 1, SEV_DID_POINT_BYTES);
    CHECK_OK(sev_did_name(&e));
    CHECK_OK(follow_entry(&s, &e, FIRST));
    CHECK(memcmp(&s.newest, &e, sizeof e) == 0);

    struct sev_did_entry wrong = e;
    uint8_t room[2 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    wrong.document.authentication_count++;
    CHECK_ERR(sev_did_entry_write(&wrong, &b), SEV_E_MALFORMED);
    wrong = e;
    wrong.document.agreement_count++;
    CHECK_ERR(sev_did_entry_write(&wrong, &b), SEV_E_MALFORMED);
    wrong = e;
    wrong.next_count++;
    CHECK_ERR(sev_did_entry_write(&wrong, &b), SEV_E_MALFORMED);
    wrong = e;
    wrong.time = SEV_TIME_MAX + 1;
    CHECK_ERR(sev_did_entry_write(&wrong, &b), SEV_E_MALFORMED);
    b = sev_buf_of(room, 100);
    CHECK_ERR(sev_did_entry_write(&e, &b), SEV_E_MEMORY);
    CHECK_ERR(sev_did_document_write(&e.document, &b), SEV_E_MEMORY);
}

/* ------------------------------------------------------------ one thing broken */

/* `body` with one piece of text replaced, signed by FIRST. */
static sev_slice changed(const struct sev_did_entry *e, const char *from, const char *to)
{
    static char body[8192];
    uint8_t text[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(text, sizeof text);
    CHECK_OK(sev_did_entry_write(e, &b));
    text[b.len] = '\0';
    const char *at = strstr((const char *)text, from);
    CHECK(at != NULL);
    int n = snprintf(body, sizeof body, "%.*s%s%s", (int)(at - (const char *)text),
                     (const char *)text, to, at + strlen(from));
    struct signer *by = FIRST;
    return signed_by(SEV_PROFILE_NATIVE, sev_slice_of(body, (size_t)n), &by, 1, memory[0],
                     sizeof memory[0]);
}

TEST(did__another_spelling_or_a_member_more__refused)
{
    static const struct {
        const char *from, *to;
        sev_err expected;
    } wrongs[] = {
        {"\"did-entry\"", "\"status\"", SEV_E_WRONG_TYPE},
        {"\"deactivated\":false", "\"deactivated\":0", SEV_E_MALFORMED},
        {"\"authentication\":",
         "\"alsoKnownAs\":[\"urn:vin:WVWZZZ1JZXW000001\"],\"authentication\":", SEV_E_MALFORMED},
        {",\"id\":", ",\"hint\":\"WVWZZZ1JZXW000001\",\"id\":", SEV_E_MALFORMED},
        {"\"updateKey\":", "\"u\":\"WVWZZZ1JZXW000001\",\"updateKey\":", SEV_E_MALFORMED},
        {"did/v1", "did/v2", SEV_E_MALFORMED},
        {"\"kty\":\"EC\"", "\"kid\":\"a\",\"kty\":\"EC\"", SEV_E_MALFORMED},
        {"\"type\":\"JsonWebKey\"", "\"type\":\"Multikey\"", SEV_E_MALFORMED},
        {"\"crv\":\"P-256\"", "\"crv\":\"P-384\"", SEV_E_MALFORMED},
        {"2027-01-15T08:00:00Z", "2027-01-15T08:00:00", SEV_E_MALFORMED},
        {"\"time\":", "\"tim\":", SEV_E_MALFORMED},
        {"\"version\":1", "\"version\":\"1\"", SEV_E_MALFORMED},
        {"\"next\":[\"", "\"next\":[\"A", SEV_E_MALFORMED},
        {"\"next\":[", "\"next\":[[],", SEV_E_MALFORMED},
        {"\"next\":[", "\"next\":{},\"o\":[", SEV_E_MALFORMED},
        {"\"document\":{", "\"document\":{},\"e\":{", SEV_E_MALFORMED},
        {"\"x\":\"", "\"x\":\"A", SEV_E_MALFORMED},
        {"\"time\":", "\"previous\":\"\",\"time\":", SEV_E_MALFORMED},
    };
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    struct sev_did_state s = {.created = 0};
    CHECK_OK(follow(&(struct sev_did_state){.created = 0}, changed(&e, "EC", "EC")));
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        CHECK_ERR(follow(&s, changed(&e, wrongs[i].from, wrongs[i].to)), wrongs[i].expected);
}

TEST(did__too_long__refused_unread)
{
    struct sev_did_state s = {.created = 0};
    static uint8_t long_one[SEV_DID_ENTRY_BYTES_MAX + 1];
    CHECK_ERR(follow(&s, sev_slice_of(long_one, sizeof long_one)), SEV_E_TOO_LONG);
    CHECK_ERR(follow(&s, sev_slice_of(long_one, sizeof long_one - 1)), SEV_E_JSON_SYNTAX);
}

TEST(did__two_signatures__refused)
{
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    struct sev_did_state s = {.created = 0};
    struct signer *both[] = {FIRST, SECOND};
    uint8_t body[SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(body, sizeof body);
    CHECK_OK(sev_did_entry_write(&e, &b));
    CHECK_ERR(follow(&s, signed_by(SEV_PROFILE_NATIVE, sev_buf_slice(&b), both, 2, memory[0],
                                   sizeof memory[0])),
              SEV_E_MALFORMED);
}

TEST(did__given_up_with_keys_or_alive_without__refused)
{
    struct sev_did_state s = begun();
    struct sev_did_entry e = next_entry(&s, SECOND, NULL), wrong = e;
    wrong.document.authentication_count = 1;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_MALFORMED);
    wrong = e;
    wrong.document.agreement_count = 1;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_MALFORMED);
    wrong = e;
    wrong.next_count = 1;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_MALFORMED);
    wrong = e = next_entry(&s, SECOND, THIRD);
    wrong.document.authentication_count = 0;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_MALFORMED);
    wrong = e;
    wrong.next_count = 0;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_MALFORMED);
}

/* REQ-A29: who is somebody cannot be chosen. */
TEST(did__first_entry_with_an_id_that_it_does_not_make__refused)
{
    struct sev_did_state s = {.created = 0}, other = begun();
    struct sev_did_entry e = first_entry(p256(6), p256(6), SECOND);
    memcpy(e.document.id, other.newest.document.id, SEV_DID_CHARS);
    CHECK_ERR(follow_entry(&s, &e, p256(6)), SEV_E_DID_MISMATCH);
    e = first_entry(IDENTITY, FIRST, SECOND);
    e.document.id[4] = 'x';
    CHECK_ERR(follow_entry(&s, &e, FIRST), SEV_E_DID_MISMATCH);
}

TEST(did__version_that_is_not_the_next__refused)
{
    struct sev_did_state s = begun(), nothing = {.created = 0};
    struct sev_did_entry e = next_entry(&s, SECOND, THIRD);
    CHECK_ERR(follow_entry(&nothing, &e, SECOND), SEV_E_DID_CHAIN);
    e.version = 3;
    CHECK_ERR(follow_entry(&s, &e, SECOND), SEV_E_DID_CHAIN);
    e.version = 0;
    CHECK_ERR(follow_entry(&s, &e, SECOND), SEV_E_DID_CHAIN);
    e = first_entry(IDENTITY, FIRST, SECOND);
    CHECK_ERR(follow_entry(&s, &e, FIRST), SEV_E_DID_CHAIN);
}

TEST(did__of_another_log__refused)
{
    struct sev_did_state s = begun();
    struct sev_did_entry e = next_entry(&s, SECOND, THIRD), wrong = e;
    wrong.document.id[20] ^= 1;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_DID_MISMATCH);
    wrong = e;
    wrong.previous[31] ^= 1;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_DID_CHAIN);
    wrong = e;
    wrong.time -= 2;
    CHECK_ERR(follow_entry(&s, &wrong, SECOND), SEV_E_DID_CHAIN);
    wrong.time += 1; /* the same second is fine */
    CHECK_OK(follow_entry(&s, &wrong, SECOND));
}

/* The keys of before are of no use any more, to their owner or to a thief. REQ-A13 */
TEST(did__signed_by_a_key_that_was_not_announced__refused)
{
    struct sev_did_state s = begun();
    struct sev_did_entry e = next_entry(&s, FIRST, THIRD);
    CHECK_ERR(follow_entry(&s, &e, FIRST), SEV_E_DID_KEY);
    e = next_entry(&s, IDENTITY, THIRD);
    CHECK_ERR(follow_entry(&s, &e, IDENTITY), SEV_E_DID_KEY);
    e = next_entry(&s, SECOND, THIRD);
    CHECK_ERR(follow_entry(&s, &e, FIRST), SEV_E_SIGNATURE);
    e.next_count = 2; /* one at work, one set aside: either may */
    sev_did_key_hash(point_of(p256(5)), e.next[1]);
    CHECK_OK(follow_entry(&s, &e, SECOND));
    struct sev_did_state either = s;
    e = next_entry(&either, p256(5), FIRST);
    CHECK_OK(follow_entry(&either, &e, p256(5)));
    e = next_entry(&s, THIRD, FIRST);
    CHECK_OK(follow_entry(&s, &e, THIRD));
}

TEST(did__after_its_end__refused)
{
    struct sev_did_state s = begun();
    struct sev_did_entry e = next_entry(&s, SECOND, NULL);
    CHECK_OK(follow_entry(&s, &e, SECOND));
    e = next_entry(&s, THIRD, FIRST);
    e.document = begun().newest.document;
    CHECK_ERR(follow_entry(&s, &e, THIRD), SEV_E_DID_DEACTIVATED);
}

TEST(did__more_entries_than_we_look_at__refused)
{
    struct sev_did_state s = begun();
    s.newest.version = SEV_DID_ENTRIES_MAX - 1;
    struct sev_did_entry e = next_entry(&s, SECOND, SECOND);
    CHECK_OK(follow_entry(&s, &e, SECOND));
    e = next_entry(&s, SECOND, SECOND);
    CHECK_ERR(follow_entry(&s, &e, SECOND), SEV_E_TOO_LONG);
}

static sev_err follow_opened(bool *untouched)
{
    struct sev_did_state s = {.created = 0}, before = s;
    sev_err e = sev_did_follow(NULL, opened.bytes, &s);
    *untouched = memcmp(&s, &before, sizeof s) == 0;
    return e;
}

TEST(did__any_bit_flipped__refused)
{
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    expect_no_flip_accepted(bytes_of_entry(&e, FIRST), follow_opened);
}

/* -------------------------------------------------------------------- logs */

static sev_buf three_entries(struct sev_did_state *end)
{
    static uint8_t log[4 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf b = sev_buf_of(log, sizeof log);
    struct sev_did_state s = {.created = 0};
    struct sev_did_entry e = first_entry(IDENTITY, FIRST, SECOND);
    struct signer *by[] = {FIRST, SECOND, THIRD};
    for (int i = 0; i < 3; i++) {
        sev_slice bytes = bytes_of_entry(&e, by[i]);
        CHECK_OK(sev_did_follow(NULL, bytes, &s));
        sev_buf_put_slice(&b, bytes);
        sev_buf_put_byte(&b, '\n');
        e = next_entry(&s, i == 0 ? SECOND : THIRD, i == 0 ? THIRD : NULL);
    }
    *end = s;
    return b;
}

TEST(did_log__as_of_any_version__is_checked_to_its_end)
{
    struct sev_did_state end, got = {.created = 1};
    sev_buf b = three_entries(&end);
    sev_slice log = sev_buf_slice(&b), id = sev_did_id(&end.newest.document);
    CHECK_OK(sev_did_log_check(NULL, id, log, 0, &got));
    CHECK(memcmp(&got, &end, sizeof got) == 0);
    CHECK_OK(sev_did_log_check(NULL, id, log, 2, &got));
    CHECK_EQ(got.newest.version, 2);
    CHECK_ERR(sev_did_log_check(NULL, id, log, 4, &got), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_did_log_check(NULL, id, log, -1, &got), SEV_E_NOT_FOUND);
    CHECK_EQ(got.newest.version, 2);
    b.ptr[b.len - 3] = '2'; /* of the last entry */
    CHECK(sev_did_log_check(NULL, id, log, 1, &got) != SEV_OK);
}

TEST(did_log__of_another_or_cut_off__refused)
{
    struct sev_did_state end, got = {.created = 7};
    sev_buf b = three_entries(&end);
    sev_slice log = sev_buf_slice(&b), id = sev_did_id(&end.newest.document);
    struct sev_did_entry other = first_entry(p256(6), FIRST, SECOND);
    CHECK_ERR(sev_did_log_check(NULL, sev_did_id(&other.document), log, 0, &got),
              SEV_E_DID_MISMATCH);
    CHECK_ERR(sev_did_log_check(NULL, id, SEV_EMPTY, 0, &got), SEV_E_MALFORMED);
    CHECK_ERR(sev_did_log_check(NULL, id, sev_slice_sub(log, 0, log.len - 1), 0, &got),
              SEV_E_MALFORMED);
    CHECK_ERR(sev_did_log_check(NULL, id, SEV_LIT("\n"), 0, &got), SEV_E_JSON_SYNTAX);
    CHECK_EQ(got.created, 7);
}

/* REQ-A14 */
TEST(did_signed__by_an_authentication_key__and_by_no_other)
{
    struct sev_did_state s = begun();
    struct sev_did_document d = s.newest.document;
    opened_by(IDENTITY, "{\"_type\":\"challenge-answer\"}");
    CHECK_OK(sev_did_signed(NULL, &d, &opened));
    memset(d.authentication[1], 1, SEV_DID_POINT_BYTES); /* no point of the curve */
    d.authentication_count = 2;
    CHECK_OK(sev_did_signed(NULL, &d, &opened));
    memcpy(d.authentication[1], d.authentication[0], SEV_DID_POINT_BYTES);
    memset(d.authentication[0], 1, SEV_DID_POINT_BYTES);
    CHECK_OK(sev_did_signed(NULL, &d, &opened));
    opened_by(FIRST, "{\"_type\":\"challenge-answer\"}"); /* updates, and proves nothing else */
    CHECK_ERR(sev_did_signed(NULL, &d, &opened), SEV_E_SIGNATURE);
    d.authentication_count = 0;
    CHECK_ERR(sev_did_signed(NULL, &d, &opened), SEV_E_SIGNATURE);
}
