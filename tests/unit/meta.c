/* meta - documents parsed one by one: hashes, targets, match, lists of names, snapshots. What they
 * mean together is in tests/attack. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

static uint32_t memory[262144];

static sev_err open_body(struct sev_doc *doc, const char *body, sev_profile profile)
{
    static struct sev_arena arena;
    arena = sev_arena_of(memory, sizeof memory);
    return sev_doc_open(doc, world_slice(world_text("{\"signatures\":[],\"signed\":%s}", body)),
                        profile, &arena);
}

#define HEAD(type)                                                                                 \
    "{\"_type\":\"" type "\",\"expires\":\"2030-01-01T00:00:00Z\",\"spec_version\":\"1.0\","       \
    "\"version\":1"
#define SHA256_ZERO                                                                                \
    "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\""

/* ------------------------------------------------------------------ envelope */

TEST(doc__body_not_canonical_and_no_memory_for_a_copy__memory)
{
    struct sev_doc doc = {.profile = SEV_PROFILE_TUF};
    sev_slice text = SEV_LIT("{\"signatures\":[],\"signed\":{\"b\": 1,\"_type\":\"x\"}}");
    for (size_t bytes = 0; bytes < 4096; bytes += 8) {
        struct sev_arena arena = sev_arena_of(memory, bytes);
        sev_err e = sev_doc_open(&doc, text, SEV_PROFILE_NATIVE, &arena);
        if (e == SEV_OK)
            break;
        CHECK(e == SEV_E_MEMORY || e == SEV_E_JSON_LIMIT);
        CHECK_EQ(doc.profile, SEV_PROFILE_TUF);
        CHECK_EQ(arena.used, 0);
        CHECK(bytes < 1024);
    }
    CHECK_TEXT(doc.message, "{\"_type\":\"x\",\"b\":1}");
}

TEST(doc__canonical_already__the_message_is_the_received_bytes)
{
    struct sev_doc doc;
    struct sev_arena arena = sev_arena_of(memory, 64);
    sev_slice text = SEV_LIT("{\"signatures\":[],\"signed\":{\"_type\":\"x\",\"b\":1}}");
    CHECK_OK(sev_doc_open(&doc, text, SEV_PROFILE_NATIVE, &arena));
    CHECK(doc.message.ptr == doc.body.ptr);
    CHECK_EQ(arena.used, 0);
}

/* OLPC signs a line feed where JSON writes \n; aktualizr signs what JSON writes. */
TEST(doc__escapes__signed_as_the_profile_says)
{
    struct sev_doc doc;
    CHECK_OK(open_body(&doc, "{\"_type\":\"x\",\"k\":\"a\\nb\xc3\xa4\"}", SEV_PROFILE_NATIVE));
    CHECK_TEXT(doc.message, "{\"_type\":\"x\",\"k\":\"a\nb\xc3\xa4\"}");
    CHECK_OK(open_body(&doc, "{\"_type\":\"x\",\"k\":\"a\\nb\xc3\xa4\"}", SEV_PROFILE_AKTUALIZR));
    CHECK_TEXT(doc.message, "{\"_type\":\"x\",\"k\":\"a\\nb\\u00e4\"}");
}

/* -------------------------------------------------------------------- hashes */

static sev_err hashes(const char *text, struct sev_hashes *out)
{
    memset(out, 0x55, sizeof *out);
    return sev_hashes_parse(world_slice(text), out);
}

TEST(hashes__both_known_algorithms__read)
{
    struct sev_hashes h;
    CHECK_OK(
        hashes(world_text("{\"blake2b\":\"x\"," SHA256_ZERO ",\"sha512\":\"%0128d\"}", 7), &h));
    CHECK(h.has_sha256 && h.has_sha512 && h.has_unknown);
    CHECK_EQ(h.sha512[63], 7);
}

