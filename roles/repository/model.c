/* model - finding and changing what a repository wants. SPDX-License-Identifier: MIT */
#include "internal.h"

static const char *const kinds[SEV_REPOSITORY_KINDS] = {"director", "images", "regulator"};

const char *sev_repository_kind_name(sev_repository_kind kind)
{
    return kind < SEV_REPOSITORY_KINDS ? kinds[kind] : "";
}

sev_repository_kind sev_repository_kind_of(const struct sev_repository *r)
{
    return r->kind;
}

/* DESIGN 3.7 */
uint32_t sev_repo_default_days(sev_repository_kind kind, const char *role)
{
    static const uint32_t online[SEV_REPOSITORY_KINDS] = {1, 7, 14};
    static const uint32_t targets[SEV_REPOSITORY_KINDS] = {14, 180, 90};
    if (strcmp(role, "root") == 0)
        return 365;
    if (strcmp(role, "timestamp") == 0 || strcmp(role, "snapshot") == 0)
        return online[kind];
    return targets[kind];
}

const char *const sev_repo_top_roles[SEV_TOP_ROLES] = {"root", "timestamp", "snapshot", "targets"};

bool sev_repo_is_top_role(const char *name)
{
    for (int i = 0; i < SEV_TOP_ROLES; i++)
        if (strcmp(sev_repo_top_roles[i], name) == 0)
            return true;
    return false;
}

bool sev_repo_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    return true;
}

/* It becomes the name of a file, here and in URLs, so it is made of what needs no quoting. */
bool sev_repo_role_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > SEV_ROLE_NAME_BYTES_MAX || sev_repo_is_top_role(name) || name[0] == '.')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* ------------------------------------------------------------------- keys */

const struct sev_repo_key *sev_repo_find_key(const struct sev_repository *r, const char *id)
{
    for (uint32_t i = 0; i < r->key_count; i++)
        if (strcmp(r->keys[i].id, id) == 0)
            return &r->keys[i];
    return NULL;
}

sev_err sev_repo_add_key(struct sev_repository *r, const struct sev_pubkey *key,
                         const char **out_id)
{
    char id[SEV_KEY_ID_CHARS + 1] = {0};
    uint8_t object[SEV_KEY_OBJECT_BYTES_MAX];
    sev_buf b = sev_buf_of(object, sizeof object);
    struct sev_repo_key k = {.key = *key};
    sev_err e = sev_key_id(key, SEV_PROFILE_NATIVE, id);
    if (e == SEV_OK)
        e = sev_key_object(key, SEV_PROFILE_NATIVE, &b);
    if (e != SEV_OK)
        return sev_repo_fail(r->note, SEV_E_KEY, "a key that metadata cannot have");
    const struct sev_repo_key *known = sev_repo_find_key(r, id);
    if (known != NULL) {
        *out_id = known->id;
        return SEV_OK;
    }
    e = sev_repo_text(&r->pool, sev_slice_of(id, SEV_KEY_ID_CHARS), &k.id);
    if (e == SEV_OK)
        e = sev_repo_copy(&r->pool, sev_buf_slice(&b), &k.object);
    if (e == SEV_OK)
        e = sev_repo_grow(&r->pool, (void **)&r->keys, r->key_count, &r->key_cap, sizeof k);
    if (e != SEV_OK)
        return e;
    if (key->type == SEV_KEY_ED25519 || key->type == SEV_KEY_RSA) {
        e = sev_key_id(key, SEV_PROFILE_AKTUALIZR, k.aktualizr_id);
        if (e != SEV_OK)
            return e;
    }
    uint32_t at = r->key_count;
    for (; at > 0 && strcmp(r->keys[at - 1].id, id) > 0; at--)
        r->keys[at] = r->keys[at - 1];
    r->keys[at] = k;
    r->key_count++;
    *out_id = k.id;
    return SEV_OK;
}

bool sev_repo_set_has(const struct sev_repo_keyset *set, const char *id)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (strcmp(set->ids[i], id) == 0)
            return true;
    return false;
}

static bool type_fits(sev_key_type type, const char *role, bool aktualizr)
{
    /* RSA's PEM has line feeds, which the two canonical forms write differently: there, Ed25519
     * only. contracts/aktualizr.md 7.1 */
    if (aktualizr)
        return type == SEV_KEY_ED25519;
    if (strcmp(role, "kem") == 0)
        return type == SEV_KEY_X25519;
    return type == SEV_KEY_P256 || type == SEV_KEY_ED25519 || type == SEV_KEY_RSA;
}

