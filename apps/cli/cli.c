/* cli - makes sense of the words of a command line by the tables of the commands.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "cli_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

const struct cli_option cli_global_options[] = {
    {.name = "json", .help = "answer in JSON, one value on one line; errors likewise"},
    {.name = "help", .help = "explain this command and do nothing (also -h)"},
    {0}};

/* ------------------------------------------------- looking up the tables */

const struct cli_option *cli_next_option(const struct cli_command *const *path, size_t depth,
                                         size_t *level, size_t *i)
{
    for (; *level <= depth; ++*level, *i = 0) {
        const struct cli_option *table =
            *level < depth ? path[depth - 1 - *level]->options : cli_global_options;
        if (table != NULL && table[*i].name != NULL)
            return &table[(*i)++];
    }
    return NULL;
}

/* Does the option called name[0..len) hold for path[0..depth)? */
static const struct cli_option *option_of(const struct cli_command *const *path, size_t depth,
                                          const char *name, size_t len)
{
    size_t level = 0, i = 0;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

/* Or for one of the sub-commands that may still follow? */
static const struct cli_option *option_below(const struct cli_command *group, const char *name,
                                             size_t len)
{
    for (const struct cli_command *s = group->subcommands; s != NULL && s->name != NULL; s++) {
        const struct cli_command *const path[] = {s};
        const struct cli_option *o = option_of(path, 1, name, len);
        if (o == NULL)
            o = option_below(s, name, len);
        if (o != NULL)
            return o;
    }
    return NULL;
}

static const struct cli_option *option_here_or_below(const struct cli *c, const char *name,
                                                     size_t len)
{
    const struct cli_option *o = option_of(c->path, c->depth, name, len);
    if (o == NULL && c->depth != 0)
        o = option_below(c->path[c->depth - 1], name, len);
    return o;
}

void cli_put_option(const struct cli_option *option, struct cli_text *out)
{
    cli_text_printf(out, "--%s", option->name);
    if (option->value != NULL)
        cli_text_printf(out, " %s", option->value);
}

void cli_put_path(const struct cli_command *const *path, size_t depth, struct cli_text *out)
{
    cli_text_printf(out, "secureev");
    for (size_t i = 0; i < depth; i++)
        cli_text_printf(out, " %s", path[i]->name);
}

/* ------------------------------------------------------ the nearest word */

#define EDIT_CHARS_MAX 40

/* Insertions, deletions, replacements and swaps of neighbours. */
static size_t edits(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > EDIT_CHARS_MAX || m > EDIT_CHARS_MAX)
        return EDIT_CHARS_MAX;
    size_t row[EDIT_CHARS_MAX + 1][EDIT_CHARS_MAX + 1];
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                row[i][j] = i + j;
                continue;
            }
            size_t best = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (row[i - 1][j] + 1 < best)
                best = row[i - 1][j] + 1;
            if (row[i][j - 1] + 1 < best)
                best = row[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                row[i - 2][j - 2] + 1 < best)
                best = row[i - 2][j - 2] + 1;
            row[i][j] = best;
        }
    }
    return row[n][m];
}