TEST(hashes__ill_formed_or_none_known__malformed_and_output_untouched)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "\"00\"",
                                      "{\"md5\":\"00\"}",
                                      "{\"sha256\":\"00\"}",
                                      "{\"sha256\":7}",
                                      "{\"sha256\":null}"};
    struct sev_hashes h;
    for (int i = 0; i < 8; i++) {
        CHECK_ERR(hashes(bad[i], &h), SEV_E_MALFORMED);
        CHECK_EQ(h.sha256[0], 0x55);
    }
    CHECK_ERR(hashes(world_text("{\"sha256\":\"%065d\"}", 0), &h), SEV_E_MALFORMED);
    CHECK_ERR(hashes(world_text("{\"sha256\":\"%063dg\"}", 0), &h), SEV_E_MALFORMED);
    CHECK_ERR(hashes(world_text("{\"sha512\":\"%064d\"}", 0), &h), SEV_E_MALFORMED);
    CHECK_ERR(hashes(world_text("{" SHA256_ZERO ",\"sha512\":\"%0127d\"}", 0), &h),
              SEV_E_MALFORMED);
}

TEST(hashes__equality_and_fit__every_algorithm)
{
    struct sev_hashes a, b;
    uint8_t d256[SEV_SHA256_BYTES], d512[SEV_SHA512_BYTES];
    memset(&a, 0, sizeof a);
    CHECK(!sev_hashes_fit(&a, SEV_LIT("x"))); /* none listed: nothing fits */
    sev_sha256(SEV_LIT("x"), d256);
    sev_sha512(SEV_LIT("x"), d512);
    a.has_sha256 = true;
    memcpy(a.sha256, d256, sizeof d256);
    CHECK(sev_hashes_fit(&a, SEV_LIT("x")) && !sev_hashes_fit(&a, SEV_LIT("y")));
    b = a;
    CHECK(sev_hashes_eq(&a, &b));
    b.has_sha512 = true;
    memcpy(b.sha512, d512, sizeof d512);
    CHECK(!sev_hashes_eq(&a, &b) && !sev_hashes_eq(&b, &a));
    CHECK(sev_hashes_fit(&b, SEV_LIT("x")));
    a = b;
    CHECK(sev_hashes_eq(&a, &b));
    b.sha512[63] ^= 1;
    CHECK(!sev_hashes_eq(&a, &b) && !sev_hashes_fit(&b, SEV_LIT("x")));
    b = a;
    b.sha256[0] ^= 1;
    CHECK(!sev_hashes_eq(&a, &b) && !sev_hashes_fit(&b, SEV_LIT("x")));
    b.has_sha256 = false;
    CHECK(!sev_hashes_eq(&a, &b) && sev_hashes_fit(&b, SEV_LIT("x")));
}

/* ------------------------------------------------------------------- targets */

TEST(targets__list_is_no_object__malformed)
{
    static const char *const bad[] = {HEAD("targets") "}", HEAD("targets") ",\"targets\":[]}",
                                      HEAD("targets") ",\"targets\":null}",
                                      HEAD("targets") ",\"targets\":\"x\"}"};
    for (int i = 0; i < 4; i++) {
        struct sev_doc doc;
        struct sev_targets t;
        CHECK_OK(open_body(&doc, bad[i], SEV_PROFILE_NATIVE));
        CHECK_ERR(sev_targets_parse(&doc, &t), SEV_E_MALFORMED);
    }
}

TEST(targets__delegations__both_parts_or_none)
{
    static const char *const forms[] = {"{}",
                                        "{\"keys\":{},\"roles\":[]}",
                                        "{\"keys\":{}}",
                                        "{\"roles\":[]}",
                                        "{\"keys\":[],\"roles\":[]}",
                                        "{\"keys\":{},\"roles\":{}}",
                                        "{\"succinct_roles\":{}}"};
    for (int i = 0; i < 7; i++) {
        struct sev_doc doc;
        struct sev_targets t;
        CHECK_OK(open_body(
            &doc, world_text(HEAD("targets") ",\"delegations\":%s,\"targets\":{}}", forms[i]),
            SEV_PROFILE_NATIVE));
        CHECK_ERR(sev_targets_parse(&doc, &t), i < 2 ? SEV_OK : SEV_E_MALFORMED);
    }
}

static sev_err find(const char *targets, sev_profile profile, const char *name,
                    struct sev_target *out)
{
    struct sev_targets t = {.targets = world_slice(targets)};
    return sev_targets_find(&t, profile, world_slice(name), out);
}

