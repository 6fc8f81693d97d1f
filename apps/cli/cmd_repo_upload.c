/* cmd_repo_upload - `secureev repo upload`: bring signed files, and the images that they list, to
 * an Image repository's server. What was cut goes on.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo.h"
#include "server.h"

#define ANSWER_BYTES (1u << 20)
#define ATTEMPTS_MAX 30
#define PAUSE_MS 500

struct sent {
    const char *role;
    int64_t version;
    bool published;
    char waits[64]; /* for what, though its images are there; "" */
};

struct uploading {
    struct cli *c;
    struct repo repo;
    struct sev_http_client *client;
    const char *url;
    uint8_t *room;
    struct sent *sent;
    size_t sent_count;
    uint64_t images, bytes;
    unsigned attempts; /* that brought nothing */
};

/* --------------------------------------------------------------- one image */

struct reading {
    const struct sev_fs *fs;
    int fd;
    sev_err err;
};

static sev_err next_piece(void *context, uint8_t *out, size_t room, size_t *out_len)
{
    struct reading *r = context;
    ptrdiff_t n = r->fs->read(r->fs->self, r->fd, out, room);
    if (n <= 0)
        return r->err = SEV_E_IO; /* shorter than it was */
    *out_len = (size_t)n;
    return SEV_OK;
}

static sev_err skip(struct reading *r, int64_t bytes)
{
    uint8_t piece[16384];
    while (bytes > 0) {
        size_t most = bytes < (int64_t)sizeof piece ? (size_t)bytes : sizeof piece;
        ptrdiff_t n = r->fs->read(r->fs->self, r->fd, piece, most);
        if (n <= 0)
            return SEV_E_IO;
        bytes -= n;
    }
    return SEV_OK;
}

static sev_err ask_image(struct uploading *u, struct reading *r, const char *path, int64_t length,
                         int64_t have, struct sev_http_answer *answer)
{
    char target[3 * SEV_FS_PATH_MAX], range[96];
    sev_buf t = sev_buf_of(target, sizeof target - 1), room = sev_buf_of(u->room, ANSWER_BYTES);
    sev_buf_put_byte(&t, '/');
    sev_percent_encode(sev_slice_of(path, strlen(path)), true, &t);
    target[t.len] = '\0';
    int n = snprintf(range, sizeof range, "bytes %lld-%lld/%lld", (long long)have,
                     (long long)length - 1, (long long)length);
    struct sev_http_field field = {SEV_LIT("Content-Range"), sev_slice_of(range, (size_t)n)};
    struct sev_http_ask ask = {.method = SEV_HTTP_PUT,
                               .target = target,
                               .type = "application/octet-stream",
                               .fields = &field,
                               .field_count = have != 0,
                               .source = next_piece,
                               .source_bytes = (uint64_t)(length - have),
                               .source_context = r,
                               .room = &room};
    return sev_http_client_ask(u->client, &ask, answer);
}

/* Somebody, perhaps we before the line was cut, is still bringing it; or the line is cut now. */
static int wait_a_little(struct uploading *u, sev_err e)
{
    const struct sev_fs *fs = cli_fs(u->c);
    if (++u->attempts > ATTEMPTS_MAX)
        return cli_fail(u->c, e, NULL, "%s: gave up after %d attempts", u->url, ATTEMPTS_MAX);
    fs->sleep_ms(fs->self, PAUSE_MS);
    return 0;
}

static int send_image(struct uploading *u, const char *path, int64_t length, int64_t have)
{
    char file[SEV_FS_PATH_MAX];
    struct sev_http_answer answer;
    struct reading r = {.fs = cli_fs(u->c), .err = SEV_OK};
    sev_err e = sev_repository_image_file(u->repo.r, path, file);
    if (e != SEV_OK)
        return repo_fail(&u->repo, e);
    r.fd = r.fs->open(r.fs->self, file, SEV_FS_READ, 0);
    e = r.fd < 0 ? SEV_E_IO : skip(&r, have);
    if (e == SEV_OK) {
        cli_note(u->c, "%s: %lld bytes%s", path, (long long)(length - have),
                 have != 0 ? ", the rest" : "");
        e = ask_image(u, &r, path, length, have, &answer);
    } else {
        r.err = e;
    }
    if (r.fd >= 0)
        r.fs->close(r.fs->self, r.fd);
    if (r.err != SEV_OK)
        return cli_fail(u->c, r.err, NULL, "cannot read %s", file);
    if (e == SEV_E_UNREACHABLE || e == SEV_E_TOO_SLOW)
        return wait_a_little(u, e);
    if (e != SEV_OK)
        return server_fail(u->c, u->client, u->url, e);
    e = sev_http_answer_err(&answer);
    if (e == SEV_E_CONFLICT || e == SEV_E_RATE_LIMITED || e == SEV_E_OVERLOADED)
        return wait_a_little(u, e);
    if (e != SEV_OK && e != SEV_E_EXISTS)
        return cli_fail(u->c, e, NULL, "%s was refused", path);
    u->attempts = 0;
    u->images += e == SEV_OK;
    u->bytes += e == SEV_OK ? (uint64_t)(length - have) : 0;
    return 0;
}

