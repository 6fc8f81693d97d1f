/* value - is a value what its key asks for, and what does it say?  SPDX-License-Identifier: MIT */
#ifndef SEV_CONFIG_VALUE_H
#define SEV_CONFIG_VALUE_H

#include "secureev/config.h"

/** @param reason  filled in unless true: "must be ..." */
bool config_value_ok(const struct sev_config_key *key, const char *value, char *reason,
                     size_t reason_bytes);
/** NUMBER, SECONDS or BYTES within min and max. */
bool config_value_number(const struct sev_config_key *key, const char *value, int64_t *out);
bool config_value_address(const char *value, struct sev_config_address *out);
bool config_words_contain(const char *words, const char *word, size_t len);

#endif
