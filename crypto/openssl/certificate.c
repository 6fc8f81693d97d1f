/* certificate - see certificate.h. What is written has a fixed form, so it is written here byte by
 * byte and signed as any other bytes are, by whatever holds the key; what others wrote is read by
 * OpenSSL. SPDX-License-Identifier: MIT */
#include "secureev/certificate.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "der_write.h"
#include "keys.h"
#include "secureev/limits.h"
#include "secureev/spki.h"

#define TAG_BOOLEAN 0x01
#define TAG_INTEGER 0x02
#define TAG_BIT_STRING 0x03
#define TAG_OCTET_STRING 0x04
#define TAG_UTF8 0x0C
#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_SEQUENCE 0x30
#define TAG_SET 0x31
#define SERIAL_BYTES 16

/* Object identifiers, with tag and length. */
#define OID_COMMON_NAME "\x06\x03\x55\x04\x03"
#define OID_ECDSA_SHA256 "\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02"
#define OID_SUBJECT_KEY_ID "\x06\x03\x55\x1D\x0E"
#define OID_KEY_USAGE "\x06\x03\x55\x1D\x0F"
#define OID_ALTERNATIVE_NAME "\x06\x03\x55\x1D\x11"
#define OID_BASIC_CONSTRAINTS "\x06\x03\x55\x1D\x13"
#define OID_AUTHORITY_KEY_ID "\x06\x03\x55\x1D\x23"
#define OID_EXTENDED_KEY_USAGE "\x06\x03\x55\x1D\x25"
#define OID_SERVER_AUTH "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01"
#define OID_CLIENT_AUTH "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02"

bool sev_certificate_name_ok(sev_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7E)
            return false;
    return name.len != 0 && name.len <= SEV_CERTIFICATE_NAME_CHARS_MAX;
}

/* ------------------------------------------------------------------ writing */

static void put_name(sev_buf *b, sev_slice common_name)
{
    size_t from = b->len;
    sev_buf_put_slice(b, SEV_LIT(OID_COMMON_NAME));
    der_put(b, TAG_UTF8, common_name);
    der_wrap(b, from, TAG_SEQUENCE);
    der_wrap(b, from, TAG_SET);
    der_wrap(b, from, TAG_SEQUENCE);
}

static void put_algorithm(sev_buf *b)
{
    der_put(b, TAG_SEQUENCE, SEV_LIT(OID_ECDSA_SHA256));
}

/* UTCTime until 2049, as RFC 5280 has it. */
static void put_time(sev_buf *b, sev_time t)
{
    uint8_t text[20], digits[15] = {0};
    sev_buf long_form = sev_buf_of(text, sizeof text), d = sev_buf_of(digits, sizeof digits);
    sev_time_format(t, &long_form);
    for (size_t i = 0; i < long_form.len; i++)
        if ((text[i] >= '0' && text[i] <= '9') || text[i] == 'Z')
            sev_buf_put_byte(&d, text[i]);
    bool utc = memcmp(digits, "2050", 4) < 0;
    b->overflow |= long_form.overflow;
    der_put(b, utc ? TAG_UTC_TIME : TAG_GENERALIZED_TIME,
            utc ? sev_slice_sub(sev_buf_slice(&d), 2, 13) : sev_buf_slice(&d));
}

static void put_bits(sev_buf *b, sev_slice bytes)
{
    size_t from = b->len;
    sev_buf_put_byte(b, 0); /* unused bits */
    sev_buf_put_slice(b, bytes);
    der_wrap(b, from, TAG_BIT_STRING);
}

