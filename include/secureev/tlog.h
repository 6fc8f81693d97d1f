/* tlog - a transparency log as files: tiles of hashes, proofs made from them, and the texts in
 * which proofs travel (C2SP's tlog-tiles, tlog-proof, tlog-witness). SPDX-License-Identifier: MIT
 */
#ifndef SECUREEV_TLOG_H
#define SECUREEV_TLOG_H

#include "secureev/merkle.h"
#include "secureev/note.h"

/* ---------------------------------------------------------------------- tiles */

#define SEV_TLOG_LEVELS_MAX 8           /* 256^8 leaves are more than there are */
#define SEV_TLOG_ENTRIES_LEVEL 255u     /* stands for "entries": the leaves themselves */
#define SEV_TLOG_INDEX_MAX 999999999999 /* four groups of three digits */

/** 1 to 256 hashes next to each other: of leaves (level 0), or of whole tiles of the level below.
 */
struct sev_tlog_tile {
    uint8_t level;
    uint64_t index;
    uint16_t width; /**< below 256: partial */
};

/** How wide a tile is in a tree of that size; 0: the tree does not have it. */
uint16_t sev_tlog_width(uint64_t size, uint8_t level, uint64_t index);
/** "tile/0/x001/234.p/7", "tile/entries/000". */
void sev_tlog_path(const struct sev_tlog_tile *tile, sev_buf *out);
/** @retval SEV_E_NOT_FOUND  not such a path */
SEV_MUST_USE sev_err sev_tlog_path_parse(sev_slice path, struct sev_tlog_tile *out);

/** The next entry of a bundle: two bytes of length, then it. False: none is left, or (`rest` is
 *  then not empty) it is cut off. */
bool sev_tlog_entry(sev_slice *rest, sev_slice *out);
/** @retval SEV_E_MEMORY, SEV_E_TOO_LONG */
SEV_MUST_USE sev_err sev_tlog_put_entry(sev_slice entry, sev_buf *out);

/* --------------------------------------------------------------------- proofs */

/** Where tiles come from. */
struct sev_tlog_source {
    void *self;
    uint64_t size; /**< of the tree */
    /** @param out_hashes  32 * tile->width bytes, valid until the next call */
    sev_err (*tile)(void *self, const struct sev_tlog_tile *tile, const uint8_t **out_hashes);
};

struct sev_tlog_proof {
    uint32_t count;
    uint8_t hashes[SEV_TLOG_PROOF_MAX][SEV_SHA256_BYTES];
};

/** The root over the leaves from `begin` to before `end`, where `begin` is a multiple of the
 *  greatest power of two below their number (so that it is a node of the tree).
 *  @retval SEV_E_BUG  it is not; others as tile() */
SEV_MUST_USE sev_err sev_tlog_node(const struct sev_tlog_source *source, uint64_t begin,
                                   uint64_t end, uint8_t out[SEV_SHA256_BYTES]);
/** @retval SEV_E_NOT_FOUND  the tree has no such leaf */
SEV_MUST_USE sev_err sev_tlog_prove_leaf(const struct sev_tlog_source *source, uint64_t index,
                                         struct sev_tlog_proof *out);
/** @retval SEV_E_NOT_FOUND  the tree was never so large */
SEV_MUST_USE sev_err sev_tlog_prove_growth(const struct sev_tlog_source *source, uint64_t old_size,
                                           struct sev_tlog_proof *out);

/** @retval SEV_E_LOG_PROOF */
SEV_MUST_USE sev_err sev_tlog_check_leaf(const struct sev_tlog_proof *proof,
                                         const uint8_t leaf[SEV_SHA256_BYTES], uint64_t index,
                                         const struct sev_checkpoint *checkpoint);
/** Does `checkpoint` go on from the older one? @retval SEV_E_LOG_FORK */
SEV_MUST_USE sev_err sev_tlog_check_growth(const struct sev_tlog_proof *proof, uint64_t old_size,
                                           const uint8_t old_root[SEV_SHA256_BYTES],
                                           const struct sev_checkpoint *checkpoint);

/* ---------------------------------------------------------------------- texts */

/** A proof that can be kept (".tlog-proof"): where the leaf is, the way to the root, the signed
 *  checkpoint, and ours: the leaf itself. Borrows from the text. */
struct sev_tlog_kept {
    sev_slice leaf_base64; /**< empty: not in it */
    uint64_t index;
    struct sev_tlog_proof proof;
    sev_slice note;
};
SEV_MUST_USE sev_err sev_tlog_kept_parse(sev_slice text, struct sev_tlog_kept *out);
/** @param leaf  its bytes; empty: left out */
void sev_tlog_kept_write(const struct sev_tlog_kept *kept, sev_slice leaf, sev_buf *out);

/** What a witness is asked: a checkpoint, and why it goes on from the one it cosigned last. */
struct sev_tlog_update {
    uint64_t old_size;
    struct sev_tlog_proof proof;
    sev_slice note;
};
/** @retval SEV_E_NOTE */
SEV_MUST_USE sev_err sev_tlog_update_parse(sev_slice text, struct sev_tlog_update *out);
void sev_tlog_update_write(const struct sev_tlog_update *update, sev_buf *out);
/** What the latter can need, beside the note. */
#define SEV_TLOG_UPDATE_BYTES_MAX (SEV_TLOG_PROOF_MAX * 45u + 64u)

#endif
