/* table - every section and key of our configuration files: the manual, the defaults and the check.
 * SPDX-License-Identifier: MIT */
#include "secureev/config.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, SEV_CONFIG_TEXT, NULL, 0, 0, NULL, NULL                                              \
    }
#define DAY 86400

static const struct sev_config_key signer[] = {
    {"socket", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "Unix socket to listen on"},
    {"keystore", SEV_CONFIG_PATH, NULL, 0, 0, NULL, "folder of `secureev key` with the keys"},
    {"passphrase_file", SEV_CONFIG_PATH, NULL, 0, 0, NULL,
     "its first line opens the keys; readable by the signer's user alone"},
    {"log", SEV_CONFIG_CHOICE, "text", 0, 0, "text json", "form of the lines on standard error"},
    END,
};

static const struct sev_config_key key[] = {
    {"key", SEV_CONFIG_TEXT, "", 0, 0, NULL,
     "name or id in the keystore, where it is not called as this section"},
    {"repository", SEV_CONFIG_CHOICE, NULL, 0, 0, "director images regulator",
     "whose files it signs"},
    {"sign", SEV_CONFIG_WORDS, NULL, 0, 0,
     "timestamp snapshot targets status-reply grant submission time",
     "the types of documents that it signs"},
    {"users", SEV_CONFIG_WORDS, NULL, 0, 0, NULL,
     "names or numbers of the users whose processes may ask"},
    {"profile", SEV_CONFIG_CHOICE, "native", 0, 0, "native aktualizr", "dialect of what it signs"},
    {"life_max", SEV_CONFIG_SECONDS, "15d", 60, 400 * DAY, NULL,
     "no document is signed that expires later than this from now"},
    {"per_minute", SEV_CONFIG_NUMBER, "60000", 1, 10000000, NULL,
     "no more signatures than this in a minute"},
    END,
};

const struct sev_config_section sev_config_table[] = {
    {"signer", false, "secureev-signer, the process that holds the online keys", signer},
    {"key", true, "a key of the signer and what it may sign", key},
    {NULL, false, NULL, NULL},
};
