/* passphrase - secrets of people: from a file, a descriptor or the terminal; never from an argument
 * or the environment, which other processes can read. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_PASSPHRASE_H
#define SEV_CLI_PASSPHRASE_H

#include "cli.h"

#define CLI_SECRET_BYTES_MAX 1024u /* a passphrase is typed or generated: this is ample */

struct cli_secret {
    size_t len;
    char bytes[CLI_SECRET_BYTES_MAX];
};

/** The two options of one passphrase, for an option table. `prefix` is "" or "new-" and the like;
 *  `whose` goes on "the passphrase", as in " of the new key". */
#define CLI_PASSPHRASE_OPTIONS(prefix, whose)                                                      \
    {.name = prefix "passphrase-file",                                                             \
     .value = "FILE",                                                                              \
     .help = "file whose first line is the passphrase" whose},                                     \
    {                                                                                              \
        .name = prefix "passphrase-fd", .value = "N",                                              \
        .help = "open descriptor whose next line is the passphrase" whose                          \
    }

enum cli_ask {
    CLI_ASK_ONCE,
    CLI_ASK_TWICE, /**< on creation: a slip of the finger would lock the key for ever */
};

/**
 * Get the passphrase of options --<prefix>passphrase-file or --<prefix>passphrase-fd, or else ask
 * at the terminal with `prompt`, without echo. Empty, longer than CLI_SECRET_BYTES_MAX and both
 * options at once are refused.
 *
 * @return 0, or the exit code of an error that was reported. Wipe `out` with cli_secret_wipe.
 */
SEV_MUST_USE int cli_passphrase(struct cli *c, const char *prefix, const char *prompt,
                                enum cli_ask ask, struct cli_secret *out);
static inline sev_slice cli_secret_slice(const struct cli_secret *s)
{
    return sev_slice_of(s->bytes, s->len);
}
void cli_secret_wipe(struct cli_secret *s);

#endif
