/* tlog - see tlog.h. Every number here may come from a stranger: sizes reach 2^53, and no work
 * grows with more than their logarithm.  SPDX-License-Identifier: MIT */
#include "secureev/tlog.h"

#include "base/check.h"

#define WIDTH_BITS 8u

/* ---------------------------------------------------------------------- tiles */

uint16_t sev_tlog_width(uint64_t size, uint8_t level, uint64_t index)
{
    uint8_t height = level == SEV_TLOG_ENTRIES_LEVEL ? 0 : level;
    if (height >= SEV_TLOG_LEVELS_MAX)
        return 0;
    uint64_t hashes = size >> (WIDTH_BITS * height), first = index << WIDTH_BITS;
    if (index > SEV_TLOG_INDEX_MAX || first >= hashes)
        return 0;
    return hashes - first < SEV_TLOG_TILE_WIDTH ? (uint16_t)(hashes - first) : SEV_TLOG_TILE_WIDTH;
}

static void put_three(uint64_t number, sev_buf *out)
{
    sev_buf_put_byte(out, (uint8_t)('0' + number / 100 % 10));
    sev_buf_put_byte(out, (uint8_t)('0' + number / 10 % 10));
    sev_buf_put_byte(out, (uint8_t)('0' + number % 10));
}

void sev_tlog_path(const struct sev_tlog_tile *tile, sev_buf *out)
{
    uint64_t above = 1;
    sev_buf_put_slice(out, SEV_LIT("tile/"));
    if (tile->level == SEV_TLOG_ENTRIES_LEVEL)
        sev_buf_put_slice(out, SEV_LIT("entries"));
    else
        sev_decimal_format(tile->level, out);
    sev_buf_put_byte(out, '/');
    while (tile->index / above >= 1000)
        above *= 1000;
    for (; above > 1; above /= 1000) {
        sev_buf_put_byte(out, 'x');
        put_three(tile->index / above, out);
        sev_buf_put_byte(out, '/');
    }
    put_three(tile->index, out);
    if (tile->width < SEV_TLOG_TILE_WIDTH) {
        sev_buf_put_slice(out, SEV_LIT(".p/"));
        sev_decimal_format(tile->width, out);
    }
}

static bool take_word(sev_slice *path, sev_slice word)
{
    if (path->len < word.len || memcmp(path->ptr, word.ptr, word.len) != 0)
        return false;
    *path = sev_slice_sub(*path, word.len, path->len);
    return true;
}

/* One to three digits before '/' or the end. */
static bool take_number(sev_slice *path, uint64_t *out)
{
    size_t digits = 0;
    while (digits < path->len && digits < 4 && path->ptr[digits] >= '0' && path->ptr[digits] <= '9')
        digits++;
    if (digits > 3 || sev_decimal_parse(sev_slice_sub(*path, 0, digits), out) != SEV_OK)
        return false;
    *path = sev_slice_sub(*path, digits, path->len);
    return true;
}

static bool take_three(sev_slice *path, uint64_t *index)
{
    if (path->len < 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (path->ptr[i] < '0' || path->ptr[i] > '9')
            return false;
        *index = *index * 10 + (uint64_t)(path->ptr[i] - '0');
    }
    *path = sev_slice_sub(*path, 3, path->len);
    return true;
}

static bool take_index(sev_slice *path, uint64_t *out)
{
    *out = 0;
    for (int groups = 0; groups < 3 && take_word(path, SEV_LIT("x")); groups++)
        if (!take_three(path, out) || !take_word(path, SEV_LIT("/")))
            return false;
    return take_three(path, out);
}

