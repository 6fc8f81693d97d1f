/* The signer of checkpoints: their text is its own, of the origins of its policy, and what was
 * signed is not taken back.  SPDX-License-Identifier: MIT */
#include "test.h"

#include "secureev/json.h"
#include "secureev/signer.h"

#define NOW ((sev_time)1800000000)
#define US 1000u
#define ORIGIN "log.example/ev"

static struct {
    struct sev_signer_key keys[4]; /* a log's two, a witness's, a timestamp's */
    struct sev_signer signer;
    struct sev_event last;
    int events;
    uint8_t room[SEV_SIGNER_ANSWER_BYTES_MAX];
} f;

static void remember(void *self, const struct sev_event *event)
{
    (void)self;
    f.last = *event;
    f.events++;
}

static struct sev_signer_key a_key(const char *name, struct sev_privkey *key,
                                   sev_signer_notes notes)
{
    struct sev_signer_key k = {.key = key,
                               .repository = SEV_SIGNER_OTHER,
                               .per_minute = 5,
                               .users = {US},
                               .user_count = 1,
                               .notes = notes};
    memcpy(k.name, name, strlen(name));
    if (notes != SEV_SIGNER_NO_NOTES)
        memcpy(k.logs[k.log_count++].origin, ORIGIN, sizeof ORIGIN);
    if (notes == SEV_SIGNER_WITNESS)
        memcpy(k.note_name, "witness.example/w1", 19);
    return k;
}

static void begin(void)
{
    static struct sev_privkey *ed, *ec, *witness;
    if (ed == NULL) {
        CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &ed));
        CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &ec));
        CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &witness));
    }
    memset(&f, 0, sizeof f);
    f.keys[0] = a_key("log", ed, SEV_SIGNER_LOG);
    f.keys[1] = a_key("log-p256", ec, SEV_SIGNER_LOG);
    f.keys[2] = a_key("witness", witness, SEV_SIGNER_WITNESS);
    memcpy(f.keys[2].logs[f.keys[2].log_count++].origin, "another", 8);
    f.keys[3] = a_key("timestamp", ec, SEV_SIGNER_NO_NOTES);
    f.keys[3].documents = 1u << SEV_SIGNER_TIMESTAMP;
    f.signer = (struct sev_signer){.keys = f.keys, .count = 4, .events = {NULL, remember}};
    CHECK_OK(sev_signer_init(&f.signer, 0));
}

static struct sev_checkpoint of_size(uint64_t size)
{
    struct sev_checkpoint c = {.origin = SEV_LIT(ORIGIN), .size = size};
    memset(c.root, (int)size, sizeof c.root);
    return c;
}

static sev_err ask(const char *key, const struct sev_checkpoint *c, sev_buf *line)
{
    uint8_t room[2048];
    sev_buf request = sev_buf_of(room, sizeof room);
    sev_buf answer = sev_buf_of(f.room, sizeof f.room);
    CHECK_OK(sev_signer_request_checkpoint(key, c, &request));
    sev_signer_answer(&f.signer, US, sev_buf_slice(&request), NOW, 0, &answer);
    return sev_signer_read_line(sev_buf_slice(&answer), line);
}

/* The line verifies over the checkpoint's text, by the key that people were given. */
static void expect_line(int which, sev_note_type type, const char *name,
                        const struct sev_checkpoint *c)
{
    uint8_t line_room[1024], text_room[1024];
    sev_buf line = sev_buf_of(line_room, sizeof line_room);
    sev_buf text = sev_buf_of(text_room, sizeof text_room);
    struct sev_note_key key;
    struct sev_note note;
    uint64_t time = 5;
    CHECK_OK(ask(f.keys[which].name, c, &line));
    CHECK_EQ(f.last.id, SEV_EVENT_SIGNED);
    sev_checkpoint_write(c, &text);
    CHECK_OK(sev_note_parse_lines(sev_buf_slice(&text), sev_buf_slice(&line), &note));
    CHECK_EQ(note.count, 1);
    CHECK_OK(sev_note_key_init(sev_slice_of(name, strlen(name)), type,
                               sev_privkey_public(f.keys[which].key), &key));
    CHECK_OK(sev_note_verify(NULL, &note, &key, &time));
    CHECK_EQ(time, type == SEV_NOTE_COSIGNATURE ? NOW : 0);
}

static void expect_refused(const char *key, const struct sev_checkpoint *c, sev_err wanted)
{
    uint8_t room[1024];
    sev_buf line = sev_buf_of(room, sizeof room);
    CHECK_ERR(ask(key, c, &line), wanted);
    CHECK_EQ(line.len, 0);
    CHECK_EQ(f.last.id, SEV_EVENT_SIGN_REFUSED);
}

