/* cli - the frame of `secureev`: one table of commands from which parsing, --help, the man page
 * and shell completion come. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_H
#define SEV_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secureev/err.h"
#include "secureev/fs.h"
#include "secureev/json.h"
#include "secureev/slice.h"
#include "secureev/text.h"

/* How to add a command `frob`:
 *
 *  1. Write apps/cli/cmd_frob.c:
 *
 *       #include "cli.h"
 *
 *       static int run(struct cli *c)
 *       {
 *           const char *dir = cli_opt(c, "state");          // NULL when not given, no default
 *           if (!cli_flag(c, "force") && exists(dir))
 *               return cli_fail(c, SEV_E_EXISTS, "give --force", "%s is not empty", dir);
 *           if (cli_json(c))
 *               return cli_print_json(c, emit, &result);     // emit(writer, &result)
 *           cli_print(c, "done: %s\n", cli_arg(c, 0));
 *           return 0;
 *       }
 *
 *       static const struct cli_option options[] = {
 *           {.name = "state", .value = "DIR", .flags = CLI_REQUIRED, .help = "where state lives"},
 *           {.name = "force", .help = "overwrite"},          // no .value: a flag
 *           {0}};
 *
 *       const struct cli_command cmd_frob = {
 *           .name = "frob", .summary = "Frob a file", .options = options, .run = run};
 *
 *     A command of several words has `.subcommands` (a table ending in {0}) instead of `.run`;
 *     its options are then options of each of them, and may stand before or after their word.
 *     An option that several sub-commands of a group have takes a value in all of them or in none.
 *
 *  2. Add X(frob) to COMMANDS in main.c.
 *
 * `run` returns the exit code: 0, or what cli_fail() gave it. Print nothing yourself: what goes
 * through cli_print() is written at the end, checked, and never mixed with errors. Give words that
 * came from outside to cli_print_text(), which lets no terminal escape through. */

enum {
    CLI_REQUIRED = 1, /**< must be given */
    CLI_REPEATED = 2, /**< may be given more than once: read with cli_opt_all(), cli_arg() */
    CLI_RAW = 4,      /**< the word that follows is the value even if it looks like an option */
};

/** An option `--name`, or `--name VALUE` when `value` is not NULL. Tables end with {0}. */
struct cli_option {
    const char *name;     /**< without the dashes */
    const char *value;    /**< what the value is called; FILE and DIR complete as such */
    const char *help;     /**< a phrase, lower case, no full stop */
    const char *choices;  /**< the allowed values, separated by blanks; NULL: any */
    const char *fallback; /**< the value when not given; NULL: none */
    const char *shown;    /**< text for "default:" in the help where it is not a constant */
    unsigned flags;
};

/** A word after the command. Only the last one of a table may be CLI_REPEATED or not required. */
struct cli_positional {
    const char *name; /**< upper case */
    const char *help;
    unsigned flags;
};

struct cli_example {
    const char *what;    /**< "Make a key", no full stop */
    const char *command; /**< the whole line; may contain line feeds */
};

struct cli;
struct cli_command {
    const char *name;
    const char *summary; /**< one line, imperative, no full stop */
    const char *details; /**< paragraphs, separated by an empty line; may be NULL */
    const struct cli_option *options;
    const struct cli_positional *positionals;
    const struct cli_example *examples;
    const struct cli_command *subcommands;
    int (*run)(struct cli *c);
    int usage_exit;   /**< exit code of usage errors where it is not 2; holds for sub-commands */
    bool errors_json; /**< errors are JSON even without --json; holds for sub-commands */
    bool prints_text; /**< the answer is for people; with --json, {"text": ...} */
    bool answer_optional; /**< done is done, though nobody takes the answer: still exit 0 */
};

enum { CLI_EXIT_OK = 0, CLI_EXIT_FAILED = 1, CLI_EXIT_USAGE = 2 };

/* ---------------------------------------------------- what was asked for */

/** Value of an option (the last one given), its default, or NULL. */
const char *cli_opt(const struct cli *c, const char *name);
/** All values in the order given; the array belongs to `c`. Defaults are not in it. */
const char *const *cli_opt_all(const struct cli *c, const char *name, size_t *out_count);
bool cli_flag(const struct cli *c, const char *name);
/** Word number `i` after the command, or NULL. */
const char *cli_arg(const struct cli *c, size_t i);
size_t cli_arg_count(const struct cli *c);
/** Was --json given? */
bool cli_json(const struct cli *c);
/** The command that runs. */
const struct cli_command *cli_command_of(const struct cli *c);
/** The commands at the top, ending with NULL. */
const struct cli_command *const *cli_commands_of(const struct cli *c);

/** A decimal option between `min` and `max`: 0, or the exit code of a usage error that was
 *  reported. Not given and no default: `out` keeps its value. */
