/* Each test starts from a keystore with a good key and breaks exactly one thing.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "secureev/keystore.h"
#include "secureev/text.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cheap, and not the product's: what is tested here does not depend on it. */
static const struct sev_scrypt_cost cheap = {16, 1, 1};

static struct sev_fs_note note;

struct fixture {
    struct sev_fs fs;
    struct sev_keystore ks;
    struct sev_key_entry entry; /* of key "desk", passphrase "open" */
};

static sev_err add(struct fixture *f, const char *name, sev_key_type type,
                   struct sev_key_entry *out)
{
    struct sev_privkey *key = NULL;
    CHECK_OK(sev_privkey_generate(type, type == SEV_KEY_RSA ? 2048 : 0, &key));
    sev_err err = sev_keystore_add(&f->ks, name, key, SEV_LIT("open"), cheap, out);
    sev_privkey_free(key);
    return err;
}

static struct fixture empty(void)
{
    static int count;
    char dir[300];
    struct fixture f = {.fs = sev_fs_posix(&note)};
    snprintf(dir, sizeof dir, "%s/keys-%d", sev_test_dir(), count++);
    CHECK_OK(sev_keystore_open(&f.fs, dir, true, &f.ks));
    return f;
}

/* `f` must stay where it is: the keystore points to its file system. */
#define WITH_A_KEY(f)                                                                              \
    struct fixture f = empty();                                                                    \
    f.ks.fs = &f.fs;                                                                               \
    CHECK_OK(add(&f, "desk", SEV_KEY_P256, &f.entry))

static const char *path_of(const struct fixture *f, const char *id)
{
    static char path[SEV_FS_PATH_MAX + 80];
    snprintf(path, sizeof path, "%s/%s.key", f->ks.dir, id);
    return path;
}

static sev_err load(struct fixture *f, const char *id, const char *passphrase)
{
    struct sev_privkey *key = NULL;
    sev_err err = sev_keystore_load(&f->ks, id, sev_slice_of(passphrase, strlen(passphrase)), &key);
    CHECK_EQ(key != NULL, err == SEV_OK);
    sev_privkey_free(key);
    return err;
}

/* Put `bytes` in place of the key file and see what loading says. */
static sev_err load_changed(struct fixture *f, const void *bytes, size_t len)
{
    sev_test_write(path_of(f, f->entry.id), sev_slice_of(bytes, len));
    return load(f, f->entry.id, "open");
}

TEST(keystore__a_key_of_each_type__is_kept_and_opens_as_the_same_key)
{
    static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_RSA,
                                         SEV_KEY_SECP256K1, SEV_KEY_X25519};
    struct fixture f = empty();
    f.ks.fs = &f.fs;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct sev_key_entry e;
        struct sev_privkey *key = NULL;
        CHECK_OK(add(&f, "", types[i], &e));
        CHECK_EQ(e.key.type, types[i]);
        CHECK_OK(sev_keystore_load(&f.ks, e.id, SEV_LIT("open"), &key));
        CHECK(sev_pubkey_eq(sev_privkey_public(key), &e.key));
        sev_privkey_free(key);
    }
}