/* SEQUENCE {what, algorithm, signature} around what was written since `from`. */
static sev_err sign_it(const struct sev_privkey *key, size_t from, sev_buf *b)
{
    uint8_t room[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(room, sizeof room);
    if (b->overflow)
        return SEV_E_MEMORY;
    sev_err e = sev_privkey_sign(key, sev_slice_of(b->ptr + from, b->len - from), &sig);
    if (e != SEV_OK)
        return e;
    put_algorithm(b);
    put_bits(b, sev_buf_slice(&sig));
    der_wrap(b, from, TAG_SEQUENCE);
    return b->overflow ? SEV_E_MEMORY : SEV_OK;
}

sev_err sev_csr_write(const struct sev_privkey *key, sev_slice name, sev_buf *out)
{
    static const uint8_t version[] = {TAG_INTEGER, 1, 0}, no_attributes[] = {0xA0, 0};
    sev_buf b = *out;
    size_t from = b.len;
    if (!sev_certificate_name_ok(name))
        return SEV_E_BAD_NAME;
    if (sev_privkey_public(key)->type != SEV_KEY_P256)
        return SEV_E_UNSUPPORTED;
    sev_buf_put(&b, version, sizeof version);
    put_name(&b, name);
    sev_err e = sev_spki_encode(sev_privkey_public(key), &b);
    if (e != SEV_OK)
        return e;
    sev_buf_put(&b, no_attributes, sizeof no_attributes);
    der_wrap(&b, from, TAG_SEQUENCE);
    e = sign_it(key, from, &b);
    if (e == SEV_OK)
        *out = b;
    return e;
}

/* What was written since `from` is the value. */
static void end_extension(sev_buf *b, size_t from, sev_slice oid, bool critical)
{
    static const uint8_t yes[] = {TAG_BOOLEAN, 1, 0xFF};
    uint8_t room[256];
    sev_buf value = sev_buf_of(room, sizeof room);
    sev_buf_put(&value, b->ptr + from, b->len - from);
    if (b->overflow || value.overflow) {
        b->overflow = true;
        return;
    }
    b->len = from;
    sev_buf_put_slice(b, oid);
    if (critical)
        sev_buf_put(b, yes, sizeof yes);
    der_put(b, TAG_OCTET_STRING, sev_buf_slice(&value));
    der_wrap(b, from, TAG_SEQUENCE);
}

static void key_id_of(const struct sev_pubkey *key, uint8_t out[20])
{
    uint8_t digest[SEV_SHA256_BYTES];
    sev_sha256(sev_slice_of(key->material, key->len), digest);
    memcpy(out, digest, 20);
}

static void put_constraints(sev_buf *b, enum sev_certificate_kind kind)
{
    static const uint8_t ca[] = {TAG_BOOLEAN, 1, 0xFF, TAG_INTEGER, 1, 0}; /* no CA below it */
    static const uint8_t root[] = {TAG_BOOLEAN, 1, 0xFF, TAG_INTEGER, 1, 1};
    static const uint8_t ca_use[] = {TAG_BIT_STRING, 2, 1, 0x06}; /* certificates, lists of them */
    static const uint8_t use[] = {TAG_BIT_STRING, 2, 7, 0x80};    /* signatures */
    bool is_root = kind == SEV_CERTIFICATE_ROOT, is_ca = is_root || kind == SEV_CERTIFICATE_CA;
    size_t from = b->len;
    der_put(b, TAG_SEQUENCE, is_ca ? sev_slice_of(is_root ? root : ca, sizeof ca) : SEV_EMPTY);
    end_extension(b, from, SEV_LIT(OID_BASIC_CONSTRAINTS), true);
    from = b->len;
    sev_buf_put_slice(b, is_ca ? sev_slice_of(ca_use, sizeof ca_use) : sev_slice_of(use, 4));
    end_extension(b, from, SEV_LIT(OID_KEY_USAGE), true);
    if (is_ca)
        return;
    from = b->len;
    der_put(b, TAG_SEQUENCE,
            kind == SEV_CERTIFICATE_SERVER ? SEV_LIT(OID_SERVER_AUTH) : SEV_LIT(OID_CLIENT_AUTH));
    end_extension(b, from, SEV_LIT(OID_EXTENDED_KEY_USAGE), false);
}

/* 4 or 16 bytes; NULL where it is no address. */
static ASN1_OCTET_STRING *address_of(sev_slice text)
{
    char c[SEV_CERTIFICATE_NAME_CHARS_MAX + 1] = {0};
    memcpy(c, text.ptr, text.len);
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(c);
    ERR_clear_error();
    return address;
}

static void put_alternative_name(sev_buf *b, const struct sev_certificate_plan *plan)
{
    size_t from = b->len;
    sev_slice name = plan->name;
    bool did = name.len > 4 && memcmp(name.ptr, "did:", 4) == 0;
    ASN1_OCTET_STRING *address = plan->kind == SEV_CERTIFICATE_SERVER ? address_of(name) : NULL;
    if (address != NULL)
        der_put(b, 0x87,
                sev_slice_of(ASN1_STRING_get0_data(address), (size_t)ASN1_STRING_length(address)));
    else if (plan->kind == SEV_CERTIFICATE_SERVER)
        der_put(b, 0x82, name);
    else if (plan->kind == SEV_CERTIFICATE_CLIENT && did)
        der_put(b, 0x86, name); /* a URI */
    ASN1_OCTET_STRING_free(address);
    if (b->len == from)
        return;
    der_wrap(b, from, TAG_SEQUENCE);
    end_extension(b, from, SEV_LIT(OID_ALTERNATIVE_NAME), false);
}

static void put_extensions(sev_buf *b, const struct sev_issuer *issuer,
                           const struct sev_certificate_plan *plan)
{
    size_t from = b->len, at = from;
    uint8_t id[20];
    put_constraints(b, plan->kind);
    at = b->len;
    key_id_of(plan->key, id);
    der_put(b, TAG_OCTET_STRING, sev_slice_of(id, sizeof id));
    end_extension(b, at, SEV_LIT(OID_SUBJECT_KEY_ID), false);
    at = b->len;
    der_put(b, 0x80,
            issuer == NULL ? sev_slice_of(id, sizeof id)
                           : sev_slice_of(issuer->key_id, issuer->key_id_len));
    der_wrap(b, at, TAG_SEQUENCE);
    end_extension(b, at, SEV_LIT(OID_AUTHORITY_KEY_ID), false);
    put_alternative_name(b, plan);
    der_wrap(b, from, TAG_SEQUENCE);
    der_wrap(b, from, 0xA3);
}

static sev_err check_plan(const struct sev_privkey *ca, const struct sev_issuer *issuer,
                          const struct sev_certificate_plan *plan)
{
    const struct sev_pubkey *by = sev_privkey_public(ca);
    if (!sev_certificate_name_ok(plan->name))
        return SEV_E_BAD_NAME;
    if (by->type != SEV_KEY_P256 || plan->key->type != SEV_KEY_P256 || plan->key->len != 65)
        return SEV_E_UNSUPPORTED;
    const struct sev_pubkey *expected = issuer == NULL ? plan->key : &issuer->key;
    if (by->len != expected->len || memcmp(by->material, expected->material, by->len) != 0)
        return SEV_E_KEY;
    if (plan->not_before > plan->not_after || plan->not_before < 0)
        return SEV_E_MALFORMED;
    if (issuer != NULL && plan->not_after > issuer->not_after)
        return SEV_E_MALFORMED;
    if (issuer != NULL && !issuer->issues_cas &&
        (plan->kind == SEV_CERTIFICATE_CA || plan->kind == SEV_CERTIFICATE_ROOT))
        return SEV_E_KEY;
    return SEV_OK;
}

sev_err sev_certificate_make(const struct sev_privkey *ca, const struct sev_issuer *issuer,
                             const struct sev_certificate_plan *plan, sev_buf *out)
{
    static const uint8_t version[] = {0xA0, 3, TAG_INTEGER, 1, 2};
    uint8_t serial[SERIAL_BYTES];
    sev_buf b = *out;
    size_t from = b.len;
    EVP_PKEY *usable = NULL;
    sev_err e = check_plan(ca, issuer, plan);
    if (e == SEV_OK)
        e = sev_openssl_key(plan->key, &usable); /* a point of the curve */
    EVP_PKEY_free(usable);
    if (e == SEV_OK)
        e = sev_random(serial, sizeof serial);
    if (e != SEV_OK)
        return e;
    serial[0] = (uint8_t)((serial[0] & 0x7F) | 0x40); /* positive, and always of one length */
    sev_buf_put(&b, version, sizeof version);
    der_put(&b, TAG_INTEGER, sev_slice_of(serial, sizeof serial));
    put_algorithm(&b);
    if (issuer == NULL)
        put_name(&b, plan->name);
    else
        sev_buf_put(&b, issuer->name, issuer->name_len);
    size_t validity = b.len;
    put_time(&b, plan->not_before);
    put_time(&b, plan->not_after);
    der_wrap(&b, validity, TAG_SEQUENCE);
    put_name(&b, plan->name);
    e = sev_spki_encode(plan->key, &b);
    if (e != SEV_OK)
        return e;
    put_extensions(&b, issuer, plan);
    der_wrap(&b, from, TAG_SEQUENCE);
    e = sign_it(ca, from, &b);
    if (e == SEV_OK)
        *out = b;
    return e;
}

/* ------------------------------------------------------------------ reading */

/* Of the subject: exactly one component, a common name. Empty otherwise. */
static sev_slice only_name(const X509_NAME *subject)
{
    if (X509_NAME_entry_count(subject) != 1 ||
        X509_NAME_get_index_by_NID(subject, NID_commonName, -1) != 0)
        return SEV_EMPTY;
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, 0));
    int type = ASN1_STRING_type(text);
    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
        return SEV_EMPTY;
    sev_slice name = sev_slice_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    return sev_certificate_name_ok(name) ? name : SEV_EMPTY;
}