SEV_MUST_USE int cli_opt_integer(struct cli *c, const char *name, uint64_t min, uint64_t max,
                                 uint64_t *out);
/** The time in option `name` (RFC 3339, any spelling of it that is not before 1970), or of the
 *  system clock when it was not given. As above. */
SEV_MUST_USE int cli_opt_time(struct cli *c, const char *name, sev_time *out);

/* ---------------------------------------------------------------- output */

#if defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/** Text that grows. `failed` sticks when memory ran out. Zero-initialise; free with cli_text_free.
 */
struct cli_text {
    char *ptr; /**< NUL-terminated, or NULL while empty */
    size_t len;
    size_t cap;
    bool failed;
};
void cli_text_put(struct cli_text *t, const void *bytes, size_t len);
void cli_text_printf(struct cli_text *t, const char *format, ...) CLI_PRINTF(2, 3);
void cli_text_vprintf(struct cli_text *t, const char *format, va_list args);
/** As cli_text_put, but control characters, bidirectional overrides and what is not UTF-8 become
 *  \xNN: a file from outside does not get to write to the terminal. */
void cli_text_put_safe(struct cli_text *t, sev_slice text);
void cli_text_free(struct cli_text *t);

/** To standard output, when the command has ended. */
void cli_print(struct cli *c, const char *format, ...) CLI_PRINTF(2, 3);
void cli_print_text(struct cli *c, sev_slice text);
void cli_print_bytes(struct cli *c, sev_slice bytes);

/** Writes one JSON value; it may be called more than once, with more room each time. */
typedef void cli_emit(sev_json_writer *w, const void *context);
/** One JSON value on a line of standard output. 0, or an exit code to return. */
SEV_MUST_USE int cli_print_json(struct cli *c, cli_emit *emit, const void *context);
/** As cli_print_json, into `out` without the line feed. */
SEV_MUST_USE sev_err cli_json_text(cli_emit *emit, const void *context, struct cli_text *out);

/** A string that came from outside, such as a path: what is not UTF-8 becomes \\xNN. */
void cli_json_text_of(sev_json_writer *w, sev_slice text);
void cli_json_member(sev_json_writer *w, const char *name, const char *text);

/** At once to standard error, with "secureev: " before it; not with --json. For what a person
 *  should know while or although all goes well. */
void cli_note(struct cli *c, const char *format, ...) CLI_PRINTF(2, 3);
/** Several lines of text below a note, each made safe for the terminal. */
void cli_note_lines(struct cli *c, sev_slice text);

/* ---------------------------------------------------------------- errors */

struct cli_failure {
    sev_err err;
    const char *detail;     /**< what exactly; may be NULL, may come from outside */
    const char *hint;       /**< the next step; may be NULL */
    const char *repository; /**< may be NULL */
    const char *role;       /**< may be NULL */
};

/** Report on one line of standard error and return the exit code: as a sentence, or with --json as
 *  the object {attack, class, detail, error, hint?, repository, role}. At most once per run. */
int cli_report(struct cli *c, const struct cli_failure *failure);
/** As cli_report; `hint` may be NULL, `format` makes the detail. */
int cli_fail(struct cli *c, sev_err err, const char *hint, const char *format, ...)
    CLI_PRINTF(4, 5);
/** As cli_fail for an error of a function of fs.h, which noted what failed where. */
int cli_fail_fs(struct cli *c, sev_err err, const char *hint);
/** As cli_fail(SEV_E_USAGE), with a hint that names this command's --help. */
int cli_usage(struct cli *c, const char *format, ...) CLI_PRINTF(2, 3);

/** The file system of this run; its notes are for cli_fail_fs. */
const struct sev_fs *cli_fs(struct cli *c);

/* --------------------------------------------------------- for main alone */

/** Parse, run, print. Returns the exit code. */
int cli_main(int argc, char **argv, const struct cli_command *const *commands, int out_fd,
             int err_fd);

/* ------------------------------------- for the commands about the commands */

#define CLI_DEPTH_MAX 3 /* words of a command */

extern const struct cli_option cli_global_options[];
/** --help of the command whose words are path[0..depth); depth 0: the general one. */
void cli_help(const struct cli_command *const *commands, const struct cli_command *const *path,
              size_t depth, struct cli_text *out);
/** "secureev key list --keystore DIR ...": its usage on one line. */
void cli_put_usage(const struct cli_command *const *path, size_t depth, struct cli_text *out);
/** "secureev key list". */
void cli_put_path(const struct cli_command *const *path, size_t depth, struct cli_text *out);
/** Call `visit` for every command, groups before their members. */
void cli_walk(const struct cli_command *const *commands,
              void (*visit)(const struct cli_command *const *path, size_t depth, void *context),
              void *context);
/** A mistake in the tables themselves, in words; NULL when there is none. */
const char *cli_tables_fault(const struct cli_command *const *commands, struct cli_text *out);

#endif
