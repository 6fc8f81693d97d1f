/* certificate - requests and certificates: what we write OpenSSL reads as we meant it, and each
 * request that is not exactly ours is refused. SPDX-License-Identifier: MIT */
#include "test.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "secureev/certificate.h"

#define NOW ((sev_time)1800000000) /* 2027-01-15T08:00:00Z */
#define DID "did:secureev:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct sev_privkey *key_number(int i)
{
    static struct sev_privkey *keys[4];
    if (keys[i] == NULL)
        CHECK_OK(sev_privkey_generate(i == 3 ? SEV_KEY_ED25519 : SEV_KEY_P256, 0, &keys[i]));
    return keys[i];
}
#define CA key_number(0)
#define CAR key_number(1)

static uint8_t room[3][8192];

static sev_slice pem_of(sev_slice der, int slot)
{
    sev_buf b = sev_buf_of(room[slot], sizeof room[slot]);
    sev_pem_encode(der, "CERTIFICATE", &b);
    CHECK(!b.overflow);
    return sev_buf_slice(&b);
}

static struct sev_certificate_plan ca_plan(void)
{
    return (struct sev_certificate_plan){SEV_CERTIFICATE_CA, SEV_LIT("Fleet CA"),
                                         sev_privkey_public(CA), NOW - 100, NOW + 1000000};
}

/* PEM in room[0]. */
static struct sev_issuer issuer(void)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der);
    struct sev_certificate_plan plan = ca_plan();
    struct sev_issuer out;
    CHECK_OK(sev_certificate_make(CA, NULL, &plan, &b));
    CHECK_OK(sev_issuer_read(pem_of(sev_buf_slice(&b), 0), &out));
    return out;
}

static struct sev_certificate_plan car_plan(void)
{
    return (struct sev_certificate_plan){SEV_CERTIFICATE_CLIENT, SEV_LIT(DID),
                                         sev_privkey_public(CAR), NOW - 100, NOW + 86400};
}

/* DER in room[1]. */
static sev_slice made(const struct sev_certificate_plan *plan)
{
    struct sev_issuer ca = issuer();
    sev_buf b = sev_buf_of(room[1], sizeof room[1]);
    CHECK_OK(sev_certificate_make(CA, &ca, plan, &b));
    CHECK(b.len <= SEV_CERTIFICATE_BYTES_MAX);
    return sev_buf_slice(&b);
}

static X509 *parsed(sev_slice der)
{
    const uint8_t *p = der.ptr;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    CHECK(x != NULL && p == der.ptr + der.len);
    return x;
}

/* As a server judges it: chain, purpose, dates. */
static int verdict(X509 *x, int purpose, time_t when)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    BIO *in = BIO_new_mem_buf(room[0], -1);
    X509 *ca = PEM_read_bio_X509(in, NULL, NULL, NULL);
    CHECK(X509_STORE_add_cert(store, ca) == 1);
    CHECK(X509_STORE_CTX_init(ctx, store, x, NULL) == 1);
    X509_STORE_CTX_set_time(ctx, 0, when);
    X509_STORE_CTX_set_purpose(ctx, purpose);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    X509_verify_cert(ctx);
    int e = X509_STORE_CTX_get_error(ctx);
    X509_free(ca);
    BIO_free(in);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return e;
}

