/* serve_pages PORT WORKERS FILE [CERTIFICATE KEY CA [limited]] - our server with a page of 1 KiB at
 * /page and FILE at /file: for bench/server, without limits on rates; for tests, with the usual
 * ones. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secureev/server.h"

static struct sev_page *page;
static int file = -1;
static uint64_t file_bytes;

static sev_err on_head(void *context, struct sev_exchange *x, struct sev_body_plan *out)
{
    (void)context, (void)x, (void)out;
    return SEV_OK;
}

static void on_whole(void *context, struct sev_exchange *x)
{
    (void)context;
    sev_slice path = sev_exchange_request(x)->path;
    if (sev_slice_eq(path, SEV_LIT("/page")))
        sev_exchange_answer_page(x, sev_page_ref(page));
    else if (sev_slice_eq(path, SEV_LIT("/file")))
        sev_exchange_answer_file(x, "application/octet-stream", SEV_LIT("\"f\""), dup(file),
                                 file_bytes);
    else
        sev_exchange_refuse(x, SEV_E_NOT_FOUND);
}

static sev_slice whole_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    static char memory[3][65536];
    static unsigned used;
    size_t len = f != NULL ? fread(memory[used], 1, sizeof memory[0], f) : 0;
    if (len == 0) {
        perror(path);
        exit(2);
    }
    fclose(f);
    return sev_slice_of(memory[used++], len);
}

int main(int argc, char **argv)
{
    static uint8_t letters[1024];
    struct stat st;
    struct rlimit files;
    struct sev_server_tls tls = {0};
    struct sev_server *server = NULL;
    struct sev_server_config config = {.address = "127.0.0.1",
                                       .limits = sev_server_defaults,
                                       .handler = {.head = on_head, .whole = on_whole}};
    if ((argc != 4 && argc != 7 && argc != 8) || (file = open(argv[3], O_RDONLY)) < 0 ||
        fstat(file, &st) != 0)
        return 2;
    file_bytes = (uint64_t)st.st_size;
    memset(letters, 'x', sizeof letters);
    config.port = (uint16_t)strtoul(argv[1], NULL, 10);
    config.workers = (unsigned)strtoul(argv[2], NULL, 10);
    config.limits.connections_max = 16384;
    if (argc != 8)
        config.limits.connections = config.limits.requests = (struct sev_limiter_rate){0, 1};
    if (argc >= 7) {
        tls.certificates = whole_file(argv[4]);
        tls.key = whole_file(argv[5]);
        tls.clients = whole_file(argv[6]);
        config.tls = &tls;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    sigset_t signals;
    int which = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return 2;
    sev_err e =
        sev_page_new("text/plain", SEV_LIT("\"p\""), sev_slice_of(letters, sizeof letters), &page);
    if (e == SEV_OK)
        e = sev_server_start(&config, &server);
    if (e != SEV_OK) {
        fprintf(stderr, "serve_pages: %s\n", sev_err_sentence(e));
        return 2;
    }
    (void)sigwait(&signals, &which);
    sev_server_stop(server, 1000);
    sev_page_free(page);
    return 0;
}
