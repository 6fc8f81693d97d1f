/* dev_make - see dev.h: what `secureev dev up` makes the first time, by the commands that anybody
 * would use by hand. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev.h"

#define LINE_BYTES_MAX 1024u
#define PASSPHRASE_BYTES 20u
#define TREE_FILES_MAX 1000u
#define PUBLIC_FILE_BYTES_MAX (64u << 20)

/* Commands of secureev, run in DIR/offline; a word with '*' stands for the files that it names. */
static const char *const steps[] = {
    /* Offline keys: one of each, and all opened by one passphrase. It is an evaluation. */
    "key generate --name director-root --keystore keys --passphrase-file pass",
    "key generate --name images-root --keystore keys --passphrase-file pass",
    "key generate --name ca --keystore keys --passphrase-file pass",
    "key export director-root --keystore keys --public --out director-root.json",
    "key export images-root --keystore keys --public --out images-root.json",

    /* Online keys, for the signer. */
    "key generate --name director-online --keystore ../signer/keys --passphrase-file "
    "../signer/pass",
    "key generate --name images-online --keystore ../signer/keys --passphrase-file ../signer/pass",
    "key generate --name time --keystore ../signer/keys --passphrase-file ../signer/pass",
    "key export director-online --keystore ../signer/keys --public --out director-online.json",
    "key export images-online --keystore ../signer/keys --public --out images-online.json",
    "key export time --keystore ../signer/keys --public --out time.json",

    "repo init --repo director --kind director --vehicle any --role root=1:director-root.json "
    "--role targets=1:director-online.json --role snapshot=1:director-online.json "
    "--role timestamp=1:director-online.json --role publish=1:director-online.json "
    "--role time=1:time.json",
    "repo stage --repo director",
    "repo sign director/staged/*.root.tbs --key director-root --keystore keys "
    "--passphrase-file pass --out desk",
    "repo assemble --repo director desk/*.sig",
    "repo publish --repo director --keystore ../signer/keys --passphrase-file ../signer/pass",

    "repo init --repo images --kind images --role root=1:images-root.json "
    "--role targets=1:images-root.json --role snapshot=1:images-online.json "
    "--role timestamp=1:images-online.json",
    "repo add demo/brake-2.img brake-2.img --repo images --hardware-id brake-7 "
    "--release-counter 2 --version 2",
    "repo stage --repo images",
    "repo sign images/staged/*.root.tbs images/staged/*.targets.tbs --key images-root "
    "--keystore keys --passphrase-file pass --out desk-images",
    "repo assemble --repo images desk-images/*.sig",
    "repo publish --repo images --keystore ../signer/keys --passphrase-file ../signer/pass",

    "certificate ca SecureEV-evaluation --keystore keys --ca-key ca --passphrase-file pass "
    "--out ../people/ca.pem",
    "certificate issue 127.0.0.1 --kind server --ca ../people/ca.pem --keystore keys --ca-key ca "
    "--passphrase-file pass --key-out ../servers/tls.key --out ../servers/tls.pem",
    "certificate issue car-1 --ca ../people/ca.pem --keystore keys --ca-key ca "
    "--passphrase-file pass --key-out ../people/car-1.key --out ../people/car-1.pem",
    NULL,
};

/* A failure is reported once; what follows it does nothing. */
static void check(struct dev *d, sev_err e)
{
    if (d->code == 0 && e != SEV_OK)
        d->code = cli_fail_fs(d->c, e, NULL);
}

/* -------------------------------------------------------------------- steps */

static bool add_word(glob_t *words, const char *word, const char *offline)
{
    char pattern[SEV_FS_PATH_MAX];
    if (strchr(word, '*') == NULL)
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
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        if (!add_word(words, word, offline))
            return false;
    return true;
}

/* What it says goes to the log. */
static bool run_words(char *const *words, const char *offline, const char *log)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addchdir_np(&actions, offline);
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
    if (!split(step, offline, &words) || !run_words(words.gl_pathv, offline, log))
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

