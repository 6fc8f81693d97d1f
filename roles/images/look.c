/* look - drive the client's own machine over the served folder with files before it that are not
 * public yet: the search for each image that is newly listed. REQ-IMG-05 ALG-7
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "internal.h"

#define KEPT_MAX 512
#define HASHED_MAX (4ull << 30) /* of files that searches hash: some ten seconds */

/* What a client keeps. */
struct kept {
    char name[SEV_FILE_NAME_MAX + 1];
    uint8_t *ptr;
    size_t len;
};

struct looking {
    struct images_work *w;
    struct images_overlays *over;
    struct sev_walk *walk;
    struct sev_arena arena; /* of the walk; what is kept comes from the end of it */
    struct kept *kept;
    uint32_t kept_count;
    uint64_t budget;
};

/* ---------------------------------------------------------------- the door */

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

static struct kept *find_kept(const struct looking *l, const char *name)
{
    for (uint32_t i = 0; i < l->kept_count; i++)
        if (strcmp(l->kept[i].name, name) == 0)
            return &l->kept[i];
    return NULL;
}

static sev_err fetch(const struct looking *l, const struct sev_want *want, size_t *out_len)
{
    char name[SEV_FILE_URL_MAX + 1], path[SEV_FS_PATH_MAX];
    struct sev_bytes b = {0};
    sev_err e = decode(want->url, name, sizeof name);
    if (e == SEV_OK)
        e = sev_path_join(l->w->im->folder, name, path);
    if (e == SEV_OK)
        e = sev_file_read(&l->over->fs, path, want->max, SEV_FILE_NO_LINK, &b);
    if (e != SEV_OK)
        return e == SEV_E_NOT_FOUND ? SEV_E_ABSENT : e;
    if (b.len != 0)
        memcpy(want->dest, b.ptr, b.len);
    *out_len = b.len;
    sev_bytes_free(&l->over->fs, &b);
    return SEV_OK;
}

static sev_err load(const struct looking *l, const struct sev_want *want, size_t *out_len)
{
    const struct kept *k = find_kept(l, want->file);
    if (k == NULL || k->ptr == NULL)
        return SEV_E_ABSENT;
    if (k->len > want->max)
        return SEV_E_TOO_LONG;
    if (k->len != 0)
        memcpy(want->dest, k->ptr, k->len);
    *out_len = k->len;
    return SEV_OK;
}

static sev_err store(struct looking *l, const struct sev_want *want)
{
    const struct sev_fs *fs = l->w->im->fs;
    struct kept *k = find_kept(l, want->file);
    if (k == NULL && l->kept_count == KEPT_MAX)
        return SEV_E_MEMORY;
    uint8_t *copy = fs->realloc(fs->self, NULL, want->bytes.len + 1);
    if (copy == NULL)
        return SEV_E_MEMORY;
    if (want->bytes.len != 0)
        memcpy(copy, want->bytes.ptr, want->bytes.len);
    if (k == NULL) {
        k = &l->kept[l->kept_count++];
        (void)snprintf(k->name, sizeof k->name, "%s", want->file);
    } else {
        fs->free(fs->self, k->ptr);
    }
    k->ptr = copy;
    k->len = want->bytes.len;
    return SEV_OK;
}

static void drive(struct looking *l)
{
    for (;;) {
        struct sev_want want;
        size_t len = 0;
        sev_err e = SEV_E_BUG;
        sev_walk_next(l->walk, &want);
        switch (want.kind) {
        case SEV_WANT_NOTHING:
            return;
        case SEV_WANT_LOAD:
            e = load(l, &want, &len);
            break;
        case SEV_WANT_FETCH:
            e = fetch(l, &want, &len);
            break;
        case SEV_WANT_STORE:
            e = store(l, &want);
            break;
        }
        if (e == SEV_OK)
            sev_walk_got(l->walk, len);
        else if (e == SEV_E_ABSENT)
            sev_walk_absent(l->walk);
        else
            sev_walk_failed(l->walk, e);
    }
}

