/* meta - signed documents: the envelope, the roles of TUF and Uptane, and what they say.
 * Everything parsed borrows from the document's bytes, which must stay where they are.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_META_H
#define SECUREEV_META_H

#include "secureev/arena.h"
#include "secureev/crypto.h"
#include "secureev/json.h"
#include "secureev/key.h"
#include "secureev/limits.h"
#include "secureev/text.h"

/* ---------------------------------------------------------------- envelope */

/** Members of "signed" that roles use. */
enum sev_body_member {
    SEV_BODY_TYPE,
    SEV_BODY_CUSTOM,
    SEV_BODY_DELEGATIONS,
    SEV_BODY_EXPIRES,
    SEV_BODY_KEYS,
    SEV_BODY_META,
    SEV_BODY_ROLES,
    SEV_BODY_SPEC_VERSION,
    SEV_BODY_TARGETS,
    SEV_BODY_VERSION,
    SEV_BODY_MEMBERS
};

/** A checked document {"signatures": [...], "signed": {...}}; not yet verified. */
struct sev_doc {
    sev_profile profile;
    sev_slice bytes;                     /**< as received */
    sev_slice signatures;                /**< the array */
    sev_slice body;                      /**< the object under "signed", as received */
    sev_slice message;                   /**< what is signed: the canonical form of body */
    uint8_t sha256[SEV_SHA256_BYTES];    /**< of message */
    sev_json_str type;                   /**< signed._type */
    sev_slice members[SEV_BODY_MEMBERS]; /**< of `body`, each empty when absent */
};

/**
 * Check the JSON, find the parts and make the signed message. When the received bytes are
 * canonical already, the message is those bytes; otherwise a copy in `arena`.
 */
SEV_MUST_USE sev_err sev_doc_open(struct sev_doc *doc, sev_slice bytes, sev_profile profile,
                                  struct sev_arena *arena);

/** What every role of a repository says of itself. */
struct sev_common {
    int64_t version;
    sev_time expires;
    sev_slice custom; /**< signed.custom, or empty */
};

/** Type (`name` in lower case, e.g. "root"), spec_version, version, expires, critical members.
 *  REQ-MET-03 REQ-MET-04 REQ-MET-31 */
SEV_MUST_USE sev_err sev_common_parse(const struct sev_doc *doc, const char *type,
                                      struct sev_common *out);

/* ------------------------------------------------------- keys and signatures */

/** Who may sign, as the delegator says: a key id counts if it stands in `keyids`, its key in
 * `keys`. */
struct sev_role {
    sev_slice keys;   /**< object: key id -> key object */
    sev_slice keyids; /**< array */
    int64_t threshold;
};

/** Threshold in 1..number of different keys, every key id listed, ids that hash (native).
 *  REQ-MET-06 REQ-MET-18 REQ-MET-19 */
SEV_MUST_USE sev_err sev_role_check(const struct sev_role *role, sev_profile profile);

/** Number that stands for the set of keys and the threshold: equal for equal sets in any order. Of
 *  a role that was checked: ids are not looked at again. */
SEV_MUST_USE sev_err sev_role_digest(const struct sev_role *role, sev_profile profile,
                                     uint8_t out[SEV_SHA256_BYTES]);

/**
 * Did at least `role->threshold` different keys of the role sign the document? A key counts once
 * by its material, however many ids or encodings name it. Signatures by others, of unknown
 * schemes or malformed, count for nothing and harm nothing. REQ-VER-12, ALG-0
 *
 * @param out_count  different keys that signed; may be NULL; untouched unless SEV_OK
 * @retval SEV_E_SIGNATURE            threshold not met
 * @retval SEV_E_DUPLICATE_SIGNATURE  a key id stands twice in `signatures`
 * @retval SEV_E_THRESHOLD            the role cannot be satisfied
 */
SEV_MUST_USE sev_err sev_quorum_check(struct sev_crypto *crypto, const struct sev_role *role,
                                      const struct sev_doc *doc, uint32_t *out_count);

/* ------------------------------------------------------------------- roles */

enum sev_top_role {
    SEV_ROLE_ROOT,
    SEV_ROLE_TIMESTAMP,
    SEV_ROLE_SNAPSHOT,
    SEV_ROLE_TARGETS,
    SEV_TOP_ROLES
};

struct sev_root {
    struct sev_common common;
    sev_slice keys;
    struct sev_role roles[SEV_TOP_ROLES];
    sev_slice roles_object; /**< for `publish`, `time`, `kem`: sev_root_extra */
};
SEV_MUST_USE sev_err sev_root_parse(const struct sev_doc *doc, struct sev_root *out);
/** A role beside the four ("time", "publish", "kem"). @retval SEV_E_NOT_FOUND the root has none */
SEV_MUST_USE sev_err sev_root_extra(const struct sev_root *root, sev_profile profile,
                                    const char *name, struct sev_role *out);

/** Digests of a file or image; at least one is there. */
struct sev_hashes {
    bool has_sha256, has_sha512;
    bool has_unknown; /**< another algorithm is listed too */
    uint8_t sha256[SEV_SHA256_BYTES];
    uint8_t sha512[SEV_SHA512_BYTES];
};
/** A hashes object; values must be hex of the right length; none known: SEV_E_MALFORMED. */
SEV_MUST_USE sev_err sev_hashes_parse(sev_slice object, struct sev_hashes *out);
/** The same algorithms with the same digests? REQ-VER-07 */
bool sev_hashes_eq(const struct sev_hashes *a, const struct sev_hashes *b);
/** Do all listed digests fit these bytes? (has_unknown: no) */
bool sev_hashes_fit(const struct sev_hashes *h, sev_slice bytes);

