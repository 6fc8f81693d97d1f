/* certificate - requests for certificates and the certificates themselves: P-256 only, in exactly
 * one form. Hosted programs with OpenSSL. SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CERTIFICATE_H
#define SECUREEV_CERTIFICATE_H

#include "secureev/signing.h"
#include "secureev/text.h"

#define SEV_CSR_BYTES_MAX 1024u            /* one name, one key: 250 */
#define SEV_CERTIFICATE_BYTES_MAX 2048u    /* of ours: 600 */
#define SEV_CERTIFICATE_NAME_CHARS_MAX 64u /* X.520's bound of a common name */

/** May this stand in a certificate? Printable ASCII, 1 to 64 characters. */
bool sev_certificate_name_ok(sev_slice name);

/* ---------------------------------------------------------------- requests */

/**
 * Read a PKCS#10 request: for `name` as its only subject (a common name), of a P-256 key that
 * signed it, without attributes. What a certificate says is our business alone.
 *
 * @retval SEV_E_CSR  anything else
 */
SEV_MUST_USE sev_err sev_csr_read(sev_slice der, sev_slice name, struct sev_pubkey *out);
/** Append one. @retval SEV_E_BAD_NAME  see above @retval SEV_E_UNSUPPORTED  not a P-256 key
 *  @retval SEV_E_MEMORY  does not fit */
SEV_MUST_USE sev_err sev_csr_write(const struct sev_privkey *key, sev_slice name, sev_buf *out);

/* ------------------------------------------------------------- certificates */

/** A CA that signs, as its own certificate says. */
struct sev_issuer {
    struct sev_pubkey key;
    sev_time not_before, not_after;
    uint8_t name[512]; /**< DER of its subject */
    size_t name_len;
    uint8_t key_id[32];
    size_t key_id_len;
    bool issues_cas; /**< it allows CAs below it */
};
/** From the first certificate of a PEM text.
 *  @retval SEV_E_KEY  not a P-256 CA that may sign certificates, or not one that we can read */
SEV_MUST_USE sev_err sev_issuer_read(sev_slice pem, struct sev_issuer *out);

enum sev_certificate_kind {
    SEV_CERTIFICATE_CLIENT, /**< `name` is its common name, and its URI where it is a DID */
    SEV_CERTIFICATE_SERVER, /**< `name` is a host or an address: common name and alternative name */
    SEV_CERTIFICATE_CA,     /**< may sign the other two, and no CA */
    SEV_CERTIFICATE_ROOT,   /**< may sign all three */
};
struct sev_certificate_plan {
    enum sev_certificate_kind kind;
    sev_slice name;
    const struct sev_pubkey *key;
    sev_time not_before, not_after;
};
/**
 * Append the DER of a certificate with a serial number of its own.
 *
 * @param issuer  NULL: signed by itself; then `ca` is the key of `plan`
 * @retval SEV_E_BAD_NAME     see above
 * @retval SEV_E_UNSUPPORTED  keys that are not P-256
 * @retval SEV_E_MALFORMED    ends before it begins, or not within its issuer's life
 * @retval SEV_E_KEY          `ca` is not the issuer's key, or may not sign that kind
 * @retval SEV_E_RANDOM, SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_certificate_make(const struct sev_privkey *ca,
                                          const struct sev_issuer *issuer,
                                          const struct sev_certificate_plan *plan, sev_buf *out);

/** What a certificate says. */
struct sev_certificate {
    struct sev_pubkey key;
    sev_time not_before, not_after;
    bool ca;
    char name[SEV_CERTIFICATE_NAME_CHARS_MAX + 1]; /**< its one common name; "" otherwise */
    uint8_t sha256[SEV_SHA256_BYTES];              /**< of the DER */
};
/** @retval SEV_E_KEY  not one that we can read, or its key is none of ours */
SEV_MUST_USE sev_err sev_certificate_read(sev_slice der, struct sev_certificate *out);

/**
 * Append PKCS#12 with an empty passphrase: key, certificate, and the CAs of a PEM text. For
 * aktualizr's provisioning (contract 5.2) and nothing else.
 *
 * @retval SEV_E_KEY  not certificates @retval SEV_E_MEMORY
 */
SEV_MUST_USE sev_err sev_pkcs12_write(const struct sev_privkey *key, sev_slice certificate_der,
                                      sev_slice ca_pem, sev_buf *out);

#endif
