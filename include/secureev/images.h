/* images - an Image repository that takes uploads: signed files of suppliers and of the desk, the
 * bytes that they list, and the online snapshot and timestamp that make both visible together.
 * Plain functions over files, a signer and a time; no socket, no clock. DESIGN 8, 9.
 * SPDX-License-Identifier: MIT */
#ifndef SECUREEV_IMAGES_H
#define SECUREEV_IMAGES_H

#include "secureev/event.h"
#include "secureev/fs.h"
#include "secureev/meta.h"
#include "secureev/signer.h"

/* What is served lies in `folder`, as `secureev repo publish` writes it; 1.root.json must be there,
 * from which on everything is verified. What waits lies in `uploads`, a folder of its own on the
 * same file system:
 *   roles/ROLE.json   a signed file whose images, or whose neighbours, are not all there yet
 *   parts/SHA256      bytes on their way
 *   images/SHA256     bytes that are whole and verified
 *   timestamp.json    the last timestamp that anybody may have been served
 *
 * A signed file is accepted if every client would take it: by the delegations that lead to it, and
 * each image that it newly lists by the search that a client makes for that very path. It waits
 * until its images are there; then images, files, snapshot and timestamp come out, in this order,
 * and a client that comes meanwhile sees the state before. Nothing is ever overwritten but
 * timestamp.json. Each call holds the lock of `uploads`, so instances may share the folders; calls
 * of one process must follow each other (fs.h has one table of temporary files), but for those of
 * sev_images_part_. */

struct sev_images {
    const struct sev_fs *fs;
    const char *folder, *uploads;
    struct {
        const char *snapshot, *timestamp; /**< names of keys at the signer */
    } keys;
    int64_t life_s;            /**< of snapshot and timestamp; made anew at half of it */
    int64_t pending_bytes_max; /**< that the files of one supplier may make us wait for */
    int64_t leftover_s;        /**< what waits longer is dropped */
    struct sev_events events;
    size_t memory_bytes; /**< of one call: 0 for SEV_IMAGES_MEMORY_BYTES */
};
#define SEV_IMAGES_LIFE_SECONDS (7 * 86400)
#define SEV_IMAGES_MEMORY_BYTES                                                                    \
    (256u << 20) /* address space; what is not needed is not touched                               \
                  */

/** What one call works with. */
struct sev_images_call {
    const struct sev_sign *sign;
    struct sev_crypto *crypto;
    sev_time now;
};

/** Who uploads: the connection proved it. */
struct sev_images_supplier {
    const char *name;
    const char *roles; /**< whose files it may bring, with one blank between them; also `targets`
                            and `root`, of the desk */
};
bool sev_images_may(const struct sev_images_supplier *supplier, const char *role);

/** Is this the path (decoded, without the first '/') of a metadata file, "3.brakes.json"?
 *  @param out_role  SEV_ROLE_NAME_BYTES_MAX + 1 */
bool sev_images_is_metadata(sev_slice path, int64_t *out_version, char *out_role);

/* ------------------------------------------------------------------ files */

/** What an image still lacks. */
struct sev_images_missing {
    char path[SEV_FS_PATH_MAX]; /**< "targets/DIR/SHA256.FILE" */
    int64_t length, have;
};
typedef void sev_images_each(void *context, const struct sev_images_missing *missing);

struct sev_images_result {
    bool published;   /**< it is visible */
    uint64_t missing; /**< images that it waits for */
    sev_err why;      /**< neither published nor short of images: what it waits for */
    char detail[256]; /**< the same, or a refusal, for people */
};

/**
 * Take a signed file of `root`, `targets` or a delegated role. The same file again is fine and
 * tells what it waits for.
 *
 * @param version  that its name tells: it must be the one inside
 * @param each     is told of what is missing; may be NULL
 * @param out      also filled in when it is refused
 * @retval SEV_E_WRONG_SUBJECT     not one of the supplier's roles
 * @retval SEV_E_VERSION_ROLLBACK  not above what is published
 * @retval SEV_E_EQUIVOCATION      that version was brought with other bytes
 * @retval SEV_E_CONFLICT          a higher version waits already
 * @retval SEV_E_DELEGATION        nobody delegates to that role, or an image's path is not its own
 * @retval SEV_E_SIGNATURE, SEV_E_EXPIRED, SEV_E_MALFORMED, ...  as a client would refuse it
 * @retval SEV_E_TOO_LONG          more bytes would have to be waited for than this supplier may
 * @retval SEV_E_BUSY, SEV_E_IO    not now
 */
SEV_MUST_USE sev_err sev_images_put(const struct sev_images *im, const struct sev_images_call *call,
                                    const struct sev_images_supplier *supplier, const char *role,
                                    int64_t version, sev_slice bytes, sev_images_each *each,
                                    void *context, struct sev_images_result *out);

/* ----------------------------------------------------------------- images */

/** Bytes of an image on their way. */
struct sev_images_part {
    const struct sev_fs *fs; /**< NULL: not open */
    int fd;
    int64_t length, have;
    bool resumed;
    struct sev_hashes hashes; /**< that it must have */
    struct sev_sha256 sha256; /* of what came, unless resumed */
    struct sev_sha512 sha512;
    char path[SEV_FS_PATH_MAX], whole[SEV_FS_PATH_MAX];
};

/**
 * May these bytes come? They are listed, with that path, length and digest, by a file of one of the
 * supplier's roles that waits for them: it was accepted, so this very path is theirs.
 *
 * @param path    decoded, without the first '/'
 * @param from    where they begin: 0, or exactly after what is there already
 * @retval SEV_E_NOT_FOUND   no such file lists such an image
 * @retval SEV_E_EXISTS      it is there
 * @retval SEV_E_TOO_LONG    not the length that is listed
 * @retval SEV_E_CONFLICT    somebody else is bringing it, or `from` is another place
 * @retval SEV_E_OVERLOADED  the disk is nearly full
 */
SEV_MUST_USE sev_err sev_images_part_open(const struct sev_images *im,
                                          const struct sev_images_supplier *supplier,
                                          sev_slice path, int64_t length, int64_t from,
                                          struct sev_images_part *out);
SEV_MUST_USE sev_err sev_images_part_append(struct sev_images_part *p, sev_slice bytes);
/** All came. Verified and kept. The part is closed whatever the result. Waits for the disk, and may
 *  run beside other calls. @retval SEV_E_IMAGE_HASH  other bytes: nothing is kept */
SEV_MUST_USE sev_err sev_images_part_finish(const struct sev_images *im, struct sev_images_part *p);
/** Bring out what waits and is complete, as after each image. */
SEV_MUST_USE sev_err sev_images_release(const struct sev_images *im,
                                        const struct sev_images_call *call, bool *out_published);
/** It ended early: what came stays for another try. Fine on one that is not open. */
void sev_images_part_close(struct sev_images_part *p);

/* ----------------------------------------------------------------- upkeep */

/**
 * Once at the start and then from time to time: finish what was interrupted, bring out what waits
 * and is complete, sign snapshot and timestamp anew at half their life, drop what waited too long.
 *
 * @retval SEV_E_NOT_PROVISIONED  there is no usable 1.root.json
 */
SEV_MUST_USE sev_err sev_images_upkeep(const struct sev_images *im,
                                       const struct sev_images_call *call);

#endif