TEST(targets__find__by_the_plain_name)
{
    struct sev_target t;
    const char *list =
        "{\"a\":{\"hashes\":{" SHA256_ZERO "},\"length\":1},\"b\\u002fc\":{\"hashes\":"
        "{" SHA256_ZERO "},\"length\":2,\"custom\":{\"uri\":\"u\",\"match\":{}}}}";
    CHECK_OK(find(list, SEV_PROFILE_NATIVE, "b/c", &t));
    CHECK_EQ(t.length, 2);
    CHECK_TEXT(t.match, "{}");
    CHECK_ERR(find(list, SEV_PROFILE_NATIVE, "b\\u002fc", &t), SEV_E_NOT_FOUND);
    CHECK_ERR(find(list, SEV_PROFILE_NATIVE, "", &t), SEV_E_NOT_FOUND);
    CHECK_ERR(find("{}", SEV_PROFILE_NATIVE, "a", &t), SEV_E_NOT_FOUND);
}

TEST(targets__entry_ill_formed__malformed)
{
    static const char *const bad[] = {
        "7",
        "{}",
        "{\"length\":1}",
        "{\"hashes\":{" SHA256_ZERO "}}",
        "{\"hashes\":{" SHA256_ZERO "},\"length\":-1}",
        "{\"hashes\":{" SHA256_ZERO "},\"length\":\"1\"}",
        "{\"hashes\":{" SHA256_ZERO ",\"x\":1},\"length\":1}",
    };
    for (int i = 0; i < 7; i++) {
        struct sev_target t = {.length = 77};
        CHECK_ERR(find(world_text("{\"a\":%s}", bad[i]), SEV_PROFILE_NATIVE, "a", &t),
                  SEV_E_MALFORMED);
        CHECK_EQ(t.length, 77);
    }
    struct sev_target t;
    CHECK_OK(find("{\"a\":{\"hashes\":{" SHA256_ZERO ",\"x\":1},\"length\":1,\"custom\":7}}",
                  SEV_PROFILE_TUF, "a", &t));
}

TEST(match__members_read_and_bounds_kept)
{
    struct sev_match m = {.release_counter = 77};
    CHECK_OK(sev_match_parse(SEV_LIT("{\"hardwareIds\":[\"a\"],\"minReleaseCounter\":3,"
                                     "\"releaseCounter\":9,\"plaintext\":{\"length\":1}}"),
                             &m));
    CHECK_EQ(m.release_counter, 9);
    CHECK_EQ(m.min_release_counter, 3);
    CHECK_TEXT(m.plaintext, "{\"length\":1}");
    static const char *const bad[] = {"[]",
                                      "7",
                                      "{}",
                                      "{\"releaseCounter\":1}",
                                      "{\"hardwareIds\":[]}",
                                      "{\"hardwareIds\":{},\"releaseCounter\":1}",
                                      "{\"hardwareIds\":[],\"releaseCounter\":-1}",
                                      ("{\"hardwareIds\":[],\"minReleaseCounter\":-1,"
                                       "\"releaseCounter\":1}")};
    for (int i = 0; i < 8; i++)
        CHECK_ERR(sev_match_parse(world_slice(bad[i]), &m), SEV_E_MALFORMED);
    CHECK_EQ(m.release_counter, 9);
}

TEST(strings__contain_and_same_set)
{
    CHECK(sev_strings_contain(SEV_LIT("[\"a\",\"b\\u0063\"]"), SEV_LIT("bc")));
    CHECK(!sev_strings_contain(SEV_LIT("[\"a\"]"), SEV_LIT("A")));
    CHECK(!sev_strings_contain(SEV_LIT("[7,\"a\"]"), SEV_LIT("a"))); /* no list of names */
    CHECK(!sev_strings_contain(SEV_LIT("\"a\""), SEV_LIT("a")));
    CHECK(sev_strings_same_set(SEV_LIT("[\"a\",\"b\"]"), SEV_LIT("[\"b\",\"a\",\"a\"]")));
    CHECK(sev_strings_same_set(SEV_LIT("[]"), SEV_LIT("[]")));
    CHECK(!sev_strings_same_set(SEV_LIT("[\"a\",\"b\"]"), SEV_LIT("[\"a\"]")));
    CHECK(!sev_strings_same_set(SEV_LIT("[\"a\"]"), SEV_LIT("[\"a\",\"b\"]")));
    CHECK(!sev_strings_same_set(SEV_EMPTY, SEV_EMPTY));
    CHECK(!sev_strings_same_set(SEV_LIT("[7]"), SEV_LIT("[7]")));
    CHECK(!sev_strings_same_set(SEV_LIT("{}"), SEV_LIT("{}")));
}

