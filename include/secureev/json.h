/* json - the strict reader, the canonical forms and the writer. Documents stay where they are:
 * everything here borrows from the bytes that were received.
 *
 * Use: sev_json_check() once over hostile bytes, then a cursor over the checked ones. A cursor
 * never reads outside its bytes even if they were not checked, but only checked bytes have the
 * guarantees (valid UTF-8, no duplicate member, integers only).
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_JSON_H
#define SECUREEV_JSON_H

#include "secureev/err.h"
#include "secureev/limits.h"
#include "secureev/slice.h"

/* ---------------------------------------------------------------- checking */

/** Which canonical forms the checked bytes already have, byte for byte. */
enum {
    SEV_CANON_OLPC = 1,  /**< sorted members, no blanks, only \" and \\ escaped */
    SEV_CANON_ASCII = 2, /**< contracts/aktualizr.md 7.1: JSON escapes, non-ASCII as \uXXXX */
    SEV_CANON_JCS = 4,   /**< RFC 8785, for the integers that we allow */
};

struct sev_json_info {
    unsigned canonical; /**< SEV_CANON_* flags that hold for the whole value */
    uint32_t members;   /**< members of all objects together */
};

/** Where members that come out of order are sorted, to find duplicates: one entry per member of
 *  the objects open at one time. NULL/0 is fine for documents in order, larger ones need more. */
struct sev_json_scratch {
    uint32_t *slots;
    size_t count;
};

/**
 * Check that `doc` is exactly one JSON value (blanks around it allowed, nothing else) as we
 * accept it: RFC 8259, valid UTF-8 without surrogates, escapes that form whole code points,
 * integers within +-(2^53-1) without fraction, exponent or -0, no member name twice in an object
 * (compared after unescaping), at most SEV_JSON_DEPTH_MAX levels.
 *
 * Work is O(bytes x depth), and O(n log n) comparisons for the n members of an object out of order;
 * no recursion.
 *
 * @param out_info    may be NULL; untouched unless SEV_OK
 * @param out_offset  may be NULL; where the refusal happened
 * @retval SEV_E_JSON_LIMIT  out of order and `scratch` is too small, or over 4 GiB
 */
SEV_MUST_USE sev_err sev_json_check(sev_slice doc, struct sev_json_scratch scratch,
                                    struct sev_json_info *out_info, size_t *out_offset);

/* ------------------------------------------------------------------ cursor */

typedef enum sev_json_kind {
    SEV_JSON_NONE, /**< end of the bytes, or not a value */
    SEV_JSON_OBJECT,
    SEV_JSON_ARRAY,
    SEV_JSON_STRING,
    SEV_JSON_INTEGER,
    SEV_JSON_BOOL,
    SEV_JSON_NULL,
} sev_json_kind;

/** A string as it stands in the document, quotes excluded. */
typedef struct sev_json_str {
    sev_slice raw;
    bool escaped; /**< `raw` contains a backslash: compare and copy through the functions below */
} sev_json_str;

/** A position in checked bytes. The first error sticks; everything after it yields nothing. */
typedef struct sev_json {
    sev_slice doc;
    size_t pos;
    sev_err err;
} sev_json;

static inline sev_json sev_json_at(sev_slice value)
{
    return (sev_json){value, 0, SEV_OK};
}

/** What stands next; nothing is consumed. */
sev_json_kind sev_json_peek(sev_json *j);

/** Enter the object (array) that stands next. Anything else: SEV_E_MALFORMED, sticky. */
void sev_json_object(sev_json *j);
void sev_json_array(sev_json *j);
/** The next member of the object entered last: true and its name, its value stands next;
 *  or false: the object is left behind. The caller consumes each value before the next call. */
bool sev_json_member(sev_json *j, sev_json_str *out_name);
/** The next element of the array entered last: true, it stands next; or false: left behind. */
bool sev_json_element(sev_json *j);

/** Consume a value of that kind. Another kind: SEV_E_MALFORMED, sticky; output untouched. */
void sev_json_string(sev_json *j, sev_json_str *out);
void sev_json_integer(sev_json *j, int64_t *out);
/** As sev_json_integer, and refuses values below `min` or above `max`. */
void sev_json_integer_in(sev_json *j, int64_t min, int64_t max, int64_t *out);
void sev_json_bool(sev_json *j, bool *out);
/** Consume any value; `out_bytes` (may be NULL) gets its exact bytes, without blanks around it. */
void sev_json_skip(sev_json *j, sev_slice *out_bytes);
/** Set the sticky error, unless one is set already. */
void sev_json_fail(sev_json *j, sev_err e);

