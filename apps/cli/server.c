/* server - see server.h. SPDX-License-Identifier: MIT */
#include "server.h"

#include <string.h>

#include "secureev/built.h"

#define PEM_BYTES_MAX (256u << 10)
#define TOKEN_BYTES_MAX 1024u

struct files {
    struct sev_bytes ca, certificate, key, token;
};

static sev_err read_one(struct cli *c, const char *path, size_t bytes_max, unsigned how,
                        struct sev_bytes *out)
{
    return path == NULL ? SEV_OK : sev_file_read(cli_fs(c), path, bytes_max, how, out);
}

static sev_err read_all(struct cli *c, const struct server_access *a, struct files *f)
{
    sev_err e = read_one(c, a->ca, PEM_BYTES_MAX, 0, &f->ca);
    if (e == SEV_OK)
        e = read_one(c, a->certificate, PEM_BYTES_MAX, 0, &f->certificate);
    if (e == SEV_OK)
        e = read_one(c, a->key, PEM_BYTES_MAX, SEV_FILE_PRIVATE, &f->key);
    if (e == SEV_OK)
        e = read_one(c, a->token_file, TOKEN_BYTES_MAX, SEV_FILE_PRIVATE, &f->token);
    if (f->token.len != 0 && f->token.ptr[f->token.len - 1] == '\n')
        f->token.ptr[--f->token.len] = '\0';
    return e;
}

static int explain(struct cli *c, const struct server_access *a, sev_err e)
{
    if (e == SEV_E_KEY)
        return cli_fail(c, e, "--ca, --certificate and --key are PEM files",
                        "CA, certificate or key cannot be used, or do not belong together");
    return cli_fail(c, e, "a server is written https://HOST:PORT, a token is one line", "%s",
                    a->url);
}

int server_open(struct cli *c, const struct server_access *access, struct sev_http_client **out)
{
    struct files f = {.ca = {NULL, 0}};
    if ((access->certificate != NULL) != (access->key != NULL))
        return cli_usage(c, "--certificate and --key are given together");
    int code = 0;
    sev_err e = read_all(c, access, &f);
    if (e != SEV_OK) {
        code = cli_fail_fs(c, e, "a private file (--key, --token-file) is closed to others");
    } else {
        struct sev_http_client_config config = {
            .url = access->url,
            .ca = sev_bytes_slice(&f.ca),
            .certificate = sev_bytes_slice(&f.certificate),
            .key = sev_bytes_slice(&f.key),
            .bearer = access->token_file != NULL ? (const char *)f.token.ptr : NULL,
            .dates_unchecked = access->dates_unchecked,
            .built = sev_built(),
            .limits = sev_http_client_defaults};
        e = sev_http_client_new(&config, out);
        if (e != SEV_OK)
            code = explain(c, access, e);
    }
    sev_bytes_free(cli_fs(c), &f.ca);
    sev_bytes_free(cli_fs(c), &f.certificate);
    sev_bytes_wipe(cli_fs(c), &f.key);
    sev_bytes_wipe(cli_fs(c), &f.token);
    return code;
}

int server_fail(struct cli *c, const struct sev_http_client *client, const char *url, sev_err e)
{
    return cli_fail(c, e, e == SEV_E_UNREACHABLE ? "is it up, and is the URL right?" : NULL,
                    "%s: %s", url, sev_http_client_detail(client));
}

int server_refused(struct cli *c, const struct sev_http_answer *answer, const char *url)
{
    return cli_fail(c, sev_http_answer_err(answer), NULL, "%s answered %u", url, answer->status);
}