sev_err sev_tlog_path_parse(sev_slice path, struct sev_tlog_tile *out)
{
    uint8_t room[SEV_TLOG_PATH_BYTES_MAX];
    sev_buf again = sev_buf_of(room, sizeof room);
    uint64_t level = SEV_TLOG_ENTRIES_LEVEL, index = 0, width = SEV_TLOG_TILE_WIDTH;
    sev_slice rest = path;
    bool known = take_word(&rest, SEV_LIT("tile/")) &&
                 (take_word(&rest, SEV_LIT("entries")) ||
                  (take_number(&rest, &level) && level < SEV_TLOG_LEVELS_MAX)) &&
                 take_word(&rest, SEV_LIT("/")) && take_index(&rest, &index);
    if (known && rest.len != 0)
        known = take_word(&rest, SEV_LIT(".p/")) && take_number(&rest, &width) && width != 0 &&
                width < SEV_TLOG_TILE_WIDTH;
    struct sev_tlog_tile made = {(uint8_t)level, index, (uint16_t)width};
    if (SEV_REFUSE_IF(!known))
        return SEV_E_NOT_FOUND;
    /* One spelling: no groups of nothing before the number, nothing after it. */
    sev_tlog_path(&made, &again);
    if (SEV_REFUSE_IF(!sev_slice_eq(sev_buf_slice(&again), path)))
        return SEV_E_NOT_FOUND;
    *out = made;
    return SEV_OK;
}

bool sev_tlog_entry(sev_slice *rest, sev_slice *out)
{
    if (rest->len < 2)
        return false;
    size_t len = (size_t)rest->ptr[0] << 8 | rest->ptr[1];
    if (SEV_REFUSE_IF(len > rest->len - 2))
        return false;
    *out = sev_slice_sub(*rest, 2, len);
    *rest = sev_slice_sub(*rest, 2 + len, rest->len);
    return true;
}

sev_err sev_tlog_put_entry(sev_slice entry, sev_buf *out)
{
    sev_buf made = *out;
    if (entry.len > SEV_TLOG_ENTRY_BYTES_MAX)
        return SEV_E_TOO_LONG;
    sev_buf_put_byte(&made, (uint8_t)(entry.len >> 8));
    sev_buf_put_byte(&made, (uint8_t)entry.len);
    sev_buf_put_slice(&made, entry);
    if (made.overflow)
        return SEV_E_MEMORY;
    *out = made;
    return SEV_OK;
}

/* --------------------------------------------------------------------- proofs */

/* The root of 2^height leaves, number `index` of its kind: inside one tile. */
static sev_err full_node(const struct sev_tlog_source *source, unsigned height, uint64_t index,
                         uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_merkle t;
    const uint8_t *hashes = NULL;
    unsigned level = height / WIDTH_BITS, inside = height % WIDTH_BITS;
    uint64_t first = index << inside; /* among the hashes of that level */
    struct sev_tlog_tile tile = {(uint8_t)level, first >> WIDTH_BITS, 0};
    tile.width = sev_tlog_width(source->size, tile.level, tile.index);
    sev_err e = tile.width == 0 ? SEV_E_BUG : source->tile(source->self, &tile, &hashes);
    if (e != SEV_OK)
        return e;
    sev_merkle_init(&t);
    for (uint64_t i = 0; i < (uint64_t)1 << inside; i++)
        sev_merkle_add(&t, hashes + ((first + i) % SEV_TLOG_TILE_WIDTH) * SEV_SHA256_BYTES);
    sev_merkle_root(&t, out);
    return SEV_OK;
}

sev_err sev_tlog_node(const struct sev_tlog_source *source, uint64_t begin, uint64_t end,
                      uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t hash[SEV_SHA256_BYTES], left[SEV_SHA256_BYTES];
    uint64_t count = end - begin, at = end;
    bool any = false;
    if (end < begin || end > source->size)
        return SEV_E_BUG;
    sev_sha256(SEV_EMPTY, hash);
    /* From the right: the smallest full subtree first. */
    for (unsigned height = 0; height < 64; height++) {
        if ((count >> height & 1) == 0)
            continue;
        at -= (uint64_t)1 << height;
        if ((at & (((uint64_t)1 << height) - 1)) != 0)
            return SEV_E_BUG;
        sev_err e = full_node(source, height, at >> height, any ? left : hash);
        if (e != SEV_OK)
            return e;
        if (any)
            sev_merkle_node(left, hash, hash);
        any = true;
    }
    memcpy(out, hash, sizeof hash);
    return SEV_OK;
}

/* The greatest power of two below `count`, which is above 1. */
static uint64_t left_part(uint64_t count)
{
    uint64_t left = 1;
    while (left < count - left)
        left *= 2;
    return left;
}

