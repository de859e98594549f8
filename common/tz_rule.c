/* See tz_internal.h: the POSIX TZ string at the end of a TZif file, as "EST5EDT,M3.2.0,M11.1.0", with RFC
 * 9636's extension that a change may be up to 167 hours before or after its day. */
#include "tz_internal.h"

#include <ctype.h>

#include "civil.h"

enum { NAME_MIN = 3, RULE_TEXT_MAX = 256, SECONDS_PER_HOUR = 3600 };

struct reader {
    const char *at, *end;
};

static bool next_is(const struct reader *in, char c)
{
    return in->at < in->end && *in->at == c;
}

static bool take(struct reader *in, char c)
{
    if (!next_is(in, c))
        return false;
    in->at++;
    return true;
}

/* Up to three digits with a value of min to max. */
static bool take_number(struct reader *in, int min, int max, int *ret)
{
    int value = 0, digits = 0;

    while (in->at < in->end && isdigit((unsigned char)*in->at) && digits < 3) {
        value = value * 10 + (*in->at++ - '0');
        digits++;
    }
    if (digits == 0 || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static bool is_name_char(char c, bool quoted)
{
    return isalpha((unsigned char)c) || (quoted && (isdigit((unsigned char)c) || c == '+' || c == '-'));
}

/* "EST" or "<+03>". */
static bool skip_name(struct reader *in)
{
    bool quoted = take(in, '<');
    const char *start = in->at;

    while (in->at < in->end && is_name_char(*in->at, quoted))
        in->at++;
    return in->at - start >= NAME_MIN && (!quoted || take(in, '>'));
}

/* [+-]h[:m[:s]]. */
static bool take_time(struct reader *in, int hours_max, int32_t *ret)
{
    int hours, minutes = 0, seconds = 0;
    bool negative = take(in, '-');

    if (!negative)
        take(in, '+');
    if (!take_number(in, 0, hours_max, &hours))
        return false;
    if (take(in, ':')) {
        if (!take_number(in, 0, 59, &minutes))
            return false;
        if (take(in, ':') && !take_number(in, 0, 59, &seconds))
            return false;
    }
    *ret = (hours * 60 + minutes) * 60 + seconds;
    if (negative)
        *ret = -*ret;
    return true;
}

/* ",M3.2.0/2", ",J60", ",59". */
static bool take_day(struct reader *in, struct tz_rule_day *ret)
{
    struct tz_rule_day day = {.time_s = 2 * SECONDS_PER_HOUR};

    if (!take(in, ','))
        return false;
    if (take(in, 'M')) {
        day.kind = TZ_RULE_WEEKDAY;
        if (!take_number(in, 1, 12, &day.month) || !take(in, '.') || !take_number(in, 1, 5, &day.week) ||
            !take(in, '.') || !take_number(in, 0, 6, &day.day))
            return false;
        day.day = (day.day + 6) % 7; /* POSIX counts from Sunday */
    } else if (take(in, 'J')) {
        day.kind = TZ_RULE_JULIAN;
        if (!take_number(in, 1, 365, &day.day))
            return false;
    } else {
        day.kind = TZ_RULE_ZERO_BASED;
        if (!take_number(in, 0, 365, &day.day))
            return false;
    }
    if (take(in, '/') && !take_time(in, 167, &day.time_s))
        return false;
    *ret = day;
    return true;
}

/* Offsets are written as what must be added to local time to get UTC: west is positive. */
static bool take_offset(struct reader *in, int32_t *ret)
{
    int32_t west;

    if (!take_time(in, 24, &west))
        return false;
    *ret = -west;
    return true;
}

static bool take_rule(struct reader *in, struct tz_rule *ret)
{
    if (!skip_name(in) || !take_offset(in, &ret->std_offset))
        return false;
    if (in->at == in->end)
        return true;
    ret->has_dst = true;
    if (!skip_name(in))
        return false;
    ret->dst_offset = ret->std_offset + SECONDS_PER_HOUR;
    if (!next_is(in, ',') && !take_offset(in, &ret->dst_offset))
        return false;
    return take_day(in, &ret->dst_begin) && take_day(in, &ret->dst_end) && in->at == in->end;
}

bool tz_rule_parse(const char *text, size_t len, struct tz_rule *ret, struct err *err)
{
    struct reader in = {text, text + len};
    struct tz_rule rule = {0};

    if (len > RULE_TEXT_MAX)
        return err_set(err, ERR_INVALID, "its POSIX rule is longer than %d bytes", RULE_TEXT_MAX);
    if (!take_rule(&in, &rule))
        return err_set(err, ERR_INVALID, "its POSIX rule is malformed at byte %td", in.at - text);
    *ret = rule;
    return true;
}

static int64_t weekday_in(const struct tz_rule_day *day, int64_t year)
{
    int64_t first = civil_to_days(year, day->month, 1);
    int date = (day->day - civil_weekday(first) + 7) % 7 + 1 + 7 * (day->week - 1);

    while (date > civil_month_days(year, day->month))
        date -= 7;
    return first + date - 1;
}

int64_t tz_rule_day_in(const struct tz_rule_day *day, int64_t year)
{
    int64_t days = 0;

    switch (day->kind) {
    case TZ_RULE_JULIAN: /* 1 March is day 60 in every year */
        days = civil_to_days(year, 1, day->day + (civil_leap_year(year) && day->day >= 60));
        break;
    case TZ_RULE_ZERO_BASED:
        days = civil_to_days(year, 1, day->day + 1);
        break;
    case TZ_RULE_WEEKDAY:
        days = weekday_in(day, year);
        break;
    }
    return days * SECONDS_PER_DAY + day->time_s;
}
