/* A log as tiles: their widths and names, proofs from them against the definitions, and the texts
 * in which proofs travel.  SPDX-License-Identifier: MIT */
#include "secureev/tlog.h"

#include "test.h"

typedef uint8_t hash[SEV_SHA256_BYTES];

/* ------------------------------------------------------------ a log in memory */

#define LEAVES 70000u
static hash level0[LEAVES], level1[LEAVES / 256 + 1], level2[2];
static unsigned asked; /* tiles */

static const hash *hashes_of(uint8_t level)
{
    return (const hash *)(level == 0 ? level0 : level == 1 ? level1 : level2);
}

static sev_err give_tile(void *self, const struct sev_tlog_tile *tile, const uint8_t **out)
{
    const struct sev_tlog_source *s = self;
    CHECK_EQ(tile->width, sev_tlog_width(s->size, tile->level, tile->index));
    CHECK(tile->width >= 1 && tile->level <= 2);
    *out = hashes_of(tile->level)[tile->index * 256];
    asked++;
    return SEV_OK;
}

static void naive_root(const hash *d, size_t n, uint8_t *out)
{
    struct sev_merkle t;
    sev_merkle_init(&t);
    for (size_t i = 0; i < n; i++)
        sev_merkle_add(&t, d[i]);
    sev_merkle_root(&t, out);
}

static struct sev_tlog_source *log_of(uint64_t size)
{
    static struct sev_tlog_source s;
    static bool made;
    if (!made) {
        for (uint32_t i = 0; i < LEAVES; i++)
            sev_merkle_leaf(sev_slice_of(&i, sizeof i), level0[i]);
        for (uint32_t i = 0; i < LEAVES / 256; i++)
            naive_root((const hash *)level0 + i * 256, 256, level1[i]);
        naive_root((const hash *)level1, 256, level2[0]);
        made = true;
    }
    s = (struct sev_tlog_source){.self = &s, .size = size, .tile = give_tile};
    return &s;
}

static struct sev_checkpoint head_of(uint64_t size)
{
    struct sev_checkpoint c = {.origin = SEV_LIT("o"), .size = size};
    log_of(size);
    naive_root((const hash *)level0, size, c.root);
    return c;
}

/* ---------------------------------------------------------------------- tiles */

TEST(tlog__tree_of_70000__has_the_tiles_of_the_specification)
{
    CHECK_EQ(sev_tlog_width(70000, 0, 272), 256);
    CHECK_EQ(sev_tlog_width(70000, 0, 273), 112);
    CHECK_EQ(sev_tlog_width(70000, 0, 274), 0);
    CHECK_EQ(sev_tlog_width(70000, 1, 0), 256);
    CHECK_EQ(sev_tlog_width(70000, 1, 1), 17);
    CHECK_EQ(sev_tlog_width(70000, 2, 0), 1);
    CHECK_EQ(sev_tlog_width(70000, 3, 0), 0);
    CHECK_EQ(sev_tlog_width(70000, SEV_TLOG_ENTRIES_LEVEL, 273), 112);
    CHECK_EQ(sev_tlog_width(256, 0, 0), 256);
    CHECK_EQ(sev_tlog_width(256, 1, 0), 1);
    CHECK_EQ(sev_tlog_width(0, 0, 0), 0);
    CHECK_EQ(sev_tlog_width(UINT64_MAX, 8, 0), 0);
    CHECK_EQ(sev_tlog_width(UINT64_MAX, 7, 0), 255);
    CHECK_EQ(sev_tlog_width(UINT64_MAX, 0, SEV_TLOG_INDEX_MAX), 256);
    CHECK_EQ(sev_tlog_width(UINT64_MAX, 0, SEV_TLOG_INDEX_MAX + 1ull), 0);
}

