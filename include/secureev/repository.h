/* repository - the making side of a Director, Images or Regulator repository: what it lists, who
 * may sign, ceremonies in which each key stays on its holder's machine, publishing in an order in
 * which a reader at any moment sees the old files or the new ones. Hosted; files through a sev_fs.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_REPOSITORY_H
#define SECUREEV_REPOSITORY_H

#include "secureev/fs.h"
#include "secureev/meta.h"
#include "secureev/text.h"

/* DIR/repository.json   everything that is wanted and known; replaced whole, in one step
 * DIR/staged/           bytes to be signed, PROFILE.VERSION.ROLE.tbs, and in words, .txt
 * DIR/pool/             image bytes that no published file lists yet
 * DIR/trust/            what is trusted of the repository that entries are copied from
 * DIR/public/           what a static web server serves; aktualizr's files in public/aktualizr/ */

#define SEV_REPOSITORY_STATE_BYTES_MAX                                                             \
    (256u << 20)                      /* 200 roles with 8 MiB are 1.6 GiB: too many                \
                                       */
#define SEV_REPOSITORY_ROLES_MAX 8u   /* of a root: four, publish, time, kem */
#define SEV_REPOSITORY_LOCK_MS 10000u /* others publish for seconds */
#define SEV_REPOSITORY_DAYS_MAX 3650u

typedef enum sev_repository_kind {
    SEV_REPOSITORY_DIRECTOR,
    SEV_REPOSITORY_IMAGES,
    SEV_REPOSITORY_REGULATOR,
    SEV_REPOSITORY_KINDS,
} sev_repository_kind;
/** "director", "images", "regulator". */
const char *sev_repository_kind_name(sev_repository_kind kind);

/** What went wrong, for people; behind a line feed, in places, what to do. Empty: nothing did. */
struct sev_repository_note {
    char text[512];
};

struct sev_repository;

/* ------------------------------------------------------------ making one */

/** Keys of a role, as given: key material, any order. */
struct sev_repository_keys {
    const struct sev_pubkey *keys;
    uint32_t count;
    uint32_t threshold;
};
struct sev_repository_role {
    const char *name;
    bool aktualizr; /**< the role of that name in profile aktualizr */
    struct sev_repository_keys keys;
    uint32_t days; /**< until a file of it expires; 0: DESIGN 3.7's default */
};
struct sev_repository_plan {
    sev_repository_kind kind;
    const char *vehicle; /**< Director that serves one vehicle; else NULL */
    bool with_aktualizr;
    const struct sev_repository_role *roles; /**< a Regulator's `attestations` too */
    uint32_t role_count;
};

/**
 * Make a repository in `dir`, whose first root is staged to be signed.
 *
 * @retval SEV_E_EXISTS     there is one
 * @retval SEV_E_THRESHOLD  a threshold is zero or cannot be met by its keys
 * @retval SEV_E_CONFIG     a role is missing, or not one of this kind of repository
 * @retval SEV_E_KEY        a key that this profile or role cannot have
 */
SEV_MUST_USE sev_err sev_repository_init(const struct sev_fs *fs, const char *dir,
                                         const struct sev_repository_plan *plan, sev_time now,
                                         struct sev_repository_note *note);

enum { SEV_REPOSITORY_WRITE = 1 /**< lock the folder: one writer at a time */ };
/**
 * @retval SEV_E_NOT_FOUND  no repository there
 * @retval SEV_E_BUSY       another writer
 * @retval SEV_E_STORE      repository.json is damaged
 */
SEV_MUST_USE sev_err sev_repository_open(const struct sev_fs *fs, const char *dir, unsigned how,
                                         struct sev_repository_note *note,
                                         struct sev_repository **out);
/** NULL is fine. What was not saved is lost. */
void sev_repository_close(struct sev_repository *r);
/** Keep the changes, all of them or none. */
SEV_MUST_USE sev_err sev_repository_save(struct sev_repository *r);

sev_repository_kind sev_repository_kind_of(const struct sev_repository *r);
/** The time at which it was last staged or published; 0: never. A clock that is behind it is wrong,
 *  or was: files signed by it would expire too early, and everybody's updates with them. */
sev_time sev_repository_latest(const struct sev_repository *r);

/* -------------------------------------------------------------- contents */

/** A list of C strings. */
struct sev_texts {
    const char *const *items;
    size_t count;
};

