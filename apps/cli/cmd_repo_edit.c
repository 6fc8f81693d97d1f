/* cmd_repo_edit - `secureev repo`: what is wanted of a repository. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo.h"

#define JSON_FILE_BYTES_MAX 65536u

/* --------------------------------------------------------------------- init */

struct roles {
    struct sev_repository_role *items;
    uint32_t count;
};

static void roles_free(struct roles *roles)
{
    for (uint32_t i = 0; i < roles->count; i++)
        repo_role_free(&roles->items[i]);
    free(roles->items);
    *roles = (struct roles){NULL, 0};
}

/* The values of --role, --aktualizr-role, --with-role. */
static int roles_add(struct cli *c, const char *option, bool aktualizr, struct roles *roles)
{
    struct sev_texts specs = repo_texts(c, option);
    for (size_t i = 0; i < specs.count; i++) {
        struct sev_repository_role role;
        struct sev_repository_role *more =
            realloc(roles->items, (roles->count + 1) * sizeof *roles->items);
        if (more == NULL)
            return cli_fail(c, SEV_E_MEMORY, NULL, "roles");
        roles->items = more;
        int code = repo_role(c, specs.items[i], NULL, &role);
        if (code != 0)
            return code;
        role.aktualizr = aktualizr;
        roles->items[roles->count++] = role;
        code = repo_days(c, role.name, &roles->items[roles->count - 1].days);
        if (code != 0)
            return code;
    }
    return 0;
}

static sev_repository_kind kind_of(const char *name)
{
    int k = 0;
    while (strcmp(sev_repository_kind_name((sev_repository_kind)k), name) != 0)
        k++; /* the parser let only these through */
    return (sev_repository_kind)k;
}

static int say_made(struct cli *c)
{
    char line[SEV_FS_PATH_MAX + 128];
    (void)snprintf(line, sizeof line,
                   "made %s repository in %s; its first files are staged to be signed",
                   cli_opt(c, "kind"), cli_opt(c, "repo"));
    return repo_say_done(c, line);
}

int repo_run_init(struct cli *c)
{
    struct roles roles = {NULL, 0};
    struct sev_repository_note note = {""};
    sev_time now;
    int code = cli_opt_time(c, "now", &now);
    if (code == 0)
        code = roles_add(c, "role", false, &roles);
    if (code == 0)
        code = roles_add(c, "aktualizr-role", true, &roles);
    if (code == 0) {
        struct sev_repository_plan plan = {.kind = kind_of(cli_opt(c, "kind")),
                                           .vehicle = cli_opt(c, "vehicle"),
                                           .with_aktualizr = cli_flag(c, "with-aktualizr"),
                                           .roles = roles.items,
                                           .role_count = roles.count};
        sev_err e = sev_repository_init(cli_fs(c), cli_opt(c, "repo"), &plan, now, &note);
        if (e != SEV_OK)
            code = repo_fail_note(c, e, &note);
        else
            code = say_made(c);
    }
    roles_free(&roles);
    return code;
}

/* ------------------------------------------------------------------- images */

