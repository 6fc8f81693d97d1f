/* token - what an operator shows instead of a password, and what is kept of it.
 * SPDX-License-Identifier: MIT */
#include "secureev/admin.h"

#include "secureev/text.h"

#define PREFIX "sevop_"
#define ID_AT (sizeof PREFIX - 1)
#define SECRET_AT (ID_AT + SEV_OPERATOR_TOKEN_ID_CHARS + 1)

void sev_admin_token_make(const uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES],
                          char out[SEV_ADMIN_TOKEN_CHARS], struct sev_operator *out_operator)
{
    sev_buf b = sev_buf_of(out, SEV_ADMIN_TOKEN_CHARS);
    size_t id_bytes = SEV_OPERATOR_TOKEN_ID_CHARS / 2;
    sev_buf_put_slice(&b, SEV_LIT(PREFIX));
    sev_hex_encode(sev_slice_of(random, id_bytes), &b);
    sev_buf_put_byte(&b, '_');
    sev_hex_encode(sev_slice_of(random + id_bytes, SEV_ADMIN_TOKEN_RANDOM_BYTES - id_bytes), &b);
    memcpy(out_operator->token_id, out + ID_AT, SEV_OPERATOR_TOKEN_ID_CHARS);
    sev_sha256(sev_slice_of(out, SEV_ADMIN_TOKEN_CHARS), out_operator->token_sha256);
}

static bool is_hex(sev_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

bool sev_admin_token_is_one(sev_slice token)
{
    return token.len == SEV_ADMIN_TOKEN_CHARS &&
           sev_slice_eq(sev_slice_sub(token, 0, ID_AT), SEV_LIT(PREFIX)) &&
           is_hex(sev_slice_sub(token, ID_AT, SEV_OPERATOR_TOKEN_ID_CHARS)) &&
           token.ptr[SECRET_AT - 1] == '_' && is_hex(sev_slice_sub(token, SECRET_AT, token.len));
}

sev_err sev_admin_authenticate(const struct sev_store *store, struct sev_arena *arena, sev_time now,
                               sev_slice token, struct sev_operator *out)
{
    struct sev_operator o = {.disabled = true};
    uint8_t digest[SEV_SHA256_BYTES];
    if (!sev_admin_token_is_one(token))
        return SEV_E_BEARER;
    sev_err e = store->operators->find(store->self, (const char *)token.ptr + ID_AT, arena, &o);
    if (e != SEV_OK && e != SEV_E_NOT_FOUND)
        return e;
    sev_sha256(token, digest);
    bool same = sev_equal_ct(digest, o.token_sha256, sizeof digest);
    bool alive = !o.disabled && (o.expires == 0 || now < o.expires);
    if (!same || !alive)
        return SEV_E_BEARER;
    *out = o;
    return SEV_OK;
}
