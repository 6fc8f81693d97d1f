/* test - the one test style: TEST(module__condition__expectation) { CHECK...; }
 * Every tests/<group>/<name>.c becomes a program of its own; tests register themselves.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_H
#define SEV_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "secureev/err.h"
#include "secureev/slice.h"

typedef void (*sev_test_fn)(void **state);
void sev_test_register(const char *name, sev_test_fn fn);

#define TEST(name)                                                                                 \
    static void name(void **sev_test_state);                                                       \
    __attribute__((constructor)) static void name##_register(void)                                 \
    {                                                                                              \
        sev_test_register(#name, name);                                                            \
    }                                                                                              \
    static void name(__attribute__((unused)) void **sev_test_state)

#define CHECK(condition) assert_true(condition)
#define CHECK_EQ(actual, expected) assert_int_equal((long long)(actual), (long long)(expected))
/** Compare results by name, so that a failure reads "got expired, wanted ok". */
#define CHECK_ERR(actual, expected) sev_test_err((actual), (expected), __FILE__, __LINE__)
#define CHECK_OK(actual) CHECK_ERR((actual), SEV_OK)
#define CHECK_SLICE(actual, expected) sev_test_slice((actual), (expected), __FILE__, __LINE__)
#define CHECK_TEXT(actual_slice, literal) CHECK_SLICE((actual_slice), SEV_LIT(literal))
/** End the test as skipped: printed with its reason and counted by `make test`. */
#define SKIP(reason) sev_test_skip(reason)

void sev_test_err(sev_err actual, sev_err expected, const char *file, int line);
void sev_test_slice(sev_slice actual, sev_slice expected, const char *file, int line);
void sev_test_skip(const char *reason);

/** Path of a file below ../shared/vectors (or $SEV_VECTORS), or SKIP. Static storage. */
const char *sev_test_vectors(const char *relative);
/** A fresh directory that is removed when the program ends well. Static storage, absolute. */
const char *sev_test_dir(void);
/** Whole file into malloc'ed memory (free it); NUL-terminated; fails the test when unreadable. */
uint8_t *sev_test_read(const char *path, size_t *out_len);
void sev_test_write(const char *path, sev_slice bytes);

#endif
