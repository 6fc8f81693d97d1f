/* repository - make, open, keep and close a repository's folder. SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>

#define STATE_FILE "repository.json"

static sev_err new_repository(const struct sev_fs *fs, const char *dir,
                              struct sev_repository_note *note, struct sev_repository **out)
{
    struct sev_repository *r = fs->realloc(fs->self, NULL, sizeof *r);
    if (r == NULL)
        return SEV_E_MEMORY;
    memset(r, 0, sizeof *r);
    r->fs = fs;
    r->pool.fs = fs;
    r->note = note != NULL ? note : &r->own_note;
    int n = snprintf(r->dir, sizeof r->dir, "%s", dir);
    if (n <= 0 || (size_t)n >= sizeof r->dir) {
        fs->free(fs->self, r);
        return sev_repo_fail(note, SEV_E_BAD_NAME, "the path of the repository is too long");
    }
    *out = r;
    return SEV_OK;
}

void sev_repository_close(struct sev_repository *r)
{
    if (r == NULL)
        return;
    const struct sev_fs *fs = r->fs;
    sev_dir_unlock(&r->lock);
    sev_repo_pool_free(&r->pool);
    fs->free(fs->self, r);
}

sev_time sev_repository_latest(const struct sev_repository *r)
{
    return r->latest;
}

sev_err sev_repo_save(struct sev_repository *r)
{
    char path[SEV_FS_PATH_MAX];
    sev_slice bytes;
    sev_err e = sev_repo_state_emit(r, &bytes);
    if (e == SEV_OK)
        e = sev_repo_path(r, STATE_FILE, path);
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_file_replace(r->fs, path, bytes, 0644));
    return e;
}

/* What is being published was judged under what the state says: that stays until it is done. */
sev_err sev_repository_save(struct sev_repository *r)
{
    for (uint32_t i = 0; i < r->doc_count; i++)
        if (r->docs[i]->staged.releasing)
            return sev_repo_fail(r->note, SEV_E_CONFLICT,
                                 "a publication was interrupted: finish it first (publish)");
    return sev_repo_save(r);
}

static sev_err load(struct sev_repository *r)
{
    char path[SEV_FS_PATH_MAX];
    sev_slice bytes;
    sev_err e = sev_repo_path(r, STATE_FILE, path);
    if (e == SEV_OK)
        e = sev_repo_read_file(r, path, SEV_REPOSITORY_STATE_BYTES_MAX, &bytes);
    return e == SEV_OK ? sev_repo_state_parse(r, bytes) : e;
}

sev_err sev_repository_open(const struct sev_fs *fs, const char *dir, unsigned how,
                            struct sev_repository_note *note, struct sev_repository **out)
{
    struct sev_repository *r = NULL;
    struct sev_fs_stat st;
    char path[SEV_FS_PATH_MAX];
    sev_err e = new_repository(fs, dir, note, &r);
    if (e != SEV_OK)
        return e;
    /* Before the lock, which would leave a file in a folder that is no repository. */
    e = sev_repo_path(r, STATE_FILE, path);
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_file_stat(fs, path, &st));
    if (e == SEV_OK && (how & SEV_REPOSITORY_WRITE) != 0)
        e = sev_repo_fail_fs(r, sev_dir_lock(fs, r->dir, SEV_REPOSITORY_LOCK_MS, &r->lock));
    if (e == SEV_OK)
        e = load(r);
    if (e != SEV_OK)
        sev_repository_close(r);
    else
        *out = r;
    return e;
}

/* --------------------------------------------------------------------- init */

/* X(name, director, images, regulator, aktualizr): r required, o optional, - not there. */
static const struct {
    const char *name;
    const char *in; /* one letter per kind, then one for profile aktualizr */
} root_roles[] = {
    {"kem", "o-o-"},     {"publish", "o---"}, {"root", "rrrr"},      {"snapshot", "rrrr"},
    {"targets", "rrrr"}, {"time", "o---"},    {"timestamp", "rrrr"},
};

