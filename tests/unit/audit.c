/* The audit log's logic over a real store and the real signer: leaves once and in order, nothing
 * signed that does not go on, and witnesses that see forks.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "secureev/audit.h"

#include <stdlib.h>

#include "stores.h"
#include "test.h"

#define ORIGIN "log.example/ev"
#define SALT SEV_LIT("0123456789abcdef0123456789abcdef")

static struct {
    struct sev_store store, second; /* the log's, a witness's */
    struct sev_signer_key keys[3];
    struct sev_signer signer;
    struct sev_sign_note sign;
    struct sev_note_key log_key, witness_key;
    struct sev_audit_log log;
    struct sev_audit_witnessed witnessed;
    struct sev_audit_witness witness;
    sev_event_id last;
    int events;
    uint8_t memory[SEV_AUDIT_ARENA_BYTES];
    struct sev_arena arena;
} f;

static void remember(void *self, const struct sev_event *event)
{
    (void)self;
    if (event->id == SEV_EVENT_SIGNED || event->id == SEV_EVENT_SIGN_REFUSED)
        return;
    f.last = event->id;
    f.events++;
}

static sev_err sign_here(void *self, const char *key, const struct sev_checkpoint *checkpoint,
                         sev_buf *line)
{
    uint8_t request[2048];
    static uint8_t room[SEV_SIGNER_ANSWER_BYTES_MAX];
    sev_buf r = sev_buf_of(request, sizeof request), answer = sev_buf_of(room, sizeof room);
    (void)self;
    CHECK_OK(sev_signer_request_checkpoint(key, checkpoint, &r));
    sev_signer_answer(&f.signer, 1, sev_buf_slice(&r), 1800000000, 0, &answer);
    return sev_signer_read_line(sev_buf_slice(&answer), line);
}

static void make_key(int i, const char *name, sev_signer_notes notes, sev_key_type type)
{
    static struct sev_privkey *made[3];
    if (made[i] == NULL)
        CHECK_OK(sev_privkey_generate(type, 0, &made[i]));
    f.keys[i] = (struct sev_signer_key){.key = made[i],
                                        .per_minute = 100000,
                                        .users = {1},
                                        .user_count = 1,
                                        .notes = notes,
                                        .log_count = 1};
    memcpy(f.keys[i].name, name, strlen(name));
    memcpy(f.keys[i].logs[0].origin, ORIGIN, sizeof ORIGIN);
    if (notes == SEV_SIGNER_WITNESS)
        memcpy(f.keys[i].note_name, "witness.example/w1", 19);
}

static struct sev_arena *arena(void)
{
    f.arena = sev_arena_of(f.memory, sizeof f.memory);
    return &f.arena;
}

static void forget_signed(void)
{
    CHECK_OK(sev_signer_init(&f.signer, 0));
    for (int i = 0; i < 3; i++)
        f.keys[i].logs[0].signed_once = false;
}

static void begin(void)
{
    sev_store_close(&f.store);
    sev_store_close(&f.second);
    memset(&f, 0, sizeof f);
    CHECK_OK(sev_store_open(store_path(), &f.store));
    CHECK_OK(sev_store_open(store_path(), &f.second));
    make_key(0, "log", SEV_SIGNER_LOG, SEV_KEY_ED25519);
    make_key(1, "log-p256", SEV_SIGNER_LOG, SEV_KEY_P256);
    make_key(2, "witness", SEV_SIGNER_WITNESS, SEV_KEY_ED25519);
    f.signer = (struct sev_signer){.keys = f.keys, .count = 3, .events = {NULL, remember}};
    forget_signed();
    f.sign = (struct sev_sign_note){NULL, sign_here};
    f.log = (struct sev_audit_log){&f.store, SEV_LIT(ORIGIN), {NULL, remember}};
    CHECK_OK(sev_note_key_init(SEV_LIT(ORIGIN), SEV_NOTE_ED25519, sev_privkey_public(f.keys[0].key),
                               &f.log_key));
    CHECK_OK(sev_note_key_init(SEV_LIT("witness.example/w1"), SEV_NOTE_COSIGNATURE,
                               sev_privkey_public(f.keys[2].key), &f.witness_key));
    f.witnessed = (struct sev_audit_witnessed){SEV_LIT(ORIGIN), {f.log_key}, 1};
    f.witness = (struct sev_audit_witness){&f.second, "witness", &f.witnessed, 1, {NULL, remember}};
}

/* --------------------------------------------------------------------- leaves */

static struct sev_shipment shipment(int64_t sequence, const char *what)
{
    return (struct sev_shipment){.sequence = sequence,
                                 .vehicle = SEV_LIT("did:secureev:car-1"),
                                 .decision = {1800000000, SEV_LIT("did:secureev:car-1"),
                                              sev_slice_of(what, strlen(what)),
                                              SEV_LIT("{\"vin\":\"WVWZZZ1KZAW000001\"}")}};
}

static sev_slice leaf_of(int64_t sequence, const char *what)
{
    static uint8_t room[SEV_AUDIT_LEAF_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    struct sev_shipment s = shipment(sequence, what);
    CHECK_OK(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b));
    return sev_buf_slice(&b);
}

