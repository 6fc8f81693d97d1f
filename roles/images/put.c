/* put - a signed file comes: is it one that clients would take? REQ-IMG-04 REQ-IMG-05 REQ-IMG-10
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"

#define RESERVE_BYTES (64u << 20)     /* of the disk, which uploads leave to others */
#define WAITING_BYTES_MAX (32u << 20) /* of all files that wait: each call has them in memory */

bool sev_images_may(const struct sev_images_supplier *s, const char *role)
{
    size_t n = strlen(role);
    for (const char *word = s->roles; n != 0 && word != NULL;) {
        const char *blank = strchr(word, ' ');
        size_t len = blank != NULL ? (size_t)(blank - word) : strlen(word);
        if (len == n && memcmp(word, role, n) == 0)
            return true;
        word = blank != NULL ? blank + 1 : NULL;
    }
    return false;
}

bool sev_images_is_metadata(sev_slice path, int64_t *out_version, char *out_role)
{
    size_t digits = 0;
    uint64_t version = 0;
    while (digits < path.len && path.ptr[digits] >= '0' && path.ptr[digits] <= '9')
        digits++;
    if (digits == 0 || digits == path.len || path.ptr[digits] != '.' ||
        sev_decimal_parse(sev_slice_sub(path, 0, digits), &version) != SEV_OK || version == 0)
        return false;
    sev_slice rest = sev_slice_sub(path, digits + 1, path.len);
    if (rest.len <= 5 || !sev_slice_eq(sev_slice_sub(rest, rest.len - 5, 5), SEV_LIT(".json")))
        return false;
    sev_slice role = sev_slice_sub(rest, 0, rest.len - 5);
    bool online =
        sev_slice_eq(role, SEV_LIT("timestamp")) || sev_slice_eq(role, SEV_LIT("snapshot"));
    if (online || role.len > SEV_ROLE_NAME_BYTES_MAX || !images_name_ok(role) ||
        memchr(role.ptr, '/', role.len) != NULL)
        return false;
    memcpy(out_role, role.ptr, role.len);
    out_role[role.len] = '\0';
    *out_version = (int64_t)version;
    return true;
}

struct putting {
    struct images_work w;
    const struct sev_images_supplier *supplier;
    struct images_file file;
    struct images_file *set; /* others that wait, and last of all the file */
    uint32_t others;
    bool published, waits; /* this very file, already */
};

/* ---------------------------------------------------------------- versions */

static sev_err same_bytes(struct putting *p, bool *out)
{
    char name[SEV_FS_PATH_MAX];
    sev_slice there;
    *out = false;
    sev_err e = images_file_name(p->file.version, p->file.role, name);
    if (e == SEV_OK)
        e = images_read(&p->w, p->w.im->folder, name, p->file.bytes.len + 1, &there);
    if (e == SEV_OK)
        *out = sev_slice_eq(there, p->file.bytes);
    return e == SEV_OK && !*out ? SEV_E_EQUIVOCATION : e == SEV_E_TOO_LONG ? SEV_E_EQUIVOCATION : e;
}

/* A version that anybody was ever shown has its bytes for ever. */
static sev_err check_published(struct putting *p)
{
    struct sev_fileinfo info;
    bool root = strcmp(p->file.role, "root") == 0;
    int64_t version = root ? p->w.root_version : 0;
    if (!root && sev_snapshot_find(&p->w.snapshot, images_text(p->file.role), &info) == SEV_OK)
        version = info.version;
    if (p->file.version < version)
        return SEV_E_VERSION_ROLLBACK;
    if (root && p->file.version > version + 1)
        return SEV_E_ROOT_VERSION;
    sev_err e = same_bytes(p, &p->published);
    p->published = p->published && p->file.version == version;
    return e == SEV_E_NOT_FOUND ? SEV_OK : e;
}

