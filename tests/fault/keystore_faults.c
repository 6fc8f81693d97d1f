/* Every allocation, random number, read, write, fsync and rename of the keystore fails in turn: the
 * old state or the new, never between, nothing left behind. OpenSSL's own likewise.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method: there is no other way to fail it */
#include "test.h"

#include "faulty_fs.h"
#include "secureev/keystore.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sev_scrypt_cost cheap = {16, 1, 1};

/* ------------------------------------------------ OpenSSL that can fail */

static uint32_t openssl_calls, openssl_fail_at;

static bool openssl_fails(void)
{
    return ++openssl_calls == openssl_fail_at;
}

static void *openssl_malloc(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return openssl_fails() ? NULL : malloc(bytes);
}

static void *openssl_realloc(void *old, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return openssl_fails() ? NULL : realloc(old, bytes);
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Before OpenSSL has allocated anything. */
__attribute__((constructor(101))) static void take_over_memory(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        abort();
}

static uint32_t random_calls, random_fail_at;

static int failing_bytes(unsigned char *out, int len)
{
    if (++random_calls == random_fail_at)
        return 0;
    memset(out, (int)random_calls, (size_t)len);
    for (int i = 0; i < len; i++)
        out[i] = (unsigned char)(out[i] + i * 37);
    return 1;
}

static int always_seeded(void)
{
    return 1;
}

/* --------------------------------------------------------------- the world */

/* A keystore with key "old" (passphrase "open"), and a second key ready to be added as "new". */
struct world {
    struct faulty_fs f;
    struct sev_fs real;
    struct sev_keystore sound, faulty;
    struct sev_privkey *other;
    struct sev_key_entry old, out;
};

static void world_init(struct world *w)
{
    static int count;
    struct sev_privkey *key = NULL;
    char dir[300];
    memset(w, 0, sizeof *w);
    faulty_fs_init(&w->f);
    w->real = sev_fs_posix(NULL);
    snprintf(dir, sizeof dir, "%s/keys-%d", sev_test_dir(), count++);
    CHECK_OK(sev_keystore_open(&w->real, dir, true, &w->sound));
    w->faulty = w->sound;
    w->faulty.fs = &w->f.fs;
    CHECK_OK(sev_privkey_generate(SEV_KEY_P256, 0, &key));
    CHECK_OK(sev_keystore_add(&w->sound, "old", key, SEV_LIT("open"), cheap, &w->old));
    sev_privkey_free(key);
    CHECK_OK(sev_privkey_generate(SEV_KEY_ED25519, 0, &w->other));
}

static void world_end(struct world *w)
{
    sev_privkey_free(w->other);
}

static bool any_temporary(void *context, const char *name)
{
    *(bool *)context = *(bool *)context || sev_file_is_temporary(name);
    return true;
}

static bool has_temporary(const struct world *w)
{
    bool found = false;
    CHECK_EQ(w->real.list(NULL, w->sound.dir, any_temporary, &found), 0);
    return found;
}

static sev_err opens(const struct world *w, const char *id, const char *passphrase)
{
    struct sev_privkey *key = NULL;
    sev_err err =
        sev_keystore_load(&w->sound, id, sev_slice_of(passphrase, strlen(passphrase)), &key);
    sev_privkey_free(key);
    return err;
}

/* How many keys there are, all of them sound. */
static size_t keys_of(const struct world *w)
{
    struct sev_key_entries list;
    CHECK_OK(sev_keystore_list(&w->sound, &list));
    for (size_t i = 0; i < list.count; i++)
        CHECK_OK(list.entries[i].damage);
    size_t count = list.count;
    sev_key_entries_free(&w->sound, &list);
    return count;
}

/* ----------------------------------------------------------- what is tried */

static sev_err op_add(struct world *w)
{
    return sev_keystore_add(&w->faulty, "new", w->other, SEV_LIT("secret"), cheap, &w->out);
}

static sev_err op_passwd(struct world *w)
{
    return sev_keystore_passwd(&w->faulty, w->old.id, SEV_LIT("open"), SEV_LIT("changed"), cheap);
}

/* Not encrypted: deriving a key for each of some thousand failures would take minutes. */
static sev_err op_import(struct world *w)
{
    uint8_t bytes[SEV_PRIVKEY_BYTES_MAX];
    sev_buf pem = sev_buf_of(bytes, sizeof bytes);
    struct sev_privkey *key = NULL;
    sev_err err = sev_privkey_to_pem(w->other, SEV_EMPTY, &pem);
    if (err == SEV_OK)
        err = sev_privkey_from_pem(sev_buf_slice(&pem), SEV_EMPTY, &key);
    if (err == SEV_OK)
        err = sev_keystore_add(&w->faulty, "new", key, SEV_LIT("secret"), cheap, &w->out);
    sev_privkey_free(key);
    return err;
}

static sev_err op_load(struct world *w)
{
    struct sev_privkey *key = NULL;
    sev_err err = sev_keystore_load(&w->faulty, w->old.id, SEV_LIT("open"), &key);
    CHECK_EQ(key != NULL, err == SEV_OK);
    sev_privkey_free(key);
    return err;
}

static sev_err op_list(struct world *w)
{
    struct sev_key_entries list = {0};
    sev_err err = sev_keystore_list(&w->faulty, &list);
    CHECK(err == SEV_OK || list.entries == NULL);
    for (size_t i = 0; i < list.count; i++)
        CHECK_OK(list.entries[i].damage);
    sev_key_entries_free(&w->faulty, &list);
    return err;
}

static sev_err op_find(struct world *w)
{
    struct sev_key_entry e;
    return sev_keystore_find(&w->faulty, "old", &e);
}

/* Back to one key with passphrase "open", whatever the operation did. */
static void restore(struct world *w)
{
    struct sev_key_entry e;
    char path[SEV_FS_PATH_MAX + 80];
    if (sev_keystore_find(&w->sound, "new", &e) == SEV_OK) {
        snprintf(path, sizeof path, "%s/%s.key", w->sound.dir, e.id);
        CHECK_EQ(unlink(path), 0);
    }
    if (opens(w, w->old.id, "open") != SEV_OK)
        CHECK_OK(
            sev_keystore_passwd(&w->sound, w->old.id, SEV_LIT("changed"), SEV_LIT("open"), cheap));
}

enum made { NEVER, MAYBE, CERTAINLY };

/* The keystore is as it was, or as it was to become; and which of the two fits `err`. */
static void check_state(struct world *w, sev_err (*op)(struct world *), enum made made)
{
    bool changes_key = op == op_passwd, adds = op == op_add || op == op_import;
    size_t keys = keys_of(w);
    CHECK_ERR(opens(w, w->old.id, "guess"), SEV_E_PASSPHRASE);
    bool as_before = opens(w, w->old.id, "open") == SEV_OK;
    CHECK(as_before || opens(w, w->old.id, "changed") == SEV_OK);
    CHECK(as_before || changes_key);
    CHECK(keys == 1 || (adds && keys == 2));
    if (keys == 2) {
        struct sev_key_entry e;
        CHECK_OK(sev_keystore_find(&w->sound, "new", &e));
        CHECK_OK(opens(w, e.id, "secret"));
    }
    bool happened = !as_before || keys == 2;
    if (changes_key || adds)
        CHECK(made == MAYBE || happened == (made == CERTAINLY));
}

/* Fail call 1, 2, 3, ...; returns how many calls a run makes. */
static uint32_t each_call(struct world *w, sev_err (*op)(struct world *))
{
    for (uint32_t n = 1;; n++) {
        memset(&w->out, 0x5A, sizeof w->out);
        w->f.note.path[0] = '\0';
        faulty_fs_arm(&w->f, n);
        sev_err err = op(w);
        CHECK_EQ(w->f.live_blocks, 0);
        CHECK_EQ(w->f.open_files, 0);
        CHECK(!has_temporary(w));
        if (err != SEV_OK)
            CHECK_EQ(w->out.id[0], 0x5A);
        /* Renamed, and then the folder could not be synced: the new state, and an error. */
        bool last_sync =
            strcmp(w->f.note.call, "fsync") == 0 && strcmp(w->f.note.path, w->sound.dir) == 0;
        check_state(w, op, err == SEV_OK || last_sync ? CERTAINLY : NEVER);
        restore(w);
        if (!w->f.fired) {
            CHECK_OK(err);
            return n - 1;
        }
        if (w->f.how == FAULTY_SHORT)
            CHECK_OK(err);
        else
            CHECK(err == SEV_E_IO || err == SEV_E_RANDOM || err == SEV_E_MEMORY);
    }
}

#define OPS_MAX 6
static sev_err (*const ops[OPS_MAX])(struct world *) = {op_add,  op_passwd, op_import,
                                                        op_load, op_list,   op_find};

TEST(keystore_faults__each_call_fails__old_or_new_and_nothing_left)
{
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < OPS_MAX; i++) {
        uint32_t calls = each_call(&w, ops[i]);
        print_message("operation %zu makes %u calls\n", i, calls);
        CHECK(calls >= (i < 3 ? 15 : 4));
    }
    world_end(&w);
}