static sev_err refresh(struct looking *l)
{
    struct sev_walk_config config = {
        .profile = SEV_PROFILE_NATIVE, .now = l->w->call->now, .crypto = l->w->call->crypto};
    sev_arena_back(&l->arena, 0);
    sev_walk_init(l->walk, &config, &l->arena);
    drive(l);
    return l->walk->err != SEV_OK ? l->walk->err : l->walk->root_fetch;
}

/* ---------------------------------------------------------------- searches */

/* Several roles must agree, and the others' files are not there yet: then it is enough that they
 * are asked about this path. Only the top delegates so. */
static bool asked_with_others(struct looking *l, const struct images_file *f, sev_slice image,
                              sev_slice hardware)
{
    const struct sev_targets *t = &l->walk->targets;
    sev_json j = sev_json_at(t->delegation_roles);
    if (t->delegation_roles.len == 0)
        return false;
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        struct sev_delegation d;
        if (sev_delegation_parse(&j, t->delegation_keys, SEV_PROFILE_NATIVE, &d) != SEV_OK)
            return false;
        for (uint32_t i = 0; d.role_count > 1 && i < d.role_count; i++)
            if (sev_json_str_is(d.roles[i].name, f->role) &&
                sev_delegation_covers(&d, image, hardware))
                return true;
    }
    return false;
}

static sev_err search(struct looking *l, const struct images_file *f, const struct sev_target *t,
                      sev_slice hardware)
{
    struct sev_listing own;
    sev_slice image = t->name.raw;
    sev_walk_search(l->walk, image, hardware);
    drive(l);
    sev_err e = l->walk->err;
    if (e != SEV_OK)
        return images_fail(l->w, e, "a client that looks for %.*s is refused (%.64s): %.64s",
                           (int)(image.len < 64 ? image.len : 64), (const char *)image.ptr,
                           l->walk->role, sev_err_sentence(e));
    e = sev_listing_of(t, images_text(f->role), hardware, &l->arena, &own);
    if (e != SEV_OK)
        return e;
    const struct sev_listing *found = &l->walk->listing;
    bool same = l->walk->found &&
                (sev_slice_eq(sev_slice_of(found->role, found->role_len), images_text(f->role)) ||
                 sev_listing_agrees(&own, found));
    if (same || (!l->walk->found && asked_with_others(l, f, image, hardware)))
        return SEV_OK;
    return images_fail(l->w, SEV_E_DELEGATION, "%.*s is not for role %.64s: clients find %s",
                       (int)(image.len < 100 ? image.len : 100), (const char *)image.ptr, f->role,
                       l->walk->found ? "another's" : "nothing there");
}

static sev_err look_for(struct looking *l, const struct images_file *f, const struct sev_target *t)
{
    sev_json j = sev_json_at(t->hardware_ids);
    sev_err e = SEV_OK;
    if (t->name.escaped || !images_name_ok(t->name.raw))
        return images_fail(l->w, SEV_E_BAD_NAME, "an image has a name that is not served");
    if (!t->hashes.has_sha256 || t->hardware_ids.len == 0)
        return images_fail(l->w, SEV_E_MALFORMED, "%.*s has no SHA-256 or no hardware",
                           (int)t->name.raw.len, (const char *)t->name.raw.ptr);
    sev_json_array(&j);
    while (e == SEV_OK && sev_json_element(&j)) {
        sev_json_str hardware;
        sev_json_string(&j, &hardware);
        if (j.err != SEV_OK || hardware.escaped)
            return SEV_E_MALFORMED;
        uint64_t cost = f->bytes.len + 4096;
        if (l->budget < cost)
            return images_fail(l->w, SEV_E_TOO_LONG,
                               "too much is new in it to be searched for at once");
        l->budget -= cost;
        e = search(l, f, t, hardware.raw);
    }
    return e == SEV_OK ? j.err : e;
}

