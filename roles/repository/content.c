/* content - which images a repository lists, and what it says of each. DESIGN 4
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#define FILE_NAME_BYTES_MAX 255 /* of every file system that we know */

/* ------------------------------------------------------------------- checks */

/* Every part a file name, the last one with a digest before it. REQ-REP-07 */
static bool fits_a_file_system(const char *name)
{
    size_t n = strcspn(name, "/");
    for (; name[n] != '\0'; name += n + 1, n = strcspn(name, "/"))
        if (n > FILE_NAME_BYTES_MAX)
            return false;
    return n <= FILE_NAME_BYTES_MAX - 2 * SEV_SHA512_BYTES - 1;
}

sev_err sev_repo_check_name(struct sev_repository *r, const char *name)
{
    size_t n = strlen(name);
    bool plain = sev_repo_printable(name) && strpbrk(name, "\"\\") == NULL;
    if (n > SEV_NAME_BYTES_MAX || !plain || !sev_name_is_clean(sev_repo_slice(name)))
        return sev_repo_fail(r->note, SEV_E_BAD_NAME, "an image cannot be called %.300s",
                             plain ? name : "so: printable ASCII without \" and \\");
    if (!fits_a_file_system(name))
        return sev_repo_fail(r->note, SEV_E_BAD_NAME,
                             "a part of the name is too long for a file: %.300s", name);
    return SEV_OK;
}

sev_err sev_repo_check_id(struct sev_repository *r, const char *what, const char *id)
{
    size_t n = strlen(id);
    bool plain = sev_repo_printable(id) && strpbrk(id, "\"\\") == NULL;
    if (n == 0 || n > SEV_ID_BYTES_MAX || !plain)
        return sev_repo_fail(r->note, SEV_E_BAD_NAME, "%s: 1 to %d printable ASCII characters",
                             what, SEV_ID_BYTES_MAX);
    return SEV_OK;
}

sev_err sev_repo_check_texts(struct sev_repository *r, const char *what, struct sev_texts texts)
{
    sev_err e = SEV_OK;
    for (size_t i = 0; e == SEV_OK && i < texts.count; i++) {
        e = sev_repo_check_id(r, what, texts.items[i]);
        for (size_t k = 0; e == SEV_OK && k < i; k++)
            if (strcmp(texts.items[k], texts.items[i]) == 0)
                e = sev_repo_fail(r->note, SEV_E_USAGE, "%s %.128s is given twice", what,
                                  texts.items[i]);
    }
    return e;
}

/* ------------------------------------------------------------------- entries */

static void put_texts(sev_json_writer *w, const char *name, struct sev_texts texts)
{
    sev_json_w_name(w, sev_repo_slice(name));
    sev_json_w_array(w);
    for (size_t i = 0; i < texts.count; i++)
        sev_json_w_string(w, sev_repo_slice(texts.items[i]));
    sev_json_w_array_end(w);
}

struct added {
    const struct sev_repository_image *image;
    int64_t length, plaintext_length;
    struct sev_hashes hashes, plaintext;
};

static void put_optional(sev_json_writer *w, const char *name, const char *value)
{
    if (value != NULL)
        sev_json_w_string_member(w, name, sev_repo_slice(value));
}

static void put_match(sev_json_writer *w, const struct added *a)
{
    const struct sev_repository_image *i = a->image;
    sev_json_w_object(w);
    if (i->conflicts.count != 0)
        put_texts(w, "conflicts", i->conflicts);
    if (i->depends.count != 0)
        put_texts(w, "depends", i->depends);
    put_optional(w, "format", i->format);
    put_optional(w, "group", i->group);
    put_texts(w, "hardwareIds", i->hardware_ids);
    if (i->min_release_counter != 0)
        sev_json_w_integer_member(w, "minReleaseCounter", i->min_release_counter);
    if (i->plaintext != NULL) {
        sev_json_w_name(w, SEV_LIT("plaintext"));
        sev_json_w_object(w);
        sev_json_w_name(w, SEV_LIT("hashes"));
        sev_repo_put_hashes(w, &a->plaintext);
        sev_json_w_integer_member(w, "length", a->plaintext_length);
        sev_json_w_object_end(w);
    }
    sev_json_w_integer_member(w, "releaseCounter", i->release_counter);
    sev_json_w_string_member(w, "version", sev_repo_slice(i->version));
    sev_json_w_object_end(w);
}