static void expect_path(uint8_t level, uint64_t index, uint16_t width, sev_slice path)
{
    uint8_t room[SEV_TLOG_PATH_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    struct sev_tlog_tile tile = {level, index, width}, again;
    sev_tlog_path(&tile, &b);
    CHECK_SLICE(sev_buf_slice(&b), path);
    CHECK_OK(sev_tlog_path_parse(path, &again));
    CHECK_EQ(again.level, level);
    CHECK_EQ(again.index, index);
    CHECK_EQ(again.width, width);
}

TEST(tlog__paths__written_and_read_again)
{
    expect_path(0, 0, 256, SEV_LIT("tile/0/000"));
    expect_path(1, 7, 1, SEV_LIT("tile/1/007.p/1"));
    expect_path(7, 1234067, 255, SEV_LIT("tile/7/x001/x234/067.p/255"));
    expect_path(0, 1000, 256, SEV_LIT("tile/0/x001/000"));
    expect_path(SEV_TLOG_ENTRIES_LEVEL, 999, 12, SEV_LIT("tile/entries/999.p/12"));
    expect_path(0, SEV_TLOG_INDEX_MAX, 256, SEV_LIT("tile/0/x999/x999/x999/999"));
}

TEST(tlog__other_paths__are_nothings)
{
    static const char *const paths[] = {"",
                                        "tile/",
                                        "tile/0",
                                        "tile/0/",
                                        "tile/0/0",
                                        "tile/0/00",
                                        "tile/0/0000",
                                        "tile/00/000",
                                        "tile/8/000",
                                        "tile/255/000",
                                        "tile//000",
                                        "tile/-1/000",
                                        "tile/0/x000/000",
                                        "tile/0/001/000",
                                        "tile/0/x001",
                                        "tile/0/x001/",
                                        "tile/0/x01/000",
                                        "tile/0/x001/x000",
                                        "tile/0/000/",
                                        "tile/0/000.p",
                                        "tile/0/000.p/",
                                        "tile/0/000.p/0",
                                        "tile/0/000.p/01",
                                        "tile/0/000.p/256",
                                        "tile/0/000.p/1/",
                                        "tile/0/000x",
                                        "Tile/0/000",
                                        "tile/Entries/000",
                                        "tile/entries",
                                        "tile/0/00a",
                                        "tile/0/xa01/000",
                                        "tile/0/x001x000",
                                        "tile/0/x999/x999/x999/x999/999",
                                        "tile/1000/000",
                                        "tile/0/000.p/1000",
                                        "tile/0/000.p/1000000000000000000000"};
    struct sev_tlog_tile tile = {9, 9, 9};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        CHECK_ERR(sev_tlog_path_parse(sev_slice_of(paths[i], strlen(paths[i])), &tile),
                  SEV_E_NOT_FOUND);
    CHECK_EQ(tile.level, 9);
}

TEST(tlog__entries__one_after_the_other_and_cut_off_refused)
{
    static uint8_t room[SEV_TLOG_ENTRY_BYTES_MAX + 3], big[SEV_TLOG_ENTRY_BYTES_MAX + 1];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_slice entry = SEV_EMPTY;
    CHECK_OK(sev_tlog_put_entry(SEV_LIT("one"), &b));
    CHECK_OK(sev_tlog_put_entry(SEV_EMPTY, &b));
    CHECK_OK(sev_tlog_put_entry(sev_slice_of(big, 300), &b));
    sev_slice rest = sev_buf_slice(&b), cut = sev_slice_sub(rest, 0, rest.len - 1);
    CHECK(sev_tlog_entry(&rest, &entry));
    CHECK_TEXT(entry, "one");
    CHECK(sev_tlog_entry(&rest, &entry));
    CHECK_EQ(entry.len, 0);
    CHECK(sev_tlog_entry(&rest, &entry));
    CHECK_EQ(entry.len, 300);
    CHECK(!sev_tlog_entry(&rest, &entry));
    CHECK_EQ(rest.len, 0);
    CHECK(sev_tlog_entry(&cut, &entry) && sev_tlog_entry(&cut, &entry));
    CHECK(!sev_tlog_entry(&cut, &entry));
    CHECK(cut.len != 0);
    b.len = 0;
    CHECK_ERR(sev_tlog_put_entry(sev_slice_of(big, sizeof big), &b), SEV_E_TOO_LONG);
    CHECK_OK(sev_tlog_put_entry(sev_slice_of(big, sizeof big - 1), &b));
    CHECK_ERR(sev_tlog_put_entry(SEV_LIT("x"), &b), SEV_E_MEMORY);
    CHECK_EQ(b.len, SEV_TLOG_ENTRY_BYTES_MAX + 2);
}

/* --------------------------------------------------------------------- proofs */

/* Sizes at which something changes, and some between. */
static const uint64_t sizes[] = {1,    2,    3,    4,     5,     7,     8,     9,     64,
                                 100,  255,  256,  257,   258,   511,   512,   513,   700,
                                 1000, 4096, 5000, 65535, 65536, 65537, 65800, 69999, 70000};
#define SIZES (sizeof sizes / sizeof sizes[0])

TEST(tlog__leaves_of_every_kind_of_tree__proved)
{
    for (size_t s = 0; s < SIZES; s++) {
        struct sev_checkpoint c = head_of(sizes[s]);
        hash root;
        CHECK_OK(sev_tlog_node(log_of(c.size), 0, c.size, root));
        CHECK(memcmp(root, c.root, sizeof root) == 0);
        for (size_t i = 0; i < SIZES; i++) {
            struct sev_tlog_proof p;
            uint64_t index = sizes[i] - 1;
            sev_err e = sev_tlog_prove_leaf(log_of(c.size), index, &p);
            CHECK_ERR(e, index < c.size ? SEV_OK : SEV_E_NOT_FOUND);
            if (e != SEV_OK)
                continue;
            CHECK_OK(sev_tlog_check_leaf(&p, level0[index], index, &c));
            CHECK_ERR(
                sev_tlog_check_leaf(&p, level0[index + 1 < LEAVES ? index + 1 : 0], index, &c),
                SEV_E_LOG_PROOF);
            CHECK_ERR(sev_tlog_check_leaf(&p, level0[index], index + 1, &c), SEV_E_LOG_PROOF);
        }
    }
}

TEST(tlog__every_two_sizes__growth_proved_and_no_other_past)
{
    for (size_t s = 0; s < SIZES; s++)
        for (size_t o = 0; o <= s; o++) {
            struct sev_checkpoint c = head_of(sizes[s]), old = head_of(sizes[o]);
            struct sev_tlog_proof p;
            CHECK_OK(sev_tlog_prove_growth(log_of(c.size), old.size, &p));
            CHECK_OK(sev_tlog_check_growth(&p, old.size, old.root, &c));
            old.root[31] ^= 1;
            CHECK_ERR(sev_tlog_check_growth(&p, old.size, old.root, &c), SEV_E_LOG_FORK);
        }
}

TEST(tlog__small_trees__every_leaf_and_every_past)
{
    struct sev_tlog_proof p;
    for (uint64_t n = 0; n <= 40; n++) {
        struct sev_checkpoint c = head_of(n);
        for (uint64_t i = 0; i < n; i++) {
            CHECK_OK(sev_tlog_prove_leaf(log_of(n), i, &p));
            CHECK_OK(sev_tlog_check_leaf(&p, level0[i], i, &c));
        }
        for (uint64_t m = 0; m <= n; m++) {
            struct sev_checkpoint old = head_of(m);
            CHECK_OK(sev_tlog_prove_growth(log_of(n), m, &p));
            CHECK_OK(sev_tlog_check_growth(&p, m, old.root, &c));
        }
        CHECK_ERR(sev_tlog_prove_growth(log_of(n), n + 1, &p), SEV_E_NOT_FOUND);
    }
}

TEST(tlog__proof__asks_for_few_tiles)
{
    struct sev_tlog_proof p;
    asked = 0;
    CHECK_OK(sev_tlog_prove_leaf(log_of(70000), 1234, &p));
    CHECK(asked <= 40);
    CHECK_EQ(p.count, 17);
}

static sev_err no_tile(void *self, const struct sev_tlog_tile *tile, const uint8_t **out)
{
    (void)self;
    (void)tile;
    (void)out;
    return SEV_E_UNREACHABLE;
}

TEST(tlog__no_tile__no_proof_and_nothing_touched)
{
    struct sev_tlog_source s = {NULL, 1000, no_tile};
    struct sev_tlog_proof p = {.count = 77};
    hash root = {5};
    CHECK_ERR(sev_tlog_prove_leaf(&s, 1, &p), SEV_E_UNREACHABLE);
    CHECK_ERR(sev_tlog_prove_growth(&s, 7, &p), SEV_E_UNREACHABLE);
    CHECK_ERR(sev_tlog_node(&s, 0, 1000, root), SEV_E_UNREACHABLE);
    CHECK_EQ(p.count, 77);
    CHECK_EQ(root[0], 5);
    CHECK_ERR(sev_tlog_node(log_of(10), 3, 8, root), SEV_E_BUG); /* no node of the tree */
    CHECK_ERR(sev_tlog_node(log_of(10), 8, 11, root), SEV_E_BUG);
    CHECK_ERR(sev_tlog_node(log_of(10), 8, 4, root), SEV_E_BUG);
}

/* ---------------------------------------------------------------------- texts */

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

TEST(tlog__kept_proof__written_and_read_again)
{
    uint8_t room[1024];
    for (int with_leaf = 0; with_leaf < 2; with_leaf++) {
        sev_buf b = sev_buf_of(room, sizeof room);
        struct sev_tlog_kept kept = {.index = 73894, .note = SEV_LIT("the\nnote\n")}, again;
        kept.proof.count = 3;
        kept.proof.hashes[2][0] = 9;
        sev_tlog_kept_write(&kept, with_leaf ? SEV_LIT("leaf") : SEV_EMPTY, &b);
        CHECK_OK(sev_tlog_kept_parse(sev_buf_slice(&b), &again));
        CHECK_SLICE(again.leaf_base64, with_leaf ? SEV_LIT("bGVhZg==") : SEV_EMPTY);
        CHECK_EQ(again.index, 73894);
        CHECK_EQ(again.proof.count, 3);
        CHECK(memcmp(again.proof.hashes, kept.proof.hashes, 96) == 0);
        CHECK_SLICE(again.note, kept.note);
    }
}

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define NOT_KEPT(text) CHECK_ERR(sev_tlog_kept_parse(SEV_LIT(text), &kept), SEV_E_NOTE)

TEST(tlog__kept_proof__anything_else_refused)
{
    struct sev_tlog_kept kept = {.index = 5};
    NOT_KEPT("");
    NOT_KEPT("c2sp.org/tlog-proof@v1");
    NOT_KEPT("c2sp.org/tlog-proof@v2\nindex 1\n\n");
    NOT_KEPT(FIRST);
    NOT_KEPT(FIRST "index 1");
    NOT_KEPT(FIRST "index 1\n"); /* no empty line */
    NOT_KEPT(FIRST "index 01\n\n");
    NOT_KEPT(FIRST "index\n\n");
    NOT_KEPT(FIRST "Index 1\n\n");
    NOT_KEPT(FIRST "extra AAAA\n");
    NOT_KEPT(FIRST "extra \nindex 1\n\n");
    NOT_KEPT(FIRST "extra AAAA\nextra AAAA\nindex 1\n\n");
    NOT_KEPT(FIRST "index 1\nAAAA\n\n");
    NOT_KEPT(FIRST "index 1\n" HASH "\n");
    NOT_KEPT(FIRST "index 1\n!" HASH "\n\n");
    CHECK_EQ(kept.index, 5);
    CHECK_OK(sev_tlog_kept_parse(SEV_LIT(FIRST "index 1\n" HASH "\n\n"), &kept));
}

static sev_err many(uint32_t lines)
{
    static uint8_t room[SEV_TLOG_UPDATE_BYTES_MAX + 128];
    struct sev_tlog_update update;
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_buf_put_slice(&b, SEV_LIT("old 5\n"));
    for (uint32_t i = 0; i < lines; i++)
        sev_buf_put_slice(&b, SEV_LIT(HASH "\n"));
    sev_buf_put_slice(&b, SEV_LIT("\nnote\n"));
    CHECK(!b.overflow);
    return sev_tlog_update_parse(sev_buf_slice(&b), &update);
}

TEST(tlog__update__written_and_read_again_and_bounded)
{
    uint8_t room[SEV_TLOG_UPDATE_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    struct sev_tlog_update update = {.old_size = 9007199254740991, .note = SEV_LIT("n\n")}, again;
    update.proof.count = SEV_TLOG_PROOF_MAX;
    sev_tlog_update_write(&update, &b);
    CHECK(!b.overflow);
    CHECK_OK(sev_tlog_update_parse(sev_buf_slice(&b), &again));
    CHECK_EQ(again.old_size, update.old_size);
    CHECK_EQ(again.proof.count, SEV_TLOG_PROOF_MAX);
    CHECK_SLICE(again.note, update.note);
    CHECK_OK(many(63));
    CHECK_ERR(many(64), SEV_E_NOTE);
#define NO_UPDATE(text) CHECK_ERR(sev_tlog_update_parse(SEV_LIT(text), &again), SEV_E_NOTE)
    NO_UPDATE("");
    NO_UPDATE("old 5");
    NO_UPDATE("old 5\n");
    NO_UPDATE("old -5\n\n");
    NO_UPDATE("new 5\n\n");
    NO_UPDATE("old 5\nx\n\n");
}
