/* remote - see remote.h.  SPDX-License-Identifier: MIT */
#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secureev/crypto.h"

static const char *option_or(struct cli *c, const char *option, const char *variable)
{
    const char *value = cli_opt(c, option);
    return value != NULL ? value : getenv(variable);
}

bool remote_is_meant(struct cli *c)
{
    return cli_opt(c, "database") == NULL && option_or(c, "server", "SECUREEV_SERVER") != NULL;
}

int remote_open(struct cli *c, struct remote *out)
{
    struct server_access access = {.url = option_or(c, "server", "SECUREEV_SERVER"),
                                   .ca = option_or(c, "ca", "SECUREEV_CA"),
                                   .token_file = option_or(c, "token-file", "SECUREEV_TOKEN_FILE")};
    *out = (struct remote){.cli = c, .url = access.url};
    if (access.url == NULL)
        return cli_usage(c, "give --database or --server");
    if (access.ca == NULL || access.token_file == NULL)
        return cli_usage(c, "--server needs --ca and --token-file");
    out->room = sev_buf_of(malloc(REMOTE_ANSWER_BYTES_MAX), REMOTE_ANSWER_BYTES_MAX);
    if (out->room.ptr == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "%s", access.url);
    return server_open(c, &access, &out->client);
}

void remote_close(struct remote *r)
{
    sev_http_client_free(r->client);
    if (r->room.ptr != NULL)
        sev_wipe(r->room.ptr, r->room.len); /* there may have been a token in it */
    free(r->room.ptr);
}

/* A refusal in the server's words. */
static int refused(struct remote *r)
{
    sev_err e = sev_http_answer_err(&r->answer);
    const char *hint = NULL;
    if (e == SEV_E_BEARER)
        hint = "the token is unknown, void or expired";
    else if (e == SEV_E_ROLE)
        hint = "ask an admin";
    return cli_fail(r->cli, e, hint, "%s answered %u", r->url, r->answer.status);
}

int remote_ask(struct remote *r, const struct remote_ask *ask)
{
    char target[SEV_URL_BYTES_MAX], tag[128], key[40];
    struct sev_http_field fields[2];
    size_t count = 0;
    int n = snprintf(target, sizeof target, "/api/v1%s", ask->path);
    if (n < 0 || (size_t)n >= sizeof target)
        return cli_usage(r->cli, "the path is too long");
    if (ask->if_match != NULL) {
        n = snprintf(tag, sizeof tag, "\"%s\"", ask->if_match);
        if (n < 0 || (size_t)n >= sizeof tag)
            return cli_usage(r->cli, "the version is too long");
        fields[count++] =
            (struct sev_http_field){SEV_LIT("If-Match"), sev_slice_of(tag, (size_t)n)};
    }
    sev_slice once = ask->key != NULL ? sev_slice_of(ask->key, strlen(ask->key)) : SEV_EMPTY;
    if (ask->method == SEV_HTTP_POST && once.len == 0) {
        uint8_t random[16];
        sev_buf b = sev_buf_of(key, sizeof key);
        sev_err e = sev_fs_random(cli_fs(r->cli), random, sizeof random);
        if (e != SEV_OK)
            return cli_fail(r->cli, e, NULL, "%s", ask->path);
        sev_hex_encode(sev_slice_of(random, sizeof random), &b);
        once = sev_buf_slice(&b);
    }
    if (once.len != 0)
        fields[count++] = (struct sev_http_field){SEV_LIT("Idempotency-Key"), once};
    struct sev_http_ask request = {.method = ask->method,
                                   .target = target,
                                   .type = ask->body.len != 0 ? "application/json" : NULL,
                                   .fields = fields,
                                   .field_count = count,
                                   .body = ask->body,
                                   .repeatable = true, /* by the key, or by the version */
                                   .room = &r->room};
    sev_err e = sev_http_client_ask(r->client, &request, &r->answer);
    if (e != SEV_OK)
        return server_fail(r->cli, r->client, r->url, e);
    return r->answer.status / 100 == 2 ? 0 : refused(r);
}

sev_slice remote_tag(const struct remote *r)
{
    sev_slice tag;
    if (!sev_http_field_get(&r->answer.fields, SEV_LIT("ETag"), &tag) || tag.len < 2)
        return SEV_EMPTY;
    return sev_slice_sub(tag, 1, tag.len - 2);
}

void remote_print(struct remote *r)
{
    cli_print_bytes(r->cli, r->answer.body);
    if (r->answer.body.len != 0)
        cli_print(r->cli, "\n");
}

void remote_put_encoded(struct cli_text *out, const char *text)
{
    uint8_t room[3 * SEV_ID_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_percent_encode(sev_slice_of(text, strlen(text)), false, &b);
    out->failed = out->failed || b.overflow;
    cli_text_put(out, b.ptr, b.len);
}

sev_slice remote_text(sev_slice object, const char *name)
{
    sev_json j = sev_json_at(sev_json_get(object, name));
    sev_json_str text = {SEV_EMPTY, false};
    sev_json_string(&j, &text);
    return j.err == SEV_OK ? text.raw : SEV_EMPTY;
}