/* Something to install. */
static void write_image(struct dev *d)
{
    uint8_t bytes[4096];
    check(d, sev_fs_random(cli_fs(d->c), bytes, sizeof bytes));
    write_file(d, "offline/brake-2.img", sev_slice_of(bytes, sizeof bytes));
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

static void put_key(struct cli_text *t, const char *name, const char *key, const char *repository,
                    const char *sign, uid_t user)
{
    cli_text_printf(t, "\n[key %s]\nkey = %s\nrepository = %s\nsign = %s\nusers = %u\n", name, key,
                    repository, sign, (unsigned)user);
}

static void write_signer_config(struct dev *d)
{
    struct cli_text t = {.len = 0};
    uid_t user = d->apart ? DEV_SERVERS_UID : getuid();
    cli_text_printf(&t,
                    "# An evaluation: keys of Director and Images in one signer.\n"
                    "[signer]\nsocket = %s/run/signer.sock\nkeystore = %s/signer/keys\n"
                    "passphrase_file = %s/signer/pass\nevaluation = yes\nlog = json\n",
                    d->dir, d->dir, d->dir);
    put_key(&t, "director-targets", "director-online", "director", "targets", user);
    put_key(&t, "director-snapshot", "director-online", "director", "snapshot", user);
    put_key(&t, "director-timestamp", "director-online", "director", "timestamp status-reply",
            user);
    put_key(&t, "time", "time", "director", "time", user);
    write_file(d, "signer/signer.conf", sev_slice_of(t.ptr, t.len));
    cli_text_free(&t);
}

static void put_role(const struct dev *d, struct cli_text *t, const char *name, unsigned number)
{
    cli_text_printf(t, "\n[%s]\nlisten = 127.0.0.1:%u\n", name,
                    d->port == 0 ? 0 : d->port + number);
}

static void put_tls(const struct dev *d, struct cli_text *t)
{
    cli_text_printf(t,
                    "certificate = %s/servers/tls.pem\ncertificate_key = %s/servers/tls.key\n"
                    "clients = %s/servers/ca.pem\n",
                    d->dir, d->dir, d->dir);
}

static void write_servers_config(struct dev *d)
{
    struct cli_text t = {.len = 0};
    cli_text_printf(&t, "# An evaluation: roles in one process that should not be.\n"
                        "[server]\nevaluation = yes\nlog = json\n");
    put_role(d, &t, "director", 0);
    put_tls(d, &t);
    cli_text_printf(&t,
                    "database = %s/servers/director.db\nmetadata = %s/servers/roots\n"
                    "signer = %s/run/signer.sock\npoll_interval = 1m\npoll_jitter = 10s\n"
                    "enrolment = foreign\n",
                    d->dir, d->dir, d->dir);
    put_role(d, &t, "images", 1);
    put_tls(d, &t);
    cli_text_printf(&t, "folder = %s/servers/images\n", d->dir);
    put_role(d, &t, "time", 2);
    put_tls(d, &t);
    cli_text_printf(&t, "signer = %s/run/signer.sock\n", d->dir);
    put_role(d, &t, "health", 9);
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
    write_image(d);
    for (const char *const *step = steps; *step != NULL; step++)
        run(d, *step);
    folder(d, "servers/roots", 0700);
    copy_file(d, "offline/director/public/1.root.json", "servers/roots/1.root.json");
    copy_file(d, "offline/director/public/1.root.json", "people/director-root.json");
    copy_file(d, "offline/images/public/1.root.json", "people/images-root.json");
    copy_file(d, "people/ca.pem", "servers/ca.pem");
    copy_tree(d, "offline/images/public", "servers/images", 4);
    write_signer_config(d);
    write_servers_config(d);
    give(d, "signer", DEV_SIGNER_UID);
    give(d, "run", DEV_SIGNER_UID);
    give(d, "servers", DEV_SERVERS_UID);
    write_file(d, "made", SEV_LIT("by secureev dev up\n"));
    return d->code;
}
