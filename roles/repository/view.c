/* view - drive the client's own machine over a folder, as a client would over HTTP.
 * SPDX-License-Identifier: MIT */
#include "internal.h"

/* Two snapshots, targets, the deepest path of delegations; what is out of order is copied. */
#define ARENA_BYTES_MAX (96u << 20)
#define ARENA_BYTES_LEAST (1u << 20)

sev_err sev_repo_view_open(struct sev_repo_view *v, uint64_t bytes)
{
    uint64_t wanted = bytes * 6 + ARENA_BYTES_LEAST;
    size_t cap = bytes == 0 || wanted > ARENA_BYTES_MAX ? ARENA_BYTES_MAX : (size_t)wanted;
    v->walk = sev_repo_take(v->pool, sizeof *v->walk);
    if (v->walk == NULL)
        return SEV_E_MEMORY;
    v->memory.ptr = v->fs->realloc(v->fs->self, NULL, cap);
    if (v->memory.ptr == NULL)
        return SEV_E_MEMORY;
    v->memory.len = cap;
    v->arena = sev_arena_of(v->memory.ptr, v->memory.len);
    return SEV_OK;
}

void sev_repo_view_close(struct sev_repo_view *v)
{
    if (v->memory.ptr != NULL)
        v->fs->free(v->fs->self, v->memory.ptr);
    v->memory = (struct sev_bytes){0};
}

static struct sev_repo_kept *find_kept(const struct sev_repo_view *v, const char *name)
{
    for (uint32_t i = 0; i < v->kept_count; i++)
        if (strcmp(v->kept[i].name, name) == 0)
            return &v->kept[i];
    return NULL;
}

sev_err sev_repo_view_keep(struct sev_repo_view *v, const char *name, sev_slice bytes)
{
    struct sev_repo_kept *known = find_kept(v, name);
    struct sev_repo_kept k;
    sev_err e = sev_repo_copy(v->pool, bytes, &k.bytes);
    if (e == SEV_OK && known != NULL) {
        known->bytes = k.bytes;
        return SEV_OK;
    }
    if (e == SEV_OK)
        e = sev_repo_text(v->pool, sev_repo_slice(name), &k.name);
    if (e == SEV_OK)
        e = sev_repo_grow(v->pool, (void **)&v->kept, v->kept_count, &v->kept_cap, sizeof k);
    if (e == SEV_OK)
        v->kept[v->kept_count++] = k;
    return e;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What a web server does with a URL before it opens a file. */
static sev_err decode(const char *url, char *out, size_t cap)
{
    size_t n = 0;
    for (const char *c = url; *c != '\0'; c++) {
        int byte = (unsigned char)*c;
        if (*c == '%') {
            if (digit(c[1]) < 0 || digit(c[2]) < 0)
                return SEV_E_BAD_NAME;
            byte = digit(c[1]) * 16 + digit(c[2]);
            c += 2;
        }
        if (byte == 0 || n + 1 >= cap)
            return SEV_E_BAD_NAME;
        out[n++] = (char)byte;
    }
    out[n] = '\0';
    return SEV_OK;
}

static sev_err copy_in(sev_slice bytes, const struct sev_want *want, size_t *out_len)
{
    if (bytes.len > want->max)
        return SEV_E_TOO_LONG;
    if (bytes.len != 0)
        memcpy(want->dest, bytes.ptr, bytes.len);
    *out_len = bytes.len;
    return SEV_OK;
}

static sev_err read_into(const struct sev_repo_view *v, const char *folder, const char *name,
                         const struct sev_want *want, size_t *out_len)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes b = {0};
    sev_err e = sev_path_join(folder, name, path);
    if (e == SEV_OK)
        e = sev_file_read(v->fs, path, want->max, 0, &b);
    if (e != SEV_OK)
        return e == SEV_E_NOT_FOUND ? SEV_E_ABSENT : e;
    e = copy_in(sev_bytes_slice(&b), want, out_len);
    sev_bytes_free(v->fs, &b);
    return e;
}

static sev_err fetch(const struct sev_repo_view *v, const struct sev_want *want, size_t *out_len)
{
    char name[SEV_FILE_URL_MAX + 1];
    sev_err e = decode(want->url, name, sizeof name);
    for (uint32_t i = 0; e == SEV_OK && i < v->overlay_count; i++)
        if (strcmp(v->overlays[i].name, name) == 0)
            return copy_in(v->overlays[i].bytes, want, out_len);
    return e == SEV_OK ? read_into(v, v->folder, name, want, out_len) : e;
}

static sev_err load(const struct sev_repo_view *v, const struct sev_want *want, size_t *out_len)
{
    if (v->store != NULL)
        return read_into(v, v->store, want->file, want, out_len);
    const struct sev_repo_kept *k = find_kept(v, want->file);
    return k != NULL && k->bytes.ptr != NULL ? copy_in(k->bytes, want, out_len) : SEV_E_ABSENT;
}

static sev_err store(struct sev_repo_view *v, const struct sev_want *want)
{
    char path[SEV_FS_PATH_MAX];
    if (v->store == NULL)
        return sev_repo_view_keep(v, want->file, want->bytes);
    sev_err e = sev_path_join(v->store, want->file, path);
    return e == SEV_OK ? sev_file_replace(v->fs, path, want->bytes, 0644) : e;
}

static void drive(struct sev_repo_view *v)
{
    for (;;) {
        struct sev_want want;
        size_t len = 0;
        sev_err e = SEV_E_BUG;
        sev_walk_next(v->walk, &want);
        switch (want.kind) {
        case SEV_WANT_NOTHING:
            return;
        case SEV_WANT_LOAD:
            e = load(v, &want, &len);
            break;
        case SEV_WANT_FETCH:
            e = fetch(v, &want, &len);
            break;
        case SEV_WANT_STORE:
            e = store(v, &want);
            break;
        }
        if (e == SEV_OK)
            sev_walk_got(v->walk, len);
        else if (e == SEV_E_ABSENT)
            sev_walk_absent(v->walk);
        else
            sev_walk_failed(v->walk, e);
    }
}

sev_err sev_repo_view_refresh(struct sev_repo_view *v, const struct sev_walk_config *config)
{
    sev_arena_back(&v->arena, 0);
    sev_walk_init(v->walk, config, &v->arena);
    drive(v);
    /* A file that cannot be read is no "absent": a client over HTTP would see a failure. */
    return v->walk->err != SEV_OK ? v->walk->err : v->walk->root_fetch;
}

sev_err sev_repo_view_search(struct sev_repo_view *v, sev_slice image, sev_slice hardware_id)
{
    sev_walk_search(v->walk, image, hardware_id);
    drive(v);
    return v->walk->err;
}
