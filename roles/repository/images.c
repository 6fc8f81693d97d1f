/* images - image bytes: into the pool, and from there to where clients ask for them.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <errno.h>
#include <stdio.h>

#define PIECE_BYTES 65536u
#define POOL_FILES_MAX 1000000u

struct hashing {
    struct sev_sha256 sha256;
    struct sev_sha512 sha512;
    int64_t length;
};

static void hashing_init(struct hashing *h)
{
    sev_sha256_init(&h->sha256);
    sev_sha512_init(&h->sha512);
    h->length = 0;
}

static void hashing_final(struct hashing *h, struct sev_hashes *out)
{
    memset(out, 0, sizeof *out);
    out->has_sha256 = out->has_sha512 = true;
    sev_sha256_final(&h->sha256, out->sha256);
    sev_sha512_final(&h->sha512, out->sha512);
}

static sev_err read_pieces(const struct sev_fs *fs, struct sev_repository_note *note,
                           const char *path, int fd, uint8_t *piece, struct hashing *h,
                           struct sev_file_writer *w)
{
    struct sev_fs_stat st;
    if (fs->fstat(fs->self, fd, &st) < 0 || st.kind != SEV_FS_REGULAR)
        return sev_repo_fail(note, SEV_E_UNSAFE_FILE, "%.400s is not a regular file", path);
    for (;;) {
        ptrdiff_t n = fs->read(fs->self, fd, piece, PIECE_BYTES);
        if (n < 0)
            return sev_repo_fail(note, SEV_E_IO, "cannot read %.400s", path);
        if (n == 0)
            return SEV_OK;
        sev_sha256_update(&h->sha256, piece, (size_t)n);
        sev_sha512_update(&h->sha512, piece, (size_t)n);
        h->length += n;
        sev_err e = w != NULL ? sev_file_append(w, sev_slice_of(piece, (size_t)n)) : SEV_OK;
        if (e != SEV_OK)
            return sev_repo_fail(note, e, "cannot write %.400s", w->path);
    }
}

/* A file piece by piece through the digests and, where there is one, into a writer. */
static sev_err stream(const struct sev_fs *fs, struct sev_repository_note *note, const char *path,
                      struct hashing *h, struct sev_file_writer *w)
{
    uint8_t *piece = fs->realloc(fs->self, NULL, PIECE_BYTES);
    if (piece == NULL)
        return SEV_E_MEMORY;
    hashing_init(h);
    int fd = fs->open(fs->self, path, SEV_FS_READ, 0);
    sev_err e = SEV_OK;
    if (fd < 0) {
        e = sev_repo_fail(note, fd == -ENOENT ? SEV_E_NOT_FOUND : SEV_E_IO, "cannot open %.400s",
                          path);
    } else {
        e = read_pieces(fs, note, path, fd, piece, h, w);
        fs->close(fs->self, fd);
    }
    fs->free(fs->self, piece);
    return e;
}

sev_err sev_repo_hash_file(const struct sev_fs *fs, struct sev_repository_note *note,
                           const char *file, int64_t *out_length, struct sev_hashes *out_hashes)
{
    struct hashing h;
    sev_err e = stream(fs, note, file, &h, NULL);
    if (e != SEV_OK)
        return e;
    *out_length = h.length;
    hashing_final(&h, out_hashes);
    return SEV_OK;
}

static sev_err pool_path(struct sev_repository *r, const uint8_t sha256[SEV_SHA256_BYTES],
                         char out[SEV_FS_PATH_MAX])
{
    char name[HEX_CHARS + 8] = "pool/";
    sev_repo_hex(sha256, name + 5);
    return sev_repo_path(r, name, out);
}

static sev_err rename_into_pool(struct sev_repository *r, const char *from, const char *to)
{
    char folder[SEV_FS_PATH_MAX];
    int result = r->fs->rename(r->fs->self, from, to);
    sev_err e = result < 0 ? SEV_E_IO : sev_repo_path(r, "pool", folder);
    if (e == SEV_OK && r->fs->sync_folder(r->fs->self, folder) < 0)
        e = SEV_E_IO;
    return e == SEV_OK ? e : sev_repo_fail(r->note, e, "cannot keep %.400s", to);
}

