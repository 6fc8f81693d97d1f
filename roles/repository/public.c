/* public - the metadata files that a folder serves, read without believing them.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

struct opening {
    struct sev_repo_pool *pool;
    const char *folder;
    struct sev_public *out;
    uint32_t count, cap;
    struct sev_public_file *files;
};

static sev_err add(struct opening *o, const char *role, const char *name,
                   struct sev_public_file **out)
{
    struct sev_public_file f = {.role = ""};
    sev_err e = sev_repo_text(o->pool, sev_repo_slice(role), &f.role);
    if (e == SEV_OK)
        e = sev_repo_text(o->pool, sev_repo_slice(name), &f.name);
    if (e == SEV_OK)
        e = sev_repo_grow(o->pool, (void **)&o->files, o->count, &o->cap, sizeof f);
    if (e != SEV_OK)
        return e;
    o->files[o->count] = f;
    *out = &o->files[o->count++];
    return SEV_OK;
}

static sev_err read_bytes(struct opening *o, const char *name, sev_slice *out)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes b = {0};
    sev_err e = sev_path_join(o->folder, name, path);
    if (e == SEV_OK)
        e = sev_file_read(o->pool->fs, path, SEV_TARGETS_BYTES_MAX, 0, &b);
    if (e == SEV_OK)
        e = sev_repo_copy(o->pool, sev_bytes_slice(&b), out);
    sev_bytes_free(o->pool->fs, &b);
    return e;
}

static sev_err open_doc(struct opening *o, struct sev_public_file *f)
{
    return sev_repo_open_in(o->pool, (int)o->out->profile, f->bytes, &f->doc);
}

/* What it says, as far as it can be read. Out of memory is no fault of the file. */
static sev_err parse(struct opening *o, struct sev_public_file *f)
{
    f->err = open_doc(o, f);
    if (f->err == SEV_E_MEMORY)
        return SEV_E_MEMORY;
    if (f->err != SEV_OK)
        return SEV_OK;
    f->signatures = sev_repo_count(f->doc.signatures);
    if (strcmp(f->role, "root") == 0) {
        f->err = sev_root_parse(&f->doc, &f->root);
        f->common = f->root.common;
    } else if (strcmp(f->role, "timestamp") == 0 || strcmp(f->role, "snapshot") == 0) {
        f->err = sev_common_parse(&f->doc, f->role, &f->common);
    } else {
        f->err = sev_targets_parse(&f->doc, &f->targets);
        f->common = f->targets.common;
    }
    return SEV_OK;
}

static sev_err take(struct opening *o, const char *role, const char *name)
{
    struct sev_public_file *f;
    sev_err e = add(o, role, name, &f);
    if (e != SEV_OK)
        return e;
    f->err = read_bytes(o, name, &f->bytes);
    if (f->err == SEV_E_MEMORY)
        return f->err;
    return f->err == SEV_OK ? parse(o, f) : SEV_OK;
}

/* Below the folder: without "aktualizr/", which is part of its path already. */
static sev_err name_of(const struct opening *o, const char *role, int64_t version,
                       char out[SEV_FS_PATH_MAX])
{
    char whole[SEV_FS_PATH_MAX];
    sev_err e = sev_repo_public_name((int)o->out->profile, role, version, whole);
    const char *slash = strchr(whole, '/');
    if (e == SEV_OK)
        (void)snprintf(out, SEV_FS_PATH_MAX, "%s", slash != NULL ? slash + 1 : whole);
    return e;
}

static bool exists(struct opening *o, const char *name)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    return sev_path_join(o->folder, name, path) == SEV_OK &&
           sev_file_stat(o->pool->fs, path, &st) == SEV_OK;
}

static sev_err take_root(struct opening *o)
{
    char name[SEV_FS_PATH_MAX];
    int64_t version = 0;
    sev_err e = SEV_OK;
    while (e == SEV_OK && version < SEV_ROOT_ROTATIONS_MAX) {
        e = name_of(o, "root", version + 1, name);
        if (e != SEV_OK || !exists(o, name))
            break;
        version++;
    }
    if (e == SEV_OK && version == 0)
        e = SEV_E_NOT_FOUND;
    if (e == SEV_OK)
        e = name_of(o, "root", version, name);
    return e == SEV_OK ? take(o, "root", name) : e;
}

static int64_t version_in(sev_slice entry)
{
    int64_t version = -1;
    sev_json j = sev_json_at(sev_json_get(entry, "version"));
    sev_json_integer(&j, &version);
    return version;
}

