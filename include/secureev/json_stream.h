/* json_stream - the tokens of a document that is larger than memory, fed in pieces of any size,
 * and its canonical bytes for hashing. For ECUs that cannot hold a metadata file.
 *
 * What it reads is narrower than what sev_json_check accepts: members in order, no blanks, ASCII,
 * no \u escapes; our own documents are like that. Everything else is refused by name, so whatever
 * it accepts sev_json_check accepts too, and both see the same. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_JSON_STREAM_H
#define SECUREEV_JSON_STREAM_H

#include "secureev/err.h"
#include "secureev/limits.h"
#include "secureev/slice.h"

typedef enum sev_json_event {
    SEV_JSON_EV_OBJECT,
    SEV_JSON_EV_OBJECT_END,
    SEV_JSON_EV_ARRAY,
    SEV_JSON_EV_ARRAY_END,
    SEV_JSON_EV_NAME,
    SEV_JSON_EV_STRING,
    SEV_JSON_EV_INTEGER,
    SEV_JSON_EV_BOOL,
    SEV_JSON_EV_NULL,
} sev_json_event;

struct sev_json_stream_token {
    sev_json_event event;
    uint32_t depth; /**< containers around it; a container's begin and end have the same */
    sev_slice text; /**< NAME, STRING: unescaped; only valid during the call. A string longer than
                         the buffer has `cut` set and its beginning here */
    bool cut;
    int64_t integer; /**< INTEGER; BOOL: 0 or 1 */
};

/** Both are told in the order of the document: the canonical bytes of a token come before it. An
 *  error ends the stream and is its result. */
typedef sev_err sev_json_stream_token_fn(void *context, const struct sev_json_stream_token *token);
typedef void sev_json_stream_bytes_fn(void *context, sev_slice canonical);

struct sev_json_stream {
    sev_json_stream_token_fn *on_token;
    sev_json_stream_bytes_fn *on_bytes;
    void *context;
    uint8_t *text; /* the string being read */
    uint16_t text_cap, text_len;
    uint8_t *names; /* the last name of every open object, one after the other */
    uint16_t names_cap, names_len;
    uint8_t name_start[SEV_JSON_DEPTH_MAX]; /* where in `names`; 255 bytes are enough */
    uint16_t in_object;                     /* bit d: depth d is an object */
    uint16_t has_name;                      /* bit d: a name was read there */
    uint8_t depth;
    uint8_t expect;
    bool is_name, cut, negative;
    uint8_t digits; /* of a number, or characters of a literal */
    uint8_t literal;
    uint8_t pending_len;
    sev_err err;
    uint64_t number;
    uint8_t pending[32]; /* canonical bytes not yet told */
};

/**
 * Begin. Both buffers are the caller's and stay in use.
 *
 * @param text   holds one string; longer ones are cut (names: refused)
 * @param names  holds the last names of all open objects; 64 to 255 bytes
 */
void sev_json_stream_init(struct sev_json_stream *s, uint8_t *text, uint16_t text_cap,
                          uint8_t *names, uint16_t names_cap, sev_json_stream_token_fn *on_token,
                          sev_json_stream_bytes_fn *on_bytes, void *context);

/** The next piece. The first error sticks.
 *  @retval SEV_E_NOT_CANONICAL  JSON, perhaps, but not as above
 *  @retval SEV_E_JSON_SYNTAX, SEV_E_JSON_NUMBER, SEV_E_JSON_DUPLICATE, SEV_E_JSON_DEPTH
 *  @retval SEV_E_JSON_LIMIT     a name is longer than its buffer */
SEV_MUST_USE sev_err sev_json_stream_feed(struct sev_json_stream *s, sev_slice bytes);
/** That was all: was it one whole value? */
SEV_MUST_USE sev_err sev_json_stream_end(struct sev_json_stream *s);

#endif