/* ---------------------------------------------------------------- one file */

static bool take_text(sev_slice object, const char *name, char *out, size_t cap)
{
    sev_json j = sev_json_at(sev_json_get(object, name));
    sev_json_str text;
    sev_buf b = sev_buf_of(out, cap - 1);
    sev_json_string(&j, &text);
    bool good = j.err == SEV_OK && sev_json_str_copy(text, &b) == SEV_OK;
    out[good ? b.len : 0] = '\0';
    return good;
}

static int send_missing(struct uploading *u, sev_slice answer)
{
    sev_json j = sev_json_at(sev_json_get(answer, "missing"));
    int code = 0;
    sev_json_array(&j);
    while (code == 0 && sev_json_element(&j)) {
        char path[SEV_FS_PATH_MAX];
        int64_t length = -1, have = -1;
        sev_slice one = SEV_EMPTY;
        sev_json_skip(&j, &one);
        sev_json l = sev_json_at(sev_json_get(one, "length"));
        sev_json h = sev_json_at(sev_json_get(one, "have"));
        sev_json_integer(&l, &length);
        sev_json_integer(&h, &have);
        if (!take_text(one, "path", path, sizeof path) || have < 0 || length <= have)
            return cli_fail(u->c, SEV_E_MALFORMED, NULL, "%s answered something else", u->url);
        code = send_image(u, path, length, have);
    }
    return code;
}

static int refused(struct uploading *u, const struct sent *s, const struct sev_http_answer *answer)
{
    char detail[512];
    sev_err e = sev_http_answer_err(answer);
    bool json =
        sev_json_check(answer->body, (struct sev_json_scratch){NULL, 0}, NULL, NULL) == SEV_OK;
    if (!json || !take_text(answer->body, "detail", detail, sizeof detail))
        (void)snprintf(detail, sizeof detail, "%s", sev_err_sentence(e));
    return cli_fail(u->c, e, NULL, "%s version %lld: %s", s->role, (long long)s->version, detail);
}

/* One round: the file, and what it lacks. The server tells again what is left. */
static int send_round(struct uploading *u, struct sent *s, sev_slice bytes, bool *out_more)
{
    char target[3 * SEV_ROLE_NAME_BYTES_MAX + 64];
    sev_buf t = sev_buf_of(target, sizeof target - 1), room = sev_buf_of(u->room, ANSWER_BYTES);
    struct sev_http_answer answer;
    int n = snprintf(target, sizeof target, "/%lld.", (long long)s->version);
    t.len = (size_t)n;
    sev_percent_encode(sev_slice_of(s->role, strlen(s->role)), false, &t);
    sev_buf_put(&t, ".json", 5);
    target[t.len] = '\0';
    struct sev_http_ask ask = {.method = SEV_HTTP_PUT,
                               .target = target,
                               .type = "application/json",
                               .body = bytes,
                               .room = &room};
    sev_err e = sev_http_client_ask(u->client, &ask, &answer);
    *out_more = true;
    if (e == SEV_E_UNREACHABLE && u->attempts != 0)
        return wait_a_little(u, e);
    if (e != SEV_OK)
        return server_fail(u->c, u->client, u->url, e);
    e = sev_http_answer_err(&answer);
    if (e == SEV_E_BUSY || e == SEV_E_OVERLOADED || e == SEV_E_RATE_LIMITED)
        return wait_a_little(u, e);
    if (e != SEV_OK)
        return refused(u, s, &answer);
    if (sev_json_check(answer.body, (struct sev_json_scratch){NULL, 0}, NULL, NULL) != SEV_OK)
        return cli_fail(u->c, SEV_E_MALFORMED, NULL, "%s answered something else", u->url);
    int64_t missing = 0;
    sev_json j = sev_json_at(sev_json_get(answer.body, "missingCount"));
    sev_json_integer(&j, &missing);
    s->published = sev_slice_eq(sev_json_get(answer.body, "published"), SEV_LIT("true"));
    (void)take_text(answer.body, "waits", s->waits, sizeof s->waits);
    *out_more = missing != 0 && !s->published;
    /* The answer lies in the room that the images' answers need. */
    uint8_t *copy = *out_more ? malloc(answer.body.len + 1) : NULL;
    if (*out_more && copy == NULL)
        return cli_fail(u->c, SEV_E_MEMORY, NULL, "upload");
    int code = 0;
    if (copy != NULL) {
        memcpy(copy, answer.body.ptr, answer.body.len);
        code = send_missing(u, sev_slice_of(copy, answer.body.len));
    }
    free(copy);
    return code;
}

