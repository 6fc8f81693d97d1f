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

#define SEV_SMALL_KEYS_MAX 6 /* that may sign root or targets: 2-of-3, one, and two to spare */
#define SEV_SMALL_ROOT_KEYS_MAX                                                                    \
    8                          /* P-256 keys in a root file: snapshot, timestamp... beside them */
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
    struct sev_small_floor targets;
    struct sev_small_floor role; /**< begins empty when a new pin has other supplier keys */
    int64_t successor_version;   /**< highest of a role file that the successor signed */
    int64_t release_mark;
};

struct sev_small_identity {
    sev_slice serial, hardware_id, vehicle;
    const struct sev_small_pin *pin; /**< NULL: the Standard's minimum, the Director alone */
};

typedef enum sev_small_kind { SEV_SMALL_ROOT, SEV_SMALL_TARGETS, SEV_SMALL_ROLE } sev_small_kind;

/** Its bytes must have the length and every digest that is there. REQ-ECU-23 */
struct sev_small_image {
    bool present;
    bool has_sha512;
    uint8_t name_len;
    char name[SEV_SMALL_NAME_MAX];
    int64_t length, release_counter;
    int64_t min_release_counter; /**< 0: any */
    uint8_t sha256[SEV_SHA256_BYTES], sha512[SEV_SHA512_BYTES];
    uint8_t match_sha256[SEV_SHA256_BYTES];
};

struct sev_small_sig {
    uint8_t key_id[16]; /* its beginning says which key to try, and nothing else */
    uint8_t len;
    uint8_t bytes[SEV_SMALL_SIG_BYTES];
};

/* A root being read. Which of its keys matter is said behind them. */
struct sev_small_new_root {
    uint8_t key_count;
    struct sev_small_role root, targets, *role;
    bool known_type, known_scheme, usable; /* of the key being read */
    struct sev_small_key keys[SEV_SMALL_ROOT_KEYS_MAX];
};

/** Caller's memory; nothing to free. */
struct sev_small {
    const struct sev_small_trust *trust;
    const struct sev_small_identity *identity;
    struct sev_small_image assigned; /**< `present` after TARGETS was accepted */
    bool vouched;                    /**< after ROLE was accepted */
    /* of the document being read */
    sev_small_kind kind;
    sev_time now;
    struct sev_json_stream json;
    struct sev_sha256 body, part;
    uint64_t fed;
    uint8_t where[8];
    uint8_t sig_count, sigs_seen;
    bool sig_named, sig_usable; /* the signature being read */
    bool in_body, in_part, type_ok, has_expires, has_targets, vehicle_ok, has_own, listed;
    struct {
        bool name_fits, mine, own_hardware, hardware_ids, listed_hardware, match, match_hardware,
            match_list_ended, sha256, plaintext, encrypted, odd;
    } seen; /* in the target being read */
    int64_t version;
    sev_time expires;
    struct sev_small_sig sigs[SEV_SMALL_SIGS_MAX];
    union {
        struct sev_small_new_root root;
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

/** May the image be installed? Assigned and, where there is a pin, vouched for by files that were
 *  read to their end and accepted; its counter is not below the mark, and the mark, once there is
 *  one, not below what the image asks for. Raise trust->release_mark when it has booted and is
 *  confirmed. */
SEV_MUST_USE sev_err sev_small_installable(const struct sev_small *s);

#endif
