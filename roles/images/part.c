/* part - the bytes of an image: only those that a file of this supplier lists and waits for, no
 * more of them than listed, hashed as they come. REQ-IMG-05 REQ-H01 REQ-H02 REQ-H28
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "internal.h"

#define RESERVE_BYTES (64u << 20)
#define PIECE_BYTES 65536u

/* "targets/DIR/SHA256.FILE" -> "DIR/FILE" and the digest. */
static sev_err read_path(sev_slice path, char *out_name, size_t cap, uint8_t *out_sha256)
{
    sev_slice prefix = SEV_LIT("targets/");
    sev_buf digest = sev_buf_of(out_sha256, SEV_SHA256_BYTES), name = sev_buf_of(out_name, cap - 1);
    if (path.len <= prefix.len || !sev_slice_eq(sev_slice_sub(path, 0, prefix.len), prefix))
        return SEV_E_NOT_FOUND;
    sev_slice rest = sev_slice_sub(path, prefix.len, path.len);
    size_t last = rest.len;
    while (last > 0 && rest.ptr[last - 1] != '/')
        last--;
    sev_slice file = sev_slice_sub(rest, last, rest.len);
    if (file.len < IMAGES_HEX_CHARS + 2 || file.ptr[IMAGES_HEX_CHARS] != '.' ||
        sev_hex_decode(sev_slice_sub(file, 0, IMAGES_HEX_CHARS), &digest) != SEV_OK)
        return SEV_E_NOT_FOUND;
    sev_buf_put_slice(&name, sev_slice_sub(rest, 0, last));
    sev_buf_put_slice(&name, sev_slice_sub(file, IMAGES_HEX_CHARS + 1, file.len));
    if (name.overflow || !images_name_ok(sev_buf_slice(&name)))
        return SEV_E_BAD_NAME;
    out_name[name.len] = '\0';
    /* Written in one way only: hex digits have two. */
    char again[SEV_FS_PATH_MAX];
    sev_err e = images_image_name(sev_buf_slice(&name), sev_buf_slice(&digest), again);
    return e == SEV_OK && !sev_slice_eq(images_text(again), path) ? SEV_E_BAD_NAME : e;
}

/* ------------------------------------------------------------ who lists it */

static sev_err find_in(sev_slice file, uint8_t *memory, size_t bytes, const char *image,
                       struct sev_target *out)
{
    struct sev_arena arena = sev_arena_of(memory, bytes);
    struct sev_targets t;
    struct sev_doc doc;
    sev_err e = sev_doc_open(&doc, file, SEV_PROFILE_NATIVE, &arena);
    if (e == SEV_OK)
        e = sev_targets_parse(&doc, &t);
    if (e == SEV_OK)
        e = sev_targets_find(&t, SEV_PROFILE_NATIVE, images_text(image), out);
    return e;
}

/* A file that waits was accepted: each image that it newly lists is its role's to list. */
static sev_err listed_by(const struct sev_images *im, const char *role, const char *image,
                         const uint8_t *sha256, struct sev_hashes *out_hashes, int64_t *out_length)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes file = {0};
    struct sev_target t;
    sev_err e = images_role_path(im, role, path);
    if (e == SEV_OK)
        e = sev_file_read(im->fs, path, SEV_TARGETS_BYTES_MAX, SEV_FILE_NO_LINK, &file);
    if (e != SEV_OK)
        return e;
    size_t bytes = 2 * file.len + 65536;
    uint8_t *memory = im->fs->realloc(im->fs->self, NULL, bytes);
    e = memory == NULL ? SEV_E_MEMORY : find_in(sev_bytes_slice(&file), memory, bytes, image, &t);
    bool same = e == SEV_OK && t.hashes.has_sha256 &&
                memcmp(t.hashes.sha256, sha256, SEV_SHA256_BYTES) == 0;
    if (same) {
        *out_hashes = t.hashes;
        *out_length = t.length;
    }
    if (memory != NULL)
        im->fs->free(im->fs->self, memory);
    sev_bytes_free(im->fs, &file);
    return e == SEV_OK && !same ? SEV_E_NOT_FOUND : e;
}