static int send_role(struct uploading *u, const char *role)
{
    struct sent *s = &u->sent[u->sent_count++];
    sev_slice bytes;
    bool more = true;
    int code = 0;
    *s = (struct sent){.role = role};
    sev_err e = sev_repository_signed(u->repo.r, role, &s->version, &bytes);
    if (e != SEV_OK)
        return repo_fail(&u->repo, e);
    while (code == 0 && more)
        code = send_round(u, s, bytes, &more);
    return code;
}

/* What a file waited for may have come with a later one. */
static int look_again(struct uploading *u)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < u->sent_count; i++) {
        struct sent *s = &u->sent[i];
        sev_slice bytes;
        int64_t version;
        bool more = false;
        if (s->published)
            continue;
        sev_err e = sev_repository_signed(u->repo.r, s->role, &version, &bytes);
        code = e != SEV_OK ? repo_fail(&u->repo, e) : send_round(u, s, bytes, &more);
    }
    return code;
}

/* ------------------------------------------------------------------ telling */

static void emit(sev_json_writer *w, const void *context)
{
    const struct uploading *u = context;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "bytes", (int64_t)u->bytes);
    sev_json_w_name(w, SEV_LIT("files"));
    sev_json_w_array(w);
    for (size_t i = 0; i < u->sent_count; i++) {
        sev_json_w_object(w);
        sev_json_w_bool_member(w, "published", u->sent[i].published);
        repo_put_text(w, "role", u->sent[i].role);
        sev_json_w_integer_member(w, "version", u->sent[i].version);
        if (u->sent[i].waits[0] != '\0')
            repo_put_text(w, "waits", u->sent[i].waits);
        sev_json_w_object_end(w);
    }
    sev_json_w_array_end(w);
    sev_json_w_integer_member(w, "images", (int64_t)u->images);
    sev_json_w_object_end(w);
}

static int tell(struct uploading *u)
{
    if (cli_json(u->c))
        return cli_print_json(u->c, emit, u);
    for (size_t i = 0; i < u->sent_count; i++) {
        const struct sent *s = &u->sent[i];
        cli_print(u->c, "%s version %lld: %s", s->role, (long long)s->version,
                  s->published ? "public\n" : "waits: ");
        if (!s->published)
            cli_print(u->c, "%s\n",
                      s->waits[0] != '\0'
                          ? sev_err_sentence(sev_err_of_id(s->waits, strlen(s->waits)))
                          : "for others");
    }
    return 0;
}

static int send_all(struct uploading *u)
{
    static const char *const first[] = {"root", "targets"};
    size_t count = cli_arg_count(u->c);
    int code = 0;
    for (size_t k = 0; k < 3; k++) /* who trusts comes before who is trusted */
        for (size_t i = 0; code == 0 && i < count; i++) {
            const char *role = cli_arg(u->c, i);
            size_t rank = strcmp(role, first[0]) == 0 ? 0 : strcmp(role, first[1]) == 0 ? 1 : 2;
            if (rank == k)
                code = send_role(u, role);
        }
    return code == 0 ? look_again(u) : code;
}

int repo_run_upload(struct cli *c)
{
    struct server_access access = {.url = cli_opt(c, "server"),
                                   .ca = cli_opt(c, "ca"),
                                   .certificate = cli_opt(c, "certificate"),
                                   .key = cli_opt(c, "key")};
    struct uploading u = {.c = c, .url = access.url};
    int code = repo_open(c, 0, &u.repo);
    if (code != 0)
        return code;
    u.room = malloc(ANSWER_BYTES);
    u.sent = calloc(cli_arg_count(c), sizeof *u.sent);
    code = u.room == NULL || u.sent == NULL ? cli_fail(c, SEV_E_MEMORY, NULL, "upload")
                                            : server_open(c, &access, &u.client);
    if (code == 0)
        code = send_all(&u);
    if (code == 0)
        code = tell(&u);
    sev_http_client_free(u.client);
    free(u.sent);
    free(u.room);
    repo_close(&u.repo);
    return code;
}
