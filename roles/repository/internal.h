/* internal - what the files of roles/repository share. SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_REPOSITORY_INTERNAL_H
#define SEV_ROLES_REPOSITORY_INTERNAL_H

#include "secureev/meta.h"
#include "secureev/repository.h"
#include "secureev/walk.h"

#define HEX_CHARS (2 * SEV_SHA256_BYTES)
#define PROFILES 2 /* native and aktualizr, by their number in sev_profile */
#define DAY 86400

/* ---------------------------------------------------------------- memory */

struct sev_repo_block;
/** Memory that is freed together. */
struct sev_repo_pool {
    const struct sev_fs *fs;
    struct sev_repo_block *blocks;
};
void *sev_repo_take(struct sev_repo_pool *p, size_t bytes); /**< zeroed; NULL: none left */
void sev_repo_pool_free(struct sev_repo_pool *p);
sev_err sev_repo_copy(struct sev_repo_pool *p, sev_slice s, sev_slice *out);
/** With a NUL behind it. */
sev_err sev_repo_text(struct sev_repo_pool *p, sev_slice s, const char **out);
/** Room for one more element: `*items` moves. */
sev_err sev_repo_grow(struct sev_repo_pool *p, void **items, uint32_t count, uint32_t *cap,
                      size_t size);

typedef void sev_repo_emit(sev_json_writer *w, const void *context);
/** One JSON value into the pool; `emit` is called again with more room until it fits. */
sev_err sev_repo_json(struct sev_repo_pool *p, sev_repo_emit *emit, const void *context,
                      sev_slice *out);
/** Check hostile JSON with scratch from the heap, `bytes_max` long at most. */
sev_err sev_repo_json_check(struct sev_repo_pool *p, sev_slice doc, struct sev_json_info *info);
/** Canonical copy of a checked value. */
sev_err sev_repo_canonical(struct sev_repo_pool *p, sev_slice value, sev_slice *out);
/** Unescape into the pool, with a NUL behind it. */
sev_err sev_repo_plain(struct sev_repo_pool *p, sev_json_str s, sev_slice *out);

/** Members of an object, or elements of an array; 0 of what is empty. */
uint32_t sev_repo_count(sev_slice value);

