/* tree - the log's tree over the store: leaves added at its right edge, tiles read back.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

sev_err audit_tree_read(struct audit_tree *t, const struct sev_log_head *head)
{
    size_t at = 0;
    sev_merkle_init(&t->edge);
    t->node_count = 0;
    if (head->size < 0 || (uint64_t)head->size >> SEV_MERKLE_PATH_MAX != 0)
        return SEV_E_STORE;
    t->edge.count = (uint64_t)head->size;
    for (uint32_t depth = 0; depth <= SEV_MERKLE_PATH_MAX; depth++) {
        if ((t->edge.count >> depth & 1) == 0)
            continue;
        if (head->edge.len - at < SEV_SHA256_BYTES)
            return SEV_E_STORE;
        memcpy(t->edge.edge[depth], head->edge.ptr + at, SEV_SHA256_BYTES);
        at += SEV_SHA256_BYTES;
    }
    return at == head->edge.len ? SEV_OK : SEV_E_STORE;
}

void audit_tree_write(const struct audit_tree *t, sev_buf *edge)
{
    for (uint32_t depth = 0; depth <= SEV_MERKLE_PATH_MAX; depth++)
        if ((t->edge.count >> depth & 1) != 0)
            sev_buf_put(edge, t->edge.edge[depth], SEV_SHA256_BYTES);
}

/* As sev_merkle_add, which keeps no subtree that goes into a larger one at once: here those of
 * whole tiles are wanted. */
void audit_tree_add(struct audit_tree *t, const uint8_t leaf[SEV_SHA256_BYTES])
{
    uint8_t hash[SEV_SHA256_BYTES];
    uint32_t depth = 0;
    memcpy(hash, leaf, sizeof hash);
    while (depth < SEV_MERKLE_PATH_MAX && (t->edge.count >> depth & 1) != 0) {
        sev_merkle_node(t->edge.edge[depth], hash, hash);
        depth++;
        if (depth % 8 != 0 || t->node_count == SEV_STORE_NODES_MAX)
            continue; /* never more: 256 leaves end one tile of each level, but for the first */
        struct sev_log_node *node = &t->nodes[t->node_count++];
        node->level = (uint8_t)(depth / 8);
        node->index = (int64_t)(t->edge.count >> depth);
        memcpy(node->hash, hash, sizeof hash);
    }
    memcpy(t->edge.edge[depth], hash, sizeof hash);
    t->edge.count++;
}

static sev_err give_tile(void *self, const struct sev_tlog_tile *tile, const uint8_t **out)
{
    struct audit_source *s = self;
    sev_err e =
        s->store->log->hashes(s->store->self, tile->level,
                              (int64_t)(tile->index * SEV_TLOG_TILE_WIDTH), tile->width, s->hashes);
    if (e == SEV_OK)
        *out = s->hashes[0];
    return e == SEV_E_NOT_FOUND ? SEV_E_STORE : e;
}

void audit_source_of(struct audit_source *s, const struct sev_store *store, uint64_t size)
{
    s->store = store;
    s->source = (struct sev_tlog_source){s, size, give_tile};
}

void audit_tell(struct sev_events events, sev_event_id id, sev_err err, sev_slice origin,
                int64_t size)
{
    struct sev_event event = {.id = id, .err = err};
    sev_event_text(&event, "origin", origin);
    sev_event_number(&event, "size", size);
    events.emit(events.self, &event);
}

sev_buf audit_buf(struct sev_arena *arena, size_t bytes)
{
    uint8_t *memory = sev_arena_take(arena, bytes);
    return sev_buf_of(memory, memory == NULL ? 0 : bytes);
}
