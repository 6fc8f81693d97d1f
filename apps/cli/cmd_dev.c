/* cmd_dev - `secureev dev`: the backend on this machine, by one command.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev.h"

#define PORT_DEFAULT "8000"

const char *dev_path(const struct dev *d, const char *relative, char out[SEV_FS_PATH_MAX])
{
    int n =
        snprintf(out, SEV_FS_PATH_MAX, "%s%s%s", d->dir, *relative == '\0' ? "" : "/", relative);
    if (n < 0 || n >= SEV_FS_PATH_MAX) /* opening checked that there is room */
        abort();
    return out;
}

/* ------------------------------------------------------------------ opening */

/* Those who are not root must be able to walk to it. */
static int check_reachable(struct dev *d)
{
    char path[SEV_FS_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s", d->dir);
    for (char *slash = strrchr(path, '/'); slash != NULL && slash != path;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(path, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
            return cli_fail(d->c, SEV_E_CONFIG, "give another with --dir, such as /srv/secureev",
                            "the servers' users (%d, %d) cannot reach %s: %s is closed to them",
                            DEV_SERVERS_UID, DEV_SIGNER_UID, d->dir, path);
    }
    return 0;
}

static int open_dev(struct cli *c, struct dev *d)
{
    const char *given = cli_opt(c, "dir");
    char here[SEV_FS_PATH_MAX];
    *d = (struct dev){.c = c, .apart = geteuid() == 0};
    int n = given[0] == '/' || getcwd(here, sizeof here) == NULL
                ? snprintf(d->dir, sizeof d->dir, "%s", given)
                : snprintf(d->dir, sizeof d->dir, "%s/%s", here, given);
    if (n < 0 || (size_t)n >= sizeof d->dir - 256)
        return cli_usage(c, "the path of the folder is too long");
    for (const char *p = d->dir; *p != '\0'; p++)
        if (*p <= 0x20 || *p > 0x7E)
            return cli_usage(c, "the path of the folder must be printable, without blanks: %s",
                             d->dir);
    return 0;
}

static bool is_made(const struct dev *d)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    return sev_file_stat(cli_fs(d->c), dev_path(d, "made", path), &st) == SEV_OK;
}

static int not_made(struct dev *d)
{
    return cli_fail(d->c, SEV_E_NOT_FOUND, "`secureev dev up` makes one", "an evaluation in %s",
                    d->dir);
}

/* ------------------------------------------------------------------- telling */

static const struct {
    const char *role, *what;
} roles[] = {{"admin", "the API for operators"},
             {"director", "vehicles: status and their files"},
             {"images", "images and their metadata; suppliers bring theirs"},
             {"log", "the audit log"},
             {"registry", "vehicles get their certificates"},
             {"time", "what time it is, signed"}};
#define ROLES (sizeof roles / sizeof roles[0])

static void emit_status(sev_json_writer *w, const void *context)
{
    const struct dev *d = context;
    struct cli_text ready = {.len = 0};
    sev_json_w_object(w);
    cli_json_member(w, "dir", d->dir);
    sev_json_w_name(w, SEV_LIT("processes"));
    sev_json_w_object(w);
    static const unsigned by_name[DEV_PROCESSES_MAX] = {1, 2, 0};
    for (unsigned i = 0; i < DEV_PROCESSES_MAX; i++) {
        const struct dev_process *p = &dev_processes[by_name[i]];
        if (dev_has(d, p))
            sev_json_w_integer_member(w, p->name, dev_pid(d, p));
    }
    sev_json_w_object_end(w);
    sev_json_w_bool_member(w, "ready", dev_ready(d, &ready) == SEV_OK);
    sev_json_w_name(w, SEV_LIT("urls"));
    sev_json_w_object(w);
    for (size_t i = 0; i < ROLES; i++) {
        char url[64];
        snprintf(url, sizeof url, "https://127.0.0.1:%u", dev_port(d, roles[i].role));
        cli_json_member(w, roles[i].role, url);
    }
    sev_json_w_object_end(w);
    sev_json_w_object_end(w);
    cli_text_free(&ready);
}

static void print_status(struct dev *d)
{
    struct cli *c = d->c;
    struct cli_text ready = {.len = 0};
    for (unsigned i = 0; i < DEV_PROCESSES_MAX; i++) {
        pid_t pid = dev_pid(d, &dev_processes[i]);
        if (!dev_has(d, &dev_processes[i]))
            cli_print(c, "%-9s is left out: there is no %s here\n", dev_processes[i].name,
                      dev_processes[i].program);
        else if (pid == 0)
            cli_print(c, "%-9s does not run\n", dev_processes[i].name);
        else
            cli_print(c, "%-9s runs as process %ld\n", dev_processes[i].name, (long)pid);
    }
    sev_err e = dev_ready(d, &ready);
    cli_print(c, "%-9s %s\n", "ready", e == SEV_OK ? "yes" : "no: /readyz says what is missing");
    cli_text_free(&ready);
    for (size_t i = 0; i < ROLES; i++)
        cli_print(c, "%-9s https://127.0.0.1:%-5u  %s\n", roles[i].role, dev_port(d, roles[i].role),
                  roles[i].what);
    cli_print(c, "%-9s http://127.0.0.1:%u/readyz, /metrics, /healthz\n", "health",
              dev_port(d, "health"));
}

static bool all_run(const struct dev *d)
{
    bool all = true;
    for (unsigned i = 0; i < DEV_PROCESSES_MAX; i++)
        all = all && (!dev_has(d, &dev_processes[i]) || dev_pid(d, &dev_processes[i]) != 0);
    return all;
}

/* Each line is a command that works, from any folder, in this order. %s is the folder, %u the port
 * of the role. */
static const struct {
    const char *role, *command;
} next[] = {
    {"", "dev status --dir %s"},
    {"", "inventory add car-1 --model m-1 --database %s/servers/director.db"},
    {"", "inventory token car-1 --database %s/servers/director.db > %s/people/token"},
    {"registry", "enrol --dir %s/people/car-1 --server https://127.0.0.1:%u --ca %s/people/ca.pem "
                 "--token-file %s/people/token"},
    {"time", "time --server https://127.0.0.1:%u --ca %s/people/ca.pem "
             "--certificate %s/people/car-1/tls.pem --key %s/people/car-1/tls.key "
             "--root %s/people/director-root.json"},
    {"admin", "api GET /api/v1/vehicles --server https://127.0.0.1:%u --ca %s/people/ca.pem "
              "--token-file %s/people/admin.token"},
    {"log", "audit verify --server https://127.0.0.1:%u --ca %s/people/ca.pem "
            "--certificate %s/people/desk.pem --key %s/people/desk.key "
            "--log-key $(cat %s/people/log.vkey)"},
    {"", "dev down --dir %s"},
};

static void print_command(struct dev *d, const char *role, const char *command)
{
    bool secret = strchr(command, '>') != NULL; /* nobody else is to read it */
    cli_print(d->c, secret ? "  (umask 077; secureev " : "  secureev ");
    for (; *command != '\0'; command++)
        if (command[0] == '%' && command[1] == 's')
            cli_print(d->c, "%s", d->dir), command++;
        else if (command[0] == '%' && command[1] == 'u')
            cli_print(d->c, "%u", dev_port(d, role)), command++;
        else
            cli_print(d->c, "%c", *command);
    cli_print(d->c, secret ? ")\n" : "\n");
}

static void print_next(struct dev *d)
{
    cli_print(d->c,
              "\nIt is an evaluation: all roles in one process, their keys in one signer%s.\n"
              "Try, in this order:\n",
              d->apart ? ""
                       : ",\nall by your user; run by root, signer and servers get users of "
                         "their own");
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++)
        print_command(d, next[i].role, next[i].command);
}

