/* cmd_operator - `secureev operator`: who may use the admin API. The first admin is made where the
 * database is; the others through the API. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "remote.h"
#include "secureev/admin.h"

#define ARENA_BYTES (1u << 20)

struct desk {
    struct sev_store store;
    uint8_t *memory;
    struct sev_arena arena;
    struct sev_admin_call call;
};

static sev_slice text(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

/* As for the inventory: only `add` makes a database. close_desk() it in any case. */
static int open_desk(struct cli *c, struct desk *d, bool make)
{
    struct sev_fs_stat status;
    const char *path = cli_opt(c, "database"), *user = getenv("USER");
    *d = (struct desk){.memory = malloc(ARENA_BYTES)};
    if (path == NULL)
        return cli_usage(c, "give --database or --server");
    if (d->memory == NULL)
        return cli_fail(c, SEV_E_MEMORY, NULL, "operator");
    d->arena = sev_arena_of(d->memory, ARENA_BYTES);
    sev_err e = SEV_OK;
    if (!make && !sev_store_on_server(path))
        e = sev_file_stat(cli_fs(c), path, &status);
    if (e == SEV_OK)
        e = sev_store_open(path, &d->store);
    d->call =
        (struct sev_admin_call){&d->store, &d->arena, (sev_time)time(NULL),
                                user == NULL || *user == '\0' ? SEV_LIT("local") : text(user)};
    char name[SEV_STORE_NAME_MAX];
    sev_store_name(path, name);
    return e == SEV_OK ? 0 : cli_fail(c, e, NULL, "database %s", name);
}

static void close_desk(struct desk *d)
{
    if (d->store.self != NULL)
        sev_store_close(&d->store);
    free(d->memory);
}

/* ------------------------------------------------------------------ printing */

struct told {
    sev_slice name, token;
};

static void emit_token(sev_json_writer *w, const void *context)
{
    const struct told *t = context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "name", t->name);
    if (t->token.len != 0)
        sev_json_w_string_member(w, "token", t->token);
    sev_json_w_object_end(w);
}

/* The token alone on standard output: `> token` makes a token file. */
static int tell_token(struct cli *c, sev_slice name, sev_slice token)
{
    struct told told = {name, token};
    if (token.len == 0) /* asked twice, since the connection broke: it is told once */
        return cli_fail(c, SEV_E_UNREACHABLE, "secureev operator rotate makes another",
                        "it is done, but the answer with the token was lost");
    if (cli_json(c))
        return cli_print_json(c, emit_token, &told);
    cli_print_text(c, token);
    cli_print(c, "\n");
    cli_note(c, "this is the token of %.*s: it is kept nowhere else", (int)name.len,
             (const char *)name.ptr);
    return 0;
}

static void print_entry(struct cli *c, sev_slice name, sev_slice role, sev_slice expires,
                        bool disabled)
{
    cli_print_text(c, name);
    cli_print(c, "  ");
    cli_print_text(c, role);
    if (expires.len != 0) {
        cli_print(c, "  until ");
        cli_print_text(c, expires);
    }
    cli_print(c, "%s\n", disabled ? "  disabled" : "");
}

/* ---------------------------------------------------------------------- add */

static int body_of(struct cli *c, struct cli_text *out)
{
    const char *expires = cli_opt(c, "expires");
    cli_text_put(out, "{", 1);
    if (expires != NULL)
        cli_text_printf(out, "\"expires\":\"%s\",", expires);
    cli_text_printf(out, "\"name\":\"%s\",\"role\":\"%s\"}", cli_arg(c, 0), cli_opt(c, "role"));
    return out->failed ? cli_fail(c, SEV_E_MEMORY, NULL, "operator") : 0;
}

static int add_remote(struct cli *c)
{
    struct remote r;
    struct cli_text body = {0};
    int code = remote_open(c, &r);
    if (code == 0)
        code = body_of(c, &body);
    struct remote_ask ask = {
        .method = SEV_HTTP_POST, .path = "/operators", .body = sev_slice_of(body.ptr, body.len)};
    if (code == 0)
        code = remote_ask(&r, &ask);
    if (code == 0)
        code = tell_token(c, text(cli_arg(c, 0)), remote_text(r.answer.body, "token"));
    cli_text_free(&body);
    remote_close(&r);
    return code;
}

