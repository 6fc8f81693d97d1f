/* online - snapshot and timestamp: what they list, signed, and brought out so that every moment is
 * consistent. DESIGN 3.1, 3.4  SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"

#define SPEC "1.0.31"

/* What a snapshot says of one file. */
struct listed {
    sev_slice name;  /* "ROLE.json" */
    sev_slice value; /* as it stands now, or: */
    const struct images_file *file;
};

static void put_info(sev_json_writer *w, sev_slice bytes, int64_t version)
{
    uint8_t digest[SEV_SHA256_BYTES];
    char hex[IMAGES_HEX_CHARS];
    sev_buf b = sev_buf_of(hex, sizeof hex);
    sev_sha256(bytes, digest);
    sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_json_w_object(w);
    sev_json_w_string_member(w, "sha256", sev_buf_slice(&b));
    sev_json_w_object_end(w);
    sev_json_w_integer_member(w, "length", (int64_t)bytes.len);
    sev_json_w_integer_member(w, "version", version);
    sev_json_w_object_end(w);
}

static void put_head(sev_json_writer *w, const char *type, sev_time expires)
{
    char text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(expires, &b);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "_type", images_text(type));
    sev_json_w_string_member(w, "expires", sev_buf_slice(&b));
    sev_json_w_name(w, SEV_LIT("meta"));
    sev_json_w_object(w);
}

static sev_err end_body(sev_json_writer *w, int64_t version)
{
    sev_json_w_object_end(w);
    sev_json_w_string_member(w, "spec_version", SEV_LIT(SPEC));
    sev_json_w_integer_member(w, "version", version);
    sev_json_w_object_end(w);
    return sev_arena_want(sev_json_w_end(w));
}

/* ---------------------------------------------------------------- snapshot */

static sev_err name_in_arena(struct images_work *w, const char *role, sev_slice *out)
{
    size_t len = strlen(role) + 5;
    uint8_t *room = sev_arena_take(&w->arena, len + 1);
    if (room == NULL)
        return SEV_E_MEMORY;
    (void)snprintf((char *)room, len + 1, "%s.json", role);
    *out = sev_slice_of(room, len);
    return SEV_OK;
}

/* The set's files, by name; a root stands in no snapshot. */
static sev_err sort_set(struct images_work *w, const struct images_file *set, uint32_t count,
                        struct listed *out, uint32_t *out_count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct listed l = {.file = &set[i]};
        if (strcmp(set[i].role, "root") == 0)
            continue;
        sev_err e = name_in_arena(w, set[i].role, &l.name);
        if (e != SEV_OK)
            return e;
        uint32_t k = n++;
        for (; k > 0 && sev_slice_cmp(out[k - 1].name, l.name) > 0; k--)
            out[k] = out[k - 1];
        out[k] = l;
    }
    *out_count = n;
    return SEV_OK;
}

static void put_file(sev_json_writer *w, const struct listed *l)
{
    sev_json_w_name(w, l->name);
    put_info(w, l->file->bytes, l->file->version);
}

/* What is listed stays, under its name; names never vanish. REQ-VER-26 */
static sev_err put_meta(sev_json_writer *w, sev_slice meta, const struct listed *set,
                        uint32_t count)
{
    sev_json j = sev_json_at(meta);
    sev_json_str name;
    uint32_t next = 0;
    sev_json_object(&j);
    while (sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        if (name.escaped || j.err != SEV_OK)
            return SEV_E_STORE;
        while (next < count && sev_slice_cmp(set[next].name, name.raw) < 0)
            put_file(w, &set[next++]);
        if (next < count && sev_slice_eq(set[next].name, name.raw)) {
            put_file(w, &set[next++]);
            continue;
        }
        sev_json_w_name(w, name.raw);
        sev_json_w_raw(w, value);
    }
    while (next < count)
        put_file(w, &set[next++]);
    return j.err;
}

