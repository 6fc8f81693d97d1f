/* ecdsa_der - the portable reader of ECDSA signatures against OpenSSL's rule: it accepts what it
 * decodes and would encode to the same bytes. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>

#include "../../crypto/portable/p256.h"

/* Not negative (0 is for the range check, later), at most 256 bits. */
static bool number_fits(const BIGNUM *v)
{
    return !BN_is_negative(v) && BN_num_bytes(v) <= 32;
}

static bool same(const BIGNUM *v, sev_slice bytes)
{
    uint8_t theirs[32];
    int len = BN_bn2bin(v, theirs);
    return sev_slice_eq(sev_slice_of(theirs, (size_t)len), bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sev_slice r, s;
    const uint8_t *p = data;
    uint8_t *again = NULL;
    bool ours = sev_ecdsa_sig_decode(sev_slice_of(data, size), &r, &s);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)size);
    bool theirs = false;
    if (sig != NULL) {
        int len = i2d_ECDSA_SIG(sig, &again);
        theirs = len > 0 &&
                 sev_slice_eq(sev_slice_of(again, (size_t)len), sev_slice_of(data, size)) &&
                 number_fits(ECDSA_SIG_get0_r(sig)) && number_fits(ECDSA_SIG_get0_s(sig));
    }
    if (ours != theirs)
        abort();
    if (ours && (!same(ECDSA_SIG_get0_r(sig), r) || !same(ECDSA_SIG_get0_s(sig), s)))
        abort();
    OPENSSL_free(again);
    ECDSA_SIG_free(sig);
    return 0;
}
