/* merkle - hash trees of RFC 6962. SPDX-License-Identifier: MIT */
#include "secureev/merkle.h"

#include "base/check.h"

void sev_merkle_leaf(sev_slice data, uint8_t out[SEV_SHA256_BYTES])
{
    static const uint8_t prefix = 0;
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, &prefix, 1);
    sev_sha256_update(&h, data.ptr, data.len);
    sev_sha256_final(&h, out);
}

void sev_merkle_node(const uint8_t left[SEV_SHA256_BYTES], const uint8_t right[SEV_SHA256_BYTES],
                     uint8_t out[SEV_SHA256_BYTES])
{
    static const uint8_t prefix = 1;
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, &prefix, 1);
    sev_sha256_update(&h, left, SEV_SHA256_BYTES);
    sev_sha256_update(&h, right, SEV_SHA256_BYTES);
    sev_sha256_final(&h, out);
}

void sev_merkle_init(struct sev_merkle *t)
{
    t->count = 0;
}

/* edge[d] is the root of a full subtree of 2^d leaves wherever bit d of the count is set: adding a
 * leaf carries through them as adding one carries through the bits. */
void sev_merkle_add(struct sev_merkle *t, const uint8_t leaf[SEV_SHA256_BYTES])
{
    uint8_t hash[SEV_SHA256_BYTES];
    uint32_t depth = 0;
    memcpy(hash, leaf, sizeof hash);
    for (; depth < SEV_MERKLE_PATH_MAX && (t->count >> depth & 1) != 0; depth++)
        sev_merkle_node(t->edge[depth], hash, hash);
    memcpy(t->edge[depth], hash, sizeof hash);
    t->count++;
}

void sev_merkle_root(const struct sev_merkle *t, uint8_t out[SEV_SHA256_BYTES])
{
    bool any = false;
    uint8_t hash[SEV_SHA256_BYTES];
    sev_sha256(SEV_EMPTY, hash);
    for (uint32_t depth = 0; depth <= SEV_MERKLE_PATH_MAX; depth++) {
        if ((t->count >> depth & 1) == 0)
            continue;
        if (any)
            sev_merkle_node(t->edge[depth], hash, hash);
        else
            memcpy(hash, t->edge[depth], sizeof hash);
        any = true;
    }
    memcpy(out, hash, sizeof hash);
}

static void root_of(const uint8_t (*leaves)[SEV_SHA256_BYTES], uint64_t count,
                    uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_merkle t;
    sev_merkle_init(&t);
    for (uint64_t i = 0; i < count; i++)
        sev_merkle_add(&t, leaves[i]);
    sev_merkle_root(&t, out);
}

uint32_t sev_merkle_path(const uint8_t (*leaves)[SEV_SHA256_BYTES], uint64_t count, uint64_t index,
                         uint8_t out[SEV_MERKLE_PATH_MAX][SEV_SHA256_BYTES])
{
    uint32_t n = 0;
    /* From the root down, hence farthest sibling first; turned round at the end. */
    while (count > 1 && n < SEV_MERKLE_PATH_MAX) {
        uint64_t left = 1;
        while (left * 2 < count)
            left *= 2;
        if (index < left) {
            root_of(leaves + left, count - left, out[n++]);
            count = left;
        } else {
            root_of(leaves, left, out[n++]);
            leaves += left;
            index -= left;
            count -= left;
        }
    }
    for (uint32_t i = 0; i < n / 2; i++) {
        uint8_t swap[SEV_SHA256_BYTES];
        memcpy(swap, out[i], sizeof swap);
        memcpy(out[i], out[n - 1 - i], sizeof swap);
        memcpy(out[n - 1 - i], swap, sizeof swap);
    }
    return n;
}

void sev_merkle_proof_init(struct sev_merkle_proof *p, const uint8_t leaf[SEV_SHA256_BYTES],
                           uint64_t index, uint64_t count)
{
    *p = (struct sev_merkle_proof){.index = index, .last = count - 1};
    /* A leaf that the tree does not have; with no leaves at all `last` has wrapped round. */
    p->failed = SEV_REFUSE_IF(index >= count);
    memcpy(p->hash, leaf, SEV_SHA256_BYTES);
}

