/* lint - look at a public folder as a client does, and at what no client can tell.
 * SPDX-License-Identifier: MIT */
#include "lint.h"

#include <stdarg.h>
#include <stdio.h>

void sev_lint_say(struct lint *l, bool is_error, const char *code, const char *role,
                  const char *subject, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct sev_lint_finding f = {is_error, code, l->config->profile, role, subject, text};
    l->report(l->context, &f);
}

/* ------------------------------------------------------------------- expiry */

/* What a file may be worth at most without being signed again: KEY-06. */
static uint32_t usual_days(const struct lint *l, const char *role)
{
    return sev_repo_default_days(l->config->kind, role);
}

static void check_expiry(struct lint *l, const struct sev_public_file *f)
{
    sev_time left = f->common.expires - l->config->now;
    /* What lives a day is always about to expire: there, half its life is soon. */
    sev_time soon = (sev_time)l->config->days * DAY;
    sev_time half = (sev_time)usual_days(l, f->role) * DAY / 2;
    soon = half < soon && !l->config->all_of_them ? half : soon;
    char when[32];
    sev_buf b = sev_buf_of(when, sizeof when - 1);
    sev_time_format(f->common.expires, &b);
    when[b.len] = '\0';
    if (left <= 0)
        sev_lint_say(l, true, "expired", f->role, f->name, "expired at %s", when);
    else if (left <= soon)
        sev_lint_say(l, false, "expires_soon", f->role, f->name, "expires at %s", when);
    else if (left > (sev_time)usual_days(l, f->role) * 2 * DAY)
        sev_lint_say(l, false, "expires_late", f->role, f->name,
                     "expires at %s: more than twice what is usual, %u days", when,
                     usual_days(l, f->role));
}

/* ---------------------------------------------------------------- documents */

static void check_vehicle(struct lint *l, const struct sev_public_file *f)
{
    bool director = l->config->kind == SEV_REPOSITORY_DIRECTOR && sev_lint_native(l);
    bool named = sev_json_get(f->common.custom, "vehicle").len != 0;
    bool root = strcmp(f->role, "root") == 0;
    if (director && !root && !named) /* REQ-MET-32 */
        sev_lint_say(l, true, "no_vehicle", f->role, f->name, "names no vehicle");
    if (director && root && named)
        sev_lint_say(l, false, "vehicle_in_root", f->role, f->name,
                     "a root is for every vehicle: it should name none");
}

static void check_form(struct lint *l, const struct sev_public_file *f)
{
    struct sev_json_info info = {0};
    bool ascii = true;
    for (size_t i = 0; ascii && i < f->bytes.len; i++)
        ascii = f->bytes.ptr[i] >= 0x20 && f->bytes.ptr[i] <= 0x7e;
    /* JCS has the escapes of JSON: the form in which all canonical forms agree but for PEM. */
    bool canonical =
        sev_json_check(f->bytes, (struct sev_json_scratch){NULL, 0}, &info, NULL) == SEV_OK &&
        (info.canonical & (SEV_CANON_JCS | SEV_CANON_ASCII)) != 0;
    if (!ascii || !canonical)
        sev_lint_say(l, false, "not_portable", f->role, f->name,
                     "not canonical printable ASCII: clients with another canonical form disagree");
    if (!sev_lint_native(l) && f->common.version > INT32_MAX)
        sev_lint_say(l, true, "version_too_large", f->role, f->name,
                     "aktualizr reads versions of 31 bits");
}

static const struct {
    const char *role;
    size_t bytes_max;
} aktualizr_caps[] = {{"root", 65536}, {"timestamp", 65536}};

static void check_size(struct lint *l, const struct sev_public_file *f)
{
    size_t max = l->config->kind == SEV_REPOSITORY_DIRECTOR ? SEV_DIRECTOR_TARGETS_BYTES_MAX
                                                            : SEV_TARGETS_BYTES_MAX;
    if (!sev_lint_native(l) && l->config->kind == SEV_REPOSITORY_DIRECTOR)
        max = 65536; /* contract 8.1 */
    if (strcmp(f->role, "root") == 0)
        max = SEV_ROOT_BYTES_MAX;
    if (strcmp(f->role, "timestamp") == 0)
        max = SEV_TIMESTAMP_BYTES_MAX;
    if (strcmp(f->role, "snapshot") == 0)
        max = SEV_SNAPSHOT_BYTES_MAX;
    for (size_t i = 0; !sev_lint_native(l) && i < 2; i++)
        if (strcmp(aktualizr_caps[i].role, f->role) == 0)
            max = aktualizr_caps[i].bytes_max;
    if (f->bytes.len > max)
        sev_lint_say(l, true, "too_long", f->role, f->name, "%zu bytes; clients read %zu",
                     f->bytes.len, max);
    else if (f->bytes.len > max - max / 4)
        sev_lint_say(l, false, "nearly_too_long", f->role, f->name,
                     "%zu bytes; clients read at most %zu", f->bytes.len, max);
}

