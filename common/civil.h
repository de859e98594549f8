/*
 * The calendar as arithmetic: days since 1970-01-01 of the proleptic Gregorian calendar, without clocks or
 * zones. A "local second" elsewhere is days * 86400 + the seconds of the day, as if the clock on the wall
 * were UTC's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { SECONDS_PER_DAY = 86400, DAYS_PER_400_YEARS = 146097 };

struct civil_date {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

bool civil_leap_year(int64_t year);
int civil_month_days(int64_t year, int month);           /* 28..31; month 1..12 */
int64_t civil_to_days(int64_t year, int month, int day); /* day may lie outside of the month */
struct civil_date civil_from_days(int64_t days);         /* of years within +-10^12 */
int civil_weekday(int64_t days);                         /* 0 Monday .. 6 Sunday */
int64_t civil_day_of(int64_t local_s);                   /* local seconds to days, rounded down */
