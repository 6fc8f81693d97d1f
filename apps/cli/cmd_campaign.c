/* cmd_campaign - `secureev campaign`: a release for many vehicles, through the admin API.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "remote.h"
#include "secureev/campaign.h"

#define ARENA_BYTES (4u << 20)

static sev_slice text(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

static int64_t number(sev_slice object, const char *name)
{
    int64_t n = 0;
    sev_json j = sev_json_at(sev_json_get(object, name));
    sev_json_integer(&j, &n);
    return n;
}

/* "/campaigns/NAME" and what follows. */
static void put_path(struct cli *c, struct cli_text *out, const char *more)
{
    cli_text_printf(out, "/campaigns/");
    remote_put_encoded(out, cli_arg(c, 0));
    cli_text_printf(out, "%s", more);
}

static int out_of_memory(struct cli *c)
{
    return cli_fail(c, SEV_E_MEMORY, NULL, "campaign");
}

/* One request about campaign NAME; the answer stays in `r`, which is to be closed in any case. */
static int ask_about(struct cli *c, struct remote *r, enum sev_http_method method, const char *more,
                     sev_slice body)
{
    struct cli_text path = {0};
    int code = remote_open(c, r);
    put_path(c, &path, more);
    if (code == 0 && path.failed)
        code = out_of_memory(c);
    if (code == 0)
        code =
            remote_ask(r, &(struct remote_ask){.method = method, .path = path.ptr, .body = body});
    cli_text_free(&path);
    return code;
}

/* -------------------------------------------------------------------- create */

static sev_err check(sev_slice definition, const char **out_where)
{
    uint8_t *memory = malloc(ARENA_BYTES);
    struct sev_campaign_definition *d = calloc(1, sizeof *d);
    *out_where = "the definition";
    if (memory == NULL || d == NULL) {
        free(memory);
        free(d);
        return SEV_E_MEMORY;
    }
    struct sev_arena arena = sev_arena_of(memory, ARENA_BYTES);
    sev_buf form =
        sev_buf_of(sev_arena_take(&arena, SEV_CAMPAIGN_BYTES_MAX), SEV_CAMPAIGN_BYTES_MAX);
    sev_err e =
        definition.len > SEV_CAMPAIGN_BYTES_MAX
            ? SEV_E_TOO_LONG
            : sev_json_canonical(definition, SEV_CANON_OLPC, sev_arena_scratch(&arena), &form);
    if (e == SEV_OK)
        e = sev_campaign_parse(sev_buf_slice(&form), &arena, d, out_where);
    free(memory);
    free(d);
    return e;
}

/* Looked at here first: the server only says that something is wrong, this says which member. */
static int read_definition(struct cli *c, struct sev_bytes *out)
{
    const char *file = cli_arg(c, 0), *where;
    sev_err e = sev_file_read(cli_fs(c), file, SEV_CAMPAIGN_BYTES_MAX, 0, out);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    e = check(sev_bytes_slice(out), &where);
    return e == SEV_OK ? 0 : cli_fail(c, e, NULL, "%s: %s", file, where);
}

static void emit_good(sev_json_writer *w, const void *context)
{
    (void)context;
    sev_json_w_object(w);
    sev_json_w_bool_member(w, "good", true);
    sev_json_w_object_end(w);
}

static int run_check(struct cli *c)
{
    struct sev_bytes body = {NULL, 0};
    int code = read_definition(c, &body);
    sev_bytes_free(cli_fs(c), &body);
    if (code == 0 && cli_json(c))
        return cli_print_json(c, emit_good, NULL);
    if (code == 0)
        cli_print(c, "%s is a campaign\n", cli_arg(c, 0));
    return code;
}

static int run_create(struct cli *c)
{
    struct remote r = {.cli = c};
    struct sev_bytes body = {NULL, 0};
    int code = read_definition(c, &body);
    if (code == 0)
        code = remote_open(c, &r);
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.method = SEV_HTTP_POST,
                                                   .path = "/campaigns",
                                                   .body = sev_bytes_slice(&body)});
    if (code == 0 && cli_json(c)) {
        remote_print(&r);
    } else if (code == 0) {
        cli_print_text(c, remote_text(r.answer.body, "name"));
        cli_print(c, " is drafted; `secureev campaign submit` asks for approval\n");
    }
    sev_bytes_free(cli_fs(c), &body);
    remote_close(&r);
    return code;
}

/* ------------------------------------------------------------------ acting */

static void emit_remark(sev_json_writer *w, const void *context)
{
    struct cli *c = *(struct cli *const *)context;
    const char *remark = cli_opt(c, "remark");
    sev_json_w_object(w);
    if (remark != NULL)
        sev_json_w_string_member(w, "remark", text(remark));
    if (strcmp(cli_command_of(c)->name, "abort") == 0 && cli_flag(c, "withdraw"))
        sev_json_w_bool_member(w, "withdraw", true);
    sev_json_w_object_end(w);
}

