/* lint_images - what is listed: names, sections, bytes, whether a client finds it, and whether the
 * other profile says the same. SPDX-License-Identifier: MIT */
#include "lint.h"

#include "secureev/small.h"

#include <stdio.h>

#define PIECE_BYTES 65536u

typedef sev_err each_entry(struct lint *l, const struct sev_public_file *f, const char *name,
                           const struct sev_target *t);

/* Call `each` for every entry that can be read. */
static sev_err for_each(struct lint *l, const struct sev_public *p, bool report, each_entry *each)
{
    sev_err e = SEV_OK;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct sev_public_file *f = &p->files[i];
        sev_json j = sev_json_at(f->targets.targets);
        sev_json_str name;
        if (f->err != SEV_OK || f->targets.targets.len == 0)
            continue;
        sev_json_object(&j);
        while (e == SEV_OK && sev_json_member(&j, &name)) {
            struct sev_target t;
            sev_slice value = SEV_EMPTY, plain;
            sev_json_skip(&j, &value);
            if (j.err != SEV_OK)
                break;
            e = sev_repo_plain(&l->pool, name, &plain);
            if (e != SEV_OK)
                return e;
            sev_err bad = sev_target_parse(name, value, p->profile, &t);
            if (bad == SEV_OK)
                e = each(l, f, (const char *)plain.ptr, &t);
            else if (report)
                sev_lint_say(l, true, sev_err_id(bad), f->role, (const char *)plain.ptr, "%s",
                             sev_err_sentence(bad));
        }
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

/* ----------------------------------------------------------------- sections */

static void check_director(struct lint *l, const struct sev_public_file *f, const char *name,
                           const struct sev_target *t, const struct sev_match *match)
{
    if (t->hardware_ids.len != 0)
        sev_lint_say(l, true, "malformed", f->role, name, "a Director's entry has hardwareIds");
    if (t->ecu_identifiers.len <= 2) /* REQ-MET-12 */
        sev_lint_say(l, true, "malformed", f->role, name, "is assigned to no ECU");
    if (strlen(name) > SEV_SMALL_NAME_MAX) /* which ECUs those are is known to the vehicle alone */
        sev_lint_say(l, false, "partial_name_long", f->role, name,
                     "%zu characters: ECUs that verify partially take %d", strlen(name),
                     SEV_SMALL_NAME_MAX);
    sev_json j = sev_json_at(t->ecu_identifiers);
    sev_json_str serial;
    sev_json_object(&j);
    while (match != NULL && sev_json_member(&j, &serial)) {
        sev_slice entry = SEV_EMPTY;
        sev_json_str hardware = {SEV_EMPTY, false};
        sev_json_skip(&j, &entry);
        sev_json h = sev_json_at(sev_json_get(entry, "hardwareId"));
        sev_json_string(&h, &hardware);
        if (h.err == SEV_OK && !sev_strings_contain(match->hardware_ids, hardware.raw))
            sev_lint_say(l, true, "wrong_hardware", f->role, name,
                         "ECU %.*s has hardware %.*s, which the image is not for",
                         (int)serial.raw.len, (const char *)serial.raw.ptr, (int)hardware.raw.len,
                         (const char *)hardware.raw.ptr);
    }
}

static void check_other_kinds(struct lint *l, const struct sev_public_file *f, const char *name,
                              const struct sev_target *t, const struct sev_match *match)
{
    bool withdrawn =
        l->config->kind == SEV_REPOSITORY_REGULATOR && strcmp(f->role, "withdrawals") == 0;
    if (t->hardware_ids.len == 0)
        sev_lint_say(l, true, "malformed", f->role, name, "names no hardware ids");
    if (!sev_lint_native(l))
        return;
    if (match == NULL && !withdrawn)
        sev_lint_say(l, true, "repositories_disagree", f->role, name,
                     "has no match section: no client can match it"); /* REQ-MET-11 */
    if (match != NULL && withdrawn)
        sev_lint_say(l, true, "withdrawal_matches", f->role, name,
                     "a withdrawn image has a match section: clients could still install it");
    if (match != NULL && !sev_strings_same_set(t->hardware_ids, match->hardware_ids))
        sev_lint_say(l, true, "repositories_disagree", f->role, name,
                     "hardwareIds differ from those of the match section");
}

static void check_aktualizr(struct lint *l, const struct sev_public_file *f, const char *name,
                            const struct sev_target *t)
{
    sev_json j = sev_json_at(sev_json_get(t->custom, "targetFormat"));
    sev_json_str format = {SEV_EMPTY, false};
    sev_json_string(&j, &format);
    if (j.err != SEV_OK && t->length == 0)
        sev_lint_say(l, true, "ostree", f->role, name,
                     "no format and no length: aktualizr takes it for OSTree");
    if (!t->hashes.has_sha256)
        sev_lint_say(l, true, "no_sha256", f->role, name, "aktualizr reports by SHA-256");
    if (l->config->kind == SEV_REPOSITORY_DIRECTOR &&
        sev_json_get(f->common.custom, "correlationId").len == 0)
        sev_lint_say(l, true, "no_correlation_id", f->role, name,
                     "without one aktualizr does not report failures");
}

/* -------------------------------------------------------------------- bytes */

static sev_err check_bytes(struct lint *l, const struct sev_public_file *f, const char *name,
                           const struct sev_target *t, const char *file)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    struct sev_hashes hashes;
    int64_t length = 0;
    sev_err e = sev_path_join(l->config->folder, file, path);
    if (e == SEV_OK)
        e = sev_file_stat(l->fs, path, &st);
    if (e != SEV_OK) {
        sev_lint_say(l, true, "image_absent", f->role, name, "%s is not there", file);
        return SEV_OK;
    }
    e = sev_repo_hash_file(l->fs, NULL, path, &length, &hashes);
    if (e == SEV_E_MEMORY)
        return e;
    bool same =
        e == SEV_OK && length == t->length &&
        (!t->hashes.has_sha256 || memcmp(hashes.sha256, t->hashes.sha256, SEV_SHA256_BYTES) == 0) &&
        (!t->hashes.has_sha512 || memcmp(hashes.sha512, t->hashes.sha512, SEV_SHA512_BYTES) == 0);
    if (!same)
        sev_lint_say(l, true, "image_hash", f->role, name, "%s has other bytes", file);
    return SEV_OK;
}