void cli_nearest_offer(struct cli_nearest *n, const char *candidate)
{
    size_t d = edits(n->word, candidate);
    if (n->best == NULL || d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}

/* Half of it is right: worth naming. */
static bool is_near(const struct cli_nearest *n)
{
    return n->best != NULL && n->distance <= (strlen(n->word) + 1) / 2;
}

/* ---------------------------------------------------------------- errors */

/* Reports a usage error whose detail and hint were built up as texts; frees them. */
static int usage_texts(struct cli *c, struct cli_text *detail, struct cli_text *hint)
{
    int code = cli_report(c, &(struct cli_failure){.err = SEV_E_USAGE,
                                                   .detail = detail->failed ? NULL : detail->ptr,
                                                   .hint = hint->failed ? NULL : hint->ptr});
    cli_text_free(detail);
    cli_text_free(hint);
    return code;
}

static void hint_help(const struct cli *c, struct cli_text *hint)
{
    cli_text_printf(hint, "; all of them: ");
    cli_put_path(c->path, c->depth, hint);
    cli_text_printf(hint, " --help");
}

struct owner_search {
    const char *name;
    size_t len;
    struct cli_text *out;
    bool found;
};

static void find_owner(const struct cli_command *const *path, size_t depth, void *context)
{
    struct owner_search *s = context;
    const struct cli_option *table = path[depth - 1]->options;
    for (size_t i = 0; !s->found && table != NULL && table[i].name != NULL; i++)
        if (strlen(table[i].name) == s->len && memcmp(table[i].name, s->name, s->len) == 0) {
            s->found = true;
            cli_put_path(path, depth, s->out);
        }
}

/* --name is no option where it stands: name the nearest one, and say what to type. */
static int unknown_option(struct cli *c, const char *name, size_t len)
{
    struct cli_text detail = {0}, hint = {0}, owner = {0};
    char word[EDIT_CHARS_MAX + 2];
    size_t n = len < sizeof word - 1 ? len : sizeof word - 1;
    memcpy(word, name, n);
    word[n] = '\0';
    struct cli_nearest nearest = {.word = word};
    size_t level = 0, i = 0;
    for (const struct cli_option *o; (o = cli_next_option(c->path, c->depth, &level, &i)) != NULL;)
        cli_nearest_offer(&nearest, o->name);
    const struct cli_command *here = c->depth != 0 ? c->path[c->depth - 1] : NULL;
    for (const struct cli_command *s = here != NULL ? here->subcommands : NULL;
         s != NULL && s->name != NULL; s++)
        for (size_t k = 0; s->options != NULL && s->options[k].name != NULL; k++)
            cli_nearest_offer(&nearest, s->options[k].name);

    struct owner_search search = {name, len, &owner, false};
    if (nearest.distance != 0)
        cli_walk(c->commands, find_owner, &search);
    cli_put_path(c->path, c->depth, &detail);
    cli_text_printf(&detail, " has no option --%.*s", (int)len, name);
    cli_text_printf(&hint, "type: ");
    if (search.found && c->depth == 0) {
        cli_text_printf(&detail, "; it belongs to %s, whose word comes first", owner.ptr);
        cli_text_printf(&hint, "%s --%.*s", owner.ptr, (int)len, name);
        hint_help(c, &hint);
    } else if (nearest.best == NULL || !is_near(&nearest)) {
        cli_put_path(c->path, c->depth, &hint);
        cli_text_printf(&hint, " --help");
    } else {
        const struct cli_option *o = option_here_or_below(c, nearest.best, strlen(nearest.best));
        cli_text_printf(&detail, "; the nearest is --%s", nearest.best);
        cli_put_path(c->path, c->depth, &hint);
        cli_text_printf(&hint, " ");
        if (o != NULL)
            cli_put_option(o, &hint);
        hint_help(c, &hint);
    }
    cli_text_free(&owner);
    return usage_texts(c, &detail, &hint);
}

static int unknown_command(struct cli *c, const char *word)
{
    struct cli_text detail = {0}, hint = {0};
    struct cli_nearest nearest = {.word = word};
    const struct cli_command *sub = c->depth != 0 ? c->path[c->depth - 1]->subcommands : NULL;
    for (size_t i = 0; c->depth == 0 && c->commands[i] != NULL; i++)
        cli_nearest_offer(&nearest, c->commands[i]->name);
    for (; sub != NULL && sub->name != NULL; sub++)
        cli_nearest_offer(&nearest, sub->name);
    cli_put_path(c->path, c->depth, &detail);
    cli_text_printf(&detail, " has no command \"%s\"", word);
    cli_text_printf(&hint, "type: ");
    cli_put_path(c->path, c->depth, &hint);
    if (is_near(&nearest)) {
        cli_text_printf(&detail, "; the nearest is \"%s\"", nearest.best);
        cli_text_printf(&hint, " %s", nearest.best);
        hint_help(c, &hint);
    } else {
        cli_text_printf(&hint, " --help");
    }
    return usage_texts(c, &detail, &hint);
}

/* ----------------------------------------------------------------- words */

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static int take_word(struct cli *c, const char *word);

static int take_option(struct cli *c, char **argv, int argc, int *at)
{
    const char *word = argv[*at];
    if (c->depth == 0 && strcmp(word, "--version") == 0) /* what strangers try first */
        return take_word(c, "version");
    if (strcmp(word, "-h") == 0) {
        c->help = true;
        return 0;
    }
    const char *name = word[1] == '-' ? word + 2 : word + 1;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct cli_option *o =
        word[1] == '-' && len != 0 ? option_here_or_below(c, name, len) : NULL;
    if (o == NULL)
        return unknown_option(c, name, len);
    if (o->value == NULL && value != NULL)
        return cli_usage(c, "--%s takes no value; write it alone", o->name);
    if (o->value != NULL && value == NULL) {
        const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
        bool option_next = next != NULL && (o->flags & CLI_RAW) == 0 &&
                           strncmp(next, "--", 2) == 0 &&
                           option_here_or_below(c, next + 2, strcspn(next + 2, "=")) != NULL;
        if (next == NULL || option_next)
            return cli_usage(c, "--%s needs a value: --%s %s%s", o->name, o->name, o->value,
                             option_next ? " (a value like an option's name: with = )" : "");
        value = next;
        ++*at;
    }
    if (o == &cli_global_options[0])
        c->json = true;
    else if (o == &cli_global_options[1])
        c->help = true;
    else
        c->given[c->given_count++] = (struct cli_given){o, value};
    return 0;
}

static int take_word(struct cli *c, const char *word)
{
    const struct cli_command *next = NULL;
    const struct cli_command *sub = c->depth != 0 ? c->path[c->depth - 1]->subcommands : NULL;
    if (c->depth != 0 && sub == NULL) {
        c->args[c->arg_count++] = word;
        return 0;
    }
    for (size_t i = 0; c->depth == 0 && c->commands[i] != NULL; i++)
        if (strcmp(c->commands[i]->name, word) == 0)
            next = c->commands[i];
    for (; sub != NULL && sub->name != NULL; sub++)
        if (strcmp(sub->name, word) == 0)
            next = sub;
    if (next == NULL || c->depth == CLI_DEPTH_MAX)
        return unknown_command(c, word);
    c->path[c->depth++] = next;
    return 0;
}

/* -------------------------------------------------- are they what it takes? */

static bool word_among(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *w = words; *w != '\0';) {
        size_t n = strcspn(w, " ");
        if (n == len && memcmp(w, word, n) == 0)
            return true;
        w += n + (w[n] == ' ');
    }
    return false;
}

