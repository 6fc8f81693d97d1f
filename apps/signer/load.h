/* load - from the configuration file to a signer with its keys.  SPDX-License-Identifier: MIT */
#ifndef SEV_SIGNER_LOAD_H
#define SEV_SIGNER_LOAD_H

#include "secureev/config.h"
#include "secureev/signer.h"
#include "secureev/token.h"

#define LOAD_TOKENS_MAX 4u

struct loaded {
    struct sev_signer signer; /* keys lie in `keys` */
    struct sev_signer_key keys[SEV_SIGNER_KEYS_MAX];
    struct sev_token *tokens[LOAD_TOKENS_MAX]; /* which hold some of them */
    size_t token_count;
    char socket[SEV_FS_PATH_MAX];
    bool json_log;
};

/**
 * @param out   untouched unless SEV_OK; load_free it
 * @param note  says what is wrong
 */
SEV_MUST_USE sev_err load(const struct sev_fs *fs, const char *config_path, int64_t now_ms,
                          struct loaded *out, struct sev_config_note *note);
void load_free(struct loaded *loaded);

#endif