static sev_err check_files(struct lint *l, const struct sev_public_file *f, const char *name,
                           const struct sev_target *t)
{
    char file[SEV_FS_PATH_MAX];
    sev_err e = SEV_OK;
    if (l->config->kind != SEV_REPOSITORY_IMAGES || l->config->only != NULL)
        return SEV_OK;
    if (!sev_lint_native(l)) {
        (void)snprintf(file, sizeof file, "targets/%s", name);
        return check_bytes(l, f, name, t, file);
    }
    for (int i = 0; e == SEV_OK && i < 2; i++) { /* REQ-REP-07 */
        if (!(i == 0 ? t->hashes.has_sha256 : t->hashes.has_sha512))
            continue;
        sev_slice digest = i == 0 ? sev_slice_of(t->hashes.sha256, SEV_SHA256_BYTES)
                                  : sev_slice_of(t->hashes.sha512, SEV_SHA512_BYTES);
        e = sev_repo_image_name(sev_repo_slice(name), digest, file);
        if (e == SEV_OK)
            e = check_bytes(l, f, name, t, file);
    }
    return e;
}

static sev_err check_entry(struct lint *l, const struct sev_public_file *f, const char *name,
                           const struct sev_target *t)
{
    struct sev_match match;
    const struct sev_match *has = NULL;
    if (!sev_lint_is_trusted(l, f) || !sev_lint_wants(l, f->role))
        return SEV_OK;
    if (!sev_name_is_clean(sev_repo_slice(name)) || strlen(name) > SEV_NAME_BYTES_MAX) {
        sev_lint_say(l, true, "bad_name", f->role, name, "not a clean name"); /* REQ-REP-08 */
        return SEV_OK;
    }
    if (!sev_repo_printable(name))
        sev_lint_say(l, false, "name_not_ascii", f->role, name,
                     "the name has more than printable ASCII");
    if (t->match.len != 0) {
        sev_err e = sev_match_parse(t->match, &match);
        if (e != SEV_OK)
            sev_lint_say(l, true, sev_err_id(e), f->role, name, "its match section: %s",
                         sev_err_sentence(e));
        has = e == SEV_OK ? &match : NULL;
    }
    if (l->config->kind == SEV_REPOSITORY_DIRECTOR && sev_lint_native(l)) {
        if (t->match.len == 0)
            sev_lint_say(l, true, "repositories_disagree", f->role, name, "has no match section");
        check_director(l, f, name, t, has);
    } else if (l->config->kind != SEV_REPOSITORY_DIRECTOR) {
        check_other_kinds(l, f, name, t, has);
    }
    if (!sev_lint_native(l))
        check_aktualizr(l, f, name, t);
    return check_files(l, f, name, t);
}

