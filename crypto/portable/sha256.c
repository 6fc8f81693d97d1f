/* sha256 - SHA-256 (FIPS 180-4), small. REQ-A05. SPDX-License-Identifier: MIT */
#include "secureev/crypto.h"

#define BLOCK 64

/* sev_sha256.opaque: [0] counts bytes; then eight state words, most significant byte first, and the
 * block being filled. Kept as bytes, so that the caller's memory is only ever read as what it is.
 */
static uint8_t *state_of(struct sev_sha256 *h)
{
    return (uint8_t *)&h->opaque[1];
}

static uint8_t *block_of(struct sev_sha256 *h)
{
    return (uint8_t *)&h->opaque[5];
}

_Static_assert(sizeof(struct sev_sha256) >= 8 + 32 + BLOCK, "sev_sha256 holds the state");

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t load(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static uint32_t ror(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

/* v[] = a..h. The names turn instead of the values: in round i, a is v[-i mod 8] and so on. The
 * schedule is made as it is used, in a ring of 16 words. */
static void compress(uint8_t *state, const uint8_t *block)
{
    uint32_t v[8], w[16];
    for (int i = 0; i < 8; i++)
        v[i] = load(state + 4 * i);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t *wi = &w[i % 16];
        if (i < 16) {
            *wi = load(block + 4 * i);
        } else {
            uint32_t w2 = w[(i + 14) % 16], w15 = w[(i + 1) % 16];
            *wi += (ror(w2, 17) ^ ror(w2, 19) ^ w2 >> 10) + w[(i + 9) % 16] +
                   (ror(w15, 7) ^ ror(w15, 18) ^ w15 >> 3);
        }
        uint32_t a = v[(0 - i) % 8], b = v[(1 - i) % 8], c = v[(2 - i) % 8];
        uint32_t e = v[(4 - i) % 8], f = v[(5 - i) % 8], g = v[(6 - i) % 8];
        uint32_t t = v[(7 - i) % 8] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) +
                     k[i] + *wi;
        v[(3 - i) % 8] += t;
        v[(7 - i) % 8] = t + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    }
    for (int i = 0; i < 8; i++)
        store(state + 4 * i, load(state + 4 * i) + v[i]);
}

void sev_sha256_init(struct sev_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    h->opaque[0] = 0;
    for (int i = 0; i < 8; i++)
        store(state_of(h) + 4 * i, start[i]);
}

void sev_sha256_update(struct sev_sha256 *h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    while (len > 0) {
        size_t used = (size_t)(h->opaque[0] % BLOCK);
        size_t n = BLOCK - used < len ? BLOCK - used : len;
        if (n == BLOCK) {
            compress(state_of(h), p); /* a whole block needs no copy */
        } else {
            memcpy(block_of(h) + used, p, n);
            if (used + n == BLOCK)
                compress(state_of(h), block_of(h));
        }
        h->opaque[0] += n;
        p += n;
        len -= n;
    }
}

void sev_sha256_final(struct sev_sha256 *h, uint8_t out[SEV_SHA256_BYTES])
{
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bits = h->opaque[0] * 8;
    uint8_t length[8];
    store(length, (uint32_t)(bits >> 32));
    store(length + 4, (uint32_t)bits);
    size_t used = (size_t)(h->opaque[0] % BLOCK);
    sev_sha256_update(h, padding, used < BLOCK - 8 ? BLOCK - 8 - used : 2 * BLOCK - 8 - used);
    sev_sha256_update(h, length, 8);
    memcpy(out, state_of(h), SEV_SHA256_BYTES);
}

void sev_sha256(sev_slice bytes, uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, bytes.ptr, bytes.len);
    sev_sha256_final(&h, out);
}
