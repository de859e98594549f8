/* See civil.h. A year is counted from March here, so that the leap day is its last. */
#include "civil.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool civil_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && civil_leap_year(year) ? 29 : days[month - 1];
}

int64_t civil_to_days(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;

    /* 719468 days lie between 0000-03-01 and 1970-01-01. */
    return era * DAYS_PER_400_YEARS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year +
           day - 1 - 719468;
}

struct civil_date civil_from_days(int64_t days)
{
    int64_t era = floor_div(days + 719468, DAYS_PER_400_YEARS);
    int64_t day_of_era = days + 719468 - era * DAYS_PER_400_YEARS;
    /* Take out the leap days before, then a year is 365 days. */
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

    return (struct civil_date){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

int civil_weekday(int64_t days)
{
    int64_t w = (days + 3) % 7; /* 1970-01-01 was a Thursday */

    return (int)(w < 0 ? w + 7 : w);
}

int64_t civil_day_of(int64_t local_s)
{
    return floor_div(local_s, SECONDS_PER_DAY);
}