/** Find one member of the object `value`: its exact bytes, or an empty slice. */
sev_slice sev_json_get(sev_slice value, const char *name);

/** Equal after unescaping? */
bool sev_json_str_is(sev_json_str s, const char *text);
bool sev_json_str_eq(sev_json_str a, sev_json_str b);
bool sev_json_str_eq_slice(sev_json_str s, sev_slice plain);
/** Order of the unescaped UTF-8 bytes. */
int sev_json_str_cmp(sev_json_str a, sev_json_str b);
/** Unescape into `out`. @retval SEV_E_JSON_LIMIT does not fit (nothing usable was written) */
SEV_MUST_USE sev_err sev_json_str_copy(sev_json_str s, sev_buf *out);
/** Bytes after unescaping. */
size_t sev_json_str_len(sev_json_str s);

/* --------------------------------------------------------- canonical forms */

/**
 * Write the canonical form of a checked value.
 *
 * OLPC never grows the text; ASCII and JCS at most make it three times as long (two bytes of UTF-8
 * become \u00e9). Checks `value` again on the way, so an unchecked one gives that refusal; a value
 * that has the form already is copied.
 *
 * @param form     exactly one SEV_CANON_* flag, else SEV_E_BUG
 * @param scratch  sorts the members of objects that are not in the form's order: one slot per
 *                 member of all such objects that are open at one time
 * @param out      appended to; untouched unless SEV_OK
 * @retval SEV_E_JSON_LIMIT  `out` or `scratch` is too small
 */
SEV_MUST_USE sev_err sev_json_canonical(sev_slice value, unsigned form,
                                        struct sev_json_scratch scratch, sev_buf *out);

/** Are two checked values equal, whatever their order of members, blanks and escapes? Both sides
 *  may be empty slices (absent): equal only to each other. No memory is needed. Objects are
 *  compared member by member: where their orders differ, work is bytes x members, so give it small
 *  ones. */
bool sev_json_equal(sev_slice a, sev_slice b);

/* ------------------------------------------------------------------ writer */

/**
 * Emits one JSON value into a bounded buffer, in canonical order by construction: a member that
 * does not come after its elder sister is our bug and sets SEV_E_BUG. Strings are written with
 * JSON escapes; what we emit is printable ASCII but for line feeds in PEM keys, so the result is
 * canonical in every form, those line feeds excepted. Other UTF-8 is written as it is.
 * Commas, colons and nesting are its business. The first error sticks: SEV_E_BUG for calls that
 * make no value, SEV_E_JSON_UTF8, _NUMBER, _DEPTH for what is not ours to write, SEV_E_JSON_LIMIT
 * for want of room. After an error `out` holds a beginning that is good for nothing.
 */
typedef struct sev_json_writer {
    sev_buf *out;
    sev_err err;
    uint32_t depth;
    uint32_t first;                          /* bit d set: nothing was written yet at depth d */
    uint32_t in_object;                      /* bit d set: depth d is an object */
    bool after_name;                         /* a member's name was written, its value comes next */
    sev_slice last_name[SEV_JSON_DEPTH_MAX]; /* raw, inside out->ptr */
} sev_json_writer;

sev_json_writer sev_json_writer_to(sev_buf *out);
void sev_json_w_object(sev_json_writer *w);
void sev_json_w_object_end(sev_json_writer *w);
void sev_json_w_array(sev_json_writer *w);
void sev_json_w_array_end(sev_json_writer *w);
void sev_json_w_name(sev_json_writer *w, sev_slice name);
void sev_json_w_string(sev_json_writer *w, sev_slice text);
void sev_json_w_integer(sev_json_writer *w, int64_t value);
void sev_json_w_bool(sev_json_writer *w, bool value);
void sev_json_w_null(sev_json_writer *w);
/** Copy a value that is canonical already, in any form: it is checked, and SEV_E_NOT_CANONICAL or
 *  the reader's refusal is the sticky error. */
void sev_json_w_raw(sev_json_writer *w, sev_slice canonical_value);
/** SEV_OK if one whole value was written and it fits. */
SEV_MUST_USE sev_err sev_json_w_end(sev_json_writer *w);

/* Members in one call; `name` is a C string. */
void sev_json_w_string_member(sev_json_writer *w, const char *name, sev_slice text);
void sev_json_w_integer_member(sev_json_writer *w, const char *name, int64_t value);
void sev_json_w_bool_member(sev_json_writer *w, const char *name, bool value);

#endif
