/* ecdsa_sig - the DER of an ECDSA signature. SPDX-License-Identifier: MIT */
#include "base/der.h"
#include "p256.h"

bool sev_ecdsa_sig_decode(sev_slice der, sev_slice *out_r, sev_slice *out_s)
{
    sev_slice body, r, s;
    if (!sev_der_take(&der, SEV_DER_SEQUENCE, &body) || !sev_der_take_unsigned(&body, &r) ||
        !sev_der_take_unsigned(&body, &s))
        return false;
    if (der.len != 0 || body.len != 0 || r.len > 32 || s.len > 32)
        return false;
    *out_r = r;
    *out_s = s;
    return true;
}