/* An option may have stood before the word that decides which command's option it is. */
static int check_given(struct cli *c)
{
    for (size_t i = 0; i < c->given_count; i++) {
        struct cli_given *g = &c->given[i];
        const char *name = g->option->name;
        g->option = option_of(c->path, c->depth, name, strlen(name));
        if (g->option == NULL)
            return unknown_option(c, name, strlen(name));
        for (size_t k = 0; k < i; k++)
            if (c->given[k].option == g->option && (g->option->flags & CLI_REPEATED) == 0)
                return cli_usage(c, "--%s is given twice, and only one can hold", name);
        /* A script's variable that is not set must not pass for an option that is not given. */
        if (g->value != NULL && g->value[0] == '\0' && (g->option->flags & CLI_RAW) == 0)
            return cli_usage(c, "--%s is empty: --%s %s", name, name, g->option->value);
        if (g->option->choices != NULL && g->value != NULL &&
            !word_among(g->option->choices, g->value))
            return cli_usage(c, "--%s cannot be \"%s\"; it is one of: %s", name, g->value,
                             g->option->choices);
    }
    size_t level = 0, i = 0;
    for (const struct cli_option *o;
         (o = cli_next_option(c->path, c->depth, &level, &i)) != NULL;) {
        bool found = (o->flags & CLI_REQUIRED) == 0;
        for (size_t k = 0; k < c->given_count; k++)
            found = found || c->given[k].option == o;
        if (!found)
            return cli_usage(c, "--%s %s is missing: %s", o->name, o->value, o->help);
    }
    return 0;
}