static inline sev_slice sev_repo_slice(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

/* ----------------------------------------------------------------- model */

struct sev_repo_key {
    const char *id;   /* native */
    sev_slice object; /* native */
    struct sev_pubkey key;
    char aktualizr_id[SEV_KEY_ID_CHARS + 1]; /* "" where that profile cannot have it */
};

struct sev_repo_keyset {
    uint32_t threshold;
    uint32_t count;
    const char *ids[SEV_ROLE_KEYS_MAX]; /* native */
};

struct sev_repo_role {
    const char *name;
    uint32_t days;
    struct sev_repo_keyset set;
};

struct sev_repo_profile {
    bool on;
    uint32_t role_count;
    struct sev_repo_role roles[SEV_REPOSITORY_ROLES_MAX];
};

struct sev_repo_entry {
    sev_slice name;  /* plain */
    sev_slice value; /* canonical */
};

struct sev_repo_delegated {
    const char *name;
    struct sev_repo_keyset set;
};

struct sev_repo_delegation {
    sev_slice paths;        /* canonical array */
    sev_slice hardware_ids; /* canonical array, or empty: absent */
    bool terminating;
    uint32_t min_roles; /* more than one role */
    uint32_t role_count;
    struct sev_repo_delegated roles[SEV_MULTI_ROLES_MAX];
};

/* What a targets role lists. */
struct sev_repo_file {
    const char *name;
    uint32_t days;
    bool retired;     /* revoked: its name stays in the snapshot for a while */
    sev_slice custom; /* canonical object, or empty */
    uint32_t entry_count, entry_cap;
    struct sev_repo_entry *entries; /* by name */
    uint32_t delegation_count, delegation_cap;
    struct sev_repo_delegation *delegations; /* in order of priority */
};

struct sev_repo_sig {
    const char *keyid; /* native */
    const char *sig;   /* hex */
};

/* One role's file in one profile: what is public, and what is on its way. */
struct sev_repo_doc {
    int profile;
    const char *role;
    int64_t claimed; /* the highest version that anybody was ever shown */
    struct {
        int64_t version; /* 0: none */
        int64_t length;
        sev_time expires;
        char sha256[HEX_CHARS + 1];
        char content[HEX_CHARS + 1]; /* digest of all but version and expiry */
    } published;
    struct {
        int64_t version; /* 0: none */
        sev_time expires;
        char sha256[HEX_CHARS + 1]; /* of the bytes to be signed */
        char content[HEX_CHARS + 1];
        bool releasing;
        bool chosen;       /* in memory: to be published now */
        const char *waits; /* in memory: for what, though it is complete; else NULL */
        bool sealed;       /* in memory: was complete before this ceremony */
        sev_slice body;    /* of the document, when it is in memory */
        bool on_disk;      /* in memory: the bytes to be signed lie in staged/ */
        uint32_t sig_count;
        struct sev_repo_sig sigs[SEV_SIGS_MAX];
    } staged;
};

struct sev_repository {
    struct sev_repo_pool pool;
    const struct sev_fs *fs;
    struct sev_repository_note *note, own_note; /* the caller's, or else its own */
    struct sev_dir_lock lock;
    char dir[SEV_FS_PATH_MAX];

    sev_repository_kind kind;
    const char *vehicle; /* or NULL */
    sev_time latest;     /* when it was last staged or published; 0: never */
    struct sev_repo_profile profiles[PROFILES];
    uint32_t key_count, key_cap;
    struct sev_repo_key *keys; /* by id */
    uint32_t file_count, file_cap;
    struct sev_repo_file **files; /* the top-level one first */
    uint32_t doc_count, doc_cap;
    struct sev_repo_doc **docs;
};

/** Say what went wrong, and return `e`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
sev_err
sev_repo_fail(struct sev_repository_note *note, sev_err e, const char *format, ...);
/** For a function of fs.h that failed. */
sev_err sev_repo_fail_fs(struct sev_repository *r, sev_err e);

/* state_read.c, state_write.c */
#define SEV_REPO_FORMAT 1
sev_err sev_repo_state_parse(struct sev_repository *r, sev_slice bytes);
sev_err sev_repo_state_emit(struct sev_repository *r, sev_slice *out);

/* model.c */
const struct sev_repo_key *sev_repo_find_key(const struct sev_repository *r, const char *id);
sev_err sev_repo_add_key(struct sev_repository *r, const struct sev_pubkey *key,
                         const char **out_id);
sev_err sev_repo_add_keyset(struct sev_repository *r, const struct sev_repository_keys *keys,
                            const char *role, bool aktualizr, struct sev_repo_keyset *out);
struct sev_repo_role *sev_repo_find_role(struct sev_repository *r, int profile, const char *name);
struct sev_repo_file *sev_repo_find_file(struct sev_repository *r, const char *name);
sev_err sev_repo_add_file(struct sev_repository *r, const char *name, uint32_t days,
                          struct sev_repo_file **out);
struct sev_repo_entry *sev_repo_find_entry(const struct sev_repo_file *f, sev_slice name);
/** Insert, or replace what stands under that name. */
sev_err sev_repo_put_entry(struct sev_repository *r, struct sev_repo_file *f, sev_slice name,
                           sev_slice value);
bool sev_repo_drop_entry(struct sev_repo_file *f, sev_slice name);
struct sev_repo_doc *sev_repo_find_doc(struct sev_repository *r, int profile, const char *role);
sev_err sev_repo_need_doc(struct sev_repository *r, int profile, const char *role,
                          struct sev_repo_doc **out);
bool sev_repo_set_has(const struct sev_repo_keyset *set, const char *id);
bool sev_repo_printable(const char *text);
bool sev_repo_role_name_ok(const char *name);
extern const char *const sev_repo_top_roles[SEV_TOP_ROLES]; /**< by enum sev_top_role */
bool sev_repo_is_top_role(const char *name);
/** Is this delegation for that image name (and any hardware)? */
bool sev_repo_covers(const struct sev_repo_delegation *d, sev_slice name);
/** Is there a name that a pattern of each array matches? */
bool sev_repo_paths_overlap(sev_slice paths_a, sev_slice paths_b);
const char *sev_repo_profile_name(int profile);
uint32_t sev_repo_default_days(sev_repository_kind kind, const char *role);

/* paths.c */
sev_err sev_repo_path(struct sev_repository *r, const char *relative, char out[SEV_FS_PATH_MAX]);
sev_err sev_repo_staged_path(struct sev_repository *r, const struct sev_repo_doc *d,
                             const char *suffix, char out[SEV_FS_PATH_MAX]);
/** Name of a profile's folder in the repository's. */
const char *sev_repo_public_folder(int profile);
/** Name below public/ of that version of a role's file. */
sev_err sev_repo_public_name(int profile, const char *role, int64_t version,
                             char out[SEV_FS_PATH_MAX]);
sev_err sev_repo_public_path(struct sev_repository *r, const char *name, char out[SEV_FS_PATH_MAX]);
/** The bytes of a published file, checked against its digest. */
sev_err sev_repo_read_published(struct sev_repository *r, const struct sev_repo_doc *d,
                                sev_slice *out);
sev_err sev_repo_read_file(struct sev_repository *r, const char *path, size_t bytes_max,
                           sev_slice *out);
void sev_repo_hex(const uint8_t digest[SEV_SHA256_BYTES], char out[HEX_CHARS + 1]);
void sev_repo_digest(sev_slice bytes, char out[HEX_CHARS + 1]);

/* document.c */
/** What snapshot and timestamp list. */
struct sev_repo_listed {
    const char *role;
    int64_t version, length;
    const char *sha256;
};
/** What the bytes to be signed are made of. */
struct sev_repo_making {
    struct sev_repository *r;
    int profile;
    const char *role;
    int64_t version;
    sev_time expires;
    const struct sev_repo_file *file; /* targets: what it lists */
    const struct sev_repo_listed *listed;
    uint32_t listed_count;
};
/* A line feed, which only PEM keys have, is written \n in a file and stands as one raw byte in the
 * canonical form that is signed (OLPC): `body` is the one, `message` the other. */
sev_err sev_repo_body(const struct sev_repo_making *m, sev_slice *out);
sev_err sev_repo_message(struct sev_repository *r, int profile, sev_slice body, sev_slice *out);
/** The way back. Free with sev_bytes_free. */
sev_err sev_repo_unmessage(const struct sev_fs *fs, sev_slice message, struct sev_bytes *out);
/** {"signatures": [...], "signed": body}. */
sev_err sev_repo_envelope(struct sev_repository *r, const struct sev_repo_doc *d, sev_slice body,
                          sev_slice *out);
/** What is staged, checked against its digest. */
sev_err sev_repo_staged_body(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out);
sev_err sev_repo_staged_message(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out);
/** The staged document with its signatures, as it will be public. */
sev_err sev_repo_staged_bytes(struct sev_repository *r, struct sev_repo_doc *d, sev_slice *out);

/* keysets.c */
#define REQUIRED_MAX 16 /* delegations that name one role; with more, nobody could sign it */
/** Key sets that a staged file must satisfy. */
struct sev_repo_required {
    uint32_t count;
    struct sev_repo_keyset sets[REQUIRED_MAX];
    bool has_old; /**< what the published root lists instead: wanted, so that no reader notices */
    struct sev_repo_keyset old;
};
/** @param published  by the published root, whatever is wanted next */
sev_err sev_repo_required(struct sev_repository *r, int profile, const char *role, bool published,
                          struct sev_repo_required *out);
/** Are timestamp and snapshot both about to get other keys? Only then can names go that clients
 *  have seen in a snapshot: they forget the one that they have. REQ-VER-16 REQ-VER-26 */
sev_err sev_repo_drops_names(struct sev_repository *r, bool *out);
/** Does the published root stay, whatever root is wanted next? */
sev_err sev_repo_old_root(struct sev_repository *r, int profile,
                          enum sev_repository_publish_how how, bool *out);
/** Key sets that it must satisfy to be published in this way: while the next root waits, top-level
 *  roles those of the published one. */
sev_err sev_repo_needed(struct sev_repository *r, int profile, const char *role,
                        enum sev_repository_publish_how how, struct sev_repo_required *out);
/** Is this staged file one of those to be published? */
sev_err sev_repo_counts(struct sev_repository *r, const struct sev_repo_doc *d,
                        enum sev_repository_publish_how how, bool *out);
bool sev_repo_has_signed(const struct sev_repo_doc *d, const char *keyid);
bool sev_repo_set_met(const struct sev_repo_doc *d, const struct sev_repo_keyset *set);
bool sev_repo_complete(const struct sev_repo_doc *d, const struct sev_repo_required *required);
/** It has too few signatures: says whose are missing. */
sev_err sev_repo_fail_unsigned(struct sev_repository *r, const struct sev_repo_doc *d,
                               const struct sev_repo_required *required);
/** Open a document in memory of the pool. */
sev_err sev_repo_open_in(struct sev_repo_pool *p, int profile, sev_slice bytes,
                         struct sev_doc *out);
sev_err sev_repo_open_doc(struct sev_repository *r, int profile, sev_slice bytes,
                          struct sev_doc *out);

/* aktualizr.c */
/** What the top-level targets of profile aktualizr list. */
sev_err sev_repo_aktualizr_file(struct sev_repository *r, struct sev_repo_file *out);

/* stage.c */
/** What clients read at most of a role's file. */
size_t sev_repo_bytes_max(const struct sev_repository *r, const char *role);
bool sev_repo_is_online(const struct sev_repository *r, const char *role);
/** Does this profile of this repository have a file of that role at all? */
bool sev_repo_has_doc(const struct sev_repository *r, int profile, const char *role);
/** Decide, in memory. */
sev_err sev_repo_stage_plan(struct sev_repository *r, sev_time now, bool aging,
                            enum sev_repository_publish_how how);
/** Write the bytes to be signed that are not on disk yet. */
sev_err sev_repo_stage_write(struct sev_repository *r);
/** Remove staged files of what is not on its way any more. */
sev_err sev_repo_sweep(struct sev_repository *r);

/* assemble.c */
/** Verify a signature over the staged bytes, and keep it. */
sev_err sev_repo_add_signature(struct sev_repository *r, struct sev_repo_doc *d,
                               const struct sev_repo_required *required, const char *keyid,
                               sev_slice sig);

/* view.c: a public folder, seen as a client sees it */
/** Bytes that are about to be public under this name below public/. */
struct sev_repo_overlay {
    const char *name;
    sev_slice bytes;
};
struct sev_repo_view {
    const struct sev_fs *fs;
    struct sev_repo_pool *pool;
    const char *folder; /**< the public one */
    const struct sev_repo_overlay *overlays;
    uint32_t overlay_count;
    const char *store; /**< folder of the trusted files; NULL: in memory */
    uint32_t kept_count, kept_cap;
    struct sev_repo_kept {
        const char *name;
        sev_slice bytes;
    } * kept;
    struct sev_bytes memory; /**< of the walk's arena */
    struct sev_arena arena;
    struct sev_walk *walk;
};
/** `bytes`: of all metadata there is; 0: as much as clients ever read. */
sev_err sev_repo_view_open(struct sev_repo_view *v, uint64_t bytes);
void sev_repo_view_close(struct sev_repo_view *v);
/** In memory: trust this root. */
sev_err sev_repo_view_keep(struct sev_repo_view *v, const char *name, sev_slice bytes);
/** Root chain, timestamp, snapshot, targets. v->walk->err tells. */
sev_err sev_repo_view_refresh(struct sev_repo_view *v, const struct sev_walk_config *config);
/** After a refresh that succeeded: v->walk->found, v->walk->listing. */
sev_err sev_repo_view_search(struct sev_repo_view *v, sev_slice image, sev_slice hardware_id);

/* images.c */
/** Stream a file into the pool: its length and digests. */
sev_err sev_repo_pool_image(struct sev_repository *r, const char *file, int64_t *out_length,
                            struct sev_hashes *out_hashes);
/** Length and digests of a file. */
sev_err sev_repo_hash_file(const struct sev_fs *fs, struct sev_repository_note *note,
                           const char *file, int64_t *out_length, struct sev_hashes *out_hashes);
/** Make the images public that a targets file lists. */
sev_err sev_repo_publish_images(struct sev_repository *r, int profile, sev_slice document);
sev_err sev_repo_empty_pool(struct sev_repository *r);
void sev_repo_put_hashes(sev_json_writer *w, const struct sev_hashes *h);
/** "aktualizr/targets/NAME" */
sev_err sev_repo_plain_image_name(sev_slice image, char out[SEV_FS_PATH_MAX]);
/** "targets/DIR/HASH.FILE" */
sev_err sev_repo_image_name(sev_slice image, sev_slice digest, char out[SEV_FS_PATH_MAX]);

/* repository.c */
sev_err sev_repo_save(struct sev_repository *r); /**< while publishing, too */

/* source.c */
/** An entry of another repository. */
struct sev_repo_found {
    int64_t length;
    struct sev_hashes hashes;
    sev_slice match;        /* canonical */
    sev_slice hardware_ids; /* of match; canonical */
    bool encrypted;
};
sev_err sev_repo_find_in_source(struct sev_repository *r, const struct sev_repository_source *from,
                                const char *name, struct sev_repo_found *out);

/* content.c */
sev_err sev_repo_check_name(struct sev_repository *r, const char *name);
sev_err sev_repo_check_id(struct sev_repository *r, const char *what, const char *id);
sev_err sev_repo_check_texts(struct sev_repository *r, const char *what, struct sev_texts texts);
bool sev_repo_is_trusted_with(const struct sev_repository *r, const char *role, sev_slice name);
/** Emit an entry and list it. */
sev_err sev_repo_put_new(struct sev_repository *r, struct sev_repo_file *f, const char *name,
                         sev_repo_emit *emit, const void *context);

/* director.c */
/** What a vehicle refuses in a Director's file as a whole. */
sev_err sev_repo_check_director(struct sev_repository_note *note, sev_slice targets,
                                sev_slice bundle);

#endif
