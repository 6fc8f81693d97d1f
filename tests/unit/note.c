/* Signed notes and checkpoints: what is one, whose it is, and that nothing else passes for it.
 * SPDX-License-Identifier: MIT */
#include "secureev/note.h"

#include "secureev/signing.h"
#include "test.h"

#define DASH "\xE2\x80\x94 "
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TEXT "log.example/ev\n7\n" ROOT "\n"

static struct sev_privkey *ed, *ec, *witness;
static struct sev_note_key log_key, ec_key, witness_key;

static void make_keys(void)
{
    if (ed != NULL)
        return;
    CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &ed));
    CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &ec));
    CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &witness));
    CHECK_OK(sev_note_key_init(SEV_LIT("log.example/ev"), SEV_NOTE_ED25519, sev_privkey_public(ed),
                               &log_key));
    CHECK_OK(sev_note_key_init(SEV_LIT("log.example/ev"), SEV_NOTE_ECDSA, sev_privkey_public(ec),
                               &ec_key));
    CHECK_OK(sev_note_key_init(SEV_LIT("witness.example/w1"), SEV_NOTE_COSIGNATURE,
                               sev_privkey_public(witness), &witness_key));
}

static void put_line(const struct sev_privkey *private, const struct sev_note_key *key,
                     uint64_t time, sev_slice text, sev_buf *out)
{
    uint8_t message[SEV_NOTE_MESSAGE_BYTES_MAX], signature[SEV_SIG_BYTES_MAX];
    sev_buf m = sev_buf_of(message, sizeof message), sig = sev_buf_of(signature, sizeof signature);
    CHECK_OK(sev_note_message(key->type, time, text, &m));
    CHECK_OK(sev_privkey_sign(private, sev_buf_slice(&m), &sig));
    CHECK_OK(sev_note_put_line(key, time, sev_buf_slice(&sig), out));
}

/* TEXT under three lines: the log's two keys, and a witness. */
static sev_slice signed_note(void)
{
    static uint8_t room[4096];
    sev_buf b = sev_buf_of(room, sizeof room);
    make_keys();
    sev_buf_put_slice(&b, SEV_LIT(TEXT "\n"));
    put_line(ed, &log_key, 0, SEV_LIT(TEXT), &b);
    put_line(ec, &ec_key, 0, SEV_LIT(TEXT), &b);
    put_line(witness, &witness_key, 1700000000, SEV_LIT(TEXT), &b);
    CHECK(!b.overflow);
    return sev_buf_slice(&b);
}

static sev_err parse(sev_slice bytes)
{
    struct sev_note note = {.count = 99};
    sev_err e = sev_note_parse(bytes, &note);
    CHECK(e == SEV_OK || note.count == 99);
    return e;
}
#define REFUSED(text) CHECK_ERR(parse(SEV_LIT(text)), SEV_E_NOTE)
#define LINE DASH "name AAAAAAA=\n"

/* ----------------------------------------------------------------------- form */

TEST(note__three_lines__read_and_verified)
{
    struct sev_note note;
    uint64_t time = 9;
    CHECK_OK(sev_note_parse(signed_note(), &note));
    CHECK_TEXT(note.text, TEXT);
    CHECK_EQ(note.count, 3);
    CHECK_OK(sev_note_verify(NULL, &note, &log_key, &time));
    CHECK_EQ(time, 0);
    CHECK_OK(sev_note_verify(NULL, &note, &ec_key, NULL));
    CHECK_OK(sev_note_verify(NULL, &note, &witness_key, &time));
    CHECK_EQ(time, 1700000000);
}

TEST(note__text_with_empty_lines__ends_at_the_last_of_them)
{
    struct sev_note note;
    CHECK_OK(sev_note_parse(SEV_LIT("a\n\nb\n\n" LINE), &note));
    CHECK_TEXT(note.text, "a\n\nb\n");
}

