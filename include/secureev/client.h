/* client - one update cycle of an ECU: the Director's assignment, agreement of all repositories of
 * the map, the images. Sans-IO like the walk that it drives; it ends with a verified set or with
 * one named refusal. uptane.md ALG-1, ALG-9, ALG-10; DESIGN 3.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_CLIENT_H
#define SECUREEV_CLIENT_H

#include "secureev/walk.h"

typedef enum sev_mode {
    SEV_MODE_PRIMARY, /**< full verification of every image of the vehicle */
    SEV_MODE_FULL,    /**< a Secondary: full verification of its own image */
    SEV_MODE_PARTIAL, /**< the Standard's minimum: the Director's signatures only */
} sev_mode;

struct sev_ecu {
    sev_slice serial;
    sev_slice hardware_id;
};

struct sev_client_config {
    sev_profile profile;
    sev_mode mode;
    sev_time now;
    const struct sev_ecu *ecus; /**< ours; the first is this ECU, the only one but in PRIMARY */
    uint32_t ecu_count;
    sev_slice vehicle;         /**< our id; empty: the first accepted Director file binds it */
    const struct sev_map *map; /**< repositories[0] is the Director, and `images` is among them */
    struct sev_crypto *crypto;
};

/** An image that the Director assigns to this vehicle. */
struct sev_image {
    struct sev_target target; /**< the Director's entry */
    struct sev_listing listing;
    uint32_t needs; /**< repositories that must agree: bits as in the map */
    uint32_t absent_at, differs_at, withdrawn_at;
    bool wanted; /**< not installed yet everywhere it is assigned */
    uint32_t name_len;
    char name[SEV_NAME_BYTES_MAX];
};

struct sev_assignment {
    uint32_t ecu; /**< index into config.ecus */
    uint32_t image;
    int64_t release_counter;
    bool installed;
};

/** The client's wants are the walk's, for the repository or store that `where` names, and three: */
typedef enum sev_client_want_kind {
    SEV_CLIENT_OVER,    /**< see sev_client.err */
    SEV_CLIENT_WALK,    /**< `want` for repository `repository` of the map */
    SEV_CLIENT_STATE,   /**< `want` (LOAD or STORE) for the vehicle's own state file */
    SEV_CLIENT_IMAGE,   /**< get image `image` from Images: feed it with sev_client_image_* */
    SEV_CLIENT_RELEASE, /**< all images are verified: hand over all of them, or none */
} sev_client_want_kind;

struct sev_client_want {
    sev_client_want_kind kind;
    uint32_t repository;
    struct sev_want want;
    uint32_t image;
    sev_slice image_name;
    int64_t image_length;
    char image_url[SEV_URL_BYTES_MAX + 1]; /**< relative to Images' base */
};

/** Caller's memory; nothing to free. Fields are for reading only. */
struct sev_client {
    struct sev_client_config config;
    struct sev_arena *arena;
    struct sev_walk walk;
    int state;
    bool waiting;
    sev_err err;
    char repository[32]; /**< which it is about; empty: none */
    char role[SEV_ROLE_NAME_BYTES_MAX + 1];
    const struct sev_image *about_image; /**< which image it is about, or NULL */
    int64_t expected, actual;
    bool has_numbers;

    sev_slice stored_state; /**< as loaded; empty: none yet */
    sev_buf new_state;
    size_t mark, state_max;
    uint8_t *state_dest;
    uint32_t vehicle_len;
    char vehicle[SEV_ID_BYTES_MAX]; /**< the one we are bound to, or are about to be */
    bool bound;

    uint32_t image_count, assignment_count;
    struct sev_image *images;
    struct sev_assignment *assignments;
    uint32_t current; /**< repository being visited */
    uint32_t next_search, next_image;
    struct sev_want held; /**< waits until the binding is stored */
    bool holding;

    struct sev_sha256 sha256;
    struct sev_sha512 sha512;
    int64_t received;
    uint32_t delivered; /**< images verified in this cycle */
};

/** Begin a cycle. `config` is copied, what it points to is borrowed until the end; so is `arena`,
 *  which holds every document of the cycle. */
void sev_client_init(struct sev_client *c, const struct sev_client_config *config,
                     struct sev_arena *arena);

void sev_client_next(struct sev_client *c, struct sev_client_want *out);

/* Answers to SEV_CLIENT_WALK and SEV_CLIENT_STATE, as in walk.h. */
void sev_client_got(struct sev_client *c, size_t len);
void sev_client_absent(struct sev_client *c);
void sev_client_failed(struct sev_client *c, sev_err why);

/* Answers to SEV_CLIENT_IMAGE: data in pieces, then the end. An error means: stop the transfer,
 * drop the bytes, and go on with sev_client_next, which ends the cycle. */
SEV_MUST_USE sev_err sev_client_image_data(struct sev_client *c, sev_slice bytes);
void sev_client_image_end(struct sev_client *c);
/** It was handed over (SEV_CLIENT_RELEASE), or that failed: then nothing was. */
void sev_client_released(struct sev_client *c, sev_err result);

#endif
