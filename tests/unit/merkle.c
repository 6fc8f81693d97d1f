/* Hash trees, against the definition in RFC 6962 section 2.1, written down as it stands there.
 * SPDX-License-Identifier: MIT */
#include "secureev/merkle.h"

#include "secureev/text.h"
#include "test.h"

#define LEAVES 70

typedef uint8_t hash[SEV_SHA256_BYTES];

static hash leaves[LEAVES];

static void fill(void)
{
    for (int i = 0; i < LEAVES; i++) {
        uint8_t data[2] = {(uint8_t)i, 7};
        sev_merkle_leaf(sev_slice_of(data, sizeof data), leaves[i]);
    }
}

/* MTH of RFC 6962. */
static void tree_hash(const hash *d, size_t n, uint8_t *out)
{
    size_t k = 1;
    hash left, right;
    if (n == 1) {
        memcpy(out, d[0], sizeof(hash));
        return;
    }
    while (k * 2 < n)
        k *= 2;
    tree_hash(d, k, left);
    tree_hash(d + k, n - k, right);
    sev_merkle_node(left, right, out);
}

static bool proves(uint64_t index, uint64_t count, const hash *path, uint32_t steps,
                   const uint8_t *leaf, const uint8_t *root)
{
    struct sev_merkle_proof p;
    sev_merkle_proof_init(&p, leaf, index, count);
    for (uint32_t i = 0; i < steps; i++)
        sev_merkle_proof_step(&p, path[i]);
    return sev_merkle_proof_ends_at(&p, root);
}

TEST(merkle__leaf_and_node__have_their_prefixes)
{
    hash got, wanted;
    uint8_t bytes[65] = {0};
    sev_merkle_leaf(SEV_EMPTY, got);
    sev_sha256(sev_slice_of(bytes, 1), wanted);
    CHECK(memcmp(got, wanted, sizeof got) == 0);
    bytes[0] = 1;
    memset(bytes + 1, 0xAA, 32);
    memset(bytes + 33, 0xBB, 32);
    sev_merkle_node(bytes + 1, bytes + 33, got);
    sev_sha256(sev_slice_of(bytes, sizeof bytes), wanted);
    CHECK(memcmp(got, wanted, sizeof got) == 0);
}

TEST(merkle__no_leaf__hash_of_nothing)
{
    struct sev_merkle t;
    hash got, wanted;
    sev_merkle_init(&t);
    sev_merkle_root(&t, got);
    sev_sha256(SEV_EMPTY, wanted);
    CHECK(memcmp(got, wanted, sizeof got) == 0);
}

TEST(merkle__every_size__root_and_paths_as_defined)
{
    struct sev_merkle t;
    fill();
    sev_merkle_init(&t);
    for (uint64_t n = 1; n <= LEAVES; n++) {
        hash root, wanted, path[SEV_MERKLE_PATH_MAX];
        sev_merkle_add(&t, leaves[n - 1]);
        sev_merkle_root(&t, root);
        tree_hash((const hash *)leaves, n, wanted);
        CHECK(memcmp(root, wanted, sizeof root) == 0);
        for (uint64_t i = 0; i < n; i++) {
            uint32_t steps = sev_merkle_path((const hash *)leaves, n, i, path);
            CHECK(proves(i, n, (const hash *)path, steps, leaves[i], root));
        }
    }
}

TEST(merkle__anything_else__not_proved)
{
    struct sev_merkle t;
    hash root, path[SEV_MERKLE_PATH_MAX] = {{0}};
    fill();
    sev_merkle_init(&t);
    const uint64_t n = 11;
    for (uint64_t i = 0; i < n; i++)
        sev_merkle_add(&t, leaves[i]);
    sev_merkle_root(&t, root);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t steps = sev_merkle_path((const hash *)leaves, n, i, path);
        const hash *p = (const hash *)path;
        CHECK(!proves(i, n, p, steps, leaves[(i + 1) % n], root)); /* another leaf */
        CHECK(!proves(i, n, p, steps, leaves[i], leaves[0]));      /* another root */
        CHECK(!proves(i, n, p, steps - 1, leaves[i], root));       /* too short */
        CHECK(!proves(i, n, p, steps + 1, leaves[i], root));       /* too long */
        for (uint64_t j = 0; j < 2 * n; j++)                       /* another place */
            CHECK(j == i || !proves(j, n, p, steps, leaves[i], root));
        path[0][0] ^= 1;
        CHECK(!proves(i, n, p, steps, leaves[i], root));
    }
}

