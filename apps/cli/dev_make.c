/* dev_make - see dev.h: what `secureev dev up` makes the first time, by the commands that anybody
 * would use by hand. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev.h"

#define LINE_BYTES_MAX 1024u
#define PASSPHRASE_BYTES 20u
#define TREE_FILES_MAX 1000u
#define PUBLIC_FILE_BYTES_MAX (64u << 20)

/* Commands of secureev, run in DIR/offline; a word with '*' stands for the files that it names, and
 * what a command tells goes to the file behind '>'. */
#define OFFLINE " --keystore keys --passphrase-file pass"
#define ONLINE " --keystore ../signer/keys --passphrase-file ../signer/pass"
#define CA " --ca ../people/ca.pem --ca-key ca" OFFLINE
static const char *const steps[] = {
    /* Offline keys, one passphrase for all: it is an evaluation. */
    "key generate --name director-root" OFFLINE,
    "key generate --name images-root" OFFLINE,
    "key generate --name acme" OFFLINE,
    "key generate --name ca" OFFLINE,
    "key export director-root --keystore keys --public --out director-root.json",
    "key export images-root --keystore keys --public --out images-root.json",
    "key export acme --keystore keys --public --out acme.json",

    /* Online keys, for the signer. */
    "key generate --name director-online" ONLINE,
    "key generate --name images-online" ONLINE,
    "key generate --name time" ONLINE,
    "key generate --name registry-ca" ONLINE,
    "key generate --name log --type ed25519" ONLINE,
    "key export director-online --keystore ../signer/keys --public --out director-online.json",
    "key export images-online --keystore ../signer/keys --public --out images-online.json",
    "key export time --keystore ../signer/keys --public --out time.json",
    "key export registry-ca --keystore ../signer/keys --public --pem --out registry-ca.pem",
    "key export log --keystore ../signer/keys --public --out ../people/log.json",

    "repo init --repo director --kind director --vehicle any --role root=1:director-root.json "
    "--role targets=1:director-online.json --role snapshot=1:director-online.json "
    "--role timestamp=1:director-online.json --role publish=1:director-online.json "
    "--role time=1:time.json",
    "repo stage --repo director",
    "repo sign director/staged/*.root.tbs --key director-root --out desk" OFFLINE,
    "repo assemble --repo director desk/*.sig",
    "repo publish --repo director" ONLINE,

    /* Images, with a supplier of brakes. */
    "repo init --repo images --kind images --role root=1:images-root.json "
    "--role targets=1:images-root.json --role snapshot=1:images-online.json "
    "--role timestamp=1:images-online.json",
    "repo delegate acme --repo images --keys 1:acme.json --path brakes/*",
    "repo add brakes/brake-2.img brake-2.img --repo images --role acme --hardware-id brake-7 "
    "--release-counter 2 --version 2",
    "repo stage --repo images",
    "repo sign images/staged/*.root.tbs images/staged/*.targets.tbs --key images-root "
    "--out desk-images" OFFLINE,
    "repo sign images/staged/*.acme.tbs --key acme --out desk-images" OFFLINE,
    "repo assemble --repo images desk-images/*.sig",
    "repo publish --repo images" ONLINE,

    "certificate ca SecureEV-evaluation --ca-key ca --out ../people/ca.pem" OFFLINE,
    "certificate issue Vehicles --kind ca --public registry-ca.pem "
    "--out ../servers/vehicles-ca.pem" CA,
    "certificate issue 127.0.0.1 --kind server --key-out ../servers/tls.key "
    "--out ../servers/tls.pem" CA,
    "certificate issue director --key-out ../servers/director.key --out ../servers/director.pem" CA,
    "certificate issue acme --key-out ../people/acme.key --out ../people/acme.pem" CA,
    "certificate issue desk --key-out ../people/desk.key --out ../people/desk.pem" CA,
    "operator add admin --role admin --database ../servers/director.db > ../people/admin.token",
    "operator add boss --role approver --database ../servers/director.db > ../people/boss.token",
    "audit key --name " DEV_ORIGIN " ../people/log.json > ../people/log.vkey",
    NULL,
};

