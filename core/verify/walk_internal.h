/* walk_internal - what walk.c and search.c share: states and the small steps both are made of.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_WALK_INTERNAL_H
#define SEV_CORE_WALK_INTERNAL_H

#include "secureev/walk.h"

/* X(STATE, prepare, got, absent). `prepare` fills in the want, or moves on and returns false;
 * `got` takes what came; `absent` is what a definite "does not exist" means there. */
#define SEV_WALK_STATES(X)                                                                         \
    X(ROOT_LOAD, want_root_load, got_root_load, no_root)                                           \
    X(TAG_LOAD, want_tag_load, got_tag_load, no_tag)                                               \
    X(TAG_FIRST, want_tag_store, got_tag_first, NULL)                                              \
    X(ROOT_FETCH, want_root_fetch, got_root_fetch, no_more_roots)                                  \
    X(ROOT_STORE, want_root_store, got_root_store, NULL)                                           \
    X(ROOT_DONE, judge_root, NULL, NULL)                                                           \
    X(FORGET_TIMESTAMP, want_forget_timestamp, got_forget_timestamp, got_forget_timestamp)         \
    X(FORGET_SNAPSHOT, want_forget_snapshot, got_forget_snapshot, got_forget_snapshot)             \
    X(FORGET_TARGETS, want_forget_targets, got_forget_targets, got_forget_targets)                 \
    X(TAG_STORE, want_tag_store, got_tag_store, NULL)                                              \
    X(TIMESTAMP_LOAD, want_timestamp_load, got_timestamp_load, no_timestamp)                       \
    X(TIMESTAMP_FETCH, want_timestamp_fetch, got_timestamp_fetch, NULL)                            \
    X(TIMESTAMP_STORE, want_timestamp_store, got_timestamp_store, NULL)                            \
    X(SNAPSHOT_LOAD, want_snapshot_load, got_snapshot_load, no_snapshot)                           \
    X(SNAPSHOT_FETCH, want_snapshot_fetch, got_snapshot_fetch, NULL)                               \
    X(SNAPSHOT_STORE, want_snapshot_store, got_snapshot_store, NULL)                               \
    X(TARGETS_LOAD, want_targets_load, got_targets_load, no_targets)                               \
    X(TARGETS_FETCH, want_targets_fetch, got_targets_fetch, NULL)                                  \
    X(TARGETS_STORE, want_targets_store, got_targets_store, NULL)                                  \
    X(SEARCH, sev_search_step, NULL, NULL)                                                         \
    X(ROLE_LOAD, sev_search_want_load, sev_search_got_load, sev_search_no_load)                    \
    X(ROLE_FETCH, sev_search_want_fetch, sev_search_got_fetch, NULL)                               \
    X(ROLE_STORE, sev_search_want_store, sev_search_got_store, NULL)                               \
    X(OVER, NULL, NULL, NULL)

enum {
#define X(state, prepare, got, absent) STATE_##state,
    SEV_WALK_STATES(X)
#undef X
};

/** End with this refusal. Always false, so that a `prepare` may return it. */
bool sev_walk_refuse(struct sev_walk *w, sev_err e);
/** As above, with the two numbers that tell a person why. */
bool sev_walk_refuse_numbers(struct sev_walk *w, sev_err e, int64_t expected, int64_t actual);
void sev_walk_about(struct sev_walk *w, sev_slice role);
/** Want of memory says nothing of a stored file: whoever then took it for a bad one would forget a
 *  floor. True: it was that, and the walk has ended. */
bool sev_walk_cannot_tell(struct sev_walk *w, sev_err e);

/** Ask for bytes, into the arena. */
bool sev_walk_want_bytes(struct sev_walk *w, struct sev_want *out, sev_want_kind kind, size_t max);
bool sev_walk_want_store(struct sev_walk *w, struct sev_want *out, sev_slice bytes);

/** Stored name and URL of a role's file; version < 0: without one. */
void sev_walk_file_of(const struct sev_walk *w, sev_slice role, char out[SEV_FILE_NAME_MAX + 1]);
void sev_walk_url_of(const struct sev_walk *w, sev_slice role, int64_t version,
                     char out[SEV_FILE_URL_MAX + 1]);

/** Are these the bytes that `info` announces, as far as it says?
 *  @retval SEV_E_META_MISMATCH  no
 *  @retval SEV_E_MEMORY         too little to find out (profile aktualizr) */
sev_err sev_walk_check_bytes(struct sev_walk *w, const struct sev_fileinfo *info, sev_slice bytes);
/** Versions never fall, and a version never says two things. ALG-3.3 ALG-6.4 ATK-14 */
sev_err sev_walk_check_floor(const struct sev_baseline *stored, int64_t version,
                             const struct sev_doc *doc);
/** Is a trusted document usable now? */
bool sev_walk_expired(const struct sev_walk *w, const struct sev_common *common);

sev_err sev_walk_check_entry(struct sev_walk *w, const struct sev_targets *t, sev_slice image);
bool sev_search_step(struct sev_walk *w, struct sev_want *out);
bool sev_search_want_load(struct sev_walk *w, struct sev_want *out);
void sev_search_got_load(struct sev_walk *w, sev_slice bytes);
void sev_search_no_load(struct sev_walk *w, sev_slice nothing);
bool sev_search_want_fetch(struct sev_walk *w, struct sev_want *out);
void sev_search_got_fetch(struct sev_walk *w, sev_slice bytes);
bool sev_search_want_store(struct sev_walk *w, struct sev_want *out);
void sev_search_got_store(struct sev_walk *w, sev_slice nothing);

#endif