TEST(note__form__anything_else_refused)
{
    CHECK_OK(parse(SEV_LIT("a\n\n" LINE)));
    REFUSED("");
    REFUSED("a\n");
    REFUSED("a\n\n");                      /* no signature */
    REFUSED("a\n" LINE);                   /* no empty line */
    REFUSED("a\n\n" DASH "name AAAAAAA="); /* no line feed at the end */
    REFUSED("a\n\n" LINE "x");
    REFUSED("a\n\n" LINE "x\n");
    REFUSED("a\n\n\xE2\x80\x94\n");    /* a line shorter than its beginning */
    REFUSED("a\n\n- name AAAAAAA=\n"); /* another dash */
    REFUSED("a\n\n" DASH "name\n");
    REFUSED("a\n\n" DASH "name \n");
    REFUSED("a\n\n" DASH " AAAAAAA=\n"); /* no name */
    REFUSED("a\n\n" DASH "name AAAA AAA=\n");
    REFUSED("a\n\n" DASH "name AAAAAAA\n");  /* not padded */
    REFUSED("a\n\n" DASH "name AAAAAA==\n"); /* an id and nothing behind it */
    REFUSED("a\n\n" DASH "na+me AAAAAAA=\n");
    REFUSED("a\r\n\n" LINE);
    REFUSED("a\t\n\n" LINE);
    REFUSED("\xFF\n\n" LINE);
    REFUSED("a\n\n" DASH "n\xC2\xA0me AAAAAAA=\n");
    REFUSED("a\n\n" DASH "n\x7Fme AAAAAAA=\n");
}

TEST(note__blanks_of_unicode__in_no_name)
{
    static const char *const blanks[] = {" ",
                                         "\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE2\x80\x80",
                                         "\xE2\x80\x8A",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xA9",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F",
                                         "\xE3\x80\x80",
                                         "+",
                                         "\x01"};
    static const char *const others[] = {"\xC2\xA1",     "\xE1\x9A\x81", "\xE2\x80\x8B",
                                         "\xE2\x80\xA7", "\xE2\x80\xAA", "\xE2\x80\xB0",
                                         "\xE2\x81\xA0", "\xE3\x80\x81", "\xE2\x80\x94"};
    char text[16];
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        int n = snprintf(text, sizeof text, "a%s", blanks[i]);
        CHECK(!sev_note_name_ok(sev_slice_of(text, (size_t)n)));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        int n = snprintf(text, sizeof text, "a%sb", others[i]);
        CHECK(sev_note_name_ok(sev_slice_of(text, (size_t)n)));
    }
    CHECK(!sev_note_name_ok(SEV_EMPTY));
    CHECK(!sev_note_name_ok(SEV_LIT("a\xFF")));
}

TEST(note__sizes__bounded)
{
    static uint8_t room[SEV_NOTE_BYTES_MAX + 1];
    char name[SEV_NOTE_NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);
    CHECK(sev_note_name_ok(sev_slice_of(name, SEV_NOTE_NAME_BYTES_MAX)));
    CHECK(!sev_note_name_ok(sev_slice_of(name, SEV_NOTE_NAME_BYTES_MAX + 1)));
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_buf_put_slice(&b, SEV_LIT("a\n\n"));
    for (int i = 0; i < SEV_NOTE_SIGS_MAX; i++)
        sev_buf_put_slice(&b, SEV_LIT(LINE));
    CHECK_OK(parse(sev_buf_slice(&b)));
    sev_buf_put_slice(&b, SEV_LIT(LINE));
    CHECK_ERR(parse(sev_buf_slice(&b)), SEV_E_NOTE);
    memset(room, 'a', sizeof room);
    memcpy(room + sizeof room - sizeof LINE - 1, "\n\n" LINE, sizeof LINE + 1);
    CHECK_ERR(parse(sev_slice_of(room, sizeof room)), SEV_E_TOO_LONG);
    CHECK_OK(parse(sev_slice_of(room + 1, sizeof room - 1)));
}

