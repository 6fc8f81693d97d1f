/* desk - a repository's folder and everybody's keys, for tests of secureev/repository.h; and a
 * reader that verifies what is public as a client does, with a memory of its own.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_TEST_DESK_H
#define SEV_TEST_DESK_H

#include "secureev/repository.h"
#include "secureev/signing.h"
#include "secureev/walk.h"

/* Made when first asked for; the same number is the same key in one run of a program. */
enum desk_key {
    ROOT_1,
    ROOT_2,
    ROOT_3,
    TARGETS,
    SNAPSHOT,
    TIMESTAMP,
    SUPPLIER,
    TIER,
    REVIEWER_1,
    REVIEWER_2,
    TIME,
    SPARE_1,
    SPARE_2,
    SPARE_3,
    DESK_P256, /* those above are P-256, those below Ed25519 */
    ROOT_A = DESK_P256,
    TARGETS_A,
    SNAPSHOT_A,
    TIMESTAMP_A,
    DESK_ED25519,
    KEM = DESK_ED25519,
    DESK_KEYS,
};
#define DESK_NOW 1893456000 /* 2030-01-01 */

const struct sev_pubkey *desk_public(enum desk_key key);
const char *desk_id(enum desk_key key);

struct desk {
    struct sev_fs real;
    const struct sev_fs *fs; /* what the repository works through */
    char dir[256];
    sev_time now;
    struct sev_repository_note note;
};

/** An empty place. */
void desk_new(struct desk *d);
/** A copy of another one's folder. */
void desk_copy(struct desk *d, const struct desk *from);

/* A plan with one key per role, two of three for the root. */
struct desk_plan {
    struct sev_repository_plan plan;
    struct sev_repository_role roles[16];
    struct sev_pubkey keys[16][4];
    uint32_t count;
};
void desk_role(struct desk_plan *p, const char *name, bool aktualizr, uint32_t threshold,
               const enum desk_key *keys, uint32_t count);
void desk_plan_of(struct desk_plan *p, sev_repository_kind kind);
sev_err desk_init(struct desk *d, const struct desk_plan *p);

/** Open for writing; the test fails if that fails. */
struct sev_repository *desk_open(struct desk *d);
/** Save and close; the test fails if that fails. */
void desk_done(struct sev_repository *r);

/** Signs with the keys whose bits are set. */
struct sev_repository_signer desk_signer(unsigned long keys);
#define DESK_ONLINE (1ul << SNAPSHOT | 1ul << TIMESTAMP | 1ul << SNAPSHOT_A | 1ul << TIMESTAMP_A)
#define DESK_EVERYBODY (~0ul)

/** A signature file by this key over a staged file, or over `bytes` when they are given. */
void desk_sign(struct desk *d, const char *file, sev_slice bytes, enum desk_key key, sev_buf *out);
/** stage; every key whose bit is set signs what it may; assemble. Opens and closes. */
sev_err desk_ceremony(struct desk *d, unsigned long keys);
sev_err desk_publish(struct desk *d, unsigned long keys);
sev_err desk_publish_as(struct desk *d, unsigned long keys, enum sev_repository_publish_how how);

/** An image of these bytes, listed by `role` (NULL: targets). */
sev_err desk_add(struct desk *d, const char *name, const char *text, const char *role);
sev_err desk_delegate(struct desk *d, const char *role, enum desk_key key, const char *path,
                      const char *parent);
sev_err desk_rotate(struct desk *d, const char *role, enum desk_key key);
/** Images: root v1, a supplier with an image, one of our own; published. */
void desk_images(struct desk *d);

/** Path below the folder. Static storage, four in turn. */
const char *desk_path(const struct desk *d, const char *relative);
bool desk_has(const struct desk *d, const char *relative);
/** The highest N of N.ROLE.json below public/; 0: none. */
int64_t desk_version(const struct desk *d, const char *role);
/** Errors that lint finds (both profiles); each is printed. */
uint32_t desk_lint_errors(struct desk *d, sev_repository_kind kind, const char *expected_code);

/** Does lint say this (as an error, or as a warning)? */
bool desk_lint_says(struct desk *d, sev_repository_kind kind, bool is_error, const char *code);
/** What the tool would never write: edit the signed part of a public file, sign it with the right
 *  keys, and mend snapshot and timestamp so that nothing else is wrong. */
void desk_forge(struct desk *d, const char *role, const char *find, const char *replace);

/* -------------------------------------------------------------------- reader */

#define READER_FILES_MAX 32
struct reader {
    char folder[300]; /* the public one */
    sev_time now;
    sev_profile profile;
    bool director;
    struct sev_walk walk;
    struct sev_arena arena;
    uint8_t *memory;
    uint32_t count;
    struct {
        char name[SEV_FILE_NAME_MAX + 1];
        uint8_t *bytes;
        size_t len;
    } files[READER_FILES_MAX];
};
/** Trusts the folder's 1.root.json of now. */
void reader_new(struct reader *r, const struct desk *d);
/** For a folder that has nothing yet: these are the first root. */
void reader_free(struct reader *r);
/** One cycle: SEV_OK or the refusal. Versions are in r->walk. */
sev_err reader_refresh(struct reader *r);
/** After a refresh: is it listed? Then its bytes must be there and fit, or it is SEV_E_IMAGE_HASH.
 */
sev_err reader_find(struct reader *r, const char *image, bool *out_found);

#endif