static int add_here(struct cli *c, sev_time expires)
{
    struct desk d;
    struct sev_operator o = {.name = text(cli_arg(c, 0)), .expires = expires};
    uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES];
    char token[SEV_ADMIN_TOKEN_CHARS];
    int code = open_desk(c, &d, true);
    if (code == 0) {
        sev_err e = sev_operator_role_of(text(cli_opt(c, "role")), &o.role);
        if (e == SEV_OK)
            e = sev_fs_random(cli_fs(c), random, sizeof random);
        if (e == SEV_OK)
            e = sev_admin_operator_add(&d.call, &o, random, token);
        code = e == SEV_OK ? tell_token(c, o.name, sev_slice_of(token, sizeof token))
                           : cli_fail(c, e, NULL, "operator %s", cli_arg(c, 0));
        sev_wipe(random, sizeof random);
        sev_wipe(token, sizeof token);
    }
    close_desk(&d);
    return code;
}

static int run_add(struct cli *c)
{
    const char *expires = cli_opt(c, "expires");
    sev_time when = 0;
    if (!sev_operator_name_is_clean(text(cli_arg(c, 0))))
        return cli_usage(c,
                         "a name has 1 to %d of a-z, 0-9 and . _ @ -, and begins with one of "
                         "the former",
                         SEV_OPERATOR_NAME_BYTES_MAX);
    if (expires != NULL && sev_time_parse(text(expires), &when) != SEV_OK)
        return cli_usage(c, "--expires is a time such as 2030-01-31T00:00:00Z");
    return remote_is_meant(c) ? add_remote(c) : add_here(c, when);
}

/* --------------------------------------------------------------------- list */

struct listing {
    struct cli *c;
    sev_json_writer *w;
    char last[SEV_OPERATOR_NAME_BYTES_MAX];
    size_t last_len, count;
};

static bool list_one(void *context, const struct sev_operator *o)
{
    struct listing *l = context;
    char until[24];
    sev_buf b = sev_buf_of(until, sizeof until);
    if (o->expires != 0)
        sev_time_format(o->expires, &b);
    if (l->w != NULL) {
        sev_json_w_object(l->w);
        sev_json_w_bool_member(l->w, "disabled", o->disabled);
        sev_json_w_string_member(l->w, "expires", sev_buf_slice(&b));
        sev_json_w_string_member(l->w, "name", o->name);
        sev_json_w_string_member(l->w, "role", text(sev_operator_role_word(o->role)));
        sev_json_w_object_end(l->w);
    } else {
        print_entry(l->c, o->name, text(sev_operator_role_word(o->role)), sev_buf_slice(&b),
                    o->disabled);
    }
    memcpy(l->last, o->name.ptr, o->name.len);
    l->last_len = o->name.len;
    l->count++;
    return true;
}

static sev_err list_all(struct desk *d, struct listing *l)
{
    sev_err e = d->store.operators == NULL ? SEV_E_BUG : SEV_OK; /* open_desk() set it */
    for (size_t before = 1; e == SEV_OK && l->count != before;) {
        before = l->count;
        sev_arena_back(&d->arena, 0);
        e = d->store.operators->list(d->store.self, sev_slice_of(l->last, l->last_len), 1000,
                                     &d->arena, list_one, l);
    }
    return e;
}

static void emit_list(sev_json_writer *w, const void *context)
{
    struct desk d = *(const struct desk *)context;
    struct listing l = {.w = w};
    sev_json_w_array(w);
    if (list_all(&d, &l) != SEV_OK)
        w->err = SEV_E_STORE;
    sev_json_w_array_end(w);
}

static int list_here(struct cli *c)
{
    struct desk d;
    struct listing l = {.c = c};
    int code = open_desk(c, &d, false);
    if (code == 0 && cli_json(c)) {
        code = cli_print_json(c, emit_list, &d);
    } else if (code == 0) {
        sev_err e = list_all(&d, &l);
        code = e == SEV_OK ? 0 : cli_fail(c, e, NULL, "operators");
    }
    close_desk(&d);
    return code;
}

static int list_remote(struct cli *c)
{
    struct remote r;
    int code = remote_open(c, &r);
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.path = "/operators?limit=1000"});
    if (code == 0 && cli_json(c)) {
        remote_print(&r);
    } else if (code == 0) {
        sev_json j = sev_json_at(sev_json_get(r.answer.body, "items"));
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_slice o = SEV_EMPTY;
            sev_json_skip(&j, &o);
            print_entry(c, remote_text(o, "name"), remote_text(o, "role"),
                        remote_text(o, "expires"),
                        sev_slice_eq(sev_json_get(o, "disabled"), SEV_LIT("true")));
        }
    }
    remote_close(&r);
    return code;
}

static int run_list(struct cli *c)
{
    return remote_is_meant(c) ? list_remote(c) : list_here(c);
}

/* ----------------------------------------------------------- disable, rotate */