TEST(signer_note__log_and_witness__sign_the_text_that_is_made_here)
{
    begin();
    struct sev_checkpoint c = of_size(7);
    expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c);
    expect_line(1, SEV_NOTE_ECDSA, ORIGIN, &c);
    expect_line(2, SEV_NOTE_COSIGNATURE, "witness.example/w1", &c);
    c.origin = SEV_LIT("another");
    expect_line(2, SEV_NOTE_COSIGNATURE, "witness.example/w1", &c);
}

TEST(signer_note__other_origin_or_key__not_signed)
{
    begin();
    struct sev_checkpoint c = of_size(7);
    expect_refused("timestamp", &c, SEV_E_POLICY);
    expect_refused("nobody", &c, SEV_E_NOT_FOUND);
    c.origin = SEV_LIT("another");
    expect_refused("log", &c, SEV_E_POLICY);
}

TEST(signer_note__smaller_or_another_root__never_after_the_last)
{
    begin();
    struct sev_checkpoint c = of_size(7), fork = of_size(7), less = of_size(6), more = of_size(8);
    fork.root[0] ^= 1;
    expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c);
    expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c); /* the same again harms nobody */
    expect_refused("log", &less, SEV_E_VERSION_ROLLBACK);
    expect_refused("log", &fork, SEV_E_EQUIVOCATION);
    expect_line(2, SEV_NOTE_COSIGNATURE, "witness.example/w1", &fork); /* each key for itself */
    expect_line(0, SEV_NOTE_ED25519, ORIGIN, &more);
    expect_refused("log", &c, SEV_E_VERSION_ROLLBACK);
}

TEST(signer_note__keys_read_anew__what_was_signed_stays_known)
{
    static struct sev_signer_key again[4];
    begin();
    struct sev_checkpoint c = of_size(7), less = of_size(6);
    expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c);
    memcpy(again, f.keys, sizeof again);
    memset(again[0].logs, 0, sizeof again[0].logs);
    memcpy(again[0].logs[0].origin, ORIGIN, sizeof ORIGIN);
    struct sev_signer now = {.keys = again, .count = 4, .events = {NULL, remember}};
    sev_signer_keep_logs(&f.signer, &now);
    f.signer = now;
    expect_refused("log", &less, SEV_E_VERSION_ROLLBACK);
    expect_line(1, SEV_NOTE_ECDSA, ORIGIN, &less);
}

TEST(signer_note__what_keys_made__is_counted_for_those_who_may_use_them)
{
    static struct sev_signer_key again[4];
    struct sev_signer_counts counts = {.count = 99};
    begin();
    struct sev_checkpoint c = of_size(7);
    for (int i = 0; i < 3; i++)
        expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c);
    expect_refused("timestamp", &c, SEV_E_POLICY);
    f.keys[1].user_count = 0;
    memcpy(again, f.keys, sizeof again);
    for (int i = 0; i < 4; i++)
        again[i].made = 0;
    struct sev_signer now = {.keys = again, .count = 4, .events = {NULL, remember}, .run = 77};
    sev_signer_keep_logs(&f.signer, &now);
    for (int reload = 0; reload < 2; reload++) {
        sev_buf answer = sev_buf_of(f.room, sizeof f.room);
        sev_signer_answer(&f.signer, US, SEV_LIT("{\"ask\":\"counts\"}"), NOW, 0, &answer);
        CHECK_OK(sev_signer_read_counts(sev_buf_slice(&answer), &counts));
        CHECK_EQ(counts.count, 3);
        CHECK_EQ(counts.run, 0);
        CHECK_TEXT(counts.keys[0].key, "log");
        CHECK_EQ(counts.keys[0].made, 3);
        CHECK_TEXT(counts.keys[1].key, "witness");
        CHECK_EQ(counts.keys[1].made + counts.keys[2].made, 0);
        f.signer = now;
    }
    static const char *const others[] = {"",
                                         "{\"run\":1}",
                                         "{\"counts\":[{}],\"run\":1}",
                                         "{\"counts\":[{\"key\":\"a\",\"signed\":-1}],\"run\":1}",
                                         "{\"counts\":[7],\"run\":1}",
                                         "{\"counts\":[],\"run\":\"x\"}"};
    counts.count = 99;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_ERR(sev_signer_read_counts(sev_slice_of(others[i], strlen(others[i])), &counts),
                  SEV_E_MALFORMED);
    CHECK_EQ(counts.count, 99);
}

TEST(signer_note__rate__is_kept)
{
    begin();
    struct sev_checkpoint c = of_size(7);
    for (int i = 0; i < 5; i++)
        expect_line(0, SEV_NOTE_ED25519, ORIGIN, &c);
    c = of_size(8);
    expect_refused("log", &c, SEV_E_RATE_LIMITED);
    c = of_size(7); /* and was not remembered */
    CHECK_EQ(f.keys[0].logs[0].size, 7);
}