struct sev_repository_image {
    const char *name;
    const char *file;
    const char *role; /**< the targets role that lists it; NULL: the top-level one */
    struct sev_texts hardware_ids;
    int64_t release_counter;
    int64_t min_release_counter; /**< 0: none */
    const char *version;
    const char *format, *group; /**< or NULL */
    struct sev_texts depends, conflicts;
    const char *plaintext; /**< file that the image is the ciphertext of, or NULL */
};
/**
 * List an image: the file is streamed into the pool and hashed on its way.
 *
 * @retval SEV_E_BAD_NAME  not clean, or not printable ASCII
 * @retval SEV_E_EXISTS    the role lists that name with other bytes
 * @retval SEV_E_NOT_FOUND no such role, or no such file
 * @retval SEV_E_DELEGATION  the role is not trusted with that name
 */
SEV_MUST_USE sev_err sev_repository_add_image(struct sev_repository *r,
                                              const struct sev_repository_image *image);
/** @param role  NULL: whichever lists it; SEV_E_AMBIGUOUS when several do */
SEV_MUST_USE sev_err sev_repository_remove_image(struct sev_repository *r, const char *name,
                                                 const char *role);

/** Where entries are copied from: a published repository, verified as a client would. */
struct sev_repository_source {
    const char *folder; /**< its public folder */
    const char *root;   /**< file of the root to trust first; NULL: its 1.root.json */
    sev_time now;
};
struct sev_repository_assignment {
    const char *name;
    struct sev_texts serials, hardware_ids; /**< in pairs */
    sev_slice encryption;                   /**< JSON object, or empty */
};
SEV_MUST_USE sev_err sev_repository_assign(struct sev_repository *r,
                                           const struct sev_repository_source *from,
                                           const struct sev_repository_assignment *assignment);
struct sev_repository_bundle {
    const char *id; /**< NULL: no bundle block */
    int64_t version;
    struct sev_texts groups;    /**< each "SERIAL,SERIAL" */
    const char *correlation_id; /**< NULL: as it is */
};
SEV_MUST_USE sev_err sev_repository_set_bundle(struct sev_repository *r,
                                               const struct sev_repository_bundle *bundle);
/** What a regulator says of its decision: all of it, or nothing. */
struct sev_repository_review {
    bool refused;              /**< attest: list it in `withdrawals` right away */
    const char *regulator;     /**< NULL: the entry says nothing of how it came about */
    const char *report;        /**< file: its length and digests are listed */
    struct sev_texts scanners; /**< each "NAME=VERSION" */
};
SEV_MUST_USE sev_err sev_repository_attest(struct sev_repository *r,
                                           const struct sev_repository_source *from,
                                           const char *name,
                                           const struct sev_repository_review *review);
/** Lists it in `withdrawals`, where the search meets it first, and in `attestations` no more: the
 *  one takes one reviewer and works at once (SEV_PUBLISH_READY), the other takes all it needs.
 *  DESIGN 3.3 */
SEV_MUST_USE sev_err sev_repository_withdraw(struct sev_repository *r, const char *name,
                                             sev_time now,
                                             const struct sev_repository_review *review);

/* ----------------------------------------------------- roles and delegations */

struct sev_repository_delegate {
    const char *parent; /**< NULL: the top-level targets */
    const struct sev_repository_role *roles;
    uint32_t role_count; /**< more than one: they must agree (TAP 3) */
    uint32_t min_roles;  /**< of them; 0 with a single role */
    struct sev_texts paths;
    bool has_hardware_ids; /**< absent: any; empty: none */
    struct sev_texts hardware_ids;
    bool terminating;
    const char *before; /**< stands before this role; NULL: last */
};
/**
 * @retval SEV_E_DELEGATION  a terminating delegation to a role that delegates for those paths, a
 *         Director, a role that would delegate to itself, min_roles not above half of the roles
 */
SEV_MUST_USE sev_err sev_repository_delegate_to(struct sev_repository *r,
                                                const struct sev_repository_delegate *d);
/** Revoke: the delegation goes, and what the role and those below it listed. Its name stays in the
 *  snapshot until timestamp and snapshot get other keys in one root, or clients would take it for
 *  an attack. Trusted again it begins empty; its versions go on. */
SEV_MUST_USE sev_err sev_repository_undelegate(struct sev_repository *r, const char *role,
                                               const char *parent);
/** New keys and threshold for a role of the root, or for a delegated role in each delegation to
 *  it (`parent` NULL) or in one. days 0: as it is. */
