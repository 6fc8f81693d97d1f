/* merkle - hash trees of RFC 6962: many things under one signature, each provable with a short
 * path. Leaves and nodes are hashed with different first bytes, so neither passes for the other.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_MERKLE_H
#define SECUREEV_MERKLE_H

#include "secureev/crypto.h"
#include "secureev/limits.h"
#include "secureev/slice.h"

/** SHA-256(00 || data). */
void sev_merkle_leaf(sev_slice data, uint8_t out[SEV_SHA256_BYTES]);
/** SHA-256(01 || left || right). */
void sev_merkle_node(const uint8_t left[SEV_SHA256_BYTES], const uint8_t right[SEV_SHA256_BYTES],
                     uint8_t out[SEV_SHA256_BYTES]);

/** A tree that grows leaf by leaf, in the memory of its right edge. At most 2^SEV_MERKLE_PATH_MAX
 *  leaves: more are the caller's bug. */
struct sev_merkle {
    uint64_t count;
    uint8_t edge[SEV_MERKLE_PATH_MAX + 1][SEV_SHA256_BYTES];
};
void sev_merkle_init(struct sev_merkle *t);
/** Append the hash of a leaf. */
void sev_merkle_add(struct sev_merkle *t, const uint8_t leaf[SEV_SHA256_BYTES]);
/** The root of what was added so far; more may be added. No leaf: SHA-256 of nothing. */
void sev_merkle_root(const struct sev_merkle *t, uint8_t out[SEV_SHA256_BYTES]);

/**
 * The audit path of leaf `index` among `count` leaf hashes, nearest sibling first. O(count) hashes.
 *
 * @param index  below `count`
 * @return       hashes written to `out`
 */
uint32_t sev_merkle_path(const uint8_t (*leaves)[SEV_SHA256_BYTES], uint64_t count, uint64_t index,
                         uint8_t out[SEV_MERKLE_PATH_MAX][SEV_SHA256_BYTES]);

/** Step by step: a path that arrives piece by piece needs no memory of its own. */
struct sev_merkle_proof {
    uint64_t index, last;
    bool failed;
    uint8_t hash[SEV_SHA256_BYTES];
};
/** The claim: `leaf` is number `index` of `count`. */
void sev_merkle_proof_init(struct sev_merkle_proof *p, const uint8_t leaf[SEV_SHA256_BYTES],
                           uint64_t index, uint64_t count);
void sev_merkle_proof_step(struct sev_merkle_proof *p, const uint8_t sibling[SEV_SHA256_BYTES]);
/** Was that the whole path, and does it lead to this root? */
bool sev_merkle_proof_ends_at(const struct sev_merkle_proof *p,
                              const uint8_t root[SEV_SHA256_BYTES]);

/** Likewise: does a tree of one size go on from one that is smaller? RFC 6962 section 2.1.2. */
struct sev_merkle_growth {
    uint64_t first, second; /* the last leaves of the two, halved as the path leads up */
    bool begun, failed, from_nothing;
    uint8_t was[SEV_SHA256_BYTES]; /**< the smaller one's root */
    uint8_t old_hash[SEV_SHA256_BYTES], new_hash[SEV_SHA256_BYTES];
};
/** The claim: the tree of `new_size` leaves begins with that of `old_size`, whose root is
 *  `old_root`. Every tree goes on from the empty one. */
void sev_merkle_growth_init(struct sev_merkle_growth *g, uint64_t old_size,
                            const uint8_t old_root[SEV_SHA256_BYTES], uint64_t new_size);
void sev_merkle_growth_step(struct sev_merkle_growth *g, const uint8_t hash[SEV_SHA256_BYTES]);
/** Was that the whole proof, and is `new_root` the root of the larger one? */
bool sev_merkle_growth_ends_at(const struct sev_merkle_growth *g,
                               const uint8_t new_root[SEV_SHA256_BYTES]);

#endif
