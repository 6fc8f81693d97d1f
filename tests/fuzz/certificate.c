/* Fuzz: requests for certificates, and certificates, as strangers bring them. A request that is
 * taken is signed by the key that was read, names whom it should, and has one spelling; the first
 * byte says whether it is signed anew, so that what lies behind the signature is reached.
 * SPDX-License-Identifier: MIT */
/* fuzz: -max_len=2048 */
#include <stdlib.h>
#include <string.h>

#include "secureev/certificate.h"
#include "secureev/limits.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define NAME SEV_LIT("did:secureev:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

static struct sev_privkey *key;

/* SEQUENCE { what, ecdsa-with-SHA256, signature }, where `what` was all of the input. */
static sev_slice sign_anew(sev_slice what, uint8_t *room, size_t bytes)
{
    static const uint8_t algorithm[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86,
                                        0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw), b = sev_buf_of(room, bytes);
    MUST(sev_privkey_sign(key, what, &sig) == SEV_OK);
    b.len = 4;
    sev_buf_put_slice(&b, what);
    sev_buf_put(&b, algorithm, sizeof algorithm);
    uint8_t head[3] = {0x03, (uint8_t)(sig.len + 1), 0};
    sev_buf_put(&b, head, sizeof head);
    sev_buf_put_slice(&b, sev_buf_slice(&sig));
    size_t len = b.len - 4;
    const uint8_t lengths[] = {0x30, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    const uint8_t short_one[] = {0x30, 0x81, (uint8_t)len};
    memcpy(room, lengths, sizeof lengths);
    if (len >= 0x100)
        return sev_buf_slice(&b);
    memcpy(room + 1, short_one, sizeof short_one);
    return sev_slice_of(room + 1, b.len - 1);
}

/* ^ stands for the key at hand, as SubjectPublicKeyInfo has it. */
static sev_slice expand(sev_slice data, uint8_t *room, size_t bytes)
{
    sev_buf b = sev_buf_of(room, bytes);
    for (size_t i = 0; i < data.len; i++)
        if (data.ptr[i] == '^')
            sev_buf_put(&b, sev_privkey_public(key)->material, 65);
        else
            sev_buf_put_byte(&b, data.ptr[i]);
    return sev_buf_slice(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[1 << 18], room[1 << 18];
    struct sev_pubkey public_key = {.len = 1};
    struct sev_certificate c;
    struct sev_issuer issuer;
    if (key == NULL)
        MUST(sev_privkey_generate(SEV_KEY_P256, 0, &key) == SEV_OK);
    if (size == 0)
        return 0;
    bool anew = data[0] % 2 == 0;
    sev_slice bytes = sev_slice_of(data + 1, size - 1);
    if (anew)
        bytes = expand(bytes, text, sizeof text);
    sev_slice request = anew ? sign_anew(bytes, room, sizeof room) : bytes;
    sev_err e = sev_csr_read(request, NAME, &public_key);
    MUST(e == SEV_OK || e == SEV_E_CSR);
    if (e == SEV_OK) {
        MUST(request.len <= SEV_CSR_BYTES_MAX && public_key.type == SEV_KEY_P256);
        MUST(!anew || memcmp(public_key.material, sev_privkey_public(key)->material, 65) == 0);
        MUST(sev_csr_read(request, SEV_LIT("other"), &public_key) == SEV_E_CSR);
    } else {
        MUST(public_key.len == 1);
    }
    if (sev_certificate_read(bytes, &c) == SEV_OK)
        MUST(c.key.type == SEV_KEY_P256 && strlen(c.name) <= SEV_CERTIFICATE_NAME_CHARS_MAX);
    if (sev_issuer_read(bytes, &issuer) == SEV_OK)
        MUST(issuer.key.type == SEV_KEY_P256 && issuer.name_len <= sizeof issuer.name);
    return 0;
}
