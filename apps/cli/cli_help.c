/* cli_help - the words of --help, from the tables; and a check of the tables themselves.
 * SPDX-License-Identifier: MIT */
#include "cli_run.h"

#include <stdio.h>

#define COLUMNS 80u
#define HELP_COLUMN 28u

void cli_walk(const struct cli_command *const *commands,
              void (*visit)(const struct cli_command *const *path, size_t depth, void *context),
              void *context)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        const struct cli_command *path[CLI_DEPTH_MAX] = {commands[i]};
        size_t depth = 1;
        while (depth != 0) {
            visit(path, depth, context);
            /* Down if it is a group; else on to the next sister, or up to an aunt. */
            if (path[depth - 1]->subcommands != NULL && depth < CLI_DEPTH_MAX) {
                path[depth] = path[depth - 1]->subcommands;
                depth++;
            } else {
                while (depth > 1 && (++path[depth - 1])->name == NULL)
                    depth--;
                if (depth == 1)
                    depth = 0;
            }
        }
    }
}

/* Bytes up to the next blank where a line may end; in a usage line "--name VALUE" stays whole. */
static size_t unbroken(const char *p, bool usage)
{
    size_t n = strcspn(p, " \n");
    while (usage && p[n] == ' ' && p[n + 1] != '[' && p[n + 1] != '-')
        n += 1 + strcspn(p + n + 1, " \n");
    return n;
}

/* `text` in lines of at most COLUMNS; the first starts at column `at`, the others are indented. */
static void wrap_as(struct cli_text *out, const char *text, size_t at, size_t indent, bool usage)
{
    size_t column = at;
    bool fresh = true; /* nothing on this line yet */
    for (const char *p = text; *p != '\0';) {
        if (*p == '\n') {
            cli_text_printf(out, "\n");
            column = 0;
            fresh = true;
            p++;
            continue;
        }
        size_t n = unbroken(p, usage);
        if (!fresh && column + 1 + n > COLUMNS) {
            cli_text_printf(out, "\n");
            column = 0;
            fresh = true;
        }
        if (fresh && column < indent) {
            cli_text_printf(out, "%*s", (int)(indent - column), "");
            column = indent;
        }
        cli_text_printf(out, "%s%.*s", fresh ? "" : " ", (int)n, p);
        column += n + !fresh;
        fresh = false;
        p += n + (p[n] == ' ');
    }
    cli_text_printf(out, "\n");
}

static void wrap(struct cli_text *out, const char *text, size_t at, size_t indent)
{
    wrap_as(out, text, at, indent, false);
}

/* "  left            right, wrapped" */
static void row(struct cli_text *out, const char *left, size_t left_len, const char *right)
{
    cli_text_printf(out, "  %.*s", (int)left_len, left);
    size_t column = 2 + left_len;
    if (column + 2 > HELP_COLUMN) {
        cli_text_printf(out, "\n");
        column = 0;
    }
    wrap(out, right, column, HELP_COLUMN);
}

static void put_choices(struct cli_text *out, const char *choices)
{
    for (const char *p = choices; *p != '\0'; p++)
        cli_text_put(out, *p == ' ' ? ", " : p, *p == ' ' ? 2 : 1);
}

static void option_row(struct cli_text *out, const struct cli_option *o)
{
    struct cli_text left = {0}, right = {0};
    cli_put_option(o, &left);
    cli_text_printf(&right, "%s", o->help);
    if (o->choices != NULL) {
        cli_text_printf(&right, ": ");
        put_choices(&right, o->choices);
    }
    if (o->shown != NULL || o->fallback != NULL)
        cli_text_printf(&right, " (default: %s)", o->shown != NULL ? o->shown : o->fallback);
    if ((o->flags & CLI_REQUIRED) != 0)
        cli_text_printf(&right, " (required)");
    if ((o->flags & CLI_REPEATED) != 0)
        cli_text_printf(&right, " (may be repeated)");
    if (!left.failed && !right.failed)
        row(out, left.ptr, left.len, right.ptr);
    out->failed = out->failed || left.failed || right.failed;
    cli_text_free(&left);
    cli_text_free(&right);
}