TEST(keystore_faults__each_write_is_torn_and_the_disk_is_full__old_or_new_and_nothing_left)
{
    struct world w;
    world_init(&w);
    w.f.how = FAULTY_TEAR;
    w.f.error = ENOSPC;
    for (size_t i = 0; i < 3; i++)
        (void)each_call(&w, ops[i]);
    world_end(&w);
}

TEST(keystore_faults__reads_and_writes_come_up_short__all_works)
{
    struct world w;
    world_init(&w);
    w.f.how = FAULTY_SHORT;
    for (size_t i = 0; i < OPS_MAX; i++)
        (void)each_call(&w, ops[i]);
    world_end(&w);
}

TEST(keystore_faults__killed_at_each_call__old_or_new_and_the_next_run_cleans_up)
{
    struct world w;
    world_init(&w);
    w.f.how = FAULTY_KILL;
    for (size_t i = 0; i < 3; i++)
        for (uint32_t n = 1;; n++) {
            faulty_fs_arm(&w.f, n);
            pid_t child = fork();
            if (child == 0)
                _exit(ops[i](&w) == SEV_OK ? 0 : 1);
            int status = 0;
            CHECK_EQ(waitpid(child, &status, 0), child);
            bool ended = WIFEXITED(status);
            CHECK(ended ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
            check_state(&w, ops[i], ended ? CERTAINLY : MAYBE);
            /* What was left half-written goes with the next change. */
            if (opens(&w, w.old.id, "open") == SEV_OK)
                CHECK_OK(sev_keystore_passwd(&w.sound, w.old.id, SEV_LIT("open"), SEV_LIT("open"),
                                             cheap));
            else
                CHECK_OK(sev_keystore_passwd(&w.sound, w.old.id, SEV_LIT("changed"),
                                             SEV_LIT("open"), cheap));
            CHECK(!has_temporary(&w));
            restore(&w);
            if (ended)
                break;
        }
    world_end(&w);
}

/* Opening a key makes some 5,000 allocations, most of which OpenSSL does without: all of them are
 * tried in `make nightly`, else the first ones, each, and then one in STRIDE. */
#define EACH_UP_TO 100u
#define STRIDE 37u

TEST(keystore_faults__each_allocation_of_openssl_fails__old_or_new_and_nothing_left)
{
    struct world w;
    world_init(&w);
    faulty_fs_arm(&w.f, 0);
    bool all = getenv("SEV_NIGHTLY") != NULL;
    for (size_t i = 0; i < 4; i++) {
        uint32_t failed = 0;
        /* Once without failure: what OpenSSL keeps for good is made then. */
        CHECK_OK(ops[i](&w));
        restore(&w);
        for (uint32_t n = 1;; n += n < EACH_UP_TO || all ? 1 : STRIDE) {
            openssl_calls = 0;
            openssl_fail_at = n;
            sev_err err = ops[i](&w);
            bool reached = openssl_calls >= n;
            openssl_fail_at = 0;
            failed += err != SEV_OK;
            CHECK_EQ(w.f.live_blocks, 0);
            CHECK_EQ(w.f.open_files, 0);
            CHECK(!has_temporary(&w));
            check_state(&w, ops[i], err == SEV_OK ? CERTAINLY : NEVER);
            restore(&w);
            if (!reached) {
                CHECK_OK(err);
                print_message("operation %zu: up to %u allocations, %u failures\n", i, n, failed);
                CHECK(failed > 0);
                break;
            }
        }
    }
    world_end(&w);
}

static void check_works(const struct sev_privkey *key)
{
    uint8_t bytes[SEV_SIG_BYTES_MAX], digest[SEV_SHA256_BYTES];
    sev_buf sig = sev_buf_of(bytes, sizeof bytes);
    const struct sev_pubkey *public = sev_privkey_public(key);
    if (public->type == SEV_KEY_X25519)
        return;
    sev_sha256(SEV_LIT("text"), digest);
    CHECK_OK(sev_privkey_sign(key, SEV_LIT("text"), &sig));
    CHECK_OK(sev_crypto_verify(NULL, public, SEV_LIT("text"), digest, sev_buf_slice(&sig)));
}

TEST(keystore_faults__each_random_number_of_openssl_fails__no_key)
{
    static const RAND_METHOD method = {
        .bytes = failing_bytes, .pseudorand = failing_bytes, .status = always_seeded};
    static const sev_key_type types[] = {SEV_KEY_P256, SEV_KEY_ED25519, SEV_KEY_X25519,
                                         SEV_KEY_SECP256K1};
    const RAND_METHOD *before = RAND_get_rand_method();
    for (size_t i = 0; i < 4; i++)
        for (uint32_t n = 1;; n++) {
            struct sev_privkey *key = NULL;
            CHECK_EQ(RAND_set_rand_method(&method), 1);
            random_calls = 0;
            random_fail_at = n;
            sev_err err = sev_privkey_generate(types[i], 0, &key);
            CHECK_EQ(RAND_set_rand_method(before), 1);
            CHECK_EQ(key != NULL, err == SEV_OK);
            bool reached = random_calls >= n;
            if (key != NULL)
                check_works(key);
            sev_privkey_free(key);
            if (!reached) {
                CHECK_OK(err);
                CHECK(n > 1);
                break;
            }
            /* Past the key itself there are numbers that only blind computations with it: OpenSSL
             * does without some. The first is the key. */
            CHECK(err == SEV_E_RANDOM || err == SEV_E_CRYPTO || (err == SEV_OK && n > 1));
        }
}
