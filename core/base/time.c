/* time - RFC 3339 in the one spelling that metadata uses, and decimal numbers.
 * SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/limits.h"
#include "secureev/text.h"

#define SECONDS_PER_DAY 86400
#define TIME_LENGTH 20

/* March is month 0 of a computational year, so that the leap day comes last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t leap_days = y / 4 - y / 100 + y / 400;
    return 365 * y + leap_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097; /* of 400 years; never negative here */
    int64_t in_era = z % 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153;
    *day = in_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * 400 + y + (*month <= 2);
}

/* 0 for a month that does not exist. */
static int64_t days_in_month(int64_t year, int64_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12)
        return 0;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2);
}

/* The digits of `text` at [from, from+count) as a number. */
static int64_t field(sev_slice text, size_t from, size_t count)
{
    int64_t v = 0;
    for (size_t i = from; i < from + count; i++)
        v = v * 10 + (text.ptr[i] - '0');
    return v;
}

sev_err sev_time_parse(sev_slice text, sev_time *out)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    if (SEV_REFUSE_IF(text.len != TIME_LENGTH))
        return SEV_E_MALFORMED;
    for (size_t i = 0; i < TIME_LENGTH; i++) {
        bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        if (SEV_REFUSE_IF(shape[i] == 'd' ? !digit : text.ptr[i] != (uint8_t)shape[i]))
            return SEV_E_MALFORMED;
    }
    int64_t year = field(text, 0, 4), month = field(text, 5, 2), day = field(text, 8, 2);
    int64_t hour = field(text, 11, 2), minute = field(text, 14, 2), second = field(text, 17, 2);
    if (SEV_REFUSE_IF(year < 1970))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(day < 1 || day > days_in_month(year, month)))
        return SEV_E_MALFORMED;
    if (SEV_REFUSE_IF(hour > 23 || minute > 59 || second > 59))
        return SEV_E_MALFORMED;
    *out = days_from_date(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    return SEV_OK;
}

static void put_field(uint8_t *to, int64_t value, size_t digits)
{
    for (size_t i = digits; i > 0; i--, value /= 10)
        to[i - 1] = (uint8_t)('0' + value % 10);
}

void sev_time_format(sev_time t, sev_buf *out)
{
    uint8_t text[] = "0000-00-00T00:00:00Z";
    if (t < 0 || t > SEV_TIME_MAX) {
        out->overflow = true;
        return;
    }
    int64_t year, month, day, rest = t % SECONDS_PER_DAY;
    date_from_days(t / SECONDS_PER_DAY, &year, &month, &day);
    put_field(text, year, 4);
    put_field(text + 5, month, 2);
    put_field(text + 8, day, 2);
    put_field(text + 11, rest / 3600, 2);
    put_field(text + 14, rest / 60 % 60, 2);
    put_field(text + 17, rest % 60, 2);
    sev_buf_put(out, text, TIME_LENGTH);
}

sev_err sev_decimal_parse(sev_slice text, uint64_t *out)
{
    uint64_t v = 0;
    if (SEV_REFUSE_IF(text.len == 0) || SEV_REFUSE_IF(text.len > 1 && text.ptr[0] == '0'))
        return SEV_E_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (SEV_REFUSE_IF(text.ptr[i] < '0' || text.ptr[i] > '9'))
            return SEV_E_MALFORMED;
        v = v * 10 + (uint64_t)(text.ptr[i] - '0');
        if (SEV_REFUSE_IF(v > (uint64_t)SEV_JSON_INT_MAX))
            return SEV_E_MALFORMED;
    }
    *out = v;
    return SEV_OK;
}

void sev_decimal_format(uint64_t v, sev_buf *out)
{
    uint8_t text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    sev_buf_put(out, text + at, sizeof text - at);
}
