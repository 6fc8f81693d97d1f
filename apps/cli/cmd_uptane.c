/* cmd_uptane - one verification cycle of an ECU against repositories served over plain HTTP.
 * For tests and diagnosis: the vehicle's daemons drive the same machine (secureev/client.h).
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* realpath */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "repository_host.h"
#include "secureev/client.h"
#include "secureev/crypto_hosted.h"
#include "secureev/fetch.h"

/* The largest cycle: two snapshots, targets and the deepest path of delegations. Touched only as
 * far as it is used. */
#define ARENA_BYTES (128u << 20)
#define LOCK_MS 10000

struct cycle {
    struct cli *cli;
    const struct sev_fs *fs;
    struct sev_crypto *crypto;
    struct sev_fetch *fetch;
    struct sev_client *client;
    uint8_t *memory;
    struct sev_arena arena;
    struct sev_map map;
    struct sev_ecu *ecus;
    struct cli_text map_text;
    struct sev_bytes map_file;
    struct cli_text detail;
    sev_err detail_of; /* what went wrong when `detail` was written */
    const char *state, *out;
    char folders[SEV_REPOSITORIES_MAX][SEV_FS_PATH_MAX];
    struct cli_text urls[SEV_REPOSITORIES_MAX];
    uint32_t images_index;
    struct sev_file_writer *writers; /* one per verified image, until the release */
    uint32_t writer_count;
    uint32_t released;     /* of them, renamed into place */
    struct cli_text names; /* JSON of what was put out */
    uint32_t put_out;
};

/* ------------------------------------------------------------------ set-up */

static const char *option_url(struct cli *cli, sev_slice name)
{
    static const char *const known[] = {"director", "images", "regulator"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sev_slice_eq(name, sev_slice_of(known[i], strlen(known[i]))))
            return cli_opt(cli, known[i]);
    return NULL;
}

/* Without --map: all repositories given must agree, the regulator is asked before Images. */
static void write_default_map(struct cycle *y)
{
    bool regulator = cli_opt(y->cli, "regulator") != NULL;
    cli_text_printf(&y->map_text,
                    "{\"mapping\":[{\"paths\":[\"*\"],\"repositories\":[\"director\",%s\"images\"],"
                    "\"terminating\":true,\"threshold\":%d}],\"repositories\":{\"director\":[],"
                    "\"images\":[]%s}}",
                    regulator ? "\"regulator\"," : "", regulator ? 3 : 2,
                    regulator ? ",\"regulator\":[]" : "");
}

/* The option's URL, else the first that the map names. */
static int choose_url(struct cycle *y, uint32_t i)
{
    sev_slice name = y->map.repositories[i].name;
    const char *given = option_url(y->cli, name);
    if (given != NULL) {
        cli_text_put(&y->urls[i], given, strlen(given));
        return 0;
    }
    char plain[SEV_URL_BYTES_MAX];
    sev_buf b = sev_buf_of(plain, sizeof plain);
    sev_json j = sev_json_at(y->map.repositories[i].urls);
    sev_json_str url;
    sev_json_array(&j);
    if (sev_json_element(&j)) {
        sev_json_string(&j, &url);
        if (j.err == SEV_OK && sev_json_str_copy(url, &b) == SEV_OK) {
            cli_text_put(&y->urls[i], plain, b.len);
            return 0;
        }
    }
    return cli_fail(y->cli, SEV_E_CONFIG, "give its base with --director, --images or --regulator",
                    "the map needs repository %.*s and no URL for it is known", (int)name.len,
                    (const char *)name.ptr);
}