TEST(keystore__folder_and_files__are_closed_to_others)
{
    WITH_A_KEY(f);
    struct stat st;
    CHECK_EQ(stat(f.ks.dir, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0700);
    CHECK_EQ(stat(path_of(&f, f.entry.id), &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
}

TEST(keystore__the_file__holds_no_private_key_in_the_clear)
{
    WITH_A_KEY(f);
    struct sev_privkey *key = NULL;
    uint8_t der[1024];
    sev_buf pkcs8 = sev_buf_of(der, sizeof der);
    size_t len = 0;
    CHECK_OK(sev_keystore_load(&f.ks, f.entry.id, SEV_LIT("open"), &key));
    CHECK_OK(sev_privkey_to_pkcs8(key, &pkcs8));
    uint8_t *file = sev_test_read(path_of(&f, f.entry.id), &len);
    char base64[2048];
    sev_buf b = sev_buf_of(base64, sizeof base64);
    sev_base64_encode(sev_buf_slice(&pkcs8), &b);
    /* The private scalar stands from byte 36 of PKCS#8; 48 characters on, 32 of them are its. */
    base64[b.len] = '\0';
    CHECK(b.len > 96);
    base64[80] = '\0';
    CHECK(strstr((char *)file, base64 + 52) == NULL);
    free(file);
    sev_privkey_free(key);
}

TEST(keystore__a_wrong_passphrase__does_not_open)
{
    WITH_A_KEY(f);
    CHECK_OK(load(&f, f.entry.id, "open"));
    CHECK_ERR(load(&f, f.entry.id, "opem"), SEV_E_PASSPHRASE);
    CHECK_ERR(load(&f, f.entry.id, "open "), SEV_E_PASSPHRASE);
    CHECK_ERR(load(&f, f.entry.id, ""), SEV_E_PASSPHRASE);
}

TEST(keystore__an_empty_passphrase__keeps_nothing)
{
    WITH_A_KEY(f);
    struct sev_privkey *key = NULL;
    struct sev_key_entry e = {.id = "untouched"};
    struct sev_key_entries list;
    CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &key));
    CHECK_ERR(sev_keystore_add(&f.ks, "x", key, SEV_EMPTY, cheap, &e), SEV_E_PASSPHRASE);
    assert_string_equal(e.id, "untouched");
    sev_privkey_free(key);
    CHECK_ERR(sev_keystore_passwd(&f.ks, f.entry.id, SEV_LIT("open"), SEV_EMPTY, cheap),
              SEV_E_PASSPHRASE);
    CHECK_OK(load(&f, f.entry.id, "open"));
    CHECK_OK(sev_keystore_list(&f.ks, &list));
    CHECK_EQ(list.count, 1);
    sev_key_entries_free(&f.ks, &list);
}

TEST(keystore__any_flipped_bit_of_a_key_file__is_noticed)
{
    WITH_A_KEY(f);
    size_t len = 0;
    uint8_t *good = sev_test_read(path_of(&f, f.entry.id), &len);
    bool all = getenv("SEV_NIGHTLY") != NULL; /* else one bit of each byte */
    for (size_t i = 0; i < len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!all && bit != i % 8)
                continue;
            good[i] = (uint8_t)(good[i] ^ 1u << bit);
            sev_err err = load_changed(&f, good, len);
            good[i] = (uint8_t)(good[i] ^ 1u << bit);
            if (err != SEV_E_STORE && err != SEV_E_PASSPHRASE)
                fail_msg("byte %zu bit %u: %s", i, bit, sev_err_id(err));
        }
    CHECK_OK(load_changed(&f, good, len));
    free(good);
}

TEST(keystore__a_truncated_or_longer_key_file__is_damaged)
{
    WITH_A_KEY(f);
    size_t len = 0;
    uint8_t *good = sev_test_read(path_of(&f, f.entry.id), &len);
    for (size_t n = 0; n < len; n++)
        CHECK_ERR(load_changed(&f, good, n), SEV_E_STORE);
    good[len] = '\n';
    CHECK_ERR(load_changed(&f, good, len + 1), SEV_E_STORE);
    free(good);
    uint8_t *large = calloc(1, SEV_KEY_FILE_BYTES_MAX + 1);
    CHECK_ERR(load_changed(&f, large, SEV_KEY_FILE_BYTES_MAX + 1), SEV_E_STORE);
    free(large);
}

/* The bytes of `file` with the first `from` replaced by `to`; malloc'ed. */
static char *with(const char *file, const char *from, const char *to)
{
    const char *at = strstr(file, from);
    CHECK(at != NULL);
    char *out = malloc(strlen(file) + strlen(to) + 1);
    sprintf(out, "%.*s%s%s", (int)(at - file), file, to, at + strlen(from));
    return out;
}

