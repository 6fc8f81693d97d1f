/* role_images - serves what `secureev repo publish` made, and what was uploaded since: a folder,
 * and nothing outside of it. SPDX-License-Identifier: MIT */
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

#include "role_images.h"

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

sev_err images_open(const struct images_role *r, sev_slice name, int *out, struct stat *status)
{
    char path[APP_PATH_BYTES_MAX];
    if (name.len >= sizeof path)
        return SEV_E_NOT_FOUND;
    memcpy(path, name.ptr, name.len);
    path[name.len] = '\0';
    if (is_hidden(path))
        return SEV_E_NOT_FOUND;
    int fd = open_beneath(r->folder, path);
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

void images_answer(struct app_call *call, sev_slice name)
{
    struct stat s;
    int fd;
    char etag[80];
    sev_err e = images_may_download(call, name);
    if (e == SEV_OK)
        e = images_open(call->instance->own, name, &fd, &s);
    if (e != SEV_OK) {
        app_refuse(call, e);
        return;
    }
    int n = snprintf(etag, sizeof etag, "\"%llx-%llx-%llx\"", (unsigned long long)s.st_ino,
                     (unsigned long long)s.st_size,
                     (unsigned long long)s.st_mtim.tv_sec * 1000000000u +
                         (unsigned long long)s.st_mtim.tv_nsec);
    bool json = name.len > 5 && memcmp(name.ptr + name.len - 5, ".json", 5) == 0;
    sev_exchange_answer_file(call->x, json ? "application/json" : "application/octet-stream",
                             sev_slice_of(etag, (size_t)n), fd, (uint64_t)s.st_size);
}

static void answer_file(struct app_call *call)
{
    if (call->desk != NULL) /* asked with a query */
        images_seed_target(call);
    else
        images_answer(call, sev_slice_sub(call->path, 1, call->path.len));
}

static void answer_aktualizr(struct app_call *call)
{
    char name[APP_PATH_BYTES_MAX + 16];
    sev_buf b = sev_buf_of(name, sizeof name);
    sev_buf_put_slice(&b, SEV_LIT("aktualizr/"));
    sev_buf_put_slice(&b, call->params[0]);
    images_answer(call, sev_buf_slice(&b));
}

/* aktualizr writes the body of a refusal into the image: there it gets none. Contract 4. "/repo" is
 * where its vehicles look unless they are told otherwise. */
static const struct app_route routes[] = {
    {SEV_HTTP_GET, "/repo/{path...}", APP_AT_ONCE | APP_REFUSE_EMPTY, 0, answer_aktualizr, NULL},
    {SEV_HTTP_GET, "/aktualizr/{path...}", APP_AT_ONCE | APP_REFUSE_EMPTY, 0, answer_file, NULL},
    {SEV_HTTP_GET, "/", 0, 0, images_hello, NULL},
    {SEV_HTTP_GET, "/targets/{path...}", APP_AT_ONCE | APP_QUERY_WAITS, 0, answer_file, NULL},
    {SEV_HTTP_GET, "/{path...}", APP_AT_ONCE, 0, answer_file, NULL},
    {SEV_HTTP_POST, "/grant", 0, SEV_MESSAGE_BYTES_MAX, images_take_grant, NULL},
    {SEV_HTTP_POST, "/upload", 0, 0, images_upload_image, &images_seed_stream},
    {SEV_HTTP_PUT, "/targets/{path...}", 0, 0, images_upload_image, &images_stream},
    {SEV_HTTP_PUT, "/{file}", 0, SEV_TARGETS_BYTES_MAX, images_upload_file, NULL},
};

static sev_err first(struct app_call *call)
{
    return call->request->method == SEV_HTTP_PUT || call->route->stream != NULL
               ? images_upload_may(call)
               : SEV_OK;
}

static sev_err ready(struct app_instance *i, char *why)
{
    return images_uploads_ready(((struct images_role *)i->own)->uploads, why);
}

static sev_err open_role(struct app_instance *i)
{
    const char *path = sev_config_text(i->block, "folder");
    struct images_role *r = malloc(sizeof *r);
    if (r == NULL)
        return app_fail(i->app, SEV_E_MEMORY, sev_err_sentence(SEV_E_MEMORY), path);
    i->own = r;
    r->uploads = NULL;
    r->private_images = NULL;
    r->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->folder < 0)
        return app_fail(i->app, SEV_E_IO, strerror(errno), path);
    if (sev_config_switch(i->block, "private")) {
        sev_err e = images_private_open(i, &r->private_images);
        if (e != SEV_OK)
            return e;
    }
    bool takes = sev_config_text(i->block, "uploads")[0] != '\0';
    return takes ? images_uploads_open(i, &r->uploads) : SEV_OK;
}

static void close_role(struct app_instance *i)
{
    struct images_role *r = i->own;
    images_uploads_close(r->uploads);
    images_private_close(r->private_images);
    if (r->folder >= 0)
        close(r->folder);
    free(r);
}

const struct app_role role_images = {.section = "images",
                                     .routes = routes,
                                     .route_count = sizeof routes / sizeof routes[0],
                                     .threads = 2,
                                     .arena_bytes = 12u
                                                    << 20, /* an answer, or what lists an image */
                                     .signs = true,
                                     .first = first,
                                     .ready = ready,
                                     .open = open_role,
                                     .close = close_role};