static void put_image(sev_json_writer *w, const void *context)
{
    const struct added *a = context;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("custom"));
    sev_json_w_object(w);
    put_texts(w, "hardwareIds", a->image->hardware_ids);
    sev_json_w_name(w, SEV_LIT("match"));
    put_match(w, a);
    sev_json_w_object_end(w);
    sev_json_w_name(w, SEV_LIT("hashes"));
    sev_repo_put_hashes(w, &a->hashes);
    sev_json_w_integer_member(w, "length", a->length);
    sev_json_w_object_end(w);
}

/* Somebody must have been trusted with the name, or no client will ever find the entry. */
bool sev_repo_is_trusted_with(const struct sev_repository *r, const char *role, sev_slice name)
{
    if (strcmp(role, "targets") == 0)
        return true;
    for (uint32_t i = 0; i < r->file_count; i++) {
        const struct sev_repo_file *f = r->files[i];
        for (uint32_t k = 0; !f->retired && k < f->delegation_count; k++)
            for (uint32_t n = 0; n < f->delegations[k].role_count; n++)
                if (strcmp(f->delegations[k].roles[n].name, role) == 0 &&
                    sev_repo_covers(&f->delegations[k], name))
                    return true;
    }
    return false;
}

static sev_err find_role_for(struct sev_repository *r, const char *role, sev_slice name,
                             struct sev_repo_file **out)
{
    const char *wanted = role != NULL ? role : "targets";
    struct sev_repo_file *f = sev_repo_find_file(r, wanted);
    if (f == NULL || f->retired)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "there is no role %.128s", wanted);
    if (!sev_repo_is_trusted_with(r, wanted, name))
        return sev_repo_fail(r->note, SEV_E_DELEGATION, "role %.128s is not trusted with %.*s",
                             wanted, (int)name.len, (const char *)name.ptr);
    *out = f;
    return SEV_OK;
}

sev_err sev_repo_put_new(struct sev_repository *r, struct sev_repo_file *f, const char *name,
                         sev_repo_emit *emit, const void *context)
{
    sev_slice plain, value;
    sev_err e = sev_repo_copy(&r->pool, sev_repo_slice(name), &plain);
    if (e == SEV_OK)
        e = sev_repo_json(&r->pool, emit, context, &value);
    return e == SEV_OK ? sev_repo_put_entry(r, f, plain, value) : e;
}

/* A name stands for the same bytes for ever: caches, and aktualizr, rely on it. */
static sev_err check_same_bytes(struct sev_repository *r, const char *name, int64_t length,
                                const struct sev_hashes *hashes)
{
    sev_json_str plain = {sev_repo_slice(name), false};
    for (uint32_t i = 0; i < r->file_count; i++) {
        const struct sev_repo_entry *known = sev_repo_find_entry(r->files[i], plain.raw);
        struct sev_target t;
        if (known == NULL)
            continue;
        sev_err e = sev_target_parse(plain, known->value, SEV_PROFILE_NATIVE, &t);
        if (e != SEV_OK)
            return e;
        if (t.length != length || !sev_hashes_eq(&t.hashes, hashes))
            return sev_repo_fail(r->note, SEV_E_EXISTS,
                                 "role %.64s lists other bytes as %.200s: give it another name, or "
                                 "remove that first",
                                 r->files[i]->name, name);
    }
    return SEV_OK;
}

/* aktualizr's vehicles fetch an image by its plain name, so that one is never used again for other
 * bytes, though it be listed no more: contract 8.3. */