static void check_changed(struct fixture *f, const char *file, const char *from, const char *to,
                          sev_err expected)
{
    char *changed = with(file, from, to);
    sev_err err = load_changed(f, changed, strlen(changed));
    if (err != expected)
        fail_msg("%s -> %s: %s", from, to, sev_err_id(err));
    free(changed);
}

TEST(keystore__a_header_that_means_something_else__does_not_open)
{
    WITH_A_KEY(f);
    size_t len = 0;
    char *file = (char *)sev_test_read(path_of(&f, f.entry.id), &len);
    /* well-formed, but not what was sealed */
    check_changed(&f, file, "\"name\":\"desk\"", "\"name\":\"dask\"", SEV_E_PASSPHRASE);
    check_changed(&f, file, "\"n\":16", "\"n\":32", SEV_E_PASSPHRASE);
    check_changed(&f, file, "\"r\":1", "\"r\":2", SEV_E_PASSPHRASE);
    check_changed(&f, file, "\"p\":1", "\"p\":2", SEV_E_PASSPHRASE);
    /* not what we write */
    check_changed(&f, file, "\"n\":16", "\"n\":17", SEV_E_STORE);
    check_changed(&f, file, "\"n\":16", "\"n\":0", SEV_E_STORE);
    check_changed(&f, file, "aes-256-gcm", "aes-128-gcm", SEV_E_STORE);
    check_changed(&f, file, "scrypt", "pbkdf2", SEV_E_STORE);
    check_changed(&f, file, "\"version\":1", "\"version\":2", SEV_E_STORE);
    check_changed(&f, file, "\"version\":1", "\"version\":1,\"x\":1", SEV_E_STORE);
    check_changed(&f, file, "\"version\":1", "\"version\": 1", SEV_E_STORE);
    check_changed(&f, file, "\"name\":\"desk\"", "\"name\":\"../x\"", SEV_E_STORE);
    free(file);
}

TEST(keystore__a_file_that_asks_for_a_gigabyte__is_refused_before_it_is_spent)
{
    WITH_A_KEY(f);
    size_t len = 0;
    char *file = (char *)sev_test_read(path_of(&f, f.entry.id), &len);
    check_changed(&f, file, "\"n\":16", "\"n\":16777216", SEV_E_STORE);
    check_changed(&f, file, "\"r\":1", "\"r\":4294967295", SEV_E_STORE);
    check_changed(&f, file, "\"p\":1", "\"p\":17", SEV_E_STORE);
    free(file);
}

static char *slice_text(const char *file, const char *from, const char *to)
{
    const char *a = strstr(file, from);
    CHECK(a != NULL);
    a += strlen(from);
    const char *b = strstr(a, to);
    CHECK(b != NULL);
    char *out = calloc(1, (size_t)(b - a) + 1);
    memcpy(out, a, (size_t)(b - a));
    return out;
}

TEST(keystore__the_ciphertext_or_public_key_of_another_file__does_not_open)
{
    WITH_A_KEY(f);
    struct sev_key_entry other;
    size_t len = 0;
    CHECK_OK(add(&f, "other", SEV_KEY_P256, &other));
    char *file = (char *)sev_test_read(path_of(&f, f.entry.id), &len);
    char *theirs = (char *)sev_test_read(path_of(&f, other.id), &len);
    char *own_text = slice_text(file, "\"ciphertext\":\"", "\"");
    char *their_text = slice_text(theirs, "\"ciphertext\":\"", "\"");
    check_changed(&f, file, own_text, their_text, SEV_E_PASSPHRASE);
    char *own_public = slice_text(file, "\"public\":\"", "\"");
    char *their_public = slice_text(theirs, "\"public\":\"", "\"");
    check_changed(&f, file, own_public, their_public, SEV_E_STORE);
    CHECK_ERR(load_changed(&f, theirs, len), SEV_E_STORE);
    free(own_text);
    free(their_text);
    free(own_public);
    free(their_public);
    free(file);
    free(theirs);
}

