/* role - thresholds, key sets and quorums, by themselves. SPDX-License-Identifier: MIT */
#include "test.h"
#include "world.h"

/* A document signed by `signers` of `count` keys of one role. */
struct fixture {
    struct world *w;
    struct world_keys keys;
    struct sev_role role;
    struct sev_doc doc;
    struct sev_arena arena;
};

static uint32_t memory[65536];

static sev_slice keys_object(struct world *w, const struct world_keys *k)
{
    const char *text = "";
    for (int i = 0; i < k->count; i++)
        text = world_text("%s%s\"%s\":%s", text, i ? "," : "", world_key_id(w, k->ids[i]),
                          world_key_object(w, k->ids[i]));
    return world_slice(world_text("{%s}", text));
}

static sev_slice keyids_array(struct world *w, const struct world_keys *k)
{
    const char *text = "";
    for (int i = 0; i < k->count; i++)
        text = world_text("%s%s\"%s\"", text, i ? "," : "", world_key_id(w, k->ids[i]));
    return world_slice(world_text("[%s]", text));
}

static struct fixture fixture(int count, int64_t threshold, int signers)
{
    struct fixture f = {.w = world_accepted()};
    f.keys = world_new_keys(f.w, count, threshold);
    f.role = (struct sev_role){keys_object(f.w, &f.keys), keyids_array(f.w, &f.keys), threshold};
    world_sign_with(world_role(f.w, IMAGES, "timestamp"), &f.keys, signers);
    sev_slice file =
        world_signed(f.w, IMAGES, "timestamp", SEV_LIT("{\"_type\":\"timestamp\",\"x\":1}"));
    f.arena = sev_arena_of(memory, sizeof memory);
    CHECK_OK(sev_doc_open(&f.doc, file, f.w->profile, &f.arena));
    return f;
}

TEST(quorum__as_many_as_the_threshold__accepted_and_all_counted_when_asked)
{
    struct fixture f = fixture(3, 2, 3);
    uint32_t n = 99;
    CHECK_OK(sev_quorum_check(NULL, &f.role, &f.doc, NULL));
    CHECK_OK(sev_quorum_check(NULL, &f.role, &f.doc, &n));
    CHECK_EQ(n, 3);
}

TEST(quorum__one_too_few__signature_and_count_untouched)
{
    struct fixture f = fixture(3, 2, 1);
    uint32_t n = 99;
    CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, &n), SEV_E_SIGNATURE);
    CHECK_EQ(n, 99);
}

/* ALG-0.1: whoever asks, even without sev_role_check before. */
TEST(quorum__threshold_zero_or_negative__threshold_though_nobody_signed)
{
    static const int64_t bad[] = {0, -1, -SEV_JSON_INT_MAX};
    for (int i = 0; i < 3; i++) {
        struct fixture f = fixture(1, 1, 0);
        f.role.threshold = bad[i];
        CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, NULL), SEV_E_THRESHOLD);
    }
}

/* The key is in the file, but the role does not name it. */
TEST(quorum__key_of_the_file_that_the_role_does_not_name__not_counted)
{
    struct fixture f = fixture(3, 2, 2);
    struct world_keys first = {{f.keys.ids[0]}, 1, 2};
    f.role.keyids = keyids_array(f.w, &first);
    CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, NULL), SEV_E_SIGNATURE);
}

TEST(quorum__role_names_a_key_that_is_not_there_or_unusable__not_counted)
{
    struct fixture f = fixture(2, 1, 1);
    f.role.keys = SEV_LIT("{}");
    CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, NULL), SEV_E_SIGNATURE);
    f.role.keys = world_slice(world_text(
        "{\"%s\":{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":"
        "\"-\"}}}",
        world_key_id(f.w, f.keys.ids[0])));
    CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, NULL), SEV_E_SIGNATURE);
}

TEST(quorum__message_changed__signature)
{
    struct fixture f = fixture(1, 1, 1);
    f.doc.message = SEV_LIT("{\"_type\":\"timestamp\",\"x\":2}");
    sev_sha256(f.doc.message, f.doc.sha256);
    CHECK_ERR(sev_quorum_check(NULL, &f.role, &f.doc, NULL), SEV_E_SIGNATURE);
}

TEST(role_check__more_than_the_different_keys__threshold)
{
    struct fixture f = fixture(2, 2, 2);
    CHECK_OK(sev_role_check(&f.role, SEV_PROFILE_NATIVE));
    f.role.threshold = 3;
    CHECK_ERR(sev_role_check(&f.role, SEV_PROFILE_NATIVE), SEV_E_THRESHOLD);
    CHECK_OK(sev_role_check(&f.role, SEV_PROFILE_TUF));
    f.role.threshold = 0;
    CHECK_ERR(sev_role_check(&f.role, SEV_PROFILE_TUF), SEV_E_THRESHOLD);
}