static sev_err signed_in_arena(struct images_work *w, const struct sev_sign *sign, const char *key,
                               sev_slice body, size_t bytes_max, sev_slice *out)
{
    size_t room = body.len + SEV_SIGN_OVERHEAD_BYTES;
    sev_buf b = sev_buf_of(sev_arena_take(&w->arena, room), room);
    if (b.ptr == NULL)
        return SEV_E_MEMORY;
    sev_err e = sev_sign_document(sign, SEV_PROFILE_NATIVE, key, body, bytes_max, &b);
    if (e == SEV_OK)
        *out = sev_buf_slice(&b);
    return e;
}

static sev_err make_snapshot(struct images_work *w, const struct sev_sign *sign,
                             const struct images_file *set, uint32_t count, struct images_online *o)
{
    struct listed sorted[IMAGES_SET_MAX];
    uint32_t sorted_count = 0;
    sev_err e = sort_set(w, set, count, sorted, &sorted_count);
    size_t room = w->snapshot.meta.len + (size_t)count * 512 + 4096;
    sev_buf body = sev_buf_of(sev_arena_take(&w->arena, room), room);
    if (e == SEV_OK && body.ptr == NULL)
        e = SEV_E_MEMORY;
    if (e != SEV_OK)
        return e;
    sev_json_writer j = sev_json_writer_to(&body);
    put_head(&j, "snapshot", w->call->now + w->im->life_s);
    e = put_meta(&j, w->snapshot.meta, sorted, sorted_count);
    sev_err ended = end_body(&j, o->snapshot_version);
    if (e == SEV_OK)
        e = ended;
    return e == SEV_OK ? signed_in_arena(w, sign, w->im->keys.snapshot, sev_buf_slice(&body),
                                         SEV_SNAPSHOT_BYTES_MAX, &o->snapshot)
                       : e;
}

/* --------------------------------------------------------------- timestamp */

static sev_err make_timestamp(struct images_work *w, const struct sev_sign *sign,
                              struct images_online *o)
{
    size_t room = 4096;
    sev_buf body = sev_buf_of(sev_arena_take(&w->arena, room), room);
    if (body.ptr == NULL)
        return SEV_E_MEMORY;
    sev_json_writer j = sev_json_writer_to(&body);
    put_head(&j, "timestamp", w->call->now + w->im->life_s);
    sev_json_w_name(&j, SEV_LIT("snapshot.json"));
    put_info(&j, o->snapshot, o->snapshot_version);
    sev_err e = end_body(&j, o->timestamp_version);
    return e == SEV_OK ? signed_in_arena(w, sign, w->im->keys.timestamp, sev_buf_slice(&body),
                                         SEV_TIMESTAMP_BYTES_MAX, &o->timestamp)
                       : e;
}

/* A version whose file lies there, though no timestamp lists it, was claimed by a run that was
 * interrupted: the next one then. */
