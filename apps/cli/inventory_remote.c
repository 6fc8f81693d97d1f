/* inventory_remote - `secureev inventory` through the admin API. SPDX-License-Identifier: MIT */
#include <string.h>

#include "inventory.h"

static sev_slice text(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

static void put_vehicle(struct cli_text *out, const char *id, const char *more)
{
    cli_text_printf(out, "/vehicles/");
    remote_put_encoded(out, id);
    cli_text_printf(out, "%s", more);
}

/* ---------------------------------------------------------------------- add */

static void emit_new(sev_json_writer *w, const void *context)
{
    struct cli *c = *(struct cli *const *)context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "id", text(cli_arg(c, 0)));
    sev_json_w_string_member(w, "model", text(cli_opt(c, "model")));
    sev_json_w_string_member(w, "profile", text(cli_opt(c, "profile")));
    sev_json_w_string_member(w, "vin", text(cli_opt(c, "vin")));
    sev_json_w_object_end(w);
}

int inventory_remote_add(struct cli *c)
{
    struct remote r;
    struct cli_text body = {0};
    int code = remote_open(c, &r);
    if (code == 0 && cli_json_text(emit_new, &c, &body) != SEV_OK)
        code = cli_usage(c, "a vehicle's id is UTF-8");
    struct remote_ask ask = {
        .method = SEV_HTTP_POST, .path = "/vehicles", .body = sev_slice_of(body.ptr, body.len)};
    if (code == 0)
        code = remote_ask(&r, &ask);
    if (code == 0 && cli_json(c))
        remote_print(&r);
    else if (code == 0)
        cli_print(c, "%s may register its ECUs now\n", cli_arg(c, 0));
    cli_text_free(&body);
    remote_close(&r);
    return code;
}

/* --------------------------------------------------------------------- list */

/* An integer member, 0 when it is not there. */
static long long number(sev_slice object, const char *name)
{
    int64_t n = 0;
    sev_json j = sev_json_at(sev_json_get(object, name));
    sev_json_integer(&j, &n);
    return j.err == SEV_OK ? (long long)n : 0;
}

static void print_page(struct cli *c, sev_slice items, bool first)
{
    sev_json j = sev_json_at(items);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_slice v = SEV_EMPTY;
        sev_json_skip(&j, &v);
        if (cli_json(c)) {
            cli_print(c, first ? "" : ",");
            first = false;
            cli_print_bytes(c, v);
            continue;
        }
        sev_slice seen = remote_text(v, "seen");
        cli_print_text(c, remote_text(v, "id"));
        cli_print(c, "  ");
        cli_print_text(c, seen.len != 0 ? seen : SEV_LIT("never"));
        cli_print(c, "  bundle %lld  ", number(v, "statusVersion"));
        cli_print_text(c, remote_text(v, "model"));
        cli_print(c, "\n");
    }
}

/* The query of the next page; false: that was all. */
static bool next_page(const struct remote *r, struct cli_text *out)
{
    char cursor[SEV_ID_BYTES_MAX + 1];
    sev_json_str next = {SEV_EMPTY, false};
    sev_json j = sev_json_at(sev_json_get(r->answer.body, "next"));
    sev_buf b = sev_buf_of(cursor, sizeof cursor - 1);
    sev_json_string(&j, &next);
    if (j.err != SEV_OK || sev_json_str_copy(next, &b) != SEV_OK)
        return false;
    cursor[b.len] = '\0';
    out->len = 0;
    cli_text_printf(out, "/vehicles?limit=1000&cursor=");
    remote_put_encoded(out, cursor);
    return !out->failed;
}

int inventory_remote_list(struct cli *c)
{
    struct remote r;
    struct cli_text path = {0};
    bool first = true;
    int code = remote_open(c, &r);
    cli_text_printf(&path, "/vehicles?limit=1000");
    if (code == 0 && cli_json(c))
        cli_print(c, "[");
    do {
        if (code == 0)
            code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
        if (code == 0)
            print_page(c, sev_json_get(r.answer.body, "items"), first);
        first = false;
    } while (code == 0 && next_page(&r, &path));
    if (code == 0 && cli_json(c))
        cli_print(c, "]\n");
    cli_text_free(&path);
    remote_close(&r);
    return code;
}

/* --------------------------------------------------------------------- show */