void sev_merkle_proof_step(struct sev_merkle_proof *p, const uint8_t sibling[SEV_SHA256_BYTES])
{
    if (SEV_REFUSE_IF(p->last == 0)) {
        p->failed = true; /* the root was reached before the path ended */
        return;
    }
    if ((p->index & 1) != 0 || p->index == p->last) {
        sev_merkle_node(sibling, p->hash, p->hash);
        /* The last node of a level that has no sister moves up as it is. */
        while ((p->index & 1) == 0 && p->index != 0) {
            p->index >>= 1;
            p->last >>= 1;
        }
    } else {
        sev_merkle_node(p->hash, sibling, p->hash);
    }
    p->index >>= 1;
    p->last >>= 1;
}

bool sev_merkle_proof_ends_at(const struct sev_merkle_proof *p,
                              const uint8_t root[SEV_SHA256_BYTES])
{
    if (SEV_REFUSE_IF(p->failed))
        return false;
    if (SEV_REFUSE_IF(p->last != 0))
        return false; /* the path is too short */
    if (SEV_REFUSE_IF(memcmp(p->hash, root, SEV_SHA256_BYTES) != 0))
        return false;
    return true;
}

/* The proof names the nodes under which both trees agree, from the last leaf of the smaller one
 * upwards: those to the left belong to both roots, those to the right to the larger one's alone. */
void sev_merkle_growth_init(struct sev_merkle_growth *g, uint64_t old_size,
                            const uint8_t old_root[SEV_SHA256_BYTES], uint64_t new_size)
{
    *g = (struct sev_merkle_growth){.first = old_size - 1, .second = new_size - 1};
    g->failed = SEV_REFUSE_IF(old_size > new_size);
    memcpy(g->was, old_root, sizeof g->was);
    if (old_size == 0 || old_size == new_size) {
        g->first = g->second = 0; /* an empty proof */
        g->begun = true;
        g->from_nothing = old_size == 0;
        memcpy(g->old_hash, old_root, sizeof g->old_hash);
        memcpy(g->new_hash, old_root, sizeof g->new_hash);
        return;
    }
    while ((g->first & 1) != 0) {
        g->first >>= 1;
        g->second >>= 1;
    }
    /* A full tree is a node of the larger one: its root is not said again. */
    g->begun = g->first == 0;
    if (g->begun) {
        memcpy(g->old_hash, old_root, sizeof g->old_hash);
        memcpy(g->new_hash, old_root, sizeof g->new_hash);
    }
}

void sev_merkle_growth_step(struct sev_merkle_growth *g, const uint8_t hash[SEV_SHA256_BYTES])
{
    if (!g->begun) {
        memcpy(g->old_hash, hash, sizeof g->old_hash);
        memcpy(g->new_hash, hash, sizeof g->new_hash);
        g->begun = true;
        return;
    }
    if (SEV_REFUSE_IF(g->second == 0)) {
        g->failed = true;
        return;
    }
    if ((g->first & 1) != 0 || g->first == g->second) {
        sev_merkle_node(hash, g->old_hash, g->old_hash);
        sev_merkle_node(hash, g->new_hash, g->new_hash);
        while ((g->first & 1) == 0 && g->first != 0) {
            g->first >>= 1;
            g->second >>= 1;
        }
    } else {
        sev_merkle_node(g->new_hash, hash, g->new_hash);
    }
    g->first >>= 1;
    g->second >>= 1;
}

bool sev_merkle_growth_ends_at(const struct sev_merkle_growth *g,
                               const uint8_t new_root[SEV_SHA256_BYTES])
{
    if (SEV_REFUSE_IF(g->failed))
        return false;
    if (SEV_REFUSE_IF(g->second != 0))
        return false;
    if (g->from_nothing)
        return true;
    if (SEV_REFUSE_IF(memcmp(g->old_hash, g->was, sizeof g->was) != 0))
        return false;
    if (SEV_REFUSE_IF(memcmp(g->new_hash, new_root, sizeof g->new_hash) != 0))
        return false;
    return true;
}