/* The word of the command is the last part of the path. */
static int run_act(struct cli *c)
{
    struct remote r = {.cli = c};
    struct cli_text body = {0};
    char more[32];
    snprintf(more, sizeof more, "/%s", cli_command_of(c)->name);
    sev_err e = cli_json_text(emit_remark, &c, &body);
    int code = e == SEV_OK ? ask_about(c, &r, SEV_HTTP_POST, more, sev_slice_of(body.ptr, body.len))
                           : cli_fail(c, e, NULL, "--remark");
    if (code == 0 && cli_json(c)) {
        remote_print(&r);
    } else if (code == 0 && strcmp(cli_command_of(c)->name, "retry") == 0) {
        cli_print(c, "%lld vehicles wait again\n", (long long)number(r.answer.body, "count"));
    } else if (code == 0) {
        cli_print(c, "%s is ", cli_arg(c, 0));
        cli_print_text(c, remote_text(r.answer.body, "state"));
        cli_print(c, "\n");
    }
    cli_text_free(&body);
    remote_close(&r);
    return code;
}

/* -------------------------------------------------------------------- lists */

/* Every page; prints entries, or collects them for --json. */
static int each_page(struct cli *c, struct remote *r, const char *path, const char *query,
                     void (*print)(struct cli *c, sev_slice item))
{
    struct cli_text at = {0}, cursor = {0};
    int code = 0;
    bool more = true, first = true;
    if (cli_json(c))
        cli_print(c, "[");
    while (code == 0 && more) {
        at.len = 0;
        cli_text_printf(&at, "%s?limit=1000%s%s%s", path, query, cursor.len != 0 ? "&cursor=" : "",
                        cursor.len != 0 ? cursor.ptr : "");
        if (at.failed || cursor.failed)
            return out_of_memory(c);
        code = remote_ask(r, &(struct remote_ask){.path = at.ptr});
        if (code != 0)
            break;
        sev_json j = sev_json_at(sev_json_get(r->answer.body, "items"));
        sev_json_array(&j);
        while (sev_json_element(&j)) {
            sev_slice item = SEV_EMPTY;
            sev_json_skip(&j, &item);
            if (cli_json(c)) {
                cli_print(c, "%s", first ? "" : ",");
                cli_print_bytes(c, item);
            } else {
                print(c, item);
            }
            first = false;
        }
        sev_slice next = remote_text(r->answer.body, "next");
        more = next.len != 0;
        cursor.len = 0;
        cli_text_put(&cursor, next.ptr, next.len);
    }
    if (cli_json(c))
        cli_print(c, "]\n");
    cli_text_free(&at);
    cli_text_free(&cursor);
    return code;
}

static void print_member_of(struct cli *c, sev_slice o, const char *name)
{
    cli_print_text(c, remote_text(o, name));
}

static void print_campaign(struct cli *c, sev_slice o)
{
    print_member_of(c, o, "name");
    cli_print(c, "  ");
    print_member_of(c, o, "state");
    cli_print(c, "  ");
    print_member_of(c, o, "reason");
    cli_print(c, "\n");
}

static int run_list(struct cli *c)
{
    struct remote r;
    int code = remote_open(c, &r);
    if (code == 0)
        code = each_page(c, &r, "/campaigns", "", print_campaign);
    remote_close(&r);
    return code;
}

static void print_vehicle(struct cli *c, sev_slice o)
{
    print_member_of(c, o, "vehicle");
    cli_print(c, "  group %lld  ", (long long)number(o, "group"));
    print_member_of(c, o, "state");
    if (number(o, "tries") > 1)
        cli_print(c, "  try %lld", (long long)number(o, "tries"));
    cli_print(c, "  ");
    print_member_of(c, o, "reason");
    cli_print(c, "\n");
}

static int run_members(struct cli *c)
{
    struct remote r;
    struct cli_text path = {0};
    char query[40] = "";
    const char *state = cli_opt(c, "state");
    if (state != NULL)
        snprintf(query, sizeof query, "&state=%s", state);
    put_path(c, &path, "/members");
    int code = remote_open(c, &r);
    if (code == 0 && path.failed)
        code = out_of_memory(c);
    if (code == 0)
        code = each_page(c, &r, path.ptr, query, print_vehicle);
    cli_text_free(&path);
    remote_close(&r);
    return code;
}

/* ------------------------------------------------------------------ progress */