TEST(merkle__place_beyond_the_tree__not_proved)
{
    hash leaf;
    sev_merkle_leaf(SEV_LIT("x"), leaf);
    CHECK(proves(0, 1, NULL, 0, leaf, leaf));
    CHECK(!proves(1, 1, NULL, 0, leaf, leaf));
    CHECK(!proves(0, 0, NULL, 0, leaf, leaf));
}

/* With another size than the tree's, an inner node or its halves could be claimed as leaves. */
TEST(merkle__path_of_another_length_than_the_size_has__not_proved)
{
    hash root;
    fill();
    sev_merkle_node(leaves[0], leaves[1], root);
    CHECK(proves(1, 2, (const hash *)leaves, 1, leaves[1], root));
    CHECK(!proves(0, 1, (const hash *)leaves, 1, leaves[1], root));
    CHECK(!proves(0, 2, NULL, 0, root, root));
}

/* A root may not be passed off as a leaf, nor a node: that would prove what nobody put in. */
TEST(merkle__root_as_leaf__not_proved_by_its_two_halves)
{
    hash root, halves, claimed;
    uint8_t data[64];
    fill();
    sev_merkle_node(leaves[0], leaves[1], root);
    memcpy(data, leaves[0], 32);
    memcpy(data + 32, leaves[1], 32);
    sev_merkle_leaf(sev_slice_of(data, sizeof data), claimed);
    memcpy(halves, claimed, sizeof halves);
    CHECK(!proves(0, 1, NULL, 0, halves, root));
}

/* The path of a leaf of the very last kind: 2^32 leaves, the right edge of a full tree. */
TEST(merkle__path_of_the_greatest_length__is_followed)
{
    hash leaf, sibling, root, path[SEV_MERKLE_PATH_MAX];
    memset(leaf, 1, sizeof leaf);
    memset(sibling, 2, sizeof sibling);
    memcpy(root, leaf, sizeof root);
    for (int i = 0; i < SEV_MERKLE_PATH_MAX; i++) {
        memcpy(path[i], sibling, sizeof sibling);
        sev_merkle_node(sibling, root, root);
    }
    uint64_t n = (uint64_t)1 << SEV_MERKLE_PATH_MAX;
    CHECK(proves(n - 1, n, (const hash *)path, SEV_MERKLE_PATH_MAX, leaf, root));
    CHECK(!proves(n - 2, n, (const hash *)path, SEV_MERKLE_PATH_MAX, leaf, root));
}

/* ------------------------------------------------------------------- growth */

/* PROOF of RFC 6962 section 2.1.2, as it stands there; farthest first is last. */
static uint32_t growth_proof(const hash *d, size_t m, size_t n, bool whole, hash *out)
{
    size_t k = 1;
    uint32_t steps;
    if (m == n) {
        if (whole)
            return 0;
        tree_hash(d, n, out[0]);
        return 1;
    }
    while (k * 2 < n)
        k *= 2;
    if (m <= k) {
        steps = growth_proof(d, m, k, whole, out);
        tree_hash(d + k, n - k, out[steps]);
    } else {
        steps = growth_proof(d + k, m - k, n - k, false, out);
        tree_hash(d, k, out[steps]);
    }
    return steps + 1;
}

static bool grows(uint64_t m, const uint8_t *old_root, uint64_t n, const uint8_t *new_root,
                  const hash *proof, uint32_t steps)
{
    struct sev_merkle_growth g;
    sev_merkle_growth_init(&g, m, old_root, n);
    for (uint32_t i = 0; i < steps; i++)
        sev_merkle_growth_step(&g, proof[i]);
    return sev_merkle_growth_ends_at(&g, new_root);
}