TEST(audit__leaf__says_what_and_not_whom)
{
    struct sev_audit_leaf l;
    uint8_t blind[SEV_SHA256_BYTES], digest[SEV_SHA256_BYTES];
    struct sev_sha256 h;
    sev_slice leaf = leaf_of(7, "assign");
    CHECK_OK(sev_audit_leaf_parse(leaf, &l));
    CHECK_TEXT(l.what, "assign");
    CHECK_TEXT(l.source, "director");
    CHECK_EQ(l.sequence, 7);
    CHECK_EQ(l.time, 1800000000);
    CHECK(memcmp(l.actor, l.subject, sizeof l.actor) == 0); /* the vehicle itself did it */
    CHECK(memmem(leaf.ptr, leaf.len, "car-1", 5) == NULL);
    CHECK(memmem(leaf.ptr, leaf.len, "WVW", 3) == NULL);
    /* It can be opened, and only with what the salt gives. */
    sev_audit_blind(SALT, SEV_LIT("director"), 7, blind);
    sev_sha256_init(&h);
    sev_sha256_update(&h, blind, sizeof blind);
    struct sev_shipment s = shipment(7, "assign");
    sev_sha256_update(&h, s.decision.reason.ptr, s.decision.reason.len);
    sev_sha256_final(&h, digest);
    CHECK(memcmp(digest, l.reason, sizeof digest) == 0);
    sev_audit_blind(SALT, SEV_LIT("director"), 8, digest);
    CHECK(memcmp(digest, blind, sizeof digest) != 0);
    sev_audit_blind(SALT, SEV_LIT("images"), 7, digest);
    CHECK(memcmp(digest, blind, sizeof digest) != 0);
}

TEST(audit__pseudonyms__the_same_for_the_same_by_one_salt)
{
    char a[SEV_AUDIT_PSEUDONYM_CHARS], b[SEV_AUDIT_PSEUDONYM_CHARS];
    sev_audit_pseudonym(SALT, SEV_LIT("car-1"), a);
    sev_audit_pseudonym(SALT, SEV_LIT("car-1"), b);
    CHECK(memcmp(a, b, sizeof a) == 0);
    sev_audit_pseudonym(SALT, SEV_LIT("car-2"), b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    sev_audit_pseudonym(SEV_LIT("another salt, as long as it must be"), SEV_LIT("car-1"), b);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(audit__leaf__words_are_made_words_and_short_salts_refused)
{
    struct sev_audit_leaf l;
    uint8_t room[SEV_AUDIT_LEAF_BYTES_MAX];
    char what[200];
    sev_buf b = sev_buf_of(room, sizeof room);
    struct sev_shipment s = shipment(1, "Tell \"VIN\" to all");
    CHECK_OK(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b));
    CHECK_OK(sev_audit_leaf_parse(sev_buf_slice(&b), &l));
    CHECK_TEXT(l.what, "Tell__VIN__to_all");
    memset(what, 'w', sizeof what);
    s.decision.what = sev_slice_of(what, sizeof what);
    b.len = 0;
    CHECK_OK(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b));
    CHECK_OK(sev_audit_leaf_parse(sev_buf_slice(&b), &l));
    CHECK_EQ(l.what.len, SEV_AUDIT_WORD_CHARS_MAX);
    s.decision.what = SEV_EMPTY;
    s.decision.time = SEV_TIME_MAX + 1; /* nor does an odd clock stop what comes after */
    b.len = 0;
    CHECK_OK(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b));
    b.len = 0;
    CHECK_ERR(sev_audit_leaf_write(SEV_LIT("short"), SEV_LIT("director"), &s, &b), SEV_E_MALFORMED);
    CHECK_ERR(sev_audit_leaf_write(SALT, SEV_LIT("no word"), &s, &b), SEV_E_MALFORMED);
    CHECK_ERR(sev_audit_leaf_write(SALT, SEV_EMPTY, &s, &b), SEV_E_MALFORMED);
    s.sequence = -1;
    CHECK_ERR(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b), SEV_E_MALFORMED);
    s = shipment(1, "x");
    b.cap = 100;
    CHECK_ERR(sev_audit_leaf_write(SALT, SEV_LIT("director"), &s, &b), SEV_E_MEMORY);
    CHECK_EQ(b.len, 0);
}

#define P32 "00112233445566778899aabbccddeeff"
#define R64 P32 P32
#define LEAF(actor, more, sequence, source, time, what)                                            \
    "{\"actor\":\"" actor "\"," more "\"reason\":\"" R64 "\",\"sequence\":" sequence               \
    ",\"source\":\"" source "\",\"subject\":\"" P32 "\",\"time\":\"" time "\",\"what\":\"" what    \
    "\"}"
#define WHEN "2026-03-01T10:20:30Z"

