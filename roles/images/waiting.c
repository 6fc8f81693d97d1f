/* waiting - signed files whose images, or whose neighbours, are not all there yet, and when they
 * come out.  SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"

static int rank(const char *role)
{
    return strcmp(role, "root") == 0 ? 0 : strcmp(role, "targets") == 0 ? 1 : 2;
}

static int64_t published_version(const struct images_work *w, const char *role)
{
    struct sev_fileinfo info;
    if (strcmp(role, "root") == 0)
        return w->root_version;
    return sev_snapshot_find(&w->snapshot, images_text(role), &info) == SEV_OK ? info.version : 0;
}

/* What the version that is public lists: entries that stay were judged when they came. */
static sev_err read_before(struct images_work *w, struct images_file *f)
{
    char name[SEV_FS_PATH_MAX];
    struct images_file old;
    sev_slice bytes;
    int64_t version = published_version(w, f->role);
    if (version == 0 || rank(f->role) == 0)
        return SEV_OK;
    sev_err e = images_file_name(version, f->role, name);
    if (e == SEV_OK)
        e = images_read(w, w->im->folder, name, SEV_TARGETS_BYTES_MAX, &bytes);
    if (e == SEV_OK)
        e = images_file_open(w, f->role, bytes, &old);
    if (e == SEV_OK)
        f->before = old.targets.targets;
    return sev_err_class(e) == SEV_CLASS_RETRY ? e : SEV_OK;
}

sev_err images_open_new(struct images_work *w, const char *role, sev_slice bytes,
                        struct images_file *out)
{
    sev_err e = images_file_open(w, role, bytes, out);
    return e == SEV_OK ? read_before(w, out) : e;
}

static sev_err roles_folder(const struct sev_images *im, char out[SEV_FS_PATH_MAX])
{
    return sev_path_join(im->uploads, "roles", out);
}

/* "brakes.json" -> "brakes" */
static bool role_of(const char *name, char out[SEV_ROLE_NAME_BYTES_MAX + 1])
{
    size_t n = strlen(name);
    if (n <= 5 || n - 5 > SEV_ROLE_NAME_BYTES_MAX || strcmp(name + n - 5, ".json") != 0)
        return false;
    memcpy(out, name, n - 5);
    out[n - 5] = '\0';
    return true;
}

static void put_in_order(struct images_file *list, uint32_t count, const struct images_file *f)
{
    uint32_t k = count;
    for (; k > 0 && rank(list[k - 1].role) > rank(f->role); k--)
        list[k] = list[k - 1];
    list[k] = *f;
}

/* A run that was stopped after it had published leaves a file behind that waits for nothing. */
static sev_err take_waiting(struct images_work *w, const char *name, struct images_file *list,
                            uint32_t *count)
{
    char folder[SEV_FS_PATH_MAX], role[SEV_ROLE_NAME_BYTES_MAX + 1];
    struct images_file f;
    sev_slice bytes;
    uint64_t missing = 0;
    if (!role_of(name, role) || *count == IMAGES_SET_MAX)
        return SEV_OK;
    sev_err e = roles_folder(w->im, folder);
    if (e == SEV_OK)
        e = images_read(w, folder, name, SEV_TARGETS_BYTES_MAX, &bytes);
    if (e == SEV_OK)
        e = images_open_new(w, role, bytes, &f);
    if (sev_err_class(e) == SEV_CLASS_RETRY)
        return e;
    if (e != SEV_OK || f.version <= published_version(w, role)) {
        if (e != SEV_OK)
            images_tell(w->im, SEV_EVENT_IMAGES_DROPPED, e, role, 0, NULL, NULL);
        return images_forget(w, role);
    }
    e = images_missing(w->im, &f, NULL, NULL, &missing, NULL);
    f.waits = missing != 0;
    if (e == SEV_OK)
        put_in_order(list, (*count)++, &f);
    return e;
}