static sev_err take_role(struct opening *o, const char *role, int64_t version)
{
    char name[SEV_FS_PATH_MAX];
    sev_err e = name_of(o, role, version, name);
    return e == SEV_OK ? take(o, role, name) : e;
}

/* All that the snapshot lists, the top-level one first. */
static sev_err take_listed(struct opening *o, sev_slice meta)
{
    sev_json j = sev_json_at(meta);
    sev_json_str name;
    sev_err e = SEV_OK;
    int64_t top = version_in(sev_json_get(meta, "targets.json"));
    if (top >= 0)
        e = take_role(o, "targets", top);
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        sev_slice value = SEV_EMPTY;
        const char *role;
        sev_json_skip(&j, &value);
        bool listed = j.err == SEV_OK && !name.escaped && name.raw.len > 5 &&
                      memcmp(name.raw.ptr + name.raw.len - 5, ".json", 5) == 0;
        if (!listed || sev_json_str_is(name, "targets.json") || sev_json_str_is(name, "root.json"))
            continue;
        e = sev_repo_text(o->pool, sev_slice_sub(name.raw, 0, name.raw.len - 5), &role);
        if (e == SEV_OK && sev_repo_role_name_ok(role))
            e = take_role(o, role, version_in(value));
    }
    return e;
}

static sev_err take_folder(struct opening *o)
{
    sev_err e = take_root(o);
    if (e != SEV_OK)
        return e;
    if (!exists(o, "timestamp.json")) { /* aktualizr's Director has neither */
        if (o->out->profile == SEV_PROFILE_AKTUALIZR)
            return take(o, "targets", "targets.json");
    }
    e = take(o, "timestamp", "timestamp.json");
    if (e != SEV_OK || o->files[o->count - 1].err != SEV_OK)
        return e;
    sev_slice meta = sev_json_get(o->files[o->count - 1].doc.body, "meta");
    e = take_role(o, "snapshot", version_in(sev_json_get(meta, "snapshot.json")));
    if (e != SEV_OK || o->files[o->count - 1].err != SEV_OK)
        return e;
    return take_listed(o, sev_json_get(o->files[o->count - 1].doc.body, "meta"));
}

/* One file: its type says what it is. */
static sev_err take_file(struct opening *o, const char *path)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot"};
    const char *slash = strrchr(path, '/');
    char folder[SEV_FS_PATH_MAX];
    struct sev_public_file probe = {.role = "targets"};
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    o->folder = folder;
    sev_err e = read_bytes(o, slash == NULL ? path : slash + 1, &probe.bytes);
    if (e != SEV_OK)
        return e;
    const char *role = "targets";
    if (open_doc(o, &probe) == SEV_OK)
        for (int i = 0; i < 3; i++)
            if (probe.doc.type.raw.len > 1 && sev_slice_eq(sev_slice_sub(probe.doc.type.raw, 1, 64),
                                                           sev_repo_slice(roles[i] + 1)))
                role = roles[i];
    return take(o, role, slash == NULL ? path : slash + 1);
}

sev_err sev_public_open(const struct sev_fs *fs, const char *folder, sev_profile profile,
                        struct sev_repository_note *note, struct sev_public *out)
{
    struct sev_repo_pool *pool = fs->realloc(fs->self, NULL, sizeof *pool);
    struct sev_public p = {.profile = profile};
    struct sev_fs_stat st;
    if (pool == NULL)
        return SEV_E_MEMORY;
    *pool = (struct sev_repo_pool){fs, NULL};
    struct opening o = {.pool = pool, .folder = folder, .out = &p};
    sev_err e = sev_file_stat(fs, folder, &st);
    if (e == SEV_OK)
        e = st.kind == SEV_FS_REGULAR ? take_file(&o, folder) : take_folder(&o);
    if (e != SEV_OK) {
        sev_repo_pool_free(pool);
        fs->free(fs->self, pool);
        return sev_repo_fail(note, e, "%.400s: %s", folder, sev_err_sentence(e));
    }
    p.files = o.files;
    p.count = o.count;
    p.memory = pool;
    *out = p;
    return SEV_OK;
}

void sev_public_close(struct sev_public *p)
{
    struct sev_repo_pool *pool = p->memory;
    if (pool != NULL) {
        const struct sev_fs *fs = pool->fs;
        sev_repo_pool_free(pool);
        fs->free(fs->self, pool);
    }
    memset(p, 0, sizeof *p);
}

const struct sev_public_file *sev_public_find(const struct sev_public *p, const char *role)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->files[i].role, role) == 0)
            return &p->files[i];
    return NULL;
}
