/* cmd_tuf - a plain TUF client: the command line that client test suites drive. What is trusted
 * lies in one folder, every call is a process of its own.
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* realpath */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "repository_host.h"
#include "secureev/crypto_hosted.h"
#include "secureev/fetch.h"
#include "secureev/walk.h"

/* The largest walk: two snapshots, targets and the deepest path of delegations. Touched only as
 * far as it is used. */
#define ARENA_BYTES (128u << 20)
#define LOCK_MS 10000
#define READ_BYTES 65536

struct client {
    struct cli *cli;
    const struct sev_fs *fs;
    struct sev_crypto *crypto;
    struct sev_fetch *fetch;
    struct sev_walk *walk;
    uint8_t *memory;
    struct sev_arena arena;
    struct cli_text detail;
    sev_err detail_of; /* what went wrong when `detail` was written */
    struct sev_dir_lock lock;
    const char *metadata_dir, *metadata_url;
};

/* ------------------------------------------------------------------ set-up */

static void close_client(struct client *t)
{
    sev_dir_unlock(&t->lock);
    cli_text_free(&t->detail);
    free(t->walk);
    free(t->memory);
    sev_fetch_free(t->fetch);
    sev_crypto_free(t->crypto);
}

static int open_client(struct client *t, struct cli *cli)
{
    *t = (struct client){.cli = cli, .fs = cli_fs(cli)};
    t->metadata_dir = cli_opt(cli, "metadata-dir");
    t->crypto = sev_crypto_new();
    t->walk = calloc(1, sizeof *t->walk);
    t->memory = malloc(ARENA_BYTES);
    sev_err e = sev_fetch_new(&sev_fetch_defaults, &t->fetch);
    if (e != SEV_OK || t->crypto == NULL || t->walk == NULL || t->memory == NULL)
        return cli_fail(cli, SEV_E_MEMORY, NULL, "starting");
    t->arena = sev_arena_of(t->memory, ARENA_BYTES);
    e = sev_dir_lock(t->fs, t->metadata_dir, LOCK_MS, &t->lock);
    if (e != SEV_OK)
        return cli_fail_fs(cli, e, "--metadata-dir is a folder that exists and is writable");
    return 0;
}

/* ---------------------------------------------------------------- failures */

static const char *next_step(sev_err e)
{
    switch (e) {
    case SEV_E_NOT_PROVISIONED:
        return "type first: secureev tuf --metadata-dir DIR init ROOTFILE";
    case SEV_E_UNREACHABLE:
        return "is the server up, and are the URLs those of the repository?";
    default:
        return NULL;
    }
}

static int fail(struct client *t, sev_err e, const char *role)
{
    struct cli_failure failure = {
        .err = e,
        .detail = t->detail.len != 0 ? t->detail.ptr : sev_err_sentence(e),
        .hint = next_step(e),
        .role = role != NULL && role[0] != '\0' ? role : NULL,
    };
    return cli_report(t->cli, &failure);
}

static int fail_walk(struct client *t)
{
    const struct sev_walk *w = t->walk;
    /* That the next root is not there is no fault, and not why the last one is refused. */
    if (t->detail_of != w->err && w->err != SEV_E_ROLE_MISSING)
        cli_text_free(&t->detail);
    if (w->has_numbers)
        cli_text_printf(&t->detail, "%strusted so far: %lld, offered: %lld",
                        t->detail.len != 0 ? "; " : "", (long long)w->expected,
                        (long long)w->actual);
    return fail(t, w->err, w->role);
}

/* -------------------------------------------------------------------- init */

/* A root that does not vouch for itself is refused here and not at the first refresh, when nobody
 * remembers any more where it came from. */
static sev_err check_root(struct client *t, sev_slice bytes, int64_t *out_version)
{
    struct sev_doc doc;
    struct sev_root root;
    sev_err e = sev_doc_open(&doc, bytes, SEV_PROFILE_TUF, &t->arena);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &root);
    if (e == SEV_OK)
        e = sev_quorum_check(t->crypto, &root.roles[SEV_ROLE_ROOT], &doc, NULL);
    if (e == SEV_OK)
        *out_version = root.common.version;
    return e;
}

