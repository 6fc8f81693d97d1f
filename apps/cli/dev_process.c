/* dev_process - see dev.h: the processes, each found again by its number and when it began.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "secureev/fetch.h"

#define LOG_BYTES_MAX (64u << 20)
#define START_MS 30000
#define STOP_MS 40000
#define PID_BYTES_MAX 64u

#define OURS "\"event\":\"started\""
const struct dev_process dev_processes[DEV_PROCESSES_MAX] = {
    {"signer", "secureev-signer", NULL, "signer/signer.conf", OURS, DEV_SIGNER_UID},
    {"broker", DEV_MOSQUITTO, "-c", "broker/mosquitto.conf", " running", DEV_BROKER_UID},
    {"servers", "secureevd", NULL, "servers/secureevd.conf", OURS, DEV_SERVERS_UID},
};
#define SERVERS (&dev_processes[2])

bool dev_has(const struct dev *d, const struct dev_process *p)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_fs_stat st;
    return sev_file_stat(cli_fs(d->c), dev_path(d, p->config, path), &st) == SEV_OK;
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static const char *file_of(const struct dev *d, const struct dev_process *p, const char *what,
                           char out[SEV_FS_PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, "log/%s.%s", p->name, what);
    return dev_path(d, name, out);
}

/* ------------------------------------------------------------- who it is */

/* When a process began, in the kernel's ticks: its number alone may be another's by now.
 * @retval false  there is none, or it is dead and nobody has looked */
static bool began(pid_t pid, unsigned long long *out)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* behind the name, which may contain anything */
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return false;
    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    *out = at == NULL ? 0 : strtoull(at, NULL, 10);
    return at != NULL;
}

pid_t dev_pid(const struct dev *d, const struct dev_process *p)
{
    char path[SEV_FS_PATH_MAX];
    struct sev_bytes text;
    unsigned long long start, now;
    long pid;
    if (sev_file_read(cli_fs(d->c), file_of(d, p, "pid", path), PID_BYTES_MAX, 0, &text) != SEV_OK)
        return 0;
    char *end;
    pid = strtol((const char *)text.ptr, &end, 10);
    start = strtoull(end, NULL, 10);
    sev_bytes_free(cli_fs(d->c), &text);
    return pid > 1 && began((pid_t)pid, &now) && now == start ? (pid_t)pid : 0;
}

static sev_err remember(const struct dev *d, const struct dev_process *p, pid_t pid)
{
    char path[SEV_FS_PATH_MAX], text[PID_BYTES_MAX];
    unsigned long long start = 0;
    (void)began(pid, &start);
    int n = snprintf(text, sizeof text, "%ld %llu\n", (long)pid, start);
    return sev_file_replace(cli_fs(d->c), file_of(d, p, "pid", path), sev_slice_of(text, (size_t)n),
                            0644);
}

/* ------------------------------------------------------------------ starting */

/* In the child. Returns only if it failed. */
static void become(const struct dev *d, const struct dev_process *p, const char *program,
                   const char *config, int log)
{
    sigset_t none;
    int nothing = open("/dev/null", O_RDONLY);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setsid() < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        return;
    if (d->apart && (setgroups(0, NULL) != 0 || setgid((gid_t)p->uid) != 0 || setuid(p->uid) != 0))
        return;
    umask(077);
    if (p->option == NULL)
        execl(program, program, config, (char *)NULL);
    else
        execl(program, program, p->option, config, (char *)NULL);
}

/* Beside our own program. */
static bool find_program(const struct dev_process *p, char out[SEV_FS_PATH_MAX])
{
    char self[SEV_FS_PATH_MAX];
    if (p->program[0] == '/')
        return snprintf(out, SEV_FS_PATH_MAX, "%s", p->program) < SEV_FS_PATH_MAX;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return sev_path_join(self, p->program, out) == SEV_OK;
}

static pid_t spawn(const struct dev *d, const struct dev_process *p)
{
    char program[SEV_FS_PATH_MAX], config[SEV_FS_PATH_MAX], log[SEV_FS_PATH_MAX];
    if (!find_program(p, program))
        return -1;
    dev_path(d, p->config, config);
    int fd =
        open(file_of(d, p, "log", log), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        become(d, p, program, config, fd);
        dprintf(fd, "%s: %s\n", program, strerror(errno));
        _exit(127);
    }
    close(fd);
    return pid;
}