static int change_here(struct cli *c, const bool *disabled, bool rotate)
{
    struct desk d;
    struct sev_operator_change change = {.disabled = disabled};
    struct sev_operator o;
    uint8_t random[SEV_ADMIN_TOKEN_RANDOM_BYTES];
    char token[SEV_ADMIN_TOKEN_CHARS];
    int code = open_desk(c, &d, false);
    if (code == 0) {
        sev_err e = sev_fs_random(cli_fs(c), random, sizeof random);
        change.random = rotate ? random : NULL;
        if (e == SEV_OK)
            e = sev_admin_operator_change(&d.call, text(cli_arg(c, 0)), &change, token, &o);
        if (e != SEV_OK)
            code = cli_fail(c, e, NULL, "operator %s", cli_arg(c, 0));
        else if (rotate)
            code = tell_token(c, o.name, sev_slice_of(token, sizeof token));
        else if (cli_json(c))
            code = cli_print_json(c, emit_token, &(struct told){o.name, SEV_EMPTY});
        sev_wipe(token, sizeof token);
        sev_wipe(random, sizeof random);
    }
    close_desk(&d);
    return code;
}

static int change_remote(struct cli *c, const bool *disabled, bool rotate)
{
    struct remote r;
    struct cli_text path = {0};
    char tag[32] = "";
    cli_text_printf(&path, "/operators/");
    remote_put_encoded(&path, cli_arg(c, 0));
    int code = remote_open(c, &r);
    if (code == 0 && !rotate) {
        code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
        sev_slice found = code == 0 ? remote_tag(&r) : SEV_EMPTY;
        snprintf(tag, sizeof tag, "%.*s", (int)found.len, (const char *)found.ptr);
        bool yes = disabled != NULL && *disabled;
        struct remote_ask ask = {.method = SEV_HTTP_PATCH,
                                 .path = path.ptr,
                                 .body = yes ? SEV_LIT("{\"disabled\":true}")
                                             : SEV_LIT("{\"disabled\":false}"),
                                 .if_match = tag};
        if (code == 0)
            code = remote_ask(&r, &ask);
        if (code == 0 && cli_json(c))
            remote_print(&r);
    } else if (code == 0) {
        cli_text_printf(&path, "/rotate");
        code = remote_ask(&r, &(struct remote_ask){.method = SEV_HTTP_POST, .path = path.ptr});
        if (code == 0)
            code = tell_token(c, text(cli_arg(c, 0)), remote_text(r.answer.body, "token"));
    }
    cli_text_free(&path);
    remote_close(&r);
    return code;
}

static int run_change(struct cli *c, const bool *disabled, bool rotate)
{
    return remote_is_meant(c) ? change_remote(c, disabled, rotate)
                              : change_here(c, disabled, rotate);
}

static int run_disable(struct cli *c)
{
    return run_change(c, &(const bool){true}, false);
}

static int run_enable(struct cli *c)
{
    return run_change(c, &(const bool){false}, false);
}

static int run_rotate(struct cli *c)
{
    return run_change(c, NULL, true);
}

/* -------------------------------------------------------------------- table */

static const struct cli_option options[] = {REMOTE_OPTIONS, {0}};
static const struct cli_option add_options[] = {
    {.name = "role",
     .value = "ROLE",
     .choices = "viewer publisher approver admin",
     .fallback = "viewer",
     .help = "what this operator may"},
    {.name = "expires", .value = "TIME", .help = "when the token ends; not given, never"},
    {0}};
static const struct cli_positional name_argument[] = {{"NAME", "the operator", CLI_REQUIRED}, {0}};
static const struct cli_example add_examples[] = {
    {"The first admin, where the Director's database is",
     "(umask 077; secureev operator add anna --role admin --database director.db > anna.token)"},
    {0}};

static const struct cli_command subcommands[] = {
    {.name = "add",
     .summary = "Let somebody in, and print the token",
     .options = add_options,
     .positionals = name_argument,
     .examples = add_examples,
     .run = run_add},
    {.name = "list", .summary = "List the operators", .run = run_list},
    {.name = "disable",
     .summary = "Let somebody in no more, from the next request on",
     .positionals = name_argument,
     .run = run_disable},
    {.name = "enable",
     .summary = "Let somebody in again, with the same token",
     .positionals = name_argument,
     .run = run_enable},
    {.name = "rotate",
     .summary = "Make another token, and the old one void",
     .positionals = name_argument,
     .run = run_rotate},
    {0}};

const struct cli_command cmd_operator = {
    .name = "operator",
    .summary = "Look after the people who may use the admin API",
    .details =
        "A viewer reads everything; a publisher says what vehicles get; an approver agrees to "
        "campaigns; an admin may all of it. The last admin stays one. Tokens are kept as "
        "hashes: who loses one gets another by `rotate`.",
    .options = options,
    .subcommands = subcommands};
