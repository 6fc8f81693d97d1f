/* walk - one repository, from its trusted root to the entry of an image: root chain, timestamp,
 * snapshot, targets, delegations (uptane.md ALG-2 to ALG-8). Sans-IO: the walk says what it wants,
 * the caller brings it. What it wants stored is stored before anything that depends on it happens.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_WALK_H
#define SECUREEV_WALK_H

#include "secureev/meta.h"

/* A stored file's name: a role's name percent-encoded (three times as long at most), which snapshot
 * keys it was accepted under, and ".json". */
#define SEV_FILE_NAME_MAX (3 * SEV_ROLE_NAME_BYTES_MAX + 17 + 5)
/* A version, a folder, and the name. */
#define SEV_FILE_URL_MAX (SEV_FILE_NAME_MAX + 40)

typedef enum sev_want_kind {
    SEV_WANT_NOTHING, /**< the walk is over: see sev_walk.err */
    SEV_WANT_LOAD,    /**< read the stored file `file` into `dest` */
    SEV_WANT_FETCH,   /**< get base URL + `url` into `dest` */
    SEV_WANT_STORE,   /**< write `bytes` as the stored file `file`, atomically and durably */
} sev_want_kind;

struct sev_want {
    sev_want_kind kind;
    char file[SEV_FILE_NAME_MAX + 1];
    char url[SEV_FILE_URL_MAX + 1];
    uint8_t *dest;   /**< LOAD, FETCH */
    size_t max;      /**< LOAD, FETCH: bytes at most; one more is SEV_E_TOO_LONG */
    sev_slice bytes; /**< STORE */
};

/** An image as one repository lists it: everything that repositories must agree on. */
struct sev_listing {
    int64_t length;
    struct sev_hashes hashes;
    bool has_match;
    uint8_t match_sha256[SEV_SHA256_BYTES]; /**< of its canonical form: equal exactly if equal */
    bool has_hardware_ids;
    bool hardware_ids_fit; /**< custom.hardwareIds and match.hardwareIds are the same set */
    bool names_hardware;   /**< custom.hardwareIds contains the hardware id searched for */
    uint32_t role_len;
    char role[SEV_ROLE_NAME_BYTES_MAX]; /**< where it was found */
};

/** A verified document, before it becomes trusted. Anything but SEV_OK refuses it. `before_version`
 *  is called once the signatures are good, before version and expiry are judged. */
struct sev_walk_hooks {
    void *context;
    sev_err (*before_version)(void *context, enum sev_top_role role, const struct sev_doc *doc,
                              const struct sev_common *common);
    /** Top-level targets, all else checked, before they are stored. */
    sev_err (*targets)(void *context, const struct sev_doc *doc, const struct sev_targets *t);
};

struct sev_walk_config {
    sev_profile profile;
    bool director; /**< its limits; profile aktualizr: it has no timestamp and snapshot */
    bool partial;  /**< ALG-9: timestamp and snapshot only tell where targets is */
    sev_time now;  /**< fixed for the whole cycle. REQ-TIM-11 */
    struct sev_crypto *crypto;
    struct sev_walk_hooks hooks;
};

/** The version that a stored file sets as the floor, and what it says, as a digest. */
struct sev_baseline {
    bool present;
    int64_t version;
    uint8_t sha256[SEV_SHA256_BYTES];
};

/** Stored beside the files of a repository, as these very bytes. */
struct sev_walk_tag {
    uint8_t keys[3][SEV_SHA256_BYTES];      /**< digests of timestamp, snapshot, targets roles */
    uint8_t forgotten[3][SEV_SHA256_BYTES]; /**< stored files that set no floor any more */
};

struct sev_walk_frame {
    size_t mark; /**< of the arena, before this role's document */
    char role[SEV_ROLE_NAME_BYTES_MAX];
    uint32_t role_len;
    struct sev_targets targets;
    sev_json roles;                   /**< where in delegations.roles we are */
    struct sev_delegation delegation; /**< the one being followed */
    bool terminating;                 /**< it was reached by a terminating delegation */
    uint32_t next_role;               /**< of a multi-role delegation */
    uint32_t found_count;
    bool found[SEV_MULTI_ROLES_MAX];
    struct sev_listing listings[SEV_MULTI_ROLES_MAX];
};

