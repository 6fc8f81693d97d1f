/* repo - see the header. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "repo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_BYTES_MAX 16384u
#define CLOCK_SLACK 3600 /* between machines that work on one repository */

/* What to do next. Nothing was changed, or else the next run goes on: that needs no saying. */
static const char *next_step(sev_err e)
{
    static const struct {
        sev_err err;
        const char *step;
    } steps[] = {
        {SEV_E_AMBIGUOUS, "name one of them: --role"},
        {SEV_E_BAD_NAME, "choose another name"},
        {SEV_E_BUSY, "wait until it is done, then do this again"},
        {SEV_E_CONFIG, "is --repo the right one? What this command takes, says --help"},
        {SEV_E_CONFLICT, "secureev repo publish finishes what was interrupted"},
        {SEV_E_DELEGATION, "who is trusted with what, says: secureev repo show"},
        {SEV_E_EQUIVOCATION,
         "somebody else wrote there: find out who, move it away, do this again"},
        {SEV_E_EXISTS, "remove that first, or choose another name"},
        {SEV_E_EXPIRED, "secureev repo stage makes it anew, to be signed and published"},
        {SEV_E_IMAGE_HASH, "secureev repo add, with the right bytes, puts it in order"},
        {SEV_E_IO, "make room there, or mend disk or permissions, then do this again"},
        {SEV_E_KEY, "keys and their ids: secureev key list; whose they are: secureev repo show"},
        {SEV_E_MALFORMED, "secureev repo sign makes signature files; give no others"},
        {SEV_E_MEMORY, "do this again on a machine with more memory"},
        {SEV_E_META_MISMATCH, "sign what is staged now: that is another version"},
        {SEV_E_NOT_FOUND, "is it spelt right? What is public, says: secureev repo show"},
        {SEV_E_ROLE_MISSING, "have that role's file signed, too: stage, sign, assemble"},
        {SEV_E_SIGNATURE,
         "let their holders sign: repo sign, then assemble; of online keys: --keystore"},
        {SEV_E_STORE, "restore the folder from its backup: signatures cannot be made up"},
        {SEV_E_THRESHOLD, "keys are given as N:KEY,KEY,... where N of them must sign"},
        {SEV_E_TOO_LONG, "split it: delegate some of its images to a role of their own"},
        {SEV_E_UNSAFE_FILE, "give a regular file, not a folder, device or link"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].err == e)
            return steps[i].step;
    return "what clients make of what is public, says: secureev repo lint";
}

int repo_fail_note(struct cli *c, sev_err e, const struct sev_repository_note *note)
{
    const char *text = note->text[0] != '\0' ? note->text : sev_err_sentence(e);
    const char *end = strchr(text, '\n');
    return cli_fail(c, e, end != NULL ? end + 1 : next_step(e), "%.*s",
                    (int)(end != NULL ? (size_t)(end - text) : strlen(text)), text);
}

int repo_fail(struct repo *repo, sev_err e)
{
    return repo_fail_note(repo->cli, e, &repo->note);
}

int repo_fail_fs(struct cli *c, sev_err e)
{
    return cli_fail_fs(c, e, next_step(e));
}

int repo_no_public(struct cli *c, const char *path)
{
    struct sev_fs_stat st;
    if (sev_file_stat(cli_fs(c), path, &st) != SEV_OK)
        return cli_fail(c, SEV_E_NOT_FOUND, "--repo or --public names a folder", "%s", path);
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

/* What is signed by a clock that was set back is refused by everybody, at once or too soon. */
static int check_clock(struct repo *repo, sev_time now)
{
    struct cli *c = repo->cli;
    sev_time latest = sev_repository_latest(repo->r);
    uint8_t text[2][32];
    sev_buf said[2] = {sev_buf_of(text[0], 31), sev_buf_of(text[1], 31)};
    if (cli_opt(c, "now") != NULL || now + CLOCK_SLACK >= latest)
        return 0;
    sev_time_format(now, &said[0]);
    sev_time_format(latest, &said[1]);
    return cli_fail(c, SEV_E_CONFIG, "set the clock; where the other time was wrong, give --now",
                    "the clock says %.*s, and something was staged or published at %.*s",
                    (int)said[0].len, (const char *)text[0], (int)said[1].len,
                    (const char *)text[1]);
}

int repo_open_at(struct cli *c, struct repo *out, sev_time *out_now)
{
    int code = cli_opt_time(c, "now", out_now);
    if (code == 0)
        code = repo_open(c, SEV_REPOSITORY_WRITE, out);
    if (code != 0)
        return code;
    code = check_clock(out, *out_now);
    if (code != 0)
        repo_close(out);
    return code;
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
        return repo_fail_fs(c, e);
    e = parse_key_file(sev_bytes_slice(&b), out);
    sev_bytes_free(cli_fs(c), &b);
    if (e != SEV_OK)
        return cli_fail(c, e, "secureev key export NAME --public --out FILE writes one",
                        "%s holds no public key", text);
    return 0;
}

void repo_role_free(struct sev_repository_role *role)
{
    free((void *)(uintptr_t)role->keys.keys); // NOLINT(performance-no-int-to-ptr)
    free((void *)(uintptr_t)role->name);      // NOLINT(performance-no-int-to-ptr)
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
    if (code == 0 && list != NULL)
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
