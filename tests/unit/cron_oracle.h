/*
 * What a schedule has to do, found without cleverness, to hold cron_next() against: random schedules, made as
 * sets of values and as text at once; and their fire times in a window, by looking at every second of the
 * zone's clock and applying the rules of cron.h as they are written there. Dates are taken apart by the C
 * library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tz.h"

enum { ORACLE_TEXT_SIZE = 1024, ORACLE_YEARS = 10000 };

struct oracle {
    bool second[60], minute[60], hour[24], weekday[7], week[54], day[32], month[13], year[ORACLE_YEARS];
    bool nth[6][7]; /* 1st to 5th, last */
    bool last_day;
    bool minute_star; /* a part of the minutes begins with a `*` */
    char text[ORACLE_TEXT_SIZE];
};

/* Where random schedules aim, so that they have something to do near an instant. */
struct oracle_aim {
    int hour, weekday, week, day, month, year;
    bool dates_only; /* fixed time of day; all the variety is in the date */
};

uint64_t oracle_random(uint64_t *state);
uint32_t oracle_below(uint64_t *state, uint32_t n);

void oracle_make(struct oracle *o, uint64_t *state, const struct oracle_aim *aim);

/* A day, counted from 1970-01-01, as the C library knows it. */
struct oracle_date {
    int year, month, day, weekday, week, month_length;
};

void oracle_date_of(int64_t day, struct oracle_date *ret);
bool oracle_date_matches(const struct oracle *o, const struct oracle_date *date);

/* The fire times from begin to before end, in order; the caller frees *ret. */
size_t oracle_fires(const struct oracle *o, const struct tz *tz, int64_t begin, int64_t end, int64_t **ret);