TEST(audit__leaf__anything_else_refused)
{
    static const char *const leaves[] = {
        LEAF(P32, "", "1", "s", WHEN, ""),
        LEAF(P32, "", "1", "", WHEN, "w"),
        LEAF(P32, "", "1", "did:x", WHEN, "w"),
        LEAF(P32, "", "1", "s", WHEN, "two words"),
        LEAF(P32, "", "-1", "s", WHEN, "w"),
        LEAF(P32, "", "\"1\"", "s", WHEN, "w"),
        LEAF(P32, "", "1", "s", "yesterday", "w"),
        LEAF("00", "", "1", "s", WHEN, "w"),
        LEAF("00112233445566778899AABBCCDDEEFF", "", "1", "s", WHEN, "w"),
        LEAF("0011223344556677 899aabbccddeeff", "", "1", "s", WHEN, "w"),
        LEAF(P32, "\"name\":\"WVWZZZ1KZAW000001\",", "1", "s", WHEN, "w"),
        "{\"actor\":\"" P32 "\"}",
        "{}",
        "[]",
        "\"x\""};
    struct sev_audit_leaf l = {.sequence = 77};
    CHECK_OK(sev_audit_leaf_parse(SEV_LIT(LEAF(P32, "", "1", "s", WHEN, "w")), &l));
    l.sequence = 77;
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        CHECK_ERR(sev_audit_leaf_parse(sev_slice_of(leaves[i], strlen(leaves[i])), &l),
                  SEV_E_MALFORMED);
    CHECK_ERR(sev_audit_leaf_parse(SEV_LIT(" " LEAF(P32, "", "1", "s", WHEN, "w")), &l),
              SEV_E_NOT_CANONICAL);
    CHECK_ERR(sev_audit_leaf_parse(SEV_LIT(""), &l), SEV_E_JSON_SYNTAX);
    static uint8_t big[SEV_AUDIT_LEAF_BYTES_MAX + 1];
    CHECK_ERR(sev_audit_leaf_parse(sev_slice_of(big, sizeof big), &l), SEV_E_TOO_LONG);
    CHECK_EQ(l.sequence, 77);
}

/* ------------------------------------------------------------------------ log */