static void emit_trusted_root(sev_json_writer *j, const void *version)
{
    sev_json_w_object(j);
    sev_json_w_integer_member(j, "root", *(const int64_t *)version);
    sev_json_w_object_end(j);
}

static int init_opened(struct client *t)
{
    int64_t version = 0;
    struct sev_bytes root = {0};
    char path[SEV_FS_PATH_MAX];
    sev_err e = sev_file_read(t->fs, cli_arg(t->cli, 0), SEV_ROOT_BYTES_MAX, 0, &root);
    if (e != SEV_OK)
        return cli_fail_fs(t->cli, e, "ROOTFILE is the root that you trust");
    e = check_root(t, sev_bytes_slice(&root), &version);
    if (e != SEV_OK) {
        sev_bytes_free(t->fs, &root);
        return fail(t, e, "root");
    }
    e = sev_path_join(t->metadata_dir, "root.json", path);
    if (e == SEV_OK)
        e = sev_file_replace(t->fs, path, sev_bytes_slice(&root), 0644);
    sev_bytes_free(t->fs, &root);
    if (e != SEV_OK)
        return cli_fail_fs(t->cli, e, "is --metadata-dir a folder you may write?");
    if (cli_json(t->cli))
        return cli_print_json(t->cli, emit_trusted_root, &version);
    cli_print(t->cli, "trusted: root %lld\n", (long long)version);
    return 0;
}

static int run_init(struct cli *cli)
{
    struct client t;
    int code = open_client(&t, cli);
    if (code == 0)
        code = init_opened(&t);
    close_client(&t);
    return code;
}

/* -------------------------------------------------------------------- walk */

static void serve(struct client *t, const struct sev_want *want)
{
    struct repository_host host = {.fs = t->fs,
                                   .fetch = t->fetch,
                                   .folder = t->metadata_dir,
                                   .url = t->metadata_url,
                                   .detail = &t->detail};
    size_t len = 0;
    sev_err e = repository_host_serve(&host, want, &len);
    t->detail_of = e;
    if (e == SEV_OK)
        sev_walk_got(t->walk, len);
    else if (e == SEV_E_ABSENT)
        sev_walk_absent(t->walk);
    else
        sev_walk_failed(t->walk, e);
}

/* Until the walk wants no more. */
static int drive(struct client *t)
{
    struct sev_want want;
    for (sev_walk_next(t->walk, &want); want.kind != SEV_WANT_NOTHING;
         sev_walk_next(t->walk, &want))
        serve(t, &want);
    return t->walk->err == SEV_OK ? 0 : fail_walk(t);
}

static int refresh(struct client *t)
{
    t->metadata_url = cli_opt(t->cli, "metadata-url");
    struct sev_walk_config config = {.profile = SEV_PROFILE_TUF,
                                     /* One moment for the whole call. REQ-TIM-11 */
                                     .now = (sev_time)time(NULL),
                                     .crypto = t->crypto};
    sev_walk_init(t->walk, &config, &t->arena);
    return drive(t);
}

static void emit_versions(sev_json_writer *j, const void *context)
{
    const struct sev_walk *w = context;
    sev_json_w_object(j);
    sev_json_w_integer_member(j, "root", w->root.common.version);
    sev_json_w_integer_member(j, "snapshot", w->snapshot.common.version);
    sev_json_w_integer_member(j, "targets", w->targets.common.version);
    sev_json_w_object_end(j);
}

static int run_refresh(struct cli *cli)
{
    struct client t;
    int code = open_client(&t, cli);
    if (code == 0)
        code = refresh(&t);
    if (code == 0 && cli_json(cli))
        code = cli_print_json(cli, emit_versions, t.walk);
    else if (code == 0)
        cli_print(cli, "trusted: root %lld, snapshot %lld, targets %lld\n",
                  (long long)t.walk->root.common.version,
                  (long long)t.walk->snapshot.common.version,
                  (long long)t.walk->targets.common.version);
    close_client(&t);
    return code;
}

/* --------------------------------------------------------------- artifacts */

