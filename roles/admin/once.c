/* once - a request that is sent again under the same key is answered as before and done once.
 * SPDX-License-Identifier: MIT */
#include "secureev/admin.h"

static bool key_is_one(sev_slice key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~')
            return false;
    return key.len > 0 && key.len <= SEV_IDEMPOTENCY_KEY_BYTES_MAX;
}

sev_err sev_admin_once_begin(const struct sev_admin_call *call, sev_slice key,
                             const uint8_t request_sha256[SEV_SHA256_BYTES],
                             struct sev_kept_answer *out)
{
    struct sev_kept_answer claim = {.actor = call->actor, .key = key, .time = call->now}, before;
    if (!key_is_one(key))
        return SEV_E_MALFORMED;
    memcpy(claim.request_sha256, request_sha256, sizeof claim.request_sha256);
    sev_err e = call->store->operators->answer_claim(
        call->store->self, &claim, call->now - SEV_ADMIN_ONCE_SECONDS,
        call->now - SEV_ADMIN_ONCE_PENDING_SECONDS, call->arena, &before);
    if (e != SEV_E_EXISTS)
        return e;
    if (memcmp(before.request_sha256, request_sha256, sizeof before.request_sha256) != 0)
        return SEV_E_KEY_REUSED;
    if (before.status == 0)
        return SEV_E_IN_PROGRESS;
    *out = before;
    return SEV_E_EXISTS;
}

sev_err sev_admin_once_end(const struct sev_admin_call *call, sev_slice key,
                           const uint8_t request_sha256[SEV_SHA256_BYTES], unsigned status,
                           sev_slice body, sev_slice tag)
{
    struct sev_kept_answer answer = {.actor = call->actor,
                                     .key = key,
                                     .time = call->now,
                                     .status = status,
                                     .body = body,
                                     .tag = tag};
    memcpy(answer.request_sha256, request_sha256, sizeof answer.request_sha256);
    return call->store->operators->answer_keep(call->store->self, &answer);
}