static const struct sev_repository_role *planned(const struct sev_repository_plan *plan,
                                                 const char *name, bool aktualizr)
{
    for (uint32_t i = 0; i < plan->role_count; i++)
        if (plan->roles[i].aktualizr == aktualizr && strcmp(plan->roles[i].name, name) == 0)
            return &plan->roles[i];
    return NULL;
}

static uint32_t days_of(sev_repository_kind kind, const struct sev_repository_role *role)
{
    return role->days != 0 ? role->days : sev_repo_default_days(kind, role->name);
}

static sev_err take_profile(struct sev_repository *r, const struct sev_repository_plan *plan,
                            int profile)
{
    struct sev_repo_profile *p = &r->profiles[profile];
    bool aktualizr = profile == SEV_PROFILE_AKTUALIZR;
    p->on = true;
    for (size_t i = 0; i < sizeof root_roles / sizeof root_roles[0]; i++) {
        const char *name = root_roles[i].name;
        const struct sev_repository_role *given = planned(plan, name, aktualizr);
        char in = root_roles[i].in[aktualizr ? 3 : (int)plan->kind];
        if (given == NULL && in == 'r')
            return sev_repo_fail(r->note, SEV_E_CONFIG, "role %s%s is missing", name,
                                 aktualizr ? " of profile aktualizr" : "");
        if (given == NULL || in == '-')
            continue;
        struct sev_repo_role *role = &p->roles[p->role_count++];
        role->name = name;
        role->days = days_of(plan->kind, given);
        sev_err e = sev_repo_add_keyset(r, &given->keys, name, aktualizr, &role->set);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

static sev_err check_names(struct sev_repository *r, const struct sev_repository_plan *plan)
{
    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct sev_repository_role *role = &plan->roles[i];
        int column = role->aktualizr ? 3 : (int)plan->kind;
        bool known = plan->kind == SEV_REPOSITORY_REGULATOR && !role->aktualizr &&
                     strcmp(role->name, "attestations") == 0;
        for (size_t k = 0; k < sizeof root_roles / sizeof root_roles[0]; k++)
            known = known || (strcmp(root_roles[k].name, role->name) == 0 &&
                              root_roles[k].in[column] != '-');
        if (!known)
            return sev_repo_fail(r->note, SEV_E_CONFIG,
                                 "a repository of kind %s has no role %.128s",
                                 sev_repository_kind_name(plan->kind), role->name);
        for (uint32_t k = 0; k < i; k++)
            if (plan->roles[k].aktualizr == role->aktualizr &&
                strcmp(plan->roles[k].name, role->name) == 0)
                return sev_repo_fail(r->note, SEV_E_CONFIG, "role %.128s is given twice",
                                     role->name);
        if (role->aktualizr && !plan->with_aktualizr)
            return sev_repo_fail(r->note, SEV_E_CONFIG, "profile aktualizr was not asked for");
        if (role->days > SEV_REPOSITORY_DAYS_MAX)
            return sev_repo_fail(r->note, SEV_E_CONFIG, "role %.128s: at most %u days", role->name,
                                 SEV_REPOSITORY_DAYS_MAX);
    }
    if (plan->with_aktualizr && plan->kind == SEV_REPOSITORY_REGULATOR)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "aktualizr knows no regulator");
    return SEV_OK;
}

/* Withdrawals come first, so that the search meets them first; by the same people, but one of them
 * is enough to stop an image. DESIGN 2 */
static sev_err take_reviewers(struct sev_repository *r, const struct sev_repository_plan *plan)
{
    static const char *const paths[] = {"*", "*/*", "*/*/*", "*/*/*/*", "*/*/*/*/*"};
    const struct sev_repository_role *given = planned(plan, "attestations", false);
    if (plan->kind != SEV_REPOSITORY_REGULATOR)
        return SEV_OK;
    if (given == NULL)
        return sev_repo_fail(r->note, SEV_E_CONFIG, "role attestations is missing");
    struct sev_repository_role one = *given;
    for (int i = 0; i < 2; i++) {
        one.name = i == 0 ? "withdrawals" : "attestations";
        one.keys.threshold = i == 0 ? 1 : given->keys.threshold;
        struct sev_repository_delegate d = {
            .roles = &one, .role_count = 1, .paths = {paths, sizeof paths / sizeof paths[0]}};
        sev_err e = sev_repository_delegate_to(r, &d);
        if (e != SEV_OK)
            return e;
    }
    return SEV_OK;
}

