/* memory - a pool that is freed at once, and JSON made in it. SPDX-License-Identifier: MIT */
#include "internal.h"

#define BLOCK_BYTES (64u * 1024u)
#define JSON_FIRST_BYTES 4096u
#define SCRATCH_SLOTS 512u /* members of a small document out of order */

struct sev_repo_block {
    struct sev_repo_block *next;
    size_t used, cap;
    max_align_t bytes[];
};

static struct sev_repo_block *new_block(struct sev_repo_pool *p, size_t bytes)
{
    size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    if (cap > SIZE_MAX / 2)
        return NULL;
    struct sev_repo_block *b = p->fs->realloc(p->fs->self, NULL, sizeof *b + cap);
    if (b == NULL)
        return NULL;
    b->used = 0;
    b->cap = cap;
    b->next = p->blocks;
    p->blocks = b;
    return b;
}

void *sev_repo_take(struct sev_repo_pool *p, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct sev_repo_block *b = p->blocks;
    if (b == NULL || b->cap - b->used < bytes)
        b = new_block(p, bytes);
    if (b == NULL)
        return NULL;
    void *out = (uint8_t *)b->bytes + b->used;
    b->used += bytes;
    memset(out, 0, bytes);
    return out;
}

void sev_repo_pool_free(struct sev_repo_pool *p)
{
    while (p->blocks != NULL) {
        struct sev_repo_block *next = p->blocks->next;
        p->fs->free(p->fs->self, p->blocks);
        p->blocks = next;
    }
}

sev_err sev_repo_copy(struct sev_repo_pool *p, sev_slice s, sev_slice *out)
{
    uint8_t *copy = sev_repo_take(p, s.len + 1);
    if (copy == NULL)
        return SEV_E_MEMORY;
    if (s.len != 0)
        memcpy(copy, s.ptr, s.len);
    *out = sev_slice_of(copy, s.len);
    return SEV_OK;
}

sev_err sev_repo_text(struct sev_repo_pool *p, sev_slice s, const char **out)
{
    sev_slice copy;
    sev_err e = sev_repo_copy(p, s, &copy);
    if (e == SEV_OK)
        *out = (const char *)copy.ptr;
    return e;
}

sev_err sev_repo_grow(struct sev_repo_pool *p, void **items, uint32_t count, uint32_t *cap,
                      size_t size)
{
    if (count < *cap)
        return SEV_OK;
    uint32_t wanted = *cap == 0 ? 8 : *cap * 2;
    void *moved = sev_repo_take(p, wanted * size);
    if (moved == NULL)
        return SEV_E_MEMORY;
    if (count != 0)
        memcpy(moved, *items, count * size);
    *items = moved;
    *cap = wanted;
    return SEV_OK;
}

sev_err sev_repo_json(struct sev_repo_pool *p, sev_repo_emit *emit, const void *context,
                      sev_slice *out)
{
    uint8_t *bytes = NULL;
    sev_err e = SEV_E_JSON_LIMIT;
    for (size_t cap = JSON_FIRST_BYTES; e == SEV_E_JSON_LIMIT; cap *= 2) {
        if (cap > SEV_REPOSITORY_STATE_BYTES_MAX) {
            e = SEV_E_JSON_LIMIT;
            break;
        }
        uint8_t *more = p->fs->realloc(p->fs->self, bytes, cap);
        if (more == NULL) {
            e = SEV_E_MEMORY;
            break;
        }
        bytes = more;
        sev_buf b = sev_buf_of(bytes, cap);
        sev_json_writer w = sev_json_writer_to(&b);
        emit(&w, context);
        e = sev_json_w_end(&w);
        if (b.overflow)
            e = SEV_E_JSON_LIMIT; /* whatever else seemed wrong in what was cut short */
        if (e == SEV_OK)
            e = sev_repo_copy(p, sev_buf_slice(&b), out);
    }
    p->fs->free(p->fs->self, bytes);
    return e;
}

sev_err sev_repo_json_check(struct sev_repo_pool *p, sev_slice doc, struct sev_json_info *info)
{
    uint32_t *slots = sev_repo_take(p, SCRATCH_SLOTS * sizeof *slots);
    if (slots == NULL)
        return SEV_E_MEMORY;
    return sev_json_check(doc, (struct sev_json_scratch){slots, SCRATCH_SLOTS}, info, NULL);
}

sev_err sev_repo_canonical(struct sev_repo_pool *p, sev_slice value, sev_slice *out)
{
    uint32_t *slots = sev_repo_take(p, SCRATCH_SLOTS * sizeof *slots);
    uint8_t *copy = sev_repo_take(p, value.len + 1);
    if (slots == NULL || copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, value.len);
    struct sev_json_scratch scratch = {slots, SCRATCH_SLOTS};
    sev_err e = sev_json_canonical(value, SEV_CANON_OLPC, scratch, &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

sev_err sev_repo_plain(struct sev_repo_pool *p, sev_json_str s, sev_slice *out)
{
    size_t len = sev_json_str_len(s);
    uint8_t *copy = sev_repo_take(p, len + 1);
    if (copy == NULL)
        return SEV_E_MEMORY;
    sev_buf b = sev_buf_of(copy, len);
    sev_err e = sev_json_str_copy(s, &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

uint32_t sev_repo_count(sev_slice value)
{
    uint32_t count = 0;
    sev_json j = sev_json_at(value);
    sev_json_str name;
    bool object = value.len != 0 && value.ptr[0] == '{';
    if (object)
        sev_json_object(&j);
    else
        sev_json_array(&j);
    while (object ? sev_json_member(&j, &name) : sev_json_element(&j)) {
        sev_json_skip(&j, NULL);
        count++;
    }
    return count;
}