/* A failure is reported once; what follows it does nothing. */
static void check(struct dev *d, sev_err e)
{
    if (d->code == 0 && e != SEV_OK)
        d->code = cli_fail_fs(d->c, e, NULL);
}

/* -------------------------------------------------------------------- steps */

/* Of files only: "brakes/\*" names none, and stands for itself. */
static bool add_word(glob_t *words, const char *word, const char *offline)
{
    char pattern[SEV_FS_PATH_MAX];
    bool files = strchr(word, '*') != NULL && strcmp(word, "brakes/*") != 0;
    if (!files)
        return glob(word, GLOB_APPEND | GLOB_NOCHECK | GLOB_NOMAGIC, NULL, words) == 0;
    return sev_path_join(offline, word, pattern) == SEV_OK &&
           glob(pattern, GLOB_APPEND, NULL, words) == 0;
}

static bool split(const char *step, const char *offline, glob_t *words)
{
    char line[LINE_BYTES_MAX], *rest = NULL;
    if (!add_word(words, "secureev", offline) || strlen(step) >= sizeof line)
        return false;
    memcpy(line, step, strlen(step) + 1);
    for (char *word = strtok_r(line, " ", &rest); word != NULL && strcmp(word, ">") != 0;
         word = strtok_r(NULL, " ", &rest))
        if (!add_word(words, word, offline))
            return false;
    return true;
}