static int prepare_map(struct cycle *y)
{
    const char *file = cli_opt(y->cli, "map");
    sev_slice text;
    if (file != NULL) {
        sev_err e = sev_file_read(y->fs, file, SEV_MAP_BYTES_MAX, 0, &y->map_file);
        if (e != SEV_OK)
            return cli_fail_fs(y->cli, e, "--map takes a TAP 4 map file");
        text = sev_bytes_slice(&y->map_file);
    } else {
        write_default_map(y);
        text = sev_slice_of(y->map_text.ptr, y->map_text.len);
    }
    sev_err e = sev_map_parse(text, &y->arena, &y->map);
    if (e != SEV_OK)
        return cli_fail(y->cli, e,
                        "every entry must name director and images, with the number of its "
                        "repositories as threshold",
                        "%s", file != NULL ? file : "the built-in map");
    for (uint32_t i = 0; i < y->map.count; i++) {
        sev_slice name = y->map.repositories[i].name;
        char folder[32] = {0};
        memcpy(folder, name.ptr, name.len);
        if (sev_slice_eq(name, SEV_LIT("images")))
            y->images_index = i;
        int exit_code = choose_url(y, i);
        if (exit_code != 0)
            return exit_code;
        e = sev_path_join(y->state, folder, y->folders[i]);
        if (e != SEV_OK)
            return cli_fail(y->cli, e, NULL, "%s", y->state);
        e = sev_dir_clean(y->fs, y->folders[i]);
        if (e != SEV_OK && e != SEV_E_NOT_FOUND)
            return cli_fail_fs(y->cli, e, NULL);
    }
    return 0;
}

static int prepare_ecus(struct cycle *y, sev_mode mode, size_t *out_count)
{
    size_t serials, hardware;
    const char *const *s = cli_opt_all(y->cli, "ecu", &serials);
    const char *const *h = cli_opt_all(y->cli, "hardware", &hardware);
    if (serials != hardware)
        return cli_usage(y->cli, "--ecu and --hardware come in pairs: %zu and %zu were given",
                         serials, hardware);
    if (serials > 1 && mode != SEV_MODE_PRIMARY)
        return cli_usage(y->cli, "only --mode primary knows more than one ECU");
    if (serials > SEV_ECUS_MAX)
        return cli_usage(y->cli, "at most %d ECUs", SEV_ECUS_MAX);
    y->ecus = calloc(serials, sizeof *y->ecus);
    if (y->ecus == NULL)
        return cli_fail(y->cli, SEV_E_MEMORY, NULL, "ECUs");
    for (size_t i = 0; i < serials; i++) {
        size_t n = strlen(s[i]), m = strlen(h[i]);
        if (n == 0 || m == 0 || n > SEV_ID_BYTES_MAX || m > SEV_ID_BYTES_MAX)
            return cli_usage(y->cli, "serials and hardware ids have 1 to %d bytes",
                             SEV_ID_BYTES_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s[k], s[i]) == 0)
                return cli_usage(y->cli, "ECU %s is given twice", s[i]);
        y->ecus[i].serial = sev_slice_of(s[i], n);
        y->ecus[i].hardware_id = sev_slice_of(h[i], m);
    }
    *out_count = serials;
    return 0;
}

static sev_mode mode_of(const char *name)
{
    if (strcmp(name, "full") == 0)
        return SEV_MODE_FULL;
    return strcmp(name, "partial") == 0 ? SEV_MODE_PARTIAL : SEV_MODE_PRIMARY;
}

/* A folder of --state with a trusted root in it: emptied, the vehicle would have to go back to the
 * factory. */
static bool holds_a_root(const struct cycle *y)
{
    struct sev_fs_stat st;
    char path[SEV_FS_PATH_MAX];
    char *out = realpath(y->out, NULL), *state = realpath(y->state, NULL);
    size_t n = state != NULL ? strlen(state) : 0;
    bool inside = out != NULL && state != NULL && strncmp(out, state, n) == 0 && out[n] == '/';
    free(out);
    free(state);
    return inside && sev_path_join(y->out, "root.json", path) == SEV_OK &&
           sev_file_stat(y->fs, path, &st) == SEV_OK;
}

/* --out holds the images of this cycle and nothing else. What an earlier one left goes; a folder
 * with folders in it is somebody's home, not ours to empty. */
