/* hash - SHA-2, comparison and wiping by OpenSSL. REQ-A05
 * SPDX-License-Identifier: MIT */

/* The low-level SHA functions are deprecated since 3.0, but they are the only ones that hash in
 * the caller's memory: EVP_MD_CTX lives on the heap, and the interface promises incremental hashes
 * that cannot fail and need not be freed. They use the same assembly. Only this file uses them. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "secureev/crypto.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sev_sha256), "sev_sha256 must hold SHA256_CTX");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(struct sev_sha512), "sev_sha512 must hold SHA512_CTX");

static SHA256_CTX *ctx256(struct sev_sha256 *h)
{
    return (SHA256_CTX *)(void *)h;
}

static SHA512_CTX *ctx512(struct sev_sha512 *h)
{
    return (SHA512_CTX *)(void *)h;
}

void sev_sha256_init(struct sev_sha256 *h)
{
    SHA256_Init(ctx256(h));
}

void sev_sha256_update(struct sev_sha256 *h, const void *bytes, size_t len)
{
    if (len != 0)
        SHA256_Update(ctx256(h), bytes, len);
}

void sev_sha256_final(struct sev_sha256 *h, uint8_t out[SEV_SHA256_BYTES])
{
    SHA256_Final(out, ctx256(h));
}

void sev_sha256(sev_slice bytes, uint8_t out[SEV_SHA256_BYTES])
{
    struct sev_sha256 h;
    sev_sha256_init(&h);
    sev_sha256_update(&h, bytes.ptr, bytes.len);
    sev_sha256_final(&h, out);
}

void sev_sha512_init(struct sev_sha512 *h)
{
    SHA512_Init(ctx512(h));
}

void sev_sha512_update(struct sev_sha512 *h, const void *bytes, size_t len)
{
    if (len != 0)
        SHA512_Update(ctx512(h), bytes, len);
}

void sev_sha512_final(struct sev_sha512 *h, uint8_t out[SEV_SHA512_BYTES])
{
    SHA512_Final(out, ctx512(h));
}

void sev_sha512(sev_slice bytes, uint8_t out[SEV_SHA512_BYTES])
{
    struct sev_sha512 h;
    sev_sha512_init(&h);
    sev_sha512_update(&h, bytes.ptr, bytes.len);
    sev_sha512_final(&h, out);
}

bool sev_equal_ct(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

void sev_wipe(void *bytes, size_t len)
{
    if (len != 0)
        OPENSSL_cleanse(bytes, len);
}