static sev_err check_waiting(struct putting *p)
{
    uint32_t count = 0, kept = 0;
    sev_err e = images_waiting(&p->w, p->set, &count);
    for (uint32_t i = 0; e == SEV_OK && i < count; i++) {
        const struct images_file *f = &p->set[i];
        bool same_role = strcmp(f->role, p->file.role) == 0;
        if (same_role && f->version > p->file.version)
            return SEV_E_CONFLICT;
        bool same = same_role && f->version == p->file.version;
        bool equal = same && sev_slice_eq(f->bytes, p->file.bytes);
        /* A root that waits was shown to nobody, and the next one must have this very version: its
         * holders may mend it. */
        if (same && !equal && strcmp(f->role, "root") != 0)
            return SEV_E_EQUIVOCATION;
        p->waits = p->waits || equal;
        if (!same_role)
            p->set[kept++] = *f;
    }
    p->others = kept;
    if (e == SEV_OK && !p->waits && kept + 1 >= IMAGES_SET_MAX)
        e = SEV_E_OVERLOADED;
    return e;
}

/* ------------------------------------------------------------------- judge */

static const struct sev_root *waiting_root(const struct putting *p)
{
    for (uint32_t i = 0; i < p->others; i++)
        if (strcmp(p->set[i].role, "root") == 0)
            return &p->set[i].root;
    return NULL;
}

/* By those before and by those it names. It waits for files that satisfy it. */
static sev_err judge_root(struct putting *p)
{
    struct sev_crypto *c = p->w.call->crypto;
    sev_err e = sev_quorum_check(c, &p->w.root.roles[SEV_ROLE_ROOT], &p->file.doc, NULL);
    if (e == SEV_OK)
        e = sev_quorum_check(c, &p->file.root.roles[SEV_ROLE_ROOT], &p->file.doc, NULL);
    if (e == SEV_OK && p->file.root.common.expires <= p->w.call->now)
        e = SEV_E_EXPIRED;
    return e;
}

/* By those who are trusted with them now, or by a root that waits. */
static sev_err judge_targets(struct putting *p)
{
    const struct sev_root *next = waiting_root(p);
    struct sev_crypto *c = p->w.call->crypto;
    sev_err e = sev_quorum_check(c, &p->w.root.roles[SEV_ROLE_TARGETS], &p->file.doc, NULL);
    if (e == SEV_E_SIGNATURE && next != NULL)
        e = sev_quorum_check(c, &next->roles[SEV_ROLE_TARGETS], &p->file.doc, NULL);
    return e;
}

/* Beside what is public, or, where that refuses it, beside what waits as well. */
static sev_err judge(struct putting *p)
{
    if (strcmp(p->file.role, "root") == 0)
        return judge_root(p);
    sev_err e = strcmp(p->file.role, "targets") == 0 ? judge_targets(p) : SEV_OK;
    if (e != SEV_OK)
        return e;
    p->set[p->others] = p->file;
    e = images_judge(&p->w, &p->set[p->others], 1, p->file.role);
    if (e != SEV_OK && sev_err_class(e) == SEV_CLASS_REFUSE && p->others != 0) {
        char first[sizeof p->w.detail];
        (void)snprintf(first, sizeof first, "%s", p->w.detail);
        sev_err with = images_judge(&p->w, p->set, p->others + 1, p->file.role);
        if (with == SEV_OK)
            return SEV_OK;
        (void)snprintf(p->w.detail, sizeof p->w.detail, "%s", first);
    }
    return e;
}

/* ------------------------------------------------------------------ bounds */

static sev_err check_bounds(struct putting *p)
{
    const struct sev_images *im = p->w.im;
    uint64_t count = 0;
    int64_t bytes = 0, all = 0, files = (int64_t)p->file.bytes.len;
    sev_err e = images_missing(im, &p->file, NULL, NULL, &count, &all);
    for (uint32_t i = 0; e == SEV_OK && i < p->others; i++) {
        files += (int64_t)p->set[i].bytes.len;
        if (!sev_images_may(p->supplier, p->set[i].role))
            continue;
        e = images_missing(im, &p->set[i], NULL, NULL, &count, &bytes);
        all = all > INT64_MAX - bytes ? INT64_MAX : all + bytes;
    }
    if (e != SEV_OK)
        return e;
    if (all > im->pending_bytes_max)
        return images_fail(&p->w, SEV_E_TOO_LONG, "%lld bytes to wait for; this supplier may %lld",
                           (long long)all, (long long)im->pending_bytes_max);
    int64_t room = im->fs->free_bytes(im->fs->self, im->uploads);
    if (room < 0)
        return SEV_E_IO;
    if (files > WAITING_BYTES_MAX || all > room - (int64_t)RESERVE_BYTES)
        return images_fail(&p->w, SEV_E_OVERLOADED, "no room for %lld bytes now", (long long)all);
    return SEV_OK;
}

