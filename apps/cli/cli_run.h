/* cli_run - what one run of the command line knows; for cli*.c alone.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_RUN_H
#define SEV_CLI_RUN_H

#include "cli.h"

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL: a flag */
};

struct cli {
    const struct cli_command *const *commands;
    const struct cli_command *path[CLI_DEPTH_MAX];
    size_t depth;
    struct cli_given *given; /* in the order given */
    size_t given_count;
    const char **values; /* grouped by option, for cli_opt_all */
    const char **args;
    size_t arg_count;
    bool help;
    bool json;
    bool failed; /* an error was reported */
    struct cli_text out;
    int out_fd;
    int err_fd;
    struct sev_fs fs;
    struct sev_fs_note note;
};

/** Make sense of the words. 0, or the exit code of the error that was reported. */
int cli_parse(struct cli *c, int argc, char **argv);

/** Walk the options that hold for path[0..depth): its own, its ancestors', the global ones.
 *  `i` starts at 0 and is moved on; NULL ends. */
const struct cli_option *cli_next_option(const struct cli_command *const *path, size_t depth,
                                         size_t *level, size_t *i);

/** "--name VALUE" or "--name". */
void cli_put_option(const struct cli_option *option, struct cli_text *out);

/** Of the words offered one by one, the nearest to `word` by edits. */
struct cli_nearest {
    const char *word;
    const char *best;
    size_t distance;
};
void cli_nearest_offer(struct cli_nearest *n, const char *candidate);

/** Write all of it. @retval false  the descriptor does not take it */
bool cli_write_all(int fd, const char *bytes, size_t len);

/** RFC 3339, to the second. @retval false  not a time that we take; `out` untouched */
bool cli_time_parse(const char *text, sev_time *out);

int cli_usage_exit(const struct cli *c);

#endif
