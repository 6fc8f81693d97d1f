/* store_operator - people who may use the admin API, what they were answered, and what was decided
 * about whom. Tables of their own beside store.h's, with the same rules for every operation.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_STORE_OPERATOR_H
#define SECUREEV_STORE_OPERATOR_H

#include "secureev/store.h"

/* ---------------------------------------------------------------- operators */

/* X(NAME, word): the numbers stand in the database and are never given to others. */
#define SEV_OPERATOR_ROLES(X)                                                                      \
    X(VIEWER, "viewer")                                                                            \
    X(PUBLISHER, "publisher")                                                                      \
    X(APPROVER, "approver")                                                                        \
    X(ADMIN, "admin")
enum sev_operator_role {
#define X(name, word) SEV_OPERATOR_##name,
    SEV_OPERATOR_ROLES(X)
#undef X
        SEV_OPERATOR_ROLE_COUNT
};

#define SEV_OPERATOR_TOKEN_ID_CHARS 16

struct sev_operator {
    sev_slice name; /**< SEV_OPERATOR_NAME_BYTES_MAX */
    enum sev_operator_role role;
    char token_id[SEV_OPERATOR_TOKEN_ID_CHARS]; /**< beginning of the token; no secret */
    uint8_t token_sha256[SEV_SHA256_BYTES];     /**< of the whole; the token itself is nowhere */
    sev_time created, expires;                  /**< `expires` 0: never */
    bool disabled;
    int64_t version; /**< rises by one with each change, from 1 */
};

/* -------------------------------------------------------- answers once given */

/** A request that was made under an Idempotency-Key. */
struct sev_kept_answer {
    sev_slice actor, key;
    uint8_t request_sha256[SEV_SHA256_BYTES];
    sev_time time;
    int64_t status; /**< 0: it is not known yet what came of it */
    sev_slice body, tag;
};
#define SEV_KEPT_ANSWERS_MAX 1000 /**< of one actor; the oldest give way */

/* ------------------------------------------------------------------ listing */

/** Which vehicles; zero-initialised: all. */
struct sev_vehicle_filter {
    sev_slice id_prefix;
    sev_slice model;      /**< empty: any */
    sev_time seen_before; /**< 0: any; else last seen earlier, or never */
    bool has_profile;
    sev_profile profile;
};

/** A decision, and where it stands among all of them. */
struct sev_listed_decision {
    int64_t key;       /**< rises */
    sev_slice vehicle; /**< empty: it was about none */
    struct sev_decision decision;
};

/* --------------------------------------------------------------- interface */

typedef bool sev_operator_visit(void *context, const struct sev_operator *o);
typedef bool sev_listed_decision_visit(void *context, const struct sev_listed_decision *d);

struct sev_operator_ops {
    /** Version 1. @retval SEV_E_EXISTS  that name or token id is taken */
    sev_err (*add)(void *self, const struct sev_operator *o, const struct sev_decision *decision);
    sev_err (*get)(void *self, sev_slice name, struct sev_arena *arena, struct sev_operator *out);
    sev_err (*find)(void *self, const char token_id[SEV_OPERATOR_TOKEN_ID_CHARS],
                    struct sev_arena *arena, struct sev_operator *out);
    /** In order of names, after `after`, at most `count_max`. */
    sev_err (*list)(void *self, sev_slice after, uint32_t count_max, struct sev_arena *arena,
                    sev_operator_visit *visit, void *context);
    /**
     * Role, token, expiry and `disabled` become those of `o`.
     *
     * @param o  its version is one more than the stored one, else SEV_E_CONFLICT
     * @param decision  not NULL
     * @retval SEV_E_LAST_ADMIN  no admin would be left who is not disabled and, at the decision's
     *                           time, not expired: nobody could change that again
     */
    sev_err (*change)(void *self, const struct sev_operator *o,
                      const struct sev_decision *decision);

    /**
     * Claim a key: whoever has the same one meanwhile is told so.
     *
     * @param claim  status 0. Answers older than `forget_before` are forgotten, and claims older
     *               than `give_up_before` whose end nobody told
     * @retval SEV_E_EXISTS  it was claimed before: `out` says for which request, and the answer
     */
    sev_err (*answer_claim)(void *self, const struct sev_kept_answer *claim, sev_time forget_before,
                            sev_time give_up_before, struct sev_arena *arena,
                            struct sev_kept_answer *out);
    /** What was answered; status 0: nothing that would have to be kept, the key is free again. */
    sev_err (*answer_keep)(void *self, const struct sev_kept_answer *answer);

    /** As vehicle_list, of those that pass. */
    sev_err (*vehicles)(void *self, const struct sev_vehicle_filter *filter, sev_slice after,
                        uint32_t count_max, struct sev_arena *arena, sev_vehicle_visit *visit,
                        void *context);
    /** Newest first, those whose key is below `before` (0: all). @param vehicle  empty: of all, and
     *  those that are about none */
    sev_err (*decisions)(void *self, sev_slice vehicle, int64_t before, uint32_t count_max,
                         struct sev_arena *arena, sev_listed_decision_visit *visit, void *context);
};

#endif