/** What timestamp says of snapshot, and snapshot of each targets file. */
struct sev_fileinfo {
    int64_t version;
    bool has_length, has_hashes;
    int64_t length;
    struct sev_hashes hashes;
};
struct sev_timestamp {
    struct sev_common common;
    struct sev_fileinfo snapshot;
};
SEV_MUST_USE sev_err sev_timestamp_parse(const struct sev_doc *doc, struct sev_timestamp *out);

struct sev_snapshot {
    struct sev_common common;
    sev_slice meta;
};
SEV_MUST_USE sev_err sev_snapshot_parse(const struct sev_doc *doc, struct sev_snapshot *out);
/** The entry of "ROLE.json". @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err sev_snapshot_find(const struct sev_snapshot *s, sev_slice role,
                                       struct sev_fileinfo *out);
/**
 * May `next` follow `stored`? REQ-VER-25 REQ-VER-26
 * @retval SEV_E_VERSION_ROLLBACK  a file has a lower version
 * @retval SEV_E_ROLE_VANISHED     a file is no longer listed
 * @retval SEV_E_EQUIVOCATION      a file has the same version and other digests (not in profile
 * TUF)
 */
SEV_MUST_USE sev_err sev_snapshot_follows(const struct sev_snapshot *stored,
                                          const struct sev_snapshot *next, sev_profile profile);

struct sev_targets {
    struct sev_common common;
    sev_slice targets;          /**< object: name -> entry */
    sev_slice delegations;      /**< object, or empty when absent */
    sev_slice delegation_keys;  /**< its "keys", or empty */
    sev_slice delegation_roles; /**< its "roles" array, or empty */
};
SEV_MUST_USE sev_err sev_targets_parse(const struct sev_doc *doc, struct sev_targets *out);

/** One entry of a targets file. Slices are exact JSON values, empty when absent. */
struct sev_target {
    sev_json_str name;
    int64_t length;
    struct sev_hashes hashes;
    sev_slice custom;
    sev_slice ecu_identifiers, hardware_ids, match, encryption;
};
/** Parse the entry value that belongs to `name`. */
SEV_MUST_USE sev_err sev_target_parse(sev_json_str name, sev_slice value, sev_profile profile,
                                      struct sev_target *out);
/** Look one image up by its plain name. @retval SEV_E_NOT_FOUND */
SEV_MUST_USE sev_err sev_targets_find(const struct sev_targets *t, sev_profile profile,
                                      sev_slice name, struct sev_target *out);

/** What `match` says (DESIGN 4), as far as the core acts on it. */
struct sev_match {
    int64_t release_counter;
    int64_t min_release_counter; /**< 0 when absent */
    sev_slice hardware_ids;      /**< array of strings */
    sev_slice plaintext;         /**< {length, hashes}, empty when absent */
};
SEV_MUST_USE sev_err sev_match_parse(sev_slice match, struct sev_match *out);

/** Does this JSON array of strings contain the string? */
bool sev_strings_contain(sev_slice array, sev_slice plain);
/** Do both arrays hold the same strings, in any order? */
bool sev_strings_same_set(sev_slice a, sev_slice b);

/* -------------------------------------------------------------- delegations */

/** One entry of delegations.roles: a single role, or several that must agree (TAP 3). */
struct sev_delegation {
    sev_slice paths; /**< array, empty when absent */
    sev_slice hash_prefixes;
    sev_slice hardware_ids;
    bool has_hardware_ids; /**< absent = any, empty = none. REQ-MET-20 */
    bool terminating;
    uint32_t role_count;
    int64_t min_roles;
    struct {
        sev_json_str name;
        struct sev_role role;
    } roles[SEV_MULTI_ROLES_MAX];
};
/** Parse what stands at `cursor` in delegations.roles. */
SEV_MUST_USE sev_err sev_delegation_parse(sev_json *cursor, sev_slice keys, sev_profile profile,
                                          struct sev_delegation *out);
/** Can each delegation of this file be parsed? Its error, else SEV_OK. REQ-MET-20 */
SEV_MUST_USE sev_err sev_delegations_check(const struct sev_targets *t, sev_profile profile);
/** Does it apply to this image for this hardware id? An empty hardware id asks for no restriction
 *  (profile TUF knows none). REQ-VER-40 */
bool sev_delegation_covers(const struct sev_delegation *d, sev_slice name, sev_slice hardware_id);

/* ---------------------------------------------------------------------- map */

/** Which repositories must agree on which images; those with the smallest index are visited first,
 *  the Director at 0. DESIGN 3.1 */
struct sev_map {
    uint32_t count;
    struct {
        sev_slice name; /**< of a-z 0-9 and '-' */
        sev_slice urls; /**< array of strings */
    } repositories[SEV_REPOSITORIES_MAX];
    sev_slice mapping;
};

/**
 * Parse a TAP 4 map and refuse whatever could let fewer repositories agree than we want: every
 * entry must name `director` and `images` and have the number of its repositories as threshold.
 * `out` borrows from `bytes`. REQ-MET-29 REQ-VER-01
 * @retval SEV_E_MAP  not such a map
 */
SEV_MUST_USE sev_err sev_map_parse(sev_slice bytes, struct sev_arena *arena, struct sev_map *out);

/** The repositories that must agree on this image: bit i for repositories[i]. The first entry
 *  whose paths match decides, terminating or not: a later one never lowers the bar.
 *  @retval SEV_E_DISAGREE  no entry covers it */
SEV_MUST_USE sev_err sev_map_needs(const struct sev_map *map, sev_slice image, uint32_t *out_mask);

#endif