sev_err images_waiting(struct images_work *w, struct images_file *out, uint32_t *out_count)
{
    char folder[SEV_FS_PATH_MAX];
    struct sev_names names = {0};
    *out_count = 0;
    sev_err e = roles_folder(w->im, folder);
    if (e == SEV_OK)
        e = sev_dir_list(w->im->fs, folder, IMAGES_WAITING_MAX, &names);
    for (size_t i = 0; e == SEV_OK && i < names.count; i++)
        e = take_waiting(w, names.names[i], out, out_count);
    sev_names_free(w->im->fs, &names);
    return e;
}

sev_err images_keep_waiting(struct images_work *w, const struct images_file *f)
{
    char path[SEV_FS_PATH_MAX];
    sev_err e = images_role_path(w->im, f->role, path);
    return e == SEV_OK ? sev_file_replace(w->im->fs, path, f->bytes, 0600) : e;
}

sev_err images_forget(struct images_work *w, const char *role)
{
    char path[SEV_FS_PATH_MAX];
    sev_err e = images_role_path(w->im, role, path);
    if (e == SEV_OK)
        e = sev_file_remove(w->im->fs, path);
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

/* ------------------------------------------------------------ what is missing */

bool images_name_ok(sev_slice name)
{
    size_t last = name.len;
    if (name.len > SEV_NAME_BYTES_MAX || !sev_name_is_clean(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7e || name.ptr[i] == '"' ||
            (name.ptr[i] == '.' && (i == 0 || name.ptr[i - 1] == '/')))
            return false; /* names that begin with a dot are not served */
    while (last > 0 && name.ptr[last - 1] != '/')
        last--;
    return name.len - last <= 255 - 2 * SEV_SHA512_BYTES - 1;
}

sev_err images_image_name(sev_slice image, sev_slice digest, char out[SEV_FS_PATH_MAX])
{
    size_t last = image.len;
    sev_buf b = sev_buf_of(out, SEV_FS_PATH_MAX - 1);
    if (!images_name_ok(image))
        return SEV_E_BAD_NAME;
    while (last > 0 && image.ptr[last - 1] != '/')
        last--;
    sev_buf_put_slice(&b, SEV_LIT("targets/"));
    sev_buf_put_slice(&b, sev_slice_sub(image, 0, last));
    sev_hex_encode(digest, &b);
    sev_buf_put_byte(&b, '.');
    sev_buf_put_slice(&b, sev_slice_sub(image, last, image.len));
    out[b.len] = '\0';
    return SEV_OK;
}

static sev_err stat_at(const struct sev_images *im, const char *path, struct sev_fs_stat *out,
                       bool *there)
{
    sev_err e = sev_file_stat(im->fs, path, out);
    *there = e == SEV_OK && out->kind == SEV_FS_REGULAR;
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

static sev_err missing_one(const struct sev_images *im, const struct sev_target *t,
                           struct sev_images_missing *out, bool *is_missing)
{
    struct sev_fs_stat st;
    char path[SEV_FS_PATH_MAX];
    bool there = false;
    sev_slice digest = sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES);
    sev_err e = t->hashes.has_sha256 && !t->name.escaped
                    ? images_image_name(t->name.raw, digest, out->path)
                    : SEV_E_MALFORMED;
    out->length = t->length;
    out->have = 0;
    if (e == SEV_OK)
        e = sev_path_join(im->folder, out->path, path);
    if (e == SEV_OK)
        e = stat_at(im, path, &st, &there);
    if (e == SEV_OK && !there) {
        e = images_digest_path(im, "images", t->hashes.sha256, path);
        if (e == SEV_OK)
            e = stat_at(im, path, &st, &there);
    }
    *is_missing = !there;
    if (e == SEV_OK && !there) {
        e = images_digest_path(im, "parts", t->hashes.sha256, path);
        if (e == SEV_OK)
            e = stat_at(im, path, &st, &there);
        if (e == SEV_OK && there)
            out->have = (int64_t)st.bytes < t->length ? (int64_t)st.bytes : 0;
    }
    return e;
}

sev_err images_missing(const struct sev_images *im, const struct images_file *f,
                       sev_images_each *each, void *context, uint64_t *out_count,
                       int64_t *out_bytes)
{
    sev_json j = sev_json_at(f->targets.targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    int64_t bytes = 0;
    *out_count = 0;
    if (f->targets.targets.len != 0)
        sev_json_object(&j);
    while (f->targets.targets.len != 0 && e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_images_missing m;
        struct sev_target t;
        sev_slice value = SEV_EMPTY;
        bool is_missing = false;
        sev_json_skip(&j, &value);
        e = j.err != SEV_OK ? j.err : sev_target_parse(name, value, SEV_PROFILE_NATIVE, &t);
        if (e == SEV_OK)
            e = missing_one(im, &t, &m, &is_missing);
        if (e != SEV_OK || !is_missing)
            continue;
        ++*out_count;
        bytes = bytes > INT64_MAX - m.length ? INT64_MAX : bytes + m.length;
        if (each != NULL)
            each(context, &m);
    }
    if (out_bytes != NULL)
        *out_bytes = bytes;
    return e == SEV_OK ? j.err : e;
}

/* ---------------------------------------------------------------- release */

/* Which of those that wait are tried together. */
enum choice { EVERYTHING, ROOT_AND_TARGETS, ROOT, TARGETS_AND_ROLES, ROLE };

static uint32_t choose(const struct images_file *all, uint32_t count, enum choice choice,
                       uint32_t number, struct images_file *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        int r = rank(all[i].role);
        bool wanted = choice == EVERYTHING || (choice == ROOT_AND_TARGETS && r <= 1) ||
                      (choice == ROOT && r == 0) || (choice == TARGETS_AND_ROLES && r >= 1) ||
                      (choice == ROLE && r == 2 && i == number);
        if (wanted && !all[i].waits)
            out[n++] = all[i];
    }
    return n;
}

struct releasing {
    struct images_work *w;
    struct images_file *all, *set;
    uint32_t count;
    sev_err why;
    char detail[256];
};

/* The first reason is told: it is that of all together. */
static sev_err attempt(struct releasing *r, enum choice choice, uint32_t number, uint32_t *tried,
                       bool *out_published)
{
    uint32_t count = choose(r->all, r->count, choice, number, r->set);
    *out_published = false;
    if (count == 0 || (choice != EVERYTHING && count == *tried))
        return SEV_OK;
    if (choice == EVERYTHING)
        *tried = count;
    sev_err e = images_judge(r->w, r->set, count, NULL);
    if (e == SEV_OK) {
        e = images_publish(r->w, r->set, count);
        *out_published = e == SEV_OK;
        if (e != SEV_OK)
            images_tell(r->w->im, SEV_EVENT_IMAGES_NOT_PUBLISHED, e, r->set[0].role,
                        r->set[0].version, NULL, r->w->detail);
    }
    if (e != SEV_OK && r->why == SEV_OK) {
        r->why = e;
        (void)snprintf(r->detail, sizeof r->detail, "%s", r->w->detail);
    }
    return sev_err_class(e) == SEV_CLASS_RETRY ? e : SEV_OK;
}

static sev_err release_some(struct releasing *r, bool *out_published)
{
    uint32_t tried = 0;
    sev_err e = SEV_OK;
    *out_published = false;
    for (int choice = EVERYTHING; e == SEV_OK && !*out_published && choice <= ROLE; choice++)
        for (uint32_t i = 0; e == SEV_OK && !*out_published && i < (choice == ROLE ? r->count : 1);
             i++)
            e = attempt(r, (enum choice)choice, i, &tried, out_published);
    return e;
}

sev_err images_release(struct images_work *w, sev_err *out_why)
{
    struct releasing r = {.w = w, .why = SEV_OK};
    bool again = true;
    sev_err e = SEV_OK;
    while (e == SEV_OK && again) {
        size_t room = IMAGES_SET_MAX * sizeof *r.all;
        r.all = (struct images_file *)(void *)sev_arena_take(&w->arena, room);
        r.set = (struct images_file *)(void *)sev_arena_take(&w->arena, room);
        r.why = SEV_OK;
        e = r.all == NULL || r.set == NULL ? SEV_E_MEMORY : images_waiting(w, r.all, &r.count);
        if (e == SEV_OK)
            e = release_some(&r, &again);
        sev_err reloaded = images_reload(w);
        if (e == SEV_OK)
            e = reloaded;
    }
    memcpy(w->detail, r.detail, sizeof w->detail);
    *out_why = r.why;
    return e;
}