static int empty_out(struct cycle *y)
{
    struct sev_names names = {0};
    char path[SEV_FS_PATH_MAX];
    sev_err e = sev_dir_ensure(y->fs, y->out, 0755, 0);
    if (e == SEV_OK && holds_a_root(y))
        return cli_usage(y->cli, "--out would empty a repository's folder in --state");
    if (e == SEV_OK)
        e = sev_dir_clean(y->fs, y->out);
    if (e == SEV_OK) /* what a killed run left there, too: it would stay for ever */
        e = sev_dir_clean(y->fs, y->state);
    if (e == SEV_OK)
        e = sev_dir_list(y->fs, y->out, 100000, &names);
    for (size_t i = 0; e == SEV_OK && i < names.count; i++) {
        struct sev_fs_stat st;
        e = sev_path_join(y->out, names.names[i], path);
        if (e == SEV_OK)
            e = sev_file_stat(y->fs, path, &st);
        if (e == SEV_OK && st.kind != SEV_FS_REGULAR) {
            sev_names_free(y->fs, &names);
            return cli_fail(y->cli, SEV_E_EXISTS, "give --out a folder of its own",
                            "%s holds more than images", y->out);
        }
    }
    for (size_t i = 0; e == SEV_OK && i < names.count; i++) {
        e = sev_path_join(y->out, names.names[i], path);
        if (e == SEV_OK)
            e = sev_file_remove(y->fs, path);
    }
    sev_names_free(y->fs, &names);
    return e == SEV_OK ? 0 : cli_fail_fs(y->cli, e, "is --out a folder that you may write?");
}

/* ------------------------------------------------------------------ images */

static sev_err to_client_and_file(void *context, sev_slice bytes)
{
    struct cycle *y = context;
    sev_err e = sev_client_image_data(y->client, bytes);
    return e == SEV_OK ? sev_file_append(&y->writers[y->writer_count], bytes) : e;
}

/* One file per image: none can leave the folder. */
static sev_err open_writer(struct cycle *y, sev_slice image)
{
    char name[REPOSITORY_HOST_FILE_NAME_MAX + 1], path[SEV_FS_PATH_MAX];
    repository_host_file_name(image, name);
    struct sev_file_writer *more = realloc(y->writers, (y->writer_count + 1) * sizeof *y->writers);
    if (more == NULL)
        return SEV_E_MEMORY;
    y->writers = more;
    sev_err e = sev_path_join(y->out, name, path);
    if (e != SEV_OK)
        return e;
    return sev_file_open_new(y->fs, path, 0644, &y->writers[y->writer_count]);
}

static void bring_image(struct cycle *y, const struct sev_client_want *want)
{
    struct cli_text url = {0};
    sev_err e = open_writer(y, want->image_name);
    if (e != SEV_OK) {
        sev_client_failed(y->client, e);
        return;
    }
    repository_host_url(y->urls[y->images_index].ptr, want->image_url, &url);
    cli_text_free(&y->detail);
    if (url.failed)
        e = SEV_E_MEMORY;
    else
        e = sev_fetch_get(y->fetch, url.ptr, (uint64_t)want->image_length, 0, to_client_and_file,
                          y);
    if (e != SEV_OK && url.ptr != NULL)
        cli_text_printf(&y->detail, "%s%s%s", url.ptr, sev_fetch_detail(y->fetch)[0] ? ": " : "",
                        sev_fetch_detail(y->fetch));
    cli_text_free(&url);
    y->detail_of = e;
    if (e == SEV_OK)
        sev_client_image_end(y->client);
    else if (e == SEV_E_ABSENT)
        sev_client_absent(y->client);
    else
        sev_client_failed(y->client, e);
    if (e == SEV_OK && y->client->err == SEV_OK)
        y->writer_count++;
    else
        sev_file_abort(&y->writers[y->writer_count]);
}

