/* main - secureev-signer: the one process that holds online keys. It has a Unix socket and no
 * other; docs/signer.md says how to run it. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"
#include "secureev/log.h"
#include "serve.h"

static struct loaded loaded;

static void tell(sev_event_id id, const char *name, const char *text)
{
    struct sev_event event = {.id = id};
    sev_event_text(&event, name, sev_slice_of(text, strlen(text)));
    loaded.signer.events.emit(loaded.signer.events.self, &event);
}

/* No core file, no debugger of the same user, no program with more rights. */
static int close_the_doors(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0)
        return -1;
    return 0;
}

static sev_err take_configuration(const char *path)
{
    static struct sev_fs_note fs_note;
    struct sev_fs fs = sev_fs_posix(&fs_note);
    struct sev_config_note note;
    sev_err e = load(&fs, path, serve_now_ms(), &loaded, &note);
    if (e != SEV_OK) {
        fprintf(stderr, "secureev-signer: %s\n", note.text);
        return e;
    }
    loaded.signer.events = sev_log_to(STDERR_FILENO, loaded.json_log);
    for (size_t i = 0; i < loaded.token_count; i++)
        sev_token_tell(loaded.tokens[i], loaded.signer.events);
    (void)mlockall(MCL_CURRENT); /* the keys are not swapped out, where the limit allows it */
    return SEV_OK;
}

static int serve(const char *path)
{
    char socket[sizeof loaded.socket]; /* after a reload the configuration may name another */
    memcpy(socket, loaded.socket, sizeof socket);
    (void)signal(SIGPIPE, SIG_IGN); /* of a log that nobody reads any more */
    int listener = serve_listen(socket);
    if (listener < 0) {
        fprintf(stderr, "secureev-signer: %s: %s\n", socket,
                errno == EADDRINUSE ? "another signer answers there; stop it first"
                                    : strerror(errno));
        return 1;
    }
    tell(SEV_EVENT_STARTED, "socket", socket);
    sev_tell_manager("READY=1");
    enum serve_end end;
    while ((end = serve_run(listener, &loaded.signer)) == SERVE_RELOAD)
        if (take_configuration(path) != SEV_OK)
            fprintf(stderr, "secureev-signer: goes on with the keys it had\n");
    sev_tell_manager("STOPPING=1");
    serve_close();
    close(listener);
    (void)unlink(socket);
    tell(SEV_EVENT_STOPPED, "by", end == SERVE_STOP ? "signal" : "failure");
    load_free(&loaded);
    return end == SERVE_STOP ? 0 : 1;
}

static const char help[] =
    "secureev-signer - holds the online keys and signs what its policy allows\n"
    "\n"
    "usage: secureev-signer FILE           run, until SIGTERM; SIGHUP reads FILE anew\n"
    "       secureev-signer --check FILE   read FILE, open the keys, say what they sign\n"
    "       secureev-signer --help | --version\n"
    "\n"
    "FILE has a section [signer] and a section [key NAME] for each key; what may stand in them:\n"
    "`secureev config explain signer` and `secureev config explain key`.\n"
    "Exit: 0 ended as asked, 1 it could not, 2 this was not understood.\n";

static void show_keys(void)
{
    for (size_t i = 0; i < loaded.signer.count; i++) {
        const struct sev_signer_key *k = &loaded.keys[i];
        printf("%s %.*s:", k->name, SEV_KEY_ID_CHARS, k->id);
        for (unsigned d = 0; d < SEV_SIGNER_DOCUMENT_COUNT; d++)
            if ((k->documents >> d & 1u) != 0)
                printf(" %s", sev_signer_type((enum sev_signer_document)d));
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
    const char *path = check ? argv[2] : argc == 2 ? argv[1] : NULL;
    if (path != NULL && strcmp(path, "--help") == 0)
        return fputs(help, stdout) < 0;
    if (path != NULL && strcmp(path, "--version") == 0)
        return printf("secureev-signer %s\n", SEV_VERSION) < 0;
    if (path == NULL || path[0] == '-') {
        fputs(help, stderr);
        return 2;
    }
    if (close_the_doors() != 0) {
        fprintf(stderr, "secureev-signer: cannot protect its memory: %s\n", strerror(errno));
        return 1;
    }
    if (take_configuration(path) != SEV_OK)
        return 1;
    if (!check)
        return serve(path);
    show_keys();
    load_free(&loaded);
    return 0;
}