static sev_err take_plan(struct sev_repository *r, const struct sev_repository_plan *plan)
{
    struct sev_repo_file *top;
    r->kind = plan->kind;
    sev_err e = check_names(r, plan);
    if (e != SEV_OK)
        return e;
    if (plan->vehicle != NULL) {
        size_t n = strlen(plan->vehicle);
        if (plan->kind != SEV_REPOSITORY_DIRECTOR)
            return sev_repo_fail(r->note, SEV_E_CONFIG, "only a Director serves a vehicle");
        if (n == 0 || n > SEV_ID_BYTES_MAX || !sev_repo_printable(plan->vehicle))
            return sev_repo_fail(r->note, SEV_E_CONFIG,
                                 "a vehicle id has 1 to %d printable ASCII characters",
                                 SEV_ID_BYTES_MAX);
        e = sev_repo_text(&r->pool, sev_repo_slice(plan->vehicle), &r->vehicle);
    }
    if (e == SEV_OK)
        e = take_profile(r, plan, SEV_PROFILE_NATIVE);
    if (e == SEV_OK && plan->with_aktualizr)
        e = take_profile(r, plan, SEV_PROFILE_AKTUALIZR);
    if (e == SEV_OK) {
        uint32_t days = sev_repo_find_role(r, SEV_PROFILE_NATIVE, "targets")->days;
        e = sev_repo_add_file(r, "targets", days, &top);
    }
    return e == SEV_OK ? take_reviewers(r, plan) : e;
}

static sev_err make_folders(struct sev_repository *r, bool aktualizr)
{
    static const char *const names[] = {"staged", "public", "public/aktualizr"};
    char path[SEV_FS_PATH_MAX];
    sev_err e = SEV_OK;
    for (int i = 0; e == SEV_OK && i < (aktualizr ? 3 : 2); i++) {
        e = sev_repo_path(r, names[i], path);
        if (e == SEV_OK)
            e = sev_repo_fail_fs(r, sev_dir_ensure(r->fs, path, 0755, 0));
    }
    return e;
}

sev_err sev_repository_init(const struct sev_fs *fs, const char *dir,
                            const struct sev_repository_plan *plan, sev_time now,
                            struct sev_repository_note *note)
{
    struct sev_repository *r = NULL;
    struct sev_fs_stat st;
    char path[SEV_FS_PATH_MAX];
    sev_err e = new_repository(fs, dir, note, &r);
    if (e != SEV_OK)
        return e;
    e = take_plan(r, plan); /* all that can be wrong with it, before anything is made */
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_ensure(fs, dir, 0755, 0));
    if (e == SEV_OK)
        e = sev_repo_fail_fs(r, sev_dir_lock(fs, dir, SEV_REPOSITORY_LOCK_MS, &r->lock));
    if (e == SEV_OK)
        e = sev_repo_path(r, STATE_FILE, path);
    if (e == SEV_OK) {
        sev_err there = sev_file_stat(fs, path, &st);
        if (there == SEV_OK)
            e = sev_repo_fail(
                note, SEV_E_EXISTS,
                "%.300s is a repository already\nuse it, or name another folder: --repo", dir);
        else if (there != SEV_E_NOT_FOUND)
            e = sev_repo_fail_fs(r, there);
    }
    if (e == SEV_OK)
        e = make_folders(r, plan->with_aktualizr);
    if (e == SEV_OK)
        e = sev_repository_save(r);
    if (e == SEV_OK)
        e = sev_repository_stage(r, now, false);
    sev_repository_close(r);
    return e;
}
