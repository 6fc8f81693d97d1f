/* kdf - HMAC and HKDF with SHA-256. SPDX-License-Identifier: MIT */
#include "secureev/kdf.h"

#define BLOCK 64

/* A hash that has begun with the key xor `pad`. */
static void begin(struct sev_sha256 *h, sev_slice key, uint8_t pad)
{
    uint8_t block[BLOCK] = {0};
    if (key.len > BLOCK)
        sev_sha256(key, block);
    else if (key.len != 0)
        memcpy(block, key.ptr, key.len);
    for (int i = 0; i < BLOCK; i++)
        block[i] ^= pad;
    sev_sha256_init(h);
    sev_sha256_update(h, block, BLOCK);
    sev_wipe(block, sizeof block);
}

static void finish(struct sev_sha256 *h, sev_slice key, uint8_t out[SEV_SHA256_BYTES])
{
    uint8_t inner[SEV_SHA256_BYTES];
    sev_sha256_final(h, inner);
    begin(h, key, 0x5c);
    sev_sha256_update(h, inner, sizeof inner);
    sev_sha256_final(h, out);
    sev_wipe(h, sizeof *h);
    sev_wipe(inner, sizeof inner);
}

void sev_hmac_sha256(sev_slice key, sev_slice msg, uint8_t out_mac[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    begin(&h, key, 0x36);
    sev_sha256_update(&h, msg.ptr, msg.len);
    finish(&h, key, out_mac);
}

void sev_hkdf_sha256_extract(sev_slice salt, sev_slice secret, uint8_t out_prk[SEV_SHA256_BYTES])
{
    sev_hmac_sha256(salt, secret, out_prk);
}

sev_err sev_hkdf_sha256_expand(const uint8_t prk[SEV_SHA256_BYTES], sev_slice info, uint8_t *out,
                               size_t len)
{
    sev_slice key = sev_slice_of(prk, SEV_SHA256_BYTES);
    uint8_t t[SEV_SHA256_BYTES];
    if (len > SEV_HKDF_BYTES_MAX)
        return SEV_E_BUG;
    for (uint8_t i = 1; len > 0; i++) {
        struct sev_sha256 h;
        begin(&h, key, 0x36);
        sev_sha256_update(&h, t, i == 1 ? 0 : sizeof t);
        sev_sha256_update(&h, info.ptr, info.len);
        sev_sha256_update(&h, &i, 1);
        finish(&h, key, t);
        size_t n = len < sizeof t ? len : sizeof t;
        memcpy(out, t, n);
        out += n;
        len -= n;
    }
    sev_wipe(t, sizeof t);
    return SEV_OK;
}