TEST(signer_note__requests_that_are_none__refused)
{
    static const char *const requests[] = {
        "{\"ask\":\"checkpoint\",\"key\":\"log\"}",
        "{\"ask\":\"checkpoint\",\"key\":\"log\",\"origin\":\"" ORIGIN
        "\",\"root\":\"00\",\"size\":1}",
        "{\"ask\":\"checkpoint\",\"key\":\"log\",\"origin\":\"" ORIGIN
        "\",\"root\":\"zz\",\"size\":1}",
        "{\"ask\":\"checkpoint\",\"key\":\"log\",\"origin\":\"" ORIGIN
        "\",\"root\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"size\":-1}",
        "{\"ask\":\"checkpoint\",\"key\":\"log\",\"origin\":\"" ORIGIN
        "\",\"root\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
        "{\"ask\":\"checkpoint\",\"key\":\"log\",\"origin\":7,"
        "\"root\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"size\":1}"};
    begin();
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        uint8_t room[256];
        sev_buf answer = sev_buf_of(f.room, sizeof f.room), line = sev_buf_of(room, sizeof room);
        sev_signer_answer(&f.signer, US, sev_slice_of(requests[i], strlen(requests[i])), NOW, 0,
                          &answer);
        CHECK_ERR(sev_signer_read_line(sev_buf_slice(&answer), &line), SEV_E_MALFORMED);
    }
    CHECK(!f.keys[0].logs[0].signed_once);
    sev_buf none = sev_buf_of(NULL, 0);
    CHECK_ERR(sev_signer_read_line(SEV_LIT("nonsense"), &none), SEV_E_MALFORMED);
    CHECK_ERR(sev_signer_read_line(SEV_LIT("{\"line\":\"longer than there is room for\"}"), &none),
              SEV_E_MALFORMED);
}

/* A document that says of itself that it is a checkpoint is none, and no such key signs it. */
TEST(signer_note__documents__not_by_these_keys)
{
    uint8_t room[512], sig_room[SEV_SIG_BYTES_MAX];
    char keyid[SEV_KEY_ID_CHARS];
    begin();
    for (int i = 0; i < 3; i++) {
        sev_buf request = sev_buf_of(room, sizeof room),
                sig = sev_buf_of(sig_room, sizeof sig_room);
        sev_buf answer = sev_buf_of(f.room, sizeof f.room);
        CHECK_OK(sev_signer_request_sign(f.keys[i].name, SEV_LIT("{\"_type\":\"checkpoint\"}"),
                                         &request));
        sev_signer_answer(&f.signer, US, sev_buf_slice(&request), NOW, 0, &answer);
        CHECK_ERR(sev_signer_read_signature(sev_buf_slice(&answer), keyid, &sig), SEV_E_POLICY);
    }
}

static sev_err init_with(void (*change)(struct sev_signer_key *k), int which)
{
    begin();
    change(&f.keys[which]);
    return sev_signer_init(&f.signer, 0);
}
static void two_purposes(struct sev_signer_key *k)
{
    k->documents = 1u << SEV_SIGNER_TIMESTAMP;
}
static void certificates_too(struct sev_signer_key *k)
{
    k->certificates = true;
}
static void two_origins(struct sev_signer_key *k)
{
    memcpy(k->logs[k->log_count++].origin, "x", 2);
}
static void no_origin(struct sev_signer_key *k)
{
    k->log_count = 0;
}
static void bad_origin(struct sev_signer_key *k)
{
    memcpy(k->logs[0].origin, "a+b", 4);
}
static void other_name(struct sev_signer_key *k)
{
    memcpy(k->note_name, "a", 2);
}
static void no_name(struct sev_signer_key *k)
{
    k->note_name[0] = '\0';
}
static void ecdsa(struct sev_signer_key *k)
{
    k->key = f.keys[1].key;
}

TEST(signer_note__policies_that_will_not_do__refused_when_read)
{
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(init_with(two_purposes, i), SEV_E_CONFIG);
        CHECK_ERR(init_with(certificates_too, i), SEV_E_CONFIG);
        CHECK_ERR(init_with(no_origin, i), SEV_E_CONFIG);
        CHECK_ERR(init_with(bad_origin, i), SEV_E_CONFIG);
    }
    CHECK_ERR(init_with(two_origins, 0), SEV_E_CONFIG);
    CHECK_ERR(init_with(other_name, 0), SEV_E_CONFIG);
    CHECK_OK(init_with(other_name, 2));
    CHECK_ERR(init_with(no_name, 2), SEV_E_CONFIG);
    CHECK_ERR(init_with(ecdsa, 2), SEV_E_KEY);
    CHECK_ERR(init_with(two_origins, 3), SEV_E_CONFIG); /* origins of a key that signs files */
    CHECK_ERR(init_with(other_name, 3), SEV_E_CONFIG);
}
