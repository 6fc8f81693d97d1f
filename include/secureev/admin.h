/* admin - operators and what they may do: tokens, roles, the reading of what they send. Plain
 * functions over a store and a time; no socket, no clock. DESIGN 9.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_ADMIN_H
#define SECUREEV_ADMIN_H

#include "secureev/store_operator.h"

/* ------------------------------------------------------------------- tokens */

/* "sevop_", 16 characters that find the operator, "_", 64 that nobody else knows. With 256 random
 * bits a plain hash at rest is enough: there is nothing to guess that a slow one would slow down.
 */
#define SEV_ADMIN_TOKEN_CHARS (6 + SEV_OPERATOR_TOKEN_ID_CHARS + 1 + 64)
#define SEV_ADMIN_TOKEN_RANDOM_BYTES (SEV_OPERATOR_TOKEN_ID_CHARS / 2 + 32)

/** A token of random bytes, and what is kept of it. */
void sev_admin_token_make(const uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES],
                          char out[SEV_ADMIN_TOKEN_CHARS], struct sev_operator *out_operator);
/** Does it look like one? Nothing is asked of the store: garbage costs nothing. */
bool sev_admin_token_is_one(sev_slice token);
/**
 * Whose is it?
 *
 * @retval SEV_E_BEARER  nobody's, or its owner is disabled, or it has expired: which of these is
 *                      told to nobody, and the comparison takes the same time for all
 */
SEV_MUST_USE sev_err sev_admin_authenticate(const struct sev_store *store, struct sev_arena *arena,
                                            sev_time now, sev_slice token,
                                            struct sev_operator *out);

/* -------------------------------------------------------------------- roles */

const char *sev_operator_role_word(enum sev_operator_role role);
/** @retval SEV_E_MALFORMED  no such role */
SEV_MUST_USE sev_err sev_operator_role_of(sev_slice word, enum sev_operator_role *out);
/** May `who` do what `needed` may? Everybody may what a viewer may, and an admin everything; what
 *  needs two people is for whoever decides it to see to. @retval SEV_E_ROLE */
SEV_MUST_USE sev_err sev_operator_may(enum sev_operator_role who, enum sev_operator_role needed);

/* ---------------------------------------------------------------- operators */

/** Who changes something, and when. */
struct sev_admin_call {
    const struct sev_store *store;
    struct sev_arena *arena;
    sev_time now;
    sev_slice actor;
};

/** "a-z", "0-9", '.', '_', '@', '-', and not one of those signs first: a name says nothing else in
 *  a log, a path or a shell. */
bool sev_operator_name_is_clean(sev_slice name);

/**
 * A new operator and the token, which is kept nowhere.
 *
 * @param o  name, role and expires
 * @retval SEV_E_MALFORMED  the name is not clean, or it would have expired already
 * @retval SEV_E_EXISTS
 */
SEV_MUST_USE sev_err sev_admin_operator_add(const struct sev_admin_call *call,
                                            const struct sev_operator *o,
                                            const uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES],
                                            char out_token[SEV_ADMIN_TOKEN_CHARS]);

/** What is to change; the rest stays. */
struct sev_operator_change {
    int64_t expected_version; /**< 0: whichever */
    const enum sev_operator_role *role;
    const bool *disabled;
    const sev_time *expires;
    const uint8_t *random; /**< SEV_ADMIN_TOKEN_RANDOM_BYTES: another token; the old one is void */
};
/**
 * @param out_token  may be NULL when the token stays
 * @param out        as it is now
 * @retval SEV_E_NOT_FOUND, SEV_E_CONFLICT, SEV_E_LAST_ADMIN
 * @retval SEV_E_MALFORMED  it would have expired already
 */
SEV_MUST_USE sev_err sev_admin_operator_change(const struct sev_admin_call *call, sev_slice name,
                                               const struct sev_operator_change *change,
                                               char out_token[SEV_ADMIN_TOKEN_CHARS],
                                               struct sev_operator *out);

/* -------------------------------------------------------------------- forms */

/** A member of an object that somebody sent. */
struct sev_form_member {
    const char *name;
    enum {
        SEV_FORM_TEXT,    /**< no control characters; unescaped */
        SEV_FORM_INTEGER, /**< 0 to 2^53-1 */
        SEV_FORM_TIME,    /**< RFC 3339 */
        SEV_FORM_BOOL,
        SEV_FORM_JSON, /**< any value, in canonical form (JCS) whatever it came in */
    } kind;
    bool required;
    size_t bytes_max; /**< of texts; required ones have one byte at least */
    sev_slice *text;  /**< out, of TEXT and JSON; untouched where it is not there */
    int64_t *number;  /**< out, of the others */
    bool *there;      /**< out; may be NULL */
};
/**
 * Read a body that is one object of these members and no others.
 *
 * @param arena  what is unescaped or made canonical lies here, the rest in the body
 * @retval SEV_E_UNKNOWN_MEMBER  somebody means something that would not happen
 * @retval SEV_E_MALFORMED, SEV_E_JSON_...
 */
SEV_MUST_USE sev_err sev_form_read(sev_slice body, struct sev_arena *arena,
                                   const struct sev_form_member *members, uint32_t count);

/* -------------------------------------------------------- answers once given */

/**
 * The same request under the same key is answered once. What was claimed must be told with
 * sev_admin_once_end.
 *
 * @param request_sha256  of everything that makes it this request
 * @param out     with SEV_E_EXISTS: what was answered
 * @retval SEV_E_EXISTS       it was answered before
 * @retval SEV_E_KEY_REUSED   the key stands for another request
 * @retval SEV_E_IN_PROGRESS  it is being answered by somebody else
 * @retval SEV_E_MALFORMED    the key is empty, too long, or not printable
 */
SEV_MUST_USE sev_err sev_admin_once_begin(const struct sev_admin_call *call, sev_slice key,
                                          const uint8_t request_sha256[SEV_SHA256_BYTES],
                                          struct sev_kept_answer *out);
/** @param status  0: it was refused and nothing has changed; the key is free again */
SEV_MUST_USE sev_err sev_admin_once_end(const struct sev_admin_call *call, sev_slice key,
                                        const uint8_t request_sha256[SEV_SHA256_BYTES],
                                        unsigned status, sev_slice body, sev_slice tag);
#define SEV_ADMIN_ONCE_SECONDS 86400
#define SEV_ADMIN_ONCE_PENDING_SECONDS 120 /* longer than any answer takes: its server has died */

#endif