static void note_released(struct cycle *y, const struct sev_image *image)
{
    cli_text_printf(&y->names, "  %lld bytes  ", (long long)image->target.length);
    cli_text_put_safe(&y->names, sev_slice_of(image->name, image->name_len));
    cli_text_printf(&y->names, "\n");
    y->put_out++;
}

/* The cycle ended otherwise after all: none of its images stays. */
static void take_back(struct cycle *y)
{
    for (uint32_t i = 0; i < y->released; i++) {
        sev_err gone = sev_file_remove(y->fs, y->writers[i].path);
        (void)gone; /* what cannot be removed goes with the next cycle */
    }
}

/* All verified: every image appears under its name. */
static sev_err release(struct cycle *y)
{
    uint32_t next = 0;
    for (; y->released < y->writer_count; y->released++) {
        while (!y->client->images[next].wanted)
            next++;
        sev_err e = sev_file_commit(&y->writers[y->released], true);
        if (e != SEV_OK) {
            y->released++; /* it may have its name already */
            return e;
        }
        note_released(y, &y->client->images[next++]);
    }
    return SEV_OK;
}

/* ------------------------------------------------------------------- cycle */

static void serve(struct cycle *y, const struct sev_client_want *want)
{
    struct repository_host host = {
        .fs = y->fs, .fetch = y->fetch, .folder = y->state, .url = NULL, .detail = &y->detail};
    if (want->kind == SEV_CLIENT_WALK) {
        host.folder = y->folders[want->repository];
        host.url = y->urls[want->repository].ptr;
    }
    size_t len = 0;
    sev_err e = repository_host_serve(&host, &want->want, &len);
    y->detail_of = e;
    if (e == SEV_OK)
        sev_client_got(y->client, len);
    else if (e == SEV_E_ABSENT)
        sev_client_absent(y->client);
    else
        sev_client_failed(y->client, e);
}

static void drive(struct cycle *y)
{
    for (;;) {
        struct sev_client_want want;
        sev_client_next(y->client, &want);
        switch (want.kind) {
        case SEV_CLIENT_OVER:
            return;
        case SEV_CLIENT_WALK:
        case SEV_CLIENT_STATE:
            serve(y, &want);
            break;
        case SEV_CLIENT_IMAGE:
            bring_image(y, &want);
            break;
        case SEV_CLIENT_RELEASE:
            sev_client_released(y->client, release(y));
            break;
        }
    }
}