static sev_slice body_of(int64_t first, uint32_t count, const char *what)
{
    static uint8_t room[SEV_AUDIT_BODY_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_buf_put_slice(&b, SEV_LIT("{\"leaves\":["));
    for (uint32_t i = 0; i < count; i++) {
        sev_buf_put_slice(&b, i == 0 ? SEV_EMPTY : SEV_LIT(","));
        sev_buf_put_slice(&b, leaf_of(first + i, what));
    }
    sev_buf_put_slice(&b, SEV_LIT("]}"));
    CHECK(!b.overflow);
    return sev_buf_slice(&b);
}

static sev_err add(sev_slice body, sev_buf *answer)
{
    return sev_audit_add(&f.log, arena(), SEV_LIT("director"), body, answer);
}

static void add_leaves(int64_t first, uint32_t count)
{
    static uint8_t room[8192];
    sev_buf answer = sev_buf_of(room, sizeof room);
    CHECK_OK(add(body_of(first, count, "status"), &answer));
}

static int64_t sign_log(void)
{
    static const char *const keys[] = {"log", "log-p256"};
    int64_t size = -1;
    CHECK_OK(sev_audit_sign(&f.log, &f.sign, keys, 2, arena(), &size));
    return size;
}

static struct sev_checkpoint checkpoint_of(struct sev_note *note)
{
    struct sev_checkpoint c;
    sev_slice bytes = SEV_EMPTY;
    CHECK_OK(sev_audit_checkpoint(&f.log, arena(), &bytes));
    CHECK_OK(sev_note_parse(bytes, note));
    CHECK_OK(sev_checkpoint_parse(note->text, &c));
    return c;
}

TEST(audit__added__indices_and_again_the_same)
{
    uint8_t room[8192];
    begin();
    sev_buf answer = sev_buf_of(room, sizeof room);
    CHECK_OK(add(body_of(10, 3, "assign"), &answer));
    CHECK_TEXT(sev_buf_slice(&answer), "{\"indices\":[0,1,2],\"size\":3}");
    answer.len = 0;
    CHECK_OK(add(body_of(10, 3, "assign"), &answer));
    CHECK_TEXT(sev_buf_slice(&answer), "{\"indices\":[0,1,2],\"size\":3}");
    answer.len = 0;
    CHECK_OK(add(body_of(11, 4, "assign"), &answer)); /* two of them are there */
    CHECK_TEXT(sev_buf_slice(&answer), "{\"indices\":[1,2,3,4],\"size\":5}");
}

TEST(audit__another_leaf_of_a_number__refused_and_told)
{
    uint8_t room[8192];
    begin();
    sev_buf answer = sev_buf_of(room, sizeof room);
    add_leaves(10, 3);
    CHECK_ERR(add(body_of(12, 2, "other"), &answer), SEV_E_EQUIVOCATION);
    CHECK_EQ(f.last, SEV_EVENT_LOG_LEAF_CHANGED);
    CHECK_EQ(answer.len, 0);
    CHECK_OK(add(body_of(13, 1, "status"), &answer));
    CHECK_TEXT(sev_buf_slice(&answer), "{\"indices\":[3],\"size\":4}");
}

TEST(audit__bodies_that_are_none__refused_and_nothing_taken)
{
    static uint8_t big[SEV_AUDIT_BODY_BYTES_MAX + 1];
    uint8_t room[64];
    int64_t size = -1;
    begin();
    sev_buf answer = sev_buf_of(room, sizeof room);
#define NO_BODY(text, err) CHECK_ERR(add(SEV_LIT(text), &answer), err)
    NO_BODY("", SEV_E_JSON_SYNTAX);
    NO_BODY("{}", SEV_E_MALFORMED);
    NO_BODY("[]", SEV_E_MALFORMED);
    NO_BODY("{\"leaves\":[]}", SEV_E_MALFORMED);
    NO_BODY("{\"leaves\":{}}", SEV_E_MALFORMED);
    NO_BODY("{\"leaves\":[{}]}", SEV_E_MALFORMED);
    NO_BODY("{\"leafs\":[]}", SEV_E_MALFORMED);
    NO_BODY("{\"leaves\":[" LEAF(P32, "", "1", "director", WHEN, "w") "],\"more\":1}",
            SEV_E_MALFORMED);
    NO_BODY("{\"leaves\":[" LEAF(P32, "", "1", "images", WHEN, "w") "]}", SEV_E_WRONG_SUBJECT);
    NO_BODY("{\"leaves\":[" LEAF(P32, "", "1", "director", WHEN,
                                 "w") "," LEAF(P32, "", "1", "director", WHEN, "w") "]}",
            SEV_E_MALFORMED); /* not in order */
    CHECK_ERR(add(sev_slice_of(big, sizeof big), &answer), SEV_E_TOO_LONG);
    CHECK_OK(sev_audit_sign(&f.log, &f.sign, NULL, 0, arena(), &size));
    CHECK_EQ(size, 0);
}

TEST(audit__more_leaves_than_one_request_may_have__refused)
{
    static uint8_t room[SEV_AUDIT_BODY_BYTES_MAX];
    uint8_t answer_room[64];
    begin();
    sev_buf b = sev_buf_of(room, sizeof room), answer = sev_buf_of(answer_room, sizeof answer_room);
    sev_buf_put_slice(&b, SEV_LIT("{\"leaves\":["));
    for (int i = 0; i <= (int)SEV_STORE_LEAVES_MAX; i++) {
        sev_buf_put_slice(&b, i == 0 ? SEV_EMPTY : SEV_LIT(","));
        sev_buf_put_slice(&b, leaf_of(1 + i, "w"));
    }
    sev_buf_put_slice(&b, SEV_LIT("]}"));
    CHECK(!b.overflow);
    CHECK_ERR(add(sev_buf_slice(&b), &answer), SEV_E_TOO_LONG);
}

/* The tree as everybody can make it from the bundles, of sizes around whole tiles. */
TEST(audit__signed__tiles_and_root_are_those_of_the_leaves)
{
    static const uint32_t steps[] = {1, 254, 1, 1, 255, 256, 256, 200};
    struct sev_note note;
    struct sev_merkle tree;
    int64_t size = 0;
    begin();
    sev_merkle_init(&tree);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        add_leaves(size + 1, steps[s]);
        CHECK_ERR(sev_audit_tile(
                      &f.log,
                      &(struct sev_tlog_tile){0, (uint64_t)size / 256, (uint16_t)(size % 256 + 1)},
                      arena(), &(sev_slice){NULL, 0}),
                  SEV_E_NOT_FOUND); /* nobody sees what no checkpoint vouches for */
        size += steps[s];
        CHECK_EQ(sign_log(), size);
        struct sev_checkpoint c = checkpoint_of(&note);
        CHECK_EQ(c.size, size);
        CHECK_EQ(note.count, 2);
        CHECK_OK(sev_note_verify(NULL, &note, &f.log_key, NULL));
        /* All of it from the bundles. */
        sev_merkle_init(&tree);
        for (uint64_t n = 0; tree.count < c.size; n++) {
            struct sev_tlog_tile t = {SEV_TLOG_ENTRIES_LEVEL, n,
                                      sev_tlog_width(c.size, SEV_TLOG_ENTRIES_LEVEL, n)};
            sev_slice bundle = SEV_EMPTY, hashes = SEV_EMPTY, entry;
            struct sev_arena *a = arena();
            CHECK_OK(sev_audit_tile(&f.log, &t, a, &bundle));
            t.level = 0;
            CHECK_OK(sev_audit_tile(&f.log, &t, a, &hashes));
            CHECK_EQ(hashes.len, t.width * 32u);
            for (uint32_t i = 0; i < t.width; i++) {
                uint8_t hash[SEV_SHA256_BYTES];
                CHECK(sev_tlog_entry(&bundle, &entry));
                sev_merkle_leaf(entry, hash);
                CHECK(memcmp(hash, hashes.ptr + i * 32, 32) == 0);
                sev_merkle_add(&tree, hash);
            }
            CHECK_EQ(bundle.len, 0);
        }
        uint8_t root[SEV_SHA256_BYTES];
        sev_merkle_root(&tree, root);
        CHECK(memcmp(root, c.root, sizeof root) == 0);
    }
    sev_slice upper = SEV_EMPTY, level0 = SEV_EMPTY;
    struct sev_arena *a = arena();
    CHECK_OK(sev_audit_tile(&f.log, &(struct sev_tlog_tile){1, 0, 4}, a, &upper));
    CHECK_OK(sev_audit_tile(&f.log, &(struct sev_tlog_tile){0, 3, 256}, a, &level0));
    sev_merkle_init(&tree);
    for (int i = 0; i < 256; i++)
        sev_merkle_add(&tree, level0.ptr + 32 * i);
    uint8_t node[SEV_SHA256_BYTES];
    sev_merkle_root(&tree, node);
    CHECK(memcmp(node, upper.ptr + 96, 32) == 0);
    CHECK_ERR(sev_audit_tile(&f.log, &(struct sev_tlog_tile){1, 0, 5}, a, &upper), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_audit_tile(&f.log, &(struct sev_tlog_tile){2, 0, 1}, a, &upper), SEV_E_NOT_FOUND);
}