/* -------------------------------------------------------------------- whose it is */

TEST(note__every_bit_flipped__no_key_verifies_what_it_covers)
{
    uint8_t copy[4096];
    sev_slice good = signed_note();
    struct sev_note note;
    for (size_t bit = 0; bit < sizeof TEXT * 8; bit++) { /* the text, and the empty line */
        memcpy(copy, good.ptr, good.len);
        copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ (1u << bit % 8));
        if (sev_note_parse(sev_slice_of(copy, good.len), &note) != SEV_OK)
            continue;
        CHECK_ERR(sev_note_verify(NULL, &note, &log_key, NULL), SEV_E_SIGNATURE);
        CHECK_ERR(sev_note_verify(NULL, &note, &ec_key, NULL), SEV_E_SIGNATURE);
        CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
    }
}

TEST(note__unknown_lines__ignored)
{
    struct sev_note note;
    struct sev_note_key other = log_key;
    CHECK_OK(sev_note_parse(signed_note(), &note));
    other.name = SEV_LIT("log.example/other");
    CHECK_ERR(sev_note_verify(NULL, &note, &other, NULL), SEV_E_SIGNATURE);
    other = log_key;
    other.id[3] ^= 1;
    CHECK_ERR(sev_note_verify(NULL, &note, &other, NULL), SEV_E_SIGNATURE);
}

/* A line that bears a known key's name and id and is not its: the whole note is refused. */
TEST(note__one_bad_line_of_a_known_key__refused_beside_a_good_one)
{
    uint8_t room[4096];
    struct sev_note note;
    uint64_t time = 5;
    sev_slice good = signed_note();
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_buf_put_slice(&b, good);
    put_line(witness, &log_key, 0, SEV_LIT(TEXT), &b);
    CHECK_OK(sev_note_parse(sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &log_key, &time), SEV_E_SIGNATURE);
    CHECK_EQ(time, 5);
    CHECK_OK(sev_note_verify(NULL, &note, &ec_key, NULL));
}

TEST(note__two_cosignatures_of_one_witness__the_newest_time)
{
    uint8_t room[4096];
    struct sev_note note;
    uint64_t time = 0;
    sev_slice good = signed_note();
    for (int later = 0; later < 2; later++) {
        sev_buf b = sev_buf_of(room, sizeof room);
        sev_buf_put_slice(&b, good);
        put_line(witness, &witness_key, later ? 1800000000 : 1600000000, SEV_LIT(TEXT), &b);
        CHECK_OK(sev_note_parse(sev_buf_slice(&b), &note));
        CHECK_OK(sev_note_verify(NULL, &note, &witness_key, &time));
        CHECK_EQ(time, later ? 1800000000 : 1700000000);
    }
}

/* The time is under the signature, and a cosignature is none of the plain kind. */
TEST(note__cosignature__its_time_is_signed)
{
    uint8_t room[512], line[256];
    struct sev_note note;
    struct sev_note_key plain = witness_key;
    make_keys();
    plain.type = SEV_NOTE_ED25519;
    sev_buf sig = sev_buf_of(line, sizeof line);
    CHECK_OK(sev_privkey_sign(witness, SEV_LIT(TEXT), &sig));
    sev_buf b = sev_buf_of(room, sizeof room);
    CHECK_OK(sev_note_put_line(&witness_key, 0, sev_buf_slice(&sig), &b));
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
    b.len = 0;
    CHECK_OK(sev_note_put_line(&plain, 0, sev_buf_slice(&sig), &b));
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_OK(sev_note_verify(NULL, &note, &plain, NULL));

    b.len = 0; /* signed at one time, told of another */
    sev_buf message = sev_buf_of(room + 256, 256);
    CHECK_OK(sev_note_message(SEV_NOTE_COSIGNATURE, 1700000000, SEV_LIT(TEXT), &message));
    sig.len = 0;
    CHECK_OK(sev_privkey_sign(witness, sev_buf_slice(&message), &sig));
    b.cap = 256;
    CHECK_OK(sev_note_put_line(&witness_key, 1700000001, sev_buf_slice(&sig), &b));
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
}