static void check_director_files(struct lint *l)
{
    struct sev_repository_note note = {""};
    for (uint32_t i = 0; i < l->public.count; i++) {
        const struct sev_public_file *f = &l->public.files[i];
        if (f->err != SEV_OK || f->targets.targets.len == 0)
            continue;
        sev_err e = sev_repo_check_director(&note, f->targets.targets,
                                            sev_json_get(f->common.custom, "bundle"));
        if (e != SEV_OK)
            sev_lint_say(l, true, sev_err_id(e), f->role, f->name, "%s", note.text);
    }
}

sev_err sev_lint_images(struct lint *l)
{
    if (l->config->kind == SEV_REPOSITORY_DIRECTOR && sev_lint_native(l))
        check_director_files(l);
    return for_each(l, &l->public, true, check_entry);
}

/* ----------------------------------------------------------------- searches */

#define REFUSED_MAX 20u /* more of them say nothing new */

static void search_for(struct lint *l, const struct sev_public_file *f, const char *name,
                       sev_slice hardware_id)
{
    sev_err e = sev_repo_view_search(&l->view, sev_repo_slice(name), hardware_id);
    const struct sev_walk *w = l->view.walk;
    sev_slice role = sev_slice_of(w->listing.role, w->listing.role_len);
    if (e != SEV_OK) {
        l->refused++;
        sev_lint_say(l, true, sev_err_id(e), w->role, name,
                     "a client that looks for it is refused: %s", sev_err_sentence(e));
        l->sound = sev_lint_walk(l) == SEV_OK; /* that walk is over: the next begins anew */
    } else if (!w->found) {
        sev_lint_say(l, true, "unreachable", f->role, name, "no client with hardware %.*s finds it",
                     (int)hardware_id.len, (const char *)hardware_id.ptr);
    } else if (!sev_slice_eq(role, sev_repo_slice(f->role))) {
        sev_lint_say(l, false, "shadowed", f->role, name,
                     "clients find the entry of role %.*s first", (int)role.len,
                     (const char *)role.ptr);
    }
}

static sev_err search_one(struct lint *l, const struct sev_public_file *f, const char *name,
                          const struct sev_target *t)
{
    sev_json j = sev_json_at(t->hardware_ids);
    if (l->number++ % l->step != 0) {
        l->skipped++;
        return SEV_OK;
    }
    if (t->hardware_ids.len == 0) {
        if (l->sound && l->refused < REFUSED_MAX)
            search_for(l, f, name, SEV_EMPTY);
        return SEV_OK;
    }
    sev_json_array(&j);
    while (l->sound && l->refused < REFUSED_MAX && sev_json_element(&j)) {
        sev_json_str hardware;
        sev_slice id;
        sev_json_string(&j, &hardware);
        if (j.err != SEV_OK)
            break;
        sev_err e = sev_repo_plain(&l->pool, hardware, &id);
        if (e != SEV_OK)
            return e;
        search_for(l, f, name, id);
    }
    return SEV_OK;
}

/* A search hashes and verifies the files on its way anew, as a client does. For large files only
 * some names are tried: evenly spread, and it is said. */
sev_err sev_lint_searches(struct lint *l)
{
    uint64_t budget = l->config->bytes_max != 0 ? l->config->bytes_max : SEV_LINT_BYTES;
    sev_err e = SEV_OK;
    for (uint32_t i = 0; e == SEV_OK && i < l->public.count; i++) {
        const struct sev_public_file *f = &l->public.files[i];
        struct sev_public one = {l->public.profile, 1, f, NULL};
        if (f->err != SEV_OK || f->targets.targets.len == 0 || !l->trusted[i] ||
            l->config->kind == SEV_REPOSITORY_DIRECTOR)
            continue;
        uint64_t cost = (uint64_t)sev_repo_count(f->targets.targets) * (f->bytes.len + 4096);
        uint64_t share = budget / l->public.count + 1;
        l->step = cost > share ? (uint32_t)(cost / share) + 1 : 1;
        l->number = 0;
        e = for_each(l, &one, false, search_one);
    }
    if (l->skipped != 0)
        sev_lint_say(l, false, "searched_some", "", "",
                     "%u images were not searched for as a client would: too much to hash",
                     l->skipped);
    return e;
}

/* ----------------------------------------------------------- the other profile */