TEST(role_check__key_ids_are_no_list_of_names__malformed)
{
    struct fixture f = fixture(1, 1, 1);
    static const char *const bad[] = {"", "{}", "[7]", "\"x\"", "[[]]"};
    for (int i = 0; i < 5; i++) {
        f.role.keyids = world_slice(bad[i]);
        CHECK_ERR(sev_role_check(&f.role, SEV_PROFILE_NATIVE), SEV_E_MALFORMED);
    }
}

/* ALG-2.4: equal for equal sets, whatever the order; different for any other. */
TEST(role_digest__same_set_in_any_order__equal)
{
    struct fixture f = fixture(4, 2, 1);
    uint8_t a[SEV_SHA256_BYTES], b[SEV_SHA256_BYTES];
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, a));
    struct world_keys other = f.keys;
    for (int i = 0; i < 4; i++)
        other.ids[i] = f.keys.ids[3 - i];
    f.role.keyids = keyids_array(f.w, &other);
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, b));
    CHECK(memcmp(a, b, sizeof a) == 0);
    other.ids[4] = other.ids[0]; /* once more the same */
    other.count = 5;
    f.role.keyids = keyids_array(f.w, &other);
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, b));
    CHECK(memcmp(a, b, sizeof a) == 0);
}

TEST(role_digest__a_key_or_the_threshold_differs__different)
{
    struct fixture f = fixture(3, 2, 1);
    uint8_t a[SEV_SHA256_BYTES], b[SEV_SHA256_BYTES];
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, a));
    f.role.threshold = 3;
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, b));
    CHECK(memcmp(a, b, sizeof a) != 0);
    f.role.threshold = 2;
    struct world_keys fewer = f.keys;
    fewer.count = 2;
    f.role.keyids = keyids_array(f.w, &fewer);
    CHECK_OK(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, b));
    CHECK(memcmp(a, b, sizeof a) != 0);
    f.role.keyids = SEV_LIT("[7]");
    memset(b, 1, sizeof b);
    CHECK_ERR(sev_role_digest(&f.role, SEV_PROFILE_NATIVE, b), SEV_E_MALFORMED);
    CHECK_EQ(b[0], 1);
}

/* REQ-KEY-08: roles beside the four. */
/* Such ids are opaque in the dialects that are not ours; another spelling of the same file is no
 * rotation. Found by fuzz_meta_root after six million files. */
TEST(role_digest__id_of_an_unknown_key_written_otherwise__equal)
{
    static const char keys[] = "{\"k\\u00e9y\":{\"keytype\":\"new\",\"keyval\":{\"public\":\"\"},"
                               "\"scheme\":\"new\"}}";
    uint8_t plain[SEV_SHA256_BYTES], escaped[SEV_SHA256_BYTES], other[SEV_SHA256_BYTES];
    struct sev_role role = {sev_slice_of(keys, sizeof keys - 1), SEV_LIT("[\"k\\u00e9y\"]"), 1};
    CHECK_OK(sev_role_digest(&role, SEV_PROFILE_AKTUALIZR, escaped));
    role.keyids = SEV_LIT("[\"k\xc3\xa9y\"]");
    CHECK_OK(sev_role_digest(&role, SEV_PROFILE_AKTUALIZR, plain));
    CHECK(memcmp(plain, escaped, sizeof plain) == 0);
    role.keyids = SEV_LIT("[\"key\"]"); /* is not among the keys */
    CHECK_OK(sev_role_digest(&role, SEV_PROFILE_AKTUALIZR, other));
    CHECK(memcmp(plain, other, sizeof plain) != 0);
}

TEST(root_extra__role_beside_the_four__found_checked_or_absent)
{
    struct world *w = world_begin();
    struct world_keys k = world_new_keys(w, 1, 1);
    const char *id = world_key_id(w, k.ids[0]);
    w->now.repositories[DIRECTOR].more_root_roles =
        world_name("\"time\":{\"keyids\":[\"%s\"],\"threshold\":1},\"publish\":{\"keyids\":[\"%s\"]"
                   ",\"threshold\":0},\"kem\":{\"keyids\":[\"%s\"]}",
                   id, id, id);
    world_edit(w, DIRECTOR, "root", "\"keys\":{",
               world_text("\"keys\":{\"%s\":%s,", id, world_key_object(w, k.ids[0])));
    world_publish(w);
    struct sev_arena arena = sev_arena_of(memory, sizeof memory);
    struct sev_doc doc;
    struct sev_root root;
    struct sev_role role = {.threshold = 77};
    CHECK_OK(sev_doc_open(&doc, world_role(w, DIRECTOR, "root")->file, w->profile, &arena));
    CHECK_OK(sev_root_parse(&doc, &root));
    CHECK_ERR(sev_root_extra(&root, w->profile, "mirrors", &role), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_root_extra(&root, w->profile, "publish", &role), SEV_E_THRESHOLD);
    CHECK_ERR(sev_root_extra(&root, w->profile, "kem", &role), SEV_E_MALFORMED);
    CHECK_EQ(role.threshold, 77);
    CHECK_OK(sev_root_extra(&root, w->profile, "time", &role));
    CHECK_EQ(role.threshold, 1);
}