/* What it says goes to the log, and what it tells to `told` unless that is NULL. */
static bool run_words(char *const *words, const char *offline, const char *log, const char *told)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addchdir_np(&actions, offline);
    if (told != NULL)
        posix_spawn_file_actions_addopen(&actions, 1, told, O_WRONLY | O_CREAT | O_EXCL, 0600);
    bool ran = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, words, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    while (ran && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return ran && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void run(struct dev *d, const char *step)
{
    char offline[SEV_FS_PATH_MAX], log[SEV_FS_PATH_MAX];
    glob_t words = {.gl_pathc = 0};
    if (d->code != 0)
        return;
    dev_path(d, "offline", offline);
    dev_path(d, "log/make.log", log);
    const char *told = strstr(step, " > ");
    if (!split(step, offline, &words) ||
        !run_words(words.gl_pathv, offline, log, told == NULL ? NULL : told + 3))
        d->code = cli_fail(d->c, SEV_E_IO, "remove the folder and try again once that is mended",
                           "`secureev %s` failed; see %s", step, log);
    globfree(&words);
}

/* ---------------------------------------------------------- files, folders */

static void folder(struct dev *d, const char *relative, unsigned mode)
{
    char path[SEV_FS_PATH_MAX];
    if (d->code == 0)
        check(d, sev_dir_ensure(cli_fs(d->c), dev_path(d, relative, path), mode, 0));
}

static void write_file(struct dev *d, const char *relative, sev_slice bytes)
{
    char path[SEV_FS_PATH_MAX];
    if (d->code == 0)
        check(d, sev_file_create(cli_fs(d->c), dev_path(d, relative, path), bytes, 0600));
}

/* A passphrase that nobody has to remember: it lies beside what it opens. */
static void write_passphrase(struct dev *d, const char *relative)
{
    uint8_t random[PASSPHRASE_BYTES], text[2 * PASSPHRASE_BYTES + 1];
    sev_buf b = sev_buf_of(text, sizeof text);
    if (d->code == 0)
        check(d, sev_fs_random(cli_fs(d->c), random, sizeof random));
    sev_hex_encode(sev_slice_of(random, sizeof random), &b);
    sev_buf_put_byte(&b, '\n');
    write_file(d, relative, sev_buf_slice(&b));
}

static void write_random(struct dev *d, const char *relative, size_t len)
{
    uint8_t bytes[4096];
    if (d->code == 0)
        check(d, sev_fs_random(cli_fs(d->c), bytes, len));
    write_file(d, relative, sev_slice_of(bytes, len));
}

static void copy_file(struct dev *d, const char *from, const char *to)
{
    struct sev_bytes bytes;
    char path[SEV_FS_PATH_MAX];
    if (d->code != 0)
        return;
    check(d,
          sev_file_read(cli_fs(d->c), dev_path(d, from, path), PUBLIC_FILE_BYTES_MAX, 0, &bytes));
    if (d->code != 0)
        return;
    write_file(d, to, sev_bytes_slice(&bytes));
    sev_bytes_free(cli_fs(d->c), &bytes);
}

/* One text behind the other. */
static void join_files(struct dev *d, const char *a, const char *b, const char *to)
{
    struct sev_bytes first = {NULL, 0}, second = {NULL, 0};
    struct cli_text both = {.len = 0};
    char path[SEV_FS_PATH_MAX];
    if (d->code == 0)
        check(d,
              sev_file_read(cli_fs(d->c), dev_path(d, a, path), PUBLIC_FILE_BYTES_MAX, 0, &first));
    if (d->code == 0)
        check(d,
              sev_file_read(cli_fs(d->c), dev_path(d, b, path), PUBLIC_FILE_BYTES_MAX, 0, &second));
    if (d->code == 0) {
        cli_text_put(&both, first.ptr, first.len);
        cli_text_put(&both, second.ptr, second.len);
        check(d, both.failed ? SEV_E_MEMORY : SEV_OK);
    }
    write_file(d, to, sev_slice_of(both.ptr, both.len));
    cli_text_free(&both);
    sev_bytes_free(cli_fs(d->c), &first);
    sev_bytes_free(cli_fs(d->c), &second);
}

/* A folder and what is in it. */
static void copy_tree(struct dev *d, const char *from, const char *to, unsigned depth)
{
    struct sev_names names = {NULL, 0, 0};
    char path[SEV_FS_PATH_MAX], a[SEV_FS_PATH_MAX], b[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    folder(d, to, 0700);
    if (d->code == 0)
        check(d, sev_dir_list(cli_fs(d->c), dev_path(d, from, path), TREE_FILES_MAX, &names));
    for (size_t i = 0; d->code == 0 && i < names.count; i++) {
        check(d, sev_path_join(from, names.names[i], a));
        check(d, sev_path_join(to, names.names[i], b));
        check(d, sev_file_stat(cli_fs(d->c), dev_path(d, a, path), &st));
        if (d->code == 0 && st.kind == SEV_FS_FOLDER && depth != 0)
            copy_tree(d, a, b, depth - 1);
        else if (d->code == 0 && st.kind == SEV_FS_REGULAR)
            copy_file(d, a, b);
    }
    sev_names_free(cli_fs(d->c), &names);
}

/* ------------------------------------------------------------ configuration */

/* A free port of the loopback, or the one that was asked for. */
static unsigned port_of(struct dev *d, unsigned number)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    if (d->port != 0)
        return d->port + number;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0;
    if (fd >= 0)
        close(fd);
    if (!good && d->code == 0)
        d->code = cli_fail(d->c, SEV_E_IO, NULL, "a free port: %s", strerror(errno));
    return ntohs(at.sin_port);
}

struct key_line {
    const char *name, *key, *repository, *sign, *more;
};
static const struct key_line key_lines[] = {
    {"director-targets", "director-online", "director", "targets", ""},
    {"director-snapshot", "director-online", "director", "snapshot", ""},
    {"director-timestamp", "director-online", "director", "timestamp status-reply", ""},
    {"images-snapshot", "images-online", "images", "snapshot", ""},
    {"images-timestamp", "images-online", "images", "timestamp", ""},
    {"time", "time", "director", "time", ""},
    {"log", "log", "log", "checkpoint", "origins = " DEV_ORIGIN "\n"},
};

static void write_signer_config(struct dev *d)
{
    struct cli_text t = {.len = 0};
    unsigned user = d->apart ? DEV_SERVERS_UID : (unsigned)getuid();
    cli_text_printf(&t,
                    "# An evaluation: keys of Director and Images in one signer.\n"
                    "[signer]\nsocket = %s/run/signer.sock\nkeystore = %s/signer/keys\n"
                    "passphrase_file = %s/signer/pass\nevaluation = yes\nlog = json\n",
                    d->dir, d->dir, d->dir);
    for (size_t i = 0; i < sizeof key_lines / sizeof key_lines[0]; i++) {
        const struct key_line *k = &key_lines[i];
        cli_text_printf(&t, "\n[key %s]\nkey = %s\nrepository = %s\nsign = %s\nusers = %u\n%s",
                        k->name, k->key, k->repository, k->sign, user, k->more);
    }
    cli_text_printf(&t,
                    "\n[key registry-ca]\nrepository = registry\nsign = certificate\n"
                    "users = %u\nissuer = %s/signer/vehicles-ca.pem\nlife_max = 90d\n",
                    user, d->dir);
    write_file(d, "signer/signer.conf", sev_slice_of(t.ptr, t.len));
    cli_text_free(&t);
}

static unsigned put_role(struct dev *d, struct cli_text *t, const char *name, unsigned number)
{
    unsigned port = port_of(d, number);
    cli_text_printf(t, "\n[%s]\nlisten = 127.0.0.1:%u\n", name, port);
    return port;
}

static void put_tls(struct dev *d, struct cli_text *t, bool clients)
{
    cli_text_printf(t, "certificate = %s/servers/tls.pem\ncertificate_key = %s/servers/tls.key\n",
                    d->dir, d->dir);
    if (clients)
        cli_text_printf(t, "clients = %s/servers/clients.pem\n", d->dir);
}

static void put_database(struct dev *d, struct cli_text *t, const char *name)
{
    cli_text_printf(t, "database = %s/servers/%s.db\n", d->dir, name);
}

static void put_signer(struct dev *d, struct cli_text *t)
{
    cli_text_printf(t, "signer = %s/run/signer.sock\n", d->dir);
}

static void put_images(struct dev *d, struct cli_text *t)
{
    (void)put_role(d, t, "images", 1);
    put_tls(d, t, true);
    put_signer(d, t);
    cli_text_printf(t,
                    "folder = %s/servers/images\nuploads = %s/servers/uploads\n"
                    "\n[supplier acme]\nidentity = acme\nroles = acme\n"
                    "\n[supplier desk]\nidentity = desk\nroles = root targets\n",
                    d->dir, d->dir);
}

static void put_log(struct dev *d, struct cli_text *t)
{
    unsigned port = put_role(d, t, "log", 4);
    put_tls(d, t, true);
    put_database(d, t, "log");
    put_signer(d, t);
    cli_text_printf(t,
                    "origin = " DEV_ORIGIN "\nshippers = director\n"
                    "\n[audit]\nserver = https://127.0.0.1:%u\nca = %s/servers/ca.pem\n"
                    "certificate = %s/servers/director.pem\n"
                    "certificate_key = %s/servers/director.key\nsalt_file = %s/servers/salt\n",
                    port, d->dir, d->dir, d->dir, d->dir);
}

static void write_servers_config(struct dev *d, unsigned broker_port)
{
    struct cli_text t = {.len = 0};
    cli_text_printf(&t, "# An evaluation: roles in one process that should not be.\n"
                        "[server]\nevaluation = yes\nlog = json\n");
    (void)put_role(d, &t, "director", 0);
    put_tls(d, &t, true);
    put_database(d, &t, "director");
    put_signer(d, &t);
    cli_text_printf(&t, "metadata = %s/servers/roots\npoll_interval = 1m\npoll_jitter = 10s\n",
                    d->dir);
    put_images(d, &t);
    (void)put_role(d, &t, "time", 2);
    put_tls(d, &t, true);
    put_signer(d, &t);
    (void)put_role(d, &t, "registry", 3);
    put_tls(d, &t, true);
    put_database(d, &t, "director");
    put_signer(d, &t);
    cli_text_printf(&t, "issuer = %s/servers/vehicles-ca.pem\nserver_ca = %s/servers/ca.pem\n",
                    d->dir, d->dir);
    put_log(d, &t);
    (void)put_role(d, &t, "admin", 5);
    put_tls(d, &t, false);
    put_database(d, &t, "director");
    (void)put_role(d, &t, "health", 9);
    if (broker_port != 0)
        cli_text_printf(&t,
                        "\n[mqtt]\nbroker = 127.0.0.1:%u\nca = %s/servers/ca.pem\n"
                        "certificate = %s/servers/director.pem\n"
                        "certificate_key = %s/servers/director.key\n",
                        broker_port, d->dir, d->dir, d->dir);
    write_file(d, "servers/secureevd.conf", sev_slice_of(t.ptr, t.len));
    cli_text_free(&t);
}

/* ---------------------------------------------------------------- ownership */

static uid_t new_owner;

static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return lchown(path, new_owner, (gid_t)new_owner);
}

