/* repo - see the header. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "repo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_BYTES_MAX 16384u

/* What to do next, where the error alone does not say it. */
static const char *next_step(sev_err e)
{
    switch (e) {
    case SEV_E_NOT_FOUND:
        return NULL;
    case SEV_E_SIGNATURE:
        return "collect more signatures: repo sign on each key holder's machine, then assemble";
    case SEV_E_CONFLICT:
        return "secureev repo publish finishes what was interrupted";
    default:
        return NULL;
    }
}

int repo_fail(struct repo *repo, sev_err e)
{
    const char *text = repo->note.text[0] != '\0' ? repo->note.text : sev_err_sentence(e);
    return cli_fail(repo->cli, e, next_step(e), "%s", text);
}

int repo_no_public(struct cli *c, const char *path)
{
    struct sev_fs_stat st;
    if (sev_file_stat(cli_fs(c), path, &st) != SEV_OK)
        return cli_fail(c, SEV_E_NOT_FOUND, NULL, "%s", path);
    return cli_fail(c, SEV_E_NOT_FOUND, "a repository's folder is public after its first publish",
                    "%s has no 1.root.json", path);
}

int repo_open(struct cli *c, unsigned how, struct repo *out)
{
    const char *dir = cli_opt(c, "repo");
    memset(out, 0, sizeof *out);
    out->cli = c;
    sev_err e = sev_repository_open(cli_fs(c), dir, how, &out->note, &out->r);
    if (e == SEV_E_NOT_FOUND)
        return cli_fail(c, e, "--repo names its folder; secureev repo init makes one",
                        "there is no repository in %s", dir);
    return e == SEV_OK ? 0 : repo_fail(out, e);
}

int repo_open_at(struct cli *c, struct repo *out, sev_time *out_now)
{
    int code = cli_opt_time(c, "now", out_now);
    return code == 0 ? repo_open(c, SEV_REPOSITORY_WRITE, out) : code;
}

void repo_close(struct repo *repo)
{
    sev_repository_close(repo->r);
    repo->r = NULL;
}

static void emit_done(sev_json_writer *w, const void *line)
{
    sev_json_w_object(w);
    cli_json_member(w, "done", line);
    sev_json_w_object_end(w);
}

int repo_say_done(struct cli *c, const char *line)
{
    if (cli_json(c))
        return cli_print_json(c, emit_done, line);
    cli_print(c, "%s\n", line);
    return 0;
}

int repo_done(struct repo *repo, const char *format, ...)
{
    char line[1024];
    va_list args;
    sev_err e = sev_repository_save(repo->r);
    if (e != SEV_OK)
        return repo_fail(repo, e);
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return repo_say_done(repo->cli, line);
}

struct sev_texts repo_texts(const struct cli *c, const char *name)
{
    struct sev_texts t = {NULL, 0};
    t.items = cli_opt_all(c, name, &t.count);
    return t;
}

int repo_public_folder(struct cli *c, sev_profile profile, char out[SEV_FS_PATH_MAX])
{
    const char *given = cli_opt(c, "public");
    int n = given != NULL ? snprintf(out, SEV_FS_PATH_MAX, "%s", given)
                          : snprintf(out, SEV_FS_PATH_MAX, "%s/public%s", cli_opt(c, "repo"),
                                     profile == SEV_PROFILE_AKTUALIZR ? "/aktualizr" : "");
    return n > 0 && n < SEV_FS_PATH_MAX ? 0 : cli_fail(c, SEV_E_BAD_NAME, NULL, "path too long");
}

void repo_put_text(sev_json_writer *w, const char *name, const char *value)
{
    cli_json_member(w, name, value);
}

/* --------------------------------------------------------------------- keys */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static sev_err parse_key_file(sev_slice bytes, struct sev_pubkey *out)
{
    uint32_t slots[64];
    size_t at = 0;
    while (at < bytes.len && (bytes.ptr[at] == ' ' || bytes.ptr[at] == '\n'))
        at++;
    if (at == bytes.len || bytes.ptr[at] != '{')
        return sev_pubkey_from_pem(bytes, out);
    sev_err e = sev_json_check(bytes, (struct sev_json_scratch){slots, 64}, NULL, NULL);
    sev_json j = sev_json_at(bytes);
    sev_slice object = SEV_EMPTY;
    sev_json_skip(&j, &object);
    if (e == SEV_OK)
        e = sev_key_parse(object, SEV_PROFILE_NATIVE, out);
    return e == SEV_OK && out->type == SEV_KEY_UNKNOWN ? SEV_E_KEY : e;
}

