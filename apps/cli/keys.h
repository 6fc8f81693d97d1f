/* keys - what every command that uses keys has in common: which keystore, which key, how it is
 * opened. SPDX-License-Identifier: MIT */
#ifndef SEV_CLI_KEYS_H
#define SEV_CLI_KEYS_H

#include "cli.h"
#include "passphrase.h"
#include "secureev/keystore.h"

#define CLI_KEYSTORE_OPTION                                                                        \
    {                                                                                              \
        .name = "keystore", .value = "DIR", .help = "folder of the keys",                          \
        .shown = "$XDG_DATA_HOME/secureev/keys or ~/.local/share/secureev/keys"                    \
    }

/* All of these report their errors: 0, or the exit code to return. */

/** Open the keystore of option --keystore. `make`: make it where absent. */
SEV_MUST_USE int cli_keystore(struct cli *c, bool make, struct sev_keystore *out);
/** Find the key called `text`: a name, or at least 8 characters of an id. */
SEV_MUST_USE int cli_key_find(struct cli *c, const struct sev_keystore *ks, const char *text,
                              struct sev_key_entry *out);
/** Open it with the passphrase of the options --<prefix>passphrase-file and -fd, or ask for it.
 *  Free with sev_privkey_free. */
SEV_MUST_USE int cli_key_open(struct cli *c, const struct sev_keystore *ks,
                              const struct sev_key_entry *entry, const char *prefix,
                              struct sev_privkey **out);
/** Report an error of the keystore. */
int cli_key_fail(struct cli *c, sev_err err, const char *what);

/** "p256", "rsa3072", ... as --type has them; static storage for one call. */
const char *cli_key_type(const struct sev_pubkey *key);
/** "root-1 (0123456789ab)" or "0123456789ab": for prompts and sentences. */
void cli_put_key(const struct sev_key_entry *entry, struct cli_text *out);

#endif
