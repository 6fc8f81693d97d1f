/* internal - what the files of roles/images share.  SPDX-License-Identifier: MIT */
#ifndef SEV_ROLES_IMAGES_INTERNAL_H
#define SEV_ROLES_IMAGES_INTERNAL_H

#include "secureev/images.h"
#include "secureev/walk.h"

#define IMAGES_HEX_CHARS (2 * SEV_SHA256_BYTES)
#define IMAGES_SET_MAX 64 /* files that come out together */
#define IMAGES_WAITING_MAX 1024

/* ---------------------------------------------------------------- overlay */

/** Bytes that stand where a file would be; `ptr` NULL: there is none. */
struct images_overlay {
    char path[SEV_FS_PATH_MAX];
    sev_slice bytes;
    bool open;
    size_t at;
};
#define IMAGES_OVERLAYS_MAX (IMAGES_SET_MAX + 8)
/** A file system that has these files before those of another one. */
struct images_overlays {
    struct sev_fs fs;
    const struct sev_fs *under;
    uint32_t count;
    struct images_overlay items[IMAGES_OVERLAYS_MAX];
};
void images_overlays_init(struct images_overlays *o, const struct sev_fs *under);
/** @param name  below `folder` */
SEV_MUST_USE sev_err images_overlays_add(struct images_overlays *o, const char *folder,
                                         const char *name, sev_slice bytes);

/* ------------------------------------------------------------------- work */

/** A signed file that is to be public. */
struct images_file {
    char role[SEV_ROLE_NAME_BYTES_MAX + 1];
    sev_slice bytes;
    struct sev_doc doc;
    struct sev_targets targets; /**< but of a root */
    struct sev_root root;
    int64_t version;
    sev_slice before; /**< `targets` of the version that is public now; empty: none */
    bool waits;       /**< for images */
};

/** One call: the lock, its memory, and what is public. */
struct images_work {
    const struct sev_images *im;
    const struct sev_images_call *call;
    struct sev_dir_lock lock;
    uint8_t *memory;
    struct sev_arena arena;
    struct sev_doc root_doc;
    struct sev_root root;
    int64_t root_version;
    int64_t timestamp_version, claimed_timestamp; /**< 0: none */
    sev_time timestamp_expires;
    struct sev_fileinfo snapshot_info;
    struct sev_snapshot snapshot; /**< meta is {} where there is none */
    int64_t snapshot_version;
    sev_time snapshot_expires;
    struct images_overlays *overlays;
    char detail[256]; /**< why not, for people */
};
/** Lock, and read what is public. */
SEV_MUST_USE sev_err images_begin(struct images_work *w, const struct sev_images *im,
                                  const struct sev_images_call *call);
void images_end(struct images_work *w);
/** Read anew what is public; all else that lies in the arena is gone. */
SEV_MUST_USE sev_err images_reload(struct images_work *w);
/** Say why, and return `e`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
sev_err
images_fail(struct images_work *w, sev_err e, const char *format, ...);

static inline sev_slice images_text(const char *text)
{
    return sev_slice_of(text, strlen(text));
}
/** A whole file into the arena. */
SEV_MUST_USE sev_err images_read(struct images_work *w, const char *folder, const char *name,
                                 size_t bytes_max, sev_slice *out);
/** "N.ROLE.json" */
SEV_MUST_USE sev_err images_file_name(int64_t version, const char *role, char out[SEV_FS_PATH_MAX]);
/** What such a file says. */
SEV_MUST_USE sev_err images_file_open(struct images_work *w, const char *role, sev_slice bytes,
                                      struct images_file *out);
/** The same of one that is to come: with what the public version lists. */
SEV_MUST_USE sev_err images_open_new(struct images_work *w, const char *role, sev_slice bytes,
                                     struct images_file *out);
void images_tell(const struct sev_images *im, sev_event_id id, sev_err why, const char *role,
                 int64_t version, const char *supplier, const char *detail);

/* ----------------------------------------------------------------- online */

struct images_online {
    int64_t snapshot_version, timestamp_version;
    sev_slice snapshot, timestamp; /**< signed */
};
/** Snapshot and timestamp that list what is public with these files in it. */
SEV_MUST_USE sev_err images_make_online(struct images_work *w, const struct sev_sign *sign,
                                        const struct images_file *set, uint32_t count,
                                        struct images_online *out);
/** Bring them out, last of all. */
SEV_MUST_USE sev_err images_bring_online(struct images_work *w, const struct images_online *online);
/** Sign, look as a client would, bring out: images, files, snapshot, timestamp. Afterwards `w`
 * tells what was public before. */
SEV_MUST_USE sev_err images_publish(struct images_work *w, const struct images_file *set,
                                    uint32_t count);

/* ------------------------------------------------------------------ judge */

/** Would clients take all of these? With keys of our own in place of the signer's: nothing is
 *  signed that is not published. `only`: errors about other files than this one do not count. */
SEV_MUST_USE sev_err images_judge(struct images_work *w, struct images_file *set, uint32_t count,
                                  const char *only);
/** As a client that saw what is public now sees it next. */
SEV_MUST_USE sev_err images_look(struct images_work *w, struct images_overlays *over,
                                 const struct images_file *set, uint32_t count, bool returning,
                                 const char *only);

/* ---------------------------------------------------------------- waiting */

/** Files that wait, roots first, then targets; their bytes in the arena. */
SEV_MUST_USE sev_err images_waiting(struct images_work *w, struct images_file *out,
                                    uint32_t *out_count);
SEV_MUST_USE sev_err images_keep_waiting(struct images_work *w, const struct images_file *f);
SEV_MUST_USE sev_err images_forget(struct images_work *w, const char *role);
/** What a file's images lack. `out_bytes` may be NULL. */
SEV_MUST_USE sev_err images_missing(const struct sev_images *im, const struct images_file *f,
                                    sev_images_each *each, void *context, uint64_t *out_count,
                                    int64_t *out_bytes);
/** Bring out what can be. `last` gets why the rest cannot, as far as it is complete. */
SEV_MUST_USE sev_err images_release(struct images_work *w, sev_err *out_why);

/** "targets/DIR/HEX.FILE" */
SEV_MUST_USE sev_err images_image_name(sev_slice image, sev_slice digest,
                                       char out[SEV_FS_PATH_MAX]);
/** May an image be called so here? */
bool images_name_ok(sev_slice name);
/** uploads/KIND/HEX */
SEV_MUST_USE sev_err images_digest_path(const struct sev_images *im, const char *kind,
                                        const uint8_t sha256[SEV_SHA256_BYTES],
                                        char out[SEV_FS_PATH_MAX]);
/** uploads/roles/ROLE.json */
SEV_MUST_USE sev_err images_role_path(const struct sev_images *im, const char *role,
                                      char out[SEV_FS_PATH_MAX]);

#endif
