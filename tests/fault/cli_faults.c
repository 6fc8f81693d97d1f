/* Each allocation of the command line itself fails in turn: the whole answer or none, an exit code
 * that says so, and a keystore that is as it was or as it was to become.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "cli.h"
#include "secureev/keystore.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The linker puts these in place of the C library's, for our objects and not for OpenSSL's. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

static uint32_t calls, fail_at;

static bool fails(void)
{
    return fail_at != 0 && ++calls == fail_at;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __real_realloc(old, bytes);
}

extern const struct cli_command cmd_key, cmd_help, cmd_man, cmd_completion, cmd_version;
static const struct cli_command *const table[] = {&cmd_key,        &cmd_help,    &cmd_man,
                                                  &cmd_completion, &cmd_version, NULL};

static char reference[65536], out_text[65536], err_text[65536];
static char keystore[300], passphrase[300];

static size_t read_back(FILE *f, char *text, size_t cap)
{
    rewind(f);
    size_t n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return n;
}

/* Runs the words of `line` with allocation `n` failing. @KEYS and @PASS stand for paths. */
static int run(const char *line, uint32_t n, char *out, size_t cap)
{
    char words[1024];
    char *argv[32] = {"secureev"};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok(words, " "); w != NULL; w = strtok(NULL, " "))
        argv[argc++] = strcmp(w, "@KEYS") == 0   ? keystore
                       : strcmp(w, "@PASS") == 0 ? passphrase
                                                 : w;
    FILE *o = tmpfile(), *e = tmpfile();
    CHECK(o != NULL && e != NULL);
    calls = 0;
    fail_at = n;
    int code = cli_main(argc, argv, table, fileno(o), fileno(e));
    fail_at = 0;
    (void)read_back(o, out, cap);
    (void)read_back(e, err_text, sizeof err_text);
    return code;
}

/* Fails each allocation of a command that changes nothing; returns how many it makes. */
static uint32_t each(const char *line, int expected)
{
    CHECK_EQ(run(line, 0, reference, sizeof reference), expected);
    for (uint32_t n = 1;; n++) {
        int code = run(line, n, out_text, sizeof out_text);
        bool reached = calls >= n;
        /* A failure that was overcome, or one that is told; never half an answer. */
        if (code == expected) {
            assert_string_equal(out_text, reference);
        } else {
            CHECK_EQ(code, 1);
            assert_string_equal(out_text, "");
        }
        if (code != 0 && n > 4) /* the first four are those without which nothing can be said */
            CHECK(err_text[0] != '\0');
        if (!reached)
            return n - 1;
    }
}

/* How many keys there are; all of them are sound, and go if `remove`. */
static size_t keys_there(bool remove)
{
    struct sev_fs fs = sev_fs_posix(NULL);
    struct sev_keystore ks;
    struct sev_key_entries list;
    CHECK_OK(sev_keystore_open(&fs, keystore, true, &ks));
    CHECK_OK(sev_keystore_list(&ks, &list));
    size_t count = list.count;
    for (size_t i = 0; i < count; i++) {
        char path[SEV_FS_PATH_MAX + 80];
        CHECK_OK(list.entries[i].damage);
        snprintf(path, sizeof path, "%s/%s.key", keystore, list.entries[i].id);
        if (remove)
            CHECK_EQ(unlink(path), 0);
    }
    sev_key_entries_free(&ks, &list);
    return count;
}

static void prepare(void)
{
    snprintf(keystore, sizeof keystore, "%s/keys", sev_test_dir());
    snprintf(passphrase, sizeof passphrase, "%s/pass", sev_test_dir());
    sev_test_write(passphrase, SEV_LIT("a phrase\n"));
    CHECK_EQ(chmod(passphrase, 0600), 0);
}

TEST(cli_faults__each_allocation_of_an_answer_fails__all_of_it_or_none)
{
    static const char *const lines[] = {
        "--help", "help key export", "version --json", "man", "completion bash",
    };
    prepare();
    (void)keys_there(false);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK(each(lines[i], 0) > 4);
}

TEST(cli_faults__each_allocation_of_a_complaint_fails__it_is_told_all_the_same)
{
    static const char *const lines[] = {"key lits", "key list --keystor x", "key show", "nothing"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK(each(lines[i], 2) > 4);
}

TEST(cli_faults__each_allocation_of_key_generate_fails__a_key_or_none)
{
    static const char generate[] =
        "key generate --keystore @KEYS --passphrase-file @PASS --type ed25519";
    prepare();
    for (uint32_t n = 1;; n++) {
        int code = run(generate, n, out_text, sizeof out_text);
        /* The next one makes a single key again: reading others would take allocations, too. */
        size_t made = keys_there(true);
        /* Made, and then there was no memory to say so: the key is there, and sound. */
        CHECK(made == 1 || (made == 0 && code == 1));
        CHECK_EQ(out_text[0] != '\0', code == 0);
        if (calls < n) {
            CHECK_EQ(code, 0);
            CHECK(n > 8);
            break;
        }
    }
    CHECK_EQ(run(generate, 0, out_text, sizeof out_text), 0);
    CHECK(each("key list --keystore @KEYS", 0) > 8);
    CHECK(each("key list --keystore @KEYS --json", 0) > 8);
}
