/* work - what one call begins with: the lock, and what is public now. The folder is ours, yet its
 * chain of roots is verified each time: a root that a copy brought is no root yet.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

#define LOCK_MS 5000u

sev_err images_fail(struct images_work *w, sev_err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(w->detail, sizeof w->detail, format, args);
    va_end(args);
    return e;
}

void images_tell(const struct sev_images *im, sev_event_id id, sev_err why, const char *role,
                 int64_t version, const char *supplier, const char *detail)
{
    struct sev_event event = {.id = id, .err = why};
    if (role[0] != '\0')
        sev_event_text(&event, "role", images_text(role));
    if (version != 0)
        sev_event_number(&event, "version", version);
    if (supplier != NULL)
        sev_event_text(&event, "supplier", images_text(supplier));
    if (detail != NULL && detail[0] != '\0')
        sev_event_text(&event, "detail", images_text(detail));
    im->events.emit(im->events.self, &event);
}

/* ------------------------------------------------------------------- paths */

sev_err images_file_name(int64_t version, const char *role, char out[SEV_FS_PATH_MAX])
{
    char text[2 * SEV_ROLE_NAME_BYTES_MAX];
    if (strchr(role, '/') != NULL || strlen(role) > SEV_ROLE_NAME_BYTES_MAX)
        return SEV_E_BAD_NAME;
    (void)snprintf(text, sizeof text, "%s.json", role);
    if (version != 0)
        (void)snprintf(out, SEV_FS_PATH_MAX, "%lld.%s", (long long)version, text);
    else
        (void)snprintf(out, SEV_FS_PATH_MAX, "%s", text);
    return SEV_OK;
}

static sev_err below_uploads(const struct sev_images *im, const char *kind, const char *name,
                             char out[SEV_FS_PATH_MAX])
{
    char folder[SEV_FS_PATH_MAX];
    sev_err e = sev_path_join(im->uploads, kind, folder);
    return e == SEV_OK ? sev_path_join(folder, name, out) : e;
}

sev_err images_digest_path(const struct sev_images *im, const char *kind,
                           const uint8_t sha256[SEV_SHA256_BYTES], char out[SEV_FS_PATH_MAX])
{
    char name[IMAGES_HEX_CHARS + 1];
    sev_buf b = sev_buf_of(name, IMAGES_HEX_CHARS);
    sev_hex_encode(sev_slice_of(sha256, SEV_SHA256_BYTES), &b);
    name[IMAGES_HEX_CHARS] = '\0';
    return below_uploads(im, kind, name, out);
}

sev_err images_role_path(const struct sev_images *im, const char *role, char out[SEV_FS_PATH_MAX])
{
    char name[SEV_FS_PATH_MAX];
    sev_err e = images_file_name(0, role, name);
    return e == SEV_OK ? below_uploads(im, "roles", name, out) : e;
}

/* ----------------------------------------------------------------- reading */

sev_err images_read(struct images_work *w, const char *folder, const char *name, size_t bytes_max,
                    sev_slice *out)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes b = {0};
    sev_err e = sev_path_join(folder, name, path);
    if (e == SEV_OK)
        e = sev_file_read(w->im->fs, path, bytes_max, SEV_FILE_NO_LINK, &b);
    if (e != SEV_OK)
        return e;
    uint8_t *room = sev_arena_take(&w->arena, b.len + 1);
    if (room != NULL && b.len != 0)
        memcpy(room, b.ptr, b.len);
    if (room != NULL)
        *out = sev_slice_of(room, b.len);
    sev_bytes_free(w->im->fs, &b);
    return room != NULL ? SEV_OK : SEV_E_MEMORY;
}

sev_err images_file_open(struct images_work *w, const char *role, sev_slice bytes,
                         struct images_file *out)
{
    struct images_file f = {.bytes = bytes};
    bool root = strcmp(role, "root") == 0;
    if (strlen(role) > SEV_ROLE_NAME_BYTES_MAX)
        return SEV_E_BAD_NAME;
    (void)snprintf(f.role, sizeof f.role, "%s", role);
    if (bytes.len > (root ? SEV_ROOT_BYTES_MAX : SEV_TARGETS_BYTES_MAX))
        return SEV_E_TOO_LONG;
    sev_err e = sev_doc_open(&f.doc, bytes, SEV_PROFILE_NATIVE, &w->arena);
    if (e == SEV_OK)
        e = root ? sev_root_parse(&f.doc, &f.root) : sev_targets_parse(&f.doc, &f.targets);
    if (e != SEV_OK)
        return e;
    f.version = root ? f.root.common.version : f.targets.common.version;
    *out = f;
    return SEV_OK;
}

/* ------------------------------------------------------------- what is public */

static sev_err take_root(struct images_work *w, const struct images_file *f)
{
    sev_err e = SEV_OK;
    if (f->version != w->root_version + 1)
        return SEV_E_ROOT_VERSION;
    if (w->root_version != 0)
        e = sev_quorum_check(w->call->crypto, &w->root.roles[SEV_ROLE_ROOT], &f->doc, NULL);
    if (e == SEV_OK)
        e = sev_quorum_check(w->call->crypto, &f->root.roles[SEV_ROLE_ROOT], &f->doc, NULL);
    if (e != SEV_OK)
        return e;
    w->root_doc = f->doc;
    w->root = f->root;
    w->root_version = f->version;
    return SEV_OK;
}

