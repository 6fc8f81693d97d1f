/* role_images - serves what `secureev repo publish` made: a folder, and nothing outside of it.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server_app.h"

struct images {
    struct app *app;
    const struct sev_config_block *block;
    struct sev_server *server;
    int folder;
};

/* The kernel walks the path: beneath the folder, through no link of any kind. REQ-H06 */
static int open_beneath(int folder, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* Temporary files of a publication and state have names that begin with a dot. */
static bool is_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.") != NULL;
}

static sev_err open_file(const struct images *r, const struct sev_http_request *request, int *out,
                         struct stat *status)
{
    char path[SEV_FS_PATH_MAX];
    sev_buf b = sev_buf_of(path, sizeof path - 1);
    sev_err e = sev_http_path_decode(request->path, &b);
    if (e != SEV_OK)
        return e;
    path[b.len] = '\0';
    if (b.len < 2 || is_hidden(path + 1))
        return SEV_E_NOT_FOUND;
    int fd = open_beneath(r->folder, path + 1);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? SEV_E_OVERLOADED
                                                                     : SEV_E_NOT_FOUND;
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode)) {
        close(fd);
        return SEV_E_NOT_FOUND;
    }
    *out = fd;
    return SEV_OK;
}

static sev_err head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    (void)context;
    (void)out;
    enum sev_http_method m = sev_exchange_request(x)->method;
    return m == SEV_HTTP_GET || m == SEV_HTTP_HEAD ? SEV_OK : SEV_E_HTTP_METHOD;
}

/* aktualizr writes the body of a refusal into the image: there it gets none. Contract 4 */
static void refuse(struct sev_exchange *x, sev_err e)
{
    static const char folder[] = "/aktualizr/";
    sev_slice path = sev_exchange_request(x)->path;
    if (path.len >= sizeof folder - 1 && memcmp(path.ptr, folder, sizeof folder - 1) == 0)
        sev_exchange_answer(x, sev_http_status(e), "application/octet-stream", SEV_EMPTY);
    else
        sev_exchange_refuse(x, e);
}

static void whole(void *context, struct sev_exchange *x)
{
    const struct images *r = context;
    const struct sev_http_request *request = sev_exchange_request(x);
    struct stat s;
    int fd;
    char etag[80];
    sev_err e = open_file(r, request, &fd, &s);
    if (e != SEV_OK) {
        refuse(x, e);
        return;
    }
    int n = snprintf(etag, sizeof etag, "\"%llx-%llx-%llx\"", (unsigned long long)s.st_ino,
                     (unsigned long long)s.st_size,
                     (unsigned long long)s.st_mtim.tv_sec * 1000000000u +
                         (unsigned long long)s.st_mtim.tv_nsec);
    bool json =
        request->path.len > 5 && memcmp(request->path.ptr + request->path.len - 5, ".json", 5) == 0;
    sev_exchange_answer_file(x, json ? "application/json" : "application/octet-stream",
                             sev_slice_of(etag, (size_t)n), fd, (uint64_t)s.st_size);
}

static void event(void *context, const struct sev_server_event *e)
{
    app_server_event(((struct images *)context)->app, e);
}

static void stop(struct app *app, void *instance)
{
    struct images *r = instance;
    sev_server_stop(r->server, app->drain_ms);
    if (r->folder >= 0)
        close(r->folder);
    free(r);
}

static sev_err start(struct app *app, const struct sev_config_block *block, void **out_instance)
{
    const char *path = sev_config_text(block, "folder");
    struct images *r = malloc(sizeof *r);
    if (r == NULL)
        return app_fail(app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), path);
    *r = (struct images){.app = app, .block = block};
    r->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    sev_err e = r->folder < 0 ? app_fail(app, SEV_E_IO, strerror(errno), path) : SEV_OK;
    struct sev_server_handler handler = {
        .context = r, .head = head, .whole = whole, .event = event};
    if (e == SEV_OK)
        e = app_listen(app, block, &handler, &r->server);
    if (e == SEV_OK)
        *out_instance = r;
    else
        stop(app, r);
    return e;
}

static sev_err reload(struct app *app, void *instance)
{
    struct images *r = instance;
    return app_reload_tls(app, r->block, r->server);
}

static uint16_t port(const void *instance)
{
    return sev_server_port(((const struct images *)instance)->server);
}

const struct app_role role_images = {"images", start, reload, stop, port};