TEST(keystore__a_key_file_open_to_others_or_a_link__is_refused)
{
    WITH_A_KEY(f);
    CHECK_EQ(chmod(path_of(&f, f.entry.id), 0640), 0);
    CHECK_ERR(load(&f, f.entry.id, "open"), SEV_E_UNSAFE_FILE);
    CHECK_EQ(chmod(path_of(&f, f.entry.id), 0600), 0);
    CHECK_OK(load(&f, f.entry.id, "open"));
    char aside[SEV_FS_PATH_MAX + 80];
    snprintf(aside, sizeof aside, "%s/aside", f.ks.dir);
    CHECK_EQ(rename(path_of(&f, f.entry.id), aside), 0);
    CHECK_EQ(symlink("aside", path_of(&f, f.entry.id)), 0);
    CHECK_ERR(load(&f, f.entry.id, "open"), SEV_E_UNSAFE_FILE);
}

TEST(keystore__a_folder_open_to_others__is_refused)
{
    WITH_A_KEY(f);
    struct sev_keystore again;
    CHECK_EQ(chmod(f.ks.dir, 0750), 0);
    CHECK_ERR(sev_keystore_open(&f.fs, f.ks.dir, true, &again), SEV_E_UNSAFE_FILE);
    CHECK_ERR(sev_keystore_open(&f.fs, f.ks.dir, false, &again), SEV_E_UNSAFE_FILE);
    CHECK_EQ(chmod(f.ks.dir, 0700), 0);
    CHECK_OK(sev_keystore_open(&f.fs, f.ks.dir, false, &again));
}

TEST(keystore__no_folder__is_not_found_unless_it_may_be_made)
{
    struct fixture f = empty();
    char dir[SEV_FS_PATH_MAX + 80];
    struct sev_keystore ks;
    snprintf(dir, sizeof dir, "%s/a/b", f.ks.dir);
    CHECK_ERR(sev_keystore_open(&f.fs, dir, false, &ks), SEV_E_NOT_FOUND);
    CHECK_OK(sev_keystore_open(&f.fs, dir, true, &ks));
}

TEST(keystore__names_that_are_paths_or_ids__are_refused)
{
    static const char *const bad[] = {
        "../x",
        "/etc/passwd",
        "a/b",
        ".",
        "..",
        ".hidden",
        "-x",
        "a b",
        "a\nb",
        "gr\xC3\xBC\xC3\x9F",
        "0123abcd",
        "deadbeef",
        "a\\b",
        "a:b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax"};
    WITH_A_KEY(f);
    struct sev_key_entry e;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!sev_key_label_ok(bad[i]));
        CHECK_ERR(add(&f, bad[i], SEV_KEY_ED25519, &e), SEV_E_BAD_NAME);
    }
    static const char *const good[] = {"", "a", "A.b_c-d@e+f", "0123abc", "deadbeefg", "cafe"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(sev_key_label_ok(good[i]));
}

TEST(keystore__an_id_that_is_no_id__never_becomes_a_path)
{
    WITH_A_KEY(f);
    CHECK_ERR(load(&f, "../../etc/passwd", "open"), SEV_E_BAD_NAME);
    CHECK_ERR(load(&f, "", "open"), SEV_E_BAD_NAME);
    char id[SEV_KEY_ID_CHARS + 1];
    memcpy(id, f.entry.id, sizeof id);
    id[63] = '/';
    CHECK_ERR(load(&f, id, "open"), SEV_E_BAD_NAME);
    memset(id, 'A', 64);
    CHECK_ERR(load(&f, id, "open"), SEV_E_BAD_NAME);
    memset(id, 'a', 64);
    CHECK_ERR(load(&f, id, "open"), SEV_E_NOT_FOUND);
}