static sev_err next_snapshot_version(struct images_work *w, int64_t *out)
{
    int64_t version = w->snapshot_version;
    sev_err e = SEV_OK;
    while (e == SEV_OK) {
        char name[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
        struct sev_fs_stat st;
        e = images_file_name(++version, "snapshot", name);
        if (e == SEV_OK)
            e = sev_path_join(w->im->folder, name, path);
        if (e == SEV_OK)
            e = sev_file_stat(w->im->fs, path, &st);
    }
    if (e == SEV_E_NOT_FOUND)
        *out = version;
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

sev_err images_make_online(struct images_work *w, const struct sev_sign *sign,
                           const struct images_file *set, uint32_t count, struct images_online *out)
{
    int64_t before =
        w->claimed_timestamp > w->timestamp_version ? w->claimed_timestamp : w->timestamp_version;
    struct images_online o = {.timestamp_version = before + 1};
    sev_err e = next_snapshot_version(w, &o.snapshot_version);
    if (e == SEV_OK)
        e = make_snapshot(w, sign, set, count, &o);
    if (e == SEV_OK)
        e = make_timestamp(w, sign, &o);
    if (e == SEV_OK)
        *out = o;
    return e;
}

/* ------------------------------------------------------------- bringing out */

static sev_err create(struct images_work *w, const char *name, sev_slice bytes)
{
    char path[SEV_FS_PATH_MAX];
    sev_slice there;
    sev_err e = sev_path_join(w->im->folder, name, path);
    if (e == SEV_OK)
        e = sev_file_create(w->im->fs, path, bytes, 0644);
    if (e != SEV_E_EXISTS)
        return e;
    e = images_read(w, w->im->folder, name, bytes.len + 1, &there);
    if (e == SEV_OK && sev_slice_eq(there, bytes))
        return SEV_OK;
    return e == SEV_OK || e == SEV_E_TOO_LONG ? SEV_E_EQUIVOCATION : e;
}

/* The timestamp decides. It is kept where no client looks before any client can see it: should the
 * power fail between the two, its version is not given to other bytes. */
sev_err images_bring_online(struct images_work *w, const struct images_online *o)
{
    char name[SEV_FS_PATH_MAX], path[SEV_FS_PATH_MAX];
    sev_err e = images_file_name(o->snapshot_version, "snapshot", name);
    if (e == SEV_OK)
        e = create(w, name, o->snapshot);
    if (e == SEV_OK)
        e = sev_path_join(w->im->uploads, "timestamp.json", path);
    if (e == SEV_OK)
        e = sev_file_replace(w->im->fs, path, o->timestamp, 0600);
    if (e == SEV_OK)
        e = sev_path_join(w->im->folder, "timestamp.json", path);
    return e == SEV_OK ? sev_file_replace(w->im->fs, path, o->timestamp, 0644) : e;
}

/* Below the served folder there are real folders only: a link would lead out of it. REQ-H02 */
static sev_err make_folders(const struct sev_images *im, char *path)
{
    for (char *slash = path + strlen(im->folder) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        struct sev_fs_stat st;
        *slash = '\0';
        sev_err e = sev_file_stat(im->fs, path, &st);
        if (e == SEV_E_NOT_FOUND)
            e = sev_dir_ensure(im->fs, path, 0755, 0);
        else if (e == SEV_OK && st.kind != SEV_FS_FOLDER)
            e = SEV_E_UNSAFE_FILE;
        *slash = '/';
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

/* A second name for bytes that are whole: never over what is there. */
static sev_err link_out(const struct sev_images *im, const char *from, const char *name,
                        int64_t length)
{
    char path[SEV_FS_PATH_MAX], folder[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    sev_err e = sev_path_join(im->folder, name, path);
    if (e != SEV_OK)
        return e;
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    e = make_folders(im, path);
    if (e == SEV_OK)
        e = sev_file_stat(im->fs, path, &st);
    if (e == SEV_OK)
        return st.kind == SEV_FS_REGULAR && st.bytes == (uint64_t)length ? SEV_OK : SEV_E_EXISTS;
    if (e != SEV_E_NOT_FOUND)
        return e;
    int result = im->fs->link(im->fs->self, from, path);
    if (result == 0)
        result = im->fs->sync_folder(im->fs->self, folder);
    return result == 0 ? SEV_OK : SEV_E_IO;
}

typedef sev_err each_target(struct images_work *w, const struct sev_target *t);

static sev_err for_each_target(struct images_work *w, const struct images_file *f,
                               each_target *each)
{
    sev_json j = sev_json_at(f->targets.targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    if (f->targets.targets.len == 0)
        return SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target t;
        sev_slice value = SEV_EMPTY;
        sev_json_skip(&j, &value);
        e = j.err != SEV_OK ? j.err : sev_target_parse(name, value, SEV_PROFILE_NATIVE, &t);
        if (e == SEV_OK)
            e = each(w, &t);
    }
    return e == SEV_OK ? j.err : e;
}

/* Bytes that came, or those that are out already under the first name. */
static sev_err find_image(struct images_work *w, const struct sev_target *t,
                          char out[SEV_FS_PATH_MAX])
{
    char name[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    sev_err e = images_digest_path(w->im, "images", t->hashes.sha256, out);
    if (e == SEV_OK)
        e = sev_file_stat(w->im->fs, out, &st);
    if (e != SEV_E_NOT_FOUND)
        return e;
    e = images_image_name(t->name.raw, sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES), name);
    return e == SEV_OK ? sev_path_join(w->im->folder, name, out) : e;
}

/* One name per listed digest. REQ-REP-07 */
static sev_err bring_image(struct images_work *w, const struct sev_target *t)
{
    char from[SEV_FS_PATH_MAX], name[SEV_FS_PATH_MAX];
    sev_err e = find_image(w, t, from);
    for (int i = 0; e == SEV_OK && i < 2; i++) {
        if (!(i == 0 ? t->hashes.has_sha256 : t->hashes.has_sha512))
            continue;
        sev_slice digest = i == 0 ? sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES)
                                  : sev_slice_of(t->hashes.sha512, SEV_SHA512_BYTES);
        e = images_image_name(t->name.raw, digest, name);
        if (e == SEV_OK)
            e = link_out(w->im, from, name, t->length);
    }
    return e;
}

static sev_err drop_image(struct images_work *w, const struct sev_target *t)
{
    char path[SEV_FS_PATH_MAX];
    sev_err e = images_digest_path(w->im, "images", t->hashes.sha256, path);
    if (e == SEV_OK)
        e = sev_file_remove(w->im->fs, path);
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

static sev_err bring_files(struct images_work *w, const struct images_file *set, uint32_t count,
                           bool root)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        char name[SEV_FS_PATH_MAX];
        if ((strcmp(set[i].role, "root") == 0) != root)
            continue;
        e = images_file_name(set[i].version, set[i].role, name);
        if (e == SEV_OK)
            e = create(w, name, set[i].bytes);
    }
    return e;
}

/* A root whose snapshot and timestamp keys stay comes last, and nobody notices; else first, and a
 * reader in between is refused and comes again: as `repo publish` has it. */
static bool root_comes_first(struct images_work *w, const struct images_file *set, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (int role = SEV_ROLE_TIMESTAMP; role <= SEV_ROLE_TARGETS; role++) {
            uint8_t old[SEV_SHA256_BYTES], new[SEV_SHA256_BYTES];
            if (strcmp(set[i].role, "root") != 0)
                continue;
            if (sev_role_digest(&w->root.roles[role], SEV_PROFILE_NATIVE, old) != SEV_OK ||
                sev_role_digest(&set[i].root.roles[role], SEV_PROFILE_NATIVE, new) != SEV_OK ||
                memcmp(old, new, sizeof old) != 0)
                return true;
        }
    return false;
}

static sev_err bring_out(struct images_work *w, const struct images_file *set, uint32_t count,
                         const struct images_online *online)
{
    bool root_first = root_comes_first(w, set, count);
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        e = for_each_target(w, &set[i], bring_image);
    if (e == SEV_OK && root_first)
        e = bring_files(w, set, count, true);
    if (e == SEV_OK)
        e = bring_files(w, set, count, false);
    if (e == SEV_OK)
        e = images_bring_online(w, online);
    return e == SEV_OK && !root_first ? bring_files(w, set, count, true) : e;
}

sev_err images_publish(struct images_work *w, const struct images_file *set, uint32_t count)
{
    struct images_online online;
    char snapshot[SEV_FS_PATH_MAX];
    sev_err e = images_make_online(w, w->call->sign, set, count, &online);
    if (e != SEV_OK)
        return images_fail(w, e, "snapshot and timestamp cannot be signed: %s",
                           sev_err_sentence(e));
    images_overlays_init(w->overlays, w->im->fs);
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        char name[SEV_FS_PATH_MAX];
        e = images_file_name(set[i].version, set[i].role, name);
        if (e == SEV_OK)
            e = images_overlays_add(w->overlays, w->im->folder, name, set[i].bytes);
    }
    if (e == SEV_OK)
        e = images_file_name(online.snapshot_version, "snapshot", snapshot);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, w->im->folder, snapshot, online.snapshot);
    if (e == SEV_OK)
        e = images_overlays_add(w->overlays, w->im->folder, "timestamp.json", online.timestamp);
    if (e == SEV_OK)
        e = images_look(w, w->overlays, set, count, true, NULL);
    if (e == SEV_OK)
        e = bring_out(w, set, count, &online);
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        images_tell(w->im, SEV_EVENT_IMAGES_PUBLISHED, SEV_OK, set[i].role, set[i].version, NULL,
                    NULL);
        e = images_forget(w, set[i].role);
        if (e == SEV_OK)
            e = for_each_target(w, &set[i], drop_image);
    }
    return e;
}