sev_err sev_repo_pool_image(struct sev_repository *r, const char *file, int64_t *out_length,
                            struct sev_hashes *out_hashes)
{
    char folder[SEV_FS_PATH_MAX], incoming[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_file_writer w = {.fs = NULL};
    struct sev_hashes hashes;
    struct hashing h;
    sev_err e = sev_repo_path(r, "pool", folder);
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_ensure(r->fs, folder, 0755, 0));
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_clean(r->fs, folder));
    if (e == SEV_OK)
        e = sev_repo_path(r, "pool/incoming", incoming);
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_file_open_new(r->fs, incoming, 0644, &w));
    if (e == SEV_OK)
        e = stream(r->fs, r->note, file, &h, &w);
    if (e != SEV_OK) {
        sev_file_abort(&w);
        return e;
    }
    hashing_final(&h, &hashes);
    e = sev_repo_fail_fs(r, sev_file_commit(&w, true));
    if (e == SEV_OK)
        e = pool_path(r, hashes.sha256, path);
    if (e == SEV_OK)
        e = rename_into_pool(r, incoming, path);
    if (e != SEV_OK)
        return e;
    *out_length = h.length;
    *out_hashes = hashes;
    return SEV_OK;
}

void sev_repo_put_hashes(sev_json_writer *w, const struct sev_hashes *h)
{
    uint8_t hex[2 * SEV_SHA512_BYTES];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_json_w_object(w);
    if (h->has_sha256) {
        sev_hex_encode(sev_slice_of(h->sha256, SEV_SHA256_BYTES), &b);
        sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
    }
    b.len = 0;
    if (h->has_sha512) {
        sev_hex_encode(sev_slice_of(h->sha512, SEV_SHA512_BYTES), &b);
        sev_json_w_string_member(w, "sha512", sev_buf_slice(&b));
    }
    sev_json_w_object_end(w);
}

/* ---------------------------------------------------------------- publishing */

static size_t folder_len(sev_slice image)
{
    size_t n = image.len;
    while (n > 0 && image.ptr[n - 1] != '/')
        n--;
    return n;
}

/* The digest stands before the last component. REQ-REP-07 */
sev_err sev_repo_image_name(sev_slice image, sev_slice digest, char out[SEV_FS_PATH_MAX])
{
    size_t last = folder_len(image);
    sev_buf b = sev_buf_of(out, SEV_FS_PATH_MAX - 1);
    sev_buf_put_slice(&b, SEV_LIT("targets/"));
    sev_buf_put_slice(&b, sev_slice_sub(image, 0, last));
    sev_hex_encode(digest, &b);
    sev_buf_put_byte(&b, '.');
    sev_buf_put_slice(&b, sev_slice_sub(image, last, image.len));
    if (b.overflow)
        return SEV_E_BAD_NAME;
    out[b.len] = '\0';
    return SEV_OK;
}

sev_err sev_repo_plain_image_name(sev_slice image, char out[SEV_FS_PATH_MAX])
{
    sev_buf b = sev_buf_of(out, SEV_FS_PATH_MAX - 1);
    sev_buf_put_slice(&b, SEV_LIT("aktualizr/targets/"));
    sev_buf_put_slice(&b, image);
    if (b.overflow)
        return SEV_E_BAD_NAME;
    out[b.len] = '\0';
    return SEV_OK;
}

/* Is an image of this length there? Another length under a name that is never reused: refused. */
static sev_err is_public(struct sev_repository *r, const char *path, int64_t length, bool *out)
{
    struct sev_fs_stat st;
    sev_err e = sev_file_stat(r->fs, path, &st);
    *out = e == SEV_OK;
    if (e == SEV_E_NOT_FOUND)
        return SEV_OK;
    if (e != SEV_OK)
        return sev_repo_fail_fs(r, e);
    if (st.kind != SEV_FS_REGULAR || st.bytes != (uint64_t)length)
        return sev_repo_fail(r->note, SEV_E_EXISTS, "%.400s is there and is another", path);
    return SEV_OK;
}

/* Where the bytes can be had: the pool, or under the digest's public name. */
static sev_err find_bytes(struct sev_repository *r, sev_slice image, const struct sev_target *t,
                          char out[SEV_FS_PATH_MAX])
{
    struct sev_fs_stat st;
    char name[SEV_FS_PATH_MAX];
    sev_err e = pool_path(r, t->hashes.sha256, out);
    if (e == SEV_OK && sev_file_stat(r->fs, out, &st) == SEV_OK)
        return SEV_OK;
    if (e == SEV_OK)
        e = sev_repo_image_name(image, sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES), name);
    if (e == SEV_OK)
        e = sev_repo_public_path(r, name, out);
    if (e == SEV_OK && sev_file_stat(r->fs, out, &st) != SEV_OK)
        e = sev_repo_fail(
            r->note, SEV_E_NOT_FOUND,
            "the bytes of %.*s are gone\nsecureev repo add, with the same file, brings them back",
            (int)image.len, (const char *)image.ptr);
    return e;
}