/** Caller's memory; nothing to free. Fields are for reading only. */
struct sev_walk {
    struct sev_walk_config config;
    struct sev_arena *arena;
    int state;
    bool waiting;
    sev_err err;                            /**< SEV_OK, or the one refusal */
    char role[SEV_ROLE_NAME_BYTES_MAX + 1]; /**< which role it is about */
    int64_t expected, actual;               /**< numbers for people, where `has_numbers` */
    bool has_numbers;
    sev_err root_fetch; /**< why the next root could not be had, when that was not "absent" */

    uint8_t *dest; /**< what the last LOAD or FETCH was given */
    size_t dest_max;
    bool short_of_memory; /**< dest_max is less than the file may have */
    bool loading;         /**< it was a LOAD */
    sev_slice incoming;
    size_t mark;

    struct sev_doc root_doc;
    struct sev_root root;
    uint32_t rotations;
    uint8_t trusted_under[3][SEV_SHA256_BYTES]; /**< role digests: timestamp, snapshot, targets */
    struct sev_walk_tag tag;

    struct sev_baseline stored_timestamp, stored_targets;
    struct sev_fileinfo stored_timestamp_info;
    sev_time stored_timestamp_expires;
    struct sev_fileinfo snapshot_info; /**< what the trusted timestamp says */
    bool has_stored_snapshot;
    struct sev_snapshot stored_snapshot;
    struct sev_doc stored_snapshot_doc;
    struct sev_snapshot snapshot;
    struct sev_fileinfo targets_info;
    struct sev_doc targets_doc;
    struct sev_targets targets;
    bool refreshed;

    /* Search. */
    sev_slice image, hardware_id;
    bool found;
    struct sev_listing listing;
    struct sev_walk_frame frames[SEV_DELEGATION_DEPTH_MAX + 1];
    uint32_t depth;
    uint32_t visited;
    struct sev_fileinfo role_info;
    struct sev_baseline stored_role;
    sev_err fetched_result; /**< of looking for the image in the file just fetched */
    struct sev_listing fetched_listing;
    uint32_t fetched_count;
    uint8_t fetched[SEV_ROLES_VISITED_MAX][16]; /**< roles asked for in this walk */
    uint8_t seen[SEV_ROLES_VISITED_MAX][16];    /**< profile TUF: roles visited in this search */
};

/** Begin. Documents are kept in `arena` from its present mark on, until the caller takes it back.
 */
void sev_walk_init(struct sev_walk *w, const struct sev_walk_config *config,
                   struct sev_arena *arena);

/** What next? SEV_WANT_NOTHING: refreshed (w->err == SEV_OK) or refused. */
void sev_walk_next(struct sev_walk *w, struct sev_want *out);

/** The answers to a want. After LOAD and FETCH: `len` bytes stand in `dest`; after STORE: it is
 *  done (len 0). */
void sev_walk_got(struct sev_walk *w, size_t len);
/** It certainly does not exist (404, no such file). */
void sev_walk_absent(struct sev_walk *w);
/** It could not be had: SEV_E_TOO_LONG, SEV_E_TOO_SLOW, SEV_E_UNREACHABLE, SEV_E_IO... A stored
 * file that is too long (or SEV_E_STORE, damaged) is as good as none, but for the root. */
void sev_walk_failed(struct sev_walk *w, sev_err why);

/** After a refresh that succeeded: look for an image for a hardware id (empty: any). Both must
 *  stay where they are. Then sev_walk_next until SEV_WANT_NOTHING; w->found and w->listing tell. */
void sev_walk_search(struct sev_walk *w, sev_slice image, sev_slice hardware_id);

/** What a repository's entry says, for comparing. */
SEV_MUST_USE sev_err sev_listing_of(const struct sev_target *t, sev_slice role,
                                    sev_slice hardware_id, struct sev_arena *arena,
                                    struct sev_listing *out);

/** Does another repository list the very image that the Director assigns? Native profile. */
bool sev_listing_agrees(const struct sev_listing *director, const struct sev_listing *other);

/** What the machine is doing, for traces; constant. */
const char *sev_walk_state_name(const struct sev_walk *w);

#endif