TEST(certificate__of_a_vehicle__names_its_did_and_is_a_clients_and_no_ca)
{
    struct sev_certificate_plan plan = car_plan();
    sev_slice der = made(&plan);
    X509 *x = parsed(der);
    CHECK_EQ(verdict(x, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
    CHECK_EQ(verdict(x, X509_PURPOSE_SSL_SERVER, NOW), X509_V_ERR_INVALID_PURPOSE);
    CHECK_EQ(verdict(x, X509_PURPOSE_SSL_CLIENT, NOW + 86401), X509_V_ERR_CERT_HAS_EXPIRED);
    CHECK_EQ(verdict(x, X509_PURPOSE_SSL_CLIENT, NOW - 101), X509_V_ERR_CERT_NOT_YET_VALID);
    CHECK_EQ(X509_check_ca(x), 0);
    CHECK_EQ(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    CHECK_EQ(X509_get_ext_count(x), 6);
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    CHECK_EQ(sk_GENERAL_NAME_num(names), 1);
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    CHECK_EQ(name->type, GEN_URI);
    CHECK_TEXT(sev_slice_of(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
                            (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier)),
               DID);
    GENERAL_NAMES_free(names);
    X509_free(x);

    struct sev_certificate c;
    CHECK_OK(sev_certificate_read(der, &c));
    CHECK(strcmp(c.name, DID) == 0 && !c.ca);
    CHECK_EQ(c.not_before, NOW - 100);
    CHECK_EQ(c.not_after, NOW + 86400);
    CHECK(memcmp(c.key.material, plan.key->material, 65) == 0);
    uint8_t first[SEV_SHA256_BYTES];
    memcpy(first, c.sha256, sizeof first);
    CHECK_OK(sev_certificate_read(made(&plan), &c)); /* another serial number */
    CHECK(memcmp(first, c.sha256, sizeof first) != 0);
}

TEST(certificate__of_a_server__has_its_name_or_address)
{
    static const char *const names[] = {"127.0.0.1", "::1", "director.example", "1.2.3.4.5"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sev_certificate_plan plan = car_plan();
        plan.kind = SEV_CERTIFICATE_SERVER;
        plan.name = sev_slice_of(names[i], strlen(names[i]));
        X509 *x = parsed(made(&plan));
        CHECK_EQ(verdict(x, X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        CHECK_EQ(verdict(x, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_ERR_INVALID_PURPOSE);
        if (i < 2)
            CHECK_EQ(X509_check_ip_asc(x, names[i], 0), 1);
        else
            CHECK_EQ(X509_check_host(x, names[i], 0, 0, NULL), 1);
        X509_free(x);
    }
}

TEST(certificate__beyond_2049__has_the_other_kind_of_time)
{
    struct sev_certificate_plan plan = ca_plan();
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der);
    struct sev_certificate c;
    plan.not_after = INT64_C(2524608000); /* 2050-01-01 */
    CHECK_OK(sev_certificate_make(CA, NULL, &plan, &b));
    CHECK_OK(sev_certificate_read(sev_buf_slice(&b), &c));
    CHECK_EQ(c.not_after, plan.not_after);
    CHECK(c.ca && strcmp(c.name, "Fleet CA") == 0);
}

TEST(certificate__that_must_not_be__is_not_made)
{
    struct sev_issuer ca = issuer();
    static const char long_name[66] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct sev_pubkey off = *sev_privkey_public(CAR);
    off.material[64] ^= 1;
    static const struct {
        int what;
        sev_err expected;
    } wrongs[] = {{0, SEV_E_BAD_NAME},  {1, SEV_E_BAD_NAME},    {2, SEV_E_BAD_NAME},
                  {3, SEV_E_MALFORMED}, {4, SEV_E_MALFORMED},   {5, SEV_E_UNSUPPORTED},
                  {6, SEV_E_KEY},       {7, SEV_E_UNSUPPORTED}, {8, SEV_E_KEY},
                  {9, SEV_E_MALFORMED}, {10, SEV_E_MEMORY}};
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct sev_certificate_plan plan = car_plan();
        const struct sev_privkey *by = CA;
        sev_buf b = sev_buf_of(room[2], wrongs[i].what == 10 ? 300 : sizeof room[2]);
        b.len = 7;
        switch (wrongs[i].what) {
        case 0:
            plan.name = SEV_EMPTY;
            break;
        case 1:
            plan.name = sev_slice_of(long_name, 65);
            break;
        case 2:
            plan.name = SEV_LIT("a\nb");
            break;
        case 3:
            plan.not_before = plan.not_after + 1;
            break;
        case 4:
            plan.not_after = ca.not_after + 1;
            break;
        case 5:
            plan.key = sev_privkey_public(key_number(3));
            break;
        case 6:
            by = CAR;
            break;
        case 7:
            by = key_number(3);
            break;
        case 8:
            plan.key = &off;
            break;
        case 9:
            plan.not_before = -1;
            break;
        default:
            break;
        }
        CHECK_ERR(sev_certificate_make(by, &ca, &plan, &b), wrongs[i].expected);
        CHECK(b.len == 7 && !b.overflow);
    }
}

TEST(issuer__that_may_not_sign_certificates__is_none)
{
    struct sev_certificate_plan plan = car_plan();
    struct sev_issuer out;
    CHECK_ERR(sev_issuer_read(pem_of(made(&plan), 2), &out), SEV_E_KEY);
    CHECK_ERR(sev_issuer_read(SEV_LIT(""), &out), SEV_E_KEY);
    CHECK_ERR(sev_issuer_read(SEV_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END "
                                      "CERTIFICATE-----\n"),
                              &out),
              SEV_E_KEY);
    struct sev_certificate c;
    CHECK_ERR(sev_certificate_read(SEV_LIT("0"), &c), SEV_E_KEY);
    CHECK_ERR(sev_certificate_read(SEV_EMPTY, &c), SEV_E_KEY);
}

/* ---------------------------------------------------------------- requests */

static sev_slice request_of(const struct sev_privkey *key, const char *name)
{
    sev_buf b = sev_buf_of(room[2], sizeof room[2]);
    CHECK_OK(sev_csr_write(key, sev_slice_of(name, strlen(name)), &b));
    CHECK(b.len <= SEV_CSR_BYTES_MAX);
    return sev_buf_slice(&b);
}

TEST(csr__of_ours__is_read_and_openssl_reads_it_too)
{
    struct sev_pubkey key;
    sev_slice der = request_of(CAR, DID);
    const uint8_t *p = der.ptr;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)der.len);
    CHECK(request != NULL && p == der.ptr + der.len);
    CHECK_EQ(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
    X509_REQ_free(request);
    CHECK_OK(sev_csr_read(der, SEV_LIT(DID), &key));
    CHECK(memcmp(key.material, sev_privkey_public(CAR)->material, 65) == 0);
}

TEST(csr__any_bit_flipped_or_cut__refused)
{
    struct sev_pubkey key = {.len = 3};
    uint8_t changed[SEV_CSR_BYTES_MAX + 1];
    sev_slice der = request_of(CAR, DID);
    for (size_t bit = 0; bit < 8 * der.len; bit++) {
        memcpy(changed, der.ptr, der.len);
        changed[bit / 8] = (uint8_t)(changed[bit / 8] ^ 1u << bit % 8);
        CHECK_ERR(sev_csr_read(sev_slice_of(changed, der.len), SEV_LIT(DID), &key), SEV_E_CSR);
    }
    for (size_t n = 0; n < der.len; n++)
        CHECK_ERR(sev_csr_read(sev_slice_sub(der, 0, n), SEV_LIT(DID), &key), SEV_E_CSR);
    memcpy(changed, der.ptr, der.len);
    changed[der.len] = 0;
    CHECK_ERR(sev_csr_read(sev_slice_of(changed, der.len + 1), SEV_LIT(DID), &key), SEV_E_CSR);
    memset(changed, 0x30, sizeof changed);
    CHECK_ERR(sev_csr_read(sev_slice_of(changed, sizeof changed), SEV_LIT(DID), &key), SEV_E_CSR);
    CHECK_EQ(key.len, 3);
}

/* A request made with OpenSSL: `change` spoils it. */
static sev_err foreign(EVP_PKEY *pkey, const EVP_MD *md, void (*change)(X509_REQ *))
{
    uint8_t *der = NULL;
    struct sev_pubkey key;
    X509_REQ *r = X509_REQ_new();
    X509_REQ_set_pubkey(r, pkey);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "CN", MBSTRING_UTF8,
                               (const uint8_t *)DID, -1, -1, 0);
    if (change != NULL)
        change(r);
    CHECK(X509_REQ_sign(r, pkey, md) > 0);
    int len = i2d_X509_REQ(r, &der);
    sev_err e = sev_csr_read(sev_slice_of(der, (size_t)len), SEV_LIT(DID), &key);
    OPENSSL_free(der);
    X509_REQ_free(r);
    return e;
}

static void add_name(X509_REQ *r)
{
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "O", MBSTRING_UTF8,
                               (const uint8_t *)"x", -1, -1, 0);
}

