/* msg - one table per message says what its members are called, where they live in the struct and
 * what they may hold; reading, writing and refusing are the same code for all.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_META_MSG_H
#define SEV_CORE_META_MSG_H

#include "secureev/messages.h"

typedef enum msg_kind {
    MSG_K_INTEGER, /* int64_t, min..max */
    MSG_K_DECIMAL, /* int64_t, written as text: aktualizr's report_counter */
    MSG_K_TIME,    /* sev_time */
    MSG_K_TEXT,    /* sev_slice, plain text of min..max bytes */
    MSG_K_NAME,    /* sev_slice, an image name */
    MSG_K_BYTES,   /* uint8_t[max], hex */
    MSG_K_HEX,     /* sev_slice of lower-case hex for min..max bytes */
    MSG_K_BOOL,    /* bool */
    MSG_K_DECISION,
    MSG_K_OBJECT, /* `table`, its offsets counted from `at` */
    MSG_K_RAW,    /* sev_slice, an object of at most max bytes as it stands */
    MSG_K_LIST,   /* sev_slice, an array of min..max elements of kind `element` */
} msg_kind;

/* How absence shows. Otherwise: the offset of a bool. */
#define MSG_REQUIRED 0xFFFFu
#define MSG_BY_VALUE 0xFFFEu /* NULL slice, zero integer */

struct msg_table;
struct msg_field {
    const char *name;
    msg_kind kind;
    uint16_t at;
    uint16_t has_at;
    bool ascending; /* MSG_K_LIST: elements rise strictly as text */
    int64_t min, max;
    const struct msg_table *table;
    const struct msg_field *element;
};

struct msg_table {
    const struct msg_field *fields; /* in order of name, at most 32 */
    uint32_t count;
    bool (*consistent)(const void *value); /* rules across members; may be NULL */
};

#define MSG_TABLE(fields_, rule)                                                                   \
    {                                                                                              \
        fields_, sizeof fields_ / sizeof fields_[0], rule                                          \
    }

/* Offsets that compile only if the member has the type of its kind. */
#define MSG_TYPED(S, m, P) (uint16_t)(offsetof(S, m) + 0 * sizeof(_Generic(&((S *)0)->m, P : 1)))
#define MSG_AT(S, m, T) MSG_TYPED(S, m, T *)
#define MSG_HAS(S, m) MSG_AT(S, m, bool)

#define MSG_FIELD(json, k, at_, has, lo, hi)                                                       \
    .name = json, .kind = k, .at = at_, .has_at = (uint16_t)(has), .min = lo, .max = hi
#define MSG_INTEGER(S, json, m, has, lo, hi)                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_INTEGER, MSG_AT(S, m, int64_t), has, lo, hi)                         \
    }
#define MSG_DECIMAL(S, json, m, has, lo, hi)                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_DECIMAL, MSG_AT(S, m, int64_t), has, lo, hi)                         \
    }
#define MSG_TIME(S, json, m)                                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_TIME, MSG_AT(S, m, sev_time), MSG_REQUIRED, 0, 0)                    \
    }
#define MSG_TEXT(S, json, m, has, lo, hi)                                                          \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_TEXT, MSG_AT(S, m, sev_slice), has, lo, hi)                          \
    }
#define MSG_ID(S, json, m) MSG_TEXT(S, json, m, MSG_REQUIRED, 1, SEV_ID_BYTES_MAX)
#define MSG_NAME(S, json, m)                                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_NAME, MSG_AT(S, m, sev_slice), MSG_REQUIRED, 1, SEV_NAME_BYTES_MAX)  \
    }
#define MSG_BYTES(S, json, m, has, n)                                                              \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_BYTES, MSG_TYPED(S, m, uint8_t(*)[n]), has, n, n)                    \
    }
#define MSG_HEX(S, json, m, lo, hi)                                                                \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_HEX, MSG_AT(S, m, sev_slice), MSG_REQUIRED, lo, hi)                  \
    }
#define MSG_BOOL(S, json, m)                                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_BOOL, MSG_AT(S, m, bool), MSG_REQUIRED, 0, 0)                        \
    }
#define MSG_OBJECT(json, at_, has, t)                                                              \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_OBJECT, at_, has, 0, 0), .table = &(t)                               \
    }
#define MSG_RAW(S, json, m, has, hi)                                                               \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_RAW, MSG_AT(S, m, sev_slice), has, 2, hi)                            \
    }
#define MSG_LIST(S, json, m, has, lo, hi, e)                                                       \
    {                                                                                              \
        MSG_FIELD(json, MSG_K_LIST, MSG_AT(S, m, sev_slice), has, lo, hi), .element = &(e)         \
    }

/* Whose rules hold. */
struct msg_dialect {
    bool foreign;            /* aktualizr's: any text, hex of either case, empty digests */
    struct sev_arena *arena; /* foreign: where escapes are unfolded to; NULL: not kept */
};
#define MSG_NATIVE ((struct msg_dialect){false, NULL})

/* Everything here answers SEV_E_MALFORMED for what the table does not allow; outputs are untouched
 * unless SEV_OK, but `out` of the decoders must be zeroed before. */

/** Decode the object that `value` is. */
SEV_MUST_USE sev_err msg_decode(sev_slice value, const struct msg_table *t, struct msg_dialect d,
                                void *out);
/** As msg_decode for the body of a native message: its type, its critical members, too. */
SEV_MUST_USE sev_err msg_decode_body(const struct sev_doc *doc, const char *type,
                                     const struct msg_table *t, void *out);
/** Decode one value at the cursor. */
void msg_read_value(sev_json *j, const struct msg_field *f, struct msg_dialect d, void *base);

/** Write the object; `type` may be NULL. */
SEV_MUST_USE sev_err msg_encode(const char *type, const struct msg_table *t, struct msg_dialect d,
                                const void *m, sev_buf *out);
/** As msg_encode in aktualizr's form: first into what `arena` has left, then folded to ASCII. */
SEV_MUST_USE sev_err msg_encode_foreign(const struct msg_table *t, const void *m,
                                        struct sev_arena *arena, sev_buf *out);
/** Check bytes that are not signed themselves: one canonical value of at most `max` bytes. */
SEV_MUST_USE sev_err msg_check_unsigned(sev_slice bytes, size_t max);

/* One element of aktualizr's installation report. */
struct msg_item {
    sev_slice ecu;
    struct sev_outcome result;
};

/* Parts that several messages have (msg_parts.c). */
extern const struct msg_table msg_fileinfo_table; /* struct sev_image_info: hashes, length */
extern const struct msg_table msg_image_table;    /* struct sev_image_info: filepath, fileinfo */
extern const struct msg_table msg_hashes_table;   /* struct sev_hashes */
extern const struct msg_table msg_bundle_table;   /* struct sev_bundle_ref */
extern const struct msg_table msg_wrap_table;     /* struct sev_wrap */
/* Elements of arrays. */
extern const struct msg_field msg_document; /* a signed document */
extern const struct msg_field msg_serial;   /* an ECU's serial */
extern const struct msg_field msg_nonce;    /* hex of SEV_NONCE_BYTES */
extern const struct msg_field msg_digest;   /* hex of SEV_SHA256_BYTES */

/** Lower-case hex of exactly `bytes` bytes? */
bool msg_is_hex(sev_slice text, size_t bytes);

#endif