static void turn_round(struct sev_tlog_proof *proof)
{
    for (uint32_t i = 0; i < proof->count / 2; i++) {
        uint8_t swap[SEV_SHA256_BYTES];
        uint8_t *a = proof->hashes[i], *b = proof->hashes[proof->count - 1 - i];
        memcpy(swap, a, sizeof swap);
        memcpy(a, b, sizeof swap);
        memcpy(b, swap, sizeof swap);
    }
}

static sev_err put_node(const struct sev_tlog_source *source, uint64_t begin, uint64_t end,
                        struct sev_tlog_proof *proof)
{
    if (proof->count == SEV_TLOG_PROOF_MAX)
        return SEV_E_BUG; /* never: sizes stay below 2^63 */
    return sev_tlog_node(source, begin, end, proof->hashes[proof->count++]);
}

sev_err sev_tlog_prove_leaf(const struct sev_tlog_source *source, uint64_t index,
                            struct sev_tlog_proof *out)
{
    struct sev_tlog_proof made = {.count = 0};
    uint64_t begin = 0, end = source->size;
    sev_err e = index < end ? SEV_OK : SEV_E_NOT_FOUND;
    /* From the root down, so that the hash beside the leaf comes last; then turned round. */
    while (e == SEV_OK && end - begin > 1) {
        uint64_t middle = begin + left_part(end - begin);
        if (index < middle) {
            e = put_node(source, middle, end, &made);
            end = middle;
        } else {
            e = put_node(source, begin, middle, &made);
            begin = middle;
        }
    }
    if (e != SEV_OK)
        return e;
    turn_round(&made);
    *out = made;
    return SEV_OK;
}

sev_err sev_tlog_prove_growth(const struct sev_tlog_source *source, uint64_t old_size,
                              struct sev_tlog_proof *out)
{
    struct sev_tlog_proof made = {.count = 0};
    uint64_t begin = 0, end = source->size;
    sev_err e = old_size <= end ? SEV_OK : SEV_E_NOT_FOUND;
    bool whole = true; /* [begin, end) begins where both trees begin */
    if (old_size == 0 || old_size == end)
        end = old_size;
    else if (e == SEV_OK)
        while (e == SEV_OK && end != old_size) {
            uint64_t middle = begin + left_part(end - begin);
            if (old_size <= middle) {
                e = put_node(source, middle, end, &made);
                end = middle;
            } else {
                e = put_node(source, begin, middle, &made);
                begin = middle;
                whole = false;
            }
        }
    /* The node where the old tree ends, unless that is the old tree itself. */
    if (e == SEV_OK && !whole)
        e = put_node(source, begin, end, &made);
    if (e != SEV_OK)
        return e;
    turn_round(&made);
    *out = made;
    return SEV_OK;
}

sev_err sev_tlog_check_leaf(const struct sev_tlog_proof *proof,
                            const uint8_t leaf[SEV_SHA256_BYTES], uint64_t index,
                            const struct sev_checkpoint *checkpoint)
{
    struct sev_merkle_proof p;
    sev_merkle_proof_init(&p, leaf, index, checkpoint->size);
    for (uint32_t i = 0; i < proof->count; i++)
        sev_merkle_proof_step(&p, proof->hashes[i]);
    if (SEV_REFUSE_IF(!sev_merkle_proof_ends_at(&p, checkpoint->root)))
        return SEV_E_LOG_PROOF;
    return SEV_OK;
}

sev_err sev_tlog_check_growth(const struct sev_tlog_proof *proof, uint64_t old_size,
                              const uint8_t old_root[SEV_SHA256_BYTES],
                              const struct sev_checkpoint *checkpoint)
{
    struct sev_merkle_growth g;
    sev_merkle_growth_init(&g, old_size, old_root, checkpoint->size);
    for (uint32_t i = 0; i < proof->count; i++)
        sev_merkle_growth_step(&g, proof->hashes[i]);
    if (SEV_REFUSE_IF(!sev_merkle_growth_ends_at(&g, checkpoint->root)))
        return SEV_E_LOG_FORK;
    return SEV_OK;
}