SEV_MUST_USE sev_err sev_repository_rotate(struct sev_repository *r,
                                           const struct sev_repository_role *role,
                                           const char *parent);
/** Take a key out of every role. @retval SEV_E_THRESHOLD a role could not sign any more */
SEV_MUST_USE sev_err sev_repository_revoke_key(struct sev_repository *r, const char *keyid);

/* -------------------------------------------------------------- ceremony */

/** One file on its way. Texts live as long as the repository. */
struct sev_repository_staged {
    sev_profile profile;
    const char *role;
    int64_t version;
    sev_time expires;
    char file[SEV_FS_PATH_MAX]; /**< the bytes to be signed */
    uint32_t signatures;
    uint32_t threshold; /**< the largest of those that it must meet */
    bool complete;
    const char *waits; /**< after SEV_PUBLISH_READY: for what, though complete; else NULL */
};
/** Call with 0, 1, 2, ... @return false when there is no such one */
bool sev_repository_staged_at(struct sev_repository *r, size_t index,
                              struct sev_repository_staged *out);

/**
 * Write the bytes to be signed of whatever changed, each under a version of its own that is
 * claimed first. What is staged already and has not changed stays, with its signatures. Snapshot
 * and timestamp follow when what they list is signed.
 *
 * @param aging  also what has less than half its life left
 */
SEV_MUST_USE sev_err sev_repository_stage(struct sev_repository *r, sev_time now, bool aging);

/** Where signatures come from. `sign` may say SEV_E_NOT_FOUND: not one of its keys. */
struct sev_repository_signer {
    void *context;
    sev_err (*sign)(void *context, const char *keyid, sev_slice message, sev_buf *out);
};

/** Take in detached signatures: all of them, or none.
 *
 * @param partial  accept too few for a threshold
 * @retval SEV_E_MALFORMED  not a signature file
 * @retval SEV_E_META_MISMATCH  it was made over other bytes than those staged
 * @retval SEV_E_KEY        not a key of that role
 * @retval SEV_E_SIGNATURE  it does not verify, or the threshold is not met
 */
SEV_MUST_USE sev_err sev_repository_assemble(struct sev_repository *r, const sev_slice *files,
                                             size_t count, bool partial);

enum sev_repository_publish_how {
    SEV_PUBLISH_ALL,     /**< everything staged; must be complete */
    SEV_PUBLISH_REFRESH, /**< only files that are signed online, made anew from what is published */
    SEV_PUBLISH_READY, /**< what is complete and needs nothing that is not; the rest stays staged */
};
/**
 * Sign what is signed online (timestamp, snapshot, the Director's targets), verify the result as a
 * client would, and publish: images, delegated roles, targets, snapshot, timestamp; the root last
 * where both key sets signed, first where the old keys did not. An interrupted run is finished
 * first. Never writes other bytes under a name that was published.
 *
 * @param signer  may be NULL: then everything must be signed already
 * @retval SEV_E_SIGNATURE  something has too few signatures, or would not satisfy whoever trusts it
 * @retval SEV_E_ROLE_MISSING  a role would be trusted whose file is not there
 */
SEV_MUST_USE sev_err sev_repository_publish(struct sev_repository *r, sev_time now,
                                            enum sev_repository_publish_how how,
                                            const struct sev_repository_signer *signer);

/** A file that is public. */
struct sev_repository_published {
    sev_profile profile;
    const char *role;
    int64_t version;
    int64_t length;
    sev_time expires;
};
/** Call with 0, 1, 2, ... @return false when there is no such one */
bool sev_repository_published_at(const struct sev_repository *r, size_t index,
                                 struct sev_repository_published *out);

/** A role's newest file of the native profile that enough people have signed: staged and complete,
 *  or else the public one. `out_bytes` live as long as the repository. @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err sev_repository_signed(struct sev_repository *r, const char *role,
                                           int64_t *out_version, sev_slice *out_bytes);
/** Where the bytes lie that are served, or will be, as `path`: "targets/DIR/SHA256.FILE".
 *  @retval SEV_E_NOT_FOUND  gone */
SEV_MUST_USE sev_err sev_repository_image_file(struct sev_repository *r, const char *path,
                                               char out[SEV_FS_PATH_MAX]);

/* -------------------------------------------------- on a key holder's machine */