TEST(audit__nothing_new__nothing_signed)
{
    sev_slice bytes = SEV_EMPTY;
    begin();
    CHECK_ERR(sev_audit_checkpoint(&f.log, arena(), &bytes), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_audit_ask_witness(&f.log, 0, arena(), &bytes), SEV_E_NOT_FOUND);
    add_leaves(1, 1);
    CHECK_EQ(sign_log(), 1);
    f.keys[0].tokens = f.keys[1].tokens = 0; /* another signature would be refused */
    CHECK_EQ(sign_log(), 1);
}

/* Whoever changes what is stored changes the root; what was signed before shows it. */
TEST(audit__tampered_with__never_signed_again_and_told)
{
    static const char *const keys[] = {"log"};
    struct sev_log_leaf l = {.source = SEV_LIT("director"), .sequence = 99, .bytes = SEV_LIT("x")};
    int64_t size = -1;
    begin();
    add_leaves(1, 5);
    sign_log();
    uint8_t edge[64] = {7}; /* six leaves have two subtrees; these are of no tree that was signed */
    struct sev_log_append a = {
        .expected_size = 5, .leaves = &l, .leaf_count = 1, .edge = sev_slice_of(edge, sizeof edge)};
    CHECK_OK(f.store.log->append(f.store.self, &a));
    CHECK_ERR(sev_audit_sign(&f.log, &f.sign, keys, 1, arena(), &size), SEV_E_LOG_FORK);
    CHECK_EQ(f.last, SEV_EVENT_LOG_DAMAGED);
    CHECK_EQ(size, -1);
    struct sev_note note;
    CHECK_EQ(checkpoint_of(&note).size, 5);
}

TEST(audit__edge_of_another_size__is_damage)
{
    static const char *const keys[] = {"log"};
    struct sev_log_leaf l = {.source = SEV_LIT("director"), .sequence = 99, .bytes = SEV_LIT("x")};
    uint8_t edge[96] = {7}, room[64];
    int64_t size = -1;
    for (size_t len = 0; len <= 96; len += 16) {
        begin();
        struct sev_log_append a = {.leaves = &l, .leaf_count = 1, .edge = sev_slice_of(edge, len)};
        sev_buf answer = sev_buf_of(room, sizeof room);
        CHECK_OK(f.store.log->append(f.store.self, &a));
        CHECK_ERR(sev_audit_sign(&f.log, &f.sign, keys, 1, arena(), &size),
                  len == 32 ? SEV_OK : SEV_E_STORE);
        CHECK_ERR(add(body_of(1, 1, "w"), &answer), len == 32 ? SEV_OK : SEV_E_STORE);
    }
}

TEST(audit__signer_that_refuses__nothing_kept)
{
    static const char *const keys[] = {"log", "nobody"};
    sev_slice bytes = SEV_EMPTY;
    int64_t size = -1;
    begin();
    add_leaves(1, 2);
    CHECK_ERR(sev_audit_sign(&f.log, &f.sign, keys, 2, arena(), &size), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_audit_checkpoint(&f.log, arena(), &bytes), SEV_E_NOT_FOUND);
    CHECK_EQ(sign_log(), 2);
}

/* ------------------------------------------------------------------- shipping */

TEST(audit__shipped_and_again_after_a_crash__each_decision_once)
{
    static uint8_t room[SEV_AUDIT_BODY_BYTES_MAX];
    uint8_t answer_room[8192];
    struct sev_vehicle v = store_vehicle("car-1");
    struct sev_decision d = store_decision("add");
    int64_t last = 0;
    uint32_t count = 0;
    begin();
    CHECK_OK(f.store.vehicle_add(f.store.self, &v, &d));
    for (int i = 0; i < 9; i++)
        CHECK_OK(f.store.decision_add(f.store.self, v.id, &d));
    for (int round = 0; round < 6; round++) {
        sev_buf body = sev_buf_of(room, sizeof room);
        sev_buf answer = sev_buf_of(answer_room, sizeof answer_room);
        CHECK_OK(
            sev_audit_ship(&f.store, SALT, SEV_LIT("director"), 4, arena(), &body, &last, &count));
        if (count == 0)
            break;
        CHECK_OK(add(sev_buf_slice(&body), &answer));
        if (round % 2 == 1) /* else it was killed in between */
            CHECK_OK(f.store.log->shipped(f.store.self, last));
    }
    CHECK_EQ(count, 2);
    CHECK_EQ(sign_log(), 10);
}