/* SHA-256 of every plaintext that is listed as such, and of every image that is open. */
struct secret {
    const char *name, *role;
    uint8_t sha256[SEV_SHA256_BYTES];
    bool open;
};
struct secrets {
    struct secret *items;
    uint32_t count, cap;
};

static sev_err add_secret(struct lint *l, struct secrets *s, const char *role, const char *name,
                          const struct sev_target *t)
{
    struct secret one = {.name = name, .role = role};
    struct sev_hashes hashes = t->hashes;
    sev_slice plaintext = sev_json_get(t->match, "plaintext");
    one.open = plaintext.len == 0;
    if (!one.open && sev_hashes_parse(sev_json_get(plaintext, "hashes"), &hashes) != SEV_OK)
        return SEV_OK;
    if (!hashes.has_sha256)
        return SEV_OK;
    memcpy(one.sha256, hashes.sha256, sizeof one.sha256);
    sev_err e = sev_repo_grow(&l->pool, (void **)&s->items, s->count, &s->cap, sizeof one);
    if (e == SEV_OK)
        s->items[s->count++] = one;
    return e;
}

static sev_err gather(struct lint *l, const struct sev_public *p, struct secrets *s)
{
    for (uint32_t i = 0; i < p->count; i++) {
        sev_json j = sev_json_at(p->files[i].targets.targets);
        sev_json_str name;
        if (p->files[i].err != SEV_OK || p->files[i].targets.targets.len == 0)
            continue;
        sev_json_object(&j);
        while (sev_json_member(&j, &name)) {
            struct sev_target t;
            sev_slice value = SEV_EMPTY, plain;
            sev_json_skip(&j, &value);
            if (j.err != SEV_OK || sev_target_parse(name, value, p->profile, &t) != SEV_OK)
                break;
            sev_err e = sev_repo_plain(&l->pool, name, &plain);
            if (e == SEV_OK)
                e = add_secret(l, s, p->files[i].role, (const char *)plain.ptr, &t);
            if (e != SEV_OK)
                return e;
        }
    }
    return SEV_OK;
}

static int by_digest(const struct secret *a, const struct secret *b)
{
    int c = memcmp(a->sha256, b->sha256, SEV_SHA256_BYTES);
    return c != 0 ? c : (int)a->open - (int)b->open;
}

static void sift(struct secret *s, uint32_t root, uint32_t count)
{
    for (;;) {
        uint32_t child = root * 2 + 1;
        if (child >= count)
            return;
        if (child + 1 < count && by_digest(&s[child], &s[child + 1]) < 0)
            child++;
        if (by_digest(&s[root], &s[child]) >= 0)
            return;
        struct secret x = s[root];
        s[root] = s[child];
        s[child] = x;
        root = child;
    }
}

static void sort(struct secret *s, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift(s, i, count);
    for (uint32_t end = count; end-- > 1;) {
        struct secret x = s[0];
        s[0] = s[end];
        s[end] = x;
        sift(s, 0, end);
    }
}

/* Whichever of the two is looked at. */
static void say_open(struct lint *l, const struct secret *secret, const struct secret *open)
{
    sev_lint_say(l, true, "secret_is_open", open->role, open->name,
                 "is the plaintext of %s, which is encrypted", secret->name);
    if (l->config->only != NULL && strcmp(secret->role, open->role) != 0)
        sev_lint_say(l, true, "secret_is_open", secret->role, secret->name,
                     "is encrypted, and its plaintext is open as %s", open->name);
}

/* The same plaintext must not be confidential here and open there. DESIGN 4 */
sev_err sev_lint_secrets(struct lint *l)
{
    struct secrets s = {NULL, 0, 0};
    struct sev_public other = {.count = 0};
    sev_err e = gather(l, &l->public, &s);
    if (e == SEV_OK && l->config->other != NULL) {
        sev_profile profile = sev_lint_native(l) ? SEV_PROFILE_AKTUALIZR : SEV_PROFILE_NATIVE;
        e = sev_public_open(l->fs, l->config->other, profile, NULL, &other);
        if (e == SEV_OK)
            e = gather(l, &other, &s);
        else if (e == SEV_E_NOT_FOUND)
            e = SEV_OK;
    }
    sort(s.items, s.count);
    for (uint32_t i = 1; e == SEV_OK && i < s.count; i++)
        if (memcmp(s.items[i - 1].sha256, s.items[i].sha256, SEV_SHA256_BYTES) == 0 &&
            !s.items[i - 1].open && s.items[i].open)
            say_open(l, &s.items[i - 1], &s.items[i]);
    sev_public_close(&other);
    return e;
}