sev_err sev_repo_add_keyset(struct sev_repository *r, const struct sev_repository_keys *keys,
                            const char *role, bool aktualizr, struct sev_repo_keyset *out)
{
    struct sev_repo_keyset set = {.threshold = keys->threshold};
    if (keys->count > SEV_ROLE_KEYS_MAX)
        return sev_repo_fail(r->note, SEV_E_JSON_LIMIT, "role %.128s: more than %d keys", role,
                             SEV_ROLE_KEYS_MAX);
    for (uint32_t i = 0; i < keys->count; i++) {
        if (!type_fits(keys->keys[i].type, role, aktualizr))
            return sev_repo_fail(r->note, SEV_E_KEY, "role %.128s cannot have a key of this type",
                                 role);
        const char *id;
        sev_err e = sev_repo_add_key(r, &keys->keys[i], &id);
        if (e != SEV_OK)
            return e;
        if (sev_repo_set_has(&set, id)) /* would count twice in a threshold of people's minds */
            return sev_repo_fail(r->note, SEV_E_KEY, "role %.128s: key %.12s is given twice", role,
                                 id);
        set.ids[set.count++] = id;
    }
    if (set.threshold < 1 || set.threshold > set.count)
        return sev_repo_fail(r->note, SEV_E_THRESHOLD, "role %.128s: threshold %u of %u keys", role,
                             set.threshold, set.count);
    *out = set;
    return SEV_OK;
}

struct sev_repo_role *sev_repo_find_role(struct sev_repository *r, int profile, const char *name)
{
    struct sev_repo_profile *p = &r->profiles[profile];
    for (uint32_t i = 0; i < p->role_count; i++)
        if (strcmp(p->roles[i].name, name) == 0)
            return &p->roles[i];
    return NULL;
}

/* ------------------------------------------------------------------ files */

struct sev_repo_file *sev_repo_find_file(struct sev_repository *r, const char *name)
{
    for (uint32_t i = 0; i < r->file_count; i++)
        if (strcmp(r->files[i]->name, name) == 0)
            return r->files[i];
    return NULL;
}

sev_err sev_repo_add_file(struct sev_repository *r, const char *name, uint32_t days,
                          struct sev_repo_file **out)
{
    struct sev_repo_file *f = sev_repo_take(&r->pool, sizeof *f);
    if (f == NULL)
        return SEV_E_MEMORY;
    f->days = days;
    sev_err e = sev_repo_text(&r->pool, sev_repo_slice(name), &f->name);
    if (e == SEV_OK)
        e = sev_repo_grow(&r->pool, (void **)&r->files, r->file_count, &r->file_cap, sizeof f);
    if (e != SEV_OK)
        return e;
    *out = r->files[r->file_count++] = f;
    return SEV_OK;
}

/* Index of the name, or of where it belongs. */
static uint32_t position(const struct sev_repo_file *f, sev_slice name)
{
    uint32_t low = 0, high = f->entry_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sev_slice_cmp(f->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sev_repo_entry *sev_repo_find_entry(const struct sev_repo_file *f, sev_slice name)
{
    uint32_t at = position(f, name);
    bool found = at < f->entry_count && sev_slice_eq(f->entries[at].name, name);
    return found ? &f->entries[at] : NULL;
}

sev_err sev_repo_put_entry(struct sev_repository *r, struct sev_repo_file *f, sev_slice name,
                           sev_slice value)
{
    struct sev_repo_entry *known = sev_repo_find_entry(f, name);
    if (known != NULL) {
        known->value = value;
        return SEV_OK;
    }
    sev_err e = sev_repo_grow(&r->pool, (void **)&f->entries, f->entry_count, &f->entry_cap,
                              sizeof *f->entries);
    if (e != SEV_OK)
        return e;
    uint32_t at = position(f, name);
    memmove(&f->entries[at + 1], &f->entries[at], (f->entry_count - at) * sizeof *f->entries);
    f->entries[at] = (struct sev_repo_entry){name, value};
    f->entry_count++;
    return SEV_OK;
}

bool sev_repo_drop_entry(struct sev_repo_file *f, sev_slice name)
{
    struct sev_repo_entry *known = sev_repo_find_entry(f, name);
    if (known == NULL)
        return false;
    size_t after = f->entry_count - (size_t)(known - f->entries) - 1;
    memmove(known, known + 1, after * sizeof *known);
    f->entry_count--;
    return true;
}

bool sev_repo_covers(const struct sev_repo_delegation *d, sev_slice name)
{
    struct sev_delegation view = {.paths = d->paths};
    return sev_delegation_covers(&view, name, SEV_EMPTY);
}

/* -------------------------------------------------------------- documents */

struct sev_repo_doc *sev_repo_find_doc(struct sev_repository *r, int profile, const char *role)
{
    for (uint32_t i = 0; i < r->doc_count; i++)
        if (r->docs[i]->profile == profile && strcmp(r->docs[i]->role, role) == 0)
            return r->docs[i];
    return NULL;
}

sev_err sev_repo_need_doc(struct sev_repository *r, int profile, const char *role,
                          struct sev_repo_doc **out)
{
    struct sev_repo_doc *d = sev_repo_find_doc(r, profile, role);
    if (d == NULL) {
        d = sev_repo_take(&r->pool, sizeof *d);
        if (d == NULL)
            return SEV_E_MEMORY;
        d->profile = profile;
        sev_err e = sev_repo_text(&r->pool, sev_repo_slice(role), &d->role);
        if (e == SEV_OK)
            e = sev_repo_grow(&r->pool, (void **)&r->docs, r->doc_count, &r->doc_cap, sizeof d);
        if (e != SEV_OK)
            return e;
        r->docs[r->doc_count++] = d;
    }
    *out = d;
    return SEV_OK;
}