/* ------------------------------------------------------------------ snapshot */

static sev_err snapshot(const char *meta, struct sev_snapshot *out)
{
    static struct sev_doc doc;
    CHECK_OK(open_body(&doc, world_text(HEAD("snapshot") ",\"meta\":%s}", meta), SEV_PROFILE_TUF));
    return sev_snapshot_parse(&doc, out);
}

TEST(snapshot__find__whole_names_only)
{
    struct sev_snapshot s;
    struct sev_fileinfo info = {.version = 77};
    CHECK_OK(
        snapshot("{\"a.json\":{\"version\":3},\"targets.json\":{\"length\":9,\"version\":5}}", &s));
    CHECK_OK(sev_snapshot_find(&s, SEV_LIT("a"), &info));
    CHECK_EQ(info.version, 3);
    CHECK(!info.has_length && !info.has_hashes);
    CHECK_ERR(sev_snapshot_find(&s, SEV_LIT("a.json"), &info), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_snapshot_find(&s, SEV_LIT(""), &info), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_snapshot_find(&s, SEV_LIT("b"), &info), SEV_E_NOT_FOUND);
    CHECK_EQ(info.version, 3);
    CHECK_OK(sev_snapshot_find(&s, SEV_LIT("targets"), &info));
    CHECK(info.has_length && info.length == 9);
}

TEST(snapshot__entries_ill_formed__malformed)
{
    static const char *const bad[] = {
        "{\"targets.json\":{}}",
        "{\"targets.json\":{\"version\":-1}}",
        "{\"targets.json\":{\"version\":1,\"length\":-1}}",
        "{\"targets.json\":{\"version\":1,\"hashes\":{}}}",
        "{\"targets.json\":7}",
        "{\"a.json\":{\"version\":\"1\"},\"targets.json\":{\"version\":1}}",
        "{\"a.json\":{\"version\":1}}",
        "7",
    };
    for (int i = 0; i < 8; i++) {
        struct sev_snapshot s;
        CHECK_ERR(snapshot(bad[i], &s), SEV_E_MALFORMED);
    }
}

TEST(snapshot__follows__versions_rise_and_nothing_vanishes)
{
    static const struct {
        const char *old, *next;
        sev_err err;
    } cases[] = {
        {"{\"targets.json\":{\"version\":1}}", "{\"targets.json\":{\"version\":1}}", SEV_OK},
        {"{\"targets.json\":{\"version\":2}}", "{\"targets.json\":{\"version\":1}}",
         SEV_E_VERSION_ROLLBACK},
        {"{\"b.json\":{\"version\":1},\"targets.json\":{\"version\":1}}",
         "{\"targets.json\":{\"version\":1},\"b.json\":{\"version\":1}}", SEV_OK},
        {"{\"b.json\":{\"version\":1},\"targets.json\":{\"version\":1}}",
         "{\"targets.json\":{\"version\":9}}", SEV_E_ROLE_VANISHED},
        {"{\"targets.json\":{\"version\":1},\"z.json\":{\"version\":1}}",
         "{\"a.json\":{\"version\":1},\"targets.json\":{\"version\":1},\"z.json\":{\"version\":0}}",
         SEV_E_VERSION_ROLLBACK},
        {"{\"root.json\":{\"version\":9},\"targets.json\":{\"version\":1}}",
         "{\"targets.json\":{\"version\":1}}", SEV_OK},
    };
    static uint32_t first[16384];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sev_snapshot old, next;
        struct sev_arena arena = sev_arena_of(first, sizeof first);
        struct sev_doc doc;
        CHECK_OK(sev_doc_open(
            &doc,
            world_slice(world_text(
                "{\"signatures\":[],\"signed\":" HEAD("snapshot") ",\"meta\":%s}}", cases[i].old)),
            SEV_PROFILE_TUF, &arena));
        CHECK_OK(sev_snapshot_parse(&doc, &old));
        CHECK_OK(snapshot(cases[i].next, &next));
        CHECK_ERR(sev_snapshot_follows(&old, &next, SEV_PROFILE_TUF), cases[i].err);
    }
}
