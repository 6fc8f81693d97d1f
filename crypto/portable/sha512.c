/* sha512 - SHA-512 (FIPS 180-4), small. SPDX-License-Identifier: MIT */
#include "secureev/crypto.h"

#define BLOCK 128

/* As in sha256.c. */
static uint8_t *state_of(struct sev_sha512 *h)
{
    return (uint8_t *)&h->opaque[1];
}

static uint8_t *block_of(struct sev_sha512 *h)
{
    return (uint8_t *)&h->opaque[9];
}

_Static_assert(sizeof(struct sev_sha512) >= 8 + 64 + BLOCK, "sev_sha512 holds the state");

static const uint64_t k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint64_t load(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void store(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

static uint64_t ror(uint64_t v, unsigned n)
{
    return v >> n | v << (64 - n);
}

/* As in sha256.c, with words of 64 bits. */
static void compress(uint8_t *state, const uint8_t *block)
{
    uint64_t v[8], w[16];
    for (int i = 0; i < 8; i++)
        v[i] = load(state + 8 * i);
    for (unsigned i = 0; i < 80; i++) {
        uint64_t *wi = &w[i % 16];
        if (i < 16) {
            *wi = load(block + 8 * i);
        } else {
            uint64_t w2 = w[(i + 14) % 16], w15 = w[(i + 1) % 16];
            *wi += (ror(w2, 19) ^ ror(w2, 61) ^ w2 >> 6) + w[(i + 9) % 16] +
                   (ror(w15, 1) ^ ror(w15, 8) ^ w15 >> 7);
        }
        uint64_t a = v[(0 - i) % 8], b = v[(1 - i) % 8], c = v[(2 - i) % 8];
        uint64_t e = v[(4 - i) % 8], f = v[(5 - i) % 8], g = v[(6 - i) % 8];
        uint64_t t = v[(7 - i) % 8] + (ror(e, 14) ^ ror(e, 18) ^ ror(e, 41)) +
                     ((e & f) ^ (~e & g)) + k[i] + *wi;
        v[(3 - i) % 8] += t;
        v[(7 - i) % 8] = t + (ror(a, 28) ^ ror(a, 34) ^ ror(a, 39)) + ((a & b) ^ (a & c) ^ (b & c));
    }
    for (int i = 0; i < 8; i++)
        store(state + 8 * i, load(state + 8 * i) + v[i]);
}

void sev_sha512_init(struct sev_sha512 *h)
{
    static const uint64_t start[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                      0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                      0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    h->opaque[0] = 0;
    for (int i = 0; i < 8; i++)
        store(state_of(h) + 8 * i, start[i]);
}

void sev_sha512_update(struct sev_sha512 *h, const void *bytes, size_t len)
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

void sev_sha512_final(struct sev_sha512 *h, uint8_t out[SEV_SHA512_BYTES])
{
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bytes = h->opaque[0];
    uint8_t length[16] = {0};
    store(length, bytes >> 61);
    store(length + 8, bytes * 8);
    size_t used = (size_t)(bytes % BLOCK);
    sev_sha512_update(h, padding, used < BLOCK - 16 ? BLOCK - 16 - used : 2 * BLOCK - 16 - used);
    sev_sha512_update(h, length, 16);
    memcpy(out, state_of(h), SEV_SHA512_BYTES);
}

void sev_sha512(sev_slice bytes, uint8_t out[SEV_SHA512_BYTES])
{
    struct sev_sha512 h;
    sev_sha512_init(&h);
    sev_sha512_update(&h, bytes.ptr, bytes.len);
    sev_sha512_final(&h, out);
}
