/*
 * What the tz_*.c files share: how a zone is kept, and the POSIX rule.
 *
 * A zone is a table of the instants from which on an offset holds. The rule at the end of a file, which goes
 * on for ever, is written out into the table for 400 years, as the calendar repeats then; later instants are
 * looked up in the last such cycle. So all that is odd about rules is settled when a file is read, and a
 * look-up is one binary search.
 */
#pragma once

#include "tz.h"

struct tz {
    size_t count;        /* spans, at least one */
    int64_t *begin;      /* owned: span i starts at begin[i]; ascending; begin[0] is INT64_MIN */
    int32_t *offset;     /* owned: offset[i] differs from offset[i - 1] */
    int64_t cycle_start; /* from cycle_end on the table repeats [cycle_start, cycle_end); INT64_MAX: it does
                            not */
    int64_t cycle_end;
    double changes_per_s; /* in such a cycle, on average; 0 if there is none */
};

/* Month, week and weekday; or the day of a year, counted with or without 29 February. */
struct tz_rule_day {
    enum { TZ_RULE_JULIAN, TZ_RULE_ZERO_BASED, TZ_RULE_WEEKDAY } kind;
    int day;         /* 1..365, 0..365, or 0 Monday .. 6 Sunday */
    int month, week; /* 1..12; 1..5, where 5 is the last */
    int32_t time_s;  /* on that day's clock, -167 to 167 hours */
};

struct tz_rule {
    int32_t std_offset, dst_offset;
    bool has_dst;
    struct tz_rule_day dst_begin, dst_end;
};

/* text is what stands between the two newlines, len bytes of it. */
bool tz_rule_parse(const char *text, size_t len, struct tz_rule *ret, struct err *err);

/* The local second at which the day's change is due in a year. */
int64_t tz_rule_day_in(const struct tz_rule_day *day, int64_t year);
