/* cmd_enrol - `secureev enrol`: a vehicle gets its certificate from the registry, the first time by
 * a token, later by its identity. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "secureev/certificate.h"
#include "secureev/messages.h"

#define ANSWER_BYTES_MAX 65536u
#define TOKEN_FILE_BYTES_MAX 256u

struct enrolment {
    struct cli *cli;
    struct identity id;
    struct sev_privkey *own, *tls;
    struct sev_certificate_request request;
    char csr[SEV_CSR_TEXT_BYTES_MAX];
    uint8_t answer[ANSWER_BYTES_MAX];
    struct sev_certificate given;
};

static int read_token(struct enrolment *e)
{
    struct sev_bytes file = {NULL, 0};
    const char *path = cli_opt(e->cli, "token-file");
    sev_buf out = sev_buf_of(e->request.token, sizeof e->request.token);
    sev_err err =
        sev_file_read(cli_fs(e->cli), path, TOKEN_FILE_BYTES_MAX, SEV_FILE_PRIVATE, &file);
    if (err != SEV_OK)
        return cli_fail_fs(e->cli, err, "a token is kept from others: chmod 600");
    size_t len = file.len;
    while (len != 0 && (file.ptr[len - 1] == '\n' || file.ptr[len - 1] == '\r'))
        len--;
    err = sev_hex_decode(sev_slice_of(file.ptr, len), &out);
    sev_bytes_wipe(cli_fs(e->cli), &file);
    e->request.has_token = err == SEV_OK && out.len == sizeof e->request.token;
    return e->request.has_token
               ? 0
               : cli_fail(e->cli, SEV_E_ENROLMENT_TOKEN, "`secureev inventory token` tells one",
                          "%s holds no token", path);
}

static sev_err write_request(struct enrolment *e, sev_buf *out)
{
    uint8_t der[SEV_CSR_BYTES_MAX], body[3 * SEV_DID_ENTRY_BYTES_MAX];
    sev_buf d = sev_buf_of(der, sizeof der), t = sev_buf_of(e->csr, sizeof e->csr),
            b = sev_buf_of(body, sizeof body);
    sev_slice log = sev_bytes_slice(&e->id.log);
    const uint8_t *end = memchr(log.ptr, '\n', log.len);
    e->request.did = sev_did_id(&e->id.state.newest.document);
    if (e->request.has_token) /* the registry may not have met us */
        e->request.entry = sev_slice_of(log.ptr, (size_t)(end - log.ptr));
    sev_err err = sev_csr_write(e->tls, e->request.did, &d);
    if (err != SEV_OK)
        return err;
    sev_base64_encode(sev_buf_slice(&d), &t);
    e->request.csr = sev_buf_slice(&t);
    err = sev_certificate_request_encode(&e->request, &b);
    sev_wipe(e->request.token, sizeof e->request.token);
    if (err == SEV_OK)
        err = identity_sign(e->own, sev_buf_slice(&b), out);
    sev_wipe(body, sizeof body);
    return err;
}

static int open_server(struct enrolment *e, bool renew, struct sev_http_client **out)
{
    char certificate[SEV_FS_PATH_MAX], key[SEV_FS_PATH_MAX];
    struct server_access access = {.url = cli_opt(e->cli, "server"), .ca = cli_opt(e->cli, "ca")};
    if (renew) {
        sev_err err = sev_path_join(e->id.dir, "tls.pem", certificate);
        if (err == SEV_OK)
            err = sev_path_join(e->id.dir, "tls.key", key);
        if (err != SEV_OK)
            return cli_fail(e->cli, err, NULL, "%s", e->id.dir);
        access.certificate = certificate;
        access.key = key;
    }
    return server_open(e->cli, &access, out);
}

static int ask(struct enrolment *e, bool renew, struct sev_http_answer *out)
{
    static uint8_t bytes[SEV_MESSAGE_BYTES_MAX];
    const char *url = cli_opt(e->cli, "server");
    struct sev_http_client *client = NULL;
    sev_buf request = sev_buf_of(bytes, sizeof bytes),
            room = sev_buf_of(e->answer, sizeof e->answer);
    int code = open_server(e, renew, &client);
    sev_err err = code == 0 ? write_request(e, &request) : SEV_OK;
    if (err != SEV_OK)
        code = cli_fail(e->cli, err, NULL, "the request");
    struct sev_http_ask ask = {.method = SEV_HTTP_POST,
                               .target = renew ? "/renew" : "/enrol",
                               .type = "application/json",
                               .body = sev_buf_slice(&request),
                               .repeatable = true, /* the same key gets the same certificate */
                               .room = &room};
    if (code == 0 && (err = sev_http_client_ask(client, &ask, out)) != SEV_OK)
        code = server_fail(e->cli, client, url, err);
    if (code == 0 && out->status / 100 != 2)
        code = server_refused(e->cli, out, url);
    sev_wipe(bytes, request.len);
    sev_http_client_free(client);
    return code;
}

static sev_err member(sev_slice body, const char *name, sev_buf *out)
{
    sev_json_str s;
    sev_json j = sev_json_at(sev_json_get(body, name));
    sev_json_string(&j, &s);
    return j.err != SEV_OK ? j.err : sev_json_str_copy(s, out);
}