TEST(note__cosignature__time_beyond_2_63_or_none_at_all_refused)
{
    uint8_t room[512];
    struct sev_note note;
    make_keys();
    sev_buf b = sev_buf_of(room, sizeof room);
    put_line(witness, &witness_key, (uint64_t)1 << 63, SEV_LIT(TEXT), &b);
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
    b.len = 0;
    put_line(witness, &witness_key, INT64_MAX, SEV_LIT(TEXT), &b);
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_OK(sev_note_verify(NULL, &note, &witness_key, NULL));
    struct sev_note_key plain = witness_key; /* its lines have no eight bytes of time */
    plain.type = SEV_NOTE_ED25519;
    b.len = 0;
    CHECK_OK(sev_note_put_line(&plain, 0, SEV_LIT("1234567"), &b));
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
}

TEST(note__cosignature_of_a_long_text__refused)
{
    static uint8_t room[512], text[SEV_NOTE_MESSAGE_BYTES_MAX + 1];
    struct sev_note note;
    make_keys();
    memset(text, 'x', sizeof text);
    sev_buf b = sev_buf_of(room, sizeof room);
    put_line(witness, &witness_key, 1, SEV_LIT(TEXT), &b);
    CHECK_OK(sev_note_parse_lines(sev_slice_of(text, sizeof text), sev_buf_slice(&b), &note));
    CHECK_ERR(sev_note_verify(NULL, &note, &witness_key, NULL), SEV_E_SIGNATURE);
    CHECK_ERR(sev_note_message(SEV_NOTE_COSIGNATURE, 1, SEV_LIT("x"), &(sev_buf){.ptr = room}),
              SEV_E_MEMORY);
}

TEST(note__lines_alone__must_be_lines)
{
    static uint8_t room[SEV_NOTE_BYTES_MAX + 8192], signature[5000];
    struct sev_note note;
    sev_buf b = sev_buf_of(room, sizeof room);
    while (b.len <= SEV_NOTE_BYTES_MAX) {
        sev_buf_put_slice(&b, SEV_LIT(DASH "n "));
        sev_base64_encode(sev_slice_of(signature, sizeof signature), &b);
        sev_buf_put_byte(&b, '\n');
    }
    CHECK_ERR(sev_note_parse_lines(SEV_LIT(TEXT), sev_buf_slice(&b), &note), SEV_E_TOO_LONG);
    CHECK_OK(sev_note_parse_lines(SEV_LIT(TEXT), SEV_LIT(LINE), &note));
    CHECK_ERR(sev_note_parse_lines(SEV_LIT(TEXT), SEV_EMPTY, &note), SEV_E_NOTE);
    CHECK_ERR(sev_note_parse_lines(SEV_LIT(TEXT), SEV_LIT("\n" LINE), &note), SEV_E_NOTE);
    CHECK_ERR(sev_note_parse_lines(SEV_LIT(TEXT), SEV_LIT("\xFF"), &note), SEV_E_NOTE);
}

/* ----------------------------------------------------------------------- keys */