static int check_args(struct cli *c)
{
    const struct cli_positional *p = c->path[c->depth - 1]->positionals;
    size_t i = 0;
    for (; p != NULL && p->name != NULL; p++) {
        if (i >= c->arg_count) {
            if ((p->flags & CLI_REQUIRED) != 0)
                return cli_usage(c, "%s is missing: %s", p->name, p->help);
            continue;
        }
        i = (p->flags & CLI_REPEATED) != 0 ? c->arg_count : i + 1;
    }
    if (i < c->arg_count)
        return cli_usage(c, "\"%s\" is one word too many", c->args[i]);
    return 0;
}

/* cli_opt_all hands out one array per option: their values side by side. */
static void group_values(struct cli *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->given_count; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && c->given[k].option != c->given[i].option;
        for (size_t k = i; first && k < c->given_count; k++)
            if (c->given[k].option == c->given[i].option)
                c->values[n++] = c->given[k].value;
    }
}

int cli_parse(struct cli *c, int argc, char **argv)
{
    bool words_only = false;
    for (int i = 1; i < argc; i++) {
        int code = 0;
        if (!words_only && strcmp(argv[i], "--") == 0)
            words_only = true;
        else if (!words_only && is_option(argv[i]))
            code = take_option(c, argv, argc, &i);
        else
            code = take_word(c, argv[i]);
        if (code != 0)
            return code;
    }
    if (c->help)
        return 0;
    if (c->depth == 0)
        return cli_fail(c, SEV_E_USAGE, "type: secureev --help", "a command is missing");
    if (c->path[c->depth - 1]->run == NULL)
        return cli_usage(c, "%s needs one word more: what to do", c->path[c->depth - 1]->name);
    int code = check_given(c);
    if (code == 0)
        code = check_args(c);
    if (code == 0)
        group_values(c);
    return code;
}

/* ---------------------------------------------------- what was asked for */

/* A command asks only for options of its table: another name is a slip of ours. */
static const struct cli_option *declared(const struct cli *c, const char *name)
{
    const struct cli_option *o = option_of(c->path, c->depth, name, strlen(name));
    if (o == NULL)
        abort();
    return o;
}

const char *cli_opt(const struct cli *c, const char *name)
{
    const struct cli_option *o = declared(c, name);
    const char *value = o->fallback;
    for (size_t i = 0; i < c->given_count; i++)
        if (c->given[i].option == o)
            value = c->given[i].value;
    return value;
}

const char *const *cli_opt_all(const struct cli *c, const char *name, size_t *out_count)
{
    const struct cli_option *o = declared(c, name);
    size_t start = 0, count = 0;
    /* group_values() took the options in the order in which each was first given. */
    for (size_t i = 0; i < c->given_count; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && c->given[k].option != c->given[i].option;
        if (!first)
            continue;
        count = 0;
        for (size_t k = i; k < c->given_count; k++)
            count += c->given[k].option == c->given[i].option;
        if (c->given[i].option == o) {
            *out_count = count;
            return c->values + start;
        }
        start += count;
    }
    *out_count = 0;
    return c->values;
}

bool cli_flag(const struct cli *c, const char *name)
{
    const struct cli_option *o = declared(c, name);
    for (size_t i = 0; i < c->given_count; i++)
        if (c->given[i].option == o)
            return true;
    return false;
}

const char *cli_arg(const struct cli *c, size_t i)
{
    return i < c->arg_count ? c->args[i] : NULL;
}

size_t cli_arg_count(const struct cli *c)
{
    return c->arg_count;
}

bool cli_json(const struct cli *c)
{
    return c->json;
}

