/* fetch - bounded downloads, on libcurl. SPDX-License-Identifier: MIT */
#include "secureev/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#define ERROR_PAGE_BYTES_MAX 65536
/* Of one answer: interim answers, headers and trailers. libcurl bounds the first two by itself, at
 * 300 KiB, the last not at all. */
#define HEADER_BYTES_MAX 65536

const struct sev_fetch_limits sev_fetch_defaults = {
    .connect_ms = 10000, .rate_min = 512, .rate_window = 10};

struct sev_fetch {
    CURL *curl;
    struct sev_fetch_limits limits;
    uint64_t received, bytes_max, header_bytes;
    sev_fetch_sink *sink;
    void *context;
    sev_err sink_err;
    char detail[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t one, size_t count, void *self)
{
    struct sev_fetch *f = self;
    size_t len = one * count;
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) { /* an error's page is not the file; it may be endless. REQ-H18 */
        f->received += len;
        return f->received > ERROR_PAGE_BYTES_MAX ? 0 : len;
    }
    if (len > f->bytes_max - f->received) {
        f->sink_err = SEV_E_TOO_LONG;
        return 0;
    }
    f->received += len;
    f->sink_err = f->sink(f->context, sev_slice_of(bytes, len));
    return f->sink_err == SEV_OK ? len : 0;
}

/* They say nothing that is needed here, and may be endless. */
// NOLINTNEXTLINE(readability-non-const-parameter) libcurl calls it so
static size_t on_header(char *bytes, size_t one, size_t count, void *self)
{
    struct sev_fetch *f = self;
    (void)bytes;
    f->header_bytes += one * count;
    if (f->header_bytes <= HEADER_BYTES_MAX)
        return one * count;
    f->sink_err = SEV_E_TOO_LONG;
    return 0;
}

static bool set_fixed_options(struct sev_fetch *f)
{
    CURL *c = f->curl;
    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "secureev") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)f->limits.connect_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)f->limits.rate_min) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)f->limits.rate_window) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->detail) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERDATA, f) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK;
}

sev_err sev_fetch_new(const struct sev_fetch_limits *limits, struct sev_fetch **out)
{
    struct sev_fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return SEV_E_MEMORY;
    f->limits = *limits;
    f->curl = curl_easy_init();
    if (f->curl == NULL || !set_fixed_options(f)) {
        sev_fetch_free(f);
        return SEV_E_MEMORY;
    }
    *out = f;
    return SEV_OK;
}

void sev_fetch_free(struct sev_fetch *f)
{
    if (f == NULL)
        return;
    curl_easy_cleanup(f->curl);
    free(f);
}

/* A transfer that ran out of time: slow if the server was sending, else not there at all. */
static sev_err why_timed_out(struct sev_fetch *f)
{
    long header_bytes = 0;
    curl_easy_getinfo(f->curl, CURLINFO_HEADER_SIZE, &header_bytes);
    return f->received > 0 || header_bytes > 0 ? SEV_E_TOO_SLOW : SEV_E_UNREACHABLE;
}

/* libcurl calls it so too when a single line of a header has more than 100 KiB. */
static sev_err why_no_memory(struct sev_fetch *f)
{
    curl_off_t first_byte = 0;
    curl_easy_getinfo(f->curl, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
    if (first_byte == 0)
        return SEV_E_MEMORY;
    snprintf(f->detail, sizeof f->detail, "a header line without end, or no memory");
    return SEV_E_UNREACHABLE;
}

static sev_err judge_status(struct sev_fetch *f)
{
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return SEV_OK;
    snprintf(f->detail, sizeof f->detail, "the server answered %ld", status);
    return status == 404 || status == 403 || status == 410 ? SEV_E_ABSENT : SEV_E_UNREACHABLE;
}

sev_err sev_fetch_get(struct sev_fetch *f, const char *url, uint64_t bytes_max,
                      unsigned seconds_max, sev_fetch_sink *sink, void *context)
{
    f->received = f->header_bytes = 0;
    f->bytes_max = bytes_max;
    f->sink = sink;
    f->context = context;
    f->sink_err = SEV_OK;
    f->detail[0] = '\0';
    if (curl_easy_setopt(f->curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(f->curl, CURLOPT_TIMEOUT, (long)seconds_max) != CURLE_OK)
        return SEV_E_MEMORY;
    CURLcode result = curl_easy_perform(f->curl);
    if (f->sink_err != SEV_OK) {
        f->detail[0] = '\0'; /* libcurl's word for it, which is ours: we stopped it */
        if (f->header_bytes > HEADER_BYTES_MAX)
            snprintf(f->detail, sizeof f->detail, "headers without end");
        else if (f->sink_err == SEV_E_TOO_LONG)
            snprintf(f->detail, sizeof f->detail, "more than %llu bytes",
                     (unsigned long long)f->bytes_max);
        return f->sink_err;
    }
    switch (result) {
    case CURLE_WRITE_ERROR: /* an error's page, cut off */
    case CURLE_OK:
        return judge_status(f);
    case CURLE_OPERATION_TIMEDOUT:
        return why_timed_out(f);
    case CURLE_OUT_OF_MEMORY:
        return why_no_memory(f);
    default:
        return SEV_E_UNREACHABLE;
    }
}

const char *sev_fetch_detail(const struct sev_fetch *f)
{
    return f->detail;
}
