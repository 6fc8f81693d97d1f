/* grants - see secureev/grants.h.  SPDX-License-Identifier: MIT */
#include "secureev/grants.h"

#include <stdio.h>

#define ROOT_ROOM (2u << 20)

struct granted {
    uint8_t subject[SEV_SHA256_BYTES];
    sev_time expires;
    uint32_t count;
    uint8_t (*images)[SEV_SHA256_BYTES]; /* ascending */
};

struct sev_grants {
    const struct sev_fs *fs;
    char folder[SEV_FS_PATH_MAX], oem[SEV_ID_BYTES_MAX + 1];
    int64_t version;
    struct sev_bytes root, memory; /* what `publish` and `rooted` borrow from */
    struct sev_root rooted;
    struct sev_role publish;
    uint32_t count, cap, most;
    uint64_t bytes;
    struct granted *list; /* by subject */
};

/* ------------------------------------------------------------------- roots */

struct opened {
    struct sev_bytes bytes, memory;
    struct sev_doc doc;
    struct sev_root root;
};

static void drop_opened(const struct sev_fs *fs, struct opened *o)
{
    sev_bytes_free(fs, &o->bytes);
    sev_bytes_free(fs, &o->memory);
}

static sev_err open_root(const struct sev_grants *g, int64_t version, struct opened *o)
{
    char name[64], path[SEV_FS_PATH_MAX];
    *o = (struct opened){.bytes = {0}};
    (void)snprintf(name, sizeof name, "%lld.root.json", (long long)version);
    sev_err e = sev_path_join(g->folder, name, path);
    if (e == SEV_OK)
        e = sev_file_read(g->fs, path, SEV_ROOT_BYTES_MAX, SEV_FILE_NO_LINK, &o->bytes);
    if (e == SEV_OK)
        e = sev_bytes_new(g->fs, ROOT_ROOM, &o->memory);
    if (e != SEV_OK) {
        drop_opened(g->fs, o);
        return e;
    }
    struct sev_arena arena = sev_arena_of(o->memory.ptr, o->memory.len);
    e = sev_doc_open(&o->doc, sev_bytes_slice(&o->bytes), SEV_PROFILE_NATIVE, &arena);
    if (e == SEV_OK)
        e = sev_root_parse(&o->doc, &o->root);
    if (e == SEV_OK && o->root.common.version != version)
        e = SEV_E_ROOT_VERSION;
    if (e != SEV_OK)
        drop_opened(g->fs, o);
    return e;
}

static void forget_all(struct sev_grants *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        g->fs->free(g->fs->self, g->list[i].images);
    g->count = 0;
    g->bytes = 0;
}

/* By the keys of the one before and by its own: so the chain begins with what was put there. */
static sev_err next_root(struct sev_grants *g, struct sev_crypto *crypto)
{
    struct opened o;
    struct sev_role publish = {.threshold = 0};
    sev_err e = open_root(g, g->version + 1, &o);
    if (e != SEV_OK)
        return e;
    if (g->version != 0)
        e = sev_quorum_check(crypto, &g->rooted.roles[SEV_ROLE_ROOT], &o.doc, NULL);
    if (e == SEV_OK)
        e = sev_quorum_check(crypto, &o.root.roles[SEV_ROLE_ROOT], &o.doc, NULL);
    if (e == SEV_OK) {
        e = sev_root_extra(&o.root, SEV_PROFILE_NATIVE, "publish", &publish);
        e = e == SEV_E_NOT_FOUND ? SEV_OK : e; /* nobody may grant any more */
    }
    if (e != SEV_OK) {
        drop_opened(g->fs, &o);
        return e;
    }
    sev_bytes_free(g->fs, &g->root);
    sev_bytes_free(g->fs, &g->memory);
    g->root = o.bytes;
    g->memory = o.memory;
    g->rooted = o.root;
    g->publish = publish;
    g->version++;
    forget_all(g);
    return SEV_OK;
}