const struct cli_command *cli_command_of(const struct cli *c)
{
    return c->path[c->depth - 1];
}

const struct cli_command *const *cli_commands_of(const struct cli *c)
{
    return c->commands;
}

const struct sev_fs *cli_fs(struct cli *c)
{
    return &c->fs;
}

int cli_opt_integer(struct cli *c, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    const char *text = cli_opt(c, name);
    uint64_t value = 0;
    if (text == NULL)
        return 0;
    if (sev_decimal_parse(sev_slice_of(text, strlen(text)), &value) != SEV_OK || value < min ||
        value > max)
        return cli_usage(c, "--%s cannot be \"%s\"; it is a number from %llu to %llu", name, text,
                         (unsigned long long)min, (unsigned long long)max);
    *out = value;
    return 0;
}

/* ------------------------------------------------------------------ main */

/* Ctrl-C and the like: nothing half-written stays behind, then the signal takes its course. */
static void on_signal(int number)
{
    sev_fs_remove_temporaries_on_signal();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void handle_signals(void)
{
    static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file beyond ulimit -f is an error like a full disk */
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        struct sigaction old, action = {.sa_handler = on_signal};
        (void)sigemptyset(&action.sa_mask);
        /* nohup and background jobs of a script asked for these to be ignored: keep that. */
        if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(deadly[i], &action, NULL);
    }
}

/* A standard descriptor that is closed would be given to the next file opened, a key for instance,
 * and our answer be written into it. Opened the wrong way round: using it still fails. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static void emit_text(sev_json_writer *w, const void *context)
{
    const struct cli_text *text = context;
    sev_json_w_object(w);
    sev_json_w_string_member(w, "text", sev_slice_of(text->ptr, text->len));
    sev_json_w_object_end(w);
}

/* Help and the like, asked for in JSON. */
static int wrap_text(struct cli *c)
{
    struct cli_text text = c->out;
    c->out = (struct cli_text){0};
    int code = cli_print_json(c, emit_text, &text);
    cli_text_free(&text);
    return code;
}

static int run(struct cli *c, int argc, char **argv)
{
    int code = cli_parse(c, argc, argv);
    bool is_text = c->help;
    if (code == 0 && c->help) {
        cli_help(c->commands, c->path, c->depth, &c->out);
    } else if (code == 0) {
        is_text = c->path[c->depth - 1]->prints_text;
        code = c->path[c->depth - 1]->run(c);
    }
    if (code == 0 && is_text && c->json && !c->out.failed)
        code = wrap_text(c);
    if (c->out.failed)
        return cli_fail(c, SEV_E_MEMORY, NULL, "no memory for the answer");
    if (c->out.len != 0 && !cli_write_all(c->out_fd, c->out.ptr, c->out.len)) {
        if (code == 0 && c->path[c->depth - 1]->answer_optional) {
            cli_note(c, "standard output does not take the answer; the work is done");
            return 0;
        }
        int failed = cli_fail(c, SEV_E_IO, NULL, "standard output does not take the answer");
        return code != 0 ? code : failed;
    }
    return code;
}

int cli_main(int argc, char **argv, const struct cli_command *const *commands, int out_fd,
             int err_fd)
{
    hold_standard_descriptors();
    size_t words = argc > 0 ? (size_t)argc : 1;
    struct cli *c = calloc(1, sizeof *c);
    struct cli_given *given = calloc(words, sizeof *given);
    const char **values = calloc(words, sizeof *values);
    const char **args = calloc(words, sizeof *args);
    int code = CLI_EXIT_FAILED;
    if (c != NULL && given != NULL && values != NULL && args != NULL) {
        c->commands = commands;
        c->given = given;
        c->values = values;
        c->args = args;
        c->out_fd = out_fd;
        c->err_fd = err_fd;
        c->fs = sev_fs_posix(&c->note);
        handle_signals();
        code = run(c, argc, argv);
        cli_text_free(&c->out);
    }
    free(args);
    free(values);
    free(given);
    free(c);
    return code;
}