static sev_err look_for_new(struct looking *l, const struct images_file *f)
{
    sev_json j = sev_json_at(f->targets.targets);
    sev_json_str name;
    sev_err e = SEV_OK;
    sev_json_object(&j);
    while (e == SEV_OK && sev_json_member(&j, &name)) {
        struct sev_target t;
        sev_slice value = SEV_EMPTY;
        struct sev_targets old = {.targets = f->before};
        struct sev_target before;
        sev_json_skip(&j, &value);
        e = j.err != SEV_OK ? j.err : sev_target_parse(name, value, SEV_PROFILE_NATIVE, &t);
        if (e != SEV_OK)
            break;
        bool known = f->before.len != 0 && !name.escaped &&
                     sev_targets_find(&old, SEV_PROFILE_NATIVE, name.raw, &before) == SEV_OK &&
                     sev_hashes_eq(&before.hashes, &t.hashes) && before.length == t.length &&
                     sev_json_equal(before.custom, t.custom);
        if (!known)
            e = look_for(l, f, &t);
    }
    return e == SEV_OK ? j.err : e;
}

/* --------------------------------------------------------------------- all */

static sev_err trust(struct looking *l, bool returning)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes b = {0};
    struct sev_want want = {.kind = SEV_WANT_STORE, .file = "root.json"};
    sev_err e = sev_path_join(l->w->im->folder, "1.root.json", path);
    if (e == SEV_OK)
        e = sev_file_read(&l->over->fs, path, SEV_ROOT_BYTES_MAX, SEV_FILE_NO_LINK, &b);
    if (e == SEV_OK) {
        want.bytes = sev_bytes_slice(&b);
        e = store(l, &want);
        sev_bytes_free(&l->over->fs, &b);
    }
    if (e == SEV_OK && returning && l->w->timestamp_version != 0) {
        uint32_t count = l->over->count;
        l->over->count = 0;
        (void)refresh(l); /* what it saw may be too old by now: its versions count all the same */
        l->over->count = count;
    }
    return e;
}

static sev_err look(struct looking *l, const struct images_file *set, uint32_t count,
                    bool returning, const char *only)
{
    sev_err e = trust(l, returning);
    if (e != SEV_OK)
        return e;
    e = refresh(l);
    if (e != SEV_OK)
        return images_fail(l->w, e, "a client would refuse it (%.64s): %s", l->walk->role,
                           sev_err_sentence(e));
    for (uint32_t i = 0; e == SEV_OK && i < count; i++)
        if (strcmp(set[i].role, "root") != 0 && (only == NULL || strcmp(only, set[i].role) == 0)) {
            e = look_for_new(l, &set[i]);
            if (e != SEV_OK && l->walk->err != SEV_OK)
                return e; /* that walk is over */
        }
    return e;
}

sev_err images_look(struct images_work *w, struct images_overlays *over,
                    const struct images_file *set, uint32_t count, bool returning, const char *only)
{
    struct looking l = {.w = w, .over = over, .budget = HASHED_MAX};
    size_t mark = w->arena.used;
    l.walk = (struct sev_walk *)(void *)sev_arena_take(&w->arena, sizeof *l.walk);
    l.kept = (struct kept *)(void *)sev_arena_take(&w->arena, KEPT_MAX * sizeof *l.kept);
    size_t rest = sev_arena_free(&w->arena);
    uint8_t *room = rest > 64 ? sev_arena_take(&w->arena, rest - 64) : NULL;
    sev_err e = SEV_E_MEMORY;
    if (room != NULL) {
        l.arena = sev_arena_of(room, rest - 64);
        e = look(&l, set, count, returning, only);
    }
    for (uint32_t i = 0; i < l.kept_count; i++)
        w->im->fs->free(w->im->fs->self, l.kept[i].ptr);
    sev_arena_back(&w->arena, mark);
    return e;
}
