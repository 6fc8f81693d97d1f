/* small - partial verification for a microcontroller: documents come in pieces, are never held,
 * and what is trusted afterwards is a few hundred bytes. P-256 only. ALG-9, DESIGN 3.6.
 *
 *   begin(TARGETS), feed..., end  -> what the Director assigns to this ECU
 *   begin(ROLE), feed..., end     -> the pinned supplier vouches for exactly that
 * and before that, begin(ROOT)... once for each root that the Primary offers.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_SMALL_H
#define SECUREEV_SMALL_H

#include "secureev/crypto.h"
#include "secureev/json_stream.h"
#include "secureev/text.h"

#define SEV_SMALL_KEYS_MAX 6   /* in a root: root 2-of-3, targets, and room for a rotation */
#define SEV_SMALL_SIGS_MAX 6   /* old and new root keys sign the same file */
#define SEV_SMALL_NAME_MAX 96  /* image names that a small ECU accepts */
#define SEV_SMALL_TEXT_MAX 192 /* one string: a P-256 key in PEM has 178 */
#define SEV_SMALL_SIG_BYTES 72

struct sev_small_key {
    uint8_t id[32];
    uint8_t point[64];
};
struct sev_small_role {
    uint8_t keys; /* bit i: keys[i] of the set may sign */
    uint8_t threshold;
};
struct sev_small_root {
    int64_t version;
    sev_time expires;
    uint8_t key_count;
    struct sev_small_role root, targets;
    struct sev_small_key keys[SEV_SMALL_KEYS_MAX];
};

/** Part of the ECU's image, replaced only by an image. The successor is the OEM's. */
struct sev_small_pin {
    sev_slice path;
    uint8_t key_count;
    struct sev_small_role supplier, successor;
    struct sev_small_key keys[SEV_SMALL_KEYS_MAX];
};

struct sev_small_floor {
    int64_t version; /**< 0: none yet */
    uint8_t sha256[SEV_SHA256_BYTES];
};

/** What the ECU keeps; the host stores it, as it is, whenever a call says so. */
struct sev_small_trust {
    struct sev_small_root root;
    struct sev_small_floor targets, role;
    int64_t release_mark;
};

struct sev_small_identity {
    sev_slice serial, hardware_id, vehicle;
    const struct sev_small_pin *pin; /**< NULL: the Standard's minimum, the Director alone */
};

typedef enum sev_small_kind { SEV_SMALL_ROOT, SEV_SMALL_TARGETS, SEV_SMALL_ROLE } sev_small_kind;

struct sev_small_image {
    bool present;
    uint8_t name_len;
    char name[SEV_SMALL_NAME_MAX];
    int64_t length, release_counter;
    uint8_t sha256[SEV_SHA256_BYTES];
    uint8_t match_sha256[SEV_SHA256_BYTES];
};

struct sev_small_sig {
    uint8_t key_id[32];
    uint8_t len;
    uint8_t bytes[SEV_SMALL_SIG_BYTES];
};

/** Caller's memory; nothing to free. */
struct sev_small {
    const struct sev_small_trust *trust;
    const struct sev_small_identity *identity;
    struct sev_small_image assigned; /**< after TARGETS, and vouched for after ROLE */
    bool vouched;
    /* of the document being read */
    sev_small_kind kind;
    sev_time now;
    struct sev_json_stream json;
    struct sev_sha256 body, part;
    uint64_t fed;
    uint8_t where[8];
    uint8_t sig_count;
    bool in_body, in_part, type_ok, has_expires, vehicle_ok, entry_mine, entry_hardware,
        entry_has_match, entry_has_hash, entry_plaintext, entry_encrypted, entry_fits;
    int64_t version;
    sev_time expires;
    struct sev_small_sig sigs[SEV_SMALL_SIGS_MAX];
    union {
        struct {
            struct sev_small_root next;
            struct sev_small_key key; /* the one being read */
            bool known, usable;
            uint8_t roles_seen;
            struct sev_small_role *role;
        } root;
        struct sev_small_image entry; /* the target being read */
    } u;
    uint8_t text[SEV_SMALL_TEXT_MAX];
    uint8_t names[160];
};

/** Begin a document. ROLE needs TARGETS to have ended well in the same `s`. */
void sev_small_begin(struct sev_small *s, sev_small_kind kind, const struct sev_small_trust *trust,
                     const struct sev_small_identity *identity, sev_time now);
/** The next bytes. The first error ends the document; nothing changed. */
SEV_MUST_USE sev_err sev_small_feed(struct sev_small *s, sev_slice bytes);
/**
 * That was all of it: judge.
 *
 * @param trust  becomes what is to be stored now; untouched unless SEV_OK. May be the one that
 *               sev_small_begin was given.
 */
SEV_MUST_USE sev_err sev_small_end(struct sev_small *s, struct sev_small_trust *trust);

/** At the factory, instead of sev_small_end after a ROOT: trust this root because of where it comes
 *  from; it vouches for itself only. */
SEV_MUST_USE sev_err sev_small_provision(struct sev_small *s, struct sev_small_trust *trust);

/** May the image be installed? Assigned, vouched for where there is a pin, counter not below the
 *  mark. Raise trust->release_mark when it has booted and is confirmed. */
SEV_MUST_USE sev_err sev_small_installable(const struct sev_small *s);

#endif