/* ------------------------------------------------------------------ witnesses */

static sev_err cosign(sev_slice request, sev_buf *lines, uint64_t *size)
{
    return sev_audit_cosign(&f.witness, NULL, &f.sign, request, lines, size);
}

static sev_slice ask_witness(uint64_t old_size)
{
    sev_slice request = SEV_EMPTY;
    CHECK_OK(sev_audit_ask_witness(&f.log, old_size, arena(), &request));
    uint8_t *copy = malloc(request.len); /* the arena is begun anew by the next call */
    CHECK(copy != NULL);
    memcpy(copy, request.ptr, request.len);
    return sev_slice_of(copy, request.len);
}

TEST(audit__witness__cosigns_what_goes_on)
{
    uint8_t room[1024];
    struct sev_note note;
    uint64_t size = 0, time = 0;
    begin();
    for (uint64_t old = 0; old < 9; old += 3) {
        add_leaves((int64_t)old + 1, 3);
        sign_log();
        sev_slice request = ask_witness(old);
        sev_buf lines = sev_buf_of(room, sizeof room);
        CHECK_OK(cosign(request, &lines, &size));
        CHECK_OK(sev_audit_cosigned(&f.log, NULL, &f.witness_key, request, sev_buf_slice(&lines),
                                    arena()));
        CHECK_EQ(checkpoint_of(&note).size, old + 3);
        CHECK_EQ(note.count, 3);
        CHECK_OK(sev_note_verify(NULL, &note, &f.witness_key, &time));
        CHECK_EQ(time, 1800000000);
        CHECK_OK(sev_note_verify(NULL, &note, &f.log_key, NULL));
        free((void *)request.ptr);
    }
    /* The same once more: a newer line in the place of the old one. */
    sev_slice request = ask_witness(9);
    sev_buf lines = sev_buf_of(room, sizeof room);
    CHECK_OK(cosign(request, &lines, &size));
    CHECK_OK(
        sev_audit_cosigned(&f.log, NULL, &f.witness_key, request, sev_buf_slice(&lines), arena()));
    (void)checkpoint_of(&note);
    CHECK_EQ(note.count, 3);
    free((void *)request.ptr);
}

TEST(audit__witness__asked_from_another_size__conflict_and_its_size)
{
    uint8_t room[1024];
    uint64_t size = 99;
    begin();
    add_leaves(1, 5);
    sign_log();
    sev_slice request = ask_witness(0), from_three = ask_witness(3);
    sev_buf lines = sev_buf_of(room, sizeof room);
    CHECK_ERR(cosign(from_three, &lines, &size), SEV_E_CONFLICT);
    CHECK_EQ(size, 0);
    CHECK_OK(cosign(request, &lines, &size));
    lines.len = 0;
    CHECK_ERR(cosign(request, &lines, &size), SEV_E_CONFLICT);
    CHECK_EQ(size, 5);
    CHECK_EQ(lines.len, 0);
    free((void *)request.ptr);
    free((void *)from_three.ptr);
}

/* The log is set back and goes on otherwise, with its real key. REQ-A54 */
TEST(audit__forked_log__refused_by_its_witness)
{
    uint8_t room[1024];
    uint64_t size = 0;
    begin();
    add_leaves(1, 5);
    sign_log();
    sev_slice request = ask_witness(0);
    sev_buf lines = sev_buf_of(room, sizeof room);
    CHECK_OK(cosign(request, &lines, &size));
    free((void *)request.ptr);
    sev_store_close(&f.store);
    CHECK_OK(sev_store_open(store_path(), &f.store));
    forget_signed();
    add_leaves(2, 5);
    sign_log();
    lines.len = 0;
    request = ask_witness(5); /* the same size, another root */
    CHECK_ERR(cosign(request, &lines, &size), SEV_E_EQUIVOCATION);
    CHECK_EQ(f.last, SEV_EVENT_LOG_FORKED);
    free((void *)request.ptr);
    add_leaves(7, 1);
    sign_log();
    request = ask_witness(5);
    f.events = 0;
    CHECK_ERR(cosign(request, &lines, &size), SEV_E_LOG_FORK);
    CHECK_EQ(f.last, SEV_EVENT_LOG_FORKED);
    CHECK_EQ(f.events, 1);
    CHECK_EQ(lines.len, 0);
    free((void *)request.ptr);
}

TEST(audit__witness__strangers_and_nonsense_refused)
{
    uint8_t room[1024];
    uint64_t size = 0;
    begin();
    add_leaves(1, 5);
    sign_log();
    sev_slice request = ask_witness(0);
    sev_buf lines = sev_buf_of(room, sizeof room);
    f.witnessed.origin = SEV_LIT("another");
    CHECK_ERR(cosign(request, &lines, &size), SEV_E_NOT_FOUND);
    f.witnessed.origin = SEV_LIT(ORIGIN);
    f.witnessed.keys[0] = f.witness_key; /* a key that did not sign */
    CHECK_ERR(cosign(request, &lines, &size), SEV_E_SIGNATURE);
    f.witnessed.keys[1] = f.log_key;
    f.witnessed.key_count = 2;
    CHECK_ERR(cosign(SEV_EMPTY, &lines, &size), SEV_E_NOTE);
    CHECK_ERR(cosign(SEV_LIT("old 0\n\nx\n"), &lines, &size), SEV_E_NOTE);
    CHECK_ERR(cosign(SEV_LIT("old 0\n\nx\n\n\xE2\x80\x94 a AAAAAAA=\n"), &lines, &size),
              SEV_E_NOTE);
    uint8_t *text = malloc(request.len); /* "old 0" becomes "old 6", of five leaves */
    memcpy(text, request.ptr, request.len);
    text[4] = '6';
    CHECK_ERR(cosign(sev_slice_of(text, request.len), &lines, &size), SEV_E_NOTE);
    free(text);
    CHECK_EQ(lines.len, 0);
    CHECK_OK(cosign(request, &lines, &size));
    free((void *)request.ptr);
}

