/* challenge - proof of an identity without a certificate: a fresh challenge, signed, used once.
 * Nothing is kept for one that was not answered. SPDX-License-Identifier: MIT */
#include "internal.h"

#include "secureev/kdf.h"

#define TAG_BYTES 24 /* of the HMAC */
_Static_assert(SEV_NONCE_BYTES + 8 + TAG_BYTES == SEV_CHALLENGE_BYTES, "");

sev_err sev_challenges_init(struct sev_challenges *c)
{
    memset(c, 0, sizeof *c);
    return sev_random(c->secret, sizeof c->secret);
}

static void tag_of(const struct sev_challenges *c, sev_slice did, const uint8_t *challenge,
                   uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t text[SEV_NONCE_BYTES + 8 + SEV_DID_CHARS];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_buf_put(&b, challenge, SEV_NONCE_BYTES + 8);
    sev_buf_put_slice(&b, did);
    sev_hmac_sha256(sev_slice_of(c->secret, sizeof c->secret), sev_buf_slice(&b), out);
}

sev_err sev_challenge_make(const struct sev_challenges *c, sev_slice did, sev_time now,
                           uint8_t out[SEV_CHALLENGE_BYTES])
{
    uint8_t tag[SEV_SHA256_BYTES];
    uint64_t expires = (uint64_t)now + SEV_CHALLENGE_SECONDS;
    if (!sev_did_is(did))
        return SEV_E_MALFORMED;
    sev_err e = sev_random(out, SEV_NONCE_BYTES);
    if (e != SEV_OK)
        return e;
    for (unsigned i = 0; i < 8; i++)
        out[SEV_NONCE_BYTES + i] = (uint8_t)(expires >> (56 - 8 * i));
    tag_of(c, did, out, tag);
    memcpy(out + SEV_NONCE_BYTES + 8, tag, TAG_BYTES);
    return SEV_OK;
}

static bool is_ours(const struct sev_challenges *c, sev_slice did, const uint8_t *challenge,
                    sev_time now, sev_time *out_expires)
{
    uint8_t tag[SEV_SHA256_BYTES];
    uint64_t expires = 0;
    tag_of(c, did, challenge, tag);
    if (!sev_equal_ct(tag, challenge + SEV_NONCE_BYTES + 8, TAG_BYTES))
        return false;
    for (unsigned i = 0; i < 8; i++)
        expires = expires << 8 | challenge[SEV_NONCE_BYTES + i];
    *out_expires = (sev_time)expires;
    return *out_expires >= now;
}

/* Only what was answered well gets here: a flood of strangers fills nothing. REQ-A14 */
static sev_err use_once(struct sev_challenges *c, const uint8_t *nonce, sev_time now,
                        sev_time expires)
{
    size_t room = SEV_CHALLENGES_MAX;
    for (size_t i = 0; i < SEV_CHALLENGES_MAX; i++) {
        if (c->used[i].expires < now)
            room = i;
        else if (memcmp(c->used[i].nonce, nonce, SEV_NONCE_BYTES) == 0)
            return SEV_E_CHALLENGE;
    }
    if (room == SEV_CHALLENGES_MAX)
        return SEV_E_OVERLOADED;
    memcpy(c->used[room].nonce, nonce, SEV_NONCE_BYTES);
    c->used[room].expires = expires;
    return SEV_OK;
}

static sev_err check(struct sev_challenges *c, const struct sev_registry *r,
                     const struct sev_registry_call *call, sev_slice message,
                     struct sev_did_state *who)
{
    struct sev_doc doc;
    struct sev_challenge_answer m;
    sev_time expires, now = call->now; /* a challenge is a matter of one clock */
    sev_err e = sev_message_open(&doc, message);
    if (e == SEV_OK)
        e = sev_challenge_answer_decode(&doc, &m);
    if (e != SEV_OK || !sev_did_is(m.did) || !is_ours(c, m.did, m.challenge, now, &expires))
        return SEV_E_CHALLENGE;
    e = registry_state(r, call, m.did, 0, who);
    if (e == SEV_E_NOT_FOUND || (e == SEV_OK && who->newest.deactivated))
        return SEV_E_CHALLENGE;
    if (e == SEV_OK)
        e = sev_did_signed(call->crypto, &who->newest.document, &doc);
    if (e == SEV_E_SIGNATURE)
        return SEV_E_CHALLENGE;
    return e == SEV_OK ? use_once(c, m.challenge, now, expires) : e;
}

sev_err sev_challenge_check(struct sev_challenges *c, const struct sev_registry *r,
                            const struct sev_registry_call *call, sev_slice message,
                            char out_did[SEV_DID_CHARS])
{
    struct sev_did_state who = {.created = 0};
    sev_err e = check(c, r, call, message, &who);
    if (e == SEV_OK)
        memcpy(out_did, who.newest.document.id, SEV_DID_CHARS);
    else
        registry_tell(r, SEV_EVENT_CHALLENGE_REFUSED, e, SEV_EMPTY);
    return e;
}