TEST(keystore__the_same_key_or_name_again__overwrites_nothing)
{
    WITH_A_KEY(f);
    struct sev_key_entry e = {.id = "untouched"};
    struct sev_privkey *key = NULL;
    size_t len = 0, again = 0;
    uint8_t *before = sev_test_read(path_of(&f, f.entry.id), &len);
    CHECK_OK(sev_keystore_load(&f.ks, f.entry.id, SEV_LIT("open"), &key));
    CHECK_ERR(sev_keystore_add(&f.ks, "second", key, SEV_LIT("new"), cheap, &e), SEV_E_EXISTS);
    sev_privkey_free(key);
    CHECK_ERR(add(&f, "desk", SEV_KEY_ED25519, &e), SEV_E_EXISTS);
    assert_string_equal(e.id, "untouched");
    uint8_t *after = sev_test_read(path_of(&f, f.entry.id), &again);
    CHECK_SLICE(sev_slice_of(after, again), sev_slice_of(before, len));
    free(before);
    free(after);
}

TEST(keystore__find__takes_a_name_or_the_start_of_an_id)
{
    WITH_A_KEY(f);
    struct sev_key_entry e;
    char prefix[SEV_KEY_ID_CHARS + 2];
    CHECK_OK(sev_keystore_find(&f.ks, "desk", &e));
    assert_string_equal(e.id, f.entry.id);
    for (size_t n = 8; n <= SEV_KEY_ID_CHARS; n++) {
        snprintf(prefix, sizeof prefix, "%.*s", (int)n, f.entry.id);
        CHECK_OK(sev_keystore_find(&f.ks, prefix, &e));
        assert_string_equal(e.name, "desk");
    }
    snprintf(prefix, sizeof prefix, "%.7s", f.entry.id);
    CHECK_ERR(sev_keystore_find(&f.ks, prefix, &e), SEV_E_NOT_FOUND);
    snprintf(prefix, sizeof prefix, "%s0", f.entry.id);
    CHECK_ERR(sev_keystore_find(&f.ks, prefix, &e), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_keystore_find(&f.ks, "des", &e), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_keystore_find(&f.ks, "", &e), SEV_E_NOT_FOUND);
    CHECK_ERR(sev_keystore_find(&f.ks, "../desk", &e), SEV_E_NOT_FOUND);
}

TEST(keystore__two_files_whose_ids_start_alike__are_ambiguous)
{
    WITH_A_KEY(f);
    struct sev_key_entry e;
    char twin[SEV_KEY_ID_CHARS + 1], prefix[16];
    memcpy(twin, f.entry.id, sizeof twin);
    twin[63] = twin[63] == '0' ? '1' : '0';
    sev_test_write(path_of(&f, twin), SEV_LIT("{}"));
    CHECK_EQ(chmod(path_of(&f, twin), 0600), 0);
    snprintf(prefix, sizeof prefix, "%.10s", twin);
    CHECK_ERR(sev_keystore_find(&f.ks, prefix, &e), SEV_E_AMBIGUOUS);
    CHECK_ERR(sev_keystore_find(&f.ks, twin, &e), SEV_E_STORE);
    CHECK_OK(sev_keystore_find(&f.ks, f.entry.id, &e));
}

TEST(keystore__a_list__is_by_name_and_shows_damaged_files_as_such)
{
    WITH_A_KEY(f);
    struct sev_key_entries list;
    struct sev_key_entry e;
    CHECK_OK(add(&f, "alpha", SEV_KEY_ED25519, &e));
    CHECK_OK(add(&f, "zulu", SEV_KEY_X25519, &e));
    CHECK_EQ(chmod(path_of(&f, e.id), 0644), 0);
    char stray[SEV_FS_PATH_MAX + 80];
    snprintf(stray, sizeof stray, "%s/notes.txt", f.ks.dir);
    sev_test_write(stray, SEV_LIT("not a key"));
    CHECK_OK(sev_keystore_list(&f.ks, &list));
    CHECK_EQ(list.count, 3);
    CHECK_ERR(list.entries[0].damage, SEV_E_UNSAFE_FILE);
    assert_string_equal(list.entries[0].id, e.id);
    assert_string_equal(list.entries[0].name, "");
    assert_string_equal(list.entries[1].name, "alpha");
    assert_string_equal(list.entries[2].name, "desk");
    sev_key_entries_free(&f.ks, &list);
}