int repo_run_add(struct cli *c)
{
    struct repo repo;
    uint64_t counter = 0, least = 0;
    int code = cli_opt_integer(c, "release-counter", 0, SEV_JSON_INT_MAX, &counter);
    if (code == 0)
        code = cli_opt_integer(c, "min-release-counter", 0, SEV_JSON_INT_MAX, &least);
    if (code == 0)
        code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    struct sev_repository_image image = {.name = cli_arg(c, 0),
                                         .file = cli_arg(c, 1),
                                         .role = cli_opt(c, "role"),
                                         .hardware_ids = repo_texts(c, "hardware-id"),
                                         .release_counter = (int64_t)counter,
                                         .min_release_counter = (int64_t)least,
                                         .version = cli_opt(c, "version"),
                                         .format = cli_opt(c, "format"),
                                         .group = cli_opt(c, "group"),
                                         .depends = repo_texts(c, "depends"),
                                         .conflicts = repo_texts(c, "conflicts"),
                                         .plaintext = cli_opt(c, "plaintext")};
    sev_err e = sev_repository_add_image(repo.r, &image);
    code = e == SEV_OK ? repo_done(&repo, "listed %s in %s", image.name,
                                   image.role != NULL ? image.role : "targets")
                       : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_remove(struct cli *c)
{
    struct repo repo;
    int code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    sev_err e = sev_repository_remove_image(repo.r, cli_arg(c, 0), cli_opt(c, "role"));
    code = e == SEV_OK ? repo_done(&repo, "removed %s", cli_arg(c, 0)) : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

static int source_of(struct cli *c, struct sev_repository_source *out)
{
    *out = (struct sev_repository_source){.folder = cli_opt(c, "from"),
                                          .root = cli_opt(c, "from-root")};
    return cli_opt_time(c, "now", &out->now);
}

/* SERIAL=HWID, cut in two. */
struct pairs {
    char **serials;
    char **hardware_ids;
    size_t count;
};

static void pairs_free(struct pairs *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->serials[i]);
    free(p->serials);
    free(p->hardware_ids);
}

static int pairs_of(struct cli *c, struct pairs *out)
{
    struct sev_texts ecus = repo_texts(c, "ecu");
    *out = (struct pairs){calloc(ecus.count + 1, sizeof(char *)),
                          calloc(ecus.count + 1, sizeof(char *)), 0};
    if (out->serials == NULL || out->hardware_ids == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "ECUs");
    for (size_t i = 0; i < ecus.count; i++) {
        char *copy = strdup(ecus.items[i]);
        if (copy == NULL)
            return cli_fail(c, SEV_E_MEMORY, NULL, "ECUs");
        out->serials[out->count++] = copy;
        char *equals = strchr(copy, '=');
        if (equals == NULL)
            return cli_usage(c, "--ecu takes SERIAL=HWID, not \"%s\"", ecus.items[i]);
        *equals = '\0';
        out->hardware_ids[i] = equals + 1;
    }
    return 0;
}

/* ID:VERSION. `id` is cut out of a copy that the caller frees. */
static int bundle_of(struct cli *c, struct sev_repository_bundle *out, char **out_copy)
{
    const char *text = cli_opt(c, "bundle");
    uint64_t version = 0;
    *out = (struct sev_repository_bundle){.groups = repo_texts(c, "group"),
                                          .correlation_id = cli_opt(c, "correlation-id")};
    *out_copy = NULL;
    if (text == NULL)
        return out->groups.count == 0 ? 0 : cli_usage(c, "--group goes with --bundle");
    const char *colon = strrchr(text, ':');
    if (colon == NULL ||
        sev_decimal_parse(sev_slice_of(colon + 1, strlen(colon + 1)), &version) != SEV_OK)
        return cli_usage(c, "--bundle takes ID:VERSION, not \"%s\"", text);
    *out_copy = strndup(text, (size_t)(colon - text));
    if (*out_copy == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "bundle");
    out->id = *out_copy;
    out->version = (int64_t)version;
    return 0;
}

/* The encryption block of a file, if one is given. */
static int json_file(struct cli *c, const char *option, struct sev_bytes *out)
{
    const char *path = cli_opt(c, option);
    *out = (struct sev_bytes){0};
    if (path == NULL)
        return 0;
    sev_err e = sev_file_read(cli_fs(c), path, JSON_FILE_BYTES_MAX, 0, out);
    return e == SEV_OK ? 0 : repo_fail_fs(c, e);
}

static int assign(struct cli *c, const struct sev_repository_source *from,
                  const struct pairs *pairs, const struct sev_repository_bundle *bundle,
                  sev_slice encryption)
{
    struct repo repo;
    int code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    struct sev_repository_assignment a = {
        .name = cli_arg(c, 0),
        .serials = {(const char *const *)pairs->serials, pairs->count},
        .hardware_ids = {(const char *const *)pairs->hardware_ids, pairs->count},
        .encryption = encryption};
    sev_err e = sev_repository_assign(repo.r, from, &a);
    if (e == SEV_OK && (bundle->id != NULL || bundle->correlation_id != NULL))
        e = sev_repository_set_bundle(repo.r, bundle);
    code = e == SEV_OK ? repo_done(&repo, "assigned %s to %zu ECU%s", a.name, pairs->count,
                                   pairs->count == 1 ? "" : "s")
                       : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_assign(struct cli *c)
{
    struct sev_repository_source from;
    struct sev_repository_bundle bundle;
    struct pairs pairs = {NULL, NULL, 0};
    struct sev_bytes encryption = {0};
    char *id = NULL;
    int code = source_of(c, &from);
    if (code == 0)
        code = pairs_of(c, &pairs);
    if (code == 0)
        code = bundle_of(c, &bundle, &id);
    if (code == 0)
        code = json_file(c, "encryption", &encryption);
    if (code == 0)
        code = assign(c, &from, &pairs, &bundle, sev_bytes_slice(&encryption));
    sev_bytes_free(cli_fs(c), &encryption);
    pairs_free(&pairs);
    free(id);
    return code;
}

static struct sev_repository_review review_of(struct cli *c)
{
    return (struct sev_repository_review){.regulator = cli_opt(c, "regulator"),
                                          .report = cli_opt(c, "report"),
                                          .scanners = repo_texts(c, "scanner")};
}

int repo_run_attest(struct cli *c)
{
    struct repo repo;
    struct sev_repository_source from;
    struct sev_repository_review review = review_of(c);
    review.refused = strcmp(cli_opt(c, "decision"), "refused") == 0;
    int code = source_of(c, &from);
    if (code == 0)
        code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    sev_err e = sev_repository_attest(repo.r, &from, cli_arg(c, 0), &review);
    code = e == SEV_OK ? repo_done(&repo, "%s %s", cli_opt(c, "decision"), cli_arg(c, 0))
                       : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_withdraw(struct cli *c)
{
    struct repo repo;
    struct sev_repository_review review = review_of(c);
    sev_time now;
    int code = repo_open_at(c, &repo, &now);
    if (code != 0)
        return code;
    sev_err e = sev_repository_withdraw(repo.r, cli_arg(c, 0), now, &review);
    code = e == SEV_OK ? repo_done(&repo, "withdrew %s", cli_arg(c, 0)) : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

/* ------------------------------------------------------ roles and delegations */

static int delegate(struct cli *c, const struct roles *roles, uint64_t min_roles, uint64_t days)
{
    struct repo repo;
    int code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    for (uint32_t i = 0; i < roles->count; i++)
        if (roles->items[i].days == 0)
            roles->items[i].days = (uint32_t)days;
    struct sev_repository_delegate d = {
        .parent = cli_opt(c, "parent"),
        .roles = roles->items,
        .role_count = roles->count,
        .min_roles = (uint32_t)min_roles,
        .paths = repo_texts(c, "path"),
        .hardware_ids = repo_texts(c, "hardware-id"),
        .terminating = cli_flag(c, "terminating"),
        .before = cli_opt(c, "before"),
    };
    d.has_hardware_ids = d.hardware_ids.count != 0 || cli_flag(c, "no-hardware");
    sev_err e = sev_repository_delegate_to(repo.r, &d);
    if (e == SEV_OK && d.terminating)
        cli_note(c,
                 "warning: where %s lacks an image of these paths, the search ends: roles "
                 "listed after it are not asked any more",
                 roles->items[0].name);
    code = e == SEV_OK ? repo_done(&repo, "%s trusts %s", d.parent != NULL ? d.parent : "targets",
                                   roles->items[0].name)
                       : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_delegate(struct cli *c)
{
    struct roles roles = {calloc(1, sizeof(struct sev_repository_role)), 0};
    uint64_t min_roles = 0, days = 0;
    if (roles.items == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "roles");
    int code = cli_opt_integer(c, "min-roles", 1, SEV_MULTI_ROLES_MAX, &min_roles);
    if (code == 0)
        code = cli_opt_integer(c, "days", 1, SEV_REPOSITORY_DAYS_MAX, &days);
    if (code == 0)
        code = repo_role(c, cli_opt(c, "keys"), cli_arg(c, 0), &roles.items[0]);
    if (code == 0) {
        roles.count = 1;
        code = roles_add(c, "with-role", false, &roles);
    }
    if (code == 0 && (roles.count > 1) != (min_roles != 0))
        code = cli_usage(c, "--with-role and --min-roles go together");
    if (code == 0 && cli_flag(c, "no-hardware") && repo_texts(c, "hardware-id").count != 0)
        code = cli_usage(c, "--no-hardware or --hardware-id");
    if (code == 0)
        code = delegate(c, &roles, min_roles, days);
    roles_free(&roles);
    return code;
}

int repo_run_undelegate(struct cli *c)
{
    struct repo repo;
    int code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    sev_err e = sev_repository_undelegate(repo.r, cli_arg(c, 0), cli_opt(c, "parent"));
    code = e == SEV_OK
               ? repo_done(&repo,
                           "%s is not trusted any more; its name stays in the "
                           "snapshot until snapshot and timestamp get other keys in one root",
                           cli_arg(c, 0))
               : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_rotate(struct cli *c)
{
    struct repo repo;
    struct sev_repository_role role;
    uint64_t days = 0;
    int code = cli_opt_integer(c, "days", 1, SEV_REPOSITORY_DAYS_MAX, &days);
    if (code == 0)
        code = repo_role(c, cli_opt(c, "keys"), cli_arg(c, 0), &role);
    if (code != 0)
        return code;
    role.aktualizr = strcmp(cli_opt(c, "profile"), "aktualizr") == 0;
    role.days = (uint32_t)days;
    code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code == 0) {
        sev_err e = sev_repository_rotate(repo.r, &role, cli_opt(c, "parent"));
        code = e == SEV_OK ? repo_done(&repo, "role %s has %u keys, %u of them must sign",
                                       role.name, role.keys.count, role.keys.threshold)
                           : repo_fail(&repo, e);
        repo_close(&repo);
    }
    repo_role_free(&role);
    return code;
}

int repo_run_revoke(struct cli *c)
{
    struct repo repo;
    struct sev_pubkey key;
    char id[SEV_KEY_ID_CHARS + 1] = {0};
    const char *text = cli_arg(c, 0);
    bool is_id =
        strlen(text) == SEV_KEY_ID_CHARS && strspn(text, "0123456789abcdef") == SEV_KEY_ID_CHARS;
    int code = 0;
    if (is_id)
        memcpy(id, text, SEV_KEY_ID_CHARS); /* the key itself may be lost */
    else
        code = repo_key(c, text, &key);
    if (code == 0 && !is_id) {
        sev_err e = sev_key_id(&key, SEV_PROFILE_NATIVE, id);
        if (e != SEV_OK)
            code = repo_fail_note(c, e, &(struct sev_repository_note){""});
    }
    if (code == 0)
        code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    sev_err e = sev_repository_revoke_key(repo.r, id);
    code = e == SEV_OK ? repo_done(&repo, "key %.12s is in no role any more", id)
                       : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}