/** A document that asks to be signed. */
struct sev_tbs {
    sev_profile profile;
    sev_slice type; /**< "root", ... in lower case */
    int64_t version;
    sev_time expires;
    char sha256[2 * SEV_SHA256_BYTES + 1];
};
/**
 * May these bytes be signed? They must be canonical, of a known type, printable ASCII, and all
 * that a client would refuse in them is refused here. Nothing is believed of the file's name.
 */
SEV_MUST_USE sev_err sev_tbs_check(const struct sev_fs *fs, sev_slice bytes, struct sev_tbs *out,
                                   struct sev_repository_note *note);
/** What a key holder signs, line by line, for people. Free with sev_bytes_free. */
SEV_MUST_USE sev_err sev_tbs_describe(const struct sev_fs *fs, sev_slice bytes,
                                      struct sev_bytes *out);
/** The detached signature file. */
SEV_MUST_USE sev_err sev_tbs_signature_file(const struct sev_tbs *tbs, const char *keyid,
                                            sev_slice signature, sev_buf *out);
#define SEV_SIGNATURE_FILE_BYTES_MAX 4096u

/* ------------------------------------------------------- what is public */

/** A metadata file as it is served. Not verified: for looking, comparing, and lint. */
struct sev_public_file {
    const char *role; /**< "root", ..., or a delegated role */
    const char *name; /**< of the file, below the folder */
    sev_slice bytes;
    sev_err err; /**< why it cannot be used; then only what stands above is known */
    struct sev_doc doc;
    struct sev_common common;
    uint32_t signatures;
    struct sev_root root;       /**< of a root */
    struct sev_targets targets; /**< of targets, and delegated ones */
};
/** The newest root, and what timestamp and snapshot lead to. Delegated roles in the order of their
 *  names. */
struct sev_public {
    sev_profile profile;
    uint32_t count;
    const struct sev_public_file *files;
    void *memory;
};
/**
 * @param file  a single metadata file instead of a folder, when it is a regular file
 * @retval SEV_E_NOT_FOUND  there is no root (and it is not a file)
 */
SEV_MUST_USE sev_err sev_public_open(const struct sev_fs *fs, const char *folder,
                                     sev_profile profile, struct sev_repository_note *note,
                                     struct sev_public *out);
void sev_public_close(struct sev_public *p);
const struct sev_public_file *sev_public_find(const struct sev_public *p, const char *role);

/** One difference between two published states. */
struct sev_public_change {
    const char *change;      /**< "added", "removed", "changed" */
    const char *role;        /**< whose file */
    const char *what;        /**< "file", "expiry", "keys", "image", "delegation", "custom" */
    const char *subject;     /**< image, role of a delegation, role of the root, or "" */
    sev_slice before, after; /**< as text or JSON; may be empty */
};
typedef void sev_public_report(void *context, const struct sev_public_change *change);
SEV_MUST_USE sev_err sev_public_diff(const struct sev_fs *fs, const struct sev_public *a,
                                     const struct sev_public *b, sev_public_report *report,
                                     void *context);

/* ------------------------------------------------------------------- lint */

/** What lint found. Codes do not change: REFUSE errors have their own id as code. */
struct sev_lint_finding {
    bool is_error; /**< a client would refuse something; else a warning */
    const char *code;
    sev_profile profile;
    const char *role;    /**< or "" */
    const char *subject; /**< image, key id, file, or "" */
    const char *text;    /**< for people */
};
typedef void sev_lint_report(void *context, const struct sev_lint_finding *finding);
struct sev_lint_config {
    const char *folder; /**< public folder */
    sev_profile profile;
    sev_repository_kind kind;
    sev_time now;
    uint32_t days;      /**< warn of what expires within */
    bool all_of_them;   /**< though half of its usual life is less; else that is soon enough */
    const char *other;  /**< the other profile's folder, to compare, or NULL */
    uint64_t bytes_max; /**< of metadata hashed in searches; 0: SEV_LINT_BYTES */
    /** Look at this role's file alone, and at who trusts it and whom it trusts: without the bytes
     * of images and without searches. NULL: at all. */
    const char *only;
};
#define SEV_LINT_BYTES (4ull << 30) /* some ten seconds */
/** All that a client would refuse, and what should be otherwise. An error is returned only where
 *  looking itself failed. */
SEV_MUST_USE sev_err sev_repository_lint(const struct sev_fs *fs,
                                         const struct sev_lint_config *config,
                                         sev_lint_report *report, void *context,
                                         struct sev_repository_note *note);

#endif
