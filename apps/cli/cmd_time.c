/* cmd_time - `secureev time`: what time a time service says it is, verified as an ECU would.
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* clock_gettime */
#include <stdlib.h>
#include <time.h>

#include "secureev/crypto_hosted.h"
#include "secureev/messages.h"
#include "server.h"

#define ARENA_BYTES (4u << 20) /* a root and an answer, should they have to be copied */

struct question {
    struct cli *cli;
    struct sev_crypto *crypto;
    struct sev_http_client *client;
    struct sev_bytes root;
    uint8_t *memory;
    struct sev_arena arena;
    struct sev_root director;
    struct sev_role role; /* `time` */
    uint8_t nonce[SEV_NONCE_BYTES];
    uint8_t room[SEV_MESSAGE_BYTES_MAX];
};

/* What is told in the end. */
struct told {
    sev_time time;
    int64_t offset, round_trip_ms; /* attested minus local, and how far that may be wrong */
};

/* --------------------------------------------------------------------- root */

static sev_err open_root(struct question *q)
{
    struct sev_doc doc;
    sev_err e = sev_doc_open(&doc, sev_bytes_slice(&q->root), SEV_PROFILE_NATIVE, &q->arena);
    if (e == SEV_OK)
        e = sev_root_parse(&doc, &q->director);
    if (e == SEV_OK)
        e = sev_quorum_check(q->crypto, &q->director.roles[SEV_ROLE_ROOT], &doc, NULL);
    if (e == SEV_OK)
        e = sev_root_extra(&q->director, SEV_PROFILE_NATIVE, "time", &q->role);
    return e;
}

static int prepare(struct question *q)
{
    struct cli *c = q->cli;
    const char *path = cli_opt(c, "root");
    struct server_access access = {.url = cli_opt(c, "server"),
                                   .ca = cli_opt(c, "ca"),
                                   .certificate = cli_opt(c, "certificate"),
                                   .key = cli_opt(c, "key"),
                                   /* The answer proves its own freshness, and who does not know
                                    * what time it is cannot judge dates. DESIGN 6 */
                                   .dates_unchecked = true};
    q->crypto = sev_crypto_new();
    q->memory = malloc(ARENA_BYTES);
    if (q->crypto == NULL || q->memory == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "time");
    q->arena = sev_arena_of(q->memory, ARENA_BYTES);
    sev_err e = sev_file_read(cli_fs(c), path, SEV_ROOT_BYTES_MAX, 0, &q->root);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, "--root is the Director's newest root");
    e = open_root(q);
    if (e == SEV_E_NOT_FOUND)
        return cli_fail(c, SEV_E_NOT_PROVISIONED, "secureev repo rotate time --keys 1:FILE",
                        "%s lists no key of a time service", path);
    if (e != SEV_OK)
        return cli_fail(c, e, NULL, "%s", path);
    return server_open(c, &access, &q->client);
}

/* ------------------------------------------------------------------- asking */

static sev_err encode(const struct question *q, sev_buf *out)
{
    char list[2 * SEV_NONCE_BYTES + 4];
    sev_buf b = sev_buf_of(list, sizeof list);
    sev_buf_put(&b, "[\"", 2);
    sev_hex_encode(sev_slice_of(q->nonce, SEV_NONCE_BYTES), &b);
    sev_buf_put(&b, "\"]", 2);
    return sev_time_request_encode(sev_buf_slice(&b), out);
}

/* As an ECU does, that has not heard of any time before. */
static sev_err verify(struct question *q, sev_slice bytes, sev_time *out)
{
    struct sev_time_answer answer;
    struct sev_time_proof proof;
    struct sev_doc doc;
    struct sev_clock clock = {0, 0, {0}};
    sev_slice object = SEV_EMPTY;
    sev_err e = sev_time_answer_decode(bytes, &answer);
    if (e == SEV_OK)
        e = sev_message_open(&doc, answer.attestation);
    sev_json list = sev_list(e == SEV_OK ? answer.proofs : SEV_EMPTY);
    bool proven = e == SEV_OK && answer.proofs.len != 0 && sev_list_next(&list, &object);
    if (proven)
        e = sev_time_proof_decode(object, &proof);
    if (e == SEV_OK)
        e = sev_time_attestation_check(q->crypto, &q->role, &doc, q->nonce, proven ? &proof : NULL,
                                       &clock);
    /* Only now is it known what time to hold against the root. */
    if (e == SEV_OK && q->director.common.expires <= clock.time)
        e = SEV_E_EXPIRED;
    if (e == SEV_OK)
        *out = clock.time;
    return e;
}