static bool log_says(const struct dev *d, const struct dev_process *p, const char *words,
                     struct sev_bytes *out)
{
    char path[SEV_FS_PATH_MAX];
    *out = (struct sev_bytes){NULL, 0};
    return sev_file_read(cli_fs(d->c), file_of(d, p, "log", path), LOG_BYTES_MAX, 0, out) ==
               SEV_OK &&
           strstr((const char *)out->ptr, words) != NULL;
}

static int not_started(struct dev *d, const struct dev_process *p, const struct sev_bytes *log)
{
    char path[SEV_FS_PATH_MAX];
    cli_note_lines(
        d->c, sev_slice_sub(sev_bytes_slice(log), log->len > 2000 ? log->len - 2000 : 0, log->len));
    return cli_fail(d->c, SEV_E_UNREACHABLE, "the lines above are its last words",
                    "%s did not start; see %s", p->name, file_of(d, p, "log", path));
}

int dev_start(struct dev *d, const struct dev_process *p)
{
    struct sev_bytes log;
    unsigned long long when;
    pid_t pid = spawn(d, p);
    if (pid < 0)
        return cli_fail(d->c, SEV_E_IO, "is it installed beside secureev?", "%s: %s", p->program,
                        strerror(errno));
    sev_err e = remember(d, p, pid);
    if (e != SEV_OK) {
        kill(pid, SIGTERM);
        return cli_fail_fs(d->c, e, NULL);
    }
    for (unsigned waited = 0; waited < START_MS; waited += 20) {
        bool started = log_says(d, p, p->started, &log);
        bool alive = began(pid, &when);
        if (alive && !started) {
            sev_bytes_free(cli_fs(d->c), &log);
            sleep_ms(20);
            continue;
        }
        int code = alive ? 0 : not_started(d, p, &log);
        sev_bytes_free(cli_fs(d->c), &log);
        return code;
    }
    (void)log_says(d, p, "", &log);
    int code = not_started(d, p, &log);
    sev_bytes_free(cli_fs(d->c), &log);
    return code;
}

bool dev_stop(struct dev *d, const struct dev_process *p)
{
    char path[SEV_FS_PATH_MAX];
    pid_t pid = dev_pid(d, p);
    if (pid == 0)
        return false;
    kill(pid, SIGTERM);
    unsigned waited = 0;
    for (; dev_pid(d, p) != 0 && waited < STOP_MS; waited += 20)
        sleep_ms(20);
    if (dev_pid(d, p) != 0) {
        cli_note(d->c, "%s did not end and was killed", p->name);
        kill(pid, SIGKILL);
    }
    if (sev_file_remove(cli_fs(d->c), file_of(d, p, "pid", path)) != SEV_OK)
        cli_note(d->c, "%s stays behind", path);
    return true;
}

/* ------------------------------------------------------------------- asking */

unsigned dev_port(const struct dev *d, const char *role)
{
    struct sev_bytes log;
    char words[64];
    unsigned port = 0;
    snprintf(words, sizeof words, "\"role\":\"%s\"", role);
    if (log_says(d, SERVERS, words, &log)) {
        const char *at = strstr((const char *)log.ptr, words), *line = at;
        while (line > (const char *)log.ptr && line[-1] != '\n')
            line--;
        const char *said = strstr(line, "\"port\":");
        if (said != NULL)
            port = (unsigned)strtoul(said + 7, NULL, 10);
    }
    sev_bytes_free(cli_fs(d->c), &log);
    return port;
}

static sev_err keep(void *context, sev_slice bytes)
{
    cli_text_put(context, bytes.ptr, bytes.len);
    return SEV_OK;
}

sev_err dev_ready(const struct dev *d, struct cli_text *out)
{
    struct sev_fetch *fetch;
    char url[64];
    unsigned port = dev_port(d, "health");
    if (port == 0)
        return SEV_E_UNREACHABLE;
    sev_err e = sev_fetch_new(&sev_fetch_defaults, &fetch);
    if (e != SEV_OK)
        return e;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/readyz", port);
    e = sev_fetch_get(fetch, url, 16384, 30, keep, out);
    sev_fetch_free(fetch);
    return e;
}

sev_err dev_wait_ready(const struct dev *d)
{
    sev_err e = SEV_E_UNREACHABLE;
    for (unsigned waited = 0; e != SEV_OK && waited < START_MS; waited += 100) {
        struct cli_text text = {.len = 0};
        e = dev_ready(d, &text);
        cli_text_free(&text);
        if (e != SEV_OK)
            sleep_ms(100);
    }
    return e;
}