TEST(keystore__passwd__lets_only_the_new_passphrase_in)
{
    WITH_A_KEY(f);
    const struct sev_scrypt_cost dearer = {32, 2, 1};
    struct sev_key_entry e;
    CHECK_ERR(sev_keystore_passwd(&f.ks, f.entry.id, SEV_LIT("guess"), SEV_LIT("new"), dearer),
              SEV_E_PASSPHRASE);
    CHECK_OK(load(&f, f.entry.id, "open"));
    CHECK_OK(sev_keystore_passwd(&f.ks, f.entry.id, SEV_LIT("open"), SEV_LIT("new"), dearer));
    CHECK_ERR(load(&f, f.entry.id, "open"), SEV_E_PASSPHRASE);
    CHECK_OK(load(&f, f.entry.id, "new"));
    CHECK_OK(sev_keystore_find(&f.ks, "desk", &e));
    CHECK_EQ(e.cost.n, 32);
    CHECK_EQ(e.cost.r, 2);
}

TEST(keystore__encrypted_twice__salt_and_nonce_and_so_all_of_it_differ)
{
    WITH_A_KEY(f);
    size_t len = 0;
    char *a = (char *)sev_test_read(path_of(&f, f.entry.id), &len);
    CHECK_OK(sev_keystore_passwd(&f.ks, f.entry.id, SEV_LIT("open"), SEV_LIT("open"), cheap));
    char *b = (char *)sev_test_read(path_of(&f, f.entry.id), &len);
    static const char *const members[] = {"\"salt\":\"", "\"nonce\":\"", "\"ciphertext\":\""};
    for (size_t i = 0; i < 3; i++) {
        char *x = slice_text(a, members[i], "\""), *y = slice_text(b, members[i], "\"");
        CHECK(strlen(x) >= 16 && strcmp(x, y) != 0);
        free(x);
        free(y);
    }
    free(a);
    free(b);
}

TEST(keystore__a_cost_beyond_our_bounds__is_our_bug_and_writes_nothing)
{
    struct fixture f = empty();
    f.ks.fs = &f.fs;
    struct sev_privkey *key = NULL;
    struct sev_key_entry e;
    struct sev_key_entries list;
    CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &key));
    CHECK_ERR(
        sev_keystore_add(&f.ks, "", key, SEV_LIT("x"), (struct sev_scrypt_cost){15, 1, 1}, &e),
        SEV_E_BUG);
    sev_privkey_free(key);
    CHECK_OK(sev_keystore_list(&f.ks, &list));
    CHECK_EQ(list.count, 0);
    sev_key_entries_free(&f.ks, &list);
}

TEST(keystore__the_cost_of_the_product__is_2_to_the_17)
{
    struct sev_scrypt_cost c = SEV_KEYSTORE_COST;
    CHECK_EQ(c.n, 131072);
    CHECK_EQ(c.r, 8);
    CHECK_EQ(c.p, 1);
}

TEST(keystore__key_ids__are_those_of_tuf)
{
    WITH_A_KEY(f);
    char id[SEV_KEY_ID_CHARS];
    uint8_t bytes[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf object = sev_buf_of(bytes, sizeof bytes);
    CHECK_OK(sev_key_object(&f.entry.key, SEV_PROFILE_NATIVE, &object));
    CHECK_OK(sev_key_id_of(sev_buf_slice(&object), id));
    CHECK_SLICE(sev_slice_of(id, sizeof id), sev_slice_of(f.entry.id, SEV_KEY_ID_CHARS));
}