TEST(note__keys__written_and_read_again)
{
    uint8_t room[512];
    make_keys();
    const struct sev_note_key *const keys[] = {&log_key, &ec_key, &witness_key};
    for (size_t i = 0; i < 3; i++) {
        struct sev_note_key again;
        sev_buf b = sev_buf_of(room, sizeof room);
        CHECK_OK(sev_note_key_write(keys[i], &b));
        CHECK_OK(sev_note_key_parse(sev_buf_slice(&b), &again));
        CHECK_SLICE(again.name, keys[i]->name);
        CHECK_EQ(again.type, keys[i]->type);
        CHECK(memcmp(again.id, keys[i]->id, sizeof again.id) == 0);
        CHECK_EQ(again.key.type, keys[i]->key.type);
        CHECK(memcmp(again.key.material, keys[i]->key.material, again.key.len) == 0);
        for (size_t n = 0; n < b.len; n++) /* cut off anywhere */
            CHECK(sev_note_key_parse(sev_slice_of(room, n), &again) != SEV_OK);
        size_t first = i == 1 ? again.name.len : 0; /* the id of ECDSA is not of the name */
        for (size_t n = first; n < b.len;
             n++) { /* another character anywhere: at least another id */
            uint8_t was = room[n];
            room[n] = was == 'A' ? 'B' : 'A';
            CHECK(sev_note_key_parse(sev_slice_of(room, b.len), &again) != SEV_OK || was == 'a');
            room[n] = was;
        }
    }
}

/* The id of RFC text: SHA-256(name LF type key), of ECDSA of the key alone. */
TEST(note__ids__as_assigned)
{
    struct sev_pubkey key = {.type = SEV_KEY_ED25519, .len = 32};
    struct sev_note_key made;
    uint8_t bytes[64] = "n\n\x01", digest[SEV_SHA256_BYTES];
    CHECK_OK(sev_note_key_init(SEV_LIT("n"), SEV_NOTE_ED25519, &key, &made));
    sev_sha256(sev_slice_of(bytes, 3 + 32), digest);
    CHECK(memcmp(made.id, digest, 4) == 0);
    bytes[2] = 4;
    CHECK_OK(sev_note_key_init(SEV_LIT("n"), SEV_NOTE_COSIGNATURE, &key, &made));
    sev_sha256(sev_slice_of(bytes, 3 + 32), digest);
    CHECK(memcmp(made.id, digest, 4) == 0);
    make_keys();
    CHECK_OK(sev_note_key_init(SEV_LIT("other"), SEV_NOTE_ECDSA, sev_privkey_public(ec), &made));
    CHECK(memcmp(made.id, ec_key.id, 4) == 0);
}

TEST(note__keys__what_is_none_refused)
{
    struct sev_note_key key = {.type = SEV_NOTE_ECDSA};
    make_keys();
#define NO_KEY(text, err) CHECK_ERR(sev_note_key_parse(SEV_LIT(text), &key), err)
    NO_KEY("", SEV_E_KEY);
    NO_KEY("n+00000000", SEV_E_KEY);
    NO_KEY("n+00000000+", SEV_E_KEY);
    NO_KEY("n+00000000-AAAA", SEV_E_KEY);
    NO_KEY("n+0000000g+AQ==", SEV_E_KEY);
    NO_KEY("n+00000000+AQ", SEV_E_KEY);
    NO_KEY("n+00000000+AQ==", SEV_E_KEY); /* a type without a key */
    NO_KEY("n+00000000+Ag==", SEV_E_KEY);
    NO_KEY("n+00000000+BgAA", SEV_E_UNSUPPORTED); /* ML-DSA-44 */
    NO_KEY("n+00000000+AwAA", SEV_E_UNSUPPORTED);
    NO_KEY("+00000000+"
           "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
           SEV_E_KEY);
    NO_KEY("n+00000000+"
           "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
           SEV_E_KEY); /* id */
    CHECK_EQ(key.type, SEV_NOTE_ECDSA);
    /* One byte short, under the id that it has with a zero in its place. */
    struct sev_pubkey zero = {.type = SEV_KEY_ED25519, .len = 32};
    struct sev_note_key short_key;
    char text[128];
    CHECK_OK(sev_note_key_init(SEV_LIT("n"), SEV_NOTE_ED25519, &zero, &short_key));
    int len =
        snprintf(text, sizeof text,
                 "n+%02x%02x%02x%02x+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", short_key.id[0],
                 short_key.id[1], short_key.id[2], short_key.id[3]);
    CHECK_ERR(sev_note_key_parse(sev_slice_of(text, (size_t)len), &key), SEV_E_KEY);
    CHECK_ERR(sev_note_key_init(SEV_LIT("a b"), SEV_NOTE_ED25519, sev_privkey_public(ed), &key),
              SEV_E_BAD_NAME);
    CHECK_ERR(sev_note_key_init(SEV_LIT("a"), SEV_NOTE_ECDSA, sev_privkey_public(ed), &key),
              SEV_E_UNSUPPORTED);
    CHECK_ERR(sev_note_key_init(SEV_LIT("a"), SEV_NOTE_COSIGNATURE, sev_privkey_public(ec), &key),
              SEV_E_UNSUPPORTED);
}

