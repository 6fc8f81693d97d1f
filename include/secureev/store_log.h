/* store_log - what the audit log, its witnesses and those who ship to it remember (store.h has the
 * rules).  SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_LOG_H
#define SECUREEV_STORE_LOG_H

#include "secureev/store.h"

#define SEV_STORE_LEAVES_MAX 256u /* of one append */
#define SEV_STORE_NODES_MAX 16u   /* full tiles that so many leaves can end */
#define SEV_STORE_EDGE_BYTES_MAX 2048u

/* -------------------------------------------------------------------- shipping */

/** A row that explains, as it is to be shipped. */
struct sev_shipment {
    int64_t sequence; /**< rises with the order of commits; never 0 */
    sev_slice vehicle;
    struct sev_decision decision;
};
typedef bool sev_shipment_visit(void *context, const struct sev_shipment *shipment);

/* ------------------------------------------------------------------------- log */

struct sev_log_leaf {
    sev_slice source; /**< who shipped it; with `sequence` once in a log */
    int64_t sequence;
    uint8_t hash[SEV_SHA256_BYTES];
    sev_slice bytes;
};

/** The root of a full tile of the level below. */
struct sev_log_node {
    uint8_t level; /**< 1 or more */
    int64_t index;
    uint8_t hash[SEV_SHA256_BYTES];
};

struct sev_log_head {
    int64_t size;
    sev_slice edge;       /**< how the tree goes on; whoever appends knows its form */
    int64_t signed_size;  /**< of the checkpoint */
    sev_slice checkpoint; /**< with its signatures; empty before the first */
};

struct sev_log_append {
    int64_t expected_size;
    const struct sev_log_leaf *leaves;
    uint32_t leaf_count;
    const struct sev_log_node *nodes;
    uint32_t node_count;
    sev_slice edge;
};

/** How much a key of a signer signed since that signer's start. */
struct sev_key_count {
    sev_slice key;
    int64_t run;
    int64_t made, told; /**< in all; and up to which it is said in decisions */
};
typedef bool sev_key_count_visit(void *context, const struct sev_key_count *count);

struct sev_log_ops {
    /** Keep it; a smaller number than before changes nothing. */
    sev_err (*counted)(void *self, sev_slice key, int64_t run, int64_t made);
    /** Those of which something is not told yet. */
    sev_err (*untold)(void *self, struct sev_arena *arena, sev_key_count_visit *visit,
                      void *context);
    /** It is told, by this decision. @retval SEV_E_CONFLICT  somebody else told it */
    sev_err (*tell)(void *self, const struct sev_key_count *count,
                    const struct sev_decision *decision);

    /** What was decided and is not marked as shipped, oldest first. */
    sev_err (*unshipped)(void *self, uint32_t count_max, struct sev_arena *arena,
                         sev_shipment_visit *visit, void *context);
    /** All up to and with `sequence` is in the log. It never goes back. */
    sev_err (*shipped)(void *self, int64_t sequence);

    sev_err (*head)(void *self, struct sev_arena *arena, struct sev_log_head *out);
    /** Leaf `sequence` of `source`. @retval SEV_E_NOT_FOUND */
    sev_err (*find)(void *self, sev_slice source, int64_t sequence, int64_t *out_index,
                    uint8_t out_hash[SEV_SHA256_BYTES]);
    /** @retval SEV_E_CONFLICT  the log has another size, or one of the leaves */
    sev_err (*append)(void *self, const struct sev_log_append *append);
    /** Hashes next to each other: of leaves (level 0), or nodes. @retval SEV_E_NOT_FOUND  fewer
     *  than `count` are there */
    sev_err (*hashes)(void *self, uint8_t level, int64_t first, uint32_t count,
                      uint8_t (*out)[SEV_SHA256_BYTES]);
    /** The leaves themselves. @retval SEV_E_NOT_FOUND  as hashes */
    sev_err (*entries)(void *self, int64_t first, uint32_t count, struct sev_arena *arena,
                       sev_slice *out);
    /** In place of the checkpoint of `expected` leaves; `size` is as large or larger, and no larger
     *  than the log. @retval SEV_E_CONFLICT */
    sev_err (*checkpoint_put)(void *self, int64_t expected, int64_t size, sev_slice checkpoint);

    /* Of a witness. */
    /** What was cosigned last of that log. @retval SEV_E_NOT_FOUND  nothing */
    sev_err (*cosigned_get)(void *self, sev_slice origin, int64_t *out_size,
                            uint8_t out_root[SEV_SHA256_BYTES]);
    /** @param expected  0: nothing yet. Of the same size only the same root.
     *  @retval SEV_E_CONFLICT */
    sev_err (*cosigned_put)(void *self, sev_slice origin, int64_t expected, int64_t size,
                            const uint8_t root[SEV_SHA256_BYTES]);
};

#endif
