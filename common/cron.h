/*
 * When a job is due: the eight fields of its schedule, compiled into bit masks, and the search for the next
 * time that they all match.
 *
 *     second minute hour day_of_week week day month year
 *
 * Syntax, meaning and messages are those of APScheduler 3's cron trigger (docs/schedules.md). Around changes
 * of clock the rules are our own. A *hit* is a civil time that matches all fields.
 *
 *   - A hit that exists once fires at that instant.
 *   - A hit that the clock skips fires once, read with the offset from before the change (02:30 runs at what
 * is then called 03:30); if every hour matches it does not fire, as the cadence just goes on.
 *   - A hit that the clock repeats fires the first time only; if every hour matches, or the minutes are given
 * by
 *     `*`, it fires both times, as the cadence goes on in real time.
 *   - Fire times come in the order of instants, and depend on nothing but schedule, zone and where one
 * starts.
 *
 * All of it is pure: nothing here asks what time it is, and cron_next() allocates nothing.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct tz;

/* In the order of the text. */
enum cron_field {
    CRON_SECOND,
    CRON_MINUTE,
    CRON_HOUR,
    CRON_DAY_OF_WEEK,
    CRON_WEEK,
    CRON_DAY,
    CRON_MONTH,
    CRON_YEAR,
    CRON_FIELDS,
};

enum { CRON_YEAR_MIN = 1970, CRON_YEAR_MAX = 9999, CRON_YEAR_SPANS = 4 };

enum cron_flag {
    CRON_DAY_LAST = 1,    /* `last` is among the days */
    CRON_MINUTE_FREE = 2, /* the minutes are given by a `*`, or are all 60 */
    CRON_ANY_DATE = 4,    /* all five fields of the date match everything */
    CRON_YEAR_SET = 8,    /* the years are in year_set, else in years */
};

/* first, first + step, ... up to last; no more of them where first is 0. */
struct cron_span {
    uint16_t first, last, step;
};

/* A compiled schedule: 72 bytes, as there may be a million. A value to be moved, not copied: see cron_done().
 */
struct cron {
    uint64_t second, minute; /* bit n for the value n, here and below */
    uint64_t week;           /* ISO 8601 weeks */
    uint64_t nth_weekday;    /* bit 7 * position + weekday: positions 0 to 4 for 1st to 5th, 5 for last */
    uint32_t hour;
    uint32_t day;
    uint32_t year_kinds; /* the kinds of years (cron_calendar.h) in which some day matches */
    uint16_t month;
    uint8_t day_of_week; /* bit 0 is Monday */
    uint8_t flags;
    union {
        struct cron_span years[CRON_YEAR_SPANS];
        uint64_t *year_set; /* owned; bit 0 is CRON_YEAR_MIN. Only where the years are a long list */
    };
};

enum { CRON_NOTES_MAX = 8, CRON_NOTE_SIZE = 256 };

/* What is accepted, but was probably not meant: sentences for the user. If there are more than fit, the last
 * says so. */
struct cron_notes {
    size_t count;
    char text[CRON_NOTES_MAX][CRON_NOTE_SIZE];
};

/*
 * Compiles a schedule's text, whose `?` have been resolved. On failure the err is ERR_INVALID; its text is
 * APScheduler's, without the "Invalid schedule syntax: " that the API puts in front, or says why the schedule
 * can never fire. notes may be NULL. On success *ret must be given to cron_done() in the end.
 */
bool cron_parse(const char *text, struct cron *ret, struct cron_notes *notes, struct err *err);

void cron_done(struct cron *cron); /* zeroed memory is fine, too */
#define AUTO_CRON CLEANUP(cron_done)

/*
 * Writes text with each `?` that stands alone as second, minute or hour replaced by below(60), below(60) or
 * below(24), and the rest as it was. Other `?` stay, and cron_parse() refuses them. The result is at most 3
 * bytes longer.
 */
void cron_resolve(const char *text, uint32_t (*below)(uint32_t n), struct buf *ret);

/* Writes the schedule in its canonical form, which cron_parse() turns into the same schedule. `*` at the end
 * is left out. */
void cron_print(const struct cron *cron, struct buf *ret);

/*
 * The first fire time at or after the instant `from` (seconds since 1970-01-01 UTC); false if there is none
 * until the end of year 9999. For the one after a fire time, ask from the second behind it.
 */
bool cron_next(const struct cron *cron, const struct tz *tz, int64_t from, int64_t *ret);
