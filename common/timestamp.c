/* See timestamp.h. */
#include "timestamp.h"

#include <ctype.h>
#include <inttypes.h>

#include "civil.h"
#include "tz.h"

enum { FRACTION_DIGITS_MAX = 12, MICROSECOND_DIGITS = 6, SECONDS_PER_HOUR = 3600 };

/* min to max digits. */
static bool take_number(const char **at, int min, int max, int *ret)
{
    int value = 0, digits = 0;

    while (digits < max && isdigit((unsigned char)**at)) {
        value = value * 10 + (*(*at)++ - '0');
        digits++;
    }
    *ret = value;
    return digits >= min;
}

static bool take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, int64_t *days)
{
    int year, month, day;

    if (!take_number(at, 4, 4, &year) || !take(at, '-') || !take_number(at, 1, 2, &month) || !take(at, '-') ||
        !take_number(at, 1, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month))
        return false;
    *days = civil_to_days(year, month, day);
    return true;
}

/* Digits beyond microseconds are dropped. */
static bool take_fraction(const char **at, int32_t *us)
{
    int digits = 0;

    *us = 0;
    while (digits < FRACTION_DIGITS_MAX && isdigit((unsigned char)**at)) {
        if (digits < MICROSECOND_DIGITS)
            *us = *us * 10 + (**at - '0');
        (*at)++;
        digits++;
    }
    for (int i = digits; i < MICROSECOND_DIGITS; i++)
        *us *= 10;
    return digits > 0;
}

static bool take_clock(const char **at, int *seconds, int32_t *us)
{
    int hour, minute, second = 0;

    if (!take_number(at, 1, 2, &hour) || !take(at, ':') || !take_number(at, 2, 2, &minute))
        return false;
    if (take(at, ':')) {
        if (!take_number(at, 2, 2, &second))
            return false;
        if (take(at, '.') && !take_fraction(at, us))
            return false;
    }
    *seconds = (hour * 60 + minute) * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* "Z", "+05", "+0530", "+05:30", "-05:30:15" or nothing. */
static bool take_offset(const char **at, struct timestamp *time)
{
    bool negative = **at == '-';
    int hour, minute = 0, second = 0;

    if (**at == '\0')
        return true;
    time->has_offset = true;
    if (take(at, 'Z'))
        return true;
    if (!take(at, '+') && !take(at, '-'))
        return false;
    if (!take_number(at, 2, 2, &hour))
        return false;
    if (**at != '\0') {
        take(at, ':');
        if (!take_number(at, 2, 2, &minute))
            return false;
    }
    if (**at != '\0') {
        take(at, ':');
        if (!take_number(at, 2, 2, &second))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    time->offset_s = (hour * 60 + minute) * 60 + second;
    if (negative)
        time->offset_s = -time->offset_s;
    return true;
}

bool timestamp_parse(const char *text, struct timestamp *ret, struct err *err)
{
    struct timestamp time = {0};
    int64_t days;
    int seconds;
    const char *at = text;

    if (!take_date(&at, &days) || (!take(&at, 'T') && !take(&at, ' ')) ||
        !take_clock(&at, &seconds, &time.us) || !take_offset(&at, &time) || *at != '\0')
        return err_set(err, ERR_INVALID, "Not a valid datetime.");
    time.local_s = days * SECONDS_PER_DAY + seconds;
    *ret = time;
    return true;
}

int64_t timestamp_start_s(const struct timestamp *time, const struct tz *tz)
{
    struct tz_instants at = {.first = time->local_s - time->offset_s};

    if (!time->has_offset)
        tz_instants_of(tz, time->local_s, &at);
    return at.first + (time->us > 0);
}

int64_t timestamp_end_s(const struct timestamp *time, const struct tz *tz)
{
    struct tz_instants at = {.second = time->local_s - time->offset_s};

    if (!time->has_offset)
        tz_instants_of(tz, time->local_s, &at);
    return at.second;
}

static void put(struct buf *buf, int64_t local_s, int32_t us, int32_t offset)
{
    int64_t days = civil_day_of(local_s);
    struct civil_date date = civil_from_days(days);
    int second = (int)(local_s - days * SECONDS_PER_DAY);
    int east = offset < 0 ? -offset : offset;

    buf_printf(buf, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", date.year, date.month, date.day,
               second / SECONDS_PER_HOUR, second / 60 % 60, second % 60);
    if (us > 0)
        buf_printf(buf, ".%06d", us);
    buf_printf(buf, "%c%02d:%02d", offset < 0 ? '-' : '+', east / SECONDS_PER_HOUR, east / 60 % 60);
    if (east % 60 != 0)
        buf_printf(buf, ":%02d", east % 60);
}

void timestamp_put(struct buf *buf, const struct timestamp *time, const struct tz *tz,
                   enum timestamp_side side)
{
    int32_t offset = time->offset_s;

    if (!time->has_offset) {
        struct tz_instants at;

        /* In a gap this gives the offset from before it: the reading stays what it was. */
        tz_instants_of(tz, time->local_s, &at);
        offset = (int32_t)(time->local_s - (side == TIMESTAMP_START ? at.first : at.second));
    }
    put(buf, time->local_s, time->us, offset);
}

void timestamp_put_instant(struct buf *buf, int64_t t, const struct tz *tz)
{
    int32_t offset = tz_offset_at(tz, t);

    put(buf, t + offset, 0, offset);
}