static void give(struct dev *d, const char *relative, uid_t owner)
{
    char path[SEV_FS_PATH_MAX];
    new_owner = owner;
    if (d->code == 0 && d->apart && nftw(dev_path(d, relative, path), give_one, 16, FTW_PHYS) != 0)
        d->code = cli_fail(d->c, SEV_E_IO, NULL, "giving %s to user %u: %s", path, (unsigned)owner,
                           strerror(errno));
}

/* ------------------------------------------------------------------- broker */

/* What we ship, with its paths here. */
static void write_deployed(struct dev *d, const char *relative, const char *text, unsigned port)
{
    static const char shipped[] = "/etc/secureev/", listener[] = "listener 8883";
    struct cli_text t = {.len = 0};
    while (*text != '\0')
        if (strncmp(text, shipped, sizeof shipped - 1) == 0) {
            cli_text_printf(&t, "%s/broker/", d->dir);
            text += sizeof shipped - 1;
        } else if (strncmp(text, listener, sizeof listener - 1) == 0) {
            cli_text_printf(&t, "listener %u 127.0.0.1", port);
            text += sizeof listener - 1;
        } else {
            cli_text_put(&t, text++, 1);
        }
    write_file(d, relative, sev_slice_of(t.ptr, t.len));
    cli_text_free(&t);
}

