/*
 * See cron_civil.h.
 *
 * A time of day is found by three looks at bit masks, a day by the masks of months, a year by its kind.
 * Nothing is stepped through but years without a matching day, at a few nanoseconds each.
 */
#include "cron_civil.h"

#include "cron_calendar.h"
#include "cron_set.h"

enum {
    HOUR_S = 3600,
    MINUTE_S = 60,
    LAST_DAY = 2932896, /* 9999-12-31 */
};

const int64_t cron_civil_never = (LAST_DAY + 1) * (int64_t)CRON_DAY_S;

/* The members of a set above n. */
static uint64_t above(uint64_t bits, unsigned n)
{
    return bits & UINT64_C(0xFFFFFFFFFFFFFFFE) << n;
}

static unsigned lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

static int first_time(const struct cron *cron)
{
    return (int)(lowest(cron->hour) * HOUR_S + lowest(cron->minute) * MINUTE_S + lowest(cron->second));
}

/* The first matching second of the day at or after `from`, or -1. */
static int next_time(const struct cron *cron, unsigned from)
{
    unsigned hour = from / HOUR_S, minute = from / MINUTE_S % 60, second = from % MINUTE_S;
    uint64_t rest;

    if ((cron->hour >> hour & 1) != 0) {
        rest = cron->second >> second;
        if ((cron->minute >> minute & 1) != 0 && rest != 0)
            return (int)(from + lowest(rest));
        rest = above(cron->minute, minute);
        if (rest != 0)
            return (int)(hour * HOUR_S + lowest(rest) * MINUTE_S + lowest(cron->second));
    }
    rest = above(cron->hour, hour);
    if (rest == 0)
        return -1;
    return (int)(lowest(rest) * HOUR_S + lowest(cron->minute) * MINUTE_S + lowest(cron->second));
}

/* A place in the calendar, and the days of its month from there on that match. */
struct place {
    struct cron_year year;
    int month;
    uint32_t days;
};

static uint32_t days_of(const struct cron *cron, const struct place *at)
{
    return (cron->month >> at->month & 1) != 0 ? cron_month_days(cron, &at->year, at->month) : 0;
}

/* Goes to the schedule's next year in which some day matches, and to its beginning. */
static bool next_year(const struct cron *cron, struct place *at)
{
    int year = at->year.year;

    do {
        year = cron_year_next(cron, year + 1);
        if (year == 0)
            return false;
        if (year == at->year.year + 1)
            cron_year_step(&at->year);
        else
            cron_year_set(&at->year, year);
    } while ((cron->year_kinds >> cron_year_kind(&at->year) & 1) == 0);
    at->month = 0;
    return true;
}

/* Goes to the first month from here on that has matching days. */
static bool find_days(const struct cron *cron, struct place *at)
{
    while (at->days == 0) {
        uint64_t months = above(cron->month, (unsigned)at->month);

        if (months == 0) {
            if (!next_year(cron, at))
                return false;
            months = cron->month;
        }
        at->month = (int)lowest(months);
        at->days = days_of(cron, at);
    }
    return true;
}

/* The place of a day, or of what comes after it if the year does not match. */
static bool place_at(const struct cron *cron, int day, struct place *at)
{
    cron_year_of_day(&at->year, day, &at->month);
    at->days = 0;
    if (cron_year_next(cron, at->year.year) == at->year.year &&
        (cron->year_kinds >> cron_year_kind(&at->year) & 1) != 0) {
        int of_month = day - at->year.begin - cron_month_begin(&at->year, at->month) + 1;

        at->days = days_of(cron, at) & UINT32_MAX << of_month;
    } else if (!next_year(cron, at)) {
        return false;
    }
    return find_days(cron, at);
}

static int place_day(const struct place *at)
{
    return at->year.begin + cron_month_begin(&at->year, at->month) + (int)lowest(at->days) - 1;
}

static int64_t civil(int day, int time)
{
    return (int64_t)day * CRON_DAY_S + time;
}

static int64_t next_on_any_date(const struct cron *cron, int day, unsigned time)
{
    int found = next_time(cron, time);

    if (found >= 0)
        return civil(day, found);
    return day == LAST_DAY ? cron_civil_never : civil(day + 1, first_time(cron));
}

int64_t cron_civil_next(const struct cron *cron, int64_t from)
{
    struct place at;
    int day;
    unsigned time;

    if (from < 0)
        from = 0;
    if (from >= cron_civil_never)
        return cron_civil_never;
    day = (int)(from / CRON_DAY_S);
    time = (unsigned)(from % CRON_DAY_S);
    if (cron->flags & CRON_ANY_DATE)
        return next_on_any_date(cron, day, time);
    if (!place_at(cron, day, &at))
        return cron_civil_never;
    if (place_day(&at) == day) {
        int found = next_time(cron, time);

        if (found >= 0)
            return civil(day, found);
        at.days &= at.days - 1;
        if (!find_days(cron, &at))
            return cron_civil_never;
    }
    return civil(place_day(&at), first_time(cron));
}
