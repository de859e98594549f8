/* See cron_calendar.h. */
#include "cron_calendar.h"

#include "cron_field.h"
#include "cron_set.h"

enum {
    WEEKDAYS_ALL = 0x7F,
    MONTH_DAYS_MAX = 31,
    DAYS_TO_MONDAY = 7 * 1000 + 3, /* 1970-01-01 was a Thursday */
    THURSDAY = 3,
    CYCLE_YEARS = 400,   /* the calendar repeats, weekdays and all, */
    CYCLE_DAYS = 146097, /* after so many days */
    LEAPS_BEFORE_1970 = 477,
};

static const int16_t month_begins[2][CRON_MONTHS + 1] = {
    {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
    {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
};

static const uint32_t kinds_all = (UINT32_C(1) << CRON_YEAR_KINDS) - 1;
static const uint64_t weeks_all = (UINT64_C(1) << 54) - 2;

static bool is_leap(unsigned year)
{
    return year % 4 == 0 &&
           (year % 25 != 0 || year % 16 == 0); /* of the multiples of 100 only those of 400 */
}

void cron_year_set(struct cron_year *year, int number)
{
    unsigned before = (unsigned)number - 1, centuries = before / 100;

    year->year = number;
    year->begin =
        365 * (number - CRON_YEAR_MIN) + (int)(before / 4 - centuries + centuries / 4) - LEAPS_BEFORE_1970;
    year->first_weekday = (int)((unsigned)(year->begin + DAYS_TO_MONDAY) % CRON_WEEKDAYS);
    year->leap = is_leap(before + 1);
    year->after_leap = is_leap(before);
}

void cron_year_step(struct cron_year *year)
{
    int weekday = year->first_weekday + 1 + year->leap;

    year->begin += 365 + year->leap;
    year->first_weekday = weekday >= CRON_WEEKDAYS ? weekday - CRON_WEEKDAYS : weekday;
    year->year++;
    year->after_leap = year->leap;
    year->leap = is_leap((unsigned)year->year);
}

int cron_year_kind(const struct cron_year *year)
{
    return year->first_weekday + CRON_WEEKDAYS * (year->leap ? 2 : year->after_leap ? 1 : 0);
}

void cron_year_of_kind(struct cron_year *year, int kind)
{
    *year = (struct cron_year){
        .first_weekday = kind % CRON_WEEKDAYS,
        .leap = kind / CRON_WEEKDAYS == 2,
        .after_leap = kind / CRON_WEEKDAYS == 1,
    };
}

void cron_year_of_day(struct cron_year *year, int day, int *month)
{
    /* The mean length of a year leads to the year or to one beside it. */
    int guess = CRON_YEAR_MIN + (int)((int64_t)day * CYCLE_YEARS / CYCLE_DAYS);
    int in_year, m;

    cron_year_set(year, guess);
    if (day < year->begin)
        cron_year_set(year, guess - 1);
    else if (day >= year->begin + 365 + year->leap)
        cron_year_step(year);
    in_year = day - year->begin;
    m = in_year / MONTH_DAYS_MAX + 1; /* right, or one too small */
    *month = in_year >= month_begins[year->leap][m] ? m + 1 : m;
}

int cron_month_begin(const struct cron_year *year, int month)
{
    return month_begins[year->leap][month - 1];
}

/* A mask of weekdays, turned so that its bit 0 is the given weekday. */
static uint64_t weekdays_from(uint64_t weekdays, int weekday)
{
    return (weekdays >> weekday | weekdays << (CRON_WEEKDAYS - weekday)) & WEEKDAYS_ALL;
}

/* The days that are the n-th or last of their weekday. `first` is the weekday of the 1st. */
static uint64_t nth_days(uint64_t nth, int first, int length)
{
    uint64_t days = 0;
    int tail = length - CRON_WEEKDAYS; /* days before the month's last seven */

    for (int i = 0; i < CRON_NTH_LAST; i++)
        days |= weekdays_from(nth >> CRON_WEEKDAYS * i & WEEKDAYS_ALL, first) << (CRON_WEEKDAYS * i + 1);
    nth = nth >> CRON_WEEKDAYS * CRON_NTH_LAST & WEEKDAYS_ALL;
    return days | weekdays_from(nth, (first + tail) % CRON_WEEKDAYS) << (tail + 1);
}

/* The days whose weekday is one of those given. */
static uint64_t weekday_days(unsigned weekdays, int first)
{
    uint64_t week = weekdays_from(weekdays, first);

    return (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;
}

/* Weeks belong to the year that has their Thursday: there are 53 of these if the year's first or second day
 * is one, and there is one day too many, or two. */
static int weeks_in(int first_weekday, bool leap)
{
    return first_weekday == THURSDAY || (leap && first_weekday == THURSDAY - 1) ? 53 : 52;
}

/* The number of the week that holds the day (counted from 1 January). */
static int week_of(const struct cron_year *year, int day)
{
    int a = year->first_weekday;
    int week = (day + a) / CRON_WEEKDAYS + (a <= THURSDAY);

    if (week == 0) {
        int before = (a + 2 * CRON_WEEKDAYS - 1 - year->after_leap) % CRON_WEEKDAYS;

        return weeks_in(before, year->after_leap);
    }
    return week > weeks_in(a, year->leap) ? 1 : week;
}

static uint64_t week_days(uint64_t weeks, const struct cron_year *year, int begin, int first, int length)
{
    uint64_t days = 0;

    for (int day = 1; day <= length; first = 0) {
        int count = CRON_WEEKDAYS - first; /* of this week, from this day on */

        if (weeks >> week_of(year, begin + day - 1) & 1)
            days |= ((UINT64_C(1) << count) - 1) << day;
        day += count;
    }
    return days;
}

uint32_t cron_month_days(const struct cron *cron, const struct cron_year *year, int month)
{
    int begin = month_begins[year->leap][month - 1];
    int length = month_begins[year->leap][month] - begin;
    int first = (year->first_weekday + begin) % CRON_WEEKDAYS;
    uint64_t days = cron->day;

    if (cron->flags & CRON_DAY_LAST)
        days |= UINT64_C(1) << length;
    if (cron->nth_weekday != 0)
        days |= nth_days(cron->nth_weekday, first, length);
    if (cron->day_of_week != WEEKDAYS_ALL)
        days &= weekday_days(cron->day_of_week, first);
    if (cron->week != weeks_all)
        days &= week_days(cron->week, year, begin, first, length);
    return (uint32_t)(days & ((UINT64_C(2) << length) - 2));
}

uint32_t cron_matching_kinds(const struct cron *cron)
{
    uint32_t kinds = 0;

    if (cron->flags & CRON_ANY_DATE)
        return kinds_all;
    for (int kind = 0; kind < CRON_YEAR_KINDS; kind++) {
        struct cron_year year;

        cron_year_of_kind(&year, kind);
        for (int month = 1; month <= CRON_MONTHS; month++) {
            if ((cron->month >> month & 1) != 0 && cron_month_days(cron, &year, month) != 0) {
                kinds |= UINT32_C(1) << kind;
                break;
            }
        }
    }
    return kinds;
}

static uint32_t kind_bit(int number)
{
    struct cron_year year;

    cron_year_set(&year, number);
    return UINT32_C(1) << cron_year_kind(&year);
}

uint32_t cron_given_kinds(const struct cron *cron)
{
    uint32_t kinds = 0;

    if (cron->flags & CRON_YEAR_SET) {
        for (int year = cron_year_next(cron, 0); year != 0; year = cron_year_next(cron, year + 1))
            kinds |= kind_bit(year);
        return kinds;
    }
    /* The 400 years of the calendar come round after 400 steps at the latest, whatever the step is. */
    for (size_t i = 0; i < CRON_YEAR_SPANS && cron->years[i].first != 0; i++) {
        const struct cron_span *span = &cron->years[i];
        int year = span->first;

        if (span->step == 1 && span->last - span->first >= CYCLE_YEARS)
            return kinds_all;
        for (int n = 0; n < CYCLE_YEARS && year <= span->last; n++, year += span->step)
            kinds |= kind_bit(year);
    }
    return kinds;
}