static sev_err copy_image(struct sev_repository *r, sev_slice image, const struct sev_target *t,
                          const char *to)
{
    char from[SEV_FS_PATH_MAX], folder[SEV_FS_PATH_MAX];
    struct sev_file_writer w = {.fs = NULL};
    struct sev_hashes hashes;
    struct hashing h;
    sev_err e = find_bytes(r, image, t, from);
    if (e != SEV_OK)
        return e;
    (void)snprintf(folder, sizeof folder, "%s", to);
    *strrchr(folder, '/') = '\0';
    e = sev_repo_fail_fs(r, sev_dir_ensure(r->fs, folder, 0755, 0));
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_file_open_new(r->fs, to, 0644, &w));
    if (e == SEV_OK)
        e = stream(r->fs, r->note, from, &h, &w);
    if (e == SEV_OK) {
        hashing_final(&h, &hashes);
        bool same =
            h.length == t->length && memcmp(hashes.sha256, t->hashes.sha256, SEV_SHA256_BYTES) == 0;
        if (!same)
            e = sev_repo_fail(r->note, SEV_E_IMAGE_HASH, "%.400s has changed", from);
    }
    if (e != SEV_OK) {
        sev_file_abort(&w);
        return e;
    }
    e = sev_file_commit(&w, false);
    return e == SEV_E_EXISTS ? SEV_OK : sev_repo_fail_fs(r, e);
}

static sev_err publish_under(struct sev_repository *r, sev_slice image, const struct sev_target *t,
                             const char *name)
{
    char path[SEV_FS_PATH_MAX];
    bool there = false;
    sev_err e = sev_repo_public_path(r, name, path);
    if (e == SEV_OK)
        e = is_public(r, path, t->length, &there);
    return e == SEV_OK && !there ? copy_image(r, image, t, path) : e;
}

/* One name per listed digest. REQ-REP-07 */
static sev_err publish_image(struct sev_repository *r, int profile, sev_slice image,
                             const struct sev_target *t)
{
    char name[SEV_FS_PATH_MAX];
    if (profile == SEV_PROFILE_AKTUALIZR) {
        sev_err e = sev_repo_plain_image_name(image, name);
        return e == SEV_OK ? publish_under(r, image, t, name) : e;
    }
    for (int i = 0; i < 2; i++) {
        if (!(i == 0 ? t->hashes.has_sha256 : t->hashes.has_sha512))
            continue;
        sev_slice digest = i == 0 ? sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES)
                                  : sev_slice_of(t->hashes.sha512, SEV_SHA512_BYTES);
        sev_err e = sev_repo_image_name(image, digest, name);
        if (e == SEV_OK)
            e = publish_under(r, image, t, name);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

sev_err sev_repo_publish_images(struct sev_repository *r, int profile, sev_slice document)
{
    struct sev_doc doc;
    struct sev_targets t;
    sev_json_str name;
    sev_err e = sev_repo_open_doc(r, profile, document, &doc);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e != SEV_OK)
        return e;
    sev_json j = sev_json_at(t.targets);
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target target;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        e = j.err;
        if (e == SEV_OK)
            e = sev_target_parse(name, value, (sev_profile)profile, &target);
        if (e == SEV_OK)
            e = publish_image(r, profile, name.raw, &target);
    }
    return e != SEV_OK ? e : j.err;
}

/* All that is listed is public: what is left in the pool nobody wants. */
sev_err sev_repo_empty_pool(struct sev_repository *r)
{
    char folder[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    struct sev_names names = {0};
    sev_err e = sev_repo_path(r, "pool", folder);
    if (e == SEV_OK)
        e = sev_dir_list(r->fs, folder, POOL_FILES_MAX, &names);
    if (e == SEV_E_NOT_FOUND)
        return SEV_OK;
    for (size_t i = 0; e == SEV_OK && i < names.count; i++) {
        e = sev_path_join(folder, names.names[i], path);
        if (e == SEV_OK)
            e = sev_file_remove(r->fs, path);
    }
    sev_names_free(r->fs, &names);
    return sev_repo_fail_fs(r, e);
}