/* ------------------------------------------------------------------ accept */

static sev_err accept(struct putting *p, sev_slice bytes, const char *role, int64_t version)
{
    size_t room = (IMAGES_SET_MAX + 1) * sizeof *p->set;
    p->set = (struct images_file *)(void *)sev_arena_take(&p->w.arena, room);
    sev_err e = p->set == NULL ? SEV_E_MEMORY : images_open_new(&p->w, role, bytes, &p->file);
    if (e == SEV_OK && p->file.version != version)
        e = SEV_E_META_MISMATCH;
    if (e == SEV_OK)
        e = check_published(p);
    if (e != SEV_OK || p->published)
        return e;
    e = check_waiting(p);
    if (e != SEV_OK || p->waits)
        return e;
    e = judge(p);
    if (e == SEV_OK)
        e = check_bounds(p);
    if (e == SEV_OK)
        e = images_keep_waiting(&p->w, &p->file);
    if (e == SEV_OK)
        images_tell(p->w.im, SEV_EVENT_IMAGES_ACCEPTED, SEV_OK, role, version, p->supplier->name,
                    NULL);
    return e;
}

/* What it waits for, once all was tried. */
static sev_err report(struct putting *p, const char *role, sev_slice bytes, sev_images_each *each,
                      void *context, sev_err why, struct sev_images_result *out)
{
    struct sev_fileinfo info;
    sev_err e = images_open_new(&p->w, role, bytes, &p->file);
    if (e != SEV_OK)
        return e;
    int64_t version = p->w.root_version;
    if (strcmp(role, "root") != 0)
        version = sev_snapshot_find(&p->w.snapshot, images_text(role), &info) == SEV_OK
                      ? info.version
                      : 0;
    out->published = version >= p->file.version;
    if (out->published)
        return SEV_OK;
    e = images_missing(p->w.im, &p->file, each, context, &out->missing, NULL);
    out->why = out->missing == 0 ? why : SEV_OK;
    return e;
}

static sev_err put(struct putting *p, const char *role, int64_t version, sev_slice bytes,
                   sev_images_each *each, void *context, struct sev_images_result *out)
{
    sev_err why = SEV_OK;
    sev_err e = accept(p, bytes, role, version);
    if (e == SEV_OK && p->published) {
        out->published = true;
        return SEV_OK;
    }
    if (e != SEV_OK)
        return e;
    /* It is kept: whatever hinders us from here on, it comes out when that is over. */
    e = images_release(&p->w, &why);
    if (e != SEV_OK)
        why = e;
    e = images_reload(&p->w);
    return e == SEV_OK ? report(p, role, bytes, each, context, why, out) : e;
}

sev_err sev_images_put(const struct sev_images *im, const struct sev_images_call *call,
                       const struct sev_images_supplier *supplier, const char *role,
                       int64_t version, sev_slice bytes, sev_images_each *each, void *context,
                       struct sev_images_result *out)
{
    struct putting p = {.supplier = supplier};
    *out = (struct sev_images_result){.why = SEV_OK};
    sev_err e = SEV_E_WRONG_SUBJECT;
    if (sev_images_may(supplier, role)) {
        e = images_begin(&p.w, im, call);
        if (e == SEV_OK)
            e = put(&p, role, version, bytes, each, context, out);
        (void)snprintf(out->detail, sizeof out->detail, "%s", p.w.detail);
        images_end(&p.w);
    }
    if (e != SEV_OK)
        images_tell(im, SEV_EVENT_IMAGES_REFUSED, e, role, version, supplier->name, out->detail);
    return e;
}