static void emit_result(sev_json_writer *w, const void *context)
{
    const struct cycle *y = context;
    const struct sev_client *c = y->client;
    sev_json_w_object(w);
    sev_json_w_name(w, SEV_LIT("images"));
    sev_json_w_array(w);
    for (uint32_t i = 0; i < c->image_count; i++) {
        const struct sev_image *image = &c->images[i];
        if (!image->wanted)
            continue;
        sev_json_w_object(w);
        sev_json_w_integer_member(w, "length", image->target.length);
        sev_json_w_string_member(w, "name", sev_slice_of(image->name, image->name_len));
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_string_member(w, "vehicle", sev_slice_of(c->vehicle, c->vehicle_len));
    sev_json_w_object_end(w);
}

static const char *next_step(sev_err e)
{
    switch (e) {
    case SEV_E_NOT_PROVISIONED:
        return "put the trusted root into STATE/<repository>/root.json";
    case SEV_E_NOT_ATTESTED:
        return "nothing is wrong: ask again when the regulator has decided";
    case SEV_E_UNREACHABLE:
        return "is the server up, and is the URL the repository's base?";
    default:
        return NULL;
    }
}

static int report(struct cycle *y)
{
    const struct sev_client *c = y->client;
    if (c->err == SEV_OK) {
        if (cli_json(y->cli))
            return cli_print_json(y->cli, emit_result, y);
        if (y->put_out == 0)
            cli_print(y->cli, "nothing new\n");
        else
            cli_print(y->cli, "verified, in %s:\n%.*s", y->out, (int)y->names.len, y->names.ptr);
        return 0;
    }
    /* That the next root is not there is no fault, and not why the last one is refused. */
    if (y->detail_of != c->err && c->err != SEV_E_ROLE_MISSING)
        cli_text_free(&y->detail);
    if (c->about_image != NULL) {
        cli_text_printf(&y->detail, "%simage ", y->detail.len != 0 ? "; " : "");
        cli_text_put(&y->detail, c->about_image->name, c->about_image->name_len);
    }
    if (c->has_numbers)
        cli_text_printf(&y->detail, "%strusted so far: %lld, offered: %lld",
                        y->detail.len != 0 ? "; " : "", (long long)c->expected,
                        (long long)c->actual);
    struct cli_failure failure = {
        .err = c->err,
        .detail = y->detail.len != 0 ? y->detail.ptr : sev_err_sentence(c->err),
        .hint = next_step(c->err),
        .repository = c->repository[0] != '\0' ? c->repository : NULL,
        .role = c->role[0] != '\0' ? c->role : NULL,
    };
    return cli_report(y->cli, &failure);
}

static int run_prepared(struct cycle *y, sev_mode mode, sev_time now)
{
    size_t ecu_count = 0;
    int exit_code = prepare_ecus(y, mode, &ecu_count);
    if (exit_code == 0)
        exit_code = empty_out(y);
    if (exit_code == 0)
        exit_code = prepare_map(y);
    if (exit_code != 0)
        return exit_code;
    const char *vehicle = cli_opt(y->cli, "vehicle");
    struct sev_client_config config = {
        .profile = strcmp(cli_opt(y->cli, "profile"), "aktualizr") == 0 ? SEV_PROFILE_AKTUALIZR
                                                                        : SEV_PROFILE_NATIVE,
        .mode = mode,
        .now = now,
        .ecus = y->ecus,
        .ecu_count = (uint32_t)ecu_count,
        .vehicle = vehicle != NULL ? sev_slice_of(vehicle, strlen(vehicle)) : SEV_EMPTY,
        .map = &y->map,
        .crypto = y->crypto,
    };
    sev_client_init(y->client, &config, &y->arena);
    drive(y);
    if (y->client->err != SEV_OK) /* that they are installed could not be stored, perhaps */
        take_back(y);
    return report(y);
}

static void clean_up(struct cycle *y)
{
    for (uint32_t i = y->released; i < y->writer_count; i++)
        sev_file_abort(&y->writers[i]);
    for (uint32_t i = 0; i < SEV_REPOSITORIES_MAX; i++)
        cli_text_free(&y->urls[i]);
    cli_text_free(&y->map_text);
    cli_text_free(&y->detail);
    cli_text_free(&y->names);
    sev_bytes_free(y->fs, &y->map_file);
    free(y->writers);
    free(y->ecus);
    free(y->client);
    free(y->memory);
    sev_fetch_free(y->fetch);
    sev_crypto_free(y->crypto);
    free(y);
}

/* Anything else would be asked again and again: no server answers there. */
static int check_urls(struct cli *cli)
{
    static const char *const names[] = {"director", "images", "regulator"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *url = cli_opt(cli, names[i]);
        if (url != NULL && strncasecmp(url, "http://", 7) != 0 &&
            strncasecmp(url, "https://", 8) != 0)
            return cli_usage(cli, "--%s cannot be \"%s\"; a base is written http://host:port/path",
                             names[i], url);
    }
    return 0;
}

static int run(struct cli *cli)
{
    sev_time now;
    int exit_code = cli_opt_time(cli, "now", &now);
    if (exit_code == 0)
        exit_code = check_urls(cli);
    if (exit_code != 0)
        return exit_code;
    struct cycle *y = calloc(1, sizeof *y);
    if (y == NULL)
        return cli_fail(cli, SEV_E_MEMORY, NULL, "starting");
    y->cli = cli;
    y->fs = cli_fs(cli);
    y->state = cli_opt(cli, "state");
    y->out = cli_opt(cli, "out");
    y->crypto = sev_crypto_new();
    y->client = calloc(1, sizeof *y->client);
    y->memory = malloc(ARENA_BYTES);
    sev_err e = sev_fetch_new(&sev_fetch_defaults, &y->fetch);
    if (e != SEV_OK || y->crypto == NULL || y->client == NULL || y->memory == NULL) {
        clean_up(y);
        return cli_fail(cli, SEV_E_MEMORY, NULL, "starting");
    }
    y->arena = sev_arena_of(y->memory, ARENA_BYTES);
    struct sev_dir_lock lock = {0};
    e = sev_dir_lock(y->fs, y->state, LOCK_MS, &lock);
    if (e != SEV_OK)
        exit_code =
            cli_fail_fs(cli, e,
                        e == SEV_E_BUSY ? "a cycle runs on this --state: wait for its end"
                                        : "--state is the folder that holds director/root.json");
    else
        exit_code = run_prepared(y, mode_of(cli_opt(cli, "mode")), now);
    sev_dir_unlock(&lock);
    clean_up(y);
    return exit_code;
}

static const struct cli_option options[] = {
    {.name = "state",
     .value = "DIR",
     .flags = CLI_REQUIRED,
     .help = "the vehicle's state; trusted roots in DIR/director/root.json and so on"},
    {.name = "director", .value = "URL", .flags = CLI_REQUIRED, .help = "base of the Director"},
    {.name = "images",
     .value = "URL",
     .flags = CLI_REQUIRED,
     .help = "base of the Image repository; image bytes always come from here"},
    {.name = "regulator", .value = "URL", .help = "base of the Regulator, where there is one"},
    {.name = "ecu",
     .value = "SERIAL",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help = "an ECU of the vehicle; the first is the one that asks"},
    {.name = "hardware",
     .value = "HWID",
     .flags = CLI_REQUIRED | CLI_REPEATED,
     .help = "its hardware id, in the same order"},
    {.name = "vehicle",
     .value = "VID",
     .help = "the vehicle's id; without it the first accepted Director file binds it"},
    {.name = "mode",
     .value = "MODE",
     .choices = "primary full partial",
     .fallback = "primary",
     .help = "how much is verified"},
    {.name = "map",
     .value = "FILE",
     .help = "which repositories must agree (TAP 4); without it all that are given"},
    {.name = "now", .value = "TIME", .shown = "the system clock", .help = "trusted time, RFC 3339"},
    {.name = "out",
     .value = "DIR",
     .flags = CLI_REQUIRED,
     .help = "gets the verified images of this cycle and nothing else; emptied first"},
    {.name = "profile",
     .value = "PROFILE",
     .choices = "native aktualizr",
     .fallback = "native",
     .help = "the dialect that the repositories speak"},
    {0}};

static const struct cli_example examples[] = {
    {"Verify as a Primary with one Secondary would",
     "secureev uptane --state car --director http://127.0.0.1:8000 --images "
     "http://127.0.0.1:8001 \\\n  --ecu P1 --hardware gateway-2 --ecu S1 --hardware brake-7 "
     "--out images cycle"},
    {0}};

static const struct cli_command subcommands[] = {
    {.name = "cycle",
     .summary = "Run one cycle: metadata, agreement, images",
     .examples = examples,
     .answer_optional = true,
     .run = run},
    {0}};

const struct cli_command cmd_uptane = {
    .name = "uptane",
    .summary = "Verify an update as an ECU would",
    .details =
        "Exit 0: verified images are in --out, or there is nothing new. Exit 1: refused, or a "
        "repository could not be reached; one JSON object on a line of standard error says why, "
        "and --out is empty. Exit 2: the command line is wrong.\n\n"
        "A file that fails any check leaves the stored one as it was. A cycle that succeeds "
        "counts its images as installed.",
    .options = options,
    .subcommands = subcommands,
    .errors_json = true,
};
