/* cmd_help - `secureev help COMMAND`: the same as --help. SPDX-License-Identifier: MIT */
#include "cli_run.h"

static int run(struct cli *c)
{
    const struct cli_command *path[CLI_DEPTH_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < cli_arg_count(c); i++) {
        const char *word = cli_arg(c, i);
        const struct cli_command *next = NULL;
        const struct cli_command *sub = depth != 0 ? path[depth - 1]->subcommands : NULL;
        for (size_t k = 0; depth == 0 && c->commands[k] != NULL; k++)
            if (strcmp(c->commands[k]->name, word) == 0)
                next = c->commands[k];
        for (; sub != NULL && sub->name != NULL; sub++)
            if (strcmp(sub->name, word) == 0)
                next = sub;
        if (next == NULL || depth == CLI_DEPTH_MAX)
            return cli_fail(c, SEV_E_USAGE, "for all commands, type: secureev --help",
                            "there is no command \"%s\"", word);
        path[depth++] = next;
    }
    cli_help(c->commands, path, depth, &c->out);
    return 0;
}

static const struct cli_positional positionals[] = {
    {"COMMAND", "the words of a command", CLI_REPEATED}, {0}};

static const struct cli_example examples[] = {
    {"What a command takes", "secureev help key generate"}, {NULL, NULL}};

const struct cli_command cmd_help = {.name = "help",
                                     .summary = "Explain a command",
                                     .positionals = positionals,
                                     .examples = examples,
                                     .prints_text = true,
                                     .run = run};