static void print_counts(struct cli *c, sev_slice counts)
{
    static const char *const states[] = {"succeeded", "failed",  "assigned", "overdue",
                                         "waiting",   "skipped", "withdrawn"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (number(counts, states[i]) != 0)
            cli_print(c, "  %s %lld", states[i], (long long)number(counts, states[i]));
    cli_print(c, "\n");
}

static void print_progress(struct cli *c, sev_slice progress)
{
    int group = 0;
    sev_json j = sev_json_at(sev_json_get(progress, "groups"));
    sev_json_array(&j);
    while (sev_json_element(&j)) {
        sev_slice counts = SEV_EMPTY;
        sev_json_skip(&j, &counts);
        cli_print(c, "group %d", group++);
        print_counts(c, counts);
    }
}

static int run_show(struct cli *c)
{
    static const char *const people[] = {"author", "submitter", "approver"};
    struct remote r = {.cli = c}, progress = {.cli = c};
    int code = ask_about(c, &r, SEV_HTTP_GET, "", SEV_EMPTY);
    if (code == 0 && cli_json(c)) {
        remote_print(&r);
    } else if (code == 0) {
        print_campaign(c, r.answer.body);
        for (size_t i = 0; i < 3; i++) {
            cli_print(c, "%s%s ", i == 0 ? "" : "  ", people[i]);
            print_member_of(c, r.answer.body, people[i]);
        }
        cli_print(c, "\n");
        code = ask_about(c, &progress, SEV_HTTP_GET, "/progress", SEV_EMPTY);
        if (code == 0)
            print_progress(c, progress.answer.body);
    }
    remote_close(&r);
    remote_close(&progress);
    return code;
}

#define BAR 30

/* One line that a terminal shows in place of the last one; elsewhere a note whenever it changes. */
static void draw(struct cli *c, sev_slice progress, struct cli_text *last)
{
    sev_slice all = sev_json_get(progress, "all"), state = remote_text(progress, "state");
    int64_t done = number(all, "succeeded"), failed = number(all, "failed");
    int64_t total =
        done + failed + number(all, "waiting") + number(all, "assigned") + number(all, "overdue");
    char bar[BAR + 1] = {0};
    struct cli_text line = {0};
    for (int64_t i = 0; i < BAR; i++)
        bar[i] = (char)(total == 0 || i >= BAR * (done + failed) / total ? '.'
                        : i < BAR * done / total                         ? '#'
                                                                         : 'x');
    cli_text_printf(&line, "[%s] %lld of %lld, %lld failed, %lld on their way, %lld overdue: ", bar,
                    (long long)done, (long long)total, (long long)failed,
                    (long long)number(all, "assigned"), (long long)number(all, "overdue"));
    cli_text_put_safe(&line, state);
    bool same =
        line.len == last->len && last->len != 0 && memcmp(line.ptr, last->ptr, line.len) == 0;
    if (!line.failed && !same && !cli_json(c)) {
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K%s", line.ptr);
        else
            cli_note(c, "%s", line.ptr);
    }
    cli_text_free(last);
    *last = line;
}

static bool is(sev_slice state, const char *word)
{
    return sev_slice_eq(state, text(word));
}

static int run_watch(struct cli *c)
{
    struct remote r;
    struct cli_text path = {0}, last = {0};
    uint64_t interval = 2;
    sev_slice state = SEV_EMPTY;
    int code = cli_opt_integer(c, "interval", 1, 3600, &interval);
    if (code != 0)
        return code;
    put_path(c, &path, "/progress");
    code = remote_open(c, &r);
    while (code == 0) {
        code = remote_ask(&r, &(struct remote_ask){.path = path.ptr});
        if (code != 0)
            break;
        draw(c, r.answer.body, &last);
        state = remote_text(r.answer.body, "state");
        if (is(state, "done") || is(state, "aborted") || is(state, "paused"))
            break;
        (void)nanosleep(&(struct timespec){.tv_sec = (time_t)interval}, NULL);
    }
    if (last.len != 0 && !cli_json(c) && isatty(STDERR_FILENO))
        fprintf(stderr, "\n");
    if (code == 0 && is(state, "done")) {
        if (cli_json(c))
            remote_print(&r);
        else
            print_progress(c, r.answer.body);
    } else if (code == 0) {
        sev_slice why = remote_text(r.answer.body, "reason");
        code =
            cli_fail(c, SEV_E_WRONG_STATE, NULL, "%s is %.*s: %.*s", cli_arg(c, 0), (int)state.len,
                     (const char *)state.ptr, (int)why.len, (const char *)why.ptr);
    }
    cli_text_free(&path);
    cli_text_free(&last);
    remote_close(&r);
    return code;
}

/* ----------------------------------------------------------------- invalidate */

static void emit_invalidation(sev_json_writer *w, const void *context)
{
    struct cli *c = *(struct cli *const *)context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "remark", text(cli_opt(c, "remark")));
    sev_json_w_string_member(w, "sha256", text(cli_arg(c, 0)));
    sev_json_w_object_end(w);
}

