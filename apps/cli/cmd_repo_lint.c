/* cmd_repo_lint - `secureev repo lint`: what a client would refuse. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo.h"

#define LINT_DAYS 7

struct finding {
    bool is_error;
    char *code, *role, *subject, *text;
    sev_profile profile;
};
struct findings {
    struct finding *items;
    size_t count, errors;
    bool failed;
};

static void keep_finding(void *context, const struct sev_lint_finding *f)
{
    struct findings *all = context;
    struct finding *more = realloc(all->items, (all->count + 1) * sizeof *more);
    if (more == NULL) {
        all->failed = true;
        return;
    }
    all->items = more;
    struct finding *kept = &all->items[all->count++];
    *kept = (struct finding){f->is_error,        strdup(f->code), strdup(f->role),
                             strdup(f->subject), strdup(f->text), f->profile};
    all->failed = all->failed || kept->code == NULL || kept->role == NULL ||
                  kept->subject == NULL || kept->text == NULL;
    all->errors += f->is_error;
}

static void findings_free(struct findings *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].code);
        free(all->items[i].role);
        free(all->items[i].subject);
        free(all->items[i].text);
    }
    free(all->items);
}

static void emit_findings(sev_json_writer *w, const void *context)
{
    const struct findings *all = context;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "errors", (int64_t)all->errors);
    sev_json_w_name(w, SEV_LIT("findings"));
    sev_json_w_array(w);
    for (size_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->items[i];
        sev_json_w_object(w);
        repo_put_text(w, "code", f->code);
        repo_put_text(w, "level", f->is_error ? "error" : "warning");
        repo_put_text(w, "profile", f->profile == SEV_PROFILE_AKTUALIZR ? "aktualizr" : "native");
        repo_put_text(w, "role", f->role);
        repo_put_text(w, "subject", f->subject);
        repo_put_text(w, "text", f->text);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_integer_member(w, "warnings", (int64_t)(all->count - all->errors));
    sev_json_w_object_end(w);
}

static void print_findings(struct cli *c, const struct findings *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->items[i];
        cli_print(c, "%s %s%s", f->is_error ? "error  " : "warning", f->code,
                  f->profile == SEV_PROFILE_AKTUALIZR ? " (aktualizr)" : "");
        if (f->role[0] != '\0') {
            cli_print(c, "  ");
            cli_print_text(c, sev_slice_of(f->role, strlen(f->role)));
        }
        if (f->subject[0] != '\0') {
            cli_print(c, "  ");
            cli_print_text(c, sev_slice_of(f->subject, strlen(f->subject)));
        }
        cli_print(c, "\n    ");
        cli_print_text(c, sev_slice_of(f->text, strlen(f->text)));
        cli_print(c, "\n");
    }
    cli_print(c, "%zu errors, %zu warnings\n", all->errors, all->count - all->errors);
}

static bool is_there(struct cli *c, const char *folder)
{
    struct sev_fs_stat st;
    char path[SEV_FS_PATH_MAX];
    return sev_path_join(folder, "1.root.json", path) == SEV_OK &&
           sev_file_stat(cli_fs(c), path, &st) == SEV_OK;
}

static int lint_profile(struct cli *c, struct sev_lint_config *config, const char *folder,
                        const char *other, struct findings *all)
{
    struct sev_repository_note note = {""};
    config->folder = folder;
    config->other = other;
    sev_err e = sev_repository_lint(cli_fs(c), config, keep_finding, all, &note);
    if (e == SEV_OK)
        return 0;
    if (e == SEV_E_NOT_FOUND)
        return repo_no_public(c, folder);
    return cli_fail(c, e, "is it the folder that a web server serves?", "%s",
                    note.text[0] != '\0' ? note.text : folder);
}

/* Of the repository in --repo, unless it was said. */
static int lint_kind(struct cli *c, sev_repository_kind *out)
{
    const char *given = cli_opt(c, "kind");
    struct repo repo;
    for (int i = 0; given != NULL && i < SEV_REPOSITORY_KINDS; i++) {
        if (strcmp(given, sev_repository_kind_name((sev_repository_kind)i)) == 0) {
            *out = (sev_repository_kind)i;
            return 0;
        }
    }
    if (cli_opt(c, "public") != NULL)
        return cli_usage(c, "--public needs --kind: which repository is it?");
    int code = repo_open(c, 0, &repo);
    if (code == 0) {
        *out = sev_repository_kind_of(repo.r);
        repo_close(&repo);
    }
    return code;
}

int repo_run_lint(struct cli *c)
{
    char native[SEV_FS_PATH_MAX], aktualizr[SEV_FS_PATH_MAX];
    struct sev_lint_config config = {.profile = SEV_PROFILE_NATIVE};
    struct findings all = {NULL, 0, 0, false};
    uint64_t days = LINT_DAYS;
    int code = cli_opt_time(c, "now", &config.now);
    if (code == 0)
        code = cli_opt_integer(c, "days", 0, SEV_REPOSITORY_DAYS_MAX, &days);
    if (code == 0)
        code = lint_kind(c, &config.kind);
    if (code == 0)
        code = repo_public_folder(c, SEV_PROFILE_NATIVE, native);
    if (code == 0 && sev_path_join(native, "aktualizr", aktualizr) != SEV_OK)
        code = cli_fail(c, SEV_E_BAD_NAME, NULL, "path too long");
    if (code != 0)
        return code;
    config.days = (uint32_t)days;
    config.all_of_them = cli_opt(c, "days") != NULL;
    bool both = is_there(c, aktualizr);
    code = lint_profile(c, &config, native, both ? aktualizr : NULL, &all);
    if (code == 0 && both) {
        config.profile = SEV_PROFILE_AKTUALIZR;
        code = lint_profile(c, &config, aktualizr, NULL, &all);
    }
    if (code == 0 && all.failed)
        code = cli_fail(c, SEV_E_MEMORY, NULL, "findings");
    if (code == 0 && cli_json(c))
        code = cli_print_json(c, emit_findings, &all);
    else if (code == 0)
        print_findings(c, &all);
    if (code == 0 && all.errors != 0)
        code = CLI_EXIT_FAILED; /* said on standard output */
    findings_free(&all);
    return code;
}
