/* repository_host - brings a walk what it wants. SPDX-License-Identifier: MIT */
#include "repository_host.h"

#include <string.h>

void repository_host_url(const char *base, const char *relative, struct cli_text *out)
{
    size_t n = strlen(base);
    cli_text_put(out, base, n);
    if (n == 0 || base[n - 1] != '/')
        cli_text_put(out, "/", 1);
    cli_text_put(out, relative, strlen(relative));
}

void repository_host_file_name(sev_slice image, char out[REPOSITORY_HOST_FILE_NAME_MAX + 1])
{
    sev_buf b = sev_buf_of(out, REPOSITORY_HOST_FILE_NAME_MAX);
    bool hidden = image.len != 0 && image.ptr[0] == '.';
    if (hidden)
        sev_buf_put(&b, "%2E", 3);
    sev_percent_encode(sev_slice_sub(image, hidden, image.len), false, &b);
    if (b.overflow) {
        uint8_t digest[SEV_SHA256_BYTES];
        sev_sha256(image, digest);
        b = sev_buf_of(out, REPOSITORY_HOST_FILE_NAME_MAX);
        sev_buf_put(&b, "%sha256-", 8);
        sev_hex_encode(sev_slice_of(digest, sizeof digest), &b);
    }
    out[b.len] = '\0';
}

static sev_err load(const struct repository_host *h, const struct sev_want *want, const char *path,
                    size_t *out_len)
{
    struct sev_bytes bytes = {0};
    sev_err e = sev_file_read(h->fs, path, want->max, 0, &bytes);
    if (e == SEV_E_NOT_FOUND)
        return SEV_E_ABSENT;
    if (e != SEV_OK) {
        cli_text_printf(h->detail, "%s", path);
        return e;
    }
    if (bytes.len != 0)
        memcpy(want->dest, bytes.ptr, bytes.len);
    *out_len = bytes.len;
    sev_bytes_free(h->fs, &bytes);
    return SEV_OK;
}

static sev_err into_buf(void *context, sev_slice bytes)
{
    sev_buf_put_slice(context, bytes);
    return SEV_OK; /* fits: sev_fetch_get stops at its capacity */
}

static sev_err fetch(const struct repository_host *h, const struct sev_want *want, size_t *out_len)
{
    struct cli_text url = {0};
    repository_host_url(h->url, want->url, &url);
    sev_err e = url.failed ? SEV_E_MEMORY : SEV_OK;
    sev_buf buf = sev_buf_of(want->dest, want->max);
    if (e == SEV_OK)
        e = sev_fetch_get(h->fetch, url.ptr, want->max, METADATA_SECONDS_MAX, into_buf, &buf);
    if (e != SEV_OK && url.ptr != NULL)
        cli_text_printf(h->detail, "%s%s%s", url.ptr, sev_fetch_detail(h->fetch)[0] ? ": " : "",
                        sev_fetch_detail(h->fetch));
    cli_text_free(&url);
    *out_len = buf.len;
    return e;
}

sev_err repository_host_serve(const struct repository_host *h, const struct sev_want *want,
                              size_t *out_len)
{
    char path[SEV_FS_PATH_MAX];
    *out_len = 0;
    cli_text_free(h->detail);
    if (want->kind == SEV_WANT_FETCH)
        return fetch(h, want, out_len);
    sev_err e = sev_path_join(h->folder, want->file, path);
    if (e != SEV_OK)
        return e;
    switch (want->kind) {
    case SEV_WANT_LOAD:
        return load(h, want, path, out_len);
    case SEV_WANT_STORE:
        e = sev_file_replace(h->fs, path, want->bytes, 0644);
        break;
    default:
        return SEV_E_BUG;
    }
    if (e != SEV_OK)
        cli_text_printf(h->detail, "%s", path);
    return e;
}