static sev_err load_roots(struct images_work *w)
{
    sev_err e = SEV_OK;
    while (e == SEV_OK) {
        char name[SEV_FS_PATH_MAX];
        struct images_file f;
        sev_slice bytes;
        e = images_file_name(w->root_version + 1, "root", name);
        if (e == SEV_OK)
            e = images_read(w, w->im->folder, name, SEV_ROOT_BYTES_MAX, &bytes);
        if (e == SEV_E_NOT_FOUND && w->root_version != 0)
            return SEV_OK;
        if (e == SEV_OK)
            e = images_file_open(w, "root", bytes, &f);
        if (e == SEV_OK)
            e = take_root(w, &f);
        bool ours = sev_err_class(e) == SEV_CLASS_RETRY;
        if (e != SEV_OK && !ours)
            e = images_fail(w, SEV_E_NOT_PROVISIONED, "%.128s of the served folder: %s", name,
                            sev_err_sentence(e));
    }
    return e;
}

static sev_err open_online(struct images_work *w, const char *folder, const char *name,
                           size_t bytes_max, struct sev_doc *out)
{
    sev_slice bytes;
    sev_err e = images_read(w, folder, name, bytes_max, &bytes);
    return e == SEV_OK ? sev_doc_open(out, bytes, SEV_PROFILE_NATIVE, &w->arena) : e;
}

static sev_err load_timestamp(struct images_work *w)
{
    struct sev_timestamp t;
    struct sev_doc doc;
    sev_err e = open_online(w, w->im->folder, "timestamp.json", SEV_TIMESTAMP_BYTES_MAX, &doc);
    if (e == SEV_OK)
        e = sev_timestamp_parse(&doc, &t);
    if (e == SEV_OK) {
        w->timestamp_version = t.common.version;
        w->timestamp_expires = t.common.expires;
        w->snapshot_info = t.snapshot;
    }
    if (e != SEV_OK && e != SEV_E_NOT_FOUND)
        return e;
    e = open_online(w, w->im->uploads, "timestamp.json", SEV_TIMESTAMP_BYTES_MAX, &doc);
    if (e == SEV_OK)
        e = sev_timestamp_parse(&doc, &t);
    if (e == SEV_OK)
        w->claimed_timestamp = t.common.version;
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

static sev_err load_snapshot(struct images_work *w)
{
    char name[SEV_FS_PATH_MAX];
    struct sev_doc doc;
    w->snapshot.meta = SEV_LIT("{}");
    if (w->timestamp_version == 0)
        return SEV_OK;
    sev_err e = images_file_name(w->snapshot_info.version, "snapshot", name);
    if (e == SEV_OK)
        e = open_online(w, w->im->folder, name, SEV_SNAPSHOT_BYTES_MAX, &doc);
    if (e == SEV_OK && !sev_hashes_fit(&w->snapshot_info.hashes, doc.bytes))
        e = SEV_E_META_MISMATCH;
    if (e == SEV_OK)
        e = sev_snapshot_parse(&doc, &w->snapshot);
    if (e == SEV_OK) {
        w->snapshot_version = w->snapshot.common.version;
        w->snapshot_expires = w->snapshot.common.expires;
    }
    return e;
}

/* Our own files, which we wrote whole: if they cannot be read, somebody else wrote there. */
static sev_err load_online(struct images_work *w)
{
    sev_err e = load_timestamp(w);
    if (e == SEV_OK)
        e = load_snapshot(w);
    if (e != SEV_OK && sev_err_class(e) != SEV_CLASS_RETRY)
        e = images_fail(w, SEV_E_STORE, "timestamp or snapshot of the served folder: %s",
                        sev_err_sentence(e));
    return e;
}

static sev_err make_folders(const struct sev_images *im)
{
    static const char *const names[] = {"", "roles", "parts", "images"};
    char path[SEV_FS_PATH_MAX];
    sev_err e = SEV_OK;
    for (int i = 0; e == SEV_OK && i < 4; i++) {
        e = sev_path_join(im->uploads, names[i], path);
        if (e == SEV_OK)
            e = sev_dir_ensure(im->fs, i == 0 ? im->uploads : path, 0700, 0);
    }
    return e;
}

sev_err images_reload(struct images_work *w)
{
    struct images_work fresh = {
        .im = w->im, .call = w->call, .lock = w->lock, .memory = w->memory, .arena = w->arena};
    memcpy(fresh.detail, w->detail, sizeof fresh.detail);
    *w = fresh;
    sev_arena_back(&w->arena, 0);
    w->overlays = (struct images_overlays *)(void *)sev_arena_take(&w->arena, sizeof *w->overlays);
    sev_err e = w->overlays == NULL ? SEV_E_MEMORY : load_roots(w);
    return e == SEV_OK ? load_online(w) : e;
}

sev_err images_begin(struct images_work *w, const struct sev_images *im,
                     const struct sev_images_call *call)
{
    size_t bytes = im->memory_bytes != 0 ? im->memory_bytes : SEV_IMAGES_MEMORY_BYTES;
    *w = (struct images_work){.im = im, .call = call};
    sev_err e = make_folders(im);
    if (e == SEV_OK)
        e = sev_dir_lock(im->fs, im->uploads, LOCK_MS, &w->lock);
    if (e != SEV_OK)
        return e;
    w->memory = im->fs->realloc(im->fs->self, NULL, bytes);
    w->arena = sev_arena_of(w->memory, w->memory == NULL ? 0 : bytes);
    return images_reload(w);
}

void images_end(struct images_work *w)
{
    if (w->memory != NULL)
        w->im->fs->free(w->im->fs->self, w->memory);
    w->memory = NULL;
    sev_dir_unlock(&w->lock);
}
