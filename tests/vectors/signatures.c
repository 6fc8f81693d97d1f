/* Signature vectors. A provider that does not know a key type must say so for every one of them.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "secureev/crypto.h"
#include "secureev/spki.h"
#include "wycheproof.h"

static sev_key_type wanted;
static bool supported;

static bool verifies(const struct wycheproof_test *t, sev_slice sig)
{
    struct sev_pubkey key;
    uint8_t sha256[SEV_SHA256_BYTES];
    sev_slice msg = wycheproof_hex(t->test, "msg");
    CHECK_OK(sev_spki_decode(wycheproof_hex(t->group, "publicKeyDer"), &key));
    CHECK_EQ(key.type, wanted);
    sev_sha256(msg, sha256);
    sev_err e = sev_crypto_verify(NULL, &key, msg, sha256, sig);
    if (!supported) {
        CHECK_ERR(e, SEV_E_UNSUPPORTED);
        return t->valid;
    }
    if (e != SEV_OK)
        CHECK_ERR(e, SEV_E_SIGNATURE);
    return e == SEV_OK;
}

static void print_support(void)
{
    if (!supported)
        print_message("this provider answers `unsupported` to every one of them:\n");
}

static bool accepts(const struct wycheproof_test *t)
{
    return verifies(t, wycheproof_hex(t->test, "sig"));
}

static void put_unsigned(sev_buf *out, sev_slice value)
{
    while (value.len > 1 && value.ptr[0] == 0)
        value = sev_slice_sub(value, 1, value.len);
    bool pad = value.ptr[0] >= 0x80;
    sev_buf_put_byte(out, 0x02);
    sev_buf_put_byte(out, (uint8_t)(value.len + pad));
    if (pad)
        sev_buf_put_byte(out, 0);
    sev_buf_put_slice(out, value);
}

/* r || s has exactly 64 bytes, or it is no signature and never becomes one. */
static bool accepts_raw(const struct wycheproof_test *t)
{
    uint8_t der[80];
    sev_slice raw = wycheproof_hex(t->test, "sig");
    if (raw.len != 64)
        return false;
    sev_buf out = sev_buf_of(der, sizeof der);
    sev_buf_put_byte(&out, 0x30);
    sev_buf_put_byte(&out, 0);
    put_unsigned(&out, sev_slice_sub(raw, 0, 32));
    put_unsigned(&out, sev_slice_sub(raw, 32, 32));
    der[1] = (uint8_t)(out.len - 2);
    return verifies(t, sev_buf_slice(&out));
}

TEST(vectors__wycheproof_ecdsa_p256_der__all_as_announced) /* REQ-A02 */
{
    wanted = SEV_KEY_P256;
    supported = true;
    wycheproof_run("ecdsa_secp256r1_sha256", accepts, NULL);
}

TEST(vectors__wycheproof_ecdsa_p256_raw__all_as_announced) /* REQ-A02 */
{
    wanted = SEV_KEY_P256;
    supported = true;
    wycheproof_run("ecdsa_secp256r1_sha256_p1363", accepts_raw, NULL);
}

TEST(vectors__wycheproof_ed25519__all_as_announced)
{
    wanted = SEV_KEY_ED25519;
    supported = SEV_PROVIDER_EVERYTHING;
    print_support();
    wycheproof_run("ed25519", accepts, NULL);
}

TEST(vectors__wycheproof_rsa_pss__all_as_announced)
{
    wanted = SEV_KEY_RSA;
    supported = SEV_PROVIDER_EVERYTHING;
    print_support();
    static const struct wycheproof_decided decided = {
        67, 72, "other salt lengths than 32: TUF signers use several, and any is sound"};
    wycheproof_run("rsa_pss_2048_sha256_mgf1_32", accepts, supported ? &decided : NULL);
}
