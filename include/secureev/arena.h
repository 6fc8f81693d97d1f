/* arena - memory that the caller lends: taken in order, given back by returning to a mark. The core
 * has no heap; this is where documents and sorted copies live. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_ARENA_H
#define SECUREEV_ARENA_H

#include "secureev/json.h"
#include "secureev/slice.h"

struct sev_arena {
    uint8_t *ptr;
    size_t cap;
    size_t used;
    size_t peak; /**< most that was ever used, for reports */
};

static inline struct sev_arena sev_arena_of(void *memory, size_t bytes)
{
    return (struct sev_arena){(uint8_t *)memory, bytes, 0, 0};
}

static inline size_t sev_arena_free(const struct sev_arena *a)
{
    return a->cap - a->used;
}

/** 16-byte aligned; NULL when there is not so much left. */
static inline uint8_t *sev_arena_take(struct sev_arena *a, size_t bytes)
{
    size_t start = (a->used + 15u) & ~(size_t)15u;
    if (start > a->cap || bytes > a->cap - start)
        return NULL;
    a->used = start + bytes;
    if (a->used > a->peak)
        a->peak = a->used;
    return a->ptr + start;
}

/** Give back everything that was taken since `a->used` was `mark`. */
static inline void sev_arena_back(struct sev_arena *a, size_t mark)
{
    a->used = mark;
}

/** What a JSON function that was lent sev_arena_scratch() says when that was too little: want of
 *  memory is ours and no fault of the document, which was bounded before. */
static inline sev_err sev_arena_want(sev_err e)
{
    return e == SEV_E_JSON_LIMIT ? SEV_E_MEMORY : e;
}

/** All that is left, for sorting: used between two calls only, nothing is taken. */
static inline struct sev_json_scratch sev_arena_scratch(struct sev_arena *a)
{
    size_t start = (a->used + 15u) & ~(size_t)15u;
    if (start >= a->cap)
        return (struct sev_json_scratch){NULL, 0};
    return (struct sev_json_scratch){(uint32_t *)(void *)(a->ptr + start),
                                     (a->cap - start) / sizeof(uint32_t)};
}

#endif
