/* cmd_repo_sign - `secureev repo`: the ceremony, from bytes to be signed to a published file.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo.h"

#define ONLINE_KEYS_MAX 64u

/* -------------------------------------------------------------------- stage */

static const char *profile_name(sev_profile profile)
{
    return profile == SEV_PROFILE_AKTUALIZR ? "aktualizr" : "native";
}

static void put_time(sev_json_writer *w, const char *name, sev_time t)
{
    uint8_t bytes[32];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    sev_time_format(t, &b);
    sev_json_w_string_member(w, name, sev_buf_slice(&b));
}

static void put_staged(sev_json_writer *w, const struct repo *repo)
{
    struct sev_repository_staged s;
    sev_json_w_name(w, SEV_LIT("staged"));
    sev_json_w_array(w);
    for (size_t i = 0; sev_repository_staged_at(repo->r, i, &s); i++) {
        sev_json_w_object(w);
        sev_json_w_bool_member(w, "complete", s.complete);
        put_time(w, "expires", s.expires);
        repo_put_text(w, "file", s.file);
        repo_put_text(w, "profile", profile_name(s.profile));
        repo_put_text(w, "role", s.role);
        sev_json_w_integer_member(w, "signatures", s.signatures);
        sev_json_w_integer_member(w, "threshold", s.threshold);
        sev_json_w_integer_member(w, "version", s.version);
        if (s.waits != NULL)
            repo_put_text(w, "waits", s.waits);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
}

static void emit_staged(sev_json_writer *w, const void *context)
{
    sev_json_w_object(w);
    put_staged(w, context);
    sev_json_w_object_end(w);
}

static size_t print_staged(struct repo *repo)
{
    struct sev_repository_staged s;
    size_t i = 0;
    for (; sev_repository_staged_at(repo->r, i, &s); i++)
        cli_print(repo->cli, "%s  %s version %lld: %u of %u signatures%s%s\n", s.file, s.role,
                  (long long)s.version, s.signatures, s.threshold,
                  s.waits != NULL ? "; waits: " : "", s.waits != NULL ? s.waits : "");
    return i;
}

static int report_staged(struct repo *repo)
{
    if (cli_json(repo->cli))
        return cli_print_json(repo->cli, emit_staged, repo);
    if (print_staged(repo) == 0)
        cli_print(repo->cli, "nothing to sign\n");
    return 0;
}

int repo_run_stage(struct cli *c)
{
    struct repo repo;
    sev_time now;
    int code = repo_open_at(c, &repo, &now);
    if (code != 0)
        return code;
    sev_err e = sev_repository_stage(repo.r, now, false);
    code = e == SEV_OK ? report_staged(&repo) : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

/* --------------------------------------------------------------------- sign */

struct signature {
    const char *file;
    struct sev_tbs tbs;
    char keyid[SEV_KEY_ID_CHARS + 1];
    char out[SEV_FS_PATH_MAX];
};

static void emit_signature(sev_json_writer *w, const void *context)
{
    const struct signature *s = context;
    sev_json_w_object(w);
    repo_put_text(w, "file", s->file);
    repo_put_text(w, "keyid", s->keyid);
    repo_put_text(w, "profile", profile_name(s->tbs.profile));
    repo_put_text(w, "sha256", s->tbs.sha256);
    repo_put_text(w, "signature", s->out);
    sev_json_w_string_member(w, "type", s->tbs.type);
    sev_json_w_integer_member(w, "version", s->tbs.version);
    sev_json_w_object_end(w);
}

/* OUT/native.1.root.0123abcd.sig */
static bool name_signature(struct cli *c, struct signature *s)
{
    const char *slash = strrchr(s->file, '/');
    const char *base = slash != NULL ? slash + 1 : s->file;
    size_t n = strlen(base);
    if (n > 4 && strcmp(base + n - 4, ".tbs") == 0)
        n -= 4;
    int length = snprintf(s->out, sizeof s->out, "%s/%.*s.%.8s.sig", cli_opt(c, "out"), (int)n,
                          base, s->keyid);
    return length > 0 && (size_t)length < sizeof s->out;
}

static int write_signature(struct cli *c, struct signature *s, sev_slice sig)
{
    uint8_t bytes[SEV_SIGNATURE_FILE_BYTES_MAX];
    sev_buf b = sev_buf_of(bytes, sizeof bytes);
    sev_err e = sev_tbs_signature_file(&s->tbs, s->keyid, sig, &b);
    if (e == SEV_OK && !name_signature(c, s))
        e = SEV_E_BAD_NAME;
    if (e != SEV_OK)
        return cli_fail(c, e, "give the file a shorter name", "%s", s->file);
    e = sev_file_replace(cli_fs(c), s->out, sev_buf_slice(&b), 0644);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, "--out names a folder for the signature files");
    if (cli_json(c))
        return cli_print_json(c, emit_signature, s);
    cli_print(c, "%s\n", s->out);
    return 0;
}

/* Shown at once, before the passphrase is asked for: that is where a person can still say no. */
static int show(struct cli *c, const char *file, sev_slice bytes, struct sev_tbs *out)
{
    struct sev_repository_note note = {""};
    struct sev_bytes text = {0};
    sev_err e = sev_tbs_check(cli_fs(c), bytes, out, &note);
    if (e == SEV_OK)
        e = sev_tbs_describe(cli_fs(c), bytes, &text);
    if (e != SEV_OK)
        return cli_fail(c, e, "do not sign it; ask for another file", "%s: %s", file,
                        note.text[0] != '\0' ? note.text : sev_err_sentence(e));
    cli_note(c, "to be signed: %s", file);
    cli_note_lines(c, sev_bytes_slice(&text));
    sev_bytes_free(cli_fs(c), &text);
    return 0;
}

static int check_previous(struct cli *c, const struct sev_tbs *tbs)
{
    uint64_t above = 0;
    int code = cli_opt_integer(c, "above", 0, SEV_JSON_INT_MAX, &above);
    if (code == 0 && tbs->version <= (int64_t)above)
        code = cli_fail(c, SEV_E_VERSION_ROLLBACK, "ask who staged it why it is not newer",
                        "version %lld is not above %llu", (long long)tbs->version,
                        (unsigned long long)above);
    return code;
}

/* A file to sign. It is read once: what was shown is what is signed, whoever can write to the
 * folder while the passphrase is typed. */
struct to_sign {
    struct sev_bytes bytes;
    struct sev_tbs tbs;
};

static int look(struct cli *c, const char *file, struct to_sign *out)
{
    sev_err e = sev_file_read(cli_fs(c), file, SEV_TARGETS_BYTES_MAX, 0, &out->bytes);
    if (e != SEV_OK)
        return repo_fail_fs(c, e);
    int code = show(c, file, sev_bytes_slice(&out->bytes), &out->tbs);
    return code == 0 ? check_previous(c, &out->tbs) : code;
}

static int sign_one(struct cli *c, const char *file, const struct to_sign *what,
                    const struct sev_privkey *key, const char *keyid)
{
    struct signature s = {.file = file, .tbs = what->tbs};
    uint8_t raw[SEV_SIG_BYTES_MAX];
    sev_buf sig = sev_buf_of(raw, sizeof raw);
    sev_err e = sev_privkey_sign(key, sev_bytes_slice(&what->bytes), &sig);
    if (e != SEV_OK)
        return cli_fail(c, e, "is it the right key? secureev key list", "%s", file);
    memcpy(s.keyid, keyid, SEV_KEY_ID_CHARS);
    return write_signature(c, &s, sev_buf_slice(&sig));
}

static int sign_all(struct cli *c, struct to_sign *files, size_t count)
{
    struct sev_keystore ks;
    struct sev_key_entry entry;
    struct sev_privkey *key = NULL;
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = look(c, cli_arg(c, i), &files[i]);
    if (code == 0)
        code = cli_keystore(c, false, &ks);
    if (code == 0)
        code = cli_key_find(c, &ks, cli_opt(c, "key"), &entry);
    if (code == 0)
        code = cli_key_open(c, &ks, &entry, "", &key);
    for (size_t i = 0; code == 0 && i < count; i++)
        code = sign_one(c, cli_arg(c, i), &files[i], key, entry.id);
    sev_privkey_free(key);
    return code;
}

int repo_run_sign(struct cli *c)
{
    size_t count = cli_arg_count(c);
    if (count > 1 && cli_json(c))
        return cli_usage(c, "with --json, one file at a time");
    struct to_sign *files = calloc(count + 1, sizeof *files);
    if (files == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "files");
    int code = sign_all(c, files, count);
    for (size_t i = 0; i < count; i++)
        sev_bytes_free(cli_fs(c), &files[i].bytes);
    free(files);
    return code;
}

/* ----------------------------------------------------------------- assemble */

static int assemble(struct cli *c, struct sev_bytes *files, sev_slice *slices, size_t count)
{
    struct repo repo;
    for (size_t i = 0; i < count; i++) {
        sev_err e =
            sev_file_read(cli_fs(c), cli_arg(c, i), SEV_SIGNATURE_FILE_BYTES_MAX, 0, &files[i]);
        if (e != SEV_OK)
            return repo_fail_fs(c, e);
        slices[i] = sev_bytes_slice(&files[i]);
    }
    int code = repo_open(c, SEV_REPOSITORY_WRITE, &repo);
    if (code != 0)
        return code;
    sev_err e = sev_repository_assemble(repo.r, slices, count, cli_flag(c, "partial"));
    code = e == SEV_OK ? report_staged(&repo) : repo_fail(&repo, e);
    repo_close(&repo);
    return code;
}

int repo_run_assemble(struct cli *c)
{
    size_t count = cli_arg_count(c);
    struct sev_bytes *files = calloc(count + 1, sizeof *files);
    sev_slice *slices = calloc(count + 1, sizeof *slices);
    int code = files == NULL || slices == NULL ? cli_fail(c, SEV_E_MEMORY, NULL, "signatures")
                                               : assemble(c, files, slices, count);
    for (size_t i = 0; files != NULL && i < count; i++)
        sev_bytes_free(cli_fs(c), &files[i]);
    free(files);
    free(slices);
    return code;
}

/* ------------------------------------------------------------------ publish */

/* Keys of the keystore, opened when they are first needed. */
struct online {
    struct cli *cli;
    struct sev_keystore ks;
    size_t count;
    struct {
        char id[SEV_KEY_ID_CHARS + 1];
        struct sev_privkey *key; /* NULL: not here */
    } keys[ONLINE_KEYS_MAX];
    int code; /* of an error that was reported */
};

static sev_err open_online(struct online *o, const char *keyid, struct sev_privkey **out)
{
    struct sev_key_entry entry;
    *out = NULL;
    sev_err e = sev_keystore_find(&o->ks, keyid, &entry);
    if (e == SEV_E_NOT_FOUND)
        return SEV_OK;
    if (e != SEV_OK) {
        o->code = cli_key_fail(o->cli, e, keyid);
        return e;
    }
    o->code = cli_key_open(o->cli, &o->ks, &entry, "", out);
    return o->code == 0 ? SEV_OK : SEV_E_PASSPHRASE;
}

static sev_err sign_online(void *context, const char *keyid, sev_slice message, sev_buf *out)
{
    struct online *o = context;
    size_t i = 0;
    while (i < o->count && strcmp(o->keys[i].id, keyid) != 0)
        i++;
    if (i == ONLINE_KEYS_MAX)
        return SEV_E_MEMORY;
    if (i == o->count) {
        sev_err e = open_online(o, keyid, &o->keys[i].key);
        if (e != SEV_OK)
            return e;
        memcpy(o->keys[i].id, keyid, SEV_KEY_ID_CHARS + 1);
        o->count++;
    }
    return o->keys[i].key != NULL ? sev_privkey_sign(o->keys[i].key, message, out)
                                  : SEV_E_NOT_FOUND;
}

static int publish(struct cli *c, enum sev_repository_publish_how how, sev_time now,
                   struct repo *repo)
{
    struct sev_repository_signer signer;
    struct online *o = NULL;
    int code = 0;
    if (cli_opt(c, "keystore") != NULL) { /* asked for: no other key is ever touched */
        o = calloc(1, sizeof *o);
        if (o == NULL)
            return cli_fail(c, SEV_E_MEMORY, NULL, "keys");
        o->cli = c;
        signer = (struct sev_repository_signer){o, sign_online};
        code = cli_keystore(c, false, &o->ks);
    }
    if (code == 0) {
        sev_err e = sev_repository_publish(repo->r, now, how, o != NULL ? &signer : NULL);
        if (e != SEV_OK)
            code = o != NULL && o->code != 0 ? o->code : repo_fail(repo, e);
    }
    for (size_t i = 0; o != NULL && i < o->count; i++)
        sev_privkey_free(o->keys[i].key);
    free(o);
    return code;
}

static void emit_published(sev_json_writer *w, const void *context)
{
    const struct repo *repo = context;
    struct sev_repository_published p;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("published"));
    sev_json_w_array(w);
    for (size_t i = 0; sev_repository_published_at(repo->r, i, &p); i++) {
        sev_json_w_object(w);
        put_time(w, "expires", p.expires);
        sev_json_w_integer_member(w, "length", p.length);
        repo_put_text(w, "profile", profile_name(p.profile));
        repo_put_text(w, "role", p.role);
        sev_json_w_integer_member(w, "version", p.version);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    put_staged(w, repo);
    sev_json_w_object_end(w);
}

static int report_published(struct repo *repo)
{
    struct sev_repository_published p;
    if (cli_json(repo->cli))
        return cli_print_json(repo->cli, emit_published, repo);
    for (size_t i = 0; sev_repository_published_at(repo->r, i, &p); i++)
        cli_print(repo->cli, "%s %s version %lld\n", profile_name(p.profile), p.role,
                  (long long)p.version);
    (void)print_staged(repo); /* what did not go out */
    return 0;
}

int repo_run_publish(struct cli *c)
{
    struct repo repo;
    sev_time now;
    int code = repo_open_at(c, &repo, &now);
    if (code != 0)
        return code;
    code = publish(c, cli_flag(c, "partial") ? SEV_PUBLISH_READY : SEV_PUBLISH_ALL, now, &repo);
    if (code == 0)
        code = report_published(&repo);
    repo_close(&repo);
    return code;
}

int repo_run_refresh(struct cli *c)
{
    struct repo repo;
    sev_time now;
    int code = repo_open_at(c, &repo, &now);
    if (code != 0)
        return code;
    code = publish(c, SEV_PUBLISH_REFRESH, now, &repo);
    if (code == 0) { /* what people sign */
        sev_err e = sev_repository_stage(repo.r, now, true);
        code = e == SEV_OK ? report_staged(&repo) : repo_fail(&repo, e);
    }
    repo_close(&repo);
    return code;
}