static int tell(struct dev *d)
{
    if (cli_json(d->c))
        return cli_print_json(d->c, emit_status, d);
    print_status(d);
    return 0;
}

/* ----------------------------------------------------------------- commands */

static int make(struct dev *d)
{
    struct sev_fs_stat st;
    if (is_made(d))
        return 0;
    if (sev_file_stat(cli_fs(d->c), d->dir, &st) == SEV_OK)
        return cli_fail(d->c, SEV_E_EXISTS, "remove it, or give another with --dir",
                        "%s is there, and no finished evaluation is in it", d->dir);
    int code = d->apart ? check_reachable(d) : 0;
    if (code == 0)
        cli_note(d->c, "making keys, metadata and certificates in %s", d->dir);
    return code == 0 ? dev_make(d) : code;
}

static int start_all(struct dev *d)
{
    for (unsigned i = 0; i < DEV_PROCESSES_MAX; i++) {
        const struct dev_process *p = &dev_processes[i];
        int code = !dev_has(d, p) || dev_pid(d, p) != 0 ? 0 : dev_start(d, p);
        if (code != 0) {
            while (i-- != 0)
                (void)dev_stop(d, &dev_processes[i]);
            return code;
        }
    }
    return 0;
}

static int run_up(struct cli *c)
{
    struct dev d;
    uint64_t port = 0;
    int code = open_dev(c, &d);
    if (code == 0)
        code = cli_opt_integer(c, "port", 0, 65000, &port);
    d.port = (unsigned)port;
    if (code == 0)
        code = make(&d);
    if (code == 0)
        code = start_all(&d);
    if (code != 0)
        return code;
    if (dev_wait_ready(&d) != SEV_OK)
        return cli_fail(c, SEV_E_UNREACHABLE, "`secureev dev status` says more",
                        "it runs, and is not ready");
    code = tell(&d);
    if (code == 0 && !cli_json(c))
        print_next(&d);
    return code;
}

