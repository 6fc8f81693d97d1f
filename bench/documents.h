/* documents - repositories to measure with: P-256, native profile, honest. Made and signed by
 * OpenSSL's own interface, so that a program linked with any provider can use them.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_BENCH_DOCUMENTS_H
#define SEV_BENCH_DOCUMENTS_H

#include <openssl/evp.h>

#include "secureev/client.h"
#include "secureev/small.h"

#define DOCUMENTS_NOW ((sev_time)1772323200) /* 2026-03-01 */
#define DOCUMENTS_ROLES 200
#define DOCUMENTS_TARGETS_PER_ROLE 500
#define DOCUMENTS_VEHICLE "did:secureev:car-1"
#define DOCUMENTS_ECU "P1"
#define DOCUMENTS_HARDWARE "hw-1"

/** Text that grows; nothing here is ever freed. */
struct text {
    char *ptr;
    size_t len, cap;
};

struct signing_key {
    EVP_PKEY *key;
    char id[SEV_KEY_ID_CHARS + 1];
    char object[512]; /**< canonical but for the \n of PEM, as it stands in files */
};

/** A role has one key here: more of them cost the same on both sides. */
struct file {
    char url[64];
    struct text bytes;
    sev_slice message; /**< what is signed */
    const struct signing_key *key;
    uint8_t sig[80];
    size_t sig_len;
    bool listed; /**< its digest stands in another file, so it is hashed once more */
};

struct repository {
    struct file *files;
    size_t count;
    struct signing_key *keys[4]; /**< of SEV_ROLE_ROOT and so on */
};

/** The image that all repositories list. */
extern const uint8_t document_image[1024];

/** Root, timestamp, snapshot, targets with one image. */
struct repository documents_small(bool director);
/** 100,000 images in 200 roles, and one of them. */
struct repository documents_large(void);
#define DOCUMENTS_WANTED_FILE "1.supplier-150.json"
#define DOCUMENTS_WANTED "supplier-150/fw-00321.bin"

/** What a microcontroller is given: a second root, the Director's targets and its supplier's role
 *  file, and what is burnt into it. */
struct small_documents {
    struct file *first_root, *next_root, *targets, *role;
    struct sev_small_pin pin;
};
void documents_for_small(struct small_documents *out);

/** The file with this URL, or NULL. */
struct file *documents_find(const struct repository *r, const char *url);

/** The mapping under which both small repositories must agree on everything. */
extern const char documents_map[];

/** The image's digest. */
void documents_sha256(const void *bytes, size_t len, uint8_t out[SEV_SHA256_BYTES]);

#endif