TEST(audit__checkpoint_of_nothing_or_extended__not_cosigned)
{
    uint8_t text_room[512], room[1024], line[256];
    uint64_t size = 0;
    begin();
    for (int extended = 0; extended < 2; extended++) {
        struct sev_checkpoint c = {.origin = SEV_LIT(ORIGIN), .size = extended ? 1 : 0};
        c.extension = extended ? SEV_LIT("more\n") : SEV_EMPTY;
        sev_buf text = sev_buf_of(text_room, sizeof text_room), sig = sev_buf_of(line, sizeof line);
        sev_buf b = sev_buf_of(room, sizeof room), lines = sev_buf_of(line, sizeof line);
        sev_checkpoint_write(&c, &text);
        CHECK_OK(sev_privkey_sign(f.keys[0].key, sev_buf_slice(&text), &sig));
        sev_buf_put_slice(&b, SEV_LIT("old 0\n\n"));
        sev_buf_put_slice(&b, sev_buf_slice(&text));
        sev_buf_put_byte(&b, '\n');
        CHECK_OK(sev_note_put_line(&f.log_key, 0, sev_buf_slice(&sig), &b));
        CHECK_ERR(cosign(sev_buf_slice(&b), &lines, &size), SEV_E_NOTE);
    }
}

TEST(audit__lines_of_a_witness__taken_only_if_they_verify)
{
    uint8_t room[1024];
    struct sev_note note;
    uint64_t size = 0;
    begin();
    add_leaves(1, 2);
    sign_log();
    sev_slice request = ask_witness(0);
    sev_buf lines = sev_buf_of(room, sizeof room);
    CHECK_OK(cosign(request, &lines, &size));
    CHECK_ERR(sev_audit_cosigned(&f.log, NULL, &f.log_key, request, sev_buf_slice(&lines), arena()),
              SEV_E_SIGNATURE);
    CHECK_ERR(sev_audit_cosigned(&f.log, NULL, &f.witness_key, request, SEV_LIT("no\n"), arena()),
              SEV_E_NOTE);
    add_leaves(3, 1);
    sign_log(); /* meanwhile the log went on */
    CHECK_ERR(
        sev_audit_cosigned(&f.log, NULL, &f.witness_key, request, sev_buf_slice(&lines), arena()),
        SEV_E_CONFLICT);
    (void)checkpoint_of(&note);
    CHECK_EQ(note.count, 2);
    free((void *)request.ptr);
}

/* --------------------------------------------------------------------- mishaps */

/* The store with a call that fails: number `fails_at` from now on, once. */
static struct sev_log_ops faulty;
static const struct sev_log_ops *real;
static int fails_at, calls;

static bool fails(void)
{
    return calls++ == fails_at;
}

static sev_err faulty_head(void *self, struct sev_arena *a, struct sev_log_head *out)
{
    return fails() ? SEV_E_IO : real->head(self, a, out);
}
static sev_err faulty_find(void *self, sev_slice source, int64_t sequence, int64_t *out_index,
                           uint8_t out_hash[SEV_SHA256_BYTES])
{
    return fails() ? SEV_E_IO : real->find(self, source, sequence, out_index, out_hash);
}
static sev_err faulty_append(void *self, const struct sev_log_append *append)
{
    return fails() ? SEV_E_IO : real->append(self, append);
}
static sev_err faulty_hashes(void *self, uint8_t level, int64_t first, uint32_t count,
                             uint8_t (*out)[SEV_SHA256_BYTES])
{
    return fails() ? SEV_E_IO : real->hashes(self, level, first, count, out);
}
static sev_err faulty_entries(void *self, int64_t first, uint32_t count, struct sev_arena *a,
                              sev_slice *out)
{
    return fails() ? SEV_E_IO : real->entries(self, first, count, a, out);
}
static sev_err faulty_checkpoint_put(void *self, int64_t expected, int64_t size, sev_slice note)
{
    return fails() ? SEV_E_IO : real->checkpoint_put(self, expected, size, note);
}
static sev_err faulty_cosigned_get(void *self, sev_slice origin, int64_t *size, uint8_t *root)
{
    return fails() ? SEV_E_IO : real->cosigned_get(self, origin, size, root);
}
static sev_err faulty_cosigned_put(void *self, sev_slice origin, int64_t expected, int64_t size,
                                   const uint8_t *root)
{
    return fails() ? SEV_E_IO : real->cosigned_put(self, origin, expected, size, root);
}

