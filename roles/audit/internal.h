/* internal - what the parts of the audit log share.  SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_AUDIT_INTERNAL_H
#define SEV_ROLES_AUDIT_INTERNAL_H

#include "secureev/audit.h"

/** The tree's right edge while leaves are added, and the nodes that become whole by it. */
struct audit_tree {
    struct sev_merkle edge;
    struct sev_log_node nodes[SEV_STORE_NODES_MAX];
    uint32_t node_count;
};
/** @retval SEV_E_STORE  not the edge of a tree of that size */
SEV_MUST_USE sev_err audit_tree_read(struct audit_tree *t, const struct sev_log_head *head);
void audit_tree_add(struct audit_tree *t, const uint8_t leaf[SEV_SHA256_BYTES]);
void audit_tree_write(const struct audit_tree *t, sev_buf *edge);

/** Hashes of the store as tiles; `size` of them are there. */
struct audit_source {
    const struct sev_store *store;
    uint8_t hashes[SEV_TLOG_TILE_WIDTH][SEV_SHA256_BYTES];
    struct sev_tlog_source source;
};
void audit_source_of(struct audit_source *s, const struct sev_store *store, uint64_t size);

void audit_tell(struct sev_events events, sev_event_id id, sev_err err, sev_slice origin,
                int64_t size);
/** Memory of the arena; ptr NULL when there is none. */
sev_buf audit_buf(struct sev_arena *arena, size_t bytes);

#endif