void cli_put_usage(const struct cli_command *const *path, size_t depth, struct cli_text *out)
{
    const struct cli_command *command = depth != 0 ? path[depth - 1] : NULL;
    cli_put_path(path, depth, out);
    if (command == NULL || command->run == NULL)
        cli_text_printf(out, " COMMAND");
    size_t level = 0, i = 0;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;) {
        if (level == depth)
            break;
        bool required = (o->flags & CLI_REQUIRED) != 0;
        cli_text_printf(out, required ? " " : " [");
        cli_put_option(o, out);
        if ((o->flags & CLI_REPEATED) != 0)
            cli_text_printf(out, required ? "..." : " ...");
        cli_text_printf(out, required ? "" : "]");
    }
    const struct cli_positional *p = command != NULL ? command->positionals : NULL;
    for (; p != NULL && p->name != NULL; p++)
        cli_text_printf(out, (p->flags & CLI_REQUIRED) != 0 ? " %s%s" : " [%s%s]", p->name,
                        (p->flags & CLI_REPEATED) != 0 ? "..." : "");
    if (depth == 0)
        cli_text_printf(out, " [OPTIONS]");
}

static void examples(struct cli_text *out, const struct cli_example *e)
{
    if (e == NULL || e->what == NULL)
        return;
    cli_text_printf(out, "\nExamples:\n");
    for (; e->what != NULL; e++) {
        cli_text_printf(out, "  # %s\n", e->what);
        for (const char *p = e->command; *p != '\0';) {
            size_t n = strcspn(p, "\n");
            cli_text_printf(out, "  %.*s\n", (int)n, p);
            p += n + (p[n] == '\n');
        }
    }
}

static void exit_codes(struct cli_text *out, const struct cli_command *const *path, size_t depth)
{
    int usage = CLI_EXIT_USAGE;
    for (size_t i = 0; i < depth; i++)
        if (path[i]->usage_exit != 0)
            usage = path[i]->usage_exit;
    cli_text_printf(out, "\nExit status:\n  0  success\n");
    if (usage == CLI_EXIT_FAILED)
        cli_text_printf(out, "  1  anything else\n");
    else
        cli_text_printf(out, "  1  refused or failed: one line on standard error says why\n"
                             "  2  the command line is not understood: nothing was done\n");
}

static void list_commands(struct cli_text *out, const struct cli_command *const *commands,
                          const struct cli_command *sub)
{
    cli_text_printf(out, "\nCommands:\n");
    for (size_t i = 0; sub == NULL && commands[i] != NULL; i++)
        row(out, commands[i]->name, strlen(commands[i]->name), commands[i]->summary);
    for (; sub != NULL && sub->name != NULL; sub++)
        row(out, sub->name, strlen(sub->name), sub->summary);
}

static void options_of(struct cli_text *out, const struct cli_command *const *path, size_t depth)
{
    size_t level = 0, i = 0;
    bool own = false, global = false;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;) {
        if (level < depth && !own)
            cli_text_printf(out, "\nOptions:\n");
        if (level == depth && !global)
            cli_text_printf(out, "\nOptions of every command:\n");
        own = own || level < depth;
        global = global || level == depth;
        option_row(out, o);
    }
}

static void general_help(const struct cli_command *const *commands, struct cli_text *out)
{
    static const struct cli_example start[] = {
        {"What a command takes, with examples", "secureev key --help"},
        {"A first signing key", "secureev key generate --type p256 --name root-1"},
        {"Completion of commands and options in this shell", "source <(secureev completion bash)"},
        {NULL, NULL}};
    cli_text_printf(out,
                    "secureev - signed updates for vehicles: keys, repositories, verification\n"
                    "\nUsage: secureev COMMAND [OPTIONS]\n");
    list_commands(out, commands, NULL);
    options_of(out, NULL, 0);
    examples(out, start);
    exit_codes(out, NULL, 0);
    cli_text_printf(out,
                    "\nOptions are two words (--name VALUE) or one (--name=VALUE), in any order,\n"
                    "anywhere after the command's first word; after -- nothing is an option.\n"
                    "The manual: secureev man | man -l -\n");
}