/* Every file that the snapshot lists, not only those on the way to some image. REQ-REP-04 */
static void check_listed(struct lint *l, const struct sev_public_file *f)
{
    const struct sev_public_file *snapshot = sev_public_find(&l->public, "snapshot");
    struct sev_snapshot s;
    struct sev_fileinfo info;
    if (snapshot == NULL || snapshot->err != SEV_OK || f->targets.targets.len == 0 ||
        sev_snapshot_parse(&snapshot->doc, &s) != SEV_OK ||
        sev_snapshot_find(&s, sev_repo_slice(f->role), &info) != SEV_OK)
        return;
    bool fits = (!info.has_length || info.length == (int64_t)f->bytes.len) &&
                (!info.has_hashes || sev_hashes_fit(&info.hashes, f->bytes)) &&
                info.version == f->common.version;
    if (!fits)
        sev_lint_say(l, true, "metadata_mismatch", f->role, f->name,
                     "version, length or digest differs from what the snapshot lists");
    if (!sev_lint_native(l) && info.has_hashes)
        sev_lint_say(l, true, "snapshot_has_hashes", "snapshot", f->role,
                     "with hashes in the snapshot aktualizr accepts a rollback of targets");
}

static void check_file(struct lint *l, const struct sev_public_file *f)
{
    if (f->err != SEV_OK) {
        sev_lint_say(l, true, f->err == SEV_E_NOT_FOUND ? "absent" : sev_err_id(f->err), f->role,
                     f->name, "%s", sev_err_sentence(f->err));
        return;
    }
    check_expiry(l, f);
    check_vehicle(l, f);
    check_form(l, f);
    check_size(l, f);
    check_listed(l, f);
}

/* Timestamp and snapshot of the native profile say how long a file is and what its digests are:
 * sev_*_parse refuses others, and the walk reports it under the role's name. */
sev_err sev_lint_walk(struct lint *l)
{
    struct sev_walk_config config = {.profile = l->config->profile,
                                     .director = l->config->kind == SEV_REPOSITORY_DIRECTOR,
                                     .now = l->config->now};
    return sev_repo_view_refresh(&l->view, &config);
}

static sev_err walk(struct lint *l)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes root = {0};
    l->view = (struct sev_repo_view){.fs = l->fs, .pool = &l->pool, .folder = l->config->folder};
    uint64_t bytes = 1;
    for (uint32_t i = 0; i < l->public.count; i++)
        bytes += l->public.files[i].bytes.len;
    sev_err e = sev_repo_view_open(&l->view, bytes);
    if (e == SEV_OK)
        e = sev_path_join(l->config->folder, "1.root.json", path);
    if (e != SEV_OK)
        return e;
    e = sev_file_read(l->fs, path, SEV_ROOT_BYTES_MAX, 0, &root);
    if (e != SEV_OK) {
        sev_lint_say(l, true, "absent", "root", "1.root.json",
                     "%s: a vehicle from the factory starts there", sev_err_sentence(e));
        return e == SEV_E_MEMORY ? e : SEV_OK;
    }
    e = sev_repo_view_keep(&l->view, "root.json", sev_bytes_slice(&root));
    sev_bytes_free(l->fs, &root);
    if (e == SEV_OK)
        e = sev_lint_walk(l);
    l->sound = e == SEV_OK;
    if (e == SEV_E_MEMORY)
        return e;
    if (e != SEV_OK)
        sev_lint_say(l, true, sev_err_id(e), l->view.walk->role, "", "a client refuses it: %s",
                     sev_err_sentence(e));
    return SEV_OK;
}

static void check_leftovers(struct lint *l)
{
    struct sev_names names = {0};
    if (sev_dir_list(l->fs, l->config->folder, 1000000, &names) != SEV_OK)
        return;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.names[i];
        if (name[0] == '.')
            sev_lint_say(l, false, "stray_file", "", name,
                         "nothing of ours, and a web server may serve it");
    }
    sev_names_free(l->fs, &names);
}

static sev_err run(struct lint *l)
{
    sev_err e = walk(l);
    if (e == SEV_OK)
        e = sev_lint_trust(l);
    for (uint32_t i = 0; e == SEV_OK && i < l->public.count; i++)
        if (!sev_lint_wants(l, l->public.files[i].role))
            continue;
        else if (l->trusted[i])
            check_file(l, &l->public.files[i]);
        else
            check_listed(l, &l->public.files[i]);
    if (e == SEV_OK)
        e = sev_lint_keys(l);
    if (e == SEV_OK)
        e = sev_lint_delegations(l);
    if (e == SEV_OK)
        e = sev_lint_images(l);
    if (e == SEV_OK && l->sound && l->config->only == NULL)
        e = sev_lint_searches(l);
    if (e == SEV_OK)
        e = sev_lint_secrets(l);
    check_leftovers(l);
    return e;
}

sev_err sev_repository_lint(const struct sev_fs *fs, const struct sev_lint_config *config,
                            sev_lint_report *report, void *context,
                            struct sev_repository_note *note)
{
    struct lint l = {.fs = fs,
                     .config = config,
                     .report = report,
                     .context = context,
                     .note = note,
                     .pool = {fs, NULL}};
    sev_err e = sev_public_open(fs, config->folder, config->profile, note, &l.public);
    if (e == SEV_OK)
        e = run(&l);
    sev_repo_view_close(&l.view);
    sev_public_close(&l.public);
    sev_repo_pool_free(&l.pool);
    return e;
}