static sev_err find_listing(const struct sev_images *im, const struct sev_images_supplier *s,
                            const char *image, const uint8_t *sha256, struct sev_hashes *hashes,
                            int64_t *length)
{
    sev_err e = SEV_E_NOT_FOUND;
    for (const char *word = s->roles; e == SEV_E_NOT_FOUND && word != NULL;) {
        char role[SEV_ROLE_NAME_BYTES_MAX + 1];
        const char *blank = strchr(word, ' ');
        size_t n = blank != NULL ? (size_t)(blank - word) : strlen(word);
        bool root = n == 4 && memcmp(word, "root", 4) == 0; /* lists no images */
        if (n <= SEV_ROLE_NAME_BYTES_MAX && !root) {
            memcpy(role, word, n);
            role[n] = '\0';
            e = listed_by(im, role, image, sha256, hashes, length);
        }
        word = blank != NULL ? blank + 1 : NULL;
    }
    return e;
}

/* ----------------------------------------------------------------- opening */

static sev_err is_there(const struct sev_images *im, const char *path)
{
    struct sev_fs_stat st;
    sev_err e = sev_file_stat(im->fs, path, &st);
    return e == SEV_OK ? SEV_E_EXISTS : e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

static sev_err check_new(const struct sev_images *im, sev_slice path, const char *whole)
{
    char name[SEV_FS_PATH_MAX], public[SEV_FS_PATH_MAX];
    (void)snprintf(name, sizeof name, "%.*s", (int)path.len, (const char *)path.ptr);
    sev_err e = sev_path_join(im->folder, name, public);
    if (e == SEV_OK)
        e = is_there(im, public);
    return e == SEV_OK ? is_there(im, whole) : e;
}

/* Whoever holds the lock of the file that has the name may write it, rename it or take it away. */
static sev_err lock_part(struct sev_images_part *p, int64_t from)
{
    struct sev_fs_stat open, named;
    unsigned how = SEV_FS_LOCKABLE | SEV_FS_NO_FOLLOW | (from != 0 ? SEV_FS_APPEND : 0u);
    p->fd = p->fs->open(p->fs->self, p->path, how, 0600);
    if (p->fd < 0)
        return SEV_E_IO;
    int locked = p->fs->try_lock(p->fs->self, p->fd);
    if (locked < 0)
        return locked == -EWOULDBLOCK ? SEV_E_CONFLICT : SEV_E_IO;
    if (p->fs->fstat(p->fs->self, p->fd, &open) < 0)
        return SEV_E_IO;
    bool same = p->fs->lstat(p->fs->self, p->path, &named) == 0 && named.number == open.number &&
                named.kind == SEV_FS_REGULAR;
    if (!same || (from != 0 && open.bytes != (uint64_t)from))
        return SEV_E_CONFLICT;
    if (open.bytes > (uint64_t)p->length) { /* nothing of ours: the next one begins anew */
        (void)p->fs->unlink(p->fs->self, p->path);
        return SEV_E_CONFLICT;
    }
    return SEV_OK;
}

sev_err sev_images_part_open(const struct sev_images *im,
                             const struct sev_images_supplier *supplier, sev_slice path,
                             int64_t length, int64_t from, struct sev_images_part *out)
{
    char image[SEV_NAME_BYTES_MAX + 1];
    uint8_t sha256[SEV_SHA256_BYTES];
    int64_t listed = 0;
    struct sev_images_part *p = out;
    p->fs = NULL;
    sev_err e = read_path(path, image, sizeof image, sha256);
    if (e == SEV_OK)
        e = images_digest_path(im, "parts", sha256, p->path);
    if (e == SEV_OK)
        e = images_digest_path(im, "images", sha256, p->whole);
    if (e == SEV_OK)
        e = check_new(im, path, p->whole);
    if (e == SEV_OK)
        e = find_listing(im, supplier, image, sha256, &p->hashes, &listed);
    if (e == SEV_OK && (length != listed || from < 0 || from >= length))
        e = from != 0 && length == listed ? SEV_E_CONFLICT : SEV_E_TOO_LONG;
    if (e != SEV_OK)
        return e;
    int64_t room = im->fs->free_bytes(im->fs->self, im->uploads);
    if (room < 0 || room - (int64_t)RESERVE_BYTES < length - from)
        return room < 0 ? SEV_E_IO : SEV_E_OVERLOADED;
    p->fs = im->fs;
    p->length = length;
    p->have = from;
    p->resumed = from != 0;
    sev_sha256_init(&p->sha256);
    sev_sha512_init(&p->sha512);
    e = lock_part(p, from);
    if (e != SEV_OK)
        sev_images_part_close(p);
    return e;
}

/* ------------------------------------------------------------------ writing */

sev_err sev_images_part_append(struct sev_images_part *p, sev_slice bytes)
{
    if ((uint64_t)bytes.len > (uint64_t)(p->length - p->have))
        return SEV_E_TOO_LONG;
    if (!p->resumed) {
        sev_sha256_update(&p->sha256, bytes.ptr, bytes.len);
        if (p->hashes.has_sha512)
            sev_sha512_update(&p->sha512, bytes.ptr, bytes.len);
    }
    p->have += (int64_t)bytes.len;
    while (bytes.len != 0) {
        ptrdiff_t n = p->fs->write(p->fs->self, p->fd, bytes.ptr, bytes.len);
        if (n <= 0)
            return n == -ENOSPC ? SEV_E_OVERLOADED : SEV_E_IO;
        bytes = sev_slice_sub(bytes, (size_t)n, bytes.len);
    }
    return SEV_OK;
}

void sev_images_part_close(struct sev_images_part *p)
{
    if (p->fs != NULL && p->fd >= 0)
        p->fs->close(p->fs->self, p->fd);
    p->fs = NULL;
}

/* What came in several goes is read once more. */
static sev_err hash_again(struct sev_images_part *p)
{
    const struct sev_fs *fs = p->fs;
    uint8_t *piece = fs->realloc(fs->self, NULL, PIECE_BYTES);
    int fd = piece == NULL ? -1 : fs->open(fs->self, p->path, SEV_FS_READ | SEV_FS_NO_FOLLOW, 0);
    ptrdiff_t n = fd < 0 ? -1 : 1;
    while (n > 0) {
        n = fs->read(fs->self, fd, piece, PIECE_BYTES);
        if (n <= 0)
            break;
        sev_sha256_update(&p->sha256, piece, (size_t)n);
        sev_sha512_update(&p->sha512, piece, (size_t)n);
    }
    if (fd >= 0)
        fs->close(fs->self, fd);
    bool had = piece != NULL;
    if (had)
        fs->free(fs->self, piece);
    return !had ? SEV_E_MEMORY : n < 0 ? SEV_E_IO : SEV_OK;
}

static sev_err check_bytes(struct sev_images_part *p)
{
    uint8_t sha256[SEV_SHA256_BYTES], sha512[SEV_SHA512_BYTES];
    sev_err e = p->resumed ? hash_again(p) : SEV_OK;
    if (e != SEV_OK)
        return e;
    sev_sha256_final(&p->sha256, sha256);
    sev_sha512_final(&p->sha512, sha512);
    bool same = memcmp(sha256, p->hashes.sha256, sizeof sha256) == 0 &&
                (!p->hashes.has_sha512 || memcmp(sha512, p->hashes.sha512, sizeof sha512) == 0);
    if (same)
        return SEV_OK;
    (void)p->fs->unlink(p->fs->self, p->path);
    return SEV_E_IMAGE_HASH;
}

static sev_err keep(const struct sev_images *im, struct sev_images_part *p)
{
    char folder[SEV_FS_PATH_MAX];
    const struct sev_fs *fs = p->fs;
    if (fs->fsync(fs->self, p->fd) < 0)
        return SEV_E_IO;
    int result = fs->rename_new(fs->self, p->path, p->whole);
    if (result < 0)
        return result == -EEXIST ? SEV_E_EXISTS : SEV_E_IO;
    sev_err e = sev_path_join(im->uploads, "images", folder);
    return e == SEV_OK && fs->sync_folder(fs->self, folder) < 0 ? SEV_E_IO : e;
}

sev_err sev_images_part_finish(const struct sev_images *im, struct sev_images_part *p)
{
    sev_err e = p->have == p->length ? check_bytes(p) : SEV_E_TOO_LONG;
    if (e == SEV_OK)
        e = keep(im, p);
    sev_images_part_close(p);
    return e;
}

sev_err sev_images_release(const struct sev_images *im, const struct sev_images_call *call,
                           bool *out_published)
{
    struct images_work w;
    sev_err why = SEV_OK;
    sev_err e = images_begin(&w, im, call);
    int64_t before = w.timestamp_version;
    if (e == SEV_OK)
        e = images_release(&w, &why);
    *out_published = e == SEV_OK && w.timestamp_version > before;
    images_end(&w);
    return e;
}