static void second_name(X509_REQ *r)
{
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "CN", MBSTRING_UTF8,
                               (const uint8_t *)"x", -1, -1, 0);
}

static void other_name(X509_REQ *r)
{
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)DID, -1, -1, 0);
    X509_REQ_set_subject_name(r, name);
    X509_NAME_free(name);
}

/* It would be a CA. */
static void add_extension(X509_REQ *r)
{
    STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(all, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE"));
    CHECK(X509_REQ_add_extensions(r, all) == 1);
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
}

static void version_2(X509_REQ *r)
{
    X509_REQ_set_version(r, 1);
}

TEST(csr__that_asks_for_more_or_for_another__refused)
{
    EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK_OK(foreign(p256, EVP_sha256(), NULL));
    CHECK_ERR(foreign(p384, EVP_sha256(), NULL), SEV_E_CSR);
    CHECK_ERR(foreign(ed, NULL, NULL), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha512(), NULL), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha256(), add_name), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha256(), second_name), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha256(), other_name), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha256(), add_extension), SEV_E_CSR);
    CHECK_ERR(foreign(p256, EVP_sha256(), version_2), SEV_E_CSR);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(ed);
    struct sev_pubkey key;
    CHECK_ERR(sev_csr_read(request_of(CAR, "car-2"), SEV_LIT(DID), &key), SEV_E_CSR);
    CHECK_ERR(sev_csr_read(request_of(CAR, DID), SEV_EMPTY, &key), SEV_E_CSR);
    sev_buf b = sev_buf_of(room[2], sizeof room[2]);
    CHECK_ERR(sev_csr_write(CAR, SEV_EMPTY, &b), SEV_E_BAD_NAME);
    CHECK_ERR(sev_csr_write(key_number(3), SEV_LIT("a"), &b), SEV_E_UNSUPPORTED);
    b = sev_buf_of(room[2], 100);
    CHECK_ERR(sev_csr_write(CAR, SEV_LIT(DID), &b), SEV_E_MEMORY);
    CHECK_EQ(b.len, 0);
}