static void begin_faulty(void)
{
    begin();
    real = f.store.log;
    faulty = *real;
    faulty.head = faulty_head;
    faulty.find = faulty_find;
    faulty.append = faulty_append;
    faulty.hashes = faulty_hashes;
    faulty.entries = faulty_entries;
    faulty.checkpoint_put = faulty_checkpoint_put;
    faulty.cosigned_get = faulty_cosigned_get;
    faulty.cosigned_put = faulty_cosigned_put;
    f.store.log = f.second.log = &faulty;
}

/* A day of a log: leaves, a checkpoint, a tile of each kind, a witness. The first error ends it. */
static sev_err live(int64_t first, uint64_t *cosigned)
{
    static const char *const keys[] = {"log"};
    static uint8_t answer_room[8192], lines_room[1024];
    sev_buf answer = sev_buf_of(answer_room, sizeof answer_room);
    sev_buf lines = sev_buf_of(lines_room, sizeof lines_room);
    struct sev_tlog_tile tile = {0, 0, 1};
    sev_slice bytes = SEV_EMPTY, request = SEV_EMPTY;
    int64_t size = 0;
    uint64_t its = 0;
    sev_err e = add(body_of(first, 3, "status"), &answer);
    if (e == SEV_OK)
        e = sev_audit_sign(&f.log, &f.sign, keys, 1, arena(), &size);
    if (e == SEV_OK)
        e = sev_audit_tile(&f.log, &tile, arena(), &bytes);
    tile.level = SEV_TLOG_ENTRIES_LEVEL;
    if (e == SEV_OK)
        e = sev_audit_tile(&f.log, &tile, arena(), &bytes);
    if (e == SEV_OK)
        e = sev_audit_ask_witness(&f.log, *cosigned, arena(), &request);
    if (e == SEV_OK) {
        struct sev_arena rest =
            sev_arena_of(f.memory + f.arena.used, sizeof f.memory - f.arena.used);
        e = sev_audit_cosign(&f.witness, NULL, &f.sign, request, &lines, &its);
        if (e == SEV_E_CONFLICT && its != *cosigned)
            *cosigned = its; /* it remembered, and its answer was lost: the log asks from there */
        if (e == SEV_OK)
            e = sev_audit_cosigned(&f.log, NULL, &f.witness_key, request, sev_buf_slice(&lines),
                                   &rest);
    }
    if (e == SEV_OK)
        *cosigned = (uint64_t)size;
    return e;
}

TEST(audit__every_call_to_the_store_fails_once__all_is_well_the_next_time)
{
    begin_faulty();
    uint64_t cosigned = 0;
    int64_t size = 0;
    int at = 0;
    for (;; at++) {
        calls = 0;
        fails_at = at;
        sev_err e = live(size + 1, &cosigned);
        if (e == SEV_OK)
            break;
        CHECK_ERR(e, SEV_E_IO);
        /* The same leaves again: those that came in are not there twice. */
        fails_at = -1;
        for (int i = 0; i < 2 && (e = live(size + 1, &cosigned)) == SEV_E_CONFLICT;)
            i++;
        CHECK_OK(e);
        size += 3;
        struct sev_note note;
        CHECK_EQ(checkpoint_of(&note).size, size);
        CHECK_EQ(note.count, 2);
    }
    CHECK(at > 12);
}

TEST(audit__little_memory__told_and_nothing_changed)
{
    static uint8_t room[8192];
    static const char *const keys[] = {"log"};
    struct sev_tlog_tile tile = {SEV_TLOG_ENTRIES_LEVEL, 0, 3};
    int64_t size = 0;
    begin();
    add_leaves(1, 3);
    sign_log();
    add_leaves(4, 3);
    sev_slice body = body_of(7, 3, "status"), bytes = SEV_EMPTY;
    bool added = false, signed_once = false;
    for (size_t cap = 0; cap < sizeof f.memory; cap += cap < 4096 ? 256 : cap / 3) {
        sev_buf answer = sev_buf_of(room, sizeof room);
        struct sev_arena a = sev_arena_of(f.memory, cap);
        sev_err e = sev_audit_tile(&f.log, &tile, &a, &bytes);
        CHECK(e == SEV_OK || e == SEV_E_MEMORY);
        a = sev_arena_of(f.memory, cap);
        e = sev_audit_ask_witness(&f.log, 0, &a, &bytes);
        CHECK(e == SEV_OK || e == SEV_E_MEMORY);
        a = sev_arena_of(f.memory, cap);
        e = sev_audit_sign(&f.log, &f.sign, keys, 1, &a, &size);
        CHECK(e == SEV_OK || (e == SEV_E_MEMORY && !signed_once));
        signed_once = e == SEV_OK;
        a = sev_arena_of(f.memory, cap);
        e = sev_audit_add(&f.log, &a, SEV_LIT("director"), body, &answer);
        CHECK(e == SEV_OK || (e == SEV_E_MEMORY && !added && answer.len == 0));
        added = e == SEV_OK;
    }
    CHECK(added && signed_once);
    CHECK_EQ(sign_log(), 9);
}