static sev_err check_plain_name(struct sev_repository *r, const char *name, int64_t length,
                                const struct sev_hashes *hashes)
{
    char path[SEV_FS_PATH_MAX], plain[SEV_FS_PATH_MAX];
    struct sev_hashes there;
    struct sev_fs_stat st;
    int64_t bytes;
    if (!r->profiles[SEV_PROFILE_AKTUALIZR].on)
        return SEV_OK;
    sev_err e = sev_repo_plain_image_name(sev_repo_slice(name), plain);
    if (e == SEV_OK)
        e = sev_repo_public_path(r, plain, path);
    if (e != SEV_OK || sev_file_stat(r->fs, path, &st) != SEV_OK)
        return e;
    e = sev_repo_hash_file(r->fs, r->note, path, &bytes, &there);
    if (e == SEV_OK && (bytes != length || !sev_hashes_eq(&there, hashes)))
        e = sev_repo_fail(r->note, SEV_E_EXISTS,
                          "other bytes were published as %.200s, and aktualizr's vehicles fetch by "
                          "name: give it another one",
                          name);
    return e;
}

static sev_err check_image(struct sev_repository *r, const struct sev_repository_image *i)
{
    if (r->kind != SEV_REPOSITORY_IMAGES)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "images are added to an images repository");
    sev_err e = sev_repo_check_name(r, i->name);
    if (e == SEV_OK)
        e = sev_repo_check_texts(r, "hardware id", i->hardware_ids);
    if (e == SEV_OK)
        e = sev_repo_check_texts(r, "depends", i->depends);
    if (e == SEV_OK)
        e = sev_repo_check_texts(r, "conflicts", i->conflicts);
    if (e == SEV_OK)
        e = sev_repo_check_id(r, "version", i->version);
    if (e == SEV_OK && i->format != NULL)
        e = sev_repo_check_id(r, "format", i->format);
    if (e == SEV_OK && i->group != NULL)
        e = sev_repo_check_id(r, "group", i->group);
    if (e != SEV_OK)
        return e;
    if (i->hardware_ids.count == 0 || i->hardware_ids.count > SEV_HARDWARE_IDS_MAX)
        return sev_repo_fail(r->note, SEV_E_USAGE, "an image is for 1 to %d hardware ids",
                             SEV_HARDWARE_IDS_MAX);
    bool counters = i->release_counter >= 0 && i->release_counter <= SEV_JSON_INT_MAX &&
                    i->min_release_counter >= 0 && i->min_release_counter <= i->release_counter;
    if (!counters)
        return sev_repo_fail(r->note, SEV_E_USAGE,
                             "the least counter to update from is above the image's own");
    return SEV_OK;
}

sev_err sev_repository_add_image(struct sev_repository *r, const struct sev_repository_image *image)
{
    struct added a = {.image = image};
    struct sev_repo_file *f = NULL;
    sev_err e = check_image(r, image);
    if (e == SEV_OK)
        e = find_role_for(r, image->role, sev_repo_slice(image->name), &f);
    if (e == SEV_OK && image->plaintext != NULL)
        e = sev_repo_hash_file(r->fs, r->note, image->plaintext, &a.plaintext_length, &a.plaintext);
    if (e == SEV_OK)
        e = sev_repo_pool_image(r, image->file, &a.length, &a.hashes);
    if (e == SEV_OK)
        e = check_same_bytes(r, image->name, a.length, &a.hashes);
    if (e == SEV_OK)
        e = check_plain_name(r, image->name, a.length, &a.hashes);
    return e == SEV_OK ? sev_repo_put_new(r, f, image->name, put_image, &a) : e;
}

sev_err sev_repository_remove_image(struct sev_repository *r, const char *name, const char *role)
{
    struct sev_repo_file *found = NULL;
    for (uint32_t i = 0; i < r->file_count; i++) {
        struct sev_repo_file *f = r->files[i];
        if ((role != NULL && strcmp(f->name, role) != 0) || f->retired ||
            sev_repo_find_entry(f, sev_repo_slice(name)) == NULL)
            continue;
        if (found != NULL)
            return sev_repo_fail(r->note, SEV_E_AMBIGUOUS, "roles %.64s and %.64s list %.200s",
                                 found->name, f->name, name);
        found = f;
    }
    if (found == NULL)
        return sev_repo_fail(r->note, SEV_E_NOT_FOUND, "no role lists %.300s", name);
    (void)sev_repo_drop_entry(found, sev_repo_slice(name));
    return SEV_OK;
}