static int run_invalidate(struct cli *c)
{
    struct remote r = {.cli = c};
    struct cli_text body = {0};
    sev_err e = cli_json_text(emit_invalidation, &c, &body);
    int code = e == SEV_OK ? remote_open(c, &r) : cli_fail(c, e, NULL, "--remark");
    if (code == 0)
        code = remote_ask(&r, &(struct remote_ask){.method = SEV_HTTP_POST,
                                                   .path = "/releases/invalidate",
                                                   .body = sev_slice_of(body.ptr, body.len)});
    if (code == 0 && cli_json(c))
        remote_print(&r);
    else if (code == 0)
        cli_print(c, "nobody gets it any more; where it is not installed it is taken back\n");
    cli_text_free(&body);
    remote_close(&r);
    return code;
}

/* --------------------------------------------------------------------- table */

static const struct cli_option options[] = {REMOTE_API_OPTIONS, {0}};
#define REMARK                                                                                     \
    {                                                                                              \
        .name = "remark", .value = "TEXT", .help = "why, for the others and the audit"             \
    }
#define REMARK_NEEDED                                                                              \
    {                                                                                              \
        .name = "remark", .value = "TEXT", .flags = CLI_REQUIRED,                                  \
        .help = "why, for the others and the audit"                                                \
    }
static const struct cli_option may_remark[] = {REMARK, {0}};
static const struct cli_option must_remark[] = {REMARK_NEEDED, {0}};
static const struct cli_option abort_options[] = {
    REMARK_NEEDED, {.name = "withdraw", .help = "take back what is not installed"}, {0}};
static const struct cli_option member_options[] = {
    {.name = "state",
     .value = "STATE",
     .choices = "waiting assigned overdue succeeded failed skipped withdrawn",
     .help = "only those in this state"},
    {0}};
static const struct cli_option watch_options[] = {
    {.name = "interval", .value = "SECONDS", .fallback = "2", .help = "how often to look"}, {0}};
static const struct cli_positional file_argument[] = {
    {"FILE", "the definition, JSON; docs/campaigns.md says what may stand in it", CLI_REQUIRED},
    {0}};
static const struct cli_positional name_argument[] = {{"NAME", "the campaign", CLI_REQUIRED}, {0}};
static const struct cli_positional digest_argument[] = {
    {"SHA256", "of the image's bytes, in hex", CLI_REQUIRED}, {0}};

#define ACT(name_, summary_, options_)                                                             \
    {                                                                                              \
        .name = name_, .summary = summary_, .options = options_, .positionals = name_argument,     \
        .run = run_act                                                                             \
    }

static const struct cli_command subcommands[] = {
    {.name = "check",
     .summary = "Look at a definition, here",
     .positionals = file_argument,
     .run = run_check},
    {.name = "create",
     .summary = "Draft a campaign",
     .positionals = file_argument,
     .run = run_create},
    {.name = "list", .summary = "List the campaigns", .run = run_list},
    {.name = "show",
     .summary = "Show a campaign, and how far it is",
     .positionals = name_argument,
     .run = run_show},
    {.name = "members",
     .summary = "List the vehicles of a campaign",
     .options = member_options,
     .positionals = name_argument,
     .run = run_members},
    {.name = "watch",
     .summary = "Watch a campaign until it is done, or stops",
     .details = "Fails when the campaign is paused or aborted.",
     .options = watch_options,
     .positionals = name_argument,
     .run = run_watch},
    ACT("submit", "Ask another operator for approval", may_remark),
    ACT("approve", "Agree to a campaign that somebody else wrote and submitted", must_remark),
    ACT("reject", "Give a campaign back to who wrote it", must_remark),
    ACT("pause", "Give nobody anything for now", may_remark),
    ACT("resume", "Go on, as carefully as in the beginning", may_remark),
    ACT("retry", "Let those that failed wait again", may_remark),
    ACT("abort", "End a campaign", abort_options),
    {.name = "invalidate",
     .summary = "Give a release to nobody any more",
     .details = "By no campaign and no operator, for ever; where it is assigned and not installed "
                "it is taken back.",
     .options = must_remark,
     .positionals = digest_argument,
     .run = run_invalidate},
    {0}};

const struct cli_command cmd_campaign = {
    .name = "campaign",
    .summary = "Bring a release to many vehicles",
    .details = "What one operator drafts and submits another one has to approve; then the Director "
               "gives it to group after group, and pauses by itself when too many fail.",
    .options = options,
    .subcommands = subcommands};
