/* meta - what the targets for single documents share: the input as a whole file and as the body of
 * one, in each dialect; an accepted document means what its canonical form means.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_FUZZ_META_H
#define SEV_FUZZ_META_H

#include <stdlib.h>

#include "secureev/meta.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static uint8_t fuzz_memory[2][1u << 20], fuzz_file[1u << 18], fuzz_canonical[1u << 18];

/* Ask `judge` about the document in `bytes` and, if it is accepted, about its canonical form. */
typedef sev_err (*fuzz_judge)(const struct sev_doc *doc, const struct sev_doc *first);

static void fuzz_one_file(sev_slice bytes, sev_profile profile, fuzz_judge judge)
{
    struct sev_arena arena = sev_arena_of(fuzz_memory[0], sizeof fuzz_memory[0]);
    struct sev_doc doc, again;
    if (sev_doc_open(&doc, bytes, profile, &arena) != SEV_OK || judge(&doc, NULL) != SEV_OK)
        return;
    /* The ASCII form is JSON in every case; OLPC writes line feeds as they are. */
    sev_buf out = sev_buf_of(fuzz_canonical, sizeof fuzz_canonical);
    if (sev_json_canonical(bytes, SEV_CANON_ASCII, sev_arena_scratch(&arena), &out) != SEV_OK)
        return; /* it triples */
    struct sev_arena other = sev_arena_of(fuzz_memory[1], sizeof fuzz_memory[1]);
    MUST(sev_doc_open(&again, sev_buf_slice(&out), profile, &other) == SEV_OK);
    MUST(memcmp(doc.sha256, again.sha256, sizeof doc.sha256) == 0);
    MUST(judge(&again, &doc) == SEV_OK);
}

static void fuzz_document(const uint8_t *data, size_t size, fuzz_judge judge)
{
    if (size == 0)
        return;
    sev_profile profile = (sev_profile)(data[0] % 3);
    sev_slice input = sev_slice_of(data + 1, size - 1);
    fuzz_one_file(input, profile, judge);
    sev_buf file = sev_buf_of(fuzz_file, sizeof fuzz_file);
    sev_buf_put_slice(&file, SEV_LIT("{\"signatures\":[],\"signed\":"));
    sev_buf_put_slice(&file, input);
    sev_buf_put_byte(&file, '}');
    if (!file.overflow)
        fuzz_one_file(sev_buf_slice(&file), profile, judge);
}

/* What every role says of itself. */
static void fuzz_check_common(const struct sev_doc *doc, const struct sev_common *c)
{
    MUST(c->version >= (doc->profile == SEV_PROFILE_AKTUALIZR ? 0 : 1));
    MUST(c->version <= SEV_JSON_INT_MAX);
    MUST(c->expires >= 0);
    MUST(c->custom.len == 0 || c->custom.ptr[0] == '{');
}

#endif
