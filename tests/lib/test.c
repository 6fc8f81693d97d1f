/* test - registration, main and helpers of the test programs. SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "test.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TESTS_MAX 1024

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;
static char directory[256];

/* Only programs that link the core's mutants have it: they note which case meets which check. */
void sev_mutant_case(const char *name) __attribute__((weak));

static int case_begins(void **state)
{
    if (sev_mutant_case != NULL)
        sev_mutant_case(*state);
    return 0;
}

void sev_test_register(const char *name, sev_test_fn fn)
{
    if (test_count == TESTS_MAX)
        abort();
    tests[test_count].name = name;
    tests[test_count].test_func = fn;
    tests[test_count].setup_func = case_begins;
    tests[test_count].initial_state = (void *)(uintptr_t)name;
    test_count++;
}

void sev_test_err(sev_err actual, sev_err expected, const char *file, int line)
{
    if (actual == expected)
        return;
    print_error("%s:%d: got %s, wanted %s\n", file, line, sev_err_id(actual), sev_err_id(expected));
    _fail(file, line);
}

void sev_test_slice(sev_slice actual, sev_slice expected, const char *file, int line)
{
    if (sev_slice_eq(actual, expected))
        return;
    print_error("%s:%d: got (%zu) \"%.*s\", wanted (%zu) \"%.*s\"\n", file, line, actual.len,
                (int)actual.len, actual.ptr ? (const char *)actual.ptr : "", expected.len,
                (int)expected.len, expected.ptr ? (const char *)expected.ptr : "");
    _fail(file, line);
}

void sev_test_skip(const char *reason)
{
    print_message("SKIP: %s\n", reason);
    skip();
}

const char *sev_test_vectors(const char *relative)
{
    static char path[1024];
    const char *base = getenv("SEV_VECTORS");
    snprintf(path, sizeof path, "%s/%s", base ? base : SEV_SOURCE_DIR "/../shared/vectors",
             relative);
    if (access(path, R_OK) != 0)
        sev_test_skip("no ../shared/vectors beside the project");
    return path;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *sev_test_dir(void)
{
    if (directory[0] == '\0') {
        snprintf(directory, sizeof directory, "/tmp/sev-test-XXXXXX");
        if (mkdtemp(directory) == NULL)
            fail_msg("mkdtemp failed");
        atexit(remove_directory);
    }
    return directory;
}

uint8_t *sev_test_read(const char *path, size_t *out_len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    size_t cap = 1 << 16, len = 0;
    uint8_t *bytes = malloc(cap + 1);
    for (size_t n; bytes != NULL && (n = fread(bytes + len, 1, cap - len, f)) > 0;) {
        len += n;
        if (len == cap)
            bytes = realloc(bytes, (cap *= 2) + 1);
    }
    fclose(f);
    if (bytes == NULL)
        fail_msg("no memory");
    bytes[len] = 0;
    *out_len = len;
    return bytes;
}

void sev_test_write(const char *path, sev_slice bytes)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0)
        fail_msg("cannot write %s", path);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests(argv[0], tests, test_count, NULL, NULL) == 0 ? 0 : 1;
}