void cli_help(const struct cli_command *const *commands, const struct cli_command *const *path,
              size_t depth, struct cli_text *out)
{
    if (depth == 0) {
        general_help(commands, out);
        return;
    }
    const struct cli_command *command = path[depth - 1];
    struct cli_text usage = {0};
    cli_put_usage(path, depth, &usage);
    cli_text_printf(out, "Usage: ");
    if (!usage.failed)
        wrap_as(out, usage.ptr, 7, 7, true);
    out->failed = out->failed || usage.failed;
    cli_text_free(&usage);
    cli_text_printf(out, "\n%s.\n", command->summary);
    if (command->details != NULL) {
        cli_text_printf(out, "\n");
        wrap(out, command->details, 0, 0);
    }
    if (command->subcommands != NULL)
        list_commands(out, commands, command->subcommands);
    if (command->positionals != NULL && command->positionals[0].name != NULL) {
        cli_text_printf(out, "\nArguments:\n");
        for (const struct cli_positional *p = command->positionals; p->name != NULL; p++)
            row(out, p->name, strlen(p->name), p->help);
    }
    options_of(out, path, depth);
    examples(out, command->examples);
    exit_codes(out, path, depth);
    if (command->subcommands != NULL) {
        cli_text_printf(out, "\nMore: ");
        cli_put_path(path, depth, out);
        cli_text_printf(out, " COMMAND --help\n");
    }
}

/* ------------------------------------------------------- tables in order? */

struct fault_search {
    struct cli_text *out;
    bool found;
};

static void fault(struct fault_search *s, const struct cli_command *const *path, size_t depth,
                  const char *name, const char *what)
{
    if (!s->found) {
        cli_put_path(path, depth, s->out);
        cli_text_printf(s->out, " %s: %s", name, what);
    }
    s->found = true;
}

static void check_option(struct fault_search *s, const struct cli_command *const *path,
                         size_t depth, const struct cli_option *o)
{
    if (o->help == NULL)
        fault(s, path, depth, o->name, "no help");
    if (o->value == NULL && (o->flags != 0 || o->choices != NULL || o->fallback != NULL))
        fault(s, path, depth, o->name, "a flag has no value that could be constrained");
    if ((o->flags & CLI_REQUIRED) != 0 && o->fallback != NULL)
        fault(s, path, depth, o->name, "required, and yet with a default");
    int same = 0;
    size_t level = 0, i = 0;
    for (const struct cli_option *p; (p = cli_next_option(path, depth, &level, &i)) != NULL;)
        same += strcmp(p->name, o->name) == 0;
    if (same != 1)
        fault(s, path, depth, o->name, "declared twice");
    /* Before the sub-command's word is known, all must agree whether a value follows. */
    const struct cli_command *sister = depth > 1 ? path[depth - 2]->subcommands : NULL;
    for (; sister != NULL && sister->name != NULL; sister++)
        for (size_t k = 0; sister->options != NULL && sister->options[k].name != NULL; k++)
            if (strcmp(sister->options[k].name, o->name) == 0 &&
                (sister->options[k].value == NULL) != (o->value == NULL))
                fault(s, path, depth, o->name, "takes a value in one sub-command only");
}

static void check_command(const struct cli_command *const *path, size_t depth, void *context)
{
    struct fault_search *s = context;
    const struct cli_command *c = path[depth - 1];
    if (c->summary == NULL || c->summary[strlen(c->summary) - 1] == '.')
        fault(s, path, depth, "", "summary missing, or with a full stop");
    for (const char *p = c->details; p != NULL && (p = strchr(p, '\n')) != NULL; p += 2)
        if (p[1] != '\n') {
            fault(s, path, depth, "", "a line of its details is broken by hand");
            break;
        }
    if ((c->run == NULL) == (c->subcommands == NULL))
        fault(s, path, depth, "", "neither or both of run and sub-commands");
    if (c->subcommands != NULL && (c->positionals != NULL || depth == CLI_DEPTH_MAX))
        fault(s, path, depth, "", "a group here cannot have what it has");
    for (size_t i = 0; c->options != NULL && c->options[i].name != NULL; i++)
        check_option(s, path, depth, &c->options[i]);
    const struct cli_positional *p = c->positionals;
    for (; p != NULL && p->name != NULL; p++) {
        if (p[1].name != NULL && ((p->flags & CLI_REPEATED) != 0 || (p->flags & CLI_REQUIRED) == 0))
            fault(s, path, depth, p->name, "only the last word may be optional or repeated");
        if (p->help == NULL)
            fault(s, path, depth, p->name, "no help");
    }
}

const char *cli_tables_fault(const struct cli_command *const *commands, struct cli_text *out)
{
    struct fault_search s = {out, false};
    cli_walk(commands, check_command, &s);
    return s.found ? out->ptr : NULL;
}