int repo_key(struct cli *c, const char *text, struct sev_pubkey *out)
{
    struct sev_bytes b = {0};
    bool is_file = strchr(text, '/') != NULL || ends_with(text, ".json") || ends_with(text, ".pem");
    if (!is_file) {
        struct sev_keystore ks;
        struct sev_key_entry entry;
        int code = cli_keystore(c, false, &ks);
        if (code == 0)
            code = cli_key_find(c, &ks, text, &entry);
        if (code == 0)
            *out = entry.key;
        return code;
    }
    sev_err e = sev_file_read(cli_fs(c), text, KEY_FILE_BYTES_MAX, 0, &b);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    e = parse_key_file(sev_bytes_slice(&b), out);
    sev_bytes_free(cli_fs(c), &b);
    if (e != SEV_OK)
        return cli_fail(c, e, "secureev key export NAME --public --out FILE writes one",
                        "%s holds no public key", text);
    return 0;
}

void repo_role_free(struct sev_repository_role *role)
{
    free((void *)(uintptr_t)role->keys.keys);
    free((void *)(uintptr_t)role->name);
    memset(role, 0, sizeof *role);
}

static int parse_keys(struct cli *c, char *list, struct sev_repository_keys *out)
{
    uint32_t count = 1;
    for (const char *p = list; *p != '\0'; p++)
        count += *p == ',';
    struct sev_pubkey *keys = calloc(count, sizeof *keys);
    if (keys == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "keys");
    out->keys = keys;
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        char *comma = strchr(list, ',');
        if (comma != NULL)
            *comma = '\0';
        int code = repo_key(c, list, &keys[i]);
        if (code != 0)
            return code;
        list = comma != NULL ? comma + 1 : list;
    }
    return 0;
}

int repo_role(struct cli *c, const char *spec, const char *name, struct sev_repository_role *out)
{
    uint64_t threshold = 0;
    const char *rest = spec;
    memset(out, 0, sizeof *out);
    if (name == NULL) {
        const char *equals = strchr(spec, '=');
        if (equals == NULL)
            return cli_usage(c, "\"%s\" should be NAME=THRESHOLD:KEY,KEY", spec);
        out->name = strndup(spec, (size_t)(equals - spec));
        rest = equals + 1;
    } else {
        out->name = strdup(name);
    }
    const char *colon = strchr(rest, ':');
    char *list = colon != NULL ? strdup(colon + 1) : NULL;
    bool good = colon != NULL &&
                sev_decimal_parse(sev_slice_of(rest, (size_t)(colon - rest)), &threshold) == SEV_OK;
    int code = 0;
    if (out->name == NULL || (colon != NULL && list == NULL))
        code = cli_fail(c, SEV_E_MEMORY, NULL, "keys");
    else if (!good || threshold > UINT32_MAX)
        code =
            cli_usage(c, "\"%s\" should be %sTHRESHOLD:KEY,KEY", spec, name == NULL ? "NAME=" : "");
    out->keys.threshold = (uint32_t)threshold;
    if (code == 0)
        code = parse_keys(c, list, &out->keys);
    free(list);
    if (code != 0)
        repo_role_free(out);
    return code;
}

int repo_days(struct cli *c, const char *role, uint32_t *out)
{
    struct sev_texts all = repo_texts(c, "expires");
    size_t n = strlen(role);
    *out = 0;
    for (size_t i = 0; i < all.count; i++) {
        uint64_t days = 0;
        const char *equals = strchr(all.items[i], '=');
        if (equals == NULL ||
            sev_decimal_parse(sev_slice_of(equals + 1, strlen(equals + 1)), &days) != SEV_OK ||
            days == 0 || days > SEV_REPOSITORY_DAYS_MAX)
            return cli_usage(c, "--expires takes ROLE=DAYS, 1 to %u days, not \"%s\"",
                             SEV_REPOSITORY_DAYS_MAX, all.items[i]);
        if ((size_t)(equals - all.items[i]) == n && memcmp(all.items[i], role, n) == 0)
            *out = (uint32_t)days;
    }
    return 0;
}