sev_err sev_grants_follow(struct sev_grants *g, struct sev_crypto *crypto)
{
    sev_err e = SEV_OK;
    while (e == SEV_OK)
        e = next_root(g, crypto);
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

sev_err sev_grants_new(const struct sev_fs *fs, const char *folder, const char *oem, uint32_t most,
                       struct sev_grants **out)
{
    struct sev_grants *g = fs->realloc(fs->self, NULL, sizeof *g);
    if (g == NULL)
        return SEV_E_MEMORY;
    *g = (struct sev_grants){.fs = fs, .most = most};
    int n = snprintf(g->folder, sizeof g->folder, "%s", folder);
    int m = snprintf(g->oem, sizeof g->oem, "%s", oem);
    sev_err e = n < 0 || (size_t)n >= sizeof g->folder || m < 0 || (size_t)m >= sizeof g->oem
                    ? SEV_E_BAD_NAME
                    : sev_grants_follow(g, NULL);
    if (e == SEV_OK && (g->version == 0 || g->publish.threshold == 0))
        e = SEV_E_NOT_PROVISIONED;
    if (e == SEV_OK)
        *out = g;
    else
        sev_grants_free(g);
    return e;
}

void sev_grants_free(struct sev_grants *g)
{
    if (g == NULL)
        return;
    forget_all(g);
    if (g->list != NULL)
        g->fs->free(g->fs->self, g->list);
    sev_bytes_free(g->fs, &g->root);
    sev_bytes_free(g->fs, &g->memory);
    g->fs->free(g->fs->self, g);
}

/* ------------------------------------------------------------------- table */

/* Where it is, or would be. */
static uint32_t place_of(const struct sev_grants *g, const uint8_t subject[SEV_SHA256_BYTES],
                         bool *out_there)
{
    uint32_t low = 0, high = g->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(g->list[middle].subject, subject, SEV_SHA256_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_there = low < g->count && memcmp(g->list[low].subject, subject, SEV_SHA256_BYTES) == 0;
    return low;
}

static void drop(struct sev_grants *g, uint32_t i)
{
    g->bytes -= (uint64_t)g->list[i].count * SEV_SHA256_BYTES;
    g->fs->free(g->fs->self, g->list[i].images);
    g->count--;
    memmove(&g->list[i], &g->list[i + 1], (g->count - i) * sizeof *g->list);
}

/* What is over goes; then what ends first: its owner can bring it again. */
static void make_room(struct sev_grants *g, uint64_t bytes, sev_time now)
{
    bool swept = false;
    while (g->count != 0 && (g->count >= g->most || g->bytes + bytes > SEV_GRANTS_BYTES_MAX)) {
        uint32_t first = 0;
        for (uint32_t i = g->count; !swept && i-- > 0;)
            if (g->list[i].expires <= now)
                drop(g, i);
        for (uint32_t i = 1; swept && i < g->count; i++)
            if (g->list[i].expires < g->list[first].expires)
                first = i;
        if (swept)
            drop(g, first);
        swept = true;
    }
}

static sev_err read_images(const struct sev_fs *fs, const struct sev_grant *grant,
                           struct granted *out)
{
    sev_json j = sev_list(grant->images);
    uint8_t(*images)[SEV_SHA256_BYTES] =
        fs->realloc(fs->self, NULL, SEV_GRANT_IMAGES_MAX * sizeof *images);
    if (images == NULL)
        return SEV_E_MEMORY;
    out->count = 0;
    while (out->count < SEV_GRANT_IMAGES_MAX && sev_json_element(&j)) {
        sev_json_str hex;
        sev_buf b = sev_buf_of(images[out->count], SEV_SHA256_BYTES);
        sev_json_string(&j, &hex);
        if (j.err == SEV_OK && sev_hex_decode(hex.raw, &b) == SEV_OK && b.len == SEV_SHA256_BYTES)
            out->count++;
    }
    void *smaller = fs->realloc(fs->self, images, (out->count + 1) * sizeof *images);
    out->images = smaller != NULL ? smaller : (void *)images;
    return SEV_OK;
}

static sev_err grow(struct sev_grants *g)
{
    if (g->count < g->cap)
        return SEV_OK;
    uint32_t cap = g->cap == 0 ? 64 : g->cap * 2;
    struct granted *list = g->fs->realloc(g->fs->self, g->list, cap * sizeof *list);
    if (list == NULL)
        return SEV_E_MEMORY;
    g->list = list;
    g->cap = cap;
    return SEV_OK;
}

sev_err sev_grants_take(struct sev_grants *g, struct sev_crypto *crypto,
                        const uint8_t subject[SEV_SHA256_BYTES], sev_slice bytes, sev_time now)
{
    struct sev_grant grant;
    struct granted made = {.count = 0};
    struct sev_doc doc;
    bool there = false;
    sev_err e = sev_message_open(&doc, bytes);
    if (e == SEV_OK && (g->publish.threshold == 0 || g->rooted.common.expires <= now))
        e = g->publish.threshold == 0 ? SEV_E_SIGNATURE : SEV_E_EXPIRED;
    if (e == SEV_OK)
        e = sev_grant_check(crypto, &g->publish, &doc, subject, now, &grant);
    if (e == SEV_OK && !sev_slice_eq(grant.oem, sev_slice_of(g->oem, strlen(g->oem))))
        e = SEV_E_WRONG_SUBJECT;
    if (e == SEV_OK)
        e = read_images(g->fs, &grant, &made);
    if (e != SEV_OK)
        return e;
    uint32_t i = place_of(g, subject, &there);
    if (there)
        drop(g, i);
    make_room(g, (uint64_t)made.count * SEV_SHA256_BYTES, now);
    e = grow(g);
    if (e != SEV_OK) {
        g->fs->free(g->fs->self, made.images);
        return e;
    }
    i = place_of(g, subject, &there);
    memcpy(made.subject, subject, sizeof made.subject);
    made.expires = grant.expires;
    memmove(&g->list[i + 1], &g->list[i], (g->count - i) * sizeof *g->list);
    g->list[i] = made;
    g->count++;
    g->bytes += (uint64_t)made.count * SEV_SHA256_BYTES;
    return SEV_OK;
}

sev_err sev_grants_may(const struct sev_grants *g, const uint8_t subject[SEV_SHA256_BYTES],
                       const uint8_t image[SEV_SHA256_BYTES], sev_time now)
{
    bool there = false;
    uint32_t i = place_of(g, subject, &there);
    if (!there)
        return SEV_E_NO_GRANT;
    if (g->list[i].expires <= now || g->rooted.common.expires <= now)
        return SEV_E_EXPIRED;
    for (uint32_t k = 0; k < g->list[i].count; k++)
        if (memcmp(g->list[i].images[k], image, SEV_SHA256_BYTES) == 0)
            return SEV_OK;
    return SEV_E_NO_GRANT;
}