static int run_down(struct cli *c)
{
    struct dev d;
    int code = open_dev(c, &d);
    if (code == 0 && !is_made(&d))
        code = not_made(&d);
    if (code != 0)
        return code;
    unsigned stopped = 0;
    for (unsigned i = DEV_PROCESSES_MAX; i-- != 0;)
        stopped += dev_stop(&d, &dev_processes[i]);
    if (cli_json(c))
        return cli_print_json(c, emit_status, &d);
    cli_print(c, "%s\n",
              stopped == 0 ? "nothing ran"
                           : "stopped; everything is kept: `secureev dev up` goes on");
    return 0;
}

static int run_status(struct cli *c)
{
    struct dev d;
    struct cli_text ready = {.len = 0};
    int code = open_dev(c, &d);
    if (code == 0 && !is_made(&d))
        code = not_made(&d);
    if (code == 0)
        code = tell(&d);
    if (code == 0 && (!all_run(&d) || dev_ready(&d, &ready) != SEV_OK))
        code = CLI_EXIT_FAILED;
    cli_text_free(&ready);
    return code;
}

/* -------------------------------------------------------------------- table */

#define DIR_OPTION                                                                                 \
    {                                                                                              \
        .name = "dir", .value = "DIR", .fallback = "secureev-dev",                                 \
        .help = "folder of the evaluation"                                                         \
    }
static const struct cli_option up_options[] = {
    DIR_OPTION,
    {.name = "port",
     .value = "N",
     .fallback = PORT_DEFAULT,
     .help = "the Director's port, when it is made; the others follow it. 0: free ones"},
    {0}};
static const struct cli_option options[] = {DIR_OPTION, {0}};

static const struct cli_command subcommands[] = {
    {.name = "up",
     .summary = "Make it where it is not yet, start it, wait until it is ready",
     .options = up_options,
     .run = run_up},
    {.name = "down", .summary = "Stop it and keep everything", .options = options, .run = run_down},
    {.name = "status",
     .summary = "Show what runs and where",
     .details = "Exits 1 when something does not run or is not ready.",
     .options = options,
     .run = run_status},
    {0}};

const struct cli_command cmd_dev = {
    .name = "dev",
    .summary = "Run the whole backend on this machine, to try it",
    .details = "Not for production: all roles run in one process and their online keys are in one "
               "signer. The offline keys are encrypted, in a folder of their own. Run by root, "
               "the signer and the servers become users of their own, and neither can read what "
               "is the other's or offline.",
    .subcommands = subcommands};
