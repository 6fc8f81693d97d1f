/* value - see value.h.  SPDX-License-Identifier: MIT */
#include "value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "secureev/store.h"
#include "secureev/text.h"

struct unit {
    char letter; /* '\0': none */
    int64_t factor;
};
static const struct unit plain[] = {{'\0', 1}, {0, 0}};
static const struct unit seconds[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {0, 0}};
static const struct unit bytes[] = {
    {'\0', 1}, {'K', 1 << 10}, {'M', 1 << 20}, {'G', 1 << 30}, {0, 0}};

static const struct unit *units_of(sev_config_kind kind)
{
    return kind == SEV_CONFIG_SECONDS ? seconds : kind == SEV_CONFIG_BYTES ? bytes : plain;
}

bool config_value_number(const struct sev_config_key *key, const char *value, int64_t *out)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t number;
    if (digits == 0 || strlen(value) > digits + 1 ||
        sev_decimal_parse(sev_slice_of(value, digits), &number) != SEV_OK)
        return false;
    for (const struct unit *u = units_of(key->kind); u->factor != 0; u++) {
        if (u->letter != value[digits])
            continue;
        if (number > (uint64_t)(INT64_MAX / u->factor))
            return false;
        int64_t result = (int64_t)number * u->factor;
        if (result < key->min || result > key->max)
            return false;
        *out = result;
        return true;
    }
    return false;
}

bool config_value_address(const char *value, struct sev_config_address *out)
{
    struct sev_config_address a;
    const char *colon = strrchr(value, ':');
    uint64_t port;
    struct in6_addr scratch;
    if (colon == NULL ||
        sev_decimal_parse(sev_slice_of(colon + 1, strlen(colon + 1)), &port) != SEV_OK ||
        port > UINT16_MAX)
        return false;
    bool six = value[0] == '[';
    size_t len = (size_t)(colon - value);
    if (six && (len < 2 || value[len - 1] != ']'))
        return false;
    if (six) {
        value++;
        len -= 2;
    }
    if (len >= sizeof a.host)
        return false;
    memcpy(a.host, value, len);
    a.host[len] = '\0';
    a.port = (uint16_t)port;
    if (inet_pton(six ? AF_INET6 : AF_INET, a.host, &scratch) != 1)
        return false;
    *out = a;
    return true;
}

bool config_words_contain(const char *words, const char *word, size_t len)
{
    while (*words != '\0') {
        size_t n = strcspn(words, " \t");
        if (n == len && memcmp(words, word, len) == 0)
            return true;
        words += n;
        words += strspn(words, " \t");
    }
    return false;
}

static bool words_ok(const char *value, const char *choices)
{
    for (const char *p = value; *p != '\0';) {
        size_t n = strcspn(p, " \t");
        if (choices != NULL && !config_words_contain(choices, p, n))
            return false;
        if (config_words_contain(p + n + strspn(p + n, " \t"), p, n))
            return false; /* twice */
        p += n;
        p += strspn(p, " \t");
    }
    return true;
}

static void say_range(const struct sev_config_key *key, const char *example, char *reason,
                      size_t reason_bytes)
{
    snprintf(reason, reason_bytes, "must be a number%s from %lld to %lld%s", example,
             (long long)key->min, (long long)key->max,
             key->kind == SEV_CONFIG_SECONDS ? " seconds" : "");
}

bool config_value_ok(const struct sev_config_key *key, const char *value, char *reason,
                     size_t reason_bytes)
{
    int64_t number;
    struct sev_config_address address;
    switch (key->kind) {
    case SEV_CONFIG_TEXT:
        return true;
    case SEV_CONFIG_PATH:
        snprintf(reason, reason_bytes, "must be an absolute path, shorter than %d",
                 SEV_FS_PATH_MAX);
        return value[0] == '/' && strlen(value) < SEV_FS_PATH_MAX;
    case SEV_CONFIG_STORE:
        snprintf(reason, reason_bytes,
                 "must be an absolute path or postgresql://..., shorter than %d", SEV_FS_PATH_MAX);
        return (value[0] == '/' || sev_store_on_server(value)) && strlen(value) < SEV_FS_PATH_MAX;
    case SEV_CONFIG_NUMBER:
        say_range(key, "", reason, reason_bytes);
        return config_value_number(key, value, &number);
    case SEV_CONFIG_SECONDS:
        say_range(key, " and a unit (30s, 5m, 2h, 7d)", reason, reason_bytes);
        return config_value_number(key, value, &number);
    case SEV_CONFIG_BYTES:
        say_range(key, " (512, 64K, 8M, 2G)", reason, reason_bytes);
        return config_value_number(key, value, &number);
    case SEV_CONFIG_SWITCH:
        snprintf(reason, reason_bytes, "must be 'yes' or 'no'");
        return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
    case SEV_CONFIG_CHOICE:
        snprintf(reason, reason_bytes, "must be one of: %s", key->choices);
        return strpbrk(value, " \t") == NULL &&
               config_words_contain(key->choices, value, strlen(value));
    case SEV_CONFIG_WORDS:
        if (key->choices != NULL)
            snprintf(reason, reason_bytes, "must be some of, each once: %s", key->choices);
        else
            snprintf(reason, reason_bytes, "names something twice");
        return words_ok(value, key->choices);
    case SEV_CONFIG_ADDRESS:
        snprintf(reason, reason_bytes, "must be an address as 127.0.0.1:8000 or [::1]:8000");
        return config_value_address(value, &address);
    }
    return false;
}