TEST(merkle__every_pair_of_sizes__grows_as_defined_and_not_otherwise)
{
    const hash *d = (const hash *)leaves;
    hash roots[LEAVES + 1], proof[SEV_MERKLE_PATH_MAX];
    fill();
    sev_sha256(SEV_EMPTY, roots[0]);
    for (size_t n = 1; n <= LEAVES; n++)
        tree_hash(d, n, roots[n]);
    for (size_t n = 1; n <= LEAVES; n++)
        for (size_t m = 1; m <= n; m++) {
            memset(proof, 0, sizeof proof);
            uint32_t steps = growth_proof(d, m, n, true, proof);
            const hash *p = (const hash *)proof;
            CHECK(grows(m, roots[m], n, roots[n], p, steps));
            CHECK(!grows(m, roots[m - 1], n, roots[n], p, steps)); /* another past */
            CHECK(!grows(m, roots[m], n, roots[n - 1], p, steps)); /* another present */
            CHECK(!grows(m, roots[m], n, roots[n], p, steps + 1)); /* too long */
            CHECK(steps == 0 || !grows(m, roots[m], n, roots[n], p, steps - 1));
            for (uint32_t i = 0; i < steps; i++) {
                proof[i][0] ^= 1;
                CHECK(!grows(m, roots[m], n, roots[n], p, steps));
                proof[i][0] ^= 1;
            }
        }
}

TEST(merkle__empty_tree__everything_goes_on_from_it_without_proof)
{
    fill();
    CHECK(grows(0, leaves[0], 9, leaves[1], NULL, 0));
    CHECK(grows(0, leaves[0], 0, leaves[1], NULL, 0));
    CHECK(!grows(0, leaves[0], 9, leaves[1], (const hash *)leaves, 1));
}

TEST(merkle__larger_past__never)
{
    hash roots[3];
    fill();
    tree_hash((const hash *)leaves, 1, roots[1]);
    tree_hash((const hash *)leaves, 2, roots[2]);
    CHECK(grows(1, roots[1], 2, roots[2], (const hash *)leaves + 1, 1));
    CHECK(!grows(2, roots[2], 1, roots[1], (const hash *)leaves + 1, 1));
    CHECK(!grows(2, roots[2], 1, roots[2], NULL, 0));
    CHECK(!grows(1, roots[1], 0, roots[1], NULL, 0));
}

/* The proof says how far up both trees are followed: a larger size needs a longer one. */
TEST(merkle__proof_of_less_growth__is_none_of_more)
{
    hash old_root, new_root, proof[SEV_MERKLE_PATH_MAX];
    fill();
    tree_hash((const hash *)leaves, 4, old_root);
    tree_hash((const hash *)leaves, 6, new_root);
    uint32_t steps = growth_proof((const hash *)leaves, 4, 6, true, proof);
    CHECK(grows(4, old_root, 6, new_root, (const hash *)proof, steps));
    CHECK(!grows(4, old_root, 16, new_root, (const hash *)proof, steps));
}

/* A proof of the same numbers of leaves whose parts are exchanged between the trees. */
TEST(merkle__two_histories__no_proof_joins_them)
{
    hash other[LEAVES], old_root, new_root, proof[SEV_MERKLE_PATH_MAX];
    fill();
    memcpy(other, leaves, sizeof other);
    other[3][0] ^= 1;
    for (size_t n = 5; n <= 20; n++)
        for (size_t m = 4; m < n; m++) {
            tree_hash((const hash *)leaves, m, old_root);
            tree_hash((const hash *)other, n, new_root);
            uint32_t steps = growth_proof((const hash *)leaves, m, n, true, proof);
            CHECK(!grows(m, old_root, n, new_root, (const hash *)proof, steps));
            steps = growth_proof((const hash *)other, m, n, true, proof);
            CHECK(!grows(m, old_root, n, new_root, (const hash *)proof, steps));
        }
}
