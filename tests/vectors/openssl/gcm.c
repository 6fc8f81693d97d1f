/* AES-256-GCM as the keystore uses it: nonces of 96 bits, tags of 128. SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "../wycheproof.h"
#include "secureev/signing.h"

static int used;

/* Other sizes cannot even be asked for; they are counted as the file announces them. */
static bool opens(const struct wycheproof_test *t)
{
    static uint8_t sealed[1 << 12], plain[1 << 12], again[1 << 12];
    if (wycheproof_int(t->group, "keySize") != 256 || wycheproof_int(t->group, "ivSize") != 96)
        return t->valid;
    CHECK_EQ(wycheproof_int(t->group, "tagSize"), 128);
    used++;
    sev_slice key = wycheproof_hex(t->test, "key"), iv = wycheproof_hex(t->test, "iv");
    sev_slice aad = wycheproof_hex(t->test, "aad"), msg = wycheproof_hex(t->test, "msg");
    sev_buf in = sev_buf_of(sealed, sizeof sealed), out = sev_buf_of(plain, sizeof plain);
    sev_buf_put_slice(&in, wycheproof_hex(t->test, "ct"));
    sev_buf_put_slice(&in, wycheproof_hex(t->test, "tag"));
    CHECK(!in.overflow);
    sev_err e = sev_aes256gcm_open(key.ptr, iv.ptr, aad, sev_buf_slice(&in), &out);
    if (e != SEV_OK) {
        CHECK_ERR(e, SEV_E_MALFORMED);
        return false;
    }
    CHECK_SLICE(sev_buf_slice(&out), msg);
    sev_buf same = sev_buf_of(again, sizeof again);
    CHECK_OK(sev_aes256gcm_seal(key.ptr, iv.ptr, aad, msg, &same));
    CHECK_SLICE(sev_buf_slice(&same), sev_buf_slice(&in));
    return true;
}

TEST(vectors__wycheproof_aes_256_gcm__all_as_announced)
{
    used = 0;
    wycheproof_run("aes_gcm", opens, NULL);
    print_message("aes_gcm: %d of them have our sizes\n", used);
    CHECK(used > 50);
}
