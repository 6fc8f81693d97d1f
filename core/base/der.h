/* der - the few pieces of strict DER that keys and signatures are made of.
 * Inline, so that the providers in crypto/ read DER as the core does without linking to it.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CORE_DER_H
#define SEV_CORE_DER_H

#include "base/check.h"
#include "secureev/slice.h"

#define SEV_DER_INTEGER 0x02
#define SEV_DER_BIT_STRING 0x03
#define SEV_DER_NULL 0x05
#define SEV_DER_OID 0x06
#define SEV_DER_SEQUENCE 0x30

/**
 * Take one element with this tag off the front of `in`. Only DER's one way to write a length is
 * accepted: a second way would be a second encoding of the same key or signature.
 * Lengths above 65535 are not DER that we ever read.
 *
 * @param out  the contents; both are untouched when the answer is false
 */
static inline bool sev_der_take(sev_slice *in, uint8_t tag, sev_slice *out)
{
    const uint8_t *p = in->ptr;
    if (SEV_REFUSE_IF(in->len < 2))
        return false;
    if (SEV_REFUSE_IF(p[0] != tag))
        return false;
    size_t head = 2, len = p[1];
    if (len == 0x81 && in->len > 2) {
        head = 3;
        len = p[2];
        if (SEV_REFUSE_IF(len < 0x80))
            return false;
    } else if (len == 0x82 && in->len > 3) {
        head = 4;
        len = (size_t)p[2] << 8 | p[3];
        if (SEV_REFUSE_IF(len < 0x100))
            return false;
    } else if (SEV_REFUSE_IF(len >= 0x80)) {
        return false; /* indefinite (BER), longer than we read, or cut off */
    }
    if (SEV_REFUSE_IF(len > in->len - head))
        return false;
    *out = sev_slice_of(p + head, len);
    *in = sev_slice_of(p + head + len, in->len - head - len);
    return true;
}

/** Take an INTEGER that is not negative; `out` is its magnitude without leading zeros, so zero
 *  is the empty slice. */
static inline bool sev_der_take_unsigned(sev_slice *in, sev_slice *out)
{
    sev_slice rest = *in, value;
    if (!sev_der_take(&rest, SEV_DER_INTEGER, &value))
        return false;
    if (SEV_REFUSE_IF(value.len == 0))
        return false;
    if (SEV_REFUSE_IF(value.ptr[0] >= 0x80))
        return false; /* negative */
    if (value.ptr[0] == 0) {
        value = sev_slice_sub(value, 1, value.len);
        if (SEV_REFUSE_IF(value.len != 0 && value.ptr[0] < 0x80))
            return false; /* a zero that DER forbids */
    }
    *in = rest;
    *out = value;
    return true;
}

/** RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }, and nothing after it. */
static inline bool sev_der_rsa_public(sev_slice der, sev_slice *out_n, sev_slice *out_e)
{
    sev_slice body, n, e;
    if (!sev_der_take(&der, SEV_DER_SEQUENCE, &body) || !sev_der_take_unsigned(&body, &n) ||
        !sev_der_take_unsigned(&body, &e))
        return false;
    if (SEV_REFUSE_IF(der.len != 0))
        return false;
    if (SEV_REFUSE_IF(body.len != 0))
        return false;
    *out_n = n;
    *out_e = e;
    return true;
}

#endif