TEST(pkcs12__for_aktualizr__holds_key_certificate_and_ca)
{
    struct sev_certificate_plan plan = car_plan();
    plan.name = SEV_LIT("device-1");
    sev_slice der = made(&plan), ca = sev_slice_of(room[0], strlen((const char *)room[0]));
    sev_buf b = sev_buf_of(room[2], sizeof room[2]);
    CHECK_OK(sev_pkcs12_write(CAR, der, ca, &b));
    const uint8_t *p = room[2];
    PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)b.len);
    EVP_PKEY *key = NULL;
    X509 *own = NULL;
    STACK_OF(X509) *cas = NULL;
    CHECK(PKCS12_parse(p12, "", &key, &own, &cas) == 1);
    CHECK(X509_check_private_key(own, key) == 1);
    CHECK_EQ(sk_X509_num(cas), 1);
    CHECK(X509_get_ext_by_NID(own, NID_subject_alt_name, -1) < 0); /* it is no DID */
    sk_X509_pop_free(cas, X509_free);
    X509_free(own);
    EVP_PKEY_free(key);
    PKCS12_free(p12);
    CHECK_ERR(sev_pkcs12_write(CAR, der, SEV_EMPTY, &b), SEV_E_KEY);
    b = sev_buf_of(room[2], 100);
    CHECK_ERR(sev_pkcs12_write(CAR, der, ca, &b), SEV_E_MEMORY);
    CHECK_EQ(b.len, 0);
}