static sev_err read_key(X509_PUBKEY *from, struct sev_pubkey *out)
{
    struct sev_pubkey key;
    uint8_t *der = NULL;
    int len = i2d_X509_PUBKEY(from, &der);
    sev_err e = len > 0 ? sev_spki_decode(sev_slice_of(der, (size_t)len), &key) : SEV_E_KEY;
    OPENSSL_free(der);
    if (e == SEV_OK && key.type != SEV_KEY_P256)
        e = SEV_E_KEY;
    if (e == SEV_OK)
        *out = key;
    return e;
}

/* Strict: what comes out when it is written again is what came in. */
static bool is_der_of(sev_slice der, const X509_REQ *request)
{
    uint8_t *again = NULL;
    int len = i2d_X509_REQ(request, &again);
    bool same = len > 0 && sev_slice_eq(sev_slice_of(again, (size_t)len), der);
    OPENSSL_free(again);
    return same;
}

static bool read_request(sev_slice der, sev_slice name, X509_REQ *request, struct sev_pubkey *out)
{
    EVP_PKEY *usable = NULL;
    struct sev_pubkey key;
    bool good = is_der_of(der, request) && X509_REQ_get_version(request) == 0 &&
                X509_REQ_get_attr_count(request) == 0 &&
                X509_REQ_get_signature_nid(request) == NID_ecdsa_with_SHA256 &&
                sev_slice_eq(only_name(X509_REQ_get_subject_name(request)), name) &&
                read_key(X509_REQ_get_X509_PUBKEY(request), &key) == SEV_OK &&
                sev_openssl_key(&key, &usable) == SEV_OK && X509_REQ_verify(request, usable) == 1;
    EVP_PKEY_free(usable);
    if (good)
        *out = key;
    return good;
}

