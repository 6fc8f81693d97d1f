/* cli_time - times on the command line: RFC 3339 as people and other tools write it. Metadata
 * knows one spelling only (sev_time_parse). SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "cli.h"
#include "cli_run.h"

#define SECOND_CHARS 19 /* 2026-01-31T12:00:00 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Z, or +HH:MM or -HH:MM: seconds ahead of UTC. */
static bool parse_zone(const char *p, sev_time *out)
{
    *out = 0;
    if ((p[0] == 'Z' || p[0] == 'z') && p[1] == '\0')
        return true;
    if ((p[0] != '+' && p[0] != '-') || strlen(p) != 6 || p[3] != ':' || !is_digit(p[1]) ||
        !is_digit(p[2]) || !is_digit(p[4]) || !is_digit(p[5]))
        return false;
    int hours = (p[1] - '0') * 10 + p[2] - '0', minutes = (p[4] - '0') * 10 + p[5] - '0';
    if (hours > 23 || minutes > 59)
        return false;
    *out = (p[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

bool cli_time_parse(const char *text, sev_time *out)
{
    char plain[SECOND_CHARS + 1];
    sev_time at, ahead;
    if (strlen(text) <= SECOND_CHARS)
        return false;
    memcpy(plain, text, SECOND_CHARS);
    if (plain[10] != 'T' && plain[10] != 't' && plain[10] != ' ') /* `date --rfc-3339` */
        return false;
    plain[10] = 'T';
    plain[SECOND_CHARS] = 'Z';
    bool leap = memcmp(plain + 17, "60", 2) == 0;
    if (leap)
        memcpy(plain + 17, "59", 2);
    const char *rest = text + SECOND_CHARS;
    if (rest[0] == '.') { /* a fraction: the clock counts whole seconds */
        if (!is_digit(rest[1]))
            return false;
        for (rest++; is_digit(*rest);)
            rest++;
    }
    if (!parse_zone(rest, &ahead) ||
        sev_time_parse(sev_slice_of(plain, sizeof plain), &at) != SEV_OK)
        return false;
    at += leap - ahead;
    /* A leap second ends a day of UTC; what no four digits of a year express is no time. */
    uint8_t room[SECOND_CHARS + 1];
    sev_buf again = sev_buf_of(room, sizeof room);
    sev_time_format(at, &again);
    if (again.overflow || (leap && at % 86400 != 0))
        return false;
    *out = at;
    return true;
}

int cli_opt_time(struct cli *c, const char *name, sev_time *out)
{
    const char *text = cli_opt(c, name);
    sev_time value = (sev_time)time(NULL);
    if (text != NULL && !cli_time_parse(text, &value))
        return cli_usage(c, "--%s cannot be \"%s\"; a time is written 2026-01-31T12:00:00Z", name,
                         text);
    *out = value;
    return 0;
}
