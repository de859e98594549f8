/*
 * The proleptic Gregorian calendar as the fields of a schedule see it: years, and the days of a month as a
 * mask. For cron_*.c.
 *
 * Which days of a year match month, day, week and day_of_week depends only on the year's kind: the weekday of
 * its 1 January, whether it is a leap year, and whether the year before is one (that decides whether 1
 * January can be in week 53). So a schedule knows in which kinds of years it has a day at all, and the search
 * skips the others.
 */
#pragma once

#include "cron.h"

enum { CRON_MONTHS = 12, CRON_YEAR_KINDS = 21, CRON_DAY_S = 86400 };

struct cron_year {
    int year;
    int begin;         /* 1 January, in days since 1970-01-01 */
    int first_weekday; /* of 1 January; 0 is Monday */
    bool leap, after_leap;
};

void cron_year_set(struct cron_year *year, int number);
void cron_year_step(struct cron_year *year); /* to the next one, which is cheaper */
int cron_year_kind(const struct cron_year *year);
void cron_year_of_kind(struct cron_year *year, int kind); /* some year; number and begin are 0 */

/* The year and month (1 to 12) of a day. */
void cron_year_of_day(struct cron_year *year, int day, int *month);
int cron_month_begin(const struct cron_year *year, int month); /* days since 1 January; also for month 13 */

/* The days of a month that match, bit n for the n-th; the months field is not looked at. */
uint32_t cron_month_days(const struct cron *cron, const struct cron_year *year, int month);

/* The kinds of years (bit n for kind n) in which the schedule has a day. The years field is not looked at. */
uint32_t cron_matching_kinds(const struct cron *cron);

/* The kinds of the schedule's years. */
uint32_t cron_given_kinds(const struct cron *cron);