sev_err sev_csr_read(sev_slice der, sev_slice name, struct sev_pubkey *out)
{
    const uint8_t *p = der.ptr;
    if (der.len > SEV_CSR_BYTES_MAX || name.len == 0)
        return SEV_E_CSR;
    ERR_clear_error();
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)der.len);
    bool good = request != NULL && p == der.ptr + der.len && read_request(der, name, request, out);
    X509_REQ_free(request);
    sev_err e = good ? SEV_OK : sev_openssl_failure(SEV_E_CSR);
    ERR_clear_error();
    return e;
}

static bool read_time(const ASN1_TIME *t, sev_time *out)
{
    struct tm tm;
    char text[80];
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return sev_time_parse(sev_slice_of(text, strlen(text)), out) == SEV_OK;
}

static bool read_issuer(X509 *x, struct sev_issuer *out)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x);
    uint8_t *name = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(x), &name);
    bool good = len > 0 && (size_t)len <= sizeof out->name && X509_check_ca(x) == 1 &&
                (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) != 0 && id != NULL &&
                ASN1_STRING_length(id) > 0 &&
                (size_t)ASN1_STRING_length(id) <= sizeof out->key_id &&
                read_key(X509_get_X509_PUBKEY(x), &out->key) == SEV_OK &&
                read_time(X509_get0_notBefore(x), &out->not_before) &&
                read_time(X509_get0_notAfter(x), &out->not_after);
    if (good) {
        memcpy(out->name, name, (size_t)len);
        out->name_len = (size_t)len;
        out->issues_cas = X509_get_pathlen(x) != 0; /* -1: no bound */
        out->key_id_len = (size_t)ASN1_STRING_length(id);
        memcpy(out->key_id, ASN1_STRING_get0_data(id), out->key_id_len);
    }
    OPENSSL_free(name);
    return good;
}

sev_err sev_issuer_read(sev_slice pem, struct sev_issuer *out)
{
    struct sev_issuer issuer;
    if (pem.len > INT_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, sev_openssl_no_passphrase, NULL) : NULL;
    bool good = x != NULL && read_issuer(x, &issuer);
    X509_free(x);
    BIO_free(bio);
    sev_err e = good ? SEV_OK : sev_openssl_failure(SEV_E_KEY);
    ERR_clear_error();
    if (good)
        *out = issuer;
    return e;
}

sev_err sev_certificate_read(sev_slice der, struct sev_certificate *out)
{
    struct sev_certificate c = {.ca = false};
    const uint8_t *p = der.ptr;
    if (der.len > LONG_MAX)
        return SEV_E_KEY;
    ERR_clear_error();
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    bool good = x != NULL && p == der.ptr + der.len &&
                read_key(X509_get_X509_PUBKEY(x), &c.key) == SEV_OK &&
                read_time(X509_get0_notBefore(x), &c.not_before) &&
                read_time(X509_get0_notAfter(x), &c.not_after);
    if (good) {
        sev_slice name = only_name(X509_get_subject_name(x));
        memcpy(c.name, name.len != 0 ? (const char *)name.ptr : "", name.len);
        c.ca = X509_check_ca(x) != 0;
        sev_sha256(der, c.sha256);
        *out = c;
    }
    X509_free(x);
    sev_err e = good ? SEV_OK : sev_openssl_failure(SEV_E_KEY);
    ERR_clear_error();
    return e;
}