TEST(note__no_room__nothing_usable_written)
{
    uint8_t room[300];
    make_keys();
    for (size_t cap = 0; cap < 60; cap++) {
        sev_buf b = sev_buf_of(room, cap);
        CHECK_ERR(sev_note_key_write(&log_key, &b), SEV_E_MEMORY);
        CHECK_EQ(b.len, 0);
        CHECK_ERR(sev_note_put_line(&log_key, 0, SEV_LIT("123456789012345678901234567890"), &b),
                  SEV_E_MEMORY);
        CHECK_EQ(b.len, 0);
    }
}

/* ---------------------------------------------------------------- checkpoints */

static sev_err check(sev_slice text)
{
    struct sev_checkpoint c = {.size = 99};
    sev_err e = sev_checkpoint_parse(text, &c);
    CHECK(e == SEV_OK || c.size == 99);
    return e;
}
#define NO_CHECKPOINT(text) CHECK_ERR(check(SEV_LIT(text)), SEV_E_NOTE)

TEST(checkpoint__read_and_written__the_same)
{
    static const char *const texts[] = {TEXT, "o\n0\n" ROOT "\n",
                                        "o p\n9007199254740991\n" ROOT "\nmore\nand more\n"};
    for (size_t i = 0; i < 3; i++) {
        struct sev_checkpoint c;
        uint8_t room[256];
        sev_buf b = sev_buf_of(room, sizeof room);
        sev_slice text = sev_slice_of(texts[i], strlen(texts[i]));
        CHECK_OK(sev_checkpoint_parse(text, &c));
        sev_checkpoint_write(&c, &b);
        CHECK_SLICE(sev_buf_slice(&b), text);
    }
}

TEST(checkpoint__anything_else__refused)
{
    NO_CHECKPOINT("");
    NO_CHECKPOINT("o\n7\n" ROOT);     /* does not end */
    NO_CHECKPOINT("\n7\n" ROOT "\n"); /* no origin */
    NO_CHECKPOINT("o\n\n" ROOT "\n");
    NO_CHECKPOINT("o\n07\n" ROOT "\n");
    NO_CHECKPOINT("o\n-7\n" ROOT "\n");
    NO_CHECKPOINT("o\n9007199254740992\n" ROOT "\n");
    NO_CHECKPOINT("o\n7\nAAAA\n"); /* too short */
    NO_CHECKPOINT("o\n7\n" ROOT " \n");
    NO_CHECKPOINT("o\n7\n!" ROOT "\n");
    NO_CHECKPOINT("o\n7\n" ROOT "\n\n"); /* an empty line more */
    NO_CHECKPOINT("o\n7\n" ROOT "\nx");
    NO_CHECKPOINT("o\n7\n" ROOT "\nx\n\ny\n");
}

TEST(checkpoint__length__bounded)
{
    static uint8_t text[SEV_CHECKPOINT_BYTES_MAX + 1];
    memset(text, 'o', sizeof text);
    memcpy(text + sizeof text - 48, "\n7\n" ROOT "\n", 48);
    CHECK_ERR(check(sev_slice_of(text, sizeof text)), SEV_E_NOTE);
    CHECK_OK(check(sev_slice_of(text + 1, sizeof text - 1)));
}