static void print_ecus(struct cli *c, sev_slice items)
{
    sev_json j = sev_json_at(items);
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_slice e = SEV_EMPTY;
        sev_json_skip(&j, &e);
        sev_slice installed = remote_text(sev_json_get(e, "installed"), "name");
        bool primary = sev_slice_eq(sev_json_get(e, "primary"), SEV_LIT("true"));
        bool attacked = !sev_slice_eq(sev_json_get(e, "attacks"), SEV_LIT("[]"));
        cli_print(c, "  ");
        cli_print_text(c, remote_text(e, "serial"));
        cli_print(c, " (");
        cli_print_text(c, remote_text(e, "hardwareId"));
        cli_print(c, ")%s  ", primary ? " primary" : "");
        cli_print_text(c, installed.len != 0 ? installed : SEV_LIT("never reported"));
        cli_print(c, "%s\n", attacked ? "  ATTACKED" : "");
    }
}

int inventory_remote_show(struct cli *c)
{
    struct remote r;
    struct cli_text path = {0};
    int code = remote_open(c, &r);
    put_vehicle(&path, cli_arg(c, 0), "");
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
    if (code == 0 && cli_json(c)) { /* {"vehicle's":..., "ecus":[...]} as from the database */
        cli_print(c, "{\"vehicle\":");
        cli_print_bytes(c, r.answer.body);
    } else if (code == 0) {
        cli_print_text(c, remote_text(r.answer.body, "id"));
        cli_print(c, "  bundle %lld, status %lld\n", number(r.answer.body, "statusVersion"),
                  number(r.answer.body, "statusCounter"));
    }
    path.len = 0;
    put_vehicle(&path, cli_arg(c, 0), "/ecus");
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
    sev_slice items = code == 0 ? sev_json_get(r.answer.body, "items") : SEV_EMPTY;
    if (code == 0 && cli_json(c)) {
        cli_print(c, ",\"ecus\":");
        cli_print_bytes(c, items);
        cli_print(c, "}\n");
    } else if (code == 0) {
        print_ecus(c, items);
    }
    cli_text_free(&path);
    remote_close(&r);
    return code;
}

/* ------------------------------------------------------------------- assign */

static void emit_remark(sev_json_writer *w, const void *context)
{
    sev_json_w_string(w, text(context));
}

/* The wish as it stands in the file, with the remark as one member more. */
static int body_of(struct cli *c, sev_slice file, struct cli_text *out)
{
    struct cli_text remark = {0};
    while (file.len != 0 && (file.ptr[file.len - 1] == '\n' || file.ptr[file.len - 1] == ' '))
        file.len--;
    if (cli_opt(c, "remark") == NULL || file.len == 0 || file.ptr[file.len - 1] != '}') {
        cli_text_put(out, file.ptr, file.len); /* what is no object, the server refuses */
        return 0;
    }
    if (cli_json_text(emit_remark, cli_opt(c, "remark"), &remark) != SEV_OK)
        return cli_usage(c, "--remark is UTF-8");
    cli_text_put(out, file.ptr, file.len - 1);
    cli_text_printf(out, ",\"remark\":%s}", remark.ptr);
    cli_text_free(&remark);
    return out->failed ? cli_fail(c, SEV_E_MEMORY, NULL, "%s", cli_opt(c, "wish")) : 0;
}

int inventory_remote_assign(struct cli *c, sev_slice wish)
{
    struct remote r;
    struct cli_text path = {0}, body = {0};
    char tag[32] = "";
    int code = remote_open(c, &r);
    put_vehicle(&path, cli_arg(c, 0), "/assignment");
    if (code == 0)
        code = body_of(c, wish, &body);
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
    sev_slice now = code == 0 ? remote_tag(&r) : SEV_EMPTY;
    if (now.len != 0 && now.len < sizeof tag)
        memcpy(tag, now.ptr, now.len);
    struct remote_ask ask = {.method = SEV_HTTP_PUT,
                             .path = path.ptr,
                             .body = sev_slice_of(body.ptr, body.len),
                             .if_match = tag};
    if (code == 0)
        code = remote_ask(&r, &ask);
    if (code == 0 && cli_json(c))
        remote_print(&r);
    else if (code == 0)
        cli_print(c, "bundle version %lld for %s\n", number(r.answer.body, "version"),
                  cli_arg(c, 0));
    cli_text_free(&body);
    cli_text_free(&path);
    remote_close(&r);
    return code;
}
