/* cmd_completion - `secureev completion bash|zsh`: a script for the shell, from the tables.
 * SPDX-License-Identifier: MIT */
#include "cli_run.h"

/* Both shells: what stands at a command, and how an option's value is completed. */
static const char data_head[] =
    "# What may follow a command: sets commands, options, and valued, those that take a value.\n"
    "_secureev_at() {\n"
    "    commands= options= valued=\n"
    "    case $1 in\n";
static const char value_head[] =
    "# What an option's value may be: sets choices, or kind to file or dir.\n"
    "_secureev_value() {\n"
    "    choices= kind=\n"
    "    case $1 in\n";
static const char end_case[] = "    esac\n}\n";

static const char bash_tail[] =
    "_secureev() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} here= skip= last= word i\n"
    "    local commands options valued choices kind\n"
    "    COMPREPLY=()\n"
    "    _secureev_at \"$here\"\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        last=\n"
    "        if [[ -n $skip ]]; then\n"
    "            skip=\n"
    "        elif [[ $word == -* ]]; then\n"
    "            [[ \" $valued \" == *\" $word \"* ]] && skip=1 last=$word\n"
    "        elif [[ \" $commands \" == *\" $word \"* ]]; then\n"
    "            here=\"${here:+$here }$word\"\n"
    "            _secureev_at \"$here\"\n"
    "        fi\n"
    "    done\n"
    "    if [[ -n $skip ]]; then\n"
    "        _secureev_value \"$here $last\"\n"
    "        case $kind in\n"
    "        dir) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "        file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "        *) mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\") ;;\n"
    "        esac\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
    "    elif [[ -n $commands ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    fi\n"
    "}\n"
    "complete -o filenames -F _secureev secureev\n";

static const char zsh_tail[] =
    "_secureev() {\n"
    "    local here= skip= last= word i\n"
    "    local commands options valued choices kind\n"
    "    _secureev_at \"$here\"\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=${words[i]}\n"
    "        last=\n"
    "        if [[ -n $skip ]]; then\n"
    "            skip=\n"
    "        elif [[ $word == -* ]]; then\n"
    "            [[ \" $valued \" == *\" $word \"* ]] && skip=1 last=$word\n"
    "        elif [[ \" $commands \" == *\" $word \"* ]]; then\n"
    "            here=\"${here:+$here }$word\"\n"
    "            _secureev_at \"$here\"\n"
    "        fi\n"
    "    done\n"
    "    if [[ -n $skip ]]; then\n"
    "        _secureev_value \"$here $last\"\n"
    "        case $kind in\n"
    "        dir) _files -/ ;;\n"
    "        file) _files ;;\n"
    "        *) compadd -- ${=choices} ;;\n"
    "        esac\n"
    "    elif [[ ${words[CURRENT]} == -* ]]; then\n"
    "        compadd -- ${=options}\n"
    "    elif [[ -n $commands ]]; then\n"
    "        compadd -- ${=commands}\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "compdef _secureev secureev\n";

static void put_words(const struct cli_command *const *path, size_t depth, struct cli_text *out)
{
    for (size_t i = 0; i < depth; i++)
        cli_text_printf(out, "%s%s", i == 0 ? "" : " ", path[i]->name);
}

static void valued_below(const struct cli_command *group, struct cli_text *out)
{
    for (const struct cli_command *s = group->subcommands; s != NULL && s->name != NULL; s++)
        for (const struct cli_option *o = s->options; o != NULL && o->name != NULL; o++)
            if (o->value != NULL)
                cli_text_printf(out, "--%s ", o->name);
}

static void put_at(const struct cli_command *const *path, size_t depth, void *context)
{
    struct cli_text *out = context;
    const struct cli_command *c = path[depth - 1];
    cli_text_printf(out, "    '");
    put_words(path, depth, out);
    cli_text_printf(out, "') commands='");
    for (const struct cli_command *s = c->subcommands; s != NULL && s->name != NULL; s++)
        cli_text_printf(out, "%s ", s->name);
    cli_text_printf(out, "' options='");
    size_t level = 0, i = 0;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;)
        cli_text_printf(out, "--%s ", o->name);
    cli_text_printf(out, "' valued='");
    level = 0;
    i = 0;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;)
        if (o->value != NULL)
            cli_text_printf(out, "--%s ", o->name);
    valued_below(c, out);
    cli_text_printf(out, "' ;;\n");
}

static void put_value(const struct cli_command *const *path, size_t depth, void *context)
{
    struct cli_text *out = context;
    size_t level = 0, i = 0;
    for (const struct cli_option *o; (o = cli_next_option(path, depth, &level, &i)) != NULL;) {
        const char *kind = o->value == NULL                   ? NULL
                           : strcmp(o->value, "DIR") == 0     ? "dir"
                           : strstr(o->value, "FILE") != NULL ? "file"
                                                              : NULL;
        if (kind == NULL && o->choices == NULL)
            continue;
        cli_text_printf(out, "    '");
        put_words(path, depth, out);
        cli_text_printf(out, " --%s') ", o->name);
        if (o->choices != NULL)
            cli_text_printf(out, "choices='%s' ;;\n", o->choices);
        else
            cli_text_printf(out, "kind=%s ;;\n", kind);
    }
}

static int run(struct cli *c)
{
    struct cli_text *out = &c->out;
    const char *shell = cli_arg(c, 0);
    bool zsh = strcmp(shell, "zsh") == 0;
    if (!zsh && strcmp(shell, "bash") != 0)
        return cli_usage(c, "there is no completion for \"%s\", only for bash and zsh", shell);
    cli_text_printf(out, zsh ? "#compdef secureev\n" : "# completion of secureev in bash\n");
    cli_text_printf(out, "%s    '') commands='", data_head);
    for (size_t i = 0; c->commands[i] != NULL; i++)
        cli_text_printf(out, "%s ", c->commands[i]->name);
    cli_text_printf(out, "' options='--json --help' ;;\n");
    cli_walk(c->commands, put_at, out);
    cli_text_printf(out, "%s%s", end_case, value_head);
    cli_walk(c->commands, put_value, out);
    cli_text_printf(out, "%s%s", end_case, zsh ? zsh_tail : bash_tail);
    return 0;
}

static const struct cli_positional positionals[] = {{"SHELL", "bash or zsh", CLI_REQUIRED}, {0}};

static const struct cli_example completion_examples[] = {
    {"In this bash, now", "source <(secureev completion bash)"},
    {"In every bash of this user",
     "mkdir -p ~/.local/share/bash-completion/completions\n"
     "secureev completion bash > ~/.local/share/bash-completion/completions/secureev"},
    {"In zsh, from ~/.zshrc after compinit", "source <(secureev completion zsh)"},
    {NULL, NULL}};

const struct cli_command cmd_completion = {.name = "completion",
                                           .summary = "Print the completion script of a shell",
                                           .positionals = positionals,
                                           .examples = completion_examples,
                                           .prints_text = true,
                                           .run = run};