static void make_broker(struct dev *d, unsigned port)
{
    folder(d, "broker", 0700);
    run(d, "certificate issue 127.0.0.1 --kind server --key-out ../broker/broker.key "
           "--out ../broker/broker.pem" CA);
    join_files(d, "people/ca.pem", "servers/vehicles-ca.pem", "broker/clients.pem");
    write_deployed(d, "broker/mosquitto.acl", sev_deploy_mosquitto_acl, port);
    write_deployed(d, "broker/mosquitto.conf", sev_deploy_mosquitto_conf, port);
    give(d, "broker", DEV_BROKER_UID);
}

/* ---------------------------------------------------------------------- all */

int dev_make(struct dev *d)
{
    folder(d, "", 0755);
    folder(d, "log", 0755);
    folder(d, "offline", 0700);
    folder(d, "offline/desk", 0700);
    folder(d, "offline/desk-images", 0700);
    folder(d, "signer", 0700);
    folder(d, "run", 0755);
    folder(d, "servers", 0700);
    folder(d, "people", 0700);
    write_passphrase(d, "offline/pass");
    write_passphrase(d, "signer/pass");
    write_random(d, "offline/brake-2.img", 4096); /* something to install */
    for (const char *const *step = steps; *step != NULL; step++)
        run(d, *step);
    folder(d, "servers/roots", 0700);
    copy_file(d, "offline/director/public/1.root.json", "servers/roots/1.root.json");
    copy_file(d, "offline/director/public/1.root.json", "people/director-root.json");
    copy_file(d, "offline/images/public/1.root.json", "people/images-root.json");
    copy_file(d, "people/ca.pem", "servers/ca.pem");
    copy_file(d, "servers/vehicles-ca.pem", "signer/vehicles-ca.pem");
    join_files(d, "people/ca.pem", "servers/vehicles-ca.pem", "servers/clients.pem");
    write_random(d, "servers/salt", 32);
    folder(d, "servers/uploads", 0700);
    copy_tree(d, "offline/images/public", "servers/images", 4);
    write_signer_config(d);
    unsigned broker_port = access(DEV_MOSQUITTO, X_OK) == 0 ? port_of(d, 8) : 0;
    if (broker_port != 0)
        make_broker(d, broker_port);
    write_servers_config(d, broker_port);
    give(d, "signer", DEV_SIGNER_UID);
    give(d, "run", DEV_SIGNER_UID);
    give(d, "servers", DEV_SERVERS_UID);
    write_file(d, "made", SEV_LIT("by secureev dev up\n"));
    return d->code;
}
