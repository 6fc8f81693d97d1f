/* operators - who may come in, and as what. Every change leaves a row that says who made it.
 * SPDX-License-Identifier: MIT */
#include "secureev/admin.h"

static const char *const words[] = {
#define X(name, word) word,
    SEV_OPERATOR_ROLES(X)
#undef X
};

static sev_slice slice(const char *text)
{
    return sev_slice_of(text, strlen(text));
}

const char *sev_operator_role_word(enum sev_operator_role role)
{
    return words[role];
}

sev_err sev_operator_role_of(sev_slice word, enum sev_operator_role *out)
{
    for (unsigned i = 0; i < SEV_OPERATOR_ROLE_COUNT; i++)
        if (sev_slice_eq(word, slice(words[i]))) {
            *out = (enum sev_operator_role)i;
            return SEV_OK;
        }
    return SEV_E_MALFORMED;
}

sev_err sev_operator_may(enum sev_operator_role who, enum sev_operator_role needed)
{
    return needed == SEV_OPERATOR_VIEWER || who == needed || who == SEV_OPERATOR_ADMIN ? SEV_OK
                                                                                       : SEV_E_ROLE;
}

bool sev_operator_name_is_clean(sev_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool sign = c == '.' || c == '_' || c == '@' || c == '-';
        if (!plain && (!sign || i == 0))
            return false;
    }
    return name.len > 0 && name.len <= SEV_OPERATOR_NAME_BYTES_MAX;
}

/* {"expires":...,"operator":...,"role":...}: no secret. */
static sev_err explain(const struct sev_admin_call *call, const struct sev_operator *o,
                       const char *what, struct sev_decision *out)
{
    size_t bytes = 128 + SEV_OPERATOR_NAME_BYTES_MAX;
    uint8_t *room = sev_arena_take(call->arena, bytes);
    sev_buf b = sev_buf_of(room, room == NULL ? 0 : bytes);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_bool_member(&w, "disabled", o->disabled);
    sev_json_w_integer_member(&w, "expires", o->expires);
    sev_json_w_string_member(&w, "operator", o->name);
    sev_json_w_string_member(&w, "role", slice(words[o->role]));
    sev_json_w_object_end(&w);
    sev_err e = sev_arena_want(sev_json_w_end(&w));
    if (e == SEV_OK)
        *out = (struct sev_decision){call->now, call->actor, slice(what), sev_buf_slice(&b)};
    return e;
}

static bool expires_in_time(sev_time expires, sev_time now)
{
    return expires == 0 || expires > now;
}

sev_err sev_admin_operator_add(const struct sev_admin_call *call, const struct sev_operator *o,
                               const uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES],
                               char out_token[SEV_ADMIN_TOKEN_CHARS])
{
    struct sev_operator next = {.name = o->name,
                                .role = o->role,
                                .created = call->now,
                                .expires = o->expires,
                                .version = 1};
    char token[SEV_ADMIN_TOKEN_CHARS];
    struct sev_decision why;
    if (!sev_operator_name_is_clean(o->name) || !expires_in_time(o->expires, call->now))
        return SEV_E_MALFORMED;
    sev_admin_token_make(random, token, &next);
    sev_err e = explain(call, &next, "operator-add", &why);
    if (e == SEV_OK)
        e = call->store->operators->add(call->store->self, &next, &why);
    if (e == SEV_OK)
        memcpy(out_token, token, sizeof token);
    sev_wipe(token, sizeof token);
    return e;
}

sev_err sev_admin_operator_change(const struct sev_admin_call *call, sev_slice name,
                                  const struct sev_operator_change *change,
                                  char out_token[SEV_ADMIN_TOKEN_CHARS], struct sev_operator *out)
{
    char token[SEV_ADMIN_TOKEN_CHARS];
    struct sev_operator next;
    struct sev_decision why;
    sev_err e = call->store->operators->get(call->store->self, name, call->arena, &next);
    if (e != SEV_OK)
        return e;
    if (change->expected_version != 0 && change->expected_version != next.version)
        return SEV_E_CONFLICT;
    next.version++;
    if (change->role != NULL)
        next.role = *change->role;
    if (change->disabled != NULL)
        next.disabled = *change->disabled;
    if (change->expires != NULL)
        next.expires = *change->expires;
    if (change->expires != NULL && !expires_in_time(next.expires, call->now))
        return SEV_E_MALFORMED;
    if (change->random != NULL)
        sev_admin_token_make(change->random, token, &next);
    e = explain(call, &next, change->random != NULL ? "operator-rotate" : "operator-change", &why);
    if (e == SEV_OK)
        e = call->store->operators->change(call->store->self, &next, &why);
    if (e == SEV_OK && change->random != NULL)
        memcpy(out_token, token, sizeof token);
    if (e == SEV_OK)
        *out = next;
    sev_wipe(token, sizeof token);
    return e;
}
