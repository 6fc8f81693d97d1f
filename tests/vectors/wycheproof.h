/* wycheproof - walks a gzipped Wycheproof file of ../shared/vectors, test by test.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TESTS_WYCHEPROOF_H
#define SEV_TESTS_WYCHEPROOF_H

#include <stdbool.h>

#include "secureev/slice.h"

struct wycheproof_test {
    sev_slice group; /* JSON object with the key and the parameters */
    sev_slice test;  /* JSON object */
    int id;
    bool valid; /* the files that we use have no "acceptable": such a test fails the walk */
};

typedef bool (*wycheproof_fn)(const struct wycheproof_test *t);

/** Tests that the file calls invalid and we accept by decision: ids `first` to `last`; 0 = none. */
struct wycheproof_decided {
    int first, last;
    const char *why;
};

/**
 * Call `accepts` for every test of the file and fail unless it says just what the file says (or
 * `decided`, which may be NULL) and has seen as many tests as the file announces. Prints the
 * counts. SKIPs without the vectors.
 */
void wycheproof_run(const char *file, wycheproof_fn accepts,
                    const struct wycheproof_decided *decided);

/** The bytes of a hex member, valid until the next 8 calls; fails the test when it is not there. */
sev_slice wycheproof_hex(sev_slice object, const char *name);
int wycheproof_int(sev_slice object, const char *name);

#endif
