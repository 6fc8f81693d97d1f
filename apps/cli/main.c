/* main - the commands of `secureev`. SPDX-License-Identifier: MIT */
#include "cli.h"

/* One line per command, in the order of --help: work first, what explains the program last. */
#define COMMANDS(X)                                                                                \
    X(key)                                                                                         \
    X(token)                                                                                       \
    X(repo)                                                                                        \
    X(tuf)                                                                                         \
    X(uptane)                                                                                      \
    X(time)                                                                                        \
    X(certificate)                                                                                 \
    X(identity)                                                                                    \
    X(enrol)                                                                                       \
    X(audit)                                                                                       \
    X(inventory)                                                                                   \
    X(dev)                                                                                         \
    X(campaign)                                                                                    \
    X(operator)                                                                                    \
    X(api)                                                                                         \
    X(config)                                                                                      \
    X(completion)                                                                                  \
    X(man)                                                                                         \
    X(help)                                                                                        \
    X(version)

#define X(name) extern const struct cli_command cmd_##name;
COMMANDS(X)
#undef X

#define X(name) &cmd_##name,
static const struct cli_command *const commands[] = {COMMANDS(X) NULL};
#undef X

int main(int argc, char **argv)
{
    return cli_main(argc, argv, commands, 1, 2);
}
