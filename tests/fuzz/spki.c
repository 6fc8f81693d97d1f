/* spki - hostile public keys. Accepted implies: encoding it again gives the same bytes (one key,
 * one encoding), and OpenSSL reads it as that key too. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "secureev/signing.h"
#include "secureev/spki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sev_pubkey key, theirs;
    uint8_t again[700];
    sev_slice der = sev_slice_of(data, size);
    if (sev_spki_decode(der, &key) != SEV_OK || key.type == SEV_KEY_UNKNOWN)
        return 0;
    sev_buf out = sev_buf_of(again, sizeof again);
    if (sev_spki_encode(&key, &out) != SEV_OK || !sev_slice_eq(sev_buf_slice(&out), der))
        abort();
    /* OpenSSL may refuse what only use would show (off the curve, too short), and no more. */
    sev_err e = sev_pubkey_from_der(der, &theirs);
    if (e == SEV_OK && (theirs.type != key.type || theirs.len != key.len ||
                        memcmp(theirs.material, key.material, key.len) != 0))
        abort();
    if (e != SEV_OK && e != SEV_E_KEY)
        abort();
    return 0;
}
