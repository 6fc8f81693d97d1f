/* cmd_man - `secureev man`: the manual page as roff, from the tables of the commands.
 * SPDX-License-Identifier: MIT */
#include "cli_run.h"

/* Text of ours as roff: no line starts a request, a backslash and a hyphen are themselves. */
static void roff(struct cli_text *out, const char *text)
{
    bool line_start = out->len == 0 || out->ptr[out->len - 1] == '\n';
    for (const char *p = text; *p != '\0'; p++) {
        if (line_start && (*p == '.' || *p == '\''))
            cli_text_printf(out, "\\&");
        if (*p == '\\')
            cli_text_printf(out, "\\e");
        else if (*p == '-')
            cli_text_printf(out, "\\-");
        else
            cli_text_put(out, p, 1);
        line_start = *p == '\n';
    }
}

/* Paragraphs of `text`, each begun by .PP; single line feeds stay line breaks. */
static void paragraphs(struct cli_text *out, const char *text)
{
    cli_text_printf(out, ".PP\n");
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        struct cli_text line = {0};
        cli_text_put(&line, p, n);
        if (line.ptr != NULL)
            roff(out, line.ptr);
        out->failed = out->failed || line.failed;
        cli_text_free(&line);
        p += n;
        if (p[0] == '\n' && p[1] == '\n')
            cli_text_printf(out, "\n.PP\n");
        else if (p[0] == '\n')
            cli_text_printf(out, "\n.br\n");
        p += strspn(p, "\n");
    }
    cli_text_printf(out, "\n");
}

static void option(struct cli_text *out, const struct cli_option *o)
{
    cli_text_printf(out, ".TP\n\\fB\\-\\-");
    roff(out, o->name);
    cli_text_printf(out, "\\fR");
    if (o->value != NULL) {
        cli_text_printf(out, " \\fI");
        roff(out, o->value);
        cli_text_printf(out, "\\fR");
    }
    cli_text_printf(out, "\n");
    roff(out, o->help);
    if (o->choices != NULL) {
        cli_text_printf(out, ": ");
        roff(out, o->choices);
    }
    if (o->shown != NULL || o->fallback != NULL) {
        cli_text_printf(out, " (default: ");
        roff(out, o->shown != NULL ? o->shown : o->fallback);
        cli_text_printf(out, ")");
    }
    if ((o->flags & CLI_REQUIRED) != 0)
        cli_text_printf(out, " (required)");
    if ((o->flags & CLI_REPEATED) != 0)
        cli_text_printf(out, " (may be repeated)");
    cli_text_printf(out, "\n");
}

static void examples(struct cli_text *out, const struct cli_example *e)
{
    for (; e != NULL && e->what != NULL; e++) {
        cli_text_printf(out, ".PP\n");
        roff(out, e->what);
        cli_text_printf(out, ":\n.PP\n.nf\n.RS\n");
        roff(out, e->command);
        cli_text_printf(out, "\n.RE\n.fi\n");
    }
}

static void command(const struct cli_command *const *path, size_t depth, void *context)
{
    struct cli_text *out = context;
    const struct cli_command *c = path[depth - 1];
    struct cli_text name = {0}, usage = {0};
    cli_put_path(path, depth, &name);
    cli_put_usage(path, depth, &usage);
    if (!name.failed && !usage.failed) {
        cli_text_printf(out, ".SS \"");
        roff(out, name.ptr);
        cli_text_printf(out, "\"\n");
        roff(out, c->summary);
        cli_text_printf(out, ".\n.PP\n.RS\n");
        roff(out, usage.ptr);
        cli_text_printf(out, "\n.RE\n");
    }
    out->failed = out->failed || name.failed || usage.failed;
    cli_text_free(&name);
    cli_text_free(&usage);
    if (c->details != NULL)
        paragraphs(out, c->details);
    for (const struct cli_positional *p = c->positionals; p != NULL && p->name != NULL; p++) {
        cli_text_printf(out, ".TP\n\\fI%s\\fR\n", p->name);
        roff(out, p->help);
        cli_text_printf(out, "\n");
    }
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        option(out, o);
    if (c->usage_exit == CLI_EXIT_FAILED)
        cli_text_printf(out, ".PP\nExit status: 0 is success, 1 anything else.\n");
    examples(out, c->examples);
}

static int run(struct cli *c)
{
    struct cli_text *out = &c->out;
    struct cli_text fault = {0};
    /* The manual is made when the program is: the moment to look at the tables themselves. */
    const char *what = cli_tables_fault(c->commands, &fault);
    int code = what != NULL ? cli_fail(c, SEV_E_BUG, NULL, "%s", what) : 0;
    cli_text_free(&fault);
    if (code != 0)
        return code;
    cli_text_printf(out,
                    ".TH SECUREEV 1 \"\" \"secureev %s\" \"User Commands\"\n"
                    ".SH NAME\nsecureev \\- signed updates for vehicles: keys, repositories, "
                    "verification\n"
                    ".SH SYNOPSIS\n.B secureev\n.I COMMAND\n[\\fIOPTIONS\\fR]\n"
                    ".SH DESCRIPTION\n"
                    "Options are two words (\\fB\\-\\-name\\fR \\fIVALUE\\fR) or one "
                    "(\\fB\\-\\-name=\\fR\\fIVALUE\\fR), in any order, anywhere after the "
                    "command's first word. After \\fB\\-\\-\\fR nothing is an option. An option of "
                    "a group of commands holds for each of them.\n"
                    ".SH OPTIONS\nThese hold for every command.\n",
                    SEV_VERSION);
    for (const struct cli_option *o = cli_global_options; o->name != NULL; o++)
        option(out, o);
    cli_text_printf(out, ".SH COMMANDS\n");
    cli_walk(c->commands, command, out);
    cli_text_printf(out, ".SH EXIT STATUS\n.TP\n0\nsuccess\n.TP\n1\nrefused or failed: one line on "
                         "standard error says why\n.TP\n2\nthe command line is not understood: "
                         "nothing was done\n"
                         ".PP\nA command with other exit codes says so above. With "
                         "\\fB\\-\\-json\\fR an error is one JSON object on one line of standard "
                         "error, with the members attack, class, detail, error, repository, role "
                         "and sometimes hint.\n");
    return 0;
}

static const struct cli_example man_examples[] = {
    {"Read it", "secureev man | man -l -"},
    {"Install it", "secureev man > /usr/local/share/man/man1/secureev.1"},
    {NULL, NULL}};

const struct cli_command cmd_man = {.name = "man",
                                    .summary = "Print the manual page (roff)",
                                    .examples = man_examples,
                                    .prints_text = true,
                                    .run = run};