/* Is it ours? What we cannot use is not written. */
static sev_err check_given(struct enrolment *e, sev_slice pem)
{
    uint8_t der[SEV_CERTIFICATE_BYTES_MAX];
    sev_buf b = sev_buf_of(der, sizeof der);
    sev_err err = sev_pem_decode(pem, "CERTIFICATE", &b);
    if (err == SEV_OK)
        err = sev_certificate_read(sev_buf_slice(&b), &e->given);
    if (err != SEV_OK)
        return err;
    sev_slice name = sev_slice_of(e->given.name, strlen(e->given.name));
    bool ours = sev_slice_eq(name, sev_did_id(&e->id.state.newest.document)) &&
                sev_pubkey_eq(&e->given.key, sev_privkey_public(e->tls));
    return ours ? SEV_OK : SEV_E_WRONG_SUBJECT;
}

static sev_err keep(struct enrolment *e, const char *file, sev_slice bytes)
{
    char path[SEV_FS_PATH_MAX];
    sev_err err = sev_path_join(e->id.dir, file, path);
    return err == SEV_OK ? sev_file_replace(cli_fs(e->cli), path, bytes, 0600) : err;
}

static int take(struct enrolment *e, sev_slice body)
{
    static uint8_t certificate[2 * SEV_CERTIFICATE_BYTES_MAX], ca[ANSWER_BYTES_MAX];
    sev_buf own = sev_buf_of(certificate, sizeof certificate), above = sev_buf_of(ca, sizeof ca);
    sev_err err = sev_json_check(body, (struct sev_json_scratch){NULL, 0}, NULL, NULL);
    if (err == SEV_OK)
        err = member(body, "certificate", &own);
    if (err == SEV_OK)
        err = member(body, "ca", &above);
    if (err == SEV_OK)
        err = check_given(e, sev_buf_slice(&own));
    if (err != SEV_OK)
        return cli_fail(e->cli, err, NULL, "what %s gave", cli_opt(e->cli, "server"));
    err = keep(e, "ca.pem", sev_buf_slice(&above));
    if (err == SEV_OK)
        err = keep(e, "tls.pem", sev_buf_slice(&own));
    return err == SEV_OK ? 0 : cli_fail_fs(e->cli, err, NULL);
}

static void emit(sev_json_writer *w, const void *context)
{
    const struct enrolment *e = context;
    uint8_t text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    sev_time_format(e->given.not_after, &b);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "did", sev_did_id(&e->id.state.newest.document));
    sev_json_w_string_member(w, "notAfter", sev_buf_slice(&b));
    sev_json_w_object_end(w);
}

static int say(struct enrolment *e)
{
    uint8_t text[20];
    sev_buf b = sev_buf_of(text, sizeof text);
    if (cli_json(e->cli))
        return cli_print_json(e->cli, emit, e);
    sev_time_format(e->given.not_after, &b);
    cli_print_text(e->cli, sev_did_id(&e->id.state.newest.document));
    cli_print(e->cli, "\nits certificate is %s/tls.pem, good until %.20s\n", e->id.dir, text);
    return 0;
}

static int run(struct cli *c)
{
    struct enrolment *e = calloc(1, sizeof *e);
    struct sev_http_answer answer;
    bool renew = cli_flag(c, "renew");
    if (e == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "enrol");
    e->cli = c;
    if (renew == (cli_opt(c, "token-file") != NULL)) {
        free(e);
        return cli_usage(c, "give --token-file the first time, --renew later");
    }
    int code = identity_open(c, !renew, &e->id);
    if (code == 0 && !renew)
        code = read_token(e);
    if (code == 0 && e->id.log.len == 0)
        code = identity_begin(&e->id, NULL, 0);
    if (code == 0)
        code = identity_authentication_key(&e->id, &e->own);
    if (code == 0)
        code = identity_key(&e->id, "tls.key", !renew, &e->tls);
    if (code == 0)
        code = ask(e, renew, &answer);
    if (code == 0)
        code = take(e, answer.body);
    if (code == 0)
        code = say(e);
    sev_privkey_free(e->own);
    sev_privkey_free(e->tls);
    identity_close(&e->id);
    sev_wipe(e, sizeof *e);
    free(e);
    return code;
}

static const struct cli_option options[] = {
    IDENTITY_DIR_OPTION,
    {.name = "server",
     .value = "URL",
     .flags = CLI_REQUIRED,
     .help = "the registry, as https://HOST:PORT"},
    {.name = "ca",
     .value = "FILE",
     .flags = CLI_REQUIRED,
     .help = "CA that its certificate must lead to (PEM)"},
    {.name = "token-file", .value = "FILE", .help = "token of `secureev inventory token`"},
    {.name = "renew",
     .help = "another certificate, by the identity and the present certificate, "
             "which may have expired"},
    {0}};
static const struct cli_example examples[] = {
    {"The first time",
     "secureev enrol --dir car --server https://registry:8004 --ca ca.pem --token-file token"},
    {"Later", "secureev enrol --renew --dir car --server https://registry:8004 --ca ca.pem"},
    {0}};

const struct cli_command cmd_enrol = {
    .name = "enrol",
    .summary = "Get a vehicle's certificate from the registry",
    .details = "Makes what is missing in the folder: an identity and a key for TLS. Asked again "
               "with the same token, because an answer was lost, it gets the same certificate.",
    .options = options,
    .examples = examples,
    .run = run};
