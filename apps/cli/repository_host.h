/* repository_host - brings a walk what it wants: stored files from a folder, others over HTTP.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_REPOSITORY_HOST_H
#define SEV_REPOSITORY_HOST_H

#include "cli.h"
#include "secureev/fetch.h"
#include "secureev/walk.h"

/* A metadata file is small; whoever needs longer than this for one is too slow. */
#define METADATA_SECONDS_MAX 60

struct repository_host {
    const struct sev_fs *fs;
    struct sev_fetch *fetch;
    const char *folder;
    const char *url;         /* the base, as given */
    struct cli_text *detail; /* what went wrong last, for people */
};

/** Carry out one want. SEV_OK: `out_len` bytes stand in its `dest`; SEV_E_ABSENT: it certainly
 *  does not exist; anything else failed. */
SEV_MUST_USE sev_err repository_host_serve(const struct repository_host *h,
                                           const struct sev_want *want, size_t *out_len);

/** What an image is called as a file of one flat folder: percent-encoded, a dot in front too, so
 * that nothing is hidden. A name that is too long for a file is its hash, behind a '%' that no
 * encoded name can begin with. */
#define REPOSITORY_HOST_FILE_NAME_MAX 255
void repository_host_file_name(sev_slice image, char out[REPOSITORY_HOST_FILE_NAME_MAX + 1]);

/** Base and relative URL, with one slash between them; `base` stays verbatim. */
void repository_host_url(const char *base, const char *relative, struct cli_text *out);

#endif