static int64_t local_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int ask(struct question *q, struct told *out)
{
    const char *url = cli_opt(q->cli, "server");
    uint8_t text[200];
    sev_buf body = sev_buf_of(text, sizeof text), room = sev_buf_of(q->room, sizeof q->room);
    struct sev_http_answer answer;
    sev_err e = sev_fs_random(cli_fs(q->cli), q->nonce, sizeof q->nonce);
    if (e == SEV_OK)
        e = encode(q, &body);
    if (e != SEV_OK)
        return cli_fail(q->cli, e, NULL, "nonce");
    struct sev_http_ask request = {.method = SEV_HTTP_POST,
                                   .target = "/time",
                                   .type = "application/json",
                                   .body = sev_buf_slice(&body),
                                   .repeatable = true,
                                   .room = &room};
    int64_t began = local_ms(CLOCK_MONOTONIC);
    e = sev_http_client_ask(q->client, &request, &answer);
    if (e != SEV_OK)
        return server_fail(q->cli, q->client, url, e);
    out->round_trip_ms = local_ms(CLOCK_MONOTONIC) - began;
    int64_t middle_ms = local_ms(CLOCK_REALTIME) - out->round_trip_ms / 2;
    if (answer.status != 200)
        return server_refused(q->cli, &answer, url);
    e = verify(q, answer.body, &out->time);
    if (e != SEV_OK)
        return cli_fail(q->cli, e, NULL, "%s: %s", url, sev_err_sentence(e));
    out->offset = out->time - middle_ms / 1000;
    return 0;
}

/* ------------------------------------------------------------------ telling */

static void emit(sev_json_writer *w, const void *context)
{
    const struct told *t = context;
    char when[24];
    sev_buf b = sev_buf_of(when, sizeof when);
    sev_time_format(t->time, &b);
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "offset", t->offset);
    sev_json_w_integer_member(w, "roundTripMs", t->round_trip_ms);
    sev_json_w_string_member(w, "time", sev_buf_slice(&b));
    sev_json_w_object_end(w);
}

static void tell(struct cli *c, const struct told *t)
{
    char when[24];
    sev_buf b = sev_buf_of(when, sizeof when);
    sev_time_format(t->time, &b);
    cli_print(c, "%.*s\n", (int)b.len, when);
    if (t->offset >= -1 && t->offset <= 1)
        cli_print(c, "the clock here agrees to the second\n");
    else
        cli_print(c, "the clock here is %lld s %s\n",
                  (long long)(t->offset < 0 ? -t->offset : t->offset),
                  t->offset < 0 ? "ahead" : "behind");
}

static int run(struct cli *c)
{
    struct told told = {0, 0, 0};
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "time");
    q->cli = c;
    int code = prepare(q);
    if (code == 0)
        code = ask(q, &told);
    if (code == 0 && cli_json(c))
        code = cli_print_json(c, emit, &told);
    else if (code == 0)
        tell(c, &told);
    sev_http_client_free(q->client);
    sev_bytes_free(cli_fs(c), &q->root);
    sev_crypto_free(q->crypto);
    free(q->memory);
    free(q);
    return code;
}

/* -------------------------------------------------------------------- table */

static const struct cli_option options[] = {
    SERVER_OPTIONS,
    {.name = "root",
     .value = "FILE",
     .flags = CLI_REQUIRED,
     .help = "the Director's root, which lists the service's key"},
    {0}};
static const struct cli_example examples[] = {
    {"Ask, as a vehicle of yours would",
     "secureev time --server https://time.example:8002 --ca ca.pem \\\n"
     "  --certificate car.pem --key car.key --root root.json"},
    {0}};

const struct cli_command cmd_time = {
    .name = "time",
    .summary = "Ask a time service what time it is, and verify the answer",
    .details =
        "The answer is signed by a key of the Director's root and holds a nonce made for this "
        "question, so that nobody can play back an old one. For the same reason the dates of the "
        "server's certificate are not looked at: who asks what time it is cannot judge them. The "
        "root's own expiry is judged by the time that was told.\n\n"
        "The clock of this machine is compared, and not changed.",
    .options = options,
    .examples = examples,
    .run = run};
