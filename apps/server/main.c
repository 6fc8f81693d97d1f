/* main - secureevd: runs the roles that its configuration names.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "secureev/log.h"

static const struct app_role *const roles[] = {&role_log,    &role_witness, &role_director,
                                               &role_images, &role_time,    &role_registry,
                                               &role_admin,  &role_health};
#define ROLES (sizeof roles / sizeof roles[0])

static struct {
    struct app app;
    struct sev_config config;
} process;
_Static_assert(ROLES <= APP_ROLES_MAX, "room for each");

static void tell(sev_event_id id, const struct app_instance *i)
{
    struct sev_event event = {.id = id};
    if (i != NULL) {
        const char *role = i->role->section;
        sev_event_text(&event, "role", sev_slice_of(role, strlen(role)));
        sev_event_number(&event, "port", app_port(i));
    }
    process.app.events.emit(process.app.events.self, &event);
}

static int fail(void)
{
    fprintf(stderr, "secureevd: %s\n", process.app.note.text);
    return 1;
}

static void stop_all(void)
{
    struct app *app = &process.app;
    for (unsigned n = ROLES; n-- != 0;) {
        if (app->instances[n] != NULL)
            app_stop(app->instances[n]);
        app->instances[n] = NULL;
    }
}

static sev_err start_all(const char *path)
{
    struct app *app = &process.app;
    unsigned serving = 0;
    for (unsigned n = 0; n < ROLES; n++) {
        app->instance_count = n; /* [health] is the last: it tells of those before it */
        const struct sev_config_block *b =
            sev_config_next(&process.config, roles[n]->section, NULL);
        sev_err e = b == NULL ? SEV_OK : app_start(app, roles[n], b, &app->instances[n]);
        if (e != SEV_OK)
            return e;
        serving += b != NULL && !roles[n]->plain;
    }
    if (serving == 0)
        return app_fail(app, SEV_E_CONFIG, "names no role, such as [director], [images] or [time]",
                        path);
    return SEV_OK;
}

static void reload_all(void)
{
    for (unsigned n = 0; n < ROLES; n++) {
        struct app_instance *i = process.app.instances[n];
        if (i != NULL && app_reload(i) != SEV_OK)
            fprintf(stderr, "secureevd: %s goes on as it was: %s\n", i->role->section,
                    process.app.note.text);
    }
}

static int serve(const char *path)
{
    sigset_t set;
    (void)signal(SIGPIPE, SIG_IGN); /* of a log that nobody reads any more */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before there are threads: they inherit it */
    if (start_all(path) != SEV_OK) {
        int code = fail();
        stop_all();
        return code;
    }
    for (unsigned n = 0; n < ROLES; n++)
        if (process.app.instances[n] != NULL)
            tell(SEV_EVENT_STARTED, process.app.instances[n]);
    sev_tell_manager("READY=1");
    int got = 0;
    while (sigwait(&set, &got) == 0 && got == SIGHUP)
        reload_all();
    sev_tell_manager("STOPPING=1");
    stop_all();
    tell(SEV_EVENT_STOPPED, NULL);
    return 0;
}

static const char help[] =
    "secureevd - the servers of SecureEV-OTA: runs the roles that FILE names\n"
    "\n"
    "usage: secureevd FILE             run, until SIGTERM; SIGHUP reads certificates and roots "
    "anew\n"
    "       secureevd --openapi       print the OpenAPI document of the admin API\n"
    "       secureevd --help | --version\n"
    "\n"
    "What may stand in FILE: `secureev config explain`; whether it will do: `secureev config "
    "check\n"
    "FILE`. Exit: 0 ended as asked, 1 it could not start, 2 this was not understood.\n";

static int print_openapi(void)
{
    char *text = NULL;
    size_t bytes = 0;
    if (api_document(&text, &bytes) != SEV_OK)
        return 1;
    bool written = fwrite(text, 1, bytes, stdout) == bytes && putchar('\n') != EOF;
    free(text);
    return fflush(stdout) != 0 || !written;
}

int main(int argc, char **argv)
{
    static struct sev_fs_note fs_note;
    struct sev_fs fs = sev_fs_posix(&fs_note);
    const char *path = argc == 2 ? argv[1] : NULL;
    if (path != NULL && strcmp(path, "--help") == 0)
        return fputs(help, stdout) < 0;
    if (path != NULL && strcmp(path, "--version") == 0)
        return printf("secureevd %s\n", SEV_VERSION) < 0;
    if (path != NULL && strcmp(path, "--openapi") == 0)
        return print_openapi();
    if (path == NULL || path[0] == '-') {
        fputs(help, stderr);
        return 2;
    }
    process.app = (struct app){.fs = &fs,
                               .events = sev_log_to(STDERR_FILENO, false),
                               .drain_ms = 10000,
                               .started = (sev_time)time(NULL)};
    if (sev_config_load_ours(&fs, path, &process.config, &process.app.note) != SEV_OK)
        return fail();
    process.app.config = &process.config;
    const struct sev_config_block *b = sev_config_next(&process.config, "server", NULL);
    if (b != NULL) {
        process.app.events =
            sev_log_to(STDERR_FILENO, strcmp(sev_config_text(b, "log"), "json") == 0);
        process.app.access_log = sev_config_switch(b, "access_log");
        process.app.drain_ms = (uint32_t)sev_config_number(b, "drain") * 1000;
    }
    int code = serve(path);
    sev_config_free(&fs, &process.config);
    return code;
}