/* Is what went through it what the metadata lists? Every digest that we can compute must fit. */
struct check {
    const struct sev_listing *listing;
    struct sev_sha256 sha256;
    struct sev_sha512 sha512;
    int64_t length;
};

static void check_begin(struct check *k, const struct sev_listing *listing)
{
    k->listing = listing;
    k->length = 0;
    sev_sha256_init(&k->sha256);
    sev_sha512_init(&k->sha512);
}

static void check_update(struct check *k, sev_slice bytes)
{
    k->length += (int64_t)bytes.len;
    if (k->listing->hashes.has_sha256)
        sev_sha256_update(&k->sha256, bytes.ptr, bytes.len);
    if (k->listing->hashes.has_sha512)
        sev_sha512_update(&k->sha512, bytes.ptr, bytes.len);
}

static bool check_end(struct check *k)
{
    const struct sev_hashes *h = &k->listing->hashes;
    uint8_t sha256[SEV_SHA256_BYTES], sha512[SEV_SHA512_BYTES];
    sev_sha256_final(&k->sha256, sha256);
    sev_sha512_final(&k->sha512, sha512);
    return k->length == k->listing->length && (h->has_sha256 || h->has_sha512) &&
           (!h->has_sha256 || memcmp(sha256, h->sha256, sizeof sha256) == 0) &&
           (!h->has_sha512 || memcmp(sha512, h->sha512, sizeof sha512) == 0);
}

struct artifact {
    struct client *client;
    sev_slice name;
    char path[SEV_FS_PATH_MAX];
    struct check check;
    struct sev_file_writer writer;
};

/* An empty, "." or ".." component would lead the URL out of the base that was given. */
static bool leads_elsewhere(sev_slice name)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '/')
            continue;
        size_t n = i - start;
        if (n == 0 || (n <= 2 && name.ptr[start] == '.' && name.ptr[i - 1] == '.'))
            return true;
        start = i + 1;
    }
    return false;
}

static sev_err choose_path(struct artifact *a, const char *folder)
{
    char name[REPOSITORY_HOST_FILE_NAME_MAX + 1];
    repository_host_file_name(a->name, name);
    return sev_path_join(folder, name, a->path);
}

/* TU + folders/HASH.file, the digest being any of those listed. */
static sev_err choose_url(const struct artifact *a, struct cli_text *out)
{
    const struct sev_hashes *h = &a->check.listing->hashes;
    uint8_t hex[2 * SEV_SHA512_BYTES];
    char relative[3 * SEV_NAME_BYTES_MAX + sizeof hex + 2];
    size_t last = a->name.len;
    while (last > 0 && a->name.ptr[last - 1] != '/')
        last--;
    sev_buf digest = sev_buf_of(hex, sizeof hex);
    sev_hex_encode(h->has_sha256 ? sev_slice_of(h->sha256, SEV_SHA256_BYTES)
                                 : sev_slice_of(h->sha512, SEV_SHA512_BYTES),
                   &digest);
    sev_buf b = sev_buf_of(relative, sizeof relative - 1);
    sev_percent_encode(sev_slice_sub(a->name, 0, last), true, &b);
    sev_buf_put_slice(&b, sev_buf_slice(&digest));
    sev_buf_put_byte(&b, '.');
    sev_percent_encode(sev_slice_sub(a->name, last, a->name.len), true, &b);
    if (b.overflow)
        return SEV_E_BAD_NAME;
    relative[b.len] = '\0';
    repository_host_url(cli_opt(a->client->cli, "target-base-url"), relative, out);
    return out->failed ? SEV_E_MEMORY : SEV_OK;
}

/* Do we have it, byte for byte? Then it is left alone. */
static bool is_cached(struct artifact *a)
{
    const struct sev_fs *fs = a->client->fs;
    struct sev_fs_stat st;
    static uint8_t piece[READ_BYTES];
    int fd = fs->open(fs->self, a->path, SEV_FS_READ | SEV_FS_NO_FOLLOW, 0);
    if (fd < 0)
        return false;
    ptrdiff_t n = -1;
    if (fs->fstat(fs->self, fd, &st) >= 0 && st.kind == SEV_FS_REGULAR &&
        st.bytes == (uint64_t)a->check.listing->length)
        while ((n = fs->read(fs->self, fd, piece, sizeof piece)) > 0)
            check_update(&a->check, sev_slice_of(piece, (size_t)n));
    fs->close(fs->self, fd);
    return n == 0 && check_end(&a->check);
}

