/* admit - what an operator says about vehicles, and who may still ask. SPDX-License-Identifier: MIT
 */
#include "internal.h"

sev_err sev_registry_token(const struct sev_store *store, sev_slice vehicle, sev_time now,
                           int64_t life_s, bool again, sev_slice actor,
                           char out[2 * SEV_ENROLMENT_TOKEN_BYTES])
{
    uint8_t token[SEV_ENROLMENT_TOKEN_BYTES], sha256[SEV_SHA256_BYTES];
    sev_buf text = sev_buf_of(out, 2 * sizeof token);
    struct sev_decision why = {now, actor, SEV_LIT("token"),
                               again ? SEV_LIT("{\"again\":true}") : SEV_LIT("{}")};
    sev_err e = sev_random(token, sizeof token);
    if (e != SEV_OK)
        return e;
    sev_sha256(sev_slice_of(token, sizeof token), sha256);
    e = store->identity->token_put(store->self, vehicle, sha256, now + life_s, again, &why);
    if (e == SEV_OK)
        sev_hex_encode(sev_slice_of(token, sizeof token), &text);
    sev_wipe(token, sizeof token);
    return e;
}

sev_err sev_registry_revoke(const struct sev_store *store, sev_slice vehicle, sev_time now,
                            sev_slice actor, sev_slice remark, int64_t *out_count)
{
    uint8_t room[1024];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    if (remark.len != 0)
        sev_json_w_string_member(&w, "remark", remark);
    sev_json_w_object_end(&w);
    if (sev_json_w_end(&w) != SEV_OK)
        return SEV_E_MALFORMED;
    struct sev_decision why = {now, actor, SEV_LIT("revoke"), sev_buf_slice(&b)};
    return store->identity->revoke(store->self, vehicle, now, &why, out_count);
}

sev_err sev_registry_admit(const struct sev_store *store, struct sev_arena *arena,
                           sev_slice identity, const uint8_t certificate_sha256[SEV_SHA256_BYTES],
                           sev_time now, sev_time built, bool to_renew)
{
    struct sev_admission a;
    size_t mark = arena->used;
    sev_err e = store->identity->certificate_find(store->self, certificate_sha256, arena, &a);
    if (e == SEV_E_NOT_FOUND)
        return SEV_E_NOT_ENROLLED;
    if (e != SEV_OK)
        return e;
    /* It names who it was given to; the vehicle may have become another identity since. */
    if (!sev_slice_eq(a.vehicle, identity))
        e = SEV_E_NOT_ENROLLED;
    sev_arena_back(arena, mark);
    if (a.revoked)
        return SEV_E_REVOKED;
    if (e == SEV_OK && a.deactivated)
        e = SEV_E_DID_DEACTIVATED;
    sev_time judged = now > built ? now : built;
    if (e == SEV_OK && !to_renew && a.not_after < judged)
        e = SEV_E_EXPIRED;
    return e;
}
