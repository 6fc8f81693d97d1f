/* passphrase - see the header. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* ppoll */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli_run.h"
#include "secureev/crypto.h"

void cli_secret_wipe(struct cli_secret *s)
{
    sev_wipe(s, sizeof *s);
}

/* One line, byte by byte: the next passphrase may stand on the next line of the same descriptor.
 * 0, or the errno, or -1 when it is too long. The end of input ends the line. With `mask`, signals
 * that are blocked otherwise arrive while it waits, and only then. */
static int read_line(int fd, const sigset_t *mask, struct cli_secret *out)
{
    out->len = 0;
    for (;;) {
        char byte = 0;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (mask != NULL && ppoll(&ready, 1, NULL, mask) < 0)
            return errno;
        ssize_t n = read(fd, &byte, 1);
        if (n < 0)
            return errno;
        if (n == 0 || byte == '\n')
            break;
        if (out->len == sizeof out->bytes)
            return -1;
        out->bytes[out->len++] = byte;
    }
    if (out->len != 0 && out->bytes[out->len - 1] == '\r')
        out->len--;
    return 0;
}

static int check(struct cli *c, int result, const char *from, struct cli_secret *out)
{
    if (result == 0 && out->len != 0)
        return 0;
    cli_secret_wipe(out);
    if (result > 0)
        return cli_fail(c, SEV_E_IO, NULL, "cannot read the passphrase from %s: %s", from,
                        strerror(result));
    if (result < 0)
        return cli_fail(c, SEV_E_NO_PASSPHRASE, NULL, "it is longer than %u bytes (%s)",
                        CLI_SECRET_BYTES_MAX, from);
    return cli_fail(c, SEV_E_NO_PASSPHRASE, "choose one that is hard to guess", "it is empty (%s)",
                    from);
}

static int from_file(struct cli *c, const char *path, struct cli_secret *out)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return cli_fail(c, SEV_E_IO, NULL, "cannot open the passphrase file %s: %s", path,
                        strerror(errno));
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
        cli_note(c, "anybody on this machine may be able to read %s; chmod 600 closes it", path);
    int result = read_line(fd, NULL, out);
    (void)close(fd);
    return check(c, result, path, out);
}

static int from_descriptor(struct cli *c, const char *text, struct cli_secret *out)
{
    uint64_t fd = 0;
    char from[32];
    if (sev_decimal_parse(sev_slice_of(text, strlen(text)), &fd) != SEV_OK || fd > 1023)
        return cli_usage(c, "\"%s\" is no number of a descriptor", text);
    (void)snprintf(from, sizeof from, "descriptor %u", (unsigned)fd);
    return check(c, read_line((int)fd, NULL, out), from, out);
}

/* ------------------------------------------------------------- terminal */

static volatile sig_atomic_t interrupted_by;

static void on_interrupt(int number)
{
    interrupted_by = number;
}

static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define INTERRUPTS (sizeof interrupts / sizeof interrupts[0])

/* A signal ends the reading, the echo comes back, and only then the signal does its work. It is
 * blocked but for the waiting itself: between a look at the flag and read() it would be missed. */
static int read_silently(int tty, const char *prompt, struct cli_secret *out)
{
    struct termios before, silent;
    struct sigaction old[INTERRUPTS], action = {.sa_handler = on_interrupt};
    sigset_t blocked, mask;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&blocked);
    if (tcgetattr(tty, &before) != 0)
        return errno;
    interrupted_by = 0;
    for (size_t i = 0; i < INTERRUPTS; i++)
        (void)sigaddset(&blocked, interrupts[i]);
    (void)sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (size_t i = 0; i < INTERRUPTS; i++) {
        (void)sigaction(interrupts[i], &action, &old[i]);
        if (old[i].sa_handler == SIG_IGN)
            (void)sigaction(interrupts[i], &old[i], NULL);
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    int result = EIO;
    if (tcsetattr(tty, TCSAFLUSH, &silent) == 0 && cli_write_all(tty, prompt, strlen(prompt)))
        result = read_line(tty, &mask, out);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)cli_write_all(tty, "\n", 1);
    for (size_t i = 0; i < INTERRUPTS; i++)
        (void)sigaction(interrupts[i], &old[i], NULL);
    if (interrupted_by != 0) {
        cli_secret_wipe(out);
        (void)raise(interrupted_by);
        result = EINTR; /* said when it was one that does not end us, such as a stop */
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return result;
}

static int ask_twice(struct cli *c, int tty, const char *prompt, enum cli_ask ask,
                     struct cli_secret *out)
{
    char line[256];
    (void)snprintf(line, sizeof line, "%s: ", prompt);
    int code = check(c, read_silently(tty, line, out), "the terminal", out);
    if (code != 0 || ask == CLI_ASK_ONCE)
        return code;
    struct cli_secret again = {0};
    (void)snprintf(line, sizeof line, "%s, once more: ", prompt);
    code = check(c, read_silently(tty, line, &again), "the terminal", &again);
    bool same = code == 0 && sev_slice_eq(cli_secret_slice(out), cli_secret_slice(&again));
    cli_secret_wipe(&again);
    if (!same)
        cli_secret_wipe(out);
    if (code != 0 || same)
        return code;
    return cli_fail(c, SEV_E_NO_PASSPHRASE, "type the same one twice", "the two are not the same");
}

static int from_terminal(struct cli *c, const char *prefix, const char *prompt, enum cli_ask ask,
                         struct cli_secret *out)
{
    char hint[96];
    (void)snprintf(hint, sizeof hint, "without a terminal, give --%spassphrase-file FILE", prefix);
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return cli_fail(c, SEV_E_NO_PASSPHRASE, hint, "there is no terminal to ask for it");
    int code = ask_twice(c, tty, prompt, ask, out);
    (void)close(tty);
    return code;
}

int cli_passphrase(struct cli *c, const char *prefix, const char *prompt, enum cli_ask ask,
                   struct cli_secret *out)
{
    char file_option[64], fd_option[64];
    (void)snprintf(file_option, sizeof file_option, "%spassphrase-file", prefix);
    (void)snprintf(fd_option, sizeof fd_option, "%spassphrase-fd", prefix);
    const char *file = cli_opt(c, file_option), *fd = cli_opt(c, fd_option);
    if (file != NULL && fd != NULL)
        return cli_usage(c, "--%s and --%s cannot both hold", file_option, fd_option);
    /* From here on this process holds secrets: a crash must not write them into a core file. */
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (file != NULL)
        return from_file(c, file, out);
    if (fd != NULL)
        return from_descriptor(c, fd, out);
    return from_terminal(c, prefix, prompt, ask, out);
}