static sev_err to_file(void *context, sev_slice bytes)
{
    struct artifact *a = context;
    check_update(&a->check, bytes);
    return sev_file_append(&a->writer, bytes);
}

static int fetch_artifact(struct artifact *a)
{
    struct client *t = a->client;
    struct cli_text url = {0};
    sev_err e = choose_url(a, &url);
    if (e != SEV_OK) {
        cli_text_free(&url);
        return fail(t, e, NULL);
    }
    e = sev_file_open_new(t->fs, a->path, 0644, &a->writer);
    if (e != SEV_OK) {
        cli_text_free(&url);
        return cli_fail_fs(t->cli, e, "--target-dir is a folder that exists and is writable");
    }
    e = sev_fetch_get(t->fetch, url.ptr, (uint64_t)a->check.listing->length, 0, to_file, a);
    if (e == SEV_OK && !check_end(&a->check))
        e = SEV_E_IMAGE_HASH;
    if (e != SEV_OK) {
        const char *why = sev_fetch_detail(t->fetch);
        cli_text_free(&t->detail);
        cli_text_printf(&t->detail, "%s%s%s", url.ptr, why[0] != '\0' ? ": " : "", why);
    }
    cli_text_free(&url);
    if (e != SEV_OK) {
        sev_file_abort(&a->writer);
        return fail(t, e, NULL);
    }
    e = sev_file_commit(&a->writer, true);
    return e == SEV_OK ? 0 : cli_fail_fs(t->cli, e, NULL);
}

static int download_one(struct client *t, struct artifact *a, const char *name)
{
    *a = (struct artifact){.client = t, .name = sev_slice_of(name, strlen(name))};
    cli_text_free(&t->detail);
    if (a->name.len > SEV_NAME_BYTES_MAX || leads_elsewhere(a->name)) {
        cli_text_put(&t->detail, name, a->name.len);
        return fail(t, SEV_E_BAD_NAME, NULL);
    }
    sev_walk_search(t->walk, a->name, SEV_EMPTY);
    int code = drive(t);
    if (code != 0)
        return code;
    if (!t->walk->found) {
        cli_text_free(&t->detail);
        cli_text_printf(&t->detail, "the repository does not list %s", name);
        return fail(t, SEV_E_NOT_FOUND, NULL);
    }
    sev_err e = choose_path(a, cli_opt(t->cli, "target-dir"));
    if (e != SEV_OK)
        return fail(t, e, NULL);
    check_begin(&a->check, &t->walk->listing);
    if (is_cached(a))
        return 0;
    check_begin(&a->check, &t->walk->listing);
    return fetch_artifact(a);
}

static void emit_paths(sev_json_writer *j, const void *context)
{
    const struct cli_text *paths = context; /* each with its NUL */
    sev_json_w_array(j);
    for (size_t i = 0; i < paths->len; i += strlen(paths->ptr + i) + 1)
        cli_json_text_of(j, sev_slice_of(paths->ptr + i, strlen(paths->ptr + i)));
    sev_json_w_array_end(j);
}

static int download_all(struct client *t, struct artifact *a, struct cli_text *paths)
{
    size_t count = 0;
    const char *const *names = cli_opt_all(t->cli, "target-name", &count);
    for (size_t i = 0; i < count; i++) {
        int code = download_one(t, a, names[i]);
        if (code != 0)
            return code;
        cli_text_put(paths, a->path, strlen(a->path) + 1);
        if (!cli_json(t->cli)) {
            cli_print_text(t->cli, sev_slice_of(a->path, strlen(a->path)));
            cli_print(t->cli, "\n");
        }
    }
    if (paths->failed)
        return cli_fail(t->cli, SEV_E_MEMORY, NULL, "no memory for the answer");
    return cli_json(t->cli) ? cli_print_json(t->cli, emit_paths, paths) : 0;
}

