/* json_stream_same - does the push tokenizer, fed in pieces, say what the whole-document reader
 * says? For the unit test and the fuzz target. SPDX-License-Identifier: MIT */
#ifndef SEV_JSON_STREAM_SAME_H
#define SEV_JSON_STREAM_SAME_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secureev/json.h"
#include "secureev/json_stream.h"

#define SAME_BYTES_MAX 8192 /* of a document */
#define SAME_TEXT_MAX 64    /* longer strings are cut, longer names refused */

struct same_log {
    char text[16 * SAME_BYTES_MAX];
    size_t len;
    uint8_t canonical[SAME_BYTES_MAX];
    size_t canonical_len;
};

static inline void same_note(struct same_log *log, char event, uint32_t depth, sev_slice text,
                             int64_t number)
{
    log->len +=
        (size_t)snprintf(log->text + log->len, sizeof log->text - log->len, "%c%u %lld %zu ", event,
                         (unsigned)depth, (long long)number, text.len);
    if (text.len != 0)
        memcpy(log->text + log->len, text.ptr, text.len);
    log->len += text.len;
}

static inline sev_err same_on_token(void *context, const struct sev_json_stream_token *t)
{
    same_note((struct same_log *)context, "{}[]NSIBZ"[t->event], t -> depth, t -> text,
              t -> integer);
    return SEV_OK;
}

static inline void same_on_bytes(void *context, sev_slice canonical)
{
    struct same_log *log = (struct same_log *)context;
    if (log->canonical_len + canonical.len > sizeof log->canonical)
        abort();
    memcpy(log->canonical + log->canonical_len, canonical.ptr, canonical.len);
    log->canonical_len += canonical.len;
}

static inline void same_note_string(struct same_log *log, char event, uint32_t depth,
                                    sev_json_str s)
{
    static uint8_t plain[SAME_BYTES_MAX];
    sev_buf out = sev_buf_of(plain, sizeof plain);
    if (sev_json_str_copy(s, &out) != SEV_OK)
        abort();
    same_note(log, event, depth, sev_slice_sub(sev_buf_slice(&out), 0, SAME_TEXT_MAX), 0);
}

/* What the tokens of checked bytes must be. */
static inline void same_walk(struct same_log *log, sev_json *j, uint32_t depth)
{
    sev_json_str s = {SEV_EMPTY, false};
    int64_t v = 0;
    bool b = false;
    switch (sev_json_peek(j)) {
    case SEV_JSON_OBJECT:
        sev_json_object(j);
        same_note(log, '{', depth, SEV_EMPTY, 0);
        while (sev_json_member(j, &s)) {
            same_note_string(log, 'N', depth + 1, s);
            same_walk(log, j, depth + 1);
        }
        same_note(log, '}', depth, SEV_EMPTY, 0);
        break;
    case SEV_JSON_ARRAY:
        sev_json_array(j);
        same_note(log, '[', depth, SEV_EMPTY, 0);
        while (sev_json_element(j))
            same_walk(log, j, depth + 1);
        same_note(log, ']', depth, SEV_EMPTY, 0);
        break;
    case SEV_JSON_STRING:
        sev_json_string(j, &s);
        same_note_string(log, 'S', depth, s);
        break;
    case SEV_JSON_INTEGER:
        sev_json_integer(j, &v);
        same_note(log, 'I', depth, SEV_EMPTY, v);
        break;
    case SEV_JSON_BOOL:
        sev_json_bool(j, &b);
        same_note(log, 'B', depth, SEV_EMPTY, b);
        break;
    default:
        sev_json_skip(j, NULL);
        same_note(log, 'Z', depth, SEV_EMPTY, 0);
    }
}

/* Feed `doc` in pieces of these sizes, over and over. Exact memory for each piece, so that the
 * sanitizer sees one byte too many. */
static inline sev_err same_feed(sev_slice doc, const size_t *pieces, size_t count,
                                struct same_log *log)
{
    static uint8_t text[SAME_TEXT_MAX], names[255];
    struct sev_json_stream s;
    sev_err e = SEV_OK;
    log->len = log->canonical_len = 0;
    sev_json_stream_init(&s, text, sizeof text, names, sizeof names, same_on_token, same_on_bytes,
                         log);
    for (size_t at = 0, i = 0; at < doc.len && e == SEV_OK; i++) {
        sev_slice piece = sev_slice_sub(doc, at, pieces[i % count]);
        uint8_t *exact = malloc(piece.len + 1);
        if (exact == NULL)
            abort();
        if (piece.len != 0)
            memcpy(exact, piece.ptr, piece.len);
        e = sev_json_stream_feed(&s, sev_slice_of(exact, piece.len));
        free(exact);
        at += piece.len;
    }
    sev_err end = sev_json_stream_end(&s);
    if (e != SEV_OK && end != e)
        abort(); /* the first error did not stick */
    return end;
}

/* Why the two disagree, or NULL. */
static inline const char *same_verdict(sev_slice doc, sev_err stream, const struct same_log *got)
{
    static uint32_t slots[SAME_BYTES_MAX];
    static struct same_log want;
    static uint8_t canonical[3 * SAME_BYTES_MAX];
    struct sev_json_scratch scratch = {slots, SAME_BYTES_MAX};
    struct sev_json_info info = {0, 0};
    sev_buf out = sev_buf_of(canonical, sizeof canonical);
    sev_err whole = sev_json_check(doc, scratch, &info, NULL);
    bool narrow = stream == SEV_E_NOT_CANONICAL || stream == SEV_E_JSON_LIMIT;
    if (stream == SEV_OK) {
        if (whole != SEV_OK)
            return "the stream accepts what the reader refuses";
        sev_json j = sev_json_at(doc);
        want.len = 0;
        same_walk(&want, &j, 0);
        if (want.len != got->len || memcmp(want.text, got->text, want.len) != 0)
            return "other tokens";
        if (sev_json_canonical(doc, SEV_CANON_OLPC, scratch, &out) != SEV_OK)
            return "no canonical form";
        if (!sev_slice_eq(sev_buf_slice(&out), sev_slice_of(got->canonical, got->canonical_len)))
            return "other canonical bytes";
        return NULL;
    }
    if (!narrow && whole != stream)
        return whole == SEV_OK ? "the stream refuses what the reader accepts" : "another reason";
    bool ascii = true;
    for (size_t i = 0; i < doc.len; i++)
        ascii = ascii && doc.ptr[i] < 0x80;
    if (stream == SEV_E_NOT_CANONICAL && ascii && whole == SEV_OK &&
        (info.canonical & SEV_CANON_OLPC) != 0)
        return "the stream calls a canonical document not canonical";
    return NULL;
}

#endif
