/* cmd_inventory_enrol - `secureev inventory token` and `revoke`: who may get a certificate, and
 * whose are good no more. SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "inventory.h"
#include "secureev/registry.h"

static sev_slice text(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

/* -------------------------------------------------------------------- token */

struct token {
    const char *vehicle;
    const char *text;
    int64_t expires;
};

static void emit_token(sev_json_writer *w, const void *context)
{
    const struct token *t = context;
    uint8_t when[20];
    sev_buf b = sev_buf_of(when, sizeof when);
    sev_time_format(t->expires, &b);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "expires", sev_buf_slice(&b));
    sev_json_w_string_member(w, "token",
                             sev_slice_of(t->text, 2 * (size_t)SEV_ENROLMENT_TOKEN_BYTES));
    sev_json_w_string_member(w, "vehicle", text(t->vehicle));
    sev_json_w_object_end(w);
}

/* By the admin API: POST below /vehicles/ID, and what is said of it. */
static int ask_api(struct cli *c, const char *what, sev_json_writer *body, const sev_buf *bytes,
                   struct remote *r)
{
    struct cli_text path = {0};
    int code = remote_open(c, r);
    cli_text_printf(&path, "/vehicles/");
    remote_put_encoded(&path, cli_arg(c, 0));
    cli_text_printf(&path, "/%s", what);
    if (code == 0 && (path.failed || sev_json_w_end(body) != SEV_OK))
        code = cli_fail(c, SEV_E_MALFORMED, NULL, "vehicle %s", cli_arg(c, 0));
    if (code == 0)
        code = remote_ask(r, &(struct remote_ask){.method = SEV_HTTP_POST,
                                                  .path = path.ptr,
                                                  .body = sev_buf_slice(bytes)});
    cli_text_free(&path);
    return code;
}

static int token_remote(struct cli *c, uint64_t hours)
{
    struct remote r;
    uint8_t room[128];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_bool_member(&w, "again", cli_flag(c, "again"));
    sev_json_w_integer_member(&w, "hours", (int64_t)hours);
    sev_json_w_object_end(&w);
    int code = ask_api(c, "enrolment-token", &w, &b, &r);
    if (code == 0 && cli_json(c))
        remote_print(&r);
    else if (code == 0) {
        cli_print_text(c, remote_text(r.answer.body, "token"));
        cli_print(c, "\n");
    }
    remote_close(&r);
    return code;
}

int inventory_token(struct cli *c)
{
    struct desk d;
    char hex[2 * SEV_ENROLMENT_TOKEN_BYTES];
    uint64_t hours = 0;
    sev_time now = (sev_time)time(NULL);
    int code = cli_opt_integer(c, "hours", 1, 24 * 365, &hours);
    if (code != 0)
        return code;
    if (remote_is_meant(c))
        return token_remote(c, hours);
    if (inventory_open(c, &d, false, &code)) {
        int64_t life_s = (int64_t)hours * 3600;
        struct token t = {cli_arg(c, 0), hex, now + life_s};
        sev_err e = sev_registry_token(&d.store, text(t.vehicle), now, life_s, cli_flag(c, "again"),
                                       inventory_actor(), hex);
        if (e != SEV_OK)
            code = cli_fail(c, e, e == SEV_E_EXISTS ? "it has enrolled before: --again" : NULL,
                            "a token for %s", t.vehicle);
        else if (cli_json(c))
            code = cli_print_json(c, emit_token, &t);
        else
            cli_print(c, "%.*s\n", (int)sizeof hex, hex);
    }
    sev_wipe(hex, sizeof hex);
    inventory_close(&d);
    return code;
}

/* ------------------------------------------------------------------- revoke */

static void emit_revoked(sev_json_writer *w, const void *context)
{
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "revoked", *(const int64_t *)context);
    sev_json_w_object_end(w);
}

static int revoke_remote(struct cli *c)
{
    struct remote r;
    uint8_t room[4 * SEV_MESSAGE_TEXT_BYTES_MAX];
    sev_buf b = sev_buf_of(room, sizeof room);
    sev_json_writer w = sev_json_writer_to(&b);
    sev_json_w_object(&w);
    sev_json_w_string_member(&w, "remark", text(cli_opt(c, "remark")));
    sev_json_w_object_end(&w);
    int code = ask_api(c, "revoke", &w, &b, &r);
    if (code == 0 && cli_json(c))
        remote_print(&r);
    else if (code == 0)
        cli_print(c, "revoked\n");
    remote_close(&r);
    return code;
}

int inventory_revoke(struct cli *c)
{
    struct desk d;
    int64_t count = 0;
    int code;
    if (remote_is_meant(c))
        return revoke_remote(c);
    if (inventory_open(c, &d, false, &code)) {
        sev_err e = sev_registry_revoke(&d.store, text(cli_arg(c, 0)), (sev_time)time(NULL),
                                        inventory_actor(), text(cli_opt(c, "remark")), &count);
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "vehicle %s", cli_arg(c, 0));
        else if (cli_json(c))
            code = cli_print_json(c, emit_revoked, &count);
        else
            cli_print(c, "certificates revoked: %lld\n", (long long)count);
    }
    inventory_close(&d);
    return code;
}