/* An artifact called root.json must not become the trusted root. */
static int check_apart(struct cli *cli)
{
    char *files = realpath(cli_opt(cli, "target-dir"), NULL);
    char *metadata = realpath(cli_opt(cli, "metadata-dir"), NULL);
    bool same = files != NULL && metadata != NULL && strcmp(files, metadata) == 0;
    free(files);
    free(metadata);
    return same ? cli_usage(cli, "--target-dir and --metadata-dir are the same folder") : 0;
}

static int run_download(struct cli *cli)
{
    struct client t;
    struct cli_text paths = {0};
    int code = check_apart(cli);
    if (code != 0)
        return code;
    struct artifact *a = calloc(1, sizeof *a);
    code = open_client(&t, cli);
    if (code == 0 && a == NULL)
        code = cli_fail(cli, SEV_E_MEMORY, NULL, "starting");
    if (code == 0)
        code = refresh(&t);
    if (code == 0 && a != NULL)
        code = download_all(&t, a, &paths);
    close_client(&t);
    cli_text_free(&paths);
    free(a);
    return code;
}

/* ----------------------------------------------------------------- command */

#define METADATA_DIR                                                                               \
    {                                                                                              \
        .name = "metadata-dir", .value = "DIR", .flags = CLI_REQUIRED | CLI_RAW,                   \
        .help = "where trusted metadata is kept; one folder per repository"                        \
    }
#define METADATA_URL                                                                               \
    {                                                                                              \
        .name = "metadata-url", .value = "URL", .flags = CLI_REQUIRED,                             \
        .help = "base of the metadata, taken as it is"                                             \
    }

static const struct cli_option init_options[] = {METADATA_DIR, {0}};
static const struct cli_option refresh_options[] = {METADATA_URL, METADATA_DIR, {0}};
static const struct cli_option download_options[] = {
    METADATA_URL,
    METADATA_DIR,
    {.name = "target-name",
     .value = "NAME",
     .flags = CLI_REQUIRED | CLI_REPEATED | CLI_RAW,
     .help = "what to download, as the metadata names it; in the order given"},
    {.name = "target-dir",
     .value = "DIR",
     .flags = CLI_REQUIRED,
     .help = "gets the files, one folder, names percent-encoded; also the cache"},
    {.name = "target-base-url",
     .value = "URL",
     .flags = CLI_REQUIRED,
     .help = "base of the targets, taken as it is"},
    {0}};

static const struct cli_positional init_words[] = {
    {.name = "ROOTFILE", .flags = CLI_REQUIRED, .help = "the root.json that you trust"}, {0}};

static const struct cli_example download_examples[] = {
    {"Verify and fetch one file",
     "secureev tuf --metadata-dir md init root.json\n"
     "secureev tuf --metadata-url http://127.0.0.1:8001/metadata/ --metadata-dir md \\\n"
     "  --target-name app.bin --target-dir files \\\n"
     "  --target-base-url http://127.0.0.1:8001/targets/ download"},
    {0}};

static const struct cli_command subcommands[] = {
    {.name = "init",
     .summary = "Trust a root",
     .options = init_options,
     .positionals = init_words,
     .run = run_init},
    {.name = "refresh",
     .summary = "Bring root, timestamp, snapshot and targets up to date",
     .options = refresh_options,
     .run = run_refresh},
    {.name = "download",
     .summary = "Refresh, then verify and fetch files",
     .details = "A file that is there already and verifies is not fetched again. The first that "
                "cannot be had ends it; those before it stay.",
     .options = download_options,
     .examples = download_examples,
     .run = run_download},
    {0}};

const struct cli_command cmd_tuf = {
    .name = "tuf",
    .summary = "Be a plain TUF client",
    .details =
        "For any TUF 1.0 repository with consistent snapshots. Exit 0: all of it worked. Exit 1: "
        "anything else, a command line that is not understood included.\n\n"
        "The folder of trusted metadata holds each file byte for byte as it was received. Each is "
        "stored as soon as it alone is verified, and a later failure does not undo that.",
    .subcommands = subcommands,
    .usage_exit = CLI_EXIT_FAILED,
};
